//! Why bytecode could not be read or predicted.

use thiserror::Error;

use super::layout::LayoutError;

/// Why Hermes bytecode could not be read, or its prediction not be computed.
#[derive(Debug, Error)]
pub enum HermesError {
    /// The file is not bytecode that smidge understands.
    #[error("not Hermes bytecode that smidge understands: {what}; patch it as plain bytes")]
    Form {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Old could not be read, or ends too soon.
    #[error("old ends or cannot be read at byte {at}, where {bytes} bytes are needed; check that it is whole")]
    Read {
        /// Where, in bytes from the start of old.
        at: u64,
        /// How many bytes were wanted.
        bytes: u64,
    },
    /// The hints ask for something impossible.
    #[error("the bytecode hints of the patch are damaged ({what}); ask for the patch again, or for the full release")]
    Hints {
        /// What they ask for.
        what: &'static str,
    },
    /// The hints end too soon.
    #[error("the bytecode hints of the patch are cut short; ask for the patch again, or for the full release")]
    Starved,
    /// The prediction would be larger than the patch said.
    #[error("the predicted bytecode takes {needed} bytes, above its limit of {limit}; ask for the full release")]
    TooLarge {
        /// Bytes wanted.
        needed: u64,
        /// The bound.
        limit: u64,
    },
    /// The prediction would take more memory than the patch declares, or than it may.
    #[error(
        "predicting the bytecode takes {needed} bytes of memory, {limit} are declared or allowed; raise the limit, or \
         ask for the full release"
    )]
    Memory {
        /// What it needs.
        needed: u64,
        /// What it may have.
        limit: u64,
    },
    /// The instruction layout in the hints is damaged.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The image could not be written.
    #[error("writing the predicted bytecode: {0}; free some space and try again")]
    Write(#[from] std::io::Error),
}
