//! Peers that are Rust crates, run by this program itself as a helper, so that each is a process of its own:
//! `peers helper CRATE diff OLD NEW PATCH`, `peers helper CRATE apply OLD PATCH OUT`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};

use brotli::enc::{BrotliEncoderParams, StandardAlloc};

type Bytes = io::Result<Vec<u8>>;

pub fn helper(args: &[String]) -> io::Result<()> {
    let [coder, what, old, from, to] = args else {
        return Err(io::Error::other("usage: helper CRATE diff|apply OLD FROM TO"));
    };
    let old = fs::read(old)?;
    match (coder.as_str(), what.as_str()) {
        // Streams its output, as a user of bipatch would.
        ("bidiff-zstd", "apply") => {
            let mut patch = zstd::Decoder::new(File::open(from)?)?;
            patch.window_log_max(31)?;
            let mut new = bipatch::Reader::new(BufReader::new(patch), Cursor::new(&old)).map_err(io::Error::other)?;
            let mut out = BufWriter::new(File::create(to)?);
            io::copy(&mut new, &mut out)?;
            out.flush()
        }
        (coder, "diff") => fs::write(to, diff(coder, &old, &fs::read(from)?)?),
        (coder, _) => fs::write(to, apply(coder, &old, &fs::read(from)?)?),
    }
}

fn diff(coder: &str, old: &[u8], new: &[u8]) -> Bytes {
    let mut patch = Vec::new();
    match coder {
        "bidiff-zstd" => {
            let mut encoder = zstd::Encoder::new(&mut patch, 22)?;
            encoder.long_distance_matching(true)?;
            encoder.window_log(27)?;
            bidiff::simple_diff(old, new, &mut encoder)?;
            encoder.finish()?;
        }
        "qbsdiff" => {
            qbsdiff::Bsdiff::new(old, new).compression_level(9).compare(&mut patch)?;
        }
        "aehobak-xz" => {
            let mut raw = Vec::new();
            aehobak::diff(old, new, &mut raw)?;
            liblzma::read::XzEncoder::new(raw.as_slice(), 9 | XZ_EXTREME).read_to_end(&mut patch)?;
        }
        "aehobak-zstd" => {
            let mut raw = Vec::new();
            aehobak::diff(old, new, &mut raw)?;
            patch = zstd::bulk::compress(&raw, 22)?;
        }
        "brotli" => brotli_diff(old, new, &mut patch)?,
        "whole-zstd" => patch = zstd::bulk::compress(new, 19)?,
        other => return Err(io::Error::other(format!("no such crate: {other}"))),
    }
    Ok(patch)
}

/// aehobak fills what was reserved and no more, and its patches do not say how much that is.
const AEHOBAK_NEW_BYTES: usize = 1 << 30;

fn apply(coder: &str, old: &[u8], patch: &[u8]) -> Bytes {
    let mut new = Vec::new();
    if coder.starts_with("aehobak") {
        new.reserve_exact(AEHOBAK_NEW_BYTES);
    }
    match coder {
        "qbsdiff" => {
            qbsdiff::Bspatch::new(patch)?.apply(old, &mut new)?;
        }
        "aehobak-xz" => {
            let mut raw = Vec::new();
            liblzma::read::XzDecoder::new(patch).read_to_end(&mut raw)?;
            aehobak::patch(old, &raw, &mut new)?;
        }
        "aehobak-zstd" => aehobak::patch(old, &zstd::decode_all(patch)?, &mut new)?,
        "brotli" => {
            let dictionary = old.to_vec().into();
            brotli::Decompressor::new_with_custom_dict(patch, 1 << 16, dictionary).read_to_end(&mut new)?;
        }
        "whole-zstd" => new = zstd::decode_all(patch)?,
        other => return Err(io::Error::other(format!("no such crate: {other}"))),
    }
    Ok(new)
}

/// liblzma's flag for `xz -e`.
const XZ_EXTREME: u32 = 1 << 31;

/// Quality 11 with all of old as raw dictionary, and a window that covers both.
fn brotli_diff(old: &[u8], new: &[u8], patch: &mut Vec<u8>) -> io::Result<()> {
    let window_bits = (old.len() + new.len()).next_power_of_two().trailing_zeros().clamp(24, 30) as i32;
    let params = BrotliEncoderParams {
        quality: 11,
        lgwin: window_bits,
        large_window: window_bits > 24,
        size_hint: new.len(),
        ..Default::default()
    };
    let (mut from, mut to) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    brotli::BrotliCompressCustomIoCustomDict(
        &mut brotli::IoReaderWrapper(&mut &*new),
        &mut brotli::IoWriterWrapper(patch),
        &mut from,
        &mut to,
        &params,
        StandardAlloc::default(),
        &mut |_, _, _, _| (),
        old,
        io::ErrorKind::UnexpectedEof.into(),
    )?;
    Ok(())
}
