//! The fixtures of `tests/golden`.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, SplitModel, WeightSource};
use eidos::{Control, Error};
use serde::Deserialize;

/// A module as transformers lists it.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub path: String,
    pub class: String,
    pub splits: bool,
    pub width: Option<usize>,
    pub same_as: Option<String>,
    pub linear: Option<[usize; 2]>,
    pub embedding: Option<[usize; 2]>,
    pub layer_norm: Option<[usize; 1]>,
    pub rms_norm: Option<[usize; 1]>,
    pub list: Option<usize>,
}

/// The folder of a family's fixtures.
pub fn folder(family: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/models").join(family)
}

/// The ids of the golden texts.
pub fn texts(family: &str) -> Vec<Vec<u32>> {
    #[derive(Deserialize)]
    struct Input {
        ids: Vec<u32>,
    }
    let bytes = std::fs::read(folder(family).join("inputs.json")).unwrap();
    let inputs: Vec<Input> = serde_json::from_slice(&bytes).unwrap();
    inputs.into_iter().map(|input| input.ids).collect()
}

/// `named_modules()` of a variant.
pub fn listing(family: &str, variant: &str) -> Vec<Listed> {
    let folder = folder(family);
    let own = folder.join(variant).join("modules.json");
    // Where a variant has no listing of its own it is that of the class without changes.
    let path = if own.exists() {
        own
    } else if variant == "hub_config" {
        folder.join("masked_lm/modules.json")
    } else if variant == "classify_mean" {
        folder.join("classify_bos/modules.json")
    } else {
        folder.join("base/modules.json")
    };
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What transformers computed for a variant, by `<text>/<module>`.
pub fn expected(family: &str, variant: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder(family).join(variant).join("expected.safetensors"), &Device::Cpu).unwrap()
}

/// The safetensors files of a folder.
pub fn weight_files(family: &str, weights: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(family).join(weights)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    files
}

/// Which weights a variant runs with.
pub fn weights_of(variant: &str) -> &'static str {
    if variant == "grouped" { "weights_grouped" } else { "weights" }
}

/// Loads a variant with weights of the family.
pub fn load(
    family: &str,
    variant: &str,
    weights: &str,
    split_points: &[&str],
    options: &LoadOptions,
) -> Result<SplitModel, Error> {
    let config = std::fs::read(folder(family).join(variant).join("config.json")).unwrap();
    let weights = WeightSource::Files(weight_files(family, weights));
    let parts = ModelParts { name: variant, config: &config, weights };
    SplitModel::from_parts(&parts, split_points, options, &Control::new())
}

/// Variants by family.
pub const VARIANTS: &[(&str, &[&str])] = &[
    ("eurobert", &["base", "masked_lm", "classify_late", "classify_bos", "classify_mean", "grouped", "hub_config"]),
    ("bert", &["base", "masked_lm", "classify", "base_gelu_new", "base_relu"]),
];

/// The values of a tensor.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference over the largest value.
pub fn difference(ours: &Tensor, theirs: &Tensor) -> f32 {
    assert_eq!(ours.dims(), theirs.dims());
    let (ours, theirs) = (values(ours), values(theirs));
    let largest = theirs.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let difference = ours.iter().zip(&theirs).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(ours.iter().all(|value| value.is_finite()));
    difference / largest
}
