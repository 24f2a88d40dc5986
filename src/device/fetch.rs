//! Bytes from a host: bounded in size and time, taken up again where they broke off, tried again with patience.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    time::Duration,
};

use super::{
    DeviceError,
    machine::Machine,
    transport::{Transport, TransportError},
};
use crate::{
    files::{FileError, open_plain},
    hash::Hash,
    tree::hash_file,
    trust::layout,
};

/// How often one thing is asked for before the update gives up for now.
const TRIES: u32 = 5;
/// Waiting begins below this and doubles.
const WAIT: Duration = Duration::from_secs(1);
/// Nobody waits longer, whatever a host asks for.
const MOST_WAIT: Duration = Duration::from_secs(120);
/// A document that took longer is given up.
const DOCUMENT_TIME: Duration = Duration::from_secs(60);
/// In each such stretch of time an object must have grown by [`LEAST_BYTES`].
const STRETCH: Duration = Duration::from_secs(60);
/// 1 KiB/s: below the slowest network that still carries anything.
const LEAST_BYTES: u64 = 60 << 10;
const BUFFER_BYTES: usize = 32 << 10;

/// Asked as bytes come, with those of this update so far and of how many: whether to go on.
pub type GoOn<'a> = &'a (dyn Fn(u64, u64) -> bool + Sync);

/// One update's dealings with its host.
pub(super) struct Fetch<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) machine: &'a dyn Machine,
    pub(super) go_on: GoOn<'a>,
    /// Bytes of objects that this update fetched, and will fetch.
    pub(super) done: u64,
    pub(super) total: u64,
}

/// What went wrong in one try.
enum Broken {
    Transport(TransportError),
    Other(DeviceError),
}

impl Fetch<'_> {
    /// The document at `path`, of at most `most` bytes; `None` where there is none.
    pub(super) fn document(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, DeviceError> {
        let read = |bytes: &mut Vec<u8>| -> Result<(), Broken> {
            bytes.clear();
            let started = self.machine.elapsed();
            let answer = self.transport.get(path, 0).map_err(Broken::Transport)?;
            let mut body = answer.body.take(most as u64 + 1);
            let mut buffer = [0; 4096];
            loop {
                match body.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(Broken::Transport(error.into())),
                }
                let time = self.machine.elapsed().saturating_sub(started);
                if time > DOCUMENT_TIME {
                    let (path, bytes) = (path.to_owned(), bytes.len() as u64);
                    return Err(Broken::Other(DeviceError::TooSlow { path, bytes, secs: time.as_secs() }));
                }
                if !(self.go_on)(self.done, self.total) {
                    return Err(Broken::Other(DeviceError::Stopped));
                }
            }
            if bytes.len() > most {
                return Err(Broken::Other(DeviceError::TooLong { path: path.to_owned(), limit: most as u64 }));
            }
            Ok(())
        };
        let mut bytes = Vec::new();
        match self.patiently(path, || read(&mut bytes)) {
            Ok(()) => Ok(Some(bytes)),
            Err(DeviceError::Transport { source: TransportError::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object `hash` of `size` bytes, complete and verified, open at its beginning. What is there of it from an
    /// earlier run is kept. `None` where the host has no such object, or something else in its place.
    pub(super) fn object(&mut self, hash: &Hash, size: u64, place: &PathBuf) -> Result<Option<File>, DeviceError> {
        let path = layout::object(hash);
        let before = self.done;
        // A second round where what was there from before turns out to be damaged.
        for round in 0..2 {
            let there = place.metadata().map_or(0, |metadata| metadata.len());
            let fetched = self.patiently_object(&path, size, place);
            match fetched {
                Ok(()) => {}
                Err(DeviceError::Transport { source: TransportError::NotFound, .. }) => return Ok(None),
                Err(DeviceError::TooLong { .. }) => {
                    self.done = before;
                    let _ = std::fs::remove_file(place);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
            let error = |action, source| DeviceError::File(FileError::io(action, place, source));
            let mut file = open_plain(place).map_err(|source| error("open", source))?;
            let (found, _) = hash_file(&file, &mut vec![0; BUFFER_BYTES]).map_err(|source| error("read", source))?;
            if found == *hash {
                file.seek(SeekFrom::Start(0)).map_err(|source| error("read", source))?;
                return Ok(Some(file));
            }
            let _ = std::fs::remove_file(place);
            self.done = before;
            if round == 0 && there == 0 {
                break;
            }
        }
        Ok(None)
    }

    fn patiently_object(&mut self, path: &str, size: u64, place: &PathBuf) -> Result<(), DeviceError> {
        let before = self.done;
        let (transport, machine, go_on, total) = (self.transport, self.machine, self.go_on, self.total);
        let mut done = before;
        let one = || {
            grow(transport, machine, path, size, place, &mut |there| {
                done = before.saturating_add(there);
                go_on(done, total)
            })
        };
        let result = self.patiently(path, one);
        self.done = done;
        result
    }

    /// Tries until it works, a host says no, or it was tried often enough. Waits are spread by chance, so that a fleet
    /// that failed together does not come back together.
    fn patiently(&self, path: &str, mut one: impl FnMut() -> Result<(), Broken>) -> Result<(), DeviceError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let source = match one() {
                Ok(()) => return Ok(()),
                Err(Broken::Other(error)) => return Err(error),
                Err(Broken::Transport(source)) => source,
            };
            if !source.is_passing() || tries >= TRIES {
                return Err(DeviceError::Transport { path: path.to_owned(), source });
            }
            let asked = match &source {
                TransportError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            let wait = spread(WAIT.saturating_mul(1 << tries.min(16)), &self.machine.random());
            self.machine.sleep(wait.max(asked).min(MOST_WAIT));
            if !(self.go_on)(self.done, self.total) {
                return Err(DeviceError::Stopped);
            }
        }
    }
}

/// Anything up to `most`, by chance.
fn spread(most: Duration, random: &[u8; 16]) -> Duration {
    let share = u32::from(u16::from_le_bytes([random[0], random[1]]));
    (most / (1 << 16)).saturating_mul(share)
}

/// Fetches what is missing of an object into the file at `place`.
fn grow(
    transport: &dyn Transport,
    machine: &dyn Machine,
    path: &str,
    size: u64,
    place: &PathBuf,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Broken> {
    let file_error = |action, source| Broken::Other(DeviceError::File(FileError::io(action, place, source)));
    let file = File::options().create(true).truncate(false).read(true).write(true).open(place);
    let mut file = file.map_err(|source| file_error("write", source))?;
    let mut there = file.metadata().map_err(|source| file_error("read", source))?.len();
    if there > size {
        there = 0;
    }
    if there == size {
        return if go_on(there) { Ok(()) } else { Err(Broken::Other(DeviceError::Stopped)) };
    }
    let answer = transport.get(path, there).map_err(Broken::Transport)?;
    if answer.from != there {
        // A host that cannot begin in the middle begins at the beginning; anything else is none of an answer.
        if answer.from != 0 {
            let reason = format!("asked for byte {there}, it gave byte {}", answer.from);
            return Err(Broken::Transport(TransportError::Refused(reason)));
        }
        there = 0;
    }
    file.set_len(there).map_err(|source| file_error("write", source))?;
    file.seek(SeekFrom::Start(there)).map_err(|source| file_error("write", source))?;
    // One byte more than there may be tells an endless body.
    let mut body = answer.body.take(size.saturating_sub(there).saturating_add(1));
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut since, mut grown) = (machine.elapsed(), 0u64);
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Transport(error.into())),
        };
        there = there.saturating_add(read as u64);
        if there > size {
            return Err(Broken::Other(DeviceError::TooLong { path: path.to_owned(), limit: size }));
        }
        file.write_all(&buffer[..read]).map_err(|source| file_error("write", source))?;
        if !go_on(there) {
            return Err(Broken::Other(DeviceError::Stopped));
        }
        grown = grown.saturating_add(read as u64);
        let time = machine.elapsed().saturating_sub(since);
        if time > STRETCH {
            if grown < LEAST_BYTES {
                let path = path.to_owned();
                return Err(Broken::Other(DeviceError::TooSlow { path, bytes: grown, secs: time.as_secs() }));
            }
            (since, grown) = (machine.elapsed(), 0);
        }
    }
    if there < size {
        let early = std::io::Error::new(ErrorKind::UnexpectedEof, format!("it ended after {there} of {size} bytes"));
        return Err(Broken::Transport(early.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_and_bounded() {
        let most = Duration::from_secs(8);
        assert_eq!(spread(most, &[0; 16]), Duration::ZERO);
        assert!(spread(most, &[0xff; 16]) < most);
        assert!(spread(most, &[0xff; 16]) > most / 2);
    }
}
