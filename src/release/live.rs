//! What must stay: the objects that releases, binaries and waiting patches need. A collector asks here before it removes
//! anything.

use std::{collections::BTreeSet, error::Error};

use async_trait::async_trait;

use super::{
    Pipeline, ReleaseError,
    bench::read_tree,
    database::{PatchState, now},
    export::objects_of,
};
use crate::{
    hash::Hash,
    store::{self, CollectOptions, Collected, Keep, Roots},
    trust::Head,
};

impl Pipeline {
    /// The trees whose content is needed: of binaries, of releases, and at both ends of patches that wait.
    async fn live_trees(&self) -> Result<BTreeSet<Hash>, ReleaseError> {
        let mut trees = BTreeSet::new();
        for platform in self.database.platforms().await? {
            trees.extend(self.database.binaries(&platform).await?.iter().filter_map(|binary| binary.tree));
            for channel in self.database.channels(&platform).await? {
                let releases = self.database.releases(&channel, usize::MAX).await?;
                trees.extend(releases.iter().map(|release| release.tree));
            }
            for patch in self.database.patches(platform.id).await? {
                if matches!(patch.state, PatchState::Wanted | PatchState::Leased { .. }) {
                    trees.extend([patch.old, patch.new]);
                }
            }
        }
        Ok(trees)
    }

    /// Forgets what nothing names any more and was not touched since `before`, in seconds since 1970, and then removes
    /// what nobody needs from the store, in two runs at least a grace apart.
    ///
    /// # Errors
    /// [`ReleaseError::Store`], [`ReleaseError::Database`].
    pub async fn collect(&self, options: &CollectOptions) -> Result<(u64, Collected), ReleaseError> {
        let mut forgotten = 0;
        if !options.dry_run {
            let grace = i64::try_from(options.grace.as_secs()).unwrap_or(i64::MAX);
            let before = now().saturating_sub(grace);
            forgotten = self.database.forget_trees(&self.live_trees().await?, before).await?;
        }
        Ok((forgotten, store::collect(&self.store, self, options).await?))
    }

    async fn keep_all(&self, keep: &mut Keep) -> Result<(), ReleaseError> {
        let add = |keep: &mut Keep, hash| {
            keep.add(hash).map_err(|source| ReleaseError::io("write", std::path::Path::new("a list of hashes"), source))
        };
        for tree in self.live_trees().await? {
            let Some(known) = self.database.tree(tree).await? else { continue };
            add(keep, known.manifest)?;
            if let Some((full, _)) = known.full {
                add(keep, full)?;
            }
            for entry in read_tree(&self.store, &self.database, tree).await?.entries {
                add(keep, entry.hash)?;
            }
        }
        for platform in self.database.platforms().await? {
            for channel in self.database.channels(&platform).await? {
                for release in self.database.releases(&channel, usize::MAX).await? {
                    add(keep, release.statement)?;
                }
                if let Some(document) = &channel.head {
                    for hash in objects_of(self, &Head::unverified(document)?).await? {
                        add(keep, hash)?;
                    }
                }
            }
            for patch in self.database.patches(platform.id).await? {
                if let PatchState::Made { object, .. } = patch.state {
                    add(keep, object)?;
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Roots for Pipeline {
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.keep_all(keep).await?)
    }
}
