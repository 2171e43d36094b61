//! What Eidos itself has written: activations, explainers and interpretations.

use std::path::Path;
use std::sync::OnceLock;

use eidos::model::{ModelParts, WeightSource};
use eidos::rows::Rows;
use eidos::text::Tokenizer;
use eidos::{
    Activations, CollectOptions, Control, Error, Explainer, Ica, IcaOptions, Interpretation, LoadOptions, SplitModel,
    TopInputs,
};

use super::words::labelled;
use super::{Place, Seed, Target, golden, in_order, read, write};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "manifest", format: Format::Json, share: 4, seeds: manifest_seeds, run: manifest },
        Target { name: "units", format: Format::Safetensors, share: 5, seeds: units_seeds, run: units },
        Target { name: "shard", format: Format::Safetensors, share: 3, seeds: shard_seeds, run: shard },
        Target { name: "explainer", format: Format::Safetensors, share: 6, seeds: explainer_seeds, run: explainer },
        Target { name: "interpretation", format: Format::Json, share: 6, seeds: meaning_seeds, run: interpretation },
    ]
}

const FILES: [&str; 3] = ["manifest.json", "units.safetensors", "rows-00000.safetensors"];

/// Rows of a tiny model, with the words that they stand for.
pub fn activations() -> &'static Activations {
    static ROWS: OnceLock<Activations> = OnceLock::new();
    ROWS.get_or_init(|| {
        let of = |file: &str| read(&format!("models/eurobert/{file}"));
        let weights = WeightSource::Files(vec![golden("models/eurobert/weights/model.safetensors")]);
        let parts = ModelParts { name: "tiny", config: &of("base/config.json"), weights };
        let model = SplitModel::from_parts(&parts, &["0"], &LoadOptions::default(), &Control::new()).unwrap();
        let tokenizer = Tokenizer::from_parts(&of("tokenizer/tokenizer.json"), None, None, None).unwrap();
        let texts = ["a warm film , a good one .", "sad", "", "the naïve ending 電影", "its minutes -- funny , long ."];
        let model = model.with_tokenizer(tokenizer);
        model.activations(&texts, &CollectOptions::default(), &Control::new()).unwrap().remove(0)
    })
}

/// Concepts of these rows.
pub fn concepts() -> &'static Explainer {
    static CONCEPTS: OnceLock<Explainer> = OnceLock::new();
    CONCEPTS.get_or_init(|| Explainer::fit::<Ica>(activations(), &IcaOptions::new(3), &Control::new()).unwrap())
}

fn save(folder: &Path) {
    activations().save(folder, &Control::new()).unwrap();
}

fn saved(file: &str) -> Vec<Seed> {
    let mut place = Place::new();
    let folder = place.folder("seeds", save);
    in_order([std::fs::read(folder.join(file)).unwrap()])
}

fn manifest_seeds() -> Vec<Seed> {
    saved(FILES[0])
}

fn units_seeds() -> Vec<Seed> {
    saved(FILES[1])
}

fn shard_seeds() -> Vec<Seed> {
    saved(FILES[2])
}

fn manifest(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("manifest", save);
    open(&folder, FILES[0], bytes)
}

fn units(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("units", save);
    open(&folder, FILES[1], bytes)
}

fn shard(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("shard", save);
    open(&folder, FILES[2], bytes)
}

/// Opens a folder with one file changed, and looks at all that it holds.
fn open(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), Error> {
    write(&folder.join(file), bytes);
    let rows = Activations::open(folder)?;
    let mut scratch = Vec::new();
    rows.tile(0, rows.row_count(), &mut scratch)?;
    for row in 0..rows.row_count() {
        let (unit, span) = (rows.unit(row), rows.unit_span(row));
        if let (Some(_), Some(span)) = (unit, span) {
            rows.texts().get(span.text_index);
        }
    }
    rows.provenance();
    if rows.units().is_some() && rows.column_count() == concepts().input_width() {
        TopInputs::default().interpret(concepts(), &rows, &Control::new())?;
    }
    Ok(())
}

fn explainer_seeds() -> Vec<Seed> {
    let mut place = Place::new();
    let path = place.file("seed", &[]);
    let saved = |meaning: Option<&Interpretation>| {
        concepts().save_with(meaning, &path).unwrap();
        std::fs::read(&path).unwrap()
    };
    let top = TopInputs { k: 2, ..TopInputs::default() };
    let meaning = top.interpret(concepts(), activations(), &Control::new()).unwrap();
    in_order([saved(None), saved(Some(&meaning))])
}

fn explainer(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let path = place.file("explainer.safetensors", bytes);
    let alone = Interpretation::open(&path);
    let (explainer, meaning) = match Explainer::open_with(&path) {
        // What is wrong with the interpretation is nothing to the explainer.
        Err(_) => (Explainer::open(&path)?, None),
        Ok(both) => both,
    };
    if let Some(meaning) = &meaning {
        assert_eq!(&alone.unwrap(), meaning);
        assert!(meaning.concepts().iter().all(|concept| concept.concept < explainer.concept_count()));
        explainer.save_with(Some(meaning), &place.file("both.safetensors", &[]))?;
    }
    let (width, count) = (explainer.input_width(), explainer.concept_count());
    let (rows, mut codes) = (vec![0.5; 2 * width], vec![0.0; 2 * count]);
    explainer.encode(&rows, &mut codes)?;
    explainer.decode(&codes, &mut vec![0.0; 2 * width])?;
    assert_eq!(explainer.dictionary().len(), width * count);
    explainer.report();
    if width == activations().column_count() {
        TopInputs::default().interpret(&explainer, activations(), &Control::new())?;
    }
    explainer.save(&place.file("again.safetensors", &[]))
}

fn meaning_seeds() -> Vec<Seed> {
    let top = TopInputs { negative_pole: true, ..TopInputs::default() };
    let top = top.interpret(concepts(), activations(), &Control::new()).unwrap();
    let labels = labelled(r#"{"label": "praise", "answers": [1, 0, 1]}"#).unwrap();
    in_order([top, labels].map(|meaning| meaning.to_json().unwrap().into_bytes()))
}

fn interpretation(_: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let meaning = Interpretation::from_json(bytes)?;
    assert_eq!(meaning.to_string().is_empty(), meaning.concepts().is_empty());
    Interpretation::from_json(meaning.to_json()?.as_bytes()).map(|_| ())
}
