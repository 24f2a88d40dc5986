//! `smidge store`: look after the objects.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;

use super::{
    Failure, Say,
    say::{Taken, peak_memory_bytes, show_time},
    size,
};
use crate::{
    files::Staged,
    hash::Hash,
    store::{self, Address, CollectOptions, Collected, Keep, Lease, Roots, ScrubOptions, Scrubbed, Stats},
};

const ADDRESSES: &str = "\
STORE is a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or
az://CONTAINER/PREFIX with the credentials of the environment, such as
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT.";

/// Looks after a store: what it holds, whether it is whole, what nobody needs.
#[derive(Debug, Args)]
#[command(after_help = ADDRESSES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Store files, each as an object named by its hash
    ///
    /// Makes the store where there is none. What nothing needs goes with the next but one `collect`.
    Put(Put),
    /// Write the content of an object to a file, verified
    Get(Get),
    /// Count what is there, by names only
    Stats(Place),
    /// Read and verify every object; mend what is damaged from another copy
    ///
    /// Exits with 3 where something is damaged or missing and was not mended.
    Scrub(Scrub),
    /// Remove what nobody needs, in two runs at least a grace apart
    ///
    /// The first run condemns what is not needed and older than the grace; a later run, the grace over and all uploads
    /// ended that ran at the time, deletes what is still condemned. Content that is put in between is spared. Exits with
    /// 3 where something that is needed is missing.
    Collect(Collect),
}

#[derive(Debug, Args)]
#[command(after_help = ADDRESSES)]
struct Place {
    /// Where the store is
    #[arg(value_name = "STORE", value_parser = address)]
    store: Address,
}

#[derive(Debug, Args)]
struct Put {
    #[command(flatten)]
    place: Place,
    /// What to store
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Get {
    #[command(flatten)]
    place: Place,
    /// The object's hash, as `smidge hash` and `b3sum` print it
    #[arg(value_name = "HASH", value_parser = hash)]
    hash: Hash,
    /// Where to write it; what is there is replaced when all of it was verified
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct Scrub {
    #[command(flatten)]
    place: Place,
    /// Another copy of the store, to mend from
    #[arg(long, value_name = "STORE", value_parser = address)]
    from: Option<Address>,
    /// A list of needed objects, as for `collect`: finds what is missing, too
    #[arg(long, value_name = "LIST")]
    keep: Vec<PathBuf>,
    /// Remove damaged objects that cannot be mended, so that the next upload of the same content stores it anew
    #[arg(long)]
    remove: bool,
    /// Objects that are read at once; as many as there are processors by default
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
}

#[derive(Debug, Args)]
struct Collect {
    #[command(flatten)]
    place: Place,
    /// A list of needed objects: one hash a line, what follows it is ignored; `-` for standard input
    #[arg(long, value_name = "LIST", required = true)]
    keep: Vec<PathBuf>,
    /// How old an object must be, and how long it stays condemned, such as 30m, 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h")]
    grace: Duration,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}

fn hash(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).ok_or_else(|| "a hash has 64 hexadecimal digits".to_owned())
}

/// Reads `90s`, `30m`, `12h` or `7d`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time; write for example 30m, 12h or 7d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unusable(format_args!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Put(arguments) => put(arguments, say).await,
            Command::Get(arguments) => get(arguments, say).await,
            Command::Stats(place) => stats(place, say).await,
            Command::Scrub(arguments) => scrub(arguments, say).await,
            Command::Collect(arguments) => collect(arguments, say).await,
        }
    })
}

async fn put(arguments: &Put, say: Say) -> Result<(), Failure> {
    /// Puts under way at once: what they force to disk, the disk takes together.
    const PUTS: usize = 16;
    let store = arguments.place.store.create().await?;
    let lease = Lease::take(&store).await?;
    let puts = futures_util::stream::iter(&arguments.files).map(|path| {
        let store = &store;
        async move { Ok::<_, Failure>((path, store.put_file(path).await?)) }
    });
    let puts: Vec<_> = puts.buffered(PUTS).try_collect().await?;
    lease.check()?;
    lease.release().await?;
    let mut lines = String::new();
    let objects: Vec<_> = puts
        .iter()
        .map(|(path, put)| {
            lines += &format!("{}  {}\n", put.hash, path.display());
            json!({
                "file": path.display().to_string(),
                "hash": put.hash.to_string(),
                "existed": put.existed,
                "written_bytes": put.written_bytes,
            })
        })
        .collect();
    // The hashes are the result itself, so that `--quiet` leaves them.
    let say = Say { quiet: false, ..say };
    say.result(&json!({ "objects": objects }), &lines, false)
}

async fn get(arguments: &Get, say: Say) -> Result<(), Failure> {
    let store = arguments.place.store.open().await?;
    let mut content = store.get(&arguments.hash).await?;
    let mut staged = Staged::create_beside(&arguments.output)?;
    let mut bytes = 0;
    while let Some(piece) = content.next_piece().await? {
        bytes += piece.len() as u64;
        staged.write_all(&piece).map_err(|error| Failure::io("write", &arguments.output, &error))?;
    }
    staged.commit()?;
    let value = json!({ "hash": arguments.hash.to_string(), "bytes": bytes });
    say.result(&value, &format!("{}, verified", size::show(bytes)), false)
}

async fn stats(place: &Place, say: Say) -> Result<(), Failure> {
    let store = place.store.open().await?;
    let found = store::stats(&store).await?;
    let Stats { plain, plain_bytes, compressed, compressed_bytes, largest_bytes, strangers, leases, condemned } = found;
    let value = json!({
        "objects": found.objects(),
        "stored_bytes": found.stored_bytes(),
        "plain": plain,
        "plain_bytes": plain_bytes,
        "compressed": compressed,
        "compressed_bytes": compressed_bytes,
        "largest_bytes": largest_bytes,
        "strangers": strangers,
        "leases": leases,
        "condemned": condemned,
    });
    let mut lines = format!(
        "objects     {:>9}  {}\n  plain     {plain:>9}  {}\n  zstd      {compressed:>9}  {}\nlargest                {}\n",
        found.objects(),
        size::show(found.stored_bytes()),
        size::show(plain_bytes),
        size::show(compressed_bytes),
        size::show(largest_bytes),
    );
    lines += &format!("condemned   {condemned:>9}\nuploads     {leases:>9}\n");
    if strangers > 0 {
        lines += &format!("strangers   {strangers:>9}  names that are no object's: see scrub\n");
    }
    say.result(&value, &lines, false)
}

async fn scrub(arguments: &Scrub, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let store = arguments.place.store.open().await?;
    let from = match &arguments.from {
        Some(address) => Some(address.open().await?),
        None => None,
    };
    let lists = Lists(&arguments.keep);
    let bar = say.bar("scrub");
    let progress = bar.progress();
    // Counted before only where somebody looks.
    let total = if progress.is_some() { store::stats(&store).await?.stored_bytes() } else { 0 };
    let progress = progress.as_deref().map(|report| move |_, bytes| report(bytes, total));
    let options = ScrubOptions {
        from: from.as_ref(),
        needed: (!arguments.keep.is_empty()).then_some(&lists as &dyn Roots),
        remove: arguments.remove,
        jobs: arguments.jobs,
        progress: progress.as_ref().map(|report| report as &(dyn Fn(u64, u64) + Send + Sync)),
    };
    let found = store::scrub(&store, &options).await?;
    drop(bar);
    let damages: Vec<_> = found
        .damages
        .iter()
        .map(|damage| {
            json!({
                "hash": damage.hash.to_string(),
                "what": damage.what,
                "mended": damage.mended,
                "why_not": damage.why_not,
            })
        })
        .collect();
    let value = json!({
        "objects": found.objects,
        "stored_bytes": found.stored_bytes,
        "content_bytes": found.content_bytes,
        "damaged": found.damaged,
        "missing": found.missing,
        "mended": found.mended,
        "removed": found.removed,
        "damages": damages,
        "strangers": found.strangers,
        "stranger_names": found.stranger_names,
        "temporaries": found.temporaries,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    say.result(&value, &scrub_lines(&found, &taken), false)?;
    if found.is_whole() {
        return Ok(());
    }
    let open = found.damaged + found.missing - found.mended;
    Err(Failure::verification(match (&arguments.from, found.removed == open) {
        (_, true) => format!("{open} damaged objects were removed; upload their content again"),
        (None, _) => format!("{open} objects are damaged or missing; mend them from a copy with --from"),
        (Some(_), _) => format!("{open} objects are damaged or missing, and not whole in the copy either"),
    }))
}

fn scrub_lines(found: &Scrubbed, taken: &Taken) -> String {
    let Scrubbed { objects, stored_bytes, damaged, missing, mended, removed, strangers, temporaries, .. } = found;
    let mut lines = format!("{objects} objects, {}, read in {}\n", size::show(*stored_bytes), show_time(taken.time()));
    for damage in &found.damages {
        let end = if damage.mended { "; mended" } else { "" };
        lines += &format!("{}\n  {}{end}\n", damage.hash, damage.what);
        if let Some(why) = &damage.why_not {
            lines += &format!("  not mended: {why}\n");
        }
    }
    if damaged + missing > 0 {
        lines += &format!("{damaged} damaged, {missing} missing, {mended} mended, {removed} removed\n");
    } else {
        lines += "all of them are whole\n";
    }
    for name in &found.stranger_names {
        lines += &format!("stranger: {name}\n");
    }
    if *strangers > 0 {
        lines += &format!("{strangers} names are no object's; nothing reads them, remove them\n");
    }
    if *temporaries > 0 {
        lines += &format!("{temporaries} files of killed writers removed\n");
    }
    lines
}

async fn collect(arguments: &Collect, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let store = arguments.place.store.open().await?;
    let options = CollectOptions { grace: arguments.grace, dry_run: arguments.dry_run };
    let found = store::collect(&store, &Lists(&arguments.keep), &options).await?;
    let value = json!({
        "dry_run": arguments.dry_run,
        "objects": found.objects,
        "stored_bytes": found.stored_bytes,
        "needed": found.needed,
        "young": found.young,
        "condemned": found.condemned,
        "waiting": found.waiting,
        "deleted": found.deleted,
        "deleted_bytes": found.deleted_bytes,
        "leases": found.leases,
        "temporaries": found.temporaries,
        "strangers": found.strangers,
        "missing": found.missing,
        "missing_hashes": found.missing_hashes.iter().map(Hash::to_string).collect::<Vec<_>>(),
        "lists_reset": found.lists_reset,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    say.result(&value, &collect_lines(&found, arguments.dry_run, &taken), false)?;
    if found.missing == 0 {
        return Ok(());
    }
    Err(Failure::verification(format_args!(
        "{} needed objects are missing; mend the store with smidge store scrub --from --keep",
        found.missing
    )))
}

fn collect_lines(found: &Collected, dry_run: bool, taken: &Taken) -> String {
    let mut lines = format!(
        "{} objects, {}, looked at in {}\n",
        found.objects,
        size::show(found.stored_bytes),
        show_time(taken.time())
    );
    let mut line = |count: u64, what: &str| {
        if count > 0 {
            lines += &format!("{count:>9}  {what}\n");
        }
    };
    line(found.needed, "needed");
    line(found.young, "not needed, but younger than the grace, or next to wait");
    line(found.condemned, if dry_run { "would be condemned" } else { "condemned now" });
    line(found.waiting, "condemned before, waiting for the grace or an upload");
    let freed = size::show(found.deleted_bytes);
    let deleted = if dry_run { format!("would be deleted, {freed}") } else { format!("deleted, {freed}") };
    line(found.deleted, &deleted);
    line(found.leases, "uploads run");
    line(found.temporaries, "files of killed writers removed");
    line(found.strangers, "names that are no object's: see scrub");
    line(found.lists_reset, "damaged lists of condemned objects begun anew");
    line(found.missing, "needed, but missing:");
    for hash in &found.missing_hashes {
        lines += &format!("  {hash}\n");
    }
    lines
}

/// Lists of hashes, as files.
struct Lists<'a>(&'a [PathBuf]);

#[async_trait::async_trait]
impl Roots for Lists<'_> {
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for path in self.0 {
            let wrong = |error: io::Error| format!("cannot read {}: {error}", path.display());
            if path == Path::new("-") {
                read_list(&mut io::stdin().lock(), keep).map_err(wrong)?;
            } else {
                read_list(&mut BufReader::new(File::open(path).map_err(wrong)?), keep).map_err(wrong)?;
            }
        }
        Ok(())
    }
}

/// Every line of `list` begins with a hash, as `b3sum` prints them; empty lines are passed over.
fn read_list(list: &mut dyn BufRead, keep: &mut Keep) -> io::Result<()> {
    /// A hash and a path.
    const LINE_BYTES: u64 = 8192;
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        io::Read::take(&mut *list, LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let Some(word) = text.split_whitespace().next() else { continue };
        let Some(hash) = Hash::from_hex(word) else {
            let shown: String = word.chars().take(70).collect();
            let message = format!("line {number} begins with {shown:?}, a hash has 64 hexadecimal digits");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        };
        keep.add(hash)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(time("0s"), Ok(Duration::ZERO));
        assert_eq!(time("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(time("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "m", "7", "-1h", "1.5h", "7w", "99999999999999999999d", "999999999999999999d", "7é"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
