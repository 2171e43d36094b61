//! The options of training a sparse autoencoder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::kernel::ThresholdKernel;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};

/// The kind of a sparse autoencoder: how it keeps the number of codes of a row small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaeKind {
    /// The batch keeps its largest codes, `k` for each row on average; what is trained has one threshold for all.
    #[default]
    BatchTopK,
    /// Each row keeps its `k` largest codes.
    TopK,
    /// A ReLU, and a penalty on the sum of the codes.
    Vanilla,
    /// A threshold for each concept, learned with straight-through gradients, and a penalty on the number of codes.
    JumpRelu,
    /// A gate decides which codes a row has, apart from how large they are, and a penalty on the gates.
    Gated,
    /// Batch-top-k whose first concepts reconstruct the rows by themselves as well: general concepts come first.
    Matryoshka,
    /// A row takes the concept that explains most of it, then that which explains most of the rest, and so on, `k` times at most.
    /// The dictionary is all that is trained: there are no weights of an encoder.
    MatchingPursuit,
}

/// The options of training a sparse autoencoder. Zero is a recommended setting that depends on the problem.
///
/// ```
/// use eidos::{SaeKind, SaeOptions};
/// let options = SaeOptions { kind: SaeKind::TopK, k: 32, ..SaeOptions::new(4096) };
/// assert_eq!(options.seed, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaeOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// How the number of codes of a row is kept small.
    pub kind: SaeKind,
    /// How many codes a row has: exactly, at most or on average, as the kind says. 0: a twelfth of the columns, at most 64.
    pub k: usize,
    /// The weight of the penalty of a kind that has one. 0: it is adapted while it trains, so that a row has `k` codes on
    /// average.
    pub penalty: f64,
    /// The kernel by which the thresholds of a JumpReLU learn.
    pub kernel: ThresholdKernel,
    /// The width of that kernel, for rows whose columns have the variance 1 on average. 0: 1, about a third of a code.
    pub bandwidth: f64,
    /// How many times the model is changed, each time for one batch of rows. 0: see [`SaeOptions::steps_for`].
    pub steps: usize,
    /// How many rows a batch has.
    pub batch_rows: usize,
    /// The learning rate of Adam, for rows whose columns have the variance 1 on average; the dictionary of a kind with an encoder
    /// learns three times as fast. 0: 1e-3 * sqrt(16384 / concepts), from 2.5e-4 to 5e-3.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises from 0.
    pub warm_up: f64,
    /// The share of the steps at the end over which the learning rate falls to 0.
    pub decay: f64,
    /// The weight of the loss by which concepts that no row has learn what the others leave unexplained; 0 means none.
    pub dead_weight: f64,
    /// Whether dead concepts begin anew at what the worst rows lack, as long as the learning rate is not falling.
    pub restart_dead: bool,
    /// A concept is dead when none of so many rows had it. 0: as many as have it two hundred times where all are as frequent, and at
    /// least twenty batches; for matching pursuit fifty times; for a Matryoshka autoencoder a thousand times, but no more than a
    /// twentieth of the rows that it is trained on.
    pub dead_after: usize,
    /// How many rows are shuffled together.
    pub shuffled_rows: usize,
    /// The share of the rows that the model is measured on, and not trained.
    pub held_out: f64,
    /// The seed of the start and of the order of the rows.
    pub seed: u32,
    /// The file that the state of the training is written to, and continued from if it is there. By default none.
    #[serde(skip)]
    pub checkpoint: Option<PathBuf>,
    /// After how many steps the state is written; 0: only when the training is cancelled.
    #[serde(skip)]
    pub checkpoint_every: usize,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
    /// Where the steps run. On a GPU the result differs from that of the CPU by rounding.
    #[serde(skip)]
    pub device: DeviceChoice,
}

impl SaeOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            kind: SaeKind::default(),
            k: 0,
            penalty: 0.0,
            kernel: ThresholdKernel::default(),
            bandwidth: 0.0,
            steps: 0,
            batch_rows: 1024,
            learning_rate: 0.0,
            warm_up: 0.05,
            decay: 0.25,
            dead_weight: 1.0,
            restart_dead: true,
            dead_after: 0,
            shuffled_rows: 1 << 16,
            held_out: 0.05,
            seed: 0,
            checkpoint: None,
            checkpoint_every: 0,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }

    /// Checks the options that do not depend on the rows.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        if self.concept_count == 0 || u32::try_from(self.concept_count).is_err() {
            return wrong(
                format!("an autoencoder cannot have {} concepts", self.concept_count),
                "give a number of concepts, such as eight times the columns of the rows",
            );
        }
        if self.k > self.concept_count {
            return wrong(
                format!("a row cannot have {} of {} concepts", self.k, self.concept_count),
                "give a smaller k, or 0 for the recommended one",
            );
        }
        if self.batch_rows == 0 || self.shuffled_rows == 0 {
            return wrong(
                "a batch, and what is shuffled, need at least a row".to_owned(),
                "leave them at their defaults",
            );
        }
        let shares = [("warm-up", self.warm_up), ("decay", self.decay), ("held-out part", self.held_out)];
        for (name, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return wrong(
                    format!("the share of the {name} is {share}"),
                    "give a share from 0 to below 1, such as 0.05",
                );
            }
        }
        let weights = [
            ("penalty", self.penalty),
            ("bandwidth", self.bandwidth),
            ("learning rate", self.learning_rate),
            ("weight of dead concepts", self.dead_weight),
        ];
        for (name, weight) in weights {
            if !(weight.is_finite() && weight >= 0.0) {
                return wrong(
                    format!("the {name} is {weight}"),
                    "give a number above zero, or 0 for the recommended one",
                );
            }
        }
        Ok(())
    }

    /// How many steps a training on so many rows makes: twenty times through the rows, but at least 4,000 and at most 30,000 batches.
    pub fn steps_for(&self, rows: usize) -> usize {
        let recommended = rows.saturating_mul(20) / self.batch_rows.max(1);
        if self.steps > 0 { self.steps } else { recommended.clamp(4000, 30_000) }
    }

    /// The `k` of rows of so many columns.
    pub(super) fn k_for(&self, columns: usize) -> usize {
        let recommended = (columns / 12).clamp(1, 64);
        if self.k > 0 { self.k } else { recommended.min(self.concept_count) }
    }
}
