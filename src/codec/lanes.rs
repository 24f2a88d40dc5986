//! Edits kept apart by kind and compressed by zstd: larger than what the models make of them, and quicker.
//!
//! Control numbers, differing bytes and literal bytes are three streams, cut into segments that are decoded whole, so
//! that a device holds at most [`SEGMENT_BYTES`] of them.

use std::io::{self, Read};

use thiserror::Error;

#[cfg(feature = "diff")]
use super::edits::Edit;
use super::ends::{New, Old};
use crate::wire::{WireError, read_varint, unzigzag};
#[cfg(feature = "diff")]
use crate::wire::{put_varint, zigzag};

/// Bytes of all three streams that a segment holds at most.
pub const SEGMENT_BYTES: usize = 1 << 20;
/// Memory of reading lanes, in bytes: a segment, its compressed form, and zstd's own.
pub const LANES_BYTES: u64 = 3 * SEGMENT_BYTES as u64;
/// An insertion is cut into pieces of this many bytes, a run of differing bytes likewise.
const PIECE: u64 = 1 << 18;
/// Room for the numbers of one event.
#[cfg(feature = "diff")]
const EVENT_BYTES: usize = 64;
/// Events in a row that may write nothing.
const MAX_IDLE: u32 = 64;

/// Why lanes cannot be read.
#[derive(Debug, Error)]
pub enum LaneError {
    /// The patch ends early or cannot be read.
    #[error("reading edits: {0}")]
    Read(#[from] io::Error),
    /// A number is out of its bounds.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// zstd refuses a segment.
    #[error("a segment of the patch cannot be decompressed; the patch is damaged")]
    Segment,
    /// An edit does not fit old or new.
    #[error("the patch's edits do not fit: {what}")]
    Edit {
        /// What does not fit.
        what: &'static str,
    },
}

/// Collects edits, and compresses them a segment at a time.
#[cfg(feature = "diff")]
pub struct LaneWriter {
    lanes: [Vec<u8>; 3],
    out: Vec<u8>,
    level: i32,
}

#[cfg(feature = "diff")]
impl LaneWriter {
    /// A writer that compresses at zstd's `level`.
    #[must_use]
    pub fn new(level: i32) -> Self {
        Self { lanes: Default::default(), out: Vec::new(), level }
    }

    /// Adds one file: `edits` are those that move, copying begins at `place`.
    pub fn file(&mut self, place: u64, edits: &[Edit], new: &[u8], old: &mut impl Old) {
        let (mut at, mut done) = (place, 0u64);
        for edit in edits {
            self.copy(old, at, &new[done as usize..edit.new as usize]);
            let mut text = &new[edit.new as usize..][..edit.new_len as usize];
            while text.len() as u64 > PIECE {
                self.insert(&text[..PIECE as usize], 1, 0);
                put_varint(&mut self.lanes[0], 0);
                text = &text[PIECE as usize..];
            }
            let deleted = if edit.jumps() { 0 } else { edit.old_len + 1 };
            self.insert(text, deleted, edit.then.wrapping_sub(edit.old) as i64);
            (at, done) = (edit.then, edit.new + edit.new_len);
        }
        // A reader stops where the file is complete, and does not look for a run of nothing.
        if done < new.len() as u64 {
            self.copy(old, at, &new[done as usize..]);
        }
    }

    /// Adds a run of copied bytes with what differs in it, ending in a run of equal bytes.
    fn copy(&mut self, old: &mut impl Old, mut at: u64, mut new: &[u8]) {
        loop {
            let equal = agree(old, at, new, true);
            put_varint(&mut self.lanes[0], equal as u64);
            (at, new) = (at + equal as u64, &new[equal..]);
            if new.is_empty() {
                return;
            }
            let most = new.len().min(PIECE as usize);
            let differing = agree(old, at, &new[..most], false).max(1);
            put_varint(&mut self.lanes[0], (differing as u64 - 1) << 1);
            for (i, &byte) in new[..differing].iter().enumerate() {
                self.lanes[1].push(byte.wrapping_sub(old.byte(at + i as u64)));
            }
            (at, new) = (at + differing as u64, &new[differing..]);
            self.cut();
        }
    }

    /// Adds an insertion of `text`, then a deletion plus one, or 0 and a jump.
    fn insert(&mut self, text: &[u8], deleted: u64, jump: i64) {
        let control = &mut self.lanes[0];
        put_varint(control, (text.len() as u64) << 1 | 1);
        put_varint(control, deleted);
        if deleted == 0 {
            put_varint(control, zigzag(jump));
        }
        self.lanes[2].extend_from_slice(text);
        self.cut();
    }

    /// Ends the segment where the next event might not fit.
    fn cut(&mut self) {
        let len: usize = self.lanes.iter().map(Vec::len).sum();
        if len + PIECE as usize + EVENT_BYTES > SEGMENT_BYTES {
            self.segment();
        }
    }

    fn segment(&mut self) {
        let mut packed = Vec::new();
        for lane in &mut self.lanes {
            let smaller = zstd::bulk::compress(lane, self.level).ok().filter(|bytes| bytes.len() < lane.len());
            put_varint(&mut self.out, lane.len() as u64);
            put_varint(&mut self.out, smaller.as_ref().map_or(lane.len(), Vec::len) as u64);
            packed.extend_from_slice(smaller.as_deref().unwrap_or(lane));
            lane.clear();
        }
        self.out.append(&mut packed);
    }

    /// All segments.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.lanes.iter().any(|lane| !lane.is_empty()) {
            self.segment();
        }
        self.out
    }
}

/// How many bytes of `new` equal old from `at` on, or differ from it. Two equal bytes end a difference.
#[cfg(feature = "diff")]
fn agree(old: &mut impl Old, at: u64, new: &[u8], equal: bool) -> usize {
    let mut done = 0;
    if equal {
        while done < new.len() {
            let run = old.run(at + done as u64, (new.len() - done) as u64);
            let same = crate::diff::agree::forward(run, &new[done..]);
            done += same;
            if same < run.len() || run.is_empty() {
                break;
            }
        }
        return done;
    }
    let mut calm = 0;
    while done < new.len() && calm < 2 {
        calm = if old.byte(at + done as u64) == new[done] { calm + 1 } else { 0 };
        done += 1;
    }
    done - calm
}

/// Reads lanes, a segment at a time.
pub struct LaneReader<R> {
    input: R,
    lanes: [Vec<u8>; 3],
    next: [usize; 3],
    packed: Vec<u8>,
    /// Compressed bytes of the segments before this one, and of this one.
    weights: [u64; 2],
    /// Compressed bytes of each stream so far.
    spent: [u64; 3],
}

impl<R: Read> LaneReader<R> {
    /// A reader of the segments that `input` holds from here on.
    pub fn new(input: R) -> Self {
        Self { input, lanes: Default::default(), next: [0; 3], packed: Vec::new(), weights: [0; 2], spent: [0; 3] }
    }

    /// How many compressed bytes the edits so far took: of a segment that several files share, each its part.
    #[must_use]
    pub fn position(&self) -> u64 {
        let raw: usize = self.lanes.iter().map(Vec::len).sum();
        let used: usize = self.next.iter().sum();
        self.weights[0] + self.weights[1] * used.min(raw) as u64 / raw.max(1) as u64
    }

    /// Compressed bytes of the streams in the segments so far: of control numbers, of differing bytes, of literal ones.
    #[must_use]
    pub fn spent(&self) -> [u64; 3] {
        self.spent
    }

    /// The input behind the reader.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Reads the next segment. Every size is checked before anything is allocated for it.
    fn segment(&mut self) -> Result<(), LaneError> {
        let mut sizes = [(0, 0); 3];
        let mut left = SEGMENT_BYTES as u64;
        for size in &mut sizes {
            let raw = read_varint(&mut self.input, "the size of a stream", left)?;
            let packed = read_varint(&mut self.input, "the compressed size of a stream", raw)?;
            left -= raw;
            *size = (raw as usize, packed as usize);
        }
        self.weights = [self.weights[0] + self.weights[1], sizes.iter().map(|(_, packed)| *packed as u64).sum()];
        for (spent, (_, packed)) in self.spent.iter_mut().zip(sizes) {
            *spent += packed as u64;
        }
        for ((raw, packed), lane) in sizes.into_iter().zip(&mut self.lanes) {
            self.packed.resize(packed, 0);
            self.input.read_exact(&mut self.packed)?;
            lane.clear();
            if raw == packed {
                lane.extend_from_slice(&self.packed);
            } else {
                lane.reserve_exact(raw);
                let found = zstd::bulk::Decompressor::new()
                    .and_then(|mut zstd| zstd.decompress_to_buffer(&self.packed, lane))
                    .map_err(|_| LaneError::Segment)?;
                if found != raw {
                    return Err(LaneError::Segment);
                }
            }
        }
        self.next = [0; 3];
        Ok(())
    }

    fn control(&mut self, what: &'static str, limit: u64) -> Result<u64, LaneError> {
        if self.next[0] == self.lanes[0].len() {
            self.segment()?;
        }
        let mut rest = &self.lanes[0][self.next[0]..];
        let before = rest.len();
        let value = read_varint(&mut rest, what, limit)?;
        self.next[0] += before - rest.len();
        Ok(value)
    }

    fn take(&mut self, lane: usize, len: usize) -> Result<&[u8], LaneError> {
        let at = self.next[lane];
        let bytes = self.lanes[lane].get(at..).and_then(|rest| rest.get(..len));
        self.next[lane] += len;
        bytes.ok_or(LaneError::Edit { what: "a segment ends within an edit" })
    }

    /// Decodes one file of `size` bytes, copying from `place` of old at first.
    ///
    /// # Errors
    /// [`LaneError`], where the segments are damaged or do not fit old or new.
    pub fn file(&mut self, mut place: u64, size: u64, old: &mut impl Old, out: &mut impl New) -> Result<(), LaneError> {
        let mut left = size;
        let mut idle = 0;
        while left > 0 {
            let before = left;
            let equal = self.control("a run", left)?;
            let mut run = equal;
            while run > 0 {
                let bytes = old.run(place, run);
                if bytes.is_empty() {
                    return Err(LaneError::Edit { what: "a copy from outside old" });
                }
                out.push(bytes);
                place += bytes.len() as u64;
                run -= bytes.len() as u64;
            }
            left -= equal;
            if left == 0 {
                break;
            }
            let event = self.control("an edit", u64::MAX)?;
            let len = event >> 1;
            if len >= left + (event & 1) || len > PIECE {
                return Err(LaneError::Edit { what: "more bytes than new has" });
            }
            if event & 1 == 0 {
                let differences = self.take(1, len as usize + 1)?;
                for &difference in differences {
                    out.push(&[old.byte(place).wrapping_add(difference)]);
                    place += 1;
                }
                left -= len + 1;
                continue;
            }
            let deleted = self.control("a deletion", u64::MAX)?;
            let jump = if deleted == 0 { unzigzag(self.control("a jump", u64::MAX)?) } else { 0 };
            out.push(self.take(2, len as usize)?);
            left -= len;
            let then = match deleted.checked_sub(1) {
                Some(deleted) => place.checked_add(deleted),
                None => place.checked_add_signed(jump),
            };
            place = then.filter(|&then| then <= old.len()).ok_or(LaneError::Edit { what: "a jump out of old" })?;
            idle = if left == before { idle + 1 } else { 0 };
            if idle > MAX_IDLE {
                return Err(LaneError::Edit { what: "nothing is written" });
            }
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "diff"))]
mod tests {
    use super::*;

    #[test]
    fn edits_read_back() {
        let old: Vec<u8> = (0..900_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut new = old[1000..2_000_000].to_vec();
        let inserted: Vec<u8> = (0..700_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        new.splice(500_000..500_010, inserted.iter().copied());
        new[100] ^= 1;
        let edits = [
            Edit { old: 0, new: 0, old_len: 0, new_len: 0, then: 1000 },
            Edit { old: 501_000, new: 500_000, old_len: 10, new_len: 700_000, then: 501_010 },
        ];
        let mut writer = LaneWriter::new(3);
        writer.file(0, &edits, &new, &mut &old[..]);
        let packed = writer.finish();
        let mut made = Vec::new();
        let mut reader = LaneReader::new(&packed[..]);
        reader.file(0, new.len() as u64, &mut &old[..], &mut made).unwrap();
        assert_eq!(made, new);

        for cut in [0, 1, packed.len() / 2, packed.len() - 1] {
            let cut = LaneReader::new(&packed[..cut]).file(0, new.len() as u64, &mut &old[..], &mut Vec::new());
            assert!(cut.is_err());
        }
    }
}
