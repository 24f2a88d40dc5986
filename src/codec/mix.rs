//! Mixed decisions: many contexts, each with its own history, weighed by a small online-trained network.
//!
//! A [`Net`] codes one kind of decision. For each of its `N` contexts the caller names a slot of a table of bit
//! histories; an adaptive map turns the history into a probability, two mixers chosen by two selectors weigh the
//! logits of all, and an adaptive map refines their mean (PAQ; see M. Mahoney, "Data compression explained", 4.3).
//! All arithmetic is on integers and the same on every machine.

use super::history;
use super::logistic::{LOGIT_MAX, squash, stretch};
use super::range::Coder;
use super::vector::{self, Loops, Portable, WEIGHT_BITS};

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
        // A reciprocal is below 1, so what is moved stays between what it was and the target.
        let step = (i64::from(target - probability) * i64::from(RECIPROCAL[seen as usize])) >> 16;
        let moved = (probability + step as i32) as u32;
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
    maps: Box<[[Chance; 256]; N]>,
    weights: [Box<[[i32; W]]>; 2],
    curves: Box<[Chance]>,
    pace: Pace,
    step: i32,
    #[cfg(target_arch = "x86_64")]
    wide: bool,
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
            maps: Box::new([guesses.map(Chance::of); N]),
            weights: sets.map(|count| vec![start; count].into_boxed_slice()),
            curves: (0..curves * CURVE).map(|i| curve(i % CURVE)).collect(),
            pace,
            step: pace.first << 8,
            #[cfg(target_arch = "x86_64")]
            wide: vector::has_avx2(),
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
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            // SAFETY: the processor was asked for these instructions when the net was made.
            return unsafe { self.code_wide(coder, bit, table, slots, extra, sets, curve) };
        }
        self.code_one::<C, Portable>(coder, bit, table, slots, extra, sets, curve)
    }

    /// [`Net::code_one`] with vectors of 256 bits, which not every x86-64 processor has.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn code_wide<C: Coder>(
        &mut self,
        coder: &mut C,
        bit: u32,
        table: &mut [u8],
        slots: &[usize; N],
        extra: &[i32],
        sets: [usize; 2],
        curve: usize,
    ) -> u32 {
        self.code_one::<C, vector::Avx2>(coder, bit, table, slots, extra, sets, curve)
    }

    #[inline(always)]
    fn code_one<C: Coder, L: Loops>(
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
        let mut histories = [0; N];
        for i in 0..N {
            let seen = table[slots[i]];
            histories[i] = seen;
            let one = self.maps[i][seen as usize].one12();
            let (known, confidence) = history::weight(seen);
            inputs[2 * i] = stretch(one) as i16 & known;
            inputs[2 * i + 1] = ((one as i32 - 2048) * i32::from(confidence) >> 3) as i16;
        }
        inputs[2 * N] = 256;
        for (input, &logit) in inputs[2 * N + 1..].iter_mut().zip(extra) {
            *input = logit as i16;
        }

        let sides = [&self.weights[0][sets[0]], &self.weights[1][sets[1]]];
        let logits = sides.map(|weights| L::dot(&inputs, weights).clamp(-LOGIT_MAX, LOGIT_MAX));
        let logit = ((logits[0] + logits[1]) >> 1).clamp(-LOGIT_MAX, LOGIT_MAX);
        let mixed = squash(logit);
        let (low, part) = (curve * CURVE + ((logit + 2048) >> 7) as usize, ((logit + 2048) & 127) as u32);
        let refined = (self.curves[low].one() * (128 - part) + self.curves[low + 1].one() * part) >> 7;
        let one = ((mixed + refined) >> 1).clamp(16, 65_520);

        let bit = coder.code(bit, one);

        for (side, &logit) in logits.iter().enumerate() {
            let error = ((bit << 16) as i32) - squash(logit) as i32;
            L::train(&inputs, &mut self.weights[side][sets[side]], (error * (self.step >> 8) >> 12) as i16);
        }
        self.step += ((self.pace.last << 8) - self.step) >> 9;
        self.curves[low + (part >= 64) as usize].update(bit, 255);
        for i in 0..N {
            self.maps[i][histories[i] as usize].update(bit, self.pace.limit);
            // Two contexts may share a slot.
            let seen = &mut table[slots[i]];
            *seen = history::next(*seen, bit);
        }
        bit
    }
}
