//! Trust from outside: whatever is signed is believed, nothing else is; and the folder that a host serves.

use std::fs;

use proptest::{collection::vec, option, prelude::*};
use smidge::{
    hash::Hash,
    trust::{
        App, Binary, Channel, Destructive, Document, Head, Listed, Offer, Offered, Part, Platform, Root, Routes,
        Signed, Statement, Step, Time, TrustError, Trusted, Window, layout,
        sign::{self, SecretKey, StaticHost},
    },
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn root() -> Root {
    let window = Some(Window { from: NOW, until: NOW.plus(1000) });
    Root {
        name: None,
        number: 1,
        epoch: 1,
        created: NOW,
        expires: NOW.plus(1000),
        root: sign::role(1, &[(key(1).public(), None)]),
        release: sign::role(1, &[(key(2).public(), window)]),
        head: sign::role(1, &[(key(3).public(), window)]),
    }
}

fn device() -> Trusted {
    Trusted::pinned(&sign::sign_root(&sign::draft_root(&root()).unwrap(), &key(1), None).unwrap()).unwrap()
}

fn channels() -> impl Strategy<Value = Channel> {
    ("[a-zA-Z0-9][a-z_+-]{0,8}", any::<bool>(), "[a-zA-Z0-9][a-z_+-]{0,8}").prop_map(|(app, ios, name)| {
        let platform = if ios { Platform::Ios } else { Platform::Android };
        Channel::new(App::new(&app).unwrap(), platform, &name).unwrap()
    })
}

fn binaries() -> impl Strategy<Value = Vec<Binary>> {
    let binary = ("[0-9.]{1,5}", "[0-9é]{1,3}").prop_map(|(version, build)| Binary::new(&version, &build).unwrap());
    proptest::collection::btree_set(binary, 1..6).prop_map(|binaries| binaries.into_iter().collect())
}

fn hashes() -> impl Strategy<Value = Hash> {
    any::<u64>().prop_map(|n| Hash::of(&n.to_le_bytes()))
}

fn statements() -> impl Strategy<Value = Statement> {
    let text = || option::of("[a-zé /]{1,30}");
    let destructive = option::of(("[a-z ]{1,20}", proptest::collection::btree_set("[0-9]{1,3}", 0..4)));
    (channels(), 1..=u64::from(u32::MAX), hashes(), 0..1u64 << 50, binaries(), (text(), text(), text()), destructive)
        .prop_map(|(channel, label, tree, tree_bytes, targets, (description, fingerprint, model), destructive)| {
            let destructive = destructive.filter(|_| model.is_some());
            Statement {
                description,
                channel,
                foreign: vec![],
                label,
                created: NOW,
                tree,
                tree_bytes,
                targets,
                bundle: None,
                fingerprint,
                model,
                destructive: destructive
                    .map(|(reason, survives)| Destructive { reason, survives: survives.into_iter().collect() }),
            }
        })
}

fn heads() -> impl Strategy<Value = Head> {
    let part = || {
        prop_oneof![
            vec(any::<u8>(), 1..100).prop_map(Part::Inside),
            (hashes(), 1..65_536u64).prop_map(|(hash, size)| Part::Object { hash, size }),
        ]
    };
    let listed = (1..=u64::from(u32::MAX), 0..=100u8, any::<bool>(), part(), part()).prop_map(
        |(label, rollout, disabled, statement, routes)| Listed { label, rollout, disabled, statement, routes },
    );
    (channels(), 1..=1u64 << 48, vec(listed, 0..8), binaries(), any::<u64>()).prop_map(
        |(channel, number, mut releases, binaries, seed)| {
            releases.sort_by_key(|release| std::cmp::Reverse(release.label));
            releases.dedup_by_key(|release| release.label);
            let offers = |n: usize| -> Vec<Offer> {
                (0..releases.len())
                    .filter(|at| seed >> (n * 8 + at) & 1 == 1)
                    .map(|release| Offer { release, mandatory_below: seed % (releases[release].label + 1) })
                    .collect()
            };
            let binaries = binaries.into_iter().enumerate();
            let offered = |(n, binary)| Offered { binary, embedded: None, offers: offers(n) };
            let binaries = binaries.map(offered).collect();
            Head { channel, epoch: 1, number, created: NOW, expires: NOW.plus(50), root: 1, releases, binaries }
        },
    )
}

/// A head that lists one release.
fn listing(document: Vec<u8>, label: u64) -> Listed {
    let statement = Part::Inside(document);
    Listed { label, rollout: 100, disabled: false, statement, routes: Part::Inside(vec![0]) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..Default::default() })]

    #[test]
    fn every_statement_that_is_signed_is_believed_and_none_that_was_altered(
        statement in statements(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let device = device();
        let mut document = sign::sign_statement(&statement, &[key(2)], &root(), NOW).unwrap();
        let binary = &statement.targets[0];
        let take = |document: &[u8]| {
            let listed = listing(document.to_vec(), statement.label);
            device.statement(&listed, None, &statement.channel, binary, None, NOW)
        };
        prop_assert_eq!(take(&document).unwrap(), statement.clone());
        let at = at.index(document.len());
        document[at] ^= 1 << bit;
        prop_assert!(take(&document).is_err(), "bit {} of byte {}", bit, at);
    }

    #[test]
    fn every_head_that_is_signed_is_believed_and_none_that_was_altered(
        head in heads(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let mut document = sign::sign_head(&head, None, &[key(3)], &root(), NOW).unwrap();
        prop_assert_eq!(device().head(&document, &head.channel, NOW).unwrap(), head.clone());
        let at = at.index(document.len());
        document[at] ^= 1 << bit;
        prop_assert!(device().head(&document, &head.channel, NOW).is_err(), "bit {} of byte {}", bit, at);
    }

    /// An oracle: all ways of at most three steps, by trying them all.
    #[test]
    fn the_cheapest_way_is_found(edges in vec((0..4u8, 1..4u8, 1..20_000u64), 0..7), has in 1..4u8) {
        let tree = |n: u8| Hash::of(&[n]);
        let steps: Vec<Step> = edges.iter().enumerate().map(|(at, (from, to, size))| Step {
            from: (*from > 0).then(|| tree(*from)), to: tree(*to), object: Hash::of(&[at as u8, 9]), size: *size,
        }).collect();
        let routes = Routes::new(tree(3), steps.clone());
        prop_assert_eq!(Routes::read(&routes.write()).unwrap().write(), routes.write());
        let cost = |way: &[Step]| way.iter().map(|step| step.size + 2048).sum::<u64>();
        let mut best = (has == 3).then_some(0);
        // With three trees no cheapest way has more than three steps.
        let mut ways: Vec<Vec<Step>> = vec![vec![]];
        for _ in 0..3 {
            let longer = |way: &Vec<Step>| {
                let at = way.last().map_or(Some(tree(has)), |step| Some(step.to));
                let way = way.clone();
                let next = steps.iter().filter(move |step| step.from == at || (way.is_empty() && step.from.is_none()));
                next.copied().collect::<Vec<Step>>()
            };
            ways = ways.iter().flat_map(|way| {
                longer(way).into_iter().map(|step| [&way[..], &[step]].concat()).collect::<Vec<_>>()
            }).collect();
            let reaching = ways.iter().filter(|way| way.last().is_some_and(|step| step.to == tree(3)));
            best = reaching.map(|way| cost(way)).chain(best).min();
        }
        prop_assert_eq!(routes.choose(&[tree(has)], &[]).map(|way| cost(&way)), best);
    }
}

#[test]
fn a_folder_holds_all_that_a_device_reads() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let host = StaticHost::new(&place.join("a/b"));
    let object = b"a patch".to_vec();
    let hash = Hash::of(&object);
    host.put_object(&hash, &mut &object[..]).unwrap();
    let path = place.join("a/b").join(layout::object(&hash));
    assert_eq!(fs::read(&path).unwrap(), object);
    // Known content is not written again, damaged content is.
    fs::write(&path, b"bit rot").unwrap();
    host.put_object(&hash, &mut &object[..]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), object);
    let wrong = host.put_object(&Hash::of(b"other"), &mut &object[..]).unwrap_err();
    assert!(wrong.to_string().contains("scrub"), "{wrong}");
    let channel = Channel::new(App::new("acme/shop").unwrap(), Platform::Ios, "beta").unwrap();
    for head in [&b"head 1"[..], b"head 2"] {
        host.put_head(&channel, head).unwrap();
        assert_eq!(fs::read(place.join("a/b/v1/heads/acme/shop/ios/beta")).unwrap(), head);
    }
    host.put_root(1, b"root").unwrap();
    assert_eq!(fs::read(place.join("a/b/v1/roots/1")).unwrap(), b"root");
}

#[test]
fn nothing_unsigned_is_ever_parsed() {
    // The payload is no head at all, but without a signature nobody finds out.
    let draft = Signed::draft(Document::Head, b"\xff\xff\xff").write();
    let channel = Channel::new(App::new("shop").unwrap(), Platform::Ios, "beta").unwrap();
    assert!(matches!(device().head(&draft, &channel, NOW), Err(TrustError::Threshold { .. })));
}
