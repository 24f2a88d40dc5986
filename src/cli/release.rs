//! `smidge release`: a build becomes a release, and what happens to it afterwards.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Say,
    diff::Effort,
    place::{Keys, OfApp, Place, block_on},
    plan::{Limit, choice, choice_lines},
    say::{Taken, peak_memory_bytes, show_time},
    size,
};
use crate::{
    hash::Hash,
    release::{
        Outcome, Pipeline, Request, Signer, Target,
        change::Change,
        database::{Channel, Platform, Release},
    },
};

/// Releases a bundle: stores it, makes the patches, signs and publishes, in one step that devices see.
///
/// Killed at any moment it leaves what was there; run again, it goes on from what is stored.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    after: Option<After>,
    #[command(flatten)]
    new: New,
}

/// What is required here is so only where no subcommand is named; clap then wants an option all the same.
#[derive(Debug, Args)]
struct New {
    /// The folder or file that the bundler wrote
    #[arg(value_name = "BUNDLE", required = true)]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// The app, or OWNER/APP
    #[arg(long, value_name = "APP", required = true)]
    app: Option<String>,
    /// The platform; each is released by itself
    #[arg(long, value_parser = ["ios", "android"], required = true)]
    platform: Option<String>,
    /// The channel
    #[arg(long, default_value = "production")]
    channel: String,
    /// The version of the binaries that it is for, exactly, or a range such as ^1.2
    #[arg(long, value_name = "VERSION", required = true)]
    app_version: Option<String>,
    /// Their build number, exactly; * for all builds of the version
    #[arg(long, value_name = "NUMBER")]
    build: Option<String>,
    /// Let it be for a binary that is not known yet
    #[arg(long)]
    unreleased: bool,
    /// The file that the app loads, where its name does not say it
    #[arg(long, value_name = "PATH")]
    entry: Option<String>,
    /// What it brings
    #[arg(long, default_value = "")]
    description: String,
    /// Devices must install it
    #[arg(long)]
    mandatory: bool,
    /// Hold it back from all devices for now
    #[arg(long)]
    disabled: bool,
    /// The percentage of devices that may have it; it can only grow
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    rollout: i64,
    #[command(flatten)]
    limit: Limit,
    /// How long to search for smaller patches
    #[arg(long, value_enum, default_value_t = Effort::Default)]
    effort: Effort,
    /// Leave the patches to `smidge worker`
    #[arg(long)]
    later: bool,
    /// Make a full release of its own, where an older one and patches would do
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Subcommand)]
enum After {
    /// Show the releases of a channel, newest first
    History(History),
    /// Change what is said about a release
    Edit(Edit),
    /// Ship a release of one channel on another
    Promote(Promote),
    /// Go back to an older release
    Rollback(Rollback),
    /// Sign the heads anew: new patches, a later end of their validity
    Refresh(Refresh),
    /// Adopt a root: it says whose signatures count
    Root(RootArguments),
    /// Remove from the store what no release, binary or waiting patch needs
    ///
    /// In two runs at least a grace apart: the first condemns, a later one deletes. Releases that run meanwhile keep what
    /// they rely on.
    Collect(Collect),
}

#[derive(Debug, Args)]
struct Collect {
    #[command(flatten)]
    place: Place,
    /// How long something must have been of no use, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    grace: u64,
    /// Only look
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct History {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// The channel
    #[arg(long, default_value = "production")]
    channel: String,
}

#[derive(Debug, Args)]
struct Changes {
    /// The percentage of devices that may have it; it can only grow
    #[arg(long, value_name = "PERCENT")]
    rollout: Option<i64>,
    /// Whether devices must install it
    #[arg(long, value_name = "BOOL")]
    mandatory: Option<bool>,
    /// Whether it is held back from all devices
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// What it brings
    #[arg(long)]
    description: Option<String>,
    /// The version of the binaries that it is for
    #[arg(long, value_name = "VERSION")]
    app_version: Option<String>,
    /// Their build number
    #[arg(long, value_name = "NUMBER", requires = "app_version")]
    build: Option<String>,
}

#[derive(Debug, Args)]
struct Edit {
    /// The release, such as v3
    #[arg(value_name = "LABEL")]
    label: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// The channel
    #[arg(long, default_value = "production")]
    channel: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
struct Promote {
    /// The release, such as v3; the newest where none is named
    #[arg(value_name = "LABEL")]
    label: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// The channel that has it
    #[arg(long, value_name = "CHANNEL")]
    from: String,
    /// The channel that gets it
    #[arg(long, value_name = "CHANNEL")]
    to: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
struct Rollback {
    /// The release to go back to, such as v3; the one before the newest where none is named
    #[arg(value_name = "LABEL")]
    label: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// The channel
    #[arg(long, default_value = "production")]
    channel: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
struct Refresh {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// Sign anew although nothing is gained
    #[arg(long)]
    always: bool,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
struct RootArguments {
    /// The root document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
}

pub(super) fn run(arguments: Arguments, say: Say) -> Result<(), Failure> {
    match (arguments.after, arguments.new) {
        (Some(After::History(arguments)), _) => block_on(history(&arguments, say)),
        (Some(After::Edit(arguments)), _) => block_on(edit(arguments, say)),
        (Some(After::Promote(arguments)), _) => block_on(promote(arguments, say)),
        (Some(After::Rollback(arguments)), _) => block_on(rollback(arguments, say)),
        (Some(After::Refresh(arguments)), _) => block_on(refresh(&arguments, say)),
        (Some(After::Root(arguments)), _) => block_on(root(&arguments, say)),
        (Some(After::Collect(arguments)), _) => block_on(collect(&arguments, say)),
        (None, new) => block_on(release(new, say)),
    }
}

/// What every command that signs begins with.
async fn begin(place: &Place, of: &OfApp, keys: &Keys) -> Result<(Pipeline, Platform, Signer), Failure> {
    let pipeline = place.open().await?;
    let platform = of.find(&pipeline).await?;
    let signer = pipeline.signer(&platform, &keys.read(place)?).await?;
    Ok((pipeline, platform, signer))
}

async fn release(new: New, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let (Some(bundle), Some(app), Some(platform), Some(version)) = (new.bundle, new.app, new.platform, new.app_version)
    else {
        return Err(Failure::usage("name the bundle, --app, --platform and --app-version"));
    };
    let of = OfApp { app, platform };
    let (pipeline, platform, signer) = begin(&new.place, &of, &new.keys).await?;
    let request = Request {
        bundle,
        channel: new.channel,
        target: Target { version, build: new.build },
        unreleased: new.unreleased,
        entry: new.entry,
        description: new.description,
        mandatory: new.mandatory,
        disabled: new.disabled,
        rollout: new.rollout,
        last: new.limit.last,
        budget: new.limit.budget(),
        effort: new.effort.into(),
        later: new.later,
        full: new.full,
    };
    let outcome = pipeline.release(&platform, &request, &signer).await?;
    pipeline.database.close().await;
    tell(&platform, &request.channel, &outcome, &taken, say)
}

fn tell(platform: &Platform, channel: &str, outcome: &Outcome, taken: &Taken, say: Say) -> Result<(), Failure> {
    let release = &outcome.release;
    let patches: Vec<Value> = outcome
        .made
        .iter()
        .map(|made| {
            json!({
                "from": made.old.map(|old| old.to_string()),
                "object": made.object.to_string(),
                "bytes": made.size_bytes,
                "secs": made.time.as_secs_f64(),
            })
        })
        .collect();
    let value = json!({
        "app": platform.app_path(),
        "platform": platform.name,
        "channel": channel,
        "release": release_value(release),
        "targets": outcome.targets,
        "head": outcome.head,
        "new_objects": outcome.new_objects,
        "patches": patches,
        "plan": outcome.plan.iter().map(choice).collect::<Vec<_>>(),
        "full_bytes": outcome.full_bytes,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let mut lines = format!(
        "{}/{channel} {}  for {}\n\
         content  {:>8}  {} files, {} new objects, tree {}\n",
        platform.path(),
        release.label(),
        outcome.targets.join(", "),
        size::show(release.size_bytes),
        release.files,
        outcome.new_objects,
        short(release.tree),
    );
    for made in &outcome.made {
        let from = match made.old {
            Some(old) => outcome
                .plan
                .iter()
                .find(|choice| choice.candidate.tree == old)
                .map_or_else(|| short(old), |choice| choice.candidate.name.clone()),
            None => "nothing (full release)".to_owned(),
        };
        lines += &format!(
            "patch    {:>8}  {} of content, from {from}\n",
            size::show(made.size_bytes),
            size::percent(made.size_bytes, release.size_bytes)
        );
    }
    lines += &choice_lines(outcome.plan.iter().filter(|choice| !choice.make));
    lines += &format!("full     {:>8}  for a device that has nothing\n", size::show(outcome.full_bytes));
    let mut notes = Vec::new();
    if release.mandatory {
        notes.push("mandatory".to_owned());
    }
    if release.disabled {
        notes.push("disabled: no device gets it".to_owned());
    }
    if release.rollout < 100 {
        notes.push(format!("for {} % of devices", release.rollout));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(", {}", notes.join(", ")) };
    lines += &format!("published as head {}{notes}, in {}\n", outcome.head, words(taken));
    say.result(&value, &lines, false)
}

/// Time and memory in a few words.
fn words(taken: &Taken) -> String {
    let time = show_time(taken.time());
    match peak_memory_bytes() {
        Some(bytes) => format!("{time}, {} of memory", size::show(bytes)),
        None => time,
    }
}

fn release_value(release: &Release) -> Value {
    json!({
        "label": release.label(),
        "tree": release.tree.to_string(),
        "statement": release.statement.to_string(),
        "files": release.files,
        "bytes": release.size_bytes,
        "description": release.description,
        "mandatory": release.mandatory,
        "disabled": release.disabled,
        "rollout": release.rollout,
        "origin": release.origin,
        "created": release.created,
    })
}

fn short(hash: Hash) -> String {
    format!("{}…", hash.to_string().get(..16).unwrap_or_default())
}

async fn history(arguments: &History, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let platform = arguments.of.find(&pipeline).await?;
    let channel = pipeline.database.channel(&platform, &arguments.channel).await?;
    let releases = pipeline.database.releases(&channel, usize::MAX).await?;
    let binaries = pipeline.database.binaries(&platform).await?;
    let names = |release: &Release| {
        let found = binaries.iter().filter(|binary| release.targets.contains(&binary.id));
        found.map(crate::release::database::Binary::name).collect::<Vec<_>>()
    };
    let value = json!({
        "channel": channel.name,
        "head": channel.head_number,
        "releases": releases.iter().map(|release| {
            let mut value = release_value(release);
            value["targets"] = json!(names(release));
            value
        }).collect::<Vec<_>>(),
    });
    let mut lines = format!("{}/{}, head {}\n", platform.path(), channel.name, channel.head_number);
    if releases.is_empty() {
        lines += "no release yet\n";
    }
    for release in &releases {
        let state = match (release.disabled, release.rollout) {
            (true, _) => "disabled".to_owned(),
            (false, rollout) => format!("{rollout} %"),
        };
        let mandatory = if release.mandatory { ", mandatory" } else { "" };
        lines += &format!(
            "{:<5} {:>8}  {state}{mandatory}  {}  for {}\n",
            release.label(),
            size::show(release.size_bytes),
            show_day(release.created),
            names(release).join(", "),
        );
        for text in [&release.origin, &release.description] {
            if let Some(line) = text.lines().next() {
                lines += &format!("      {}\n", line.chars().take(72).collect::<String>());
            }
        }
    }
    pipeline.database.close().await;
    say.result(&value, &lines, false)
}

/// `2026-11-23 15:04`, UTC.
fn show_day(secs: i64) -> String {
    let time = crate::trust::Time::from_secs(u64::try_from(secs).unwrap_or(0)).to_string();
    time.get(..16).unwrap_or(&time).replace('T', " ")
}

impl Changes {
    fn change(self) -> Change {
        let build = self.build;
        Change {
            rollout: self.rollout,
            mandatory: self.mandatory,
            disabled: self.disabled,
            description: self.description,
            target: self.app_version.map(|version| Target { version, build }),
        }
    }
}

async fn edit(arguments: Edit, say: Say) -> Result<(), Failure> {
    let (pipeline, platform, signer) = begin(&arguments.place, &arguments.of, &arguments.keys).await?;
    let change = arguments.changes.change();
    let release = pipeline.edit(&platform, &arguments.channel, &arguments.label, change, &signer).await?;
    pipeline.database.close().await;
    let state = if release.disabled { "disabled".to_owned() } else { format!("for {} % of devices", release.rollout) };
    let mandatory = if release.mandatory { ", mandatory" } else { "" };
    let lines = format!("{}/{} {}  {state}{mandatory}\n", platform.path(), arguments.channel, release.label());
    say.result(&release_value(&release), &lines, false)
}

async fn promote(arguments: Promote, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let (pipeline, platform, signer) = begin(&arguments.place, &arguments.of, &arguments.keys).await?;
    let (from, to, label) = (&arguments.from, &arguments.to, arguments.label.as_deref());
    let outcome = pipeline.promote(&platform, from, label, to, arguments.changes.change(), &signer).await?;
    pipeline.database.close().await;
    tell(&platform, to, &outcome, &taken, say)
}

async fn rollback(arguments: Rollback, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let (pipeline, platform, signer) = begin(&arguments.place, &arguments.of, &arguments.keys).await?;
    let (channel, label) = (&arguments.channel, arguments.label.as_deref());
    let outcome = pipeline.roll_back(&platform, channel, label, arguments.changes.change(), &signer).await?;
    pipeline.database.close().await;
    tell(&platform, channel, &outcome, &taken, say)
}

async fn refresh(arguments: &Refresh, say: Say) -> Result<(), Failure> {
    let (pipeline, platform, signer) = begin(&arguments.place, &arguments.of, &arguments.keys).await?;
    let mut lines = String::new();
    let mut values = Vec::new();
    let channels: Vec<Channel> = pipeline.database.channels(&platform).await?;
    for channel in channels {
        let head = pipeline.refresh(&platform, &channel, &signer, arguments.always).await?;
        let words = head.map_or_else(|| "nothing to gain".to_owned(), |head| format!("published as head {head}"));
        lines += &format!("{}/{}  {words}\n", platform.path(), channel.name);
        values.push(json!({ "channel": channel.name, "head": head }));
    }
    pipeline.database.close().await;
    say.result(&json!({ "channels": values }), &lines, false)
}

async fn root(arguments: &RootArguments, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let file = &arguments.file;
    let document = fs::read(file).map_err(|source| Failure::io("read", file, &source))?;
    let platform = arguments.of.ensure(&pipeline).await?;
    let root = pipeline.adopt_root(&platform, &document).await?;
    pipeline.database.close().await;
    let keys = |role: &crate::trust::Role| role.keys.iter().map(|key| key.key.id().to_string()).collect::<Vec<_>>();
    let value = json!({ "root": root.number, "release_keys": keys(&root.release), "head_keys": keys(&root.head) });
    let lines = format!(
        "root {} of {}\nrelease keys  {}\nhead keys     {}\n",
        root.number,
        if platform.organisation.is_empty() { &platform.app } else { &platform.organisation },
        keys(&root.release).join(", "),
        keys(&root.head).join(", "),
    );
    say.result(&value, &lines, false)
}

async fn collect(arguments: &Collect, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let grace = std::time::Duration::from_secs(arguments.grace.saturating_mul(3600));
    let options = crate::store::CollectOptions { grace, dry_run: arguments.dry_run };
    let (forgotten, found) = pipeline.collect(&options).await?;
    pipeline.database.close().await;
    let value = json!({
        "forgotten_trees": forgotten,
        "objects": found.objects,
        "needed": found.needed,
        "young": found.young,
        "condemned": found.condemned,
        "waiting": found.waiting,
        "deleted": found.deleted,
        "deleted_bytes": found.deleted_bytes,
        "missing": found.missing,
    });
    let lines = format!(
        "objects    {}, {} of them needed, {} too young to tell\n\
         condemned  {} now, {} before\n\
         deleted    {}, {}\n",
        found.objects,
        found.needed,
        found.young,
        found.condemned,
        found.waiting,
        found.deleted,
        size::show(found.deleted_bytes),
    );
    say.result(&value, &lines, false)?;
    if found.missing > 0 {
        let first = found.missing_hashes.first().map(ToString::to_string).unwrap_or_default();
        return Err(Failure::verification(format_args!(
            "{} objects that releases need are missing, {first} first; `smidge store scrub` mends them from a copy",
            found.missing
        )));
    }
    Ok(())
}
