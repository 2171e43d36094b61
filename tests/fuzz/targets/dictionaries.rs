//! Dictionaries that others published: their configurations and weights in every format.

use std::path::Path;

use eidos::{Control, DictionaryFormat, Error, ErrorCode, Explainer, HubOptions, PublishedOptions};

use super::{Place, Seed, Target, golden, in_order, write};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "dictionary_config", format: Format::Json, share: 5, seeds: config_seeds, run: config },
        Target { name: "dictionary", format: Format::Safetensors, share: 3, seeds: weights_seeds, run: weights },
        Target { name: "arrays", format: Format::Archive, share: 5, seeds: arrays_seeds, run: arrays },
        Target { name: "dictionary_pickle", format: Format::Archive, share: 4, seeds: pickle_seeds, run: pickle },
    ]
}

/// Folders of dictionaries, each with the file that says what it is and the one of its weights.
const FOLDERS: [(&str, &str, &str); 11] = [
    ("sae_lens_standard_2", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_topk_1", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_gated", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_jumprelu_skip_transcoder", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_matching_pursuit", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_matryoshka_batchtopk_checkpoint", "cfg.json", "sae_weights.safetensors"),
    ("sae_lens_5_topk", "cfg.json", "sae_weights.safetensors"),
    ("sparsify/h.3.attn", "cfg.json", "sae.safetensors"),
    ("llama_scope_r1", "config.json", "sae_weights.safetensors"),
    ("llama_scope_transcoder", "hyperparams.json", "checkpoints/final.safetensors"),
    (
        "gemma_scope_2/gemma-scope-2-1b-pt/transcoder_all/layer_7_width_16k_l0_small_affine",
        "config.json",
        "params.safetensors",
    ),
];

/// Those of Gemma Scope 1: an archive that is compressed, one that is not, and one with an array by columns.
const ARRAYS: [&str; 3] = [
    "gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71",
    "gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_10",
    "gemma-scope-2b-pt-att/layer_7/width_16k/average_l0_10",
];

const PICKLES: [&str; 4] = ["top_k", "matryoshka", "gated", "standard"];

fn read(path: &str) -> Vec<u8> {
    std::fs::read(golden("dictionaries").join(path)).unwrap()
}

/// Opens a dictionary, and uses what opened.
fn open(path: &Path) -> Result<(), Error> {
    let options = PublishedOptions { input_factor: Some(0.5), ..PublishedOptions::default() };
    let offline = HubOptions { offline: Some(true), ..HubOptions::default() };
    let explainer = Explainer::open_published(path.to_str().unwrap(), &options, &offline, &Control::new())?;
    let rows: Vec<f32> = (0..3 * explainer.input_width()).map(|index| (index % 7) as f32 - 2.5).collect();
    // Weights of any size may give codes that are beyond all numbers.
    let bearable = |result: Result<(), Error>| match result {
        Err(error) if error.code() != ErrorCode::InvalidData => Err(error),
        _ => Ok(()),
    };
    bearable(explainer.codes(&rows).map(drop))?;
    bearable(explainer.reconstruct(&rows, &mut vec![0.0; 3 * explainer.output_width()]))?;
    let saved = path.with_extension("saved");
    explainer.save_as(&saved, DictionaryFormat::Safetensors)?;
    let plain = saved.with_extension("safetensors");
    std::fs::rename(&saved, &plain).unwrap();
    Explainer::open(&plain).map(drop)
}

fn config_seeds() -> Vec<Seed> {
    in_order(FOLDERS.map(|(folder, config, _)| read(&format!("{folder}/{config}"))))
}

fn config(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let (folder, _, weights) = FOLDERS[usize::from(setting) % FOLDERS.len()];
    open_both(place, setting, bytes, &read(&format!("{folder}/{weights}")))
}

fn weights_seeds() -> Vec<Seed> {
    in_order(FOLDERS.map(|(folder, _, weights)| read(&format!("{folder}/{weights}"))))
}

fn weights(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let (folder, config, _) = FOLDERS[usize::from(setting) % FOLDERS.len()];
    open_both(place, setting, &read(&format!("{folder}/{config}")), bytes)
}

fn open_both(place: &mut Place, setting: u8, config_bytes: &[u8], weights_bytes: &[u8]) -> Result<(), Error> {
    let (folder, config, weights) = FOLDERS[usize::from(setting) % FOLDERS.len()];
    let here = place.folder(folder, |here| std::fs::create_dir_all(here.join(weights).parent().unwrap()).unwrap());
    write(&here.join(config), config_bytes);
    write(&here.join(weights), weights_bytes);
    open(&here)
}

fn arrays_seeds() -> Vec<Seed> {
    in_order(ARRAYS.map(|folder| read(&format!("gemma_scope/{folder}/params.npz"))))
}

fn arrays(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    open(&place.file("params.npz", bytes))
}

fn pickle_seeds() -> Vec<Seed> {
    in_order(PICKLES.map(|class| read(&format!("dictionary_learning_{class}/ae.pt"))))
}

fn pickle(place: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    let class = PICKLES[usize::from(setting) % PICKLES.len()];
    let here = place.folder(class, |_| {});
    write(&here.join("config.json"), &read(&format!("dictionary_learning_{class}/config.json")));
    write(&here.join("ae.pt"), bytes);
    open(&here)
}
