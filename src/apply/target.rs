//! Where new goes: a file or a folder beside its final place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::ApplyError;
use crate::files::{FileError, Staged, StagedFolder};
use crate::tree::Kind;

/// A result on its way.
pub enum Target {
    /// One file.
    File(Staged),
    /// A folder.
    Folder(StagedFolder),
}

impl Target {
    /// A temporary beside `new`.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn create(new: &Path, kind: Kind) -> Result<Self, FileError> {
        Ok(match kind {
            Kind::File => Self::File(Staged::create_beside(new)?),
            Kind::Folder => Self::Folder(StagedFolder::create_beside(new)?),
        })
    }

    /// Creates the file at `path`.
    pub fn create_file(&self, path: &str, executable: bool) -> Result<File, ApplyError> {
        match self {
            Self::Folder(folder) => Ok(folder.create_file(path, executable)?),
            Self::File(staged) => {
                if executable {
                    staged.set_executable()?;
                }
                staged.file().try_clone().map_err(|source| self.write_error(path, source))
            }
        }
    }

    /// Opens the complete file at `path` for reading.
    pub fn reopen(&self, path: &str) -> Result<File, ApplyError> {
        let place = self.path_of(path).unwrap_or_else(|| self.beside());
        crate::files::open_plain(&place).map_err(|source| ApplyError::Io { action: "read", path: place, source })
    }

    /// Where the complete file at `path` can be read, if it can: a single file has no others that refer to it.
    #[must_use]
    pub fn path_of(&self, path: &str) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.path().join(path)),
            Self::File(_) => None,
        }
    }

    /// A path beside which temporaries may lie.
    #[must_use]
    pub fn beside(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().to_owned(),
            Self::File(staged) => staged.path().to_owned(),
        }
    }

    /// Puts the result in its place.
    ///
    /// # Errors
    /// As [`Staged::commit`] and [`StagedFolder::commit`].
    pub fn commit(self) -> Result<(), FileError> {
        match self {
            Self::File(staged) => staged.commit(),
            Self::Folder(folder) => folder.commit(),
        }
    }

    /// Says that `path` could not be written.
    #[must_use]
    pub fn write_error(&self, path: &str, source: io::Error) -> ApplyError {
        ApplyError::Io { action: "write", path: self.path_of(path).unwrap_or_else(|| self.beside()), source }
    }
}
