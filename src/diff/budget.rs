//! A diff against the clock: a plain patch first, then better ones until the time is up.
//!
//! The work goes on in a thread of its own, which nobody waits for when the time is up: nothing inside a rung is
//! interrupted. It begins nothing new then, and it writes only while patches are checked, which is always waited for.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::encode::Job;
use super::proof::{self, Proven};
use super::side::Side;
use super::{DiffError, Effort};
use crate::patch::entries::NewEntry;

/// What is diffed.
pub struct Task {
    pub old: Arc<Side>,
    pub new: Arc<Side>,
    pub old_root: PathBuf,
    pub entries: Vec<NewEntry>,
    pub effort: Effort,
    pub apply_memory_bytes: u64,
    pub check: bool,
}

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    /// Without looking into files: little more than reading takes.
    Plain,
    At(Effort),
}

/// The attempts that lead up to `effort`. `fast` is not among those of higher efforts, for it takes about half as long
/// as the default.
fn rungs(effort: Effort) -> Vec<Rung> {
    match effort {
        Effort::Fast | Effort::Default => vec![Rung::Plain, Rung::At(effort)],
        Effort::Max => vec![Rung::Plain, Rung::At(Effort::Default), Rung::At(Effort::Max)],
    }
}

type Found = Result<Proven, DiffError>;

/// The smallest patch found until `deadline`, or the first one if that takes longer; and whether all was tried.
///
/// # Errors
/// [`DiffError`] of the last attempt where none made a patch.
pub fn search(task: Task, deadline: Option<Instant>) -> Result<(Proven, bool), DiffError> {
    let (sender, receiver) = channel();
    let closed = Arc::new(Mutex::new(false));
    let thread = {
        let closed = Arc::clone(&closed);
        // Threads of its own: a caller that is itself one of a pool would wait for work that waits for it.
        std::thread::spawn(move || match rayon::ThreadPoolBuilder::new().build() {
            Ok(pool) => pool.install(|| climb(&task, &closed, &sender)),
            Err(_) => climb(&task, &closed, &sender),
        })
    };
    let (best, complete) = wait(&receiver, deadline, &closed);
    match best {
        Some(found) => Ok((found?, complete)),
        // The thread ended without a word.
        None => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(DiffError::Fault { faults: vec!["nothing was tried".to_owned()] }),
        },
    }
}

/// Goes through the attempts while time is left.
fn climb(task: &Task, closed: &Mutex<bool>, sender: &Sender<Found>) {
    for rung in rungs(task.effort) {
        let is_closed = || *closed.lock().unwrap_or_else(PoisonError::into_inner);
        if is_closed() {
            return;
        }
        let (effort, looks_inside) = match rung {
            Rung::Plain => (Effort::Fast, false),
            Rung::At(effort) => (effort, true),
        };
        let job = Job::new(&task.old, &task.new, task.entries.clone(), effort, looks_inside);
        let made = job.made(task.apply_memory_bytes);
        // From here on whoever waits for the deadline waits for this.
        let closed = closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return;
        }
        let found = made.and_then(|made| proof::settle(&job, made, &task.old_root, task.check));
        if sender.send(found).is_err() {
            return;
        }
    }
}

/// Collects what is found until `deadline`; the smallest, or else the last error.
fn wait(receiver: &Receiver<Found>, deadline: Option<Instant>, closed: &Mutex<bool>) -> (Option<Found>, bool) {
    let mut best = None;
    loop {
        let has_patch = matches!(best, Some(Ok(_)));
        let found = match deadline.filter(|_| has_patch) {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        match found {
            Ok(found) => best = Some(better(best, found)),
            Err(RecvTimeoutError::Disconnected) => return (best, true),
            Err(RecvTimeoutError::Timeout) => {
                *closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
                for found in receiver.try_iter() {
                    best = Some(better(best, found));
                }
                return (best, false);
            }
        }
    }
}

/// The smaller patch of two, with the faults of both.
fn better(best: Option<Found>, found: Found) -> Found {
    match (best, found) {
        (Some(Ok(best)), Ok(found)) => {
            let (mut smaller, other) =
                if found.made.1.len() < best.made.1.len() { (found, best) } else { (best, found) };
            smaller.faults.extend(other.faults);
            Ok(smaller)
        }
        (Some(Ok(best)), Err(_)) => Ok(best),
        (_, found) => found,
    }
}
