//! Any bytes as descriptions of models, fingerprints and lists of CodePush: no panic, and nothing differs from itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smidge::release::{
    classify::{Change, Safety, classify, model::Model, native::Fingerprint},
    import::codepush::{List, Plan},
};

fuzz_target!(|bytes: &[u8]| {
    // Two documents in one input.
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (one, other) = (&bytes[..cut], bytes.get(cut + 1..).unwrap_or_default());
    if let Ok(model) = Model::read(one) {
        assert!(model.compare(&model).is_empty());
        if let Ok(other) = Model::read(other) {
            let verdict = classify(&Change { model: Some(model.compare(&other)), ..Change::default() });
            assert!(verdict.safety < Safety::Store);
            assert_eq!(verdict.permit(None).is_ok(), verdict.against().next().is_none());
        }
    }
    if let Ok(fingerprint) = Fingerprint::read(one) {
        assert!(fingerprint.compare(&fingerprint).is_empty());
        assert_eq!(Fingerprint::read(fingerprint.to_json().as_bytes()).unwrap(), fingerprint);
        if let Ok(other) = Fingerprint::read(other) {
            let differ = fingerprint.compare(&other);
            assert_eq!(differ.is_empty(), fingerprint.hash() == other.hash());
        }
    }
    if let Ok(list) = List::read(one) {
        let mut lists = vec![("Production".to_owned(), list)];
        lists.extend(List::read(other).ok().map(|list| ("Staging".to_owned(), list)));
        if let Ok(plan) = Plan::new(lists) {
            assert!(
                plan.deployments.iter().all(|one| one.releases.windows(2).all(|pair| pair[0].label < pair[1].label))
            );
        }
    }
});
