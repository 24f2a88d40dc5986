//! Words that were renamed: what each old word became last, so that the next time costs almost nothing.

use super::ends::Old;
use super::literal::is_word;
use super::mix::hash;

/// The longest word, in bytes; what is longer counts as several.
pub const WORD_BYTES: usize = 31;
const ENTRIES: usize = 1 << 12;

/// Up to [`WORD_BYTES`] bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Word {
    len: u8,
    bytes: [u8; WORD_BYTES],
}

impl Word {
    /// A word of `bytes`, cut to the longest.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut word = Self::default();
        for &byte in bytes.iter().take(WORD_BYTES) {
            word.push(byte);
        }
        word
    }

    /// Appends a byte where there is room.
    pub fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len as usize) {
            *place = byte;
            self.len += 1;
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }

    /// A hash that tells words apart.
    #[must_use]
    pub fn hash(&self) -> u32 {
        finish(self.as_bytes().iter().fold(SEED, |sum, &byte| step(sum, byte)))
    }
}

/// A hash of a word is taken byte by byte (FNV-1a), then mixed.
const SEED: u32 = 0x811C_9DC5;

#[inline]
fn step(sum: u32, byte: u8) -> u32 {
    (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

#[inline]
fn finish(sum: u32) -> u32 {
    hash(sum, 0)
}

/// A piece of old that an edit does not begin inside: a word, or a single other byte.
#[derive(Clone, Copy)]
pub struct Unit {
    /// The word, or the single byte.
    pub word: Word,
    /// Whether it is a word.
    pub is_word: bool,
    /// Its hash.
    pub hash: u32,
}

impl Unit {
    /// The unit that begins at `place`; `None` at the end of old.
    pub fn at(old: &mut impl Old, place: u64) -> Option<Self> {
        let left = old.len().checked_sub(place).filter(|&left| left > 0)?;
        let first = old.byte(place);
        let mut word = Word::of(&[first]);
        if is_word(first) {
            let most = left.min(WORD_BYTES as u64);
            for ahead in 1..most {
                let byte = old.byte(place + ahead);
                if !is_word(byte) {
                    break;
                }
                word.push(byte);
            }
        }
        Some(Self { word, is_word: is_word(first), hash: word.hash() })
    }

    /// Its first `len` bytes.
    fn cut(&self, len: usize) -> Self {
        let word = Word::of(&self.word.as_bytes()[..len]);
        Self { word, is_word: self.is_word, hash: word.hash() }
    }

    /// Bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no unit is empty")]
    pub fn len(&self) -> u64 {
        u64::from(self.word.len)
    }
}

/// What became of one word.
#[derive(Clone, Copy, Default)]
pub struct Renaming {
    check: u32,
    /// The last eight outcomes, the latest lowest: 1 for replaced.
    pub outcomes: u8,
    /// What it became last, and before that; empty where it did not.
    pub became: [Word; 2],
}

/// The words that were renamed, the latest.
pub struct Renamings {
    entries: Box<[Renaming]>,
    used: bool,
}

impl Default for Renamings {
    fn default() -> Self {
        Self { entries: vec![Renaming::default(); ENTRIES].into_boxed_slice(), used: false }
    }
}

impl Renamings {
    /// Whether no word was ever renamed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.used
    }

    /// What became of the word whose hash is `key`.
    #[inline]
    pub fn get(&mut self, key: u32) -> Option<&mut Renaming> {
        let entry = &mut self.entries[key as usize % ENTRIES];
        (entry.check == key && entry.became[0].len > 0).then_some(entry)
    }

    /// The first word of old from `at` on, and before `end`, that was renamed before; and where it stands. A word that
    /// reaches past `end` counts up to there.
    pub fn find(&mut self, old: &mut impl Old, mut at: u64, end: u64) -> Option<(u64, Unit)> {
        while at < end {
            let bytes = old.run(at, end - at);
            if bytes.is_empty() {
                return None;
            }
            let len = bytes.len();
            let mut i = 0;
            let mut cut = None;
            let mut found = None;
            while i < len {
                if !is_word(bytes[i]) {
                    i += 1;
                    continue;
                }
                let start = i;
                let mut sum = SEED;
                while i < len && i - start < WORD_BYTES && is_word(bytes[i]) {
                    sum = step(sum, bytes[i]);
                    i += 1;
                }
                if i == len && i - start < WORD_BYTES && at + (len as u64) < end {
                    // What was read ends within the word: look at it again from its start.
                    cut = Some(start);
                    break;
                }
                let key = finish(sum);
                if self.get(key).is_some() {
                    found = Some((start, Unit { word: Word::of(&bytes[start..i]), is_word: true, hash: key }));
                    break;
                }
            }
            if let Some((start, unit)) = found {
                return Some((at + start as u64, unit));
            }
            match cut {
                None => at += len as u64,
                Some(start) => {
                    at += start as u64;
                    let unit = Unit::at(old, at)?;
                    let unit = if unit.len() > end - at { unit.cut((end - at) as usize) } else { unit };
                    if self.get(unit.hash).is_some() {
                        return Some((at, unit));
                    }
                    at += unit.len();
                }
            }
        }
        None
    }

    /// Remembers that the word whose hash is `key` became `word`.
    pub fn learn(&mut self, key: u32, word: Word) {
        self.used = true;
        let entry = &mut self.entries[key as usize % ENTRIES];
        if entry.check != key {
            *entry = Renaming { check: key, ..Renaming::default() };
        }
        if entry.became[0] != word {
            entry.became[1] = entry.became[0];
            entry.became[0] = word;
        }
        entry.outcomes = entry.outcomes << 1 | 1;
    }

    /// Remembers that the word whose hash is `key` was left as it is.
    pub fn keep(&mut self, key: u32) {
        if let Some(entry) = self.get(key) {
            entry.outcomes <<= 1;
        }
    }
}
