//! What a store holds, by looking at names only.

use futures_util::TryStreamExt;

use super::{Form, Listed, Store, StoreError, condemned, lease};

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Objects that are kept as they are.
    pub plain: u64,
    /// Their bytes.
    pub plain_bytes: u64,
    /// Objects that are kept compressed.
    pub compressed: u64,
    /// Their bytes as stored.
    pub compressed_bytes: u64,
    /// Bytes of the largest object as stored.
    pub largest_bytes: u64,
    /// Names that are no object's.
    pub strangers: u64,
    /// Uploads that run.
    pub leases: u64,
    /// Objects that a collector has condemned.
    pub condemned: u64,
}

impl Stats {
    /// All objects.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.plain + self.compressed
    }

    /// All bytes as stored.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.plain_bytes + self.compressed_bytes
    }
}

/// Counts what is there. Takes a listing.
///
/// # Errors
/// What listing gives; [`StoreError::Record`] where a list of collectors cannot be read.
pub async fn stats(store: &Store) -> Result<Stats, StoreError> {
    let mut stats = Stats { leases: lease::held(store, false).await?.count, ..Stats::default() };
    for shard in 0..=u8::MAX {
        let mut listed = store.backend().list(shard);
        while let Some(item) = listed.try_next().await? {
            let Listed::Object(name, stat) = item else {
                stats.strangers += 1;
                continue;
            };
            let (count, bytes) = match name.form {
                Form::Plain => (&mut stats.plain, &mut stats.plain_bytes),
                Form::Zstd => (&mut stats.compressed, &mut stats.compressed_bytes),
            };
            *count += 1;
            *bytes += stat.stored_bytes;
            stats.largest_bytes = stats.largest_bytes.max(stat.stored_bytes);
        }
        stats.condemned += condemned::read(store, shard).await?.0.map_or(0, |list| list.hashes.len() as u64);
    }
    Ok(stats)
}
