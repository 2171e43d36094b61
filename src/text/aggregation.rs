//! The tokens of a unit become one row.

use super::granularity::Aggregation;

impl Aggregation {
    /// Those of the positions of a unit whose rows make its row.
    pub(crate) fn read_of(self, positions: &[u32]) -> &[u32] {
        match self {
            Self::First => &positions[..positions.len().min(1)],
            Self::Last => &positions[positions.len().saturating_sub(1)..],
            _ => positions,
        }
    }

    /// Reduces the rows of the tokens at `positions` to one row.
    ///
    /// `rows` is the row-major matrix of one text, a row per token; `out` has as many values as a row. Sums are taken in the
    /// order of the positions. Without positions `out` is left as it is.
    ///
    /// ```
    /// use eidos::Aggregation;
    /// let rows = [-1.0, 0.0, 1.0, 2.0, -3.0, 1.0, -2.0, 0.0];
    /// let mut row = [0.0; 4];
    /// Aggregation::SignedMax.reduce(&rows, &[0, 1], &mut row);
    /// assert_eq!(row, [-3.0, 1.0, -2.0, 2.0]);
    /// ```
    pub fn reduce(self, rows: &[f32], positions: &[u32], out: &mut [f32]) {
        let width = out.len();
        let row = |position: u32| &rows[position as usize * width..(position as usize + 1) * width];
        let (Some((&first, rest)), Some(&last)) = (positions.split_first(), positions.last()) else { return };
        let start = if self == Self::Last { last } else { first };
        out.copy_from_slice(row(start));
        let mut fold = |combine: fn(f32, f32) -> f32| {
            for &position in rest {
                for (value, &next) in out.iter_mut().zip(row(position)) {
                    *value = combine(*value, next);
                }
            }
        };
        match self {
            Self::Mean | Self::Sum => fold(|sum, next| sum + next),
            // Not a number stays, as in PyTorch: it must not be hidden.
            Self::Max => fold(|best, next| if next > best || next.is_nan() { next } else { best }),
            Self::Min => fold(|best, next| if next < best || next.is_nan() { next } else { best }),
            // Strictly larger, so that the first of equal magnitudes stays.
            Self::SignedMax => fold(|best, next| if next.abs() > best.abs() { next } else { best }),
            Self::First | Self::Last => {}
        }
        if self == Self::Mean {
            let count = positions.len() as f32;
            out.iter_mut().for_each(|value| *value /= count);
        }
    }
}
