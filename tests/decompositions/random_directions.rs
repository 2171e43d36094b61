//! Random directions are drawn from NumPy's stream, and made orthonormal as SciPy does (see `tests/golden/README.md`).

use eidos::{ErrorCode, RandomDirections, RandomDirectionsOptions};
use safetensors::SafeTensors;

use super::{COLUMNS, assert_close, decode, encode, example, f64s, fit, golden};

#[test]
fn directions_are_numpys_and_their_way_back_is_the_pseudoinverse() {
    let results = golden("random_directions/results.safetensors");
    let results = SafeTensors::deserialize(&results).unwrap();
    let rows = example(50);
    for (seed, concepts) in [(0, 5), (3, 12), (7, 20)] {
        let options = RandomDirectionsOptions { seed, ..RandomDirectionsOptions::new(concepts) };
        let explainer = fit::<RandomDirections>(&rows, COLUMNS, &options).unwrap();
        // One value is rounded to f32.
        assert_close(explainer.dictionary(), &f64s(&results, &format!("{seed}/dictionary")), 1e-6, "dictionary");
        let directions = f64s(&results, &format!("{seed}/directions"));
        let mean: Vec<f64> = (0..COLUMNS)
            .map(|column| rows.iter().skip(column).step_by(COLUMNS).map(|&value| f64::from(value)).sum::<f64>() / 50.0)
            .collect();
        let expected: Vec<f64> = rows
            .chunks(COLUMNS)
            .flat_map(|row| {
                let centred: Vec<f64> = row.iter().zip(&mean).map(|(&value, mean)| f64::from(value) - mean).collect();
                directions
                    .chunks(COLUMNS)
                    .map(move |direction| direction.iter().zip(&centred).map(|(a, b)| a * b).sum())
            })
            .collect();
        let codes = encode(&explainer, &rows);
        assert_close(&codes, &expected, 1e-6, "codes");
        if concepts >= COLUMNS {
            let wide: Vec<f64> = rows.iter().copied().map(f64::from).collect();
            assert_close(&decode(&explainer, &codes), &wide, 1e-5, "rows");
        }
    }
}

#[test]
fn no_directions_are_an_error() {
    let error = fit::<RandomDirections>(&example(5), COLUMNS, &RandomDirectionsOptions::new(0)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
}
