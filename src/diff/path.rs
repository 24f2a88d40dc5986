//! The cheapest way through one part of new: a shortest path over a few diagonals and a state for literals, one byte
//! of new at a time where diagonals are in doubt, at the speed of comparing where one explains new.

use super::agree::{Ends, Stretch};
use super::anchors::Run;
use super::costs::Costs;
use super::index::{Ahead, Index, Query};
use super::near;
use super::renames::Renames;
use crate::codec::literal::is_word;

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

const NO_LEG: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Node {
    leg: Leg,
    parent: u32,
}

#[derive(Clone, Copy)]
struct State {
    diagonal: i64,
    cost: u64,
    node: u32,
    /// The place of old that the last jump left.
    left: i64,
    /// The byte before differed.
    differed: bool,
    /// Known to agree up to here.
    agrees_to: usize,
}

#[derive(Clone, Copy)]
struct Literal {
    /// The diagonal before.
    diagonal: i64,
    since: usize,
    left: i64,
    cost: u64,
    node: u32,
}

/// The cheapest of all states.
#[derive(Clone, Copy)]
struct Best {
    diagonal: i64,
    /// The place of new behind the last copied byte.
    since: usize,
    left: i64,
    cost: u64,
    node: u32,
    /// Whether it is a diagonal, not the literal.
    copies: bool,
    agrees_to: usize,
}

impl Best {
    fn is(&self, state: &State) -> bool {
        self.copies && self.diagonal == state.diagonal
    }
}

/// The cost of going on along `diagonal` from `best`, and the place of old that is left for it by a jump.
fn copy_on(costs: &Costs, best: &Best, at: usize, diagonal: i64) -> (u64, i64) {
    if diagonal == best.diagonal {
        return (u64::from(costs.resume), best.left);
    }
    let (place, expected) = (at as i64 + diagonal, best.since as i64 + best.diagonal);
    let (cost, jumps) = costs.copy_on(place, expected, best.left);
    (cost, if jumps { expected } else { best.left })
}

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

    fn add_candidates(&mut self, best: &Best, anchors: &[Option<i64>; 2]) {
        if self.ends.new.len() - self.at < SHORTEST {
            return;
        }
        let recent = self.recent;
        for diagonal in recent.into_iter().chain([best.diagonal]).chain(anchors.iter().flatten().copied()) {
            self.offer(best, diagonal);
        }
        self.steps += 1;
        let in_force = if best.copies { best.agrees_to.saturating_sub(self.at) } else { 0 };
        let expected = self.at as i64 + best.diagonal;
        if in_force < SHORTEST && self.search.near > 0 {
            self.add_near(best, best.since as i64 + best.diagonal);
            if best.since != self.at && self.at - best.since <= self.search.near {
                self.add_near(best, expected);
            }
        }
        if self.at < self.quiet_to || in_force >= self.search.settled {
            return;
        }
        let mut found: [(u64, i64, usize); 2] = [(0, 0, 0); 2];
        let mut looked = 0;
        let (at, costs) = (self.at, self.costs);
        let query = Query { looked: self.search.looked, most: TELLING };
        self.index.find(self.ends, &mut self.ahead, at, expected, query, |candidate| {
            looked += 1 + candidate.len as u64 / 8;
            let diagonal = candidate.old as i64 - at as i64;
            let gain = candidate.len as u64 * u64::from(costs.literal);
            let gain = (gain + (8 << 6)).saturating_sub(copy_on(costs, best, at, diagonal).0);
            let candidate = (gain, diagonal, candidate.len);
            if gain > found[0].0 {
                found = [candidate, found[0]];
            } else if gain > found[1].0 {
                found[1] = candidate;
            }
        });
        self.steps += looked;
        for (_, diagonal, len) in found.into_iter().filter(|&(gain, _, _)| gain > 0) {
            self.enter(best, diagonal, len);
            // What reaches further than this match will be found where it is about to end.
            self.quiet_to = self.quiet_to.max((self.at + len).saturating_sub(BEFORE));
        }
    }

    /// Looks for the next four bytes of new around `place` of old.
    fn add_near(&mut self, best: &Best, place: i64) {
        let (old, near) = (self.ends.old, self.search.near as i64);
        let Some(wanted) = self.ends.new[self.at..].first_chunk::<SHORTEST>() else { return };
        let within = |place: i64| place.clamp(0, old.len() as i64) as usize;
        let [from, middle, to] = [place - near, place, place + near + 1].map(within);
        let behind = near::first(old, middle..to, wanted);
        let before = near::last(old, from..middle, wanted);
        self.steps += 1;
        for found in [behind, before].into_iter().flatten() {
            self.offer(best, found as i64 - self.at as i64);
        }
    }

    /// Enters a diagonal if it agrees for the next bytes.
    fn offer(&mut self, best: &Best, diagonal: i64) {
        let Some(place) = self.ends.place(self.at, diagonal) else { return };
        let chunk = |text: &[u8], at: usize| text.get(at..).and_then(|text| text.first_chunk::<SHORTEST>().copied());
        let begins = chunk(self.ends.new, self.at);
        if begins.is_some() && begins == chunk(self.ends.old, place) {
            self.enter(best, diagonal, self.ends.agreement(self.at, diagonal, TELLING));
        }
    }

    /// Adds a state for a diagonal that agrees for `len` bytes, reached from the best one. Where there is no room, what
    /// costs most after the bytes that are known to agree makes way.
    fn enter(&mut self, best: &Best, diagonal: i64, len: usize) {
        if self.states.iter().any(|state| state.diagonal == diagonal) {
            return;
        }
        let (cost, left) = copy_on(self.costs, best, self.at, diagonal);
        let (cost, agrees_to) = (best.cost + cost, self.at + len);
        let prospect = |cost: u64, agrees_to: usize| {
            let saved = agrees_to.saturating_sub(self.at).min(TELLING) as u64 * u64::from(self.costs.literal);
            cost as i64 - saved as i64
        };
        let mut place = self.states.len();
        if place >= self.search.states {
            let others = (0..place).filter(|&i| !best.is(&self.states[i]));
            let worst = others.max_by_key(|&i| prospect(self.states[i].cost, self.states[i].agrees_to));
            let state = |i: usize| &self.states[i];
            // Where content repeats, every byte offers as good a diagonal as the last one did: those do not make way.
            let limit = prospect(cost, agrees_to) + i64::from(self.costs.literal);
            match worst.filter(|&i| prospect(state(i).cost, state(i).agrees_to) > limit) {
                Some(worst) => place = worst,
                None => return,
            }
        }
        let node = self.node(Leg { start: self.at, diagonal, literal: false }, best.node);
        let state = State { diagonal, cost, node, left, differed: false, agrees_to };
        match self.states.get_mut(place) {
            Some(worst) => *worst = state,
            None => self.states.push(state),
        }
    }

    fn node(&mut self, leg: Leg, parent: u32) -> u32 {
        self.nodes.push(Node { leg, parent });
        (self.nodes.len() - 1) as u32
    }

    /// Lets every state be reached from the best one. Of those for which that is cheaper than the way they came, only
    /// those stay that agree here.
    fn relax(&mut self, best: &Best) {
        let (ends, at, costs) = (self.ends, self.at, self.costs);
        let nodes = &mut self.nodes;
        self.states.retain_mut(|state| {
            if best.is(state) || state.cost <= best.cost + u64::from(costs.resume) {
                return true;
            }
            let (cost, left) = copy_on(costs, best, at, state.diagonal);
            let cost = best.cost + cost;
            if cost >= state.cost {
                return true;
            }
            if state.agrees_to < at + SHORTEST {
                let agreed = ends.agreement(at, state.diagonal, TELLING);
                state.agrees_to = at + agreed;
                if agreed < SHORTEST && state.diagonal != best.diagonal {
                    return false;
                }
            }
            nodes.push(Node { leg: Leg { start: at, diagonal: state.diagonal, literal: false }, parent: best.node });
            *state = State { cost, node: (nodes.len() - 1) as u32, left, differed: false, ..*state };
            true
        });
    }

    /// Lets states pass over a word that is known to become another one.
    fn rename(&mut self, renames: &Renames) {
        let (ends, at) = (self.ends, self.at);
        let starts = at.checked_sub(1).is_none_or(|before| !is_word(ends.new[before]));
        if !starts || !is_word(ends.new[at]) {
            return;
        }
        for i in 0..self.states.len() {
            let state = self.states[i];
            let Some(place) = ends.place(at, state.diagonal) else { continue };
            let Some((old_len, new_len)) = renames.at(ends, place, at) else { continue };
            self.steps += 1;
            let cost = state.cost + u64::from(self.costs.renames);
            let (diagonal, agrees_to) = (state.diagonal + old_len as i64 - new_len as i64, at + new_len);
            let node = if old_len == new_len {
                state.node
            } else {
                let word = self.node(Leg { start: at, diagonal: state.diagonal, literal: true }, state.node);
                self.node(Leg { start: agrees_to, diagonal, literal: false }, word)
            };
            let renamed = State { diagonal, cost, node, left: state.left, differed: false, agrees_to };
            match self.states.iter_mut().find(|state| state.diagonal == diagonal) {
                Some(known) if old_len == new_len || cost < known.cost => *known = renamed,
                Some(_) => {}
                None => self.states.push(renamed),
            }
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

    /// Goes on as the coder does at the start of a file: copying from `old` costs nothing, all else is to be reached.
    fn start_afresh(&mut self, old: usize) {
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
    fn settle(&mut self) {
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
