//! Releases while the machine fails: killed at system calls, a disk that does not keep, no space. Whatever happens,
//! devices see the former state or the new one, all of what they see is there, and the next run comes to its end.

#![cfg(all(feature = "cli", target_os = "linux"))]

mod common;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{Place, script, smidge};
use smidge::{
    release::database::Database,
    trust::{App, Channel, Head, Platform, layout},
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const TARGET: [&str; 4] = ["--app-version", "1.0.0", "--build", "1"];
const APP: [&str; 4] = ["--app", "shop", "--platform", "ios"];

/// A store with one release on `production` and on `staging`, and a build that is to be the second.
struct Template {
    place: Place,
}

impl Template {
    fn new() -> Self {
        let place = Place::new();
        for (name, change) in [("embedded", 0), ("first", 1), ("second", 2)] {
            place.tree(
                name,
                &[("main.jsbundle", &script(300, Some(change))), ("assets/a", name.as_bytes()), ("b", b"1")],
            );
        }
        let store = place.join("store");
        smidge(&["init", "--store", text(&store), "--app", "shop"]).exits(0);
        let run = |arguments: &[&str]| smidge(&[arguments, &APP, &["--store", text(&store)]].concat()).exits(0);
        run(&[&["binary", "add", text(&place.join("embedded"))], &TARGET[..]].concat());
        run(&[&["release", text(&place.join("first"))], &TARGET[..]].concat());
        run(&[&["release", text(&place.join("first")), "--channel", "staging"], &TARGET[..]].concat());
        run(&[&["release", text(&place.join("second")), "--channel", "staging"], &TARGET[..]].concat());
        Self { place }
    }

    /// What `command` runs on the store of `work`.
    fn arguments(&self, command: What, work: &Place) -> Vec<String> {
        let bundle = self.place.join("second");
        let mut arguments: Vec<String> = match command {
            What::Release => [&["release", text(&bundle)], &TARGET[..]].concat(),
            What::Promote => vec!["release", "promote", "--from", "staging", "--to", "production"],
        }
        .into_iter()
        .map(str::to_owned)
        .collect();
        arguments.extend(APP.map(str::to_owned));
        arguments.extend(["--store".to_owned(), text(&work.join("store")).to_owned()]);
        arguments
    }

    /// A copy of the store to break, and a folder for temporaries.
    fn copy(&self) -> Place {
        let work = Place::new();
        copy(&self.place.join("store"), &work.join("store"));
        fs::create_dir(work.join("tmp")).unwrap();
        work
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Release,
    Promote,
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
        copy(&item.path(), &to.join(item.file_name()));
    }
}

/// Runs the program with a fault that strace injects; `None` where strace cannot.
fn with_fault(fault: &str, arguments: &[String], temporaries: &Path) -> Option<Output> {
    let call = fault.split(':').next().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &format!("inject={fault}")])
        .arg(env!("CARGO_BIN_EXE_smidge"))
        .args(arguments)
        .env("TMPDIR", temporaries)
        .output();
    match output {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("strace:") => Some(output),
        _ => {
            eprintln!("skipped: strace cannot inject faults here");
            None
        }
    }
}

/// The label that production serves, after checking that everything which its head names is there and whole.
fn served(work: &Place) -> u64 {
    let public = work.join("public");
    let _ = fs::remove_dir_all(&public);
    smidge(&["export", text(&public), "--store", text(&work.join("store"))]).exits(0);
    let channel = Channel::new(App::new("shop").unwrap(), Platform::Ios, "production").unwrap();
    let head = Head::unverified(&fs::read(public.join(layout::head(&channel))).unwrap()).unwrap();
    head.releases[0].label
}

fn check_database(work: &Place) {
    let url = Database::address_of_file(&work.join("store").join("smidge.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::open(&url).await.unwrap();
        let (records, _) = database.verify_audit().await.unwrap();
        assert_eq!(records, database.revision().await.unwrap());
        database.close().await;
    });
}

/// After whatever happened: the former state or the new one, and the next run comes to its end.
fn recovers(template: &Template, command: What, work: &Place, what: &str) {
    let before = served(work);
    assert!(before == 1 || before == 2, "{what}: serves v{before}");
    let arguments = template.arguments(command, work);
    let next = Command::new(env!("CARGO_BIN_EXE_smidge")).args(&arguments).env("TMPDIR", work.join("tmp")).output();
    let next = next.unwrap();
    let said = String::from_utf8_lossy(&next.stderr);
    if before == 2 {
        assert!(said.contains("already"), "{what}: {said}");
    } else {
        assert!(next.status.success(), "{what}: {said}");
    }
    assert_eq!(served(work), 2, "{what}");
    check_database(work);
    let left: Vec<_> = common::names(&work.join("tmp"));
    assert!(before == 2 || left.is_empty(), "{what}: {left:?} is not reclaimed");
}

const CALLS: [&str; 16] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "linkat",
    "mkdir",
    "flock",
    "fcntl",
    "unlink",
    "ftruncate",
    "close",
    "pread64",
    "statx",
];

/// Kills `command` at the calls of each name: the first `first` ones, then every `step`-th, at most `most` of a name.
fn kill_at(first: usize, step: usize, most: usize) {
    let template = Template::new();
    let mut runs = 0;
    for command in [What::Release, What::Promote] {
        for call in CALLS {
            let places = (1..=first).chain((first + step..).step_by(step));
            for when in places.take(most) {
                let work = template.copy();
                let fault = format!("{call}:signal=KILL:when={when}");
                let arguments = template.arguments(command, &work);
                let Some(output) = with_fault(&fault, &arguments, &work.join("tmp")) else { return };
                let what = format!("{command:?} killed at {call} {when}");
                if output.status.success() {
                    // It was acknowledged, so it is there.
                    assert_eq!(served(&work), 2, "{what}");
                    break;
                }
                runs += 1;
                recovers(&template, command, &work, &what);
            }
        }
    }
    eprintln!("killed {runs} times");
    assert!(runs > 20, "only {runs} places to be killed at");
}

#[test]
fn killed_at_a_system_call_it_leaves_the_former_state_or_the_new_one() {
    kill_at(1, 23, 4);
}

#[test]
#[ignore = "takes an hour; `.ci/run` names it"]
fn killed_at_every_system_call_it_leaves_the_former_state_or_the_new_one() {
    kill_at(usize::MAX / 2, 1, usize::MAX);
}

#[test]
fn a_disk_that_does_not_keep_what_it_is_told_fails_the_release() {
    let template = Template::new();
    for call in ["fsync", "fdatasync"] {
        for when in [1, 2, 4, 9] {
            let work = template.copy();
            let fault = format!("{call}:error=EIO:when={when}");
            let arguments = template.arguments(What::Release, &work);
            let Some(output) = with_fault(&fault, &arguments, &work.join("tmp")) else { return };
            let what = format!("EIO at {call} {when}");
            if output.status.success() {
                assert_eq!(served(&work), 2, "{what}");
                continue;
            }
            assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{what}");
            recovers(&template, What::Release, &work, &what);
        }
    }
}

#[test]
fn a_full_disk_fails_the_release_and_room_mends_it() {
    let template = Template::new();
    let work = Place::new();
    fs::create_dir(work.join("tmp")).unwrap();
    let disk = work.join("store");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs", text(&disk)]).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: mounting a small disk takes root");
        return;
    }
    for item in fs::read_dir(template.place.join("store")).unwrap().map(Result::unwrap) {
        copy(&item.path(), &disk.join(item.file_name()));
    }
    // All that is left but a little, which differs from round to round.
    for left in [0, 20_000, 60_000] {
        let filler = disk.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        let mut bytes = 0;
        while let Ok(written) = file.write(&[0; 4096]) {
            bytes += written as u64;
        }
        file.set_len(bytes.saturating_sub(left)).unwrap();
        // An open file keeps its room even after it is removed.
        drop(file);
        let run = smidge(&template.arguments(What::Release, &work));
        fs::remove_file(&filler).unwrap();
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        if run.code == 0 {
            break;
        }
        assert_eq!(served(&work), 1, "{left} bytes left: {}", run.stderr);
    }
    recovers(&template, What::Release, &work, "a full disk");
    let _ = Command::new("umount").args(["-l", text(&disk)]).status();
}

/// What the tests above would not notice: a store that serves what is not there.
#[test]
fn a_store_that_misses_an_object_is_noticed() {
    let template = Template::new();
    let work = template.copy();
    assert_eq!(served(&work), 1);
    let mut removed = 0;
    let mut folders: Vec<PathBuf> = vec![work.join("store")];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = item.file_name().into_string().unwrap();
            if item.path().is_dir() && name != "keys" {
                folders.push(item.path());
            } else if name.len() >= 64 {
                fs::remove_file(item.path()).unwrap();
                removed += 1;
            }
        }
    }
    assert!(removed > 5);
    smidge(&["export", text(&work.join("elsewhere")), "--store", text(&work.join("store"))]).exits(1);
}
