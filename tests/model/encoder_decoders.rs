//! BART and Marian: what stands beside their modules, under which names their tables lie in files, and that batches change no bit.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, ErrorCode};
use serde_json::{Value, json};

use crate::model::golden::{self, values};

type Tensors = HashMap<String, Tensor>;

fn tensors(family: &str) -> Tensors {
    candle_core::safetensors::load(&golden::weight_files(family, "weights")[0], &Device::Cpu).unwrap()
}

/// The model of a variant with these tensors.
fn load(family: &str, variant: &str, tensors: &Tensors, split: &str, whole: bool) -> eidos::Result<SplitModel> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, &file).unwrap();
    let config = golden::config(family, variant).to_string();
    let parts = ModelParts { name: family, config: config.as_bytes(), weights: WeightSource::Files(vec![file]) };
    SplitModel::from_parts(&parts, &[split], &LoadOptions { whole, ..LoadOptions::default() }, &Control::new())
}

fn logits(family: &str, tensors: &Tensors) -> Vec<f32> {
    let model = load(family, "seq2seq_lm", tensors, "lm_head", true).unwrap();
    values(&model.logits(&golden::texts(family)[0]).unwrap())
}

/// The configuration of Marian's models with two vocabularies.
fn two_vocabularies(variant: &str) -> Value {
    let mut config = golden::config("marian", variant);
    config["share_encoder_decoder_embeddings"] = json!(false);
    config["decoder_vocab_size"] = json!(50);
    config["decoder_start_token_id"] = json!(49);
    config
}

#[test]
fn what_is_added_to_the_scores_is_no_module_and_may_be_absent() {
    const BIAS: &str = "final_logits_bias";
    for family in ["bart", "marian"] {
        let with = tensors(family);
        let model = load(family, "seq2seq_lm", &with, "lm_head", true).unwrap();
        assert!(model.modules().iter().all(|module| !module.path.contains(BIAS)));
        let ids = &golden::texts(family)[0];
        let scores = values(&model.forward(&[ids]).unwrap()[0]);
        let bias = values(&with[BIAS].to_dtype(candle_core::DType::F32).unwrap());
        let sums = scores.iter().zip(bias.iter().cycle()).map(|(score, bias)| score + bias);
        assert_eq!(logits(family, &with), sums.collect::<Vec<_>>(), "{family}");
        let mut without = with.clone();
        without.remove(BIAS);
        assert_eq!(logits(family, &without), scores, "{family}");
        // Where all tensors have a prefix, this one has it as well.
        let prefixed: Tensors = with.iter().map(|(name, tensor)| (format!("module.{name}"), tensor.clone())).collect();
        assert_eq!(logits(family, &prefixed), logits(family, &with), "{family}");
    }
    let config = golden::config("bart", "seq2seq_lm").to_string();
    let wants = |options: &LoadOptions| ModelPlan::new(config.as_bytes(), &["lm_head"], options).unwrap().wants(BIAS);
    assert!(wants(&LoadOptions { whole: true, ..LoadOptions::default() }) && !wants(&LoadOptions::default()));
}

#[test]
fn the_table_of_tokens_is_found_under_each_of_its_names() {
    for family in ["bart", "marian"] {
        let all = tensors(family);
        let expected = logits(family, &all);
        let table = all["model.shared.weight"].clone();
        for name in
            ["shared.weight", "lm_head.weight", "model.encoder.embed_tokens.weight", "encoder.embed_tokens.weight"]
        {
            let mut renamed = all.clone();
            renamed.remove("model.shared.weight");
            renamed.insert(name.to_owned(), table.clone());
            assert_eq!(logits(family, &renamed), expected, "{family} {name}");
        }
        // The older files hold it four times, and positions of Marian besides.
        let mut repeated = all.clone();
        for name in ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"] {
            repeated.insert(name.to_owned(), table.clone());
        }
        assert_eq!(logits(family, &repeated), expected, "{family}");
        let mut nothing = all;
        nothing.remove("model.shared.weight");
        let error = load(family, "seq2seq_lm", &nothing, "0", false).unwrap_err();
        assert!(error.message().contains("`model.encoder.embed_tokens.weight` is missing"), "{error}");
    }
}

#[test]
fn no_text_says_anything_to_a_decoder_with_a_vocabulary_of_its_own() {
    let config = two_vocabularies("seq2seq_lm");
    let plan = |splits: &[&str], whole: bool| {
        ModelPlan::new(config.to_string().as_bytes(), splits, &LoadOptions { whole, ..LoadOptions::default() })
    };
    let modules = plan(&[], false).unwrap().modules().to_vec();
    let kind = |path: &str| modules.iter().find(|module| module.path == path).map(|module| module.kind.as_str());
    assert_eq!(kind("model.shared"), None);
    assert_eq!(kind("model.encoder.embed_tokens"), Some("Embedding(64 x 16)"));
    assert_eq!(kind("model.decoder.embed_tokens"), Some("Embedding(50 x 16)"));
    assert_eq!(kind("lm_head"), Some("Linear(16 -> 50)"));
    let encoder = plan(&["model.encoder.layers.1"], false).unwrap();
    assert!(encoder.wants("model.encoder.embed_tokens.weight") && !encoder.wants("model.shared.weight"));
    for (splits, whole, what) in [
        (&["model.decoder.embed_tokens"][..], false, "`model.decoder.embed_tokens`"),
        (&["0", "model.decoder.layers.0.encoder_attn.k_proj"], false, "`model.decoder.layers.0.encoder_attn.k_proj`"),
        (&["lm_head"], false, "`lm_head`"),
        (&["0"], true, "the head"),
    ] {
        let error = plan(splits, whole).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        let text = error.to_string();
        assert!(text.contains(&format!("{what} is behind a decoder with a vocabulary of its own")), "{text}");
        assert!(text.contains("`share_encoder_decoder_embeddings`") && text.contains("blocks 0 to 1"), "{text}");
    }
}

#[test]
fn the_encoder_of_a_model_with_two_vocabularies_is_that_of_one_with_one() {
    let (family, variant) = ("marian", "base");
    let all = tensors(family);
    let texts = golden::texts(family);
    let of = |config: &Value, tensors: &Tensors| {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("model.safetensors");
        candle_core::safetensors::save(tensors, &file).unwrap();
        let config = config.to_string();
        let parts = ModelParts { name: family, config: config.as_bytes(), weights: WeightSource::Files(vec![file]) };
        let model = SplitModel::from_parts(&parts, &["encoder"], &LoadOptions::default(), &Control::new()).unwrap();
        values(&model.forward(&[&texts[0]]).unwrap()[0])
    };
    let mut two = all.clone();
    let table = two.remove("model.shared.weight").unwrap();
    two.insert("model.decoder.embed_tokens.weight".to_owned(), table.narrow(0, 0, 50).unwrap());
    two.insert("model.encoder.embed_tokens.weight".to_owned(), table);
    assert_eq!(of(&two_vocabularies(variant), &two), of(&golden::config(family, variant), &all));
}

#[test]
fn an_encoder_needs_nothing_of_the_decoder() {
    for family in ["bart", "marian"] {
        let mut encoder = tensors(family);
        encoder.retain(|name, _| !name.contains("decoder"));
        load(family, "seq2seq_lm", &encoder, "encoder", false).unwrap();
        let error = load(family, "seq2seq_lm", &encoder, "decoder.layers.0", false).unwrap_err();
        assert!(
            error.message().contains("the tensor `model.decoder.") && error.message().contains("is missing"),
            "{error}"
        );
    }
}

#[test]
fn what_the_first_block_reads_is_a_module_only_where_one_gives_the_sum() {
    let split = |family: &str, variant: &str| {
        let config = golden::config(family, variant).to_string();
        let plan = ModelPlan::new(config.as_bytes(), &["hidden_states[0]"], &LoadOptions::default());
        plan.map(|plan| plan.split_points()[0].path.clone())
    };
    assert_eq!(split("bart", "base").unwrap(), "encoder.layernorm_embedding");
    assert_eq!(split("gpt_neo", "causal_lm").unwrap(), "transformer.drop");
    // The rows of the tokens alone are another value.
    for (family, variant) in [("marian", "base"), ("opt", "causal_lm")] {
        let error = split(family, variant).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownModule, "{family}");
    }
}

#[test]
fn a_text_gives_the_same_bits_alone_and_among_others() {
    for (family, variant) in
        [("bart", "base"), ("bart", "decoder_only"), ("marian", "base"), ("gpt_neo", "base"), ("alibi_bert", "base")]
    {
        let listing = golden::listing(family, variant);
        let splits: Vec<&str> =
            listing.iter().filter(|module| module.splits).map(|module| module.path.as_str()).collect();
        let weights = golden::weights_of(family, variant);
        let model = golden::load(family, variant, &weights, &splits, &LoadOptions::default()).unwrap();
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let together = model.forward(&sequences).unwrap();
        let mut start = 0;
        for ids in sequences {
            for ((path, all), alone) in splits.iter().zip(&together).zip(model.forward(&[ids]).unwrap()) {
                let bits = |rows: &Tensor| values(rows).into_iter().map(f32::to_bits).collect::<Vec<_>>();
                let among = all.narrow(0, start, ids.len()).unwrap();
                assert!(bits(&among) == bits(&alone), "{family} {variant} {path}: a text of {}", ids.len());
            }
            start += ids.len();
        }
    }
}
