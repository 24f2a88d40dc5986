//! A function body taken apart: its instructions and the tables of jumps behind them.

use crate::codec::ends::Old;

use super::HermesError;
use super::layout::{Kind, Layout, Operand};
use super::reader::read_exact;

/// A layout with what is asked of each opcode most often, worked out once.
#[derive(Debug, Clone)]
pub struct Isa {
    layout: Layout,
    marks: [u8; 256],
    sizes: [u8; 256],
}

/// An opcode refers to something that another compile numbers differently.
pub const REFERS: u8 = 1;
/// An opcode has a table of jumps.
pub const HAS_TABLE: u8 = 2;
/// An opcode refers to a literal.
pub const HAS_LITERAL: u8 = 4;

impl Isa {
    /// The opcodes of `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let (mut marks, mut sizes) = ([0; 256], [0; 256]);
        for opcode in 0..=255u8 {
            let operands = layout.operands(opcode).unwrap_or_default();
            for operand in operands {
                marks[usize::from(opcode)] |= match operand.kind {
                    Kind::JumpTable | Kind::StringTable => HAS_TABLE,
                    Kind::ArrayBuffer | Kind::KeyBuffer | Kind::ValueBuffer => HAS_LITERAL | REFERS,
                    kind if kind.is_reference() => REFERS,
                    _ => 0,
                };
            }
            sizes[usize::from(opcode)] = layout.size_bytes(opcode).map_or(0, |size| size.min(255) as u8);
        }
        Self { layout, marks, sizes }
    }

    /// Whether `opcode` has any of the marks [`REFERS`], [`HAS_TABLE`], [`HAS_LITERAL`].
    #[must_use]
    pub fn has(&self, opcode: u8, marks: u8) -> bool {
        self.marks[usize::from(opcode)] & marks != 0
    }

    /// The operands of an opcode, none for one that does not exist.
    #[must_use]
    pub fn operands(&self, opcode: u8) -> &[Operand] {
        self.layout.operands(opcode).unwrap_or_default()
    }

    /// The bytes of an instruction; none for an opcode that does not exist.
    #[must_use]
    pub fn size_bytes(&self, opcode: u8) -> Option<usize> {
        Some(usize::from(self.sizes[usize::from(opcode)])).filter(|&size| size > 0)
    }
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Where its opcode byte stands in the body.
    pub at: u32,
    /// Its opcode.
    pub opcode: u8,
}

/// A table of jumps, as its instruction describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JumpTable {
    /// The index of the instruction.
    pub owner: u32,
    /// Entries.
    pub entries: u32,
    /// Words of an entry: a jump, or a string id and a jump.
    pub words: u32,
}

/// A body and its tables.
#[derive(Debug, Clone, Default)]
pub struct Code {
    /// The instructions' bytes.
    pub bytes: Vec<u8>,
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// The tables' words, in the order of their instructions.
    pub tables: Vec<u32>,
}

/// The instructions of `bytes`; `None` where they do not fit the layout.
#[must_use]
pub fn split(isa: &Isa, bytes: &[u8]) -> Option<Vec<Instruction>> {
    let mut instructions = Vec::with_capacity(bytes.len() / 4);
    let mut at = 0;
    while let Some(&opcode) = bytes.get(at) {
        instructions.push(Instruction { at: at as u32, opcode });
        at += isa.size_bytes(opcode)?;
    }
    (at == bytes.len()).then_some(instructions)
}

/// The operand's value in the instruction at `at` of `bytes`; 0 where it is cut short.
#[must_use]
#[inline]
pub fn value(operand: Operand, bytes: &[u8], at: u32) -> u64 {
    bytes.get(at as usize..).and_then(|instruction| operand.get(instruction)).unwrap_or_default()
}

/// A signed operand's value.
#[must_use]
pub const fn signed(value: u64, width: u8) -> i64 {
    let unused = 64 - 8 * width as u32;
    (value << unused) as i64 >> unused
}

/// Entries and words of the table that an instruction refers to; none where it has no table.
#[must_use]
pub fn table_of(isa: &Isa, bytes: &[u8], instruction: Instruction) -> Option<(Operand, u64, u32)> {
    if !isa.has(instruction.opcode, HAS_TABLE) {
        return None;
    }
    let operands = isa.operands(instruction.opcode);
    let (mut table, mut low, mut high, mut count, mut words) = (None, 0, 0, 0, 1);
    for &operand in operands {
        match operand.kind {
            Kind::JumpTable => table = Some(operand),
            Kind::StringTable => (table, words) = (Some(operand), 2),
            Kind::CaseLow => low = value(operand, bytes, instruction.at),
            Kind::CaseHigh => high = value(operand, bytes, instruction.at),
            Kind::Count => count = value(operand, bytes, instruction.at),
            _ => {}
        }
    }
    let entries = if words == 2 { count } else { (high & 0xffff_ffff).wrapping_sub(low) as u32 as u64 + 1 };
    Some((table?, entries, words))
}

/// The tables that a body's instructions have behind them, in order, at most `limit` words in all.
#[must_use]
pub fn tables(isa: &Isa, bytes: &[u8], instructions: &[Instruction], limit: u64) -> Option<Vec<JumpTable>> {
    let mut tables = Vec::new();
    let mut left = limit;
    for (owner, &instruction) in instructions.iter().enumerate() {
        if let Some((_, entries, words)) = table_of(isa, bytes, instruction) {
            left = left.checked_sub(entries * u64::from(words))?;
            tables.push(JumpTable { owner: owner as u32, entries: entries as u32, words });
        }
    }
    // The tables of string switches lie behind all others.
    tables.sort_by_key(|table| table.words);
    Some(tables)
}

impl Code {
    /// Reads the body of `size` bytes at `at` of a file.
    ///
    /// # Errors
    /// [`HermesError::Read`] where the file ends before, [`HermesError::Form`] where the body is not of this layout.
    pub fn read(old: &mut impl Old, isa: &Isa, at: u64, size: u64) -> Result<Self, HermesError> {
        let mut code = Self::default();
        read_exact(old, at, size, &mut code.bytes)?;
        let strange = HermesError::Form { what: "a function body has other instructions" };
        let Some(instructions) = split(isa, &code.bytes) else { return Err(strange) };
        code.instructions = instructions;
        let start = (at + size).next_multiple_of(4);
        let limit = old.len().saturating_sub(start) / 4;
        let Some(tables) = tables(isa, &code.bytes, &code.instructions, limit) else { return Err(strange) };
        let words: u64 = tables.iter().map(|table| u64::from(table.entries) * u64::from(table.words)).sum();
        if words > 0 {
            let mut bytes = Vec::new();
            read_exact(old, start, words * 4, &mut bytes)?;
            code.tables =
                bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        }
        Ok(code)
    }

    /// The bytes of an instruction.
    #[must_use]
    pub fn instruction_bytes(&self, index: usize) -> &[u8] {
        let end = self.instructions.get(index + 1).map_or(self.bytes.len(), |next| next.at as usize);
        self.instructions.get(index).and_then(|this| self.bytes.get(this.at as usize..end)).unwrap_or_default()
    }

    /// The index of the instruction at `at`; the number of instructions for the end, `None` between them.
    #[must_use]
    pub fn index_at(&self, at: u32) -> Option<usize> {
        if at as usize == self.bytes.len() {
            return Some(self.instructions.len());
        }
        self.instructions.binary_search_by_key(&at, |instruction| instruction.at).ok()
    }
}
