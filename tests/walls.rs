//! The walls of the design: which part of the crate may know which, and what a device has to carry.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(items) = fs::read_dir(folder) else { return found };
    for item in items.map(Result::unwrap) {
        let path = item.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The modules of this crate that `path` names, comments aside.
fn imports(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // Names at the first level of `use crate::{a::b, c}`.
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && c == ',' {
                    found.insert(first_name(&std::mem::take(&mut name)));
                } else if depth == 0 {
                    name.push(c);
                }
            }
            found.insert(first_name(&name));
        } else {
            found.insert(first_name(rest));
        }
    }
    found.remove("");
    found
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Every file of `module` with what it imports.
fn module(name: &str) -> Vec<(PathBuf, BTreeSet<String>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = sources(&src.join(name));
    let file = src.join(format!("{name}.rs"));
    if file.exists() {
        paths.push(file);
    }
    paths.into_iter().map(|path| (path.clone(), imports(&path))).collect()
}

fn modules() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let items = fs::read_dir(src).unwrap().map(|item| item.unwrap().path());
    items.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).filter(|name| name != "main").collect()
}

fn assert_wall(who: &str, not: &[&str]) {
    for (path, imports) in module(who) {
        for name in not {
            assert!(!imports.contains(*name), "{} imports {name}, which {who} must not know", path.display());
        }
    }
}

#[test]
fn the_device_knows_nothing_of_the_build_side() {
    for device in ["device", "capi"] {
        assert_wall(device, &["diff", "store", "release", "server", "exchange", "cli"]);
    }
    // Where it is there, it is seen.
    assert!(module("device").iter().any(|(_, imports)| imports.contains("trust")));
}

#[test]
fn the_core_knows_nothing_above_it() {
    for core in ["hash", "limits", "wire", "files", "tree", "trust"] {
        assert_wall(core, &["diff", "exchange", "store", "release", "server", "device", "apply", "patch", "codec"]);
    }
    // A store keeps objects and knows nothing of what they are.
    assert_wall("store", &["apply", "patch", "codec", "diff", "exchange", "release", "server", "device", "trust"]);
    // Their encoders, behind the feature `diff`, may use what `diff` finds.
    for core in ["codec", "hermes", "patch", "apply", "repack"] {
        assert_wall(core, &["exchange", "store", "release", "server", "device"]);
    }
}

#[test]
fn trust_is_below_whoever_makes_releases_and_whoever_takes_them() {
    assert_wall("trust", &["hermes", "repack", "cli", "capi"]);
    let signs = |path: &Path| path.components().any(|part| part.as_os_str() == "sign");
    for (path, _) in module("trust").into_iter().filter(|(path, _)| !signs(path)) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("SigningKey"), "{} signs, but is built into devices", path.display());
    }
}

#[test]
fn nothing_imports_the_command_line_or_the_c_interface() {
    for name in modules() {
        if name != "cli" {
            assert_wall(&name, &["cli"]);
        }
        if name != "capi" {
            assert_wall(&name, &["capi"]);
        }
    }
}

#[test]
fn the_walls_are_seen() {
    let cli = module("cli");
    assert!(cli.len() > 5);
    assert!(cli.iter().any(|(_, imports)| imports.contains("tree")));
    assert!(module("tree").iter().any(|(_, imports)| imports.contains("hash")));
}

/// What a device carries besides this crate. Each line is a reason.
const CORE: [&[&str]; 7] = [
    // Hashes.
    &["blake3", "arrayref", "arrayvec", "constant_time_eq", "cfg-if", "cpufeatures", "sha1_smol", "crc32fast"],
    // Decompression.
    &["zstd", "zstd-safe", "zstd-sys", "brotli-decompressor", "alloc-no-stdlib", "alloc-stdlib"],
    // Signatures: Ed25519, and the SHA-512 in it.
    &[
        "ed25519-dalek",
        "ed25519",
        "signature",
        "curve25519-dalek",
        "curve25519-dalek-derive",
        "subtle",
        "sha2",
        "digest",
        "block-buffer",
        "crypto-common",
        "hybrid-array",
        "typenum",
    ],
    // Paths that collide on some file system: tables only.
    &["unicode-normalization", "tinyvec"],
    // System calls without unsafe code here.
    &["rustix", "bitflags", "linux-raw-sys", "errno", "libc"],
    // Errors; the derive runs at build time only.
    &["thiserror", "thiserror-impl", "proc-macro2", "quote", "syn", "unicode-ident"],
    &["smidge"],
];

/// The names of all crates that a library with only `features` carries.
fn carried(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--no-default-features", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn a_device_carries_few_crates() {
    let found = carried("device");
    assert!(found.len() <= 40, "{} crates: {found:?}", found.len());
}

#[test]
fn the_core_carries_only_hash_signature_and_decompression_crates() {
    let found = carried("");
    let allowed: BTreeSet<String> =
        CORE.iter().flat_map(|crates| crates.iter().map(|name| (*name).to_owned())).collect();
    let strangers: Vec<_> = found.difference(&allowed).collect();
    assert!(found.contains("blake3") && strangers.is_empty(), "the core pulls in {strangers:?}");
}
