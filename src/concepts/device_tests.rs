//! Fits whose passes run on tensors find what the CPU finds: on candle's CPU device always, and on a GPU where there is
//! one.

use std::sync::{Arc, Barrier, Mutex};

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde_json::Value;

use super::linear::LinearModel;
use super::{
    Algorithm, Backend, Contrast, Encoder, FitReport, IcaOptions, PcaOptions, Solver, SvdOptions, ica, pca, svd,
};
use crate::control::{Control, Stage};
use crate::device::{self, DeviceChoice};
use crate::error::{ErrorCode, Result};
use crate::linalg::RandomState;
use crate::rows::{About, Activations, DeviceRows, Reduce, RowSlice, Rows, Storage, UnnamedWriter, in_lockstep};

/// The devices to test on.
pub(crate) fn devices() -> Vec<Device> {
    let mut devices = vec![Device::Cpu];
    match device::open(DeviceChoice::Cuda(0)) {
        Ok(device) => devices.push(device),
        Err(error) => eprintln!("not tested on a GPU: {error}"),
    }
    devices
}

const CPU: Backend = Backend::Cpu { threads: 0 };

fn golden(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data");
    std::fs::read(folder.join(name)).unwrap()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

fn f64s(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
}

fn cosine<T: Copy + Into<f64>>(left: &[T], right: &[T]) -> f64 {
    let dot = |a: &[T], b: &[T]| a.iter().zip(b).map(|(&a, &b)| a.into() * b.into()).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

/// The least cosine between the components of two models, each with the one at its place.
fn least_cosine(left: &LinearModel, right: &LinearModel) -> f64 {
    let (left, right) = (left.linear().unwrap(), right.linear().unwrap());
    let columns = left.offset.len();
    let pairs = left.weights.chunks(columns).zip(right.weights.chunks(columns));
    pairs.map(|(left, right)| cosine(left, right)).fold(1.0, f64::min)
}

fn bits(model: &LinearModel) -> Vec<u8> {
    model.tensors().iter().flat_map(|tensor| tensor.bytes.iter().copied()).collect()
}

/// Rows of heavy-tailed sources with long positive tails, mixed, far from zero.
fn example(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = RandomState::new(7);
    let sources: Vec<f64> = (0..rows * columns).map(|_| random.normal().abs().powi(3)).collect();
    let mixing: Vec<f64> = (0..columns * columns).map(|_| random.normal()).collect();
    let mixed = |row: usize, column: usize| -> f64 {
        (0..columns).map(|source| sources[row * columns + source] * mixing[source * columns + column]).sum()
    };
    (0..rows * columns).map(|index| mixed(index / columns, index % columns) as f32 + 50.0).collect()
}

type Fitted = (LinearModel, FitReport);

/// A fit on the CPU and the one on a device, compared: components in place, the end of the iterations.
fn assert_alike(expected: &Fitted, found: &Fitted, what: &str) {
    let cosine = least_cosine(&expected.0, &found.0);
    assert!(cosine >= 0.9999, "cosine {cosine} for {what}");
    assert_eq!(found.1.converged, expected.1.converged, "{what}");
    // Hundreds of steps towards a tolerance near the rounding of f32 end a few earlier or later on another device.
    let (found, expected) = (found.1.steps, expected.1.steps);
    assert!(found.abs_diff(expected) <= (expected / 100).max(1), "{found} and {expected} steps for {what}");
}

#[test]
fn every_ica_is_the_one_of_the_cpu_and_of_scikit_learn() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("ica/results.safetensors"));
    let problems = SafeTensors::deserialize(&problems).unwrap();
    let results = SafeTensors::deserialize(&results).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&golden("ica/cases.json")).unwrap();
    assert!(cases.len() >= 26);
    for device in devices() {
        for case in &cases {
            let whole = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
            let problem = problems.tensor(case["problem"].as_str().unwrap()).unwrap();
            let (columns, values) = (problem.shape()[1], f32s(problem.data()));
            let rows = RowSlice::new(&values, columns).unwrap();
            let options = IcaOptions {
                algorithm: if case["algorithm"] == "deflation" { Algorithm::Deflation } else { Algorithm::Parallel },
                contrast: match case["fun"].as_str().unwrap() {
                    "exp" => Contrast::Exp,
                    "cube" => Contrast::Cube,
                    _ => Contrast::LogCosh { alpha: case["fun_args"]["alpha"].as_f64().unwrap_or(1.0) },
                },
                tolerance: case["tol"].as_f64().unwrap(),
                max_iterations: whole("max_iter"),
                seed: u32::try_from(whole("random_state")).unwrap(),
                canonical_signs: false,
                ..IcaOptions::new(whole("components"))
            };
            let fit = |backend: &Backend| ica::fit(&rows, &options, backend, &Control::new()).unwrap();
            let found = fit(&Backend::Device(device.clone()));
            assert_alike(&fit(&CPU), &found, &case.to_string());
            let expected = f64s(results.tensor(&format!("{}/components_", case["case"])).unwrap().data());
            let weights: Vec<f64> = found.0.linear().unwrap().weights.iter().map(|&weight| weight.into()).collect();
            for (found, expected) in weights.chunks(columns).zip(expected.chunks(columns)) {
                let cosine = cosine(found, expected);
                assert!(cosine >= 0.9999, "cosine {cosine} for {case}");
            }
        }
    }
}

#[test]
fn picard_o_ends_where_it_does_on_the_cpu() {
    let values = example(9001, 12);
    let rows = RowSlice::new(&values, 12).unwrap();
    let options = IcaOptions { solver: Solver::PicardO, tolerance: 1e-5, ..IcaOptions::new(9) };
    let fit = |backend: &Backend| ica::fit(&rows, &options, backend, &Control::new()).unwrap();
    let expected = fit(&CPU);
    for device in devices() {
        let found = fit(&Backend::Device(device));
        assert_eq!((found.1.converged, expected.1.converged), (Some(true), Some(true)));
        let cosine = least_cosine(&expected.0, &found.0);
        assert!(cosine >= 0.9999, "{cosine}");
    }
}

#[test]
fn every_pca_is_the_one_of_scikit_learn() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("pca/results.safetensors"));
    let problems = SafeTensors::deserialize(&problems).unwrap();
    let results = SafeTensors::deserialize(&results).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&golden("pca/cases.json")).unwrap();
    assert_eq!(cases.len(), 12);
    for device in devices() {
        for case in &cases {
            let problem = problems.tensor(case["problem"].as_str().unwrap()).unwrap();
            let (columns, values) = (problem.shape()[1], f32s(problem.data()));
            let rows = RowSlice::new(&values, columns).unwrap();
            let options = PcaOptions {
                whiten: case["whiten"].as_bool().unwrap(),
                ..PcaOptions::new(usize::try_from(case["components"].as_u64().unwrap()).unwrap())
            };
            let fit = |backend: &Backend| pca::fit(&rows, &options, backend, &Control::new()).unwrap();
            let (expected, found) = (fit(&CPU), fit(&Backend::Device(device.clone())));
            assert_alike(&expected, &found, &case.to_string());
            let variances = f64s(results.tensor(&format!("{}/explained_variance", case["case"])).unwrap().data());
            // Everything is computed in f64, on a device too.
            let close = |(found, expected): (&f64, &f64)| (found - expected).abs() <= 1e-10 * variances[0];
            assert!(found.1.measure("explained_variance").iter().zip(&variances).all(close), "{case}");
        }
    }
}

#[test]
fn every_singular_vector_is_the_one_of_the_cpu() {
    let values = example(5000, 12);
    let rows = RowSlice::new(&values, 12).unwrap();
    for device in devices() {
        let fit = |backend: &Backend| svd::fit(&rows, &SvdOptions::new(8), backend, &Control::new()).unwrap();
        let (expected, found) = (fit(&CPU), fit(&Backend::Device(device)));
        assert_alike(&expected, &found, "singular vectors");
        let measure = |fitted: &Fitted| fitted.1.measure("singular_values").to_vec();
        let close = |(found, expected): (f64, f64)| (found / expected - 1.0).abs() < 1e-9;
        assert!(measure(&found).into_iter().zip(measure(&expected)).all(close));
    }
}

#[test]
fn canonical_signs_and_all_options_agree_over_several_tiles() {
    // Three tiles of 2048 rows, the last of them not full.
    let values = example(5000, 12);
    let rows = RowSlice::new(&values, 12).unwrap();
    for device in devices() {
        for algorithm in [Algorithm::Parallel, Algorithm::Deflation] {
            for contrast in [Contrast::LogCosh { alpha: 1.0 }, Contrast::LogCosh { alpha: 1.7 }, Contrast::Exp] {
                let options = IcaOptions { algorithm, contrast, max_iterations: 1000, ..IcaOptions::new(12) };
                let fit = |backend: &Backend| ica::fit(&rows, &options, backend, &Control::new()).unwrap();
                let (expected, found) = (fit(&CPU), fit(&Backend::Device(device.clone())));
                assert_alike(&expected, &found, &format!("{options:?}"));
            }
        }
    }
}

#[test]
fn a_fit_has_the_same_bits_again_and_wherever_the_rows_are() {
    let values = example(9000, 12);
    let slice = RowSlice::new(&values, 12).unwrap();
    let mut shards = UnnamedWriter::new(12);
    values.chunks(2500 * 12).for_each(|shard| shards.write_shard(shard).unwrap());
    let shards = shards.finish(About::default());
    assert!(shards.is_on_disk());
    for device in devices() {
        let tensor = Tensor::from_slice(&values, (9000, 12), &device).unwrap();
        let there = Activations::from_storage(Storage::Device(DeviceRows::new(tensor)), 9000, 12, About::default());
        let backend = Backend::Device(device);
        let options = IcaOptions::new(6);
        let fit = |rows: &dyn Rows| bits(&ica::fit(rows, &options, &backend, &Control::new()).unwrap().0);
        let expected = fit(&slice);
        assert!(fit(&slice) == expected && fit(&shards) == expected && fit(&there) == expected);
        let options = PcaOptions::new(6);
        let fit = |rows: &dyn Rows| bits(&pca::fit(rows, &options, &backend, &Control::new()).unwrap().0);
        let expected = fit(&slice);
        assert!(fit(&slice) == expected && fit(&shards) == expected && fit(&there) == expected);
        // The CPU reads rows of a device on the host.
        let options = IcaOptions::new(6);
        let fit = |rows: &dyn Rows| bits(&ica::fit(rows, &options, &CPU, &Control::new()).unwrap().0);
        assert_eq!(fit(&there), fit(&slice));
    }
}

#[test]
fn large_means_cost_no_precision() {
    let values: Vec<f32> = example(5000, 8).iter().map(|value| value + 1e4).collect();
    let rows = RowSlice::new(&values, 8).unwrap();
    for device in devices() {
        let fit = |backend: &Backend| ica::fit(&rows, &IcaOptions::new(8), backend, &Control::new()).unwrap();
        let (expected, found) = (fit(&CPU), fit(&Backend::Device(device.clone())));
        assert!(least_cosine(&expected.0, &found.0) > 1.0 - 1e-9);
        let fit = |backend: &Backend| pca::fit(&rows, &PcaOptions::new(8), backend, &Control::new()).unwrap();
        let (expected, found) = (fit(&CPU), fit(&Backend::Device(device)));
        assert!(least_cosine(&expected.0, &found.0) > 1.0 - 1e-12);
        let measure = |fitted: &Fitted| fitted.1.measure("explained_variance").to_vec();
        let close = |(found, expected): (f64, f64)| (found / expected - 1.0).abs() < 1e-10;
        assert!(measure(&found).into_iter().zip(measure(&expected)).all(close));
    }
}

#[test]
fn wrong_data_are_the_errors_of_the_cpu() {
    let good = example(5000, 4);
    let changed = |change: &dyn Fn(&mut Vec<f32>)| {
        let mut values = good.clone();
        change(&mut values);
        values
    };
    let cases = [
        (changed(&|values| values[4 * 4017 + 2] = f32::NAN), "row 4017 has the value NaN in column 2"),
        (changed(&|values| values[4 * 3] = f32::NEG_INFINITY), "row 3 has the value -inf in column 0"),
        // The sum of both is NaN, and the first is named.
        (
            changed(&|values| (values[41], values[85]) = (f32::INFINITY, f32::NEG_INFINITY)),
            "row 10 has the value inf in column 1",
        ),
        (good.chunks(4).flat_map(|row| [5.0, row[0], row[0], row[1]]).collect(), "vary in 2 directions only"),
        (vec![1.0; 4 * 5000], "vary in 0 directions only"),
        (good.iter().map(|value| value * 1e-43).collect(), "out of the range of 32-bit floats"),
    ];
    for device in devices() {
        for (values, message) in &cases {
            let rows = RowSlice::new(values, 4).unwrap();
            let backend = Backend::Device(device.clone());
            let error = ica::fit(&rows, &IcaOptions::new(3), &backend, &Control::new()).err().unwrap();
            assert_eq!(error.code(), ErrorCode::InvalidData, "{error}");
            assert!(error.message().contains(message), "{error}");
            let expected = ica::fit(&rows, &IcaOptions::new(3), &CPU, &Control::new()).err().unwrap();
            assert_eq!((error.code(), error.message()), (expected.code(), expected.message()));
        }
        let rows = RowSlice::new(&good, 4).unwrap();
        let backend = Backend::Device(device);
        let error = ica::fit(&rows, &IcaOptions::new(5), &backend, &Control::new()).err().unwrap();
        assert!(error.message().contains("5 concepts"), "{error}");
        let steep = IcaOptions { contrast: Contrast::LogCosh { alpha: 3.0 }, ..IcaOptions::new(2) };
        assert!(ica::fit(&rows, &steep, &backend, &Control::new()).is_err());
    }
}

#[test]
fn a_fit_can_be_cancelled_in_any_stage() {
    let values = example(5000, 4);
    let rows = RowSlice::new(&values, 4).unwrap();
    let options = IcaOptions { tolerance: 1e-15, ..IcaOptions::new(4) };
    for device in devices() {
        let backend = Backend::Device(device);
        for (stage, done) in [(Stage::Covariance, 0), (Stage::Covariance, 2048), (Stage::Fit, 0), (Stage::Fit, 3)] {
            let control = Control::cancelled_at(stage, done);
            let error = ica::fit(&rows, &options, &backend, &control).err().unwrap();
            assert_eq!(error.code(), ErrorCode::Cancelled);
        }
    }
}

/// Adds the values of two threads.
struct Pair(Arc<(Barrier, Mutex<Vec<f64>>)>);

impl Reduce for Pair {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        let (barrier, sums) = &*self.0;
        {
            let mut sums = sums.lock().unwrap();
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(&*values).for_each(|(sum, value)| *sum += value);
        }
        barrier.wait();
        values.copy_from_slice(&sums.lock().unwrap());
        if barrier.wait().is_leader() {
            sums.lock().unwrap().clear();
        }
        barrier.wait();
        Ok(())
    }
}

#[test]
fn two_processes_find_what_one_finds_and_end_together() {
    let values = example(5000, 8);
    let options = IcaOptions { tolerance: 1e-8, max_iterations: 1000, ..IcaOptions::new(5) };
    let expected = ica::fit(&RowSlice::new(&values, 8).unwrap(), &options, &CPU, &Control::new()).unwrap();
    for device in devices() {
        let pair = |values: &[f32], cut: usize| {
            let meeting = Arc::new((Barrier::new(2), Mutex::default()));
            let fit = |values: &[f32]| {
                let rows = Activations::from_rows(values.to_vec(), 8, None).unwrap().spread(Pair(Arc::clone(&meeting)));
                let backend = Backend::Device(device.clone());
                in_lockstep(&rows, |rows| ica::fit(rows, &options, &backend, &Control::new()))
            };
            let (first, second) = values.split_at(cut * 8);
            std::thread::scope(|scope| {
                let other = scope.spawn(|| fit(second));
                [fit(first), other.join().unwrap()]
            })
        };
        for cut in [2500, 3] {
            let [first, second] = pair(&values, cut).map(Result::unwrap);
            assert_eq!((bits(&first.0), &first.1), (bits(&second.0), &second.1));
            assert_alike(&expected, &first, &format!("{cut} rows"));
        }
        let mut holes = values.clone();
        holes[8 * 4000 + 3] = f32::NAN;
        let [first, second] = pair(&holes, 2500).map(|result| result.err().unwrap());
        assert_eq!((first.code(), second.code()), (ErrorCode::Cancelled, ErrorCode::InvalidData));
        assert!(second.message().contains("row 1500"), "{second}");
    }
}
