//! Key files and signed documents, as commands read and write them.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::super::{Failure, Say};
use crate::{
    files::{Staged, sync_folder},
    trust::{
        Document, PublicKey,
        sign::{KeyError, SecretKey, read_public},
    },
};

/// No file that these commands read is larger.
const MAX_BYTES: usize = Document::Head.max_bytes();

/// The whole file at `path`, or standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|source| Failure::io("open", path, &source))?)
    };
    let mut bytes = Vec::new();
    let read = input.by_ref().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|source| Failure::io("read", path, &source))?;
    if bytes.len() > MAX_BYTES {
        return Err(Failure::unusable(format_args!(
            "{} has more than {MAX_BYTES} bytes, the most that a key or a signed document has",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Puts `document` at `path`, in the place of what is there.
pub(super) fn replace(path: &Path, document: &[u8]) -> Result<(), Failure> {
    let staged = Staged::create_beside(path)?;
    staged.file().write_all(document).map_err(|source| Failure::io("write", path, &source))?;
    Ok(staged.commit()?)
}

/// Puts `content` at `path`, where nothing may be yet. Where it is `secret`, nobody else can read it at any time.
pub(super) fn create(path: &Path, content: &[u8], secret: bool) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source: io::Error| Failure::io("write", path, &source);
    // A temporary of this kind is readable by its owner only, from its first moment on.
    let mut file = tempfile::Builder::new().prefix(".smidge-key-").tempfile_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    #[cfg(unix)]
    if !secret {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        file.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(failed)?;
    }
    #[cfg(not(unix))]
    let _ = secret;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| exists(path).unwrap_or_else(|| failed(error.error)))?;
    sync_folder(folder).map_err(failed)
}

/// Refuses what would replace a file.
pub(super) fn require_free(path: &Path) -> Result<(), Failure> {
    exists(path).map_or(Ok(()), Err)
}

fn exists(path: &Path) -> Option<Failure> {
    path.symlink_metadata().is_ok().then(|| {
        Failure::unusable(format_args!("{} exists and is never replaced; choose another name", path.display()))
    })
}

/// The secret key that `from` names: a file, `-` for standard input, or `env:NAME` for an environment variable.
pub(in crate::cli) fn secret(from: &str, say: Say) -> Result<SecretKey, Failure> {
    let text = if let Some(name) = from.strip_prefix("env:") {
        std::env::var(name).map_err(|error| {
            Failure::unusable(format_args!("cannot read the key from the environment: {name}: {error}"))
        })?
    } else {
        let path = Path::new(from);
        warn_if_open(path, say);
        text(read(path)?, path)?
    };
    SecretKey::from_text(&text).map_err(|error| named(from, &error))
}

/// The public key in the file at `path`.
pub(super) fn public(path: &Path) -> Result<PublicKey, Failure> {
    read_public(&text(read(path)?, path)?).map_err(|error| named(&path.display().to_string(), &error))
}

fn named(name: &str, error: &KeyError) -> Failure {
    Failure::unusable(format_args!("{name}: {error}"))
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String, Failure> {
    let refuse = |_| Failure::unusable(format_args!("{} is not text, so it is no key", path.display()));
    String::from_utf8(bytes).map_err(refuse)
}

/// Warns of a secret key that others on this machine may read.
pub(super) fn warn_if_open(path: &Path, say: Say) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open =
            path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0);
        if open {
            say.warn(&format!("others on this machine can read {0}; run `chmod 600 {0}`", path.display()));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, say);
}
