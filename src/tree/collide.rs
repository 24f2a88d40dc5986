//! Refuses paths that cannot stand beside each other on every file system: doubled, differing only in case or in
//! Unicode normalisation, or a file where another path needs a folder.

use std::collections::HashMap;

use super::{TreeError, path};

/// One name in its folder. Folders are numbered in the order in which they are met; 0 is the root.
struct Name<'a> {
    /// The path that brought it in first, for the message.
    first: &'a str,
    /// Length of the part of `first` that names it.
    bytes: usize,
    is_file: bool,
}

/// Checks `paths`, in any order, against each other. Each must have passed [`path::check`].
///
/// Time and memory are linear in the length of all paths together.
///
/// # Errors
/// [`TreeError::Collision`] with the two paths.
pub fn check<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), TreeError> {
    let mut names: Vec<Name<'a>> = vec![Name { first: "", bytes: 0, is_file: false }];
    let mut places: HashMap<(usize, String), usize> = HashMap::new();
    for path in paths {
        let mut folder = 0;
        let mut start = 0;
        for component in path.split('/') {
            let end = start + component.len();
            let is_file = end == path.len();
            let next = names.len();
            let place = *places.entry((folder, path::fold(component))).or_insert(next);
            if place == next {
                names.push(Name { first: path, bytes: end, is_file });
            } else {
                let known = &names[place];
                let spelled_alike = known.first[..known.bytes] == path[..end];
                if !spelled_alike || known.is_file || is_file {
                    return Err(TreeError::Collision { first: known.first.to_owned(), second: path.to_owned() });
                }
            }
            folder = place;
            start = end + 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collision(paths: &[&str]) -> Option<(String, String)> {
        match check(paths.iter().copied()) {
            Ok(()) => None,
            Err(TreeError::Collision { first, second }) => Some((first, second)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn colliding_paths_are_refused_with_both_named() {
        for (first, second) in [
            ("a", "a"),
            ("a/b", "a/b"),
            ("README", "readme"),
            ("é.png", "e\u{301}.png"),
            ("a", "a/b"),
            ("a/b", "a"),
            ("A", "a/b"),
            ("Lib/x", "lib/y"),
            ("x/É/1", "x/e\u{301}/2"),
            ("straße", "STRASSE"),
        ] {
            let found = collision(&["0", first, "m/n", second, "z"]);
            assert_eq!(found, Some((first.to_owned(), second.to_owned())));
        }
    }

    #[test]
    fn names_alike_in_different_folders_pass() {
        assert_eq!(collision(&["a/x", "b/X", "a/y", "c/a/x", "x", "ab", "a.b", "a b/x"]), None);
        assert_eq!(collision(&[]), None);
    }
}
