//! `smidge inspect`: what a patch is bound to, what it takes, and what its parts weigh.

use std::{io, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::{Failure, Say, hash::kind, input::Patch, size};
use crate::{
    patch::{FRAME_BYTES, Frames, Header, VERSION},
    tree::Kind,
};

/// Tells what PATCH is bound to and what applying it takes, and checks that it is whole.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let input = Patch::open(&arguments.patch)?;
    input.require_own()?;
    let mut input = input.reader();
    let (header, header_bytes) = Header::read(&mut input)?;
    let mut frames = Frames::new(&mut input, &header_bytes)?;
    let body_bytes = io::copy(&mut frames, &mut io::sink())
        .map_err(|source| Failure::io("read the patch", &arguments.patch, &source))?;
    frames.check()?;
    let patch_bytes = frames.finish()?;
    let coding = if header.lanes { "streams" } else { "models" };
    let end = |hash: &crate::hash::Hash, of: Kind, bytes: u64| json!({ "hash": hash.to_string(), "kind": kind(of), "bytes": bytes });
    let value = json!({
        "format": VERSION,
        "old": end(&header.old, header.old_kind, header.old_bytes),
        "new": end(&header.new, header.new_kind, header.new_bytes),
        "apply_memory_bytes": header.apply_memory_bytes,
        "coding": coding,
        "patch_bytes": patch_bytes,
        "header_bytes": header_bytes.len(),
        "body_bytes": body_bytes,
    });
    let line = |of: Kind, bytes: u64| format!("{:>8}  {}", size::show(bytes), kind(of));
    let lines = format!(
        "patch  {:>8}  {} of new, format {VERSION}, whole and undamaged\n\
         old    {}\n       {}\n\
         new    {}\n       {}\n\
         apply  {:>8}  of memory, beside the names of the files\n\
         parts  {:>8}  header\n\
         \x20      {:>8}  content, coded by {coding}, in {}\n\
         \x20      {:>8}  hashes of the parts\n",
        size::show(patch_bytes),
        size::percent(patch_bytes, header.new_bytes),
        line(header.old_kind, header.old_bytes),
        header.old,
        line(header.new_kind, header.new_bytes),
        header.new,
        size::show(header.apply_memory_bytes),
        size::show(header_bytes.len() as u64),
        size::show(body_bytes),
        match body_bytes.div_ceil(FRAME_BYTES as u64) {
            0 | 1 => "1 frame".to_owned(),
            frames => format!("{frames} frames"),
        },
        size::show(patch_bytes.saturating_sub(header_bytes.len() as u64 + body_bytes)),
    );
    say.result(&value, &lines, false)
}
