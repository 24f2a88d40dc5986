//! The strings of new as the compiler had them before it packed them: a sorted list, told as an edit of old's. Storage,
//! table and ids all follow from the list.
//!
//! The compiler's list has three groups by how often a string is used, each sorted by kind and text
//! (`UniquingStringLiteralTable.cpp`, github.com/facebook/hermes). The groups have fixed sizes, so that only who is in
//! which has to be told.

use crate::codec::range::Coder;

use super::HermesError;
use super::hints::{Flag, Hints, Sort};
use super::packing::{self, Packed};
use super::reader::{Bytecode, IDENTIFIER_KIND, StringEntry, expand_kinds};
use super::rows::NONE;
use super::strings::Strings;
use super::teacher::Teacher;

/// Where the second and the third group begin.
const GROUPS: [usize; 2] = [255, 65_535];

/// One string of the list, by where its text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Where the text begins in the list's own store, or in old's storage.
    offset: u32,
    /// Its length, and in the highest bit whether it is UTF-16.
    length: u32,
    /// The id in old's table, or [`NONE`].
    old: u32,
}

const WIDE: u32 = 1 << 31;

impl Item {
    fn new(entry: StringEntry, old: u32) -> Self {
        let wide = if entry.wide { WIDE } else { 0 };
        Self { offset: entry.offset, length: entry.length & !WIDE | wide, old }
    }

    fn entry(&self) -> StringEntry {
        StringEntry { offset: self.offset, length: self.length & !WIDE, wide: self.length & WIDE != 0 }
    }
}

/// Memory of an item of a list.
const ITEM_BYTES: u64 = size_of::<Item>() as u64;

/// The list, and the texts that are not in old.
#[derive(Debug, Default)]
pub struct Listing {
    items: Vec<Item>,
    /// How many there are of each group, without and with identifiers.
    counts: [u32; 6],
    texts: Vec<u8>,
    /// Bytes that all strings together may take before they are packed.
    limit: u64,
}

fn group_of(id: usize) -> u8 {
    GROUPS.iter().filter(|&&start| id >= start).count() as u8
}

/// Compares texts as the compiler does: by UTF-8 with each UTF-16 unit on its own, which is the order of the units.
fn compare(a: (&[u8], bool), b: (&[u8], bool)) -> std::cmp::Ordering {
    match (a.1, b.1) {
        (false, false) => a.0.cmp(b.0),
        _ => units(a.0, a.1).cmp(units(b.0, b.1)),
    }
}

fn units(text: &[u8], wide: bool) -> impl Iterator<Item = u16> {
    let step = if wide { 2 } else { 1 };
    text.chunks_exact(step).map(|unit| u16::from_le_bytes([unit[0], unit.get(1).copied().unwrap_or_default()]))
}

/// The list that `file`'s table was made from.
pub fn list(file: &Bytecode) -> Vec<Item> {
    let identifiers = file.identifiers();
    let item = |(id, &entry): (usize, &StringEntry)| Item::new(entry, id as u32);
    let mut items: Vec<Item> = file.strings.iter().enumerate().map(item).collect();
    let class = |item: &Item| (group_of(item.old as usize), identifiers[item.old as usize]);
    let text = |item: &Item| (item.entry().text(&file.storage), item.entry().wide);
    items.sort_by(|a, b| class(a).cmp(&class(b)).then_with(|| compare(text(a), text(b))));
    items
}

/// What new does to the list of old, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Items that stay.
    pub keep: u32,
    /// Items that go, for good or to another place.
    pub skip: u32,
    /// Items that come.
    pub come: Vec<Come>,
}

/// An item that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Come {
    /// From elsewhere in old's list, by its index there.
    Moved(u32),
    /// From nowhere: its text, and whether that is UTF-16.
    Fresh(Vec<u8>, bool),
}

/// Codes the list of new. What is kept stays in its group and kind; what comes joins those of its place.
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints, [`HermesError::TooLarge`] above `limit` bytes.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    told: &[Change],
    told_counts: [u32; 6],
    limit: u64,
) -> Result<Listing, HermesError> {
    hints.budget.hold(ITEM_BYTES * old.strings.len() as u64)?;
    let before = list(old);
    // How many strings each group and kind has.
    let mut counts = counts(old);
    let mut total = 0u64;
    for (i, count) in counts.iter_mut().enumerate() {
        *count = hints.near(told_counts[i], *count, Sort::Kinds, [100, i as u32, 0, 0])?;
        total += u64::from(*count);
    }
    if total > limit / 4 {
        return Err(HermesError::TooLarge { needed: total, limit: limit / 4 });
    }
    hints.budget.hold(ITEM_BYTES * total)?;
    let total = total as usize;
    let mut listing = Listing { limit: limit.saturating_mul(2).min(u32::MAX.into()), ..Listing::default() };
    listing.items.reserve_exact(total);
    // Damaged hints may name a long string of old ever again.
    let mut bytes = 0u64;
    let mut told = told.iter();
    let mut next = 0;
    let wrong = HermesError::Hints { what: "a list of strings that does not add up" };
    let mut habit = 0;
    while listing.items.len() < total {
        let change = told.next().cloned().unwrap_or_default();
        let most = (total - listing.items.len()).min(before.len() - next);
        let keep = if hints.flag(change.keep as usize == most, Flag::ToEnd, 4) {
            most
        } else {
            hints.number(change.keep, Sort::Keep, [100, habit, 0, 0])? as usize
        };
        if keep > most {
            return Err(wrong);
        }
        listing.items.extend_from_slice(&before[next..next + keep]);
        bytes += before[next..next + keep].iter().map(|item| item.entry().bytes()).sum::<u64>();
        listing.check(bytes)?;
        next += keep;
        if listing.items.len() == total {
            break;
        }
        let skip = hints.number(change.skip, Sort::Skip, [100, habit, 0, 0])? as usize;
        let come = hints.number(change.come.len() as u32, Sort::Insert, [100, skip.min(3) as u32, habit, 0])? as usize;
        if skip > before.len() - next || come > total - listing.items.len() || keep + skip + come == 0 {
            return Err(wrong);
        }
        habit = (skip.min(2) << 2 | come.min(2)) as u32;
        let here = next;
        next += skip;
        for i in 0..come {
            let came = change.come.get(i);
            let item = code_item(hints, old, &before, (here, skip, i), next, came, &mut listing)?;
            listing.items.push(item);
            bytes += item.entry().bytes();
            listing.check(bytes)?;
        }
    }
    hints.budget.free(ITEM_BYTES * before.len() as u64);
    listing.counts = counts;
    Ok(listing)
}

fn code_item<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    before: &[Item],
    (gone, gone_count, number): (usize, usize, usize),
    next: usize,
    told: Option<&Come>,
    listing: &mut Listing,
) -> Result<Item, HermesError> {
    let moved = matches!(told, Some(Come::Moved(_)));
    if hints.flag(moved, Flag::Mapped, 4) {
        let told = if let Some(&Come::Moved(index)) = told { index } else { 0 };
        let index = hints.number(told, Sort::CopyFrom, [101, 0, 0, 0])?;
        return before
            .get(index as usize)
            .copied()
            .ok_or(HermesError::Hints { what: "a string that old does not have" });
    }
    let none: (&[u8], bool) = (&[], false);
    let (text, wide) = if let Some(Come::Fresh(text, wide)) = told { (&text[..], *wide) } else { none };
    let wide = hints.flag(wide, Flag::Wide, 0);
    // Most like it: the string before it, and the one that went from here or else the one that follows.
    let previous = listing.items.last().map_or(&[][..], |last| listing.text(last, old).0);
    let other = if number < gone_count { gone + number } else { next };
    let other = before.get(other).map_or(&[][..], |item| item.entry().text(&old.storage));
    let common = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let shared = common(text, previous) as u32;
    let both = common(&other[..other.len().min(20)], previous) as u32;
    let gap = u32::from(number < gone_count);
    let shared = hints.number(shared, Sort::Keep, [102, both, gap, u32::from(wide)])? as usize;
    let mut written = previous.get(..shared).ok_or(HermesError::Hints { what: "a string beyond its end" })?.to_vec();
    hints.budget.pass(written.len() as u64)?;
    hints.copied(b"\0");
    hints.copied(&written);
    let start = listing.texts.len();
    // The end is a zero; a zero inside is doubled with a one, an end with a zero more.
    let mut at = shared;
    let mut in_step = common(&written, other) == written.len();
    loop {
        let told = text.get(at).copied().unwrap_or_default();
        let stands = if in_step { other.get(at).copied().unwrap_or_default() } else { 0 };
        let ahead = if in_step { other.get(at + 1).copied().unwrap_or_default() } else { 0 };
        let hint = u32::from(in_step) | u32::from(wide) << 1 | (at as u32 & u32::from(wide)) << 2;
        let byte = hints.text(told, crate::codec::literal::Aligned { byte: stands, next: ahead, hint });
        hints.check()?;
        if byte == 0 && hints.flag(at >= text.len(), Flag::StringEnds, usize::from(wide)) {
            break;
        }
        in_step &= byte == stands;
        written.push(byte);
        at += 1;
        listing.check((start + written.len()) as u64)?;
    }
    hints.budget.hold(2 * written.len() as u64)?;
    listing.texts.extend_from_slice(&written);
    let length = (written.len() >> u32::from(wide)) as u32;
    let entry = StringEntry { offset: start as u32, length, wide };
    Ok(Item::new(entry, NONE))
}

impl Listing {
    fn check(&self, needed: u64) -> Result<(), HermesError> {
        if needed > self.limit { Err(HermesError::TooLarge { needed, limit: self.limit }) } else { Ok(()) }
    }

    fn text<'a>(&'a self, item: &Item, old: &'a Bytecode) -> (&'a [u8], bool) {
        let store = if item.old == NONE { &self.texts } else { &old.storage };
        (item.entry().text(store), item.entry().wide)
    }

    /// Memory that [`Listing::build`] takes, and of what it gives back, in bytes.
    #[must_use]
    pub fn build_bytes(&self, old: &Bytecode) -> [u64; 2] {
        let (count, texts) = (self.items.len() as u64, self.items.iter().map(|item| item.entry().bytes()).sum::<u64>());
        let built = texts + (size_of::<StringEntry>() as u64 + 1) * count + 4 * old.strings.len() as u64;
        // The strings one behind the other, and what packs them; then what comes of it.
        let pack = packing::pack_bytes(texts, count);
        [texts + 4 * count + if pack > built { pack } else { built }, built]
    }

    /// Packs the strings and numbers them; `None` where they repeat themselves too much for that.
    #[must_use]
    pub fn build(&self, old: &Bytecode) -> Option<Strings> {
        // Narrow strings in bytes, wide ones in units, each packed on its own, the wide ones behind.
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        let (mut narrow_starts, mut wide_starts) = (vec![0u32], vec![0u32]);
        let sum = |wide: bool| {
            self.items.iter().filter(move |item| item.entry().wide == wide).map(|item| item.entry().length)
        };
        narrow.reserve_exact(sum(false).sum::<u32>() as usize);
        wide.reserve_exact(sum(true).sum::<u32>() as usize);
        for item in &self.items {
            let (text, is_wide) = self.text(item, old);
            if is_wide {
                wide.extend(units(text, true));
                wide_starts.push(wide.len() as u32);
            } else {
                narrow.extend_from_slice(text);
                narrow_starts.push(narrow.len() as u32);
            }
        }
        let Packed { mut storage, offsets, chains: _ } = packing::pack(&narrow, &narrow_starts)?;
        drop((narrow, narrow_starts));
        let wide = packing::pack(&wide, &wide_starts)?;
        if !wide.storage.is_empty() && storage.len() % 2 != 0 {
            storage.push(0);
        }
        let wide_at = storage.len() as u32;
        storage.extend(wide.storage.iter().flat_map(|unit| unit.to_le_bytes()));
        let (mut narrow_offsets, mut wide_offsets) = (offsets.into_iter(), wide.offsets.into_iter());
        let mut classes =
            (0..6u8).zip(self.counts).flat_map(|(class, count)| std::iter::repeat_n(class, count as usize));
        let mut rows: Vec<(u8, StringEntry, u32)> = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let offset = if item.entry().wide {
                wide_offsets.next().map_or(0, |offset| wide_at + 2 * offset)
            } else {
                narrow_offsets.next().unwrap_or_default()
            };
            rows.push((classes.next().unwrap_or_default(), StringEntry { offset, ..item.entry() }, item.old));
        }
        rows.sort_unstable_by_key(|&(class, entry, _)| (class, entry.offset, entry.length));
        let mut strings = Strings {
            storage,
            entries: rows.iter().map(|row| row.1).collect(),
            kinds: Vec::new(),
            map: vec![NONE; old.strings.len()],
            fresh: vec![false; rows.len()],
        };
        for (id, &(class, _, was)) in rows.iter().enumerate() {
            match strings.map.get_mut(was as usize) {
                Some(to) => *to = id as u32,
                None => strings.fresh[id] = true,
            }
            let kind = if class % 2 == 1 { IDENTIFIER_KIND } else { 0 };
            match strings.kinds.last_mut() {
                Some(run) if *run & IDENTIFIER_KIND == kind => *run += 1,
                _ => strings.kinds.push(kind | 1),
            }
        }
        Some(strings)
    }
}

/// How many strings each group and kind of `file` has.
#[must_use]
pub fn counts(file: &Bytecode) -> [u32; 6] {
    let mut counts = [0; 6];
    for (id, identifier) in expand_kinds(&file.kinds, file.strings.len()).into_iter().enumerate() {
        counts[usize::from(group_of(id)) * 2 + usize::from(identifier)] += 1;
    }
    counts
}

/// Whether `file`'s strings are packed as [`Listing::build`] packs them.
#[cfg(feature = "diff")]
#[must_use]
pub fn describes(file: &Bytecode) -> bool {
    let items = list(file);
    // Strings of a hostile file may overlap without end.
    if items.iter().map(|item| item.entry().bytes()).sum::<u64>() > file.file_bytes.saturating_mul(4) {
        return false;
    }
    let built = Listing { items, counts: counts(file), ..Listing::default() }.build(file);
    built.is_some_and(|built| {
        built.storage == file.storage && built.entries == file.strings && built.kinds == file.kinds
    })
}
/// What makes the list of `new` from that of `old`.
#[cfg(feature = "diff")]
#[must_use]
pub fn changes(old: &Bytecode, new: &Bytecode) -> Vec<Change> {
    use std::collections::HashMap;
    let (before, after) = (list(old), list(new));
    let mut places: HashMap<(&[u8], bool), u32> = HashMap::with_capacity(before.len());
    for (index, item) in before.iter().enumerate() {
        places.insert((item.entry().text(&old.storage), item.entry().wide), index as u32);
    }
    let kinds = [old.identifiers(), new.identifiers()];
    let class = |item: &Item, kinds: &[bool]| (group_of(item.old as usize), kinds[item.old as usize]);
    let came: Vec<Option<u32>> =
        after.iter().map(|item| places.get(&(item.entry().text(&new.storage), item.entry().wide)).copied()).collect();
    // Both lists are sorted, so what stays in its class keeps its order; what moves is told apart by that.
    let pairs: Vec<(usize, usize)> = came
        .iter()
        .enumerate()
        .filter_map(|(j, &i)| {
            i.map(|i| (i as usize, j)).filter(|&(i, j)| class(&before[i], &kinds[0]) == class(&after[j], &kinds[1]))
        })
        .collect();
    let mut stays = super::plan::ascending(&pairs);
    stays.push((before.len(), after.len()));
    let mut changes: Vec<Change> = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut keep = 0;
    for (to_i, to_j) in stays {
        if to_i > i || to_j > j {
            let come = (j..to_j).map(|j| match came[j] {
                Some(index) => Come::Moved(index),
                None => Come::Fresh(after[j].entry().text(&new.storage).to_vec(), after[j].entry().wide),
            });
            changes.push(Change { keep, skip: (to_i - i) as u32, come: come.collect() });
            keep = 0;
        }
        keep += 1;
        (i, j) = (to_i + 1, to_j + 1);
    }
    changes.push(Change { keep: keep - 1, skip: 0, come: Vec::new() });
    changes
}

/// Codes new's strings as a list, and packs them.
///
/// # Errors
/// As [`code`].
pub fn code_strings<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    teacher: &impl Teacher,
    limit: u64,
) -> Result<Strings, HermesError> {
    let (changes, counts) = teacher.new().map_or((Vec::new(), [0; 6]), |new| (teacher.listing(old), counts(new)));
    let listing = code(hints, old, &changes, counts, limit)?;
    let [during, built] = listing.build_bytes(old);
    hints.budget.pass(during)?;
    let items = ITEM_BYTES * listing.items.len() as u64 + 2 * listing.texts.len() as u64;
    hints.budget.free(items);
    hints.budget.hold(built)?;
    listing.build(old).ok_or(HermesError::Hints { what: "strings that repeat themselves" })
}
