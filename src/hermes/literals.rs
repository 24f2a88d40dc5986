//! The literal buffers: object keys, object values and arrays, serialised with string ids in them.
//!
//! A buffer is a packing of byte strings that share and overlap, so it cannot be read from its beginning; the
//! instructions (and from version 97 the shape table) say where a literal begins and how many elements it has. A literal
//! is a sequence of runs: a tag with a kind and a count (4 bits, or 12 in two bytes), then the values.

use crate::codec::ends::Old;

use super::HermesError;
use super::code::{Code, HAS_LITERAL, Instruction, Isa, value};
use super::form::Form;
use super::layout::Kind;
use super::reader::Bytecode;
use super::rows::NONE;

/// Kinds of runs that hold string ids, and the bytes of an id in each.
const LONG_STRING: u8 = 0x40;
const SHORT_STRING: u8 = 0x50;
const BYTE_STRING: u8 = 0x60;

/// Bytes of a value in a run of `kind`.
const fn width(form: &Form, kind: u8) -> usize {
    match kind {
        0x30 => 8,
        LONG_STRING | 0x70 => 4,
        SHORT_STRING => 2,
        // From version 97 this is the kind of undefined.
        BYTE_STRING if !form.has_shapes() => 1,
        _ => 0,
    }
}

/// A literal that an instruction refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The index in [`super::reader::BUFFERS`].
    pub buffer: usize,
    /// Where it begins.
    pub at: u32,
    /// Its elements.
    pub elements: u32,
}

/// The literals that an instruction refers to.
pub fn uses(isa: &Isa, shapes: &[[u32; 2]], bytes: &[u8], instruction: Instruction, mut each: impl FnMut(Use)) {
    if !isa.has(instruction.opcode, HAS_LITERAL) {
        return;
    }
    let operands = isa.operands(instruction.opcode);
    let mut elements = 0;
    for &operand in operands {
        // An array's or object's last count before the buffer is that of its literal elements.
        let at = value(operand, bytes, instruction.at) as u32;
        match operand.kind {
            Kind::Count => elements = at,
            Kind::Shape => elements = shapes.get(at as usize).map_or(0, |shape| shape[1]),
            Kind::ArrayBuffer => each(Use { buffer: 0, at, elements }),
            Kind::KeyBuffer => each(Use { buffer: 1, at, elements }),
            Kind::ValueBuffer => each(Use { buffer: 2, at, elements }),
            _ => {}
        }
    }
}

/// Old's buffers with the string ids that new has, as far as they fit their width.
///
/// # Errors
/// [`HermesError::Read`] where old cannot be read.
pub fn renumber(old: &mut impl Old, file: &Bytecode, isa: &Isa, strings: &[u32]) -> Result<[Vec<u8>; 3], HermesError> {
    let mut out = file.buffers.clone();
    // How far each place was visited already, in elements; and an end to hostile files that visit ever again.
    let mut seen: [Vec<u32>; 3] = [0, 1, 2].map(|buffer: usize| vec![0; file.buffers[buffer].len()]);
    let mut steps = file.buffers.iter().map(Vec::len).sum::<usize>().saturating_mul(16);
    let mut visit = |used: Use| {
        let (Some(from), Some(to), Some(seen)) =
            (file.buffers.get(used.buffer), out.get_mut(used.buffer), seen.get_mut(used.buffer))
        else {
            return;
        };
        let mut at = used.at as usize;
        let mut left = used.elements as usize;
        while left > 0 {
            let Some(&tag) = from.get(at) else { return };
            if seen[at] as usize >= left || steps == 0 {
                return;
            }
            seen[at] = left as u32;
            steps -= 1;
            at += 1;
            let mut count = usize::from(tag & 15);
            if tag & 0x80 != 0 {
                let Some(&low) = from.get(at) else { return };
                count = count << 8 | usize::from(low);
                at += 1;
            }
            if count == 0 {
                return;
            }
            let kind = tag & 0x70;
            let bytes = width(&file.form, kind);
            let is_string = matches!(kind, LONG_STRING | SHORT_STRING) || kind == BYTE_STRING && bytes == 1;
            let Some(values) = from.get(at..at + bytes * count) else { return };
            if is_string {
                for (i, id) in values.chunks_exact(bytes).enumerate() {
                    let id = id.iter().rev().fold(0u32, |id, &byte| id << 8 | u32::from(byte));
                    let new = strings.get(id as usize).copied().unwrap_or(NONE);
                    let place = at + i * bytes;
                    if new != NONE && u64::from(new) >> (8 * bytes) == 0 {
                        to[place..place + bytes].copy_from_slice(&new.to_le_bytes()[..bytes]);
                    }
                }
            }
            at += bytes * count;
            left = left.saturating_sub(count);
        }
    };
    for shape in &file.rows[0] {
        visit(Use { buffer: 1, at: shape[0], elements: shape[1] });
    }
    let mut last = None;
    for function in &file.functions {
        let at = function.offset();
        if last.replace(at) == Some(at) {
            continue;
        }
        let code = Code::read(old, isa, at.into(), function.size(&file.form).into())?;
        for &instruction in &code.instructions {
            uses(isa, &file.rows[0], &code.bytes, instruction, &mut visit);
        }
    }
    Ok(out)
}
