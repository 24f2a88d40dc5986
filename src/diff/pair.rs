//! Pairing: which old file a new one was made from.
//!
//! The same path first; then a name that differs only in what looks like a content hash; then content, by a sketch of
//! the least hashes of all its windows (A. Broder, "On the resemblance and containment of documents", 1997), so that
//! thousands of files are paired without comparing each with each.

use std::collections::HashMap;

use rayon::prelude::*;

use super::side::Side;
use crate::hash::Hash;
use crate::patch::entries::{Content, Method, NewEntry};

/// Bytes of a window that is hashed.
const WINDOW: usize = 24;
/// Hashes in a sketch.
const SKETCH: usize = 48;
/// Files that hold a hash of a sketch, above which it says nothing.
const COMMON: usize = 24;
/// Sketches must share this many hashes to make a pair.
const ALIKE: usize = 4;

/// What became of each file of new, sorted by path. The methods are for the caller to choose.
#[must_use]
pub fn entries(old: &Side, new: &Side) -> Vec<NewEntry> {
    let by_path: HashMap<&str, usize> = names(&old.tree.entries).collect();
    let mut by_hash: HashMap<Hash, usize> = HashMap::new();
    for (i, entry) in old.tree.entries.iter().enumerate() {
        by_hash.entry(entry.hash).or_insert(i);
    }
    let mut taken = vec![false; old.tree.entries.len()];
    let mut entries: Vec<NewEntry> = Vec::with_capacity(new.tree.entries.len());
    for entry in &new.tree.entries {
        let from = by_path.get(entry.path.as_str()).copied();
        if let Some(from) = from {
            taken[from] = true;
        }
        let same = from.filter(|&from| old.tree.entries[from].hash == entry.hash);
        let content = match same.or_else(|| by_hash.get(&entry.hash).copied()) {
            Some(index) => Content::Old(index),
            None => Content::Coded { size: entry.size, base: from, method: Method::Text },
        };
        entries.push(NewEntry { path: entry.path.clone(), executable: entry.executable, from, content });
    }

    // A file that moved takes the place of the one that is gone.
    for entry in entries.iter_mut().filter(|entry| entry.from.is_none()) {
        if let Content::Old(index) = entry.content
            && !taken[index]
        {
            taken[index] = true;
            entry.from = Some(index);
        }
    }
    pair_by_name(old, &mut entries, &mut taken);
    pair_by_content(old, new, &mut entries, &mut taken);
    share_duplicates(new, &mut entries);
    entries
}

fn names(entries: &[crate::tree::Entry]) -> impl Iterator<Item = (&str, usize)> {
    entries.iter().enumerate().map(|(i, entry)| (entry.path.as_str(), i))
}

fn unpaired(entry: &NewEntry) -> bool {
    matches!(entry.content, Content::Coded { base: None, .. })
}

fn pair(entry: &mut NewEntry, with: usize, taken: &mut [bool]) {
    if let Content::Coded { base, .. } = &mut entry.content {
        *base = Some(with);
    }
    if entry.from.is_none() && !taken[with] {
        taken[with] = true;
        entry.from = Some(with);
    }
}

/// Pairs files whose names agree but for parts that look like hashes, where only one old file that is gone has the name.
fn pair_by_name(old: &Side, entries: &mut [NewEntry], taken: &mut [bool]) {
    let mut gone: HashMap<String, Vec<usize>> = HashMap::new();
    for (path, i) in names(&old.tree.entries).filter(|&(_, i)| !taken[i]) {
        gone.entry(without_hashes(path)).or_default().push(i);
    }
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, entry) in entries.iter().enumerate().filter(|(_, entry)| unpaired(entry)) {
        wanted.entry(without_hashes(&entry.path)).or_default().push(i);
    }
    for (name, wanted) in wanted {
        if let (Some([old]), [new]) = (gone.get(&name).map(Vec::as_slice), &wanted[..]) {
            pair(&mut entries[*new], *old, taken);
        }
    }
}

/// `path` with every part that looks like a content hash replaced.
fn without_hashes(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut rest = path;
    while !rest.is_empty() {
        let len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let (word, tail) = rest.split_at(len);
        name.push_str(if looks_like_hash(word) { "*" } else { word });
        let mut tail = tail.chars();
        name.extend(tail.next());
        rest = tail.as_str();
    }
    name
}

fn looks_like_hash(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let upper = word.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let len = word.len();
    len >= 6 && (hex && digits > 0 || len >= 8 && (digits > 0 || upper > 0) && len <= 64)
}

/// Pairs what is left by content: an old file that is gone before one that stays.
fn pair_by_content(old: &Side, new: &Side, entries: &mut [NewEntry], taken: &mut [bool]) {
    let wanted: Vec<usize> = (0..entries.len()).filter(|&i| unpaired(&entries[i])).collect();
    if wanted.is_empty() {
        return;
    }
    let old_sketches: Vec<Vec<u32>> =
        (0..old.tree.entries.len()).into_par_iter().map(|i| sketch(old.content(i))).collect();
    let mut holders: HashMap<u32, Vec<usize>> = HashMap::new();
    for (i, sketch) in old_sketches.iter().enumerate() {
        for &hash in sketch {
            let files = holders.entry(hash).or_default();
            if files.len() <= COMMON {
                files.push(i);
            }
        }
    }
    let sketches: Vec<Vec<u32>> = wanted.par_iter().map(|&i| sketch(new.content(i))).collect();
    for (&i, sketch) in wanted.iter().zip(&sketches) {
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for hash in sketch {
            for &file in holders.get(hash).filter(|files| files.len() <= COMMON).into_iter().flatten() {
                *shared.entry(file).or_default() += 1;
            }
        }
        let best = shared.into_iter().max_by_key(|&(file, count)| (count, !taken[file], std::cmp::Reverse(file)));
        if let Some((file, _)) = best.filter(|&(_, count)| count >= ALIKE.min(sketch.len() / 2 + 1)) {
            pair(&mut entries[i], file, taken);
        }
    }
}

/// The least hashes of all windows of `content`, ascending.
fn sketch(content: &[u8]) -> Vec<u32> {
    const FACTOR: u32 = 0x0100_0193;
    let leaving = (0..WINDOW).fold(1u32, |power, _| power.wrapping_mul(FACTOR));
    let mut least = std::collections::BinaryHeap::with_capacity(SKETCH + 1);
    let mut known = std::collections::HashSet::with_capacity(SKETCH * 2);
    let mut rolling = 0u32;
    for (i, &byte) in content.iter().enumerate() {
        rolling = rolling.wrapping_mul(FACTOR).wrapping_add(u32::from(byte) + 1);
        if i >= WINDOW {
            rolling = rolling.wrapping_sub(leaving.wrapping_mul(u32::from(content[i - WINDOW]) + 1));
        }
        if i + 1 < WINDOW {
            continue;
        }
        let hash = crate::codec::mix::hash(rolling, 0x5EED);
        let below = least.len() < SKETCH || least.peek().is_some_and(|&top| hash < top);
        if below && known.insert(hash) {
            least.push(hash);
            if least.len() > SKETCH
                && let Some(top) = least.pop()
            {
                known.remove(&top);
            }
        }
    }
    least.into_sorted_vec()
}

/// Coded files of equal content are coded once: the one that is told first.
fn share_duplicates(new: &Side, entries: &mut [NewEntry]) {
    let told = |entry: &NewEntry, i: usize| (entry.from.unwrap_or(usize::MAX), i);
    let mut first: HashMap<Hash, usize> = HashMap::new();
    let coded: Vec<usize> =
        (0..entries.len()).filter(|&i| matches!(entries[i].content, Content::Coded { .. })).collect();
    for &i in &coded {
        let known = first.entry(new.tree.entries[i].hash).or_insert(i);
        if told(&entries[i], i) < told(&entries[*known], *known) {
            *known = i;
        }
    }
    for &i in &coded {
        let known = first[&new.tree.entries[i].hash];
        if known != i {
            entries[i].content = Content::New(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_in_names_are_told_from_words() {
        assert_eq!(without_hashes("static/js/main.8f3a91bc.js"), "static/js/main.*.js");
        assert_eq!(without_hashes("assets/index-Bx3f9aQ1.js"), "assets/index-*.js");
        assert_eq!(without_hashes("img/background.png"), "img/background.png");
    }

    #[test]
    fn similar_contents_share_most_of_their_sketch() {
        let old: Vec<u8> = (0..4000u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
        let mut new = old.clone();
        new.splice(5000..5010, *b"an edit");
        let (a, b) = (sketch(&old), sketch(&new));
        assert!(a.iter().filter(|hash| b.contains(hash)).count() > SKETCH * 3 / 4);
    }
}
