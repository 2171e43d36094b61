//! The fixtures of `tests/golden`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, Error, ErrorCode};
use serde::Deserialize;

/// A line of a listing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    /// A module with all that is inside it, which are those of the family's base model under another path.
    Like { path: String, like: String },
    /// A module alone.
    One(Listed),
}

/// A module as transformers lists it.
#[derive(Debug, Clone, Deserialize)]
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
    // Of this package, or of the one in `tests/oracle`; where a program runs far from both, it is told the folder.
    if let Some(data) = std::env::var_os("EIDOS_GOLDEN_DATA") {
        return PathBuf::from(data).join("models").join(family);
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = package.ancestors().map(|folder| folder.join("tests/golden/data/models")).find(|data| data.is_dir());
    data.unwrap().join(family)
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

/// The families of the fixtures with their variants: every folder with a configuration.
pub fn variants() -> Vec<(String, Vec<String>)> {
    let names = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    let families = names(&folder(""));
    let of = |family: &String| {
        let mut variants = names(&folder(family));
        variants.retain(|variant| folder(family).join(variant).join("config.json").exists());
        (family.clone(), variants)
    };
    families.iter().map(of).collect()
}

/// The configuration of a variant.
pub fn config(family: &str, variant: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder(family).join(variant).join("config.json")).unwrap()).unwrap()
}

/// The error for the configuration of a variant with these fields changed.
pub fn refused(family: &str, variant: &str, changes: &serde_json::Value) -> (ErrorCode, String) {
    let mut config = config(family, variant);
    for (field, value) in changes.as_object().unwrap() {
        config[field] = value.clone();
    }
    refused_config(&config)
}

/// The error for a configuration.
pub fn refused_config(config: &serde_json::Value) -> (ErrorCode, String) {
    let error = ModelPlan::new(config.to_string().as_bytes(), &[], &LoadOptions::default()).unwrap_err();
    (error.code(), error.to_string())
}

/// `named_modules()` of a variant; where it has no listing of its own, that of the first variant with the same class and weights.
pub fn listing(family: &str, variant: &str) -> Vec<Listed> {
    let has_one = |variant: &str| folder(family).join(variant).join("modules.json").exists();
    let class = |variant: &str| (config(family, variant)["architectures"].clone(), weights_of(family, variant));
    let listed = if has_one(variant) {
        variant.to_owned()
    } else {
        let variants = variants().into_iter().find(|(name, _)| name == family).unwrap().1;
        variants.into_iter().find(|other| has_one(other) && class(other) == class(variant)).unwrap()
    };
    let bytes = std::fs::read(folder(family).join(&listed).join("modules.json")).unwrap();
    let lines: Vec<Line> = serde_json::from_slice(&bytes).unwrap();
    let mut modules = Vec::new();
    for line in lines {
        match line {
            Line::One(module) => modules.push(module),
            Line::Like { path, like } => modules.extend(inside(&listing(family, "base"), &like, &path)),
        }
    }
    modules
}

/// The module `like` of a listing with all that is inside it, under the path `path`.
fn inside(listing: &[Listed], like: &str, path: &str) -> Vec<Listed> {
    let prefix = path.strip_suffix(like).unwrap();
    let within =
        |module: &&Listed| module.path.strip_prefix(like).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let moved = |module: &Listed| Listed {
        path: format!("{prefix}{}", module.path),
        same_as: module.same_as.as_ref().map(|same| format!("{prefix}{same}")),
        ..module.clone()
    };
    listing.iter().filter(within).map(moved).collect()
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

/// Which weights a variant runs with: its own, or those of the variant that its name begins with, if there are any.
pub fn weights_of(family: &str, variant: &str) -> String {
    let mut name = variant;
    loop {
        let own = format!("weights_{name}");
        if folder(family).join(&own).exists() {
            return own;
        }
        let Some((shorter, _)) = name.rsplit_once('_') else { return "weights".to_owned() };
        name = shorter;
    }
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

/// Runs a variant, loaded by `load` with the split points that it is given, and hands everything that transformers computed for
/// it to `compare`: what it is, the module if it is one, ours and theirs.
pub fn compare(
    family: &str,
    variant: &str,
    load: impl FnOnce(&[&str]) -> SplitModel,
    mut compare: impl FnMut(&str, Option<&Listed>, &Tensor, &Tensor),
) {
    let texts = texts(family);
    let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let expected = expected(family, variant);
    let listing = listing(family, variant);
    let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
    let model = load(&splits);
    let outputs = model.forward(&sequences).unwrap();
    let mut compared = 0;
    for (path, output) in splits.iter().zip(&outputs) {
        let module = listing.iter().find(|m| m.path == *path).unwrap();
        let mut start = 0;
        for (text, ids) in texts.iter().enumerate() {
            let ours = output.narrow(0, start, ids.len()).unwrap();
            start += ids.len();
            let mut names = [Some(*path), module.same_as.as_deref()].into_iter().flatten();
            let Some(theirs) = names.find_map(|name| expected.get(&format!("{text}/{name}"))) else {
                continue;
            };
            compare(&format!("{family} {variant} {path} text {text}"), Some(module), &ours, theirs);
            compared += 1;
        }
    }
    for (text, ids) in texts.iter().enumerate() {
        let Some(theirs) = expected.get(&format!("{text}/logits")) else { continue };
        let ours = model.logits(ids).unwrap();
        let ours = if theirs.dims().len() == 1 { ours.squeeze(0).unwrap() } else { ours };
        compare(&format!("{family} {variant} logits of text {text}"), None, &ours, theirs);
        compared += 1;
    }
    assert!(compared >= expected.len(), "{family} {variant}: {compared} of {} compared", expected.len());
}

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

/// Whether a model says that it multiplies in three products of bf16 numbers; why it does not may follow a semicolon.
pub fn has_three_terms(products: &str) -> bool {
    products.split(';').next().is_some_and(|how| how.contains("x 3"))
}

/// Whether values that two models give for the same weights are the same bits or, where one of them multiplies in three products
/// of bf16 numbers, which round otherwise, differ by no more than values in f32 may.
pub fn agree(products: [&str; 2], ours: &[f32], expected: &[f32]) -> bool {
    if products[0] == products[1] || !products.iter().any(|products| has_three_terms(products)) {
        return ours == expected;
    }
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    ours.len() == expected.len() && ours.iter().zip(expected).all(|(one, other)| (one - other).abs() <= 2e-5 * largest)
}
