//! A release from beginning to end, and the one step that every change of a channel ends with.

use std::{collections::HashMap, path::PathBuf};

use super::{
    Made, Pipeline, ReleaseError, Signer, Target,
    bench::Bench,
    database::{
        Binary, Channel, DatabaseError, Edit, KnownTree, NewBinary, Patch, Pending, Platform, Publication, Release, now,
    },
    offer::{self, Ways},
    plan,
};
use crate::{
    diff::Effort,
    hash::Hash,
    store::Lease,
    tree::{Kind, Tree},
    trust::{self, App, Head, Statement, Time, sign},
};

/// Statements that are read back, at most so large; the format's own bound and a little more.
const STATEMENT_BYTES: u64 = 80 << 10;
/// A full release is made anew once the chain from the last one is longer than this.
const FULL_STEPS: usize = 3;
/// Or once the patches of that chain weigh more than this part of it.
const FULL_PART: u64 = 4;
const DAY_SECS: u64 = 86_400;

/// What to release, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder or file that the bundler wrote.
    pub bundle: PathBuf,
    /// The channel.
    pub channel: String,
    /// The binaries that it is for.
    pub target: Target,
    /// Whether the binary may be one that no store has yet.
    pub unreleased: bool,
    /// Which file of the bundle the app loads; guessed where it is none.
    pub entry: Option<String>,
    /// What it brings, for people.
    pub description: String,
    /// Whether devices must install it.
    pub mandatory: bool,
    /// Whether it is held back from all devices at first.
    pub disabled: bool,
    /// The percentage of devices that may have it.
    pub rollout: i64,
    /// How many of the channel's last releases get a patch.
    pub last: usize,
    /// What the patches may take.
    pub budget: plan::Budget,
    /// How hard to try for small patches.
    pub effort: Effort,
    /// Whether patches are left to workers, and the full release serves until they are there.
    pub later: bool,
    /// Whether a full release is made although a chain would do.
    pub full: bool,
}

/// What a release did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The release.
    pub release: Release,
    /// The binaries that it is for, by name.
    pub targets: Vec<String>,
    /// Objects that the store did not have, besides patches.
    pub new_objects: u64,
    /// What was planned, with reasons.
    pub plan: Vec<plan::Choice>,
    /// The patches that were made.
    pub made: Vec<Made>,
    /// The number of the channel's head.
    pub head: i64,
    /// Bytes that a device downloads which has nothing.
    pub full_bytes: u64,
}

impl Pipeline {
    /// Makes a release: takes the bundle in, makes the patches, signs, publishes. Devices see all of it or nothing.
    ///
    /// # Errors
    /// [`ReleaseError`]. Nothing that devices see has changed then; what was stored is used by the next try.
    pub async fn release(
        &self,
        platform: &Platform,
        request: &Request,
        signer: &Signer,
    ) -> Result<Outcome, ReleaseError> {
        signer.check()?;
        if !(0..=100).contains(&request.rollout) {
            return Err(ReleaseError::Rollout { found: request.rollout });
        }
        let tree = self.scan(&request.bundle).await?;
        let entry = entry(&tree, request.entry.as_deref())?;
        let targets = self.targets(platform, &request.target, request.unreleased).await?;
        let (channel, _) = self.database.ensure_channel(platform, &request.channel, &self.who).await?;
        let releases = self.database.releases(&channel, usize::MAX).await?;
        let hash = tree.hash();
        refuse_identical(&channel, hash, &releases, &targets)?;

        // From here to the end no collector takes away what this relies on.
        let lease = Lease::take(&self.store).await?;
        let taken = self.take(&request.bundle, tree).await?;
        let mut bench = Bench::new()?;
        bench.know(&taken.tree, &request.bundle);
        let patches = self.database.patches(platform.id).await?;
        let mut ways = self.ways(&patches).await?;
        let candidates = self.candidates(platform, &targets, &releases, request.last).await?;
        let plan = plan::plan(hash, taken.tree.total_bytes(), &candidates, &ways, &request.budget);
        let mut made = Vec::new();
        if request.later {
            let wanted = plan.iter().filter(|choice| choice.make).zip(0..);
            let pending: Vec<Pending> =
                wanted.map(|(choice, priority)| Pending { old: choice.candidate.tree, new: hash, priority }).collect();
            self.database.want_patches(platform, &pending).await?;
        } else {
            made = self.make_on(&mut bench, platform, hash, &plan, request.effort).await?;
        }
        ways.extend(&made);
        if request.full || needs_full(&ways, hash) {
            let full = self.make(&mut bench, &[(None, hash)], request.effort).await?;
            for full in &full {
                self.record_full(hash, full).await?;
            }
            ways.extend(&full);
            made.extend(full);
        }
        drop(bench);

        let number = releases.first().map_or(1, |newest| newest.number + 1);
        let release = Release {
            number,
            // Until it is signed.
            statement: hash,
            tree: hash,
            files: taken.tree.entries.len() as u64,
            size_bytes: taken.tree.total_bytes(),
            description: request.description.clone(),
            mandatory: request.mandatory,
            disabled: request.disabled,
            rollout: request.rollout,
            origin: String::new(),
            created: now(),
            targets: targets.iter().map(|binary| binary.id).collect(),
        };
        let names: Vec<String> = targets.iter().map(Binary::name).collect();
        let detail = format!("tree {hash} for {}", names.join(", "));
        let step =
            Step { release: Some((release.clone(), entry)), edits: Vec::new(), action: "release", detail: &detail };
        lease.check()?;
        let (added, head) = self.publish(platform, &channel, signer, &ways, step).await?;
        // Left lying it ends by itself.
        let _ = lease.release().await;
        let release = added.unwrap_or(release);
        let full_bytes = ways.cheapest(hash, &[]).map_or(0, |(bytes, _)| bytes);
        Ok(Outcome { release, targets: names, new_objects: taken.new_objects, plan, made, head, full_bytes })
    }

    /// The binaries that are meant. One that need not be there yet is written down by name.
    pub(super) async fn targets(
        &self,
        platform: &Platform,
        target: &Target,
        unreleased: bool,
    ) -> Result<Vec<Binary>, ReleaseError> {
        let known = self.database.binaries(platform).await?;
        let found: Vec<Binary> = target.resolve(&known, unreleased)?.into_iter().cloned().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let build = target.build.as_deref().unwrap_or_default();
        let new = NewBinary { version: &target.version, build, tree: None, fingerprint: None };
        Ok(vec![self.database.add_binary(platform, new, &self.who).await?.0])
    }

    /// Makes the patches that were planned, on a bench of its own.
    pub(super) async fn make_planned(
        &self,
        platform: &Platform,
        new: Hash,
        plan: &[plan::Choice],
        effort: Effort,
    ) -> Result<Vec<Made>, ReleaseError> {
        if plan.iter().any(|choice| choice.make) {
            self.make_on(&mut Bench::new()?, platform, new, plan, effort).await
        } else {
            Ok(Vec::new())
        }
    }

    /// Makes the patches that were planned, and tells the database.
    async fn make_on(
        &self,
        bench: &mut Bench,
        platform: &Platform,
        new: Hash,
        plan: &[plan::Choice],
        effort: Effort,
    ) -> Result<Vec<Made>, ReleaseError> {
        let wanted = plan.iter().filter(|choice| choice.make);
        let pairs: Vec<_> = wanted.map(|choice| (Some(choice.candidate.tree), new)).collect();
        let made = self.make(bench, &pairs, effort).await?;
        for made in &made {
            if let Some(old) = made.old {
                self.database.record_patch(platform, old, new, made.object, made.size_bytes).await?;
            }
        }
        Ok(made)
    }

    /// All ways that there are between trees of a platform with these `patches`.
    ///
    /// # Errors
    /// [`ReleaseError::Database`].
    pub async fn ways(&self, patches: &[Patch]) -> Result<Ways, ReleaseError> {
        let trees = self.database.trees().await?;
        let full = |tree: &KnownTree| tree.full.map(|(object, bytes)| (tree.tree, object, bytes));
        Ok(Ways::new(patches, trees.iter().filter_map(full)))
    }

    pub(super) async fn record_full(&self, tree: Hash, full: &Made) -> Result<(), ReleaseError> {
        if let Some(known) = self.database.tree(tree).await? {
            let known = KnownTree { full: Some((full.object, full.size_bytes)), ..known };
            self.database.record_tree(&known).await?;
        }
        Ok(())
    }

    /// Publishes one step on a channel: works out the head that follows, stores what it names, signs it, and swaps it
    /// for the one that was read, together with everything that it changes. Returns the release that was added and the
    /// number of the head.
    pub(super) async fn publish(
        &self,
        platform: &Platform,
        channel: &Channel,
        signer: &Signer,
        ways: &Ways,
        step: Step<'_>,
    ) -> Result<(Option<Release>, i64), ReleaseError> {
        let binaries = self.database.binaries(platform).await?;
        let mut releases = self.database.releases(channel, usize::MAX).await?;
        // In this order: where the head is still the one that was read, so are the releases. Swapping it says the same
        // in the end, but a head for a mixture of two histories need not even be well formed.
        let found = self.database.channel(platform, &channel.name).await?.head_number;
        if found != channel.head_number {
            let (channel, expected) = (channel.name.clone(), channel.head_number);
            return Err(DatabaseError::Moved { channel, expected, found }.into());
        }
        let trust_channel = trust_channel(platform, channel)?;
        let mut statements: HashMap<i64, Vec<u8>> = HashMap::new();
        let mut edits = step.edits;
        for edit in &mut edits {
            let Some(release) = releases.iter_mut().find(|release| release.number == edit.number) else { continue };
            foresee(release, edit)?;
            if edit.targets.is_some() || edit.description.is_some() {
                // What stands in the statement changes only with another signature of a release key.
                let before = self.store.read(&release.statement, STATEMENT_BYTES).await?;
                let mut statement = Statement::unverified(&before)?;
                statement.targets = names_of(&binaries, &release.targets)?;
                statement.description = described(&release.description);
                let signed = signer.statement(&statement)?;
                release.statement = self.store.put_bytes(&signed).await?.hash;
                edit.statement = Some(release.statement);
                statements.insert(release.number, signed);
            }
        }
        let mut added = None;
        if let Some((mut release, entry)) = step.release {
            let statement = Statement {
                description: described(&release.description),
                channel: trust_channel.clone(),
                foreign: Vec::new(),
                label: u64::try_from(release.number).unwrap_or(0),
                created: Time::now(),
                tree: release.tree,
                tree_bytes: release.size_bytes,
                targets: names_of(&binaries, &release.targets)?,
                bundle: entry,
                fingerprint: None,
                model: None,
                destructive: None,
            };
            let signed = signer.statement(&statement)?;
            release.statement = self.store.put_bytes(&signed).await?.hash;
            statements.insert(release.number, signed);
            releases.insert(0, release.clone());
            added = Some(release);
        }
        for number in offer::needed(&releases, &binaries) {
            if let Some(release) = releases.iter().find(|release| release.number == number)
                && !statements.contains_key(&number)
            {
                statements.insert(number, self.store.read(&release.statement, STATEMENT_BYTES).await?);
            }
        }
        let content = offer::content(&releases, &binaries, ways, &statements)?;
        let mut head = Head {
            channel: trust_channel,
            epoch: signer.root.epoch,
            number: u64::try_from(channel.head_number).unwrap_or(0).saturating_add(1),
            created: Time::now(),
            expires: Time::now().plus(sign::HEAD_DAYS * DAY_SECS),
            root: signer.root.number,
            releases: content.releases,
            binaries: content.binaries,
        };
        for (_, outside) in head.split(sign::HEAD_BYTES) {
            self.store.put_bytes(&outside).await?;
        }
        let previous = channel.head.as_deref().map(Head::unverified).transpose()?;
        let signed = signer.head(&head, previous.as_ref())?;
        self.database
            .publish(Publication {
                platform,
                channel,
                head: &signed,
                release: added.clone(),
                edits,
                who: &self.who,
                action: step.action,
                detail: step.detail,
            })
            .await?;
        Ok((added, channel.head_number + 1))
    }
}

/// What changes on a channel.
#[derive(Debug, Default)]
pub(super) struct Step<'a> {
    /// A release to add, with the file that the app loads. Its statement is signed on the way.
    pub(super) release: Option<(Release, Option<String>)>,
    /// What changes about others.
    pub(super) edits: Vec<Edit>,
    /// What is done, as a verb.
    pub(super) action: &'a str,
    /// What else the audit log should keep.
    pub(super) detail: &'a str,
}

/// The release as it will be after `edit`.
fn foresee(release: &mut Release, edit: &Edit) -> Result<(), ReleaseError> {
    if let Some(rollout) = edit.rollout {
        if !(0..=100).contains(&rollout) {
            return Err(ReleaseError::Rollout { found: rollout });
        }
        release.rollout = release.rollout.max(rollout);
    }
    release.mandatory = edit.mandatory.unwrap_or(release.mandatory);
    release.disabled = edit.disabled.unwrap_or(release.disabled);
    if let Some(description) = &edit.description {
        release.description.clone_from(description);
    }
    if let Some(targets) = &edit.targets {
        release.targets.clone_from(targets);
    }
    Ok(())
}

/// The channel as documents name it.
pub(super) fn trust_channel(platform: &Platform, channel: &Channel) -> Result<trust::Channel, ReleaseError> {
    Ok(trust::Channel::new(App::new(&platform.app_path())?, platform.name.parse()?, &channel.name)?)
}

/// The binaries `targets` as a statement names them.
fn names_of(binaries: &[Binary], targets: &[i64]) -> Result<Vec<trust::Binary>, ReleaseError> {
    let found = binaries.iter().filter(|binary| targets.contains(&binary.id));
    let names: Result<Vec<_>, _> = found.map(|binary| trust::Binary::new(&binary.version, &binary.build)).collect();
    let mut names = names?;
    names.sort();
    Ok(names)
}

fn described(description: &str) -> Option<String> {
    (!description.is_empty()).then(|| description.to_owned())
}

/// Which file of `tree` the app loads: the one that is `wanted`, or the one whose name says it.
fn entry(tree: &Tree, wanted: Option<&str>) -> Result<Option<String>, ReleaseError> {
    if tree.kind == Kind::File {
        return Ok(None);
    }
    let first = || tree.entries.first().map_or_else(String::new, |entry| entry.path.clone());
    if let Some(wanted) = wanted {
        return match tree.get(wanted) {
            Some(entry) => Ok(Some(entry.path.clone())),
            None => Err(ReleaseError::NoEntry { wanted: wanted.to_owned(), found: first() }),
        };
    }
    let names = |path: &str| {
        !path.contains('/')
            && ([".jsbundle", ".bundle", ".hbc"].iter().any(|ending| path.ends_with(ending)) || path == "index.html")
    };
    let mut found: Vec<String> =
        tree.entries.iter().map(|entry| &entry.path).filter(|path| names(path)).cloned().collect();
    match found.len() {
        1 => Ok(found.pop()),
        0 => Err(ReleaseError::WhichEntry { found: tree.entries.iter().take(5).map(|e| e.path.clone()).collect() }),
        _ => Err(ReleaseError::WhichEntry { found }),
    }
}

/// Refuses content that each of `targets` is served already, or embeds while nothing is served.
pub(super) fn refuse_identical(
    channel: &Channel,
    tree: Hash,
    releases: &[Release],
    targets: &[Binary],
) -> Result<(), ReleaseError> {
    let served =
        |binary: &Binary| releases.iter().find(|release| !release.disabled && release.targets.contains(&binary.id));
    let has = |binary: &&Binary| served(binary).map_or(binary.tree, |release| Some(release.tree)) == Some(tree);
    if !targets.iter().all(|binary| has(&binary)) {
        return Ok(());
    }
    let label = targets.first().map_or_else(String::new, |binary| {
        served(binary).map_or_else(|| format!("the bundle that {} embeds", binary.name()), Release::label)
    });
    Err(ReleaseError::Identical { channel: channel.name.clone(), label })
}

/// Whether a device that has nothing should get a full release of its own instead of an older one and patches.
fn needs_full(ways: &Ways, tree: Hash) -> bool {
    let Some(steps) = ways.routes(tree).choose(&[], &[]) else { return true };
    let Some((full, chain)) = steps.split_first() else { return true };
    let patches = chain.iter().fold(0u64, |sum, step| sum.saturating_add(step.size));
    chain.len() > FULL_STEPS || patches > full.size / FULL_PART
}
