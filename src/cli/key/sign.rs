//! `smidge key sign` and `merge`: signatures of roots, made apart and brought together.

use std::path::PathBuf;

use clap::Args;

use super::{
    super::{Failure, Say},
    files, show,
};
use crate::trust::{
    Document, Root,
    sign::{self, unverified_root},
};

/// Adds a signature to ROOT, in place. Look at it with `smidge key show` before you sign.
///
/// Needs no network: carry ROOT to the machine that holds the key, and back. Holders may sign one file in turn, or a
/// copy each, which `smidge key merge` brings together.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The root to sign
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// The root key: a file, `-` for standard input, or env:NAME; may be repeated
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// The root before it; its keys must sign as well
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
}

/// Adds to ROOT the signatures of COPY, which must be the same draft.
#[derive(Debug, Args)]
pub(in crate::cli) struct Merge {
    /// The root to complete
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// Copies of it, with other signatures
    #[arg(value_name = "COPY", required = true)]
    copies: Vec<PathBuf>,
    /// The root before it; its keys must sign as well
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let previous = previous(arguments.previous.as_ref())?;
    let mut document = files::read(&arguments.root)?;
    for key in &arguments.keys {
        document = add(&document, key, previous.as_ref(), say)?;
    }
    files::replace(&arguments.root, &document)?;
    show::root(&document, previous.as_ref(), say)
}

pub(super) fn merge(arguments: &Merge, say: Say) -> Result<(), Failure> {
    let previous = previous(arguments.previous.as_ref())?;
    let paths = std::iter::once(&arguments.root).chain(&arguments.copies);
    let documents = paths.map(|path| files::read(path)).collect::<Result<Vec<_>, _>>()?;
    let document = sign::merge(&documents, Document::Root)?;
    files::replace(&arguments.root, &document)?;
    show::root(&document, previous.as_ref(), say)
}

/// The root at `path`, to be followed.
pub(super) fn previous(path: Option<&PathBuf>) -> Result<Option<Root>, Failure> {
    path.map(|path| Ok(unverified_root(&files::read(path)?)?)).transpose()
}

/// `document` with the signature of the key that `key` names.
pub(super) fn add(document: &[u8], key: &str, previous: Option<&Root>, say: Say) -> Result<Vec<u8>, Failure> {
    Ok(sign::sign_root(document, &files::secret(key, say)?, previous)?)
}
