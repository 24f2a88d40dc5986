//! How the compiler packs strings into one storage: a string inside of another shares its bytes, and strings whose ends
//! and beginnings agree overlap, the largest overlaps first.
//!
//! The rule is that of `ConsecutiveStringStorage.cpp` (github.com/facebook/hermes), the same from React Native 0.69 to
//! Hermes V1. Every choice there follows from the order of the strings, so the storage follows from the list of them.
//! Strings are looked at by their first character, one after the other, which keeps the memory small.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Longer strings are not searched for others.
const LONGEST: usize = 24 * 1024;
/// What a suffix must begin with to count, unless it is shorter.
const TRIGRAM: usize = 3;
/// Units of a repeat that is too long to sort by.
const WINDOW: usize = 256;
/// Places of repeats that may be.
const MOST_REPEATS: usize = 1 << 15;
const MULTIPLIER: u64 = 0x2545_F491_4F6C_DD1D;
/// Suffixes that are sorted at a time, at least: 16 bytes each. A single first character may have more.
const AT_A_TIME: u32 = 1 << 15;
/// Each time all strings are gone through, so that there are not many more times than this.
const BATCHES: u64 = 32;
const NONE: u32 = u32::MAX;

/// Where the strings of a list lie.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packed<T> {
    /// The storage.
    pub storage: Vec<T>,
    /// Where each string begins in it.
    pub offsets: Vec<u32>,
    /// Which strings were laid out together, by the order in which that happened.
    pub chains: Vec<u32>,
}

/// A character.
pub trait Unit: Copy + Ord + Into<u32> {}
impl Unit for u8 {}
impl Unit for u16 {}

/// A suffix of a string: its first units, so that comparing is quick, where it begins, and whose it is.
#[derive(Clone, Copy)]
struct Suffix {
    key: u64,
    at: u32,
    owner: u32,
}

/// The overlap of a string's beginning with the ends of others.
struct Overlap {
    after: u32,
    /// Where the strings that end so stand in `owners`: there is first how many, and how many of them are never free
    /// again.
    list: u32,
    units: u16,
}

#[derive(Clone, Copy)]
struct Plan {
    parent: u32,
    /// Units into the parent, or of overlap with the one before.
    into: u32,
    next: u32,
    before: u32,
    /// The other end of the chain, right at both ends of it.
    far: u32,
}

struct Strings<'a, T> {
    text: &'a [T],
    /// Where each string begins in `text`, and where the last one ends.
    starts: &'a [u32],
}

impl<'a, T: Unit> Strings<'a, T> {
    fn get(&self, index: u32) -> &'a [T] {
        let (start, end) = (self.starts[index as usize], self.starts[index as usize + 1]);
        &self.text[start as usize..end as usize]
    }

    fn suffix(&self, suffix: &Suffix) -> &'a [T] {
        &self.text[suffix.at as usize..self.starts[suffix.owner as usize + 1] as usize]
    }
}

/// A hasher for numbers that nobody chooses to collide: a collision costs time within a bound of its own.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        let spread = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ spread >> 29;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type SpreadSet = HashSet<u64, BuildHasherDefault<Spread>>;

fn trigram<T: Unit>(units: &[T]) -> u64 {
    units.iter().take(TRIGRAM).fold(0, |sum, &unit| sum << 16 | u64::from(unit.into()))
}

/// The first four units, and at least as great as those of any suffix that sorts before.
fn key<T: Unit>(units: &[T]) -> u64 {
    let mut key = 0;
    for i in 0..4 {
        key = key << 16 | units.get(i).map_or(0, |&unit| u64::from(unit.into()));
    }
    key
}

/// Packs the strings that lie in `text` and begin at `starts`, which ends with the length of `text`. Real strings are
/// different from each other; equal ones share one place.
///
/// `None` where they repeat so much, over hundreds of characters, that sorting their suffixes would take too long; real
/// programs do not.
pub fn pack<T: Unit>(text: &[T], starts: &[u32]) -> Option<Packed<T>> {
    let strings = Strings { text, starts };
    if repeats(&strings) {
        return None;
    }
    let count = starts.len().saturating_sub(1) as u32;
    let alone = Plan { parent: NONE, into: 0, next: NONE, before: NONE, far: NONE };
    let mut plans = vec![alone; count as usize];
    let mut overlaps: Vec<Overlap> = Vec::with_capacity(count as usize * 9 / 4);
    let mut owners: Vec<u32> = Vec::new();
    search(&strings, count, &mut plans, &mut overlaps, &mut owners);
    chain(&mut plans, &overlaps, &mut owners);
    drop((overlaps, owners));
    Some(lay(&strings, count, &plans))
}

/// Memory that packing `count` strings of `units` units takes beside them, in bytes; of real strings.
#[must_use]
pub const fn pack_bytes(units: u64, count: u64) -> u64 {
    let at_a_time = if units / BATCHES > AT_A_TIME as u64 { units / BATCHES } else { AT_A_TIME as u64 };
    // Beginnings, first units, plans, overlaps, their owners; suffixes, of which one class may be more than is due.
    count * (8 + 8 + 20 + 27 + 12) + at_a_time * 24
}

/// Whether many places begin with as many units as occur elsewhere.
fn repeats<T: Unit>(strings: &Strings<'_, T>) -> bool {
    let mut seen: SpreadSet = SpreadSet::default();
    let mut again = 0;
    for string in strings.starts.windows(2).filter_map(|pair| strings.text.get(pair[0] as usize..pair[1] as usize)) {
        if !(WINDOW..=LONGEST).contains(&string.len()) {
            continue;
        }
        // A rolling sum over a window.
        let weight = |unit: T| (u64::from(unit.into()) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let out = (0..WINDOW).fold(1u64, |power, _| power.wrapping_mul(MULTIPLIER));
        let mut sum = 0u64;
        for (i, &unit) in string.iter().enumerate() {
            sum = sum.wrapping_mul(MULTIPLIER).wrapping_add(weight(unit));
            if i >= WINDOW {
                sum = sum.wrapping_sub(weight(string[i - WINDOW]).wrapping_mul(out));
            }
            let key = sum ^ sum >> 32;
            if i + 1 >= WINDOW && !seen.insert(key) {
                again += 1;
            }
        }
    }
    again > MOST_REPEATS
}

/// Finds for each string another one that contains it, and how its beginning overlaps with the ends of others.
fn search<T: Unit>(
    strings: &Strings<'_, T>,
    count: u32,
    plans: &mut [Plan],
    overlaps: &mut Vec<Overlap>,
    owners: &mut Vec<u32>,
) {
    let beginnings: SpreadSet =
        (0..count).map(|index| strings.get(index)).filter(|s| s.len() >= TRIGRAM).map(trigram).collect();
    // Suffixes that count, by their first unit.
    let mut firsts: Vec<u32> = (0..count).filter_map(|index| strings.get(index).first().map(|&u| u.into())).collect();
    firsts.sort_unstable();
    firsts.dedup();
    firsts.shrink_to_fit();
    let mut totals: Vec<u32> = vec![0; firsts.len()];
    let each = |visit: &mut dyn FnMut(usize, u32, u32)| {
        for owner in 0..count {
            let string = strings.get(owner);
            if string.len() > LONGEST {
                continue;
            }
            for at in 0..string.len() {
                let rest = &string[at..];
                if (rest.len() < TRIGRAM || beginnings.contains(&trigram(rest)))
                    && let Ok(class) = firsts.binary_search(&rest[0].into())
                {
                    visit(class, strings.starts[owner as usize] + at as u32, owner);
                }
            }
        }
    };
    each(&mut |class, _, _| totals[class] += 1);
    let mut by_first: Vec<(u32, u32)> =
        (0..count).filter_map(|index| Some((strings.get(index).first().map(|&u| u.into())?, index))).collect();
    by_first.sort_unstable();
    let mut right = by_first.iter().peekable();
    let mut suffixes: Vec<Suffix> = Vec::new();
    let all = totals.iter().fold(0u32, |all, &total| all.saturating_add(total));
    let most = AT_A_TIME.max(all / BATCHES as u32);
    let mut class = 0;
    while class < firsts.len() {
        // As many classes at a time as fit.
        let from = class;
        let mut total = 0;
        while class < firsts.len() && (class == from || total + totals[class] <= most) {
            total += totals[class];
            class += 1;
        }
        suffixes.clear();
        suffixes.reserve_exact((total as usize).saturating_sub(suffixes.capacity()));
        each(&mut |class_of, at, owner| {
            if (from..class).contains(&class_of) {
                let rest = &strings.text[at as usize..strings.starts[owner as usize + 1] as usize];
                suffixes.push(Suffix { key: key(rest), at, owner });
            }
        });
        suffixes.sort_unstable_by(|a, b| {
            a.key.cmp(&b.key).then_with(|| strings.suffix(a).cmp(strings.suffix(b))).then(a.owner.cmp(&b.owner))
        });
        let mut place = 0;
        for (&first, &total) in firsts[from..class].iter().zip(&totals[from..class]) {
            let group = &suffixes[place..place + total as usize];
            place += total as usize;
            let mut found = Found::default();
            while let Some(&&(_, index)) = right.peek().filter(|&&&(unit, _)| unit == first) {
                right.next();
                let known = overlaps.len();
                look(strings, index, group, plans, overlaps, owners, &mut found);
                if plans[index as usize].parent != NONE {
                    // It lies inside of another one, and follows none.
                    overlaps.truncate(known);
                }
            }
        }
    }
    // As if the strings had been looked at in their order, the largest overlaps first.
    overlaps.sort_unstable_by_key(|overlap| (std::cmp::Reverse(overlap.units), overlap.after));
}

/// What was found among suffixes that begin with the same unit.
#[derive(Default)]
struct Found {
    /// For the first of those that begin with a string's beginning, which of them are no more than that.
    lists: HashMap<usize, u32>,
    /// For the range of those that begin with a whole string, the first owner that is no more than it, and the first that
    /// is, each with the place in it. Damaged hints may bring the same string ever again.
    parents: HashMap<(usize, usize), [(u32, u32); 2]>,
}

/// Looks for one string's beginnings among the sorted suffixes with the same first unit.
fn look<T: Unit>(
    strings: &Strings<'_, T>,
    index: u32,
    suffixes: &[Suffix],
    plans: &mut [Plan],
    overlaps: &mut Vec<Overlap>,
    owners: &mut Vec<u32>,
    found: &mut Found,
) {
    let string = strings.get(index);
    let (mut low, mut high) = (0, suffixes.len());
    for (depth, &unit) in string.iter().enumerate() {
        let at = |suffix: &Suffix| strings.suffix(suffix).get(depth).copied();
        if depth > 0 {
            low += suffixes[low..high].partition_point(|suffix| at(suffix) < Some(unit));
            high = low + suffixes[low..high].partition_point(|suffix| at(suffix) == Some(unit));
        }
        let itself = |suffix: &Suffix| suffix.owner == index && suffix.at == strings.starts[index as usize];
        if low == high || low + 1 == high && itself(&suffixes[low]) {
            return;
        }
        if depth + 1 < string.len() {
            // The strings that end with this much of the string's beginning come first.
            let whole = |suffix: &Suffix| strings.suffix(suffix).len() == depth + 1;
            if whole(&suffixes[low]) {
                let &mut list = found.lists.entry(low).or_insert_with(|| {
                    let list = owners.len();
                    owners.extend([0, 0]);
                    owners.extend(suffixes[low..high].iter().take_while(|s| whole(s)).map(|suffix| suffix.owner));
                    owners[list] = (owners.len() - list - 2) as u32;
                    list as u32
                });
                overlaps.push(Overlap { after: index, list, units: depth as u16 + 1 });
            }
        } else {
            let &mut [equal, longer] = found.parents.entry((low, high)).or_insert_with(|| {
                let mut parents = [(NONE, 0); 2];
                for suffix in &suffixes[low..high] {
                    let start = strings.starts[suffix.owner as usize];
                    let is_equal = suffix.at == start && strings.suffix(suffix).len() == string.len();
                    let parent = &mut parents[usize::from(!is_equal)];
                    if parent.0 >= suffix.owner {
                        *parent = (suffix.owner, suffix.at - start);
                    }
                }
                parents
            });
            // Of equal strings, which only damaged hints bring, the first contains the others.
            let first = if equal.0 < index { equal.min(longer) } else { longer };
            let plan = &mut plans[index as usize];
            (plan.parent, plan.into) = first;
        }
    }
}

/// Chains strings, the largest overlaps first.
fn chain(plans: &mut [Plan], overlaps: &[Overlap], owners: &mut [u32]) {
    for overlap in overlaps {
        let after = overlap.after;
        let plan = plans[after as usize];
        if plan.before != NONE || plan.parent != NONE {
            continue;
        }
        let Some(([count, skip], list)) = owners[overlap.list as usize..].split_first_chunk_mut() else { continue };
        let list = &list[..*count as usize];
        let taken = |plans: &[Plan], owner: u32| {
            let plan = plans[owner as usize];
            plan.parent != NONE || plan.next != NONE
        };
        while list.get(*skip as usize).is_some_and(|&owner| taken(plans, owner)) {
            *skip += 1;
        }
        // A chain must not bite its own tail.
        let free = |&&owner: &&u32| {
            let tail = plans[owner as usize].far;
            !taken(plans, owner) && owner != after && tail != after
        };
        if let Some(&owner) = list[*skip as usize..].iter().find(free) {
            let far = |plans: &[Plan], index: u32| {
                let far = plans[index as usize].far;
                if far == NONE { index } else { far }
            };
            let (start, end) = (far(plans, owner), far(plans, after));
            plans[owner as usize].next = after;
            plans[after as usize].before = owner;
            plans[after as usize].into = overlap.units.into();
            plans[start as usize].far = end;
            plans[end as usize].far = start;
        }
    }
}

/// Lays the strings out in their order, each with its chain.
fn lay<T: Unit>(strings: &Strings<'_, T>, count: u32, plans: &[Plan]) -> Packed<T> {
    let mut packed = Packed {
        storage: Vec::with_capacity(strings.text.len()),
        offsets: vec![NONE; count as usize],
        chains: vec![0; count as usize],
    };
    let mut chains = 0;
    for index in 0..count {
        // A string is laid out after the one that contains it; those are longer, or equal and earlier, so this ends.
        let mut inner = index;
        let mut path = Vec::new();
        while packed.offsets[inner as usize] == NONE && plans[inner as usize].parent != NONE {
            path.push(inner);
            inner = plans[inner as usize].parent;
        }
        if packed.offsets[inner as usize] == NONE {
            if strings.get(inner).is_empty() {
                packed.offsets[inner as usize] = 0;
            } else {
                let mut cursor = inner;
                chains += 1;
                while plans[cursor as usize].before != NONE {
                    cursor = plans[cursor as usize].before;
                }
                while cursor != NONE {
                    let string = strings.get(cursor);
                    let plan = plans[cursor as usize];
                    let overlap = if plan.before == NONE { 0 } else { plan.into as usize };
                    packed.chains[cursor as usize] = chains;
                    packed.offsets[cursor as usize] = (packed.storage.len() - overlap) as u32;
                    packed.storage.extend_from_slice(&string[overlap..]);
                    cursor = plan.next;
                }
            }
        }
        while let Some(child) = path.pop() {
            let plan = plans[child as usize];
            packed.chains[child as usize] = packed.chains[plan.parent as usize];
            packed.offsets[child as usize] = packed.offsets[plan.parent as usize].wrapping_add(plan.into);
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(strings: &[&str]) -> (String, Vec<u32>) {
        let mut starts = vec![0];
        let mut text = Vec::new();
        for string in strings {
            text.extend_from_slice(string.as_bytes());
            starts.push(text.len() as u32);
        }
        let packed = pack(&text, &starts).unwrap();
        for (string, &offset) in strings.iter().zip(&packed.offsets) {
            assert!(packed.storage[offset as usize..].starts_with(string.as_bytes()));
        }
        (String::from_utf8(packed.storage).unwrap(), packed.offsets)
    }

    #[test]
    fn strings_share_what_they_have_in_common() {
        assert_eq!(packed(&["splitpea", "peasoup", "soup"]), ("splitpeasoup".into(), vec![0, 5, 8]));
        // Only what begins like a string of three characters is searched, so that this one is not found inside.
        assert_eq!(packed(&["splitpea", "it"]), ("splitpeait".into(), vec![0, 8]));
        assert_eq!(packed(&["", "a", "a b"]).0, "a b");
    }

    #[test]
    fn rings_are_cut() {
        assert_eq!(packed(&["abcxyz", "xyzabc"]).0.len(), 9);
        assert_eq!(packed(&["aba", "bab"]).0.len(), 4);
    }

    #[test]
    fn equal_strings_share_one_place() {
        assert_eq!(packed(&["ab", "ab", "b", "ab"]), ("ab".into(), vec![0, 0, 1, 0]));
        assert_eq!(packed(&["cab", "ab", "ab", "abc", "abc"]).0, "cabc");
        assert_eq!(packed(&["", "", "a", "a"]).0, "a");
    }

    #[test]
    fn many_equal_strings_take_no_longer_than_others() {
        let starts: Vec<u32> = (0..=200_000).collect();
        let packed = pack(&vec![b'a'; 200_000], &starts).unwrap();
        assert_eq!((&packed.storage[..], packed.offsets[199_999]), (&b"a"[..], 0));
    }

    #[test]
    fn nothing_packs_to_nothing() {
        assert_eq!(pack::<u8>(&[], &[0]), Some(Packed::default()));
        assert_eq!(pack::<u16>(&[], &[]), Some(Packed::default()));
    }

    #[test]
    fn what_repeats_itself_without_end_is_not_packed() {
        let (mut text, mut starts) = (Vec::new(), vec![0]);
        for i in 0..20u8 {
            text.extend(std::iter::repeat_n(b'a', 20_000));
            text.push(b'b' + i);
            starts.push(text.len() as u32);
        }
        assert!(pack(&text, &starts).is_none());
        let mut seed = 1u32;
        let mut draw = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let varied: Vec<u8> = (0..400_000).map(|_| draw()).collect();
        let starts: Vec<u32> = (0..=20).map(|i| i * 20_000).collect();
        assert!(pack(&varied, &starts).is_some());
    }
}
