//! What the coder will charge, roughly: the weights by which covers are chosen.

/// Costs of the parts of a cover, in 1/64 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// A byte under no cover.
    pub literal: u32,
    /// Leaving a cover for literals.
    pub leave: u32,
    /// A differing byte behind agreeing ones.
    pub differs: u32,
    /// A differing byte behind a differing one.
    pub differs_again: u32,
    /// An agreeing byte.
    pub agrees: u32,
    /// An agreeing byte behind a differing one.
    pub agrees_again: u32,
    /// Going on at another place of old.
    pub jump: u32,
    /// More for each doubling of the distance.
    pub distance: u32,
    /// More for going back.
    pub back: u32,
}

impl Costs {
    /// For text: words are replaced, inserted and deleted.
    pub const TEXT: Self = Self {
        literal: 256,
        leave: 256,
        differs: 640,
        differs_again: 380,
        agrees: 2,
        agrees_again: 32,
        jump: 512,
        distance: 83,
        back: 0,
    };

    /// For binary data: single bytes differ by amounts that come back.
    pub const BINARY: Self = Self {
        literal: 256,
        leave: 256,
        differs: 640,
        differs_again: 380,
        agrees: 2,
        agrees_again: 32,
        jump: 512,
        distance: 83,
        back: 0,
    };

    /// The cost of going on `distance` bytes behind (or before, where negative) the place that was expected.
    #[inline]
    #[must_use]
    pub fn jump(&self, distance: i64) -> u64 {
        let back = if distance < 0 { self.back } else { 0 };
        u64::from(self.jump + back) + (u64::from(self.distance) * log2(distance.unsigned_abs() + 1) >> 6)
    }
}

/// The binary logarithm in 1/64, straight between powers of two; 0 for 0.
#[inline]
fn log2(x: u64) -> u64 {
    let Some(whole) = x.checked_ilog2() else { return 0 };
    let rest = x ^ 1 << whole;
    let part = if whole > 6 { rest >> (whole - 6) } else { rest << (6 - whole) };
    u64::from(whole) << 6 | part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_cost_their_logarithm() {
        assert_eq!(log2(1), 0);
        assert_eq!(log2(2), 64);
        assert_eq!(log2(3), 96);
        assert_eq!(log2(1 << 40), 40 * 64);
        assert!(Costs::TEXT.jump(-5) >= Costs::TEXT.jump(5));
        assert!(Costs::TEXT.jump(i64::MIN) < 1 << 20);
    }
}
