//! `smidge import config`: the builder's configuration, mended and understood.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{super::check::paragraph, Failure, Say, about, read, write};
use crate::release::import::{
    config::{AppCenter, CONFIG_BYTES, Config},
    scan::{Mend, Problem},
};

/// Reads the builder's configuration: which apps of App Center it releases to.
///
/// Everything else in the file stays as it is, byte for byte. Mistakes that would keep the builder from starting are named
/// with their line; --fix mends them.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The builder's .config
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the file with its mistakes mended, and with names in the place of
    /// pasted addresses
    #[arg(long)]
    fix: bool,
    /// Make the file where there is none
    #[arg(long)]
    create: bool,
    /// Set the iOS app: its name, or the address of its page in App Center
    #[arg(long, value_name = "NAME|URL")]
    ios: Option<String>,
    /// Set the Android app: its name, or the address of its page
    #[arg(long, value_name = "NAME|URL")]
    android: Option<String>,
    /// Set the organization that owns the apps; not for apps of a user
    #[arg(long, value_name = "NAME|URL")]
    organization: Option<String>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let path = &arguments.file;
    let wanted = AppCenter {
        ios: arguments.ios.clone(),
        android: arguments.android.clone(),
        organisation: arguments.organization.clone(),
    };
    let is_new = arguments.create && !path.exists();
    let before = if is_new { Vec::new() } else { read(path, CONFIG_BYTES)? };
    let config = if is_new { Config::create(&wanted) } else { Config::read(&before, &wanted) };
    let config = config.map_err(|error| about(path, &error))?;
    let asked = wanted != AppCenter::default();
    let writes = is_new || ((arguments.fix || asked) && config.text.as_bytes() != before);
    if !config.mends.is_empty() && !arguments.fix {
        return Err(refuse(arguments, &config.mends));
    }
    if writes {
        write(path, config.text.as_bytes())?;
    }
    let value = json!({
        "ios": app(&config, config.app_center.ios.as_ref()),
        "android": app(&config, config.app_center.android.as_ref()),
        "organization": config.app_center.organisation,
        "user": config.user,
        "other_keys": config.others,
        "mended": config.mends.iter().map(mend).collect::<Vec<_>>(),
        "written": writes,
    });
    let pending = config.text.as_bytes() != before;
    say.result(&value, &lines(&config, writes, pending), false)
}

fn refuse(arguments: &Arguments, mends: &[Mend]) -> Failure {
    let mut message =
        format!("{} is not valid JSON, and the builder will not start with it:", arguments.file.display());
    for mend in mends.iter().take(8) {
        message.push_str(&format!("\n  {}", told(mend)));
    }
    if mends.len() > 8 {
        message.push_str(&format!("\n  and {} more", mends.len() - 8));
    }
    message.push_str("\nrun the same command with --fix to write the mended file");
    Failure::unusable(message)
}

fn told(mend: &Mend) -> String {
    let place = format!("line {}, column {}", mend.line, mend.column);
    match &mend.problem {
        Problem::MissingComma { after } => format!("{place}: a comma is missing after {after}"),
        Problem::TrailingComma => format!("{place}: a comma after the last value"),
        Problem::Comment => format!("{place}: a comment, which JSON does not have"),
        Problem::Mark => format!("{place}: a byte order mark before the first brace"),
    }
}

fn mend(mend: &Mend) -> Value {
    json!({ "line": mend.line, "column": mend.column, "problem": told(mend) })
}

/// The app as the other commands name it.
fn app(config: &Config, name: Option<&String>) -> Option<String> {
    let name = name?;
    let owner = config.app_center.organisation.as_ref().or(config.user.as_ref());
    Some(owner.map_or_else(|| name.clone(), |owner| format!("{owner}/{name}")))
}

fn lines(config: &Config, writes: bool, pending: bool) -> String {
    let mut lines = String::new();
    let apps = [("ios", &config.app_center.ios), ("android", &config.app_center.android)];
    for (platform, name) in apps {
        let shown = app(config, name.as_ref()).unwrap_or_else(|| "not configured".to_owned());
        paragraph(&mut lines, &format!("{platform:8} "), &shown);
    }
    for mend in &config.mends {
        paragraph(&mut lines, "mended   ", &told(mend));
    }
    lines.push_str(match (writes, pending) {
        (true, _) => "written; all else in it is as it was\n",
        (false, true) => "addresses stand where names belong: --fix writes the names\n",
        (false, false) => "nothing to mend\n",
    });
    let first = apps.iter().find_map(|(platform, name)| Some((*platform, app(config, name.as_ref())?)));
    if let Some((platform, app)) = first {
        lines.push_str("\nNo new store release is needed to move over. See whether releasing works with a\n");
        lines.push_str("version that no store has:\n");
        lines.push_str(&format!("  smidge release BUNDLE --app {app} \\\n"));
        lines.push_str(&format!("    --platform {platform} --app-version 0.1.0 --build 1 --unreleased\n"));
    }
    lines
}
