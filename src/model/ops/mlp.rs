//! An MLP whose inner values nobody looks at.

use candle_core::Tensor;

use super::gate::Gate;
use super::linear::Linear;
use super::operation::{Operation, Values};
use crate::error::Result;
use crate::model::blueprint::Activation;

/// How many rows go through the MLP at a time: their inner values stay in a cache, and are a multiple of what products in f32
/// take at a time.
const ROWS: usize = 160;

/// The most inner values of so many rows: 8 MiB, which a model keeps for each thread.
const INNER_VALUES: usize = 2 << 20;

/// `down(f(inner(x)))`, or `down(f(inner(x)) up(x))` with a gate (Shazeer 2020): all steps at once, some rows at a time, with the
/// bits of one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Mlp {
    inner: Linear,
    function: Activation,
    up: Option<Linear>,
    down: Linear,
}

impl Mlp {
    /// An MLP of these steps; nothing where it is better computed step by step: where a product of few rows costs more for each
    /// than one of many, and where the inner values of a few rows are too many to stay in a cache.
    pub fn new(inner: &Linear, function: Activation, up: Option<&Linear>, down: &Linear) -> Option<Self> {
        let is_packed = [Some(inner), up, Some(down)].into_iter().flatten().all(|linear| linear.packed().is_some());
        let mlp = Self::of(inner, function, up, down);
        (is_packed && ROWS * mlp.width().ok()? <= INNER_VALUES).then_some(mlp)
    }

    pub(super) fn of(inner: &Linear, function: Activation, up: Option<&Linear>, down: &Linear) -> Self {
        Self { inner: inner.clone(), function, up: up.cloned(), down: down.clone() }
    }

    /// How many inner values there are for a row: twice as many with a gate.
    fn width(&self) -> Result<usize> {
        Ok(self.inner.outputs()? * if self.up.is_some() { 2 } else { 1 })
    }

    /// Computes some rows, with memory for their inner values.
    fn some(&self, output: &mut [f32], rows: &[f32], memory: &mut [f32], threads: usize) -> Result<()> {
        let Some(up) = &self.up else {
            self.inner.project(memory, rows, threads, Some(self.function))?;
            return self.down.project(output, memory, threads, None);
        };
        let (gate, other) = memory.split_at_mut(memory.len() / 2);
        self.inner.project(gate, rows, threads, None)?;
        up.project(other, rows, threads, None)?;
        Gate(self.function).apply(gate, other);
        self.down.project(output, gate, threads, None)
    }
}

impl Operation<1> for Mlp {
    const NAME: &'static str = "mlp";
    const BY_ROWS: bool = true;

    fn columns(&self, _: usize) -> Result<usize> {
        self.down.outputs()
    }

    fn kernel(&self, rows: [Values<'_>; 1]) -> Result<Vec<f32>> {
        self.kernel_on(1, rows)
    }

    fn kernel_on(&self, threads: usize, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let (count, outputs) = (rows.values.len() / rows.columns, self.down.outputs()?);
        let width = self.width()?;
        let mut output = vec![0.0; count * outputs];
        let mut all = |memory: &mut [f32]| -> Result<()> {
            let parts = rows.values.chunks(ROWS * rows.columns).zip(output.chunks_mut(ROWS * outputs));
            for (rows, output) in parts {
                self.some(output, rows, &mut memory[..output.len() / outputs * width], threads)?;
            }
            Ok(())
        };
        let most = ROWS.min(count) * width;
        match self.down.packed() {
            Some(products) => products.lend_memory(most, all)?,
            None => all(&mut vec![0.0; most])?,
        }
        Ok(output)
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        let mut inner = self.function.reference([&self.inner.reference([rows])?])?;
        if let Some(up) = &self.up {
            inner = (inner * up.reference([rows])?)?;
        }
        self.down.reference([&inner])
    }
}
