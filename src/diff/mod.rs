//! Match finding, choosing, encoding: old + new → patch.

pub mod agree;
pub mod anchors;
mod choose;
pub mod costs;
pub mod covers;
pub mod edits;
mod encode;
pub mod index;
mod near;
mod pair;
pub mod path;
pub mod renames;
mod repeats;
mod side;
mod space;
mod ways;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::apply::Progress;
use crate::patch::Header;
use crate::tree::{Tree, TreeError};

/// How much time a diff may take for a smaller patch. Every effort is deterministic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// For pipelines in a hurry.
    Fast,
    /// A good patch at a small multiple of the time that reading takes.
    #[default]
    Default,
    /// The smallest patch.
    Max,
}

/// How to diff.
#[derive(Clone)]
pub struct Options {
    /// How much time to take.
    pub effort: Effort,
    /// Memory that applying the patch may take, in bytes.
    pub apply_memory_bytes: u64,
    /// Whom to tell of progress.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        let apply_memory_bytes = crate::limits::Limits::default().apply_memory_bytes;
        Self { effort: Effort::Default, apply_memory_bytes, progress: None }
    }
}

/// What was diffed.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The header of the patch.
    pub header: Header,
    /// Old.
    pub old: Tree,
    /// New.
    pub new: Tree,
    /// Bytes of the patch.
    pub patch_bytes: u64,
}

/// Why there is no patch.
#[derive(Debug, Error)]
pub enum DiffError {
    /// Old or new is no usable tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file changed while it was read.
    #[error("{path} changed while it was read; diff when the build is complete", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// No patch can be applied in so little memory.
    #[error("no patch can be applied in {limit} bytes of memory; allow more, or release in full")]
    Memory {
        /// The limit.
        limit: u64,
    },
    /// The patch cannot be written.
    #[error("cannot write the patch: {0}")]
    Write(#[source] io::Error),
}

/// Writes the patch that turns the file or folder `old` into `new`.
///
/// The same bytes for the same content and options, whatever the number of threads.
///
/// # Errors
/// [`DiffError`]; what was written to `patch` is then of no use.
pub fn diff(old: &Path, new: &Path, patch: &mut dyn Write, options: &Options) -> Result<Summary, DiffError> {
    let old = side::Side::open(old)?;
    let new = side::Side::open(new)?;
    let entries = pair::entries(&old, &new);
    let job = encode::Job::new(&old, &new, entries, options.effort);
    let (header, bytes) = job.smallest(options.apply_memory_bytes)?;
    patch.write_all(&bytes).and_then(|()| patch.flush()).map_err(DiffError::Write)?;
    if let Some(progress) = &options.progress {
        progress(header.new_bytes, header.new_bytes);
    }
    Ok(Summary { header, old: old.tree, new: new.tree, patch_bytes: bytes.len() as u64 })
}

#[cfg(test)]
mod tests {
    /// Bytes without structure, the same for the same seed.
    pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..len).map(|_| next()).collect()
    }
}
