//! Content on its way out: unpacked and verified as it is read.

use std::{io, ops::Range};

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use tokio::io::AsyncRead;

use super::{
    Form, ObjectName, Pieces, StoreError,
    backend::{Backend, Stat},
    packed::{Step, Unpacker},
};
use crate::hash::Hasher;

/// The content of an object, or of a range of it, piece by piece.
///
/// Read whole it is verified: the last call of [`Content::next_piece`] gives [`StoreError::Damaged`] instead of the
/// end where the content does not have its hash. So nothing read may be trusted before the end was reached. A range
/// cannot be verified; its reader has to.
pub struct Content {
    name: ObjectName,
    place: String,
    /// Bytes of the whole content.
    bytes: u64,
    /// Bytes to be passed over, for a range of a compressed object.
    skip: u64,
    /// Bytes still to be given, at most.
    left: u64,
    pieces: Pieces,
    unpacker: Option<Unpacker>,
    hasher: Option<Hasher>,
    done: bool,
}

impl Content {
    /// Opens the object `name` for reading all of its content, or `range` of it.
    pub(super) async fn open(
        backend: &dyn Backend,
        name: ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Self, StoreError> {
        let place = format!("{}/objects/{name}", backend.place());
        let (stat, pieces, unpacker) = match name.form {
            Form::Plain => {
                let (stat, pieces) = backend.read(&name, range.clone()).await?;
                (stat, pieces, None)
            }
            Form::Zstd => {
                let (stat, pieces) = backend.read(&name, None).await?;
                let unpacker = Unpacker::new().map_err(|source| StoreError::io("unpack", &place, source))?;
                (stat, pieces, Some(unpacker))
            }
        };
        let Stat { stored_bytes, .. } = stat;
        let hasher = range.is_none().then(Hasher::new);
        let left = u64::MAX;
        let mut content =
            Self { name, place, bytes: stored_bytes, skip: 0, left, pieces, unpacker, hasher, done: false };
        content.read_header().await?;
        if let Some(Range { start, end }) = range {
            if start > end || end > content.bytes {
                return Err(StoreError::Range { hash: name.hash, start, end, bytes: content.bytes });
            }
            content.left = end - start;
            content.skip = if content.unpacker.is_some() { start } else { 0 };
        }
        Ok(content)
    }

    /// Reads as much of a compressed object as tells how many bytes come out of it.
    async fn read_header(&mut self) -> Result<(), StoreError> {
        while let Some(unpacker) = &mut self.unpacker {
            if let Some(bytes) = unpacker.content_bytes() {
                self.bytes = bytes;
                break;
            }
            match self.pieces.try_next().await? {
                Some(piece) => unpacker.feed(piece),
                None => unpacker.finish(),
            }
            .map_err(|what| self.damaged(what))?;
        }
        Ok(())
    }

    /// Bytes of the whole content, as the store's listing or the object's header tell.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece, never an empty one; `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the content is not what its hash promises; else what reading gives.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        while !self.done && self.left > 0 {
            let Some(mut piece) = self.next_unpacked().await? else {
                self.done = true;
                if let Some(hasher) = self.hasher.take() {
                    let found = hasher.finish();
                    if found != self.name.hash {
                        return Err(self.damaged(format_args!("its content hashes to {found}")));
                    }
                } else if self.left > 0 {
                    return Err(self.damaged("it ends too early"));
                }
                break;
            };
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&piece);
                return Ok(Some(piece));
            }
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            piece.advance(skipped);
            self.skip -= skipped as u64;
            piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= piece.len() as u64;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    async fn next_unpacked(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let Some(unpacker) = &mut self.unpacker else {
                match self.pieces.try_next().await? {
                    Some(piece) if piece.is_empty() => continue,
                    piece => return Ok(piece),
                }
            };
            let step = match unpacker.step() {
                Ok(Step::Piece(piece)) => return Ok(Some(Bytes::from(piece))),
                Ok(Step::Hungry) => match self.pieces.try_next().await? {
                    Some(piece) => unpacker.feed(piece),
                    None => match unpacker.finish() {
                        Ok(()) => return Ok(None),
                        Err(what) => Err(what),
                    },
                },
                Err(what) => Err(what),
            };
            step.map_err(|what| self.damaged(what))?;
        }
    }

    fn damaged(&self, what: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { hash: self.name.hash, place: self.place.clone(), what: what.to_string() }
    }

    /// Reads to the end and returns the content. Only for content that is known to be small.
    ///
    /// # Errors
    /// As [`Content::next_piece`]; [`StoreError::Io`] where the content has more than `limit` bytes.
    pub async fn collect(mut self, limit: u64) -> Result<Vec<u8>, StoreError> {
        let too_much = |content: &Self| {
            let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"));
            StoreError::io("hold", &content.place, source)
        };
        if self.bytes > limit {
            return Err(too_much(&self));
        }
        let mut all = Vec::new();
        while let Some(piece) = self.next_piece().await? {
            if (all.len() as u64).saturating_add(piece.len() as u64) > limit {
                return Err(too_much(&self));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// Reads to the end for the sake of the verification, and returns how many bytes there were.
    ///
    /// # Errors
    /// As [`Content::next_piece`].
    pub async fn verify(mut self) -> Result<u64, StoreError> {
        let mut bytes: u64 = 0;
        while let Some(piece) = self.next_piece().await? {
            bytes = bytes.saturating_add(piece.len() as u64);
        }
        Ok(bytes)
    }

    /// As a stream of pieces, with the last error in place of the end.
    #[must_use]
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let next = |mut content: Self| async { Ok(content.next_piece().await?.map(|piece| (piece, content))) };
        futures_util::stream::try_unfold(self, next).boxed()
    }

    /// As a reader, whose errors carry a [`StoreError`].
    pub fn into_reader(self) -> impl AsyncRead + Send + Unpin + 'static {
        tokio_util::io::StreamReader::new(self.into_stream().map_err(io::Error::from))
    }
}
