//! The address space that copies refer to: all old files one after the other, then images made from them, then the new
//! files that are complete. Read in place, a page at a time.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::scratch::Scratch;
use crate::codec::ends::Old;
use crate::files::{Beneath, open_plain, read_exact_at};
use crate::tree::{Kind, Tree};

const PAGE_BITS: u32 = 13;
const PAGE_BYTES: usize = 1 << PAGE_BITS;
const PAGES: usize = 32;
/// Memory of the pages, in bytes, with the tags that images have.
pub const SPACE_BYTES: u64 = (PAGES * PAGE_BYTES * 2) as u64;

/// What lies at a stretch of the space.
enum Source {
    /// The old file of this index.
    Old(usize),
    /// A new file that is complete, at this path.
    New(PathBuf),
    /// An image.
    Image(Scratch),
    /// An image that was used up; it reads as zeros.
    Gone,
}

struct Extent {
    start: u64,
    len: u64,
    source: Source,
}

struct Page {
    index: u64,
    bytes: Box<[u8]>,
    tags: Box<[u8]>,
}

/// The address space.
pub struct Space<'a> {
    files: Files<'a>,
    extents: Vec<Extent>,
    len: u64,
    pages: Vec<Page>,
    tagged: bool,
    /// The file that was read last, by extent.
    open: Option<(usize, File)>,
    error: Option<io::Error>,
}

impl<'a> Space<'a> {
    /// The space of the files of `old`, which lies at `root`.
    #[must_use]
    pub fn new(root: &'a Path, old: &'a Tree) -> Self {
        let mut space = Self {
            files: Files::new(root, old),
            extents: Vec::with_capacity(old.entries.len()),
            len: 0,
            pages: Vec::with_capacity(PAGES),
            tagged: false,
            open: None,
            error: None,
        };
        for (index, entry) in old.entries.iter().enumerate() {
            space.append(entry.size, Source::Old(index));
        }
        space
    }

    fn append(&mut self, len: u64, source: Source) -> u64 {
        let start = self.len;
        self.extents.push(Extent { start, len, source });
        self.len = self.len.saturating_add(len);
        // The last page may have held the end of what was there before.
        self.pages.clear();
        start
    }

    /// Where the old file of this index begins.
    #[must_use]
    pub fn start_of(&self, index: usize) -> u64 {
        self.extents[index].start
    }

    /// Appends a complete new file; its place.
    pub fn append_new(&mut self, path: PathBuf, len: u64) -> u64 {
        self.append(len, Source::New(path))
    }

    /// Appends an image of `len` bytes; its place.
    pub fn append_image(&mut self, image: Scratch, len: u64) -> u64 {
        self.tagged = true;
        self.append(len, Source::Image(image))
    }

    /// Gives up the images: each serves one file, and patches do not refer to it afterwards.
    pub fn drop_images(&mut self) {
        for extent in self.extents.iter_mut().rev() {
            match extent.source {
                Source::Image(_) => extent.source = Source::Gone,
                Source::Gone => {}
                Source::Old(_) | Source::New(_) => break,
            }
        }
    }

    /// Opens the old file of this index.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn open_old(&mut self, index: usize) -> io::Result<File> {
        self.files.open(index)
    }

    /// The bytes of one old file as an end of their own.
    pub fn part(&mut self, index: usize) -> Part<'_, 'a> {
        let (start, len) = (self.extents[index].start, self.extents[index].len);
        Part { space: self, start, len }
    }

    /// The error that reading met, if any. Bytes that could not be read were given out as zeros.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    #[cold]
    fn load(&mut self, index: u64) -> usize {
        let slot = index as usize % PAGES;
        while self.pages.len() < PAGES {
            let page = || vec![0; PAGE_BYTES].into_boxed_slice();
            let tags = if self.tagged { page() } else { Box::default() };
            self.pages.push(Page { index: u64::MAX, bytes: page(), tags });
        }
        let start = index << PAGE_BITS;
        let mut page = std::mem::replace(
            &mut self.pages[slot],
            Page { index: u64::MAX, bytes: Box::default(), tags: Box::default() },
        );
        if let Err(error) = self.fill(start, &mut page) {
            self.error.get_or_insert(error);
            page.bytes.fill(0);
        }
        page.index = index;
        self.pages[slot] = page;
        slot
    }

    /// Fills `page` with what lies at `start`.
    fn fill(&mut self, start: u64, page: &mut Page) -> io::Result<()> {
        let end = self.len.min(start + PAGE_BYTES as u64);
        let mut at = start;
        while at < end {
            let found = self.extents.partition_point(|extent| extent.start + extent.len <= at);
            let Some(extent) = self.extents.get_mut(found) else { break };
            let offset = at - extent.start;
            let len = (extent.len - offset).min(end - at) as usize;
            let into = (at - start) as usize;
            let bytes = &mut page.bytes[into..into + len];
            let tags = page.tags.get_mut(into..into + len).unwrap_or(&mut []);
            if let Source::Image(image) = &mut extent.source {
                image.read(offset, bytes, tags)?;
            } else if matches!(extent.source, Source::Gone) {
                bytes.fill(0);
                tags.fill(0);
            } else {
                tags.fill(0);
                if self.open.as_ref().is_none_or(|(open, _)| *open != found) {
                    let file = match &extent.source {
                        Source::Old(index) => self.files.open(*index)?,
                        Source::New(path) => open_plain(path)?,
                        Source::Image(_) | Source::Gone => return Ok(()),
                    };
                    self.open = Some((found, file));
                }
                if let Some((_, file)) = &self.open {
                    read_exact_at(file, bytes, offset)?;
                }
            }
            at += len as u64;
        }
        Ok(())
    }

    #[inline]
    fn slot(&mut self, place: u64) -> usize {
        let index = place >> PAGE_BITS;
        let slot = index as usize % PAGES;
        if self.pages.get(slot).is_some_and(|page| page.index == index) { slot } else { self.load(index) }
    }
}

/// The files of old, to be opened again after they were verified.
pub struct Files<'a> {
    root: &'a Path,
    old: &'a Tree,
    beneath: Beneath,
}

impl<'a> Files<'a> {
    /// Those of `old`, which lies at `root`.
    #[must_use]
    pub fn new(root: &'a Path, old: &'a Tree) -> Self {
        Self { root, old, beneath: Beneath::new(root) }
    }

    /// Opens the file of this index.
    ///
    /// # Errors
    /// As the system's; where it is no plain file any more.
    pub fn open(&mut self, index: usize) -> io::Result<File> {
        match self.old.kind {
            // The path that the caller named may be a link; what it names was read when old was verified.
            Kind::File => File::open(self.root),
            Kind::Folder => self.beneath.open(&self.old.entries[index].path),
        }
    }
}

impl Old for Space<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    #[inline]
    fn byte(&mut self, place: u64) -> u8 {
        if place >= self.len {
            return 0;
        }
        let slot = self.slot(place);
        self.pages[slot].bytes[place as usize & (PAGE_BYTES - 1)]
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        if place >= self.len || self.error.is_some() {
            return &[];
        }
        let slot = self.slot(place);
        let begin = place as usize & (PAGE_BYTES - 1);
        let len = most.min(self.len - place).min((PAGE_BYTES - begin) as u64) as usize;
        &self.pages[slot].bytes[begin..begin + len]
    }

    #[inline]
    fn tag(&mut self, place: u64) -> u8 {
        if !self.tagged || place >= self.len {
            return 0;
        }
        let slot = self.slot(place);
        self.pages[slot].tags[place as usize & (PAGE_BYTES - 1)]
    }
}

/// One file of the space.
pub struct Part<'s, 'a> {
    space: &'s mut Space<'a>,
    start: u64,
    len: u64,
}

impl Old for Part<'_, '_> {
    fn len(&self) -> u64 {
        self.len
    }

    #[inline]
    fn byte(&mut self, place: u64) -> u8 {
        if place < self.len { self.space.byte(self.start + place) } else { 0 }
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        if place >= self.len {
            return &[];
        }
        self.space.run(self.start + place, most.min(self.len - place))
    }
}
