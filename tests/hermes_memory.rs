//! The memory that the build side declares is at least what the device allocates.

#![cfg(feature = "diff")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use smidge::hermes::{Bounds, Image, plan, predict};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn take(bytes: usize) {
    MOST.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; the counters are no part of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// An image that takes no memory.
struct Nowhere;

impl Image for Nowhere {
    fn put(&mut self, _at: u64, _bytes: &[u8], _tag: u8) -> io::Result<()> {
        Ok(())
    }
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/hermes/{name}.hbc", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn no_more_is_allocated_than_declared() {
    for version in [84, 90, 96, 98, 99] {
        let old = data(&format!("v{version}"));
        for name in [format!("v{version}-next"), format!("v{version}")] {
            let plan = plan(&old, &data(&name)).unwrap();
            let bounds = Bounds { image_bytes: 1 << 20, memory_bytes: plan.memory_bytes };
            let before = HELD.load(Relaxed);
            MOST.store(before, Relaxed);
            predict(&mut &old[..], &plan.hints[..], &mut Nowhere, bounds).unwrap();
            let most = (MOST.load(Relaxed) - before) as u64;
            println!("{name}: {most} bytes allocated, {} declared", plan.memory_bytes);
            assert!(most <= plan.memory_bytes, "{name}: {most} bytes allocated, {} declared", plan.memory_bytes);
        }
    }
}
