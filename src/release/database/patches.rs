//! Patches: which there are, which are wanted, and who makes one right now.
//!
//! A patch that is wanted is a job. A worker leases it for a time, prolongs the lease while it works, and finishes it;
//! a lease that runs out is given to the next worker. Each lease has a higher number than the one before, and only the
//! highest may finish, so that a worker that was thought dead and comes back changes nothing.

use sqlx::{Row, any::AnyRow};

use super::{Database, DatabaseError, Id, Platform, Result, column, count, fresh, hash, hash_or_none, now};
use crate::hash::Hash;

/// Leases of one patch that may run out or fail before it is given up.
pub const TRIES: i64 = 5;
/// How many of the waiting jobs a worker looks at before it asks again: others take them meanwhile.
const CANDIDATES: i64 = 16;

const WANTED: i64 = 0;
const LEASED: i64 = 1;
const MADE: i64 = 2;
const GIVEN_UP: i64 = 3;

/// How far a patch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchState {
    /// Nobody makes it yet.
    Wanted,
    /// Somebody makes it.
    Leased {
        /// Who.
        worker: String,
        /// Until when the lease lasts, in seconds since 1970.
        until: i64,
    },
    /// It is there.
    Made {
        /// The object.
        object: Hash,
        /// Its size.
        size_bytes: u64,
    },
    /// It failed too often; the full release serves.
    GivenUp {
        /// What the last worker said.
        error: String,
    },
}

/// What turns one tree into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The tree that it starts from.
    pub old: Hash,
    /// The tree that it makes.
    pub new: Hash,
    /// How far it is.
    pub state: PatchState,
}

/// A patch to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The tree that it starts from.
    pub old: Hash,
    /// The tree that it makes.
    pub new: Hash,
    /// The smaller, the sooner.
    pub priority: i64,
}

/// The right to make a patch, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The patch's identifier.
    pub id: Id,
    /// The number of the lease.
    pub number: i64,
    /// The platform that the patch belongs to.
    pub platform: Id,
    /// The tree that it starts from.
    pub old: Hash,
    /// The tree that it makes.
    pub new: Hash,
}

impl Database {
    /// Asks for patches. Those that are there, wanted or under way already stay as they are; those that were given up
    /// are tried again. Returns how many are new.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn want_patches(&self, platform: &Platform, wanted: &[Pending]) -> Result<u64> {
        let mut new = 0;
        for pending in wanted {
            let inserted = sqlx::query(
                "INSERT INTO patches (id, platform, old, new, state, priority, lease, lease_until, worker, size_bytes, \
                 error, created) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, '', 0, '', $7) \
                 ON CONFLICT (platform, old, new) DO UPDATE SET state = $5, lease = 0, lease_until = 0 \
                 WHERE patches.state = $8",
            )
            .bind(fresh()?)
            .bind(platform.id)
            .bind(pending.old.to_string())
            .bind(pending.new.to_string())
            .bind(WANTED)
            .bind(pending.priority)
            .bind(now())
            .bind(GIVEN_UP)
            .execute(&self.pool)
            .await?;
            new += inserted.rows_affected();
        }
        Ok(new)
    }

    /// Leases the most urgent patch that nobody makes, from `now` on for `secs` seconds; `None` where there is none.
    ///
    /// The clocks of several workers may differ by a part of `secs`: it should be minutes.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`], [`DatabaseError::Damaged`].
    pub async fn lease_patch(&self, worker: &str, now: i64, secs: i64) -> Result<Option<Lease>> {
        loop {
            let rows = sqlx::query(
                "SELECT id, platform, old, new, lease FROM patches \
                 WHERE state = $1 OR (state = $2 AND lease_until <= $3) ORDER BY priority, created, id LIMIT $4",
            )
            .bind(WANTED)
            .bind(LEASED)
            .bind(now)
            .bind(CANDIDATES)
            .fetch_all(&self.pool)
            .await?;
            if rows.is_empty() {
                return Ok(None);
            }
            for row in &rows {
                let lease: i64 = row.try_get("lease")?;
                let id: Id = row.try_get("id")?;
                if lease >= TRIES {
                    self.give_up(id, lease, "no worker came to its end with it").await?;
                    continue;
                }
                // The number of the lease is what is compared and swapped: of several workers one gets the row.
                let taken = sqlx::query(
                    "UPDATE patches SET state = $1, lease = lease + 1, lease_until = $2, worker = $3 \
                     WHERE id = $4 AND lease = $5 AND (state = $6 OR (state = $1 AND lease_until <= $7))",
                )
                .bind(LEASED)
                .bind(now.saturating_add(secs))
                .bind(worker.to_owned())
                .bind(id)
                .bind(lease)
                .bind(WANTED)
                .bind(now)
                .execute(&self.pool)
                .await?;
                if taken.rows_affected() == 1 {
                    return Ok(Some(Lease {
                        id,
                        number: lease + 1,
                        platform: row.try_get("platform")?,
                        old: hash(row, "old")?,
                        new: hash(row, "new")?,
                    }));
                }
            }
        }
    }

    /// Prolongs a lease until `secs` seconds after `now`. `false` where it was lost.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn keep_lease(&self, lease: &Lease, now: i64, secs: i64) -> Result<bool> {
        let kept = sqlx::query("UPDATE patches SET lease_until = $1 WHERE id = $2 AND lease = $3 AND state = $4")
            .bind(now.saturating_add(secs))
            .bind(lease.id)
            .bind(lease.number)
            .bind(LEASED)
            .execute(&self.pool)
            .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Says that the patch of this lease is the stored `object`. `false` where the lease was lost: somebody else makes
    /// or made it.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn finish_patch(&self, lease: &Lease, object: Hash, size_bytes: u64) -> Result<bool> {
        let finished = sqlx::query(
            "UPDATE patches SET state = $1, object = $2, size_bytes = $3, error = '' \
             WHERE id = $4 AND lease = $5 AND state = $6",
        )
        .bind(MADE)
        .bind(object.to_string())
        .bind(column(size_bytes))
        .bind(lease.id)
        .bind(lease.number)
        .bind(LEASED)
        .execute(&self.pool)
        .await?;
        Ok(finished.rows_affected() == 1)
    }

    /// Says that making the patch failed. It is wanted again, or given up after a few tries.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn fail_patch(&self, lease: &Lease, error: &str) -> Result<()> {
        let state = if lease.number >= TRIES { GIVEN_UP } else { WANTED };
        let error: String = error.chars().take(1000).collect();
        sqlx::query("UPDATE patches SET state = $1, error = $2 WHERE id = $3 AND lease = $4 AND state = $5")
            .bind(state)
            .bind(error)
            .bind(lease.id)
            .bind(lease.number)
            .bind(LEASED)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn give_up(&self, id: Id, lease: i64, error: &str) -> Result<()> {
        sqlx::query("UPDATE patches SET state = $1, error = $2 WHERE id = $3 AND lease = $4 AND state <> $5")
            .bind(GIVEN_UP)
            .bind(error.to_owned())
            .bind(id)
            .bind(lease)
            .bind(MADE)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Says that a patch is there that was made without a lease. One that is there already stays.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn record_patch(
        &self,
        platform: &Platform,
        old: Hash,
        new: Hash,
        object: Hash,
        size_bytes: u64,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO patches (id, platform, old, new, state, priority, lease, lease_until, worker, object, \
             size_bytes, error, created) VALUES ($1, $2, $3, $4, $5, 0, 0, 0, '', $6, $7, '', $8) \
             ON CONFLICT (platform, old, new) DO UPDATE SET state = $5, object = $6, size_bytes = $7, error = '' \
             WHERE patches.state <> $5",
        )
        .bind(fresh()?)
        .bind(platform.id)
        .bind(old.to_string())
        .bind(new.to_string())
        .bind(MADE)
        .bind(object.to_string())
        .bind(column(size_bytes))
        .bind(now())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All patches of a platform, by new and old.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`], [`DatabaseError::Damaged`].
    pub async fn patches(&self, platform: Id) -> Result<Vec<Patch>> {
        let rows = sqlx::query("SELECT * FROM patches WHERE platform = $1 ORDER BY new, old")
            .bind(platform)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(patch).collect()
    }
}

fn patch(row: &AnyRow) -> Result<Patch> {
    let state = match row.try_get::<i64, _>("state")? {
        WANTED => PatchState::Wanted,
        LEASED => PatchState::Leased { worker: row.try_get("worker")?, until: row.try_get("lease_until")? },
        MADE => {
            let object = hash_or_none(row, "object")?
                .ok_or_else(|| DatabaseError::Damaged { what: "a patch that was made has no object".to_owned() })?;
            PatchState::Made { object, size_bytes: count(row, "size_bytes")? }
        }
        GIVEN_UP => PatchState::GivenUp { error: row.try_get("error")? },
        state => return Err(DatabaseError::Damaged { what: format!("a patch is in state {state}") }),
    };
    Ok(Patch { old: hash(row, "old")?, new: hash(row, "new")?, state })
}
