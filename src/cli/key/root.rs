//! `smidge key root`, `rotate`, `revoke`: drafts of roots.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    super::{Failure, Say},
    files, show, sign,
};
use crate::trust::{
    Key, KeyId, PublicKey, Role, Root, Time, Window,
    sign::{draft_root, role, unverified_root},
};

const DAY_SECS: u64 = 86_400;

/// How long things last.
#[derive(Debug, Args)]
struct Lasting {
    /// Days until the root expires; sign the next one before
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,
    /// Days for which added release and head keys are valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    key_days: u64,
}

/// Signing at once, where the secret keys are at hand.
#[derive(Debug, Args)]
struct SignNow {
    /// Sign with this root key at once: a file, `-`, or env:NAME; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

/// Drafts root 1. It is of use once enough of its root keys signed it: `smidge key sign`, on each holder's machine.
#[derive(Debug, Args)]
pub(in crate::cli) struct First {
    /// Where to write the draft
    #[arg(value_name = "ROOT")]
    out: PathBuf,
    /// Whose root it is, for people
    #[arg(long)]
    name: Option<String>,
    /// A root key's .pub file; repeat for each holder
    #[arg(long = "root", value_name = "PUB", required = true)]
    roots: Vec<PathBuf>,
    /// How many root keys must sign a root
    #[arg(long, value_name = "K", default_value_t = 1)]
    threshold: usize,
    /// A .pub file of a key that may sign releases; may be repeated
    #[arg(long = "release", value_name = "PUB", required = true)]
    releases: Vec<PathBuf>,
    /// How many release keys must sign a release
    #[arg(long, value_name = "K", default_value_t = 1)]
    release_threshold: usize,
    /// A .pub file of a key that may sign heads; without any, release keys do
    #[arg(long = "head", value_name = "PUB")]
    heads: Vec<PathBuf>,
    /// How many head keys must sign a head
    #[arg(long, value_name = "K", default_value_t = 1)]
    head_threshold: usize,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    sign: SignNow,
}

/// Drafts the successor of ROOT: keys may be added, renewed, retired.
///
/// A key that is added again gets a new time of validity. What a retired key signed is refused from then on, so sign
/// the releases on offer and the heads anew first. Of a stolen key, use `smidge key revoke`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    /// The newest root
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// Where to write the draft of the next
    #[arg(value_name = "NEXT")]
    out: PathBuf,
    /// The name of a key to retire, from whatever it may sign; may be repeated
    #[arg(long = "retire", value_name = "ID", value_parser = key_id)]
    retired: Vec<KeyId>,
    #[command(flatten)]
    changes: Changes,
}

/// Drafts the successor of ROOT without keys that were lost or stolen.
///
/// It opens a new epoch: nothing that was signed before counts against what comes after, so that nobody who had the key
/// can block later releases. Publish it, then sign every head anew, and the releases that the key had signed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The newest root
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// Where to write the draft of the next
    #[arg(value_name = "NEXT")]
    out: PathBuf,
    /// The name of a key to revoke, from whatever it may sign; may be repeated
    #[arg(long = "id", value_name = "ID", required = true, value_parser = key_id)]
    revoked: Vec<KeyId>,
    #[command(flatten)]
    changes: Changes,
}

/// What else changes from root to root.
#[derive(Debug, Args)]
struct Changes {
    /// A root key's .pub file to add; may be repeated
    #[arg(long, value_name = "PUB")]
    add_root: Vec<PathBuf>,
    /// A release key's .pub file to add or renew; may be repeated
    #[arg(long, value_name = "PUB")]
    add_release: Vec<PathBuf>,
    /// A head key's .pub file to add or renew; may be repeated
    #[arg(long, value_name = "PUB")]
    add_head: Vec<PathBuf>,
    /// How many root keys must sign a root from now on
    #[arg(long, value_name = "K")]
    threshold: Option<usize>,
    /// How many release keys must sign a release from now on
    #[arg(long, value_name = "K")]
    release_threshold: Option<usize>,
    /// How many head keys must sign a head from now on
    #[arg(long, value_name = "K")]
    head_threshold: Option<usize>,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    sign: SignNow,
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::from_hex(text).ok_or("a key's name is 16 hexadecimal digits, as `smidge key show` prints it")
}

fn publics(paths: &[PathBuf]) -> Result<Vec<PublicKey>, Failure> {
    paths.iter().map(|path| files::public(path)).collect()
}

pub(super) fn first(arguments: &First, say: Say) -> Result<(), Failure> {
    files::require_free(&arguments.out)?;
    let now = Time::now();
    let window = window(now, &arguments.lasting);
    let timed = |keys: Vec<PublicKey>| keys.into_iter().map(|key| (key, Some(window))).collect::<Vec<_>>();
    let releases = timed(publics(&arguments.releases)?);
    let heads = if arguments.heads.is_empty() { releases.clone() } else { timed(publics(&arguments.heads)?) };
    let roots: Vec<_> = publics(&arguments.roots)?.into_iter().map(|key| (key, None)).collect();
    let root = Root {
        name: arguments.name.clone(),
        number: 1,
        epoch: 1,
        created: now,
        expires: now.plus(arguments.lasting.days * DAY_SECS),
        root: role(arguments.threshold, &roots),
        release: role(arguments.release_threshold, &releases),
        head: role(arguments.head_threshold, &heads),
    };
    write(&arguments.out, &root, None, &arguments.sign, say)
}

pub(super) fn rotate(arguments: &Rotate, say: Say) -> Result<(), Failure> {
    follow(&arguments.root, &arguments.out, &arguments.retired, 0, &arguments.changes, say)
}

pub(super) fn revoke(arguments: &Revoke, say: Say) -> Result<(), Failure> {
    follow(&arguments.root, &arguments.out, &arguments.revoked, 1, &arguments.changes, say)
}

fn follow(old: &Path, out: &Path, gone: &[KeyId], epochs: u64, changes: &Changes, say: Say) -> Result<(), Failure> {
    files::require_free(out)?;
    let previous = unverified_root(&files::read(old)?)?;
    let now = Time::now();
    let mut next = previous.clone();
    next.number += 1;
    next.epoch += epochs;
    // A clock that is a little behind the last ceremony's is no reason to fail.
    next.created = now.max(previous.created);
    next.expires = next.created.plus(changes.lasting.days * DAY_SECS);
    for id in gone {
        let roles = [&mut next.root, &mut next.release, &mut next.head];
        // A key may have several roles, and goes from all of them.
        let found = roles.map(|role| remove(role, *id));
        if !found.contains(&true) {
            let keys: Vec<String> = all_keys(&previous).iter().map(KeyId::to_string).collect();
            return Err(Failure::unusable(format_args!(
                "{} has no key {id}; its keys are {}",
                old.display(),
                keys.join(", ")
            )));
        }
    }
    let window = window(now, &changes.lasting);
    put(&mut next.root, &publics(&changes.add_root)?, None, changes.threshold);
    put(&mut next.release, &publics(&changes.add_release)?, Some(window), changes.release_threshold);
    put(&mut next.head, &publics(&changes.add_head)?, Some(window), changes.head_threshold);
    write(out, &next, Some(&previous), &changes.sign, say)
}

fn window(now: Time, lasting: &Lasting) -> Window {
    // From a day ago: a device's clock may be behind the pipeline's.
    let from = Time::from_secs(now.secs().saturating_sub(DAY_SECS));
    Window { from, until: now.plus(lasting.key_days * DAY_SECS) }
}

fn all_keys(root: &Root) -> Vec<KeyId> {
    let mut ids: Vec<KeyId> =
        [&root.root, &root.release, &root.head].iter().flat_map(|role| &role.keys).map(|key| key.key.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn remove(role: &mut Role, id: KeyId) -> bool {
    let before = role.keys.len();
    role.keys.retain(|key| key.key.id() != id);
    role.keys.len() < before
}

fn put(role: &mut Role, keys: &[PublicKey], window: Option<Window>, threshold: Option<usize>) {
    for key in keys {
        role.keys.retain(|known| known.key != *key);
        role.keys.push(Key { key: *key, window });
    }
    role.keys.sort_unstable_by_key(|key| key.key);
    role.threshold = threshold.unwrap_or(role.threshold);
}

fn write(out: &Path, root: &Root, previous: Option<&Root>, now: &SignNow, say: Say) -> Result<(), Failure> {
    for (role, name, option) in [
        (&root.root, "root", "--threshold"),
        (&root.release, "release", "--release-threshold"),
        (&root.head, "head", "--head-threshold"),
    ] {
        if role.threshold == 0 || role.threshold > role.keys.len() {
            return Err(Failure::usage(format_args!(
                "{} of {} {name} keys cannot be asked to sign; add {name} keys, or use {option}",
                role.threshold,
                role.keys.len()
            )));
        }
    }
    let shared = |key: &&Key| root.release.keys.iter().chain(&root.head.keys).any(|other| other.key == key.key);
    if let Some(key) = root.root.keys.iter().find(shared) {
        return Err(Failure::usage(format_args!(
            "key {} would sign roots and more, but root keys stay offline; make another one with `smidge key new`",
            key.key.id()
        )));
    }
    let mut document = draft_root(root)?;
    for key in &now.keys {
        document = sign::add(&document, key, previous, say)?;
    }
    files::create(out, &document, false)?;
    show::root(&document, previous, say)
}
