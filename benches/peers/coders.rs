//! The ways of making a patch that are compared: a table of commands, and which of them this machine has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pairs::Pair;

/// In commands, `{old_bytes}` is the size of old, `{old}`, `{new}`, `{patch}` and `{out}` are paths, `{helper}` is this program's helper (see
/// `crates.rs`), `{smidge}` is the command line under test; other first words are looked up among the tools.
pub struct Coder {
    pub name: &'static str,
    pub diff: &'static str,
    pub apply: &'static str,
    pub takes: Takes,
    /// What tells its version: arguments, the Debian package, or the crate in Cargo.lock.
    pub version: Version,
    /// Above this many bytes of old + new it is not run: it refuses, or takes far too long.
    pub limit_bytes: u64,
    /// A peer counts for the best peer of a row; the others are for scale.
    pub is_peer: bool,
}

#[derive(PartialEq)]
pub enum Takes {
    /// A file, or a tar of a tree.
    Files,
    /// Only trees, as folders.
    Folders,
    /// Both, as they are.
    Both,
}

pub enum Version {
    Said(&'static str),
    Debian(&'static str),
    Locked(&'static str),
}

const fn peer(name: &'static str, diff: &'static str, apply: &'static str, version: Version) -> Coder {
    Coder { name, diff, apply, takes: Takes::Files, version, limit_bytes: 200 << 20, is_peer: true }
}

const fn smidge(name: &'static str, diff: &'static str) -> Coder {
    let version = Version::Said("--version");
    let apply = "{smidge} apply --quiet {old} {patch} -o {out}";
    Coder { name, diff, apply, takes: Takes::Both, version, limit_bytes: u64::MAX, is_peer: false }
}

use Version::{Debian, Locked, Said};

pub const CODERS: &[Coder] = &[
    smidge("smidge fast", "{smidge} diff --quiet {old} {new} -o {patch} --effort fast"),
    smidge("smidge default", "{smidge} diff --quiet {old} {new} -o {patch} --effort default"),
    smidge("smidge max", "{smidge} diff --quiet {old} {new} -o {patch} --effort max"),
    peer("bsdiff", "bsdiff {old} {new} {patch}", "bspatch {old} {out} {patch}", Debian("bsdiff")),
    peer(
        "xdelta3",
        "xdelta3 -e -f -9 -S lzma -B {old_bytes} -W 16777216 -I 0 -s {old} {new} {patch}",
        "xdelta3 -d -f -B {old_bytes} -s {old} {patch} {out}",
        Debian("xdelta3"),
    ),
    peer(
        "zstd",
        "zstd -q -f --ultra -22 --long=31 --patch-from {old} {new} -o {patch}",
        "zstd -q -f -d --long=31 --patch-from {old} {patch} -o {out}",
        Debian("zstd"),
    ),
    peer("hdiffz lzma2", "hdiffz -m-6 -block-0 -c-lzma2-9-256m -d -f {old} {new} {patch}", HPATCHZ, Said("-v")),
    // Since HDiffPatch 5, long equal blocks are matched first unless told otherwise: much faster, often larger.
    peer("hdiffz block", "hdiffz -m-6 -c-lzma2-9-256m -d -f {old} {new} {patch}", HPATCHZ, Said("-v")),
    // Takes more than a quarter of an hour on the largest tree.
    Coder {
        limit_bytes: 48 << 20,
        ..peer("hdiffz m1 lzma2", "hdiffz -m-1 -block-0 -c-lzma2-9-256m -d -f {old} {new} {patch}", HPATCHZ, Said("-v"))
    },
    peer(
        "hdiffz SD zstd",
        "hdiffz -m-6 -block-0 -SD-256k -c-zstd-22-27 -d -f {old} {new} {patch}",
        HPATCHZ,
        Said("-v"),
    ),
    Coder {
        takes: Takes::Folders,
        ..peer("hdiffz dir", "hdiffz -m-6 -block-0 -c-lzma2-9-256m -d -f {old} {new} {patch}", HPATCHZ, Said("-v"))
    },
    peer(
        "bidiff zstd",
        "{helper} bidiff-zstd diff {old} {new} {patch}",
        "{helper} bidiff-zstd apply {old} {patch} {out}",
        Locked("bidiff"),
    ),
    peer("qbsdiff", "{helper} qbsdiff diff {old} {new} {patch}", "{helper} qbsdiff apply {old} {patch} {out}", QBSDIFF),
    peer("brotli", "{helper} brotli diff {old} {new} {patch}", "{helper} brotli apply {old} {patch} {out}", BROTLI),
    Coder {
        limit_bytes: 40 << 20,
        ..peer(
            "aehobak xz",
            "{helper} aehobak-xz diff {old} {new} {patch}",
            "{helper} aehobak-xz apply {old} {patch} {out}",
            Locked("aehobak"),
        )
    },
    Coder {
        limit_bytes: 40 << 20,
        ..peer(
            "aehobak zstd",
            "{helper} aehobak-zstd diff {old} {new} {patch}",
            "{helper} aehobak-zstd apply {old} {patch} {out}",
            Locked("aehobak"),
        )
    },
    Coder {
        is_peer: false,
        ..peer(
            "whole, zstd 19",
            "{helper} whole-zstd diff {old} {new} {patch}",
            "{helper} whole-zstd apply {old} {patch} {out}",
            Locked("zstd"),
        )
    },
];

const HPATCHZ: &str = "hpatchz -f {old} {patch} {out}";
const QBSDIFF: Version = Locked("qbsdiff");
const BROTLI: Version = Locked("brotli");

impl Coder {
    pub fn is_smidge(&self) -> bool {
        self.name.starts_with("smidge")
    }

    pub fn applies_to(&self, pair: &Pair) -> bool {
        (self.takes != Takes::Folders || pair.is_tree) && pair.old_bytes + pair.new_bytes <= self.limit_bytes
    }

    /// Old and new as this coder wants them.
    pub fn sides<'a>(&self, pair: &'a Pair) -> (&'a Path, &'a Path) {
        match self.takes {
            Takes::Files => (&pair.old_file, &pair.new_file),
            Takes::Folders | Takes::Both => (&pair.old, &pair.new),
        }
    }

    /// The version, or nothing where the program is not on this machine.
    pub fn version(&self, tools: &Tools) -> Option<String> {
        let argv = tools.argv(self.diff, &[])?;
        match self.version {
            Locked(name) => locked(name),
            Debian(package) => {
                let out = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
                Some(out.ok().map_or("unknown".into(), |out| String::from_utf8_lossy(&out.stdout).into_owned()))
            }
            Said(arg) => {
                let out = Command::new(&argv[0]).arg(arg).output().ok()?;
                let said = String::from_utf8_lossy(&out.stdout).into_owned();
                Some(said.lines().next()?.trim_start_matches("HDiffPatch::").to_owned())
            }
        }
    }
}

/// Where programs are.
pub struct Tools {
    /// Searched before PATH.
    pub folder: PathBuf,
    pub helper: PathBuf,
    pub smidge: PathBuf,
}

impl Tools {
    /// The words of a command with its paths put in, or nothing where its program is not found.
    pub fn argv(&self, command: &str, paths: &[(&str, &Path)]) -> Option<Vec<OsString>> {
        let mut argv = Vec::new();
        for (at, word) in command.split_whitespace().enumerate() {
            match word {
                "{helper}" => argv.extend([self.helper.clone().into(), "helper".into()]),
                "{smidge}" => argv.push(self.smidge.clone().into()),
                _ if at == 0 => argv.push(self.program(word)?.into()),
                _ => match paths.iter().find(|(name, _)| *name == word) {
                    Some((_, path)) => argv.push(path.into()),
                    None => argv.push(word.into()),
                },
            }
        }
        Some(argv)
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        let folders = std::iter::once(self.folder.clone()).chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }
}

/// The version of a crate in Cargo.lock.
fn locked(name: &str) -> Option<String> {
    let lock = include_str!("../../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{name}\"\n")))?;
    entry.lines().find_map(|line| Some(line.strip_prefix("version = \"")?.trim_end_matches('"').to_owned()))
}
