//! Picard-O finds the components that python-picard and scikit-learn find (see `tests/golden/README.md`).
#![allow(clippy::unwrap_used)]

use std::path::Path;

use eidos::linalg::RandomState;
use eidos::rows::RowSlice;
use eidos::{
    Activations, Algorithm, Contrast, Control, ErrorCode, Explainer, Ica, IcaOptions, Provenance, Solver, Stage,
};
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

fn fit(values: &[f32], columns: usize, options: &IcaOptions) -> Result<Explainer, eidos::Error> {
    let rows = RowSlice::new(values, columns).unwrap();
    Explainer::fit_rows::<Ica>(&rows, Provenance::default(), options, &Control::new())
}

fn picard(concepts: usize) -> IcaOptions {
    IcaOptions { solver: Solver::PicardO, ..IcaOptions::new(concepts) }
}

fn cosine(left: &[f64], right: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

/// The dictionary, a row for each concept.
fn dictionary(explainer: &Explainer) -> Vec<f64> {
    explainer.dictionary().iter().map(|&value| f64::from(value)).collect()
}

/// The least absolute cosine between the rows of `found` and those of `expected`, each with its nearest; no two with the same.
fn agreement(found: &[f64], expected: &[f64], columns: usize) -> f64 {
    let mut taken = Vec::new();
    let nearest = found.chunks(columns).map(|row| {
        let cosines = expected.chunks(columns).map(|other| cosine(row, other).abs()).enumerate();
        let (place, cosine) = cosines.max_by(|left, right| left.1.total_cmp(&right.1)).unwrap();
        taken.push(place);
        cosine
    });
    let least = nearest.fold(1.0, f64::min);
    taken.sort_unstable();
    taken.dedup();
    if taken.len() == found.len() / columns { least } else { 0.0 }
}

#[test]
fn the_components_are_those_of_python_picard_and_of_scikit_learn() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("picard/results.safetensors"));
    let problems = SafeTensors::deserialize(&problems).unwrap();
    let results = SafeTensors::deserialize(&results).unwrap();
    let cases: Value = serde_json::from_slice(&golden("picard/cases.json")).unwrap();
    assert!(cases.as_array().unwrap().len() >= 5);
    for case in cases.as_array().unwrap() {
        let problem = problems.tensor(case["problem"].as_str().unwrap()).unwrap();
        let (rows, columns) = (f32s(problem.data()), problem.shape()[1]);
        let concepts = usize::try_from(case["components"].as_u64().unwrap()).unwrap();
        // In f32 the gradient of few rows is right to about 1e-7.
        let options = IcaOptions { tolerance: 1e-6, ..picard(concepts) };
        let explainer = fit(&rows, columns, &options).unwrap();
        let report = explainer.report();
        assert_eq!(report.converged, Some(true), "{case}: {report:?}");
        assert!(report.measure("gradient_norm")[0] < 1e-6 && report.measure("passes")[0] >= report.steps as f64);
        for peer in ["picard", "fastica"] {
            let mixing = f64s(results.tensor(&format!("{}/{peer}", case["case"])).unwrap().data());
            let agreement = agreement(&dictionary(&explainer), &mixing, columns);
            assert!(agreement >= 1.0 - 1e-8, "{peer} of {case}: {agreement}");
        }
    }
}

/// Rows of sources with heavy and with light tails, mixed.
fn example(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = RandomState::new(7);
    let mut source = |index: usize| {
        let value = random.normal();
        if (index % columns).is_multiple_of(3) { value.signum() * value.abs().sqrt() } else { value.powi(3) }
    };
    let sources: Vec<f64> = (0..rows * columns).map(&mut source).collect();
    let mixing: Vec<f64> = (0..columns * columns).map(|_| random.normal()).collect();
    let mixed = |row: usize, column: usize| -> f64 {
        (0..columns).map(|source| sources[row * columns + source] * mixing[source * columns + column]).sum()
    };
    (0..rows * columns).map(|index| mixed(index / columns, index % columns) as f32).collect()
}

#[test]
fn every_contrast_ends_where_fastica_ends() {
    let rows = example(20_000, 12);
    for contrast in [Contrast::LogCosh { alpha: 1.0 }, Contrast::LogCosh { alpha: 1.5 }, Contrast::Exp, Contrast::Cube]
    {
        let options = IcaOptions { contrast, tolerance: 1e-10, max_iterations: 2000, ..IcaOptions::new(12) };
        let expected = fit(&rows, 12, &options).unwrap();
        let found = fit(&rows, 12, &IcaOptions { contrast, tolerance: 1e-6, ..picard(12) }).unwrap();
        assert_eq!((expected.report().converged, found.report().converged), (Some(true), Some(true)), "{contrast:?}");
        let agreement = agreement(&dictionary(&found), &dictionary(&expected), 12);
        assert!(agreement >= 0.9999, "{contrast:?}: {agreement}");
    }
}

#[test]
fn rows_in_memory_and_on_disk_give_the_same_bits_for_every_number_of_threads() {
    let values = example(9000, 12);
    let activations = Activations::from_rows(values, 12, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    activations.save(&folder.path().join("rows"), &Control::new()).unwrap();
    let on_disk = Activations::open(&folder.path().join("rows")).unwrap();
    let fit = |rows: &Activations, threads| {
        let explainer = Explainer::fit::<Ica>(rows, &IcaOptions { threads, ..picard(12) }, &Control::new()).unwrap();
        explainer.dictionary().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    let one = fit(&activations, 1);
    for threads in [1, 2, 5] {
        assert_eq!(one, fit(&on_disk, threads));
        assert_eq!(one, fit(&activations, threads));
    }
}

#[test]
fn it_counts_its_iterations_and_can_be_cancelled_in_each() {
    let values = example(9000, 8);
    let rows = RowSlice::new(&values, 8).unwrap();
    let steps = fit(&values, 8, &picard(8)).unwrap().report().steps as u64;
    assert!(steps >= 3);
    for stop_at in 0..steps {
        let control = Control::new();
        let clone = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == Stage::Fit && progress.done == stop_at {
                clone.cancel();
            }
        })));
        let found = Explainer::fit_rows::<Ica>(&rows, Provenance::default(), &picard(8), &control);
        assert_eq!(found.unwrap_err().code(), ErrorCode::Cancelled, "{stop_at}");
    }
}

#[test]
fn what_it_cannot_do_is_said() {
    let rows = example(500, 6);
    let error = fit(&rows, 6, &IcaOptions { algorithm: Algorithm::Deflation, ..picard(3) }).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("deflation") && error.hint_text().contains("parallel"), "{error}");
    // A tolerance below the rounding of f32 is not reached, and the fit still ends, with what it found.
    let found = fit(&rows, 6, &IcaOptions { tolerance: 1e-15, ..picard(4) }).unwrap();
    assert_eq!(found.report().converged, Some(false));
    let norm = found.report().measure("gradient_norm")[0];
    assert!(norm > 1e-15 && norm < 1e-5, "{norm}");
    let one = fit(&rows, 6, &picard(1)).unwrap();
    assert_eq!((one.report().converged, one.report().steps), (Some(true), 0));
}
