//! What a device believes: one root, what it saw, and what follows from them.

use super::{Binary, Channel, Document, Head, Listed, Memory, Root, Signed, Statement, Time, TrustError};

/// A root that is believed, and the memory that goes with it. All documents go through here.
///
/// Everything is decided by signatures and by the `clock` that the caller reads once for each check; nothing is read
/// from disk or from the network. Whoever holds it keeps [`Trusted::document`] and [`Trusted::memory`] after each
/// change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    root: Root,
    document: Vec<u8>,
    memory: Memory,
}

impl Trusted {
    /// Believes the root that the app was built with.
    ///
    /// # Errors
    /// As [`Root::pinned`].
    pub fn pinned(document: &[u8]) -> Result<Self, TrustError> {
        let root = Root::pinned(document)?;
        let memory = Memory::new(&root);
        Ok(Self { root, document: document.to_vec(), memory })
    }

    /// Believes the newer of the pinned root and what was kept of an earlier run. What was kept and cannot be used is
    /// left aside: the device then learns it again from the pinned root on.
    ///
    /// # Errors
    /// As [`Root::pinned`], for the pinned root.
    pub fn restored(pinned: &[u8], document: &[u8], memory: &[u8]) -> Result<Self, TrustError> {
        let start = Self::pinned(pinned)?;
        let Ok(root) = Root::pinned(document) else { return Ok(start) };
        if root.number < start.root.number {
            // A newer app. Its root may still be of the epoch in which the numbers were seen.
            return Ok(match Memory::read(memory) {
                Ok(mut memory) if memory.root == root.number && memory.epoch == root.epoch => {
                    memory.see_root(&start.root);
                    Self { memory, ..start }
                }
                _ => start,
            });
        }
        let memory = Memory::read(memory).ok();
        let memory = memory.filter(|memory| memory.root == root.number && memory.epoch == root.epoch);
        let memory = memory.unwrap_or_else(|| Memory::new(&root));
        Ok(Self { root, document: document.to_vec(), memory })
    }

    /// The root that is believed.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The root's document, to be kept.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// What was seen, to be kept.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The time by which documents are judged: what the clock says, but not before what believed documents say.
    #[must_use]
    pub fn time(&self, clock: Time) -> Time {
        clock.max(self.memory.time)
    }

    /// Believes the next root.
    ///
    /// # Errors
    /// As [`Root::succeed`]; nothing has changed then.
    pub fn advance(&mut self, document: &[u8]) -> Result<(), TrustError> {
        self.root = self.root.succeed(document)?;
        self.document = document.to_vec();
        self.memory.see_root(&self.root);
        Ok(())
    }

    /// The head in `document`, if it is one to be believed: of `channel`, signed by enough head keys, of the root's
    /// epoch, not older than one seen before, not expired. Its number and time are then remembered.
    ///
    /// # Errors
    /// [`TrustError`]; nothing has changed then.
    pub fn head(&mut self, document: &[u8], channel: &Channel, clock: Time) -> Result<Head, TrustError> {
        let now = self.time(clock);
        self.root.check_expiry(now)?;
        let signed = Signed::read(document, Document::Head)?;
        self.root.head.check(&signed, "head", now)?;
        let head = Head::read(signed.payload())?;
        check_channel(Document::Head, channel, &head.channel)?;
        if head.epoch != self.root.epoch {
            return Err(TrustError::Epoch { expected: self.root.epoch, found: head.epoch });
        }
        let seen = self.memory.head(channel);
        if head.number < seen {
            return Err(TrustError::Rollback { channel: channel.clone(), seen, found: head.number });
        }
        if now >= head.expires {
            return Err(TrustError::Expired { document: Document::Head, expired: head.expires, now });
        }
        self.memory.see_head(channel, head.number, head.created);
        Ok(head)
    }

    /// The statement of `listed`, which stands in it or was `fetched`, if it is to be believed: what the head names,
    /// signed by enough release keys, of the same `channel` and label, for `binary`, and for its native `fingerprint`
    /// where both are known.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn statement(
        &self,
        listed: &Listed,
        fetched: Option<&[u8]>,
        channel: &Channel,
        binary: &Binary,
        fingerprint: Option<&str>,
        clock: Time,
    ) -> Result<Statement, TrustError> {
        let now = self.time(clock);
        self.root.check_expiry(now)?;
        let document = listed.statement.bytes("the release statement", fetched)?;
        let signed = Signed::read(document, Document::Statement)?;
        self.root.release.check(&signed, "release", now)?;
        let statement = Statement::read(signed.payload())?;
        check_channel(Document::Statement, channel, &statement.channel)?;
        let label = statement.label;
        if label != listed.label {
            return Err(TrustError::OtherLabel { expected: listed.label, found: label });
        }
        if statement.targets.binary_search(binary).is_err() {
            let (version, build) = (binary.version().to_owned(), binary.build().to_owned());
            return Err(TrustError::NotForBinary { label, version, build });
        }
        match (&statement.fingerprint, fingerprint) {
            (Some(expected), Some(found)) if expected != found => {
                Err(TrustError::OtherFingerprint { label, expected: expected.clone(), found: found.to_owned() })
            }
            _ => Ok(statement),
        }
    }
}

fn check_channel(document: Document, expected: &Channel, found: &Channel) -> Result<(), TrustError> {
    if expected == found {
        return Ok(());
    }
    Err(TrustError::OtherChannel { document, expected: expected.clone(), found: found.clone() })
}
