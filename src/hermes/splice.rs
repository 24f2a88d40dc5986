//! A buffer of new as pieces of the same buffer of old and text between them, and the map of places that follows.

use crate::codec::literal::Aligned;
use crate::codec::range::Coder;

use super::HermesError;
use super::hints::{Flag, Hints, Sort};
use super::teacher::Teacher;

/// Text of new, then a piece of old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// Bytes of text.
    pub text: u32,
    /// Where the piece begins in old.
    pub from: u32,
    /// Its bytes; 0 only at the end.
    pub bytes: u32,
}

/// Memory of an operation while it is coded and taken for the map.
const OP_BYTES: u64 = 48;

/// Where pieces of old went.
#[derive(Debug, Clone, Default)]
pub struct Moves {
    /// Old start, new start, bytes; by old start, not overlapping.
    pieces: Vec<(u32, u32, u32)>,
}

impl Moves {
    fn of(ops: &[Op]) -> Self {
        let mut pieces = Vec::new();
        let mut at = 0;
        for op in ops {
            at += op.text;
            if op.bytes > 0 {
                pieces.push((op.from, at, op.bytes));
            }
            at += op.bytes;
        }
        // Where pieces overlap in old, the one that begins first has the bytes.
        pieces.sort_unstable();
        let mut end = 0;
        pieces.retain_mut(|(from, to, bytes)| {
            let cut = end.max(*from) - *from;
            let kept = cut < *bytes;
            if kept {
                (*from, *to, *bytes) = (*from + cut, *to + cut, *bytes - cut);
                end = *from + *bytes;
            }
            kept
        });
        Self { pieces }
    }

    /// The map of a buffer that stays as it is.
    fn identity(bytes: usize) -> Self {
        Self { pieces: vec![(0, 0, bytes as u32)] }
    }

    fn piece(&self, at: u32) -> Option<(u32, u32, u32)> {
        let after = self.pieces.partition_point(|&(from, _, _)| from <= at);
        after.checked_sub(1).map(|index| self.pieces[index])
    }

    /// Where the `bytes` bytes at `at` of old went, if they stayed together.
    #[must_use]
    pub fn span(&self, at: u32, bytes: u64) -> Option<u32> {
        let (from, to, length) = self.piece(at)?;
        let into = at - from;
        (u64::from(into) + bytes <= u64::from(length)).then_some(to + into)
    }

    /// Where the byte at `at` of old went, or where it would be by the piece before it.
    #[must_use]
    pub fn point(&self, at: u32) -> u32 {
        self.piece(at).map_or(at, |(from, to, _)| to.wrapping_add(at - from))
    }
}

/// Codes a buffer: what it is in new, and where the pieces of old went.
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints; [`HermesError::TooLarge`] above `limit`.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    old: &[u8],
    new: Option<&[u8]>,
    teacher: &impl Teacher,
    limit: u64,
) -> Result<(Vec<u8>, Moves), HermesError> {
    if !hints.flag(new.is_some_and(|new| new != old), Flag::SectionChanged, 0) {
        hints.budget.hold(old.len() as u64)?;
        return Ok((old.to_vec(), Moves::identity(old.len())));
    }
    let size = hints.near(new.map_or(0, <[u8]>::len) as u32, old.len() as u32, Sort::Size, [1, 0, 0, 0])?;
    if u64::from(size) > limit {
        return Err(HermesError::TooLarge { needed: size.into(), limit });
    }
    hints.budget.hold(size.into())?;
    let size = size as usize;
    let lesson = new.map_or(Vec::new(), |new| teacher.splice(old, new));
    let mut lesson = lesson.iter();
    let mut out: Vec<u8> = Vec::with_capacity(size);
    let mut ops = Vec::new();
    // Where old would go on if nothing had been inserted or left out.
    let mut next = 0usize;
    let mut habit = 0u32;
    while out.len() < size {
        let told = lesson.next().copied().unwrap_or(Op { text: (size - out.len()) as u32, from: 0, bytes: 0 });
        let text = hints.number(told.text, Sort::LiteralRun, [habit, 0, 0, 0])? as usize;
        if text > size - out.len() {
            return Err(HermesError::Hints { what: "text beyond the end of a buffer" });
        }
        for _ in 0..text {
            let byte = new.and_then(|new| new.get(out.len())).copied().unwrap_or_default();
            let stood = |at: usize| old.get(at).copied().unwrap_or_default();
            let aligned = Aligned { byte: stood(next), next: stood(next + 1), hint: 0 };
            out.push(hints.text(byte, aligned));
        }
        hints.check()?;
        let mut op = Op { text: text as u32, from: 0, bytes: 0 };
        if out.len() < size {
            op.from = hints.near(told.from, next as u32, Sort::CopyFrom, [habit, text.min(20) as u32, 0, 0])?;
            let from = op.from as usize;
            let most = (size - out.len()).min(old.len().saturating_sub(from));
            if hints.flag(told.bytes as usize == most, Flag::ToEnd, 0) {
                op.bytes = most as u32;
            } else {
                op.bytes = hints.number(told.bytes, Sort::CopyRun, [habit, 0, 0, 0])?;
            }
            let piece = old.get(from..from.saturating_add(op.bytes as usize));
            let piece = piece.filter(|piece| !piece.is_empty() && piece.len() <= most);
            let piece = piece.ok_or(HermesError::Hints { what: "a piece that is not in old" })?;
            out.extend_from_slice(piece);
            hints.copied(piece);
            habit = u32::from(from == next) << 1 | u32::from(op.bytes > 64);
            next = from + piece.len();
        }
        hints.budget.hold(OP_BYTES)?;
        ops.push(op);
    }
    hints.budget.free(OP_BYTES / 2 * ops.len() as u64);
    Ok((out, Moves::of(&ops)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_their_pieces() {
        // Old 0..10 stays behind three new bytes, 10..14 goes, 14..20 stays.
        let ops = [Op { text: 3, from: 0, bytes: 10 }, Op { text: 0, from: 14, bytes: 6 }];
        let moves = Moves::of(&ops);
        assert_eq!(moves.span(0, 10), Some(3));
        assert_eq!(moves.span(8, 4), None);
        assert_eq!(moves.span(14, 6), Some(13));
        assert_eq!(moves.span(10, 1), None);
        assert_eq!((moves.point(9), moves.point(16), Moves::default().point(5)), (12, 15, 5));
    }

    #[test]
    fn pieces_that_overlap_in_old_are_told_apart() {
        let ops =
            [Op { text: 0, from: 4, bytes: 8 }, Op { text: 0, from: 0, bytes: 6 }, Op { text: 1, from: 2, bytes: 2 }];
        let moves = Moves::of(&ops);
        assert_eq!((moves.span(0, 6), moves.span(6, 6)), (Some(8), Some(2)));
    }
}
