//! The client's folder: where everything lies, who may write, and what goes.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::{
    DeviceError,
    config::Config,
    record::{self, Kind, Reader, put_bytes},
    state::{Coming, State},
};
use crate::{
    files::FileError,
    hash::Hash,
    trust::{TrustError, Trusted},
};

/// The client's folder.
#[derive(Debug, Clone)]
pub(super) struct Home {
    root: PathBuf,
}

/// A state as it was found.
pub(super) struct Found {
    pub(super) state: State,
    /// Why it had to be begun anew, where it had to; nothing where there was none.
    pub(super) lost: Option<String>,
    /// Whether it is written down.
    pub(super) kept: bool,
}

impl Home {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn slots(&self) -> PathBuf {
        self.root.join("slots")
    }

    /// Where the release lies whose tree is `tree`.
    pub(super) fn slot(&self, tree: &Hash) -> PathBuf {
        self.slots().join(tree.to_string())
    }

    pub(super) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    pub(super) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Makes the folders that are missing.
    pub(super) fn create(&self) -> Result<(), FileError> {
        for folder in [self.slots(), self.downloads()] {
            fs::create_dir_all(&folder).map_err(|source| FileError::io("create", &folder, source))?;
        }
        Ok(())
    }

    /// Keeps others from changing the state until it is dropped. Held for moments only.
    pub(super) fn lock(&self) -> Result<File, FileError> {
        let path = self.root.join("state.lock");
        let file = open_lock(&path)?;
        // Where locks are not to be had there is hardly a second process either.
        let _ = file.lock();
        Ok(file)
    }

    /// Keeps others from fetching and applying until it is dropped.
    pub(super) fn lock_update(&self) -> Result<File, DeviceError> {
        let file = open_lock(&self.root.join("update.lock"))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(DeviceError::Busy { path: self.root.clone() }),
            _ => Ok(file),
        }
    }

    /// The state; a new one where there is none, or none that can be read.
    pub(super) fn read(&self, config: &Config) -> Found {
        let (state, lost) = match record::read(&self.root.join("state"), Kind::State) {
            Ok(None) => (None, None),
            Ok(Some(bytes)) => match State::read(&bytes) {
                Ok(state) => (Some(state), None),
                Err(_) => (None, Some("it does not say what such a file says".to_owned())),
            },
            Err(error) => (None, Some(error.to_string())),
        };
        let kept = state.is_some();
        let state = state.unwrap_or_else(|| State::new(config.machine.random(), config.binary.clone()));
        Found { state, lost, kept }
    }

    pub(super) fn write(&self, state: &State) -> Result<(), FileError> {
        record::write(&self.root.join("state"), Kind::State, &state.write())
    }

    /// Changes the state, durably, and returns what it became.
    pub(super) fn change(&self, config: &Config, change: impl FnOnce(&mut State)) -> Result<State, FileError> {
        let _lock = self.lock()?;
        let found = self.read(config);
        let mut state = found.state.clone();
        change(&mut state);
        if state != found.state || !found.kept {
            self.write(&state)?;
        }
        Ok(state)
    }

    /// What the device believes.
    pub(super) fn trusted(&self, pinned: &[u8]) -> Result<Trusted, TrustError> {
        let kept = record::read(&self.root.join("trust"), Kind::Trust).ok().flatten().unwrap_or_default();
        let mut reader = Reader(&kept);
        let most = kept.len() as u64;
        match (reader.bytes(most), reader.bytes(most)) {
            (Ok(document), Ok(memory)) => Trusted::restored(pinned, document, memory),
            _ => Trusted::pinned(pinned),
        }
    }

    pub(super) fn keep_trusted(&self, trusted: &Trusted) -> Result<(), FileError> {
        let mut out = Vec::new();
        put_bytes(&mut out, trusted.document());
        put_bytes(&mut out, &trusted.memory().write());
        let path = self.root.join("trust");
        if record::read(&path, Kind::Trust).ok().flatten().is_some_and(|kept| kept == out) {
            return Ok(());
        }
        record::write(&path, Kind::Trust, &out)
    }

    /// The trees that lie in slots, complete: a slot gets its name only then.
    pub(super) fn installed(&self) -> Vec<Hash> {
        let Ok(items) = fs::read_dir(self.slots()) else { return Vec::new() };
        let mut found: Vec<Hash> =
            items.flatten().filter_map(|item| Hash::from_hex(item.file_name().to_str()?)).collect();
        found.sort_unstable();
        found
    }

    /// Removes whatever `state` does not need. Only before a bundle is loaded: an app reads its files as it runs.
    pub(super) fn clean(&self, state: &State) {
        if matches!(state.coming, Coming::Downloading(_)) {
            // An update was interrupted: what it has so far is where the next one goes on.
            return;
        }
        let needed = state.slots();
        for tree in self.installed() {
            if !needed.contains(&tree) {
                self.remove_slot(&tree);
            }
        }
        self.clean_downloads(&[]);
    }

    pub(super) fn remove_slot(&self, tree: &Hash) {
        let slot = self.slot(tree);
        // Renamed first, so that half of a release never bears the name of a whole one.
        let going = self.slots().join(format!("going-{tree}"));
        let _ = remove(&going);
        if fs::rename(&slot, &going).is_ok() {
            let _ = remove(&going);
        }
    }

    /// Removes what was fetched, but for the objects to `keep`.
    pub(super) fn clean_downloads(&self, keep: &[Hash]) {
        let Ok(items) = fs::read_dir(self.downloads()) else { return };
        for item in items.flatten() {
            let hash = item.file_name().to_str().and_then(Hash::from_hex);
            if !hash.is_some_and(|hash| keep.contains(&hash)) {
                let _ = remove(&item.path());
            }
        }
    }
}

fn open_lock(path: &Path) -> Result<File, FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| FileError::io("create", folder, source))?;
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(|source| FileError::io("open", path, source))
}

pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
