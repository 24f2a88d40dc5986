//! Files as an update needs them: read in place without following links, replaced durably.
//!
//! [`Staged`] and [`StagedFolder`] write beside their target under a name that marks them as temporary, and take the
//! target's place in one rename after everything has reached the disk. Dropped before that, they are removed; left by
//! a killed process, they are removed by the next one that stages the same target.

mod leftovers;
mod staged;
mod staged_folder;

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use staged::Staged;
pub use staged_folder::StagedFolder;

/// Why files could not be written or replaced.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {action} {path:?}: {source}{}", hint(.source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The target exists and is something else than what is to be put there.
    #[error("{path:?} exists and is not {expected}; choose another target, or remove it first")]
    Occupied {
        /// The target.
        path: PathBuf,
        /// What may be replaced, with its article.
        expected: &'static str,
    },
    /// A path below the target is not safe.
    #[error(transparent)]
    Path(#[from] crate::tree::PathError),
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// What a person can do about the commonest causes.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => "; free some space and try again, the target is as it was",
        io::ErrorKind::QuotaExceeded => "; the quota is used up: free some space, the target is as it was",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a target on a file system that can be written",
        io::ErrorKind::PermissionDenied => "; check who may write there",
        _ => "",
    }
}

/// Opens a file for reading, refusing a symbolic link in its last part and never waiting for a pipe.
///
/// # Errors
/// As the system's; `InvalidInput` where it is not a regular file.
pub fn open_plain(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    let file = {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        // Nonblocking: a pipe put in the file's place must not hang us. It changes nothing for a regular file.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        File::from(openat(CWD, path, flags, Mode::empty())?)
    };
    #[cfg(not(unix))]
    let file = File::open(path)?;
    require_file(file)
}

/// Opens files below one folder, following no symbolic link below it. The folders on the way to the last file stay open,
/// so that files opened in the order of their paths cost one call each.
#[derive(Debug)]
pub struct Beneath {
    root: PathBuf,
    /// The root, and the folders on the way to the last file with their names.
    #[cfg(unix)]
    open: Vec<(String, rustix::fd::OwnedFd)>,
}

impl Beneath {
    /// Below the folder `root`, which may itself be reached through links.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            #[cfg(unix)]
            open: Vec::new(),
        }
    }

    /// Opens the file at the safe relative `path` for reading.
    ///
    /// # Errors
    /// `InvalidInput` where the path is not safe or no regular file is there; else as the system's: a link on the way
    /// gives `NotADirectory` or `FilesystemLoop`.
    pub fn open(&mut self, path: &str) -> io::Result<File> {
        crate::tree::path::check(path).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        #[cfg(unix)]
        {
            use rustix::fs::{CWD, Mode, OFlags, openat};
            // Part by part instead of openat2: older Android kills a process for a system call that it does not know.
            let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            if self.open.is_empty() {
                self.open.push((String::new(), openat(CWD, &self.root, folder_flags, Mode::empty())?));
            }
            let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
            let parts = || folders.split('/').filter(|part| !part.is_empty());
            let shared = parts().zip(&self.open[1..]).take_while(|(part, (name, _))| part == name).count();
            self.open.truncate(1 + shared);
            for part in parts().skip(shared) {
                let folder = openat(self.last(), part, folder_flags | OFlags::NOFOLLOW, Mode::empty())?;
                self.open.push((part.to_owned(), folder));
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            require_file(File::from(openat(self.last(), name, flags, Mode::empty())?))
        }
        #[cfg(not(unix))]
        open_plain(&self.root.join(path))
    }

    #[cfg(unix)]
    fn last(&self) -> &rustix::fd::OwnedFd {
        &self.open[self.open.len() - 1].1
    }
}

/// Opens one file at the safe relative `path` below the folder `root`, following no symbolic link below `root`.
///
/// # Errors
/// As [`Beneath::open`].
pub fn open_beneath(root: &Path, path: &str) -> io::Result<File> {
    Beneath::new(root).open(path)
}

/// Lets the system begin to write `file` to the disk, so that forcing it there later waits less. Only advice.
pub fn begin_writeback(file: &File) {
    // Not `posix_fadvise`, which can do it too but then waits for every processor to give up its lists of pages.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: the call takes no memory of ours, and the descriptor is open.
        let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = file;
}

fn require_file(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Fills `buffer` from `offset` in `file`, leaving the file's own position alone where the system can.
///
/// # Errors
/// `UnexpectedEof` where the file ends first; else as the system's.
pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// Writes all of `bytes` at `offset` of `file`, leaving the file's own position alone where the system can.
///
/// # Errors
/// As the system's.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
    #[cfg(not(unix))]
    {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}

/// Whether the owner may execute the file. Never, where the system keeps no such bit.
#[must_use]
pub fn is_executable(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// Lets everybody execute `file` who may read it. Does nothing where the system keeps no such bit.
///
/// # Errors
/// As the system's.
pub fn set_executable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Waits until the names in `folder` are on the disk. Does nothing where the system cannot open folders.
///
/// # Errors
/// As the system's. After an error nothing is known to be on the disk, and trying again would not tell.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The folder that `path` lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where `target` really lies: a symbolic link is followed, so that replacing leaves the link in place.
fn resolve(target: &Path) -> Result<PathBuf, FileError> {
    match fs::symlink_metadata(target) {
        Ok(metadata) if metadata.is_symlink() => {
            fs::canonicalize(target).map_err(|source| FileError::io("follow", target, source))
        }
        Ok(_) => Ok(target.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(target.to_owned()),
        Err(source) => Err(FileError::io("look at", target, source)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_below_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("sub/a"), "1").unwrap();
        fs::write(folder.path().join("outside"), "2").unwrap();
        symlink("../outside", root.join("link")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("sub", root.join("alias")).unwrap();
        let mut beneath = Beneath::new(&root);
        assert!(beneath.open("sub/a").is_ok());
        for path in ["link", "up/outside", "alias/a", "../outside", "sub", "/etc/passwd", "nothing", ""] {
            assert!(beneath.open(path).is_err(), "{path}");
        }
        assert!(open_plain(&root.join("link")).is_err());
    }

    #[test]
    fn folders_that_stay_open_lead_to_the_right_files() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a/b/c", "a/b/d", "a/c", "a/d/c", "c", "a/b/c"];
        for path in paths {
            let place = folder.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, path).unwrap();
        }
        let mut beneath = Beneath::new(folder.path());
        for path in paths {
            assert_eq!(io::read_to_string(beneath.open(path).unwrap()).unwrap(), path);
            assert!(beneath.open("a/none/c").is_err());
        }
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), "smidge").unwrap();
        let file = File::open(folder.path().join("f")).unwrap();
        let mut bytes = [0; 4];
        read_exact_at(&file, &mut bytes, 2).unwrap();
        assert_eq!(&bytes, b"idge");
        assert_eq!(read_exact_at(&file, &mut bytes, 3).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
