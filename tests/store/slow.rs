//! A place whose every step lets others go first, by a seeded schedule, and whose time is the test's.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use smidge::store::{
    Alone, Backend, Clock, LEASE_SECS, Listed, ObjectName, Pieces, Pointer, PointerName, Scratch, Stat, Store,
    StoreError, Stored, Version,
};

/// The time of a test: stands still until it is told to pass.
#[derive(Debug, Clone)]
pub struct Time(Arc<AtomicU64>);

impl Time {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    pub fn pass(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || this.now())
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Decides by a seed who goes when.
#[derive(Debug, Clone)]
pub struct Schedule {
    state: Arc<Mutex<u64>>,
    deleted: Arc<AtomicU64>,
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { state: Arc::new(Mutex::new(state)), deleted: Arc::default() }
    }

    /// A number below `below`.
    pub fn number(&self, below: u64) -> u64 {
        let mut state = self.state.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) % below.max(1)
    }

    /// Lets others go first, a few times.
    pub async fn stand(&self) {
        for _ in 0..self.number(200) {
            tokio::task::yield_now().await;
        }
    }

    async fn step(&self) {
        for _ in 0..self.number(4) {
            tokio::task::yield_now().await;
        }
    }

    pub fn add_deleted(&self, count: u64) {
        self.deleted.fetch_add(count, Ordering::SeqCst);
    }

    pub fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::SeqCst)
    }
}

/// Passes everything on.
#[derive(Debug)]
pub struct Slow {
    inner: Arc<dyn Backend>,
    time: Time,
    schedule: Option<Schedule>,
    /// When objects were written, by the time of the test.
    written: Arc<Mutex<std::collections::HashMap<ObjectName, SystemTime>>>,
}

impl Slow {
    pub fn new(inner: Arc<dyn Backend>, time: Time, schedule: Option<Schedule>) -> Self {
        Self { inner, time, schedule, written: Arc::default() }
    }

    async fn step(&self) {
        if let Some(schedule) = &self.schedule {
            schedule.step().await;
        }
    }
}

/// Puts off the end of every lease, as the uploads that hold them do.
pub async fn renew(store: &Store, time: &Time) {
    let until = time.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + LEASE_SECS;
    let mut names = store.pointers(&PointerName::new("leases").unwrap());
    while let Some(name) = names.try_next().await.unwrap() {
        let pointer = store.pointer(&name).await.unwrap().unwrap();
        let text = String::from_utf8(pointer.value.to_vec()).unwrap();
        let epoch = text.lines().nth(1).unwrap();
        let body = format!("smidge lease\n{epoch}\nexpires {until}\n");
        let value = format!("{body}check {}\n", smidge::hash::Hash::of(body.as_bytes()));
        store.set_pointer(&name, value, Some(&pointer.version)).await.unwrap();
    }
}

#[async_trait]
impl Backend for Slow {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, StoreError> {
        self.step().await;
        self.inner.stat(name).await
    }

    async fn write(&self, name: &ObjectName, stored: Stored) -> Result<(), StoreError> {
        self.step().await;
        self.inner.write(name, stored).await?;
        self.written.lock().unwrap().insert(*name, self.time.now());
        self.step().await;
        Ok(())
    }

    async fn assure(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.step().await;
        self.inner.assure(name).await
    }

    async fn read(&self, name: &ObjectName, range: Option<Range<u64>>) -> Result<(Stat, Pieces), StoreError> {
        self.step().await;
        self.inner.read(name, range).await
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.step().await;
        self.inner.remove(name).await?;
        self.step().await;
        Ok(())
    }

    fn list(&self, shard: u8) -> BoxStream<'static, Result<Listed, StoreError>> {
        let written = Arc::clone(&self.written);
        let items = self.inner.list(shard).map_ok(move |item| match item {
            Listed::Object(name, stat) => {
                let written = written.lock().unwrap().get(&name).copied().unwrap_or(stat.written);
                Listed::Object(name, Stat { written, ..stat })
            }
            stranger => stranger,
        });
        items.boxed()
    }

    fn scratch(&self) -> Result<Scratch, StoreError> {
        self.inner.scratch()
    }

    async fn tidy(&self) -> Result<u64, StoreError> {
        self.inner.tidy().await
    }

    fn alone(&self) -> Result<Alone, StoreError> {
        self.inner.alone()
    }

    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, StoreError> {
        // 256 lists are read by every collector; only some of them are worth a step.
        if !name.as_str().starts_with("condemned") || self.schedule.as_ref().is_some_and(|by| by.number(4) == 0) {
            self.step().await;
        }
        self.inner.pointer(name).await
    }

    async fn set_pointer(
        &self,
        name: &PointerName,
        value: Bytes,
        expected: Option<&Version>,
    ) -> Result<Version, StoreError> {
        self.step().await;
        let version = self.inner.set_pointer(name, value, expected).await?;
        self.step().await;
        Ok(version)
    }

    async fn remove_pointer(&self, name: &PointerName) -> Result<(), StoreError> {
        self.step().await;
        self.inner.remove_pointer(name).await
    }

    fn pointers(&self, folder: &PointerName) -> BoxStream<'static, Result<PointerName, StoreError>> {
        self.inner.pointers(folder)
    }
}
