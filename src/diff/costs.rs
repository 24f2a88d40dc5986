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
    /// A word that becomes what it became before; not told apart where it costs as much as a differing byte.
    pub renames: u32,
    /// Copying on at the expected place of old or a little behind it.
    pub resume: u32,
    /// More for each doubling of the bytes of old left out.
    pub deleted: u32,
    /// Copying on anywhere else.
    pub jump: u32,
    /// More for each doubling of the distance.
    pub distance: u32,
}

/// Bytes of old that can be left out without a jump.
const MOST_DELETED: i64 = 1 << 16;

impl Costs {
    /// For text: words are replaced, inserted and deleted.
    pub const TEXT: Self = Self {
        literal: 298,
        leave: 256,
        differs: 600,
        differs_again: 513,
        agrees: 2,
        agrees_again: 32,
        renames: 256,
        resume: 2296,
        deleted: 151,
        jump: 2296,
        distance: 151,
    };

    /// For so few edits that the models have hardly learned what is usual: all ways to go on cost about the same.
    pub const BRIEF: Self = Self { resume: 700, jump: 1500, ..Self::TEXT };

    /// For binary data: single bytes differ by amounts that come back.
    pub const BINARY: Self = Self {
        literal: 256,
        leave: 256,
        differs: 576,
        differs_again: 256,
        agrees: 3,
        agrees_again: 24,
        renames: 576,
        resume: 640,
        deleted: 64,
        jump: 832,
        distance: 83,
    };

    /// The cost of copying on at `place` of old where `expected` is next and a jump left `left` before, and whether
    /// that is a jump.
    #[inline]
    #[must_use]
    pub fn copy_on(&self, place: i64, expected: i64, left: i64) -> (u64, bool) {
        let deleted = place - expected;
        if (0..=MOST_DELETED).contains(&deleted) {
            return (u64::from(self.resume) + part(self.deleted, deleted), false);
        }
        (u64::from(self.jump) + part(self.distance, deleted).min(part(self.distance, place - left)), true)
    }
}

/// `each` for every doubling of `distance`.
fn part(each: u32, distance: i64) -> u64 {
    u64::from(each) * log2(distance.unsigned_abs() + 1) >> 6
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
        let costs = Costs::TEXT;
        assert_eq!(costs.copy_on(10, 10, 0), (u64::from(costs.resume), false));
        assert_eq!(costs.copy_on(11, 10, 0), (u64::from(costs.resume + costs.deleted), false));
        assert_eq!(costs.copy_on(10, 900, 10), (u64::from(costs.jump), true));
    }
}
