//! Releases: from a build to what a channel's devices are offered, signed and with the patches they need.
//!
//! [`database`] keeps who owns what and which release is where; the store keeps contents. [`Pipeline`] has both and does
//! the work: [`Pipeline::release`] takes a bundle in, makes patches, signs and publishes; [`offer`] works out the head
//! that devices read; [`plan`] says which patches are worth making; [`worker`] makes those that wait; [`export`] writes
//! what any static host can serve. `docs/release.md` walks through all of it.
//!
//! Everything is stored before anything is said about it, and the channel's head changes last, in one transaction with
//! all that it changes. So a process that is killed leaves the former state, and what it had stored is found again.

pub mod archive;
pub mod bench;
pub mod change;
pub mod classify;
pub mod database;
mod error;
pub mod export;
pub mod import;
mod live;
mod make;
pub mod manifest;
pub mod offer;
pub mod plan;
mod publish;
mod signer;
mod take;
mod target;
pub mod worker;

pub use error::ReleaseError;
pub use make::Made;
pub use publish::{Outcome, Request};
pub use signer::Signer;
pub use target::Target;

use crate::store::Store;
use database::Database;

/// A store and the database that tells what is in it.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Contents.
    pub store: Store,
    /// What is known.
    pub database: Database,
    /// In whose name changes are written down.
    pub who: String,
}
