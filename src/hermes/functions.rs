//! Which function of old each function of new is, and what old's references become.

use std::collections::HashMap;

use crate::codec::range::Coder;

use super::HermesError;
use super::code::Isa;
use super::form::{Count, Form};
use super::hints::{Flag, Hints, Sort};
use super::layout::Kind;
use super::literals::Use;
use super::places::Places;
use super::reader::Bytecode;
use super::rows::NONE;
use super::splice::Moves;
use super::teacher::Teacher;

/// Functions of new one behind the other, and those of old that they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionRun {
    /// The first one of old; none where they are new.
    pub from: Option<u32>,
    /// How many.
    pub count: u32,
}

/// What the references of old become in new.
#[derive(Debug)]
pub struct Numbering<'a> {
    /// Old, parsed, without its literals.
    pub old: &'a Bytecode,
    /// How both files' instructions are laid out.
    pub isa: &'a Isa,
    /// Strings of old to strings of new, or [`NONE`].
    pub strings: &'a [u32],
    /// Functions of old to functions of new, or [`NONE`].
    pub functions: Vec<u32>,
    /// Shapes, bigints, regexps: old to new, or [`NONE`].
    pub rows: [Vec<u32>; 5],
    /// Where the pieces of the literal buffers went.
    pub moves: [Moves; 3],
    /// Where the literals went, for the buffers that were packed anew.
    pub places: [Option<Places>; 3],
    /// Where literals went by what instructions coded so far say.
    pub learned: HashMap<(u8, u32), u32>,
}

impl Numbering<'_> {
    /// What an operand of `kind` that is `value` in old is in new; for literals see [`Numbering::predict_literal`].
    #[must_use]
    pub fn predict(&self, kind: Kind, value: u32) -> u32 {
        let by_table = |table: &[u32]| table.get(value as usize).copied().filter(|&to| to != NONE).unwrap_or(value);
        match kind {
            Kind::String => by_table(self.strings),
            Kind::Function => by_table(&self.functions),
            Kind::Shape => by_table(&self.rows[0]),
            Kind::BigInt => by_table(&self.rows[1]),
            Kind::RegExp => by_table(&self.rows[2]),
            _ => value,
        }
    }

    /// Where a literal went.
    #[must_use]
    pub fn predict_literal(&self, used: Use) -> u32 {
        match self.places.get(used.buffer).and_then(Option::as_ref) {
            Some(places) => places.get(used.at, used.elements),
            None => {
                let kind = [Kind::ArrayBuffer, Kind::KeyBuffer, Kind::ValueBuffer][used.buffer.min(2)];
                let learned = self.learned.get(&(kind as u8, used.at)).copied();
                learned.unwrap_or_else(|| self.moves[used.buffer.min(2)].point(used.at))
            }
        }
    }

    /// Takes in that an operand of `kind` in new is `value`.
    pub fn used(&mut self, kind: Kind, value: u32) {
        if let Some(buffer) = buffer_of(kind)
            && let Some(places) = &mut self.places[buffer]
        {
            places.used(value);
        }
    }

    /// The literal that an operand of `kind` most likely refers to where nothing in old tells.
    #[must_use]
    pub fn next_literal(&self, kind: Kind) -> Option<u32> {
        self.places[buffer_of(kind)?].as_ref()?.next()
    }

    /// Learns what a literal's place became where that was not as predicted; whether that is one more.
    pub fn learn(&mut self, kind: Kind, old: u32, new: u32) -> bool {
        buffer_of(kind).is_some() && self.learned.insert((kind as u8, old), new).is_none()
    }

    /// The form of both files.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.old.form
    }
}

const fn buffer_of(kind: Kind) -> Option<usize> {
    match kind {
        Kind::ArrayBuffer => Some(0),
        Kind::KeyBuffer => Some(1),
        Kind::ValueBuffer => Some(2),
        _ => None,
    }
}

/// Codes which function of old each of the `count` functions of new is, or [`NONE`].
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    numbering: &Numbering<'_>,
    teacher: &impl Teacher,
    count: usize,
) -> Result<Vec<u32>, HermesError> {
    let lesson = if teacher.new().is_some() { teacher.functions(numbering) } else { Vec::new() };
    let mut lesson = lesson.iter();
    let old_count = numbering.old.count(Count::Functions) as usize;
    hints.budget.hold(4 * (count as u64 + old_count as u64))?;
    let mut bases = Vec::new();
    let mut next = 0u32;
    let mut after_new = false;
    while bases.len() < count {
        let left = count - bases.len();
        let told = lesson.next().copied().unwrap_or(FunctionRun { from: None, count: left as u32 });
        let variant = usize::from(after_new);
        let from = if hints.flag(told.from.is_none(), Flag::Mapped, variant) {
            None
        } else {
            let kind = u32::from(after_new);
            Some(hints.near(told.from.unwrap_or_default(), next, Sort::FunctionFrom, [kind, 0, 0, 0])?)
        };
        let most = from.map_or(left, |from| left.min(old_count.saturating_sub(from as usize)));
        let run = if hints.flag(told.count as usize == most, Flag::ToEnd, 2 + usize::from(from.is_none())) {
            most
        } else {
            hints.number(told.count, Sort::FunctionRun, [u32::from(from.is_none()), 0, 0, 0])? as usize
        };
        if run == 0 || run > most {
            return Err(HermesError::Hints { what: "functions that old does not have" });
        }
        for i in 0..run as u32 {
            bases.push(from.map_or(NONE, |from| from + i));
        }
        if let Some(from) = from {
            next = from + run as u32;
        }
        after_new = from.is_none();
    }
    Ok(bases)
}

/// The inverse of `bases`: for each function of old the first one of new that it became; those that became none go where
/// the one before them went.
#[must_use]
pub fn invert(bases: &[u32], old_count: usize) -> Vec<u32> {
    let mut map = vec![NONE; old_count];
    for (new, &old) in bases.iter().enumerate() {
        if let Some(to) = map.get_mut(old as usize)
            && *to == NONE
        {
            *to = new as u32;
        }
    }
    let mut shift = 0u32;
    for (old, to) in map.iter_mut().enumerate() {
        if *to == NONE {
            *to = (old as u32).wrapping_add(shift);
        } else {
            shift = to.wrapping_sub(old as u32);
        }
    }
    map
}
