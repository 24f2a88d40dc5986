//! Names in a store: of objects, by their hash, and of pointers.

use std::fmt;

use super::StoreError;
use crate::hash::Hash;

/// How the bytes of an object are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// As they are.
    Plain,
    /// As zstd, after a skippable frame that tells how many bytes come out. `zstd -d` reads it.
    Zstd,
}

impl Form {
    /// Every form, in the order in which an object is looked for.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Zstd];
    const SUFFIX: &'static str = ".zst";
}

/// The name under which an object lies: `ab/abcd…`, with `.zst` behind it where it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// The hash of the content.
    pub hash: Hash,
    /// How the content is kept.
    pub form: Form,
}

impl ObjectName {
    /// The folder that it lies in, one of 256: the first byte of the hash.
    #[must_use]
    pub fn shard(&self) -> u8 {
        self.hash.as_bytes()[0]
    }

    /// The last part of the name, without its folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self.form {
            Form::Plain => self.hash.to_string(),
            Form::Zstd => format!("{}{}", self.hash, Form::SUFFIX),
        }
    }

    /// Reads what [`ObjectName::file_name`] wrote; `None` for anything else, such as upper-case digits.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (digits, form) = match name.strip_suffix(Form::SUFFIX) {
            Some(digits) => (digits, Form::Zstd),
            None => (name, Form::Plain),
        };
        let hash = Hash::from_hex(digits)?;
        // One object, one name.
        (digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(Self { hash, form })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}/{}", self.shard(), self.file_name())
    }
}

/// The name of a pointer: parts of lower-case letters, digits, `-`, `_` and `.`, with `/` between them.
///
/// No part begins with a dot, so that no name leaves its folder and none is hidden. Lower case only, so that a store
/// can move to a file system that does not tell cases apart. No name may be the beginning of another up to a `/`, on
/// folders one would have to be a file and a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PointerName(String);

impl PointerName {
    /// Bytes of a name, at most. Below the 255 of common file systems for each part, and the 1,024 of S3 for a key.
    pub const BYTES: usize = 200;

    /// Checks `name`.
    ///
    /// # Errors
    /// [`StoreError::PointerName`] names the rule that it breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, StoreError> {
        let name = name.into();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        let why = if name.len() > Self::BYTES {
            "it has more than 200 bytes"
        } else if !name.bytes().all(|byte| allowed(byte) || byte == b'/') {
            "only lower-case letters, digits, -, _, . and / between parts are allowed"
        } else if name.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
            "a part is empty or begins with a dot"
        } else {
            return Ok(Self(name));
        };
        Err(StoreError::PointerName { name, why })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PointerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_back_from_its_own_name_and_from_no_other() {
        let hash = Hash::of(b"smidge");
        for form in Form::ALL {
            let name = ObjectName { hash, form };
            assert_eq!(ObjectName::from_file_name(&name.file_name()), Some(name));
            assert_eq!(ObjectName::from_file_name(&name.file_name().to_uppercase()), None);
            assert_eq!(name.to_string(), format!("{:02x}/{}", hash.as_bytes()[0], name.file_name()));
        }
        for wrong in ["", ".zst", "abc", &format!("{hash}.zst.zst"), &format!("{hash}.gz")] {
            assert_eq!(ObjectName::from_file_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_pointers_stay_in_their_folder() {
        for name in ["a", "heads/app/ios.production", "a_b/c-1"] {
            assert_eq!(PointerName::new(name).unwrap().as_str(), name);
        }
        let long = "a".repeat(201);
        for name in ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a/.b", "A", "a b", "a\\b", "a\0", "é", &long]
        {
            assert!(PointerName::new(name).is_err(), "{name:?}");
        }
    }
}
