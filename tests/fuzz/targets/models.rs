//! Configurations and weights in every format.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use eidos::model::{ModelParts, ModelPlan, WeightSource};
use eidos::{CollectOptions, Control, Error, ErrorCode, LoadOptions, SplitModel};
use serde_json::json;

use super::{Place, Seed, Target, golden, in_order, names, read, write};
use crate::layout::{Gguf, entries, write_archive};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "config", format: Format::Json, share: 20, seeds: config_seeds, run: config },
        Target {
            name: "safetensors",
            format: Format::Safetensors,
            share: 8,
            seeds: safetensors_seeds,
            run: safetensors,
        },
        Target { name: "index", format: Format::Json, share: 4, seeds: index_seeds, run: index },
        Target { name: "pickle", format: Format::Pickle, share: 8, seeds: pickle_seeds, run: pickle },
        Target { name: "archive", format: Format::Archive, share: 8, seeds: archive_seeds, run: archive },
        Target { name: "gguf", format: Format::Gguf, share: 10, seeds: gguf_seeds, run: gguf },
        Target { name: "gguf_part", format: Format::Gguf, share: 4, seeds: part_seeds, run: part },
        Target { name: "gguf_tokenizer", format: Format::Gguf, share: 6, seeds: vocabulary_seeds, run: vocabulary },
    ]
}

/// A text for every model: each vocabulary has these ids.
const IDS: [u32; 5] = [1, 2, 3, 4, 5];

/// A number that the bytes decide, to choose with.
fn sum(bytes: &[u8]) -> usize {
    bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)))
}

/// A configuration with the weights that belong to it.
struct Variant {
    config: PathBuf,
    weights: PathBuf,
}

/// One of each family, and after these those with another head or with other parts.
fn variants() -> &'static [Variant] {
    static ALL: OnceLock<Vec<Variant>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = Vec::new();
        for family in names("models") {
            let mut of_family = 0;
            for variant in names(&format!("models/{family}")) {
                let file = |folder: &str, file: &str| golden(&format!("models/{family}/{folder}/{file}"));
                // Its own, or those of the variant that its name begins with.
                let begins = std::iter::successors(Some(variant.as_str()), |name| Some(name.rsplit_once('_')?.0));
                let own = begins.map(|name| file(&format!("weights_{name}"), "model.safetensors"));
                let weights = own.chain([file("weights", "model.safetensors")]).find(|path| path.exists());
                let config = file(&variant, "config.json");
                if let Some(weights) = weights.filter(|_| config.exists()) {
                    all.push((of_family, Variant { config, weights }));
                    of_family += 1;
                }
            }
        }
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, variant)| variant).collect()
    })
}

fn config_seeds() -> Vec<Seed> {
    in_order(variants().iter().map(|variant| std::fs::read(&variant.config).unwrap()))
}

fn config(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let variant = &variants()[usize::from(setting) % variants().len()];
    // One of the modules that the file says there are.
    let plan = ModelPlan::new(bytes, &[], &LoadOptions::default())?;
    let modules: Vec<&str> = plan.modules().iter().map(|module| module.path.as_str()).collect();
    let chosen = modules.get(sum(bytes) % modules.len().max(1)).copied().unwrap_or("0");
    let whole = sum(bytes).is_multiple_of(3);
    let load = |path: &str| load_parts(bytes, &[path], whole, variant.weights.clone());
    let model =
        load(chosen).or_else(|error| if error.code() == ErrorCode::UnknownModule { load("0") } else { Err(error) })?;
    use_model(&model, whole)
}

fn load_parts(config: &[u8], splits: &[&str], whole: bool, weights: PathBuf) -> Result<SplitModel, Error> {
    let parts = ModelParts { name: "a model", config, weights: WeightSource::Files(vec![weights]) };
    SplitModel::from_parts(&parts, splits, &LoadOptions { whole, ..LoadOptions::default() }, &Control::new())
}

fn use_model(model: &SplitModel, whole: bool) -> Result<(), Error> {
    model.forward(&[&IDS, &IDS[..1]])?;
    if whole && model.logit_count() > 0 {
        model.logits(&IDS)?;
    }
    Ok(())
}

/// Small models, whose weights are changed.
const SMALL: [(&str, &str); 3] = [("albert", "base"), ("bert", "base"), ("cohere", "causal_lm")];

fn safetensors_seeds() -> Vec<Seed> {
    in_order(SMALL.map(|(family, _)| read(&format!("models/{family}/weights/model.safetensors"))))
}

fn safetensors(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let (family, variant) = SMALL[usize::from(setting) % SMALL.len()];
    let config = read(&format!("models/{family}/{variant}/config.json"));
    let weights = place.file("model.safetensors", bytes);
    let module = if family == "albert" { "embeddings" } else { "0" };
    let model = load_parts(&config, &[module], false, weights)?;
    use_model(&model, false)
}

fn index_seeds() -> Vec<Seed> {
    let weights = read("models/eurobert/weights/model.safetensors");
    let length = u64::from_le_bytes(*weights.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    let tensors = header.as_object().unwrap().keys().filter(|name| !name.starts_with("__"));
    let map: serde_json::Map<_, _> =
        tensors.map(|name| (name.clone(), json!("model-00001-of-00001.safetensors"))).collect();
    let index = json!({"metadata": {"total_size": weights.len()}, "weight_map": map});
    in_order([index.to_string().into_bytes(), read("torch/shards/pytorch_model.bin.index.json")])
}

fn index(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let copy = |from: &str, to: PathBuf| assert!(std::fs::copy(golden(from), to).is_ok());
    let folder = if setting.is_multiple_of(2) {
        let folder = place.folder("shards", |folder| {
            copy("models/eurobert/base/config.json", folder.join("config.json"));
            copy("models/eurobert/weights/model.safetensors", folder.join("model-00001-of-00001.safetensors"));
            copy("models/eurobert/tokenizer/tokenizer.json", folder.join("tokenizer.json"));
        });
        write(&folder.join("model.safetensors.index.json"), bytes);
        folder
    } else {
        let folder = place.folder("torch_shards", |folder| {
            copy("models/llama/causal_lm/config.json", folder.join("config.json"));
            copy("models/eurobert/tokenizer/tokenizer.json", folder.join("tokenizer.json"));
            for number in 1..3 {
                let name = format!("pytorch_model-0000{number}-of-00002.bin");
                copy(&format!("torch/shards/{name}"), folder.join(&name));
            }
        });
        write(&folder.join("pytorch_model.bin.index.json"), bytes);
        folder
    };
    let model = load(&folder, &["0"])?;
    use_model(&model, false)
}

fn load(path: &Path, splits: &[&str]) -> Result<SplitModel, Error> {
    SplitModel::load(path.to_str().unwrap(), splits, &LoadOptions::default(), &Control::new())
}

const CHECKPOINTS: [&str; 2] = ["torch/whole/pytorch_model.bin", "torch/views/pytorch_model.bin"];

fn pickle_seeds() -> Vec<Seed> {
    in_order(CHECKPOINTS.map(|path| {
        let archive = read(path);
        entries(&archive).into_iter().find(|(name, _)| name.ends_with(b"data.pkl")).unwrap().1.to_vec()
    }))
}

fn pickle(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let archive = read(CHECKPOINTS[usize::from(setting) % CHECKPOINTS.len()]);
    let mut entries = entries(&archive);
    let pickle = entries.iter_mut().find(|(name, _)| name.ends_with(b"data.pkl"));
    pickle.unwrap().1 = bytes;
    checkpoint(place, &write_archive(&entries))
}

fn archive_seeds() -> Vec<Seed> {
    in_order([CHECKPOINTS[0], "torch/older/pytorch_model.bin"].map(read))
}

fn archive(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    checkpoint(place, bytes)
}

fn checkpoint(place: &mut Place, bytes: &[u8]) -> Result<(), Error> {
    let config = read("models/llama/causal_lm/config.json");
    let model = load_parts(&config, &["0"], false, place.file("pytorch_model.bin", bytes))?;
    use_model(&model, false)
}

fn gguf_seeds() -> Vec<Seed> {
    // Those with blocks of 256 numbers are large; their type is read as the others are.
    let models = names("gguf").into_iter().map(|name| format!("gguf/{name}/model.gguf"));
    in_order(models.filter(|path| golden(path).exists() && !path.contains("llama_k")).map(|path| read(&path)))
}

fn gguf(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("gguf", beside);
    let file = folder.join("model.gguf");
    write(&file, bytes);
    use_model(&load(&file, &["0"])?, false)
}

/// A tokenizer beside a GGUF file.
fn beside(folder: &Path) {
    std::fs::copy(golden("models/eurobert/tokenizer/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
}

fn part_name(number: u8) -> String {
    format!("model-0000{}-of-00003.gguf", number % 3 + 1)
}

fn part_seeds() -> Vec<Seed> {
    in_order((0..3).map(|number| read(&format!("gguf/parts/{}", part_name(number)))))
}

fn part(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("parts", beside);
    for number in 0..3 {
        let name = part_name(number);
        if number == setting % 3 {
            write(&folder.join(name), bytes);
        } else {
            write(&folder.join(&name), &read(&format!("gguf/parts/{name}")));
        }
    }
    use_model(&load(&folder.join(part_name(0)), &["1"])?, false)
}

/// A model of the fixtures with another vocabulary, and a table for it of zeros behind all other tensors.
fn with_vocabulary(model: &[u8], vocabulary: &[u8]) -> Vec<u8> {
    const TABLE: &[u8] = b"token_embd.weight";
    let (model_walk, vocabulary_walk) = (Gguf::walk(model), Gguf::walk(vocabulary));
    let of_tokenizer = |key: &[u8]| key.starts_with(b"tokenizer.");
    let own = model_walk.entries.iter().filter(|(key, _)| !of_tokenizer(key)).map(|(_, place)| &model[place.clone()]);
    let others = vocabulary_walk.entries.iter().filter(|(key, _)| of_tokenizer(key));
    let entries: Vec<&[u8]> = own.chain(others.map(|(_, place)| &vocabulary[place.clone()])).collect();
    let (_, tokens) = vocabulary_walk.entries.iter().find(|(key, _)| *key == b"tokenizer.ggml.tokens").unwrap();
    // After the key there are the type of the value, that of its elements, and their number.
    let count = tokens.start + 8 + b"tokenizer.ggml.tokens".len() + 8;
    let count = u64::from_le_bytes(vocabulary[count..count + 8].try_into().unwrap());
    let end = model_walk.tensors.last().unwrap().1.end;
    let values = &model[end.next_multiple_of(32)..];
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((model_walk.tensors.len() as u64).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    bytes.extend(entries.concat());
    let mut columns = 0;
    for (name, place) in &model_walk.tensors {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(*name);
        if *name == TABLE {
            columns = u64::from_le_bytes(model[place.start + 4..place.start + 12].try_into().unwrap());
            let sides = [columns, count].map(u64::to_le_bytes).concat();
            bytes.extend(
                [&2_u32.to_le_bytes(), sides.as_slice(), &[0; 4], &(values.len() as u64).to_le_bytes()].concat(),
            );
        } else {
            bytes.extend(&model[place.clone()]);
        }
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(values);
    bytes.resize(bytes.len() + (columns * count * 4) as usize, 0);
    bytes
}

fn vocabulary_seeds() -> Vec<Seed> {
    let model = read("gguf/llama/model.gguf");
    let files = names("gguf_tokenizers").into_iter().filter(|name| name.contains(".gguf"));
    in_order(files.map(|file| with_vocabulary(&model, &read(&format!("gguf_tokenizers/{file}")))))
}

fn vocabulary(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("vocabulary", |_| ());
    let file = folder.join("model.gguf");
    write(&file, bytes);
    let model = load(&file, &["0"])?;
    model.activations(&["a warm film, naïve 電影 .", ""], &CollectOptions::default(), &Control::new())?;
    Ok(())
}
