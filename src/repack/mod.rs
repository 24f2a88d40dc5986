//! Files that are compressed themselves, taken apart so that small changes stay small.
//!
//! [`unpack`] splits a gzip, zip, PNG, brotli or WOFF2 file into its **content**, which is what was compressed, and its
//! **residue**, which is all else: headers, and for each compressed stream the choices that its encoder made, in whole
//! bytes. Both diff well where the file itself does not, and the content of `x.js.gz` is `x.js`. [`Packer`] brings the
//! two together again, as a stream, in little memory and at the speed of entropy coding: no encoder runs, so it does
//! not matter which encoder made the file. `docs/repack.md` specifies the residue.

mod bits;
mod brotli;
mod code;
mod container;
mod deflate;
mod flow;
mod nearest;
mod packer;
mod residue;

#[cfg(test)]
mod tests;

use thiserror::Error;

#[cfg(feature = "diff")]
pub use container::unpack_proven;
pub use container::{Kind, Unpacked, sniff, unpack};
pub use packer::{PACK_MEMORY_BYTES, Packer};

/// Most content of one file, in bytes: places in it are kept in 32 bits.
const MAX_CONTENT_BYTES: usize = 1 << 31;
/// Compressed bytes that may wait in memory before they are handed on.
const DRAIN_BYTES: usize = 1 << 14;

/// Why a file cannot be taken apart or brought together.
#[derive(Debug, Error)]
pub enum RepackError {
    /// The compressed file or the residue breaks its format.
    #[error("found {what}; the file is damaged or not of the kind that its first bytes say")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
    /// A rare form that could not be written back exactly.
    #[error("found {what}, which cannot be written back exactly; treat the file as plain bytes")]
    Unsupported {
        /// What was found.
        what: &'static str,
    },
    /// Content and residue together are above the caller's bound.
    #[error("the unpacked file is above its limit of {limit} bytes; treat it as plain bytes or raise the limit")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Less or more content came than the residue asks for.
    #[error("the content is {what} than its residue asks for; the patch is damaged or was made for another file")]
    WrongLength {
        /// `shorter` or `longer`.
        what: &'static str,
    },
    /// The output failed.
    #[error("writing a compressed file: {0}")]
    Io(#[from] std::io::Error),
}

fn check_size(bytes: usize, limit: usize) -> Result<(), RepackError> {
    let limit = limit.min(MAX_CONTENT_BYTES);
    if bytes > limit { Err(RepackError::TooLarge { limit }) } else { Ok(()) }
}

/// Appends `length` bytes from `distance` back; they may overlap what is appended. Nothing before `start` is in reach.
fn copy_back(content: &mut Vec<u8>, start: usize, distance: usize, length: usize) -> Result<(), RepackError> {
    if distance == 0 || distance > content.len() - start {
        return Err(RepackError::Damaged { what: "a distance beyond the start" });
    }
    let from = content.len() - distance;
    if distance >= length {
        content.extend_from_within(from..from + length);
    } else if distance == 1 {
        let byte = content[from];
        content.resize(content.len() + length, byte);
    } else {
        for index in from..from + length {
            content.push(content[index]);
        }
    }
    Ok(())
}
