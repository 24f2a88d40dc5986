//! The stream of the bidiff and bipatch crates, in a zstd frame as its users ship it.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | magic 0xB1DF, little-endian |
//! | 4 | version 0x1000, little-endian |
//! | … | controls until the end: varint, that many differences; varint, that many new bytes; zigzag varint, distance in old |
//!
//! The stream does not tell its own length, so one that is cut between two controls cannot be told from a whole one.

use std::io::{BufRead, BufReader, Read, Write};

use super::{
    ExchangeError, controls,
    replay::{Old, Replay},
};
use crate::{
    limits::Limits,
    wire::{put_varint, read_varint, unzigzag, zigzag},
};

const HEADER: [u8; 8] = [0xdf, 0xb1, 0, 0, 0, 0x10, 0, 0];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_LEVEL: i32 = 19;
/// What reading takes besides the window of the zstd frame.
const FIXED_BYTES: u64 = 1 << 20;

/// Makes the stream that turns `old` into `new`, compressed, after applying it once to be sure.
///
/// # Errors
/// [`ExchangeError::TooLargeForFormat`] from 2 GiB on; [`ExchangeError::WrongResult`] should never come.
pub fn diff(old: &[u8], new: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let mut stream = HEADER.to_vec();
    for control in controls::find(old, new)? {
        put_varint(&mut stream, control.add.len() as u64);
        stream.extend(control.differences(old, new));
        put_varint(&mut stream, control.insert.len() as u64);
        stream.extend_from_slice(&new[control.insert.clone()]);
        put_varint(&mut stream, zigzag(control.seek));
    }
    let mut check = controls::Compare::new(new);
    replay(old, &mut &stream[..], &mut check, new.len() as u64)?;
    check.finish()?;
    zstd::encode_all(&stream[..], ZSTD_LEVEL).map_err(|source| ExchangeError::io("cannot compress the patch", source))
}

/// Applies a stream, compressed or not, to `old`. The caller compares the hash of `new` with one that it trusts.
///
/// # Errors
/// [`ExchangeError`] tells what is wrong; `new` holds then a part of the result and must be thrown away.
pub fn apply(
    old: &std::fs::File,
    patch: &mut dyn Read,
    new: &mut dyn Write,
    limits: &Limits,
) -> Result<(), ExchangeError> {
    let budget = limits.apply_memory_bytes;
    let Some(window_bytes) = budget.checked_sub(FIXED_BYTES).filter(|bytes| *bytes >= 1 << 10) else {
        return Err(ExchangeError::Memory { needed: FIXED_BYTES + (1 << 10), limit: budget });
    };
    let mut patch = BufReader::new(patch);
    let first = patch.fill_buf().map_err(|source| ExchangeError::read("its header", source))?;
    if !first.starts_with(&ZSTD_MAGIC) {
        return replay(old, &mut patch, new, limits.new_bytes);
    }
    let to_error = |source| ExchangeError::io("cannot decompress the patch", source);
    let mut plain = zstd::Decoder::with_buffer(patch).map_err(to_error)?;
    plain.window_log_max(window_bytes.ilog2().min(31)).map_err(to_error)?;
    replay(old, &mut BufReader::new(plain), new, limits.new_bytes)
}

fn replay<O: Old + ?Sized>(
    old: &O,
    stream: &mut impl BufRead,
    new: &mut dyn Write,
    limit: u64,
) -> Result<(), ExchangeError> {
    let mut header = [0; HEADER.len()];
    stream.read_exact(&mut header).map_err(|source| ExchangeError::read("its header", source))?;
    if header != HEADER {
        return Err(ExchangeError::NotAPatch { expected: "a bidiff stream", found: header.to_vec() });
    }
    let mut replay = Replay::new(old, new, limit)?;
    while !stream.fill_buf().map_err(|source| ExchangeError::read("a control", source))?.is_empty() {
        let add = read_varint(stream, "a count of differences", u64::MAX)?;
        replay.add(add, stream)?;
        let insert = read_varint(stream, "a count of new bytes", u64::MAX)?;
        replay.insert(insert, stream)?;
        replay.seek(unzigzag(read_varint(stream, "a distance in old", u64::MAX)?))?;
    }
    Ok(())
}
