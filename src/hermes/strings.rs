//! The string table. New's storage is coded first; where old's strings went in it tells new's table but for the
//! strings that are new or that packing moved, since the compiler sorts each of a few groups of strings by place.
//!
//! Rule of `UniquingStringLiteralTable.cpp` (github.com/facebook/hermes): strings are cut into three groups by how
//! often they are used, and each group is sorted by kind, offset and length. Groups are not told: a group of old ends
//! where its order breaks, and its strings are sorted again by where they went.

use std::collections::HashMap;

use crate::codec::range::Coder;

use super::hints::{Flag, Hints, Sort};
use super::reader::{Bytecode, IDENTIFIER_KIND, StringEntry};
use super::rows::{self, NONE, Sheet};
use super::splice::{self, Moves};
use super::teacher::Teacher;
use super::{HermesError, listing};

/// New's strings, and what became of old's.
#[derive(Debug)]
pub struct Strings {
    /// What the strings lie in.
    pub storage: Vec<u8>,
    /// The table.
    pub entries: Vec<StringEntry>,
    /// Runs of kinds.
    pub kinds: Vec<u32>,
    /// For each string of old its id in new, or [`NONE`].
    pub map: Vec<u32>,
    /// Which strings of new are in no old table.
    pub fresh: Vec<bool>,
}

impl Strings {
    /// Memory of all but the map, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        (self.storage.len() + size_of::<StringEntry>() * self.entries.len()) as u64
    }
}

/// Memory of a string of old while the table is coded: as it is predicted, as a row, and in the map.
const STRING_BYTES: u64 = 12 + 8 + 4;

fn row(entry: StringEntry) -> [u32; 2] {
    [entry.offset, entry.length << 1 | u32::from(entry.wide)]
}

fn entry(row: [u32; 2]) -> StringEntry {
    StringEntry { offset: row[0], length: row[1] >> 1, wide: row[1] & 1 != 0 }
}

fn end(row: [u32; 2]) -> u32 {
    row[0].wrapping_add((row[1] >> 1) << (row[1] & 1))
}

/// Where a string of old went: as it is, or changed inside with both ends known.
fn moved(string: StringEntry, moves: &Moves) -> Option<StringEntry> {
    let bytes = string.bytes();
    if let Some(offset) = moves.span(string.offset, bytes.max(1)) {
        return Some(StringEntry { offset, ..string });
    }
    let last = u32::try_from(u64::from(string.offset) + bytes).ok()?.checked_sub(1)?;
    let offset = moves.span(string.offset, 1)?;
    let end = moves.span(last, 1)?.checked_add(1)?;
    let length = end.checked_sub(offset)? >> u32::from(string.wide);
    (length <= string.length.saturating_mul(2).saturating_add(64)).then_some(StringEntry { offset, length, ..string })
}

/// What old's table becomes in new's storage, with the old id of each string.
fn predict(old: &Bytecode, moves: &Moves) -> Vec<([u32; 2], u32)> {
    let identifiers = old.identifiers();
    let mut predicted: Vec<([u32; 2], u32)> = Vec::with_capacity(old.strings.len());
    let mut group = 0;
    let mut last: Option<(StringEntry, bool)> = None;
    for (id, (&string, &identifier)) in old.strings.iter().zip(&identifiers).enumerate() {
        let breaks = |(before, kind): (StringEntry, bool)| {
            kind != identifier || (before.offset, before.length) > (string.offset, string.length)
        };
        if last.is_some_and(breaks) {
            predicted[group..].sort_unstable();
            group = predicted.len();
        }
        last = Some((string, identifier));
        if let Some(string) = moved(string, moves) {
            predicted.push((row(string), id as u32));
        }
    }
    predicted[group..].sort_unstable();
    predicted
}

/// Codes the storage.
///
/// # Errors
/// As [`splice::code`].
pub fn code_storage<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    teacher: &impl Teacher,
    limit: u64,
) -> Result<(Vec<u8>, Moves), HermesError> {
    splice::code(hints, &old.storage, teacher.new().map(|new| &new.storage[..]), teacher, limit)
}

/// Codes the strings of new, as an edited storage or as a list that is packed anew.
///
/// # Errors
/// As the coders of its parts.
pub fn choose<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    teacher: &impl Teacher,
    limit: u64,
) -> Result<Strings, HermesError> {
    if hints.flag(teacher.lists(), Flag::Packed, 0) {
        return listing::code_strings(hints, old, teacher, limit);
    }
    let storage = code_storage(hints, old, teacher, limit)?;
    code(hints, old, storage, teacher, limit)
}

/// Codes the table and the kinds of strings that lie in `storage`, where the pieces of old's went as `moves` say.
///
/// # Errors
/// As the coders of its parts.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    (storage, moves): (Vec<u8>, Moves),
    teacher: &impl Teacher,
    limit: u64,
) -> Result<Strings, HermesError> {
    let new = teacher.new();
    let count = old.strings.len() as u64;
    hints.budget.hold(STRING_BYTES * count)?;
    let predicted = predict(old, &moves);
    drop(moves);
    let told: Option<Vec<[u32; 2]>> = new.map(|new| new.strings.iter().copied().map(row).collect());
    let rows: Vec<[u32; 2]> = predicted.iter().map(|&(row, _)| row).collect();
    let sheet = Sheet { name: 0, follow: end };
    let table = rows::code(hints, &rows, told.as_deref(), teacher, sheet, limit / 4)?;
    drop(rows);
    hints.budget.hold(size_of::<StringEntry>() as u64 * table.rows.len() as u64)?;
    let entries: Vec<StringEntry> = table.rows.iter().copied().map(entry).collect();
    for entry in &entries {
        if u64::from(entry.offset) + entry.bytes() > storage.len() as u64 {
            return Err(HermesError::Hints { what: "a string outside of the storage" });
        }
        // They are hashed, and may all be the whole storage.
        hints.budget.work(entry.bytes())?;
    }
    let kinds = code_kinds(hints, old, new, entries.len())?;

    let mut map = vec![NONE; old.strings.len()];
    for (&(_, id), &to) in predicted.iter().zip(&table.moved) {
        map[id as usize] = to;
    }
    let mut fresh = vec![false; entries.len()];
    let mut inserted: HashMap<(&[u8], bool), u32> = HashMap::with_capacity(table.inserted.len());
    for &id in &table.inserted {
        let string = entries[id as usize];
        inserted.insert((string.text(&storage), string.wide), id);
        fresh[id as usize] = true;
    }
    for (to, string) in map.iter_mut().zip(&old.strings) {
        if *to == NONE
            && let Some(&id) = inserted.get(&(string.text(&old.storage), string.wide))
        {
            *to = id;
            fresh[id as usize] = false;
        }
    }
    drop(inserted);
    hints.budget.free(STRING_BYTES * count);
    Ok(Strings { storage, entries, kinds, map, fresh })
}

/// Codes the runs of kinds; their sum is the number of strings.
fn code_kinds<C: Coder>(
    hints: &mut Hints<C>,
    old: &Bytecode,
    new: Option<&Bytecode>,
    strings: usize,
) -> Result<Vec<u32>, HermesError> {
    // Most often only the last run's length follows the number of strings.
    let mut guess = old.kinds.clone();
    let others: u64 = guess.iter().rev().skip(1).map(|run| u64::from(run & !IDENTIFIER_KIND)).sum();
    if let (Some(last), Some(rest)) = (guess.last_mut(), (strings as u64).checked_sub(others)) {
        *last = *last & IDENTIFIER_KIND | rest as u32 & !IDENTIFIER_KIND;
    }
    if !hints.flag(new.is_some_and(|new| new.kinds != guess), Flag::KindsChanged, 0) {
        return Ok(guess);
    }
    let count = new.map_or(0, |new| new.kinds.len()) as u32;
    let count = hints.near(count, guess.len() as u32, Sort::Size, [3, 0, 0, 0])?;
    if count as usize > strings + 1 {
        return Err(HermesError::Hints { what: "more kinds than strings" });
    }
    let mut kinds = Vec::new();
    for i in 0..count as usize {
        let told = new.and_then(|new| new.kinds.get(i)).copied().unwrap_or_default();
        let before = kinds.last().copied().unwrap_or(IDENTIFIER_KIND);
        let other = (before ^ IDENTIFIER_KIND) & IDENTIFIER_KIND;
        let same = hints.flag(told & IDENTIFIER_KIND != other, Flag::KindsChanged, 1);
        let kind = if same { other ^ IDENTIFIER_KIND } else { other };
        let stood = old.kinds.get(i).copied().unwrap_or_default() & !IDENTIFIER_KIND;
        let length = hints.near(told & !IDENTIFIER_KIND, stood, Sort::Kinds, [i as u32, 0, 0, 0])?;
        kinds.push(kind | length & !IDENTIFIER_KIND);
    }
    Ok(kinds)
}

/// The hash of an identifier as the file stores it: Jenkins' one-at-a-time without its end, over UTF-16 units.
#[must_use]
pub fn identifier_hash(entry: StringEntry, storage: &[u8]) -> u32 {
    let step = |hash: u32, unit: u32| {
        let hash = hash.wrapping_add(unit);
        let hash = hash.wrapping_add(hash << 10);
        hash ^ hash >> 6
    };
    let text = entry.text(storage);
    if entry.wide {
        text.chunks_exact(2).fold(0, |hash, unit| step(hash, u32::from(u16::from_le_bytes([unit[0], unit[1]]))))
    } else {
        text.iter().fold(0, |hash, &byte| step(hash, u32::from(byte)))
    }
}
