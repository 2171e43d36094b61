//! The same cases on a CUDA device, where there is one.

#![allow(clippy::panic, clippy::print_stderr)]

use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Storage, Tensor, Var};

use super::{KERNELS, assert_near, attention, attention_inputs, random, values};
use crate::cuda::CudaRows;
use crate::device::{self, DeviceChoice};
use crate::error::Result;
use crate::model::blueprint::{Alibi, AttentionSettings, DistanceTable, RelativePositions};
use crate::model::ops::{Backend, Embedding, Implementation, Linear, Operation, Weight};
use crate::tensor_files::NumberType;

/// The first CUDA device; nothing where there is none, which the caller's test says.
fn backend() -> Option<Backend> {
    match device::open(DeviceChoice::Cuda(0)) {
        Ok(device) => Some(Backend::new(&device, crate::model::Precision::F32).unwrap()),
        Err(error) => {
            eprintln!("not tested on a CUDA device: {error}");
            None
        }
    }
}

/// Whether a kernel takes these inputs.
fn has_kernel<const N: usize, O: Operation<N>>(operation: &O, inputs: &[Tensor; N]) -> bool {
    let guards: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
    let rows = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cuda(storage) => CudaRows::new(storage, layout.start_offset(), layout.shape().dims2().unwrap()),
        _ => panic!("rows are not on the device"),
    });
    let rows: Vec<_> = rows.collect();
    operation.cuda(std::array::from_fn(|index| rows[index])).unwrap().is_some()
}

/// Holds an operation on the device to its reference there and to its reference on the CPU.
pub(super) fn check<const N: usize, O: Operation<N>>(
    what: &str,
    on_cpu: &O,
    make: impl Fn(&Backend) -> O,
    inputs: &[Tensor; N],
    apply: impl Fn(&O, Implementation, [&Tensor; N]) -> Result<Tensor>,
) {
    let Some(backend) = backend() else { return };
    let operation = make(&backend);
    let all = |operation: &O, implementation, inputs: &[Tensor; N]| {
        apply(operation, implementation, std::array::from_fn(|i| &inputs[i])).unwrap()
    };
    let host = |tensor: &Tensor| tensor.to_device(&candle_core::Device::Cpu).unwrap();
    // The last digit of a half type is 2^-8 or 2^-11 of a number, and steps of an operation round more than once.
    for (numbers, bound) in [(DType::F32, 1e-5), (DType::F16, 3e-3), (DType::BF16, 2e-2)] {
        let what = format!("{what} in {numbers:?} on the device");
        let rounded = inputs.clone().map(|input| input.to_dtype(numbers).unwrap());
        let there = rounded.clone().map(|input| input.to_device(&backend.device).unwrap());
        assert!(has_kernel(&operation, &there), "{what}");
        let ours = all(&operation, Implementation::Kernels(numbers), &there);
        assert!(ours.device().is_cuda() && ours.dtype() == numbers, "{what}");
        let ours = host(&ours);
        let reference = host(&all(&operation, Implementation::Reference(numbers), &there));
        assert_near(&format!("{what}, against its reference there"), &ours, &reference, bound);
        let exact = rounded.map(|input| input.to_dtype(DType::F64).unwrap());
        let exact = all(on_cpu, Implementation::Reference(DType::F64), &exact);
        assert_near(&format!("{what}, against the CPU"), &ours, &exact, bound);
        // However the rows lie.
        let strided = there.clone().map(|input| super::strided(&input));
        assert_eq!(
            values(&host(&all(&operation, Implementation::Kernels(numbers), &strided))),
            values(&ours),
            "{what}"
        );
    }

    let gradient_of = |operation: &O, implementation, inputs: [Tensor; N]| -> Vec<Tensor> {
        let inputs = inputs.map(|input| Var::from_tensor(&input).unwrap());
        let result = apply(operation, implementation, std::array::from_fn(|i| inputs[i].as_tensor())).unwrap();
        let (rows, columns) = result.dims2().unwrap();
        let upper = random(rows, columns, 99).to_device(result.device()).unwrap().to_dtype(result.dtype()).unwrap();
        let mut gradients = (result * upper).unwrap().sum_all().unwrap().backward().unwrap();
        inputs.iter().map(|input| host(&gradients.remove(input).unwrap())).collect()
    };
    let there = inputs.clone().map(|input| input.to_device(&backend.device).unwrap());
    let ours = gradient_of(&operation, KERNELS, there);
    let theirs = gradient_of(on_cpu, KERNELS, inputs.clone());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_near(&format!("gradient of {what} on the device"), ours, theirs, 1e-5);
    }
}

const KINDS: [NumberType; 13] = [
    NumberType::F32,
    NumberType::F16,
    NumberType::Bf16,
    NumberType::Blocks(GgmlDType::Q4_0),
    NumberType::Blocks(GgmlDType::Q4_1),
    NumberType::Blocks(GgmlDType::Q5_0),
    NumberType::Blocks(GgmlDType::Q5_1),
    NumberType::Blocks(GgmlDType::Q8_0),
    NumberType::Blocks(GgmlDType::Q2K),
    NumberType::Blocks(GgmlDType::Q3K),
    NumberType::Blocks(GgmlDType::Q4K),
    NumberType::Blocks(GgmlDType::Q5K),
    NumberType::Blocks(GgmlDType::Q6K),
];

#[test]
fn weights_of_every_type_are_the_same_bits_on_the_device() {
    let Some(backend) = backend() else { return };
    let numbers: Vec<f32> = values(&random(67, 512, 3)).iter().map(|value| *value as f32).collect();
    for kind in &KINDS {
        let cpu = Arc::new(Weight::rounded(&numbers, (67, 512), kind, &Backend::CPU));
        let there = Arc::new(Weight::rounded(&numbers, (67, 512), kind, &backend));
        assert_eq!(there.bytes(), cpu.bytes(), "{kind:?}");
        let bits = |weight: &Weight| -> Vec<u32> {
            let values: Vec<f32> = weight.tensor().unwrap().flatten_all().unwrap().to_vec1().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        assert_eq!(bits(&there), bits(&cpu), "{kind:?}");
        let rows =
            |weight: &Arc<Weight>| values(&Embedding::new(Arc::clone(weight), 1.5).forward(&[66, 0, 3, 3]).unwrap());
        assert_eq!(rows(&there), rows(&cpu), "{kind:?}");
    }
    // Rows and columns that are no multiples of anything.
    for kind in &KINDS[..3] {
        let there = Weight::rounded(&numbers[..35 * 45], (35, 45), kind, &backend).transposed().unwrap();
        let cpu = Weight::rounded(&numbers[..35 * 45], (35, 45), kind, &Backend::CPU).transposed().unwrap();
        assert_eq!(values(&there.tensor().unwrap()), values(&cpu.tensor().unwrap()), "{kind:?}");
    }
}

#[test]
fn a_row_of_a_product_is_the_same_bits_whatever_the_number_of_rows() {
    let Some(backend) = backend() else { return };
    let numbers: Vec<f32> = values(&random(96, 64, 3)).iter().map(|value| *value as f32).collect();
    let rows = random(300, 64, 4).to_device(&backend.device).unwrap();
    for kind in &KINDS[..3] {
        let linear = Linear::new(Arc::new(Weight::rounded(&numbers, (96, 64), kind, &backend)), None);
        for numbers in [DType::F32, DType::BF16, DType::F16] {
            let rows = rows.to_dtype(numbers).unwrap();
            let of = |first: usize, count: usize| {
                let rows = rows.narrow(0, first, count).unwrap();
                values(&Implementation::Kernels(numbers).unary(&linear, &rows).unwrap())
            };
            let all = of(0, 300);
            for (first, count) in [(0, 1), (7, 1), (3, 64), (100, 200)] {
                assert_eq!(
                    of(first, count),
                    all[first * 96..(first + count) * 96],
                    "{kind:?} {numbers:?} {first} {count}"
                );
            }
        }
    }
}

#[test]
fn a_matrix_that_is_larger_than_the_scratch_memory_is_widened_in_panels() {
    let Some(backend) = backend() else { return };
    // Two panels and a part of a third.
    let (rows, columns) = (2100, 8192);
    let numbers: Vec<f32> = (0..rows * columns).map(|index| (index % 251) as f32 / 256.0 - 0.5).collect();
    let bias = random(1, rows, 5).squeeze(0).unwrap();
    let linear = |backend: &Backend| {
        let weight = Weight::rounded(&numbers, (rows, columns), &NumberType::F16, backend);
        Linear::new(Arc::new(weight), Some(super::on(backend, &bias)))
    };
    let (ours, theirs) = (linear(&backend), linear(&Backend::CPU));
    let input = random(3, columns, 6);
    let there = input.to_device(&backend.device).unwrap();
    let host = |tensor: Tensor| tensor.to_device(&candle_core::Device::Cpu).unwrap();
    let forward = host(KERNELS.unary(&ours, &there).unwrap());
    assert_near("panels", &forward, &KERNELS.unary(&theirs, &input).unwrap(), 1e-5);
    let gradient = random(3, rows, 7);
    let [back] = ours.backward([&there], &gradient.to_device(&backend.device).unwrap()).unwrap();
    let [expected] = theirs.backward([&input], &gradient).unwrap();
    assert_near("gradient of panels", &host(back), &expected, 1e-5);
}

/// Texts of these lengths, one after the other.
fn texts(lengths: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut end = 0;
    let text = |length| {
        end += length;
        end - length..end
    };
    lengths.into_iter().map(text).collect()
}

/// Around what kernels take at a time, 16 and 32 keys and 16, 32 and 64 queries.
const LENGTHS: [usize; 12] = [1, 15, 16, 17, 31, 33, 63, 64, 65, 128, 129, 200];

/// Holds attention in half types to that on the CPU in texts of many lengths, and its bits to those of each text alone and
/// among many texts of one token, where other blocks compute it.
fn check_lengths(settings: &AttentionSettings, table: Option<&Tensor>) {
    let Some(backend) = backend() else { return };
    let texts_of = |ones: usize| texts([1].into_iter().cycle().take(ones).chain(LENGTHS));
    let (plain, among) = (texts_of(0), texts_of(80));
    let rows: usize = LENGTHS.iter().sum();
    let inputs = attention_inputs(settings, rows);
    for (numbers, bound) in [(DType::F16, 3e-3), (DType::BF16, 2e-2)] {
        let rounded = inputs.clone().map(|input| input.to_dtype(numbers).unwrap());
        let run = |texts: &[Range<usize>], inputs: &[Tensor; 3]| -> Tensor {
            let there = inputs.each_ref().map(|input| input.to_device(&backend.device).unwrap());
            let operation = attention(settings, table, texts, &backend);
            assert!(has_kernel(&operation, &there), "{settings:?}");
            let [queries, keys, values] = there.each_ref();
            let result = Implementation::Kernels(numbers).ternary(&operation, [queries, keys, values]).unwrap();
            result.to_device(&candle_core::Device::Cpu).unwrap()
        };
        let ours = run(&plain, &rounded);
        let exact = rounded.each_ref().map(|input| input.to_dtype(DType::F32).unwrap());
        let on_cpu = attention(settings, table, &plain, &Backend::CPU);
        let exact = KERNELS.ternary(&on_cpu, exact.each_ref()).unwrap();
        for text in &plain {
            let of = |tensor: &Tensor| tensor.narrow(0, text.start, text.len()).unwrap();
            assert_near(&format!("{settings:?} in {numbers:?}, {text:?}"), &of(&ours), &of(&exact), bound);
        }
        let more = rounded.each_ref().map(|input| {
            let ones = input.narrow(0, 0, 80).unwrap();
            Tensor::cat(&[&ones, input], 0).unwrap()
        });
        let others = run(&among, &more).narrow(0, 80, rows).unwrap();
        assert!(values(&ours) == values(&others), "{settings:?} in {numbers:?} among texts of one token");
        for text in plain.iter().filter(|text| text.len() < 100) {
            let alone = rounded
                .each_ref()
                .map(|input| input.narrow(0, text.start, text.len()).unwrap().force_contiguous().unwrap());
            let alone = run(&[0..text.len()], &alone);
            let among = ours.narrow(0, text.start, text.len()).unwrap();
            assert!(values(&alone) == values(&among), "{settings:?} in {numbers:?}, {text:?} alone");
        }
    }
}

#[test]
fn attention_in_half_types_in_texts_of_every_length() {
    // Not 8 columns, nor 16, nor the columns of a kernel.
    for width in [12, 40, 64, 80, 128, 256] {
        let plain = AttentionSettings::new(4, 2, width);
        check_lengths(&plain, None);
        check_lengths(&AttentionSettings { causal: true, window: Some(40), ..plain }, None);
    }
    let plain = AttentionSettings::new(4, 2, 64);
    let causal = AttentionSettings { causal: true, ..plain.clone() };
    for settings in [
        causal.clone(),
        AttentionSettings { window: Some(1), ..plain.clone() },
        AttentionSettings { window: Some(20), ..plain.clone() },
        AttentionSettings { window: Some(100), ..plain.clone() },
        AttentionSettings { window: Some(300), ..causal.clone() },
        AttentionSettings { scale: -0.125, ..plain.clone() },
        AttentionSettings { scale: 4.0, ..causal.clone() },
        AttentionSettings { soft_cap: Some(0.5), ..plain.clone() },
        AttentionSettings { soft_cap: Some(5.0), window: Some(33), ..causal.clone() },
        AttentionSettings { alibi: Some(Alibi::Exact), ..causal.clone() },
        AttentionSettings { alibi: Some(Alibi::Rounded(0.5)), window: Some(20), ..causal.clone() },
    ] {
        check_lengths(&settings, None);
    }
    check_lengths(&AttentionSettings { relative: Some(RelativePositions::Slopes), ..plain.clone() }, None);
    for (bidirectional, causal) in [(true, false), (false, true)] {
        let bias = RelativePositions::Bias { buckets: 8, max_distance: 40, bidirectional };
        let settings = AttentionSettings { relative: Some(bias), causal, ..plain.clone() };
        check_lengths(&settings, Some(&random(8, 4, 11)));
    }
    let plain = AttentionSettings::new(3, 3, 64);
    for (content_to_position, position_to_content) in [(true, true), (true, false), (false, true)] {
        let table = DistanceTable { span: 16, buckets: Some((16, 600)), content_to_position, position_to_content };
        let relative = Some(RelativePositions::Disentangled(table));
        check_lengths(&AttentionSettings { relative, ..plain.clone() }, Some(&random(32, 192, 12)));
    }
}
