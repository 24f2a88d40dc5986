//! The command line: what each command does, says, and exits with.

mod common;

use std::fs;

use common::{Place, read_tree, script, smidge, smidge_with};

/// A place with `old`, `new` and the `patch` between them.
fn pair() -> Place {
    let place = Place::new();
    place.file("old", script(400, None));
    place.file("new", script(400, Some(200)));
    smidge(&["diff", &at(&place, "old"), &at(&place, "new"), "-o", &at(&place, "patch")]).exits(0);
    place
}

fn at(place: &Place, name: &str) -> String {
    place.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_patch_turns_old_into_new() {
    let place = pair();
    let run = smidge(&["apply", &at(&place, "old"), &at(&place, "patch"), "-o", &at(&place, "made")]).exits(0);
    assert!(run.text().contains("verified"), "{}", run.text());
    assert_eq!(fs::read(place.join("made")).unwrap(), fs::read(place.join("new")).unwrap());
    assert_eq!(place.names(), ["made", "new", "old", "patch"]);
}

#[test]
fn old_may_be_replaced_in_place() {
    let place = pair();
    smidge(&["apply", &at(&place, "old"), &at(&place, "patch"), "-o", &at(&place, "old")]).exits(0);
    assert_eq!(fs::read(place.join("old")).unwrap(), fs::read(place.join("new")).unwrap());
}

#[test]
fn patches_and_results_go_through_pipes() {
    let place = pair();
    let patch = smidge(&["diff", &at(&place, "old"), &at(&place, "new"), "-o", "-"]).exits(0).stdout;
    assert_eq!(patch, fs::read(place.join("patch")).unwrap());
    let run = smidge_with(&["apply", &at(&place, "old"), "-", "-o", "-"], &patch).exits(0);
    assert_eq!(run.stdout, fs::read(place.join("new")).unwrap());
    smidge_with(&["verify", &at(&place, "old"), "-"], &patch).exits(0);
    smidge_with(&["inspect", "-"], &patch).exits(0);
}

#[test]
fn nothing_unverified_reaches_a_pipe() {
    let place = pair();
    let mut patch = fs::read(place.join("patch")).unwrap();
    *patch.last_mut().unwrap() ^= 1;
    let run = smidge_with(&["apply", &at(&place, "old"), "-", "-o", "-"], &patch);
    let run = run.exits(3);
    assert_eq!(run.stdout, b"");
}

#[test]
fn the_wrong_old_is_exit_code_3_and_both_hashes_are_said() {
    let place = pair();
    place.file("target", "as it was");
    let expected = smidge::hash::Hash::of(&fs::read(place.join("old")).unwrap()).to_string();
    let found = smidge::hash::Hash::of(&fs::read(place.join("new")).unwrap()).to_string();
    for command in [
        vec!["apply", &at(&place, "new"), &at(&place, "patch"), "-o", &at(&place, "target")],
        vec!["verify", &at(&place, "new"), &at(&place, "patch")],
    ] {
        smidge(&command).exits(3).says(&[&expected, &found]);
    }
    assert_eq!(fs::read(place.join("target")).unwrap(), b"as it was");
    assert_eq!(place.names(), ["new", "old", "patch", "target"]);
}

#[test]
fn what_is_not_a_patch_is_exit_code_1() {
    let place = pair();
    place.file("target", "as it was");
    for content in [&b"other"[..], b"This is some text, longer than a header would be, that is no patch.", &[0; 300]] {
        let wrong = place.file("wrong", content);
        let wrong = wrong.to_str().unwrap();
        smidge(&["apply", &at(&place, "old"), wrong, "-o", &at(&place, "target")]).exits(1);
        smidge(&["verify", &at(&place, "old"), wrong]).exits(1);
        smidge(&["inspect", wrong]).exits(1);
        fs::remove_file(wrong).unwrap();
    }
    let cut = place.file("wrong", "");
    smidge(&["apply", &at(&place, "old"), cut.to_str().unwrap(), "-o", &at(&place, "target")])
        .exits(3)
        .says(&["truncated"]);
    fs::remove_file(cut).unwrap();
    assert_eq!(fs::read(place.join("target")).unwrap(), b"as it was");
    assert_eq!(place.names(), ["new", "old", "patch", "target"]);
}

#[test]
fn what_is_missing_is_named() {
    let place = pair();
    let nowhere = at(&place, "nowhere");
    let (old, patch, target) = (at(&place, "old"), at(&place, "patch"), at(&place, "no/folder/target"));
    smidge(&["diff", &nowhere, &old, "-o", &target]).exits(1);
    smidge(&["diff", &old, &nowhere, "-o", &at(&place, "p")]).exits(1).says(&["nowhere"]);
    smidge(&["apply", &nowhere, &patch, "-o", &at(&place, "made")]).exits(1).says(&["nowhere"]);
    smidge(&["apply", &old, &nowhere, "-o", &at(&place, "made")]).exits(1).says(&["nowhere"]);
    smidge(&["apply", &old, &patch, "-o", &target]).exits(1).says(&["no/folder/target"]);
    smidge(&["hash", &nowhere]).exits(1).says(&["nowhere"]);
    assert_eq!(place.names(), ["new", "old", "patch"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["diff", "one"],
        &["diff", "a", "b", "-o", "c", "--effort", "heroic"],
        &["apply", "a", "b", "-o", "c", "--max-memory", "lots"],
        &["apply", "a", "b", "-o", "c", "--expect", "1234"],
        &["completions", "abacus"],
    ] {
        smidge(arguments).exits(2);
    }
    smidge(&["--help"]).exits(0);
    smidge(&["--version"]).exits(0);
}

#[test]
fn json_is_one_object_and_quiet_is_silent() {
    let place = pair();
    let (old, patch, made) = (at(&place, "old"), at(&place, "patch"), at(&place, "made"));
    let json = smidge(&["apply", &old, &patch, "-o", &made, "--json"]).exits(0).json();
    assert_eq!(json["verified"], true);
    assert_eq!(json["new"]["bytes"], fs::metadata(&made).unwrap().len());
    assert_eq!(json["new"]["hash"], smidge::hash::Hash::of(&fs::read(&made).unwrap()).to_string());
    assert_eq!(smidge(&["apply", &old, &patch, "-o", &made, "--quiet"]).exits(0).stdout, b"");
    let json = smidge(&["diff", &old, &made, "-o", &patch, "--json"]).exits(0).json();
    assert_eq!(json["patch_bytes"], fs::metadata(&patch).unwrap().len());
    let run = smidge(&["apply", &made, &patch, "-o", &made, "--json"]).exits(3);
    let error: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["exit_code"], 3);
    smidge(&["inspect", &patch, "--json"]).exits(0).json();
    smidge(&["verify", &old, &patch, "--json"]).exits(0).json();
}

#[test]
fn a_patch_that_needs_more_memory_than_allowed_is_refused() {
    let place = pair();
    let (old, patch, made) = (at(&place, "old"), at(&place, "patch"), at(&place, "made"));
    smidge(&["apply", &old, &patch, "-o", &made, "--max-memory", "1KB"]).exits(1).says(&["memory"]);
    smidge(&["verify", &old, &patch, "--max-memory", "1KB"]).exits(1).says(&["memory"]);
    assert_eq!(place.names(), ["new", "old", "patch"]);
}

#[test]
fn a_folder_with_other_content_is_replaced_only_when_told() {
    let place = Place::new();
    let [old, new, patch, target] = ["old", "new", "patch", "target"].map(|name| at(&place, name));
    place.tree("old", &[("a", b"1")]);
    place.tree("new", &[("a", b"2")]);
    place.tree("target", &[("precious", b"!")]);
    smidge(&["diff", &old, &new, "-o", &patch]).exits(0);
    smidge(&["apply", &old, &patch, "-o", &target]).exits(1).says(&["--force", "target"]);
    assert!(place.join("target/precious").exists());
    smidge(&["apply", &old, &patch, "-o", &target, "--force"]).exits(0);
    assert_eq!(read_tree(&place.join("target")), read_tree(&place.join("new")));
    smidge(&["apply", &old, &patch, "-o", &old]).exits(0);
    assert_eq!(read_tree(&place.join("old")), read_tree(&place.join("new")));
    assert_eq!(place.names(), ["new", "old", "patch", "target"]);
}

#[test]
fn hash_prints_what_b3sum_prints() {
    let place = Place::new();
    let file = place.file("f", "smidge");
    let expected = smidge::hash::Hash::of(b"smidge");
    let run = smidge(&["hash", file.to_str().unwrap()]).exits(0);
    assert_eq!(run.text(), format!("{expected}  {}\n", file.display()));
    let json = smidge(&["hash", place.path().to_str().unwrap(), "--json"]).exits(0).json();
    assert_eq!(
        (json["kind"].as_str(), json["files"].as_u64(), json["bytes"].as_u64()),
        (Some("folder"), Some(1), Some(6))
    );
}

#[test]
fn patches_of_other_programs_go_both_ways() {
    let place = pair();
    let (old, new, made) = (at(&place, "old"), at(&place, "new"), at(&place, "made"));
    let hash = smidge::hash::Hash::of(&fs::read(&new).unwrap()).to_string();
    for format in ["bsdiff", "bidiff"] {
        let patch = at(&place, "foreign");
        smidge(&["diff", &old, &new, "-o", &patch, "--format", format]).exits(0);
        let json = smidge(&["apply", &old, &patch, "-o", &made, "--format", format, "--json"]).exits(0).json();
        assert_eq!((json["new"]["hash"].as_str(), json["verified"].as_bool()), (Some(&*hash), Some(false)));
        assert_eq!(fs::read(&made).unwrap(), fs::read(&new).unwrap());
        smidge(&["apply", &old, &patch, "-o", &made, "--format", format, "--expect", &hash]).exits(0);
        fs::write(&made, "as it was").unwrap();
        let other = "0".repeat(64);
        smidge(&["apply", &old, &patch, "-o", &made, "--format", format, "--expect", &other])
            .exits(3)
            .says(&[&hash, &other]);
        assert_eq!(fs::read(&made).unwrap(), b"as it was");
        let patch_bytes = fs::read(&patch).unwrap();
        let run = smidge_with(&["apply", &old, "-", "-o", "-", "--format", format], &patch_bytes).exits(0);
        assert_eq!(run.stdout, fs::read(&new).unwrap());
        smidge(&["apply", &old, &patch, "-o", &made]).exits(1).says(&[&format!("--format {format}")]);
        fs::write(&patch, &patch_bytes[..patch_bytes.len() / 2]).unwrap();
        let run = smidge(&["apply", &old, &patch, "-o", &made, "--format", format]);
        assert!(run.code == 1 || run.code == 3, "{}", run.stderr);
        assert_eq!(fs::read(&made).unwrap(), b"as it was");
    }
    assert_eq!(place.names(), ["foreign", "made", "new", "old", "patch"]);
}

#[test]
fn formats_that_know_only_files_refuse_folders() {
    let place = Place::new();
    place.tree("old", &[("a", b"1")]);
    place.file("new", "2");
    let patch = at(&place, "patch");
    smidge(&["diff", &at(&place, "old"), &at(&place, "new"), "-o", &patch, "--format", "bsdiff"])
        .exits(1)
        .says(&["folder"]);
}

#[test]
fn special_files_are_not_replaced() {
    let place = pair();
    smidge(&["apply", &at(&place, "old"), &at(&place, "patch"), "-o", "/dev/null"]).exits(1).says(&["/dev/null"]);
    smidge(&["diff", &at(&place, "old"), &at(&place, "new"), "-o", "/dev/null"]).exits(1).says(&["/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn inspect_tells_what_each_file_weighs() {
    let place = Place::new();
    let [old, new, patch] = ["old", "new", "patch"].map(|name| at(&place, name));
    let (app, changed) = (script(400, None), script(400, Some(200)));
    place.tree("old", &[("app.1.js", &app), ("kept", b"k")]);
    place.tree("new", &[("app.2.js", &changed), ("kept", b"k"), ("twin.js", &changed)]);
    smidge(&["diff", &old, &new, "-o", &patch]).exits(0);
    let json = smidge(&["inspect", &patch, "--json"]).exits(0).json();
    assert_eq!(json["patch_bytes"], fs::metadata(&patch).unwrap().len());
    assert_eq!(json["old"]["kind"], "folder");
    let json = smidge(&["inspect", &patch, "--old", &old, "--json"]).exits(0).json();
    let files = json["files"].as_array().unwrap();
    let told: Vec<_> =
        files.iter().map(|file| (file["path"].as_str().unwrap(), file["coding"].as_str().unwrap())).collect();
    assert_eq!(told, [("app.2.js", "text"), ("kept", "kept"), ("twin.js", "same as another")]);
    assert_eq!((files[0]["source"].as_str(), files[2]["source"].as_str()), (Some("app.1.js"), Some("app.2.js")));
    let parts: u64 = files.iter().map(|file| file["patch_bytes"].as_u64().unwrap()).sum();
    assert!(parts > 0 && parts < json["patch_bytes"].as_u64().unwrap());
    let lines = smidge(&["inspect", &patch, "--old", &old]).exits(0);
    assert!(lines.text().contains("app.2.js") && lines.text().lines().all(|line| line.chars().count() <= 80));
    smidge(&["inspect", &patch, "--old", &new]).exits(3);
    smidge(&["inspect", &patch, "--all"]).exits(2);
}

#[test]
fn inspect_tells_what_became_of_every_file() {
    let place = Place::new();
    let [old, new, patch] = ["old", "new", "patch"].map(|name| at(&place, name));
    let (app, changed) = (script(400, None), script(400, Some(200)));
    let many: Vec<String> = (0..60).map(|n| format!("kept/{n}")).collect();
    let mut files: Vec<(&str, &[u8])> = many.iter().map(|path| (path.as_str(), path.as_bytes())).collect();
    let kept = files.len();
    files.extend([("app.js", &app[..]), ("gone", b"gone"), ("here/a", b"moves"), ("here/b", b"is renamed")]);
    place.tree("old", &files);
    files.truncate(kept);
    files.extend([
        ("app.js", &changed[..]),
        ("fresh", b"nobody knows this"),
        ("here/c", b"is renamed"),
        ("there/a", b"moves"),
        ("there/twin", b"moves"),
    ]);
    place.tree("new", &files);
    smidge(&["diff", &old, &new, "-o", &patch]).exits(0);
    let json = smidge(&["inspect", &patch, "--old", &old, "--json"]).exits(0).json();
    let status = |path: &str| {
        let files = json["files"].as_array().unwrap();
        files.iter().find(|file| file["path"] == path).unwrap()["status"].clone()
    };
    for (path, expected) in [
        ("app.js", "changed"),
        ("fresh", "added"),
        ("here/c", "renamed"),
        ("there/a", "moved"),
        ("there/twin", "copied"),
        ("kept/7", "kept"),
    ] {
        assert_eq!(status(path), expected, "{path}");
    }
    assert_eq!(json["deleted"], serde_json::json!(["gone"]));
    assert_eq!(json["frames"], 1);
    let sections: u64 = json["sections"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert!(sections.abs_diff(json["patch_bytes"].as_u64().unwrap()) <= 8, "{json}");

    let brief = smidge(&["inspect", &patch, "--old", &old]).exits(0);
    assert!(brief.text().contains("65: 60 kept, 1 changed, 1 renamed, 1 moved, 1 added, 1 copied; 1 deleted"));
    assert!(brief.text().contains("deleted") && !brief.text().contains("kept/7"), "{}", brief.text());
    let all = smidge(&["inspect", &patch, "--old", &old, "--all"]).exits(0);
    assert!(all.text().contains("kept/7") && all.text().lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn inspect_tells_what_was_predicted_of_bytecode_and_why_nothing_was() {
    let place = Place::new();
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/hermes-typo");
    let read = |name: &str| fs::read(corpus.join(name)).unwrap();
    let old_bytes = zstd::decode_all(&read("old.zst")[..]).unwrap();
    let mut new_bytes = Vec::new();
    let packed = read("new.zst");
    let mut unpacked = zstd::Decoder::with_ref_prefix(&packed[..], &old_bytes).unwrap();
    std::io::Read::read_to_end(&mut unpacked, &mut new_bytes).unwrap();
    // The same instructions, but of a version that old is not of.
    let mut other = new_bytes.clone();
    other[8..12].copy_from_slice(&95u32.to_le_bytes());
    place.tree("old", &[("a.hbc", &old_bytes), ("b.hbc", &old_bytes)]);
    place.tree("new", &[("a.hbc", &new_bytes), ("b.hbc", &other)]);
    let [old, new, patch] = ["old", "new", "patch"].map(|name| at(&place, name));
    smidge(&["diff", &old, &new, "-o", &patch]).exits(0);
    let json = smidge(&["inspect", &patch, "--old", &old, "--json"]).exits(0).json();
    let [a, b] = [&json["files"][0], &json["files"][1]];
    assert_eq!((a["coding"].as_str(), b["coding"].as_str()), (Some("hermes"), Some("binary")));
    assert_eq!(a["not_predicted"], serde_json::Value::Null);
    assert_eq!(b["not_predicted"], "old and new are of different versions");
    let groups = a["bytecode"].as_object().unwrap();
    let sum = |field: &str| groups.values().map(|group| group[field].as_u64().unwrap()).sum::<u64>();
    assert!(sum("predicted_bytes").abs_diff(new_bytes.len() as u64) < 64);
    assert!(sum("hint_bytes") + sum("edit_bytes") <= a["patch_bytes"].as_u64().unwrap() + groups.len() as u64);
    let lines = smidge(&["inspect", &patch, "--old", &old]).exits(0);
    assert!(lines.text().contains("not predicted: old and new are of different versions"));
    assert!(lines.text().lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(smidge(&["completions", shell]).exits(0).text().contains("inspect"));
    }
    let place = Place::new();
    smidge(&["man", place.path().to_str().unwrap()]).exits(0);
    assert!(place.names().contains(&"smidge.1".to_owned()) && place.names().contains(&"smidge-apply.1".to_owned()));
}

#[test]
fn what_people_read_fits_80_columns() {
    let place = pair();
    let (old, new, patch) = (at(&place, "old"), at(&place, "new"), at(&place, "patch"));
    for arguments in [
        vec!["--help"],
        vec!["help", "diff"],
        vec!["help", "apply"],
        vec!["diff", &old, &new, "-o", &patch],
        vec!["apply", &old, &patch, "-o", &new],
        vec!["verify", &old, &patch],
        vec!["inspect", &patch],
        vec!["demo"],
    ] {
        let run = smidge(&arguments).exits(0);
        for line in run.text().lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
        }
    }
}

#[test]
fn the_demo_needs_nothing_and_verifies() {
    let json = smidge(&["demo", "--json"]).exits(0).json();
    let pairs = json["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 2);
    for pair in pairs {
        assert_eq!(pair["verified"], true);
        assert!(pair["zip_bytes"].as_u64() < pair["full_bytes"].as_u64());
        assert!(pair["patch_bytes"].as_u64().unwrap() * 5 < pair["zip_bytes"].as_u64().unwrap());
    }
}

#[test]
fn a_patch_is_checked_before_it_appears_unless_told_otherwise() {
    let place = pair();
    let (old, new, patch) = (at(&place, "old"), at(&place, "new"), at(&place, "patch"));
    let json = smidge(&["diff", &old, &new, "-o", &patch, "--json"]).exits(0).json();
    assert_eq!((&json["checked"], &json["faults"]), (&true.into(), &serde_json::json!([])));
    let checked = fs::read(&patch).unwrap();
    let json = smidge(&["diff", &old, &new, "-o", &patch, "--no-check", "--json"]).exits(0).json();
    assert_eq!(json["checked"], false);
    assert_eq!(fs::read(&patch).unwrap(), checked);
    assert_eq!(place.names(), ["new", "old", "patch"]);
}

#[test]
fn whatever_the_budget_the_patch_works() {
    let place = pair();
    let (old, new, patch) = (at(&place, "old"), at(&place, "new"), at(&place, "patch"));
    let made = at(&place, "made");
    let smallest = fs::metadata(&patch).unwrap().len();
    for effort in ["fast", "default", "max"] {
        for budget in ["0", "0.01", "60"] {
            let arguments =
                ["diff", &old, &new, "-o", &patch, "--effort", effort, "--budget-seconds", budget, "--json"];
            let json = smidge(&arguments).exits(0).json();
            smidge(&["apply", &old, &patch, "-o", &made]).exits(0);
            assert_eq!(fs::read(&made).unwrap(), fs::read(&new).unwrap());
            if budget == "60" {
                assert_eq!(json["complete"], true);
                assert!(effort == "fast" || json["patch_bytes"].as_u64().unwrap() <= smallest);
            }
        }
    }
    for wrong in ["-1", "soon", "inf"] {
        smidge(&["diff", &old, &new, "-o", &patch, "--budget-seconds", wrong]).exits(2);
    }
}
