//! Where the literals of old went in a buffer that was packed anew, for the operands that refer to them.

use std::collections::{HashMap, VecDeque};

use super::rows::NONE;
use super::sequences::{Literal, Packing, Prepared};
use super::splice::Moves;

/// Where each literal of old went, and which ones are new.
#[derive(Debug, Default)]
pub struct Places {
    moved: HashMap<(u32, u32), u32>,
    fresh: VecDeque<u32>,
}

impl Places {
    /// The places of the literals of `old` after `packing`, whose bytes went to `buffer` as `moves` say.
    #[must_use]
    pub fn of(old: &Prepared, packing: &Packing, buffer: &[u8], moves: &Moves) -> Self {
        let content = |at: u32, bytes: u32| Literal { at, bytes, elements: 0 }.content(&packing.buffer);
        let mut finder = Finder { buffer, places: Vec::new() };
        let mut place = |at: u32, bytes: u32| finder.find(content(at, bytes), moves.point(at));
        let mut places = Self::default();
        for (index, (literal, &to)) in old.list.iter().zip(&packing.moved).enumerate() {
            if to != NONE {
                let bytes = old.content(index).len() as u32;
                places.moved.insert((literal.at, literal.elements), place(to, bytes));
            }
        }
        places.fresh = packing.fresh.iter().map(|&(at, bytes)| place(at, bytes)).collect();
        places
    }

    /// Where the literal at `at` with `elements` went; where it went nowhere, the next one that is new.
    #[must_use]
    pub fn get(&self, at: u32, elements: u32) -> u32 {
        self.moved.get(&(at, elements)).copied().or(self.next()).unwrap_or(at)
    }

    /// The next literal that is not in old and has not been used.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        self.fresh.front().copied()
    }

    /// Takes in that the literal at `at` of new is used.
    pub fn used(&mut self, at: u32) {
        if let Some(place) = self.fresh.iter().take(16).position(|&fresh| fresh == at) {
            self.fresh.remove(place);
        }
    }
}

/// Finds contents in a buffer.
struct Finder<'a> {
    buffer: &'a [u8],
    /// The first bytes of each place and the place, sorted; made when it is first needed.
    places: Vec<(u32, u32)>,
}

/// Bytes that places are found by.
const KEY_BYTES: usize = 3;
/// Places that are looked at.
const LOOKED_AT: usize = 256;

impl Finder<'_> {
    /// Where `content` stands, nearest to `expected`; there where it stands nowhere.
    fn find(&mut self, content: &[u8], expected: u32) -> u32 {
        let stands = |at: u32| self.buffer.get(at as usize..).is_some_and(|rest| rest.starts_with(content));
        if stands(expected) || content.len() < KEY_BYTES {
            return expected;
        }
        let key = |bytes: &[u8]| bytes.iter().take(KEY_BYTES).fold(0u32, |key, &byte| key << 8 | u32::from(byte));
        if self.places.is_empty() {
            self.places =
                self.buffer.windows(KEY_BYTES).enumerate().map(|(at, bytes)| (key(bytes), at as u32)).collect();
            self.places.sort_unstable();
        }
        let wanted = key(content);
        let from = self.places.partition_point(|&(key, _)| key < wanted);
        let same = self.places[from..].iter().take_while(|&&(key, _)| key == wanted).take(LOOKED_AT);
        same.map(|&(_, at)| at).filter(|&at| stands(at)).min_by_key(|at| at.abs_diff(expected)).unwrap_or(expected)
    }
}
