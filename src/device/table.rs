//! What may become of a state: the table of `docs/device-states.md`, as code. Nothing here touches the disk.

use super::state::{Coming, Left, Reason, Release, State, shorten};
use crate::trust::{Binary, Time};

/// What happens to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The app starts, before any bundle is loaded.
    Start {
        /// How often a release may start without being confirmed.
        starts: u64,
        /// Whether the data on the device survives the release that comes.
        may_switch: bool,
        /// By the device's clock.
        time: Time,
    },
    /// The app works.
    Confirm,
    /// The running release does not work, or shall be left.
    Leave {
        /// Why.
        reason: Reason,
        /// What the app said about it.
        note: String,
        /// By the device's clock.
        time: Time,
    },
    /// A check found a release to install.
    Found(Box<Release>),
    /// It is complete and verified in its slot.
    Fetched,
    /// The app lets it be switched to at the next start.
    Accept,
    /// Unsynced data would not survive it.
    Hold,
    /// No data stands in its way any more.
    Synced,
    /// It cannot be had: every way to it failed.
    GiveUp,
    /// It is not offered any more.
    Withdraw,
    /// What was left was reported.
    Reported,
    /// Another store build was installed over this one.
    NewBinary(Binary),
}

/// What a start did beside choosing what to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Started {
    /// A release was switched to.
    pub switched: bool,
    /// A release was left.
    pub left: bool,
    /// A release that was to be switched to is held.
    pub held: bool,
}

impl State {
    /// Takes in what happens. Events that mean nothing to a state leave it as it is.
    pub fn take(&mut self, event: Event) -> Started {
        let mut started = Started::default();
        match event {
            Event::Start { starts, may_switch, time } => started = self.start(starts, may_switch, time),
            Event::Confirm => self.unconfirmed = 0,
            Event::Leave { reason, note, time } => self.leave(reason, &note, time),
            Event::Found(release) => {
                if !self.coming.complete().is_some_and(|coming| coming.is(&release)) {
                    self.coming = Coming::Downloading(*release);
                }
            }
            Event::Fetched => self.change(|coming| match coming {
                Coming::Downloading(release) => Coming::Staged(release),
                coming => coming,
            }),
            Event::Accept => self.change(|coming| match coming {
                Coming::Staged(release) => Coming::Pending(release),
                coming => coming,
            }),
            Event::Hold => self.change(|coming| match coming {
                // What waits for consent keeps waiting for it; data is asked about when it is given.
                Coming::Pending(release) => Coming::Held(release),
                coming => coming,
            }),
            Event::Synced => self.change(|coming| match coming {
                Coming::Held(release) => Coming::Pending(release),
                coming => coming,
            }),
            Event::GiveUp => self.change(|coming| match coming {
                Coming::Downloading(_) => Coming::Nothing,
                coming => coming,
            }),
            Event::Withdraw => self.coming = Coming::Nothing,
            Event::Reported => self.left = None,
            Event::NewBinary(binary) => {
                // What was installed was signed for the other binary; what failed may work with this one.
                let roots_asked = self.roots_asked;
                *self = Self { left: self.left.take(), roots_asked, ..Self::new(self.device, binary) };
            }
        }
        started
    }

    fn change(&mut self, change: impl FnOnce(Coming) -> Coming) {
        self.coming = change(std::mem::take(&mut self.coming));
    }

    fn start(&mut self, starts: u64, may_switch: bool, time: Time) -> Started {
        let mut started = Started::default();
        if self.unconfirmed >= starts.max(1) {
            self.leave(Reason::Unconfirmed, "", time);
            started.left = true;
        } else if self.unconfirmed > 0 {
            self.unconfirmed += 1;
        }
        match std::mem::take(&mut self.coming) {
            Coming::Pending(release) | Coming::Held(release) if may_switch => {
                // A release that was never confirmed is nothing to go back to.
                if self.unconfirmed == 0 {
                    self.previous = self.running.take();
                }
                self.running = Some(release);
                self.unconfirmed = 1;
                started.switched = true;
            }
            Coming::Pending(release) | Coming::Held(release) => {
                self.coming = Coming::Held(release);
                started.held = true;
            }
            coming => self.coming = coming,
        }
        started
    }

    /// Goes back to the release before, or to the embedded bundle. What is damaged may be installed again, what failed
    /// or was refused may not.
    fn leave(&mut self, reason: Reason, note: &str, time: Time) {
        let Some(release) = self.running.take() else { return };
        let left = Left { epoch: release.epoch, label: release.label(), reason, note: shorten(note), time };
        if reason != Reason::Damaged {
            self.block(left.clone());
            if self.coming.release().is_some_and(|coming| coming.is(&release)) {
                self.coming = Coming::Nothing;
            }
        }
        self.left = Some(left);
        self.running = self.previous.take();
        self.unconfirmed = 0;
    }
}
