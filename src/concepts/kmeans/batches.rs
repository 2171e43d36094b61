//! Mini-batches: rows that move the centres before the others are read (Sculley, 2010).
//!
//! A hash of its values says in which batch a row is. So batches depend neither on the order of the rows nor on how they are spread over
//! processes.

use super::KMeansOptions;
use super::nearest::Nearest;
use super::pass::Assigned;
use crate::concepts::sample::hash;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::Claim;
use crate::rows::{Reduce, Rows, TILE_ROWS, Tile, for_each_tile, total_row_count};

/// How many batches in a row may lower the moving average of the squared distances by too little, before the fit ends; scikit-learn's
/// `max_no_improvement`.
const PATIENCE: usize = 10;

/// Where the batches have led.
pub(super) struct End {
    pub(super) centres: Vec<f64>,
    pub(super) converged: bool,
    /// How many batches were read.
    pub(super) steps: usize,
}

/// Moves the centres to the mean of all rows that they were nearest to when these came, batch by batch.
///
/// # Errors
/// Those of [`Assigned::of`]; [`ErrorCode::OutOfMemory`].
pub(super) fn descend(
    rows: &dyn Rows,
    options: &KMeansOptions,
    mut centres: Vec<f64>,
    control: &Control,
) -> Result<End> {
    let columns = rows.column_count();
    let batches = Batches::of(rows, options, control)?;
    // How many rows each centre has moved to so far.
    let mut weights = vec![0.0; options.concept_count];
    let share = (2.0 * options.batch_size as f64 / (batches.all as f64 + 1.0)).min(1.0);
    let (mut average, mut best, mut too_little, mut steps) = (None::<f64>, f64::INFINITY, 0, 0);
    for _ in 0..options.max_iterations {
        let mut seen = vec![0.0; options.concept_count];
        let mut last = None;
        for batch in 0..batches.count() {
            let some = batches.batch(batch);
            let assigned = Assigned::of(&some, &Nearest::new(&centres, columns), options.threads, control)?;
            let count: f64 = assigned.counts.iter().sum();
            if count == 0.0 {
                continue;
            }
            steps += 1;
            assigned.move_centres(&mut centres, &mut weights);
            seen.iter_mut().zip(&assigned.counts).for_each(|(seen, count)| *seen += count);
            let distance = assigned.within.iter().sum::<f64>() / count;
            last = Some((some, assigned));
            let next = average.map_or(distance, |average| average + share * (distance - average));
            average = Some(next);
            if next < best * (1.0 - options.tolerance) {
                (best, too_little) = (next, 0);
            } else {
                too_little += 1;
            }
            if too_little == PATIENCE {
                return Ok(End { centres, converged: true, steps });
            }
        }
        // A centre that no row has come to begins anew at the row of the last batch that is farthest from its own.
        if let Some((some, mut assigned)) = last {
            for lonely in (0..seen.len()).filter(|&centre| seen[centre] == 0.0) {
                let Some(values) = assigned.take_farthest(&some)? else { break };
                centres[lonely * columns..][..columns].copy_from_slice(&values);
                weights[lonely] = 1.0;
            }
        }
        control.advance(1)?;
    }
    Ok(End { centres, converged: false, steps })
}

/// Which rows are in which batch.
struct Batches<'a> {
    rows: &'a dyn Rows,
    /// The rows of this process, those of a batch one after the other in their order.
    order: Vec<u32>,
    /// Where each batch begins, and the end of the last.
    starts: Vec<usize>,
    /// How many rows there are in all processes.
    all: usize,
    _claim: Claim,
}

impl<'a> Batches<'a> {
    /// Reads the rows once.
    fn of(rows: &'a dyn Rows, options: &KMeansOptions, control: &Control) -> Result<Self> {
        let (all, own, columns) = (total_row_count(rows)?, rows.row_count(), rows.column_count());
        let count = all.div_ceil(options.batch_size).max(1);
        if u32::try_from(own).is_err() {
            return Err(Error::new(ErrorCode::Unsupported, format!("{own} rows are too many for mini-batches"))
                .hint("leave out `batch_size`, or spread the rows over processes"));
        }
        let bytes = own.saturating_mul(4 * size_of::<u32>()).saturating_add(count.saturating_mul(16));
        let claim = Claim::of(bytes, &format!("the batches of {own} rows"))?;
        let mut batch_of = Vec::with_capacity(own);
        let map = |tile: Tile<'_>, (): &mut ()| {
            let batch = |row: &[f32]| ((u128::from(hash(row, options.seed)) * count as u128) >> 64) as u32;
            Ok(tile.values.chunks_exact(columns).map(batch).collect::<Vec<u32>>())
        };
        for_each_tile(rows, TILE_ROWS, options.threads, control, map, |_, part| {
            batch_of.extend(part);
            Ok(())
        })?;
        let mut starts = vec![0; count + 1];
        batch_of.iter().for_each(|&batch| starts[batch as usize + 1] += 1);
        for batch in 0..count {
            starts[batch + 1] += starts[batch];
        }
        let (mut next, mut order) = (starts.clone(), vec![0; own]);
        for (row, &batch) in (0..).zip(&batch_of) {
            let place = &mut next[batch as usize];
            order[*place] = row;
            *place += 1;
        }
        Ok(Self { rows, order, starts, all, _claim: claim })
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn batch(&self, batch: usize) -> Batch<'_> {
        Batch { rows: self.rows, order: &self.order[self.starts[batch]..self.starts[batch + 1]] }
    }
}

/// The rows of a batch.
struct Batch<'a> {
    rows: &'a dyn Rows,
    order: &'a [u32],
}

impl Rows for Batch<'_> {
    fn row_count(&self) -> usize {
        self.order.len()
    }

    fn column_count(&self) -> usize {
        self.rows.column_count()
    }

    /// One row: those of a batch do not lie together.
    fn run(&self, first: usize) -> &[f32] {
        let row = self.order.get(first).map(|&row| self.rows.run(row as usize));
        row.and_then(|run| run.get(..self.column_count())).unwrap_or_default()
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        self.rows.reduce()
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let mut one = Vec::new();
        scratch.clear();
        for &row in self.order.get(first..first + count).unwrap_or_default() {
            scratch.extend_from_slice(self.rows.tile(row as usize, 1, &mut one)?);
        }
        Ok(scratch)
    }
}
