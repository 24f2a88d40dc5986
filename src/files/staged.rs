//! The durable replace of one file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{FileError, leftovers, parent, resolve, set_executable, sync_folder};

/// A file that is written beside its target and takes its place in one step.
///
/// Until [`Staged::commit`] the target is untouched; dropped without it, the temporary is removed. A process killed at
/// any time leaves the target as it was or as it was to be, and at most a temporary beside it, which the next `Staged`
/// of the same target removes.
///
/// ```
/// use std::io::Write;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let target = folder.path().join("index.bundle");
/// let mut staged = smidge::files::Staged::create_beside(&target)?;
/// staged.file().write_all(b"new content")?;
/// staged.commit()?;
/// assert_eq!(std::fs::read(&target)?, b"new content");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Staged {
    target: PathBuf,
    path: PathBuf,
    file: File,
    done: bool,
}

impl Staged {
    /// Creates the temporary in the folder of `target`, after removing what killed processes left there for the same
    /// target. Where `target` is a symbolic link, what it points to will be replaced.
    ///
    /// # Errors
    /// [`FileError::Occupied`] where `target` exists and is not a regular file, [`FileError::Io`] where its folder
    /// cannot be written.
    pub fn create_beside(target: &Path) -> Result<Self, FileError> {
        let target = resolve(target)?;
        if target.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(FileError::Occupied { path: target, expected: "a regular file" });
        }
        leftovers::reclaim(&target);
        let (path, file) = leftovers::create(&target, |path| File::create_new(path))?;
        Ok(Self { target, path, file, done: false })
    }

    /// The temporary, open for reading and writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the temporary lies until it is committed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the file be executed, once it is in place.
    ///
    /// # Errors
    /// [`FileError::Io`] where the mode cannot be changed.
    pub fn set_executable(&self) -> Result<(), FileError> {
        set_executable(&self.file).map_err(|source| FileError::io("make executable", &self.path, source))
    }

    /// Puts the file in the target's place: its content is forced to disk, the temporary renamed over the target, and
    /// the folder forced to disk. When this returns, the new file survives a power cut.
    ///
    /// # Errors
    /// [`FileError::Io`]. Where forcing the content failed, the target is as it was and the temporary is removed: a
    /// second try could be told that all is well for data that was lost. Where forcing the folder failed, the target
    /// may be either one after a power cut.
    pub fn commit(mut self) -> Result<(), FileError> {
        self.file.sync_all().map_err(|source| FileError::io("force to disk", &self.path, source))?;
        fs::rename(&self.path, &self.target).map_err(|source| FileError::io("replace", &self.target, source))?;
        self.done = true;
        let folder = parent(&self.target);
        sync_folder(folder).map_err(|source| FileError::io("force to disk", folder, source))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            leftovers::remove(&self.path);
        }
    }
}

/// Writes into the temporary.
impl io::Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{io::Write, os::unix::fs::symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_commit_replaces_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        for content in ["one", "two"] {
            let mut staged = Staged::create_beside(&target).unwrap();
            staged.write_all(content.as_bytes()).unwrap();
            assert_ne!(fs::read_to_string(&target).ok().as_deref(), Some(content));
            staged.set_executable().unwrap();
            staged.commit().unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), content);
            assert!(super::super::is_executable(&target.metadata().unwrap()));
            assert_eq!(names(folder.path()), ["f"]);
        }
    }

    #[test]
    fn dropped_it_leaves_the_target_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        fs::write(&target, "old").unwrap();
        let mut staged = Staged::create_beside(&target).unwrap();
        staged.write_all(b"half").unwrap();
        drop(staged);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(names(folder.path()), ["f"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_go_and_those_of_a_living_one_stay() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f");
        let left = leftovers::fresh(&target);
        fs::write(&left, "half").unwrap();
        let of_another_target = leftovers::fresh(&folder.path().join("g"));
        fs::write(&of_another_target, "half").unwrap();
        let living = Staged::create_beside(&target).unwrap();
        assert!(!left.exists());
        let second = Staged::create_beside(&target).unwrap();
        assert!(living.path.exists() && second.path.exists() && of_another_target.exists());
    }

    #[test]
    fn only_a_regular_file_is_replaced_and_a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        for special in [Path::new("/dev/null"), folder.path()] {
            assert!(matches!(Staged::create_beside(special), Err(FileError::Occupied { .. })));
        }
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/real"), "old").unwrap();
        symlink("sub/real", folder.path().join("link")).unwrap();
        let mut staged = Staged::create_beside(&folder.path().join("link")).unwrap();
        staged.write_all(b"new").unwrap();
        staged.commit().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("sub/real")).unwrap(), "new");
        assert!(folder.path().join("link").is_symlink());
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let error = Staged::create_beside(Path::new("/nowhere/at/all/f")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all/f"), "{error}");
    }
}
