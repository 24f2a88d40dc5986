//! Releases: the history of a channel.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{Channel, Database, Id, Result, count, hash, unknown};
use crate::hash::Hash;

/// One release in the history of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The number of its label: 3 is `v3`.
    pub number: i64,
    /// The signed statement, an object of the store.
    pub statement: Hash,
    /// The tree that it ships.
    pub tree: Hash,
    /// Files of the tree.
    pub files: u64,
    /// Bytes of the tree.
    pub size_bytes: u64,
    /// What its makers say of it.
    pub description: String,
    /// Whether devices must install it.
    pub mandatory: bool,
    /// Whether it is held back from all devices.
    pub disabled: bool,
    /// The percentage of devices that may have it.
    pub rollout: i64,
    /// Where a promoted or rolled back release came from; empty for a new one.
    pub origin: String,
    /// Seconds since 1970.
    pub created: i64,
    /// The binaries that it is for, ascending.
    pub targets: Vec<Id>,
}

impl Release {
    /// `v3`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("v{}", self.number)
    }
}

/// The number in a label: 3 for `v3` or `3`.
pub(super) fn label_number(label: &str) -> Option<i64> {
    let digits = label.strip_prefix('v').unwrap_or(label);
    digits.parse().ok().filter(|number| *number > 0 && !digits.starts_with('+'))
}

impl Database {
    /// The releases of a channel, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], [`super::DatabaseError::Damaged`].
    pub async fn releases(&self, channel: &Channel, limit: usize) -> Result<Vec<Release>> {
        let mut connection = self.pool.acquire().await?;
        releases(&mut connection, channel.id, limit).await
    }

    /// The release of a label such as `v3`.
    ///
    /// # Errors
    /// [`super::DatabaseError::Unknown`] with the newest labels that there are.
    pub async fn release(&self, channel: &Channel, label: &str) -> Result<Release> {
        let all = self.releases(channel, usize::MAX).await?;
        let number = label_number(label);
        if let Some(found) = all.iter().find(|release| Some(release.number) == number) {
            return Ok(found.clone());
        }
        Err(unknown("release", label, all.iter().map(Release::label).collect()))
    }
}

pub(super) async fn releases(connection: &mut AnyConnection, channel: Id, limit: usize) -> Result<Vec<Release>> {
    let rows = sqlx::query("SELECT * FROM releases WHERE channel = $1 ORDER BY number DESC LIMIT $2")
        .bind(channel)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let lowest = rows.last().map(|row| row.try_get::<i64, _>("number")).transpose()?.unwrap_or_default();
    let targets = sqlx::query(
        "SELECT number, binary_id FROM targets WHERE channel = $1 AND number >= $2 ORDER BY number, binary_id",
    )
    .bind(channel)
    .bind(lowest)
    .fetch_all(&mut *connection)
    .await?;
    let mut by_number: BTreeMap<i64, Vec<Id>> = BTreeMap::new();
    for row in &targets {
        by_number.entry(row.try_get("number")?).or_default().push(row.try_get("binary_id")?);
    }
    rows.iter()
        .map(|row| {
            let mut release = release(row)?;
            release.targets = by_number.remove(&release.number).unwrap_or_default();
            Ok(release)
        })
        .collect()
}

fn release(row: &AnyRow) -> Result<Release> {
    Ok(Release {
        number: row.try_get("number")?,
        statement: hash(row, "statement")?,
        tree: hash(row, "tree")?,
        files: count(row, "files")?,
        size_bytes: count(row, "size_bytes")?,
        description: row.try_get("description")?,
        mandatory: row.try_get::<i64, _>("mandatory")? != 0,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        rollout: row.try_get("rollout")?,
        origin: row.try_get("origin")?,
        created: row.try_get("created")?,
        targets: Vec::new(),
    })
}
