//! Files above 4 GiB. Run by `.ci/run` with `--ignored`: they take half a minute and address space, but little disk.

mod common;

use std::{fs::File, io::Write, os::unix::fs::FileExt};

use common::{Place, smidge};

const BYTES: u64 = (4 << 30) + (1 << 20);

#[cfg(unix)]
#[test]
#[ignore = "half a minute; run by .ci/run"]
fn a_sparse_file_above_4_gib_is_hashed_and_staged() {
    let place = Place::new();
    let path = place.join("old");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"begin").unwrap();
    file.set_len(BYTES).unwrap();
    file.write_all_at(b"end", BYTES - 3).unwrap();
    let json = smidge(&["hash", path.to_str().unwrap(), "--json"]).exits(0).json();
    assert_eq!(json["bytes"], BYTES);
}
