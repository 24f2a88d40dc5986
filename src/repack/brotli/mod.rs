//! Brotli (RFC 7932), taken apart into content and residue and written back.
//!
//! The residue holds headers and block switches as they stand, and each command as a record: varints of the insert
//! length and of the copy length with its source, then the distance where neither the command nor the nearest place
//! implies it. The literals themselves are the content's.

mod give;
mod header;
mod tables;
mod take;

use super::nearest::Nearest;

pub(super) use give::Giving;
pub(super) use take::take;

/// How far back the nearest place of a copy is looked for: what that costs in memory is about five times as much.
const WINDOW_BITS: u32 = 18;
/// Longest copy that is looked for.
const LONGEST: u32 = 1024;

/// The nearest places of copies.
fn nearest() -> Nearest {
    Nearest::new(WINDOW_BITS, 4)
}

/// Added to four times the copy length in the residue.
mod source {
    /// A distance follows, unless the literals end the meta-block.
    pub(super) const GIVEN: u32 = 0;
    /// The command implies the last distance.
    pub(super) const LAST: u32 = 1;
    /// The nearest place, by a distance of its own.
    pub(super) const NEAREST: u32 = 2;
}

/// The first byte of a distance in the residue.
mod distance {
    /// From here on, up to `LONG`: the distance's bits from 16 up, plus this; two bytes follow. Below: one of the sixteen
    /// short codes, which refer to the last four distances.
    pub(super) const NEAR: u8 = 17;
    /// A word of the static dictionary: its number in three bytes and its length in one follow.
    pub(super) const WORD: u8 = 16;
    /// The whole distance in four bytes follows.
    pub(super) const LONG: u8 = 255;
}
