//! Why the store could not do what it was asked for.

use std::{error::Error, io};

use thiserror::Error as ThisError;

use crate::hash::Hash;

/// Why the store could not do what it was asked for.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// The address names no kind of store.
    #[error("{address:?} is not the address of a store: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong, and what to write instead.
        why: String,
    },
    /// There is no store, or something else is there.
    #[error("{place} is not a store: {why}")]
    NotAStore {
        /// The folder or the bucket with its prefix.
        place: String,
        /// What was found, and what to do.
        why: String,
    },
    /// The system refused.
    #[error("cannot {action} {place}: {source}{}", hint(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        place: String,
        /// The cause.
        source: io::Error,
    },
    /// The object storage refused or could not be reached.
    #[error("cannot {action} {place}: {source}")]
    Remote {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        place: String,
        /// The cause.
        source: object_store::Error,
    },
    /// No such object.
    #[error("the store has no object {hash}; if it should, mend the store from a copy: smidge store scrub --from")]
    Missing {
        /// The hash that was asked for.
        hash: Hash,
    },
    /// What is stored is not what was put: bit rot, a truncated or a swapped file.
    #[error("{place} is damaged: {what}; mend the store from a copy: smidge store scrub --from")]
    Damaged {
        /// The hash that the object was stored under.
        hash: Hash,
        /// Where it lies.
        place: String,
        /// What was expected and what was found.
        what: String,
    },
    /// The content that was put does not have the hash that was promised.
    #[error("the content hashes to {found}, but {expected} was promised; nothing was stored")]
    WrongHash {
        /// The promised hash.
        expected: Hash,
        /// The hash of what came.
        found: Hash,
    },
    /// A range that the content does not have.
    #[error("bytes {start} to {end} of object {hash} do not exist, it has {bytes}")]
    Range {
        /// The object.
        hash: Hash,
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
        /// Bytes that the content has.
        bytes: u64,
    },
    /// The name of a pointer breaks the rules.
    #[error("{name:?} cannot name a pointer: {why}")]
    PointerName {
        /// The name.
        name: String,
        /// The rule.
        why: &'static str,
    },
    /// The value of a pointer is too large.
    #[error("the value of the pointer {name} has {bytes} bytes, at most {limit} are allowed; put it as an object")]
    PointerSize {
        /// The pointer.
        name: String,
        /// Bytes of the value.
        bytes: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The pointer is not at the expected version: somebody else changed it.
    #[error("the pointer {name} was changed by somebody else in the meantime; read it again and decide anew")]
    Conflict {
        /// The pointer.
        name: String,
    },
    /// A pointer that the store keeps for itself cannot be read.
    #[error("the pointer {name} is damaged: {why}; smidge store collect writes it anew")]
    Record {
        /// The pointer.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A lease ran out before the work under it was done.
    #[error("the lease of this upload ran out, so that what it stored may be collected; start the upload again")]
    LeaseLost,
    /// Another collector is at work.
    #[error("another collect is running, or was killed; try again in {secs} s")]
    CollectorBusy {
        /// Seconds until it has to be done, or is taken for dead.
        secs: u64,
    },
    /// What is needed could not be told, so that nothing may be collected.
    #[error("cannot tell which objects are needed, so that nothing was collected: {0}")]
    Roots(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    pub(crate) fn io(action: &'static str, place: impl ToString, source: io::Error) -> Self {
        Self::Io { action, place: place.to_string(), source }
    }

    /// Whether content turned out not to be what it was promised to be.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::WrongHash { .. } | Self::Record { .. })
    }

    /// Whether somebody else was first, so that reading again and trying again makes sense.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// What a person can do about the commonest causes.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => "; free some space and try again, the store is as it was",
        io::ErrorKind::QuotaExceeded => "; the quota is used up: free some space, the store is as it was",
        io::ErrorKind::ReadOnlyFilesystem => "; the store lies on a file system that cannot be written",
        io::ErrorKind::PermissionDenied => "; check who may write there",
        _ => "",
    }
}

/// So that content can be read through the traits of `std` and `tokio`.
impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Io { source, .. } => source.kind(),
            StoreError::Missing { .. } => io::ErrorKind::NotFound,
            StoreError::Damaged { .. } | StoreError::WrongHash { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
