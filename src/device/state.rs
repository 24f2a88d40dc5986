//! What a device runs, ran and will run: one small file.

use super::record::{Damaged, Reader, put_bytes};
use crate::{
    hash::Hash,
    trust::{Binary, Running, Statement, Time},
    wire::put_varint,
};

/// The most releases that are remembered as failed; the oldest goes first.
const MAX_BLOCKED: usize = 64;
const MAX_NUMBER: u64 = u32::MAX as u64;
const MAX_STATEMENT: u64 = 65_536;
const MAX_NOTE: u64 = 256;

/// A release that is, was or will be in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The epoch in which it was offered.
    pub epoch: u64,
    /// Whether it must be installed.
    pub mandatory: bool,
    /// What it is, as it was signed.
    pub statement: Statement,
}

impl Release {
    /// Its label: 7 is shown as v7.
    #[must_use]
    pub const fn label(&self) -> u64 {
        self.statement.label
    }

    /// Its tree, which names its slot.
    #[must_use]
    pub const fn tree(&self) -> Hash {
        self.statement.tree
    }

    /// Whether both are one release.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.epoch, self.label(), self.tree()) == (other.epoch, other.label(), other.tree())
    }
}

/// What comes after the running release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Coming {
    /// Nothing that is known of.
    #[default]
    Nothing,
    /// It is being fetched, or will be by the next update.
    Downloading(Release),
    /// It is complete and verified; the app did not accept it yet.
    Staged(Release),
    /// The next start switches to it.
    Pending(Release),
    /// As pending, but unsynced data would not survive it.
    Held(Release),
}

impl Coming {
    /// The release that comes.
    #[must_use]
    pub const fn release(&self) -> Option<&Release> {
        match self {
            Self::Nothing => None,
            Self::Downloading(release) | Self::Staged(release) | Self::Pending(release) | Self::Held(release) => {
                Some(release)
            }
        }
    }

    /// The release that comes, where it is complete in its slot.
    #[must_use]
    pub const fn complete(&self) -> Option<&Release> {
        match self {
            Self::Nothing | Self::Downloading(_) => None,
            _ => self.release(),
        }
    }
}

/// Why a release was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was started as often as it may be, and never confirmed.
    Unconfirmed = 1,
    /// It was not confirmed in time.
    Hang = 2,
    /// The app said so.
    Failed = 3,
    /// Its files are gone or altered.
    Damaged = 4,
    /// Somebody asked for the release before it.
    Asked = 5,
}

impl Reason {
    const ALL: [Self; 5] = [Self::Unconfirmed, Self::Hang, Self::Failed, Self::Damaged, Self::Asked];

    /// The code that is reported.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Hang => "hang",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
            Self::Asked => "asked",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unconfirmed => "it was started several times and never confirmed that it works",
            Self::Hang => "it did not confirm in time that it works",
            Self::Failed => "the app reported that it does not work",
            Self::Damaged => "its files on this device are gone or damaged",
            Self::Asked => "going back was asked for",
        }
    }
}

/// A release that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The epoch in which it was offered.
    pub epoch: u64,
    /// Its label.
    pub label: u64,
    /// Why.
    pub reason: Reason,
    /// What the app said about it, at most 256 bytes.
    pub note: String,
    /// When, by the device's clock.
    pub time: Time,
}

/// All that a device keeps about what it runs. `docs/device-states.md` tells what it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The device's id: random, made at its first start.
    pub device: [u8; 16],
    /// The store build that this is the state of.
    pub binary: Binary,
    /// What the next start loads; none: the embedded bundle.
    pub running: Option<Release>,
    /// How often it was started since it was switched to; 0 once it was confirmed.
    pub unconfirmed: u64,
    /// What to go back to; none: the embedded bundle.
    pub previous: Option<Release>,
    /// What comes next.
    pub coming: Coming,
    /// What was left last, until that was reported.
    pub left: Option<Left>,
    /// What is not installed again, oldest first.
    pub blocked: Vec<Left>,
    /// When newer roots were asked for.
    pub roots_asked: Time,
}

impl State {
    /// A device that runs the bundle embedded in `binary`.
    #[must_use]
    pub const fn new(device: [u8; 16], binary: Binary) -> Self {
        Self {
            device,
            binary,
            running: None,
            unconfirmed: 0,
            previous: None,
            coming: Coming::Nothing,
            left: None,
            blocked: Vec::new(),
            roots_asked: Time::from_secs(0),
        }
    }

    /// What runs, as a head's offers are compared with it.
    #[must_use]
    pub fn running(&self) -> Running {
        self.running.as_ref().map_or_else(Running::default, |at| Running { epoch: at.epoch, label: at.label() })
    }

    /// Whether a release failed here.
    #[must_use]
    pub fn is_blocked(&self, epoch: u64, label: u64) -> bool {
        self.blocked.iter().any(|left| (left.epoch, left.label) == (epoch, label))
    }

    /// The trees in whose slots something lies that may be loaded.
    pub(super) fn slots(&self) -> Vec<Hash> {
        let releases = [self.running.as_ref(), self.previous.as_ref(), self.coming.complete()];
        releases.into_iter().flatten().map(Release::tree).collect()
    }

    pub(super) fn block(&mut self, left: Left) {
        self.blocked.retain(|other| (other.epoch, other.label) != (left.epoch, left.label));
        if self.blocked.len() >= MAX_BLOCKED {
            self.blocked.remove(0);
        }
        self.blocked.push(left);
    }

    /// The bytes that [`State::read`] takes.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = self.device.to_vec();
        put_bytes(&mut out, self.binary.version().as_bytes());
        put_bytes(&mut out, self.binary.build().as_bytes());
        put_release(&mut out, self.running.as_ref());
        put_varint(&mut out, self.unconfirmed);
        put_release(&mut out, self.previous.as_ref());
        out.push(match self.coming {
            Coming::Nothing => 0,
            Coming::Downloading(_) => 1,
            Coming::Staged(_) => 2,
            Coming::Pending(_) => 3,
            Coming::Held(_) => 4,
        });
        if let Some(release) = self.coming.release() {
            put_release(&mut out, Some(release));
        }
        put_varint(&mut out, u64::from(self.left.is_some()));
        self.left.iter().for_each(|left| put_left(&mut out, left));
        put_varint(&mut out, self.blocked.len() as u64);
        self.blocked.iter().for_each(|left| put_left(&mut out, left));
        put_varint(&mut out, self.roots_asked.secs());
        out
    }

    /// Reads what [`State::write`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        let device = reader.array()?;
        let (version, build) = (reader.text(MAX_NOTE)?, reader.text(MAX_NOTE)?);
        let binary = Binary::new(version, build).map_err(|_| Damaged)?;
        let running = read_release(&mut reader)?;
        let unconfirmed = reader.number(MAX_NUMBER)?;
        let previous = read_release(&mut reader)?;
        let [tag] = reader.array()?;
        let coming = if tag == 0 {
            Coming::Nothing
        } else {
            let release = read_release(&mut reader)?.ok_or(Damaged)?;
            match tag {
                1 => Coming::Downloading(release),
                2 => Coming::Staged(release),
                3 => Coming::Pending(release),
                4 => Coming::Held(release),
                _ => return Err(Damaged),
            }
        };
        let left = if reader.number(1)? == 1 { Some(read_left(&mut reader)?) } else { None };
        let count = reader.number(MAX_BLOCKED as u64)?;
        let blocked = (0..count).map(|_| read_left(&mut reader)).collect::<Result<_, _>>()?;
        let roots_asked = Time::from_secs(reader.number(Time::MAX.secs())?);
        reader.end()?;
        if running.is_none() && unconfirmed > 0 {
            return Err(Damaged);
        }
        Ok(Self { device, binary, running, unconfirmed, previous, coming, left, blocked, roots_asked })
    }
}

fn put_release(out: &mut Vec<u8>, release: Option<&Release>) {
    let Some(release) = release else { return put_varint(out, 0) };
    put_varint(out, release.epoch);
    put_varint(out, u64::from(release.mandatory));
    put_bytes(out, &release.statement.write());
}

fn read_release(reader: &mut Reader<'_>) -> Result<Option<Release>, Damaged> {
    // Epochs begin at 1.
    let epoch = reader.number(MAX_NUMBER)?;
    if epoch == 0 {
        return Ok(None);
    }
    let mandatory = reader.number(1)? == 1;
    let statement = Statement::read(reader.bytes(MAX_STATEMENT)?).map_err(|_| Damaged)?;
    Ok(Some(Release { epoch, mandatory, statement }))
}

fn put_left(out: &mut Vec<u8>, left: &Left) {
    put_varint(out, left.epoch);
    put_varint(out, left.label);
    out.push(left.reason as u8);
    put_bytes(out, left.note.as_bytes());
    put_varint(out, left.time.secs());
}

fn read_left(reader: &mut Reader<'_>) -> Result<Left, Damaged> {
    let (epoch, label) = (reader.number(MAX_NUMBER)?, reader.number(MAX_NUMBER)?);
    let [code] = reader.array()?;
    let reason = Reason::ALL.into_iter().find(|reason| *reason as u8 == code).ok_or(Damaged)?;
    let note = reader.text(MAX_NOTE)?.to_owned();
    Ok(Left { epoch, label, reason, note, time: Time::from_secs(reader.number(Time::MAX.secs())?) })
}

/// As much of `note` as is kept.
pub(super) fn shorten(note: &str) -> String {
    let end = (0..=note.len().min(MAX_NOTE as usize)).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
    note[..end].to_owned()
}
