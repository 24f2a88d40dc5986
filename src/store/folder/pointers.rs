//! Pointers in a folder: files under `pointers/`, changed under a lock, replaced by rename.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bytes::Bytes;

use super::{PointerName, StoreError, own_folder, put_in_place, sync, temporaries};
use crate::{
    files,
    hash::Hasher,
    store::{
        POINTER_BYTES,
        backend::{Alone, Pointer, Version},
    },
};

const FOLDER: &str = "pointers";
/// Locked while a pointer changes. One for all of them: a change takes milliseconds.
const LOCK: &str = "lock";
/// Locked while somebody collects.
const COLLECTOR_LOCK: &str = "collector.lock";

fn path(root: &Path, name: &PointerName) -> PathBuf {
    root.join(FOLDER).join(name.as_str())
}

pub(super) fn read(root: &Path, name: &PointerName) -> Result<Option<Pointer>, StoreError> {
    let io = |source| StoreError::io("read", path(root, name).display(), source);
    let mut file = match files::open_beneath(root, &format!("{FOLDER}/{name}")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let metadata = file.metadata().map_err(io)?;
    let mut value = Vec::new();
    (&mut file).take(POINTER_BYTES + 1).read_to_end(&mut value).map_err(io)?;
    if value.len() as u64 > POINTER_BYTES {
        return Err(StoreError::PointerSize { name: name.to_string(), bytes: metadata.len(), limit: POINTER_BYTES });
    }
    let version = version(&metadata, &value);
    Ok(Some(Pointer { value: Bytes::from(value), version }))
}

/// A version changes with the value, and with every replacement, since that makes a new file at another time.
fn version(metadata: &fs::Metadata, value: &[u8]) -> Version {
    let mut hasher = Hasher::with_context("smidge store: version of a pointer in a folder");
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    hasher.update(&modified.map_or(0, |time| time.as_nanos()).to_le_bytes());
    #[cfg(unix)]
    hasher.update(&std::os::unix::fs::MetadataExt::ino(metadata).to_le_bytes());
    hasher.update(value);
    Version { tag: Some(hasher.finish().to_string()), generation: None }
}

/// Held while a pointer changes; let go when it is dropped, and by the system when the process is killed.
fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join(LOCK);
    let file = open_lock(&path)?;
    file.lock().map_err(|source| StoreError::io("lock", path.display(), source))?;
    Ok(file)
}

/// Whether no collector is at work.
pub(super) fn alone(root: &Path) -> Result<Alone, StoreError> {
    let path = root.join(COLLECTOR_LOCK);
    let file = open_lock(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Alone::Yes(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(Alone::No),
        // A file system without locks.
        Err(fs::TryLockError::Error(_)) => Ok(Alone::Unknown),
    }
}

fn open_lock(path: &Path) -> Result<File, StoreError> {
    let io = |source| StoreError::io("lock", path.display(), source);
    #[cfg(unix)]
    let file = {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::from_raw_mode(0o666));
        File::from(opened.map_err(io::Error::from).map_err(io)?)
    };
    #[cfg(not(unix))]
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io)?;
    Ok(file)
}

pub(super) fn set(
    root: &Path,
    name: &PointerName,
    value: &[u8],
    expected: Option<&Version>,
) -> Result<Version, StoreError> {
    let target = path(root, name);
    let _lock = lock(root)?;
    let found = read(root, name)?;
    if found.as_ref().map(|pointer| &pointer.version) != expected {
        return Err(StoreError::Conflict { name: name.to_string() });
    }
    let above = name.as_str().rsplit_once('/').map(|(above, _)| above);
    own_folder(root, [FOLDER].into_iter().chain(above.into_iter().flat_map(|above| above.split('/'))))?;
    let mut scratch = temporaries::create(root)?;
    let io = |source| StoreError::io("write", target.display(), source);
    scratch.file.write_all(value).map_err(io)?;
    let metadata = scratch.file.metadata().map_err(io)?;
    put_in_place(&mut scratch, &target)?;
    Ok(version(&metadata, value))
}

pub(super) fn remove(root: &Path, name: &PointerName) -> Result<(), StoreError> {
    let target = path(root, name);
    let _lock = lock(root)?;
    match fs::remove_file(&target) {
        Ok(()) => sync(target.parent().unwrap_or(root)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StoreError::io("remove", target.display(), source)),
    }
}

/// The names of all pointers below `folder`.
pub(super) fn list(root: &Path, folder: &PointerName) -> Result<Vec<PointerName>, StoreError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        let place = path(root, &folder);
        let io = |source| StoreError::io("look into", place.display(), source);
        let items = match fs::read_dir(&place) {
            Ok(items) => items,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            Err(error) => return Err(io(error)),
        };
        for item in items {
            let item = item.map_err(io)?;
            // A name that breaks the rules was put there by somebody else; there is no asking for it.
            let name = PointerName::new(format!("{folder}/{}", item.file_name().to_string_lossy()));
            let Ok(name) = name else { continue };
            match item.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(name),
                Ok(kind) if kind.is_file() => found.push(name),
                _ => {}
            }
        }
    }
    Ok(found)
}
