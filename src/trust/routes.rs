//! Routes: which patch leads from which tree to which, and the cheapest way through them.

use std::collections::BTreeSet;

use super::{
    TrustError,
    field::{Fields, Value, put_field},
    statement::MAX_BYTES,
};
use crate::{hash::Hash, wire::put_varint};

const NAME: &str = "list of routes";
const MAGIC: [u8; 5] = *b"smdr\x01";
const MAX_TREES: u64 = 1024;
const MAX_STEPS: u64 = 4096;
/// The most patches in a row.
pub const MAX_CHAIN: usize = 8;
/// What a request costs beside its bytes: a patch in two pieces must save this much to be chosen.
const REQUEST_BYTES: u64 = 2048;

/// One patch on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The tree it applies to; `None` where it is a full release, which needs none.
    pub from: Option<Hash>,
    /// The tree it leads to.
    pub to: Hash,
    /// The patch.
    pub object: Hash,
    /// Its size in bytes.
    pub size: u64,
}

/// The patches that lead to one release's tree, by themselves or in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    target: Hash,
    steps: Vec<Step>,
}

impl Routes {
    /// The most bytes of a list of routes.
    pub const MAX_BYTES: usize = 262_144;

    /// The routes to `target` over `steps`, in any order; of several between the same trees the smallest stays.
    #[must_use]
    pub fn new(target: Hash, mut steps: Vec<Step>) -> Self {
        steps.retain(|step| step.from != Some(step.to));
        steps.sort_unstable_by_key(|step| (step.to != target, step.to, step.from, step.size, step.object));
        steps.dedup_by_key(|step| (step.to, step.from));
        Self { target, steps }
    }

    /// The tree that they lead to.
    #[must_use]
    pub const fn target(&self) -> Hash {
        self.target
    }

    /// All steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Reads what [`Routes::write`] wrote.
    ///
    /// # Errors
    /// [`TrustError::Malformed`], [`TrustError::Number`] or [`TrustError::UnknownField`].
    pub fn read(bytes: &[u8]) -> Result<Self, TrustError> {
        let mut start = Value::new(bytes, NAME, "its beginning");
        if bytes.len() > Self::MAX_BYTES || start.array().ok() != Some(MAGIC) {
            return Err(start.malformed("is not that of a list of routes, or its size is above what it may be"));
        }
        let mut fields = Fields::new(&bytes[MAGIC.len()..], NAME);
        let trees = fields.required(2, "the list of trees", |value| {
            let trees = value.list(1, MAX_TREES, |value| value.hash())?;
            value.ascending(&trees[1..])?;
            if trees[1..].binary_search(&trees[0]).is_ok() {
                return Err(value.malformed("names a tree twice"));
            }
            Ok(trees)
        })?;
        let steps = fields.required(4, "the list of steps", |value| {
            let mut last = (0, 0);
            value.list(0, MAX_STEPS, |value| {
                let from = value.number(0, trees.len() as u64)? as usize;
                let to = value.number(1, trees.len() as u64)? as usize;
                if from == to {
                    return Err(value.malformed("leads from a tree to itself"));
                }
                // `to` is at least 1, so the first step is above (0, 0).
                if (to, from) <= last {
                    return Err(value.malformed("is not in strictly ascending order"));
                }
                last = (to, from);
                let (from, to) = (from.checked_sub(1).map(|from| trees[from]), trees[to - 1]);
                Ok(Step { from, to, object: value.hash()?, size: value.number(1, MAX_BYTES)? })
            })
        })?;
        fields.finish()?;
        Ok(Self { target: trees[0], steps })
    }

    /// The bytes that [`Routes::read`] takes, at most [`Routes::MAX_BYTES`]: steps that lead to the target come first,
    /// and where there are too many, the last are left out.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        // Only as many trees and steps as a list may have; these stay below the most bytes.
        let mut others = BTreeSet::new();
        let mut kept = Vec::new();
        for step in self.steps.iter().take(MAX_STEPS as usize) {
            let new: Vec<Hash> = step.from.into_iter().chain([step.to]).filter(|tree| *tree != self.target).collect();
            let count = new.iter().filter(|tree| !others.contains(*tree)).count();
            if others.len() + count < MAX_TREES as usize {
                others.extend(new);
                kept.push(step);
            }
        }
        let others: Vec<Hash> = others.into_iter().collect();
        let place = |tree: Hash| match others.binary_search(&tree) {
            _ if tree == self.target => Some(1),
            Ok(at) => Some(at as u64 + 2),
            Err(_) => None,
        };
        let mut steps: Vec<(u64, u64, &Step)> = kept
            .into_iter()
            .filter_map(|step| Some((place(step.to)?, step.from.map_or(Some(0), place)?, step)))
            .collect();
        steps.sort_unstable_by_key(|(to, from, _)| (*to, *from));
        let mut out = MAGIC.to_vec();
        put_field(&mut out, 2, |out| {
            put_varint(out, others.len() as u64 + 1);
            out.extend_from_slice(self.target.as_bytes());
            others.iter().for_each(|tree| out.extend_from_slice(tree.as_bytes()));
        });
        put_field(&mut out, 4, |out| {
            put_varint(out, steps.len() as u64);
            for (to, from, step) in steps {
                put_varint(out, from);
                put_varint(out, to);
                out.extend_from_slice(step.object.as_bytes());
                put_varint(out, step.size);
            }
        });
        out
    }

    /// The cheapest way to the target from one of the trees that the device `has`, or from nothing; at most
    /// [`MAX_CHAIN`] steps, none of which is among the objects to `avoid`. Empty where the device has the target
    /// already, `None` where there is no way.
    ///
    /// Time is bounded by [`MAX_CHAIN`] times the number of steps times its logarithm.
    #[must_use]
    pub fn choose(&self, has: &[Hash], avoid: &[Hash]) -> Option<Vec<Step>> {
        if has.contains(&self.target) {
            return Some(Vec::new());
        }
        let mut trees: Vec<Hash> = self.steps.iter().flat_map(|step| step.from.into_iter().chain([step.to])).collect();
        trees.sort_unstable();
        trees.dedup();
        let place = |tree: Hash| trees.binary_search(&tree).ok();
        // The cost of reaching each tree in at most so many steps, and by which step. One row for each number of steps:
        // a shorter, dearer way may be the beginning of the best one when the length of a chain is bounded.
        let mut costs: Vec<Option<u64>> = vec![None; trees.len()];
        for tree in has {
            if let Some(at) = place(*tree) {
                costs[at] = Some(0);
            }
        }
        let mut by: Vec<Vec<Option<usize>>> = Vec::new();
        for _ in 0..MAX_CHAIN {
            let before = costs.clone();
            let mut row = vec![None; trees.len()];
            for (at, step) in self.steps.iter().enumerate() {
                let start = match step.from {
                    None => Some(0),
                    Some(from) => place(from).and_then(|from| before[from]),
                };
                let (Some(start), Some(to)) = (start, place(step.to)) else { continue };
                if avoid.contains(&step.object) {
                    continue;
                }
                let cost = start.saturating_add(step.size).saturating_add(REQUEST_BYTES);
                if costs[to].is_none_or(|known| cost < known) {
                    costs[to] = Some(cost);
                    row[to] = Some(at);
                }
            }
            by.push(row);
        }
        let mut way = Vec::new();
        let mut tree = place(self.target)?;
        costs[tree]?;
        for row in by.iter().rev() {
            let Some(at) = row[tree] else { continue };
            let step = self.steps[at];
            way.push(step);
            match step.from.and_then(place) {
                None => break,
                Some(from) => tree = from,
            }
        }
        way.reverse();
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(n: u8) -> Hash {
        Hash::of(&[n])
    }

    fn step(from: u8, to: u8, size: u64) -> Step {
        Step { from: (from > 0).then(|| tree(from)), to: tree(to), object: Hash::of(&[from, to]), size }
    }

    fn objects(way: Option<Vec<Step>>) -> Vec<Hash> {
        way.unwrap().iter().map(|step| step.object).collect()
    }

    #[test]
    fn the_cheapest_way_is_chosen_and_what_failed_is_left_out() {
        let steps =
            vec![step(0, 4, 1_000_000), step(1, 4, 50_000), step(1, 2, 9_000), step(2, 3, 9_000), step(3, 4, 9_000)];
        let routes = Routes::new(tree(4), steps);
        let [full, direct, one, two, three] = [(0, 4), (1, 4), (1, 2), (2, 3), (3, 4)].map(|(a, b)| Hash::of(&[a, b]));
        assert_eq!(objects(routes.choose(&[tree(1)], &[])), [one, two, three]);
        assert_eq!(objects(routes.choose(&[tree(1)], &[two])), [direct]);
        assert_eq!(objects(routes.choose(&[tree(1)], &[two, direct])), [full]);
        assert_eq!(objects(routes.choose(&[tree(9)], &[])), [full]);
        assert_eq!(objects(routes.choose(&[tree(1), tree(3)], &[])), [three]);
        assert_eq!(routes.choose(&[tree(4)], &[]), Some(vec![]));
        assert_eq!(routes.choose(&[], &[full]), None);
    }

    #[test]
    fn a_chain_is_not_longer_than_it_may_be() {
        let mut steps: Vec<Step> = (1..=9).map(|n| step(n, n + 1, 1)).collect();
        let routes = Routes::new(tree(10), steps.clone());
        assert_eq!(routes.choose(&[tree(1)], &[]), None);
        assert_eq!(routes.choose(&[tree(2)], &[]).unwrap().len(), MAX_CHAIN);
        // A dearer beginning that is a step shorter.
        steps.push(step(1, 3, 900_000));
        let way = Routes::new(tree(10), steps).choose(&[tree(1)], &[]).unwrap();
        assert_eq!((way.len(), way[0].object), (MAX_CHAIN, Hash::of(&[1, 3])));
    }

    #[test]
    fn routes_read_back_and_hold_what_fits() {
        let routes =
            Routes::new(tree(4), vec![step(0, 4, 9), step(2, 4, 8), step(1, 2, 7), step(4, 4, 1), step(2, 4, 5)]);
        let mut read = Routes::read(&routes.write()).unwrap();
        assert_eq!(read.write(), routes.write());
        assert_eq!(read.steps().len(), 3);
        assert_eq!(read.choose(&[tree(2)], &[]).unwrap()[0].size, 5);
        let from = |n: u32| Step { from: Some(Hash::of(&n.to_le_bytes())), ..step(0, 4, 1) };
        read = Routes::new(tree(4), (0..5000).map(from).collect());
        let bytes = read.write();
        assert!(bytes.len() <= Routes::MAX_BYTES);
        assert!(Routes::read(&bytes).unwrap().steps().len() > 900);
        let _ = Routes::new(tree(4), vec![]).write();
    }
}
