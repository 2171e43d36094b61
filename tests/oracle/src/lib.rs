//! A second oracle: the models of candle-transformers, which somebody else wrote in Rust, on the same weights.
//!
//! They give what comes out at the end of a model only, for one text at a time.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder};
use candle_transformers::models::{bert, jina_bert, llama, modernbert, qwen2, qwen3};
use eidos::model::{HeadChoice, LoadOptions};
use serde_json::{Value, json};

#[allow(dead_code, reason = "the tests of the library use more of it")]
#[path = "../../model/golden.rs"]
mod golden;

use golden::{config, difference, load, texts, weight_files};

/// Two honest f32 implementations differ by 3e-6 on these models; the bar is that of the golden tests.
const BAR: f32 = 2e-5;

fn weights(family: &str) -> VarBuilder<'static> {
    let [file] = &weight_files(family, "weights")[..] else { panic!("{family} has its weights in several files") };
    VarBuilder::from_buffered_safetensors(std::fs::read(file).unwrap(), DType::F32, &Device::Cpu).unwrap()
}

/// The configuration as candle-transformers reads it: with the fields of transformers 4 beside those of the file.
fn older_config<T: serde::de::DeserializeOwned>(family: &str, fields: &Value) -> T {
    let mut config = config(family, "base");
    for (field, value) in fields.as_object().unwrap() {
        config[field] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

/// Compares what a module gives with another implementation of the whole model, text by text.
fn compare(family: &str, module: &str, other: impl Fn(&Tensor) -> candle_core::Result<Tensor>) {
    let model = load(family, "base", "weights", &[module], &LoadOptions::default()).unwrap();
    let texts = texts(family);
    for ids in texts.iter().filter(|ids| !ids.is_empty()) {
        let theirs = other(&Tensor::new(&ids[..], &Device::Cpu).unwrap().unsqueeze(0).unwrap()).unwrap();
        let ours = &model.forward(&[ids]).unwrap()[0];
        let difference = difference(ours, &theirs.squeeze(0).unwrap());
        assert!(difference < BAR, "{family}: {difference} on {ids:?}");
    }
}

#[test]
fn bert_is_that_of_candle_transformers() {
    let other = bert::BertModel::load(weights("bert"), &older_config("bert", &json!({}))).unwrap();
    compare("bert", "encoder", |ids| other.forward(ids, &ids.zeros_like()?, None));
}

/// The reference that the fixtures were made with was written for them; this one was not.
#[test]
fn jina_2_is_that_of_candle_transformers() {
    let config = older_config("alibi_bert", &json!({"initializer_range": 0.02, "pad_token_id": 0}));
    let other = jina_bert::BertModel::new(weights("alibi_bert").pp("bert"), &config).unwrap();
    compare("alibi_bert", "encoder", |ids| other.forward(ids));
}

#[test]
fn modernbert_is_that_of_candle_transformers() {
    let fields =
        json!({"layer_norm_eps": 1e-5, "global_rope_theta": 160_000.0, "local_rope_theta": 10_000.0, "id2label": {}});
    let other = modernbert::ModernBert::load(weights("modernbert"), &older_config("modernbert", &fields)).unwrap();
    compare("modernbert", "final_norm", |ids| other.forward(ids, &ids.ones_like()?));
}

#[test]
fn qwen_2_and_3_are_those_of_candle_transformers() {
    let fields = json!({"rope_theta": 10_000.0, "sliding_window": 4096});
    let config = older_config("qwen2", &fields);
    compare("qwen2", "norm", |ids| qwen2::Model::new(&config, weights("qwen2"))?.forward(ids, 0, None));
    let config = older_config("qwen3", &fields);
    compare("qwen3", "norm", |ids| qwen3::Model::new(&config, weights("qwen3"))?.forward(ids, 0));
}

/// It gives the logits of the last token only.
#[test]
fn llama_is_that_of_candle_transformers() {
    let config = older_config::<llama::LlamaConfig>("llama", &json!({"rope_theta": 10_000.0})).into_config(false);
    let other = llama::Llama::load(weights("llama"), &config).unwrap();
    let options = LoadOptions { head: HeadChoice::CausalLanguageModel, ..LoadOptions::default() };
    let model = load("llama", "causal_lm", "weights", &["lm_head"], &options).unwrap();
    for ids in texts("llama") {
        let mut cache = llama::Cache::new(false, DType::F32, &config, &Device::Cpu).unwrap();
        let input = Tensor::new(&ids[..], &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let theirs = other.forward(&input, 0, &mut cache).unwrap();
        let ours = model.forward(&[&ids]).unwrap()[0].narrow(0, ids.len() - 1, 1).unwrap();
        let difference = difference(&ours, &theirs);
        assert!(difference < BAR, "{difference} on {ids:?}");
    }
}
