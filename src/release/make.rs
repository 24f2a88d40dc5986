//! Patches are made: several at a time, each bound to its two trees, and stored.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufWriter, Write},
    num::NonZero,
    path::PathBuf,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{Pipeline, ReleaseError, bench::Bench};
use crate::{
    diff::{self, Effort},
    hash::Hash,
};

/// Patches in the making at a time, at most: each takes about four times the size of its tree in memory.
const AT_A_TIME: usize = 4;

/// A patch that was made and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The tree that it starts from; none for a full release.
    pub old: Option<Hash>,
    /// The tree that it makes.
    pub new: Hash,
    /// The object.
    pub object: Hash,
    /// Its size.
    pub size_bytes: u64,
    /// How long it took.
    pub time: Duration,
}

/// A patch to make.
struct Job {
    old: Option<Hash>,
    new: Hash,
    from: PathBuf,
    to: PathBuf,
    patch: PathBuf,
    effort: Effort,
}

impl Pipeline {
    /// Makes the patches of `pairs` and stores them, without telling the database. In the order of `pairs`.
    ///
    /// An old that is none is nothing: the patch is a full release, made at [`Effort::Fast`] at least.
    ///
    /// # Errors
    /// The first one that any of them met.
    pub async fn make(
        &self,
        bench: &mut Bench,
        pairs: &[(Option<Hash>, Hash)],
        effort: Effort,
    ) -> Result<Vec<Made>, ReleaseError> {
        let mut jobs = VecDeque::new();
        for &(old, new) in pairs {
            let from = match old {
                Some(old) => bench.tree(&self.store, &self.database, old).await?,
                None => bench.nothing(),
            };
            let to = bench.tree(&self.store, &self.database, new).await?;
            // All content is new to a full release: what costs a second between trees costs minutes there.
            let effort = if old.is_none() && effort == Effort::Default { Effort::Fast } else { effort };
            jobs.push_back(Job { old, new, from, to, patch: bench.patch(old, new), effort });
        }
        let made = tokio::task::spawn_blocking(move || diff_all(jobs))
            .await
            .map_err(|error| ReleaseError::Thread(error.to_string()))??;
        let mut stored = Vec::with_capacity(made.len());
        for (job, time) in made {
            let put = self.store.put_file(&job.patch).await?;
            let metadata = std::fs::metadata(&job.patch);
            let size_bytes = metadata.map_err(|source| ReleaseError::io("read", &job.patch, source))?.len();
            // The bench may stay for long.
            let _ = std::fs::remove_file(&job.patch);
            stored.push(Made { old: job.old, new: job.new, object: put.hash, size_bytes, time });
        }
        Ok(stored)
    }
}

/// Makes all patches, in order, a few at a time. Threads of their own take the jobs: `rayon`, which works inside each
/// diff, would begin another diff while one waits, and with it another tree's worth of memory.
fn diff_all(jobs: VecDeque<Job>) -> Result<Vec<(Job, Duration)>, ReleaseError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(AT_A_TIME).min(jobs.len());
    let queue = Mutex::new((0..jobs.len()).zip(jobs).collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let work = || -> Result<(), ReleaseError> {
            loop {
                let next = queue.lock().map_or(None, |mut queue| queue.pop_front());
                let Some((at, job)) = next else { return Ok(()) };
                let started = Instant::now();
                let result = diff_one(&job);
                if result.is_err()
                    && let Ok(mut queue) = queue.lock()
                {
                    // Nobody needs the rest.
                    queue.clear();
                }
                result?;
                if let Ok(mut done) = done.lock() {
                    done.push((at, job, started.elapsed()));
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(ReleaseError::Thread("making a patch panicked".to_owned())))
        });
        ended.collect::<Result<Vec<()>, _>>()
    })?;
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, ..)| *at);
    Ok(done.into_iter().map(|(_, job, time)| (job, time)).collect())
}

fn diff_one(job: &Job) -> Result<(), ReleaseError> {
    let io = |source| ReleaseError::io("write", &job.patch, source);
    let mut output = BufWriter::new(File::create(&job.patch).map_err(io)?);
    let options = diff::Options { effort: job.effort, ..diff::Options::default() };
    let summary = diff::diff(&job.from, &job.to, &mut output, &options)?;
    output.flush().map_err(io)?;
    for (found, expected, place) in
        [(summary.old.hash(), job.old, &job.from), (summary.new.hash(), Some(job.new), &job.to)]
    {
        if expected.is_some_and(|expected| expected != found) {
            return Err(ReleaseError::Changed { path: place.clone() });
        }
    }
    Ok(())
}
