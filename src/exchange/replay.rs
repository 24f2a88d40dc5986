//! Carries out controls: the part that both formats share, with every step checked.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use super::ExchangeError;
use crate::files::read_exact_at;

/// Bytes of old and of differences held at a time.
const BUFFER_BYTES: usize = 32 << 10;

/// Where old is read from.
pub(super) trait Old {
    fn bytes(&self) -> io::Result<u64>;
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Old for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_exact_at(self, buffer, offset)
    }
}

impl Old for [u8] {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        (&self[start..]).read_exact(buffer)
    }
}

/// One application of a patch.
pub(super) struct Replay<'a, O: ?Sized> {
    old: &'a O,
    old_bytes: u64,
    /// Where the next copy from old begins. May lie outside old until something is read there.
    position: i64,
    new: &'a mut dyn Write,
    /// Bytes written so far, and the most there may be.
    written: u64,
    limit: u64,
    old_part: Vec<u8>,
    difference: Vec<u8>,
}

impl<'a, O: Old + ?Sized> Replay<'a, O> {
    pub(super) fn new(old: &'a O, new: &'a mut dyn Write, limit: u64) -> Result<Self, ExchangeError> {
        let old_bytes = old.bytes().map_err(|source| ExchangeError::io("cannot read old", source))?;
        let (old_part, difference) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        Ok(Self { old, old_bytes, position: 0, new, written: 0, limit, old_part, difference })
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes `bytes` of old, each plus one byte of `differences`.
    pub(super) fn add(&mut self, bytes: u64, differences: &mut impl Read) -> Result<(), ExchangeError> {
        self.reserve(bytes)?;
        if bytes == 0 {
            return Ok(());
        }
        let outside = ExchangeError::OutsideOld { offset: self.position, bytes, old_bytes: self.old_bytes };
        let Ok(start) = u64::try_from(self.position) else { return Err(outside) };
        let Some(end) = start.checked_add(bytes).filter(|end| *end <= self.old_bytes) else { return Err(outside) };
        self.position = i64::try_from(end).map_err(|_| outside)?;
        let mut offset = start;
        while offset < end {
            let part = (end - offset).min(BUFFER_BYTES as u64) as usize;
            let (old_part, difference) = (&mut self.old_part[..part], &mut self.difference[..part]);
            self.old.read_at(old_part, offset).map_err(|source| ExchangeError::io("cannot read old", source))?;
            differences.read_exact(difference).map_err(|source| ExchangeError::read("its differences", source))?;
            for (byte, difference) in old_part.iter_mut().zip(difference) {
                *byte = byte.wrapping_add(*difference);
            }
            self.new.write_all(old_part).map_err(|source| ExchangeError::io("cannot write new", source))?;
            offset += part as u64;
        }
        Ok(())
    }

    /// Writes `bytes` from `literals`.
    pub(super) fn insert(&mut self, bytes: u64, literals: &mut impl Read) -> Result<(), ExchangeError> {
        self.reserve(bytes)?;
        let mut left = bytes;
        while left > 0 {
            let part = &mut self.difference[..left.min(BUFFER_BYTES as u64) as usize];
            literals.read_exact(part).map_err(|source| ExchangeError::read("its new bytes", source))?;
            self.new.write_all(part).map_err(|source| ExchangeError::io("cannot write new", source))?;
            left -= part.len() as u64;
        }
        Ok(())
    }

    /// Moves on in old.
    pub(super) fn seek(&mut self, distance: i64) -> Result<(), ExchangeError> {
        let malformed = ExchangeError::Malformed { what: "a distance in old", found: distance };
        self.position = self.position.checked_add(distance).ok_or(malformed)?;
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), ExchangeError> {
        let total = self.written.checked_add(bytes).filter(|total| *total <= self.limit);
        self.written = total.ok_or(ExchangeError::TooLarge { limit: self.limit })?;
        Ok(())
    }
}
