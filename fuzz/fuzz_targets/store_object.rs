//! Whatever lies in a store under an object's name or in the store's own pointers, reading ends, in bounded memory, and
//! never gives content that does not have its hash.

#![no_main]

use std::{ops::Range, sync::Arc};

use libfuzzer_sys::fuzz_target;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use smidge::{
    hash::Hash,
    store::{Bucket, Lease, PointerName, Store, StoreError, stats},
};

const LIMIT: u64 = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(read(data));
});

async fn read(data: &[u8]) {
    // The hash of what comes out if all is well, so that a whole object can be found too.
    let content = data.get(16..).and_then(|frame| zstd::bulk::decompress(frame, 1 << 20).ok()).unwrap_or_default();
    let hash = Hash::of(&content);
    let storage = Arc::new(InMemory::new());
    let bucket = Bucket::create(storage.clone(), Path::default(), "memory".into()).await.unwrap();
    let store = Store::new(Arc::new(bucket));
    let key = Path::from(format!("objects/{:02x}/{hash}.zst", hash.as_bytes()[0]));
    let storage: Arc<dyn ObjectStore> = storage;
    storage.put(&key, data.to_vec().into()).await.unwrap();
    if let Ok(found) = store.read(&hash, LIMIT).await {
        assert_eq!(Hash::of(&found), hash);
    }
    let Range { start, end } = 3..1000;
    if let Ok(part) = store.get_range(&hash, start..end).await
        && let Ok(part) = part.collect(LIMIT).await
    {
        assert_eq!(part.len() as u64, end - start);
    }

    // The same bytes as notes: with the hash that they promise, so that what they say is read.
    let text = [data, b"\n"].concat();
    let notes = [&text[..], format!("check {}\n", Hash::of(&text)).as_bytes()].concat();
    for name in [format!("condemned/{:02x}", hash.as_bytes()[0]), "collector".into(), "leases/a".into()] {
        store.set_pointer(&PointerName::new(name).unwrap(), notes.clone(), None).await.unwrap();
    }
    let read = [stats(&store).await.map(drop), Lease::take(&store).await.map(drop)];
    assert!(read.into_iter().flatten().count() == 0 || data.starts_with(b"smidge "));
    if let Err(error) = store.info(&hash).await {
        assert!(!matches!(error, StoreError::Record { .. }));
    }
}
