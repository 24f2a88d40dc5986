//! Files above 4 GiB. Run by `.ci/run` with `--ignored`.

#![cfg(unix)]

mod common;

use std::{fs::File, io::Write, os::unix::fs::FileExt, path::PathBuf};

use common::{Place, script, smidge};

const BYTES: u64 = (4 << 30) + (1 << 20);

#[test]
#[ignore = "half a minute and 4 GiB of disk; run by .ci/run"]
fn a_tree_with_a_file_above_4_gib_comes_through_in_little_memory() {
    let place = Place::new();
    let old = place.tree("old", &[("app.js", &script(400, None))]);
    let new = place.tree("new", &[("app.js", &script(400, Some(200))), ("moved/here", b"")]);
    let big = |path: PathBuf| {
        let mut file = File::create(path).unwrap();
        file.write_all(b"begin").unwrap();
        file.set_len(BYTES).unwrap();
        file.write_all_at(b"end", BYTES - 3).unwrap();
    };
    big(old.join("big"));
    big(new.join("moved/here"));
    let [old, new, patch, made] =
        ["old", "new", "patch", "made"].map(|name| place.join(name).to_str().unwrap().to_owned());
    let json = smidge(&["diff", &old, &new, "-o", &patch, "--json"]).exits(0).json();
    assert!(json["new"]["bytes"].as_u64().unwrap() > BYTES && json["patch_bytes"].as_u64().unwrap() < 1000);
    let json = smidge(&["apply", &old, &patch, "-o", &made, "--json"]).exits(0).json();
    // Verified: the hash of all that was written is that of new.
    assert!(json["new"]["bytes"].as_u64().unwrap() > BYTES && json["verified"] == true);
    assert!(json["peak_memory_bytes"].as_u64().is_none_or(|bytes| bytes < 32 << 20), "{json}");
}
