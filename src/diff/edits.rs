//! From covers to edits: what the models of text and of binary data are guided by.

use super::covers::Cover;
use crate::codec::edits::{Edit, MAX_DELETED};
use crate::codec::literal::is_word;
use crate::codec::words::WORD_BYTES;

/// The edits between the covers of one file. `covers` lie in `new` (places counted from the file's start) and copy
/// from `old`; copying begins at `start`. Single bytes that differ inside a cover are no edits.
pub fn moving(covers: &[Cover], start: usize, new_len: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old_at, mut new_at) = (start, 0);
    for cover in covers {
        push_between(&mut edits, old_at, new_at, cover.old, cover.new);
        (old_at, new_at) = (cover.old + cover.len, cover.new + cover.len);
    }
    if new_at < new_len {
        push_between(&mut edits, old_at, new_at, old_at, new_len);
    }
    edits
}

fn push_between(edits: &mut Vec<Edit>, old_at: usize, new_at: usize, old_then: usize, new_then: usize) {
    if old_at == old_then && new_at == new_then {
        return;
    }
    let deleted = old_then.checked_sub(old_at).map_or(0, |len| len as u64);
    edits.push(Edit {
        old: old_at as u64,
        new: new_at as u64,
        old_len: if deleted <= MAX_DELETED { deleted } else { 0 },
        new_len: (new_then - new_at) as u64,
        then: old_then as u64,
    });
}

/// The edits of one file of text: each begins at a word or beside one, and where one word gives way to another the
/// edit is just that.
pub fn in_words(old: &[u8], new: &[u8], covers: &[Cover], start: usize) -> Vec<Edit> {
    let raw = with_substitutions(old, new, covers, start);
    let mut edits: Vec<Edit> = Vec::with_capacity(raw.len());
    let mut landing = start;
    let mut next = 0;
    while next < raw.len() {
        let mut edit = raw[next];
        next += 1;
        begin_at_unit(old, new, landing, &mut edit);
        let (edit, merged) = as_renaming(old, new, landing, edit, &raw[next..]);
        next += merged;
        landing = edit.then as usize;
        edits.push(edit);
    }
    edits
}

/// All departures of new from its covers, single bytes included.
fn with_substitutions(old: &[u8], new: &[u8], covers: &[Cover], start: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old_at, mut new_at) = (start, 0);
    for cover in covers {
        push_between(&mut edits, old_at, new_at, cover.old, cover.new);
        let pair = old[cover.old..cover.old + cover.len].iter().zip(&new[cover.new..cover.new + cover.len]);
        let mut at = 0;
        for (i, (a, b)) in pair.enumerate() {
            if a != b {
                let (place, old_place) = (cover.new + i, cover.old + i);
                match edits.last_mut() {
                    Some(last) if i > at && at > 0 && last.new + last.new_len == place as u64 => {
                        last.old_len += 1;
                        last.new_len += 1;
                        last.then += 1;
                    }
                    _ => push_between(&mut edits, old_place, place, old_place + 1, place + 1),
                }
                at = i + 1;
            }
        }
        (old_at, new_at) = (cover.old + cover.len, cover.new + cover.len);
    }
    if new_at < new.len() {
        push_between(&mut edits, old_at, new_at, old_at, new.len());
    }
    edits
}

/// Where the unit begins that `place` lies in or directly behind, on a walk from `landing`.
fn unit_start(old: &[u8], landing: usize, place: usize) -> usize {
    let back = old[landing..place].iter().rev().take_while(|&&byte| is_word(byte)).count();
    let first = place - back;
    first + back.saturating_sub(1) / WORD_BYTES * WORD_BYTES
}

/// Moves the beginning of `edit` back to that of a word that it lies inside.
fn begin_at_unit(old: &[u8], new: &[u8], landing: usize, edit: &mut Edit) {
    let place = edit.old as usize;
    if place <= landing || !is_word(old[place - 1]) {
        return;
    }
    let inside = old.get(place).is_some_and(|&byte| is_word(byte));
    let start = unit_start(old, landing, place);
    // The walk cuts long words into pieces: a piece may end just here.
    if inside && (place - start) < WORD_BYTES {
        grow_left(edit, (place - start) as u64);
    }
    debug_assert_eq!(old[edit.old as usize..place], new[edit.new as usize..][..place - edit.old as usize]);
}

fn grow_left(edit: &mut Edit, by: u64) {
    let jumps = edit.jumps();
    edit.old -= by;
    edit.new -= by;
    edit.new_len += by;
    if !jumps {
        edit.old_len += by;
    }
}

/// `edit` made to replace one word by one word, if with the rest of the word (and the following edits in it) it is
/// that; and how many of `rest` it took in. Otherwise `edit` as it is.
fn as_renaming(old: &[u8], new: &[u8], landing: usize, edit: Edit, rest: &[Edit]) -> (Edit, usize) {
    if edit.jumps() {
        return (edit, 0);
    }
    let mut word = edit;
    let mut taken = 0;
    let place = word.old as usize;
    let appends = word.new_len > 0 && is_word(new[word.new as usize]);
    if place > landing && is_word(old[place - 1]) && (appends || word.old_len > 0) {
        let start = unit_start(old, landing, place);
        if place - start < WORD_BYTES && (appends || old.get(place).is_some_and(|&byte| is_word(byte))) {
            grow_left(&mut word, (place - start) as u64);
        }
    }
    loop {
        let (old_end, new_end) = ((word.old + word.old_len) as usize, (word.new + word.new_len) as usize);
        let next = rest.get(taken);
        let gap = next.map_or(new.len() - new_end, |next| next.new as usize - new_end);
        let text = &new[new_end..new_end + gap];
        let tail = text.iter().take(WORD_BYTES + 1).take_while(|&&byte| is_word(byte)).count();
        word.old_len += tail as u64;
        word.new_len += tail as u64;
        word.then = word.old + word.old_len;
        debug_assert!(old_end + tail <= old.len());
        if word.old_len > WORD_BYTES as u64 || word.new_len > WORD_BYTES as u64 {
            return (edit, 0);
        }
        match next {
            // The next edit lies in the same word or at its end.
            Some(next) if tail == gap && !next.jumps() && touches_word(old, new, next) => {
                word.old_len += next.old_len;
                word.new_len += next.new_len;
                word.then = next.then;
                taken += 1;
            }
            _ => break,
        }
        if word.old_len > WORD_BYTES as u64 || word.new_len > WORD_BYTES as u64 {
            return (edit, 0);
        }
    }
    let is_one = |text: &[u8]| !text.is_empty() && text.len() <= WORD_BYTES && text.iter().all(|&byte| is_word(byte));
    let was = &old[word.old as usize..(word.old + word.old_len) as usize];
    let becomes = &new[word.new as usize..(word.new + word.new_len) as usize];
    let ends = old.get(word.then as usize).is_none_or(|&byte| !is_word(byte)) || was.len() == WORD_BYTES;
    if is_one(was) && is_one(becomes) && ends { (word, taken) } else { (edit, 0) }
}

fn touches_word(old: &[u8], new: &[u8], edit: &Edit) -> bool {
    let word_at = |text: &[u8], at: u64| text.get(at as usize).is_some_and(|&byte| is_word(byte));
    (edit.old_len == 0 || word_at(old, edit.old)) && (edit.new_len == 0 || word_at(new, edit.new))
}
