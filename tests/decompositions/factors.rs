//! Factorisations end where those of scikit-learn and of papers do, or lower (see `tests/golden/README.md`).

use eidos::{
    DictionaryLearning, DictionaryLearningOptions, ErrorCode, Explainer, Method, Nmf, NmfOptions, SemiNmf,
    SemiNmfOptions, SparsePca, SparsePcaOptions,
};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{COLUMNS, assert_close, decode, encode, example, f64s, fit, golden, matrix};

fn expected() -> Value {
    serde_json::from_slice(&golden("factors/expected.json")).unwrap()
}

fn problem(name: &str) -> Vec<f32> {
    let results = golden("factors/results.safetensors");
    matrix(&SafeTensors::deserialize(&results).unwrap(), name).1
}

/// The sum of the squared differences between rows and what their codes decode to, in f64.
fn squared_error(explainer: &Explainer, rows: &[f32]) -> f64 {
    let back = decode(explainer, &encode(explainer, rows));
    rows.iter().zip(&back).map(|(&row, &back)| (f64::from(row) - f64::from(back)).powi(2)).sum()
}

/// Checks that the measures are what a look at the codes gives.
fn assert_measured(explainer: &Explainer, rows: &[f32]) {
    let report = explainer.report();
    let error = squared_error(explainer, rows).sqrt();
    let norm = rows.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let measured = report.measure("reconstruction_error")[0];
    // Codes and dictionary are rounded to f32: the norm of the rows counts, not the error.
    assert!((measured - error).abs() <= 1e-6 * norm, "{measured} {error}");
    assert!((report.measure("relative_error")[0] - error / norm).abs() <= 1e-6);
    let codes = encode(explainer, rows);
    let nonzero = codes.iter().filter(|&&code| code != 0.0).count() as f64 / (rows.len() / COLUMNS) as f64;
    assert!((report.measure("mean_nonzero_codes")[0] - nonzero).abs() <= 0.05, "{nonzero}");
}

/// To where the iterations no longer lower anything.
fn to_the_end(concepts: usize) -> NmfOptions {
    NmfOptions { tolerance: 1e-10, max_iterations: 5000, ..NmfOptions::new(concepts) }
}

#[test]
fn nmf_finds_planted_parts() {
    let results = golden("factors/results.safetensors");
    let results = SafeTensors::deserialize(&results).unwrap();
    let rows = problem("exact");
    let explainer = fit::<Nmf>(&rows, COLUMNS, &to_the_end(4)).unwrap();
    assert_measured(&explainer, &rows);
    // Each part has a column of its own, and rows that are it alone: there is one solution. Rows are rounded to f32.
    assert!(explainer.report().measure("relative_error")[0] < 1e-4, "{:?}", explainer.report());
    let parts = f64s(&results, "exact_parts");
    for part in parts.chunks(COLUMNS) {
        let cosine = |found: &[f32]| found.iter().zip(part).map(|(&found, part)| f64::from(found) * part).sum::<f64>();
        let best = explainer.dictionary().chunks(COLUMNS).map(cosine).fold(0.0, f64::max);
        assert!(best > 1.0 - 1e-4, "{best}");
    }
}

#[test]
fn nmf_ends_no_worse_than_scikit_learn() {
    let rows = problem("noisy");
    let explainer = fit::<Nmf>(&rows, COLUMNS, &to_the_end(5)).unwrap();
    assert_measured(&explainer, &rows);
    let error = explainer.report().measure("reconstruction_error")[0];
    let theirs = expected()["nmf_error"].as_f64().unwrap();
    // Both are minima from the same start; 1e-5 is what a tolerance leaves of the way there.
    assert!(error <= theirs * (1.0 + 1e-5), "{error}, theirs {theirs}");
    // The default tolerance ends within a hundredth of that.
    let explainer = fit::<Nmf>(&rows, COLUMNS, &NmfOptions::new(5)).unwrap();
    assert_eq!(explainer.report().converged, Some(true));
    assert!(explainer.report().measure("reconstruction_error")[0] <= theirs * 1.01, "{:?}", explainer.report());
    assert!(explainer.dictionary().iter().all(|value| *value >= 0.0));
    assert!(encode(&explainer, &rows).iter().all(|code| *code >= 0.0));
}

#[test]
fn nmf_takes_negative_values_for_zero_only_where_it_may() {
    let mut rows = example(200);
    rows[COLUMNS * 41 + 7] = -0.25;
    let error = fit::<Nmf>(&rows, COLUMNS, &NmfOptions::new(3)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidData);
    assert!(error.message().contains("row 41 has the negative value -0.25 in column 7"), "{error}");
    assert!(error.to_string().contains("rectify"), "{error}");
    let rectify = NmfOptions { rectify: true, ..NmfOptions::new(3) };
    let explainer = fit::<Nmf>(&rows, COLUMNS, &rectify).unwrap();
    let rectified: Vec<f32> = rows.iter().map(|value| value.max(0.0)).collect();
    assert_eq!(encode(&explainer, &rows), encode(&explainer, &rectified));
    let same = fit::<Nmf>(&rectified, COLUMNS, &NmfOptions::new(3)).unwrap();
    assert_eq!(explainer.dictionary(), same.dictionary());
    // Negative values that are encoded count where they were not to be rectified.
    assert_ne!(encode(&same, &rows), encode(&same, &rectified));
}

#[test]
fn more_parts_than_directions_start_at_random() {
    // Two directions, four parts, and a row of zeros.
    let rows: Vec<f32> = (0..60).flat_map(|row| [(row % 3) as f32, (row % 4) as f32, (row % 3) as f32]).collect();
    for seed in [0, 1] {
        let explainer = fit::<Nmf>(&rows, 3, &NmfOptions { seed, ..NmfOptions::new(4) }).unwrap();
        assert!(explainer.report().measure("relative_error")[0] < 1e-3, "{:?}", explainer.report());
        assert_eq!(encode(&explainer, &[0.0; 3]), [0.0; 4]);
    }
    let zeros = fit::<Nmf>(&[0.0; 30], 3, &NmfOptions::new(2)).unwrap();
    assert!(zeros.report().warnings.iter().any(|warning| warning.contains("2 of 2 concepts have a code of zero")));
}

#[test]
fn semi_nmf_ends_no_worse_than_the_updates_of_its_authors() {
    let rows = problem("centred");
    let options = |seed| SemiNmfOptions { tolerance: 1e-9, max_iterations: 800, seed, ..SemiNmfOptions::new(5) };
    let fits: Vec<Explainer> = (0..5).map(|seed| fit::<SemiNmf>(&rows, COLUMNS, &options(seed)).unwrap()).collect();
    fits.iter().for_each(|explainer| assert_measured(explainer, &rows));
    let error = |explainer: &Explainer| explainer.report().measure("reconstruction_error")[0];
    let explainer = fits.iter().min_by(|left, right| error(left).total_cmp(&error(right))).unwrap();
    // Theirs are 20,000 updates from each of five random starts, without a ridge: the minima are many, here and there. The best of five
    // starts is one of the better ones.
    let theirs: Vec<f64> = serde_json::from_value(expected()["semi_nmf_errors"].clone()).unwrap();
    assert!(error(explainer) <= theirs[2], "{}, theirs {theirs:?}", error(explainer));
    assert!(encode(explainer, &rows).iter().all(|code| *code >= 0.0));
    assert!(explainer.dictionary().iter().any(|value| *value < 0.0));
}

#[test]
fn dictionary_learning_ends_no_worse_than_scikit_learn() {
    let rows = problem("centred");
    for (positive_codes, name) in [(true, "dictionary_learning_positive"), (false, "dictionary_learning")] {
        let penalty = expected()["penalty"].as_f64().unwrap();
        let options = DictionaryLearningOptions {
            penalty,
            positive_codes,
            tolerance: 1e-9,
            max_iterations: 5000,
            ..DictionaryLearningOptions::new(8)
        };
        let explainer = fit::<DictionaryLearning>(&rows, COLUMNS, &options).unwrap();
        assert_measured(&explainer, &rows);
        let codes = encode(&explainer, &rows);
        let magnitudes: f64 = codes.iter().map(|&code| f64::from(code).abs()).sum();
        let objective = squared_error(&explainer, &rows) / 2.0 + penalty * magnitudes;
        let theirs = expected()[name].as_f64().unwrap();
        // There are many minima: atoms that no row has begin anew at random there, and at the worst row here.
        assert!(objective <= theirs * 1.005, "{objective}, theirs {theirs}");
        assert_eq!(codes.iter().any(|code| *code < 0.0), !positive_codes);
        let lengths =
            explainer.dictionary().chunks(COLUMNS).map(|atom| atom.iter().map(|value| value * value).sum::<f32>());
        assert!(lengths.into_iter().all(|length| length <= 1.0 + 1e-5));
        // A larger penalty leaves fewer codes.
        let hard = DictionaryLearningOptions { penalty: 5.0, ..options };
        let hard = fit::<DictionaryLearning>(&rows, COLUMNS, &hard).unwrap();
        let nonzero = |explainer: &Explainer| explainer.report().measure("mean_nonzero_codes")[0];
        assert!(nonzero(&hard) < 0.7 * nonzero(&explainer), "{} {}", nonzero(&hard), nonzero(&explainer));
    }
    // More atoms than columns start at random.
    let many = DictionaryLearningOptions { penalty: 0.1, ..DictionaryLearningOptions::new(20) };
    let explainer = fit::<DictionaryLearning>(&rows, COLUMNS, &many).unwrap();
    assert!(explainer.report().measure("relative_error")[0] < 0.2);
}

#[test]
fn sparse_components_are_those_of_scikit_learn() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("sparse_pca/results.safetensors"));
    let (problems, results) =
        (SafeTensors::deserialize(&problems).unwrap(), SafeTensors::deserialize(&results).unwrap());
    let cases: Vec<Value> = serde_json::from_slice(&golden("sparse_pca/cases.json")).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (columns, rows) = matrix(&problems, case["problem"].as_str().unwrap());
        let whole = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let options = SparsePcaOptions {
            penalty: case["alpha"].as_f64().unwrap(),
            max_iterations: whole("max_iterations"),
            ..SparsePcaOptions::new(whole("components"))
        };
        let explainer = fit::<SparsePca>(&rows, columns, &options).unwrap();
        let report = explainer.report();
        assert_eq!(report.steps, whole("iterations"), "{case}");
        let (objective, theirs) = (report.measure("objective")[0], case["objective"].as_f64().unwrap());
        // Both solve each lasso to 1e-10 or less; steps add up.
        assert!((objective - theirs).abs() <= 1e-7 * theirs, "{objective} for {case}");
        let components = f64s(&results, &format!("{}/components", case["case"]));
        assert_close(explainer.dictionary(), &components, 1e-5, &case.to_string());
        for (component, found) in components.chunks(columns).zip(report.measure("nonzero_columns")) {
            let nonzero = component.iter().filter(|value| value.abs() > 1e-9).count() as f64;
            assert!((found - nonzero).abs() < 0.5, "{case}");
        }
        let codes = encode(&explainer, &rows[..4 * columns]);
        assert_close(&codes, &f64s(&results, &format!("{}/first_codes", case["case"])), 1e-5, &case.to_string());
        let back = decode(&explainer, &codes);
        assert_close(&back, &f64s(&results, &format!("{}/first_rows", case["case"])), 1e-5, &case.to_string());
    }
}

#[test]
fn a_component_without_columns_begins_anew_at_the_column_that_is_approximated_worst() {
    let problems = golden("ica/problems.safetensors");
    let (columns, rows) = matrix(&SafeTensors::deserialize(&problems).unwrap(), "plain");
    let options = SparsePcaOptions { penalty: 30.0, ..SparsePcaOptions::new(5) };
    let explainer = fit::<SparsePca>(&rows, columns, &options).unwrap();
    assert!(explainer.report().measure("nonzero_columns").iter().all(|&count| count > 0.0));
    // scikit-learn, which draws a column, ends at 12198.74; where such a component is left alone, the end is 12876.
    assert!(explainer.report().measure("objective")[0] < 12300.0, "{:?}", explainer.report());
}

#[test]
fn a_penalty_that_leaves_nothing_is_a_warning() {
    let options = SparsePcaOptions { penalty: 1e6, ..SparsePcaOptions::new(2) };
    let explainer = fit::<SparsePca>(&example(100), COLUMNS, &options).unwrap();
    assert!(
        explainer.report().warnings.iter().any(|warning| warning.contains("2 of 2 components have no column left"))
    );
}

#[test]
fn wrong_options_are_errors_that_name_them() {
    fn fails<M: Method>(options: &M::Options, words: &str) {
        let error = fit::<M>(&example(20), COLUMNS, options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    fails::<Nmf>(&NmfOptions::new(0), "0 concepts");
    fails::<Nmf>(&NmfOptions { tolerance: -1.0, ..NmfOptions::new(2) }, "tolerance");
    fails::<SemiNmf>(&SemiNmfOptions { max_iterations: 0, ..SemiNmfOptions::new(2) }, "iterations");
    fails::<SemiNmf>(&SemiNmfOptions::new(21), "there are 20 rows");
    let learning = DictionaryLearningOptions::new(2);
    fails::<DictionaryLearning>(&DictionaryLearningOptions { penalty: 0.0, ..learning }, "penalty");
    let sparse = SparsePcaOptions::new(2);
    fails::<SparsePca>(&SparsePcaOptions { penalty: -1.0, ..sparse.clone() }, "penalty");
    fails::<SparsePca>(&SparsePcaOptions { ridge: 0.0, ..sparse.clone() }, "ridge");
    fails::<SparsePca>(&SparsePcaOptions { max_iterations: 0, ..sparse }, "iterations");
    fails::<SparsePca>(&SparsePcaOptions::new(13), "13 concepts");
}
