//! What a run says: a line for each measurement, tables in Markdown, everything in JSON.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use crate::args::Options;
use crate::chart;
use crate::coders::{CODERS, Tools};
use crate::results::Outcome;
use crate::table::{Table, cost_text, size_ratio};
use crate::targets::{Target, targets};

/// Between these two lines of docs/benchmarks.md stands what a run wrote.
const BEGIN: &str = "<!-- written by `cargo bench --bench peers`: begin -->";
const END: &str = "<!-- written by `cargo bench --bench peers`: end -->";

/// Those whose times say no more than a neighbour's.
const SIZE_ONLY: [&str; 3] = ["hdiffz m1 lzma2", "aehobak zstd", "whole, zstd 19"];

pub fn line(outcome: &Outcome, is_kept: bool) -> String {
    let kept = if is_kept { "  (kept)" } else { "" };
    match &outcome.failure {
        Some(failure) => format!("  {:<16} FAILED {failure}{kept}", outcome.coder),
        None => format!(
            "  {:<16} {:>9}  diff {:>20}  apply {:>20}{kept}",
            outcome.coder,
            outcome.patch_bytes,
            cost_text(&outcome.diff),
            cost_text(&outcome.apply)
        ),
    }
}

pub fn write(table: &Table, tools: &Tools, options: &Options) -> io::Result<()> {
    let targets = targets(table);
    let markdown = markdown(table, &targets, tools, options);
    println!("\n{markdown}");
    let failed: Vec<String> = table.outcomes.iter().filter(|o| !o.is_ok()).map(|o| line(o, false)).collect();
    if !failed.is_empty() {
        println!("Failed:\n{}", failed.join("\n"));
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = if options.write_docs { root.join("docs") } else { options.target.clone() };
    let page = folder.join("benchmarks.md");
    let text = match fs::read_to_string(&page) {
        Ok(text) if options.write_docs => between(&text, &markdown).unwrap_or(markdown),
        _ => markdown,
    };
    fs::write(&page, text)?;
    fs::write(folder.join("benchmarks.svg"), chart::svg(table))?;
    let results = json!({
        "command": options.command,
        "machine": machine(),
        "outcomes": table.outcomes,
        "recorded_best": table.best.iter().map(|(pair, bytes)| json!({"pair": pair, "bytes": bytes})).collect::<Vec<_>>(),
        "targets": targets.iter().map(|t| json!({
            "measure": t.measure, "got": t.got, "reach": t.reach, "beyond": t.beyond, "verdict": t.verdict(), "note": t.note,
        })).collect::<Vec<_>>(),
    });
    fs::write(folder.join("benchmarks.json"), serde_json::to_vec_pretty(&results)?)?;
    println!("Written: {}", folder.join("benchmarks.{md,json,svg}").display());
    Ok(())
}

/// `page` with what stands between the two marks replaced, if it has them.
fn between(page: &str, markdown: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{markdown}\n{END}{after}"))
}

fn markdown(table: &Table, targets: &[Target], tools: &Tools, options: &Options) -> String {
    let mut text = String::new();
    let mut put = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    put(format!("Machine: {}. Command: `{}`.", machine(), options.command));
    put(format!("Versions: {}.\n", versions(table, tools)));

    let coders = table.coders();
    put("### Patch bytes\n".into());
    put("Bold: the smallest of the row. The last two columns are Smidge's smallest over the best peer.\n".into());
    let head = format!("| pair | old + new | {} | best peer recorded | / recorded | / any |", coders.join(" | "));
    put(head.clone());
    put(rule(&head));
    for pair in table.pairs() {
        put(size_row(table, pair, &coders));
    }
    for (title, which) in [("Diff: seconds (processor seconds) / peak MiB", true), ("Apply: likewise", false)] {
        put(format!("\n### {title}\n"));
        let shown: Vec<_> = coders.iter().copied().filter(|coder| !SIZE_ONLY.contains(coder)).collect();
        let head = format!("| pair | {} |", shown.join(" | "));
        put(head.clone());
        put(rule(&head));
        for pair in table.pairs() {
            let cells = shown.iter().map(|coder| match table.get(pair, coder) {
                Some(outcome) => cost_text(if which { &outcome.diff } else { &outcome.apply }),
                None => String::new(),
            });
            put(format!("| {pair} | {} |", cells.collect::<Vec<_>>().join(" | ")));
        }
    }
    if !targets.is_empty() {
        put("\n### Aims\n".into());
        put("| measure | reach | beyond | got | verdict | of |".into());
        put("|---|---|---|---|---|---|".into());
        for target in targets {
            let beyond = target.beyond.map(figure).unwrap_or_default();
            let (reach, got, verdict) = (figure(target.reach), figure(target.got), target.verdict());
            put(format!("| {} | {reach} | {beyond} | {got} | {verdict} | {} |", target.measure, target.note));
        }
    }
    text
}

fn size_row(table: &Table, pair: &str, coders: &[&'static str]) -> String {
    let sizes: Vec<Option<u64>> = coders.iter().map(|coder| table.bytes(pair, coder)).collect();
    let least = sizes.iter().flatten().min().copied();
    let cells = sizes.iter().map(|size| match size {
        Some(size) if Some(*size) == least => format!("**{size}**"),
        Some(size) => size.to_string(),
        None => String::new(),
    });
    let of_smidge = |coder: &&str| coder.starts_with("smidge");
    let ours = coders.iter().filter(|c| of_smidge(c)).filter_map(|coder| table.bytes(pair, coder)).min();
    let over = |theirs: Option<u64>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => format!("{:.2}", size_ratio(ours, theirs)),
        _ => String::new(),
    };
    let recorded = table.recorded(pair);
    let total = table.outcomes.iter().find(|o| o.pair == pair).map_or(0, |o| o.old_bytes + o.new_bytes);
    format!(
        "| {pair} | {total} | {} | {} | {} | {} |",
        cells.collect::<Vec<_>>().join(" | "),
        recorded.map(|bytes| bytes.to_string()).unwrap_or_default(),
        over(recorded),
        over(table.best(pair))
    )
}

fn rule(head: &str) -> String {
    "|---".repeat(head.matches('|').count() - 1) + "|"
}

fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn versions(table: &Table, tools: &Tools) -> String {
    let present = table.coders();
    let mut said: Vec<String> = Vec::new();
    for coder in CODERS.iter().filter(|coder| present.contains(&coder.name)) {
        let name = coder.name.split([' ', ',']).next().unwrap_or(coder.name);
        if let (Some(version), false) = (coder.version(tools), said.iter().any(|entry| entry.starts_with(name))) {
            said.push(if version.starts_with(name) { version } else { format!("{name} {version}") });
        }
    }
    said.join(", ")
}

/// What kind of machine this is: processor, cores, system.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    format!("{}, {cores} cores, {}", model.unwrap_or(std::env::consts::ARCH), std::env::consts::OS)
}
