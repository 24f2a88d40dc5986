//! The file header of new, as far as it does not follow from the sections, and the layout of the instructions.

use crate::codec::range::Coder;

use super::HermesError;
use super::form::{COUNTS, COUNTS_AT, Count, HEADER_BYTES};
use super::hints::{Flag, Hints, Sort};
use super::layout::{self, Layout};
use super::reader::Bytecode;

/// What of the file header does not follow from the sections.
pub struct Header {
    /// Its bytes.
    pub bytes: [u8; HEADER_BYTES],
    /// Its numbers, as far as they do not follow.
    pub counts: [u32; COUNTS],
}

fn raw<C: Coder>(hints: &mut Hints<C>, byte: u8) -> u8 {
    (0..8)
        .rev()
        .fold(0, |byte_so_far, place| byte_so_far << 1 | hints.coder.code(u32::from(byte >> place & 1), 1 << 15) as u8)
}

/// Codes the header.
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints.
pub fn code_header<C: Coder>(
    hints: &mut Hints<C>,
    file: &Bytecode,
    new: Option<&Bytecode>,
) -> Result<Header, HermesError> {
    let mut bytes = file.header;
    let told = new.map_or(file.header, |new| new.header);
    if hints.flag(told[12..32] != bytes[12..32], Flag::SourceChanged, 0) {
        for i in 12..32 {
            bytes[i] = raw(hints, told[i]);
        }
    }
    let mut counts = file.counts;
    let free = [Count::GlobalCode, Count::Segment, Count::StringSwitches];
    let rest = COUNTS_AT + 4 * file.form.counts().len();
    let told_counts = new.map_or(file.counts, |new| new.counts);
    let differs = free.iter().any(|&count| told_counts[count as usize] != counts[count as usize])
        || told[rest..] != bytes[rest..];
    if hints.flag(differs, Flag::HeaderChanged, 0) {
        for count in free {
            let i = count as usize;
            counts[i] = hints.near(told_counts[i], counts[i], Sort::Header, [i as u32, 0, 0, 0])?;
        }
        for i in rest..HEADER_BYTES {
            if hints.flag(told[i] != bytes[i], Flag::HeaderChanged, 1) {
                bytes[i] = raw(hints, told[i]);
            }
        }
    }
    Ok(Header { bytes, counts })
}

/// Codes the layout of the instructions: that of the version, or one that the hints bring.
///
/// # Errors
/// As [`code_header`]; [`HermesError::Layout`].
pub fn code_layout<C: Coder>(hints: &mut Hints<C>, version: u32, told: Option<&Layout>) -> Result<Layout, HermesError> {
    let usual = layout::layout(version);
    if !hints.flag(told.is_some() && told != usual.as_ref(), Flag::HeaderChanged, 2)
        && let Some(usual) = usual
    {
        return Ok(usual);
    }
    let mut form = Vec::new();
    if let Some(told) = told {
        told.write(&mut form);
    }
    let mut bytes = Vec::new();
    let size = hints.number(form.len() as u32, Sort::Header, [99, 0, 0, 0])?;
    if size > 4096 {
        return Err(HermesError::Hints { what: "an instruction layout that is too long" });
    }
    for i in 0..size as usize {
        bytes.push(raw(hints, form.get(i).copied().unwrap_or_default()));
    }
    hints.check()?;
    Ok(Layout::read(&mut &bytes[..])?)
}
