//! Logits of texts, and from the rows of a module.

use eidos::{
    Activations, CollectOptions, Control, ErrorCode, Granularity, HeadChoice, Interventions, LoadOptions,
    LogitsOptions, SplitModel,
};

const PATH: &str = "model.layers.1";
const TEXTS: [&str; 4] = ["a warm and funny film", "", "what a waste of two hours", "dull"];

fn model(options: &LoadOptions) -> SplitModel {
    SplitModel::load("eidos:demo", &[PATH], options, &Control::new()).unwrap()
}

fn whole() -> SplitModel {
    model(&LoadOptions { whole: true, ..LoadOptions::default() })
}

fn rows_of(model: &SplitModel, texts: &[&str]) -> Activations {
    let options = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    model.activations(texts, &options, &Control::new()).unwrap().remove(0)
}

fn put(path: &str, rows: &Activations) -> Interventions {
    Interventions::new().replace(path, rows)
}

pub fn bits(logits: &Activations) -> Vec<u32> {
    let mut bits = Vec::new();
    for row in 0..logits.row_count() {
        bits.extend(logits.rows(row, 1).unwrap().iter().map(|value| value.to_bits()));
    }
    bits
}

fn logits(model: &SplitModel, texts: &[&str], options: &LogitsOptions) -> Activations {
    model.logits_of(texts, &Interventions::new(), options, &Control::new()).unwrap()
}

#[test]
fn rows_that_were_captured_lead_to_the_same_logits_whatever_the_batches() {
    let model = whole();
    let expected = logits(&model, &TEXTS, &LogitsOptions::default());
    assert_eq!(expected.column_count(), model.logit_count());
    let rows = rows_of(&model, &TEXTS);
    assert_eq!(rows.row_count(), expected.row_count());
    for row in 0..rows.row_count() {
        assert_eq!((rows.unit(row), rows.unit_span(row)), (expected.unit(row), expected.unit_span(row)));
    }
    let expected = bits(&expected);
    for (batch_tokens, threads, memory_limit) in [(0, 1, u64::MAX), (1, 2, u64::MAX), (9, 2, 0)] {
        let options = LogitsOptions { batch_tokens, threads, memory_limit, ..LogitsOptions::default() };
        let again = logits(&model, &TEXTS, &options);
        assert_eq!(again.is_on_disk(), memory_limit == 0);
        assert!(bits(&again) == expected);
        let from = model.logits_of(&TEXTS, &put(PATH, &rows), &options, &Control::new()).unwrap();
        assert!(bits(&from) == expected);
    }
    let alone: Vec<u32> =
        TEXTS.iter().flat_map(|text| bits(&logits(&model, &[text], &LogitsOptions::default()))).collect();
    assert!(alone == expected);
}

#[test]
fn rows_in_many_shards_on_disk_lead_to_the_same_logits() {
    let model = whole();
    let expected = bits(&logits(&model, &TEXTS, &LogitsOptions::default()));
    let width = model.split_points()[0].width;
    let collect = CollectOptions {
        granularity: Granularity::AllTokens,
        memory_limit: 0,
        shard_bytes: 3 * width * size_of::<f32>(),
        ..CollectOptions::default()
    };
    let rows = model.activations(&TEXTS, &collect, &Control::new()).unwrap().remove(0);
    assert!(rows.is_on_disk() && rows.rows(0, rows.row_count()).is_err(), "they lie in several shards");
    for (path, batch_tokens) in [(PATH, 0), ("layers.1", 1), ("1", 9)] {
        let options = LogitsOptions { batch_tokens, ..LogitsOptions::default() };
        let again = model.logits_of(&TEXTS, &put(path, &rows), &options, &Control::new()).unwrap();
        assert!(bits(&again) == expected, "{path}");
    }
}

/// Rows that stay in their owner's memory, as those of a DLPack tensor do.
struct Lent(Vec<f32>);

impl eidos::rows::ForeignRows for Lent {
    fn values(&self) -> &[f32] {
        &self.0
    }
}

#[test]
fn activations_that_know_where_they_come_from_are_not_taken_for_others() {
    let model = whole();
    let (control, options) = (Control::new(), LogitsOptions::default());
    let rows = rows_of(&model, &TEXTS);
    let from =
        |path: &str, rows: &Activations, texts: &[&str]| model.logits_of(texts, &put(path, rows), &options, &control);
    let refused = |path: &str, rows: &Activations, texts: &[&str], code, says: &str| {
        let error = from(path, rows, texts).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    let words = model.activations(&TEXTS, &CollectOptions::default(), &control).unwrap().remove(0);
    refused(PATH, &words, &TEXTS, ErrorCode::Mismatch, "`word`");
    refused("model.layers.2", &rows, &TEXTS, ErrorCode::Mismatch, "`model.layers.1`");
    refused(PATH, &logits(&model, &TEXTS, &options), &TEXTS, ErrorCode::Mismatch, "the whole model");
    refused(PATH, &rows, &TEXTS[1..], ErrorCode::Mismatch, "4 texts, but 3");
    let mut others = TEXTS;
    others[3] = "grey";
    refused(PATH, &rows, &others, ErrorCode::Mismatch, "text 3");
    refused("model.layers.9", &rows, &TEXTS, ErrorCode::UnknownModule, "model.layers.9");

    // Rows that a caller brought say nothing of themselves, so that one can put in what one likes, of that shape.
    let values = rows.rows(0, rows.row_count()).unwrap().to_vec();
    let own = Activations::from_foreign(Box::new(Lent(values)), rows.column_count(), None).unwrap();
    let expected = bits(&logits(&model, &TEXTS, &options));
    assert!(bits(&from(PATH, &own, &TEXTS).unwrap()) == expected);
    assert!(bits(&from("model.layers.2", &own, &TEXTS).unwrap()) != expected);
    assert!(from(PATH, &own, &others).is_ok());
    refused(PATH, &own, &TEXTS[1..], ErrorCode::InvalidArgument, "tokens");
    refused("model.layers.1.mlp.up_proj", &own, &TEXTS, ErrorCode::InvalidArgument, "columns");
}

#[test]
fn other_rows_change_the_logits_of_their_text_alone() {
    let model = whole();
    let rows = rows_of(&model, &TEXTS);
    let mut values = rows.rows(0, rows.row_count()).unwrap().to_vec();
    let last = rows.row_count() - 1;
    let changed = rows.unit_span(last).unwrap().text_index;
    values[last * rows.column_count()] += 10.0;
    let changed_rows = Activations::from_rows(values, rows.column_count(), None).unwrap();
    let options = LogitsOptions::default();
    let after = model.logits_of(&TEXTS, &put(PATH, &changed_rows), &options, &Control::new()).unwrap();
    let before = logits(&model, &TEXTS, &options);
    for row in 0..=last {
        let same = before.rows(row, 1).unwrap() == after.rows(row, 1).unwrap();
        assert_eq!(same, before.unit_span(row).unwrap().text_index != changed, "row {row}");
    }
}

/// A classifier of texts, and a block of it.
pub fn classifier() -> (SplitModel, &'static str) {
    // Only the shape of the folder is needed here: a fixture with a head, and the tokenizer of its family.
    let folder = crate::model::golden::folder("bert");
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let tokenizer =
        eidos::text::Tokenizer::from_parts(&read("tokenizer/tokenizer.json"), None, None, Some(16)).unwrap();
    let path = "bert.encoder.layer.0";
    let model =
        crate::model::golden::load("bert", "classify", "weights", &[path], &options).unwrap().with_tokenizer(tokenizer);
    (model, path)
}

#[test]
fn a_classifier_of_texts_gives_one_row_a_text() {
    let (model, path) = classifier();
    assert!(model.has_logits_per_text());
    let texts = ["a film", "", "the film of a film"];
    let rows = rows_of(&model, &texts);
    let expected = logits(&model, &texts, &LogitsOptions::default());
    let of: Vec<usize> = (0..expected.row_count()).map(|row| expected.unit_span(row).unwrap().text_index).collect();
    let with_tokens: Vec<usize> = (0..3)
        .filter(|&text| (0..rows.row_count()).any(|row| rows.unit_span(row).unwrap().text_index == text))
        .collect();
    assert_eq!(of, with_tokens);
    assert_eq!(expected.unit(0), Some("a film"));
    assert_eq!(model.logit_names().unwrap().len(), expected.column_count());
    let options = LogitsOptions { batch_tokens: 1, ..LogitsOptions::default() };
    let from = model.logits_of(&texts, &put(path, &rows), &options, &Control::new()).unwrap();
    assert_eq!(bits(&from), bits(&expected));
}

#[test]
fn columns_have_the_names_of_the_vocabulary() {
    let model = whole();
    let names = model.logit_names().unwrap();
    assert_eq!(names.len(), 6000);
    assert!(names.iter().any(|name| name == "Ġfilm" || name == "film" || name == "▁film"));
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let model = whole();
    let control = Control::new();
    let rows = rows_of(&model, &TEXTS);
    let width = rows.column_count();
    let values = rows.rows(0, rows.row_count()).unwrap().to_vec();
    let refused = |model: &SplitModel, path: &str, values: &[f32], width: usize, code, says: &str| {
        let rows = Activations::from_rows(values.to_vec(), width, None).unwrap();
        let error = model.logits_of(&TEXTS, &put(path, &rows), &LogitsOptions::default(), &control).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    let wrong = ErrorCode::InvalidArgument;
    refused(&model, PATH, &values[width..], width, wrong, "tokens");
    refused(&model, PATH, &values, width / 2, wrong, "columns");
    refused(&model, "model.layers.1.mpl", &values, width, ErrorCode::UnknownModule, "model.layers.1.mlp");
    let mut broken = values.clone();
    broken[3 * width + 5] = f32::NAN;
    refused(&model, PATH, &broken, width, ErrorCode::InvalidData, "row 3, column 5");
    let split = self::model(&LoadOptions::default());
    refused(&split, PATH, &values, width, wrong, "only as far as its split points");
    let base = self::model(&LoadOptions { head: HeadChoice::Base, whole: true, ..LoadOptions::default() });
    refused(&base, PATH, &values, width, wrong, "without a head");
    let none: [&str; 0] = [];
    let plain = |texts: &[&str]| model.logits_of(texts, &Interventions::new(), &LogitsOptions::default(), &control);
    assert_eq!(plain(&none).unwrap_err().code(), wrong);
    control.cancel();
    assert_eq!(plain(&TEXTS).unwrap_err().code(), ErrorCode::Cancelled);
}
