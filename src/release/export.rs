//! Export: what devices read, as files that any static host can serve. The layout is that of `docs/trust.md`.
//!
//! Objects are written first, then roots, then heads, each in one step, and what is there is not written again: a reader
//! of the folder never sees a head whose objects are missing, and an export that was killed is simply done again.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::{Pipeline, ReleaseError, database::Platform, publish::trust_channel};
use crate::{
    files::{FileError, Staged},
    hash::Hash,
    trust::{Head, Part, Routes, layout},
};

/// Routes that are read back, at most so large; the format's own bound.
const ROUTES_BYTES: u64 = Routes::MAX_BYTES as u64;

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Objects that were not there yet.
    pub new_objects: u64,
    /// Bytes of those.
    pub new_bytes: u64,
    /// All objects that the heads name.
    pub objects: u64,
    /// Heads that changed.
    pub heads: u64,
    /// Roots.
    pub roots: u64,
}

/// The objects that a head needs: what it names, and the patches of the routes that it holds or names.
///
/// # Errors
/// [`ReleaseError::Trust`], [`ReleaseError::Store`].
pub(super) async fn objects_of(pipeline: &Pipeline, head: &Head) -> Result<BTreeSet<Hash>, ReleaseError> {
    let mut objects = BTreeSet::new();
    for release in &head.releases {
        let mut fetched = None;
        for part in [&release.statement, &release.routes] {
            if let Part::Object { hash, .. } = part {
                objects.insert(*hash);
            }
        }
        if let Part::Object { hash, .. } = release.routes {
            fetched = Some(pipeline.store.read(&hash, ROUTES_BYTES).await?);
        }
        objects.extend(release.routes(fetched.as_deref())?.steps().iter().map(|step| step.object));
    }
    Ok(objects)
}

impl Pipeline {
    /// Writes what the devices of `platforms` read below `folder`.
    ///
    /// # Errors
    /// [`ReleaseError::Store`], [`ReleaseError::File`]; heads that were written by then are whole.
    pub async fn export(&self, platforms: &[Platform], folder: &Path) -> Result<Exported, ReleaseError> {
        let mut done = Exported::default();
        let mut heads: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        let mut objects = BTreeSet::new();
        for platform in platforms {
            for channel in self.database.channels(platform).await? {
                let Some(document) = &channel.head else { continue };
                objects.extend(objects_of(self, &Head::unverified(document)?).await?);
                heads.push((folder.join(layout::head(&trust_channel(platform, &channel)?)), document.clone()));
            }
        }
        done.objects = objects.len() as u64;
        for hash in objects {
            let path = folder.join(layout::object(&hash));
            // The name appears with the content, whole or not at all.
            if path.exists() {
                continue;
            }
            make_parent(&path)?;
            let mut staged = Staged::create_beside(&path)?;
            let mut content = self.store.get(&hash).await?;
            while let Some(piece) = content.next_piece().await? {
                staged.write_all(&piece).map_err(|source| ReleaseError::io("write", &path, source))?;
                done.new_bytes += piece.len() as u64;
            }
            staged.commit()?;
            done.new_objects += 1;
        }
        let organisations: BTreeSet<&str> = platforms.iter().map(|platform| platform.organisation.as_str()).collect();
        for organisation in organisations {
            for (number, document) in self.database.roots(organisation).await? {
                put(&folder.join(layout::root(u64::try_from(number).unwrap_or(0))), &document)?;
                done.roots += 1;
            }
        }
        for (path, document) in heads {
            done.heads += u64::from(put(&path, &document)?);
        }
        Ok(done)
    }
}

/// Writes `content` to `path` unless that is what is there. Whether it was written.
fn put(path: &Path, content: &[u8]) -> Result<bool, ReleaseError> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(false);
    }
    make_parent(path)?;
    let mut staged = Staged::create_beside(path)?;
    staged.write_all(content).map_err(|source| ReleaseError::io("write", path, source))?;
    staged.commit()?;
    Ok(true)
}

fn make_parent(path: &Path) -> Result<(), ReleaseError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|source| ReleaseError::io("make", parent, source))
}

impl From<FileError> for ReleaseError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
