//! Models around a text part, against transformers on text alone.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, ErrorCode, HeadChoice};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::golden::{self, difference, values};

const TOLERANCE: f32 = 2e-5;

/// The texts that the values were computed for, by their number.
const TEXTS: [usize; 2] = [0, 2];

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/multimodal")
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    class: String,
    splits: bool,
}

/// A model of the fixtures.
struct Case {
    name: String,
    config: Value,
    modules: Vec<Listed>,
}

impl Case {
    fn named(name: &str) -> Self {
        let read = |file: &str| std::fs::read(data().join(name).join(file)).unwrap();
        let modules = serde_json::from_slice(&read("modules.json")).unwrap();
        Self { name: name.to_owned(), config: serde_json::from_slice(&read("config.json")).unwrap(), modules }
    }

    fn all() -> Vec<Self> {
        let entries = std::fs::read_dir(data()).unwrap().map(|entry| entry.unwrap().path());
        let folders = entries.filter(|path| path.join("config.json").is_file());
        let mut names: Vec<_> = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        assert!(names.len() >= 34, "{names:?}");
        names.iter().map(|name| Self::named(name)).collect()
    }

    fn expected(&self) -> HashMap<String, Tensor> {
        candle_core::safetensors::load(data().join(&self.name).join("expected.safetensors"), &Device::Cpu).unwrap()
    }

    /// Where its text part is, in the class that it was saved from.
    fn part(&self) -> &str {
        let last = self.modules.iter().map(|module| &module.path).find(|path| path.ends_with("embed_tokens"));
        last.unwrap().strip_suffix(".embed_tokens").unwrap()
    }

    /// The tensors of its text part as they are called alone, those of a head included where the file has one.
    fn tensors(&self) -> HashMap<String, Tensor> {
        let text = self.config["text_config"]["model_type"].as_str().unwrap();
        let file = data().join("weights").join(format!("{text}.safetensors"));
        let mut tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        if self.config["tie_word_embeddings"] == json!(true) {
            tensors.remove("lm_head.weight");
        }
        tensors
    }

    /// Loads it with its tensors under the names that `rename` gives them. Beside them lies one of another part, in a type that
    /// cannot be read.
    fn load(&self, splits: &[&str], rename: impl Fn(&str) -> String) -> eidos::Result<SplitModel> {
        self.load_with(&self.config, splits, rename)
    }

    fn load_with(&self, config: &Value, splits: &[&str], rename: impl Fn(&str) -> String) -> eidos::Result<SplitModel> {
        let mut tensors: HashMap<_, _> =
            self.tensors().into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
        for name in ["model.vision_tower.layers.0.weight", "visual.layers.0.self_attn.q_proj.weight"] {
            tensors.insert(name.to_owned(), Tensor::zeros((2, 2), candle_core::DType::U8, &Device::Cpu).unwrap());
        }
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("model.safetensors");
        candle_core::safetensors::save(&tensors, &file).unwrap();
        let config = config.to_string();
        let weights = WeightSource::Files(vec![file]);
        let parts = ModelParts { name: &self.name, config: config.as_bytes(), weights };
        let options = LoadOptions { whole: true, ..LoadOptions::default() };
        SplitModel::from_parts(&parts, splits, &options, &Control::new())
    }

    /// As transformers 5 names tensors.
    fn newer(&self, name: &str) -> String {
        if name.starts_with("lm_head") || name.starts_with("score") {
            name.to_owned()
        } else {
            format!("{}.{name}", self.part())
        }
    }

    /// As transformers 4 named them.
    fn older(&self, name: &str) -> String {
        let part = self.part().trim_start_matches("model.");
        if name.starts_with("lm_head") { format!("{part}.{name}") } else { format!("{part}.model.{name}") }
    }
}

#[test]
fn blocks_and_logits_are_those_of_transformers_under_either_names() {
    let texts = golden::texts("llama");
    for case in Case::all() {
        let expected = case.expected();
        let splits: Vec<&str> = case
            .modules
            .iter()
            .filter(|module| TEXTS.iter().any(|text| expected.contains_key(&format!("{text}/{}", module.path))))
            .map(|module| module.path.as_str())
            .collect();
        assert!(splits.len() >= 5, "{}", case.name);
        let newer = case.load(&splits, |name| case.newer(name)).unwrap_or_else(|error| panic!("{error}"));
        let older = case.load(&splits, |name| case.older(name)).unwrap_or_else(|error| panic!("{error}"));
        let mut compared = 0;
        for text in TEXTS {
            let outputs = newer.forward(&[&texts[text]]).unwrap();
            let same = older.forward(&[&texts[text]]).unwrap();
            for ((path, ours), older) in splits.iter().zip(&outputs).zip(&same) {
                assert!(values(ours) == values(older), "{} {path}", case.name);
                let Some(theirs) = expected.get(&format!("{text}/{path}")) else { continue };
                let difference = difference(ours, theirs);
                assert!(difference <= TOLERANCE, "{} {path} of text {text}: {difference:e}", case.name);
                compared += 1;
            }
            if let Some(theirs) = expected.get(&format!("{text}/logits")) {
                let ours = newer.logits(&texts[text]).unwrap();
                let ours = if theirs.dims().len() == 1 { ours.squeeze(0).unwrap() } else { ours };
                let difference = difference(&ours, theirs);
                assert!(difference <= TOLERANCE, "{} logits of text {text}: {difference:e}", case.name);
                compared += 1;
            }
        }
        assert_eq!(compared, expected.len(), "{}", case.name);
    }
}

#[test]
fn the_modules_of_the_text_part_are_those_that_named_modules_prints() {
    for case in Case::all() {
        let plan = ModelPlan::new(case.config.to_string().as_bytes(), &[], &LoadOptions::default()).unwrap();
        let ours: Vec<_> = plan.modules()[1..].iter().map(|module| module.path.as_str()).collect();
        let theirs = case.modules.iter().map(|module| module.path.as_str()).filter(|path| !path.is_empty());
        let theirs: Vec<_> = theirs.collect();
        assert_eq!(ours, theirs, "{}", case.name);
        assert_eq!(plan.modules()[0].kind, case.config["architectures"][0].as_str().unwrap());
        for theirs in &case.modules {
            let ours = plan.modules().iter().find(|module| module.path == theirs.path).unwrap();
            let class = ours.kind.split('(').next().unwrap();
            // Of norms of heads and rotations the hooks that made the fixtures see no rows of tokens.
            let is_seen = !theirs.path.ends_with("_norm") && !theirs.path.ends_with("rotary_emb");
            assert_eq!(class, theirs.class, "{} {}", case.name, theirs.path);
            assert!(!is_seen || ours.can_split == theirs.splits, "{} {}", case.name, theirs.path);
        }
        let blocks = case.config["text_config"]["num_hidden_layers"].as_u64().unwrap_or(2) as usize;
        let recommended = plan.modules().iter().filter(|module| module.is_recommended);
        assert_eq!(recommended.count(), blocks, "{}", case.name);
    }
}

#[test]
fn a_module_is_found_by_its_path_in_the_model_and_in_the_text_model_alone() {
    for (name, canonical) in [
        ("llava", "model.language_model.layers.1.mlp"),
        ("llava_base", "language_model.layers.1.mlp"),
        ("qwen2_vl", "model.language_model.layers.1.mlp"),
        ("idefics3", "model.text_model.layers.1.mlp"),
        ("gemma3_classify", "model.language_model.layers.1.mlp"),
    ] {
        let case = Case::named(name);
        let part = if name == "idefics3" { "text_model" } else { "language_model" };
        let split = |path: &str| {
            let config = case.config.to_string();
            let plan = ModelPlan::new(config.as_bytes(), &[path], &LoadOptions::default());
            plan.map(|plan| plan.split_points()[0].path.clone())
        };
        for prefix in ["model.", "", &format!("model.{part}."), &format!("{part}."), &format!("{part}.model.")] {
            assert_eq!(split(&format!("{prefix}layers.1.mlp")).unwrap(), canonical, "{name} {prefix}");
        }
        assert_eq!(split("model.layers[1].mlp.output").unwrap(), canonical, "{name}");
        // Gemma 3 has a norm behind its MLP, which gives what the hook gives.
        let hook = split("blocks.1.hook_mlp_out").unwrap();
        assert_eq!(hook == canonical, name != "gemma3_classify", "{name}: {hook}");
        let block = canonical.strip_suffix(".mlp").unwrap();
        for other in ["1", "-1", "layer 1", "layers.1", "model.layers.1", "hidden_states[1]"] {
            let expected = if other == "hidden_states[1]" { block.replace(".1", ".0") } else { block.to_owned() };
            assert_eq!(split(other).unwrap(), expected, "{name} {other}");
        }
        let error = split("model.vision_tower.encoder.layers.0").unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownModule);
        assert!(error.message().contains("its text part alone is read"), "{error}");
        let error = split("model.layers.7.mlp").unwrap_err();
        assert!(error.to_string().contains("there is no block 7"), "{error}");
    }
    let case = Case::named("llava");
    let head = ModelPlan::new(case.config.to_string().as_bytes(), &["language_model.lm_head"], &LoadOptions::default());
    assert_eq!(head.unwrap().split_points()[0].path, "lm_head");
}

/// As the published files of Qwen2-VL have it, written by transformers before 4.52.
#[test]
fn the_older_files_of_qwen2_vl_are_read() {
    for name in ["qwen2_vl", "qwen2_5_vl"] {
        let case = Case::named(name);
        let mut flat = case.config.clone();
        let text = flat.as_object_mut().unwrap().remove("text_config").unwrap();
        for (field, value) in text.as_object().unwrap() {
            if field != "model_type" && field != "rope_parameters" && field != "layer_types" {
                flat[field] = value.clone();
            }
        }
        flat["tie_word_embeddings"] = case.config["tie_word_embeddings"].clone();
        flat["rope_theta"] = json!(100.0);
        flat["rope_scaling"] = json!({"type": "mrope", "mrope_section": [1, 1, 1]});
        let splits = ["model.language_model.layers.1"];
        let rename = |name: &str| if name.starts_with("lm_head") { name.to_owned() } else { format!("model.{name}") };
        let model = case.load_with(&flat, &splits, rename).unwrap();
        let text = &golden::texts("llama")[2];
        let expected = case.expected();
        let rows = &model.forward(&[text]).unwrap()[0];
        assert!(difference(rows, &expected["2/model.language_model.layers.1"]) <= TOLERANCE, "{name}");
        assert!(difference(&model.logits(text).unwrap(), &expected["2/logits"]) <= TOLERANCE, "{name}");
    }
}

#[test]
fn a_head_that_the_model_around_has_not_is_refused_with_its_classes() {
    let case = Case::named("llava");
    let plan = |head: HeadChoice| {
        let options = LoadOptions { head, ..LoadOptions::default() };
        ModelPlan::new(case.config.to_string().as_bytes(), &[], &options)
    };
    let error = plan(HeadChoice::SequenceClassification).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.to_string().contains("`llava`") && error.to_string().contains("LlavaForConditionalGeneration"));
    let base = plan(HeadChoice::Base).unwrap();
    assert_eq!(base.modules()[0].kind, "LlavaModel");
    assert_eq!(base.modules()[1].path, "language_model");
    let classes = Case::named("gemma3_classify");
    let plan = ModelPlan::new(classes.config.to_string().as_bytes(), &[], &LoadOptions::default()).unwrap();
    assert!(plan.modules().iter().any(|module| module.path == "score" && module.kind == "Linear(24 -> 3)"));
}
