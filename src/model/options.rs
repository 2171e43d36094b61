//! What a caller may choose when a model is loaded.

use crate::device::DeviceChoice;
use crate::files::Access;
use crate::hub::HubOptions;

/// Which head class to build around the base model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HeadChoice {
    /// The one that `architectures` in `config.json` names; the base model where it names a head that Eidos does
    /// not build, or none.
    #[default]
    Auto,
    /// None: what `AutoModel` loads.
    Base,
    /// `AutoModelForMaskedLM`.
    MaskedLanguageModel,
    /// `AutoModelForSequenceClassification`.
    SequenceClassification,
    /// `AutoModelForCausalLM`.
    CausalLanguageModel,
    /// `AutoModelForTokenClassification`.
    TokenClassification,
    /// `AutoModelForSeq2SeqLM`.
    Seq2SeqLanguageModel,
}

/// The type of number that a model computes in. Files may hold `f32`, `f16`, `bf16` or quantised blocks whatever this
/// is: on the processor matrices stay in memory in the type of their file, and become single precision right before
/// they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision: every product, sum and activation.
    #[default]
    F32,
}

/// What a caller may choose when a model is loaded; the default is right for most.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Which head class to build.
    pub head: HeadChoice,
    /// The type of number to compute in.
    pub precision: Precision,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Load every weight, not only those up to the last split point, so that [`crate::model::SplitModel::logits`]
    /// works.
    pub whole: bool,
    /// Where a model that is named by an id comes from.
    pub hub: HubOptions,
    /// Read the files of weights into memory instead of mapping them, so that a program that cuts one while the model
    /// loads makes an error and does not end the process. While it loads it takes as much memory more as the files have
    /// bytes.
    pub copy: bool,
}

impl LoadOptions {
    /// How the files of weights are read.
    pub(crate) fn access(&self) -> Access {
        if self.copy { Access::Copied } else { Access::Mapped }
    }
}
