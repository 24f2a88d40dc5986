//! Covers: which bytes of new are made from which bytes of old, chosen by what the coder will charge.
//!
//! Anchors explain what agrees for long; an index of old serves the rest; a shortest path decides. New is cut into
//! parts inside long runs of agreement, where the way is known, so that parts can be walked side by side.

use std::ops::Range;

use rayon::prelude::*;

use super::Effort;
use super::agree::{Ends, Stretch};
use super::anchors::{self, Run};
pub use super::costs::Costs;
use super::index::{Index, WORD};
pub use super::path::Search;
use super::path::{self, Known, Leg};
use super::renames::Renames;

/// new\[new .. new + len\] is made from old\[old .. old + len\], byte by byte, mostly equal: what differs inside is
/// coded as substitutions. Bytes of new under no cover are literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Where in new.
    pub new: usize,
    /// Where in old.
    pub old: usize,
    /// Bytes; at least one.
    pub len: usize,
}

/// At this place of new, that place of old is likely: where a file begins that was paired with one of old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Where in new.
    pub new: usize,
    /// Where in old.
    pub old: usize,
}

/// Parts of new walked at once are at least this long.
const PART: usize = 1 << 17;
/// And cut after this many bytes even where no run is long enough.
const LONGEST_PART: usize = 1 << 21;
/// Runs that are cut are at least this long.
const CUT_RUN: usize = 512;

/// How thorough the search is at each effort.
#[must_use]
pub fn search(effort: Effort) -> Search {
    match effort {
        Effort::Fast => Search {
            states: 3,
            near: 16,
            settled: 4,
            stride: 4,
            rounds: 1,
            looked: 2,
            certain: 24,
            stretch: Stretch { differing: 2, calm: 16 },
        },
        Effort::Default => Search {
            states: 6,
            near: 32,
            settled: 4,
            stride: 2,
            rounds: 2,
            looked: 8,
            certain: 32,
            stretch: Stretch { differing: 2, calm: 24 },
        },
        Effort::Max => Search {
            states: 12,
            near: 64,
            settled: 8,
            stride: 1,
            rounds: 2,
            looked: 24,
            certain: 32,
            stretch: Stretch { differing: 2, calm: 32 },
        },
    }
}

/// The covers of new by old: sorted by new, disjoint, each beginning and ending with a byte that agrees. The same for
/// the same input whatever the number of threads. Time is linear in both lengths; above 4 GiB of old only
/// agreement of 32 bytes and what lies near it is found.
#[must_use]
pub fn covers(old: &[u8], new: &[u8], hints: &[Hint], effort: Effort, costs: &Costs) -> Vec<Cover> {
    counted(old, new, hints, search(effort), costs).0
}

/// [`covers`] for a search of one's own, and the steps that choosing took: what its time grows with.
#[must_use]
pub fn counted(old: &[u8], new: &[u8], hints: &[Hint], search: Search, costs: &Costs) -> (Vec<Cover>, u64) {
    let ends = Ends { old, new };
    let mut places: Vec<_> =
        hints.iter().filter(|hint| hint.old <= old.len()).map(|hint| (hint.new, hint.old)).collect();
    places.sort_unstable();
    let runs = anchors::runs(ends, &places, &search.stretch);
    let index = Index::new(ends, &unexplained(new.len(), &runs), search.stride);
    let parts = parts(new.len(), &runs);
    let mut renames = Renames::default();
    let mut chosen = (Vec::new(), 0);
    let rounds = if costs.renames < costs.differs { search.rounds.max(1) } else { 1 };
    for round in 1..=rounds {
        // What is only learned from need not be the best.
        let search =
            if round < rounds { Search { states: 4, near: 16, looked: 4, settled: 4, ..search } } else { search };
        let walked: Vec<_> = parts
            .par_iter()
            .map(|part| {
                let from = runs.partition_point(|run| run.end() <= part.start);
                let to = runs.partition_point(|run| run.new < part.end);
                let diagonal = match from.checked_sub(1).map(|i| runs[i]) {
                    _ if runs.get(from).is_some_and(|run| run.new <= part.start) => runs[from].diagonal(),
                    before => before.map_or(0, |run| run.diagonal()),
                };
                let hints = &places[places.partition_point(|&(new, _)| new < part.start)..];
                let hints = &hints[..hints.partition_point(|&(new, _)| new < part.end)];
                let known = Known { runs: &runs[from..to.max(from)], hints, renames: &renames };
                path::walk(ends, &index, costs, search, part.clone(), diagonal, known)
            })
            .collect();
        let steps: u64 = walked.iter().map(|(_, steps)| steps).sum();
        let legs: Vec<Leg> = walked.into_iter().flat_map(|(legs, _)| legs).collect();
        chosen = (along(ends, &legs), chosen.1 + steps);
        if round < rounds {
            renames = Renames::learn(ends, &chosen.0);
        }
    }
    chosen
}

/// The places of new where an index of old is needed: outside the runs, and where bytes hashed reach out of them.
fn unexplained(new_len: usize, runs: &[Run]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0usize;
    for (start, end) in runs.iter().map(|run| (run.new, run.end())).chain([(new_len, new_len)]) {
        if start > at {
            parts.push(at.saturating_sub(WORD + 8)..start);
        }
        at = end;
    }
    parts
}

/// Cuts new where the way is known: in the middle of long runs.
fn parts(new_len: usize, runs: &[Run]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let ends = runs.iter().filter(|run| run.len >= CUT_RUN).map(|run| (run.end() - CUT_RUN / 2, PART));
    for (at, least) in ends.chain([(new_len, 1)]) {
        while at > start + LONGEST_PART + least {
            parts.push(start..start + LONGEST_PART);
            start += LONGEST_PART;
        }
        if at >= start + least {
            parts.push(start..at);
            start = at;
        }
    }
    parts
}

/// The covers along `legs`, without bytes at their ends that differ.
fn along(ends: Ends, legs: &[Leg]) -> Vec<Cover> {
    let mut covers: Vec<Cover> = Vec::new();
    for (i, leg) in legs.iter().enumerate().filter(|(_, leg)| !leg.literal) {
        let end = legs.get(i + 1).map_or(ends.new.len(), |next| next.start);
        let Some(old) = ends.place(leg.start, leg.diagonal) else { continue };
        let len = (end - leg.start).min(ends.old.len() - old);
        match covers.last_mut() {
            Some(last) if last.new + last.len == leg.start && last.old + last.len == old => last.len += len,
            _ => covers.push(Cover { new: leg.start, old, len }),
        }
    }
    for cover in &mut covers {
        let pair = || ends.new[cover.new..][..cover.len].iter().zip(&ends.old[cover.old..][..cover.len]);
        let lead = pair().take_while(|(a, b)| a != b).count();
        let trail = pair().rev().take_while(|(a, b)| a != b).count();
        *cover = Cover { new: cover.new + lead, old: cover.old + lead, len: (cover.len - lead).saturating_sub(trail) };
    }
    covers.retain(|cover| cover.len > 0);
    covers
}

#[cfg(test)]
#[path = "covers_tests.rs"]
mod tests;
