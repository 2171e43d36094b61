//! Decompositions and products of f64 matrices.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par};

use super::matrix::multiply;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::Claim;
use crate::workspace;

/// Computes the eigenvalues of a symmetric matrix, largest first, and its eigenvectors as columns in that order.
///
/// It runs on one thread, so that the result does not depend on the number of threads.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`]; [`ErrorCode::InvalidData`] when the iteration fails, for example on values that are not
/// finite.
pub(crate) fn symmetric_eigen(matrix: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let size = matrix.nrows();
    let _claim = Claim::of(
        size.saturating_mul(size).saturating_mul(6 * size_of::<f64>()),
        &format!("the eigenvectors of {size} columns"),
    )?;
    workspace::prepare()?;
    let mut values = Diag::<f64>::zeros(size);
    let mut vectors = Mat::<f64>::zeros(size, size);
    let scratch = self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, faer::Spec::default());
    let mut memory = MemBuffer::try_new(scratch).map_err(|_| {
        Error::new(ErrorCode::OutOfMemory, format!("there is no memory for the eigenvectors of {size} columns"))
            .hint("use a split point with fewer columns")
    })?;
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(matrix, values.as_mut(), Some(vectors.as_mut()), Par::Seq, stack, faer::Spec::default()).map_err(
        |error| {
            Error::new(ErrorCode::InvalidData, format!("the eigenvectors of {size} columns were not found: {error:?}"))
                .hint("look for values in the rows that are huge or not finite")
        },
    )?;
    // faer returns them smallest first.
    let values = values.column_vector().iter().rev().copied().collect();
    let vectors = Mat::from_fn(size, size, |row, column| vectors[(row, size - 1 - column)]);
    Ok((values, vectors))
}

/// The orthogonal matrix nearest to `matrix`: `(W W^T)^(-1/2) W` (symmetric decorrelation).
///
/// # Errors
/// Those of [`symmetric_eigen`].
pub(crate) fn decorrelate(matrix: MatRef<'_, f64>) -> Result<Mat<f64>> {
    let (values, vectors) = symmetric_eigen(product(matrix, matrix.transpose())?.as_ref())?;
    let scaled = Mat::from_fn(vectors.nrows(), vectors.ncols(), |row, column| {
        // Rounding can make an eigenvalue zero or negative.
        vectors[(row, column)] / values[column].max(f64::MIN_POSITIVE).sqrt()
    });
    product(product(scaled.as_ref(), vectors.transpose())?.as_ref(), matrix)
}

/// The product `left right`, on one thread.
///
/// # Errors
/// As [`multiply`].
pub(crate) fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Result<Mat<f64>> {
    let mut result = Mat::zeros(left.nrows(), right.ncols());
    multiply(result.as_mut(), left, right)?;
    Ok(result)
}
