//! Checks for values that are not finite.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use super::vectorised;
use crate::error::{Error, ErrorCode, Result};

/// The index of the first value that is infinite or NaN.
pub(crate) fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Without an early exit the loop is vectorised, and nearly always there is nothing to find.
    let finite = |values: &[f32]| values.iter().fold(true, |finite, value| finite & value.is_finite());
    let chunk = vectorised(
        #[inline(always)]
        || values.chunks(1024).position(|chunk| !finite(chunk)),
    )?;
    values[chunk * 1024..].iter().position(|value| !value.is_finite()).map(|place| chunk * 1024 + place)
}

/// Refuses rows with a value that is infinite or NaN. Errors count rows from `first`.
///
/// # Errors
/// [`ErrorCode::InvalidData`] naming the row and the column.
pub(crate) fn check_finite(rows: &[f32], columns: usize, first: usize) -> Result<()> {
    let Some(place) = first_not_finite(rows) else { return Ok(()) };
    let (row, column, value) = (first + place / columns, place % columns, rows[place]);
    Err(Error::new(ErrorCode::InvalidData, format!("row {row} has the value {value} in column {column}"))
        .hint("remove such rows, or find out why the model gives them")
        .detail("row", row)
        .detail("column", column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_named() {
        let mut rows = vec![0.5_f32; 3 * 1000];
        assert_eq!(first_not_finite(&rows), None);
        for (place, value) in [(2999, f32::INFINITY), (1500, f32::NEG_INFINITY), (1024, f32::NAN)] {
            rows[place] = value;
            assert_eq!(first_not_finite(&rows), Some(place));
        }
        let error = check_finite(&rows, 1000, 7).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidData);
        assert_eq!(error.message(), "row 8 has the value NaN in column 24");
    }
}
