//! Folders: what is kept, what is refused, and every kind of change between two of them.

mod common;

use std::{fs, path::Path};

use common::{Place, Run, read_tree, script, smidge};

type Files<'a> = &'a [(&'a str, &'a [u8])];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Diffs and applies, and asserts that new came out. Returns the size of the patch.
#[track_caller]
fn round_trip(old: Files, new: Files) -> u64 {
    round_trip_at("default", old, new)
}

fn round_trip_at(effort: &str, old: Files, new: Files) -> u64 {
    let place = Place::new();
    let (old, new) = (place.tree("old", old), place.tree("new", new));
    let (patch, made) = (place.join("patch"), place.join("made"));
    smidge(&["diff", text(&old), text(&new), "-o", text(&patch), "--effort", effort]).exits(0);
    smidge(&["verify", text(&old), text(&patch)]).exits(0);
    smidge(&["apply", text(&old), text(&patch), "-o", text(&made)]).exits(0);
    assert_eq!(read_tree(&made), read_tree(&new));
    assert_eq!(place.names(), ["made", "new", "old", "patch"]);
    fs::metadata(patch).unwrap().len()
}

fn refuses(make: impl FnOnce(&Path)) -> Run {
    let place = Place::new();
    let root = place.tree("new", &[("sub/a", b"1")]);
    make(&root.join("sub"));
    place.tree("old", &[]);
    let run = smidge(&["diff", text(&place.join("old")), text(&root), "-o", text(&place.join("patch"))]).exits(1);
    assert_eq!(place.names(), ["new", "old"]);
    run
}

#[test]
fn every_kind_of_change_comes_through() {
    let (app, changed) = (script(300, None), script(300, Some(7)));
    let old: Files = &[
        ("same", b"1"),
        ("changed.js", &app),
        ("deleted", b"gone"),
        ("Case", b"case"),
        ("chunk.abc123.js", &app),
        ("moved/from/here", b"moved as it is, long enough to be worth it"),
        ("mode", b"m"),
        ("file", b"file becomes folder"),
        ("folder/x", b"folder becomes file"),
        ("emptied", b"full"),
    ];
    let new: Files = &[
        ("same", b"1"),
        ("changed.js", &changed),
        ("case", b"case"),
        ("chunk.def456.js", &changed),
        ("moved/to/there", b"moved as it is, long enough to be worth it"),
        ("*mode", b"m"),
        ("file/x", b"file becomes folder"),
        ("folder", b"folder becomes file"),
        ("emptied", b""),
        ("added", b"new"),
        ("*added too", b""),
        ("deep/1/2/3/4/5/6/7/8/9/f", b"deep"),
        ("日本語/é.png", b"names"),
    ];
    round_trip(old, new);
    round_trip(new, old);
}

#[test]
fn empty_trees_are_trees() {
    let some: Files = &[("a/b", b"1"), ("c", b"")];
    round_trip(&[], &[]);
    round_trip(&[], some);
    round_trip(some, &[]);
    round_trip(&[("a", b"")], &[("b", b"")]);
}

#[test]
fn identical_trees_cost_next_to_nothing() {
    let files: Vec<(String, Vec<u8>)> = (0..1000).map(|n| (format!("assets/{n}.js"), script(n % 7, Some(n)))).collect();
    let old: Vec<(&str, &[u8])> = files.iter().map(|(path, content)| (path.as_str(), &content[..])).collect();
    let mut new = old.clone();
    let mut changed = new[500].1.to_vec();
    changed[20] ^= 1;
    new[500].1 = &changed;
    for effort in ["fast", "default", "max"] {
        assert!(round_trip_at(effort, &old, &old) <= 200, "nothing changed, {effort}");
        assert!(round_trip_at(effort, &old, &new) <= 200, "one byte changed in one of 1,000 files, {effort}");
    }
}

#[test]
fn empty_folders_are_not_kept() {
    let place = Place::new();
    let (old, new) = (place.tree("old", &[("a", b"1")]), place.tree("new", &[("a", b"2")]));
    fs::create_dir_all(new.join("empty/emptier")).unwrap();
    let (patch, made) = (place.join("patch"), place.join("made"));
    smidge(&["diff", text(&old), text(&new), "-o", text(&patch)]).exits(0);
    smidge(&["apply", text(&old), text(&patch), "-o", text(&made)]).exits(0);
    assert_eq!(common::names(&made), ["a"]);
}

#[test]
fn empty_and_identical_files_come_through() {
    let (app, changed) = (script(100, None), script(100, Some(3)));
    let contents: [&[u8]; 4] = [b"", b"x", &app, &changed];
    for old in contents {
        for new in contents {
            let place = Place::new();
            let (old, new_file) = (place.file("old", old), place.file("new", new));
            let (patch, made) = (place.join("patch"), place.join("made"));
            smidge(&["diff", text(&old), text(&new_file), "-o", text(&patch)]).exits(0);
            smidge(&["apply", text(&old), text(&patch), "-o", text(&made)]).exits(0);
            assert_eq!(fs::read(&made).unwrap(), new);
        }
    }
}

#[test]
fn a_patch_is_the_same_whatever_the_number_of_threads() {
    let place = Place::new();
    let contents: Vec<(String, Vec<u8>, Vec<u8>)> =
        (0..20).map(|n| (format!("{n}.js"), script(200, None), script(200, Some(n)))).collect();
    let old: Vec<_> = contents.iter().map(|(path, old, _)| (path.as_str(), &old[..])).collect();
    let new: Vec<_> = contents.iter().map(|(path, _, new)| (path.as_str(), &new[..])).collect();
    let (old, new) = (place.tree("old", &old), place.tree("new", &new));
    let patch_by = |threads: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_smidge"))
            .args(["diff", text(&old), text(&new), "-o", "-"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    };
    let alone = patch_by("1");
    assert!(!alone.is_empty());
    assert!(patch_by("2") == alone && patch_by("7") == alone);
}

#[cfg(unix)]
#[test]
fn what_does_not_travel_is_refused_by_name() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    refuses(|sub| symlink("a", sub.join("link")).unwrap()).says(&["sub/link", "symbolic link"]);
    refuses(|sub| symlink("..", sub.join("up")).unwrap()).says(&["sub/up", "symbolic link"]);
    refuses(|sub| drop(UnixListener::bind(sub.join("sock")).unwrap())).says(&["sub/sock", "socket"]);
    for name in ["A", "a.", "a ", "a:b", "a\\b", "con", "NUL.txt", "com1.js", "line\nbreak"] {
        refuses(|sub| fs::write(sub.join(name), "").unwrap()).says(&["sub"]);
    }
    refuses(|sub| fs::write(sub.join("e\u{301}"), "").and_then(|()| fs::write(sub.join("é"), "")).unwrap());
}

#[test]
fn a_file_and_a_folder_make_no_pair() {
    let place = Place::new();
    let (file, folder) = (place.file("file", "1"), place.tree("folder", &[("a", b"1")]));
    for (old, new) in [(&file, &folder), (&folder, &file)] {
        let patch = place.join("patch");
        let run = smidge(&["diff", text(old), text(new), "-o", text(&patch)]);
        if run.code == 0 {
            // Where the engine takes such a pair, it has to bring it back.
            let made = place.join("made");
            smidge(&["apply", text(old), text(&patch), "-o", text(&made)]).exits(0);
            let kind = |path: &Path| path.is_dir();
            assert_eq!(kind(&made), kind(new));
            fs::remove_file(&patch).unwrap();
            if kind(&made) { fs::remove_dir_all(&made).unwrap() } else { fs::remove_file(&made).unwrap() }
        } else {
            run.exits(1).says(&["folder"]);
        }
    }
}
