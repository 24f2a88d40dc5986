//! Text of new that stands in a file of new that comes earlier: what several files of a release share.

use std::ops::Range;

use super::agree::{backward, forward};
use super::covers::Cover;

/// Bytes that are hashed to find a repeat.
const SAMPLE: usize = 16;
/// The shortest repeat that is worth its jump.
const SHORTEST: usize = 24;
const TABLE_BITS: u32 = 20;
const NONE: u32 = u32::MAX;

/// Adds to `covers` of `new`, whose files lie at `files`, what the bytes under no cover repeat from files before their
/// own. Such copies are from places behind `old_len`, where all of `new` is thought to follow old.
///
/// Linear in the length of `new`: each place is looked up once, and a repeat is skipped once it is found. Text beyond
/// 4 GiB is not found.
#[must_use]
pub fn add(new: &[u8], files: &[Range<usize>], covers: Vec<Cover>, old_len: usize) -> Vec<Cover> {
    let mut table = vec![NONE; 1 << TABLE_BITS];
    let mut all = Vec::with_capacity(covers.len());
    let mut covers = covers.into_iter().peekable();
    let mut at = 0;
    for file in files {
        let mut gaps = Vec::new();
        at = at.max(file.start);
        while let Some(cover) = covers.next_if(|cover| cover.new < file.end) {
            gaps.push(at..cover.new.max(at));
            at = at.max(cover.new + cover.len);
            find(new, file.start, gaps.last().cloned().unwrap_or(0..0), &table, &mut all, old_len);
            all.push(cover);
        }
        if at < file.end {
            gaps.push(at..file.end);
            find(new, file.start, at..file.end, &table, &mut all, old_len);
        }
        for gap in gaps {
            for place in gap.start..gap.end.saturating_sub(SAMPLE - 1) {
                table[slot(&new[place..])] = u32::try_from(place).unwrap_or(NONE);
            }
        }
    }
    all
}

fn slot(text: &[u8]) -> usize {
    let word = |at: usize| text[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mixed = (word(0) ^ word(8).rotate_left(23)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ word(8).wrapping_mul(0xC2B2_AE3D_27D4_EB4F)) as usize >> (64 - TABLE_BITS)
}

/// Finds what one gap repeats of the text before `complete`.
fn find(new: &[u8], complete: usize, gap: Range<usize>, table: &[u32], all: &mut Vec<Cover>, old_len: usize) {
    let mut at = gap.start;
    let mut free = gap.start;
    while at + SAMPLE <= gap.end {
        let earlier = table[slot(&new[at..])];
        if earlier == NONE || new[earlier as usize..][..SAMPLE] != new[at..at + SAMPLE] {
            at += 1;
            continue;
        }
        let earlier = earlier as usize;
        let back = backward(&new[..earlier], &new[free..at]);
        let len = back + forward(&new[earlier..complete], &new[at..gap.end]);
        if len >= SHORTEST {
            all.push(Cover { new: at - back, old: old_len + earlier - back, len });
            at += len - back;
            free = at;
        } else {
            at += 1;
        }
    }
}
