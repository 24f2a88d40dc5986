//! Places of old by the eight bytes that stand there: only those bytes that also stand in the parts of new that anchors
//! do not explain, so that the index is as large as the difference and not as large as old.

use std::ops::Range;

use rayon::prelude::*;

use super::agree::Ends;

/// Bytes that are hashed.
pub const WORD: usize = 8;
/// Candidates looked at to either side of the expected place.
const MAX_LOOKED: usize = 32;

/// A place of old that agrees with a place of new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where in old.
    pub old: usize,
    /// Bytes that agree, counted up to the limit given.
    pub len: usize,
}

/// Places of old, grouped by hash, ascending in each group.
#[derive(Debug, Default)]
pub struct Index {
    /// By group: where in `places` it ends, and the next one starts.
    ends: Vec<u32>,
    places: Vec<u32>,
    shift: u32,
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<WORD>()?))
}

#[inline]
fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word ^ word >> 32
}

#[inline]
fn group(mixed: u64, shift: u32) -> usize {
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize
}

/// The filter's bits are at most two to the power of this: they should stay in the processor's cache.
const FILTER_BITS: u32 = 25;
/// Places of old that are filtered as one: so many that what passes is given back to the system once it is filed.
const BLOCK: usize = 1 << 20;
/// The index is filled in so many parts, side by side, each small enough for a processor to keep at hand.
const SHARES: usize = 1 << SHARE_BITS;
const SHARE_BITS: u32 = 4;
/// Candidates that are read together, so that one is not waited for after the other.
const TOGETHER: usize = 8;

/// Which hashes occur in new, with a small share of errors.
struct Filter {
    bits: Vec<u64>,
    shift: u32,
}

impl Filter {
    fn new(new: &[u8], parts: &[Range<usize>]) -> Self {
        let words: usize = parts.iter().map(|part| part.len()).sum();
        let log = (words.saturating_mul(8)).next_power_of_two().trailing_zeros().clamp(12, FILTER_BITS);
        let mut filter = Self { bits: vec![0; 1 << (log - 6)], shift: 64 - log };
        for part in parts {
            for at in part.clone() {
                let Some(word) = word(new, at) else { break };
                let bit = filter.bit(mix(word));
                filter.bits[bit >> 6] |= 1 << (bit & 63);
            }
        }
        filter
    }

    #[inline]
    fn bit(&self, mixed: u64) -> usize {
        (mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> self.shift) as usize
    }

    #[inline]
    fn has(&self, mixed: u64) -> bool {
        let bit = self.bit(mixed);
        self.bits[bit >> 6] >> (bit & 63) & 1 != 0
    }
}

impl Index {
    /// Every `stride`-th place of old, of those whose eight bytes stand in one of `parts` of new. Takes time linear in
    /// old and the parts, and at most `12 / stride` bytes for each byte of old. Empty where old has 4 GiB or more.
    #[must_use]
    pub fn new(ends: Ends, parts: &[Range<usize>], stride: usize) -> Self {
        let old = ends.old;
        let words: usize = parts.iter().map(|part| part.len()).sum();
        if old.len() < WORD || old.len() > u32::MAX as usize || words == 0 {
            return Self::default();
        }
        // Where most of old would pass there is nothing to filter.
        let filter = (words < old.len() / 4 && words < 1 << (FILTER_BITS - 1)).then(|| Filter::new(ends.new, parts));
        let mixed = |place: usize| mix(word(old, place).unwrap_or(0));
        let blocks = (old.len() - WORD + 1).div_ceil(BLOCK);
        let blocks: Vec<[Vec<u32>; SHARES]> = (0..blocks)
            .into_par_iter()
            .map(|block| {
                let places = (block * BLOCK..((block + 1) * BLOCK).min(old.len() - WORD + 1)).step_by(stride);
                let passes = |&place: &usize| filter.as_ref().is_none_or(|filter| filter.has(mixed(place)));
                let hits: Vec<u32> = places.filter(passes).map(|place| place as u32).collect();
                let share = |place: u32| group(mixed(place as usize), 64 - SHARE_BITS);
                let mut counts = [0; SHARES];
                hits.iter().for_each(|&place| counts[share(place)] += 1);
                let mut shares = counts.map(Vec::with_capacity);
                hits.iter().for_each(|&place| shares[share(place)].push(place));
                shares
            })
            .collect();
        let mut shares: [Vec<Vec<u32>>; SHARES] = Default::default();
        for (share, hits) in blocks.into_iter().flat_map(|block| block.into_iter().enumerate()) {
            shares[share].push(hits);
        }
        let count: usize = shares.iter().flatten().map(Vec::len).sum();
        let log = count.max(1).ilog2().clamp(SHARE_BITS, 30);
        let shift = 64 - log;
        let groups = 1 << (log - SHARE_BITS);
        let mut group_ends = vec![0u32; 1 << log];
        let mut places = vec![0u32; count];
        let mut rest = places.as_mut_slice();
        let mut from = 0;
        let mut jobs = Vec::with_capacity(SHARES);
        for (i, (hits, nexts)) in shares.into_iter().zip(group_ends.chunks_mut(groups)).enumerate() {
            let (own, others) = rest.split_at_mut(hits.iter().map(Vec::len).sum());
            rest = others;
            let to = from + own.len() as u32;
            jobs.push((i * groups, hits, nexts, from, own));
            from = to;
        }
        jobs.into_par_iter().for_each(|(first, hits, nexts, from, own)| {
            let group = |place: u32| group(mixed(place as usize), shift) - first;
            hits.iter().flatten().for_each(|&place| nexts[group(place)] += 1);
            let mut total = from;
            for count in nexts.iter_mut() {
                total += std::mem::replace(count, total);
            }
            // What is filled in is let go, so that hits and places never stand in memory together.
            for place in hits.into_iter().flatten() {
                let next = &mut nexts[group(place)];
                own[(*next - from) as usize] = place;
                *next += 1;
            }
        });
        Self { ends: group_ends, places, shift }
    }

    /// Candidates for `new`, of at least eight bytes: those nearest to the `expected` place of old, up to `looked` to
    /// either side. `ahead` serves for queries at ascending places.
    #[inline]
    pub fn find(
        &self,
        ends: Ends,
        ahead: &mut Ahead,
        new: usize,
        expected: i64,
        query: Query,
        mut each: impl FnMut(Candidate),
    ) {
        if self.places.is_empty() {
            return;
        }
        if !(ahead.from..ahead.to).contains(&new) {
            self.look_ahead(ends, ahead, new);
        }
        let (start, end) = ahead.groups[new - ahead.from];
        let Some(places) = self.places.get(start as usize..end as usize).filter(|places| !places.is_empty()) else {
            return;
        };
        let looked = query.looked.min(MAX_LOOKED);
        let middle =
            if places.len() <= looked { 0 } else { places.partition_point(|&place| i64::from(place) < expected) };
        let places = &places[middle.saturating_sub(looked)..places.len().min(middle + looked)];
        let Some(first) = word(ends.new, new) else { return };
        let most = ends.new.len().min(new.saturating_add(query.most));
        let rest = &ends.new[(new + WORD).min(most)..most];
        for places in places.chunks(TOGETHER) {
            let mut words = [!first; TOGETHER];
            for (found, &place) in words.iter_mut().zip(places) {
                *found = word(ends.old, place as usize).unwrap_or(!first);
            }
            for (_, &place) in words.iter().zip(places).filter(|&(&found, _)| found == first) {
                let old = place as usize;
                each(Candidate { old, len: WORD + super::agree::forward(&ends.old[old + WORD..], rest) });
            }
        }
    }

    /// Reads the groups of a row of places at once: each is far from all others in memory, and together they take
    /// little longer than one.
    fn look_ahead(&self, ends: Ends, ahead: &mut Ahead, new: usize) {
        (ahead.from, ahead.to) = (new, new + AHEAD);
        ahead.groups = [(0, 0); AHEAD];
        let words = ends.new[new..]
            .windows(WORD)
            .map(|window| window.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
        for (group, word) in ahead.groups.iter_mut().zip(words) {
            let at = self::group(mix(word), self.shift);
            *group = (at.checked_sub(1).map_or(0, |before| self.ends[before]), self.ends[at]);
        }
    }
}

/// Places of new that are looked up together.
const AHEAD: usize = 16;

/// What was looked up for the next places of new.
#[derive(Debug, Default)]
pub struct Ahead {
    from: usize,
    to: usize,
    groups: [(u32, u32); AHEAD],
}

/// How far a query goes.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Candidates to either side of the expected place.
    pub looked: usize,
    /// Agreement counted.
    pub most: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::noise;

    #[test]
    fn every_place_of_a_word_is_found_nearest_first() {
        let part = b"function";
        let mut old = noise(1, 4000);
        for at in [100, 900, 2000, 3992] {
            old[at..at + 8].copy_from_slice(part);
        }
        let ends = Ends { old: &old, new: part };
        let index = Index::new(ends, std::slice::from_ref(&(0..1)), 1);
        let places = |expected, looked| {
            let mut found = vec![];
            index.find(ends, &mut Ahead::default(), 0, expected, Query { looked, most: 64 }, |candidate| {
                found.push(candidate.old)
            });
            found
        };
        assert_eq!(places(0, 8), [100, 900, 2000, 3992]);
        assert_eq!(places(1000, 1), [900, 2000]);
        assert_eq!(places(9000, 1), [3992]);
        assert_eq!(places(-5, 1), [100]);
    }

    #[test]
    fn only_what_new_needs_is_indexed() {
        let old = noise(2, 100_000);
        let index = Index::new(Ends { old: &old, new: &old[500..600] }, std::slice::from_ref(&(0..100)), 1);
        assert!(index.places.len() >= 93 && index.places.len() < 20_000, "{}", index.places.len());
    }
}
