//! A folder that any host can serve: what devices read, each where `docs/trust.md` says.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    files::{FileError, Staged, sync_folder},
    hash::{Hash, Hasher},
    trust::{Channel, layout},
};

/// A folder to be served. Everything is put there in one step and outlives a power cut from then on. Objects go first,
/// then roots, then heads: a reader never finds a head whose objects are missing.
#[derive(Debug, Clone)]
pub struct StaticHost {
    folder: PathBuf,
}

impl StaticHost {
    /// The host at `folder`, which need not exist yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Puts an object there, unless it is there already, whole.
    ///
    /// # Errors
    /// [`FileError`]; `InvalidData` where `content` is not what `hash` says: nothing is put there then.
    pub fn put_object(&self, hash: &Hash, content: &mut dyn Read) -> Result<(), FileError> {
        let path = self.folder.join(layout::object(hash));
        if holds(&path, hash) {
            return Ok(());
        }
        put(&path, content, Some(hash))
    }

    /// Puts root `number` there.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn put_root(&self, number: u64, document: &[u8]) -> Result<(), FileError> {
        put(&self.folder.join(layout::root(number)), &mut &document[..], None)
    }

    /// Puts the newest head of `channel` there, in the place of the one before.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn put_head(&self, channel: &Channel, document: &[u8]) -> Result<(), FileError> {
        put(&self.folder.join(layout::head(channel)), &mut &document[..], None)
    }
}

fn holds(path: &Path, hash: &Hash) -> bool {
    let Ok(file) = crate::files::open_plain(path) else { return false };
    crate::tree::hash_file(file, &mut vec![0; 1 << 16]).is_ok_and(|(found, _)| found == *hash)
}

/// Creates what is missing of `folder` and the folders above it, each on disk before anything lies in it.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_folders(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(above.unwrap_or(Path::new("."))),
    }
}

fn put(path: &Path, content: &mut dyn Read, hash: Option<&Hash>) -> Result<(), FileError> {
    let error = |action, source| FileError::Io { action, path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        create_folders(folder).map_err(|source| error("create the folder of", source))?;
    }
    let staged = Staged::create_beside(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(error("read the content of", source)),
        };
        hasher.update(&buffer[..read]);
        staged.file().write_all(&buffer[..read]).map_err(|source| error("write", source))?;
    }
    if let Some(expected) = hash {
        let found = hasher.finish();
        if found != *expected {
            let why = format!("its content has hash {found}: the store is damaged, run `smidge store scrub`");
            return Err(error("put in place", io::Error::new(io::ErrorKind::InvalidData, why)));
        }
    }
    staged.commit()
}
