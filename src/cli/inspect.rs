//! `smidge inspect`: what a patch is bound to, what it takes, and what its parts weigh.

mod files;
mod json;

use std::{fmt::Write as _, fs::File, io::Read, path::PathBuf};

use clap::Args;

use super::{Failure, Say, apply::limits, hash::kind, input::Patch, size};
use crate::{
    diff::weigh::{self, Costs, Outline, Section},
    hash::Hash,
    patch::VERSION,
    tree::Kind,
};

/// Tells what PATCH is bound to and what applying it takes, and checks that it is whole.
///
/// With --old it also tells the files: what became of each, how it is coded, what it weighs, and of Hermes bytecode what
/// was predicted and what was sent. The list of files itself is coded against OLD, so without OLD nobody can read it.
/// OLD and what the patch makes of it are held in memory.
#[derive(Debug, Args)]
#[command(after_help = WORDS)]
pub(super) struct Arguments {
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
    /// What the patch was made for
    #[arg(long, value_name = "OLD")]
    old: Option<PathBuf>,
    /// List every file, also those that stay as they are; otherwise at most 40 that changed
    #[arg(long, requires = "old")]
    all: bool,
}

const WORDS: &str = "\
What a patch is spent on, with --old:
  header      hashes and sizes of both ends, memory, and a hash of the content
  frames      further hashes, which let a patch be checked while it comes in
  list        what became of each file; paths: names that are new
  hints       what became of the parts of bytecode: strings, functions, ...
  residue     what compressed files hold beside their content
  control     where edits are, of what kind, and how long
  difference  bytes in the place of others
  literal     bytes that have no counterpart in OLD
  renaming    words in the place of other words

How a file is coded:
  text, binary  edits of OLD's bytes
  hermes        edits of bytecode that is predicted from OLD's and the hints
  repacked      edits of what a compressed file is made of

Sizes of parts are exact to a few bytes: decisions take fractions of a bit.";

/// Files that are shown unless all are asked for.
const SHOWN: usize = 40;

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let input = Patch::open(&arguments.patch)?;
    input.require_own()?;
    let Some(old) = &arguments.old else {
        let outline = weigh::outline(&mut input.reader())?;
        return say.result(&json::outline(&outline), &outline_lines(&outline), false);
    };
    let mut patch = Vec::new();
    input
        .reader()
        .read_to_end(&mut patch)
        .map_err(|source| Failure::io("read the patch", &arguments.patch, &source))?;
    // What cannot be opened is said before the patch is looked at.
    File::open(old).map_err(|source| Failure::io("open", old, &source))?;
    let weighed = weigh::weigh(old, &patch, &limits(None))?;
    let mut lines = outline_lines(&weighed.outline);
    lines += &cost_lines(&weighed.costs, weighed.outline.patch_bytes);
    let shown = if arguments.all { None } else { Some(SHOWN) };
    lines += &files::lines(&weighed, shown);
    say.result(&json::weighed(&weighed), &lines, false)
}

fn outline_lines(outline: &Outline) -> String {
    let header = &outline.header;
    let end = |hash: Hash, of: Kind, bytes| format!("{:>8}  {}\n       {hash}", size::show(bytes), kind(of));
    let frames = if outline.frames == 1 { "1 frame".to_owned() } else { format!("{} frames", outline.frames) };
    format!(
        "patch  {:>8}  {} of new, format {VERSION}, {frames}, whole and undamaged\n\
         old    {}\n\
         new    {}\n\
         apply  {:>8}  of memory at most, beside the names of the files\n\
         coded  {}\n",
        size::show(outline.patch_bytes),
        size::percent(outline.patch_bytes, header.new_bytes),
        end(header.old, header.old_kind, header.old_bytes),
        end(header.new, header.new_kind, header.new_bytes),
        size::show(header.apply_memory_bytes),
        coding(outline),
    )
}

/// How edits became bytes, in a few words.
fn coding(outline: &Outline) -> String {
    if outline.header.lanes {
        return "in lanes: control, differences and text, each by zstd".to_owned();
    }
    let sizes = outline.header.sizes;
    let [table, past] = [sizes.table_bits, sizes.ring_bits].map(|bits| size::show(1 << bits));
    format!("by models: a table of {table}, a past of {past}")
}

/// What the patch is spent on, the sorts side by side.
fn cost_lines(costs: &Costs, patch_bytes: u64) -> String {
    let mut lines = "\nspent on\n".to_owned();
    let mut column = 0;
    for section in Section::ALL.into_iter().filter(|&section| costs.bytes(section) > 0) {
        let bytes = costs.bytes(section);
        let part = format!("{} {:>5}", size::show(bytes), size::percent_whole(bytes, patch_bytes));
        let _ = write!(lines, "  {:<10} {part:>15}", section.name());
        column += 1;
        if column % 2 == 0 {
            lines.push('\n');
        } else {
            lines.push_str("     ");
        }
    }
    let end = lines.trim_end().len();
    lines.truncate(end);
    lines.push('\n');
    lines
}
