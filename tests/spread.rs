//! Rows that are spread over processes: threads play the processes, and each ends with what one process finds.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use eidos::linalg::RandomState;
use eidos::{Activations, Algorithm, Control, Error, ErrorCode, Explainer, Ica, IcaOptions, Reduce, Result, Stage};

/// Adds the values of two threads, as `MPI_Allreduce` does for processes.
#[derive(Clone, Default)]
struct Pair {
    meeting: Arc<(Mutex<Meeting>, Condvar)>,
    /// After how many reductions the connection breaks.
    breaks_after: Option<usize>,
}

#[derive(Default)]
struct Meeting {
    waiting: Option<Vec<f64>>,
    sums: Vec<f64>,
    rounds: usize,
}

impl Reduce for Pair {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        let (meeting, changed) = &*self.meeting;
        let mut meeting = meeting.lock().unwrap();
        let round = meeting.rounds;
        if self.breaks_after.is_some_and(|rounds| round >= rounds) {
            return Err(Error::new(ErrorCode::Network, "the connection broke"));
        }
        if let Some(waiting) = meeting.waiting.take() {
            assert_eq!(waiting.len(), values.len(), "the two do not add the same");
            meeting.sums = waiting.iter().zip(&*values).map(|(left, right)| left + right).collect();
            meeting.rounds += 1;
            changed.notify_all();
        } else {
            meeting.waiting = Some(values.to_vec());
            let limit = Duration::from_mins(1);
            let (found, late) = changed.wait_timeout_while(meeting, limit, |meeting| meeting.rounds == round).unwrap();
            assert!(!late.timed_out(), "nobody came");
            meeting = found;
        }
        values.copy_from_slice(&meeting.sums);
        Ok(())
    }
}

/// Rows of heavy-tailed sources, mixed, far from zero.
fn example(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = RandomState::new(7);
    let sources: Vec<f64> = (0..rows * columns).map(|_| random.normal().powi(3)).collect();
    let mixing: Vec<f64> = (0..columns * columns).map(|_| random.normal()).collect();
    let mixed = |row: usize, column: usize| -> f64 {
        (0..columns).map(|source| sources[row * columns + source] * mixing[source * columns + column]).sum()
    };
    (0..rows * columns).map(|index| mixed(index / columns, index % columns) as f32 + 50.0).collect()
}

const COLUMNS: usize = 8;

/// What two processes find that have the rows below and from `cut`.
fn fit_pair(
    rows: &[f32],
    cut: usize,
    pair: &Pair,
    options: [&IcaOptions; 2],
    controls: [&Control; 2],
) -> [Result<Explainer>; 2] {
    let (first, second) = rows.split_at(cut * COLUMNS);
    let fit = |rows: &[f32], rank: usize| {
        let rows = Activations::from_rows(rows.to_vec(), COLUMNS, None).unwrap().spread(pair.clone());
        Explainer::fit::<Ica>(&rows, options[rank], controls[rank])
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| fit(second, 1));
        [fit(first, 0), other.join().unwrap()]
    })
}

#[test]
fn two_processes_with_a_part_of_the_rows_each_find_what_one_finds_with_all() {
    let rows = example(5000, COLUMNS);
    for algorithm in [Algorithm::Parallel, Algorithm::Deflation] {
        let options = IcaOptions { algorithm, tolerance: 1e-10, max_iterations: 1000, ..IcaOptions::new(5) };
        let whole = Activations::from_rows(rows.clone(), COLUMNS, None).unwrap();
        let expected = Explainer::fit::<Ica>(&whole, &options, &Control::new()).unwrap();
        // The share of a process may be smaller than the number of concepts.
        for cut in [2500, 3] {
            let control = Control::new();
            let [first, second] = fit_pair(&rows, cut, &Pair::default(), [&options; 2], [&control, &Control::new()]);
            let (first, second) = (first.unwrap(), second.unwrap());
            let bits = |explainer: &Explainer| explainer.dictionary().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&first), bits(&second));
            assert_eq!(first.report(), second.report());
            let largest = expected.dictionary().iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let close = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 1e-4 * largest;
            assert!(first.dictionary().iter().zip(expected.dictionary()).all(close), "{algorithm:?}, cut at {cut}");
        }
    }
}

#[test]
fn an_error_of_one_process_ends_both() {
    let rows = example(5000, COLUMNS);
    let options = IcaOptions { tolerance: 1e-15, ..IcaOptions::new(4) };
    let codes = |results: [Result<Explainer>; 2]| results.map(|result| result.unwrap_err().code());

    let mut holes = rows.clone();
    holes[4000 * COLUMNS + 3] = f32::NAN;
    let free = [&Control::new(), &Control::new()];
    let [first, second] = fit_pair(&holes, 2500, &Pair::default(), [&options; 2], free);
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert_eq!((first.code(), second.code()), (ErrorCode::Cancelled, ErrorCode::InvalidData));
    assert!(first.message().contains("1 of 2 processes"), "{first}");
    assert!(second.message().contains("row 1500"), "{second}");

    // Other options, and so other numbers of values: both are told.
    let others = IcaOptions { tolerance: 1e-15, ..IcaOptions::new(5) };
    let found = codes(fit_pair(&rows, 2500, &Pair::default(), [&options, &others], free));
    assert_eq!(found, [ErrorCode::InvalidArgument; 2]);
    // Options that cannot be, in one of them.
    let found = codes(fit_pair(&rows, 2500, &Pair::default(), [&options, &IcaOptions::new(0)], free));
    assert_eq!(found, [ErrorCode::Cancelled, ErrorCode::InvalidArgument]);

    for broken in [0, 1, 7, 20] {
        let pair = Pair { breaks_after: Some(broken), ..Pair::default() };
        assert_eq!(codes(fit_pair(&rows, 2500, &pair, [&options; 2], free)), [ErrorCode::Network; 2]);
    }
    for stage in [Stage::Covariance, Stage::Fit] {
        let control = Control::new();
        let clone = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == stage {
                clone.cancel();
            }
        })));
        let found = codes(fit_pair(&rows, 2500, &Pair::default(), [&options; 2], [&Control::new(), &control]));
        assert_eq!(found, [ErrorCode::Cancelled; 2]);
    }
}

#[test]
fn a_process_alone_finds_the_same_bits_with_and_without_a_reduction() {
    struct Alone;
    impl Reduce for Alone {
        fn add(&self, _: &mut [f64]) -> Result<()> {
            Ok(())
        }
    }
    let rows = Activations::from_rows(example(3000, COLUMNS), COLUMNS, None).unwrap();
    let fit = |rows: &Activations| Explainer::fit::<Ica>(rows, &IcaOptions::new(4), &Control::new()).unwrap();
    assert_eq!(fit(&rows).dictionary(), fit(&rows.spread(Alone)).dictionary());
}
