//! The cheapest way through one part of new: a shortest path over a few diagonals and a state for literals, one byte
//! of new at a time where diagonals are in doubt, at the speed of comparing where one explains new.

mod settled;
mod state;
mod tried;

use self::state::{Best, Literal, NO_LEG, Node, State};
use super::agree::{Ends, Stretch};
use super::anchors::Run;
use super::costs::Costs;
use super::index::{Ahead, Index};
use super::renames::Renames;

/// How thorough the search is.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// How often all is chosen anew with what was learned.
    pub rounds: u32,
    /// Diagonals kept at once.
    pub states: usize,
    /// Bytes to either side of the expected place that are compared directly.
    pub near: usize,
    /// Candidates of the index to either side of the expected place.
    pub looked: usize,
    /// Places of old from one that is indexed to the next.
    pub stride: usize,
    /// Bytes of agreement ahead for which the index is not asked.
    pub settled: usize,
    /// Bytes of agreement that one diagonal needs to end the doubt.
    pub certain: usize,
    /// What no search is made for.
    pub stretch: Stretch,
}

/// A part of the way: new from `start` on along `diagonal`, or as literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where in new it starts.
    pub start: usize,
    /// Place in old minus place in new; of a literal, the diagonal before.
    pub diagonal: i64,
    /// Whether new is not copied here.
    pub literal: bool,
}

/// Bytes by which a search begins before the place where the diagonal in force ends.
const BEFORE: usize = 12;
/// A match must be this long to be tried.
const SHORTEST: usize = 4;
/// Agreement beyond this does not make a candidate better.
const TELLING: usize = 64;
/// Agreement of diagonals not in force is looked ahead for this far.
const FORESEEN: usize = 256;
/// Diagonals remembered.
const RECENT: usize = 8;
/// Legs held before the way is settled.
const HELD: usize = 1 << 16;

/// What a state may cost more than reaching it again, in 1/64 bit.
const MARGIN: u64 = 20 * 64;

/// The way through part of new.
pub struct Path<'a> {
    ends: Ends<'a>,
    index: &'a Index,
    costs: &'a Costs,
    search: Search,
    at: usize,
    end: usize,
    states: Vec<State>,
    literal: Literal,
    nodes: Vec<Node>,
    legs: Vec<Leg>,
    recent: [i64; RECENT],
    ahead: Ahead,
    /// A state that costs so much more than the best one is not kept: it can be reached again for less.
    useless: u64,
    /// No query of the index before this place.
    quiet_to: usize,
    /// Bytes, candidates and comparisons so far: what time is made of.
    steps: u64,
}

/// What is known of a part of new beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Anchors, sorted by new.
    pub runs: &'a [Run],
    /// Places of new where copying starts afresh, and of old from where; sorted by new.
    pub hints: &'a [(usize, usize)],
    /// Words that often become others.
    pub renames: &'a Renames,
}

/// Walks new from `start` to `end`. `diagonal` is the one in force at the start.
/// Returns legs sorted by start, the first at `start`, and the steps taken.
#[must_use]
pub fn walk(
    ends: Ends,
    index: &Index,
    costs: &Costs,
    search: Search,
    part: std::ops::Range<usize>,
    diagonal: i64,
    known: Known,
) -> (Vec<Leg>, u64) {
    let literal = Literal { diagonal, since: part.start, left: 0, cost: 0, node: 0 };
    let leg = Leg { start: part.start, diagonal, literal: true };
    let mut path = Path {
        ends,
        index,
        costs,
        search,
        at: part.start,
        end: part.end,
        states: Vec::with_capacity(search.states + 1),
        literal,
        nodes: vec![Node { leg, parent: NO_LEG }],
        legs: Vec::new(),
        recent: [diagonal; RECENT],
        ahead: Ahead::default(),
        useless: costs.copy_on(-(ends.old.len() as i64), 0, 0).0 + u64::from(costs.leave) + MARGIN,
        quiet_to: 0,
        steps: 0,
    };
    path.run(known);
    path.settle();
    (path.legs, path.steps)
}

impl Path<'_> {
    fn run(&mut self, known: Known) {
        let Known { mut runs, mut hints, renames } = known;
        let (end, mut passed) = (self.end, None);
        let mut anchors: [Option<i64>; 2] = [None; 2];
        while self.at < end {
            while let Some((&hint, rest)) = hints.split_first().filter(|(hint, _)| hint.0 <= self.at) {
                passed = Some(hint);
                hints = rest;
            }
            if let Some((_, old)) = passed.take().filter(|&(new, _)| new == self.at) {
                self.start_afresh(old);
            }
            self.end = hints.first().map_or(end, |&(new, _)| new.min(end));
            while let Some((run, rest)) = runs.split_first().filter(|(run, _)| run.new <= self.at) {
                self.remember(run.diagonal());
                anchors[0] = Some(run.diagonal());
                runs = rest;
            }
            anchors[1] = runs.first().filter(|run| run.new - self.at < 64).map(Run::diagonal);
            let best = self.best();
            if self.leap(&best) {
                continue;
            }
            self.relax(&best);
            if !renames.is_empty() {
                self.rename(renames);
            }
            self.add_candidates(&best, &anchors);
            self.leave(&best);
            self.consume();
            if self.nodes.len() > HELD {
                self.settle();
            }
        }
    }

    fn best(&self) -> Best {
        let literal = &self.literal;
        let mut best = Best {
            diagonal: literal.diagonal,
            since: literal.since,
            left: literal.left,
            cost: literal.cost,
            node: literal.node,
            copies: false,
            agrees_to: self.at,
        };
        for state in &self.states {
            if state.cost < best.cost {
                best = Best {
                    diagonal: state.diagonal,
                    since: self.at,
                    left: state.left,
                    cost: state.cost,
                    node: state.node,
                    copies: true,
                    agrees_to: state.agrees_to,
                };
            }
        }
        best
    }

    /// Where the best diagonal agrees for long: goes to just before the end of what it explains.
    fn leap(&mut self, best: &Best) -> bool {
        let Some(i) = self.states.iter().position(|state| best.is(state)) else { return false };
        let state = self.states[i];
        let mut agrees_to = state.agrees_to.max(self.at);
        if agrees_to - self.at < self.search.certain {
            agrees_to += self.ends.agreement(agrees_to, state.diagonal, self.search.certain);
        }
        if agrees_to - self.at < self.search.certain {
            self.states[i].agrees_to = agrees_to;
            return false;
        }
        agrees_to += self.ends.agreement(agrees_to, state.diagonal, self.end.saturating_sub(agrees_to));
        self.states[i].agrees_to = agrees_to;
        // Diagonals that end no later than the best one cannot become better on the way.
        let (ends, at) = (self.ends, self.at);
        let mut steps = 0;
        self.states.retain_mut(|other| {
            if best.is(other) {
                return true;
            }
            let known = other.agrees_to.max(at);
            if known - at < FORESEEN {
                other.agrees_to = known + ends.agreement(known, other.diagonal, FORESEEN);
                steps += 1 + (other.agrees_to - known) as u64 / 8;
            }
            other.agrees_to > agrees_to
        });
        self.steps += steps + (agrees_to - self.at) as u64 / 8;
        let alone = self.states.len() == 1;
        let mut to = agrees_to.min(self.end);
        if alone {
            to = self.ends.follow(agrees_to.min(self.end), state.diagonal, &self.search.stretch).min(self.end);
        }
        if to < self.end {
            to = to.saturating_sub(BEFORE).max(self.at);
        }
        let skipped = (to - self.at) as u64;
        if skipped == 0 {
            return false;
        }
        for other in &mut self.states {
            other.cost += skipped * u64::from(self.costs.agrees);
            other.differed = false;
        }
        self.literal.cost += skipped * u64::from(self.costs.literal);
        self.at = to;
        self.remember(state.diagonal);
        if alone && self.nodes.len() > HELD / 4 {
            self.settle();
        }
        true
    }

    fn remember(&mut self, diagonal: i64) {
        if self.recent[0] != diagonal {
            let place = self.recent.iter().position(|&known| known == diagonal).unwrap_or(RECENT - 1);
            self.recent[..=place].rotate_right(1);
            self.recent[0] = diagonal;
        }
    }

    /// Lets the literal be reached from the best state.
    fn leave(&mut self, best: &Best) {
        let cost = best.cost + u64::from(self.costs.leave);
        if best.copies && cost < self.literal.cost {
            let node = self.node(Leg { start: self.at, diagonal: best.diagonal, literal: true }, best.node);
            self.literal = Literal { diagonal: best.diagonal, since: self.at, left: best.left, cost, node };
        }
    }

    /// Takes one byte of new in every state and drops the states that are of no more use.
    fn consume(&mut self) {
        let costs = self.costs;
        self.literal.cost += u64::from(costs.literal);
        let mut least = self.literal.cost;
        let (ends, at) = (self.ends, self.at);
        for state in &mut self.states {
            let agrees = if at < state.agrees_to { Some(true) } else { ends.agrees(at, state.diagonal) };
            let cost = match agrees {
                Some(true) if state.differed => costs.agrees_again,
                Some(true) => costs.agrees,
                Some(false) if state.differed => costs.differs_again,
                Some(false) => costs.differs,
                None => 1 << 20,
            };
            state.differed = agrees != Some(true);
            state.cost += u64::from(cost);
            least = least.min(state.cost);
        }
        let useless = least + self.useless;
        self.states.retain(|state| state.cost < useless);
        self.steps += 1 + self.states.len() as u64;
        self.at += 1;
    }
}
