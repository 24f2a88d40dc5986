//! Any two contents: the patch between them brings new back, and weighs hardly more than new.

mod common;

use std::{fs, path::Path};

use common::{Place, read_tree};
use proptest::{collection::vec, prelude::*, sample::select};
use smidge::{
    apply,
    diff::{self, Effort},
};

/// What a header and its hashes weigh, and the coding of a few bytes that do not compress.
const FIXED_BYTES: usize = 200;

fn make(old: &Path, new: &Path, made: &Path, effort: Effort) -> Vec<u8> {
    let mut patch = Vec::new();
    let options = diff::Options { effort, ..diff::Options::default() };
    diff::diff(old, new, &mut patch, &options).unwrap();
    apply::apply(old, &mut &patch[..], made, &apply::Options::default()).unwrap();
    patch
}

fn round_trip(old: &[u8], new: &[u8], effort: Effort) -> Result<(), TestCaseError> {
    let place = Place::new();
    let (old, new_path, made) = (place.file("old", old), place.file("new", new), place.join("made"));
    let patch = make(&old, &new_path, &made, effort);
    prop_assert!(fs::read(made).unwrap() == new);
    prop_assert!(patch.len() <= new.len() + FIXED_BYTES, "{} bytes for {}", patch.len(), new.len());
    Ok(())
}

fn effort() -> impl Strategy<Value = Effort> {
    select(vec![Effort::Fast, Effort::Default, Effort::Max])
}

/// Text of few words, so that one is often found in the other.
fn text() -> impl Strategy<Value = String> {
    let word =
        select(vec!["permit", "person", "return", "a", "b", "x1", "==", " ", " ", ";\n", "(", ")", "é", "function"]);
    vec(word, 0..120).prop_map(|words| words.concat())
}

/// Pieces of `old` with something between them.
fn edited(old: Vec<u8>) -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let piece = (any::<prop::sample::Index>(), 0usize..200, vec(any::<u8>(), 0..6));
    vec(piece, 0..12).prop_map(move |pieces| {
        let mut new = Vec::new();
        for (at, len, fresh) in pieces {
            let at = at.index(old.len() + 1);
            new.extend_from_slice(&old[at..(at + len).min(old.len())]);
            new.extend(fresh);
        }
        (old.clone(), new)
    })
}

/// New ends within a word of old, a byte before the place that copying would go on to.
#[test]
fn new_that_ends_within_a_word_of_old_comes_back() {
    for effort in [Effort::Fast, Effort::Default, Effort::Max] {
        round_trip(b"permit pr", b" er", effort).unwrap();
        round_trip(b"function permit", b"function per", effort).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_back((old, new) in (text(), text()), effort in effort()) {
        round_trip(old.as_bytes(), new.as_bytes(), effort)?;
    }

    #[test]
    fn any_bytes_come_back((old, new) in vec(any::<u8>(), 0..2000).prop_flat_map(edited), effort in effort()) {
        round_trip(&old, &new, effort)?;
    }

    #[test]
    fn text_put_together_anew_comes_back(
        (old, new) in text().prop_flat_map(|text| edited(text.into_bytes())),
        effort in effort(),
    ) {
        round_trip(&old, &new, effort)?;
        round_trip(&new, &old, effort)?;
    }

    #[test]
    fn any_tree_comes_back(
        old in vec((0u8..12, text()), 0..6),
        new in vec((0u8..12, text(), any::<bool>()), 0..6),
        effort in effort(),
    ) {
        let place = Place::new();
        let (old_root, new_root) = (place.tree("old", &[]), place.tree("new", &[]));
        for (name, content) in old {
            place.file(&format!("old/d{}/f{name}.js", name % 3), content);
        }
        for (name, content, executable) in new {
            let path = place.file(&format!("new/d{}/f{name}.js", name % 4), content);
            common::set_executable(&path, executable);
        }
        let made = place.join("made");
        make(&old_root, &new_root, &made, effort);
        prop_assert_eq!(read_tree(&made), read_tree(&new_root));
    }
}
