//! Which diagonals the walk tries: those lately in force, what stands near the expected place, what the index offers, and
//! what lies behind a word that is known to become another.

use super::state::{Best, State, copy_on};
use super::{BEFORE, Leg, Node, Path, SHORTEST, TELLING};
use crate::codec::literal::is_word;
use crate::diff::index::Query;
use crate::diff::near;
use crate::diff::renames::Renames;

impl Path<'_> {
    /// Lets every state be reached from the best one. Of those for which that is cheaper than the way they came, only
    /// those stay that agree here.
    pub(super) fn relax(&mut self, best: &Best) {
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
    pub(super) fn rename(&mut self, renames: &Renames) {
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

    pub(super) fn add_candidates(&mut self, best: &Best, anchors: &[Option<i64>; 2]) {
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
    pub(super) fn add_near(&mut self, best: &Best, place: i64) {
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
    pub(super) fn offer(&mut self, best: &Best, diagonal: i64) {
        let Some(place) = self.ends.place(self.at, diagonal) else { return };
        let chunk = |text: &[u8], at: usize| text.get(at..).and_then(|text| text.first_chunk::<SHORTEST>().copied());
        let begins = chunk(self.ends.new, self.at);
        if begins.is_some() && begins == chunk(self.ends.old, place) {
            self.enter(best, diagonal, self.ends.agreement(self.at, diagonal, TELLING));
        }
    }

    /// Adds a state for a diagonal that agrees for `len` bytes, reached from the best one. Where there is no room, what
    /// costs most after the bytes that are known to agree makes way.
    pub(super) fn enter(&mut self, best: &Best, diagonal: i64, len: usize) {
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
}
