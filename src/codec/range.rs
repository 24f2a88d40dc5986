//! Binary arithmetic coding: one decision at a time, each with its own probability.
//!
//! A carry-less range coder over 32-bit bounds. Encoding and decoding share the caller's code: a model asks its
//! [`Coder`] to code a bit, and gets back the bit that stands in the stream.

use std::io::Read;

/// Bits of a probability: 16, so that a decision costs between about 1/45,000 bit and 16 bits.
pub const PROBABILITY_BITS: u32 = 16;

/// What decisions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Where new departs from old, in what way and for how long.
    Control,
    /// A byte that stands in the place of another.
    Difference,
    /// A byte that has no counterpart in old.
    Literal,
    /// A word that stands in the place of another.
    Renaming,
    /// The name of a file.
    Path,
}

/// One side of the coder. `bit` is what to encode, and is ignored when decoding.
pub trait Coder {
    /// Whether this side decodes.
    const DECODES: bool;

    /// Codes one decision. `one` is the probability of a 1, of 65,536, and lies in `1..=65_535`.
    fn code(&mut self, bit: u32, one: u32) -> u32;

    /// Says what the decisions from here on are about; for coders that keep accounts.
    #[inline]
    fn about(&mut self, what: About) {
        let _ = what;
    }

    /// Whether the stream ended before its last decision. Decisions coded after that are all made up.
    fn starved(&self) -> bool {
        false
    }
}

/// Writes decisions into a byte string.
pub struct Encoder {
    low: u32,
    high: u32,
    out: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { low: 0, high: u32::MAX, out: Vec::new() }
    }
}

impl Encoder {
    /// Bytes written so far, short of the up to four that [`Encoder::finish`] adds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no byte has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Ends the stream with as few bytes as tell its last interval from all others, given that a decoder reads
    /// zeros past the end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.low > 0 {
            // The shortest byte string that lies in low..=high when zeros follow it.
            for kept_bits in [8, 16, 24, 32] {
                let step = 1u64 << (32 - kept_bits);
                let rounded = u64::from(self.low).div_ceil(step) * step;
                if rounded <= u64::from(self.high) {
                    let bytes = (rounded as u32).to_be_bytes();
                    self.out.extend_from_slice(&bytes[..kept_bits as usize / 8]);
                    break;
                }
            }
        }
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

/// The point that splits `low..=high` in proportion to the probability of a 1.
#[inline]
fn split(low: u32, high: u32, one: u32) -> u32 {
    low + ((u64::from(high - low) * u64::from(one)) >> PROBABILITY_BITS) as u32
}

impl Coder for Encoder {
    const DECODES: bool = false;

    #[inline]
    fn code(&mut self, bit: u32, one: u32) -> u32 {
        let middle = split(self.low, self.high, one);
        if bit != 0 {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
        }
        bit
    }
}

/// Zero bytes that a decoder makes up past the end before it calls the stream truncated: the encoder drops
/// trailing zeros, and four bytes are looked at ahead.
const ZEROS_PAST_END: u32 = 1 << 16;

/// Reads decisions from a stream.
pub struct Decoder<R> {
    low: u32,
    high: u32,
    point: u32,
    input: R,
    buffer: Box<[u8]>,
    next: usize,
    filled: usize,
    zeros: u32,
    /// Bytes of buffers that were used up.
    taken: u64,
}

impl<R: Read> Decoder<R> {
    /// A decoder of the stream that `input` holds from here to its end.
    pub fn new(input: R) -> Self {
        let buffer = vec![0; 4096].into_boxed_slice();
        let mut decoder =
            Self { low: 0, high: u32::MAX, point: 0, input, buffer, next: 0, filled: 0, zeros: 0, taken: 0 };
        for _ in 0..4 {
            decoder.point = decoder.point << 8 | decoder.byte();
        }
        decoder
    }

    #[inline]
    fn byte(&mut self) -> u32 {
        if self.next == self.filled {
            return self.refill();
        }
        self.next += 1;
        u32::from(self.buffer[self.next - 1])
    }

    #[cold]
    fn refill(&mut self) -> u32 {
        self.taken += self.filled as u64;
        self.next = 0;
        self.filled = if self.zeros > 0 { 0 } else { self.input.read(&mut self.buffer).unwrap_or(0) };
        if self.filled == 0 {
            self.zeros = self.zeros.saturating_add(1);
            return 0;
        }
        self.next = 1;
        u32::from(self.buffer[0])
    }

    /// How many bytes of the stream the decisions so far took, to a few bytes.
    #[must_use]
    pub fn position(&self) -> u64 {
        (self.taken + self.next as u64).saturating_sub(4)
    }

    /// The stream behind the decoder.
    pub fn into_inner(self) -> R {
        self.input
    }
}

impl<R: Read> Coder for Decoder<R> {
    const DECODES: bool = true;

    #[inline]
    fn code(&mut self, _bit: u32, one: u32) -> u32 {
        let middle = split(self.low, self.high, one);
        // A branch and not a selection: where the processor guesses the bit, it goes ahead with the next decision, whose
        // contexts depend on this bit, without waiting for the end of this one.
        let bit = if self.point <= middle {
            std::hint::black_box(());
            self.high = middle;
            1
        } else {
            self.low = middle + 1;
            0
        };
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
            self.point = self.point << 8 | self.byte();
        }
        bit
    }

    fn starved(&self) -> bool {
        self.zeros > ZEROS_PAST_END
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_read_back_whatever_their_odds() {
        let mut seed = 7u32;
        let mut draw = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 8
        };
        let decisions: Vec<(u32, u32)> = (0..20_000).map(|_| (draw() & 1, (draw() % 65_535) + 1)).collect();
        let mut encoder = Encoder::default();
        for &(bit, one) in &decisions {
            encoder.code(bit, one);
        }
        let bytes = encoder.finish();
        let mut decoder = Decoder::new(&bytes[..]);
        for &(bit, one) in &decisions {
            assert_eq!(decoder.code(0, one), bit);
        }
        assert!(!decoder.starved());
    }

    #[test]
    fn likely_decisions_cost_almost_nothing() {
        let mut encoder = Encoder::default();
        for _ in 0..10_000 {
            encoder.code(1, 65_535);
        }
        assert!(encoder.finish().len() <= 1);
    }
}
