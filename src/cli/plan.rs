//! `smidge plan`: which old releases deserve a direct patch, and why.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Say,
    place::{OfApp, Place, block_on},
    size,
};
use crate::{
    hash::Hash,
    release::{
        Target,
        database::Pending,
        plan::{self, Budget, Choice},
    },
};

/// Says which old releases deserve a direct patch to a new one, and why.
///
/// Counts the devices that reported what they run; where none did, the newest releases and what the binaries embed come
/// first. Sizes and times of patches that are not there yet are estimates.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle that is to be released; the newest release where none is named
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    of: OfApp,
    /// The channel
    #[arg(long, default_value = "production")]
    channel: String,
    /// The version of the binaries that it is for
    #[arg(long, value_name = "VERSION", default_value = "*")]
    app_version: String,
    /// Their build number
    #[arg(long, value_name = "NUMBER")]
    build: Option<String>,
    #[command(flatten)]
    limit: Limit,
    /// Ask `smidge worker` for the patches to the newest release
    #[arg(long, conflicts_with = "bundle")]
    queue: bool,
}

/// What patches may take.
#[derive(Debug, Clone, Args)]
pub(super) struct Limit {
    /// Look back on so many releases of the channel
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub(super) last: usize,
    /// Make at most so many patches
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    max_patches: usize,
    /// Make patches of at most so many bytes together, such as 20MB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_bytes: Option<u64>,
    /// Take at most so many seconds of processor time for patches
    #[arg(long, value_name = "SECONDS")]
    max_secs: Option<u64>,
}

impl Limit {
    pub(super) fn budget(&self) -> Budget {
        Budget { patches: Some(self.max_patches), bytes: self.max_bytes, secs: self.max_secs }
    }
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    block_on(run_async(arguments, say))
}

async fn run_async(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let platform = arguments.of.find(&pipeline).await?;
    let binaries = pipeline.database.binaries(&platform).await?;
    let channel = pipeline.database.channel(&platform, &arguments.channel).await?;
    let releases = pipeline.database.releases(&channel, usize::MAX).await?;
    let (target, target_bytes, name): (Hash, u64, String) = match (&arguments.bundle, releases.first()) {
        (Some(bundle), _) => {
            let tree = pipeline.scan(bundle).await?;
            (tree.hash(), tree.total_bytes(), bundle.display().to_string())
        }
        (None, Some(newest)) => (newest.tree, newest.size_bytes, newest.label()),
        (None, None) => {
            return Err(Failure::unusable("the channel has no release yet; name the bundle that is to be released"));
        }
    };
    let targets: Vec<_> = if arguments.app_version == "*" {
        binaries.clone()
    } else {
        let target = Target { version: arguments.app_version.clone(), build: arguments.build.clone() };
        target.resolve(&binaries, false)?.into_iter().cloned().collect()
    };
    let ways = pipeline.ways(&pipeline.database.patches(platform.id).await?).await?;
    let candidates = pipeline.candidates(&platform, &targets, &releases, arguments.limit.last).await?;
    let plan = plan::plan(target, target_bytes, &candidates, &ways, &arguments.limit.budget());
    let mut queued = 0;
    if arguments.queue {
        let wanted = plan.iter().filter(|choice| choice.make).zip(0..);
        let wanted: Vec<Pending> =
            wanted.map(|(choice, priority)| Pending { old: choice.candidate.tree, new: target, priority }).collect();
        queued = pipeline.database.want_patches(&platform, &wanted).await?;
    }
    pipeline.database.close().await;
    let value = json!({
        "target": target.to_string(),
        "plan": plan.iter().map(choice).collect::<Vec<_>>(),
        "queued": queued,
    });
    let mut lines = format!("to {name}, {}\n", size::show(target_bytes));
    if plan.is_empty() {
        lines += "nothing to come from: every device gets the full release\n";
    }
    lines += &choice_lines(plan.iter());
    if arguments.queue {
        lines += &format!("{queued} patches wait for `smidge worker`\n");
    }
    say.result(&value, &lines, false)
}

/// A choice in JSON.
pub(super) fn choice(choice: &Choice) -> Value {
    json!({
        "from": choice.candidate.tree.to_string(),
        "name": choice.candidate.name,
        "embedded": choice.candidate.embedded,
        "devices": choice.candidate.devices,
        "make": choice.make,
        "reason": choice.reason,
    })
}

/// Choices for people.
pub(super) fn choice_lines<'a>(choices: impl Iterator<Item = &'a Choice>) -> String {
    let line = |choice: &Choice| {
        let what = match choice.make {
            true => "patch",
            false if choice.there => "there",
            false => "none",
        };
        format!("{what:<6} from {:<12} {}\n", choice.candidate.name, choice.reason)
    };
    choices.map(line).collect()
}
