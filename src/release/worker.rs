//! Workers: make the patches that wait, alone or many beside each other on one database and one store.
//!
//! A worker leases one patch, makes it, stores it and says so. While it works it prolongs the lease; if it dies, the
//! lease runs out and the next one takes over. A worker that lost its lease and finishes all the same has stored an
//! object that nobody names, which `collect` removes.

use std::time::Duration;

use super::{
    Made, Pipeline, ReleaseError,
    bench::Bench,
    database::{DatabaseError, Lease, now},
};
use crate::{diff::Effort, store::Lease as Upload};

/// How long a lease lasts, in seconds: many times what a patch takes to prolong it, and soon enough for the next one.
pub const LEASE_SECS: i64 = 120;
/// How often it is prolonged, in seconds.
const KEEP_SECS: u64 = 30;

/// What became of one job.
#[derive(Debug)]
pub enum Job {
    /// There is none.
    Idle,
    /// The patch was made.
    Made(Lease, Made),
    /// The lease was lost meanwhile; somebody else makes it.
    Lost(Lease),
    /// It failed, and is tried again later or given up.
    Failed(Lease, String),
}

impl Pipeline {
    /// Takes one job and does it. `worker` is a name that no other worker has.
    ///
    /// # Errors
    /// Only what concerns the database: what goes wrong with one patch is a [`Job::Failed`].
    pub async fn work(&self, bench: &mut Bench, worker: &str, effort: Effort) -> Result<Job, ReleaseError> {
        let Some(lease) = self.database.lease_patch(worker, now(), LEASE_SECS).await? else { return Ok(Job::Idle) };
        let upload = Upload::take(&self.store).await?;
        let pairs = [(Some(lease.old), lease.new)];
        let result = tokio::select! {
            made = self.make(bench, &pairs, effort) => made,
            lost = self.keep(&lease) => {
                return match lost {
                    Ok(()) => Ok(Job::Lost(lease)),
                    Err(error) => Err(error.into()),
                };
            }
        };
        match result {
            Ok(made) => {
                let Some(made) = made.first().copied() else { return Ok(Job::Lost(lease)) };
                upload.check()?;
                if self.database.finish_patch(&lease, made.object, made.size_bytes).await? {
                    // Left lying it ends by itself.
                    let _ = upload.release().await;
                    Ok(Job::Made(lease, made))
                } else {
                    Ok(Job::Lost(lease))
                }
            }
            Err(error) => {
                let error = error.to_string();
                self.database.fail_patch(&lease, &error).await?;
                Ok(Job::Failed(lease, error))
            }
        }
    }

    /// Prolongs the lease again and again; ends when it is lost.
    async fn keep(&self, lease: &Lease) -> Result<(), DatabaseError> {
        loop {
            tokio::time::sleep(Duration::from_secs(KEEP_SECS)).await;
            if !self.database.keep_lease(lease, now(), LEASE_SECS).await? {
                return Ok(());
            }
        }
    }
}
