//! The constants of brotli (RFC 7932).

/// Base and extra bits of the 24 insert length codes.
const INSERT: [(u32, u32); 24] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 1),
    (8, 1),
    (10, 2),
    (14, 2),
    (18, 3),
    (26, 3),
    (34, 4),
    (50, 4),
    (66, 5),
    (98, 5),
    (130, 6),
    (194, 7),
    (322, 8),
    (578, 9),
    (1090, 10),
    (2114, 12),
    (6210, 14),
    (22594, 24),
];
/// Base and extra bits of the 24 copy length codes.
const COPY: [(u32, u32); 24] = [
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 1),
    (12, 1),
    (14, 2),
    (18, 2),
    (22, 3),
    (30, 3),
    (38, 4),
    (54, 4),
    (70, 5),
    (102, 5),
    (134, 6),
    (198, 7),
    (326, 8),
    (582, 9),
    (1094, 10),
    (2118, 24),
];
/// Base and extra bits of the 26 block length codes.
pub(super) const BLOCK_LENGTH: [(u32, u32); 26] = [
    (1, 2),
    (5, 2),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 3),
    (41, 3),
    (49, 4),
    (65, 4),
    (81, 4),
    (97, 4),
    (113, 5),
    (145, 5),
    (177, 5),
    (209, 5),
    (241, 6),
    (305, 6),
    (369, 7),
    (497, 8),
    (753, 9),
    (1265, 10),
    (2289, 11),
    (4337, 12),
    (8433, 13),
    (16625, 24),
];
/// The order in which the lengths of code length codes stand.
pub(super) const CODE_LENGTH_ORDER: [usize; 18] = [1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Of each group of 64 insert-and-copy codes: the first insert code and the first copy code.
const CELLS: [(usize, usize); 11] =
    [(0, 0), (0, 8), (0, 0), (0, 8), (8, 0), (8, 8), (0, 16), (16, 0), (8, 16), (16, 8), (16, 16)];

/// An insert or copy length: its base, and the bits that are added to it.
pub(super) type Range = (u32, u32);

/// What an insert-and-copy code below 704 stands for: insert lengths, copy lengths, and whether it implies the last
/// distance.
pub(super) fn command(symbol: u16) -> (Range, Range, bool) {
    let (insert, copy) = CELLS[usize::from(symbol >> 6).min(10)];
    let (insert, copy) = (insert + usize::from(symbol >> 3 & 7), copy + usize::from(symbol & 7));
    (INSERT[insert], COPY[copy], symbol < 128)
}

/// The inverse of [`command`], for lengths within range (`copy` at least 2): the code, and the ranges. `None` where no
/// code implies the last distance for such lengths.
pub(super) fn command_code(insert: u32, copy: u32, implied: bool) -> Option<(u16, Range, Range)> {
    let insert_code = INSERT.partition_point(|&(base, _)| base <= insert) - 1;
    let copy_code = COPY.partition_point(|&(base, _)| base <= copy).checked_sub(1)?;
    let cell = match (insert_code / 8, copy_code / 8) {
        (0, 0) if implied => 0,
        (0, 1) if implied => 1,
        _ if implied => return None,
        (0, 0) => 2,
        (0, 1) => 3,
        (1, 0) => 4,
        (1, 1) => 5,
        (0, _) => 6,
        (_, 0) => 7,
        (1, _) => 8,
        (_, 1) => 9,
        _ => 10,
    };
    let symbol = cell << 6 | (insert_code % 8) << 3 | (copy_code % 8);
    Some((symbol as u16, INSERT[insert_code], COPY[copy_code]))
}

/// The smallest length that no length code reaches: bound for insert and copy lengths.
pub(super) const LENGTH_LIMIT: u32 = 2118 + (1 << 24);

/// How the two bytes before a literal choose its code, by mode.
pub(super) fn literal_context(mode: u8, last: u8, before: u8) -> usize {
    usize::from(match mode {
        0 => last & 0x3f,
        1 => last >> 2,
        2 => UTF8_LAST[usize::from(last)] | utf8_before(before),
        _ => signed(last) << 3 | signed(before),
    })
}

fn utf8_before(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 3,
        b'0'..=b'9' | b'A'..=b'Z' | 224.. => 2,
        33..=126 => 1,
        _ => 0,
    }
}

fn signed(byte: u8) -> u8 {
    match byte {
        0 => 0,
        1..=15 => 1,
        16..=63 => 2,
        64..=127 => 3,
        128..=191 => 4,
        192..=239 => 5,
        240..=254 => 6,
        255 => 7,
    }
}

/// Four times the class of the last byte, for text; bytes from 128 on tell continuation from lead bytes.
static UTF8_LAST: [u8; 256] = utf8_last();

const fn utf8_last() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\t' | b'\n' | b'\r' => 4,
            b' ' => 8,
            b'"' | b'\'' => 16,
            b'%' => 20,
            b'(' | b'<' | b'[' | b'{' => 24,
            b')' | b'>' | b']' | b'}' => 28,
            b',' | b':' | b';' => 32,
            b'.' => 36,
            b'=' => 40,
            b'0'..=b'9' => 44,
            b'A' | b'E' | b'I' | b'O' | b'U' => 48,
            b'A'..=b'Z' => 52,
            b'a' | b'e' | b'i' | b'o' | b'u' => 56,
            b'a'..=b'z' => 60,
            33..=126 => 12,
            128..=191 => byte as u8 & 1,
            192.. => 2 | (byte as u8 & 1),
            _ => 0,
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_code_comes_back_from_its_lengths() {
        for symbol in 0..704 {
            let (insert, copy, implied) = command(symbol);
            for (insert, copy) in [(insert.0, copy.0), (insert.0 + (1 << insert.1) - 1, copy.0 + (1 << copy.1) - 1)] {
                assert_eq!(command_code(insert, copy, implied).map(|(code, ..)| code), Some(symbol));
            }
        }
        assert!(command_code(0, 70, true).is_none());
        assert!(command_code(0, 1, false).is_none());
    }
}
