//! Threads that a handle keeps between calls.
//!
//! To start a thread, with its stack and the buffers of its matrix products, takes longer than a small model takes for a short
//! text. So a call takes a team of threads from its handle and gives it back. Two calls at the same time have two teams:
//! neither waits for the other. The threads end with the handle.
//!
//! A child of `fork()` has the handle but none of its threads. It starts its own, and leaves alone what is left of the others.

use std::io::{Error as IoError, ErrorKind};
use std::mem::{forget, take};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, available_parallelism};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::threads::{claim, no_thread, reserve_arena, thread_count};

/// The threads of a handle: as many as its calls have used at the same time.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    idle: Mutex<Vec<Team>>,
    /// How many threads were started so far.
    started: AtomicUsize,
}

impl Workers {
    /// How many threads share some parts of work where `requested` were asked for (0: one per core that this process may use).
    pub(crate) fn wanted(requested: usize, parts: usize) -> usize {
        // To ask for the cores takes files to be read, which is not done for a single part.
        if requested == 0 && parts > 1 { cores().min(parts) } else { requested.max(1).min(parts) }
    }

    /// A team for so many parts of work, of the threads that [`Workers::wanted`] says, or fewer where the system has not the
    /// memory for them.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] when the system cannot start a single thread.
    pub(crate) fn team(&self, requested: usize, parts: usize) -> Result<Lease<'_>> {
        let wanted = Self::wanted(requested, parts).max(1);
        let small = match self.take(wanted) {
            Taken::Team(team) => return Ok(Lease { workers: self, team: Some(team), count: wanted }),
            Taken::TooSmall(small) => small,
        };
        // A team that grows doubles, so that calls that grow one by one do not start all threads anew each time.
        let doubled = small.as_ref().map_or(0, |team| 2 * team.len());
        drop(small);
        let most = if doubled > wanted { if requested > 0 { requested } else { cores() } } else { wanted };
        let mut size = thread_count(doubled.clamp(wanted, most.max(wanted)));
        let team = loop {
            match Team::start(size) {
                Ok(team) => break team,
                Err(error) if size <= 1 => return Err(error),
                Err(_) => size /= 2,
            }
        };
        self.started.fetch_add(size, Ordering::Relaxed);
        Ok(Lease { workers: self, team: Some(team), count: wanted.min(size) })
    }

    /// How many threads were started so far.
    #[cfg(test)]
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    fn take(&self, wanted: usize) -> Taken {
        let mut idle = self.idle();
        // Those of the process that this one was forked from are no more.
        idle.retain(Team::is_here);
        let large = (0..idle.len()).filter(|&team| idle[team].len() >= wanted).min_by_key(|&team| idle[team].len());
        let largest = || (0..idle.len()).max_by_key(|&team| idle[team].len());
        match large {
            Some(team) => Taken::Team(idle.swap_remove(team)),
            None => Taken::TooSmall(largest().map(|team| idle.swap_remove(team))),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Team>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was found among the idle teams.
enum Taken {
    /// One that is large enough.
    Team(Team),
    /// The largest of those that are not.
    TooSmall(Option<Team>),
}

/// How many cores this process may use: its affinity and the limits of its group count.
fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// A team for one call, which goes back to its handle at the end.
pub(crate) struct Lease<'a> {
    workers: &'a Workers,
    team: Option<Team>,
    count: usize,
}

impl Lease<'_> {
    /// How many jobs it runs at the same time.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` on the calling thread and what it spawns, [`Lease::count`] jobs at most, on the team; waits for all of them. A
    /// panic of a job goes on in the caller, as that of a scoped thread of the standard library does.
    ///
    /// # Errors
    /// An internal error where there is no team.
    pub(crate) fn scope<'scope, T>(&self, work: impl FnOnce(&Scope<'scope>) -> T) -> Result<T> {
        let pool = self.team.as_ref().and_then(|team| team.pool.as_ref());
        let pool = pool.ok_or_else(|| Error::internal("a team of threads was given back before its end"))?;
        Ok(pool.in_place_scope(work))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.workers.idle().extend(self.team.take());
    }
}

/// Runs `work` on one thread of a team of so many.
#[cfg(test)]
pub(crate) fn in_team<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let (workers, mut result) = (Workers::default(), None);
    let team = workers.team(threads, threads).unwrap();
    team.scope(|scope| scope.spawn(|_| result = Some(work()))).unwrap();
    result.unwrap()
}

/// Some threads, which wait for work.
#[derive(Debug)]
struct Team {
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
    /// The process that started them.
    process: u32,
}

impl Team {
    fn start(count: usize) -> Result<Self> {
        let (mut threads, mut refused) = (Vec::with_capacity(count), None);
        let pool = ThreadPoolBuilder::new()
            .num_threads(count)
            .spawn_handler(|thread| {
                let claim = claim().map_err(|error| {
                    refused = Some(error);
                    IoError::from(ErrorKind::OutOfMemory)
                })?;
                let work = move || {
                    reserve_arena();
                    drop(claim);
                    thread.run();
                };
                threads.push(Builder::new().spawn(work)?);
                Ok(())
            })
            .build();
        let (pool, error) = match pool {
            Ok(pool) => (Some(pool), None),
            Err(error) => (None, Some(error)),
        };
        let team = Self { pool, threads, process: std::process::id() };
        // Those that did start end with the team.
        error.map_or(Ok(team), |error| Err(refused.unwrap_or_else(|| no_thread(&error))))
    }

    fn len(&self) -> usize {
        self.threads.len()
    }

    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        let (pool, threads) = (self.pool.take(), take(&mut self.threads));
        if !self.is_here() {
            // To end or to join threads that are not there would wait for ever.
            forget((pool, threads));
            return;
        }
        drop(pool);
        for thread in threads {
            // One that panicked has ended, too.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// Runs as many jobs at the same time as a team has.
    fn meet(workers: &Workers, requested: usize, parts: usize) -> usize {
        let team = workers.team(requested, parts).unwrap();
        let barrier = Barrier::new(team.count());
        team.scope(|scope| {
            for _ in 0..team.count() {
                scope.spawn(|_| {
                    barrier.wait();
                });
            }
        })
        .unwrap();
        team.count()
    }

    #[test]
    fn calls_share_the_threads_that_are_there() {
        let workers = Workers::default();
        for _ in 0..50 {
            assert_eq!(meet(&workers, 3, 100), 3);
            assert_eq!(meet(&workers, 3, 2), 2);
            assert_eq!(meet(&workers, 1, 100), 1);
        }
        assert_eq!(workers.started(), 3);
        assert_eq!(meet(&workers, 4, 100), 4);
        assert_eq!((workers.started(), workers.idle().len()), (7, 1));
    }

    #[test]
    fn calls_that_grow_one_by_one_start_few_threads() {
        let workers = Workers::default();
        (1..=16).for_each(|parts| assert_eq!(meet(&workers, 16, parts), parts));
        assert_eq!(workers.started(), 1 + 2 + 4 + 8 + 16);
    }

    #[test]
    fn calls_at_the_same_time_do_not_wait_for_each_other() {
        let workers = Workers::default();
        let both = Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let team = workers.team(1, 1).unwrap();
                    let work = |_: &Scope<'_>| {
                        both.wait();
                    };
                    team.scope(|scope| scope.spawn(work)).unwrap();
                });
            }
        });
        assert_eq!(workers.idle().len(), 2);
    }

    #[test]
    fn a_panic_of_a_job_reaches_the_caller_and_leaves_the_team() {
        let workers = Workers::default();
        let team = workers.team(1, 1).unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            team.scope(|scope| scope.spawn(|_| std::panic::resume_unwind(Box::new("a job"))))
        }));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"a job"));
        drop(team);
        assert_eq!((meet(&workers, 1, 1), workers.started()), (1, 1));
    }

    #[test]
    fn teams_of_another_process_are_left_alone() {
        let workers = Workers::default();
        meet(&workers, 2, 2);
        workers.idle()[0].process = 0;
        assert_eq!(meet(&workers, 2, 2), 2);
        assert_eq!((workers.started(), workers.idle().len()), (4, 1));
    }

    #[test]
    fn no_more_threads_work_than_there_are_parts_or_than_were_asked_for() {
        assert_eq!((Workers::wanted(8, 3), Workers::wanted(2, 100), Workers::wanted(0, 1)), (3, 2, 1));
        assert_eq!((Workers::wanted(0, 1000), Workers::wanted(5, 0)), (cores(), 0));
    }
}
