//! What a device remembers of the documents that it saw, so that nobody can go back behind them.

use super::{
    Channel, Root, Time, TrustError,
    channel::word,
    field::{Fields, MAX_NUMBER, put_field, put_number, put_text},
    head::MAX_HEAD,
    root::read_time,
};
use crate::wire::put_varint;

const NAME: &str = "memory of trust";
const MAX_HEADS: u64 = 64;

/// The numbers and the time that a device saw. Local and unsigned; `docs/trust.md` specifies its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The number of the root it goes with.
    pub root: u64,
    /// Its epoch.
    pub epoch: u64,
    /// The newest time that a believed document of the epoch states.
    pub time: Time,
    /// The highest number seen of each channel, ascending by channel.
    heads: Vec<(Channel, u64)>,
}

impl Memory {
    /// A device that saw nothing but `root`.
    #[must_use]
    pub const fn new(root: &Root) -> Self {
        Self { root: root.number, epoch: root.epoch, time: root.created, heads: Vec::new() }
    }

    /// The highest number seen of `channel`; 0 where none was.
    #[must_use]
    pub fn head(&self, channel: &Channel) -> u64 {
        self.heads.iter().find(|(seen, _)| seen == channel).map_or(0, |(_, number)| *number)
    }

    /// Notes that head `number` of `channel` was believed.
    pub(super) fn see_head(&mut self, channel: &Channel, number: u64, created: Time) {
        self.time = self.time.max(created);
        match self.heads.binary_search_by(|(seen, _)| seen.cmp(channel)) {
            Ok(at) => self.heads[at].1 = self.heads[at].1.max(number),
            Err(at) => {
                self.heads.insert(at, (channel.clone(), number));
                if self.heads.len() as u64 > MAX_HEADS {
                    // Nobody follows that many channels. Any may go but the one that is followed now.
                    self.heads.remove(if at == 0 { self.heads.len() - 1 } else { 0 });
                }
            }
        }
    }

    /// Notes that `root` was believed. In a new epoch everything else is forgotten.
    pub(super) fn see_root(&mut self, root: &Root) {
        if root.epoch == self.epoch {
            self.root = root.number;
            self.time = self.time.max(root.created);
        } else {
            *self = Self::new(root);
        }
    }

    /// Reads what [`Memory::write`] wrote.
    ///
    /// # Errors
    /// [`TrustError`], where it is damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, TrustError> {
        let mut fields = Fields::new(bytes, NAME);
        let root = fields.required(2, "the root's number", |value| value.number(1, MAX_NUMBER))?;
        let epoch = fields.required(4, "its epoch", |value| value.number(1, MAX_NUMBER))?;
        let time = fields.required(6, "its time", read_time)?;
        let heads = fields.required(8, "the list of heads", |value| {
            let heads = value.list(0, MAX_HEADS, |value| {
                let app = Channel::read_short_app(value)?;
                let platform = Channel::read_platform(value)?;
                let name = word(value)?.to_owned();
                Ok((Channel::from_parts(app, platform, name), value.number(1, MAX_HEAD)?))
            })?;
            if heads.is_sorted_by(|(a, _), (b, _)| a < b) {
                return Ok(heads);
            }
            Err(value.malformed("is not in strictly ascending order"))
        })?;
        fields.finish()?;
        Ok(Self { root, epoch, time, heads })
    }

    /// The bytes to keep, at most 16 KiB.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, 2, self.root);
        put_number(&mut out, 4, self.epoch);
        put_number(&mut out, 6, self.time.secs());
        put_field(&mut out, 8, |out| {
            put_varint(out, self.heads.len() as u64);
            for (channel, number) in &self.heads {
                put_text(out, channel.app().as_str());
                out.push(channel.platform() as u8);
                put_text(out, channel.name());
                put_varint(out, *number);
            }
        });
        out
    }
}
