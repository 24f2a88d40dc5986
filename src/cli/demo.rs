//! `smidge demo`: what an update of a real app weighs.
//!
//! Each step runs as a process of its own, so that the times and the memory shown are what a user would measure.

use std::{
    env, fs, io,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use flate2::{Compression, read::DeflateEncoder};
use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

use super::{Failure, Say, say::show_time, size};
use crate::tree::{self, Tree};

/// Shows what an update weighs on real apps that come with this program. Needs no input and no network.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// What comes with this program; see `corpus/README.md`.
static HERMES_OLD: &[u8] = include_bytes!("../../corpus/hermes-typo/old.zst");
static HERMES_NEW: &[u8] = include_bytes!("../../corpus/hermes-typo/new.zst");
static TREE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/corpus/tree-jupyterlab-cut");

struct Pair {
    name: &'static str,
    title: &'static str,
    /// Puts `old` and `new` into a folder.
    unpack: fn(&Path) -> io::Result<()>,
}

const PAIRS: [Pair; 2] = [
    Pair { name: "hermes-typo", title: "A React Native app's Hermes bytecode, two typos fixed", unpack: unpack_hermes },
    Pair { name: "tree-jupyterlab-cut", title: "Part of JupyterLab's web app, 4.6.5 to 4.6.6", unpack: unpack_tree },
];

/// Bytes that a zip archive spends on each file besides its content and twice its name, and once at its end.
const ZIP_FILE_BYTES: u64 = 30 + 46;
const ZIP_END_BYTES: u64 = 22;

pub(super) fn run(_: &Arguments, say: Say) -> Result<(), Failure> {
    let mut values = Vec::new();
    for pair in PAIRS {
        let (value, lines) = show(&pair)?;
        if !say.json {
            let gap = if values.is_empty() { "" } else { "\n" };
            say.result(&value, &format!("{gap}{lines}"), false)?;
        }
        values.push(value);
    }
    let closing = "\nThe patch is all that a phone loads. `smidge diff OLD NEW -o PATCH` makes one.";
    say.result(&json!({ "pairs": values }), closing, false)
}

fn show(pair: &Pair) -> Result<(Value, String), Failure> {
    let folder = tempfile::tempdir().map_err(|source| Failure::io("create a folder in", &env::temp_dir(), &source))?;
    let [old, new, patch, applied] = ["old", "new", "patch", "applied"].map(|name| folder.path().join(name));
    (pair.unpack)(folder.path()).map_err(|source| Failure::io("unpack the demo into", folder.path(), &source))?;
    let tree = tree::scan(&new)?;
    let zip_bytes = zip_bytes(&new, &tree).map_err(|source| Failure::io("read", &new, &source))?;

    let diff = smidge(&["diff".into(), old.clone(), new, "-o".into(), patch.clone()])?;
    let apply = smidge(&["apply".into(), old, patch, "-o".into(), applied.clone()])?;
    let (expected, found) = (tree.hash(), tree::scan(&applied)?.hash());
    if expected != found {
        return Err(Failure::verification(format_args!("the applied patch gave {found} instead of {expected}")));
    }

    let patch_bytes = diff["patch_bytes"].as_u64().unwrap_or_default();
    let value = json!({
        "pair": pair.name,
        "full_bytes": tree.total_bytes(),
        "zip_bytes": zip_bytes,
        "patch_bytes": patch_bytes,
        "diff": { "secs": diff["secs"], "peak_memory_bytes": diff["peak_memory_bytes"] },
        "apply": { "secs": apply["secs"], "peak_memory_bytes": apply["peak_memory_bytes"] },
        "verified": true,
    });
    let files = if tree.entries.len() == 1 { "1 file".to_owned() } else { format!("{} files", tree.entries.len()) };
    let times = zip_bytes as f64 / patch_bytes.max(1) as f64;
    let times = if times < 10.0 { format!("{times:.1}") } else { group(times.round() as u64) };
    let lines = format!(
        "{}\n\
         \x20 full release  {:>8}   {files}\n\
         \x20 as a zip      {:>8}   {} of it\n\
         \x20 as a patch    {:>8}   {} of it, {times} times smaller than the zip\n\
         \x20 to diff       {}\n\
         \x20 to apply      {}, verified",
        pair.title,
        size::show(tree.total_bytes()),
        size::show(zip_bytes),
        size::percent(zip_bytes, tree.total_bytes()),
        size::show(patch_bytes),
        size::percent(patch_bytes, tree.total_bytes()),
        taken(&diff),
        taken(&apply),
    );
    Ok((value, lines))
}

/// Runs this program with `arguments` and returns what it tells.
fn smidge(arguments: &[PathBuf]) -> Result<Value, Failure> {
    let program = env::current_exe().map_err(|error| Failure::unusable(format_args!("cannot find myself: {error}")))?;
    let output = Command::new(&program)
        .args(arguments)
        .arg("--json")
        .output()
        .map_err(|source| Failure::io("run", &program, &source))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::unusable(format_args!("a step of the demo failed: {}", message.trim())));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::unusable(format_args!("a step of the demo told nonsense: {error}")))
}

fn taken(step: &Value) -> String {
    let time = show_time(std::time::Duration::from_secs_f64(step["secs"].as_f64().unwrap_or_default().max(0.0)));
    match step["peak_memory_bytes"].as_u64() {
        Some(bytes) => format!("{time:>8}   {} of memory", size::show(bytes)),
        None => format!("{time:>8}"),
    }
}

/// `1234567` as `1,234,567`.
fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What `tree` at `root` weighs as a zip archive made with the best compression.
fn zip_bytes(root: &Path, tree: &Tree) -> io::Result<u64> {
    let mut total = ZIP_END_BYTES;
    for entry in &tree.entries {
        let place = if entry.path.is_empty() { root.to_owned() } else { root.join(&entry.path) };
        let mut deflated = DeflateEncoder::new(fs::File::open(place)?, Compression::best());
        total += io::copy(&mut deflated, &mut io::sink())? + ZIP_FILE_BYTES + 2 * entry.path.len() as u64;
    }
    Ok(total)
}

fn unpack_hermes(folder: &Path) -> io::Result<()> {
    let old = zstd::decode_all(HERMES_OLD)?;
    let mut new = Vec::new();
    zstd::Decoder::with_ref_prefix(HERMES_NEW, &old)?.read_to_end(&mut new)?;
    fs::write(folder.join("old"), &old)?;
    fs::write(folder.join("new"), &new)
}

fn unpack_tree(folder: &Path) -> io::Result<()> {
    TREE.extract(folder)
}

#[cfg(test)]
mod tests {
    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::group(number), text);
        }
    }
}
