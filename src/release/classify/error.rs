//! Why two builds cannot be compared, and why a release is refused.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why what was given to compare cannot be read.
#[derive(Debug, Error)]
pub enum ClassifyError {
    /// A file or folder cannot be read.
    #[error("cannot read {path:?}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A document is larger than any that is read.
    #[error("{what} has more than {limit} bytes, the most that is read; is it the right file?")]
    TooLarge {
        /// What it should be, with its article.
        what: &'static str,
        /// The cap.
        limit: u64,
    },
    /// Not JSON, or not of the form that is expected.
    #[error("this is no {what}: {source}; docs/check.md shows one")]
    Form {
        /// What it should be.
        what: &'static str,
        /// What the parser met, with line and column.
        source: serde_json::Error,
    },
    /// A model description of a version that is not known here.
    #[error("the model description has format {found:?}; this program reads \"smidge model 1\"")]
    ModelFormat {
        /// What it says.
        found: String,
    },
    /// A fingerprint of no known form.
    #[error(
        "this is no native fingerprint: it has neither \"format\": \"smidge native 1\" nor the \"sources\" that \
         @expo/fingerprint writes; `smidge import native PROJECT` makes one"
    )]
    FingerprintFormat,
    /// A name that stands twice where each stands for one thing.
    #[error("{what} {name:?} is described twice; each may stand once: remove one of them")]
    Twice {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name or version that says nothing, or too much.
    #[error("{what} must have 1 to {limit} bytes, not {found}")]
    Length {
        /// What it is, with its article.
        what: &'static str,
        /// The cap.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// A folder that is no project of an app.
    #[error(
        "{path:?} is no project of an app: it has neither package.json nor ios/ nor android/; name its root folder"
    )]
    NoProject {
        /// The folder.
        path: PathBuf,
    },
    /// More files than are looked at.
    #[error("{path:?} holds more than {limit} files of the native projects; are build results among them?")]
    TooMany {
        /// The project.
        path: PathBuf,
        /// The cap.
        limit: usize,
    },
}

/// Why a release may not go over the air.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// Devices need another store build.
    #[error("this needs a store release: {}", .reasons.join("; "))]
    Store {
        /// Everything that does.
        reasons: Vec<String>,
    },
    /// Data that was not synced can be lost.
    #[error(
        "this can destroy data that devices have not synced: {}. Keep what they know, or give --allow-destructive with \
         the reason why that is right; the audit log keeps it", .reasons.join("; ")
    )]
    Destructive {
        /// Everything that can.
        reasons: Vec<String>,
    },
    /// A reason that says nothing.
    #[error("--allow-destructive needs a reason in words: the audit log and the release's statement keep it")]
    EmptyReason,
    /// A reason that no statement can hold.
    #[error("the reason has {found} bytes; a release's statement holds {}", super::REASON_BYTES)]
    LongReason {
        /// Its length in bytes.
        found: usize,
    },
}
