//! The release statement: what a release is, and for which binaries. Signed once, never changed.

use super::{
    Binary, Channel, Document, Signed, Time, TrustError,
    channel::word,
    field::{Fields, MAX_NUMBER, put_field, put_number, put_text},
    root::{put_texts, read_time},
};
use crate::{hash::Hash, tree, wire::put_varint};

const NAME: &str = "release statement";
/// Bytes that a tree or an object may have.
pub(super) const MAX_BYTES: u64 = 1 << 50;
const MAX_TARGETS: u64 = 1024;
const MAX_MODELS: u64 = 64;
const MAX_MODEL_BYTES: usize = 64;
const MAX_REASON_BYTES: usize = 1024;
const MAX_FINGERPRINT_BYTES: usize = 128;
const MAX_DESCRIPTION_BYTES: usize = 4096;
const MAX_FOREIGN: u64 = 16;
const MAX_FOREIGN_BYTES: u64 = 1 << 20;

/// Why a release endangers offline data that was not synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destructive {
    /// For people: what was renamed, removed or newly required.
    pub reason: String,
    /// Versions of the model whose data survives the release, ascending; its own is one without being listed.
    pub survives: Vec<String>,
}

/// What another update protocol's clients check, kept as an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// Which protocol: `codepush`, `expo`.
    pub name: String,
    /// The object.
    pub object: Hash,
    /// Its size in bytes.
    pub size: u64,
}

/// What a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// For people.
    pub description: Option<String>,
    /// Where it is released.
    pub channel: Channel,
    /// What other protocols' clients check, ascending by name.
    pub foreign: Vec<Foreign>,
    /// Its label: 7 is shown as v7.
    pub label: u64,
    /// When it was signed.
    pub created: Time,
    /// The tree that a device must end up with.
    pub tree: Hash,
    /// Bytes of all files of the tree.
    pub tree_bytes: u64,
    /// For which binaries it is, ascending.
    pub targets: Vec<Binary>,
    /// Which file of the tree the app loads; none where the tree is one file.
    pub bundle: Option<String>,
    /// The native code it needs.
    pub fingerprint: Option<String>,
    /// The version of the model description that it works with.
    pub model: Option<String>,
    /// Set where offline data of some models does not survive it.
    pub destructive: Option<Destructive>,
}

impl Statement {
    /// Reads a payload, believing nothing.
    ///
    /// # Errors
    /// [`TrustError::Malformed`], [`TrustError::Number`] or [`TrustError::UnknownField`].
    pub fn read(payload: &[u8]) -> Result<Self, TrustError> {
        let mut fields = Fields::new(payload, NAME);
        let description =
            fields.optional(1, "the description", |value| value.whole_text(MAX_DESCRIPTION_BYTES, true))?;
        let app = fields.required(2, "the app", Channel::read_app)?;
        let foreign = fields.optional(3, "the list of foreign signatures", |value| {
            let foreign = value.list(1, MAX_FOREIGN, |value| {
                let name = word(value)?.to_owned();
                Ok(Foreign { name, object: value.hash()?, size: value.number(1, MAX_FOREIGN_BYTES)? })
            })?;
            let names: Vec<&str> = foreign.iter().map(|foreign| foreign.name.as_str()).collect();
            value.ascending(&names)?;
            Ok(foreign)
        })?;
        let platform = fields.required(4, "the platform", Channel::read_platform)?;
        let channel = fields.required(6, "the channel", Channel::read_name)?;
        let label = fields.required(8, "the label", |value| value.number(1, MAX_NUMBER))?;
        let created = fields.required(10, "its time", read_time)?;
        let tree = fields.required(12, "the tree hash", |value| value.hash())?;
        let tree_bytes = fields.required(14, "the tree's size", |value| value.number(0, MAX_BYTES))?;
        let targets = fields.required(16, "the list of targets", |value| {
            let targets = value.list(1, MAX_TARGETS, Binary::read)?;
            value.ascending(&targets)?;
            Ok(targets)
        })?;
        let bundle = fields.optional(18, "the bundle", |value| {
            let path = value.whole_text(tree::path::MAX_PATH_BYTES, false)?;
            tree::path::check(path).map_err(|_| value.malformed("is not a safe path"))?;
            Ok(path)
        })?;
        let fingerprint =
            fields.optional(20, "the native fingerprint", |value| value.whole_text(MAX_FINGERPRINT_BYTES, false))?;
        let model = fields.optional(22, "the model", |value| value.whole_text(MAX_MODEL_BYTES, false))?;
        let destructive = fields.optional(24, "what is destructive", |value| {
            let reason = value.text(MAX_REASON_BYTES)?.to_owned();
            let survives = value.list(0, MAX_MODELS, |value| value.text(MAX_MODEL_BYTES).map(str::to_owned))?;
            value.ascending(&survives)?;
            if model.is_none() {
                return Err(value.malformed("needs a model"));
            }
            Ok(Destructive { reason, survives })
        })?;
        fields.finish()?;
        Ok(Self {
            description: description.map(str::to_owned),
            channel: Channel::from_parts(app, platform, channel),
            foreign: foreign.unwrap_or_default(),
            label,
            created,
            tree,
            tree_bytes,
            targets,
            bundle: bundle.map(str::to_owned),
            fingerprint: fingerprint.map(str::to_owned),
            model: model.map(str::to_owned),
            destructive,
        })
    }

    /// The payload, as [`Statement::read`] takes it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let put_whole = |out: &mut Vec<u8>, number, text: &Option<String>| {
            if let Some(text) = text {
                put_field(out, number, |out| out.extend_from_slice(text.as_bytes()));
            }
        };
        put_whole(&mut out, 1, &self.description);
        put_field(&mut out, 2, |out| out.extend_from_slice(self.channel.app().as_str().as_bytes()));
        if !self.foreign.is_empty() {
            put_field(&mut out, 3, |out| {
                put_varint(out, self.foreign.len() as u64);
                for foreign in &self.foreign {
                    put_text(out, &foreign.name);
                    out.extend_from_slice(foreign.object.as_bytes());
                    put_varint(out, foreign.size);
                }
            });
        }
        put_field(&mut out, 4, |out| out.push(self.channel.platform() as u8));
        put_field(&mut out, 6, |out| out.extend_from_slice(self.channel.name().as_bytes()));
        put_number(&mut out, 8, self.label);
        put_number(&mut out, 10, self.created.secs());
        put_field(&mut out, 12, |out| out.extend_from_slice(self.tree.as_bytes()));
        put_number(&mut out, 14, self.tree_bytes);
        put_field(&mut out, 16, |out| {
            put_varint(out, self.targets.len() as u64);
            self.targets.iter().for_each(|target| target.write(out));
        });
        put_whole(&mut out, 18, &self.bundle);
        put_whole(&mut out, 20, &self.fingerprint);
        put_whole(&mut out, 22, &self.model);
        if let Some(destructive) = &self.destructive {
            put_field(&mut out, 24, |out| {
                put_text(out, &destructive.reason);
                put_texts(out, &destructive.survives);
            });
        }
        out
    }

    /// The statement in `document`, whose signatures nobody asked yet. To show it; a device goes through
    /// [`super::Trusted::statement`].
    ///
    /// # Errors
    /// As [`Signed::read`] and [`Statement::read`].
    pub fn unverified(document: &[u8]) -> Result<Self, TrustError> {
        Self::read(Signed::read(document, Document::Statement)?.payload())
    }

    /// Whether unsynced data of version `model` of the model description is lost by this release: an update must wait
    /// until such data is synced. `None` is data whose model nobody knows.
    #[must_use]
    pub fn destroys(&self, model: Option<&str>) -> bool {
        let Some(destructive) = &self.destructive else { return false };
        let survives = |model: &str| {
            self.model.as_deref() == Some(model) || destructive.survives.iter().any(|survivor| survivor == model)
        };
        !model.is_some_and(survives)
    }
}
