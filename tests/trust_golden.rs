//! Signed documents of every format version, kept for good: what some release believed, every later one believes.
//!
//! `tests/golden/trust/vN` holds a chain of roots, a head, what it names, and what a device remembers. None is ever made
//! anew. When a version is added, this writes the documents that are missing, and no other:
//!
//!     SMIDGE_GOLDEN=write cargo test --features sign --test trust_golden

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Once,
};

use smidge::{
    hash::Hash,
    trust::{
        App, Binary, Channel, Destructive, Foreign, Head, Listed, Memory, Offer, Offered, Part, Platform, Root, Routes,
        Running, Statement, Step, Time, Trusted, Window, bucket,
        sign::{self, SecretKey},
    },
};

const VERSIONS: [&str; 1] = ["v1"];
const FILES: [&str; 7] = ["head", "head-2", "memory", "root-1", "root-2", "routes", "statement"];
const NOW: Time = Time::from_secs(1_795_000_000);

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trust").join(version)
}

fn read(version: &str, name: &str) -> Vec<u8> {
    write_missing_if_asked();
    fs::read(folder(version).join(name)).unwrap_or_else(|error| panic!("{version}/{name}: {error}"))
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn roots() -> [Root; 2] {
    let window = Window { from: NOW, until: NOW.plus(400_000_000) };
    let timed = |n: u8| (key(n).public(), Some(window));
    let first = Root {
        name: Some("Acme, Gärtner & Söhne".to_owned()),
        number: 1,
        epoch: 1,
        created: NOW,
        expires: NOW.plus(1000),
        root: sign::role(2, &[1, 2, 3].map(|n| (key(n).public(), None))),
        release: sign::role(1, &[timed(11)]),
        head: sign::role(1, &[timed(21)]),
    };
    let second = Root {
        number: 2,
        epoch: 2,
        created: NOW.plus(500),
        expires: NOW.plus(300_000_000),
        root: sign::role(2, &[2, 3, 4].map(|n| (key(n).public(), None))),
        release: sign::role(2, &[timed(11), timed(12)]),
        head: sign::role(1, &[timed(11), timed(22)]),
        ..first.clone()
    };
    [first, second]
}

fn channel() -> Channel {
    Channel::new(App::new("acme/shop").unwrap(), Platform::Android, "production").unwrap()
}

fn binaries() -> [Binary; 2] {
    [("1.0.0", "7"), ("2.0 (beta)", "42")].map(|(version, build)| Binary::new(version, build).unwrap())
}

fn tree(n: u64) -> Hash {
    Hash::of(&n.to_le_bytes())
}

fn statement() -> Statement {
    Statement {
        description: Some("Less is more.\nMuch more.".to_owned()),
        channel: channel(),
        foreign: vec![Foreign { name: "codepush".to_owned(), object: tree(100), size: 612 }],
        label: 7,
        created: NOW.plus(600),
        tree: tree(7),
        tree_bytes: 54_000_000,
        targets: binaries().into(),
        bundle: Some("assets/index.android.bundle".to_owned()),
        fingerprint: Some("0f1e2d3c".to_owned()),
        model: Some("12".to_owned()),
        destructive: Some(Destructive { reason: "Order was renamed".to_owned(), survives: vec!["11".to_owned()] }),
    }
}

fn routes() -> Routes {
    let step = |from: u64, to: u64, size| Step {
        from: (from > 0).then(|| tree(from)),
        to: tree(to),
        object: Hash::of(&[from as u8, to as u8]),
        size,
    };
    Routes::new(tree(7), vec![step(0, 7, 4_000_000), step(6, 7, 9_000), step(5, 6, 8_000), step(5, 7, 100_000)])
}

fn head(statement: Part, routes: Part) -> Head {
    let [first, second] = binaries();
    Head {
        channel: channel(),
        epoch: 2,
        number: 300,
        created: NOW.plus(700),
        expires: NOW.plus(200_000_000),
        root: 2,
        releases: vec![
            Listed { label: 7, rollout: 25, disabled: false, statement: statement.clone(), routes: routes.clone() },
            Listed { label: 6, rollout: 100, disabled: true, statement: statement.clone(), routes: routes.clone() },
            Listed { label: 5, rollout: 100, disabled: false, statement, routes },
        ],
        binaries: vec![
            Offered { binary: first, embedded: None, offers: vec![] },
            Offered {
                binary: second,
                embedded: Some(tree(1)),
                offers: [(0, 6), (1, 6), (2, 0)]
                    .map(|(release, below)| Offer { release, mandatory_below: below })
                    .into(),
            },
        ],
    }
}

/// Everything as this version of the program writes it.
fn make() -> Vec<(&'static str, Vec<u8>)> {
    let [first, second] = roots();
    let sign_all = |root: &Root, keys: &[u8]| {
        let draft = sign::draft_root(root).unwrap();
        keys.iter().fold(draft, |document, n| sign::sign_root(&document, &key(*n), Some(&first)).unwrap())
    };
    let [root_1, root_2] = [sign_all(&first, &[1, 2]), sign_all(&second, &[2, 3])];
    let now = NOW.plus(800);
    let statement = sign::sign_statement(&statement(), &[key(11), key(12)], &second, now).unwrap();
    let routes = routes().write();
    let outside = |bytes: &[u8]| Part::Object { hash: Hash::of(bytes), size: bytes.len() as u64 };
    let apart = head(outside(&statement), outside(&routes));
    let whole = Head { number: 301, ..head(Part::Inside(statement.clone()), Part::Inside(routes.clone())) };
    let [apart, whole] = [apart, whole].map(|head| sign::sign_head(&head, None, &[key(22)], &second, now).unwrap());
    let mut device = Trusted::pinned(&root_1).unwrap();
    device.advance(&root_2).unwrap();
    device.head(&apart, &channel(), now).unwrap();
    let memory = device.memory().write();
    vec![
        ("head", apart),
        ("head-2", whole),
        ("memory", memory),
        ("root-1", root_1),
        ("root-2", root_2),
        ("routes", routes),
        ("statement", statement),
    ]
}

fn write_missing_if_asked() {
    static ONCE: Once = Once::new();
    if std::env::var("SMIDGE_GOLDEN").is_ok_and(|value| value == "write") {
        ONCE.call_once(write_missing);
    }
}

fn write_missing() {
    let folder = folder(VERSIONS[VERSIONS.len() - 1]);
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in make() {
        let path = folder.join(name);
        if !path.exists() {
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn documents_of_every_version_are_believed() {
    let now = NOW.plus(800);
    for version in VERSIONS {
        let [root_1, root_2] = ["root-1", "root-2"].map(|name| read(version, name));
        let mut device = Trusted::pinned(&root_1).unwrap();
        device.advance(&root_2).unwrap();
        assert_eq!(*device.root(), roots()[1], "{version}");
        let seen = device.head(&read(version, "head"), &channel(), now).unwrap();
        assert_eq!(device.memory().write(), read(version, "memory"), "{version}");
        let [statement, routes] = ["statement", "routes"].map(|name| read(version, name));
        let newest = &seen.releases[0];
        let [_, binary] = binaries();
        let believed = device.statement(newest, Some(&statement), &channel(), &binary, Some("0f1e2d3c"), now).unwrap();
        assert_eq!(believed, self::statement(), "{version}");
        let way = newest.routes(Some(&routes)).unwrap().choose(&[tree(5)], &[]).unwrap();
        assert_eq!(way.iter().map(|step| step.size).collect::<Vec<_>>(), [8_000, 9_000], "{version}");
        let whole = device.head(&read(version, "head-2"), &channel(), now).unwrap();
        device.statement(&whole.releases[0], None, &channel(), &binary, None, now).unwrap();
        let choice = whole.choose(&binary, b"device-1", Running::default(), |_| false);
        assert_eq!(choice.update.map(|update| update.release.label), Some(5), "{version}");
        let restored = Trusted::restored(&root_1, &root_2, &read(version, "memory")).unwrap();
        assert_eq!(restored.memory().head(&channel()), 300, "{version}");
        assert_eq!(Memory::read(&read(version, "memory")).unwrap().time, NOW.plus(700), "{version}");
    }
    assert_eq!([bucket(b"device-1", 7), bucket(b"device-1", 8), bucket(b"", 1)], [74, 87, 54]);
}

#[test]
fn the_newest_version_is_what_is_written_now() {
    // Ed25519 signatures follow from key and message, so documents are the same to the last byte.
    for (name, bytes) in make() {
        assert_eq!(read(VERSIONS[VERSIONS.len() - 1], name), bytes, "{name}");
    }
}

#[test]
fn the_list_is_complete() {
    write_missing_if_asked();
    for version in VERSIONS {
        let mut found: Vec<String> = fs::read_dir(folder(version))
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, FILES, "{version}");
    }
}
