//! From an offer to a complete, verified slot: the cheapest way first, then the next, at last the full release.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    path::PathBuf,
};

use super::{Device, DeviceError, check::Offer, fetch::Fetch, home::remove, state::State};
use crate::{
    apply::{self, ApplyError},
    files::FileError,
    hash::Hash,
    patch::Header,
    tree::{self, Kind},
    trust::Step,
};

/// Ways that are tried before the update gives up: each failure takes a patch or a base out.
const MOST_WAYS: usize = 64;
/// Free space beside what is counted: names, records, the last block of each file.
const SPARE_BYTES: u64 = 4 << 20;

/// How a release came to its slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// The patches that were applied, in bytes each. None: the release lay there already.
    pub steps: Vec<u64>,
    /// Whether it began from nothing: a full release.
    pub full: bool,
    /// Ways that failed before, and why.
    pub failed: Vec<String>,
}

impl Device {
    /// Brings the release of `offer` into its slot.
    pub(super) fn install(
        &self,
        fetch: &mut Fetch<'_>,
        offer: &Offer,
        state: &State,
        max_bytes: Option<u64>,
    ) -> Result<Way, DeviceError> {
        let statement = &offer.release.statement;
        let (mut avoid, mut damaged) = (Vec::new(), Vec::new());
        let mut way = Way::default();
        let label = statement.label;
        let embedded = self.embedded_tree(offer);
        for _ in 0..MOST_WAYS {
            let mut has: Vec<Hash> = self.home.installed().into_iter().chain(embedded).collect();
            has.retain(|tree| !damaged.contains(tree));
            let Some(steps) = offer.routes.choose(&has, &avoid) else { break };
            if steps.is_empty() {
                let there = self.base(&statement.tree, embedded);
                if tree::scan(&there).is_ok_and(|tree| tree.hash() == statement.tree) {
                    self.adopt(&statement.tree, &there)?;
                    return Ok(way);
                }
                way.failed.push("its slot is damaged".to_owned());
                damaged.push(statement.tree);
                continue;
            }
            self.require(fetch, &steps, statement.tree_bytes, max_bytes)?;
            way.steps = steps.iter().map(|step| step.size).collect();
            way.full = steps.first().is_some_and(|step| step.from.is_none());
            match self.walk(fetch, &steps, embedded)? {
                Ok(()) => {
                    self.drop_intermediate(&steps, state);
                    return Ok(way);
                }
                Err((Wrong::Object(object), why)) => {
                    avoid.push(object);
                    way.failed.push(why);
                }
                Err((Wrong::Base(base), why)) => {
                    damaged.push(base);
                    way.failed.push(why);
                }
            }
        }
        Err(DeviceError::NoWay { label, failed: way.failed })
    }

    /// Applies one patch after the other.
    fn walk(
        &self,
        fetch: &mut Fetch<'_>,
        steps: &[Step],
        embedded: Option<Hash>,
    ) -> Result<Result<(), (Wrong, String)>, DeviceError> {
        for step in steps {
            let place = self.home.downloads().join(step.object.to_string());
            let wrong = |why: &str| (Wrong::Object(step.object), format!("patch {}: {why}", short(&step.object)));
            let Some(file) = fetch.object(&step.object, step.size, &place)? else {
                return Ok(Err(wrong("the host does not have it, or has something else in its place")));
            };
            match self.apply(file, step, embedded) {
                Ok(()) => {}
                Err(ApplyError::WrongOld { expected, .. }) if step.from == Some(expected) => {
                    let why = format!("base {} is damaged", short(&expected));
                    return Ok(Err((Wrong::Base(expected), why)));
                }
                // The disk's troubles are not the patch's: another way would meet them again.
                Err(error @ (ApplyError::File(_) | ApplyError::Io { .. })) if is_disk(&error) => {
                    return Err(error.into());
                }
                Err(error) => {
                    let _ = fs::remove_file(&place);
                    return Ok(Err(wrong(&error.to_string())));
                }
            }
            let _ = fs::remove_file(&place);
        }
        Ok(Ok(()))
    }

    /// Applies the patch in `file`, which was verified as the object that the head names. The same open file is read
    /// here: what was verified is what is applied.
    fn apply(&self, mut file: File, step: &Step, embedded: Option<Hash>) -> Result<(), ApplyError> {
        let (header, _) = Header::read(&mut file)?;
        file.seek(SeekFrom::Start(0)).map_err(|source| ApplyError::Io {
            action: "read",
            path: self.home.downloads(),
            source,
        })?;
        if header.new != step.to {
            return Err(ApplyError::WrongNew { expected: step.to, found: header.new });
        }
        let slot = self.home.slot(&step.to);
        let old = match step.from {
            Some(from) if from != header.old => {
                // Not the base's fault: the list of routes is wrong about this patch.
                return Err(ApplyError::WrongNew { expected: from, found: header.old });
            }
            Some(from) => self.base(&from, embedded),
            None => self.nothing(header.old_kind)?,
        };
        // A slot of the other kind can only be a leftover of something else.
        let other = slot.symlink_metadata().is_ok_and(|found| found.is_dir() != (header.new_kind == Kind::Folder));
        if other {
            let _ = remove(&slot);
        }
        let options = apply::Options { limits: self.config.limits.clone(), progress: None };
        apply::apply(&old, &mut file, &slot, &options).map(|_| ())
    }

    /// Where `tree` lies: in a slot, or embedded.
    fn base(&self, tree: &Hash, embedded: Option<Hash>) -> PathBuf {
        let slot = self.home.slot(tree);
        match &self.config.embedded.path {
            Some(path) if embedded == Some(*tree) && slot.symlink_metadata().is_err() => path.clone(),
            _ => slot,
        }
    }

    /// An empty tree, for full releases.
    fn nothing(&self, kind: Kind) -> Result<PathBuf, ApplyError> {
        let path = self.home.downloads().join(if kind == Kind::File { "nothing" } else { "no-files" });
        let _ = remove(&path);
        let made = if kind == Kind::File { File::create(&path).map(|_| ()) } else { fs::create_dir(&path) };
        made.map_err(|source| ApplyError::File(FileError::io("create", &path, source)))?;
        Ok(path)
    }

    /// The embedded bundle's tree hash, where a patch of this offer could begin from it.
    fn embedded_tree(&self, offer: &Offer) -> Option<Hash> {
        let path = self.config.embedded.path.as_ref()?;
        // Reading the bundle costs time: only where something could be gained.
        offer
            .routes
            .steps()
            .iter()
            .any(|step| step.from.is_some())
            .then(|| tree::scan(path).ok())?
            .map(|tree| tree.hash())
    }

    /// Makes a slot of the embedded bundle, where a release is that very tree.
    fn adopt(&self, tree: &Hash, there: &std::path::Path) -> Result<(), DeviceError> {
        let slot = self.home.slot(tree);
        if there == slot {
            return Ok(());
        }
        let from = tree::scan(there)?;
        let staged = crate::files::StagedFolder::create_beside(&slot)?;
        let error = |source| DeviceError::File(FileError::io("copy to", &slot, source));
        if from.kind == Kind::File {
            drop(staged);
            let mut staged = crate::files::Staged::create_beside(&slot)?;
            let mut file = crate::files::open_plain(there).map_err(error)?;
            io::copy(&mut file, &mut staged).map_err(error)?;
            return Ok(staged.commit()?);
        }
        for entry in &from.entries {
            let mut file = crate::files::open_beneath(there, &entry.path).map_err(error)?;
            let mut to = staged.create_file(&entry.path, entry.executable)?;
            io::copy(&mut file, &mut to).map_err(error)?;
        }
        Ok(staged.commit()?)
    }

    /// Makes sure that there is room on the disk and in the app's budget.
    fn require(
        &self,
        fetch: &mut Fetch<'_>,
        steps: &[Step],
        tree_bytes: u64,
        max: Option<u64>,
    ) -> Result<(), DeviceError> {
        let there = |step: &Step| {
            let place = self.home.downloads().join(step.object.to_string());
            place.metadata().map_or(0, |metadata| metadata.len().min(step.size))
        };
        let fetching = steps.iter().fold(0u64, |sum, step| sum.saturating_add(step.size - there(step)));
        fetch.total = fetch.done.saturating_add(steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.size)));
        if let Some(allowed) = max.filter(|allowed| fetch.done.saturating_add(fetching) > *allowed) {
            return Err(DeviceError::OverBudget { needed: fetch.done.saturating_add(fetching), allowed });
        }
        // Trees on the way are of about the same size, and stay until the last one is there.
        let trees = tree_bytes.saturating_mul(steps.len() as u64);
        let needed = trees.saturating_add(fetching).saturating_add(SPARE_BYTES);
        match self.config.machine.free_bytes(self.home.root()) {
            Ok(free) if free < needed => Err(DeviceError::NoSpace { needed, free }),
            _ => Ok(()),
        }
    }

    /// Removes the trees in the middle of a chain. No app ever loaded them.
    fn drop_intermediate(&self, steps: &[Step], state: &State) {
        let needed = state.slots();
        let (_, middle) = steps.split_last().unzip();
        for step in middle.unwrap_or_default() {
            if !needed.contains(&step.to) {
                self.home.remove_slot(&step.to);
            }
        }
    }
}

/// What made a way fail.
enum Wrong {
    /// A patch: another one may lead there.
    Object(Hash),
    /// The tree that it begins from: it is not what it was.
    Base(Hash),
}

fn short(hash: &Hash) -> String {
    hash.to_string()[..12].to_owned()
}

/// Whether the disk failed, rather than what is on it.
fn is_disk(error: &ApplyError) -> bool {
    let kind = match error {
        ApplyError::File(FileError::Io { source, .. }) => source.kind(),
        ApplyError::Io { action: "write", source, .. } => source.kind(),
        _ => return false,
    };
    kind != io::ErrorKind::InvalidData
}
