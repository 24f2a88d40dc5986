//! Ways to code the files of a patch: how each is coded, and from where it copies. The smallest is kept.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use super::Effort;
use super::costs::Costs;
use super::covers::{Cover, Hint, covers};
use super::edits::Placed;
use super::encode::Job;
use super::repeats;
use super::side::Side;
use crate::apply::MOST_UNPACKED;
use crate::hash::Hash;
use crate::hermes;
use crate::patch::entries::{Content, Method};
use crate::repack::{self, Unpacked};
use crate::tree::Kind;

/// A file of new that is coded, with what it may be coded against.
pub struct Coded<'a> {
    /// Its place among the entries.
    pub index: usize,
    /// Its content.
    pub bytes: &'a [u8],
    /// The old file that it was made from.
    pub base: Option<usize>,
    /// The prediction from bytecode.
    pub plan: Option<hermes::Plan>,
    /// Both files taken apart.
    pub repacked: Option<Repacked>,
}

/// A compressed file taken apart, and the one that it was made from.
pub struct Repacked {
    /// What the old one is made of.
    pub old: Unpacked,
    /// What the new one is made of.
    pub new: Unpacked,
}

impl Repacked {
    /// Bytes that stand in memory when the file is brought together.
    #[must_use]
    pub fn sizes(&self) -> [u64; 3] {
        [&self.old.content, &self.old.residue, &self.new.residue].map(|bytes| bytes.len() as u64)
    }
}

impl<'a> Coded<'a> {
    /// The file at `index` of `new`, made from the file `base` of `old`. Unless it `looks_inside`, no more than bytes.
    #[must_use]
    pub fn new(index: usize, old: &Side, new: &'a Side, base: Option<usize>, looks_inside: bool) -> Self {
        let bytes = new.content(index);
        let was = base.map_or(&[][..], |base| old.content(base));
        if !looks_inside {
            return Self { index, bytes, base, plan: None, repacked: None };
        }
        let plan = base.and_then(|_| hermes::plan(was, bytes));
        let path = &new.tree.entries[index].path;
        let repacked = base.and_then(|_| {
            let kind = repack::sniff(bytes, path)?;
            let old = repack::unpack(was, repack::sniff(was, path)?, MOST_UNPACKED).ok()?;
            let new = repack::unpack_proven(bytes, path, MOST_UNPACKED)?;
            (repack::sniff(was, path) == Some(kind)).then_some(Repacked { old, new })
        });
        Self { index, bytes, base, plan, repacked }
    }

    /// Bytes that are coded against a prediction: all but a hash that follows from the rest.
    #[must_use]
    pub fn body_len(&self) -> usize {
        let footer = self.plan.as_ref().is_some_and(|plan| plan.footer);
        self.bytes.len() - if footer { hermes::form::FOOTER_BYTES } else { 0 }
    }
}

/// One way to code all files.
pub struct Way {
    /// For each coded file.
    pub routes: Vec<Route>,
}

impl Way {
    /// Bytes of new that are copied from nowhere.
    #[must_use]
    pub fn literal_bytes(&self) -> u64 {
        let parts = self.routes.iter().flat_map(|route| &route.parts);
        parts.map(|part| part.len - part.covers.iter().map(|cover| cover.len).sum::<u64>()).sum()
    }
}

/// How one file is coded.
pub struct Route {
    /// By which method.
    pub method: Method,
    /// The whole file; or its residue and its content.
    pub parts: Vec<Part>,
}

/// One string of bytes to code.
pub struct Part {
    /// Whether as text.
    pub as_text: bool,
    /// Where in old copying begins.
    pub place: u64,
    /// Its size.
    pub len: u64,
    /// What is copied.
    pub covers: Vec<Placed>,
}

/// A piece of the text searched, and where it lies in the address space.
#[derive(Clone, Copy)]
struct Segment {
    local: usize,
    len: usize,
    global: u64,
}

/// Places of one file's images and of the file itself in the address space.
struct Places {
    images: u64,
    /// Where the content of a file taken apart is known from: its own old content, or a file of equal content.
    content: u64,
    new: u64,
}

impl Job<'_> {
    /// The ways worth trying first, the likeliest foremost.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let (best, mut plain) = (self.methods(), self.plain_methods());
        if self.effort != Effort::Max {
            // Half of the time would go into finding out that plain edits are several times as large.
            for (method, file) in plain.iter_mut().zip(&self.coded) {
                if file.plan.as_ref().is_some_and(|plan| plan.is_sure(file.bytes)) {
                    *method = Method::Hermes;
                }
            }
        }
        let mut ways = vec![(best.clone(), Costs::TEXT)];
        if best != plain {
            ways.push((plain, Costs::TEXT));
        }
        if self.effort == Effort::Max {
            ways.push((best.into_iter().map(without_words).collect(), Costs::BINARY));
        }
        self.find(ways)
    }

    /// The ways worth trying where a patch has come out small.
    #[must_use]
    pub fn brief_ways(&self) -> Vec<Way> {
        let best = self.methods();
        let words = best.iter().map(|&method| without_words(method)).collect();
        self.find(vec![(best, Costs::BRIEF), (words, Costs::BRIEF)])
    }

    /// The way that takes no file for more than its bytes.
    #[must_use]
    pub fn plain_way(&self) -> Way {
        self.way(&self.plain_methods(), &Costs::TEXT)
    }

    fn find(&self, ways: Vec<(Vec<Method>, Costs)>) -> Vec<Way> {
        ways.into_par_iter().map(|(methods, costs)| self.way(&methods, &costs)).collect()
    }

    fn plain_methods(&self) -> Vec<Method> {
        self.coded.iter().map(|file| method_of(file.bytes)).collect()
    }

    /// The methods that know most of the files.
    fn methods(&self) -> Vec<Method> {
        let best = |(file, method): (&Coded, Method)| match (&file.plan, &file.repacked) {
            (Some(_), _) => Method::Hermes,
            (_, Some(_)) => Method::Repacked,
            _ => method,
        };
        self.coded.iter().zip(self.plain_methods()).map(best).collect()
    }

    /// Finds the covers for coding by `methods`.
    fn way(&self, methods: &[Method], costs: &Costs) -> Way {
        let starts = starts(self.old);
        let places = self.places(methods, &starts);
        let is_plain = |i: &usize| matches!(methods[*i], Method::Text | Method::Binary);
        let plain: Vec<usize> = (0..self.coded.len()).filter(is_plain).collect();
        let mut segments = Vec::new();
        let mut olds: Vec<&[u8]> = Vec::new();
        let mut local = 0;
        for (index, _) in self.searched(&plain).iter().enumerate().filter(|(_, searched)| **searched) {
            let bytes = self.old.content(index);
            segments.push(Segment { local, len: bytes.len(), global: starts[index] });
            olds.push(bytes);
            local += bytes.len();
        }
        let mut hints = Vec::new();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        for &i in &plain {
            let file = &self.coded[i];
            if let Some(base) = file.base {
                let found = segments.partition_point(|segment| segment.global < starts[base]);
                hints.push(Hint { new: at, old: segments.get(found).map_or(0, |segment| segment.local) });
            }
            ranges.push(at..at + file.bytes.len());
            at += file.bytes.len();
        }
        let news: Vec<&[u8]> = plain.iter().map(|&i| self.coded[i].bytes).collect();
        let news = joined(&news);
        let mut found = covers(&joined(&olds), &news, &hints, self.effort, costs);
        if self.new.tree.kind == Kind::Folder {
            found = repeats::add(&news, &ranges, found, local);
            for (range, &i) in ranges.iter().zip(&plain) {
                segments.push(Segment { local: local + range.start, len: range.len(), global: places[i].new });
            }
        }
        let mut ranges = ranges.into_iter();
        let mut next = 0;
        let routes = self.coded.iter().zip(methods).zip(&places).map(|((file, &method), places)| {
            let parts = match (method, &file.plan, &file.repacked) {
                (Method::Hermes, Some(plan), _) => {
                    vec![self.part(&plan.image, &file.bytes[..file.body_len()], false, places.images, true)]
                }
                (Method::Repacked, _, Some(Repacked { old, new })) => {
                    let own = places.images + old.residue.len() as u64 == places.content;
                    let from = if own { &old.content } else { &new.content };
                    let as_text = method_of(&new.content) == Method::Text;
                    vec![
                        self.part(&old.residue, &new.residue, false, places.images, true),
                        self.part(from, &new.content, as_text, places.content, own),
                    ]
                }
                _ => {
                    let range = ranges.next().unwrap_or(0..0);
                    vec![Part {
                        as_text: method == Method::Text,
                        place: file.base.map_or(places.new, |base| starts[base]),
                        len: range.len() as u64,
                        covers: placed(&found, &mut next, range, &segments),
                    }]
                }
            };
            Route { method, parts }
        });
        Way { routes: routes.collect() }
    }

    /// The old files that plain files may copy from: all that new does not simply keep, and what they are based on.
    fn searched(&self, plain: &[usize]) -> Vec<bool> {
        let mut searched = vec![true; self.old.tree.entries.len()];
        for entry in &self.entries {
            if let Content::Old(index) = entry.content {
                searched[index] = false;
            }
        }
        for base in plain.iter().filter_map(|&i| self.coded[i].base) {
            searched[base] = true;
        }
        searched
    }

    /// One string of bytes and its covers by another, which lies at `place`. Where the two are known to be `alike` only
    /// in being equal, nothing is searched.
    fn part(&self, old: &[u8], new: &[u8], as_text: bool, place: u64, search: bool) -> Part {
        let len = new.len() as u64;
        let found = if search {
            let costs = if as_text { Costs::TEXT } else { Costs::BINARY };
            covers(old, new, &[Hint { new: 0, old: 0 }], self.effort, &costs)
        } else {
            vec![Cover { new: 0, old: 0, len: new.len() }]
        };
        let put =
            |cover: &Cover| Placed { new: cover.new as u64, old: place + cover.old as u64, len: cover.len as u64 };
        Part { as_text, place, len, covers: found.iter().filter(|cover| cover.len > 0).map(put).collect() }
    }

    /// Where images and new files will lie: behind the old files, in the order in which they are coded.
    fn places(&self, methods: &[Method], starts: &[u64]) -> Vec<Places> {
        let mut known: HashMap<Hash, u64> = HashMap::new();
        if methods.contains(&Method::Repacked) {
            for (entry, &start) in self.old.tree.entries.iter().zip(starts) {
                known.entry(entry.hash).or_insert(start);
            }
        }
        let mut at = self.old.tree.total_bytes();
        let mut places = Vec::with_capacity(self.coded.len());
        for (file, method) in self.coded.iter().zip(methods) {
            let images = at;
            let mut content = at;
            match (method, &file.plan, &file.repacked) {
                (Method::Hermes, Some(plan), _) => at += plan.image.len() as u64,
                (Method::Repacked, _, Some(repacked)) => {
                    at += repacked.old.residue.len() as u64;
                    content = at;
                    match known.get(&Hash::of(&repacked.new.content)) {
                        Some(&place) => content = place,
                        None => at += repacked.old.content.len() as u64,
                    }
                }
                _ => {}
            }
            places.push(Places { images, content, new: at });
            if self.new.tree.kind == Kind::Folder {
                known.entry(self.new.tree.entries[file.index].hash).or_insert(at);
                at += file.bytes.len() as u64;
            }
        }
        places
    }
}

fn without_words(method: Method) -> Method {
    if method == Method::Text { Method::Binary } else { method }
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
fn placed(covers: &[Cover], next: &mut usize, range: Range<usize>, segments: &[Segment]) -> Vec<Placed> {
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
