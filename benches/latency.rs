//! The latency of one short text, warm: from the text to the rows of its words. Prints one JSON object with the median and the
//! ninth decile in microseconds for each length, and what the parts take alone; `latency.py` prints it beside its peers.
//!
//! ```text
//! cargo bench --bench latency -- --model FOLDER --split encoder.layer.4.output [--threads 2] [--repeat 400]
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

use common::{Arguments, round};
use eidos::{CollectOptions, Control, LoadOptions, SplitModel};
use serde_json::{Map, Value, json};

/// The texts, the same as in `latency.py`.
const TEXTS: [&str; 2] = [
    "a warm and funny film",
    "a warm and funny film about two sisters who inherit a cinema in a small town by the sea and try to keep it open for one \
     last summer of old movies",
];

/// The median and the ninth decile of the microseconds that `work` takes.
fn timed(repeat: usize, mut work: impl FnMut()) -> Value {
    (0..repeat / 10 + 5).for_each(|_| work());
    let mut times: Vec<f64> = (0..repeat)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    json!({"median": round(times[repeat / 2], 1), "p90": round(times[repeat * 9 / 10], 1)})
}

fn main() {
    let arguments = Arguments::read();
    let (threads, repeat) = (arguments.number("threads", 2), arguments.number("repeat", 400));
    let control = Control::new();
    let split = [arguments.text("split")];
    let model =
        SplitModel::load(arguments.text("model"), &split, &LoadOptions::default(), &control).expect("the model");
    let options = CollectOptions { threads, ..CollectOptions::default() };
    let mut results = Map::new();
    for text in TEXTS {
        let inputs = model.inputs(&[text], threads, &control).unwrap();
        let ids = inputs.token_ids(0).to_vec();
        let tokenizer = model.tokenizer().unwrap();
        let measured = json!({
            "text to rows": timed(repeat, || drop(model.activations(&[text], &options, &control).unwrap())),
            "tokenize": timed(repeat, || drop(model.inputs(&[text], threads, &control).unwrap())),
            "cut": timed(repeat, || drop(tokenizer.cut(&inputs, options.granularity, &control).unwrap())),
            "forward, on the calling thread": timed(repeat, || drop(model.forward(&[&ids]).unwrap())),
            "inputs to rows": timed(repeat, || drop(model.activations(&inputs, &options, &control).unwrap())),
        });
        results.insert(format!("{} tokens", ids.len()), measured);
    }
    println!("{}", serde_json::to_string_pretty(&json!({"threads": threads, "microseconds": results})).unwrap());
}
