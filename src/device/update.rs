//! An update: check, fetch, apply, and leave the rest to the next start.

use super::{
    Device, DeviceError, Notice,
    check::Checked,
    config::Install,
    data::Gate,
    fetch::{Fetch, GoOn},
    install::Way,
    start::held,
    state::{Coming, State},
    table::Event,
    transport::Transport,
};

/// What an update may do.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The most bytes of patches that it may fetch; none: as many as it takes.
    pub max_bytes: Option<u64>,
    /// Asked as bytes come, with those of this update so far and of how many, whether to go on: to show progress, to
    /// stop when the network becomes a metered one, to cancel.
    pub go_on: GoOn<'a>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { max_bytes: None, go_on: &|_, _| true }
    }
}

/// What an update did.
#[derive(Debug, Clone)]
pub struct Updated {
    /// What was found.
    pub checked: Checked,
    /// What comes now.
    pub coming: Coming,
    /// How it came; none where there was nothing to do.
    pub way: Option<Way>,
    /// Bytes of patches that were fetched.
    pub fetched_bytes: u64,
    /// What to tell the user.
    pub notice: Option<Notice>,
}

impl Device {
    /// Looks whether there is a release to install. Fetches documents only.
    ///
    /// # Errors
    /// [`DeviceError`]; nothing has changed then but what is known of roots and heads.
    pub fn check(&self, transport: &dyn Transport) -> Result<Checked, DeviceError> {
        let _lock = self.home.lock_update()?;
        self.home.create()?;
        let state = self.home.read(&self.config).state;
        self.check_with(&self.fetch(transport, &|_, _| true), &state)
    }

    /// Looks for a release, fetches it and puts it in its slot, from where the next start switches to it. What runs is
    /// not touched. Called again after it was interrupted, it goes on where it was.
    ///
    /// # Errors
    /// [`DeviceError`]; what was fetched so far is kept.
    pub fn update(&self, transport: &dyn Transport, options: Options<'_>) -> Result<Updated, DeviceError> {
        let _lock = self.home.lock_update()?;
        self.home.create()?;
        let mut fetch = self.fetch(transport, options.go_on);
        let state = self.home.change(&self.config, |state| self.renew(state))?;
        let mut checked = self.check_with(&fetch, &state)?;
        let Some(offer) = checked.offer.take() else {
            let state = self.home.change(&self.config, |state| withdraw(state, &checked))?;
            return Ok(self.updated(checked, state, None, 0));
        };
        let state = self.home.change(&self.config, |state| {
            state.take(Event::Found(Box::new(offer.release.clone())));
        })?;
        let mut way = None;
        if matches!(state.coming, Coming::Downloading(_)) {
            match self.install(&mut fetch, &offer, &state, options.max_bytes) {
                Ok(made) => way = Some(made),
                Err(error) => {
                    if matches!(error, DeviceError::NoWay { .. }) {
                        self.home.change(&self.config, |state| {
                            state.take(Event::GiveUp);
                        })?;
                    }
                    return Err(error);
                }
            }
        }
        let state = self.home.change(&self.config, |state| {
            state.take(Event::Fetched);
            self.settle(state, offer.release.mandatory);
        })?;
        self.home.clean_downloads(&[]);
        Ok(self.updated(checked, state, way, fetch.done))
    }

    /// Lets the next start switch to the release that waits for consent.
    ///
    /// # Errors
    /// [`DeviceError::NotNow`] where none waits; [`DeviceError::File`].
    pub fn accept(&self) -> Result<(), DeviceError> {
        let state = self.home.change(&self.config, |state| {
            state.take(Event::Accept);
        })?;
        match state.coming {
            Coming::Pending(_) | Coming::Held(_) => Ok(()),
            _ => Err(DeviceError::NotNow { problem: "no release waits to be accepted; update first" }),
        }
    }

    fn fetch<'a>(&'a self, transport: &'a dyn Transport, go_on: GoOn<'a>) -> Fetch<'a> {
        Fetch { transport, machine: &*self.config.machine, go_on, done: 0, total: 0 }
    }

    /// Before an update: a state of another store build is none of this one's.
    fn renew(&self, state: &mut State) {
        if state.binary != self.config.binary {
            state.take(Event::NewBinary(self.config.binary.clone()));
        }
    }

    /// Consent and data: what becomes of a complete release.
    fn settle(&self, state: &mut State, mandatory: bool) {
        if mandatory || self.config.install == Install::AtRestart {
            state.take(Event::Accept);
        }
        if let Some(release) = state.coming.complete() {
            let closed = matches!(self.config.data.gate(release), Gate::Closed(_));
            state.take(if closed { Event::Hold } else { Event::Synced });
        }
    }

    fn updated(&self, checked: Checked, state: State, way: Option<Way>, fetched_bytes: u64) -> Updated {
        let notice = state.coming.complete().map(|release| match self.config.data.gate(release) {
            Gate::Closed(unsynced) => held(release, unsynced),
            _ => Notice::Available { label: release.label(), mandatory: release.mandatory },
        });
        Updated { checked, coming: state.coming, way, fetched_bytes, notice }
    }
}

/// A release that came and is not offered any more is not switched to.
fn withdraw(state: &mut State, checked: &Checked) {
    let gone = |release: &super::Release| release.epoch != checked.epoch || !checked.offered.contains(&release.label());
    if state.coming.release().is_some_and(gone) {
        state.take(Event::Withdraw);
    }
}
