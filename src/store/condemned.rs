//! What collectors write down: the epoch, who collects, and for each of 256 shards the objects that nobody needed.
//!
//! | pointer | holds |
//! |---|---|
//! | `collector` | the epoch, and until when somebody collects |
//! | `condemned/ab` | the epoch and the time of condemning, until when somebody deletes, and hashes; empty: none |
//!
//! A put takes the hash that it relies on off its shard's list. [`collect`](mod@super::collect) has the whole protocol.

use std::time::Duration;

use super::{
    Alone, PointerName, Store, StoreError, Version,
    record::{Reader, Writer},
};
use crate::hash::Hash;

/// A collector that does not finish a step for so long is taken for dead.
pub(super) const HOLD_SECS: u64 = 120;
/// A collector starts nothing when less than this is left of its hold: the most that a request may take.
pub(super) const MARGIN_SECS: u64 = 60;
/// Hashes in one list; what is beyond waits for the next collector.
pub(super) const LIST_HASHES: usize = 32_768;

const COLLECTOR: &str = "collector";

/// Who collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Collector {
    /// Grows by one when a collector has written down all that it condemned.
    pub(super) epoch: u64,
    /// Seconds since 1970; in the past where nobody collects.
    pub(super) until: u64,
}

/// The present epoch and whether somebody collects; the epoch is 1 where nobody ever did.
pub(super) async fn collector(store: &Store) -> Result<(Collector, Option<Version>), StoreError> {
    let name = PointerName::new(COLLECTOR)?;
    match store.pointer(&name).await? {
        None => Ok((Collector { epoch: 1, until: 0 }, None)),
        Some(pointer) => {
            let mut reader = Reader::new(&name, &pointer.value, COLLECTOR)?;
            let collector = Collector { epoch: reader.number("epoch")?, until: reader.number("until")? };
            Ok((collector, Some(pointer.version)))
        }
    }
}

/// Begins anew where the pointer cannot be read: with an epoch that no lease and no list can have reached yet, since
/// they are counted up one by one from 1.
pub(super) async fn reset_collector(store: &Store) -> Result<(Collector, Option<Version>), StoreError> {
    let name = PointerName::new(COLLECTOR)?;
    let Some(pointer) = store.pointer(&name).await? else { return collector(store).await };
    Ok((Collector { epoch: store.clock().secs(), until: 0 }, Some(pointer.version)))
}

pub(super) async fn set_collector(
    store: &Store,
    collector: Collector,
    version: Option<&Version>,
) -> Result<Version, StoreError> {
    let record = Writer::new(COLLECTOR).number("epoch", collector.epoch).number("until", collector.until).finish();
    store.set_pointer(&PointerName::new(COLLECTOR)?, record, version).await
}

/// The present epoch.
pub(super) async fn epoch(store: &Store) -> Result<(u64, Option<Version>), StoreError> {
    let (collector, version) = collector(store).await?;
    Ok((collector.epoch, version))
}

/// What is condemned in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condemned {
    /// The epoch in which that was.
    pub(super) epoch: u64,
    /// When, in seconds since 1970.
    pub(super) at: u64,
    /// Until when somebody may be deleting them, in seconds since 1970; 0 while nobody has begun.
    pub(super) deleting: u64,
    /// What.
    pub(super) hashes: Vec<Hash>,
}

fn name(shard: u8) -> Result<PointerName, StoreError> {
    PointerName::new(format!("condemned/{shard:02x}"))
}

/// The list of a shard, and its version.
pub(super) async fn read(store: &Store, shard: u8) -> Result<(Option<Condemned>, Option<Version>), StoreError> {
    let name = name(shard)?;
    let Some(pointer) = store.pointer(&name).await? else { return Ok((None, None)) };
    // Object storage cannot compare when it deletes, so that an empty value stands for none.
    if pointer.value.is_empty() {
        return Ok((None, Some(pointer.version)));
    }
    let mut reader = Reader::new(&name, &pointer.value, "condemned")?;
    let (epoch, at, deleting) = (reader.number("epoch")?, reader.number("at")?, reader.number("deleting")?);
    let hashes = reader.hashes()?;
    Ok((Some(Condemned { epoch, at, deleting, hashes }), Some(pointer.version)))
}

/// Writes the list of a shard that is still at `version`; an empty one where nothing is left.
pub(super) async fn write(
    store: &Store,
    shard: u8,
    list: Option<&Condemned>,
    version: Option<&Version>,
) -> Result<Version, StoreError> {
    let record = match list {
        Some(list) if !list.hashes.is_empty() => Writer::new("condemned")
            .number("epoch", list.epoch)
            .number("at", list.at)
            .number("deleting", list.deleting)
            .hashes(list.hashes.iter())
            .finish(),
        _ => Vec::new(),
    };
    store.set_pointer(&name(shard)?, record, version).await
}

/// Empties a list that cannot be read any more: nothing on it is lost, it will be condemned again.
pub(super) async fn reset(store: &Store, shard: u8) -> Result<(), StoreError> {
    let name = name(shard)?;
    if let Some(pointer) = store.pointer(&name).await? {
        store.set_pointer(&name, "", Some(&pointer.version)).await?;
    }
    Ok(())
}

/// Takes `hash` off its list, so that it stays if it is there. Where somebody is about to delete it, waits until that is
/// done: then it is not there, and may be written anew.
pub(super) async fn spare(store: &Store, hash: &Hash) -> Result<(), StoreError> {
    // Slow enough to leave the collector its time.
    const WAIT: Duration = Duration::from_millis(50);
    let shard = hash.as_bytes()[0];
    loop {
        let (list, version) = read(store, shard).await?;
        let Some(mut list) = list else { return Ok(()) };
        let Some(place) = list.hashes.iter().position(|condemned| condemned == hash) else { return Ok(()) };
        let mut lock = None;
        if list.deleting != 0 {
            let dead = match store.backend().alone()? {
                Alone::Yes(file) => lock.insert(file).metadata().is_ok(),
                Alone::No => false,
                Alone::Unknown => store.clock().secs() >= list.deleting.saturating_add(MARGIN_SECS),
            };
            if !dead {
                tokio::time::sleep(WAIT).await;
                continue;
            }
        }
        // Nobody deletes, or whoever did is dead. What it has deleted is not there, and nobody goes on with the list
        // as it was.
        list.hashes.remove(place);
        list.deleting = 0;
        let written = write(store, shard, Some(&list), version.as_ref()).await;
        drop(lock);
        match written {
            Err(error) if error.is_conflict() => {}
            written => return written.map(drop),
        }
    }
}
