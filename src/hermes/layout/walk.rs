//! One function body, instruction by instruction.

use thiserror::Error;

use super::{Kind, Layout, Operand};

/// One instruction of a body.
#[derive(Debug, Clone, Copy)]
pub struct Instruction<'a> {
    /// Where its opcode byte stands in the body, in bytes.
    pub at: usize,
    /// Its bytes, the opcode first.
    pub bytes: &'a [u8],
    /// Its operands.
    pub operands: &'a [Operand],
}

impl Instruction<'_> {
    /// The opcode.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// Where its jump operands lead, in bytes from the start of the body; [`usize::MAX`] for a place before it.
    pub fn jumps(&self) -> impl Iterator<Item = usize> + '_ {
        let jumps = self.operands.iter().filter(|operand| operand.kind == Kind::Jump);
        jumps.filter_map(|operand| {
            let distance = match (operand.width, operand.get(self.bytes)?) {
                (1, bits) => isize::from(bits as u8 as i8),
                (_, bits) => bits as u32 as i32 as isize,
            };
            Some(self.at.checked_add_signed(distance).unwrap_or(usize::MAX))
        })
    }
}

/// Why a body is not a whole number of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StrayError {
    /// The layout has no such opcode.
    #[error("no opcode {opcode} at byte {at} of a function body; the file is of another bytecode version")]
    Opcode {
        /// Where, in bytes from the start of the body.
        at: usize,
        /// What stood there.
        opcode: u8,
    },
    /// The last instruction is cut short.
    #[error(
        "the instruction at byte {at} of a function body runs past its end; the file is of another bytecode version"
    )]
    Cut {
        /// Where, in bytes from the start of the body.
        at: usize,
    },
}

/// The instructions of a body; the first error ends it.
#[derive(Debug, Clone)]
pub struct Instructions<'a> {
    layout: &'a Layout,
    body: &'a [u8],
    at: usize,
}

impl<'a> Instructions<'a> {
    pub(super) fn new(layout: &'a Layout, body: &'a [u8]) -> Self {
        Self { layout, body, at: 0 }
    }

    fn step(&self, at: usize, opcode: u8) -> Result<Instruction<'a>, StrayError> {
        let stray = StrayError::Opcode { at, opcode };
        let operands = self.layout.operands(opcode).ok_or(stray)?;
        let size = self.layout.size_bytes(opcode).ok_or(stray)?;
        let bytes = self.body.get(at..at + size).ok_or(StrayError::Cut { at })?;
        Ok(Instruction { at, bytes, operands })
    }
}

impl<'a> Iterator for Instructions<'a> {
    type Item = Result<Instruction<'a>, StrayError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let opcode = *self.body.get(at)?;
        let instruction = self.step(at, opcode);
        self.at = instruction.as_ref().map_or(self.body.len(), |instruction| at + instruction.bytes.len());
        Some(instruction)
    }
}
