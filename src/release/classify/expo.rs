//! What `@expo/fingerprint` wrote, as parts.
//!
//! Facts about its form: an object with `sources`, each with a `type` (`file`, `dir`, `package`, `contents`), a
//! `filePath`, `id` or `name`, `reasons`, and a `hash` that is null where the source is ignored; with debug information
//! also the files of a folder. The contents of `expoConfig` are the app's configuration as JSON.

use serde_json::Value;

use super::{
    native::{Aspect, Fingerprint, aspect_of},
    project::put_app_config,
};

pub(super) fn fingerprint(sources: &[Value]) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    for source in sources {
        put(&mut fingerprint, source);
    }
    fingerprint
}

fn text<'a>(source: &'a Value, key: &str) -> &'a str {
    source.get(key).and_then(Value::as_str).unwrap_or("")
}

fn put(fingerprint: &mut Fingerprint, source: &Value) {
    let hash = text(source, "hash");
    if hash.is_empty() {
        return;
    }
    let reasons: Vec<&str> =
        source.get("reasons").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let because = |word: &str| reasons.iter().any(|reason| reason.contains(word));
    match text(source, "type") {
        "package" => fingerprint.put(Aspect::Module, text(source, "name"), text(source, "version")),
        "contents" => {
            let id = text(source, "id");
            let config = (id == "expoConfig").then(|| serde_json::from_str::<Value>(text(source, "contents")).ok());
            match config.flatten() {
                // Its hash says no more than its parts do.
                Some(config) => put_app_config(fingerprint, &config),
                None if id.contains("utolinkingConfig") => {
                    fingerprint.put(Aspect::Module, format!("list of modules ({id})"), hash);
                }
                None => fingerprint.put(Aspect::Project, id, hash),
            }
        }
        _ => {
            let path = text(source, "filePath");
            if because("utolinking") || because("package:") {
                fingerprint.put(Aspect::Module, module_name(path), hash);
            } else if !put_files(fingerprint, source.get("debugInfo")) {
                fingerprint.put(aspect_of(path), path, hash);
            }
        }
    }
}

/// The files of a folder where the debug information has them. Folders wait on a list, so depth costs no stack.
fn put_files(fingerprint: &mut Fingerprint, folder: Option<&Value>) -> bool {
    let children = |value: &Value| value.get("children").and_then(Value::as_array).cloned();
    let Some(mut waiting) = folder.and_then(children) else { return false };
    while let Some(mut value) = waiting.pop() {
        if let Some(Value::Array(children)) = value.get_mut("children").map(Value::take) {
            waiting.extend(children);
        } else if !text(&value, "path").is_empty() {
            let path = text(&value, "path");
            fingerprint.put(aspect_of(path), path, text(&value, "hash"));
        }
    }
    true
}

/// `node_modules/@scope/name` is `@scope/name`; expo lists a module's folder, or the android folder in it.
fn module_name(path: &str) -> &str {
    let name = path.rsplit_once("node_modules/").map_or(path, |(_, name)| name);
    name.strip_suffix("/android").or_else(|| name.strip_suffix("/ios")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_becomes_what_it_is_of() {
        let json = serde_json::json!({ "hash": "aa", "sources": [
            { "type": "dir", "filePath": "../../node_modules/react-native-svg", "reasons": ["rncoreAutolinkingIos"], "hash": "01" },
            { "type": "package", "name": "expo", "version": "52.0.1", "filePath": "x", "reasons": ["package:expo"], "hash": "02" },
            { "type": "contents", "id": "expoConfig", "reasons": ["expoConfig"], "hash": "03",
              "contents": "{\"name\":\"Shop\",\"icon\":\"./assets/icon.png\",\"splash\":{\"image\":\"s.png\"},\"plugins\":[]}" },
            { "type": "file", "filePath": "./assets/splash.png", "reasons": ["expoConfigExternalFile"], "hash": "04" },
            { "type": "dir", "filePath": "ios", "reasons": ["bareNativeDir"], "hash": "05", "debugInfo": { "path": "ios", "hash": "05",
              "children": [{ "path": "ios/App", "hash": "06", "children": [{ "path": "ios/App/AppDelegate.swift", "hash": "07" }, null] }] } },
            { "type": "file", "filePath": "ignored", "reasons": [], "hash": null }
        ] });
        let fingerprint = Fingerprint::read(json.to_string().as_bytes()).unwrap();
        let parts: Vec<_> = fingerprint.parts().map(|(aspect, name, _)| (aspect, name)).collect();
        assert_eq!(
            parts,
            [
                (Aspect::Module, "expo"),
                (Aspect::Module, "react-native-svg"),
                (Aspect::AppName, "app.json name"),
                (Aspect::Icon, "app.json icon"),
                (Aspect::Splash, "./assets/splash.png"),
                (Aspect::Splash, "app.json splash"),
                (Aspect::Project, "app.json plugins"),
                (Aspect::Project, "ios/App/AppDelegate.swift"),
            ]
        );
    }
}
