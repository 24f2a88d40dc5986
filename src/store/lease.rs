//! Leases: a running upload says that it runs, so that no collector takes away what it relies on.
//!
//! A lease is a pointer `leases/ID` with the epoch in which it began and the time at which it ends unless it is
//! renewed. [`collect`](mod@super::collect) tells how the two work together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::TryStreamExt;

use super::{
    PointerName, Store, StoreError, Version,
    condemned::epoch,
    record::{Reader, Writer},
};
use crate::hash::Hasher;

/// How long a lease lasts that nobody renews: a killed upload holds up collectors for so long.
pub const LEASE_SECS: u64 = 15 * 60;
/// A collector honours a lease for so long after its end, so that an upload that looks at its lease and then publishes
/// has that much time in between, and the clocks of two machines may differ by that much.
pub(super) const SLACK_SECS: u64 = 5 * 60;

pub(super) const FOLDER: &str = "leases";

/// Held by an upload from before its first object is put until everything that it put is needed by something that
/// collectors know: published, that is. Renews itself while the runtime runs.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    name: PointerName,
    /// Seconds since 1970 until which it is known to be held.
    expires: Arc<AtomicU64>,
    renewal: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes a lease on the objects of `store`.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`]: without a lease nothing should be put.
    pub async fn take(store: &Store) -> Result<Self, StoreError> {
        // The epoch comes first: what is condemned in it or later waits for this lease, and what was condemned before
        // is seen by every put that follows.
        let (epoch, _) = epoch(store).await?;
        let name = PointerName::new(format!("{FOLDER}/{}", unique()))?;
        let until = store.clock().secs().saturating_add(LEASE_SECS);
        let version = store.set_pointer(&name, record(epoch, until), None).await?;
        let expires = Arc::new(AtomicU64::new(until));
        let renewal = tokio::spawn(renew(store.clone(), name.clone(), epoch, version, Arc::clone(&expires)));
        Ok(Self { store: store.clone(), name, expires, renewal })
    }

    /// To be called right before publishing what relies on the objects.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where it could not be renewed in time: the objects may be gone.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.store.clock().secs() < self.expires.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }

    /// Ends the lease, after publishing. Dropped instead, it ends by itself after [`LEASE_SECS`].
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`]; then too it ends by itself.
    pub async fn release(self) -> Result<(), StoreError> {
        self.renewal.abort();
        self.store.remove_pointer(&self.name).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(store: Store, name: PointerName, epoch: u64, mut version: Version, expires: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(Duration::from_secs(LEASE_SECS / 5)).await;
        let now = store.clock().secs();
        if now >= expires.load(Ordering::Acquire) {
            // Too late: a collector may have acted.
            return;
        }
        let until = now.saturating_add(LEASE_SECS);
        match store.set_pointer(&name, record(epoch, until), Some(&version)).await {
            Ok(renewed) => {
                version = renewed;
                expires.store(until, Ordering::Release);
            }
            Err(StoreError::Conflict { .. }) => return,
            // Tried again while there is time.
            Err(_) => {}
        }
    }
}

fn record(epoch: u64, expires: u64) -> Vec<u8> {
    Writer::new("lease").number("epoch", epoch).number("expires", expires).finish()
}

/// A name that nobody else gives, without asking for randomness: process, time, and where a value of this call lies.
fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut hasher = Hasher::with_context("smidge store: name of a lease");
    hasher.update(&nanos.to_le_bytes());
    hasher.update(&count.to_le_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    hasher.update(&(&raw const count as usize).to_le_bytes());
    hasher.finish().to_string()[..32].to_owned()
}

/// The leases that are held.
pub(super) struct Held {
    /// How many.
    pub(super) count: u64,
    /// The epoch of the oldest; `None` without any.
    pub(super) oldest_epoch: Option<u64>,
}

/// Looks at all leases; with `tidy`, removes those that ended long ago.
pub(super) async fn held(store: &Store, tidy: bool) -> Result<Held, StoreError> {
    let now = store.clock().secs();
    let mut held = Held { count: 0, oldest_epoch: None };
    let mut names = store.pointers(&PointerName::new(FOLDER)?);
    while let Some(name) = names.try_next().await? {
        // Released since it was listed.
        let Some(pointer) = store.pointer(&name).await? else { continue };
        let read = || {
            let mut reader = Reader::new(&name, &pointer.value, "lease")?;
            Ok::<_, StoreError>((reader.number("epoch")?, reader.number("expires")?))
        };
        // One that cannot be read may be anything: nothing that anybody could rely on is swept while it lies there.
        let (epoch, expires) = read().unwrap_or((0, u64::MAX));
        if expires.saturating_add(SLACK_SECS) <= now {
            if tidy {
                store.remove_pointer(&name).await?;
            }
            continue;
        }
        held.count += 1;
        held.oldest_epoch = Some(held.oldest_epoch.map_or(epoch, |oldest| oldest.min(epoch)));
    }
    Ok(held)
}
