//! `smidge key`: keys, and the roots that say what they are good for.

mod files;
mod make;
mod root;
mod show;
mod sign;

use clap::{Args, Subcommand};

use super::{Failure, Say};

/// Makes keys and roots: who may sign what devices believe.
///
/// A root names the keys that may sign releases and heads. It is itself signed by root keys, which stay offline; every
/// later root is signed by the keys of the one before it. Apps are built with a root in them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: a secret file, and a .pub file to hand on
    New(make::Arguments),
    /// Draft the first root: which keys may sign what
    Root(root::First),
    /// Draft the next root, with keys added, renewed or retired
    Rotate(root::Rotate),
    /// Draft the next root, without keys that were lost or stolen
    Revoke(root::Revoke),
    /// Sign a root with a root key
    Sign(sign::Arguments),
    /// Bring together the signatures of copies of one root
    Merge(sign::Merge),
    /// Tell what a key, a root or another signed document says
    Show(show::Arguments),
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => make::run(arguments, say),
        Command::Root(arguments) => root::first(arguments, say),
        Command::Rotate(arguments) => root::rotate(arguments, say),
        Command::Revoke(arguments) => root::revoke(arguments, say),
        Command::Sign(arguments) => sign::run(arguments, say),
        Command::Merge(arguments) => sign::merge(arguments, say),
        Command::Show(arguments) => show::run(arguments, say),
    }
}
