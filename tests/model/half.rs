//! Weights in half precision: kept as they are stored, the bits of their values in single precision, and near to what
//! transformers computes in half precision.

use candle_core::{DType, Tensor};
use eidos::ErrorCode;
use eidos::model::{LoadOptions, ModelPlan, Precision};

use crate::model::golden::{self, difference, values};
use crate::model::halved::Halved;

/// The types, what their tensors are called in the fixtures, and how far transformers may be: the bound of the project is 2e-2
/// for both. Eidos computes in f32 and is within 1e-6 of the same model in float64, so nearly all of a difference is transformers'
/// own rounding, which is an eighth as large in f16.
const TYPES: [(DType, &str, f32); 2] = [(DType::BF16, "bf16", 2e-2), (DType::F16, "f16", 4e-3)];

/// The largest difference to transformers in each type, for a family, computed on the CPU in f32; and that of 8-bit integers to f32.
pub fn differences(family: &str) -> Vec<(&'static str, f32)> {
    let mut differences = differences_where(family, |_| whole());
    differences.push(("int8", difference_of_int8(family)));
    differences
}

/// How far products of 8-bit integers may be from f32. A factor is off by a 254th of the largest of its row at most, and a model of
/// three blocks rounds thrice a dozen times; the most was 5.9e-2, of Gemma 3.
const INT8_BOUND: f32 = 8e-2;

/// The largest difference of products of 8-bit integers to f32, which is within 2e-5 of transformers, where half precision is compared.
fn difference_of_int8(family: &str) -> f32 {
    let ids = &golden::texts(family)[0];
    let halved = Halved::new(family, DType::BF16);
    let splits = halved.splits("bf16");
    let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
    let [ours, exact] = [Precision::Int8, Precision::F32].map(|precision| {
        let model = halved.load(DType::BF16, &splits, &LoadOptions { precision, ..whole() });
        assert_eq!(model.products().starts_with("int8 ("), precision == Precision::Int8, "{}", model.products());
        model.forward(&[ids]).unwrap().into_iter().chain([model.logits(ids).unwrap()]).collect::<Vec<_>>()
    });
    let compared =
        splits.iter().copied().chain(["logits"]).zip(ours.iter().zip(&exact)).map(|(path, (ours, exact))| {
            let difference = difference(ours, exact);
            assert!(difference > 0.0 && difference <= INT8_BOUND, "{family} {path} in int8: {difference:e}");
            difference
        });
    compared.fold(0.0, f32::max)
}

/// The same where the options for a type say.
fn differences_where(family: &str, options: impl Fn(DType) -> LoadOptions) -> Vec<(&'static str, f32)> {
    let ids = &golden::texts(family)[0];
    let of_type = |(dtype, kind, bound): (DType, &'static str, f32)| {
        let model = Halved::new(family, dtype);
        let expected = Halved::expected(family, kind);
        let splits = model.splits(kind);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        assert!(splits.len() >= 2, "{family} {kind}: {splits:?}");
        let model = model.load(dtype, &splits, &options(dtype));
        let outputs = model.forward(&[ids]).unwrap().into_iter().chain([model.logits(ids).unwrap()]);
        let compared = splits.iter().copied().chain(["logits"]).zip(outputs).map(|(path, ours)| {
            let difference = difference(&ours, &expected[path].to_dtype(DType::F32).unwrap());
            assert!(difference <= bound, "{family} {path} in {kind}: {difference:e}");
            difference
        });
        (kind, compared.fold(0.0, f32::max))
    };
    TYPES.into_iter().map(of_type).collect()
}

#[test]
fn half_precision_gives_the_bits_of_the_same_values_in_single_precision() {
    for (family, _) in golden::variants() {
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for (dtype, kind, _) in TYPES {
            let halved = Halved::new(&family, dtype);
            let listing = golden::listing(&family, halved.variant);
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let [ours, single] = [dtype, DType::F32].map(|dtype| halved.load(dtype, &splits, &whole()));
            let bits = |tensor: &Tensor| values(tensor).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            if has_tiles(dtype) {
                // Products are three of bf16 then, which round otherwise; the bound is that of f32.
                let pairs = ours.forward(&sequences).unwrap().into_iter().zip(single.forward(&sequences).unwrap());
                pairs.for_each(|(ours, single)| assert!(difference(&ours, &single) <= 2e-5, "{family} in {kind}"));
                continue;
            }
            let (outputs, expected) = (ours.forward(&sequences).unwrap(), single.forward(&sequences).unwrap());
            for ((path, ours), single) in splits.iter().zip(&outputs).zip(&expected) {
                assert!(bits(ours) == bits(single), "{family} {path} in {kind}");
            }
            let [ours, single] = [ours, single].map(|model| bits(&model.logits(&texts[0]).unwrap()));
            assert!(ours == single, "{family} logits in {kind}");
        }
    }
}

#[test]
fn weights_take_the_bytes_that_they_are_stored_in() {
    for (family, _) in golden::variants() {
        for (dtype, kind, _) in TYPES {
            let halved = Halved::new(&family, dtype);
            let plan = ModelPlan::new(&serde_json::to_vec(&halved.config).unwrap(), &[], &whole()).unwrap();
            let wanted = halved.tensors.iter().filter(|(name, _)| plan.wants(name));
            // What is added to logits is a vector, whatever its shape, and so are the biases of all experts and the taps of a convolution.
            let is_vector = |name: &str| name.ends_with("_bias") || name.ends_with("conv1d.weight");
            let is_matrix = |(name, tensor): &(&String, &Tensor)| tensor.rank() > 1 && !is_vector(name);
            let (matrices, vectors): (Vec<_>, Vec<_>) = wanted.partition(is_matrix);
            let [matrices, vectors] =
                [matrices, vectors].map(|of| of.iter().map(|(_, tensor)| tensor.elem_count()).sum::<usize>());
            let bytes = [dtype, DType::F32].map(|dtype| halved.load(dtype, &[], &whole()).weight_bytes());
            // A table of positions that no file has is there in single precision, once for all stacks.
            let computed = golden::listing(&family, halved.variant).into_iter().filter(|module| {
                module.class.contains("Sinusoidal") && !halved.tensors.contains_key(&format!("{}.weight", module.path))
            });
            let table = computed.filter_map(|module| module.embedding).map(|[count, width]| 4 * count * width).max();
            let table = table.unwrap_or(0);
            let expected = [2 * matrices + 4 * vectors + table, 4 * matrices + 4 * vectors + table];
            assert_eq!(bytes, expected, "{family} in {kind}");
        }
    }
}

/// Whether products with weights of this type are computed in tiles on this processor.
fn has_tiles(dtype: DType) -> bool {
    let probe = Halved::new("bert", DType::BF16);
    dtype == DType::BF16 && golden::has_three_terms(probe.load(DType::BF16, &["0"], &LoadOptions::default()).products())
}

/// How far the CPU is from transformers in bf16 where it computes in bf16 itself, on weights in bf16 and on the same in f32.
#[test]
fn the_cpu_computes_in_bf16_what_transformers_computes_in_it() {
    let options = LoadOptions { precision: Precision::Bf16, ..whole() };
    for (family, _) in golden::variants() {
        let texts = golden::texts(&family);
        let halved = Halved::new(&family, DType::BF16);
        let expected = Halved::expected(&family, "bf16");
        let splits = halved.splits("bf16");
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        for dtype in [DType::BF16, DType::F32] {
            let model = halved.load(dtype, &splits, &options);
            assert!(model.products().starts_with("bf16 ("), "{}", model.products());
            let outputs = model.forward(&[&texts[0]]).unwrap().into_iter().chain([model.logits(&texts[0]).unwrap()]);
            for (path, ours) in splits.iter().copied().chain(["logits"]).zip(outputs) {
                let difference = difference(&ours, &expected[path].to_dtype(DType::F32).unwrap());
                assert!(difference <= 2e-2, "{family} {path} from {dtype:?}: {difference:e}");
            }
        }
    }
}

/// Every weight, whatever the split points.
fn whole() -> LoadOptions {
    LoadOptions { whole: true, ..LoadOptions::default() }
}

#[test]
fn the_cpu_refuses_to_compute_in_types_that_only_devices_have() {
    for (precision, name) in [(Precision::Tf32, "tf32"), (Precision::F16, "f16")] {
        let options = LoadOptions { precision, ..LoadOptions::default() };
        let error = golden::load("bert", "base", "weights", &["0"], &options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains(name) && error.hint_text().contains("f32"), "{error}");
    }
}

/// What a model is loaded with to compute in a type on a CUDA device.
#[cfg(feature = "cuda")]
fn on_a_device(dtype: DType) -> LoadOptions {
    let precision = if dtype == DType::BF16 { Precision::Bf16 } else { Precision::F16 };
    LoadOptions { device: eidos::DeviceChoice::Cuda(0), precision, ..whole() }
}

/// Every module of every family: near to what transformers computes in the type, and to the same numbers in f32.
#[cfg(feature = "cuda")]
#[test]
fn a_device_computes_in_half_precision_what_transformers_computes_in_it() {
    if let Some(reason) = eidos::device_status().reason {
        return eprintln!("not tested on a CUDA device: {reason}");
    }
    for (family, _) in golden::variants() {
        differences_where(&family, on_a_device);
        let texts = golden::texts(&family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for (dtype, kind, bound) in TYPES {
            let halved = Halved::new(&family, dtype);
            let listing = golden::listing(&family, halved.variant);
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let there = halved.load(dtype, &splits, &on_a_device(dtype)).forward(&sequences).unwrap();
            let here = halved.load(dtype, &splits, &whole()).forward(&sequences).unwrap();
            for ((path, there), here) in splits.iter().zip(&there).zip(&here) {
                let difference = difference(there, here);
                assert!(difference <= bound, "{family} {path} in {kind}: {difference:e}");
            }
        }
    }
}
