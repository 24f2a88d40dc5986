//! Trees: what stands at either end of a patch, a file or a folder of files.
//!
//! A tree is its files: relative paths, content, and whether the owner may execute each. Nothing else is kept: no
//! times, owners or other mode bits, and no empty folders. Symbolic links, sockets, pipes and devices are refused by
//! name. A folder without files is an ordinary tree.

mod collide;
pub mod path;
mod scan;

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{
    hash::{Hash, Hasher},
    limits::Limits,
    wire::put_varint,
};

pub use path::PathError;
pub use scan::{hash_file, scan};

/// What sets the hash of a folder apart from that of any file: a BLAKE3 key derivation context.
pub const FOLDER_CONTEXT: &str = "smidge 1 folder tree hash";

/// Whether a tree is one file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One file, whose own name is of no account.
    File,
    /// A folder, possibly empty.
    Folder,
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies, `/` between the parts; empty where the tree is a single file.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// The BLAKE3 hash of its content.
    pub hash: Hash,
}

/// A file or a folder of files, by path, size and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// File or folder.
    pub kind: Kind,
    /// The files, ascending by the bytes of their paths. Exactly one, with an empty path, for [`Kind::File`].
    pub entries: Vec<Entry>,
}

/// Why a tree cannot be used.
#[derive(Debug, Error)]
pub enum TreeError {
    /// A path that would not mean the same everywhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Two paths that cannot stand beside each other on every file system.
    #[error(
        "{first:?} and {second:?} cannot stand in one tree: they are the same, differ only in case or Unicode \
         normalisation, or one needs a folder where the other is a file; rename one of them"
    )]
    Collision {
        /// The one met first.
        first: String,
        /// The one that collides with it.
        second: String,
    },
    /// The paths do not ascend.
    #[error("{path:?} is out of order: the paths of a tree ascend by their bytes")]
    OutOfOrder {
        /// The path that is not above the one before it.
        path: String,
    },
    /// A name is not UTF-8.
    #[error("the name of {path:?} is not UTF-8; rename the file")]
    NotUtf8 {
        /// The path, as the system gives it.
        path: PathBuf,
    },
    /// Something that is neither a file nor a folder.
    #[error("{path:?} is {found}; a tree holds only files and folders: remove it, or put a copy of the file there")]
    NotPlain {
        /// Where it lies.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// More files than [`Limits::tree_entries`].
    #[error("{path:?} holds more than {limit} files, the most that a tree may have")]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The cap.
        limit: u64,
    },
    /// A single file comes as exactly one entry with an empty path.
    #[error("a tree that is a single file has exactly one entry and no path")]
    NotOneFile,
    /// Reading failed.
    #[error("cannot read {path:?}: {source}")]
    Io {
        /// What was read.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Tree {
    /// The tree that is one file.
    #[must_use]
    pub fn file(size: u64, executable: bool, hash: Hash) -> Self {
        Self { kind: Kind::File, entries: vec![Entry { path: String::new(), size, executable, hash }] }
    }

    /// The folder of `entries`, which may come in any order.
    ///
    /// # Errors
    /// As [`Tree::check`].
    pub fn folder(mut entries: Vec<Entry>) -> Result<Self, TreeError> {
        entries.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        let tree = Self { kind: Kind::Folder, entries };
        tree.check()?;
        Ok(tree)
    }

    /// Checks that every path is safe, that they ascend, and that no two collide on any file system: after case
    /// folding and Unicode normalisation, or as a file where another path needs a folder.
    ///
    /// Time and memory are linear in the length of all paths together.
    ///
    /// # Errors
    /// [`TreeError::Path`], [`TreeError::OutOfOrder`], [`TreeError::Collision`], [`TreeError::NotOneFile`].
    pub fn check(&self) -> Result<(), TreeError> {
        if self.kind == Kind::File {
            return match &self.entries[..] {
                [entry] if entry.path.is_empty() => Ok(()),
                _ => Err(TreeError::NotOneFile),
            };
        }
        check_paths(self.entries.iter().map(|entry| entry.path.as_str()))
    }

    /// The tree hash.
    ///
    /// For [`Kind::File`] it is the BLAKE3 hash of the content, what `b3sum` prints; the executable bit does not
    /// count. For [`Kind::Folder`] it is the root over the sorted entries: BLAKE3 in its key derivation mode with
    /// the context [`FOLDER_CONTEXT`], over these bytes for each entry in ascending order of path bytes:
    ///
    /// | bytes | field |
    /// |---|---|
    /// | 1 to 2 | length of the path in bytes, LEB128 varint |
    /// | that many | the path, UTF-8, `/` between its parts |
    /// | 1 | 1 where the owner may execute the file, else 0 |
    /// | 32 | BLAKE3 hash of the content |
    ///
    /// The key derivation context sets it apart from the hash of any file, and each path is preceded by its length,
    /// so two different trees never give the same bytes. Sizes follow from the content hashes. The hash of an empty
    /// folder is that of no bytes under the context.
    ///
    /// `check` is assumed to have passed.
    #[must_use]
    pub fn hash(&self) -> Hash {
        if self.kind == Kind::File {
            return self.entries.first().map_or_else(|| Hash::of(&[]), |entry| entry.hash);
        }
        let mut hasher = Hasher::with_context(FOLDER_CONTEXT);
        let mut record = Vec::with_capacity(path::MAX_PATH_BYTES / 4);
        for entry in &self.entries {
            record.clear();
            put_varint(&mut record, entry.path.len() as u64);
            record.extend_from_slice(entry.path.as_bytes());
            record.push(u8::from(entry.executable));
            record.extend_from_slice(entry.hash.as_bytes());
            hasher.update(&record);
        }
        hasher.finish()
    }

    /// The sizes of all files together, in bytes; `u64::MAX` where they do not fit.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_bytes().cmp(path.as_bytes()));
        at.ok().map(|at| &self.entries[at])
    }
}

/// Checks the paths of a folder before anything else is known of its files: each safe, all ascending, none colliding.
///
/// # Errors
/// [`TreeError::Path`], [`TreeError::OutOfOrder`], [`TreeError::Collision`], and [`TreeError::TooMany`] above the
/// default of [`Limits::tree_entries`].
pub fn check_paths<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Result<(), TreeError> {
    let limit = Limits::default().tree_entries;
    let mut last: Option<&str> = None;
    for (at, path) in (0u64..).zip(paths.clone()) {
        if at == limit {
            return Err(TreeError::TooMany { path: PathBuf::from("."), limit });
        }
        path::check(path)?;
        match last.map(|last| last.as_bytes().cmp(path.as_bytes())) {
            None | Some(std::cmp::Ordering::Less) => last = Some(path),
            Some(std::cmp::Ordering::Equal) => {
                return Err(TreeError::Collision { first: path.to_owned(), second: path.to_owned() });
            }
            Some(std::cmp::Ordering::Greater) => return Err(TreeError::OutOfOrder { path: path.to_owned() }),
        }
    }
    collide::check(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, executable: bool, content: &[u8]) -> Entry {
        Entry { path: path.to_owned(), size: content.len() as u64, executable, hash: Hash::of(content) }
    }

    fn folder(entries: &[(&str, bool, &[u8])]) -> Tree {
        Tree::folder(entries.iter().map(|(path, executable, content)| entry(path, *executable, content)).collect())
            .unwrap()
    }

    #[test]
    fn the_hash_of_a_file_is_the_hash_of_its_content() {
        let tree = Tree::file(6, true, Hash::of(b"smidge"));
        tree.check().unwrap();
        assert_eq!(tree.hash(), Hash::of(b"smidge"));
    }

    #[test]
    fn the_hash_of_a_folder_tells_apart_all_that_is_kept() {
        let trees = [
            folder(&[]),
            folder(&[("a", false, b"")]),
            folder(&[("a", false, b"1")]),
            folder(&[("a", true, b"1")]),
            folder(&[("b", false, b"1")]),
            folder(&[("a/b", false, b"1")]),
            folder(&[("a", false, b"1"), ("b", false, b"1")]),
            Tree::file(0, false, Hash::of(b"")),
        ];
        let hashes: std::collections::HashSet<_> = trees.iter().map(Tree::hash).collect();
        assert_eq!(hashes.len(), trees.len());
    }

    #[test]
    fn the_hash_of_a_folder_is_what_the_format_says() {
        let mut bytes = vec![3];
        bytes.extend_from_slice(b"a/b\x01");
        bytes.extend_from_slice(Hash::of(b"1").as_bytes());
        let expected = blake3::derive_key("smidge 1 folder tree hash", &bytes);
        assert_eq!(folder(&[("a/b", true, b"1")]).hash(), Hash::from_bytes(expected));
    }

    #[test]
    fn the_order_in_which_entries_come_does_not_matter() {
        let one = folder(&[("a-b", false, b"1"), ("a/b", false, b"2"), ("a0", false, b"3")]);
        let other = folder(&[("a0", false, b"3"), ("a-b", false, b"1"), ("a/b", false, b"2")]);
        assert_eq!(one, other);
        assert_eq!(one.get("a/b").unwrap().size, 1);
        assert_eq!(one.get("a"), None);
        assert_eq!(one.total_bytes(), 3);
    }

    #[test]
    fn a_tree_that_is_not_well_formed_is_refused() {
        let refused = |kind, paths: &[&str]| {
            let entries = paths.iter().map(|path| entry(path, false, b"")).collect();
            Tree { kind, entries }.check().unwrap_err()
        };
        assert!(matches!(refused(Kind::Folder, &["b", "a"]), TreeError::OutOfOrder { path } if path == "a"));
        assert!(matches!(refused(Kind::Folder, &["a", "a"]), TreeError::Collision { .. }));
        assert!(matches!(refused(Kind::Folder, &["A", "a"]), TreeError::Collision { .. }));
        assert!(matches!(refused(Kind::Folder, &["a", "a/b"]), TreeError::Collision { .. }));
        assert!(matches!(refused(Kind::Folder, &["../a"]), TreeError::Path(_)));
        assert!(matches!(refused(Kind::Folder, &[""]), TreeError::Path(_)));
        assert!(matches!(refused(Kind::File, &[]), TreeError::NotOneFile));
        assert!(matches!(refused(Kind::File, &["a"]), TreeError::NotOneFile));
    }
}
