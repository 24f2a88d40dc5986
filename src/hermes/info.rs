//! The info of a function behind all bodies: exception handlers and offsets into the debug info.

use crate::codec::ends::Old;

use super::HermesError;
use super::function::{Function, HAS_DEBUG, HAS_HANDLERS};
use super::reader::{Bytecode, read_exact};

/// What is known of a function besides its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// Start, end and target of each exception handler.
    pub handlers: Vec<[u32; 3]>,
    /// Offsets into the debug info.
    pub debug: Vec<u32>,
}

/// Reads the info of a function.
///
/// # Errors
/// [`HermesError::Read`] where the file ends before.
pub fn read_info(old: &mut impl Old, file: &Bytecode, function: &Function) -> Result<Info, HermesError> {
    let mut info = Info::default();
    let mut at = u64::from(function.info);
    let mut bytes = Vec::new();
    if function.large {
        at += file.form.large_bytes() as u64;
    }
    let words = |bytes: &[u8]| -> Vec<u32> {
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
    };
    if function.flags & HAS_HANDLERS != 0 {
        at = at.next_multiple_of(4);
        read_exact(old, at, 4, &mut bytes)?;
        let count = words(&bytes)[0];
        read_exact(old, at + 4, 12 * u64::from(count), &mut bytes)?;
        info.handlers = words(&bytes).chunks_exact(3).map(|three| [three[0], three[1], three[2]]).collect();
        at += 4 + 12 * u64::from(count);
    }
    if function.flags & HAS_DEBUG != 0 {
        at = at.next_multiple_of(4);
        read_exact(old, at, 4 * file.form.debug_words as u64, &mut bytes)?;
        info.debug = words(&bytes);
    }
    Ok(info)
}
