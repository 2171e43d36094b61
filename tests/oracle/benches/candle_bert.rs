//! candle-transformers' BERT on the texts of the main job, as its users run it: batches of texts of similar length, padded.
//! Prints one JSON object with the seconds, like the bench `job` beside it. Words are not pooled.
//!
//! ```text
//! cargo bench -p eidos-oracle --bench candle_bert -- --model FOLDER --texts train.jsonl --blocks 5 [--limit 512] [--batch 32]
//! ```
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

#[path = "../../../benches/common/mod.rs"]
mod common;

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use common::{Arguments, read_texts, round};
use serde_json::json;
use tokenizers::Tokenizer;

fn main() {
    let arguments = Arguments::read();
    let folder = Path::new(arguments.text("model"));
    let texts = read_texts(arguments.text("texts"), arguments.number("limit", 0));

    let start = Instant::now();
    let config = std::fs::read(folder.join("config.json")).expect("config.json");
    let mut config: Config = serde_json::from_slice(&config).unwrap();
    config.num_hidden_layers = arguments.number("blocks", config.num_hidden_layers);
    let weights = std::fs::read(folder.join("model.safetensors")).expect("model.safetensors");
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).unwrap();
    let model = BertModel::load(weights, &config).unwrap();
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let load = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let mut encodings = tokenizer.encode_batch(texts.clone(), true).unwrap();
    let tokens: usize = encodings.iter().map(|text| text.get_attention_mask().iter().sum::<u32>() as usize).sum();
    encodings.sort_by_key(|text| text.get_attention_mask().iter().sum::<u32>());
    for batch in encodings.chunks(arguments.number("batch", 32)) {
        let longest = batch.iter().map(|text| text.get_attention_mask().iter().sum::<u32>()).max().unwrap() as usize;
        let columns = |values: fn(&tokenizers::Encoding) -> &[u32]| {
            let padded: Vec<u32> = batch
                .iter()
                .flat_map(|text| values(text).iter().copied().chain(std::iter::repeat(0)).take(longest))
                .collect();
            Tensor::from_vec(padded, (batch.len(), longest), &Device::Cpu).unwrap()
        };
        let (ids, mask) = (columns(tokenizers::Encoding::get_ids), columns(tokenizers::Encoding::get_attention_mask));
        model.forward(&ids, &ids.zeros_like().unwrap(), Some(&mask)).unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    let result = json!({
        "texts": texts.len(),
        "tokens": tokens,
        "tokens_per_second": round(tokens as f64 / seconds, 1),
        "steps": {"load": {"seconds": round(load, 3)}, "activations": {"seconds": round(seconds, 3)}},
    });
    println!("{}", serde_json::to_string_pretty(&result).unwrap());
}
