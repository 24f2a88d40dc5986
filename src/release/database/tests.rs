//! One suite over both databases. PostgreSQL's half runs where `SMIDGE_TEST_POSTGRES` names a database that may be
//! filled; each test gets a schema of its own in it. Without one it says that it was skipped.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Executor};

use super::*;

/// A database of its own for one test.
struct Place {
    database: Database,
    url: String,
    _folder: tempfile::TempDir,
}

async fn places() -> Vec<Place> {
    let mut places = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let url = Database::address_of_file(&folder.path().join("a database?.db"));
    places.push(Place { database: Database::open(&url).await.unwrap(), url, _folder: folder });
    match std::env::var("SMIDGE_TEST_POSTGRES") {
        Ok(base) => {
            static SCHEMAS: AtomicU32 = AtomicU32::new(0);
            let schema = format!("t{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
            sqlx::any::install_default_drivers();
            let pool = AnyPool::connect(&base).await.unwrap();
            pool.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
            let separator = if base.contains('?') { '&' } else { '?' };
            let url = format!("{base}{separator}options=-csearch_path%3D{schema}");
            let database = Database::open(&url).await.unwrap();
            places.push(Place { database, url, _folder: tempfile::tempdir().unwrap() });
        }
        Err(_) => eprintln!("skipped on PostgreSQL: SMIDGE_TEST_POSTGRES names no database"),
    }
    places
}

/// Runs a test on each database.
fn on_each<F: Future<Output = ()>>(test: impl Fn(Database, String) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        for place in places().await {
            eprintln!("on {}", place.url.split(':').next().unwrap());
            test(place.database.clone(), place.url.clone()).await;
            place.database.close().await;
        }
    });
}

fn tree(n: u32) -> Hash {
    Hash::of(&n.to_le_bytes())
}

fn release(number: i64, targets: &[Id]) -> Release {
    Release {
        number,
        statement: tree(1000),
        tree: tree(u32::try_from(number).unwrap()),
        files: 3,
        size_bytes: 1 << 40,
        description: "größer\nals zuvor".to_owned(),
        mandatory: number == 2,
        disabled: false,
        rollout: 20,
        origin: String::new(),
        created: 5,
        targets: targets.to_vec(),
    }
}

struct Shop {
    platform: Platform,
    channel: Channel,
    binary: Binary,
}

async fn shop(database: &Database) -> Shop {
    let (platform, made) = database.ensure_platform("acme", "shop", "ios", "me").await.unwrap();
    assert!(made);
    let (channel, _) = database.ensure_channel(&platform, "production", "me").await.unwrap();
    let new = NewBinary { version: "1.0.0", build: "1", tree: Some(tree(0)), fingerprint: None };
    let (binary, _) = database.add_binary(&platform, new, "me").await.unwrap();
    Shop { platform, channel, binary }
}

fn publication<'a>(shop: &'a Shop, channel: &'a Channel, release: Option<Release>) -> Publication<'a> {
    Publication {
        platform: &shop.platform,
        channel,
        head: b"head\0\xFF",
        release,
        edits: Vec::new(),
        who: "me",
        action: "release",
        detail: "",
    }
}

#[test]
fn names_are_found_again_and_made_once() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        let again = database.ensure_platform("acme", "shop", "ios", "me").await.unwrap();
        assert_eq!(again, (shop.platform.clone(), false));
        assert_eq!(database.platform("acme", "shop", "ios").await.unwrap(), shop.platform);
        let error = database.platform("acme", "shoop", "ios").await.unwrap_err().to_string();
        assert!(error.contains("shop (ios)"), "{error}");
        let error = database.channel(&shop.platform, "produktion").await.unwrap_err().to_string();
        assert!(error.contains("production"), "{error}");
        for name in ["", "a/b", "..", "x.", "ü", &"x".repeat(65), "-x", "a\0"] {
            assert!(database.ensure_platform("acme", name, "ios", "me").await.is_err(), "{name}");
            assert!(database.ensure_channel(&shop.platform, name, "me").await.is_err(), "{name}");
        }
        assert!(database.ensure_platform("acme", "Shop", "ios", "me").await.is_err());
        assert!(database.ensure_platform("acme", "shop", "windows", "me").await.is_err());
        assert!(database.ensure_channel(&shop.platform, "Production", "me").await.is_err());
        database.ensure_platform("", "shop", "ios", "me").await.unwrap();
        assert_eq!(database.platforms().await.unwrap().len(), 2);
    });
}

#[test]
fn a_binary_is_completed_but_never_exchanged() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        let new = NewBinary { version: "2.0.0", build: "7", tree: None, fingerprint: None };
        assert!(database.add_binary(&shop.platform, new, "me").await.unwrap().1);
        assert!(!database.add_binary(&shop.platform, new, "me").await.unwrap().1);
        let built = NewBinary { tree: Some(tree(9)), fingerprint: Some("abc"), ..new };
        let (binary, changed) = database.add_binary(&shop.platform, built, "me").await.unwrap();
        assert!(changed && binary.tree == Some(tree(9)) && binary.name() == "2.0.0 (7)");
        let other = NewBinary { tree: Some(tree(8)), ..new };
        let error = database.add_binary(&shop.platform, other, "me").await.unwrap_err();
        assert!(matches!(error, DatabaseError::BinaryDiffers { .. }));
        assert_eq!(database.binaries(&shop.platform).await.unwrap(), [shop.binary, binary]);
    });
}

#[test]
fn what_is_published_is_read_back() {
    on_each(|database, url| async move {
        let shop = shop(&database).await;
        let targets = [shop.binary.id];
        database.publish(publication(&shop, &shop.channel, Some(release(1, &targets)))).await.unwrap();
        let channel = database.channel(&shop.platform, "production").await.unwrap();
        assert_eq!(channel.head.as_deref(), Some(&b"head\0\xFF"[..]));
        database.publish(publication(&shop, &channel, Some(release(2, &targets)))).await.unwrap();
        // A second server sees it at once.
        let other = Database::open(&url).await.unwrap();
        let channel = other.channel(&shop.platform, "production").await.unwrap();
        assert_eq!(channel.head_number, 2);
        assert_eq!(other.releases(&channel, 10).await.unwrap(), [release(2, &targets), release(1, &targets)]);
        assert_eq!(other.releases(&channel, 1).await.unwrap(), [release(2, &targets)]);
        assert_eq!(other.release(&channel, "v1").await.unwrap(), release(1, &targets));
        let error = other.release(&channel, "v9").await.unwrap_err().to_string();
        assert!(error.contains("v2, v1"), "{error}");
        assert_eq!(other.revision().await.unwrap(), database.revision().await.unwrap());
        other.close().await;
    });
}

#[test]
fn a_release_that_is_out_changes_only_as_it_may() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        database.publish(publication(&shop, &shop.channel, Some(release(1, &[shop.binary.id])))).await.unwrap();
        let channel = database.channel(&shop.platform, "production").await.unwrap();
        let before = database.revision().await.unwrap();
        for edit in [Edit { number: 1, rollout: Some(10), ..Edit::default() }, Edit { number: 7, ..Edit::default() }] {
            let refused = Publication { edits: vec![edit], ..publication(&shop, &channel, None) };
            database.publish(refused).await.unwrap_err();
        }
        assert_eq!(database.channel(&shop.platform, "production").await.unwrap(), channel, "a refusal left a trace");
        assert_eq!(database.revision().await.unwrap(), before);
        let edit = Edit {
            number: 1,
            rollout: Some(100),
            disabled: Some(true),
            description: Some("x".into()),
            targets: Some(vec![]),
            ..Edit::default()
        };
        database.publish(Publication { edits: vec![edit], ..publication(&shop, &channel, None) }).await.unwrap();
        let found = database.release(&channel, "1").await.unwrap();
        let expected = Release { rollout: 100, disabled: true, description: "x".into(), ..release(1, &[]) };
        assert_eq!(found, expected);
    });
}

#[test]
fn of_two_publications_at_once_one_wins_and_nothing_is_lost() {
    on_each(|database, url| async move {
        let shop = std::sync::Arc::new(shop(&database).await);
        for round in 0..5 {
            let channel = database.channel(&shop.platform, "production").await.unwrap();
            assert_eq!(channel.head_number, round);
            let mut racers = Vec::new();
            for _ in 0..6 {
                let (shop, channel) = (shop.clone(), channel.clone());
                // Each as a process of its own would: with connections of its own.
                let other = Database::open(&url).await.unwrap();
                racers.push(tokio::spawn(async move {
                    let release = release(round + 1, &[shop.binary.id]);
                    let result = other.publish(publication(&shop, &channel, Some(release))).await;
                    other.close().await;
                    result
                }));
            }
            let mut winners = 0;
            for racer in racers {
                match racer.await.unwrap() {
                    Ok(()) => winners += 1,
                    Err(DatabaseError::Moved { expected, found, .. }) => {
                        assert_eq!((expected, found), (round, round + 1))
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(winners, 1);
            assert_eq!(database.releases(&channel, 99).await.unwrap().len() as i64, round + 1);
        }
        let (records, _) = database.verify_audit().await.unwrap();
        assert_eq!(records, database.revision().await.unwrap());
    });
}

#[test]
fn ten_workers_make_each_patch_once() {
    on_each(|database, url| async move {
        let shop = shop(&database).await;
        let wanted: Vec<_> =
            (1..=40).map(|n| Pending { old: tree(n), new: tree(0), priority: i64::from(n % 3) }).collect();
        assert_eq!(database.want_patches(&shop.platform, &wanted).await.unwrap(), 40);
        assert_eq!(database.want_patches(&shop.platform, &wanted).await.unwrap(), 0);
        let mut workers = Vec::new();
        for n in 0..10 {
            let other = Database::open(&url).await.unwrap();
            workers.push(tokio::spawn(async move {
                let mut made = Vec::new();
                while let Some(lease) = other.lease_patch(&format!("w{n}"), 100, 60).await.unwrap() {
                    tokio::task::yield_now().await;
                    assert!(other.finish_patch(&lease, lease.old, 7).await.unwrap());
                    made.push(lease.old);
                }
                other.close().await;
                made
            }));
        }
        let mut made = Vec::new();
        for worker in workers {
            made.extend(worker.await.unwrap());
        }
        assert_eq!(made.len(), 40);
        assert_eq!(made.into_iter().collect::<HashSet<_>>().len(), 40);
        let patches = database.patches(shop.platform.id).await.unwrap();
        assert!(patches.iter().all(|patch| patch.state == PatchState::Made { object: patch.old, size_bytes: 7 }));
    });
}

#[test]
fn a_lease_that_ran_out_goes_to_the_next_and_the_late_one_changes_nothing() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        let wanted = [Pending { old: tree(1), new: tree(0), priority: 0 }];
        database.want_patches(&shop.platform, &wanted).await.unwrap();
        let slow = database.lease_patch("slow", 100, 60).await.unwrap().unwrap();
        assert_eq!(database.lease_patch("next", 159, 60).await.unwrap(), None);
        assert!(database.keep_lease(&slow, 159, 60).await.unwrap());
        assert_eq!(database.lease_patch("next", 160, 60).await.unwrap(), None);
        let next = database.lease_patch("next", 219, 60).await.unwrap().unwrap();
        assert!(!database.keep_lease(&slow, 220, 60).await.unwrap());
        assert!(!database.finish_patch(&slow, tree(5), 1).await.unwrap());
        database.fail_patch(&slow, "late").await.unwrap();
        assert!(database.finish_patch(&next, tree(6), 1).await.unwrap());
        let patches = database.patches(shop.platform.id).await.unwrap();
        assert_eq!(patches[0].state, PatchState::Made { object: tree(6), size_bytes: 1 });
    });
}

#[test]
fn a_patch_that_fails_is_tried_again_and_given_up_in_the_end() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        let wanted = [Pending { old: tree(1), new: tree(0), priority: 0 }];
        database.want_patches(&shop.platform, &wanted).await.unwrap();
        for n in 0..patches::TRIES {
            let lease = database.lease_patch("w", n, 1).await.unwrap().unwrap();
            if n % 2 == 0 {
                database.fail_patch(&lease, "no memory").await.unwrap();
            }
        }
        assert_eq!(database.lease_patch("w", 99, 1).await.unwrap(), None);
        let patches = database.patches(shop.platform.id).await.unwrap();
        assert_eq!(patches[0].state, PatchState::GivenUp { error: "no memory".into() });
        assert_eq!(database.want_patches(&shop.platform, &wanted).await.unwrap(), 1);
        assert!(database.lease_patch("w", 100, 1).await.unwrap().is_some());
    });
}

#[test]
fn the_audit_log_tells_what_was_changed_in_it() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        database.publish(publication(&shop, &shop.channel, None)).await.unwrap();
        let log = database.audit(0, 99).await.unwrap();
        let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["create", "create", "binary add", "release"]);
        assert_eq!(log[2].subject, "acme/shop/ios 1.0.0 (1)");
        assert_eq!(database.verify_audit().await.unwrap(), (4, log[3].hash));
        for statement in [
            "UPDATE audit SET detail = 'nothing' WHERE number = 3",
            "UPDATE audit SET at = at + 1 WHERE number = 2",
            "DELETE FROM audit WHERE number = 1",
        ] {
            database.pool.execute(statement).await.unwrap();
            let error = database.verify_audit().await.unwrap_err().to_string();
            let number = statement.chars().last().filter(char::is_ascii_digit).unwrap();
            assert!(error.contains(&format!("record {number}")), "{error}");
        }
    });
}

#[test]
fn trees_keys_and_reports_are_kept() {
    on_each(|database, _| async move {
        let shop = shop(&database).await;
        let known = KnownTree { tree: tree(1), manifest: tree(2), full: None, files: 1, size_bytes: 2 };
        database.record_tree(&known).await.unwrap();
        let full = KnownTree { full: Some((tree(3), 9)), ..known };
        database.record_tree(&full).await.unwrap();
        database.record_tree(&known).await.unwrap();
        assert_eq!(database.tree(tree(1)).await.unwrap(), Some(full));
        assert_eq!(database.trees().await.unwrap(), [full]);
        for (n, devices, at) in [(1, 5, 0), (2, 3, 0), (2, 4, 10), (1, 2, 90_000)] {
            database.report(&shop.platform, tree(n), devices, at).await.unwrap();
        }
        assert_eq!(database.forget_trees(&[tree(1)].into(), i64::MAX).await.unwrap(), 0);
        assert_eq!(database.forget_trees(&[tree(2)].into(), 0).await.unwrap(), 0);
        assert_eq!(database.forget_trees(&[tree(2)].into(), i64::MAX).await.unwrap(), 1);
        assert_eq!(database.tree(tree(1)).await.unwrap(), None);
        let share = |n, devices| Share { tree: tree(n), devices };
        assert_eq!(database.fleet(&shop.platform, 0).await.unwrap(), [share(2, 7), share(1, 5)]);
        assert_eq!(database.fleet(&shop.platform, 86_400).await.unwrap(), [share(1, 2)]);
        let key = Key {
            id: 0,
            role: "release".into(),
            name: "ci".into(),
            public_key: "00ff".into(),
            created: 0,
            expires: Some(9),
            revoked: None,
        };
        database.record_key(&shop.platform, &key, "me").await.unwrap();
        database.record_key(&shop.platform, &key, "me").await.unwrap();
        let keys = database.keys(&shop.platform).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].expires, keys[0].revoked), (Some(9), None));
        database.revoke_key(&shop.platform, "00ff", "me").await.unwrap();
        assert!(database.revoke_key(&shop.platform, "00ff", "me").await.is_err());
        assert!(database.keys(&shop.platform).await.unwrap()[0].revoked.is_some());
    });
}

#[test]
fn an_address_that_is_none_is_told_without_its_password() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for url in ["mysql://u:secret@h/d", "nothing", "postgres://u:secret@127.0.0.1:1/d"] {
            let error = Database::open(url).await.unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    });
}
