//! Function bodies: a body of new from its counterpart in old, or from nothing.
//!
//! A body that is what the numbering makes of its counterpart costs one decision. Any other is coded in two passes:
//! which instructions stay, go and come, and with that the place of each; then the operands, each from what it was
//! predicted to be and from the instructions around it.

pub use super::code::Code;
pub use super::info::{Info, read_info};

use crate::codec::ends::Old;
use crate::codec::mix::hash;
use crate::codec::range::Coder;

use super::HermesError;
use super::code::{self, Instruction, signed, value};
use super::function::{Function, HAS_HANDLERS};
use super::functions::Numbering;
use super::hints::{Flag, Hints, Sort};
use super::layout::{Kind, Operand};
use super::literals;
use super::operands::Past;
use super::rows::NONE;
use super::teacher::Teacher;

/// A function of new as the encoder knows it.
#[derive(Debug, Clone, Default)]
pub struct Lesson {
    /// Its header.
    pub function: Function,
    /// Its body.
    pub code: Code,
    /// Its info.
    pub info: Info,
    /// For each instruction its counterpart in the base, or [`NONE`]; ascending.
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
}

/// Codes one function after the other.
pub struct Bodies {
    past: Past,
    /// Bytes of a body at most.
    limit: usize,
    /// Of the last functions, which stayed.
    same: u32,
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
        Self { past: Past::default(), limit: usize::try_from(limit).unwrap_or(usize::MAX), same: 0 }
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
        let stood = file.functions.get(base as usize).copied();
        let mut predicted = Coded::default();
        let mut from = Code::default();
        if let Some(stood) = stood {
            from = Code::read(old, numbering.isa, stood.offset().into(), stood.size(&form).into())?;
            predicted.function = stood;
            predicted.function.fields[form.name_field] = numbering.predict(Kind::String, stood.name(&form));
            predicted.info = read_info(old, file, &stood)?;
            predicted.code = Code {
                bytes: renumber(numbering, &from),
                instructions: from.instructions.clone(),
                tables: renumber_tables(numbering, &from),
            };
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
                if numbering.places.iter().flatten().any(|places| places.next().is_some()) {
                    use_literals(numbering, &predicted.code);
                }
                return Ok(predicted);
            }
        }
        let lesson = lesson.unwrap_or_default();
        let mut coded = Coded { info: predicted.info.clone(), ..Coded::default() };
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
        Ok(coded)
    }

    /// The first pass. Gives back the counterpart of each instruction.
    fn code_instructions<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &Numbering<'_>,
        from: &Code,
        lesson: &Lesson,
        out: &mut Code,
    ) -> Result<Vec<u32>, HermesError> {
        let mut align: Vec<u32> = Vec::new();
        let mut next = 0usize;
        let mut recent = 0u32;
        let mut distance = 0u32;
        let (mut last, mut before, mut deleted) = (0u32, 0u32, 0u32);
        self.past.begin();
        loop {
            let told = align.len();
            let opcode_at = |index: usize| from.instructions.get(index).map_or(256, |this| u32::from(this.opcode));
            let (here, ahead) = (opcode_at(next), opcode_at(next + 1));
            let at_end = next == from.instructions.len();
            let counterpart = lesson.align.get(told).copied();
            let near = (32 - distance.leading_zeros()).min(15);
            let state = (recent & 3) as usize | usize::from(at_end) << 2 | usize::from(from.bytes.is_empty()) << 3;
            if !at_end {
                let contexts = [
                    recent & 0xff,
                    hash(recent & 0xf, here),
                    hash(hash(recent & 3, here), ahead),
                    near | (recent & 3) << 8,
                    hash(hash(last, here), recent & 0xf),
                    hash(recent & 0xffff, near),
                ];
                let leaves = hints.decide(counterpart != Some(next as u32), 1, contexts, state, near as usize);
                if !leaves {
                    let opcode = from.instructions[next].opcode;
                    push(numbering, out, opcode, self.limit)?;
                    align.push(next as u32);
                    (before, last) = (last, opcode.into());
                    self.past.opcode(opcode);
                    next += 1;
                    recent <<= 2;
                    distance = distance.saturating_add(1);
                    deleted = 0;
                    hints.check()?;
                    continue;
                }
            }
            distance = 0;
            let contexts = [
                recent & 0xff,
                hash(recent & 3, last),
                hash(hash(last, before), here),
                hash(recent & 0xf, here),
                hash(last, here),
                hash(deleted, recent & 0xf),
            ];
            // An instruction comes; or, if not, one of old goes, or the body ends.
            let comes = if at_end { told < lesson.code.instructions.len() } else { counterpart == Some(NONE) };
            let comes = hints.decide(comes, 2 + usize::from(at_end), contexts, state, (last & 255) as usize);
            hints.check()?;
            if comes {
                let told = lesson.code.instructions.get(told).map_or(0, |instruction| instruction.opcode);
                let opcode = self.past.code_opcode(hints, told, here, deleted, recent);
                push(numbering, out, opcode, self.limit)?;
                align.push(NONE);
                (before, last) = (last, opcode.into());
                self.past.opcode(opcode);
                recent = recent << 2 | 1;
            } else if at_end {
                return Ok(align);
            } else {
                deleted = here;
                next += 1;
                recent = recent << 2 | 2;
            }
        }
    }

    /// The second pass.
    #[allow(clippy::too_many_arguments)]
    fn code_operands<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &mut Numbering<'_>,
        from: &Code,
        predicted: &[u8],
        lesson: &Lesson,
        align: &[u32],
        coded: &mut Coded,
    ) -> Result<(), HermesError> {
        let isa = numbering.isa;
        let mut tables_bytes = 0u64;
        for (index, &was) in align.iter().enumerate() {
            let Some(&instruction) = coded.code.instructions.get(index) else { break };
            let operands = isa.operands(instruction.opcode);
            let base = from.instructions.get(was as usize).copied();
            let following = coded.code.instructions.get(index + 1).map_or(0, |next| next.opcode);
            self.past.enter(isa, instruction.opcode, following);
            // What each operand is expected to be.
            let mut expected = [None; 8];
            let mut told = [0u64; 8];
            for (i, &operand) in operands.iter().enumerate() {
                told[i] = value(operand, &lesson.code.bytes, instruction.at);
                expected[i] = match (operand.kind, base) {
                    (Kind::JumpTable | Kind::StringTable, _) => {
                        // Tables lie behind the instructions, one behind the other.
                        Some((coded.code.bytes.len() as u64 + tables_bytes).wrapping_sub(instruction.at.into()) as u32
                            as u64)
                    }
                    (Kind::Jump, Some(base)) => Some(jump(operand, from, base, coded, instruction)),
                    (Kind::Register, Some(base)) => Some(self.past.register(value(operand, predicted, base.at))),
                    (_, Some(base)) => Some(value(operand, predicted, base.at)),
                    (kind, None) => numbering.next_literal(kind).map(u64::from),
                };
            }
            let mut exact = false;
            if base.is_some() {
                let stays = (0..operands.len()).all(|i| expected[i] == Some(told[i]));
                exact = self.past.code_exact(hints, stays, instruction.opcode, &expected);
                hints.check()?;
            }
            for i in self.past.order(operands) {
                let operand = operands[i];
                let new = if exact {
                    expected[i].unwrap_or_default()
                } else {
                    self.past.code_operand(hints, operand, i, told[i], expected[i])?
                };
                let place = coded.code.bytes.get_mut(instruction.at as usize..).unwrap_or_default();
                if !operand.set(place, new) {
                    return Err(HermesError::Hints { what: "an operand that is too wide" });
                }
                if let Some(base) = base {
                    let old = value(operand, &from.bytes, base.at);
                    if operand.kind == Kind::Register {
                        self.past.renamed(value(operand, predicted, base.at), new);
                    } else if expected[i] != Some(new) {
                        numbering.learn(operand.kind, old as u32, new as u32);
                    }
                }
                numbering.used(operand.kind, new as u32);
                self.past.operand(operand, i, new);
            }
            self.past.leave(coded.code.instruction_bytes(index));
            if let Some((_, entries, words)) = code::table_of(isa, &coded.code.bytes, instruction) {
                tables_bytes = tables_bytes.saturating_add(entries * u64::from(words) * 4);
            }
        }
        Ok(())
    }
}

/// The parts of a header that do not follow from where things lie.
fn settled(function: &Function, form: &super::form::Form) -> Function {
    let mut settled = *function;
    settled.fields[0] = 0;
    settled.fields[form.size_field] = 0;
    if let Some(info) = form.info_field {
        settled.fields[info] = 0;
    }
    Function { info: 0, large: false, ..settled }
}

fn push(numbering: &Numbering<'_>, out: &mut Code, opcode: u8, limit: usize) -> Result<(), HermesError> {
    let size = numbering.isa.size_bytes(opcode).ok_or(HermesError::Hints { what: "an unknown opcode" })?;
    if out.bytes.len() + size > limit {
        return Err(HermesError::Hints { what: "a function that does not end" });
    }
    out.instructions.push(Instruction { at: out.bytes.len() as u32, opcode });
    out.bytes.push(opcode);
    out.bytes.resize(out.bytes.len() + size - 1, 0);
    Ok(())
}

/// Where a place in the base went: exactly, or with the instruction before it.
fn went(moved: &[(u32, u32)], at: u32) -> u32 {
    let index = moved.partition_point(|&(was, _)| was < at);
    moved.get(index).map_or(at, |&(_, new)| new)
}

/// The operand of a jump whose target moved.
fn jump(operand: Operand, from: &Code, base: Instruction, coded: &Coded, instruction: Instruction) -> u64 {
    let distance = signed(value(operand, &from.bytes, base.at), operand.width);
    let target = i64::from(base.at) + distance;
    let target = u32::try_from(target).map_or(target, |target| i64::from(went(&coded.moved, target)));
    let new = target - i64::from(instruction.at);
    new as u64 & (u64::MAX >> (64 - 8 * u32::from(operand.width)))
}

#[allow(clippy::too_many_arguments)]
fn code_tables<C: Coder>(
    hints: &mut Hints<C>,
    numbering: &Numbering<'_>,
    from: &Code,
    predicted: &[u32],
    lesson: &Lesson,
    align: &[u32],
    coded: &mut Coded,
    limit: u64,
) -> Result<(), HermesError> {
    let isa = numbering.isa;
    let tables = code::tables(isa, &coded.code.bytes, &coded.code.instructions, limit);
    let tables = tables.ok_or(HermesError::Hints { what: "a table of jumps that does not end" })?;
    let stood = code::tables(isa, &from.bytes, &from.instructions, from.tables.len() as u64).unwrap_or_default();
    for table in tables {
        let start = coded.code.tables.len();
        let words = table.entries as usize * table.words as usize;
        let told = lesson.code.tables.get(start..start + words).unwrap_or_default();
        // The table of the counterpart, its jumps moved.
        let owner = coded.code.instructions[table.owner as usize].at;
        let was = align.get(table.owner as usize).copied().unwrap_or(NONE);
        let mut guess: Vec<u32> = Vec::new();
        let mut at = 0usize;
        for other in &stood {
            let length = other.entries as usize * other.words as usize;
            if other.owner == was {
                let base = from.instructions.get(was as usize).map_or(0, |base| base.at);
                guess = predicted.get(at..at + length).unwrap_or_default().to_vec();
                for entry in guess.chunks_exact_mut(other.words as usize) {
                    if let Some(jump) = entry.last_mut() {
                        *jump = went(&coded.moved, base.wrapping_add(*jump)).wrapping_sub(owner);
                    }
                }
            }
            at += length;
        }
        if guess.len() == words && !hints.flag(told != guess, Flag::TableChanged, 0) {
            coded.code.tables.extend_from_slice(&guess);
            continue;
        }
        for i in 0..words {
            let jump = i % table.words as usize + 1 == table.words as usize;
            let before = i.checked_sub(table.words as usize).map(|before| coded.code.tables[start + before]);
            let expected = guess.get(i).copied().or(before).unwrap_or_default();
            let told = told.get(i).copied().unwrap_or_default();
            let contexts = [u32::from(jump), u32::from(guess.len() == words), 0, 0];
            coded.code.tables.push(hints.near(told, expected, Sort::TableEntry, contexts)?);
        }
    }
    Ok(())
}

fn code_header<C: Coder>(
    hints: &mut Hints<C>,
    form: &super::form::Form,
    predicted: &Function,
    lesson: &Lesson,
    mapped: bool,
    past: &mut Past,
    coded: &mut Coded,
) -> Result<(), HermesError> {
    let told = &lesson.function;
    let mut function = *predicted;
    let known = usize::from(mapped);
    let differs = settled(told, form) != settled(predicted, form);
    if hints.flag(differs, Flag::FieldsChanged, known) {
        let mut before = 0;
        for i in 1..form.fields.len() {
            if i == form.size_field || Some(i) == form.info_field {
                continue;
            }
            let expected = function.fields[i];
            if mapped && !hints.flag(told.fields[i] != expected, Flag::FieldChanged, i) {
                continue;
            }
            function.fields[i] = if i == form.name_field {
                past.code_name(hints, told.fields[i])?
            } else {
                let contexts = [
                    (i << 1 | known) as u32,
                    hash(i as u32, past.most_register()),
                    hash(i as u32, past.most_cache()),
                    hash(i as u32, before),
                ];
                hints.near(told.fields[i], expected, Sort::Field, contexts)?
            };
            before = function.fields[i];
        }
        let flags = hints.near(told.flags.into(), function.flags.into(), Sort::Field, [100 + known as u32, 0, 0, 0])?;
        function.flags = u8::try_from(flags).map_err(|_| HermesError::Hints { what: "flags above a byte" })?;
    }
    coded.function = function;
    Ok(())
}

fn code_handlers<C: Coder>(
    hints: &mut Hints<C>,
    lesson: &Lesson,
    mapped: bool,
    coded: &mut Coded,
) -> Result<(), HermesError> {
    let told = &lesson.info.handlers;
    if coded.function.flags & HAS_HANDLERS == 0 {
        coded.info.handlers.clear();
        return Ok(());
    }
    let move_all = |three: &[u32; 3]| three.map(|at| went(&coded.moved, at));
    let guess: Vec<[u32; 3]> = coded.info.handlers.iter().map(move_all).collect();
    if mapped && !guess.is_empty() && !hints.flag(told != &guess, Flag::HandlersChanged, 0) {
        coded.info.handlers = guess;
        return Ok(());
    }
    let count = hints.near(told.len() as u32, guess.len() as u32, Sort::HandlerCount, [0; 4])? as usize;
    if count > coded.code.instructions.len() * 64 + 64 {
        return Err(HermesError::Hints { what: "more exception handlers than code" });
    }
    coded.info.handlers.clear();
    for i in 0..count {
        let mut handler = [0; 3];
        for (part, place) in handler.iter_mut().enumerate() {
            let before = i.checked_sub(1).map_or(0, |before: usize| coded.info.handlers[before][part]);
            let expected = guess.get(i).map_or(before, |guess| guess[part]);
            let told = told.get(i).map_or(0, |told| told[part]);
            *place = hints.near(told, expected, Sort::Handler, [part as u32, u32::from(guess.len() > i), 0, 0])?;
        }
        coded.info.handlers.push(handler);
    }
    Ok(())
}
