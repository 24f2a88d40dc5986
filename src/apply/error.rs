//! Why a patch was not applied.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::codec::edits::EditError;
use crate::codec::lanes::LaneError;
use crate::files::FileError;
use crate::hash::Hash;
use crate::hermes::HermesError;
use crate::patch::PatchError;
use crate::patch::entries::EntriesError;
use crate::repack::RepackError;
use crate::tree::TreeError;

/// Why a patch was not applied. The target is as it was.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The patch cannot be read, or is damaged.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The patch needs more memory than it may have.
    #[error("applying needs {needed} bytes of memory, {limit} are allowed; raise the limit or take the full release")]
    Memory {
        /// What it needs.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// New is larger than it may be.
    #[error("new has {found} bytes, {limit} are allowed; raise the limit")]
    NewTooLarge {
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Old is not the one that the patch was made for.
    #[error(
        "old is not what the patch was made for: expected {expected}, found {found}; take the patch for the release \
         that is there, or the full release"
    )]
    WrongOld {
        /// The tree hash that the patch names.
        expected: Hash,
        /// That of what was found.
        found: Hash,
    },
    /// What was made is not what the patch promised.
    #[error("the result is not what the patch promised: expected {expected}, made {found}; nothing was changed")]
    WrongNew {
        /// The tree hash that the patch names.
        expected: Hash,
        /// That of what was made.
        found: Hash,
    },
    /// The patch's list of files is damaged.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// Old or new is no usable tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The edits do not fit.
    #[error("{path:?}: {source}")]
    Edits {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: EditError,
    },
    /// The edits do not fit, or cannot be read.
    #[error("{path:?}: {source}")]
    Lanes {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: LaneError,
    },
    /// The prediction of Hermes bytecode does not fit.
    #[error("{path:?}: {source}")]
    Hermes {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: HermesError,
    },
    /// A compressed file cannot be taken apart or brought together.
    #[error("{path:?}: {source}")]
    Repack {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: RepackError,
    },
    /// The target cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl ApplyError {
    /// Whether something was verified and found wrong: the patch, old, or the result.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        match self {
            Self::Patch(error) => matches!(
                error,
                PatchError::Damaged { .. }
                    | PatchError::Trailing { .. }
                    | PatchError::Read { .. }
                    | PatchError::Wire(_)
            ),
            Self::WrongOld { .. } | Self::WrongNew { .. } => true,
            Self::Entries(_) | Self::Edits { .. } | Self::Lanes { .. } | Self::Hermes { .. } | Self::Repack { .. } => {
                true
            }
            _ => false,
        }
    }
}

/// What is wrong with the edits of one file.
#[derive(Debug)]
pub(super) enum Wrong {
    Edits(EditError),
    Lanes(LaneError),
}

impl Wrong {
    pub(super) fn at(self, path: &str) -> ApplyError {
        let path = path.to_owned();
        match self {
            Self::Edits(source) => ApplyError::Edits { path, source },
            Self::Lanes(source) => ApplyError::Lanes { path, source },
        }
    }
}

impl From<EditError> for Wrong {
    fn from(source: EditError) -> Self {
        Self::Edits(source)
    }
}

impl From<LaneError> for Wrong {
    fn from(source: LaneError) -> Self {
        Self::Lanes(source)
    }
}
