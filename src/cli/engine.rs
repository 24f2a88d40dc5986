//! Stands in for the engine until it lands: patches that hold all of new.

use std::{io::Read, io::Write, path::Path};

use thiserror::Error;

use super::say::Progress;
use crate::{
    files::{FileError, Staged, StagedFolder},
    hash::Hash,
    limits::Limits,
    tree::{self, Tree, TreeError},
};

#[derive(Debug, Error)]
pub enum EngineError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot read or write: {0}")]
    Io(#[from] std::io::Error),
    #[error("not a smidge patch")]
    NotAPatch,
    #[error("old is {found}, expected {expected}; apply the patch to the release that it was made for")]
    WrongOld { expected: Hash, found: Hash },
    #[error("the patch needs {needed} bytes of memory, above the limit of {limit}")]
    Memory { needed: u64, limit: u64 },
}

pub mod diff {
    pub use super::EngineError as DiffError;
    use super::*;

    #[derive(Debug, Clone, Copy, Default)]
    pub enum Effort {
        Fast,
        #[default]
        Default,
        Max,
    }
    #[derive(Default)]
    pub struct Options {
        pub effort: Effort,
        pub apply_memory_bytes: u64,
        pub progress: Progress,
    }
    pub struct Summary {
        pub old: Tree,
        pub new: Tree,
        pub patch_bytes: u64,
    }
    pub fn diff(old: &Path, new: &Path, patch: &mut dyn Write, _: &Options) -> Result<Summary, DiffError> {
        let (a, b) = (tree::scan(old)?, tree::scan(new)?);
        let mut out = b"stub".to_vec();
        out.extend_from_slice(a.hash().as_bytes());
        out.push(u8::from(b.kind == tree::Kind::Folder));
        for e in &b.entries {
            out.extend_from_slice(&(e.path.len() as u32).to_le_bytes());
            out.extend_from_slice(e.path.as_bytes());
            out.push(u8::from(e.executable));
            let content = if e.path.is_empty() { std::fs::read(new)? } else { std::fs::read(new.join(&e.path))? };
            out.extend_from_slice(&(content.len() as u32).to_le_bytes());
            out.extend_from_slice(&content);
        }
        patch.write_all(&out)?;
        Ok(Summary { old: a, new: b, patch_bytes: out.len() as u64 })
    }
}

pub mod apply {
    pub use super::EngineError as ApplyError;
    use super::*;
    impl ApplyError {
        pub fn is_verification(&self) -> bool {
            matches!(self, Self::WrongOld { .. })
        }
    }
    pub struct Options {
        pub limits: Limits,
        pub progress: Progress,
    }
    pub struct Summary {
        pub old: Tree,
        pub new: Tree,
        pub patch_bytes: u64,
    }
    pub fn apply(old: &Path, patch: &mut dyn Read, new: &Path, options: &Options) -> Result<Summary, ApplyError> {
        let mut bytes = Vec::new();
        patch.read_to_end(&mut bytes)?;
        let limit = options.limits.apply_memory_bytes;
        if limit < 1 << 20 {
            return Err(ApplyError::Memory { needed: 1 << 20, limit });
        }
        let mut at = bytes.strip_prefix(b"stub").ok_or(ApplyError::NotAPatch)?;
        let mut take = |n: usize| {
            let (a, b) = at.split_at_checked(n).ok_or(ApplyError::NotAPatch)?;
            at = b;
            Ok::<_, ApplyError>(a)
        };
        let expected = Hash::from_bytes(take(32)?.try_into().unwrap());
        let a = tree::scan(old)?;
        if a.hash() != expected {
            return Err(ApplyError::WrongOld { expected, found: a.hash() });
        }
        let folder = take(1)?[0] == 1;
        let mut next = || -> Result<Option<(String, bool, Vec<u8>)>, ApplyError> {
            let Ok(n) = take(4) else { return Ok(None) };
            let path = take(u32::from_le_bytes(n.try_into().unwrap()) as usize)?.to_vec();
            let exec = take(1)?[0] == 1;
            let n = u32::from_le_bytes(take(4)?.try_into().unwrap());
            Ok(Some((String::from_utf8(path).map_err(|_| ApplyError::NotAPatch)?, exec, take(n as usize)?.to_vec())))
        };
        if folder {
            let mut staged = StagedFolder::create_beside(new)?;
            while let Some((path, exec, content)) = next()? {
                staged.create_file(&path, exec)?.write_all(&content)?;
            }
            staged.commit()?;
        } else {
            let (_, _, content) = next()?.ok_or(ApplyError::NotAPatch)?;
            let mut staged = Staged::create_beside(new)?;
            staged.write_all(&content)?;
            staged.commit()?;
        }
        Ok(Summary { old: a, new: tree::scan(new)?, patch_bytes: bytes.len() as u64 })
    }
    pub fn verify(old: &Path, patch: &mut dyn Read, options: &Options) -> Result<Summary, ApplyError> {
        let folder = tempfile::tempdir()?;
        apply(old, patch, &folder.path().join("new"), options)
    }
}

pub mod patch {
    use super::*;
    pub struct Inspection;
    pub fn inspect(_: &mut dyn Read, _: Option<&Path>) -> Result<Inspection, EngineError> {
        Ok(Inspection)
    }
    pub fn to_json(_: &Inspection) -> serde_json::Value {
        serde_json::json!({})
    }
    pub fn to_lines(_: &Inspection) -> String {
        String::new()
    }
}
