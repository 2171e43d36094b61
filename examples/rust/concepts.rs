//! From texts to concepts in words: `concepts [MODEL [SPLIT [TEXTS [CONCEPTS]]]]`.
//!
//! MODEL is a folder, a Hub id or `eidos:demo`; SPLIT is a module path of it; TEXTS is a file with one text a line or
//! JSON lines.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to a person")]

use std::error::Error;
use std::io::{IsTerminal, Write};

use eidos::{
    CollectOptions, Control, Explainer, Ica, IcaOptions, LoadOptions, Progress, SplitModel, TextReaderOptions,
    TopInputs, read_texts,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let (id, split) = (argument(0, "eidos:demo"), argument(1, "model.layers.2.mlp"));
    let path = argument(2, concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt"));
    let concepts = argument(3, "20").parse()?;
    let control = if std::io::stderr().is_terminal() { Control::with_callback(show_progress) } else { Control::new() };
    let texts = read_texts(path, &TextReaderOptions::default(), &control)?;

    // The modules of the model, to choose a split point from: no weights are read for that.
    let tree = SplitModel::load(&id, &[], &LoadOptions::default(), &control)?;
    for module in tree.modules().iter().filter(|module| module.can_split) {
        println!("{:<40} {}", module.path, module.kind);
    }

    let model = SplitModel::load(&id, &[&split], &LoadOptions::default(), &control)?;
    let activations = &model.activations(&texts, &CollectOptions::default(), &control)?[0];
    let explainer = Explainer::fit::<Ica>(activations, &IcaOptions::new(concepts), &control)?;
    let meaning = TopInputs { k: 10, ..TopInputs::default() }.interpret(&explainer, activations, &control)?;
    if std::io::stderr().is_terminal() {
        eprintln!();
    }

    println!("{} words x {} columns", activations.row_count(), activations.column_count());
    print!("{meaning}");
    Ok(())
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
