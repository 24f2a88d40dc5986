//! What lies between the file header and the bodies: literals and tables, coded; then all sections, put.

use crate::codec::ends::Old;
use crate::codec::range::Coder;

use super::HermesError;
use super::form::{COUNTS, Count, Form, Places, Section};
use super::functions::Numbering;
use super::hints::{Flag, Hints, Sort};
use super::layout::Kind;
use super::literals::{self, Use};
use super::places::Places as LiteralPlaces;
use super::predict::{Image, to_bytes};
use super::reader::{BLOBS, BUFFERS, ROWS, StringEntry, expand_kinds};
use super::rows::{self, Sheet};
use super::sequences::{self, LITERAL_BYTES, Prepared};
use super::strings::{Strings, identifier_hash};
use super::teacher::Teacher;
use super::{functions, splice};

/// The sections of new but the strings.
#[derive(Debug, Default)]
pub struct Sections {
    /// Array, key and value buffer.
    pub buffers: [Vec<u8>; 3],
    /// What bigints and regexps lie in.
    pub blobs: [Vec<u8>; 2],
    /// Shapes, bigints, regexps, modules and sources.
    pub rows: [Vec<[u32; 2]>; 5],
}

impl Sections {
    /// Codes the literals of new; those of old lie in `stood`. `numbering` learns where they went.
    ///
    /// # Errors
    /// As the coders of its parts.
    pub fn code_literals<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        old: &mut impl Old,
        numbering: &mut Numbering<'_>,
        stood: [Vec<u8>; 3],
        teacher: &impl Teacher,
        limit: u64,
    ) -> Result<(), HermesError> {
        let form = *numbering.form();
        let lists = sequences::collect(old, numbering.old, &stood, numbering.isa, &mut hints.budget)?;
        let stood_bytes: u64 = stood.iter().map(|buffer| buffer.len() as u64).sum();
        hints.budget.hold(stood_bytes)?;
        self.buffers = literals::renumber(&form, &stood, &lists, numbering.strings);
        for (i, (list, stood)) in lists.into_iter().zip(stood).enumerate() {
            let told = teacher.new().map(|new| &new.buffers[i][..]);
            let prepare = || Prepared::of(&form, &list, &stood, numbering.strings);
            let known = told.filter(|&told| told != self.buffers[i]).map(|_| prepare());
            let lesson =
                told.zip(known.as_ref()).and_then(|(told, known)| teacher.literals(i, known, &self.buffers[i], told));
            if hints.flag(lesson.is_some(), Flag::Packed, 1 + i) {
                let (changes, count) = lesson.unwrap_or_default();
                let [during, held] = Prepared::bytes(list.len() as u64, stood.len() as u64);
                hints.budget.pass(during)?;
                hints.budget.hold(held)?;
                let prepared = known.unwrap_or_else(prepare);
                let packing = sequences::code(hints, &prepared, &changes, count, limit)?;
                let (bytes, moves) = splice::code(hints, &packing.buffer, told, teacher, limit)?;
                // The places of the buffer by what stands there, sorted.
                hints.budget.pass(8 * bytes.len() as u64)?;
                numbering.places[i] = Some(LiteralPlaces::of(&prepared, &packing, &bytes, &moves));
                self.buffers[i] = bytes;
                hints.budget.free(held);
            } else {
                (self.buffers[i], numbering.moves[i]) = splice::code(hints, &self.buffers[i], told, teacher, limit)?;
            }
            hints.budget.free(LITERAL_BYTES * list.len() as u64);
        }
        // What old has, and what its numbers made of it.
        hints.budget.free(2 * stood_bytes);
        Ok(())
    }

    /// Codes shapes, bigints and regexps; what those of old lie in is `stood`.
    ///
    /// # Errors
    /// As the coders of its parts.
    pub fn code_tables<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &mut Numbering<'_>,
        stood: &[Vec<u8>; 2],
        teacher: &impl Teacher,
        limit: u64,
    ) -> Result<(), HermesError> {
        let file = numbering.old;
        let new = teacher.new();
        for i in 0..3 {
            // Shapes lie in the key buffer, bigints and regexps each in a blob of their own.
            let predicted: Vec<[u32; 2]> = if i == 0 {
                let shape = |row: &[u32; 2]| Use { buffer: 1, at: row[0], elements: row[1] };
                file.rows[i].iter().map(|row| [numbering.predict_literal(shape(row)), row[1]]).collect()
            } else {
                let told = new.map(|new| &new.blobs[i - 1][..]);
                let (blob, moves) = splice::code(hints, &stood[i - 1], told, teacher, limit)?;
                self.blobs[i - 1] = blob;
                file.rows[i].iter().map(|row| [moves.point(row[0]), row[1]]).collect()
            };
            let follow: fn([u32; 2]) -> u32 = if i == 0 { |row| row[0] } else { |row| row[0].wrapping_add(row[1]) };
            let told = new.map(|new| &new.rows[i][..]);
            let table = rows::code(hints, &predicted, told, teacher, Sheet { name: 1 + i as u32, follow }, limit / 8)?;
            self.rows[i] = table.rows;
            numbering.rows[i] = table.moved;
        }
        Ok(())
    }

    /// Codes which function of old each of new is, and then the tables that name functions. Gives back the counterparts.
    ///
    /// # Errors
    /// As the coders of its parts.
    pub fn code_functions<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &mut Numbering<'_>,
        teacher: &impl Teacher,
        limit: u64,
    ) -> Result<Vec<u32>, HermesError> {
        let file = numbering.old;
        let new = teacher.new();
        let stood = file.count(Count::Functions);
        let count = new.map_or(0, |new| new.count(Count::Functions));
        let count = hints.near(count, stood, Sort::Size, [4, 0, 0, 0])?;
        if u64::from(count) > limit / 12 {
            return Err(HermesError::TooLarge { needed: count.into(), limit: limit / 12 });
        }
        let bases = functions::code(hints, numbering, teacher, count as usize)?;
        numbering.functions = functions::invert(&bases, stood as usize);
        for i in 3..5 {
            // Modules name a string and a function, sources a function and a string.
            let (first, second) = if i == 3 { (Kind::String, Kind::Function) } else { (Kind::Function, Kind::String) };
            let map = |row: &[u32; 2]| [numbering.predict(first, row[0]), numbering.predict(second, row[1])];
            let predicted: Vec<[u32; 2]> = file.rows[i].iter().map(map).collect();
            let told = new.map(|new| &new.rows[i][..]);
            let sheet = Sheet { name: 1 + i as u32, follow: |row| row[0] };
            self.rows[i] = rows::code(hints, &predicted, told, teacher, sheet, limit / 8)?.rows;
        }
        Ok(bases)
    }

    /// Puts all sections but the functions, of which there are `functions`, and sets their counts; their places.
    ///
    /// # Errors
    /// [`HermesError::TooLarge`] where they end above `limit`; as the image.
    pub fn put(
        self,
        strings: Strings,
        form: &Form,
        functions: usize,
        counts: &mut [u32; COUNTS],
        image: &mut impl Image,
        limit: u64,
    ) -> Result<Places, HermesError> {
        let Strings { storage, entries, kinds, .. } = strings;
        let identifiers = expand_kinds(&kinds, entries.len());
        let (small, overflows) = pack_strings(&entries);
        let mut set = |count: Count, value: usize| counts[count as usize] = value as u32;
        set(Count::Functions, functions);
        set(Count::Kinds, kinds.len());
        set(Count::Identifiers, identifiers.iter().filter(|&&identifier| identifier).count());
        set(Count::Strings, entries.len());
        set(Count::Overflows, overflows.len() / 8);
        set(Count::StorageBytes, storage.len());
        for (buffer, count) in self.buffers.iter().zip([Count::ArrayBytes, Count::KeyBytes, Count::ValueBytes]) {
            set(count, buffer.len());
        }
        for (blob, count) in self.blobs.iter().zip([Count::BigIntBytes, Count::RegExpBytes]) {
            set(count, blob.len());
        }
        let tables = [Count::Shapes, Count::BigInts, Count::RegExps, Count::Modules, Count::Sources];
        for (rows, count) in self.rows.iter().zip(tables) {
            set(count, rows.len());
        }
        let places = Places::of(form, counts, limit)?;
        let mut put = |section: Section, bytes: &[u8]| image.put(places.get(section).0, bytes, section as u8);
        put(Section::Kinds, &to_bytes(kinds.iter().copied()))?;
        let hashes = entries.iter().zip(&identifiers).filter(|&(_, &identifier)| identifier);
        put(Section::Hashes, &to_bytes(hashes.map(|(&entry, _)| identifier_hash(entry, &storage))))?;
        put(Section::Strings, &small)?;
        put(Section::Overflows, &overflows)?;
        put(Section::Storage, &storage)?;
        for (buffer, section) in self.buffers.iter().zip(BUFFERS) {
            put(section, buffer)?;
        }
        for (blob, section) in self.blobs.iter().zip(BLOBS) {
            put(section, blob)?;
        }
        for (rows, section) in self.rows.iter().zip(ROWS) {
            put(section, &to_bytes(rows.iter().flatten().copied()))?;
        }
        Ok(places)
    }

    /// Memory of all of it, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let bytes = self.buffers.iter().chain(&self.blobs).map(Vec::len).sum::<usize>();
        bytes as u64 + 8 * self.rows.iter().map(Vec::len).sum::<usize>() as u64
    }
}

/// The small and the overflow table of strings.
fn pack_strings(entries: &[StringEntry]) -> (Vec<u8>, Vec<u8>) {
    let mut small = Vec::with_capacity(entries.len() * 4);
    let mut overflows = Vec::new();
    for entry in entries {
        let (mut offset, mut length) = (entry.offset, entry.length);
        if entry.offset >= 1 << 23 || entry.length >= 255 {
            (offset, length) = ((overflows.len() / 8) as u32, 255);
            overflows.extend_from_slice(&entry.offset.to_le_bytes());
            overflows.extend_from_slice(&entry.length.to_le_bytes());
        }
        let word = u32::from(entry.wide) | (offset & 0x7f_ffff) << 1 | length << 24;
        small.extend_from_slice(&word.to_le_bytes());
    }
    (small, overflows)
}
