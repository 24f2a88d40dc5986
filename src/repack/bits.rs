//! Bits in the order of deflate and brotli: the first bit is the lowest of the first byte.

use super::RepackError;

/// Reads bits from a byte string.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    next: usize,
    hold: u64,
    held: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, hold: 0, held: 0 }
    }

    /// The next `count` bits (at most 32) without taking them; zeros stand for bits after the end.
    pub(super) fn peek(&mut self, count: u32) -> u32 {
        if self.held < count {
            self.refill();
        }
        (self.hold & ((1u64 << count) - 1)) as u32
    }

    fn refill(&mut self) {
        while self.held <= 56 {
            let Some(&byte) = self.bytes.get(self.next) else { return };
            self.hold |= u64::from(byte) << self.held;
            self.held += 8;
            self.next += 1;
        }
    }

    /// Takes `count` bits that were peeked at.
    pub(super) fn skip(&mut self, count: u32) -> Result<(), RepackError> {
        if count > self.held {
            return Err(RepackError::Damaged { what: "a compressed stream that ends early" });
        }
        self.hold >>= count;
        self.held -= count;
        Ok(())
    }

    /// Takes `count` bits, at most 32.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, RepackError> {
        let value = self.peek(count);
        self.skip(count)?;
        Ok(value)
    }

    /// Skips to the next byte boundary; only zero bits may lie before it, since only these are written back.
    pub(super) fn align(&mut self) -> Result<(), RepackError> {
        if self.take(self.held % 8)? != 0 {
            return Err(RepackError::Unsupported { what: "padding that is not zero" });
        }
        Ok(())
    }

    /// Takes `count` whole bytes; the reader must stand at a byte boundary.
    pub(super) fn take_bytes(&mut self, count: usize) -> Result<&'a [u8], RepackError> {
        let start = self.position();
        let end = start.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(RepackError::Damaged { what: "a compressed stream that ends early" })?;
        (self.next, self.hold, self.held) = (end, 0, 0);
        Ok(&self.bytes[start..end])
    }

    /// How many bytes were begun so far.
    pub(super) fn position(&self) -> usize {
        self.next - (self.held / 8) as usize
    }
}

/// Collects bits into bytes.
#[derive(Default)]
pub(super) struct BitWriter {
    /// Whole bytes that are ready; the owner drains them.
    pub(super) bytes: Vec<u8>,
    hold: u64,
    held: u32,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`, at most 32; higher bits of `value` must be zero.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.hold |= u64::from(value) << self.held;
        self.held += count;
        if self.held >= 32 {
            self.bytes.extend_from_slice(&(self.hold as u32).to_le_bytes());
            self.hold >>= 32;
            self.held -= 32;
        }
    }

    /// Fills the last byte with zero bits.
    pub(super) fn align(&mut self) {
        while self.held > 0 {
            self.bytes.push(self.hold as u8);
            self.hold >>= 8;
            self.held = self.held.saturating_sub(8);
        }
    }
}
