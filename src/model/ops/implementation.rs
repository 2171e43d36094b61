//! Which implementation of its operations a forward pass runs.

use candle_core::{DType, Tensor};

use super::custom::Custom;
use super::operation::Operation;
use crate::error::Result;

/// Which implementation of its operations a pass runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// The kernel where there is one, else the reference, in a type of number: f32 in host memory, f32 or a half type on a
    /// CUDA device.
    Kernels(DType),
    /// The reference everywhere, in a type of number.
    Reference(DType),
}

impl Implementation {
    /// Whether these inputs may go through a kernel.
    fn runs_kernel(self, inputs: &[&Tensor]) -> bool {
        let one_type = inputs.iter().all(|input| input.dtype() == inputs[0].dtype());
        let kernel = |input: &&Tensor| !input.device().is_cpu() || input.dtype() == DType::F32;
        matches!(self, Self::Kernels(_)) && one_type && inputs.iter().all(kernel)
    }

    /// The type of number that it computes in.
    pub fn numbers(self) -> DType {
        match self {
            Self::Kernels(numbers) | Self::Reference(numbers) => numbers,
        }
    }

    /// Rows from which a pass goes on, in the type of number that it computes in.
    pub fn begin(self, rows: Tensor) -> Result<Tensor> {
        let numbers = self.numbers();
        if rows.dtype() == numbers { Ok(rows) } else { Ok(rows.to_dtype(numbers)?) }
    }

    /// Applies an operation to one tensor.
    pub fn unary<O: Operation<1> + Clone + 'static>(self, operation: &O, rows: &Tensor) -> Result<Tensor> {
        self.unary_on(1, operation, rows)
    }

    /// Applies an operation to one tensor, on so many threads where that pays.
    pub fn unary_on<O: Operation<1> + Clone + 'static>(
        self,
        threads: usize,
        operation: &O,
        rows: &Tensor,
    ) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[rows]);
        Ok(match (rows.track_op(), kernel) {
            (true, _) => rows.apply_op1(Custom { operation: operation.clone(), kernel, threads })?,
            (false, true) => rows.apply_op1_no_bwd(&Custom { operation, kernel, threads })?,
            (false, false) => operation.reference([rows])?,
        })
    }

    /// Applies an operation to two tensors.
    #[cfg(test)]
    pub fn binary<O: Operation<2> + Clone + 'static>(
        self,
        operation: &O,
        left: &Tensor,
        right: &Tensor,
    ) -> Result<Tensor> {
        self.binary_on(1, operation, left, right)
    }

    /// Applies an operation to two tensors, on so many threads where that pays.
    pub fn binary_on<O: Operation<2> + Clone + 'static>(
        self,
        threads: usize,
        operation: &O,
        left: &Tensor,
        right: &Tensor,
    ) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[left, right]);
        Ok(match (left.track_op() || right.track_op(), kernel) {
            (true, _) => left.apply_op2(right, Custom { operation: operation.clone(), kernel, threads })?,
            (false, true) => left.apply_op2_no_bwd(right, &Custom { operation, kernel, threads })?,
            (false, false) => operation.reference([left, right])?,
        })
    }

    /// Applies an operation to three tensors.
    pub fn ternary<O: Operation<3> + Clone + 'static>(
        self,
        operation: &O,
        [first, second, third]: [&Tensor; 3],
    ) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[first, second, third]);
        Ok(match (first.track_op() || second.track_op() || third.track_op(), kernel) {
            (true, _) => first.apply_op3(second, third, Custom { operation: operation.clone(), kernel, threads: 1 })?,
            (false, true) => first.apply_op3_no_bwd(second, third, &Custom { operation, kernel, threads: 1 })?,
            (false, false) => operation.reference([first, second, third])?,
        })
    }
}
