//! A store of 100,000 objects is looked after at the speed of the disk, in memory that does not grow with it.

#![cfg(feature = "cli")]

mod common;

use std::{fs, path::Path};

use common::{Place, smidge};
use smidge::hash::Hash;

/// Makes a store of `count` small files without forcing each to disk, and the list of every second hash.
fn store(place: &Place, count: u32) -> String {
    let root = place.join("store");
    let first = place.file("first", "first");
    let path = root.to_str().unwrap().to_owned();
    smidge(&["store", "put", &path, first.to_str().unwrap()]).exits(0);
    for shard in 0..=255u8 {
        fs::create_dir_all(root.join(format!("objects/{shard:02x}"))).unwrap();
    }
    let mut list = format!("{}\n", Hash::of(b"first"));
    for n in 0..count {
        let content = format!("object {n} ").repeat(100 + n as usize % 400);
        let hash = Hash::of(content.as_bytes());
        fs::write(root.join(format!("objects/{:02x}/{hash}", hash.as_bytes()[0])), content).unwrap();
        if n % 2 == 0 {
            list += &format!("{hash}\n");
        }
    }
    place.file("list", list);
    path
}

/// The peak memory of the program, in bytes, and how many seconds it took, as it tells itself.
fn run(arguments: &[&str]) -> (serde_json::Value, u64) {
    let value = smidge(&[arguments, &["--json"]].concat()).exits(0).json();
    eprintln!("{} {}: {value}", arguments[1], arguments[2]);
    let bytes = value["peak_memory_bytes"].as_u64().unwrap_or(0);
    (value, bytes)
}

#[test]
#[ignore = "writes 100,000 files"]
fn memory_does_not_grow_with_the_store() {
    let mut peaks = Vec::new();
    for count in [5_000, 100_000] {
        let place = Place::new();
        let root = store(&place, count);
        let list = place.join("list");
        let list = list.to_str().unwrap();
        let collect = ["store", "collect", &root, "--keep", list, "--grace", "0s"];
        let (scrubbed, scrub_bytes) = run(&["store", "scrub", &root, "--keep", list]);
        assert_eq!((&scrubbed["objects"], &scrubbed["damaged"]), (&(count + 1).into(), &0.into()));
        let (condemned, condemn_bytes) = run(&collect);
        assert_eq!(condemned["condemned"], count / 2);
        let (deleted, sweep_bytes) = run(&collect);
        assert_eq!((&deleted["deleted"], &deleted["missing"]), (&(count / 2).into(), &0.into()));
        assert!(Path::new(&root).exists());
        peaks.push([scrub_bytes, condemn_bytes, sweep_bytes]);
    }
    let [small, large] = peaks[..] else { unreachable!() };
    for (small, large) in small.into_iter().zip(large) {
        assert!(large < small + (8 << 20) && large < 64 << 20, "{small} bytes for few objects, {large} for many");
    }
}
