//! What the walk holds at one place of new: diagonals with the cost of having come to them, the literal, and the legs
//! that led there.

use super::Leg;
use crate::diff::costs::Costs;

pub(super) const NO_LEG: u32 = u32::MAX;

#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) leg: Leg,
    pub(super) parent: u32,
}

#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) diagonal: i64,
    pub(super) cost: u64,
    pub(super) node: u32,
    /// The place of old that the last jump left.
    pub(super) left: i64,
    /// The byte before differed.
    pub(super) differed: bool,
    /// Known to agree up to here.
    pub(super) agrees_to: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Literal {
    /// The diagonal before.
    pub(super) diagonal: i64,
    pub(super) since: usize,
    pub(super) left: i64,
    pub(super) cost: u64,
    pub(super) node: u32,
}

/// The cheapest of all states.
#[derive(Clone, Copy)]
pub(super) struct Best {
    pub(super) diagonal: i64,
    /// The place of new behind the last copied byte.
    pub(super) since: usize,
    pub(super) left: i64,
    pub(super) cost: u64,
    pub(super) node: u32,
    /// Whether it is a diagonal, not the literal.
    pub(super) copies: bool,
    pub(super) agrees_to: usize,
}

impl Best {
    pub(super) fn is(&self, state: &State) -> bool {
        self.copies && self.diagonal == state.diagonal
    }
}

/// The cost of going on along `diagonal` from `best`, and the place of old that is left for it by a jump.
pub(super) fn copy_on(costs: &Costs, best: &Best, at: usize, diagonal: i64) -> (u64, i64) {
    if diagonal == best.diagonal {
        return (u64::from(costs.resume), best.left);
    }
    let (place, expected) = (at as i64 + diagonal, best.since as i64 + best.diagonal);
    let (cost, jumps) = costs.copy_on(place, expected, best.left);
    (cost, if jumps { expected } else { best.left })
}
