//! Aligns the instructions of a body with those of its counterpart.

use crate::codec::mix::hash;
use crate::hermes::code::{Code, Isa, value};
use crate::hermes::layout::Kind;
use crate::hermes::rows::NONE;

use super::common;

/// The most cells of a table of costs.
const CELLS: usize = 1 << 22;

/// What an instruction is, apart from where it jumps: all of it, and without its registers.
fn tokens(isa: &Isa, code: &Code, bytes: &[u8]) -> Vec<[u32; 2]> {
    let token = |instruction: &crate::hermes::code::Instruction| {
        let opcode = u32::from(instruction.opcode);
        let mut token = [hash(1, opcode); 2];
        for &operand in isa.operands(instruction.opcode) {
            let value = value(operand, bytes, instruction.at);
            let value = value as u32 ^ (value >> 32) as u32;
            match operand.kind {
                Kind::Jump | Kind::JumpTable | Kind::StringTable => {}
                Kind::Register | Kind::Cache => token[0] = hash(token[0], value),
                _ => token = token.map(|token| hash(token, value)),
            }
        }
        token
    };
    code.instructions.iter().map(token).collect()
}

/// For each instruction of `new` its counterpart in `base`, or [`NONE`]; `predicted` are the base's bytes with new's
/// numbers.
pub fn align(isa: &Isa, base: &Code, predicted: &[u8], new: &Code) -> Vec<u32> {
    let a = tokens(isa, base, predicted);
    let b = tokens(isa, new, &new.bytes);
    let mut out = vec![NONE; b.len()];
    // Three instructions in a row are an anchor; then what lies between is weighed.
    let windows = |tokens: &[[u32; 2]]| -> Vec<u32> {
        tokens.windows(3).map(|three| hash(hash(three[0][1], three[1][1]), three[2][1])).collect()
    };
    let anchors = common::pairs(&windows(&a), &windows(&b));
    let mut fixed: Vec<(usize, usize)> = Vec::new();
    for (i, j) in anchors {
        for k in 0..3 {
            let (i, j) = (i + k, j + k);
            if fixed.last().is_none_or(|&(last_i, last_j)| i > last_i && j > last_j) {
                fixed.push((i, j));
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    fixed.push((a.len(), b.len()));
    for (anchor_i, anchor_j) in fixed {
        weigh(isa, base, new, (&a, i, anchor_i), (&b, j, anchor_j), &mut out);
        if let Some(place) = out.get_mut(anchor_j) {
            *place = anchor_i as u32;
        }
        (i, j) = (anchor_i + 1, anchor_j + 1);
    }
    out
}

type Side<'a> = (&'a [[u32; 2]], usize, usize);

/// The cheapest way from one side of a gap to the other.
fn weigh(isa: &Isa, base: &Code, new: &Code, (a, a0, a1): Side<'_>, (b, b0, b1): Side<'_>, out: &mut [u32]) {
    let (rows, columns) = (a1.saturating_sub(a0), b1.saturating_sub(b0));
    if rows == 0 || columns == 0 {
        return;
    }
    if rows.saturating_mul(columns) > CELLS {
        // Too much to weigh: take what is equal.
        let of = |side: &[[u32; 2]]| side.iter().map(|token| token[1]).collect::<Vec<_>>();
        for (i, j) in common::pairs(&of(&a[a0..a1]), &of(&b[b0..b1])) {
            out[b0 + j] = (a0 + i) as u32;
        }
        return;
    }
    let insert_cost = |j: usize| {
        let size = isa.size_bytes(new.instructions[b0 + j].opcode).unwrap_or(1) as u32;
        8 + 10 * size
    };
    const DELETE: u32 = 8;
    let keep_cost = |i: usize, j: usize| {
        let (from, to) = (base.instructions[a0 + i].opcode, new.instructions[b0 + j].opcode);
        if from != to {
            return None;
        }
        if a[a0 + i] == b[b0 + j] {
            return Some(1);
        }
        let size = isa.size_bytes(to).unwrap_or(1) as u32;
        Some(if a[a0 + i][1] == b[b0 + j][1] { 12 } else { 6 + 7 * size })
    };
    let width = columns + 1;
    let mut costs = vec![0u32; width];
    let mut steps = vec![0u8; (rows + 1) * width];
    for j in 0..columns {
        costs[j + 1] = costs[j] + insert_cost(j);
        steps[j + 1] = 2;
    }
    for i in 0..rows {
        let mut diagonal = costs[0];
        costs[0] += DELETE;
        steps[(i + 1) * width] = 1;
        for j in 0..columns {
            let mut best = (costs[j + 1] + DELETE, 1);
            let insert = costs[j] + insert_cost(j);
            if insert < best.0 {
                best = (insert, 2);
            }
            if let Some(keep) = keep_cost(i, j).map(|cost| cost + diagonal)
                && keep <= best.0
            {
                best = (keep, 3);
            }
            diagonal = costs[j + 1];
            costs[j + 1] = best.0;
            steps[(i + 1) * width + j + 1] = best.1;
        }
    }
    let (mut i, mut j) = (rows, columns);
    while i > 0 || j > 0 {
        match steps[i * width + j] {
            1 => i -= 1,
            2 => j -= 1,
            _ => {
                (i, j) = (i - 1, j - 1);
                out[b0 + j] = (a0 + i) as u32;
            }
        }
    }
}
