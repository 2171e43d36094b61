//! Whitened rows on the host: threads take tiles of them, whose sums are added in a fixed order.

use faer::MatRef;

use super::contrast::Sums;
use super::fused::Fused;
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

/// Into how many parts the tiles of a pass are divided for each thread, where there are enough of them.
const PARTS: usize = 8;

/// The most tiles that a thread takes before it hands in their sums: few concepts have small sums, and are soon ready.
fn most_tiles(concepts: usize) -> usize {
    ((1 << 16) / concepts.saturating_mul(concepts).max(1)).clamp(1, 8)
}

/// From how many rows of a tile on the fused loops take it.
const LEAST_FUSED: usize = 64;

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
        // A thread makes the sums of one part while those of two wait.
        let waiting = concepts.saturating_mul(concepts).saturating_mul(3 * most_tiles(concepts));
        let per_thread = waiting.saturating_add(TILE.saturating_mul(concepts));
        per_thread.saturating_mul(size_of::<f32>() * thread_count(threads))
    }

    /// Sums over all rows. `map` returns the sums of one tile: first those made in f32, then those made in f64.
    fn sum(
        &self,
        mut sums: Vec<f64>,
        control: &Control,
        map: impl Fn(Tile<'_>, &mut Vec<f32>) -> Result<(Vec<f32>, Vec<f64>)> + Sync,
    ) -> Result<Vec<f64>> {
        // Threads that take several tiles at a time wait less often; the sums of the tiles are added one by one all the same.
        let threads = thread_count(self.threads);
        let tiles = (self.row_count() / (TILE * PARTS * threads)).clamp(1, most_tiles(self.width));
        let several = |part: Tile<'_>, scratch: &mut Vec<f32>| {
            let tiles = part.values.chunks(TILE * self.width).enumerate();
            tiles
                .map(|(tile, values)| map(Tile { first: part.first + tile * TILE, values }, scratch))
                .collect::<Result<Vec<_>>>()
        };
        for_each_tile(self, TILE * tiles, threads, control, several, |_, parts| {
            for (single, double) in parts {
                let parts = single.into_iter().map(f64::from).chain(double);
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            }
            Ok(())
        })?;
        Ok(sums)
    }
}

impl Passes for HostRows {
    fn derivatives(&self, directions: MatRef<'_, f64>, contrast: Contrast, control: &Control) -> Result<Vec<f64>> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let weights = to_f32(directions);
        let fused = Fused::new(&weights, width);
        self.sum(vec![0.0; count * width + count], control, |tile, projections| {
            // General products take other ways for few rows.
            let fused = fused.as_ref().filter(|_| tile.values.len() >= LEAST_FUSED * width);
            let sums = match fused {
                Some(fused) => fused.sums(tile.values, contrast),
                None => general_sums(tile.values, &weights, width, contrast, projections)?,
            };
            Ok((sums.gradient, sums.curvature))
        })
    }

    fn cubes(&self, directions: MatRef<'_, f64>, control: &Control) -> Result<Vec<f64>> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let weights = to_f32(directions);
        self.sum(vec![0.0; count], control, |tile, projections| {
            project(tile.values, &weights, width, projections)?;
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

/// The sums over the rows of a tile, by matrix products of any size.
pub(super) fn general_sums(
    rows: &[f32],
    weights: &[f32],
    width: usize,
    contrast: Contrast,
    projections: &mut Vec<f32>,
) -> Result<Sums> {
    project(rows, weights, width, projections)?;
    let count = weights.len() / width;
    let mut curvature = vec![0.0; count];
    contrast.derivatives(projections, &mut curvature);
    let mut gradient = vec![0.0_f32; count * width];
    let derivatives = Block::whole(projections, rows.len() / width, count);
    let rows = Block::whole(rows, rows.len() / width, width);
    block_transposed_times(BlockMut::whole(&mut gradient, count, width), derivatives, rows)?;
    Ok(Sums { gradient, curvature })
}

/// Projects rows of that width on the directions `weights`, (directions, width).
fn project(rows: &[f32], weights: &[f32], width: usize, projections: &mut Vec<f32>) -> Result<()> {
    projections.clear();
    projections.resize(rows.len() / width * (weights.len() / width), 0.0);
    times_transposed(projections, rows, weights, width)
}

fn no_memory(rows: usize, concepts: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} whitened rows of {concepts} concepts"))
        .hint("ask for fewer concepts, or give fewer rows")
}
