//! Any bytes as a residue, and the residues of real files with some bytes changed: an error, or output within bounds.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smidge::repack::{Packer, Unpacked, sniff, unpack};

macro_rules! samples {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../tests/data/repack/", $name)).as_slice())),*]
    };
}

static SAMPLES: LazyLock<Vec<Unpacked>> = LazyLock::new(|| {
    let files =
        samples!["panel-old.js.br", "quality5.js.br", "icons-old.woff2", "level9.js.gz", "members.zip", "chunks.png"];
    files.iter().map(|(name, bytes)| unpack(bytes, sniff(bytes, name).unwrap(), 1 << 20).unwrap()).collect()
});

fuzz_target!(|data: &[u8]| {
    let [sample, high, low, rest @ ..] = data else { return };
    match SAMPLES.get(usize::from(*sample)) {
        // Changes of three bytes each: where, and what to.
        Some(sample) => {
            let mut residue = sample.residue.clone();
            for change in data[1..].chunks_exact(3) {
                let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % residue.len();
                residue[place] = change[2];
            }
            pack(&residue, &sample.content);
        }
        None => {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let (residue, content) = rest.split_at(length);
            pack(residue, content);
        }
    }
});

fn pack(residue: &[u8], content: &[u8]) {
    let mut out = Vec::new();
    let mut packer = Packer::new(residue, &mut out);
    if packer.write(content).is_ok() && packer.finish().is_ok() {
        assert!(out.len() <= 16 * (residue.len() + content.len()));
    }
}
