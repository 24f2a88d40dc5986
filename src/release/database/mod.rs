//! What is known of organisations, apps, binaries, channels, releases and patches, in SQLite or PostgreSQL.
//!
//! [`Database`] is one asynchronous interface over both. SQLite is one file and needs nothing; PostgreSQL is for several
//! servers and workers. The same statements run on both: nothing here uses what only one of them has.
//!
//! Writers that change what others decide by stand in line at one row, the revision ([`Database::revision`]), and each
//! leaves one record in the audit log. Readers never wait. What devices report and the leases of patches are not such
//! changes: they pass by the line.

mod audit;
mod binaries;
mod channels;
mod fleet;
mod keys;
mod names;
mod patches;
mod releases;
#[cfg(test)]
mod tests;
mod trees;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Row, SqlSafeStr, SqlStr, Transaction,
    any::{AnyPoolOptions, AnyRow},
    migrate::{Migration, MigrationType, Migrator},
};
use thiserror::Error;

pub use audit::{Entry as AuditEntry, Record};
pub use binaries::{Binary, NewBinary};
pub use channels::{Channel, Edit, Publication};
pub use fleet::Share;
pub use keys::Key;
pub use names::{Platform, check_name};
pub use patches::{Lease, Patch, PatchState, Pending};
pub use releases::Release;
pub use trees::KnownTree;

use crate::hash::Hash;

/// The migrations, oldest first. One that was released is never edited: a change is a new one.
const MIGRATIONS: [(&str, &str); 1] = [("releases", include_str!("migrations/0001_releases.sql"))];
/// How long a writer waits for another one, in seconds.
const WAIT_SECS: u64 = 60;

/// What identifies a row. Random, positive, below 2^53 so that JavaScript reads it exactly.
pub type Id = i64;

/// Why the database cannot do what it was asked.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The address is not one of a database that can be used.
    #[error(
        "{url:?} is no database that can be used: give a file as sqlite:PATH, or postgres://USER@HOST/NAME; \
         a password goes into the environment as PGPASSWORD"
    )]
    Address {
        /// What was given.
        url: String,
    },
    /// No connection.
    #[error("cannot open the database {url}: {source}")]
    Open {
        /// Its address, without a password.
        url: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The database was written by a newer version, or its tables are not ours.
    #[error("cannot bring the tables of {url} up to date: {source}; a newer smidge may have written them")]
    Migrate {
        /// Its address, without a password.
        url: String,
        /// The cause.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("the database refused: {0}")]
    Statement(#[from] sqlx::Error),
    /// A name that cannot be used.
    #[error("{name:?} cannot be the name of {of}: {reason}")]
    Name {
        /// What was given, cut to a length that can be read.
        name: String,
        /// What it was to name, with its article.
        of: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is not there.
    #[error("there is no {what} {name:?}{}", there_is(.known))]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
        /// Those that there are, a few of them.
        known: Vec<String>,
    },
    /// Somebody else published first.
    #[error(
        "channel {channel:?} went from head {expected} to head {found} meanwhile: somebody else published; nothing was \
         changed. Look at `smidge release history` and do it again: what is stored is not stored twice"
    )]
    Moved {
        /// The channel.
        channel: String,
        /// The head that this was built upon.
        expected: i64,
        /// The head that is there.
        found: i64,
    },
    /// A rollout was to shrink.
    #[error(
        "{label} is rolled out to {from} % already and cannot go back to {to} %: devices have it; disable it instead"
    )]
    Shrinks {
        /// The release.
        label: String,
        /// What it is rolled out to.
        from: i64,
        /// What was asked for.
        to: i64,
    },
    /// A binary is known with another content.
    #[error(
        "binary {version} ({build}) is known with another embedded bundle, {known}; this one is {found}: \
         raise the build number, or remove the binary that was never shipped"
    )]
    BinaryDiffers {
        /// Its version.
        version: String,
        /// Its build number.
        build: String,
        /// The tree that is known.
        known: Hash,
        /// The tree that was to be added.
        found: Hash,
    },
    /// What is stored makes no sense.
    #[error("the database is damaged: {what}; restore it from a backup")]
    Damaged {
        /// What was found.
        what: String,
    },
}

fn there_is(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) }
}

type Result<T> = std::result::Result<T, DatabaseError>;

/// Sets what every connection to an SQLite database needs.
async fn set_up_sqlite(connection: &mut AnyConnection) -> sqlx::Result<()> {
    sqlx::query("PRAGMA busy_timeout = 60000").execute(&mut *connection).await?;
    // What was committed survives a power cut, and readers do not wait for writers. Where another process is just doing
    // the same, this one is told "locked" and finds it done.
    let _ = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await;
    sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
    Ok(())
}

/// A connection to the metadata; cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pool: AnyPool,
    sqlite: bool,
}

impl Database {
    /// Opens the database at `url` and brings its tables up to date: `sqlite:PATH`, which is made where it is missing,
    /// or `postgres://…`.
    ///
    /// # Errors
    /// [`DatabaseError::Address`], [`DatabaseError::Open`], [`DatabaseError::Migrate`].
    pub async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let shown = without_password(url);
        let sqlite = url.starts_with("sqlite:");
        if !sqlite && !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            return Err(DatabaseError::Address { url: shown });
        }
        let mut options = AnyPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(WAIT_SECS));
        let address = if sqlite {
            options = options.after_connect(|connection, _| Box::pin(set_up_sqlite(connection)));
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}mode=rwc")
        } else {
            url.to_owned()
        };
        let open = |source| DatabaseError::Open { url: shown.clone(), source };
        // The pool would try for a minute to reach what is not there, and then not say why.
        let mut first = AnyConnection::connect(&address).await.map_err(open)?;
        if sqlite {
            set_up_sqlite(&mut first).await.map_err(open)?;
        }
        first.close().await.map_err(open)?;
        let pool = options.connect(&address).await.map_err(open)?;
        migrator(sqlite).run(&pool).await.map_err(|source| DatabaseError::Migrate { url: shown.clone(), source })?;
        Ok(Self { pool, sqlite })
    }

    /// The address of the SQLite database in the file at `path`.
    #[must_use]
    pub fn address_of_file(path: &Path) -> String {
        let mut url = String::from("sqlite:");
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'%' | b'?' | b'#' => url += &format!("%{byte:02X}"),
                _ if byte.is_ascii() => url.push(char::from(*byte)),
                _ => url += &format!("%{byte:02X}"),
            }
        }
        url
    }

    /// The file of the SQLite database at `url`; `None` for another database.
    #[must_use]
    pub fn file_of_address(url: &str) -> Option<PathBuf> {
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
        Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
    }

    /// Counts up with every change that others decide by. A server that sees the same number knows that nothing
    /// changed.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn revision(&self) -> Result<i64> {
        let row = sqlx::query("SELECT number FROM revision WHERE one = 1").fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Waits for the connections to end, so that the file of an SQLite database is whole by itself.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Begins a change: from here to its end this is the only writer.
    async fn change(&self) -> Result<Change> {
        // Without IMMEDIATE, SQLite would let two read and then refuse one of them the write.
        let mut transaction =
            if self.sqlite { self.pool.begin_with("BEGIN IMMEDIATE").await? } else { self.pool.begin().await? };
        let row = sqlx::query("UPDATE revision SET number = number + 1 WHERE one = 1 RETURNING number")
            .fetch_one(&mut *transaction)
            .await?;
        let revision = row.try_get(0)?;
        Ok(Change { transaction, revision })
    }
}

/// A change under way. Dropped, nothing of it happened; ended by [`Change::commit`], all of it did.
struct Change {
    transaction: Transaction<'static, Any>,
    revision: i64,
}

impl Change {
    /// Leaves `record` in the audit log and ends the change.
    async fn commit(mut self, record: Record<'_>) -> Result<()> {
        audit::append(&mut self.transaction, self.revision, record).await?;
        self.transaction.commit().await?;
        Ok(())
    }
}

fn migrator(sqlite: bool) -> Migrator {
    let bytes = if sqlite { "BLOB" } else { "BYTEA" };
    let migrations = MIGRATIONS.iter().zip(1..).map(|((name, sql), version)| {
        let sql: SqlStr = sqlx::AssertSqlSafe(sql.replace("{bytes}", bytes)).into_sql_str();
        Migration::new(version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// `url` as it may be shown and logged.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}@{}", &rest[user.len() + 1..])
        }
        None => url.to_owned(),
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A fresh identifier.
fn fresh() -> Result<Id> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| DatabaseError::Damaged { what: format!("the system gives no random numbers: {error}") })?;
    Ok((i64::from_le_bytes(bytes) & ((1 << 53) - 1)).max(1))
}

/// A hash column.
fn hash(row: &AnyRow, column: &str) -> Result<Hash> {
    let text: String = row.try_get(column)?;
    read_hash(&text, column)
}

/// A hash column that may hold nothing.
fn hash_or_none(row: &AnyRow, column: &str) -> Result<Option<Hash>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| read_hash(&text, column)).transpose()
}

fn read_hash(text: &str, column: &str) -> Result<Hash> {
    Hash::from_hex(text).ok_or_else(|| DatabaseError::Damaged { what: format!("{column} is {text:?} and no hash") })
}

/// A column of sizes or counts.
fn count(row: &AnyRow, column: &str) -> Result<u64> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| DatabaseError::Damaged { what: format!("{column} is {number}") })
}

/// A size or count for a column.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What is said of the first so many names that there are.
const SHOWN: usize = 12;

/// An error that tells which names there are.
fn unknown(what: &'static str, name: &str, mut known: Vec<String>) -> DatabaseError {
    if known.len() > SHOWN {
        let more = known.len() - SHOWN;
        known.truncate(SHOWN);
        known.push(format!("{more} more"));
    }
    DatabaseError::Unknown { what, name: name.chars().take(128).collect(), known }
}
