//! The compressed form: a skippable zstd frame of 16 bytes that tells how many bytes come out, then one zstd frame.

use std::io;

use zstd::{
    stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer},
    zstd_safe,
};

/// Bytes in front of the zstd frame: magic number and length of a skippable frame, then the content's bytes.
pub(super) const HEADER_BYTES: usize = 16;
const MAGIC: u32 = 0x184D_2A53;
const LENGTH: u32 = 8;
/// zstd's level. Level 3 stores a minified bundle in a third, at several times the speed of a disk.
pub(super) const LEVEL: i32 = 3;
/// Memory of reading is 2 to this power: above what [`LEVEL`] writes, below what would hurt.
const WINDOW_LOG: u32 = 23;
/// Bytes that come out of one call, at most.
const PIECE_BYTES: usize = 256 << 10;

/// The header for content of so many bytes.
pub(super) fn header(content_bytes: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4..8].copy_from_slice(&LENGTH.to_le_bytes());
    header[8..].copy_from_slice(&content_bytes.to_le_bytes());
    header
}

/// How many bytes the content has that this header stands before; `None` where it is none.
pub(super) fn read_header(header: &[u8]) -> Option<u64> {
    let header: &[u8; HEADER_BYTES] = header.get(..HEADER_BYTES)?.try_into().ok()?;
    let (fixed, count) = header.split_at(8);
    let expected = self::header(0);
    (fixed == &expected[..8]).then(|| u64::from_le_bytes(count.try_into().unwrap_or_default()))
}

/// `content` compressed, with its header.
pub(super) fn pack(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = header(content.len() as u64).to_vec();
    packed.reserve(zstd_safe::compress_bound(content.len()));
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    let mut body = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    compressor.compress_to_buffer(content, &mut body)?;
    packed.extend_from_slice(&body);
    Ok(packed)
}

/// Takes a compressed object apart piece by piece. Memory is bounded whatever comes in.
pub(super) struct Unpacker {
    decoder: Decoder<'static>,
    input: bytes::Bytes,
    header: Vec<u8>,
    /// Bytes that are still to come out, once the header was read.
    left: Option<u64>,
    /// Whether the frame has come to its end.
    ended: bool,
}

/// What a step of [`Unpacker`] gives.
pub(super) enum Step {
    /// Content.
    Piece(Vec<u8>),
    /// More input is wanted.
    Hungry,
}

impl Unpacker {
    pub(super) fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self { decoder, input: bytes::Bytes::new(), header: Vec::new(), left: None, ended: false })
    }

    /// Hands in the next piece. Only when the unpacker is hungry.
    pub(super) fn feed(&mut self, mut piece: bytes::Bytes) -> Result<(), &'static str> {
        if self.left.is_none() {
            let wanted = HEADER_BYTES.saturating_sub(self.header.len()).min(piece.len());
            self.header.extend_from_slice(&piece.split_to(wanted));
            if self.header.len() == HEADER_BYTES {
                self.left = Some(read_header(&self.header).ok_or("it does not begin with the header of its form")?);
            }
        }
        self.input = piece;
        Ok(())
    }

    /// Bytes of the content, as soon as the header was read.
    pub(super) fn content_bytes(&self) -> Option<u64> {
        read_header(&self.header)
    }

    /// The next content, never an empty piece.
    pub(super) fn step(&mut self) -> Result<Step, &'static str> {
        let Some(left) = self.left else { return Ok(Step::Hungry) };
        if self.ended {
            return if self.input.is_empty() { Ok(Step::Hungry) } else { Err("bytes follow its end") };
        }
        // One byte more than is left, so that a frame that holds too much is seen at once.
        let room = usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut output = Vec::with_capacity(room);
        while !self.input.is_empty() {
            let mut from = InBuffer::around(&self.input);
            let mut to = OutBuffer::around(&mut output);
            let hint = self.decoder.run(&mut from, &mut to).map_err(|_| "zstd cannot read it")?;
            let taken = from.pos();
            let gave = to.pos();
            let _ = self.input.split_to(taken);
            self.ended = hint == 0;
            if gave > 0 {
                let gave = gave as u64;
                self.left = Some(left.checked_sub(gave).ok_or("more comes out than its header tells")?);
                return Ok(Step::Piece(output));
            }
            if self.ended {
                return self.step();
            }
            if taken == 0 {
                return Err("zstd cannot read it");
            }
        }
        Ok(Step::Hungry)
    }

    /// Whether input may end here.
    pub(super) fn finish(&self) -> Result<(), &'static str> {
        match self.left {
            Some(0) if self.ended => Ok(()),
            _ => Err("it ends too early"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unpacks `packed`, handed in by pieces of `size`.
    fn unpack(packed: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
        let mut unpacker = Unpacker::new().unwrap();
        let mut content = Vec::new();
        for piece in packed.chunks(size) {
            unpacker.feed(bytes::Bytes::copy_from_slice(piece))?;
            while let Step::Piece(piece) = unpacker.step()? {
                assert!(!piece.is_empty());
                content.extend(piece);
            }
        }
        unpacker.finish()?;
        Ok(content)
    }

    #[test]
    fn content_comes_back_whatever_the_pieces() {
        let long: Vec<u8> = (0..700_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for content in [&b""[..], b"a", &[7; 5000], &long] {
            let packed = pack(content).unwrap();
            for size in [1, 15, 16, 17, 4096, usize::MAX] {
                if size == 1 && packed.len() > 100_000 {
                    continue;
                }
                assert_eq!(unpack(&packed, size).as_deref(), Ok(content), "{} in {size}", content.len());
            }
        }
    }

    #[test]
    fn every_truncation_and_every_addition_is_an_error() {
        let packed = pack(&b"smidge ".repeat(100)).unwrap();
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end], 7).is_err(), "{end}");
        }
        for more in [&b"\0"[..], &packed] {
            assert!(unpack(&[&packed, more].concat(), 1000).is_err());
        }
    }

    #[test]
    fn what_comes_out_is_held_to_the_header() {
        let mut packed = pack(&[0; 1 << 20]).unwrap();
        for told in [0, 1, (1 << 20) - 1, (1 << 20) + 1, u64::MAX] {
            packed[..HEADER_BYTES].copy_from_slice(&header(told));
            assert!(unpack(&packed, 100).is_err(), "{told}");
        }
    }

    #[test]
    fn zstd_itself_reads_the_form() {
        let packed = pack(b"smidge").unwrap();
        assert_eq!(zstd::decode_all(&packed[..]).unwrap(), b"smidge");
    }
}
