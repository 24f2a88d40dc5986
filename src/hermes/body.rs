//! Function bodies: a body of new from its counterpart in old, or from nothing.
//!
//! A body that is what the numbering makes of its counterpart costs one decision. Any other is coded in two passes:
//! which instructions stay, go and come, and with that the place of each; then the operands, each from what it was
//! predicted to be and from the instructions around it.

mod extras;
mod passes;

pub use super::code::Code;
pub use super::info::{Info, read_info};

use crate::codec::ends::Old;
use crate::codec::range::Coder;

use super::HermesError;
use super::code::{self, value};
use super::function::Function;
use super::functions::Numbering;
use super::hints::Hints;
use super::layout::Kind;
use super::literals;
use super::operands::Past;
use super::teacher::Teacher;
use extras::{code_handlers, code_header, code_tables, settled};

/// A function of new as the encoder knows it.
#[derive(Debug, Clone, Default)]
pub struct Lesson {
    /// Its header.
    pub function: Function,
    /// Its body.
    pub code: Code,
    /// Its info.
    pub info: Info,
    /// For each instruction its counterpart in the base, or the largest number where it has none; ascending.
    pub align: Vec<u32>,
}

/// A function of new, coded.
#[derive(Debug, Clone, Default)]
pub struct Coded {
    /// Its header; the places in it are yet to be set.
    pub function: Function,
    /// Its body.
    pub code: Code,
    /// Its info.
    pub info: Info,
    /// Where the instructions of the base went, with its end; empty where all stayed.
    pub moved: Vec<(u32, u32)>,
    /// Whether it is anything else than its counterpart with new's numbers.
    pub changed: bool,
}

/// Codes one function after the other.
pub struct Bodies {
    past: Past,
    /// Bytes of a body at most.
    limit: usize,
    /// Of the last functions, which stayed.
    same: u32,
    /// Memory of the function coded last.
    held: u64,
}

/// What the numbering makes of a body: the bytes with all references rewritten, and whether all of them fitted.
#[must_use]
pub fn renumber(numbering: &Numbering<'_>, code: &Code) -> Vec<u8> {
    let mut bytes = code.bytes.clone();
    for instruction in &code.instructions {
        if !numbering.isa.has(instruction.opcode, code::REFERS) {
            continue;
        }
        let mut literals = [0; 3];
        if numbering.isa.has(instruction.opcode, code::HAS_LITERAL) {
            literals::uses(numbering.isa, &numbering.old.rows[0], &code.bytes, *instruction, |used| {
                literals[used.buffer] = numbering.predict_literal(used);
            });
        }
        let operands = numbering.isa.operands(instruction.opcode);
        for operand in operands.iter().filter(|operand| operand.kind.is_reference()) {
            let old = value(*operand, &code.bytes, instruction.at) as u32;
            let new = match operand.kind {
                Kind::ArrayBuffer => literals[0],
                Kind::KeyBuffer => literals[1],
                Kind::ValueBuffer => literals[2],
                kind => numbering.predict(kind, old),
            };
            if new != old
                && let Some(place) = bytes.get_mut(instruction.at as usize..)
            {
                // What does not fit stays, and is then told as a change.
                let _ = operand.set(place, new.into());
            }
        }
    }
    bytes
}

fn use_literals(numbering: &mut Numbering<'_>, code: &Code) {
    for instruction in &code.instructions {
        if numbering.isa.has(instruction.opcode, code::HAS_LITERAL) {
            for operand in numbering.isa.operands(instruction.opcode) {
                numbering.used(operand.kind, value(*operand, &code.bytes, instruction.at) as u32);
            }
        }
    }
}

fn renumber_tables(numbering: &Numbering<'_>, code: &Code) -> Vec<u32> {
    let mut words = code.tables.clone();
    let tables = code::tables(numbering.isa, &code.bytes, &code.instructions, code.tables.len() as u64);
    let mut at = 0;
    for table in tables.unwrap_or_default() {
        for _ in 0..table.entries {
            if table.words == 2
                && let Some(word) = words.get_mut(at)
            {
                *word = numbering.predict(Kind::String, *word);
            }
            at += table.words as usize;
        }
    }
    words
}

impl Bodies {
    /// A coder of bodies that take at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { past: Past::default(), limit: usize::try_from(limit).unwrap_or(usize::MAX), same: 0, held: 0 }
    }

    /// Codes function `index` of new, whose counterpart in old is `base`.
    ///
    /// # Errors
    /// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints, [`HermesError::Read`] or
    /// [`HermesError::Form`] for an old that is not what the patch was made for.
    pub fn code<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        old: &mut impl Old,
        numbering: &mut Numbering<'_>,
        teacher: &impl Teacher,
        index: usize,
        base: u32,
    ) -> Result<Coded, HermesError> {
        let file = numbering.old;
        let form = file.form;
        let stood = file.function(old, base)?;
        let mut predicted = Coded::default();
        let mut from = Code::default();
        hints.budget.free(std::mem::take(&mut self.held));
        if let Some(stood) = stood {
            from = Code::read(old, numbering.isa, stood.offset().into(), stood.size(&form).into())?;
            predicted.function = stood;
            predicted.function.fields[form.name_field] = numbering.predict(Kind::String, stood.name(&form));
            predicted.info = read_info(old, file, &stood)?;
            let more = 4 * from.tables.len() as u64 + 12 * predicted.info.handlers.len() as u64;
            // Functions may share a counterpart, so that its size is no bound.
            hints.budget.work(from.bytes.len() as u64 + more)?;
            self.hold(hints, 2 * (from.bytes.len() as u64 + more) + 8 * from.instructions.len() as u64)?;
            predicted.code.bytes = renumber(numbering, &from);
            predicted.code.tables = renumber_tables(numbering, &from);
        }
        let counterpart = stood.is_some().then_some(&from);
        let lesson = teacher.body(index, counterpart, &predicted.code.bytes);
        if stood.is_some() {
            let stays = lesson.as_ref().is_some_and(|lesson| {
                lesson.code.bytes == predicted.code.bytes
                    && lesson.code.tables == predicted.code.tables
                    && lesson.info.handlers == predicted.info.handlers
                    && settled(&lesson.function, &form) == settled(&predicted.function, &form)
            });
            let recent = self.same;
            let size = (32 - (from.bytes.len() as u32).leading_zeros()).min(15);
            let contexts =
                [recent & 0xff, recent & 0xffff, recent, size | (recent & 7) << 8, recent.count_ones(), recent & 15];
            let changed = hints.decide(!stays, 0, contexts, 0, (recent & 255) as usize);
            hints.check()?;
            self.same = self.same << 1 | u32::from(changed);
            if !changed {
                predicted.code.instructions = from.instructions;
                if numbering.places.iter().flatten().any(|places| places.next().is_some()) {
                    use_literals(numbering, &predicted.code);
                }
                return Ok(predicted);
            }
        }
        let lesson = lesson.unwrap_or_default();
        let mut coded = Coded { info: predicted.info, changed: true, ..Coded::default() };
        let align = self.code_instructions(hints, numbering, &from, &lesson, &mut coded.code)?;
        for (new, &was) in align.iter().enumerate() {
            if let (Some(was), Some(new)) = (from.instructions.get(was as usize), coded.code.instructions.get(new)) {
                coded.moved.push((was.at, new.at));
            }
        }
        coded.moved.push((from.bytes.len() as u32, coded.code.bytes.len() as u32));
        self.code_operands(hints, numbering, &from, &predicted.code.bytes, &lesson, &align, &mut coded)?;
        code_tables(
            hints,
            numbering,
            &from,
            &predicted.code.tables,
            &lesson,
            &align,
            &mut coded,
            self.limit as u64 / 4,
        )?;
        code_header(hints, &form, &predicted.function, &lesson, stood.is_some(), &mut self.past, &mut coded)?;
        code_handlers(hints, &lesson, stood.is_some(), &mut coded)?;
        let more = 4 * coded.code.tables.len() as u64 + 12 * coded.info.handlers.len() as u64;
        hints.budget.work(coded.code.bytes.len() as u64 + more)?;
        Ok(coded)
    }

    /// `bytes` are about to be allocated for this function.
    fn hold<C: Coder>(&mut self, hints: &mut Hints<C>, bytes: u64) -> Result<(), HermesError> {
        hints.budget.hold(bytes)?;
        self.held += bytes;
        Ok(())
    }
}

/// Where a place in the base went: exactly, or with the instruction before it.
fn went(moved: &[(u32, u32)], at: u32) -> u32 {
    let index = moved.partition_point(|&(was, _)| was < at);
    moved.get(index).map_or(at, |&(_, new)| new)
}
