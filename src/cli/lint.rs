//! `smidge lint`: why is a patch larger than the change?

use std::{fs, path::Path, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::{Failure, Say};
use crate::{
    hermes::{
        form::MAGIC,
        lint::{Finding, lint},
    },
    tree,
};

/// Explains what makes a patch from OLD to NEW larger than it should be, such as bytecode compiled with other flags.
///
/// Looks at Hermes bytecode, under whatever name, and says what to change in the build. Of two folders, files of the
/// same path are compared. Finding something is no failure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What devices have
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What they are to get
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let (old, new) = (tree::scan(&arguments.old)?, tree::scan(&arguments.new)?);
    let mut found: Vec<(String, Finding)> = Vec::new();
    let mut compared = 0;
    for entry in &new.entries {
        let Some(before) = old.get(&entry.path) else { continue };
        if before.hash == entry.hash {
            continue;
        }
        let (before, after) = (read(&arguments.old, &before.path)?, read(&arguments.new, &entry.path)?);
        let is_bytecode = |bytes: &[u8]| bytes.starts_with(&MAGIC) || bytes.starts_with(&MAGIC.map(|byte| !byte));
        if is_bytecode(&before) || is_bytecode(&after) {
            compared += 1;
            found.extend(lint(&before, &after).into_iter().map(|finding| (entry.path.clone(), finding)));
        }
    }
    let object = |(path, finding): &(String, Finding)| {
        json!({
            "path": path,
            "finding": finding.name(),
            "advice": finding.is_advice(),
            "message": finding.to_string(),
        })
    };
    let value = json!({ "compared": compared, "findings": found.iter().map(object).collect::<Vec<_>>() });
    let mut lines: String = found.iter().map(|(path, finding)| told(path, finding)).collect();
    if found.is_empty() {
        lines = match compared {
            0 => "no Hermes bytecode differs between the two\n".to_owned(),
            1 => "nothing to mend in the bytecode\n".to_owned(),
            files => format!("nothing to mend in the bytecode of {files} files\n"),
        };
    }
    say.result(&value, &lines, false)
}

fn read(root: &Path, path: &str) -> Result<Vec<u8>, Failure> {
    let path = if path.is_empty() { root.to_owned() } else { root.join(path) };
    fs::read(&path).map_err(|source| Failure::io("read", &path, &source))
}

/// A finding as a paragraph of at most 80 columns.
fn told(path: &str, finding: &Finding) -> String {
    let kind = if finding.is_advice() { "advice" } else { "found" };
    let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
    let mut lines = format!("{kind}{place}: {}\n ", finding.name());
    let mut column = 1;
    for word in finding.to_string().split(' ') {
        if column + 1 + word.chars().count() > 80 {
            lines.push_str("\n ");
            column = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        column += 1 + word.chars().count();
    }
    lines.push('\n');
    lines
}
