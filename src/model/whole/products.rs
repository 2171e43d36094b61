//! Whole models with the products in bf16 of processors that have other instructions than this one.

use candle_core::{DType, Tensor};

use super::{BOUND, golden};
use crate::model::ops::HostProducts;
use crate::model::{LoadOptions, Precision, SplitModel};

#[path = "../../../tests/model/halved.rs"]
#[allow(dead_code, missing_docs)]
mod halved;

use halved::Halved;

/// What makes the products of a processor.
type Host = fn(Precision) -> HostProducts;

fn options(precision: Precision, host: Host) -> LoadOptions {
    LoadOptions { whole: true, precision, host: Some(host), ..LoadOptions::default() }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    golden::values(tensor).iter().map(|value| value.to_bits()).collect()
}

/// Every module of a family where a model can be split.
fn splits(family: &str, variant: &str) -> Vec<String> {
    golden::listing(family, variant).into_iter().filter(|module| module.splits).map(|module| module.path).collect()
}

#[test]
fn three_products_in_bf16_keep_the_bar_for_every_module_of_every_family() {
    let mut worst = 0.0_f32;
    for (family, _) in golden::variants() {
        let halved = Halved::new(&family, DType::BF16);
        let splits = splits(&family, halved.variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let [tiles, single] = [HostProducts::as_with_amx as Host, |_| HostProducts::plain()]
            .map(|host| halved.load(DType::BF16, &splits, &options(Precision::F32, host)));
        assert!(tiles.products().starts_with("bf16 x 3 (AMX"), "{family}: {}", tiles.products());
        assert!(single.products().starts_with("f32 ("), "{family}: {}", single.products());
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let (ours, theirs) = (tiles.forward(&sequences).unwrap(), single.forward(&sequences).unwrap());
        let logits = (tiles.logits(&texts[0]).unwrap(), single.logits(&texts[0]).unwrap());
        let pairs = splits.iter().copied().zip(ours.iter().zip(&theirs)).chain([("logits", (&logits.0, &logits.1))]);
        for (path, (ours, theirs)) in pairs {
            let difference = golden::difference(ours, theirs);
            assert!(difference <= BOUND, "{family} {path}: {difference:e}");
            worst = worst.max(difference);
        }
    }
    println!("the largest difference of three products in bf16 to f32: {worst:e}");
}

#[test]
fn packed_matrices_give_the_bits_of_plain_ones_in_f32() {
    for (family, _) in golden::variants() {
        let halved = Halved::new(&family, DType::BF16);
        let splits = splits(&family, halved.variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for dtype in [DType::BF16, DType::F32] {
            let [packed, plain] = [HostProducts::as_without_bf16 as Host, |_| HostProducts::plain()].map(|host| {
                let model = halved.load(dtype, &splits, &options(Precision::F32, host));
                let mut outputs = model.forward(&sequences).unwrap();
                outputs.push(model.logits(&texts[0]).unwrap());
                outputs.iter().map(bits).collect::<Vec<_>>()
            });
            assert!(packed == plain, "{family} {dtype:?}");
        }
    }
}

#[test]
fn rows_do_not_depend_on_other_texts_with_any_products() {
    for (family, _) in golden::variants().into_iter().step_by(5) {
        let halved = Halved::new(&family, DType::BF16);
        let splits = splits(&family, halved.variant);
        let last = splits.last().unwrap().as_str();
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for (precision, host) in every_processor() {
            let model = halved.load(DType::BF16, &[last], &options(precision, host));
            let together = bits(&model.forward(&sequences).unwrap()[0]);
            let alone: Vec<u32> = sequences.iter().flat_map(|text| bits(&model.forward(&[text]).unwrap()[0])).collect();
            assert!(together == alone, "{family} {precision:?} {}", model.products());
        }
    }
}

/// The products of processors with AMX, without instructions for bf16, without vectors, and of this one, in each precision of
/// the CPU, in this order.
fn every_processor() -> Vec<(Precision, Host)> {
    let hosts: [Host; 4] =
        [HostProducts::as_with_amx, HostProducts::as_without_bf16, HostProducts::as_without_vectors, HostProducts::new];
    [Precision::F32, Precision::Bf16, Precision::Int8]
        .into_iter()
        .flat_map(|precision| hosts.map(|host| (precision, host)))
        .collect()
}

#[test]
fn models_in_bf16_are_near_to_transformers_in_bf16_on_every_processor() {
    for (_, host) in every_processor().into_iter().skip(4).take(4) {
        let mut worst = (0.0_f32, String::new());
        for (family, _) in golden::variants() {
            let ids = &golden::texts(&family)[0];
            let halved = Halved::new(&family, DType::BF16);
            let expected = Halved::expected(&family, "bf16");
            let splits = halved.splits("bf16");
            let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
            let model = halved.load(DType::BF16, &splits, &options(Precision::Bf16, host));
            assert!(model.products().starts_with("bf16 ("), "{family}: {}", model.products());
            let outputs = model.forward(&[ids]).unwrap().into_iter().chain([model.logits(ids).unwrap()]);
            for (path, ours) in splits.iter().copied().chain(["logits"]).zip(outputs) {
                let difference = golden::difference(&ours, &expected[path].to_dtype(DType::F32).unwrap());
                assert!(difference <= 2e-2, "{family} {path} {}: {difference:e}", model.products());
                if difference > worst.0 {
                    worst = (difference, format!("{family} {path} {}", model.products()));
                }
            }
        }
        println!("the largest difference to transformers in bf16: {:e}, {}", worst.0, worst.1);
    }
}

#[test]
fn a_model_in_bf16_is_the_same_bits_from_files_of_every_type() {
    for family in ["bert", "gpt2", "gemma", "t5"] {
        let halved = Halved::new(family, DType::BF16);
        let splits = splits(family, halved.variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for (_, host) in every_processor().into_iter().skip(4).take(4) {
            let outputs = [DType::BF16, DType::F32].map(|dtype| {
                let model: SplitModel = halved.load(dtype, &splits, &options(Precision::Bf16, host));
                let mut outputs = model.forward(&sequences).unwrap();
                outputs.push(model.logits(&texts[0]).unwrap());
                outputs.iter().map(bits).collect::<Vec<_>>()
            });
            assert!(outputs[0] == outputs[1], "{family}");
        }
    }
}

#[test]
fn models_in_int8_have_the_same_bits_on_every_processor() {
    for (family, _) in golden::variants() {
        let halved = Halved::new(&family, DType::BF16);
        let splits = splits(&family, halved.variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let [(portable, ours), (native, same)] =
            [HostProducts::as_without_bf16 as Host, HostProducts::new].map(|host| {
                let model: SplitModel = halved.load(DType::BF16, &splits, &options(Precision::Int8, host));
                let mut outputs = model.forward(&sequences).unwrap();
                outputs.push(model.logits(&texts[0]).unwrap());
                (model.products().to_owned(), outputs)
            });
        assert!(portable.starts_with("int8 (portable)") && native.starts_with("int8 ("), "{portable}, {native}");
        for (path, (ours, same)) in splits.iter().chain([&"logits"]).zip(ours.iter().zip(&same)) {
            assert!(bits(ours) == bits(same), "{family} {path}: {native}");
        }
    }
}
