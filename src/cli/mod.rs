//! The command line, one file per command.
//!
//! Results for people go to standard output in at most 80 columns, progress and errors to standard error. With `--json`
//! the result is one JSON object on standard output, and an error one on standard error.

mod apply;
mod binary;
mod check;
mod completions;
mod demo;
mod diff;
mod export;
mod failure;
mod hash;
mod import;
mod init;
mod input;
mod inspect;
mod key;
mod lint;
mod man;
mod place;
mod plan;
mod release;
mod say;
mod size;
mod store;
mod verify;
mod worker;

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the input cannot be used: missing, not a patch, above a limit, no space,
     refused by a rule
  2  the command line is wrong
  3  a verification failed: a patch or an object is damaged, or the old or the
     new content is not what the patch was made for; the target is as it was;
     or `check` says that a change is not safe over the air";

/// Over-the-air updates that weigh a smidge: the smallest patch from one release to the next.
#[derive(Debug, Parser)]
#[command(name = "smidge", version, after_help = EXIT_CODES, max_term_width = 80, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    say: Say,
    #[command(subcommand)]
    command: Command,
}

/// How much to tell, and in which form.
#[derive(Debug, Clone, Copy, Args)]
struct Say {
    /// Print nothing but errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the patch that turns OLD into NEW
    Diff(diff::Arguments),
    /// Turn OLD into NEW with a patch
    Apply(apply::Arguments),
    /// Tell what a patch holds and what each part weighs
    Inspect(inspect::Arguments),
    /// Explain why a patch between two builds is larger than it should be
    Lint(lint::Arguments),
    /// Check that a patch applies to OLD, keeping nothing
    Verify(verify::Arguments),
    /// Print the hash of a file or folder
    Hash(hash::Arguments),
    /// Make keys and roots: who may sign what devices believe
    Key(key::Arguments),
    /// Show on a real app what an update weighs; needs no input
    Demo(demo::Arguments),
    /// Look after the objects of releases: count, verify, mend, collect
    Store(store::Arguments),
    /// Make a store, a database and keys to try things with
    Init(init::Arguments),
    /// Add and list store builds
    Binary(binary::Arguments),
    /// Release a bundle, and change, promote or roll back releases
    Release(Box<release::Arguments>),
    /// Say which old releases deserve a patch, and why
    Plan(plan::Arguments),
    /// Make the patches that wait
    Worker(worker::Arguments),
    /// Write what devices read into a folder for any static host
    Export(export::Arguments),
    /// Say whether a change is safe over the air or needs a store release
    Check(check::Arguments),
    /// Move over from App Center and CodePush
    Import(import::Arguments),
    /// Print the completions for a shell
    Completions(completions::Arguments),
    /// Write the manual pages into a folder
    Man(man::Arguments),
}

/// How a patch is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Smidge's own: smallest, bound to both ends, verified
    Smidge,
    /// BSDIFF40, which bspatch and Expo clients read; files only, holds no hashes
    Bsdiff,
    /// A bidiff stream in zstd, which bipatch and Shorebird read; files only, holds no hashes
    Bidiff,
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.run(cli.say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(cli.say);
            failure.exit_code()
        }
    }
}

impl Command {
    fn run(self, say: Say) -> Result<(), Failure> {
        match self {
            Self::Diff(arguments) => diff::run(&arguments, say),
            Self::Apply(arguments) => apply::run(&arguments, say),
            Self::Inspect(arguments) => inspect::run(&arguments, say),
            Self::Lint(arguments) => lint::run(&arguments, say),
            Self::Verify(arguments) => verify::run(&arguments, say),
            Self::Hash(arguments) => hash::run(&arguments, say),
            Self::Key(arguments) => key::run(&arguments, say),
            Self::Demo(arguments) => demo::run(&arguments, say),
            Self::Store(arguments) => store::run(&arguments, say),
            Self::Init(arguments) => init::run(&arguments, say),
            Self::Binary(arguments) => binary::run(&arguments, say),
            Self::Release(arguments) => release::run(*arguments, say),
            Self::Plan(arguments) => plan::run(&arguments, say),
            Self::Worker(arguments) => worker::run(&arguments, say),
            Self::Export(arguments) => export::run(&arguments, say),
            Self::Check(arguments) => check::run(&arguments, say),
            Self::Import(arguments) => import::run(&arguments, say),
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
        }
    }
}

/// The whole command line as clap sees it, for completions and manual pages.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
