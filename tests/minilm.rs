//! The real thing: all-MiniLM-L6-v2 on Rotten Tomatoes, against transformers, scikit-learn and interpreto.
//!
//! `EIDOS_MINILM` names the folder that `tests/golden/minilm.py` fills (`make real` does both); without it the tests skip.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eidos::rows::RowSlice;
use eidos::{
    Activations, CollectOptions, Control, Explainer, Ica, IcaOptions, LoadOptions, Pole, Provenance, SplitModel,
    TopInputs,
};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const WIDTH: usize = 384;

fn minilm() -> Option<PathBuf> {
    let folder = std::env::var_os("EIDOS_MINILM").map(PathBuf::from).filter(|folder| folder.exists());
    if folder.is_none() {
        eprintln!("skipped: EIDOS_MINILM does not name the folder that tests/golden/minilm.py fills");
    }
    folder
}

/// Whether the script has come to the end of a fit; the one of tolerance 1e-8 takes it long.
fn has_fit(folder: &Path, name: &str) -> bool {
    let there = folder.join(format!("top10_{name}.json")).exists();
    if !there {
        eprintln!("skipped: tests/golden/minilm.py has not finished the fit `{name}`");
    }
    there
}

/// The values of a `.npy` file, behind its header.
fn npy(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].to_vec()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

fn f64s(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn words(folder: &Path) -> Vec<String> {
    serde_json::from_value(json(&folder.join("words.json"))).unwrap()
}

/// Rotten Tomatoes as the shared data have it.
fn texts() -> Vec<String> {
    let shared = std::env::var_os("EIDOS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let lines = std::fs::read_to_string(shared.join("data/rotten_tomatoes/train.jsonl")).unwrap();
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    lines.split('\n').filter(|line| !line.is_empty()).map(text).collect()
}

#[test]
fn activations_are_those_of_transformers() {
    let Some(folder) = minilm() else { return };
    let (expected, spans) = (f32s(&npy(&folder.join("activations.npy"))), npy(&folder.join("spans.npy")));
    let spans: Vec<usize> =
        spans.chunks_exact(4).map(|four| i32::from_le_bytes(four.try_into().unwrap()) as usize).collect();
    let (words, texts) = (words(&folder), texts());

    let control = Control::new();
    let id = folder.join("model");
    let model = SplitModel::load(id.to_str().unwrap(), &["encoder.layer.4.output"], &LoadOptions::default(), &control);
    let activations = model.unwrap().activations(&texts, &CollectOptions::default(), &control).unwrap().remove(0);
    assert_eq!((activations.row_count(), activations.column_count()), (195_034, WIDTH));

    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let mut worst = 0.0_f32;
    for row in 0..activations.row_count() {
        assert_eq!(activations.unit(row).unwrap(), words[row], "row {row}");
        let span = activations.unit_span(row).unwrap();
        let text = &texts[span.text_index];
        let characters = |byte: usize| text[..byte].chars().count();
        assert_eq!(
            [span.text_index, characters(span.begin), characters(span.end)],
            spans[3 * row..3 * row + 3],
            "row {row}"
        );
        let theirs = &expected[row * WIDTH..(row + 1) * WIDTH];
        let ours = activations.rows(row, 1).unwrap();
        worst = ours.iter().zip(theirs).fold(worst, |worst, (ours, theirs)| worst.max((ours - theirs).abs()));
    }
    eprintln!("largest difference {:.1e} of the largest value {largest}", worst / largest);
    assert!(worst <= 2e-5 * largest);
}

#[test]
fn concepts_are_those_of_scikit_learn() {
    let Some(folder) = minilm() else { return };
    let rows = f32s(&npy(&folder.join("activations.npy")));
    for (name, tolerance, least) in [("default", 1e-4, 0.999), ("1e-8", 1e-8, 0.9999)] {
        if !has_fit(&folder, name) {
            continue;
        }
        let expected = f64s(&npy(&folder.join(format!("components_{name}.npy"))));
        let options = IcaOptions {
            tolerance,
            max_iterations: 1000,
            canonical_signs: false,
            ..IcaOptions::new(expected.len() / WIDTH)
        };
        let start = std::time::Instant::now();
        let rows = RowSlice::new(&rows, WIDTH).unwrap();
        let explainer = Explainer::fit_rows::<Ica>(&rows, Provenance::default(), &options, &Control::new()).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let found = components(&explainer);
        let worst = found.chunks(WIDTH).zip(expected.chunks(WIDTH)).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
        let theirs = json(&folder.join(format!("fit_{name}.json")));
        eprintln!(
            "tolerance {tolerance:e}: {} iterations (theirs {}) in {seconds:.1} s, least cosine 1 - {:.1e}",
            explainer.report().steps,
            theirs["iterations"],
            1.0 - worst
        );
        assert!(worst >= least, "{name}: {worst}");
    }
}

/// The rows that read the concepts, found by encoding: the explainer is linear.
fn components(explainer: &Explainer) -> Vec<f64> {
    let concepts = explainer.concept_count();
    let mut rows = vec![0.0; (WIDTH + 1) * WIDTH];
    (0..WIDTH).for_each(|column| rows[(column + 1) * WIDTH + column] = 1.0);
    let mut codes = vec![0.0; (WIDTH + 1) * concepts];
    explainer.encode(&rows, &mut codes).unwrap();
    let at = |row: usize, concept: usize| f64::from(codes[row * concepts + concept]);
    let entry = |concept: usize| (0..WIDTH).map(move |column| at(column + 1, concept) - at(0, concept));
    (0..concepts).flat_map(entry).collect()
}

fn cosine(left: &[f64], right: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    (dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()).abs()
}

/// An explainer with the peer's numbers in it: a file of ours whose tensors are exchanged.
fn explainer_of_the_peer(folder: &Path, name: &str, activations: &Activations) -> Explainer {
    let components = f64s(&npy(&folder.join(format!("components_{name}.npy"))));
    let mixing = f64s(&npy(&folder.join(format!("mixing_{name}.npy"))));
    let mean = npy(&folder.join("mean.npy"));
    let concepts = components.len() / WIDTH;
    // Theirs is (columns, concepts), ours a row per concept.
    let mixing = (0..components.len()).map(|index| mixing[index % WIDTH * concepts + index / WIDTH]);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("explainer.safetensors");
    let rows = RowSlice::new(activations.rows(0, 4000).unwrap(), WIDTH).unwrap();
    let quick = IcaOptions { max_iterations: 1, ..IcaOptions::new(concepts) };
    Explainer::fit_rows::<Ica>(&rows, Provenance::default(), &quick, &Control::new()).unwrap().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let metadata: HashMap<String, String> = SafeTensors::read_metadata(&bytes).unwrap().1.metadata().clone().unwrap();

    let to_bytes = |values: &mut dyn Iterator<Item = f64>| -> Vec<u8> {
        values.flat_map(|value| (value as f32).to_le_bytes()).collect()
    };
    let (components, mixing) = (to_bytes(&mut components.into_iter()), to_bytes(&mut { mixing }));
    let matrix = |bytes| TensorView::new(Dtype::F32, vec![concepts, WIDTH], bytes).unwrap();
    let tensors = [
        ("components", matrix(&components)),
        ("mixing", matrix(&mixing)),
        ("mean", TensorView::new(Dtype::F64, vec![WIDTH], &mean).unwrap()),
    ];
    std::fs::write(&path, safetensors::serialize(tensors, Some(metadata)).unwrap()).unwrap();
    Explainer::open(&path).unwrap()
}

#[test]
fn top_inputs_are_those_of_the_peer_for_the_same_dictionary() {
    let Some(folder) = minilm() else { return };
    let words = words(&folder);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rows = f32s(&npy(&folder.join("activations.npy")));
    let activations = Activations::from_rows(rows, WIDTH, Some(&words)).unwrap();
    for name in ["default", "1e-8"].into_iter().filter(|name| has_fit(&folder, name)) {
        let explainer = explainer_of_the_peer(&folder, name, &activations);
        let top = TopInputs { k: 10, negative_pole: true, ..TopInputs::default() };
        let found = top.interpret(&explainer, &activations, &Control::new()).unwrap();
        let expected = json(&folder.join(format!("top10_{name}.json")));
        let (mut worst, mut swapped) = (0.0_f64, 0);
        for (pole, key, sign) in [(Pole::Positive, "positive", 1.0), (Pole::Negative, "negative", -1.0)] {
            for entry in found.concepts() {
                let theirs = expected[key][entry.concept].as_array().unwrap();
                let ours = entry.pole(pole);
                assert_eq!(ours.len(), theirs.len());
                for (rank, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    let value = theirs[1].as_f64().unwrap();
                    let difference = (sign * f64::from(ours.activation) - value).abs() / value.abs();
                    worst = worst.max(difference);
                    let place = format!("{name}, concept {}, {key} pole, rank {rank}", entry.concept);
                    assert!(difference <= 1e-5, "{place}: {} against {value}", ours.activation);
                    swapped += usize::from(ours.text != theirs[0].as_str().unwrap());
                }
            }
        }
        eprintln!("{name}: values differ by at most {worst:.1e}, {swapped} of 1000 inputs in another place");
        // Two neighbours of each fit are closer than f32 can tell apart, see tests/golden/README.md.
        assert!(swapped <= 2, "{name}: {swapped} inputs are in another place");
    }
}
