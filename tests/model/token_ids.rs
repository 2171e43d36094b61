//! Token ids: those of a text, and models that are run from them.

use eidos::{
    Activations, CollectOptions, Control, ErrorCode, Granularity, Interventions, LoadOptions, LogitsOptions, Result,
    SplitModel,
};

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

fn logits(model: &SplitModel, texts: &[&str]) -> Result<Activations> {
    model.logits_of(texts, &Interventions::new(), &LogitsOptions::default(), &Control::new())
}

fn logits_of_ids(model: &SplitModel, ids: &[&[u32]]) -> Result<Activations> {
    let inputs = model.inputs_from_token_ids(ids)?;
    model.logits_of(&inputs, &Interventions::new(), &LogitsOptions::default(), &Control::new())
}

fn activations_of_ids(model: &SplitModel, ids: &[&[u32]], options: &CollectOptions) -> Result<Vec<Activations>> {
    model.activations(&model.inputs_from_token_ids(ids)?, options, &Control::new())
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
    let expected = logits(&model, &TEXTS).unwrap();
    let logits = logits_of_ids(&model, &slices(&ids)).unwrap();
    assert_eq!(bits(&logits), bits(&expected));
    let every_token = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let expected = model.activations(&TEXTS, &every_token, &control).unwrap();
    // Words cannot be told from ids: each row is a token, whatever the options say.
    let found = activations_of_ids(&model, &slices(&ids), &CollectOptions::default()).unwrap();
    assert_eq!(found.len(), 2);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(bits(found), bits(expected));
        assert_eq!(found.provenance(), expected.provenance());
        assert!((0..found.row_count()).all(|row| found.unit(row) == expected.unit(row)));
        assert_eq!(found.unit_span(0), None);
    }
    // They can be put back, for the ids and for the text.
    for inputs in [model.inputs(&TEXTS, 0, &control).unwrap(), model.inputs_from_token_ids(&slices(&ids)).unwrap()] {
        let put_back = Interventions::new().replace("1", &found[0]);
        let back = model.logits_of(&inputs, &put_back, &LogitsOptions::default(), &control).unwrap();
        assert_eq!(bits(&back), bits(&logits));
    }
}

#[test]
fn a_classifier_of_texts_gives_one_row_a_sequence() {
    let (model, path) = crate::model::steer::classifier();
    let texts = ["a film", "", "the film of a film"];
    let expected = logits(&model, &texts).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    let mut ids: Vec<Vec<u32>> =
        texts.iter().map(|text| tokenizer.tokens(text).unwrap().iter().map(|token| token.id).collect()).collect();
    let logits = logits_of_ids(&model, &slices(&ids)).unwrap();
    assert_eq!(bits(&logits), bits(&expected));
    assert_eq!(logits.provenance().granularity, Some(Granularity::Sample));
    assert_eq!(logits.unit(0), Some(tokenizer.decode(&ids[0]).unwrap().as_str()), "{path}");
    ids[1].clear();
    let fewer = logits_of_ids(&model, &slices(&ids)).unwrap();
    assert_eq!(fewer.row_count(), 2);
}

#[test]
fn ids_are_written_to_a_folder_and_opened_again() {
    let model = model();
    let ids = ids_of(&model);
    let folder = tempfile::tempdir().unwrap();
    let options = CollectOptions { folder: Some(folder.path().to_owned()), ..CollectOptions::default() };
    let written = activations_of_ids(&model, &slices(&ids), &options).unwrap();
    let again = activations_of_ids(&model, &slices(&ids), &options).unwrap();
    assert_eq!(bits(&written[1]), bits(&again[1]));
    let mut others = ids.clone();
    others[0][1] = 7;
    let error = activations_of_ids(&model, &slices(&others), &options).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch, "{error}");
}

#[test]
fn ids_that_cannot_be_are_refused_with_a_reason() {
    let (model, control) = (model(), Control::new());
    let collect = CollectOptions::default();
    let error = activations_of_ids(&model, &[&[1, 6000]], &collect).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch);
    assert!(error.to_string().contains("6000"), "{error}");
    assert!(logits_of_ids(&model, &[&[u32::MAX]]).is_err());
    let error = activations_of_ids(&model, &[], &collect).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let error = logits_of_ids(&model, &[]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let split = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control).unwrap();
    assert!(logits_of_ids(&split, &[&[1]]).is_err());
    let long = vec![7; model.max_positions() + 1];
    let error = activations_of_ids(&model, &[&[1], &long], &collect).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("sequence 1 has 513 token ids"), "{error}");
    assert!(logits_of_ids(&model, &[&long]).is_err());
    assert!(logits_of_ids(&model, &[&long[1..]]).is_ok());
    let empty = activations_of_ids(&model, &[&[], &[1, 2], &[]], &collect).unwrap();
    assert_eq!(empty[0].row_count(), 2);
}
