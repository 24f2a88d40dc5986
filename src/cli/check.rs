//! `smidge check`: may this change go over the air?

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Say};
use crate::{
    release::classify::{
        Change, ClassifyError, Kind, Reason, Safety, Verdict, classify,
        files::{self, FileChange},
        model::{MODEL_BYTES, Model},
        native::Fingerprint,
    },
    tree,
};

/// Files and reasons that people are shown of each sort; `--json` has all of them.
const SHOWN: usize = 12;
const COLUMNS: usize = 80;

const EXIT_CODES: &str = "\
Exit codes:
  0  safe over the air
  1  something cannot be read
  2  the command line is wrong
  3  not safe: it needs a store release, or destroys data that devices have
     not synced and --allow-destructive does not say why that is right; with
     --json \"safety\" is \"store\" or \"destructive\"";

/// Says what kinds of change there are from OLD to NEW, and whether they are safe over the air or need a store release.
///
/// The files show changes of style, assets, layout, logic, JavaScript and widgets, and bytecode that the engine of the
/// store build cannot read. Only a fingerprint of the native projects shows what else needs a store release, and only
/// descriptions of the model show what endangers offline data: give them too.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The bundle that devices have: a folder or file
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The bundle that they are to get
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// What the store build of OLD is made of: the project's folder, or a
    /// fingerprint as `smidge import native` or @expo/fingerprint wrote it
    #[arg(long, value_name = "PATH", requires = "new_native")]
    old_native: Option<PathBuf>,
    /// The same of NEW
    #[arg(long, value_name = "PATH", requires = "old_native")]
    new_native: Option<PathBuf>,
    /// The description of OLD's model: JSON, see docs/check.md
    #[arg(long, value_name = "FILE", requires = "new_model")]
    old_model: Option<PathBuf>,
    /// The same of NEW
    #[arg(long, value_name = "FILE", requires = "old_model")]
    new_model: Option<PathBuf>,
    /// Let changes pass that destroy data which devices have not synced, for a reason
    #[arg(long, value_name = "REASON")]
    allow_destructive: Option<String>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let change = look(arguments)?;
    let verdict = classify(&change);
    let permit = verdict.permit(arguments.allow_destructive.as_deref());
    let allowed = permit.as_ref().ok().copied().flatten();
    let value = json!({
        "safety": verdict.safety.name(),
        "allowed": permit.is_ok(),
        "allowed_because": allowed,
        "kinds": verdict.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "files": change.files.iter().map(file).collect::<Vec<_>>(),
        "reasons": verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
        "looked_at": looked_at(&change),
        "redeploy_server_model_first": verdict.redeploy_server,
    });
    say.result(&value, &lines(&change, &verdict, allowed), false)?;
    match (permit, verdict.safety) {
        (Ok(_), _) => Ok(()),
        (Err(_), Safety::Store) => Err(Failure::verification("not safe over the air: this needs a store release")),
        (Err(_), _) if arguments.allow_destructive.is_none() => {
            Err(Failure::verification("not safe over the air; --allow-destructive REASON lets it pass"))
        }
        (Err(refused), _) => Err(Failure::usage(refused)),
    }
}

fn look(arguments: &Arguments) -> Result<Change, Failure> {
    let (old, new) = (tree::scan(&arguments.old)?, tree::scan(&arguments.new)?);
    let native = match (&arguments.old_native, &arguments.new_native) {
        (Some(old), Some(new)) => {
            let open = |path: &PathBuf| Fingerprint::open(path).map_err(|error| at(path, &error));
            Some(open(old)?.compare(&open(new)?))
        }
        _ => None,
    };
    let model = match (&arguments.old_model, &arguments.new_model) {
        (Some(old), Some(new)) => Some(model(old)?.compare(&model(new)?)),
        _ => None,
    };
    Ok(Change {
        initial: old.entries.is_empty() && !new.entries.is_empty(),
        files: files::compare((&arguments.old, &old), (&arguments.new, &new))?,
        native,
        model,
    })
}

fn model(path: &Path) -> Result<Model, Failure> {
    let bytes = super::import::read(path, MODEL_BYTES)?;
    Model::read(&bytes).map_err(|error| at(path, &error))
}

/// The error with the file that it is about, where it does not name it.
pub(super) fn at(path: &Path, error: &ClassifyError) -> Failure {
    match error {
        ClassifyError::Io { .. } | ClassifyError::NoProject { .. } | ClassifyError::TooMany { .. } => {
            Failure::unusable(error)
        }
        error => Failure::unusable(format_args!("{}: {error}", path.display())),
    }
}

impl From<ClassifyError> for Failure {
    fn from(error: ClassifyError) -> Self {
        Self::unusable(error)
    }
}

fn looked_at(change: &Change) -> Vec<&'static str> {
    let also = [("native", change.native.is_some()), ("model", change.model.is_some())];
    std::iter::once("files").chain(also.iter().filter(|(_, looked)| *looked).map(|(name, _)| *name)).collect()
}

fn file(file: &FileChange) -> Value {
    json!({ "path": file.path, "kind": file.kind.name(), "change": file.fate.name() })
}

fn reason(reason: &Reason) -> Value {
    json!({ "safety": reason.safety.name(), "kind": reason.kind.name(), "text": reason.text })
}

fn lines(change: &Change, verdict: &Verdict, allowed: Option<&str>) -> String {
    let mut lines = String::new();
    for kind in Kind::ALL {
        let files: Vec<&FileChange> = change.files.iter().filter(|file| file.kind == kind).collect();
        if !files.is_empty() {
            let names = files.iter().take(SHOWN).map(|file| shown(file)).collect::<Vec<_>>();
            let more = more(files.len(), ", and ");
            let noun = if files.len() == 1 { "file " } else { "files" };
            let head = format!("{:10} {:>5} {noun}  ", kind.name(), files.len());
            paragraph(&mut lines, &head, &format!("{}{more}", names.join(", ")));
        }
    }
    for (name, count) in
        [("native", change.native.as_ref().map(Vec::len)), ("model", change.model.as_ref().map(Vec::len))]
    {
        if let Some(count) = count.filter(|count| *count > 0) {
            let noun = if count == 1 { "change" } else { "changes" };
            lines.push_str(&format!("{name:10} {count:>5} {noun}\n"));
        }
    }
    if lines.is_empty() {
        lines.push_str("nothing changes\n");
    }
    let headings = [
        (Safety::Store, "\nNeeds a STORE RELEASE, since\n"),
        (Safety::Destructive, "\nDESTRUCTIVE: data that devices have not synced is in danger, since\n"),
        (Safety::Safe, "\nWorth knowing\n"),
    ];
    for (safety, heading) in headings {
        let texts: Vec<&str> = verdict
            .reasons
            .iter()
            .filter(|reason| reason.safety == safety)
            .map(|reason| reason.text.as_str())
            .collect();
        if texts.is_empty() {
            continue;
        }
        lines.push_str(heading);
        for text in texts.iter().take(SHOWN) {
            paragraph(&mut lines, "  - ", text);
        }
        if texts.len() > SHOWN {
            lines.push_str(&format!("  and {} more, which --json lists\n", texts.len() - SHOWN));
        }
    }
    lines.push('\n');
    if let Some(allowed) = allowed {
        paragraph(&mut lines, "", &format!("Allowed, because: {allowed}"));
    } else if verdict.safety == Safety::Safe {
        lines.push_str(if change.native.is_some() && change.model.is_some() {
            "Safe over the air.\n"
        } else {
            "Safe over the air, as far as this can see.\n"
        });
    }
    let missing: Vec<&str> = [
        ("the native projects (--old-native, --new-native)", change.native.is_none()),
        ("the model (--old-model, --new-model)", change.model.is_none()),
    ]
    .iter()
    .filter(|(_, missing)| *missing)
    .map(|(what, _)| *what)
    .collect();
    if !missing.is_empty() {
        paragraph(&mut lines, "", &format!("Not looked at: {}.", missing.join(" and ")));
    }
    if verdict.redeploy_server && verdict.safety != Safety::Store {
        lines.push_str("Redeploy the server's model first, then release the update.\n");
    }
    lines
}

fn shown(file: &FileChange) -> String {
    let name = if file.path.is_empty() { "the bundle itself" } else { &file.path };
    match file.fate {
        files::Fate::Changed => name.to_owned(),
        fate => format!("{name} ({})", fate.name()),
    }
}

fn more(count: usize, join: &str) -> String {
    if count > SHOWN { format!("{join}{} more", count - SHOWN) } else { String::new() }
}

/// Adds `text` after `head`, in lines of at most 80 columns that begin below where it began.
pub(super) fn paragraph(lines: &mut String, head: &str, text: &str) {
    let indent = head.chars().count();
    lines.push_str(head);
    let mut column = indent;
    for (at, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > COLUMNS {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if at > 0 {
            lines.push(' ');
            column += 1;
        }
        // Names come from files: nothing in them may steer a terminal.
        lines.extend(word.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        column += width;
    }
    lines.push('\n');
}
