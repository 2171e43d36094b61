//! Gradients of logits are those that PyTorch computes.

use candle_core::{Device, Tensor};
use eidos::ErrorCode;
use eidos::model::{LoadOptions, SplitModel, TargetLogit};

use crate::model::gguf;
use crate::model::golden::{self, difference, values};

/// The bound of the activations: the largest difference over the largest value. The gradients are within 2e-6.
const BOUND: f32 = 2e-5;

fn whole() -> LoadOptions {
    LoadOptions { whole: true, ..LoadOptions::default() }
}

fn target(row: usize, column: usize) -> TargetLogit {
    TargetLogit { row, column, weight: 1.0 }
}

#[test]
fn gradients_at_every_module_are_those_of_pytorch() {
    let variants = [
        ("bert", "masked_lm"),
        ("gpt2", "causal_lm"),
        ("llama", "causal_lm"),
        ("gemma3", "causal_lm"),
        ("gemma4", "causal_lm"),
        ("qwen3_5", "causal_lm"),
        ("t5", "seq2seq_lm"),
        ("modernbert", "masked_lm"),
        ("deberta_v2", "masked_lm"),
        ("bart", "seq2seq_lm"),
    ];
    for (family, variant) in variants {
        let file = golden::folder("../gradients").join(family).with_extension("safetensors");
        let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let listing = golden::listing(family, variant);
        let splits = listing.iter().filter(|module| module.splits).map(|module| module.path.as_str());
        let splits: Vec<&str> = splits.filter(|path| expected.contains_key(*path)).collect();
        assert!(splits.len() >= 12, "{family}: {splits:?}");
        let model = golden::load(family, variant, &golden::weights_of(family, variant), &splits, &whole()).unwrap();
        let ids = &golden::texts(family)[0];
        for (path, rows) in splits.iter().zip(model.forward(&[ids]).unwrap()) {
            let gradient = model.gradient(path, &rows, &[ids], &[target(ids.len() - 1, 1)]).unwrap();
            let difference = difference(&gradient, &expected[*path]);
            assert!(difference <= BOUND, "{family} {path}: {difference:e}");
        }
    }
}

/// The gradient at a path, of one logit in each text that has tokens.
fn of_texts(model: &SplitModel, path: &str, rows: &Tensor, sequences: &[&[u32]]) -> Vec<f32> {
    let mut end = 0;
    let targets = sequences.iter().filter(|ids| !ids.is_empty()).map(|ids| {
        end += ids.len();
        target(end - 1, 3)
    });
    values(&model.gradient(path, rows, sequences, &targets.collect::<Vec<_>>()).unwrap())
}

#[test]
fn a_texts_gradient_is_the_same_bits_alone_and_among_others() {
    for (family, variant, path) in [
        ("llama", "causal_lm", "model.layers.0"),
        ("gemma3", "causal_lm", "model.layers.0.self_attn.v_proj"),
        ("gemma4", "causal_lm", "model.layers.1.self_attn.k_proj"),
        ("qwen3_5", "causal_lm", "model.layers.0.linear_attn.in_proj_qkv"),
        ("bert", "masked_lm", "bert.encoder.layer.0.attention"),
        ("deberta_v2", "masked_lm", "deberta.encoder.layer.0.attention"),
        ("t5", "seq2seq_lm", "encoder.block.0"),
        ("bart", "seq2seq_lm", "model.encoder.layers.0"),
    ] {
        let model = golden::load(family, variant, &golden::weights_of(family, variant), &[path], &whole()).unwrap();
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let rows = model.forward(&sequences).unwrap().remove(0);
        let together = of_texts(&model, path, &rows, &sequences);
        let (mut start, mut alone) = (0, Vec::new());
        for ids in sequences.iter().filter(|ids| !ids.is_empty()) {
            alone.extend(of_texts(&model, path, &rows.narrow(0, start, ids.len()).unwrap(), &[ids]));
            start += ids.len();
        }
        assert!(together == alone, "{family}");
    }
}

#[test]
fn a_logit_of_a_model_with_quantised_weights_grows_as_its_gradient_says() {
    let texts = gguf::texts();
    for name in ["llama", "llama_k", "gemma2"] {
        let model = gguf::family(name).load(&["model.layers.0"], &whole()).unwrap();
        let rows = model.forward(&[&texts[0]]).unwrap().remove(0);
        let gradient = of_texts(&model, "model.layers.0", &rows, &[&texts[0]]);
        assert!(gradient.iter().all(|value| value.is_finite()) && gradient.iter().any(|value| *value != 0.0), "{name}");
        // A step along the gradient changes the logit by its squared length.
        let step = 1e-3 / gradient.iter().map(|value| value * value).sum::<f32>().sqrt();
        let step = (Tensor::from_vec(gradient.clone(), rows.shape(), &Device::Cpu).unwrap() * f64::from(step)).unwrap();
        let logit = |rows: &Tensor| {
            let logits = model.logits_from("model.layers.0", rows, &[&texts[0]]).unwrap();
            logits.get(texts[0].len() - 1).unwrap().get(3).unwrap().to_scalar::<f32>().unwrap()
        };
        let growth = f64::from(logit(&(&rows + &step).unwrap())) - f64::from(logit(&(&rows - &step).unwrap()));
        let expected = 2e-3 * f64::from(gradient.iter().map(|value| value * value).sum::<f32>().sqrt());
        assert!((growth / expected - 1.0).abs() < 1e-2, "{name}: {growth:e} for {expected:e}");
    }
}

#[test]
fn targets_beyond_the_logits_and_none_at_all_are_refused() {
    let model = golden::load("llama", "causal_lm", "weights", &["1"], &whole()).unwrap();
    let ids: &[u32] = &[2, 9, 11];
    let rows = model.forward(&[ids]).unwrap().remove(0);
    for (targets, says) in [
        (vec![], "no logit to take the gradient of"),
        (vec![target(3, 0)], "row 3, column 0 is beyond the logits, 3 rows of 64"),
        (vec![target(0, 0), target(0, 64)], "row 0, column 64"),
    ] {
        let error = model.gradient("1", &rows, &[ids], &targets).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.to_string().contains(says), "{error}");
    }
    let error = model.gradient("1", &rows.narrow(0, 0, 2).unwrap(), &[ids], &[target(0, 0)]).unwrap_err();
    assert!(error.to_string().contains("[2, 24], but these texts need [3, 24]"), "{error}");
    let split = golden::load("llama", "causal_lm", "weights", &["1"], &LoadOptions::default()).unwrap();
    assert_eq!(split.gradient("1", &rows, &[ids], &[target(0, 0)]).unwrap_err().code(), ErrorCode::InvalidArgument);
}
