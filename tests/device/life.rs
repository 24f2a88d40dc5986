//! What a device goes through when all goes well, and when a release does not.

use std::{fs, sync::atomic::Ordering};

use smidge::{
    device::{Coming, DeviceError, Install, Reason},
    hash::Hash,
    trust::Binary,
};

use crate::world::{Plan, World, names};

#[test]
fn an_update_by_patch_waits_for_the_restart_is_confirmed_and_can_be_left() {
    let mut world = World::new();
    assert_eq!(world.start().0, "v0");
    let updated = world.update();
    assert!(!updated.checked.known && updated.way.is_none() && updated.coming == Coming::Nothing);

    world.publish(Plan::default());
    let updated = world.update();
    let way = updated.way.unwrap();
    assert!(!way.full && way.steps.len() == 1 && way.failed.is_empty());
    assert_eq!(updated.fetched_bytes, way.steps[0]);
    let text = updated.notice.unwrap().text().unwrap();
    assert_eq!(text.title, "Update available");
    // What runs is not touched until the app starts again.
    assert_eq!(world.device().status().state.running, None);

    let (says, start) = world.start();
    assert!(says == "v1" && start.unconfirmed);
    assert_eq!(start.notices[0].text().unwrap().title, "Update is installed");
    world.device().confirm().unwrap();
    let (says, start) = world.start();
    assert!(says == "v1" && !start.unconfirmed && start.notices.is_empty());
    // Nothing new: nothing is done.
    assert!(world.update().way.is_none());

    let left = world.device().rollback().unwrap();
    assert_eq!((left.label, left.reason), (1, Reason::Asked));
    assert_eq!(world.start().0, "v0");
    // It is not installed again, but the next one is.
    assert_eq!(world.update().coming, Coming::Nothing);
    world.publish(Plan::default());
    assert_eq!(world.update().coming.release().unwrap().label(), 2);
    assert_eq!(world.start().0, "v2");
}

#[test]
fn a_release_that_never_confirms_is_left_after_its_starts_and_the_reason_is_kept_until_reported() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    assert_eq!(world.start().0, "v1");
    assert_eq!(world.start().0, "v1");
    let (says, start) = world.start();
    assert_eq!((says.as_str(), names(&start.notices)), ("v0", vec!["rolled-back"]));
    let left = world.device().status().state.left.unwrap();
    assert_eq!((left.label, left.reason.code()), (1, "unconfirmed"));
    world.device().reported().unwrap();
    assert_eq!(world.device().status().state.left, None);
    assert!(world.update().way.is_none());
    world.start();
    assert_eq!(world.slots(), 0);
}

#[test]
fn a_hang_and_a_failure_go_back_to_the_release_that_was_confirmed() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    world.start();
    world.device().confirm().unwrap();
    for (label, hangs) in [(2, true), (3, false)] {
        world.publish(Plan::default());
        world.update();
        let device = world.device();
        let start = device.start();
        assert_eq!(world.says(&start), format!("v{label}"));
        if hangs {
            world.machine.elapsed_ms.fetch_add(29_999, Ordering::SeqCst);
            assert_eq!(device.watch().unwrap(), None);
            world.machine.elapsed_ms.fetch_add(1, Ordering::SeqCst);
            assert_eq!(device.watch().unwrap().unwrap().reason, Reason::Hang);
        } else {
            let left = device.fail("white screen").unwrap().unwrap();
            assert_eq!((left.reason, left.note.as_str()), (Reason::Failed, "white screen"));
        }
        assert_eq!(device.watch().unwrap(), None);
        assert_eq!(world.start().0, "v1");
        assert!(world.update().way.is_none(), "v{label} is not installed again");
    }
}

#[test]
fn a_new_release_mends_one_that_fails_and_goes_back_behind_it() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    world.start();
    world.publish(Plan::default());
    world.update();
    // v1 was never confirmed: from v2 the way back leads to the embedded bundle.
    assert_eq!(world.start().0, "v2");
    world.device().fail("").unwrap();
    assert_eq!(world.start().0, "v0");
}

#[test]
fn without_a_direct_patch_a_chain_and_without_a_chain_the_full_release_is_taken() {
    let mut world = World::new();
    world.publish(Plan { full: false, ..Plan::default() });
    world.publish(Plan { full: false, ..Plan::default() });
    let way = world.update().way.unwrap();
    assert_eq!((way.steps.len(), way.full), (2, false));
    assert_eq!(world.slots(), 1, "the tree in the middle is gone");
    assert_eq!(world.start().0, "v2");

    let mut world = World::new();
    world.publish(Plan::default());
    let direct = world.steps[0].object;
    fs::remove_file(world.join("host").join(smidge::trust::layout::object(&direct))).unwrap();
    let way = world.update().way.unwrap();
    assert!(way.full && way.failed[0].contains("the host does not have it"), "{way:?}");
    assert_eq!(world.start().0, "v1");
}

#[test]
fn a_damaged_base_is_found_and_healed_by_the_full_release() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    let (_, start) = world.start();
    world.device().confirm().unwrap();
    fs::write(start.root.unwrap().join("assets/logo"), "bit rot").unwrap();
    world.publish(Plan::default());
    let way = world.update().way.unwrap();
    assert!(way.full && way.failed[0].contains("is damaged"), "{way:?}");
    assert_eq!(world.start().0, "v2");
}

#[test]
fn a_damaged_slot_is_left_at_the_start_and_the_release_comes_again() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    let (_, start) = world.start();
    world.device().confirm().unwrap();
    let root = start.root.unwrap();
    fs::write(root.join("assets/logo"), "bit rot").unwrap();
    let mut config = world.config();
    config.verify_at_start = true;
    let start = smidge::device::Device::new(config).start();
    assert_eq!((world.says(&start).as_str(), names(&start.notices)), ("v0", vec!["rolled-back"]));
    world.update();
    assert_eq!(world.start().0, "v1");
    world.device().confirm().unwrap();
    // What is simply gone is seen without reading everything.
    fs::remove_dir_all(root).unwrap();
    assert_eq!(world.start().0, "v0");
    world.update();
    assert_eq!(world.start().0, "v1");
}

#[test]
fn a_state_that_cannot_be_read_leads_to_slot_zero_and_says_so() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    world.start();
    world.device().confirm().unwrap();
    let path = world.home().join("state");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[40] ^= 1;
    let mut newer = whole[..whole.len() - 32].to_vec();
    newer[4] = 2;
    newer.extend_from_slice(Hash::of(&newer).as_bytes());
    for bytes in [&flipped[..], &whole[..whole.len() / 2], b"", &[0; 1 << 20], &newer] {
        fs::write(&path, bytes).unwrap();
        let (says, start) = world.start();
        assert_eq!((says.as_str(), names(&start.notices)), ("v0", vec!["recovered"]));
        // From there it goes on as from a new install.
        assert!(world.start().1.notices.is_empty());
        world.update();
        assert_eq!(world.start().0, "v1");
    }
}

#[test]
fn another_store_build_begins_at_its_own_bundle() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    world.start();
    world.device().confirm().unwrap();
    let mut config = world.config();
    config.binary = Binary::new("2.0.0", "43").unwrap();
    let device = smidge::device::Device::new(config);
    let start = device.start();
    assert_eq!(world.says(&start), "v0");
    // Version and build are exact: nothing was released for this one.
    assert!(!device.update(&world.transport(), Default::default()).unwrap().checked.known);
    assert_eq!(world.slots(), 0);
}

#[test]
fn a_release_taken_back_before_the_restart_is_not_switched_to() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.update();
    world.listed[0].0.disabled = true;
    world.publish_head();
    assert_eq!(world.update().coming, Coming::Nothing);
    assert_eq!(world.start().0, "v0");
    assert_eq!(world.slots(), 0);
}

#[test]
fn a_rollout_reaches_those_it_selects_and_they_are_told_why() {
    let mut world = World::new();
    world.publish(Plan { rollout: 0, ..Plan::default() });
    let updated = world.update();
    assert!(updated.way.is_none() && matches!(updated.checked.passed[..], [(1, _)]));
    world.listed[0].0.rollout = 100;
    world.publish_head();
    assert!(world.update().way.is_some());
}

#[test]
fn consent_is_waited_for_unless_the_release_is_mandatory() {
    let mut world = World::new();
    world.publish(Plan::default());
    let device = |world: &World| {
        let mut config = world.config();
        config.install = Install::WhenAccepted;
        smidge::device::Device::new(config)
    };
    let update = |world: &World| device(world).update(&world.transport(), Default::default()).unwrap();
    assert!(matches!(update(&world).coming, Coming::Staged(_)));
    assert_eq!(world.start().0, "v0");
    // Asked again, it is not fetched again.
    assert!(update(&world).way.is_none());
    device(&world).accept().unwrap();
    assert_eq!(world.start().0, "v1");
    assert!(matches!(device(&world).accept(), Err(DeviceError::NotNow { .. })));
    world.publish(Plan { mandatory: true, ..Plan::default() });
    let updated = update(&world);
    let text = updated.notice.unwrap().text().unwrap();
    assert_eq!((text.title, text.body.as_str()), ("Update available", "An update is available that must be installed"));
    assert_eq!(world.start().0, "v2");
}

#[test]
fn room_and_budget_are_asked_before_anything_is_fetched() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.machine.free.store(1000, Ordering::SeqCst);
    let error = world.device().update(&world.transport(), Default::default()).unwrap_err();
    assert!(matches!(error, DeviceError::NoSpace { free: 1000, .. }), "{error}");
    world.machine.free.store(1 << 30, Ordering::SeqCst);
    let options = smidge::device::Options { max_bytes: Some(10), go_on: &|_, _| true };
    let error = world.device().update(&world.transport(), options).unwrap_err();
    assert!(matches!(error, DeviceError::OverBudget { allowed: 10, .. }), "{error}");
    assert_eq!(fs::read_dir(world.home().join("downloads")).unwrap().count(), 0);
    world.update();
    assert_eq!(world.start().0, "v1");
}
