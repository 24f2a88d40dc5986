//! Real bytecode with bytes changed on both sides: the device computes the image that the build side planned, and
//! refuses hints that are damaged or meant for another old, without panic and within bounds.
//!
//! An input is a sample (0x80: old and new the other way round; 0x40: also new as a wrong old), then changes of four
//! bytes: which of old, new and hints; where, 16 bits; the byte there.

#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use smidge::hermes::{Bounds, Image, plan, predict};

const SAMPLES: [[&[u8]; 2]; 8] = [
    [include_bytes!("../../tests/data/hermes/v84.hbc"), include_bytes!("../../tests/data/hermes/v84-next.hbc")],
    [include_bytes!("../../tests/data/hermes/v89.hbc"), include_bytes!("../../tests/data/hermes/v89-next.hbc")],
    [include_bytes!("../../tests/data/hermes/v94.hbc"), include_bytes!("../../tests/data/hermes/v94-next.hbc")],
    [include_bytes!("../../tests/data/hermes/v96.hbc"), include_bytes!("../../tests/data/hermes/v96-next.hbc")],
    [include_bytes!("../../tests/data/hermes/v96.hbc"), include_bytes!("../../tests/data/hermes/v96-next-debug.hbc")],
    [include_bytes!("../../tests/data/hermes/v96.hbc"), include_bytes!("../../tests/data/hermes/v96-next-base.hbc")],
    [include_bytes!("../../tests/data/hermes/v98.hbc"), include_bytes!("../../tests/data/hermes/v98-next.hbc")],
    [include_bytes!("../../tests/data/hermes/v99.hbc"), include_bytes!("../../tests/data/hermes/v99-next.hbc")],
];
const LIMIT: u64 = 1 << 16;
/// Enough for every sample; damaged hints may take all of it.
const DAMAGED: Bounds = Bounds { image_bytes: 1 << 14, memory_bytes: 6 << 20 };

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Image for Bytes {
    fn put(&mut self, at: u64, bytes: &[u8], _tag: u8) -> io::Result<()> {
        assert!(at + bytes.len() as u64 <= LIMIT);
        let end = at as usize + bytes.len();
        if self.0.len() < end {
            self.0.resize(end, 0);
        }
        self.0[at as usize..end].copy_from_slice(bytes);
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let [sample, changes @ ..] = data else { return };
    let [mut old, mut new] = SAMPLES[usize::from(*sample) % SAMPLES.len()].map(<[u8]>::to_vec);
    if sample & 0x80 != 0 {
        std::mem::swap(&mut old, &mut new);
    }
    change(&mut old, changes, 0);
    change(&mut new, changes, 1);
    let Some(plan) = plan(&old, &new) else { return };

    let mut image = Bytes::default();
    let bounds = Bounds { image_bytes: LIMIT, memory_bytes: plan.memory_bytes };
    let bytes = predict(&mut &old[..], &plan.hints[..], &mut image, bounds).expect("the device reads the hints");
    image.0.resize(bytes as usize, 0);
    assert!(image.0 == plan.image, "the device's image is the planned one");

    let mut hints = plan.hints.clone();
    let damaged = change(&mut hints, changes, 2);
    if damaged {
        let _ = predict(&mut &old[..], &hints[..], &mut Bytes::default(), DAMAGED);
    } else if sample & 0x40 != 0 {
        let _ = predict(&mut &new[..], &plan.hints[..], &mut Bytes::default(), DAMAGED);
    }
});

fn change(bytes: &mut [u8], changes: &[u8], which: u8) -> bool {
    let mut changed = false;
    for change in changes.chunks_exact(4).filter(|change| change[0] % 3 == which) {
        let at = usize::from(u16::from_le_bytes([change[1], change[2]]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = change[3];
            changed = true;
        }
    }
    changed
}
