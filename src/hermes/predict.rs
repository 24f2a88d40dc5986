//! Computes the image: what new is expected to be, from old and the hints. One path for both sides.

use std::collections::HashMap;
use std::io;

use crate::codec::ends::Old;
use crate::codec::range::Coder;

use super::body::{Bodies, Code};
use super::code::Isa;
use super::debug::{self, Debug};
use super::form::{COUNTS, COUNTS_AT, Count, FOOTER_BYTES, HEADER_BYTES, Places, Section};
use super::function::{Function, HAS_DEBUG, HAS_HANDLERS};
use super::functions::{self, Numbering};
use super::hints::{Flag, Hints, Sort};
use super::layout::{self, Layout};
use super::literals::Use;
use super::reader::{BLOBS, BUFFERS, Bytecode, ROWS, StringEntry, expand_kinds, read_exact};
use super::rows::{self, Sheet};
use super::sequences::{self, Places as LiteralPlaces};
use super::strings::{self, Strings, identifier_hash};
use super::teacher::Teacher;
use super::{HermesError, body, literals, splice};

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
    /// What each part of the hints took, in bytes, as far as it is known.
    pub parts: Vec<(&'static str, u64)>,
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
    let mut file = Bytecode::read(old)?;
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
    // Packing strings takes memory, and needs no functions.
    file.functions = Vec::new();
    let strings = strings::choose(hints, &file, teacher, limit)?;
    file.functions = Bytecode::read(old)?.functions;
    note("strings", hints, &mut tally);

    // Of old's strings only their map is needed from here on.
    (file.storage, file.strings) = (Vec::new(), Vec::new());
    let Strings { storage, entries, kinds, map, fresh: _ } = strings;
    let file = file;
    let lists = sequences::collect(old, &file, &isa)?;
    let mut buffers = literals::renumber(&file, &lists, &map);
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
    for i in 0..BUFFERS.len() {
        let told = new.map(|new| &new.buffers[i][..]);
        let prepare = || sequences::Prepared::of(&file.form, &lists[i], &file.buffers[i], &map);
        let known = told.filter(|&told| told != buffers[i]).map(|_| prepare());
        let lesson = told.zip(known.as_ref()).and_then(|(told, known)| teacher.literals(i, known, &buffers[i], told));
        if hints.flag(lesson.is_some(), Flag::Packed, 1 + i) {
            let (changes, count) = lesson.unwrap_or_default();
            let prepared = known.unwrap_or_else(prepare);
            let packing = sequences::code(hints, &prepared, &changes, count, limit)?;
            let (bytes, moves) = splice::code(hints, &packing.buffer, told, teacher, limit)?;
            numbering.places[i] = Some(LiteralPlaces::of(&prepared, &packing, &bytes, &moves));
            buffers[i] = bytes;
        } else {
            (buffers[i], numbering.moves[i]) = splice::code(hints, &buffers[i], told, teacher, limit)?;
        }
    }
    note("literals", hints, &mut tally);
    let mut blobs: [Vec<u8>; 2] = Default::default();
    let mut rows: [Vec<[u32; 2]>; 5] = Default::default();
    for i in 0..3 {
        // Shapes lie in the key buffer, bigints and regexps each in a blob of their own.
        let predicted: Vec<[u32; 2]> = if i == 0 {
            let shape = |row: &[u32; 2]| Use { buffer: 1, at: row[0], elements: row[1] };
            file.rows[i].iter().map(|row| [numbering.predict_literal(shape(row)), row[1]]).collect()
        } else {
            let told = new.map(|new| &new.blobs[i - 1][..]);
            let (blob, moves) = splice::code(hints, &file.blobs[i - 1], told, teacher, limit)?;
            blobs[i - 1] = blob;
            file.rows[i].iter().map(|row| [moves.point(row[0]), row[1]]).collect()
        };
        let follow: fn([u32; 2]) -> u32 = if i == 0 { |row| row[0] } else { |row| row[0].wrapping_add(row[1]) };
        let told = new.map(|new| &new.rows[i][..]);
        let table = rows::code(hints, &predicted, told, teacher, Sheet { name: 1 + i as u32, follow }, limit / 8)?;
        rows[i] = table.rows;
        numbering.rows[i] = table.moved;
    }
    note("tables", hints, &mut tally);

    let count = new.map_or(0, |new| new.functions.len()) as u32;
    let count = hints.near(count, file.functions.len() as u32, Sort::Size, [4, 0, 0, 0])?;
    if u64::from(count) > limit / 12 {
        return Err(HermesError::TooLarge { needed: count.into(), limit: limit / 12 });
    }
    let bases = functions::code(hints, &numbering, teacher, count as usize)?;
    numbering.functions = functions::invert(&bases, file.functions.len());
    for i in 3..5 {
        // Modules name a string and a function, sources a function and a string.
        let (first, second) = if i == 3 {
            (layout::Kind::String, layout::Kind::Function)
        } else {
            (layout::Kind::Function, layout::Kind::String)
        };
        let map = |row: &[u32; 2]| [numbering.predict(first, row[0]), numbering.predict(second, row[1])];
        let predicted: Vec<[u32; 2]> = file.rows[i].iter().map(map).collect();
        let told = new.map(|new| &new.rows[i][..]);
        let sheet = Sheet { name: 1 + i as u32, follow: |row| row[0] };
        rows[i] = rows::code(hints, &predicted, told, teacher, sheet, limit / 8)?.rows;
    }
    note("functions", hints, &mut tally);

    let mut counts = header.counts;
    let set = |counts: &mut [u32; COUNTS], count: Count, value: usize| counts[count as usize] = value as u32;
    set(&mut counts, Count::Functions, count as usize);
    set(&mut counts, Count::Kinds, kinds.len());
    let identifiers = expand_kinds(&kinds, entries.len());
    set(&mut counts, Count::Identifiers, identifiers.iter().filter(|&&identifier| identifier).count());
    set(&mut counts, Count::Strings, entries.len());
    let (small, overflows) = pack_strings(&entries);
    set(&mut counts, Count::Overflows, overflows.len() / 8);
    set(&mut counts, Count::StorageBytes, storage.len());
    for (buffer, count) in buffers.iter().zip([Count::ArrayBytes, Count::KeyBytes, Count::ValueBytes]) {
        set(&mut counts, count, buffer.len());
    }
    for (i, count) in [Count::BigIntBytes, Count::RegExpBytes].into_iter().enumerate() {
        set(&mut counts, count, blobs[i].len());
    }
    for (i, count) in
        [Count::Shapes, Count::BigInts, Count::RegExps, Count::Modules, Count::Sources].into_iter().enumerate()
    {
        set(&mut counts, count, rows[i].len());
    }
    let places = Places::of(&file.form, &counts, limit)?;
    let mut put = |section: Section, bytes: &[u8]| image.put(places.get(section).0, bytes, section as u8);
    put(Section::Kinds, &to_bytes(kinds.iter().copied()))?;
    let hashes = entries.iter().zip(&identifiers).filter(|&(_, &identifier)| identifier);
    put(Section::Hashes, &to_bytes(hashes.map(|(&entry, _)| identifier_hash(entry, &storage))))?;
    put(Section::Strings, &small)?;
    put(Section::Overflows, &overflows)?;
    put(Section::Storage, &storage)?;
    for (buffer, section) in buffers.iter().zip(BUFFERS) {
        put(section, buffer)?;
    }
    for (blob, section) in blobs.iter().zip(BLOBS) {
        put(section, blob)?;
    }
    for (rows, section) in rows.iter().zip(ROWS) {
        put(section, &to_bytes(rows.iter().flatten().copied()))?;
    }
    drop((small, overflows, buffers, blobs, rows, identifiers, storage, entries, kinds));

    let form = file.form;
    let mut at = places.end;
    let mut bodies = Bodies::new(limit);
    let mut functions: Vec<Function> = Vec::with_capacity(bases.len());
    let mut handlers: Vec<(u32, Vec<[u32; 3]>)> = Vec::new();
    let shares = hints.flag(header.shares, Flag::Dedupe, 0);
    let mut known: HashMap<u64, u32> = HashMap::with_capacity(if shares { bases.len() } else { 0 });
    let section = debug::Section::read(old, &file);
    let section = section.filter(|_| hints.flag(teacher.debug().is_some(), Flag::Debug, 7));
    let mut entries = Debug::default();
    let mut offsets: Vec<u32> = Vec::new();
    for (index, &base) in bases.iter().enumerate() {
        let coded = bodies.code(hints, old, &mut numbering, teacher, index, base)?;
        let mut function = coded.function;
        let size = coded.code.bytes.len() as u32;
        function.fields[form.size_field] = size;
        let place = known.entry(fingerprint(&coded.code)).or_insert(u32::MAX);
        if *place == u32::MAX || !shares {
            *place = u32::try_from(at).map_err(|_| HermesError::TooLarge { needed: at, limit })?;
            image.put(at, &coded.code.bytes, tag::CODE)?;
            at += u64::from(size);
            if !coded.code.tables.is_empty() {
                at = at.next_multiple_of(4);
                image.put(at, &to_bytes(coded.code.tables.iter().copied()), tag::TABLE)?;
                at += 4 * coded.code.tables.len() as u64;
            }
            if at > limit {
                return Err(HermesError::TooLarge { needed: at, limit });
            }
        }
        function.fields[0] = *place;
        if let Some(section) = section.as_ref().filter(|_| function.flags & HAS_DEBUG != 0) {
            let stood = file.functions.get(base as usize).filter(|stood| stood.flags & HAS_DEBUG != 0);
            let stood = match stood {
                Some(stood) => {
                    let words = body::read_info(old, &file, stood)?.debug;
                    Some(debug::read(old, &form, section, &words)?.0)
                }
                None => None,
            };
            let told = teacher.locations(index);
            let coded =
                entries.code(hints, &form, told.as_ref(), stood, &coded.moved, &coded.code, index as u32, limit)?;
            offsets.extend(coded);
        }
        functions.push(function);
        if function.flags & HAS_HANDLERS != 0 {
            handlers.push((index as u32, coded.info.handlers));
        }
    }
    drop(known);
    note("bodies", hints, &mut tally);

    let mut handlers = handlers.into_iter().peekable();
    let mut offsets = offsets.chunks_exact(form.debug_words);
    let mut bytes = Vec::new();
    for (index, function) in functions.iter_mut().enumerate() {
        let place = at.next_multiple_of(4);
        let info = place as u32;
        let extra = function.flags & (HAS_HANDLERS | HAS_DEBUG) != 0;
        function.info = info;
        match form.info_field {
            Some(field) => {
                function.fields[field] = info;
                function.large = !function.fits_small(&form);
            }
            None => function.large = extra || !function.fits_small(&form),
        }
        if function.large {
            bytes.clear();
            function.write_large(&form, &mut bytes);
            image.put(place, &bytes, tag::LARGE)?;
            at = place + bytes.len() as u64;
        }
        if let Some((_, handlers)) = handlers.next_if(|&(owner, _)| owner as usize == index) {
            at = at.next_multiple_of(4);
            let words = std::iter::once(handlers.len() as u32).chain(handlers.into_iter().flatten());
            let bytes = to_bytes(words);
            image.put(at, &bytes, tag::HANDLERS)?;
            at += bytes.len() as u64;
        }
        if function.flags & HAS_DEBUG != 0 {
            at = at.next_multiple_of(4);
            let words = match offsets.next() {
                Some(words) => words.to_vec(),
                None => match bases.get(index).and_then(|&base| file.functions.get(base as usize)) {
                    Some(base) => body::read_info(old, &file, base)?.debug,
                    None => Vec::new(),
                },
            };
            let mut words = words;
            words.resize(form.debug_words, u32::MAX);
            image.put(at, &to_bytes(words.into_iter()), tag::OFFSETS)?;
            at += 4 * form.debug_words as u64;
        }
        if at > limit {
            return Err(HermesError::TooLarge { needed: at, limit });
        }
    }
    bytes.clear();
    for function in &functions {
        function.write_small(&form, &mut bytes);
    }
    image.put(places.get(Section::Functions).0, &bytes, Section::Functions as u8)?;
    drop((functions, bytes));
    note("infos", hints, &mut tally);

    let debug = at.next_multiple_of(4);
    let stood = u64::from(file.count(Count::DebugInfo));
    let end = file.file_bytes - FOOTER_BYTES as u64;
    let mut at = debug;
    if let Some(section) = section {
        let (front, back) =
            debug::code_section(hints, old, &section, teacher.debug(), entries.bytes(), teacher, limit)?;
        image.put(at, &front, tag::DEBUG)?;
        at += front.len() as u64;
        for piece in entries.pieces() {
            image.put(at, piece, tag::DEBUG)?;
            at += piece.len() as u64;
        }
        image.put(at, &back, tag::DEBUG)?;
        at += back.len() as u64;
    } else {
        let mut from = stood.min(end);
        while from < end {
            let mut piece = Vec::new();
            read_exact(old, from, (end - from).min(1 << 16), &mut piece)?;
            image.put(at, &piece, tag::DEBUG)?;
            at += piece.len() as u64;
            from += piece.len() as u64;
        }
    }
    let mut footer = Vec::new();
    read_exact(old, end, FOOTER_BYTES as u64, &mut footer)?;
    image.put(at, &footer, tag::FOOTER)?;
    at += FOOTER_BYTES as u64;
    if at > limit {
        return Err(HermesError::TooLarge { needed: at, limit });
    }
    set(&mut counts, Count::DebugInfo, debug as usize);
    set(&mut counts, Count::FileLength, at as usize);
    let mut bytes = header.bytes;
    for (i, count) in form.counts().into_iter().enumerate() {
        bytes[COUNTS_AT + 4 * i..COUNTS_AT + 4 * i + 4].copy_from_slice(&counts[count as usize].to_le_bytes());
    }
    image.put(0, &bytes, tag::HEADER)?;
    tally.image_bytes = at;
    hints.check()?;
    note("debug", hints, &mut tally);
    Ok(tally)
}

fn to_bytes(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_le_bytes).collect()
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

/// Tells bodies apart; two that it does not tell apart cost bytes, not correctness.
fn fingerprint(code: &Code) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325u64 ^ (code.bytes.len() as u64) << 32;
    let mut step = |word: u64| {
        sum = (sum ^ word).wrapping_mul(0x0100_0000_01b3);
        sum ^= sum >> 29;
    };
    for piece in code.bytes.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        step(u64::from_le_bytes(word));
    }
    code.tables.iter().for_each(|&word| step(word.into()));
    sum
}

/// What of the file header does not follow from the sections.
struct Header {
    bytes: [u8; HEADER_BYTES],
    counts: [u32; COUNTS],
    shares: bool,
}

fn raw<C: Coder>(hints: &mut Hints<C>, byte: u8) -> u8 {
    (0..8)
        .rev()
        .fold(0, |byte_so_far, place| byte_so_far << 1 | hints.coder.code(u32::from(byte >> place & 1), 1 << 15) as u8)
}

fn code_header<C: Coder>(hints: &mut Hints<C>, file: &Bytecode, new: Option<&Bytecode>) -> Result<Header, HermesError> {
    let mut bytes = file.header;
    let told = new.map_or(file.header, |new| new.header);
    if hints.flag(told[12..32] != bytes[12..32], Flag::SourceChanged, 0) {
        for i in 12..32 {
            bytes[i] = raw(hints, told[i]);
        }
    }
    let mut counts = file.counts;
    let free = [Count::GlobalCode, Count::Segment, Count::StringSwitches];
    let rest = COUNTS_AT + 4 * file.form.counts().len();
    let told_counts = new.map_or(file.counts, |new| new.counts);
    let differs = free.iter().any(|&count| told_counts[count as usize] != counts[count as usize])
        || told[rest..] != bytes[rest..];
    if hints.flag(differs, Flag::HeaderChanged, 0) {
        for count in free {
            let i = count as usize;
            counts[i] = hints.near(told_counts[i], counts[i], Sort::Header, [i as u32, 0, 0, 0])?;
        }
        for i in rest..HEADER_BYTES {
            if hints.flag(told[i] != bytes[i], Flag::HeaderChanged, 1) {
                bytes[i] = raw(hints, told[i]);
            }
        }
    }
    // Bodies that are used twice tell that equal bodies are shared.
    let shares = new.is_some_and(|new| {
        let mut places: Vec<u32> = new.functions.iter().map(Function::offset).collect();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    });
    Ok(Header { bytes, counts, shares })
}

/// The layout of the instructions: that of the version, or one that the hints bring.
fn code_layout<C: Coder>(hints: &mut Hints<C>, version: u32, told: Option<&Layout>) -> Result<Layout, HermesError> {
    let usual = layout::layout(version);
    if !hints.flag(told.is_some() && told != usual.as_ref(), Flag::HeaderChanged, 2)
        && let Some(usual) = usual
    {
        return Ok(usual);
    }
    let mut form = Vec::new();
    if let Some(told) = told {
        told.write(&mut form);
    }
    let mut bytes = Vec::new();
    let size = hints.number(form.len() as u32, Sort::Header, [99, 0, 0, 0])?;
    if size > 4096 {
        return Err(HermesError::Hints { what: "an instruction layout that is too long" });
    }
    for i in 0..size as usize {
        bytes.push(raw(hints, form.get(i).copied().unwrap_or_default()));
    }
    hints.check()?;
    Ok(Layout::read(&mut &bytes[..])?)
}
