//! `smidge hash`: the hash by which patches name their ends.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Failure, Say};
use crate::tree::{self, Kind};

/// Prints the hash of PATH: of a file what `b3sum` prints, of a folder the hash of its tree.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file or a folder; below a folder symbolic links are refused
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let tree = tree::scan(&arguments.path)?;
    let hash = tree.hash().to_string();
    let value = json!({
        "hash": hash,
        "kind": kind(tree.kind),
        "files": tree.entries.len(),
        "bytes": tree.total_bytes(),
    });
    // The hash is the result itself, so that `--quiet` leaves it.
    let say = Say { quiet: false, ..say };
    say.result(&value, &format!("{hash}  {}", arguments.path.display()), false)
}

/// The name of `kind` in JSON.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
    }
}
