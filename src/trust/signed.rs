//! Signed documents: a payload as it stands, with signatures beside it.

use std::fmt;

use super::{KeyId, TrustError, field::Value};
use crate::wire::put_varint;

const MAGIC: [u8; 4] = *b"smdt";
const VERSION: u8 = 1;
/// The most signatures of one document.
pub const MAX_SIGNATURES: usize = 32;

/// The types of signed documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Which keys may sign what.
    Root = 1,
    /// What a release is.
    Statement = 2,
    /// What a channel offers.
    Head = 3,
}

impl Document {
    const ALL: [Self; 3] = [Self::Root, Self::Statement, Self::Head];

    /// The most bytes of its payload.
    #[must_use]
    pub const fn max_payload_bytes(self) -> usize {
        match self {
            Self::Root | Self::Statement => 65_536,
            Self::Head => 262_144,
        }
    }

    /// The most bytes of the whole document: whoever fetches one stops there.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        self.max_payload_bytes() + 16 + MAX_SIGNATURES * (KeyId::BYTES + 64)
    }

    /// Its name, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Statement => "release statement",
            Self::Head => "head",
        }
    }

    /// What stands before the payload in what is signed, so that no document passes for one of another type.
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Root => b"smidge 1 root\n",
            Self::Statement => b"smidge 1 release\n",
            Self::Head => b"smidge 1 head\n",
        }
    }

    /// The type of the document that `bytes` begin as, if they begin as one.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let kind = *bytes.strip_prefix(&MAGIC)?.get(1)?;
        Self::ALL.into_iter().find(|document| *document as u8 == kind)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A signed document, its payload not yet read. Nothing in it is to be believed before a role was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    document: Document,
    payload: &'a [u8],
    signatures: Vec<(KeyId, [u8; 64])>,
}

impl<'a> Signed<'a> {
    /// A document that nobody signed yet.
    #[must_use]
    pub const fn draft(document: Document, payload: &'a [u8]) -> Self {
        Self { document, payload, signatures: Vec::new() }
    }

    /// Takes apart `bytes`, which are to be a `document`.
    ///
    /// # Errors
    /// [`TrustError::NotSigned`], [`TrustError::Version`], [`TrustError::WrongType`], [`TrustError::Malformed`] or
    /// [`TrustError::Number`].
    pub fn read(bytes: &'a [u8], document: Document) -> Result<Self, TrustError> {
        let name = document.as_str();
        let mut value = Value::new(bytes, name, "its size");
        if bytes.len() > document.max_bytes() {
            return Err(value.malformed("is above what such a document may have"));
        }
        if value.array().ok() != Some(MAGIC) {
            return Err(TrustError::NotSigned { expected: document });
        }
        value.at("its beginning");
        let [version, kind] = value.array()?;
        if version != VERSION {
            return Err(TrustError::Version { document, found: version });
        }
        if kind != document as u8 {
            let found = Document::of(bytes).map_or_else(|| format!("type {kind}"), |found| format!("a {found}"));
            return Err(TrustError::WrongType { expected: document, found });
        }
        value.at("its payload");
        let length = value.number(0, document.max_payload_bytes() as u64)?;
        let payload = value.take(length as usize)?;
        value.at("the list of signatures");
        let signatures = value.list(0, MAX_SIGNATURES as u64, |value| {
            let id = KeyId::from_bytes(value.array()?);
            Ok((id, value.array()?))
        })?;
        if !signatures.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(value.malformed("names a key twice or is not sorted"));
        }
        value.end()?;
        Ok(Self { document, payload, signatures })
    }

    /// The whole document, as [`Signed::read`] takes it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + 16 + self.signatures.len() * (KeyId::BYTES + 64));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.document as u8]);
        put_varint(&mut out, self.payload.len() as u64);
        out.extend_from_slice(self.payload);
        put_varint(&mut out, self.signatures.len() as u64);
        for (id, signature) in &self.signatures {
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(signature);
        }
        out
    }

    /// What it says to be.
    #[must_use]
    pub const fn document(&self) -> Document {
        self.document
    }

    /// What was signed, as it came. Not believed yet.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Who claims to have signed, ascending, each once.
    #[must_use]
    pub fn signatures(&self) -> &[(KeyId, [u8; 64])] {
        &self.signatures
    }

    /// The bytes that signatures are made over.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        [self.document.domain(), self.payload].concat()
    }

    /// Adds a signature, or replaces the one of the same key.
    #[cfg(feature = "sign")]
    pub(super) fn put_signature(&mut self, id: KeyId, signature: [u8; 64]) {
        match self.signatures.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => self.signatures[at].1 = signature,
            Err(at) => self.signatures.insert(at, (id, signature)),
        }
    }
}
