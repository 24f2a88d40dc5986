//! Any two contents: the patch between them brings new back, in both directions, and is never much larger than new.

#![no_main]

use std::{fs, path::Path};

use libfuzzer_sys::fuzz_target;
use smidge::{apply, diff, hash::Hash};

fuzz_target!(|data: &[u8]| {
    let [cut, effort, data @ ..] = data else { return };
    let (one, other) = data.split_at(data.len() * usize::from(*cut) / 256);
    let effort = [diff::Effort::Fast, diff::Effort::Default, diff::Effort::Max][usize::from(effort % 3)];
    let folder = tempfile::tempdir().unwrap();
    round_trip(folder.path(), one, other, effort);
    round_trip(folder.path(), other, one, effort);
});

fn round_trip(folder: &Path, old: &[u8], new: &[u8], effort: diff::Effort) {
    let [old_path, new_path] = ["old", "new"].map(|name| folder.join(name));
    fs::write(&old_path, old).unwrap();
    fs::write(&new_path, new).unwrap();
    let mut patch = Vec::new();
    let options = diff::Options { effort, ..diff::Options::default() };
    diff::diff(&old_path, &new_path, &mut patch, &options).unwrap();
    assert!(patch.len() <= new.len() + 200);
    // Not `apply`, which would wait for the disk; the hash of what was made is checked against new's all the same.
    let summary = apply::verify(&old_path, &mut &patch[..], &apply::Options::default()).unwrap();
    assert_eq!(summary.new.hash(), Hash::of(new));
}
