//! One suite that every place which keeps a store must pass: a folder, S3 over HTTP, Azure, and storage in memory.

#![cfg(feature = "store")]

#[path = "store/servers.rs"]
mod servers;

use std::{collections::BTreeSet, sync::Arc};

use futures_util::TryStreamExt;
use object_store::{memory::InMemory, path::Path};
use smidge::{
    hash::Hash,
    store::{Bucket, Folder, Form, Listed, ObjectName, PointerName, Store, StoreError},
};
use tokio::io::AsyncRead;

/// Bytes that no compressor makes smaller.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..bytes.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(bytes).collect()
}

fn text(bytes: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| format!("function f{n}(a){{return a*{}}}\n", n % 977).into_bytes()).take(bytes).collect()
}

/// How much the place can be asked for.
#[derive(Clone, Copy)]
struct Place {
    /// Whether comparing and swapping is one step there even for writers at the same time.
    swaps_atomically: bool,
    /// Bytes of the largest object that is tried.
    large_bytes: usize,
}

async fn conforms(store: &Store, place: Place) {
    what_is_put_is_read_back(store, place.large_bytes).await;
    identical_content_is_stored_once(store).await;
    a_wrong_hash_stores_nothing(store).await;
    a_reader_that_fails_stores_nothing(store).await;
    ranges_are_read(store).await;
    what_is_missing_is_named(store).await;
    objects_are_listed_and_deleted(store).await;
    pointers_change_only_from_the_version_they_are_at(store).await;
    pointers_are_listed(store).await;
    if place.swaps_atomically {
        of_writers_at_once_one_wins(store).await;
    }
    assert_eq!(store.backend().tidy().await.unwrap(), 0, "temporaries are left");
}

async fn what_is_put_is_read_back(store: &Store, large_bytes: usize) {
    for size in [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, large_bytes] {
        for (content, form) in [(noise(size, size as u64), Form::Plain), (text(size), Form::Zstd)] {
            let put = store.put(&mut &content[..], None).await.unwrap();
            assert_eq!(put.hash, Hash::of(&content));
            assert_eq!(store.read(&put.hash, u64::MAX).await.unwrap(), content);
            assert_eq!(store.content_bytes(&put.hash).await.unwrap(), size as u64);
            if size >= 1000 {
                let info = store.info(&put.hash).await.unwrap().unwrap();
                assert_eq!(info.form, form);
                assert_eq!(info.stat.stored_bytes, put.written_bytes);
                assert!(form == Form::Plain || info.stat.stored_bytes < size as u64 / 2);
            }
        }
    }
}

async fn identical_content_is_stored_once(store: &Store) {
    for content in [noise(5000, 1), text(2 << 20)] {
        let first = store.put_bytes(&content).await.unwrap();
        assert!(!first.existed && first.written_bytes > 0);
        let written = store.info(&first.hash).await.unwrap().unwrap().stat.written;
        for known in [None, Some(first.hash)] {
            let again = store.put(&mut &content[..], known).await.unwrap();
            assert!(again.existed && again.written_bytes == 0 && again.hash == first.hash);
        }
        assert_eq!(store.info(&first.hash).await.unwrap().unwrap().stat.written, written);
        // What is known to be there is not even read.
        let again = store.put(&mut Broken, Some(first.hash)).await.unwrap();
        assert!(again.existed);
    }
}

async fn a_wrong_hash_stores_nothing(store: &Store) {
    for content in [noise(5000, 2), text(3 << 20)] {
        let expected = Hash::of(b"something else");
        let error = store.put(&mut &content[..], Some(expected)).await.unwrap_err();
        assert!(matches!(error, StoreError::WrongHash { .. }) && error.is_verification(), "{error}");
        for hash in [expected, Hash::of(&content)] {
            assert!(store.info(&hash).await.unwrap().is_none());
        }
    }
}

/// Gives an error, after nothing.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::other("the line is cut")))
    }
}

async fn a_reader_that_fails_stores_nothing(store: &Store) {
    use tokio::io::AsyncReadExt;
    let before = objects(store).await;
    for size in [0, 5000, 3 << 20] {
        let content = noise(size, 3);
        let error = store.put(&mut content.chain(Broken), None).await.unwrap_err().to_string();
        assert!(error.contains("the line is cut"), "{error}");
    }
    assert_eq!(objects(store).await, before);
}

async fn ranges_are_read(store: &Store) {
    for content in [noise(1_500_000, 4), text(1_500_000)] {
        let hash = store.put_bytes(&content).await.unwrap().hash;
        let bytes = content.len();
        for (start, end) in
            [(0, bytes), (0, 1), (0, 0), (bytes, bytes), (bytes - 1, bytes), (700_000, 1_400_000), (3, 300_000)]
        {
            let part = store.get_range(&hash, start as u64..end as u64).await.unwrap();
            assert_eq!(part.bytes(), bytes as u64);
            assert!(part.collect(u64::MAX).await.unwrap() == content[start..end], "{start} to {end}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        for wrong in [0..bytes as u64 + 1, bytes as u64 + 1..bytes as u64 + 2, 2..1, 0..u64::MAX] {
            let error = store.get_range(&hash, wrong).await.err().unwrap();
            assert!(matches!(error, StoreError::Range { .. }), "{error}");
        }
    }
}

async fn what_is_missing_is_named(store: &Store) {
    let hash = Hash::of(b"never put");
    for error in [
        store.get(&hash).await.err().unwrap(),
        store.get_range(&hash, 0..1).await.err().unwrap(),
        store.content_bytes(&hash).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Missing { .. }) && error.to_string().contains(&hash.to_string()));
    }
    assert!(store.info(&hash).await.unwrap().is_none());
    store.delete(&hash).await.unwrap();
    let name = PointerName::new("never/set").unwrap();
    assert!(store.pointer(&name).await.unwrap().is_none());
    store.remove_pointer(&name).await.unwrap();
}

async fn objects(store: &Store) -> BTreeSet<ObjectName> {
    let mut found = BTreeSet::new();
    let mut listed = store.list();
    while let Some(item) = listed.try_next().await.unwrap() {
        match item {
            Listed::Object(name, stat) => {
                assert_eq!(store.backend().stat(&name).await.unwrap().unwrap().stored_bytes, stat.stored_bytes);
                assert!(found.insert(name), "{name} is listed twice");
            }
            Listed::Stranger(path) => panic!("a stranger: {path}"),
        }
    }
    found
}

async fn objects_are_listed_and_deleted(store: &Store) {
    let before = objects(store).await;
    let mut put = BTreeSet::new();
    for seed in 0..20 {
        let content = if seed % 2 == 0 { noise(900, 100 + seed) } else { text(900 + seed as usize) };
        let hash = store.put_bytes(&content).await.unwrap().hash;
        put.insert(ObjectName { hash, form: store.info(&hash).await.unwrap().unwrap().form });
    }
    assert_eq!(objects(store).await, before.union(&put).copied().collect());
    for name in &put {
        store.delete(&name.hash).await.unwrap();
        assert!(store.info(&name.hash).await.unwrap().is_none());
    }
    assert_eq!(objects(store).await, before);
}

async fn pointers_change_only_from_the_version_they_are_at(store: &Store) {
    let name = PointerName::new("heads/app/ios.production").unwrap();
    let conflict = |result: Result<_, StoreError>| {
        let error = result.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains(name.as_str()), "{error}");
    };
    let first = store.set_pointer(&name, "one", None).await.unwrap();
    conflict(store.set_pointer(&name, "other", None).await);
    let found = store.pointer(&name).await.unwrap().unwrap();
    assert_eq!((&found.value[..], &found.version), (&b"one"[..], &first));
    let second = store.set_pointer(&name, "two", Some(&first)).await.unwrap();
    conflict(store.set_pointer(&name, "other", Some(&first)).await);
    conflict(store.set_pointer(&PointerName::new("heads/none").unwrap(), "x", Some(&first)).await.map_err(|error| {
        assert!(error.is_conflict());
        StoreError::Conflict { name: name.to_string() }
    }));
    let large = noise(4 << 20, 9);
    let third = store.set_pointer(&name, large.clone(), Some(&second)).await.unwrap();
    assert_eq!(store.pointer(&name).await.unwrap().unwrap().value, large);
    let error = store.set_pointer(&name, noise((4 << 20) + 1, 9), Some(&third)).await.unwrap_err();
    assert!(matches!(error, StoreError::PointerSize { .. }));
    store.remove_pointer(&name).await.unwrap();
    assert!(store.pointer(&name).await.unwrap().is_none());
}

async fn pointers_are_listed(store: &Store) {
    let folder = PointerName::new("leases").unwrap();
    let list = async || store.pointers(&folder).try_collect::<BTreeSet<_>>().await.unwrap();
    assert!(list().await.is_empty());
    let names: BTreeSet<_> = ["leases/a", "leases/b/c"].map(|name| PointerName::new(name).unwrap()).into();
    for name in names.iter().chain([&PointerName::new("leasesx").unwrap()]) {
        store.set_pointer(name, "1", None).await.unwrap();
    }
    assert_eq!(list().await, names);
    for name in &names {
        store.remove_pointer(name).await.unwrap();
    }
    assert!(list().await.is_empty());
}

async fn of_writers_at_once_one_wins(store: &Store) {
    let name = PointerName::new("counter").unwrap();
    store.set_pointer(&name, "0", None).await.unwrap();
    let writers = (0..8).map(|_| {
        let (store, name) = (store.clone(), name.clone());
        tokio::spawn(async move {
            let mut done = 0;
            while done < 10 {
                let now = store.pointer(&name).await.unwrap().unwrap();
                let count: u32 = std::str::from_utf8(&now.value).unwrap().parse().unwrap();
                match store.set_pointer(&name, (count + 1).to_string(), Some(&now.version)).await {
                    Ok(_) => done += 1,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(store.pointer(&name).await.unwrap().unwrap().value, "80");
    // The same content by several writers at once is one object.
    let content = noise(100_000, 77);
    let puts = (0..8).map(|_| {
        let (store, content) = (store.clone(), content.clone());
        tokio::spawn(async move { store.put_bytes(&content).await.unwrap().hash })
    });
    for put in puts.collect::<Vec<_>>() {
        assert_eq!(store.read(&put.await.unwrap(), u64::MAX).await.unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_keeps_a_store() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::new(Arc::new(Folder::create(&place.path().join("a/b")).unwrap()));
    conforms(&store, Place { swaps_atomically: true, large_bytes: 9 << 20 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_in_memory_keeps_a_store() {
    for prefix in ["", "a/b"] {
        let bucket = Bucket::create(Arc::new(InMemory::new()), Path::from(prefix), "memory".into()).await.unwrap();
        let store = Store::new(Arc::new(bucket));
        conforms(&store, Place { swaps_atomically: true, large_bytes: 17 << 20 }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_over_http_keeps_a_store() {
    let server = servers::S3::start().await;
    let bucket = Bucket::create(server.storage(), Path::from("a/b"), "s3://updates/a/b".into()).await.unwrap();
    // The server checks and writes in two steps.
    conforms(&Store::new(Arc::new(bucket)), Place { swaps_atomically: false, large_bytes: 17 << 20 }).await;
    // The signatures are looked at.
    let error = Bucket::open(server.storage_with_wrong_key(), Path::from("a/b"), "s3://updates/a/b".into()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("s3://updates/a/b"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_over_http_keeps_a_store() {
    let Some(server) = servers::Azure::start().await else { return };
    let bucket = Bucket::create(server.storage(), Path::from("a/b"), "az://updates/a/b".into()).await.unwrap();
    conforms(&Store::new(Arc::new(bucket)), Place { swaps_atomically: true, large_bytes: 17 << 20 }).await;
}

#[tokio::test]
async fn only_a_store_is_opened_and_only_an_empty_place_becomes_one() {
    let place = tempfile::tempdir().unwrap();
    let error = Folder::open(&place.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    let error = Folder::open(place.path()).unwrap_err().to_string();
    assert!(error.contains("smidge-store"), "{error}");
    std::fs::write(place.path().join("photo.jpg"), "x").unwrap();
    let error = Folder::create(place.path()).unwrap_err().to_string();
    assert!(error.contains("other files"), "{error}");
    std::fs::remove_file(place.path().join("photo.jpg")).unwrap();
    Folder::create(place.path()).unwrap();
    Folder::create(place.path()).unwrap();
    Folder::open(place.path()).unwrap();
    std::fs::write(place.path().join("smidge-store"), "2\n").unwrap();
    let error = Folder::open(place.path()).unwrap_err().to_string();
    assert!(error.contains("later version"), "{error}");

    let storage = Arc::new(InMemory::new());
    let open = async |prefix: &str| Bucket::open(storage.clone(), Path::from(prefix), "memory".into()).await;
    let create = async |prefix: &str| Bucket::create(storage.clone(), Path::from(prefix), "memory".into()).await;
    assert!(matches!(open("a").await, Err(StoreError::NotAStore { .. })));
    create("a").await.unwrap();
    create("a").await.unwrap();
    open("a").await.unwrap();
    let error = create("").await.unwrap_err().to_string();
    assert!(error.contains("other objects"), "{error}");
}
