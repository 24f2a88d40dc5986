//! Any bytes as a compressed file: what is taken apart comes back exactly. Seeds: `tests/data/repack`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smidge::repack::{Packer, sniff, unpack};

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some(kind) = sniff(data, ".br") else { return };
    let Ok(unpacked) = unpack(data, kind, LIMIT) else { return };
    assert!(unpacked.content.len() + unpacked.residue.len() <= LIMIT);
    for piece_bytes in [LIMIT, 13] {
        let mut out = Vec::new();
        let mut packer = Packer::new(&unpacked.residue, &mut out);
        unpacked.content.chunks(piece_bytes).for_each(|piece| packer.write(piece).unwrap());
        packer.finish().unwrap();
        assert!(out == data);
    }
});
