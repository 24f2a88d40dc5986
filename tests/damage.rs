//! Damaged patches: cut at every length, every byte altered. None may be taken, and none may harm the target.

mod common;

use std::{fs, path::Path};

use common::{Place, names, script};
use smidge::{
    apply::{self, ApplyError},
    diff,
};

/// More bits are flipped in small patches.
const SMALL_BYTES: usize = 400;

/// Small pairs of many kinds, as files and as folders.
fn pairs() -> Vec<Place> {
    let (app, changed) = (script(60, None), script(60, Some(30)));
    let contents: [&[u8]; 7] = [b"", b"x", b"one two three", &app, &changed, &[0; 3000], &[0xff, 0, 1, 2, 3, 250]];
    let mut places = Vec::new();
    for (at, old) in contents.iter().enumerate() {
        for new in [contents[(at + 1) % contents.len()], contents[(at + 3) % contents.len()]] {
            let place = Place::new();
            place.file("old", old);
            place.file("new", new);
            places.push(place);
        }
    }
    type Files<'a> = Vec<(&'a str, &'a [u8])>;
    let trees: [(Files, Files); 6] = [
        (vec![], vec![]),
        (vec![], vec![("a", b"1"), ("b/c", &app)]),
        (vec![("a", b"1"), ("b/c", &app)], vec![]),
        (vec![("a.js", &app), ("b", b"2")], vec![("a.js", &changed), ("b", b"2")]),
        (vec![("old-name.js", &app)], vec![("new/name.js", &app)]),
        (vec![("same", b"1"), ("mode", b"2")], vec![("same", b"1"), ("*mode", b"2"), ("Ärger", &changed)]),
    ];
    for (old, new) in trees {
        let place = Place::new();
        place.tree("old", &old);
        place.tree("new", &new);
        places.push(place);
    }
    places
}

fn patch(place: &Place) -> Vec<u8> {
    let mut patch = Vec::new();
    diff::diff(&place.join("old"), &place.join("new"), &mut patch, &diff::Options::default()).unwrap();
    patch
}

fn apply(place: &Place, mut patch: &[u8], target: &Path) -> Result<(), ApplyError> {
    apply::apply(&place.join("old"), &mut patch, target, &apply::Options::default()).map(drop)
}

#[test]
fn a_patch_cut_at_any_length_is_refused() {
    for place in pairs() {
        let patch = patch(&place);
        let target = place.join("target");
        for len in 0..patch.len() {
            let error = apply(&place, &patch[..len], &target).expect_err("a patch that was cut was taken");
            assert!(error.to_string().len() > 20, "{error}");
        }
        apply(&place, &patch, &target).unwrap();
        assert_eq!(place.names(), ["new", "old", "target"]);
    }
}

#[test]
fn a_patch_with_any_byte_altered_is_refused() {
    for place in pairs() {
        let mut patch = patch(&place);
        let target = place.join("target");
        let masks: &[u8] = if patch.len() <= SMALL_BYTES { &[1, 2, 4, 8, 16, 32, 64, 128] } else { &[1, 128] };
        for at in 0..patch.len() {
            for mask in masks {
                patch[at] ^= mask;
                assert!(apply(&place, &patch, &target).is_err(), "byte {at} of {} ^ {mask:#x} was taken", patch.len());
                patch[at] ^= mask;
            }
        }
        assert_eq!(place.names(), ["new", "old"]);
    }
}

#[test]
fn a_patch_with_something_behind_it_is_refused() {
    for place in pairs() {
        let mut patch = patch(&place);
        patch.push(0);
        assert!(apply(&place, &patch, &place.join("target")).is_err());
    }
}

#[test]
fn the_target_of_a_refused_patch_stays_as_it_was() {
    for place in pairs() {
        let mut patch = patch(&place);
        let is_folder = place.join("new").is_dir();
        let target = if is_folder { place.tree("target", &[("kept", b"!")]) } else { place.file("target", "kept") };
        let last = patch.len() - 1;
        patch[last] ^= 0x40;
        assert!(apply(&place, &patch, &target).is_err());
        if is_folder {
            assert_eq!(names(&target), ["kept"]);
        } else {
            assert_eq!(fs::read(&target).unwrap(), b"kept");
        }
        assert_eq!(place.names(), ["new", "old", "target"]);
    }
}

#[test]
fn an_old_that_differs_in_anything_is_refused() {
    let place = Place::new();
    place.tree("old", &[("a", b"1"), ("b", b"2")]);
    place.tree("new", &[("a", b"1"), ("b", b"3")]);
    let patch = patch(&place);
    let others: [&[(&str, &[u8])]; 6] = [
        &[("a", b"1")],
        &[("a", b"1"), ("b", b"x")],
        &[("a", b"1"), ("*b", b"2")],
        &[("a", b"1"), ("c", b"2")],
        &[("a", b"1"), ("b", b"2"), ("c", b"")],
        &[],
    ];
    for other in others {
        let other_place = Place::new();
        other_place.tree("old", other);
        let error = apply(&other_place, &patch, &other_place.join("target")).unwrap_err();
        assert!(matches!(error, ApplyError::WrongOld { .. }) && error.is_verification(), "{error}");
        assert_eq!(other_place.names(), ["old"]);
    }
    let file = Place::new();
    file.file("old", "1");
    assert!(matches!(apply(&file, &patch, &file.join("target")), Err(ApplyError::WrongOld { .. })));
}

#[test]
fn bytes_that_are_no_patch_are_refused() {
    let place = Place::new();
    place.file("old", "1");
    for len in [0, 1, 3, 4, 5, 20, 100, 1000, 100_000] {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            assert!(apply(&place, &vec![byte; len], &place.join("target")).is_err());
            let with_magic = [&smidge::patch::MAGIC[..], &vec![byte; len]].concat();
            assert!(apply(&place, &with_magic, &place.join("target")).is_err());
        }
    }
    assert_eq!(place.names(), ["old"]);
}
