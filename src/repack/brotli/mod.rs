//! Brotli (RFC 7932), taken apart into content and residue and written back.
//!
//! The residue holds headers and block switches as they stand, and each command as a record: varints of the insert
//! length and of twice the copy length (plus one if the last distance is implied), then, where the stream has one, the
//! distance. The literals themselves are the content's.

mod give;
mod header;
mod tables;
mod take;

pub(super) use give::Giving;
pub(super) use take::take;

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
