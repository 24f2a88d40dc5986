//! Moving over from App Center and CodePush: the builder's configuration, and histories of deployments.

pub mod app_center;
pub mod codepush;
pub mod config;
mod error;
pub mod scan;

pub use error::ImportError;
