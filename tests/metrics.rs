//! Metrics are those that numpy, scikit-learn and scipy compute (see `tests/golden/README.md`).
#![allow(clippy::unwrap_used)]

use std::path::Path;

use eidos::metrics::compare;
use eidos::{
    Activations, Comparison, Control, Dictionary, ErrorCode, Explainer, Interpretation, MetricsOptions, Subject,
    TopInputs,
};
use safetensors::SafeTensors;
use serde_json::Value;

const COLUMNS: usize = 8;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/metrics").join(name)).unwrap()
}

/// The rows, the dictionaries, and what others measured.
struct Problem {
    rows: Activations,
    explainers: Vec<Explainer>,
    expected: Value,
}

impl Problem {
    fn read() -> Self {
        let bytes = golden("problem.safetensors");
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            let bytes = tensors.tensor(name).unwrap().data().as_chunks::<4>().0;
            bytes.iter().map(|four| f32::from_le_bytes(*four)).collect()
        };
        let expected: Value = serde_json::from_slice(&golden("expected.json")).unwrap();
        let rectified = expected["rectified"].as_array().unwrap().iter().enumerate();
        let explainers = rectified.map(|(number, rectified)| {
            let part = |name: &str| floats(&format!("{number}/{name}"));
            let dictionary = Dictionary::new(part("dictionary"), part("encoder"), COLUMNS);
            let (bias, offset) = (part("bias"), part("offset"));
            Dictionary { bias, offset, rectified: rectified.as_bool().unwrap(), ..dictionary }.explainer().unwrap()
        });
        let explainers = explainers.collect();
        Self { rows: Activations::from_rows(floats("rows"), COLUMNS, None).unwrap(), explainers, expected }
    }

    fn options(&self) -> MetricsOptions {
        let number = |name: &str| self.expected[name].as_f64().unwrap();
        MetricsOptions {
            dense_share: number("dense_share"),
            redundant_cosine: number("redundant_cosine"),
            ..MetricsOptions::default()
        }
    }

    /// The four rows that excite each concept most, as somebody else found them.
    fn meaning(&self, number: usize) -> Interpretation {
        TopInputs { k: 4, ..TopInputs::default() }
            .interpret(&self.explainers[number], &self.rows, &Control::new())
            .unwrap()
    }

    fn measured(&self, rows: &Activations, threads: usize) -> Comparison {
        let meanings: Vec<_> = (0..self.explainers.len()).map(|number| self.meaning(number)).collect();
        let subjects = self.explainers.iter().zip(&meanings);
        let subjects: Vec<_> =
            subjects.map(|(explainer, meaning)| Subject { explainer, interpretation: Some(meaning) }).collect();
        compare(&subjects, rows, &MetricsOptions { threads, ..self.options() }, &Control::new()).unwrap()
    }
}

/// Codes are 32-bit floats, and so are cosines of dictionaries.
#[track_caller]
fn assert_close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= 2e-6 * expected.abs().max(1.0), "{what}: {found} instead of {expected}");
}

#[test]
fn metrics_are_those_of_numpy_scikit_learn_and_scipy() {
    let problem = Problem::read();
    let found = problem.measured(&problem.rows, 0);
    assert_eq!((found.row_count, found.explainers.len(), found.stability.len()), (300, 3, 3));
    for (number, (found, expected)) in
        found.explainers.iter().zip(problem.expected["explainers"].as_array().unwrap()).enumerate()
    {
        let reconstruction = found.reconstruction.as_ref().unwrap();
        let (sparsity, redundancy) = (&found.sparsity, found.redundancy.as_ref().unwrap());
        let close = |value: f64, name: &str| assert_close(value, &expected[name], &format!("{name} of {number}"));
        close(reconstruction.mean_squared_error, "mean_squared_error");
        close(reconstruction.relative_error, "relative_error");
        close(reconstruction.fraction_of_variance_unexplained, "fraction_of_variance_unexplained");
        close(reconstruction.cosine, "cosine");
        close(sparsity.l0, "l0");
        close(sparsity.l1, "l1");
        close(redundancy.mean_largest_cosine, "mean_largest_cosine");
        close(redundancy.largest_cosine, "largest_cosine");
        for (name, values) in
            [("explained_variance", &reconstruction.explained_variance), ("densities", &sparsity.densities)]
        {
            let expected = expected[name].as_array().unwrap();
            assert_eq!(values.len(), expected.len());
            values.iter().zip(expected).for_each(|(value, expected)| assert_close(*value, expected, name));
        }
        let counts = [("dead", sparsity.dead), ("dense", sparsity.dense), ("redundant", redundancy.redundant)];
        for (name, count) in counts {
            assert_eq!(Some(count as u64), expected[name].as_u64(), "{name} of {number}");
        }
        let binned: usize = sparsity.density_histogram.iter().map(|bin| bin.count).sum();
        assert_eq!(binned + sparsity.dead, found.concept_count);
        // Inputs end at a zero, so a concept that is active on fewer rows has fewer of them than numpy took.
        let coherence = found.coherence.as_ref().unwrap();
        for (concept, expected) in expected["coherence"].as_array().unwrap().iter().enumerate() {
            if sparsity.densities[concept] * 300.0 >= 4.0 {
                assert_close(coherence.concepts[concept], expected, &format!("coherence of {concept} of {number}"));
            }
        }
    }
    for (found, expected) in found.stability.iter().zip(problem.expected["stability"].as_array().unwrap()) {
        assert_eq!(Some(found.first as u64), expected["first"].as_u64());
        assert_eq!(Some(found.second as u64), expected["second"].as_u64());
        assert_close(found.assigned_cosine.unwrap(), &expected["assigned_cosine"], "assigned");
        assert_close(found.largest_cosine_of_first, &expected["largest_cosine_of_first"], "of the first");
        assert_close(found.largest_cosine_of_second, &expected["largest_cosine_of_second"], "of the second");
    }
}

#[test]
fn metrics_have_the_same_bits_for_every_number_of_threads_and_for_rows_on_disk() {
    let problem = Problem::read();
    let folder = tempfile::tempdir().unwrap();
    problem.rows.save(folder.path(), &Control::new()).unwrap();
    let on_disk = Activations::open(folder.path()).unwrap();
    let one = problem.measured(&problem.rows, 1).to_json(true).unwrap();
    assert_eq!(one, problem.measured(&problem.rows, 5).to_json(true).unwrap());
    assert_eq!(one, problem.measured(&on_disk, 0).to_json(true).unwrap());
    let json: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((json["format"].as_str(), json["version"].as_u64()), (Some("eidos.metrics"), Some(1)));
}

#[test]
fn json_without_details_has_the_same_numbers_and_no_list_of_columns_or_concepts() {
    let problem = Problem::read();
    let found = problem.measured(&problem.rows, 0);
    let mut detailed: Value = serde_json::from_str(&found.to_json(true).unwrap()).unwrap();
    let brief: Value = serde_json::from_str(&found.to_json(false).unwrap()).unwrap();
    for explainer in detailed["explainers"].as_array_mut().unwrap() {
        for (part, list) in [
            ("reconstruction", "explained_variance"),
            ("sparsity", "density_histogram"),
            ("sparsity", "densities"),
            ("coherence", "concepts"),
        ] {
            let list = explainer[part].as_object_mut().unwrap().remove(list);
            assert!(!list.unwrap().as_array().unwrap().is_empty());
        }
    }
    assert_eq!(brief, detailed);
}

#[test]
fn the_same_concepts_in_another_order_with_other_signs_and_lengths_are_stable() {
    let problem = Problem::read();
    let explainer = &problem.explainers[1];
    let reordered: Vec<f32> =
        explainer.dictionary().chunks_exact(COLUMNS).rev().flatten().map(|value| -2.5 * value).collect();
    let other = Dictionary::new(reordered.clone(), reordered, COLUMNS).explainer().unwrap();
    let found =
        compare(&[explainer.into(), (&other).into()], &problem.rows, &problem.options(), &Control::new()).unwrap();
    let stability = &found.stability[0];
    for cosine in
        [stability.assigned_cosine.unwrap(), stability.largest_cosine_of_first, stability.largest_cosine_of_second]
    {
        assert!((cosine - 1.0).abs() < 1e-6, "{stability:?}");
    }
}

#[test]
fn a_column_that_is_constant_has_no_variance_to_explain_and_json_says_null() {
    let identity = Dictionary::new(vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0, 1.0], 2).explainer().unwrap();
    let rows = Activations::from_rows(vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0], 2, None).unwrap();
    let found = compare(&[(&identity).into()], &rows, &MetricsOptions::default(), &Control::new()).unwrap();
    let reconstruction = found.explainers[0].reconstruction.as_ref().unwrap();
    assert!(reconstruction.explained_variance[0] > 1.0 - 1e-12);
    assert!(reconstruction.explained_variance[1].is_nan());
    assert!(reconstruction.relative_error < 1e-12 && reconstruction.cosine > 1.0 - 1e-12);
    let json: Value = serde_json::from_str(&found.to_json(true).unwrap()).unwrap();
    assert!(json["explainers"][0]["reconstruction"]["explained_variance"][1].is_null());
    assert_eq!(json["explainers"][0]["redundancy"]["largest_cosine"], 0.0);
}

#[test]
fn what_cannot_be_measured_is_an_error_that_says_why() {
    let problem = Problem::read();
    let explainer = &problem.explainers[0];
    let refused = |subjects: &[Subject<'_>], rows: &Activations, options: &MetricsOptions, control: &Control| {
        let error = compare(subjects, rows, options, control).unwrap_err();
        assert!(!error.hint_text().is_empty());
        error.code()
    };
    let (options, control) = (MetricsOptions::default(), Control::new());
    assert_eq!(refused(&[], &problem.rows, &options, &control), ErrorCode::InvalidArgument);
    let wrong = MetricsOptions { dense_share: f64::NAN, ..options.clone() };
    assert_eq!(refused(&[explainer.into()], &problem.rows, &wrong, &control), ErrorCode::InvalidArgument);
    let narrow = Activations::from_rows(vec![1.0; 6], 3, None).unwrap();
    assert_eq!(refused(&[explainer.into()], &narrow, &options, &control), ErrorCode::Mismatch);
    let other_rows = Activations::from_rows(vec![1.0; 2 * COLUMNS], COLUMNS, None).unwrap();
    let meaning = problem.meaning(0);
    let subject = Subject { explainer, interpretation: Some(&meaning) };
    assert_eq!(refused(&[subject], &other_rows, &options, &control), ErrorCode::Mismatch);
    let subject = Subject { explainer: &problem.explainers[2], interpretation: Some(&meaning) };
    assert_eq!(refused(&[subject], &problem.rows, &options, &control), ErrorCode::Mismatch);
    let cancelled = Control::new();
    cancelled.cancel();
    let error = compare(&[explainer.into()], &problem.rows, &options, &cancelled).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}
