//! Compressed files: what old's is made of is taken apart, what new's is made of is decoded, and packed on the way.

use std::io::Read;

use super::error::ApplyError;
use super::job::Job;
use super::output::Output;
use super::scratch::Scratch;
use super::{MOST_UNPACKED, needed, repack_bytes};
use crate::codec::edits::EditError;
use crate::codec::ends::{New, Old};
use crate::hash::Hash;
use crate::hermes;
use crate::repack::{self, Packer, RepackError, Unpacked};
use crate::tree::Entry;

/// The sort of the numbers that tell how a compressed file is coded: the sizes of its residue and its content, whether
/// the content is text, and where it is known from: 0 for the old file's content, else a place plus one.
pub const REPACKED: usize = 28;

impl Job<'_, '_> {
    /// Decodes one compressed file: its residue, then its content, which is packed on the way.
    pub(super) fn decode_repacked(&mut self, entry: &Entry, base: usize) -> Result<Hash, ApplyError> {
        let wrong = |source| ApplyError::Edits { path: entry.path.clone(), source };
        let mut number = || self.models.walk.numbers.code(&mut self.coder, 0, REPACKED, [0; 4]);
        let [residue_len, content_len, as_text, from] = [number(), number(), number(), number()];
        if residue_len.max(content_len) > MOST_UNPACKED as u64 || as_text > 1 {
            return Err(wrong(EditError::Truncated));
        }
        let old_bytes = self.old.entries[base].size;
        let was = self.unpack_old(entry, base)?;
        let lens = [was.content.len() as u64, was.residue.len() as u64, residue_len];
        let needed = needed(self.header) + repack_bytes(&lens);
        if needed > self.limits.apply_memory_bytes || old_bytes > self.limits.apply_memory_bytes {
            return Err(ApplyError::Memory { needed, limit: self.limits.apply_memory_bytes });
        }
        let from_residue = self.append_bytes(&was.residue)?;
        let from_content = match from.checked_sub(1) {
            Some(at) if at > self.space.len() => {
                return Err(wrong(EditError::OutsideOld { at, len: content_len, has: self.space.len() }));
            }
            Some(place) => place,
            None => self.append_bytes(&was.content)?,
        };
        drop(was);
        let mut residue = Vec::new();
        let coded = self.code(false, from_residue, residue_len, &mut residue);
        coded.map_err(|wrong| wrong.at(&entry.path))?;

        let file = self.target.create_file(&entry.path, entry.executable)?;
        let mut out = Output::new(file, std::mem::take(&mut self.buffer)).bounded(entry.size);
        let mut packing = Packing { packer: Packer::new(&residue, &mut out), error: None };
        let coded = self.code(as_text != 0, from_content, content_len, &mut packing);
        if let Some(source) = self.space.take_error() {
            return Err(self.read_error(base, source));
        }
        coded.map_err(|wrong| wrong.at(&entry.path))?;
        let Packing { packer, error } = packing;
        let packed = error.map_or_else(|| packer.finish(), Err);
        packed.map_err(|source| ApplyError::Repack { path: entry.path.clone(), source })?;
        self.finish_file(entry, out)
    }

    /// Takes an old compressed file apart.
    fn unpack_old(&mut self, entry: &Entry, base: usize) -> Result<Unpacked, ApplyError> {
        let old_bytes = self.old.entries[base].size;
        if old_bytes > self.limits.apply_memory_bytes {
            return Err(ApplyError::Memory { needed: old_bytes, limit: self.limits.apply_memory_bytes });
        }
        let mut bytes = Vec::with_capacity(old_bytes as usize);
        let opened = self.space.open_old(base);
        let read = opened.and_then(|file| file.take(old_bytes).read_to_end(&mut bytes));
        read.map_err(|source| self.read_error(base, source))?;
        let kind = repack::sniff(&bytes, &entry.path).ok_or(RepackError::Unsupported { what: "plain bytes" });
        kind.and_then(|kind| repack::unpack(&bytes, kind, MOST_UNPACKED))
            .map_err(|source| ApplyError::Repack { path: entry.path.clone(), source })
    }

    /// Appends `bytes` to the address space; their place.
    fn append_bytes(&mut self, bytes: &[u8]) -> Result<u64, ApplyError> {
        let beside = self.target.beside();
        let mut scratch = Scratch::beside(&beside);
        let put = hermes::Image::put(&mut scratch, 0, bytes, 0);
        put.map_err(|source| ApplyError::Io { action: "write", path: beside, source })?;
        Ok(self.space.append_image(scratch, bytes.len() as u64))
    }
}

/// New content on its way through a packer.
struct Packing<'a> {
    packer: Packer<'a>,
    error: Option<RepackError>,
}

impl New for Packing<'_> {
    fn push(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.packer.write(bytes).err();
        }
    }
}
