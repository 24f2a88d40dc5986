//! Words that became other words, learned from covers: the coder charges little for what happened before, so a second
//! choice of covers should too.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::agree::Ends;
use super::covers::Cover;
use crate::codec::literal::is_word;
use crate::codec::words::WORD_BYTES;

/// Renamings that were seen this often are known.
const OFTEN: u32 = 2;
/// Places looked at between two covers.
const BETWEEN: usize = 2 * WORD_BYTES;

/// Renamings by the hash of the old and the new word.
#[derive(Debug, Default)]
pub struct Renames {
    seen: HashMap<u64, u32, BuildHasherDefault<Plain>>,
}

/// Keys are hashes already.
#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| hash << 8 ^ u64::from(byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Bytes of the word that begins at `at`; 0 where none does, or where it is too long.
fn word_len(text: &[u8], at: usize) -> usize {
    let starts = at.checked_sub(1).is_none_or(|before| !is_word(text[before]));
    let len = text[at..].iter().take(WORD_BYTES + 1).take_while(|&&byte| is_word(byte)).count();
    if starts && len <= WORD_BYTES { len } else { 0 }
}

/// Bytes of the word that end at `at`.
fn word_back(text: &[u8], at: usize) -> usize {
    text[..at].iter().rev().take(WORD_BYTES + 1).take_while(|&&byte| is_word(byte)).count()
}

fn key(old: &[u8], new: &[u8]) -> u64 {
    let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    let hash = new.iter().fold(old.iter().fold(old.len() as u64, hash), hash);
    (hash ^ hash >> 31).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Renames {
    /// The renamings that `covers` show: inside them, and between two of them.
    #[must_use]
    pub fn learn(ends: Ends, covers: &[Cover]) -> Self {
        let mut renames = Self::default();
        for (i, cover) in covers.iter().enumerate() {
            let mut at = 0;
            loop {
                let (old, new) = (cover.old + at, cover.new + at);
                let rest = cover.len - at;
                let agreed = super::agree::forward(&ends.old[old..old + rest], &ends.new[new..new + rest]);
                if agreed == rest {
                    break;
                }
                at += agreed;
                at += renames.learn_at(ends, cover.old + at, cover.new + at).max(1);
                if at >= cover.len {
                    break;
                }
            }
            if let Some(next) = covers.get(i + 1) {
                let (old, new) = (cover.old + cover.len, cover.new + cover.len);
                if (old..old + BETWEEN).contains(&next.old) && next.new - new < BETWEEN {
                    renames.learn_at(ends, old, new);
                }
            }
        }
        renames.seen.retain(|_, count| *count >= OFTEN);
        renames
    }

    /// Learns the renaming of the words around these places, if each is inside one; how many bytes of new are left of it.
    fn learn_at(&mut self, ends: Ends, old: usize, new: usize) -> usize {
        let back = word_back(ends.old, old);
        if back > WORD_BYTES || back != word_back(ends.new, new) {
            return 0;
        }
        let (old, new) = (old - back, new - back);
        let (old_len, new_len) = (word_len(ends.old, old), word_len(ends.new, new));
        if old_len == 0 || new_len == 0 {
            return 0;
        }
        let count = self.seen.entry(key(&ends.old[old..old + old_len], &ends.new[new..new + new_len])).or_default();
        *count = count.saturating_add(1);
        new_len.saturating_sub(back)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The lengths of the words that begin at these places, if the one is known to become the other.
    #[must_use]
    pub fn at(&self, ends: Ends, old: usize, new: usize) -> Option<(usize, usize)> {
        let new_len = word_len(ends.new, new);
        if new_len == 0 || old >= ends.old.len() {
            return None;
        }
        let old_len = word_len(ends.old, old);
        let (was, becomes) = (&ends.old[old..old + old_len], &ends.new[new..new + new_len]);
        (old_len > 0 && was != becomes && self.seen.contains_key(&key(was, becomes))).then_some((old_len, new_len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_renamed_twice_is_known() {
        let old = b"let a=b+cc;a.x(b,cc)";
        let new = b"let a=d+eee;a.x(d,eee)";
        let covers = [(0, 0, 8), (11, 10, 7), (21, 19, 1)].map(|(new, old, len)| Cover { new, old, len });
        let ends = Ends { old, new };
        let renames = Renames::learn(ends, &covers);
        assert_eq!(renames.at(ends, 6, 6), Some((1, 1)));
        assert_eq!(renames.at(ends, 8, 8), Some((2, 3)));
        assert_eq!(renames.at(ends, 4, 4), None);
        assert_eq!(renames.at(ends, 9, 9), None);
        assert!(Renames::learn(ends, &covers[..1]).is_empty());
    }
}
