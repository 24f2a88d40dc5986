//! The root: which keys may sign what, how many it takes, and until when.

use super::{
    Document, KeyId, NotCounted, PublicKey, Signed, Time, TrustError,
    field::{Fields, MAX_NUMBER, Value, put_field, put_number, put_text},
};
use crate::wire::put_varint;

/// The most roots that are fetched in a row.
pub const MAX_ROOTS: u64 = 1024;
const MAX_KEYS: u64 = 32;
const MAX_NAME_BYTES: usize = 128;
const NAME: &str = "root";

/// When a key's signatures count: from the first time on, before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub from: Time,
    /// The first second after it; at most 2³² − 1 seconds after `from`.
    pub until: Time,
}

/// A key of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub key: PublicKey,
    /// When its signatures count; always, where there is none. Root keys have none, others must have one.
    pub window: Option<Window>,
}

/// Keys, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// How many of the keys must have signed.
    pub threshold: usize,
    /// The keys, ascending by their bytes, 1 to 32.
    pub keys: Vec<Key>,
}

impl Role {
    /// Makes sure that enough keys of this role signed. Each key counts once, and only while its window lasts; `role`
    /// is what to call it in errors.
    ///
    /// # Errors
    /// [`TrustError::Threshold`], which names each signature that does not count.
    pub fn check(&self, signed: &Signed<'_>, role: &'static str, now: Time) -> Result<(), TrustError> {
        let message = signed.message();
        let mut counted = Vec::new();
        let mut not_counted = Vec::new();
        for (id, signature) in signed.signatures() {
            match self.counts(*id, signature, &message, now) {
                Ok(key) if counted.contains(&key) => {}
                Ok(key) => counted.push(key),
                Err(why) => not_counted.push((*id, why)),
            }
        }
        // A threshold of 0 cannot be read; if one were built by hand, nobody may pass it.
        if counted.len() >= self.threshold.max(1) {
            return Ok(());
        }
        let (document, needed, found) = (signed.document(), self.threshold, counted.len());
        Err(TrustError::Threshold { document, role, needed, found, not_counted })
    }

    fn counts(&self, id: KeyId, signature: &[u8; 64], message: &[u8], now: Time) -> Result<PublicKey, NotCounted> {
        let Key { key, window } = self.get(id).ok_or(NotCounted::NotOfTheRole)?;
        if let Some(Window { from, until }) = *window {
            if now < from {
                return Err(NotCounted::NotYet(from));
            }
            if now >= until {
                return Err(NotCounted::Expired(until));
            }
        }
        if key.verifies(message, signature) { Ok(*key) } else { Err(NotCounted::Wrong) }
    }

    /// The key called `id`.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.key.id() == id)
    }

    fn read(value: &mut Value<'_>, windows: bool) -> Result<Self, TrustError> {
        let threshold = value.number(1, MAX_KEYS)? as usize;
        let keys = value.list(1, MAX_KEYS, |value| {
            let bytes = value.array()?;
            let key = PublicKey::from_bytes(bytes).ok_or_else(|| value.malformed("holds what is no usable key"))?;
            let window = if windows { Some(Window::read(value)?) } else { None };
            Ok(Key { key, window })
        })?;
        if threshold > keys.len() {
            return Err(value.malformed("has a threshold above the number of keys"));
        }
        if !keys.is_sorted_by(|a, b| a.key < b.key) {
            return Err(value.malformed("names a key twice or is not sorted"));
        }
        // Signatures are found by id, so two keys of one id would leave one of them without a voice.
        let mut ids: Vec<KeyId> = keys.iter().map(|key| key.key.id()).collect();
        ids.sort_unstable();
        value.ascending(&ids)?;
        Ok(Self { threshold, keys })
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.threshold as u64);
        put_varint(out, self.keys.len() as u64);
        for Key { key, window } in &self.keys {
            out.extend_from_slice(key.as_bytes());
            if let Some(Window { from, until }) = window {
                put_varint(out, from.secs());
                put_varint(out, until.secs().saturating_sub(from.secs()));
            }
        }
    }
}

impl Window {
    fn read(value: &mut Value<'_>) -> Result<Self, TrustError> {
        let from = value.number(0, Time::MAX.secs())?;
        let secs = value.number(1, MAX_NUMBER)?;
        let until = from.checked_add(secs).filter(|until| *until <= Time::MAX.secs());
        let until = until.ok_or_else(|| value.malformed("has a key that outlives the year 9999"))?;
        Ok(Self { from: Time::from_secs(from), until: Time::from_secs(until) })
    }
}

/// A root, read. Whether it is to be believed is the business of [`Root::pinned`] and [`Root::succeed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// For people: whose root it is.
    pub name: Option<String>,
    /// 1 for the first; each successor's is greater by 1.
    pub number: u64,
    /// Which counting of heads and labels holds; greater by 1 where a key was revoked.
    pub epoch: u64,
    /// When it was made.
    pub created: Time,
    /// From when on it is not believed, unless a successor is.
    pub expires: Time,
    /// Who signs roots.
    pub root: Role,
    /// Who signs release statements.
    pub release: Role,
    /// Who signs heads.
    pub head: Role,
}

impl Root {
    /// Reads a payload, believing nothing.
    ///
    /// # Errors
    /// [`TrustError::Malformed`], [`TrustError::Number`] or [`TrustError::UnknownField`].
    pub fn read(payload: &[u8]) -> Result<Self, TrustError> {
        let mut fields = Fields::new(payload, NAME);
        let name = fields.optional(1, "the name", |value| value.whole_text(MAX_NAME_BYTES, false))?;
        let number = fields.required(2, "its number", |value| value.number(1, MAX_NUMBER))?;
        let epoch = fields.required(4, "its epoch", |value| value.number(1, MAX_NUMBER))?;
        let created = fields.required(6, "its time", read_time)?;
        let expires = fields.required(8, "its expiry", |value| read_expiry(value, created))?;
        let root = fields.required(10, "the list of root keys", |value| Role::read(value, false))?;
        let release = fields.required(12, "the list of release keys", |value| Role::read(value, true))?;
        let head = fields.required(14, "the list of head keys", |value| Role::read(value, true))?;
        fields.finish()?;
        if release.keys.iter().chain(&head.keys).any(|key| root.get(key.key.id()).is_some()) {
            let (field, problem) =
                ("the list of root keys", "shares a key with another role, but root keys stay offline");
            return Err(TrustError::Malformed { document: NAME, field, problem });
        }
        Ok(Self { name: name.map(str::to_owned), number, epoch, created, expires, root, release, head })
    }

    /// The payload, as [`Root::read`] takes it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(name) = &self.name {
            put_field(&mut out, 1, |out| out.extend_from_slice(name.as_bytes()));
        }
        put_number(&mut out, 2, self.number);
        put_number(&mut out, 4, self.epoch);
        put_number(&mut out, 6, self.created.secs());
        put_number(&mut out, 8, self.expires.secs());
        for (number, role) in [(10, &self.root), (12, &self.release), (14, &self.head)] {
            put_field(&mut out, number, |out| role.write(out));
        }
        out
    }

    /// The root in the document that an app was built with.
    ///
    /// # Errors
    /// [`TrustError`], where it is malformed or not signed by its own root keys: it was never finished.
    pub fn pinned(document: &[u8]) -> Result<Self, TrustError> {
        let signed = Signed::read(document, Document::Root)?;
        let root = Self::read(signed.payload())?;
        root.root.check(&signed, "root", Time::default())?;
        Ok(root)
    }

    /// The root in `document`, which must be this one's successor: numbered so, and signed by enough root keys of both.
    /// Expiry is not asked here: only the last of a row of roots must not have expired.
    ///
    /// # Errors
    /// [`TrustError::Threshold`], [`TrustError::NotTheSuccessor`], or as [`Root::read`].
    pub fn succeed(&self, document: &[u8]) -> Result<Self, TrustError> {
        let signed = Signed::read(document, Document::Root)?;
        self.root.check(&signed, "previous root's", Time::default())?;
        let next = Self::read(signed.payload())?;
        next.root.check(&signed, "root", Time::default())?;
        self.check_successor(&next)?;
        Ok(next)
    }

    /// Makes sure that `next` may follow this root, signatures aside.
    ///
    /// # Errors
    /// [`TrustError::NotTheSuccessor`].
    pub fn check_successor(&self, next: &Self) -> Result<(), TrustError> {
        let follows = |last: u64, next: u64| next.checked_sub(last) == Some(1);
        let field = if !follows(self.number, next.number) {
            "number"
        } else if next.epoch != self.epoch && !follows(self.epoch, next.epoch) {
            "epoch"
        } else if next.created < self.created {
            "time"
        } else {
            return Ok(());
        };
        Err(TrustError::NotTheSuccessor { number: self.number, found: next.number, field })
    }

    /// Makes sure that the root has not expired.
    ///
    /// # Errors
    /// [`TrustError::Expired`].
    pub fn check_expiry(&self, now: Time) -> Result<(), TrustError> {
        if now < self.expires {
            return Ok(());
        }
        Err(TrustError::Expired { document: Document::Root, expired: self.expires, now })
    }
}

pub(super) fn read_time(value: &mut Value<'_>) -> Result<Time, TrustError> {
    value.number(0, Time::MAX.secs()).map(Time::from_secs)
}

pub(super) fn read_expiry(value: &mut Value<'_>, created: Time) -> Result<Time, TrustError> {
    let expires = read_time(value)?;
    if expires > created { Ok(expires) } else { Err(value.malformed("is not after the time it was made")) }
}

/// Appends `text` as a list's item.
pub(super) fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    put_varint(out, texts.len() as u64);
    texts.iter().for_each(|text| put_text(out, text));
}
