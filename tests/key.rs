//! `smidge key`: keys and roots, made as a person makes them.

mod common;

use std::fs;

use common::{Place, smidge, smidge_with};

fn at(place: &Place, name: &str) -> String {
    place.join(name).to_str().unwrap().to_owned()
}

/// A place with keys, and a file of each one's public half.
fn keys(names: &[&str]) -> Place {
    let place = Place::new();
    for name in names {
        smidge(&["key", "new", &at(&place, name)]).exits(0);
    }
    place
}

fn id(place: &Place, name: &str) -> String {
    let run = smidge(&["key", "show", "--json", &at(place, name)]).exits(0);
    run.json()["id"].as_str().unwrap().to_owned()
}

/// Runs `key` with each word that names a file in `place` turned into its path: those that begin with `@`.
fn key(place: &Place, words: &str) -> common::Run {
    let words: Vec<String> = std::iter::once("key".to_owned())
        .chain(words.split(' ').map(|word| word.strip_prefix('@').map_or(word.to_owned(), |name| at(place, name))))
        .collect();
    smidge(&words)
}

#[test]
#[cfg(unix)]
fn a_secret_key_is_its_owners_only_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let run = smidge(&["key", "new", &at(&place, "ci")]).exits(0);
    assert!(run.text().contains("NOT encrypted") && run.text().lines().all(|line| line.len() <= 200), "{}", run.text());
    let mode = |name| fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ci"), mode("ci.pub")), (0o600, 0o644));
    let secret = fs::read_to_string(place.join("ci")).unwrap();
    assert!(!run.text().contains(secret.split_whitespace().last().unwrap()), "the secret was printed");
    smidge(&["key", "new", &at(&place, "ci")]).exits(1).says(&["exists", "never replaced"]);
    assert_eq!(fs::read_to_string(place.join("ci")).unwrap(), secret);
    fs::remove_file(place.join("ci")).unwrap();
    smidge(&["key", "new", &at(&place, "ci")]).exits(1).says(&["ci.pub exists"]);
    assert_eq!(place.names(), ["ci.pub"]);
    // Whoever opened it to others is told.
    fs::write(place.join("open"), &secret).unwrap();
    fs::set_permissions(place.join("open"), fs::Permissions::from_mode(0o644)).unwrap();
    smidge(&["key", "show", &at(&place, "open")]).exits(0).says(&["chmod 600"]);
}

#[test]
fn holders_of_root_keys_sign_apart() {
    let place = keys(&["alice", "bob", "carol", "ci"]);
    let words =
        "root @root1 --name Acme --root @alice.pub --root @bob.pub --root @carol.pub --threshold 2 --release @ci.pub";
    let draft = key(&place, words).exits(0);
    assert!(draft.text().contains("NOT complete: the root is signed by 0 of the 2 root keys"), "{}", draft.text());
    assert!(draft.text().lines().all(|line| line.len() <= 80), "{}", draft.text());
    fs::copy(place.join("root1"), place.join("for-bob")).unwrap();
    key(&place, "sign @root1 --key @alice").exits(0);
    let secret = fs::read(place.join("bob")).unwrap();
    smidge_with(&["key", "sign", &at(&place, "for-bob"), "--key", "-"], &secret).exits(0);
    let merged = key(&place, "merge @root1 @for-bob").exits(0);
    assert!(merged.text().contains("complete: devices believe it"), "{}", merged.text());
    key(&place, "sign @root1 --key @ci").exits(1).says(&["has no say", &id(&place, "carol")]);
    key(&place, "sign @root1 --key @alice.pub").exits(1).says(&["it is a public key"]);
    key(&place, "root @root1 --root @alice.pub --release @ci.pub").exits(1).says(&["exists"]);
    key(&place, "root @other --root @alice.pub --release @alice.pub").exits(2).says(&["root keys stay offline"]);
    key(&place, "root @other --root @alice.pub --release @ci.pub --threshold 2")
        .exits(2)
        .says(&["2 of 1 root keys", "--threshold"]);
    key(&place, "root @other --root @alice --release @ci.pub").exits(1).says(&["SECRET"]);
}

#[test]
fn a_revoked_key_is_gone_from_the_next_root_which_opens_an_epoch() {
    let place = keys(&["alice", "ci", "ci2", "bob"]);
    key(&place, "root @root1 --root @alice.pub --release @ci.pub --key @alice").exits(0);
    let ci = id(&place, "ci");
    key(&place, &format!("revoke @root2 @root3 --id {ci}")).exits(1).says(&["root2"]);
    key(&place, &format!("revoke @root1 @root2 --id {ci}"))
        .exits(2)
        .says(&["1 of 0 release keys", "--release-threshold"]);
    key(&place, "revoke @root1 @root2 --id 0123456789abcdef").exits(1).says(&["has no key", &ci]);
    key(&place, "revoke @root1 @root2 --id zz").exits(2).says(&["16 hexadecimal digits"]);
    let words = format!("revoke @root1 @root2 --id {ci} --add-release @ci2.pub --add-head @ci2.pub --json");
    let value = key(&place, &words).exits(0).json();
    assert_eq!((value["number"].as_u64(), value["epoch"].as_u64()), (Some(2), Some(2)));
    assert!(!value.to_string().contains(&ci));
    assert_eq!(value["missing"].as_array().unwrap().len(), 2, "neither root's keys have signed: {value}");
    key(&place, "sign @root2 --key @alice").exits(0);
    let run = key(&place, "show @root2 --previous @root1").exits(0);
    assert!(run.text().contains("complete: devices believe it"), "{}", run.text());
    // Rotated, no epoch begins; the old root key signs its own departure.
    let alice = id(&place, "alice");
    let words = format!("rotate @root2 @root3 --retire {alice} --add-root @bob.pub --key @alice --key @bob --json");
    let value = key(&place, &words).exits(0).json();
    assert_eq!((value["number"].as_u64(), value["epoch"].as_u64()), (Some(3), Some(2)));
    assert_eq!(value["missing"].as_array().unwrap().len(), 0, "{value}");
    key(&place, "show @root3 --previous @root1").exits(3).says(&["root 3 cannot follow root 1", "number"]);
}

#[test]
fn what_is_no_key_and_no_document_is_said() {
    let place = Place::new();
    place.file("junk", b"junk");
    key(&place, "show @junk").exits(1).says(&["neither a key nor a signed document"]);
    key(&place, "show @missing").exits(1).says(&["missing"]);
    key(&place, "sign @junk --key @junk").exits(1).says(&["junk", "no secret key"]);
    place.file("large", vec![0; 1 << 20]);
    key(&place, "show @large").exits(1).says(&["the most that"]);
}
