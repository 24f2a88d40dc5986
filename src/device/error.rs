//! Why the client could not do what it was asked. What runs keeps running, whatever it was.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::transport::TransportError;
use crate::{apply::ApplyError, files::FileError, tree::TreeError, trust::TrustError};

/// Why a check, an update or another call failed. The running release is as it was.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The host did not give what was asked for.
    #[error("cannot fetch {path}: {source}")]
    Transport {
        /// Where it lies on the host.
        path: String,
        /// The cause.
        source: TransportError,
    },
    /// The host gives more than there may be.
    #[error(
        "{path} is longer than the {limit} bytes that it may have; the host is not to be trusted, or mixes up files"
    )]
    TooLong {
        /// Where it lies on the host.
        path: String,
        /// The most bytes.
        limit: u64,
    },
    /// The host gives so little that it would never end.
    #[error("{path} came too slowly: {bytes} bytes in {secs} s; it goes on from there when the update is tried again")]
    TooSlow {
        /// Where it lies on the host.
        path: String,
        /// What came.
        bytes: u64,
        /// In which time.
        secs: u64,
    },
    /// A document is not to be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The app stopped it.
    #[error("the update was stopped; what was fetched is kept, and goes on when the update is tried again")]
    Stopped,
    /// The disk has no room for the release.
    #[error("the update needs {needed} bytes of free space, {free} are there; free some space and try again")]
    NoSpace {
        /// What it takes.
        needed: u64,
        /// What is there.
        free: u64,
    },
    /// The app does not allow that many bytes.
    #[error(
        "the update takes {needed} bytes to fetch, {allowed} are allowed; allow more, or wait for a better network"
    )]
    OverBudget {
        /// What it takes.
        needed: u64,
        /// What the app allows.
        allowed: u64,
    },
    /// No way to the release is left.
    #[error("no way leads to v{label}: {}", if .failed.is_empty() { "the publisher offers none".to_owned() } else { .failed.join("; ") })]
    NoWay {
        /// The release.
        label: u64,
        /// What was tried, and why it failed.
        failed: Vec<String>,
    },
    /// A patch could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process updates this device's app.
    #[error("another update is at work in {path:?}; wait until it is done")]
    Busy {
        /// The client's folder.
        path: PathBuf,
    },
    /// What was asked for does not fit the state.
    #[error("{problem}")]
    NotNow {
        /// Why, and what to do.
        problem: &'static str,
    },
    /// A snapshot could not be taken or restored.
    #[error("cannot {action} the snapshot of {path:?}: {source}")]
    Snapshot {
        /// What was tried.
        action: &'static str,
        /// Of what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DeviceError {
    /// Whether something was verified and is not to be believed.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        match self {
            Self::Trust(error) => error.is_verification(),
            Self::Apply(error) => error.is_verification(),
            Self::TooLong { .. } => true,
            _ => false,
        }
    }

    /// Whether trying again later may help, without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Transport { .. } | Self::TooSlow { .. } | Self::Busy { .. } | Self::Stopped)
    }
}
