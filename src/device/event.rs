//! What an app may tell its user, with texts for those who bring none.

use super::{data::Unsynced, state::Reason};

/// Something that happened and that a user may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A release is complete, and the next start switches to it, or waits for consent.
    Available {
        /// Its label.
        label: u64,
        /// Whether it must be installed.
        mandatory: bool,
    },
    /// This start switched to a release.
    Installed {
        /// Its label.
        label: u64,
    },
    /// A release was left for the one before it.
    RolledBack {
        /// The label of what was left.
        label: u64,
        /// Why.
        reason: Reason,
    },
    /// A release waits until data is synced: sync now.
    Held {
        /// Its label.
        label: u64,
        /// What is not synced.
        unsynced: Unsynced,
        /// What the release changes, by its publisher.
        reason: String,
    },
    /// A store build was installed over data that was made for another model and is not synced.
    DataAtRisk {
        /// What is not synced.
        unsynced: Unsynced,
        /// The snapshot that was taken of it, if one could be.
        snapshot: Option<u64>,
    },
    /// A snapshot was taken before a release that can destroy data.
    Snapshot {
        /// Its number.
        number: u64,
    },
    /// The client had to begin anew, from the embedded bundle or the release before.
    Recovered {
        /// Why.
        why: String,
    },
}

/// A title, and what stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The title.
    pub title: &'static str,
    /// What stands below it; may be empty.
    pub body: String,
}

impl Notice {
    /// The word by which an app finds its own text.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Available { .. } => "available",
            Self::Installed { .. } => "installed",
            Self::RolledBack { .. } => "rolled-back",
            Self::Held { .. } => "held",
            Self::DataAtRisk { .. } => "data-at-risk",
            Self::Snapshot { .. } => "snapshot",
            Self::Recovered { .. } => "recovered",
        }
    }

    /// The text for apps that bring none; `None` for what users need not know.
    #[must_use]
    pub fn text(&self) -> Option<Text> {
        let (title, body) = match self {
            Self::Available { mandatory: true, .. } => {
                ("Update available", "An update is available that must be installed".to_owned())
            }
            Self::Available { .. } => {
                ("Update available", "It is installed when the app is started the next time".to_owned())
            }
            Self::Installed { .. } => ("Update is installed", String::new()),
            Self::Held { unsynced, .. } => {
                let what = if unsynced.count == u64::MAX {
                    "Changes that may not be saved on the server".to_owned()
                } else {
                    format!("{} changes that are not saved on the server yet", unsynced.count)
                };
                ("Update waits", format!("{what} would be lost. Go online and synchronise, then restart the app"))
            }
            Self::DataAtRisk { .. } => (
                "Data not synchronised",
                "Changes made with the version before are not saved on the server yet. Synchronise before going on"
                    .to_owned(),
            ),
            Self::RolledBack { .. } | Self::Snapshot { .. } | Self::Recovered { .. } => return None,
        };
        Some(Text { title, body })
    }
}
