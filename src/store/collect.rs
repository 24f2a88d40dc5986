//! Garbage collection in two phases, beside writers.
//!
//! A first collector *condemns* what nobody needs: it writes the hashes down, and deletes nothing. A later one, after a
//! period of grace, *sweeps* those that are still condemned and still not needed. In between, whoever puts content
//! whose object is condemned takes it off the list. So an object may only be swept if nobody can rely on it who did
//! not see the list:
//!
//! 1. An upload takes a lease before its first put. The lease holds the epoch that was read before.
//! 2. A collector condemns in the present epoch E, and when all of it is written, moves on to E + 1. So a lease of a
//!    later epoch than E was taken when the list was there to be seen.
//! 3. What was condemned in E is swept only when every lease that is held is of a later epoch, and the grace is over
//!    for those that put without a lease.
//! 4. Before it sweeps, a collector looks at the leases, then asks what is needed, in this order: an upload that has
//!    ended by then has published by then.
//! 5. It then marks the list as being deleted, by comparing and swapping. A put that took a hash off makes that fail; a
//!    put that comes later waits until the hash is gone, and writes the object anew.
//!
//! One collector works at a time: it holds the pointer `collector` for a limited time, and does not begin a step when
//! its time is nearly over. On a folder a lock tells more: whether it still lives.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};

use super::{
    Alone, Listed, ObjectName, Roots, Stat, Store, StoreError, Version,
    clock::secs,
    condemned::{self, Collector, Condemned, HOLD_SECS, LIST_HASHES, MARGIN_SECS},
    keep::Keep,
    lease,
    spool::blocking,
};
use crate::hash::Hash;

/// Deletions that are under way at once.
const DELETIONS: usize = 16;
/// Deletions between two looks at the clock.
const DELETIONS_A_LOOK: usize = 512;
/// Missing objects that are named.
const NAMED: usize = 100;

/// How to collect.
#[derive(Debug, Clone)]
pub struct CollectOptions {
    /// How old an unneeded object must be to be condemned, and how long it stays condemned, each. Default one day.
    pub grace: Duration,
    /// Whether only to look: nothing is written or removed.
    pub dry_run: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { grace: Duration::from_secs(24 * 60 * 60), dry_run: false }
    }
}

/// What a collector found and did. All counts are of objects unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// All objects that were there.
    pub objects: u64,
    /// Their bytes as stored.
    pub stored_bytes: u64,
    /// Those that are needed.
    pub needed: u64,
    /// Not needed, but younger than the grace.
    pub young: u64,
    /// Condemned now.
    pub condemned: u64,
    /// Condemned before, and waiting for the grace or for an upload to end.
    pub waiting: u64,
    /// Deleted.
    pub deleted: u64,
    /// Their bytes as stored.
    pub deleted_bytes: u64,
    /// Uploads that run.
    pub leases: u64,
    /// Files that were left by killed writers, removed.
    pub temporaries: u64,
    /// Names that are no object's.
    pub strangers: u64,
    /// Needed, but not there. The first are named.
    pub missing: u64,
    /// The first of the missing.
    pub missing_hashes: Vec<Hash>,
    /// Lists that could not be read and were begun anew.
    pub lists_reset: u64,
}

/// Condemns what `roots` do not need, and sweeps what was condemned long enough ago. See the module's page.
///
/// Takes a listing of the store, and memory for one of its 256 parts.
///
/// # Errors
/// [`StoreError::Roots`] where it cannot be told what is needed, [`StoreError::CollectorBusy`] where another collects,
/// and what reading and writing give. Whatever the error, nothing that is needed was removed.
pub async fn collect(store: &Store, roots: &dyn Roots, options: &CollectOptions) -> Result<Collected, StoreError> {
    let mut found = Collected::default();
    if options.dry_run {
        let (collector, _) = condemned::collector(store).await?;
        let mut run = Run::new(store, options, Hold { collector, version: None, alone: true });
        run.all(roots, &mut found).await?;
        return Ok(found);
    }
    let lock = match store.backend().alone()? {
        Alone::Yes(lock) => Some(lock),
        Alone::No => return Err(StoreError::CollectorBusy { secs: 1 }),
        Alone::Unknown => None,
    };
    let hold = Hold::take(store, lock.is_some()).await?;
    let mut run = Run::new(store, options, hold);
    let done = run.all(roots, &mut found).await;
    // Also after an error: every list that was written is whole.
    let released = run.hold.release(store).await;
    drop(lock);
    done?;
    released?;
    Ok(found)
}

/// The right to collect.
struct Hold {
    collector: Collector,
    version: Option<Version>,
    /// Whether a lock says that nobody else is alive.
    alone: bool,
}

impl Hold {
    async fn take(store: &Store, alone: bool) -> Result<Self, StoreError> {
        let (found, version) = match condemned::collector(store).await {
            Err(StoreError::Record { .. }) => condemned::reset_collector(store).await?,
            found => found?,
        };
        let now = store.clock().secs();
        if !alone && now < found.until {
            return Err(StoreError::CollectorBusy { secs: found.until - now });
        }
        // A killed one may have written lists in its epoch: uploads that began meanwhile are of that epoch too.
        let collector = Collector { epoch: found.epoch, until: now.saturating_add(HOLD_SECS) };
        let version = condemned::set_collector(store, collector, version.as_ref()).await.map_err(busy)?;
        Ok(Self { collector, version: Some(version), alone })
    }

    /// Makes sure that there is time for a step; renews the hold where half of it is over.
    async fn step(&mut self, store: &Store) -> Result<(), StoreError> {
        let now = store.clock().secs();
        let left = self.collector.until.saturating_sub(now);
        if self.version.is_none() || left > HOLD_SECS / 2 + 1 {
            return Ok(());
        }
        if left == 0 && !self.alone {
            return Err(StoreError::CollectorBusy { secs: 0 });
        }
        let collector = Collector { until: now.saturating_add(HOLD_SECS), ..self.collector };
        let version = condemned::set_collector(store, collector, self.version.as_ref()).await.map_err(busy)?;
        (self.collector, self.version) = (collector, Some(version));
        Ok(())
    }

    async fn release(&self, store: &Store) -> Result<(), StoreError> {
        let next = Collector { epoch: self.collector.epoch.saturating_add(1), until: 0 };
        condemned::set_collector(store, next, self.version.as_ref()).await.map(drop).map_err(busy)
    }
}

fn busy(error: StoreError) -> StoreError {
    if error.is_conflict() { StoreError::CollectorBusy { secs: HOLD_SECS } } else { error }
}

struct Run<'a> {
    store: &'a Store,
    options: &'a CollectOptions,
    hold: Hold,
    oldest_lease: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(store: &'a Store, options: &'a CollectOptions, hold: Hold) -> Self {
        Self { store, options, hold, oldest_lease: None }
    }

    async fn all(&mut self, roots: &dyn Roots, found: &mut Collected) -> Result<(), StoreError> {
        if !self.options.dry_run {
            found.temporaries = self.store.backend().tidy().await?;
        }
        // In this order. See the fourth rule.
        let held = lease::held(self.store, !self.options.dry_run).await?;
        (found.leases, self.oldest_lease) = (held.count, held.oldest_epoch);
        let mut keep = Keep::all(roots).await?;
        for shard in 0..=u8::MAX {
            self.hold.step(self.store).await?;
            let needed;
            (needed, keep) = blocking(move || Ok((keep.shard(shard)?, keep))).await?;
            self.shard(shard, &needed, found).await?;
        }
        Ok(())
    }

    async fn shard(&mut self, shard: u8, needed: &[Hash], found: &mut Collected) -> Result<(), StoreError> {
        let is_needed = |hash: &Hash| needed.binary_search(hash).is_ok();
        let mut objects: HashMap<Hash, Vec<(ObjectName, Stat)>> = HashMap::new();
        let mut listed = self.store.backend().list(shard);
        while let Some(item) = listed.try_next().await? {
            match item {
                Listed::Object(name, stat) => objects.entry(name.hash).or_default().push((name, stat)),
                Listed::Stranger(_) => found.strangers += 1,
            }
        }
        found.objects += objects.len() as u64;
        found.stored_bytes += objects.values().flatten().map(|(_, stat)| stat.stored_bytes).sum::<u64>();
        for hash in needed {
            if objects.contains_key(hash) {
                found.needed += 1;
            } else {
                found.missing += 1;
                if found.missing_hashes.len() < NAMED {
                    found.missing_hashes.push(*hash);
                }
            }
        }
        let (list, version) = match condemned::read(self.store, shard).await {
            Err(StoreError::Record { .. }) => {
                found.lists_reset += 1;
                if !self.options.dry_run {
                    condemned::reset(self.store, shard).await?;
                }
                return Ok(());
            }
            read => read?,
        };
        match list {
            None => self.condemn(shard, objects, &is_needed, version.as_ref(), found).await,
            Some(list) => self.sweep(shard, list, objects, &is_needed, version, found).await,
        }
    }

    /// The first phase.
    async fn condemn(
        &mut self,
        shard: u8,
        objects: HashMap<Hash, Vec<(ObjectName, Stat)>>,
        is_needed: &(dyn Fn(&Hash) -> bool + Sync),
        version: Option<&Version>,
        found: &mut Collected,
    ) -> Result<(), StoreError> {
        let now = self.store.clock().secs();
        let grace = self.options.grace.as_secs();
        let mut hashes = Vec::new();
        for (hash, forms) in objects {
            if is_needed(&hash) {
                continue;
            }
            let written = forms.iter().map(|(_, stat)| secs(stat.written)).max().unwrap_or(u64::MAX);
            if written.saturating_add(grace) <= now && hashes.len() < LIST_HASHES {
                hashes.push(hash);
            } else {
                found.young += 1;
            }
        }
        if hashes.is_empty() {
            return Ok(());
        }
        hashes.sort_unstable();
        let count = hashes.len() as u64;
        let list = Condemned { epoch: self.hold.collector.epoch, at: now, deleting: 0, hashes };
        if self.write(shard, &list, version).await?.is_some() {
            found.condemned += count;
        }
        Ok(())
    }

    /// The second phase.
    async fn sweep(
        &mut self,
        shard: u8,
        mut list: Condemned,
        objects: HashMap<Hash, Vec<(ObjectName, Stat)>>,
        is_needed: &(dyn Fn(&Hash) -> bool + Sync),
        version: Option<Version>,
        found: &mut Collected,
    ) -> Result<(), StoreError> {
        let now = self.store.clock().secs();
        let before = list.hashes.len();
        list.hashes.retain(|hash| !is_needed(hash));
        let count = list.hashes.len() as u64;
        let is_old = |hash: &Hash| list.hashes.binary_search(hash).is_ok();
        let others = objects.keys().filter(|hash| !is_needed(hash) && !is_old(hash)).count();
        // Condemned when this list is done with.
        found.young += others as u64;
        let under_way = list.deleting != 0 && now < list.deleting.saturating_add(MARGIN_SECS) && !self.hold.alone;
        let over = list.at.saturating_add(self.options.grace.as_secs()) <= now;
        let unseen = self.oldest_lease.is_some_and(|oldest| oldest <= list.epoch);
        if under_way || !over || unseen {
            found.waiting += count;
            if before != list.hashes.len() && !under_way {
                self.write(shard, &list, version.as_ref()).await?;
            }
            return Ok(());
        }
        let deletions: Vec<_> = list.hashes.iter().flat_map(|hash| objects.get(hash)).flatten().collect();
        if self.options.dry_run {
            found.deleted += count;
            found.deleted_bytes += deletions.iter().map(|(_, stat)| stat.stored_bytes).sum::<u64>();
            return Ok(());
        }
        let until = now.saturating_add(HOLD_SECS);
        list.deleting = until;
        // Who took a hash off since makes this fail, and the list waits for the next collector.
        let Some(version) = self.write(shard, &list, version.as_ref()).await? else {
            found.waiting += count;
            return Ok(());
        };
        let mut left = &deletions[..];
        while let Some((some, rest)) = left.split_at_checked(DELETIONS_A_LOOK.min(left.len()))
            && !some.is_empty()
        {
            if self.store.clock().secs().saturating_add(MARGIN_SECS) >= until {
                break;
            }
            let backend = self.store.backend();
            let each = futures_util::stream::iter(some).map(|(name, _)| backend.remove(name));
            each.buffer_unordered(DELETIONS).try_collect::<()>().await?;
            found.deleted_bytes += some.iter().map(|(_, stat)| stat.stored_bytes).sum::<u64>();
            left = rest;
            self.hold.step(self.store).await?;
        }
        // All of it, or what time was too short for.
        let undone: HashSet<Hash> = left.iter().map(|(name, _)| name.hash).collect();
        found.deleted += count - undone.len() as u64;
        found.waiting += undone.len() as u64;
        list.hashes.retain(|hash| undone.contains(hash));
        list.deleting = 0;
        self.write(shard, &list, Some(&version)).await.map(drop)
    }

    /// Writes a list; `None` where somebody else was first, or nothing is to be written.
    async fn write(
        &self,
        shard: u8,
        list: &Condemned,
        version: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        if self.options.dry_run {
            return Ok(version.cloned());
        }
        match condemned::write(self.store, shard, Some(list), version).await {
            Err(error) if error.is_conflict() => Ok(None),
            written => written.map(Some),
        }
    }
}
