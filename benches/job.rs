//! The main job, step by step: load, activations of words, ICA, top inputs. Prints one JSON object with the seconds and
//! the peak memory of each step, like the script that times the Python peer.
//!
//! ```text
//! cargo bench --bench job -- --model FOLDER --texts train.jsonl --split encoder.layer.4.output [--limit 512] [--precision bf16|int8]
//! ```
//!
//! `--granularity cls_token` (or `sample`, `all_tokens`) and `--aggregation last` choose other rows than those of words;
//! `--only activations` ends after them.
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
use eidos::{
    Activations, Aggregation, CollectOptions, Control, Explainer, Granularity, Ica, IcaOptions, LoadOptions,
    SplitModel, TopInputs,
};
use serde_json::{Value, json};

/// What one row stands for, by its name on the command line; the first one is the default.
const GRANULARITIES: [(&str, Granularity); 4] = [
    ("word", Granularity::Word),
    ("cls_token", Granularity::ClsToken),
    ("sample", Granularity::Sample),
    ("all_tokens", Granularity::AllTokens),
];

/// How tokens become one row, in the same way.
const AGGREGATIONS: [(&str, Aggregation); 3] =
    [("mean", Aggregation::Mean), ("first", Aggregation::First), ("last", Aggregation::Last)];

/// What a name on the command line stands for.
fn named<T: Copy>(known: &[(&str, T)], name: Option<&str>) -> T {
    let found = known.iter().find(|(known, _)| name.is_none_or(|name| name == *known));
    found.unwrap_or_else(|| panic!("{name:?} is none of the names")).1
}

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
            json!({"seconds": round(seconds, 3), "peak_rss_mb": (megabytes("VmHWM") * 1e6 / 1_048_576.0) as u64}),
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

    let load = LoadOptions { precision: arguments.precision(), ..LoadOptions::default() };
    let model =
        steps.time("load", || SplitModel::load(arguments.text("model"), &[arguments.text("split")], &load, &control));
    let model = model.expect("the model");
    let encoded = model.tokenizer().unwrap().encode_texts(&texts, Granularity::AllTokens, threads, &control).unwrap();
    let tokens = encoded.token_count();
    drop(encoded);

    let collect = CollectOptions {
        granularity: named(&GRANULARITIES, arguments.optional("granularity")),
        aggregation: named(&AGGREGATIONS, arguments.optional("aggregation")),
        threads,
        batch_tokens: arguments.number("batch-tokens", CollectOptions::default().batch_tokens),
        ..CollectOptions::default()
    };
    // It would warm what comes after it.
    let estimate = arguments.has("estimate").then(|| {
        let estimate = steps.time("estimate", || model.estimate(&texts, &collect, &control));
        round(estimate.expect("an estimate").seconds, 3)
    });
    let activations = steps.time("activations", || model.activations(&texts, &collect, &control)).unwrap().remove(0);
    let mut result = json!({
        "texts": texts.len(),
        "rows": [activations.row_count(), activations.column_count()],
        "tokens": tokens,
        "tokens_per_second": round(tokens as f64 / steps.seconds("activations"), 1),
        "threads": threads,
        "estimated_seconds": estimate,
        "products": model.products(),
    });
    if arguments.optional("only") != Some("activations") {
        fit_and_interpret(&arguments, &activations, &mut steps, &mut result);
    }
    result["steps"] = Value::Object(steps.0);
    println!("{}", serde_json::to_string_pretty(&result).unwrap());
}

/// ICA and the top inputs of its concepts.
fn fit_and_interpret(arguments: &Arguments, activations: &Activations, steps: &mut Steps, result: &mut Value) {
    let (threads, control) = (arguments.number("threads", 2), Control::new());
    let ica = IcaOptions { threads, ..IcaOptions::new(arguments.number("concepts", 50)) };
    let explainer = steps.time("ica_fit", || Explainer::fit::<Ica>(activations, &ica, &control)).unwrap();
    let top = TopInputs { k: arguments.number("k", 10), ..TopInputs::default() };
    let meaning = steps.time("top_inputs", || top.interpret(&explainer, activations, &control)).unwrap();

    let concept: Vec<&str> = meaning.concepts()[0].positive.iter().map(|input| input.text.as_str()).collect();
    result["ica_iterations"] = json!(explainer.report().steps);
    result["concept_0"] = json!(concept);
}
