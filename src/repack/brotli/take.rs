//! Taking a brotli stream apart.

use brotli_decompressor::{
    dictionary::{kBrotliDictionary, kBrotliDictionaryOffsetsByLength, kBrotliDictionarySizeBitsByLength},
    transform::{TransformDictionaryWord, kNumTransforms},
};

use super::{
    LONGEST, distance,
    header::{Body, Coded, meta_block, window},
    nearest, source,
    tables::command,
};
use crate::{
    repack::{RepackError, bits::BitReader, check_size, code::Decoder, copy_back, flow::Take, nearest::Nearest},
    wire::put_varint,
};

/// The last four distances, newest first.
type Ring = [u32; 4];

/// Takes one stream apart: appends to `content`, up to `limit` bytes in all, and to `residue`. Leaves `bits` at a byte
/// boundary.
pub(in crate::repack) fn take(
    bits: &mut BitReader<'_>,
    content: &mut Vec<u8>,
    residue: &mut Vec<u8>,
    limit: usize,
) -> Result<(), RepackError> {
    let start = content.len();
    let window_bytes = (1 << window(&mut Take { bits, residue })?) - 16;
    let mut ring = [4, 11, 15, 16];
    let mut nearest = nearest();
    loop {
        let (last, body) = meta_block(&mut Take { bits, residue })?;
        match body {
            Body::Empty | Body::Metadata => {}
            Body::Stored(length) => {
                let bytes = bits.take_bytes(length as usize)?;
                check_size(content.len() + bytes.len() + residue.len(), limit)?;
                content.extend_from_slice(bytes);
            }
            Body::Coded(mut coded) => {
                check_size(content.len() + coded.length as usize, limit)?;
                let flow = Take { bits: &mut *bits, residue: &mut *residue };
                let nearest = &mut nearest;
                let mut taking = Taking { flow, content: &mut *content, nearest, start, window_bytes, limit };
                taking.commands(&mut coded, &mut ring)?;
            }
        }
        if last {
            return bits.align();
        }
    }
}

struct Taking<'a, 'b> {
    flow: Take<'a, 'b>,
    content: &'a mut Vec<u8>,
    nearest: &'a mut Nearest,
    start: usize,
    window_bytes: usize,
    limit: usize,
}

impl Taking<'_, '_> {
    fn commands(&mut self, coded: &mut Coded<Decoder>, ring: &mut Ring) -> Result<(), RepackError> {
        let end = self.content.len() + coded.length as usize;
        while self.content.len() < end {
            coded.command.advance(&mut self.flow)?;
            let symbol = coded.command_code()?.read(self.flow.bits)?;
            let (insert, copy, implied) = command(symbol);
            let insert = insert.0 + self.flow.bits.take(insert.1)?;
            let copy = copy.0 + self.flow.bits.take(copy.1)?;
            put_varint(self.flow.residue, u64::from(insert));
            // Where the source is noted; it is known only after the literals.
            let source_at = self.flow.residue.len();
            let source = if implied { source::LAST } else { source::GIVEN };
            put_varint(self.flow.residue, u64::from(copy << 2 | source));
            check_size(self.content.len() + self.flow.residue.len(), self.limit)?;
            if insert as usize > end - self.content.len() {
                return Err(RepackError::Damaged { what: "a brotli insert length" });
            }
            self.literals(coded, insert)?;
            if self.content.len() == end {
                break;
            }
            let length = if implied { self.back(ring[0], copy)? } else { self.distance(coded, ring, copy, source_at)? };
            if length > end {
                return Err(RepackError::Damaged { what: "a brotli copy length" });
            }
        }
        Ok(())
    }

    fn literals(&mut self, coded: &mut Coded<Decoder>, count: u32) -> Result<(), RepackError> {
        let written = &self.content[self.start..];
        let mut last = written.last().copied().unwrap_or(0);
        let mut before = written.len().checked_sub(2).map_or(0, |index| written[index]);
        for _ in 0..count {
            coded.literal.advance(&mut self.flow)?;
            let byte = coded.literal_code(last, before)?.read(self.flow.bits)? as u8;
            self.content.push(byte);
            (before, last) = (last, byte);
        }
        Ok(())
    }

    /// How far back a distance may reach.
    fn reach(&self) -> u32 {
        (self.content.len() - self.start).min(self.window_bytes) as u32
    }

    fn back(&mut self, distance: u32, copy: u32) -> Result<usize, RepackError> {
        if distance > self.reach() {
            return Err(RepackError::Unsupported { what: "a dictionary word by a short distance" });
        }
        copy_back(self.content, self.start, distance as usize, copy as usize)?;
        Ok(self.content.len())
    }

    fn distance(
        &mut self,
        coded: &mut Coded<Decoder>,
        ring: &mut Ring,
        copy: u32,
        source_at: usize,
    ) -> Result<usize, RepackError> {
        coded.distance.advance(&mut self.flow)?;
        let symbol = u32::from(coded.distance_code(copy)?.read(self.flow.bits)?);
        if symbol < 16 {
            self.flow.residue.push(symbol as u8);
            let distance = short(ring, symbol as usize)?;
            if symbol > 0 {
                push(ring, distance);
            }
            return self.back(distance, copy);
        }
        let distance = self.long(symbol, coded.postfix, coded.direct)?;
        let reach = self.reach();
        if distance > reach {
            return self.word(distance - reach - 1, copy);
        }
        push(ring, distance);
        let end = self.back(distance, copy)?;
        let text = &self.content[self.start..];
        let at = text.len() - copy as usize;
        if copy <= LONGEST && self.nearest.find(text, 0, at, copy as usize) == Some(distance as usize) {
            // The low bits of a varint stand in its first byte.
            self.flow.residue[source_at] |= source::NEAREST as u8;
            return Ok(end);
        }
        match u8::try_from(distance >> 16).ok().and_then(|high| high.checked_add(distance::NEAR)) {
            Some(first) if first < distance::LONG => {
                self.flow.residue.push(first);
                self.flow.residue.extend_from_slice(&(distance as u16).to_be_bytes());
            }
            _ => {
                self.flow.residue.push(distance::LONG);
                self.flow.residue.extend_from_slice(&distance.to_be_bytes());
            }
        }
        Ok(end)
    }

    /// The distance of a symbol from 16 on, with its extra bits.
    fn long(&mut self, symbol: u32, postfix: u32, direct: u32) -> Result<u32, RepackError> {
        let Some(code) = symbol.checked_sub(direct + 16) else { return Ok(symbol - 15) };
        let bits = 1 + (code >> (postfix + 1));
        let high = code >> postfix;
        let offset = ((2 + (high & 1)) << bits) - 4 + self.flow.bits.take(bits)?;
        Ok((offset << postfix) + (code & ((1 << postfix) - 1)) + direct + 1)
    }

    fn word(&mut self, number: u32, copy: u32) -> Result<usize, RepackError> {
        let damaged = || RepackError::Damaged { what: "a brotli dictionary word" };
        let length = copy as usize;
        let bits = *kBrotliDictionarySizeBitsByLength.get(length).filter(|bits| **bits > 0).ok_or_else(damaged)?;
        let transform = number >> bits;
        if transform >= kNumTransforms as u32 {
            return Err(damaged());
        }
        let index = (number & ((1 << bits) - 1)) as usize;
        let offset = kBrotliDictionaryOffsetsByLength[length] as usize + index * length;
        let word = kBrotliDictionary.get(offset..offset + length).ok_or_else(damaged)?;
        let mut text = [0u8; 128];
        let length = TransformDictionaryWord(&mut text, word, length as i32, transform as i32);
        let text = usize::try_from(length).ok().and_then(|length| text.get(..length)).ok_or_else(damaged)?;
        let number = number.to_be_bytes();
        self.flow.residue.extend_from_slice(&[distance::WORD, number[1], number[2], number[3], text.len() as u8]);
        self.content.extend_from_slice(text);
        Ok(self.content.len())
    }
}

fn push(ring: &mut Ring, distance: u32) {
    *ring = [distance, ring[0], ring[1], ring[2]];
}

/// The distance of one of the sixteen short codes.
fn short(ring: &Ring, symbol: usize) -> Result<u32, RepackError> {
    const OFFSET: [i32; 6] = [-1, 1, -2, 2, -3, 3];
    let distance = match symbol {
        0..=3 => Some(ring[symbol]),
        4..=9 => ring[0].checked_add_signed(OFFSET[symbol - 4]),
        _ => ring[1].checked_add_signed(OFFSET[symbol - 10]),
    };
    distance.filter(|&distance| distance > 0).ok_or(RepackError::Damaged { what: "a brotli distance" })
}
