//! `check`: what may go over the air, as a release engineer asks it.

mod common;

use common::{Place, Run, smidge};
use serde_json::{Value, json};

/// Runs `check` on the folders `old` and `new` of `place`; a word that begins with `@` is a path in it.
fn check(place: &Place, words: &[&str]) -> Run {
    let mut all = vec!["check".to_owned(), at(place, "old"), at(place, "new")];
    all.extend(
        words.iter().map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), |name| at(place, name))),
    );
    smidge(&all)
}

fn at(place: &Place, name: &str) -> String {
    place.join(name).to_str().unwrap().to_owned()
}

/// A bundle of Hermes bytecode, as far as its first bytes go.
fn bytecode(version: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = 0x1F19_03C1_03BC_1FC6u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

/// Two bundles that differ in nothing.
fn same() -> Place {
    let place = Place::new();
    for name in ["old", "new"] {
        place.tree(name, &[("index.bundle", b"var a = 1")]);
    }
    place
}

fn model(entities: Value) -> String {
    json!({ "format": "smidge model 1", "version": "1", "entities": entities }).to_string()
}

/// The verdict on two models: its safety and what is said against it.
fn models(old: &str, new: &str) -> (String, Vec<String>) {
    let place = same();
    place.file("old.json", old);
    place.file("new.json", new);
    let run = check(&place, &["--old-model", "@old.json", "--new-model", "@new.json", "--json"]);
    let value = run.json();
    let safety = value["safety"].as_str().unwrap().to_owned();
    assert_eq!(run.code, if safety == "safe" { 0 } else { 3 });
    let against = value["reasons"].as_array().unwrap().iter().filter(|reason| reason["safety"] != "safe");
    (safety, against.map(|reason| reason["text"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn each_kind_of_change_is_told_with_the_files_that_show_it() {
    let place = Place::new();
    place.tree("old", &[("theme/main.css", b"a"), ("img/logo.png", b"a"), ("pages/Home.js", b"a"), ("gone.txt", b"")]);
    place.tree(
        "new",
        &[
            ("theme/main.css", b"b"),
            ("img/logo.png", b"b"),
            ("pages/Home.js", b"b"),
            ("nanoflows/Buy.js", b"b"),
            ("index.android.bundle", b"b"),
            ("widgets/acme/Map.js", b"b"),
            ("model/metadata.json", b"b"),
        ],
    );
    let run = check(&place, &["--json"]).exits(0);
    let value = run.json();
    assert_eq!(value["kinds"], json!(["style", "asset", "layout", "logic", "JavaScript", "widget", "model"]));
    assert_eq!(value["files"].as_array().unwrap().len(), 8);
    assert_eq!((&value["safety"], &value["looked_at"]), (&json!("safe"), &json!(["files"])));
    let run = check(&place, &[]).exits(0);
    for word in
        ["pages/Home.js", "gone.txt (removed)", "widgets/acme/Map.js (added)", "Not looked at", "Redeploy the server"]
    {
        assert!(run.text().contains(word), "{word}: {}", run.text());
    }
    assert!(run.text().lines().all(|line| line.chars().count() <= 80), "{}", run.text());
}

#[test]
fn nothing_changes_between_the_same() {
    let run = check(&same(), &[]).exits(0);
    assert!(run.text().starts_with("nothing changes") && !run.text().contains("Redeploy"), "{}", run.text());
}

#[test]
fn bytecode_that_the_engine_of_the_store_build_cannot_read_needs_a_store_release() {
    let cases: [(Vec<u8>, Vec<u8>, i32); 4] = [
        (bytecode(96, b"1"), bytecode(96, b"2"), 0),
        (bytecode(96, b"1"), bytecode(98, b"1"), 3),
        (b"var a".to_vec(), bytecode(96, b"1"), 3),
        (bytecode(96, b"1"), b"var a".to_vec(), 0),
    ];
    for (old, new, code) in cases {
        let place = Place::new();
        place.tree("old", &[("main.jsbundle", &old)]);
        place.tree("new", &[("main.jsbundle", &new)]);
        check(&place, &[]).exits(code);
    }
}

#[test]
fn native_code_in_a_bundle_and_a_first_release_need_a_store_release() {
    let place = Place::new();
    place.tree("old", &[("a.js", b"")]);
    place.tree("new", &[("a.js", b""), ("lib/libcamera.so", b"")]);
    let run = check(&place, &[]).exits(3).says(&["store release"]);
    assert!(run.text().contains("lib/libcamera.so is native code"), "{}", run.text());
    let place = Place::new();
    place.tree("old", &[]);
    place.tree("new", &[("a.js", b"")]);
    check(&place, &[]).exits(3);
}

#[test]
fn offline_data_is_endangered_by_renames_removals_and_new_duties() {
    let order = |more: Value| {
        let mut entity = json!({ "name": "Order", "attributes": [{ "name": "Total", "type": "Decimal" }],
            "relations": [{ "name": "Order_Customer", "to": "Customer" }] });
        entity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        model(json!([entity]))
    };
    let old = order(json!({}));
    assert_eq!(models(&old, &old).0, "safe");
    let attributes = |list: Value| order(json!({ "attributes": list }));
    let relations = |list: Value| order(json!({ "relations": list }));
    let total = json!({ "name": "Total", "type": "Decimal" });
    let customer = json!({ "name": "Order_Customer", "to": "Customer" });
    for (new, says) in [
        (model(json!([])), "offline entity Order is gone"),
        (order(json!({ "name": "Purchase" })), "perhaps renamed to Purchase"),
        (order(json!({ "offline": false })), "no longer kept offline"),
        (attributes(json!([])), "attribute Order.Total is gone"),
        (attributes(json!([{ "name": "Sum", "type": "Decimal" }])), "perhaps renamed to Sum"),
        (attributes(json!([{ "name": "Total", "type": "Integer" }])), "is Integer and was Decimal"),
        (attributes(json!([total, { "name": "Due", "type": "Date", "required": true }])), "has no default"),
        (attributes(json!([{ "name": "Total", "type": "Decimal", "required": true }])), "is required now"),
        (relations(json!([])), "relation Order_Customer from Order to Customer is gone"),
        (relations(json!([{ "name": "Order_Customer", "to": "User" }])), "leads to User and led to Customer"),
        (relations(json!([{ "name": "Order_Customer", "to": "Customer", "required": true }])), "is required now"),
        (relations(json!([customer, { "name": "R", "to": "Customer", "required": true }])), "new and required"),
    ] {
        let (safety, against) = models(&old, &new);
        assert_eq!(safety, "destructive", "{new}");
        assert!(against.iter().any(|text| text.contains(says)), "{says}: {against:?}");
    }
    for new in [
        attributes(json!([total, { "name": "Note", "type": "String" }])),
        attributes(json!([total, { "name": "Due", "type": "Date", "required": true, "default": true }])),
        relations(json!([customer, { "name": "R", "to": "Customer" }])),
        model(json!([serde_json::from_str::<Value>(&old).unwrap()["entities"][0], { "name": "New" }])),
    ] {
        assert_eq!(models(&old, &new), ("safe".to_owned(), vec![]), "{new}");
    }
}

#[test]
fn an_id_tells_a_rename_from_a_removal() {
    let old = model(json!([{ "id": "7", "name": "Order" }]));
    let new = model(json!([{ "id": "7", "name": "Purchase" }, { "id": "8", "name": "Order" }]));
    let (safety, against) = models(&old, &new);
    assert_eq!(safety, "destructive");
    assert!(against.len() == 1 && against[0].contains("Order is now called Purchase"), "{against:?}");
}

#[test]
fn entities_that_devices_do_not_keep_endanger_nothing() {
    let old = model(json!([{ "name": "Log", "offline": false }]));
    assert_eq!(models(&old, &model(json!([]))).0, "safe");
}

#[test]
fn another_way_through_the_app_is_destructive() {
    let navigation = |home: &str, items: Value| {
        json!({ "format": "smidge model 1", "version": "1",
            "navigation": [{ "name": "Phone", "home": home, "items": items }] })
        .to_string()
    };
    let old = navigation("Home", json!(["Orders"]));
    assert_eq!(models(&old, &old).0, "safe");
    for new in [navigation("Start", json!(["Orders"])), navigation("Home", json!([])), model(json!([]))] {
        assert_eq!(models(&old, &new).0, "destructive", "{new}");
    }
}

#[test]
fn a_reason_lets_a_destructive_change_pass() {
    let place = same();
    place.file("old.json", model(json!([{ "name": "Order" }])));
    place.file("new.json", model(json!([])));
    let models = ["--old-model", "@old.json", "--new-model", "@new.json"];
    let with = |words: &[&str]| check(&place, &[&models[..], words].concat());
    with(&[]).exits(3).says(&["--allow-destructive"]);
    let run = with(&["--allow-destructive", "no device has unsynced orders", "--json"]).exits(0);
    assert_eq!(run.json()["allowed_because"], "no device has unsynced orders");
    assert_eq!(run.json()["safety"], "destructive");
    with(&["--allow-destructive", " "]).exits(2).says(&["reason in words"]);
}

#[test]
fn a_model_that_cannot_be_read_is_refused_with_the_place() {
    let place = same();
    place.file("good.json", model(json!([])));
    for (text, says) in [
        ("{", "line 1 column 1"),
        ("{\n\"format\": \"smidge model 1\", \"version\": \"1\", \"entitys\": []}", "line 2"),
        ("{\"format\": \"smidge model 2\", \"version\": \"1\"}", "\"smidge model 2\""),
        ("{\"format\": \"smidge model 1\", \"version\": \"\"}", "1 to 64 bytes"),
        (&model(json!([{ "name": "A" }, { "name": "A" }])), "described twice"),
    ] {
        place.file("bad.json", text);
        let run = check(&place, &["--old-model", "@good.json", "--new-model", "@bad.json"]);
        run.exits(1).says(&[says, "bad.json"]);
    }
    check(&place, &["--old-model", "@good.json"]).exits(2);
    check(&place, &["--old-model", "@good.json", "--new-model", "@none.json"]).exits(1).says(&["none.json"]);
}

/// A project as React Native makes it, a little of everything.
fn project(place: &Place, name: &str, change: &[(&str, &str)]) {
    let mut files = vec![
        (
            "package.json",
            r#"{"name": "native-template", "version": "8.0.1", "dependencies": {"react-native": "0.72.7", "left-pad": "1.0.0", "react-native-svg": "^12"}}"#,
        ),
        (
            "app.json",
            r#"{"expo": {"name": "Shop", "icon": "./assets/icon.png", "splash": {"image": "./assets/splash.png"}, "version": "1.0.0", "extra": {"a": 1}}}"#,
        ),
        ("assets/icon.png", "icon"),
        ("assets/splash.png", "splash"),
        ("node_modules/react-native/package.json", r#"{"version": "0.72.7"}"#),
        ("node_modules/react-native/React.podspec", ""),
        ("node_modules/left-pad/package.json", r#"{"version": "1.0.0"}"#),
        ("node_modules/react-native-svg/package.json", r#"{"version": "12.1.0"}"#),
        ("node_modules/react-native-svg/android/a", ""),
        (
            "ios/Shop/Info.plist",
            "<dict>\n<key>CFBundleDisplayName</key>\n<string>Shop</string>\n<key>CFBundleVersion</key>\n<string>7</string>\n</dict>\n",
        ),
        ("ios/Shop/AppDelegate.m", "code"),
        ("ios/Shop/Images.xcassets/AppIcon.appiconset/a.png", "icon"),
        ("ios/Shop/LaunchScreen.storyboard", "launch"),
        ("ios/Pods/Manifest.lock", "1"),
        ("android/app/build.gradle", "versionCode 7\nminSdk 24\n"),
        ("android/app/build/out", "1"),
        (
            "android/app/src/main/res/values/strings.xml",
            "<resources><string name=\"app_name\">Shop</string></resources>",
        ),
    ];
    for (path, content) in change {
        files.retain(|(known, _)| known != path);
        files.push((path, content));
    }
    for (path, content) in files {
        place.file(&format!("{name}/{path}"), content);
    }
}

/// What is said of two projects of which the second has `change`.
fn projects(change: &[(&str, &str)]) -> (i32, String) {
    let place = same();
    project(&place, "before", &[]);
    project(&place, "after", change);
    let run = check(&place, &["--old-native", "@before", "--new-native", "@after"]);
    assert!(run.text().lines().all(|line| line.chars().count() <= 80), "{}", run.text());
    (run.code, run.text().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn changes_of_the_native_project_need_a_store_release() {
    for (path, content, says) in [
        (
            "node_modules/react-native-svg/package.json",
            r#"{"version": "13.0.0"}"#,
            "react-native-svg is 13.0.0 and was 12.1.0",
        ),
        ("node_modules/left-pad/android/a", "", "native module left-pad 1.0.0 is new"),
        (
            "package.json",
            r#"{"name": "native-template", "version": "9.0.0", "dependencies": {"react-native": "0.72.7", "react-native-svg": "^12"}}"#,
            "native template native-template is 9.0.0 and was 8.0.1",
        ),
        (
            "app.json",
            r#"{"expo": {"name": "Store", "icon": "./assets/icon.png", "splash": {"image": "./assets/splash.png"}}}"#,
            "renamed from \"Shop\" to \"Store\"",
        ),
        ("assets/icon.png", "other", "launcher icon assets/icon.png changed"),
        ("assets/splash.png", "other", "splash screen assets/splash.png changed"),
        ("ios/Shop/AppDelegate.m", "other", "native project ios/Shop/AppDelegate.m changed"),
        ("ios/Shop/Images.xcassets/AppIcon.appiconset/a.png", "other", "launcher icon ios/Shop"),
        ("ios/Shop/LaunchScreen.storyboard", "other", "splash screen ios/Shop/LaunchScreen.storyboard changed"),
        ("android/app/build.gradle", "versionCode 7\nminSdk 26\n", "native project android/app/build.gradle changed"),
        (
            "android/app/src/main/res/values/strings.xml",
            "<resources><string name=\"app_name\">Store</string></resources>",
            "the app is renamed",
        ),
    ] {
        let (code, text) = projects(&[(path, content)]);
        assert!(code == 3 && text.contains(says), "{path}: {code} {text}");
    }
}

#[test]
fn what_every_build_changes_needs_none() {
    let plist = "<dict>\n<key>CFBundleDisplayName</key>\n<string>Shop</string>\n<key>CFBundleVersion</key>\n<string>8</string>\n</dict>\n";
    let app = r#"{"expo": {"name": "Shop", "icon": "./assets/icon.png", "splash": {"image": "./assets/splash.png"}, "version": "1.1.0", "extra": {"a": 2}}}"#;
    let package = r#"{"name": "native-template", "version": "8.0.1", "dependencies": {"react-native": "0.72.7", "react-native-svg": "^12", "lodash": "4"}}"#;
    for change in [
        ("ios/Shop/Info.plist", plist),
        ("app.json", app),
        ("android/app/build.gradle", "versionCode 8\nminSdk 24\n"),
        ("ios/Pods/Manifest.lock", "2"),
        ("android/app/build/out", "2"),
        // A module without native code.
        ("package.json", package),
    ] {
        let (code, text) = projects(&[change]);
        assert_eq!(code, 0, "{change:?}: {text}");
    }
    // The store build still has what the update does without.
    let package = r#"{"name": "native-template", "version": "8.0.1", "dependencies": {"react-native": "0.72.7"}}"#;
    let (code, text) = projects(&[("package.json", package)]);
    assert!(code == 0 && text.contains("react-native-svg is gone"), "{text}");
}

#[test]
fn a_fingerprint_is_kept_and_compared_later() {
    let place = same();
    project(&place, "shop", &[]);
    let native = |output: &str| smidge(&["import", "native", &at(&place, "shop"), "-o", &at(&place, output)]).exits(0);
    native("one.json");
    native("two.json");
    assert_eq!(std::fs::read(place.join("one.json")).unwrap(), std::fs::read(place.join("two.json")).unwrap());
    check(&place, &["--old-native", "@one.json", "--new-native", "@shop"]).exits(0);
    let expo = json!({ "hash": "a", "sources": [{ "type": "dir", "filePath": "ios", "reasons": ["bareNativeDir"], "hash": "1" }] });
    place.file("expo-old.json", expo.to_string());
    place.file("expo-new.json", expo.to_string().replace("\"1\"", "\"2\""));
    let run = check(&place, &["--old-native", "@expo-old.json", "--new-native", "@expo-new.json"]).exits(3);
    assert!(run.text().contains("native project ios changed"), "{}", run.text());
    place.file("no.json", "{}");
    check(&place, &["--old-native", "@no.json", "--new-native", "@shop"])
        .exits(1)
        .says(&["no native fingerprint", "no.json"]);
    check(&place, &["--old-native", "@old", "--new-native", "@shop"]).exits(1).says(&["no project of an app"]);
}
