//! What the store keeps in pointers of its own: lines of a word and a number, and lists of hashes, closed by their own
//! hash.
//!
//! ```text
//! smidge lease
//! epoch 12
//! expires 1764000000
//! check 5f…   (BLAKE3 of all lines above)
//! ```

use std::fmt::Write;

use super::{PointerName, StoreError};
use crate::hash::Hash;

/// Builds a record.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn new(kind: &str) -> Self {
        Self(format!("smidge {kind}\n"))
    }

    pub(super) fn number(mut self, word: &str, number: u64) -> Self {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "{word} {number}");
        self
    }

    pub(super) fn hashes<'a>(mut self, hashes: impl Iterator<Item = &'a Hash>) -> Self {
        for hash in hashes {
            let _ = writeln!(self.0, "{hash}");
        }
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let check = Hash::of(self.0.as_bytes());
        let _ = writeln!(self.0, "check {check}");
        self.0.into_bytes()
    }
}

/// Reads a record, line by line.
pub(super) struct Reader<'a> {
    name: &'a PointerName,
    lines: std::str::Lines<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a PointerName, value: &'a [u8], kind: &str) -> Result<Self, StoreError> {
        let wrong = |why| StoreError::Record { name: name.to_string(), why };
        let text = std::str::from_utf8(value).map_err(|_| wrong("it is not text"))?;
        let body = text.strip_suffix('\n').and_then(|text| text.rsplit_once('\n'));
        let (body, last) = body.ok_or_else(|| wrong("it is cut off"))?;
        let check = last.strip_prefix("check ").and_then(Hash::from_hex).ok_or_else(|| wrong("it is cut off"))?;
        // The line's own end is covered as well.
        if Hash::of(&value[..body.len() + 1]) != check {
            return Err(wrong("it does not have the hash that it tells"));
        }
        let mut reader = Self { name, lines: body.lines() };
        if reader.lines.next().and_then(|line| line.strip_prefix("smidge ")) != Some(kind) {
            return Err(wrong("it is of another kind, or of a later version"));
        }
        Ok(reader)
    }

    pub(super) fn number(&mut self, word: &str) -> Result<u64, StoreError> {
        let line = self.lines.next().and_then(|line| line.split_once(' '));
        let number = line.filter(|(found, _)| *found == word).and_then(|(_, number)| number.parse().ok());
        number.ok_or_else(|| self.wrong("a number is missing"))
    }

    /// The rest, which is hashes.
    pub(super) fn hashes(mut self) -> Result<Vec<Hash>, StoreError> {
        let mut hashes = Vec::new();
        while let Some(line) = self.lines.next() {
            hashes.push(Hash::from_hex(line).ok_or_else(|| self.wrong("a line is no hash"))?);
        }
        Ok(hashes)
    }

    fn wrong(&self, why: &'static str) -> StoreError {
        StoreError::Record { name: self.name.to_string(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_any_damage_is_seen() {
        let name = PointerName::new("x").unwrap();
        let hashes = [Hash::of(b"a"), Hash::of(b"b")];
        let record = Writer::new("test").number("epoch", 7).number("at", u64::MAX).hashes(hashes.iter()).finish();
        let mut reader = Reader::new(&name, &record, "test").unwrap();
        assert_eq!((reader.number("epoch").unwrap(), reader.number("at").unwrap()), (7, u64::MAX));
        assert_eq!(reader.hashes().unwrap(), hashes);
        assert!(Reader::new(&name, &record, "other").is_err());
        for end in 0..record.len() {
            assert!(Reader::new(&name, &record[..end], "test").is_err(), "{end}");
            let mut flipped = record.clone();
            flipped[end] ^= 1;
            // A flip in the case of a letter of the check's own digits changes nothing.
            let same = flipped.eq_ignore_ascii_case(&record);
            assert!(same || Reader::new(&name, &flipped, "test").is_err(), "{end}");
        }
    }
}
