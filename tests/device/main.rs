//! The device client from outside: whole lives against a publisher's static host.

mod data;
mod hostile;
#[cfg(target_os = "linux")]
mod killed;
mod life;
mod table;
mod world;
