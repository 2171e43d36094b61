//! How the cost of activations grows with the length of texts: seconds and memory for about as many tokens in ever longer texts, with
//! the fitted exponent of a token's cost, and what `estimate` had said before. Each line comes from a process of its own.
//!
//! ```text
//! cargo bench --bench lengths -- --model FOLDER --split model.layers.10.mlp
//! cargo bench --bench lengths -- --model FOLDER --split 3 --lengths 8,64,512 --tokens 16384 --precision bf16 --threads 1
//! ```
//!
//! The texts are token ids without a meaning, none of them twice: a model takes the same time for any.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

mod common;

use std::process::Command;
use std::time::Instant;

use common::{Arguments, megabytes, round};
use eidos::{CollectOptions, Control, Granularity, LoadOptions, SplitModel};
use serde_json::{Value, json};

fn main() {
    let arguments = Arguments::read();
    if arguments.has("one") {
        println!("{}", one(&arguments));
    } else {
        table(&arguments);
    }
}

/// Collects the activations of texts of one length in this process.
fn one(arguments: &Arguments) -> Value {
    let (control, length) = (Control::new(), arguments.number("one", 8));
    let load = LoadOptions { precision: arguments.precision(), ..LoadOptions::default() };
    let model = SplitModel::load(arguments.text("model"), &[arguments.text("split")], &load, &control).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    let count = (arguments.number("tokens", 32_768) / length).max(1);
    // Ids of real tokens, in an order without a period.
    let mut state = 88_172_645_463_325_252_u64;
    let mut id = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1000 + (state >> 33) as u32 % 20_000
    };
    let mut texts =
        |count: usize| -> Vec<Vec<u32>> { (0..count).map(|_| (0..length).map(|_| id()).collect()).collect() };
    let [warm, texts] = [(count / 8).max(1), count].map(&mut texts);
    let [warm, inputs] = [&warm, &texts]
        .map(|texts| tokenizer.inputs_from_token_ids(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap());
    let options = CollectOptions {
        granularity: Granularity::AllTokens,
        threads: arguments.number("threads", 2),
        ..CollectOptions::default()
    };
    model.activations(&warm, &options, &control).unwrap();
    let estimate = model.estimate(&inputs, &options, &control).unwrap();
    let before = megabytes("RssAnon");
    common::forget_peak();
    let start = Instant::now();
    let rows = model.activations(&inputs, &options, &control).unwrap().remove(0);
    let seconds = start.elapsed().as_secs_f64();
    let of_rows = (rows.row_count() * rows.column_count() * 4) as f64 / 1e6;
    json!({
        "texts": count,
        "tokens": estimate.token_count,
        "seconds": seconds,
        "estimated": estimate.seconds,
        "sampled": estimate.sampled_token_count,
        "megabytes": (megabytes("VmHWM") - before - of_rows).max(0.0),
        "products": model.products(),
    })
}

fn table(arguments: &Arguments) {
    let lengths = arguments.optional("lengths").unwrap_or("8,32,128,512,2048,8192");
    let lengths: Vec<usize> = lengths.split(',').map(|number| number.parse().expect("a number")).collect();
    println!(
        "| tokens of a text | texts | seconds | tokens/s | memory beside rows and model, MB | estimated, s | off by | grows as |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut last: Option<(usize, f64)> = None;
    for length in lengths {
        let found = measure(arguments, length);
        let number = |name: &str| found[name].as_f64().unwrap();
        let (seconds, tokens) = (number("seconds"), number("tokens"));
        let cost = seconds / tokens;
        let exponent = last.map_or(String::new(), |(shorter, before)| {
            format!("{:.2}", (cost / before).ln() / (length as f64 / shorter as f64).ln())
        });
        println!(
            "| {length} | {} | {} | {:.0} | {:.0} | {} | {:+.0} % | {exponent} |",
            found["texts"],
            round(seconds, 2),
            tokens / seconds,
            number("megabytes"),
            round(number("estimated"), 2),
            100.0 * (number("estimated") / seconds - 1.0),
        );
        last = Some((length, cost));
    }
}

fn measure(arguments: &Arguments, length: usize) -> Value {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--one", &length.to_string()]);
    for name in ["model", "split", "tokens", "precision", "threads"] {
        if let Some(value) = arguments.optional(name) {
            command.args([format!("--{name}"), value.to_owned()]);
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{length}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
