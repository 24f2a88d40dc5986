//! Planning: which old trees deserve a direct patch to a new one, and why.
//!
//! A device without a direct patch is not lost: it takes a chain of patches that there are, or the full release. So a
//! patch is worth what it saves: the bytes of the best other way less its own, times the devices that take it. Those
//! that save most come first, until the budget is used up. Sizes and times of patches that do not exist yet are
//! estimates, and the reasons say so.

use std::collections::HashMap;

use super::{
    Pipeline, ReleaseError,
    database::{Binary, Platform, Release, now},
    offer::Ways,
};
use crate::hash::Hash;

/// Devices that did not report for so long are not counted, in seconds: 30 days.
const FLEET_SECS: i64 = 30 * 86_400;
/// A new patch weighs about one part in so many of its tree; measured between consecutive releases of apps.
const PATCH_PART: u64 = 100;
/// Bytes of a tree that are diffed in a second of one processor.
const BYTES_PER_SEC: u64 = 30 << 20;
/// What a request costs a device besides its bytes; as in the choice of a way.
const REQUEST_BYTES: u64 = 2048;

/// What patches may take. None is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Patches.
    pub patches: Option<usize>,
    /// Bytes of all patches together, estimated.
    pub bytes: Option<u64>,
    /// Seconds of processor time, estimated.
    pub secs: Option<u64>,
}

/// A tree that devices may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tree.
    pub tree: Hash,
    /// What it is, for people: `v3`, `1.0.0 (1)`.
    pub name: String,
    /// Whether a binary embeds it: every store install comes from there.
    pub embedded: bool,
    /// Devices that reported it lately; none where nothing is known.
    pub devices: Option<u64>,
    /// Whether its content is in the store.
    pub known: bool,
}

/// What is to happen to a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether a direct patch is to be made.
    pub make: bool,
    /// Whether there is one already.
    pub there: bool,
    /// Why.
    pub reason: String,
}

/// Decides for each of `candidates` whether it gets a direct patch to `target`, a tree of `target_bytes`. Candidates
/// come in the order of their importance where nothing else is known: the newest first.
#[must_use]
pub fn plan(target: Hash, target_bytes: u64, candidates: &[Candidate], ways: &Ways, budget: &Budget) -> Vec<Choice> {
    let estimate = (target_bytes / PATCH_PART).max(1);
    let secs = (target_bytes / BYTES_PER_SEC).max(1);
    // Whether anybody counts devices at all: where nobody does, silence says nothing.
    let counted = candidates.iter().any(|candidate| candidate.devices.is_some_and(|devices| devices > 0));
    let full = ways.cheapest(target, &[]).map_or(target_bytes / 4, |(bytes, _)| bytes);

    let mut choices: Vec<(usize, Choice)> = Vec::new();
    let mut open: Vec<(usize, u64, &Candidate)> = Vec::new();
    let mut settle = |at: usize, candidate: &Candidate, there: bool, reason: String| {
        choices.push((at, Choice { candidate: candidate.clone(), make: false, there, reason }));
    };
    for (at, candidate) in candidates.iter().enumerate() {
        let devices = candidate.devices.unwrap_or(0);
        let routes = ways.routes(target);
        let direct = routes.steps().iter().find(|step| step.to == target && step.from == Some(candidate.tree));
        if candidate.tree == target {
            settle(at, candidate, false, "it is the release itself".to_owned());
        } else if let Some(step) = direct {
            settle(at, candidate, true, format!("the patch is there, {} bytes", step.size));
        } else if !candidate.known {
            settle(
                at,
                candidate,
                false,
                "its content is not in the store: these devices get the full release".to_owned(),
            );
        } else if counted && devices == 0 && !candidate.embedded {
            settle(at, candidate, false, "no device reported it in 30 days".to_owned());
        } else {
            let other = match ways.cheapest(target, &[candidate.tree]) {
                Some((bytes, steps)) => bytes.saturating_add(REQUEST_BYTES.saturating_mul(steps as u64)),
                None => full,
            };
            let saved = other.saturating_sub(estimate.saturating_add(REQUEST_BYTES));
            // Store installs keep coming: what a binary embeds counts as one device at least.
            let weight = if counted { devices.max(1) } else { 1 };
            open.push((at, saved.saturating_mul(weight), candidate));
        }
    }
    // The largest saving first; of equals the order that they came in.
    open.sort_by_key(|&(at, value, _)| (std::cmp::Reverse(value), at));
    let (mut patches, mut bytes, mut time) = (0usize, 0u64, 0u64);
    for (at, value, candidate) in open {
        let spent = if budget.patches.is_some_and(|limit| patches + 1 > limit) {
            Some("patches")
        } else if budget.bytes.is_some_and(|limit| bytes.saturating_add(estimate) > limit) {
            Some("bytes")
        } else if budget.secs.is_some_and(|limit| time.saturating_add(secs) > limit) {
            Some("time")
        } else {
            None
        };
        let (make, reason) = match spent {
            Some(what) => (false, format!("the budget of {what} is used up by those that save more")),
            None => {
                patches += 1;
                bytes = bytes.saturating_add(estimate);
                time = time.saturating_add(secs);
                (true, reason(candidate, counted, value))
            }
        };
        choices.push((at, Choice { candidate: candidate.clone(), make, there: false, reason }));
    }
    choices.sort_by_key(|(at, _)| *at);
    choices.into_iter().map(|(_, choice)| choice).collect()
}

fn reason(candidate: &Candidate, counted: bool, value: u64) -> String {
    let who = match (counted, candidate.devices, candidate.embedded) {
        (true, Some(devices), _) if devices > 0 => format!("{devices} devices run it"),
        (_, _, true) => "every store install starts from it".to_owned(),
        _ => "it was released lately".to_owned(),
    };
    if value == 0 { format!("{who}; a chain would do about as well") } else { who }
}

impl Pipeline {
    /// The trees that devices of `targets` may come from: what the binaries embed, the last so many of `releases`, and
    /// what devices reported.
    ///
    /// # Errors
    /// [`ReleaseError::Database`].
    pub async fn candidates(
        &self,
        platform: &Platform,
        targets: &[Binary],
        releases: &[Release],
        last: usize,
    ) -> Result<Vec<Candidate>, ReleaseError> {
        let fleet = self.database.fleet(platform, now() - FLEET_SECS).await?;
        let devices: HashMap<Hash, u64> = fleet.iter().map(|share| (share.tree, share.devices)).collect();
        let mut found: Vec<Candidate> = Vec::new();
        let mut add = |tree: Hash, name: String, embedded: bool| match found
            .iter_mut()
            .find(|candidate| candidate.tree == tree)
        {
            Some(candidate) => candidate.embedded |= embedded,
            None => {
                let devices = devices.get(&tree).copied();
                found.push(Candidate { tree, name, embedded, devices, known: false });
            }
        };
        let of_targets =
            |release: &&Release| !release.disabled && targets.iter().any(|binary| release.targets.contains(&binary.id));
        let mut served: Vec<&Release> = Vec::new();
        for release in releases.iter().filter(of_targets) {
            if served.len() < last && served.iter().all(|known| known.tree != release.tree) {
                served.push(release);
                add(release.tree, release.label(), false);
            }
        }
        for binary in targets {
            if let Some(tree) = binary.tree {
                add(tree, binary.name(), true);
            }
        }
        for share in &fleet {
            let name = releases
                .iter()
                .find(|release| release.tree == share.tree)
                .map_or_else(|| format!("{}…", share.tree.to_string().get(..12).unwrap_or_default()), Release::label);
            add(share.tree, name, false);
        }
        for candidate in &mut found {
            candidate.known = self.database.tree(candidate.tree).await?.is_some();
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::database::{Patch, PatchState};

    fn tree(n: u8) -> Hash {
        Hash::of(&[n])
    }

    fn candidate(n: u8, devices: Option<u64>) -> Candidate {
        Candidate { tree: tree(n), name: format!("v{n}"), embedded: false, devices, known: true }
    }

    fn patch(old: u8, new: u8, size_bytes: u64) -> Patch {
        let state = PatchState::Made { object: tree(200), size_bytes };
        Patch { old: tree(old), new: tree(new), state }
    }

    fn made(choices: &[Choice]) -> Vec<&str> {
        choices.iter().filter(|choice| choice.make).map(|choice| choice.candidate.name.as_str()).collect()
    }

    #[test]
    fn without_reports_the_newest_come_first_until_the_budget_is_spent() {
        let candidates: Vec<_> = (1..=4).map(|n| candidate(n, None)).collect();
        let budget = Budget { patches: Some(2), ..Budget::default() };
        let choices = plan(tree(9), 60 << 20, &candidates, &Ways::default(), &budget);
        assert_eq!(made(&choices), ["v1", "v2"]);
        assert!(choices[2].reason.contains("budget of patches"), "{}", choices[2].reason);
        let secs = Budget { secs: Some(6), ..Budget::default() };
        assert_eq!(made(&plan(tree(9), 60 << 20, &candidates, &Ways::default(), &secs)).len(), 3);
        let bytes = Budget { bytes: Some(1 << 20), ..Budget::default() };
        assert_eq!(made(&plan(tree(9), 60 << 20, &candidates, &Ways::default(), &bytes)).len(), 1);
    }

    #[test]
    fn with_reports_those_that_save_most_come_first() {
        let mut candidates = vec![candidate(1, Some(0)), candidate(2, Some(10)), candidate(3, Some(5000))];
        candidates.push(Candidate { embedded: true, ..candidate(4, None) });
        let budget = Budget { patches: Some(2), ..Budget::default() };
        let choices = plan(tree(9), 60 << 20, &candidates, &Ways::default(), &budget);
        assert_eq!(made(&choices), ["v2", "v3"]);
        assert!(choices[0].reason.contains("no device reported it"), "{}", choices[0].reason);
        assert!(choices[2].reason.contains("5000 devices"), "{}", choices[2].reason);
        let all = plan(tree(9), 60 << 20, &candidates, &Ways::default(), &Budget::default());
        assert_eq!(made(&all), ["v2", "v3", "v4"], "store installs keep coming");
    }

    #[test]
    fn what_needs_no_patch_gets_none_and_is_told_why() {
        let ways = Ways::new(&[patch(1, 9, 70)], []);
        let unknown = Candidate { known: false, ..candidate(2, None) };
        let choices =
            plan(tree(9), 1 << 20, &[candidate(9, None), candidate(1, None), unknown], &ways, &Budget::default());
        assert!(made(&choices).is_empty());
        let reasons: Vec<_> = choices.iter().map(|choice| choice.reason.as_str()).collect();
        assert!(
            reasons[0].contains("itself") && reasons[1].contains("70 bytes") && reasons[2].contains("not in the store")
        );
    }

    #[test]
    fn a_good_chain_lets_others_go_first() {
        let ways = Ways::new(&[patch(1, 5, 100), patch(5, 9, 100)], [(tree(9), tree(100), 9 << 20)]);
        let budget = Budget { patches: Some(1), ..Budget::default() };
        let choices = plan(tree(9), 60 << 20, &[candidate(1, None), candidate(2, None)], &ways, &budget);
        assert_eq!(made(&choices), ["v2"]);
    }
}
