//! The hints on the wire: one stream of binary decisions, mixed from contexts that know the structure of bytecode.
//!
//! Encoding and decoding are one code path: every method takes what to encode, ignores it when decoding, and gives back
//! what stands in the stream.

use crate::codec::bytes::{Bytes, Guess};
use crate::codec::literal::{Aligned, Literals, Part};
use crate::codec::mix::{Chance, Net, Pace, code_with, hash};
use crate::codec::number::Numbers;
use crate::codec::range::Coder;
use crate::codec::table::Table;

use super::HermesError;
use super::budget::{Budget, TEXT_BYTES};

/// What kind of decision a flag is; each has odds of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Flag {
    HeaderChanged,
    SourceChanged,
    SectionChanged,
    CountChanged,
    KindsChanged,
    ToEnd,
    Wide,
    Mapped,
    Dedupe,
    FieldsChanged,
    FieldChanged,
    HandlersChanged,
    TableChanged,
    Debug,
    Packed,
    StringEnds,
}

const FLAGS: usize = 16;
const VARIANTS: usize = 16;

/// What kind of number; each has weights of its own. Below 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Sort {
    Size,
    LiteralRun,
    CopyFrom,
    CopyRun,
    Keep,
    Skip,
    Insert,
    First,
    Second,
    Kinds,
    FunctionFrom,
    FunctionRun,
    FunctionId,
    Jump,
    Field,
    HandlerCount,
    Handler,
    TableEntry,
    Header,
    Debug,
    DebugLine,
    DebugColumn,
    DebugAddress,
}

/// Contexts of a structural decision.
pub const DECISION_CONTEXTS: usize = 6;
/// Contexts of an operand's byte.
pub const OPERAND_CONTEXTS: usize = 10;
/// Kinds of structural decisions.
pub const DECISIONS: usize = 8;
/// Kinds of operand bytes; opcodes are the last.
pub const PARTS: usize = 12;
const DECISION_BITS: u32 = 18;
const TABLE_BITS: u32 = 21;
const TEXT_BITS: u32 = 18;
const RING_BITS: u32 = 16;
const PACE: Pace = Pace { first: 1320, last: 140, limit: 255 };
const DECISION_PACE: Pace = Pace { first: 1680, last: 200, limit: 1000 };

/// One side of the stream with its models: about 4.5 MiB.
pub struct Hints<C> {
    /// The arithmetic coder.
    pub coder: C,
    /// What coding may take.
    pub budget: Budget,
    flags: Box<[Chance]>,
    numbers: Numbers,
    decisions: Net<DECISION_CONTEXTS, 16>,
    cells: Box<[u8]>,
    /// Made when they are first used: packing strings needs the memory before.
    operands: Option<Box<(Bytes<OPERAND_CONTEXTS, 24>, Table)>>,
    text: Option<Box<Literals>>,
}

impl<C: Coder> Hints<C> {
    /// The stream of `coder`, nothing learned.
    pub fn new(coder: C) -> Self {
        Self {
            coder,
            budget: Budget::default(),
            flags: vec![Chance::of(6_000); FLAGS * VARIANTS].into_boxed_slice(),
            numbers: Numbers::default(),
            decisions: Net::new([DECISIONS * 16, 256], DECISIONS, DECISION_PACE),
            cells: vec![0; 1 << DECISION_BITS].into_boxed_slice(),
            operands: None,
            text: None,
        }
    }

    /// Fails where the stream has ended before what was read from it.
    ///
    /// # Errors
    /// [`HermesError::Starved`].
    pub fn check(&self) -> Result<(), HermesError> {
        if self.coder.starved() { Err(HermesError::Starved) } else { Ok(()) }
    }

    /// A yes, mostly rare; `variant` below 16 tells apart when.
    pub fn flag(&mut self, yes: bool, flag: Flag, variant: usize) -> bool {
        let chance = &mut self.flags[flag as usize * VARIANTS + variant % VARIANTS];
        code_with(&mut self.coder, u32::from(yes), chance, 255) != 0
    }

    /// A number below 2^32.
    ///
    /// # Errors
    /// [`HermesError::Hints`] where a larger one stands in the stream, [`HermesError::Starved`] at its end.
    pub fn number(&mut self, value: u32, sort: Sort, contexts: [u32; 4]) -> Result<u32, HermesError> {
        let value = self.numbers.code(&mut self.coder, u64::from(value), sort as usize, contexts);
        self.check()?;
        u32::try_from(value).map_err(|_| HermesError::Hints { what: "a number above its bound" })
    }

    /// A number below 2^32 by its distance from `expected`.
    ///
    /// # Errors
    /// As [`Hints::number`].
    pub fn near(&mut self, value: u32, expected: u32, sort: Sort, contexts: [u32; 4]) -> Result<u32, HermesError> {
        let distance = i64::from(value) - i64::from(expected);
        let distance = self.numbers.code_signed(&mut self.coder, distance, sort as usize, contexts);
        self.check()?;
        let value = i64::from(expected).checked_add(distance).and_then(|value| u32::try_from(value).ok());
        value.ok_or(HermesError::Hints { what: "a number outside of its bounds" })
    }

    /// A structural decision of one of [`DECISIONS`] kinds; `selector` below 256 chooses weights.
    pub fn decide(
        &mut self,
        yes: bool,
        kind: usize,
        contexts: [u32; DECISION_CONTEXTS],
        state: usize,
        selector: usize,
    ) -> bool {
        let mut slots = [0; DECISION_CONTEXTS];
        for (i, slot) in slots.iter_mut().enumerate() {
            *slot = hash(contexts[i], (kind * 16 + i) as u32) as usize & ((1 << DECISION_BITS) - 1);
        }
        let sets = [kind * 16 + state % 16, selector % 256];
        self.decisions.code(&mut self.coder, u32::from(yes), &mut self.cells, &slots, &[], sets, kind) != 0
    }

    /// A byte of an instruction; `part` below [`PARTS`], `selector` below 64.
    pub fn byte(
        &mut self,
        byte: u8,
        contexts: &[u32; OPERAND_CONTEXTS],
        guesses: &[Option<Guess>; 3],
        part: usize,
        selector: usize,
    ) -> u8 {
        let models =
            self.operands.get_or_insert_with(|| Box::new((Bytes::new(PARTS, 64, PACE), Table::new(TABLE_BITS))));
        let (operands, table) = &mut **models;
        operands.code(&mut self.coder, byte, table, contexts, guesses, part, selector)
    }

    /// A byte of text that has no counterpart; `aligned` is what stands in old where it was left.
    pub fn text(&mut self, byte: u8, aligned: Aligned) -> u8 {
        let text = self.text.get_or_insert_with(|| Box::new(Literals::new(TEXT_BITS, RING_BITS)));
        text.code(&mut self.coder, byte, Part::Inserted, aligned)
    }

    /// No instruction follows: their models are given up.
    pub fn end_bytes(&mut self) {
        self.operands = None;
    }

    /// No text follows: its models are given up.
    pub fn end_text(&mut self) {
        self.text = None;
        self.budget.free(TEXT_BYTES);
    }

    /// Takes in the end of a copied text, as the past of the text that follows.
    pub fn copied(&mut self, tail: &[u8]) {
        let text = self.text.get_or_insert_with(|| Box::new(Literals::new(TEXT_BITS, RING_BITS)));
        text.history.copied(tail);
    }
}
