//! The address space that copies refer to, on the build side: the counterpart of the device's, over mapped files.

use crate::codec::ends::Old;

struct Extent<'a> {
    start: u64,
    len: u64,
    /// Nothing, and read as zeros, where an image is used up.
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
        let len = bytes.len() as u64;
        self.extents.push(Extent { start, len, bytes, tags });
        self.len += len;
        start
    }

    /// Gives up the `count` images that were appended last, as the device does when a file is complete.
    pub fn drop_images(&mut self, count: usize) {
        for extent in self.extents.iter_mut().rev().take(count) {
            (extent.bytes, extent.tags) = (&[], &[]);
        }
    }

    /// The extent that holds `place`, and the offset in it.
    #[inline]
    fn find(&mut self, place: u64) -> Option<(usize, usize)> {
        let holds = |extent: &Extent| place >= extent.start && place - extent.start < extent.len;
        if !self.extents.get(self.recent).is_some_and(holds) {
            let found = self.extents.partition_point(|extent| extent.start + extent.len <= place);
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
        self.find(place).and_then(|(extent, offset)| self.extents[extent].bytes.get(offset)).copied().unwrap_or(0)
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        let Some((extent, offset)) = self.find(place) else { return &[] };
        let rest = self.extents[extent].bytes.get(offset..).unwrap_or(&[]);
        &rest[..rest.len().min(usize::try_from(most).unwrap_or(usize::MAX))]
    }

    #[inline]
    fn tag(&mut self, place: u64) -> u8 {
        self.find(place).and_then(|(extent, offset)| self.extents[extent].tags.get(offset)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_used_up_reads_as_zeros_and_keeps_its_place() {
        let mut space = Space::default();
        space.append(b"old", &[]);
        let image = space.append(b"image", &[7; 5]);
        assert_eq!((space.byte(image), space.tag(image)), (b'i', 7));
        space.drop_images(1);
        let new = space.append(b"new", &[]);
        assert_eq!((new, space.byte(2), space.byte(image), space.byte(new)), (8, b'd', 0, b'n'));
        assert_eq!(space.tag(image + 4), 0);
        assert_eq!(space.run(image, 5), b"");
        assert_eq!(space.run(new, 9), b"new");
    }
}
