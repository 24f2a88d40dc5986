//! One application on its way: the list of files, then each file.

use std::io;
use std::path::Path;
use std::thread;

use super::body::{Body, Lanes};
use super::copies::{Copies, Done, copy};
use super::error::{ApplyError, Wrong};
use super::output::Output;
use super::scratch::Scratch;
use super::space::Space;
use super::target::Target;
use super::{Options, Part, image_bytes, needed};
use crate::codec::edits::EditError;
use crate::codec::ends::{New, Old};
use crate::codec::lanes::LaneReader;
use crate::codec::models::Models;
use crate::codec::range::{Coder, Decoder};
use crate::codec::text::Guide;
use crate::hash::Hash;
use crate::hermes::{self, Bounds, HermesError, form::FOOTER_BYTES};
use crate::limits::Limits;
use crate::patch::Header;
use crate::patch::entries::{self, Content, Method, NewEntry};
use crate::tree::{Entry, Tree};

/// The sort of the number that tells how many bytes of hints follow, doubled, plus one where bytecode ends in the
/// SHA-1 of what comes before, which is then computed.
pub const HINTS: usize = 27;

/// Memory that any prediction may take, in bytes: the first patches declared less than they need.
const LEAST_PREDICTION_BYTES: u64 = 8 << 20;

/// One application on its way.
pub struct Job<'a, 'p> {
    pub(super) models: Models,
    pub(super) coder: Decoder<Body<'p>>,
    lanes: Option<Lanes<'p>>,
    pub(super) space: Space<'a>,
    pub(super) target: &'a Target,
    pub(super) buffer: Vec<u8>,
    root: &'a Path,
    pub(super) old: &'a Tree,
    pub(super) header: &'a Header,
    pub(super) limits: &'a Limits,
    options: &'a Options,
    list_bytes: u64,
    parts: Vec<Part>,
}

impl<'a, 'p> Job<'a, 'p> {
    /// The application of a patch with this `header` and body to `old`, which lies at `root`, in `target`.
    pub fn new(
        header: &'a Header,
        (body, lanes): (Body<'p>, Option<Lanes<'p>>),
        (root, old): (&'a Path, &'a Tree),
        target: &'a Target,
        limits: &'a Limits,
        options: &'a Options,
    ) -> Self {
        Self {
            models: Models::new(header.sizes),
            coder: Decoder::new(body),
            lanes,
            space: Space::new(root, old),
            target,
            buffer: Vec::new(),
            root,
            old,
            header,
            limits,
            options,
            list_bytes: 0,
            parts: Vec::new(),
        }
    }

    /// What is left of the body; bytes of the list of files, and where each file came from.
    pub fn end(self) -> (Body<'p>, Option<Lanes<'p>>, u64, Vec<Part>) {
        (self.coder.into_inner(), self.lanes, self.list_bytes, self.parts)
    }

    /// Makes all of new; its tree, hashed from what was written.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn run(&mut self) -> Result<Tree, ApplyError> {
        let Models { walk, text, .. } = &mut self.models;
        let mut entries = entries::code(&mut self.coder, walk, text, self.old, &[], self.limits)?;
        self.list_bytes = self.coder.position();
        let part = |entry: &NewEntry| Part { from: entry.from, content: entry.content, patch_bytes: 0 };
        self.parts = entries.iter().map(part).collect();
        let mut tree = Tree { kind: self.header.new_kind, entries: Vec::with_capacity(entries.len()) };
        for entry in &mut entries {
            let size = match entry.content {
                Content::Old(index) => self.old.entries[index].size,
                Content::New(_) => 0,
                Content::Coded { size, .. } => size,
            };
            let (path, executable) = (std::mem::take(&mut entry.path), entry.executable);
            tree.entries.push(Entry { path, size, executable, hash: Hash::from_bytes([0; Hash::BYTES]) });
        }
        drop(entries);
        for index in 0..self.parts.len() {
            if let Content::New(other) = self.parts[index].content {
                tree.entries[index].size = tree.entries[other].size;
            }
        }
        tree.check()?;
        let total = tree.total_bytes();
        if total != self.header.new_bytes {
            return Err(ApplyError::NewTooLarge { found: total, limit: self.header.new_bytes });
        }
        let hashes = self.make(&tree.entries)?;
        for (index, hash) in hashes {
            tree.entries[index].hash = hash;
        }
        Ok(tree)
    }

    /// Writes all files; the hash of each, by its index, in any order.
    fn make(&mut self, new: &[Entry]) -> Result<Vec<(usize, Hash)>, ApplyError> {
        let done = Done::new(self.header.new_bytes, self.options);
        let old_of = |(index, part): (usize, &Part)| match part.content {
            Content::Old(from) => Some((index, from)),
            _ => None,
        };
        let pairs = self.parts.iter().enumerate().filter_map(old_of).collect();
        let copies = Copies::new(pairs, self.root, self.old, new, self.target, &done);
        let mut hashes = thread::scope(|scope| {
            if copies.len() > 1 {
                // Without a further thread the work is only slower.
                let _ = thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, || copies.work());
            }
            let decoded = self.decode_all(new, &done);
            if decoded.is_err() {
                copies.stop();
            }
            copies.work();
            decoded
        })?;
        hashes.extend(copies.finish()?);
        for (index, entry) in new.iter().enumerate() {
            if let Content::New(other) = self.parts[index].content {
                let mut from = self.target.reopen(&new[other].path)?;
                let (hash, buffer) = copy(&mut from, entry, self.target, std::mem::take(&mut self.buffer))?;
                self.buffer = buffer;
                hashes.push((index, hash));
                done.advance(entry.size);
            }
        }
        Ok(hashes)
    }

    /// Decodes the files that are coded; the hash of each, by its index.
    fn decode_all(&mut self, new: &[Entry], done: &Done) -> Result<Vec<(usize, Hash)>, ApplyError> {
        let mut hashes = Vec::new();
        for (index, entry) in new.iter().enumerate() {
            if let Content::Coded { base, method, .. } = self.parts[index].content {
                let before = self.position();
                hashes.push((index, self.decode(entry, base, method)?));
                self.parts[index].patch_bytes = self.position() - before;
                done.advance(entry.size);
            }
        }
        Ok(hashes)
    }

    /// How many bytes of the patch were used so far, to a few bytes.
    fn position(&self) -> u64 {
        self.coder.position() + self.lanes.as_ref().map_or(0, LaneReader::position)
    }

    /// Decodes one file.
    fn decode(&mut self, entry: &Entry, base: Option<usize>, method: Method) -> Result<Hash, ApplyError> {
        if let (Some(base), Method::Repacked) = (base, method) {
            return self.decode_repacked(entry, base);
        }
        let size = entry.size;
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
            return Err(self.read_error(base.unwrap_or(0), source));
        }
        coded.map_err(|wrong| wrong.at(&entry.path))?;
        self.finish_file(entry, out)
    }

    /// Decodes one string of bytes, from the lanes where there are any.
    pub(super) fn code(&mut self, as_text: bool, place: u64, size: u64, out: &mut impl New) -> Result<(), Wrong> {
        let Self { models, coder, space, lanes, .. } = self;
        match lanes {
            Some(lanes) => Ok(lanes.file(place, size, space, out)?),
            None => Ok(models.code(coder, as_text, place, size, Guide::NONE, space, out)?),
        }
    }

    /// Completes a file that was written to `out`.
    pub(super) fn finish_file(&mut self, entry: &Entry, out: Output) -> Result<Hash, ApplyError> {
        let (hash, buffer) = out.finish().map_err(|source| self.target.write_error(&entry.path, source))?;
        self.buffer = buffer;
        self.space.drop_images();
        if let Some(path) = self.target.path_of(&entry.path) {
            self.space.append_new(path, entry.size);
        }
        Ok(hash)
    }

    /// Makes the image of bytecode that `entry` is coded against; its place, and whether the file ends in its own hash.
    fn image(&mut self, entry: &Entry, base: usize, size: u64) -> Result<(u64, bool), ApplyError> {
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
        let mut image = Scratch::beside(&self.target.beside());
        let others = needed(self.header) + image_bytes(len);
        let declared = self.header.apply_memory_bytes.max(others + LEAST_PREDICTION_BYTES);
        let bounds = Bounds {
            image_bytes: size.saturating_mul(2).saturating_add(1 << 20),
            memory_bytes: declared.min(self.limits.apply_memory_bytes).saturating_sub(others),
        };
        let made = hermes::predict(&mut self.space.part(base), &hints[..], &mut image, bounds);
        if let Some(source) = self.space.take_error() {
            return Err(self.read_error(base, source));
        }
        let len = made.map_err(|source| match source {
            HermesError::Memory { needed, .. } if declared > self.limits.apply_memory_bytes => {
                ApplyError::Memory { needed: needed + others, limit: self.limits.apply_memory_bytes }
            }
            source => ApplyError::Hermes { path: entry.path.clone(), source },
        })?;
        Ok((self.space.append_image(image, len), footer))
    }

    /// Says that the old file of this index could not be read.
    pub(super) fn read_error(&self, index: usize, source: io::Error) -> ApplyError {
        let path = self.old.entries.get(index).map_or_else(|| self.root.into(), |entry| self.root.join(&entry.path));
        ApplyError::Io { action: "read", path, source }
    }
}
