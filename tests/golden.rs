//! Patches of every format version, kept for good: what some release could apply, every later one applies.
//!
//! `tests/golden/inputs/NAME/{old,new}` are the ends, `tests/golden/vN/NAME.smidge` the patches. None is ever made
//! anew. When a format version is added, or an input, this writes the patches that are missing, and no other:
//!
//!     SMIDGE_GOLDEN=write cargo test --test golden

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::{Place, names, read_tree};
use smidge::{
    apply::{self, Part},
    diff,
    patch::{
        Header, VERSION,
        entries::{Content, Method},
    },
};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every input: its name, old and new.
fn inputs() -> Vec<(String, PathBuf, PathBuf)> {
    let folder = golden().join("inputs");
    let input = |name: String| {
        // Git keeps no empty folders, so an end that is missing stands for one.
        let end = |end: &str| folder.join(&name).join(end);
        (name.clone(), end("old"), end("new"))
    };
    names(&folder).into_iter().map(input).collect()
}

/// The end at `path`, or an empty folder.
fn or_empty(path: &Path, place: &Place) -> PathBuf {
    if path.exists() { path.to_owned() } else { place.tree("empty", &[]) }
}

fn write_missing() {
    for (name, old, new) in inputs() {
        let folder = golden().join(format!("v{VERSION}"));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.smidge"));
        if !path.exists() {
            let place = Place::new();
            let mut patch = Vec::new();
            let (old, new) = (or_empty(&old, &place), or_empty(&new, &place));
            // Lanes are what a hurried release gets where the models would take long or gain nothing.
            let effort = if name == "lanes" { diff::Effort::Fast } else { diff::Effort::Default };
            diff::diff(&old, &new, &mut patch, &diff::Options { effort, ..Default::default() }).unwrap();
            fs::write(path, patch).unwrap();
        }
    }
}

fn version_folders() -> Vec<(u8, PathBuf)> {
    (1..=VERSION).map(|version| (version, golden().join(format!("v{version}")))).collect()
}

#[test]
fn every_patch_of_every_version_applies() {
    if std::env::var("SMIDGE_GOLDEN").is_ok_and(|value| value == "write") {
        write_missing();
    }
    let mut codings = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for (version, folder) in version_folders() {
        for (name, old, new) in inputs() {
            let patch = fs::read(folder.join(format!("{name}.smidge")))
                .unwrap_or_else(|error| panic!("{name} of version {version}: {error}; see the top of this file"));
            assert_eq!(patch[4], version, "{name}");
            let place = Place::new();
            let (old, new) = (or_empty(&old, &place), or_empty(&new, &place));
            let made = place.join("made");
            let summary = apply::apply(&old, &mut &patch[..], &made, &apply::Options::default())
                .unwrap_or_else(|error| panic!("{name} of version {version}: {error}"));
            if new.is_dir() {
                assert_eq!(read_tree(&made), read_tree(&new), "{name} of version {version}");
            } else {
                assert_eq!(fs::read(&made).unwrap(), fs::read(&new).unwrap(), "{name} of version {version}");
            }
            codings.extend(summary.parts.iter().map(coding));
            let Header { old_kind, new_kind, lanes, .. } = summary.header;
            codings.extend(lanes.then(|| "lanes".to_owned()));
            kinds.insert(format!("{old_kind:?} to {new_kind:?}"));
        }
    }
    let expected = ["binary", "hermes", "kept", "lanes", "repacked", "same", "text"].map(str::to_owned);
    assert_eq!(codings, expected.into(), "some way of coding has no golden patch");
    assert!(kinds.contains("File to File") && kinds.contains("Folder to Folder"), "{kinds:?}");
}

fn coding(part: &Part) -> String {
    match part.content {
        Content::Old(_) => "kept",
        Content::New(_) => "same",
        Content::Coded { method: Method::Text, .. } => "text",
        Content::Coded { method: Method::Binary, .. } => "binary",
        Content::Coded { method: Method::Hermes, .. } => "hermes",
        Content::Coded { method: Method::Repacked, .. } => "repacked",
    }
    .to_owned()
}

#[test]
fn the_list_is_complete() {
    let mut expected: Vec<String> = inputs().into_iter().map(|(name, ..)| format!("{name}.smidge")).collect();
    expected.sort();
    assert!(expected.len() >= 8, "{expected:?}");
    for (version, folder) in version_folders() {
        assert_eq!(names(&folder), expected, "version {version}");
    }
    let others = ["inputs", "trust"].map(str::to_owned);
    let folders: BTreeSet<String> = names(&golden()).into_iter().filter(|name| !others.contains(name)).collect();
    assert_eq!(folders, (1..=VERSION).map(|version| format!("v{version}")).collect(), "a version that nobody reads");
}
