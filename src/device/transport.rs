//! How bytes come from a host. The app brings its own; a folder serves tests, kiosks and demonstrations.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use thiserror::Error;

use crate::files::open_beneath;

/// Why a host did not give what was asked for.
#[derive(Debug, Error)]
pub enum TransportError {
    /// There is no such thing.
    #[error("the host has no such file")]
    NotFound,
    /// The host refuses, and will go on refusing.
    #[error("the host refuses: {0}")]
    Refused(String),
    /// The host cannot be reached or cannot answer now.
    #[error("the host cannot answer now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// When the host asks to be asked again.
        retry_after: Option<Duration>,
    },
    /// Reading failed on the way.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
}

impl TransportError {
    /// Whether asking again may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Io(_))
    }
}

/// An answer, before its bytes came.
pub struct Answer {
    /// Which byte comes first: the one asked for, or 0 from a host that cannot begin in the middle.
    pub from: u64,
    /// The bytes. A read that takes longer than the app wants to wait must fail.
    pub body: Box<dyn Read + Send>,
}

/// A way to a host.
///
/// What comes through it is believed only for its signatures and hashes, so a transport need not be trusted, only
/// bounded: it should end a read within a minute, and follow no redirect to a scheme without encryption.
pub trait Transport: Send + Sync {
    /// Asks for what lies at `path` below the host's prefix, from byte `from` on.
    ///
    /// # Errors
    /// [`TransportError`].
    fn get(&self, path: &str, from: u64) -> Result<Answer, TransportError>;
}

/// A host that is a folder on this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The host at `root`.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

impl Transport for Folder {
    fn get(&self, path: &str, from: u64) -> Result<Answer, TransportError> {
        let unavailable =
            |error: io::Error| TransportError::Unavailable { reason: error.to_string(), retry_after: None };
        // A folder that is not there at all is a disk that is not plugged in.
        std::fs::metadata(&self.root).map_err(unavailable)?;
        let mut file = open_beneath(&self.root, path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => TransportError::NotFound,
            _ => unavailable(error),
        })?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Answer { from, body: Box::new(file) })
    }
}
