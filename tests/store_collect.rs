//! Collectors beside writers: whatever the order in which they come, nothing that is needed goes.

#![cfg(feature = "store")]

#[path = "store/slow.rs"]
mod slow;

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use object_store::{memory::InMemory, path::Path};
use slow::{Schedule, Slow, Time};
use smidge::{
    hash::Hash,
    store::{
        Bucket, CollectOptions, Collected, Folder, Keep, Lease, PointerName, Roots, Store, StoreError, collect, stats,
    },
};

const HOUR: u64 = 3600;

fn options() -> CollectOptions {
    CollectOptions { grace: Duration::from_secs(HOUR), dry_run: false }
}

/// A store in memory by a clock of its own.
async fn store(time: &Time, schedule: Option<Schedule>) -> Store {
    let bucket = Bucket::create(Arc::new(InMemory::new()), Path::from("x"), "memory".into()).await.unwrap();
    Store::new(Arc::new(Slow::new(Arc::new(bucket), time.clone(), schedule))).with_clock(time.clock())
}

/// A store in a folder by a clock of its own.
fn folder(time: &Time) -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(&place.path().join("store")).unwrap();
    let store = Store::new(Arc::new(Slow::new(Arc::new(folder), time.clone(), None)));
    (place, store.with_clock(time.clock()))
}

async fn put(store: &Store, text: &str) -> Hash {
    store.put_bytes(text.as_bytes()).await.unwrap().hash
}

async fn has(store: &Store, hash: &Hash) -> bool {
    store.info(hash).await.unwrap().is_some()
}

async fn run(store: &Store, needed: &[Hash]) -> Collected {
    collect(store, &needed.to_vec(), &options()).await.unwrap()
}

#[tokio::test]
async fn what_nobody_needs_goes_with_the_second_run_after_the_grace() {
    let time = Time::new();
    for (_place, store) in [(None, store(&time, None).await), {
        let (place, store) = folder(&time);
        (Some(place), store)
    }] {
        let (needed, garbage) = (put(&store, "needed").await, put(&store, "garbage").await);
        let found = run(&store, &[needed]).await;
        assert_eq!((found.objects, found.needed, found.young, found.condemned), (2, 1, 1, 0));
        time.pass(HOUR);
        let found = run(&store, &[needed]).await;
        assert_eq!((found.condemned, found.deleted), (1, 0));
        assert_eq!(stats(&store).await.unwrap().condemned, 1);
        time.pass(HOUR - 1);
        assert_eq!(run(&store, &[needed]).await.waiting, 1);
        assert!(has(&store, &garbage).await);
        time.pass(1);
        let dry = CollectOptions { dry_run: true, ..options() };
        assert_eq!(collect(&store, &vec![needed], &dry).await.unwrap().deleted, 1);
        assert!(has(&store, &garbage).await);
        let found = run(&store, &[needed]).await;
        assert_eq!((found.deleted, found.waiting, found.missing), (1, 0, 0));
        assert!(found.deleted_bytes >= "garbage".len() as u64);
        assert!(!has(&store, &garbage).await && has(&store, &needed).await);
        let left = stats(&store).await.unwrap();
        assert_eq!((left.objects(), left.condemned, left.leases), (1, 0, 0));
    }
}

#[tokio::test]
async fn what_is_needed_again_is_spared() {
    let time = Time::new();
    let store = store(&time, None).await;
    let hash = put(&store, "back again").await;
    time.pass(HOUR);
    assert_eq!(run(&store, &[]).await.condemned, 1);
    time.pass(HOUR);
    assert_eq!(run(&store, &[hash]).await.deleted, 0);
    time.pass(10 * HOUR);
    // Condemned anew, and the grace begins anew.
    assert_eq!(run(&store, &[]).await.condemned, 1);
    assert_eq!(run(&store, &[]).await.waiting, 1);
}

#[tokio::test]
async fn what_is_put_again_is_spared() {
    let time = Time::new();
    let store = store(&time, None).await;
    let hash = put(&store, "put again").await;
    time.pass(HOUR);
    assert_eq!(run(&store, &[]).await.condemned, 1);
    time.pass(HOUR);
    let again = store.put_bytes(b"put again").await.unwrap();
    assert!(again.existed);
    assert_eq!(run(&store, &[]).await.deleted, 0);
    assert!(has(&store, &hash).await);
}

#[tokio::test]
async fn an_upload_keeps_what_it_relies_on_however_long_it_runs() {
    let time = Time::new();
    let store = store(&time, None).await;
    let old = put(&store, "old, and not needed by then").await;
    time.pass(2 * HOUR);
    let lease = Lease::take(&store).await.unwrap();
    assert!(store.put_bytes(b"old, and not needed by then").await.unwrap().existed);
    let fresh = put(&store, "new").await;
    // Renewed by hand: the time of the test runs without the runtime's.
    for _ in 0..40 {
        time.pass(600);
        slow::renew(&store, &time).await;
        let found = run(&store, &[]).await;
        assert_eq!((found.deleted, found.leases), (0, 1));
        assert!(has(&store, &old).await && has(&store, &fresh).await);
    }
    // It publishes and ends.
    lease.release().await.unwrap();
    let needed = [old, fresh];
    time.pass(2 * HOUR);
    let found = run(&store, &needed).await;
    assert_eq!((found.needed, found.deleted, found.waiting, found.leases), (2, 0, 0, 0));
}

#[tokio::test]
async fn the_lease_of_a_killed_upload_ends_by_itself() {
    let time = Time::new();
    let store = store(&time, None).await;
    let lease = Lease::take(&store).await.unwrap();
    let hash = put(&store, "never published").await;
    lease.check().unwrap();
    // Killed: never released.
    time.pass(HOUR);
    assert!(matches!(lease.check(), Err(StoreError::LeaseLost)));
    drop(lease);
    assert_eq!(run(&store, &[]).await.condemned, 1);
    time.pass(HOUR);
    let found = run(&store, &[]).await;
    assert_eq!((found.deleted, found.leases), (1, 0));
    assert!(!has(&store, &hash).await);
}

#[tokio::test]
async fn what_cannot_be_told_collects_nothing() {
    struct Unreachable;
    #[async_trait]
    impl Roots for Unreachable {
        async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>> {
            keep.add(Hash::of(b"one"))?;
            Err("the database cannot be reached".into())
        }
    }
    let time = Time::new();
    let store = store(&time, None).await;
    let hash = put(&store, "x").await;
    for _ in 0..4 {
        time.pass(HOUR);
        let error = collect(&store, &Unreachable, &options()).await.unwrap_err().to_string();
        assert!(error.contains("nothing was collected") && error.contains("database"), "{error}");
    }
    assert!(has(&store, &hash).await);
    assert_eq!(stats(&store).await.unwrap().condemned, 0);
}

#[tokio::test]
async fn what_is_needed_and_missing_is_named() {
    let time = Time::new();
    let store = store(&time, None).await;
    let missing = Hash::of(b"gone");
    let found = run(&store, &[put(&store, "here").await, missing, missing]).await;
    assert_eq!((found.needed, found.missing), (1, 1));
    assert_eq!(found.missing_hashes, [missing]);
}

#[tokio::test]
async fn damaged_notes_of_a_collector_are_begun_anew() {
    let time = Time::new();
    let store = store(&time, None).await;
    let hash = put(&store, "garbage").await;
    let list = PointerName::new(format!("condemned/{:02x}", hash.as_bytes()[0])).unwrap();
    time.pass(HOUR);
    run(&store, &[]).await;
    for name in [list, PointerName::new("collector").unwrap()] {
        let mut pointer = store.pointer(&name).await.unwrap().unwrap();
        let mut value = pointer.value.to_vec();
        value[20] ^= 1;
        pointer.version = store.set_pointer(&name, value, Some(&pointer.version)).await.unwrap();
    }
    // A writer is told who can help.
    let error = store.put_bytes(b"garbage").await.unwrap_err().to_string();
    assert!(error.contains("smidge store collect"), "{error}");
    assert!(Lease::take(&store).await.is_err());
    time.pass(HOUR);
    assert_eq!(run(&store, &[]).await.lists_reset, 1);
    Lease::take(&store).await.unwrap().release().await.unwrap();
    assert_eq!(run(&store, &[]).await.condemned, 1);
    time.pass(HOUR);
    assert_eq!(run(&store, &[]).await.deleted, 1);
}

#[tokio::test]
async fn of_two_collectors_one_works() {
    let time = Time::new();
    let (_place, on_folder) = folder(&time);
    for store in [store(&time, Some(Schedule::new(1))).await, on_folder] {
        put(&store, "x").await;
        time.pass(HOUR);
        let both = join_all([collect(&store, &NOTHING, &options()), collect(&store, &NOTHING, &options())]).await;
        let busy = both.iter().filter(|result| matches!(result, Err(StoreError::CollectorBusy { .. }))).count();
        assert!(busy == 1 && both.iter().any(Result::is_ok), "{both:?}");
    }
}

/// Nothing is needed.
static NOTHING: Vec<Hash> = Vec::new();

/// What has been published: the releases, each with all that it needs.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<BTreeSet<Hash>>>>);

#[async_trait]
impl Roots for Published {
    async fn each(&self, keep: &mut Keep) -> Result<(), Box<dyn Error + Send + Sync>> {
        let releases = self.0.lock().unwrap().clone();
        Ok(releases.iter().flatten().try_for_each(|hash| keep.add(*hash))?)
    }
}

/// A release of some content out of little, so that content is put again and again, under a lease.
async fn release(store: &Store, schedule: &Schedule, published: &Published, time: &Time) {
    let Ok(lease) = Lease::take(store).await else { return };
    let mut needs = BTreeSet::new();
    for _ in 0..schedule.number(6) + 1 {
        let content = format!("content {}", schedule.number(12));
        // Some requests take their time, though less than a collector's margin.
        if schedule.number(8) == 0 {
            time.pass(schedule.number(4));
        }
        needs.insert(store.put_bytes(content.as_bytes()).await.unwrap().hash);
    }
    if schedule.number(5) == 0 {
        // Killed.
        drop(lease);
        return;
    }
    schedule.stand().await;
    if lease.check().is_ok() {
        published.0.lock().unwrap().push(needs);
    }
    lease.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whatever_the_schedule_nothing_that_is_needed_goes() {
    let mut deleted = 0;
    let mut again = 0;
    for seed in 0..80 {
        let time = Time::new();
        let schedule = Schedule::new(seed);
        let store = store(&time, Some(schedule.clone())).await;
        let published = Published::default();
        let collector = async || {
            for _ in 0..2 {
                schedule.stand().await;
                match collect(&store, &published, &options()).await {
                    Ok(found) => {
                        assert_eq!(found.missing, 0, "seed {seed}");
                        schedule.add_deleted(found.deleted);
                    }
                    Err(StoreError::CollectorBusy { .. }) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
        };
        let writer = async || {
            for _ in 0..2 {
                schedule.stand().await;
                release(&store, &schedule, &published, &time).await;
                // An old release goes out of use.
                if schedule.number(2) == 0 {
                    let mut releases = published.0.lock().unwrap();
                    if !releases.is_empty() {
                        let place = schedule.number(releases.len() as u64) as usize;
                        releases.remove(place);
                    }
                }
            }
        };
        // What is condemned in one round is swept in the next, beside its writers.
        for _ in 0..5 {
            tokio::join!(collector(), collector(), writer(), writer(), writer());
            time.pass(HOUR + schedule.number(HOUR));
        }
        let releases = published.0.lock().unwrap().clone();
        for hash in releases.iter().flatten() {
            assert!(has(&store, hash).await, "seed {seed}: {hash} is needed and gone");
            store.get(hash).await.unwrap().verify().await.unwrap();
        }
        deleted += schedule.deleted();
        again += u64::from(schedule.deleted() > 0);
    }
    // The schedules are such that collectors have something to do.
    assert!(deleted > 40 && again > 20, "only {deleted} objects in {again} schedules were collected");
}
