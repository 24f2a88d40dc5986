//! The functions of new on their way: their bodies are put one behind the other, then their infos, and last their headers,
//! which say where all of that lies.
//!
//! Most functions are those of old with new's numbers, and are read from old once more when their headers are written;
//! only what the others have is held.

use std::collections::HashMap;

use crate::codec::ends::Old;
use crate::codec::range::Coder;

use super::HermesError;
use super::body::{Bodies, Code, Coded, read_info};
use super::budget::BODY_BYTES;
use super::debug::{self, Debug};
use super::form::Section;
use super::function::{Function, HAS_DEBUG, HAS_HANDLERS};
use super::functions::Numbering;
use super::hints::Hints;
use super::layout::Kind;
use super::predict::{Image, tag, to_bytes};
use super::teacher::Teacher;

/// Bytes of headers that are put at a time.
const PIECE_BYTES: usize = 4096;
/// Memory of the place of a function; of a body by its fingerprint; of a function that is told.
const PLACE_BYTES: u64 = 4;
const KNOWN_BYTES: u64 = 2 * 17;
const TOLD_BYTES: u64 = 2 * 48;

/// The functions of new.
#[derive(Default)]
pub struct Heads {
    /// Where the body of each lies.
    places: Vec<u32>,
    /// Those that are not as old has them, and how many exception handlers each has.
    told: Vec<(u32, u32)>,
    /// Their large headers.
    headers: Vec<u8>,
    /// Their exception handlers.
    handlers: Vec<[u32; 3]>,
    /// Their and all others' offsets into the debug info, where that is told.
    offsets: Vec<u32>,
}

/// Where the image goes, and how large it may become.
pub struct Sink<'a, I> {
    /// The image.
    pub image: &'a mut I,
    /// Bytes of it at most.
    pub limit: u64,
}

impl<I: Image> Sink<'_, I> {
    /// Puts `bytes` at `at`, which moves behind them.
    ///
    /// # Errors
    /// [`HermesError::TooLarge`] where it would end above the limit; as the image.
    pub fn put(&mut self, at: &mut u64, bytes: &[u8], tag: u8) -> Result<(), HermesError> {
        let end = at.saturating_add(bytes.len() as u64);
        if end > self.limit {
            return Err(HermesError::TooLarge { needed: end, limit: self.limit });
        }
        self.image.put(*at, bytes, tag)?;
        *at = end;
        Ok(())
    }
}

impl Heads {
    /// Codes the bodies, whose counterparts are `bases`, and puts them from `at` on, which moves behind them. `shares`
    /// says that equal bodies lie in one place; `debug` takes the debug info, where it is told.
    ///
    /// # Errors
    /// As coding a body, and as the image.
    pub fn code<C: Coder>(
        hints: &mut Hints<C>,
        old: &mut impl Old,
        numbering: &mut Numbering<'_>,
        teacher: &impl Teacher,
        bases: &[u32],
        shares: bool,
        mut debug: Option<(&debug::Section, &mut Debug)>,
        sink: &mut Sink<'_, impl Image>,
        at: &mut u64,
    ) -> Result<Self, HermesError> {
        let file = numbering.old;
        let form = file.form;
        let mut heads = Self { places: Vec::with_capacity(bases.len()), ..Self::default() };
        let mut bodies = Bodies::new(sink.limit);
        let known_bytes = if shares { KNOWN_BYTES * bases.len() as u64 } else { 0 };
        hints.budget.hold(PLACE_BYTES * bases.len() as u64 + known_bytes + BODY_BYTES)?;
        let mut known: HashMap<[u32; 2], u32> = HashMap::with_capacity(if shares { bases.len() } else { 0 });
        for (index, &base) in bases.iter().enumerate() {
            let coded = bodies.code(hints, old, numbering, teacher, index, base)?;
            let mut own = u32::MAX;
            let place = if shares { known.entry(fingerprint(&coded.code)).or_insert(own) } else { &mut own };
            if *place == u32::MAX {
                *place = u32::try_from(*at).map_err(|_| HermesError::TooLarge { needed: *at, limit: sink.limit })?;
                sink.put(at, &coded.code.bytes, tag::CODE)?;
                if !coded.code.tables.is_empty() {
                    *at = at.next_multiple_of(4);
                    sink.put(at, &to_bytes(coded.code.tables.iter().copied()), tag::TABLE)?;
                }
            }
            heads.places.push(*place);
            if let Some((section, entries)) = debug.as_mut().filter(|_| coded.function.flags & HAS_DEBUG != 0) {
                let stood = match file.function(old, base)?.filter(|stood| stood.flags & HAS_DEBUG != 0) {
                    Some(stood) => {
                        let words = read_info(old, file, &stood)?.debug;
                        Some(debug::read(old, &form, section, &words)?.0)
                    }
                    None => None,
                };
                let told = teacher.locations(index);
                let limit = sink.limit;
                heads.offsets.extend(entries.code(
                    hints,
                    &form,
                    told.as_ref(),
                    stood,
                    &coded.moved,
                    &coded.code,
                    index as u32,
                    limit,
                )?);
            }
            if coded.changed {
                hints.budget.hold(TOLD_BYTES + 12 * coded.info.handlers.len() as u64)?;
                heads.keep(numbering, index, coded);
            }
        }
        hints.budget.free(known_bytes + BODY_BYTES);
        Ok(heads)
    }

    fn keep(&mut self, numbering: &Numbering<'_>, index: usize, coded: Coded) {
        let form = numbering.form();
        let mut function = coded.function;
        function.fields[form.size_field] = coded.code.bytes.len() as u32;
        let handlers = if function.flags & HAS_HANDLERS == 0 { &[][..] } else { &coded.info.handlers[..] };
        self.told.push((index as u32, handlers.len() as u32));
        self.handlers.extend_from_slice(handlers);
        function.write_large(form, &mut self.headers);
    }

    /// Puts the infos from `at` on, which moves behind them, and the headers at `heads_at`.
    ///
    /// # Errors
    /// As reading old, and as the image.
    pub fn put<I: Image>(
        self,
        old: &mut impl Old,
        numbering: &Numbering<'_>,
        bases: &[u32],
        heads_at: u64,
        sink: &mut Sink<'_, I>,
        at: &mut u64,
    ) -> Result<(), HermesError> {
        let file = numbering.old;
        let form = file.form;
        let mut told = self.told.iter().peekable();
        let mut headers = self.headers.chunks_exact(form.large_bytes());
        let mut handlers = &self.handlers[..];
        let mut offsets = self.offsets.chunks_exact(form.debug_words);
        let mut small = Vec::with_capacity(PIECE_BYTES + 64);
        let mut bytes = Vec::new();
        let mut heads_at = heads_at;
        for (index, (&base, &body)) in bases.iter().zip(&self.places).enumerate() {
            let stood = file.function(old, base)?;
            let mut function = Function::default();
            let mut own: Option<&[[u32; 3]]> = None;
            if let Some(&(_, count)) = told.next_if(|&&(owner, _)| owner as usize == index) {
                function.read_large(&form, headers.next().unwrap_or_default());
                let (here, rest) = handlers.split_at_checked(count as usize).unwrap_or_default();
                (own, handlers) = (Some(here), rest);
            } else if let Some(stood) = stood {
                function = stood;
                function.fields[form.name_field] = numbering.predict(Kind::String, stood.name(&form));
            }
            function.fields[0] = body;
            let place = at.next_multiple_of(4);
            function.info = place as u32;
            match form.info_field {
                Some(field) => {
                    function.fields[field] = function.info;
                    function.large = !function.fits_small(&form);
                }
                None => {
                    let extra = function.flags & (HAS_HANDLERS | HAS_DEBUG) != 0;
                    function.large = extra || !function.fits_small(&form);
                }
            }
            if function.large {
                bytes.clear();
                function.write_large(&form, &mut bytes);
                *at = place;
                sink.put(at, &bytes, tag::LARGE)?;
            }
            let has_debug = function.flags & HAS_DEBUG != 0;
            let words = if has_debug { offsets.next() } else { None };
            let reads = function.flags & HAS_HANDLERS != 0 && own.is_none() || has_debug && words.is_none();
            let info = match stood.filter(|_| reads) {
                Some(stood) => read_info(old, file, &stood)?,
                None => Default::default(),
            };
            if function.flags & HAS_HANDLERS != 0 {
                let handlers = own.unwrap_or(&info.handlers);
                *at = at.next_multiple_of(4);
                let words = std::iter::once(handlers.len() as u32).chain(handlers.iter().flatten().copied());
                sink.put(at, &to_bytes(words), tag::HANDLERS)?;
            }
            if has_debug {
                let mut words = words.map_or(info.debug, <[u32]>::to_vec);
                words.resize(form.debug_words, u32::MAX);
                *at = at.next_multiple_of(4);
                sink.put(at, &to_bytes(words.into_iter()), tag::OFFSETS)?;
            }
            function.write_small(&form, &mut small);
            if small.len() >= PIECE_BYTES {
                sink.put(&mut heads_at, &small, Section::Functions as u8)?;
                small.clear();
            }
        }
        sink.put(&mut heads_at, &small, Section::Functions as u8)
    }
}

/// Tells bodies apart; two that it does not tell apart cost bytes, not correctness.
fn fingerprint(code: &Code) -> [u32; 2] {
    let mut sum = 0xcbf2_9ce4_8422_2325u64 ^ (code.bytes.len() as u64) << 32;
    let mut step = |word: u64| {
        sum = (sum ^ word).wrapping_mul(0x0100_0000_01b3);
        sum ^= sum >> 29;
    };
    for piece in code.bytes.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        step(u64::from_le_bytes(word));
    }
    code.tables.iter().for_each(|&word| step(word.into()));
    [(sum >> 32) as u32, sum as u32]
}
