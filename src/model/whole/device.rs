//! Whole models on a CUDA device, where there is one.

#![allow(clippy::print_stderr)]

use candle_core::{DType, Device, Tensor};

use super::{BOUND, KERNELS, every_variant, golden, kinds, targets};
use crate::device::{self, DeviceChoice};
use crate::error::ErrorCode;
use crate::model::{LoadOptions, Precision, SplitModel};

/// Whether there is a CUDA device.
fn is_there() -> bool {
    device::open(DeviceChoice::Cuda(0)).map_err(|error| eprintln!("not tested on a CUDA device: {error}")).is_ok()
}

fn load(family: &str, variant: &str, splits: &[&str], device: DeviceChoice, precision: Precision) -> SplitModel {
    let options = LoadOptions { whole: true, device, precision, ..LoadOptions::default() };
    golden::load(family, variant, &golden::weights_of(family, variant), splits, &options).unwrap()
}

fn there(family: &str, variant: &str, splits: &[&str], precision: Precision) -> SplitModel {
    load(family, variant, splits, DeviceChoice::Cuda(0), precision)
}

fn host(tensor: &Tensor) -> Tensor {
    tensor.to_device(&Device::Cpu).unwrap()
}

/// Half types are compared with transformers in `tests/model/half.rs`.
#[test]
fn a_device_gives_what_transformers_and_the_cpu_give() {
    if !is_there() {
        return;
    }
    let mut far = Vec::new();
    every_variant(|family, variant, splits| {
        let mut check = |what: &str, ours: &Tensor, theirs: &Tensor| {
            assert_eq!(ours.dtype(), DType::F32, "{what}");
            let difference = golden::difference(ours, theirs);
            if difference > BOUND {
                far.push(format!("{what}: {difference:e}"));
            }
        };
        let loaded = |splits: &[&str]| there(family, variant, splits, Precision::F32);
        golden::compare(family, variant, loaded, |what, _, ours, theirs| check(what, &host(ours), theirs));
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let ours = loaded(&splits).forward(&sequences).unwrap();
        let cpu = load(family, variant, &splits, DeviceChoice::Cpu, Precision::F32).forward(&sequences).unwrap();
        for ((path, ours), theirs) in splits.iter().zip(&ours).zip(&cpu) {
            assert!(ours.device().is_cuda(), "{family} {variant} {path}");
            check(&format!("{family} {variant} {path}"), &host(ours), theirs);
        }
    });
    assert!(far.is_empty(), "{}", far.join("\n"));
}

#[test]
fn rows_on_a_device_are_the_same_bits_whatever_the_other_texts_are() {
    if !is_there() {
        return;
    }
    for (family, variant) in [("bert", "base"), ("llama", "causal_lm"), ("t5", "base"), ("deberta_v2", "base")] {
        for precision in [Precision::F32, Precision::Bf16] {
            let listing = golden::listing(family, variant);
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let model = there(family, variant, &splits, precision);
            let texts = golden::texts(family);
            let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let together = model.forward(&sequences).unwrap();
            let mut start = 0;
            for ids in sequences {
                let alone = model.forward(&[ids]).unwrap();
                for ((path, alone), together) in splits.iter().zip(&alone).zip(&together) {
                    let together = together.narrow(0, start, ids.len()).unwrap();
                    assert_eq!(golden::values(alone), golden::values(&together), "{family} {precision:?} {path}");
                }
                start += ids.len();
            }
        }
    }
}

#[test]
fn gradients_on_a_device_are_those_of_the_cpu() {
    if !is_there() {
        return;
    }
    every_variant(|family, variant, splits| {
        let splits = kinds(splits);
        let cpu = super::load(family, variant, &splits, KERNELS);
        let texts = golden::texts(family);
        let sequences = texts.iter().map(Vec::as_slice).filter(|ids| ids.len() > 1 && cpu.logits(ids).is_ok());
        let sequences: Vec<&[u32]> = sequences.take(2).collect();
        if sequences.is_empty() {
            return;
        }
        let targets = targets(&cpu, &sequences);
        let model = there(family, variant, &splits, Precision::F32);
        for (path, rows) in splits.iter().zip(cpu.forward(&sequences).unwrap()) {
            let theirs = cpu.gradient(path, &rows, &sequences, &targets).unwrap();
            let ours = host(&model.gradient(path, &rows, &sequences, &targets).unwrap());
            assert_eq!((ours.dtype(), ours.dims()), (DType::F32, rows.dims()), "{family} {variant} {path}");
            let difference = golden::difference(&ours, &theirs);
            assert!(difference <= BOUND, "{family} {variant} {path}: {difference:e}");
        }
    });
}

#[test]
fn ids_beyond_the_vocabulary_are_refused_before_they_reach_a_device() {
    if !is_there() {
        return;
    }
    let model = there("bert", "base", &["0"], Precision::F32);
    assert_eq!(model.forward(&[&[1_000_000]]).unwrap_err().code(), ErrorCode::Mismatch);
    assert!(model.forward(&[&[1]]).is_ok());
}
