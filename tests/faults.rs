//! The machine fails: no space, no power, a disk that does not take what it is told to keep.

#![cfg(target_os = "linux")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{Place, names, read_tree, script, smidge};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file system in memory with little room; gone when dropped.
struct SmallDisk(Place);

impl SmallDisk {
    /// `None`, with a message, where this may not be mounted.
    fn mount(options: &str) -> Option<Self> {
        let place = Place::new();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", text(place.path())]).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped: mounting a small disk takes root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(self.0.path())]).status();
    }
}

/// A file pair and a folder pair with their patches, somewhere with room.
fn pairs() -> Place {
    let place = Place::new();
    let noise: Vec<u8> =
        (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(9).to_le_bytes()).collect();
    place.file("f.old", &noise);
    place.file("f.new", [&noise[..], b"more"].concat());
    let (app, changed) = (script(900, None), script(900, Some(5)));
    place.tree("t.old", &[("a/x", &noise), ("b/y.js", &app), ("c", b"1")]);
    place.tree("t.new", &[("a/x", &noise), ("b/y.js", &changed), ("*d", b"1")]);
    for kind in ["f", "t"] {
        let [old, new, patch] = ["old", "new", "patch"].map(|end| place.join(&format!("{kind}.{end}")));
        smidge(&["diff", text(&old), text(&new), "-o", text(&patch)]).exits(0);
    }
    place
}

#[test]
fn a_full_disk_is_told_and_leaves_everything_as_it_was() {
    let pairs = pairs();
    for (options, what) in [("size=128k", "bytes"), ("size=4m,nr_inodes=5", "inodes")] {
        let Some(disk) = SmallDisk::mount(options) else { return };
        for kind in ["f", "t"] {
            if what == "inodes" && kind == "f" {
                continue;
            }
            let [old, patch] = ["old", "patch"].map(|end| pairs.join(&format!("{kind}.{end}")));
            let target = disk.0.join("target");
            if kind == "f" {
                fs::write(&target, "as it was").unwrap()
            } else {
                fs::create_dir(&target).unwrap()
            }
            smidge(&["apply", text(&old), text(&patch), "-o", text(&target)]).exits(1).says(&["space"]);
            assert_eq!(disk.0.names(), ["target"]);
            if kind == "f" {
                assert_eq!(fs::read(&target).unwrap(), b"as it was");
                fs::remove_file(&target).unwrap();
            } else {
                fs::remove_dir(&target).unwrap();
            }
        }
    }
    let Some(disk) = SmallDisk::mount("size=8k") else { return };
    let patch = disk.0.join("patch");
    fs::write(&patch, "as it was").unwrap();
    let (old, new) = (pairs.file("nothing", ""), pairs.join("f.new"));
    smidge(&["diff", text(&old), text(&new), "-o", text(&patch)]).exits(1).says(&["space"]);
    assert_eq!((fs::read(&patch).unwrap(), disk.0.names()), (b"as it was".to_vec(), vec!["patch".to_owned()]));
}

/// Runs the program under strace with a fault injected; `None`, with a message, without strace.
fn with_fault(inject: &str, arguments: &[&str]) -> Option<Output> {
    let result = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}"), env!("CARGO_BIN_EXE_smidge")])
        .args(arguments)
        .output();
    if let Ok(output) = result
        && !String::from_utf8_lossy(&output.stderr).contains("strace:")
    {
        return Some(output);
    }
    eprintln!("skipped: this takes strace");
    None
}

#[test]
fn a_disk_that_does_not_keep_what_it_is_told_fails_the_update() {
    let pairs = pairs();
    for kind in ["f", "t"] {
        let [old, new, patch] = ["old", "new", "patch"].map(|end| pairs.join(&format!("{kind}.{end}")));
        let work = Place::new();
        let target = work.join("target");
        for when in 1.. {
            copy(&old, &target);
            let arguments = ["apply", text(&old), text(&patch), "-o", text(&target), "--force"];
            let Some(output) = with_fault(&format!("fsync:error=EIO:when={when}"), &arguments) else { return };
            if output.status.success() {
                assert!(when > 2, "nothing was forced to disk");
                break;
            }
            assert_eq!(output.status.code(), Some(1));
            // The last is that of the surrounding folder, when new is in place already.
            assert!(same(&target, &old) || same(&target, &new));
            assert_eq!(work.names(), ["target"]);
            remove(&target);
        }
    }
}

#[test]
fn killed_at_any_system_call_the_target_is_old_or_new_and_the_next_run_succeeds() {
    let pairs = pairs();
    let mut runs = 0;
    for kind in ["f", "t"] {
        let [old, new, patch] = ["old", "new", "patch"].map(|end| pairs.join(&format!("{kind}.{end}")));
        for call in [
            "openat",
            "write",
            "fsync",
            "rename",
            "renameat2",
            "mkdir",
            "flock",
            "unlink",
            "unlinkat",
            "rmdir",
            "close",
        ] {
            for when in (1..).step_by(if ["openat", "write", "close"].contains(&call) { 5 } else { 1 }) {
                let work = Place::new();
                let target = work.join("target");
                copy(&old, &target);
                let arguments = ["apply", text(&old), text(&patch), "-o", text(&target), "--force"];
                let Some(output) = with_fault(&format!("{call}:signal=KILL:when={when}"), &arguments) else { return };
                runs += 1;
                if output.status.success() {
                    break;
                }
                assert!(same(&target, &old) || same(&target, &new), "killed at {call} {when}");
                smidge(&arguments).exits(0);
                assert_eq!(work.names(), ["target"], "killed at {call} {when}, what was left is not reclaimed");
                assert!(same(&target, &new));
            }
        }
    }
    assert!(runs > 30, "only {runs} places to be killed at");
}

fn copy(from: &Path, to: &PathBuf) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for name in names(from) {
        copy(&from.join(&name), &to.join(&name));
    }
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn same(one: &Path, other: &Path) -> bool {
    match (one.is_dir(), other.is_dir()) {
        (true, true) => read_tree(one) == read_tree(other),
        (false, false) => one.is_file() && fs::read(one).unwrap() == fs::read(other).unwrap(),
        _ => false,
    }
}
