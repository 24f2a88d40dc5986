//! Deflate (RFC 1951), taken apart into content and residue and written back.
//!
//! The residue holds block headers as they stand, and the tokens of a block as records: a varint of literals, then
//! length − 3; the distance only where it is not the nearest. The literals themselves are the content's.

use super::{
    RepackError,
    bits::{BitReader, BitWriter},
    code::{Decoder, Encoder, Lengths},
    flow::{Flow, Give, Take},
    nearest::{History, Nearest},
    residue::Residue,
};
use crate::wire::put_varint;

/// Instead of a length: one of those below follows.
const ESCAPE: u8 = 255;
/// The length 258.
const LONGEST: u8 = 0;
const BLOCK_END: u8 = 1;
/// Length and distance, in two bytes each.
const FAR: u8 = 2;
const WINDOW_BITS: u32 = 15;
/// Literals in one run of a residue; more than any file holds.
const MAX_RUN: u64 = 1 << 40;

const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
const CODE_LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

fn distance_bits(symbol: u16) -> u32 {
    (u32::from(symbol) / 2).saturating_sub(1)
}

enum Block<C> {
    Stored(u32),
    Coded { literals: C, distances: C },
}

/// Passes the header of a block; true if it is the last.
fn header<F: Flow>(flow: &mut F) -> Result<(bool, Block<F::Code>), RepackError> {
    let head = flow.bits(3)?;
    let last = head & 1 == 1;
    let block = match head >> 1 {
        0 => {
            flow.align()?;
            let length = flow.bits(16)?;
            if flow.bits(16)? != !length & 0xffff {
                return Err(RepackError::Damaged { what: "the length of a stored block" });
            }
            Block::Stored(length)
        }
        1 => {
            let mut literals = vec![8; 288];
            literals[144..256].fill(9);
            literals[256..280].fill(7);
            let distances = flow.code(&Lengths::Each(vec![5; 30]))?;
            Block::Coded { literals: flow.code(&Lengths::Each(literals))?, distances }
        }
        2 => codes(flow)?,
        _ => return Err(RepackError::Damaged { what: "the kind of a deflate block" }),
    };
    Ok((last, block))
}

/// Passes the codes of a block that brings its own.
fn codes<F: Flow>(flow: &mut F) -> Result<Block<F::Code>, RepackError> {
    let literals = flow.bits(5)? as usize + 257;
    let distances = flow.bits(5)? as usize + 1;
    let given = flow.bits(4)? as usize + 4;
    if literals > 286 || distances > 30 {
        return Err(RepackError::Damaged { what: "the number of codes of a deflate block" });
    }
    let mut code_lengths = vec![0u8; 19];
    for &symbol in &CODE_LENGTH_ORDER[..given] {
        code_lengths[symbol] = flow.bits(3)? as u8;
    }
    let code = flow.code(&Lengths::Each(code_lengths))?;
    let mut lengths: Vec<u8> = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (value, times) = match flow.symbol(&code)? {
            16 => {
                let before = *lengths.last().ok_or(RepackError::Damaged { what: "a repeat of nothing" })?;
                (before, 3 + flow.bits(2)?)
            }
            17 => (0, 3 + flow.bits(3)?),
            18 => (0, 11 + flow.bits(7)?),
            length => (length as u8, 1),
        };
        lengths.resize(lengths.len() + times as usize, value);
    }
    if lengths.len() > literals + distances {
        return Err(RepackError::Damaged { what: "the number of code lengths" });
    }
    let distances = flow.code(&Lengths::Each(lengths.split_off(literals)))?;
    Ok(Block::Coded { literals: flow.code(&Lengths::Each(lengths))?, distances })
}

/// Takes one stream apart: appends to `content`, up to `limit` bytes in all, and to `residue`. Leaves `bits` at a byte
/// boundary.
pub(super) fn take(
    bits: &mut BitReader<'_>,
    content: &mut Vec<u8>,
    residue: &mut Vec<u8>,
    limit: usize,
) -> Result<(), RepackError> {
    let start = content.len();
    let mut nearest = Nearest::new(WINDOW_BITS, 3);
    loop {
        let (last, block) = header(&mut Take { bits, residue })?;
        match block {
            Block::Stored(length) => {
                let bytes = bits.take_bytes(length as usize)?;
                super::check_size(content.len() + bytes.len() + residue.len(), limit)?;
                content.extend_from_slice(bytes);
            }
            Block::Coded { literals, distances } => {
                let mut tokens = Tokens { literals, distances, nearest: &mut nearest, start, limit };
                tokens.take(bits, content, residue)?;
            }
        }
        if last {
            return bits.align();
        }
    }
}

/// The tokens of one block while they are taken apart.
struct Tokens<'a> {
    literals: Decoder,
    distances: Decoder,
    nearest: &'a mut Nearest,
    /// Where the stream's content starts.
    start: usize,
    limit: usize,
}

impl Tokens<'_> {
    fn take(
        &mut self,
        bits: &mut BitReader<'_>,
        content: &mut Vec<u8>,
        residue: &mut Vec<u8>,
    ) -> Result<(), RepackError> {
        let mut run_start = content.len();
        loop {
            let symbol = self.literals.read(bits)?;
            if symbol < 256 {
                content.push(symbol as u8);
                continue;
            }
            put_varint(residue, (content.len() - run_start) as u64);
            if symbol == 256 {
                residue.extend_from_slice(&[ESCAPE, BLOCK_END]);
                return super::check_size(content.len() + residue.len(), self.limit);
            }
            self.take_match(symbol, bits, content, residue)?;
            run_start = content.len();
        }
    }

    fn take_match(
        &mut self,
        symbol: u16,
        bits: &mut BitReader<'_>,
        content: &mut Vec<u8>,
        residue: &mut Vec<u8>,
    ) -> Result<(), RepackError> {
        let code = usize::from(symbol - 257);
        let base = *LENGTH_BASE.get(code).ok_or(RepackError::Damaged { what: "a length code" })?;
        let length = base + bits.take(u32::from(LENGTH_BITS[code]))? as u16;
        if length == 258 && code != 28 {
            return Err(RepackError::Unsupported { what: "a length of 258 in an unusual code" });
        }
        let symbol = self.distances.read(bits)?;
        let base = *DISTANCE_BASE.get(usize::from(symbol)).ok_or(RepackError::Damaged { what: "a distance code" })?;
        let distance = base + bits.take(distance_bits(symbol))? as u16;
        super::check_size(content.len() + residue.len() + usize::from(length), self.limit)?;
        super::copy_back(content, self.start, usize::from(distance), usize::from(length))?;
        let text = &content[self.start..];
        let at = text.len() - usize::from(length);
        if self.nearest.find(text, 0, at, usize::from(length)) != Some(usize::from(distance)) {
            residue.extend_from_slice(&[ESCAPE, FAR]);
            residue.extend_from_slice(&length.to_be_bytes());
            residue.extend_from_slice(&distance.to_be_bytes());
        } else if length == 258 {
            residue.extend_from_slice(&[ESCAPE, LONGEST]);
        } else {
            residue.push((length - 3) as u8);
        }
        Ok(())
    }
}

/// Where writing back stands between two pieces of content.
enum At {
    Header,
    Record,
    /// Content bytes to write as they are.
    Stored(u32),
    /// Literals to write, then what the record names.
    Literals(u64),
    /// Content bytes that a match covers, the length of the match, and whether its codes come after it.
    Match(u16, u16, bool),
}

/// Writes one stream back.
pub(super) struct Giving {
    at: At,
    last: bool,
    codes: Option<(Encoder, Encoder)>,
    history: History,
}

impl Giving {
    pub(super) fn new() -> Self {
        let history = History::new(Nearest::new(WINDOW_BITS, 3));
        Self { at: At::Header, last: false, codes: None, history }
    }

    /// Goes on until `content` is used up or the stream is complete (then true), using up content from the front.
    pub(super) fn step(
        &mut self,
        content: &mut &[u8],
        residue: &mut Residue<'_>,
        bits: &mut BitWriter,
    ) -> Result<bool, RepackError> {
        loop {
            match &mut self.at {
                At::Header => {
                    if self.last {
                        bits.align();
                        return Ok(true);
                    }
                    let (last, block) = header(&mut Give { residue, bits })?;
                    self.last = last;
                    self.at = match block {
                        Block::Stored(length) => {
                            bits.align();
                            At::Stored(length)
                        }
                        Block::Coded { literals, distances } => {
                            self.codes = Some((literals, distances));
                            At::Record
                        }
                    };
                }
                At::Record => self.at = At::Literals(residue.number(MAX_RUN)?),
                At::Stored(0) => self.at = At::Header,
                At::Match(0, length, pending) => {
                    let (length, pending) = (*length, *pending);
                    self.at = At::Record;
                    if pending {
                        let distance = self.history.last(usize::from(length));
                        let distance = distance.ok_or(RepackError::Damaged { what: "a copy from nowhere" })?;
                        self.match_codes(length, distance as u16, bits)?;
                    }
                }
                At::Literals(0) => self.at = self.after_literals(residue, bits)?,
                _ if content.is_empty() => return Ok(false),
                At::Stored(left) => {
                    let count = content.len().min(*left as usize);
                    bits.bytes.extend_from_slice(&content[..count]);
                    self.history.push(&content[..count], false);
                    *left -= count as u32;
                    *content = &content[count..];
                }
                At::Match(left, _, pending) => {
                    let count = content.len().min(usize::from(*left));
                    self.history.push(&content[..count], *pending);
                    *left -= count as u16;
                    *content = &content[count..];
                }
                At::Literals(left) => {
                    let count = content.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if let Some((literals, _)) = &self.codes {
                        for &byte in &content[..count] {
                            literals.write(u16::from(byte), bits)?;
                        }
                    }
                    self.history.push(&content[..count], false);
                    *left -= count as u64;
                    *content = &content[count..];
                    // Bounds what waits to be drained.
                    if bits.bytes.len() > super::DRAIN_BYTES {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn after_literals(&self, residue: &mut Residue<'_>, bits: &mut BitWriter) -> Result<At, RepackError> {
        let length = match residue.byte()? {
            ESCAPE => match residue.byte()? {
                LONGEST => 258,
                BLOCK_END => {
                    self.codes()?.0.write(256, bits)?;
                    return Ok(At::Header);
                }
                FAR => {
                    let length = u16::from_be_bytes([residue.byte()?, residue.byte()?]);
                    let distance = u16::from_be_bytes([residue.byte()?, residue.byte()?]);
                    self.match_codes(length, distance, bits)?;
                    return Ok(At::Match(length, length, false));
                }
                _ => return Err(RepackError::Damaged { what: "a length" }),
            },
            length => u16::from(length) + 3,
        };
        Ok(At::Match(length, length, true))
    }

    fn codes(&self) -> Result<&(Encoder, Encoder), RepackError> {
        self.codes.as_ref().ok_or(RepackError::Damaged { what: "a record" })
    }

    fn match_codes(&self, length: u16, distance: u16, bits: &mut BitWriter) -> Result<(), RepackError> {
        if !(3..=258).contains(&length) || !(1..=1 << 15).contains(&distance) {
            return Err(RepackError::Damaged { what: "a match" });
        }
        let (literals, distances) = self.codes()?;
        let code = LENGTH_BASE.partition_point(|&base| base <= length) - 1;
        literals.write(257 + code as u16, bits)?;
        bits.put(u32::from(length - LENGTH_BASE[code]), u32::from(LENGTH_BITS[code]));
        let code = DISTANCE_BASE.partition_point(|&base| base <= distance) - 1;
        distances.write(code as u16, bits)?;
        bits.put(u32::from(distance - DISTANCE_BASE[code]), distance_bits(code as u16));
        Ok(())
    }
}
