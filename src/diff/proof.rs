//! The proof: a patch is handed out after it was applied, as a device applies it, and made new.
//!
//! Where the smallest encoding does not prove itself, the next one may: an error of the encoder then costs bytes, and
//! somebody is told, instead of an update that no device can apply.

use std::path::Path;

use super::encode::{Job, PLAINER};
use super::{DiffError, Made};
use crate::apply::{self, ApplyError};
use crate::hash::Hash;
use crate::limits::Limits;
use crate::tree;

/// A patch that was found to do what it says, and what was wrong with smaller ones.
pub struct Proven {
    /// The patch.
    pub made: Made,
    /// What was wrong with each encoding that was tried before.
    pub faults: Vec<String>,
}

/// The first of `candidates` for which `prove` holds.
///
/// # Errors
/// What `prove` found where no other encoding can help; [`DiffError::Fault`] where all were tried.
pub fn first_proven(
    candidates: impl Iterator<Item = Made>,
    prove: impl Fn(&Made) -> Result<(), ApplyError>,
) -> Result<Proven, DiffError> {
    let mut faults = Vec::new();
    for made in candidates {
        match prove(&made) {
            Ok(()) => return Ok(Proven { made, faults }),
            Err(error) if is_fault(&error) => faults.push(error.to_string()),
            Err(source) => return Err(DiffError::Check { source }),
        }
    }
    Err(DiffError::Fault { faults })
}

/// The smallest of what `job` `made` that is proven, or a plainer patch; without `check` the smallest.
///
/// # Errors
/// As [`first_proven`].
pub fn settle(job: &Job, made: Vec<Made>, old: &Path, check: bool) -> Result<Proven, DiffError> {
    if !check {
        return first_proven(made.into_iter(), |_| Ok(()));
    }
    let plainer = (0..PLAINER).map(|step| job.plainer(step));
    first_proven(made.into_iter().chain(plainer), |made| prove(old, made))
}

/// Whether the encoder is to blame, rather than the disk or whoever writes to old.
fn is_fault(error: &ApplyError) -> bool {
    match error {
        ApplyError::WrongOld { .. } | ApplyError::Tree(_) => false,
        ApplyError::Memory { .. } | ApplyError::NewTooLarge { .. } => true,
        error => error.is_verification(),
    }
}

/// Applies `made` to `old` in no more memory than it declares.
///
/// # Errors
/// As [`apply::verify`].
pub fn prove(old: &Path, made: &Made) -> Result<(), ApplyError> {
    let (header, bytes) = made;
    let limits = Limits {
        apply_memory_bytes: header.apply_memory_bytes,
        new_bytes: u64::MAX >> 1,
        tree_entries: u64::MAX,
        ..Limits::default()
    };
    apply::verify(old, &mut &bytes[..], &apply::Options { limits, progress: None }).map(|_| ())
}

/// What to say instead of `error` where one of `ends` has not any more the hash that it was diffed with.
pub fn blame(error: DiffError, ends: [(&Path, Hash); 2]) -> DiffError {
    if !matches!(error, DiffError::Fault { .. } | DiffError::Check { .. }) {
        return error;
    }
    let changed = |path: &Path, hash: Hash| tree::scan(path).map_or(true, |tree| tree.hash() != hash);
    ends.into_iter()
        .find(|&(path, hash)| changed(path, hash))
        .map_or(error, |(path, _)| DiffError::Changed { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::diff::{Options, diff};

    /// A folder with `old` and `new`, and the patch between them.
    fn pair() -> (tempfile::TempDir, Made) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("old"), "let greeting = 'hello';\n".repeat(50)).unwrap();
        fs::write(folder.path().join("new"), "let greeting = 'hello';\n".repeat(51)).unwrap();
        let mut patch = Vec::new();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        let summary = diff(&old, &new, &mut patch, &Options::default()).unwrap();
        (folder, (summary.header, patch))
    }

    #[test]
    fn an_encoding_that_does_not_apply_gives_way_to_one_that_does() {
        let (folder, good) = pair();
        let old = folder.path().join("old");
        let mut bad = good.clone();
        *bad.1.last_mut().unwrap() ^= 1;
        let proven = first_proven([bad.clone(), good.clone()].into_iter(), |made| prove(&old, made)).unwrap();
        assert_eq!(proven.made.1, good.1);
        assert_eq!(proven.faults.len(), 1);
        let none = first_proven([bad.clone(), bad].into_iter(), |made| prove(&old, made));
        assert!(matches!(none, Err(DiffError::Fault { faults }) if faults.len() == 2));
    }

    #[test]
    fn a_patch_that_takes_more_memory_than_it_declares_is_at_fault() {
        let (folder, (mut header, patch)) = pair();
        header.apply_memory_bytes -= 1024;
        let old = folder.path().join("old");
        let none = first_proven([(header, patch)].into_iter(), |made| prove(&old, made));
        assert!(matches!(none, Err(DiffError::Fault { .. })));
    }

    #[test]
    fn an_end_that_changed_meanwhile_is_named_instead() {
        let (folder, good) = pair();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        fs::write(&old, "somebody builds again").unwrap();
        let ends = [(&*old, good.0.old), (&*new, good.0.new)];
        let error = first_proven([good].into_iter(), |made| prove(&old, made)).err().unwrap();
        assert!(matches!(error, DiffError::Check { .. }));
        assert!(matches!(blame(error, ends), DiffError::Changed { path } if path == old));
    }
}
