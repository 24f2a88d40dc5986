//! Finds what of old can be used where in new, as both formats tell it.

use std::{
    io::{self, Write},
    ops::Range,
};

use super::ExchangeError;
use crate::diff::{
    Effort,
    covers::{Costs, covers},
};

/// What the parts of a patch weigh after bzip2 or zstd: a control of three numbers is dear, differences are cheap.
const COSTS: Costs = Costs {
    literal: 256,
    leave: 256,
    differs: 640,
    differs_again: 380,
    agrees: 2,
    agrees_again: 32,
    renames: 640,
    resume: 2048,
    deleted: 16,
    jump: 2560,
    distance: 83,
};

/// One step: differences against a part of old, then new bytes, then a move in old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control {
    /// What of new is written as differences against old.
    pub(super) add: Range<usize>,
    /// Where in old they apply.
    pub(super) old: usize,
    /// What of new follows as it is.
    pub(super) insert: Range<usize>,
    /// How far to move in old, from the end of the part used here to the part used next.
    pub(super) seek: i64,
}

impl Control {
    /// What has to be added to old to get new, byte by byte.
    pub(super) fn differences<'a>(&self, old: &'a [u8], new: &'a [u8]) -> impl Iterator<Item = u8> + use<'a> {
        let (old, new) = (&old[self.old..][..self.add.len()], &new[self.add.clone()]);
        new.iter().zip(old).map(|(new, old)| new.wrapping_sub(*old))
    }
}

/// The controls that make `new`, in order.
///
/// # Errors
/// [`ExchangeError::TooLargeForFormat`] where one of the two has 2 GiB or more.
pub(super) fn find(old: &[u8], new: &[u8]) -> Result<Vec<Control>, ExchangeError> {
    const LIMIT: u64 = (1 << 31) - 1;
    for bytes in [old.len() as u64, new.len() as u64] {
        if bytes > LIMIT {
            return Err(ExchangeError::TooLargeForFormat { bytes, limit: LIMIT });
        }
    }
    let covers = covers(old, new, &[], Effort::Default, &COSTS);
    Ok(along(covers.into_iter().map(|cover| (cover.new, cover.old, cover.len)), new.len()))
}

/// The controls along covers, each a place in new, one in old, and a length: ascending in new, disjoint, not empty.
fn along(covers: impl Iterator<Item = (usize, usize, usize)>, new_len: usize) -> Vec<Control> {
    let mut controls = vec![Control { add: 0..0, old: 0, insert: 0..0, seek: 0 }];
    let mut position = 0;
    for (new, old, len) in covers {
        if let Some(last) = controls.last_mut() {
            last.insert.end = new;
            last.seek = old as i64 - position as i64;
        }
        position = old + len;
        controls.push(Control { add: new..new + len, old, insert: new + len..new + len, seek: 0 });
    }
    if let Some(last) = controls.last_mut() {
        last.insert.end = new_len;
    }
    controls.retain(|control| !control.add.is_empty() || !control.insert.is_empty() || control.seek != 0);
    controls
}

/// Compares what is written with what is expected.
pub(super) struct Compare<'a> {
    expected: &'a [u8],
}

impl<'a> Compare<'a> {
    pub(super) fn new(expected: &'a [u8]) -> Self {
        Self { expected }
    }

    /// Whether all of it came.
    pub(super) fn finish(self) -> Result<(), ExchangeError> {
        if self.expected.is_empty() { Ok(()) } else { Err(ExchangeError::WrongResult) }
    }
}

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.expected.strip_prefix(bytes) {
            Some(rest) => {
                self.expected = rest;
                Ok(bytes.len())
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "it differs from the new file")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
