//! The audit log: one record for each change, each vouching for all before it.

use sqlx::{AnyConnection, Row};

use super::{Database, DatabaseError, Result, hash, now};
use crate::hash::{Hash, Hasher};

/// What sets the hash of a record apart from all others.
const CONTEXT: &str = "smidge 1 audit record";
/// Records read at a time.
const PAGE: i64 = 1000;

/// What a change says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Who did it: a user, a key, a machine.
    pub who: &'a str,
    /// What was done, as a verb: `release`, `promote`.
    pub action: &'a str,
    /// To what: `acme/shop/ios/production v3`.
    pub subject: &'a str,
    /// What else a reader should know.
    pub detail: &'a str,
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1 without a gap.
    pub number: i64,
    /// Seconds since 1970.
    pub at: i64,
    /// See [`Record`].
    pub who: String,
    /// See [`Record`].
    pub action: String,
    /// See [`Record`].
    pub subject: String,
    /// See [`Record`].
    pub detail: String,
    /// Covers the record and the hash of the one before it.
    pub hash: Hash,
}

impl Entry {
    fn expected_hash(&self, before: Hash) -> Hash {
        let mut hasher = Hasher::with_context(CONTEXT);
        hasher.update(before.as_bytes());
        hasher.update(&self.number.to_le_bytes());
        hasher.update(&self.at.to_le_bytes());
        for text in [&self.who, &self.action, &self.subject, &self.detail] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finish()
    }
}

/// The hash before the first record.
fn origin() -> Hash {
    Hasher::with_context(CONTEXT).finish()
}

/// Appends the record of change `number`.
pub(super) async fn append(connection: &mut AnyConnection, number: i64, record: Record<'_>) -> Result<()> {
    let before = sqlx::query("SELECT hash FROM audit WHERE number = $1")
        .bind(number - 1)
        .fetch_optional(&mut *connection)
        .await?;
    let before = match before {
        Some(row) => hash(&row, "hash")?,
        None if number == 1 => origin(),
        None => return Err(DatabaseError::Damaged { what: format!("record {} of the audit log is gone", number - 1) }),
    };
    let mut entry = Entry {
        number,
        at: now(),
        who: record.who.to_owned(),
        action: record.action.to_owned(),
        subject: record.subject.to_owned(),
        detail: record.detail.to_owned(),
        hash: before,
    };
    entry.hash = entry.expected_hash(before);
    sqlx::query(
        "INSERT INTO audit (number, at, who, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.number)
    .bind(entry.at)
    .bind(entry.who)
    .bind(entry.action)
    .bind(entry.subject)
    .bind(entry.detail)
    .bind(entry.hash.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

impl Database {
    /// At most `limit` records above number `after`, oldest first.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`], [`DatabaseError::Damaged`].
    pub async fn audit(&self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        let rows = sqlx::query("SELECT * FROM audit WHERE number > $1 ORDER BY number LIMIT $2")
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        let entry = |row: &_| {
            Ok(Entry {
                number: Row::try_get(row, "number")?,
                at: Row::try_get(row, "at")?,
                who: Row::try_get(row, "who")?,
                action: Row::try_get(row, "action")?,
                subject: Row::try_get(row, "subject")?,
                detail: Row::try_get(row, "detail")?,
                hash: hash(row, "hash")?,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// Checks that every record vouches for all before it, and returns how many there are. Memory is that of a page
    /// of records. Whoever keeps the last hash elsewhere also sees when records at the end are cut off.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] names the first record that was changed or removed.
    pub async fn verify_audit(&self) -> Result<(i64, Hash)> {
        let (mut number, mut before) = (0, origin());
        loop {
            let page = self.audit(number, PAGE).await?;
            for entry in &page {
                number += 1;
                if entry.number != number || entry.hash != entry.expected_hash(before) {
                    let what = format!("record {number} of the audit log was changed or removed");
                    return Err(DatabaseError::Damaged { what });
                }
                before = entry.hash;
            }
            if page.is_empty() {
                return Ok((number, before));
            }
        }
    }
}
