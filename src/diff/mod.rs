//! Match finding, choosing, encoding: old + new → patch.

pub mod agree;
pub mod anchors;
mod budget;
mod choose;
pub mod costs;
pub mod covers;
pub mod edits;
mod encode;
pub mod index;
mod near;
mod pair;
pub mod path;
mod proof;
pub mod renames;
mod repeats;
mod side;
mod space;
mod ways;
pub mod weigh;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::apply::{ApplyError, Progress};
use crate::patch::Header;
use crate::tree::{Tree, TreeError};

/// How much time a diff may take for a smaller patch. Every effort is deterministic, unless there is a budget.
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
    /// Whether the patch is applied before it is handed out: true unless said otherwise.
    pub check: bool,
    /// Time after which the smallest patch so far is taken, counted from the start; none: all that the effort asks for
    /// is tried. With a budget the patch depends on the machine and its load, and work that was begun goes on in the
    /// background for some seconds after [`diff`] returned. A first, plain patch is always waited for.
    pub budget: Option<Duration>,
    /// Whom to tell of progress.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        let apply_memory_bytes = crate::limits::Limits::default().apply_memory_bytes;
        Self { effort: Effort::Default, apply_memory_bytes, check: true, budget: None, progress: None }
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
    /// Whether the patch was applied, and made new.
    pub checked: bool,
    /// Whether all that the effort asks for was tried: false where the budget ran out before.
    pub complete: bool,
    /// What was wrong with smaller encodings, which were therefore not taken. Each is an error of this crate; please
    /// report it.
    pub faults: Vec<String>,
}

/// A patch, and its header by itself.
type Made = (Header, Vec<u8>);

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
    /// The patch could not be checked.
    #[error(
        "cannot check the patch by applying it in {folder}: {source}; make room there, or name another folder with TMPDIR",
        folder = std::env::temp_dir().display()
    )]
    Check {
        /// The cause.
        source: ApplyError,
    },
    /// No encoding makes new of old: an error of this crate.
    #[error(
        "smidge made no patch that works, which is an error in smidge; please report it, with the two inputs if you \
         may show them: {reasons}",
        reasons = faults.join("; then ")
    )]
    Fault {
        /// What was wrong with each encoding.
        faults: Vec<String>,
    },
    /// The patch cannot be written.
    #[error("cannot write the patch: {0}")]
    Write(#[source] io::Error),
}

/// Writes the patch that turns the file or folder `old` into `new`.
///
/// The same bytes for the same content and options, whatever the number of threads. Unless [`Options::check`] is off,
/// the patch is applied in the system's folder for temporaries before any of it is written; that takes about as long
/// as on a device.
///
/// # Errors
/// [`DiffError`]; what was written to `patch` is then of no use.
pub fn diff(old: &Path, new: &Path, patch: &mut dyn Write, options: &Options) -> Result<Summary, DiffError> {
    let started = Instant::now();
    let (old_root, new_root) = (old, new);
    let old = Arc::new(side::Side::open(old)?);
    let new = Arc::new(side::Side::open(new)?);
    let entries = pair::entries(&old, &new);
    let found = if let Some(budget) = options.budget {
        let task = budget::Task {
            old: Arc::clone(&old),
            new: Arc::clone(&new),
            old_root: old_root.to_owned(),
            entries,
            effort: options.effort,
            apply_memory_bytes: options.apply_memory_bytes,
            check: options.check,
        };
        budget::search(task, started.checked_add(budget))
    } else {
        let job = encode::Job::new(&old, &new, entries, options.effort, true);
        let made = job.made(options.apply_memory_bytes)?;
        proof::settle(&job, made, old_root, options.check).map(|proven| (proven, true))
    };
    let (proof::Proven { made: (header, bytes), faults }, complete) =
        found.map_err(|error| proof::blame(error, [(old_root, old.tree.hash()), (new_root, new.tree.hash())]))?;
    patch.write_all(&bytes).and_then(|()| patch.flush()).map_err(DiffError::Write)?;
    if let Some(progress) = &options.progress {
        progress(header.new_bytes, header.new_bytes);
    }
    let patch_bytes = bytes.len() as u64;
    let [old, new] = [old, new].map(|side| side.tree.clone());
    Ok(Summary { header, old, new, patch_bytes, checked: options.check, complete, faults })
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
