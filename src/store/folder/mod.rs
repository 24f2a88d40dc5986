//! A store in a folder: `objects/ab/HASH`, `pointers/NAME`, and `tmp/` for what is being written.

mod pointers;
mod temporaries;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};

use super::{
    ObjectName, PointerName, StoreError,
    backend::{Alone, Backend, Listed, Pieces, Pointer, Scratch, Stat, Stored, Version},
    spool::blocking,
};
use crate::files::{self, Staged};

/// The file that says that a folder is a store, and what it says. A later layout has a higher number.
pub(super) const MARK: &str = "smidge-store";
pub(super) const MARK_TEXT: &str = "1\n";
/// Bytes of one piece that is read.
const PIECE_BYTES: usize = 256 << 10;

/// A store in a folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The store that is in `root`.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where there is none, or one of a later layout.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        match files::open_beneath(root, MARK) {
            Ok(mut file) => {
                let mut text = String::new();
                let read = (&mut file).take(64).read_to_string(&mut text);
                read.map_err(|source| StoreError::io("read", root.join(MARK).display(), source))?;
                if text != MARK_TEXT {
                    return Err(not_a_store(root, "its layout is that of a later version of smidge; use that version"));
                }
                Ok(Self { root: root.to_owned() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let why = match root.symlink_metadata() {
                    Ok(_) => "it has no file smidge-store; name the folder that a release was put into",
                    Err(_) => "it does not exist; name the folder that a release was put into",
                };
                Err(not_a_store(root, why))
            }
            Err(source) => Err(StoreError::io("read", root.join(MARK).display(), source)),
        }
    }

    /// The store that is in `root`, which is made where there is nothing yet.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where `root` holds something else; [`StoreError::Io`] where it cannot be written.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let io = |action| move |source| StoreError::io(action, root.display(), source);
        if root.join(MARK).symlink_metadata().is_err() {
            fs::create_dir_all(root).map_err(io("make the folder"))?;
            sync(root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
            for item in fs::read_dir(root).map_err(io("look into"))? {
                let name = item.map_err(io("look into"))?.file_name();
                // What a killed process leaves that was about to write the mark.
                if !name.to_string_lossy().starts_with(".smidge-") {
                    return Err(not_a_store(root, "it holds other files; choose an empty folder, or a new one"));
                }
            }
            let mut mark = Staged::create_beside(&root.join(MARK)).map_err(file_error)?;
            mark.write_all(MARK_TEXT.as_bytes()).map_err(io("write into"))?;
            mark.commit().map_err(file_error)?;
        }
        let store = Self::open(root)?;
        temporaries::tidy(&store.root)?;
        Ok(store)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn shard(&self, shard: u8) -> PathBuf {
        self.root.join(format!("objects/{shard:02x}"))
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        self.shard(name.shard()).join(name.file_name())
    }

    fn write_blocking(&self, name: &ObjectName, stored: Stored) -> Result<(), StoreError> {
        let mut scratch = match stored {
            Stored::File(scratch) if scratch.path.is_some() => scratch,
            Stored::File(mut other) => {
                let mut scratch = temporaries::create(&self.root)?;
                let copied = other.file.seek(SeekFrom::Start(0));
                let copied = copied.and_then(|_| io::copy(&mut other.file, &mut scratch.file));
                copied.map_err(|source| StoreError::io("write", self.path(name).display(), source))?;
                scratch
            }
            Stored::Bytes(bytes) => {
                let mut scratch = temporaries::create(&self.root)?;
                let written = scratch.file.write_all(&bytes);
                written.map_err(|source| StoreError::io("write", self.path(name).display(), source))?;
                scratch
            }
        };
        let shard = format!("{:02x}", name.shard());
        let target = own_folder(&self.root, ["objects", &shard].into_iter())?.join(name.file_name());
        let is_new = target.symlink_metadata().is_err();
        put_in_place(&mut scratch, &target).inspect_err(|_| {
            // In place, but the name may be gone after a power cut: nobody may find it and take it for stored.
            if is_new && scratch.path.is_none() {
                let _ = fs::remove_file(&target);
            }
        })
    }

    fn open_object(&self, name: &ObjectName) -> Result<(File, Stat), StoreError> {
        let opened = files::open_beneath(&self.root, &format!("objects/{name}"));
        let opened = opened.and_then(|file| Ok((stat(&file.metadata()?), file)));
        match opened {
            Ok((stat, file)) => Ok((file, stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Missing { hash: name.hash }),
            // A link, a folder, a pipe: whoever put it there, it is not what was stored.
            Err(error) if is_stranger(&error) => Err(StoreError::Damaged {
                hash: name.hash,
                place: self.path(name).display().to_string(),
                what: "it is not a regular file in a folder of the store".to_owned(),
            }),
            Err(source) => Err(StoreError::io("read", self.path(name).display(), source)),
        }
    }
}

fn is_stranger(error: &io::Error) -> bool {
    // `FilesystemLoop` has no stable name; it is what a link gives that may not be followed.
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory)
}

fn not_a_store(root: &Path, why: &str) -> StoreError {
    StoreError::NotAStore { place: root.display().to_string(), why: why.to_owned() }
}

fn file_error(error: files::FileError) -> StoreError {
    match error {
        files::FileError::Io { action, path, source } => StoreError::io(action, path.display(), source),
        other => StoreError::io("write", "the store's mark", io::Error::other(other)),
    }
}

fn stat(metadata: &fs::Metadata) -> Stat {
    Stat { stored_bytes: metadata.len(), written: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH) }
}

/// Makes the folder `parts` below `root` where it is missing, each level durably, and returns where it is. No link is
/// followed below `root`.
fn own_folder<'a>(root: &Path, parts: impl Iterator<Item = &'a str>) -> Result<PathBuf, StoreError> {
    let mut folder = root.to_owned();
    for part in parts {
        let above = folder.clone();
        folder.push(part);
        match folder.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(_) => return Err(not_a_folder(&folder)),
            Err(_) => {}
        }
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StoreError::io("make the folder", folder.display(), error));
            }
            _ => sync(&above)?,
        }
    }
    Ok(folder)
}

fn not_a_folder(folder: &Path) -> StoreError {
    let source = io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder of the store; remove it");
    StoreError::io("use", folder.display(), source)
}

fn sync(folder: &Path) -> Result<(), StoreError> {
    files::sync_folder(folder).map_err(|source| StoreError::io("force to disk", folder.display(), source))
}

/// Forces `scratch` to disk, puts it in the place of `target`, and forces that to disk too. After an error `scratch` has
/// a path as long as `target` is as it was.
fn put_in_place(scratch: &mut Scratch, target: &Path) -> Result<(), StoreError> {
    let io = |action| move |source| StoreError::io(action, target.display(), source);
    let Some(path) = scratch.path.clone() else {
        return Err(io("write")(io::Error::other("a temporary without a name")));
    };
    // Not tried again: a second call may say that all is well for data that was lost.
    scratch.file.sync_all().map_err(io("force to disk"))?;
    fs::rename(&path, target).map_err(io("put into place"))?;
    scratch.path = None;
    sync(target.parent().unwrap_or(Path::new(".")))
}

#[async_trait]
impl Backend for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    async fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, StoreError> {
        // Too quick to be worth a thread of its own.
        match self.path(name).symlink_metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Some(stat(&metadata))),
            // Reading it tells what is wrong, writing puts it right.
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::io("look at", self.path(name).display(), source)),
        }
    }

    async fn write(&self, name: &ObjectName, stored: Stored) -> Result<(), StoreError> {
        let (this, name) = (self.clone(), *name);
        blocking(move || this.write_blocking(&name, stored)).await
    }

    async fn assure(&self, name: &ObjectName) -> Result<(), StoreError> {
        let shard = self.shard(name.shard());
        blocking(move || sync(&shard)).await
    }

    async fn read(&self, name: &ObjectName, range: Option<Range<u64>>) -> Result<(Stat, Pieces), StoreError> {
        let (this, name) = (self.clone(), *name);
        let (stat, reading, first) = blocking(move || {
            let (file, stat) = this.open_object(&name)?;
            let (start, end) = range.map_or((0, u64::MAX), |range| (range.start, range.end));
            let mut reading = Reading { file, at: start, end, path: this.path(&name) };
            let first = reading.next()?;
            Ok((stat, reading, first))
        })
        .await?;
        let first = futures_util::stream::iter(first.map(Ok));
        let rest = futures_util::stream::try_unfold(reading, |mut reading| async {
            if reading.done() {
                return Ok(None);
            }
            let (piece, reading) = blocking(move || Ok((reading.next()?, reading))).await?;
            Ok(piece.map(|piece| (piece, reading)))
        });
        Ok((stat, first.chain(rest).boxed()))
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        let path = self.path(name);
        blocking(move || match fs::remove_file(&path) {
            // Not forced to disk: what comes back after a power cut is removed by the next collector.
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(StoreError::io("remove", path.display(), source)),
        })
        .await
    }

    fn list(&self, shard: u8) -> BoxStream<'static, Result<Listed, StoreError>> {
        let folder = self.shard(shard);
        let items = move || list(&folder, shard);
        futures_util::stream::once(blocking(items))
            .flat_map(|items| match items {
                Ok(items) => futures_util::stream::iter(items.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => futures_util::stream::iter(vec![Err(error)]),
            })
            .boxed()
    }

    fn scratch(&self) -> Result<Scratch, StoreError> {
        temporaries::create(&self.root)
    }

    async fn tidy(&self) -> Result<u64, StoreError> {
        let root = self.root.clone();
        blocking(move || temporaries::tidy(&root)).await
    }

    fn alone(&self) -> Result<Alone, StoreError> {
        pointers::alone(&self.root)
    }

    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, StoreError> {
        // As quick as a stat where there is none, which is the commonest case.
        pointers::read(&self.root, name)
    }

    async fn set_pointer(
        &self,
        name: &PointerName,
        value: Bytes,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let (root, name, expected) = (self.root.clone(), name.clone(), expected.cloned());
        blocking(move || pointers::set(&root, &name, &value, expected.as_ref())).await
    }

    async fn remove_pointer(&self, name: &PointerName) -> Result<(), StoreError> {
        let (root, name) = (self.root.clone(), name.clone());
        blocking(move || pointers::remove(&root, &name)).await
    }

    fn pointers(&self, folder: &PointerName) -> BoxStream<'static, Result<PointerName, StoreError>> {
        let (root, folder) = (self.root.clone(), folder.clone());
        futures_util::stream::once(blocking(move || pointers::list(&root, &folder)))
            .flat_map(|names| match names {
                Ok(names) => futures_util::stream::iter(names.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => futures_util::stream::iter(vec![Err(error)]),
            })
            .boxed()
    }
}

/// An object that is being read.
struct Reading {
    file: File,
    at: u64,
    end: u64,
    path: PathBuf,
}

impl Reading {
    fn done(&self) -> bool {
        self.at >= self.end
    }

    /// The next piece; `None` at the end.
    fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let wanted = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = Vec::new();
        let mut read = || {
            self.file.seek(SeekFrom::Start(self.at))?;
            (&mut self.file).take(wanted as u64).read_to_end(&mut piece)
        };
        read().map_err(|source| StoreError::io("read", self.path.display(), source))?;
        self.at = self.at.saturating_add(piece.len() as u64);
        if piece.len() < wanted {
            self.end = self.at;
        }
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }
}

fn list(folder: &Path, shard: u8) -> Result<Vec<Listed>, StoreError> {
    let io = |source| StoreError::io("look into", folder.display(), source);
    let is_own = |folder: &Path| folder.symlink_metadata().map_or(true, |metadata| metadata.is_dir());
    if !is_own(folder) || !folder.parent().is_none_or(is_own) {
        // What lies behind a link is not the store's, and nobody may collect it.
        return Ok(vec![Listed::Stranger(format!("objects/{shard:02x}"))]);
    }
    let items = match fs::read_dir(folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut found = Vec::new();
    for item in items {
        let item = item.map_err(io)?;
        let metadata = match item.metadata() {
            Ok(metadata) => metadata,
            // Collected since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io(error)),
        };
        let name = item.file_name().to_str().and_then(ObjectName::from_file_name);
        found.push(match name {
            Some(name) if name.shard() == shard && metadata.is_file() => Listed::Object(name, stat(&metadata)),
            _ => Listed::Stranger(format!("objects/{shard:02x}/{}", item.file_name().to_string_lossy())),
        });
    }
    Ok(found)
}
