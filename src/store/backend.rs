//! What a place has to offer to keep a store: named blobs that appear whole or not at all, and pointers that change by
//! comparing and swapping.

use std::{fmt::Debug, fs::File, ops::Range, path::PathBuf, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{Form, ObjectName, PointerName, StoreError};

/// The stored bytes of an object or a part of one, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes, StoreError>>;

/// A place that keeps a store. Used through [`super::Store`], which hashes, compresses and verifies.
///
/// Every method that changes something has made it durable when it returns without an error. A failed or killed write
/// leaves nothing under the object's name, or all of it.
#[async_trait]
pub trait Backend: Debug + Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// What is stored under `name`; `None` where there is nothing.
    async fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, StoreError>;

    /// Stores `stored` under `name`, in place of what is there.
    async fn write(&self, name: &ObjectName, stored: Stored) -> Result<(), StoreError>;

    /// Makes sure that an object which somebody else has just written survives a power cut.
    async fn assure(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// The stored bytes of `name`, or those in `range`, with what [`Backend::stat`] says of it. An empty or reversed
    /// `range`, or one that begins behind the end, gives no bytes. [`StoreError::Missing`] where there is nothing.
    async fn read(&self, name: &ObjectName, range: Option<Range<u64>>) -> Result<(Stat, Pieces), StoreError>;

    /// Removes `name`; no error where there is nothing.
    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// Everything whose hash begins with the byte `shard`, in no order; names that are no object's come as strangers.
    fn list(&self, shard: u8) -> BoxStream<'static, Result<Listed, StoreError>>;

    /// An empty file for content on its way into the store.
    fn scratch(&self) -> Result<Scratch, StoreError>;

    /// Removes what killed writers left behind and returns how many that were.
    async fn tidy(&self) -> Result<u64, StoreError>;

    /// Whether a collector is at work, where the place can tell.
    fn alone(&self) -> Result<Alone, StoreError>;

    /// The value of a pointer; `None` where it was never set.
    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, StoreError>;

    /// Sets a pointer that is at version `expected`, or that does not exist where that is `None`, and returns its new
    /// version. [`StoreError::Conflict`] where it is at another: then nothing has changed.
    async fn set_pointer(
        &self,
        name: &PointerName,
        value: Bytes,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError>;

    /// Removes a pointer whatever its version; no error where there is none. Only for names that are never set again:
    /// object storage cannot compare when it deletes.
    async fn remove_pointer(&self, name: &PointerName) -> Result<(), StoreError>;

    /// The names of all pointers in the folder `folder`, such as `leases`, at any depth, in no order.
    fn pointers(&self, folder: &PointerName) -> BoxStream<'static, Result<PointerName, StoreError>>;
}

/// What is known of a stored object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// When it was written, by the clock of whoever keeps it.
    pub written: SystemTime,
}

/// Whether a collector is at work. See [`Backend::alone`].
#[derive(Debug)]
pub enum Alone {
    /// None is, and none begins while the file is held.
    Yes(File),
    /// One is.
    No,
    /// The place cannot tell: what collectors write down decides, and the time.
    Unknown,
}

/// An item of [`Backend::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// An object.
    Object(ObjectName, Stat),
    /// Something that nobody but a stranger can have put there; its path in the store.
    Stranger(String),
}

/// A small value that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The value.
    pub value: Bytes,
    /// The version, for [`Backend::set_pointer`].
    pub version: Version,
}

/// The version of a pointer. Means something only to the place that gave it, for the pointer that it was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub(super) tag: Option<String>,
    pub(super) generation: Option<String>,
}

/// What is to be stored: bytes in the form that their name tells.
#[derive(Debug)]
pub enum Stored {
    /// Few enough to be held.
    Bytes(Bytes),
    /// All that is in the file.
    File(Scratch),
}

impl Stored {
    /// How many bytes there are to be stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(scratch) => scratch.bytes,
        }
    }
}

/// A file for content on its way into the store. What has a path is removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    /// Open for reading and writing.
    pub(super) file: File,
    /// Bytes written so far.
    pub(super) bytes: u64,
    /// Where it lies, if it has a name.
    pub(super) path: Option<PathBuf>,
}

impl Scratch {
    pub(super) fn new(file: File, path: Option<PathBuf>) -> Self {
        Self { file, bytes: 0, path }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // Nobody to tell: what stays is removed by `tidy`.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl ObjectName {
    /// The plain and the compressed name of one object.
    pub(super) fn both(hash: crate::hash::Hash) -> [Self; 2] {
        Form::ALL.map(|form| Self { hash, form })
    }
}
