//! The headers of a brotli stream and of its meta-blocks, passed in either direction.

use super::tables::{BLOCK_LENGTH, CODE_LENGTH_ORDER};
use crate::repack::{RepackError, code::Lengths, flow::Flow};

/// A block count that is never used up: the kind has one block type.
const ENDLESS: u32 = u32::MAX;

/// One of the three kinds of blocks: which block type holds, and for how many symbols.
pub(super) struct Blocks<C> {
    codes: Option<(C, C)>,
    pub(super) types: u32,
    pub(super) now: u32,
    before: u32,
    left: u32,
}

impl<C> Blocks<C> {
    fn pass<F: Flow<Code = C>>(flow: &mut F) -> Result<Self, RepackError> {
        let types = count(flow)?;
        let mut blocks = Self { codes: None, types, now: 0, before: 1, left: ENDLESS };
        if types > 1 {
            let kinds = code(flow, types as usize + 2)?;
            let lengths = code(flow, BLOCK_LENGTH.len())?;
            blocks.left = block_length(flow, &lengths)?;
            blocks.codes = Some((kinds, lengths));
        }
        Ok(blocks)
    }

    /// Counts one symbol, after a change of block type where one is due.
    #[inline]
    pub(super) fn advance<F: Flow<Code = C>>(&mut self, flow: &mut F) -> Result<(), RepackError> {
        if self.left == 0 {
            self.change(flow)?;
        }
        if self.types > 1 {
            self.left -= 1;
        }
        Ok(())
    }

    fn change<F: Flow<Code = C>>(&mut self, flow: &mut F) -> Result<(), RepackError> {
        let Some((kinds, lengths)) = &self.codes else { return Ok(()) };
        let next = match flow.symbol(kinds)? {
            0 => self.before,
            1 => (self.now + 1) % self.types,
            symbol => u32::from(symbol) - 2,
        };
        self.left = block_length(flow, lengths)?;
        (self.before, self.now) = (self.now, next);
        Ok(())
    }
}

fn block_length<F: Flow>(flow: &mut F, lengths: &F::Code) -> Result<u32, RepackError> {
    let symbol = flow.symbol(lengths)?;
    let damaged = RepackError::Damaged { what: "a brotli block length" };
    let (base, bits) = *BLOCK_LENGTH.get(usize::from(symbol)).ok_or(damaged)?;
    Ok(base + flow.bits(bits)?)
}

/// Passes a count of block types or codes: 1 to 256.
fn count<F: Flow>(flow: &mut F) -> Result<u32, RepackError> {
    if flow.bits(1)? == 0 {
        return Ok(1);
    }
    let bits = flow.bits(3)?;
    Ok((1 << bits) + 1 + flow.bits(bits)?)
}

/// What a meta-block brings.
pub(super) enum Body<C> {
    /// Nothing: the stream ends here.
    Empty,
    /// Bytes that are no content; they were passed.
    Metadata,
    /// That many content bytes as they are.
    Stored(u32),
    /// Commands.
    Coded(Box<Coded<C>>),
}

/// The codes and counters of a meta-block with commands.
pub(super) struct Coded<C> {
    /// Content bytes of the meta-block.
    pub(super) length: u32,
    pub(super) literal: Blocks<C>,
    pub(super) command: Blocks<C>,
    pub(super) distance: Blocks<C>,
    /// Parameters of the distance codes: postfix bits, number of direct distances.
    pub(super) postfix: u32,
    pub(super) direct: u32,
    modes: Vec<u8>,
    literal_map: Vec<u8>,
    distance_map: Vec<u8>,
    literal_codes: Vec<C>,
    command_codes: Vec<C>,
    distance_codes: Vec<C>,
}

impl<C> Coded<C> {
    /// The code of the next literal after bytes `before` and `last`.
    #[inline]
    pub(super) fn literal_code(&self, last: u8, before: u8) -> Result<&C, RepackError> {
        let block = self.literal.now as usize;
        if self.literal_codes.len() == 1 {
            return Ok(&self.literal_codes[0]);
        }
        let mode = self.modes.get(block).copied().unwrap_or(0);
        let context = block * 64 + super::tables::literal_context(mode, last, before);
        pick(&self.literal_codes, self.literal_map.get(context))
    }

    pub(super) fn command_code(&self) -> Result<&C, RepackError> {
        pick(&self.command_codes, Some(&(self.command.now as u8)))
    }

    /// The code of a distance that belongs to a copy of `copy` bytes.
    pub(super) fn distance_code(&self, copy: u32) -> Result<&C, RepackError> {
        let context = self.distance.now as usize * 4 + copy.clamp(2, 5) as usize - 2;
        pick(&self.distance_codes, self.distance_map.get(context))
    }
}

fn pick<'a, C>(codes: &'a [C], index: Option<&u8>) -> Result<&'a C, RepackError> {
    index.and_then(|&index| codes.get(usize::from(index))).ok_or(RepackError::Damaged { what: "a brotli code choice" })
}

/// Passes the window size; returns its bits, 10 to 24.
pub(super) fn window<F: Flow>(flow: &mut F) -> Result<u32, RepackError> {
    if flow.bits(1)? == 0 {
        return Ok(16);
    }
    let high = flow.bits(3)?;
    if high != 0 {
        return Ok(17 + high);
    }
    match flow.bits(3)? {
        0 => Ok(17),
        1 => Err(RepackError::Unsupported { what: "brotli's large windows" }),
        low => Ok(8 + low),
    }
}

/// Passes the header of a meta-block; true if it is the last.
pub(super) fn meta_block<F: Flow>(flow: &mut F) -> Result<(bool, Body<F::Code>), RepackError> {
    let last = flow.bits(1)? == 1;
    if last && flow.bits(1)? == 1 {
        return Ok((true, Body::Empty));
    }
    let nibbles = flow.bits(2)? + 4;
    if nibbles == 7 {
        return metadata(flow).map(|()| (last, Body::Metadata));
    }
    let length = flow.bits(nibbles * 4)? + 1;
    if nibbles > 4 && (length - 1) >> ((nibbles - 1) * 4) == 0 {
        return Err(RepackError::Damaged { what: "the length of a brotli meta-block" });
    }
    if !last && flow.bits(1)? == 1 {
        flow.align()?;
        return Ok((false, Body::Stored(length)));
    }
    let coded = coded(flow, length)?;
    Ok((last, Body::Coded(Box::new(coded))))
}

fn metadata<F: Flow>(flow: &mut F) -> Result<(), RepackError> {
    if flow.bits(1)? != 0 {
        return Err(RepackError::Damaged { what: "a reserved bit" });
    }
    let bytes = flow.bits(2)?;
    let length = if bytes == 0 { 0 } else { flow.bits(bytes * 8)? + 1 };
    flow.align()?;
    for _ in 0..length {
        flow.bits(8)?;
    }
    Ok(())
}

fn coded<F: Flow>(flow: &mut F, length: u32) -> Result<Coded<F::Code>, RepackError> {
    let literal = Blocks::pass(flow)?;
    let command = Blocks::pass(flow)?;
    let distance = Blocks::pass(flow)?;
    let postfix = flow.bits(2)?;
    let direct = flow.bits(4)? << postfix;
    let modes = (0..literal.types).map(|_| flow.bits(2).map(|mode| mode as u8)).collect::<Result<_, _>>()?;
    let (literal_count, literal_map) = context_map(flow, literal.types as usize * 64)?;
    let (distance_count, distance_map) = context_map(flow, distance.types as usize * 4)?;
    let distances = 16 + direct as usize + (48 << postfix);
    Ok(Coded {
        length,
        literal_codes: codes(flow, literal_count, 256)?,
        command_codes: codes(flow, command.types, 704)?,
        distance_codes: codes(flow, distance_count, distances)?,
        literal,
        command,
        distance,
        postfix,
        direct,
        modes,
        literal_map,
        distance_map,
    })
}

fn codes<F: Flow>(flow: &mut F, count: u32, symbols: usize) -> Result<Vec<F::Code>, RepackError> {
    (0..count).map(|_| code(flow, symbols)).collect()
}

fn context_map<F: Flow>(flow: &mut F, size: usize) -> Result<(u32, Vec<u8>), RepackError> {
    let trees = count(flow)?;
    let mut map = Vec::with_capacity(size);
    if trees == 1 {
        map.resize(size, 0);
        return Ok((trees, map));
    }
    let runs = if flow.bits(1)? == 0 { 0 } else { flow.bits(4)? + 1 };
    let code = code(flow, (trees + runs) as usize)?;
    let damaged = RepackError::Damaged { what: "a brotli context map" };
    while map.len() < size {
        let symbol = u32::from(flow.symbol(&code)?);
        if symbol == 0 || symbol > runs {
            map.push(symbol.saturating_sub(runs) as u8);
            continue;
        }
        let zeros = (1 << symbol) + flow.bits(symbol)? as usize;
        if zeros > size - map.len() {
            return Err(damaged);
        }
        map.resize(map.len() + zeros, 0);
    }
    if flow.bits(1)? == 1 {
        move_to_front(&mut map);
    }
    Ok((trees, map))
}

fn move_to_front(map: &mut [u8]) {
    let mut order: [u8; 256] = std::array::from_fn(|index| index as u8);
    for value in map {
        let index = usize::from(*value);
        *value = order[index];
        order.copy_within(..index, 1);
        order[0] = *value;
    }
}

/// Passes a prefix code over `symbols` symbols, at most 704.
fn code<F: Flow>(flow: &mut F, symbols: usize) -> Result<F::Code, RepackError> {
    let skipped = flow.bits(2)?;
    let lengths = if skipped == 1 { simple(flow, symbols)? } else { complex(flow, symbols, skipped as usize)? };
    flow.code(&lengths)
}

fn simple<F: Flow>(flow: &mut F, symbols: usize) -> Result<Lengths, RepackError> {
    let damaged = RepackError::Damaged { what: "a simple prefix code" };
    let count = flow.bits(2)? as usize + 1;
    let bits = (symbols - 1).checked_ilog2().map_or(0, |bits| bits + 1);
    let mut named = [0usize; 4];
    for symbol in &mut named[..count] {
        *symbol = flow.bits(bits)? as usize;
    }
    let distinct = (1..count).all(|index| !named[..index].contains(&named[index]));
    if !distinct || named[..count].iter().any(|&symbol| symbol >= symbols) {
        return Err(damaged);
    }
    let shape: &[u8] = match count {
        1 => return Ok(Lengths::Only(named[0] as u16, symbols as u16)),
        2 => &[1, 1],
        3 => &[1, 2, 2],
        _ if flow.bits(1)? == 0 => &[2, 2, 2, 2],
        _ => &[1, 2, 3, 3],
    };
    let mut lengths = vec![0; symbols];
    for (&symbol, &length) in named.iter().zip(shape) {
        lengths[symbol] = length;
    }
    Ok(Lengths::Each(lengths))
}

/// Passes one of the lengths 0 to 5 in its fixed code.
fn code_length<F: Flow>(flow: &mut F) -> Result<u8, RepackError> {
    Ok(match flow.bits(2)? {
        0 => 0,
        1 => 4,
        2 => 3,
        _ if flow.bits(1)? == 0 => 2,
        _ if flow.bits(1)? == 0 => 1,
        _ => 5,
    })
}

fn complex<F: Flow>(flow: &mut F, symbols: usize, skipped: usize) -> Result<Lengths, RepackError> {
    let damaged = || RepackError::Damaged { what: "a prefix code that does not fit" };
    let mut code_lengths = vec![0u8; 18];
    let mut space = 32i32;
    for &symbol in &CODE_LENGTH_ORDER[skipped..] {
        let length = code_length(flow)?;
        code_lengths[symbol] = length;
        if length > 0 {
            space -= 32 >> length;
        }
        if space <= 0 {
            break;
        }
    }
    let mut present = code_lengths.iter().enumerate().filter(|(_, length)| **length > 0);
    let shape = match (present.next(), present.next()) {
        (Some((symbol, _)), None) => Lengths::Only(symbol as u16, 18),
        _ if space == 0 => Lengths::Each(code_lengths),
        _ => return Err(damaged()),
    };
    let code = flow.code(&shape)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(symbols);
    let mut space = 1i32 << 15;
    let (mut previous, mut repeated, mut repeat) = (8u8, 0u8, 0u32);
    while lengths.len() < symbols && space > 0 {
        let symbol = flow.symbol(&code)?;
        if symbol < 16 {
            lengths.push(symbol as u8);
            repeat = 0;
            if symbol > 0 {
                previous = symbol as u8;
                space -= 1 << 15 >> symbol;
            }
            continue;
        }
        let bits = u32::from(symbol) - 14;
        let value = if symbol == 16 { previous } else { 0 };
        if repeated != value {
            (repeated, repeat) = (value, 0);
        }
        let done = repeat;
        if repeat > 0 {
            repeat = (repeat - 2) << bits;
        }
        repeat += 3 + flow.bits(bits)?;
        let times = (repeat - done) as usize;
        if times > symbols - lengths.len() {
            return Err(damaged());
        }
        lengths.resize(lengths.len() + times, value);
        if value > 0 {
            space -= (times as i32) << (15 - value);
        }
    }
    if space != 0 {
        return Err(damaged());
    }
    lengths.resize(symbols, 0);
    Ok(Lengths::Each(lengths))
}
