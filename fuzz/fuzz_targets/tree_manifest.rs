//! Any lines as the paths of a tree, against a naive check of every path with every other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smidge::{
    hash::Hash,
    tree::{Entry, Tree, TreeError, path},
};

fuzz_target!(|text: &str| {
    let paths: Vec<&str> = text.split('\n').take(40).collect();
    let entry = |path: &&str| Entry { path: (*path).to_owned(), size: 0, executable: false, hash: Hash::of(b"") };
    let result = Tree::folder(paths.iter().map(entry).collect());
    if paths.iter().any(|path| path::check(path).is_err()) {
        assert!(matches!(result, Err(TreeError::Path(_) | TreeError::Collision { .. })));
        return;
    }
    match result {
        Ok(tree) => {
            assert!(!collide(&paths), "{paths:?} passed");
            tree.check().unwrap();
            assert_ne!(tree.hash(), Tree::folder(vec![]).unwrap().hash());
        }
        Err(TreeError::Collision { first, second }) => {
            assert!(collide(&[&first, &second]), "{first:?} and {second:?} do not collide");
        }
        Err(other) => panic!("{other}"),
    }
});

/// Two paths collide where their folders go the same way up to names that fold alike but are spelled otherwise, or up
/// to where one of them ends.
fn collide(paths: &[&str]) -> bool {
    paths.iter().enumerate().any(|(at, one)| paths[at + 1..].iter().any(|other| collide_two(one, other)))
}

fn collide_two(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    for (a, b) in one.iter().zip(&other) {
        if path::fold(a) != path::fold(b) {
            return false;
        }
        if a != b {
            return true;
        }
    }
    true
}
