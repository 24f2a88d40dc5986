//! Releases: what is known of them, how they are made and published.
//!
//! [`database`] keeps who owns what and which release is where. Behind `release`.

pub mod database;
