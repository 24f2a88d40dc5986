//! Smidge: over-the-air updates of JavaScript apps that weigh a smidge.
//!
//! The way through the crate follows the data: [`tree`] names the two ends, `diff` turns them into a
//! [`patch`], [`apply`] turns old and patch into new. [`codec`] is the entropy coding under both, [`hermes`] what
//! the engine knows of Hermes bytecode. [`trust`] says whose releases a device believes.
//! `device` is the client that lives in an app: it checks, fetches, applies, switches, confirms and rolls back.
//!
//! Without features the crate is what a device needs: read a patch, apply it, verify the result.

pub mod apply;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
#[cfg(feature = "device")]
pub mod device;
#[cfg(feature = "diff")]
pub mod diff;
#[cfg(feature = "diff")]
pub mod exchange;
pub mod files;
pub mod hash;
pub mod hermes;
pub mod limits;
pub mod patch;
#[cfg(feature = "release")]
pub mod release;
pub mod repack;
#[cfg(feature = "store")]
pub mod store;
pub mod tree;
pub mod trust;
pub mod wire;
