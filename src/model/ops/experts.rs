//! Several MLPs of which each row goes through some (Shazeer et al. 2017), and what stands beside them.

use std::sync::Arc;

use candle_core::{D, DType, Tensor};

use super::gate::{ClampedGate, Gate};
use super::implementation::Implementation;
use super::linear::Linear;
use super::operation::{Operation, Values, gradients, unrounded};
use crate::error::Result;
use crate::kernels;
use crate::model::blueprint::{ExpertGate, ExpertSettings, Routing};

/// One of the MLPs.
#[derive(Debug, Clone)]
pub(crate) struct Expert {
    /// The projection that the function is applied to.
    pub gate: Linear,
    /// The projection that is multiplied with it.
    pub up: Linear,
    /// The projection back.
    pub down: Linear,
}

/// The sum of the experts that a row goes through, each times its weight, over rows `(rows, width)` and a router's logits for
/// them, `(rows, experts)`: the experts with the largest ones are chosen, of equal ones the first.
///
/// A row is summed in the order of the experts, so that its bits do not depend on other rows.
#[derive(Debug, Clone)]
pub(crate) struct Experts {
    all: Arc<[Expert]>,
    chosen: usize,
    routing: Routing,
    gate: ExpertGate,
}

/// The rows that go through one expert, ascending, and for each of them which of its choices the expert is.
#[derive(Default, Clone)]
struct Routed {
    rows: Vec<u32>,
    choices: Vec<u32>,
}

impl Experts {
    /// Experts with these settings.
    pub fn new(experts: Vec<Expert>, settings: &ExpertSettings) -> Self {
        let &ExpertSettings { chosen, routing, gate, .. } = settings;
        Self { all: experts.into(), chosen, routing, gate }
    }

    /// All projections.
    pub fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.all.iter().flat_map(|expert| [&expert.gate, &expert.up, &expert.down])
    }

    /// The experts that each row goes through, `chosen` for each, by the router's logits for it.
    fn choices(&self, scores: &[f32]) -> Vec<u32> {
        let mut choices = Vec::with_capacity(scores.len() / self.all.len().max(1) * self.chosen);
        let mut order: Vec<u32> = Vec::with_capacity(self.all.len());
        for row in scores.chunks_exact(self.all.len().max(1)) {
            order.clear();
            order.extend(0..row.len() as u32);
            // Zeros of both signs are equal. What is no number comes first: the row's values are not numbers either.
            let score = |expert: u32| row[expert as usize] + 0.0;
            order.sort_unstable_by(|one, other| score(*other).total_cmp(&score(*one)).then(one.cmp(other)));
            choices.extend_from_slice(&order[..self.chosen.min(order.len())]);
        }
        choices
    }

    /// The weights of the choices of each row.
    fn weigh(&self, scores: &[f32], choices: &[u32]) -> Vec<f32> {
        let (count, chosen) = (self.all.len().max(1), self.chosen.max(1));
        let all;
        let read = match self.routing {
            Routing::OfChosen => scores,
            Routing::OfAll => {
                let mut softmax = scores.to_vec();
                kernels::softmax(&mut softmax, count);
                all = softmax;
                &all
            }
        };
        let places = choices.iter().enumerate().map(|(index, expert)| index / chosen * count + *expert as usize);
        let mut weights: Vec<f32> = places.map(|place| read[place]).collect();
        if self.routing == Routing::OfChosen {
            kernels::softmax(&mut weights, chosen);
        }
        weights
    }

    /// The same for tensors, `(rows, experts)` and `(rows, chosen)`, in the type of number of the logits.
    fn weights(&self, scores: &Tensor, choices: &Tensor) -> Result<Tensor> {
        unrounded([scores], |[scores]| {
            let softmax = |scores: &Tensor| candle_nn::ops::softmax(scores, D::Minus1);
            Ok(match self.routing {
                Routing::OfAll => softmax(scores)?.gather(choices, 1)?,
                Routing::OfChosen => softmax(&scores.contiguous()?.gather(choices, 1)?)?,
            })
        })
    }

    /// The rows of each expert.
    fn routed(&self, choices: &[u32]) -> Vec<Routed> {
        let mut all = vec![Routed::default(); self.all.len()];
        for (row, own) in (0..).zip(choices.chunks_exact(self.chosen.max(1))) {
            for (choice, expert) in (row * own.len() as u32..).zip(own) {
                all[*expert as usize].rows.push(row);
                all[*expert as usize].choices.push(choice);
            }
        }
        all
    }

    /// The choices of all rows where the logits are on any device, as a tensor there, and the rows of each expert.
    fn route(&self, scores: &Tensor) -> Result<(Tensor, Vec<Routed>)> {
        let choices = self.choices(&scores.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        let routed = self.routed(&choices);
        let rows = scores.dim(0)?;
        Ok((Tensor::from_vec(choices, (rows, self.chosen), scores.device())?, routed))
    }

    /// Applies what stands between the projections.
    fn gated(&self, steps: Implementation, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        match self.gate {
            ExpertGate::Function(function) => steps.binary_on(1, &Gate(function), gate, up),
            ExpertGate::Clamped { alpha, limit } => steps.binary_on(1, &ClampedGate { alpha, limit }, gate, up),
        }
    }

    fn gated_values(&self, inputs: [Values<'_>; 2]) -> Result<Vec<f32>> {
        match self.gate {
            ExpertGate::Function(function) => Gate(function).kernel(inputs),
            ExpertGate::Clamped { alpha, limit } => ClampedGate { alpha, limit }.kernel(inputs),
        }
    }
}

impl Operation<2> for Experts {
    const NAME: &'static str = "experts";
    const BY_ROWS: bool = true;

    fn kernel(&self, inputs: [Values<'_>; 2]) -> Result<Vec<f32>> {
        self.kernel_on(1, inputs)
    }

    /// Expert by expert, each for all rows that go through it.
    fn kernel_on(&self, threads: usize, [rows, scores]: [Values<'_>; 2]) -> Result<Vec<f32>> {
        let choices = self.choices(scores.values);
        let weights = self.weigh(scores.values, &choices);
        let row = |index: u32| index as usize * rows.columns..(index as usize + 1) * rows.columns;
        let mut sum = vec![0.0; rows.values.len()];
        for (expert, routed) in self.all.iter().zip(self.routed(&choices)) {
            if routed.rows.is_empty() {
                continue;
            }
            let mut read = Vec::with_capacity(routed.rows.len() * rows.columns);
            routed.rows.iter().for_each(|index| read.extend_from_slice(&rows.values[row(*index)]));
            let project = |linear: &Linear, values: &[f32]| {
                let columns = values.len() / routed.rows.len();
                linear.kernel_on(threads, [Values { values, columns }])
            };
            let (gate, up) = (project(&expert.gate, &read)?, project(&expert.up, &read)?);
            let of = |values| Values { values, columns: gate.len() / routed.rows.len() };
            let product = self.gated_values([of(&gate), of(&up)])?;
            let given = project(&expert.down, &product)?;
            let places = routed.rows.iter().zip(&routed.choices);
            for ((index, choice), given) in places.zip(given.chunks_exact(rows.columns)) {
                let weight = weights[*choice as usize];
                sum[row(*index)].iter_mut().zip(given).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Ok(sum)
    }

    /// On a device the products are those of its kernels, as they are for other projections.
    fn reference(&self, [rows, scores]: [&Tensor; 2]) -> Result<Tensor> {
        let numbers = rows.dtype();
        let on_device = !rows.device().is_cpu();
        let steps = if on_device { Implementation::Kernels(numbers) } else { Implementation::Reference(numbers) };
        let (choices, routed) = self.route(scores)?;
        let weights = self.weights(scores, &choices)?.to_dtype(numbers)?.flatten_all()?;
        let rows = &rows.contiguous()?;
        let mut sum = rows.zeros_like()?;
        for (expert, routed) in self.all.iter().zip(&routed) {
            let Some(of) = Indices::of(routed, rows)? else { continue };
            let read = rows.index_select(&of.rows, 0)?;
            let (gate, up) = (steps.unary(&expert.gate, &read)?, steps.unary(&expert.up, &read)?);
            let given = steps.unary(&expert.down, &self.gated(steps, &gate, &up)?)?;
            let weights = weights.index_select(&of.choices, 0)?.unsqueeze(1)?;
            sum = sum.index_add(&of.rows, &given.broadcast_mul(&weights)?, 0)?;
        }
        Ok(sum)
    }

    /// Expert by expert: what one of them computed is let go before the next one. The choice of experts is a constant.
    fn backward(&self, [rows, scores]: [&Tensor; 2], gradient: &Tensor) -> Result<[Tensor; 2]> {
        let numbers = rows.dtype();
        let steps = Implementation::Kernels(numbers);
        let (choices, routed) = self.route(scores)?;
        let weights = self.weights(scores, &choices)?.to_dtype(numbers)?.flatten_all()?;
        let (rows, gradient) = (&rows.contiguous()?, &gradient.contiguous()?);
        let (mut of_rows, mut of_weights) = (rows.zeros_like()?, weights.zeros_like()?);
        for (expert, routed) in self.all.iter().zip(&routed) {
            let Some(of) = Indices::of(routed, rows)? else { continue };
            let (read, gradient) = (rows.index_select(&of.rows, 0)?, gradient.index_select(&of.rows, 0)?);
            let (gate, up) = (steps.unary(&expert.gate, &read)?, steps.unary(&expert.up, &read)?);
            let product = self.gated(steps, &gate, &up)?;
            let given = steps.unary(&expert.down, &product)?;
            of_weights = of_weights.index_add(&of.choices, &(&gradient * given)?.sum(1)?, 0)?;
            let weights = weights.index_select(&of.choices, 0)?.unsqueeze(1)?;
            let [of_product] = expert.down.backward([&product], &gradient.broadcast_mul(&weights)?)?;
            let [of_gate, of_up] = match self.gate {
                ExpertGate::Function(function) => Gate(function).backward([&gate, &up], &of_product)?,
                ExpertGate::Clamped { alpha, limit } => {
                    ClampedGate { alpha, limit }.backward([&gate, &up], &of_product)?
                }
            };
            // What candle gives may remember the variables that it was derived with.
            let [through_gate] = expert.gate.backward([&read], &of_gate.detach())?;
            let [through_up] = expert.up.backward([&read], &of_up.detach())?;
            of_rows = of_rows.index_add(&of.rows, &(through_gate + through_up)?, 0)?;
        }
        let of_weights = of_weights.reshape(choices.shape())?.to_dtype(scores.dtype())?;
        let [of_scores] = gradients(Self::NAME, [scores], &of_weights, |[scores]| self.weights(scores, &choices))?;
        Ok([of_rows, of_scores])
    }
}

/// The rows of an expert, and their places among the weights, as tensors.
struct Indices {
    rows: Tensor,
    choices: Tensor,
}

impl Indices {
    /// Nothing where no row goes through the expert.
    fn of(routed: &Routed, rows: &Tensor) -> Result<Option<Self>> {
        let tensor = |numbers: &[u32]| Tensor::from_slice(numbers, numbers.len(), rows.device());
        let is_empty = routed.rows.is_empty();
        Ok(if is_empty { None } else { Some(Self { rows: tensor(&routed.rows)?, choices: tensor(&routed.choices)? }) })
    }
}

/// Rows plus the rows of an MLP that all of them go through, the latter times the sigmoid of one number a row: over
/// `(rows, width)`, `(rows, 1)` and `(rows, width)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddShared;

impl Operation<3> for AddShared {
    const NAME: &'static str = "add_shared";
    const BY_ROWS: bool = true;

    fn kernel(&self, [experts, gates, shared]: [Values<'_>; 3]) -> Result<Vec<f32>> {
        let mut sum = experts.values.to_vec();
        let rows = sum.chunks_exact_mut(experts.columns.max(1)).zip(shared.values.chunks_exact(shared.columns.max(1)));
        for ((sum, shared), gate) in rows.zip(gates.values) {
            let gate = kernels::logistic(*gate);
            sum.iter_mut().zip(shared).for_each(|(sum, value)| *sum += gate * value);
        }
        Ok(sum)
    }

    fn reference(&self, [experts, gates, shared]: [&Tensor; 3]) -> Result<Tensor> {
        Ok((experts + shared.broadcast_mul(&candle_nn::ops::sigmoid(gates)?)?)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn experts(count: usize, chosen: usize) -> Experts {
        let backend = super::super::Backend::CPU;
        let matrix = |rows, columns| {
            let numbers = crate::tensor_files::NumberType::F32;
            let weight = super::super::Weight::rounded(&vec![0.5; rows * columns], (rows, columns), &numbers, &backend);
            Linear::new(Arc::new(weight), None)
        };
        let expert = |_| Expert { gate: matrix(3, 2), up: matrix(3, 2), down: matrix(2, 3) };
        Experts {
            all: (0..count).map(expert).collect(),
            chosen,
            routing: Routing::OfChosen,
            gate: ExpertGate::Function(crate::model::blueprint::Activation::Silu),
        }
    }

    #[test]
    fn of_equal_experts_the_first_ones_are_chosen_and_the_largest_come_first() {
        let chosen = |chosen, scores: &[f32]| experts(4, chosen).choices(scores);
        assert_eq!(chosen(2, &[0.1, 0.4, 0.2, 0.3]), [1, 3]);
        assert_eq!(chosen(2, &[0.25; 4]), [0, 1]);
        assert_eq!(chosen(3, &[0.1, 0.3, 0.3, 0.3]), [1, 2, 3]);
        assert_eq!(chosen(2, &[0.1, 0.3, 0.3, 0.3, 0.5, 0.0, 0.0, 0.5]), [1, 2, 0, 3]);
        assert_eq!(chosen(4, &[0.4, 0.1, 0.2, 0.3]), [0, 3, 2, 1]);
        assert_eq!(chosen(2, &[0.2, 0.1, f32::NAN, 0.3]), [2, 3]);
        assert_eq!(chosen(2, &[f32::NEG_INFINITY, f32::INFINITY, 0.0, -0.0]), [1, 2]);
    }

    #[test]
    fn what_is_no_number_stays_in_its_row() {
        let scores = [0.1, 0.2, 0.3, 0.4, f32::NAN, 0.2, 0.3, 0.4];
        let all = experts(4, 2);
        let run = |rows: &[f32], scores: &[f32]| {
            all.kernel([Values { values: rows, columns: 2 }, Values { values: scores, columns: 4 }]).unwrap()
        };
        let both = run(&[1.0, 2.0, 3.0, 4.0], &scores);
        assert_eq!(both[..2], run(&[1.0, 2.0], &scores[..4]));
        assert!(both[..2].iter().all(|value| value.is_finite()));
    }
}
