//! The patch container, format 1: header, frames, the list of entries. `docs/format.md` specifies every byte.

pub mod entries;
mod frames;
mod header;

use std::io;

use thiserror::Error;

#[cfg(feature = "diff")]
pub use frames::seal;
pub use frames::{FRAME_BYTES, Frames, HASH_BYTES};
pub use header::{Header, MAGIC, VERSION};

use crate::wire::WireError;

/// Why a patch cannot be read.
#[derive(Debug, Error)]
pub enum PatchError {
    /// It begins otherwise than every patch.
    #[error("this is not a smidge patch: it begins with \"{}\"; make one with `smidge diff`", found.escape_ascii())]
    NotAPatch {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// Its format is not known here.
    #[error("the patch has format version {found}, this smidge reads {known}; update smidge or make the patch anew")]
    Version {
        /// Its version.
        found: u8,
        /// The newest known.
        known: u8,
    },
    /// Its flags ask for what is not known here.
    #[error("the patch asks for features unknown here (flags {found:#04x}); update smidge, or take the full release")]
    Flags {
        /// The flags.
        found: u8,
    },
    /// It ends early or cannot be read.
    #[error("reading {what}: {source}; the patch is truncated or cannot be read, fetch it again")]
    Read {
        /// What was read.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A frame does not have the hash that was stated for it.
    #[error("the patch is damaged in the part that begins at byte {at}; fetch it again")]
    Damaged {
        /// The frame's first byte.
        at: u64,
    },
    /// Something follows its end.
    #[error("the patch goes on behind its end at byte {at}; fetch it again")]
    Trailing {
        /// Where it should end.
        at: u64,
    },
    /// Nothing follows its header.
    #[error("the patch has no content; fetch it again")]
    NoBody,
    /// A number is out of its bounds.
    #[error(transparent)]
    Wire(#[from] WireError),
}
