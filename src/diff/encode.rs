//! From two sides and what became of each file to the bytes of a patch.

use rayon::prelude::*;

use super::edits::{in_words, moving};
use super::side::Side;
use super::space::Space;
use super::ways::{Coded, Way};
use super::{DiffError, Effort, Made};
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
/// Ways that are plainer than all that compete.
pub const PLAINER: usize = 2;
/// The level of zstd of their lanes.
const PLAIN_LEVEL: i32 = 12;

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
    /// Prepares to code what `entries` say. Unless it `looks_inside`, every file is no more than its bytes.
    #[must_use]
    pub fn new(old: &'a Side, new: &'a Side, entries: Vec<NewEntry>, effort: Effort, looks_inside: bool) -> Self {
        let coded = entries.par_iter().enumerate().filter_map(|(index, entry)| match entry.content {
            Content::Coded { base, .. } => Some(Coded::new(index, old, new, base, looks_inside)),
            _ => None,
        });
        let coded = coded.collect();
        Self { old, new, entries, coded, effort }
    }

    /// The patches that were found, the smallest first; at least one.
    ///
    /// # Errors
    /// [`DiffError::Memory`] where none can be applied in `apply_memory_bytes`.
    pub fn made(&self, apply_memory_bytes: u64) -> Result<Vec<Made>, DiffError> {
        let mut made = self.compete();
        made.retain(|(header, _)| header.apply_memory_bytes <= apply_memory_bytes);
        made.sort_by_key(|(_, patch)| patch.len());
        if made.is_empty() { Err(DiffError::Memory { limit: apply_memory_bytes }) } else { Ok(made) }
    }

    /// A patch by plainer means the higher `step` is, below [`PLAINER`]: for when those of [`Job::made`] are no use.
    #[must_use]
    pub fn plainer(&self, step: usize) -> Made {
        let mut way = self.plain_way();
        if step > 0 {
            way.routes.iter_mut().flat_map(|route| &mut route.parts).for_each(|part| part.covers.clear());
        }
        self.encode(&way, Coding::Lanes(PLAIN_LEVEL))
    }

    /// Codes everything in one way.
    pub fn encode(&self, way: &Way, coding: Coding) -> Made {
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
            let mut images = 0;
            match (&file.plan, &file.repacked) {
                (Some(plan), _) if route.method == Method::Hermes => {
                    images = 1;
                    put_hints(&mut coder, &mut models, plan);
                    let place = space.append(&plan.image, &plan.tags);
                    debug_assert_eq!(place, route.parts[0].place);
                    code(&mut coder, &mut models, &mut space, 0, &file.bytes[..file.body_len()]);
                    memory = memory.max(base_memory + image_bytes(plan.memory_bytes + plan.hints.len() as u64));
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
                    images = 1 + usize::from(from_image);
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
            space.drop_images(images);
            if self.new.tree.kind == Kind::Folder {
                space.append(file.bytes, &[]);
            }
        }
        let mut body = coder.finish();
        if lanes.is_some() {
            // What the models read lies before the lanes, and is read whole.
            memory = memory.max(base_memory + body.len() as u64);
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::super::{pair, proof};
    use super::*;

    /// `lines` lines that look like code; the line `changed` is another.
    fn script(lines: usize, changed: usize) -> Vec<u8> {
        let line = |n: usize| {
            let word = if n == changed { "renamed" } else { "name" };
            format!("export function {word}{n}(first, second) {{ return first * {} + second; }}\n", n * n % 7919)
        };
        (0..lines).flat_map(|n| line(n).into_bytes()).collect()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    fn write(root: &Path, changed: usize) {
        fs::create_dir(root).unwrap();
        let app = script(300, changed);
        fs::write(root.join("app.js"), &app).unwrap();
        fs::write(root.join("app.js.gz"), gzip(&app)).unwrap();
        fs::write(root.join("lone.js.gz"), gzip(&script(400, changed + 1))).unwrap();
        fs::write(root.join("table.bin"), app.iter().map(|byte| byte.wrapping_mul(13)).collect::<Vec<u8>>()).unwrap();
        fs::write(root.join(format!("new{changed}")), [changed as u8; 9]).unwrap();
    }

    #[test]
    fn every_encoding_that_competes_applies() {
        let folder = tempfile::tempdir().unwrap();
        let roots = ["old", "new"].map(|name| folder.path().join(name));
        write(&roots[0], 20);
        write(&roots[1], 200);
        let [old, new] = [&roots[0], &roots[1]].map(|root| Side::open(root).unwrap());
        for effort in [Effort::Fast, Effort::Default, Effort::Max] {
            let job = Job::new(&old, &new, pair::entries(&old, &new), effort, true);
            assert!(job.coded.iter().filter(|file| file.repacked.is_some()).count() == 2);
            let mut ways = job.ways();
            ways.extend(job.brief_ways());
            ways.push(job.plain_way());
            for way in &ways {
                for coding in [Coding::Models, Coding::Lanes(3), Coding::Lanes(22)] {
                    proof::prove(&roots[0], &job.encode(way, coding)).unwrap();
                }
            }
            for step in 0..PLAINER {
                proof::prove(&roots[0], &job.plainer(step)).unwrap();
            }
        }
    }
}
