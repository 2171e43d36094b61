//! Whitened rows on a device, and what an iteration of FastICA learns from them there.
//!
//! The rows are whitened tile by tile and stay on the device, `concepts` values of 4 bytes each. An iteration is about a
//! dozen launches for each block of [`BLOCK_VALUES`] values, whatever the number of rows in it: the directions go up, one
//! product projects all rows of the block on them, a batched product adds the gradients within groups of
//! [`GROUP_ROWS`] rows in f32, and the sums of the groups are added in f64. One copy of `concepts * (concepts + 1)`
//! values of 8 bytes comes back, which is all that the host waits for.
//!
//! What that should take, by bytes and operations, for 187,890 rows of 768 columns and 50 concepts: an iteration passes
//! nine times over 38 MB, a tenth of a millisecond at 3 TB/s, and its products are 1.9e9 operations. The rows go up
//! three times, 1.7 GB, 0.07 s at 25 GB/s, unless they are on the device already; the covariance is 2.2e11 operations in
//! f64. The eigenvectors of the covariance and the decorrelations are those of a fit on the CPU, on one thread of it.

use candle_core::{DType, Device, Tensor};
use faer::MatRef;

use super::options::Contrast;
use super::passes::{Passes, to_f32};
use super::whitening::Whitening;
use crate::control::Control;
use crate::error::Result;
use crate::rows::{DEVICE_TILE_ROWS, DeviceTiles, no_room};

/// How many rows are added in f32, before their sum is added to the others in f64.
const GROUP_ROWS: usize = DEVICE_TILE_ROWS;

/// About how many values a block has, 128 MiB: what an iteration computes from a block takes six times as much at most,
/// 0.8 GiB, and is given back after it. Unit tests have several blocks of few rows.
const BLOCK_VALUES: usize = if cfg!(test) { 50_000 } else { 32 << 20 };

/// Whitened rows: blocks of (groups, [`GROUP_ROWS`], concepts). Rows of zeros fill the last group.
pub(super) struct WhiteTensors {
    device: Device,
    blocks: Vec<Tensor>,
    rows: usize,
    width: usize,
}

impl WhiteTensors {
    /// Whitens rows.
    ///
    /// # Errors
    /// Those of [`Whitening::projection`]; [`crate::ErrorCode::OutOfMemory`] and [`crate::ErrorCode::Device`] of the
    /// device; [`crate::ErrorCode::Cancelled`].
    pub(super) fn new(rows: &DeviceTiles<'_>, whitening: &Whitening, control: &Control) -> Result<Self> {
        let (count, columns) = (rows.rows().row_count(), rows.rows().column_count());
        let (device, width) = (rows.device(), whitening.deviations.len());
        let bytes = count.next_multiple_of(GROUP_ROWS).saturating_mul(width).saturating_mul(size_of::<f32>());
        let what = format!("{count} whitened rows of {width} concepts, {bytes} bytes");
        let room = no_room(&what);
        let means = Tensor::from_slice(&whitening.mean, (1, columns), device).map_err(room)?;
        let projection = Tensor::from_vec(whitening.projection()?, (width, columns), device)
            .and_then(|projection| projection.t())
            .map_err(room)?;
        let whiten =
            |tile: &Tensor| tile.to_dtype(DType::F64)?.broadcast_sub(&means)?.to_dtype(DType::F32)?.matmul(&projection);

        // A tile lies in one block, and a block is whole groups. The gradients of its groups, width^2 values each, take
        // no more memory than the block does.
        let height = rows.tile_height();
        let row_values = width * (width / (GROUP_ROWS / 2)).max(1);
        let block_rows = (BLOCK_VALUES / (row_values * height)).max(1) * height;
        let groups = |first: usize| (count - first).min(block_rows).div_ceil(GROUP_ROWS);
        let mut blocks: Vec<Tensor> = Vec::new();
        // A column with a value that is not finite has a sum that is not finite.
        let mut sums = Tensor::zeros(width, DType::F64, device).map_err(room)?;
        let mut add = |first: usize, tile: &Tensor| {
            let white = whiten(tile)?;
            sums = (&sums + white.to_dtype(DType::F64)?.sum(0)?)?;
            if first.is_multiple_of(block_rows) {
                blocks.push(Tensor::zeros((groups(first) * GROUP_ROWS, width), DType::F32, device)?);
            }
            blocks.last().map_or(Ok(()), |block| block.slice_set(&white, 0, first % block_rows))
        };
        rows.for_each_tile(height, control, |range, tile| add(range.start, &tile).map_err(room))?;
        let sums = sums.to_vec1::<f64>().map_err(room)?;
        if let Some(direction) = sums.iter().position(|sum| !sum.is_finite()) {
            return Err(whitening.out_of_range(direction));
        }
        let grouped = |block: &Tensor| block.reshape(((), GROUP_ROWS, width));
        let blocks = blocks.iter().map(grouped).collect::<candle_core::Result<_>>().map_err(room)?;
        Ok(Self { device: device.clone(), blocks, rows: count, width })
    }

    /// Adds what `each` makes of the projections of every block on some directions: from a block, (groups, rows, width),
    /// and its projections, (groups, rows, directions), the f32 sums of each group, (groups, directions, values).
    fn sum(
        &self,
        directions: MatRef<'_, f64>,
        values: usize,
        control: &Control,
        each: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Vec<f64>> {
        let what = format!("an iteration over {} concepts", directions.nrows());
        let room = no_room(&what);
        let (count, width) = (directions.nrows(), self.width);
        let weights = Tensor::from_vec(to_f32(directions), (count, width), &self.device).map_err(room)?;
        let add = |total: &Tensor, block: &Tensor| {
            let groups = block.dim(0)?;
            let flat = block.reshape((groups * GROUP_ROWS, width))?;
            let projections = flat.matmul(&weights.t()?)?.reshape((groups, GROUP_ROWS, count))?;
            total + each(block, &projections)?.to_dtype(DType::F64)?.sum(0)?
        };
        let mut total = Tensor::zeros((count, values), DType::F64, &self.device).map_err(room)?;
        for block in &self.blocks {
            control.check()?;
            total = add(&total, block).map_err(room)?;
        }
        total.flatten_all().and_then(|total| total.to_vec1()).map_err(room)
    }
}

impl Passes for WhiteTensors {
    fn derivatives(&self, directions: MatRef<'_, f64>, contrast: Contrast, control: &Control) -> Result<Vec<f64>> {
        let width = self.width;
        let sums = self.sum(directions, width + 1, control, |block, projections| {
            let (first, excess) = derivatives(contrast, projections)?;
            let gradient = first.transpose(1, 2)?.matmul(block)?;
            Tensor::cat(&[gradient, group_sums(&excess)?], 2)
        })?;
        // What comes is (directions, width + 1): the sums of the gradient, and in the last column those of the excess.
        let (at_zero, scale) = at_zero(contrast);
        let gradient = sums.chunks_exact(width + 1).flat_map(|row| row[..width].iter().copied());
        let curvature = sums.chunks_exact(width + 1).map(|row| at_zero * self.rows as f64 + scale * row[width]);
        Ok(gradient.chain(curvature).collect())
    }

    fn cubes(&self, directions: MatRef<'_, f64>, control: &Control) -> Result<Vec<f64>> {
        self.sum(directions, 1, control, |_, projections| group_sums(&(projections.sqr()? * projections)?))
    }
}

/// The sum over the rows of each group of (groups, rows, directions): (groups, directions, 1). It is a product with
/// ones, which reads the values in the order in which they lie. The ones stand on the left: with the same right factor for
/// all groups, candle's CPU takes the groups for rows of one product, wrongly where the left one is transposed.
fn group_sums(values: &Tensor) -> candle_core::Result<Tensor> {
    let (groups, rows, directions) = values.dims3()?;
    let ones = Tensor::ones((1, 1, rows), DType::F32, values.device())?;
    ones.broadcast_as((groups, 1, rows))?.matmul(values)?.reshape((groups, directions, 1))
}

/// The derivative `g` of the contrast function, and the excess of the second derivative over that at zero, divided by
/// the scale of [`at_zero`]. Both are zero at zero, so the rows of zeros that fill a group add nothing.
fn derivatives(contrast: Contrast, projections: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    match contrast {
        Contrast::LogCosh { alpha } => {
            let scaled = if alpha > 1.0 { projections.affine(alpha, 0.0)? } else { projections.clone() };
            let first = scaled.tanh()?;
            let excess = first.sqr()?;
            Ok((first, excess))
        }
        Contrast::Exp => {
            let square = projections.sqr()?;
            let bell = square.affine(-0.5, 0.0)?.exp()?;
            // (1 - x^2) e - 1
            let excess = ((&bell - (square * &bell)?)? - 1.0)?;
            Ok(((projections * bell)?, excess))
        }
        Contrast::Cube => {
            let square = projections.sqr()?;
            Ok(((&square * projections)?, square))
        }
    }
}

/// The second derivative of the contrast function at zero, and the scale of the excess over it.
fn at_zero(contrast: Contrast) -> (f64, f64) {
    match contrast {
        // alpha (1 - tanh^2)
        Contrast::LogCosh { alpha } => (alpha, -alpha),
        Contrast::Exp => (1.0, 1.0),
        // 3 x^2
        Contrast::Cube => (0.0, 3.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concepts::backend::Backend;
    use crate::concepts::device_tests::devices;
    use crate::concepts::ica::host::HostRows;
    use crate::linalg::RandomState;
    use crate::rows::RowSlice;
    use faer::Mat;

    #[test]
    fn the_sums_are_those_of_the_host() {
        let mut random = RandomState::new(3);
        let values: Vec<f32> = (0..9001 * 8).map(|_| random.normal().powi(3) as f32 + 20.0).collect();
        let rows = RowSlice::new(&values, 8).unwrap();
        let control = Control::new();
        let whitening = Whitening::of(&rows, 6, &Backend::Cpu { threads: 1 }, &control).unwrap();
        let host = HostRows::new(&rows, &whitening, 1, &control).unwrap();
        for device in devices() {
            let there = WhiteTensors::new(&DeviceTiles::new(&rows, &device), &whitening, &control).unwrap();
            // Two blocks of four groups, of which the last has 809 rows.
            assert_eq!(there.blocks.iter().map(|block| block.dims()[0]).collect::<Vec<_>>(), [4, 1]);
            for directions in [1, 4, 6] {
                let mut direction = || random.normal() / 6.0_f64.sqrt();
                let directions = Mat::from_fn(directions, 6, |_, _| direction());
                let close = |found: Vec<f64>, expected: Vec<f64>| {
                    assert_eq!(found.len(), expected.len());
                    for (found, expected) in found.into_iter().zip(expected) {
                        // Sums of f32 rounding over rows of unit variance.
                        assert!((found - expected).abs() <= 2e-6 * (9001.0 + expected.abs()), "{found} {expected}");
                    }
                };
                for contrast in
                    [Contrast::LogCosh { alpha: 1.0 }, Contrast::LogCosh { alpha: 1.5 }, Contrast::Exp, Contrast::Cube]
                {
                    let sums = |rows: &dyn Passes| rows.derivatives(directions.as_ref(), contrast, &control).unwrap();
                    close(sums(&there), sums(&host));
                }
                let cubes = |rows: &dyn Passes| rows.cubes(directions.as_ref(), &control).unwrap();
                close(cubes(&there), cubes(&host));
            }
        }
    }
}
