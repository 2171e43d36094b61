//! Centres are scikit-learn's (see `tests/golden/README.md`).

use eidos::{Activations, Control, ErrorCode, Explainer, KMeans, KMeansCodes, KMeansOptions, Result, TopInputs};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{COLUMNS, assert_close, decode, encode, example, f64s, fit, golden, matrix};

fn with(codes: KMeansCodes, concepts: usize) -> KMeansOptions {
    KMeansOptions { codes, ..KMeansOptions::new(concepts) }
}

fn squared_distance(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(&left, &right)| (f64::from(left) - f64::from(right)).powi(2)).sum()
}

#[test]
fn the_centres_are_those_of_scikit_learn_from_the_same_start() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("kmeans/results.safetensors"));
    let (problems, results) =
        (SafeTensors::deserialize(&problems).unwrap(), SafeTensors::deserialize(&results).unwrap());
    let cases: Vec<Value> = serde_json::from_slice(&golden("kmeans/cases.json")).unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (columns, rows) = matrix(&problems, case["problem"].as_str().unwrap());
        let start = matrix(&results, &format!("{}/start", case["case"])).1;
        let concepts = start.len() / columns;
        let whole = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let options = |codes| KMeansOptions {
            tolerance: case["tolerance"].as_f64().unwrap(),
            max_iterations: whole("max_iterations"),
            initial_centres: start.clone(),
            ..with(codes, concepts)
        };
        let explainer = fit::<KMeans>(&rows, columns, &options(KMeansCodes::OneHot)).unwrap();
        let report = explainer.report();
        assert_eq!(report.steps, whole("iterations"), "{case}");
        assert_eq!(report.converged, Some(whole("iterations") < whole("max_iterations")), "{case}");
        // Both in f64, but for the centres, which are kept in f32: at 1e4 that is 5e-4, of distances of 2 and their squares.
        let offset = case["problem"] == "offset";
        let (inertia, expected) = (report.measure("inertia")[0], case["inertia"].as_f64().unwrap());
        assert!((inertia - expected).abs() <= if offset { 1e-5 } else { 1e-9 } * expected, "{inertia} for {case}");
        let sizes: Vec<f64> = serde_json::from_value(case["sizes"].clone()).unwrap();
        assert_eq!(report.measure("cluster_sizes"), sizes, "{case}");
        assert_close(
            explainer.dictionary(),
            &f64s(&results, &format!("{}/centres", case["case"])),
            1e-6,
            &case.to_string(),
        );

        let first = &rows[..4 * columns];
        let labels: Vec<usize> = serde_json::from_value(case["first_labels"].clone()).unwrap();
        let one_hot: Vec<f32> = labels
            .iter()
            .flat_map(|&label| (0..concepts).map(move |concept| f32::from(u8::from(concept == label))))
            .collect();
        assert_eq!(encode(&explainer, first), one_hot, "{case}");
        let explainer = fit::<KMeans>(&rows, columns, &options(KMeansCodes::Proximity)).unwrap();
        let distances = f64s(&results, &format!("{}/distances", case["case"]));
        let codes = encode(&explainer, first);
        // The radius is the same for all of them.
        let radius = f64::from(codes[0]) + distances[0];
        let expected: Vec<f64> = distances.iter().map(|distance| radius - distance).collect();
        assert_close(&codes, &expected, if offset { 1e-3 } else { 1e-6 }, &case.to_string());
    }
}

#[test]
fn one_hot_codes_decode_to_the_nearest_centre() {
    let rows = example(400);
    let explainer = fit::<KMeans>(&rows, COLUMNS, &KMeansOptions::new(7)).unwrap();
    let back = decode(&explainer, &encode(&explainer, &rows));
    let mut inertia = 0.0;
    for (row, back) in rows.chunks(COLUMNS).zip(back.chunks(COLUMNS)) {
        let distances = explainer.dictionary().chunks(COLUMNS).map(|centre| squared_distance(row, centre));
        let least = distances.fold(f64::INFINITY, f64::min);
        assert!((squared_distance(row, back) - least).abs() <= 1e-9 * least);
        inertia += least;
    }
    let measured = explainer.report().measure("inertia")[0];
    assert!((inertia - measured).abs() <= 1e-9 * measured);
}

#[test]
fn soft_codes_are_the_shares_that_their_formula_gives() {
    let rows = example(300);
    let explainer = fit::<KMeans>(&rows, COLUMNS, &with(KMeansCodes::Soft, 5)).unwrap();
    let width = 0.1 * explainer.report().measure("inertia")[0] / 300.0;
    let codes = encode(&explainer, &rows);
    for (row, codes) in rows.chunks(COLUMNS).zip(codes.chunks(5)) {
        let distances: Vec<f64> =
            explainer.dictionary().chunks(COLUMNS).map(|centre| squared_distance(row, centre)).collect();
        let closest = distances.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = distances.iter().map(|distance| ((closest - distance) / width).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let expected: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        assert_close(codes, &expected, 1e-6, "shares");
    }
    // Nearly all of a row goes to one centre where codes are hard, and is spread where they are soft.
    let largest = |temperature| {
        let options = KMeansOptions { temperature, ..with(KMeansCodes::Soft, 5) };
        let explainer = fit::<KMeans>(&rows, COLUMNS, &options).unwrap();
        encode(&explainer, &rows).chunks(5).map(|codes| codes.iter().copied().fold(0.0, f32::max)).sum::<f32>() / 300.0
    };
    assert!(largest(1e-4) > 0.99 && largest(1e3) < 0.21);
}

#[test]
fn proximities_decode_to_the_projection_on_the_plane_of_the_centres() {
    let rows = example(500);
    // Thirteen centres in twelve columns leave nothing out.
    let explainer = fit::<KMeans>(&rows, COLUMNS, &with(KMeansCodes::Proximity, 13)).unwrap();
    let wide: Vec<f64> = rows.iter().copied().map(f64::from).collect();
    assert_close(&decode(&explainer, &encode(&explainer, &rows)), &wide, 1e-4, "rows");
    // The projection on the plane of fewer: its difference from the row is orthogonal to the plane.
    let explainer = fit::<KMeans>(&rows, COLUMNS, &with(KMeansCodes::Proximity, 4)).unwrap();
    let centres: Vec<&[f32]> = explainer.dictionary().chunks(COLUMNS).collect();
    let back = decode(&explainer, &encode(&explainer, &rows));
    for (row, back) in rows.chunks(COLUMNS).zip(back.chunks(COLUMNS)) {
        for centre in &centres[1..] {
            let along: f64 = (0..COLUMNS)
                .map(|column| f64::from(row[column] - back[column]) * f64::from(centre[column] - centres[0][column]))
                .sum();
            let lengths = (squared_distance(row, back) * squared_distance(centre, centres[0])).sqrt();
            assert!(along.abs() <= 1e-3 * lengths.max(1.0), "{along} {lengths}");
        }
        // It is on the plane: it decodes to itself.
        let again = decode(&explainer, &encode(&explainer, back));
        assert!(squared_distance(back, &again).sqrt() < 1e-3);
    }
    let one = fit::<KMeans>(&rows, COLUMNS, &with(KMeansCodes::Proximity, 1)).unwrap();
    assert_eq!(decode(&one, &[3.0]), one.dictionary());
}

#[test]
fn the_inputs_of_the_largest_proximities_are_the_nearest() -> Result<()> {
    let values = [0.0, 0.1, 5.0, 5.2, 9.0_f32];
    let texts = ["a", "b", "c", "d", "e"];
    let rows = Activations::from_rows(values.to_vec(), 1, Some(&texts))?;
    let explainer = Explainer::fit::<KMeans>(&rows, &with(KMeansCodes::Proximity, 3), &Control::new())?;
    // The rows of the widest centre, 5.0 and 5.2, are a tenth from it, and 9.0 is its own centre.
    let codes = encode(&explainer, &values);
    let largest = codes.iter().copied().fold(0.0_f32, f32::max);
    assert!((largest - 0.2).abs() < 1e-6, "{largest}");
    let found = TopInputs { k: 1, ..TopInputs::default() }.interpret(&explainer, &rows, &Control::new())?;
    for (concept, centre) in found.concepts().iter().zip(explainer.dictionary()) {
        let nearest =
            (0..5).min_by(|&a, &b| (values[a] - centre).abs().total_cmp(&(values[b] - centre).abs())).unwrap();
        assert_eq!(concept.positive[0].text, texts[nearest]);
    }
    Ok(())
}

#[test]
fn the_start_does_not_depend_on_the_order_of_rows_or_on_copies_of_them() {
    let rows = example(600);
    let one_step = |rows: &[f32]| {
        let options = KMeansOptions { max_iterations: 1, ..KMeansOptions::new(8) };
        fit::<KMeans>(rows, COLUMNS, &options).unwrap().dictionary().to_vec()
    };
    let reversed: Vec<f32> = rows.chunks(COLUMNS).rev().flatten().copied().collect();
    let wide: Vec<f64> = one_step(&rows).into_iter().map(f64::from).collect();
    // The sums are made in another order.
    assert_close(&one_step(&reversed), &wide, 1e-6, "reversed");
    assert_close(&one_step(&[&rows[..], &rows[..]].concat()), &wide, 1e-6, "twice");
    let other = KMeansOptions { seed: 1, max_iterations: 1, ..KMeansOptions::new(8) };
    assert_ne!(fit::<KMeans>(&rows, COLUMNS, &other).unwrap().dictionary(), one_step(&rows));
}

#[test]
fn a_start_by_k_means_plus_plus_finds_bunches_that_lie_apart() {
    // Twenty points of a grid, each with fifty rows around it.
    let mut random = eidos::linalg::RandomState::new(1);
    let rows: Vec<f32> = (0..1000)
        .flat_map(|row| {
            [(row % 5) as f64, (row / 5 % 4) as f64].map(|place| (10.0 * place + 0.1 * random.normal()) as f32)
        })
        .collect();
    for seed in 0..5 {
        let explainer = fit::<KMeans>(&rows, 2, &KMeansOptions { seed, ..KMeansOptions::new(20) }).unwrap();
        assert_eq!(explainer.report().measure("cluster_sizes"), [50.0; 20], "seed {seed}");
    }
}

#[test]
fn wrong_options_and_rows_are_errors_that_name_them() {
    let rows = example(20);
    let fails = |rows: &[f32], options: KMeansOptions, code: ErrorCode, words: &str| {
        let error = fit::<KMeans>(rows, COLUMNS, &options).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let argument = ErrorCode::InvalidArgument;
    let new = KMeansOptions::new;
    fails(&rows, new(0), argument, "0 concepts");
    fails(&rows, new(21), argument, "there are 20 rows");
    fails(&rows, KMeansOptions { tolerance: f64::NAN, ..new(2) }, argument, "tolerance");
    fails(&rows, KMeansOptions { temperature: 0.0, ..new(2) }, argument, "temperature");
    fails(&rows, KMeansOptions { max_iterations: 0, ..new(2) }, argument, "iterations");
    fails(&rows, KMeansOptions { initial_centres: vec![0.0; 5], ..new(2) }, argument, "5 values");
    let nan = vec![f32::NAN; 2 * COLUMNS];
    fails(&rows, KMeansOptions { initial_centres: nan, ..new(2) }, ErrorCode::InvalidData, "NaN");
    let twice = [&rows[..3 * COLUMNS], &rows[..3 * COLUMNS]].concat();
    fails(&twice, new(4), ErrorCode::InvalidData, "only 3 different values");
    // As many centres as different rows are those rows.
    let explainer = fit::<KMeans>(&twice, COLUMNS, &new(3)).unwrap();
    assert_eq!(explainer.report().measure("inertia"), [0.0]);
    // Where a caller's first centres are more than that, some stay without rows, and the report says so.
    let given = KMeansOptions { initial_centres: rows[..5 * COLUMNS].to_vec(), ..new(5) };
    let explainer = fit::<KMeans>(&twice, COLUMNS, &given).unwrap();
    assert!(explainer.report().warnings.iter().any(|warning| warning.starts_with("2 of 5 centres have no rows")));
}
