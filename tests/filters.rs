//! Units that get no row, and rows that are left out: counted, told, and the same wherever rows lie and however they were made.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use eidos::linalg::RandomState;
use eidos::{
    Activations, CollectOptions, Control, ErrorCode, Explainer, Filters, Granularity, Ica, IcaOptions, LogLevel,
    LogitsOptions, OnLongText, Pca, PcaOptions, SplitModel,
};

use crate::common::{
    SPLITS, assert_error, collect, eurobert, everything, golden_json, load_from, many_texts, model_folder, row_bits,
    tiny,
};

fn logged(control: &Control) -> Vec<String> {
    let messages = (0..control.kept_message_count()).filter_map(|index| control.kept_message(index));
    messages.map(|message| message.text().to_owned()).collect()
}

#[test]
fn the_rows_that_are_left_out_are_those_of_numpy() {
    for case in golden_json("norms/cases.json").as_array().unwrap() {
        let count = usize::try_from(case["rows"].as_u64().unwrap()).unwrap();
        let mut state = RandomState::new(11);
        let mut values: Vec<f32> = (0..6 * count).map(|_| state.normal() as f32).collect();
        for row in values.chunks_exact_mut(6) {
            let factor = (2.0 * state.normal()).exp() as f32;
            row.iter_mut().for_each(|value| *value *= factor);
        }
        let units: Vec<String> = (0..count).map(|row| row.to_string()).collect();
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        let rows = Activations::from_rows(values, 6, Some(&units)).unwrap();
        let control = Control::new();
        control.keep_log(LogLevel::Info);
        let usual = rows.without_high_norms(case["multiple"].as_f64().unwrap(), 2, &control).unwrap();
        let kept: Vec<String> = (0..usual.row_count()).map(|row| usual.unit(row).unwrap().to_owned()).collect();
        let left_out: Vec<u64> = case["left_out"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect();
        let expected: Vec<String> =
            (0..count as u64).filter(|row| !left_out.contains(row)).map(|row| row.to_string()).collect();
        assert!(kept == expected, "{count} rows");
        assert_eq!(usual.left_out().high_norm, left_out.len());
        let median = case["median"].as_f64().unwrap() as f32;
        assert!(logged(&control)[0].contains(&format!("the median norm, {median}:")), "{:?}", logged(&control));
    }
}

/// Rows that are sums of independent heavy-tailed sources along planted directions; and the directions. Of 500 rows the 124th is
/// 1000 times as long as it should be.
fn planted(rows: usize, sources: usize, columns: usize) -> (Vec<f32>, Vec<f64>) {
    let mut state = RandomState::new(5);
    let directions: Vec<f64> = (0..sources * columns).map(|_| state.normal()).collect();
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        // The product of two normal numbers has heavy tails.
        let source: Vec<f64> = (0..sources).map(|_| state.normal() * state.normal()).collect();
        let factor = if row % 500 == 123 { 1000.0 } else { 1.0 };
        values.extend((0..columns).map(|column| {
            let value: f64 = (0..sources).map(|index| source[index] * directions[index * columns + column]).sum();
            (factor * (value + 0.1 * state.normal())) as f32
        }));
    }
    (values, directions)
}

/// The mean, over the planted directions, of the largest cosine that a concept has with them.
fn agreement(explainer: &Explainer, directions: &[f64], columns: usize) -> f64 {
    let dictionary: Vec<f64> = explainer.dictionary().iter().map(|&value| f64::from(value)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).abs();
    let best =
        |direction: &[f64]| dictionary.chunks_exact(columns).map(|row| cosine(row, direction)).fold(0.0, f64::max);
    let count = directions.len() / columns;
    directions.chunks_exact(columns).map(best).sum::<f64>() / count as f64
}

#[test]
fn concepts_are_found_behind_rows_of_a_huge_norm_once_these_are_left_out() {
    let (sources, columns, control) = (16, 32, Control::new());
    let (values, directions) = planted(20_000, sources, columns);
    let rows = Activations::from_rows(values, columns, None).unwrap();
    let found = |rows: &Activations| {
        let explainer = Explainer::fit::<Ica>(rows, &IcaOptions::new(sources), &control).unwrap();
        agreement(&explainer, &directions, columns)
    };
    let usual = rows.without_high_norms(10.0, 0, &control).unwrap();
    assert_eq!(usual.left_out().high_norm, 40);
    let (with, without) = (found(&rows), found(&usual));
    eprintln!("agreement with the planted directions: {with:.4} with rows of a huge norm, {without:.4} without");
    assert!(without > 0.995, "{without}");
    assert!(with < 0.9, "{with}");
}

#[test]
fn fewer_rows_for_each_concept_find_less_of_the_truth() {
    let (sources, columns) = (20, 64);
    let found = |rows_per_concept: usize| {
        let (values, directions) = planted(sources * rows_per_concept, sources, columns);
        let rows = Activations::from_rows(values, columns, None).unwrap();
        let rows = rows.without_high_norms(100.0, 0, &Control::new()).unwrap();
        let explainer = Explainer::fit::<Ica>(&rows, &IcaOptions::new(sources), &Control::new()).unwrap();
        (explainer.report().warnings.len(), agreement(&explainer, &directions, columns))
    };
    let (few, enough) = (found(5), found(21));
    eprintln!("agreement from 5 rows a concept: {:.3}, from 21: {:.3}", few.1, enough.1);
    assert!(few.0 == 1 && few.1 < 0.9, "{few:?}");
    assert!(enough.0 == 0 && enough.1 > 0.95, "{enough:?}");
}

#[test]
fn the_first_position_and_punctuation_have_no_row_and_change_no_other() {
    let (model, texts) = (eurobert(), many_texts(300));
    let all_options = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let options = CollectOptions { skip_first_position: true, ..all_options.clone() };
    let control = Control::new();
    control.keep_log(LogLevel::Info);
    let all = collect(&model, &texts, &all_options).unwrap().remove(0);
    let fewer = model.activations(&texts, &options, &control).unwrap().remove(0);
    assert_eq!((fewer.left_out().first_position, fewer.row_count()), (300, all.row_count() - 300));
    assert_eq!(logged(&control), ["300 units have no row: 300 first positions of texts"]);
    let firsts: Vec<usize> = (0..all.row_count())
        .filter(|&row| row == 0 || all.unit_span(row).unwrap().text_index != all.unit_span(row - 1).unwrap().text_index)
        .collect();
    let kept: Vec<usize> = (0..all.row_count()).filter(|row| !firsts.contains(row)).collect();
    for (row, &before) in kept.iter().enumerate() {
        assert_eq!(row_bits(&fewer, row, 1), row_bits(&all, before, 1));
        assert_eq!((fewer.unit(row), fewer.unit_span(row)), (all.unit(before), all.unit_span(before)));
    }
    let ids = model.inputs_from_token_ids(&[&[5, 6, 7], &[8]]).unwrap();
    let of_ids = collect(&model, &ids, &options).unwrap().remove(0);
    assert_eq!((of_ids.row_count(), of_ids.left_out().first_position), (2, 2));

    let words = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    let options = CollectOptions { stop_punctuation: true, ..CollectOptions::default() };
    let letters = collect(&model, &texts, &options).unwrap().remove(0);
    let is_kept = |unit: &str| !unit.trim().chars().all(|character| character.is_ascii_punctuation());
    let kept: Vec<&str> =
        (0..words.row_count()).map(|row| words.unit(row).unwrap()).filter(|unit| is_kept(unit)).collect();
    assert!(kept.len() < words.row_count());
    assert_eq!((0..letters.row_count()).map(|row| letters.unit(row).unwrap()).collect::<Vec<_>>(), kept);
    assert_eq!(letters.left_out().stop_punctuation, words.row_count() - kept.len());
}

#[test]
fn filters_give_the_same_in_memory_in_shards_and_in_streams_whatever_the_batches_and_threads() {
    let (model, texts) = (eurobert(), many_texts(400));
    let options = CollectOptions {
        skip_first_position: true,
        stop_punctuation: true,
        stop_units: vec!["the".to_owned()],
        ..CollectOptions::default()
    };
    let filters = Filters {
        stop_units: vec!["the".to_owned()],
        stop_punctuation: true,
        skip_first_position: true,
        ..Filters::default()
    };
    let expected: Vec<_> = collect(&model, &texts, &options).unwrap();
    assert!(expected[0].left_out().stop_units > 0 && expected[0].left_out().stop_punctuation > 0);
    let folders = tempfile::tempdir().unwrap();
    let small = CollectOptions { shard_bytes: 3000, batch_tokens: 7, threads: 3, ..options };
    let into = |name: &str| CollectOptions { folder: Some(folders.path().join(name)), ..small.clone() };
    let control = Control::new();
    let usual: Vec<_> = expected.iter().map(|rows| rows.without_high_norms(1.2, 1, &control).unwrap()).collect();
    assert!(usual.iter().all(|rows| rows.left_out().high_norm > 0));
    for (options, streams) in [
        (small.clone(), false),
        (CollectOptions { memory_limit: 0, ..small.clone() }, false),
        (CollectOptions { memory_limit: 0, ..small.clone() }, true),
        (into("at_once"), false),
        (into("stream"), true),
        (into("stream"), true),
    ] {
        let found = if streams {
            model.stream_activations(texts.iter().map(Ok), &options, &control).unwrap()
        } else {
            collect(&model, &texts, &options).unwrap()
        };
        for ((found, expected), usual) in found.iter().zip(&expected).zip(&usual) {
            assert!(everything(found) == everything(expected), "{options:?}");
            assert_eq!((found.left_out(), &found.provenance().filters), (expected.left_out(), &filters));
            let found = found.without_high_norms(1.2, 3, &control).unwrap();
            assert!(everything(&found) == everything(usual), "{options:?}");
            assert_eq!(
                (found.left_out(), found.is_on_disk()),
                (usual.left_out(), options.memory_limit == 0 || options.folder.is_some())
            );
            // What has fewer rows on disk is fitted, saved and opened as any other.
            let place = folders.path().join("saved");
            found.save(&place, &control).unwrap();
            let opened = Activations::open(&place).unwrap();
            assert!(everything(&opened) == everything(usual));
            assert_eq!(opened.provenance(), found.provenance());
            let fit = |rows: &Activations| Explainer::fit::<Pca>(rows, &PcaOptions::new(3), &control).unwrap();
            assert!(fit(&found).dictionary() == fit(usual).dictionary());
            std::fs::remove_dir_all(&place).unwrap();
        }
    }
    let others = CollectOptions { skip_first_position: false, ..into("at_once") };
    assert_error(collect(&model, &texts, &others), ErrorCode::Mismatch, &["another run", "other units"]);
}

#[test]
fn filters_that_do_not_fit_are_errors() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let refused = |options: &CollectOptions, parts: &[&str]| {
        assert_error(collect(&model, &["a film"], options), ErrorCode::InvalidArgument, parts);
    };
    let cls = CollectOptions { granularity: Granularity::ClsToken, ..CollectOptions::default() };
    refused(&CollectOptions { skip_first_position: true, ..cls.clone() }, &["first position", "cls_token"]);
    refused(&CollectOptions { stop_punctuation: true, ..cls }, &["cls_token"]);
    let skip = CollectOptions { skip_first_position: true, ..CollectOptions::default() };
    let vocabulary = model.vocabulary_inputs().unwrap();
    assert_error(collect(&model, &vocabulary, &skip), ErrorCode::InvalidArgument, &["vocabulary"]);
}

fn long_texts(model: &SplitModel) -> Vec<String> {
    let long = "film ".repeat(model.max_positions() + 1);
    ["a film", &long, "dull", &long].map(str::to_owned).to_vec()
}

#[test]
fn a_long_text_is_cut_or_an_error_that_names_it() {
    let folder = model_folder("eurobert", "masked_lm");
    let model = load_from(folder.path(), &["layers.1.mlp"]).unwrap();
    let (texts, control) = (long_texts(&model), Control::new());
    let options = CollectOptions { on_long_text: OnLongText::Error, ..CollectOptions::default() };
    assert_eq!(collect(&model, &texts, &CollectOptions::default()).unwrap()[0].truncated_count(), 2);
    let most = model.max_positions().to_string();
    let parts = ["text 1", &most, "on_long_text"];
    let error = assert_error(model.activations(&texts, &options, &control), ErrorCode::InvalidArgument, &parts);
    assert!(error.details().iter().any(|(key, value)| key == "text" && value == "1"), "{error:?}");
    assert_error(model.estimate(&texts, &options, &control), ErrorCode::InvalidArgument, &parts);
    let inputs = model.inputs(&texts, 2, &control).unwrap();
    assert_error(model.activations(&inputs, &options, &control), ErrorCode::InvalidArgument, &parts);
    // In a stream, texts are counted from its first one on.
    let many = (0..700).map(|_| "a film").chain(texts.iter().map(String::as_str)).map(Ok);
    let streamed = model.stream_activations(many, &options, &control);
    assert_error(streamed, ErrorCode::InvalidArgument, &["text 701", &most]);
    let whole = eidos::LoadOptions { whole: true, ..eidos::LoadOptions::default() };
    let whole = SplitModel::load(folder.path().to_str().unwrap(), &["0"], &whole, &control).unwrap();
    let options = LogitsOptions { on_long_text: OnLongText::Error, ..LogitsOptions::default() };
    let none = eidos::Interventions::new();
    assert_error(whole.logits_of(&texts, &none, &options, &control), ErrorCode::InvalidArgument, &parts);
    assert!(whole.logits_of(&texts[..1], &none, &options, &control).is_ok());
}

#[test]
fn a_fit_says_that_rows_are_few_for_the_concepts() {
    let warnings = |rows: usize, columns: usize, concepts: usize| {
        let mut state = RandomState::new(3);
        let values = (0..rows * columns).map(|_| state.normal() as f32).collect();
        let rows = Activations::from_rows(values, columns, None).unwrap();
        let control = Control::new();
        control.keep_log(LogLevel::Warning);
        let explainer = Explainer::fit::<Pca>(&rows, &PcaOptions::new(concepts), &control).unwrap();
        assert_eq!(logged(&control), explainer.report().warnings);
        let folder = tempfile::tempdir().unwrap();
        explainer.save(&folder.path().join("concepts")).unwrap();
        let opened = Explainer::open(&folder.path().join("concepts")).unwrap();
        assert_eq!(opened.report(), explainer.report());
        explainer.report().warnings.clone()
    };
    assert!(warnings(200, 12, 10).is_empty());
    for (rows, columns, concepts) in [(199, 12, 10), (11, 12, 1)] {
        let found = warnings(rows, columns, concepts);
        assert!(found.len() == 1 && found[0].contains(&format!("{rows} rows are few")), "{found:?}");
    }
}
