//! The head of a channel: from its releases, the binaries and the patches to what each binary is offered.
//!
//! Nothing here reads or writes: the same history gives the same head.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::{
    ReleaseError,
    database::{Binary, Id, Patch, PatchState, Release},
};
use crate::{
    hash::Hash,
    trust::{self, Listed, MAX_CHAIN, Offer, Offered, Part, Routes, Step},
};

/// Offers of one binary, at most; the format's own bound.
const OFFERS: usize = 64;
/// Releases in a head, at most; the format's own bound.
const LISTED: usize = 256;
/// Binaries in a head, at most; the format's own bound.
const BINARIES: usize = 1024;
/// Steps in the routes of a release: half of the format's bound, and more than any fleet needs.
const STEPS: usize = 2048;
/// Trees in the routes of a release, besides its own.
const TREES: usize = 1000;

/// All patches that there are, by the tree that they make.
#[derive(Debug, Default)]
pub struct Ways {
    to: HashMap<Hash, Vec<Step>>,
}

impl Ways {
    /// The ways of `patches` that are made, and of the full releases `(tree, object, size)`.
    #[must_use]
    pub fn new(patches: &[Patch], fulls: impl IntoIterator<Item = (Hash, Hash, u64)>) -> Self {
        let mut ways = Self::default();
        for patch in patches {
            if let PatchState::Made { object, size_bytes } = patch.state {
                ways.add(Step { from: Some(patch.old), to: patch.new, object, size: size_bytes });
            }
        }
        for (tree, object, size) in fulls {
            ways.add(Step { from: None, to: tree, object, size });
        }
        ways
    }

    /// Adds patches that were just made.
    pub fn extend(&mut self, made: &[super::Made]) {
        for made in made {
            self.add(Step { from: made.old, to: made.new, object: made.object, size: made.size_bytes });
        }
    }

    fn add(&mut self, step: Step) {
        self.to.entry(step.to).or_default().push(step);
    }

    /// The routes that end at `tree`: every step from which at most [`MAX_CHAIN`] steps lead there, nearest first where
    /// there are too many.
    #[must_use]
    pub fn routes(&self, tree: Hash) -> Routes {
        let mut steps = Vec::new();
        let mut known = HashSet::from([tree]);
        let mut next = VecDeque::from([(tree, 0)]);
        while let Some((at, far)) = next.pop_front() {
            for step in self.to.get(&at).into_iter().flatten() {
                if steps.len() == STEPS {
                    return Routes::new(tree, steps);
                }
                match step.from {
                    Some(from) if !known.contains(&from) => {
                        if known.len() > TREES {
                            continue;
                        }
                        known.insert(from);
                        if far + 1 < MAX_CHAIN {
                            next.push_back((from, far + 1));
                        }
                    }
                    _ => {}
                }
                steps.push(*step);
            }
        }
        Routes::new(tree, steps)
    }

    /// The bytes of the cheapest way to `tree` from any of `has`, or from nothing, as a device would choose it, and
    /// how many steps it has; `None` where there is none.
    #[must_use]
    pub fn cheapest(&self, tree: Hash, has: &[Hash]) -> Option<(u64, usize)> {
        let steps = self.routes(tree).choose(has, &[])?;
        Some((steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.size)), steps.len()))
    }
}

/// For each binary the releases that it is offered: its newest down to the first that is finished, with the label below
/// which each is mandatory. `releases` come newest first.
#[must_use]
pub fn offers(releases: &[Release], binaries: &[Binary]) -> BTreeMap<Id, Vec<(i64, i64)>> {
    let mut offers = BTreeMap::new();
    for binary in binaries {
        let of_binary: Vec<&Release> = releases.iter().filter(|release| release.targets.contains(&binary.id)).collect();
        let mut found: Vec<(i64, i64)> = Vec::new();
        for (at, release) in of_binary.iter().enumerate().take(OFFERS) {
            // A mandatory release that a device skipped makes those after it mandatory for that device.
            let older = of_binary.get(at..).unwrap_or_default();
            let mandatory = older.iter().find(|older| older.mandatory && !older.disabled);
            found.push((release.number, mandatory.map_or(0, |mandatory| mandatory.number)));
            if release.rollout == 100 && !release.disabled {
                break;
            }
        }
        offers.insert(binary.id, found);
    }
    offers
}

/// The releases of `offers`, newest first, as many as a head holds.
fn listed(offers: &BTreeMap<Id, Vec<(i64, i64)>>) -> Vec<i64> {
    let all: BTreeSet<i64> = offers.values().flatten().map(|(number, _)| *number).collect();
    all.into_iter().rev().take(LISTED).collect()
}

/// What a head holds besides what names it: the releases, and what each binary is offered of them.
#[derive(Debug)]
pub struct Content {
    /// The releases, newest first.
    pub releases: Vec<Listed>,
    /// The binaries, ascending.
    pub binaries: Vec<Offered>,
}

/// The content of the head that a channel with these `releases`, newest first, is to have. `statement` gives the signed
/// statement of a release.
///
/// # Errors
/// What `statement` fails with; [`ReleaseError::Word`] for a binary that documents cannot name.
pub fn content(
    releases: &[Release],
    binaries: &[Binary],
    ways: &Ways,
    statements: &HashMap<i64, Vec<u8>>,
) -> Result<Content, ReleaseError> {
    // The newest come first where there are too many; those with an offer before those without.
    let all = offers(releases, binaries);
    let mut chosen: Vec<&Binary> = binaries.iter().rev().collect();
    chosen.sort_by_key(|binary| all.get(&binary.id).is_none_or(Vec::is_empty));
    chosen.truncate(BINARIES);

    let numbers = listed(&all);
    let mut content = Content { releases: Vec::new(), binaries: Vec::new() };
    let mut index: HashMap<i64, usize> = HashMap::new();
    for release in releases.iter().filter(|release| numbers.contains(&release.number)) {
        let statement = statements.get(&release.number).cloned().unwrap_or_default();
        index.insert(release.number, content.releases.len());
        content.releases.push(Listed {
            label: unsigned(release.number),
            rollout: u8::try_from(release.rollout.clamp(0, 100)).unwrap_or(0),
            disabled: release.disabled,
            statement: Part::Inside(statement),
            routes: Part::Inside(ways.routes(release.tree).write()),
        });
    }
    for binary in chosen {
        let offers = all.get(&binary.id).into_iter().flatten();
        let offers = offers.filter_map(|(number, mandatory)| {
            Some(Offer { release: *index.get(number)?, mandatory_below: unsigned(*mandatory) })
        });
        content.binaries.push(Offered {
            binary: trust::Binary::new(&binary.version, &binary.build)?,
            embedded: binary.tree,
            offers: offers.collect(),
        });
    }
    content.binaries.sort_by(|a, b| a.binary.cmp(&b.binary));
    Ok(content)
}

/// Which releases of `releases` the next head lists, so that their statements can be fetched.
#[must_use]
pub fn needed(releases: &[Release], binaries: &[Binary]) -> Vec<i64> {
    listed(&offers(releases, binaries))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: i64, targets: &[Id], rollout: i64) -> Release {
        Release {
            number,
            statement: Hash::of(b"s"),
            tree: Hash::of(&number.to_le_bytes()),
            files: 1,
            size_bytes: 1,
            description: String::new(),
            mandatory: false,
            disabled: false,
            rollout,
            origin: String::new(),
            created: 0,
            targets: targets.to_vec(),
        }
    }

    fn binary(id: Id) -> Binary {
        Binary { id, version: format!("{id}.0"), build: "1".into(), tree: None, fingerprint: None, created: 0 }
    }

    #[test]
    fn a_binary_is_offered_its_newest_down_to_the_first_finished() {
        let releases = [
            release(6, &[2], 100),
            release(5, &[1], 10),
            Release { disabled: true, ..release(4, &[1], 100) },
            release(3, &[1, 2], 50),
            release(2, &[1], 100),
            release(1, &[1], 100),
        ];
        let offers = offers(&releases, &[binary(1), binary(2), binary(3)]);
        assert_eq!(offers[&1], [(5, 0), (4, 0), (3, 0), (2, 0)]);
        assert_eq!(offers[&2], [(6, 0)]);
        assert!(offers[&3].is_empty());
        assert_eq!(listed(&offers), [6, 5, 4, 3, 2]);
    }

    #[test]
    fn a_mandatory_release_binds_those_after_it_until_it_is_disabled() {
        let mut releases = vec![
            release(4, &[1], 50),
            release(3, &[1], 50),
            Release { mandatory: true, ..release(2, &[1], 100) },
            release(1, &[1], 100),
        ];
        assert_eq!(offers(&releases, &[binary(1)])[&1], [(4, 2), (3, 2), (2, 2)]);
        releases[2].disabled = true;
        assert_eq!(offers(&releases, &[binary(1)])[&1], [(4, 0), (3, 0), (2, 0), (1, 0)]);
    }

    #[test]
    fn routes_hold_the_chains_that_a_device_may_take_and_no_others() {
        let tree = |n: u8| Hash::of(&[n]);
        let patch = |old, new, size_bytes| Patch {
            old: tree(old),
            new: tree(new),
            state: PatchState::Made { object: tree(100), size_bytes },
        };
        let mut patches: Vec<Patch> = (0..12).map(|n| patch(n, n + 1, 10)).collect();
        patches.push(patch(50, 51, 1));
        patches.push(Patch { old: tree(60), new: tree(12), state: PatchState::Wanted });
        let ways = Ways::new(&patches, [(tree(10), tree(99), 5000)]);
        let routes = ways.routes(tree(12));
        let from: Vec<Option<Hash>> = routes.steps().iter().map(|step| step.from).collect();
        assert_eq!(routes.steps().len(), 9, "{MAX_CHAIN} patches and a full release");
        assert!(from.contains(&None) && from.contains(&Some(tree(4))) && !from.contains(&Some(tree(3))));
        assert_eq!(ways.cheapest(tree(12), &[tree(9)]), Some((30, 3)));
        assert_eq!(ways.cheapest(tree(12), &[]), Some((5020, 3)));
        assert_eq!(ways.cheapest(tree(51), &[]), None);
    }
}
