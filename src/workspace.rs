//! The workspace of faer's kernels: a thread that multiplies for the first time reserves twice the third cache of the whole
//! machine, which is hundreds of megabytes of address space on a server, and keeps it; where it is not there, the process ends.
//! So it is looked for before, and reserved by a product that is too small to matter while no other thread looks.

use std::cell::Cell;
use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

use crate::error::Result;
use crate::memory::take;

/// A little more than the bound on rows x columns x inner size, up to which faer needs no workspace.
const SIZE: usize = 17;

thread_local! {
    /// Whether the thread has its workspace.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Reserves what a product needs on this thread, once; before every product.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] saying how much a thread needs.
pub(crate) fn prepare() -> Result<()> {
    if PREPARED.get() {
        return Ok(());
    }
    take(bytes(), "the workspace of matrix products on a thread", || {
        let (left, right) = (Mat::<f32>::zeros(SIZE, SIZE), Mat::<f32>::zeros(SIZE, SIZE));
        matmul(&mut Mat::zeros(SIZE, SIZE), Accum::Replace, &left, &right, 1.0, Par::Seq);
        // Its kernel for 64-bit floats asks for a little more where the cache is of an odd size.
        let (left, right) = (Mat::<f64>::zeros(SIZE, SIZE), Mat::<f64>::zeros(SIZE, SIZE));
        matmul(&mut Mat::zeros(SIZE, SIZE), Accum::Replace, &left, &right, 1.0, Par::Seq);
    })?;
    PREPARED.set(true);
    Ok(())
}

/// How many bytes the workspace of a thread takes.
pub(crate) fn bytes() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| of_cache(third_cache()))
}

/// What the kernels reserve for a third cache of so many bytes: two panels of its size, which become larger, and are there twice
/// meanwhile, where it is not made of whole pages.
fn of_cache(bytes: usize) -> usize {
    let panels = bytes.saturating_mul(2);
    if bytes.is_multiple_of(4096) { panels } else { panels.saturating_mul(3).saturating_add(8 * 4096) }
}

/// The third caches of the machine in bytes, as the kernels add them up.
#[cfg(target_arch = "x86_64")]
fn third_cache() -> usize {
    /// What the kernels assume at least.
    const LEAST: usize = 2 << 20;
    let caches: Vec<Cache> = caches().unwrap_or_default();
    if caches.is_empty() {
        // Without the system's files they ask the processor, which has no more than this in one piece.
        return 256 << 20;
    }
    let largest = |level: usize| caches.iter().filter(|cache| cache.level == level).map(Cache::share).max();
    let threads_of_core = caches.iter().filter(|cache| cache.level == 1).map(|cache| cache.sharing).max().unwrap_or(1);
    let share = |level: usize| largest(level).unwrap_or(0).saturating_mul(threads_of_core);
    let third = share(3).saturating_mul(num_cpus::get_physical());
    third.max(share(2).saturating_mul(4)).max(share(1).saturating_mul(16)).max(LEAST)
}

/// The kernels for other processors take what they need for each product, and less than this.
#[cfg(not(target_arch = "x86_64"))]
fn third_cache() -> usize {
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

/// The data caches of all cores, as Linux describes them; `None` where a file is missing, and elsewhere.
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

/// Reads `32768K`.
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

/// How many numbers are in a list as `0-3,8`.
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
        assert_eq!(of_cache(32 << 20), 64 << 20);
        assert!(of_cache((32 << 20) + 1) > 6 * (32 << 20));
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
