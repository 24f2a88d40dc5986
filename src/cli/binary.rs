//! `smidge binary`: store builds, and the bundles that they embed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Say,
    place::{OfApp, Place, block_on},
    size,
};
use crate::{
    hash::Hash,
    release::{
        archive::{self, Archive},
        database::{Binary, NewBinary},
    },
};

/// Store builds: what a release can be for, and what the first update after a store install starts from.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a store build with the bundle that it embeds
    Add(Add),
    /// Show the store builds of an app
    List(List),
}

#[derive(Debug, Args)]
struct Add {
    /// An APK, AAB or IPA, which says what it is, or the folder or file of the embedded bundle
    #[arg(value_name = "BINARY")]
    binary: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// Its version; read from the archive
    #[arg(long, value_name = "VERSION")]
    app_version: Option<String>,
    /// Its build number; read from the archive
    #[arg(long, value_name = "NUMBER")]
    build: Option<String>,
    /// What its native parts are, as a fingerprint tool printed it
    #[arg(long, value_name = "TEXT")]
    fingerprint: Option<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    match &arguments.command {
        Command::Add(arguments) => block_on(add(arguments, say)),
        Command::List(arguments) => block_on(list(arguments, say)),
    }
}

async fn add(arguments: &Add, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let archive = archive::open(&arguments.binary, &arguments.of.platform)?;
    let version = told("version", "--app-version", arguments.app_version.as_deref(), archive.version.as_deref())?;
    let build = told("build number", "--build", arguments.build.as_deref(), archive.build.as_deref())?;
    let platform = arguments.of.ensure(&pipeline).await?;
    let Archive { bundle, .. } = &archive;
    let tree = pipeline.scan(bundle.path()).await?;
    let lease = crate::store::Lease::take(&pipeline.store).await?;
    let taken = pipeline.take(bundle.path(), tree).await?;
    let new = NewBinary {
        version: &version,
        build: &build,
        tree: Some(taken.tree.hash()),
        fingerprint: arguments.fingerprint.as_deref(),
    };
    lease.check()?;
    let (binary, changed) = pipeline.database.add_binary(&platform, new, &pipeline.who).await?;
    // Left lying it ends by itself.
    let _ = lease.release().await;
    pipeline.database.close().await;
    let value = json!({
        "app": platform.app_path(),
        "platform": platform.name,
        "binary": binary_value(&binary),
        "new": changed,
        "files": taken.tree.entries.len(),
        "bytes": taken.tree.total_bytes(),
        "new_objects": taken.new_objects,
    });
    let known = if changed { "" } else { ", known already" };
    let lines = format!(
        "{} {}{known}\nembeds   {:>8}  {} files, {} new objects, tree {}\n",
        platform.path(),
        binary.name(),
        size::show(taken.tree.total_bytes()),
        taken.tree.entries.len(),
        taken.new_objects,
        short(binary.tree),
    );
    say.result(&value, &lines, false)
}

/// What the archive says, the command line, or both if they agree.
fn told(what: &str, option: &str, said: Option<&str>, found: Option<&str>) -> Result<String, Failure> {
    match (said, found) {
        (Some(said), Some(found)) if said != found => Err(Failure::unusable(format_args!(
            "the archive says that its {what} is {found:?}, not {said:?}; leave {option} out to take its word"
        ))),
        (Some(word), _) | (None, Some(word)) => Ok(word.to_owned()),
        (None, None) => Err(Failure::usage(format_args!("a bundle does not say its {what}: give {option}"))),
    }
}

async fn list(arguments: &List, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let platform = arguments.of.find(&pipeline).await?;
    let binaries = pipeline.database.binaries(&platform).await?;
    pipeline.database.close().await;
    let value = json!({ "binaries": binaries.iter().map(binary_value).collect::<Vec<_>>() });
    let mut lines = format!("{}\n", platform.path());
    if binaries.is_empty() {
        lines += "no binary yet; add one with `smidge binary add`\n";
    }
    for binary in &binaries {
        let tree = if binary.tree.is_some() { short(binary.tree) } else { "not known yet".to_owned() };
        lines += &format!("{:<20} embeds {tree}\n", binary.name());
    }
    say.result(&value, &lines, false)
}

fn binary_value(binary: &Binary) -> Value {
    json!({
        "version": binary.version,
        "build": binary.build,
        "tree": binary.tree.map(|tree| tree.to_string()),
        "fingerprint": binary.fingerprint,
    })
}

fn short(tree: Option<Hash>) -> String {
    tree.map_or_else(String::new, |tree| format!("{}…", tree.to_string().get(..16).unwrap_or_default()))
}
