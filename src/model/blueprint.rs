//! What a transformer is made of, as data.
//!
//! The forward pass is one fixed sequence of [`Site`]s: points at which a value exists. A family says which
//! modules its checkpoint has, in PyTorch's order, and at which site each one's output lies. A module with weights
//! computes the value of its site; a container or a dropout is one more name of a site that another module computes.
//! So one list gives the module tree, the names of the weights, the split points and the steps of the forward
//! pass: where a family has no module at a site (no norm before the attention, no second projection in the MLP),
//! the pass has no such step.

use crate::model::layers::Activation;

/// A point of the forward pass where a value exists. The order is the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Site {
    /// Before the blocks.
    Embedding(EmbeddingSite),
    /// In the block of that index.
    Block(usize, BlockSite),
    /// The norm after the last block.
    FinalNorm,
    /// After the base model.
    Head(HeadSite),
}

/// The steps before the first block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EmbeddingSite {
    /// The row of the token's id.
    Token,
    /// The row of token type 0.
    TokenType,
    /// The row of the token's position in its text.
    Position,
    /// The norm of their sum.
    Norm,
    /// What the first block reads.
    Output,
    /// The cosines of the rotary angles at the token's position.
    RotaryCosines,
}

/// The steps of one block. Norms stand in three places: before a branch reads the residual stream (pre-norm), on
/// what the branch gives before it is added, and on the sum (post-norm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum BlockSite {
    /// Norm of what the attention reads.
    AttentionInputNorm,
    /// Queries, all heads side by side.
    Query,
    /// Keys, all key heads side by side.
    Key,
    /// Values, all key heads side by side.
    Value,
    /// The weighted values of all heads, before the output projection.
    Context,
    /// The output projection.
    AttentionProjection,
    /// Norm of the attention's output plus what it read.
    AttentionResidualNorm,
    /// Norm of what the MLP reads.
    MlpInputNorm,
    /// The projection that the activation function is applied to (in a gated MLP, the gate).
    MlpInner,
    /// The activation function's value.
    MlpActivation,
    /// The projection that the activation multiplies, in a gated MLP.
    MlpUp,
    /// The projection back to the width of the model.
    MlpDown,
    /// Norm of the MLP's output plus what it read.
    MlpResidualNorm,
    /// What the next block reads.
    Output,
}

/// The steps after the base model. A head is a chain of these, with pooling before it or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HeadSite {
    /// A projection before the scores.
    Dense,
    /// Its activation function.
    Activation,
    /// Its norm.
    Norm,
    /// The scores of labels or of the vocabulary.
    Logits,
}

/// How the rows of a text become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// They do not: the head works token by token.
    PerToken,
    /// The first row goes into the head.
    First,
    /// The mean of the rows goes into the head.
    Mean,
    /// The head works token by token, and the result is the mean of its logits.
    MeanOfLogits,
}

/// Positions as rotations of queries and keys (Su et al. 2021, "RoFormer").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RotarySettings {
    /// The base of the wave lengths.
    pub theta: f32,
}

/// Multi-head attention with grouped keys and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttentionSettings {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_value_heads: usize,
    /// Columns of one head.
    pub head_width: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// The rotation of queries and keys, if positions are rotary.
    pub rotary: Option<RotarySettings>,
}

/// What a module of the checkpoint does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Holds other modules.
    Container,
    /// A numbered list of other modules; it is never called itself.
    List(usize),
    /// `x W^T + b`.
    Linear {
        /// Columns it reads.
        inputs: usize,
        /// Columns it gives.
        outputs: usize,
        /// Whether it has a `b`.
        bias: bool,
    },
    /// A table of rows.
    Embedding {
        /// Rows of the table.
        count: usize,
        /// Columns of the table.
        width: usize,
    },
    /// Division by the root mean square, times a weight (Zhang & Sennrich 2019).
    RmsNorm {
        /// Columns.
        width: usize,
        /// Added to the mean square.
        epsilon: f64,
    },
    /// Standardisation of each row, times a weight, plus a bias (Ba et al. 2016).
    LayerNorm {
        /// Columns.
        width: usize,
        /// Added to the variance.
        epsilon: f64,
    },
    /// An element-wise function.
    Activation(Activation),
    /// Nothing, when a model is only run.
    Dropout(f64),
}

/// What comes out of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Nothing that is a tensor, or the module is never called.
    Nothing,
    /// One row per token, the value at this site.
    PerToken(Site),
    /// One row per text, the value at this site.
    PerText(Site),
}

/// A parameter that may lie under another name in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// `weight` or `bias`.
    pub parameter: &'static str,
    /// The whole name of the tensor to take where the module has none of its own.
    pub tensor: String,
}

/// A module of the checkpoint, with the modules inside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// The attribute's name in PyTorch: the last step of its path.
    pub name: String,
    /// The class's name in PyTorch.
    pub class: &'static str,
    /// What it does.
    pub work: Work,
    /// What comes out of it.
    pub gives: Gives,
    /// Where its parameters may lie besides.
    pub elsewhere: Vec<Elsewhere>,
    /// The modules inside, in the order of their definition.
    pub children: Vec<Part>,
}

impl Part {
    fn new(name: impl Into<String>, class: &'static str, work: Work) -> Self {
        Self { name: name.into(), class, work, gives: Gives::Nothing, elsewhere: Vec::new(), children: Vec::new() }
    }

    /// A module that holds others.
    pub fn container(name: impl Into<String>, class: &'static str, children: Vec<Self>) -> Self {
        Self { children, ..Self::new(name, class, Work::Container) }
    }

    /// A `ModuleList`: its children are called by their index.
    pub fn list(name: &str, children: Vec<Self>) -> Self {
        let count = children.len();
        Self { children, ..Self::new(name, "ModuleList", Work::List(count)) }
    }

    /// A `Linear`.
    pub fn linear(name: &str, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self::new(name, "Linear", Work::Linear { inputs, outputs, bias })
    }

    /// An `Embedding`.
    pub fn embedding(name: &str, count: usize, width: usize) -> Self {
        Self::new(name, "Embedding", Work::Embedding { count, width })
    }

    /// A root-mean-square norm of a class of the family's own.
    pub fn rms_norm(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::RmsNorm { width, epsilon })
    }

    /// A `LayerNorm` with weight and bias.
    pub fn layer_norm(name: &str, width: usize, epsilon: f64) -> Self {
        Self::new(name, "LayerNorm", Work::LayerNorm { width, epsilon })
    }

    /// An activation function that is a module.
    pub fn activation(name: &str, class: &'static str, function: Activation) -> Self {
        Self::new(name, class, Work::Activation(function))
    }

    /// A `Dropout`, which does nothing here but has a name.
    pub fn dropout(name: &str, probability: f64) -> Self {
        Self::new(name, "Dropout", Work::Dropout(probability))
    }

    /// Says that the module gives one row per token, the value at `site`.
    pub fn gives(mut self, site: Site) -> Self {
        self.gives = Gives::PerToken(site);
        self
    }

    /// Says that the module gives one row per text, the value at `site`.
    pub fn gives_per_text(mut self, site: Site) -> Self {
        self.gives = Gives::PerText(site);
        self
    }

    /// Says under which other name a parameter may lie in the file.
    pub fn or_from(mut self, parameter: &'static str, tensor: impl Into<String>) -> Self {
        self.elsewhere.push(Elsewhere { parameter, tensor: tensor.into() });
        self
    }
}

/// A transformer: its sizes, the choices that are not modules, and its modules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blueprint {
    /// The `model_type` of the configuration.
    pub family: &'static str,
    /// How many ids the token embedding has.
    pub vocabulary: usize,
    /// Columns of the residual stream.
    pub width: usize,
    /// Columns between the MLP's projections.
    pub inner_width: usize,
    /// Columns of the logits; 0 without a head.
    pub logits: usize,
    /// How many blocks there are.
    pub blocks: usize,
    /// How many tokens of a text the model was made for.
    pub max_positions: usize,
    /// The attention of every block.
    pub attention: AttentionSettings,
    /// How the head treats the rows of a text.
    pub pooling: Pooling,
    /// What head classes call the base model (`bert`): the prefix that checkpoints have or lack.
    pub base_prefix: &'static str,
    /// The path of the list of blocks, relative to the base model.
    pub block_list: &'static str,
    /// The model itself: the module whose path is empty.
    pub root: Part,
}
