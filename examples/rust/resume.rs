//! A long job that is cancelled, goes on where it stopped, and is opened again later: `resume FOLDER [TEXTS]`.
//!
//! FOLDER receives the results and must not hold those of another job; TEXTS is a file with one text a line or JSON lines.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;
use std::path::PathBuf;

use eidos::{
    Activations, CollectOptions, Control, Explainer, Ica, IcaOptions, LoadOptions, SplitModel, Stage,
    TextReaderOptions, TopInputs, read_texts,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: resume FOLDER [TEXTS]")?);
    let texts = arguments.next().unwrap_or_else(|| "assets/demo-texts.txt".to_owned());
    let texts = read_texts(texts, &TextReaderOptions::default(), &Control::new())?;
    let (activations_folder, explainer_file) = (folder.join("activations"), folder.join("explainer.safetensors"));

    // 1. Collect into a folder, in small shards, and cancel halfway: the complete shards stay.
    let model = SplitModel::load("eidos:demo", &["model.layers.2.mlp"], &LoadOptions::default(), &Control::new())?;
    let options = CollectOptions {
        folder: Some(activations_folder.clone()),
        shard_bytes: 1 << 18,
        batch_tokens: 256,
        ..CollectOptions::default()
    };
    let control = Control::new();
    let canceller = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.stage == Stage::Forward && 2 * progress.done >= progress.total {
            canceller.cancel();
        }
    })));
    let first = model.activations(&texts, &options, &control);
    control.set_callback(None);
    println!("first run: {}", first.as_ref().err().map_or("ok", |error| error.code().name()));

    // 2. The same call again goes on from there.
    let control = Control::new();
    let activations = &model.activations(&texts, &options, &control)?[0];
    println!("second run: {} words x {} columns", activations.row_count(), activations.column_count());

    // 3. Fit and keep the concepts.
    Explainer::fit::<Ica>(activations, &IcaOptions::new(10), &control)?.save(&explainer_file)?;

    // 4. Another day, perhaps in another language: open both and ask what the concepts mean.
    let activations = Activations::open(&activations_folder)?;
    let explainer = Explainer::open(&explainer_file)?;
    let split_point = explainer.provenance().split_point.as_deref().unwrap_or_default();
    println!(
        "opened again: {} words, {} concepts of {split_point}",
        activations.row_count(),
        explainer.concept_count()
    );
    print!("{}", TopInputs { k: 5, ..TopInputs::default() }.interpret(&explainer, &activations, &control)?);
    Ok(())
}
