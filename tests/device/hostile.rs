//! Hosts that lie, dawdle, break off or never end cost bounded time and bytes, and change nothing that runs.

use std::{
    fs,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use smidge::{
    device::{Answer, DeviceError, Folder, Transport, TransportError},
    trust::{self, TrustError},
};

use crate::world::{Clockwork, DAY, NOW, Plan, World, channel, root, signed_root};

type Body = Box<dyn Read + Send>;
type Does = fn(Body, Arc<Clockwork>) -> Body;

/// What a host does to whatever lies below `path`.
struct Host {
    folder: Folder,
    path: &'static str,
    does: Does,
    machine: Arc<Clockwork>,
    ranges: bool,
    given: Arc<AtomicU64>,
}

impl Host {
    fn new(world: &World, path: &'static str, does: Does) -> Self {
        let machine = world.machine.clone();
        Self { folder: world.transport(), path, does, machine, ranges: true, given: Arc::default() }
    }
}

struct Counted(Body, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }
}

impl Transport for Host {
    fn get(&self, path: &str, from: u64) -> Result<Answer, TransportError> {
        if !path.starts_with(self.path) {
            return self.folder.get(path, from);
        }
        let from = if self.ranges { from } else { 0 };
        let answer = self.folder.get(path, from).or_else(|_| {
            // A host that makes up what it does not have.
            Ok::<_, TransportError>(Answer { from, body: Box::new(io::empty()) })
        })?;
        let body = (self.does)(answer.body, self.machine.clone());
        Ok(Answer { from, body: Box::new(Counted(body, self.given.clone())) })
    }
}

/// Gives one byte at a time, each of which takes a while.
struct Dawdling(Body, Arc<Clockwork>);

impl Read for Dawdling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.elapsed_ms.fetch_add(5000, Ordering::SeqCst);
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

/// Breaks off after 100 bytes.
struct Breaking(Body, usize);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        if most == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let read = self.0.read(&mut buffer[..most])?;
        self.1 -= read;
        Ok(read)
    }
}

#[test]
fn endless_and_slow_answers_end() {
    let mut world = World::new();
    world.publish(Plan::default());
    for path in ["v1/heads", "v1/roots", "v1/objects"] {
        // Newer roots are asked for at the first check of a day.
        world.machine.clock.fetch_add(DAY, Ordering::SeqCst);
        let endless = Host::new(&world, path, |body, _| Box::new(body.chain(io::repeat(7))));
        let error = world.device().update(&endless, Default::default()).unwrap_err();
        assert!(endless.given.load(Ordering::SeqCst) < 1 << 20);
        let expected = match path {
            "v1/objects" => matches!(error, DeviceError::NoWay { .. }),
            _ => matches!(error, DeviceError::TooLong { .. }),
        };
        assert!(expected, "{path}: {error}");
        world.machine.clock.fetch_add(DAY, Ordering::SeqCst);
        let slow =
            Host::new(&world, path, |body, machine| Box::new(Dawdling(Box::new(body.chain(io::repeat(7))), machine)));
        let error = world.device().update(&slow, Default::default()).unwrap_err();
        assert!(matches!(error, DeviceError::TooSlow { .. }), "{path}: {error}");
        assert_eq!(world.start().0, "v0");
    }
}

#[test]
fn a_connection_that_keeps_breaking_is_taken_up_where_it_broke_and_waited_for_with_bounds() {
    let mut world = World::new();
    world.publish(Plan::default());
    let size = world.steps[0].size;
    let mut host = Host::new(&world, "v1/objects", |body, _| Box::new(Breaking(body, 100)));
    let mut calls = 0;
    let updated = loop {
        calls += 1;
        match world.device().update(&host, Default::default()) {
            Ok(updated) => break updated,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    };
    assert!(calls > 1 || size < 500);
    assert!(!updated.way.unwrap().full);
    // Nothing came twice.
    assert_eq!(host.given.load(Ordering::SeqCst), size);
    assert!(world.machine.waited.lock().unwrap().iter().all(|wait| wait.as_secs() <= 120));
    assert_eq!(world.start().0, "v1");

    // A host that cannot begin in the middle gives all from the start.
    world.publish(Plan::default());
    host.ranges = false;
    assert!(world.device().update(&host, Default::default()).unwrap_err().is_passing());
    let whole = world.update();
    assert!(!whole.way.unwrap().full);
}

#[test]
fn altered_objects_are_refused_whatever_their_place() {
    let mut world = World::new();
    world.publish(Plan::default());
    let garbage = Host::new(&world, "v1/objects", |body, _| Box::new(body.take(20).chain(io::repeat(0).take(9))));
    let error = world.device().update(&garbage, Default::default()).unwrap_err();
    // Too short is a connection that broke; it is never applied.
    assert!(error.is_passing(), "{error}");
    let path = world.join("host").join(trust::layout::object(&world.steps[0].object));
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 5 + 1) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let _ = fs::remove_dir_all(world.home());
        let way = world.update().way.unwrap();
        assert!(way.full, "byte {at}");
        assert_eq!(world.start().0, "v1");
    }
}

#[test]
fn old_mixed_and_expired_heads_are_refused_and_what_runs_keeps_running() {
    let mut world = World::new();
    let head = world.join("host").join(trust::layout::head(&channel()));
    let old = fs::read(&head).unwrap();
    world.publish(Plan::default());
    world.update();
    assert_eq!(world.start().0, "v1");
    world.device().confirm().unwrap();
    let new = fs::read(&head).unwrap();
    fs::write(&head, old).unwrap();
    let error = world.device().check(&world.transport()).unwrap_err();
    assert!(matches!(error, DeviceError::Trust(TrustError::Rollback { .. })), "{error}");
    fs::write(&head, &new).unwrap();
    world.machine.clock.store(NOW + 91 * DAY, Ordering::SeqCst);
    let error = world.device().check(&world.transport()).unwrap_err();
    assert!(matches!(error, DeviceError::Trust(TrustError::Expired { .. })), "{error}");
    // A clock that was ahead leaves no trace, and one that is behind thaws nothing.
    world.machine.clock.store(1000, Ordering::SeqCst);
    world.device().check(&world.transport()).unwrap();
    fs::remove_file(&head).unwrap();
    assert!(matches!(world.device().check(&world.transport()), Err(DeviceError::Transport { .. })));
    assert_eq!(world.start().0, "v1");
}

#[test]
fn a_stolen_head_key_is_revoked_by_the_next_root_and_counting_begins_anew() {
    let mut world = World::new();
    world.publish(Plan::default());
    world.number = 1 << 40;
    world.publish_head();
    world.update();
    world.start();
    world.device().confirm().unwrap();
    world.root = root(2, 2, 4);
    world.host.put_root(2, &signed_root(&world.root)).unwrap();
    world.number = 0;
    world.publish(Plan::default());
    let updated = world.update();
    assert_eq!(updated.coming.release().unwrap().epoch, 2);
    assert_eq!(world.start().0, "v2");
}

#[test]
fn an_update_can_be_stopped_at_any_byte_and_goes_on() {
    let mut world = World::new();
    world.publish(Plan::default());
    let stop = |done: u64, _| done < 10;
    let options = smidge::device::Options { max_bytes: None, go_on: &stop };
    let error = world.device().update(&world.transport(), options).unwrap_err();
    assert!(matches!(error, DeviceError::Stopped), "{error}");
    assert_eq!(world.start().0, "v0");
    world.update();
    assert_eq!(world.start().0, "v1");
}
