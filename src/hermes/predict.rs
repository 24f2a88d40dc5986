//! Computes the image: what new is expected to be, from old and the hints. One path for both sides.

use std::collections::HashMap;
use std::io;

use crate::codec::ends::Old;
use crate::codec::range::Coder;

use super::HermesError;
use super::code::Isa;
use super::debug::{self, Debug};
use super::form::{COUNTS_AT, Count, FOOTER_BYTES, Section};
use super::functions::Numbering;
use super::head::{code_header, code_layout};
use super::heads::{Heads, Sink};
use super::hints::{Flag, Hints};
use super::layout::Layout;
use super::reader::{Bytecode, StringEntry, read_exact};
use super::sections::Sections;
use super::strings;
use super::teacher::Teacher;

/// Takes the image, in pieces that come in any order and do not overlap. Bytes that never come are zero.
pub trait Image {
    /// Takes `bytes` at `at`; `tag` says what they are.
    ///
    /// # Errors
    /// As the medium's.
    fn put(&mut self, at: u64, bytes: &[u8], tag: u8) -> io::Result<()>;
}

/// What a byte of the image is; the tag of a section is its number.
pub mod tag {
    /// The file header.
    pub const HEADER: u8 = 32;
    /// A function's body.
    pub const CODE: u8 = 33;
    /// A table of jumps.
    pub const TABLE: u8 = 34;
    /// A large function header.
    pub const LARGE: u8 = 35;
    /// Exception handlers.
    pub const HANDLERS: u8 = 36;
    /// Offsets into the debug info.
    pub const OFFSETS: u8 = 37;
    /// The debug info.
    pub const DEBUG: u8 = 38;
    /// The hash at the end.
    pub const FOOTER: u8 = 39;
}

/// What became of the sections, for a report.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Memory that this took, or may take, in bytes.
    pub memory_bytes: u64,
    /// What each part of the hints took, in bytes, as far as it is known.
    pub parts: Vec<(&'static str, u64)>,
}

/// What a prediction of at most `image_bytes` from `old_bytes` may look at, in bytes: real files share a few bodies,
/// strings and literals, damaged hints may share them without end.
#[must_use]
pub const fn work(old_bytes: u64, image_bytes: u64) -> u64 {
    old_bytes.saturating_add(image_bytes).saturating_mul(8)
}

/// Computes the image of at most `limit` bytes.
///
/// # Errors
/// Any [`HermesError`].
pub fn run<C: Coder>(
    hints: &mut Hints<C>,
    old: &mut impl Old,
    teacher: &impl Teacher,
    layouts: Option<&Layout>,
    image: &mut impl Image,
    limit: u64,
    mut spent: impl FnMut(&Hints<C>) -> u64,
) -> Result<Tally, HermesError> {
    let mut file = Bytecode::open(old, &mut hints.budget)?;
    let new = teacher.new();
    let mut tally = Tally::default();
    let mut before = 0;
    let mut note = |name: &'static str, hints: &Hints<C>, tally: &mut Tally| {
        let now = spent(hints);
        tally.parts.push((name, now - before));
        before = now;
    };
    let isa = Isa::new(code_layout(hints, file.form.version, layouts)?);
    let header = code_header(hints, &file, new)?;
    note("header", hints, &mut tally);
    let mut strings = strings::choose(hints, &file, teacher, limit)?;
    note("strings", hints, &mut tally);

    // Of old's strings only their map is needed from here on.
    hints.budget.free((file.storage.len() + size_of::<StringEntry>() * file.strings.len()) as u64);
    (file.storage, file.strings) = (Vec::new(), Vec::new());
    hints.budget.hold(file.literal_bytes())?;
    let (stood, stood_blobs) = (file.literals(old)?, file.contents(old)?);
    let map = std::mem::take(&mut strings.map);
    let file = file;
    let form = file.form;
    let mut numbering = Numbering {
        old: &file,
        isa: &isa,
        strings: &map,
        functions: Vec::new(),
        rows: Default::default(),
        moves: Default::default(),
        places: Default::default(),
        learned: HashMap::new(),
    };
    let mut sections = Sections::default();
    sections.code_literals(hints, old, &mut numbering, stood, teacher, limit)?;
    note("literals", hints, &mut tally);
    sections.code_tables(hints, &mut numbering, &stood_blobs, teacher, limit)?;
    hints.budget.free(stood_blobs.iter().map(|blob| blob.len() as u64).sum());
    drop(stood_blobs);
    note("tables", hints, &mut tally);
    let bases = sections.code_functions(hints, &mut numbering, teacher, limit)?;
    note("functions", hints, &mut tally);

    let mut counts = header.counts;
    let held = sections.held_bytes() + strings.held_bytes();
    hints.budget.pass(8 * strings.entries.len() as u64)?;
    let places = sections.put(strings, &form, bases.len(), &mut counts, image, limit)?;
    hints.budget.free(held);

    let mut at = places.end;
    let shares = hints.flag(teacher.shares(), Flag::Dedupe, 0);
    let section = debug::Section::read(old, &file);
    let section = section.filter(|_| hints.flag(teacher.debug().is_some(), Flag::Debug, 7));
    if section.is_none() {
        hints.end_text();
    }
    let mut entries = Debug::default();
    let mut sink = Sink { image, limit };
    let told = section.as_ref().map(|section| (section, &mut entries));
    let heads = Heads::code(hints, old, &mut numbering, teacher, &bases, shares, told, &mut sink, &mut at)?;
    hints.end_bytes();
    note("bodies", hints, &mut tally);
    heads.put(old, &numbering, &bases, places.get(Section::Functions).0, &mut sink, &mut at)?;
    note("infos", hints, &mut tally);

    let debug = at.next_multiple_of(4);
    let mut at = debug;
    let end = file.file_bytes - FOOTER_BYTES as u64;
    if let Some(section) = section {
        let (front, back) =
            debug::code_section(hints, old, &section, teacher.debug(), entries.bytes(), teacher, limit)?;
        sink.put(&mut at, &front, tag::DEBUG)?;
        for piece in entries.pieces() {
            sink.put(&mut at, piece, tag::DEBUG)?;
        }
        sink.put(&mut at, &back, tag::DEBUG)?;
    } else {
        let mut from = u64::from(file.count(Count::DebugInfo)).min(end);
        let mut piece = Vec::new();
        while from < end {
            read_exact(old, from, (end - from).min(1 << 14), &mut piece)?;
            sink.put(&mut at, &piece, tag::DEBUG)?;
            from += piece.len() as u64;
        }
    }
    let mut footer = Vec::new();
    read_exact(old, end, FOOTER_BYTES as u64, &mut footer)?;
    sink.put(&mut at, &footer, tag::FOOTER)?;
    counts[Count::DebugInfo as usize] = debug as u32;
    counts[Count::FileLength as usize] = at as u32;
    let mut bytes = header.bytes;
    for (i, count) in form.counts().into_iter().enumerate() {
        bytes[COUNTS_AT + 4 * i..COUNTS_AT + 4 * i + 4].copy_from_slice(&counts[count as usize].to_le_bytes());
    }
    sink.put(&mut 0, &bytes, tag::HEADER)?;
    tally.image_bytes = at;
    tally.memory_bytes = hints.budget.most_held();
    hints.check()?;
    note("debug", hints, &mut tally);
    Ok(tally)
}

/// Words as they stand in a file.
pub(super) fn to_bytes(words: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.size_hint().0 * 4);
    words.for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes
}
