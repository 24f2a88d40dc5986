//! How the instructions of each bytecode version are laid out: which operands an opcode has, how wide each is and
//! what it refers to.
//!
//! An instruction is one opcode byte followed by its operands, little-endian and unaligned. The numbering of opcodes
//! changes with the bytecode version, and now and then without it, so a version may have several [`candidates`];
//! [`choose()`] keeps the first that decodes every function body to its exact end.

mod choose;
mod tables;
mod walk;
mod wire;

pub use choose::{candidates, choose, layout};
pub use walk::{Instruction, Instructions, StrayError};
pub use wire::LayoutError;

/// What an operand holds. The numbers are part of the wire form and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A register.
    Register = 0,
    /// A number with no further meaning here: a constant, a flag, the number of a parameter or a builtin, a depth.
    Immediate = 1,
    /// An IEEE double.
    Double = 2,
    /// A signed distance in bytes from the start of the instruction to another one of the same function.
    Jump = 3,
    /// An id in the string table.
    String = 4,
    /// An id in the function table.
    Function = 5,
    /// An id in the bigint table.
    BigInt = 6,
    /// An id in the regexp table.
    RegExp = 7,
    /// An id in the object shape table (from version 97).
    Shape = 8,
    /// A byte offset into the object key buffer (to version 96).
    KeyBuffer = 9,
    /// A byte offset into the object value buffer (to version 96) or the literal value buffer (from 97).
    ValueBuffer = 10,
    /// A byte offset into the array buffer (to version 96).
    ArrayBuffer = 11,
    /// How many: elements, arguments, slots of an environment, cases of a string switch, a preallocation hint.
    Count = 12,
    /// An index into the property cache of the function; 255 or less, 0 for none.
    Cache = 13,
    /// The number of a slot, in an environment or in an object.
    Slot = 14,
    /// The number of a module in a bundle, as the bundler gave it.
    Module = 15,
    /// Distance from the start of the instruction to its table of jumps, rounded up to 4 within the file by the
    /// reader: one 32-bit jump distance for each case from [`Kind::CaseLow`] to [`Kind::CaseHigh`].
    JumpTable = 16,
    /// The number of the lowest case of a [`Kind::JumpTable`].
    CaseLow = 17,
    /// The number of the highest case of a [`Kind::JumpTable`].
    CaseHigh = 18,
    /// The number of this string switch among those of the file.
    SwitchIndex = 19,
    /// As [`Kind::JumpTable`], of [`Kind::Count`] pairs: a string id and a jump distance, 32 bits each.
    StringTable = 20,
}

impl Kind {
    const ALL: [Self; 21] = [
        Self::Register,
        Self::Immediate,
        Self::Double,
        Self::Jump,
        Self::String,
        Self::Function,
        Self::BigInt,
        Self::RegExp,
        Self::Shape,
        Self::KeyBuffer,
        Self::ValueBuffer,
        Self::ArrayBuffer,
        Self::Count,
        Self::Cache,
        Self::Slot,
        Self::Module,
        Self::JumpTable,
        Self::CaseLow,
        Self::CaseHigh,
        Self::SwitchIndex,
        Self::StringTable,
    ];

    /// Whether the operand names an entry of a table or a place in a buffer of the file, which another compile numbers
    /// differently.
    #[must_use]
    pub const fn is_reference(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Function
                | Self::BigInt
                | Self::RegExp
                | Self::Shape
                | Self::KeyBuffer
                | Self::ValueBuffer
                | Self::ArrayBuffer
        )
    }
}

/// One operand of an opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Bytes from the opcode byte to the operand; 1 for the first.
    pub at: u8,
    /// Width in bytes: 1, 2, 4 or 8.
    pub width: u8,
    /// What it holds.
    pub kind: Kind,
}

impl Operand {
    /// The operand's bits in `instruction`, which starts at the opcode byte; `None` where it is cut short.
    #[must_use]
    pub fn get(self, instruction: &[u8]) -> Option<u64> {
        let (at, width) = (usize::from(self.at), usize::from(self.width));
        let mut bytes = [0; 8];
        bytes.get_mut(..width)?.copy_from_slice(instruction.get(at..at + width)?);
        Some(u64::from_le_bytes(bytes))
    }

    /// Writes the low bytes of `value` as the operand; `false` where `value` does not fit its width or `instruction`
    /// is cut short, and then nothing is written.
    #[must_use]
    pub fn set(self, instruction: &mut [u8], value: u64) -> bool {
        let (at, width) = (usize::from(self.at), usize::from(self.width));
        let bytes = value.to_le_bytes();
        let (Some(low), Some(high)) = (bytes.get(..width), bytes.get(width..)) else { return false };
        match instruction.get_mut(at..at + width) {
            Some(place) if high.iter().all(|&byte| byte == 0) => place.copy_from_slice(low),
            _ => return false,
        }
        true
    }
}

/// The most operands an opcode may have.
pub const MAX_OPERANDS: usize = 8;

/// The layout of every opcode of one bytecode version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    operands: Vec<Operand>,
    /// Per opcode: where its operands end in `operands` (they start where the one before ends), and its size in bytes.
    opcodes: Vec<(u16, u8)>,
}

impl Layout {
    /// The number of opcodes; they are numbered from zero without gaps.
    #[must_use]
    pub fn opcode_count(&self) -> usize {
        self.opcodes.len()
    }

    /// The operands of `opcode` in the order of their bytes; `None` for an opcode that the version does not have.
    #[must_use]
    pub fn operands(&self, opcode: u8) -> Option<&[Operand]> {
        let index = usize::from(opcode);
        let end = usize::from(self.opcodes.get(index)?.0);
        let start = index.checked_sub(1).map_or(0, |before| usize::from(self.opcodes[before].0));
        self.operands.get(start..end)
    }

    /// The size of an instruction with `opcode` in bytes, the opcode byte included.
    #[must_use]
    pub fn size_bytes(&self, opcode: u8) -> Option<usize> {
        self.opcodes.get(usize::from(opcode)).map(|&(_, size)| usize::from(size))
    }

    /// The instructions of a function body, in order. Tables of jumps lie behind a body and are no part of it.
    #[must_use]
    pub fn instructions<'a>(&'a self, body: &'a [u8]) -> Instructions<'a> {
        Instructions::new(self, body)
    }

    /// Whether `body` is a whole number of instructions of this layout, every jump of which lands on one of them. Takes
    /// time linear in the body, and a bit of memory for each byte of it.
    #[must_use]
    pub fn decodes(&self, body: &[u8]) -> bool {
        let mut starts = vec![0_u64; body.len().div_ceil(64)];
        for instruction in self.instructions(body) {
            let Ok(Instruction { at, .. }) = instruction else { return false };
            starts[at / 64] |= 1 << (at % 64);
        }
        let is_start = |at: usize| starts.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1);
        self.instructions(body).flatten().all(|instruction| instruction.jumps().all(is_start))
    }

    /// Adds the next opcode; `false`, and nothing added, where it has too many operands or a width that is none.
    fn push(&mut self, operands: &[(Kind, u8)]) -> bool {
        if operands.len() > MAX_OPERANDS || self.opcodes.len() > usize::from(u8::MAX) {
            return false;
        }
        let fits = |kind, width| if kind == Kind::Double { width == 8 } else { matches!(width, 1 | 2 | 4) };
        if !operands.iter().all(|&(kind, width)| fits(kind, width)) {
            return false;
        }
        let mut at = 1;
        for &(kind, width) in operands {
            self.operands.push(Operand { at, width, kind });
            at += width;
        }
        self.opcodes.push((self.operands.len() as u16, at));
        true
    }

    /// The kinds and widths of an opcode's operands, as [`Layout::push`] takes them.
    fn shape(&self, opcode: usize) -> Vec<(Kind, u8)> {
        let operands = u8::try_from(opcode).ok().and_then(|opcode| self.operands(opcode)).unwrap_or_default();
        operands.iter().map(|operand| (operand.kind, operand.width)).collect()
    }
}
