//! Both formats against the crates that made them.

use std::{
    fs::File,
    io::{Cursor, Read, Seek, Write},
};

use proptest::prelude::*;

use super::*;
use crate::limits::Limits;

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn apply_bsdiff(old: &[u8], patch: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let mut new = Vec::new();
    bsdiff::apply(&file(old), &file(patch), &mut new, &Limits::default()).map(|()| new)
}

fn apply_bidiff(old: &[u8], mut patch: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let mut new = Vec::new();
    bidiff::apply(&file(old), &mut patch, &mut new, &Limits::default()).map(|()| new)
}

fn pairs() -> Vec<(Vec<u8>, Vec<u8>)> {
    let text: Vec<u8> = (0..20_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut changed = text.clone();
    changed[40_000] ^= 1;
    changed.splice(60_000..60_010, *b"something else");
    let moved = [&text[50_000..], &text[..50_000]].concat();
    vec![
        (vec![], vec![]),
        (vec![], b"new".to_vec()),
        (b"old".to_vec(), vec![]),
        (text.clone(), text.clone()),
        (text.clone(), changed),
        (text, moved),
        (vec![0; 100_000], vec![0; 100_001]),
    ]
}

#[test]
fn what_we_write_the_others_read() {
    for (old, new) in pairs() {
        let patch = bsdiff::diff(&old, &new).unwrap();
        let mut found = Vec::new();
        qbsdiff::Bspatch::new(&patch).unwrap().apply(&old, Cursor::new(&mut found)).unwrap();
        assert!(found == new);
        assert!(apply_bsdiff(&old, &patch).unwrap() == new);

        let patch = bidiff::diff(&old, &new).unwrap();
        let stream = zstd::decode_all(&patch[..]).unwrap();
        let mut found = Vec::new();
        bipatch::Reader::new(&stream[..], Cursor::new(&old)).unwrap().read_to_end(&mut found).unwrap();
        assert!(found == new);
        assert!(apply_bidiff(&old, &patch).unwrap() == new);
        assert!(apply_bidiff(&old, &stream).unwrap() == new);
    }
}

#[test]
fn what_qbsdiff_writes_we_read() {
    for (old, new) in pairs() {
        let mut patch = Vec::new();
        qbsdiff::Bsdiff::new(&old, &new).compare(Cursor::new(&mut patch)).unwrap();
        assert!(apply_bsdiff(&old, &patch).unwrap() == new);
    }
}

#[test]
fn a_truncated_patch_is_refused() {
    let (old, new) = (b"one two three four".to_vec(), b"one 2 three 4 five".to_vec());
    let patch = bsdiff::diff(&old, &new).unwrap();
    for len in 0..patch.len() {
        // The stream of new bytes is the last; where none is needed, its end is not missed.
        assert!(apply_bsdiff(&old, &patch[..len]).map_or(true, |found| found == new), "{len}");
    }
    assert!(apply_bsdiff(&old, &patch[..patch.len() / 2]).is_err());
    let patch = bidiff::diff(&old, &new).unwrap();
    for len in 0..patch.len() {
        assert!(apply_bidiff(&old, &patch[..len]).is_err(), "{len}");
    }
}

fn header(controls: u64, differences: u64, new: u64) -> Vec<u8> {
    [*b"BSDIFF40", controls.to_le_bytes(), differences.to_le_bytes(), new.to_le_bytes()].concat()
}

#[test]
fn hostile_sizes_are_refused_before_anything_is_read() {
    let extremes = [1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX];
    for size in extremes {
        for header in [header(size, 0, 1), header(0, size, 1), header(size, size, 1)] {
            assert!(apply_bsdiff(b"old", &header).is_err(), "{size:x}");
        }
        if size != 1 << 63 {
            assert!(apply_bsdiff(b"old", &header(0, 0, size)).is_err(), "{size:x}");
        }
    }
    assert!(matches!(apply_bsdiff(b"old", b"BSDIFF4"), Err(ExchangeError::NotAPatch { .. })));
    assert!(matches!(apply_bsdiff(b"old", b"BSDIFF40"), Err(ExchangeError::Truncated { .. })));
}

#[test]
fn hostile_controls_are_refused() {
    let numbers = [0u64, 1, 4, 1 << 31, 1 << 62, (1 << 63) - 1, (1 << 63) | 1, u64::MAX];
    let compress = |bytes: &[u8]| {
        let mut out = Vec::new();
        bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast()).read_to_end(&mut out).unwrap();
        out
    };
    let content = compress(&[1; 8]);
    for add in numbers {
        for insert in numbers {
            for seek in numbers {
                let controls = compress(&[add, insert, seek].map(u64::to_le_bytes).concat());
                let mut patch = header(controls.len() as u64, content.len() as u64, 6);
                patch.extend_from_slice(&[&controls[..], &content[..], &content[..]].concat());
                // One control that is not right ends it; what is right but too little ends it, too.
                assert!(apply_bsdiff(b"old", &patch).is_err(), "{add:x} {insert:x} {seek:x}");
            }
        }
    }
}

#[test]
fn controls_that_write_nothing_come_to_an_end() {
    let mut controls = Vec::new();
    bzip2::read::BzEncoder::new(std::io::repeat(0).take(24 << 20), bzip2::Compression::best())
        .read_to_end(&mut controls)
        .unwrap();
    let patch = [header(controls.len() as u64, 0, 1), controls].concat();
    assert!(matches!(apply_bsdiff(b"old", &patch), Err(ExchangeError::Malformed { .. })));
}

#[test]
fn a_limit_on_memory_is_kept() {
    let limits = Limits { apply_memory_bytes: 1 << 20, ..Limits::default() };
    let patch = bsdiff::diff(b"old", b"new").unwrap();
    let refused = bsdiff::apply(&file(b"old"), &file(&patch), &mut Vec::new(), &limits);
    assert!(matches!(refused, Err(ExchangeError::Memory { .. })));
    let patch = bidiff::diff(b"old", b"new").unwrap();
    let refused = bidiff::apply(&file(b"old"), &mut &patch[..], &mut Vec::new(), &limits);
    assert!(matches!(refused, Err(ExchangeError::Memory { .. })));
}

#[test]
fn a_limit_on_new_is_kept() {
    let limits = Limits { new_bytes: 2, ..Limits::default() };
    let patch = bsdiff::diff(b"old", b"new").unwrap();
    let refused = bsdiff::apply(&file(b"old"), &file(&patch), &mut Vec::new(), &limits);
    assert!(matches!(refused, Err(ExchangeError::TooLarge { limit: 2 })));
    let patch = bidiff::diff(b"old", b"new").unwrap();
    let refused = bidiff::apply(&file(b"old"), &mut &patch[..], &mut Vec::new(), &limits);
    assert!(matches!(refused, Err(ExchangeError::TooLarge { limit: 2 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_pair_comes_back(old in prop::collection::vec(0u8..4, 0..300), new in prop::collection::vec(0u8..4, 0..300)) {
        prop_assert_eq!(&apply_bsdiff(&old, &bsdiff::diff(&old, &new).unwrap()).unwrap(), &new);
        prop_assert_eq!(&apply_bidiff(&old, &bidiff::diff(&old, &new).unwrap()).unwrap(), &new);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = apply_bidiff(b"some old content", &bytes);
        let _ = apply_bidiff(b"some old content", &[&[0xdf, 0xb1, 0, 0, 0, 0x10, 0, 0], &bytes[..]].concat());
        let _ = apply_bsdiff(b"some old content", &[b"BSDIFF40", &bytes[..]].concat());
    }
}
