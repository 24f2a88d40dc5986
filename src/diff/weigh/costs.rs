//! What bytes of a patch are spent on.

/// A sort of information in a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// The header, with the hash of the first frame.
    Header,
    /// Lengths of frames, and hashes of all but the first.
    Frames,
    /// What became of each file.
    List,
    /// Paths that are new.
    Paths,
    /// What became of the parts of bytecode.
    Hints,
    /// What of compressed files is not their content.
    Residue,
    /// Where edits are, of what kind, and how long.
    Control,
    /// Bytes that stand in the place of others.
    Difference,
    /// Bytes that have no counterpart.
    Literal,
    /// Words that stand in the place of others.
    Renaming,
}

impl Section {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Header,
        Self::Frames,
        Self::List,
        Self::Paths,
        Self::Hints,
        Self::Residue,
        Self::Control,
        Self::Difference,
        Self::Literal,
        Self::Renaming,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Frames => "frames",
            Self::List => "list",
            Self::Paths => "paths",
            Self::Hints => "hints",
            Self::Residue => "residue",
            Self::Control => "control",
            Self::Difference => "difference",
            Self::Literal => "literal",
            Self::Renaming => "renaming",
        }
    }
}

/// Bits of a patch by what they are spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs([f64; Section::ALL.len()]);

impl Costs {
    /// Adds `bits` to what `section` took.
    pub fn add(&mut self, section: Section, bits: f64) {
        self.0[section as usize] += bits;
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, bits)| *own += bits);
    }

    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut costs = *self;
        costs.0.iter_mut().zip(before.0).for_each(|(own, bits)| *own -= bits);
        costs
    }

    /// Bits that `section` took.
    #[must_use]
    pub fn bits(&self, section: Section) -> f64 {
        self.0[section as usize]
    }

    /// Bytes that `section` took, rounded.
    #[must_use]
    pub fn bytes(&self, section: Section) -> u64 {
        to_bytes(self.0[section as usize])
    }

    /// Bytes of all sections, rounded.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        to_bytes(self.0.iter().sum())
    }
}

/// Bits as bytes, rounded.
pub fn to_bytes(bits: f64) -> u64 {
    (bits / 8.0).round() as u64
}

/// A part of a bytecode file: what was predicted of it and what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Group {
    /// Bytes of the image.
    pub predicted_bytes: u64,
    /// Bytes of new in edits that begin here: put in the place of what was predicted, or inserted.
    pub corrected_bytes: u64,
    /// Bits of hints.
    pub hint_bits: f64,
    /// Bits of edits.
    pub edit_bits: f64,
}

impl Group {
    /// Bytes of hints and of edits, rounded.
    #[must_use]
    pub fn sent_bytes(&self) -> [u64; 2] {
        [to_bytes(self.hint_bits), to_bytes(self.edit_bits)]
    }
}

/// The parts of bytecode that are told apart.
pub const GROUPS: [&str; 8] = ["header", "strings", "literals", "tables", "functions", "bodies", "infos", "debug"];

/// The group of [`GROUPS`] that the bytes of this tag belong to. Padding has the tag of the first section.
#[must_use]
pub fn group_of(tag: u8) -> usize {
    use crate::hermes::predict::tag;
    match tag {
        // Kinds, hashes, tables and storage of strings.
        1..=5 => 1,
        // Arrays, keys, values.
        6..=8 => 2,
        // Shapes, bigints, regexps, modules, sources.
        9..=15 => 3,
        0 | tag::LARGE => 4,
        tag::CODE | tag::TABLE => 5,
        tag::HANDLERS | tag::OFFSETS => 6,
        tag::DEBUG => 7,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hermes::{form::Section as Part, predict::tag};

    #[test]
    fn every_part_of_bytecode_belongs_to_a_group() {
        let group = |tag| GROUPS[group_of(tag)];
        for (part, name) in [
            (Part::Functions, "functions"),
            (Part::Kinds, "strings"),
            (Part::Storage, "strings"),
            (Part::Arrays, "literals"),
            (Part::Values, "literals"),
            (Part::Shapes, "tables"),
            (Part::Sources, "tables"),
        ] {
            assert_eq!(group(part as u8), name);
        }
        assert_eq!([tag::HEADER, tag::FOOTER, tag::CODE].map(group), ["header", "header", "bodies"]);
    }
}
