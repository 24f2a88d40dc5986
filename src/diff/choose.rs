//! Which codings compete. The models make the smallest patches and take their time for each byte that they code; lanes
//! take next to none. A quick try in lanes shows what there is to be gained.

use rayon::prelude::*;

use super::encode::{Coding, Job};
use super::ways::Way;
use super::{Effort, Made};

/// Levels of zstd: of a try, of a try that is kept in a hurry, of the smallest lanes.
const TRY_LEVEL: i32 = 3;
const FAST_LEVEL: i32 = 12;
const MAX_LEVEL: i32 = 22;
/// In a hurry the models code what lanes make smaller than this, or than this share of old and new: they then take no
/// longer than finding the covers did.
const HURRY_BYTES: usize = 64 << 10;
const HURRY_SHARE: u64 = 16;
/// Literals that the models code unasked: a quarter of a second's work.
const UNASKED_BYTES: u64 = 256 << 10;
/// Where lanes make literals this many times smaller, they repeat themselves, and the models have little left to save.
const REPETITIVE: u64 = 256;
/// Where lanes make literals smaller or larger by less than this share, they are noise, and nothing saves anything.
const NOISE_SHARE: u64 = 64;
/// Patches below this may gain by covers for few edits.
const BRIEF_BYTES: usize = 4 << 10;

impl Job<'_> {
    /// The patches that compete at this effort, at least one.
    #[must_use]
    pub fn compete(&self) -> Vec<Made> {
        let ways = self.ways();
        let mut made: Vec<Made> = ways.par_iter().flat_map(|way| self.code(way)).collect();
        let brief = self.effort == Effort::Max
            && made.iter().any(|(_, patch)| patch.len() < BRIEF_BYTES)
            && ways.iter().all(|way| way.literal_bytes() <= UNASKED_BYTES);
        if brief {
            made.par_extend(self.brief_ways().par_iter().map(|way| self.encode(way, Coding::Models)));
        }
        made
    }

    /// One way, in the codings that are worth their time.
    fn code(&self, way: &Way) -> Vec<Made> {
        let literals = way.literal_bytes();
        let level = if self.effort == Effort::Fast { FAST_LEVEL } else { TRY_LEVEL };
        let try_lanes = self.effort == Effort::Fast || literals > UNASKED_BYTES;
        let tried = try_lanes.then(|| self.encode(way, Coding::Lanes(level)));
        let models = tried.as_ref().is_none_or(|(_, patch)| {
            let hurry = HURRY_BYTES.max(usize::try_from(self.total_bytes() / HURRY_SHARE).unwrap_or(usize::MAX));
            (self.effort != Effort::Fast || patch.len() < hurry) && worth_models(literals, patch.len() as u64)
        });
        let codings: &[Coding] = match (self.effort, models) {
            (Effort::Max, true) => &[Coding::Models, Coding::Lanes(MAX_LEVEL)],
            (Effort::Max, false) => &[Coding::Lanes(MAX_LEVEL)],
            (_, true) => &[Coding::Models],
            (Effort::Default, false) => &[Coding::Lanes(FAST_LEVEL)],
            (Effort::Fast, false) => &[],
        };
        let coded = codings.par_iter().map(|&coding| self.encode(way, coding));
        tried.into_par_iter().chain(coded).collect()
    }

    fn total_bytes(&self) -> u64 {
        self.old.tree.total_bytes().saturating_add(self.new.tree.total_bytes())
    }
}

/// Whether the models may save something over lanes of `patch` bytes that is worth coding so many literals.
fn worth_models(literals: u64, patch: u64) -> bool {
    let repetitive = patch < literals / REPETITIVE;
    let noise = patch.abs_diff(literals) < literals / NOISE_SHARE;
    literals <= UNASKED_BYTES || !repetitive && !noise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_code_what_they_can_make_smaller() {
        assert!(worth_models(1000, 1000));
        assert!(worth_models(8 << 20, 2 << 20));
        // New pictures beside changed scripts.
        assert!(worth_models(8 << 20, 9 << 20));
        assert!(!worth_models(8 << 20, (8 << 20) + 400));
        assert!(!worth_models(8 << 20, 3000));
    }
}
