//! The address space that copies refer to, on the build side: the counterpart of the device's, over mapped files.

use crate::codec::ends::Old;

struct Extent<'a> {
    start: u64,
    bytes: &'a [u8],
    tags: &'a [u8],
}

/// All old files one after the other, then images, then complete new files.
#[derive(Default)]
pub struct Space<'a> {
    extents: Vec<Extent<'a>>,
    len: u64,
    recent: usize,
}

impl<'a> Space<'a> {
    /// Appends `bytes`, with what is known of each; their place.
    pub fn append(&mut self, bytes: &'a [u8], tags: &'a [u8]) -> u64 {
        let start = self.len;
        self.extents.push(Extent { start, bytes, tags });
        self.len += bytes.len() as u64;
        start
    }

    /// The extent that holds `place`, and the offset in it.
    #[inline]
    fn find(&mut self, place: u64) -> Option<(usize, usize)> {
        let holds = |extent: &Extent| place >= extent.start && place - extent.start < extent.bytes.len() as u64;
        if !self.extents.get(self.recent).is_some_and(holds) {
            let found = self.extents.partition_point(|extent| extent.start + extent.bytes.len() as u64 <= place);
            if found == self.extents.len() {
                return None;
            }
            self.recent = found;
        }
        Some((self.recent, (place - self.extents[self.recent].start) as usize))
    }
}

impl Old for Space<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    #[inline]
    fn byte(&mut self, place: u64) -> u8 {
        self.find(place).map_or(0, |(extent, offset)| self.extents[extent].bytes[offset])
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        let Some((extent, offset)) = self.find(place) else { return &[] };
        let rest = &self.extents[extent].bytes[offset..];
        &rest[..rest.len().min(usize::try_from(most).unwrap_or(usize::MAX))]
    }

    #[inline]
    fn tag(&mut self, place: u64) -> u8 {
        self.find(place).and_then(|(extent, offset)| self.extents[extent].tags.get(offset)).copied().unwrap_or(0)
    }
}
