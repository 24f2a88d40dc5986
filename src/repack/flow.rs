//! One path through a stream's headers for both directions: taking them apart and writing them back.
//!
//! Taking apart reads fields from the compressed stream and notes each in the residue; writing back reads the fields
//! from the residue and writes the compressed stream. Format code is written once, over [`Flow`].

use super::{
    RepackError,
    bits::{BitReader, BitWriter},
    code::{Decoder, Encoder, Lengths},
    residue::Residue,
};

/// A direction.
pub(super) trait Flow {
    /// A prefix code, ready for this direction.
    type Code;
    /// Passes a field of `count` bits, at most 24; the residue holds it in whole bytes, high byte first.
    fn bits(&mut self, count: u32) -> Result<u32, RepackError>;
    /// Prepares a prefix code.
    fn code(&self, lengths: &Lengths) -> Result<Self::Code, RepackError>;
    /// Passes one symbol; the residue holds it in one byte, two where the alphabet has over 256.
    fn symbol(&mut self, code: &Self::Code) -> Result<u16, RepackError>;
    /// Passes the zero bits up to a byte boundary; the residue holds nothing of them.
    fn align(&mut self) -> Result<(), RepackError>;
}

/// From the compressed stream to the residue.
pub(super) struct Take<'a, 'b> {
    pub(super) bits: &'a mut BitReader<'b>,
    pub(super) residue: &'a mut Vec<u8>,
}

impl Flow for Take<'_, '_> {
    type Code = Decoder;

    fn bits(&mut self, count: u32) -> Result<u32, RepackError> {
        let value = self.bits.take(count)?;
        let bytes = value.to_be_bytes();
        self.residue.extend_from_slice(&bytes[4 - count.div_ceil(8) as usize..]);
        Ok(value)
    }

    fn code(&self, lengths: &Lengths) -> Result<Decoder, RepackError> {
        Decoder::new(lengths)
    }

    fn symbol(&mut self, code: &Decoder) -> Result<u16, RepackError> {
        let symbol = code.read(self.bits)?;
        if code.symbols() > 256 {
            self.residue.push((symbol >> 8) as u8);
        }
        self.residue.push(symbol as u8);
        Ok(symbol)
    }

    fn align(&mut self) -> Result<(), RepackError> {
        self.bits.align()
    }
}

/// From the residue to the compressed stream.
pub(super) struct Give<'a, 'b> {
    pub(super) residue: &'a mut Residue<'b>,
    pub(super) bits: &'a mut BitWriter,
}

impl Flow for Give<'_, '_> {
    type Code = Encoder;

    fn bits(&mut self, count: u32) -> Result<u32, RepackError> {
        let mut value = 0;
        for _ in 0..count.div_ceil(8) {
            value = value << 8 | u32::from(self.residue.byte()?);
        }
        if value >> count != 0 {
            return Err(RepackError::Damaged { what: "a field wider than its bits" });
        }
        self.bits.put(value, count);
        Ok(value)
    }

    fn code(&self, lengths: &Lengths) -> Result<Encoder, RepackError> {
        Encoder::new(lengths)
    }

    fn symbol(&mut self, code: &Encoder) -> Result<u16, RepackError> {
        let high = if code.symbols() > 256 { self.residue.byte()? } else { 0 };
        let symbol = u16::from_be_bytes([high, self.residue.byte()?]);
        code.write(symbol, self.bits)?;
        Ok(symbol)
    }

    fn align(&mut self) -> Result<(), RepackError> {
        self.bits.align();
        Ok(())
    }
}
