//! A model that goes on from the rows of a module.

use std::collections::HashSet;

use candle_core::Tensor;
use eidos::ErrorCode;
use eidos::model::LoadOptions;

use crate::model::golden::{self, values};

/// Variants with a head, their weights and a model that is loaded as a whole.
fn with_heads(mut check: impl FnMut(&str, &eidos::SplitModel, &[&[u32]], &[String])) {
    for (family, variants) in &golden::variants() {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for variant in variants {
            let listing = golden::listing(family, variant);
            let splits: Vec<String> = listing.into_iter().filter(|m| m.splits).map(|m| m.path).collect();
            let options = LoadOptions { whole: true, ..LoadOptions::default() };
            let weights = golden::weights_of(family, variant);
            let paths: Vec<&str> = splits.iter().map(String::as_str).collect();
            let model = golden::load(family, variant, &weights, &paths, &options).unwrap();
            if model.logits(sequences[0]).is_ok() {
                check(&format!("{family} {variant}"), &model, &sequences, &splits);
            }
        }
    }
}

#[test]
fn the_rows_that_the_model_gave_lead_to_the_same_bits() {
    let mut families = HashSet::new();
    with_heads(|name, model, sequences, splits| {
        families.insert(name.split(' ').next().unwrap().to_owned());
        let logits: Vec<Tensor> = sequences.iter().map(|ids| model.logits(ids).unwrap()).collect();
        let expected = values(&Tensor::cat(&logits, 0).unwrap());
        for (path, rows) in splits.iter().zip(model.forward(sequences).unwrap()) {
            if path.ends_with("rotary_emb") {
                continue;
            }
            let ours = model.logits_from(path, &rows, sequences).unwrap();
            assert_eq!(values(&ours), expected, "{name} {path}");
        }
    });
    assert!(families.len() > 10, "{families:?}");
}

#[test]
fn a_text_is_the_same_bits_alone_and_among_others() {
    with_heads(|name, model, sequences, splits| {
        let together = model.forward(sequences).unwrap();
        let mut start = 0;
        for ids in sequences {
            let alone = model.forward(&[ids]).unwrap();
            for ((path, alone), together) in splits.iter().zip(&alone).zip(&together) {
                let rows = together.narrow(0, start, ids.len()).unwrap();
                assert_eq!(values(alone), values(&rows), "{name} {path}");
            }
            start += ids.len();
        }
    });
}

#[test]
fn other_rows_lead_to_other_logits() {
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let path = "model.layers.1.mlp";
    let model = golden::load("llama", "causal_lm", "weights", &[path], &options).unwrap();
    let texts = golden::texts("llama");
    let sequences = [texts[0].as_slice(), &[], texts[2].as_slice()];
    let rows = &model.forward(&sequences).unwrap()[0];
    let before = values(&model.logits_from(path, rows, &sequences).unwrap());
    let after = values(&model.logits_from(path, &(rows * 0.5).unwrap(), &sequences).unwrap());
    assert_eq!(before.len(), after.len());
    assert!(
        before.iter().zip(&after).filter(|(before, after)| before.to_bits() != after.to_bits()).count()
            > before.len() / 2
    );
}

#[test]
fn both_stacks_of_an_encoder_decoder_lead_to_the_logits() {
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let paths = ["encoder.block.0", "encoder", "decoder.block.0", "decoder.block.1.layer.1.EncDecAttention.k"];
    let model = golden::load("t5", "seq2seq_lm", "weights", &paths, &options).unwrap();
    let texts = golden::texts("t5");
    let sequences = [texts[0].as_slice(), &[], texts[2].as_slice()];
    for (path, rows) in paths.iter().zip(model.forward(&sequences).unwrap()) {
        let before = values(&model.logits_from(path, &rows, &sequences).unwrap());
        let after = values(&model.logits_from(path, &(rows * 0.5).unwrap(), &sequences).unwrap());
        let changed = before.iter().zip(&after).filter(|(before, after)| before.to_bits() != after.to_bits()).count();
        assert!(changed > before.len() / 2, "{path}: {changed}");
    }
}

#[test]
fn a_text_without_its_end_cannot_be_classified_by_it() {
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let model = golden::load("t5", "classify", "weights", &[], &options).unwrap();
    let error = model.logits(&[2, 9, 11]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("no token of id 3"), "{error}");
}

#[test]
fn rows_of_another_shape_and_modules_without_rows_are_refused() {
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let model = golden::load("llama", "causal_lm", "weights", &["1"], &options).unwrap();
    let ids: &[u32] = &[2, 9, 11];
    let rows = model.forward(&[ids]).unwrap().remove(0);
    let refused = |path: &str, rows: &Tensor, code: ErrorCode, says: &str| {
        let error = model.logits_from(path, rows, &[ids]).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(says), "{error}");
    };
    refused("1", &rows.narrow(0, 0, 2).unwrap(), ErrorCode::InvalidArgument, "[2, 24], but these texts need [3, 24]");
    refused("layers.1.self_attn.q", &rows, ErrorCode::UnknownModule, "`model.layers.1.self_attn`");
    refused("rotary_emb", &rows, ErrorCode::InvalidArgument, "rotations of positions");
    let split = golden::load("llama", "causal_lm", "weights", &["1"], &LoadOptions::default()).unwrap();
    assert_eq!(split.logits_from("1", &rows, &[ids]).unwrap_err().code(), ErrorCode::InvalidArgument);
}
