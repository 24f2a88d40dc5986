//! The model of edits in text: words are renamed, and a word that was renamed once will be again.
//!
//! Old is walked in units: words and single other bytes. Just behind an edit each unit is asked whether it changes;
//! further away the number of bytes up to the next surprise is coded at once, and only words that were renamed before
//! are asked.

use super::edits::{Edit, EditError, Walk, sort};
use super::ends::{New, Old};
use super::literal::{Aligned, Part};
use super::mix::{Net, Pace, hash};
use super::range::{About, Coder};
use super::words::{Renaming, Renamings, Unit, Word};

const CONTEXTS: usize = 10;
const INPUTS: usize = 24;
const CELL_BITS: u32 = 18;
const PACE: Pace = Pace { first: 1440, last: 160, limit: 255 };
/// Units behind an edit that are asked one by one.
const WATCHED: u32 = 20;

/// What is decided; each has weights of its own.
#[derive(Clone, Copy)]
enum Question {
    /// Does an edit begin at this unit, close behind another?
    Changes = 0,
    /// Does this word, renamed before, change here, far from other edits?
    ChangesAgain = 1,
    /// Does it become what it became last?
    AsLast = 2,
    /// Or what it became before that?
    AsBefore = 3,
    /// Is it another word?
    Renames = 4,
    /// Do words change on the way to the next surprise?
    RunRenames = 5,
}
const QUESTIONS: usize = 6;

/// The model of edits in text.
pub struct Text {
    cells: Box<[u8]>,
    net: Net<CONTEXTS, INPUTS>,
    /// The words that were renamed.
    pub renamings: Renamings,
    /// The last outcomes, the latest lowest: 1 for an edit.
    outcomes: u32,
    kinds: u32,
    quiet: u32,
    before: [u32; 2],
    last_renamed: u32,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            cells: vec![0; 1 << CELL_BITS].into_boxed_slice(),
            net: Net::new([QUESTIONS * 64, QUESTIONS * 64], QUESTIONS * 4, PACE),
            renamings: Renamings::default(),
            outcomes: 0,
            kinds: 0,
            quiet: WATCHED,
            before: [0; 2],
            last_renamed: 0,
        }
    }
}

/// What the encoder knows: the edits of a file, in order, and its content.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    /// The edits, each beginning where a unit begins.
    pub edits: &'a [Edit],
    /// The content of the file.
    pub new: &'a [u8],
}

impl Guide<'_> {
    /// A guide for a decoder, which knows nothing.
    pub const NONE: Guide<'static> = Guide { edits: &[], new: &[] };
}

impl Text {
    /// Codes one file, for which [`Walk::begin`] was called.
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
            if self.quiet < WATCHED {
                self.watch(coder, walk, &mut guide, old, out)?;
            } else {
                self.run(coder, walk, &mut guide, old, out)?;
            }
        }
        Ok(())
    }

    /// Asks the unit at hand.
    fn watch<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        guide: &mut Guide,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        let Some(unit) = Unit::at(old, walk.place) else {
            return self.surprise(coder, walk, guide, None, old, out);
        };
        let known = self.renamings.get(unit.hash).copied();
        let here = guide.edits.first().is_some_and(|edit| edit.old == walk.place && edit.new == walk.done);
        let contexts = self.contexts(&unit, known.as_ref(), walk.place, old);
        if self.ask(coder, here, Question::Changes, &unit, known.as_ref(), &contexts) {
            let edit = guide.edits.first();
            if let Some(known) = known
                && let Some(word) = self.code_again(coder, edit, guide.new, &unit, &known, &contexts)
            {
                guide.edits = guide.edits.get(1..).unwrap_or(&[]);
                return self.rename(walk, &unit, word, out);
            }
            return self.surprise(coder, walk, guide, Some((&unit, &contexts)), old, out);
        }
        // New may end within a unit of old.
        walk.copy(old, out, unit.len().min(walk.size - walk.done))?;
        self.kept(&unit);
        self.quiet += 1;
        Ok(())
    }

    /// Copies up to the next surprise, with known words renamed on the way.
    fn run<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        guide: &mut Guide,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        let begin = walk.place;
        let mut renames = false;
        let mut end = begin + (walk.size - walk.done);
        if !C::DECODES {
            // The first edit that the dictionary does not foresee.
            let mut foreseen = 0;
            let surprise = guide.edits.iter().find(|edit| {
                let known = Unit::at(old, edit.old).and_then(|unit| self.renamings.get(unit.hash).copied());
                let again = known.is_some_and(|known| becomes(&known, edit, guide.new).is_some());
                let again = again && Unit::at(old, edit.old).is_some_and(|unit| unit.len() == edit.old_len);
                foreseen += u32::from(again);
                !again
            });
            renames = foreseen > 0;
            end = match (surprise, guide.edits[..foreseen as usize].last()) {
                (Some(edit), _) => edit.old,
                (None, Some(last)) => last.then + (walk.size - last.new - last.new_len),
                (None, None) => end,
            };
        }
        let hint = hash(self.kinds & 0xff, u32::from(old.byte(begin)));
        let end = begin.saturating_add(walk.code_run(coder, end.wrapping_sub(begin), hint));
        if end > old.len() {
            return Err(EditError::OutsideOld { at: begin, len: end - begin, has: old.len() });
        }
        if !self.renamings.is_empty() && end > begin {
            let far = 64 - (end - begin).leading_zeros();
            let contexts = [hash(far, 0), hash(self.kinds & 0xff, 1), 2, 3, 4, 5, 6, 7, 8, 9];
            renames = self.decide(coder, renames, Question::RunRenames, [far as usize, 0], 0, &contexts);
        }
        if renames {
            let mut copied_to = begin;
            let mut at = begin;
            while let Some((place, unit)) = self.renamings.find(old, at, end) {
                let known = self.renamings.get(unit.hash).copied();
                let here = guide.edits.first().is_some_and(|edit| edit.old == place);
                let contexts = self.contexts(&unit, known.as_ref(), place, old);
                at = place + unit.len();
                if !self.ask(coder, here, Question::ChangesAgain, &unit, known.as_ref(), &contexts) {
                    self.kept(&unit);
                    continue;
                }
                walk.copy(old, out, place - copied_to)?;
                let edit = guide.edits.first();
                let word = known.and_then(|known| self.code_again(coder, edit, guide.new, &unit, &known, &contexts));
                guide.edits = guide.edits.get(1..).unwrap_or(&[]);
                self.rename(walk, &unit, word.ok_or(EditError::Stuck)?, out)?;
                copied_to = walk.place;
                if walk.ended() {
                    break;
                }
            }
            // A unit may reach past the end of the run only where the stream is damaged.
            let end = end.max(copied_to);
            walk.copy(old, out, (end - copied_to).min(walk.size - walk.done))?;
        } else {
            walk.copy(old, out, end - begin)?;
        }
        if walk.ended() {
            return Ok(());
        }
        let unit = Unit::at(old, walk.place);
        let contexts = unit.map(|unit| {
            let known = self.renamings.get(unit.hash).copied();
            self.contexts(&unit, known.as_ref(), walk.place, old)
        });
        self.surprise(coder, walk, guide, unit.as_ref().zip(contexts.as_ref()), old, out)
    }

    /// Codes an edit that the dictionary does not foresee.
    fn surprise<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        guide: &mut Guide,
        at: Option<(&Unit, &[u32; CONTEXTS])>,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        let edit = guide.edits.first();
        self.quiet = 0;
        self.outcomes = self.outcomes << 1 | 1;
        if let Some((unit, contexts)) = at.filter(|(unit, _)| unit.is_word) {
            let word = edit.and_then(|edit| renamed(edit, guide.new, unit));
            if self.ask(coder, word.is_some(), Question::Renames, unit, None, contexts) {
                let word = self.code_word(coder, walk, unit, word.unwrap_or_default())?;
                guide.edits = guide.edits.get(1..).unwrap_or(&[]);
                self.kinds = self.kinds << 4 | 1;
                out.push(word.as_bytes());
                self.renamed(walk, unit, word);
                return Ok(());
            }
        }
        self.kinds = self.kinds << 4 | 2;
        walk.code_edit(coder, edit, guide.new, old, out)?;
        guide.edits = guide.edits.get(1..).unwrap_or(&[]);
        Ok(())
    }

    /// Codes the word that replaces `unit`.
    fn code_word<C: Coder>(
        &mut self,
        coder: &mut C,
        walk: &mut Walk,
        unit: &Unit,
        word: Word,
    ) -> Result<Word, EditError> {
        let old_len = unit.len() as u32;
        let contexts = [hash(old_len, 0), hash(old_len, self.kinds & 0xff), 2, hash(self.last_renamed, 3)];
        let len = walk.numbers.code(coder, word.as_bytes().len() as u64, sort::WORD, contexts);
        if len > super::words::WORD_BYTES as u64 {
            return Err(EditError::BeyondNew { len, left: super::words::WORD_BYTES as u64 });
        }
        walk.check_room(len)?;
        let mut coded = Word::default();
        let from = unit.word.as_bytes();
        for i in 0..len as usize {
            let byte = word.as_bytes().get(i).copied().unwrap_or(0);
            let from_at = |i: usize| from.get(i).copied().unwrap_or(0);
            let hint = hash(unit.hash, len as u32 * 32 + i as u32);
            let aligned = Aligned { byte: from_at(i), next: from_at(i + 1), hint };
            coded.push(walk.literals.code(coder, byte, Part::Renamed, aligned));
        }
        Ok(coded)
    }

    /// Codes whether `unit` becomes what it became before; the word where it does.
    fn code_again<C: Coder>(
        &mut self,
        coder: &mut C,
        edit: Option<&Edit>,
        new: &[u8],
        unit: &Unit,
        known: &Renaming,
        contexts: &[u32; CONTEXTS],
    ) -> Option<Word> {
        let which = edit.filter(|edit| edit.old_len == unit.len()).and_then(|edit| becomes(known, edit, new));
        if self.ask(coder, which == Some(0), Question::AsLast, unit, Some(known), contexts) {
            return Some(known.became[0]);
        }
        if known.became[1].as_bytes().is_empty() {
            return None;
        }
        self.ask(coder, which == Some(1), Question::AsBefore, unit, Some(known), contexts).then_some(known.became[1])
    }

    /// Writes `word` in place of `unit`.
    fn rename(&mut self, walk: &mut Walk, unit: &Unit, word: Word, out: &mut impl New) -> Result<(), EditError> {
        walk.check_room(word.as_bytes().len() as u64)?;
        out.push(word.as_bytes());
        walk.literals.history.copied(word.as_bytes());
        self.outcomes = self.outcomes << 1 | 1;
        self.kinds = self.kinds << 4 | 3;
        self.quiet = 0;
        self.renamed(walk, unit, word);
        Ok(())
    }

    fn renamed(&mut self, walk: &mut Walk, unit: &Unit, word: Word) {
        walk.place += unit.len();
        walk.done += word.as_bytes().len() as u64;
        self.renamings.learn(unit.hash, word);
        self.before = [unit.hash, self.before[0]];
        self.last_renamed = unit.hash;
    }

    fn kept(&mut self, unit: &Unit) {
        self.outcomes <<= 1;
        self.before = [unit.hash, self.before[0]];
        if unit.is_word {
            self.renamings.keep(unit.hash);
        }
    }

    fn contexts(&self, unit: &Unit, known: Option<&Renaming>, at: u64, old: &mut impl Old) -> [u32; CONTEXTS] {
        let past = known.map_or(0x100, |known| u32::from(known.outcomes));
        let class = unit.len().min(4) as u32 | u32::from(unit.is_word) << 3;
        let after = u32::from(old.byte(at + unit.len()));
        let recent = u32::from(old.byte(at.wrapping_sub(1)));
        let quiet = self.quiet.min(31);
        [
            hash(unit.hash, 0),
            hash(unit.hash, past << 8 | 1),
            hash(past & 0x10f, self.outcomes & 3 | 0x20),
            hash(self.outcomes & 0xff, 3),
            hash(self.outcomes & 0xf, class << 8 | 4),
            hash(unit.hash, recent & 0xff | 0x500),
            hash(quiet << 8 | class, self.kinds & 0xff | 0x600),
            hash(unit.hash ^ self.before[0].rotate_left(9), 7),
            hash(after << 16 | (recent & 0xff) << 8 | class, 8),
            hash(past << 8 | quiet, self.outcomes & 1 | 0x900),
        ]
    }

    fn ask<C: Coder>(
        &mut self,
        coder: &mut C,
        answer: bool,
        question: Question,
        unit: &Unit,
        known: Option<&Renaming>,
        contexts: &[u32; CONTEXTS],
    ) -> bool {
        let class = unit.len().min(7) as usize | usize::from(unit.is_word) << 3;
        let past = known.map_or(8, |known| usize::from(known.outcomes & 7)) | (self.outcomes as usize & 3) << 4;
        self.decide(coder, answer, question, [class, past], usize::from(known.is_some()), contexts)
    }

    fn decide<C: Coder>(
        &mut self,
        coder: &mut C,
        answer: bool,
        question: Question,
        selectors: [usize; 2],
        curve: usize,
        contexts: &[u32; CONTEXTS],
    ) -> bool {
        coder.about(About::Control);
        let question = question as usize;
        let slots = contexts.map(|context| hash(context, question as u32) as usize & ((1 << CELL_BITS) - 1));
        let sets = selectors.map(|selector| question * 64 + selector);
        let answer = u32::from(answer);
        self.net.code(coder, answer, &mut self.cells, &slots, &[], sets, question * 4 + curve) != 0
    }
}

/// Which of a word's former replacements `edit` puts in its place.
fn becomes(known: &Renaming, edit: &Edit, new: &[u8]) -> Option<usize> {
    let text = inserted(edit, new)?;
    (!edit.jumps() && !text.is_empty()).then_some(())?;
    known.became.iter().position(|word| word.as_bytes() == text)
}

/// The word that `edit` puts in the place of `unit`, if it does no more than that.
fn renamed(edit: &Edit, new: &[u8], unit: &Unit) -> Option<Word> {
    let text = inserted(edit, new)?;
    let one_word =
        !text.is_empty() && text.len() <= super::words::WORD_BYTES && text.iter().all(|&b| super::literal::is_word(b));
    (one_word && !edit.jumps() && edit.old_len == unit.len()).then(|| Word::of(text))
}

fn inserted<'a>(edit: &Edit, new: &'a [u8]) -> Option<&'a [u8]> {
    let start = usize::try_from(edit.new).ok()?;
    new.get(start..start.checked_add(usize::try_from(edit.new_len).ok()?)?)
}
