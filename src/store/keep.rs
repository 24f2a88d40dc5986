//! Which objects are needed: told by whoever knows, kept on disk sorted into 256 shards, read back shard by shard.

use std::{error::Error, fs::File, io};

use async_trait::async_trait;

use super::StoreError;
use crate::{files, hash::Hash};

/// Hashes of one shard that are held until they are written together.
const BLOCK_HASHES: usize = 256;

/// Knows which objects are needed: by releases, by binaries, by whatever else reads them later.
///
/// What a running upload needs is not its affair, for that there is [`super::Lease`].
#[async_trait]
pub trait Roots: Send + Sync {
    /// Tells every needed hash to `keep`, in any order and as often as is convenient. Where an object names other
    /// objects, those too.
    ///
    /// # Errors
    /// Any: then nothing is collected.
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>>;
}

#[async_trait]
impl Roots for [Hash] {
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.iter().try_for_each(|hash| keep.add(*hash))?)
    }
}

#[async_trait]
impl Roots for Vec<Hash> {
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.as_slice().each(keep).await
    }
}

/// Takes the hashes that are needed. Holds half a megabyte or two in memory, whatever their number; the rest is in a
/// temporary file without a name.
#[derive(Debug)]
pub struct Keep {
    file: File,
    written_bytes: u64,
    shards: Vec<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    pending: Vec<Hash>,
    /// Where in the file its full blocks begin.
    blocks: Vec<u64>,
}

impl Keep {
    /// Asks `roots` for all that is needed.
    pub(super) async fn all(roots: &dyn Roots) -> Result<Self, StoreError> {
        let mut keep = Self::new().map_err(|error| StoreError::Roots(error.into()))?;
        roots.each(&mut keep).await.map_err(StoreError::Roots)?;
        Ok(keep)
    }

    fn new() -> io::Result<Self> {
        let shards = (0..=u8::MAX).map(|_| Shard::default()).collect();
        Ok(Self { file: tempfile::tempfile()?, written_bytes: 0, shards })
    }

    /// The object `hash` is needed.
    ///
    /// # Errors
    /// As the system's, where the temporary file cannot be written.
    pub fn add(&mut self, hash: Hash) -> io::Result<()> {
        let Some(shard) = self.shards.get_mut(usize::from(hash.as_bytes()[0])) else { return Ok(()) };
        shard.pending.push(hash);
        if shard.pending.len() >= BLOCK_HASHES {
            // The same few over and over, as releases have most of their objects in common, take no room.
            shard.pending.sort_unstable();
            shard.pending.dedup();
        }
        if shard.pending.len() >= BLOCK_HASHES {
            let bytes: Vec<u8> = shard.pending.drain(..).flat_map(|hash| *hash.as_bytes()).collect();
            files::write_all_at(&self.file, &bytes, self.written_bytes)?;
            shard.blocks.push(self.written_bytes);
            self.written_bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// The needed hashes of a shard, sorted, each once.
    pub(super) fn shard(&self, shard: u8) -> Result<Vec<Hash>, StoreError> {
        let Some(shard) = self.shards.get(usize::from(shard)) else { return Ok(Vec::new()) };
        let mut hashes = shard.pending.clone();
        let mut block = vec![0; BLOCK_HASHES * Hash::BYTES];
        for at in &shard.blocks {
            let read = files::read_exact_at(&self.file, &mut block, *at);
            read.map_err(|source| StoreError::io("read", "a temporary list of hashes", source))?;
            let (found, _) = block.as_chunks::<{ Hash::BYTES }>();
            hashes.extend(found.iter().map(|bytes| Hash::from_bytes(*bytes)));
        }
        hashes.sort_unstable();
        hashes.dedup();
        Ok(hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_comes_back_sorted_each_once() {
        let mut keep = Keep::new().unwrap();
        let hashes: Vec<_> = (0..100_000u32).map(|n| Hash::of(&(n / 3).to_le_bytes())).collect();
        for hash in hashes.iter().chain(&hashes) {
            keep.add(*hash).unwrap();
        }
        let found: Vec<_> = (0..=255).flat_map(|shard| keep.shard(shard).unwrap()).collect();
        let mut expected = hashes;
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(found, expected);
    }
}
