//! A patch that is well sealed but made by an enemy: right hashes over a body of any bytes.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use smidge::{
    apply,
    codec::Sizes,
    hash::Hash,
    limits::Limits,
    patch::{Header, seal},
    tree::{self, Kind},
};

/// A file and a folder to apply to.
static OLD: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let root = tempfile::tempdir().unwrap().keep();
    let text = include_bytes!("../../LICENSE-MIT");
    let (file, folder) = (root.join("file"), root.join("folder"));
    fs::write(&file, text).unwrap();
    fs::create_dir_all(folder.join("a")).unwrap();
    fs::write(folder.join("a/b.js"), &text[..1000]).unwrap();
    fs::write(folder.join("c"), b"").unwrap();
    fs::write(folder.join("d.bundle"), [0xc6, 0x1f, 0xbc, 0x03, 0xc1, 0x03, 0x19, 0x1f, 96, 0, 0, 0]).unwrap();
    (file, folder)
});

fuzz_target!(|data: &[u8]| {
    let [flags, sizes, small, large, body @ ..] = data else { return };
    // Small tables: the large ones differ only in the time that clearing them takes.
    let Some(sizes) = Sizes::from_byte(*sizes & 0x11) else { return };
    let kind = |bit: u8| if flags & bit == 0 { Kind::File } else { Kind::Folder };
    let old = if kind(1) == Kind::File { &OLD.0 } else { &OLD.1 };
    let old_tree = tree::scan(old).unwrap();
    let header = Header {
        old_kind: kind(1),
        new_kind: kind(2),
        old: old_tree.hash(),
        new: Hash::of(b"whatever"),
        old_bytes: old_tree.total_bytes(),
        new_bytes: u64::from(*small) << (large % 13),
        apply_memory_bytes: 1 << 20,
        lanes: flags & 4 != 0,
        sizes,
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    let patch = seal(&bytes, body);
    let limits = Limits { new_bytes: 1 << 20, tree_entries: 1000, ..Limits::default() };
    let options = apply::Options { limits, progress: None };
    assert!(apply::verify(old, &mut &patch[..], &options).is_err(), "the hash of new cannot be right");
});
