//! The passes over whitened rows from which an iteration of FastICA learns.

use faer::MatRef;

use super::options::Contrast;
use crate::control::Control;
use crate::error::Result;

/// Whitened rows, wherever they are, and the sums over them that FastICA needs. The sums are those of the rows of this
/// process.
pub(super) trait Passes {
    /// For directions, (directions, width): the sums of `g(w x) x`, (directions, width) row-major, followed by the sum of
    /// `g'(w x)` of each direction, where `g` is the derivative of the contrast function.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Cancelled`], [`crate::ErrorCode::OutOfMemory`], and [`crate::ErrorCode::Device`] of a device.
    fn derivatives(&self, directions: MatRef<'_, f64>, contrast: Contrast, control: &Control) -> Result<Vec<f64>>;

    /// For directions, (directions, width): the sum of `(w x)^3` of each direction.
    ///
    /// # Errors
    /// Those of [`Passes::derivatives`].
    fn cubes(&self, directions: MatRef<'_, f64>, control: &Control) -> Result<Vec<f64>>;
}

/// The directions, row-major, in the type of whitened rows.
pub(super) fn to_f32(matrix: MatRef<'_, f64>) -> Vec<f32> {
    (0..matrix.nrows()).flat_map(|row| (0..matrix.ncols()).map(move |column| matrix[(row, column)] as f32)).collect()
}
