//! All models of one patch, as one state: what one file taught serves the next.

use super::Sizes;
use super::binary::Binary;
use super::edits::{EditError, Walk};
use super::ends::{New, Old};
use super::range::Coder;
use super::text::{Guide, Text};

/// The models that code a patch.
pub struct Models {
    /// Where the coder stands, with the models of bytes and numbers.
    pub walk: Walk,
    /// The model of text.
    pub text: Text,
    /// The model of binary data, from its first use on.
    binary: Option<Box<Binary>>,
}

impl Models {
    /// Fresh models with tables of these sizes.
    #[must_use]
    pub fn new(sizes: Sizes) -> Self {
        Self { walk: Walk::new(sizes.table_bits, sizes.ring_bits), text: Text::default(), binary: None }
    }

    /// Codes a file of `size` bytes, copying from `place` of old at first, as text or as binary data.
    ///
    /// # Errors
    /// Where decoded edits do not fit old or new. Encoding does not fail.
    #[allow(clippy::too_many_arguments)]
    pub fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        as_text: bool,
        place: u64,
        size: u64,
        guide: Guide,
        old: &mut impl Old,
        out: &mut impl New,
    ) -> Result<(), EditError> {
        self.walk.begin(place, size);
        if as_text {
            self.text.code(coder, &mut self.walk, guide, old, out)
        } else {
            self.binary.get_or_insert_default().code(coder, &mut self.walk, guide, old, out)
        }
    }
}
