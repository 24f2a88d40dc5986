//! Reads a bytecode file: everything but the bodies, the infos and the debug info, which stay where they are.

use crate::codec::ends::Old;

use super::HermesError;
use super::budget::Budget;
use super::form::{COUNTS, COUNTS_AT, Count, FOOTER_BYTES, Form, HEADER_BYTES, MAGIC, Places, Section};
use super::function::{Function, HAS_DEBUG, HAS_HANDLERS};

/// One string of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StringEntry {
    /// Where it begins in the storage, in bytes.
    pub offset: u32,
    /// Characters; two bytes each where `wide`.
    pub length: u32,
    /// UTF-16 instead of ASCII.
    pub wide: bool,
}

impl StringEntry {
    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.length) << u32::from(self.wide)
    }

    /// Its bytes in `storage`; empty where it lies outside.
    #[must_use]
    pub fn text<'a>(&self, storage: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        let end = start.saturating_add(usize::try_from(self.bytes()).unwrap_or(usize::MAX));
        storage.get(start..end).unwrap_or_default()
    }
}

/// A run of strings of one kind, as the file stores it: the kind in the highest bit, the count below.
pub const IDENTIFIER_KIND: u32 = 1 << 31;

/// A bytecode file, all but the bodies, infos and debug info.
#[derive(Debug, Clone)]
pub struct Bytecode {
    /// The file header as it stands.
    pub header: [u8; HEADER_BYTES],
    /// What the version makes of it.
    pub form: Form,
    /// The numbers of the header, by [`Count`].
    pub counts: [u32; COUNTS],
    /// Where the sections are.
    pub places: Places,
    /// The function headers, unless they were left where they are.
    pub functions: Vec<Function>,
    /// The runs of string kinds.
    pub kinds: Vec<u32>,
    /// The string table.
    pub strings: Vec<StringEntry>,
    /// What the strings lie in.
    pub storage: Vec<u8>,
    /// Unless they were left where they are: array, key and value buffer; the array buffer is empty from version 97.
    pub buffers: [Vec<u8>; 3],
    /// Shapes, bigints, regexps, modules and function sources: pairs of words.
    pub rows: [Vec<[u32; 2]>; 5],
    /// The bytes that bigints and regexps refer to.
    pub blobs: [Vec<u8>; 2],
    /// Where the first body begins and the last ends, tables of jumps included as far as the first info.
    pub code_start: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// The sections of [`Bytecode::rows`].
pub const ROWS: [Section; 5] =
    [Section::Shapes, Section::BigInts, Section::RegExps, Section::Modules, Section::Sources];
/// The sections of [`Bytecode::blobs`].
pub const BLOBS: [Section; 2] = [Section::BigIntStorage, Section::RegExpStorage];
/// The sections of [`Bytecode::buffers`].
pub const BUFFERS: [Section; 3] = [Section::Arrays, Section::Keys, Section::Values];

/// Reads `bytes` bytes of `old` from `at` into `out`, replacing what it holds.
///
/// # Errors
/// [`HermesError::Read`] where old ends before.
pub fn read_exact(old: &mut impl Old, at: u64, bytes: u64, out: &mut Vec<u8>) -> Result<(), HermesError> {
    let failed = HermesError::Read { at, bytes };
    out.clear();
    if at.checked_add(bytes).is_none_or(|end| end > old.len()) {
        return Err(failed);
    }
    out.reserve(bytes as usize);
    let mut done = 0;
    while done < bytes {
        let run = old.run(at + done, bytes - done);
        if run.is_empty() {
            return Err(failed);
        }
        done += run.len() as u64;
        out.extend_from_slice(run);
    }
    Ok(())
}

/// Fills `out` from `at` of `old`.
fn read_into<'a>(old: &mut impl Old, at: u64, out: &'a mut [u8]) -> Result<&'a [u8], HermesError> {
    let mut done = 0;
    while done < out.len() {
        let left = out.len() - done;
        let run = at.checked_add(done as u64).map_or(&[][..], |at| old.run(at, left as u64));
        if run.is_empty() {
            return Err(HermesError::Read { at, bytes: out.len() as u64 });
        }
        out[done..done + run.len()].copy_from_slice(run);
        done += run.len();
    }
    Ok(out)
}

/// Strings and bodies of a real file share little; those of a hostile one might all be the whole file.
const MOST_SHARED: u64 = 16;

/// Memory of the tables of a file: strings take three times what they take there.
fn held_bytes(places: &Places) -> u64 {
    let bytes = |section| places.get(section).1;
    let tables: u64 = [Section::Kinds, Section::Storage].into_iter().chain(ROWS).map(bytes).sum();
    tables + 3 * bytes(Section::Strings)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

impl Bytecode {
    /// The bytecode version of a file that begins with `head`; `None` for anything else than bytecode.
    #[must_use]
    pub fn version(head: &[u8]) -> Option<u32> {
        let version = head.strip_prefix(&MAGIC)?.get(..4)?;
        Some(u32::from_le_bytes(version.try_into().ok()?))
    }

    /// Reads a file. Takes memory of at most about four times its size, and for real files a third.
    ///
    /// # Errors
    /// [`HermesError::Form`] for anything else than a whole bytecode file of a known version.
    pub fn read(old: &mut impl Old) -> Result<Self, HermesError> {
        let mut file = Self::open(old, &mut Budget::default())?;
        file.functions.reserve_exact(file.count(Count::Functions) as usize);
        for index in 0..file.count(Count::Functions) {
            let function = file.function(old, index)?;
            file.functions.extend(function);
        }
        (file.buffers, file.blobs) = (file.literals(old)?, file.contents(old)?);
        Ok(file)
    }

    /// Reads all of a file but the literals and the function headers, within `budget`. The latter are checked, and both
    /// left where they are.
    ///
    /// # Errors
    /// As [`Bytecode::read`]; [`HermesError::Memory`].
    pub fn open(old: &mut impl Old, budget: &mut Budget) -> Result<Self, HermesError> {
        let mut head = Vec::new();
        read_exact(old, 0, HEADER_BYTES as u64, &mut head)?;
        let version = Self::version(&head).ok_or(HermesError::Form { what: "no magic number" })?;
        let mut result = Err(HermesError::Form { what: "an unknown version" });
        for form in Form::candidates(version) {
            let before = budget.clone();
            result = Self::read_as(old, form, &head, budget);
            if result.is_err() {
                *budget = before;
            }
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Memory of what [`Bytecode::open`] reads, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        held_bytes(&self.places)
    }

    /// Memory of [`Bytecode::literals`] and [`Bytecode::contents`], in bytes.
    #[must_use]
    pub fn literal_bytes(&self) -> u64 {
        BUFFERS.into_iter().chain(BLOBS).map(|section| self.places.get(section).1).sum()
    }

    /// Array, key and value buffer.
    ///
    /// # Errors
    /// [`HermesError::Read`] where the file ends before.
    pub fn literals(&self, old: &mut impl Old) -> Result<[Vec<u8>; 3], HermesError> {
        let mut read = |section| self.section(old, section);
        Ok([read(BUFFERS[0])?, read(BUFFERS[1])?, read(BUFFERS[2])?])
    }

    /// The bytes that bigints and regexps refer to.
    ///
    /// # Errors
    /// As [`Bytecode::literals`].
    pub fn contents(&self, old: &mut impl Old) -> Result<[Vec<u8>; 2], HermesError> {
        Ok([self.section(old, BLOBS[0])?, self.section(old, BLOBS[1])?])
    }

    fn section(&self, old: &mut impl Old, section: Section) -> Result<Vec<u8>, HermesError> {
        let (at, length) = self.places.get(section);
        let mut bytes = Vec::new();
        read_exact(old, at, length, &mut bytes)?;
        Ok(bytes)
    }

    /// Function `index`; none where there are fewer.
    ///
    /// # Errors
    /// [`HermesError::Read`] where the file ends before.
    pub fn function(&self, old: &mut impl Old, index: u32) -> Result<Option<Function>, HermesError> {
        if index >= self.count(Count::Functions) {
            return Ok(None);
        }
        let (at, _) = self.places.get(Section::Functions);
        let mut bytes = [0; 64];
        let small =
            read_into(old, at + u64::from(index) * self.form.small_bytes as u64, &mut bytes[..self.form.small_bytes])?;
        let mut function = Function::from_small(&self.form, small);
        if function.large {
            let large = read_into(old, u64::from(function.info), &mut bytes[..self.form.large_bytes()])?;
            function.read_large(&self.form, large);
        }
        Ok(Some(function))
    }

    fn read_as(old: &mut impl Old, form: Form, head: &[u8], budget: &mut Budget) -> Result<Self, HermesError> {
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(head);
        let mut counts = [0; COUNTS];
        for (count, value) in form.counts().into_iter().zip(words(&head[COUNTS_AT..])) {
            counts[count as usize] = value;
        }
        let file_bytes = u64::from(counts[Count::FileLength as usize]);
        if file_bytes != old.len() {
            return Err(HermesError::Form { what: "its length is not what its header says" });
        }
        let places = Places::of(&form, &counts, file_bytes.saturating_sub(FOOTER_BYTES as u64))?;
        budget.hold(held_bytes(&places))?;
        let section = |section: Section, old: &mut _| -> Result<Vec<u8>, HermesError> {
            let (at, length) = places.get(section);
            let mut bytes = Vec::new();
            read_exact(old, at, length, &mut bytes)?;
            Ok(bytes)
        };
        let kinds = words(&section(Section::Kinds, old)?).collect();
        let table = section(Section::Strings, old)?;
        let overflows: Vec<u32> = words(&section(Section::Overflows, old)?).collect();
        let storage = section(Section::Storage, old)?;
        let mut rows: [Vec<[u32; 2]>; 5] = Default::default();
        for (rows, name) in rows.iter_mut().zip(ROWS) {
            let words: Vec<u32> = words(&section(name, old)?).collect();
            *rows = words.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
        }

        let mut strings = Vec::with_capacity(table.len() / 4);
        let mut text_bytes = 0;
        for entry in words(&table) {
            let (wide, mut offset, mut length) = (entry & 1 == 1, entry >> 1 & 0x7f_ffff, entry >> 24);
            if length == 255 {
                let overflow = overflows.get(2 * offset as usize..2 * offset as usize + 2);
                let &[at, count] = overflow.ok_or(HermesError::Form { what: "an overflowed string is missing" })?
                else {
                    return Err(HermesError::Form { what: "an overflowed string is missing" });
                };
                (offset, length) = (at, count);
            }
            let string = StringEntry { offset, length, wide };
            if u64::from(offset) + string.bytes() > storage.len() as u64 {
                return Err(HermesError::Form { what: "a string lies outside of the storage" });
            }
            text_bytes += string.bytes();
            strings.push(string);
        }
        if text_bytes > MOST_SHARED.saturating_mul(file_bytes) {
            return Err(HermesError::Form { what: "its strings overlap without end" });
        }
        let mut read = Self {
            header,
            form,
            counts,
            places,
            functions: Vec::new(),
            kinds,
            strings,
            storage,
            buffers: Default::default(),
            rows,
            blobs: Default::default(),
            code_start: file_bytes,
            file_bytes,
        };
        read.check_functions(old)?;
        Ok(read)
    }

    /// Checks that all bodies lie in the file. Tells forms apart that differ only in the large header: the next info
    /// begins where it ends.
    fn check_functions(&mut self, old: &mut impl Old) -> Result<(), HermesError> {
        let large = self.form.large_bytes() as u32;
        let mut previous: Option<u32> = None;
        let mut body_bytes = 0;
        for index in 0..self.count(Count::Functions) {
            let Some(function) = self.function(old, index)? else { break };
            let (at, size) = (u64::from(function.offset()), u64::from(function.size(&self.form)));
            if at < self.places.end || at + size > self.file_bytes {
                return Err(HermesError::Form { what: "a function lies outside of the code" });
            }
            self.code_start = self.code_start.min(at);
            body_bytes += size;
            if function.large {
                let plain = function.flags & (HAS_HANDLERS | HAS_DEBUG) == 0;
                if self.form.info_field.is_none() && previous.is_some_and(|end| end != function.info) {
                    return Err(HermesError::Form { what: "its function infos have another size" });
                }
                previous = plain.then(|| function.info.saturating_add(large).saturating_add(3) & !3);
            }
        }
        if body_bytes > MOST_SHARED.saturating_mul(self.file_bytes) {
            return Err(HermesError::Form { what: "its functions overlap without end" });
        }
        Ok(())
    }

    /// One of the numbers of the header.
    #[must_use]
    pub fn count(&self, count: Count) -> u32 {
        self.counts[count as usize]
    }

    /// Which strings are identifiers.
    #[must_use]
    pub fn identifiers(&self) -> Vec<bool> {
        expand_kinds(&self.kinds, self.strings.len())
    }
}

/// Which of `count` strings are identifiers by their runs of kinds.
#[must_use]
pub fn expand_kinds(kinds: &[u32], count: usize) -> Vec<bool> {
    let mut identifiers = Vec::with_capacity(count);
    for run in kinds {
        let length = (run & !IDENTIFIER_KIND) as usize;
        let length = length.min(count - identifiers.len());
        identifiers.resize(identifiers.len() + length, run & IDENTIFIER_KIND != 0);
    }
    identifiers.resize(count, false);
    identifiers
}
