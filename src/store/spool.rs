//! Content on its way in: hashed and compressed as it comes, held in memory while it is small, else in a scratch file.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Form, Scratch, StoreError, Stored, backend::Backend, packed};
use crate::{
    files,
    hash::{Hash, Hasher},
};

/// Content up to this size never touches a scratch file; the first so many bytes of larger content decide on its form.
const SMALL_BYTES: usize = 1 << 20;

/// Content that came in whole.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) hash: Hash,
    pub(super) content_bytes: u64,
    pub(super) form: Form,
    pub(super) stored: Stored,
}

/// Reads `content` to its end. Memory is bounded by a few times [`SMALL_BYTES`].
pub(super) async fn receive(
    content: &mut (dyn AsyncRead + Send + Unpin),
    backend: &Arc<dyn Backend>,
) -> Result<Received, StoreError> {
    let mut piece = Vec::new();
    read_piece(content, &mut piece).await?;
    if piece.len() < SMALL_BYTES {
        return blocking(move || Received::small(piece)).await;
    }
    let backend = Arc::clone(backend);
    let (mut sink, mut piece) = blocking(move || {
        let mut sink = Sink::new(backend.scratch()?, &piece)?;
        sink.take(&piece)?;
        Ok((sink, piece))
    })
    .await?;
    loop {
        read_piece(content, &mut piece).await?;
        if piece.is_empty() {
            return blocking(move || sink.finish()).await;
        }
        (sink, piece) = blocking(move || {
            sink.take(&piece)?;
            Ok((sink, piece))
        })
        .await?;
    }
}

/// Fills `piece` up to [`SMALL_BYTES`]; shorter only at the end of `content`.
async fn read_piece(content: &mut (dyn AsyncRead + Send + Unpin), piece: &mut Vec<u8>) -> Result<(), StoreError> {
    piece.clear();
    let mut limited = content.take(SMALL_BYTES as u64);
    let read = limited.read_to_end(piece).await;
    read.map(drop).map_err(|source| StoreError::io("read", "the content to be stored", source))
}

/// Runs what computes or waits for a disk where it keeps nobody else waiting.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(StoreError::io("finish", "a task", io::Error::other(error))),
        },
    }
}

/// Whether compression made enough of a difference to be worth undoing at every read: an eighth.
fn helps(packed: usize, plain: usize) -> bool {
    packed < plain - plain / 8
}

impl Received {
    fn small(content: Vec<u8>) -> Result<Self, StoreError> {
        let hash = Hash::of(&content);
        let content_bytes = content.len() as u64;
        let packed = packed::pack(&content).map_err(scratch_error)?;
        let (form, stored) =
            if helps(packed.len(), content.len()) { (Form::Zstd, packed) } else { (Form::Plain, content) };
        Ok(Self { hash, content_bytes, form, stored: Stored::Bytes(Bytes::from(stored)) })
    }
}

/// Large content: into a scratch file.
struct Sink {
    hasher: Hasher,
    content_bytes: u64,
    scratch: Scratch,
    encoder: Option<zstd::stream::write::Encoder<'static, io::BufWriter<std::fs::File>>>,
}

fn scratch_error(source: io::Error) -> StoreError {
    StoreError::io("write", "a scratch file of the store", source)
}

impl Sink {
    fn new(mut scratch: Scratch, sample: &[u8]) -> Result<Self, StoreError> {
        let packed = packed::pack(sample).map_err(scratch_error)?;
        let encoder = if helps(packed.len(), sample.len()) {
            // The size is not known yet: its place is filled in at the end.
            scratch.file.write_all(&packed::header(0)).map_err(scratch_error)?;
            let file = scratch.file.try_clone().map_err(scratch_error)?;
            let writer = io::BufWriter::with_capacity(128 << 10, file);
            Some(zstd::stream::write::Encoder::new(writer, packed::LEVEL).map_err(scratch_error)?)
        } else {
            None
        };
        Ok(Self { hasher: Hasher::new(), content_bytes: 0, scratch, encoder })
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(piece);
        self.content_bytes = self.content_bytes.saturating_add(piece.len() as u64);
        match &mut self.encoder {
            Some(encoder) => encoder.write_all(piece),
            None => self.scratch.file.write_all(piece),
        }
        .map_err(scratch_error)
    }

    fn finish(mut self) -> Result<Received, StoreError> {
        let mut form = Form::Plain;
        if let Some(encoder) = self.encoder.take() {
            form = Form::Zstd;
            let writer = encoder.finish().map_err(scratch_error)?;
            writer.into_inner().map_err(|error| scratch_error(error.into_error()))?;
            let header = packed::header(self.content_bytes);
            files::write_all_at(&self.scratch.file, &header, 0).map_err(scratch_error)?;
        }
        self.scratch.bytes = self.scratch.file.metadata().map_err(scratch_error)?.len();
        Ok(Received {
            hash: self.hasher.finish(),
            content_bytes: self.content_bytes,
            form,
            stored: Stored::File(self.scratch),
        })
    }
}

impl Scratch {
    /// The next bytes from `at` on, at most `limit`.
    pub(super) fn read_at(&mut self, at: u64, limit: usize) -> Result<Bytes, StoreError> {
        let mut piece = Vec::new();
        let mut read = || {
            self.file.seek(SeekFrom::Start(at))?;
            (&mut self.file).take(limit as u64).read_to_end(&mut piece)
        };
        read().map_err(|source| StoreError::io("read", "a scratch file of the store", source))?;
        Ok(Bytes::from(piece))
    }
}
