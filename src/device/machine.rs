//! What the device client asks of the machine: clocks, sleep, chance, free space. Tests put their own in its place.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::Path,
    time::{Duration, Instant},
};

use crate::trust::Time;

/// The machine under the client.
pub trait Machine: Send + Sync {
    /// What the wall clock says. Read once for each check.
    fn clock(&self) -> Time;

    /// Time that passed since any fixed moment; never set back.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// Bytes that may still be written in `folder`.
    ///
    /// # Errors
    /// As the system's. The client then tries without knowing.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// 16 bytes of chance: for a device's id and for spreading retries, never for a key.
    fn random(&self) -> [u8; 16];
}

/// The machine as it is.
#[derive(Debug, Clone, Copy)]
pub struct System {
    started: Instant,
}

impl System {
    /// The machine as it is.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for System {
    fn clock(&self) -> Time {
        Time::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        #[cfg(unix)]
        {
            let stat = rustix::fs::statvfs(folder)?;
            Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
        }
        #[cfg(not(unix))]
        {
            let _ = folder;
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn random(&self) -> [u8; 16] {
        // The standard library seeds these with 128 bits of the system's: enough for ids, without a crate for it.
        let state = RandomState::new();
        let halves = [state.hash_one(0u8), state.hash_one(1u8)];
        (u128::from(halves[0]) << 64 | u128::from(halves[1])).to_le_bytes()
    }
}
