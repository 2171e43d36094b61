//! Which concepts fire on the words of new texts: `explain [MODEL [SPLIT [TEXTS]]]`.
//!
//! Concepts are learned from TEXTS, one text a line or JSON lines, at the module SPLIT of MODEL: a folder, a Hub id or `eidos:demo`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to a person")]

use std::error::Error;
use std::io::{IsTerminal, Write};

use eidos::{
    CollectOptions, Control, Explain, Explainer, Explanation, Firing, Ica, IcaOptions, LoadOptions, Progress,
    SplitModel, TextReaderOptions, TopInputs, read_texts,
};

/// None of them is among the texts that the concepts are learned from.
const NEW_TEXTS: [&str; 2] =
    ["His jokes are tired, but her voice is wonderful.", "A quiet film about war, with beautiful songs."];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let (id, split) = (argument(0, "eidos:demo"), argument(1, "model.layers.2.mlp"));
    let path = argument(2, concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt"));
    let control = if std::io::stderr().is_terminal() { Control::with_callback(show_progress) } else { Control::new() };

    // 1. Concepts, and the words that excite each of them most, by which it is known.
    let texts = read_texts(path, &TextReaderOptions::default(), &control)?;
    let model = SplitModel::load(&id, &[&split], &LoadOptions::default(), &control)?;
    let words = &model.activations(&texts, &CollectOptions::default(), &control)?[0];
    let explainer = Explainer::fit::<Ica>(words, &IcaOptions::new(20), &control)?;
    let meaning = TopInputs::default().interpret(&explainer, words, &control)?;

    // 2. New texts: the two concepts that fire most on each word, where they lie two standard deviations from their mean.
    let explain = Explain { k: 2, ..Explain::default() };
    let explanation = explain.explain_inputs(&explainer, Some(&meaning), &model, &NEW_TEXTS[..], &control)?;
    if std::io::stderr().is_terminal() {
        eprintln!();
    }

    print!("{meaning}");
    let mut text = None;
    for (index, unit) in explanation.units().iter().enumerate() {
        let of = unit.span.map(|span| span.text_index);
        if of != text {
            println!("{}", explanation.texts().get(of.unwrap_or_default()));
            text = of;
        }
        let firings: Vec<String> =
            explanation.firings(index).iter().map(|firing| described(&explanation, firing)).collect();
        println!("  '{}': {}", unit.text, if firings.is_empty() { "nothing".to_owned() } else { firings.join("; ") });
    }
    Ok(())
}

/// `concept 3 ' film', ' movie' (4.1 standard deviations, above 99.8 % of the words)`
fn described(explanation: &Explanation, firing: &Firing) -> String {
    let name = explanation.name(firing.concept, firing.pole).map_or_else(String::new, ToString::to_string);
    let Firing { concept, deviations, percentile, .. } = firing;
    format!("concept {concept} {name} ({deviations:.1} standard deviations, above {percentile:.1} % of the words)")
}

/// A progress bar on the terminal's last line.
fn show_progress(progress: Progress) {
    const WIDTH: usize = 30;
    let share = if progress.total == 0 { 0.0 } else { progress.done as f64 / progress.total as f64 };
    let filled = "#".repeat((share * WIDTH as f64) as usize);
    eprint!("\r{:<10} [{filled:<WIDTH$}] {:5.1}s ", progress.stage.name(), progress.elapsed_seconds);
    // A bar that cannot be drawn is no reason to stop.
    std::io::stderr().flush().ok();
}
