//! Weights in half precision: kept as they are stored, the bits of their values in single precision, and near to what
//! transformers computes in half precision.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, Precision, SplitModel, WeightSource};
use eidos::{Control, ErrorCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::golden::{self, difference, values};

/// The types, what their tensors are called in the fixtures, and how far transformers may be: the bound of the project is 2e-2
/// for both. Eidos computes in f32 and is within 1e-6 of the same model in float64, so nearly all of a difference is transformers'
/// own rounding, which is an eighth as large in f16.
const TYPES: [(DType, &str, f32); 2] = [(DType::BF16, "bf16", 2e-2), (DType::F16, "f16", 4e-3)];

/// A model in half precision: that of `golden/half.py`.
struct Halved {
    config: Value,
    tensors: HashMap<String, Tensor>,
    folder: TempDir,
}

impl Halved {
    /// A variant of a family in a type.
    fn new(family: &str, variant: &str, dtype: DType) -> Self {
        let mut config = golden::config(family, variant);
        if config["final_logit_softcapping"].is_number() {
            config["final_logit_softcapping"] = json!(30.0);
        }
        let behind = ["olmo2", "olmo3"].contains(&family);
        let files = golden::weight_files(family, &golden::weights_of(family, variant));
        let stored = files.iter().flat_map(|file| candle_core::safetensors::load(file, &Device::Cpu).unwrap());
        let halved = stored.map(|(name, tensor)| {
            let table = ["embed", "wte", "wpe", "shared"].iter().any(|word| name.contains(word));
            let factor = if tensor.rank() == 2 && !table || (behind && name.contains("layernorm")) { 0.5 } else { 1.0 };
            let tensor = (tensor.to_dtype(DType::F32).unwrap() * factor).unwrap().to_dtype(dtype).unwrap();
            (name, tensor)
        });
        Self { config, tensors: halved.collect(), folder: tempfile::tempdir().unwrap() }
    }

    /// The model, from a file with these values in a type.
    fn load(&self, dtype: DType, splits: &[&str]) -> SplitModel {
        self.load_with(dtype, splits, &whole())
    }

    fn load_with(&self, dtype: DType, splits: &[&str], options: &LoadOptions) -> SplitModel {
        let file = self.folder.path().join(format!("{dtype:?}.safetensors"));
        let tensors = self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.to_dtype(dtype).unwrap()));
        candle_core::safetensors::save(&tensors.collect(), &file).unwrap();
        let config = serde_json::to_vec(&self.config).unwrap();
        let parts = ModelParts { name: "half", config: &config, weights: WeightSource::Files(vec![file]) };
        SplitModel::from_parts(&parts, splits, options, &Control::new()).unwrap()
    }
}

/// The variant of a family in the fixtures.
fn variant_of(family: &str) -> &'static str {
    let exists = |variant: &&str| golden::folder(family).join(variant).join("config.json").exists();
    ["causal_lm", "masked_lm", "seq2seq_lm", "classify_tokens"].into_iter().find(exists).unwrap()
}

/// The largest difference to transformers in each type, for a family, computed on the CPU in f32.
pub fn differences(family: &str) -> Vec<(&'static str, f32)> {
    differences_where(family, |_| whole())
}

/// The same where the options for a type say.
fn differences_where(family: &str, options: impl Fn(DType) -> LoadOptions) -> Vec<(&'static str, f32)> {
    let file = golden::folder(family).join(Path::new("../../half").join(family).with_extension("safetensors"));
    let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let ids = &golden::texts(family)[0];
    let of_type = |(dtype, kind, bound): (DType, &'static str, f32)| {
        let expected: HashMap<_, _> = expected
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(kind)?.strip_prefix('/')?, tensor)))
            .collect();
        let splits: BTreeSet<&str> = expected.keys().copied().filter(|path| *path != "logits").collect();
        let splits: Vec<&str> = splits.into_iter().collect();
        assert!(splits.len() >= 2, "{family} {kind}: {splits:?}");
        let model = Halved::new(family, variant_of(family), dtype).load_with(dtype, &splits, &options(dtype));
        let outputs = model.forward(&[ids]).unwrap().into_iter().chain([model.logits(ids).unwrap()]);
        let compared = splits.iter().copied().chain(["logits"]).zip(outputs).map(|(path, ours)| {
            let difference = difference(&ours, &expected[path].to_dtype(DType::F32).unwrap());
            assert!(difference <= bound, "{family} {path} in {kind}: {difference:e}");
            difference
        });
        (kind, compared.fold(0.0, f32::max))
    };
    TYPES.into_iter().map(of_type).collect()
}

#[test]
fn half_precision_gives_the_bits_of_the_same_values_in_single_precision() {
    for (family, _) in golden::variants() {
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for (dtype, kind, _) in TYPES {
            let halved = Halved::new(&family, variant_of(&family), dtype);
            let listing = golden::listing(&family, variant_of(&family));
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let [ours, single] = [dtype, DType::F32].map(|dtype| halved.load(dtype, &splits));
            let bits = |tensor: &Tensor| values(tensor).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let (outputs, expected) = (ours.forward(&sequences).unwrap(), single.forward(&sequences).unwrap());
            for ((path, ours), single) in splits.iter().zip(&outputs).zip(&expected) {
                assert!(bits(ours) == bits(single), "{family} {path} in {kind}");
            }
            let [ours, single] = [ours, single].map(|model| bits(&model.logits(&texts[0]).unwrap()));
            assert!(ours == single, "{family} logits in {kind}");
        }
    }
}

#[test]
fn weights_take_the_bytes_that_they_are_stored_in() {
    for (family, _) in golden::variants() {
        for (dtype, kind, _) in TYPES {
            let halved = Halved::new(&family, variant_of(&family), dtype);
            let plan = ModelPlan::new(&serde_json::to_vec(&halved.config).unwrap(), &[], &whole()).unwrap();
            let wanted = halved.tensors.iter().filter(|(name, _)| plan.wants(name)).map(|(_, tensor)| tensor);
            let (matrices, vectors): (Vec<&Tensor>, Vec<&Tensor>) = wanted.partition(|tensor| tensor.rank() == 2);
            let [matrices, vectors] =
                [matrices, vectors].map(|of| of.iter().map(|tensor| tensor.elem_count()).sum::<usize>());
            let bytes = [dtype, DType::F32].map(|dtype| halved.load(dtype, &[]).weight_bytes());
            assert_eq!(bytes, [2 * matrices + 4 * vectors, 4 * matrices + 4 * vectors], "{family} in {kind}");
        }
    }
}

/// Every weight, whatever the split points.
fn whole() -> LoadOptions {
    LoadOptions { whole: true, ..LoadOptions::default() }
}

#[test]
fn the_cpu_refuses_to_compute_in_another_type_than_f32() {
    for (precision, name) in [(Precision::Tf32, "tf32"), (Precision::Bf16, "bf16"), (Precision::F16, "f16")] {
        let options = LoadOptions { precision, ..LoadOptions::default() };
        let error = golden::load("bert", "base", "weights", &["0"], &options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains(name) && error.hint_text().contains("f32"), "{error}");
    }
}

/// What a model is loaded with to compute in a type on a CUDA device.
#[cfg(feature = "cuda")]
fn on_a_device(dtype: DType) -> LoadOptions {
    let precision = if dtype == DType::BF16 { Precision::Bf16 } else { Precision::F16 };
    LoadOptions { device: eidos::DeviceChoice::Cuda(0), precision, ..whole() }
}

/// Every module of every family: near to what transformers computes in the type, and to the same numbers in f32.
#[cfg(feature = "cuda")]
#[test]
fn a_device_computes_in_half_precision_what_transformers_computes_in_it() {
    if let Some(reason) = eidos::device_status().reason {
        return eprintln!("not tested on a CUDA device: {reason}");
    }
    for (family, _) in golden::variants() {
        differences_where(&family, on_a_device);
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let listing = golden::listing(&family, variant_of(&family));
        let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
        for (dtype, kind, bound) in TYPES {
            let halved = Halved::new(&family, variant_of(&family), dtype);
            let there = halved.load_with(dtype, &splits, &on_a_device(dtype)).forward(&sequences).unwrap();
            let here = halved.load(dtype, &splits).forward(&sequences).unwrap();
            for ((path, there), here) in splits.iter().zip(&there).zip(&here) {
                let difference = difference(there, here);
                assert!(difference <= bound, "{family} {path} in {kind}: {difference:e}");
            }
        }
    }
}
