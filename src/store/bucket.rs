//! A store in object storage: the layout of a folder, as keys below a prefix.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Error as Remote, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion,
    WriteMultipart, path::Path,
};

use super::{
    ObjectName, POINTER_BYTES, PointerName, StoreError,
    backend::{Alone, Backend, Listed, Pieces, Pointer, Scratch, Stat, Stored, Version},
    folder::{MARK, MARK_TEXT},
    spool::blocking,
};

/// What is larger is sent in parts of this size; S3 takes at most 10,000 parts, so that an object has at most 80 GB.
const PART_BYTES: usize = 8 << 20;
/// Parts that are on their way at once.
const PARTS: usize = 2;

/// A store in a bucket (S3, GCS) or a container (Azure), or in whatever else is an [`ObjectStore`] that compares when
/// it puts.
#[derive(Clone)]
pub struct Bucket {
    storage: Arc<dyn ObjectStore>,
    prefix: Path,
    address: String,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.address)
    }
}

impl Bucket {
    /// The store below `prefix` of `storage`; `address` is what people call it.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where there is none, or one of a later layout; [`StoreError::Remote`].
    pub async fn open(storage: Arc<dyn ObjectStore>, prefix: Path, address: String) -> Result<Self, StoreError> {
        let this = Self { storage, prefix, address };
        let why = match this.mark().await? {
            Some(text) if text == MARK_TEXT => return Ok(this),
            Some(_) => "its layout is that of a later version of smidge; use that version",
            None => "it has no object smidge-store; name the bucket and the prefix that a release was put into",
        };
        Err(StoreError::NotAStore { place: this.address, why: why.to_owned() })
    }

    /// The store below `prefix` of `storage`, which is made where there is none.
    ///
    /// # Errors
    /// As [`Bucket::open`]; [`StoreError::NotAStore`] also where the prefix holds something else.
    pub async fn create(storage: Arc<dyn ObjectStore>, prefix: Path, address: String) -> Result<Self, StoreError> {
        let this = Self { storage, prefix, address };
        if this.mark().await?.is_none() {
            let mut items = this.storage.list(Some(&this.prefix));
            if let Some(item) = items.try_next().await.map_err(|source| this.remote("look into", "", source))? {
                let why = format!("it holds other objects, such as {}; choose another prefix", item.location);
                return Err(StoreError::NotAStore { place: this.address, why });
            }
            let put = this.storage.put_opts(&this.key(MARK), MARK_TEXT.into(), PutMode::Create.into()).await;
            match put {
                Ok(_) | Err(Remote::AlreadyExists { .. } | Remote::Precondition { .. }) => {}
                Err(source) => return Err(this.remote("write", MARK, source)),
            }
        }
        Self::open(this.storage, this.prefix, this.address).await
    }

    async fn mark(&self) -> Result<Option<String>, StoreError> {
        let got = match self.storage.get(&self.key(MARK)).await {
            Ok(got) if got.meta.size > 64 => return Ok(Some(String::new())),
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(Remote::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.remote("read", MARK, source)),
        }
    }

    fn key(&self, path: &str) -> Path {
        self.prefix.parts().chain(path.split('/').map(Into::into)).collect()
    }

    fn object(&self, name: &ObjectName) -> Path {
        self.key(&format!("objects/{name}"))
    }

    fn pointer_key(&self, name: &PointerName) -> Path {
        self.key(&format!("pointers/{name}"))
    }

    fn remote(&self, action: &'static str, path: impl fmt::Display, source: Remote) -> StoreError {
        StoreError::Remote { action, place: format!("{}/{path}", self.address), source }
    }

    /// The path of `key` in the store; `None` where it is outside.
    fn path_of(&self, key: &Path) -> Option<String> {
        let parts: Vec<_> = key.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    async fn write_parts(&self, name: &ObjectName, mut scratch: Scratch) -> Result<(), StoreError> {
        let remote = |source| self.remote("write", name, source);
        let upload = self.storage.put_multipart(&self.object(name)).await.map_err(remote)?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut at = 0;
        // Whatever fails, the parts that were sent are given up: they would be paid for until somebody finds them.
        let failure = loop {
            let read = blocking(move || {
                let piece = scratch.read_at(at, PART_BYTES)?;
                Ok((piece, scratch))
            });
            let piece;
            (piece, scratch) = match read.await {
                Ok(read) => read,
                Err(error) => break error,
            };
            if piece.is_empty() {
                return parts.finish().await.map(drop).map_err(remote);
            }
            at += piece.len() as u64;
            if let Err(source) = parts.wait_for_capacity(PARTS).await {
                break remote(source);
            }
            parts.put(piece);
        };
        let _ = parts.abort().await;
        Err(failure)
    }
}

fn stat(meta: &ObjectMeta) -> Stat {
    Stat { stored_bytes: meta.size, written: meta.last_modified.into() }
}

#[async_trait]
impl Backend for Bucket {
    fn place(&self) -> String {
        self.address.clone()
    }

    async fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, StoreError> {
        match self.storage.head(&self.object(name)).await {
            Ok(meta) => Ok(Some(stat(&meta))),
            Err(Remote::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.remote("look at", name, source)),
        }
    }

    async fn write(&self, name: &ObjectName, stored: Stored) -> Result<(), StoreError> {
        let bytes = match stored {
            Stored::Bytes(bytes) => bytes,
            Stored::File(mut scratch) if scratch.bytes <= PART_BYTES as u64 => {
                blocking(move || scratch.read_at(0, PART_BYTES)).await?
            }
            Stored::File(scratch) => return self.write_parts(name, scratch).await,
        };
        let put = self.storage.put(&self.object(name), PutPayload::from_bytes(bytes)).await;
        put.map(drop).map_err(|source| self.remote("write", name, source))
    }

    async fn assure(&self, _name: &ObjectName) -> Result<(), StoreError> {
        // Object storage shows an object once it is durable.
        Ok(())
    }

    async fn read(&self, name: &ObjectName, range: Option<Range<u64>>) -> Result<(Stat, Pieces), StoreError> {
        let remote = |source| match source {
            Remote::NotFound { .. } => StoreError::Missing { hash: name.hash },
            source => self.remote("read", name, source),
        };
        let key = self.object(name);
        let mut options = GetOptions::default();
        if let Some(range) = range {
            // A range that is empty or ends behind the end is an error on some storage and not on other.
            let meta = self.storage.head(&key).await.map_err(remote)?;
            let end = range.end.min(meta.size);
            if range.start >= end {
                return Ok((stat(&meta), futures_util::stream::empty().boxed()));
            }
            options.range = Some(GetRange::Bounded(range.start..end));
        }
        let got = self.storage.get_opts(&key, options).await.map_err(remote)?;
        let stat = stat(&got.meta);
        let (this, name) = (self.clone(), *name);
        let pieces = got.into_stream().map_err(move |source| this.remote("read", name, source));
        Ok((stat, pieces.boxed()))
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        match self.storage.delete(&self.object(name)).await {
            Ok(()) | Err(Remote::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.remote("remove", name, source)),
        }
    }

    fn list(&self, shard: u8) -> BoxStream<'static, Result<Listed, StoreError>> {
        let this = self.clone();
        let folder = format!("objects/{shard:02x}");
        let items = self.storage.list(Some(&self.key(&folder)));
        items
            .map(move |item| {
                let meta = item.map_err(|source| this.remote("look into", &folder, source))?;
                let path = this.path_of(&meta.location).unwrap_or_else(|| meta.location.to_string());
                let name = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
                Ok(match name.and_then(ObjectName::from_file_name) {
                    Some(name) if name.shard() == shard => Listed::Object(name, stat(&meta)),
                    _ => Listed::Stranger(path),
                })
            })
            .boxed()
    }

    fn scratch(&self) -> Result<Scratch, StoreError> {
        let file = tempfile::tempfile();
        let file = file.map_err(|source| StoreError::io("write into", std::env::temp_dir().display(), source))?;
        Ok(Scratch::new(file, None))
    }

    async fn tidy(&self) -> Result<u64, StoreError> {
        // Parts of uploads that were never finished cannot be listed through this interface: see docs/store.md.
        Ok(0)
    }

    fn alone(&self) -> Result<Alone, StoreError> {
        Ok(Alone::Unknown)
    }

    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, StoreError> {
        let got = match self.storage.get(&self.pointer_key(name)).await {
            Ok(got) => got,
            Err(Remote::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(self.remote("read", name, source)),
        };
        if got.meta.size > POINTER_BYTES {
            let (name, bytes) = (name.to_string(), got.meta.size);
            return Err(StoreError::PointerSize { name, bytes, limit: POINTER_BYTES });
        }
        let version = Version { tag: got.meta.e_tag.clone(), generation: got.meta.version.clone() };
        let value = got.bytes().await.map_err(|source| self.remote("read", name, source))?;
        Ok(Some(Pointer { value, version }))
    }

    async fn set_pointer(
        &self,
        name: &PointerName,
        value: Bytes,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let mode = match expected {
            None => PutMode::Create,
            Some(Version { tag, generation }) => {
                PutMode::Update(UpdateVersion { e_tag: tag.clone(), version: generation.clone() })
            }
        };
        let put = self.storage.put_opts(&self.pointer_key(name), PutPayload::from_bytes(value), mode.into()).await;
        match put {
            Ok(put) => Ok(Version { tag: put.e_tag, generation: put.version }),
            Err(Remote::AlreadyExists { .. } | Remote::Precondition { .. } | Remote::NotFound { .. }) => {
                Err(StoreError::Conflict { name: name.to_string() })
            }
            Err(source) => Err(self.remote("write", name, source)),
        }
    }

    async fn remove_pointer(&self, name: &PointerName) -> Result<(), StoreError> {
        match self.storage.delete(&self.pointer_key(name)).await {
            Ok(()) | Err(Remote::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.remote("remove", name, source)),
        }
    }

    fn pointers(&self, folder: &PointerName) -> BoxStream<'static, Result<PointerName, StoreError>> {
        let this = self.clone();
        let folder = folder.clone();
        let items = self.storage.list(Some(&self.pointer_key(&folder)));
        items
            .filter_map(move |item| {
                let name = match item {
                    Err(source) => Some(Err(this.remote("look into", &folder, source))),
                    // A name that breaks the rules was put there by somebody else; there is no asking for it.
                    Ok(meta) => this
                        .path_of(&meta.location)
                        .and_then(|path| PointerName::new(path.strip_prefix("pointers/")?).ok())
                        .map(Ok),
                };
                std::future::ready(name)
            })
            .boxed()
    }
}
