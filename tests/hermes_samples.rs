//! Prediction over bytecode of every released version: the device computes what the build side planned, and that is
//! new.

#![cfg(feature = "diff")]

use std::io;

use smidge::hermes::{Bounds, HermesError, Image, Plan, plan, predict};

const VERSIONS: [u32; 8] = [84, 85, 89, 90, 94, 96, 98, 99];

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/hermes/{name}.hbc", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Image for Bytes {
    fn put(&mut self, at: u64, bytes: &[u8], _tag: u8) -> io::Result<()> {
        let end = at as usize + bytes.len();
        self.0.resize(self.0.len().max(end), 0);
        self.0[at as usize..end].copy_from_slice(bytes);
        Ok(())
    }
}

/// What a device grants for `plan`.
fn declared(plan: &Plan) -> Bounds {
    Bounds { image_bytes: 1 << 20, memory_bytes: plan.memory_bytes }
}

const SMALL: Bounds = Bounds { image_bytes: 1 << 14, memory_bytes: 6 << 20 };

/// The hints, and the bytes of new that the image has wrong.
fn predicted(old: &[u8], new: &[u8]) -> (usize, usize) {
    let plan = plan(old, new).expect("both are bytecode of one version");
    let mut image = Bytes::default();
    let bytes = predict(&mut &old[..], &plan.hints[..], &mut image, declared(&plan)).unwrap();
    image.0.resize(bytes as usize, 0);
    assert!(image.0 == plan.image, "the device's image is the planned one");
    let content = new.len() - 20;
    let wrong = (0..content).filter(|&at| image.0.get(at) != Some(&new[at])).count();
    assert!(plan.footer, "the compiler's footer is a hash");
    (plan.hints.len(), wrong)
}

#[test]
fn every_version_is_predicted_from_its_old() {
    for version in VERSIONS {
        let (old, new) = (data(&format!("v{version}")), data(&format!("v{version}-next")));
        let (hints, wrong) = predicted(&old, &new);
        println!("version {version}: {hints} bytes of hints, {wrong} of {} wrong", new.len());
        assert!(hints < 300, "version {version} takes {hints} bytes of hints");
        assert_eq!(wrong, 0, "version {version}");
        assert!(predicted(&new, &new).0 < 150);
    }
}

#[test]
fn files_of_other_compiles_are_predicted_too() {
    for new in ["v96-next-debug", "v96-next-base", "v96-next-otherbase", "v96-next-unoptimised"] {
        println!("{new}: {:?}", predicted(&data("v96"), &data(new)));
        predicted(&data(new), &data("v96"));
    }
}

/// `SMIDGE_ROUNDS` asks for more of it.
#[test]
fn bytes_changed_in_either_file_are_predicted_too_or_refused() {
    let rounds = std::env::var("SMIDGE_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap());
    let mut seed = 5u64;
    let mut below = move |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    let mut planned = 0;
    for round in 0..rounds {
        let version = VERSIONS[below(VERSIONS.len())];
        let mut ends = [data(&format!("v{version}")), data(&format!("v{version}-next"))];
        for _ in 0..=below(6) {
            let end = &mut ends[below(2)];
            // The beginning of the header says what the file is; without it nothing is tried.
            let at = 12 + below(end.len() - 12);
            end[at] = if below(2) == 0 { below(256) as u8 } else { end[at] ^ 1 << below(8) };
        }
        let Some(plan) = plan(&ends[0], &ends[1]) else { continue };
        planned += 1;
        let mut image = Bytes::default();
        let bytes = predict(&mut &ends[0][..], &plan.hints[..], &mut image, declared(&plan)).unwrap();
        image.0.resize(bytes as usize, 0);
        assert!(image.0 == plan.image, "round {round}: the device's image is the planned one");
    }
    assert!(planned * 4 > rounds, "most changes leave the files readable: {planned}");
}

#[test]
fn what_is_not_two_files_of_one_version_has_no_plan() {
    let (old, new) = (data("v96"), data("v98"));
    assert!(plan(&old, &new).is_none());
    assert!(plan(&old, b"var a").is_none());
    assert!(plan(&old[..old.len() - 1], &old).is_none());
    let delta: Vec<u8> = old.iter().enumerate().map(|(at, &byte)| if at < 8 { !byte } else { byte }).collect();
    assert!(plan(&delta, &old).is_none());
}

#[test]
fn damaged_hints_are_refused_or_make_another_image_within_bounds() {
    let (old, new) = (data("v99"), data("v99-next"));
    let hints = plan(&old, &new).unwrap().hints;
    for cut in (0..hints.len()).step_by(7) {
        let _ = predict(&mut &old[..], &hints[..cut], &mut Bytes::default(), SMALL);
    }
    for at in (0..hints.len()).step_by(5) {
        let mut damaged = hints.clone();
        damaged[at] ^= 1 << (at % 8);
        let mut image = Bytes::default();
        let _ = predict(&mut &old[..], &damaged[..], &mut image, SMALL);
        assert!(image.0.len() <= 1 << 14);
    }
}

#[test]
fn prediction_takes_what_the_build_side_declares_and_is_refused_less() {
    for version in VERSIONS {
        let (old, new) = (data(&format!("v{version}")), data(&format!("v{version}-next")));
        let plan = plan(&old, &new).unwrap();
        let less = Bounds { memory_bytes: plan.memory_bytes - 1, ..declared(&plan) };
        let refused = predict(&mut &old[..], &plan.hints[..], &mut Bytes::default(), less);
        assert!(matches!(refused, Err(HermesError::Memory { .. })), "version {version}: {refused:?}");
    }
}
