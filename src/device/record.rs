//! Small files that the client keeps: a magic, a version, the content, and a hash over all of it; replaced durably.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use crate::{
    files::{FileError, Staged, open_plain},
    hash::Hash,
    wire::{put_varint, read_varint},
};

/// No record is longer: four releases of 64 KiB and what stands beside them.
const MAX_BYTES: u64 = 1 << 19;
const MAGIC: [u8; 3] = *b"smd";

/// Which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the device runs and will run.
    State = b's' as isize,
    /// The newest root, and what was seen of the documents.
    Trust = b't' as isize,
    /// What a snapshot holds.
    Snapshot = b'n' as isize,
}

const VERSION: u8 = 1;

/// What stands in the record at `path`; `None` where there is none.
///
/// # Errors
/// `InvalidData` where it is damaged, of another kind or of another version; else as the system's.
pub(super) fn read(path: &Path, kind: Kind) -> io::Result<Option<Vec<u8>>> {
    let file = match open_plain(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let sealed = |problem: &'static str| io::Error::new(io::ErrorKind::InvalidData, problem);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(sealed("it is longer than any such file"));
    }
    let (content, hash) = bytes.split_at_checked(bytes.len().saturating_sub(Hash::BYTES)).unwrap_or_default();
    if Hash::of(content).as_bytes() != hash {
        return Err(sealed("it is damaged"));
    }
    match content.strip_prefix(&MAGIC) {
        Some([found, VERSION, rest @ ..]) if *found == kind as u8 => Ok(Some(rest.to_vec())),
        _ => Err(sealed("it was written by another version of the app")),
    }
}

/// Puts `content` into the record at `path`. When this returns, it survives a power cut.
///
/// # Errors
/// [`FileError`]; the record is as it was then, unless its folder could not be forced to disk.
pub(super) fn write(path: &Path, kind: Kind, content: &[u8]) -> Result<(), FileError> {
    let mut bytes = Vec::with_capacity(content.len() + MAGIC.len() + 2 + Hash::BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[kind as u8, VERSION]);
    bytes.extend_from_slice(content);
    let hash = Hash::of(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    let mut staged = Staged::create_beside(path)?;
    staged.write_all(&bytes).map_err(|source| FileError::io("write", path, source))?;
    staged.commit()
}

/// Reads values from a record's content. Whatever does not fit is damage.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// What did not fit.
#[derive(Debug)]
pub(super) struct Damaged;

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self, most: u64) -> Result<u64, Damaged> {
        read_varint(&mut self.0, "a number", most).map_err(|_| Damaged)
    }

    pub(super) fn bytes(&mut self, most: u64) -> Result<&'a [u8], Damaged> {
        let length = self.number(most)?;
        let (taken, rest) = self.0.split_at_checked(length as usize).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn text(&mut self, most: u64) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes(most)?).map_err(|_| Damaged)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn end(&self) -> Result<(), Damaged> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

/// Appends `bytes` with their length before them.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
