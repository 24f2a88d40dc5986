//! What makes the list of literals of new from that of old.

use std::collections::HashMap;

use crate::hermes::sequences::{Change, Literal, Prepared};

use super::common;

/// What makes the list `order`, whose contents are in `new`, from `old`.
pub fn changes(old: &Prepared, order: &[Literal], new: &[u8]) -> Vec<Change> {
    let mut known: HashMap<&[u8], u32> = HashMap::with_capacity(old.list.len());
    for index in 0..old.list.len() {
        known.entry(old.content(index)).or_insert(index as u32);
    }
    let came: Vec<Option<u32>> = order.iter().map(|literal| known.get(literal.content(new)).copied()).collect();
    let pairs: Vec<(usize, usize)> = came.iter().enumerate().filter_map(|(j, i)| i.map(|i| (i as usize, j))).collect();
    let mut stays = common::ascending(&pairs);
    stays.push((old.list.len(), order.len()));
    let mut changes: Vec<Change> = Vec::new();
    let (mut i, mut j, mut keep) = (0, 0, 0);
    for (to_i, to_j) in stays {
        if to_i > i || to_j > j {
            let come = (j..to_j).map(|j| came[j].ok_or_else(|| order[j].content(new).to_vec()));
            changes.push(Change { keep, skip: (to_i - i) as u32, come: come.collect() });
            keep = 0;
        }
        keep += 1;
        (i, j) = (to_i + 1, to_j + 1);
    }
    changes.push(Change { keep: keep - 1, skip: 0, come: Vec::new() });
    changes
}
