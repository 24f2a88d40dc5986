//! Files of old that stay as they are: copied by a thread of its own while the others are decoded, then by both.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::ApplyError;
use super::output::Output;
use super::space::Files;
use super::target::Target;
use super::{Options, Progress};
use crate::hash::Hash;
use crate::tree::{Entry, Tree};

/// How much of new is done, and whom to tell.
pub struct Done<'a> {
    bytes: AtomicU64,
    total: u64,
    progress: &'a Progress,
}

impl<'a> Done<'a> {
    /// Nothing of `total` bytes.
    #[must_use]
    pub fn new(total: u64, options: &'a Options) -> Self {
        Self { bytes: AtomicU64::new(0), total, progress: &options.progress }
    }

    /// That many bytes more.
    pub fn advance(&self, bytes: u64) {
        let done = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(progress) = self.progress {
            progress(done, self.total);
        }
    }
}

/// Copies to be made, by however many threads call [`Copies::work`].
pub struct Copies<'a> {
    /// Indexes of a new and an old file each.
    pairs: Vec<(usize, usize)>,
    root: &'a Path,
    old: &'a Tree,
    new: &'a [Entry],
    target: &'a Target,
    done: &'a Done<'a>,
    next: AtomicUsize,
    hashes: Mutex<Vec<(usize, Hash)>>,
    error: Mutex<Option<ApplyError>>,
}

impl<'a> Copies<'a> {
    /// Of the files of `old`, which lies at `root`, for `new` in `target`: `pairs` are indexes of a new and an old file.
    #[must_use]
    pub fn new(
        pairs: Vec<(usize, usize)>,
        root: &'a Path,
        old: &'a Tree,
        new: &'a [Entry],
        target: &'a Target,
        done: &'a Done<'a>,
    ) -> Self {
        let hashes = Mutex::new(Vec::with_capacity(pairs.len()));
        Self { pairs, root, old, new, target, done, next: AtomicUsize::new(0), hashes, error: Mutex::default() }
    }

    /// How many there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Makes copies until none is left. Errors are kept for [`Copies::finish`].
    pub fn work(&self) {
        let mut files = Files::new(self.root, self.old);
        let mut buffer = Vec::new();
        while let Some(&(new, old)) = self.pairs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let entry = &self.new[new];
            let opened = files.open(old).map_err(|source| self.read_error(old, source));
            let copied = opened.and_then(|mut from| copy(&mut from, entry, self.target, std::mem::take(&mut buffer)));
            match copied {
                Ok((hash, used)) => {
                    buffer = used;
                    self.hashes.lock().unwrap_or_else(PoisonError::into_inner).push((new, hash));
                    self.done.advance(entry.size);
                }
                Err(error) => {
                    self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    self.stop();
                }
            }
        }
    }

    /// Lets [`Copies::work`] end after the files that are on their way.
    pub fn stop(&self) {
        self.next.store(self.pairs.len(), Ordering::Relaxed);
    }

    /// The hashes of what was copied, by index of the new file.
    ///
    /// # Errors
    /// The first that any thread met.
    pub fn finish(self) -> Result<Vec<(usize, Hash)>, ApplyError> {
        let error = self.error.into_inner().unwrap_or_else(PoisonError::into_inner);
        error.map_or_else(|| Ok(self.hashes.into_inner().unwrap_or_else(PoisonError::into_inner)), Err)
    }

    fn read_error(&self, old: usize, source: io::Error) -> ApplyError {
        ApplyError::Io { action: "read", path: self.root.join(&self.old.entries[old].path), source }
    }
}

/// Copies `from` to the file of `entry`; its hash, and `buffer` for the next one.
///
/// # Errors
/// Where reading or writing fails.
pub fn copy(
    from: &mut std::fs::File,
    entry: &Entry,
    target: &Target,
    buffer: Vec<u8>,
) -> Result<(Hash, Vec<u8>), ApplyError> {
    let file = target.create_file(&entry.path, entry.executable)?;
    let mut out = Output::new(file, buffer);
    let read_error = |source| ApplyError::Io { action: "read", path: PathBuf::from(&entry.path), source };
    out.copy(from, entry.size).map_err(read_error)?;
    out.finish().map_err(|source| target.write_error(&entry.path, source))
}
