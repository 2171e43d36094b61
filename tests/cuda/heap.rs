//! The allocator of the system, which is counted where a section asks for it: what a device is when the CPU plays it. Counters
//! that many threads write make each of them wait for the others, so that times would be those of the counters.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

pub struct Counted;

impl Counted {
    fn add(bytes: usize) {
        if COUNTS.load(Ordering::Relaxed) {
            let bytes = bytes as isize;
            PEAK.fetch_max(LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes, Ordering::Relaxed);
        }
    }

    fn remove(bytes: usize) {
        if COUNTS.load(Ordering::Relaxed) {
            LIVE.fetch_sub(bytes as isize, Ordering::Relaxed);
        }
    }
}

// SAFETY: the allocator of the system does it.
#[allow(unsafe_code, reason = "an allocator counts what the library takes")]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    // Cleared by the system when they are first written, and moved without a copy, as without a counter.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::add(size);
        Self::remove(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::remove(layout.size());
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Counts from here on; what the process has already is little.
pub fn count() {
    COUNTS.store(true, Ordering::Relaxed);
}

/// How many bytes the process has of its allocator.
pub fn live() -> usize {
    usize::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0)
}

/// How many bytes it had at most since the last call of [`forget_peak`].
pub fn peak() -> usize {
    usize::try_from(PEAK.load(Ordering::Relaxed)).unwrap_or(0)
}

/// Begins a new record of the peak.
pub fn forget_peak() {
    PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
}
