//! The literals of one buffer as the compiler had them before it packed them: a list in the order of first use, told as
//! an edit of old's. The buffer and the place of each literal follow.
//!
//! The compiler packs literals as it packs strings ([`super::packing`]), so that one changed id moves many of them.

use std::collections::HashSet;

use crate::codec::ends::Old;
use crate::codec::literal::Aligned;
use crate::codec::range::Coder;

use super::HermesError;
use super::budget::Budget;
use super::code::{Code, HAS_LITERAL, Isa, value};
use super::form::{Count, Form};
use super::hints::{Flag, Hints, Sort};
use super::layout::Kind;
use super::literals::{self, Use};
use super::packing;
use super::reader::Bytecode;
use super::rows::NONE;

/// A literal of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    /// Where it begins.
    pub at: u32,
    /// Its bytes.
    pub bytes: u32,
    /// Its elements.
    pub elements: u32,
}

impl Literal {
    /// Its content in `buffer`; empty where it lies outside.
    #[must_use]
    pub fn content<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        let start = self.at as usize;
        buffer.get(start..start.saturating_add(self.bytes as usize)).unwrap_or_default()
    }
}

/// Memory of a literal in a list.
pub const LITERAL_BYTES: u64 = size_of::<Literal>() as u64;
/// Memory of a literal in a growing list, and of a set of those that are known.
const KNOWN_BYTES: u64 = 2 * LITERAL_BYTES + 24;

/// Bytes of the literal that begins at `at` and has `elements` elements; `None` where it does not end in the buffer.
fn length(form: &Form, buffer: &[u8], at: u32, elements: u32) -> Option<u32> {
    let mut place = at as usize;
    let mut left = elements;
    while left > 0 {
        let run = literals::run(form, buffer, place)?;
        place = run.end;
        left = left.checked_sub(run.count)?;
    }
    u32::try_from(place - at as usize).ok().filter(|&bytes| bytes > 0)
}

/// The literals of each of `buffers`, which are those of `file`, in the order in which its functions use them first.
///
/// # Errors
/// As reading bodies.
pub fn collect(
    old: &mut impl Old,
    file: &Bytecode,
    buffers: &[Vec<u8>; 3],
    isa: &Isa,
    budget: &mut Budget,
) -> Result<[Vec<Literal>; 3], HermesError> {
    let mut lists: [Vec<Literal>; 3] = Default::default();
    let mut known: [HashSet<(u32, u32)>; 3] = Default::default();
    // Hostile files have literals that all are long and overlap; real ones share little.
    let mut left: usize = buffers.iter().map(Vec::len).sum::<usize>().saturating_mul(8);
    let mut strays = left.saturating_mul(64);
    let mut failed = None;
    let mut last = None;
    for index in 0..file.count(Count::Functions) {
        let Some(function) = file.function(old, index)? else { break };
        let at = function.offset();
        if last.replace(at) == Some(at) {
            continue;
        }
        let code = Code::read(old, isa, at.into(), function.size(&file.form).into())?;
        for &instruction in &code.instructions {
            if !isa.has(instruction.opcode, HAS_LITERAL) {
                continue;
            }
            let mut visit = |used: Use| {
                let Some(buffer) = buffers.get(used.buffer) else { return };
                if !known[used.buffer].insert((used.at, used.elements)) || left == 0 || strays == 0 {
                    return;
                }
                if let Err(error) = budget.hold(KNOWN_BYTES) {
                    failed = Some(error);
                    return;
                }
                if let Some(bytes) = length(&file.form, buffer, used.at, used.elements) {
                    left = left.saturating_sub(bytes as usize);
                    lists[used.buffer].push(Literal { at: used.at, bytes, elements: used.elements });
                } else {
                    // It was followed to the end of the buffer, perhaps.
                    strays = strays.saturating_sub(buffer.len());
                }
            };
            literals::uses(isa, &file.rows[0], &code.bytes, instruction, &mut visit);
            for operand in isa.operands(instruction.opcode) {
                if operand.kind == Kind::Shape
                    && let Some(shape) = file.rows[0].get(value(*operand, &code.bytes, instruction.at) as usize)
                {
                    visit(Use { buffer: 1, at: shape[0], elements: shape[1] });
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    budget.free(KNOWN_BYTES * known.iter().map(|known| known.len() as u64).sum::<u64>());
    for list in &lists {
        budget.hold(LITERAL_BYTES * list.len() as u64)?;
    }
    Ok(lists)
}

/// The list of a buffer of old as new has it: in the compiler's order, near enough, and with new's string ids.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The literals as they are in old.
    pub list: Vec<Literal>,
    store: Vec<u8>,
    starts: Vec<u32>,
}

impl Prepared {
    /// Prepares `list`, whose contents are in `buffer`.
    #[must_use]
    pub fn of(form: &Form, list: &[Literal], buffer: &[u8], strings: &[u32]) -> Self {
        let list = settle(list, buffer);
        let (mut store, mut starts) = (Vec::with_capacity(buffer.len()), vec![0u32]);
        for literal in &list {
            store.extend_from_slice(&literals::rewrite(form, literal.content(buffer), strings));
            starts.push(store.len() as u32);
        }
        Self { list, store, starts }
    }

    /// Memory that [`Prepared::of`] takes for `count` literals of a buffer of `buffer_bytes` bytes, and of what it gives
    /// back, in bytes.
    #[must_use]
    pub const fn bytes(count: u64, buffer_bytes: u64) -> [u64; 2] {
        // Literals share bytes in the buffer.
        let held = (LITERAL_BYTES + 4) * count + 2 * buffer_bytes;
        [held + (LITERAL_BYTES + 40) * count + packing::pack_bytes(2 * buffer_bytes, count), held]
    }

    /// The content of a literal with new's ids.
    #[must_use]
    pub fn content(&self, index: usize) -> &[u8] {
        let ends = self.starts.get(index).zip(self.starts.get(index + 1));
        ends.and_then(|(&start, &end)| self.store.get(start as usize..end as usize)).unwrap_or_default()
    }
}

/// The literals of `list` in the order in which the compiler packed them to `buffer`, near enough.
///
/// That is the order of first use, but for literals in blocks of code that were moved. Packing them shows which of them
/// lie too early or too late.
#[must_use]
pub fn settle(list: &[Literal], buffer: &[u8]) -> Vec<Literal> {
    let mut text = Vec::with_capacity(buffer.len());
    let mut starts = vec![0u32];
    for literal in list {
        text.extend_from_slice(literal.content(buffer));
        starts.push(text.len() as u32);
    }
    packing::pack(&text, &starts).map_or_else(|| list.to_vec(), |packed| mend(list, &packed.chains))
}

/// Moves literals so that what is laid out together comes in the order of its place.
fn mend(order: &[Literal], chains: &[u32]) -> Vec<Literal> {
    // Of each chain its place and its members, the first of which lays it out.
    let mut members: Vec<(u32, Vec<usize>)> = Vec::new();
    for (index, (literal, &chain)) in order.iter().zip(chains).enumerate() {
        let chain = chain as usize;
        if members.len() <= chain {
            members.resize(chain + 1, (u32::MAX, Vec::new()));
        }
        members[chain].0 = members[chain].0.min(literal.at);
        members[chain].1.push(index);
    }
    members.retain(|(_, members)| !members.is_empty());
    members.sort_unstable();
    let firsts: Vec<usize> = members.iter().map(|(_, members)| members[0]).collect();
    let stays = longest_ascending(&firsts);
    // Each literal's place as twice its index, so that others fit between.
    let mut places: Vec<(usize, usize, usize)> = (0..order.len()).map(|index| (2 * index, 0, index)).collect();
    let mut stays = stays.into_iter().peekable();
    let mut after = 0;
    for (number, (_, members)) in members.iter().enumerate() {
        if stays.next_if_eq(&number).is_some() {
            after = 2 * members[0] + 1;
            continue;
        }
        let mut late = true;
        for (i, &member) in members.iter().enumerate().filter(|&(_, &member)| 2 * member < after) {
            places[member] = (after, number, i);
            late = false;
        }
        if late {
            places[members[0]] = (after, number, 0);
        }
    }
    let mut sorted: Vec<usize> = (0..order.len()).collect();
    sorted.sort_by_key(|&index| places[index]);
    sorted.into_iter().map(|index| order[index]).collect()
}

/// The places of a longest ascending subsequence.
fn longest_ascending(values: &[usize]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before = vec![usize::MAX; values.len()];
    for (index, value) in values.iter().enumerate() {
        let place = tails.partition_point(|&tail| values[tail] < *value);
        if place > 0 {
            before[index] = tails[place - 1];
        }
        if place == tails.len() {
            tails.push(index);
        } else {
            tails[place] = index;
        }
    }
    let mut chain = Vec::with_capacity(tails.len());
    let mut next = tails.last().copied().unwrap_or(usize::MAX);
    while let Some(&earlier) = before.get(next) {
        chain.push(next);
        next = earlier;
    }
    chain.reverse();
    chain
}

/// What new does to the list of old, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Literals that stay.
    pub keep: u32,
    /// Literals that go, for good or to another place.
    pub skip: u32,
    /// Literals that come: from elsewhere in old's list, or with this content.
    pub come: Vec<Result<u32, Vec<u8>>>,
}

/// A buffer of new that was packed.
#[derive(Debug, Default)]
pub struct Packing {
    /// Its bytes, as far as packing tells them.
    pub buffer: Vec<u8>,
    /// Where each literal of old's list went, or [`NONE`].
    pub moved: Vec<u32>,
    /// Where the literals lie that are not in old, in the order of their first use, and their bytes.
    pub fresh: Vec<(u32, u32)>,
}

/// Codes the list of new from old's, and packs it.
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints, [`HermesError::TooLarge`] above `limit` bytes.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    old: &Prepared,
    told: &[Change],
    told_count: u32,
    limit: u64,
) -> Result<Packing, HermesError> {
    let wrong = || HermesError::Hints { what: "a list of literals that does not add up" };
    let list = &old.list;
    let count = hints.near(told_count, list.len() as u32, Sort::Size, [7, 0, 0, 0])? as usize;
    if count as u64 > limit {
        return Err(HermesError::TooLarge { needed: count as u64, limit });
    }
    // Where each begins, what it was, and where it goes.
    let listed = 12 * count as u64;
    hints.budget.hold(listed + old.store.len() as u64)?;
    let mut grown = old.store.len() as u64;
    let mut text: Vec<u8> = Vec::with_capacity(old.store.len());
    let mut starts = vec![0u32];
    let mut origins: Vec<u32> = Vec::new();
    let mut told = told.iter();
    let mut next = 0;
    let mut habit = 0;
    while origins.len() < count {
        let change = told.next().cloned().unwrap_or_default();
        let most = (count - origins.len()).min(list.len() - next);
        let keep = if hints.flag(change.keep as usize == most, Flag::ToEnd, 5) {
            most
        } else {
            hints.number(change.keep, Sort::Keep, [110, habit, 0, 0])? as usize
        };
        if keep > most {
            return Err(wrong());
        }
        for index in next..next + keep {
            text.extend_from_slice(old.content(index));
            starts.push(text.len() as u32);
            origins.push(index as u32);
        }
        next += keep;
        if origins.len() == count {
            break;
        }
        let skip = hints.number(change.skip, Sort::Skip, [110, habit, 0, 0])? as usize;
        let come = hints.number(change.come.len() as u32, Sort::Insert, [110, skip.min(3) as u32, habit, 0])? as usize;
        if skip > list.len() - next || come > count - origins.len() || keep + skip + come == 0 {
            return Err(wrong());
        }
        habit = (skip.min(2) << 2 | come.min(2)) as u32;
        let gone = next;
        next += skip;
        for i in 0..come {
            let came = change.come.get(i);
            let moved = matches!(came, Some(Ok(_)));
            if hints.flag(moved, Flag::Mapped, 5) {
                let told = if let Some(&Ok(index)) = came { index } else { 0 };
                let index = hints.near(told, next as u32, Sort::CopyFrom, [111, 0, 0, 0])?;
                if index as usize >= list.len() {
                    return Err(wrong());
                }
                text.extend_from_slice(old.content(index as usize));
                origins.push(index);
                if text.len() as u64 > limit {
                    return Err(HermesError::TooLarge { needed: text.len() as u64, limit });
                }
            } else {
                let content = if let Some(Err(content)) = came { &content[..] } else { &[] };
                let stood = if i < skip { old.content(gone + i) } else { &[] };
                let bytes = hints.near(
                    content.len() as u32,
                    stood.len() as u32,
                    Sort::Second,
                    [110, u32::from(i < skip), 0, 0],
                )?;
                if u64::from(bytes) + text.len() as u64 > limit {
                    return Err(HermesError::TooLarge { needed: bytes.into(), limit });
                }
                hints.copied(stood.get(..stood.len().min(4)).unwrap_or_default());
                let byte = |from: &[u8], at: usize| from.get(at).copied().unwrap_or_default();
                for at in 0..bytes as usize {
                    let aligned = Aligned { byte: byte(stood, at), next: byte(stood, at + 1), hint: 7 };
                    text.push(hints.text(byte(content, at), aligned));
                    hints.check()?;
                }
                origins.push(NONE);
            }
            starts.push(text.len() as u32);
        }
        if text.len() as u64 > limit {
            return Err(HermesError::TooLarge { needed: text.len() as u64, limit });
        }
        let more = (text.len() as u64).saturating_sub(grown);
        hints.budget.hold(more)?;
        grown += more;
    }
    hints.budget.pass(2 * grown + packing::pack_bytes(grown, count as u64))?;
    let packed = packing::pack(&text, &starts).ok_or(HermesError::Hints { what: "literals that repeat themselves" })?;
    let mut packing = Packing { buffer: packed.storage, moved: vec![NONE; list.len()], fresh: Vec::new() };
    for (i, (&origin, &at)) in origins.iter().zip(&packed.offsets).enumerate() {
        match packing.moved.get_mut(origin as usize) {
            Some(to) => *to = at,
            None => packing.fresh.push((at, starts[i + 1] - starts[i])),
        }
    }
    Ok(packing)
}
