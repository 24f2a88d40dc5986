//! Copies of the app's data, taken before a release that could destroy it, and put back by one call.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    DeviceError,
    home::{Home, remove},
    record::{self, Damaged, Kind, Reader, put_bytes},
};
use crate::{
    files::{Staged, StagedFolder, is_executable, open_plain, set_executable, sync_folder},
    wire::put_varint,
};

/// The newest snapshots that are kept.
const KEPT: usize = 2;
const MAX_FILES: u64 = 100_000;
const MAX_FOLDERS: usize = 10_000;
const MAX_PATH: u64 = 4096;

/// One file of a snapshot. It lies under its place in the list, so that no name can be one that a disk refuses.
struct Item {
    /// Which of the named paths it belongs to.
    root: u64,
    /// Where below it; empty for the named path itself.
    path: PathBuf,
    executable: bool,
}

/// The numbers of the snapshots that are complete, oldest first.
pub(super) fn list(home: &Home) -> Vec<u64> {
    let Ok(items) = fs::read_dir(home.snapshots()) else { return Vec::new() };
    let mut found: Vec<u64> = items.flatten().filter_map(|item| item.file_name().to_str()?.parse().ok()).collect();
    found.sort_unstable();
    found
}

/// Takes a snapshot of what lies at `paths`; its number. When this returns, it survives a power cut.
pub(super) fn take(home: &Home, paths: &[PathBuf]) -> Result<u64, DeviceError> {
    let error = |path: &Path, source| DeviceError::Snapshot { action: "take", path: path.to_owned(), source };
    let folder = home.snapshots();
    fs::create_dir_all(&folder).map_err(|source| error(&folder, source))?;
    let number = list(home).last().map_or(1, |last| last.saturating_add(1));
    let staged = StagedFolder::create_beside(&folder.join(number.to_string()))?;
    let mut index = Vec::new();
    put_varint(&mut index, paths.len() as u64);
    for path in paths {
        put_bytes(&mut index, path.as_os_str().as_encoded_bytes());
        index.push(kind(path).map_err(|source| error(path, source))?);
    }
    let mut items = Vec::new();
    for (root, path) in (0u64..).zip(paths) {
        find(path, root, &mut items).map_err(|source| error(path, source))?;
    }
    put_varint(&mut index, items.len() as u64);
    for (at, item) in items.iter().enumerate() {
        let from = paths.get(item.root as usize).map_or_else(PathBuf::new, |root| below(root, &item.path));
        let mut to = staged.create_file(&format!("files/{at}"), false)?;
        let copied = open_plain(&from).and_then(|mut from| io::copy(&mut from, &mut to));
        copied.map_err(|source| error(&from, source))?;
        put_varint(&mut index, item.root);
        put_bytes(&mut index, item.path.as_os_str().as_encoded_bytes());
        index.push(u8::from(item.executable));
    }
    let path = staged.path().join("index");
    record::write(&path, Kind::Snapshot, &index)?;
    staged.commit()?;
    let taken = list(home);
    for old in taken.iter().rev().skip(KEPT) {
        let _ = remove(&folder.join(old.to_string()));
    }
    Ok(number)
}

/// Puts back what snapshot `number` holds: each named path becomes what it was, each in one step.
pub(super) fn restore(home: &Home, number: u64) -> Result<(), DeviceError> {
    let folder = home.snapshots().join(number.to_string());
    let error = |path: &Path, source| DeviceError::Snapshot { action: "restore", path: path.to_owned(), source };
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged");
    let index = record::read(&folder.join("index"), Kind::Snapshot).map_err(|source| error(&folder, source))?;
    let index = index.ok_or_else(|| error(&folder, io::ErrorKind::NotFound.into()))?;
    let (roots, items) = parse(&index).map_err(|_| error(&folder, damaged()))?;
    for (number, (path, kind)) in (0u64..).zip(&roots) {
        let mine = items.iter().enumerate().filter(|(_, item)| item.root == number);
        restore_one(&folder, path, *kind, mine).map_err(|source| error(path, source))?;
    }
    Ok(())
}

fn restore_one<'a>(
    folder: &Path,
    path: &Path,
    kind: u8,
    items: impl Iterator<Item = (usize, &'a Item)>,
) -> io::Result<()> {
    let other = |error: crate::files::FileError| io::Error::other(error);
    // Whatever became of it since is replaced; something of another kind has to make way first.
    let found = self::kind(path)?;
    if found != kind && found != ABSENT {
        remove(path)?;
    }
    match kind {
        ABSENT => path.parent().map_or(Ok(()), |parent| if parent.is_dir() { sync_folder(parent) } else { Ok(()) }),
        FOLDER => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let staged = StagedFolder::create_beside(path).map_err(other)?;
            for (at, item) in items {
                let to = staged.path().join(&item.path);
                if let Some(parent) = to.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut to = fs::File::create_new(to)?;
                io::copy(&mut open_plain(&folder.join(format!("files/{at}")))?, &mut to)?;
                if item.executable {
                    set_executable(&to)?;
                }
                to.sync_all()?;
            }
            sync_folders(staged.path())?;
            staged.commit().map_err(other)
        }
        _ => {
            for (at, item) in items {
                let mut staged = Staged::create_beside(path).map_err(other)?;
                let mut from = open_plain(&folder.join(format!("files/{at}")))?;
                let mut buffer = vec![0; 64 << 10];
                loop {
                    let read = from.read(&mut buffer)?;
                    if read == 0 {
                        break;
                    }
                    staged.write_all(&buffer[..read])?;
                }
                if item.executable {
                    staged.set_executable().map_err(other)?;
                }
                staged.commit().map_err(other)?;
            }
            Ok(())
        }
    }
}

const ABSENT: u8 = 0;
const FILE: u8 = 1;
const FOLDER: u8 = 2;

fn kind(path: &Path) -> io::Result<u8> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(FOLDER),
        Ok(metadata) if metadata.is_file() => Ok(FILE),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ABSENT),
        Err(error) => Err(error),
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) }
}

/// All files at and below `path`. Folders wait on a list, so depth costs no stack.
fn find(path: &Path, root: u64, items: &mut Vec<Item>) -> io::Result<()> {
    let invalid = |problem| io::Error::new(io::ErrorKind::InvalidInput, problem);
    let mut waiting = vec![PathBuf::new()];
    let mut folders = 0usize;
    while let Some(at) = waiting.pop() {
        let place = below(path, &at);
        match kind(&place)? {
            ABSENT => {}
            FILE => {
                if items.len() as u64 >= MAX_FILES {
                    return Err(invalid("it has too many files"));
                }
                if at.to_str().is_none() {
                    return Err(invalid("the name of a file in it is not UTF-8"));
                }
                let executable = is_executable(&place.symlink_metadata()?);
                items.push(Item { root, path: at, executable });
            }
            _ => {
                folders += 1;
                if folders > MAX_FOLDERS {
                    return Err(invalid("it has too many folders"));
                }
                for item in fs::read_dir(&place)? {
                    waiting.push(at.join(item?.file_name()));
                }
            }
        }
    }
    Ok(())
}

fn sync_folders(root: &Path) -> io::Result<()> {
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for item in fs::read_dir(&folder)? {
            let item = item?;
            if item.file_type()?.is_dir() {
                waiting.push(item.path());
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}

type Index = (Vec<(PathBuf, u8)>, Vec<Item>);

fn parse(index: &[u8]) -> Result<Index, Damaged> {
    let mut reader = Reader(index);
    let path = |reader: &mut Reader<'_>| reader.text(MAX_PATH).map(PathBuf::from);
    let count = reader.number(MAX_FILES)?;
    let roots = (0..count).map(|_| Ok((path(&mut reader)?, reader.array::<1>()?[0])));
    let roots = roots.collect::<Result<Vec<_>, Damaged>>()?;
    let count = reader.number(MAX_FILES)?;
    let item = |reader: &mut Reader<'_>| {
        let root = reader.number(count.max(roots.len() as u64))?;
        Ok(Item { root, path: path(reader)?, executable: reader.array::<1>()?[0] == 1 })
    };
    let items = (0..count).map(|_| item(&mut reader)).collect::<Result<Vec<_>, Damaged>>()?;
    reader.end()?;
    Ok((roots, items))
}
