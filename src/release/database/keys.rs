//! Public keys that an organisation uses or used.

use sqlx::{Row, any::AnyRow};

use super::{Database, Id, Platform, Record, Result, fresh, now, unknown};

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its identifier in the database.
    pub id: Id,
    /// What it is for: `root`, `release`, `head`.
    pub role: String,
    /// What people call it.
    pub name: String,
    /// The public key in hexadecimal.
    pub public_key: String,
    /// Seconds since 1970.
    pub created: i64,
    /// When its word ends to count, in seconds since 1970.
    pub expires: Option<i64>,
    /// When it was taken back, in seconds since 1970.
    pub revoked: Option<i64>,
}

impl Database {
    async fn organisation_of(&self, platform: &Platform) -> Result<Id> {
        let row = sqlx::query(
            "SELECT apps.organisation FROM platforms JOIN apps ON apps.id = platforms.app WHERE platforms.id = $1",
        )
        .bind(platform.id)
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some(row) => Ok(row.try_get(0)?),
            None => Err(unknown("app", &platform.path(), Vec::new())),
        }
    }

    /// The roots of an organisation, each with its number, ascending.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`].
    pub async fn roots(&self, organisation: &str) -> Result<Vec<(i64, Vec<u8>)>> {
        let rows = sqlx::query(
            "SELECT roots.number AS number, roots.document AS document FROM roots \
             JOIN organisations ON organisations.id = roots.organisation WHERE organisations.name = $1 \
             ORDER BY roots.number",
        )
        .bind(organisation.to_owned())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("number")?, row.try_get("document")?))).collect()
    }

    /// Adds the root `number` of the organisation that `platform` belongs to. A root that is there stays: its number is
    /// taken. Whoever calls this has checked that it follows the one before.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`], also where another root has the number.
    pub async fn add_root(&self, platform: &Platform, number: i64, document: &[u8], who: &str) -> Result<()> {
        let organisation = self.organisation_of(platform).await?;
        let mut change = self.change().await?;
        sqlx::query("INSERT INTO roots (organisation, number, document, created) VALUES ($1, $2, $3, $4)")
            .bind(organisation)
            .bind(number)
            .bind(document.to_vec())
            .bind(now())
            .execute(&mut *change.transaction)
            .await?;
        let subject = format!("{} root {number}", platform.organisation);
        change.commit(Record { who, action: "root add", subject: subject.trim_start(), detail: "" }).await
    }

    /// Writes down a public key of the organisation that `platform` belongs to. Again for the same key, nothing
    /// changes.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`].
    pub async fn record_key(&self, platform: &Platform, key: &Key, who: &str) -> Result<()> {
        let organisation = self.organisation_of(platform).await?;
        let mut change = self.change().await?;
        let inserted = sqlx::query(
            "INSERT INTO keys (id, organisation, role, name, public_key, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation, role, public_key) DO NOTHING",
        )
        .bind(fresh()?)
        .bind(organisation)
        .bind(key.role.clone())
        .bind(key.name.clone())
        .bind(key.public_key.clone())
        .bind(now())
        .bind(key.expires)
        .execute(&mut *change.transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(());
        }
        let subject = format!("{} {}", key.role, key.public_key);
        change.commit(Record { who, action: "key add", subject: &subject, detail: &key.name }).await
    }

    /// Marks a public key as taken back.
    ///
    /// # Errors
    /// [`super::DatabaseError::Unknown`] where there is no such key that still counts.
    pub async fn revoke_key(&self, platform: &Platform, public_key: &str, who: &str) -> Result<()> {
        let organisation = self.organisation_of(platform).await?;
        let mut change = self.change().await?;
        let revoked =
            sqlx::query("UPDATE keys SET revoked = $1 WHERE organisation = $2 AND public_key = $3 AND revoked IS NULL")
                .bind(now())
                .bind(organisation)
                .bind(public_key.to_owned())
                .execute(&mut *change.transaction)
                .await?;
        if revoked.rows_affected() == 0 {
            let known = self.keys(platform).await?.into_iter().map(|key| key.public_key).collect();
            return Err(unknown("key", public_key, known));
        }
        change.commit(Record { who, action: "key revoke", subject: public_key, detail: "" }).await
    }

    /// All keys of the organisation that `platform` belongs to, oldest first.
    ///
    /// # Errors
    /// [`super::DatabaseError::Statement`].
    pub async fn keys(&self, platform: &Platform) -> Result<Vec<Key>> {
        let organisation = self.organisation_of(platform).await?;
        let rows = sqlx::query("SELECT * FROM keys WHERE organisation = $1 ORDER BY created, role, public_key")
            .bind(organisation)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(key).collect()
    }
}

fn key(row: &AnyRow) -> Result<Key> {
    Ok(Key {
        id: row.try_get("id")?,
        role: row.try_get("role")?,
        name: row.try_get("name")?,
        public_key: row.try_get("public_key")?,
        created: row.try_get("created")?,
        expires: row.try_get("expires")?,
        revoked: row.try_get("revoked")?,
    })
}
