//! The steps on tensors are those of the CPU: on candle's CPU device always, and on a GPU where there is one.

use super::tests::{KINDS, bits, problem, small};
use super::*;
use crate::concepts::device_tests::devices;
use crate::linalg::RandomState;
use crate::rows::RowSlice;

const COLUMNS: usize = 16;
const ROWS: usize = 2000;

/// How far two trained values are apart, as a share of how far they went.
fn difference(found: &[f32], wanted: &[f32], start: &[f32]) -> f64 {
    let distance = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
    };
    assert_eq!(found.len(), wanted.len());
    distance(found, wanted) / distance(wanted, start).max(1e-6)
}

/// Makes the same steps on the CPU and on a device, and compares all that they change.
fn compare(options: &SaeOptions, outputs: Option<&[f32]>, disturb: impl Fn(&mut State)) -> Vec<usize> {
    let (_, values) = problem(21, ROWS, COLUMNS, 48, 3);
    let rows = RowSlice::new(&values, COLUMNS).unwrap();
    let width = outputs.map_or(COLUMNS, |outputs| outputs.len() / ROWS);
    let targets = outputs.map(|outputs| RowSlice::new(outputs, width).unwrap());
    let targets = targets.as_ref().map(|targets| targets as &dyn Rows);
    let schedule = Schedule::new(ROWS, 0.0, 100, ROWS, 0).unwrap();
    let settings = Settings { batch_rows: 100, ..settings(&rows, targets, options).unwrap() };
    let mut start = start::start(&rows, targets, &schedule, &settings, 0.0, 0, &Control::new()).unwrap();
    disturb(&mut start);
    let [input, output] = start.factors;
    let scaled = |values: &[f32], factor: f32| values.iter().map(|value| value * factor).collect::<Vec<f32>>();
    let mut dead = Vec::new();
    for device in devices() {
        let (mut wanted, mut found) = (start.clone(), start.clone());
        let mut on_cpu = Trainer::new(settings.clone()).unwrap();
        let mut on_device = DeviceTrainer::new(settings.clone(), &start, &device).unwrap();
        dead.clear();
        for step in 0..40 {
            let first = step % 20 * 100;
            let batch = scaled(&values[first * COLUMNS..][..100 * COLUMNS], input);
            let target = outputs.map(|outputs| scaled(&outputs[first * width..][..100 * width], output));
            let target = target.as_ref().unwrap_or(&batch);
            let expected = on_cpu.step(&mut wanted, &batch, target, 1e-3, options.restart_dead).unwrap();
            let measured = on_device.step(&mut found, &batch, target, 1e-3, options.restart_dead).unwrap();
            let name = format!("{:?} on {:?}, step {step}", options.kind, device.location());
            assert!((measured.squares / expected.squares - 1.0).abs() < 1e-3, "{name}: {measured:?} {expected:?}");
            // A code on the other side of a bound.
            assert!(measured.codes.abs_diff(expected.codes) <= 1, "{name}: {measured:?} {expected:?}");
            assert_eq!(measured.dead, expected.dead, "{name}");
            dead.push(measured.dead);
        }
        on_device.store(&mut found).unwrap();
        let parts = |state: &State| {
            [&state.encoder, &state.dictionary, &state.scalars, &state.offset]
                .map(|part| [part.values.clone(), part.first.clone(), part.second.clone()])
        };
        let zeros = |values: &[f32]| vec![0.0; values.len()];
        let names = ["encoder", "dictionary", "scalars", "offset"];
        for ((name, (found, wanted)), start) in
            names.iter().zip(parts(&found).iter().zip(&parts(&wanted))).zip(parts(&start))
        {
            for (which, from) in [start[0].clone(), zeros(&start[1]), zeros(&start[2])].iter().enumerate() {
                let apart = difference(&found[which], &wanted[which], from);
                // Rounding, which Adam makes large where a gradient is hardly there.
                assert!(apart < 5e-3, "{:?}: {name} {which} is {apart} apart", options.kind);
            }
        }
        assert!(found.silent == wanted.silent && found.step == wanted.step, "{:?}", options.kind);
        assert!((found.penalty / wanted.penalty - 1.0).abs() < 1e-3, "{} {}", found.penalty, wanted.penalty);
    }
    dead
}

#[test]
fn each_kind_makes_the_steps_of_the_cpu() {
    for kind in KINDS {
        if kind != SaeKind::MatchingPursuit {
            compare(&small(kind), None, |_| {});
        }
    }
}

#[test]
fn every_kernel_of_thresholds_makes_the_steps_of_the_cpu() {
    use ThresholdKernel::{Cauchy, Cosine, Epanechnikov, Gaussian, Quartic, Rectangle, Silverman, Triangular};
    for kernel in [Rectangle, Triangular, Epanechnikov, Quartic, Cosine, Gaussian, Silverman, Cauchy] {
        compare(&SaeOptions { kernel, ..small(SaeKind::JumpRelu) }, None, |_| {});
    }
}

#[test]
fn dead_concepts_learn_and_begin_anew_as_on_the_cpu() {
    // Half of the concepts begin where no row reaches them.
    let disturb = |state: &mut State| {
        state.scalars.values.iter_mut().step_by(2 * state::SCALARS).for_each(|bias| *bias = -30.0);
    };
    for kind in [SaeKind::TopK, SaeKind::BatchTopK, SaeKind::Matryoshka, SaeKind::Gated] {
        for (dead_weight, restart_dead) in [(1.0, false), (0.0, true)] {
            let options = SaeOptions { dead_weight, restart_dead, dead_after: 1000, ..small(kind) };
            let dead = compare(&options, None, disturb);
            assert!(dead.iter().any(|&dead| dead > 8), "{kind:?}: {dead:?}");
        }
    }
}

#[test]
fn a_transcoder_makes_the_steps_of_the_cpu() {
    let mut random = RandomState::new(22);
    let (_, values) = problem(21, ROWS, COLUMNS, 48, 3);
    let map: Vec<f32> = (0..10 * COLUMNS).map(|_| random.normal() as f32 / 4.0).collect();
    let of = |row: &[f32]| {
        let dot = |weights: &[f32]| 5.0 + weights.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
        map.chunks(COLUMNS).map(dot).collect::<Vec<f32>>()
    };
    let outputs: Vec<f32> = values.chunks(COLUMNS).flat_map(of).collect();
    for kind in [SaeKind::TopK, SaeKind::JumpRelu] {
        compare(&SaeOptions { dead_after: 600, ..small(kind) }, Some(&outputs), |_| {});
    }
}

#[test]
fn a_training_on_a_device_has_the_same_bits_again_and_where_it_goes_on_from_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (_, values) = problem(5, 3000, 16, 48, 3);
    let rows = RowSlice::new(&values, 16).unwrap();
    for device in [DeviceChoice::Reference, DeviceChoice::Cuda(0)] {
        if crate::device::open(device).is_err() {
            eprintln!("not tested on {device:?}");
            continue;
        }
        for kind in [SaeKind::BatchTopK, SaeKind::Gated] {
            let options = SaeOptions { device, ..small(kind) };
            let (model, report) = train(&rows, None, &options, &Control::new()).unwrap();
            let (_, expected) = train(&rows, None, &small(kind), &Control::new()).unwrap();
            let [found, wanted] = [&report, &expected].map(|report| report.measure("fvu")[0]);
            assert!((found / wanted - 1.0).abs() < 0.02, "{kind:?}: {found} {wanted}");

            let path = folder.path().join(format!("{kind:?} {device:?}.safetensors"));
            let options = SaeOptions { checkpoint: Some(path.clone()), checkpoint_every: 25, ..options };
            let control = Control::cancelled_at(Stage::Fit, 25);
            assert_eq!(train(&rows, None, &options, &control).unwrap_err().code(), ErrorCode::Cancelled);
            let (resumed, resumed_report) = train(&rows, None, &options, &Control::new()).unwrap();
            assert!(bits(&resumed) == bits(&model) && resumed_report == report, "{kind:?} from a checkpoint");
        }
    }
    let pursuit = SaeOptions { device: DeviceChoice::Reference, ..small(SaeKind::MatchingPursuit) };
    let error = train(&rows, None, &pursuit, &Control::new()).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (ErrorCode::InvalidArgument, "matching pursuit is not trained on a device")
    );
}
