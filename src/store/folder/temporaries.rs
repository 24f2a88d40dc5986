//! Temporaries in `tmp/`: locked while their process lives, so that what can be locked was left by one that was killed.
//!
//! They lie in one folder of their own instead of beside their targets, so that finding leftovers takes no look into
//! folders of many objects.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{StoreError, not_a_folder, own_folder};
use crate::{files, store::backend::Scratch};

const FOLDER: &str = "tmp";

/// A fresh temporary of the store in `root`.
pub(super) fn create(root: &Path) -> Result<Scratch, StoreError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    const TRIES: usize = 16;
    // Made where it is missing, and never a link to somewhere else.
    let folder = own_folder(root, [FOLDER].into_iter())?;
    let io = |source| StoreError::io("write into", folder.display(), source);
    for _ in 0..TRIES {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let path = folder.join(format!("{:x}-{nanos:x}-{count:x}", std::process::id()));
        let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(source) => return Err(io(source)),
        };
        // A file system without locks leaves leftovers lying: `tidy` cannot lock them either.
        let taken = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
        // Between the making and the locking another process may have taken it for a leftover: look again.
        if !taken && path.symlink_metadata().is_ok() {
            return Ok(Scratch::new(file, Some(path)));
        }
    }
    Err(io(io::Error::new(io::ErrorKind::AlreadyExists, "other processes keep taking the temporary's name")))
}

/// Removes the temporaries of processes that are no more, and counts them.
pub(super) fn tidy(root: &Path) -> Result<u64, StoreError> {
    let folder = root.join(FOLDER);
    if folder.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(not_a_folder(&folder));
    }
    let items = match fs::read_dir(&folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(StoreError::io("look into", folder.display(), source)),
    };
    let mut removed = 0;
    for item in items.flatten() {
        let path = item.path();
        if files::open_plain(&path).is_ok_and(|file: File| file.try_lock().is_ok() && fs::remove_file(&path).is_ok()) {
            removed += 1;
        }
    }
    Ok(removed)
}
