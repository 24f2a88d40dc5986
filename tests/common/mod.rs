//! What the tests of behaviour share: the program, folders that go away, trees in a few words.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A run of the program that came to its end.
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    fn new(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self { code: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr }
    }

    /// Asserts the exit code and that nothing but what is expected was said.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stderr: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts that each of `words` was said on standard error.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }
}

/// Runs the program.
pub fn smidge<S: AsRef<OsStr>>(arguments: &[S]) -> Run {
    smidge_with(arguments, b"")
}

/// Runs the program with `input` in a pipe to its standard input.
pub fn smidge_with<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smidge"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // The program may close its input early; that is its affair.
        scope.spawn(move || drop(stdin.write_all(input)));
        Run::new(child.wait_with_output().unwrap())
    })
}

/// A folder for one test.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns where it is.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes the folder `name` of `files`: path and content; a path that begins with `*` is executable.
    pub fn tree(&self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let root = self.join(name);
        fs::create_dir_all(&root).unwrap();
        for (path, content) in files {
            let (path, executable) = path.strip_prefix('*').map_or((*path, false), |path| (path, true));
            let place = self.file(&format!("{name}/{path}"), content);
            set_executable(&place, executable);
        }
        root
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        names(self.path())
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn set_executable(path: &Path, executable: bool) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (path, executable);
}

/// Everything below `root`: path, whether it is executable, content. Empty folders end with a slash.
pub fn read_tree(root: &Path) -> BTreeMap<String, (bool, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let names = names(&folder);
        if names.is_empty() && !prefix.is_empty() {
            found.insert(prefix.clone(), (false, Vec::new()));
        }
        for name in names {
            let place = folder.join(&name);
            if place.is_dir() {
                folders.push((place, format!("{prefix}{name}/")));
            } else {
                let executable = smidge::files::is_executable(&place.metadata().unwrap());
                found.insert(format!("{prefix}{name}"), (executable, fs::read(&place).unwrap()));
            }
        }
    }
    found
}

/// Text of `lines` numbered lines that compresses and differs from line to line.
pub fn script(lines: u32, change: Option<u32>) -> Vec<u8> {
    let line = |n: u32| {
        let salt = n.wrapping_mul(2_654_435_761) >> 12;
        let verb = if Some(n) == change { "renders" } else { "returns" };
        format!("function f{n}(a){{{verb}(a+{salt});}}\n")
    };
    (0..lines).flat_map(|n| line(n).into_bytes()).collect()
}
