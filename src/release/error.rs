//! Why a release is not made.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::database::DatabaseError;
use crate::{
    diff::DiffError,
    hash::Hash,
    store::StoreError,
    tree::TreeError,
    trust::{TrustError, WordError, sign::SignError},
};

/// Why a release, or what belongs to it, was not made. Nothing that devices see has changed then.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle is no usable tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A patch cannot be made.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// A document is not to be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A document cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A name that documents cannot hold.
    #[error(transparent)]
    Word(#[from] WordError),
    /// A store build cannot be read.
    #[error(transparent)]
    Archive(#[from] super::archive::ArchiveError),
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of an export cannot be written.
    #[error(transparent)]
    File(crate::files::FileError),
    /// Nothing is to be released.
    #[error("{path} holds no file; give the folder that the bundler wrote", path = path.display())]
    Empty {
        /// The bundle.
        path: PathBuf,
    },
    /// No binary is what the release is for.
    #[error(
        "no known binary is {wanted}; {}. Add it with `smidge binary add`, or give --unreleased for one that no store \
         has yet", there_are(.known)
    )]
    NoBinary {
        /// What was asked for.
        wanted: String,
        /// The binaries that there are.
        known: Vec<String>,
    },
    /// A version that several builds have, or a range that cannot be one.
    #[error("{wanted:?} names no build: {reason}; {}", there_are(.known))]
    NoBuild {
        /// What was asked for.
        wanted: String,
        /// What is wrong with it.
        reason: String,
        /// The binaries that there are.
        known: Vec<String>,
    },
    /// The same content again.
    #[error("{channel} serves this content already, as {label}: nothing to release")]
    Identical {
        /// The channel.
        channel: String,
        /// The release that ships it, or the binary that embeds it.
        label: String,
    },
    /// The organisation has no root that says whose signatures count.
    #[error(
        "nothing says whose signatures count for {organisation}: adopt its root with `smidge release root FILE`, or make \
         keys for development with `smidge init`"
    )]
    NoRoot {
        /// The organisation, or the app that has none.
        organisation: String,
    },
    /// A root that does not follow the one before.
    #[error("root {found} does not follow root {newest}, the newest one here: adopt those between first")]
    RootGap {
        /// The newest root that is here.
        newest: u64,
        /// The number of the one given.
        found: u64,
    },
    /// None of the keys may do it.
    #[error("none of the keys given may sign {what}: root {root} names {}", .allowed.join(", "))]
    NoKey {
        /// What was to be signed, in the plural.
        what: &'static str,
        /// The root.
        root: u64,
        /// The keys that may.
        allowed: Vec<String>,
    },
    /// A bundle file that the tree does not have.
    #[error("the bundle has no file {wanted:?}; name the one that the app loads with --entry, such as {found:?}")]
    NoEntry {
        /// What was asked for.
        wanted: String,
        /// A file that there is.
        found: String,
    },
    /// Several files could be what the app loads.
    #[error("which file does the app load? Name it with --entry; there are {}", .found.join(", "))]
    WhichEntry {
        /// Some of the files.
        found: Vec<String>,
    },
    /// What is stored is not what its name says.
    #[error("the list of files of tree {tree} is damaged: {problem}; `smidge store scrub` tells what else is")]
    Manifest {
        /// The tree.
        tree: Hash,
        /// What is wrong.
        problem: String,
    },
    /// The content of a tree was never stored.
    #[error("the content of tree {tree} is not in the store; add its binary again with `smidge binary add`")]
    NoContent {
        /// The tree.
        tree: Hash,
    },
    /// Something changed while it was released.
    #[error("{path} changed while it was released; release when the build is complete", path = path.display())]
    Changed {
        /// The bundle.
        path: PathBuf,
    },
    /// A percentage that is none.
    #[error("a rollout is a percentage from 0 to 100, not {found}")]
    Rollout {
        /// What was given.
        found: i64,
    },
    /// An edit that says nothing.
    #[error("nothing to change: give --rollout, --mandatory, --disabled, --description or --app-version")]
    NothingToChange,
    /// There is nothing to go back to.
    #[error("channel {channel} has no release before {label} with other content for the same binaries; name a label")]
    NothingBefore {
        /// The channel.
        channel: String,
        /// Its newest release.
        label: String,
    },
    /// A worker ended before its time.
    #[error("a thread of this program ended before its work was done: {0}")]
    Thread(String),
}

impl ReleaseError {
    pub(crate) fn io(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// Whether somebody else changed the same at the same time, so that trying again may do.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(DatabaseError::Moved { .. }))
    }

    /// Whether something is not what it was promised to be.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        match self {
            Self::Store(error) => error.is_verification(),
            Self::Trust(_) | Self::Manifest { .. } => true,
            _ => false,
        }
    }
}

fn there_are(known: &[String]) -> String {
    if known.is_empty() { "there is none yet".to_owned() } else { format!("there are {}", known.join(", ")) }
}
