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
pub mod budget;
pub mod code;
pub mod debug;
mod error;
pub mod form;
pub mod function;
pub mod functions;
pub mod head;
pub mod heads;
pub mod hints;
pub mod info;
pub mod layout;
#[cfg(feature = "diff")]
pub mod lint;
pub mod listing;
pub mod literals;
pub mod locations;
mod opcodes;
mod operands;
pub mod packing;
pub mod places;
#[cfg(feature = "diff")]
pub mod plan;
pub mod predict;
pub mod reader;
pub mod rows;
pub mod sections;
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

/// What a prediction may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Memory, in bytes: see [`Plan::memory_bytes`].
    pub memory_bytes: u64,
}

/// Computes the image from `old` and `hints`, which end where `hints` ends, into `image`, and gives back its length.
///
/// Takes about 4.5 MiB and as much as old's tables and strings twice in memory, and time that is linear in old, the hints
/// and the bound of the image.
///
/// # Errors
/// [`HermesError`]: where old is not what the hints were made for, where the hints are damaged, and where the image
/// or the memory would exceed `bounds`, before it is allocated. What was put into `image` is then of no use.
pub fn predict(
    old: &mut impl Old,
    hints: impl Read,
    image: &mut impl Image,
    bounds: Bounds,
) -> Result<u64, HermesError> {
    let mut hints = hints::Hints::new(Decoder::new(hints));
    hints.budget = budget::Budget::of(bounds.memory_bytes, predict::work(old.len(), bounds.image_bytes));
    let tally = predict::run(&mut hints, old, &teacher::Absent, None, image, bounds.image_bytes, |_| 0)?;
    Ok(tally.image_bytes)
}
