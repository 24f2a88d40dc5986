//! Smidge against every peer found on this machine: patch size, time and memory of diff and apply, on real pairs.
//!
//!     cargo bench --bench peers -- [OPTIONS] [PAIR...]
//!
//! Every diff and every apply is a process of its own, measured by wait4, and what it yields is compared with new by
//! content. docs/benchmarks.md says what is measured and how; `--help` lists the options.

#[cfg(unix)]
mod args;
#[cfg(unix)]
mod chart;
#[cfg(unix)]
mod coders;
#[cfg(unix)]
mod crates;
#[cfg(unix)]
mod measure;
#[cfg(unix)]
mod pairs;
#[cfg(unix)]
mod report;
#[cfg(unix)]
mod results;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod targets;

#[cfg(not(unix))]
fn main() {
    eprintln!("peers: processes are measured by wait4, which this system does not have");
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.first().map(String::as_str) {
        Some("helper") => crates::helper(&args[1..]),
        _ => match args::parse(&args) {
            Ok(Some(options)) => compare(&options),
            Ok(None) => Ok(()),
            Err(message) => Err(std::io::Error::other(message)),
        },
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn compare(options: &args::Options) -> std::io::Result<()> {
    let best = table::recorded_best()?;
    let order: Vec<String> = best.iter().map(|(pair, _)| pair.clone()).collect();
    let prepared = options.target.join("work");
    let pairs = pairs::find(&options.data, &options.pairs, &order, &prepared)?;
    if pairs.is_empty() {
        return Err(std::io::Error::other(format!(
            "no pair in {}; `corpus/fetch.py` fetches them, `--small` takes those in git",
            options.data.display()
        )));
    }
    // A folder for each run: two at once do not touch each other's patches.
    let work = prepared.join(format!("run-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let tools = coders::Tools {
        folder: options.tools.clone(),
        helper: std::env::current_exe()?,
        smidge: options.smidge.clone(),
    };
    let store = results::Store { folder: options.target.join("results") };
    let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let floor = measure::floor(&work.join("stderr"));
    println!("A process that does nothing: {:.1} MiB, {:.4} s", floor.peak_bytes as f64 / 1048576.0, floor.wall_secs);

    let mut outcomes = Vec::new();
    for pair in &pairs {
        println!("\n{} ({} → {} bytes)", pair.name, pair.old_bytes, pair.new_bytes);
        let mut is_warm = false;
        for coder in coders::CODERS.iter().filter(|coder| options.takes(coder) && coder.applies_to(pair)) {
            if options.report_only {
                outcomes.extend(store.load(&pair.name, coder.name));
                continue;
            }
            let Some(version) = coder.version(&tools) else { continue };
            let kept = match coder.is_smidge() || options.is_fresh(coder) {
                true => None,
                false => store.load_same(pair, coder, &version),
            };
            let is_kept = kept.is_some();
            if !is_kept && !std::mem::replace(&mut is_warm, true) {
                pairs::warm(pair)?;
            }
            let outcome =
                kept.unwrap_or_else(|| results::measure(pair, coder, &version, &tools, &work, options.repeat, run));
            if !is_kept {
                store.save(&outcome)?;
            }
            println!("{}", report::line(&outcome, is_kept));
            outcomes.push(outcome);
        }
    }
    pairs::remove(&work);
    report::write(&table::Table { outcomes, best }, &tools, options)
}
