//! Binaries: store builds, by version and build number.

use sqlx::{Row, any::AnyRow};

use super::{Database, DatabaseError, Id, Platform, Record, Result, check_name, fresh, hash_or_none, now};
use crate::hash::Hash;

/// A store build of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Its identifier.
    pub id: Id,
    /// Its version, as the store shows it.
    pub version: String,
    /// Its build number, as the platform writes it.
    pub build: String,
    /// The tree hash of the bundle that it embeds; none where the build is not known yet.
    pub tree: Option<Hash>,
    /// What its native parts are, where that is known.
    pub fingerprint: Option<String>,
    /// When it became known, in seconds since 1970.
    pub created: i64,
}

impl Binary {
    /// `1.0.0 (1)`, as release engineers write it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} ({})", self.version, self.build)
    }
}

/// A binary to add.
#[derive(Debug, Clone, Copy)]
pub struct NewBinary<'a> {
    /// Its version.
    pub version: &'a str,
    /// Its build number.
    pub build: &'a str,
    /// The tree hash of the bundle that it embeds, where that is known.
    pub tree: Option<Hash>,
    /// What its native parts are, where that is known.
    pub fingerprint: Option<&'a str>,
}

impl Database {
    /// Adds a binary, or completes one that was known by version and build number only. Adding what is known already
    /// changes nothing. With whether anything changed.
    ///
    /// # Errors
    /// [`DatabaseError::BinaryDiffers`] where it is known with another content, [`DatabaseError::Name`] for a version
    /// or build number that cannot be one.
    pub async fn add_binary(&self, platform: &Platform, new: NewBinary<'_>, who: &str) -> Result<(Binary, bool)> {
        check_name(new.version, "a version")?;
        check_name(new.build, "a build number")?;
        let mut change = self.change().await?;
        let row = sqlx::query("SELECT * FROM binaries WHERE platform = $1 AND version = $2 AND build = $3")
            .bind(platform.id)
            .bind(new.version.to_owned())
            .bind(new.build.to_owned())
            .fetch_optional(&mut *change.transaction)
            .await?;
        let binary = match row.as_ref().map(binary).transpose()? {
            Some(mut found) => {
                if let (Some(known), Some(tree)) = (found.tree, new.tree)
                    && known != tree
                {
                    let (version, build) = (found.version, found.build);
                    return Err(DatabaseError::BinaryDiffers { version, build, known, found: tree });
                }
                let before = found.clone();
                found.tree = found.tree.or(new.tree);
                found.fingerprint = new.fingerprint.map(str::to_owned).or(found.fingerprint);
                if found == before {
                    return Ok((found, false));
                }
                sqlx::query("UPDATE binaries SET tree = $1, fingerprint = $2 WHERE id = $3")
                    .bind(found.tree.map(|tree| tree.to_string()))
                    .bind(found.fingerprint.clone())
                    .bind(found.id)
                    .execute(&mut *change.transaction)
                    .await?;
                found
            }
            None => {
                let binary = Binary {
                    id: fresh()?,
                    version: new.version.to_owned(),
                    build: new.build.to_owned(),
                    tree: new.tree,
                    fingerprint: new.fingerprint.map(str::to_owned),
                    created: now(),
                };
                sqlx::query(
                    "INSERT INTO binaries (id, platform, version, build, tree, fingerprint, created) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(binary.id)
                .bind(platform.id)
                .bind(binary.version.clone())
                .bind(binary.build.clone())
                .bind(binary.tree.map(|tree| tree.to_string()))
                .bind(binary.fingerprint.clone())
                .bind(binary.created)
                .execute(&mut *change.transaction)
                .await?;
                binary
            }
        };
        let subject = format!("{} {}", platform.path(), binary.name());
        let detail = binary.tree.map_or_else(|| "not built yet".to_owned(), |tree| format!("tree {tree}"));
        change.commit(Record { who, action: "binary add", subject: &subject, detail: &detail }).await?;
        Ok((binary, true))
    }

    /// The binaries of a platform, in the order in which they became known.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`], [`DatabaseError::Damaged`].
    pub async fn binaries(&self, platform: &Platform) -> Result<Vec<Binary>> {
        let rows = sqlx::query("SELECT * FROM binaries WHERE platform = $1 ORDER BY created, version, build")
            .bind(platform.id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(binary).collect()
    }
}

fn binary(row: &AnyRow) -> Result<Binary> {
    Ok(Binary {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        build: row.try_get("build")?,
        tree: hash_or_none(row, "tree")?,
        fingerprint: row.try_get("fingerprint")?,
        created: row.try_get("created")?,
    })
}
