//! Longest common subsequences, near enough, in time that is linear but for sorting.

use std::collections::HashMap;
use std::hash::Hash;

/// Pairs of equal elements of `a` and `b`, ascending in both: what both begin and end with, elements that occur once in
/// either, and again between those.
pub fn pairs<T: Eq + Hash + Copy>(a: &[T], b: &[T]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    // Deeper than this, what is left repeats itself too much to be worth it.
    gap(a, b, (0, a.len()), (0, b.len()), 4, &mut out);
    out
}

fn gap<T: Eq + Hash + Copy>(
    a: &[T],
    b: &[T],
    (mut a0, mut a1): (usize, usize),
    (mut b0, mut b1): (usize, usize),
    depth: u32,
    out: &mut Vec<(usize, usize)>,
) {
    while a0 < a1 && b0 < b1 && a[a0] == b[b0] {
        out.push((a0, b0));
        (a0, b0) = (a0 + 1, b0 + 1);
    }
    let mut tail = 0;
    while a0 < a1 && b0 < b1 && a[a1 - 1] == b[b1 - 1] {
        (a1, b1) = (a1 - 1, b1 - 1);
        tail += 1;
    }
    if a0 < a1 && b0 < b1 && depth > 0 {
        let anchors = unique(&a[a0..a1], &b[b0..b1]);
        if !anchors.is_empty() {
            let (mut left_a, mut left_b) = (a0, b0);
            for (i, j) in anchors {
                let (i, j) = (a0 + i, b0 + j);
                gap(a, b, (left_a, i), (left_b, j), depth - 1, out);
                out.push((i, j));
                (left_a, left_b) = (i + 1, j + 1);
            }
            gap(a, b, (left_a, a1), (left_b, b1), depth - 1, out);
        }
    }
    out.extend((0..tail).map(|i| (a1 + i, b1 + i)));
}

/// Elements that occur once in `a` and once in `b`, the longest ascending sequence of them.
fn unique<T: Eq + Hash + Copy>(a: &[T], b: &[T]) -> Vec<(usize, usize)> {
    const MANY: usize = usize::MAX;
    let mut seen: HashMap<T, (usize, usize)> = HashMap::with_capacity(a.len());
    for (i, &element) in a.iter().enumerate() {
        seen.entry(element).and_modify(|place| place.0 = MANY).or_insert((i, MANY - 1));
    }
    for (j, element) in b.iter().enumerate() {
        if let Some(place) = seen.get_mut(element) {
            place.1 = if place.1 == MANY - 1 { j } else { MANY };
        }
    }
    let ordered = b.iter().enumerate().filter_map(|(j, element)| {
        let &(i, at) = seen.get(element)?;
        (i != MANY && at == j).then_some((i, j))
    });
    ascending(&ordered.collect::<Vec<_>>())
}

/// The longest subsequence of `pairs`, which ascend in their second parts, that ascends in the first too.
pub fn ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before = vec![usize::MAX; pairs.len()];
    for (index, pair) in pairs.iter().enumerate() {
        let place = tails.partition_point(|&tail| pairs[tail].0 < pair.0);
        if place > 0 {
            before[index] = tails[place - 1];
        }
        if place == tails.len() {
            tails.push(index);
        } else {
            tails[place] = index;
        }
    }
    let mut chain = Vec::with_capacity(tails.len());
    let mut next = tails.last().copied().unwrap_or(usize::MAX);
    while let Some(&pair) = pairs.get(next) {
        chain.push(pair);
        next = before[next];
    }
    chain.reverse();
    chain
}
