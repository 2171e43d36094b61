//! Whitened rows on the host: threads take tiles of them, whose sums are added in a fixed order.

use faer::MatRef;

use super::options::Contrast;
use super::passes::{Passes, to_f32};
use super::whitening::Whitening;
use crate::concepts::linear::centre;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{Block, BlockMut, block_transposed_times, first_not_finite, times_transposed};
use crate::memory::Claim;
use crate::rows::{Rows, Tile, for_each_tile};
use crate::threads::thread_count;

/// How many rows are whitened at a time.
const WHITEN_TILE: usize = 4096;

/// How many rows a thread takes at a time. The matrix product adds within a tile in f32; the sums of tiles are added in
/// f64.
const TILE: usize = 2048;

/// Whitened rows: (rows, concepts), row-major, every column of mean 0 and standard deviation 1.
pub(super) struct HostRows {
    values: Vec<f32>,
    width: usize,
    threads: usize,
}

impl HostRows {
    /// Whitens rows.
    ///
    /// # Errors
    /// Those of [`Whitening::projection`]; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
    pub(super) fn new(rows: &dyn Rows, whitening: &Whitening, threads: usize, control: &Control) -> Result<Self> {
        let (count, columns, concepts) = (rows.row_count(), rows.column_count(), whitening.deviations.len());
        let projection = whitening.projection()?;
        let mut values = Vec::new();
        let length = count.checked_mul(concepts).ok_or_else(|| no_memory(count, concepts))?;
        values.try_reserve_exact(length).map_err(|_| no_memory(count, concepts))?;
        let working = thread_count(threads);
        let tile_bytes = WHITEN_TILE.min(count) * size_of::<f32>() * working;
        let _claim = Claim::of(tile_bytes.saturating_mul(2 * columns + 3 * concepts), "whitened rows")?;
        let work = |tile: Tile<'_>, centred: &mut Vec<f32>| -> Result<Vec<f32>> {
            centre(tile.values, &whitening.mean, centred);
            let mut white = vec![0.0; tile.values.len() / columns * concepts];
            times_transposed(&mut white, centred, &projection, columns)?;
            match first_not_finite(&white) {
                Some(place) => Err(whitening.out_of_range(place % concepts)),
                None => Ok(white),
            }
        };
        for_each_tile(rows, WHITEN_TILE, working, control, work, |_, white| {
            values.extend_from_slice(&white);
            Ok(())
        })?;
        Ok(Self { values, width: concepts, threads })
    }

    /// The memory that an iteration takes on all threads, in bytes.
    pub(super) fn iteration_bytes(concepts: usize, threads: usize) -> usize {
        let per_thread =
            concepts.saturating_mul(concepts).saturating_mul(3).saturating_add(TILE.saturating_mul(concepts));
        per_thread.saturating_mul(size_of::<f32>() * thread_count(threads))
    }

    /// Sums over all rows. `map` returns the sums of one tile: first those made in f32, then those made in f64.
    fn sum(
        &self,
        mut sums: Vec<f64>,
        control: &Control,
        map: impl Fn(Tile<'_>, &mut Vec<f32>) -> Result<(Vec<f32>, Vec<f64>)> + Sync,
    ) -> Result<Vec<f64>> {
        for_each_tile(self, TILE, self.threads, control, map, |_, (single, double)| {
            let parts = single.into_iter().map(f64::from).chain(double);
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            Ok(())
        })?;
        Ok(sums)
    }
}

impl Passes for HostRows {
    fn derivatives(&self, directions: MatRef<'_, f64>, contrast: Contrast, control: &Control) -> Result<Vec<f64>> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let weights = to_f32(directions);
        self.sum(vec![0.0; count * width + count], control, |tile, projections| {
            project(tile, &weights, width, projections)?;
            let mut curvature = vec![0.0; count];
            contrast.derivatives(projections, &mut curvature);
            let rows = tile.values.len() / width;
            let mut gradient = vec![0.0_f32; count * width];
            let derivatives = Block::whole(projections, rows, count);
            let rows = Block::whole(tile.values, rows, width);
            block_transposed_times(BlockMut::whole(&mut gradient, count, width), derivatives, rows)?;
            Ok((gradient, curvature))
        })
    }

    fn cubes(&self, directions: MatRef<'_, f64>, control: &Control) -> Result<Vec<f64>> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let weights = to_f32(directions);
        self.sum(vec![0.0; count], control, |tile, projections| {
            project(tile, &weights, width, projections)?;
            let mut moments = vec![0.0; count];
            for row in projections.chunks_exact(count) {
                for (moment, &x) in moments.iter_mut().zip(row) {
                    *moment += f64::from(x) * f64::from(x) * f64::from(x);
                }
            }
            Ok((Vec::new(), moments))
        })
    }
}

impl Rows for HostRows {
    fn row_count(&self) -> usize {
        self.values.len() / self.width
    }

    fn column_count(&self) -> usize {
        self.width
    }

    fn run(&self, first: usize) -> &[f32] {
        self.values.get(first * self.width..).unwrap_or_default()
    }
}

/// Projects a tile of rows of that width on the directions `weights`, (directions, width).
fn project(tile: Tile<'_>, weights: &[f32], width: usize, projections: &mut Vec<f32>) -> Result<()> {
    projections.clear();
    projections.resize(tile.values.len() / width * (weights.len() / width), 0.0);
    times_transposed(projections, tile.values, weights, width)
}

fn no_memory(rows: usize, concepts: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} whitened rows of {concepts} concepts"))
        .hint("ask for fewer concepts, or give fewer rows")
}
