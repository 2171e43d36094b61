//! Tensors under names that training programs have changed, and parameters that a file has in another place or not at all.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use eidos::{Control, Error, ErrorCode, HeadChoice, LoadOptions, SplitModel};

use crate::common::rows_of;
use crate::model::golden;

type Tensors = HashMap<String, Tensor>;

/// A model of the golden data whose tensors may be changed.
struct Model {
    folder: tempfile::TempDir,
    tensors: Tensors,
}

impl Model {
    fn new(family: &str, variant: &str) -> Self {
        let (folder, golden) = (tempfile::tempdir().unwrap(), golden::folder(family));
        std::fs::copy(golden.join(variant).join("config.json"), folder.path().join("config.json")).unwrap();
        let tokenizer = crate::common::golden("models/eurobert/tokenizer/tokenizer.json");
        std::fs::copy(tokenizer, folder.path().join("tokenizer.json")).unwrap();
        let tensors = candle_core::safetensors::load(golden.join("weights/model.safetensors"), &Device::Cpu).unwrap();
        Self { folder, tensors }
    }

    /// Writes the tensors under other names, without those that have none.
    fn write(&self, rename: impl Fn(&str) -> Option<String>) {
        let tensors = self.tensors.iter().filter_map(|(name, tensor)| Some((rename(name)?, tensor.clone())));
        write(self.folder.path(), &tensors.collect());
    }

    fn load(&self, splits: &[&str], options: &LoadOptions) -> Result<SplitModel, Error> {
        SplitModel::load(self.folder.path().to_str().unwrap(), splits, options, &Control::new())
    }

    fn outputs(&self, splits: &[&str]) -> Vec<Vec<Vec<f32>>> {
        let model = self.load(splits, &LoadOptions::default()).unwrap();
        model.forward(&[&[5, 6, 7]]).unwrap().iter().map(rows_of).collect()
    }
}

fn write(folder: &Path, tensors: &Tensors) {
    let path = folder.join("model.safetensors");
    std::fs::remove_file(&path).ok();
    candle_core::safetensors::save(tensors, &path).unwrap();
}

#[test]
fn prefixes_of_training_programs_are_understood() {
    for (family, variant, splits) in [("llama", "causal_lm", ["0", "lm_head"]), ("bert", "masked_lm", ["1", "cls"])] {
        let model = Model::new(family, variant);
        model.write(|name| Some(name.to_owned()));
        let expected = model.outputs(&splits);
        for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "base_model.model.", "teacher."] {
            model.write(|name| Some(format!("{prefix}{name}")));
            assert_eq!(model.outputs(&splits), expected, "{family}: {prefix}");
        }
        model.write(|name| Some(name.replace(".0.", ".0._fsdp_wrapped_module.").replace("1.", "1._orig_mod.")));
        assert_eq!(model.outputs(&splits), expected, "{family}");
    }
    // The prefix of another family, around the base model alone.
    let model = Model::new("bert", "base");
    model.write(|name| Some(name.to_owned()));
    let expected = model.outputs(&["1"]);
    model.write(|name| name.strip_prefix("bert.").map(|name| format!("roberta.{name}")));
    assert_eq!(model.outputs(&["1"]), expected);
}

#[test]
fn shards_whose_index_has_other_names_are_found() {
    let model = Model::new("llama", "causal_lm");
    model.write(|name| Some(name.to_owned()));
    let expected = model.outputs(&["0"]);
    model.write(|name| Some(format!("module.{name}")));
    let shard = "model-00001-of-00001.safetensors";
    std::fs::rename(model.folder.path().join("model.safetensors"), model.folder.path().join(shard)).unwrap();
    let map: HashMap<String, &str> = model.tensors.keys().map(|name| (format!("module.{name}"), shard)).collect();
    let index = serde_json::json!({ "weight_map": map });
    std::fs::write(model.folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    assert_eq!(model.outputs(&["0"]), expected);
}

#[test]
fn names_that_nothing_explains_are_listed() {
    let model = Model::new("llama", "causal_lm");
    let splits = &["0"];
    let refused = |code: ErrorCode, parts: &[&str]| {
        let error = model.load(splits, &LoadOptions::default()).map(drop).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "`{part}` is not in: {error}"));
    };
    let count = model.tensors.len();
    model.write(|name| Some(format!("{}.x", name.replace('.', "_"))));
    let first = model.tensors.keys().map(|name| format!("{}.x", name.replace('.', "_"))).min().unwrap();
    refused(ErrorCode::InvalidFile, &["is missing", &first, &format!("{} more", count - 3)]);
    let twice = model
        .tensors
        .iter()
        .flat_map(|(name, tensor)| ["query.", "key."].map(|prefix| (format!("{prefix}{name}"), tensor.clone())));
    write(model.folder.path(), &twice.collect());
    refused(ErrorCode::InvalidFile, &["the model twice", "`query.`", "`key.`"]);
    model.write(|name| {
        let base = name.replace("q_proj.weight", "q_proj.base_layer.weight");
        Some(format!("base_model.model.{base}"))
    });
    refused(ErrorCode::Unsupported, &["LoRA", "merge_and_unload"]);
}

#[test]
fn a_tied_matrix_may_lie_under_the_name_of_the_output() {
    for (family, variant, embedding, output, splits) in [
        ("gemma", "causal_lm", "model.embed_tokens.weight", "lm_head.weight", ["0", "lm_head"]),
        (
            "bert",
            "masked_lm",
            "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.weight",
            ["embeddings.word_embeddings", "cls"],
        ),
    ] {
        let model = Model::new(family, variant);
        model.write(|name| Some(name.to_owned()));
        let expected = model.outputs(&splits);
        // The base model alone reads it, too.
        for splits in [&splits[..], &splits[..1]] {
            model.write(|name| match name {
                name if name == output => None,
                name if name == embedding => Some(output.to_owned()),
                name => Some(name.to_owned()),
            });
            assert_eq!(model.outputs(splits), expected[..splits.len()], "{family}");
        }
    }
}

#[test]
fn a_missing_output_is_told_of_tying() {
    let model = Model::new("llama", "causal_lm");
    model.write(|name| Some(name.to_owned()).filter(|name| name != "lm_head.weight"));
    let error = model.load(&["lm_head"], &LoadOptions::default()).map(drop).unwrap_err();
    assert!(error.message().contains("`lm_head.weight` is missing"), "{error}");
    assert!(error.hint_text().contains("`tie_word_embeddings`"), "{error}");
}

#[test]
fn a_base_model_without_a_pooler_loads_whole() {
    let model = Model::new("bert", "base");
    model.write(|name| Some(name.to_owned()).filter(|name| !name.contains("pooler")));
    let options = LoadOptions { whole: true, head: HeadChoice::Base, ..LoadOptions::default() };
    assert_eq!(model.load(&["1"], &options).unwrap().forward(&[&[5, 6]]).unwrap().len(), 1);
    // Where the pooler is read, it is needed.
    let model = Model::new("bert", "classify");
    model.write(|name| Some(name.to_owned()).filter(|name| !name.contains("pooler")));
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let error = model.load(&["1"], &options).map(drop).unwrap_err();
    assert!(error.message().contains("pooler.dense.weight"), "{error}");
}
