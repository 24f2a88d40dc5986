//! A tree is taken in: its files, then the list of them, then a word in the database.

use std::{path::Path, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Pipeline, ReleaseError, database::KnownTree, manifest};
use crate::tree::{self, Kind, Tree};

/// Files on their way into the store at a time.
const AT_A_TIME: usize = 8;

/// What taking a tree in did.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The tree.
    pub tree: Tree,
    /// Objects that the store did not have.
    pub new_objects: u64,
    /// Bytes that were written for them.
    pub written_bytes: u64,
}

impl Pipeline {
    /// Reads the tree at `path`, refusing one that cannot be used.
    ///
    /// # Errors
    /// [`ReleaseError::Tree`], [`ReleaseError::Empty`].
    pub async fn scan(&self, path: &Path) -> Result<Tree, ReleaseError> {
        let place = path.to_owned();
        let tree = tokio::task::spawn_blocking(move || tree::scan(&place))
            .await
            .map_err(|error| ReleaseError::Thread(error.to_string()))??;
        if tree.entries.is_empty() {
            return Err(ReleaseError::Empty { path: path.to_owned() });
        }
        Ok(tree)
    }

    /// Stores the content of `tree`, which was scanned at `path`. Content that is there is not even read.
    ///
    /// # Errors
    /// [`ReleaseError::Store`], [`ReleaseError::Database`], [`ReleaseError::Io`].
    pub async fn take(&self, path: &Path, tree: Tree) -> Result<Taken, ReleaseError> {
        let root = Arc::new(path.to_owned());
        let mut distinct: Vec<_> = tree.entries.iter().collect();
        distinct.sort_unstable_by_key(|entry| entry.hash);
        distinct.dedup_by_key(|entry| entry.hash);
        let puts = distinct.into_iter().map(|entry| {
            let root = Arc::clone(&root);
            let place = if tree.kind == Kind::File { root.to_path_buf() } else { root.join(&entry.path) };
            let hash = entry.hash;
            async move {
                let file = tokio::fs::File::open(&place).await;
                let mut file = file.map_err(|source| ReleaseError::io("read", &place, source))?;
                Ok::<_, ReleaseError>(self.store.put(&mut file, Some(hash)).await?)
            }
        });
        let mut puts = stream::iter(puts).buffer_unordered(AT_A_TIME);
        let (mut new_objects, mut written_bytes) = (0, 0);
        while let Some(put) = puts.try_next().await? {
            new_objects += u64::from(!put.existed);
            written_bytes += put.written_bytes;
        }
        drop(puts);
        let put = self.store.put_bytes(manifest::write(&tree).as_bytes()).await?;
        new_objects += u64::from(!put.existed);
        written_bytes += put.written_bytes;
        let known = KnownTree {
            tree: tree.hash(),
            manifest: put.hash,
            full: None,
            files: tree.entries.len() as u64,
            size_bytes: tree.total_bytes(),
        };
        self.database.record_tree(&known).await?;
        Ok(Taken { tree, new_objects, written_bytes })
    }
}
