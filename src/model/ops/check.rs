//! Every operation, with each of its settings: its kernel gives what its reference gives, its gradient is that of the
//! reference, and both are that of finite differences. Where there is a CUDA device, its kernel and its reference there as
//! well.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "cuda")]
mod device;

use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor, Var};

use super::operation::{Values, gradients, lend};
use super::*;
use crate::error::{Error, Result};
use crate::kernels::DeltaHeads;
use crate::model::blueprint::{
    Activation, Alibi, AttentionSettings, DistanceTable, ExpertGate, ExpertSettings, FusedExperts, RelativePositions,
    RotaryScaling, RotarySettings, Routing,
};
use crate::model::options::Precision;
use crate::tensor_files::NumberType;

const KERNELS: Implementation = Implementation::Kernels(DType::F32);
const DOUBLE: Implementation = Implementation::Reference(DType::F64);

/// The step of finite differences, in f64.
const STEP: f64 = 1e-6;

/// Values between -2 and 2.
fn random(rows: usize, columns: usize, seed: u64) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 22) as f32 - 2.0
    };
    let values = (0..rows * columns).map(|_| next()).collect::<Vec<_>>();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The sum of products of values.
fn dot(left: &Tensor, right: &Tensor) -> f64 {
    values(left).iter().zip(values(right)).map(|(left, right)| left * right).sum()
}

fn assert_near(what: &str, ours: &Tensor, theirs: &Tensor, bound: f64) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    let (ours, theirs) = (values(ours), values(theirs));
    let largest = theirs.iter().fold(1e-3_f64, |largest, value| largest.max(value.abs()));
    let far = ours.iter().zip(&theirs).fold(0.0_f64, |far, (ours, theirs)| far.max((ours - theirs).abs()));
    assert!(ours.iter().all(|value| value.is_finite()) && far <= bound * largest, "{what}: {far:e} of {largest:e}");
}

/// The same tensor, its columns one after the other in memory.
fn strided(tensor: &Tensor) -> Tensor {
    let strided = tensor.t().unwrap().contiguous().unwrap().t().unwrap();
    assert!(!strided.is_contiguous() || tensor.dim(1).unwrap() == 1);
    strided
}

/// Holds an operation, which `make` makes and `apply` applies, to all that an operation promises.
fn check<const N: usize, O: Operation<N>>(
    what: &str,
    make: impl Fn(&Backend) -> O,
    inputs: &[Tensor; N],
    apply: impl Fn(&O, Implementation, [&Tensor; N]) -> Result<Tensor>,
) {
    let operation = &make(&Backend::CPU);
    #[cfg(feature = "cuda")]
    device::check(what, operation, &make, inputs, &apply);
    let apply = |implementation, inputs: [&Tensor; N]| apply(operation, implementation, inputs);
    let all =
        |inputs: &[Tensor; N], implementation| apply(implementation, std::array::from_fn(|i| &inputs[i])).unwrap();
    let of_type = |numbers| inputs.clone().map(|input| input.to_dtype(numbers).unwrap());
    let double = of_type(DType::F64);
    let ours = all(inputs, KERNELS);
    let exact = all(&double, DOUBLE);
    assert_near(what, &ours, &all(inputs, Implementation::Reference(DType::F32)), 1e-5);
    assert_near(what, &ours, &exact, 1e-5);
    // However they lie, and whatever numbers they are.
    assert_eq!(values(&all(&inputs.clone().map(|input| strided(&input)), KERNELS)), values(&ours));
    for half in [DType::F16, DType::BF16] {
        let (inputs, strided) = (of_type(half), of_type(half).map(|input| strided(&input)));
        let (ours, reference) = (all(&strided, KERNELS), all(&inputs, Implementation::Reference(half)));
        assert_near(&format!("{what} in {half:?}"), &ours, &reference, 0.0);
    }

    let (rows, columns) = exact.dims2().unwrap();
    let upper = random(rows, columns, 99).to_dtype(DType::F64).unwrap();
    let gradient_of = |inputs: &[Tensor; N], implementation| -> Vec<Tensor> {
        let inputs = inputs.clone().map(|input| Var::from_tensor(&input).unwrap());
        let result = apply(implementation, std::array::from_fn(|i| inputs[i].as_tensor())).unwrap();
        let sum = (&result * upper.to_dtype(result.dtype()).unwrap()).unwrap().sum_all().unwrap();
        let mut gradients = sum.backward().unwrap();
        inputs.iter().map(|input| gradients.remove(input).unwrap()).collect()
    };
    let expected =
        gradients(O::NAME, std::array::from_fn(|i| &double[i]), &upper, |inputs| operation.reference(inputs)).unwrap();
    let closed = gradient_of(&double, DOUBLE);
    for ((ours, closed), expected) in gradient_of(inputs, KERNELS).iter().zip(&closed).zip(&expected) {
        assert_near(&format!("gradient of {what}"), ours, closed, 1e-5);
        assert_near(&format!("gradient of the reference of {what}"), closed, expected, 1e-5);
    }

    let directions: Vec<Tensor> =
        (0..N).map(|i| random(inputs[i].dim(0).unwrap(), inputs[i].dim(1).unwrap(), 77 + i as u64)).collect();
    let moved = |step: f64| -> f64 {
        let moved = std::array::from_fn(|i| {
            (&double[i] + (directions[i].to_dtype(DType::F64).unwrap() * step).unwrap()).unwrap()
        });
        dot(&all(&moved, DOUBLE), &upper)
    };
    let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
    let slope: f64 = closed.iter().zip(&directions).map(|(gradient, direction)| dot(gradient, direction)).sum();
    let size: f64 = closed.iter().map(|gradient| dot(gradient, gradient)).sum::<f64>().sqrt();
    assert!((difference - slope).abs() <= 1e-6 * size, "{what}: {difference} for {slope}, gradient of size {size}");
}

fn check_unary<O: Operation<1> + Clone + 'static>(what: &str, make: impl Fn(&Backend) -> O, rows: Tensor) {
    check(what, make, &[rows], |operation, implementation, [rows]| implementation.unary(operation, rows));
}

fn check_binary<O: Operation<2> + Clone + 'static>(what: &str, operation: &O, shape: (usize, usize)) {
    let inputs = [random(shape.0, shape.1, 1), random(shape.0, shape.1, 2)];
    check(
        what,
        |_| operation.clone(),
        &inputs,
        |operation, implementation, [left, right]| implementation.binary(operation, left, right),
    );
}

/// A constant where a model computes.
fn on(backend: &Backend, constant: &Tensor) -> Tensor {
    constant.to_device(&backend.device).unwrap()
}

#[test]
fn projections_with_weights_of_every_type() {
    // More outputs than are f32 at a time in the backward pass, and blocks of 256 numbers.
    const OUTPUTS: usize = 300;
    let weight = values(&random(OUTPUTS, 256, 3)).iter().map(|value| *value as f32).collect::<Vec<_>>();
    let bias = random(1, OUTPUTS, 4).squeeze(0).unwrap();
    let blocks = [GgmlDType::Q8_0, GgmlDType::Q4K].map(NumberType::Blocks);
    for numbers in [NumberType::F32, NumberType::F16, NumberType::Bf16].into_iter().chain(blocks) {
        for bias in [None, Some(bias.clone())] {
            let what = format!("linear, {numbers:?}, bias {}", bias.is_some());
            let make = |backend: &Backend| {
                let weight = Arc::new(Weight::rounded(&weight, (OUTPUTS, 256), &numbers, backend));
                Linear::new(weight, bias.as_ref().map(|bias| on(backend, bias)))
            };
            check_unary(&what, make, random(7, 256, 5));
        }
    }
}

/// Those that are computed some rows at a time, and others; more rows than are taken at a time.
#[test]
fn mlps_in_one_step_have_the_bits_of_their_steps() {
    let linear = |backend: &Backend, inputs: usize, outputs: usize, seed: u64, packs: bool| {
        let weight = values(&random(outputs, inputs, seed)).iter().map(|value| *value as f32).collect::<Vec<_>>();
        let weight = Weight::rounded(&weight, (outputs, inputs), &NumberType::F32, backend);
        let packing = Backend { host: HostProducts::new(Precision::F32), ..Backend::CPU };
        let weight = if packs { weight.for_products(&NumberType::F32, &packing).unwrap() } else { weight };
        let bias = on(backend, &random(1, outputs, seed + 9).squeeze(0).unwrap());
        Linear::new(Arc::new(weight), seed.is_multiple_of(2).then_some(bias))
    };
    for (function, is_gated) in [(Activation::Gelu, false), (Activation::Silu, true), (Activation::GeluTanh, true)] {
        let make = |backend: &Backend, packs: bool| {
            let up = is_gated.then(|| linear(backend, 24, 40, 3, packs));
            [Some(linear(backend, 24, 40, 2, packs)), up, Some(linear(backend, 40, 20, 4, packs))]
        };
        let of = |[inner, up, down]: &[Option<Linear>; 3]| {
            let (inner, down) = (inner.as_ref().unwrap(), down.as_ref().unwrap());
            Mlp::of(inner, function, up.as_ref(), down)
        };
        check_unary(
            &format!("mlp by {function:?}, gate: {is_gated}"),
            |backend| of(&make(backend, false)),
            random(7, 24, 5),
        );

        let parts = make(&Backend::CPU, true);
        let [Some(inner), up, Some(down)] = &parts else { unreachable!() };
        if inner.packed().is_none() {
            continue;
        }
        let rows = random(500, 24, 6);
        let mlp = Mlp::new(inner, function, up.as_ref(), down).unwrap();
        let hidden = KERNELS.unary(inner, &rows).unwrap();
        let hidden = match up {
            Some(up) => KERNELS.binary(&Gate(function), &hidden, &KERNELS.unary(up, &rows).unwrap()).unwrap(),
            None => KERNELS.unary(&function, &hidden).unwrap(),
        };
        let expected = KERNELS.unary(down, &hidden).unwrap();
        assert_eq!(values(&KERNELS.unary(&mlp, &rows).unwrap()), values(&expected), "{function:?}");
    }
}

#[test]
fn norms_of_rows_and_of_heads() {
    for (width, columns) in [(24, 24), (8, 24), (5, 15), (520, 520)] {
        let (weight, bias) = (random(1, width, 1).squeeze(0).unwrap(), random(1, width, 2).squeeze(0).unwrap());
        let rms = |backend: &Backend| Norm::root_mean_square(on(backend, &weight), 1e-6);
        check_unary(&format!("rms norm of {width}"), rms, random(5, columns, 3));
        let layer = |backend: &Backend| Norm::layer(on(backend, &weight), on(backend, &bias), 1e-5);
        check_unary(&format!("layer norm of {width}"), layer, random(5, columns, 4));
        let of_sum = |backend: &Backend| NormOfSum(layer(backend));
        let pair = [random(5, columns, 5), random(5, columns, 6)];
        check(&format!("norm of a sum, {width}"), of_sum, &pair, |norm, implementation, [left, right]| {
            implementation.binary(norm, left, right)
        });
    }
}

#[test]
fn functions_of_single_values() {
    use Activation::{Gelu, GeluQuick, GeluTanh, Logistic, Relu, Silu, Tanh};
    for function in [Gelu, GeluTanh, GeluQuick, Silu, Relu, Tanh, Logistic] {
        let rows = (random(9, 24, 6) * 3.0).unwrap();
        check_unary(&format!("{function:?}"), |_| function, rows);
        check_binary(&format!("gate by {function:?}"), &Gate(function), (9, 24));
    }
    check_unary("soft cap", |_| SoftCap(0.7), random(5, 24, 7));
    check_unary("scale", |_| Scale(-1.3), random(5, 24, 8));
    let row = |backend: &Backend| random(1, 24, 9).flatten_all().unwrap().to_device(&backend.device).unwrap();
    check_unary("shift", |backend| Shift(row(backend)), random(5, 24, 8));
    check_binary("add", &Add, (5, 24));
    check_binary("multiply", &Multiply, (5, 24));
}

/// PyTorch's convention, which candle's own operation does not have.
#[test]
fn the_gradient_of_a_kink_is_zero() {
    let rows = Tensor::zeros((1, 2), DType::F32, &Device::Cpu).unwrap();
    let [gradient] = Activation::Relu.backward([&rows], &rows.ones_like().unwrap()).unwrap();
    assert_eq!(values(&gradient), [0.0, 0.0]);
}

#[test]
fn columns_side_by_side() {
    let per_head = vec![0..8, 12..20, 24..32];
    for runs in [vec![0..2, 9..24], vec![20..24, 0..4], std::iter::once(3..7).collect(), per_head] {
        check_unary(&format!("columns {runs:?}"), |_| GatherColumns(runs.clone()), random(5, 36, 9));
    }
}

#[test]
fn rotations_of_all_columns_and_of_some() {
    for (interleaved, rotary_dim, width) in
        [(false, 8, 8), (false, 4, 8), (true, 8, 8), (true, 4, 8), (false, 16, 16), (false, 16, 32)]
    {
        let scaling = RotaryScaling::None;
        let settings =
            RotarySettings { rotary_dim, interleaved, theta: 100.0, scaling, amplitude: 1.2, by_pair: false };
        let make = |backend: &Backend| Rotary::new(&[0..3, 3..5], &settings, &backend.device).unwrap().heads(width);
        let what = format!("rotation of {rotary_dim} of {width}, interleaved {interleaved}");
        check_unary(&what, make, random(5, 2 * width, 10));
    }
}

#[test]
fn short_convolutions_of_texts() {
    for taps in [1, 2, 4] {
        let weight = random(taps, 12, 31);
        let texts = Arc::from([0..9, 9..10, 10..10, 10..12, 12..15]);
        let make = |backend: &Backend| ShortConvolution::new(&on(backend, &weight), &texts);
        check_unary(&format!("convolution of {taps} taps"), make, random(15, 12, 32));
    }
}

#[test]
fn delta_rules_of_texts_of_all_lengths() {
    for (key_heads, value_heads) in [(2, 4), (3, 3)] {
        let heads = DeltaHeads { key_heads, value_heads, key_width: 6, value_width: 5 };
        // One is longer than the rows that are differentiated at a time; two are of one length.
        let texts = Arc::from([0..150, 150..151, 151..151, 151..155, 155..159]);
        let numbers = |seed| random(1, value_heads, seed).squeeze(0).unwrap();
        let decay = (numbers(33).sqr().unwrap() * -0.2).unwrap();
        let make =
            |backend: &Backend| DeltaRule::new(heads, [&on(backend, &decay), &on(backend, &numbers(34))], &texts);
        let inputs = [random(159, heads.columns(), 35), random(159, value_heads, 36), random(159, value_heads, 37)];
        check(&format!("{heads:?}"), make, &inputs, |rule, implementation, inputs| {
            implementation.ternary(rule, inputs)
        });
    }
}

/// Texts of which one has more queries than are scored at a time, and of which neighbours are as long.
const TEXTS: [Range<usize>; 6] = [0..300, 300..301, 301..301, 301..318, 318..322, 322..326];

/// Attention within texts, with tables of distances where the settings have some.
fn attention(
    settings: &AttentionSettings,
    table: Option<&Tensor>,
    texts: &[Range<usize>],
    backend: &Backend,
) -> Attention {
    let width = settings.heads * settings.head_width;
    let table = table.map(|table| on(backend, table));
    let positions = Arc::new(Positions::new(settings, &Arc::from(texts), table.as_ref(), backend).unwrap());
    match &settings.relative {
        Some(RelativePositions::Disentangled(distances)) => {
            let rows = |wanted: bool, seed| wanted.then(|| on(backend, &random(2 * distances.span, width, seed)));
            let keys = rows(distances.content_to_position, 21);
            Attention::disentangled(&positions, keys, rows(distances.position_to_content, 22))
        }
        _ => Attention::new(&positions),
    }
}

/// Queries, keys and values for attention.
fn attention_inputs(settings: &AttentionSettings, rows: usize) -> [Tensor; 3] {
    let width = settings.heads * settings.head_width;
    let key_width = settings.key_value_heads * settings.head_width;
    [random(rows, width, 1), random(rows, key_width, 2), random(rows, key_width, 3)]
}

fn check_attention(settings: &AttentionSettings, table: Option<&Tensor>) {
    let make = |backend: &Backend| attention(settings, table, &TEXTS, backend);
    check(&format!("{settings:?}"), make, &attention_inputs(settings, 326), |attention, implementation, inputs| {
        implementation.ternary(attention, inputs)
    });
}

#[test]
fn attention_with_every_setting() {
    let plain = AttentionSettings::new(6, 2, 4);
    let causal = AttentionSettings { causal: true, ..plain.clone() };
    for settings in [
        plain.clone(),
        causal.clone(),
        AttentionSettings { window: Some(7), ..plain.clone() },
        AttentionSettings { window: Some(7), ..causal.clone() },
        AttentionSettings { window: Some(290), ..causal.clone() },
        AttentionSettings { soft_cap: Some(0.5), ..causal.clone() },
        AttentionSettings { relative: Some(RelativePositions::Slopes), ..plain.clone() },
        AttentionSettings { alibi: Some(Alibi::Exact), ..causal.clone() },
        AttentionSettings { alibi: Some(Alibi::Rounded(0.5)), window: Some(20), ..causal },
    ] {
        check_attention(&settings, None);
    }
}

#[test]
fn attention_with_heads_of_every_width() {
    for (width, causal) in [(32, true), (48, false), (64, true), (80, true), (128, false), (130, true), (256, true)] {
        check_attention(&AttentionSettings { causal, ..AttentionSettings::new(2, 1, width) }, None);
    }
}

#[test]
fn attention_with_every_kind_of_distances() {
    let plain = AttentionSettings::new(3, 3, 4);
    for (bidirectional, causal) in [(true, false), (false, true)] {
        let bias = RelativePositions::Bias { buckets: 8, max_distance: 40, bidirectional };
        let settings = AttentionSettings { relative: Some(bias), scale: 1.0, causal, ..plain.clone() };
        check_attention(&settings, Some(&random(8, 3, 11)));
    }
    for (content_to_position, position_to_content) in [(true, true), (true, false), (false, true)] {
        for buckets in [None, Some((16, 100))] {
            let table = DistanceTable { span: 16, buckets, content_to_position, position_to_content };
            let relative = Some(RelativePositions::Disentangled(table));
            check_attention(&AttentionSettings { relative, ..plain.clone() }, Some(&random(32, 12, 12)));
        }
    }
}

/// Experts with weights of some type.
fn experts(settings: &ExpertSettings, numbers: &NumberType, backend: &Backend) -> Experts {
    let linear = |rows: usize, columns: usize, seed: usize| {
        let weight: Vec<f32> =
            values(&random(rows, columns, seed as u64)).iter().map(|value| *value as f32 / 4.0).collect();
        let bias = settings.bias.then(|| on(backend, &random(1, rows, seed as u64 + 50).squeeze(0).unwrap()));
        Linear::new(Arc::new(Weight::rounded(&weight, (rows, columns), numbers, backend)), bias)
    };
    let expert = |index: usize| Expert {
        gate: linear(settings.inner, settings.width, 3 * index),
        up: linear(settings.inner, settings.width, 3 * index + 1),
        down: linear(settings.width, settings.inner, 3 * index + 2),
    };
    Experts::new((0..settings.count).map(expert).collect(), settings)
}

#[test]
fn experts_with_every_routing_and_gate_and_weights_of_every_type() {
    let clamped = ExpertGate::Clamped { alpha: 1.7, limit: 0.8 };
    let silu = ExpertGate::Function(Activation::Silu);
    let settings = |count, chosen, routing, gate, bias| ExpertSettings {
        count,
        chosen,
        width: 32,
        inner: 64,
        bias,
        routing,
        gate,
        fused: FusedExperts::Stacked,
        single: None,
    };
    for (settings, numbers) in [
        (settings(5, 2, Routing::OfChosen, silu, false), NumberType::F32),
        (settings(5, 2, Routing::OfAll, silu, false), NumberType::F32),
        (settings(5, 3, Routing::OfChosen, clamped, true), NumberType::F32),
        (settings(4, 4, Routing::OfAll, ExpertGate::Function(Activation::GeluTanh), true), NumberType::F32),
        (settings(3, 1, Routing::OfAll, silu, false), NumberType::F16),
        (settings(40, 2, Routing::OfChosen, silu, false), NumberType::Bf16),
        (settings(5, 2, Routing::OfChosen, silu, false), NumberType::Blocks(GgmlDType::Q8_0)),
    ] {
        let inputs = [random(17, settings.width, 1), random(17, settings.count, 2)];
        let make = |backend: &Backend| experts(&settings, &numbers, backend);
        check(&format!("{settings:?} in {numbers:?}"), make, &inputs, |experts, implementation, [rows, scores]| {
            implementation.binary(experts, rows, scores)
        });
    }
}

/// The rows of a text are the same bits alone, among others and on threads that share many of them.
#[test]
fn a_row_of_experts_does_not_depend_on_other_rows() {
    const ROWS: usize = 1300;
    let settings = ExpertSettings {
        count: 6,
        chosen: 2,
        width: 32,
        inner: 64,
        bias: true,
        routing: Routing::OfChosen,
        gate: ExpertGate::Function(Activation::Silu),
        fused: FusedExperts::Stacked,
        single: None,
    };
    let experts = experts(&settings, &NumberType::F32, &Backend::CPU);
    let (rows, scores) = (random(ROWS, 32, 1), random(ROWS, 6, 2));
    let all = KERNELS.binary(&experts, &rows, &scores).unwrap();
    let shared = crate::workers::in_team(3, || KERNELS.binary_on(3, &experts, &rows, &scores)).unwrap();
    assert_eq!(values(&all), values(&shared));
    for row in [0, 1, 700, ROWS - 1] {
        let one = |all: &Tensor| all.narrow(0, row, 1).unwrap();
        let alone = KERNELS.binary(&experts, &one(&rows), &one(&scores)).unwrap();
        assert_eq!(values(&alone), values(&one(&all)), "row {row}");
    }
}

#[test]
fn an_mlp_beside_experts() {
    let inputs = [random(7, 24, 1), random(7, 1, 2), random(7, 24, 3)];
    check("add_shared", |_| AddShared, &inputs, |add, implementation, inputs| implementation.ternary(add, inputs));
    check_binary("clamped gate", &ClampedGate { alpha: 1.702, limit: 0.9 }, (9, 24));
}

#[test]
fn attention_with_sinks() {
    for causal in [true, false] {
        for (window, heads) in [(None, (6, 2)), (Some(7), (6, 3)), (Some(290), (3, 3))] {
            let settings = AttentionSettings { causal, window, ..AttentionSettings::new(heads.0, heads.1, 4) };
            let sinks = random(1, heads.0, 31).squeeze(0).unwrap();
            let make = |backend: &Backend| attention(&settings, None, &TEXTS, backend).with_sinks(&on(backend, &sinks));
            let what = format!("{settings:?} with sinks");
            check(&what, make, &attention_inputs(&settings, 326), |attention, implementation, inputs| {
                implementation.ternary(attention, inputs)
            });
        }
    }
}

/// What an operation would be that forgets where its rows came from.
#[derive(Clone)]
struct Forgetful;

impl Operation<1> for Forgetful {
    const NAME: &'static str = "forgetful";

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        Ok(rows.values.to_vec())
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        Ok(rows.detach())
    }
}

impl CustomOp1 for Forgetful {
    fn name(&self) -> &'static str {
        "one-way"
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((rows.clone(), layout.shape().clone()))
    }
}

#[test]
fn no_gradient_is_absent_in_silence() {
    let rows = Var::from_tensor(&random(2, 3, 1)).unwrap();
    let says = |result: Result<Tensor>, says: &str| {
        let error = result.and_then(|result| Ok(result.sum_all()?.backward()?)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    says(KERNELS.unary(&Forgetful, &rows), "`forgetful` lost the gradient");
    says(rows.apply_op1(Forgetful).map_err(Error::from), "one-way");
    says(lend(&rows, |_| rows.as_tensor().clone()), "would lose the gradient");
}

/// candle walks the graph and drops it by recursion; a model of 100 blocks has some 2000 steps.
#[test]
fn a_gradient_through_many_steps_stays_within_the_stack_of_a_thread() {
    let rows = Var::from_tensor(&random(1, 3, 1)).unwrap();
    let mut stream = rows.as_tensor().clone();
    for _ in 0..2000 {
        stream = KERNELS.binary(&Add, &stream, &stream).unwrap();
        stream = KERNELS.unary(&Scale(0.5), &stream).unwrap();
    }
    let gradients = stream.sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&rows).unwrap()), [1.0; 3]);
}
