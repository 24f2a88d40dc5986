//! The build side: finds out what new is made of, and writes the hints.

mod align;
mod common;
mod literals;
mod pairing;
mod pieces;

pub(super) use common::ascending;

use std::io;

use crate::codec::range::Encoder;

use super::HermesError;
use super::body::{Code, Lesson, read_info};
use super::budget::Budget;
use super::code::Isa;
use super::debug::{self, Locations, Section};
use super::form::FOOTER_BYTES;
use super::function::Function;
use super::functions::{FunctionRun, Numbering};
use super::hints::Hints;
use super::layout;
use super::listing::{self, Change};
use super::predict::{self, Image, Tally};
use super::reader::Bytecode;
use super::rows::{Edit, NONE};
use super::sequences::{self, Literal, Prepared};
use super::splice::{self, Op};
use super::strings;
use super::teacher::Teacher;

/// What the build side hands to the engine.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What the device needs beside old to compute the image.
    pub hints: Vec<u8>,
    /// What new is expected to be.
    pub image: Vec<u8>,
    /// What each byte of the image is; the numbers are in [`predict::tag`].
    pub tags: Vec<u8>,
    /// Whether the last 20 bytes of new are the SHA-1 of all before them, so that they need not be sent.
    pub footer: bool,
    /// Memory that the device needs to compute the image, in bytes.
    pub memory_bytes: u64,
    /// Where the bytes of the hints went.
    pub report: Tally,
}

impl Image for Plan {
    fn put(&mut self, at: u64, bytes: &[u8], tag: u8) -> io::Result<()> {
        let start = at as usize;
        let end = start + bytes.len();
        if self.image.len() < end {
            self.image.resize(end, 0);
            self.tags.resize(end, 0);
        }
        self.image[start..end].copy_from_slice(bytes);
        self.tags[start..end].fill(tag);
        Ok(())
    }
}

/// Hints below this may be beaten by plain edits.
const FEW_BYTES: usize = 4 << 10;

impl Plan {
    /// Whether no plain edits can be as small: much has changed, hints tell nearly all of it, and in little.
    #[must_use]
    pub fn is_sure(&self, new: &[u8]) -> bool {
        let wrong = self.image.iter().zip(new).filter(|(expected, byte)| expected != byte).count();
        let missing = self.image.len().abs_diff(new.len());
        let hints = self.hints.len();
        hints > FEW_BYTES && hints < new.len() / 16 && wrong + missing < hints / 4
    }
}

struct Truth<'a> {
    data: &'a [u8],
    old: &'a [u8],
    before: Bytecode,
    file: Bytecode,
    isa: Isa,
    lists: bool,
    debug: Option<Section>,
    literals: Option<[Vec<Literal>; 3]>,
}

impl Truth<'_> {
    fn code(&self, data: &[u8], file: &Bytecode, index: usize) -> Code {
        let mut data = data;
        let function = &file.functions[index];
        let size = function.size(&file.form);
        Code::read(&mut data, &self.isa, function.offset().into(), size.into()).unwrap_or_default()
    }
}

impl Teacher for Truth<'_> {
    fn new(&self) -> Option<&Bytecode> {
        Some(&self.file)
    }

    fn splice(&self, old: &[u8], new: &[u8]) -> Vec<Op> {
        pieces::find(old, new)
    }

    fn listing(&self, old: &Bytecode) -> Vec<Change> {
        listing::changes(old, &self.file)
    }

    fn lists(&self) -> bool {
        self.lists
    }

    fn rows(&self, old: &[[u32; 2]], new: &[[u32; 2]]) -> Vec<Edit> {
        let mut pairs = common::pairs(old, new);
        pairs.push((old.len(), new.len()));
        let mut edits: Vec<Edit> = Vec::new();
        let (mut i, mut j) = (0, 0);
        let mut keep = 0;
        for (to_i, to_j) in pairs {
            if to_i > i || to_j > j {
                edits.push(Edit { keep, skip: (to_i - i) as u32, insert: (to_j - j) as u32 });
                keep = 0;
            }
            keep += 1;
            (i, j) = (to_i + 1, to_j + 1);
        }
        // The last pair is the end of both.
        edits.push(Edit { keep: keep - 1, skip: 0, insert: 0 });
        edits
    }

    fn shares(&self) -> bool {
        let mut places: Vec<u32> = self.file.functions.iter().map(Function::offset).collect();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn functions(&self, numbering: &Numbering<'_>) -> Vec<FunctionRun> {
        let strings = numbering.strings;
        let renamed = |id: u32| match strings.get(id as usize) {
            Some(&NONE) | None => id | 1 << 31,
            Some(&to) => to,
        };
        let form = &self.file.form;
        let faces = |data: &[u8], file: &Bytecode, string: &dyn Fn(u32) -> u32| -> Vec<pairing::Face> {
            let face = |(i, function)| pairing::face(&self.isa, form, function, &self.code(data, file, i), string);
            file.functions.iter().enumerate().map(face).collect()
        };
        let old = faces(self.old, &self.before, &renamed);
        let new = faces(self.data, &self.file, &|id| id);
        pairing::runs(&pairing::pair(&old, &new))
    }

    fn literals(
        &self,
        buffer: usize,
        old: &Prepared,
        plain: &[u8],
        new: &[u8],
    ) -> Option<(Vec<sequences::Change>, u32)> {
        let order = sequences::settle(self.literals.as_ref()?.get(buffer)?, new);
        let changes = literals::changes(old, &order, new);
        let count = order.len() as u32;
        // What either way takes, by itself.
        let limit = self.data.len() as u64 * 2;
        let mut hints = Hints::new(Encoder::default());
        let packing = sequences::code(&mut hints, old, &changes, count, limit).ok()?;
        splice::code(&mut hints, &packing.buffer, Some(new), self, limit).ok()?;
        let packed = hints.coder.finish().len();
        let mut hints = Hints::new(Encoder::default());
        splice::code(&mut hints, plain, Some(new), self, limit).ok()?;
        (packed < hints.coder.finish().len() + PACKING_GAIN).then_some((changes, count))
    }

    fn locations(&self, index: usize) -> Option<Locations> {
        let function = self.file.functions.get(index)?;
        let words = read_info(&mut &*self.data, &self.file, function).ok()?.debug;
        debug::read(&mut &*self.data, &self.file.form, self.debug.as_ref()?, &words).ok().map(|(read, _)| read)
    }

    fn debug(&self) -> Option<(&Section, &[u8])> {
        Some((self.debug.as_ref()?, self.data))
    }

    fn body(&self, index: usize, base: Option<&Code>, predicted: &[u8]) -> Option<Lesson> {
        let function = *self.file.functions.get(index)?;
        let code = self.code(self.data, &self.file, index);
        let mut data = self.data;
        let info = read_info(&mut data, &self.file, &function).ok()?;
        let align = match base {
            Some(_) if code.bytes == predicted => (0..code.instructions.len() as u32).collect(),
            Some(base) => align::align(&self.isa, base, predicted, &code),
            None => vec![NONE; code.instructions.len()],
        };
        Some(Lesson { function, code, info, align })
    }
}

/// Plans how to make `new` from `old`; `None` where one of them is not bytecode of a known version, or they are of
/// different versions.
#[must_use]
pub fn plan(old: &[u8], new: &[u8]) -> Option<Plan> {
    try_plan(old, new).ok()
}

/// As [`plan`], with the reason where there is none.
///
/// # Errors
/// [`HermesError::Form`] mostly; any other too.
pub fn try_plan(old: &[u8], new: &[u8]) -> Result<Plan, HermesError> {
    let before = Bytecode::read(&mut &old[..])?;
    let file = Bytecode::read(&mut &new[..])?;
    if before.form != file.form {
        return Err(HermesError::Form { what: "old and new are of different versions" });
    }
    let bodies = |data, file: &Bytecode| -> Vec<&[u8]> { spans(data, file) };
    let all = [bodies(old, &before), bodies(new, &file)].concat();
    let layout = layout::choose(file.form.version, all.into_iter());
    let layout = layout.ok_or(HermesError::Form { what: "its instructions are of an unknown layout" })?;
    let isa = Isa::new(layout.clone());
    let mut truth = Truth { data: new, old, before, file, isa, lists: false, debug: None, literals: None };
    truth.literals =
        sequences::collect(&mut &new[..], &truth.file, &truth.file.buffers, &truth.isa, &mut Budget::default()).ok();
    truth.debug = debug_section(&truth, &truth.before);
    truth.lists = listing_pays(&truth, &truth.before);
    let mut plan = Plan::default();
    let mut hints = Hints::new(Encoder::default());
    let limit = new.len() as u64 * 2 + (1 << 16);
    let spent = |hints: &Hints<Encoder>| hints.coder.len() as u64;
    // What a device would refuse is not worth a plan.
    hints.budget = Budget::of(u64::MAX, predict::work(old.len() as u64, new.len() as u64 * 2 + (1 << 20)));
    let report = predict::run(&mut hints, &mut &old[..], &truth, Some(&layout), &mut plan, limit, spent)?;
    plan.image.resize(report.image_bytes as usize, 0);
    plan.tags.resize(report.image_bytes as usize, 0);
    plan.memory_bytes = report.memory_bytes;
    plan.report = report;
    let (content, footer) = new.split_at(new.len().saturating_sub(FOOTER_BYTES));
    plan.footer = sha1_smol::Sha1::from(content).digest().bytes() == footer;
    plan.hints = hints.coder.finish();
    Ok(plan)
}

/// The debug section of new, if both files' can be taken apart and put together again.
fn debug_section(truth: &Truth<'_>, old: &Bytecode) -> Option<Section> {
    let whole = |data: &[u8], file: &Bytecode| -> Option<Section> {
        let section = Section::read(&mut &*data, file)?;
        let mut entries = Vec::new();
        for (index, function) in file.functions.iter().enumerate() {
            let words = read_info(&mut &*data, file, function).ok()?.debug;
            if let Some(&offset) = words.first() {
                let (read, owner) = debug::read(&mut &*data, &file.form, &section, &words).ok()?;
                let again = read.write(&file.form, index as u32, &mut entries);
                if again != offset || again != debug::NO_OFFSET && owner as usize != index {
                    return None;
                }
            }
        }
        section.entries(data).is_some_and(|stood| stood == entries).then_some(section)
    };
    whole(truth.old, old)?;
    whole(truth.data, &truth.file)
}

/// Bytes that a list of literals may take more than pieces: it tells the places of literals as well.
const PACKING_GAIN: usize = 16;
/// Bytes that packing anew must save: it takes the device time.
const PACKING_BYTES: usize = 64;

/// Whether the strings are told in fewer bytes as a list.
fn listing_pays(truth: &Truth<'_>, old: &Bytecode) -> bool {
    let limit = truth.data.len() as u64 * 2 + (1 << 16);
    let spent = |lists: bool| {
        let mut hints = Hints::new(Encoder::default());
        let coded = if lists {
            listing::code_strings(&mut hints, old, truth, limit)
        } else {
            strings::choose(&mut hints, old, truth, limit)
        };
        coded.map_or(usize::MAX, |_| hints.coder.finish().len())
    };
    let plain = spent(false);
    plain > PACKING_BYTES && listing::describes(&truth.file) && spent(true) + PACKING_BYTES < plain
}

fn spans<'a>(data: &'a [u8], file: &Bytecode) -> Vec<&'a [u8]> {
    let span = |function: &Function| {
        let start = function.offset() as usize;
        data.get(start..start + function.size(&file.form) as usize).unwrap_or_default()
    };
    file.functions.iter().map(span).collect()
}
