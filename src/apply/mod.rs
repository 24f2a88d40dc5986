//! Patch and old make new: streamed, bounded in memory, verified before anyone sees it.
//!
//! Old is verified first and read in place; new is written forward into a temporary beside the target, hashed on the
//! way, forced to disk and renamed into place when all of it is what the patch promised.

mod body;
mod copies;
mod error;
mod job;
mod output;
mod repacked;
mod scratch;
mod space;
mod target;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::codec::lanes::LANES_BYTES;
use crate::limits::Limits;
use crate::patch::entries::Content;
use crate::patch::{FRAME_BYTES, Frames, Header, PatchError};
use crate::repack::PACK_MEMORY_BYTES;
use crate::tree::{self, Tree};

pub use error::ApplyError;
pub use job::HINTS;
pub use repacked::REPACKED;

use body::{Body, open_body};
use job::Job;
use target::Target;

/// Told how many bytes of new are done, of how many.
pub type Progress = Option<Arc<dyn Fn(u64, u64) + Send + Sync>>;

/// How to apply.
#[derive(Clone, Default)]
pub struct Options {
    /// Caps on what the patch may ask for.
    pub limits: Limits,
    /// Whom to tell of progress.
    pub progress: Progress,
}

/// What was applied.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The header of the patch.
    pub header: Header,
    /// Old, as it was found.
    pub old: Tree,
    /// New, as it was made.
    pub new: Tree,
    /// Bytes of the patch.
    pub patch_bytes: u64,
    /// Bytes of the patch that list the files.
    pub list_bytes: u64,
    /// Where each file of new came from, in the order of [`Summary::new`].
    pub parts: Vec<Part>,
}

/// Where a file of new came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The old file that it takes the place of: of the same path, or renamed.
    pub from: Option<usize>,
    /// Where its content came from.
    pub content: Content,
    /// Bytes of the patch that its content took, to a few bytes.
    pub patch_bytes: u64,
}

/// Memory of applying beside the models and the names of files: pages of old, buffers, one frame.
pub const FIXED_BYTES: u64 = space::SPACE_BYTES + 4 * FRAME_BYTES as u64;

/// Memory that an image of bytecode takes while it is made and read, where predicting it takes `prediction_bytes`.
#[must_use]
pub const fn image_bytes(prediction_bytes: u64) -> u64 {
    scratch::SCRATCH_BYTES + prediction_bytes
}

/// Applies `patch` to the file or folder `old`, and puts the result at `new`, which may be `old`.
///
/// # Errors
/// [`ApplyError`]; `new` is then as it was before, and nothing is left beside it.
pub fn apply(old: &Path, patch: &mut dyn Read, new: &Path, options: &Options) -> Result<Summary, ApplyError> {
    let (summary, target) = run(old, patch, new, options)?;
    target.commit()?;
    Ok(summary)
}

/// Does all that [`apply`] does in the system's folder for temporaries, and leaves nothing.
///
/// # Errors
/// As [`apply`].
pub fn verify(old: &Path, patch: &mut dyn Read, options: &Options) -> Result<Summary, ApplyError> {
    // A name for each call: two that verify at once do not take each other's temporaries for leftovers.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let nowhere = std::env::temp_dir().join(format!("smidge-verify-{}-{call}", std::process::id()));
    run(old, patch, &nowhere, options).map(|(summary, _)| summary)
}

/// Content or residue of a compressed file, in bytes, above which it is compared as it is: both stand in memory.
pub const MOST_UNPACKED: usize = 4 << 20;

/// Memory of taking a compressed file apart and bringing one together, given the bytes of its old content, its old
/// residue and its new residue.
#[must_use]
pub fn repack_bytes(lens: &[u64; 3]) -> u64 {
    // Read, taken apart, and their pages.
    2 * (lens[0] + lens[1]) + lens[2] + PACK_MEMORY_BYTES + 2 * scratch::SCRATCH_BYTES
}

fn run(old: &Path, patch: &mut dyn Read, new: &Path, options: &Options) -> Result<(Summary, Target), ApplyError> {
    let (header, header_bytes) = Header::read(patch)?;
    let limits = &options.limits;
    let needed = header.apply_memory_bytes.max(needed(&header));
    if needed > limits.apply_memory_bytes {
        return Err(ApplyError::Memory { needed, limit: limits.apply_memory_bytes });
    }
    if header.new_bytes > limits.new_bytes {
        return Err(ApplyError::NewTooLarge { found: header.new_bytes, limit: limits.new_bytes });
    }
    let frames = Frames::new(patch, &header_bytes)?;
    let tree = tree::scan(old)?;
    let found = tree.hash();
    if tree.kind != header.old_kind || found != header.old {
        return Err(ApplyError::WrongOld { expected: header.old, found });
    }
    let limits = Limits { new_bytes: header.new_bytes, ..limits.clone() };
    let opened = open_body(frames, &header, &limits)?;
    let target = Target::create(new, header.new_kind)?;
    let mut job = Job::new(&header, opened, (old, &tree), &target, &limits, options);
    let made = job.run();
    let (body, lanes, list_bytes, parts) = job.end();
    let mut frames = match (body, lanes) {
        (Body::Whole(frames), _) => frames,
        (Body::Models(_), lanes) => lanes.ok_or(PatchError::NoBody)?.into_inner(),
    };
    // Where the patch itself was found damaged, that is why decoding went wrong.
    frames.check()?;
    let made = made?;
    let patch_bytes = frames.finish()?;
    let found = made.hash();
    if found != header.new {
        return Err(ApplyError::WrongNew { expected: header.new, found });
    }
    Ok((Summary { old: tree, new: made, patch_bytes, list_bytes, parts, header }, target))
}

/// Memory that any patch with this header takes at least.
fn needed(header: &Header) -> u64 {
    header.sizes.memory_bytes() + FIXED_BYTES + if header.lanes { LANES_BYTES } else { 0 }
}
