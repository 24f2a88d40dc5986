//! The native fingerprint of a project's folder: package.json, app.json, `ios/` and `android/`.
//!
//! What changes with every store build by its nature (version and build number) is left out, and so are results of
//! builds and what a machine keeps for itself.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    ClassifyError,
    native::{Aspect, Fingerprint, aspect_of, read_file},
};
use crate::{hash::Hash, tree};

/// Bytes of package.json, app.json and the files in which names stand.
const JSON_BYTES: usize = 8 << 20;
/// Files of the native projects, at most. A template has some hundreds.
const MAX_FILES: usize = 50_000;
/// Folders above the project in which modules may be installed, as in a workspace.
const MAX_ABOVE: usize = 6;
/// What builds and machines leave in native projects.
const LEFT_OUT: [&str; 14] = [
    "Pods",
    "build",
    ".gradle",
    ".cxx",
    ".idea",
    ".kotlin",
    "DerivedData",
    "xcuserdata",
    "local.properties",
    ".DS_Store",
    ".xcode.env.local",
    "node_modules",
    ".git",
    ".expo",
];
/// Keys of app.json that no store build is made of, or that change with every one.
const NOT_NATIVE: [&str; 14] = [
    "version",
    "runtimeVersion",
    "extra",
    "description",
    "owner",
    "slug",
    "updates",
    "web",
    "privacy",
    "githubUrl",
    "hooks",
    "_internal",
    "currentFullName",
    "originalFullName",
];
/// The template that Mendix apps begin with.
const TEMPLATE: &str = "native-template";

pub(super) fn fingerprint(root: &Path) -> Result<Fingerprint, ClassifyError> {
    let mut fingerprint = Fingerprint::default();
    let package = read_json(&root.join("package.json"), "package.json")?;
    let folders: Vec<&str> = ["ios", "android"].into_iter().filter(|name| root.join(name).is_dir()).collect();
    if package.is_none() && folders.is_empty() {
        return Err(ClassifyError::NoProject { path: root.to_owned() });
    }
    if let Some(package) = &package {
        put_modules(&mut fingerprint, root, package)?;
    }
    if let Some(config) = read_json(&root.join("app.json"), "app.json")? {
        let config = config.get("expo").unwrap_or(&config);
        put_app_config(&mut fingerprint, config);
        put_app_files(&mut fingerprint, root, config)?;
    }
    for folder in folders {
        put_folder(&mut fingerprint, root, folder)?;
    }
    Ok(fingerprint)
}

fn read_json(path: &Path, what: &'static str) -> Result<Option<Value>, ClassifyError> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read_file(path, what, JSON_BYTES)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|source| ClassifyError::Form { what, source })
}

fn put_modules(fingerprint: &mut Fingerprint, root: &Path, package: &Value) -> Result<(), ClassifyError> {
    let text = |key| package.get(key).and_then(Value::as_str);
    if text("name") == Some(TEMPLATE)
        && let Some(version) = text("version")
    {
        fingerprint.put(Aspect::Template, TEMPLATE, version);
    }
    let dependencies = package.get("dependencies").and_then(Value::as_object);
    for (name, wanted) in dependencies.into_iter().flatten() {
        let installed = installed(root, name);
        let native = match &installed {
            Some(folder) => holds_native_code(folder),
            None => sounds_native(name),
        };
        if !native {
            continue;
        }
        let version = match &installed {
            Some(folder) => read_json(&folder.join("package.json"), "package.json of a module")?
                .and_then(|package| package.get("version")?.as_str().map(str::to_owned)),
            None => None,
        };
        let version = version.unwrap_or_else(|| wanted.as_str().unwrap_or_default().to_owned());
        fingerprint.put(Aspect::Module, name, version);
    }
    Ok(())
}

/// Where the module `name` is installed, for the project or a workspace that it is in.
fn installed(root: &Path, name: &str) -> Option<PathBuf> {
    // A name of package.json is foreign: it must not lead out of node_modules.
    tree::path::check(name).ok()?;
    let root = root.canonicalize().ok()?;
    root.ancestors().take(MAX_ABOVE).map(|folder| folder.join("node_modules").join(name)).find(|folder| folder.is_dir())
}

fn holds_native_code(folder: &Path) -> bool {
    if ["ios", "android", "react-native.config.js", "expo-module.config.json"]
        .iter()
        .any(|name| folder.join(name).exists())
    {
        return true;
    }
    let Ok(items) = fs::read_dir(folder) else { return false };
    items.flatten().any(|item| Path::new(&item.file_name()).extension().is_some_and(|ending| ending == "podspec"))
}

/// Whether a module that is not installed here may hold native code, by the custom of naming them.
fn sounds_native(name: &str) -> bool {
    let own = name.rsplit('/').next().unwrap_or(name);
    own.starts_with("react-native")
        || own.starts_with("expo")
        || name.starts_with("@react-native")
        || name.starts_with("@mendix/native")
}

/// The parts of an app's configuration that a store build is made of.
pub(super) fn put_app_config(fingerprint: &mut Fingerprint, config: &Value) {
    for (key, value) in config.as_object().into_iter().flatten() {
        let aspect = match key.as_str() {
            "name" | "displayName" => Aspect::AppName,
            "icon" => Aspect::Icon,
            "splash" => Aspect::Splash,
            "sdkVersion" => Aspect::Template,
            key if NOT_NATIVE.contains(&key) => continue,
            _ => Aspect::Project,
        };
        if let ("ios" | "android", Some(platform)) = (key.as_str(), value.as_object()) {
            for (inner, value) in platform {
                let aspect = match inner.as_str() {
                    "buildNumber" | "versionCode" | "version" | "runtimeVersion" => continue,
                    "icon" | "adaptiveIcon" => Aspect::Icon,
                    "splash" => Aspect::Splash,
                    _ => Aspect::Project,
                };
                fingerprint.put(aspect, format!("app.json {key}.{inner}"), shown(value));
            }
            continue;
        }
        fingerprint.put(aspect, format!("app.json {key}"), shown(value));
    }
}

/// Short texts as they are, everything else by its hash.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() <= 64 => text.clone(),
        value => Hash::of(value.to_string().as_bytes()).to_string(),
    }
}

/// Images that the configuration names, by their content.
fn put_app_files(fingerprint: &mut Fingerprint, root: &Path, config: &Value) -> Result<(), ClassifyError> {
    let mut named = BTreeSet::new();
    let mut collect = |value: Option<&Value>, aspect| {
        for text in value.into_iter().flat_map(texts) {
            named.insert((aspect, text));
        }
    };
    for section in [Some(config), config.get("ios"), config.get("android")].into_iter().flatten() {
        collect(section.get("icon"), Aspect::Icon);
        collect(section.get("adaptiveIcon"), Aspect::Icon);
        collect(section.get("splash"), Aspect::Splash);
    }
    for (aspect, name) in named {
        let path = name.strip_prefix("./").unwrap_or(&name);
        let place = root.join(path);
        if tree::path::check(path).is_ok() && place.is_file() {
            fingerprint.put(aspect, path, hash(&place)?);
        }
    }
    Ok(())
}

/// A text, or the texts directly in an object.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Object(fields) => fields.values().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn hash(path: &Path) -> Result<String, ClassifyError> {
    let io = |source| ClassifyError::Io { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(io)?;
    Ok(tree::hash_file(file, &mut vec![0; 64 << 10]).map_err(io)?.0.to_string())
}

fn put_folder(fingerprint: &mut Fingerprint, root: &Path, folder: &str) -> Result<(), ClassifyError> {
    let mut waiting = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = waiting.pop() {
        let place = root.join(&folder);
        let io = |source| ClassifyError::Io { path: place.clone(), source };
        for item in fs::read_dir(&place).map_err(io)? {
            let item = item.map_err(io)?;
            let name = item.file_name();
            let name = name.to_string_lossy();
            if LEFT_OUT.contains(&name.as_ref()) {
                continue;
            }
            let path = format!("{folder}/{name}");
            let kind = item.file_type().map_err(io)?;
            if kind.is_dir() {
                waiting.push(path);
                continue;
            }
            files += 1;
            if files > MAX_FILES {
                return Err(ClassifyError::TooMany { path: root.to_owned(), limit: MAX_FILES });
            }
            if kind.is_symlink() {
                // What it leads to is not the project's own; where it leads is.
                let target = fs::read_link(item.path()).map_err(io)?;
                fingerprint.put(aspect_of(&path), path, Hash::of(target.to_string_lossy().as_bytes()).to_string());
            } else if kind.is_file() {
                put_file(fingerprint, &item.path(), path, &name)?;
            }
        }
    }
    Ok(())
}

fn put_file(fingerprint: &mut Fingerprint, place: &Path, path: String, name: &str) -> Result<(), ClassifyError> {
    let versions: &[&str] = match name {
        "build.gradle" | "build.gradle.kts" => &["versionCode", "versionName"],
        "project.pbxproj" => &["MARKETING_VERSION", "CURRENT_PROJECT_VERSION"],
        "Info.plist" => &["CFBundleVersion", "CFBundleShortVersionString"],
        "strings.xml" => &[],
        _ => {
            fingerprint.put(aspect_of(&path), path, hash(place)?);
            return Ok(());
        }
    };
    let io = |source| ClassifyError::Io { path: place.to_owned(), source };
    let mut bytes = Vec::new();
    fs::File::open(place).and_then(|file| file.take(JSON_BYTES as u64).read_to_end(&mut bytes)).map_err(io)?;
    let text = String::from_utf8_lossy(&bytes);
    let app_name = match name {
        "Info.plist" => between(&text, "<key>CFBundleDisplayName</key>", "<string>", "</string>"),
        "strings.xml" => between(&text, "name=\"app_name\"", ">", "</string>"),
        _ => None,
    };
    // A build setting stands for the name of the target, which the project's own file has.
    if let Some(app_name) = app_name.filter(|name| !name.starts_with("$(")) {
        fingerprint.put(Aspect::AppName, path.clone(), app_name);
    }
    let kept = without_versions(&text, versions, name == "Info.plist");
    fingerprint.put(aspect_of(&path), path, Hash::of(kept.as_bytes()).to_string());
    Ok(())
}

/// What stands between `open` and `close` after `key`.
fn between<'a>(text: &'a str, key: &str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    let (_, rest) = rest.split_once(open)?;
    let (found, _) = rest.split_once(close)?;
    (found.len() <= 256).then_some(found)
}

/// The lines that do not state a version; in a property list the value stands in the line after its key.
fn without_versions(text: &str, versions: &[&str], value_follows: bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut skip = false;
    for line in text.lines() {
        let states = versions.iter().any(|word| {
            line.find(word).is_some_and(|at| !line[at + word.len()..].starts_with(|c: char| c.is_alphanumeric()))
        });
        if !std::mem::replace(&mut skip, states && value_follows) && !states {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_left_out_and_nothing_else() {
        let gradle = "android {\n  versionCode 7\n  versionName \"1.2\"\n  minSdk 24\n}\n";
        assert_eq!(without_versions(gradle, &["versionCode", "versionName"], false), "android {\n  minSdk 24\n}\n");
        let plist = "<key>CFBundleVersion</key>\n<string>7</string>\n<key>A</key>\n";
        assert_eq!(without_versions(plist, &["CFBundleVersion"], true), "<key>A</key>\n");
        assert_eq!(without_versions("versionCodeX 1", &["versionCode"], false), "versionCodeX 1\n");
    }

    #[test]
    fn a_module_name_never_leads_out_of_where_modules_are() {
        assert_eq!(installed(Path::new("."), "../../etc"), None);
        assert_eq!(installed(Path::new("."), "/etc"), None);
    }
}
