//! Manifests: the list of a tree's files as an object of the store, so that a tree can be put together again.
//!
//! Devices never see one: their patches say what a tree is. It is text, for people who look into a store:
//!
//! ```text
//! smidge manifest 1 folder
//! HASH SIZE - main.jsbundle
//! HASH SIZE x tools/run.sh
//! ```
//!
//! One line for each file, by ascending path; `x` marks what the owner may execute. A tree that is one file has one line
//! with an empty path, and `file` in the first.

use std::fmt::Write;

use super::ReleaseError;
use crate::{
    hash::Hash,
    tree::{Entry, Kind, Tree},
};

/// The most bytes of a manifest that is read: a million files with paths of ordinary length.
pub const MAX_BYTES: u64 = 256 << 20;
const FIRST: &str = "smidge manifest 1 ";

/// The manifest of `tree`.
#[must_use]
pub fn write(tree: &Tree) -> String {
    let kind = if tree.kind == Kind::File { "file" } else { "folder" };
    let mut text = format!("{FIRST}{kind}\n");
    for entry in &tree.entries {
        let mode = if entry.executable { 'x' } else { '-' };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {mode} {}", entry.hash, entry.size, entry.path);
    }
    text
}

/// Reads the manifest of the tree `expected`.
///
/// # Errors
/// [`ReleaseError::Manifest`] for anything that [`write()`] would not write, or of another tree.
pub fn read(text: &[u8], expected: Hash) -> Result<Tree, ReleaseError> {
    let wrong = |problem: String| ReleaseError::Manifest { tree: expected, problem };
    let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    // Paths hold no control characters, so that every line feed ends a line.
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let kind = match lines.next().and_then(|line| line.strip_prefix(FIRST)) {
        Some("file") => Kind::File,
        Some("folder") => Kind::Folder,
        _ => return Err(wrong("it does not begin as one".to_owned())),
    };
    let mut entries = Vec::new();
    for (line, number) in lines.zip(2..) {
        let entry = entry(line).ok_or_else(|| wrong(format!("line {number} is not one of a file")))?;
        entries.push(entry);
    }
    let tree = Tree { kind, entries };
    tree.check().map_err(|error| wrong(error.to_string()))?;
    if tree.hash() != expected {
        return Err(wrong(format!("it is that of tree {}", tree.hash())));
    }
    Ok(tree)
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.splitn(4, ' ');
    let hash = Hash::from_hex(words.next()?)?;
    let size = words.next()?.parse().ok()?;
    let executable = match words.next()? {
        "x" => true,
        "-" => false,
        _ => return None,
    };
    Some(Entry { path: words.next()?.to_owned(), size, executable, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let entry = |path: &str, executable| Entry { path: path.into(), size: 7, executable, hash: Hash::of(b"1") };
        Tree::folder(vec![entry("a b/c  d", true), entry("é", false)]).unwrap()
    }

    #[test]
    fn a_tree_reads_back_from_its_manifest() {
        for tree in [sample(), Tree::folder(Vec::new()).unwrap(), Tree::file(3, false, Hash::of(b"abc"))] {
            assert_eq!(read(write(&tree).as_bytes(), tree.hash()).unwrap(), tree);
        }
    }

    #[test]
    fn what_is_no_manifest_of_the_tree_is_refused() {
        let text = write(&sample());
        let hash = sample().hash();
        for wrong in [
            String::new(),
            text.replace("manifest 1", "manifest 2"),
            text.replace(" x ", " y "),
            text.replace(" 7 ", " -7 "),
            text.replace("é", "../é"),
            text.replace("a b", "a c"),
            format!("{text}\n"),
            text.lines().rev().collect::<Vec<_>>().join("\n"),
        ] {
            assert!(read(wrong.as_bytes(), hash).is_err(), "{wrong}");
        }
        assert!(read(text.as_bytes(), Hash::of(b"")).is_err());
    }
}
