//! Why a document is not believed.

use thiserror::Error;

use super::{Channel, Document, KeyId, Time};
use crate::{hash::Hash, wire::WireError};

/// Why a signature did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotCounted {
    /// The key is not among those of the role: it never was, or it was revoked.
    #[error("is not among the keys of this role")]
    NotOfTheRole,
    /// The key's time has not begun.
    #[error("is valid only from {0}")]
    NotYet(Time),
    /// The key's time is over.
    #[error("expired at {0}")]
    Expired(Time),
    /// It does not verify.
    #[error("did not make the signature under its name")]
    Wrong,
}

/// Why a document is not believed, or cannot be read.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It begins otherwise than every signed document.
    #[error("this is not a {expected}: it does not begin as signed documents do; check what was fetched or named")]
    NotSigned {
        /// What was asked for.
        expected: Document,
    },
    /// Its version is not known here.
    #[error("the {document} has format version {found}, this smidge reads 1; update smidge")]
    Version {
        /// What was asked for.
        document: Document,
        /// Its version.
        found: u8,
    },
    /// It is a signed document of another type.
    #[error("expected a {expected}, found {found}; check what was fetched or named")]
    WrongType {
        /// What was asked for.
        expected: Document,
        /// What it says to be.
        found: String,
    },
    /// It breaks a rule of its form.
    #[error("the {document} is malformed: {field} {problem}; it is damaged or not made by smidge")]
    Malformed {
        /// Which document.
        document: &'static str,
        /// Where in it.
        field: &'static str,
        /// Which rule.
        problem: &'static str,
    },
    /// A number is out of its bounds, or the document ends early.
    #[error("the {document} is malformed: {source}")]
    Number {
        /// Which document.
        document: &'static str,
        /// The cause.
        source: WireError,
    },
    /// It has a field that must be understood and is not known here.
    #[error("the {document} has field {number}, which must be understood and is unknown here; update smidge")]
    UnknownField {
        /// Which document.
        document: &'static str,
        /// The field's number.
        number: u64,
    },
    /// Too few signatures count.
    #[error("the {document} is signed by {found} of the {needed} {role} keys that it takes{}", reasons(.not_counted))]
    Threshold {
        /// Which document.
        document: Document,
        /// Whose signatures were asked for.
        role: &'static str,
        /// How many are needed.
        needed: usize,
        /// How many count.
        found: usize,
        /// The other signatures, and why each does not count.
        not_counted: Vec<(KeyId, NotCounted)>,
    },
    /// It is too old to be believed, or the clock is ahead.
    #[error("the {document} expired at {expired}, it is {now}; if the clock is right, it needs to be signed anew")]
    Expired {
        /// Which document.
        document: Document,
        /// When it expired.
        expired: Time,
        /// The device's time.
        now: Time,
    },
    /// A root is not the successor of the root before it.
    #[error("root {found} cannot follow root {number}: its {field} is not one that a successor may have")]
    NotTheSuccessor {
        /// The root that is trusted.
        number: u64,
        /// The number of the one that was to follow.
        found: u64,
        /// Which of its fields forbids it.
        field: &'static str,
    },
    /// A head is older than one seen before.
    #[error("head {found} of {channel} is older than head {seen}, which was seen before: someone replays old heads")]
    Rollback {
        /// Of which channel.
        channel: Channel,
        /// The highest number seen.
        seen: u64,
        /// The number found.
        found: u64,
    },
    /// A head is of another epoch than the root.
    #[error("the head is of epoch {found}, the root of epoch {expected}: fetch newer roots, or a newer head")]
    Epoch {
        /// The root's.
        expected: u64,
        /// The head's.
        found: u64,
    },
    /// A document is of another channel.
    #[error("expected a {document} of {expected}, found one of {found}: the host mixes up channels")]
    OtherChannel {
        /// Which document.
        document: Document,
        /// The channel asked for.
        expected: Channel,
        /// Its own.
        found: Channel,
    },
    /// A document or object does not have the hash under which it is known.
    #[error("{what} has hash {found}, expected {expected}; fetch it again")]
    OtherHash {
        /// What it should be.
        what: &'static str,
        /// The hash in the head.
        expected: Hash,
        /// Its own.
        found: Hash,
    },
    /// A statement has another label than the head gives it.
    #[error("the head lists the release as v{expected}, its statement says v{found}")]
    OtherLabel {
        /// The head's.
        expected: u64,
        /// The statement's.
        found: u64,
    },
    /// A statement does not name the device's binary.
    #[error("release v{label} was not signed for version {version} build {build}")]
    NotForBinary {
        /// The release.
        label: u64,
        /// The binary's version.
        version: String,
        /// Its build number.
        build: String,
    },
    /// The release needs other native code than the binary has.
    #[error("release v{label} needs native code {expected:?}, this binary has {found:?}: it needs a store release")]
    OtherFingerprint {
        /// The release.
        label: u64,
        /// The release's.
        expected: String,
        /// The binary's.
        found: String,
    },
}

fn reasons(not_counted: &[(KeyId, NotCounted)]) -> String {
    not_counted.iter().map(|(id, why)| format!("; key {id} {why}")).collect()
}

impl TrustError {
    /// Whether the document was readable and is not to be believed, as against one that cannot be read at all.
    #[must_use]
    pub const fn is_verification(&self) -> bool {
        !matches!(
            self,
            Self::NotSigned { .. } | Self::Version { .. } | Self::WrongType { .. } | Self::UnknownField { .. }
        ) && !matches!(self, Self::Malformed { .. } | Self::Number { .. })
    }
}
