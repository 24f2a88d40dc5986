//! A table of pairs of words in new as an edit of what old predicts of it.

use crate::codec::range::Coder;

use super::HermesError;
use super::hints::{Flag, Hints, Sort};
use super::teacher::Teacher;

/// Rows that stay, then rows of old that are left out, then rows that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Rows that stay.
    pub keep: u32,
    /// Rows of old left out.
    pub skip: u32,
    /// Rows put there.
    pub insert: u32,
}

/// No counterpart.
pub const NONE: u32 = u32::MAX;

/// A table that was coded.
#[derive(Debug, Default)]
pub struct Table {
    /// The rows of new.
    pub rows: Vec<[u32; 2]>,
    /// For each predicted row its index in new, or [`NONE`].
    pub moved: Vec<u32>,
    /// Which rows of new were not predicted.
    pub inserted: Vec<u32>,
}

/// What a table holds; `follow` says where the first word of a row is expected by the row before it.
#[derive(Clone, Copy)]
pub struct Sheet {
    /// Tells tables apart for the coder.
    pub name: u32,
    /// The first word that is expected behind a row.
    pub follow: fn([u32; 2]) -> u32,
}

/// Codes a table.
///
/// # Errors
/// [`HermesError::Hints`] or [`HermesError::Starved`] for damaged hints; [`HermesError::TooLarge`] above `limit` rows.
pub fn code<C: Coder>(
    hints: &mut Hints<C>,
    predicted: &[[u32; 2]],
    new: Option<&[[u32; 2]]>,
    teacher: &impl Teacher,
    sheet: Sheet,
    limit: u64,
) -> Result<Table, HermesError> {
    hints.budget.hold(12 * predicted.len() as u64)?;
    if !hints.flag(new.is_some_and(|new| new != predicted), Flag::SectionChanged, 1) {
        return Ok(Table { rows: predicted.to_vec(), moved: (0..predicted.len() as u32).collect(), inserted: vec![] });
    }
    let name = sheet.name;
    let count = new.map_or(0, <[_]>::len) as u32;
    let count = hints.near(count, predicted.len() as u32, Sort::Size, [2, name, 0, 0])?;
    if u64::from(count) > limit {
        return Err(HermesError::TooLarge { needed: count.into(), limit });
    }
    hints.budget.hold(12 * u64::from(count.saturating_sub(predicted.len() as u32)))?;
    let count = count as usize;
    let lesson = new.map_or(Vec::new(), |new| teacher.rows(predicted, new));
    let mut lesson = lesson.iter();
    let mut table = Table { rows: Vec::with_capacity(count), moved: vec![NONE; predicted.len()], inserted: Vec::new() };
    let mut next = 0usize;
    let mut habit = 0;
    while table.rows.len() < count {
        let told = lesson.next().copied().unwrap_or(Edit { keep: 0, skip: 0, insert: 0 });
        let most = (count - table.rows.len()).min(predicted.len() - next);
        let keep = if hints.flag(told.keep as usize == most, Flag::ToEnd, 1) {
            most
        } else {
            hints.number(told.keep, Sort::Keep, [name, habit, 0, 0])? as usize
        };
        let kept = predicted.get(next..next.saturating_add(keep)).filter(|_| keep <= most);
        let kept = kept.ok_or(HermesError::Hints { what: "more rows than a table has" })?;
        for (i, &row) in kept.iter().enumerate() {
            table.moved[next + i] = table.rows.len() as u32;
            table.rows.push(row);
        }
        next += keep;
        if table.rows.len() == count {
            break;
        }
        let skip = hints.number(told.skip, Sort::Skip, [name, habit, keep.min(8) as u32, 0])? as usize;
        if skip > predicted.len() - next {
            return Err(HermesError::Hints { what: "more rows than a table has" });
        }
        next += skip;
        let few = skip.min(3) as u32;
        let insert = hints.number(told.insert, Sort::Insert, [name, few, habit, 0])? as usize;
        if insert > count - table.rows.len() || keep + skip + insert == 0 {
            return Err(HermesError::Hints { what: "more rows than a table has" });
        }
        habit = few << 2 | insert.min(3) as u32;
        for i in 0..insert {
            let index = table.rows.len();
            let told = new.and_then(|new| new.get(index)).copied().unwrap_or_default();
            let before = index.checked_sub(1).map_or([0, 0], |before| table.rows[before]);
            let single = u32::from(i == 0) + 2 * u32::from(insert == 1);
            let first = hints.near(told[0], (sheet.follow)(before), Sort::First, [name, single, few, 0])?;
            let jump = first.abs_diff((sheet.follow)(before)).min(8);
            let second = hints.number(told[1], Sort::Second, [name, jump, single, 0])?;
            table.inserted.push(index as u32);
            table.rows.push([first, second]);
        }
    }
    Ok(table)
}
