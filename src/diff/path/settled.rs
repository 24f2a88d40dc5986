//! Where the way is settled: the legs so far become final and only the cheapest state stays.

use super::state::{Literal, NO_LEG, Node, State};
use super::{Leg, Path};

impl Path<'_> {
    pub(super) fn node(&mut self, leg: Leg, parent: u32) -> u32 {
        self.nodes.push(Node { leg, parent });
        (self.nodes.len() - 1) as u32
    }

    /// Goes on as the coder does at the start of a file: copying from `old` costs nothing, all else is to be reached.
    pub(super) fn start_afresh(&mut self, old: usize) {
        self.settle();
        let diagonal = old as i64 - self.at as i64;
        let node = self.node(Leg { start: self.at, diagonal, literal: true }, NO_LEG);
        self.literal = Literal { diagonal, since: self.at, left: self.literal.left, cost: 0, node };
        let node = self.node(Leg { start: self.at, diagonal, literal: false }, NO_LEG);
        self.states.clear();
        self.states.push(State {
            diagonal,
            cost: 0,
            node,
            left: self.literal.left,
            differed: false,
            agrees_to: self.at,
        });
    }

    /// Makes the cheapest way so far final: only its last state stays.
    pub(super) fn settle(&mut self) {
        let best = self.best();
        let from = self.legs.len();
        let mut node = best.node;
        let mut end = self.at;
        while let Some(&Node { leg, parent }) = self.nodes.get(node as usize) {
            if leg.start < end {
                self.legs.push(leg);
                end = leg.start;
            }
            node = parent;
        }
        self.legs[from..].reverse();
        let leg = Leg { start: self.at, diagonal: best.diagonal, literal: !best.copies };
        self.nodes.clear();
        self.nodes.push(Node { leg, parent: NO_LEG });
        self.literal =
            Literal { diagonal: best.diagonal, since: best.since, left: best.left, cost: best.cost, node: 0 };
        match self.states.iter().find(|state| best.is(state)).copied() {
            Some(state) => {
                let state = State { node: 0, cost: 0, ..state };
                self.states.clear();
                self.states.push(state);
                self.literal.cost = u64::from(self.costs.leave) * 2;
                let leg = Leg { literal: true, ..leg };
                self.literal.node = self.node(leg, 0);
            }
            None => {
                self.states.clear();
                self.literal.cost = 0;
            }
        }
    }
}
