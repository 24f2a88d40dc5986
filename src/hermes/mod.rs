//! What the engine knows of Hermes bytecode: it predicts new from old, and the ordinary coder codes what is left.
//!
//! The build side makes a [`Plan`]: *hints*, which say in few bytes what became of old's strings, literals and
//! functions, and the *image*, which is what old and the hints make of new. The device computes the same image with
//! [`predict()`]. Where the image is not new the patch has to say so; a wrong prediction costs bytes, never correctness.
//!
//! Encoding and decoding the hints is one code path ([`predict::run`]), generic over the coder and over a
//! [`teacher::Teacher`], which knows new on the build side and nobody on the device. The path goes through the file in
//! the order in which things follow from each other: strings ([`strings`]), literals ([`literals`]), tables ([`rows`]),
//! functions ([`functions`]) and their bodies ([`body`]); the places of all of them then follow.

pub mod body;
pub mod code;
pub mod debug;
mod error;
pub mod form;
pub mod function;
pub mod functions;
pub mod hints;
pub mod info;
pub mod layout;
#[cfg(feature = "diff")]
pub mod lint;
pub mod listing;
pub mod literals;
pub mod locations;
mod operands;
pub mod packing;
#[cfg(feature = "diff")]
pub mod plan;
pub mod predict;
pub mod reader;
pub mod rows;
pub mod sequences;
pub mod splice;
pub mod strings;
pub mod teacher;

use std::io::Read;

use crate::codec::ends::Old;
use crate::codec::range::Decoder;

pub use error::HermesError;
#[cfg(feature = "diff")]
pub use plan::{Plan, plan, try_plan};
pub use predict::Image;

/// Computes the image from `old` and `hints`, which end where `hints` ends, into `image`, and gives back its length.
///
/// Takes about 5 MiB and as much as old's tables and strings twice in memory (9 MiB for a file of 4.5 MB whose strings
/// changed), and time that grows with old and hints.
///
/// # Errors
/// [`HermesError`]: where old is not what the hints were made for, where the hints are damaged, and where the image
/// would take more than `limit` bytes. What was put into `image` is then of no use.
pub fn predict(old: &mut impl Old, hints: impl Read, image: &mut impl Image, limit: u64) -> Result<u64, HermesError> {
    let mut hints = hints::Hints::new(Decoder::new(hints));
    let tally = predict::run(&mut hints, old, &teacher::Absent, None, image, limit, |_| 0)?;
    Ok(tally.image_bytes)
}
