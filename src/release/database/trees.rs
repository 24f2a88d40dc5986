//! Trees: where the list of a tree's files lies in the store, and its full release.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;

use super::{Database, Result, column, count, hash, hash_or_none, now};
use crate::hash::Hash;

/// A tree whose content is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTree {
    /// Its tree hash.
    pub tree: Hash,
    /// The object that lists its files.
    pub manifest: Hash,
    /// The patch from nothing to it, an object, with its size in bytes; none until it is made.
    pub full: Option<(Hash, u64)>,
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub size_bytes: u64,
}

impl Database {
    /// Writes down that the content of a tree is in the store. Again for the same tree, it completes what was missing.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`].
    pub async fn record_tree(&self, tree: &KnownTree) -> Result<()> {
        sqlx::query(
            "INSERT INTO trees (tree, manifest, full_object, full_bytes, files, size_bytes, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tree) DO UPDATE SET created = excluded.created, \
             full_object = COALESCE(excluded.full_object, trees.full_object), \
             full_bytes = CASE WHEN excluded.full_object IS NULL THEN trees.full_bytes ELSE excluded.full_bytes END",
        )
        .bind(tree.tree.to_string())
        .bind(tree.manifest.to_string())
        .bind(tree.full.map(|(object, _)| object.to_string()))
        .bind(column(tree.full.map_or(0, |(_, bytes)| bytes)))
        .bind(column(tree.files))
        .bind(column(tree.size_bytes))
        .bind(now())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What is known of a tree.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], [`super::DatabaseError::Damaged`].
    pub async fn tree(&self, tree: Hash) -> Result<Option<KnownTree>> {
        let row = sqlx::query("SELECT * FROM trees WHERE tree = $1")
            .bind(tree.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(known).transpose()
    }

    /// Forgets the trees that are not `live` and were not recorded since `before`, and the patches to them, so that
    /// what they name may be removed. Returns how many trees that were.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], [`super::DatabaseError::Damaged`].
    pub async fn forget_trees(&self, live: &BTreeSet<Hash>, before: i64) -> Result<u64> {
        let mut forgotten = 0;
        for known in self.trees().await?.iter().filter(|known| !live.contains(&known.tree)) {
            // Compared again in the statement: somebody may release it just now.
            let gone = sqlx::query("DELETE FROM trees WHERE tree = $1 AND created < $2")
                .bind(known.tree.to_string())
                .bind(before)
                .execute(&self.pool)
                .await?;
            if gone.rows_affected() == 1 {
                forgotten += 1;
                sqlx::query("DELETE FROM patches WHERE new = $1")
                    .bind(known.tree.to_string())
                    .execute(&self.pool)
                    .await?;
            }
        }
        Ok(forgotten)
    }

    /// All trees whose content is in the store.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], [`super::DatabaseError::Damaged`].
    pub async fn trees(&self) -> Result<Vec<KnownTree>> {
        let rows = sqlx::query("SELECT * FROM trees ORDER BY tree").fetch_all(&self.pool).await?;
        rows.iter().map(known).collect()
    }
}

fn known(row: &AnyRow) -> Result<KnownTree> {
    let full = hash_or_none(row, "full_object")?;
    Ok(KnownTree {
        tree: hash(row, "tree")?,
        manifest: hash(row, "manifest")?,
        full: full.map(|object| count(row, "full_bytes").map(|bytes| (object, bytes))).transpose()?,
        files: count(row, "files")?,
        size_bytes: count(row, "size_bytes")?,
    })
}
