//! Interpretation at the scale of sparse autoencoders: seconds and peak memory of each step, for tens of thousands of features over a million
//! words. Each number comes from a process of its own.
//!
//! ```text
//! cargo bench --bench scale                                       # 65,536 features, 64 of them a row, 1,000,000 words
//! cargo bench --bench scale -- --features 16384 --words 100000 --active 32 --labels 1000 --folder BIG_DISK
//! ```
//!
//! The words are those of the demo model. The codes of a row are given: a hash of its values says which features it has, so that what is
//! measured is all but the product of an encoder, which [`cargo bench --bench sae`] measures. The language model is a stand-in that answers at once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use common::{Arguments, forget_peak, megabytes, round};
use eidos::chat::{Chat, ChatAnswer, ChatModel, ChatOptions, ChatRequest, Failure};
use eidos::linalg::RandomState;
use eidos::{
    Activations, Codes, CollectOptions, Control, Decoder, Encoder, Explain, Explainer, LlmLabels, LoadOptions,
    NamedTensor, Provenance, Report, ReportOptions, Result, SparseCodes, SplitModel, TopInputs,
};
use serde_json::{Value, json};

const STEPS: [&str; 6] = ["top inputs", "top inputs, all options", "calibrate", "explain", "labels", "report"];
/// How many words a text has.
const WORDS: usize = 25;

/// An autoencoder whose codes are given.
#[derive(Debug)]
struct Given {
    width: usize,
    features: usize,
    active: usize,
    dictionary: Vec<f32>,
}

impl Given {
    fn of(arguments: &Arguments, width: usize) -> Self {
        let (features, active) = (arguments.number("features", 65_536), arguments.number("active", 64));
        let mut random = RandomState::new(1);
        Self { width, features, active, dictionary: (0..features * width).map(|_| random.normal() as f32).collect() }
    }

    /// The features of a row, ascending, and how strongly it has each.
    fn features(&self, row: &[f32]) -> impl Iterator<Item = (u32, f32)> {
        let fold = |hash: u64, value: &f32| {
            (hash ^ u64::from(value.to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        };
        let mut state = row.iter().fold(1, fold) | 1;
        let stride = self.features / self.active;
        (0..self.active).map(move |step| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The square root makes low numbers rare, down to features that nothing excites.
            let place = ((state >> 40) as f64 / (1_u64 << 24) as f64).sqrt() * stride as f64;
            ((step * stride + place as usize) as u32, ((state >> 8) % 5000 + 1) as f32 / 1000.0)
        })
    }
}

impl Encoder for Given {
    fn method(&self) -> &'static str {
        "given"
    }

    fn input_width(&self) -> usize {
        self.width
    }

    fn concept_count(&self) -> usize {
        self.features
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        out.fill(0.0);
        for (row, out) in rows.chunks_exact(self.width).zip(out.chunks_exact_mut(self.features)) {
            self.features(row).for_each(|(feature, strength)| out[feature as usize] = strength);
        }
        Ok(())
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        let mut codes = SparseCodes::new(self.features)?;
        rows.chunks_exact(self.width).try_for_each(|row| codes.push_row(self.features(row)))?;
        Ok(Codes::Sparse(codes))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        Vec::new()
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for Given {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        for (codes, out) in codes.chunks_exact(self.features).zip(out.chunks_exact_mut(self.width)) {
            out.fill(0.0);
            for (code, atom) in
                codes.iter().zip(self.dictionary.chunks_exact(self.width)).filter(|(code, _)| **code != 0.0)
            {
                out.iter_mut().zip(atom).for_each(|(sum, value)| *sum += code * value);
            }
        }
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.dictionary
    }
}

/// A language model that answers at once.
struct StandIn;

impl ChatModel for StandIn {
    fn answer(&self, _: &ChatRequest, _: &Control) -> std::result::Result<ChatAnswer, Failure> {
        Ok(ChatAnswer::of(r#"{"label": "words of films"}"#))
    }
}

fn main() {
    let arguments = Arguments::read();
    let folder = PathBuf::from(arguments.optional("folder").unwrap_or("target/bench")).join("scale");
    if let Some(step) = arguments.optional("one") {
        println!("{}", one(step, &arguments, &folder));
        return;
    }
    collect(&arguments, &folder);
    println!("| step | seconds | memory beside the rows, MB | |\n|---|---|---|---|");
    for step in STEPS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--one", step]);
        for name in ["features", "active", "labels", "folder"] {
            if arguments.has(name) {
                command.args([format!("--{name}"), arguments.text(name).to_owned()]);
            }
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        println!("| {step} | {} | {} | {} |", found["seconds"], found["megabytes"], found["note"].as_str().unwrap());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// The activations of words of the demo model's vocabulary, in texts.
fn collect(arguments: &Arguments, folder: &Path) {
    let control = Control::new();
    let model = SplitModel::load("eidos:demo", &["0"], &LoadOptions::default(), &control).unwrap();
    let vocabulary = model.vocabulary_inputs().unwrap();
    let known: Vec<&str> = (0..vocabulary.text_count())
        .filter_map(|entry| {
            vocabulary.text(entry)?.strip_prefix('Ġ').filter(|word| word.chars().all(char::is_alphabetic))
        })
        .collect();
    let mut random = RandomState::new(2);
    let mut text = || {
        let words: Vec<&str> = (0..WORDS).map(|_| known[random.up_to(known.len() as u32 - 1) as usize]).collect();
        words.join(" ")
    };
    let texts: Vec<String> = (0..arguments.number("words", 1_000_000) / WORDS).map(|_| text()).collect();
    let rows = model.activations(&texts, &CollectOptions::default(), &control).unwrap().remove(0);
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    rows.save(folder, &control).unwrap();
    println!("{} words of {} columns, {} different", rows.row_count(), rows.column_count(), known.len());
}

fn one(step: &str, arguments: &Arguments, folder: &Path) -> Value {
    let control = Control::new();
    let activations = Activations::open_copy(folder).unwrap();
    let explainer =
        Explainer::from_model(Given::of(arguments, activations.column_count()), Provenance::default()).unwrap();
    let top = TopInputs { k: 10, ..TopInputs::default() };
    // What a step reads that another one made.
    let meaning =
        matches!(step, "explain" | "report").then(|| top.interpret(&explainer, &activations, &control).unwrap());
    let calibrated = (step == "explain").then(|| explainer.calibrate(&activations, &control).unwrap());
    forget_peak();
    let (before, start) = (megabytes("VmRSS"), Instant::now());
    let note = match step {
        "top inputs" => {
            let found = top.interpret(&explainer, &activations, &control).unwrap();
            format!("{} inputs", found.concepts().iter().map(|concept| concept.positive.len()).sum::<usize>())
        }
        "top inputs, all options" => {
            let top = TopInputs {
                stop_units: ["the", "a", "of", "and"].map(str::to_owned).to_vec(),
                stop_punctuation: true,
                fold_case: true,
                least_occurrences: 3,
                context: 6,
                ..top
            };
            let found = top.interpret(&explainer, &activations, &control).unwrap();
            format!(
                "{} inputs with passages",
                found.concepts().iter().map(|concept| concept.positive.len()).sum::<usize>()
            )
        }
        "calibrate" => {
            explainer.calibrate(&activations, &control).unwrap();
            "the distributions of all codes".to_owned()
        }
        "explain" => {
            let rows = activations.rows(0, 1).unwrap().len();
            let first: Vec<f32> =
                (0..1000 * WORDS).flat_map(|row| activations.rows(row, 1).unwrap().to_vec()).collect();
            let some = Activations::from_rows(first, rows, None).unwrap();
            let found =
                Explain::default().explain(calibrated.as_ref().unwrap(), meaning.as_ref(), &some, &control).unwrap();
            format!("the words of 1,000 texts, {} concepts fire", found.concepts().count())
        }
        "labels" => {
            let concepts = arguments.number("labels", 65_536).min(explainer.concept_count());
            let labels = LlmLabels {
                concepts: Some((0..concepts).collect()),
                examples: 10,
                context: 5,
                scoring: None,
                ..LlmLabels::default()
            };
            let chat = Chat::with_model(StandIn, ChatOptions::default()).unwrap();
            let found = labels.interpret(&explainer, &activations, &chat, &control).unwrap();
            let is_labelled = |concept: &&eidos::ConceptInputs| {
                concept.positive_label.as_ref().is_some_and(|label| label.text.is_some())
            };
            format!("{} labels of 10 examples", found.concepts().iter().filter(is_labelled).count())
        }
        "report" => {
            let report =
                Report { activations: Some(&activations), interpretation: meaning.as_ref(), ..Report::new(&explainer) };
            let page = report.html(&ReportOptions::default(), &control).unwrap();
            format!("a page of {} MB", page.len() / 1_000_000)
        }
        other => panic!("there is no step {other}"),
    };
    let seconds = start.elapsed().as_secs_f64();
    json!({"seconds": round(seconds, 1), "megabytes": round(megabytes("VmHWM") - before, 0), "note": note})
}
