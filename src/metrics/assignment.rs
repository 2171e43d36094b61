//! The assignment problem: which concept of one dictionary is which of another.

use crate::control::Control;
use crate::error::Result;

/// The mean value of the assignment of rows to columns, each to at most one, with the largest sum: by shortest augmenting paths
/// (Jonker and Volgenant, 1987). `values` is (rows, columns), row-major; as many are assigned as the smaller of both counts.
///
/// # Errors
/// [`crate::ErrorCode::Cancelled`].
pub(super) fn best_assignment(values: &[f32], columns: usize, control: &Control) -> Result<f64> {
    let rows = values.len() / columns;
    // The paths want at least as many columns as rows.
    let transposed: Vec<f32>;
    let (values, rows, columns) = if rows <= columns {
        (values, rows, columns)
    } else {
        transposed = (0..values.len()).map(|index| values[index % rows * columns + index / rows]).collect();
        (&transposed[..], columns, rows)
    };
    let cost = |row: usize, column: usize| -f64::from(values[row * columns + column]);
    let (mut row_price, mut column_price) = (vec![0.0; rows], vec![0.0; columns]);
    // The row that each column is assigned to.
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    for start in 0..rows {
        control.check()?;
        let mut distance = vec![f64::INFINITY; columns];
        // The column before each one on the shortest path to it; `None` where that is the start.
        let mut before: Vec<Option<usize>> = vec![None; columns];
        let mut is_done = vec![false; columns];
        let (mut row, mut from, mut so_far) = (start, None, 0.0);
        let mut done = Vec::new();
        let end = loop {
            let mut nearest = (f64::INFINITY, 0);
            for column in (0..columns).filter(|column| !is_done[*column]) {
                let step = so_far + cost(row, column) - row_price[row] - column_price[column];
                if step < distance[column] {
                    (distance[column], before[column]) = (step, from);
                }
                if distance[column] < nearest.0 {
                    nearest = (distance[column], column);
                }
            }
            let column = nearest.1;
            so_far = nearest.0;
            is_done[column] = true;
            let Some(next) = row_of[column] else { break column };
            done.push(column);
            (row, from) = (next, Some(column));
        };
        // Prices keep every reduced cost at zero or above, and those of the assigned at zero.
        row_price[start] += so_far;
        for column in done {
            if let Some(row) = row_of[column] {
                row_price[row] += so_far - distance[column];
            }
            column_price[column] += distance[column] - so_far;
        }
        let mut column = end;
        while let Some(previous) = before[column] {
            row_of[column] = row_of[previous];
            column = previous;
        }
        row_of[column] = Some(start);
    }
    let assigned = row_of.iter().enumerate().filter_map(|(column, row)| row.map(|row| -cost(row, column)));
    Ok(assigned.sum::<f64>() / rows as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::RandomState;

    /// The best of all permutations.
    fn exhaustive(values: &[f32], columns: usize, row: usize, used: &mut Vec<bool>) -> f64 {
        if row * columns == values.len() {
            return 0.0;
        }
        let mut best = f64::NEG_INFINITY;
        for column in 0..columns {
            if !used[column] {
                used[column] = true;
                let rest = exhaustive(values, columns, row + 1, used);
                best = best.max(f64::from(values[row * columns + column]) + rest);
                used[column] = false;
            }
        }
        best
    }

    #[test]
    fn the_assignment_is_the_best_of_all_permutations() {
        let mut random = RandomState::new(3);
        for (rows, columns) in [(1, 1), (1, 5), (4, 4), (5, 7), (6, 6)] {
            for _ in 0..20 {
                let values: Vec<f32> = (0..rows * columns).map(|_| random.normal() as f32).collect();
                let expected = exhaustive(&values, columns, 0, &mut vec![false; columns]) / rows as f64;
                let found = best_assignment(&values, columns, &Control::new()).unwrap();
                assert!((found - expected).abs() < 1e-9, "{rows} x {columns}: {found} instead of {expected}");
                let transposed: Vec<f32> =
                    (0..rows * columns).map(|index| values[index % rows * columns + index / rows]).collect();
                let found = best_assignment(&transposed, rows, &Control::new()).unwrap();
                assert!((found - expected).abs() < 1e-9, "{columns} x {rows}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn ties_and_equal_values_end() {
        for (values, columns, expected) in [(&[1.0; 16][..], 4, 1.0), (&[0.0, 0.0, 0.0, 1.0], 2, 0.5)] {
            assert!((best_assignment(values, columns, &Control::new()).unwrap() - expected).abs() < 1e-12);
        }
    }
}
