//! Decodes a whole patch in memory with a [`Meter`].

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Cursor, Read, Write};

use super::costs::{Costs, GROUPS, Group, Section, group_of};
use super::meter::{ByTag, Meter, Phase};
use super::space::Space;
use super::{File, MOST_NEW_BYTES, WeighError, plain_because};
use crate::apply::{ApplyError, HINTS, MOST_UNPACKED, REPACKED};
use crate::codec::edits::EditError;
use crate::codec::ends::{New, Old};
use crate::codec::lanes::LaneReader;
use crate::codec::models::Models;
use crate::codec::range::Coder;
use crate::codec::text::Guide;
use crate::diff::side::Side;
use crate::hash::Hash;
use crate::hermes::hints::Hints;
use crate::hermes::{Plan, form::FOOTER_BYTES, predict, teacher::Absent};
use crate::limits::Limits;
use crate::patch::entries::{self, Content, Method, NewEntry};
use crate::patch::{Frames, Header, PatchError};
use crate::repack::{self, Packer, RepackError};
use crate::tree::{Entry, Tree};
use crate::wire::read_varint;

/// What a patch makes, and what it took.
pub struct Decoded {
    pub tree: Tree,
    pub files: Vec<File>,
    pub costs: Costs,
}

/// Memory that the list of files of a patch in lanes may take.
const MOST_LIST_BYTES: u64 = 1 << 30;

/// The body, or the part of it that the models read.
enum Body<'p> {
    Whole(Frames<&'p mut &'p [u8]>),
    List(Cursor<Vec<u8>>),
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(frames) => frames.read(buffer),
            Self::List(bytes) => bytes.read(buffer),
        }
    }
}

/// Decodes what `frames` hold.
pub fn run<'p>(
    old: &Side,
    header: &Header,
    mut frames: Frames<&'p mut &'p [u8]>,
    limits: &Limits,
) -> Result<Decoded, WeighError> {
    let tag = Cell::new(0);
    let (body, lanes) = if header.lanes {
        let len = read_varint(&mut frames, "the length of the list of files", MOST_LIST_BYTES);
        let len = len.map_err(PatchError::from)?;
        let mut list = Vec::new();
        let read = (&mut frames).take(len).read_to_end(&mut list);
        read.map_err(|source| PatchError::Read { what: "the list of files", source })?;
        (Body::List(Cursor::new(list)), Some(LaneReader::new(frames)))
    } else {
        (Body::Whole(frames), None)
    };
    let mut space = Space::new(&tag);
    for index in 0..old.tree.entries.len() {
        space.append(Cow::Borrowed(old.content(index)));
    }
    let limits = Limits { new_bytes: header.new_bytes.min(limits.new_bytes), ..limits.clone() };
    let mut job = Job {
        models: Models::new(header.sizes),
        coder: Meter::new(body, Phase::List, &tag),
        lanes,
        laned: Costs::default(),
        space,
        tag: &tag,
        old,
        header,
        limits,
    };
    let decoded = job.run();
    let frames = match (job.coder.into_inner(), job.lanes) {
        (Body::Whole(frames), _) => Some(frames),
        (Body::List(_), lanes) => lanes.map(LaneReader::into_inner),
    };
    // Where the patch itself was found damaged, that is why decoding went wrong.
    frames.map_or(Ok(()), |mut frames| frames.check())?;
    decoded
}

struct Job<'a, 'p> {
    models: Models,
    coder: Meter<'a, Body<'p>>,
    lanes: Option<LaneReader<Frames<&'p mut &'p [u8]>>>,
    /// What the lanes took.
    laned: Costs,
    space: Space<'a>,
    tag: &'a Cell<u8>,
    old: &'a Side,
    header: &'a Header,
    limits: Limits,
}

impl Job<'_, '_> {
    fn run(&mut self) -> Result<Decoded, WeighError> {
        let Models { walk, text, .. } = &mut self.models;
        let old = &self.old.tree;
        let entries = entries::code(&mut self.coder, walk, text, old, &[], &self.limits).map_err(ApplyError::from)?;
        let coded = |entry: &NewEntry| if let Content::Coded { size, .. } = entry.content { size } else { 0 };
        let found = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(coded(entry)));
        if found > MOST_NEW_BYTES {
            return Err(WeighError::TooLarge { found, limit: MOST_NEW_BYTES });
        }
        let mut tree = Tree { kind: self.header.new_kind, entries: Vec::with_capacity(entries.len()) };
        let mut files = Vec::with_capacity(entries.len());
        for entry in &entries {
            let mut file = File { entry: entry.clone(), costs: Costs::default(), groups: None, plain_because: None };
            let (mut size, mut hash) = (0, Hash::from_bytes([0; Hash::BYTES]));
            match entry.content {
                Content::Old(index) => (size, hash) = (old.entries[index].size, old.entries[index].hash),
                Content::New(_) => {}
                Content::Coded { .. } => {
                    let bytes = self.file(&mut file)?;
                    (size, hash) = (bytes.len() as u64, Hash::of(&bytes));
                    file.plain_because = plain_because(entry, self.old, &bytes);
                    self.space.drop_images();
                    if self.header.new_kind == crate::tree::Kind::Folder {
                        self.space.append(Cow::Owned(bytes));
                    }
                }
            }
            tree.entries.push(Entry { path: entry.path.clone(), size, executable: entry.executable, hash });
            files.push(file);
        }
        for (index, entry) in entries.iter().enumerate() {
            if let Content::New(other) = entry.content {
                (tree.entries[index].size, tree.entries[index].hash) =
                    (tree.entries[other].size, tree.entries[other].hash);
            }
        }
        tree.check().map_err(ApplyError::from)?;
        let mut costs = self.coder.costs;
        costs.add_all(&self.laned);
        Ok(Decoded { tree, files, costs })
    }

    /// Decodes the content of one file.
    fn file(&mut self, file: &mut File) -> Result<Vec<u8>, WeighError> {
        let Content::Coded { size, base, method } = file.entry.content else { return Ok(Vec::new()) };
        let before = self.spent();
        self.coder.by_tag = ByTag::default();
        self.tag.set(0);
        let path = &file.entry.path.clone();
        let mut bytes = Vec::new();
        match (base, method) {
            (Some(base), Method::Hermes) => {
                let Predicted { plan, parts, footer } = self.image(path, base, size)?;
                let mut groups = [Group::default(); GROUPS.len()];
                plan.tags.iter().for_each(|&tag| groups[group_of(tag)].predicted_bytes += 1);
                for (name, bits) in parts {
                    let known = GROUPS.iter().position(|group| *group == name).unwrap_or(0);
                    groups[known].hint_bits += bits;
                }
                let place = self.space.append_image(plan.image, plan.tags);
                let body = size - if footer { FOOTER_BYTES as u64 } else { 0 };
                self.code(path, false, place, body, &mut bytes)?;
                if footer {
                    let sha1 = sha1_smol::Sha1::from(&bytes).digest().bytes();
                    bytes.extend_from_slice(&sha1);
                }
                for tag in 0..=255u8 {
                    let group = &mut groups[group_of(tag)];
                    group.edit_bits += self.coder.by_tag.bits[usize::from(tag)];
                    group.corrected_bytes += self.coder.by_tag.corrected[usize::from(tag)];
                }
                file.groups = Some(groups);
            }
            (Some(base), Method::Repacked) => bytes = self.repacked(path, base, size)?,
            (base, _) => {
                let place = base.map_or(self.space.len(), |base| self.space.start_of(base));
                self.code(path, method == Method::Text, place, size, &mut bytes)?;
            }
        }
        file.costs = self.spent().since(&before);
        Ok(bytes)
    }

    /// What was spent so far: of lanes, of a segment that several files share, each file its part.
    fn spent(&self) -> Costs {
        let mut costs = self.coder.costs;
        costs.add_all(&self.laned);
        costs
    }

    fn code(&mut self, path: &str, as_text: bool, place: u64, size: u64, out: &mut impl New) -> Result<(), ApplyError> {
        if self.coder.phase != Phase::Residue {
            self.coder.phase = Phase::Content;
        }
        if let Some(lanes) = &mut self.lanes {
            let before = (lanes.position(), lanes.spent());
            let made = lanes.file(place, size, &mut self.space, out);
            made.map_err(|source| ApplyError::Lanes { path: path.to_owned(), source })?;
            // Each file is charged its part of the segments, divided as the segments so far are.
            let bits = (lanes.position() - before.0) as f64 * 8.0;
            let spent = lanes.spent();
            let total = spent.iter().sum::<u64>().max(1) as f64;
            for (section, spent) in [Section::Control, Section::Difference, Section::Literal].into_iter().zip(spent) {
                let section = if self.coder.phase == Phase::Residue { Section::Residue } else { section };
                self.laned.add(section, bits * spent as f64 / total);
            }
            return Ok(());
        }
        let Self { models, coder, space, .. } = self;
        let coded = models.code(coder, as_text, place, size, Guide::NONE, space, out);
        coded.map_err(|source| ApplyError::Edits { path: path.to_owned(), source })
    }

    fn number(&mut self, sort: usize) -> u64 {
        self.models.walk.numbers.code(&mut self.coder, 0, sort, [0; 4])
    }

    /// Makes the image of bytecode.
    fn image(&mut self, path: &str, base: usize, size: u64) -> Result<Predicted, ApplyError> {
        self.coder.phase = Phase::Hints;
        let truncated = || ApplyError::Edits { path: path.to_owned(), source: EditError::Truncated };
        let value = self.number(HINTS);
        let (len, footer) = (value >> 1, value & 1 != 0);
        if len > size || footer && size < FOOTER_BYTES as u64 {
            return Err(truncated());
        }
        let mut bytes = Vec::new();
        for _ in 0..len {
            bytes.push((0..8).fold(0, |byte, _| byte << 1 | self.coder.code(0, 1 << 15) as u8));
            if self.coder.starved() {
                return Err(truncated());
            }
        }
        let tag = Cell::new(0);
        let mut hints = Hints::new(Meter::new(&bytes[..], Phase::Hints, &tag));
        let mut plan = Plan::default();
        let limit = size.saturating_mul(2).saturating_add(1 << 20);
        // Thousandths of a bit: bits of hints are few.
        let spent = |hints: &Hints<Meter<&[u8]>>| (hints.coder.costs.bits(Section::Hints) * 1000.0) as u64;
        let made = predict::run(&mut hints, &mut self.old.content(base), &Absent, None, &mut plan, limit, spent);
        let tally = made.map_err(|source| ApplyError::Hermes { path: path.to_owned(), source })?;
        plan.image.resize(tally.image_bytes as usize, 0);
        plan.tags.resize(tally.image_bytes as usize, 0);
        let parts = tally.parts.into_iter().map(|(name, spent)| (name, spent as f64 / 1000.0)).collect();
        Ok(Predicted { plan, parts, footer })
    }

    /// Decodes one compressed file: its residue, then its content, which is packed on the way.
    fn repacked(&mut self, path: &str, base: usize, size: u64) -> Result<Vec<u8>, ApplyError> {
        self.coder.phase = Phase::Residue;
        let edits = |source| ApplyError::Edits { path: path.to_owned(), source };
        let wrong = |source| ApplyError::Repack { path: path.to_owned(), source };
        let [residue_len, content_len, as_text, from] = [(); 4].map(|()| self.number(REPACKED));
        if residue_len.max(content_len) > MOST_UNPACKED as u64 || as_text > 1 {
            return Err(edits(EditError::Truncated));
        }
        let was = self.old.content(base);
        let kind = repack::sniff(was, path).ok_or(RepackError::Unsupported { what: "plain bytes" });
        let was = kind.and_then(|kind| repack::unpack(was, kind, MOST_UNPACKED)).map_err(wrong)?;
        let from_residue = self.space.append_image(was.residue, Vec::new());
        let from_content = match from.checked_sub(1) {
            Some(at) if at > self.space.len() => {
                return Err(edits(EditError::OutsideOld { at, len: content_len, has: self.space.len() }));
            }
            Some(place) => place,
            None => self.space.append_image(was.content, Vec::new()),
        };
        let mut residue = Vec::new();
        self.code(path, false, from_residue, residue_len, &mut residue)?;
        self.coder.phase = Phase::Content;
        let mut out = Bounded { bytes: Vec::new(), left: size };
        let mut packing = Packing { packer: Packer::new(&residue, &mut out), error: None };
        self.code(path, as_text != 0, from_content, content_len, &mut packing)?;
        let Packing { packer, error } = packing;
        error.map_or_else(|| packer.finish(), Err).map_err(wrong)?;
        Ok(out.bytes)
    }
}

/// What was made from the hints of bytecode.
struct Predicted {
    plan: Plan,
    /// What each part of the hints took, in bits.
    parts: Vec<(&'static str, f64)>,
    /// Whether the hash at the end is computed.
    footer: bool,
}

/// Content on its way through a packer.
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

/// Takes no more than the patch says that there is.
struct Bounded {
    bytes: Vec<u8>,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other("the compressed file comes out larger than the patch says"))?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
