//! Mixed decisions: many contexts, each with its own history, weighed by a small online-trained network.
//!
//! A [`Net`] codes one kind of decision. For each of its `N` contexts the caller names a slot of a table of bit
//! histories; an adaptive map turns the history into a probability, two mixers chosen by two selectors weigh the
//! logits of all, and an adaptive map refines their mean (PAQ; see M. Mahoney, "Data compression explained", 4.3).
//! All arithmetic is on integers and the same on every machine.

use super::history;
use super::logistic::{LOGIT_MAX, squash, stretch};
use super::range::Coder;

/// An adaptive probability: 22 bits of probability of a 1 above 10 bits of how often it was updated.
#[derive(Clone, Copy)]
pub struct Chance(u32);

impl Chance {
    /// Even odds, open to change.
    pub const EVEN: Self = Self::of(32_768);

    /// A probability of `one` of 65,536, open to change.
    #[must_use]
    pub const fn of(one: u16) -> Self {
        Self((one as u32) << 16)
    }

    /// The probability of a 1, of 65,536, in `1..=65_535`.
    #[inline]
    #[must_use]
    pub fn one(self) -> u32 {
        (self.0 >> 16).clamp(1, 65_535)
    }

    /// The probability of a 1, of 4,096.
    #[inline]
    fn one12(self) -> u32 {
        self.0 >> 20
    }

    /// Moves towards `bit`, by the inverse of how often that was done, at least by `1 / (limit + 1.5)`.
    #[inline]
    pub fn update(&mut self, bit: u32, limit: u32) {
        let seen = self.0 & 1023;
        let probability = (self.0 >> 10) as i32;
        let target = if bit != 0 { (1 << 22) - 1 } else { 0 };
        let step = (i64::from(target - probability) * i64::from(RECIPROCAL[seen as usize])) >> 16;
        let moved = (probability + step as i32).clamp(0, (1 << 22) - 1) as u32;
        self.0 = moved << 10 | if seen < limit { seen + 1 } else { seen };
    }
}

static RECIPROCAL: [u16; 1024] = {
    let mut table = [0; 1024];
    let mut i = 0;
    while i < 1024 {
        table[i] = (65_536 * 2 / (2 * i + 3)) as u16;
        i += 1;
    }
    table
};

/// One codes a decision directly, with no mixing: for what is rare or nearly random.
#[inline]
pub fn code_with<C: Coder>(coder: &mut C, bit: u32, chance: &mut Chance, limit: u32) -> u32 {
    let bit = coder.code(bit, chance.one());
    chance.update(bit, limit);
    bit
}

/// Mixes well-spread bits of `a` and `b` into one hash.
#[inline]
#[must_use]
pub fn hash(a: u32, b: u32) -> u32 {
    let mixed = (a ^ b.wrapping_mul(0x9E37_79B1)).wrapping_mul(0x7FEB_352D);
    mixed ^ mixed >> 15
}

/// Fraction bits of a weight.
const WEIGHT_BITS: u32 = 16;
/// Bits of a weight that are left out when it is multiplied, so that it fits in 16.
const DROPPED_BITS: u32 = 3;
/// Weights stay within ±4.
const WEIGHT_MAX: i32 = (4 << WEIGHT_BITS) - (1 << DROPPED_BITS);
/// Points of a refining curve over the logit, 128 apart.
const CURVE: usize = 33;

/// How fast a net learns: the step of its weights falls from `first` to `last`, in 1/65,536.
#[derive(Clone, Copy)]
pub struct Pace {
    /// The step of the first decision.
    pub first: i32,
    /// The step that it settles at.
    pub last: i32,
    /// Updates of an adaptive map before its rate settles.
    pub limit: u32,
}

/// A network for one kind of decision: `N` contexts, `W` inputs (a multiple of eight, at least `2 N + 1`).
pub struct Net<const N: usize, const W: usize> {
    maps: Box<[Chance]>,
    weights: [Box<[[i32; W]]>; 2],
    curves: Box<[Chance]>,
    pace: Pace,
    step: i32,
}

impl<const N: usize, const W: usize> Net<N, W> {
    /// A net with `sets` weight sets for either selector, and `curves` refining curves.
    #[must_use]
    pub fn new(sets: [usize; 2], curves: usize, pace: Pace) -> Self {
        const { assert!(W.is_multiple_of(8) && W > 2 * N) };
        let guesses = history::first_guesses();
        let mut start = [0; W];
        for (i, weight) in start.iter_mut().enumerate().take(2 * N) {
            *weight = if i % 2 == 0 { (1 << WEIGHT_BITS) * 6 / 5 / N as i32 } else { 0 };
        }
        for weight in start.iter_mut().skip(2 * N + 1) {
            *weight = 1 << (WEIGHT_BITS - 1);
        }
        let curve = |i: usize| Chance(squash((i as i32 - 16) * 128) << 16 | 6);
        Self {
            maps: (0..N * 256).map(|i| Chance::of(guesses[i % 256])).collect(),
            weights: sets.map(|count| vec![start; count].into_boxed_slice()),
            curves: (0..curves * CURVE).map(|i| curve(i % CURVE)).collect(),
            pace,
            step: pace.first << 8,
        }
    }

    /// Bytes that a net with these numbers of sets and curves takes.
    #[must_use]
    pub const fn memory_bytes(sets: [usize; 2], curves: usize) -> usize {
        4 * (N * 256 + (sets[0] + sets[1]) * W + curves * CURVE)
    }

    /// Codes one decision. `slots` are places in `table`, `extra` are logits from elsewhere, `sets` select the
    /// weights, `curve` the refinement.
    ///
    /// # Panics
    /// Where a slot, set or curve is out of range: they come from the model, never from the stream.
    #[inline]
    pub fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        bit: u32,
        table: &mut [u8],
        slots: &[usize; N],
        extra: &[i32],
        sets: [usize; 2],
        curve: usize,
    ) -> u32 {
        let mut inputs = [0i16; W];
        let mut places = [0usize; N];
        for i in 0..N {
            let seen = table[slots[i]];
            places[i] = i * 256 + seen as usize;
            if seen != history::NEW {
                let one = self.maps[places[i]].one12();
                inputs[2 * i] = stretch(one) as i16;
                inputs[2 * i + 1] = ((one as i32 - 2048) * CONFIDENCE[history::confidence(seen)] >> 3) as i16;
            }
        }
        inputs[2 * N] = 256;
        for (input, &logit) in inputs[2 * N + 1..].iter_mut().zip(extra) {
            *input = logit as i16;
        }

        let logits = [dot(&inputs, &self.weights[0][sets[0]]), dot(&inputs, &self.weights[1][sets[1]])];
        let logit = ((logits[0] + logits[1]) >> 1).clamp(-LOGIT_MAX, LOGIT_MAX);
        let mixed = squash(logit);
        let (low, part) = (curve * CURVE + ((logit + 2048) >> 7) as usize, ((logit + 2048) & 127) as u32);
        let refined = (self.curves[low].one() * (128 - part) + self.curves[low + 1].one() * part) >> 7;
        let one = ((mixed + refined) >> 1).clamp(16, 65_520);

        let bit = coder.code(bit, one);

        for (side, &logit) in logits.iter().enumerate() {
            let error = ((bit << 16) as i32) - squash(logit) as i32;
            train(&inputs, &mut self.weights[side][sets[side]], (error * (self.step >> 8) >> 12) as i16);
        }
        self.step += ((self.pace.last << 8) - self.step) >> 9;
        self.curves[low + (part >= 64) as usize].update(bit, 255);
        for i in 0..N {
            self.maps[places[i]].update(bit, self.pace.limit);
            let seen = &mut table[slots[i]];
            *seen = history::next(*seen, bit);
        }
        bit
    }
}

/// Weight of a history's plain probability beside its logit, by how much it has seen.
const CONFIDENCE: [i32; 4] = [0, 1, 2, 3];

/// Products of 16 bits each and their sum in 32: what vector units of every phone do in one instruction.
#[inline]
fn dot<const W: usize>(inputs: &[i16; W], weights: &[i32; W]) -> i32 {
    let mut sum = 0i32;
    for i in 0..W {
        let weight = (weights[i] >> DROPPED_BITS) as i16;
        sum = sum.wrapping_add(i32::from(weight) * i32::from(inputs[i]));
    }
    (sum >> (WEIGHT_BITS - DROPPED_BITS)).clamp(-LOGIT_MAX, LOGIT_MAX)
}

#[inline]
fn train<const W: usize>(inputs: &[i16; W], weights: &mut [i32; W], error: i16) {
    for i in 0..W {
        let moved = weights[i] + ((i32::from(inputs[i]) * i32::from(error) + (1 << 11)) >> 12);
        weights[i] = moved.clamp(-WEIGHT_MAX, WEIGHT_MAX);
    }
}
