//! The two loops over all weights of a net, in the processor's vectors where it has them, with a portable twin that gives
//! the same numbers.

/// Fraction bits of a weight.
pub const WEIGHT_BITS: u32 = 16;
/// Bits of a weight that are left out when it is multiplied, so that it fits in 16.
const DROPPED_BITS: u32 = 3;
/// Weights stay within ±4.
pub const WEIGHT_MAX: i32 = (4 << WEIGHT_BITS) - (1 << DROPPED_BITS);
/// Bits by which products of inputs and errors are larger than weights.
const STEP_BITS: u32 = 12;

/// The loops for one kind of processor. Inputs and errors have 16 bits, weights stay within ±[`WEIGHT_MAX`]. `W` is a
/// multiple of eight.
pub trait Loops {
    /// The sum of products of inputs and weights, without its fraction.
    fn dot<const W: usize>(inputs: &[i16; W], weights: &[i32; W]) -> i32;

    /// Moves each weight by the product of its input and `error`, rounded.
    fn train<const W: usize>(inputs: &[i16; W], weights: &mut [i32; W], error: i16);
}

/// For any processor.
pub struct Portable;

impl Loops for Portable {
    // Not inlined, since a compiler that sees where the inputs come from takes the loop apart instead of vectorizing it.
    #[inline(never)]
    fn dot<const W: usize>(inputs: &[i16; W], weights: &[i32; W]) -> i32 {
        let mut sum = 0i32;
        for i in 0..W {
            let weight = (weights[i] >> DROPPED_BITS) as i16;
            sum = sum.wrapping_add(i32::from(weight) * i32::from(inputs[i]));
        }
        sum >> (WEIGHT_BITS - DROPPED_BITS)
    }

    #[inline(never)]
    fn train<const W: usize>(inputs: &[i16; W], weights: &mut [i32; W], error: i16) {
        for i in 0..W {
            let moved = weights[i] + ((i32::from(inputs[i]) * i32::from(error) + (1 << (STEP_BITS - 1))) >> STEP_BITS);
            weights[i] = moved.clamp(-WEIGHT_MAX, WEIGHT_MAX);
        }
    }
}

/// For x86-64 with AVX2: to be used only where [`has_avx2`] and from functions that enable it.
#[cfg(target_arch = "x86_64")]
pub struct Avx2;

/// Whether the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
impl Loops for Avx2 {
    #[inline(always)]
    fn dot<const W: usize>(inputs: &[i16; W], weights: &[i32; W]) -> i32 {
        // SAFETY: whoever uses `Avx2` has asked the processor.
        unsafe { avx2::dot(inputs, weights) }
    }

    #[inline(always)]
    fn train<const W: usize>(inputs: &[i16; W], weights: &mut [i32; W], error: i16) {
        // SAFETY: whoever uses `Avx2` has asked the processor.
        unsafe { avx2::train(inputs, weights, error) }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{DROPPED_BITS, STEP_BITS, WEIGHT_BITS, WEIGHT_MAX};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn inputs_at<const W: usize>(inputs: &[i16; W], at: usize) -> __m256i {
        let eight: &[i16] = &inputs[at..at + 8];
        // SAFETY: eight inputs are 16 bytes.
        _mm256_cvtepi16_epi32(unsafe { _mm_loadu_si128(eight.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn dot<const W: usize>(inputs: &[i16; W], weights: &[i32; W]) -> i32 {
        let mut sums = _mm256_setzero_si256();
        for at in (0..W).step_by(8) {
            let eight: &[i32] = &weights[at..at + 8];
            // SAFETY: eight weights are 32 bytes.
            let weights = unsafe { _mm256_loadu_si256(eight.as_ptr().cast()) };
            let weights = _mm256_srai_epi32::<{ DROPPED_BITS as i32 }>(weights);
            sums = _mm256_add_epi32(sums, _mm256_mullo_epi32(weights, inputs_at(inputs, at)));
        }
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
        let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
        _mm_cvtsi128_si32(one) >> (WEIGHT_BITS - DROPPED_BITS)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn train<const W: usize>(inputs: &[i16; W], weights: &mut [i32; W], error: i16) {
        let error = _mm256_set1_epi32(i32::from(error));
        let half = _mm256_set1_epi32(1 << (STEP_BITS - 1));
        let (least, most) = (_mm256_set1_epi32(-WEIGHT_MAX), _mm256_set1_epi32(WEIGHT_MAX));
        for at in (0..W).step_by(8) {
            let product = _mm256_mullo_epi32(inputs_at(inputs, at), error);
            let step = _mm256_srai_epi32::<{ STEP_BITS as i32 }>(_mm256_add_epi32(product, half));
            let eight: &mut [i32] = &mut weights[at..at + 8];
            // SAFETY: eight weights are 32 bytes.
            unsafe {
                let moved = _mm256_add_epi32(_mm256_loadu_si256(eight.as_ptr().cast()), step);
                let moved = _mm256_max_epi32(least, _mm256_min_epi32(most, moved));
                _mm256_storeu_si256(eight.as_mut_ptr().cast(), moved);
            }
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_the_portable_loops_agree() {
        if !has_avx2() {
            return;
        }
        let mut seed = 9u32;
        let mut draw = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as i32
        };
        for round in 0..2000 {
            let extreme = round % 5 == 0;
            let inputs: [i16; 24] = std::array::from_fn(|_| if extreme { i16::MIN } else { draw() as i16 >> 3 });
            let weight = |value: i32| if extreme { WEIGHT_MAX } else { value % (WEIGHT_MAX + 1) };
            let mut weights: [i32; 24] = std::array::from_fn(|_| weight(draw()) * if draw() & 1 == 0 { 1 } else { -1 });
            assert_eq!(Avx2::dot(&inputs, &weights), Portable::dot(&inputs, &weights));
            let error = draw() as i16;
            let mut twin = weights;
            Avx2::train(&inputs, &mut weights, error);
            Portable::train(&inputs, &mut twin, error);
            assert_eq!(weights, twin);
        }
    }
}
