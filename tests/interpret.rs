//! Top inputs are the peer's (see `tests/golden/README.md`), from activations, new texts and the vocabulary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::Path;

use crate::common::{Disk, SPLITS, assert_error, collect, golden_json, many_texts, replace, steps, tiny, watching};
use eidos::rows::Rows;
use eidos::{
    Activations, CodesFormat, CollectOptions, ConceptInputs, Control, DictionaryFormat, Encode, ErrorCode, Explainer,
    Filters, Granularity, Ica, IcaOptions, Input, Interpretation, Pole, Provenance, Report, ReportOptions, SplitModel,
    Stage, TopInputs,
};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// An explainer whose concepts are the columns, as a file that says which split point it belongs to.
fn columns_as_concepts(width: usize, split_point: Option<&str>) -> Explainer {
    let mut provenance = json!({});
    if let Some(path) = split_point {
        provenance["split_point"] = json!(path);
    }
    let about = json!({
        "version": 1,
        "method": "ica",
        "options": {},
        "report": {"converged": true, "iterations": 1, "last_change": 0.0},
        "provenance": provenance,
    });
    let metadata = [("eidos.explainer", about.to_string())];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let unit = |index: usize| if index / width == index % width { 1.0_f32 } else { 0.0 };
    let matrix: Vec<u8> = (0..width * width).flat_map(|index| unit(index).to_le_bytes()).collect();
    let mean = vec![0; width * 8];
    let tensors = [
        ("components", TensorView::new(Dtype::F32, vec![width, width], &matrix).unwrap()),
        ("mixing", TensorView::new(Dtype::F32, vec![width, width], &matrix).unwrap()),
        ("mean", TensorView::new(Dtype::F64, vec![width], &mean).unwrap()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("columns.safetensors");
    replace(&path, safetensors::serialize(tensors, Some(metadata)).unwrap());
    Explainer::open(&path).unwrap()
}

/// Concepts of the tiny EuroBERT, fitted on words.
fn fitted(model: &SplitModel, at: usize, count: usize) -> (Explainer, Activations) {
    let activations = collect(model, &many_texts(150), &CollectOptions::default()).unwrap().remove(at);
    (Explainer::fit::<Ica>(&activations, &IcaOptions::new(count), &Control::new()).unwrap(), activations)
}

fn interpret(top: &TopInputs, explainer: &Explainer, rows: &Activations) -> Interpretation {
    top.interpret(explainer, rows, &Control::new()).unwrap()
}

/// A list as the fixtures write it.
fn listed(inputs: &[Input]) -> Vec<(String, f32)> {
    inputs.iter().map(|input| (input.text.clone(), input.activation)).collect()
}

struct Case {
    name: String,
    strings: Vec<String>,
    values: Vec<f32>,
    width: usize,
    top: TopInputs,
    concepts: Vec<usize>,
    expected: Vec<Vec<(String, f32)>>,
}

/// The peer's cases, with ties in the order that Eidos promises.
fn cases() -> Vec<Case> {
    let float = |value: &Value| value.as_f64().unwrap() as f32;
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), float(&pair[1]));
    let case = |case: &Value| {
        let rows = case["activations"].as_array().unwrap();
        let concepts: Vec<usize> =
            case["concepts"].as_array().unwrap().iter().map(|concept| concept.as_u64().unwrap() as usize).collect();
        let result = case.get("by_first_occurrence").unwrap_or(&case["result"]).as_array().unwrap();
        let k = case["k"].as_u64().unwrap() as usize;
        Case {
            name: case["case"].as_str().unwrap().to_owned(),
            strings: case["strings"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect(),
            values: rows.iter().flat_map(|row| row.as_array().unwrap().iter().map(float)).collect(),
            width: rows[0].as_array().unwrap().len(),
            top: TopInputs { k, concepts: Some(concepts.clone()), ..TopInputs::default() },
            concepts,
            // A dead concept is null there.
            expected: result
                .iter()
                .map(|list| list.as_array().map_or_else(Vec::new, |list| list.iter().map(pair).collect()))
                .collect(),
        }
    };
    golden_json("top_inputs/cases.json").as_array().unwrap().iter().map(case).collect()
}

fn rows_of(case: &Case, values: Vec<f32>) -> Activations {
    let strings: Vec<&str> = case.strings.iter().map(String::as_str).collect();
    Activations::from_rows(values, case.width, Some(&strings)).unwrap()
}

#[test]
fn lists_are_those_of_the_peer() {
    let cases = cases();
    assert!(cases.len() >= 12);
    for case in cases {
        let found = interpret(&case.top, &columns_as_concepts(case.width, None), &rows_of(&case, case.values.clone()));
        let concepts: Vec<usize> = found.concepts().iter().map(|concept| concept.concept).collect();
        assert_eq!(concepts, case.concepts, "{}", case.name);
        for (found, expected) in found.concepts().iter().zip(&case.expected) {
            assert_eq!(&listed(&found.positive), expected, "{}, concept {}", case.name, found.concept);
            assert!(found.negative.is_empty());
            for input in &found.positive {
                let first = (0..case.strings.len()).find(|&row| {
                    case.strings[row] == input.text
                        && case.values[row * case.width + found.concept].to_bits() == input.activation.to_bits()
                });
                assert_eq!(Some(input.row), first, "{}", case.name);
            }
        }
    }
}

#[test]
fn the_negative_pole_is_the_positive_one_of_the_negatives() {
    for case in cases() {
        let negated = rows_of(&case, case.values.iter().map(|value| -value).collect());
        let top = TopInputs { negative_pole: true, ..case.top.clone() };
        let found = interpret(&top, &columns_as_concepts(case.width, None), &negated);
        for (found, expected) in found.concepts().iter().zip(&case.expected) {
            // What is not negative does not belong to this pole.
            let expected: Vec<_> =
                expected.iter().filter(|(_, value)| *value > 0.0).map(|(text, value)| (text.clone(), -value)).collect();
            assert_eq!(listed(&found.negative), expected, "{}, concept {}", case.name, found.concept);
            assert_eq!(found.pole(Pole::Negative), found.negative);
        }
        // Asking for it changes nothing of the other pole.
        let without = interpret(&case.top, &columns_as_concepts(case.width, None), &negated);
        for (with, without) in found.concepts().iter().zip(without.concepts()) {
            assert_eq!(with.positive, without.positive, "{}", case.name);
        }
    }
}

#[test]
fn rows_without_units_are_named_by_their_number() {
    let rows = Activations::from_rows(vec![1.0, 5.0, 5.0, -2.0], 1, None).unwrap();
    let top = TopInputs { negative_pole: true, k: usize::MAX, ..TopInputs::default() };
    let found = interpret(&top, &columns_as_concepts(1, None), &rows);
    let names: Vec<_> = listed(&found.concepts()[0].positive);
    let expected = [("row 1", 5.0), ("row 2", 5.0), ("row 0", 1.0), ("row 3", -2.0)];
    assert_eq!(names, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(listed(&found.concepts()[0].negative), [("row 3".to_owned(), -2.0)]);
}

#[test]
fn inputs_are_left_out_folded_and_counted() {
    let texts = [" film", "Film", "the", " The", " ...", "dull", "dull", "warm"];
    let rows = Activations::from_rows(vec![5.0, 6.0, 9.0, 8.0, 7.0, 3.0, 2.0, 4.0], 1, Some(&texts)).unwrap();
    let explainer = columns_as_concepts(1, None);
    let found = |top: TopInputs| -> Vec<(String, usize)> {
        let meaning = interpret(&TopInputs { k: 10, ..top }, &explainer, &rows);
        meaning.concepts()[0].positive.iter().map(|input| (input.text.clone(), input.row)).collect()
    };
    let expect = |pairs: &[(&str, usize)]| pairs.iter().map(|&(text, row)| (text.to_owned(), row)).collect::<Vec<_>>();
    let none = TopInputs::default;
    assert_eq!(found(none()).len(), 7);
    let stop = TopInputs { stop_units: vec!["THE ".to_owned()], stop_punctuation: true, ..none() };
    assert_eq!(found(stop.clone()), expect(&[("Film", 1), (" film", 0), ("warm", 7), ("dull", 5)]));
    // Of texts that count as one the strongest is shown.
    assert_eq!(found(TopInputs { fold_case: true, ..stop }), expect(&[("Film", 1), ("warm", 7), ("dull", 5)]));
    assert_eq!(found(TopInputs { least_occurrences: 2, ..none() }), expect(&[("dull", 5)]));
    let often = TopInputs { least_occurrences: 2, fold_case: true, ..none() };
    assert_eq!(found(often), expect(&[("the", 2), ("Film", 1), ("dull", 5)]));
    assert!(found(TopInputs { least_occurrences: 9, ..none() }).is_empty());

    let refused = |top: &TopInputs, rows: &Activations| {
        let error = top.interpret(&explainer, rows, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        error.to_string()
    };
    let blank = TopInputs { stop_units: vec!["a".to_owned(), " ".to_owned()], ..none() };
    assert!(refused(&blank, &rows).contains("stop unit 1"));
    let nameless = Activations::from_rows(vec![1.0, 2.0], 1, None).unwrap();
    for top in [TopInputs { fold_case: true, ..none() }, TopInputs { context: 3, ..none() }] {
        assert!(refused(&top, &nameless).contains("the rows have"));
    }
}

#[test]
fn passages_are_the_text_around_an_input_with_its_place() {
    let model = tiny("eurobert", "base", &SPLITS);
    let texts = many_texts(20);
    let rows = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    let explainer = Explainer::fit::<Ica>(&rows, &IcaOptions::new(3), &Control::new()).unwrap();
    let plain = interpret(&TopInputs::default(), &explainer, &rows);
    let meaning = interpret(&TopInputs { context: 2, negative_pole: true, ..TopInputs::default() }, &explainer, &rows);
    let mut longer = 0;
    for (concept, plain) in meaning.concepts().iter().zip(plain.concepts()) {
        assert_eq!(listed(&concept.positive), listed(&plain.positive));
        assert!(plain.positive.iter().all(|input| input.passage.is_none()));
        for input in concept.positive.iter().chain(&concept.negative) {
            let passage = input.passage.as_ref().unwrap();
            assert_eq!(&passage.text[passage.begin..passage.end], input.text.trim(), "{passage:?}");
            let whole = &texts[rows.unit_span(input.row).unwrap().text_index];
            assert!(whole.contains(&passage.text), "{passage:?}");
            longer += usize::from(passage.text.len() > input.text.len());
        }
    }
    assert!(longer > 10, "{longer}");
    assert_eq!(Interpretation::from_json(meaning.to_json().unwrap().as_bytes()).unwrap(), meaning);
}

#[test]
fn threads_shards_and_tiles_do_not_matter() {
    // More rows than a tile has, and not a multiple of it.
    let model = tiny("eurobert", "base", &SPLITS);
    let texts = many_texts(700);
    let folder = tempfile::tempdir().unwrap();
    let options = |folder| CollectOptions { folder, shard_bytes: 50_000, ..CollectOptions::default() };
    let memory = collect(&model, &texts, &options(None)).unwrap().remove(0);
    let shards = collect(&model, &texts, &options(Some(folder.path().to_owned()))).unwrap().remove(0);
    assert!(memory.row_count() > 3000 && shards.is_on_disk());
    let explainer = Explainer::fit::<Ica>(&memory, &IcaOptions::new(7), &Control::new()).unwrap();
    let top = |threads| TopInputs {
        k: 30,
        negative_pole: true,
        threads,
        concepts: Some(vec![6, 0, 3]),
        ..TopInputs::default()
    };
    let expected = interpret(&top(1), &explainer, &memory);
    // By hand, one row at a time.
    let (mut code, mut scratch) = ([0.0; 7], Vec::new());
    let mut best: Vec<(String, f32, usize)> = Vec::new();
    for row in 0..memory.row_count() {
        explainer.encode(memory.tile(row, 1, &mut scratch).unwrap(), &mut code).unwrap();
        let text = memory.unit(row).unwrap();
        match best.iter_mut().find(|(found, ..)| found == text) {
            Some(found) if code[6] > found.1 => (found.1, found.2) = (code[6], row),
            Some(_) => {}
            None => best.push((text.to_owned(), code[6], row)),
        }
    }
    best.sort_by(|left, right| right.1.total_cmp(&left.1));
    best.truncate(30);
    let found: Vec<_> = expected.concepts()[0].positive.iter().map(|i| (i.text.clone(), i.activation, i.row)).collect();
    assert_eq!(found, best);
    for threads in [0, 2, 5, 1] {
        assert_eq!(interpret(&top(threads), &explainer, &memory), expected, "{threads} threads");
        assert_eq!(interpret(&top(threads), &explainer, &shards), expected, "{threads} threads, shards");
    }
    let (control, log) = watching(usize::MAX);
    top(2).interpret(&explainer, &memory, &control).unwrap();
    let last = *log.lock().unwrap().last().unwrap();
    let rows = memory.row_count() as u64;
    assert_eq!((last.stage, last.done, last.total), (Stage::Interpret, rows, rows));
    for cancel_at in [0, 1] {
        let control = Control::new();
        let (clone, mut seen) = (control.clone(), 0);
        control.set_callback(Some(Box::new(move |_| {
            if seen == cancel_at {
                clone.cancel();
            }
            seen += 1;
        })));
        assert_error(top(2).interpret(&explainer, &memory, &control), ErrorCode::Cancelled, &[]);
    }
}

#[test]
fn new_texts_are_collected_at_the_explainers_split_point() {
    let model = tiny("eurobert", "base", &SPLITS);
    for at in [0, 1] {
        let (explainer, _) = fitted(&model, at, 4);
        let texts = ["a good ending .", "", "sad , sad film"];
        let options = CollectOptions { granularity: Granularity::Token, ..CollectOptions::default() };
        let top = TopInputs { k: 3, negative_pole: true, ..TopInputs::default() };
        let found = top.interpret_inputs(&explainer, &model, &texts, &options, &Control::new()).unwrap();
        let expected = interpret(&top, &explainer, &collect(&model, &texts, &options).unwrap()[at]);
        assert_eq!(found, expected);
        assert_eq!(found.provenance().split_point.as_deref(), Some(SPLITS[at]));
        assert_eq!(found.provenance().granularity, Some(Granularity::Token));
        assert_eq!((found.concepts().len(), found.concepts()[0].positive.len()), (4, 3));
        let none: [&str; 0] = [];
        let nothing = top.interpret_inputs(&explainer, &model, &none, &options, &Control::new());
        assert_error(nothing, ErrorCode::InvalidArgument, &["no texts"]);
    }
    // Texts without words excite nothing.
    let (explainer, _) = fitted(&model, 0, 2);
    let empty = TopInputs::default().interpret_inputs(
        &explainer,
        &model,
        &["", ""],
        &CollectOptions::default(),
        &Control::new(),
    );
    assert!(empty.unwrap().concepts().iter().all(|concept| concept.positive.is_empty()));
}

#[test]
fn a_module_is_the_same_under_the_name_that_another_head_gives_it() {
    let (texts, options, control) = (["a film", "it is dull"], CollectOptions::default(), Control::new());
    for (family, variants, paths) in [
        ("bert", ["base", "masked_lm"], ["encoder.layer.1.output", "bert.encoder.layer.1.output"]),
        ("eurobert", ["base", "masked_lm"], ["layers.1.mlp", "model.layers.1.mlp"]),
    ] {
        let models = [0, 1].map(|index| tiny(family, variants[index], &[paths[index]]));
        let found = paths.map(|path| {
            let explainer = columns_as_concepts(32, Some(path));
            let found = models.each_ref().map(|model| {
                TopInputs::default().interpret_inputs(&explainer, model, &texts, &options, &control).unwrap()
            });
            found.map(|interpretation| interpretation.concepts().to_vec())
        });
        assert!(found.iter().flatten().all(|concepts| *concepts == found[0][0]), "{family}");
    }
}

#[test]
fn the_vocabulary_is_each_entry_as_a_text_of_one_token() {
    for (family, path) in [("eurobert", "layers.1.mlp"), ("bert", "encoder.layer.1.output")] {
        let model = tiny(family, "base", &[path]);
        let activations = collect(&model, &many_texts(150), &CollectOptions::default()).unwrap().remove(0);
        let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(3), &Control::new()).unwrap();
        let tokenizer = golden_json(&format!("models/{family}/tokenizer/tokenizer.json"));
        let mut vocabulary: Vec<(u32, String)> = tokenizer["model"]["vocab"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(string, id)| (id.as_u64().unwrap() as u32, string.clone()))
            .collect();
        for added in tokenizer["added_tokens"].as_array().unwrap() {
            let id = added["id"].as_u64().unwrap() as u32;
            if !vocabulary.iter().any(|(known, _)| *known == id) {
                vocabulary.push((id, added["content"].as_str().unwrap().to_owned()));
            }
        }
        vocabulary.sort();
        assert_eq!(vocabulary.len(), model.vocabulary_size());
        let mut codes: Vec<Vec<(String, f32, usize)>> = vec![Vec::new(); 3];
        for (row, (id, string)) in vocabulary.iter().enumerate() {
            let output = model.forward(&[&[*id]]).unwrap()[0].flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let mut code = [0.0; 3];
            explainer.encode(&output, &mut code).unwrap();
            codes.iter_mut().zip(code).for_each(|(list, code)| list.push((string.clone(), code, row)));
        }
        let top = TopInputs { k: 40, negative_pole: true, ..TopInputs::default() };
        let options = CollectOptions { batch_tokens: 50, ..CollectOptions::default() };
        let found = top
            .interpret_inputs(&explainer, &model, &model.vocabulary_inputs().unwrap(), &options, &Control::new())
            .unwrap();
        for (found, mut expected) in found.concepts().iter().zip(codes) {
            let triples = |inputs: &[Input]| -> Vec<_> {
                inputs.iter().map(|input| (input.text.clone(), input.activation, input.row)).collect()
            };
            expected.sort_by(|left, right| right.1.total_cmp(&left.1));
            assert_eq!(triples(&found.positive), expected[..40], "{family} concept {}", found.concept);
            expected.sort_by(|left, right| left.1.total_cmp(&right.1));
            let negative: Vec<_> = expected.into_iter().filter(|(_, code, _)| *code < 0.0).take(40).collect();
            assert_eq!(triples(&found.negative), negative, "{family} concept {}", found.concept);
        }
    }
}

#[test]
fn what_does_not_belong_together_is_an_error_before_the_model_runs() {
    let model = tiny("eurobert", "base", &SPLITS);
    let texts = many_texts(20);
    let (options, top) = (CollectOptions::default(), TopInputs::default());
    let fails = |top: &TopInputs, explainer: &Explainer, model: &SplitModel, code, names: &[&str]| {
        let (control, log) = watching(usize::MAX);
        assert_error(top.interpret_inputs(explainer, model, &texts, &options, &control), code, names);
        let vocabulary = model.vocabulary_inputs().unwrap();
        assert_error(top.interpret_inputs(explainer, model, &vocabulary, &options, &control), code, names);
        assert!(log.lock().unwrap().is_empty(), "the model ran before {names:?}");
    };
    let other = columns_as_concepts(32, Some("layers.2"));
    fails(&top, &other, &model, ErrorCode::Mismatch, &["`layers.2`", SPLITS[0], SPLITS[1], "load the model"]);
    let unknown = columns_as_concepts(32, None);
    fails(&top, &unknown, &model, ErrorCode::Mismatch, &["no known split point", SPLITS[0]]);
    let narrow = columns_as_concepts(31, Some(SPLITS[0]));
    fails(&top, &narrow, &model, ErrorCode::Mismatch, &["31 columns", "32"]);
    let right = columns_as_concepts(32, Some(SPLITS[0]));
    fails(&TopInputs { k: 0, ..top.clone() }, &right, &model, ErrorCode::InvalidArgument, &["top 0", "at least 1"]);
    let concepts = |list: &[usize]| TopInputs { concepts: Some(list.to_vec()), ..TopInputs::default() };
    fails(&concepts(&[0, 32]), &right, &model, ErrorCode::InvalidArgument, &["no concept 32", "has 32"]);
    fails(&concepts(&[]), &right, &model, ErrorCode::InvalidArgument, &["list of concepts is empty"]);
    // Where there is one split point and the explainer knows none, that is the one.
    let single = tiny("eurobert", "base", &SPLITS[..1]);
    assert!(top.interpret_inputs(&unknown, &single, &texts, &options, &Control::new()).is_ok());
    fails(&top, &columns_as_concepts(40, None), &single, ErrorCode::Mismatch, &["40 columns", "32"]);

    let rows = |width| Activations::from_rows(vec![1.0; width * 3], width, None).unwrap();
    let control = Control::new();
    assert_error(top.interpret(&right, &rows(31), &control), ErrorCode::Mismatch, &["32 columns", "31"]);
    assert_error(
        TopInputs { k: 0, ..top.clone() }.interpret(&right, &rows(32), &control),
        ErrorCode::InvalidArgument,
        &["top 0"],
    );
    assert_error(
        concepts(&[usize::MAX]).interpret(&right, &rows(32), &control),
        ErrorCode::InvalidArgument,
        &["no concept"],
    );
}

#[test]
fn values_that_are_no_numbers_are_errors_that_name_the_row() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![1.0; 3000 * 2];
        values[2500 * 2 + 1] = value;
        let rows = Activations::from_rows(values, 2, None).unwrap();
        let found = TopInputs::default().interpret(&columns_as_concepts(2, None), &rows, &Control::new());
        let error = assert_error(found, ErrorCode::InvalidData, &["row 2500"]);
        assert!(error.details().contains(&("row".to_owned(), "2500".to_owned())));
    }
}

#[test]
fn the_same_concept_may_be_asked_for_twice() {
    let rows = Activations::from_rows(vec![1.0, 2.0, 3.0, 4.0], 2, Some(&["a", "b"])).unwrap();
    let top = TopInputs { concepts: Some(vec![1, 0, 1]), ..TopInputs::default() };
    let found = interpret(&top, &columns_as_concepts(2, None), &rows);
    assert_eq!(found.concepts()[0], found.concepts()[2]);
    assert_eq!(listed(&found.concepts()[1].positive), [("b".to_owned(), 3.0), ("a".to_owned(), 1.0)]);
}

/// An interpretation with everything in it that JSON may find hard.
fn hard() -> Interpretation {
    let strings = ["\"quoted\" \\ and\nbroken", "\0", "", "🎬 é", "\u{7f}\u{1}", " film"];
    let values = vec![1e-45, 1.0 / 3.0, f32::MAX, 16_777_217.0, -0.1, 1e-10];
    let rows = Activations::from_rows(values, 1, Some(&strings)).unwrap();
    interpret(&TopInputs { k: 9, negative_pole: true, ..TopInputs::default() }, &columns_as_concepts(1, None), &rows)
}

#[test]
fn json_and_files_keep_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny("eurobert", "base", &SPLITS);
    let (explainer, activations) = fitted(&model, 0, 3);
    for (index, interpretation) in
        [hard(), interpret(&TopInputs::default(), &explainer, &activations)].iter().enumerate()
    {
        let json = interpretation.to_json().unwrap();
        assert_eq!(&Interpretation::from_json(json.as_bytes()).unwrap(), interpretation);
        let path = folder.path().join(format!("{index}.json"));
        interpretation.save(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), json.as_bytes());
        assert_eq!(&Interpretation::open(&path).unwrap(), interpretation);
    }
    assert_eq!(hard().concepts()[0].positive.len(), 6);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn json_is_as_documented() {
    let provenance = Provenance {
        model: Some("eidos:demo".to_owned()),
        split_point: Some("layers.1".to_owned()),
        granularity: Some(Granularity::Word),
        aggregation: Some(eidos::Aggregation::Mean),
        word_rule: None,
        filters: Filters::default(),
    };
    let json = concat!(
        r#"{"format":"eidos.interpretation","version":1,"model":"eidos:demo","split_point":"layers.1","#,
        r#""granularity":"word","aggregation":"mean","concepts":["#,
        r#"{"concept":3,"positive":[{"text":" film","activation":1.5,"row":7}]},"#,
        r#"{"concept":0,"positive":[],"negative":[{"text":"a","activation":-2.0,"row":0}]}]}"#
    );
    let found = Interpretation::from_json(json.as_bytes()).unwrap();
    assert_eq!(found.provenance(), &provenance);
    let expected = [
        ConceptInputs {
            concept: 3,
            positive: vec![Input { text: " film".to_owned(), activation: 1.5, row: 7, passage: None }],
            negative: Vec::new(),
            ..ConceptInputs::default()
        },
        ConceptInputs {
            concept: 0,
            positive: Vec::new(),
            negative: vec![Input { text: "a".to_owned(), activation: -2.0, row: 0, passage: None }],
            ..ConceptInputs::default()
        },
    ];
    assert_eq!(found.concepts(), expected);
    assert_eq!(found.to_json().unwrap(), json);
    assert_eq!(found.to_string(), "Concept 3: [' film']\nConcept 0: [] against ['a']\n");
}

#[test]
fn files_that_are_no_interpretation_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meaning.json");
    let open = |bytes: &[u8]| {
        replace(&path, bytes);
        Interpretation::open(&path)
    };
    let whole = hard().to_json().unwrap();
    for length in 0..whole.len() {
        assert_error(
            open(&whole.as_bytes()[..length]),
            ErrorCode::InvalidFile,
            &["meaning.json", "not an interpretation"],
        );
    }
    let replaced = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1).into_bytes()
    };
    let invalid = |bytes: &[u8], names: &[&str]| assert_error(open(bytes), ErrorCode::InvalidFile, names);
    invalid(&replaced("eidos.interpretation", "eidos.explainer"), &["meaning.json", "eidos.explainer"]);
    assert_error(open(&replaced(r#""version":1"#, r#""version":2"#)), ErrorCode::Unsupported, &["version 2", "update"]);
    for activation in ["null", "1e999", "\"1\"", "NaN"] {
        let bytes = replaced(r#""activation":"#, &format!(r#""activation":{activation},"x":"#));
        invalid(&bytes, &["not an interpretation"]);
    }
    for index in ["-1", "1.5", "18446744073709551616", "null"] {
        invalid(&replaced(r#""concept":0"#, &format!(r#""concept":{index}"#)), &["not an interpretation"]);
    }
    invalid("[".repeat(100_000).as_bytes(), &["not an interpretation"]);
    invalid(b"\xff", &["not an interpretation"]);
    assert_error(Interpretation::open(&folder.path().join("none")), ErrorCode::NotFound, &["none"]);
    assert_error(Interpretation::open(folder.path()), ErrorCode::InvalidFile, &["is not a file"]);
    let bytes = whole.as_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x15;
        // Either is right; what must not happen is a panic.
        if let Ok(found) = Interpretation::from_json(&changed) {
            found.to_json().unwrap();
        }
    }
}

#[test]
fn an_explainer_and_what_its_concepts_mean_are_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("concepts.safetensors");
    let explainer = columns_as_concepts(2, Some("layers.0"));
    // Texts with what JSON must escape, both poles, labels with scores and errors.
    let meaning = hard();
    let count = meaning.concepts().iter().map(|concept| concept.concept + 1).max().unwrap();
    let explainer_of_all = columns_as_concepts(count.max(2), None);
    explainer_of_all.save_with(Some(&meaning), &path).unwrap();
    let (opened, found) = Explainer::open_with(&path).unwrap();
    assert_eq!((opened.dictionary(), found.as_ref()), (explainer_of_all.dictionary(), Some(&meaning)));
    assert_eq!(Explainer::open(&path).unwrap().dictionary(), explainer_of_all.dictionary());
    assert_eq!(Interpretation::open(&path).unwrap(), meaning);
    let once = std::fs::read(&path).unwrap();
    opened.save_with(found.as_ref(), &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), once);

    // Files without one, of this version and of the one before, open as they did.
    explainer.save_with(None, &path).unwrap();
    let alone = std::fs::read(&path).unwrap();
    explainer.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), alone);
    assert_eq!(Explainer::open_with(&path).unwrap().1, None);
    assert_error(
        Interpretation::open(&path),
        ErrorCode::InvalidFile,
        &["concepts.safetensors", "what its concepts mean"],
    );

    // Of another explainer; nothing is written then.
    let beyond = columns_as_concepts(1, None);
    let many = interpret(
        &TopInputs::default(),
        &columns_as_concepts(3, None),
        &Activations::from_rows(vec![1.0; 3], 3, None).unwrap(),
    );
    assert_error(beyond.save_with(Some(&many), &path), ErrorCode::Mismatch, &["concept 1", "this explainer"]);
    assert_eq!(std::fs::read(&path).unwrap(), alone);
}

#[test]
fn a_damaged_interpretation_is_an_error_that_says_what_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("concepts.safetensors");
    let explainer = columns_as_concepts(2, None);
    let rows = Activations::from_rows(vec![1.0, 2.0, 3.0, 4.0], 2, None).unwrap();
    explainer.save_with(Some(&interpret(&TopInputs::default(), &explainer, &rows)), &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let open = |bytes: &[u8]| {
        replace(&path, bytes);
        (Explainer::open_with(&path).map(drop), Interpretation::open(&path).map(drop))
    };
    let at = |text: &str| whole.windows(text.len()).rposition(|bytes| bytes == text.as_bytes()).unwrap();
    let changed = |from: &str, to: &str| {
        let mut bytes = whole.clone();
        bytes[at(from)..][..to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    for (bytes, code, says) in [
        (changed(r#"{"concept":0"#, r#"["concept":0"#), ErrorCode::InvalidFile, "not an interpretation"),
        (changed(r#""version":1"#, r#""version":7"#), ErrorCode::Unsupported, "version 7"),
    ] {
        let (both, alone) = open(&bytes);
        for found in [both, alone] {
            let error = assert_error(found, code, &["concepts.safetensors", "its interpretation", says]);
            assert!(code != ErrorCode::InvalidFile || error.hint_text().contains("explainer alone"), "{error}");
        }
        assert_eq!(Explainer::open(&path).unwrap().dictionary(), explainer.dictionary());
    }
    // A concept that the explainer does not have.
    let (both, alone) = open(&changed(r#""concept":1"#, r#""concept":9"#));
    assert_error(both, ErrorCode::InvalidFile, &["its interpretation", "concept 9", "2 concepts"]);
    alone.unwrap();
    // What was cut is no whole file, for each of them.
    for length in (0..whole.len()).step_by(7) {
        let (both, alone) = open(&whole[..length]);
        let both = both.unwrap_err();
        assert!(both.code() == ErrorCode::InvalidFile && alone.is_err(), "{length}: {both}");
    }
}

#[test]
fn who_cancels_when_the_last_row_is_encoded_gets_the_meaning() {
    let rows = Activations::from_rows((0..20_000).map(|value| value as f32).collect(), 2, None).unwrap();
    let (concepts, control) = (columns_as_concepts(2, None), Control::new());
    let clone = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.stage == Stage::Interpret && progress.done == progress.total && progress.total > 0 {
            clone.cancel();
        }
    })));
    let found = TopInputs::default().interpret(&concepts, &rows, &control).unwrap();
    assert!(control.is_cancelled());
    assert_eq!(found, TopInputs::default().interpret(&concepts, &rows, &Control::new()).unwrap());
}

/// A link is written through, and what is not a file stays: for each thing that is saved to a path.
#[cfg(unix)]
#[test]
fn a_save_writes_through_links_and_refuses_what_is_not_a_file() {
    use std::os::unix::fs::symlink;
    type Save<'a> = &'a dyn Fn(&Path) -> eidos::Result<()>;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let explainer = columns_as_concepts(2, None);
    let rows = Activations::from_rows(vec![1.0, 2.0, 3.0, 4.0], 2, None).unwrap();
    let meaning = interpret(&TopInputs::default(), &explainer, &rows);
    let (encode, control) = (Encode::default(), Control::new());
    let report = Report { activations: Some(&rows), ..Report::new(&explainer) };
    let saves: [(&str, Save<'_>); 9] = [
        ("explainer", &|path| explainer.save(path)),
        ("both", &|path| explainer.save_with(Some(&meaning), path)),
        ("dictionary", &|path| explainer.save_as(path, DictionaryFormat::Safetensors)),
        ("meaning", &|path| meaning.save(path)),
        ("table", &|path| meaning.save_csv(path)),
        ("page", &|path| report.save_html(path, &ReportOptions::default(), &control)),
        ("codes", &|path| encode.save(&explainer, &rows, path, CodesFormat::Npy, &control)),
        ("table of codes", &|path| report.save_codes_csv(path, 0.0, &control)),
        ("parquet", &|path| meaning.save_parquet(path)),
    ];
    for (name, save) in saves.into_iter().filter(|(name, _)| *name != "parquet" || cfg!(feature = "parquet")) {
        let (link, target, pipe) = (at(&format!("{name} link")), at(&format!("{name} target")), at(name));
        symlink(target.file_name().unwrap(), &link).unwrap();
        // What is there is replaced.
        std::fs::write(at(&format!("{name} target")), "old").unwrap();
        save(&link).unwrap();
        assert_ne!(std::fs::read(&target).unwrap(), b"old", "{name}");
        save(&link).unwrap();
        assert!(link.is_symlink() && target.is_file() && !target.is_symlink());
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_error(save(&pipe), ErrorCode::Io, &[pipe.to_str().unwrap(), "not a file"]);
        assert!(!pipe.is_file() && pipe.exists());
    }
    assert_eq!(Interpretation::open(&at("meaning link")).unwrap(), meaning);
    assert_eq!(Explainer::open(&at("explainer link")).unwrap().dictionary(), explainer.dictionary());
    // Each file of a folder of activations is such a path as well.
    for file in ["units.safetensors", "rows-00000.safetensors", "manifest.json", ".eidos.lock"] {
        let place = at("rows");
        std::fs::create_dir(&place).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(place.join(file)).status().unwrap().success());
        assert!(rows.save(&place, &Control::new()).is_err_and(|error| error.message().contains(file)
            || (error.code() == ErrorCode::Mismatch && error.message().contains("rows"))));
        assert!(!place.join(file).is_file() && place.join(file).exists());
        std::fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn a_save_is_whole_or_the_old_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meaning.json");
    let of = |count: usize| {
        let rows = Activations::from_rows((1..=count).map(|value| value as f32).collect(), 1, None).unwrap();
        interpret(&TopInputs { k: count, ..TopInputs::default() }, &columns_as_concepts(1, None), &rows)
    };
    // Many writers of files of different lengths, in one process: each one's half-written file is its own.
    let versions: Vec<Interpretation> = (1..=6).map(|count| of(count * 40)).collect();
    versions[0].save(&path).unwrap();
    std::thread::scope(|scope| {
        for version in &versions {
            scope.spawn(|| (0..15).for_each(|_| version.save(&path).unwrap()));
        }
        for _ in 0..200 {
            assert!(versions.contains(&Interpretation::open(&path).unwrap()));
        }
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // As long a name as there can be.
    let long = folder.path().join("x".repeat(255));
    versions[0].save(&long).unwrap();
    assert_eq!(Interpretation::open(&long).unwrap(), versions[0]);

    let missing = folder.path().join("missing/meaning.json");
    assert_error(versions[0].save(&missing), ErrorCode::NotFound, &["missing/meaning.json"]);
    assert_error(versions[0].save(folder.path()), ErrorCode::Io, &[folder.path().to_str().unwrap()]);
    assert_error(versions[0].save(&path.join("below")), ErrorCode::Io, &["below"]);
    let empty = Path::new("");
    assert_error(versions[0].save(empty), ErrorCode::InvalidArgument, &["path of the file is empty"]);
    assert_error(columns_as_concepts(4, None).save(empty), ErrorCode::InvalidArgument, &["path of the file is empty"]);
    assert_error(Interpretation::open(empty), ErrorCode::InvalidArgument, &["path of the file is empty"]);
    assert_error(Explainer::open(empty), ErrorCode::InvalidArgument, &["path of the file is empty"]);

    let Some(disk) = Disk::new(64 << 10) else { return };
    let on_disk = disk.path().join("meaning.json");
    let concepts = disk.path().join("concepts.safetensors");
    versions[0].save(&on_disk).unwrap();
    let small = columns_as_concepts(4, None);
    small.save(&concepts).unwrap();
    let (before, before_concepts) = (std::fs::read(&on_disk).unwrap(), std::fs::read(&concepts).unwrap());
    assert_error(of(2000).save(&on_disk), ErrorCode::Io, &["meaning.json", "free some space"]);
    assert_error(columns_as_concepts(100, None).save(&concepts), ErrorCode::Io, &["concepts", "free some space"]);
    assert_eq!(std::fs::read(&on_disk).unwrap(), before);
    assert_eq!(std::fs::read(&concepts).unwrap(), before_concepts);
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 2);
}

#[test]
fn progress_of_new_texts_goes_through_its_stages() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let (control, log) = watching(usize::MAX);
    let explainer = columns_as_concepts(32, Some(SPLITS[0]));
    TopInputs::default()
        .interpret_inputs(&explainer, &model, &many_texts(10), &CollectOptions::default(), &control)
        .unwrap();
    let mut stages: Vec<Stage> = log.lock().unwrap().iter().map(|progress| progress.stage).collect();
    stages.dedup();
    assert_eq!(stages, [Stage::Tokenize, Stage::Forward, Stage::Interpret]);
    assert!(steps(&log, Stage::Interpret) >= 2);
}
