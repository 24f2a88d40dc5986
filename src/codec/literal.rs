//! The model for bytes that stand in no old file: contexts of the text before them, of what stood there in old, and of
//! where the same text came before in new.

use super::bytes::{Bytes, Guess};
use super::mix::{Pace, hash};
use super::range::{About, Coder};
use super::table::Table;

const CONTEXTS: usize = 12;
const INPUTS: usize = 32;
const PACE: Pace = Pace { first: 1080, last: 130, limit: 255 };
/// Bytes that must agree before a place in the history is taken for a match.
const MATCH_BYTES: usize = 5;
const PLACES_BITS: u32 = 15;
/// Bytes of a copied run that enter the history: enough to find and to continue a match.
pub const COPY_TAIL: usize = 20;

/// What a byte is part of; told apart by the model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Text with no counterpart in old.
    Inserted = 0,
    /// A word that replaces a word.
    Renamed = 1,
    /// The names of files.
    Path = 2,
}

const PARTS: usize = 3;

/// The recent past of new, with its repeats.
pub struct History {
    ring: Box<[u8]>,
    len: usize,
    places: Box<[u32]>,
    /// The byte that came after an earlier occurrence of the present context, and how long the agreement is.
    candidate: usize,
    agreed: usize,
    /// Where the last few bytes stood before, perhaps.
    earlier: u32,
    /// The last eight bytes, the latest lowest.
    recent: u64,
    word: u32,
    word_before: u32,
}

impl History {
    fn new(bits: u32) -> Self {
        Self {
            ring: vec![0; 1 << bits].into_boxed_slice(),
            len: 0,
            places: vec![0; 1 << PLACES_BITS].into_boxed_slice(),
            candidate: 0,
            agreed: 0,
            earlier: 0,
            recent: 0,
            word: 0,
            word_before: 0,
        }
    }

    #[inline]
    fn at(&self, place: usize) -> u8 {
        self.ring[place & (self.ring.len() - 1)]
    }

    /// The last eight bytes of new, the latest in the lowest place.
    #[inline]
    #[must_use]
    pub fn recent(&self) -> u64 {
        self.recent
    }

    /// Takes in a byte of new that was coded.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        if self.agreed > 0 && self.at(self.candidate) == byte {
            self.agreed = (self.agreed + 1).min(63);
            self.candidate += 1;
        } else {
            self.agreed = 0;
        }
        self.append(byte);
    }

    /// Appends a byte, and notes where the last few came before.
    #[inline]
    fn append(&mut self, byte: u8) {
        let mask = self.ring.len() - 1;
        self.ring[self.len & mask] = byte;
        self.len += 1;
        self.recent = self.recent << 8 | u64::from(byte);
        if is_word(byte) {
            self.word = hash(self.word, u32::from(byte) + 1);
        } else if self.word != 0 {
            self.word_before = self.word;
            self.word = 0;
        }
        let key = self.recent & ((1 << (8 * MATCH_BYTES)) - 1);
        let place = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES_BITS)) as usize;
        self.earlier = self.places[place];
        self.places[place] = self.len as u32;
    }

    /// Looks for an earlier occurrence of the last few bytes, unless one is being followed.
    #[inline]
    fn seek(&mut self) {
        let earlier = self.earlier as usize;
        if self.agreed > 0 || earlier == 0 || self.len.wrapping_sub(earlier) > self.ring.len() - 65 {
            return;
        }
        let longest = 32.min(earlier);
        let same = |back: &usize| self.at(earlier - 1 - back) == self.at(self.len - 1 - back);
        let agreed = (0..longest).take_while(same).count();
        if agreed >= MATCH_BYTES {
            self.agreed = agreed;
            self.candidate = earlier;
        }
    }

    /// Takes in the end of a run that was copied from old.
    pub fn copied(&mut self, tail: &[u8]) {
        for &byte in &tail[tail.len().saturating_sub(COPY_TAIL)..] {
            self.append(byte);
        }
        self.agreed = 0;
    }

    #[inline]
    fn expected(&self) -> Option<(u8, usize)> {
        (self.agreed > 0).then(|| (self.at(self.candidate), self.agreed))
    }
}

/// Whether `byte` can be part of an identifier.
#[inline]
#[must_use]
pub fn is_word(byte: u8) -> bool {
    const WORD: [bool; 256] = {
        let mut table = [false; 256];
        let mut i = 0;
        while i < 256 {
            let byte = i as u8;
            table[i] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
            i += 1;
        }
        table
    };
    WORD[byte as usize]
}

/// What stood in old where a byte goes: the byte there and the next, and a hash of what else is known of the place.
#[derive(Clone, Copy, Default)]
pub struct Aligned {
    /// The old byte, or 0.
    pub byte: u8,
    /// The old byte after it, or 0.
    pub next: u8,
    /// Whatever else tells this place from others.
    pub hint: u32,
}

/// Codes bytes.
pub struct Literals {
    table: Table,
    bytes: Bytes<CONTEXTS, INPUTS>,
    /// The past of new.
    pub history: History,
}

impl Literals {
    /// A model with `1 << table_bits` bytes of histories and `1 << ring_bits` bytes of past.
    #[must_use]
    pub fn new(table_bits: u32, ring_bits: u32) -> Self {
        Self {
            table: Table::new(table_bits),
            bytes: Bytes::new(PARTS, 16 * PARTS, PACE),
            history: History::new(ring_bits),
        }
    }

    /// The table of histories, which other models share.
    pub fn table(&mut self) -> &mut Table {
        &mut self.table
    }

    /// Codes one byte and takes it into the history.
    pub fn code<C: Coder>(&mut self, coder: &mut C, byte: u8, part: Part, aligned: Aligned) -> u8 {
        coder.about(match part {
            Part::Inserted => About::Literal,
            Part::Renamed => About::Renaming,
            Part::Path => About::Path,
        });
        self.history.seek();
        let past = &self.history;
        let recent = past.recent;
        let last = |count: u32| (recent & ((1u64 << (8 * count)) - 1)) as u32;
        let old = u32::from(aligned.byte) | u32::from(aligned.next) << 8;
        let expected = past.expected();
        let (guess, agreed) = expected.unwrap_or((0, 0));
        let trust = agreed.min(15) as u32;
        let kind = part as u32;
        let contexts = [
            hash(1 + kind, aligned.hint),
            hash(5, last(1) | kind << 8),
            hash(6, last(2)),
            hash(7, last(3)),
            hash(8, last(4)),
            hash(hash(9, last(4)), (recent >> 32) as u32 & 0xffff),
            hash(10, past.word ^ last(1) << 24),
            hash(hash(11, past.word), past.word_before),
            hash(12 + kind, old & 0xff | last(1) << 8),
            hash(16, u32::from(guess) | trust << 8),
            hash(17 + kind, old | last(1) << 16),
            hash(hash(21, last(2) >> 8), past.word_before),
        ];
        let guesses = [
            expected.map(|(byte, agreed)| Guess { byte, class: agreed }),
            Some(Guess { byte: aligned.byte, class: part as usize }),
            None,
        ];
        let selector = (trust * PARTS as u32 + kind) as usize;
        let byte = self.bytes.code(coder, byte, &mut self.table, &contexts, &guesses, part as usize, selector);
        self.history.push(byte);
        byte
    }
}
