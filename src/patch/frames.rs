//! The body of a patch in frames, each vouched for by the one before it.
//!
//! The header's hash covers the header and the first frame, which carries the hash of the second, and so on. So no
//! byte reaches a decoder before a hash covered it, though the patch may come through a pipe and only one frame is held.

use std::io::{self, Read};

use super::PatchError;
use crate::hash::Hasher;
use crate::wire::{put_varint, read_varint};

/// Bytes of a frame's hash: half of a BLAKE3 hash. It finds damage; the hash of new, whole, tells forgeries.
pub const HASH_BYTES: usize = 16;
/// Bytes of content that a frame carries at most.
pub const FRAME_BYTES: usize = 64 << 10;

type FrameHash = [u8; HASH_BYTES];

fn hash(pieces: [&[u8]; 2]) -> FrameHash {
    let mut hasher = Hasher::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    let mut half = [0; HASH_BYTES];
    half.copy_from_slice(&hasher.finish().as_bytes()[..HASH_BYTES]);
    half
}

/// A whole patch: `header` as [`super::Header::write`] made it, and `body` cut into frames.
#[cfg(feature = "diff")]
#[must_use]
pub fn seal(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut next: Option<FrameHash> = None;
    let mut pieces: Vec<&[u8]> = body.chunks(FRAME_BYTES).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    for (i, piece) in pieces.iter().enumerate().rev() {
        let mut frame = Vec::with_capacity(piece.len() + 24);
        put_varint(&mut frame, (piece.len() as u64) << 1 | u64::from(next.is_some()));
        frame.extend_from_slice(next.as_ref().map_or(&[], |hash| &hash[..]));
        frame.extend_from_slice(piece);
        next = Some(hash([if i == 0 { header } else { &[] }, &frame]));
        frames.push(frame);
    }
    let mut patch = header.to_vec();
    patch.extend_from_slice(next.as_ref().map_or(&[], |hash| &hash[..]));
    frames.iter().rev().for_each(|frame| patch.extend_from_slice(frame));
    patch
}

/// Reads the body of a patch, every frame checked before any of it is given out.
pub struct Frames<R> {
    input: R,
    frame: Vec<u8>,
    next: usize,
    /// The hash of the frame to come, unless the last one was read.
    expected: Option<FrameHash>,
    error: Option<PatchError>,
    read_bytes: u64,
    count: u64,
    content_bytes: u64,
}

impl<R: Read> Frames<R> {
    /// The body that follows the header whose bytes are `header`; reads and checks the first frame.
    ///
    /// # Errors
    /// Where the first frame is damaged or cannot be read.
    pub fn new(mut input: R, header: &[u8]) -> Result<Self, PatchError> {
        let mut expected = [0; HASH_BYTES];
        let what = "the hash of the patch's content";
        input.read_exact(&mut expected).map_err(|source| PatchError::Read { what, source })?;
        let read_bytes = (header.len() + HASH_BYTES) as u64;
        let mut frames = Self {
            input,
            frame: Vec::new(),
            next: 0,
            expected: Some(expected),
            error: None,
            read_bytes,
            count: 0,
            content_bytes: 0,
        };
        frames.advance(header)?;
        Ok(frames)
    }

    /// Reads the next frame.
    fn advance(&mut self, header: &[u8]) -> Result<(), PatchError> {
        let Some(expected) = self.expected.take() else { return Ok(()) };
        let at = self.read_bytes;
        let head = read_varint(&mut self.input, "the length of a frame", (FRAME_BYTES as u64) << 1 | 1)?;
        let (len, more) = ((head >> 1) as usize, head & 1 != 0);
        self.frame.clear();
        put_varint(&mut self.frame, head);
        let prefix = self.frame.len();
        let hash_len = if more { HASH_BYTES } else { 0 };
        self.frame.resize(prefix + hash_len + len, 0);
        let what = "the patch's content";
        self.input.read_exact(&mut self.frame[prefix..]).map_err(|source| PatchError::Read { what, source })?;
        self.read_bytes += self.frame.len() as u64;
        if hash([header, &self.frame]) != expected {
            return Err(PatchError::Damaged { at });
        }
        self.count += 1;
        self.content_bytes += len as u64;
        self.next = prefix + hash_len;
        self.expected = more.then(|| {
            let mut next = [0; HASH_BYTES];
            next.copy_from_slice(&self.frame[prefix..prefix + HASH_BYTES]);
            next
        });
        Ok(())
    }

    /// What went wrong while a decoder read, if anything did: decoders see only that the body ends.
    ///
    /// # Errors
    /// The first [`PatchError`] met.
    pub fn check(&mut self) -> Result<(), PatchError> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// How many frames were read so far, and the bytes that they carry.
    #[must_use]
    pub fn carried(&self) -> (u64, u64) {
        (self.count, self.content_bytes)
    }

    /// Reads what is left, so that a damaged tail is found, and makes sure that nothing follows.
    ///
    /// # Errors
    /// [`PatchError::Damaged`], [`PatchError::Trailing`] or [`PatchError::Read`].
    pub fn finish(mut self) -> Result<u64, PatchError> {
        self.check()?;
        while self.expected.is_some() {
            self.advance(&[])?;
        }
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(self.read_bytes),
                Ok(_) => return Err(PatchError::Trailing { at: self.read_bytes }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(PatchError::Read { what: "the end of the patch", source }),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.next == self.frame.len() && self.expected.is_some() && self.error.is_none() {
            if let Err(error) = self.advance(&[]) {
                self.frame.clear();
                self.next = 0;
                self.error = Some(error);
            }
        }
        let rest = &self.frame[self.next..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.next += len;
        Ok(len)
    }
}
