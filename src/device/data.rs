//! The app's data that was not synced yet, and which releases it survives.

use std::{fmt, io, io::Read, path::PathBuf, sync::Arc};

use super::{config::Embedded, state::Release};
use crate::files::open_plain;

/// No such file is longer: a number, a space and a version.
const MAX_BYTES: u64 = 4096;

/// What an app has not synced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsynced {
    /// How many changes; `u64::MAX` where nobody knows.
    pub count: u64,
    /// The version of the model that they are made for, where known.
    pub model: Option<String>,
}

/// How the client learns what an app has not synced.
#[derive(Clone, Default)]
pub enum Source {
    /// The app has no data of its own.
    #[default]
    None,
    /// The app writes it into a file, in one step: the count, and after a space the model's version. Read before any
    /// bundle is loaded. A file that is not there means nothing was ever stored, one that cannot be read means that
    /// there may be anything.
    File(PathBuf),
    /// The app's native half tells.
    Call(Arc<dyn Fn() -> Unsynced + Send + Sync>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Call(_) => f.write_str("Call"),
        }
    }
}

/// What stands between a device and a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing.
    Open,
    /// A snapshot, to be sure: the release would destroy data, but all of it is synced.
    Snapshot,
    /// Data that it would destroy.
    Closed(Unsynced),
}

impl Source {
    /// What is not synced; `None` where the app has no data.
    #[must_use]
    pub fn read(&self) -> Option<Unsynced> {
        match self {
            Self::None => None,
            Self::Call(call) => Some(call()),
            Self::File(path) => Some(match open_plain(path) {
                Ok(file) => {
                    let mut text = String::new();
                    let read = file.take(MAX_BYTES).read_to_string(&mut text);
                    read.ok().and_then(|_| parse(&text)).unwrap_or(Unsynced { count: u64::MAX, model: None })
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Unsynced::default(),
                Err(_) => Unsynced { count: u64::MAX, model: None },
            }),
        }
    }

    /// What stands between the data and `release`.
    pub(super) fn gate(&self, release: &Release) -> Gate {
        let Some(unsynced) = self.read() else { return Gate::Open };
        if !release.statement.destroys(unsynced.model.as_deref()) {
            Gate::Open
        } else if unsynced.count == 0 {
            Gate::Snapshot
        } else {
            Gate::Closed(unsynced)
        }
    }

    /// What stands between the data and the bundle of a new store build, which nobody can hold back any more.
    pub(super) fn at_risk(&self, embedded: &Embedded) -> Option<Unsynced> {
        let model = embedded.model.as_ref()?;
        let unsynced = self.read().filter(|unsynced| unsynced.count > 0)?;
        let survives = |data: &String| data == model || embedded.survives.contains(data);
        (!unsynced.model.as_ref().is_some_and(survives)).then_some(unsynced)
    }
}

fn parse(text: &str) -> Option<Unsynced> {
    let text = text.trim_end();
    let (count, model) = text.split_once(' ').map_or((text, None), |(count, model)| (count, Some(model.trim())));
    let model = model.filter(|model| !model.is_empty()).map(str::to_owned);
    Some(Unsynced { count: count.parse().ok()?, model })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_writes_is_understood_and_what_cannot_be_read_counts_as_unsynced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("unsynced");
        let source = Source::File(path.clone());
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            source.read().unwrap()
        };
        assert_eq!(source.read().unwrap(), Unsynced::default());
        assert_eq!(read("3 2026.1\n"), Unsynced { count: 3, model: Some("2026.1".into()) });
        assert_eq!(read("0"), Unsynced { count: 0, model: None });
        for text in ["", "three", "-1 a", "1,000 a"] {
            assert_eq!(read(text).count, u64::MAX, "{text}");
        }
    }
}
