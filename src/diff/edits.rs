//! From covers to edits: what the models of text and of binary data are guided by.

use crate::codec::edits::{Edit, MAX_DELETED};
use crate::codec::ends::Old;
use crate::codec::literal::is_word;
use crate::codec::words::WORD_BYTES;

/// A cover of one file: `new` counts from the file's start, `old` is a place in the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where in the file.
    pub new: u64,
    /// Where in old.
    pub old: u64,
    /// Bytes.
    pub len: u64,
}

const WORD: u64 = WORD_BYTES as u64;

/// The edits between the covers of one file of `new_len` bytes. Copying begins at `start`. Single bytes that differ
/// inside a cover are no edits.
#[must_use]
pub fn moving(covers: &[Placed], start: u64, new_len: u64) -> Vec<Edit> {
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

fn push_between(edits: &mut Vec<Edit>, old_at: u64, new_at: u64, then: u64, new_then: u64) {
    if old_at == then && new_at == new_then {
        return;
    }
    let deleted = then.checked_sub(old_at).filter(|&deleted| deleted <= MAX_DELETED);
    edits.push(Edit { old: old_at, new: new_at, old_len: deleted.unwrap_or(0), new_len: new_then - new_at, then });
}

/// The edits of one file of text: each begins at a word or beside one, and where one word gives way to another the
/// edit is just that.
#[must_use]
pub fn in_words(old: &mut impl Old, new: &[u8], covers: &[Placed], start: u64) -> Vec<Edit> {
    let raw = with_substitutions(old, new, covers, start);
    let mut edits: Vec<Edit> = Vec::with_capacity(raw.len());
    let mut words = Words { old, new, landing: start };
    let mut next = 0;
    while next < raw.len() {
        let mut edit = raw[next];
        next += 1;
        words.begin_at_unit(&mut edit);
        let (edit, merged) = words.as_renaming(edit, &raw[next..]);
        next += merged;
        words.landing = edit.then;
        edits.push(edit);
    }
    edits
}

/// All departures of new from its covers, single bytes included.
fn with_substitutions(old: &mut impl Old, new: &[u8], covers: &[Placed], start: u64) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old_at, mut new_at) = (start, 0);
    for cover in covers {
        push_between(&mut edits, old_at, new_at, cover.old, cover.new);
        let mut done = 0;
        let mut differed = false;
        while done < cover.len {
            let run = old.run(cover.old + done, cover.len - done);
            let text = &new[(cover.new + done) as usize..];
            if run.is_empty() {
                break;
            }
            for (i, (a, b)) in (done..).zip(run.iter().zip(text)) {
                match edits.last_mut() {
                    Some(last) if a != b && differed => {
                        let last: &mut Edit = last;
                        last.old_len += 1;
                        last.new_len += 1;
                        last.then += 1;
                    }
                    _ if a != b => {
                        push_between(&mut edits, cover.old + i, cover.new + i, cover.old + i + 1, cover.new + i + 1);
                    }
                    _ => {}
                }
                differed = a != b;
            }
            done += run.len() as u64;
        }
        (old_at, new_at) = (cover.old + cover.len, cover.new + cover.len);
    }
    if new_at < new.len() as u64 {
        push_between(&mut edits, old_at, new_at, old_at, new.len() as u64);
    }
    edits
}

/// A walk over the edits of a file, which knows where copying began last.
struct Words<'a, O> {
    old: &'a mut O,
    new: &'a [u8],
    landing: u64,
}

impl<O: Old> Words<'_, O> {
    fn old_is_word(&mut self, place: u64) -> bool {
        place < self.old.len() && is_word(self.old.byte(place))
    }

    fn new_is_word(&self, place: u64) -> bool {
        self.new.get(place as usize).is_some_and(|&byte| is_word(byte))
    }

    /// Where the unit begins that the byte before `place` lies in, which is part of a word.
    fn unit_start(&mut self, place: u64) -> u64 {
        let mut first = place;
        while first > self.landing && self.old_is_word(first - 1) {
            first -= 1;
        }
        first + (place - first).saturating_sub(1) / WORD * WORD
    }

    /// Moves the beginning of `edit` back to that of a word that it lies inside.
    fn begin_at_unit(&mut self, edit: &mut Edit) {
        let place = edit.old;
        if place > self.landing && self.old_is_word(place - 1) && self.old_is_word(place) {
            let start = self.unit_start(place);
            // The walk cuts long words into pieces: a piece may end just here.
            if place - start < WORD {
                grow_left(edit, place - start);
            }
        }
    }

    /// `edit` made to replace one word by one word, if with the rest of the word (and the following edits in it) it
    /// is that; and how many of `rest` it took in. Otherwise `edit` as it is.
    fn as_renaming(&mut self, edit: Edit, rest: &[Edit]) -> (Edit, usize) {
        if edit.jumps() {
            return (edit, 0);
        }
        let mut word = edit;
        let place = word.old;
        if word.new_len > 0 && self.new_is_word(word.new) && place > self.landing && self.old_is_word(place - 1) {
            let start = self.unit_start(place);
            if place - start < WORD {
                grow_left(&mut word, place - start);
            }
        }
        let mut taken = 0;
        loop {
            if word.old_len > WORD || word.new_len > WORD {
                return (edit, 0);
            }
            let new_end = word.new + word.new_len;
            let next = rest.get(taken);
            let gap = next.map_or(self.new.len() as u64, |next| next.new) - new_end;
            let tail = (0..gap.min(WORD + 1)).take_while(|&i| self.new_is_word(new_end + i)).count() as u64;
            word.old_len += tail;
            word.new_len += tail;
            word.then = word.old + word.old_len;
            match next {
                // The next edit lies in the same word or at its end.
                Some(next) if tail == gap && !next.jumps() && self.touches_word(next) => {
                    word.old_len += next.old_len;
                    word.new_len += next.new_len;
                    word.then = next.then;
                    taken += 1;
                }
                _ => break,
            }
        }
        let one_word = (1..=WORD).contains(&word.old_len)
            && (1..=WORD).contains(&word.new_len)
            && (0..word.old_len).all(|i| self.old_is_word(word.old + i))
            && (0..word.new_len).all(|i| self.new_is_word(word.new + i));
        let whole = word.old_len == WORD || !self.old_is_word(word.then);
        if one_word && whole { (word, taken) } else { (edit, 0) }
    }

    fn touches_word(&mut self, edit: &Edit) -> bool {
        (edit.old_len == 0 || self.old_is_word(edit.old)) && (edit.new_len == 0 || self.new_is_word(edit.new))
    }
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
