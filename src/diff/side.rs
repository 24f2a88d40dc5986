//! One side of a diff: its tree, and its files mapped into memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;

use super::DiffError;
use crate::tree::{self, Kind, Tree};

/// A file or a folder, with the content of its files at hand.
pub struct Side {
    /// What it is.
    pub tree: Tree,
    /// The content of each entry; nothing for an empty file.
    maps: Vec<Option<Mmap>>,
}

impl Side {
    /// Scans `root` and maps its files.
    ///
    /// # Errors
    /// Where it is no usable tree, or changes while it is read.
    pub fn open(root: &Path) -> Result<Self, DiffError> {
        let tree = tree::scan(root)?;
        let maps = tree.entries.par_iter().map(|entry| map(&place(root, &tree, &entry.path), entry.size));
        let maps = maps.collect::<Result<_, _>>()?;
        Ok(Self { tree, maps })
    }

    /// The content of the entry of this index.
    #[must_use]
    pub fn content(&self, index: usize) -> &[u8] {
        self.maps[index].as_deref().unwrap_or(&[])
    }
}

fn place(root: &Path, tree: &Tree, path: &str) -> PathBuf {
    if tree.kind == Kind::File { root.to_owned() } else { root.join(path) }
}

fn map(path: &Path, size: u64) -> Result<Option<Mmap>, DiffError> {
    let to_error = |source| DiffError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(to_error)?;
    let found = file.metadata().map_err(to_error)?.len();
    if found != size {
        return Err(DiffError::Changed { path: path.to_owned() });
    }
    if size == 0 {
        return Ok(None);
    }
    // SAFETY: the map is only read. Where another process changes the file meanwhile, the bytes read differ from those
    // hashed and the patch does not verify; where it truncates the file, this process ends with a bus error: a release
    // build is not to be written to while it is diffed.
    let map = unsafe { Mmap::map(&file) }.map_err(to_error)?;
    Ok(Some(map))
}
