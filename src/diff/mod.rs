//! Match finding, choosing, encoding: old + new → patch.

pub mod agree;
pub mod anchors;
pub mod costs;
pub mod covers;
pub mod index;
pub mod path;

/// How much time a diff may take for a smaller patch. Every effort is deterministic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// For pipelines in a hurry.
    Fast,
    /// A good patch at a small multiple of the time that reading takes.
    #[default]
    Default,
    /// The smallest patch.
    Max,
}

#[cfg(test)]
mod tests {
    /// Bytes without structure, the same for the same seed.
    pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..len).map(|_| next()).collect()
    }
}
