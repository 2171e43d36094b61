//! Models of the fixtures with weights in half precision: those of `tests/golden/golden/half.py`.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use eidos::Control;
use eidos::model::{LoadOptions, ModelParts, SplitModel, WeightSource};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::golden;

/// A model in half precision: that of `golden/half.py`.
pub struct Halved {
    family: String,
    /// The variant of the family whose configuration it has.
    pub variant: &'static str,
    pub config: Value,
    pub tensors: HashMap<String, Tensor>,
    folder: TempDir,
}

impl Halved {
    /// The model of a family in a type.
    pub fn new(family: &str, dtype: DType) -> Self {
        let variant = variant_of(family);
        let mut config = golden::config(family, variant);
        if config["final_logit_softcapping"].is_number() {
            config["final_logit_softcapping"] = json!(30.0);
        }
        let norms: &[&str] = match family {
            "olmo2" | "olmo3" => &["layernorm"],
            "gemma4" => &["q_norm", "k_norm", "post_"],
            "qwen3_5" => &["norm"],
            _ => &[],
        };
        let files = golden::weight_files(family, &golden::weights_of(family, variant));
        let stored = files.iter().flat_map(|file| candle_core::safetensors::load(file, &Device::Cpu).unwrap());
        let halved = stored.map(|(name, tensor)| {
            let table = ["embed", "wte", "wpe", "shared"].iter().any(|word| name.contains(word));
            let is_norm = norms.iter().any(|word| name.contains(word));
            let is_projection = tensor.rank() > 1 && !table && !name.ends_with("conv1d.weight");
            let factor = if is_projection || is_norm { 0.5 } else { 1.0 };
            let tensor = (tensor.to_dtype(DType::F32).unwrap() * factor).unwrap().to_dtype(dtype).unwrap();
            (name, tensor)
        });
        Self {
            family: family.to_owned(),
            variant,
            config,
            tensors: halved.collect(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// What transformers computed for the first text in a type (`bf16`, `f16`), by path.
    pub fn expected(family: &str, kind: &str) -> HashMap<String, Tensor> {
        let file = golden::folder(family).join(Path::new("../../half").join(family).with_extension("safetensors"));
        let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let of_kind = |(name, tensor): (String, Tensor)| {
            let path = name.strip_prefix(kind)?.strip_prefix('/')?.to_owned();
            Some((path, tensor))
        };
        expected.into_iter().filter_map(of_kind).collect()
    }

    /// The modules that there is something to compare for.
    pub fn splits(&self, kind: &str) -> Vec<String> {
        let paths: BTreeSet<String> = Self::expected(&self.family, kind).into_keys().collect();
        paths.into_iter().filter(|path| path != "logits").collect()
    }

    /// The model, from a file with these values in a type.
    pub fn load(&self, dtype: DType, splits: &[&str], options: &LoadOptions) -> SplitModel {
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
