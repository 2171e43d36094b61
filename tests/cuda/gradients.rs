//! Gradients on the device against those of the CPU, at every module that the fixtures have one for.

use candle_core::Device;
use eidos::LoadOptions;
use eidos::model::{Precision, TargetLogit};

use crate::kit::{Kit, Worst, difference, values};
use crate::model::golden;

const BOUND: f64 = 2e-5;
/// The families of `tests/golden/data/gradients`, with the variant that has a head of tokens.
const FAMILIES: [(&str, &str); 8] = [
    ("bert", "masked_lm"),
    ("gpt2", "causal_lm"),
    ("llama", "causal_lm"),
    ("gemma3", "causal_lm"),
    ("t5", "seq2seq_lm"),
    ("modernbert", "masked_lm"),
    ("deberta_v2", "masked_lm"),
    ("bart", "seq2seq_lm"),
];

pub fn run(kit: &Kit) {
    for (family, variant) in FAMILIES {
        if kit.wants(family) {
            kit.group(family, || check(kit, family, variant));
        }
    }
}

fn check(kit: &Kit, family: &str, variant: &str) {
    let file = golden::folder("../gradients").join(family).with_extension("safetensors");
    let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let listing = golden::listing(family, variant);
    let splits = listing.iter().filter(|module| module.splits).map(|module| module.path.as_str());
    let splits: Vec<&str> = splits.filter(|path| expected.contains_key(*path)).collect();
    let weights = golden::weights_of(family, variant);
    let [ours, cpu] = [kit.options(Precision::F32), LoadOptions::default()].map(|options| {
        golden::load(family, variant, &weights, &splits, &LoadOptions { whole: true, ..options }).unwrap()
    });
    let ids: &[u32] = &golden::texts(family)[0];
    let target = [TargetLogit { row: ids.len() - 1, column: 1, weight: 1.0 }];
    let mut worst = Worst::default();
    for (path, rows) in splits.iter().zip(cpu.forward(&[ids]).unwrap()) {
        let mut gradient = values(&ours.gradient(path, &rows, &[ids], &target).unwrap());
        if kit.plants("gradient") {
            gradient.iter_mut().for_each(|value| *value *= 1.001);
        }
        // On the CPU and by PyTorch.
        let cpu = values(&cpu.gradient(path, &rows, &[ids], &target).unwrap());
        worst.add(difference(&gradient, &cpu), || format!("{path} against the CPU"));
        worst.add(difference(&gradient, &values(&expected[*path])), || format!("{path} against PyTorch"));
    }
    kit.at_most(family, worst.difference, BOUND, worst);
}
