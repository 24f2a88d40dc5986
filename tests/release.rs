//! Releases through the command line, and what arrives on a device that reads the export.

#![cfg(feature = "cli")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Place, Run, read_tree, script, smidge};
use serde_json::Value;
use smidge::{
    apply,
    trust::{App, Binary, Channel, Head, Part, Platform, Running, Time, Trusted, layout},
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A store with an app, its binary 1.0.0 (1), and builds of it.
struct Shop {
    place: Place,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { place: Place::new() };
        smidge(&["init", "--store", text(&shop.store()), "--app", "acme/shop"]).exits(0);
        shop.add_binary("embedded", "1.0.0", "1");
        shop
    }

    fn store(&self) -> PathBuf {
        self.place.join("store")
    }

    /// A build whose script differs in one line.
    fn build(&self, name: &str, change: u32) -> PathBuf {
        let noise: Vec<u8> =
            (0..9000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(9).to_le_bytes()).collect();
        self.place.tree(
            name,
            &[("main.jsbundle", &script(900, Some(change))), ("assets/logo.png", &noise), ("assets/a.txt", b"a")],
        )
    }

    fn add_binary(&self, name: &str, version: &str, build: &str) -> PathBuf {
        let bundle = self.build(name, 0);
        self.run(&["binary", "add", text(&bundle), "--app-version", version, "--build", build]).exits(0);
        bundle
    }

    /// Runs a command on the app.
    fn run(&self, arguments: &[&str]) -> Run {
        let store = self.store();
        smidge(&[arguments, &["--store", text(&store), "--app", "acme/shop", "--platform", "ios", "--json"]].concat())
    }

    fn release(&self, bundle: &Path, more: &[&str]) -> Run {
        let for_binary = ["release", text(bundle), "--app-version", "1.0.0", "--build", "1"];
        self.run(&[&for_binary, more].concat())
    }

    fn history(&self) -> Vec<Value> {
        self.run(&["release", "history"]).exits(0).json()["releases"].as_array().unwrap().clone()
    }

    fn labels(&self) -> Vec<String> {
        self.history().iter().map(|release| release["label"].as_str().unwrap().to_owned()).collect()
    }

    fn head(&self, channel: &str) -> (PathBuf, Head) {
        let folder = self.place.join("public");
        smidge(&["export", text(&folder), "--store", text(&self.store())]).exits(0);
        let channel = Channel::new(App::new("acme/shop").unwrap(), Platform::Ios, channel).unwrap();
        let mut trusted = Trusted::pinned(&fs::read(folder.join(layout::root(1))).unwrap()).unwrap();
        let document = fs::read(folder.join(layout::head(&channel))).unwrap();
        let head = trusted.head(&document, &channel, Time::now()).unwrap();
        (folder, head)
    }

    /// What a device of 1.0.0 (1) on the channel production does that has `tree` and runs release `label`: the label
    /// that it goes to, where the new tree lies, and the bytes that it fetched.
    fn update(&self, tree: Option<&Path>, label: u64) -> Option<(u64, PathBuf, u64)> {
        let (folder, head) = self.head("production");
        let channel = Channel::new(App::new("acme/shop").unwrap(), Platform::Ios, "production").unwrap();
        let trusted = Trusted::pinned(&fs::read(folder.join(layout::root(1))).unwrap()).unwrap();
        let binary = Binary::new("1.0.0", "1").unwrap();
        let running = Running { epoch: u64::from(label > 0), label };
        let update = head.choose(&binary, b"device", running, |_| false).update?;
        let fetch = |part: &Part| match part {
            Part::Inside(_) => None,
            Part::Object { hash, .. } => Some(fs::read(folder.join(layout::object(hash))).unwrap()),
        };
        let release = update.release;
        let fetched = fetch(&release.statement);
        let statement = trusted.statement(release, fetched.as_deref(), &channel, &binary, None, Time::now()).unwrap();
        assert_eq!(statement.bundle.as_deref(), Some("main.jsbundle"));
        let routes = release.routes(fetch(&release.routes).as_deref()).unwrap();
        let has: Vec<_> = tree.iter().map(|tree| smidge::tree::scan(tree).unwrap().hash()).collect();
        let nothing = self.place.tree("nothing", &[]);
        let mut at = tree.map_or_else(|| nothing.clone(), Path::to_owned);
        let mut bytes = 0;
        for (n, step) in routes.choose(&has, &[]).unwrap().iter().enumerate() {
            let patch = fs::read(folder.join(layout::object(&step.object))).unwrap();
            assert_eq!(patch.len() as u64, step.size);
            bytes += step.size;
            if step.from.is_none() {
                at.clone_from(&nothing);
            }
            let next = self.place.join(&format!("device-{label}-{n}"));
            let _ = fs::remove_dir_all(&next);
            apply::apply(&at, &mut &patch[..], &next, &apply::Options::default()).unwrap();
            at = next;
        }
        assert_eq!(smidge::tree::scan(&at).unwrap().hash(), statement.tree);
        Some((release.label, at, bytes))
    }
}

#[test]
fn what_is_released_arrives_on_devices() {
    let shop = Shop::new();
    let first = shop.build("first", 1);
    let told = shop.release(&first, &[]).exits(0).json();
    assert_eq!(told["release"]["label"], "v1");
    let embedded = shop.place.join("embedded");
    let (label, at, bytes) = shop.update(Some(&embedded), 0).unwrap();
    assert_eq!(label, 1);
    assert_eq!(read_tree(&at), read_tree(&first));
    assert!(bytes < 500, "the first update after a store install is a patch, not {bytes} bytes");

    let second = shop.build("second", 2);
    shop.release(&second, &["--mandatory", "--description", "Größer"]).exits(0);
    for (has, label) in [(Some(&first), 1), (Some(&embedded), 0), (None, 0)] {
        let (label, at, bytes) = shop.update(has.map(PathBuf::as_path), label).unwrap();
        assert_eq!(label, 2);
        assert_eq!(read_tree(&at), read_tree(&second));
        assert!(has.is_none() || bytes < 500, "{bytes}");
    }
    assert_eq!(shop.update(Some(&second), 2), None);
    let history = shop.history();
    assert_eq!(shop.labels(), ["v2", "v1"]);
    assert_eq!(history[0]["mandatory"], true);
    assert_eq!(history[0]["description"], "Größer");
    assert_eq!(history[0]["targets"][0], "1.0.0 (1)");
}

#[test]
fn known_content_costs_no_new_objects_and_the_same_content_is_refused() {
    let shop = Shop::new();
    let first = shop.build("first", 1);
    shop.release(&first, &[]).exits(0);
    shop.release(&first, &[]).exits(1).says(&["already", "v1"]);
    shop.release(&shop.place.join("embedded"), &["--channel", "staging"]).exits(1).says(&["1.0.0 (1) embeds"]);
    let told = shop.release(&first, &["--channel", "staging"]).exits(0).json();
    assert_eq!(told["new_objects"], 0);
    assert_eq!(told["patches"].as_array().unwrap().len(), 0, "the patch from the binary is there");
    assert_eq!(shop.labels(), ["v1"]);
}

#[test]
fn a_target_that_no_binary_has_is_refused_with_those_that_exist() {
    let shop = Shop::new();
    shop.add_binary("other", "2.0.0", "7");
    let bundle = shop.build("first", 1);
    let with = |version: &str, build: &str, more: &[&str]| {
        let target = ["release", text(&bundle), "--app-version", version, "--build", build];
        shop.run(&[&target, more].concat())
    };
    for (version, build) in [("0.1.0", "1"), ("1.0.0", "2"), ("^3", "*"), ("1.0", "1")] {
        with(version, build, &[]).exits(1).says(&["1.0.0 (1)", "2.0.0 (7)"]);
    }
    shop.run(&["release", text(&bundle), "--app-version", "1.0.0"]).exits(1).says(&["--build"]);
    with("0.1.0", "1", &["--unreleased"]).exits(0);
    let told = with(">=1, <3", "*", &[]).exits(0).json();
    assert_eq!(told["targets"], serde_json::json!(["1.0.0 (1)", "2.0.0 (7)"]));
    // Each binary has updates of its own, side by side.
    let third = shop.build("third", 3);
    let target = ["release", text(&third), "--app-version", "2.0.0", "--build", "7"];
    shop.run(&target).exits(0);
    assert_eq!(shop.update(Some(&shop.place.join("embedded")), 0).unwrap().0, 2);
}

#[test]
fn a_rollout_only_grows_and_a_disabled_release_reaches_nobody() {
    let shop = Shop::new();
    let embedded = shop.place.join("embedded");
    shop.release(&shop.build("first", 1), &["--rollout", "0"]).exits(0);
    assert_eq!(shop.update(Some(&embedded), 0), None);
    shop.run(&["release", "edit", "v1", "--rollout", "100"]).exits(0);
    assert_eq!(shop.update(Some(&embedded), 0).unwrap().0, 1);
    shop.run(&["release", "edit", "v1", "--rollout", "20"]).exits(1).says(&["100 %", "disable"]);
    shop.release(&shop.build("second", 2), &[]).exits(0);
    assert_eq!(shop.update(Some(&embedded), 0).unwrap().0, 2);
    shop.run(&["release", "edit", "v2", "--disabled", "true", "--description", "broken"]).exits(0);
    assert_eq!(shop.update(Some(&embedded), 0).unwrap().0, 1);
    assert_eq!(shop.history()[0]["description"], "broken");
    shop.run(&["release", "edit", "v2"]).exits(1).says(&["nothing to change"]);
    shop.run(&["release", "edit", "v9", "--rollout", "100"]).exits(1).says(&["v2, v1"]);
    for percent in ["101", "-1"] {
        shop.run(&["release", "edit", "v2", &format!("--rollout={percent}")]).exits(1).says(&["percentage"]);
    }
}

#[test]
fn a_release_is_promoted_and_rolled_back() {
    let shop = Shop::new();
    let (first, second) = (shop.build("first", 1), shop.build("second", 2));
    for bundle in [&first, &second] {
        shop.release(bundle, &["--channel", "staging"]).exits(0);
        shop.run(&["release", "promote", "--from", "staging", "--to", "production"]).exits(0);
    }
    assert_eq!(shop.history()[0]["origin"], "staging v2");
    shop.run(&["release", "promote", "--from", "staging", "--to", "production"]).exits(1).says(&["already"]);
    shop.run(&["release", "rollback"]).exits(0);
    let (label, at, _) = shop.update(Some(&second), 2).unwrap();
    assert_eq!(label, 3);
    assert_eq!(read_tree(&at), read_tree(&first));
    assert_eq!(shop.history()[0]["origin"], "back to v1");
    shop.run(&["release", "rollback", "v2"]).exits(0);
    assert_eq!(shop.labels(), ["v4", "v3", "v2", "v1"]);
}

#[test]
fn workers_make_what_was_left_to_them_once() {
    let shop = Shop::new();
    let embedded = shop.place.join("embedded");
    shop.release(&shop.build("first", 1), &["--later"]).exits(0);
    let (_, _, full) = shop.update(Some(&embedded), 0).unwrap();
    let store = shop.store();
    let made: i64 = std::thread::scope(|scope| {
        let work = || smidge(&["worker", "--once", "--refresh", "--json", "--store", text(&store)]).exits(0).json();
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()["made"].as_i64().unwrap()).sum()
    });
    assert_eq!(made, 1);
    let (_, _, patch) = shop.update(Some(&embedded), 0).unwrap();
    assert!(patch * 10 < full, "{patch} and {full}");
}

#[test]
fn a_plan_says_why() {
    let shop = Shop::new();
    let first = shop.build("first", 1);
    shop.release(&first, &[]).exits(0);
    let second = shop.build("second", 2);
    let plan = shop.run(&["plan", text(&second)]).exits(0).json()["plan"].clone();
    assert_eq!(plan[0]["name"], "v1");
    assert_eq!(plan[1]["name"], "1.0.0 (1)");
    assert!(plan.as_array().unwrap().iter().all(|choice| choice["make"] == true));
    let none = shop.run(&["plan", text(&second), "--max-patches", "0"]).exits(0).json()["plan"].clone();
    assert!(none[0]["reason"].as_str().unwrap().contains("budget"));
    let there = shop.run(&["plan"]).exits(0).json()["plan"].clone();
    assert!(there[1]["reason"].as_str().unwrap().contains("the patch is there"), "{there}");
}

#[test]
fn of_two_releases_at_once_one_wins() {
    let shop = Shop::new();
    let bundles: Vec<_> = (1..=4).map(|n| shop.build(&format!("b{n}"), n)).collect();
    let won = std::thread::scope(|scope| {
        let runs: Vec<_> = bundles.iter().map(|bundle| scope.spawn(|| shop.release(bundle, &[]))).collect();
        let mut won = 0;
        for run in runs.into_iter().map(|run| run.join().unwrap()) {
            match run.code {
                0 => won += 1,
                _ => drop(run.exits(1).says(&["somebody else published"])),
            }
        }
        won
    });
    assert!(won >= 1);
    // One that began after another had ended is no race, and follows it.
    assert_eq!(shop.labels().len(), won);
    let (_, head) = shop.head("production");
    assert_eq!(head.number, won as u64);
}

#[test]
fn what_cannot_be_is_told_before_anything_is_written() {
    let shop = Shop::new();
    let bundle = shop.build("first", 1);
    let elsewhere = shop.place.join("elsewhere");
    let at = |store: &Path, app: &str| {
        let arguments = ["release", text(&bundle), "--app-version", "1.0.0", "--build", "1", "--platform", "ios"];
        smidge(&[&arguments[..], &["--store", text(store), "--app", app]].concat())
    };
    at(&elsewhere, "acme/shop").exits(1).says(&["smidge init"]);
    assert!(!elsewhere.exists());
    at(&shop.store(), "acme/shoop").exits(1).says(&["no app", "shop (ios)"]);
    shop.release(&shop.place.join("missing"), &[]).exits(1).says(&["missing"]);
    shop.release(&shop.place.tree("empty", &[]), &[]).exits(1).says(&["no file"]);
    let collides = shop.place.tree("collides", &[("main.jsbundle", b"1"), ("a/B", b"1"), ("A/b", b"1")]);
    shop.release(&collides, &[]).exits(1).says(&["rename"]);
    let two = shop.place.tree("two", &[("a.bundle", b"1"), ("b.bundle", b"2")]);
    shop.release(&two, &[]).exits(1).says(&["--entry", "a.bundle, b.bundle"]);
    shop.release(&bundle, &["--entry", "nothing.js"]).exits(1).says(&["--entry"]);
    let key = shop.place.file("key", "smidge-secret-key-1 0 0");
    shop.release(&bundle, &["--key", text(&key)]).exits(1).says(&["no secret key"]);
    let other = smidge::trust::sign::SecretKey::from_seed(&[7; 32]);
    let key = shop.place.file("other", other.to_text());
    shop.release(&bundle, &["--key", text(&key)]).exits(1).says(&["none of the keys", "root 1"]);
    assert!(
        smidge(&["release", "history", "--store", text(&shop.store()), "--app", "acme/shop", "--platform", "ios"]).code
            == 1
    );
}
