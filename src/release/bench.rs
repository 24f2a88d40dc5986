//! The bench: trees of the store put together as folders, so that patches can be made between them.
//!
//! A file that several trees share is unpacked once and linked into each. Everything lies in one temporary folder, which
//! goes with the bench; what a killed process left goes with the next one.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{ReleaseError, database::Database, manifest};
use crate::{
    files,
    hash::Hash,
    store::Store,
    tree::{Entry, Kind, Tree},
};

/// How the names of benches begin.
const PREFIX: &str = "smidge-bench-";
/// Who holds this file's lock uses the bench.
const LOCK: &str = "lock";

/// A temporary folder with trees.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    /// Held while the bench is in use.
    _lock: File,
    /// Where each content lies unpacked; the second is whether it may be executed, which links share.
    files: HashMap<(Hash, bool), PathBuf>,
    trees: HashMap<Hash, PathBuf>,
}

impl Bench {
    /// An empty bench.
    ///
    /// # Errors
    /// [`ReleaseError::Io`].
    pub fn new() -> Result<Self, ReleaseError> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let io = |source| ReleaseError::io("make a folder in", &parent, source);
        let (folder, lock) = loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent).map_err(io)?;
            let path = folder.path().join(LOCK);
            // Until it is locked, another process may take the folder for a leftover: then look for another one.
            match File::create(&path) {
                Ok(lock) => {
                    // A file system without locks keeps its leftovers.
                    let taken = matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock));
                    if !taken && path.exists() {
                        break (folder, lock);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && parent.is_dir() => {}
                Err(source) => return Err(io(source)),
            }
        };
        for part in ["files", "trees", "nothing", "patches"] {
            fs::create_dir(folder.path().join(part)).map_err(io)?;
        }
        Ok(Self { folder, _lock: lock, files: HashMap::new(), trees: HashMap::new() })
    }

    /// An empty folder: what a full release starts from.
    #[must_use]
    pub fn nothing(&self) -> PathBuf {
        self.folder.path().join("nothing")
    }

    /// Where the patch from `old` to `new` may be written.
    #[must_use]
    pub fn patch(&self, old: Option<Hash>, new: Hash) -> PathBuf {
        let old = old.map_or_else(|| "nothing".to_owned(), |old| old.to_string());
        self.folder.path().join("patches").join(format!("{old}-{new}"))
    }

    /// Takes `tree` as it lies at `place`, which is only read.
    pub fn know(&mut self, tree: &Tree, place: &Path) {
        self.trees.insert(tree.hash(), place.to_owned());
        for entry in &tree.entries {
            let path = if tree.kind == Kind::File { place.to_owned() } else { place.join(&entry.path) };
            // Copied when needed: what is linked must not change, and a link would not reach another file system.
            self.files.entry((entry.hash, entry.executable)).or_insert(path);
        }
    }

    /// Puts the tree `hash` together and returns where it lies.
    ///
    /// # Errors
    /// [`ReleaseError::NoContent`], [`ReleaseError::Manifest`], [`ReleaseError::Store`], [`ReleaseError::Io`].
    pub async fn tree(&mut self, store: &Store, database: &Database, hash: Hash) -> Result<PathBuf, ReleaseError> {
        if let Some(place) = self.trees.get(&hash) {
            return Ok(place.clone());
        }
        let tree = read_tree(store, database, hash).await?;
        let place = self.folder.path().join("trees").join(hash.to_string());
        if tree.kind == Kind::Folder {
            fs::create_dir(&place).map_err(|source| ReleaseError::io("make", &place, source))?;
        }
        let mut last_parent = None;
        for entry in &tree.entries {
            let from = self.file(store, entry).await?;
            let to = if tree.kind == Kind::File { place.clone() } else { place.join(&entry.path) };
            let parent = to.parent().map(Path::to_owned);
            if parent != last_parent {
                if let Some(parent) = &parent {
                    fs::create_dir_all(parent).map_err(|source| ReleaseError::io("make", parent, source))?;
                }
                last_parent = parent;
            }
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(drop))
                .map_err(|source| ReleaseError::io("write", &to, source))?;
        }
        self.trees.insert(hash, place.clone());
        Ok(place)
    }

    /// Where the content of `entry` lies on the bench.
    async fn file(&mut self, store: &Store, entry: &Entry) -> Result<PathBuf, ReleaseError> {
        let key = (entry.hash, entry.executable);
        let suffix = if entry.executable { "-x" } else { "" };
        let place = self.folder.path().join("files").join(format!("{}{suffix}", entry.hash));
        match self.files.get(&key) {
            Some(known) if *known == place => return Ok(place),
            Some(known) => {
                // It lies in the bundle, which is not verified again here: the diff hashes what it reads.
                fs::copy(known, &place).map_err(|source| ReleaseError::io("copy", known, source))?;
            }
            None => {
                let write = |source| ReleaseError::io("write", &place, source);
                let mut file = File::create(&place).map_err(write)?;
                let mut content = store.get(&entry.hash).await?;
                while let Some(piece) = content.next_piece().await? {
                    file.write_all(&piece).map_err(write)?;
                }
                if entry.executable {
                    files::set_executable(&file).map_err(write)?;
                }
            }
        }
        self.files.insert(key, place.clone());
        Ok(place)
    }
}

/// The files of a tree that is in the store.
///
/// # Errors
/// [`ReleaseError::NoContent`], [`ReleaseError::Manifest`], [`ReleaseError::Store`].
pub async fn read_tree(store: &Store, database: &Database, hash: Hash) -> Result<Tree, ReleaseError> {
    let known = database.tree(hash).await?.ok_or(ReleaseError::NoContent { tree: hash })?;
    manifest::read(&store.read(&known.manifest, manifest::MAX_BYTES).await?, hash)
}

/// Removes benches that nobody uses any more.
fn sweep(parent: &Path) {
    let Ok(items) = fs::read_dir(parent) else { return };
    for item in items.flatten() {
        if !item.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        match files::open_plain(&item.path().join(LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => drop(fs::remove_dir_all(item.path())),
            Ok(_) => {}
            // Killed before there was a lock, or while the bench went: then it is empty, or still without a lock. One
            // that is just being made is empty too, and its maker makes another.
            Err(_) => {
                if fs::remove_dir(item.path()).is_err() && !item.path().join(LOCK).exists() {
                    let _ = fs::remove_dir_all(item.path());
                }
            }
        }
    }
}
