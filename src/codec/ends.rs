//! The two ends that the coders work between: old, read in place, and new, written forward.

/// Old content: one string of bytes, read at any place.
pub trait Old {
    /// Bytes in all.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte at `place`, or 0 outside.
    fn byte(&mut self, place: u64) -> u8;

    /// Bytes from `place`: at least one and at most `most`, or none outside or where reading fails.
    fn run(&mut self, place: u64, most: u64) -> &[u8];

    /// What stands at `place`, for old content whose structure is known; 0 where it is not.
    fn tag(&mut self, place: u64) -> u8 {
        let _ = place;
        0
    }
}

impl Old for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    #[inline]
    fn byte(&mut self, place: u64) -> u8 {
        usize::try_from(place).ok().and_then(|place| self.get(place)).copied().unwrap_or(0)
    }

    fn run(&mut self, place: u64, most: u64) -> &[u8] {
        let rest = usize::try_from(place).ok().and_then(|place| self.get(place..)).unwrap_or(&[]);
        &rest[..rest.len().min(usize::try_from(most).unwrap_or(usize::MAX))]
    }
}

/// New content, written forward.
pub trait New {
    /// Appends `bytes`.
    fn push(&mut self, bytes: &[u8]);
}

impl New for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Throws new content away: the encoder has it already.
pub struct Discard;

impl New for Discard {
    fn push(&mut self, _bytes: &[u8]) {}
}
