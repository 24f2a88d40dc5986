//! From two sides and what became of each file to the bytes of a patch.

use rayon::prelude::*;

use super::edits::{in_words, moving};
use super::side::Side;
use super::space::Space;
use super::ways::{Coded, Way};
use super::{DiffError, Effort};
use crate::apply::{FIXED_BYTES, HINTS, REPACKED, image_bytes, repack_bytes};
use crate::codec::Sizes;
use crate::codec::ends::Discard;
use crate::codec::lanes::{LANES_BYTES, LaneWriter};
use crate::codec::models::Models;
use crate::codec::range::{Coder, Encoder};
use crate::codec::text::Guide;
use crate::hermes;
use crate::limits::Limits;
use crate::patch::entries::{self, Content, Method, NewEntry};
use crate::patch::{self, Header};
use crate::tree::Kind;
use crate::wire::put_varint;

/// How edits become bytes.
#[derive(Clone, Copy)]
pub enum Coding {
    /// By the models.
    Models,
    /// As lanes, at a level of zstd.
    Lanes(i32),
}

/// The largest table: 2 MiB. Twice as much makes dense patches one hundredth smaller, and takes a device above 8 MiB.
const MOST_TABLE_BITS: u32 = 21;
/// In a hurry, a table that processors keep at hand: 512 KiB.
const FAST_TABLE_BITS: u32 = 19;

/// What is to be coded.
pub struct Job<'a> {
    /// One end.
    pub old: &'a Side,
    /// The other.
    pub new: &'a Side,
    /// What became of each file.
    pub entries: Vec<NewEntry>,
    /// The files that are coded.
    pub coded: Vec<Coded<'a>>,
    /// How much time to take.
    pub effort: Effort,
}

impl<'a> Job<'a> {
    /// Prepares to code what `entries` say.
    #[must_use]
    pub fn new(old: &'a Side, new: &'a Side, entries: Vec<NewEntry>, effort: Effort) -> Self {
        let coded = entries.par_iter().enumerate().filter_map(|(index, entry)| match entry.content {
            Content::Coded { base, .. } => Some(Coded::new(index, old, new, base)),
            _ => None,
        });
        let coded = coded.collect();
        Self { old, new, entries, coded, effort }
    }

    /// The smallest patch that was found.
    ///
    /// # Errors
    /// [`DiffError::Memory`] where none can be applied in `apply_memory_bytes`.
    pub fn smallest(self, apply_memory_bytes: u64) -> Result<(Header, Vec<u8>), DiffError> {
        let made = self.compete();
        let fitting = made.into_iter().filter(|(header, _)| header.apply_memory_bytes <= apply_memory_bytes);
        fitting.min_by_key(|(_, patch)| patch.len()).ok_or(DiffError::Memory { limit: apply_memory_bytes })
    }

    /// Codes everything in one way.
    pub fn encode(&self, way: &Way, coding: Coding) -> (Header, Vec<u8>) {
        let mut entries = self.entries.clone();
        for (file, route) in self.coded.iter().zip(&way.routes) {
            if let Content::Coded { method, .. } = &mut entries[file.index].content {
                *method = route.method;
            }
        }
        let mut lanes = match coding {
            Coding::Models => None,
            Coding::Lanes(level) => Some(LaneWriter::new(level)),
        };
        let sizes = if lanes.is_none() { self.sizes(way) } else { Sizes { table_bits: 16, ring_bits: 14 } };
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
        let base_memory = sizes.memory_bytes() + FIXED_BYTES + if lanes.is_some() { LANES_BYTES } else { 0 };
        let mut memory = base_memory;
        for (file, route) in self.coded.iter().zip(&way.routes) {
            let mut code = |coder: &mut Encoder, models: &mut Models, space: &mut Space, part: usize, new: &[u8]| {
                let part = &route.parts[part];
                if let Some(lanes) = &mut lanes {
                    lanes.file(part.place, &moving(&part.covers, part.place, new.len() as u64), new, space);
                    return;
                }
                let edits = if part.as_text {
                    in_words(space, new, &part.covers, part.place)
                } else {
                    moving(&part.covers, part.place, new.len() as u64)
                };
                let guide = Guide { edits: &edits, new };
                let size = new.len() as u64;
                let coded = models.code(coder, part.as_text, part.place, size, guide, space, &mut Discard);
                debug_assert!(coded.is_ok());
            };
            match (&file.plan, &file.repacked) {
                (Some(plan), _) if route.method == Method::Hermes => {
                    put_hints(&mut coder, &mut models, plan);
                    let place = space.append(&plan.image, &plan.tags);
                    debug_assert_eq!(place, route.parts[0].place);
                    code(&mut coder, &mut models, &mut space, 0, &file.bytes[..file.body_len()]);
                    memory = memory.max(base_memory + image_bytes(file.base_bytes));
                }
                (_, Some(repacked)) if route.method == Method::Repacked => {
                    let numbers = &mut models.walk.numbers;
                    let [residue, content] = [&route.parts[0], &route.parts[1]];
                    let from_image = content.place == residue.place + repacked.old.residue.len() as u64;
                    for value in [
                        repacked.new.residue.len() as u64,
                        repacked.new.content.len() as u64,
                        u64::from(content.as_text),
                        if from_image { 0 } else { content.place + 1 },
                    ] {
                        numbers.code(&mut coder, value, REPACKED, [0; 4]);
                    }
                    space.append(&repacked.old.residue, &[]);
                    if from_image {
                        space.append(&repacked.old.content, &[]);
                    }
                    code(&mut coder, &mut models, &mut space, 0, &repacked.new.residue);
                    code(&mut coder, &mut models, &mut space, 1, &repacked.new.content);
                    memory = memory.max(base_memory + repack_bytes(&repacked.sizes()));
                }
                _ => code(&mut coder, &mut models, &mut space, 0, file.bytes),
            }
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
            lanes: lanes.is_some(),
            sizes,
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        let mut body = coder.finish();
        if let Some(lanes) = lanes {
            let models = std::mem::take(&mut body);
            put_varint(&mut body, models.len() as u64);
            body.extend_from_slice(&models);
            body.append(&mut lanes.finish());
        }
        let patch = patch::seal(&bytes, &body);
        (header, patch)
    }

    /// Sizes of tables that suit what is to be coded: larger ones would cost the device memory and time for nothing.
    fn sizes(&self, way: &Way) -> Sizes {
        let covers: usize = way.routes.iter().flat_map(|route| &route.parts).map(|part| part.covers.len()).sum();
        let coded = way.literal_bytes() + 16 * covers as u64;
        let most = if self.effort == Effort::Fast { FAST_TABLE_BITS } else { MOST_TABLE_BITS };
        let bits = |bytes: u64| 64 - bytes.max(1).leading_zeros();
        Sizes { table_bits: bits(coded * 64).clamp(16, most), ring_bits: bits(coded).clamp(14, 19) }
    }
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
