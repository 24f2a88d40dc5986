//! Which paths a tree may hold: relative, UTF-8, and meaning the same on every system that a release is made on,
//! served from or installed on.
//!
//! The same checks run where a patch is made and where it is applied, so that a release which one of the two would
//! refuse is refused before it ships.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The longest path, in bytes: what iOS accepts of a whole path, and a quarter of what Android does.
pub const MAX_PATH_BYTES: usize = 1024;
/// The longest component of a path, in bytes: what ext4, F2FS and APFS accept at least.
pub const MAX_COMPONENT_BYTES: usize = 255;

/// Why a path may not stand in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the path {path:?} {why}")]
pub struct PathError {
    /// The path as it was given.
    pub path: String,
    /// What is wrong with it.
    pub why: Unsafe,
}

/// What makes a path unsafe or not portable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unsafe {
    /// Nothing stands between two separators, or the whole path is empty.
    #[error("has an empty part; write it with single slashes between names")]
    Empty,
    /// It begins with `/`.
    #[error("is absolute; only paths inside the tree are accepted")]
    Absolute,
    /// A part is `.` or `..`.
    #[error("leads out of its folder or to itself; only paths inside the tree are accepted")]
    Dots,
    /// A NUL or another control character stands in it.
    #[error("holds a control character; rename the file")]
    Control,
    /// A backslash: Windows reads it as a separator.
    #[error("holds a backslash, which Windows takes for a separator; rename the file")]
    Backslash,
    /// A colon: Windows reads a drive or a stream name.
    #[error("holds a colon, which Windows takes for a drive or a stream; rename the file")]
    Colon,
    /// A part is the name of a device under Windows.
    #[error("holds a name that Windows keeps for a device; rename the file")]
    Device,
    /// A part ends with a dot or a space, which Windows drops.
    #[error("has a part that ends with a dot or a space, which Windows drops; rename the file")]
    Trailing,
    /// The path is longer than [`MAX_PATH_BYTES`], or a part than [`MAX_COMPONENT_BYTES`].
    #[error("is too long: at most {MAX_PATH_BYTES} bytes in all and {MAX_COMPONENT_BYTES} in one name")]
    TooLong,
}

/// Checks that `path` is a relative path with `/` between its parts that every system reads alike.
///
/// Takes time linear in the length of the path; allocates only for the error.
///
/// # Errors
/// [`PathError`] with the path and the first thing that is wrong with it.
pub fn check(path: &str) -> Result<(), PathError> {
    find_fault(path).map_or(Ok(()), |why| Err(PathError { path: excerpt(path), why }))
}

fn find_fault(path: &str) -> Option<Unsafe> {
    if path.len() > MAX_PATH_BYTES {
        return Some(Unsafe::TooLong);
    }
    if path.starts_with('/') {
        return Some(Unsafe::Absolute);
    }
    path.split('/').find_map(find_fault_in_component)
}

fn find_fault_in_component(name: &str) -> Option<Unsafe> {
    if name.is_empty() {
        return Some(Unsafe::Empty);
    }
    if name == "." || name == ".." {
        return Some(Unsafe::Dots);
    }
    if name.len() > MAX_COMPONENT_BYTES {
        return Some(Unsafe::TooLong);
    }
    for c in name.chars() {
        match c {
            '\\' => return Some(Unsafe::Backslash),
            ':' => return Some(Unsafe::Colon),
            c if c.is_control() => return Some(Unsafe::Control),
            _ => {}
        }
    }
    if name.ends_with(['.', ' ']) {
        return Some(Unsafe::Trailing);
    }
    is_device(name).then_some(Unsafe::Device)
}

/// Windows opens the device whatever extension follows its name, in any case, and also with spaces before the dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ');
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].into_iter().any(is) {
        return true;
    }
    let mut chars = stem.chars();
    let Some(digit) = chars.next_back() else { return false };
    let port = chars.as_str();
    matches!(digit, '0'..='9' | '¹' | '²' | '³')
        && (port.eq_ignore_ascii_case("COM") || port.eq_ignore_ascii_case("LPT"))
}

/// A hostile path may be long; a message need not be.
fn excerpt(path: &str) -> String {
    const CHARS: usize = 300;
    match path.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

/// The form in which two names that some file system takes for one are equal: canonical decomposition (NFD) around
/// a case folding.
///
/// The folding goes through the lower, the upper and again the lower case of the standard library's Unicode tables.
/// It joins all that Unicode's full case folding joins, and a few letters more (`ı` with `i`).
#[must_use]
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let lower = name.nfd().flat_map(char::to_lowercase);
    let folded = lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.nfd().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_some_system_reads_otherwise_are_refused() {
        let long_name = "n".repeat(256);
        let long_path = "n/".repeat(512) + "n";
        let table = [
            ("", Unsafe::Empty),
            ("a//b", Unsafe::Empty),
            ("a/", Unsafe::Empty),
            ("/", Unsafe::Absolute),
            ("/etc/passwd", Unsafe::Absolute),
            (".", Unsafe::Dots),
            ("..", Unsafe::Dots),
            ("../a", Unsafe::Dots),
            ("a/../../b", Unsafe::Dots),
            ("a/./b", Unsafe::Dots),
            ("a/..", Unsafe::Dots),
            ("a\0b", Unsafe::Control),
            ("a\nb", Unsafe::Control),
            ("a\u{7f}", Unsafe::Control),
            ("a\u{85}b", Unsafe::Control),
            ("..\\a", Unsafe::Backslash),
            ("a\\b", Unsafe::Backslash),
            ("C:", Unsafe::Colon),
            ("c:/a", Unsafe::Colon),
            ("a/b:stream", Unsafe::Colon),
            ("CON", Unsafe::Device),
            ("a/con.js", Unsafe::Device),
            ("NUL/a", Unsafe::Device),
            ("nul.tar.gz", Unsafe::Device),
            ("aux .txt", Unsafe::Device),
            ("Com1", Unsafe::Device),
            ("LPT9.js", Unsafe::Device),
            ("com¹", Unsafe::Device),
            ("conin$", Unsafe::Device),
            ("a.", Unsafe::Trailing),
            ("a./b", Unsafe::Trailing),
            ("a ", Unsafe::Trailing),
            ("...", Unsafe::Trailing),
            (&long_name, Unsafe::TooLong),
            (&long_path, Unsafe::TooLong),
        ];
        for (path, why) in table {
            assert_eq!(check(path).map_err(|error| error.why), Err(why), "{path:?}");
        }
    }

    #[test]
    fn ordinary_paths_of_app_bundles_pass() {
        let long_name = "n".repeat(255);
        let ordinary = [
            "index.android.bundle",
            "assets/node_modules/@react-navigation/elements/src/assets/back-icon@4x.android.ios.png",
            ".well-known/x",
            "..a",
            "[...slug].js",
            "a b",
            "console.js",
            "com10",
            "comma",
            "COM",
            "nullable.d.ts",
            "日本/é.png",
            &long_name,
        ];
        for path in ordinary {
            assert_eq!(check(path), Ok(()));
        }
    }

    #[test]
    fn names_that_a_file_system_joins_fold_alike() {
        for (one, other) in [
            ("README", "readme"),
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("straße", "STRASSE"),
            ("ẞ", "ss"),
            ("ς", "Σ"),
            ("ſ", "S"),
            ("\u{212b}", "å"),
            ("ΐ", "\u{3b9}\u{308}\u{301}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("a"), fold("b"));
        assert_ne!(fold("é"), fold("e"));
    }

    #[test]
    fn a_message_stays_short_for_a_long_path() {
        assert!(check(&"é".repeat(4000)).unwrap_err().to_string().len() < 1000);
    }
}
