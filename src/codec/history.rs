//! Bit histories: what one context has seen, in one byte.
//!
//! A history is a pair of bounded counts of zeros and ones, and which bit came last where both were seen. Seeing one
//! bit discounts a long count of the other, so that a history follows a source that changes its habits. The idea of
//! indirect modelling by such states is the PAQ family's (M. Mahoney); the table here is computed from the rules
//! below.

/// A context that has seen nothing.
pub const NEW: u8 = 0;

/// The most that the larger count may be, given the smaller one.
const BOUND: [u8; 7] = [41, 40, 12, 8, 6, 5, 0];

const fn allowed(zeros: u8, ones: u8) -> bool {
    let (few, many) = if zeros < ones { (zeros, ones) } else { (ones, zeros) };
    few <= 5 && many <= BOUND[few as usize]
}

/// Histories up to this many bits long remember the last bit.
const fn keeps_last(zeros: u8, ones: u8) -> bool {
    zeros > 0 && ones > 0 && zeros + ones <= 9
}

const STATES: usize = 256;

struct States {
    zeros: [u8; STATES],
    ones: [u8; STATES],
    last: [u8; STATES],
    len: usize,
}

const fn states() -> States {
    let mut all = States { zeros: [0; STATES], ones: [0; STATES], last: [0; STATES], len: 0 };
    let mut total = 0;
    while total <= 60 {
        let mut ones = 0;
        while ones <= total {
            let zeros = total - ones;
            if allowed(zeros, ones) {
                let mut last = 0;
                while last <= keeps_last(zeros, ones) as u8 {
                    all.zeros[all.len] = zeros;
                    all.ones[all.len] = ones;
                    all.last[all.len] = last;
                    all.len += 1;
                    last += 1;
                }
            }
            ones += 1;
        }
        total += 1;
    }
    all
}

const fn find(all: &States, zeros: u8, ones: u8, last: u8) -> u8 {
    let wanted = if keeps_last(zeros, ones) { last } else { 0 };
    let mut i = 0;
    while i < all.len {
        if all.zeros[i] == zeros && all.ones[i] == ones && all.last[i] == wanted {
            return i as u8;
        }
        i += 1;
    }
    panic!("the rules lead out of the table")
}

/// What remains of a count when the other bit comes.
const fn discount(count: u8) -> u8 {
    match count {
        0..=2 => count,
        3..=4 => 3,
        5..=7 => 4,
        8..=14 => 5,
        15..=25 => 6,
        _ => 7,
    }
}

const fn step(zeros: u8, ones: u8, bit: u8) -> (u8, u8) {
    let (mut same, mut other) = if bit == 0 { (zeros + 1, discount(ones)) } else { (ones + 1, discount(zeros)) };
    loop {
        let fits = if bit == 0 { allowed(same, other) } else { allowed(other, same) };
        if fits {
            break;
        }
        // Prefer to forget the other bit; where that is short already, the same bit's count has reached its bound.
        if other > 1 && same < 6 || other > 5 {
            other -= 1;
        } else {
            same -= 1;
        }
    }
    if bit == 0 { (same, other) } else { (other, same) }
}

const fn next_table() -> [[u8; 2]; STATES] {
    let all = states();
    let mut table = [[0; 2]; STATES];
    let mut i = 0;
    while i < all.len {
        let mut bit = 0;
        while bit < 2 {
            let (zeros, ones) = step(all.zeros[i], all.ones[i], bit);
            table[i][bit as usize] = find(&all, zeros, ones, bit);
            bit += 1;
        }
        i += 1;
    }
    table
}

static NEXT: [[u8; 2]; STATES] = next_table();

/// The history after `bit` was seen.
#[inline]
#[must_use]
pub fn next(history: u8, bit: u32) -> u8 {
    NEXT[history as usize][(bit & 1) as usize]
}

/// For each history a first guess of the probability of a 1, of 65,536.
pub const fn first_guesses() -> [u16; STATES] {
    let all = states();
    let mut table = [32_768; STATES];
    let mut i = 0;
    while i < all.len {
        let (zeros, ones) = (all.zeros[i] as u32, all.ones[i] as u32);
        // Where only one bit was ever seen, it is likelier than the counts alone say.
        let doubt = if zeros == 0 || ones == 0 { 5 } else { 8 };
        table[i] = ((ones * 20 + doubt) * 65_535 / ((zeros + ones) * 20 + 2 * doubt)) as u16;
        i += 1;
    }
    table
}

/// How much a history has seen: all ones where it has seen anything, else 0; and 0 to 3: nothing, a single bit, a few,
/// many.
#[inline]
#[must_use]
pub fn weight(history: u8) -> (i16, i16) {
    // A table, since half the histories are new and half are not, which no branch can guess.
    static WEIGHTS: [(i16, i16); STATES] = {
        let mut weights = [(-1, 3); STATES];
        weights[NEW as usize] = (0, 0);
        let mut history = 1;
        while history <= 24 {
            weights[history] = (-1, if history <= 2 { 1 } else { 2 });
            history += 1;
        }
        weights
    };
    WEIGHTS[history as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_in_a_byte() {
        assert!(states().len <= STATES);
        assert_eq!((states().zeros[0], states().ones[0]), (0, 0));
    }

    #[test]
    fn a_long_habit_is_remembered_and_a_change_noticed() {
        let guess = |history: u8| first_guesses()[history as usize];
        let mut history = NEW;
        let mut last = guess(history);
        for _ in 0..40 {
            history = next(history, 1);
            assert!(guess(history) >= last);
            last = guess(history);
        }
        let broken = next(history, 0);
        assert!(guess(broken) < last && guess(broken) > 32_768);
    }
}
