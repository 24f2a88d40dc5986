//! Finds the pieces of old that a buffer of new is made of.

use crate::hermes::splice::Op;

const KEY_BYTES: usize = 6;
const TABLE_BITS: u32 = 16;
const CANDIDATES: usize = 24;

fn key(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + KEY_BYTES)?;
    let word = bytes.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    Some((word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS)) as usize)
}

fn agree(old: &[u8], from: usize, new: &[u8], at: usize) -> usize {
    let (old, new) = (old.get(from..).unwrap_or_default(), new.get(at..).unwrap_or_default());
    old.iter().zip(new).take_while(|(a, b)| a == b).count()
}

/// What a piece saves, in bits: a byte of text costs about four, a place more the farther it is.
fn worth(bytes: usize, from: usize, expected: usize) -> i64 {
    let distance = from.abs_diff(expected) as u64;
    let place = if distance == 0 { 3 } else { 10 + 2 * i64::from(64 - distance.leading_zeros()) * 2 / 3 };
    bytes as i64 * 4 - place - 8
}

/// Pieces and the text between them that make `new` of `old`.
pub fn find(old: &[u8], new: &[u8]) -> Vec<Op> {
    let mut heads = vec![u32::MAX; 1 << TABLE_BITS];
    let mut chain = vec![u32::MAX; old.len()];
    for at in (0..old.len()).rev() {
        if let Some(key) = key(old, at) {
            chain[at] = std::mem::replace(&mut heads[key], at as u32);
        }
    }
    let mut ops = Vec::new();
    let (mut at, mut text, mut next) = (0, 0, 0);
    while at < new.len() {
        // Going on where old was left, or as if the text had replaced as many bytes.
        let mut best = (0i64, 0usize, 0usize);
        let mut consider = |from: usize| {
            let bytes = agree(old, from, new, at);
            let worth = worth(bytes, from, next);
            if bytes > 0 && worth > best.0 {
                best = (worth, from, bytes);
            }
        };
        consider(next);
        consider(next + (at - text));
        if let Some(key) = key(new, at) {
            let mut from = heads[key];
            for _ in 0..CANDIDATES {
                if from == u32::MAX {
                    break;
                }
                consider(from as usize);
                from = chain[from as usize];
            }
        }
        let (worth, mut from, mut bytes) = best;
        if worth <= 0 {
            at += 1;
            continue;
        }
        while at > text && from > 0 && old[from - 1] == new[at - 1] {
            (at, from, bytes) = (at - 1, from - 1, bytes + 1);
        }
        ops.push(Op { text: (at - text) as u32, from: from as u32, bytes: bytes as u32 });
        at += bytes;
        text = at;
        next = from + bytes;
    }
    if text < new.len() {
        ops.push(Op { text: (new.len() - text) as u32, from: 0, bytes: 0 });
    }
    ops
}
