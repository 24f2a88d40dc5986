//! What a store build is made of: native modules, template, app name, icons, splash screen, native projects.
//!
//! A fingerprint is a list of named parts with a value each, so that two of them say what differs and not only that
//! something does. It comes from a project's folder, from what `@expo/fingerprint` wrote, or from its own JSON.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClassifyError, Kind, Reason, Safety, expo, project};
use crate::hash::{Hash, Hasher};

/// Bytes of a fingerprint's JSON, at most. `@expo/fingerprint` writes up to some MB where it lists every file.
pub const FINGERPRINT_BYTES: usize = 32 << 20;
const FORMAT: &str = "smidge native 1";
const CONTEXT: &str = "smidge 1 native fingerprint";

/// What a part of a store build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// A module with native code, or the framework itself.
    Module,
    /// The native template that the build began with.
    Template,
    /// What the app is called on the device.
    AppName,
    /// A launcher icon.
    Icon,
    /// The splash screen.
    Splash,
    /// Anything else of the native projects and what configures them.
    Project,
}

impl Aspect {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Module => "native module",
            Self::Template => "native template",
            Self::AppName => "app name",
            Self::Icon => "launcher icon",
            Self::Splash => "splash screen",
            Self::Project => "native project",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a store build is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    parts: BTreeMap<(Aspect, String), String>,
}

/// The JSON of a fingerprint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    hash: String,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    aspect: Aspect,
    name: String,
    value: String,
}

/// A part that differs between two store builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeChange {
    /// What it is a part of.
    pub aspect: Aspect,
    /// Its name.
    pub name: String,
    /// Its value in old; none where it is new.
    pub old: Option<String>,
    /// Its value in new; none where it is gone.
    pub new: Option<String>,
}

impl NativeChange {
    const fn has_version(&self) -> bool {
        matches!(self.aspect, Aspect::Module | Aspect::Template)
    }

    pub(super) fn reason(&self) -> Reason {
        let Self { aspect, name, .. } = self;
        let text = match (&self.old, &self.new) {
            (None, _) if *aspect == Aspect::AppName => format!("the app has a name of its own now: {name}"),
            (Some(old), Some(new)) if *aspect == Aspect::AppName => {
                format!("the app is renamed from {} to {} ({name})", quoted(old), quoted(new))
            }
            (Some(old), Some(new)) if self.has_version() && is_version(old) && is_version(new) => {
                format!("{aspect} {name} is {new} and was {old}")
            }
            (Some(_), Some(_)) => format!("{aspect} {name} changed"),
            (None, Some(new)) if self.has_version() && is_version(new) => format!("{aspect} {name} {new} is new"),
            (None, _) => format!("{aspect} {name} is new"),
            (Some(_), None) if *aspect == Aspect::Module => {
                let text =
                    format!("{aspect} {name} is gone: the store build still has it, and the update does without");
                return Reason { safety: Safety::Safe, kind: Kind::Native, text };
            }
            (Some(_), None) => format!("{aspect} {name} is gone"),
        };
        Reason { safety: Safety::Store, kind: Kind::Native, text }
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// A value that means something to people: not a hash.
fn is_version(value: &str) -> bool {
    value.len() <= 32 && !value.is_empty()
}

impl Fingerprint {
    /// The fingerprint at `path`: of a project where it is a folder, else a JSON file.
    ///
    /// # Errors
    /// [`ClassifyError`].
    pub fn open(path: &Path) -> Result<Self, ClassifyError> {
        if path.is_dir() {
            return project::fingerprint(path);
        }
        Self::read(&read_file(path, "a native fingerprint", FINGERPRINT_BYTES)?)
    }

    /// Reads the JSON that [`Fingerprint::to_json`] or `@expo/fingerprint` wrote.
    ///
    /// # Errors
    /// [`ClassifyError::Form`] with line and column; [`ClassifyError::FingerprintFormat`] for other JSON.
    pub fn read(json: &[u8]) -> Result<Self, ClassifyError> {
        if json.len() > FINGERPRINT_BYTES {
            let limit = FINGERPRINT_BYTES as u64;
            return Err(ClassifyError::TooLarge { what: "a native fingerprint", limit });
        }
        let form = |source| ClassifyError::Form { what: "native fingerprint", source };
        let value: Value = serde_json::from_slice(json).map_err(form)?;
        if let Some(sources) = value.get("sources").and_then(Value::as_array) {
            return Ok(expo::fingerprint(sources));
        }
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(ClassifyError::FingerprintFormat);
        }
        let document: Document = serde_json::from_value(value).map_err(form)?;
        let mut fingerprint = Self::default();
        for part in document.parts {
            if fingerprint.parts.insert((part.aspect, part.name.clone()), part.value).is_some() {
                return Err(ClassifyError::Twice { what: "part", name: part.name });
            }
        }
        Ok(fingerprint)
    }

    /// Sets the value of a part.
    pub fn put(&mut self, aspect: Aspect, name: impl Into<String>, value: impl Into<String>) {
        self.parts.insert((aspect, name.into()), value.into());
    }

    /// The parts: what they are of, name, value. Ascending.
    pub fn parts(&self) -> impl Iterator<Item = (Aspect, &str, &str)> {
        self.parts.iter().map(|((aspect, name), value)| (*aspect, name.as_str(), value.as_str()))
    }

    /// The JSON, one part a line, so that version control shows what changes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let parts = self.parts().map(|(aspect, name, value)| {
            let part = Part { aspect, name: name.to_owned(), value: value.to_owned() };
            format!("    {}", serde_json::to_string(&part).unwrap_or_default())
        });
        let parts = parts.collect::<Vec<_>>().join(",\n");
        format!("{{\n  \"format\": \"{FORMAT}\",\n  \"hash\": \"{}\",\n  \"parts\": [\n{parts}\n  ]\n}}\n", self.hash())
    }

    /// One hash over all parts: what a binary and a release's statement are compared by.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = Hasher::with_context(CONTEXT);
        for (aspect, name, value) in self.parts() {
            for text in [aspect.name(), name, value] {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finish()
    }

    /// The parts that differ in `new`, ascending.
    #[must_use]
    pub fn compare(&self, new: &Self) -> Vec<NativeChange> {
        let change = |key: &(Aspect, String), old: Option<&String>, new: Option<&String>| NativeChange {
            aspect: key.0,
            name: key.1.clone(),
            old: old.cloned(),
            new: new.cloned(),
        };
        let gone_or_changed = self.parts.iter().filter_map(|(key, old)| {
            let new = new.parts.get(key);
            (new != Some(old)).then(|| change(key, Some(old), new))
        });
        let added = new.parts.iter().filter(|(key, _)| !self.parts.contains_key(key));
        let mut found: Vec<_> = gone_or_changed.chain(added.map(|(key, new)| change(key, None, Some(new)))).collect();
        found.sort_by(|a, b| (a.aspect, &a.name).cmp(&(b.aspect, &b.name)));
        found
    }
}

/// The file at `path`, refused above `limit` bytes.
pub(super) fn read_file(path: &Path, what: &'static str, limit: usize) -> Result<Vec<u8>, ClassifyError> {
    use std::io::Read;
    let io = |source| ClassifyError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > limit {
        return Err(ClassifyError::TooLarge { what, limit: limit as u64 });
    }
    Ok(bytes)
}

/// What a file of a native project, or an asset of one, is.
pub(super) fn aspect_of(path: &str) -> Aspect {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let mut folders = lower.split('/');
    let is_icon = |part: &str| part.ends_with(".appiconset") || part.ends_with(".icon");
    if ["launchscreen", "launch_screen", "launchimage", "splash", "bootsplash"].iter().any(|word| lower.contains(word))
    {
        return Aspect::Splash;
    }
    if folders.any(is_icon) || name.starts_with("ic_launcher") || name.contains("adaptive-icon") || name == "icon.png" {
        return Aspect::Icon;
    }
    Aspect::Project
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_comes_back_from_its_json() {
        let mut fingerprint = Fingerprint::default();
        fingerprint.put(Aspect::Module, "react-native", "0.76.0");
        fingerprint.put(Aspect::AppName, "ios", "Shop \"A\"");
        let again = Fingerprint::read(fingerprint.to_json().as_bytes()).unwrap();
        assert_eq!(again, fingerprint);
        assert_eq!(again.hash(), fingerprint.hash());
        assert!(fingerprint.compare(&again).is_empty());
    }

    #[test]
    fn what_differs_is_said_in_words() {
        let (mut old, mut new) = (Fingerprint::default(), Fingerprint::default());
        old.put(Aspect::Module, "react-native", "0.76.0");
        new.put(Aspect::Module, "react-native", "0.77.1");
        new.put(Aspect::Module, "react-native-camera", "4.2.1");
        old.put(Aspect::AppName, "android", "Shop");
        new.put(Aspect::AppName, "android", "Store");
        old.put(Aspect::Splash, "ios/LaunchScreen.storyboard", Hash::of(b"1").to_string());
        new.put(Aspect::Splash, "ios/LaunchScreen.storyboard", Hash::of(b"2").to_string());
        let texts: Vec<String> = old.compare(&new).iter().map(|change| change.reason().text).collect();
        assert_eq!(
            texts,
            [
                "native module react-native is 0.77.1 and was 0.76.0",
                "native module react-native-camera 4.2.1 is new",
                "the app is renamed from \"Shop\" to \"Store\" (android)",
                "splash screen ios/LaunchScreen.storyboard changed",
            ]
        );
        assert_ne!(old.hash(), new.hash());
    }

    #[test]
    fn other_json_is_refused() {
        for text in ["", "[]", "{}", "{\"sources\": 1}", "{\"format\": \"smidge native 2\", \"parts\": []}"] {
            Fingerprint::read(text.as_bytes()).unwrap_err();
        }
    }
}
