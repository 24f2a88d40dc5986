//! The attacks of `docs/trust.md` and their answers.

use super::{
    App, Binary, Channel, Destructive, Document, Foreign, Head, Listed, Memory, NotCounted, Offer, Offered, Part,
    Passed, Platform, Root, Routes, Running, Signed, Statement, Step, Time, TrustError, Trusted, Window, bucket,
    sign::{self, SecretKey, SignError},
};
use crate::hash::Hash;

const NOW: Time = Time::from_secs(1_800_000_000);
const YEAR: u64 = 365 * 86_400;

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn window() -> Option<Window> {
    Some(Window { from: Time::from_secs(NOW.secs() - 1000), until: NOW.plus(YEAR) })
}

/// Root 1: any two of keys 1, 2, 3 sign roots; 11 signs releases; 21 and 22 sign heads, one is enough.
fn root() -> Root {
    Root {
        name: Some("Acme".to_owned()),
        number: 1,
        epoch: 1,
        created: Time::from_secs(NOW.secs() - 1000),
        expires: NOW.plus(2 * YEAR),
        root: sign::role(2, &[1, 2, 3].map(|n| (key(n).public(), None))),
        release: sign::role(1, &[(key(11).public(), window())]),
        head: sign::role(1, &[21, 22].map(|n| (key(n).public(), window()))),
    }
}

/// `root`, signed by `keys` whether or not they may.
fn signed(document: Document, payload: &[u8], keys: &[u8]) -> Vec<u8> {
    let mut signed = Signed::draft(document, payload);
    let message = signed.message();
    for n in keys {
        signed.put_signature(key(*n).public().id(), key(*n).sign(&message));
    }
    signed.write()
}

fn signed_root(root: &Root, keys: &[u8]) -> Vec<u8> {
    signed(Document::Root, &root.write(), keys)
}

fn device() -> Trusted {
    Trusted::pinned(&signed_root(&root(), &[1, 2])).unwrap()
}

fn channel(name: &str) -> Channel {
    Channel::new(App::new("acme/shop").unwrap(), Platform::Ios, name).unwrap()
}

fn binary() -> Binary {
    Binary::new("2.0.0", "42").unwrap()
}

fn tree(n: u64) -> Hash {
    Hash::of(&n.to_le_bytes())
}

fn statement(label: u64) -> Statement {
    Statement {
        description: Some("What is new:\nless".to_owned()),
        channel: channel("production"),
        foreign: vec![Foreign { name: "codepush".to_owned(), object: tree(1000), size: 600 }],
        label,
        created: NOW,
        tree: tree(label),
        tree_bytes: 54_000_000,
        targets: vec![Binary::new("1.0.0", "7").unwrap(), binary()],
        bundle: Some("main.jsbundle".to_owned()),
        fingerprint: Some("a1b2".to_owned()),
        model: Some("12".to_owned()),
        destructive: Some(Destructive { reason: "Order was renamed".to_owned(), survives: vec!["11".to_owned()] }),
    }
}

fn listed(label: u64, rollout: u8) -> Listed {
    let step = |from, size| Step { from, to: tree(label), object: tree(2000 + size), size };
    let routes = Routes::new(tree(label), vec![step(None, 4_000_000), step(Some(tree(label - 1)), 9_000)]);
    let statement = signed(Document::Statement, &statement(label).write(), &[11]);
    let (statement, routes) = (Part::Inside(statement), Part::Inside(routes.write()));
    Listed { label, rollout, disabled: false, statement, routes }
}

fn head(number: u64) -> Head {
    let offer = |release, mandatory_below| Offer { release, mandatory_below };
    Head {
        channel: channel("production"),
        epoch: 1,
        number,
        created: NOW,
        expires: NOW.plus(90 * 86_400),
        root: 1,
        releases: vec![listed(7, 10), listed(6, 100)],
        binaries: vec![
            Offered { binary: Binary::new("1.0.0", "7").unwrap(), embedded: None, offers: vec![offer(1, 0)] },
            Offered { binary: binary(), embedded: Some(tree(1)), offers: vec![offer(0, 6), offer(1, 6)] },
        ],
    }
}

fn signed_head(head: &Head) -> Vec<u8> {
    signed(Document::Head, &head.write(), &[21])
}

fn see(device: &mut Trusted, head: &Head) -> Result<Head, TrustError> {
    device.head(&signed_head(head), &channel("production"), NOW)
}

#[test]
fn what_was_signed_is_believed_and_reads_back() {
    let mut device = device();
    assert_eq!(*device.root(), root());
    let head = see(&mut device, &head(1)).unwrap();
    assert_eq!(head, self::head(1));
    let release = &head.releases[0];
    let read = device.statement(release, None, &channel("production"), &binary(), Some("a1b2"), NOW).unwrap();
    assert_eq!(read, statement(7));
    let routes = release.routes(None).unwrap();
    assert_eq!(routes.choose(&[tree(6)], &[]).unwrap()[0].size, 9_000);
}

#[test]
fn no_flipped_bit_and_no_missing_byte_goes_unnoticed() {
    let documents = [
        (signed_root(&root(), &[1, 2]), Document::Root),
        (signed_head(&Head { releases: vec![], binaries: vec![], ..head(1) }), Document::Head),
    ];
    let believes = |bytes: &[u8], document| match document {
        Document::Root => Trusted::pinned(bytes).is_ok(),
        _ => device().head(bytes, &channel("production"), NOW).is_ok(),
    };
    for (bytes, document) in documents {
        assert!(believes(&bytes, document));
        for end in 0..bytes.len() {
            assert!(Signed::read(&bytes[..end], document).is_err(), "{document} cut at {end}");
        }
        // Every bit of what frames the payload, some of each byte of the payload: a signature takes a while.
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(!believes(&flipped, document), "{document} with a flipped bit in byte {at}");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert!(!believes(&longer, document));
    }
}

#[test]
fn an_older_head_is_refused() {
    let mut device = device();
    see(&mut device, &head(5)).unwrap();
    see(&mut device, &head(5)).unwrap();
    assert!(matches!(see(&mut device, &head(4)), Err(TrustError::Rollback { seen: 5, found: 4, .. })));
    // Also after a restart.
    let memory = device.memory().write();
    let pinned = signed_root(&root(), &[1, 2]);
    let mut later = Trusted::restored(&pinned, device.document(), &memory).unwrap();
    assert_eq!(later, device);
    assert!(matches!(see(&mut later, &head(4)), Err(TrustError::Rollback { .. })));
    // Numbers of other channels are their own.
    let other = Head { channel: channel("beta"), ..head(1) };
    later.head(&signed_head(&other), &channel("beta"), NOW).unwrap();
}

#[test]
fn a_head_that_expired_is_refused_even_with_the_clock_set_back() {
    let mut device = device();
    let old = head(1);
    let late = old.expires.plus(1);
    let refused = device.head(&signed_head(&old), &channel("production"), late);
    assert!(matches!(refused, Err(TrustError::Expired { document: Document::Head, .. })));
    let newer = Head { created: late, expires: late.plus(1000), ..head(2) };
    device.head(&signed_head(&newer), &channel("production"), late).unwrap();
    // The same number again, from an earlier head, and a clock in the past.
    let frozen = Head { number: 2, ..old };
    let refused = device.head(&signed_head(&frozen), &channel("production"), Time::default());
    assert!(matches!(refused, Err(TrustError::Expired { now, .. }) if now == late));
    // A clock that was ahead for a while does no harm.
    assert!(device.head(&signed_head(&newer), &channel("production"), NOW.plus(10 * YEAR)).is_err());
    device.head(&signed_head(&newer), &channel("production"), late).unwrap();
}

#[test]
fn heads_and_statements_of_other_channels_are_refused() {
    let mut device = device();
    let others = [
        channel("beta"),
        Channel::new(App::new("acme/shop").unwrap(), Platform::Android, "production").unwrap(),
        Channel::new(App::new("shop").unwrap(), Platform::Ios, "production").unwrap(),
    ];
    for other in others {
        let refused = see(&mut device, &Head { channel: other.clone(), ..head(1) });
        assert!(matches!(refused, Err(TrustError::OtherChannel { document: Document::Head, .. })));
        let foreign = Statement { channel: other, ..statement(7) };
        let part = Part::Inside(signed(Document::Statement, &foreign.write(), &[11]));
        let refused = take(&device, &Listed { statement: part, ..listed(7, 100) }, &binary());
        assert!(matches!(refused, Err(TrustError::OtherChannel { document: Document::Statement, .. })));
    }
}

fn take(device: &Trusted, listed: &Listed, binary: &Binary) -> Result<Statement, TrustError> {
    device.statement(listed, None, &channel("production"), binary, Some("a1b2"), NOW)
}

#[test]
fn a_head_cannot_give_a_binary_what_was_not_signed_for_it() {
    let device = device();
    let other = Binary::new("2.0.0", "43").unwrap();
    assert!(matches!(take(&device, &listed(7, 100), &other), Err(TrustError::NotForBinary { label: 7, .. })));
    let relabelled = Listed { label: 8, ..listed(7, 100) };
    assert!(matches!(take(&device, &relabelled, &binary()), Err(TrustError::OtherLabel { expected: 8, found: 7 })));
    let refused = device.statement(&listed(7, 100), None, &channel("production"), &binary(), Some("ffff"), NOW);
    assert!(matches!(refused, Err(TrustError::OtherFingerprint { .. })));
    device.statement(&listed(7, 100), None, &channel("production"), &binary(), None, NOW).unwrap();
}

#[test]
fn a_thief_of_a_head_key_cannot_count_so_far_that_nobody_can_follow() {
    let mut device = device();
    let stolen =
        Head { number: 1 << 48, created: Time::from_secs(Time::MAX.secs() - 1), expires: Time::MAX, ..head(1) };
    see(&mut device, &stolen).unwrap();
    assert!(see(&mut device, &head(2)).is_err());
    // The key is revoked: its root begins a new epoch, in which counting starts anew, and so does time.
    let next = Root { number: 2, epoch: 2, head: sign::role(1, &[(key(22).public(), window())]), ..root() };
    device.advance(&signed_root(&next, &[1, 3])).unwrap();
    assert!(matches!(see(&mut device, &stolen), Err(TrustError::Threshold { role: "head", .. })));
    let good = Head { epoch: 2, root: 2, ..head(1) };
    let good_document = signed(Document::Head, &good.write(), &[22]);
    device.head(&good_document, &channel("production"), NOW).unwrap();
    // Heads of the old epoch by keys that stayed are not replayed.
    let replayed = signed(Document::Head, &head(900).write(), &[22]);
    let refused = device.head(&replayed, &channel("production"), NOW);
    assert!(matches!(refused, Err(TrustError::Epoch { expected: 2, found: 1 })));
    // A label as high as they come, installed in the old epoch, gives way.
    let running = Running { epoch: 1, label: u64::from(u32::MAX) };
    let choice = good.choose(&binary(), b"device", running, |_| false);
    assert_eq!(choice.update.map(|update| (update.release.label, update.mandatory)), Some((6, true)));
}

#[test]
fn a_signature_counts_once() {
    let next = Root { number: 2, ..root() };
    // Twice the same key cannot even be written down: ids ascend strictly.
    let mut bytes = signed_root(&next, &[1]);
    let signature = bytes[bytes.len() - 72..].to_vec();
    let count = bytes.len() - 73;
    assert_eq!(bytes[count], 1);
    bytes[count] = 2;
    bytes.extend_from_slice(&signature);
    assert!(matches!(device().advance(&bytes), Err(TrustError::Malformed { .. })));
    // The same signature under another key's name does not count either.
    let id = key(2).public().id();
    let mut renamed = Signed::read(&bytes[..bytes.len() - 72], Document::Root);
    assert!(renamed.is_err());
    bytes[count] = 1;
    bytes.truncate(count + 73);
    renamed = Signed::read(&bytes, Document::Root);
    let mut renamed = renamed.unwrap();
    renamed.put_signature(id, *signature.last_chunk().unwrap());
    let refused = device().advance(&renamed.write());
    assert!(matches!(
        refused,
        Err(TrustError::Threshold { needed: 2, found: 1, not_counted, .. }) if not_counted == [(id, NotCounted::Wrong)]
    ));
}

#[test]
fn a_root_that_names_a_key_twice_is_refused() {
    for spoil in [
        |root: &mut Root| root.root.keys[1] = root.root.keys[0],
        |root: &mut Root| root.root.keys.swap(0, 1),
        |root: &mut Root| root.root.threshold = 4,
        |root: &mut Root| root.root.threshold = 0,
        |root: &mut Root| root.release.keys.clear(),
        |root: &mut Root| root.release.keys[0].key = root.root.keys[0].key,
        |root: &mut Root| root.expires = root.created,
        |root: &mut Root| root.name = Some("a\tb".to_owned()),
    ] {
        let mut spoilt = root();
        spoil(&mut spoilt);
        assert!(Root::read(&spoilt.write()).is_err());
        assert!(sign::draft_root(&spoilt).is_err());
    }
}

#[test]
fn too_few_signatures_are_refused_and_each_is_accounted_for() {
    let refused = Trusted::pinned(&signed_root(&root(), &[1, 11])).unwrap_err();
    assert!(matches!(
        &refused,
        TrustError::Threshold { needed: 2, found: 1, not_counted, .. }
            if *not_counted == [(key(11).public().id(), NotCounted::NotOfTheRole)]
    ));
    assert!(refused.to_string().contains("signed by 1 of the 2 root keys"), "{refused}");
    // Each role has its own keys.
    let by_release_key = signed(Document::Head, &head(1).write(), &[11]);
    let refused = device().head(&by_release_key, &channel("production"), NOW);
    assert!(matches!(refused, Err(TrustError::Threshold { found: 0, .. })));
    assert!(device().head(&signed(Document::Head, &head(1).write(), &[]), &channel("production"), NOW).is_err());
}

#[test]
fn keys_count_in_their_windows_only() {
    let mut device = device();
    let later = NOW.plus(YEAR);
    let expires = later.plus(YEAR / 2);
    let document = signed_head(&Head { expires, ..head(1) });
    let refused = device.head(&document, &channel("production"), later);
    assert!(matches!(
        refused,
        Err(TrustError::Threshold { not_counted, .. }) if not_counted[0].1 == NotCounted::Expired(later)
    ));
    let early = Time::from_secs(root().created.secs());
    device.head(&document, &channel("production"), early).unwrap();
    let window = Some(Window { from: NOW, until: later });
    let young = Root { head: sign::role(1, &[(key(21).public(), window)]), ..root() };
    let mut device = Trusted::pinned(&signed_root(&young, &[1, 2])).unwrap();
    let refused = device.head(&document, &channel("production"), early);
    assert!(
        matches!(refused, Err(TrustError::Threshold { not_counted, .. }) if not_counted[0].1 == NotCounted::NotYet(NOW))
    );
    // A release key that ran out takes its releases with it.
    let refused = device.statement(&listed(7, 100), None, &channel("production"), &binary(), None, later);
    assert!(matches!(refused, Err(TrustError::Threshold { role: "release", .. })));
}

#[test]
fn a_revoked_key_signs_nothing_more() {
    let mut device = device();
    see(&mut device, &head(3)).unwrap();
    let next = Root { number: 2, epoch: 2, release: sign::role(1, &[(key(12).public(), window())]), ..root() };
    device.advance(&signed_root(&next, &[2, 3])).unwrap();
    let refused = take(&device, &listed(7, 100), &binary()).unwrap_err();
    let TrustError::Threshold { not_counted, .. } = refused else { panic!("{refused}") };
    assert_eq!(not_counted, [(key(11).public().id(), NotCounted::NotOfTheRole)]);
}

#[test]
fn roots_follow_one_another_by_signatures_of_both() {
    let next = Root { number: 2, root: sign::role(2, &[4, 5].map(|n| (key(n).public(), None))), ..root() };
    for (keys, believed) in [(&[1, 2, 4, 5][..], true), (&[4, 5], false), (&[1, 2, 4], false), (&[1, 4, 5], false)] {
        assert_eq!(device().advance(&signed_root(&next, keys)).is_ok(), believed, "{keys:?}");
    }
    for (field, wrong) in [
        ("number", Root { number: 1, ..root() }),
        ("number", Root { number: 3, ..root() }),
        ("number", Root { number: u64::from(u32::MAX), ..root() }),
        ("epoch", Root { number: 2, epoch: 3, ..root() }),
        ("time", Root { number: 2, created: Time::from_secs(5), ..root() }),
    ] {
        let refused = device().advance(&signed_root(&wrong, &[1, 2]));
        assert!(matches!(refused, Err(TrustError::NotTheSuccessor { field: found, .. }) if found == field), "{field}");
    }
    let mut device = device();
    see(&mut device, &head(9)).unwrap();
    device.advance(&signed_root(&next, &[1, 2, 4, 5])).unwrap();
    assert!(matches!(see(&mut device, &head(8)), Err(TrustError::Rollback { .. })), "same epoch, same counting");
    // The newer of what was pinned and what was kept is believed; what was kept and is damaged is not.
    let pinned = signed_root(&root(), &[1, 2]);
    let memory = device.memory().write();
    assert_eq!(Trusted::restored(&pinned, device.document(), &memory).unwrap(), device);
    let restored = Trusted::restored(&pinned, &device.document()[1..], &memory).unwrap();
    assert_eq!(restored.root().number, 1);
    let newer_app = Trusted::restored(device.document(), &pinned, &Memory::new(&root()).write()).unwrap();
    assert_eq!(newer_app.root().number, 2);
    let without_memory = Trusted::restored(&pinned, device.document(), b"").unwrap();
    assert_eq!((without_memory.root().number, without_memory.memory().head(&channel("production"))), (2, 0));
}

#[test]
fn an_expired_root_leads_on_but_is_not_enough() {
    let mut device = device();
    let late = root().expires;
    let far = Some(Window { from: NOW, until: late.plus(2 * YEAR) });
    let document = signed_head(&Head { created: late, expires: late.plus(5), ..head(1) });
    let refused = device.head(&document, &channel("production"), late);
    assert!(matches!(refused, Err(TrustError::Expired { document: Document::Root, .. })));
    let head = sign::role(1, &[(key(21).public(), far)]);
    let next = Root { number: 2, expires: late.plus(YEAR), head, ..root() };
    device.advance(&signed_root(&next, &[1, 2])).unwrap();
    device.head(&document, &channel("production"), late).unwrap();
}

#[test]
fn a_document_of_one_type_is_none_of_another() {
    let mut device = device();
    let payload = head(1).write();
    let as_statement = signed(Document::Statement, &payload, &[21]);
    let refused = device.head(&as_statement, &channel("production"), NOW);
    assert!(matches!(&refused, Err(TrustError::WrongType { expected: Document::Head, .. })), "{refused:?}");
    // Renamed, its signature is over something else.
    let mut renamed = as_statement;
    renamed[5] = Document::Head as u8;
    let refused = device.head(&renamed, &channel("production"), NOW);
    assert!(matches!(refused, Err(TrustError::Threshold { .. })));
    assert!(matches!(
        device.head(b"<html>", &channel("production"), NOW),
        Err(TrustError::NotSigned { expected: Document::Head })
    ));
}

#[test]
fn what_is_endless_is_refused_before_it_is_read() {
    for document in [Document::Root, Document::Statement, Document::Head] {
        let most = signed(document, &vec![0; document.max_payload_bytes()], &(0..32).collect::<Vec<u8>>());
        assert!(most.len() <= document.max_bytes());
        assert!(Signed::read(&most, document).is_ok());
        assert!(Signed::read(&vec![b's'; document.max_bytes() + 1], document).is_err());
        let above = signed(document, &vec![0; document.max_payload_bytes() + 1], &[1]);
        assert!(matches!(Signed::read(&above, document), Err(TrustError::Number { .. })));
    }
}

#[test]
fn unknown_fields_are_refused_where_they_must_be_understood() {
    let with_field = |number: u8| [&head(1).write()[..], &[number, 1, 0]].concat();
    let mut device = device();
    let optional = signed(Document::Head, &with_field(21), &[21]);
    device.head(&optional, &channel("production"), NOW).unwrap();
    let critical = signed(Document::Head, &with_field(22), &[21]);
    let refused = device.head(&critical, &channel("production"), NOW);
    assert!(matches!(refused, Err(TrustError::UnknownField { number: 22, .. })));
    let twice = signed(Document::Head, &with_field(20), &[21]);
    assert!(matches!(device.head(&twice, &channel("production"), NOW), Err(TrustError::Malformed { .. })));
    // Between known ones, too.
    let mut payload = root().write();
    let at = 2 + usize::from(payload[1]);
    payload.splice(at + 3..at + 3, [3, 1, 0]);
    assert_eq!(Root::read(&payload).unwrap(), root());
    payload.splice(at + 6..at + 6, [4, 1, 0]);
    assert!(Root::read(&payload).is_err());
}

#[test]
fn an_object_must_have_the_hash_that_the_head_names() {
    let mut head = head(1);
    let (small, objects) = {
        let mut head = head.clone();
        let objects = head.split(0);
        (head, objects)
    };
    assert_eq!(objects.len(), 4);
    assert!(small.write().len() < 500);
    let mut device = device();
    let small = see(&mut device, &small).unwrap();
    for release in &small.releases {
        let find = |hash| objects.iter().find(|(found, _)| *found == hash).map(|(_, bytes)| &bytes[..]);
        let fetched = find(release.statement.hash());
        device.statement(release, fetched, &channel("production"), &binary(), None, NOW).unwrap();
        release.routes(find(release.routes.hash())).unwrap();
        for wrong in [None, Some(&b""[..]), find(release.routes.hash())] {
            let refused = device.statement(release, wrong, &channel("production"), &binary(), None, NOW);
            assert!(matches!(refused, Err(TrustError::OtherHash { .. })));
        }
        assert!(matches!(release.routes(fetched), Err(TrustError::OtherHash { .. })));
    }
    assert!(head.split(usize::MAX).is_empty());
}

#[test]
fn twenty_releases_make_a_small_head() {
    let mut head = head(1);
    head.releases = (1..=20).rev().map(|label| listed(label, 100)).collect();
    head.binaries = (0..20)
        .map(|n| Offered {
            binary: Binary::new(&format!("1.{:02}.0", n), "1000").unwrap(),
            embedded: Some(tree(n)),
            offers: vec![Offer { release: 19 - n as usize, mandatory_below: 0 }],
        })
        .collect();
    let objects = head.split(4096);
    assert!(head.write().len() <= 4096, "{}", head.write().len());
    assert!(!objects.is_empty() && matches!(head.releases[0].statement, Part::Inside(_)));
    assert_eq!(Head::read(&head.write()).unwrap(), head);
}

#[test]
fn a_device_takes_the_newest_release_that_it_is_selected_for() {
    let head = head(1);
    let device = |wanted: bool| (0u32..).map(u32::to_le_bytes).find(|id| (bucket(id, 7) < 10) == wanted).unwrap();
    let choose = |id: [u8; 4], epoch, label| head.choose(&binary(), &id, Running { epoch, label }, |_| false);
    let label = |choice: &super::Choice<'_>| choice.update.map(|update| (update.release.label, update.mandatory));
    // v6 was mandatory: whoever is below must update, whichever release that is.
    assert_eq!(label(&choose(device(true), 0, 0)), Some((7, true)));
    assert_eq!(label(&choose(device(false), 1, 5)), Some((6, true)));
    assert_eq!(label(&choose(device(true), 1, 6)), Some((7, false)));
    let unselected = choose(device(false), 1, 6);
    assert_eq!(label(&unselected), None);
    assert!(matches!(unselected.passed[..], [(7, Passed::NotSelected { rollout: 10, .. })]));
    assert_eq!(label(&choose(device(true), 1, 7)), None);
    assert_eq!(label(&choose(device(true), 1, 9)), None, "nothing goes down within an epoch");
    // What failed here is passed over, what was taken back too.
    let blocked = head.choose(&binary(), &device(true), Running::default(), |release| release.label == 7);
    assert_eq!((label(&blocked), &blocked.passed[..]), (Some((6, true)), &[(7, Passed::Blocked)][..]));
    let mut disabled = head.clone();
    disabled.releases[0].disabled = true;
    let choice = disabled.choose(&binary(), &device(true), Running::default(), |_| false);
    assert_eq!((label(&choice), &choice.passed[..]), (Some((6, true)), &[(7, Passed::Disabled)][..]));
    // Binaries are matched exactly.
    assert!(!head.choose(&Binary::new("2.0", "42").unwrap(), b"", Running::default(), |_| false).known);
}

#[test]
fn a_rollout_only_ever_grows_and_is_fair() {
    assert_eq!([bucket(b"device-1", 7), bucket(b"device-1", 8), bucket(b"", 1)], BUCKETS);
    let selected = (0..20_000u32).filter(|n| bucket(&n.to_le_bytes(), 3) < 25).count();
    assert!((4_700..5_300).contains(&selected), "{selected}");
}

/// As `docs/trust.md` defines them; they never change.
const BUCKETS: [u8; 3] = [74, 87, 54];

#[test]
fn data_is_safe_only_where_the_publisher_says_so() {
    let statement = statement(7);
    assert!(!statement.destroys(Some("12")) && !statement.destroys(Some("11")));
    assert!(statement.destroys(Some("10")) && statement.destroys(None));
    assert!(!Statement { destructive: None, ..statement }.destroys(None));
}

#[test]
fn nothing_is_signed_that_devices_would_refuse() {
    let (root, keys) = (root(), [key(21)]);
    sign::sign_head(&head(2), Some(&head(1)), &keys, &root, NOW).unwrap();
    let refused = sign::sign_head(&head(2), Some(&head(2)), &keys, &root, NOW);
    assert!(matches!(refused, Err(SignError::NotTheNextHead { .. })));
    let mut lower = head(2);
    lower.releases[1].rollout = 99;
    let refused = sign::sign_head(&lower, Some(&head(1)), &keys, &root, NOW).unwrap_err();
    assert!(refused.to_string().contains("v6 would go from 100 % down to 99 %"), "{refused}");
    assert!(matches!(sign::sign_head(&head(2), None, &[key(11)], &root, NOW), Err(SignError::NotTheKey { .. })));
    assert!(sign::sign_head(&head(2), None, &keys, &root, NOW.plus(YEAR)).is_err());
    assert!(sign::sign_head(&Head { epoch: 2, ..head(2) }, None, &keys, &root, NOW).is_err());
    assert!(sign::sign_head(&head(2), None, &[], &root, NOW).is_err());
    for spoil in [
        |statement: &mut Statement| statement.targets.clear(),
        |statement: &mut Statement| statement.targets.reverse(),
        |statement: &mut Statement| statement.label = 0,
        |statement: &mut Statement| statement.bundle = Some("../x".to_owned()),
        |statement: &mut Statement| statement.model = None,
        |statement: &mut Statement| statement.description = Some(String::new()),
        |statement: &mut Statement| statement.tree_bytes = u64::MAX,
        |statement: &mut Statement| statement.foreign.push(statement.foreign[0].clone()),
    ] {
        let mut spoilt = statement(7);
        spoil(&mut spoilt);
        assert!(sign::sign_statement(&spoilt, &[key(11)], &root, NOW).is_err(), "{spoilt:?}");
    }
    let signed = sign::sign_statement(&statement(7), &[key(11)], &root, NOW).unwrap();
    assert_eq!(Statement::unverified(&signed).unwrap(), statement(7));
}

#[test]
fn root_keys_sign_apart_and_are_brought_together() {
    let draft = sign::draft_root(&root()).unwrap();
    assert!(Root::pinned(&draft).is_err());
    let [one, two] = [1, 2].map(|n| sign::sign_root(&draft, &key(n), None).unwrap());
    assert!(Root::pinned(&one).is_err());
    let merged = sign::merge(&[one.clone(), two, draft.clone()], Document::Root).unwrap();
    assert_eq!(Root::pinned(&merged).unwrap(), root());
    assert!(matches!(sign::sign_root(&draft, &key(9), None), Err(SignError::NotTheKey { .. })));
    let other = sign::draft_root(&Root { name: None, ..root() }).unwrap();
    assert!(matches!(sign::merge(&[one, other], Document::Root), Err(SignError::NotTheSame { .. })));
    // An old root key signs its own departure.
    let next = Root { number: 2, root: sign::role(1, &[(key(4).public(), None)]), ..root() };
    let draft = sign::draft_root(&next).unwrap();
    assert!(sign::sign_root(&draft, &key(1), None).is_err());
    let mut document = sign::sign_root(&draft, &key(1), Some(&root())).unwrap();
    for n in [2, 4] {
        document = sign::sign_root(&document, &key(n), Some(&root())).unwrap();
    }
    device().advance(&document).unwrap();
}

#[test]
fn memory_stays_small_and_reads_back() {
    let mut device = device();
    for n in 0..70 {
        let name = format!("c{n}");
        let head = Head { channel: channel(&name), ..head(n + 1) };
        device.head(&signed_head(&head), &channel(&name), NOW).unwrap();
        assert_eq!(device.memory().head(&channel(&name)), n + 1);
    }
    let bytes = device.memory().write();
    assert!(bytes.len() < 16_384);
    assert_eq!(Memory::read(&bytes).unwrap(), *device.memory());
    assert!(Memory::read(&bytes[1..]).is_err());
}
