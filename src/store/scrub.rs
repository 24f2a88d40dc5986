//! Scrubbing: every object is read and verified, and what is damaged is mended from another copy.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};

use super::{Content, Listed, ObjectName, Roots, Stat, Store, StoreError, keep::Keep, spool, spool::blocking};
use crate::hash::Hash;

/// Damaged objects and strangers that are named.
const NAMED: usize = 1000;

/// How to scrub.
#[derive(Default)]
pub struct ScrubOptions<'a> {
    /// Another copy of the store, to mend from.
    pub from: Option<&'a Store>,
    /// What is needed: then what is missing is found too, and fetched from the copy.
    pub needed: Option<&'a dyn Roots>,
    /// Whether damaged objects that cannot be mended are removed, so that the next put of the same content stores it.
    pub remove: bool,
    /// Objects that are read at once; 0 for as many as there are processors.
    pub jobs: usize,
    /// Told after every object: objects and stored bytes so far.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Send + Sync)>,
}

/// A damaged or missing object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its hash.
    pub hash: Hash,
    /// What is wrong.
    pub what: String,
    /// Whether it is whole again.
    pub mended: bool,
    /// Why it could not be mended from the copy, if there is one.
    pub why_not: Option<String>,
}

/// What scrubbing found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes as stored.
    pub stored_bytes: u64,
    /// Bytes of their content, of the whole ones.
    pub content_bytes: u64,
    /// Damaged objects.
    pub damaged: u64,
    /// Needed objects that were not there.
    pub missing: u64,
    /// How many of both are whole again.
    pub mended: u64,
    /// How many were removed.
    pub removed: u64,
    /// The first of the damaged and the missing.
    pub damages: Vec<Damage>,
    /// Names that are no object's. The first are named.
    pub strangers: u64,
    /// The first of the strangers: paths in the store.
    pub stranger_names: Vec<String>,
    /// Files that were left by killed writers, removed.
    pub temporaries: u64,
}

impl Scrubbed {
    /// Whether every object is whole now.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged + self.missing == self.mended
    }
}

/// Reads every object and verifies it. Memory does not grow with the store, apart from the names of 256th of it.
///
/// # Errors
/// What listing and writing give. What is wrong with an object is no error, but told in [`Scrubbed`].
pub async fn scrub(store: &Store, options: &ScrubOptions<'_>) -> Result<Scrubbed, StoreError> {
    let mut found = Scrubbed { temporaries: store.backend().tidy().await?, ..Scrubbed::default() };
    let mut keep = match options.needed {
        Some(roots) => Some(Keep::all(roots).await?),
        None => None,
    };
    let jobs = match options.jobs {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        jobs => jobs,
    };
    for shard in 0..=u8::MAX {
        let listed: Vec<Listed> = store.backend().list(shard).try_collect().await?;
        let mut objects = Vec::new();
        for item in listed {
            match item {
                Listed::Object(name, stat) => objects.push((name, stat)),
                Listed::Stranger(path) => {
                    found.strangers += 1;
                    if found.stranger_names.len() < NAMED {
                        found.stranger_names.push(path);
                    }
                }
            }
        }
        if let Some(kept) = keep.take() {
            let (needed, kept) = blocking(move || Ok((kept.shard(shard)?, kept))).await?;
            keep = Some(kept);
            let mut there: Vec<Hash> = objects.iter().map(|(name, _)| name.hash).collect();
            there.sort_unstable();
            for hash in needed.iter().filter(|hash| there.binary_search(hash).is_err()) {
                found.missing += 1;
                mend(store, options, *hash, None, "it is missing".to_owned(), &mut found).await?;
            }
        }
        // In the order of their names, so that two runs tell the same in the same order.
        objects.sort_unstable_by_key(|(name, _)| *name);
        let mut verdicts = futures_util::stream::iter(objects)
            .map(|(name, stat)| verify(store.clone(), name, stat))
            .buffered(jobs * 2);
        while let Some((name, stat, verdict)) = verdicts.next().await {
            match verdict? {
                Verdict::Gone => continue,
                Verdict::Whole(bytes) => found.content_bytes += bytes,
                Verdict::Damaged(what) => {
                    found.damaged += 1;
                    mend(store, options, name.hash, Some(name), what, &mut found).await?;
                }
            }
            found.objects += 1;
            found.stored_bytes += stat.stored_bytes;
            if let Some(progress) = options.progress {
                progress(found.objects, found.stored_bytes);
            }
        }
    }
    Ok(found)
}

enum Verdict {
    Whole(u64),
    Damaged(String),
    /// Collected since it was listed.
    Gone,
}

/// Reads one object, on whichever processor is free.
async fn verify(store: Store, name: ObjectName, stat: Stat) -> (ObjectName, Stat, Result<Verdict, StoreError>) {
    let task = tokio::spawn(async move {
        let read = async { Content::open(&**store.backend(), name, None).await?.verify().await };
        match read.await {
            Ok(bytes) => Ok(Verdict::Whole(bytes)),
            Err(StoreError::Damaged { what, .. }) => Ok(Verdict::Damaged(what)),
            Err(StoreError::Missing { .. }) => Ok(Verdict::Gone),
            // A sector that cannot be read any more; whoever may not read at all has to be told so.
            Err(StoreError::Io { source, .. }) if source.kind() != std::io::ErrorKind::PermissionDenied => {
                Ok(Verdict::Damaged(format!("it cannot be read: {source}")))
            }
            Err(error) => Err(error),
        }
    });
    let verdict = match task.await {
        Ok(verdict) => verdict,
        Err(error) => Err(StoreError::io("finish", "a task", std::io::Error::other(error))),
    };
    (name, stat, verdict)
}

async fn mend(
    store: &Store,
    options: &ScrubOptions<'_>,
    hash: Hash,
    name: Option<ObjectName>,
    what: String,
    found: &mut Scrubbed,
) -> Result<(), StoreError> {
    let mut damage = Damage { hash, what, mended: false, why_not: None };
    if let Some(from) = options.from {
        match fetch(store, from, hash, name).await? {
            Ok(()) => {
                damage.mended = true;
                found.mended += 1;
            }
            Err(error) => damage.why_not = Some(error.to_string()),
        }
    }
    if !damage.mended
        && options.remove
        && let Some(name) = name
    {
        store.backend().remove(&name).await?;
        found.removed += 1;
    }
    if found.damages.len() < NAMED {
        found.damages.push(damage);
    }
    Ok(())
}

/// Copies an object, over the damaged one. The inner error is the copy's.
async fn fetch(
    store: &Store,
    from: &Store,
    hash: Hash,
    damaged: Option<ObjectName>,
) -> Result<Result<(), StoreError>, StoreError> {
    let content = match from.get(&hash).await {
        Ok(content) => content,
        Err(error) => return Ok(Err(error)),
    };
    // Verified to the end before it is written.
    let received = match spool::receive(&mut content.into_reader(), &Arc::clone(store.backend())).await {
        Ok(received) if received.hash == hash => received,
        Ok(received) => return Ok(Err(StoreError::WrongHash { expected: hash, found: received.hash })),
        Err(error) => return Ok(Err(error)),
    };
    let name = ObjectName { hash, form: received.form };
    store.backend().write(&name, received.stored).await?;
    if let Some(damaged) = damaged.filter(|damaged| *damaged != name) {
        store.backend().remove(&damaged).await?;
    }
    Ok(Ok(()))
}
