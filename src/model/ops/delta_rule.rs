//! The gated delta rule (Yang et al. 2025, "Gated Delta Networks"), along the rows of each text.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{D, DType, Tensor};

use super::operation::{Operation, Values, gradients, lend, like, unrounded};
use crate::error::{Error, Result};
use crate::kernels::{self, DeltaHeads, DeltaRows};

/// How many rows of a text are differentiated at a time, at most.
const ROWS: usize = 64;

/// How many numbers the states may have that are kept while rows are differentiated; those of one row are kept in any case.
const NUMBERS: usize = 1 << 24;

/// How many numbers of the states of several texts are worked on at a time.
const NUMBERS_OF_TEXTS: usize = 1 << 21;

/// Attention whose memory of a text is one matrix for each head of values: at each row it decays, takes the difference between
/// the row's value and what the row's key finds in it, and is read with the query.
///
/// Inputs are rows of queries, keys and values side by side, `(rows, 2 keys + values)`, and two numbers for each head of values:
/// how much of the difference is taken, before the logistic function, and how much the state decays, before a softplus.
#[derive(Debug, Clone)]
pub(crate) struct DeltaRule {
    heads: DeltaHeads,
    /// What the softplus is multiplied by to give the logarithm of the decay, `(value_heads,)`; below 0.
    decay: Tensor,
    /// What is added before it, `(value_heads,)`.
    bias: Tensor,
    texts: Arc<[Range<usize>]>,
    /// On how many threads the kernel runs.
    threads: usize,
}

/// Neighbouring texts of one length.
struct Part {
    first_row: usize,
    texts: usize,
    length: usize,
}

impl DeltaRule {
    /// For texts that are ranges of rows.
    pub fn new(heads: DeltaHeads, [decay, bias]: [&Tensor; 2], texts: &Arc<[Range<usize>]>) -> Self {
        Self { heads, decay: decay.clone(), bias: bias.clone(), texts: Arc::clone(texts), threads: 1 }
    }

    /// The same on so many threads, where that pays.
    pub fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// How many numbers the states take that are worked on at a time, with what they become.
    pub fn scratch(heads: DeltaHeads) -> usize {
        NUMBERS_OF_TEXTS.max(heads.state()).saturating_mul(4)
    }

    /// Numbers of the states of one text.
    fn state_size(&self) -> usize {
        self.heads.state()
    }

    /// Texts that are worked on together.
    fn parts(&self) -> Vec<Part> {
        let together = (NUMBERS_OF_TEXTS / self.state_size().max(1)).max(1);
        let runs = self.texts.chunk_by(|one, next| one.len() == next.len());
        let parts = runs.filter(|run| !run[0].is_empty()).flat_map(|run| run.chunks(together));
        parts.map(|run| Part { first_row: run[0].start, texts: run.len(), length: run[0].len() }).collect()
    }

    /// The rows of a part as `(texts, length, columns)`.
    fn rows_of(part: &Part, rows: &Tensor) -> Result<Tensor> {
        let own = rows.narrow(0, part.first_row, part.texts * part.length)?;
        Ok(own.reshape((part.texts, part.length, rows.dim(1)?))?)
    }

    /// States before the first row.
    fn empty(&self, part: &Part, like: &Tensor) -> Result<Tensor> {
        let shape = (part.texts * self.heads.value_heads, self.heads.key_width, self.heads.value_width);
        Ok(Tensor::zeros(shape, like.dtype(), like.device())?)
    }

    /// What some rows of texts read, `(texts, rows, values)`, and the states after them, by the states before them.
    fn run(&self, [mixed, rates, decays, state]: [&Tensor; 4]) -> Result<(Tensor, Tensor)> {
        let heads = self.heads;
        let (texts, count, _) = mixed.dims3()?;
        let all = texts * heads.value_heads;
        let group = heads.value_heads / heads.key_heads;
        // Each head of keys is there for each head of values that reads it.
        let keys = |first: usize| -> Result<Tensor> {
            let own =
                mixed.narrow(2, first, heads.keys())?.reshape((texts, count, heads.key_heads, heads.key_width))?;
            let length = (own.sqr()?.sum_keepdim(D::Minus1)? + f64::from(kernels::EPSILON))?.sqrt()?;
            let own = own.broadcast_div(&length)?.transpose(1, 2)?.unsqueeze(2)?;
            let own = own.expand((texts, heads.key_heads, group, count, heads.key_width))?.contiguous()?;
            Ok(own.reshape((all, count, heads.key_width))?)
        };
        let queries = (keys(0)? * (heads.key_width as f64).sqrt().recip())?;
        let keys = keys(heads.keys())?;
        let values = mixed.narrow(2, 2 * heads.keys(), heads.values())?;
        let values = values.reshape((texts, count, heads.value_heads, heads.value_width))?.transpose(1, 2)?;
        let values = values.contiguous()?.reshape((all, count, heads.value_width))?;
        let numbers =
            |rows: &Tensor| -> Result<Tensor> { Ok(rows.transpose(1, 2)?.contiguous()?.reshape((all, count, 1))?) };
        let rates = numbers(&candle_nn::ops::sigmoid(rates)?)?;
        let decays = softplus(&decays.broadcast_add(&like(&self.bias, decays)?)?)?;
        let decays = numbers(&decays.broadcast_mul(&like(&self.decay, &decays)?)?.exp()?)?;

        let mut state = state.clone();
        let mut read = Vec::with_capacity(count);
        for row in 0..count {
            let at = |rows: &Tensor| rows.narrow(1, row, 1)?.contiguous();
            state = state.broadcast_mul(&at(&decays)?)?;
            let key = at(&keys)?;
            let change = (at(&values)? - key.matmul(&state)?)?.broadcast_mul(&at(&rates)?)?;
            state = (state + key.transpose(1, 2)?.contiguous()?.matmul(&change)?)?;
            read.push(at(&queries)?.matmul(&state)?);
        }
        let read = Tensor::cat(&read, 1)?.reshape((texts, heads.value_heads, count, heads.value_width))?;
        let read = read.transpose(1, 2)?.contiguous()?.reshape((texts, count, heads.values()))?;
        Ok((read, state))
    }

    /// The gradients of rows that are f32 in host memory.
    fn backward_on_host(&self, inputs: [&Tensor; 3], gradient: &Tensor) -> Result<[Tensor; 3]> {
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let [mixed, rates, decays] = inputs.map(values);
        let (mixed, rates, decays) = (mixed?, rates?, decays?);
        let (decay, bias) = (values(&self.decay)?, values(&self.bias)?);
        let rows = DeltaRows { mixed: &mixed, rates: &rates, decays: &decays, decay: &decay, bias: &bias };
        let gradient = values(gradient)?;
        let [mixed, rates, decays] =
            kernels::delta_rule_gradient(self.threads, self.heads, &self.texts, rows, &gradient)?;
        let like = |values, input: &Tensor| Tensor::from_vec(values, input.shape(), input.device());
        Ok([like(mixed, inputs[0])?, like(rates, inputs[1])?, like(decays, inputs[2])?])
    }

    /// The gradients of a part's rows `(texts, length, columns)`. The states are kept before some rows at a time and computed
    /// again from there, so that those of all rows are never in memory together.
    fn backward_of(&self, part: &Part, inputs: [&Tensor; 3], gradient: &Tensor) -> Result<[Tensor; 3]> {
        let at_once = (NUMBERS / (part.texts * self.state_size()).max(1)).clamp(1, ROWS);
        let runs: Vec<_> =
            (0..part.length).step_by(at_once).map(|first| (first, at_once.min(part.length - first))).collect();
        let some = |rows: &Tensor, (first, count)| rows.narrow(1, first, count)?.contiguous();
        let mut states = vec![self.empty(part, gradient)?];
        for (index, run) in runs.iter().enumerate().take(runs.len() - 1) {
            let [mixed, rates, decays] = inputs;
            let rows = [&some(mixed, *run)?, &some(rates, *run)?, &some(decays, *run)?, &states[index]];
            states.push(self.run(rows)?.1);
        }
        let mut of_state = self.empty(part, gradient)?;
        let one = Tensor::ones((), gradient.dtype(), gradient.device())?;
        let mut of_inputs = [Vec::new(), Vec::new(), Vec::new()];
        for run in runs.iter().rev() {
            let state = states.pop().ok_or_else(|| Error::internal("a state is missing"))?;
            let [mixed, rates, decays] = inputs;
            let rows = [&some(mixed, *run)?, &some(rates, *run)?, &some(decays, *run)?, &state];
            let gradient = some(gradient, *run)?;
            let [mixed, rates, decays, before] = gradients(Self::NAME, rows, &one, |inputs| {
                let (read, state) = self.run(inputs)?;
                Ok(((read * &gradient)?.sum_all()? + (state * &of_state)?.sum_all()?)?)
            })?;
            of_state = before;
            of_inputs.iter_mut().zip([mixed, rates, decays]).for_each(|(all, some)| all.push(some));
        }
        let joined = of_inputs.map(|mut runs| {
            runs.reverse();
            let all = Tensor::cat(&runs, 1)?;
            all.reshape((part.texts * part.length, all.dim(2)?))
        });
        let [mixed, rates, decays] = joined;
        Ok([mixed?, rates?, decays?])
    }
}

/// `ln(1 + e^x)`.
fn softplus(rows: &Tensor) -> Result<Tensor> {
    Ok((rows.relu()? + (rows.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

impl Operation<3> for DeltaRule {
    const NAME: &'static str = "delta_rule";

    fn columns(&self, _: usize) -> Result<usize> {
        Ok(self.heads.values())
    }

    fn kernel(&self, [mixed, rates, decays]: [Values<'_>; 3]) -> Result<Vec<f32>> {
        lend(&self.decay, |decay| {
            lend(&self.bias, |bias| {
                let (mixed, rates, decays) = (mixed.values, rates.values, decays.values);
                let rows = DeltaRows { mixed, rates, decays, decay, bias };
                kernels::delta_rule(self.threads, self.heads, &self.texts, rows)
            })?
        })?
    }

    fn reference(&self, inputs: [&Tensor; 3]) -> Result<Tensor> {
        unrounded(inputs, |inputs| {
            let parts = self.parts().into_iter().map(|part| {
                let [mixed, rates, decays] = inputs.map(|rows| Self::rows_of(&part, rows));
                let (read, _) = self.run([&mixed?, &rates?, &decays?, &self.empty(&part, inputs[0])?])?;
                Ok(read.reshape((part.texts * part.length, self.heads.values()))?)
            });
            Ok(Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
        })
    }

    /// By the kernel where there is one; else the reference runs once more, some rows at a time, and candle differentiates it.
    fn backward(&self, inputs: [&Tensor; 3], gradient: &Tensor) -> Result<[Tensor; 3]> {
        let numbers = gradient.dtype();
        if gradient.device().is_cpu() && numbers == DType::F32 {
            return self.backward_on_host(inputs, gradient);
        }
        let wide = |rows: &Tensor| match numbers {
            DType::F16 | DType::BF16 => rows.to_dtype(DType::F32),
            _ => Ok(rows.clone()),
        };
        let [mixed, rates, decays] = inputs.map(wide);
        let (inputs, gradient) = ([mixed?, rates?, decays?], wide(gradient)?);
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for part in self.parts() {
            let [mixed, rates, decays] = inputs.each_ref().map(|rows| Self::rows_of(&part, rows));
            let gradient = Self::rows_of(&part, &gradient)?;
            let of_part = self.backward_of(&part, [&mixed?, &rates?, &decays?], &gradient)?;
            all.iter_mut().zip(of_part).for_each(|(all, own)| all.push(own));
        }
        let [mixed, rates, decays] = all.map(|parts| Tensor::cat(&parts, 0)?.to_dtype(numbers));
        Ok([mixed?, rates?, decays?])
    }
}
