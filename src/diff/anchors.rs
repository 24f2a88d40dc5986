//! Long agreement first: old is sampled every 32 bytes, a rolling hash over new finds the samples again. Where new
//! follows old along one diagonal nothing is hashed at all, so inputs that mostly agree cost little more than comparing.

use rayon::prelude::*;

use super::agree::{Ends, Stretch, backward};

/// Bytes of a sample, and from one sample to the next.
pub const SAMPLE: usize = 32;
/// Samples kept for one hash, and slots looked at.
const PROBES: usize = 4;
/// Agreement beyond this does not make one candidate better than another.
const TELLING: usize = 1024;
/// Bytes between two looks at the diagonal in force while searching.
const LOOK: usize = 16;

/// new\[new .. new + len\] follows old from `old` on, with few differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where in new.
    pub new: usize,
    /// Where in old.
    pub old: usize,
    /// Bytes.
    pub len: usize,
}

impl Run {
    /// Place in old minus place in new.
    #[must_use]
    pub fn diagonal(&self) -> i64 {
        self.old as i64 - self.new as i64
    }

    /// The first byte of new behind it.
    #[must_use]
    pub fn end(&self) -> usize {
        self.new + self.len
    }
}

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// `FACTOR` to the power of `SAMPLE`.
const OLDEST: u64 = {
    let (mut power, mut i) = (1u64, 0);
    while i < SAMPLE {
        power = power.wrapping_mul(FACTOR);
        i += 1;
    }
    power
};

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash: u64, &byte| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(byte) + 1))
}

fn roll(hash: u64, out: u8, next: u8) -> u64 {
    let out = OLDEST.wrapping_mul(u64::from(out) + 1);
    hash.wrapping_mul(FACTOR).wrapping_add(u64::from(next) + 1).wrapping_sub(out)
}

/// The samples of old by hash.
struct Samples {
    /// A tag of the hash above, the number of the sample plus one below; 0 where free.
    slots: Vec<u64>,
    shift: u32,
}

impl Samples {
    fn new(old: &[u8]) -> Self {
        let samples = (old.len() / SAMPLE).min(u32::MAX as usize - 1);
        let bits = (samples * 2).next_power_of_two().trailing_zeros().max(4);
        let mut slots = vec![0u64; (1usize << bits) + PROBES];
        let shift = 64 - bits;
        // Hashing is shared out; filling is not, so that the table does not depend on the number of threads.
        let mut hashes = Vec::new();
        for (part, bytes) in old[..samples * SAMPLE].chunks(SAMPLE << 16).enumerate() {
            bytes.par_chunks_exact(SAMPLE).with_min_len(1 << 12).map(hash).collect_into_vec(&mut hashes);
            for (i, &hash) in hashes.iter().enumerate() {
                let mixed = mix(hash);
                let sample = (part << 16) + i + 1;
                let from = (mixed >> shift) as usize;
                if let Some(slot) = slots[from..from + PROBES].iter_mut().find(|slot| **slot == 0) {
                    *slot = mixed << 32 | sample as u64;
                }
            }
        }
        Self { slots, shift }
    }

    /// Places of old that may hold what has this hash.
    #[inline]
    fn find(&self, hash: u64) -> impl Iterator<Item = usize> {
        let mixed = mix(hash);
        let from = (mixed >> self.shift) as usize;
        let slots = &self.slots[from..from + PROBES];
        slots
            .iter()
            .take_while(|&&slot| slot != 0)
            .filter(move |&&slot| slot >> 32 == mixed & 0xffff_ffff)
            .map(|&slot| ((slot & 0xffff_ffff) as usize - 1) * SAMPLE)
    }
}

#[inline]
fn mix(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(FACTOR)
}

/// Runs of agreement of at least [`SAMPLE`] bytes, sorted by new, disjoint. `hints` are likely places, sorted by new:
/// new\[.0\] and old\[.1\].
#[must_use]
pub fn runs(ends: Ends, hints: &[(usize, usize)], stretch: &Stretch) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut samples = None;
    let mut hints = hints.iter().copied().peekable();
    let mut diagonal = 0i64;
    let mut at = 0;
    while at < ends.new.len() {
        let mut hinted = None;
        while let Some((new, old)) = hints.next_if(|&(new, _)| new <= at) {
            hinted = (new == at).then_some(old as i64 - at as i64);
        }
        let limit = hints.peek().map_or(ends.new.len(), |&(new, _)| new.min(ends.new.len()));
        let direct = hinted.into_iter().chain([diagonal]).find(|&d| ends.agreement(at, d, SAMPLE) == SAMPLE);
        diagonal = hinted.unwrap_or(diagonal);
        let found = direct.map(|direct| (at, direct)).or_else(|| {
            (limit - at >= SAMPLE && ends.old.len() >= SAMPLE).then(|| {
                let samples = samples.get_or_insert_with(|| Samples::new(ends.old));
                search(ends, samples, at, limit, diagonal)
            })?
        });
        let Some((from, found)) = found else {
            at = limit;
            continue;
        };
        let end = ends.follow(from, found, stretch);
        let old = (from as i64 + found) as usize;
        let back = backward(&ends.old[..old], &ends.new[at..from]);
        runs.push(Run { new: from - back, old: old - back, len: end - from + back });
        (at, diagonal) = (end, found);
    }
    runs
}

/// The first place of new from `at` on, before `limit`, where a diagonal agrees for a sample's length.
fn search(ends: Ends, samples: &Samples, at: usize, limit: usize, diagonal: i64) -> Option<(usize, i64)> {
    let new = ends.new;
    let mut rolling = hash(&new[at..at + SAMPLE]);
    let mut place = at;
    loop {
        if (place - at).is_multiple_of(LOOK) && ends.agreement(place, diagonal, SAMPLE) == SAMPLE {
            return Some((place, diagonal));
        }
        let longest = samples
            .find(rolling)
            .map(|old| old as i64 - place as i64)
            .map(|found| (ends.agreement(place, found, TELLING), found))
            .filter(|&(agreed, _)| agreed >= SAMPLE)
            .max_by_key(|&(agreed, found)| (agreed, std::cmp::Reverse((found - diagonal).unsigned_abs())));
        if let Some((_, found)) = longest {
            return Some((place, found));
        }
        if place + SAMPLE >= limit {
            return None;
        }
        rolling = roll(rolling, new[place], new[place + SAMPLE]);
        place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::noise;

    const STRETCH: Stretch = Stretch { differing: 2, calm: 16 };

    #[test]
    fn rolling_equals_hashing_afresh() {
        let bytes = noise(1, 200);
        let mut rolling = hash(&bytes[..SAMPLE]);
        for at in 1..bytes.len() - SAMPLE {
            rolling = roll(rolling, bytes[at - 1], bytes[at + SAMPLE - 1]);
            assert_eq!(rolling, hash(&bytes[at..at + SAMPLE]));
        }
    }

    #[test]
    fn a_moved_block_is_found_to_the_byte() {
        let old = noise(2, 1000);
        let new = [noise(3, 77), old[300..900].to_vec(), noise(4, 50)].concat();
        let runs = runs(Ends { old: &old, new: &new }, &[], &STRETCH);
        assert_eq!(runs, [Run { new: 77, old: 300, len: 600 }]);
    }

    #[test]
    fn equal_inputs_are_one_run() {
        let old = noise(5, 5000);
        let found = runs(Ends { old: &old, new: &old }, &[], &STRETCH);
        assert_eq!(found, [Run { new: 0, old: 0, len: 5000 }]);
        assert_eq!(runs(Ends { old: &[], new: &old }, &[], &STRETCH), []);
        assert_eq!(runs(Ends { old: &old, new: &[] }, &[], &STRETCH), []);
    }

    #[test]
    fn a_hint_leads_where_content_repeats() {
        let part = noise(6, 100);
        let old = part.repeat(5);
        let runs = runs(Ends { old: &old, new: &part }, &[(0, 300)], &STRETCH);
        assert_eq!(runs, [Run { new: 0, old: 300, len: 100 }]);
    }
}
