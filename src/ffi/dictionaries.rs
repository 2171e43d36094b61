//! Dictionaries of others: opened in the formats in which they are published, written in them, and made of a caller's own matrices.

use std::path::{Path, PathBuf};

use super::arguments::{Array, In, Out, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::{ExplainerValue, eidos_explainer};
use super::options::options;
use super::split_model::{EIDOS_NETWORK_AUTO, offline};
use super::status::eidos_status;
use super::strings::{choice, product};
use crate::concepts::{AutoencoderParts, DictionaryFormat, Explainer, PublishedOptions, SaeActivation};
use crate::error::{Error, Result};
use crate::hub::HubOptions;

/// A folder of SAELens 6, which is made if need be: `cfg.json` and `sae_weights.safetensors`, as `SAE.load_from_disk` opens it.
///
/// # ABI
/// enumeration DictionaryFormat = EIDOS_DICTIONARY_*: The format of a dictionary says for which programs it is written.
pub const EIDOS_DICTIONARY_SAE_LENS: u32 = 0;
/// One safetensors file of the same tensors, with the same configuration as `cfg` in its metadata. It takes every dictionary.
pub const EIDOS_DICTIONARY_SAFETENSORS: u32 = 1;

/// Codes below zero are zero.
///
/// # ABI
/// enumeration Activation = EIDOS_ACTIVATION_*: The activation of a sparse autoencoder leaves a row few codes.
pub const EIDOS_ACTIVATION_RELU: u32 = 0;
/// A row keeps its largest codes, where they are above zero.
pub const EIDOS_ACTIVATION_TOP_K: u32 = 1;
/// A row keeps its codes of largest magnitude, with their signs.
pub const EIDOS_ACTIVATION_ABS_TOP_K: u32 = 2;
/// Codes that are not above their thresholds, and those below zero, are zero.
pub const EIDOS_ACTIVATION_JUMP_RELU: u32 = 3;

/// These options say what the files of a published dictionary do not, and how they are fetched. Fill the struct with
/// `eidos_published_options_init` first; NULL strings mean the environment, the default, or what the files say.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_published_options {
    /// This is the size of the struct in bytes, set by `eidos_published_options_init`.
    pub struct_size: u32,
    /// The network says whether files are downloaded: one of `EIDOS_NETWORK_*`.
    pub network: u32,
    /// The dictionary is for this model; NULL means what the files say.
    pub model: Text,
    /// The dictionary reads rows of this split point, a module path or a hook of TransformerLens (`blocks.5.hook_resid_post`); NULL
    /// means what the files say.
    pub split_point: Text,
    /// The files are those of this branch, tag or commit of their repository; NULL means `main`.
    pub revision: Text,
    /// Downloads are asked for with this access token; NULL means `HF_TOKEN` or the token file.
    pub token: Text,
    /// Downloads are kept in this folder; NULL means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    pub cache_folder: Text,
    /// The hub has this address; NULL means `HF_ENDPOINT` or the Hugging Face Hub.
    pub endpoint: Text,
    /// Rows were multiplied by this factor in training, where the files say that there is one but not which
    /// (`expected_average_only_in` of SAELens); it is folded into the weights. 0, the default, means that nobody knows it.
    pub input_factor: f64,
    /// 1 says that the dictionary is a transcoder, for files that do not say it; 0 leaves it to them.
    pub transcoder: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_published_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        network: EIDOS_NETWORK_AUTO,
        model: Text::NULL,
        split_point: Text::NULL,
        revision: Text::NULL,
        token: Text::NULL,
        cache_folder: Text::NULL,
        endpoint: Text::NULL,
        input_factor: 0.0,
        transcoder: 0,
        reserved: 0,
    }
);

impl eidos_published_options {
    fn to_rust(self) -> Result<(PublishedOptions, HubOptions)> {
        let owned = |string: Text, name: &str| Ok::<_, Error>(string.optional(name)?.map(str::to_owned));
        let published = PublishedOptions {
            model: owned(self.model, "model")?,
            split_point: owned(self.split_point, "split_point")?,
            input_factor: (self.input_factor != 0.0).then_some(self.input_factor as f32),
            transcoder: (self.transcoder != 0).then_some(true),
        };
        let hub = HubOptions {
            revision: owned(self.revision, "revision")?,
            token: owned(self.token, "token")?,
            cache_dir: owned(self.cache_folder, "cache_folder")?.map(PathBuf::from),
            endpoint: owned(self.endpoint, "endpoint")?,
            offline: offline(self.network)?,
            ..HubOptions::default()
        };
        Ok((published, hub))
    }
}

/// Fills the options of a published dictionary with the defaults. `size` is `sizeof(eidos_published_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_published_options_init(
    options: Out<eidos_published_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Opens a dictionary that somebody trained and published: its folder or a file of it on this machine, or a folder in a repository
/// of a hub, `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`, whose files are fetched into the cache. The formats are
/// those of SAELens (2 to 6), Gemma Scope 1 and 2, Llama Scope, EleutherAI's sparsify and dictionary_learning, and what
/// `eidos_explainer_save_as` and `eidos_explainer_save` write. Where the files name the model and the split point, the explainer has
/// these names, hooks of TransformerLens among them, by which a model can be split. What may be wrong with the codes is a warning
/// of the explainer. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_open_published(
    id_or_path: Text,
    options: In<eidos_published_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let id = id_or_path.get("id_or_path")?;
        let (published, hub) = options.read()?.to_rust()?;
        let explainer = Explainer::open_published(id, &published, &hub, &watched(&control)?)?;
        out.handle(ExplainerValue::from(explainer));
        Ok(())
    })
}

/// Writes the dictionary of an explainer for other programs, in one of the formats `EIDOS_DICTIONARY_*`. Each file is written whole or
/// not at all. What only Eidos knows, the report of a fit and the distributions of the codes, is left out. `EIDOS_UNSUPPORTED` for
/// a method without a dictionary, or one that the format cannot say. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_save_as(
    explainer: Ref<eidos_explainer>,
    path: Text,
    format: u32,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let formats = [
            (EIDOS_DICTIONARY_SAE_LENS, DictionaryFormat::SaeLens),
            (EIDOS_DICTIONARY_SAFETENSORS, DictionaryFormat::Safetensors),
        ];
        let format = choice(format, "format", &formats)?;
        explainer.get()?.explainer.save_as(Path::new(path.get("path")?), format)
    })
}

/// Makes an explainer of a sparse autoencoder that somebody else has trained:
/// `codes = activation((row - offset) encoder^T + bias)`, and `row = codes dictionary + offset`. `dictionary` and `encoder` have
/// `concept_count` rows of `input_width` values; an `encoder` of NULL is the dictionary itself. `bias` has `concept_count` values and
/// `offset` has `input_width`; NULL is nothing. `activation` is one of `EIDOS_ACTIVATION_*`: `k` is how many codes a row keeps, 0 but
/// for top-k; `thresholds` has `concept_count` values, NULL but for JumpReLU. The arrays are copied. `encoder`, `bias`, `offset`,
/// `thresholds` and `err` may be NULL.
///
/// # Safety
/// The arrays have that many values, or are NULL where they may be; `out` can be written.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "C has no default arguments")]
pub unsafe extern "C" fn eidos_explainer_from_autoencoder(
    dictionary: Array<f32>,
    encoder: Array<f32>,
    bias: Array<f32>,
    offset: Array<f32>,
    thresholds: Array<f32>,
    concept_count: usize,
    input_width: usize,
    activation: u32,
    k: usize,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let count = product(concept_count, input_width)?;
        let bias = bias.optional(concept_count, "bias")?.unwrap_or_default();
        let offset = offset.optional(input_width, "offset")?.unwrap_or_default();
        let thresholds = thresholds.optional(concept_count, "thresholds")?;
        let dictionary = dictionary.of(count, "dictionary")?;
        let encoder = encoder.optional(count, "encoder")?.unwrap_or(dictionary);
        let kinds =
            [EIDOS_ACTIVATION_RELU, EIDOS_ACTIVATION_TOP_K, EIDOS_ACTIVATION_ABS_TOP_K, EIDOS_ACTIVATION_JUMP_RELU];
        let activation = match choice(activation, "activation", &kinds.map(|kind| (kind, kind)))? {
            EIDOS_ACTIVATION_TOP_K => SaeActivation::TopK { k, signed: false },
            EIDOS_ACTIVATION_ABS_TOP_K => SaeActivation::TopK { k, signed: true },
            EIDOS_ACTIVATION_JUMP_RELU => {
                let thresholds = thresholds.ok_or_else(|| {
                    Error::argument("the activation JumpReLU has no thresholds").hint("give one for each concept")
                })?;
                SaeActivation::JumpRelu { thresholds: thresholds.to_vec(), strict: true }
            }
            _ => SaeActivation::Relu,
        };
        check_unused(&activation, thresholds.is_some(), k)?;
        let parts = AutoencoderParts {
            bias: bias.to_vec(),
            offset: offset.to_vec(),
            output_offset: offset.to_vec(),
            ..AutoencoderParts::new(encoder.to_vec(), dictionary.to_vec(), input_width, activation)
        };
        out.handle(ExplainerValue::from(parts.explainer()?));
        Ok(())
    })
}

/// Refuses what an activation does not read: whoever gave it meant another one.
fn check_unused(activation: &SaeActivation, has_thresholds: bool, k: usize) -> Result<()> {
    let wrong = |message: &str, remedy: &str| Err(Error::argument(message).hint(remedy));
    match activation {
        SaeActivation::JumpRelu { .. } if k != 0 => wrong("the activation JumpReLU has no k", "give a k of 0"),
        SaeActivation::TopK { .. } if has_thresholds => {
            wrong("the activation top-k has no thresholds", "give no thresholds, or choose JumpReLU")
        }
        SaeActivation::Relu if has_thresholds || k != 0 => {
            wrong("the activation ReLU has neither k nor thresholds", "choose top-k or JumpReLU, or give neither")
        }
        _ => Ok(()),
    }
}
