//! Which files hold compressed streams, and where.

use super::{RepackError, bits::BitReader, brotli, check_size, deflate, packer::Adler, residue::op};
use crate::wire::put_varint;

/// A kind of file that can be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// gzip (RFC 1952); the content is what gunzip gives.
    Gzip,
    /// zip; the content is the file with its deflated members inflated in place.
    Zip,
    /// PNG; the content is the file with the image data inflated in place, without chunk frames.
    Png,
    /// WOFF2; the content is header, table directory and the font tables as they were compressed.
    Woff2,
    /// A brotli stream (RFC 7932); the content is what brotli gives.
    Brotli,
}

/// A compressed file taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// What was compressed.
    pub content: Vec<u8>,
    /// All else.
    pub residue: Vec<u8>,
}

/// What `bytes` look like; brotli has no mark of its own and is told by the name of the file, ending in `.br`.
#[must_use]
pub fn sniff(bytes: &[u8], path: &str) -> Option<Kind> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some(Kind::Gzip),
        [b'P', b'K', 3, 4, ..] => Some(Kind::Zip),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
        [b'w', b'O', b'F', b'2', ..] => Some(Kind::Woff2),
        [_, ..] if path.ends_with(".br") => Some(Kind::Brotli),
        _ => None,
    }
}

/// Takes a file of `kind` apart; content and residue together may take up to `limit` bytes, and 2 GiB.
///
/// The result follows from `bytes` and `kind` alone, so that both sides of a patch take an old file apart alike. Time is
/// linear in `bytes` and `limit`; memory is the result plus at most 3 MiB, and for PNG once more the size of the file.
///
/// # Errors
/// [`RepackError::Damaged`] and [`RepackError::Unsupported`] where the file does not follow its format or could not be
/// written back, [`RepackError::TooLarge`] above `limit`. The file is then best treated as plain bytes.
pub fn unpack(bytes: &[u8], kind: Kind, limit: usize) -> Result<Unpacked, RepackError> {
    let mut parts = Parts { bytes, at: 0, plain_from: 0, unpacked: Unpacked::default(), limit, streams: 0 };
    match kind {
        Kind::Gzip => parts.gzip()?,
        Kind::Zip => parts.zip()?,
        Kind::Png => parts.png()?,
        Kind::Woff2 => parts.woff2()?,
        Kind::Brotli => {
            parts.brotli()?;
            parts.inline(bytes.len());
        }
    }
    if parts.streams == 0 {
        return Err(RepackError::Unsupported { what: "no compressed stream" });
    }
    parts.at = bytes.len();
    parts.end_plain();
    parts.unpacked.residue.push(op::END);
    check_size(parts.unpacked.content.len() + parts.unpacked.residue.len(), limit)?;
    Ok(parts.unpacked)
}

/// Takes `bytes` apart and proves that they come back exactly: what a diff relies on. `None` for files that are better
/// treated as plain bytes.
#[cfg(feature = "diff")]
#[must_use]
pub fn unpack_proven(bytes: &[u8], path: &str, limit: usize) -> Option<Unpacked> {
    let unpacked = unpack(bytes, sniff(bytes, path)?, limit).ok()?;
    let mut again = Vec::with_capacity(bytes.len());
    let mut packer = super::Packer::new(&unpacked.residue, &mut again);
    packer.write(&unpacked.content).ok()?;
    packer.finish().ok()?;
    (again == bytes).then_some(unpacked)
}

/// A file while it is taken apart, front to back.
struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the bytes start that stand in the content as they are; not yet noted.
    plain_from: usize,
    unpacked: Unpacked,
    limit: usize,
    streams: usize,
}

const SHORT: RepackError = RepackError::Damaged { what: "a file that ends early" };

impl<'a> Parts<'a> {
    fn get(&self, offset: usize, count: usize) -> Result<&'a [u8], RepackError> {
        let end = offset.checked_add(count).ok_or(SHORT)?;
        self.bytes.get(offset..end).ok_or(SHORT)
    }

    fn le16(&self, offset: usize) -> Result<usize, RepackError> {
        let bytes = self.get(offset, 2)?;
        Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    fn be32(&self, offset: usize) -> Result<usize, RepackError> {
        let bytes = self.get(offset, 4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    /// Notes the bytes up to here as plain content.
    fn end_plain(&mut self) {
        let plain = &self.bytes[self.plain_from..self.at];
        if !plain.is_empty() {
            self.unpacked.residue.push(op::PLAIN);
            put_varint(&mut self.unpacked.residue, plain.len() as u64);
            self.unpacked.content.extend_from_slice(plain);
        }
        self.plain_from = self.at;
    }

    /// Moves the bytes up to `end` to the residue.
    fn inline(&mut self, end: usize) {
        self.end_plain();
        let bytes = &self.bytes[self.at..end];
        if !bytes.is_empty() {
            self.unpacked.residue.push(op::INLINE);
            put_varint(&mut self.unpacked.residue, bytes.len() as u64);
            self.unpacked.residue.extend_from_slice(bytes);
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: usize) {
        (self.at, self.plain_from) = (at, at);
    }

    fn brotli(&mut self) -> Result<(), RepackError> {
        self.end_plain();
        self.unpacked.residue.push(op::BROTLI);
        let mut bits = BitReader::new(&self.bytes[self.at..]);
        brotli::take(&mut bits, &mut self.unpacked.content, &mut self.unpacked.residue, self.limit)?;
        self.streams += 1;
        self.move_to(self.at + bits.position());
        Ok(())
    }

    /// Takes apart the deflate stream that starts here; `trailer` makes what should follow it from its content, and names
    /// what to call the stream then.
    fn deflate(&mut self, trailer: impl Fn(&[u8]) -> (u8, Vec<u8>)) -> Result<(), RepackError> {
        let length = deflate_stream(&self.bytes[self.at..], &mut self.unpacked, self.limit, trailer)?;
        self.streams += 1;
        self.move_to(self.at + length);
        Ok(())
    }

    fn gzip(&mut self) -> Result<(), RepackError> {
        while self.get(self.at, 3).is_ok_and(|mark| mark == [0x1f, 0x8b, 8]) {
            let flags = self.get(self.at, 10)?[3];
            let mut end = self.at + 10;
            if flags & 4 != 0 {
                end += 2 + self.le16(end)?;
            }
            for text in [8, 16] {
                if flags & text != 0 {
                    let rest = self.bytes.get(end..).ok_or(SHORT)?;
                    end += rest.iter().position(|&byte| byte == 0).ok_or(SHORT)? + 1;
                }
            }
            end += if flags & 2 != 0 { 2 } else { 0 };
            self.get(end, 0)?;
            self.inline(end);
            self.deflate(|content| {
                let mut trailer = crc32fast::hash(content).to_le_bytes().to_vec();
                trailer.extend_from_slice(&(content.len() as u32).to_le_bytes());
                (op::GZIP, trailer)
            })?;
        }
        self.inline(self.bytes.len());
        Ok(())
    }

    fn zip(&mut self) -> Result<(), RepackError> {
        /// Longest data descriptor, which may follow a member.
        const DESCRIPTOR: usize = 24;
        while self.get(self.at, 4).is_ok_and(|mark| mark == b"PK\x03\x04") {
            let (method, name, extra) = (self.le16(self.at + 8)?, self.le16(self.at + 26)?, self.le16(self.at + 28)?);
            let sizes = self.get(self.at + 18, 4)?;
            let stored = u32::from_le_bytes([sizes[0], sizes[1], sizes[2], sizes[3]]) as usize;
            let described = self.le16(self.at + 6)? & 8 != 0;
            self.at += 30 + name + extra;
            self.get(self.at, 0)?;
            if method == 8 {
                self.end_plain();
                let before = (self.unpacked.content.len(), self.unpacked.residue.len(), self.at);
                let taken = self.deflate(|_| (op::DEFLATE, Vec::new()));
                if taken.is_err() {
                    self.unpacked.content.truncate(before.0);
                    self.unpacked.residue.truncate(before.1);
                    self.at = before.2.saturating_add(stored);
                }
                if let Err(RepackError::TooLarge { limit }) = taken {
                    return Err(RepackError::TooLarge { limit });
                }
            } else {
                self.at = self.at.saturating_add(stored);
            }
            if described {
                let near = self.bytes.get(self.at..).unwrap_or_default();
                let near = &near[..near.len().min(DESCRIPTOR + 4)];
                let next = near.windows(4).position(|mark| mark == b"PK\x03\x04");
                self.at += next.unwrap_or(0);
            }
        }
        self.at = self.at.min(self.bytes.len());
        Ok(())
    }

    fn png(&mut self) -> Result<(), RepackError> {
        self.at = 8;
        while self.get(self.at + 4, 4)? != b"IDAT" {
            self.at = self.at.saturating_add(self.be32(self.at)?).saturating_add(12);
            self.get(self.at, 0)?;
        }
        self.end_plain();
        let (mut data, mut lengths, mut end) = (Vec::new(), Vec::new(), self.at);
        while self.get(end + 4, 4).is_ok_and(|name| name == b"IDAT") {
            let length = self.be32(end)?;
            let framed = self.get(end + 4, length.saturating_add(4))?;
            if self.be32(end + 8 + length)? != crc32fast::hash(framed) as usize {
                return Err(RepackError::Unsupported { what: "a wrong checksum" });
            }
            data.extend_from_slice(&framed[4..]);
            lengths.push(length);
            end += 12 + length;
        }
        if data.len() < 6 {
            return Err(SHORT);
        }
        let residue = &mut self.unpacked.residue;
        residue.push(op::IDAT);
        put_varint(residue, lengths.len() as u64);
        lengths.iter().for_each(|&length| put_varint(residue, length as u64));
        residue.extend_from_slice(&[op::INLINE, 2, data[0], data[1]]);
        let length = 2 + deflate_stream(&data[2..], &mut self.unpacked, self.limit, |content| {
            let mut adler = Adler(1);
            adler.update(content);
            (op::ZLIB, adler.0.to_be_bytes().to_vec())
        })?;
        if length < data.len() {
            let residue = &mut self.unpacked.residue;
            residue.push(op::INLINE);
            put_varint(residue, (data.len() - length) as u64);
            residue.extend_from_slice(&data[length..]);
        }
        self.streams += 1;
        self.move_to(end);
        Ok(())
    }

    fn woff2(&mut self) -> Result<(), RepackError> {
        if self.get(4, 4)? == b"ttcf" {
            return Err(RepackError::Unsupported { what: "a font collection" });
        }
        let tables = self.get(12, 2)?;
        let tables = u16::from_be_bytes([tables[0], tables[1]]);
        self.at = 48;
        for _ in 0..tables {
            let flags = self.get(self.at, 1)?[0];
            self.at += if flags & 63 == 63 { 5 } else { 1 };
            self.skip_number()?;
            // The tables glyf and loca (10 and 11) are transformed at version 0, all others at any other version.
            if matches!(flags & 63, 10 | 11) == (flags >> 6 == 0) {
                self.skip_number()?;
            }
        }
        self.get(self.at, 0)?;
        self.brotli()
    }

    /// Skips a number of the WOFF2 directory: seven bits a byte, at most five bytes.
    fn skip_number(&mut self) -> Result<(), RepackError> {
        for _ in 0..5 {
            self.at += 1;
            if self.get(self.at - 1, 1)?[0] < 0x80 {
                return Ok(());
            }
        }
        Err(RepackError::Damaged { what: "a number of over five bytes" })
    }
}

/// Takes apart the deflate stream at the start of `bytes`; returns how many bytes it takes with its trailer.
fn deflate_stream(
    bytes: &[u8],
    unpacked: &mut Unpacked,
    limit: usize,
    trailer: impl Fn(&[u8]) -> (u8, Vec<u8>),
) -> Result<usize, RepackError> {
    let (kind_at, start) = (unpacked.residue.len(), unpacked.content.len());
    unpacked.residue.push(op::DEFLATE);
    let mut bits = BitReader::new(bytes);
    deflate::take(&mut bits, &mut unpacked.content, &mut unpacked.residue, limit)?;
    let (kind, trailer) = trailer(&unpacked.content[start..]);
    let length = bits.position();
    if !bytes[length..].starts_with(&trailer) {
        return Ok(length);
    }
    unpacked.residue[kind_at] = kind;
    Ok(length + trailer.len())
}
