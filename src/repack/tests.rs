//! What holds for every kind of file, on small real ones.

use std::{fs, path::Path};

use super::*;

const LIMIT: usize = 1 << 20;

/// The samples: name and bytes.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/repack");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "md"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    samples.sort();
    samples
}

fn sample(name: &str) -> Unpacked {
    let (_, bytes) = samples().into_iter().find(|(sample, _)| sample == name).unwrap();
    unpack(&bytes, sniff(&bytes, name).unwrap(), LIMIT).unwrap()
}

fn pack(unpacked: &Unpacked, piece_bytes: usize) -> Result<Vec<u8>, RepackError> {
    let mut out = Vec::new();
    let mut packer = Packer::new(&unpacked.residue, &mut out);
    for piece in unpacked.content.chunks(piece_bytes) {
        packer.write(piece)?;
    }
    packer.finish()?;
    Ok(out)
}

#[test]
fn every_sample_comes_back_exactly_from_content_in_pieces_of_any_size() {
    for (name, bytes) in samples() {
        let unpacked = unpack(&bytes, sniff(&bytes, &name).unwrap(), LIMIT).unwrap();
        for piece_bytes in [1, 7, 4096, LIMIT] {
            assert!(pack(&unpacked, piece_bytes).unwrap() == bytes, "{name} in pieces of {piece_bytes}");
        }
    }
}

#[test]
fn compressed_siblings_share_their_content() {
    assert_eq!(sample("panel-new.js.gz").content, sample("panel-new.js.br").content);
    assert_eq!(sample("level9.js.gz").content, sample("panel-old.js.gz").content[..6000]);
    let zip = sample("members.zip").content;
    assert!(zip.windows(6000).any(|window| window == sample("level9.js.gz").content));
}

#[test]
fn the_image_data_of_a_png_lies_open() {
    let content = sample("chunks.png").content;
    let row: Vec<u8> = (0..40u32).map(|x| (x * 7) as u8).collect();
    assert!(content.windows(40).any(|window| window == row));
}

#[test]
fn a_file_cut_short_is_refused() {
    for (name, bytes) in samples() {
        let kind = sniff(&bytes, &name).unwrap();
        // A zip needs no end to be taken apart.
        for length in (0..bytes.len()).step_by(3).filter(|_| kind != Kind::Zip) {
            if let Ok(unpacked) = unpack(&bytes[..length], kind, LIMIT) {
                assert_eq!(pack(&unpacked, LIMIT).unwrap(), bytes[..length], "{name} of {length} bytes");
            }
        }
    }
}

#[test]
fn what_is_taken_apart_comes_back_even_from_damaged_files() {
    for (name, mut bytes) in samples().into_iter().filter(|(_, bytes)| bytes.len() < 4100) {
        let kind = sniff(&bytes, &name).unwrap();
        for index in 0..bytes.len() {
            {
                let flip = 0x11 << (index % 4);
                bytes[index] ^= flip;
                if let Ok(unpacked) = unpack(&bytes, kind, LIMIT) {
                    assert!(pack(&unpacked, LIMIT).unwrap() == bytes, "{name} with byte {index} changed by {flip}");
                }
                bytes[index] ^= flip;
            }
        }
    }
}

#[test]
fn a_damaged_residue_ends_in_an_error_or_in_bounded_output() {
    for (_, bytes) in samples().iter().filter(|(_, bytes)| bytes.len() < 3000) {
        let name = ".br";
        let unpacked = unpack(bytes, sniff(bytes, name).unwrap(), LIMIT).unwrap();
        for index in 0..unpacked.residue.len() {
            for flip in [1, 0x80, 0xff] {
                let mut residue = unpacked.residue.clone();
                residue[index] ^= flip;
                let bound = 16 * (residue.len() + unpacked.content.len());
                let damaged = Unpacked { content: unpacked.content.clone(), residue };
                if let Ok(out) = pack(&damaged, LIMIT) {
                    assert!(out.len() <= bound);
                }
            }
        }
    }
}

#[test]
fn content_of_another_length_is_refused() {
    for (_, bytes) in samples() {
        let mut unpacked = unpack(&bytes, sniff(&bytes, ".br").unwrap(), LIMIT).unwrap();
        unpacked.content.push(0);
        assert!(matches!(pack(&unpacked, LIMIT), Err(RepackError::WrongLength { what: "longer" })));
        unpacked.content.truncate(unpacked.content.len() - 2);
        assert!(pack(&unpacked, LIMIT).is_err());
    }
}

#[test]
fn more_than_the_limit_is_refused() {
    for (name, bytes) in samples() {
        let kind = sniff(&bytes, &name).unwrap();
        let unpacked = unpack(&bytes, kind, LIMIT).unwrap();
        let total = unpacked.content.len() + unpacked.residue.len();
        assert!(unpack(&bytes, kind, total).is_ok());
        assert!(matches!(unpack(&bytes, kind, total - 1), Err(RepackError::TooLarge { .. })));
    }
}

#[test]
fn plain_files_are_left_alone() {
    assert_eq!(sniff(b"let a = 1;", "a.js"), None);
    assert_eq!(sniff(b"", "a.br"), None);
    assert!(unpack(b"PK\x05\x06", Kind::Zip, LIMIT).is_err());
}
