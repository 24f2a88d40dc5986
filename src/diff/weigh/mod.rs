//! Weighs a patch: decodes it against old in memory, and counts what each decision took of it.
//!
//! A decision of probability p takes −log₂ p bits; added up by what they are about, they are the patch's body to a few
//! bytes. This is for people who want to know; devices apply patches by [`crate::apply`], which keeps no accounts.

mod costs;
mod decode;
mod meter;
mod space;

use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

use super::DiffError;
use super::side::Side;
use crate::apply::ApplyError;
use crate::hermes::{self, HermesError, form::MAGIC};
use crate::limits::Limits;
use crate::patch::entries::{Content, Method, NewEntry};
use crate::patch::{Frames, HASH_BYTES, Header, PatchError};
use crate::tree::Tree;

pub use costs::{Costs, GROUPS, Group, Section};

/// New content that is decoded in memory, in bytes: 4 GiB.
const MOST_NEW_BYTES: u64 = 4 << 30;

/// A patch, and what its parts weigh.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// What it says of itself.
    pub outline: Outline,
    /// Old.
    pub old: Tree,
    /// New, as the patch makes it.
    pub new: Tree,
    /// What each file of new took, in the order of [`Weighed::new`].
    pub files: Vec<File>,
    /// The files of old that nothing takes the place of.
    pub deleted: Vec<usize>,
    /// What each sort of information took, of the whole patch.
    pub costs: Costs,
}

/// What a patch tells without old.
#[derive(Debug, Clone)]
pub struct Outline {
    /// Its header.
    pub header: Header,
    /// Bytes of the header.
    pub header_bytes: u64,
    /// Frames of its body.
    pub frames: u64,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Bytes of all.
    pub patch_bytes: u64,
}

impl Outline {
    /// Bytes of the frames beside the body: their lengths and hashes.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        self.patch_bytes - self.header_bytes - self.body_bytes
    }
}

/// What one file took.
#[derive(Debug, Clone)]
pub struct File {
    /// What became of it.
    pub entry: NewEntry,
    /// What its content took.
    pub costs: Costs,
    /// What was predicted of it, if it is bytecode that was.
    pub groups: Option<[Group; GROUPS.len()]>,
    /// Why it was not predicted though it is bytecode.
    pub plain_because: Option<String>,
}

/// Why a patch cannot be weighed.
#[derive(Debug, Error)]
pub enum WeighError {
    /// The patch is damaged, or does not belong to old.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Old cannot be read.
    #[error(transparent)]
    Old(#[from] DiffError),
    /// New is too large to be made in memory.
    #[error(
        "the patch changes {found} bytes of files, more than the {limit} that can be weighed; inspect it without OLD"
    )]
    TooLarge {
        /// Bytes.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

impl From<PatchError> for WeighError {
    fn from(error: PatchError) -> Self {
        Self::Apply(error.into())
    }
}

/// Checks that `patch` is whole, and tells what can be told without old; nothing is decoded.
///
/// # Errors
/// [`PatchError`].
pub fn outline(patch: &mut dyn Read) -> Result<Outline, PatchError> {
    let (header, bytes) = Header::read(patch)?;
    let mut frames = Frames::new(patch, &bytes)?;
    let drained = io::copy(&mut frames, &mut io::sink());
    frames.check()?;
    drained.map_err(|source| PatchError::Read { what: "the patch's content", source })?;
    let (count, body_bytes) = frames.carried();
    let patch_bytes = frames.finish()?;
    Ok(Outline { header, header_bytes: bytes.len() as u64, frames: count, body_bytes, patch_bytes })
}

/// Weighs `patch`, which is for `old`. Verifies all that applying does, and takes memory for the patch and for all
/// content that it changes.
///
/// # Errors
/// [`WeighError`].
pub fn weigh(old: &Path, patch: &[u8], limits: &Limits) -> Result<Weighed, WeighError> {
    let outline = outline(&mut &patch[..])?;
    let header = &outline.header;
    let side = Side::open(old)?;
    let found = side.tree.hash();
    if side.tree.kind != header.old_kind || found != header.old {
        return Err(ApplyError::WrongOld { expected: header.old, found }.into());
    }
    let (head, mut rest) = patch.split_at_checked(outline.header_bytes as usize).unwrap_or((patch, &[]));
    let frames = Frames::new(&mut rest, head)?;
    let decoded = decode::run(&side, header, frames, limits)?;
    let found = decoded.tree.hash();
    if found != header.new {
        return Err(ApplyError::WrongNew { expected: header.new, found }.into());
    }
    let mut costs = decoded.costs;
    costs.add(Section::Header, (outline.header_bytes + HASH_BYTES as u64) as f64 * 8.0);
    costs.add(Section::Frames, outline.frame_bytes().saturating_sub(HASH_BYTES as u64) as f64 * 8.0);
    let mut gone = vec![true; side.tree.entries.len()];
    for from in decoded.files.iter().filter_map(|file| file.entry.from) {
        gone[from] = false;
    }
    let deleted = (0..gone.len()).filter(|&index| gone[index]).collect();
    let files = decoded.files;
    Ok(Weighed { outline, old: side.tree, new: decoded.tree, files, deleted, costs })
}

/// Why bytecode was coded as plain bytes, if it was.
fn plain_because(entry: &NewEntry, old: &Side, new: &[u8]) -> Option<String> {
    let Content::Coded { base, method, .. } = entry.content else { return None };
    let is_bytecode = |bytes: &[u8]| bytes.starts_with(&MAGIC) || bytes.starts_with(&MAGIC.map(|byte| !byte));
    if method == Method::Hermes || !is_bytecode(new) {
        return None;
    }
    let Some(was) = base.map(|base| old.content(base)) else {
        return Some("there is no old file that it was made from".to_owned());
    };
    if !is_bytecode(was) {
        return Some("the old file is no bytecode".to_owned());
    }
    if !new.starts_with(&MAGIC) || !was.starts_with(&MAGIC) {
        return Some("it is bytecode in delta form, which is not understood".to_owned());
    }
    match hermes::try_plan(was, new) {
        Err(HermesError::Form { what }) => Some(what.to_owned()),
        Err(error) => Some(error.to_string()),
        Ok(_) => Some("the plain patch came out smaller".to_owned()),
    }
}
