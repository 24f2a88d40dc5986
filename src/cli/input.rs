//! What commands read and write: files, or standard input and output as `-`.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Seek, Write},
    path::Path,
};

use super::Failure;
use crate::files::Staged;

/// Whether `path` stands for standard input or output.
pub(super) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A patch to read, with its first bytes already looked at.
pub(super) struct Patch {
    first: Vec<u8>,
    rest: Box<dyn Read>,
}

impl Patch {
    /// Opens the patch at `path`, or standard input.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut rest: Box<dyn Read> = if is_dash(path) {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(|source| Failure::io("open the patch", path, &source))?;
            Box::new(file)
        };
        let mut first = Vec::with_capacity(8);
        let read = rest.by_ref().take(8).read_to_end(&mut first);
        read.map_err(|source| Failure::io("read the patch", path, &source))?;
        Ok(Self { first, rest })
    }

    /// What other program's patch this looks like: the name of its format and of ours for it.
    pub(super) fn foreign(&self) -> Option<(&'static str, &'static str)> {
        if self.first.starts_with(b"BSDIFF40") {
            Some(("a BSDIFF40 patch", "bsdiff"))
        } else if self.first.starts_with(&0xB1DFu32.to_le_bytes()) {
            Some(("a bidiff stream", "bidiff"))
        } else if self.first.starts_with(&0xFD2F_B528u32.to_le_bytes()) {
            Some(("a zstd frame, perhaps with a bidiff stream", "bidiff"))
        } else {
            None
        }
    }

    /// Refuses what is plainly another program's patch.
    pub(super) fn require_own(&self) -> Result<(), Failure> {
        self.foreign().map_or(Ok(()), |(what, format)| {
            Err(Failure::unusable(format_args!(
                "this is {what}, not a smidge patch; `smidge apply --format {format}` reads it"
            )))
        })
    }

    /// The whole patch.
    pub(super) fn reader(self) -> impl Read {
        io::Cursor::new(self.first).chain(self.rest)
    }

    /// The whole patch as a file of its own that goes when it is closed, for formats that are read in several places.
    pub(super) fn spool(self) -> Result<File, Failure> {
        let spool = || -> io::Result<File> {
            let mut file = tempfile::tempfile()?;
            io::copy(&mut self.reader(), &mut file)?;
            file.rewind()?;
            Ok(file)
        };
        spool().map_err(|error| Failure::unusable(format_args!("cannot copy the patch into a temporary: {error}")))
    }
}

/// Where a patch is written: a file that appears when it is complete, or standard output.
pub(super) enum Output {
    Staged(Box<Staged>),
    Stdout(io::Stdout),
}

impl Output {
    /// Writes to `path`, or to standard output unless it is a terminal.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        if !is_dash(path) {
            return Ok(Self::Staged(Box::new(Staged::create_beside(path)?)));
        }
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(Failure::usage("a patch is no text for a terminal; send it to a file or a pipe"));
        }
        Ok(Self::Stdout(stdout))
    }

    /// The place to write to.
    pub(super) fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Staged(staged) => staged,
            Self::Stdout(stdout) => stdout,
        }
    }

    /// Makes what was written appear.
    pub(super) fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Staged(staged) => Ok(staged.commit()?),
            Self::Stdout(mut stdout) => {
                stdout.flush().map_err(|source| Failure::io("write to", Path::new("standard output"), &source))
            }
        }
    }
}
