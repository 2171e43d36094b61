//! LoRA adapters: the values of PEFT, what they may be with, and what is refused.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use eidos::{CollectOptions, Control, Error, ErrorCode, HeadChoice, LoadOptions, SplitModel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{assert_error, golden, replace};
use crate::model::golden::{self, difference, values};

const TOLERANCE: f32 = 2e-5;

/// A folder with the adapter of a case and, in it, its base model.
struct Adapter {
    place: TempDir,
    family: String,
}

impl Adapter {
    fn new(name: &str) -> Self {
        let (place, from) = (tempfile::tempdir().unwrap(), golden(&format!("lora/{name}")));
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            std::fs::copy(from.join(file), place.path().join(file)).unwrap();
        }
        let case: Value = serde_json::from_slice(&std::fs::read(from.join("case.json")).unwrap()).unwrap();
        let (family, variant) = (case["family"].as_str().unwrap(), case["variant"].as_str().unwrap());
        let base = place.path().join("base");
        std::fs::create_dir(&base).unwrap();
        let models = golden::folder(family);
        std::fs::copy(models.join(variant).join("config.json"), base.join("config.json")).unwrap();
        std::fs::copy(models.join("weights/model.safetensors"), base.join("model.safetensors")).unwrap();
        Self { place, family: family.to_owned() }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn load(&self, splits: &[&str], options: &LoadOptions) -> Result<SplitModel, Error> {
        SplitModel::load(self.path().to_str().unwrap(), splits, options, &Control::new())
    }

    fn base(&self, splits: &[&str]) -> SplitModel {
        let base = self.path().join("base");
        SplitModel::load(base.to_str().unwrap(), splits, &LoadOptions::default(), &Control::new()).unwrap()
    }

    fn change(&self, changes: &Value) {
        let file = self.path().join("adapter_config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        changes.as_object().unwrap().iter().for_each(|(field, value)| config[field] = value.clone());
        replace(&file, config.to_string());
    }

    fn weights(&self) -> PathBuf {
        self.path().join("adapter_model.safetensors")
    }

    fn tensors(&self) -> HashMap<String, Tensor> {
        candle_core::safetensors::load(self.weights(), &Device::Cpu).unwrap()
    }

    fn write(&self, tensors: &HashMap<String, Tensor>) {
        std::fs::remove_file(self.weights()).unwrap();
        candle_core::safetensors::save(tensors, self.weights()).unwrap();
    }

    fn ids(&self) -> Vec<u32> {
        golden::texts(&self.family).remove(0)
    }
}

fn expected(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(&format!("lora/{name}/expected.safetensors")), &Device::Cpu).unwrap()
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(golden("lora")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn whole() -> LoadOptions {
    LoadOptions { whole: true, ..LoadOptions::default() }
}

#[test]
fn blocks_and_logits_are_those_of_peft() {
    assert!(names().len() >= 8);
    for name in names() {
        let (adapter, expected) = (Adapter::new(&name), expected(&name));
        let splits: Vec<&str> = expected.keys().map(String::as_str).filter(|key| *key != "logits").collect();
        let model = adapter.load(&splits, &whole()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let ids = adapter.ids();
        for (path, ours) in splits.iter().zip(model.forward(&[&ids]).unwrap()) {
            let difference = difference(&ours, &expected[*path]);
            assert!(difference <= TOLERANCE, "{name} {path}: {difference:e}");
        }
        let ours = model.logits(&ids).unwrap();
        let theirs = &expected["logits"];
        let ours = if theirs.dims().len() == 1 { ours.squeeze(0).unwrap() } else { ours };
        let difference = difference(&ours, theirs);
        assert!(difference <= TOLERANCE, "{name} logits: {difference:e}");
    }
}

#[test]
fn a_run_to_a_module_reads_what_is_before_it_and_gives_the_same() {
    for name in ["llama", "gpt2"] {
        let adapter = Adapter::new(name);
        let (first, second) = if name == "llama" {
            ("model.layers.0.mlp", "model.layers.1")
        } else {
            ("transformer.h.0.mlp", "transformer.h.1")
        };
        let ids = adapter.ids();
        let both = adapter.load(&[first, second], &whole()).unwrap().forward(&[&ids]).unwrap();
        let alone = adapter.load(&[first], &LoadOptions::default()).unwrap().forward(&[&ids]).unwrap();
        assert!(values(&both[0]) == values(&alone[0]), "{name}");
        let copied = LoadOptions { copy: true, ..whole() };
        let copied = adapter.load(&[second], &copied).unwrap().forward(&[&ids]).unwrap();
        assert!(values(&both[1]) == values(&copied[0]), "{name}");
        let base = adapter.base(&[second]).forward(&[&ids]).unwrap();
        assert!(difference(&both[1], &base[0]) > 0.01, "{name}: nothing was changed");
    }
}

/// An adapter that adds nothing gives the bits of the base model, and those of several names of its tensors are one.
#[test]
fn an_adapter_of_zeros_is_its_base_model() {
    let adapter = Adapter::new("llama");
    let zeros = |(name, tensor): (String, Tensor)| {
        let tensor = if name.contains("lora_B") { tensor.zeros_like().unwrap() } else { tensor };
        (name, tensor)
    };
    adapter.write(&adapter.tensors().into_iter().map(zeros).collect());
    let ids = adapter.ids();
    let rows = |model: &SplitModel| values(&model.forward(&[&ids]).unwrap()[0]);
    let (ours, base) = (adapter.load(&["1"], &LoadOptions::default()).unwrap(), adapter.base(&["1"]));
    assert!(golden::agree([ours.products(), base.products()], &rows(&ours), &rows(&base)));
}

#[test]
fn names_of_tensors_may_be_others() {
    let adapter = Adapter::new("llama");
    let (ids, tensors) = (adapter.ids(), adapter.tensors());
    let rows = || values(&adapter.load(&["1"], &LoadOptions::default()).unwrap().forward(&[&ids]).unwrap()[0]);
    let before = rows();
    for rename in [
        |name: &str| name.trim_start_matches("base_model.model.").to_owned(),
        |name: &str| name.replace(".weight", ".default.weight"),
        |name: &str| name.replace("base_model.model.model.", "base_model.model."),
    ] {
        adapter.write(&tensors.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect());
        assert!(rows() == before);
    }
    // And in half precision they are rounded as they are there.
    let halves = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.to_dtype(DType::F16).unwrap()));
    adapter.write(&halves.collect());
    assert!(rows() != before);
}

#[test]
fn the_base_model_is_found_by_its_path_or_told_to_be_missing() {
    let adapter = Adapter::new("llama");
    let absolute = adapter.path().join("base").display().to_string();
    adapter.change(&json!({"base_model_name_or_path": absolute}));
    let model = adapter.load(&["1"], &LoadOptions::default()).unwrap();
    assert_eq!(model.name(), adapter.path().to_str().unwrap());
    // Only the modules are listed, and no weight is read.
    std::fs::remove_file(adapter.path().join("base/model.safetensors")).unwrap();
    assert!(adapter.load(&[], &LoadOptions::default()).unwrap().modules().len() > 10);
    let error =
        assert_error(adapter.load(&["1"], &LoadOptions::default()), ErrorCode::NotFound, &["model.safetensors"]);
    assert!(error.message().contains("base"), "{error}");
    for missing in ["/home/somebody/models/llama", "./no/such/folder"] {
        adapter.change(&json!({"base_model_name_or_path": missing}));
        let error = assert_error(adapter.load(&["1"], &LoadOptions::default()), ErrorCode::NotFound, &[missing]);
        assert!(error.hint_text().contains("`base_model_name_or_path` in adapter_config.json"), "{error}");
    }
    let itself = adapter.path().display().to_string();
    adapter.change(&json!({"base_model_name_or_path": itself}));
    assert_error(adapter.load(&["1"], &LoadOptions::default()), ErrorCode::Unsupported, &["an adapter itself"]);
}

#[test]
fn what_does_not_belong_together_is_named() {
    let load = |adapter: &Adapter| adapter.load(&["1"], &LoadOptions::default());
    // For another model: a block too many, and rows too many.
    let adapter = Adapter::new("llama");
    let tensors = adapter.tensors();
    adapter
        .write(&tensors.iter().map(|(name, tensor)| (name.replace("layers.0", "layers.7"), tensor.clone())).collect());
    let error = assert_error(load(&adapter), ErrorCode::InvalidFile, &["layers.7", "no such tensor"]);
    assert!(error.hint_text().contains("`base_model_name_or_path`, which is `base`"), "{error}");
    let with_last = |change: &dyn Fn(&Tensor) -> Tensor, mark: &str| {
        let change = |(name, tensor): (&String, &Tensor)| {
            (name.clone(), if name.contains(mark) { change(tensor) } else { tensor.clone() })
        };
        adapter.write(&tensors.iter().map(change).collect());
    };
    with_last(&|tensor| tensor.narrow(0, 0, 3).unwrap(), "layers.0.self_attn.q_proj.lora_A");
    assert_error(load(&adapter), ErrorCode::InvalidFile, &["layers.0.self_attn.q_proj", "[3, 24]", "[24, 4]"]);
    with_last(&|tensor| tensor.narrow(0, 0, 9).unwrap(), "layers.0.self_attn.q_proj.lora_B");
    assert_error(load(&adapter), ErrorCode::InvalidFile, &["layers.0.self_attn.q_proj", "[9, 4]"]);
    // Half of a pair, nothing at all, another kind.
    adapter.write(
        &tensors
            .iter()
            .filter(|(name, _)| !name.contains("0.self_attn.q_proj.lora_B"))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect(),
    );
    assert_error(load(&adapter), ErrorCode::InvalidFile, &["one of the two matrices", "layers.0.self_attn.q_proj"]);
    let mut dora = tensors.clone();
    let vector = Tensor::zeros(24, DType::F32, &Device::Cpu).unwrap();
    dora.insert("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector".to_owned(), vector);
    adapter.write(&dora);
    let error = assert_error(load(&adapter), ErrorCode::Unsupported, &["lora_magnitude_vector"]);
    assert!(error.hint_text().contains("merge_and_unload"), "{error}");
    std::fs::remove_file(adapter.weights()).unwrap();
    assert_error(load(&adapter), ErrorCode::NotFound, &["adapter_model.safetensors"]);
    adapter.change(&json!({"use_dora": true}));
    let error = assert_error(load(&adapter), ErrorCode::Unsupported, &["adapter_config.json: `use_dora` is true"]);
    assert!(error.hint_text().contains("merge_and_unload"), "{error}");
}

#[test]
fn one_of_two_tied_matrices_is_not_changed_alone() {
    for (kept, says) in [("lm_head", "embed_tokens"), ("embed_tokens", "lm_head")] {
        let adapter = Adapter::new("llama_tables");
        let config = adapter.path().join("base/config.json");
        let mut fields: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        fields["tie_word_embeddings"] = json!(true);
        replace(&config, fields.to_string());
        // The file has the matrix once.
        let base = adapter.path().join("base/model.safetensors");
        let mut tensors = candle_core::safetensors::load(&base, &Device::Cpu).unwrap();
        tensors.remove("lm_head.weight");
        std::fs::remove_file(&base).unwrap();
        candle_core::safetensors::save(&tensors, &base).unwrap();
        // Whole tables, which PEFT saves beside their changes, are each their own.
        let both = adapter.tensors().into_iter().filter(|(name, _)| !name.contains("base_layer"));
        let both: HashMap<_, _> = both.collect();
        adapter.write(&both);
        assert!(adapter.load(&["lm_head"], &whole()).is_ok(), "both are changed, each by its own");
        adapter.write(&both.into_iter().filter(|(name, _)| !name.contains(says)).collect());
        let error = assert_error(adapter.load(&["lm_head"], &whole()), ErrorCode::Unsupported, &["tied to"]);
        assert!(error.hint_text().contains("merge_and_unload"), "{kept}: {error}");
    }
}

#[test]
fn the_head_is_the_one_that_it_was_trained_with() {
    let adapter = Adapter::new("llama_classify");
    let model = adapter.load(&["1"], &whole()).unwrap();
    assert_eq!((model.logit_count(), model.has_logits_per_text()), (5, true));
    assert_eq!(model.logit_names().unwrap()[4], "LABEL_4");
    let base = LoadOptions { head: HeadChoice::Base, ..LoadOptions::default() };
    assert_eq!(adapter.load(&["layers.1"], &base).unwrap().modules()[0].kind, "LlamaModel");
}

#[test]
fn activations_of_an_adapter_do_not_go_on_with_those_of_its_base_model() {
    let adapter = Adapter::new("llama");
    let (place, ids) = (tempfile::tempdir().unwrap(), adapter.ids());
    let folder = place.path().join("rows");
    let collect = |model: &SplitModel| {
        let inputs = model.inputs_from_token_ids(&[&ids]).unwrap();
        let options = CollectOptions { folder: Some(folder.clone()), ..CollectOptions::default() };
        model.activations(&inputs, &options, &Control::new()).map(|mut found| found.remove(0))
    };
    let ours = collect(&adapter.load(&["1"], &LoadOptions::default()).unwrap()).unwrap();
    let folder = adapter.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(ours.provenance().model, Some(format!("./{folder}")));
    let first = ours.rows(0, ours.row_count()).unwrap().to_vec();
    drop(ours);
    let error = collect(&adapter.base(&["1"])).map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch, "{error}");
    // Another scale is another model, too.
    adapter.change(&json!({"lora_alpha": 7}));
    assert!(collect(&adapter.load(&["1"], &LoadOptions::default()).unwrap()).is_err());
    adapter.change(&json!({"lora_alpha": 6}));
    let again = collect(&adapter.load(&["1"], &LoadOptions::default()).unwrap());
    // Written with other spaces the file is another one as well.
    assert!(again.is_err() || again.is_ok_and(|again| again.rows(0, again.row_count()).unwrap() == first));
}

/// The text part of a model that reads images as well has the names of either version of transformers, and what reads images may be
/// changed, too.
#[test]
fn an_adapter_of_a_model_around_a_text_part_changes_that_part() {
    let adapter = Adapter::new("llama");
    let ids = adapter.ids();
    let plain = adapter.load(&["model.layers.1"], &LoadOptions::default()).unwrap().forward(&[&ids]).unwrap();
    let config = adapter.path().join("base/config.json");
    let text: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    let around =
        json!({"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "text_config": text});
    replace(&config, around.to_string());
    let tensors = adapter.tensors();
    for prefix in ["model.language_model.", "language_model.model.", "model."] {
        let renamed = |name: &String| name.replace("base_model.model.model.", &format!("base_model.model.{prefix}"));
        let mut tensors: HashMap<_, _> = tensors.iter().map(|(name, tensor)| (renamed(name), tensor.clone())).collect();
        for part in ["lora_A", "lora_B"] {
            let name = format!("base_model.model.model.vision_tower.layers.0.q_proj.{part}.weight");
            tensors.insert(name, Tensor::zeros((2, 2), DType::F32, &Device::Cpu).unwrap());
        }
        adapter.write(&tensors);
        let model = adapter.load(&["model.language_model.layers.1"], &LoadOptions::default()).unwrap();
        assert!(values(&model.forward(&[&ids]).unwrap()[0]) == values(&plain[0]), "{prefix}");
    }
    // Where nothing of the text part is changed, it is an adapter for something else.
    let only = |(name, _): &(String, Tensor)| name.contains("vision_tower");
    adapter.write(&adapter.tensors().into_iter().filter(only).collect());
    assert_error(adapter.load(&["0"], &LoadOptions::default()), ErrorCode::InvalidFile, &["vision_tower"]);
}
