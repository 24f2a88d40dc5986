//! What the models of text and of binary data share: runs that are copied, and places where new departs from old.

use thiserror::Error;

use super::ends::{New, Old};
use super::literal::{Aligned, COPY_TAIL, Literals, Part};
use super::mix::hash;
use super::number::Numbers;
use super::range::Coder;

/// A place where new departs from old: `old_len` bytes at `old` give way to `new_len` bytes at `new`; copying goes on at
/// `then`. Between an edit's `then` and the next edit's `old`, new equals old (binary data: but for single bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where in old.
    pub old: u64,
    /// Where in new, counted from the start of the file.
    pub new: u64,
    /// Bytes of old that are replaced; 0 where copying goes on elsewhere.
    pub old_len: u64,
    /// Bytes of new that replace them.
    pub new_len: u64,
    /// Where in old copying goes on: `old + old_len`, or elsewhere.
    pub then: u64,
}

impl Edit {
    /// Whether copying goes on somewhere else in old.
    #[must_use]
    pub fn jumps(&self) -> bool {
        self.then != self.old + self.old_len
    }
}

/// Why a stream of edits cannot be decoded.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EditError {
    /// An edit refers to bytes that old does not have.
    #[error("the patch copies {len} bytes at {at} of old content that has {has}; patch and old do not fit")]
    OutsideOld {
        /// First byte.
        at: u64,
        /// Bytes.
        len: u64,
        /// Bytes that there are.
        has: u64,
    },
    /// An edit writes more than the file's declared size.
    #[error("the patch writes {len} bytes where only {left} are left of the declared size; the patch is damaged")]
    BeyondNew {
        /// Bytes.
        len: u64,
        /// Bytes that there is room for.
        left: u64,
    },
    /// Edits that neither read nor write anything follow each other.
    #[error("the patch goes on without writing anything; it is damaged")]
    Stuck,
    /// The stream ends early.
    #[error("the patch ends before the new content does; it is truncated")]
    Truncated,
}

/// Edits in a row that may write nothing.
const MAX_IDLE: u32 = 64;
/// Deletions up to this many bytes are counted; a larger one is a jump.
pub const MAX_DELETED: u64 = 1 << 16;
/// Places that copying left for elsewhere and may come back to.
const RETURNS: usize = 4;

/// Sorts of numbers, for [`Numbers`].
pub mod sort {
    /// Bytes copied before the next edit.
    pub const RUN: usize = 0;
    /// Bytes inserted.
    pub const INSERTED: usize = 1;
    /// Bytes deleted.
    pub const DELETED: usize = 2;
    /// Which place a jump is counted from.
    pub const ORIGIN: usize = 3;
    /// The distance of a jump.
    pub const JUMP: usize = 4;
    /// Bytes of the word that replaces a word.
    pub const WORD: usize = 5;
}

/// Where the coder stands between old and new, and what it has learned of either's ways.
pub struct Walk {
    /// The model of bytes.
    pub literals: Literals,
    /// The model of numbers.
    pub numbers: Numbers,
    /// The next byte of old.
    pub place: u64,
    /// Bytes of new written.
    pub done: u64,
    /// Bytes of new in all.
    pub size: u64,
    /// Places to come back to, the latest first.
    returns: [u64; RETURNS],
    idle: u32,
    last_run: u32,
    last_sizes: u32,
}

impl Walk {
    /// Fresh models: `1 << table_bits` bytes of histories and `1 << ring_bits` bytes of past.
    #[must_use]
    pub fn new(table_bits: u32, ring_bits: u32) -> Self {
        Self {
            literals: Literals::new(table_bits, ring_bits),
            numbers: Numbers::default(),
            place: 0,
            done: 0,
            size: 0,
            returns: [0; RETURNS],
            idle: 0,
            last_run: 0,
            last_sizes: 0,
        }
    }

    /// Turns to the next file: `size` bytes of new, copying from `place` of old.
    pub fn begin(&mut self, place: u64, size: u64) {
        if self.place != place {
            self.leave(self.place);
        }
        self.place = place;
        self.done = 0;
        self.size = size;
        self.idle = 0;
    }

    /// Whether the file is complete.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.done == self.size
    }

    fn leave(&mut self, place: u64) {
        self.returns.rotate_right(1);
        self.returns[0] = place;
    }

    /// Checks that `len` bytes can be written.
    ///
    /// # Errors
    /// [`EditError::BeyondNew`].
    pub fn check_room(&self, len: u64) -> Result<(), EditError> {
        let left = self.size - self.done;
        if len > left { Err(EditError::BeyondNew { len, left }) } else { Ok(()) }
    }

    /// Copies `len` bytes of old. Every copy enters the history with its last bytes.
    ///
    /// # Errors
    /// Where old or new has not that many bytes.
    pub fn copy(&mut self, old: &mut impl Old, out: &mut impl New, len: u64) -> Result<(), EditError> {
        self.check_room(len)?;
        let mut tail = [0u8; COPY_TAIL];
        let mut tail_len = 0;
        let mut left = len;
        while left > 0 {
            let bytes = old.run(self.place, left);
            let taken = bytes.len();
            if taken == 0 {
                return Err(EditError::OutsideOld { at: self.place, len: left, has: old.len() });
            }
            out.push(bytes);
            let kept = taken.min(COPY_TAIL);
            let moved = tail_len.min(COPY_TAIL - kept);
            tail.copy_within(tail_len - moved..tail_len, 0);
            tail[moved..moved + kept].copy_from_slice(&bytes[taken - kept..]);
            tail_len = moved + kept;
            self.place += taken as u64;
            left -= taken as u64;
        }
        self.done += len;
        if len > 0 {
            self.idle = 0;
        }
        self.literals.history.copied(&tail[..tail_len]);
        Ok(())
    }

    /// Writes one byte of new that does not come from old.
    pub fn put(&mut self, out: &mut impl New, byte: u8) {
        out.push(&[byte]);
        self.done += 1;
        self.idle = 0;
    }

    /// Codes how many bytes are copied before the next edit. `hint` is what is known of the place.
    pub fn code_run<C: Coder>(&mut self, coder: &mut C, len: u64, hint: u32) -> u64 {
        let contexts =
            [hash(self.last_run & 0xff, 0), hash(self.last_run, 1), hash(hint, 2), hash(hint ^ self.last_sizes, 3)];
        let len = self.numbers.code(coder, len, sort::RUN, contexts);
        self.last_run = self.last_run << 8 | (64 - len.leading_zeros());
        len
    }

    /// Codes one general edit: what is inserted, what is deleted, where copying goes on. `new` is the inserted text
    /// when encoding.
    ///
    /// # Errors
    /// Where the edit does not fit old or new, or goes nowhere.
    pub fn code_edit<C: Coder>(
        &mut self,
        coder: &mut C,
        edit: Option<&Edit>,
        new: &[u8],
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        if coder.starved() {
            return Err(EditError::Truncated);
        }
        self.idle += 1;
        if self.idle > MAX_IDLE {
            return Err(EditError::Stuck);
        }
        let sizes = self.last_sizes;
        let inserted = edit.map_or(0, |edit| edit.new_len);
        let contexts = [hash(sizes & 0xffff, 0), hash(sizes, 1), hash(self.last_run & 0xff, 2), 3];
        let inserted = self.numbers.code(coder, inserted, sort::INSERTED, contexts);
        self.check_room(inserted)?;
        let inserted_class = inserted.min(40) as u32;
        let at_end = inserted == self.size - self.done;
        let mut then = self.place;
        let mut deleted = 0;
        if !at_end {
            let contexts = [
                hash(inserted_class, sizes & 0xffff),
                hash(inserted_class, 1),
                hash(sizes & 0xffff, 2),
                hash(self.last_run & 0xff, inserted_class.min(3)),
            ];
            // How much is deleted, plus one; 0 stands for a jump.
            let code = edit.map_or(0, |edit| if edit.jumps() { 0 } else { edit.old_len + 1 });
            let code = self.numbers.code(coder, code, sort::DELETED, contexts);
            if code == 0 {
                then = self.code_jump(coder, edit.map(|edit| edit.then), old.len())?;
                let left = self.place;
                self.leave(left);
            } else {
                deleted = code - 1;
                then = self.place.saturating_add(deleted);
                if then > old.len() {
                    return Err(EditError::OutsideOld { at: self.place, len: deleted, has: old.len() });
                }
            }
        }
        let mut written = 0;
        while written < inserted {
            let byte = new.get(self.done as usize).copied().unwrap_or(0);
            let aligned = Aligned {
                byte: old.byte(self.place + written),
                next: old.byte(self.place + written + 1),
                hint: (written < deleted) as u32,
            };
            let byte = self.literals.code(coder, byte, Part::Inserted, aligned);
            self.put(out, byte);
            written += 1;
            if written % 4096 == 0 && coder.starved() {
                return Err(EditError::Truncated);
            }
        }
        self.place = then;
        self.last_sizes = sizes << 16 | inserted_class << 8 | deleted.min(40) as u32;
        Ok(())
    }

    /// Codes where in old copying goes on: a distance from here or from a place that copying left before.
    fn code_jump<C: Coder>(&mut self, coder: &mut C, then: Option<u64>, len: u64) -> Result<u64, EditError> {
        let origins = [self.place, self.returns[0], self.returns[1], self.returns[2], self.returns[3]];
        let nearest = |then: u64| (0..origins.len()).min_by_key(|&i| (then.abs_diff(origins[i]), i)).unwrap_or(0);
        let origin = then.map_or(0, nearest);
        let contexts = [0, self.last_sizes & 0xff, self.last_run & 0xff, 1];
        let origin = self.numbers.code(coder, origin as u64, sort::ORIGIN, contexts);
        let from = usize::try_from(origin).ok().and_then(|origin| origins.get(origin)).copied();
        let from = from.ok_or(EditError::OutsideOld { at: origin, len: 0, has: len })?;
        let distance = then.map_or(0, |then| then.wrapping_sub(from) as i64);
        let contexts = [hash(origin as u32, 0), hash(origin as u32, self.last_sizes & 0xff), 2, 3];
        let distance = self.numbers.code_signed(coder, distance, sort::JUMP, contexts);
        match from.checked_add_signed(distance) {
            Some(then) if then <= len => Ok(then),
            _ => Err(EditError::OutsideOld { at: from, len: distance.unsigned_abs(), has: len }),
        }
    }
}
