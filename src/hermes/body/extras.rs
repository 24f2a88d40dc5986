//! What a changed function has besides its instructions: tables of jumps, header, exception handlers.

use std::collections::HashMap;

use super::super::HermesError;
use super::super::code::{self, JumpTable};
use super::super::form::Form;
use super::super::function::{Function, HAS_HANDLERS};
use super::super::functions::Numbering;
use super::super::hints::{Flag, Hints, Sort};
use super::super::operands::Past;
use super::super::rows::NONE;
use super::{Code, Coded, Lesson, went};
use crate::codec::mix::hash;
use crate::codec::range::Coder;

/// The parts of a header that do not follow from where things lie.
pub(super) fn settled(function: &Function, form: &Form) -> Function {
    let mut settled = *function;
    settled.fields[0] = 0;
    settled.fields[form.size_field] = 0;
    if let Some(info) = form.info_field {
        settled.fields[info] = 0;
    }
    Function { info: 0, large: false, ..settled }
}

#[allow(clippy::too_many_arguments)]
pub(super) fn code_tables<C: Coder>(
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
    let mut at = 0;
    let mut places: HashMap<u32, (usize, JumpTable)> = HashMap::with_capacity(stood.len());
    for table in stood {
        places.insert(table.owner, (at, table));
        at += table.entries as usize * table.words as usize;
    }
    for table in tables {
        let start = coded.code.tables.len();
        let words = table.entries as usize * table.words as usize;
        hints.budget.pass(4 * (start as u64 + 2 * words as u64))?;
        let told = lesson.code.tables.get(start..start + words).unwrap_or_default();
        // The table of the counterpart, its jumps moved.
        let owner = coded.code.instructions[table.owner as usize].at;
        let was = align.get(table.owner as usize).copied().unwrap_or(NONE);
        let mut guess: Vec<u32> = Vec::new();
        if let Some(&(at, other)) = places.get(&was) {
            let length = other.entries as usize * other.words as usize;
            let base = from.instructions.get(was as usize).map_or(0, |base| base.at);
            guess = predicted.get(at..at + length).unwrap_or_default().to_vec();
            for entry in guess.chunks_exact_mut(other.words as usize) {
                if let Some(jump) = entry.last_mut() {
                    *jump = went(&coded.moved, base.wrapping_add(*jump)).wrapping_sub(owner);
                }
            }
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

pub(super) fn code_header<C: Coder>(
    hints: &mut Hints<C>,
    form: &Form,
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

pub(super) fn code_handlers<C: Coder>(
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
    hints.budget.pass(12 * count as u64)?;
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
