//! The scratch buffers of faer's kernels.
//!
//! A thread that multiplies matrices for the first time allocates a buffer of twice the L3 cache of the whole machine
//! and keeps it; that is hundreds of megabytes of address space on a server. Where the allocation fails, the process
//! aborts. So [`prepare`] checks first that the memory is available, and then makes faer allocate the buffer with a
//! tiny product, while no other thread can claim the memory.

use std::cell::Cell;
use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

use crate::error::Result;
use crate::memory::allocate;

/// A product of this many rows, columns and inner values is just above the bound up to which faer needs no buffer.
const SIZE: usize = 17;

thread_local! {
    /// Whether the thread has its buffer.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Allocates the scratch buffer of matrix products on this thread, unless it has one. To be called before every
/// product.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] with the bytes that a thread needs.
pub(crate) fn prepare() -> Result<()> {
    if PREPARED.get() {
        return Ok(());
    }
    allocate(bytes(), "the scratch buffer of matrix products on a thread", || {
        let (left, right) = (Mat::<f32>::zeros(SIZE, SIZE), Mat::<f32>::zeros(SIZE, SIZE));
        matmul(&mut Mat::zeros(SIZE, SIZE), Accum::Replace, &left, &right, 1.0, Par::Seq);
        // The kernel for f64 allocates a little more where the size of the cache is not a multiple of the page size.
        let (left, right) = (Mat::<f64>::zeros(SIZE, SIZE), Mat::<f64>::zeros(SIZE, SIZE));
        matmul(&mut Mat::zeros(SIZE, SIZE), Accum::Replace, &left, &right, 1.0, Par::Seq);
    })?;
    PREPARED.set(true);
    Ok(())
}

/// How many bytes the scratch buffer of a thread takes.
pub(crate) fn bytes() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| for_cache(l3_cache()))
}

/// What the kernels allocate for an L3 cache of so many bytes: two panels of that size. Where the size is not a
/// multiple of the page size, the panels grow, and while they do, the old and the new ones exist at the same time.
fn for_cache(bytes: usize) -> usize {
    let panels = bytes.saturating_mul(2);
    if bytes.is_multiple_of(4096) { panels } else { panels.saturating_mul(3).saturating_add(8 * 4096) }
}

/// The L3 caches of the machine in bytes, computed as faer's kernels do.
#[cfg(target_arch = "x86_64")]
fn l3_cache() -> usize {
    /// The smallest size that the kernels assume.
    const LEAST: usize = 2 << 20;
    let caches: Vec<Cache> = caches().unwrap_or_default();
    if caches.is_empty() {
        // Without these files the kernels ask the processor, where a single cache is not larger than this.
        return 256 << 20;
    }
    let largest = |level: usize| caches.iter().filter(|cache| cache.level == level).map(Cache::share).max();
    let threads_of_core = caches.iter().filter(|cache| cache.level == 1).map(|cache| cache.sharing).max().unwrap_or(1);
    let share = |level: usize| largest(level).unwrap_or(0).saturating_mul(threads_of_core);
    let l3 = share(3).saturating_mul(num_cpus::get_physical());
    l3.max(share(2).saturating_mul(4)).max(share(1).saturating_mul(16)).max(LEAST)
}

/// The kernels for other processors allocate a buffer for each product, which is smaller than this.
#[cfg(not(target_arch = "x86_64"))]
fn l3_cache() -> usize {
    8 << 20
}

/// A cache of a processor core.
#[cfg(target_arch = "x86_64")]
struct Cache {
    level: usize,
    bytes: usize,
    /// How many logical cores share it.
    sharing: usize,
}

#[cfg(target_arch = "x86_64")]
impl Cache {
    fn share(&self) -> usize {
        self.bytes / self.sharing.max(1)
    }
}

/// The data caches of all cores, from the files of Linux under `/sys`; `None` where a file is missing and on other
/// systems.
#[cfg(target_arch = "x86_64")]
fn caches() -> Option<Vec<Cache>> {
    let mut caches = Vec::new();
    for core in std::fs::read_dir("/sys/devices/system/cpu").ok()? {
        let Ok(indices) = std::fs::read_dir(core.ok()?.path().join("cache")) else { continue };
        for index in indices {
            let folder = index.ok()?.path();
            let field = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
            let (Some(kind), Some(level), Some(size)) = (field("type"), field("level"), field("size")) else {
                continue;
            };
            if kind.trim() == "Instruction" {
                continue;
            }
            caches.push(Cache {
                level: level.trim().parse().ok()?,
                bytes: size_in_bytes(size.trim())?,
                sharing: field("shared_cpu_list").map_or(1, |list| count_of(list.trim())),
            });
        }
    }
    Some(caches)
}

/// Parses a size such as `32768K`.
#[cfg(target_arch = "x86_64")]
fn size_in_bytes(size: &str) -> Option<usize> {
    let digits = size.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    let unit = match &size[digits.len()..] {
        "G" => 1 << 30,
        "M" => 1 << 20,
        "K" => 1 << 10,
        _ => 1,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// How many numbers are in a list such as `0-3,8`.
#[cfg(target_arch = "x86_64")]
fn count_of(list: &str) -> usize {
    let count = |part: &str| match part.split_once('-') {
        Some((first, last)) => match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) => last.saturating_sub(first).saturating_add(1),
            _ => 1,
        },
        None => 1,
    };
    list.split(',').map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_prepares_once() {
        prepare().unwrap();
        assert!(PREPARED.get());
        prepare().unwrap();
    }

    #[test]
    fn an_odd_cache_counts_what_is_there_while_the_workspace_grows() {
        assert_eq!(for_cache(32 << 20), 64 << 20);
        assert!(for_cache((32 << 20) + 1) > 6 * (32 << 20));
        assert!(bytes() >= 4 << 20);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn what_linux_writes_about_caches_is_read() {
        assert_eq!(size_in_bytes("32768K"), Some(32 << 20));
        assert_eq!((size_in_bytes("1M"), size_in_bytes("64"), size_in_bytes("")), (Some(1 << 20), Some(64), None));
        assert_eq!((count_of("0-3,8"), count_of("7"), count_of("0-15,32-47")), (5, 1, 32));
    }
}
