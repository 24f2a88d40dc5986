//! Patch and old make new: streamed, bounded in memory, verified before anyone sees it.
//!
//! Old is verified first and read in place; new is written forward into a temporary beside the target, hashed on the
//! way, forced to disk and renamed into place when all of it is what the patch promised.

mod output;
mod scratch;
mod space;
mod target;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::codec::edits::EditError;
use crate::codec::ends::{New, Old};
use crate::codec::lanes::{LANES_BYTES, LaneError, LaneReader};
use crate::codec::models::Models;
use crate::codec::range::{Coder, Decoder};
use crate::codec::text::Guide;
use crate::files::FileError;
use crate::hash::Hash;
use crate::hermes::{self, Bounds, HermesError, form::FOOTER_BYTES};
use crate::limits::Limits;
use crate::patch::entries::{self, Content, EntriesError, Method, NewEntry};
use crate::patch::{FRAME_BYTES, Frames, Header, PatchError};
use crate::repack::{self, PACK_MEMORY_BYTES, Packer, RepackError, Unpacked};
use crate::tree::{self, Entry, Tree, TreeError};
use crate::wire::read_varint;

use output::Output;
use scratch::Scratch;
use space::Space;
use target::Target;

/// Told how many bytes of new are done, of how many.
pub type Progress = Option<Arc<dyn Fn(u64, u64) + Send + Sync>>;

/// How to apply.
#[derive(Clone, Default)]
pub struct Options {
    /// Caps on what the patch may ask for.
    pub limits: Limits,
    /// Whom to tell of progress.
    pub progress: Progress,
}

/// What was applied.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The header of the patch.
    pub header: Header,
    /// Old, as it was found.
    pub old: Tree,
    /// New, as it was made.
    pub new: Tree,
    /// Bytes of the patch.
    pub patch_bytes: u64,
    /// Bytes of the patch that list the files.
    pub list_bytes: u64,
    /// Where each file of new came from, in the order of [`Summary::new`].
    pub parts: Vec<Part>,
}

/// Where a file of new came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The old file that it takes the place of: of the same path, or renamed.
    pub from: Option<usize>,
    /// Where its content came from.
    pub content: Content,
    /// Bytes of the patch that its content took, to a few bytes.
    pub patch_bytes: u64,
}

/// Why a patch was not applied. The target is as it was.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The patch cannot be read, or is damaged.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The patch needs more memory than it may have.
    #[error("applying needs {needed} bytes of memory, {limit} are allowed; raise the limit or take the full release")]
    Memory {
        /// What it needs.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// New is larger than it may be.
    #[error("new has {found} bytes, {limit} are allowed; raise the limit")]
    NewTooLarge {
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Old is not the one that the patch was made for.
    #[error(
        "old is not what the patch was made for: expected {expected}, found {found}; take the patch for the release \
         that is there, or the full release"
    )]
    WrongOld {
        /// The tree hash that the patch names.
        expected: Hash,
        /// That of what was found.
        found: Hash,
    },
    /// What was made is not what the patch promised.
    #[error("the result is not what the patch promised: expected {expected}, made {found}; nothing was changed")]
    WrongNew {
        /// The tree hash that the patch names.
        expected: Hash,
        /// That of what was made.
        found: Hash,
    },
    /// The patch's list of files is damaged.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// Old or new is no usable tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The edits do not fit.
    #[error("{path:?}: {source}")]
    Edits {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: EditError,
    },
    /// The edits do not fit, or cannot be read.
    #[error("{path:?}: {source}")]
    Lanes {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: LaneError,
    },
    /// The prediction of Hermes bytecode does not fit.
    #[error("{path:?}: {source}")]
    Hermes {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: HermesError,
    },
    /// A compressed file cannot be taken apart or brought together.
    #[error("{path:?}: {source}")]
    Repack {
        /// The file of new.
        path: String,
        /// What is wrong.
        source: RepackError,
    },
    /// The target cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl ApplyError {
    /// Whether something was verified and found wrong: the patch, old, or the result.
    #[must_use]
    pub fn is_verification(&self) -> bool {
        match self {
            Self::Patch(error) => matches!(
                error,
                PatchError::Damaged { .. }
                    | PatchError::Trailing { .. }
                    | PatchError::Read { .. }
                    | PatchError::Wire(_)
            ),
            Self::WrongOld { .. } | Self::WrongNew { .. } => true,
            Self::Entries(_) | Self::Edits { .. } | Self::Lanes { .. } | Self::Hermes { .. } | Self::Repack { .. } => {
                true
            }
            _ => false,
        }
    }
}

/// Memory of applying beside the models and the names of files: pages of old, buffers, one frame.
pub const FIXED_BYTES: u64 = space::SPACE_BYTES + 4 * FRAME_BYTES as u64;

/// Memory that an image of bytecode takes while it is made and read, where predicting it takes `prediction_bytes`.
#[must_use]
pub const fn image_bytes(prediction_bytes: u64) -> u64 {
    scratch::SCRATCH_BYTES + prediction_bytes
}

/// Memory that any prediction may take, in bytes: the first patches declared less than they need.
const LEAST_PREDICTION_BYTES: u64 = 8 << 20;

/// Applies `patch` to the file or folder `old`, and puts the result at `new`, which may be `old`.
///
/// # Errors
/// [`ApplyError`]; `new` is then as it was before, and nothing is left beside it.
pub fn apply(old: &Path, patch: &mut dyn Read, new: &Path, options: &Options) -> Result<Summary, ApplyError> {
    let (summary, target) = run(old, patch, new, options)?;
    target.commit()?;
    Ok(summary)
}

/// Does all that [`apply`] does in the system's folder for temporaries, and leaves nothing.
///
/// # Errors
/// As [`apply`].
pub fn verify(old: &Path, patch: &mut dyn Read, options: &Options) -> Result<Summary, ApplyError> {
    let nowhere = std::env::temp_dir().join(format!("smidge-verify-{}", std::process::id()));
    run(old, patch, &nowhere, options).map(|(summary, _)| summary)
}

/// Content or residue of a compressed file, in bytes, above which it is compared as it is: both stand in memory.
pub const MOST_UNPACKED: usize = 4 << 20;

/// Memory of taking a compressed file apart and bringing one together, given the bytes of its old content, its old
/// residue and its new residue.
#[must_use]
pub fn repack_bytes(lens: &[u64; 3]) -> u64 {
    // Read, taken apart, and their pages.
    2 * (lens[0] + lens[1]) + lens[2] + PACK_MEMORY_BYTES + 2 * scratch::SCRATCH_BYTES
}

fn run(old: &Path, patch: &mut dyn Read, new: &Path, options: &Options) -> Result<(Summary, Target), ApplyError> {
    let (header, header_bytes) = Header::read(patch)?;
    let limits = &options.limits;
    let needed = header.apply_memory_bytes.max(needed(&header));
    if needed > limits.apply_memory_bytes {
        return Err(ApplyError::Memory { needed, limit: limits.apply_memory_bytes });
    }
    if header.new_bytes > limits.new_bytes {
        return Err(ApplyError::NewTooLarge { found: header.new_bytes, limit: limits.new_bytes });
    }
    let frames = Frames::new(patch, &header_bytes)?;
    let tree = tree::scan(old)?;
    let found = tree.hash();
    if tree.kind != header.old_kind || found != header.old {
        return Err(ApplyError::WrongOld { expected: header.old, found });
    }
    let limits = Limits { new_bytes: header.new_bytes, ..limits.clone() };
    let (body, lanes) = open_body(frames, &header, &limits)?;
    let target = Target::create(new, header.new_kind)?;
    let mut job = Job {
        models: Models::new(header.sizes),
        coder: Decoder::new(body),
        lanes,
        space: Space::new(old, &tree),
        target,
        done: 0,
        buffer: Vec::new(),
        root: old,
        old: &tree,
        header: &header,
        limits: &limits,
        progress: &options.progress,
        list_bytes: 0,
        parts: Vec::new(),
    };
    let made = job.run();
    let Job { coder, lanes, target, list_bytes, parts, .. } = job;
    let mut frames = match (coder.into_inner(), lanes) {
        (Body::Whole(frames), _) => frames,
        (Body::Models(_), lanes) => lanes.ok_or(PatchError::NoBody)?.into_inner(),
    };
    // Where the patch itself was found damaged, that is why decoding went wrong.
    frames.check()?;
    let made = made?;
    let patch_bytes = frames.finish()?;
    let found = made.hash();
    if found != header.new {
        return Err(ApplyError::WrongNew { expected: header.new, found });
    }
    Ok((Summary { old: tree, new: made, patch_bytes, list_bytes, parts, header }, target))
}

/// What the models read: the whole body, or only the part of it before the lanes.
enum Body<'p> {
    Whole(Frames<&'p mut dyn Read>),
    Models(io::Cursor<Vec<u8>>),
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(frames) => frames.read(buffer),
            Self::Models(bytes) => bytes.read(buffer),
        }
    }
}

type Lanes<'p> = LaneReader<Frames<&'p mut dyn Read>>;

/// Opens the body: where edits stand in lanes, what the models read comes first, with its length.
fn open_body<'p>(
    mut frames: Frames<&'p mut dyn Read>,
    header: &Header,
    limits: &Limits,
) -> Result<(Body<'p>, Option<Lanes<'p>>), ApplyError> {
    if !header.lanes {
        return Ok((Body::Whole(frames), None));
    }
    let most = limits.apply_memory_bytes - needed(header);
    let len = read_varint(&mut frames, "the length of the list of files", most).map_err(PatchError::from)?;
    let mut models = Vec::new();
    let read = (&mut frames).take(len).read_to_end(&mut models);
    frames.check()?;
    match read {
        Ok(read) if read as u64 == len => Ok((Body::Models(io::Cursor::new(models)), Some(LaneReader::new(frames)))),
        read => {
            let source = read.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            Err(PatchError::Read { what: "the list of files", source }.into())
        }
    }
}

/// Memory that any patch with this header takes at least.
fn needed(header: &Header) -> u64 {
    header.sizes.memory_bytes() + FIXED_BYTES + if header.lanes { LANES_BYTES } else { 0 }
}

/// One application on its way.
struct Job<'a, 'p> {
    models: Models,
    coder: Decoder<Body<'p>>,
    lanes: Option<Lanes<'p>>,
    space: Space<'a>,
    target: Target,
    done: u64,
    buffer: Vec<u8>,
    root: &'a Path,
    old: &'a Tree,
    header: &'a Header,
    limits: &'a Limits,
    progress: &'a Progress,
    list_bytes: u64,
    parts: Vec<Part>,
}

impl Job<'_, '_> {
    /// Makes all of new; its tree, hashed from what was written.
    fn run(&mut self) -> Result<Tree, ApplyError> {
        let Models { walk, text, .. } = &mut self.models;
        let entries = entries::code(&mut self.coder, walk, text, self.old, &[], self.limits)?;
        self.list_bytes = self.coder.position();
        let part = |entry: &NewEntry| Part { from: entry.from, content: entry.content, patch_bytes: 0 };
        self.parts = entries.iter().map(part).collect();
        let mut tree = Tree { kind: self.header.new_kind, entries: Vec::with_capacity(entries.len()) };
        for entry in &entries {
            let size = match entry.content {
                Content::Old(index) => self.old.entries[index].size,
                Content::New(_) => 0,
                Content::Coded { size, .. } => size,
            };
            let hash = Hash::from_bytes([0; Hash::BYTES]);
            tree.entries.push(Entry { path: entry.path.clone(), size, executable: entry.executable, hash });
        }
        for (index, entry) in entries.iter().enumerate() {
            if let Content::New(other) = entry.content {
                tree.entries[index].size = tree.entries[other].size;
            }
        }
        tree.check()?;
        let total = tree.total_bytes();
        if total != self.header.new_bytes {
            return Err(ApplyError::NewTooLarge { found: total, limit: self.header.new_bytes });
        }
        for (index, entry) in entries.iter().enumerate() {
            if let Content::Coded { size, base, method } = entry.content {
                let before = self.position();
                tree.entries[index].hash = self.decode(entry, size, base, method)?;
                self.parts[index].patch_bytes = self.position() - before;
                self.advance(size);
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            let from = match entry.content {
                Content::Old(from) => {
                    space::open_old(self.root, self.old, from).map_err(|source| self.old_error("read", from, source))?
                }
                Content::New(other) => self.target.reopen(&entries[other].path)?,
                Content::Coded { .. } => continue,
            };
            let size = tree.entries[index].size;
            tree.entries[index].hash = self.copy(from, entry)?;
            self.advance(size);
        }
        Ok(tree)
    }

    /// How many bytes of the patch were used so far, to a few bytes.
    fn position(&self) -> u64 {
        self.coder.position() + self.lanes.as_ref().map_or(0, LaneReader::position)
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if let Some(progress) = self.progress {
            progress(self.done, self.header.new_bytes);
        }
    }

    /// Decodes one file.
    fn decode(&mut self, entry: &NewEntry, size: u64, base: Option<usize>, method: Method) -> Result<Hash, ApplyError> {
        if let (Some(base), Method::Repacked) = (base, method) {
            return self.decode_repacked(entry, size, base);
        }
        let mut footer = false;
        let place = match (base, method) {
            (Some(base), Method::Hermes) => {
                let (place, has_footer) = self.image(entry, base, size)?;
                footer = has_footer;
                place
            }
            (Some(base), _) => self.space.start_of(base),
            (None, _) => self.space.len(),
        };
        let file = self.target.create_file(&entry.path, entry.executable)?;
        let mut out = Output::new(file, std::mem::take(&mut self.buffer));
        if footer {
            out.seal_bytecode();
        }
        let body = size - if footer { FOOTER_BYTES as u64 } else { 0 };
        let as_text = method == Method::Text;
        let coded = self.code(as_text, place, body, &mut out);
        if let Some(source) = self.space.take_error() {
            return Err(self.old_error("read", base.unwrap_or(0), source));
        }
        coded.map_err(|wrong| wrong.at(entry))?;
        self.finish_file(entry, size, out)
    }

    /// Decodes one string of bytes, from the lanes where there are any.
    fn code(&mut self, as_text: bool, place: u64, size: u64, out: &mut impl New) -> Result<(), Wrong> {
        let Self { models, coder, space, lanes, .. } = self;
        match lanes {
            Some(lanes) => Ok(lanes.file(place, size, space, out)?),
            None => Ok(models.code(coder, as_text, place, size, Guide::NONE, space, out)?),
        }
    }

    /// Decodes one compressed file: its residue, then its content, which is packed on the way.
    fn decode_repacked(&mut self, entry: &NewEntry, size: u64, base: usize) -> Result<Hash, ApplyError> {
        let wrong = |source| ApplyError::Edits { path: entry.path.clone(), source };
        let mut number = || self.models.walk.numbers.code(&mut self.coder, 0, REPACKED, [0; 4]);
        let [residue_len, content_len, as_text, from] = [number(), number(), number(), number()];
        if residue_len.max(content_len) > MOST_UNPACKED as u64 || as_text > 1 {
            return Err(wrong(EditError::Truncated));
        }
        let old_bytes = self.old.entries[base].size;
        let was = self.unpack_old(entry, base)?;
        let lens = [was.content.len() as u64, was.residue.len() as u64, residue_len];
        let needed = needed(self.header) + repack_bytes(&lens);
        if needed > self.limits.apply_memory_bytes || old_bytes > self.limits.apply_memory_bytes {
            return Err(ApplyError::Memory { needed, limit: self.limits.apply_memory_bytes });
        }
        let from_residue = self.append_bytes(&was.residue)?;
        let from_content = match from.checked_sub(1) {
            Some(at) if at > self.space.len() => {
                return Err(wrong(EditError::OutsideOld { at, len: content_len, has: self.space.len() }));
            }
            Some(place) => place,
            None => self.append_bytes(&was.content)?,
        };
        drop(was);
        let mut residue = Vec::new();
        let coded = self.code(false, from_residue, residue_len, &mut residue);
        coded.map_err(|wrong| wrong.at(entry))?;

        let file = self.target.create_file(&entry.path, entry.executable)?;
        let mut out = Output::new(file, std::mem::take(&mut self.buffer)).bounded(size);
        let mut packing = Packing { packer: Packer::new(&residue, &mut out), error: None };
        let coded = self.code(as_text != 0, from_content, content_len, &mut packing);
        if let Some(source) = self.space.take_error() {
            return Err(self.old_error("read", base, source));
        }
        coded.map_err(|wrong| wrong.at(entry))?;
        let Packing { packer, error } = packing;
        let packed = error.map_or_else(|| packer.finish(), Err);
        packed.map_err(|source| ApplyError::Repack { path: entry.path.clone(), source })?;
        self.finish_file(entry, size, out)
    }

    /// Takes an old compressed file apart.
    fn unpack_old(&mut self, entry: &NewEntry, base: usize) -> Result<Unpacked, ApplyError> {
        let old_bytes = self.old.entries[base].size;
        if old_bytes > self.limits.apply_memory_bytes {
            return Err(ApplyError::Memory { needed: old_bytes, limit: self.limits.apply_memory_bytes });
        }
        let mut bytes = Vec::with_capacity(old_bytes as usize);
        let opened = space::open_old(self.root, self.old, base);
        let read = opened.and_then(|file| file.take(old_bytes).read_to_end(&mut bytes));
        read.map_err(|source| self.old_error("read", base, source))?;
        let kind = repack::sniff(&bytes, &entry.path).ok_or(RepackError::Unsupported { what: "plain bytes" });
        kind.and_then(|kind| repack::unpack(&bytes, kind, MOST_UNPACKED))
            .map_err(|source| ApplyError::Repack { path: entry.path.clone(), source })
    }

    /// Appends `bytes` to the address space; their place.
    fn append_bytes(&mut self, bytes: &[u8]) -> Result<u64, ApplyError> {
        let beside = self.target.beside();
        let mut scratch = Scratch::create_beside(&beside)?;
        let put = hermes::Image::put(&mut scratch, 0, bytes, 0);
        put.map_err(|source| ApplyError::Io { action: "write", path: beside, source })?;
        Ok(self.space.append_image(scratch, bytes.len() as u64))
    }

    /// Completes a file that was written to `out`.
    fn finish_file(&mut self, entry: &NewEntry, size: u64, out: Output) -> Result<Hash, ApplyError> {
        let (hash, buffer) = out.finish().map_err(|source| self.target.write_error(&entry.path, source))?;
        self.buffer = buffer;
        self.space.drop_images();
        if let Some(path) = self.target.path_of(&entry.path) {
            self.space.append_new(path, size);
        }
        Ok(hash)
    }

    /// Makes the image of bytecode that `entry` is coded against; its place, and whether the file ends in its own hash.
    fn image(&mut self, entry: &NewEntry, base: usize, size: u64) -> Result<(u64, bool), ApplyError> {
        let value = self.models.walk.numbers.code(&mut self.coder, 0, HINTS, [0; 4]);
        let (len, footer) = (value >> 1, value & 1 != 0);
        // Hints stand for what changed: more than new itself would have been no use.
        if len > size || self.coder.starved() || footer && size < FOOTER_BYTES as u64 {
            return Err(ApplyError::Edits { path: entry.path.clone(), source: EditError::Truncated });
        }
        let mut hints = Vec::new();
        for _ in 0..len {
            hints.push((0..8).fold(0, |byte, _| byte << 1 | self.coder.code(0, 1 << 15) as u8));
            if self.coder.starved() {
                return Err(ApplyError::Edits { path: entry.path.clone(), source: EditError::Truncated });
            }
        }
        let mut image = Scratch::create_beside(&self.target.beside())?;
        let others = needed(self.header) + image_bytes(len);
        let declared = self.header.apply_memory_bytes.max(others + LEAST_PREDICTION_BYTES);
        let bounds = Bounds {
            image_bytes: size.saturating_mul(2).saturating_add(1 << 20),
            memory_bytes: declared.min(self.limits.apply_memory_bytes).saturating_sub(others),
        };
        let made = hermes::predict(&mut self.space.part(base), &hints[..], &mut image, bounds);
        if let Some(source) = self.space.take_error() {
            return Err(self.old_error("read", base, source));
        }
        let len = made.map_err(|source| match source {
            HermesError::Memory { needed, .. } if declared > self.limits.apply_memory_bytes => {
                ApplyError::Memory { needed: needed + others, limit: self.limits.apply_memory_bytes }
            }
            source => ApplyError::Hermes { path: entry.path.clone(), source },
        })?;
        Ok((self.space.append_image(image, len), footer))
    }

    /// Copies a file whole.
    fn copy(&mut self, mut from: std::fs::File, entry: &NewEntry) -> Result<Hash, ApplyError> {
        let file = self.target.create_file(&entry.path, entry.executable)?;
        let mut out = Output::new(file, std::mem::take(&mut self.buffer));
        let mut piece = vec![0; 64 << 10];
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => out.push(&piece[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ApplyError::Io { action: "read", path: PathBuf::from(&entry.path), source });
                }
            }
        }
        let (hash, buffer) = out.finish().map_err(|source| self.target.write_error(&entry.path, source))?;
        self.buffer = buffer;
        Ok(hash)
    }

    fn old_error(&self, action: &'static str, index: usize, source: io::Error) -> ApplyError {
        let path = self.old.entries.get(index).map_or_else(|| self.root.into(), |entry| self.root.join(&entry.path));
        ApplyError::Io { action, path, source }
    }
}

/// What is wrong with the edits of one file.
#[derive(Debug)]
enum Wrong {
    Edits(EditError),
    Lanes(LaneError),
}

impl Wrong {
    fn at(self, entry: &NewEntry) -> ApplyError {
        let path = entry.path.clone();
        match self {
            Self::Edits(source) => ApplyError::Edits { path, source },
            Self::Lanes(source) => ApplyError::Lanes { path, source },
        }
    }
}

impl From<EditError> for Wrong {
    fn from(source: EditError) -> Self {
        Self::Edits(source)
    }
}

impl From<LaneError> for Wrong {
    fn from(source: LaneError) -> Self {
        Self::Lanes(source)
    }
}

/// New content on its way through a packer.
struct Packing<'a> {
    packer: Packer<'a>,
    error: Option<RepackError>,
}

impl New for Packing<'_> {
    fn push(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.packer.write(bytes).err();
        }
    }
}

/// The sort of the numbers that tell how a compressed file is coded: the sizes of its residue and its content, whether
/// the content is text, and where it is known from: 0 for the old file's content, else a place plus one.
pub const REPACKED: usize = 28;

/// The sort of the number that tells how many bytes of hints follow, doubled, plus one where bytecode ends in the
/// SHA-1 of what comes before, which is then computed.
pub const HINTS: usize = 27;
