//! Entropy coding: the engine's own models of edits, and zstd beside them.
//!
//! The models predict one binary decision at a time; [`range`] turns each into a fraction of a bit. Encoding and
//! decoding are one code path, generic over [`range::Coder`].

pub mod binary;
pub mod bytes;
pub mod edits;
pub mod ends;
pub mod history;
pub mod literal;
pub mod logistic;
pub mod mix;
pub mod number;
pub mod range;
pub mod table;
pub mod text;
pub mod words;
