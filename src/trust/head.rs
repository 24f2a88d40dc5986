//! The head of a channel: what it offers to which binary, and to how many devices.

use super::{
    Binary, Channel, Document, Routes, Signed, Time, TrustError,
    field::{Fields, MAX_NUMBER, Value, put_field, put_number},
    root::{read_expiry, read_time},
};
use crate::{
    hash::Hash,
    wire::{MAX_VARINT_BYTES, put_varint},
};

const NAME: &str = "head";
/// The highest number of a head.
pub(super) const MAX_HEAD: u64 = 1 << 48;
const MAX_RELEASES: u64 = 256;
const MAX_BINARIES: u64 = 1024;
const MAX_OFFERS: u64 = 64;
const MAX_INSIDE_BYTES: usize = 65_536;
const DISABLED: u8 = 1;

/// A small document that stands in the head, or the name of one outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The document, of 1 to 65,536 bytes.
    Inside(Vec<u8>),
    /// The object that it is.
    Object {
        /// The object's hash.
        hash: Hash,
        /// Its size in bytes.
        size: u64,
    },
}

impl Part {
    /// The hash of the document.
    #[must_use]
    pub fn hash(&self) -> Hash {
        match self {
            Self::Inside(bytes) => Hash::of(bytes),
            Self::Object { hash, .. } => *hash,
        }
    }

    /// The size of the document, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Inside(bytes) => bytes.len() as u64,
            Self::Object { size, .. } => *size,
        }
    }

    /// The bytes of the document, if they are `fetched` ones of the right hash, or inside.
    pub(super) fn bytes<'a>(&'a self, what: &'static str, fetched: Option<&'a [u8]>) -> Result<&'a [u8], TrustError> {
        match (self, fetched) {
            (Self::Inside(bytes), _) => Ok(bytes),
            (Self::Object { hash, .. }, fetched) => {
                let bytes = fetched.unwrap_or_default();
                let found = Hash::of(bytes);
                if found == *hash { Ok(bytes) } else { Err(TrustError::OtherHash { what, expected: *hash, found }) }
            }
        }
    }

    fn read(value: &mut Value<'_>, max_bytes: usize) -> Result<Self, TrustError> {
        let length = value.number(0, MAX_INSIDE_BYTES as u64)?;
        if length > 0 {
            return Ok(Self::Inside(value.take(length as usize)?.to_vec()));
        }
        Ok(Self::Object { hash: value.hash()?, size: value.number(1, max_bytes as u64)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inside(bytes) => {
                put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Object { hash, size } => {
                out.push(0);
                out.extend_from_slice(hash.as_bytes());
                put_varint(out, *size);
            }
        }
    }
}

/// A release as a head lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its label: 7 is shown as v7.
    pub label: u64,
    /// To how many of 100 devices it is offered.
    pub rollout: u8,
    /// Whether it is offered to nobody: it was taken back.
    pub disabled: bool,
    /// The signed [`super::Statement`].
    pub statement: Part,
    /// The [`Routes`] to its tree.
    pub routes: Part,
}

/// A release that a binary may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Which of the head's releases.
    pub release: usize,
    /// A device that runs a lower label must install it; 0 where none must.
    pub mandatory_below: u64,
}

/// What a binary is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The binary.
    pub binary: Binary,
    /// The tree hash of the bundle in it, where the publisher knows it.
    pub embedded: Option<Hash>,
    /// Its releases, newest first.
    pub offers: Vec<Offer>,
}

/// The head of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Of which channel.
    pub channel: Channel,
    /// The root's epoch.
    pub epoch: u64,
    /// Above that of every head before it in the epoch; at most 2⁴⁸.
    pub number: u64,
    /// When it was signed.
    pub created: Time,
    /// From when on it is not believed.
    pub expires: Time,
    /// The number of the newest root when it was signed.
    pub root: u64,
    /// Its releases, newest first: labels strictly descend.
    pub releases: Vec<Listed>,
    /// What each binary is offered, ascending by binary.
    pub binaries: Vec<Offered>,
}

impl Head {
    /// Reads a payload, believing nothing.
    ///
    /// # Errors
    /// [`TrustError::Malformed`], [`TrustError::Number`] or [`TrustError::UnknownField`].
    pub fn read(payload: &[u8]) -> Result<Self, TrustError> {
        let mut fields = Fields::new(payload, NAME);
        let app = fields.required(2, "the app", Channel::read_app)?;
        let platform = fields.required(4, "the platform", Channel::read_platform)?;
        let name = fields.required(6, "the channel", Channel::read_name)?;
        let epoch = fields.required(8, "its epoch", |value| value.number(1, MAX_NUMBER))?;
        let number = fields.required(10, "its number", |value| value.number(1, MAX_HEAD))?;
        let created = fields.required(12, "its time", read_time)?;
        let expires = fields.required(14, "its expiry", |value| read_expiry(value, created))?;
        let root = fields.required(16, "the root's number", |value| value.number(1, MAX_NUMBER))?;
        let releases = fields.required(18, "the list of releases", |value| {
            let releases = value.list(0, MAX_RELEASES, Listed::read)?;
            if releases.is_sorted_by(|a, b| a.label > b.label) {
                return Ok(releases);
            }
            Err(value.malformed("is not in strictly descending order"))
        })?;
        let binaries = fields.required(20, "the list of binaries", |value| {
            let binaries = value.list(0, MAX_BINARIES, |value| Offered::read(value, &releases))?;
            if binaries.is_sorted_by(|a, b| a.binary < b.binary) {
                return Ok(binaries);
            }
            Err(value.malformed("is not in strictly ascending order"))
        })?;
        fields.finish()?;
        let channel = Channel::from_parts(app, platform, name);
        Ok(Self { channel, epoch, number, created, expires, root, releases, binaries })
    }

    /// The payload, as [`Head::read`] takes it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_field(&mut out, 2, |out| out.extend_from_slice(self.channel.app().as_str().as_bytes()));
        put_field(&mut out, 4, |out| out.push(self.channel.platform() as u8));
        put_field(&mut out, 6, |out| out.extend_from_slice(self.channel.name().as_bytes()));
        put_number(&mut out, 8, self.epoch);
        put_number(&mut out, 10, self.number);
        put_number(&mut out, 12, self.created.secs());
        put_number(&mut out, 14, self.expires.secs());
        put_number(&mut out, 16, self.root);
        put_field(&mut out, 18, |out| {
            put_varint(out, self.releases.len() as u64);
            self.releases.iter().for_each(|release| release.write(out));
        });
        put_field(&mut out, 20, |out| {
            put_varint(out, self.binaries.len() as u64);
            self.binaries.iter().for_each(|binary| binary.write(out));
        });
        out
    }

    /// The head in `document`, whose signatures nobody asked yet. To show it; a device goes through
    /// [`super::Trusted::head`].
    ///
    /// # Errors
    /// As [`Signed::read`] and [`Head::read`].
    pub fn unverified(document: &[u8]) -> Result<Self, TrustError> {
        Self::read(Signed::read(document, Document::Head)?.payload())
    }

    /// What `binary` is offered; `None` where the head does not know it.
    #[must_use]
    pub fn offered(&self, binary: &Binary) -> Option<&Offered> {
        let at = self.binaries.binary_search_by(|offered| offered.binary.cmp(binary)).ok()?;
        self.binaries.get(at)
    }

    /// Puts parts outside, oldest release first, until the payload has at most `max_bytes` or nothing is left inside.
    /// Returns what must be published as objects before the head is.
    pub fn split(&mut self, max_bytes: usize) -> Vec<(Hash, Vec<u8>)> {
        let mut bytes = self.write().len();
        let mut outside = Vec::new();
        for release in self.releases.iter_mut().rev() {
            for part in [&mut release.routes, &mut release.statement] {
                let Part::Inside(inside) = part else { continue };
                let object = Hash::BYTES + 1 + MAX_VARINT_BYTES;
                let must = inside.len() > MAX_INSIDE_BYTES;
                if must || bytes > max_bytes && inside.len() > object {
                    bytes = bytes.saturating_sub(inside.len() - object);
                    let inside = std::mem::take(inside);
                    let hash = Hash::of(&inside);
                    *part = Part::Object { hash, size: inside.len() as u64 };
                    outside.push((hash, inside));
                }
            }
        }
        outside
    }
}

impl Listed {
    /// The routes to this release's tree: those inside, or in the `fetched` object.
    ///
    /// # Errors
    /// [`TrustError::OtherHash`] where `fetched` is not what the head names; else as [`Routes::read`].
    pub fn routes(&self, fetched: Option<&[u8]>) -> Result<Routes, TrustError> {
        Routes::read(self.routes.bytes("the list of routes", fetched)?)
    }

    fn read(value: &mut Value<'_>) -> Result<Self, TrustError> {
        let label = value.number(1, MAX_NUMBER)?;
        let [rollout, flags] = value.array()?;
        if rollout > 100 || flags & !DISABLED != 0 {
            return Err(value.malformed("has a rollout above 100 or flags unknown here"));
        }
        let statement = Part::read(value, MAX_INSIDE_BYTES)?;
        let routes = Part::read(value, Routes::MAX_BYTES)?;
        Ok(Self { label, rollout, disabled: flags & DISABLED != 0, statement, routes })
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.label);
        out.push(self.rollout);
        out.push(if self.disabled { DISABLED } else { 0 });
        self.statement.write(out);
        self.routes.write(out);
    }
}

impl Offered {
    fn read(value: &mut Value<'_>, releases: &[Listed]) -> Result<Self, TrustError> {
        let binary = Binary::read(value)?;
        let embedded = match value.byte()? {
            0 => None,
            1 => Some(value.hash()?),
            _ => return Err(value.malformed("has a flag that is neither 0 nor 1")),
        };
        let offers = value.list(0, MAX_OFFERS, |value| {
            let index = value.number(0, MAX_RELEASES)? as usize;
            let release = releases.get(index).ok_or_else(|| value.malformed("offers what is not listed"))?;
            let mandatory_below = value.number(0, release.label)?;
            Ok(Offer { release: index, mandatory_below })
        })?;
        if !offers.is_sorted_by(|a, b| a.release < b.release) {
            return Err(value.malformed("has offers that are not newest first"));
        }
        Ok(Self { binary, embedded, offers })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.binary.write(out);
        match &self.embedded {
            None => out.push(0),
            Some(tree) => {
                out.push(1);
                out.extend_from_slice(tree.as_bytes());
            }
        }
        put_varint(out, self.offers.len() as u64);
        for offer in &self.offers {
            put_varint(out, offer.release as u64);
            put_varint(out, offer.mandatory_below);
        }
    }
}
