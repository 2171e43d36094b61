//! Several MLPs of which each row goes through some: a mixture of experts (Shazeer et al. 2017).

use super::activation::Activation;

/// How the logits that a router gives for a row become the weights of the experts that are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routing {
    /// By the softmax of all: weights of which the sum is less than 1.
    OfAll,
    /// By the softmax of the chosen ones, which is that of all, divided by the sum of what is chosen.
    OfChosen,
}

/// What stands between the projections of an expert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ExpertGate {
    /// A function of the gate, times the factor.
    Function(Activation),
    /// `g sigmoid(alpha g) (f + 1)`, the gate `g` being at most `limit` and the factor `f` between `-limit` and `limit`.
    Clamped {
        /// How steep the sigmoid is.
        alpha: f32,
        /// Where both are cut off.
        limit: f32,
    },
}

/// How one tensor holds the gates and factors of all experts, and another one their projections back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FusedExperts {
    /// `(experts, outputs, inputs)`, of each expert all rows of the gate before those of the factor.
    Stacked,
    /// `(experts, inputs, outputs)`, columns of gate and factor in turns.
    Interleaved,
}

/// What the modules of each expert are called in files that hold them one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpertNames {
    /// The list of experts, within its block.
    pub list: &'static str,
    /// Gate, factor and projection back.
    pub projections: [&'static str; 3],
}

/// The experts of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ExpertSettings {
    /// How many there are.
    pub count: usize,
    /// How many of them each row goes through.
    pub chosen: usize,
    /// Columns that each reads and gives.
    pub width: usize,
    /// Columns between its projections.
    pub inner: usize,
    /// Whether its projections have a bias.
    pub bias: bool,
    /// How a row's experts are weighted.
    pub routing: Routing,
    /// What stands between the projections.
    pub gate: ExpertGate,
    /// How transformers 5 holds them.
    pub fused: FusedExperts,
    /// How transformers 4 held them, where that was otherwise.
    pub single: Option<ExpertNames>,
}
