//! The device client from outside: whole lives against a publisher's static host.

mod life;
mod world;
