//! The list of new's files, told by what became of old's: what stays as it is costs nothing, what moves costs its path.
//!
//! The fates of old's files are coded in order, then the files that are added. One code path for both directions.

use crate::codec::edits::Walk;
use crate::codec::ends::Old;
use crate::codec::literal::{Aligned, Part, is_word};
use crate::codec::mix::hash;
use crate::codec::range::Coder;
use crate::codec::text::Text;
use crate::codec::words::Word;
use crate::limits::Limits;
use crate::tree::{PathError, Tree};

use thiserror::Error;

/// How a file's content is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Edits of text.
    Text = 0,
    /// Edits of binary data.
    Binary = 1,
    /// Edits of the image that [`crate::hermes`] predicts from the base.
    Hermes = 2,
    /// Edits of what [`crate::repack`] makes of a compressed file and of its base: the residue, then the content.
    Repacked = 3,
}

impl Method {
    const ALL: [Self; 4] = [Self::Text, Self::Binary, Self::Hermes, Self::Repacked];
}

/// Where a new file's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It is that of the old file of this index.
    Old(usize),
    /// It is that of the new file of this index, which is coded, and comes earlier in the order that the list is told
    /// in: files in place of old ones as those come, then added ones.
    New(usize),
    /// It is coded.
    Coded {
        /// Its size, in bytes.
        size: u64,
        /// The old file that copying begins in.
        base: Option<usize>,
        /// How.
        method: Method,
    },
}

/// A file of new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Its path; empty where new is a single file.
    pub path: String,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// The old file that it takes the place of: of the same path, or renamed.
    pub from: Option<usize>,
    /// Its content.
    pub content: Content,
}

/// Why a list of entries cannot be used.
#[derive(Debug, Error)]
pub enum EntriesError {
    /// There are more files than the limit.
    #[error("the patch makes more than {limit} files; raise the limit or take the full release")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// A path is not safe or too long.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path is no UTF-8.
    #[error("the patch holds a path that is no UTF-8; it is damaged")]
    NotUtf8,
    /// An entry refers to a file that is not there, or the list makes no sense.
    #[error("the patch's list of files is damaged: {what} {found} where there are {limit}")]
    Reference {
        /// What it refers to.
        what: &'static str,
        /// Which.
        found: u64,
        /// How many there are.
        limit: u64,
    },
}

mod sort {
    pub const KEPT: usize = 16;
    pub const FATE: usize = 17;
    pub const CONTENT: usize = 18;
    pub const INDEX: usize = 19;
    pub const SIZE: usize = 20;
    pub const METHOD: usize = 21;
    pub const PREFIX: usize = 22;
    pub const SUFFIX: usize = 23;
    pub const LENGTH: usize = 24;
    pub const ADDED: usize = 25;
    pub const MODE: usize = 26;
}

/// What becomes of an old file that does not stay as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Changed = 0,
    Deleted = 1,
    Renamed = 2,
}

/// Codes the entries of new, sorted by path. When encoding, `new` is what to encode. Whether decoded paths can stand
/// in one tree is for [`Tree::check`] to say.
///
/// # Errors
/// Where decoded entries are damaged, unsafe or above the limits. Encoding a tree that was checked does not fail.
pub fn code<C: Coder>(
    coder: &mut C,
    walk: &mut Walk,
    text: &mut Text,
    old: &Tree,
    new: &[NewEntry],
    limits: &Limits,
) -> Result<Vec<NewEntry>, EntriesError> {
    let places = listed_places(old, new);
    let mut list = List { coder, walk, text, old, entries: Vec::new(), last: 0, coded: Vec::new(), places, limits };
    let mut by_old: Vec<Option<&NewEntry>> = vec![None; if C::DECODES { 0 } else { old.entries.len() }];
    for entry in new {
        if let Some(from) = entry.from {
            by_old[from] = Some(entry);
        }
    }
    let stays = |i: usize| {
        by_old[i].is_some_and(|new| {
            let was = &old.entries[i];
            new.content == Content::Old(i) && new.path == was.path && new.executable == was.executable
        })
    };

    let count = old.entries.len();
    let mut at = 0;
    while at <= count {
        let kept = if C::DECODES { 0 } else { (at..count).take_while(|&i| stays(i)).count() };
        let contexts = [list.last, hash(list.last, 1), 2, u32::from(at == 0)];
        let kept = list.walk.numbers.code(list.coder, kept as u64, sort::KEPT, contexts);
        let end = (at as u64).saturating_add(kept);
        if end > count as u64 {
            return Err(EntriesError::Reference { what: "old file", found: end, limit: count as u64 });
        }
        for (i, entry) in old.entries.iter().enumerate().take(end as usize).skip(at) {
            list.push(NewEntry {
                path: entry.path.clone(),
                executable: entry.executable,
                from: Some(i),
                content: Content::Old(i),
            })?;
        }
        at = end as usize;
        if at < count {
            list.fate(at, by_old.get(at).copied().flatten())?;
        }
        at += 1;
    }

    let added: Vec<&NewEntry> = new.iter().filter(|entry| entry.from.is_none()).collect();
    let count = list.number(added.len() as u64, sort::ADDED, 0);
    for i in 0..count {
        list.added(added.get(i as usize).copied())?;
    }
    let mut entries = list.entries;
    sort(&mut entries);
    Ok(entries)
}

/// Where each entry of new comes in the list: those that take the place of an old file in the order of the old files,
/// then the added ones.
fn listed_places(old: &Tree, new: &[NewEntry]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..new.len()).collect();
    order.sort_by_key(|&i| (new[i].from.unwrap_or(old.entries.len()), i));
    inverse(&order)
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &i) in order.iter().enumerate() {
        places[i] = place;
    }
    places
}

/// Sorts the entries by path; references among them follow.
fn sort(entries: &mut [NewEntry]) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| entries[a].path.as_bytes().cmp(entries[b].path.as_bytes()));
    let sorted_places = inverse(&order);
    for entry in entries.iter_mut() {
        if let Content::New(listed) = &mut entry.content {
            *listed = sorted_places[*listed];
        }
    }
    entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
}

struct List<'a, C> {
    coder: &'a mut C,
    walk: &'a mut Walk,
    text: &'a mut Text,
    old: &'a Tree,
    entries: Vec<NewEntry>,
    /// The last fates and kinds of content.
    last: u32,
    /// The entries that are coded, as places in `entries`.
    coded: Vec<usize>,
    /// Where each entry of new comes in the list; empty when decoding.
    places: Vec<usize>,
    limits: &'a Limits,
}

impl<C: Coder> List<'_, C> {
    fn push(&mut self, entry: NewEntry) -> Result<(), EntriesError> {
        if self.entries.len() as u64 >= self.limits.tree_entries {
            return Err(EntriesError::TooMany { limit: self.limits.tree_entries });
        }
        if matches!(entry.content, Content::Coded { .. }) {
            self.coded.push(self.entries.len());
        }
        self.entries.push(entry);
        Ok(())
    }

    fn number(&mut self, value: u64, sort: usize, context: u32) -> u64 {
        let contexts = [context, hash(context, self.last & 0xff), hash(context, self.last & 0xffff), 3];
        self.walk.numbers.code(self.coder, value, sort, contexts)
    }

    /// Codes a number below `limit`.
    fn bounded(
        &mut self,
        value: u64,
        sort: usize,
        context: u32,
        what: &'static str,
        limit: u64,
    ) -> Result<u64, EntriesError> {
        let found = self.number(value, sort, context);
        if found < limit { Ok(found) } else { Err(EntriesError::Reference { what, found, limit }) }
    }

    /// Codes what became of the old file `at`, which does not stay as it is.
    fn fate(&mut self, at: usize, new: Option<&NewEntry>) -> Result<(), EntriesError> {
        let was = &self.old.entries[at];
        let fate = match new {
            None => Fate::Deleted,
            Some(new) if new.path == was.path => Fate::Changed,
            Some(_) => Fate::Renamed,
        };
        let fate = match self.bounded(fate as u64, sort::FATE, 0, "fate", 3)? {
            0 => Fate::Changed,
            1 => Fate::Deleted,
            _ => Fate::Renamed,
        };
        self.last = self.last << 4 | fate as u32 + 1;
        if fate == Fate::Deleted {
            return Ok(());
        }
        let path = match fate {
            Fate::Renamed => self.path(new.map(|new| new.path.as_str()), &was.path)?,
            _ => was.path.clone(),
        };
        let executable = self.mode(new.map(|new| new.executable), was.executable);
        let content = self.content(new.map(|new| new.content), Some(at))?;
        self.push(NewEntry { path, executable, from: Some(at), content })
    }

    fn added(&mut self, new: Option<&NewEntry>) -> Result<(), EntriesError> {
        self.last = self.last << 4 | 5;
        let before = self.entries.last().map_or_else(String::new, |entry| entry.path.clone());
        let path = self.path(new.map(|new| new.path.as_str()), &before)?;
        let executable = self.mode(new.map(|new| new.executable), false);
        let content = self.content(new.map(|new| new.content), None)?;
        self.push(NewEntry { path, executable, from: None, content })
    }

    fn mode(&mut self, executable: Option<bool>, expected: bool) -> bool {
        let differs = executable.is_some_and(|executable| executable != expected);
        (self.number(u64::from(differs), sort::MODE, 0) != 0) != expected
    }

    /// Codes where the content comes from; `from` is the old file that this one takes the place of.
    fn content(&mut self, content: Option<Content>, from: Option<usize>) -> Result<Content, EntriesError> {
        let count = self.old.entries.len() as u64;
        // 0: coded, 1: an old file's, 2: a new file's.
        let kind = match content {
            None | Some(Content::Coded { .. }) => 0,
            Some(Content::Old(_)) => 1,
            Some(Content::New(_)) => 2,
        };
        let kind = self.bounded(kind, sort::CONTENT, from.is_some().into(), "kind of content", 3)?;
        self.last = self.last << 2 | kind as u32;
        match kind {
            1 => {
                let index = if let Some(Content::Old(index)) = content { index } else { 0 };
                Ok(Content::Old(self.old_index(index, from, 1, count)?))
            }
            2 => {
                let back = match content {
                    Some(Content::New(index)) => {
                        let listed = self.places[index];
                        self.coded.iter().rev().position(|&coded| coded == listed).unwrap_or(0)
                    }
                    _ => 0,
                };
                let limit = self.coded.len() as u64;
                let back = self.bounded(back as u64, sort::INDEX, 2, "coded file", limit)? as usize;
                Ok(Content::New(self.coded[self.coded.len() - 1 - back]))
            }
            _ => self.coded_content(content, from, count),
        }
    }

    fn coded_content(
        &mut self,
        content: Option<Content>,
        from: Option<usize>,
        count: u64,
    ) -> Result<Content, EntriesError> {
        let (size, base, method) = match content {
            Some(Content::Coded { size, base, method }) => (size, base, method),
            _ => (0, None, Method::Text),
        };
        // 0: begins nowhere, 1: in the file whose place it takes, 2: in another.
        let origin = match base {
            None => 0,
            Some(base) if from == Some(base) => 1,
            Some(_) => 2,
        };
        let origin = self.bounded(origin, sort::INDEX, 4 | u32::from(from.is_some()), "origin", 3)?;
        let base = match origin {
            0 => None,
            1 => Some(from.ok_or(EntriesError::Reference { what: "base", found: 1, limit: 0 })?),
            _ => Some(self.old_index(base.unwrap_or(0), from, 3, count)?),
        };
        let was = base.map_or(0, |base| self.old.entries[base].size);
        let context = hash(origin as u32, 7);
        let contexts = [context, hash(context, self.last & 0xff), 2, 3];
        let growth = self.walk.numbers.code_signed(self.coder, size.wrapping_sub(was) as i64, sort::SIZE, contexts);
        let size = was.checked_add_signed(growth).filter(|&size| size <= self.limits.new_bytes);
        let size = size.ok_or(EntriesError::Reference {
            what: "size",
            found: growth.unsigned_abs(),
            limit: self.limits.new_bytes,
        })?;
        let method = self.bounded(method as u64, sort::METHOD, origin as u32, "method", Method::ALL.len() as u64)?;
        Ok(Content::Coded { size, base, method: Method::ALL[method as usize] })
    }

    /// Codes the index of an old file as its distance from `near`.
    fn old_index(
        &mut self,
        index: usize,
        near: Option<usize>,
        context: u32,
        count: u64,
    ) -> Result<usize, EntriesError> {
        let near = near.map_or(0, |near| near as u64);
        let contexts = [context, hash(context, self.last & 0xff), 2, 3];
        let distance = (index as u64).wrapping_sub(near) as i64;
        let distance = self.walk.numbers.code_signed(self.coder, distance, sort::INDEX, contexts);
        let found = near.checked_add_signed(distance).filter(|&index| index < count);
        found.map(|index| index as usize).ok_or(EntriesError::Reference {
            what: "old file",
            found: distance.unsigned_abs(),
            limit: count,
        })
    }

    /// Codes a path as a change of `was`. Words that change are renamed for the contents, too.
    fn path(&mut self, path: Option<&str>, was: &str) -> Result<String, EntriesError> {
        let was = was.as_bytes();
        let path = path.unwrap_or("").as_bytes();
        let most = was.len() as u64 + 1;
        let prefix = was.iter().zip(path).take_while(|(a, b)| a == b).count();
        let prefix = self.bounded(prefix as u64, sort::PREFIX, 0, "shared beginning", most)? as usize;
        let rest = was.len() - prefix;
        let shared = path.len().saturating_sub(prefix).min(rest);
        let suffix = was.iter().rev().zip(path.iter().rev()).take(shared).take_while(|(a, b)| a == b).count();
        let suffix = self.bounded(suffix as u64, sort::SUFFIX, 0, "shared end", rest as u64 + 1)? as usize;
        let middle = path.len().saturating_sub(prefix + suffix);
        let most = self.limits.path_bytes + 1;
        let context = (rest - suffix).min(255) as u32;
        let middle = self.bounded(middle as u64, sort::LENGTH, context, "length of a path", most)? as usize;
        if (prefix + middle + suffix) as u64 > self.limits.path_bytes {
            let found = (prefix + middle + suffix) as u64;
            return Err(EntriesError::Reference { what: "length of a path", found, limit: self.limits.path_bytes });
        }
        let mut coded = was[..prefix].to_vec();
        self.walk.literals.history.copied(&was[..prefix]);
        for i in 0..middle {
            let byte = path.get(prefix + i).copied().unwrap_or(0);
            let mut old = was;
            let place = (prefix + i) as u64;
            let aligned = Aligned { byte: old.byte(place), next: old.byte(place + 1), hint: middle as u32 };
            coded.push(self.walk.literals.code(self.coder, byte, Part::Path, aligned));
        }
        coded.extend_from_slice(&was[was.len() - suffix..]);
        self.walk.literals.history.copied(&was[was.len() - suffix..]);
        self.learn(was, &coded, prefix, suffix);
        let coded = String::from_utf8(coded).map_err(|_| EntriesError::NotUtf8)?;
        if !coded.is_empty() {
            crate::tree::path::check(&coded)?;
        }
        Ok(coded)
    }

    /// Tells the model of text that the word around the change of a path was renamed.
    fn learn(&mut self, was: &[u8], path: &[u8], prefix: usize, suffix: usize) {
        let before = was[..prefix].iter().rev().take_while(|&&byte| is_word(byte)).count();
        let after = was[was.len() - suffix..].iter().take_while(|&&byte| is_word(byte)).count();
        let word = |text: &[u8]| {
            let word = &text[prefix - before..text.len() - suffix + after];
            let whole = !word.is_empty() && word.len() <= crate::codec::words::WORD_BYTES;
            (whole && word.iter().all(|&byte| is_word(byte))).then(|| Word::of(word))
        };
        if let (Some(was), Some(becomes)) = (word(was), word(path))
            && was != becomes
        {
            self.text.renamings.learn(was.hash(), becomes);
        }
    }
}
