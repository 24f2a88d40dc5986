//! The model of operands that no counterpart predicts: from the operands around them, and from where the same
//! instructions came before.

use crate::codec::bytes::Guess;
use crate::codec::mix::hash;
use crate::codec::range::Coder;

use super::HermesError;
use super::code::{Isa, signed};
use super::hints::{Hints, OPERAND_CONTEXTS, Sort};
use super::layout::{Kind, Operand};
use super::opcodes::{Index, Opcodes, PAST_BYTES};

/// The part of [`Hints::byte`] that names of functions are.
const NAME_PART: usize = 11;

/// The part that a kind of operands is.
const fn part(kind: Kind) -> usize {
    match kind {
        Kind::Register => 0,
        Kind::Immediate => 1,
        Kind::Double => 2,
        Kind::String => 3,
        Kind::Cache => 4,
        Kind::Count => 5,
        Kind::Slot => 6,
        Kind::KeyBuffer | Kind::ValueBuffer | Kind::ArrayBuffer => 7,
        Kind::Shape | Kind::BigInt | Kind::RegExp | Kind::Module | Kind::SwitchIndex => 8,
        Kind::Jump | Kind::Function | Kind::JumpTable | Kind::StringTable | Kind::CaseLow | Kind::CaseHigh => 9,
    }
}

const KINDS: usize = 24;

/// The instructions coded so far, as far as they help with the next one.
pub struct Past {
    /// The first pass.
    pub opcodes: Opcodes,
    bytes: Vec<u8>,
    indexes: [Index; 2],
    keys: [u32; 2],
    matched: usize,
    trust: usize,
    opcode: u8,
    following: u8,
    /// Opcodes, hash and first operand of the instructions before, the latest first.
    before: [u32; 2],
    before_hash: u32,
    first: [u32; 2],
    /// The values coded in this instruction, the latest first.
    values: [u32; 2],
    own_first: u32,
    /// The last two values of each kind.
    last: [[u32; 2]; KINDS],
    registers: Box<[u8]>,
    exact: u32,
    caches: Vec<(u8, u32, u32)>,
    most_register: u32,
    most_cache: u32,
    string: u32,
    next_function: u32,
    names: [u32; 2],
}

impl Default for Past {
    fn default() -> Self {
        Self {
            opcodes: Opcodes::default(),
            bytes: Vec::with_capacity(PAST_BYTES),
            indexes: Default::default(),
            keys: [0; 2],
            matched: 0,
            trust: 0,
            opcode: 0,
            following: 0,
            before: [0; 2],
            before_hash: 0,
            first: [0; 2],
            values: [0; 2],
            own_first: 0,
            last: [[0; 2]; KINDS],
            registers: (0..=255).collect(),
            exact: 0,
            caches: Vec::new(),
            most_register: 0,
            most_cache: 0,
            string: 0,
            next_function: 0,
            names: [0; 2],
        }
    }
}

impl Past {
    /// A function begins.
    pub fn begin(&mut self) {
        self.opcodes.begin();
        self.before = [0; 2];
        self.before_hash = 0;
        self.first = [0; 2];
        self.exact = 0;
        self.caches.clear();
        self.most_register = 0;
        self.most_cache = 0;
        for (register, name) in self.registers.iter_mut().zip(0..=255) {
            *register = name;
        }
    }

    /// The largest number of a register in the function so far.
    #[must_use]
    pub fn most_register(&self) -> u32 {
        self.most_register
    }

    /// The largest number of a property cache in the function so far.
    #[must_use]
    pub fn most_cache(&self) -> u32 {
        self.most_cache
    }

    /// An instruction begins in the second pass; `following` is the opcode behind it.
    pub fn enter(&mut self, isa: &Isa, opcode: u8, following: u8) {
        self.opcode = opcode;
        self.following = following;
        self.values = [0; 2];
        self.own_first = 0;
        self.string = u32::MAX;
        let op = u32::from(opcode);
        self.keys = [hash(op, self.before_hash), hash(hash(op, self.before[0] | 0x100), u32::from(following))];
        let fits = |matched: usize| matched > 0 && self.bytes.get(matched - 1) == Some(&opcode);
        if !fits(self.matched) {
            self.trust = 0;
            self.matched = 0;
            for (index, key) in self.indexes.iter_mut().zip(self.keys) {
                let earlier = *index.place(key) as usize;
                let whole = earlier > 0
                    && self.bytes.get(earlier - 1) == Some(&opcode)
                    && isa.size_bytes(opcode).is_some_and(|size| earlier - 1 + size <= self.bytes.len());
                if whole {
                    self.matched = earlier;
                    break;
                }
            }
        }
    }

    /// What a register of the base is called in this function.
    #[must_use]
    pub fn register(&self, old: u64) -> u64 {
        usize::try_from(old).ok().and_then(|old| self.registers.get(old)).map_or(old, |&new| new.into())
    }

    /// Takes in what a register of the base turned out to be called.
    pub fn renamed(&mut self, old: u64, new: u64) {
        if let (Some(place), Ok(new)) =
            (usize::try_from(old).ok().and_then(|old| self.registers.get_mut(old)), u8::try_from(new))
        {
            *place = new;
        }
    }

    /// Codes whether all operands are as expected.
    pub fn code_exact<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        told: bool,
        opcode: u8,
        expected: &[Option<u64>; 8],
    ) -> bool {
        let op = u32::from(opcode);
        let recent = self.exact;
        let first = expected[0].unwrap_or_default() as u32;
        let second = expected[1].unwrap_or_default() as u32;
        let near = recent.leading_zeros().min(31);
        let contexts = [
            recent & 0xff,
            hash(op, recent & 0xf),
            hash(hash(op, first), recent & 3),
            hash(hash(op, second), first),
            hash(recent & 0xffff, op),
            hash(self.before[0], op),
        ];
        let _ = near;
        let selector = (recent & 255) as usize;
        let changed = hints.decide(!told, 4, contexts, (recent & 15) as usize, selector);
        self.exact = recent << 1 | u32::from(changed);
        !changed
    }

    /// The order in which operands are coded: strings first, since the property cache follows from the name.
    pub fn order(&self, operands: &[Operand]) -> impl Iterator<Item = usize> + use<> {
        let mut order = [0; 8];
        let mut count = 0;
        for strings in [true, false] {
            for (i, operand) in operands.iter().enumerate().take(8) {
                if (operand.kind == Kind::String) == strings {
                    order[count] = i;
                    count += 1;
                }
            }
        }
        order.into_iter().take(count)
    }

    fn matched_value(&self, operand: Operand) -> Option<u64> {
        self.matched.checked_sub(1).and_then(|at| self.bytes.get(at..)).and_then(|bytes| operand.get(bytes))
    }

    /// Codes an operand that may be other than expected.
    ///
    /// # Errors
    /// As the coder of its number.
    pub fn code_operand<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        operand: Operand,
        index: usize,
        told: u64,
        expected: Option<u64>,
    ) -> Result<u64, HermesError> {
        let id = u32::from(self.opcode) << 3 | index as u32;
        let kind = operand.kind as u32;
        let matched = self.matched_value(operand);
        if let Some(expected) = expected {
            let agrees = matched.map_or(2, |matched| u32::from(matched == expected));
            let contexts = [
                hash(kind, self.exact & 0xf),
                hash(id, 3),
                hash(id, expected as u32),
                hash(hash(kind, self.values[0]), expected as u32),
                hash(id, self.exact & 0xff),
                hash(id, agrees),
            ];
            let state = usize::from(operand.kind == Kind::Register) << 3 | index & 7;
            if !hints.decide(told != expected, 5, contexts, state, kind as usize) {
                return Ok(expected);
            }
        }
        hints.check()?;
        let known = u32::from(expected.is_some());
        match operand.kind {
            Kind::Function => {
                let base = self.next_function;
                let id = hints.near(told as u32, base, Sort::FunctionId, [known, id, 0, 0])?;
                Ok(id.into())
            }
            Kind::Jump => {
                let bias = |value: u64| (signed(value, operand.width) + (1 << 31)) as u32;
                let expected = expected.map_or(1 << 31, bias);
                let contexts = [known, id, hash(id, u32::from(self.following)), hash(id, self.before[0])];
                let new = hints.near(bias(told), expected, Sort::Jump, contexts)?;
                let new = i64::from(new) - (1 << 31);
                Ok(new as u64 & (u64::MAX >> (64 - 8 * u32::from(operand.width))))
            }
            _ => Ok(self.code_bytes(hints, operand, index, told, expected, matched)),
        }
    }

    fn code_bytes<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        operand: Operand,
        index: usize,
        told: u64,
        expected: Option<u64>,
        matched: Option<u64>,
    ) -> u64 {
        let id = u32::from(self.opcode) << 3 | index as u32;
        let kind = operand.kind as usize;
        let last = self.last[kind];
        let trust = self.trust.min(15);
        let by_kind = match operand.kind {
            Kind::Cache => Some(self.expected_cache()),
            Kind::Register => Some(self.first[0]),
            _ => None,
        };
        let matched_low = matched.unwrap_or_default() as u32;
        let other = match expected {
            Some(expected) => hash(id | 0x8000, expected as u32),
            None => hash(id, u32::from(self.following)),
        };
        let whole = [
            id,
            hash(hash(id, self.before[0]), self.first[0]),
            hash(hash(id, 3), self.values[0]),
            hash(kind as u32 | 0x1000, last[0]),
            hash(hash(id, last[0]), last[1]),
            hash(hash(id, self.before[0]), self.before[1] | 0x200),
            hash(hash(id, matched_low), (trust.min(3) as u32) << 8 | u32::from(matched.is_some())),
            hash(hash(id, self.first[0]), self.first[1] | 0x400),
            hash(hash(id, self.values[0]), hash(self.values[1], self.before[0])),
            hash(other, by_kind.unwrap_or_default()),
        ];
        let mut value = 0u64;
        for place in (0..operand.width).rev() {
            let shift = 8 * u32::from(place);
            let salt = hash(u32::from(place) + 1, value as u32 ^ (value >> 32) as u32);
            let contexts: [u32; OPERAND_CONTEXTS] = whole.map(|context| hash(context, salt));
            let so_far = |guess: u64| operand.width == 1 || guess >> shift >> 8 == value;
            let guess = |guess: Option<u64>, class: usize| {
                guess.filter(|&guess| so_far(guess)).map(|guess| Guess { byte: (guess >> shift) as u8, class })
            };
            let guesses = [
                guess(matched, trust << 1 | usize::from(operand.kind == Kind::Register)),
                guess(by_kind.map(u64::from), kind.min(31)),
                guess(expected, 32 | kind.min(31)),
            ];
            let selector = (index & 7) << 2 | usize::from(place.min(3));
            value = value << 8
                | u64::from(hints.byte((told >> shift) as u8, &contexts, &guesses, part(operand.kind), selector));
        }
        value
    }

    /// The number that the compiler gives to the property cache of this instruction: the same for the same name, else
    /// the next.
    fn expected_cache(&self) -> u32 {
        let same = |&&(opcode, string, _): &&(u8, u32, u32)| opcode == self.opcode && string == self.string;
        if let Some(&(_, _, cache)) = self.caches.iter().rev().take(64).find(same) {
            return cache;
        }
        let own = self.caches.iter().rev().take(64).filter(|cache| cache.0 == self.opcode).map(|cache| cache.2).max();
        own.unwrap_or(self.most_cache) + 1
    }

    /// Takes in an operand of this instruction.
    pub fn operand(&mut self, operand: Operand, index: usize, value: u64) {
        if self.matched > 0 {
            self.trust = if self.matched_value(operand) == Some(value) { self.trust + 1 } else { 0 };
        }
        let low = value as u32;
        self.values = [low, self.values[0]];
        if index == 0 {
            self.own_first = low;
        }
        let last = &mut self.last[operand.kind as usize];
        *last = [low, last[0]];
        match operand.kind {
            Kind::Register => self.most_register = self.most_register.max(low),
            Kind::String => self.string = low,
            Kind::Function => self.next_function = low.wrapping_add(1),
            Kind::Cache => {
                self.caches.push((self.opcode, self.string, low));
                self.most_cache = self.most_cache.max(low);
            }
            _ => {}
        }
    }

    /// The instruction, whose bytes begin `bytes`, ends.
    pub fn leave(&mut self, bytes: &[u8]) {
        self.before = [self.opcode.into(), self.before[0]];
        self.first = [self.own_first, self.first[0]];
        let sum = bytes.iter().take(12).fold(7, |sum, &byte| hash(sum, byte.into()));
        self.before_hash = sum;
        let size = bytes.len();
        if self.matched > 0 {
            self.matched += size;
        }
        if self.bytes.len() + size <= PAST_BYTES {
            let here = self.bytes.len() as u32 + 1;
            self.bytes.extend_from_slice(bytes);
            for (index, key) in self.indexes.iter_mut().zip(self.keys) {
                *index.place(key) = here;
            }
        }
    }

    /// Codes the id of a function's name.
    ///
    /// # Errors
    /// As the stream.
    pub fn code_name<C: Coder>(&mut self, hints: &mut Hints<C>, told: u32) -> Result<u32, HermesError> {
        let mut value = 0u32;
        for place in (0..4).rev() {
            let salt = hash(place + 1, value);
            let mut contexts = [0; OPERAND_CONTEXTS];
            for (i, context) in contexts.iter_mut().enumerate() {
                let known = match i {
                    0 => 1,
                    1 => self.names[0],
                    2 => hash(self.names[0], self.names[1]),
                    3 => self.most_register,
                    4 => self.opcodes.recent() as u32 & 0xffff,
                    _ => 0,
                };
                *context = hash(hash(known, i as u32 | 0x900), salt);
            }
            let shift = 8 * place;
            let byte = hints.byte((told >> shift) as u8, &contexts, &[None; 3], NAME_PART, place as usize);
            value = value << 8 | u32::from(byte);
        }
        hints.check()?;
        self.names = [value, self.names[0]];
        Ok(value)
    }
}
