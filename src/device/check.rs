//! A check: what the host says, what of it is believed, and whether there is anything to install.

use super::{
    Device, DeviceError,
    fetch::Fetch,
    state::{Release, State},
};
use crate::trust::{Document, Head, Listed, MAX_ROOTS, Part, Passed, Routes, Time, TrustError, Trusted, layout};

/// Newer roots are asked for at least this often.
const ROOTS_SECS: u64 = 86_400;

/// A release to install, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) release: Release,
    pub(super) routes: Routes,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Whether the channel knows this store build: if not, releases of it do not reach this device.
    pub known: bool,
    /// The release to install; none where the device is up to date.
    pub release: Option<Release>,
    /// The releases that were passed over, newest first, and why.
    pub passed: Vec<(u64, Passed)>,
    /// The number of the channel's head.
    pub head: u64,
    /// The labels that the head still offers to this store build.
    pub(super) offered: Vec<u64>,
    pub(super) epoch: u64,
    pub(super) offer: Option<Offer>,
}

impl Device {
    /// One check against one reading of the clock.
    pub(super) fn check_with(&self, fetch: &Fetch<'_>, state: &State) -> Result<Checked, DeviceError> {
        let config = &self.config;
        let clock = config.machine.clock();
        let mut trusted = self.home.trusted(&config.pinned)?;
        let asked = state.roots_asked;
        // A clock that was set back asks anew.
        let daily = clock < asked || clock >= asked.plus(ROOTS_SECS);
        if daily {
            self.fetch_roots(fetch, &mut trusted, clock)?;
        }
        let path = layout::head(&config.channel);
        let document = fetch.document(&path, Document::Head.max_bytes())?;
        let missing = || DeviceError::Transport { path: path.clone(), source: super::TransportError::NotFound };
        let believe = |trusted: &mut Trusted| -> Result<Head, DeviceError> {
            let document = document.as_deref().ok_or_else(missing)?;
            let mut trial = trusted.clone();
            let head = trial.head(document, &config.channel, clock)?;
            if head.root > trial.root().number {
                let (number, found) = (trial.root().number, head.root);
                return Err(TrustError::NotTheSuccessor { number, found, field: "number" }.into());
            }
            *trusted = trial;
            Ok(head)
        };
        let head = match believe(&mut trusted) {
            Ok(head) => head,
            Err(error) if daily => return Err(error),
            Err(_) => {
                self.fetch_roots(fetch, &mut trusted, clock)?;
                believe(&mut trusted)?
            }
        };
        self.home.keep_trusted(&trusted)?;
        self.choose(fetch, &trusted, &head, state, clock)
    }

    /// Fetches newer roots until there is none, keeping each before the next is asked for.
    fn fetch_roots(&self, fetch: &Fetch<'_>, trusted: &mut Trusted, clock: Time) -> Result<(), DeviceError> {
        for _ in 0..MAX_ROOTS {
            let path = layout::root(trusted.root().number.saturating_add(1));
            let Some(document) = fetch.document(&path, Document::Root.max_bytes())? else { break };
            trusted.advance(&document)?;
            self.home.keep_trusted(trusted)?;
        }
        self.home.change(&self.config, |state| state.roots_asked = clock)?;
        Ok(())
    }

    fn choose(
        &self,
        fetch: &Fetch<'_>,
        trusted: &Trusted,
        head: &Head,
        state: &State,
        clock: Time,
    ) -> Result<Checked, DeviceError> {
        let config = &self.config;
        let is_blocked = |listed: &Listed| state.is_blocked(head.epoch, listed.label);
        let choice = head.choose(&config.binary, &state.device, state.running(), is_blocked);
        let offers = head.offered(&config.binary).map(|offered| offered.offers.as_slice()).unwrap_or_default();
        let offered = offers.iter().filter_map(|offer| head.releases.get(offer.release));
        let offered = offered.filter(|listed| !listed.disabled).map(|listed| listed.label).collect();
        let mut checked = Checked {
            known: choice.known,
            release: None,
            passed: choice.passed,
            head: head.number,
            offered,
            epoch: head.epoch,
            offer: None,
        };
        let Some(update) = choice.update else { return Ok(checked) };
        let listed = update.release;
        let part = |part: &Part| match part {
            Part::Inside(_) => Ok(None),
            // The head bounds the size to what such a document may have.
            Part::Object { hash, size } => fetch.document(&layout::object(hash), *size as usize),
        };
        let statement = part(&listed.statement)?;
        let (channel, fingerprint) = (&config.channel, config.fingerprint.as_deref());
        let statement = trusted.statement(listed, statement.as_deref(), channel, &config.binary, fingerprint, clock)?;
        let routes = listed.routes(part(&listed.routes)?.as_deref())?;
        if routes.target() != statement.tree {
            let (what, expected, found) = ("the target of the routes", statement.tree, routes.target());
            return Err(TrustError::OtherHash { what, expected, found }.into());
        }
        let release = Release { epoch: head.epoch, mandatory: update.mandatory, statement };
        checked.release = Some(release.clone());
        checked.offer = Some(Offer { release, routes });
        Ok(checked)
    }
}
