//! Randomised components are near the exact ones.

use eidos::linalg::RandomState;
use eidos::{DeviceChoice, ErrorCode, Pca, PcaOptions};

use super::{COLUMNS, example, fit};

/// The smallest cosine between a component and the plane of the components of another fit.
fn smallest_cosine(of: &[f32], plane: &[f32], columns: usize) -> f64 {
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(&left, &right)| f64::from(left) * f64::from(right)).sum()
    };
    let cosine = |row: &[f32]| plane.chunks(columns).map(|other| dot(row, other).powi(2)).sum::<f64>().sqrt();
    of.chunks(columns).map(cosine).fold(1.0, f64::min)
}

#[test]
fn they_are_the_exact_ones_where_variances_fall() {
    // Rows of 300 columns whose variances fall by a tenth from one direction to the next.
    let (columns, mut random) = (300, RandomState::new(3));
    let directions: Vec<f64> = (0..20 * columns).map(|_| random.normal()).collect();
    let mut rows = Vec::new();
    for _ in 0..500 {
        let mut row = vec![5.0; columns];
        for (place, direction) in directions.chunks(columns).enumerate() {
            let code = random.normal() * 0.9_f64.powi(place as i32);
            row.iter_mut().zip(direction).for_each(|(value, along)| *value += code * along);
        }
        rows.extend(row.iter().map(|value| (value + 0.1 * random.normal()) as f32));
    }
    let exact = fit::<Pca>(&rows, columns, &PcaOptions::new(8)).unwrap();
    for (power_iterations, least) in [(1, 0.9), (6, 1.0 - 1e-6)] {
        let options = PcaOptions { randomised: true, power_iterations, ..PcaOptions::new(8) };
        let found = fit::<Pca>(&rows, columns, &options).unwrap();
        let cosine = smallest_cosine(found.dictionary(), exact.dictionary(), columns);
        assert!(cosine > least, "{cosine} after {power_iterations}");
        // A variance is never more than the exact one.
        for name in ["explained_variance", "explained_variance_ratio", "noise_variance"] {
            for (found, exact) in found.report().measure(name).iter().zip(exact.report().measure(name)) {
                assert!((found / exact - 1.0).abs() < 1.0 - least + 1e-6, "{name}: {found} {exact}");
            }
        }
    }
    // As many as there are columns: nothing is left out.
    let rows = example(200);
    let all = PcaOptions { randomised: true, ..PcaOptions::new(COLUMNS) };
    let found = fit::<Pca>(&rows, COLUMNS, &all).unwrap();
    let exact = fit::<Pca>(&rows, COLUMNS, &PcaOptions::new(COLUMNS)).unwrap();
    for (found, exact) in found.dictionary().iter().zip(exact.dictionary()) {
        assert!((found - exact).abs() < 1e-5, "{found} {exact}");
    }
    // Two directions only: the rank is named.
    let flat: Vec<f32> = (0..50).flat_map(|row| [row as f32, (row % 3) as f32, 0.0, 1.0]).collect();
    let error = fit::<Pca>(&flat, 4, &PcaOptions { randomised: true, ..PcaOptions::new(3) }).unwrap_err();
    assert!(error.code() == ErrorCode::InvalidData && error.message().contains("2 directions"), "{error}");
    let error = fit::<Pca>(
        &flat,
        4,
        &PcaOptions { device: DeviceChoice::Reference, ..PcaOptions { randomised: true, ..PcaOptions::new(2) } },
    );
    assert_eq!(error.unwrap_err().code(), ErrorCode::InvalidArgument);
}
