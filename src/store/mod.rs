//! Objects by hash, in a folder or in object storage, and the pointers that change.
//!
//! A [`Store`] hashes what is put, compresses it where that helps, stores it once, and verifies it while it is read.
//! Where it lies is the affair of a [`Backend`]: [`Folder`] or [`Bucket`]. Content streams both ways: whatever its
//! size, a few megabytes of memory do. `docs/store.md` has the layout and every promise.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = tempfile::tempdir()?;
//! # let root = place.path().join("store").display().to_string();
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = smidge::store::Address::parse(&root)?.create().await?;
//! let put = store.put_bytes(b"var a=1;").await?;
//! assert_eq!(store.read(&put.hash, 1 << 20).await?, b"var a=1;");
//! # Ok(())
//! # })
//! # }
//! ```

mod address;
mod backend;
mod bucket;
mod clock;
mod collect;
mod condemned;
mod content;
mod error;
mod folder;
mod keep;
mod lease;
mod name;
mod packed;
mod record;
mod scrub;
mod spool;
mod stats;

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use tokio::io::AsyncRead;

use crate::{
    files,
    hash::{Hash, Hasher},
};

pub use address::{Address, Provider, use_ring};
pub use backend::{Alone, Backend, Listed, Pieces, Pointer, Scratch, Stat, Stored, Version};
pub use bucket::Bucket;
pub use clock::Clock;
pub use collect::{CollectOptions, Collected, collect};
pub use content::Content;
pub use error::StoreError;
pub use folder::Folder;
pub use keep::{Keep, Roots};
pub use lease::{LEASE_SECS, Lease};
pub use name::{Form, ObjectName, PointerName};
pub use scrub::{Damage, ScrubOptions, Scrubbed, scrub};
use spool::{Received, blocking};
pub use stats::{Stats, stats};

/// Bytes that a pointer's value may have, 4 MiB: it is held in memory and written whole at every change.
pub const POINTER_BYTES: u64 = 4 << 20;

/// Objects by hash, and pointers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    clock: Clock,
}

/// What became of content that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// The hash, under which it can be read.
    pub hash: Hash,
    /// Whether the store had it already, so that nothing was written.
    pub existed: bool,
    /// Bytes that were written: 0 where it existed.
    pub written_bytes: u64,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// How it is kept.
    pub form: Form,
    /// Bytes as stored, and when that was.
    pub stat: Stat,
}

impl Store {
    /// The store that `backend` keeps.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, clock: Clock::default() }
    }

    /// The same store by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The clock that leases and collectors go by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What keeps the store.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Stores what `content` gives until its end. Where the hash is `known`, content that exists is not even read.
    ///
    /// When this returns, the object survives a power cut, whether it was written or existed; and no collector removes
    /// it within its grace, nor, under a [`Lease`] that was taken before, until the lease ends.
    ///
    /// # Errors
    /// [`StoreError::WrongHash`] where it is not what was `known`; [`StoreError::Io`] and [`StoreError::Remote`]. After
    /// an error the store is as it was.
    pub async fn put(
        &self,
        content: &mut (dyn AsyncRead + Send + Unpin),
        known: Option<Hash>,
    ) -> Result<Put, StoreError> {
        if let Some(hash) = known {
            // In this order: what no collector is about to delete, and is there, stays there.
            condemned::spare(self, &hash).await?;
            if let Some(info) = self.info(&hash).await? {
                return self.existing(hash, info.form).await;
            }
        }
        let received = spool::receive(content, &self.backend).await?;
        let hash = received.hash;
        match known {
            Some(expected) if expected != hash => return Err(StoreError::WrongHash { expected, found: hash }),
            // It was not there when this began.
            Some(_) => {}
            None => {
                condemned::spare(self, &hash).await?;
                if let Some(info) = self.info(&hash).await?
                    && fits(&info, &received)
                {
                    return self.existing(hash, info.form).await;
                }
            }
        }
        self.write(received).await
    }

    async fn existing(&self, hash: Hash, form: Form) -> Result<Put, StoreError> {
        self.backend.assure(&ObjectName { hash, form }).await?;
        Ok(Put { hash, existed: true, written_bytes: 0 })
    }

    async fn write(&self, received: Received) -> Result<Put, StoreError> {
        let Received { hash, form, stored, .. } = received;
        let written_bytes = stored.bytes();
        self.backend.write(&ObjectName { hash, form }, stored).await?;
        Ok(Put { hash, existed: false, written_bytes })
    }

    /// Stores `content`. See [`Store::put`].
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn put_bytes(&self, content: &[u8]) -> Result<Put, StoreError> {
        self.put(&mut &content[..], Some(Hash::of(content))).await
    }

    /// Stores the content of the regular file `path`, which is read once if it exists already and twice if it does
    /// not. See [`Store::put`].
    ///
    /// # Errors
    /// As [`Store::put`]; [`StoreError::WrongHash`] where the file changes meanwhile.
    pub async fn put_file(&self, path: &Path) -> Result<Put, StoreError> {
        let place = path.display().to_string();
        let path = path.to_owned();
        let (file, hash) = blocking(move || {
            let io = |source| StoreError::io("read", path.display(), source);
            let mut file = files::open_plain(&path).map_err(io)?;
            let mut hasher = Hasher::new();
            let mut piece = vec![0; 256 << 10];
            loop {
                let read = std::io::Read::read(&mut file, &mut piece).map_err(io)?;
                if read == 0 {
                    break;
                }
                hasher.update(piece.get(..read).unwrap_or_default());
            }
            std::io::Seek::rewind(&mut file).map_err(io)?;
            Ok((file, hasher.finish()))
        })
        .await?;
        let pieces = futures_util::stream::try_unfold(file, move |mut file| {
            let place = place.clone();
            async move {
                blocking(move || {
                    let mut piece = Vec::new();
                    let mut limited = std::io::Read::take(&mut file, 1 << 20);
                    let read = std::io::Read::read_to_end(&mut limited, &mut piece);
                    let read = read.map_err(|source| StoreError::io("read", &place, source))?;
                    Ok((read > 0).then(|| (Bytes::from(piece), file)))
                })
                .await
            }
        });
        let pieces = pieces.map_err(std::io::Error::from).boxed();
        self.put(&mut tokio_util::io::StreamReader::new(pieces), Some(hash)).await
    }

    /// Whether there is such an object, and how it is kept. `None` where there is none. Does not read it.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`].
    pub async fn info(&self, hash: &Hash) -> Result<Option<Info>, StoreError> {
        for name in ObjectName::both(*hash) {
            if let Some(stat) = self.backend.stat(&name).await? {
                return Ok(Some(Info { form: name.form, stat }));
            }
        }
        Ok(None)
    }

    /// Opens an object for reading; it is verified when its end is reached.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none; [`StoreError::Damaged`] where it is not even of its form.
    pub async fn get(&self, hash: &Hash) -> Result<Content, StoreError> {
        self.open(hash, None).await
    }

    /// Opens the part of an object's content from `range.start` to before `range.end`. Takes as long as the range is
    /// for an object that is kept plain, as patches are; a compressed one is unpacked from its beginning.
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::Range`] where the content does not reach so far. A part is not verified.
    pub async fn get_range(&self, hash: &Hash, range: Range<u64>) -> Result<Content, StoreError> {
        self.open(hash, Some(range)).await
    }

    async fn open(&self, hash: &Hash, range: Option<Range<u64>>) -> Result<Content, StoreError> {
        for name in ObjectName::both(*hash) {
            match Content::open(&*self.backend, name, range.clone()).await {
                Err(StoreError::Missing { .. }) => {}
                opened => return opened,
            }
        }
        Err(StoreError::Missing { hash: *hash })
    }

    /// Reads a whole object into memory, verified. For what is known to be small: manifests, statements.
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::Io`] where it has more than `limit` bytes.
    pub async fn read(&self, hash: &Hash, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.get(hash).await?.collect(limit).await
    }

    /// Bytes of an object's content.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn content_bytes(&self, hash: &Hash) -> Result<u64, StoreError> {
        match self.info(hash).await? {
            Some(Info { form: Form::Plain, stat }) => Ok(stat.stored_bytes),
            _ => Ok(self.get(hash).await?.bytes()),
        }
    }

    /// Removes an object whoever needs it: `collect` is what removes safely. No error where there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`].
    pub async fn delete(&self, hash: &Hash) -> Result<(), StoreError> {
        for name in ObjectName::both(*hash) {
            self.backend.remove(&name).await?;
        }
        Ok(())
    }

    /// Every object, in no order, with what is no object between them. Holds the names of one part of 256 at a time.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, StoreError>> {
        let backend = Arc::clone(&self.backend);
        futures_util::stream::iter(0..=u8::MAX).flat_map(move |shard| backend.list(shard)).boxed()
    }

    /// The value of a pointer and its version; `None` where it was never set.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`].
    pub async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, StoreError> {
        self.backend.pointer(name).await
    }

    /// Sets a pointer if it is still at version `expected`, or does not exist if that is `None`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where somebody else was first; [`StoreError::PointerSize`] above [`POINTER_BYTES`].
    /// After another error the pointer may have either value.
    pub async fn set_pointer(
        &self,
        name: &PointerName,
        value: impl Into<Bytes> + Send,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let value = value.into();
        if value.len() as u64 > POINTER_BYTES {
            let bytes = value.len() as u64;
            return Err(StoreError::PointerSize { name: name.to_string(), bytes, limit: POINTER_BYTES });
        }
        self.backend.set_pointer(name, value, expected).await
    }

    /// Removes a pointer whose name will never be set again; no error where there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Remote`].
    pub async fn remove_pointer(&self, name: &PointerName) -> Result<(), StoreError> {
        self.backend.remove_pointer(name).await
    }

    /// The names of all pointers in the folder `folder`, in no order.
    pub fn pointers(&self, folder: &PointerName) -> BoxStream<'static, Result<PointerName, StoreError>> {
        self.backend.pointers(folder)
    }
}

/// Whether what is stored can be the content that was received: a truncated file is written anew.
fn fits(info: &Info, received: &Received) -> bool {
    info.form != Form::Plain || info.stat.stored_bytes == received.content_bytes
}
