//! Bounded integers on the wire: LEB128 varints, read with their bound.

use std::io::{self, Read};

use thiserror::Error;

/// The longest varint: ten groups of seven bits hold a `u64`.
pub const MAX_VARINT_BYTES: usize = 10;

/// Why a number could not be read.
#[derive(Debug, Error)]
pub enum WireError {
    /// The number does not end within 64 bits, or ends in a needless zero group.
    #[error("{what} is not a well-formed number; the data is damaged or not made by smidge")]
    Malformed {
        /// Which field was read.
        what: &'static str,
    },
    /// The number is above its bound.
    #[error("{what} is {found}, above its limit of {limit}")]
    TooLarge {
        /// Which field was read.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// What stood there.
        found: u64,
    },
    /// The data ended or could not be read.
    #[error("reading {what}: {source}")]
    Io {
        /// Which field was read.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Appends `value` as a LEB128 varint, low group first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads one varint of at most `limit`.
///
/// # Errors
/// [`WireError::Malformed`] for more than 64 bits or a needless last zero group (each number has one form),
/// [`WireError::TooLarge`] above `limit`, [`WireError::Io`] where `input` ends or fails.
pub fn read_varint(input: &mut (impl Read + ?Sized), what: &'static str, limit: u64) -> Result<u64, WireError> {
    let mut value = 0u64;
    for group in 0..MAX_VARINT_BYTES as u32 {
        let mut byte = [0];
        input.read_exact(&mut byte).map_err(|source| WireError::Io { what, source })?;
        let bits = u64::from(byte[0] & 0x7f);
        let overflows = group == 9 && bits > 1;
        let needless = group > 0 && byte[0] == 0;
        if overflows || needless {
            return Err(WireError::Malformed { what });
        }
        value |= bits << (7 * group);
        if byte[0] < 0x80 {
            return if value > limit { Err(WireError::TooLarge { what, limit, found: value }) } else { Ok(value) };
        }
    }
    Err(WireError::Malformed { what })
}

/// Maps a signed number to an unsigned one, small magnitudes first: 0, -1, 1, -2, …
#[must_use]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[must_use]
pub const fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundary_values_read_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, (1 << 32) - 1, 1 << 32, 1 << 63, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(read_varint(&mut &out[..], "value", u64::MAX).unwrap(), value);
            if value > 0 {
                let refused = read_varint(&mut &out[..], "value", value - 1);
                assert!(matches!(refused, Err(WireError::TooLarge { found, .. }) if found == value));
            }
        }
    }

    #[test]
    fn every_number_has_one_form() {
        for bytes in [&[0x80, 0x00][..], &[0xff; 10], &[0x80; 11]] {
            assert!(matches!(read_varint(&mut &bytes[..], "value", u64::MAX), Err(WireError::Malformed { .. })));
        }
        assert!(matches!(read_varint(&mut &[0x80][..], "value", u64::MAX), Err(WireError::Io { .. })));
    }

    #[test]
    fn zigzag_is_its_own_inverse_at_the_ends() {
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
