//! Mini-batches move centres as scikit-learn's `MiniBatchKMeans` does for the same batches (see `tests/golden/README.md`).

use eidos::{KMeans, KMeansOptions};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{COLUMNS, assert_close, example, f64s, fit, golden, matrix};

#[test]
fn centres_move_as_those_of_scikit_learn() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("mini_batches/results.safetensors"));
    let (problems, results) =
        (SafeTensors::deserialize(&problems).unwrap(), SafeTensors::deserialize(&results).unwrap());
    let (columns, rows) = matrix(&problems, "plain");
    let cases: Vec<Value> = serde_json::from_slice(&golden("mini_batches/cases.json")).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let whole = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let start = matrix(&results, &format!("{}/start", case["case"])).1;
        let options = KMeansOptions {
            // None of the batches lowers too little.
            tolerance: 0.0,
            max_iterations: whole("passes"),
            batch_size: whole("batch_size"),
            seed: u32::try_from(whole("seed")).unwrap(),
            initial_centres: start.clone(),
            ..KMeansOptions::new(start.len() / columns)
        };
        let explainer = fit::<KMeans>(&rows, columns, &options).unwrap();
        let centres = f64s(&results, &format!("{}/centres", case["case"]));
        // Theirs are sums in f64 that are divided at each step, ours steps towards the rows; both are kept in f32 at the end.
        assert_close(explainer.dictionary(), &centres, 1e-6, &case.to_string());
        assert_eq!(explainer.report().steps, whole("steps"), "{case}");
    }
}

#[test]
fn they_end_near_the_centres_of_all_rows() {
    let rows = example(4000);
    let inertia = |batch_size| {
        let options = KMeansOptions { batch_size, ..KMeansOptions::new(7) };
        let explainer = fit::<KMeans>(&rows, COLUMNS, &options).unwrap();
        assert_eq!(explainer.report().converged, Some(true));
        (explainer.report().measure("inertia")[0], explainer.report().measure("cluster_sizes").to_vec())
    };
    let (whole, (batches, sizes)) = (inertia(0).0, inertia(200));
    // Another minimum, a tenth above: each batch has less than thirty rows of a centre.
    assert!(batches <= 1.2 * whole, "{batches} {whole}");
    assert!(sizes.iter().all(|&size| size > 0.0));
}
