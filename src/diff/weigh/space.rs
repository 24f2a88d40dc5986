//! The address space of a patch that is weighed: old files mapped, what is made from them in memory.

use std::borrow::Cow;
use std::cell::Cell;

use crate::codec::ends::Old;

struct Extent<'a> {
    start: u64,
    len: u64,
    /// Nothing, and read as zeros, where an image is used up.
    bytes: Cow<'a, [u8]>,
    tags: Vec<u8>,
    is_image: bool,
}

/// All old files one after the other, then images, then complete new files.
pub struct Space<'a> {
    extents: Vec<Extent<'a>>,
    len: u64,
    recent: usize,
    /// Told the tag of each byte whose tag is asked for.
    told: &'a Cell<u8>,
}

impl<'a> Space<'a> {
    pub fn new(told: &'a Cell<u8>) -> Self {
        Self { extents: Vec::new(), len: 0, recent: 0, told }
    }

    /// Appends a file; its place.
    pub fn append(&mut self, bytes: Cow<'a, [u8]>) -> u64 {
        self.put(bytes, Vec::new(), false)
    }

    /// Appends an image; its place.
    pub fn append_image(&mut self, bytes: Vec<u8>, tags: Vec<u8>) -> u64 {
        self.put(Cow::Owned(bytes), tags, true)
    }

    fn put(&mut self, bytes: Cow<'a, [u8]>, tags: Vec<u8>, is_image: bool) -> u64 {
        let (start, len) = (self.len, bytes.len() as u64);
        self.extents.push(Extent { start, len, bytes, tags, is_image });
        self.len = start.saturating_add(len);
        start
    }

    /// Where the extent of this index begins.
    pub fn start_of(&self, index: usize) -> u64 {
        self.extents[index].start
    }

    /// Gives up the images behind the last file.
    pub fn drop_images(&mut self) {
        for extent in self.extents.iter_mut().rev().take_while(|extent| extent.is_image) {
            (extent.bytes, extent.tags) = (Cow::Borrowed(&[][..]), Vec::new());
        }
    }

    fn find(&mut self, place: u64) -> Option<(&Extent<'a>, usize)> {
        let holds = |extent: &Extent| place >= extent.start && place - extent.start < extent.len;
        if !self.extents.get(self.recent).is_some_and(holds) {
            self.recent = self.extents.partition_point(|extent| extent.start + extent.len <= place);
        }
        let extent = self.extents.get(self.recent)?;
        Some((extent, (place - extent.start) as usize))
    }
}

impl Old for Space<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn byte(&mut self, place: u64) -> u8 {
        self.find(place).and_then(|(extent, offset)| extent.bytes.get(offset)).copied().unwrap_or(0)
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        const ZEROS: [u8; 1 << 12] = [0; 1 << 12];
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        match self.find(place) {
            Some((extent, offset)) => match extent.bytes.get(offset..) {
                Some(rest) => &rest[..rest.len().min(most)],
                None => &ZEROS[..ZEROS.len().min(most).min(extent.len as usize - offset)],
            },
            None => &[],
        }
    }

    fn tag(&mut self, place: u64) -> u8 {
        let tag = self.find(place).and_then(|(extent, offset)| extent.tags.get(offset)).copied().unwrap_or(0);
        self.told.set(tag);
        tag
    }
}
