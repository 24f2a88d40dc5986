//! `smidge inspect`: what a patch is bound to, what it takes, and what its parts weigh.

use std::{fmt::Write, io, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Say, apply::limits, hash::kind, input::Patch, size};
use crate::{
    apply::{self, Part, Summary},
    hash::Hash,
    patch::{
        Frames, Header, VERSION,
        entries::{Content, Method},
    },
    tree::Kind,
};

/// Tells what PATCH is bound to and what applying it takes, and checks that it is whole.
///
/// With --old it also tells the files, where each comes from, and what it weighs. The list of files itself is coded
/// against OLD, so without OLD nobody can read it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
    /// What the patch was made for
    #[arg(long, value_name = "OLD")]
    old: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let input = Patch::open(&arguments.patch)?;
    input.require_own()?;
    let mut input = input.reader();
    if let Some(old) = &arguments.old {
        let options = apply::Options { limits: limits(None), progress: None };
        let summary = apply::verify(old, &mut input, &options)?;
        let mut value = header_value(&summary.header, summary.patch_bytes);
        value["list_bytes"] = json!(summary.list_bytes);
        value["files"] = summary.parts.iter().enumerate().map(|(at, part)| file_value(&summary, at, part)).collect();
        let lines = header_lines(&summary.header, summary.patch_bytes) + &file_lines(&summary);
        return say.result(&value, &lines, false);
    }
    let (header, header_bytes) = Header::read(&mut input)?;
    let mut frames = Frames::new(&mut input, &header_bytes)?;
    io::copy(&mut frames, &mut io::sink()).map_err(|source| Failure::io("read", &arguments.patch, &source))?;
    frames.check()?;
    let patch_bytes = frames.finish()?;
    say.result(&header_value(&header, patch_bytes), &header_lines(&header, patch_bytes), false)
}

fn header_value(header: &Header, patch_bytes: u64) -> Value {
    let end = |hash: Hash, of, bytes: u64| json!({ "hash": hash.to_string(), "kind": kind(of), "bytes": bytes });
    json!({
        "format": VERSION,
        "old": end(header.old, header.old_kind, header.old_bytes),
        "new": end(header.new, header.new_kind, header.new_bytes),
        "apply_memory_bytes": header.apply_memory_bytes,
        "coding": if header.lanes { "lanes" } else { "models" },
        "table_bytes": 1u64 << header.sizes.table_bits,
        "past_bytes": 1u64 << header.sizes.ring_bits,
        "patch_bytes": patch_bytes,
    })
}

fn header_lines(header: &Header, patch_bytes: u64) -> String {
    let end = |hash: Hash, of: Kind, bytes| format!("{:>8}  {}\n       {hash}", size::show(bytes), kind(of));
    format!(
        "patch  {:>8}  {} of new, format {VERSION}, whole and undamaged\n\
         old    {}\n\
         new    {}\n\
         apply  {:>8}  of memory at most, beside the names of the files\n\
         coded  {}\n",
        size::show(patch_bytes),
        size::percent(patch_bytes, header.new_bytes),
        end(header.old, header.old_kind, header.old_bytes),
        end(header.new, header.new_kind, header.new_bytes),
        size::show(header.apply_memory_bytes),
        coding(header),
    )
}

/// How edits became bytes, in a few words.
fn coding(header: &Header) -> String {
    if header.lanes {
        return "in lanes: control, differences and text, each by zstd".to_owned();
    }
    let [table, past] = [header.sizes.table_bits, header.sizes.ring_bits].map(|bits| size::show(1 << bits));
    format!("by models: a table of {table}, a past of {past}")
}

/// How a file came about, in a word.
fn how(content: Content) -> &'static str {
    match content {
        Content::Old(_) => "kept",
        Content::New(_) => "same as another",
        Content::Coded { method: Method::Text, .. } => "text",
        Content::Coded { method: Method::Binary, .. } => "binary",
        Content::Coded { method: Method::Hermes, .. } => "hermes",
        Content::Coded { method: Method::Repacked, .. } => "repacked",
    }
}

/// The path of the other file that the content comes from, if it has another path.
fn source<'a>(summary: &'a Summary, at: usize, part: &Part) -> Option<&'a str> {
    let old = |index: usize| summary.old.entries.get(index).map(|entry| entry.path.as_str());
    let source = match part.content {
        Content::Old(index) => old(index),
        Content::New(index) => summary.new.entries.get(index).map(|entry| entry.path.as_str()),
        Content::Coded { base, .. } => base.and_then(old),
    };
    source.filter(|source| *source != summary.new.entries[at].path)
}

fn file_value(summary: &Summary, at: usize, part: &Part) -> Value {
    let entry = &summary.new.entries[at];
    json!({
        "path": entry.path,
        "bytes": entry.size,
        "executable": entry.executable,
        "hash": entry.hash.to_string(),
        "coding": how(part.content),
        "source": source(summary, at, part),
        "patch_bytes": part.patch_bytes,
    })
}

/// The files, heaviest first; those that cost nothing are only counted.
fn file_lines(summary: &Summary) -> String {
    const SHOWN: usize = 40;
    let coded = |part: &Part| matches!(part.content, Content::Coded { .. });
    let mut heaviest: Vec<(usize, &Part)> = summary.parts.iter().enumerate().filter(|(_, part)| coded(part)).collect();
    heaviest.sort_by_key(|(at, part)| (std::cmp::Reverse(part.patch_bytes), *at));
    let mut lines = format!("list   {:>8}  to name the files\n", size::show(summary.list_bytes));
    let kept = summary.parts.len() - heaviest.len();
    if kept > 0 {
        let _ = writeln!(lines, "kept              {kept} files as they are");
    }
    for (at, part) in heaviest.iter().take(SHOWN) {
        let path = &summary.new.entries[*at].path;
        let path = if path.is_empty() { "the file" } else { path };
        let _ = writeln!(lines, "{:<8} {:>6}  {}", how(part.content), size::show(part.patch_bytes), end_of(path, 62));
        if let Some(source) = source(summary, *at, part) {
            let _ = writeln!(lines, "           from  {}", end_of(source, 62));
        }
    }
    if heaviest.len() > SHOWN {
        let _ = writeln!(lines, "and {} more files; --json tells all", heaviest.len() - SHOWN);
    }
    lines
}

/// The end of `path`, at most `chars` long: the name counts more than the folders.
fn end_of(path: &str, chars: usize) -> String {
    let count = path.chars().count();
    if count <= chars {
        return path.to_owned();
    }
    let end: String = path.chars().skip(count + 1 - chars).collect();
    format!("…{end}")
}
