//! Killed at a system call, the next start runs the old or the new release, whole, and the next update finishes.

use std::{fs, path::Path, process::Command};

use smidge::device::{Config, Device, Folder};

use crate::world::{Plan, World, binary, channel, root, signed_root};

const PLACE: &str = "SMIDGE_TEST_PLACE";

/// What the killed process does: start, confirm, update. Run by the test below, under strace.
#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let mut config = Config::new(place.join("home"), channel(), binary(), signed_root(&root(1, 1, 3)));
    config.embedded.path = Some(place.join("v0"));
    config.embedded.bundle = Some("index.bundle".to_owned());
    let device = Device::new(config);
    let _ = device.start();
    device.confirm().unwrap();
    device.update(&Folder::new(place.join("host")), Default::default()).unwrap();
}

#[test]
fn killed_at_a_system_call_the_app_starts_and_the_next_update_finishes() {
    let mut world = World::new();
    world.publish(Plan::default());
    let mut kills = 0;
    // A sample: each call name, a few places. The first files that are opened are libraries.
    for (call, step) in [("rename", 2), ("renameat2", 1), ("fsync", 4), ("mkdir", 3), ("openat", 47), ("write", 5)] {
        for when in (1..).step_by(step).take(4) {
            let _ = fs::remove_dir_all(world.home());
            let output = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={call}:signal=KILL:when={when}")])
                .arg(std::env::current_exe().unwrap())
                .args(["killed::child", "--exact", "--ignored", "--test-threads=1", "-q"])
                .env(PLACE, world.place.path())
                .output();
            let Some(output) = output.ok().filter(|output| !output.stderr.starts_with(b"strace:")) else {
                return eprintln!("skipped: this takes strace");
            };
            let done = output.status.success();
            kills += usize::from(!done);
            let (says, start) = world.start();
            assert!(says == "v0" || says == "v1", "killed at {call} {when}");
            assert!(start.notices.iter().all(|notice| notice.name() == "installed"), "{:?}", start.notices);
            world.device().confirm().unwrap();
            world.update();
            assert_eq!(world.start().0, "v1", "killed at {call} {when}");
            assert_eq!(world.slots(), 1, "killed at {call} {when}");
            if done {
                break;
            }
        }
    }
    assert!(kills > 8, "only {kills} places to be killed at");
}
