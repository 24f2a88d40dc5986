//! Organisations, apps and platforms: what everything else belongs to.

use sqlx::{AnyConnection, Row};

use super::{Change, Database, DatabaseError, Id, Record, Result, fresh, now, unknown};

/// The longest name, in bytes: names become folders on a host.
const NAME_BYTES: usize = 64;

/// One platform of one app: what has binaries and channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its identifier.
    pub id: Id,
    /// Whose it is; empty where the app belongs to nobody in particular.
    pub organisation: String,
    /// The app.
    pub app: String,
    /// `ios` or `android`.
    pub name: String,
}

impl Platform {
    /// `acme/shop/ios`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.app_path(), self.name)
    }

    /// `acme/shop`, or `shop` where it has no owner.
    #[must_use]
    pub fn app_path(&self) -> String {
        if self.organisation.is_empty() { self.app.clone() } else { format!("{}/{}", self.organisation, self.app) }
    }
}

/// Checks a name of an organisation, app, channel, version or build: 1 to 64 ASCII letters, digits, `.`, `_`, `-` and
/// `+`, beginning with a letter or digit and not ending in a dot, since it becomes the name of a folder on a host. `of`
/// says what it names, with its article.
///
/// # Errors
/// [`DatabaseError::Name`].
pub fn check_name(name: &str, of: &'static str) -> Result<()> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_BYTES {
        "it is longer than 64 bytes"
    } else if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'+')) {
        "only letters and digits of ASCII, '.', '_', '-' and '+' may be in it"
    } else if !name.as_bytes()[0].is_ascii_alphanumeric() {
        "it must begin with a letter or digit"
    } else if name.ends_with('.') {
        "it may not end in a dot"
    } else {
        return Ok(());
    };
    Err(DatabaseError::Name { name: name.chars().take(80).collect(), of, reason })
}

/// The identifier that `find` selects by an owner and a name, refusing a name that differs in case only.
async fn find(connection: &mut AnyConnection, find: &'static str, owner: Id, name: &str) -> Result<Option<Id>> {
    let row = sqlx::query(find).bind(owner).bind(name.to_ascii_lowercase()).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    let known: String = row.try_get("name")?;
    if known == name {
        return Ok(Some(row.try_get("id")?));
    }
    let reason = "there is one that differs only in capital letters, and some hosts cannot keep both";
    Err(DatabaseError::Name { name: name.to_owned(), of: "another one", reason })
}

async fn insert(connection: &mut AnyConnection, insert: &'static str, owner: Id, name: &str) -> Result<Id> {
    let id = fresh()?;
    sqlx::query(insert).bind(id).bind(owner).bind(name.to_owned()).bind(now()).execute(connection).await?;
    Ok(id)
}

// The organisation has no owner; that its statements take one all the same keeps the three alike.
const FIND: [&str; 3] = [
    "SELECT id, name FROM organisations WHERE $1 = 0 AND LOWER(name) = $2",
    "SELECT id, name FROM apps WHERE organisation = $1 AND LOWER(name) = $2",
    "SELECT id, name FROM platforms WHERE app = $1 AND LOWER(name) = $2",
];
const INSERT: [&str; 3] = [
    "INSERT INTO organisations (id, name, created) SELECT $1, $3, $4 WHERE $2 = 0",
    "INSERT INTO apps (id, organisation, name, created) VALUES ($1, $2, $3, $4)",
    "INSERT INTO platforms (id, app, name, created) VALUES ($1, $2, $3, $4)",
];

impl Database {
    /// The platform of this name, made where it is not there yet; with whether it was made.
    ///
    /// # Errors
    /// [`DatabaseError::Name`] for a name that cannot be used.
    pub async fn ensure_platform(
        &self,
        organisation: &str,
        app: &str,
        platform: &str,
        who: &str,
    ) -> Result<(Platform, bool)> {
        if !organisation.is_empty() {
            check_name(organisation, "an organisation")?;
        }
        check_name(app, "an app")?;
        check_platform(platform)?;
        if let Some(found) = self.find_platform(organisation, app, platform).await? {
            return Ok((found, false));
        }
        let mut change: Change = self.change().await?;
        let mut id = 0;
        let mut made = false;
        for (level, name) in [organisation, app, platform].into_iter().enumerate() {
            id = match find(&mut change.transaction, FIND[level], id, name).await? {
                Some(id) => id,
                None => {
                    made = true;
                    insert(&mut change.transaction, INSERT[level], id, name).await?
                }
            };
        }
        let found = Platform { id, organisation: organisation.into(), app: app.into(), name: platform.into() };
        if made {
            change.commit(Record { who, action: "create", subject: &found.path(), detail: "" }).await?;
        }
        Ok((found, made))
    }

    /// The platform of this name.
    ///
    /// # Errors
    /// [`DatabaseError::Unknown`] with the apps that there are.
    pub async fn platform(&self, organisation: &str, app: &str, platform: &str) -> Result<Platform> {
        check_platform(platform)?;
        if let Some(found) = self.find_platform(organisation, app, platform).await? {
            return Ok(found);
        }
        let known = self.platforms().await?;
        let same_organisation = known.iter().filter(|known| known.organisation == organisation);
        let known = same_organisation.map(|known| format!("{} ({})", known.app, known.name)).collect();
        Err(unknown("app", &format!("{organisation}/{app}/{platform}"), known))
    }

    async fn find_platform(&self, organisation: &str, app: &str, platform: &str) -> Result<Option<Platform>> {
        let row = sqlx::query(
            "SELECT platforms.id FROM platforms JOIN apps ON apps.id = platforms.app \
             JOIN organisations ON organisations.id = apps.organisation \
             WHERE organisations.name = $1 AND apps.name = $2 AND platforms.name = $3",
        )
        .bind(organisation.to_owned())
        .bind(app.to_owned())
        .bind(platform.to_owned())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (organisation, app, name) = (organisation.to_owned(), app.to_owned(), platform.to_owned());
        Ok(Some(Platform { id: row.try_get(0)?, organisation, app, name }))
    }

    /// All platforms of all apps, by name.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn platforms(&self) -> Result<Vec<Platform>> {
        let rows = sqlx::query(
            "SELECT platforms.id AS id, organisations.name AS organisation, apps.name AS app, platforms.name AS name \
             FROM platforms JOIN apps ON apps.id = platforms.app \
             JOIN organisations ON organisations.id = apps.organisation \
             ORDER BY organisations.name, apps.name, platforms.name",
        )
        .fetch_all(&self.pool)
        .await?;
        let platform = |row: &sqlx::any::AnyRow| {
            Ok(Platform {
                id: row.try_get("id")?,
                organisation: row.try_get("organisation")?,
                app: row.try_get("app")?,
                name: row.try_get("name")?,
            })
        };
        rows.iter().map(platform).collect()
    }
}

fn check_platform(name: &str) -> Result<()> {
    if matches!(name, "ios" | "android") {
        return Ok(());
    }
    Err(DatabaseError::Name {
        name: name.chars().take(120).collect(),
        of: "a platform",
        reason: "there are ios and android",
    })
}
