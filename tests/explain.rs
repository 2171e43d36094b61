//! Which concepts fire on the units of texts is what their codes, means and deviations say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use eidos::rows::Rows;
use eidos::{
    Activations, Aggregation, CollectOptions, Control, Dictionary, ErrorCode, Explain, Explainer, Explanation,
    Granularity, Ica, IcaOptions, Interpretation, Pca, PcaOptions, Pole, SplitModel, TopInputs,
};
use serde_json::Value;

use crate::common::{SPLITS, assert_error, collect, eurobert, many_texts, tiny};

struct Fitted {
    model: SplitModel,
    activations: Activations,
    explainer: Explainer,
    interpretation: Interpretation,
}

fn fitted(options: &CollectOptions) -> Fitted {
    let model = eurobert();
    let activations = collect(&model, &many_texts(150), options).unwrap().remove(1);
    let control = Control::new();
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(6), &control).unwrap();
    let top = TopInputs { negative_pole: true, ..TopInputs::default() };
    let interpretation = top.interpret(&explainer, &activations, &control).unwrap();
    Fitted { model, activations, explainer, interpretation }
}

impl Fitted {
    fn explain(&self, explain: &Explain, texts: &[String]) -> Explanation {
        let explained =
            explain.explain_inputs(&self.explainer, Some(&self.interpretation), &self.model, texts, &Control::new());
        explained.unwrap()
    }

    /// The means and deviations of the codes of the fit, and all those codes.
    fn moments(&self) -> (Vec<f64>, Vec<f64>, Vec<f32>) {
        let (rows, count) = (Rows::row_count(&self.activations), self.explainer.concept_count());
        let mut codes = vec![0.0; rows * count];
        self.explainer.encode(self.activations.rows(0, rows).unwrap(), &mut codes).unwrap();
        let of = |concept: usize| codes.iter().skip(concept).step_by(count).map(|code| f64::from(*code));
        let mean: Vec<f64> = (0..count).map(|concept| of(concept).sum::<f64>() / rows as f64).collect();
        let variance =
            |concept: usize| of(concept).map(|code| (code - mean[concept]).powi(2)).sum::<f64>() / rows as f64;
        let deviation = (0..count).map(|concept| variance(concept).sqrt()).collect();
        (mean, deviation, codes)
    }
}

#[test]
fn what_fires_is_what_the_codes_say() {
    let fitted = fitted(&CollectOptions::default());
    let (mean, deviation, codes) = fitted.moments();
    let count = mean.len();
    let texts = &many_texts(40)[..];
    for explain in [
        Explain::default(),
        Explain { negative_pole: true, ..Explain::default() },
        Explain { k: 2, least_deviations: 0.5, negative_pole: true, threads: 1 },
    ] {
        let found = fitted.explain(&explain, texts);
        let rows = collect(&fitted.model, texts, &CollectOptions::default()).unwrap().remove(1);
        assert_eq!(found.units().len(), Rows::row_count(&rows));
        let mut any = false;
        for (row, unit) in found.units().iter().enumerate() {
            assert_eq!(Some(unit.text.as_str()), rows.unit(row));
            assert_eq!(unit.span, rows.unit_span(row));
            let mut expected: Vec<(usize, f32, f64)> = Vec::new();
            let mut encoded = vec![0.0; count];
            fitted.explainer.encode(rows.rows(row, 1).unwrap(), &mut encoded).unwrap();
            for (concept, code) in encoded.into_iter().enumerate() {
                let deviations = (f64::from(code) - mean[concept]) / deviation[concept];
                let far = if explain.negative_pole { deviations.abs() } else { deviations };
                if far >= f64::from(explain.least_deviations) {
                    expected.push((concept, code, deviations));
                }
            }
            expected.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
            expected.truncate(explain.k);
            let firings = found.firings(row);
            assert_eq!(firings.len(), expected.len(), "row {row}");
            for (firing, (concept, code, deviations)) in firings.iter().zip(expected) {
                assert_eq!((firing.concept, firing.activation), (concept, code));
                assert!((f64::from(firing.deviations) - deviations).abs() < 1e-4 * deviations.abs());
                let pole = if deviations < 0.0 { Pole::Negative } else { Pole::Positive };
                assert_eq!(firing.pole, pole);
                let smaller = codes.iter().skip(concept).step_by(count).filter(|other| **other < code).count();
                let share = 100.0 * smaller as f32 * count as f32 / codes.len() as f32;
                assert!((firing.percentile - share).abs() < 2.0, "{} instead of {share}", firing.percentile);
                any = true;
            }
        }
        assert!(any, "nothing fires with {explain:?}");
        assert_eq!(found.firings(found.units().len()), []);
    }
}

#[test]
fn concepts_are_named_and_an_explanation_is_json() {
    let fitted = fitted(&CollectOptions::default());
    let texts = many_texts(20);
    let found = fitted.explain(&Explain { negative_pole: true, ..Explain::default() }, &texts);
    let json: Value = serde_json::from_str(&found.to_json().unwrap()).unwrap();
    assert_eq!(json["format"], "eidos.explanation");
    assert_eq!(json["split_point"], SPLITS[1]);
    assert_eq!(json["texts"].as_array().unwrap().len(), 20);
    for (index, unit) in found.units().iter().enumerate() {
        let written = &json["units"][index];
        assert_eq!(written["text"], unit.text);
        let text = &texts[written["text_index"].as_u64().unwrap() as usize];
        let span = written["begin"].as_u64().unwrap() as usize..written["end"].as_u64().unwrap() as usize;
        assert_eq!(text[span], unit.text);
        for (written, firing) in written["firings"].as_array().unwrap().iter().zip(found.firings(index)) {
            assert_eq!(written["concept"], firing.concept);
            assert_eq!(written["pole"], if firing.pole == Pole::Positive { "positive" } else { "negative" });
            assert!((written["deviations"].as_f64().unwrap() - f64::from(firing.deviations)).abs() < 1e-6);
        }
    }
    let concepts: Vec<usize> = found.concepts().collect();
    assert!(!concepts.is_empty() && json["concepts"].as_array().unwrap().len() == concepts.len());
    for (index, &concept) in concepts.iter().enumerate() {
        let listed = &fitted.interpretation.concepts()[concept];
        let name = found.name(concept, Pole::Positive).unwrap();
        assert_eq!(name.label, None);
        assert_eq!(name.inputs, listed.positive.iter().take(3).map(|input| input.text.clone()).collect::<Vec<_>>());
        assert_eq!(json["concepts"][index]["positive"]["inputs"][0], listed.positive[0].text);
        assert!(name.to_string().starts_with(&format!("'{}', '", listed.positive[0].text)));
        let line = format!("{concept} {name} (");
        let fires = (0..found.units().len())
            .flat_map(|unit| found.firings(unit))
            .any(|firing| firing.concept == concept && firing.pole == Pole::Positive);
        assert_eq!(found.to_string().contains(&line), fires);
    }
    assert_eq!(found.name(99, Pole::Positive), None);
    let unnamed = Explain::default().explain(&fitted.explainer, None, &fitted.activations, &Control::new()).unwrap();
    assert!(unnamed.concepts().all(|concept| unnamed.name(concept, Pole::Positive).is_none()));
}

#[test]
fn new_texts_become_rows_as_those_of_the_fit_did() {
    let options = CollectOptions {
        granularity: Granularity::Token,
        aggregation: Aggregation::Max,
        stop_punctuation: true,
        skip_first_position: true,
        stop_units: vec!["the".to_owned()],
        ..CollectOptions::default()
    };
    let fitted = fitted(&options);
    let texts = many_texts(25);
    let found = fitted.explain(&Explain::default(), &texts);
    let rows = collect(&fitted.model, &texts, &options).unwrap().remove(1);
    let units: Vec<&str> = found.units().iter().map(|unit| unit.text.as_str()).collect();
    assert_eq!(units, (0..Rows::row_count(&rows)).map(|row| rows.unit(row).unwrap()).collect::<Vec<_>>());
    // In shards the same, and what the model gives anew.
    let folder = tempfile::tempdir().unwrap();
    let shards = CollectOptions { folder: Some(folder.path().join("rows")), shard_bytes: 1 << 12, ..options };
    let shards = collect(&fitted.model, &texts, &shards).unwrap().remove(1);
    let again = Explain::default().explain(&fitted.explainer, Some(&fitted.interpretation), &shards, &Control::new());
    assert_eq!(again.unwrap(), found);
}

#[test]
fn a_dictionary_explains_once_it_is_calibrated() {
    let fitted = fitted(&CollectOptions::default());
    let width = fitted.explainer.input_width();
    let one: Vec<f32> = (0..width * width).map(|at| f32::from(u8::from(at % (width + 1) == 0))).collect();
    for rectified in [false, true] {
        let dictionary =
            Dictionary { rectified, ..Dictionary::new(one.clone(), one.clone(), width) }.explainer().unwrap();
        assert!(dictionary.distributions().is_none());
        let explain = Explain::default();
        let refused = explain.explain(&dictionary, None, &fitted.activations, &Control::new());
        assert_error(refused, ErrorCode::InvalidArgument, &["distributed", "calibrate"]);
        let calibrated = dictionary.calibrate(&fitted.activations, &Control::new()).unwrap();
        let found = explain.explain(&calibrated, None, &fitted.activations, &Control::new()).unwrap();
        assert!((0..found.units().len()).any(|unit| !found.firings(unit).is_empty()));
        assert!((0..found.units().len()).flat_map(|unit| found.firings(unit)).all(|firing| firing.deviations >= 2.0));
        // What it learned is in its file.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibrated");
        calibrated.save(&path).unwrap();
        let opened = Explainer::open(&path).unwrap();
        assert_eq!(opened.distributions(), calibrated.distributions());
        assert_eq!(explain.explain(&opened, None, &fitted.activations, &Control::new()).unwrap(), found);
    }
}

#[test]
fn every_fit_knows_how_its_codes_are_distributed() {
    let fitted = fitted(&CollectOptions::default());
    let explainer = Explainer::fit::<Pca>(&fitted.activations, &PcaOptions::new(4), &Control::new()).unwrap();
    let variances = explainer.report().measure("explained_variance");
    let (distributions, rows) = (explainer.distributions().unwrap(), Rows::row_count(&fitted.activations) as f64);
    for (concept, variance) in variances.iter().enumerate() {
        // scikit-learn's variances are divided by one less than the rows.
        let expected = (variance * (rows - 1.0) / rows).sqrt();
        assert!((distributions.deviation(concept) - expected).abs() < 1e-4 * expected, "concept {concept}");
    }
}

#[test]
fn wrong_requests_are_errors_that_say_what_to_do() {
    let fitted = fitted(&CollectOptions::default());
    let control = Control::new();
    let explain = |explain: Explain, interpretation: Option<&Interpretation>| {
        explain.explain(&fitted.explainer, interpretation, &fitted.activations, &control)
    };
    assert_error(explain(Explain { k: 0, ..Explain::default() }, None), ErrorCode::InvalidArgument, &["top 0"]);
    for least_deviations in [f32::NAN, f32::INFINITY, -1.0] {
        let wrong = Explain { least_deviations, ..Explain::default() };
        assert_error(explain(wrong, None), ErrorCode::InvalidArgument, &["deviations"]);
    }
    let more = Explainer::fit::<Ica>(&fitted.activations, &IcaOptions::new(8), &control).unwrap();
    let of_more = TopInputs::default().interpret(&more, &fitted.activations, &control).unwrap();
    assert_error(explain(Explain::default(), Some(&of_more)), ErrorCode::Mismatch, &["concept 6"]);
    let other = tiny("eurobert", "base", &SPLITS[..1]);
    let texts = &many_texts(2)[..];
    let refused = Explain::default().explain_inputs(&fitted.explainer, None, &other, texts, &control);
    assert_error(refused, ErrorCode::Mismatch, &[SPLITS[1], SPLITS[0]]);
    let elsewhere = collect(&other, &many_texts(60), &CollectOptions::default()).unwrap().remove(0);
    let there = Explainer::fit::<Ica>(&elsewhere, &IcaOptions::new(2), &control).unwrap();
    let meaning = TopInputs::default().interpret(&there, &elsewhere, &control).unwrap();
    assert_error(explain(Explain::default(), Some(&meaning)), ErrorCode::Mismatch, &[SPLITS[1], SPLITS[0]]);
    let cancelled = Control::new();
    cancelled.cancel();
    let refused = Explain::default().explain_inputs(&fitted.explainer, None, &fitted.model, texts, &cancelled);
    assert_error(refused, ErrorCode::Cancelled, &[]);
}
