//! The modules of a checkpoint: what each is called, what it does, and at which site its output lies.

use super::activation::Activation;
use super::experts::ExpertSettings;
use super::site::Site;
use crate::kernels::DeltaHeads;
use crate::tensor_files::Share;

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
        /// Whether the file holds `W^T`.
        transposed: bool,
    },
    /// A table of rows.
    Embedding {
        /// Rows of the table.
        count: usize,
        /// Columns of the table.
        width: usize,
        /// What its rows are multiplied by.
        scale: f32,
    },
    /// A table of the sines and cosines of positions (Vaswani et al. 2017), which files need not have.
    Sinusoids {
        /// Rows of the table.
        count: usize,
        /// Columns of the table: the sines of all wave lengths, then their cosines.
        width: usize,
    },
    /// A row that is added to every row: a tensor that no module holds, and that files need not have.
    Shift {
        /// Columns.
        width: usize,
    },
    /// Division by the root mean square, times a weight (Zhang & Sennrich 2019).
    RmsNorm {
        /// Columns.
        width: usize,
        /// Added to the mean square.
        epsilon: f64,
        /// Whether the weight is one more than the file says.
        plus_one: bool,
    },
    /// Division by the root mean square alone.
    PlainRmsNorm {
        /// Columns.
        width: usize,
        /// Added to the mean square.
        epsilon: f64,
    },
    /// A convolution of each column with its last values in the text (`Conv1d` with as many groups as columns).
    ShortConvolution {
        /// Columns.
        columns: usize,
        /// How many values.
        taps: usize,
    },
    /// The gated delta rule (Yang et al. 2025).
    DeltaRule(DeltaHeads),
    /// Multiplication by one number, which the file has under this name.
    Scalar(&'static str),
    /// Standardisation of each row, times a weight, plus a bias (Ba et al. 2016).
    LayerNorm {
        /// Columns.
        width: usize,
        /// Added to the variance.
        epsilon: f64,
        /// Whether it has a bias.
        bias: bool,
    },
    /// An element-wise function.
    Activation(Activation),
    /// Holds other modules, and a score for each head that takes weight from the keys and gives no value.
    Attention {
        /// Heads of queries.
        sinks: usize,
    },
    /// Several MLPs, of which each row goes through some.
    Experts(ExpertSettings),
    /// Nothing, when a model is only run.
    Dropout(f64),
}

impl Work {
    /// The columns of what a projection or a table gives.
    pub fn columns(&self) -> Option<usize> {
        match self {
            Self::Linear { outputs, .. } => Some(*outputs),
            Self::Embedding { width, .. } | Self::Sinusoids { width, .. } => Some(*width),
            _ => None,
        }
    }
}

/// What comes out of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Nothing that is a tensor, or the module is never called.
    Nothing,
    /// Another value at each of several calls.
    Several,
    /// Rows of those tokens alone that are routed to an expert.
    Routed,
    /// Rows for something else than tokens, the value at this site.
    Aside(Site),
    /// Nothing, because it is never called: another module reads its parameters for the value at this site.
    Unseen(Site),
    /// One row per token, the value at this site.
    PerToken(Site),
    /// One row per text, the value at this site.
    PerText(Site),
}

impl Gives {
    /// Where the value lies.
    pub fn site(self) -> Option<Site> {
        match self {
            Self::PerToken(site) | Self::PerText(site) | Self::Aside(site) | Self::Unseen(site) => Some(site),
            Self::Nothing | Self::Several | Self::Routed => None,
        }
    }
}

/// A parameter that may lie under another name in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// `weight` or `bias`.
    pub parameter: &'static str,
    /// The whole name of the tensor to take where the module has none of its own.
    pub tensor: String,
    /// Which of its rows to take, where one tensor holds the parameters of several modules.
    pub share: Option<Share>,
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
    /// What a module that holds others computes with parameters of its own, and at which site.
    pub own: Option<(Work, Site)>,
    /// Where its parameters may lie besides.
    pub elsewhere: Vec<Elsewhere>,
    /// The modules inside, in the order of their definition.
    pub children: Vec<Part>,
}

impl Part {
    fn new(name: impl Into<String>, class: &'static str, work: Work) -> Self {
        Self {
            name: name.into(),
            class,
            work,
            gives: Gives::Nothing,
            own: None,
            elsewhere: Vec::new(),
            children: Vec::new(),
        }
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
        Self::linear_of(name, "Linear", inputs, outputs, bias)
    }

    /// A projection of a class of the family's own.
    pub fn linear_of(name: &str, class: &'static str, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self::new(name, class, Work::Linear { inputs, outputs, bias, transposed: false })
    }

    /// A `Conv1D`: a projection whose weight is stored transposed.
    pub fn conv1d(name: &str, inputs: usize, outputs: usize) -> Self {
        Self::new(name, "Conv1D", Work::Linear { inputs, outputs, bias: true, transposed: true })
    }

    /// An `Embedding`.
    pub fn embedding(name: &str, count: usize, width: usize) -> Self {
        Self::embedding_of(name, "Embedding", count, width, 1.0)
    }

    /// A table of a class of the family's own, whose rows are multiplied by `scale`.
    pub fn embedding_of(name: &str, class: &'static str, count: usize, width: usize, scale: f32) -> Self {
        Self::new(name, class, Work::Embedding { count, width, scale })
    }

    /// A table of sines and cosines of a class of the family's own.
    pub fn sinusoids(name: &str, class: &'static str, count: usize, width: usize) -> Self {
        Self::new(name, class, Work::Sinusoids { count, width })
    }

    /// A root-mean-square norm of a class of the family's own.
    pub fn rms_norm(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::RmsNorm { width, epsilon, plus_one: false })
    }

    /// The same, with a weight that is one more than the file says.
    pub fn rms_norm_plus_one(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::RmsNorm { width, epsilon, plus_one: true })
    }

    /// A root-mean-square norm without a weight, of a class of the family's own.
    pub fn plain_rms_norm(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::PlainRmsNorm { width, epsilon })
    }

    /// A `Conv1d` of each column for itself, without a bias.
    pub fn short_convolution(name: &str, columns: usize, taps: usize) -> Self {
        Self::new(name, "Conv1d", Work::ShortConvolution { columns, taps })
    }

    /// A `LayerNorm` with weight and bias.
    pub fn layer_norm(name: &str, width: usize, epsilon: f64) -> Self {
        Self::new(name, "LayerNorm", Work::LayerNorm { width, epsilon, bias: true })
    }

    /// A `LayerNorm` that may lack the bias.
    pub fn layer_norm_with(name: &str, width: usize, epsilon: f64, bias: bool) -> Self {
        Self::new(name, "LayerNorm", Work::LayerNorm { width, epsilon, bias })
    }

    /// An `Identity`, which stands where other models of the family have something.
    pub fn identity(name: &str) -> Self {
        Self::new(name, "Identity", Work::Dropout(0.0))
    }

    /// An activation function that is a module.
    pub fn activation(name: &str, class: &'static str, function: Activation) -> Self {
        Self::new(name, class, Work::Activation(function))
    }

    /// Attention with a sink for each of its heads.
    pub fn attention_with_sinks(name: &str, class: &'static str, heads: usize, children: Vec<Self>) -> Self {
        Self { children, ..Self::new(name, class, Work::Attention { sinks: heads }) }
    }

    /// Experts, whose function is a module.
    pub fn experts(name: &str, class: &'static str, settings: ExpertSettings, children: Vec<Self>) -> Self {
        Self { children, ..Self::new(name, class, Work::Experts(settings)) }
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

    /// Says that the module is called several times, for another value each time.
    pub fn gives_several(mut self) -> Self {
        self.gives = Gives::Several;
        self
    }

    /// Says that the module, and with it all that is inside, is never called.
    pub fn never_called(mut self) -> Self {
        self.gives = Gives::Nothing;
        self.children = self.children.into_iter().map(Self::never_called).collect();
        self
    }

    /// Says that the module is called for each expert, for the rows that go through it.
    pub fn gives_routed(mut self) -> Self {
        self.gives = Gives::Routed;
        self
    }

    /// Says that the module is used for something else than tokens: its rows are those of distances.
    pub fn gives_aside(mut self, site: Site) -> Self {
        self.gives = Gives::Aside(site);
        self
    }

    /// Says that the module is never called, and that its parameters are read for the value at `site`.
    pub fn unseen(mut self, site: Site) -> Self {
        self.gives = Gives::Unseen(site);
        self
    }

    /// Says what a module that holds others computes with parameters of its own, at `site`.
    pub fn computes(mut self, site: Site, work: Work) -> Self {
        self.own = Some((work, site));
        self
    }

    /// Says under which other name a parameter may lie in the file.
    pub fn or_from(mut self, parameter: &'static str, tensor: impl Into<String>) -> Self {
        self.elsewhere.push(Elsewhere { parameter, tensor: tensor.into(), share: None });
        self
    }
}
