//! Payloads: numbered fields in ascending order, and what stands in them.

use super::TrustError;
use crate::{
    hash::Hash,
    wire::{WireError, put_varint, read_varint},
};

/// The highest number of a field, of a root, an epoch and a label.
pub(super) const MAX_NUMBER: u64 = u32::MAX as u64;

/// Reads the fields of one payload, which must be asked for in ascending order.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    document: &'static str,
    last: u64,
    next: Option<(u64, &'a [u8])>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(payload: &'a [u8], document: &'static str) -> Self {
        Self { rest: payload, document, last: 0, next: None }
    }

    /// What `read` makes of field `number`, if it is there.
    pub(super) fn optional<T>(
        &mut self,
        number: u64,
        field: &'static str,
        read: impl FnOnce(&mut Value<'a>) -> Result<T, TrustError>,
    ) -> Result<Option<T>, TrustError> {
        while self.next.is_some() || !self.rest.is_empty() {
            let (found, bytes) = match self.next.take() {
                Some(next) => next,
                None => self.pull()?,
            };
            if found == number {
                let mut value = Value { rest: bytes, document: self.document, field };
                let made = read(&mut value)?;
                value.end()?;
                return Ok(Some(made));
            }
            if found > number {
                self.next = Some((found, bytes));
                break;
            }
            self.pass_over(found)?;
        }
        Ok(None)
    }

    /// As [`Fields::optional`], where the field must be there.
    pub(super) fn required<T>(
        &mut self,
        number: u64,
        field: &'static str,
        read: impl FnOnce(&mut Value<'a>) -> Result<T, TrustError>,
    ) -> Result<T, TrustError> {
        let document = self.document;
        self.optional(number, field, read)?.ok_or(TrustError::Malformed { document, field, problem: "is missing" })
    }

    /// Makes sure that no field which must be understood is left.
    pub(super) fn finish(mut self) -> Result<(), TrustError> {
        if let Some((number, _)) = self.next.take() {
            self.pass_over(number)?;
        }
        while !self.rest.is_empty() {
            let (number, _) = self.pull()?;
            self.pass_over(number)?;
        }
        Ok(())
    }

    /// Even fields must be understood.
    fn pass_over(&self, number: u64) -> Result<(), TrustError> {
        if number.is_multiple_of(2) {
            return Err(TrustError::UnknownField { document: self.document, number });
        }
        Ok(())
    }

    fn pull(&mut self) -> Result<(u64, &'a [u8]), TrustError> {
        let field = "a field's number";
        let mut head = Value { rest: self.rest, document: self.document, field };
        let number = head.number(0, MAX_NUMBER)?;
        if number <= self.last {
            return Err(head.malformed("is not above that of the field before it"));
        }
        head.field = "a field's length";
        let length = head.number(0, head.rest.len() as u64)?;
        let bytes = head.take(length as usize)?;
        self.rest = head.rest;
        self.last = number;
        Ok((number, bytes))
    }
}

/// Reads what stands in a field.
pub(super) struct Value<'a> {
    rest: &'a [u8],
    document: &'static str,
    field: &'static str,
}

impl<'a> Value<'a> {
    /// A value that stands by itself.
    pub(super) fn new(bytes: &'a [u8], document: &'static str, field: &'static str) -> Self {
        Self { rest: bytes, document, field }
    }

    /// From here on, errors name this field.
    pub(super) fn at(&mut self, field: &'static str) {
        self.field = field;
    }

    pub(super) fn malformed(&self, problem: &'static str) -> TrustError {
        TrustError::Malformed { document: self.document, field: self.field, problem }
    }

    pub(super) fn number(&mut self, least: u64, most: u64) -> Result<u64, TrustError> {
        let (document, what) = (self.document, self.field);
        let wire = |source: WireError| TrustError::Number { document, source };
        let number = read_varint(&mut self.rest, what, most).map_err(wire)?;
        if number < least { Err(self.malformed("is below what it may be")) } else { Ok(number) }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], TrustError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed("ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TrustError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.malformed("ends early"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, TrustError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn hash(&mut self) -> Result<Hash, TrustError> {
        self.array().map(Hash::from_bytes)
    }

    /// Text with its length before it, of 1 to `most` bytes.
    pub(super) fn text(&mut self, most: usize) -> Result<&'a str, TrustError> {
        let length = self.number(1, most as u64)?;
        let bytes = self.take(length as usize)?;
        self.plain(bytes, false)
    }

    /// Text that fills the field, of 1 to `most` bytes.
    pub(super) fn whole_text(&mut self, most: usize, lines: bool) -> Result<&'a str, TrustError> {
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() || bytes.len() > most {
            return Err(self.malformed("is empty or too long"));
        }
        self.plain(bytes, lines)
    }

    fn plain(&self, bytes: &'a [u8], lines: bool) -> Result<&'a str, TrustError> {
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("is not UTF-8"))?;
        if !is_plain(text, lines) {
            return Err(self.malformed("holds a control character"));
        }
        Ok(text)
    }

    /// A list whose length stands before it. Memory grows with the bytes that are there, not with what the length says.
    pub(super) fn list<T>(
        &mut self,
        least: u64,
        most: u64,
        mut read: impl FnMut(&mut Self) -> Result<T, TrustError>,
    ) -> Result<Vec<T>, TrustError> {
        let count = self.number(least, most)?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn ascending<T: Ord>(&self, list: &[T]) -> Result<(), TrustError> {
        if list.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        Err(self.malformed("is not in strictly ascending order"))
    }

    pub(super) fn end(&self) -> Result<(), TrustError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("goes on behind its end")) }
    }
}

/// Whether `text` has no control characters; with `lines` it may have line feeds.
pub(super) fn is_plain(text: &str, lines: bool) -> bool {
    !text.chars().any(|c| c.is_control() && !(lines && c == '\n'))
}

/// Appends field `number`.
pub(super) fn put_field(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut value = Vec::new();
    write(&mut value);
    put_varint(out, number);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(&value);
}

/// Appends a field that is one number.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_field(out, number, |out| put_varint(out, value));
}

/// Appends `text` with its length before it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
