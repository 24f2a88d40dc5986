//! Finds the counterpart of each function: by its whole content, then by less and less of it between those.

use std::collections::HashMap;

use crate::codec::mix::hash;
use crate::hermes::code::{Code, Isa, value};
use crate::hermes::form::Form;
use crate::hermes::function::Function;
use crate::hermes::functions::FunctionRun;
use crate::hermes::layout::Kind;
use crate::hermes::rows::NONE;

use super::common;

const BINS: usize = 24;
const CELLS: usize = 1 << 20;

/// What a function is, in ways that survive a compile.
#[derive(Clone, Copy, Default)]
pub struct Face {
    /// Instructions, constants, strings and the name.
    whole: u64,
    /// Opcodes and strings.
    shape: u64,
    /// Opcodes.
    opcodes: u64,
    /// The name, if it has one.
    name: u32,
    size: u32,
    /// How often opcodes and strings of each class occur.
    bins: [u8; BINS],
}

/// The face of a function; `string` says what a string's id is in new.
pub fn face(isa: &Isa, form: &Form, function: &Function, code: &Code, string: impl Fn(u32) -> u32) -> Face {
    let mix = |sum: u64, word: u64| {
        let sum = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        sum ^ sum >> 31
    };
    let name = string(function.name(form));
    let mut face = Face { whole: u64::from(name), size: function.size(form), name, ..Face::default() };
    for instruction in &code.instructions {
        let opcode = u64::from(instruction.opcode);
        face.whole = mix(face.whole, opcode);
        face.shape = mix(face.shape, opcode);
        face.opcodes = mix(face.opcodes, opcode);
        let bin = &mut face.bins[hash(opcode as u32, 3) as usize % (BINS / 2)];
        *bin = bin.saturating_add(1);
        for &operand in isa.operands(instruction.opcode) {
            let value = value(operand, &code.bytes, instruction.at);
            match operand.kind {
                Kind::String => {
                    let string = string(value as u32);
                    face.whole = mix(face.whole, string.into());
                    face.shape = mix(face.shape, string.into());
                    let bin = &mut face.bins[BINS / 2 + hash(string, 4) as usize % (BINS / 2)];
                    *bin = bin.saturating_add(2);
                }
                kind if kind.is_reference() => {}
                Kind::Register | Kind::Jump => face.whole = mix(face.whole, value),
                _ => {
                    face.whole = mix(face.whole, value);
                    face.shape = mix(face.shape, value);
                }
            }
        }
    }
    face
}

/// How alike two functions are, from 0 to 1000.
fn likeness(a: &Face, b: &Face) -> u32 {
    let (mut same, mut all) = (0u32, 0u32);
    for (x, y) in a.bins.iter().zip(&b.bins) {
        same += u32::from(*x.min(y));
        all += u32::from(*x.max(y));
    }
    let size = 1000 * a.size.min(b.size).max(1) / a.size.max(b.size).max(1);
    let content = (1000 * same + 500).checked_div(all).unwrap_or(1000);
    let name = if a.name == b.name { 250 } else { 0 };
    (content * 3 + size) / 4 * 3 / 4 + name
}

/// For each function of `new` its counterpart in `old`, or [`NONE`].
pub fn pair(old: &[Face], new: &[Face]) -> Vec<u32> {
    let mut bases = vec![NONE; new.len()];
    let keys: [fn(&Face) -> u64; 4] = [
        |face| face.whole,
        |face| face.shape ^ u64::from(face.name) << 32,
        |face| face.opcodes ^ u64::from(face.name) << 32,
        |face| u64::from(face.name),
    ];
    level(old, new, (0, old.len()), (0, new.len()), &keys, &mut bases);
    // What was moved: the same content elsewhere.
    let mut taken = vec![false; old.len()];
    for &base in &bases {
        if let Some(taken) = taken.get_mut(base as usize) {
            *taken = true;
        }
    }
    for key in &keys[..3] {
        let mut places: HashMap<u64, Vec<u32>> = HashMap::new();
        for (i, face) in old.iter().enumerate() {
            places.entry(key(face)).or_default().push(i as u32);
        }
        let mut last = 0u32;
        for (j, face) in new.iter().enumerate() {
            if bases[j] != NONE {
                last = bases[j];
                continue;
            }
            if let Some(places) = places.get(&key(face)).filter(|_| face.size > 8) {
                let after = places.partition_point(|&place| place <= last);
                let near = places.get(after).or(places.last());
                let free = places.iter().skip(after).take(16).find(|&&place| !taken[place as usize]);
                if let Some(&place) = free.or(near) {
                    bases[j] = place;
                    taken[place as usize] = true;
                    last = place;
                }
            }
        }
    }
    bases
}

type Range = (usize, usize);

fn level(old: &[Face], new: &[Face], a: Range, b: Range, keys: &[fn(&Face) -> u64], bases: &mut [u32]) {
    if a.0 >= a.1 || b.0 >= b.1 {
        return;
    }
    let Some((key, rest)) = keys.split_first() else {
        return weigh(old, new, a, b, bases);
    };
    let of = |faces: &[Face]| faces.iter().map(key).collect::<Vec<_>>();
    let mut pairs = common::pairs(&of(&old[a.0..a.1]), &of(&new[b.0..b.1]));
    pairs.push((a.1 - a.0, b.1 - b.0));
    let (mut left_a, mut left_b) = (a.0, b.0);
    for (i, j) in pairs {
        let (i, j) = (a.0 + i, b.0 + j);
        level(old, new, (left_a, i), (left_b, j), rest, bases);
        if j < b.1 && i < a.1 {
            bases[j] = i as u32;
        }
        (left_a, left_b) = (i + 1, j + 1);
    }
}

/// Pairs what is most alike, in order.
fn weigh(old: &[Face], new: &[Face], a: Range, b: Range, bases: &mut [u32]) {
    let (rows, columns) = (a.1 - a.0, b.1 - b.0);
    if rows.saturating_mul(columns) > CELLS {
        return;
    }
    const LEAST: u32 = 330;
    let width = columns + 1;
    let mut best = vec![0u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let likeness = likeness(&old[a.0 + i], &new[b.0 + j]);
            let mut value = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            if likeness > LEAST {
                value = value.max(best[(i + 1) * width + j + 1] + likeness - LEAST);
            }
            best[i * width + j] = value;
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < rows && j < columns {
        let here = best[i * width + j];
        if here == best[(i + 1) * width + j] {
            i += 1;
        } else if here == best[i * width + j + 1] {
            j += 1;
        } else {
            bases[b.0 + j] = (a.0 + i) as u32;
            (i, j) = (i + 1, j + 1);
        }
    }
}

/// The counterparts as runs.
pub fn runs(bases: &[u32]) -> Vec<FunctionRun> {
    let mut runs: Vec<FunctionRun> = Vec::new();
    for &base in bases {
        match runs.last_mut() {
            Some(FunctionRun { from: Some(from), count }) if base != NONE && *from + *count == base => *count += 1,
            Some(FunctionRun { from: None, count }) if base == NONE => *count += 1,
            _ => runs.push(FunctionRun { from: (base != NONE).then_some(base), count: 1 }),
        }
    }
    runs
}
