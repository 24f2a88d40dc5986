//! Making signed documents: keys, signatures, ceremonies, and the folder that any host can serve.
//!
//! Whatever is signed here is read back first, as a device reads it: nothing is published that devices refuse.

mod secret;
mod static_host;

pub use secret::{KeyError, SecretKey, read_public};
pub use static_host::StaticHost;

use super::{Channel, Document, Head, KeyId, PublicKey, Role, Root, Signed, Statement, Time, TrustError};
use thiserror::Error;

/// How long heads are believed where nobody says otherwise, in days.
pub const HEAD_DAYS: u64 = 90;
/// How many bytes of a head may be parts inside, where nobody says otherwise.
pub const HEAD_BYTES: usize = 8192;

/// Why something could not be signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// A device would refuse it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The key has no say in it.
    #[error("key {id} has no say in this {document}: it is not among the {role} keys, which are {}", list(.keys))]
    NotTheKey {
        /// The key.
        id: KeyId,
        /// What was to be signed.
        document: Document,
        /// Whose keys may.
        role: &'static str,
        /// Those keys.
        keys: Vec<KeyId>,
    },
    /// Two documents are not the same but for their signatures.
    #[error("the two files hold different {document}s; merge copies of one draft only")]
    NotTheSame {
        /// Their type.
        document: Document,
    },
    /// A head must not take back what was promised.
    #[error("head {number} of {channel} cannot follow: {problem}")]
    NotTheNextHead {
        /// Of which channel.
        channel: Channel,
        /// Its number.
        number: u64,
        /// What forbids it.
        problem: String,
    },
}

fn list(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}

/// A root that nobody signed yet.
///
/// # Errors
/// [`SignError::Trust`] where no device would read it.
pub fn draft_root(root: &Root) -> Result<Vec<u8>, SignError> {
    let payload = root.write();
    Root::read(&payload)?;
    let draft = Signed::draft(Document::Root, &payload).write();
    Signed::read(&draft, Document::Root)?;
    Ok(draft)
}

/// The root in `document`, whoever signed it: a draft, or one to be shown.
///
/// # Errors
/// [`TrustError`] where it cannot be read.
pub fn unverified_root(document: &[u8]) -> Result<Root, TrustError> {
    Root::read(Signed::read(document, Document::Root)?.payload())
}

/// Adds the signature of `key` to the root in `document`. Where it is not a root key of this root, it must be one of
/// the `previous` root's, which the caller vouches for.
///
/// # Errors
/// [`SignError::NotTheKey`], or [`SignError::Trust`] where the document cannot be read.
pub fn sign_root(document: &[u8], key: &SecretKey, previous: Option<&Root>) -> Result<Vec<u8>, SignError> {
    let root = unverified_root(document)?;
    let roles = [Some(&root), previous].into_iter().flatten().map(|root| &root.root);
    let mut keys: Vec<KeyId> = roles.flat_map(|role| &role.keys).map(|key| key.key.id()).collect();
    keys.sort_unstable();
    keys.dedup();
    let id = key.public().id();
    if !keys.contains(&id) {
        return Err(SignError::NotTheKey { id, document: Document::Root, role: "root", keys });
    }
    let mut signed = Signed::read(document, Document::Root)?;
    signed.put_signature(id, key.sign(&signed.message()));
    Ok(signed.write())
}

/// Brings together the signatures of copies of one document.
///
/// # Errors
/// [`SignError::NotTheSame`], or [`SignError::Trust`] where one cannot be read.
pub fn merge(documents: &[Vec<u8>], document: Document) -> Result<Vec<u8>, SignError> {
    let mut merged: Option<Signed<'_>> = None;
    for bytes in documents {
        let next = Signed::read(bytes, document)?;
        match &mut merged {
            None => merged = Some(next),
            Some(merged) if merged.payload() != next.payload() => return Err(SignError::NotTheSame { document }),
            Some(merged) => next.signatures().iter().for_each(|(id, made)| merged.put_signature(*id, *made)),
        }
    }
    let merged = merged.map(|merged| merged.write()).unwrap_or_default();
    Signed::read(&merged, document)?;
    Ok(merged)
}

/// The signed release statement.
///
/// # Errors
/// [`SignError::NotTheKey`] for a key that is no release key of `root`; [`SignError::Trust`] where no device would
/// take it: too few keys, expired ones, a field out of bounds.
pub fn sign_statement(statement: &Statement, keys: &[SecretKey], root: &Root, now: Time) -> Result<Vec<u8>, SignError> {
    let payload = statement.write();
    Statement::read(&payload)?;
    sign(Document::Statement, &payload, keys, &root.release, "release", now)
}

/// The signed head. Where `previous`, the newest head of the channel, is given, this one must be fit to follow it.
///
/// # Errors
/// As [`sign_statement`], for head keys; [`SignError::NotTheNextHead`].
pub fn sign_head(
    head: &Head,
    previous: Option<&Head>,
    keys: &[SecretKey],
    root: &Root,
    now: Time,
) -> Result<Vec<u8>, SignError> {
    let payload = head.write();
    Head::read(&payload)?;
    if head.epoch != root.epoch {
        return Err(TrustError::Epoch { expected: root.epoch, found: head.epoch }.into());
    }
    if now >= head.expires {
        return Err(TrustError::Expired { document: Document::Head, expired: head.expires, now }.into());
    }
    if let Some(previous) = previous {
        check_next(previous, head)?;
    }
    sign(Document::Head, &payload, keys, &root.head, "head", now)
}

fn check_next(previous: &Head, head: &Head) -> Result<(), SignError> {
    let refuse = |problem: String| {
        Err(SignError::NotTheNextHead { channel: head.channel.clone(), number: head.number, problem })
    };
    if previous.channel != head.channel {
        return refuse(format!("the head before it is of {}", previous.channel));
    }
    if previous.epoch == head.epoch && previous.number >= head.number {
        return refuse(format!("the newest one has number {}", previous.number));
    }
    for release in &head.releases {
        let before = previous.releases.iter().find(|before| before.label == release.label);
        if let Some(before) = before.filter(|before| before.rollout > release.rollout) {
            let (from, to) = (before.rollout, release.rollout);
            return refuse(format!(
                "the rollout of v{} would go from {from} % down to {to} %; disable it",
                release.label
            ));
        }
    }
    Ok(())
}

fn sign(
    document: Document,
    payload: &[u8],
    keys: &[SecretKey],
    role: &Role,
    name: &'static str,
    now: Time,
) -> Result<Vec<u8>, SignError> {
    let mut signed = Signed::draft(document, payload);
    let message = signed.message();
    for key in keys {
        let id = key.public().id();
        if role.get(id).is_none() {
            let keys = role.keys.iter().map(|key| key.key.id()).collect();
            return Err(SignError::NotTheKey { id, document, role: name, keys });
        }
        signed.put_signature(id, key.sign(&message));
    }
    role.check(&signed, name, now)?;
    let written = signed.write();
    Signed::read(&written, document)?;
    Ok(written)
}

/// A role of `keys`, each with its window, in the order that roots need.
#[must_use]
pub fn role(threshold: usize, keys: &[(PublicKey, Option<super::Window>)]) -> Role {
    let mut keys: Vec<super::Key> = keys.iter().map(|&(key, window)| super::Key { key, window }).collect();
    keys.sort_unstable_by_key(|key| key.key);
    Role { threshold, keys }
}
