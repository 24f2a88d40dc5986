//! The body of a patch, opened: what the models read, and the lanes.

use std::io::{self, Read};

use super::error::ApplyError;
use crate::codec::lanes::LaneReader;
use crate::limits::Limits;
use crate::patch::{Frames, Header, PatchError};
use crate::wire::read_varint;

/// What the models read: the whole body, or only the part of it before the lanes.
pub enum Body<'p> {
    /// The whole body.
    Whole(Frames<&'p mut dyn Read>),
    /// The part of it before the lanes, read whole.
    Models(io::Cursor<Vec<u8>>),
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(frames) => frames.read(buffer),
            Self::Models(bytes) => bytes.read(buffer),
        }
    }
}

/// Edits that stand in lanes.
pub type Lanes<'p> = LaneReader<Frames<&'p mut dyn Read>>;

/// Opens the body: where edits stand in lanes, what the models read comes first, with its length.
///
/// # Errors
/// Where the body cannot be read, or would take more memory than it may.
pub fn open_body<'p>(
    mut frames: Frames<&'p mut dyn Read>,
    header: &Header,
    limits: &Limits,
) -> Result<(Body<'p>, Option<Lanes<'p>>), ApplyError> {
    if !header.lanes {
        return Ok((Body::Whole(frames), None));
    }
    let most = limits.apply_memory_bytes - super::needed(header);
    let len = read_varint(&mut frames, "the length of the list of files", most).map_err(PatchError::from)?;
    let mut models = Vec::new();
    let read = (&mut frames).take(len).read_to_end(&mut models);
    frames.check()?;
    match read {
        Ok(read) if read as u64 == len => Ok((Body::Models(io::Cursor::new(models)), Some(LaneReader::new(frames)))),
        read => {
            let source = read.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            Err(PatchError::Read { what: "the list of files", source }.into())
        }
    }
}
