//! What was found, and what to do about it.

use std::fmt;

/// One of the two inputs of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What the device has.
    Old,
    /// What it is to get.
    New,
}

impl End {
    const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "old",
            Self::New => "new",
        })
    }
}

/// Why a patch is larger than it should be. Displayed, it says what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// One end is Hermes bytecode and this one is not.
    NotBytecode {
        /// The end that is not.
        end: End,
    },
    /// The file is in Hermes' delta form, with the magic number inverted.
    Delta {
        /// Which one.
        end: End,
    },
    /// The file begins as bytecode but could not be read.
    Unreadable {
        /// Which one.
        end: End,
        /// Why.
        why: String,
    },
    /// The hash at the end of the file is not that of what stands before it.
    Footer {
        /// Which one.
        end: End,
    },
    /// The bytecode versions differ.
    Versions {
        /// Old's version.
        old: u32,
        /// New's version.
        new: u32,
    },
    /// The same version, but the instructions or headers are laid out differently.
    Compilers {
        /// The version of both.
        version: u32,
    },
    /// The files hold few strings in common.
    Unrelated {
        /// Strings of old that new has too.
        kept: u64,
        /// Strings of old.
        of: u64,
    },
    /// Both were compiled from the same JavaScript, and yet they differ.
    SameSource,
    /// Only one end holds debug info.
    Debug {
        /// The end that holds it.
        end: End,
        /// How much, in bytes, without the tables that point to it.
        bytes: u64,
    },
    /// Both ends hold debug info.
    DebugInBoth {
        /// How much new holds, in bytes, without the tables that point to it.
        bytes: u64,
    },
    /// The function names of only one end look minified.
    Minified {
        /// The end that looks minified.
        end: End,
    },
    /// The functions are the same by name, but their code has other sizes throughout.
    Optimised {
        /// Functions whose code has its old size.
        same: u64,
        /// Functions that both ends have.
        of: u64,
    },
    /// Only one end calls builtin functions directly.
    StaticBuiltins {
        /// The end that does.
        end: End,
    },
    /// New was compiled against a base, and the base was not old.
    OtherBase {
        /// Strings that have their old number.
        in_place: u64,
        /// Strings of old.
        of: u64,
    },
    /// Old was compiled against a base and new was not.
    BaseDropped,
    /// Neither was compiled against a base, and many strings got another number.
    Renumbered {
        /// Strings with another number.
        moved: u64,
        /// Strings of old.
        of: u64,
    },
}

impl Finding {
    /// A short name, for scripts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotBytecode { .. } => "not-bytecode",
            Self::Delta { .. } => "delta-form",
            Self::Unreadable { .. } => "unreadable",
            Self::Footer { .. } => "footer",
            Self::Versions { .. } => "versions",
            Self::Compilers { .. } => "compilers",
            Self::Unrelated { .. } => "unrelated",
            Self::SameSource => "same-source",
            Self::Debug { .. } => "debug-info-in-one",
            Self::DebugInBoth { .. } => "debug-info-in-both",
            Self::Minified { .. } => "minified-one",
            Self::Optimised { .. } => "optimised-differently",
            Self::StaticBuiltins { .. } => "static-builtins",
            Self::OtherBase { .. } => "other-base",
            Self::BaseDropped => "base-dropped",
            Self::Renumbered { .. } => "renumbered",
        }
    }

    /// Whether it is no mistake, but something that would make the patch smaller.
    #[must_use]
    pub const fn is_advice(&self) -> bool {
        matches!(self, Self::DebugInBoth { .. } | Self::Renumbered { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBytecode { end } => {
                write!(f, "{end} is not Hermes bytecode but {} is: compile both with hermesc, or neither", end.other())
            }
            Self::Delta { end } => write!(
                f,
                "{end} is bytecode in delta form, which devices do not run: ship what `hermesc -emit-binary` writes"
            ),
            Self::Unreadable { end, why } => write!(f, "{end} begins as Hermes bytecode, but: {why}"),
            Self::Footer { end } => write!(
                f,
                "{end} was changed after it was compiled, its last 20 bytes are not its SHA-1: \
                 ship the file as hermesc wrote it"
            ),
            Self::Versions { old, new } => write!(
                f,
                "old is bytecode version {old} and new {new}: a device runs one of them. Compile both with the hermesc \
                 of the React Native release in the store build; a new version needs a new store build"
            ),
            Self::Compilers { version } => write!(
                f,
                "both are bytecode version {version}, but of compilers that number instructions or lay out headers \
                 differently: compile both with the hermesc of the React Native release in the store build"
            ),
            Self::Unrelated { kept, of } => write!(
                f,
                "only {kept} of old's {of} strings are in new: these are hardly two versions of one app. \
                 Check that OLD is what the device has"
            ),
            Self::SameSource => write!(
                f,
                "both were compiled from the same JavaScript, yet they differ: only the compiler or its flags changed. \
                 Use the same hermesc with the same flags"
            ),
            Self::Debug { end, bytes } => write!(
                f,
                "only {end} holds debug info, {bytes} bytes of it: compile both with `-output-source-map`, \
                 which keeps it in a file beside"
            ),
            Self::DebugInBoth { bytes } => write!(
                f,
                "both hold debug info, {bytes} bytes of it in new: `-output-source-map` keeps it in a file beside, \
                 which makes bundle and patch smaller"
            ),
            Self::Minified { end } => write!(
                f,
                "the function names of {end} look minified, those of {} do not: bundle both with the same minifier",
                end.other()
            ),
            Self::Optimised { same, of } => write!(
                f,
                "of {of} functions that both have, only {same} compiled to code of the same size: the flags or the \
                 compiler differ. Compile both with the same hermesc and `-O`"
            ),
            Self::StaticBuiltins { end } => {
                write!(f, "only {end} was compiled with `-fstatic-builtins`: compile both alike")
            }
            Self::OtherBase { in_place, of } => write!(
                f,
                "new was compiled with `-base-bytecode` of another file than old: only {in_place} of {of} strings kept \
                 their number. Pass the very file that the device has"
            ),
            Self::BaseDropped => write!(
                f,
                "old was compiled with `-base-bytecode` and new was not, so that its strings are numbered anew: \
                 pass old as `-base-bytecode`"
            ),
            Self::Renumbered { moved, of } => write!(
                f,
                "{moved} of {of} strings got another number: compile new once more with `-base-bytecode OLD` and keep \
                 whichever gives the smaller patch"
            ),
        }
    }
}
