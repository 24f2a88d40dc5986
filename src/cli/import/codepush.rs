//! `smidge import codepush`: what CodePush's command line printed, as a plan.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{super::check::paragraph, Failure, Say, about, read, write};
use crate::release::import::codepush::{Deployment, LIST_BYTES, List, Plan, Release};

/// Releases that people are shown of each deployment, the newest; `--json` has all.
const SHOWN: usize = 10;

/// Reads deployments and histories of CodePush, checks them, and shows what is taken over; keys and labels stay.
///
/// FILE is what `code-push deployment ls APP -k --format json` printed, or `code-push deployment history APP NAME --format
/// json`. Give the list and a history for each deployment, all of one app on one platform. A history is found by its
/// newest release; one that no list has is named by its file: Production.json.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// What code-push printed; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where to write the plan
    #[arg(long, short, value_name = "PLAN")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let mut lists = Vec::new();
    for path in &arguments.files {
        let list = List::read(&read(path, LIST_BYTES)?).map_err(|error| about(path, &error))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        lists.push((name, list));
    }
    let plan = Plan::new(lists)?;
    let value = json!(plan);
    if let Some(output) = &arguments.output {
        let text = serde_json::to_string_pretty(&plan).map_err(Failure::unusable)?;
        write(output, format!("{text}\n").as_bytes())?;
    }
    say.result(&with_output(value, arguments.output.as_ref()), &lines(&plan, arguments.output.as_ref()), false)
}

fn with_output(mut value: Value, output: Option<&PathBuf>) -> Value {
    value["output"] = json!(output);
    value
}

fn lines(plan: &Plan, output: Option<&PathBuf>) -> String {
    let mut lines = String::new();
    if plan.deployments.is_empty() {
        lines.push_str("no deployment\n");
    }
    for Deployment { name, key, releases } in &plan.deployments {
        let key = key.as_deref().unwrap_or("key unknown");
        paragraph(&mut lines, "", &format!("{name}  {key}"));
        for release in releases.iter().rev().take(SHOWN) {
            lines.push_str(&row(release));
        }
        if releases.len() > SHOWN {
            lines.push_str(&format!("  and {} older ones\n", releases.len() - SHOWN));
        }
        if releases.is_empty() {
            lines.push_str("  no release\n");
        }
    }
    if !plan.notes.is_empty() {
        lines.push('\n');
    }
    for note in &plan.notes {
        paragraph(&mut lines, "note  ", note);
    }
    if let Some(output) = output {
        paragraph(&mut lines, "", &format!("plan written to {}", output.display()));
    }
    lines
}

/// Label, versions, hash, and what is out of the ordinary.
fn row(release: &Release) -> String {
    let mut marks = Vec::new();
    if release.mandatory {
        marks.push("mandatory".to_owned());
    }
    if release.disabled {
        marks.push("disabled".to_owned());
    }
    if release.rollout < 100 {
        marks.push(format!("{} %", release.rollout));
    }
    if !release.origin.is_empty() {
        let verb = if release.method == "Rollback" { "back to" } else { "from" };
        marks.push(format!("{verb} {}", release.origin));
    }
    let version: String = release.app_version.chars().take(20).collect();
    let hash = release.package_hash.get(..12).unwrap_or_default();
    let mut line = String::new();
    let head = format!("  {:6} {version:20} {hash}  ", format!("v{}", release.label));
    paragraph(&mut line, &head, &marks.join(", "));
    format!("{}\n", line.trim_end())
}
