//! From two sides and what became of each file to the bytes of a patch.

use super::costs::Costs;
use super::covers::{Cover, Hint, covers};
use super::edits::{Placed, in_words, moving};
use super::side::Side;
use super::space::Space;
use super::{DiffError, Effort};
use crate::apply::{FIXED_BYTES, HINTS, image_bytes};
use crate::codec::Sizes;
use crate::codec::ends::Discard;
use crate::codec::models::Models;
use crate::codec::range::{Coder, Encoder};
use crate::codec::text::Guide;
use crate::hermes;
use crate::limits::Limits;
use crate::patch::entries::{self, Content, Method, NewEntry};
use crate::patch::{self, Header};
use crate::tree::Kind;

/// A coded file of new.
struct Coded<'a> {
    /// Its place among the entries.
    index: usize,
    bytes: &'a [u8],
    base: Option<usize>,
    /// The prediction that it may be coded against.
    plan: Option<hermes::Plan>,
}

/// A piece of the old content that is searched: where it lies in the text searched, and in the address space.
#[derive(Clone, Copy)]
struct Segment {
    local: usize,
    len: usize,
    global: u64,
}

/// What is to be coded, and the covers found for it.
pub struct Job<'a> {
    old: &'a Side,
    new: &'a Side,
    entries: Vec<NewEntry>,
    coded: Vec<Coded<'a>>,
    effort: Effort,
}

/// One way to code all files: how each is coded, and from where it copies.
struct Way {
    methods: Vec<Method>,
    covers: Vec<Vec<Placed>>,
}

impl<'a> Job<'a> {
    /// Prepares to code what `entries` say.
    #[must_use]
    pub fn new(old: &'a Side, new: &'a Side, entries: Vec<NewEntry>, effort: Effort) -> Self {
        let mut coded = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Content::Coded { base, .. } = entry.content {
                let bytes = new.content(index);
                let plan = base.and_then(|base| hermes::plan(old.content(base), bytes));
                coded.push(Coded { index, bytes, base, plan });
            }
        }
        Self { old, new, entries, coded, effort }
    }

    /// The smallest patch that was found.
    ///
    /// # Errors
    /// [`DiffError::Memory`] where none can be applied in `apply_memory_bytes`.
    pub fn smallest(self, apply_memory_bytes: u64) -> Result<(Header, Vec<u8>), DiffError> {
        let ways = self.ways();
        let made: Vec<_> = {
            use rayon::prelude::*;
            ways.par_iter().map(|way| self.encode(way)).collect()
        };
        let fitting = made.into_iter().filter(|(header, _)| header.apply_memory_bytes <= apply_memory_bytes);
        fitting.min_by_key(|(_, patch)| patch.len()).ok_or(DiffError::Memory { limit: apply_memory_bytes })
    }

    fn ways(&self) -> Vec<Way> {
        let text: Vec<Method> = self.coded.iter().map(|file| method_of(file.bytes)).collect();
        let mut ways = Vec::new();
        let mut methods = text.clone();
        for (method, file) in methods.iter_mut().zip(&self.coded) {
            if file.plan.is_some() {
                *method = Method::Hermes;
            }
        }
        ways.push(self.way(methods.clone(), &Costs::TEXT));
        if self.coded.iter().any(|file| file.plan.is_some()) {
            ways.push(self.way(text.clone(), &Costs::TEXT));
        }
        if self.effort == Effort::Max {
            ways.push(self.way(
                methods.iter().map(|&method| if method == Method::Text { Method::Binary } else { method }).collect(),
                &Costs::BINARY,
            ));
        }
        ways
    }

    /// Finds the covers for coding by `methods`.
    fn way(&self, methods: Vec<Method>, costs: &Costs) -> Way {
        let starts = starts(self.old);
        // Everything of old that new does not simply keep may have gone somewhere.
        let mut searched: Vec<bool> = vec![true; self.old.tree.entries.len()];
        for entry in &self.entries {
            if let Content::Old(index) = entry.content {
                searched[index] = false;
            }
        }
        let plain = |(_, method): &(&Coded, &Method)| **method != Method::Hermes;
        for (file, _) in self.coded.iter().zip(&methods).filter(plain) {
            if let Some(base) = file.base {
                searched[base] = true;
            }
        }
        let mut segments = Vec::new();
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut local = 0;
        for (index, _) in searched.iter().enumerate().filter(|(_, searched)| **searched) {
            let bytes = self.old.content(index);
            segments.push(Segment { local, len: bytes.len(), global: starts[index] });
            parts.push(bytes);
            local += bytes.len();
        }
        let news: Vec<&[u8]> = self.coded.iter().zip(&methods).filter(plain).map(|(file, _)| file.bytes).collect();
        let mut hints = Vec::new();
        let mut at = 0;
        for (file, _) in self.coded.iter().zip(&methods).filter(plain) {
            if let Some(base) = file.base {
                let found = segments.partition_point(|segment| segment.global < starts[base]);
                hints.push(Hint { new: at, old: segments.get(found).map_or(0, |segment| segment.local) });
            }
            at += file.bytes.len();
        }
        let found = covers(&joined(&parts), &joined(&news), &hints, self.effort, costs);
        let mut by_file = Vec::with_capacity(self.coded.len());
        let mut at = 0;
        let mut next = 0;
        for (file, method) in self.coded.iter().zip(&methods) {
            if *method == Method::Hermes {
                let image = file.plan.as_ref().map_or(&[][..], |plan| &plan.image);
                let hint = Hint { new: 0, old: 0 };
                let body = &file.bytes[..body_len(file)];
                let found = covers(image, body, &[hint], self.effort, &Costs::BINARY);
                // The place of the image is added when it is known.
                by_file.push(
                    found.iter().map(|c| Placed { new: c.new as u64, old: c.old as u64, len: c.len as u64 }).collect(),
                );
            } else {
                let end = at + file.bytes.len();
                by_file.push(placed(&found, &mut next, at..end, &segments));
                at = end;
            }
        }
        Way { methods, covers: by_file }
    }

    /// Codes everything in one way.
    fn encode(&self, way: &Way) -> (Header, Vec<u8>) {
        let mut entries = self.entries.clone();
        for (file, &method) in self.coded.iter().zip(&way.methods) {
            if let Content::Coded { method: chosen, .. } = &mut entries[file.index].content {
                *chosen = method;
            }
        }
        let sizes = self.sizes(way);
        let mut models = Models::new(sizes);
        let mut coder = Encoder::default();
        let Models { walk, text, .. } = &mut models;
        let limits = Limits { new_bytes: u64::MAX >> 1, tree_entries: u64::MAX, ..Limits::default() };
        let told = entries::code(&mut coder, walk, text, &self.old.tree, &entries, &limits);
        debug_assert!(told.is_ok_and(|told| told == entries));

        let mut space = Space::default();
        for index in 0..self.old.tree.entries.len() {
            space.append(self.old.content(index), &[]);
        }
        let starts = starts(self.old);
        let mut memory = sizes.memory_bytes() + FIXED_BYTES;
        for ((file, &method), covers) in self.coded.iter().zip(&way.methods).zip(&way.covers) {
            let mut place = file.base.map_or(crate::codec::ends::Old::len(&space), |base| starts[base]);
            let mut covers = std::borrow::Cow::Borrowed(&covers[..]);
            let mut body = file.bytes.len();
            if let (Method::Hermes, Some(plan), Some(base)) = (method, &file.plan, file.base) {
                put_hints(&mut coder, &mut models, plan);
                place = space.append(&plan.image, &plan.tags);
                covers.to_mut().iter_mut().for_each(|cover| cover.old += place);
                body = body_len(file);
                memory =
                    memory.max(sizes.memory_bytes() + FIXED_BYTES + image_bytes(self.old.content(base).len() as u64));
            }
            let new = &file.bytes[..body];
            let as_text = method == Method::Text;
            let edits = if as_text {
                in_words(&mut space, new, &covers, place)
            } else {
                moving(&covers, place, new.len() as u64)
            };
            let guide = Guide { edits: &edits, new };
            let size = new.len() as u64;
            let coded = models.code(&mut coder, as_text, place, size, guide, &mut space, &mut Discard);
            debug_assert!(coded.is_ok());
            if self.new.tree.kind == Kind::Folder {
                space.append(file.bytes, &[]);
            }
        }
        let header = Header {
            old_kind: self.old.tree.kind,
            new_kind: self.new.tree.kind,
            old: self.old.tree.hash(),
            new: self.new.tree.hash(),
            old_bytes: self.old.tree.total_bytes(),
            new_bytes: self.new.tree.total_bytes(),
            apply_memory_bytes: memory.next_multiple_of(1024),
            lanes: false,
            sizes,
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        let patch = patch::seal(&bytes, &coder.finish());
        (header, patch)
    }

    /// Sizes of tables that suit what is to be coded: larger ones would cost the device memory and time for nothing.
    fn sizes(&self, way: &Way) -> Sizes {
        let mut coded = 0u64;
        for (file, covers) in self.coded.iter().zip(&way.covers) {
            let covered: u64 = covers.iter().map(|cover| cover.len).sum();
            coded += file.bytes.len() as u64 - covered + 16 * covers.len() as u64;
        }
        let bits = |bytes: u64| 64 - bytes.max(1).leading_zeros();
        let most = if self.effort == Effort::Max { 22 } else { 21 };
        Sizes { table_bits: bits(coded * 64).clamp(16, most), ring_bits: bits(coded).clamp(14, 19) }
    }
}

/// Bytes of the file that are coded: all but a hash that follows from the rest.
fn body_len(file: &Coded) -> usize {
    let footer = file.plan.as_ref().is_some_and(|plan| plan.footer);
    file.bytes.len() - if footer { crate::hermes::form::FOOTER_BYTES } else { 0 }
}

/// Writes the hints of a prediction: their length, whether the footer is left out, and the hints as they are.
fn put_hints(coder: &mut Encoder, models: &mut Models, plan: &hermes::Plan) {
    let value = (plan.hints.len() as u64) << 1 | u64::from(plan.footer);
    models.walk.numbers.code(coder, value, HINTS, [0; 4]);
    for byte in &plan.hints {
        for bit in (0..8).rev() {
            coder.code(u32::from(byte >> bit & 1), 1 << 15);
        }
    }
}

/// Where each old file begins in the address space.
fn starts(old: &Side) -> Vec<u64> {
    let sizes = old.tree.entries.iter().map(|entry| entry.size);
    sizes.scan(0, |at, size| Some(std::mem::replace(at, *at + size))).collect()
}

fn joined<'b>(parts: &[&'b [u8]]) -> std::borrow::Cow<'b, [u8]> {
    match parts {
        [one] => std::borrow::Cow::Borrowed(one),
        _ => std::borrow::Cow::Owned(parts.concat()),
    }
}

/// The covers of the file at `range` of the text searched, cut where pieces of old meet, at their places in the space.
fn placed(covers: &[Cover], next: &mut usize, range: std::ops::Range<usize>, segments: &[Segment]) -> Vec<Placed> {
    let mut placed = Vec::new();
    while let Some(cover) = covers.get(*next).filter(|cover| cover.new < range.end) {
        let skipped = range.start.saturating_sub(cover.new);
        let end = (cover.new + cover.len).min(range.end);
        let (mut new, mut old) = (cover.new + skipped, cover.old + skipped);
        while new < end {
            let found = segments.partition_point(|segment| segment.local + segment.len <= old);
            let segment = segments[found];
            let len = (end - new).min(segment.local + segment.len - old);
            let global = segment.global + (old - segment.local) as u64;
            placed.push(Placed { new: (new - range.start) as u64, old: global, len: len as u64 });
            new += len;
            old += len;
        }
        if cover.new + cover.len > range.end {
            break;
        }
        *next += 1;
    }
    placed
}

/// Text, or anything else, by a look at the beginning, the middle and the end.
fn method_of(bytes: &[u8]) -> Method {
    const LOOK: usize = 4096;
    let middle = bytes.len() / 2;
    let looks = [
        &bytes[..bytes.len().min(LOOK)],
        &bytes[middle..bytes.len().min(middle + LOOK)],
        &bytes[bytes.len().saturating_sub(LOOK)..],
    ];
    let odd = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x0c);
    if looks.iter().any(|look| look.iter().filter(|byte| odd(byte)).count() > look.len() / 64) {
        Method::Binary
    } else {
        Method::Text
    }
}
