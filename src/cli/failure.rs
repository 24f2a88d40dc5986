//! How a command fails: what is said, and with which exit code.

use std::{error::Error, fmt, io, path::Path, process::ExitCode};

use serde_json::json;

use super::Say;
use crate::{
    apply::ApplyError,
    diff::{DiffError, weigh::WeighError},
    exchange::ExchangeError,
    files::FileError,
    patch::PatchError,
    release::{ReleaseError, database::DatabaseError},
    store::StoreError,
    tree::TreeError,
    trust::{
        TrustError,
        sign::{KeyError, SignError},
    },
};

/// Why the command could not do its work. See the exit codes in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Unusable = 1,
    Usage = 2,
    Verification = 3,
}

/// An error with the exit code that belongs to it.
#[derive(Debug)]
pub(super) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    fn new(code: Code, error: &(dyn Error + 'static)) -> Self {
        Self { code, message: with_causes(error) }
    }

    /// The input cannot be used.
    pub(super) fn unusable(message: impl fmt::Display) -> Self {
        Self { code: Code::Unusable, message: message.to_string() }
    }

    /// The command line asks for something that cannot be.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self { code: Code::Usage, message: message.to_string() }
    }

    /// Something is not what it was promised to be.
    pub(super) fn verification(message: impl fmt::Display) -> Self {
        Self { code: Code::Verification, message: message.to_string() }
    }

    /// Reading or writing at `path` failed.
    pub(super) fn io(action: &str, path: &Path, source: &io::Error) -> Self {
        Self::unusable(format_args!("cannot {action} {}: {source}", path.display()))
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }

    /// Says it on standard error.
    pub(super) fn print(&self, say: Say) {
        if say.json {
            eprintln!("{}", json!({ "error": self.message, "exit_code": self.code as u8 }));
        } else {
            eprintln!("error: {}", self.message);
        }
    }
}

/// The error and its causes, each once: an error that already tells its cause does not tell it twice.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message += ": ";
            message += &text;
        }
        next = cause.source();
    }
    message
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        Self::new(Code::Unusable, &error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Code::Unusable, &error)
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let code = if error.is_verification() { Code::Verification } else { Code::Unusable };
        Self::new(code, &error)
    }
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Trust(error) => error.into(),
            _ => Self::new(Code::Unusable, &error),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::new(Code::Unusable, &error)
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        let code = if error.is_verification() { Code::Verification } else { Code::Unusable };
        Self::new(code, &error)
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let code = if error.is_verification() { Code::Verification } else { Code::Unusable };
        Self::new(code, &error)
    }
}

impl From<DiffError> for Failure {
    fn from(error: DiffError) -> Self {
        Self::new(Code::Unusable, &error)
    }
}

impl From<WeighError> for Failure {
    fn from(error: WeighError) -> Self {
        match error {
            WeighError::Apply(error) => error.into(),
            WeighError::Old(error) => error.into(),
            error => Self::new(Code::Unusable, &error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = if error.is_verification() { Code::Verification } else { Code::Unusable };
        Self::new(code, &error)
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::new(Code::Unusable, &error)
    }
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        let code = if error.is_verification() { Code::Verification } else { Code::Unusable };
        Self::new(code, &error)
    }
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Self {
        ApplyError::from(error).into()
    }
}
