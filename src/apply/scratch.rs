//! An image on its way: bytes and their tags, written in any order to a few pages of memory, and to a temporary file where
//! those do not suffice.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::Staged;
use crate::hermes::Image;

const PAGE_BITS: u32 = 15;
const PAGE_BYTES: usize = 1 << PAGE_BITS;
const PAGES: usize = 4;
/// Memory of the pages, in bytes: each holds bytes and tags.
pub const SCRATCH_BYTES: u64 = (PAGES * PAGE_BYTES * 2) as u64;

struct Page {
    index: u64,
    dirty: bool,
    used: u64,
    /// The bytes, then their tags.
    content: Box<[u8]>,
}

/// Bytes and tags; the temporary file is removed when dropped.
pub struct Scratch {
    /// Where the file goes, once it is needed.
    path: PathBuf,
    file: Option<Staged>,
    pages: Vec<Page>,
    clock: u64,
    /// Pages that the file holds.
    written: u64,
    recent: usize,
}

impl Scratch {
    /// An empty one, whose file goes beside `target` if it needs one.
    #[must_use]
    pub fn beside(target: &Path) -> Self {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".image");
        let path = target.with_file_name(name);
        Self { path, file: None, pages: Vec::new(), clock: 0, written: 0, recent: 0 }
    }

    /// Fills `bytes` and as many `tags` from `at`.
    ///
    /// # Errors
    /// As the file's.
    pub fn read(&mut self, at: u64, bytes: &mut [u8], tags: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let place = at + done as u64;
            let begin = place as usize & (PAGE_BYTES - 1);
            let len = (bytes.len() - done).min(PAGE_BYTES - begin);
            let page = self.page(place >> PAGE_BITS)?;
            bytes[done..done + len].copy_from_slice(&page.content[begin..begin + len]);
            if let Some(tags) = tags.get_mut(done..done + len) {
                tags.copy_from_slice(&page.content[PAGE_BYTES + begin..PAGE_BYTES + begin + len]);
            }
            done += len;
        }
        Ok(())
    }

    fn page(&mut self, index: u64) -> io::Result<&mut Page> {
        if self.pages.get(self.recent).is_none_or(|page| page.index != index) {
            self.recent = self.find(index)?;
        }
        Ok(&mut self.pages[self.recent])
    }

    fn find(&mut self, index: u64) -> io::Result<usize> {
        self.clock += 1;
        let clock = self.clock;
        if let Some(slot) = self.pages.iter().position(|page| page.index == index) {
            self.pages[slot].used = clock;
            return Ok(slot);
        }
        let slot = if self.pages.len() < PAGES {
            let content = vec![0; 2 * PAGE_BYTES].into_boxed_slice();
            self.pages.push(Page { index, dirty: false, used: clock, content });
            self.pages.len() - 1
        } else {
            let slot = (0..PAGES).min_by_key(|&slot| self.pages[slot].used).unwrap_or(0);
            self.write_back(slot)?;
            slot
        };
        let page = &mut self.pages[slot];
        page.content.fill(0);
        if let (Some(file), true) = (&self.file, index < self.written) {
            crate::files::read_exact_at(file.file(), &mut page.content, index * 2 * PAGE_BYTES as u64)?;
        }
        (page.index, page.dirty, page.used) = (index, false, clock);
        Ok(slot)
    }

    fn write_back(&mut self, slot: usize) -> io::Result<()> {
        let page = &mut self.pages[slot];
        if page.dirty {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(Staged::create_beside(&self.path).map_err(io::Error::other)?),
            };
            crate::files::write_all_at(file.file(), &page.content, page.index * 2 * PAGE_BYTES as u64)?;
            // What lies between is a hole, and reads as zeros.
            self.written = self.written.max(page.index + 1);
            page.dirty = false;
        }
        Ok(())
    }
}

impl Image for Scratch {
    fn put(&mut self, at: u64, bytes: &[u8], tag: u8) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let place = at + done as u64;
            let begin = place as usize & (PAGE_BYTES - 1);
            let len = (bytes.len() - done).min(PAGE_BYTES - begin);
            let page = self.page(place >> PAGE_BITS)?;
            page.content[begin..begin + len].copy_from_slice(&bytes[done..done + len]);
            page.content[PAGE_BYTES + begin..PAGE_BYTES + begin + len].fill(tag);
            page.dirty = true;
            done += len;
        }
        Ok(())
    }
}
