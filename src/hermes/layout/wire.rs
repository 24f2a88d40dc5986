//! The wire form of a layout: what it changes of a known one, so that a patch can bring the layout of a bytecode
//! version that the device has never heard of.
//!
//! | field | form | bound |
//! |---|---|---|
//! | base | varint: the index of a table, plus one; 0 for the empty one | the tables of this format version |
//! | changes | varint | 256 |
//! | per change: kept | varint: opcodes taken over from base before it | what base has left |
//! | dropped | varint: opcodes of base left out | what base has left |
//! | inserted | varint: opcodes put there | 256 in all |
//! | per inserted opcode: operands | one byte each: 4 × kind + log2 of the width; then 255 | 8 |
//!
//! Opcodes of base behind the last change are taken over.

use std::io::{self, Read};

use thiserror::Error;

use super::tables::table;
use super::{Kind, Layout, MAX_OPERANDS};
use crate::wire::{WireError, put_varint, read_varint};

/// The tables that a layout on the wire may start from: those that the first device knew.
const BASES: usize = 12;
const MAX_OPCODES: u64 = 256;
const END: u8 = 255;

/// Why a layout could not be read.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A number is out of bounds or cut short.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// An operand has a kind or a width that does not exist, or an opcode has too many of them.
    #[error("the instruction layout has an unknown operand {operand:#04x}; update smidge on this device")]
    Operand {
        /// The byte that stood there.
        operand: u8,
    },
    /// The layout changes a table that is not there.
    #[error("the instruction layout starts from unknown table {base}; update smidge on this device")]
    Base {
        /// The number of the table.
        base: u64,
    },
}

impl Layout {
    /// Appends the wire form: 2 bytes for a layout of [`super::candidates`], a few more for one that is much like them.
    pub fn write(&self, out: &mut Vec<u8>) {
        let known = |base: usize| if base == 0 { Some(Self::default()) } else { table(base - 1) };
        if let Some(base) = (0..=BASES).find(|&base| known(base).as_ref() == Some(self)) {
            put_varint(out, base as u64);
            put_varint(out, 0);
            return;
        }
        let forms = (0..=BASES).filter_map(|base| {
            let known = known(base)?;
            let mut form = Vec::new();
            put_varint(&mut form, base as u64);
            self.write_changes(&known, &mut form);
            Some(form)
        });
        out.extend(forms.min_by_key(Vec::len).unwrap_or_default());
    }

    fn write_changes(&self, base: &Self, out: &mut Vec<u8>) {
        let changes = changes(base, self);
        put_varint(out, changes.len() as u64);
        for Change { kept, dropped, inserted } in changes {
            put_varint(out, kept as u64);
            put_varint(out, dropped as u64);
            put_varint(out, inserted.len() as u64);
            for opcode in inserted {
                out.extend(self.shape(opcode).iter().map(|&(kind, width)| 4 * kind as u8 + width.ilog2() as u8));
                out.push(END);
            }
        }
    }

    /// Reads a layout that [`Layout::write`] wrote. Reads no further than its end, and at most 3 KiB.
    ///
    /// # Errors
    /// [`LayoutError`] for anything that [`Layout::write`] cannot have written.
    pub fn read(input: &mut (impl Read + ?Sized)) -> Result<Self, LayoutError> {
        let number = read_varint(input, "the base of the instruction layout", u64::MAX)?;
        let base = match number {
            0 => Self::default(),
            1.. if number <= BASES as u64 => table(number as usize - 1).ok_or(LayoutError::Base { base: number })?,
            _ => return Err(LayoutError::Base { base: number }),
        };
        let mut layout = Self::default();
        let mut next = 0;
        for _ in 0..read_varint(input, "the changes of the instruction layout", MAX_OPCODES)? {
            let kept = read_varint(input, "kept opcodes", (base.opcode_count() - next) as u64)? as usize;
            layout.take(&base, next..next + kept)?;
            next += kept;
            next += read_varint(input, "dropped opcodes", (base.opcode_count() - next) as u64)? as usize;
            let room = MAX_OPCODES - layout.opcode_count() as u64;
            for _ in 0..read_varint(input, "inserted opcodes", room)? {
                layout.read_opcode(input)?;
            }
        }
        layout.take(&base, next..base.opcode_count())?;
        Ok(layout)
    }

    fn take(&mut self, base: &Self, opcodes: std::ops::Range<usize>) -> Result<(), LayoutError> {
        for opcode in opcodes {
            if !self.push(&base.shape(opcode)) {
                let found = opcode as u64 + 1;
                return Err(WireError::TooLarge { what: "opcodes", limit: MAX_OPCODES, found }.into());
            }
        }
        Ok(())
    }

    fn read_opcode(&mut self, input: &mut (impl Read + ?Sized)) -> Result<(), LayoutError> {
        let mut operands = Vec::new();
        loop {
            let mut byte = [0];
            let cut = |source: io::Error| WireError::Io { what: "an operand of the instruction layout", source };
            input.read_exact(&mut byte).map_err(cut)?;
            let [operand] = byte;
            if operand == END {
                let last =
                    operands.last().map_or(0, |&(kind, width): &(Kind, u8)| 4 * kind as u8 + width.ilog2() as u8);
                return if self.push(&operands) { Ok(()) } else { Err(LayoutError::Operand { operand: last }) };
            }
            let kind = Kind::ALL.get(usize::from(operand / 4)).filter(|_| operands.len() < MAX_OPERANDS);
            let kind = *kind.ok_or(LayoutError::Operand { operand })?;
            operands.push((kind, 1 << (operand % 4)));
        }
    }
}

/// `kept` opcodes of the base as they are, then `dropped` left out and `inserted` of the other put in.
struct Change {
    kept: usize,
    dropped: usize,
    inserted: std::ops::Range<usize>,
}

/// The changes that turn `base` into `layout`, by the longest common subsequence of their opcodes; at most 256 × 256
/// steps.
fn changes(base: &Layout, layout: &Layout) -> Vec<Change> {
    let shapes = |of: &Layout| (0..of.opcode_count()).map(|opcode| of.shape(opcode)).collect::<Vec<_>>();
    let (old, new) = (shapes(base), shapes(layout));
    let width = new.len() + 1;
    let mut common = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let (down, right) = (common[(i + 1) * width + j], common[i * width + j + 1]);
            let both = common[(i + 1) * width + j + 1] + 1;
            common[i * width + j] = if old[i] == new[j] { both } else { down.max(right) };
        }
    }
    let mut changes: Vec<Change> = Vec::new();
    let (mut i, mut j, mut kept) = (0, 0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j, kept) = (i + 1, j + 1, kept + 1);
            continue;
        }
        if kept > 0 || changes.is_empty() {
            changes.push(Change { kept, dropped: 0, inserted: j..j });
            kept = 0;
        }
        let drop = j == new.len() || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1];
        if let Some(change) = changes.last_mut() {
            if drop {
                (i, change.dropped) = (i + 1, change.dropped + 1);
            } else {
                (j, change.inserted.end) = (j + 1, j + 1);
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hermes::layout::candidates;

    fn written(layout: &Layout) -> Vec<u8> {
        let mut out = Vec::new();
        layout.write(&mut out);
        out
    }

    #[test]
    fn known_layouts_take_two_bytes_and_read_back() {
        for layout in (84..100).flat_map(candidates) {
            let form = written(&layout);
            assert_eq!(form.len(), 2);
            assert_eq!(Layout::read(&mut &form[..]).unwrap(), layout);
        }
    }

    #[test]
    fn a_new_opcode_takes_a_few_bytes() {
        let base = candidates(99).remove(0);
        let mut layout = Layout::default();
        for opcode in 0..base.opcode_count() {
            if opcode == 40 {
                assert!(layout.push(&[(Kind::Register, 1), (Kind::String, 4)]));
            }
            if opcode != 100 {
                assert!(layout.push(&base.shape(opcode)));
            }
        }
        let form = written(&layout);
        assert!(form.len() <= 12, "{form:?}");
        assert_eq!(Layout::read(&mut &form[..]).unwrap(), layout);
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_refused_or_read_within_bounds() {
        let mut layout = Layout::default();
        for width in [1, 2, 4] {
            assert!(layout.push(&[(Kind::Function, width), (Kind::Double, 8)]));
        }
        let form = written(&layout);
        for cut in 0..form.len() {
            assert!(Layout::read(&mut &form[..cut]).is_err());
        }
        for at in 0..form.len() {
            for byte in 0..=255 {
                let mut damaged = form.clone();
                damaged[at] = byte;
                if let Ok(read) = Layout::read(&mut &damaged[..]) {
                    assert!(read.opcode_count() <= 256);
                }
            }
        }
    }

    #[test]
    fn wide_numbers_are_refused() {
        for form in [&[13, 0][..], &[1, 1, 186, 1], &[0, 129, 2], &[0, 1, 0, 0, 129, 2], &[0, 1, 0, 0, 1, 84, 255]] {
            assert!(Layout::read(&mut &form[..]).is_err(), "{form:?}");
        }
        let too_many = [[0, 1, 0, 0, 1].as_slice(), &[0; MAX_OPERANDS + 1], &[255]].concat();
        assert!(matches!(Layout::read(&mut &too_many[..]), Err(LayoutError::Operand { operand: 0 })));
    }
}
