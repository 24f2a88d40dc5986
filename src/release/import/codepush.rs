//! Histories of CodePush, as its command line prints them, and the plan of what is taken over.
//!
//! Facts about their form: `deployment ls APP -k --format json` is a list of objects with `name`, `key` and `package`, the
//! newest release or null. `deployment history APP NAME --format json` is a list of releases, oldest first, each with
//! `label`, `appVersion`, `packageHash`, `size`, `uploadTime` in milliseconds, `isMandatory`, `isDisabled`, `rollout` or
//! null, `description`, `releaseMethod` and, of promoted and rolled back ones, where they came from. A server keeps the last
//! 50 or so, so that a history may begin with any label.

use std::collections::{BTreeSet, HashMap};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ImportError;

/// Bytes of one list, at most. 50 releases with patches between them have some 100 KB.
pub const LIST_BYTES: usize = 32 << 20;
/// Releases of one deployment, at most.
pub const MAX_RELEASES: usize = 100_000;
const WHAT: &str = "the list";
const TEXT_BYTES: usize = 4096;

/// A release as CodePush tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// Its number: 3 of `v3`.
    pub label: u64,
    /// The versions of the app that it is for: exact, or a range.
    pub app_version: String,
    /// The SHA-256 by which clients know it, in hexadecimal.
    pub package_hash: String,
    /// Bytes of its zip; 0 where it is not told.
    pub size_bytes: u64,
    /// What it brings.
    pub description: String,
    /// Whether devices must install it.
    pub mandatory: bool,
    /// Whether it is held back.
    pub disabled: bool,
    /// The percentage of devices that may have it.
    pub rollout: u8,
    /// When it was released, in seconds since 1970.
    pub released: u64,
    /// `Upload`, `Promote` or `Rollback`.
    pub method: String,
    /// Where it came from: deployment and label.
    pub origin: String,
    /// Where its zip can be fetched, while that server lives.
    pub url: String,
}

/// A deployment with what is known of its history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// Its name, which becomes that of a channel.
    pub name: String,
    /// The key that is built into apps; none where the list did not tell.
    pub key: Option<String>,
    /// Its releases, ascending by label.
    pub releases: Vec<Release>,
}

/// What one file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// `deployment ls`.
    Deployments(Vec<Deployment>),
    /// `deployment history`.
    History(Vec<Release>),
}

/// What is taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// `smidge codepush 1`.
    pub format: &'static str,
    /// Ascending by name.
    pub deployments: Vec<Deployment>,
    /// What a person should know before it is executed.
    pub notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RawDeployment {
    name: String,
    key: Option<String>,
    package: Option<RawRelease>,
}

/// As its command line prints it; what else there is has no bearing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRelease {
    label: String,
    app_version: String,
    package_hash: String,
    #[serde(default)]
    size: f64,
    description: Option<String>,
    is_mandatory: Option<bool>,
    is_disabled: Option<bool>,
    rollout: Option<f64>,
    #[serde(default)]
    upload_time: f64,
    release_method: Option<String>,
    original_label: Option<String>,
    original_deployment: Option<String>,
    blob_url: Option<String>,
}

impl List {
    /// Reads what `deployment ls` or `deployment history` printed.
    ///
    /// # Errors
    /// [`ImportError::Json`] with line and column, [`ImportError::NoHistory`] for other JSON, [`ImportError::History`] for a
    /// value that no release has.
    pub fn read(json: &[u8]) -> Result<Self, ImportError> {
        if json.len() > LIST_BYTES {
            return Err(ImportError::TooLarge { what: WHAT, limit: LIST_BYTES });
        }
        let value: Value = serde_json::from_slice(json).map_err(|source| ImportError::Json { what: WHAT, source })?;
        let no_history = |found: &str| ImportError::NoHistory { found: found.to_owned() };
        let Value::Array(items) = value else { return Err(no_history("it is no list in brackets")) };
        let Some(first) = items.first() else { return Ok(Self::History(Vec::new())) };
        if items.len() > MAX_RELEASES {
            return Err(no_history(&format!("it has more than {MAX_RELEASES} entries")));
        }
        let is_deployment = first.get("name").is_some();
        if !is_deployment && first.get("label").is_none() {
            return Err(no_history("its entries have neither a \"name\" nor a \"label\""));
        }
        let wrong = |at: usize, error: &serde_json::Error| no_history(&format!("entry {} of it: {error}", at + 1));
        if is_deployment {
            let read = |(at, value)| deployment(serde_json::from_value(value).map_err(|error| wrong(at, &error))?);
            return Ok(Self::Deployments(items.into_iter().enumerate().map(read).collect::<Result<_, _>>()?));
        }
        let read =
            |(at, value)| release(serde_json::from_value(value).map_err(|error| wrong(at, &error))?, "the history");
        let mut releases = items.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        sort(&mut releases, "the history")?;
        Ok(Self::History(releases))
    }
}

fn deployment(raw: RawDeployment) -> Result<Deployment, ImportError> {
    let place = format!("deployment {:?}", raw.name.chars().take(80).collect::<String>());
    let history = |problem: &str| ImportError::History { place: place.clone(), problem: problem.to_owned() };
    if let Some(key) = &raw.key {
        let plain = key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'));
        if !(10..=100).contains(&key.len()) || !plain {
            return Err(history("its key is not one of 10 to 100 letters, digits, '_' and '-'; apps could not use it"));
        }
    }
    crate::release::database::check_name(&raw.name, "a channel").map_err(|error| history(&error.to_string()))?;
    let releases = raw.package.map(|package| release(package, &place)).transpose()?.into_iter().collect();
    Ok(Deployment { name: raw.name, key: raw.key, releases })
}

fn release(raw: RawRelease, of: &str) -> Result<Release, ImportError> {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let place = format!("{of}, release {:?}", short(&raw.label));
    let history = |problem: String| ImportError::History { place: place.clone(), problem };
    let digits = raw.label.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+']));
    let label = digits.and_then(|digits| digits.parse().ok()).filter(|label| *label <= i64::MAX as u64);
    let Some(label) = label else {
        return Err(history("a label is v and a number from 1, such as v12".to_owned()));
    };
    if raw.package_hash.len() != 64 || !raw.package_hash.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err(history(format!("its hash {:?} is not 64 hexadecimal digits", short(&raw.package_hash))));
    }
    if !is_version(&raw.app_version) {
        let found = short(&raw.app_version);
        return Err(history(format!("{found:?} is neither a version nor a range of versions of the app")));
    }
    let rollout = raw.rollout.unwrap_or(100.0);
    if !(0.0..=100.0).contains(&rollout) {
        return Err(history(format!("its rollout of {rollout} is no percentage")));
    }
    let text = |text: Option<String>| text.unwrap_or_default();
    let description: String = text(raw.description);
    if description.len() > TEXT_BYTES {
        let found = description.len();
        return Err(history(format!("its description has {found} bytes; a release holds {TEXT_BYTES}: shorten it")));
    }
    let origin = match (raw.original_deployment, raw.original_label) {
        (Some(deployment), Some(label)) => format!("{} {}", short(&deployment), short(&label)),
        (_, Some(label)) => short(&label),
        _ => String::new(),
    };
    Ok(Release {
        label,
        app_version: raw.app_version,
        package_hash: raw.package_hash.to_ascii_lowercase(),
        // A cast of a float to a whole number saturates.
        size_bytes: raw.size as u64,
        description,
        mandatory: raw.is_mandatory.unwrap_or(false),
        disabled: raw.is_disabled.unwrap_or(false),
        rollout: rollout as u8,
        released: (raw.upload_time / 1000.0) as u64,
        method: short(&text(raw.release_method)),
        origin,
        url: text(raw.blob_url),
    })
}

/// Whether CodePush's servers match `text` as a version or a range: `1`, `1.2.3`, `^1.0`, `1.x`, `>=1.0 <2`, `1.0 - 2.0`.
fn is_version(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > 100 {
        return false;
    }
    if text == "*" || Version::parse(text).is_ok() {
        return true;
    }
    text.split("||").all(|part| {
        let words: Vec<&str> = part.split_whitespace().filter(|word| *word != "-").collect();
        !words.is_empty() && words.iter().all(|word| VersionReq::parse(word.trim_end_matches(',')).is_ok())
    })
}

/// Puts releases in the order of their labels.
fn sort(releases: &mut [Release], of: &str) -> Result<(), ImportError> {
    releases.sort_by_key(|release| release.label);
    if let Some(twice) = releases.windows(2).find(|pair| pair[0].label == pair[1].label) {
        let place = format!("{of}, release \"v{}\"", twice[0].label);
        return Err(ImportError::History { place, problem: "it stands there twice".to_owned() });
    }
    Ok(())
}

impl Plan {
    /// Brings lists together. Each comes with what its file is called: a history whose newest release no list of deployments
    /// has belongs to the deployment of that name.
    ///
    /// # Errors
    /// [`ImportError::History`] for a name or key that stands twice, [`ImportError::WhichDeployment`].
    pub fn new(lists: Vec<(String, List)>) -> Result<Self, ImportError> {
        let mut deployments: Vec<Deployment> = Vec::new();
        let mut histories = Vec::new();
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (file, list) in lists {
            match list {
                List::History(releases) => histories.push((file, releases)),
                List::Deployments(found) => {
                    for deployment in found {
                        let place = format!("deployment {:?}", deployment.name);
                        let twice = |what: &str| ImportError::History {
                            place: place.clone(),
                            problem: format!("{what} stands there twice; give the lists of one app on one platform"),
                        };
                        if !names.insert(deployment.name.to_ascii_lowercase()) {
                            return Err(twice("its name"));
                        }
                        if deployment.key.as_ref().is_some_and(|key| !keys.insert(key.clone())) {
                            return Err(twice("its key"));
                        }
                        deployments.push(deployment);
                    }
                }
            }
        }
        // A release is known by label and hash: only promoting gives one hash to two deployments.
        let mut newest: HashMap<(u64, String), Option<usize>> = HashMap::new();
        for (deployment, at) in deployments.iter().zip(0..) {
            if let Some(release) = deployment.releases.last() {
                let owner = newest.entry((release.label, release.package_hash.clone())).or_insert(Some(at));
                *owner = owner.filter(|owner| *owner == at);
            }
        }
        let has_list = !deployments.is_empty();
        let mut taken = BTreeSet::new();
        for (file, releases) in histories {
            let by_name = deployments.iter().position(|deployment| deployment.name.eq_ignore_ascii_case(&file));
            let last = releases.last().map(|last| (last.label, last.package_hash.clone()));
            let by_content = last.and_then(|last| newest.get(&last).copied().flatten());
            let known = || deployments.iter().map(|deployment| deployment.name.clone()).collect();
            let at = match by_name.or(by_content) {
                Some(at) => at,
                None if has_list => return Err(ImportError::WhichDeployment { known: known() }),
                None => {
                    let name = crate::release::database::check_name(&file, "a channel");
                    if name.is_err() {
                        return Err(ImportError::WhichDeployment { known: known() });
                    }
                    deployments.push(Deployment { name: file, key: None, releases: Vec::new() });
                    deployments.len() - 1
                }
            };
            if !taken.insert(at) {
                let place = format!("deployment {:?}", deployments[at].name);
                return Err(ImportError::History { place, problem: "it has two histories; give one".to_owned() });
            }
            if let Some(newest) = deployments[at].releases.last()
                && releases.last() != Some(newest)
                && !releases.iter().any(|release| release.label == newest.label)
            {
                let place = format!("deployment {:?}", deployments[at].name);
                let problem = format!("its newest release v{} is not in its history: fetch both again", newest.label);
                return Err(ImportError::History { place, problem });
            }
            deployments[at].releases = releases;
        }
        deployments.sort_by(|a, b| a.name.cmp(&b.name));
        let notes = deployments.iter().flat_map(|deployment| notes(deployment, taken.is_empty())).collect();
        Ok(Self { format: "smidge codepush 1", deployments, notes })
    }
}

fn notes(deployment: &Deployment, only_newest: bool) -> Vec<String> {
    let name = &deployment.name;
    let mut notes = Vec::new();
    if deployment.key.is_none() {
        notes.push(format!(
            "{name}: its key is not known, so apps in the field would not find it; add the list of `deployment ls -k`"
        ));
    }
    let (Some(first), Some(last)) = (deployment.releases.first(), deployment.releases.last()) else {
        return notes;
    };
    if only_newest && last.label > 1 {
        notes.push(format!("{name}: only the newest release is known; add the output of `deployment history`"));
    } else if first.label > 1 {
        notes
            .push(format!("{name}: the history begins with v{}; older releases are gone from the server", first.label));
    }
    let span = last.label - first.label + 1;
    if span > deployment.releases.len() as u64 {
        notes.push(format!(
            "{name}: {} labels between v{} and v{} are missing",
            span - deployment.releases.len() as u64,
            first.label,
            last.label
        ));
    }
    if !last.disabled && last.rollout < 100 {
        notes.push(format!(
            "{name}: v{} is rolled out to {} % of devices; finish that before moving, or go on with it here",
            last.label, last.rollout
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_ranges_of_the_field_are_known() {
        for text in [
            "1.0.0",
            "1",
            "1.2",
            "^1.0.0",
            "1.x",
            "1.*",
            "*",
            ">=1.0.0 <2.0.0",
            "1.0.0 - 2.0.0",
            "~1.2 || ^3",
            "1.0.0-beta.1",
        ] {
            assert!(is_version(text), "{text}");
        }
        for text in ["", "one", "1.0.0.0.0 x", "||", "1..2"] {
            assert!(!is_version(text), "{text}");
        }
    }
}
