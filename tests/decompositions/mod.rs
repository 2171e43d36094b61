//! Decompositions: what every method promises, and the values of each, as scikit-learn and others compute them.
#![allow(clippy::unwrap_used)]

mod convex_nmf;
mod factors;
mod kmeans;
mod mini_batches;
mod random_directions;
mod randomised;
mod svd;

use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};

use eidos::linalg::RandomState;
use eidos::{
    Activations, Control, ConvexNmf, ConvexNmfOptions, DictionaryLearning, DictionaryLearningOptions, ErrorCode,
    Explainer, KMeans, KMeansCodes, KMeansOptions, Method, Neurons, NeuronsOptions, Nmf, NmfOptions, Pca, PcaOptions,
    Provenance, RandomDirections, RandomDirectionsOptions, Reduce, Result, RowCodes, RowSlice, SemiNmf, SemiNmfOptions,
    SparsePca, SparsePcaOptions, Stage, Svd, SvdOptions,
};
use safetensors::SafeTensors;

/// A file of golden values.
fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)).unwrap()
}

/// The number of columns and the values of a float32 tensor.
fn matrix(file: &SafeTensors<'_>, name: &str) -> (usize, Vec<f32>) {
    let tensor = file.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    (tensor.shape()[1], values.collect())
}

fn f64s(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let tensor = file.tensor(name).unwrap();
    tensor.data().chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

/// Checks that values are the expected ones up to a part of the largest of them.
fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (place, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(found) - expected).abs();
        assert!(off <= tolerance * largest, "{what}: value {place} is {found}, not {expected}");
    }
}

fn fit<M: Method>(values: &[f32], columns: usize, options: &M::Options) -> Result<Explainer> {
    let rows = RowSlice::new(values, columns).unwrap();
    Explainer::fit_rows::<M>(&rows, Provenance::default(), options, &Control::new())
}

fn encode(explainer: &Explainer, rows: &[f32]) -> Vec<f32> {
    let mut codes = vec![0.0; rows.len() / explainer.input_width() * explainer.concept_count()];
    explainer.encode(rows, &mut codes).unwrap();
    codes
}

fn decode(explainer: &Explainer, codes: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; codes.len() / explainer.concept_count() * explainer.input_width()];
    explainer.decode(codes, &mut rows).unwrap();
    rows
}

/// The bits of all that a fit found.
fn bits(explainer: &Explainer, rows: &[f32]) -> Vec<u32> {
    explainer.dictionary().iter().chain(&encode(explainer, rows)).map(|value| value.to_bits()).collect()
}

const COLUMNS: usize = 12;

/// Rows in a few bunches, all of their values positive.
fn example(rows: usize) -> Vec<f32> {
    let mut random = RandomState::new(5);
    let centres: Vec<f64> = (0..7 * COLUMNS).map(|_| random.normal().abs() * 4.0).collect();
    (0..rows)
        .flat_map(|_| {
            let (bunch, strength) = (random.up_to(6) as usize, 1.0 + random.normal().abs());
            let row: Vec<f32> = centres[bunch * COLUMNS..][..COLUMNS]
                .iter()
                .map(|centre| (centre * strength + random.normal() * 0.5).abs() as f32)
                .collect();
            row
        })
        .collect()
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

/// What a method promises, whatever it finds: `options` for a number of threads.
fn keeps_its_promises<M: Method>(options: impl Fn(usize) -> M::Options + Sync) {
    let name = M::NAME;
    let rows = example(3000);
    let explainer = fit::<M>(&rows, COLUMNS, &options(1)).unwrap();
    let expected = bits(&explainer, &rows);
    assert_eq!(explainer.distributions().unwrap().row_count(), 3000, "{name}");
    for threads in [2, 5, 0] {
        let again = fit::<M>(&rows, COLUMNS, &options(threads)).unwrap();
        assert!(bits(&again, &rows) == expected && again.report() == explainer.report(), "{name}: {threads} threads");
    }

    // Rows of shards on disk, and the explainer in a file.
    let folder = tempfile::tempdir().unwrap();
    let activations = Activations::from_rows(rows.clone(), COLUMNS, None).unwrap();
    activations.save(&folder.path().join("rows"), &Control::new()).unwrap();
    let shards = Activations::open(&folder.path().join("rows")).unwrap();
    assert!(shards.is_on_disk());
    let again = Explainer::fit::<M>(&shards, &options(2), &Control::new()).unwrap();
    assert!(bits(&again, &rows) == expected, "{name}: on disk");
    let path = folder.path().join("explainer.safetensors");
    explainer.save(&path).unwrap();
    let opened = Explainer::open(&path).unwrap();
    assert_eq!((opened.method(), bits(&opened, &rows)), (name, expected.clone()));
    assert_eq!((opened.options(), opened.report()), (explainer.options(), explainer.report()));
    let codes = encode(&explainer, &rows);
    assert_eq!(decode(&opened, &codes), decode(&explainer, &codes));

    // The codes of a row are those that it has alone, and its sparse codes are the dense ones.
    let concepts = explainer.concept_count();
    let all = explainer.codes(&rows).unwrap();
    for (row, (values, found)) in rows.chunks(COLUMNS).zip(all.rows()).enumerate() {
        let dense = &codes[row * concepts..][..concepts];
        assert!(
            (0..concepts).all(|concept| found.get(concept).to_bits() == dense[concept].to_bits()),
            "{name}: row {row}"
        );
        if let RowCodes::Sparse(_, values) = found {
            assert!(values.iter().all(|value| *value != 0.0), "{name}: row {row}");
        }
        if row % 97 == 0 {
            assert_eq!(encode(&explainer, values), dense, "{name}: row {row}");
        }
    }

    // A value that is not finite, and cancelling in each stage.
    let mut holes = rows.clone();
    holes[COLUMNS * 2017 + 3] = f32::NAN;
    let error = fit::<M>(&holes, COLUMNS, &options(2)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidData, "{name}: {error}");
    assert!(error.message().contains("row 2017 has the value NaN in column 3"), "{name}: {error}");
    for stage in [Stage::Covariance, Stage::Fit] {
        let (control, seen) = (Control::new(), Arc::new(Mutex::new(false)));
        let (clone, here) = (control.clone(), Arc::clone(&seen));
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == stage {
                *here.lock().unwrap() = true;
                clone.cancel();
            }
        })));
        let slice = RowSlice::new(&rows, COLUMNS).unwrap();
        let result = Explainer::fit_rows::<M>(&slice, Provenance::default(), &options(2), &control);
        if *seen.lock().unwrap() {
            assert_eq!(result.unwrap_err().code(), ErrorCode::Cancelled, "{name}: {stage:?}");
        }
    }

    // Rows that two processes share.
    let meeting = Arc::new((Barrier::new(2), Mutex::default()));
    let share = |rows: &[f32]| {
        let rows = Activations::from_rows(rows.to_vec(), COLUMNS, None).unwrap().spread(Pair(Arc::clone(&meeting)));
        Explainer::fit::<M>(&rows, &options(1), &Control::new()).unwrap()
    };
    let (first, second) = rows.split_at(1100 * COLUMNS);
    let [first, second] = std::thread::scope(|scope| {
        let other = scope.spawn(|| share(second));
        [share(first), other.join().unwrap()]
    });
    assert!(bits(&first, &rows) == bits(&second, &rows) && first.report() == second.report(), "{name}: spread");
    let wide: Vec<f64> = explainer.dictionary().iter().copied().map(f64::from).collect();
    assert_close(first.dictionary(), &wide, 1e-4, name);
}

#[test]
fn singular_vectors_keep_the_promises_of_every_method() {
    keeps_its_promises::<Svd>(|threads| SvdOptions { threads, ..SvdOptions::new(5) });
}

#[test]
fn neurons_keep_the_promises_of_every_method() {
    keeps_its_promises::<Neurons>(|threads| NeuronsOptions { threads });
    let rows = example(10);
    let explainer = fit::<Neurons>(&rows, COLUMNS, &NeuronsOptions::default()).unwrap();
    assert_eq!((explainer.concept_count(), encode(&explainer, &rows)), (COLUMNS, rows.clone()));
    assert_eq!(decode(&explainer, &rows), rows);
}

#[test]
fn random_directions_keep_the_promises_of_every_method() {
    for concepts in [5, 20] {
        keeps_its_promises::<RandomDirections>(|threads| RandomDirectionsOptions {
            threads,
            ..RandomDirectionsOptions::new(concepts)
        });
    }
}

#[test]
fn centres_keep_the_promises_of_every_method() {
    for codes in [KMeansCodes::OneHot, KMeansCodes::Soft, KMeansCodes::Proximity] {
        keeps_its_promises::<KMeans>(|threads| KMeansOptions { codes, threads, ..KMeansOptions::new(9) });
    }
}

#[test]
fn non_negative_parts_keep_the_promises_of_every_method() {
    for rectify in [false, true] {
        let options = |threads| NmfOptions { rectify, threads, max_iterations: 20, ..NmfOptions::new(6) };
        keeps_its_promises::<Nmf>(options);
    }
}

#[test]
fn atoms_of_codes_that_are_not_negative_keep_the_promises_of_every_method() {
    keeps_its_promises::<SemiNmf>(|threads| SemiNmfOptions { threads, max_iterations: 5, ..SemiNmfOptions::new(6) });
}

#[test]
fn atoms_that_are_sums_of_rows_keep_the_promises_of_every_method() {
    let options = |threads| ConvexNmfOptions { threads, max_iterations: 5, ..ConvexNmfOptions::new(6) };
    keeps_its_promises::<ConvexNmf>(|threads| ConvexNmfOptions { candidate_count: 300, ..options(threads) });
}

#[test]
fn centres_of_mini_batches_keep_the_promises_of_every_method() {
    let options = |threads| KMeansOptions { threads, batch_size: 256, max_iterations: 5, ..KMeansOptions::new(6) };
    keeps_its_promises::<KMeans>(options);
}

#[test]
fn randomised_components_keep_the_promises_of_every_method() {
    let options = |threads| PcaOptions { threads, randomised: true, ..PcaOptions::new(5) };
    keeps_its_promises::<Pca>(options);
}

#[test]
fn atoms_of_sparse_codes_keep_the_promises_of_every_method() {
    for positive_codes in [false, true] {
        keeps_its_promises::<DictionaryLearning>(|threads| DictionaryLearningOptions {
            positive_codes,
            threads,
            max_iterations: 5,
            ..DictionaryLearningOptions::new(8)
        });
    }
}

#[test]
fn sparse_components_keep_the_promises_of_every_method() {
    keeps_its_promises::<SparsePca>(|threads| SparsePcaOptions {
        penalty: 20.0,
        threads,
        max_iterations: 10,
        ..SparsePcaOptions::new(4)
    });
}
