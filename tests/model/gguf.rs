//! GGUF files: the values that the package `gguf` and transformers give their blocks, and what transformers computes with them.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, SplitModel};
use eidos::{CollectOptions, Control, Error, Granularity};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::model::gguf_files::changed;
use crate::model::golden::{self, difference, values};

/// See `tests/golden/README.md`.
const TOLERANCE: f32 = 2e-5;

/// The types of blocks that are read.
const TYPES: [&str; 11] = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "MXFP4"];

pub fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data")
}

/// A GGUF file with a tokenizer beside it, whose texts nobody reads here.
pub struct Beside {
    folder: TempDir,
}

impl Beside {
    fn new(file: &Path) -> Self {
        Self::of(&fs::read(file).unwrap())
    }

    pub fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.gguf"), bytes).unwrap();
        fs::copy(data().join("models/eurobert/tokenizer/tokenizer.json"), folder.path().join("tokenizer.json"))
            .unwrap();
        Self { folder }
    }

    pub fn remove_tokenizer(&self) {
        fs::remove_file(self.folder.path().join("tokenizer.json")).unwrap();
    }

    fn file(&self) -> String {
        self.folder.path().join("model.gguf").to_str().unwrap().to_owned()
    }

    pub fn load(&self, splits: &[&str], options: &LoadOptions) -> Result<SplitModel, Error> {
        SplitModel::load(&self.file(), splits, options, &Control::new())
    }
}

pub fn whole() -> LoadOptions {
    LoadOptions { whole: true, ..LoadOptions::default() }
}

/// The folders with a model and what it must give.
pub fn families() -> Vec<String> {
    let entries = fs::read_dir(data().join("gguf")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries
        .filter(|path| path.join("expected.safetensors").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Those whose files candle reads, too, with which these tests take files apart: all but one of numbers of four bits.
pub fn families_of_candle() -> Vec<String> {
    families().into_iter().filter(|name| name != "gpt_oss").collect()
}

pub fn golden_file(name: &str) -> PathBuf {
    data().join("gguf").join(name).join("model.gguf")
}

pub fn family(name: &str) -> Beside {
    Beside::new(&golden_file(name))
}

pub fn safetensors(file: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(data().join("gguf").join(file), &Device::Cpu).unwrap()
}

/// The short text and the long one.
pub fn texts() -> Vec<Vec<u32>> {
    #[derive(Deserialize)]
    struct Input {
        ids: Vec<u32>,
    }
    let inputs: Vec<Input> = serde_json::from_slice(&fs::read(data().join("gguf/inputs.json")).unwrap()).unwrap();
    inputs.into_iter().map(|input| input.ids).collect()
}

pub fn bits(tensor: &Tensor) -> Vec<u32> {
    values(tensor).iter().map(|value| value.to_bits()).collect()
}

#[test]
fn blocks_of_every_type_have_the_values_that_the_package_gguf_gives_them() {
    let expected = safetensors("types.safetensors");
    assert_eq!(expected.len(), TYPES.len());
    for kind in TYPES {
        let model = Beside::new(&data().join("gguf/types").join(kind).with_extension("gguf"));
        let model = model.load(&["model.embed_tokens"], &LoadOptions::default()).unwrap();
        let rows = model.forward(&[&[0, 1, 2, 3, 4, 5]]).unwrap();
        assert!(bits(&rows[0]) == bits(&expected[kind]), "{kind}");
    }
}

#[test]
fn modules_and_logits_are_those_of_transformers_with_the_same_values() {
    let (families, texts) = (families(), texts());
    assert!(families.len() >= 12, "{families:?}");
    for name in families {
        let expected = safetensors(&format!("{name}/expected.safetensors"));
        let splits: Vec<&str> = expected.keys().filter_map(|key| key.strip_prefix("0/")).collect();
        let model = family(&name).load(&splits, &whole()).unwrap();
        let outputs = model.forward(&[&texts[0]]).unwrap();
        for (path, ours) in splits.iter().zip(&outputs) {
            let difference = difference(ours, &expected[&format!("0/{path}")]);
            assert!(difference <= TOLERANCE, "{name} {path}: {difference:e}");
        }
        // Encoders have none.
        let Some(logits) = expected.get("2/logits") else { continue };
        let difference = difference(&model.logits(&texts[1]).unwrap(), logits);
        assert!(difference <= TOLERANCE, "{name} logits: {difference:e}");
    }
}

#[test]
fn a_rows_bits_depend_on_its_text_alone() {
    let texts = texts();
    for name in ["llama", "llama_k", "gemma2"] {
        let model = family(name).load(&["model.layers.0.mlp"], &whole()).unwrap();
        let together = model.forward(&[&texts[0], &texts[1], &texts[0]]).unwrap();
        let alone = |text: &[u32]| bits(&model.forward(&[text]).unwrap()[0]);
        let expected: Vec<u32> = [&texts[0], &texts[1], &texts[0]].iter().flat_map(|text| alone(text)).collect();
        assert!(bits(&together[0]) == expected, "{name}");
        let logits = bits(&model.logits(&texts[1]).unwrap());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| bits(&model.logits(&texts[1]).unwrap()))).collect();
            threads.into_iter().for_each(|thread| assert!(thread.join().unwrap() == logits, "{name}"));
        });
    }
}

#[test]
fn weights_take_the_bytes_that_they_are_stored_in() {
    for name in families_of_candle() {
        let bytes = fs::read(golden_file(&name)).unwrap();
        let content = Content::read(&mut Cursor::new(&bytes)).unwrap();
        let tensors = content.tensor_infos.iter().filter(|(name, _)| !name.starts_with("rope_"));
        let size =
            |info: &TensorInfo| info.shape.elem_count() / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
        let expected: usize = tensors.map(|(_, info)| size(info)).sum();
        assert_eq!(family(&name).load(&[], &whole()).unwrap().weight_bytes(), expected, "{name}");
    }
}

#[test]
fn blocks_give_the_bits_of_their_values_in_single_precision() {
    for name in ["llama", "llama_k", "phi3"] {
        let single = changed(name, |_, tensors| {
            for tensor in tensors.values_mut() {
                let values = tensor.dequantize(&Device::Cpu).unwrap();
                *tensor = QTensor::quantize(&values, GgmlDType::F32).unwrap();
            }
        });
        let [ours, single] = [family(name), Beside::of(&single)].map(|model| {
            let model = model.load(&["model.layers.0.self_attn"], &whole()).unwrap();
            let outputs = model.forward(&[&texts()[1]]).unwrap();
            let outputs = [values(&outputs[0]), values(&model.logits(&texts()[1]).unwrap())];
            (outputs, model.products().to_owned(), model.weight_bytes())
        });
        for (ours_of, single_of) in ours.0.iter().zip(&single.0) {
            assert!(golden::agree([&ours.1, &single.1], ours_of, single_of), "{name}");
        }
        assert!(3 * ours.2 < 2 * single.2, "{name}: {} and {} bytes", ours.2, single.2);
    }
}

#[test]
fn texts_become_activations_with_the_tokenizer_of_the_file() {
    let tokenizers = data().join("gguf_tokenizers");
    let bytes = fs::read(tokenizers.join("llama3.gguf")).unwrap();
    let described = Content::read(&mut Cursor::new(&bytes)).unwrap().metadata;
    let vocabulary = described["tokenizer.ggml.tokens"].to_vec().unwrap().len();
    // A table for that vocabulary, in a model that has another one.
    let whole = changed("llama_scaled", |metadata, tensors| {
        metadata.extend(described.into_iter().filter(|(key, _)| key.starts_with("tokenizer.")));
        let table = Tensor::randn(0_f32, 1.0, (vocabulary, 32), &Device::Cpu).unwrap();
        tensors.insert("token_embd.weight".to_owned(), QTensor::quantize(&table, GgmlDType::Q8_0).unwrap());
    });
    let beside = Beside::of(&whole);
    beside.remove_tokenizer();
    let model = beside.load(&["model.layers.1"], &LoadOptions::default()).unwrap();
    let json = |name: &str| serde_json::from_slice::<Value>(&fs::read(tokenizers.join(name)).unwrap()).unwrap();
    let (texts, expected) = (json("texts.json"), json("llama3.json"));
    // All tokens of texts that fit, those of a beginning included.
    let short = expected["texts"].as_array().unwrap().iter().filter(|text| text["ids"].as_array().unwrap().len() < 40);
    let short: Vec<&Value> = short.collect();
    assert!(short.len() > 5);
    let texts: Vec<&str> =
        short.iter().map(|text| texts[text["text"].as_u64().unwrap() as usize].as_str().unwrap()).collect();
    let options = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let rows = model.activations(&texts, &options, &Control::new()).unwrap().remove(0);
    let ids: Vec<Vec<u32>> = short.iter().map(|text| serde_json::from_value(text["ids"].clone()).unwrap()).collect();
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let direct = values(&model.forward(&ids).unwrap()[0]);
    assert!(rows.rows(0, rows.row_count()).unwrap() == direct);
}
