//! The residue: all that a compressed file holds beside its content, in an order that old and new share.

use super::RepackError;

/// What follows in the residue, one byte each.
pub(super) mod op {
    /// Nothing more.
    pub(crate) const END: u8 = 0;
    /// A varint and that many bytes, which stand in the file as they are.
    pub(crate) const INLINE: u8 = 1;
    /// A varint: that many bytes of the content stand in the file as they are.
    pub(crate) const PLAIN: u8 = 2;
    /// A deflate stream.
    pub(crate) const DEFLATE: u8 = 3;
    /// A deflate stream, then CRC-32 and length of its content (RFC 1952).
    pub(crate) const GZIP: u8 = 4;
    /// A deflate stream, then Adler-32 of its content (RFC 1950).
    pub(crate) const ZLIB: u8 = 5;
    /// A brotli stream.
    pub(crate) const BROTLI: u8 = 6;
    /// A varint and that many varints: the next bytes of the file stand in IDAT chunks of these lengths.
    pub(crate) const IDAT: u8 = 7;
}

/// Reads a residue from front to back.
pub(super) struct Residue<'a> {
    rest: &'a [u8],
}

const SHORT: RepackError = RepackError::Damaged { what: "a residue that ends early" };

impl<'a> Residue<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, RepackError> {
        let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], RepackError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A LEB128 number of at most `limit`.
    #[inline]
    pub(super) fn number(&mut self, limit: u64) -> Result<u64, RepackError> {
        let first = self.byte()?;
        let mut value = u64::from(first & 0x7f);
        let mut more = first >= 0x80;
        let mut shift = 7;
        while more {
            let byte = self.byte()?;
            if shift > 56 {
                return Err(RepackError::Damaged { what: "a number of over 63 bits" });
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            more = byte >= 0x80;
        }
        if value > limit { Err(RepackError::Damaged { what: "a number above its bound" }) } else { Ok(value) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
