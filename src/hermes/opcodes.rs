//! The model of opcodes that no counterpart predicts: from the opcodes before them, and from where the same came before.

use crate::codec::bytes::Guess;
use crate::codec::mix::hash;
use crate::codec::range::Coder;

use super::hints::Hints;

/// The part of [`Hints::byte`] that opcodes are.
const OPCODE_PART: usize = 10;
/// Bytes of coded instructions that are remembered.
pub(super) const PAST_BYTES: usize = 1 << 19;
const INDEX_BITS: u32 = 15;

/// Where a context was seen last.
pub(super) struct Index(Box<[u32]>);

impl Default for Index {
    fn default() -> Self {
        Self(vec![0; 1 << INDEX_BITS].into_boxed_slice())
    }
}

impl Index {
    pub(super) fn place(&mut self, key: u32) -> &mut u32 {
        &mut self.0[hash(key, 77) as usize & ((1 << INDEX_BITS) - 1)]
    }
}

/// The opcodes coded so far.
pub struct Opcodes {
    past: Vec<u8>,
    index: Index,
    matched: usize,
    trust: usize,
    /// The opcodes before this one, the latest lowest.
    recent: u64,
}

impl Default for Opcodes {
    fn default() -> Self {
        Self { past: Vec::with_capacity(PAST_BYTES), index: Index::default(), matched: 0, trust: 0, recent: 0 }
    }
}

impl Opcodes {
    /// A function begins.
    pub fn begin(&mut self) {
        self.recent = 0;
    }

    /// The opcodes before this one, the latest lowest.
    #[must_use]
    pub fn recent(&self) -> u64 {
        self.recent
    }

    /// Takes in an opcode in the first pass.
    pub fn push(&mut self, opcode: u8) {
        self.recent = self.recent << 8 | u64::from(opcode);
        if self.past.get(self.matched) == Some(&opcode) && self.matched > 0 {
            self.trust += 1;
            self.matched += 1;
        } else {
            self.trust = 0;
        }
        if self.past.len() < PAST_BYTES {
            self.past.push(opcode);
            let key = hash(self.recent as u32, 5);
            let here = self.past.len();
            let place = self.index.place(key);
            let earlier = std::mem::replace(place, here as u32) as usize;
            if self.trust == 0 {
                self.matched = earlier;
            }
        }
    }

    /// Codes an opcode: `here` stands in the base at this place, `deleted` was left out just before.
    pub fn code<C: Coder>(&mut self, hints: &mut Hints<C>, told: u8, here: u32, deleted: u32, recent: u32) -> u8 {
        let last = |count: u32| self.recent & ((1u64 << (8 * count)) - 1);
        let fold = |count: u32| hash(last(count) as u32, (last(count) >> 32) as u32 | count << 24);
        let expected = self.past.get(self.matched).copied().filter(|_| self.matched > 0);
        let trust = self.trust.min(15);
        let contexts = [
            fold(1),
            fold(2),
            fold(3),
            fold(4),
            fold(6),
            hash(hash(11, here), fold(1)),
            hash(hash(12, deleted), fold(1)),
            hash(hash(13, recent & 15), fold(1)),
            hash(14, expected.map_or(256, u32::from) | (trust.min(7) as u32) << 12),
            hash(hash(15, deleted), here),
        ];
        let guesses = [
            expected.map(|byte| Guess { byte, class: trust }),
            u8::try_from(deleted).ok().map(|byte| Guess { byte, class: usize::from(deleted != 0) }),
            None,
        ];
        hints.byte(told, &contexts, &guesses, OPCODE_PART, trust)
    }
}
