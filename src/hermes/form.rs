//! What differs between the bytecode versions outside of the instructions: the file header, the order of the sections,
//! and how a function's header is packed.
//!
//! Facts of `BytecodeFileFormat.h` of the branches that React Native shipped (github.com/facebook/hermes).

use super::HermesError;

/// The first eight bytes of bytecode that a device runs.
pub const MAGIC: [u8; 8] = 0x1F19_03C1_03BC_1FC6u64.to_le_bytes();
/// Bytes of the file header.
pub const HEADER_BYTES: usize = 128;
/// Bytes of the SHA-1 at the end of the file.
pub const FOOTER_BYTES: usize = 20;
/// Where the counts of the file header begin, behind magic, version and source hash.
pub const COUNTS_AT: usize = 32;

/// A number in the file header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Count {
    FileLength,
    GlobalCode,
    Functions,
    Kinds,
    Identifiers,
    Strings,
    Overflows,
    StorageBytes,
    BigInts,
    BigIntBytes,
    RegExps,
    RegExpBytes,
    ArrayBytes,
    KeyBytes,
    ValueBytes,
    Shapes,
    StringSwitches,
    Segment,
    Modules,
    Sources,
    DebugInfo,
}

/// How many there are.
pub const COUNTS: usize = 21;

/// A section between the file header and the function bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Section {
    Functions,
    Kinds,
    Hashes,
    Strings,
    Overflows,
    Storage,
    Arrays,
    Keys,
    Values,
    Shapes,
    BigInts,
    BigIntStorage,
    RegExps,
    RegExpStorage,
    Modules,
    Sources,
}

/// How many there are.
pub const SECTIONS: usize = 16;

/// A field of a function's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The byte of the small header at which its word begins.
    pub word: u8,
    /// The first bit in the word.
    pub shift: u8,
    /// Its bits in the small header.
    pub bits: u8,
    /// Its bytes in the large header.
    pub bytes: u8,
}

const fn field(word: u8, shift: u8, bits: u8, bytes: u8) -> Field {
    Field { word, shift, bits, bytes }
}

/// To version 96: offset, parameters, size, name, info, frame, environment, read caches, write caches.
const TO_96: &[Field] = &[
    field(0, 0, 25, 4),
    field(0, 25, 7, 4),
    field(4, 0, 15, 4),
    field(4, 15, 17, 4),
    field(8, 0, 25, 4),
    field(8, 25, 7, 4),
    field(12, 0, 8, 4),
    field(13, 0, 8, 1),
    field(14, 0, 8, 1),
];
/// Version 97: offset, parameters, size, name, frame, read caches, write caches.
const IN_97: &[Field] = &[
    field(0, 0, 25, 4),
    field(0, 25, 7, 4),
    field(4, 0, 15, 4),
    field(4, 15, 17, 4),
    field(8, 0, 8, 4),
    field(9, 0, 8, 1),
    field(10, 0, 8, 1),
];
/// Version 98: offset, parameters, loop depth, size, name, number and non-pointer registers, frame, read, write,
/// new-object and private-name caches.
const IN_98: &[Field] = &[
    field(0, 0, 25, 4),
    field(0, 25, 5, 4),
    field(0, 30, 2, 4),
    field(4, 0, 14, 4),
    field(4, 14, 8, 4),
    field(4, 22, 5, 4),
    field(4, 27, 5, 4),
    field(8, 0, 8, 4),
    field(9, 0, 8, 1),
    field(10, 0, 6, 1),
    field(10, 6, 1, 1),
    field(10, 7, 1, 1),
];
/// From version 99 (and in development builds of 98): without new-object caches.
const FROM_99: &[Field] = &[
    field(0, 0, 25, 4),
    field(0, 25, 5, 4),
    field(0, 30, 2, 4),
    field(4, 0, 14, 4),
    field(4, 14, 8, 4),
    field(4, 22, 5, 4),
    field(4, 27, 5, 4),
    field(8, 0, 8, 4),
    field(9, 0, 8, 1),
    field(10, 0, 7, 1),
    field(10, 7, 1, 1),
];

/// The most fields that any form has.
pub const MAX_FIELDS: usize = 12;

/// The form of a bytecode version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The bytecode version.
    pub version: u32,
    /// Fields of a function's header, in the order of the large one.
    pub fields: &'static [Field],
    /// Bytes of a small function header; the last is the flags.
    pub small_bytes: usize,
    /// Where the offset of the body, its size, the function's name and the offset of its info stand in `fields`.
    pub size_field: usize,
    /// See `size_field`.
    pub name_field: usize,
    /// See `size_field`; none where the info is found through the large header.
    pub info_field: Option<usize>,
    /// Bits of the place of a large header that stand in the first field of the small one. Those above stand in the
    /// info's field, or in the name's where there is none.
    pub place_bits: u32,
    /// 32-bit words of offsets into the debug info that a function with debug info has.
    pub debug_words: usize,
}

impl Form {
    /// The forms that a file of `version` may have, the likeliest first.
    #[must_use]
    pub fn candidates(version: u32) -> Vec<Self> {
        let old = Self {
            version,
            fields: TO_96,
            small_bytes: 16,
            size_field: 2,
            name_field: 3,
            info_field: Some(4),
            place_bits: 16,
            debug_words: if version < 91 { 2 } else { 3 },
        };
        let between = Self { fields: IN_97, small_bytes: 12, info_field: None, debug_words: 2, ..old };
        let new = Self { fields: IN_98, size_field: 3, name_field: 4, place_bits: 24, debug_words: 1, ..between };
        match version {
            84..=96 => vec![old],
            97 => vec![between],
            98 => vec![new, Self { fields: FROM_99, ..new }],
            99 => vec![Self { fields: FROM_99, ..new }, new],
            _ => Vec::new(),
        }
    }

    /// Whether literals are kept in one value buffer and shapes in a table.
    #[must_use]
    pub const fn has_shapes(&self) -> bool {
        self.version >= 97
    }

    /// Whether string ids below 256 in literals take one byte; otherwise that kind is undefined, and they take two.
    #[must_use]
    pub const fn has_byte_strings(&self) -> bool {
        self.version <= 97
    }

    /// The numbers of the file header, in order.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        use Count::*;
        let mut counts = vec![FileLength, GlobalCode, Functions, Kinds, Identifiers, Strings, Overflows, StorageBytes];
        if self.version >= 87 {
            counts.extend([BigInts, BigIntBytes]);
        }
        counts.extend([RegExps, RegExpBytes]);
        if self.has_shapes() {
            counts.extend([ValueBytes, KeyBytes, Shapes]);
            if self.version >= 98 {
                counts.push(StringSwitches);
            }
        } else {
            counts.extend([ArrayBytes, KeyBytes, ValueBytes]);
        }
        counts.extend([Segment, Modules, Sources, DebugInfo]);
        counts
    }

    /// The sections in the order of the file, with the count that each depends on and the bytes per unit of it.
    #[must_use]
    pub fn sections(&self) -> Vec<(Section, Count, usize)> {
        let mut sections = vec![
            (Section::Functions, Count::Functions, self.small_bytes),
            (Section::Kinds, Count::Kinds, 4),
            (Section::Hashes, Count::Identifiers, 4),
            (Section::Strings, Count::Strings, 4),
            (Section::Overflows, Count::Overflows, 8),
            (Section::Storage, Count::StorageBytes, 1),
        ];
        if self.has_shapes() {
            sections.extend([
                (Section::Values, Count::ValueBytes, 1),
                (Section::Keys, Count::KeyBytes, 1),
                (Section::Shapes, Count::Shapes, 8),
            ]);
        } else {
            sections.extend([
                (Section::Arrays, Count::ArrayBytes, 1),
                (Section::Keys, Count::KeyBytes, 1),
                (Section::Values, Count::ValueBytes, 1),
            ]);
        }
        sections.extend([
            (Section::BigInts, Count::BigInts, 8),
            (Section::BigIntStorage, Count::BigIntBytes, 1),
            (Section::RegExps, Count::RegExps, 8),
            (Section::RegExpStorage, Count::RegExpBytes, 1),
            (Section::Modules, Count::Modules, 8),
            (Section::Sources, Count::Sources, 8),
        ]);
        sections
    }

    /// Bytes of a large function header, without padding.
    #[must_use]
    pub fn large_bytes(&self) -> usize {
        self.fields.iter().map(|field| usize::from(field.bytes)).sum::<usize>() + 1
    }
}

/// Where the sections lie.
#[derive(Debug, Clone)]
pub struct Places {
    /// Start and length in bytes, by [`Section`].
    pub sections: [(u64, u64); SECTIONS],
    /// Where the last section ends.
    pub end: u64,
}

impl Places {
    /// Lays the sections out by the counts of the header.
    ///
    /// # Errors
    /// [`HermesError::TooLarge`] where they take more than `limit` bytes.
    pub fn of(form: &Form, counts: &[u32; COUNTS], limit: u64) -> Result<Self, HermesError> {
        let mut places = Self { sections: [(0, 0); SECTIONS], end: HEADER_BYTES as u64 };
        for (section, count, unit) in form.sections() {
            let start = places.end.next_multiple_of(4);
            let bytes = u64::from(counts[count as usize]) * unit as u64;
            places.sections[section as usize] = (start, bytes);
            places.end = start + bytes;
            if places.end > limit {
                return Err(HermesError::TooLarge { needed: places.end, limit });
            }
        }
        Ok(places)
    }

    /// Start and length of a section in bytes.
    #[must_use]
    pub fn get(&self, section: Section) -> (u64, u64) {
        self.sections[section as usize]
    }
}
