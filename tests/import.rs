//! `import`: moving over from App Center and CodePush, as a person does it.

mod common;

use std::fs;

use common::{Place, Run, smidge};
use serde_json::{Value, json};

fn at(place: &Place, name: &str) -> String {
    place.join(name).to_str().unwrap().to_owned()
}

fn config(place: &Place, words: &[&str]) -> Run {
    let path = at(place, ".config");
    smidge(&[&["import", "config", &path][..], words].concat())
}

fn text(place: &Place, name: &str) -> String {
    fs::read_to_string(place.join(name)).unwrap()
}

/// As the builder's handbook shows it for an organisation: without the comma.
const EXAMPLE: &str = r#"{
  "name": "Shop",
  "appcenter": {
    "iosAppName": "GrandApp-iOS",
    "androidAppName": "GrandApp-Android"
    "organization": "GrandCompany"
  }
}
"#;

#[test]
fn a_missing_comma_is_named_with_its_line_and_mended_when_asked() {
    let place = Place::new();
    place.file(".config", EXAMPLE);
    let run = config(&place, &[]).exits(1).says(&[
        "line 5, column 41",
        "a comma is missing after \"GrandApp-Android\"",
        "--fix",
    ]);
    assert!(run.stdout.is_empty());
    assert_eq!(text(&place, ".config"), EXAMPLE);
    let run = config(&place, &["--fix"]).exits(0);
    for word in ["GrandCompany/GrandApp-iOS", "GrandCompany/GrandApp-Android", "all else in it is as it was", "0.1.0"] {
        assert!(run.text().contains(word), "{word}: {}", run.text());
    }
    assert!(run.text().lines().all(|line| line.chars().count() <= 80), "{}", run.text());
    assert_eq!(text(&place, ".config"), EXAMPLE.replace("Android\"\n", "Android\",\n"));
    assert_eq!(config(&place, &["--json"]).exits(0).json()["written"], false);
}

#[test]
fn pasted_addresses_become_names_and_all_else_stays() {
    let place = Place::new();
    let before = "{\"appcenter\":{\"iosAppName\":\"https://appcenter.ms/users/ann/apps/Shop-1/distribute\",\"x\":[1]},\n\t\"n\": 1.10}";
    place.file(".config", before);
    let value = config(&place, &["--json"]).exits(0).json();
    assert_eq!(
        (&value["ios"], &value["user"], &value["written"]),
        (&json!("ann/Shop-1"), &json!("ann"), &json!(false))
    );
    assert_eq!(text(&place, ".config"), before);
    config(&place, &["--fix"]).exits(0);
    assert_eq!(
        text(&place, ".config"),
        before.replace("https://appcenter.ms/users/ann/apps/Shop-1/distribute", "Shop-1")
    );
}

#[test]
fn a_configuration_is_made_where_there_is_none_and_only_when_asked() {
    let place = Place::new();
    config(&place, &["--ios", "Shop-iOS"]).exits(1).says(&[".config"]);
    assert_eq!(place.names(), [""; 0]);
    config(&place, &["--create"]).exits(1).says(&["--ios"]);
    assert_eq!(place.names(), [""; 0]);
    config(&place, &["--create", "--ios", "https://appcenter.ms/orgs/Acme/apps/Shop-iOS"]).exits(0);
    let made: Value = serde_json::from_str(&text(&place, ".config")).unwrap();
    assert_eq!(made, json!({ "appcenter": { "iosAppName": "Shop-iOS", "organization": "Acme" } }));
    config(&place, &["--android", "Shop-Android"]).exits(0);
    let made: Value = serde_json::from_str(&text(&place, ".config")).unwrap();
    assert_eq!(made["appcenter"]["androidAppName"], "Shop-Android");
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let place = Place::new();
    for (content, says) in [
        ("{}", "names no app"),
        ("{\n  \"appcenter\" {}\n}", "line 2"),
        ("{\"appcenter\": {\"iosAppName\": 7}}", "appcenter.iosAppName is a number"),
        ("{\"appcenter\": {\"iosAppName\": \"a b\"}}", "\"a b\""),
        ("{\"appcenter\": {\"iosAppName\": \"https://appcenter.ms/apps\"}}", "leads to no app"),
        ("{\"appcenter\": {\"iosAppName\": \"Acme/x\", \"organization\": \"Other\"}}", "two organisations"),
    ] {
        place.file(".config", content);
        config(&place, &["--fix"]).exits(1).says(&[says]);
        assert_eq!(text(&place, ".config"), content);
    }
}

fn release(label: &str, hash: char, more: Value) -> Value {
    let mut release = json!({ "label": label, "appVersion": "1.0.0", "packageHash": hash.to_string().repeat(64), "size": 1000,
        "uploadTime": 1_500_000_000_000_u64, "isMandatory": false, "isDisabled": false, "rollout": null,
        "description": "", "releaseMethod": "Upload", "blobUrl": "https://host/x", "diffPackageMap": {} });
    release.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    release
}

fn codepush(place: &Place, words: &[&str]) -> Run {
    let words =
        words.iter().map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), |name| at(place, name)));
    smidge(&["import".to_owned(), "codepush".to_owned()].into_iter().chain(words).collect::<Vec<_>>())
}

/// The list of two deployments, and the history of one.
fn history() -> Place {
    let place = Place::new();
    let promoted = json!({ "releaseMethod": "Promote", "originalLabel": "v9", "originalDeployment": "Staging", "isMandatory": true });
    let newest = release("v4", 'c', promoted);
    let list = json!([
        { "name": "Staging", "key": "staging-key_0123456789", "package": null },
        { "name": "Production", "key": "production-key_0123456789", "package": newest },
    ]);
    place.file("list.json", list.to_string());
    let history = json!([
        release("v2", 'a', json!({ "appVersion": "^1.0" })),
        release("v3", 'b', json!({ "isDisabled": true })),
        newest
    ]);
    place.file("history.json", history.to_string());
    place
}

#[test]
fn keys_and_labels_of_codepush_are_kept() {
    let place = history();
    let run = codepush(&place, &["@list.json", "@history.json", "-o", "@plan.json"]).exits(0);
    for word in ["production-key_0123456789", "v2", "^1.0", "disabled", "mandatory, from Staging v9", "begins with v2"]
    {
        assert!(run.text().contains(word), "{word}: {}", run.text());
    }
    assert!(run.text().lines().all(|line| line.chars().count() <= 80), "{}", run.text());
    let plan: Value = serde_json::from_str(&text(&place, "plan.json")).unwrap();
    assert_eq!(plan["format"], "smidge codepush 1");
    assert_eq!(plan["deployments"][0]["key"], "production-key_0123456789");
    let releases = plan["deployments"][0]["releases"].as_array().unwrap();
    assert_eq!(releases.iter().map(|release| release["label"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(releases[2]["released"], 1_500_000_000);
    assert_eq!(plan["deployments"][1]["releases"], json!([]));
}

#[test]
fn a_history_alone_is_named_by_its_file() {
    let place = history();
    fs::rename(place.join("history.json"), place.join("Production.json")).unwrap();
    let run = codepush(&place, &["@Production.json", "--json"]).exits(0);
    assert_eq!(run.json()["deployments"][0]["name"], "Production");
    assert!(run.json()["notes"][0].as_str().unwrap().contains("key is not known"));
}

#[test]
fn a_history_that_cannot_be_is_refused_with_the_release() {
    let place = history();
    for (more, says) in [
        (json!({ "label": "4" }), "a label is v and a number"),
        (json!({ "label": "v0" }), "a label is v and a number"),
        (json!({ "packageHash": "xyz" }), "64 hexadecimal digits"),
        (json!({ "appVersion": "one" }), "neither a version nor a range"),
        (json!({ "rollout": 101 }), "no percentage"),
        (json!({ "label": "v3" }), "twice"),
        (json!({ "label": 7 }), "entry 2"),
    ] {
        place.file("Production.json", json!([release("v3", 'a', json!({})), release("v5", 'b', more)]).to_string());
        codepush(&place, &["@Production.json"]).exits(1).says(&[says]);
    }
    for (content, says) in [
        ("{}", "no list"),
        ("[{}]", "neither"),
        ("[", "line 1"),
        ("[{\"name\": \"a/b\", \"key\": \"0123456789\"}]", "a/b"),
    ] {
        place.file("Production.json", content);
        codepush(&place, &["@Production.json"]).exits(1).says(&[says]);
    }
    place.file("other.json", json!([release("v9", 'd', json!({}))]).to_string());
    codepush(&place, &["@list.json", "@other.json"]).exits(1).says(&["which deployment", "Staging, Production"]);
    codepush(&place, &["@list.json", "@list.json"]).exits(1).says(&["twice"]);
}
