//! What the engine knows of Hermes bytecode.

pub mod layout;
