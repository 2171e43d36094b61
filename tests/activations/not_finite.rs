//! A model whose numbers are none: the text, the unit and the split point are named, and what is complete is kept.

use std::ops::Range;
use std::path::Path;

use candle_core::Tensor;
use eidos::{CollectOptions, Control, ErrorCode, Granularity, Interventions, LoadOptions, LogitsOptions, SplitModel};
use half::{bf16, f16};
use safetensors::SafeTensors;

use crate::common::{GoldenText, assert_error, bits, collect, golden_texts, load_from, model_folder, replace};

/// Where the values of a weight lie in a file of 16-bit numbers, and how many columns it has.
fn place(file: &[u8], weight: &str) -> (Range<usize>, usize) {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let name = tensors.names().into_iter().find(|name| name.ends_with(weight)).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), safetensors::Dtype::BF16);
    let begin = tensor.data().as_ptr() as usize - file.as_ptr() as usize;
    (begin..begin + tensor.data().len(), tensor.shape()[1])
}

/// Writes a value into column 3 of the row of an id.
fn poison(folder: &Path, weight: &str, id: usize, value: f32) {
    let path = folder.join("model.safetensors");
    let mut file = std::fs::read(&path).unwrap();
    let (values, width) = place(&file, weight);
    let at = values.start + (id * width + 3) * size_of::<bf16>();
    file[at..at + 2].copy_from_slice(&bf16::from_f32(value).to_le_bytes());
    replace(&path, file);
}

/// Makes the token embedding 16-bit floats of the kind whose largest number is 65504, with a value in column 3 of the row of an
/// id.
fn narrow(folder: &Path, id: usize, value: f32) {
    let path = folder.join("model.safetensors");
    let mut file = std::fs::read(&path).unwrap();
    let (values, width) = place(&file, "embed_tokens.weight");
    for (index, pair) in file[values].chunks_exact_mut(2).enumerate() {
        let number = bf16::from_le_bytes([pair[0], pair[1]]).to_f32();
        let number = if index == id * width + 3 { value } else { number };
        pair.copy_from_slice(&f16::from_f32(number).to_le_bytes());
    }
    // The description of the tensor stays as long as it was.
    let after = |start: usize, text: &[u8]| start + file[start..].windows(text.len()).position(|w| w == text).unwrap();
    let kind = after(after(0, b"embed_tokens.weight"), b"\"BF16\"");
    file[kind..kind + 6].copy_from_slice(b"\"F16\" ");
    replace(&path, file);
}

/// A text, and another one with a token that the first one does not have, and that token.
fn good_and_bad(golden: &[GoldenText]) -> (&GoldenText, &GoldenText, usize) {
    let good = golden.iter().find(|text| text.ids.len() > 3).unwrap();
    let foreign = |text: &GoldenText| text.ids.iter().copied().find(|id| !good.ids.contains(id));
    let (bad, id) = golden.iter().find_map(|text| Some((text, foreign(text)?))).unwrap();
    (good, bad, id as usize)
}

#[test]
fn a_weight_that_is_no_number_names_the_text_and_the_unit_that_it_spoils() {
    let splits = ["layers.1.mlp", "embed_tokens"];
    let golden = golden_texts("eurobert");
    let (good, bad, id) = good_and_bad(&golden);
    let clean = load_from(model_folder("eurobert", "base").path(), &splits).unwrap();
    let texts = [good.text.as_str(), bad.text.as_str(), good.text.as_str()];
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = model_folder("eurobert", "base");
        poison(folder.path(), "embed_tokens.weight", id, value);
        let model = load_from(folder.path(), &splits).unwrap();
        let out = tempfile::tempdir().unwrap();
        let options = CollectOptions {
            granularity: Granularity::Sample,
            folder: Some(out.path().join("rows")),
            shard_bytes: 1,
            ..CollectOptions::default()
        };
        let error = assert_error(collect(&model, &texts, &options), ErrorCode::InvalidData, &["text 1"]);
        for key in ["text", "row"] {
            assert!(error.details().contains(&(key.to_owned(), "1".to_owned())), "{:?}", error.details());
        }
        // The shard of the first text is there.
        for split in splits {
            assert!(out.path().join("rows").join(split).join("rows-00000.safetensors").exists());
        }
        // Texts without that token are as they were.
        let rows = |model| bits(&collect(model, &[&good.text], &CollectOptions::default()).unwrap()[0]);
        assert_eq!(rows(&model), rows(&clean));
    }
}

#[test]
fn a_weight_that_16_bits_do_not_hold_names_the_text_and_the_unit() {
    let golden = golden_texts("eurobert");
    let (good, bad, id) = good_and_bad(&golden);
    let texts = [good.text.as_str(), bad.text.as_str()];
    for (value, is_held) in [(65_000.0, true), (70_000.0, false), (-1e6, false)] {
        let folder = model_folder("eurobert", "base");
        narrow(folder.path(), id, value);
        let model = load_from(folder.path(), &["embed_tokens"]).unwrap();
        let result = collect(&model, &texts, &CollectOptions::default());
        if is_held {
            result.unwrap();
        } else {
            assert_error(result, ErrorCode::InvalidData, &["text 1", "`embed_tokens`", "column 3"]);
        }
    }
}

#[test]
fn logits_that_are_no_numbers_are_refused() {
    let control = Control::new();
    let golden = golden_texts("eurobert");
    let (good, bad, id) = good_and_bad(&golden);
    let texts = [good.text.as_str(), bad.text.as_str()];
    let load = |weight: &str, id: usize| {
        let folder = model_folder("eurobert", "masked_lm");
        poison(folder.path(), weight, id, f32::NAN);
        let options = LoadOptions { whole: true, ..LoadOptions::default() };
        SplitModel::load(folder.path().to_str().unwrap(), &["model.layers.2"], &options, &control).unwrap()
    };
    let refused = |result: eidos::Result<Tensor>, part: &str| {
        assert_error(result, ErrorCode::InvalidData, &["the logits", part]);
    };

    let model = load("embed_tokens.weight", id);
    let logits = model.logits_of(&texts, &Interventions::new(), &LogitsOptions::default(), &control);
    assert_error(logits, ErrorCode::InvalidData, &["text 1", "the whole model"]);
    model.logits(&good.ids).unwrap();
    refused(model.logits(&bad.ids), "NaN");

    // Rows that are numbers become none where the weights of the head are none.
    let model = load("lm_head.weight", 7);
    let rows = &model.forward(&[&good.ids]).unwrap()[0];
    refused(model.logits(&good.ids), "row 0 has the value NaN in column 7");
    refused(model.logits_from("model.layers.2", rows, &[&good.ids]), "row 0 has the value NaN in column 7");
}
