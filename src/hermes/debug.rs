//! Debug info: where in the source each instruction stands that can throw.
//!
//! The section is a header, a table of file names with its storage, the regions of the data that belong to each file,
//! and the data: for each function an entry, then (to version 96) scopes, callees and a string table. An entry is a
//! sequence of signed LEB128 numbers: the function, where it starts, and records, each a distance in the code and in the
//! source (`DebugInfo.cpp`, github.com/facebook/hermes).

use crate::codec::ends::Old;
use crate::codec::mix::hash;
use crate::codec::range::Coder;

use super::HermesError;
use super::code::Code;
use super::form::{Count, FOOTER_BYTES, Form};
use super::hints::{Flag, Hints, Sort};
pub use super::locations::{Locations, NO_OFFSET, Record, read};
use super::reader::{Bytecode, read_exact};
use super::splice;
use super::teacher::Teacher;

/// The most bytes behind the entries that are told as pieces of old.
const MAX_TAIL: u64 = 1 << 20;
/// Memory of a record.
const RECORD_BYTES: u64 = 2 * size_of::<Record>() as u64;
/// The most records of one function; more than there are bytes in any body.
const MAX_RECORDS: usize = 1 << 24;

/// Where the parts of the section are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// The words of its header.
    words: [u32; 7],
    count: usize,
    /// Where the file names begin in the file.
    head: u64,
    /// Where the data begins.
    pub(super) data: u64,
    /// Where what lies behind the entries begins.
    pub(super) tail: u64,
    /// Where the section ends.
    end: u64,
}

impl Section {
    /// Reads the header of the section of `file`; `None` for a version whose debug info is not known, and where there is
    /// none.
    pub fn read(old: &mut impl Old, file: &Bytecode) -> Option<Self> {
        let count = match file.form.version {
            94..=96 => 7,
            98 | 99 => 4,
            _ => return None,
        };
        let at = u64::from(file.count(Count::DebugInfo));
        let end = file.file_bytes.checked_sub(FOOTER_BYTES as u64)?;
        let mut bytes = Vec::new();
        read_exact(old, at, 4 * count as u64, &mut bytes).ok()?;
        let mut words = [0; 7];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let head = at + 4 * count as u64;
        let data = head + 8 * u64::from(words[0]) + u64::from(words[1]) + 12 * u64::from(words[2]);
        let tail = data + u64::from(words[3]);
        let section = Self { words, count, head, data, tail, end };
        let fits = tail <= end && data + u64::from(words[count - 1]) == end && words[count - 1] > 0;
        (fits && end - tail <= MAX_TAIL && data - head <= MAX_TAIL).then_some(section)
    }

    /// The entries in the bytes of the file.
    #[must_use]
    pub fn entries<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.data as usize..self.tail as usize)
    }
}

/// Codes the debug info of one function after the other.
#[derive(Default)]
pub struct Debug {
    /// The entries of new, in pieces so that they need not be moved when they grow.
    pieces: Vec<Vec<u8>>,
    /// One entry.
    entry: Vec<u8>,
    bytes: u64,
    /// By how much the last function's line moved, its old line, and by how much its column moved.
    moved: [i32; 3],
    same: u32,
    last: Record,
    before: Record,
    others: Vec<u32>,
}

/// Bytes of entries that are kept together.
const PIECE_BYTES: usize = 1 << 16;

impl Debug {
    /// The bytes of all entries.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entries, one piece behind the other.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &piece[..])
    }

    /// Codes the info of function `index`; gives back its offsets. `stood` is what its counterpart has, `moved` where the
    /// counterpart's instructions went.
    ///
    /// # Errors
    /// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints.
    #[allow(clippy::too_many_arguments)]
    pub fn code<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        form: &Form,
        told: Option<&Locations>,
        stood: Option<Locations>,
        moved: &[(u32, u32)],
        code: &Code,
        index: u32,
        limit: u64,
    ) -> Result<Vec<u32>, HermesError> {
        let mapped = stood.is_some();
        let read = stood.as_ref().map_or(0, |stood| stood.records.len());
        hints.budget.pass(RECORD_BYTES * read as u64)?;
        let mut guess = stood.unwrap_or_else(|| Locations { others: self.others.clone(), ..Locations::default() });
        guess.others.resize(form.debug_words - 1, 0);
        let line = guess.start.map_or(0, |start| start[0]);
        if let Some(start) = &mut guess.start {
            start[0] = start[0].wrapping_add(self.moved[0]);
            if line == self.moved[1] {
                start[1] = start[1].wrapping_add(self.moved[2]);
            }
        }
        let stood_start = guess.start.unwrap_or_default();
        let mut broken = false;
        if !moved.is_empty() {
            for record in &mut guess.records {
                match moved.binary_search_by_key(&record.at, |&(was, _)| was) {
                    Ok(place) => record.at = moved[place].1,
                    Err(_) => broken = true,
                }
            }
        }
        let recent = self.same;
        let stays = told == Some(&guess) && !broken;
        let contexts = [
            recent & 15,
            recent & 255,
            u32::from(moved.is_empty()),
            hash(recent & 3, u32::from(moved.is_empty())),
            5,
            6,
        ];
        let mut coded = guess;
        if !mapped || hints.decide(!stays, 6, contexts, usize::from(moved.is_empty()), (recent & 255) as usize) {
            self.same = self.same << 1 | u32::from(mapped);
            hints.check()?;
            coded = self.code_entry(hints, form, told, coded, code, mapped)?;
        } else {
            self.same <<= 1;
        }
        if let Some(start) = coded.start {
            // What the counterpart had is the guess without the moves that were guessed.
            if mapped {
                let column = stood_start[1].wrapping_sub(if line == self.moved[1] { self.moved[2] } else { 0 });
                self.moved = [start[0].wrapping_sub(line), line, start[1].wrapping_sub(column)];
            }
        }
        self.others.clone_from(&coded.others);
        self.entry.clear();
        let has = coded.write(form, index, &mut self.entry) != NO_OFFSET;
        let mut words = vec![if has { self.bytes as u32 } else { NO_OFFSET }];
        words.extend_from_slice(&coded.others);
        self.bytes += self.entry.len() as u64;
        hints.budget.hold(self.entry.len() as u64 + 4 * words.len() as u64)?;
        if self.bytes > limit.min(NO_OFFSET.into()) {
            return Err(HermesError::TooLarge { needed: self.bytes, limit });
        }
        match self.pieces.last_mut().filter(|piece| piece.capacity() - piece.len() >= self.entry.len()) {
            Some(piece) => piece.extend_from_slice(&self.entry),
            None => {
                let mut piece = Vec::with_capacity(PIECE_BYTES.max(self.entry.len()));
                piece.extend_from_slice(&self.entry);
                self.pieces.push(piece);
            }
        }
        Ok(words)
    }

    fn code_entry<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        form: &Form,
        told: Option<&Locations>,
        guess: Locations,
        code: &Code,
        mapped: bool,
    ) -> Result<Locations, HermesError> {
        let known = usize::from(mapped);
        let mut coded = Locations { others: guess.others.clone(), ..Locations::default() };
        for (i, other) in coded.others.iter_mut().enumerate() {
            let told = told.and_then(|told| told.others.get(i)).copied().unwrap_or_default();
            if hints.flag(told != *other, Flag::Debug, known) {
                *other = hints.near(told, *other, Sort::Debug, [i as u32, 0, 0, 0])?;
            }
        }
        let has = told.is_some_and(|told| told.start.is_some());
        let likely = guess.start.is_some() || !mapped;
        if hints.flag(has != likely, Flag::Debug, 2 + known) == likely {
            return Ok(coded);
        }
        let told_start = told.and_then(|told| told.start).unwrap_or_default();
        let mut start = guess.start.unwrap_or([self.moved[0].wrapping_add(self.moved[1]), 0, 0]);
        for (i, place) in start.iter_mut().enumerate().take(2 + usize::from(form.has_shapes())) {
            *place = signed(hints, told_start[i], *place, Sort::Debug, [2 + i as u32, known as u32, 0, 0])?;
        }
        if !mapped {
            self.moved[0] = 0;
            self.moved[1] = start[0];
        }
        coded.start = Some(start);

        // Which instructions have a record is nearly a matter of their opcodes.
        let told = told.map_or(&[][..], |told| &told.records[..]);
        let (mut next, mut ahead) = (0, 0);
        let mut last = 0u32;
        for instruction in &code.instructions {
            while guess.records.get(ahead).is_some_and(|record| record.at < instruction.at) {
                ahead += 1;
            }
            let mut many = 0u32;
            loop {
                let stands = guess.records.get(ahead).copied().filter(|record| record.at == instruction.at);
                let record = told.get(next).copied().filter(|record| record.at == instruction.at);
                let opcode = u32::from(instruction.opcode);
                let expected = u32::from(stands.is_some()) | u32::from(mapped) << 1 | many.min(2) << 2;
                let contexts = [
                    hash(opcode, expected),
                    hash(hash(opcode, expected), last & 3),
                    hash(expected, last & 15),
                    hash(hash(opcode, expected), self.last.column as u32),
                    opcode | 0x100,
                    expected,
                ];
                let has = hints.decide(record.is_some(), 7, contexts, expected as usize, opcode as usize);
                last = last << 1 | u32::from(has);
                hints.check()?;
                if !has {
                    break;
                }
                let told = record.unwrap_or_default();
                let record = self.code_record(hints, form, told, stands, instruction.opcode, instruction.at)?;
                hints.budget.hold(RECORD_BYTES)?;
                coded.records.push(record);
                (self.before, self.last) = (self.last, record);
                (next, many) = (next + 1, many + 1);
                ahead += usize::from(stands.is_some());
                if coded.records.len() > MAX_RECORDS {
                    return Err(HermesError::Hints { what: "debug info that does not end" });
                }
            }
        }
        hints.budget.free(RECORD_BYTES * coded.records.len() as u64);
        Ok(coded)
    }

    fn code_record<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        form: &Form,
        told: Record,
        stands: Option<Record>,
        opcode: u8,
        at: u32,
    ) -> Result<Record, HermesError> {
        if let Some(stands) = stands
            && !hints.flag(told != stands, Flag::Debug, 4)
        {
            return Ok(stands);
        }
        let known = u32::from(stands.is_some());
        let (last, before) = (self.last, self.before);
        let guess = stands.unwrap_or(Record { scope: last.scope, environment: last.environment, ..Record::default() });
        let mut record = Record { at, ..guess };
        if form.has_shapes() {
            record.nowhere = hints.flag(told.nowhere, Flag::Debug, 5);
            if record.nowhere {
                return Ok(Record { at, nowhere: true, ..Record::default() });
            }
            if stands.is_none() {
                record.environment = 0;
            }
        }
        let opcode = u32::from(opcode);
        let mut field = |told: i32, guess: i32, sort: Sort, which: u32, after: u32| {
            let id = known << 8 | which << 9 | opcode;
            signed(hints, told, guess, sort, [id, hash(id, last.column as u32), hash(id, after), hash(which, after)])
        };
        record.line = field(told.line, guess.line, Sort::DebugLine, 0, last.line as u32)?;
        let line = record.line as u32;
        let after = hash(line, before.column as u32);
        record.column = field(told.column, guess.column, Sort::DebugColumn, 1, after)?;
        if !form.has_shapes() {
            record.scope = field(told.scope, guess.scope, Sort::Debug, 2, 0)?;
        }
        record.environment = field(told.environment, record.environment, Sort::Debug, 3, last.environment as u32)?;
        record.statement = field(told.statement, guess.statement, Sort::Debug, 4, last.statement as u32)?;
        Ok(record)
    }
}

fn signed<C: Coder>(
    hints: &mut Hints<C>,
    told: i32,
    guess: i32,
    sort: Sort,
    contexts: [u32; 4],
) -> Result<i32, HermesError> {
    let bias = |value: i32| (value as u32) ^ 0x8000_0000;
    let value = hints.near(bias(told), bias(guess), sort, contexts)?;
    Ok((value ^ 0x8000_0000) as i32)
}

/// Codes all of the section but the entries, which take `entries` bytes; gives back what stands before and behind them.
///
/// # Errors
/// As the coders of its parts.
pub fn code_section<C: Coder>(
    hints: &mut Hints<C>,
    old: &mut impl Old,
    section: &Section,
    told: Option<(&Section, &[u8])>,
    entries: u64,
    teacher: &impl Teacher,
    limit: u64,
) -> Result<(Vec<u8>, Vec<u8>), HermesError> {
    let mut part = |from: u64, to: u64, new: Option<&[u8]>| {
        let mut stood = Vec::new();
        hints.budget.hold(to - from)?;
        read_exact(old, from, to - from, &mut stood)?;
        splice::code(hints, &stood, new, teacher, limit).map(|(bytes, _)| bytes)
    };
    let slice = |bytes: &[u8], from: u64, to: u64| bytes.get(from as usize..to as usize).unwrap_or_default().to_vec();
    let told_head = told.map(|(new, bytes)| slice(bytes, new.head, new.data));
    let head = part(section.head, section.data, told_head.as_deref())?;
    let told_tail = told.map(|(new, bytes)| slice(bytes, new.tail, new.end));
    let tail = part(section.tail, section.end, told_tail.as_deref())?;
    let mut words = section.words;
    let grown = (entries as u32).wrapping_sub(section.words[3]);
    for word in &mut words[3..section.count] {
        *word = word.wrapping_add(grown);
    }
    let bytes = (entries + tail.len() as u64) as u32;
    words[section.count - 1] = bytes;
    let told_words = told.map_or(words, |(new, _)| new.words);
    if hints.flag(told_words != words, Flag::Debug, 6) {
        for (i, word) in words.iter_mut().enumerate().take(section.count) {
            *word = hints.near(told_words[i], *word, Sort::Debug, [20 + i as u32, 0, 0, 0])?;
        }
    }
    let mut out: Vec<u8> = words[..section.count].iter().flat_map(|word| word.to_le_bytes()).collect();
    out.extend_from_slice(&head);
    Ok((out, tail))
}
