//! Patch formats of other programs: BSDIFF40, and bidiff's stream.
//!
//! Both say the same: copy so many bytes of old and add so many differences to them, insert so many bytes, move on in
//! old, and so on. Neither names what it belongs to, and neither can tell that the result is right. So what is written
//! here is applied again before it is handed out, and what is read is checked at every step but vouches for nothing:
//! the caller has to compare the result with a hash that it trusts.

pub mod bidiff;
pub mod bsdiff;
mod controls;
mod replay;
#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

use crate::wire::WireError;

/// Why another program's patch could not be written or read.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// It is something else.
    #[error("this is not {expected}; it begins with {found:02x?}")]
    NotAPatch {
        /// What was expected, with its article.
        expected: &'static str,
        /// The first bytes.
        found: Vec<u8>,
    },
    /// A field cannot be right.
    #[error("the patch is damaged: {what} is {found}; fetch it again")]
    Malformed {
        /// Which field.
        what: &'static str,
        /// What stood there.
        found: i64,
    },
    /// It ends too early.
    #[error("the patch ends within {what}; fetch it again")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// It asks for bytes that old does not have.
    #[error(
        "the patch copies {bytes} bytes from offset {offset} of an old file that has {old_bytes}; it was made for \
         another old file, or is damaged"
    )]
    OutsideOld {
        /// Where the copy begins.
        offset: i64,
        /// How much is copied.
        bytes: u64,
        /// How much there is.
        old_bytes: u64,
    },
    /// It makes more than the caller allows, or than it said.
    #[error("the patch makes more than {limit} bytes; raise the limit if you trust it")]
    TooLarge {
        /// The cap.
        limit: u64,
    },
    /// Applying takes more memory than the caller allows.
    #[error("applying takes {needed} bytes of memory, above the limit of {limit}; raise --max-memory if you can")]
    Memory {
        /// What is needed.
        needed: u64,
        /// The cap.
        limit: u64,
    },
    /// The format cannot hold a file of that size.
    #[error("{bytes} bytes are more than this format can hold ({limit}); use smidge's own")]
    TooLargeForFormat {
        /// The size of the file.
        bytes: u64,
        /// What the format can hold.
        limit: u64,
    },
    /// What was written does not give new back.
    #[error("the patch that was made does not give the new file back; this is a fault in smidge, please report it")]
    WrongResult,
    /// A number is not well formed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Reading or writing failed.
    #[error("{action}: {source}")]
    Io {
        /// What was tried, as "cannot …".
        action: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl ExchangeError {
    /// Whether the patch was found damaged, or not to belong to old.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. }
                | Self::Truncated { .. }
                | Self::OutsideOld { .. }
                | Self::WrongResult
                | Self::Wire(_)
        )
    }

    fn io(action: &'static str, source: io::Error) -> Self {
        Self::Io { action, source }
    }

    /// A failed read of the patch: truncation is the commonest.
    fn read(what: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { what },
            _ => Self::Io { action: "cannot read the patch", source },
        }
    }
}
