//! Dictionaries that others published: read as their libraries read them, from folders, files and a hub, and written for others.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use eidos::{
    Activations, AutoencoderParts, CollectOptions, Control, DictionaryFormat, ErrorCode, Explainer, HubOptions, Ica,
    IcaOptions, Provenance, PublishedOptions, SaeActivation, SplitModel, TopInputs,
};
use safetensors::SafeTensors;

use crate::common::tiny;

/// How far from the values of the libraries, in parts of the largest: both sum twelve products in single precision.
const TOLERANCE: f32 = 2e-6;

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/dictionaries")
}

/// What the libraries say: values by `<folder>/<what>`.
struct Expected(Vec<u8>);

impl Expected {
    fn read() -> Self {
        Self(std::fs::read(place().join("expected.safetensors")).unwrap())
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        tensor.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
    }

    /// The folders of all cases.
    fn cases(&self) -> Vec<String> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let mut names: Vec<String> =
            tensors.names().iter().filter_map(|name| name.strip_suffix("/rows")).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// Compares what an explainer makes of the rows of a case.
    fn check(&self, case: &str, explainer: &Explainer, what: &str) {
        let rows = self.values(&format!("{case}/rows"));
        let codes = self.values(&format!("{case}/codes"));
        let reconstructed = self.values(&format!("{case}/reconstructed"));
        let (mut found, mut back) = (vec![0.0; codes.len()], vec![0.0; reconstructed.len()]);
        explainer.encode(&rows, &mut found).unwrap_or_else(|error| panic!("{case}, {what}: {error}"));
        near(&found, &codes, &format!("{case}, {what}: the codes"));
        explainer.reconstruct(&rows, &mut back).unwrap_or_else(|error| panic!("{case}, {what}: {error}"));
        near(&back, &reconstructed, &format!("{case}, {what}: the rows"));
    }
}

fn near(found: &[f32], expected: &[f32], what: &str) {
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let far = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let far = far.fold(0.0_f32, f32::max) / largest;
    assert!(far <= TOLERANCE, "{what} are {far:e} of the largest value off");
    let on = |values: &[f32]| values.iter().filter(|value| **value != 0.0).count();
    assert_eq!(on(found), on(expected), "{what}: as many are not zero");
}

/// What a caller says of a case whose files do not say all.
fn options(case: &str) -> PublishedOptions {
    let input_factor = match case {
        "sae_lens_factor" => Some(1.7),
        "llama_scope_r1" => Some(0.4),
        _ => None,
    };
    PublishedOptions { input_factor, ..PublishedOptions::default() }
}

fn open(case: &str) -> Explainer {
    let path = place().join(case);
    let hub = HubOptions::default();
    Explainer::open_published(path.to_str().unwrap(), &options(case), &hub, &Control::new())
        .unwrap_or_else(|error| panic!("{case}: {error}"))
}

#[test]
fn published_dictionaries_encode_and_decode_as_their_libraries_do() {
    let expected = Expected::read();
    let cases = expected.cases();
    assert!(cases.len() >= 35, "{} cases", cases.len());
    for case in cases {
        expected.check(&case, &open(&case), "opened");
    }
}

#[test]
fn what_was_opened_is_saved_and_opened_in_every_format() {
    let expected = Expected::read();
    let folder = tempfile::tempdir().unwrap();
    for case in expected.cases() {
        let explainer = open(&case);
        let path = folder.path().join("own.safetensors");
        explainer.save(&path).unwrap();
        let own = Explainer::open(&path).unwrap();
        expected.check(&case, &own, "as a file of Eidos");
        assert_eq!(own.provenance(), explainer.provenance());
        let path = folder.path().join("plain.safetensors");
        explainer.save_as(&path, DictionaryFormat::Safetensors).unwrap();
        let plain = Explainer::open(&path).unwrap();
        expected.check(&case, &plain, "as one file of safetensors");
        assert_eq!(plain.provenance().split_point, explainer.provenance().split_point, "{case}");
        let path = folder.path().join("sae_lens");
        match explainer.save_as(&path, DictionaryFormat::SaeLens) {
            Ok(()) => expected.check(&case, &Explainer::open(&path).unwrap(), "as a folder of SAELens"),
            Err(error) => {
                let beyond = ["sparsify/layers.6.mlp", "sparsify/h.3.attn"];
                assert!(error.code() == ErrorCode::Unsupported && beyond.contains(&case.as_str()), "{case}: {error}");
            }
        }
    }
}

#[test]
fn split_points_and_models_are_those_that_the_files_or_their_folders_name() {
    for (case, model, split_point, output) in [
        ("sae_lens_standard", "gpt2-small", "blocks.5.hook_resid_post", None),
        ("sae_lens_2", "gpt2-small", "blocks.5.hook_resid_pre", None),
        ("sae_lens_5_topk", "gpt2-small", "blocks.5.attn.hook_z", None),
        ("sae_lens_transcoder", "gpt2-small", "blocks.5.hook_resid_post", Some("blocks.5.hook_mlp_out")),
        (
            "gemma_scope/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71",
            "google/gemma-2-2b",
            "blocks.20.hook_resid_post",
            None,
        ),
        ("gemma_scope/gemma-scope-2b-pt-res/embedding/width_4k/average_l0_6", "google/gemma-2-2b", "hook_embed", None),
        (
            "gemma_scope/gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_10",
            "google/gemma-2-2b",
            "blocks.3.hook_mlp_out",
            None,
        ),
        (
            "gemma_scope/gemma-scope-2b-pt-transcoders/layer_9/width_16k/average_l0_10",
            "google/gemma-2-2b",
            "blocks.9.ln2.hook_normalized",
            Some("blocks.9.hook_mlp_out"),
        ),
        (
            "gemma_scope_2/gemma-scope-2-1b-pt/resid_post/layer_5_width_16k_l0_medium",
            "google/gemma-3-1b-pt",
            "model.layers.5",
            None,
        ),
        (
            "gemma_scope_2/gemma-scope-2-1b-pt/transcoder_all/layer_7_width_16k_l0_small_affine",
            "google/gemma-3-1b-pt",
            "model.layers.7.pre_feedforward_layernorm",
            Some("model.layers.7.post_feedforward_layernorm"),
        ),
        ("llama_scope_transcoder", "", "blocks.5.ln2.hook_normalized", Some("blocks.5.hook_mlp_out")),
        ("sparsify/layers.5", "", "layers.5", None),
        ("sparsify/layers.6.mlp", "", "layers.6.mlp.input", Some("layers.6.mlp")),
        ("dictionary_learning_standard", "EleutherAI/pythia-70m-deduped", "blocks.8.hook_resid_post", None),
        ("dictionary_learning_gated", "EleutherAI/pythia-70m-deduped", "blocks.8.hook_mlp_out", None),
    ] {
        let explainer = open(case);
        let provenance = explainer.provenance();
        assert_eq!(provenance.model.as_deref().unwrap_or_default(), model, "{case}");
        assert_eq!(provenance.split_point.as_deref(), Some(split_point), "{case}");
        assert_eq!(explainer.options()["output_split_point"].as_str(), output, "{case}");
        assert_eq!(explainer.is_transcoder(), output.is_some(), "{case}");
    }
    let named = PublishedOptions {
        model: Some("mine".to_owned()),
        split_point: Some("model.layers.3".to_owned()),
        ..PublishedOptions::default()
    };
    let path = place().join("sae_lens_standard");
    let own =
        Explainer::open_published(path.to_str().unwrap(), &named, &HubOptions::default(), &Control::new()).unwrap();
    let provenance = own.provenance();
    assert_eq!(
        (provenance.model.as_deref(), provenance.split_point.as_deref()),
        (Some("mine"), Some("model.layers.3"))
    );
}

#[test]
fn what_the_files_do_not_say_is_a_warning() {
    let path = place().join("sae_lens_factor");
    let explainer = Explainer::open(&path).unwrap();
    let [warning] = explainer.report().warnings.as_slice() else { panic!("{:?}", explainer.report().warnings) };
    assert!(warning.contains("input_factor"), "{warning}");
    assert!(open("sae_lens_factor").report().warnings.is_empty());
    // A file under another name is no less a dictionary, but nobody knows of what.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.npz");
    let scope = "gemma_scope/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71";
    std::fs::copy(place().join(scope).join("params.npz"), &file).unwrap();
    let renamed = Explainer::open(&file).unwrap();
    Expected::read().check(scope, &renamed, "renamed");
    assert_eq!(renamed.provenance().split_point, None);
    assert!(renamed.report().warnings[0].contains("split_point"), "{:?}", renamed.report().warnings);
}

#[test]
fn concepts_that_were_fitted_are_saved_for_others() {
    let rows: Vec<f32> = (0..400).map(|index| ((index * index * 7 + index / 3) % 101) as f32 / 50.0).collect();
    let activations = Activations::from_rows(rows.clone(), 4, None).unwrap();
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(3), &Control::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.safetensors");
    explainer.save_as(&path, DictionaryFormat::Safetensors).unwrap();
    let opened = Explainer::open(&path).unwrap();
    let (mut codes, mut others) = (vec![0.0; 300], vec![0.0; 300]);
    explainer.encode(&rows, &mut codes).unwrap();
    opened.encode(&rows, &mut others).unwrap();
    near(&others, &codes, "codes of either sign");
    assert!(codes.iter().any(|code| *code < -0.1));
    // SAELens would set those below zero to zero.
    let error = explainer.save_as(&folder.path().join("folder"), DictionaryFormat::SaeLens).unwrap_err();
    assert!(error.code() == ErrorCode::Unsupported && error.hint_text().contains("safetensors"), "{error}");
}

#[test]
fn a_model_is_split_at_the_hook_that_a_dictionary_names() {
    // Four concepts of the rows of a tiny model, the first columns.
    let columns = 32;
    let matrix: Vec<f32> = (0..4 * columns).map(|index| f32::from(index / columns == index % columns)).collect();
    let folder = tempfile::tempdir().unwrap();
    let saved = |hook: &str| {
        let parts = AutoencoderParts::new(matrix.clone(), matrix.clone(), columns, SaeActivation::Relu);
        let provenance = Provenance { split_point: Some(hook.to_owned()), ..Provenance::default() };
        let explainer = AutoencoderParts { provenance, ..parts }.explainer().unwrap();
        let path = folder.path().join(hook.replace('.', "_"));
        explainer.save_as(&path, DictionaryFormat::SaeLens).unwrap();
        Explainer::open(&path).unwrap()
    };
    let post = saved("blocks.1.hook_resid_post");
    let split = post.provenance().split_point.clone().unwrap();
    let model = tiny("eurobert", "base", &[&split]);
    assert_eq!(model.split_points()[0].path, "layers.1");
    let texts = ["a warm film", "sad"];
    let interpret = |explainer: &Explainer, model: &SplitModel| {
        let options = CollectOptions::default();
        TopInputs::default().interpret_inputs(explainer, model, &texts, &options, &Control::new())
    };
    assert_eq!(interpret(&post, &model).unwrap().concepts().len(), 4);
    // The module that gives the rows may have been named otherwise.
    interpret(&saved("blocks.2.hook_resid_pre"), &model).unwrap();
    interpret(&saved("model.layers.2.input"), &model).unwrap();
    let error = interpret(&saved("blocks.2.hook_resid_post"), &model).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch, "{error}");
    // What no module gives is said where a model is asked for it.
    let none = saved("blocks.1.attn.hook_z");
    assert_eq!(interpret(&none, &model).unwrap_err().code(), ErrorCode::Mismatch);
}

/// A copy of a case with one file of it changed.
fn changed(case: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Result<Explainer, eidos::Error> {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(place().join(case)).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join(file);
    std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    Explainer::open(folder.path())
}

#[test]
fn a_file_that_is_not_as_it_should_be_is_named_with_what_is_wrong() {
    let text = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{text}");
            text.replace(from, to).into_bytes()
        }
    };
    let fails = |result: Result<Explainer, eidos::Error>, code: ErrorCode, words: &[&str]| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.hint_text().is_empty(), "{error}");
        words.iter().for_each(|word| assert!(error.to_string().contains(word), "{word}: {error}"));
    };
    let config = |from, to| changed("sae_lens_topk", "cfg.json", text(from, to));
    fails(config("\"d_sae\": 20", "\"d_sae\": 21"), ErrorCode::InvalidFile, &["d_sae", "21", "20", "cfg.json"]);
    fails(config("\"k\": 4", "\"k\": \"four\""), ErrorCode::InvalidFile, &["cfg.json", "`k`", "four"]);
    fails(config("\"k\": 4, ", ""), ErrorCode::InvalidFile, &["cfg.json", "`k`"]);
    fails(config("\"topk\"", "\"temporal\""), ErrorCode::Unsupported, &["temporal", "architecture"]);
    fails(config("{", "["), ErrorCode::InvalidFile, &["cfg.json"]);
    fails(
        config("\"normalize_activations\": \"none\"", "\"normalize_activations\": \"covariance_whitening\""),
        ErrorCode::Unsupported,
        &["covariance_whitening"],
    );
    let weights = |case: &str, file: &str| changed(case, file, |bytes| bytes[..bytes.len() - 9].to_vec());
    fails(weights("sae_lens_topk", "sae_weights.safetensors"), ErrorCode::InvalidFile, &["sae_weights.safetensors"]);
    let scope = "gemma_scope/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71";
    fails(weights(scope, "params.npz"), ErrorCode::InvalidFile, &["params.npz", "NumPy"]);
    fails(weights("dictionary_learning_top_k", "ae.pt"), ErrorCode::InvalidFile, &["ae.pt"]);
    // One of the bytes of an array that is packed.
    let spoilt = changed(scope, "params.npz", |mut bytes| {
        bytes[400..440].fill(0xff);
        bytes
    });
    fails(spoilt, ErrorCode::InvalidFile, &["params.npz"]);
    let class = changed("dictionary_learning_top_k", "config.json", text("AutoEncoderTopK", "Another"));
    fails(class, ErrorCode::Unsupported, &["dict_class", "Another"]);
    let other = changed("sae_lens_gated", "cfg.json", text("gated", "standard"));
    fails(other, ErrorCode::InvalidFile, &["no tensor `b_enc`", "b_gate"]);
    let empty = tempfile::tempdir().unwrap();
    fails(Explainer::open(empty.path()), ErrorCode::NotFound, &["cfg.json", "params.npz"]);
    let no_config = tempfile::tempdir().unwrap();
    let weights = no_config.path().join("sae_weights.safetensors");
    std::fs::copy(place().join("sae_lens_topk/sae_weights.safetensors"), &weights).unwrap();
    fails(Explainer::open(&weights), ErrorCode::NotFound, &["cfg.json"]);
    let path = place().join("sae_lens_factor");
    let wrong = PublishedOptions { input_factor: Some(0.0), ..PublishedOptions::default() };
    let result = Explainer::open_published(path.to_str().unwrap(), &wrong, &HubOptions::default(), &Control::new());
    fails(result, ErrorCode::InvalidArgument, &["factor"]);
    for name in ["./no/such/folder", "/no/such/folder"] {
        let none = PublishedOptions::default();
        let result = Explainer::open_published(name, &none, &HubOptions::default(), &Control::new());
        fails(result, ErrorCode::NotFound, &["no/such/folder"]);
    }
}

#[test]
fn a_file_of_a_dictionary_is_opened_with_what_lies_beside_it() {
    let expected = Expected::read();
    for (case, file) in [
        ("sae_lens_topk", "sae_weights.safetensors"),
        ("sae_lens_topk", "cfg.json"),
        ("dictionary_learning_gated", "ae.pt"),
        ("sparsify/layers.5", "sae.safetensors"),
    ] {
        let explainer =
            Explainer::open(&place().join(case).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        expected.check(case, &explainer, file);
    }
    // Classes whose tensors tell them need no configuration.
    let folder = tempfile::tempdir().unwrap();
    for class in ["standard", "april", "matryoshka", "jump_relu", "gated"] {
        let case = format!("dictionary_learning_{class}");
        let path = folder.path().join(format!("{class}.pt"));
        std::fs::copy(place().join(&case).join("ae.pt"), &path).unwrap();
        expected.check(&case, &Explainer::open(&path).unwrap(), "without a configuration");
    }
    let path = folder.path().join("top_k.pt");
    std::fs::copy(place().join("dictionary_learning_top_k/ae.pt"), &path).unwrap();
    let error = Explainer::open(&path).unwrap_err();
    assert!(error.message().contains("AutoEncoderTopK or a BatchTopKSAE"), "{error}");
}

#[cfg(feature = "hub")]
mod from_a_hub {
    use super::*;
    use crate::hub::common::options as hub_options;
    use crate::hub::server::{MODEL, Server};

    fn read(case: &str, file: &str) -> Vec<u8> {
        std::fs::read(place().join(case).join(file)).unwrap()
    }

    #[test]
    fn a_folder_of_a_repository_is_fetched_and_stays_in_the_cache() {
        let case = "sae_lens_jumprelu";
        let scope = "gemma_scope/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71";
        let server = Server::start()
            .without_file("config.json")
            .with_file("blocks.5/cfg.json", &read(case, "cfg.json"))
            .with_large_file("blocks.5/sae_weights.safetensors", &read(case, "sae_weights.safetensors"))
            .with_large_file("layer_20/width_16k/params.npz", &read(scope, "params.npz"));
        let cache = tempfile::tempdir().unwrap();
        let open = |folder: &str, hub: &HubOptions| {
            let name = format!("{MODEL}{folder}");
            Explainer::open_published(&name, &PublishedOptions::default(), hub, &Control::new())
        };
        let hub = hub_options(&server, cache.path());
        let expected = Expected::read();
        expected.check(case, &open("/blocks.5", &hub).unwrap(), "from a hub");
        let found = open("/layer_20/width_16k", &hub).unwrap();
        expected.check(scope, &found, "from a hub");
        assert_eq!(found.provenance().split_point, None, "nothing says that it is of Gemma Scope");
        expected.check(scope, &open("/layer_20/width_16k/params.npz", &hub).unwrap(), "a file of a hub");
        server.take_requests();
        let offline = HubOptions { offline: Some(true), ..hub.clone() };
        expected.check(case, &open("/blocks.5/", &offline).unwrap(), "from the cache");
        assert_eq!(server.take_requests().len(), 0);
        let error = open("/blocks.6", &hub).unwrap_err();
        assert!(error.code() == ErrorCode::NotFound && error.to_string().contains("blocks.5"), "{error}");
        let error = open("/../x", &hub).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        let cancelled = Control::new();
        cancelled.cancel();
        let none = PublishedOptions::default();
        let error = Explainer::open_published(&format!("{MODEL}/blocks.5"), &none, &hub, &cancelled).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    }
}
