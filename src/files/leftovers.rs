//! Names for temporaries, and the end of those that a killed process left behind.
//!
//! A temporary lies beside its target and is named `.smidge-TARGET-UNIQUE`: TARGET is 16 hexadecimal digits of the
//! hash of the target's name, so that only temporaries of the same target are ever touched. While a process lives it
//! holds a lock on its temporaries; one that can be locked belongs to nobody.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{FileError, parent};
use crate::hash::Hash;

/// How every name of a temporary begins.
pub(super) const PREFIX: &str = ".smidge-";
/// How the name of an old folder ends that was moved aside to make room. See [`super::StagedFolder::commit`].
pub(super) const ASIDE: &str = "-aside";

/// What the names of all temporaries of `target` begin with.
pub(super) fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default();
    let hash = Hash::of(name.as_encoded_bytes()).to_string();
    format!("{PREFIX}{}-", &hash[..16])
}

/// A fresh name beside `target`. Not a secret: whoever makes the file must insist that it is new.
pub(super) fn fresh(target: &Path) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    parent(target).join(format!("{}{:x}-{nanos:x}-{count:x}", prefix(target), std::process::id()))
}

/// Makes a temporary beside `target` with `make`, which must insist that the name is new, and locks it.
pub(super) fn create(target: &Path, make: impl Fn(&Path) -> io::Result<File>) -> Result<(PathBuf, File), FileError> {
    const TRIES: usize = 16;
    for _ in 0..TRIES {
        let path = fresh(target);
        let file = match make(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            // Another process may take it for a leftover before it is locked.
            Err(error) if error.kind() == io::ErrorKind::NotFound && parent(target).is_dir() => continue,
            Err(source) => return Err(FileError::io("write beside", target, source)),
        };
        // A file system without locks leaves leftovers lying: `is_orphan` then fails too.
        let taken = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
        // Between the making and the locking another process may have taken it for a leftover: look again.
        if !taken && path.symlink_metadata().is_ok() {
            return Ok((path, file));
        }
    }
    let source = io::Error::new(io::ErrorKind::AlreadyExists, "other processes keep taking the temporary's name");
    Err(FileError::io("write beside", target, source))
}

/// Removes what killed processes left beside `target`. Where one was killed between moving the old folder aside and
/// putting the new one in its place, the old one is moved back first.
///
/// What cannot be removed is left: it is in nobody's way.
pub(super) fn reclaim(target: &Path) {
    let Ok(items) = fs::read_dir(parent(target)) else { return };
    let prefix = prefix(target);
    for item in items.flatten() {
        let name: OsString = item.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
        let path = item.path();
        if name.ends_with(ASIDE) && target.symlink_metadata().is_err() {
            let _ = fs::rename(&path, target);
        } else if is_orphan(&path) {
            remove(&path);
        }
    }
}

fn is_orphan(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    if !metadata.is_dir() && !metadata.is_file() {
        return false;
    }
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Removes a temporary, file or folder. There is nobody to tell if it fails.
pub(super) fn remove(path: &Path) {
    let _ = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
}
