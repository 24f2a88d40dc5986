//! What a channel is called: app, platform, name. And what a store build is called.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{
    TrustError,
    field::{Value, is_plain, put_text},
};

/// The longest part of an app's name, and the longest name of a channel, in bytes.
pub const MAX_WORD_BYTES: usize = 64;
/// The longest version and the longest build number, in bytes.
const MAX_VERSION_BYTES: usize = 64;

/// Why something cannot be the name of an app, a channel or a binary.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WordError {
    /// A word is one.
    #[error(
        "{found:?} cannot name {what}: at most {MAX_WORD_BYTES} ASCII letters, digits and . _ - +, beginning with a letter or \
         digit and not ending in a dot{}", if *.owner { "; an owner may stand before it, as in owner/app" } else { "" }
    )]
    Word {
        /// What it was to name, with its article.
        what: &'static str,
        /// What was found.
        found: String,
        /// Whether two words with a slash between are one, too.
        owner: bool,
    },
    /// There are two platforms.
    #[error("{found:?} is no platform; it is ios or android")]
    Platform {
        /// What was found.
        found: String,
    },
    /// Versions and build numbers are short texts.
    #[error("{found:?} cannot be {what}: 1 to {MAX_VERSION_BYTES} bytes without control characters")]
    Version {
        /// What it was to be, with its article.
        what: &'static str,
        /// What was found.
        found: String,
    },
}

fn is_word(text: &str) -> bool {
    (1..=MAX_WORD_BYTES).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
}

/// A word by the rules of names, with its length before it.
pub(super) fn word<'a>(value: &mut Value<'a>) -> Result<&'a str, TrustError> {
    let text = value.text(MAX_WORD_BYTES)?;
    if is_word(text) { Ok(text) } else { Err(value.malformed("is not a word")) }
}

/// The name of an app: a word, or an owner's and the app's with `/` between.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct App(String);

impl App {
    /// The app called `name`.
    ///
    /// # Errors
    /// [`WordError::Word`].
    pub fn new(name: &str) -> Result<Self, WordError> {
        let mut words = name.splitn(2, '/');
        if words.all(is_word) {
            Ok(Self(name.to_owned()))
        } else {
            Err(WordError::Word { what: "an app", found: name.to_owned(), owner: true })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an app runs on. Each is released by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// iOS and iPadOS.
    Ios = 1,
    /// Android.
    Android = 2,
}

impl Platform {
    /// Both platforms.
    pub const ALL: [Self; 2] = [Self::Ios, Self::Android];

    /// `ios` or `android`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ios),
            2 => Some(Self::Android),
            _ => None,
        }
    }
}

impl FromStr for Platform {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "ios" => Ok(Self::Ios),
            "android" => Ok(Self::Android),
            _ => Err(WordError::Platform { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An ordered history of releases that binaries follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    app: App,
    platform: Platform,
    name: String,
}

impl Channel {
    /// The channel `name` of `app` on `platform`.
    ///
    /// # Errors
    /// [`WordError::Word`].
    pub fn new(app: App, platform: Platform, name: &str) -> Result<Self, WordError> {
        if !is_word(name) {
            return Err(WordError::Word { what: "a channel", found: name.to_owned(), owner: false });
        }
        Ok(Self { app, platform, name: name.to_owned() })
    }

    /// Whose releases they are.
    #[must_use]
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// What they run on.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// The channel's own name, such as `production`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn read_app(value: &mut Value<'_>) -> Result<App, TrustError> {
        let text = value.whole_text(2 * MAX_WORD_BYTES + 1, false)?;
        App::new(text).map_err(|_| value.malformed("is not the name of an app"))
    }

    /// As [`Channel::read_app`], with its length before it.
    pub(super) fn read_short_app(value: &mut Value<'_>) -> Result<App, TrustError> {
        let text = value.text(2 * MAX_WORD_BYTES + 1)?;
        App::new(text).map_err(|_| value.malformed("is not the name of an app"))
    }

    pub(super) fn read_platform(value: &mut Value<'_>) -> Result<Platform, TrustError> {
        Platform::from_byte(value.byte()?).ok_or_else(|| value.malformed("is unknown"))
    }

    pub(super) fn read_name(value: &mut Value<'_>) -> Result<String, TrustError> {
        let text = value.whole_text(MAX_WORD_BYTES, false)?;
        if is_word(text) { Ok(text.to_owned()) } else { Err(value.malformed("is not a word")) }
    }

    pub(super) const fn from_parts(app: App, platform: Platform, name: String) -> Self {
        Self { app, platform, name }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.app, self.platform, self.name)
    }
}

/// A store build as a release targets it: app version and build number, exactly as the binary states them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binary {
    version: String,
    build: String,
}

impl Binary {
    /// The binary of `version` and `build`.
    ///
    /// # Errors
    /// [`WordError::Version`].
    pub fn new(version: &str, build: &str) -> Result<Self, WordError> {
        for (what, text) in [("a version", version), ("a build number", build)] {
            if text.is_empty() || text.len() > MAX_VERSION_BYTES || !is_plain(text, false) {
                return Err(WordError::Version { what, found: text.to_owned() });
            }
        }
        Ok(Self { version: version.to_owned(), build: build.to_owned() })
    }

    /// The app version, such as `1.0.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The build number, such as `42`.
    #[must_use]
    pub fn build(&self) -> &str {
        &self.build
    }

    pub(super) fn read(value: &mut Value<'_>) -> Result<Self, TrustError> {
        let version = value.text(MAX_VERSION_BYTES)?.to_owned();
        let build = value.text(MAX_VERSION_BYTES)?.to_owned();
        Ok(Self { version, build })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_text(out, &self.version);
        put_text(out, &self.build);
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} build {}", self.version, self.build)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folders_on_any_host() {
        for name in ["shop", "acme/shop", "a", "2048", "Acme-Corp/Shop_2.0+x"] {
            assert!(App::new(name).is_ok(), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "/", "a/", "/a", "a/b/c", "..", "a/..", ".a", "a.", "a b", "é", "a\\b", "a%2f", "-a", &long] {
            assert!(App::new(name).is_err(), "{name}");
        }
        let shop = App::new("shop").unwrap();
        assert!(Channel::new(shop.clone(), Platform::Ios, "a/b").is_err());
        assert_eq!(Channel::new(shop, Platform::Ios, "beta").unwrap().to_string(), "shop/ios/beta");
    }

    #[test]
    fn versions_are_taken_as_binaries_state_them() {
        assert!(Binary::new("1.0 (beta) é", "2026.1").is_ok());
        assert!(Binary::new("", "1").is_err() && Binary::new("1", "a\nb").is_err());
        assert!(Binary::new(&"1".repeat(65), "1").is_err());
    }
}
