//! Who signs: the keys at hand, and what the newest root lets each do.

use super::{Pipeline, ReleaseError, database::Platform};
use crate::trust::{
    Head, Root, Statement, Time,
    sign::{self, SecretKey},
};

/// The newest root with the keys at hand that it names.
#[derive(Debug)]
pub struct Signer {
    /// The newest root.
    pub root: Root,
    release: Vec<SecretKey>,
    head: Vec<SecretKey>,
}

impl Signer {
    /// Signs a statement.
    ///
    /// # Errors
    /// [`ReleaseError::NoKey`] where no key at hand may; [`ReleaseError::Sign`].
    pub fn statement(&self, statement: &Statement) -> Result<Vec<u8>, ReleaseError> {
        self.require(&self.release, "releases", &self.root.release)?;
        Ok(sign::sign_statement(statement, &self.release, &self.root, Time::now())?)
    }

    /// Signs a head that follows `previous`.
    ///
    /// # Errors
    /// [`ReleaseError::NoKey`] where no key at hand may; [`ReleaseError::Sign`].
    pub fn head(&self, head: &Head, previous: Option<&Head>) -> Result<Vec<u8>, ReleaseError> {
        self.require(&self.head, "heads", &self.root.head)?;
        Ok(sign::sign_head(head, previous, &self.head, &self.root, Time::now())?)
    }

    /// Whether a release can be signed and published with the keys at hand. Asked before the work, not after it.
    ///
    /// # Errors
    /// [`ReleaseError::NoKey`].
    pub fn check(&self) -> Result<(), ReleaseError> {
        self.require(&self.release, "releases", &self.root.release)?;
        self.require(&self.head, "heads", &self.root.head)
    }

    fn require(&self, keys: &[SecretKey], what: &'static str, role: &crate::trust::Role) -> Result<(), ReleaseError> {
        if !keys.is_empty() {
            return Ok(());
        }
        let allowed = role.keys.iter().map(|key| key.key.id().to_string()).collect();
        Err(ReleaseError::NoKey { what, root: self.root.number, allowed })
    }
}

impl Pipeline {
    /// The newest root of an organisation, followed from the first one that is here.
    ///
    /// # Errors
    /// [`ReleaseError::NoRoot`]; [`ReleaseError::Trust`] where the roots do not follow one another.
    pub async fn newest_root(&self, platform: &Platform) -> Result<Root, ReleaseError> {
        let mut newest: Option<Root> = None;
        for (_, document) in self.database.roots(&platform.organisation).await? {
            newest = Some(match newest {
                None => Root::pinned(&document)?,
                Some(before) => before.succeed(&document)?,
            });
        }
        let organisation =
            if platform.organisation.is_empty() { platform.app.clone() } else { platform.organisation.clone() };
        newest.ok_or(ReleaseError::NoRoot { organisation })
    }

    /// Adopts a root: the first one as it is, a later one if it follows the newest.
    ///
    /// # Errors
    /// [`ReleaseError::Trust`] where it is not signed well enough, [`ReleaseError::RootGap`] where some are missing.
    pub async fn adopt_root(&self, platform: &Platform, document: &[u8]) -> Result<Root, ReleaseError> {
        let root = match self.newest_root(platform).await {
            Ok(newest) => {
                let found = sign::unverified_root(document)?.number;
                if found != newest.number + 1 {
                    return Err(ReleaseError::RootGap { newest: newest.number, found });
                }
                newest.succeed(document)?
            }
            Err(ReleaseError::NoRoot { .. }) => Root::pinned(document)?,
            Err(other) => return Err(other),
        };
        let number = i64::try_from(root.number).unwrap_or(i64::MAX);
        self.database.add_root(platform, number, document, &self.who).await?;
        Ok(root)
    }

    /// The signer that `keys` make under the newest root. Keys that the root gives no role are passed over.
    ///
    /// # Errors
    /// As [`Pipeline::newest_root`].
    pub async fn signer(&self, platform: &Platform, keys: &[SecretKey]) -> Result<Signer, ReleaseError> {
        let root = self.newest_root(platform).await?;
        let of = |role: &crate::trust::Role| -> Vec<SecretKey> {
            keys.iter().filter(|key| role.get(key.public().id()).is_some()).cloned().collect()
        };
        let (release, head) = (of(&root.release), of(&root.head));
        Ok(Signer { root, release, head })
    }
}
