//! Numbers of any size, coded as the count of their bits and then the bits below the highest.

use super::mix::{Chance, Net, Pace, code_with, hash};
use super::range::{About, Coder};

/// Contexts of a number.
pub const NUMBER_CONTEXTS: usize = 4;
const CELL_BITS: u32 = 16;
/// Sorts of numbers that may be told apart by weights.
const SORTS: usize = 32;
const PACE: Pace = Pace { first: 1680, last: 260, limit: 255 };

/// Codes numbers below 2^63 with contexts that the caller chooses.
pub struct Numbers {
    cells: Box<[u8]>,
    net: Net<NUMBER_CONTEXTS, 16>,
    low: Box<[Chance]>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            cells: vec![0; 1 << CELL_BITS].into_boxed_slice(),
            net: Net::new([SORTS, 64], SORTS, PACE),
            low: vec![Chance::EVEN; SORTS * 64].into_boxed_slice(),
        }
    }
}

impl Numbers {
    /// Codes `value` (ignored when decoding). `sort` says which kind of number it is, below 32; `contexts` are hashes
    /// of what is known to go with it.
    pub fn code<C: Coder>(&mut self, coder: &mut C, value: u64, sort: usize, contexts: [u32; NUMBER_CONTEXTS]) -> u64 {
        coder.about(About::Control);
        let value = value + 1;
        let mut decide = |net: &mut Net<NUMBER_CONTEXTS, 16>, coder: &mut C, bit: u32, node: u32, depth: usize| {
            let mut slots = [0; NUMBER_CONTEXTS];
            for (i, slot) in slots.iter_mut().enumerate() {
                let place = hash(contexts[i].wrapping_add(i as u32), node << 8 | sort as u32);
                *slot = place as usize & ((1 << CELL_BITS) - 1);
            }
            net.code(coder, bit, &mut self.cells, &slots, &[], [sort, depth], sort)
        };
        // How many bits follow the highest one: six decisions from the top of a tree of 64 leaves.
        let width = 63 - value.leading_zeros();
        let mut node = 1;
        for level in (0..6).rev() {
            node = node << 1 | decide(&mut self.net, coder, width >> level & 1, node, node as usize);
        }
        let width = node & 63;
        let mut decoded = 1u64;
        for place in (0..width).rev() {
            let bit = (value >> place & 1) as u32;
            let bit = if width - place <= 3 {
                let node = 64 | width << 8 | (decoded as u32) << 16;
                decide(&mut self.net, coder, bit, node, (width - place) as usize)
            } else if width - place <= 6 {
                code_with(coder, bit, &mut self.low[sort * 64 + width as usize], 255)
            } else {
                coder.code(bit, 1 << 15)
            };
            decoded = decoded << 1 | u64::from(bit);
        }
        decoded - 1
    }

    /// Codes `value` after mapping small magnitudes to small numbers.
    pub fn code_signed<C: Coder>(
        &mut self,
        coder: &mut C,
        value: i64,
        sort: usize,
        contexts: [u32; NUMBER_CONTEXTS],
    ) -> i64 {
        crate::wire::unzigzag(self.code(coder, crate::wire::zigzag(value), sort, contexts))
    }
}
