//! Entropy coding: the engine's own models of edits, and zstd beside them.
//!
//! The models predict one binary decision at a time; [`range`] turns each into a fraction of a bit. Encoding and
//! decoding are one code path, generic over [`range::Coder`].

pub mod binary;
pub mod bytes;
pub mod edits;
pub mod ends;
pub mod history;
pub mod lanes;
pub mod literal;
pub mod logistic;
pub mod mix;
pub mod models;
pub mod number;
pub mod range;
pub mod table;
pub mod text;
mod vector;
pub mod words;

/// Sizes of the tables that the models work with, chosen by the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The table of bit histories has `1 << table_bits` bytes, 12 to 24.
    pub table_bits: u32,
    /// The remembered past of new has `1 << ring_bits` bytes, 12 to 24.
    pub ring_bits: u32,
}

impl Sizes {
    const LEAST: u32 = 12;
    const MOST: u32 = 24;

    /// Both sizes in one byte.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        ((self.table_bits - Self::LEAST) << 4 | (self.ring_bits - Self::LEAST)) as u8
    }

    /// The sizes in `byte`; `None` where they are out of bounds.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        let (table_bits, ring_bits) = (u32::from(byte >> 4) + Self::LEAST, u32::from(byte & 15) + Self::LEAST);
        (table_bits <= Self::MOST && ring_bits <= Self::MOST).then_some(Self { table_bits, ring_bits })
    }

    /// Memory of all models with tables of these sizes, in bytes.
    #[must_use]
    pub fn memory_bytes(self) -> u64 {
        (1u64 << self.table_bits) + (1u64 << self.ring_bits) + MODELS_BYTES
    }
}

/// Memory of the models beside the tables whose sizes vary: nets, renamed words, numbers; rounded up.
pub const MODELS_BYTES: u64 = 7 << 18;
