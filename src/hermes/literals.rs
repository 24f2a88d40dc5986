//! The literal buffers: object keys, object values and arrays, serialised with string ids in them.
//!
//! A buffer is a packing of byte strings that share and overlap, so it cannot be read from its beginning; the
//! instructions (and from version 97 the shape table) say where a literal begins and how many elements it has. A literal
//! is a sequence of runs: a tag with a kind and a count (4 bits, or 12 in two bytes), then the values.

use super::code::{HAS_LITERAL, Instruction, Isa, value};
use super::form::Form;
use super::layout::Kind;
use super::rows::NONE;
use super::sequences::Literal;

/// Kinds of runs that hold string ids, and the bytes of an id in each.
const LONG_STRING: u8 = 0x40;
const SHORT_STRING: u8 = 0x50;
const BYTE_STRING: u8 = 0x60;

/// The most values of a run.
const MOST_VALUES: u32 = 4095;

/// Bytes of a value in a run of `kind`.
const fn width(form: &Form, kind: u8) -> usize {
    match kind {
        0x30 => 8,
        LONG_STRING | 0x70 => 4,
        SHORT_STRING => 2,
        BYTE_STRING if form.has_byte_strings() => 1,
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

/// A run of a literal.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Its kind.
    kind: u8,
    /// Its values.
    pub count: u32,
    /// Where they begin.
    start: usize,
    /// Where they end.
    pub end: usize,
}

/// The run at `at` of `buffer`; `None` where none is whole.
#[must_use]
pub fn run(form: &Form, buffer: &[u8], at: usize) -> Option<Run> {
    let tag = *buffer.get(at)?;
    let mut start = at + 1;
    let mut count = u32::from(tag & 15);
    if tag & 0x80 != 0 {
        count = count << 8 | u32::from(*buffer.get(start)?);
        start += 1;
    }
    let kind = tag & 0x70;
    let end = start + width(form, kind) * count as usize;
    (count > 0 && end <= buffer.len()).then_some(Run { kind, count, start, end })
}

/// Old's buffers with the string ids that new has, as far as they fit their width. `lists` are the literals in them.
#[must_use]
pub fn renumber(form: &Form, buffers: &[Vec<u8>; 3], lists: &[Vec<Literal>; 3], strings: &[u32]) -> [Vec<u8>; 3] {
    let mut out = buffers.clone();
    for ((from, to), list) in buffers.iter().zip(&mut out).zip(lists) {
        for literal in list {
            let (mut at, end) = (literal.at as usize, literal.at as usize + literal.bytes as usize);
            while at < end {
                let Some(run) = run(form, from, at) else { break };
                let bytes = width(form, run.kind);
                let holds_strings = matches!(run.kind, LONG_STRING | SHORT_STRING | BYTE_STRING) && bytes > 0;
                if holds_strings {
                    for place in (run.start..run.end).step_by(bytes) {
                        let id =
                            from[place..place + bytes].iter().rev().fold(0u32, |id, &byte| id << 8 | u32::from(byte));
                        let new = strings.get(id as usize).copied().unwrap_or(NONE);
                        if new != NONE && u64::from(new) >> (8 * bytes) == 0 {
                            to[place..place + bytes].copy_from_slice(&new.to_le_bytes()[..bytes]);
                        }
                    }
                }
                at = run.end;
            }
        }
    }
    out
}

/// A literal with the string ids that new has, as the compiler writes it: ids that fit are shorter, and values of one
/// kind are one run.
#[must_use]
pub fn rewrite(form: &Form, content: &[u8], strings: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut pending: (u8, u32, Vec<u8>) = (0xff, 0, Vec::new());
    let flush = |out: &mut Vec<u8>, (kind, count, values): &mut (u8, u32, Vec<u8>)| {
        if *count > 15 {
            out.extend_from_slice(&[*kind | 0x80 | (*count >> 8) as u8, *count as u8]);
        } else if *count > 0 {
            out.push(*kind | *count as u8);
        }
        out.append(values);
        *count = 0;
    };
    let mut at = 0;
    while let Some(run) = run(form, content, at) {
        let bytes = width(form, run.kind);
        let is_string = matches!(run.kind, LONG_STRING | SHORT_STRING | BYTE_STRING) && bytes > 0;
        for i in 0..run.count as usize {
            let value = content.get(run.start + i * bytes..run.start + (i + 1) * bytes).unwrap_or_default();
            let mut kind = run.kind;
            let mut id = 0;
            if is_string {
                id = value.iter().rev().fold(0u32, |id, &byte| id << 8 | u32::from(byte));
                id = strings.get(id as usize).copied().filter(|&to| to != NONE).unwrap_or(id);
                kind = match id {
                    0..=0xff if form.has_byte_strings() => BYTE_STRING,
                    0..=0xffff => SHORT_STRING,
                    _ => LONG_STRING,
                };
            }
            if kind != pending.0 || pending.1 == MOST_VALUES {
                flush(&mut out, &mut pending);
                pending.0 = kind;
            }
            pending.1 += 1;
            if is_string {
                pending.2.extend_from_slice(&id.to_le_bytes()[..width(form, kind)]);
            } else {
                pending.2.extend_from_slice(value);
            }
        }
        at = run.end;
    }
    flush(&mut out, &mut pending);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_are_written_as_short_as_the_compiler_writes_them() {
        let form = Form::candidates(96)[0];
        // Two short ids, true, and an integer; the ids become one of a byte and one of two.
        let content = [0x52, 0x2c, 0x01, 0x90, 0x01, 0x11, 0x71, 7, 0, 0, 0];
        let mut strings: Vec<u32> = (0..1000).collect();
        assert_eq!(rewrite(&form, &content, &strings), content);
        strings[300] = 7;
        assert_eq!(rewrite(&form, &content, &strings), [0x61, 7, 0x51, 0x90, 0x01, 0x11, 0x71, 7, 0, 0, 0]);
        strings[400] = 9;
        assert_eq!(rewrite(&form, &content, &strings), [0x62, 7, 9, 0x11, 0x71, 7, 0, 0, 0]);
        strings[300] = NONE;
        assert_eq!(rewrite(&form, &content[..5], &strings), [0x51, 0x2c, 0x01, 0x61, 9]);
    }

    #[test]
    fn long_runs_have_a_tag_of_two_bytes_and_cut_ones_end_the_literal() {
        let form = Form::candidates(98)[0];
        let mut content = vec![0xd0, 20];
        content.extend((0..20u16).flat_map(u16::to_le_bytes));
        assert_eq!(rewrite(&form, &content, &[]), content);
        assert!(run(&form, &content, 0).is_some_and(|run| run.count == 20 && run.end == content.len()));
        assert!(run(&form, &content[..41], 0).is_none());
        assert!(rewrite(&form, &content[..41], &[]).is_empty());
    }
}
