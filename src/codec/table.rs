//! The table of bit histories that contexts hash into: buckets of 16 bytes, one for the four decisions of half a byte.

use super::history;

const BUCKET: usize = 16;

/// Bit histories by hashed context. Old contexts give way to new ones, the least seen first.
pub struct Table {
    cells: Box<[u8]>,
    mask: usize,
}

impl Table {
    /// A table of `1 << bits` bytes; `bits` is at least 5.
    #[must_use]
    pub fn new(bits: u32) -> Self {
        Self { cells: vec![history::NEW; 1 << bits].into_boxed_slice(), mask: (1 << bits) / BUCKET - 1 }
    }

    /// All histories, for use with the slots below.
    #[inline]
    pub fn cells(&mut self) -> &mut [u8] {
        &mut self.cells
    }

    /// For each of `contexts` the first of the 16 cells that belong to it; the cells 1 to 15 hold histories, cell 0 a
    /// check.
    #[inline]
    pub fn buckets<const N: usize>(&mut self, contexts: &[u32; N]) -> [usize; N] {
        let spread = contexts.map(|context| context.wrapping_mul(0x9E37_79B1));
        // All are read before any is compared: the waits for memory then overlap, whatever the comparisons say.
        let mut touched = 0;
        for spread in spread {
            touched ^= self.cells[(spread as usize >> 3 & self.mask) * BUCKET];
        }
        std::hint::black_box(touched);
        spread.map(|spread| self.bucket(spread))
    }

    #[inline]
    fn bucket(&mut self, spread: u32) -> usize {
        let check = (spread >> 24) as u8;
        let first = (spread as usize >> 3 & self.mask) * BUCKET;
        let second = first ^ BUCKET;
        let in_first = self.cells[first] == check;
        if in_first | (self.cells[second] == check) {
            return first ^ if in_first { 0 } else { BUCKET };
        }
        // The cell of a bucket's first decision has seen all that its bucket has; fuller histories have higher numbers.
        let chosen = if self.cells[first + 1] <= self.cells[second + 1] { first } else { second };
        self.cells[chosen..chosen + BUCKET].fill(history::NEW);
        self.cells[chosen] = check;
        chosen
    }
}
