//! What the engine knows of Hermes bytecode.

pub mod body;
pub mod code;
mod error;
pub mod form;
pub mod function;
pub mod functions;
pub mod hints;
pub mod layout;
pub mod literals;
mod operands;
#[cfg(feature = "diff")]
pub mod plan;
pub mod predict;
pub mod reader;
pub mod rows;
pub mod splice;
pub mod strings;
pub mod teacher;

pub use error::HermesError;
