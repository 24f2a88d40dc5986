//! The device client: checks, fetches, applies, switches at a restart, confirms, rolls back.
//!
//! `docs/device-states.md` is the table of what may happen. The order of a life: [`Device::start`] before any bundle is
//! loaded, [`Device::confirm`] once the app works, [`Device::update`] whenever it has time and network. Every call takes
//! what it needs from disk and leaves what it learnt there, so that any of them may be the last before a power cut.
//!
//! Nothing that comes from a host is believed but by [`crate::trust`]; nothing is loaded but what was verified.

mod check;
mod config;
mod data;
mod error;
mod event;
mod fetch;
mod home;
mod install;
mod machine;
mod record;
mod snapshot;
mod start;
mod state;
mod table;
mod transport;
mod update;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub use check::Checked;
pub use config::{Config, Embedded, Install};
pub use data::{Source, Unsynced};
pub use error::DeviceError;
pub use event::{Notice, Text};
pub use fetch::GoOn;
pub use install::Way;
pub use machine::{Machine, System};
pub use start::Start;
pub use state::{Coming, Left, Reason, Release, State};
pub use table::{Event, Started};
pub use transport::{Answer, Folder, Transport, TransportError};
pub use update::{Options, Updated};

use home::Home;

/// The client of one app on one device.
pub struct Device {
    config: Config,
    home: Home,
    /// When this process started a release that has yet to be confirmed.
    started: Mutex<Option<Duration>>,
}

/// How things stand.
#[derive(Debug, Clone)]
pub struct Status {
    /// What the device keeps.
    pub state: State,
    /// Why it had to be begun anew, where it had to.
    pub lost: Option<String>,
    /// The snapshots there are, oldest first.
    pub snapshots: Vec<u64>,
}

impl Device {
    /// The client of the app that `config` describes. Touches nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let home = Home::new(config.home.clone());
        Self { config, home, started: Mutex::new(None) }
    }

    /// The app works: its release stays.
    ///
    /// # Errors
    /// [`DeviceError::File`]; the release is then still on trial.
    pub fn confirm(&self) -> Result<(), DeviceError> {
        self.home.change(&self.config, |state| {
            state.take(Event::Confirm);
        })?;
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// The app does not work, and says why: the next start loads the release before, and this one is not installed
    /// again. Returns what was left; none where the embedded bundle runs, which nothing can be before.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn fail(&self, note: &str) -> Result<Option<Left>, DeviceError> {
        self.leave(Reason::Failed, note)
    }

    /// Goes back to the release before at the next start, because somebody asked for it.
    ///
    /// # Errors
    /// [`DeviceError::NotNow`] where the embedded bundle runs; [`DeviceError::File`].
    pub fn rollback(&self) -> Result<Left, DeviceError> {
        let left = self.leave(Reason::Asked, "")?;
        left.ok_or(DeviceError::NotNow { problem: "the embedded bundle runs; there is nothing to go back to" })
    }

    /// Whether the release that this process started should have confirmed by now. If so it is left, and the app
    /// restarts. To be called from a timer of the app's native half, which a hanging bundle cannot stop.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn watch(&self) -> Result<Option<Left>, DeviceError> {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let late = |at: Duration| self.config.machine.elapsed().saturating_sub(at) >= self.config.hang;
        if !started.is_some_and(late) {
            return Ok(None);
        }
        if self.home.read(&self.config).state.unconfirmed == 0 {
            // Confirmed by another process.
            return Ok(None);
        }
        self.leave(Reason::Hang, "")
    }

    /// What was left was reported: nobody needs to hear of it again.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn reported(&self) -> Result<(), DeviceError> {
        self.home.change(&self.config, |state| {
            state.take(Event::Reported);
        })?;
        Ok(())
    }

    /// How things stand. Writes nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let found = self.home.read(&self.config);
        Status { state: found.state, lost: found.lost, snapshots: snapshot::list(&self.home) }
    }

    fn leave(&self, reason: Reason, note: &str) -> Result<Option<Left>, DeviceError> {
        let (time, note) = (self.config.machine.clock(), note.to_owned());
        let mut left = None;
        self.home.change(&self.config, |state| {
            if state.running.is_some() {
                state.take(Event::Leave { reason, note, time });
                left.clone_from(&state.left);
            }
        })?;
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(left)
    }

    fn set_started(&self, state: &State) {
        let at = (state.unconfirmed > 0).then(|| self.config.machine.elapsed());
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
