//! Bringing content and residue together.

use std::io::{self, Write};

use super::{
    DRAIN_BYTES, MAX_CONTENT_BYTES, RepackError,
    bits::BitWriter,
    brotli, check_size, deflate,
    residue::{Residue, op},
};

/// Most memory that a [`Packer`] takes beside the residue, in bytes: 1.6 MB for every table of a brotli meta-block with
/// all its 768 codes, 1.1 MB of chains and up to 1 MB of history for the nearest places of copies.
pub const PACK_MEMORY_BYTES: u64 = 4 << 20;
/// Longest piece of a file that stands as it is.
const MAX_PLAIN: u64 = 1 << 40;

/// Writes a compressed file back from its residue and its content.
///
/// Content comes front to back, in pieces of any size, through [`Packer::write`]; [`Packer::finish`] ends it. The result
/// is exact for a matching pair; for anything else it is an error or other bytes, so the caller checks a hash. Time is
/// linear in content and residue, and so is the output, whatever they hold.
pub struct Packer<'a> {
    residue: Residue<'a>,
    state: State,
    bits: BitWriter,
    sink: Sink<'a>,
    /// Content so far.
    content_bytes: usize,
}

enum State {
    Op,
    Plain(u64),
    Deflate(deflate::Giving, Check),
    Brotli(brotli::Giving),
    End,
}

/// The checksum that follows a deflate stream.
enum Check {
    None,
    Gzip(crc32fast::Hasher, u32),
    Zlib(Adler),
}

impl Check {
    fn update(&mut self, content: &[u8]) {
        match self {
            Check::None => {}
            Check::Gzip(crc, length) => {
                crc.update(content);
                *length = length.wrapping_add(content.len() as u32);
            }
            Check::Zlib(adler) => adler.update(content),
        }
    }

    fn end(self, out: &mut Vec<u8>) {
        match self {
            Check::None => {}
            Check::Gzip(crc, length) => {
                out.extend_from_slice(&crc.finalize().to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
            }
            Check::Zlib(adler) => out.extend_from_slice(&adler.0.to_be_bytes()),
        }
    }
}

/// Adler-32 (RFC 1950).
pub(super) struct Adler(pub(super) u32);

impl Adler {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        const MODULUS: u32 = 65_521;
        /// Longest run after which the sums still fit 32 bits.
        const RUN: usize = 5552;
        let (mut low, mut high) = (self.0 & 0xffff, self.0 >> 16);
        for run in bytes.chunks(RUN) {
            for &byte in run {
                low += u32::from(byte);
                high += low;
            }
            (low, high) = (low % MODULUS, high % MODULUS);
        }
        self.0 = high << 16 | low;
    }
}

impl<'a> Packer<'a> {
    /// Starts to write the file of `residue` to `out`.
    pub fn new(residue: &'a [u8], out: &'a mut dyn Write) -> Self {
        let sink = Sink { out, frames: None };
        Self { residue: Residue::new(residue), state: State::Op, bits: BitWriter::default(), sink, content_bytes: 0 }
    }

    /// Takes in the next piece of content.
    ///
    /// # Errors
    /// [`RepackError::Damaged`] where residue and content do not fit, [`RepackError::WrongLength`] for content after
    /// the end, [`RepackError::TooLarge`] above 2 GiB, [`RepackError::Io`] from the output.
    pub fn write(&mut self, content: &[u8]) -> Result<(), RepackError> {
        self.content_bytes = self.content_bytes.saturating_add(content.len());
        check_size(self.content_bytes, MAX_CONTENT_BYTES)?;
        for piece in content.chunks(DRAIN_BYTES) {
            let mut rest = piece;
            loop {
                self.step(&mut rest)?;
                self.sink.drain(&mut self.bits.bytes)?;
                if rest.is_empty() {
                    break;
                }
                if matches!(self.state, State::End) {
                    return Err(RepackError::WrongLength { what: "longer" });
                }
            }
        }
        Ok(())
    }

    /// Ends the content.
    ///
    /// # Errors
    /// As [`Packer::write`]; [`RepackError::WrongLength`] where content is missing.
    pub fn finish(mut self) -> Result<(), RepackError> {
        self.step(&mut &[][..])?;
        self.sink.drain(&mut self.bits.bytes)?;
        if !matches!(self.state, State::End) {
            return Err(RepackError::WrongLength { what: "shorter" });
        }
        if !self.residue.is_empty() || self.sink.frames.is_some() {
            return Err(RepackError::Damaged { what: "a residue that goes on after its end" });
        }
        Ok(())
    }

    /// Goes on as far as `content` reaches, or until enough waits to be drained.
    fn step(&mut self, content: &mut &[u8]) -> Result<(), RepackError> {
        loop {
            let before = *content;
            match &mut self.state {
                State::End => return Ok(()),
                State::Op => self.op()?,
                State::Plain(0) => self.state = State::Op,
                State::Plain(left) => {
                    let count = content.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if count == 0 {
                        return Ok(());
                    }
                    self.bits.bytes.extend_from_slice(&content[..count]);
                    *left -= count as u64;
                    *content = &content[count..];
                }
                State::Deflate(giving, check) => {
                    let complete = giving.step(content, &mut self.residue, &mut self.bits)?;
                    check.update(&before[..before.len() - content.len()]);
                    if !complete {
                        return Ok(());
                    }
                    if let State::Deflate(_, check) = std::mem::replace(&mut self.state, State::Op) {
                        check.end(&mut self.bits.bytes);
                    }
                }
                State::Brotli(giving) => {
                    if !giving.step(content, &mut self.residue, &mut self.bits)? {
                        return Ok(());
                    }
                    self.state = State::Op;
                }
            }
        }
    }

    fn op(&mut self) -> Result<(), RepackError> {
        self.state = match self.residue.byte()? {
            op::END => State::End,
            op::INLINE => {
                let count = self.residue.number(MAX_PLAIN)?;
                let bytes = self.residue.bytes(usize::try_from(count).unwrap_or(usize::MAX))?;
                self.bits.bytes.extend_from_slice(bytes);
                State::Op
            }
            op::PLAIN => State::Plain(self.residue.number(MAX_PLAIN)?),
            op::DEFLATE => State::Deflate(deflate::Giving::new(), Check::None),
            op::GZIP => State::Deflate(deflate::Giving::new(), Check::Gzip(crc32fast::Hasher::new(), 0)),
            op::ZLIB => State::Deflate(deflate::Giving::new(), Check::Zlib(Adler(1))),
            op::BROTLI => State::Brotli(brotli::Giving::new()),
            op::IDAT => {
                self.sink.drain(&mut self.bits.bytes)?;
                let count = self.residue.number(MAX_PLAIN)?;
                let lengths = (0..count).map(|_| self.residue.number(u64::from(u32::MAX)).map(|length| length as u32));
                let lengths = lengths.collect::<Result<_, _>>()?;
                self.sink.start_frames(lengths)?;
                State::Op
            }
            _ => return Err(RepackError::Damaged { what: "an unknown part of a residue; a newer smidge may know it" }),
        };
        Ok(())
    }
}

/// The output, with chunk frames around a part of it where a PNG has them.
struct Sink<'a> {
    out: &'a mut dyn Write,
    frames: Option<Frames>,
}

struct Frames {
    lengths: std::vec::IntoIter<u32>,
    left: u32,
    crc: crc32fast::Hasher,
}

impl Sink<'_> {
    /// Frames the next bytes as IDAT chunks of `lengths`.
    fn start_frames(&mut self, lengths: Vec<u32>) -> Result<(), RepackError> {
        let mut lengths = lengths.into_iter();
        if let Some(left) = lengths.next() {
            let crc = self.start_chunk(left)?;
            self.frames = Some(Frames { lengths, left, crc });
            self.end_chunks()?;
        }
        Ok(())
    }

    fn start_chunk(&mut self, length: u32) -> io::Result<crc32fast::Hasher> {
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(b"IDAT")?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(b"IDAT");
        Ok(crc)
    }

    /// Ends the chunk that is full, and starts the next.
    fn end_chunks(&mut self) -> io::Result<()> {
        while let Some(mut frames) = self.frames.take_if(|frames| frames.left == 0) {
            self.out.write_all(&frames.crc.finalize().to_be_bytes())?;
            if let Some(left) = frames.lengths.next() {
                frames = Frames { lengths: frames.lengths, left, crc: self.start_chunk(left)? };
                self.frames = Some(frames);
            }
        }
        Ok(())
    }

    /// Writes what waits.
    fn drain(&mut self, waiting: &mut Vec<u8>) -> Result<(), RepackError> {
        let mut rest = &waiting[..];
        while !rest.is_empty() {
            let count = match &mut self.frames {
                None => rest.len(),
                Some(frames) => {
                    let count = rest.len().min(frames.left as usize);
                    frames.left -= count as u32;
                    frames.crc.update(&rest[..count]);
                    count
                }
            };
            self.out.write_all(&rest[..count])?;
            rest = &rest[count..];
            self.end_chunks()?;
        }
        waiting.clear();
        Ok(())
    }
}
