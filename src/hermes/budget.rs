//! What prediction may take: memory and work, counted alike on both sides, so that the build side learns what a patch
//! needs and the device refuses the rest before it allocates or computes anything.

use super::HermesError;

/// Memory of the models of numbers, decisions and text, in bytes; rounded up.
pub const FIXED_BYTES: u64 = 5 << 18;
/// That of the models of text among them.
pub const TEXT_BYTES: u64 = 3 << 18;
/// Memory of the models of instructions and of their past, in bytes; rounded up.
pub const BODY_BYTES: u64 = 17 << 18;

/// Counts what is held and done.
#[derive(Debug, Clone)]
pub struct Budget {
    held: u64,
    most_held: u64,
    limit: u64,
    work: u64,
}

impl Budget {
    /// At most `memory` bytes, those of [`FIXED_BYTES`] among them, and `work` bytes of bodies, texts and handlers looked
    /// at.
    #[must_use]
    pub const fn of(memory: u64, work: u64) -> Self {
        Self { held: FIXED_BYTES, most_held: FIXED_BYTES, limit: memory, work }
    }

    /// What was held at once at most, in bytes.
    #[must_use]
    pub const fn most_held(&self) -> u64 {
        self.most_held
    }

    /// `bytes` are about to be allocated.
    ///
    /// # Errors
    /// [`HermesError::Memory`] where that is more than there may be.
    pub fn hold(&mut self, bytes: u64) -> Result<(), HermesError> {
        let needed = self.held.saturating_add(bytes);
        if needed > self.limit {
            return Err(HermesError::Memory { needed, limit: self.limit });
        }
        self.held = needed;
        self.most_held = self.most_held.max(needed);
        Ok(())
    }

    /// `bytes` that were held are free again.
    pub fn free(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// `bytes` are about to be allocated and freed.
    ///
    /// # Errors
    /// As [`Budget::hold`].
    pub fn pass(&mut self, bytes: u64) -> Result<(), HermesError> {
        self.hold(bytes)?;
        self.free(bytes);
        Ok(())
    }

    /// `bytes` are about to be looked at.
    ///
    /// # Errors
    /// [`HermesError::Hints`] where that is more than any honest hints ask for.
    pub fn work(&mut self, bytes: u64) -> Result<(), HermesError> {
        let left = self.work.checked_sub(bytes);
        self.work = left.ok_or(HermesError::Hints { what: "more work than the file is worth" })?;
        Ok(())
    }
}

impl Default for Budget {
    /// No bounds: the build side only counts.
    fn default() -> Self {
        Self::of(u64::MAX, u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_may_be_held_again_and_no_more() {
        let mut budget = Budget::of(FIXED_BYTES + 100, 10);
        budget.hold(60).unwrap();
        budget.pass(40).unwrap();
        assert!(matches!(budget.hold(41), Err(HermesError::Memory { .. })));
        budget.free(60);
        budget.hold(100).unwrap();
        assert_eq!(budget.most_held(), FIXED_BYTES + 100);
        budget.work(10).unwrap();
        assert!(matches!(budget.work(1), Err(HermesError::Hints { .. })));
    }
}
