//! The entry of one function in the debug info: places in the source, as signed LEB128 numbers.

use crate::codec::ends::Old;

use super::HermesError;
use super::debug::Section;
use super::form::Form;

/// No entry.
pub const NO_OFFSET: u32 = u32::MAX;
/// One place in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Where the instruction stands in the body.
    pub at: u32,
    /// No place in the source belongs to it; nothing else is set.
    pub nowhere: bool,
    /// The line, by its distance from that of the record before.
    pub line: i32,
    /// The column, likewise.
    pub column: i32,
    /// To version 96: the scope and the register of the environment. From 97: the environment's distance.
    pub scope: i32,
    /// See `scope`.
    pub environment: i32,
    /// The statement's distance.
    pub statement: i32,
}

/// The debug info of one function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations {
    /// The line and the column that the function starts at, and its environment from version 97; none where the function
    /// has no entry.
    pub start: Option<[i32; 3]>,
    /// Its records.
    pub records: Vec<Record>,
    /// The offsets into the debug info besides that of the entry.
    pub others: Vec<u32>,
}

struct Numbers<'a, O> {
    old: &'a mut O,
    at: u64,
    end: u64,
}

impl<O: Old> Numbers<'_, O> {
    fn next(&mut self) -> Result<i32, HermesError> {
        let strange = HermesError::Form { what: "its debug info has another form" };
        let mut value = 0i64;
        for shift in (0..70).step_by(7) {
            if self.at >= self.end || shift > 56 {
                return Err(strange);
            }
            let byte = self.old.byte(self.at);
            self.at += 1;
            value |= i64::from(byte & 127) << shift;
            if byte < 128 {
                if byte & 64 != 0 {
                    value -= 1 << (shift + 7);
                }
                // Registers are written as unsigned numbers of 32 bits.
                let value = if value == 0xffff_ffff { -1 } else { value };
                return i32::try_from(value).map_err(|_| strange);
            }
        }
        Err(strange)
    }
}

fn push(out: &mut Vec<u8>, value: i64) {
    let mut value = value;
    loop {
        let byte = (value & 127) as u8;
        value >>= 7;
        if value == 0 && byte & 64 == 0 || value == -1 && byte & 64 != 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 128);
    }
}

/// Reads the entry of a function whose offsets into the debug info are `words`.
///
/// # Errors
/// [`HermesError::Form`] where the entry is of another form.
pub fn read(
    old: &mut impl Old,
    form: &Form,
    section: &Section,
    words: &[u32],
) -> Result<(Locations, u32), HermesError> {
    let mut locations = Locations { others: words.get(1..).unwrap_or_default().to_vec(), ..Locations::default() };
    let offset = words.first().copied().unwrap_or(NO_OFFSET);
    if offset == NO_OFFSET {
        return Ok((locations, 0));
    }
    let mut numbers = Numbers { old, at: section.data + u64::from(offset), end: section.tail };
    let index = numbers.next()?;
    let mut start = [numbers.next()?, numbers.next()?, 0];
    if form.has_shapes() {
        start[2] = numbers.next()?;
    }
    locations.start = Some(start);
    let mut at = 0i64;
    loop {
        let distance = numbers.next()?;
        if distance == -1 {
            break;
        }
        at += i64::from(distance);
        let mut record = Record { at: u32::try_from(at).unwrap_or(u32::MAX), ..Record::default() };
        let line = numbers.next()?;
        let (mut statement, mut environment) = (line & 1 != 0, false);
        if form.has_shapes() {
            (statement, environment) = (line & 2 != 0, line & 4 != 0);
            record.nowhere = line & 1 == 0;
            record.line = line >> 3;
        } else {
            record.line = line >> 1;
        }
        if !record.nowhere {
            record.column = numbers.next()?;
            if !form.has_shapes() {
                record.scope = numbers.next()?;
                record.environment = numbers.next()?;
            }
            if statement {
                record.statement = numbers.next()?;
            }
            if environment {
                record.environment = numbers.next()?;
            }
        }
        locations.records.push(record);
    }
    Ok((locations, index as u32))
}

impl Locations {
    /// Appends the entry of function `index`; its offset, or [`NO_OFFSET`] where it has none.
    pub fn write(&self, form: &Form, index: u32, out: &mut Vec<u8>) -> u32 {
        let Some(start) = self.start else { return NO_OFFSET };
        let offset = out.len() as u32;
        push(out, index.into());
        for value in start.iter().take(2 + usize::from(form.has_shapes())) {
            push(out, (*value).into());
        }
        let mut before = 0i64;
        for record in &self.records {
            push(out, i64::from(record.at) - before);
            before = record.at.into();
            let line = i64::from(record.line);
            let statement = record.statement != 0;
            if !form.has_shapes() {
                push(out, line << 1 | i64::from(statement));
                push(out, record.column.into());
                push(out, record.scope.into());
                push(out, if record.environment == -1 { 0xffff_ffff } else { record.environment.into() });
            } else if record.nowhere {
                push(out, 0);
                continue;
            } else {
                let flags = i64::from(record.environment != 0) << 2 | i64::from(statement) << 1 | 1;
                push(out, line << 3 | flags);
                push(out, record.column.into());
            }
            if statement {
                push(out, record.statement.into());
            }
            if form.has_shapes() && record.environment != 0 {
                push(out, record.environment.into());
            }
        }
        push(out, -1);
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_in_their_shortest_form() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            push(&mut out, value.into());
            let end = out.len() as u64;
            let mut bytes = &out[..];
            let mut numbers = Numbers { old: &mut bytes, at: 0, end };
            assert_eq!(numbers.next().unwrap(), value);
            assert_eq!(numbers.at, end);
            assert!(numbers.next().is_err());
        }
    }
}
