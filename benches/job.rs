//! The main job, step by step: load, activations of words, ICA, top inputs. Prints one JSON object with the seconds and
//! the peak memory of each step, like the script that times the Python peer.
//!
//! ```text
//! cargo bench --bench job -- --model FOLDER --texts train.jsonl --split encoder.layer.4.output [--limit 512]
//! ```
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

mod common;

use std::time::Instant;

use common::{Arguments, forget_peak, megabytes, read_texts, round};
use eidos::{CollectOptions, Control, Explainer, Granularity, Ica, IcaOptions, LoadOptions, SplitModel, TopInputs};
use serde_json::{Value, json};

/// Seconds and peak memory of each step, in order.
#[derive(Default)]
struct Steps(serde_json::Map<String, Value>);

impl Steps {
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        forget_peak();
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f64();
        self.0.insert(
            name.to_owned(),
            json!({"seconds": round(seconds, 3), "peak_rss_mb": (megabytes("VmHWM") * 1e6 / 1048576.0) as u64}),
        );
        result
    }

    fn seconds(&self, name: &str) -> f64 {
        self.0[name]["seconds"].as_f64().unwrap()
    }
}

fn main() {
    let arguments = Arguments::read();
    let texts = read_texts(arguments.text("texts"), arguments.number("limit", 0));
    let threads = arguments.number("threads", 2);
    let control = Control::new();
    let mut steps = Steps::default();

    let model = steps.time("load", || {
        SplitModel::load(arguments.text("model"), &[arguments.text("split")], &LoadOptions::default(), &control)
    });
    let model = model.expect("the model");
    let encoded = model.tokenizer().unwrap().encode_texts(&texts, Granularity::AllTokens, threads, &control).unwrap();
    let tokens = encoded.token_count();
    drop(encoded);

    let collect = CollectOptions {
        threads,
        batch_tokens: arguments.number("batch-tokens", CollectOptions::default().batch_tokens),
        ..CollectOptions::default()
    };
    let activations = steps.time("activations", || model.activations(&texts, &collect, &control)).unwrap().remove(0);
    let ica = IcaOptions { threads, ..IcaOptions::new(arguments.number("concepts", 50)) };
    let explainer = steps.time("ica_fit", || Explainer::fit::<Ica>(&activations, &ica, &control)).unwrap();
    let top = TopInputs { k: arguments.number("k", 10), ..TopInputs::default() };
    let meaning = steps.time("top_inputs", || top.interpret(&explainer, &activations, &control)).unwrap();

    let concept: Vec<&str> = meaning.concepts()[0].positive.iter().map(|input| input.text.as_str()).collect();
    let result = json!({
        "texts": texts.len(),
        "rows": [activations.row_count(), activations.column_count()],
        "tokens": tokens,
        "ica_iterations": explainer.report().steps,
        "concept_0": concept,
        "tokens_per_second": round(tokens as f64 / steps.seconds("activations"), 1),
        "threads": threads,
        "steps": steps.0,
    });
    println!("{}", serde_json::to_string_pretty(&result).unwrap());
}
