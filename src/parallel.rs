//! Work on several threads whose results the calling thread combines: in a fixed order, or as they are finished.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::Yield;

use crate::control::Control;
use crate::error::{Error, Result};
use crate::threads::start;
use crate::workers::Workers;

/// For how long a thread that is done with its parts waits for those of others before it may sleep.
const SPIN: Duration = Duration::from_micros(500);

/// The interval at which a thread that waits for results delivers the log messages of the others.
const WAIT_STEP: Duration = Duration::from_millis(100);

/// Runs `work` on the parts `0..parts`, on `threads` threads of `workers` (0: one per core; one: the calling thread), and passes
/// the results to `absorb` on the calling thread in the order of the parts: sums that `absorb` makes have the same bits for every
/// number of threads.
///
/// Each thread has one `Scratch`, which it reuses for all its parts. At most two results per thread wait to be
/// absorbed.
///
/// # Errors
/// The first error of `work` or `absorb`, in the order of the parts, or [`crate::ErrorCode::Cancelled`].
pub(crate) fn in_order<Scratch: Default, Part: Send>(
    workers: &Workers,
    parts: usize,
    threads: usize,
    control: &Control,
    work: impl Fn(usize, &mut Scratch) -> Result<Part> + Sync,
    mut absorb: impl FnMut(usize, Part) -> Result<()>,
) -> Result<()> {
    if Workers::wanted(threads, parts) <= 1 {
        let mut scratch = Scratch::default();
        return (0..parts).try_for_each(|part| {
            control.check()?;
            absorb(part, work(part, &mut scratch)?)
        });
    }
    let team = workers.team(threads, parts)?;
    let (threads, work) = (team.count(), &work);
    team.scope(|scope| {
        let receivers: Vec<_> = (0..threads)
            .map(|first| {
                let (sender, receiver) = mpsc::sync_channel(1);
                scope.spawn(move |_| {
                    let mut scratch = Scratch::default();
                    for part in (first..parts).step_by(threads) {
                        let result = control.check().and_then(|()| work(part, &mut scratch));
                        let failed = result.is_err();
                        // The receiver is gone when an earlier part has failed.
                        if sender.send(result).is_err() || failed {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        (0..parts).try_for_each(|part| {
            let result = receivers[part % threads].recv().map_err(|_| Error::internal("a thread ended early"))?;
            absorb(part, result?)
        })
    })?
}

/// Runs `work` on the parts `0..parts`, on up to `threads` threads of the team that the calling thread is of, and returns the
/// results in the order of the parts. A thread that is of no team does all of them.
///
/// # Errors
/// The first error of `work`, in the order of the parts.
pub(crate) fn at_once<T: Send>(
    parts: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = team().min(threads).min(parts);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let some = || {
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|part| *part < parts);
        let mut results = Vec::new();
        for part in std::iter::from_fn(take) {
            results.push((part, work(part)));
            done.fetch_add(1, Ordering::Relaxed);
        }
        results
    };
    let mut results = Mutex::new(Vec::with_capacity(parts));
    let absorb = |some: Vec<_>| results.lock().unwrap_or_else(PoisonError::into_inner).extend(some);
    if threads <= 1 {
        absorb(some());
    } else {
        rayon::scope(|scope| {
            (1..threads).for_each(|_| scope.spawn(|_| absorb(some())));
            absorb(some());
            // The others are nearly done, too: to sleep would take longer.
            let start = Instant::now();
            while done.load(Ordering::Relaxed) < parts && start.elapsed() < SPIN {
                wait_a_moment();
            }
        });
    }
    let results = results.get_mut().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(part, _)| *part);
    results.drain(..).map(|(_, result)| result).collect()
}

/// How many threads the team has that the calling thread is of; one where it is of none. Outside of a team, rayon would start
/// threads that belong to nobody.
fn team() -> usize {
    rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads())
}

/// Does a part of another thread's work, or nothing for a moment.
fn wait_a_moment() {
    if rayon::yield_now() != Some(Yield::Executed) {
        // Longer than what it asks the others for their work.
        (0..16).for_each(|_| spin_loop());
    }
}

/// Runs `work`, which shares parts of it by [`at_once`] again and again, while up to `threads` threads of the team that the
/// calling thread is of wait for these parts without going to sleep: to wake one takes as long as a part of a small product.
///
/// No other thread of the team may do so at the same time: each could wait for the other one's end.
pub(crate) fn while_awake<T>(threads: usize, work: impl FnOnce() -> T) -> T {
    struct End<'a>(&'a AtomicBool);

    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    let threads = team().min(threads);
    if threads <= 1 {
        return work();
    }
    let (here, is_done) = (rayon::current_thread_index(), AtomicBool::new(false));
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                // The calling thread may come to this itself while it waits for parts; the end would never come.
                while rayon::current_thread_index() != here && !is_done.load(Ordering::Acquire) {
                    wait_a_moment();
                }
            });
        }
        let _end = End(&is_done);
        work()
    })
}

/// Runs `work` for each of the jobs on up to `threads` threads, and passes the results to `absorb` on the calling thread
/// in the order in which they are finished. With one thread, or where the system can start none, the calling thread does
/// the work. While it waits, it delivers the log messages of the others.
///
/// `work` must not panic: a panic goes through this function.
pub(crate) fn as_finished<T: Send>(
    jobs: &[usize],
    threads: usize,
    control: &Control,
    work: impl Fn(usize) -> T + Sync,
    mut absorb: impl FnMut(usize, T),
) {
    let next = AtomicUsize::new(0);
    let take = || jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied();
    let threads = threads.min(jobs.len());
    if threads > 1 {
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..threads {
                let (sender, take, work) = (sender.clone(), &take, &work);
                let worker = move || {
                    while let Some(job) = take() {
                        // The calling thread receives until the last worker ends.
                        sender.send((job, work(job))).ok();
                    }
                };
                // Where the system can start no more threads, fewer of them work.
                start(scope, worker).ok();
            }
            drop(sender);
            loop {
                match receiver.recv_timeout(WAIT_STEP) {
                    Ok((job, result)) => absorb(job, result),
                    Err(RecvTimeoutError::Timeout) => control.deliver_log(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
    }
    while let Some(job) = take() {
        absorb(job, work(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::workers::in_team;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            let mut seen = Vec::new();
            let work = |part: usize, (): &mut ()| Ok(part * part);
            let absorb = |part, square| {
                seen.push((part, square));
                Ok(())
            };
            in_order(&Workers::default(), 20, threads, &Control::new(), work, absorb).unwrap();
            assert_eq!(seen, (0..20).map(|part| (part, part * part)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_job_is_done_once_and_its_result_absorbed_on_the_calling_thread() {
        let here = std::thread::current().id();
        for threads in [0, 1, 3, 50] {
            let jobs: Vec<usize> = (0..20).map(|job| 7 * job).collect();
            let mut seen = Vec::new();
            let absorb = |job, square| {
                assert_eq!(std::thread::current().id(), here);
                seen.push((job, square));
            };
            as_finished(&jobs, threads, &Control::new(), |job| job * job, absorb);
            seen.sort_unstable();
            assert_eq!(seen, jobs.iter().map(|&job| (job, job * job)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_that_are_done_at_once_come_in_order_and_so_does_the_first_error() {
        for threads in [1, 2, 5, 50] {
            let squares = at_once(20, threads, |part| Ok(part * part)).unwrap();
            assert_eq!(squares, (0..20).map(|part| part * part).collect::<Vec<_>>());
            let fails = |part| if part >= 5 { Err(Error::argument(format!("part {part}"))) } else { Ok(()) };
            assert_eq!(at_once(20, threads, fails).unwrap_err().message(), "part 5");
        }
        assert!(at_once(0, 3, Ok).unwrap().is_empty());
    }

    #[test]
    fn parts_run_at_once_on_the_threads_of_a_team_alone() {
        let here = std::thread::current().id();
        let threads = at_once(6, 3, |part| Ok((part, std::thread::current().id()))).unwrap();
        assert!(threads.iter().enumerate().all(|(part, done)| *done == (part, here)));

        // Three parts wait for each other, so three threads run them.
        let meeting = Barrier::new(3);
        let parts = in_team(3, || {
            at_once(6, 3, |part| {
                if part < 3 {
                    meeting.wait();
                }
                Ok(part)
            })
        });
        assert_eq!(parts.unwrap(), [0, 1, 2, 3, 4, 5]);
        let failed = in_team(2, || {
            at_once(9, 2, |part| if part > 4 { Err(Error::argument(format!("part {part}"))) } else { Ok(()) })
        });
        assert_eq!(failed.unwrap_err().message(), "part 5");
    }

    #[test]
    fn threads_that_stay_awake_do_parts_and_end_with_the_work() {
        for threads in [1, 2, 3] {
            let sums = in_team(3, || {
                while_awake(threads, || {
                    let sum = |count: usize| at_once(count, 3, Ok).map(|all| all.into_iter().sum::<usize>());
                    (0..200).map(|count| sum(count % 7)).collect::<Result<Vec<_>>>()
                })
            });
            assert_eq!(sums.unwrap(), (0..200_usize).map(|count| (0..count % 7).sum()).collect::<Vec<usize>>());
            // One that panics ends as well.
            let panic = || while_awake(threads, || std::panic::resume_unwind(Box::new("work")));
            let caught = in_team(3, || std::panic::catch_unwind(std::panic::AssertUnwindSafe(panic)));
            assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"work"));
        }
        assert_eq!(while_awake(5, || 7), 7);
    }

    #[test]
    fn the_first_error_in_order_is_the_one_reported() {
        let work = |part: usize, (): &mut ()| {
            if part >= 5 { Err(Error::argument(format!("part {part}"))) } else { Ok(()) }
        };
        let error = in_order(&Workers::default(), 20, 4, &Control::new(), work, |_, ()| Ok(())).unwrap_err();
        assert_eq!(error.message(), "part 5");
    }
}
