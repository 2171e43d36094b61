//! Work on several threads whose results the calling thread combines: in a fixed order, or as they are finished.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::control::Control;
use crate::error::{Error, Result};
use crate::threads::start;
use crate::workers::Workers;

/// The interval at which a thread that waits for results delivers the log messages of the others.
const WAIT_STEP: Duration = Duration::from_millis(100);

/// Runs `work` on the parts `0..parts`, on `threads` threads of `workers` (0: one per core; one: the calling thread), and passes the results to `absorb` on the calling thread
/// in the order of the parts: sums that `absorb` makes have the same bits for every number of threads.
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
    use super::*;

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
    fn the_first_error_in_order_is_the_one_reported() {
        let work = |part: usize, (): &mut ()| {
            if part >= 5 { Err(Error::argument(format!("part {part}"))) } else { Ok(()) }
        };
        let error = in_order(&Workers::default(), 20, 4, &Control::new(), work, |_, ()| Ok(())).unwrap_err();
        assert_eq!(error.message(), "part 5");
    }
}
