//! The rows that a model fits worst, among all processes: where a concept that no row has can begin anew.

use crate::error::Result;
use crate::rows::{Rows, add_across, least_across};

/// How many rows a pass remembers.
const MOST: usize = 32;

/// A row that is far from what it is approximated by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Far {
    /// Its squared distance, at least 0.
    pub(super) distance: f64,
    pub(super) row: usize,
    /// The concept that it belongs to, where that matters.
    pub(super) concept: usize,
}

/// The rows of this process that are farthest, farthest first; of rows that are equally far, the first ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Farthest(Vec<Far>);

/// A row that was the farthest of all processes.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its values; where several processes have one that is equally far, their mean.
    pub(super) values: Vec<f64>,
    /// The concept that it belongs to, where one process alone has it.
    pub(super) concept: Option<usize>,
}

impl Farthest {
    /// Keeps the farthest of these rows and those that are kept already.
    pub(super) fn add(&mut self, rows: impl IntoIterator<Item = Far>) {
        let order = |left: &Far, right: &Far| right.distance.total_cmp(&left.distance).then(left.row.cmp(&right.row));
        self.0.extend(rows);
        if self.0.len() > MOST {
            self.0.select_nth_unstable_by(MOST, order);
            self.0.truncate(MOST);
        }
        self.0.sort_by(order);
    }

    /// Keeps the farthest of the rows of two parts.
    pub(super) fn merge(&mut self, other: Self) {
        self.add(other.0);
    }

    /// Takes out the farthest row of all processes; `None` where all others are what they are approximated by, or are forgotten.
    ///
    /// # Errors
    /// Those of the rows.
    pub(super) fn take(&mut self, rows: &dyn Rows) -> Result<Option<Taken>> {
        let columns = rows.column_count();
        // The largest distance is the one whose complement is the smallest; positive numbers are ordered as their bits.
        let mut bits = [!self.0.first().map_or(0.0, |far| far.distance).to_bits()];
        least_across(rows, &mut bits)?;
        let largest = f64::from_bits(!bits[0]);
        if largest <= 0.0 {
            return Ok(None);
        }
        // The row, its concept, and how many processes have such a row.
        let (mut found, mut scratch) = (vec![0.0; columns + 2], Vec::new());
        if let Some(far) = self.0.first().copied().filter(|far| far.distance.to_bits() == largest.to_bits()) {
            self.0.remove(0);
            let row = rows.tile(far.row, 1, &mut scratch)?;
            found.iter_mut().zip(row).for_each(|(found, &value)| *found = f64::from(value));
            found[columns] = far.concept as f64;
            found[columns + 1] = 1.0;
        }
        add_across(rows, &mut found)?;
        let times = found[columns + 1];
        let concept = (times < 1.5).then_some(found[columns] as usize);
        found.truncate(columns);
        found.iter_mut().for_each(|value| *value /= times);
        Ok(Some(Taken { values: found, concept }))
    }
}
