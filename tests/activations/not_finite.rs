//! A model whose numbers are none: the text, the unit and the split point are named, and what is complete is kept.

use std::path::Path;

use eidos::{CollectOptions, ErrorCode, Granularity};
use safetensors::SafeTensors;

use crate::common::{assert_error, bits, collect, golden_texts, load_from, model_folder};

/// Writes a value into the token embedding's row of an id.
fn poison(folder: &Path, id: usize, value: f32) {
    let path = folder.join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let (begin, width) = {
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let name = tensors.names().into_iter().find(|name| name.ends_with("embed_tokens.weight")).unwrap().to_owned();
        let tensor = tensors.tensor(&name).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::BF16);
        (tensor.data().as_ptr() as usize - bytes.as_ptr() as usize, tensor.shape()[1])
    };
    let at = begin + (id * width + 3) * size_of::<u16>();
    // The upper half of a 32-bit float is the same number as bf16.
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes()[2..]);
    crate::common::replace(&path, bytes);
}

#[test]
fn a_weight_that_is_no_number_names_the_text_and_the_unit_that_it_spoils() {
    let splits = ["layers.1.mlp", "embed_tokens"];
    let golden = golden_texts("eurobert");
    // A text, and another one with a token that the first one does not have.
    let good = golden.iter().find(|text| text.ids.len() > 3).unwrap();
    let foreign = |text: &&crate::common::GoldenText| text.ids.iter().any(|id| !good.ids.contains(id));
    let bad = golden.iter().find(foreign).unwrap();
    let id = *bad.ids.iter().find(|id| !good.ids.contains(id)).unwrap() as usize;
    let clean = load_from(model_folder("eurobert", "base").path(), &splits).unwrap();
    let texts = [good.text.as_str(), bad.text.as_str(), good.text.as_str()];
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = model_folder("eurobert", "base");
        poison(folder.path(), id, value);
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
