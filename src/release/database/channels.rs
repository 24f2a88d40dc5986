//! Channels, and the one step that publishes: everything a release changes, together with the channel's new head.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Database, DatabaseError, Id, Platform, Record, Result, check_name, column, fresh, now,
    releases::{Release, releases},
    unknown,
};
use crate::hash::Hash;

/// A channel with the head that devices are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its identifier.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The number of its head; 0 before the first one.
    pub head_number: i64,
    /// The signed head.
    pub head: Option<Vec<u8>>,
}

/// What may change about a release that is out. `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Which release: the number of its label.
    pub number: i64,
    /// What its makers say of it.
    pub description: Option<String>,
    /// Whether devices must install it.
    pub mandatory: Option<bool>,
    /// Whether it is held back.
    pub disabled: Option<bool>,
    /// The percentage of devices that may have it: never less than before.
    pub rollout: Option<i64>,
    /// The binaries that it is for, with the statement that says so.
    pub targets: Option<Vec<Id>>,
    /// The statement that was signed anew.
    pub statement: Option<Hash>,
}

/// One step on a channel: all of it happens, or nothing.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// The platform, for the audit log.
    pub platform: &'a Platform,
    /// The channel as it was read: where its head moved since, nothing happens.
    pub channel: &'a Channel,
    /// The new head, signed; its number is one above the channel's.
    pub head: &'a [u8],
    /// A release to add; its number is one above the channel's highest.
    pub release: Option<Release>,
    /// What changes about releases that are out.
    pub edits: Vec<Edit>,
    /// Who publishes.
    pub who: &'a str,
    /// What they do, as a verb.
    pub action: &'a str,
    /// What else the audit log should keep.
    pub detail: &'a str,
}

impl Database {
    /// The channel of this name, made where it is not there yet; with whether it was made.
    ///
    /// # Errors
    /// [`DatabaseError::Name`] for a name that cannot be used.
    pub async fn ensure_channel(&self, platform: &Platform, name: &str, who: &str) -> Result<(Channel, bool)> {
        check_name(name, "a channel")?;
        if let Some(found) = self.find_channel(platform, name).await? {
            return Ok((found, false));
        }
        let mut change = self.change().await?;
        let row = sqlx::query("SELECT * FROM channels WHERE platform = $1 AND LOWER(name) = $2")
            .bind(platform.id)
            .bind(name.to_ascii_lowercase())
            .fetch_optional(&mut *change.transaction)
            .await?;
        if let Some(found) = row.as_ref().map(channel).transpose()? {
            if found.name == name {
                return Ok((found, false));
            }
            let reason = "there is one that differs only in capital letters, and some hosts cannot keep both";
            return Err(DatabaseError::Name { name: name.to_owned(), of: "another channel", reason });
        }
        let found = Channel { id: fresh()?, name: name.to_owned(), head_number: 0, head: None };
        sqlx::query("INSERT INTO channels (id, platform, name, head_number, created) VALUES ($1, $2, $3, 0, $4)")
            .bind(found.id)
            .bind(platform.id)
            .bind(found.name.clone())
            .bind(now())
            .execute(&mut *change.transaction)
            .await?;
        let subject = format!("{}/{name}", platform.path());
        change.commit(Record { who, action: "create", subject: &subject, detail: "" }).await?;
        Ok((found, true))
    }

    /// The channel of this name.
    ///
    /// # Errors
    /// [`DatabaseError::Unknown`] with the channels that there are.
    pub async fn channel(&self, platform: &Platform, name: &str) -> Result<Channel> {
        match self.find_channel(platform, name).await? {
            Some(found) => Ok(found),
            None => {
                let known = self.channels(platform).await?.into_iter().map(|channel| channel.name).collect();
                Err(unknown("channel", name, known))
            }
        }
    }

    async fn find_channel(&self, platform: &Platform, name: &str) -> Result<Option<Channel>> {
        let row = sqlx::query("SELECT * FROM channels WHERE platform = $1 AND name = $2")
            .bind(platform.id)
            .bind(name.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(channel).transpose()
    }

    /// The channels of a platform, by name.
    ///
    /// # Errors
    /// [`DatabaseError::Statement`].
    pub async fn channels(&self, platform: &Platform) -> Result<Vec<Channel>> {
        let rows = sqlx::query("SELECT * FROM channels WHERE platform = $1 ORDER BY name")
            .bind(platform.id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(channel).collect()
    }

    /// Publishes: swaps the channel's head for the new one if it is still the one that was read, and writes down what
    /// that changes, in one transaction. Of two at once, one wins and the other is told.
    ///
    /// # Errors
    /// [`DatabaseError::Moved`] for the one that lost; [`DatabaseError::Shrinks`], [`DatabaseError::Unknown`] for an
    /// edit that cannot be. Nothing happened then.
    pub async fn publish(&self, publication: Publication<'_>) -> Result<()> {
        let Publication { platform, channel, head, release, edits, who, action, detail } = publication;
        let mut change = self.change().await?;
        let swapped = sqlx::query("UPDATE channels SET head_number = $1, head = $2 WHERE id = $3 AND head_number = $4")
            .bind(channel.head_number + 1)
            .bind(head.to_vec())
            .bind(channel.id)
            .bind(channel.head_number)
            .execute(&mut *change.transaction)
            .await?;
        if swapped.rows_affected() != 1 {
            let row = sqlx::query("SELECT head_number FROM channels WHERE id = $1")
                .bind(channel.id)
                .fetch_optional(&mut *change.transaction)
                .await?;
            let found = row.map_or(Ok(0), |row| row.try_get(0))?;
            let (channel, expected) = (channel.name.clone(), channel.head_number);
            return Err(DatabaseError::Moved { channel, expected, found });
        }
        let mut subject = format!("{}/{}", platform.path(), channel.name);
        if let Some(release) = &release {
            subject += &format!(" {}", release.label());
            insert_release(&mut change.transaction, channel.id, release).await?;
        }
        for edit in &edits {
            apply_edit(&mut change.transaction, channel, edit).await?;
        }
        change.commit(Record { who, action, subject: &subject, detail }).await
    }
}

async fn insert_release(connection: &mut AnyConnection, channel: Id, release: &Release) -> Result<()> {
    sqlx::query(
        "INSERT INTO releases (channel, number, statement, tree, files, size_bytes, description, mandatory, disabled, \
         rollout, origin, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(channel)
    .bind(release.number)
    .bind(release.statement.to_string())
    .bind(release.tree.to_string())
    .bind(column(release.files))
    .bind(column(release.size_bytes))
    .bind(release.description.clone())
    .bind(i64::from(release.mandatory))
    .bind(i64::from(release.disabled))
    .bind(release.rollout)
    .bind(release.origin.clone())
    .bind(release.created)
    .execute(&mut *connection)
    .await?;
    insert_targets(connection, channel, release.number, &release.targets).await
}

async fn insert_targets(connection: &mut AnyConnection, channel: Id, number: i64, targets: &[Id]) -> Result<()> {
    for target in targets {
        sqlx::query("INSERT INTO targets (channel, number, binary_id) VALUES ($1, $2, $3)")
            .bind(channel)
            .bind(number)
            .bind(*target)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn apply_edit(connection: &mut AnyConnection, channel: &Channel, edit: &Edit) -> Result<()> {
    let all = releases(connection, channel.id, usize::MAX).await?;
    let Some(mut release) = all.iter().find(|release| release.number == edit.number).cloned() else {
        return Err(unknown("release", &format!("v{}", edit.number), all.iter().map(Release::label).collect()));
    };
    if let Some(to) = edit.rollout {
        if to < release.rollout {
            return Err(DatabaseError::Shrinks { label: release.label(), from: release.rollout, to });
        }
        release.rollout = to;
    }
    sqlx::query(
        "UPDATE releases SET description = $1, mandatory = $2, disabled = $3, rollout = $4, statement = $5 \
         WHERE channel = $6 AND number = $7",
    )
    .bind(edit.description.clone().unwrap_or(release.description))
    .bind(i64::from(edit.mandatory.unwrap_or(release.mandatory)))
    .bind(i64::from(edit.disabled.unwrap_or(release.disabled)))
    .bind(release.rollout)
    .bind(edit.statement.unwrap_or(release.statement).to_string())
    .bind(channel.id)
    .bind(edit.number)
    .execute(&mut *connection)
    .await?;
    if let Some(targets) = &edit.targets {
        sqlx::query("DELETE FROM targets WHERE channel = $1 AND number = $2")
            .bind(channel.id)
            .bind(edit.number)
            .execute(&mut *connection)
            .await?;
        insert_targets(connection, channel.id, edit.number, targets).await?;
    }
    Ok(())
}

fn channel(row: &AnyRow) -> Result<Channel> {
    Ok(Channel {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        head_number: row.try_get("head_number")?,
        head: row.try_get("head")?,
    })
}
