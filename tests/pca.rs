//! Principal components are scikit-learn's (see `tests/golden/README.md`).
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Barrier;
use std::sync::{Arc, Mutex};

use eidos::linalg::RandomState;
use eidos::{Activations, Control, ErrorCode, Explainer, Pca, PcaOptions, Provenance, Reduce, Result, RowSlice};
use safetensors::SafeTensors;
use serde_json::Value;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)).unwrap()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

fn f64s(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

fn fit(values: &[f32], columns: usize, options: &PcaOptions) -> Result<Explainer> {
    let rows = RowSlice::new(values, columns).unwrap();
    Explainer::fit_rows::<Pca>(&rows, Provenance::default(), options, &Control::new())
}

#[test]
fn every_fit_is_the_one_that_scikit_learn_finds() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("pca/results.safetensors"));
    let (problems, results) =
        (SafeTensors::deserialize(&problems).unwrap(), SafeTensors::deserialize(&results).unwrap());
    let cases: Value = serde_json::from_slice(&golden("pca/cases.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let problem = problems.tensor(case["problem"].as_str().unwrap()).unwrap();
        let (columns, rows) = (problem.shape()[1], f32s(problem.data()));
        let count = usize::try_from(case["components"].as_u64().unwrap()).unwrap();
        let whiten = case["whiten"].as_bool().unwrap();
        let explainer = fit(&rows, columns, &PcaOptions { whiten, ..PcaOptions::new(count) }).unwrap();
        let expected = |name: &str| f64s(results.tensor(&format!("{}/{name}", case["case"])).unwrap().data());
        let report = explainer.report();
        assert_eq!((report.converged, report.steps), (None, 0));
        // All of it is computed in f64.
        let variances = expected("explained_variance");
        for name in ["explained_variance", "explained_variance_ratio", "noise_variance"] {
            let (found, expected) = (report.measure(name), expected(name));
            let largest = if name == "explained_variance_ratio" { 1.0 } else { variances[0] };
            assert_eq!(found.len(), expected.len());
            let close = |(found, expected): (&f64, &f64)| (found - expected).abs() <= 1e-10 * largest;
            assert!(found.iter().zip(&expected).all(close), "{name} of {case}: {found:?} {expected:?}");
        }
        for (index, (&found, component)) in explainer.dictionary().iter().zip(expected("components")).enumerate() {
            let deviation = variances[index / columns].sqrt();
            let expected = if whiten { component * deviation } else { component };
            let scale = if whiten { deviation } else { 1.0 };
            assert!(
                (f64::from(found) - expected).abs() <= 1e-6 * scale,
                "component {index} of {case}: {found} {expected}"
            );
        }
        let (mut codes, mut back) = (vec![0.0; 4 * count], vec![0.0; 4 * columns]);
        explainer.encode(&rows[..4 * columns], &mut codes).unwrap();
        explainer.decode(&codes, &mut back).unwrap();
        for (found, expected) in [(codes, expected("first_codes")), (back, expected("first_rows"))] {
            let largest = expected.iter().fold(1.0_f64, |largest, value| largest.max(value.abs()));
            let close = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs() <= 1e-5 * largest;
            assert!(found.iter().zip(&expected).all(close), "{case}");
        }
    }
}

/// Rows with a deviation of its own along each column, mixed.
fn example(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = RandomState::new(3);
    let mixing: Vec<f64> = (0..columns * columns).map(|_| random.normal()).collect();
    (0..rows)
        .flat_map(|_| {
            let source: Vec<f64> = (0..columns).map(|column| random.normal() * (column + 1) as f64).collect();
            let mixed = |column: usize| -> f64 { (0..columns).map(|s| source[s] * mixing[s * columns + column]).sum() };
            (0..columns).map(|column| mixed(column) as f32).collect::<Vec<f32>>()
        })
        .collect()
}

fn bits(explainer: &Explainer) -> Vec<u32> {
    explainer.dictionary().iter().map(|value| value.to_bits()).collect()
}

#[test]
fn the_result_is_the_same_bits_for_every_number_of_threads_and_after_saving() {
    let rows = example(9000, 12);
    let explainer = fit(&rows, 12, &PcaOptions { threads: 1, whiten: true, ..PcaOptions::new(6) }).unwrap();
    for threads in [2, 5, 0] {
        let again = fit(&rows, 12, &PcaOptions { threads, whiten: true, ..PcaOptions::new(6) }).unwrap();
        assert_eq!((bits(&again), again.report()), (bits(&explainer), explainer.report()));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pca.safetensors");
    explainer.save(&path).unwrap();
    let opened = Explainer::open(&path).unwrap();
    assert_eq!((opened.method(), bits(&opened)), ("pca", bits(&explainer)));
    assert_eq!((opened.options(), opened.report()), (explainer.options(), explainer.report()));
}

#[test]
fn wrong_data_and_options_are_errors_that_name_them() {
    let good = example(50, 4);
    let fails = |rows: &[f32], count: usize, code: ErrorCode, word: &str| {
        let error = fit(rows, 4, &PcaOptions::new(count)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    let mut holes = good.clone();
    holes[4 * 17 + 2] = f32::NAN;
    fails(&holes, 2, ErrorCode::InvalidData, "row 17");
    fails(&good, 0, ErrorCode::InvalidArgument, "0 concepts");
    fails(&good, 5, ErrorCode::InvalidArgument, "5 concepts");
    fails(&good[..12], 4, ErrorCode::InvalidArgument, "at most 3");
    fails(&good[..4], 1, ErrorCode::InvalidArgument, "two rows");
    fails(&[1.0; 200], 1, ErrorCode::InvalidData, "0 directions");
    let control = Control::new();
    control.cancel();
    let rows = RowSlice::new(&good, 4).unwrap();
    let error = Explainer::fit_rows::<Pca>(&rows, Provenance::default(), &PcaOptions::new(2), &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}

/// Adds the values of two threads.
struct Pair(Arc<(Barrier, Mutex<Vec<f64>>)>);

impl Reduce for Pair {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        let (barrier, sums) = &*self.0;
        {
            let mut sums = sums.lock().unwrap();
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(&*values).for_each(|(sum, value)| *sum += value);
        }
        barrier.wait();
        values.copy_from_slice(&sums.lock().unwrap());
        if barrier.wait().is_leader() {
            sums.lock().unwrap().clear();
        }
        barrier.wait();
        Ok(())
    }
}

#[test]
fn two_processes_with_a_part_of_the_rows_each_find_what_one_finds_with_all() {
    let rows = example(5000, 8);
    let options = PcaOptions { whiten: true, ..PcaOptions::new(5) };
    let expected = fit(&rows, 8, &options).unwrap();
    let meeting = Arc::new((Barrier::new(2), Mutex::default()));
    let fit = |rows: &[f32]| {
        let rows = Activations::from_rows(rows.to_vec(), 8, None).unwrap().spread(Pair(Arc::clone(&meeting)));
        Explainer::fit::<Pca>(&rows, &options, &Control::new()).unwrap()
    };
    let (first, second) = rows.split_at(1700 * 8);
    let [first, second] = std::thread::scope(|scope| {
        let other = scope.spawn(|| fit(second));
        [fit(first), other.join().unwrap()]
    });
    assert_eq!((bits(&first), first.report()), (bits(&second), second.report()));
    let close = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
    assert!(first.dictionary().iter().zip(expected.dictionary()).all(close));
}
