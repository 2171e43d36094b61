//! Rows that a caller brings.

use eidos::rows::Rows;
use eidos::{Activations, Control, ErrorCode, Explainer, Ica, IcaOptions};

use crate::common::{assert_error, bits};

#[test]
fn rows_stay_as_they_are_and_have_the_units_that_were_given() {
    let values = vec![1.0, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX, f32::INFINITY, f32::NAN];
    let found = Activations::from_rows(values.clone(), 2, Some(&["a", "", "a"])).unwrap();
    assert_eq!(bits(&found), values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
    assert_eq!((found.row_count(), found.column_count(), found.is_on_disk()), (3, 2, false));
    assert_eq!([0, 1, 2, 3].map(|row| found.unit(row)), [Some("a"), Some(""), Some("a"), None]);
    assert_eq!(found.units().unwrap().strings().len(), 2);
    assert_eq!(found.unit_span(0), None);
    assert!(found.texts().is_empty());
    assert_eq!(found.provenance(), &eidos::Provenance::default());
    let without = Activations::from_rows(values, 3, None).unwrap();
    assert_eq!((without.unit(0), without.units().is_none()), (None, true));
}

#[test]
fn lengths_that_do_not_fit_are_errors() {
    let of = |count: usize, columns, units: Option<&[&str]>| Activations::from_rows(vec![0.0; count], columns, units);
    assert_error(of(0, 0, None), ErrorCode::InvalidArgument, &["no rows or no columns"]);
    assert_error(of(0, 3, None), ErrorCode::InvalidArgument, &["no rows"]);
    assert_error(of(6, 0, None), ErrorCode::InvalidArgument, &["no columns"]);
    assert_error(of(7, 2, None), ErrorCode::InvalidArgument, &["7 values", "2 columns"]);
    assert_error(of(6, usize::MAX, None), ErrorCode::InvalidArgument, &["6 values"]);
    assert_error(of(6, 2, Some(&["a", "b"])), ErrorCode::InvalidArgument, &["2 unit texts", "3 rows"]);
    assert_error(of(6, 2, Some(&[])), ErrorCode::InvalidArgument, &["0 unit texts", "3 rows"]);
    assert_error(of(6, 2, Some(&["a"; 4])), ErrorCode::InvalidArgument, &["4 unit texts", "3 rows"]);
}

#[test]
fn ranges_beyond_the_last_row_are_errors() {
    let found = Activations::from_rows((0..6).map(|value| value as f32).collect(), 2, None).unwrap();
    assert_eq!(found.rows(1, 2).unwrap(), [2.0, 3.0, 4.0, 5.0]);
    assert!(found.rows(3, 0).unwrap().is_empty());
    for (first, count) in [(0, 4), (3, 1), (usize::MAX, 1), (1, usize::MAX)] {
        assert_error(found.rows(first, count), ErrorCode::InvalidArgument, &["there are 3"]);
        assert_error(
            found.tile(first, count, &mut Vec::new()).map(<[f32]>::len),
            ErrorCode::InvalidArgument,
            &["there are 3"],
        );
    }
}

#[test]
fn a_fit_names_the_row_that_is_not_a_number() {
    let mut values: Vec<f32> = (0..400).map(|value| ((value * 7919) % 101) as f32).collect();
    values[4 * 73 + 1] = f32::NAN;
    let rows = Activations::from_rows(values, 4, None).unwrap();
    let fit = Explainer::fit::<Ica>(&rows, &IcaOptions::new(2), &Control::new());
    assert_error(fit, ErrorCode::InvalidData, &["row 73", "column 1"]);
}
