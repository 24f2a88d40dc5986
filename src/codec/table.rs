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

    /// The first of the 16 cells that belong to `context`; the cells 1 to 15 hold histories, cell 0 a check.
    #[inline]
    pub fn bucket(&mut self, context: u32) -> usize {
        let spread = context.wrapping_mul(0x9E37_79B1);
        let check = (spread >> 24) as u8;
        let first = (spread as usize >> 3 & self.mask) * BUCKET;
        if self.cells[first] == check {
            return first;
        }
        let second = first ^ BUCKET;
        if self.cells[second] == check {
            return second;
        }
        // The cell of a bucket's first decision has seen all that its bucket has; fuller histories have higher numbers.
        let chosen = if self.cells[first + 1] <= self.cells[second + 1] { first } else { second };
        self.cells[chosen..chosen + BUCKET].fill(history::NEW);
        self.cells[chosen] = check;
        chosen
    }
}
