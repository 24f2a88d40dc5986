//! Canonical prefix codes, as deflate and brotli use them: shorter codes first, then by symbol.

use super::{
    RepackError,
    bits::{BitReader, BitWriter},
};

/// Longest code of both formats.
const MAX_BITS: usize = 15;
/// Codes up to this many bits are found with one look.
const FAST_BITS: u32 = 9;
/// Most symbols of one alphabet: the 704 insert-and-copy codes of brotli.
pub(super) const MAX_SYMBOLS: usize = 704;

/// The shape of a code: how long each symbol's code is, or that one symbol alone needs no bits.
pub(super) enum Lengths {
    /// Bits of each symbol's code, 0 for symbols that do not occur.
    Each(Vec<u8>),
    /// The only symbol of an alphabet of that many symbols.
    Only(u16, u16),
}

fn over_full(counts: &[u16; MAX_BITS + 1]) -> bool {
    let used: u32 = (1..=MAX_BITS).map(|bits| u32::from(counts[bits]) << (MAX_BITS - bits)).sum();
    used > 1 << MAX_BITS
}

fn counts(lengths: &[u8]) -> Result<[u16; MAX_BITS + 1], RepackError> {
    let mut counts = [0u16; MAX_BITS + 1];
    for &bits in lengths {
        let count = counts.get_mut(usize::from(bits)).ok_or(RepackError::Damaged { what: "a code of over 15 bits" })?;
        *count += 1;
    }
    counts[0] = 0;
    if lengths.len() > MAX_SYMBOLS || over_full(&counts) {
        return Err(RepackError::Damaged { what: "a prefix code with too many codes" });
    }
    Ok(counts)
}

fn first_codes(counts: &[u16; MAX_BITS + 1]) -> [u32; MAX_BITS + 1] {
    let mut first = [0u32; MAX_BITS + 1];
    for bits in 1..=MAX_BITS {
        first[bits] = (first[bits - 1] + u32::from(counts[bits - 1])) << 1;
    }
    first
}

fn reversed(code: u32, bits: usize) -> u32 {
    code.reverse_bits() >> (32 - bits)
}

/// Finds symbols by their codes.
pub(super) struct Decoder {
    symbols: u16,
    only: Option<u16>,
    /// By the next nine bits: symbol × 16 + bits of its code, or 0 where the code is longer.
    fast: Vec<u16>,
    counts: [u16; MAX_BITS + 1],
    by_code: Vec<u16>,
}

impl Decoder {
    pub(super) fn new(lengths: &Lengths) -> Result<Self, RepackError> {
        let lengths = match lengths {
            Lengths::Each(lengths) => lengths,
            &Lengths::Only(symbol, symbols) => {
                let counts = [0; MAX_BITS + 1];
                return Ok(Self { symbols, only: Some(symbol), fast: Vec::new(), counts, by_code: Vec::new() });
            }
        };
        let counts = counts(lengths)?;
        let mut next = first_codes(&counts);
        let mut fast = vec![0u16; 1 << FAST_BITS];
        let mut starts = [0usize; MAX_BITS + 1];
        for bits in 1..MAX_BITS {
            starts[bits + 1] = starts[bits] + usize::from(counts[bits]);
        }
        let mut by_code = vec![0u16; starts[MAX_BITS] + usize::from(counts[MAX_BITS])];
        for (symbol, &bits) in lengths.iter().enumerate() {
            let bits = usize::from(bits);
            if bits == 0 {
                continue;
            }
            by_code[starts[bits]] = symbol as u16;
            starts[bits] += 1;
            let code = next[bits];
            next[bits] += 1;
            if bits <= FAST_BITS as usize {
                let entry = (symbol as u16) << 4 | bits as u16;
                fast.iter_mut().skip(reversed(code, bits) as usize).step_by(1 << bits).for_each(|slot| *slot = entry);
            }
        }
        Ok(Self { symbols: lengths.len() as u16, only: None, fast, counts, by_code })
    }

    /// How many symbols the alphabet has.
    pub(super) fn symbols(&self) -> u16 {
        self.symbols
    }

    /// Takes one symbol.
    #[inline]
    pub(super) fn read(&self, bits: &mut BitReader<'_>) -> Result<u16, RepackError> {
        if let Some(only) = self.only {
            return Ok(only);
        }
        let look = bits.peek(MAX_BITS as u32);
        let entry = self.fast[(look & ((1 << FAST_BITS) - 1)) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry & 15))?;
            return Ok(entry >> 4);
        }
        let (mut code, mut first, mut index) = (0u32, 0u32, 0usize);
        for length in 1..=MAX_BITS {
            code = code << 1 | (look >> (length - 1) & 1);
            first <<= 1;
            let count = u32::from(self.counts[length]);
            if code < first + count {
                bits.skip(length as u32)?;
                let symbol = code.checked_sub(first).and_then(|offset| self.by_code.get(index + offset as usize));
                return symbol.copied().ok_or(RepackError::Damaged { what: "a code without a symbol" });
            }
            first += count;
            index += count as usize;
        }
        Err(RepackError::Damaged { what: "a code without a symbol" })
    }
}

/// Finds codes by their symbols.
pub(super) struct Encoder {
    /// Code × 16 + bits of the code; `ABSENT` where the symbol has none.
    entries: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Encoder {
    pub(super) fn new(lengths: &Lengths) -> Result<Self, RepackError> {
        let lengths = match lengths {
            Lengths::Each(lengths) => lengths,
            &Lengths::Only(symbol, symbols) => {
                let mut entries = vec![ABSENT; usize::from(symbols)];
                *entries.get_mut(usize::from(symbol)).ok_or(RepackError::Damaged { what: "a lone symbol" })? = 0;
                return Ok(Self { entries });
            }
        };
        let mut next = first_codes(&counts(lengths)?);
        let entry = |&bits: &u8| {
            let bits = usize::from(bits);
            if bits == 0 {
                return ABSENT;
            }
            let code = next[bits];
            next[bits] += 1;
            reversed(code, bits) << 4 | bits as u32
        };
        Ok(Self { entries: lengths.iter().map(entry).collect() })
    }

    /// How many symbols the alphabet has.
    pub(super) fn symbols(&self) -> u16 {
        self.entries.len() as u16
    }

    /// Writes the code of `symbol`.
    #[inline]
    pub(super) fn write(&self, symbol: u16, bits: &mut BitWriter) -> Result<(), RepackError> {
        match self.entries.get(usize::from(symbol)) {
            Some(&entry) if entry != ABSENT => {
                bits.put(entry >> 4, entry & 15);
                Ok(())
            }
            _ => Err(RepackError::Damaged { what: "a symbol without a code" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_come_back_from_their_codes() {
        let mut deep: Vec<u8> = (1..=15).collect();
        deep.push(15);
        let lone = Lengths::Only(7, 19);
        for lengths in [Lengths::Each(vec![2, 0, 1, 3, 3]), Lengths::Each(deep), Lengths::Each(vec![0, 1]), lone] {
            let (encoder, decoder) = (Encoder::new(&lengths).unwrap(), Decoder::new(&lengths).unwrap());
            let mut bits = BitWriter::default();
            let present: Vec<u16> =
                (0..encoder.symbols()).filter(|&symbol| encoder.write(symbol, &mut bits).is_ok()).collect();
            bits.align();
            let mut reader = BitReader::new(&bits.bytes);
            for symbol in present {
                assert_eq!(decoder.read(&mut reader).unwrap(), symbol);
            }
        }
    }

    #[test]
    fn a_code_with_too_many_codes_is_refused() {
        assert!(Decoder::new(&Lengths::Each(vec![1, 1, 1])).is_err());
        assert!(Encoder::new(&Lengths::Each(vec![16])).is_err());
    }
}
