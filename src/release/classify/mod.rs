//! What kind of change a release is, and whether it may go over the air.
//!
//! Three things are looked at, each by itself and each only where it is given: the files that the app loads ([`files`]),
//! what the store build is made of ([`native`]), and the data that devices keep offline ([`model`]). [`classify`] weighs
//! what was found; it reads nothing itself.
//!
//! ```
//! use smidge::release::classify::{Change, Safety, classify, model::Model};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = |entity: &str| {
//!     Model::read(format!(r#"{{"format": "smidge model 1", "version": "1", "entities": [{{"name": "{entity}"}}]}}"#).as_bytes())
//! };
//! let change = Change { model: Some(model("Order")?.compare(&model("Purchase")?)), ..Change::default() };
//! let verdict = classify(&change);
//! assert_eq!(verdict.safety, Safety::Destructive);
//! assert!(verdict.permit(None).is_err());
//! assert_eq!(verdict.permit(Some("every device has synced"))?, Some("every device has synced"));
//! # Ok(())
//! # }
//! ```

mod error;
mod expo;
pub mod files;
pub mod model;
pub mod native;
mod project;

use std::fmt;

pub use error::{ClassifyError, Refused};
use files::FileChange;
use model::ModelChange;
use native::NativeChange;

/// The longest reason for a destructive release, in bytes: it is signed into the release's statement.
pub const REASON_BYTES: usize = 1024;

/// What differs between two builds, as far as it was looked at.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Whether there is nothing yet that could be updated.
    pub initial: bool,
    /// Files that the app loads; see [`files::compare`].
    pub files: Vec<FileChange>,
    /// Parts of the store build; none where no fingerprints were given. See [`native::Fingerprint::compare`].
    pub native: Option<Vec<NativeChange>>,
    /// What devices keep offline, and the way through the app; none where no models were given. See
    /// [`model::Model::compare`].
    pub model: Option<Vec<ModelChange>>,
}

/// What a change is a change of. In the order in which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// How things look.
    Style,
    /// Images, fonts, texts and other static files.
    Asset,
    /// Pages and where things stand on them.
    Layout,
    /// Nanoflows: what the app does on the device.
    Logic,
    /// Code, in source or in bytecode.
    JavaScript,
    /// A widget.
    Widget,
    /// Entities, attributes, relations, navigation.
    Model,
    /// What only a store build can bring.
    Native,
}

impl Kind {
    /// All of them, in the order in which people are told.
    pub const ALL: [Self; 8] = [
        Self::Style,
        Self::Asset,
        Self::Layout,
        Self::Logic,
        Self::JavaScript,
        Self::Widget,
        Self::Model,
        Self::Native,
    ];

    /// Its name in output and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Asset => "asset",
            Self::Layout => "layout",
            Self::Logic => "logic",
            Self::JavaScript => "JavaScript",
            Self::Widget => "widget",
            Self::Model => "model",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a change may go over the air. Ascending by how much stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// It may.
    Safe,
    /// It may, but data that devices have not synced can be lost: somebody has to say why that is right.
    Destructive,
    /// It may not: devices need another store build.
    Store,
}

impl Safety {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Destructive => "destructive",
            Self::Store => "store",
        }
    }
}

/// Something that was found, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it stands against.
    pub safety: Safety,
    /// What it is a change of.
    pub kind: Kind,
    /// For people: what was found, and why it matters.
    pub text: String,
}

/// What a change is, and whether it may go over the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The gravest of all reasons.
    pub safety: Safety,
    /// The kinds of change, each once, in the order of [`Kind::ALL`].
    pub kinds: Vec<Kind>,
    /// Why: the gravest first. Those that are [`Safety::Safe`] are worth knowing and stand against nothing.
    pub reasons: Vec<Reason>,
    /// Whether the server's model should be deployed before the update is released.
    pub redeploy_server: bool,
}

/// Weighs what was found. Takes time in proportion to it.
#[must_use]
pub fn classify(change: &Change) -> Verdict {
    let mut reasons = Vec::new();
    if change.initial {
        reasons.push(Reason {
            safety: Safety::Store,
            kind: Kind::Native,
            text: "there is nothing yet to update: the first release of an app goes through the store".to_owned(),
        });
    }
    let mut kinds: Vec<Kind> = change.files.iter().map(|file| file.kind).collect();
    reasons.extend(change.files.iter().filter_map(FileChange::reason));
    for native in change.native.iter().flatten() {
        kinds.push(Kind::Native);
        reasons.push(native.reason());
    }
    for model in change.model.iter().flatten() {
        kinds.push(Kind::Model);
        reasons.push(model.reason());
    }
    kinds.sort_unstable();
    kinds.dedup();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.safety));
    let safety = reasons.iter().map(|reason| reason.safety).max().unwrap_or(Safety::Safe);
    let redeploy_server = kinds.iter().any(|kind| !matches!(kind, Kind::Style | Kind::Asset));
    Verdict { safety, kinds, reasons, redeploy_server }
}

impl Verdict {
    /// The reasons that stand against going over the air.
    pub fn against(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(|reason| reason.safety > Safety::Safe)
    }

    /// Whether a release may go out, where `allow_destructive` is the reason for which data may be lost. Gives back that
    /// reason where it was needed: it belongs into the statement and the audit log.
    ///
    /// # Errors
    /// [`Refused`] with everything that stands against it.
    pub fn permit<'a>(&self, allow_destructive: Option<&'a str>) -> Result<Option<&'a str>, Refused> {
        let texts = |safety| self.reasons.iter().filter(move |r| r.safety == safety).map(|r| r.text.clone()).collect();
        match (self.safety, allow_destructive.map(str::trim)) {
            (Safety::Safe, _) => Ok(None),
            (Safety::Store, _) => Err(Refused::Store { reasons: texts(Safety::Store) }),
            (Safety::Destructive, None) => Err(Refused::Destructive { reasons: texts(Safety::Destructive) }),
            (Safety::Destructive, Some("")) => Err(Refused::EmptyReason),
            (Safety::Destructive, Some(reason)) if reason.len() > REASON_BYTES => {
                Err(Refused::LongReason { found: reason.len() })
            }
            (Safety::Destructive, Some(reason)) => Ok(Some(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reasons: &[(Safety, &str)]) -> Verdict {
        Verdict {
            safety: reasons.iter().map(|reason| reason.0).max().unwrap_or(Safety::Safe),
            kinds: Vec::new(),
            reasons: reasons
                .iter()
                .map(|&(safety, text)| Reason { safety, kind: Kind::Model, text: text.to_owned() })
                .collect(),
            redeploy_server: false,
        }
    }

    #[test]
    fn nothing_at_all_is_safe() {
        let verdict = classify(&Change::default());
        assert_eq!((verdict.safety, verdict.redeploy_server), (Safety::Safe, false));
        assert_eq!(verdict.permit(Some("not needed")), Ok(None));
    }

    #[test]
    fn a_reason_lets_destructive_changes_pass_but_never_native_ones() {
        let destructive = verdict(&[(Safety::Destructive, "Order is gone")]);
        assert_eq!(destructive.permit(None), Err(Refused::Destructive { reasons: vec!["Order is gone".to_owned()] }));
        assert_eq!(destructive.permit(Some("  ")), Err(Refused::EmptyReason));
        assert_eq!(destructive.permit(Some(&"x".repeat(1025))), Err(Refused::LongReason { found: 1025 }));
        assert_eq!(destructive.permit(Some(" nobody uses it ")), Ok(Some("nobody uses it")));
        let store = verdict(&[(Safety::Store, "a camera"), (Safety::Destructive, "Order is gone")]);
        assert!(matches!(store.permit(Some("please")), Err(Refused::Store { .. })));
    }

    #[test]
    fn the_first_release_goes_through_the_store() {
        let verdict = classify(&Change { initial: true, ..Change::default() });
        assert_eq!(verdict.safety, Safety::Store);
    }
}
