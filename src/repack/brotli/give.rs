//! Writing a brotli stream back.

use super::{
    LONGEST, distance,
    header::{Body, Coded, meta_block, window},
    nearest, source,
    tables::{LENGTH_LIMIT, command_code},
};
use crate::repack::{
    DRAIN_BYTES, RepackError, bits::BitWriter, code::Encoder, flow::Give, nearest::History, residue::Residue,
};

/// Where writing back stands between two pieces of content.
#[derive(Clone, Copy)]
enum At {
    Start,
    Header,
    Stored(u32),
    Command,
    /// Literals to write, then a copy of that length from that source.
    Literals(u32, u32, u32),
    Copy(u32),
    /// Content bytes of a copy from the nearest place: left, of all. The distance comes after them.
    Nearest(u32, u32),
}

/// Writes one stream back.
pub(in crate::repack) struct Giving {
    at: At,
    last_block: bool,
    coded: Option<Box<Coded<Encoder>>>,
    /// Content bytes left in the meta-block.
    left: u32,
    window_bytes: u64,
    history: History,
    /// Content bytes so far, and the last two of them, newest first.
    done: u64,
    tail: [u8; 2],
}

impl Giving {
    pub(in crate::repack) fn new() -> Self {
        let history = History::new(nearest());
        Self { at: At::Start, last_block: false, coded: None, left: 0, window_bytes: 0, history, done: 0, tail: [0; 2] }
    }

    /// Goes on until `content` is used up or the stream is complete (then true), using up content from the front.
    pub(in crate::repack) fn step(
        &mut self,
        content: &mut &[u8],
        residue: &mut Residue<'_>,
        bits: &mut BitWriter,
    ) -> Result<bool, RepackError> {
        loop {
            match self.at {
                At::Start => {
                    self.window_bytes = (1 << window(&mut Give { residue, bits })?) - 16;
                    self.at = At::Header;
                }
                At::Header => {
                    if self.last_block {
                        bits.align();
                        return Ok(true);
                    }
                    self.header(residue, bits)?;
                }
                At::Stored(0) => self.at = At::Header,
                At::Command => self.command(residue, bits)?,
                At::Literals(0, copy, source) => self.after_literals(copy, source, residue, bits)?,
                At::Nearest(0, copy) => {
                    self.nearest_distance(copy, residue, bits)?;
                    self.at = At::Copy(0);
                }
                At::Copy(0) => self.at = if self.left == 0 { At::Header } else { At::Command },
                _ if content.is_empty() => return Ok(false),
                At::Stored(left) => {
                    let taken = self.pass(content, left);
                    bits.bytes.extend_from_slice(taken);
                    self.at = At::Stored(left - taken.len() as u32);
                }
                At::Copy(left) => self.at = At::Copy(left - self.pass(content, left).len() as u32),
                At::Nearest(left, copy) => {
                    self.at = At::Nearest(left - self.pass(content, left).len() as u32, copy);
                }
                At::Literals(count, copy, source) => {
                    let written = self.literals(content, count, residue, bits)?;
                    self.at = At::Literals(count - written, copy, source);
                    if bits.bytes.len() > DRAIN_BYTES {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn header(&mut self, residue: &mut Residue<'_>, bits: &mut BitWriter) -> Result<(), RepackError> {
        // Frees the codes before those of the next meta-block are made.
        self.coded = None;
        let (last, body) = meta_block(&mut Give { residue, bits })?;
        self.last_block = last;
        self.at = match body {
            Body::Empty | Body::Metadata => At::Header,
            Body::Stored(length) => At::Stored(length),
            Body::Coded(coded) => {
                self.left = coded.length;
                self.coded = Some(coded);
                At::Command
            }
        };
        Ok(())
    }

    fn coded(&mut self) -> Result<&mut Coded<Encoder>, RepackError> {
        self.coded.as_deref_mut().ok_or(RepackError::Damaged { what: "a command outside of a meta-block" })
    }

    /// Uses up to `limit` bytes of `content`.
    fn pass<'a>(&mut self, content: &mut &'a [u8], limit: u32) -> &'a [u8] {
        let (taken, rest) = content.split_at(content.len().min(limit as usize));
        *content = rest;
        self.done += taken.len() as u64;
        self.history.push(taken, matches!(self.at, At::Nearest(..)));
        self.tail = match *taken {
            [.., before, last] => [last, before],
            [last] => [last, self.tail[0]],
            [] => self.tail,
        };
        taken
    }

    fn command(&mut self, residue: &mut Residue<'_>, bits: &mut BitWriter) -> Result<(), RepackError> {
        let left = self.left;
        let coded = self.coded()?;
        coded.command.advance(&mut Give { residue, bits })?;
        let insert = residue.number(u64::from(left))? as u32;
        let copy = residue.number(u64::from(LENGTH_LIMIT) * 4)? as u32;
        let (copy, source) = (copy >> 2, copy & 3);
        let fits = copy < LENGTH_LIMIT && (source != source::NEAREST || copy <= LONGEST);
        let code = command_code(insert, copy, source == source::LAST).filter(|_| fits);
        let (symbol, (insert_base, insert_bits), (copy_base, copy_bits)) =
            code.ok_or(RepackError::Damaged { what: "a brotli command" })?;
        coded.command_code()?.write(symbol, bits)?;
        bits.put(insert - insert_base, insert_bits);
        bits.put(copy - copy_base, copy_bits);
        self.left -= insert;
        self.at = At::Literals(insert, copy, source);
        Ok(())
    }

    fn literals(
        &mut self,
        content: &mut &[u8],
        count: u32,
        residue: &mut Residue<'_>,
        bits: &mut BitWriter,
    ) -> Result<u32, RepackError> {
        let [mut last, mut before] = self.tail;
        let taken = self.pass(content, count);
        let coded = self.coded()?;
        for &byte in taken {
            coded.literal.advance(&mut Give { residue: &mut *residue, bits: &mut *bits })?;
            coded.literal_code(last, before)?.write(u16::from(byte), bits)?;
            (before, last) = (last, byte);
        }
        Ok(taken.len() as u32)
    }

    fn after_literals(
        &mut self,
        copy: u32,
        source: u32,
        residue: &mut Residue<'_>,
        bits: &mut BitWriter,
    ) -> Result<(), RepackError> {
        if self.left == 0 {
            self.at = At::Header;
            return Ok(());
        }
        let length = match source {
            source::GIVEN => self.distance(copy, residue, bits)?,
            source::LAST | source::NEAREST => copy,
            _ => return Err(RepackError::Damaged { what: "a source of a copy" }),
        };
        let damaged = RepackError::Damaged { what: "a brotli copy length" };
        self.left = self.left.checked_sub(length).ok_or(damaged)?;
        self.at = if source == source::NEAREST { At::Nearest(copy, copy) } else { At::Copy(length) };
        Ok(())
    }

    /// Writes a given distance; returns the bytes that the copy makes.
    fn distance(&mut self, copy: u32, residue: &mut Residue<'_>, bits: &mut BitWriter) -> Result<u32, RepackError> {
        let reach = self.done.min(self.window_bytes) as u32;
        let coded = self.coded()?;
        coded.distance.advance(&mut Give { residue: &mut *residue, bits: &mut *bits })?;
        let (first, mut length) = (residue.byte()?, copy);
        let distance = match first {
            0..=15 => {
                coded.distance_code(copy)?.write(u16::from(first), bits)?;
                return Ok(copy);
            }
            distance::WORD => {
                let number = [0, residue.byte()?, residue.byte()?, residue.byte()?];
                length = u32::from(residue.byte()?);
                u32::from_be_bytes(number) + reach + 1
            }
            distance::LONG => u32::from_be_bytes([residue.byte()?, residue.byte()?, residue.byte()?, residue.byte()?]),
            _ => u32::from_be_bytes([0, first - distance::NEAR, residue.byte()?, residue.byte()?]),
        };
        long_distance(coded, copy, distance, bits)?;
        Ok(length)
    }

    /// Writes the distance of a copy from the nearest place; its bytes are in the history.
    fn nearest_distance(
        &mut self,
        copy: u32,
        residue: &mut Residue<'_>,
        bits: &mut BitWriter,
    ) -> Result<(), RepackError> {
        let distance = self.history.last(copy as usize);
        let distance = distance.ok_or(RepackError::Damaged { what: "a copy from nowhere" })?;
        let coded = self.coded()?;
        coded.distance.advance(&mut Give { residue, bits: &mut *bits })?;
        long_distance(coded, copy, distance as u32, bits)
    }
}

/// Writes a distance by a code of its own.
fn long_distance(coded: &Coded<Encoder>, copy: u32, distance: u32, bits: &mut BitWriter) -> Result<(), RepackError> {
    let code = coded.distance_code(copy)?;
    if distance == 0 || distance > 1 << 26 {
        return Err(RepackError::Damaged { what: "a brotli distance" });
    }
    if distance <= coded.direct {
        return code.write(distance as u16 + 15, bits);
    }
    // The inverse of the formula in section 4 of the RFC.
    let above = distance - coded.direct - 1;
    let (low, offset) = (above & ((1 << coded.postfix) - 1), (above >> coded.postfix) + 4);
    let extra = offset.ilog2() - 1;
    let high = (extra - 1) << 1 | (offset >> extra & 1);
    code.write((16 + coded.direct + (high << coded.postfix) + low) as u16, bits)?;
    bits.put(offset & ((1 << extra) - 1), extra);
    Ok(())
}
