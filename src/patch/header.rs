//! The head of a patch: what it turns into what, and what that takes.

use std::io::Read;

use super::PatchError;
use crate::codec::Sizes;
use crate::hash::Hash;
use crate::tree::Kind;
use crate::wire::{WireError, put_varint, read_varint, unzigzag, zigzag};

/// What every patch begins with.
pub const MAGIC: [u8; 4] = *b"smdg";
/// The format that this crate writes, and the newest that it reads.
pub const VERSION: u8 = 1;

const OLD_FOLDER: u8 = 1;
const NEW_FOLDER: u8 = 2;
const LANES: u8 = 4;
const FLAGS: u8 = OLD_FOLDER | NEW_FOLDER | LANES;

/// Sizes of old and new that a header may state, in bytes.
const MAX_TOTAL_BYTES: u64 = 1 << 50;
/// Memory that a header may state, in KiB: 4 GiB.
const MAX_MEMORY_KIB: u64 = 4 << 20;

/// What a patch says of itself before any of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whether old is a file or a folder.
    pub old_kind: Kind,
    /// Whether new is a file or a folder.
    pub new_kind: Kind,
    /// The tree hash of old.
    pub old: Hash,
    /// The tree hash of new.
    pub new: Hash,
    /// Bytes of all files of old.
    pub old_bytes: u64,
    /// Bytes of all files of new.
    pub new_bytes: u64,
    /// Memory that applying takes at most, in bytes, beside the names of the trees' files.
    pub apply_memory_bytes: u64,
    /// Whether edits are kept apart by kind and compressed by zstd, rather than modelled.
    pub lanes: bool,
    /// Sizes of the models' tables.
    pub sizes: Sizes,
}

impl Header {
    /// Appends the header, without the hash that follows it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        let mut flags = 0;
        for (flag, set) in [
            (OLD_FOLDER, self.old_kind == Kind::Folder),
            (NEW_FOLDER, self.new_kind == Kind::Folder),
            (LANES, self.lanes),
        ] {
            flags |= if set { flag } else { 0 };
        }
        out.push(flags);
        out.push(self.sizes.to_byte());
        out.extend_from_slice(self.old.as_bytes());
        out.extend_from_slice(self.new.as_bytes());
        put_varint(out, self.old_bytes);
        // Most releases are about as large as the one before.
        put_varint(out, zigzag(self.new_bytes.wrapping_sub(self.old_bytes) as i64));
        put_varint(out, self.apply_memory_bytes.div_ceil(1024));
    }

    /// Reads a header, and gives back its bytes as they stood, for the hash that follows.
    ///
    /// # Errors
    /// [`PatchError`]: where `patch` is no patch, of a newer version, ends early, or states what no patch may.
    pub fn read(patch: &mut (impl Read + ?Sized)) -> Result<(Self, Vec<u8>), PatchError> {
        let mut patch = Recorded { input: patch, bytes: Vec::new() };
        let [magic @ .., version] = patch.array::<5>("the patch's first bytes")?;
        if magic != MAGIC {
            return Err(PatchError::NotAPatch { found: magic });
        }
        if version != VERSION {
            return Err(PatchError::Version { found: version, known: VERSION });
        }
        let [flags, sizes] = patch.array("the patch's flags")?;
        if flags & !FLAGS != 0 {
            return Err(PatchError::Flags { found: flags });
        }
        let kind = |flag: u8| if flags & flag != 0 { Kind::Folder } else { Kind::File };
        let old = Hash::from_bytes(patch.array("the hash of old")?);
        let new = Hash::from_bytes(patch.array("the hash of new")?);
        let old_bytes = read_varint(&mut patch, "the size of old", MAX_TOTAL_BYTES)?;
        let growth = read_varint(&mut patch, "how much larger new is", 2 * MAX_TOTAL_BYTES)?;
        let new_bytes = old_bytes.checked_add_signed(unzigzag(growth)).filter(|&bytes| bytes <= MAX_TOTAL_BYTES);
        let what = "the size of new";
        let header = Self {
            old_kind: kind(OLD_FOLDER),
            new_kind: kind(NEW_FOLDER),
            old,
            new,
            old_bytes,
            new_bytes: new_bytes.ok_or(WireError::TooLarge { what, limit: MAX_TOTAL_BYTES, found: growth })?,
            apply_memory_bytes: read_varint(&mut patch, "the memory for applying, in KiB", MAX_MEMORY_KIB)? << 10,
            lanes: flags & LANES != 0,
            sizes: Sizes::from_byte(sizes).ok_or(PatchError::Flags { found: sizes })?,
        };
        Ok((header, patch.bytes))
    }
}

/// Passes reads on and keeps what came.
struct Recorded<'a, R: ?Sized> {
    input: &'a mut R,
    bytes: Vec<u8>,
}

impl<R: Read + ?Sized> Recorded<'_, R> {
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], PatchError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes).map_err(|source| PatchError::Read { what, source })?;
        Ok(bytes)
    }
}

impl<R: Read + ?Sized> Read for Recorded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}
