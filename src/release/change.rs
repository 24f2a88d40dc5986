//! What happens to releases afterwards: metadata patched, promoted to another channel, rolled back, heads refreshed.

use super::{
    Outcome, Pipeline, ReleaseError, Signer, Target,
    bench::read_tree,
    database::{Binary, Channel, Edit, Platform, Release, now},
    plan,
    publish::Step,
};
use crate::{
    store::Lease,
    trust::{Statement, sign},
};

/// Statements that are read back, at most so large.
const STATEMENT_BYTES: u64 = 80 << 10;

/// What to patch about a release that is out. None leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The percentage of devices that may have it: never less than before.
    pub rollout: Option<i64>,
    /// Whether devices must install it.
    pub mandatory: Option<bool>,
    /// Whether it is held back.
    pub disabled: Option<bool>,
    /// What it brings, for people.
    pub description: Option<String>,
    /// The binaries that it is for.
    pub target: Option<Target>,
}

impl Pipeline {
    /// Patches what is said about a release. Its content never changes.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing has changed then.
    pub async fn edit(
        &self,
        platform: &Platform,
        channel: &str,
        label: &str,
        change: Change,
        signer: &Signer,
    ) -> Result<Release, ReleaseError> {
        let channel = self.database.channel(platform, channel).await?;
        let release = self.database.release(&channel, label).await?;
        let targets = match &change.target {
            Some(target) => {
                Some(self.targets(platform, target, false).await?.iter().map(|binary| binary.id).collect::<Vec<_>>())
            }
            None => None,
        };
        let edit = Edit {
            number: release.number,
            description: change.description,
            mandatory: change.mandatory,
            disabled: change.disabled,
            rollout: change.rollout,
            targets,
            statement: None,
        };
        if edit.is_empty() {
            return Err(ReleaseError::NothingToChange);
        }
        let detail = format!("{} {}", release.label(), edit.describe());
        self.step(
            platform,
            &channel,
            signer,
            Step { release: None, edits: vec![edit], action: "edit", detail: &detail },
        )
        .await?;
        Ok(self.database.release(&channel, label).await?)
    }

    /// Ships a release of one channel on another: the same content for the same binaries, under a label of its own.
    /// What `change` leaves open is as in the release that is promoted, but for the rollout, which begins at 100.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing has changed then.
    pub async fn promote(
        &self,
        platform: &Platform,
        from: &str,
        label: Option<&str>,
        to: &str,
        change: Change,
        signer: &Signer,
    ) -> Result<Outcome, ReleaseError> {
        let source = self.database.channel(platform, from).await?;
        let release = match label {
            Some(label) => self.database.release(&source, label).await?,
            None => self.newest(&source).await?,
        };
        let (channel, _) = self.database.ensure_channel(platform, to, &self.who).await?;
        let origin = format!("{from} {}", release.label());
        self.again(platform, &channel, &release, origin, "promote", change, signer).await
    }

    /// Goes back to an older release of a channel: its content is released again, under a new label, so that devices
    /// which have something newer take it. Without a label it is the one before the newest.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing has changed then.
    pub async fn roll_back(
        &self,
        platform: &Platform,
        channel: &str,
        label: Option<&str>,
        change: Change,
        signer: &Signer,
    ) -> Result<Outcome, ReleaseError> {
        let channel = self.database.channel(platform, channel).await?;
        let release = match label {
            Some(label) => self.database.release(&channel, label).await?,
            None => {
                let newest = self.newest(&channel).await?;
                let releases = self.database.releases(&channel, usize::MAX).await?;
                let before = releases.into_iter().skip(1).find(|release| {
                    !release.disabled && release.tree != newest.tree && release.targets == newest.targets
                });
                before.ok_or(ReleaseError::NothingBefore { channel: channel.name.clone(), label: newest.label() })?
            }
        };
        let origin = format!("back to {}", release.label());
        self.again(platform, &channel, &release, origin, "roll back", change, signer).await
    }

    async fn newest(&self, channel: &Channel) -> Result<Release, ReleaseError> {
        match self.database.releases(channel, 1).await?.pop() {
            Some(newest) => Ok(newest),
            None => Ok(self.database.release(channel, "v1").await?),
        }
    }

    /// Releases the content of `release` on `channel` once more, with patches from what that channel serves.
    async fn again(
        &self,
        platform: &Platform,
        channel: &Channel,
        release: &Release,
        origin: String,
        action: &'static str,
        change: Change,
        signer: &Signer,
    ) -> Result<Outcome, ReleaseError> {
        signer.check()?;
        let lease = Lease::take(&self.store).await?;
        let known = self.database.binaries(platform).await?;
        let targets: Vec<Binary> = match &change.target {
            Some(target) => self.targets(platform, target, false).await?,
            None => known.iter().filter(|binary| release.targets.contains(&binary.id)).cloned().collect(),
        };
        let before = self.database.releases(channel, usize::MAX).await?;
        super::publish::refuse_identical(channel, release.tree, &before, &targets)?;
        let statement = Statement::unverified(&self.store.read(&release.statement, STATEMENT_BYTES).await?)?;
        let tree = read_tree(&self.store, &self.database, release.tree).await?;
        let candidates = self.candidates(platform, &targets, &before, 5).await?;
        let mut ways = self.ways(&self.database.patches(platform.id).await?).await?;
        let budget = plan::Budget { patches: Some(10), ..plan::Budget::default() };
        let plan = plan::plan(release.tree, tree.total_bytes(), &candidates, &ways, &budget);
        let made = self.make_planned(platform, release.tree, &plan, crate::diff::Effort::Default).await?;
        ways.extend(&made);

        let description = change.description.unwrap_or_else(|| release.description.clone());
        let next = Release {
            number: before.first().map_or(1, |newest| newest.number + 1),
            description,
            mandatory: change.mandatory.unwrap_or(release.mandatory),
            disabled: change.disabled.unwrap_or(false),
            rollout: change.rollout.unwrap_or(100),
            origin,
            created: now(),
            targets: targets.iter().map(|binary| binary.id).collect(),
            ..release.clone()
        };
        if !(0..=100).contains(&next.rollout) {
            return Err(ReleaseError::Rollout { found: next.rollout });
        }
        let detail = format!("tree {}, {}", next.tree, next.origin);
        let step = Step { release: Some((next.clone(), statement.bundle)), edits: Vec::new(), action, detail: &detail };
        lease.check()?;
        let (added, head) = self.publish(platform, channel, signer, &ways, step).await?;
        // Left lying it ends by itself.
        let _ = lease.release().await;
        let full_bytes = ways.cheapest(release.tree, &[]).map_or(0, |(bytes, _)| bytes);
        Ok(Outcome {
            release: added.unwrap_or(next),
            targets: targets.iter().map(Binary::name).collect(),
            new_objects: 0,
            plan,
            made,
            head,
            full_bytes,
        })
    }

    /// Signs the head of a channel anew: with the patches that were made since, and a later end of its validity. A head
    /// is refreshed only when something is gained: new routes, or `days` or fewer left of its validity. Returns the
    /// number of the new head.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing has changed then.
    pub async fn refresh(
        &self,
        platform: &Platform,
        channel: &Channel,
        signer: &Signer,
        always: bool,
    ) -> Result<Option<i64>, ReleaseError> {
        let Some(document) = &channel.head else { return Ok(None) };
        let head = crate::trust::Head::unverified(document)?;
        let ways = self.ways(&self.database.patches(platform.id).await?).await?;
        let releases = self.database.releases(channel, usize::MAX).await?;
        let mut gained = always
            || head.root != signer.root.number
            || head.expires < crate::trust::Time::now().plus(sign::HEAD_DAYS * 86_400 / 2);
        for listed in &head.releases {
            let Some(release) = releases.iter().find(|release| u64::try_from(release.number) == Ok(listed.label))
            else {
                continue;
            };
            gained |= listed.routes.hash() != crate::hash::Hash::of(&ways.routes(release.tree).write());
        }
        if !gained {
            return Ok(None);
        }
        let step = Step { release: None, edits: Vec::new(), action: "refresh", detail: "" };
        Ok(Some(self.publish(platform, channel, signer, &ways, step).await?.1))
    }

    async fn step(
        &self,
        platform: &Platform,
        channel: &Channel,
        signer: &Signer,
        step: Step<'_>,
    ) -> Result<i64, ReleaseError> {
        let ways = self.ways(&self.database.patches(platform.id).await?).await?;
        Ok(self.publish(platform, channel, signer, &ways, step).await?.1)
    }
}

impl Edit {
    /// Whether it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.description.is_none()
            && self.mandatory.is_none()
            && self.disabled.is_none()
            && self.rollout.is_none()
            && self.targets.is_none()
    }

    /// What it changes, for the audit log.
    fn describe(&self) -> String {
        let mut words = Vec::new();
        if let Some(rollout) = self.rollout {
            words.push(format!("rollout {rollout} %"));
        }
        for (name, value) in [("mandatory", self.mandatory), ("disabled", self.disabled)] {
            if let Some(value) = value {
                words.push(format!("{name} {value}"));
            }
        }
        if self.description.is_some() {
            words.push("description".to_owned());
        }
        if let Some(targets) = &self.targets {
            words.push(format!("{} binaries", targets.len()));
        }
        words.join(", ")
    }
}
