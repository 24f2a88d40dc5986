//! Any bytes as a BSDIFF40 patch or a bidiff stream.

#![no_main]

use std::{
    fs::File,
    io::{Seek, Write},
    sync::{LazyLock, Mutex},
};

use libfuzzer_sys::fuzz_target;
use smidge::{exchange, limits::Limits};

static OLD: &[u8] = include_bytes!("../../LICENSE-MIT");

struct Files {
    old: File,
    patch: File,
}

static FILES: LazyLock<Mutex<Files>> = LazyLock::new(|| {
    let mut old = tempfile::tempfile().unwrap();
    old.write_all(OLD).unwrap();
    Mutex::new(Files { old, patch: tempfile::tempfile().unwrap() })
});

fuzz_target!(|data: &[u8]| {
    let limits = Limits { new_bytes: 1 << 20, ..Limits::default() };
    let mut files = FILES.lock().unwrap();
    files.patch.set_len(0).unwrap();
    files.patch.rewind().unwrap();
    files.patch.write_all(data).unwrap();
    let mut new = Vec::new();
    let _ = exchange::bsdiff::apply(&files.old, &files.patch, &mut new, &limits);
    assert!(new.len() <= 1 << 20);
    new.clear();
    let _ = exchange::bidiff::apply(&files.old, &mut &data[..], &mut new, &limits);
    assert!(new.len() <= 1 << 20);
});
