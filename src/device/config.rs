//! What an app tells the client about itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{data::Source, machine::Machine, machine::System};
use crate::{
    limits::Limits,
    trust::{Binary, Channel},
};

/// The bundle that the store build carries: slot zero.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    /// Where its tree lies; none where the app reads it from elsewhere, such as from within its package. The first
    /// update is then a full one.
    pub path: Option<PathBuf>,
    /// Which file of it the app loads; none where the tree is one file.
    pub bundle: Option<String>,
    /// The version of the model description that it works with.
    pub model: Option<String>,
    /// Versions of the model whose unsynced data it can take over.
    pub survives: Vec<String>,
}

/// When a complete release may be switched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Install {
    /// At the next start.
    #[default]
    AtRestart,
    /// At the next start after the app accepted it; a mandatory one needs no consent.
    WhenAccepted,
}

/// What an app tells the client about itself, at each start.
#[derive(Clone)]
pub struct Config {
    /// The client's own folder. Nothing else may lie in it.
    pub home: PathBuf,
    /// The channel that the app follows.
    pub channel: Channel,
    /// The store build.
    pub binary: Binary,
    /// What it says of its native code.
    pub fingerprint: Option<String>,
    /// The root that the app was built with.
    pub pinned: Vec<u8>,
    /// Slot zero.
    pub embedded: Embedded,
    /// When to switch.
    pub install: Install,
    /// How often a release may start without confirming that it works. 2 unless said otherwise, at least 1.
    pub starts: u64,
    /// After how long without confirming a release hangs. 30 s unless said otherwise.
    pub hang: Duration,
    /// Whether every byte of a release is checked at every start, not only that it is there.
    pub verify_at_start: bool,
    /// Caps on what a patch may ask for.
    pub limits: Limits,
    /// What the app has not synced yet.
    pub data: Source,
    /// What a snapshot holds: files and folders of the app's data, absolute.
    pub data_paths: Vec<PathBuf>,
    /// The machine under the client.
    pub machine: Arc<dyn Machine>,
}

impl Config {
    /// An app with the defaults of everything that has one.
    #[must_use]
    pub fn new(home: PathBuf, channel: Channel, binary: Binary, pinned: Vec<u8>) -> Self {
        Self {
            home,
            channel,
            binary,
            fingerprint: None,
            pinned,
            embedded: Embedded::default(),
            install: Install::default(),
            starts: 2,
            hang: Duration::from_secs(30),
            verify_at_start: false,
            limits: Limits::default(),
            data: Source::None,
            data_paths: Vec::new(),
            machine: Arc::new(System::new()),
        }
    }
}
