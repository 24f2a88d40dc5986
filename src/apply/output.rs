//! New content on its way to a file: hashed while it is written, errors kept until somebody asks.

use std::fs::File;
use std::io::{self, Read, Write};

use crate::codec::ends::New;
use crate::hash::{Hash, Hasher};

const BUFFER_BYTES: usize = 64 << 10;

/// Writes one new file.
pub struct Output {
    file: File,
    buffer: Vec<u8>,
    hasher: Hasher,
    /// Takes in everything, where the file is to end in the SHA-1 of what comes before.
    sha1: Option<sha1_smol::Sha1>,
    error: Option<io::Error>,
    /// Bytes that may still come.
    left: u64,
}

impl Output {
    /// Into `file`. `buffer` is one that [`Output::finish`] gave back, or empty.
    #[must_use]
    pub fn new(file: File, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.reserve(BUFFER_BYTES);
        Self { file, buffer, hasher: Hasher::new(), sha1: None, error: None, left: u64::MAX }
    }

    /// Lets [`Output::finish`] append the SHA-1 of all that comes before, as Hermes bytecode ends.
    pub fn seal_bytecode(&mut self) {
        self.sha1 = Some(sha1_smol::Sha1::new());
    }

    /// Refuses more than `bytes` in all: for content whose size follows from what a decoder makes of it.
    #[must_use]
    pub fn bounded(self, bytes: u64) -> Self {
        Self { left: bytes, ..self }
    }

    fn drain(&mut self) {
        self.hasher.update(&self.buffer);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(&self.buffer);
        }
        if self.error.is_none() {
            self.error = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Copies `len` bytes of `from`; fewer where it ends before, which the hash will tell.
    ///
    /// # Errors
    /// As those of `from`.
    pub fn copy(&mut self, from: &mut impl Read, len: u64) -> io::Result<()> {
        let mut left = len;
        while left > 0 {
            let begin = self.buffer.len();
            let most = left.min((BUFFER_BYTES - begin) as u64) as usize;
            self.buffer.resize(begin + most, 0);
            let read = loop {
                match from.read(&mut self.buffer[begin..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.buffer.truncate(begin + *read.as_ref().unwrap_or(&0));
            match read? {
                0 => break,
                read => left -= read as u64,
            }
            if self.buffer.len() == BUFFER_BYTES {
                self.drain();
            }
        }
        Ok(())
    }

    /// Writes what is left; the hash of all, and the buffer for the next file.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn finish(mut self) -> io::Result<(Hash, Vec<u8>)> {
        self.drain();
        if let Some(sha1) = self.sha1.take() {
            self.buffer.extend_from_slice(&sha1.digest().bytes());
            self.drain();
        }
        crate::files::begin_writeback(&self.file);
        match self.error {
            Some(error) => Err(error),
            None => Ok((self.hasher.finish(), self.buffer)),
        }
    }
}

impl New for Output {
    #[inline]
    fn push(&mut self, mut bytes: &[u8]) {
        while self.buffer.len() + bytes.len() >= BUFFER_BYTES {
            let (now, later) = bytes.split_at(BUFFER_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.drain();
        }
        self.buffer.extend_from_slice(bytes);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("the compressed file comes out larger than the patch says")),
        }
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
