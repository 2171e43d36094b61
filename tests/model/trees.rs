//! Module trees are those of PyTorch, and paths are found in them.

use std::collections::HashSet;
use std::path::Path;

use eidos::ErrorCode;
use eidos::model::{LoadOptions, ModelPlan};

use crate::model::golden::{self, Listed};

fn kind(listed: &Listed) -> String {
    let class = &listed.class;
    match listed {
        Listed { linear: Some([inputs, outputs]), .. } => format!("{class}({inputs} -> {outputs})"),
        Listed { embedding: Some([count, width]), .. } => format!("{class}({count} x {width})"),
        Listed { layer_norm: Some([width]), .. } | Listed { rms_norm: Some([width]), .. } => {
            format!("{class}({width})")
        }
        Listed { list: Some(count), .. } => format!("{class}({count})"),
        _ => class.clone(),
    }
}

#[test]
fn every_module_tree_is_the_one_that_named_modules_prints() {
    for (family, variants) in &golden::variants() {
        for variant in variants {
            let model = golden::load(family, variant, "weights", &[], &LoadOptions::default()).unwrap();
            assert_eq!(model.modules()[0].path, "");
            let theirs = golden::listing(family, variant);
            let ours = &model.modules()[1..];
            let paths = |index: usize| (ours.get(index).map(|m| &m.path), theirs.get(index).map(|m| &m.path));
            assert_eq!(ours.len(), theirs.len(), "{family} {variant}: {:?}", paths(theirs.len().min(ours.len())));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours.path, theirs.path, "{family} {variant}");
                // The activation's class changes with the activation.
                if !variant.starts_with("base_") {
                    assert_eq!(ours.kind, kind(theirs), "{family} {variant} {}", ours.path);
                }
                assert_eq!(ours.can_split, theirs.splits, "{family} {variant} {}", ours.path);
                assert_eq!(ours.width, theirs.width, "{family} {variant} {}", ours.path);
            }
        }
    }
}

#[test]
fn each_family_has_places_to_start_which_cost_more_the_later_they_are() {
    for (family, variants) in &golden::variants() {
        for variant in variants {
            let model = golden::load(family, variant, "weights", &[], &LoadOptions::default()).unwrap();
            let of = |module: &eidos::Module| module.cost.is_some_and(|cost| (0.0..=1.0).contains(&cost));
            assert!(model.modules().iter().all(|module| module.can_split == of(module)), "{family} {variant}");
            let places: Vec<_> = model.modules().iter().filter(|module| module.is_recommended).collect();
            let costs: Vec<f64> = places.iter().filter_map(|module| module.cost).collect();
            assert!(
                costs.is_sorted_by(|one, next| one < next) && costs.last() == Some(&1.0),
                "{family} {variant}: {costs:?}"
            );
            assert!(places.iter().all(|place| place.path.ends_with(|end: char| end.is_ascii_digit())), "{places:?}");
        }
    }
}

#[test]
fn every_type_that_is_built_has_fixtures() {
    let config = br#"{"model_type": "nothing"}"#;
    let error = ModelPlan::new(config, &[], &LoadOptions::default()).unwrap_err();
    let error = error.to_string();
    let built = error.rsplit_once("one of these types: ").unwrap().1;
    let built: HashSet<&str> = built.split([',', ')']).map(str::trim).filter(|name| !name.is_empty()).collect();
    let variants = golden::variants();
    let tested = variants.iter().flat_map(|(family, variants)| {
        variants.iter().map(|variant| golden::config(family, variant)["model_type"].as_str().unwrap().to_owned())
    });
    let tested: HashSet<String> = tested.collect();
    assert_eq!(built, tested.iter().map(String::as_str).collect());
}

#[test]
fn no_familys_fixtures_are_larger_than_the_limit() {
    // See tests/golden/README.md; what is committed is what everybody downloads.
    const LIMIT: u64 = 300 * 1000;
    fn size(path: &Path) -> u64 {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { size(&path) } else { path.metadata().unwrap().len() }).sum()
    }
    let sizes = golden::variants().into_iter().map(|(family, _)| (size(&golden::folder(&family)), family));
    let over: Vec<_> =
        sizes.filter(|(size, _)| *size > LIMIT).map(|(size, family)| format!("{family}: {size}")).collect();
    assert!(over.is_empty(), "more than {LIMIT} bytes: {over:?}");
}

fn split(family: &str, variant: &str, path: &str) -> Result<String, (ErrorCode, String)> {
    golden::load(family, variant, "weights", &[path], &LoadOptions::default())
        .map(|model| model.split_points()[0].path.clone())
        .map_err(|error| (error.code(), error.to_string()))
}

#[test]
fn a_path_is_found_with_and_without_the_prefix_of_the_base_model() {
    let found = [
        ("eurobert", "masked_lm", "layers.1.mlp", "model.layers.1.mlp"),
        ("eurobert", "masked_lm", "model.layers.1.mlp", "model.layers.1.mlp"),
        ("eurobert", "base", "model.layers.1.mlp", "layers.1.mlp"),
        ("bert", "masked_lm", "encoder.layer.1.output", "bert.encoder.layer.1.output"),
        ("bert", "base", "bert.encoder.layer.1.output", "encoder.layer.1.output"),
        ("bert", "classify", "2", "bert.encoder.layer.2"),
        ("eurobert", "base", "0", "layers.0"),
        ("t5", "base", "1", "encoder.block.1"),
        ("t5", "base", "2", "decoder.block.0"),
        ("t5", "base", "3", "decoder.block.1"),
        ("t5", "classify", "2", "transformer.decoder.block.0"),
        ("t5", "classify", "decoder.block.0.layer.1", "transformer.decoder.block.0.layer.1"),
    ];
    for (family, variant, written, path) in found {
        assert_eq!(split(family, variant, written).unwrap(), path, "{family} {variant} {written}");
    }
}

/// What a class puts before the paths of the base model: what stands before the first of its modules that the class has.
fn prefix_of(base: &[Listed], class: &[Listed]) -> String {
    let of = |first: &Listed| {
        let mut prefixes = class.iter().filter_map(|module| module.path.strip_suffix(first.path.as_str()));
        prefixes.find(|prefix| prefix.is_empty() || prefix.ends_with('.')).map(str::to_owned)
    };
    // A decoder without an encoder lacks the first ones.
    base.iter().find_map(of).unwrap()
}

#[test]
fn each_path_of_the_base_model_is_found_in_every_class_and_the_reverse() {
    let mut prefixes = HashSet::new();
    for (family, variants) in &golden::variants() {
        let found = |variant: &str, written: &[&str]| -> Vec<String> {
            let config = golden::config(family, variant).to_string();
            let plan = ModelPlan::new(config.as_bytes(), written, &LoadOptions::default());
            let plan = plan.unwrap_or_else(|error| panic!("{family} {variant}: {error}"));
            plan.split_points().iter().map(|point| point.path.clone()).collect()
        };
        let base = golden::listing(family, "base");
        for variant in variants {
            let listed = golden::listing(family, variant);
            let prefix = prefix_of(&base, &listed);
            let splits: HashSet<_> = listed.iter().filter(|module| module.splits).map(|module| &module.path).collect();
            // Nearly all of them; some variants have fewer blocks, or norms in other places.
            let both = base
                .iter()
                .filter(|module| module.splits)
                .map(|module| (&module.path, format!("{prefix}{}", module.path)));
            let (plain, prefixed): (Vec<_>, Vec<_>) = both.filter(|(_, prefixed)| splits.contains(prefixed)).unzip();
            assert!(plain.len() > 15, "{family} {variant}: only {plain:?}");
            let plain: Vec<&str> = plain.into_iter().map(String::as_str).collect();
            let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
            for written in [&plain, &prefixed] {
                assert_eq!(found(variant, written), prefixed, "{family} {variant}");
                assert_eq!(found("base", written), plain, "{family} {variant}");
            }
            prefixes.insert(prefix);
        }
    }
    let families = [
        "albert",
        "bert",
        "deberta",
        "distilbert",
        "electra",
        "gpt_neox",
        "gte",
        "model",
        "mpnet",
        "nomic_bert",
        "roberta",
        "transformer",
    ];
    let expected = families.iter().map(|name| format!("{name}.")).chain([String::new()]);
    assert_eq!(prefixes, expected.collect());
}

#[test]
fn a_split_point_in_the_encoder_loads_nothing_of_the_decoder() {
    let wants = |split: &str, tensor: &str| {
        let config = golden::config("t5", "base").to_string();
        ModelPlan::new(config.as_bytes(), &[split], &LoadOptions::default()).unwrap().wants(tensor)
    };
    let before = "decoder.block.0.layer.0.SelfAttention.q.weight";
    for split in ["encoder.block.1", "encoder"] {
        assert!(wants(split, "encoder.block.1.layer.0.SelfAttention.q.weight"));
        assert!(!wants(split, "decoder.embed_tokens.weight") && !wants(split, before), "{split}");
    }
    assert!(!wants("encoder.block.1", "encoder.final_layer_norm.weight"));
    assert!(wants("decoder.block.1", before) && wants("decoder.block.1", "encoder.final_layer_norm.weight"));
    assert!(!wants("decoder.block.1", "decoder.block.2.layer.0.SelfAttention.q.weight"));
}

#[test]
fn an_unknown_path_is_answered_with_the_nearest_names() {
    let wrong = [
        ("model.layer.1", "the model has no module `model.layer.1` (did you mean `model.layers.1`"),
        ("model.layers.1.mpl", "`model.layers.1.mlp`"),
        ("layers.1.mlpp", "did you mean `model.layers.1.mlp`"),
        ("3", "there is no block 3 (the model's blocks are 0 to 2)"),
        ("model.layers.7.mlp", "there is no block 7 in `model.layers` (its blocks are 0 to 2)"),
        ("layers.3", "there is no block 3 (the model's blocks are 0 to 2)"),
        ("layer 7", "there is no block 7 (the model's blocks are 0 to 2)"),
        ("blocks.9.hook_mlp_out", "there is no block 9"),
        (
            "blocks.1.attn.hook_z",
            "no module of the model gives `blocks.1.attn.hook_z`: it is what the output projection",
        ),
        ("blocks.1.ln2.hook_normalized", "before the learned scale of the norm"),
        ("model.layers.1.self_attn.o_proj.input", "has no module"),
        ("-4", "there is no block -4 (the model's blocks are 0 to 2, or -3 to -1 from the last one)"),
        ("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "ask for the list of modules"),
    ];
    for (path, says) in wrong {
        let (code, text) = split("eurobert", "masked_lm", path).unwrap_err();
        assert_eq!(code, ErrorCode::UnknownModule);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn names_of_other_programs_are_paths() {
    let names = [
        ("llama", "causal_lm", "-1", "model.layers.2"),
        ("llama", "causal_lm", "-3", "model.layers.0"),
        ("llama", "causal_lm", "layer 1", "model.layers.1"),
        ("llama", "causal_lm", "model.layers[1].mlp.output", "model.layers.1.mlp"),
        ("llama", "causal_lm", "blocks.1.hook_resid_post", "model.layers.1"),
        ("llama", "causal_lm", "blocks.1.hook_resid_pre", "model.layers.0"),
        ("llama", "causal_lm", "blocks.0.hook_resid_pre", "model.embed_tokens"),
        ("llama", "causal_lm", "blocks.1.hook_mlp_out", "model.layers.1.mlp"),
        ("llama", "causal_lm", "blocks.1.hook_attn_out", "model.layers.1.self_attn"),
        ("llama", "causal_lm", "blocks.1.attn.hook_k", "model.layers.1.self_attn.k_proj"),
        ("llama", "causal_lm", "hidden_states[0]", "model.embed_tokens"),
        ("llama", "causal_lm", "hidden_states[2]", "model.layers.1"),
        ("llama", "causal_lm", "hidden_states[3]", "model.norm"),
        ("llama", "causal_lm", "last_hidden_state", "model.norm"),
        ("bert", "masked_lm", "hidden_states[-1]", "bert.encoder.layer.2"),
        ("bert", "masked_lm", "hidden_states[0]", "bert.embeddings"),
        // A path comes first: BERT has modules of that name.
        ("bert", "masked_lm", "encoder.layer.1.output", "bert.encoder.layer.1.output"),
        ("gpt2", "causal_lm", "blocks.1.mlp.hook_post", "transformer.h.1.mlp.act"),
        // Whoever trains on the input of a module reads what another one gives.
        ("llama", "causal_lm", "layers.1.mlp.input", "model.layers.1.post_attention_layernorm"),
        ("gpt2", "causal_lm", "h.1.attn.input", "transformer.h.1.ln_1"),
        ("llama", "causal_lm", "model.layers.1.input", "model.layers.0"),
        ("llama", "causal_lm", "model.layers.0.input", "model.embed_tokens"),
        ("gemma2", "causal_lm", "blocks.1.hook_mlp_out", "model.layers.1.post_feedforward_layernorm"),
        ("gemma2", "causal_lm", "blocks.1.hook_attn_out", "model.layers.1.post_attention_layernorm"),
        ("t5", "seq2seq_lm", "-1", "decoder.block.1"),
    ];
    for (family, variant, name, path) in names {
        assert_eq!(split(family, variant, name).unwrap(), split(family, variant, path).unwrap(), "{family}: {name}");
    }
}

#[test]
fn a_module_without_rows_for_tokens_says_so() {
    let refused = [
        ("bert", "base", "pooler.dense", "gives one row per text"),
        ("bert", "base", "encoder.layer", "a list"),
        ("bert", "base", "encoder.layer.1.attention.self.dropout", "is never called"),
        ("bert", "base", "", "the whole model"),
        ("eurobert", "classify_bos", "dense", "gives one row per text"),
    ];
    for (family, variant, path, says) in refused {
        let (code, text) = split(family, variant, path).unwrap_err();
        assert_eq!(code, ErrorCode::UnknownModule);
        assert!(text.contains(says) && text.contains("such as `"), "{text}");
    }
}
