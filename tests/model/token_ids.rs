//! Token ids: those of a text, and models that are run from them.

use eidos::{CollectOptions, Control, ErrorCode, Granularity, LoadOptions, LogitsOptions, SplitModel};

use crate::model::steer::bits;

const TEXTS: [&str; 4] = ["a warm and funny film", "", "caf\u{e9}, d\u{e9}j\u{e0} vu \u{1f600}", "dull<|mask|>"];

fn model() -> SplitModel {
    let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    SplitModel::load("eidos:demo", &["1", "2"], &whole, &Control::new()).unwrap()
}

fn ids_of(model: &SplitModel) -> Vec<Vec<u32>> {
    let tokenizer = model.tokenizer().unwrap();
    TEXTS.iter().map(|text| tokenizer.tokens(text).unwrap().iter().map(|token| token.id).collect()).collect()
}

fn slices(ids: &[Vec<u32>]) -> Vec<&[u32]> {
    ids.iter().map(Vec::as_slice).collect()
}

#[test]
fn the_tokens_of_a_text_have_ids_strings_and_places() {
    let model = model();
    let tokenizer = model.tokenizer().unwrap();
    let text = TEXTS[3];
    let tokens = tokenizer.tokens(text).unwrap();
    let strings: Vec<String> = tokens.iter().map(|token| tokenizer.token(token.id)).collect();
    assert_eq!(strings.first().unwrap(), "<|begin_of_text|>");
    assert_eq!(strings[strings.len() - 2..], ["<|mask|>", "<|end_of_text|>"]);
    let mask = tokens[tokens.len() - 2];
    assert_eq!((mask.id, &text[mask.begin..mask.end]), (5998, "<|mask|>"));
    assert_eq!(tokens[0].begin, tokens[0].end);
    // A character of several bytes is never cut, even where a token is only a part of it.
    let text = TEXTS[2];
    assert!(tokenizer.tokens(text).unwrap().iter().all(|token| text.get(token.begin..token.end).is_some()));
}

#[test]
fn the_ids_of_a_text_lead_to_the_same_bits_as_the_text() {
    let (model, control) = (model(), Control::new());
    let ids = ids_of(&model);
    let options = LogitsOptions::default();
    let expected = model.logits_of_texts(&TEXTS, &options, &control).unwrap();
    let logits = model.logits_of_token_ids(&slices(&ids), &options, &control).unwrap();
    assert_eq!(bits(&logits), bits(&expected));
    let every_token = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let expected = model.activations(&TEXTS, &every_token, &control).unwrap();
    // Words cannot be told from ids: each row is a token, whatever the options say.
    let found = model.activations_of_token_ids(&slices(&ids), &CollectOptions::default(), &control).unwrap();
    assert_eq!(found.len(), 2);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(bits(found), bits(expected));
        assert_eq!(found.provenance(), expected.provenance());
        assert!((0..found.row_count()).all(|row| found.unit(row) == expected.unit(row)));
        assert_eq!(found.unit_span(0), None);
    }
    // They can be put back, for the ids and for the text.
    let back = model.logits_of_texts_from_activations("1", &found[0], &TEXTS, &options, &control).unwrap();
    assert_eq!(bits(&back), bits(&logits));
}

#[test]
fn a_classifier_of_texts_gives_one_row_a_sequence() {
    let (model, path) = crate::model::steer::classifier();
    let control = Control::new();
    let texts = ["a film", "", "the film of a film"];
    let expected = model.logits_of_texts(&texts, &LogitsOptions::default(), &control).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    let mut ids: Vec<Vec<u32>> =
        texts.iter().map(|text| tokenizer.tokens(text).unwrap().iter().map(|token| token.id).collect()).collect();
    let logits = model.logits_of_token_ids(&slices(&ids), &LogitsOptions::default(), &control).unwrap();
    assert_eq!(bits(&logits), bits(&expected));
    assert_eq!(logits.provenance().granularity, Some(Granularity::Sample));
    assert_eq!(logits.unit(0), Some(tokenizer.decode(&ids[0]).unwrap().as_str()), "{path}");
    ids[1].clear();
    let fewer = model.logits_of_token_ids(&slices(&ids), &LogitsOptions::default(), &control).unwrap();
    assert_eq!(fewer.row_count(), 2);
}

#[test]
fn ids_are_written_to_a_folder_and_opened_again() {
    let (model, control) = (model(), Control::new());
    let ids = ids_of(&model);
    let folder = tempfile::tempdir().unwrap();
    let options = CollectOptions { folder: Some(folder.path().to_owned()), ..CollectOptions::default() };
    let written = model.activations_of_token_ids(&slices(&ids), &options, &control).unwrap();
    let again = model.activations_of_token_ids(&slices(&ids), &options, &control).unwrap();
    assert_eq!(bits(&written[1]), bits(&again[1]));
    let mut others = ids.clone();
    others[0][1] = 7;
    let error = model.activations_of_token_ids(&slices(&others), &options, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch, "{error}");
}

#[test]
fn ids_that_cannot_be_are_refused_with_a_reason() {
    let (model, control) = (model(), Control::new());
    let collect = CollectOptions::default();
    let error = model.activations_of_token_ids(&[&[1, 6000]], &collect, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch);
    assert!(error.to_string().contains("6000"), "{error}");
    assert!(model.logits_of_token_ids(&[&[u32::MAX]], &LogitsOptions::default(), &control).is_err());
    let error = model.activations_of_token_ids(&[], &collect, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let error = model.logits_of_token_ids(&[], &LogitsOptions::default(), &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let split = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control).unwrap();
    assert!(split.logits_of_token_ids(&[&[1]], &LogitsOptions::default(), &control).is_err());
    let long = vec![7; model.max_positions() + 1];
    let error = model.activations_of_token_ids(&[&[1], &long], &collect, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("sequence 1 has 513 token ids"), "{error}");
    assert!(model.logits_of_token_ids(&[&long], &LogitsOptions::default(), &control).is_err());
    assert!(model.logits_of_token_ids(&[&long[1..]], &LogitsOptions::default(), &control).is_ok());
    let empty = model.activations_of_token_ids(&[&[], &[1, 2], &[]], &collect, &control).unwrap();
    assert_eq!(empty[0].row_count(), 2);
}
