//! Data that was not synced is never lost to an update.

use std::fs;

use smidge::{
    device::{Coming, Device, Notice, Source},
    trust::Binary,
};

use crate::world::{Plan, World, names};

/// An app with data of model m1, `unsynced` of which the server does not have.
fn with_data(unsynced: &str) -> World {
    let mut world = World::new();
    fs::create_dir_all(world.join("data/photos")).unwrap();
    fs::write(world.join("data/orders.db"), "order 17, signed").unwrap();
    fs::write(world.join("data/photos/a: b?.jpg"), "photo").unwrap();
    fs::write(world.join("unsynced"), unsynced).unwrap();
    world.unsynced = Some(world.join("unsynced"));
    world
}

#[track_caller]
fn intact(world: &World) {
    assert_eq!(fs::read_to_string(world.join("data/orders.db")).unwrap(), "order 17, signed");
    assert_eq!(fs::read_to_string(world.join("data/photos/a: b?.jpg")).unwrap(), "photo");
    assert_eq!(fs::read_dir(world.join("data")).unwrap().count(), 2);
}

/// The model on the server changed while the engineer was offline; the sync fails; the app is restarted; a mandatory
/// update arrives.
#[test]
fn the_field_engineer_keeps_the_work_of_the_day() {
    let mut world = with_data("3 m1");
    world.start();
    world.publish(Plan { mandatory: true, model: Some("m2"), destructive: Some(&[]), ..Plan::default() });
    let updated = world.update();
    assert!(matches!(updated.coming, Coming::Held(_)));
    let notice = updated.notice.unwrap();
    let Notice::Held { unsynced, reason, .. } = &notice else { panic!("{notice:?}") };
    assert_eq!((unsynced.count, reason.as_str()), (3, "entity Order was renamed"));
    assert!(notice.text().unwrap().body.contains("synchronise"));
    // However often the app is restarted, the old model's app runs, with its data.
    for _ in 0..3 {
        let (says, start) = world.start();
        assert_eq!((says.as_str(), names(&start.notices)), ("v0", vec!["held"]));
        intact(&world);
    }
    // The sync succeeds.
    fs::write(world.join("unsynced"), "0 m1").unwrap();
    let (says, start) = world.start();
    assert_eq!((says.as_str(), names(&start.notices)), ("v1", vec!["snapshot", "installed"]));
    // The new app migrates the data, badly, and is left.
    fs::write(world.join("data/orders.db"), "").unwrap();
    fs::remove_dir_all(world.join("data/photos")).unwrap();
    fs::write(world.join("data/new"), "").unwrap();
    world.device().fail("migration failed").unwrap();
    assert_eq!(world.start().0, "v0");
    let number = world.device().restore(None).unwrap();
    assert_eq!(world.device().status().snapshots, [number]);
    intact(&world);
}

#[test]
fn data_that_survives_or_is_of_the_new_model_holds_nothing_back() {
    for unsynced in ["3 m1", "3 m2"] {
        let mut world = with_data(unsynced);
        world.publish(Plan { model: Some("m2"), destructive: Some(&["m1"]), ..Plan::default() });
        world.update();
        let (says, start) = world.start();
        assert_eq!((says.as_str(), names(&start.notices)), ("v1", vec!["installed"]), "{unsynced}");
    }
}

#[test]
fn data_that_comes_after_the_update_holds_it_at_the_start() {
    let mut world = with_data("0 m1");
    world.publish(Plan { model: Some("m2"), destructive: Some(&[]), ..Plan::default() });
    assert!(matches!(world.update().coming, Coming::Pending(_)));
    // A damaged count is no reason to believe that there is nothing.
    for unsynced in ["1 m1", "garbage", "7"] {
        fs::write(world.join("unsynced"), unsynced).unwrap();
        assert_eq!(world.start().0, "v0", "{unsynced}");
    }
}

#[test]
fn without_its_snapshot_a_destructive_release_is_not_switched_to() {
    let mut world = with_data("0 m1");
    world.publish(Plan { model: Some("m2"), destructive: Some(&[]), ..Plan::default() });
    world.update();
    fs::write(world.home().join("snapshots"), "in the way").unwrap();
    let (says, start) = world.start();
    assert_eq!((says.as_str(), names(&start.notices)), ("v0", vec!["recovered"]));
    fs::remove_file(world.home().join("snapshots")).unwrap();
    assert_eq!(world.start().0, "v1");
}

#[test]
fn a_store_build_over_unsynced_data_says_so_and_keeps_a_copy() {
    let world = with_data("2 m1");
    world.start();
    let mut config = world.config();
    config.binary = Binary::new("3.0.0", "1").unwrap();
    config.embedded.model = Some("m2".to_owned());
    let start = Device::new(config.clone()).start();
    let [Notice::DataAtRisk { unsynced, snapshot: Some(number) }] = &start.notices[..] else {
        panic!("{:?}", start.notices)
    };
    assert_eq!(unsynced.count, 2);
    fs::write(world.join("data/orders.db"), "").unwrap();
    Device::new(config.clone()).restore(Some(*number)).unwrap();
    intact(&world);
    // Once only; and never where it can take the data over.
    assert!(Device::new(config.clone()).start().notices.is_empty());
    config.binary = Binary::new("3.0.0", "2").unwrap();
    config.embedded.survives = vec!["m1".to_owned()];
    config.data = Source::File(world.join("unsynced"));
    assert!(Device::new(config).start().notices.is_empty());
}
