//! BSDIFF40, the format of Colin Percival's bsdiff 4, which Expo clients accept.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | `BSDIFF40` |
//! | 8 | compressed bytes of the controls |
//! | 8 | compressed bytes of the differences |
//! | 8 | bytes of new |
//! | … | bzip2 streams of the controls, the differences, the new bytes |
//!
//! A number is 64 bits little-endian, sign and magnitude. A control is three of them: differences to add, new bytes to
//! insert, distance to move on in old. Readers that trusted them were the holes CVE-2014-9862 and CVE-2020-14315.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
};

use bzip2::{Compression, read::BzDecoder, write::BzEncoder};

use super::{
    ExchangeError, controls,
    replay::{Old, Replay},
};
use crate::{files::read_exact_at, limits::Limits};

const MAGIC: &[u8; 8] = b"BSDIFF40";
const HEADER_BYTES: u64 = 32;
/// Three bzip2 decoders at the largest block size, with their buffers.
const APPLY_MEMORY_BYTES: u64 = 3 * 4_000_000;
/// Controls that write nothing tell nothing; a patch of millions of them is an attack.
const MAX_IDLE_CONTROLS: u32 = 1 << 16;

/// Makes the patch that turns `old` into `new`, after applying it once to be sure.
///
/// # Errors
/// [`ExchangeError::TooLargeForFormat`] from 2 GiB on; [`ExchangeError::WrongResult`] should never come.
pub fn diff(old: &[u8], new: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let mut streams = [Stream::new(), Stream::new(), Stream::new()];
    let [control_stream, differences, literals] = &mut streams;
    for control in controls::find(old, new)? {
        for number in [control.add.len() as i64, control.insert.len() as i64, control.seek] {
            control_stream.put(&encode(number));
        }
        differences.extend(control.differences(old, new));
        literals.put(&new[control.insert.clone()]);
    }
    let [controls, differences, literals] = streams.map(Stream::finish);
    let (controls, differences, literals) = (controls?, differences?, literals?);
    let mut patch = MAGIC.to_vec();
    for number in [controls.len(), differences.len(), new.len()] {
        patch.extend_from_slice(&encode(number as i64));
    }
    patch.extend_from_slice(&controls);
    patch.extend_from_slice(&differences);
    patch.extend_from_slice(&literals);

    let mut check = controls::Compare::new(new);
    let parts = [&controls[..], &differences[..], &literals[..]];
    replay(old, parts.map(BzDecoder::new), &mut check, new.len() as u64)?;
    check.finish()?;
    Ok(patch)
}

/// Applies `patch` to `old`. Both are read in place. The caller compares the hash of `new` with one that it trusts.
///
/// # Errors
/// [`ExchangeError`] tells what is wrong; `new` holds then a part of the result and must be thrown away.
pub fn apply(old: &File, patch: &File, new: &mut dyn Write, limits: &Limits) -> Result<(), ExchangeError> {
    if limits.apply_memory_bytes < APPLY_MEMORY_BYTES {
        return Err(ExchangeError::Memory { needed: APPLY_MEMORY_BYTES, limit: limits.apply_memory_bytes });
    }
    let metadata = patch.metadata().map_err(|source| ExchangeError::io("cannot read the patch", source))?;
    let patch_bytes = metadata.len();
    let mut header = [0; HEADER_BYTES as usize];
    let header_bytes = patch_bytes.min(HEADER_BYTES) as usize;
    read_exact_at(patch, &mut header[..header_bytes], 0).map_err(|source| ExchangeError::read("its header", source))?;
    if !header.starts_with(MAGIC) {
        let found = header[..header_bytes.min(MAGIC.len())].to_vec();
        return Err(ExchangeError::NotAPatch { expected: "a BSDIFF40 patch", found });
    }
    if header_bytes < header.len() {
        return Err(ExchangeError::Truncated { what: "its header" });
    }
    let controls = read_length(&header[8..16], "the size of its controls")?;
    let differences = read_length(&header[16..24], "the size of its differences")?;
    let new_bytes = read_length(&header[24..32], "the size of new")?;
    if new_bytes > limits.new_bytes {
        return Err(ExchangeError::TooLarge { limit: limits.new_bytes });
    }
    let ends = HEADER_BYTES.checked_add(controls).and_then(|one| Some((one, one.checked_add(differences)?)));
    let Some((one, two)) = ends.filter(|(_, two)| *two <= patch_bytes) else {
        return Err(ExchangeError::Truncated { what: "its compressed parts" });
    };
    let part = |at, end| BzDecoder::new(BufReader::new(Section { file: patch, at, end }));
    replay(old, [part(HEADER_BYTES, one), part(one, two), part(two, patch_bytes)], new, new_bytes)
}

fn replay<O: Old + ?Sized>(
    old: &O,
    [mut controls, mut differences, mut literals]: [impl Read; 3],
    new: &mut dyn Write,
    new_bytes: u64,
) -> Result<(), ExchangeError> {
    let mut replay = Replay::new(old, new, new_bytes)?;
    let mut idle = 0;
    while replay.written() < new_bytes {
        let mut control = [0; 24];
        controls.read_exact(&mut control).map_err(|source| ExchangeError::read("its controls", source))?;
        let add = read_length(&control[..8], "a count of differences")?;
        let insert = read_length(&control[8..16], "a count of new bytes")?;
        idle = if add == 0 && insert == 0 { idle + 1 } else { 0 };
        if idle > MAX_IDLE_CONTROLS {
            return Err(ExchangeError::Malformed {
                what: "the count of controls that write nothing",
                found: idle.into(),
            });
        }
        replay.add(add, &mut differences)?;
        replay.insert(insert, &mut literals)?;
        replay.seek(decode(&control[16..]))?;
    }
    Ok(())
}

fn read_length(bytes: &[u8], what: &'static str) -> Result<u64, ExchangeError> {
    let found = decode(bytes);
    u64::try_from(found).map_err(|_| ExchangeError::Malformed { what, found })
}

/// Sign and magnitude, as the format wants it. Both zeros are 0.
fn encode(number: i64) -> [u8; 8] {
    let sign = u64::from(number < 0) << 63;
    (number.unsigned_abs() | sign).to_le_bytes()
}

/// The inverse of [`encode`]. The magnitude has 63 bits, so both signs fit.
fn decode(bytes: &[u8]) -> i64 {
    let bits = bytes.iter().take(8).rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let magnitude = (bits & (u64::MAX >> 1)) as i64;
    if bits >> 63 == 0 { magnitude } else { -magnitude }
}

/// A bzip2 stream being written into memory.
struct Stream(Result<BzEncoder<Vec<u8>>, io::Error>);

impl Stream {
    fn new() -> Self {
        Self(Ok(BzEncoder::new(Vec::new(), Compression::best())))
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Ok(encoder) = &mut self.0
            && let Err(error) = encoder.write_all(bytes)
        {
            self.0 = Err(error);
        }
    }

    fn extend(&mut self, bytes: impl Iterator<Item = u8>) {
        let mut bytes = bytes.peekable();
        let mut buffer = Vec::with_capacity(4096);
        while bytes.peek().is_some() {
            buffer.clear();
            buffer.extend(bytes.by_ref().take(4096));
            self.put(&buffer);
        }
    }

    fn finish(self) -> Result<Vec<u8>, ExchangeError> {
        self.0.and_then(BzEncoder::finish).map_err(|source| ExchangeError::io("cannot compress the patch", source))
    }
}

/// A part of a file, read by positions.
struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = (self.end - self.at).min(buffer.len() as u64) as usize;
        read_exact_at(self.file, &mut buffer[..part], self.at)?;
        self.at += part as u64;
        Ok(part)
    }
}
