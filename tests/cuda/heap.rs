//! The allocator of the system, which is counted: what a device is when the CPU plays it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

pub struct Counted;

// SAFETY: the allocator of the system does it.
#[allow(unsafe_code, reason = "an allocator counts what the library takes")]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How many bytes the process has of its allocator.
pub fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// How many bytes it had at most since the last call of [`forget_peak`].
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed)
}

/// Begins a new record of the peak.
pub fn forget_peak() {
    PEAK.store(live(), Ordering::Relaxed);
}
