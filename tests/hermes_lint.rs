//! `lint` names what makes a patch larger than the change, on bytecode compiled with the mistakes in question.

#![cfg(feature = "diff")]

use smidge::hermes::lint::{End, Finding, lint};

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/hermes/{name}.hbc", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The names of the findings, but for the advice to try a base.
fn mistakes(old: &str, new: &str) -> Vec<&'static str> {
    let findings = lint(&data(old), &data(new));
    findings.iter().filter(|finding| !finding.is_advice()).map(Finding::name).collect()
}

#[test]
fn two_ordinary_builds_of_any_version_have_no_mistakes() {
    for version in [84, 85, 89, 90, 94, 96, 98, 99] {
        let (old, new) = (format!("v{version}"), format!("v{version}-next"));
        assert_eq!(mistakes(&old, &new), [""; 0], "{version}");
        assert_eq!(lint(&data(&old), &data(&old)), [], "{version}");
    }
}

#[test]
fn renumbered_strings_are_worth_a_base_and_a_base_keeps_them() {
    assert!(matches!(lint(&data("v96"), &data("v96-next"))[..], [Finding::Renumbered { of: 93, .. }]));
    assert_eq!(lint(&data("v96"), &data("v96-next-base")), []);
}

#[test]
fn another_base_than_old_is_told() {
    assert_eq!(mistakes("v96", "v96-next-otherbase"), ["other-base"]);
    assert_eq!(mistakes("v96-next-otherbase", "v96"), ["base-dropped"]);
}

#[test]
fn versions_and_flags_that_differ_are_told() {
    assert_eq!(lint(&data("v96"), &data("v98")), [Finding::Versions { old: 96, new: 98 }]);
    assert_eq!(mistakes("v96", "v96-next-unoptimised"), ["optimised-differently"]);
    assert_eq!(mistakes("v96-next", "v96-next-unoptimised"), ["same-source", "optimised-differently"]);
    assert!(matches!(lint(&data("v96"), &data("v96-next-debug"))[0], Finding::Debug { end: End::New, bytes: 100.. }));
    assert_eq!(lint(&data("v96-next-debug"), &data("v96-next-debug")).len(), 1);
}

#[test]
fn files_that_are_not_what_a_device_runs_are_told() {
    let old = data("v96");
    assert_eq!(lint(b"var a", b"var b"), []);
    assert_eq!(lint(b"", &[0xff]), []);
    assert_eq!(lint(&old, b"var a"), [Finding::NotBytecode { end: End::New }]);
    assert!(matches!(lint(&old, &old[..900])[..], [Finding::Unreadable { end: End::New, .. }]));
    let delta: Vec<u8> = old.iter().enumerate().map(|(at, &byte)| if at < 8 { !byte } else { byte }).collect();
    assert_eq!(lint(&delta, &old), [Finding::Delta { end: End::Old }]);
    let mut patched = old.clone();
    patched[20] ^= 1;
    assert_eq!(lint(&old, &patched), [Finding::Footer { end: End::New }]);
}

#[test]
fn every_message_says_what_to_do() {
    for (old, new) in
        [("v96", "v98"), ("v96", "v96-next-unoptimised"), ("v96", "v96-next-otherbase"), ("v96", "v96-next-debug")]
    {
        for finding in lint(&data(old), &data(new)) {
            let message = finding.to_string();
            assert!(["ompile", "Use", "Pass", "ship"].iter().any(|word| message.contains(word)), "{message}");
        }
    }
}

#[cfg(feature = "cli")]
#[test]
fn the_command_compares_folders_too_and_says_it_in_words_and_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (end, bundle) in [("old", "v96"), ("new", "v98")] {
        std::fs::create_dir_all(path(end).join("assets")).unwrap();
        std::fs::write(path(end).join("assets/index.android.bundle"), data(bundle)).unwrap();
        std::fs::write(path(end).join("note"), end).unwrap();
    }
    let run = |flags: &[&str]| {
        let command = &mut std::process::Command::new(env!("CARGO_BIN_EXE_smidge"));
        let output = command.arg("lint").args([path("old"), path("new")]).args(flags).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let words = run(&[]);
    assert!(words.starts_with("found in assets/index.android.bundle: versions\n"), "{words}");
    assert!(words.lines().all(|line| line.len() <= 80), "{words}");
    let value: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(value["compared"], 1);
    assert_eq!(value["findings"][0]["finding"], "versions");
    std::fs::copy(path("old").join("assets/index.android.bundle"), path("new").join("assets/index.android.bundle"))
        .unwrap();
    assert_eq!(run(&[]), "no Hermes bytecode differs between the two\n");
}
