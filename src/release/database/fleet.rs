//! Who runs what: how many devices reported which tree.

use super::{Database, Platform, Result, count, hash};
use crate::hash::Hash;

/// How many devices run a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The tree.
    pub tree: Hash,
    /// Devices that reported it.
    pub devices: u64,
}

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;

impl Database {
    /// Counts `devices` more that reported at `at` to run `tree`. Not a change that the audit log records.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`].
    pub async fn report(&self, platform: &Platform, tree: Hash, devices: u32, at: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO fleet (platform, tree, day, devices) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (platform, tree, day) DO UPDATE SET devices = fleet.devices + excluded.devices",
        )
        .bind(platform.id)
        .bind(tree.to_string())
        .bind(at.div_euclid(DAY_SECS))
        .bind(i64::from(devices))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What devices reported since `since`, the most common first. The best day of each tree counts: a device reports
    /// on many days.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], [`super::DatabaseError::Damaged`].
    pub async fn fleet(&self, platform: &Platform, since: i64) -> Result<Vec<Share>> {
        let rows = sqlx::query(
            "SELECT tree, MAX(devices) AS devices FROM fleet WHERE platform = $1 AND day >= $2 \
             GROUP BY tree ORDER BY MAX(devices) DESC, tree",
        )
        .bind(platform.id)
        .bind(since.div_euclid(DAY_SECS))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(Share { tree: hash(row, "tree")?, devices: count(row, "devices")? })).collect()
    }
}
