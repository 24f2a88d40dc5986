//! The model of edits in binary data: single bytes are changed in place, by amounts that come back.
//!
//! Close behind a change every byte is asked; further away the number of equal bytes is coded at once. Where the
//! structure of old is known, its tags tell which byte of what kind of field is at hand.

use super::bytes::{Bytes, Guess, TRUST};
use super::edits::{EditError, Walk};
use super::ends::{New, Old};
use super::mix::{Net, Pace, hash};
use super::range::{About, Coder};
use super::text::Guide;

const CONTEXTS: usize = 12;
const INPUTS: usize = 32;
const CELL_BITS: u32 = 18;
const FLAG_PACE: Pace = Pace { first: 1440, last: 160, limit: 255 };
const BYTE_PACE: Pace = Pace { first: 1320, last: 160, limit: 255 };
/// Bytes behind a change that are asked one by one.
const WATCHED: u32 = 16;

#[derive(Clone, Copy)]
enum Question {
    /// Does this byte change?
    Changes = 0,
    /// Is it an edit that moves, not just another byte?
    Moves = 1,
}
const QUESTIONS: usize = 2;

/// The model of edits in binary data.
pub struct Binary {
    cells: Box<[u8]>,
    net: Net<CONTEXTS, INPUTS>,
    bytes: Bytes<CONTEXTS, INPUTS>,
    /// The last outcomes, the latest lowest: 1 for a change.
    outcomes: u32,
    quiet: u32,
    /// The last differences, the latest first.
    deltas: [u8; 4],
    /// By tag: the last outcomes, the last difference, how often that one came true in a row.
    by_tag: Box<[Field; 256]>,
    /// What each byte became last, by tag and byte.
    became: Box<[[u8; 2]]>,
}

#[derive(Clone, Copy, Default)]
struct Field {
    outcomes: u8,
    delta: u8,
    held: u8,
}

const BECAME_BITS: u32 = 12;

impl Default for Binary {
    fn default() -> Self {
        Self {
            cells: vec![0; 1 << CELL_BITS].into_boxed_slice(),
            net: Net::new([QUESTIONS * 64, QUESTIONS * 256], QUESTIONS * 8, FLAG_PACE),
            bytes: Bytes::new(1, 32, BYTE_PACE),
            outcomes: 0,
            quiet: WATCHED,
            deltas: [0; 4],
            by_tag: Box::new([Field::default(); 256]),
            became: vec![[0; 2]; 1 << BECAME_BITS].into_boxed_slice(),
        }
    }
}

/// What stands in old around the place at hand.
struct Around {
    tag: u8,
    before: [u8; 2],
    here: u8,
    after: [u8; 2],
    /// The last bytes of new.
    recent: u32,
    place: u64,
}

impl Around {
    fn at(old: &mut impl Old, place: u64, recent: u64) -> Self {
        Self {
            tag: old.tag(place),
            before: [old.byte(place.wrapping_sub(1)), old.byte(place.wrapping_sub(2))],
            here: old.byte(place),
            after: [old.byte(place + 1), old.byte(place + 2)],
            recent: recent as u32,
            place,
        }
    }

    /// The difference that the byte before came out with: a carry, or the same field's.
    fn carried(&self) -> u8 {
        (self.recent as u8).wrapping_sub(self.before[0])
    }
}

impl Binary {
    /// Codes one file, for which [`Walk::begin`] was called. The guide's edits are those that move; single bytes that
    /// differ between them are found by comparing.
    ///
    /// # Errors
    /// Where decoded edits do not fit old or new. Encoding does not fail.
    pub fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        mut guide: Guide,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        self.quiet = WATCHED;
        while !walk.ended() {
            if coder.starved() {
                return Err(EditError::Truncated);
            }
            let moves = guide.edits.first().is_some_and(|edit| edit.old == walk.place && edit.new == walk.done);
            if walk.place >= old.len() {
                self.edit(coder, walk, &mut guide, old, out)?;
                continue;
            }
            if self.quiet >= WATCHED {
                let mut len = 0;
                if !C::DECODES {
                    let most = guide.edits.first().map_or(walk.size - walk.done, |edit| edit.new - walk.done);
                    let rest = guide.new.get(walk.done as usize..).unwrap_or(&[]);
                    len = equal(old, walk.place, &rest[..rest.len().min(most as usize)]);
                }
                let tag = u32::from(old.tag(walk.place));
                let len = walk.code_run(coder, len, hash(tag, self.outcomes & 0xff));
                walk.copy(old, out, len)?;
                self.outcomes = if len > 31 { 0 } else { self.outcomes << len };
                if walk.ended() {
                    break;
                }
                let moves = guide.edits.first().is_some_and(|edit| edit.old == walk.place && edit.new == walk.done);
                self.change(coder, walk, &mut guide, moves, old, out)?;
                continue;
            }
            let around = Around::at(old, walk.place, walk.literals.history.recent());
            let changes = moves || guide.new.get(walk.done as usize) != Some(&around.here);
            if self.ask(coder, changes, Question::Changes, &around) {
                self.change(coder, walk, &mut guide, moves, old, out)?;
            } else {
                walk.check_room(1)?;
                walk.literals.history.push(around.here);
                walk.put(out, around.here);
                walk.place += 1;
                self.outcomes <<= 1;
                self.by_tag[around.tag as usize].outcomes <<= 1;
                self.quiet += 1;
            }
        }
        Ok(())
    }

    /// Codes the change that is known to be here.
    fn change<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        guide: &mut Guide,
        moves: bool,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        if walk.place >= old.len() {
            return self.edit(coder, walk, guide, old, out);
        }
        let around = Around::at(old, walk.place, walk.literals.history.recent());
        if self.ask(coder, moves, Question::Moves, &around) {
            return self.edit(coder, walk, guide, old, out);
        }
        walk.check_room(1)?;
        let byte = guide.new.get(walk.done as usize).copied().unwrap_or(0);
        let byte = self.byte(coder, byte, &around, walk);
        walk.literals.history.push(byte);
        walk.put(out, byte);
        walk.place += 1;
        self.outcomes = self.outcomes << 1 | 1;
        self.quiet = 0;
        Ok(())
    }

    fn edit<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        guide: &mut Guide,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        walk.code_edit(coder, guide.edits.first(), guide.new, old, out)?;
        guide.edits = guide.edits.get(1..).unwrap_or(&[]);
        self.outcomes = self.outcomes << 2 | 3;
        self.quiet = 0;
        Ok(())
    }

    fn ask<C: Coder>(&mut self, coder: &mut C, answer: bool, question: Question, around: &Around) -> bool {
        coder.about(About::Control);
        let past = self.outcomes;
        let tag = u32::from(around.tag);
        let field = self.by_tag[around.tag as usize];
        let field_past = u32::from(field.outcomes);
        let here = u32::from(around.here);
        let last = around.recent & 0xff;
        let [before, before2] = around.before.map(u32::from);
        let [after, after2] = around.after.map(u32::from);
        let aligned = (around.place & 3) as u32;
        let contexts = [
            hash(past & 0xffff, 1),
            hash(past & 0xff | here << 8, 2),
            hash(tag << 8 | field_past, 3),
            hash((past & 1) << 16 | before << 8 | last, 4),
            hash(tag << 16 | past & 0xff, 5 + (aligned << 8)),
            hash(here << 16 | after << 8 | past & 3, 6),
            hash(past & 0xfff | aligned << 16, 7),
            hash((around.recent & 0xffff) << 8 | past & 3, 8),
            hash(tag << 16 | here << 8 | past & 0xf, 9),
            hash(u32::from(self.deltas[0]) | (past & 0xf) << 8 | here << 16, 10),
            hash(tag << 16 | past & 0x1111, 11 + (aligned << 8)),
            hash(here << 24 | after << 16 | after2 << 8 | before, hash(tag ^ before2, 12)),
        ];
        let slots = contexts.map(|context| hash(context, question as u32 + 1) as usize & ((1 << CELL_BITS) - 1));
        let question = question as usize;
        let sets = [question * 64 + (past & 63) as usize, question * 256 + around.tag as usize];
        let curve = question * 8 + (past & 7) as usize;
        self.net.code(coder, u32::from(answer), &mut self.cells, &slots, &[], sets, curve) != 0
    }

    /// Codes the byte that stands in place of another.
    fn byte<C: Coder>(&mut self, coder: &mut C, byte: u8, around: &Around, walk: &mut Walk) -> u8 {
        coder.about(About::Difference);
        let tag = u32::from(around.tag);
        let field = self.by_tag[around.tag as usize];
        let here = u32::from(around.here);
        let [before, before2] = around.before.map(u32::from);
        let after = u32::from(around.after[0]);
        let last = around.recent & 0xff;
        let carried = u32::from(around.carried());
        let by_field = around.here.wrapping_add(field.delta);
        let place = (hash(tag, here | (around.recent & 0xff) << 8) >> (32 - BECAME_BITS)) as usize;
        let [became, sure] = self.became[place];
        let deltas = self.deltas.map(u32::from);
        let contexts = [
            hash(21, here | tag << 8),
            hash(22, here | last << 8 | tag << 16),
            hash(23, here | before << 8 | last << 16),
            hash(24, around.recent & 0xff_ffff),
            hash(25, around.recent & 0xffff | tag << 16),
            hash(26, here | after << 8 | before << 16 | before2 << 24),
            hash(27, here | deltas[1] << 8 | deltas[3] << 16),
            hash(28, u32::from(by_field) | tag << 8),
            hash(29, here.wrapping_add(deltas[0]) & 0xff | (self.outcomes & 0xff) << 8),
            hash(30, here.wrapping_add(deltas[1]) & 0xff | tag << 8),
            hash(31, here | carried << 8 | tag << 16),
            hash(32, here | deltas[0] << 8 | last << 16),
        ];
        let guesses = [
            Some(Guess { byte: by_field, class: usize::from(field.held.min(15)) }),
            Some(Guess {
                byte: around.here.wrapping_add(self.deltas[0]),
                class: usize::from(self.deltas[0] == self.deltas[1]) | usize::from(self.deltas[0] == field.delta) << 1,
            }),
            (sure > 0).then(|| Guess { byte: became, class: usize::from(sure).min(TRUST - 1) }),
        ];
        let selector = usize::from(field.held.min(7)) | usize::from(sure.min(3)) << 3;
        let byte = self.bytes.code(coder, byte, walk.literals.table(), &contexts, &guesses, 0, selector);

        let delta = byte.wrapping_sub(around.here);
        self.deltas.rotate_right(1);
        self.deltas[0] = delta;
        let field = &mut self.by_tag[around.tag as usize];
        field.outcomes = field.outcomes << 1 | 1;
        field.held = if field.delta == delta { (field.held + 1).min(15) } else { 0 };
        field.delta = delta;
        self.became[place] = if became == byte { [byte, (sure + 1).min(40)] } else { [byte, 1] };
        byte
    }
}

/// How many bytes of `new` equal old from `place` on.
fn equal(old: &mut impl Old, place: u64, new: &[u8]) -> u64 {
    let mut done = 0;
    while done < new.len() {
        let run = old.run(place + done as u64, (new.len() - done) as u64);
        let same = run.iter().zip(&new[done..]).take_while(|(a, b)| a == b).count();
        done += same;
        if same < run.len() || run.is_empty() {
            break;
        }
    }
    done as u64
}
