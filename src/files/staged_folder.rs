//! The durable replace of a whole folder.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{FileError, leftovers, parent, resolve, set_executable, sync_folder};

/// Files forced to disk at a time. Most of each wait is for the file system's journal, which writes once for all that
/// wait. Measured on ext4 with 1,661 files of 64 MB: one after the other 5.2 s, by eight 0.19 s, by sixteen 0.02 s where
/// writing had begun before (see [`super::begin_writeback`]); one `syncfs` 0.05 s.
/// Not `syncfs`: it also waits for everything that other programs have written, older kernels do not report its errors,
/// and only Linux has it.
const SYNC_THREADS: usize = 16;

/// A folder that is filled beside its target and takes its place in one step.
///
/// Until [`StagedFolder::commit`] the target is untouched; dropped without it, the temporary is removed. Leftovers of a
/// killed process are removed by the next `StagedFolder` of the same target.
#[derive(Debug)]
pub struct StagedFolder {
    target: PathBuf,
    path: PathBuf,
    /// Holds the lock that marks the temporary as ours.
    _lock: File,
    /// The folders that were created in it.
    folders: Mutex<HashSet<PathBuf>>,
    done: bool,
}

impl StagedFolder {
    /// Creates the temporary folder beside `target`, after removing what killed processes left there for the same
    /// target. Where `target` is a symbolic link, what it points to will be replaced.
    ///
    /// # Errors
    /// [`FileError::Occupied`] where `target` exists and is not a folder, [`FileError::Io`] where the folder around it
    /// cannot be written.
    pub fn create_beside(target: &Path) -> Result<Self, FileError> {
        let target = resolve(target)?;
        leftovers::reclaim(&target);
        if target.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(FileError::Occupied { path: target, expected: "a folder" });
        }
        if target.file_name().is_none() {
            return Err(FileError::Occupied { path: target, expected: "a folder that can be renamed" });
        }
        let (path, lock) = leftovers::create(&target, |path| fs::create_dir(path).and_then(|()| File::open(path)))?;
        Ok(Self { target, path, _lock: lock, folders: Mutex::default(), done: false })
    }

    /// Where the files lie until they are committed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the file at the relative `path` with the folders on its way, open for reading and writing.
    ///
    /// # Errors
    /// [`FileError::Path`] where the path is not safe, [`FileError::Io`] where the file exists already or cannot be
    /// created.
    pub fn create_file(&self, path: &str, executable: bool) -> Result<File, FileError> {
        crate::tree::path::check(path)?;
        let place = self.path.join(path);
        self.create_folders(parent(&place))?;
        let to_error = |source| FileError::io("create", &place, source);
        let file = File::options().read(true).write(true).create_new(true).open(&place).map_err(to_error)?;
        if executable {
            set_executable(&file).map_err(|source| FileError::io("make executable", &place, source))?;
        }
        Ok(file)
    }

    /// Puts the folder in the target's place. Every file and every folder is forced to disk first, then the two change
    /// places in one rename, and the folder around them is forced to disk. When this returns, the new folder survives a
    /// power cut. What was there before is removed last.
    ///
    /// Where the system cannot exchange two folders in one step (Android, Windows, some network file systems), the old
    /// one is moved aside first; for that moment the target does not exist, and a process killed within it leaves the
    /// old folder aside, from where the next `StagedFolder` of this target moves it back.
    ///
    /// # Errors
    /// [`FileError::Io`]. Where forcing to disk failed, the target is as it was and the temporary is removed: a second
    /// try could be told that all is well for data that was lost. Where forcing the surrounding folder failed, the
    /// target may be either one after a power cut.
    pub fn commit(mut self) -> Result<(), FileError> {
        self.sync()?;
        let around = parent(&self.target).to_owned();
        let to_error = |source| FileError::io("replace", &self.target, source);
        if self.target.symlink_metadata().is_err() {
            fs::rename(&self.path, &self.target).map_err(to_error)?;
            self.done = true;
        } else if exchange(&self.path, &self.target).map_err(to_error)? {
            // The temporary's name now leads to the old folder; dropping `self` removes it.
        } else {
            let mut aside = leftovers::fresh(&self.target).into_os_string();
            aside.push(leftovers::ASIDE);
            let aside = PathBuf::from(aside);
            fs::rename(&self.target, &aside).map_err(to_error)?;
            if let Err(source) = fs::rename(&self.path, &self.target) {
                let _ = fs::rename(&aside, &self.target);
                return Err(to_error(source));
            }
            self.path = aside;
        }
        sync_folder(&around).map_err(|source| FileError::io("force to disk", &around, source))
    }

    /// Creates `folder` and what is missing above it, noting each.
    fn create_folders(&self, folder: &Path) -> Result<(), FileError> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = Vec::new();
        let mut at = folder;
        while at != self.path && !folders.contains(at) {
            missing.push(at.to_owned());
            at = parent(at);
        }
        for folder in missing.into_iter().rev() {
            fs::create_dir(&folder).map_err(|source| FileError::io("create", &folder, source))?;
            folders.insert(folder);
        }
        Ok(())
    }

    /// Forces every file, then every folder, to disk.
    fn sync(&self) -> Result<(), FileError> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).chain([&*self.path]).collect();
        let mut files = Vec::new();
        for folder in &folders {
            let to_error = |source| FileError::io("list", folder, source);
            for item in fs::read_dir(folder).map_err(to_error)? {
                let item = item.map_err(to_error)?;
                if item.file_type().map_err(to_error)?.is_file() {
                    files.push(item.path());
                }
            }
        }
        sync_all(&files)?;
        sync_all(&folders)
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.done {
            leftovers::remove(&self.path);
        }
    }
}

/// Forces all of `paths` to disk, several at a time, and stops at the first error.
fn sync_all(paths: &[impl AsRef<Path> + Sync]) -> Result<(), FileError> {
    let next = AtomicUsize::new(0);
    let first_error = Mutex::new(None);
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let path = path.as_ref();
            if let Err(source) = sync_one(path) {
                next.store(paths.len(), Ordering::Relaxed);
                let mut slot = first_error.lock().unwrap_or_else(PoisonError::into_inner);
                slot.get_or_insert(FileError::io("force to disk", path, source));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..SYNC_THREADS.min(paths.len()) {
            // Without a further thread the work is only slower.
            if thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    first_error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(unix)]
fn sync_one(path: &Path) -> io::Result<()> {
    // Opened anew: a file's pending write error is reported to whoever first forces it to disk, and a thousand files
    // kept open until now would pass the system's limit. On Apple this is not yet the disk's own flush, which forcing
    // the surrounding folder at the end of `commit` adds once for all.
    Ok(rustix::fs::fsync(File::open(path)?)?)
}

#[cfg(not(unix))]
fn sync_one(path: &Path) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { File::options().write(true).open(path)?.sync_all() }
}

/// Exchanges two folders in one step; `false` where the system cannot.
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    // Not on Android, whose older versions kill a process for a system call that they do not know.
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = (one, other);
        Ok(false)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::tree::scan;

    fn stage(target: &Path, files: &[(&str, &str, bool)]) -> StagedFolder {
        let staged = StagedFolder::create_beside(target).unwrap();
        for (path, content, executable) in files {
            staged.create_file(path, *executable).unwrap().write_all(content.as_bytes()).unwrap();
        }
        staged
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_commit_creates_and_then_replaces_the_whole_folder() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("app");
        stage(&target, &[("a/b/c", "1", true), ("a/d", "2", false)]).commit().unwrap();
        let tree = scan(&target).unwrap();
        assert!(tree.get("a/b/c").unwrap().executable && !tree.get("a/d").unwrap().executable);
        stage(&target, &[("e", "3", false)]).commit().unwrap();
        let tree = scan(&target).unwrap();
        assert_eq!(tree.entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["e"]);
        stage(&target, &[]).commit().unwrap();
        assert_eq!((count(around.path()), count(&target)), (1, 0));
    }

    #[test]
    fn dropped_it_leaves_the_target_as_it_was() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("app");
        stage(&target, &[("a", "1", false)]).commit().unwrap();
        let before = scan(&target).unwrap();
        drop(stage(&target, &[("a", "2", false)]));
        assert_eq!((scan(&target).unwrap(), count(around.path())), (before, 1));
    }

    #[test]
    fn leftovers_of_a_killed_process_go_and_those_of_a_living_one_stay() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("app");
        let left = leftovers::fresh(&target);
        fs::create_dir_all(left.join("sub")).unwrap();
        fs::write(left.join("sub/a"), "half").unwrap();
        let living = stage(&target, &[("a", "1", false)]);
        assert!(!left.exists());
        let _second = stage(&target, &[]);
        assert!(living.path.exists());
        living.commit().unwrap();
    }

    #[test]
    fn a_folder_that_a_killed_process_moved_aside_comes_back() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("app");
        stage(&target, &[("a", "1", false)]).commit().unwrap();
        let before = scan(&target).unwrap();
        let mut aside = leftovers::fresh(&target).into_os_string();
        aside.push(leftovers::ASIDE);
        fs::rename(&target, &aside).unwrap();
        drop(StagedFolder::create_beside(&target).unwrap());
        assert_eq!((scan(&target).unwrap(), count(around.path())), (before, 1));
    }

    #[test]
    fn unsafe_paths_and_doubled_files_are_refused() {
        let around = tempfile::tempdir().unwrap();
        let staged = stage(&around.path().join("app"), &[("a", "1", false)]);
        for path in ["../x", "/x", "a/../x", "", "c:/x"] {
            assert!(matches!(staged.create_file(path, false), Err(FileError::Path(_))), "{path}");
        }
        for path in ["a", "a/b"] {
            assert!(matches!(staged.create_file(path, false), Err(FileError::Io { .. })), "{path}");
        }
    }

    #[test]
    fn a_file_is_not_replaced_by_a_folder() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("f");
        fs::write(&target, "old").unwrap();
        assert!(matches!(StagedFolder::create_beside(&target), Err(FileError::Occupied { .. })));
        for root in ["/", "."] {
            assert!(StagedFolder::create_beside(Path::new(root)).is_err());
        }
    }
}
