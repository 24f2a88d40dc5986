//! `smidge apply`: old and patch in, new out.

use std::{
    fs::{self, File},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;

use super::{
    Failure, Format, Say,
    diff::{end, end_line},
    input::{Patch, is_dash},
    say::{Taken, peak_memory_bytes},
    size,
};
use crate::{
    apply, exchange,
    files::Staged,
    hash::{Hash, Hasher},
    limits::Limits,
};

/// Turns OLD into NEW with PATCH. OLD is verified before anything is written, and NEW appears complete and verified, or
/// not at all.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the patch was made for; it may be the same as NEW
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
    /// Where to put the result; `-` for standard output, if it is a file
    #[arg(long, short, value_name = "NEW")]
    output: PathBuf,
    /// Replace NEW also if it is a folder with other content than OLD
    #[arg(long)]
    force: bool,
    /// Memory that applying may take, such as 8MB; a patch that needs more is refused
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_memory: Option<u64>,
    /// How the patch is written down
    #[arg(long, value_enum, default_value_t = Format::Smidge)]
    format: Format,
    /// The BLAKE3 hash that NEW must have; for formats that hold none
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    expect: Option<Hash>,
}

fn parse_hash(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).ok_or_else(|| "a hash has 64 hexadecimal digits, as `smidge hash` prints them".to_owned())
}

/// The caps on what a patch may ask for.
pub(super) fn limits(max_memory: Option<u64>) -> Limits {
    let default = Limits::default();
    Limits { apply_memory_bytes: max_memory.unwrap_or(default.apply_memory_bytes), ..default }
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    if is_dash(&arguments.output) && io::stdout().is_terminal() {
        return Err(Failure::usage("the result may be no text for a terminal; send it to a file or a pipe"));
    }
    require_free(arguments)?;
    match arguments.format {
        Format::Smidge => run_own(arguments, say),
        Format::Bsdiff | Format::Bidiff => run_foreign(arguments, say),
    }
}

fn run_own(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    if arguments.expect.is_some() {
        return Err(Failure::usage("a smidge patch holds the hash of NEW; --expect is for formats that hold none"));
    }
    let taken = Taken::start();
    let patch = Patch::open(&arguments.patch)?;
    patch.require_own()?;
    let bar = say.bar("apply");
    let options = apply::Options { limits: limits(arguments.max_memory), progress: bar.progress() };
    // What goes to standard output is verified in a temporary first.
    let spool = if is_dash(&arguments.output) { Some(temporary()?) } else { None };
    let new = spool.as_ref().map_or_else(|| arguments.output.clone(), |folder| folder.path().join("new"));
    let summary = apply::apply(&arguments.old, &mut patch.reader(), &new, &options)?;
    drop(bar);
    if spool.is_some() {
        copy_to_stdout(&new)?;
    }
    let value = json!({
        "old": end(&summary.old),
        "new": end(&summary.new),
        "patch_bytes": summary.patch_bytes,
        "verified": true,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let lines = format!("new    {}, verified\ntook   {}\n", end_line(&summary.new), taken.columns());
    say.result(&value, &lines, spool.is_some())
}

/// Applies another program's patch, which names neither of its ends.
fn run_foreign(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let limits = limits(arguments.max_memory);
    let old = File::open(&arguments.old).map_err(|source| Failure::io("open", &arguments.old, &source))?;
    let patch = Patch::open(&arguments.patch)?;
    let spool = if is_dash(&arguments.output) { Some(temporary()?) } else { None };
    let new = spool.as_ref().map_or_else(|| arguments.output.clone(), |folder| folder.path().join("new"));
    let mut staged = Hashed { staged: Staged::create_beside(&new)?, hasher: Hasher::new(), bytes: 0 };
    match arguments.format {
        Format::Bsdiff => exchange::bsdiff::apply(&old, &patch.spool()?, &mut staged, &limits)?,
        Format::Bidiff | Format::Smidge => exchange::bidiff::apply(&old, &mut patch.reader(), &mut staged, &limits)?,
    }
    let (found, bytes) = (staged.hasher.finish(), staged.bytes);
    match arguments.expect {
        Some(expected) if expected != found => return Err(unexpected(expected, found)),
        _ => staged.staged.commit()?,
    }
    if spool.is_some() {
        copy_to_stdout(&new)?;
    }
    let verified = arguments.expect.is_some();
    let value = json!({
        "new": { "hash": found.to_string(), "kind": "file", "files": 1, "bytes": bytes },
        "verified": verified,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let note = if verified { "verified" } else { "not verified: the format holds no hash, see --expect" };
    let lines = format!("new    {:>8}  {note}\n       {found}\ntook   {}\n", size::show(bytes), taken.columns());
    say.result(&value, &lines, spool.is_some())
}

/// A whole folder goes away when it is replaced, so it must be the old one, or empty, or the caller must insist.
fn require_free(arguments: &Arguments) -> Result<(), Failure> {
    let (old, new) = (&arguments.old, &arguments.output);
    if arguments.force || is_dash(new) || !new.is_dir() {
        return Ok(());
    }
    let same = matches!((fs::canonicalize(old), fs::canonicalize(new)), (Ok(old), Ok(new)) if old == new);
    let empty = fs::read_dir(new).is_ok_and(|mut items| items.next().is_none());
    if same || empty {
        return Ok(());
    }
    Err(Failure::unusable(format_args!(
        "{} is a folder with content that would be lost; choose another target, or add --force to replace it",
        new.display()
    )))
}

fn unexpected(expected: Hash, found: Hash) -> Failure {
    Failure::verification(format_args!(
        "the result is not the expected one: expected {expected}, found {found}; check that OLD and PATCH belong together"
    ))
}

fn temporary() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|source| Failure::io("create a folder in", &std::env::temp_dir(), &source))
}

fn copy_to_stdout(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::usage("the result is a folder, which cannot go to standard output; name one with -o"));
    }
    let copy = || -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        io::copy(&mut File::open(path)?, &mut stdout)?;
        stdout.flush()
    };
    copy().map_err(|source| Failure::io("write to", Path::new("standard output"), &source))
}

/// Hashes what goes into a staged file.
struct Hashed {
    staged: Staged,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.staged.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}
