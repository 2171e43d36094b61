//! Whole models through the references of their operations, on a CUDA device where there is one, and gradients through
//! whole models.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use crate::model::blueprint::Stack;
use crate::model::forward::TokenRows;
use crate::model::ops::Implementation;
use crate::model::tap::Tap;
use crate::model::{LoadOptions, SplitModel, TargetLogit};

#[cfg(feature = "cuda")]
mod device;
mod products;

#[path = "../../tests/model/golden.rs"]
#[allow(dead_code, clippy::expect_used, missing_docs)]
pub(crate) mod golden;

pub(super) const KERNELS: Implementation = Implementation::Kernels(DType::F32);

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

pub(super) fn load(family: &str, variant: &str, splits: &[&str], implementation: Implementation) -> SplitModel {
    let options = LoadOptions { whole: true, ..LoadOptions::default() };
    let mut model = golden::load(family, variant, &golden::weights_of(family, variant), splits, &options).unwrap();
    model.implementation = implementation;
    model
}

/// The paths where a variant of a family can be split.
pub(super) fn splits_of(family: &str, variant: &str) -> Vec<String> {
    golden::listing(family, variant).into_iter().filter(|module| module.splits).map(|module| module.path).collect()
}

/// Hands every variant of every family to `check`, with the paths where it can be split.
pub(super) fn every_variant(mut check: impl FnMut(&str, &str, &[String])) {
    for (family, variants) in &golden::variants() {
        for variant in variants {
            check(family, variant, &splits_of(family, variant));
        }
    }
}

#[test]
fn references_alone_give_what_transformers_gives_and_what_kernels_give() {
    let references = Implementation::Reference(DType::F32);
    every_variant(|family, variant, splits| {
        let from_references = |splits: &[&str]| load(family, variant, splits, references);
        golden::compare(family, variant, from_references, |what, _, ours, theirs| {
            let difference = golden::difference(ours, theirs);
            assert!(difference <= BOUND, "{what}: {difference:e}");
        });
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let (model, kernels) = (from_references(&splits), load(family, variant, &splits, KERNELS));
        let (ours, theirs) = (model.forward(&sequences).unwrap(), kernels.forward(&sequences).unwrap());
        for ((path, ours), theirs) in splits.iter().zip(&ours).zip(&theirs) {
            let difference = golden::difference(ours, theirs);
            assert!(difference <= BOUND, "{family} {variant} {path}: {difference:e}");
        }
        for ids in sequences {
            let (Ok(ours), Ok(theirs)) = (model.logits(ids), kernels.logits(ids)) else { continue };
            let difference = golden::difference(&ours, &theirs);
            assert!(difference <= BOUND, "{family} {variant} logits: {difference:e}");
        }
    });
}

#[test]
fn blocks_with_the_same_attention_share_what_is_made_for_its_positions() {
    for (family, variant, kinds) in
        [("bloom", "causal_lm", 1), ("gemma3", "causal_lm", 2), ("modernbert", "masked_lm", 2)]
    {
        let model = load(family, variant, &[], KERNELS);
        let rows = TokenRows::new(&[&[2, 9, 11]]);
        let mut tap = Tap::pass(Vec::new());
        let pass = model.pass(&rows, &mut tap);
        let positions = pass.attention_positions(Stack::First, None).unwrap();
        assert!(positions.len() > kinds, "{family}");
        let made: HashSet<_> = positions.iter().map(Arc::as_ptr).collect();
        assert_eq!(made.len(), kinds, "{family}");
    }
}

/// One path of each kind of module: that in the first block that has it.
fn kinds(splits: &[String]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let kind = |path: &str| path.split('.').filter(|step| step.parse::<usize>().is_err()).collect::<Vec<_>>().join(".");
    let kinds = splits.iter().filter(|path| !path.ends_with("rotary_emb") && seen.insert(kind(path)));
    kinds.map(String::as_str).collect()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn dot(left: &Tensor, right: &Tensor) -> f64 {
    values(left).iter().zip(values(right)).map(|(left, right)| left * right).sum()
}

/// A logit of each text, with another weight each.
fn targets(model: &SplitModel, sequences: &[&[u32]]) -> Vec<TargetLogit> {
    let mut end = 0;
    let target = |(text, ids): (usize, &&[u32])| {
        end += ids.len();
        let row = if model.has_logits_per_text() { text } else { end - 1 };
        TargetLogit { row, column: 1 % model.logit_count(), weight: 1.0 - 1.5 * text as f32 }
    };
    sequences.iter().enumerate().map(target).collect()
}

/// Gradients in f32 by kernels, and in f64 by references; the latter are held against finite differences along some
/// direction.
#[test]
fn gradients_are_those_of_finite_differences_for_every_family_head_and_kind_of_module() {
    const STEP: f64 = 1e-6;
    let mut checked = HashSet::new();
    every_variant(|family, variant, splits| {
        let splits = kinds(splits);
        let model = load(family, variant, &splits, KERNELS);
        let double = load(family, variant, &splits, Implementation::Reference(DType::F64));
        let texts = golden::texts(family);
        let sequences = texts.iter().map(Vec::as_slice).filter(|ids| ids.len() > 1 && model.logits(ids).is_ok());
        let sequences: Vec<&[u32]> = sequences.take(2).collect();
        if sequences.is_empty() {
            return;
        }
        checked.insert(family.to_owned());
        let targets = targets(&model, &sequences);
        for (path, rows) in splits.iter().zip(double.forward(&sequences).unwrap()) {
            let what = format!("{family} {variant} {path}");
            let ours = model.gradient(path, &rows, &sequences, &targets).unwrap();
            let exact = double.gradient(path, &rows, &sequences, &targets).unwrap();
            assert_eq!((ours.dtype(), ours.dims()), (DType::F32, rows.dims()), "{what}");
            let difference = golden::difference(&ours, &exact.to_dtype(DType::F32).unwrap());
            assert!(difference <= BOUND, "{what}: {difference:e}");

            let direction: Vec<f64> = (0..rows.elem_count()).map(|index| (index as f64 * 1.7).sin()).collect();
            let direction = Tensor::from_vec(direction, rows.shape(), rows.device()).unwrap();
            let moved = |step: f64| -> f64 {
                let rows = (&rows + (&direction * step).unwrap()).unwrap();
                let logits = double.logits_from(path, &rows, &sequences).unwrap();
                let of = |target: &TargetLogit| {
                    let logit = logits.get(target.row).unwrap().get(target.column).unwrap();
                    logit.to_scalar::<f64>().unwrap() * f64::from(target.weight)
                };
                targets.iter().map(of).sum()
            };
            let growth = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let (slope, size) = (dot(&exact, &direction), dot(&exact, &exact).sqrt());
            assert!(size > 0.0, "{what}");
            assert!((growth - slope).abs() <= 1e-5 * size, "{what}: {growth} for {slope}, gradient of size {size}");
        }
    });
    assert!(checked.len() > 25, "{checked:?}");
}
