//! Convex NMF ends where the updates of its authors do, or lower (see `tests/golden/README.md`).

use eidos::{ConvexNmf, ConvexNmfOptions, ErrorCode, Explainer};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{COLUMNS, encode, example, f64s, fit, golden, matrix};

fn problem(name: &str) -> Vec<f32> {
    let results = golden("factors/results.safetensors");
    matrix(&SafeTensors::deserialize(&results).unwrap(), name).1
}

/// To where the iterations no longer lower anything.
fn to_the_end(concepts: usize, seed: u32) -> ConvexNmfOptions {
    ConvexNmfOptions { tolerance: 1e-8, max_iterations: 2000, seed, ..ConvexNmfOptions::new(concepts) }
}

fn error(explainer: &Explainer) -> f64 {
    explainer.report().measure("reconstruction_error")[0]
}

#[test]
fn it_ends_no_worse_than_the_updates_of_its_authors() {
    let expected: Value = serde_json::from_slice(&golden("convex_nmf/expected.json")).unwrap();
    for name in ["noisy", "centred"] {
        let rows = problem(name);
        let fits = (0..5).map(|seed| fit::<ConvexNmf>(&rows, COLUMNS, &to_the_end(5, seed)).unwrap());
        let best = fits.map(|explainer| error(&explainer)).fold(f64::INFINITY, f64::min);
        let theirs: Vec<f64> = serde_json::from_value(expected[name].clone()).unwrap();
        // The minima are many: the best of five starts is one of the better ones of theirs.
        assert!(best <= theirs[2], "{name}: {best}, theirs {theirs:?}");
    }
}

#[test]
fn planted_parts_are_rows() {
    let results = golden("factors/results.safetensors");
    let parts = f64s(&SafeTensors::deserialize(&results).unwrap(), "exact_parts");
    // Some rows are one part alone, and all others sums of parts: the parts are the edges of the cone of the rows.
    let explainer = fit::<ConvexNmf>(&problem("exact"), COLUMNS, &to_the_end(4, 0)).unwrap();
    assert!(explainer.report().measure("relative_error")[0] < 1e-3, "{:?}", explainer.report());
    for part in parts.chunks(COLUMNS) {
        let cosine = |found: &[f32]| found.iter().zip(part).map(|(&found, part)| f64::from(found) * part).sum::<f64>();
        let best = explainer.dictionary().chunks(COLUMNS).map(cosine).fold(0.0, f64::max);
        assert!(best > 1.0 - 1e-4, "{best}");
    }
}

#[test]
fn every_atom_is_a_sum_of_rows() {
    let rows = example(400);
    let options = ConvexNmfOptions { candidate_count: 100, ..ConvexNmfOptions::new(6) };
    let explainer = fit::<ConvexNmf>(&rows, COLUMNS, &options).unwrap();
    let used = explainer.report().measure("rows_per_concept");
    assert!(used.len() == 6 && used.iter().all(|&count| (1.0..=100.0).contains(&count)), "{used:?}");
    assert!(encode(&explainer, &rows).iter().all(|code| *code >= 0.0));
    for atom in explainer.dictionary().chunks(COLUMNS) {
        // Coordinate descent to the end: what is left of the atom when rows are taken from it without negative weights.
        let mut left: Vec<f64> = atom.iter().copied().map(f64::from).collect();
        let mut weights = vec![0.0; 400];
        for _ in 0..2000 {
            for (row, weight) in rows.chunks(COLUMNS).zip(&mut weights) {
                let along: f64 = row.iter().zip(&left).map(|(&row, left)| f64::from(row) * left).sum();
                let square: f64 = row.iter().map(|&row| f64::from(row).powi(2)).sum();
                let next = f64::max(*weight + along / square, 0.0);
                left.iter_mut().zip(row).for_each(|(left, &row)| *left -= (next - *weight) * f64::from(row));
                *weight = next;
            }
        }
        let length = left.iter().map(|value| value * value).sum::<f64>().sqrt();
        // Coordinate descent comes near; a direction outside of the cone has a tenth and more left.
        assert!(length < 1e-2, "{length}");
    }
    let few = ConvexNmfOptions { candidate_count: 5, ..ConvexNmfOptions::new(6) };
    let error = fit::<ConvexNmf>(&rows, COLUMNS, &few).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("6 concepts cannot be sums of 5 candidates"), "{error}");
}
