//! `smidge import`: moving over from App Center and CodePush.

mod codepush;
mod config;

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Say, check};
use crate::{
    files::Staged,
    release::{classify::native::Fingerprint, import::ImportError},
};

/// Takes over what App Center, CodePush and native projects know.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read the builder's .config: which apps it releases to
    Config(config::Arguments),
    /// Read what code-push prints of deployments and their history
    Codepush(codepush::Arguments),
    /// Write down what a store build is made of, for `smidge check`
    Native(Native),
}

/// Writes down what a store build is made of: native modules, template, app name, icons, splash screen, native projects.
///
/// Keep it with every store build, as `smidge check --old-native`. Version and build number are left out, since they differ
/// with every build.
#[derive(Debug, Args)]
struct Native {
    /// The project's folder, or a JSON file that @expo/fingerprint wrote
    #[arg(value_name = "PROJECT")]
    project: PathBuf,
    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    match &arguments.what {
        What::Config(arguments) => config::run(arguments, say),
        What::Codepush(arguments) => codepush::run(arguments, say),
        What::Native(arguments) => native(arguments, say),
    }
}

fn native(arguments: &Native, say: Say) -> Result<(), Failure> {
    let fingerprint = Fingerprint::open(&arguments.project).map_err(|error| check::at(&arguments.project, &error))?;
    let text = fingerprint.to_json();
    if let Some(output) = &arguments.output {
        write(output, text.as_bytes())?;
    }
    let parts: Vec<_> = fingerprint
        .parts()
        .map(|(aspect, name, value)| json!({ "aspect": aspect, "name": name, "value": value }))
        .collect();
    let mut lines = format!("{}  {} parts\n", fingerprint.hash(), parts.len());
    match &arguments.output {
        Some(output) => check::paragraph(&mut lines, "", &format!("written to {}", output.display())),
        None => {
            for (aspect, name, value) in fingerprint.parts() {
                // A hash tells a person nothing.
                let value = if value.len() <= 32 { value } else { "" };
                check::paragraph(&mut lines, &format!("  {aspect:16} "), &format!("{name} {value}"));
            }
        }
    }
    let value = json!({ "hash": fingerprint.hash().to_string(), "parts": parts, "output": arguments.output });
    say.result(&value, &lines, false)
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::unusable(error)
    }
}

/// The error, with the file that it is about.
fn about(path: &Path, error: &ImportError) -> Failure {
    Failure::unusable(format_args!("{}: {error}", path.display()))
}

/// The file at `path` or standard input, refused above `limit` bytes.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|source| Failure::io("open", path, &source))?)
    };
    let mut bytes = Vec::new();
    let read = input.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|source| Failure::io("read", path, &source))?;
    if bytes.len() > limit {
        let path = path.display();
        return Err(Failure::unusable(format_args!("{path} has more than {limit} bytes; is it the right file?")));
    }
    Ok(bytes)
}

/// Puts `content` at `path`, in the place of what is there.
fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let staged = Staged::create_beside(path)?;
    staged.file().write_all(content).map_err(|source| Failure::io("write", path, &source))?;
    Ok(staged.commit()?)
}
