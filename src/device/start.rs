//! The start: what to load, decided and recorded before any bundle is.
//!
//! Nothing here can fail. Whatever is wrong leads to a release that worked before, at last to the embedded bundle.

use std::path::{Path, PathBuf};

use super::{
    Device, DeviceError, Notice,
    config::Config,
    data::Gate,
    snapshot,
    state::{Reason, Release, State},
    table::Event,
};
use crate::tree;

/// What to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The file that the app loads; none where the embedded bundle lies where only the app knows.
    pub bundle: Option<PathBuf>,
    /// The folder around it, or the file itself where the release is one file.
    pub root: Option<PathBuf>,
    /// The release; none: the embedded bundle.
    pub release: Option<Release>,
    /// Whether it has yet to confirm that it works.
    pub unconfirmed: bool,
    /// What happened, oldest first.
    pub notices: Vec<Notice>,
}

impl Device {
    /// Decides what this start loads, and records it. To be called once, before any bundle is loaded.
    ///
    /// Takes one durable write where the state changes, none where it does not.
    pub fn start(&self) -> Start {
        let config = &self.config;
        let mut notices = Vec::new();
        let lock = self.home.create().and_then(|()| self.home.lock());
        let found = self.home.read(config);
        let before = found.state;
        let mut state = before.clone();
        if let Some(why) = &found.lost {
            notices.push(Notice::Recovered { why: format!("the state of the client cannot be read: {why}") });
        }
        if state.binary != config.binary {
            if let Some(unsynced) = config.data.at_risk(&config.embedded) {
                let snapshot = snapshot::take(&self.home, &config.data_paths).ok();
                notices.push(Notice::DataAtRisk { unsynced, snapshot });
            }
            state.take(Event::NewBinary(config.binary.clone()));
        }
        self.decide(&mut state, &mut notices);
        self.leave_damaged(&mut state, &mut notices);
        let mut written = lock.map(|_lock| ());
        if written.is_ok() && (state != before || !found.kept) {
            written = self.home.write(&state);
        }
        self.set_started(&state);
        if let Err(error) = written {
            if state == before {
                // Nothing was to be recorded: a full disk is no reason to run anything else.
                return load(config, self, &state, notices);
            }
            let mut safe = settled(config, &before);
            let mut lost = Vec::new();
            self.leave_damaged(&mut safe, &mut lost);
            notices = vec![Notice::Recovered { why: format!("this start could not be recorded: {error}") }];
            return load(config, self, &safe, notices);
        }
        if let Ok(_lock) = self.home.lock_update() {
            self.home.clean(&state);
        }
        load(config, self, &state, notices)
    }

    /// Counts this start, goes back, switches or holds.
    fn decide(&self, state: &mut State, notices: &mut Vec<Notice>) {
        let config = &self.config;
        let coming = state.coming.complete().cloned();
        let gate = coming.as_ref().map_or(Gate::Open, |release| config.data.gate(release));
        let mut may_switch = match &gate {
            Gate::Open | Gate::Snapshot => true,
            Gate::Closed(_) => false,
        };
        let switches = matches!(state.coming, super::Coming::Pending(_) | super::Coming::Held(_));
        if switches && gate == Gate::Snapshot && !config.data_paths.is_empty() {
            match snapshot::take(&self.home, &config.data_paths) {
                Ok(number) => notices.push(Notice::Snapshot { number }),
                Err(error) => {
                    may_switch = false;
                    notices.push(Notice::Recovered { why: error.to_string() });
                }
            }
        }
        let time = config.machine.clock();
        let started = state.take(Event::Start { starts: config.starts, may_switch, time });
        if let Some(left) = state.left.as_ref().filter(|_| started.left) {
            notices.push(Notice::RolledBack { label: left.label, reason: left.reason });
        }
        if let Some(release) = state.running.as_ref().filter(|_| started.switched) {
            notices.push(Notice::Installed { label: release.label() });
        }
        if started.held
            && let (Some(release), Gate::Closed(unsynced)) = (coming, gate)
        {
            notices.push(held(&release, unsynced));
        }
    }

    /// Goes back until what is to be loaded is there.
    fn leave_damaged(&self, state: &mut State, notices: &mut Vec<Notice>) {
        while let Some(release) = &state.running {
            if self.is_there(release) {
                return;
            }
            let label = release.label();
            notices.retain(|notice| *notice != Notice::Installed { label });
            let (time, note) = (self.config.machine.clock(), String::new());
            state.take(Event::Leave { reason: Reason::Damaged, note, time });
            notices.push(Notice::RolledBack { label, reason: Reason::Damaged });
        }
    }

    fn is_there(&self, release: &Release) -> bool {
        let slot = self.home.slot(&release.tree());
        if self.config.verify_at_start {
            return tree::scan(&slot).is_ok_and(|tree| tree.hash() == release.tree());
        }
        bundle(&slot, release.statement.bundle.as_deref()).symlink_metadata().is_ok_and(|found| found.is_file())
    }

    /// Takes back a snapshot: every path that it names becomes what it was. To be called before a bundle is loaded, or
    /// while nothing has the data open.
    ///
    /// # Errors
    /// [`DeviceError::NotNow`] where there is no such snapshot, [`DeviceError::Snapshot`].
    pub fn restore(&self, number: Option<u64>) -> Result<u64, DeviceError> {
        let taken = snapshot::list(&self.home);
        let number = number.or(taken.last().copied()).filter(|number| taken.contains(number));
        let number = number
            .ok_or(DeviceError::NotNow { problem: "there is no such snapshot; see the status for those there are" })?;
        snapshot::restore(&self.home, number)?;
        Ok(number)
    }
}

pub(super) fn held(release: &Release, unsynced: super::Unsynced) -> Notice {
    let reason = release.statement.destructive.as_ref().map(|destructive| destructive.reason.clone());
    Notice::Held { label: release.label(), unsynced, reason: reason.unwrap_or_default() }
}

/// What is safe to load without anything being recorded: what was confirmed.
fn settled(config: &Config, before: &State) -> State {
    let mut state = before.clone();
    if state.binary != config.binary {
        state.running = None;
        state.previous = None;
    } else if state.unconfirmed > 0 {
        state.running = state.previous.take();
    }
    state.unconfirmed = 0;
    state
}

fn bundle(root: &Path, bundle: Option<&str>) -> PathBuf {
    bundle.map_or_else(|| root.to_owned(), |bundle| root.join(bundle))
}

fn load(config: &Config, device: &Device, state: &State, notices: Vec<Notice>) -> Start {
    let (root, name) = match &state.running {
        Some(release) => (Some(device.home.slot(&release.tree())), release.statement.bundle.as_deref()),
        None => (config.embedded.path.clone(), config.embedded.bundle.as_deref()),
    };
    Start {
        bundle: root.as_deref().map(|root| bundle(root, name)),
        root,
        release: state.running.clone(),
        unconfirmed: state.unconfirmed > 0,
        notices,
    }
}
