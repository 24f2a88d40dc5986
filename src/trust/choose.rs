//! Which of the offered releases a device takes.

use super::{Binary, Head, Listed};
use crate::{hash::Hasher, wire::put_varint};

const CONTEXT: &str = "smidge 1 rollout";

/// The release that a device runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Running {
    /// The epoch in which it was installed; 0 for the bundle in the binary, and for a release of another channel.
    pub epoch: u64,
    /// Its label; 0 likewise.
    pub label: u64,
}

/// Why an offered release was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// It was taken back.
    Disabled,
    /// It failed on this device.
    Blocked,
    /// The device is not among the first `rollout` of 100.
    NotSelected {
        /// The device's place, 0 to 99, for this release.
        bucket: u8,
        /// To how many of 100 devices it is offered.
        rollout: u8,
    },
}

/// The release that a device should install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'a> {
    /// The release.
    pub release: &'a Listed,
    /// Whether it must be installed.
    pub mandatory: bool,
}

/// What became of the offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Whether the head knows the device's binary at all.
    pub known: bool,
    /// What to install; none where the device is up to date, or nothing is offered to it.
    ///
    /// Where the running release is of an earlier epoch, its tree may be this very one: then nothing is to be fetched,
    /// and only the epoch and the label to be noted.
    pub update: Option<Update<'a>>,
    /// The releases that were passed over, newest first, and why: so that anyone can say why a device got what it got.
    pub passed: Vec<(u64, Passed)>,
}

/// The place of a device, 0 to 99, in the rollout of release `label`. It never changes. `docs/trust.md` defines it.
#[must_use]
pub fn bucket(device: &[u8], label: u64) -> u8 {
    let mut input = Vec::with_capacity(device.len() + 16);
    put_varint(&mut input, device.len() as u64);
    input.extend_from_slice(device);
    put_varint(&mut input, label);
    let mut hasher = Hasher::with_context(CONTEXT);
    hasher.update(&input);
    let hash = hasher.finish();
    let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    (u64::from_le_bytes(first) % 100) as u8
}

impl Head {
    /// What a device with the id `device`, of `binary`, that runs `running`, should install. `is_blocked` says of a
    /// release whether it failed on this device before.
    #[must_use]
    pub fn choose(
        &self,
        binary: &Binary,
        device: &[u8],
        running: Running,
        is_blocked: impl Fn(&Listed) -> bool,
    ) -> Choice<'_> {
        let mut choice = Choice { known: false, update: None, passed: Vec::new() };
        let Some(offered) = self.offered(binary) else { return choice };
        choice.known = true;
        for offer in &offered.offers {
            let Some(release) = self.releases.get(offer.release) else { continue };
            let same_epoch = running.epoch == self.epoch;
            if same_epoch && running.label >= release.label {
                break;
            }
            let bucket = bucket(device, release.label);
            let passed = if release.disabled {
                Passed::Disabled
            } else if is_blocked(release) {
                Passed::Blocked
            } else if release.rollout < 100 && bucket >= release.rollout {
                Passed::NotSelected { bucket, rollout: release.rollout }
            } else {
                // A higher label of an earlier epoch is what a thief may have signed: nobody stays on that by choice.
                let mandatory = running.label < offer.mandatory_below || running.label > release.label;
                choice.update = Some(Update { release, mandatory });
                break;
            };
            choice.passed.push((release.label, passed));
        }
        choice
    }
}
