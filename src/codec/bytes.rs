//! Coding one byte as eight mixed decisions, from hashed contexts and from guesses of the whole byte.

use super::logistic::stretch;
use super::mix::{Chance, Net, Pace, hash};
use super::range::Coder;
use super::table::Table;

/// Guesses that a byte may come with.
pub const GUESSES: usize = 3;
/// Classes of trust in a guess.
pub const TRUST: usize = 64;

/// A guess of the whole byte, and a class below [`TRUST`] that tells how good such guesses have been.
#[derive(Clone, Copy)]
pub struct Guess {
    /// The byte that is expected.
    pub byte: u8,
    /// What kind of expectation it is.
    pub class: usize,
}

/// Codes bytes that belong to one of a few parts, `PARTS` at most, each with weights of its own.
pub struct Bytes<const N: usize, const W: usize> {
    net: Net<N, W>,
    guessed: Box<[Chance]>,
    parts: usize,
    selectors: usize,
}

impl<const N: usize, const W: usize> Bytes<N, W> {
    /// A coder for bytes of `parts` kinds, with `selectors` sets of weights to choose from.
    #[must_use]
    pub fn new(parts: usize, selectors: usize, pace: Pace) -> Self {
        const { assert!(W > 2 * N + GUESSES) };
        Self {
            net: Net::new([parts * 256, selectors << GUESSES], parts * 256, pace),
            guessed: vec![Chance::EVEN; GUESSES * TRUST * 16].into_boxed_slice(),
            parts,
            selectors,
        }
    }

    /// Codes `byte`, which is of kind `part`; `selector` chooses weights.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        byte: u8,
        table: &mut Table,
        contexts: &[u32; N],
        guesses: &[Option<Guess>; GUESSES],
        part: usize,
        selector: usize,
    ) -> u8 {
        debug_assert!(part < self.parts && selector < self.selectors);
        let mut buckets = [0; N];
        let mut node = 1u32;
        let mut holds = guesses.map(|guess| guess.is_some());
        for place in (0..8).rev() {
            if place == 7 || place == 3 {
                let half = |&context: &u32| if place == 7 { context } else { hash(context, node) };
                buckets = table.buckets(&contexts.each_ref().map(half));
            }
            let in_half = if place > 3 { node } else { node & ((1 << (3 - place)) - 1) | 1 << (3 - place) };
            let slots = buckets.map(|bucket| bucket + in_half as usize);

            let mut extra = [0; GUESSES];
            let mut chances = [0; GUESSES];
            let mut held = 0;
            for (i, guess) in guesses.iter().enumerate() {
                if let Some(guess) = guess.filter(|_| holds[i]) {
                    let bit = u32::from(guess.byte) >> place & 1;
                    chances[i] = ((i * TRUST + guess.class) * 8 + place as usize) * 2 + bit as usize;
                    extra[i] = stretch(self.guessed[chances[i]].one() >> 4);
                    held |= 1 << i;
                }
            }
            let sets = [part * 256 + node as usize, selector << GUESSES | held];
            let bit = u32::from(byte) >> place & 1;
            let bit = self.net.code(coder, bit, table.cells(), &slots, &extra, sets, part * 256 + node as usize);
            for (i, guess) in guesses.iter().enumerate() {
                if let Some(guess) = guess.filter(|_| holds[i]) {
                    self.guessed[chances[i]].update(bit, 255);
                    holds[i] = u32::from(guess.byte) >> place & 1 == bit;
                }
            }
            node = node << 1 | bit;
        }
        node as u8
    }
}
