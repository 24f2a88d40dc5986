//! A decoder that keeps accounts.

use std::cell::Cell;
use std::io::Read;

use super::costs::{Costs, Section};
use crate::codec::range::{About, Coder, Decoder, PROBABILITY_BITS};

/// What is being decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The list of files.
    List,
    /// Hints of bytecode.
    Hints,
    /// Residue of a compressed file.
    Residue,
    /// Content.
    Content,
}

/// Bits and corrected bytes by the tag of the old byte that was looked at last.
#[derive(Clone)]
pub struct ByTag {
    pub bits: Box<[f64; 256]>,
    pub corrected: Box<[u64; 256]>,
}

impl Default for ByTag {
    fn default() -> Self {
        Self { bits: Box::new([0.0; 256]), corrected: Box::new([0; 256]) }
    }
}

/// Decodes from `R`, and charges what each decision took to what it is about.
pub struct Meter<'t, R> {
    decoder: Decoder<R>,
    pub phase: Phase,
    about: About,
    pub costs: Costs,
    pub by_tag: ByTag,
    /// The tag of the old byte that was looked at last.
    tag: &'t Cell<u8>,
}

impl<'t, R: Read> Meter<'t, R> {
    pub fn new(input: R, phase: Phase, tag: &'t Cell<u8>) -> Self {
        let decoder = Decoder::new(input);
        let (costs, by_tag) = (Costs::default(), ByTag::default());
        Self { decoder, phase, about: About::Control, costs, by_tag, tag }
    }

    fn section(&self) -> Section {
        match (self.phase, self.about) {
            (Phase::List, About::Path) => Section::Paths,
            (Phase::List, _) => Section::List,
            (Phase::Hints, _) => Section::Hints,
            (Phase::Residue, _) => Section::Residue,
            (Phase::Content, About::Control | About::Path) => Section::Control,
            (Phase::Content, About::Difference) => Section::Difference,
            (Phase::Content, About::Literal) => Section::Literal,
            (Phase::Content, About::Renaming) => Section::Renaming,
        }
    }

    pub fn into_inner(self) -> R {
        self.decoder.into_inner()
    }
}

impl<R: Read> Coder for Meter<'_, R> {
    const DECODES: bool = true;

    fn code(&mut self, bit: u32, one: u32) -> u32 {
        let bit = self.decoder.code(bit, one);
        let whole = 1u32 << PROBABILITY_BITS;
        let bits = f64::from(PROBABILITY_BITS) - f64::from(if bit != 0 { one } else { whole - one }).log2();
        self.costs.add(self.section(), bits);
        if self.phase == Phase::Content {
            self.by_tag.bits[usize::from(self.tag.get())] += bits;
        }
        bit
    }

    fn about(&mut self, what: About) {
        self.about = what;
        if self.phase == Phase::Content && matches!(what, About::Difference | About::Literal) {
            self.by_tag.corrected[usize::from(self.tag.get())] += 1;
        }
    }

    fn starved(&self) -> bool {
        self.decoder.starved()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::range::Encoder;

    #[test]
    fn what_decisions_take_adds_up_to_the_stream() {
        let decisions: Vec<(u32, u32)> =
            (0..5000u32).map(|i| (u32::from(i % 7 == 0), 1 + i.wrapping_mul(2_654_435_761) % 65_535)).collect();
        let mut encoder = Encoder::default();
        decisions.iter().for_each(|&(bit, one)| {
            encoder.code(bit, one);
        });
        let stream = encoder.finish();
        let tag = Cell::new(3);
        let mut meter = Meter::new(&stream[..], Phase::Content, &tag);
        for (i, &(bit, one)) in decisions.iter().enumerate() {
            meter.about(if i % 2 == 0 { About::Literal } else { About::Control });
            assert_eq!(meter.code(0, one), bit);
        }
        let total = meter.costs.total_bytes();
        assert!(total.abs_diff(stream.len() as u64) <= 4, "{total} of {}", stream.len());
        assert!(meter.costs.bytes(Section::Literal).abs_diff(meter.costs.bytes(Section::Control)) < total / 5);
        assert_eq!(meter.by_tag.corrected[3], 2500);
    }
}
