//! What a bytecode file tells of how it was compiled.

use std::collections::{HashMap, HashSet};

use super::End;
use crate::hermes::form::{COUNTS_AT, FOOTER_BYTES};
use crate::hermes::function::{Function, HAS_DEBUG};
use crate::hermes::reader::{Bytecode, StringEntry};

/// Names of at most this many characters are what a minifier makes.
const SHORT_CHARACTERS: u32 = 2;
/// Where the compiler cuts the strings, sorted by use, before it sorts each part by place.
const PARTS: [usize; 2] = [255, 65_535];

/// One end, read.
pub(super) struct Build<'a> {
    pub(super) end: End,
    pub(super) bytes: &'a [u8],
    pub(super) file: Bytecode,
}

/// What the order of the string table says of the compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Sorted throughout: compiled by itself, or against a base that held every string.
    Plain,
    /// Not sorted: strings of a base, then those that it did not have.
    Based,
}

impl<'a> Build<'a> {
    pub(super) fn new(end: End, bytes: &'a [u8], file: Bytecode) -> Self {
        Self { end, bytes, file }
    }

    pub(super) fn footer_holds(&self) -> bool {
        let (content, footer) = self.bytes.split_at(self.bytes.len().saturating_sub(FOOTER_BYTES));
        sha1_smol::Sha1::from(content).digest().bytes() == footer
    }

    pub(super) fn bodies(&self) -> Vec<&'a [u8]> {
        let body = |function: &Function| {
            let start = function.offset() as usize;
            let end = start.saturating_add(function.size(&self.file.form) as usize);
            self.bytes.get(start..end).unwrap_or_default()
        };
        self.file.functions.iter().map(body).collect()
    }

    /// The SHA-1 of the source, from the file header.
    pub(super) fn source_hash(&self) -> &[u8] {
        self.file.header.get(12..COUNTS_AT).unwrap_or_default()
    }

    /// Whether the code relies on builtins that nobody replaces, from the options behind the counts of the header.
    pub(super) fn static_builtins(&self) -> bool {
        let options = COUNTS_AT + 4 * self.file.form.counts().len();
        self.file.header.get(options).is_some_and(|options| options & 1 != 0)
    }

    /// Whether a function points to debug info; those that came from the bundler's own prelude may not.
    pub(super) fn has_debug(&self) -> bool {
        self.file.functions.iter().any(|function| function.flags & HAS_DEBUG != 0)
    }

    fn name(&self, function: &Function) -> Option<&StringEntry> {
        self.file.strings.get(function.name(&self.file.form) as usize)
    }

    /// How many of a hundred named functions have a very short name; 0 where few have names at all.
    pub(super) fn short_names(&self) -> u64 {
        let lengths = self.file.functions.iter().filter_map(|function| self.name(function)).map(|name| name.length);
        let (mut named, mut short) = (0, 0);
        for length in lengths.filter(|&length| length > 0) {
            named += 1;
            short += u64::from(length <= SHORT_CHARACTERS);
        }
        if named < 8 { 0 } else { short * 100 / named }
    }

    pub(super) fn order(&self) -> Order {
        let identifiers = self.file.identifiers();
        let keys = self.file.strings.iter().zip(identifiers);
        let keys: Vec<_> = keys.map(|(string, identifier)| (identifier, string.offset, string.length)).collect();
        let cut = |at: usize| at.min(keys.len());
        let parts = [0..cut(PARTS[0]), cut(PARTS[0])..cut(PARTS[1]), cut(PARTS[1])..keys.len()];
        let sorted = parts.into_iter().all(|part| keys.get(part).unwrap_or_default().is_sorted());
        if sorted { Order::Plain } else { Order::Based }
    }
}

/// What became of old's strings.
pub(super) struct Strings {
    /// Strings of old.
    pub(super) of: u64,
    /// Those that new has too.
    pub(super) kept: u64,
    /// Those that have the same number in new.
    pub(super) in_place: u64,
}

fn text<'a>(build: &'a Build, string: &StringEntry) -> (&'a [u8], bool) {
    (string.text(&build.file.storage), string.wide)
}

pub(super) fn strings(old: &Build, new: &Build) -> Strings {
    let all: HashSet<_> = new.file.strings.iter().map(|string| text(new, string)).collect();
    let kept = old.file.strings.iter().filter(|string| all.contains(&text(old, string))).count();
    let pairs = old.file.strings.iter().zip(&new.file.strings);
    let in_place = pairs.filter(|(before, after)| text(old, before) == text(new, after)).count();
    Strings { of: old.file.strings.len() as u64, kept: kept as u64, in_place: in_place as u64 }
}

/// How many functions both ends have, by a name and a number of parameters that each has once, and how many of them
/// have code of the same size.
pub(super) fn sizes(old: &Build, new: &Build) -> (u64, u64) {
    let (before, after) = (unique(old), unique(new));
    let both = before.iter().filter_map(|(key, size)| Some((size, after.get(key)?)));
    both.fold((0, 0), |(matched, same), (old, new)| (matched + 1, same + u64::from(old == new)))
}

fn unique<'a>(build: &'a Build) -> HashMap<(&'a [u8], u32), u32> {
    let form = &build.file.form;
    let mut sizes: HashMap<_, Option<u32>> = HashMap::new();
    for function in &build.file.functions {
        let Some(name) = build.name(function).filter(|name| name.length > 0) else { continue };
        let key = (name.text(&build.file.storage), function.fields[1]);
        sizes.entry(key).and_modify(|size| *size = None).or_insert(Some(function.size(form)));
    }
    sizes.into_iter().filter_map(|(key, size)| Some((key, size?))).collect()
}
