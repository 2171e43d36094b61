//! Singular vectors are scikit-learn's (see `tests/golden/README.md`).

use eidos::{ErrorCode, Svd, SvdOptions};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{assert_close, decode, encode, example, f64s, fit, golden, matrix};

#[test]
fn every_singular_vector_is_the_one_that_scikit_learn_finds() {
    let (problems, results) = (golden("ica/problems.safetensors"), golden("svd/results.safetensors"));
    let (problems, results) =
        (SafeTensors::deserialize(&problems).unwrap(), SafeTensors::deserialize(&results).unwrap());
    let cases: Vec<Value> = serde_json::from_slice(&golden("svd/cases.json")).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (columns, rows) = matrix(&problems, case["problem"].as_str().unwrap());
        let count = usize::try_from(case["components"].as_u64().unwrap()).unwrap();
        let explainer = fit::<Svd>(&rows, columns, &SvdOptions::new(count)).unwrap();
        let expected = |name: &str| f64s(&results, &format!("{}/{name}", case["case"]));
        // Squares of singular values are exact to rounding beside the largest one. Where columns have a mean of 1e4, the others are
        // 1e-9 of it: four digits are lost to it, here and there.
        let offset = case["problem"] == "offset";
        for name in ["singular_values", "explained_variance", "explained_variance_ratio"] {
            let (found, expected) = (explainer.report().measure(name), expected(name));
            assert_eq!(found.len(), count);
            let tolerance = if offset { 1e-4 } else { 1e-10 };
            let close = |(found, expected): (&f64, &f64)| (found - expected).abs() <= tolerance * expected.abs();
            assert!(found.iter().zip(&expected).skip(1).all(close), "{name} of {case}: {found:?} {expected:?}");
        }
        let tolerance = if offset { 1e-4 } else { 1e-6 };
        assert_close(explainer.dictionary(), &expected("components"), tolerance, &case.to_string());
        let codes = encode(&explainer, &rows[..4 * columns]);
        assert_close(&codes, &expected("first_codes"), 1e-5, &case.to_string());
        assert_close(&decode(&explainer, &codes), &expected("first_rows"), 1e-5, &case.to_string());
    }
}

#[test]
fn more_vectors_than_rows_span_are_an_error_with_their_number() {
    let rows = example(3);
    let error = fit::<Svd>(&rows, 12, &SvdOptions::new(4)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    let error = fit::<Svd>(&[rows.clone(), rows].concat(), 12, &SvdOptions::new(4)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidData, "{error}");
    assert!(error.message().contains("extend in 3 directions only"), "{error}");
}
