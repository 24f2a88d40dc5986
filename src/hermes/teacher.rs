//! Where the encoder's answers come from: the coding path is one for both sides, and asks a [`Teacher`] what to say.

use super::body::{Code, Lesson};
use super::debug::{Locations, Section};
use super::functions::{FunctionRun, Numbering};
use super::listing::Change;
use super::reader::Bytecode;
use super::rows::Edit;
use super::sequences::{self, Prepared};
use super::splice::Op;

/// Knows new. The device's one, [`Absent`], knows nothing and is never asked.
pub trait Teacher {
    /// New, parsed, if this is the build side.
    #[allow(
        clippy::new_ret_no_self,
        clippy::wrong_self_convention,
        reason = "new is the field's word for what old becomes"
    )]
    fn new(&self) -> Option<&Bytecode>;

    /// How `new` is put together from pieces of `old`.
    fn splice(&self, old: &[u8], new: &[u8]) -> Vec<Op>;

    /// How the list of strings changes from `old`'s.
    fn listing(&self, old: &Bytecode) -> Vec<Change>;

    /// Whether the strings of new are best told as a list.
    fn lists(&self) -> bool;

    /// How the rows of `new` are made from `old`.
    fn rows(&self, old: &[[u32; 2]], new: &[[u32; 2]]) -> Vec<Edit>;

    /// Whether equal bodies of new lie in one place.
    fn shares(&self) -> bool;

    /// Which function of old each one of new is.
    fn functions(&self, numbering: &Numbering<'_>) -> Vec<FunctionRun>;

    /// How the list of literals of a buffer changes from `old`'s, and how many there are in new; `None` where the buffer
    /// is best told as pieces of `plain`.
    fn literals(
        &self,
        buffer: usize,
        old: &Prepared,
        plain: &[u8],
        new: &[u8],
    ) -> Option<(Vec<sequences::Change>, u32)>;

    /// The debug info of function `index` of new.
    fn locations(&self, index: usize) -> Option<Locations>;

    /// The debug section of new and all of new's bytes, if the section is to be told.
    fn debug(&self) -> Option<(&Section, &[u8])>;

    /// The body of function `index` of new, aligned with `base` where there is one.
    fn body(&self, index: usize, base: Option<&Code>, predicted: &[u8]) -> Option<Lesson>;
}

/// Nobody knows: the device.
pub struct Absent;

impl Teacher for Absent {
    fn new(&self) -> Option<&Bytecode> {
        None
    }

    fn splice(&self, _old: &[u8], _new: &[u8]) -> Vec<Op> {
        Vec::new()
    }

    fn listing(&self, _old: &Bytecode) -> Vec<Change> {
        Vec::new()
    }

    fn lists(&self) -> bool {
        false
    }

    fn rows(&self, _old: &[[u32; 2]], _new: &[[u32; 2]]) -> Vec<Edit> {
        Vec::new()
    }

    fn shares(&self) -> bool {
        false
    }

    fn functions(&self, _numbering: &Numbering<'_>) -> Vec<FunctionRun> {
        Vec::new()
    }

    fn literals(
        &self,
        _buffer: usize,
        _old: &Prepared,
        _plain: &[u8],
        _new: &[u8],
    ) -> Option<(Vec<sequences::Change>, u32)> {
        None
    }

    fn locations(&self, _index: usize) -> Option<Locations> {
        None
    }

    fn debug(&self) -> Option<(&Section, &[u8])> {
        None
    }

    fn body(&self, _index: usize, _base: Option<&Code>, _predicted: &[u8]) -> Option<Lesson> {
        None
    }
}
