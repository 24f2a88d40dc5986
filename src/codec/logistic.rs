//! The logistic function and its inverse as tables of integers.
//!
//! Mixing happens in the logistic domain, as in the PAQ family of compressors (M. Mahoney, "Adaptive weighing of
//! context models for lossless data compression", 2005). The tables are computed when the crate is compiled, in
//! the compiler's own exact arithmetic, so they are the same on every machine.

/// Logits are fixed-point with 8 fractional bits, clamped to `-LOGIT_MAX..=LOGIT_MAX`.
pub const LOGIT_MAX: i32 = 2047;

const LOGITS: usize = 4096;
/// Probabilities are looked up by their highest 12 bits.
const STEPS: usize = 4096;

static SQUASH: [u16; LOGITS] = squash_table();
static STRETCH: [i16; STEPS] = stretch_table();

/// The probability, of 65,536, of a 1 whose logit is `logit`; in `32..=65_504`.
#[inline]
#[must_use]
pub fn squash(logit: i32) -> u32 {
    u32::from(SQUASH[(logit.clamp(-LOGIT_MAX, LOGIT_MAX) + 2048) as usize])
}

/// The logit of a probability given in 12 bits (values above 4,095 wrap).
#[inline]
#[must_use]
pub fn stretch(probability: u32) -> i32 {
    i32::from(STRETCH[probability as usize & (STEPS - 1)])
}

/// e to the power of `x`, by halving `x` until its series converges at once.
const fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1;
    while n < 12 {
        term *= small / n as f64;
        sum += term;
        n += 1;
    }
    let mut squarings = 0;
    while squarings < 10 {
        sum *= sum;
        squarings += 1;
    }
    sum
}

const fn squash_table() -> [u16; LOGITS] {
    let mut table = [0; LOGITS];
    let mut i = 0;
    while i < LOGITS {
        let x = (i as f64 - 2048.0) / 256.0;
        let p = 65_536.0 / (1.0 + exp(-x)) + 0.5;
        table[i] = if p < 32.0 {
            32
        } else if p > 65_504.0 {
            65_504
        } else {
            p as u16
        };
        i += 1;
    }
    table
}

/// For each probability the lowest logit that [`squash`] takes at least to it.
const fn stretch_table() -> [i16; STEPS] {
    let squash = squash_table();
    let mut table = [0; STEPS];
    let mut logit = 1;
    let mut i = 0;
    while i < STEPS {
        let middle = (i * 16 + 8) as u16;
        while logit < LOGITS - 1 && squash[logit] < middle {
            logit += 1;
        }
        table[i] = logit as i16 - 2048;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretch_undoes_squash() {
        for logit in (-1500..=1500).step_by(100) {
            let back = stretch(squash(logit) >> 4);
            assert!((back - logit).abs() <= 24 + logit.abs() / 8, "{logit} came back as {back}");
        }
        assert_eq!(squash(0), 32_768);
    }

    #[test]
    fn both_grow_with_their_argument() {
        assert!((-2047..2047).all(|x| squash(x) <= squash(x + 1)));
        assert!((0..4095).all(|p| stretch(p) <= stretch(p + 1)));
    }
}
