//! What a caller may choose when a model is loaded.

use candle_core::DType;

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
/// is: matrices stay in memory in the type of their file, and become what is computed in right before they are used.
/// What leaves a model, activations and logits, is `f32` always.
///
/// The CPU computes in `F32`, `Bf16` or `Int8`; [`crate::SplitModel::products`] says with which instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision: every product, sum and activation. On a CUDA device as on the CPU, to about 2e-5 of the largest
    /// value. Where the CPU has AMX, products with matrices that their file holds as `bf16` are computed in three `bf16`
    /// products, which are exactly those in `f32`, with sums in `f32`.
    #[default]
    F32,
    /// Single precision, but the factors of products are rounded to the 10 bits of TF32, which tensor cores multiply.
    Tf32,
    /// The factors of products with weights are rounded to `bf16`; sums, norms and softmax are `f32`. What most models were
    /// trained in. On a CUDA device the activations between operations are `bf16` as well; on the CPU they are `f32`, and
    /// matrices take 2 bytes a number in memory, those of quantised blocks as well, except tables that are only read.
    Bf16,
    /// The same with `f16`, which has more digits and a smaller range: a model that was trained in `bf16` may overflow.
    F16,
    /// The factors of products with weights are rounded to integers from -127 to 127: each row of a weight and each row of
    /// activations with its own scale, its largest absolute value over 127. Sums are exact, everything else is `f32`. The
    /// least exact; a row in which one value is far larger than the others loses most. Matrices take 1 byte a
    /// number in memory, except tables that are only read. On the CPU alone, with the same bits on every processor for the same
    /// rows.
    Int8,
}

impl Precision {
    /// What the field calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// The type of activations.
    pub(crate) fn numbers(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 | Self::Int8 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
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
    /// bytes. Large tables of embeddings are in memory as well then, and not read from their file row by row.
    pub copy: bool,
    /// Cut texts to the `max_seq_length` that sentence-transformers has for the model (`sentence_bert_config.json`), special
    /// tokens included, as it does before it pools. A model without that file is an error then. Otherwise texts are cut to what
    /// the model and its tokenizer can read.
    pub use_max_seq_length: bool,
    /// The products of another processor, for tests.
    #[cfg(test)]
    pub(crate) host: Option<fn(Precision) -> crate::model::ops::HostProducts>,
}

impl LoadOptions {
    /// How the files of weights are read.
    pub(crate) fn access(&self) -> Access {
        if self.copy { Access::Copied } else { Access::Mapped }
    }
}
