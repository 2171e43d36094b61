//! Gradients of logits with respect to the rows of a module.

use candle_core::{Device, Tensor, Var};

use crate::error::{Error, Result};
use crate::model::split_model::{SplitModel, widened};
use crate::model::tap::Tap;

/// A logit whose gradient is wanted: one number of what the head gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetLogit {
    /// Its row: of a token, or of a text where the head gives one row for each text.
    pub row: usize,
    /// Its column: the id of a token of the vocabulary, or the number of a label.
    pub column: usize,
    /// What it is multiplied by before the targets are added up; 1 and -1 give the gradient of a difference.
    pub weight: f32,
}

impl SplitModel {
    /// The gradient of the sum of some logits, each times its weight, with respect to the rows of the module at `path`.
    ///
    /// `rows` are the output of that module, `(sum of lengths, width)`, as [`SplitModel::logits_from`] takes them, and
    /// the logits are those that it gives. The result has the shape of `rows` and is f32: how fast the sum grows with
    /// each value. A text's logits depend on its own rows only, so that one call with a target in each text gives the
    /// gradients of all of them, the same bits as one call for each. Weights in half precision or in quantised blocks
    /// count as the numbers that they stand for; none of them is made f32 as a whole. What the operations read stays in
    /// memory until the backward pass is done.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when there is no target, or one is beyond the logits; else those of
    /// [`SplitModel::logits_from`].
    pub fn gradient(&self, path: &str, rows: &Tensor, sequences: &[&[u32]], targets: &[TargetLogit]) -> Result<Tensor> {
        let (site, rows) = self.replacement(path, rows, sequences)?;
        if targets.is_empty() {
            return Err(Error::argument("there is no logit to take the gradient of").hint("give at least one target"));
        }
        // A copy: what the caller gave may be a variable of a graph of his own.
        let rows = Var::from_tensor(&rows.detach())?;
        let logits = self.run_to_head(sequences, Tap::replace(site, rows.as_tensor().clone()))?;
        let sum = sum_of(&logits, targets)?;
        if !sum.track_op() {
            return Err(Error::internal(format!("the logits do not depend on the rows of `{path}`")));
        }
        let gradient = sum.backward()?.remove(&rows);
        widened(gradient.ok_or_else(|| Error::internal(format!("the gradient was lost on its way to `{path}`")))?)
    }
}

/// The sum of some logits times their weights.
fn sum_of(logits: &Tensor, targets: &[TargetLogit]) -> Result<Tensor> {
    let (rows, columns) = logits.dims2()?;
    if let Some(target) = targets.iter().find(|target| target.row >= rows || target.column >= columns) {
        let TargetLogit { row, column, .. } = target;
        let message =
            format!("the target in row {row}, column {column} is beyond the logits, {rows} rows of {columns}");
        return Err(Error::argument(message)
            .hint("count rows and columns from 0")
            .detail("row", row)
            .detail("column", column));
    }
    let numbers = targets.iter().map(|target| (target.row * columns + target.column) as i64);
    let weights = targets.iter().map(|target| target.weight);
    let device: &Device = logits.device();
    let chosen = logits.flatten_all()?.index_select(&Tensor::from_iter(numbers, device)?, 0)?;
    let weights = Tensor::from_iter(weights, device)?.to_dtype(logits.dtype())?;
    Ok((chosen * weights)?.sum_all()?)
}
