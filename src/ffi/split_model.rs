//! Models split at modules.

use std::ffi::c_char;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::arguments::{Array, In, Out, Owned, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::handle::handle;
use super::options::options;
use super::status::eidos_status;
use super::strings::choice;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::hub::HubOptions;
use crate::model::{HeadChoice, LoadOptions, Precision, SplitModel};
use crate::text::StringTable;

/// A split model is a language model that runs up to one or several of its modules. It never changes after loading: any
/// number of threads may use it at the same time. Made by `eidos_split_model_load`, freed with
/// `eidos_split_model_free`.
#[allow(non_camel_case_types)]
pub struct eidos_split_model {
    _opaque: [u8; 0],
}

/// A model with its strings as C borrows them.
pub struct ModelValue {
    pub(super) model: SplitModel,
    /// The name, the family, and how products are computed.
    names: StringTable,
    paths: StringTable,
    kinds: StringTable,
    split_points: StringTable,
    /// Made when they are first asked for: a vocabulary is large.
    pub(super) logits: OnceLock<StringTable>,
    /// The vocabulary's strings, likewise.
    pub(super) vocabulary: OnceLock<StringTable>,
}

impl From<SplitModel> for ModelValue {
    fn from(model: SplitModel) -> Self {
        Self {
            names: [model.name(), model.family(), model.products()].into_iter().collect(),
            paths: model.modules().iter().map(|module| module.path.as_str()).collect(),
            kinds: model.modules().iter().map(|module| module.kind.as_str()).collect(),
            split_points: model.split_points().iter().map(|point| point.path.as_str()).collect(),
            logits: OnceLock::new(),
            vocabulary: OnceLock::new(),
            model,
        }
    }
}

handle!(eidos_split_model, ModelValue, 3);

/// The model has the head that its configuration names.
pub const EIDOS_HEAD_AUTO: u32 = 0;
/// The model has no head: it is the base model.
pub const EIDOS_HEAD_BASE: u32 = 1;
/// The head is that of a masked language model.
pub const EIDOS_HEAD_MASKED_LM: u32 = 2;
/// The head classifies texts.
pub const EIDOS_HEAD_SEQUENCE_CLASSIFICATION: u32 = 3;
/// The head is that of a causal language model.
pub const EIDOS_HEAD_CAUSAL_LM: u32 = 4;
/// The head classifies tokens.
pub const EIDOS_HEAD_TOKEN_CLASSIFICATION: u32 = 5;
/// The head is that of a language model of an encoder and a decoder.
pub const EIDOS_HEAD_SEQ2SEQ_LM: u32 = 6;

/// The model runs on the processor.
pub const EIDOS_DEVICE_CPU: u32 = 0;
/// The model runs on an NVIDIA GPU.
pub const EIDOS_DEVICE_CUDA: u32 = 1;
/// The model runs on the first GPU that works, and on the processor where none does. The log says which it is, and why.
pub const EIDOS_DEVICE_AUTO: u32 = 2;

/// The model computes in single precision. Where the processor has AMX and a file holds `bf16`, a product with its matrices is
/// three products of `bf16` numbers, which are exactly the one, with sums in `f32`.
pub const EIDOS_PRECISION_F32: u32 = 0;
/// The model computes in single precision, but the factors of its products are rounded to TF32.
pub const EIDOS_PRECISION_TF32: u32 = 1;
/// The model computes in `bf16`: the factors of products are rounded to `bf16`, sums, norms and softmax are `f32`. On a GPU
/// activations are `bf16` as well.
pub const EIDOS_PRECISION_BF16: u32 = 2;
/// The model computes in `f16`: activations and the factors of products are `f16`, sums are `f32`.
pub const EIDOS_PRECISION_F16: u32 = 3;
/// The factors of products are rounded to 8-bit integers, each row of a weight and each row of activations with its own scale;
/// sums are exact, everything else is `f32`. A quarter of the memory of `f32`, and the least exact. On the CPU alone.
pub const EIDOS_PRECISION_INT8: u32 = 4;

/// The environment (`HF_HUB_OFFLINE`) says whether to stay offline.
pub const EIDOS_NETWORK_AUTO: u32 = 0;
/// Only files that are there already are used.
pub const EIDOS_NETWORK_OFFLINE: u32 = 1;
/// Files that are missing are downloaded.
pub const EIDOS_NETWORK_ONLINE: u32 = 2;

/// These options say how a model is loaded. Fill the struct with `eidos_load_options_init` first; NULL strings mean the
/// environment or the default.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_load_options {
    /// This is the size of the struct in bytes, set by `eidos_load_options_init`.
    pub struct_size: u32,
    /// The model is built with this head: one of `EIDOS_HEAD_*`.
    pub head: u32,
    /// The model runs on this device: one of `EIDOS_DEVICE_*`.
    pub device: u32,
    /// The model runs on this one of several GPUs, from 0.
    pub device_index: u32,
    /// The network says whether files are downloaded: one of `EIDOS_NETWORK_*`.
    pub network: u32,
    /// 1 loads every weight up to the head, not only those up to the last split point, so that
    /// `eidos_split_model_logits` works.
    pub whole: u32,
    /// The model is loaded from this branch, tag or commit of its repository; NULL means `main`.
    pub revision: Text,
    /// Downloads are asked for with this access token; NULL means `HF_TOKEN` or the token file.
    pub token: Text,
    /// Downloads are kept in this folder; NULL means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    pub cache_folder: Text,
    /// The hub has this address; NULL means `HF_ENDPOINT` or the Hugging Face Hub.
    pub endpoint: Text,
    /// 1 reads the files of weights into memory instead of mapping them: a program that cuts one of them while the
    /// model loads then makes an error and does not end the process. Loading takes as much memory more as the files
    /// have bytes, and tables of embeddings stay in memory.
    pub copy: u32,
    /// The model computes in this type of number, whatever type its files have: one of `EIDOS_PRECISION_*`. Activations
    /// and logits are given as `f32` always. The CPU computes in `f32`, `bf16` or `int8`; `eidos_split_model_products` says how.
    pub precision: u32,
    /// 1 cuts texts to the `max_seq_length` that sentence-transformers has for the model (`sentence_bert_config.json`), special
    /// tokens included, as it does before it pools; a model without that file is an error. Otherwise texts are cut to what the
    /// model and its tokenizer can read.
    pub use_max_seq_length: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_load_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        head: EIDOS_HEAD_AUTO,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
        network: EIDOS_NETWORK_AUTO,
        whole: 0,
        revision: Text::NULL,
        token: Text::NULL,
        cache_folder: Text::NULL,
        endpoint: Text::NULL,
        copy: 0,
        precision: EIDOS_PRECISION_F32,
        use_max_seq_length: 0,
        reserved: 0,
    }
);

/// The device that one of `EIDOS_DEVICE_*` and an index name.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] for a number that is none of them.
pub(super) fn device_choice(device: u32, index: u32) -> Result<DeviceChoice> {
    let devices = [
        (EIDOS_DEVICE_CPU, DeviceChoice::Cpu),
        (EIDOS_DEVICE_CUDA, DeviceChoice::Cuda(index as usize)),
        (EIDOS_DEVICE_AUTO, DeviceChoice::Auto),
    ];
    choice(device, "device", &devices)
}

/// Whether only files that are there are used, as one of `EIDOS_NETWORK_*` says it.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] for a number that is none of them.
pub(super) fn offline(network: u32) -> Result<Option<bool>> {
    let networks =
        [(EIDOS_NETWORK_AUTO, None), (EIDOS_NETWORK_OFFLINE, Some(true)), (EIDOS_NETWORK_ONLINE, Some(false))];
    choice(network, "network", &networks)
}

impl eidos_load_options {
    #[cfg_attr(not(test), allow(clippy::needless_update, reason = "tests have one more field"))]
    fn to_rust(self) -> Result<LoadOptions> {
        let owned = |string: Text, name: &str| Ok::<_, Error>(string.optional(name)?.map(str::to_owned));
        let heads = [
            (EIDOS_HEAD_AUTO, HeadChoice::Auto),
            (EIDOS_HEAD_BASE, HeadChoice::Base),
            (EIDOS_HEAD_MASKED_LM, HeadChoice::MaskedLanguageModel),
            (EIDOS_HEAD_SEQUENCE_CLASSIFICATION, HeadChoice::SequenceClassification),
            (EIDOS_HEAD_CAUSAL_LM, HeadChoice::CausalLanguageModel),
            (EIDOS_HEAD_TOKEN_CLASSIFICATION, HeadChoice::TokenClassification),
            (EIDOS_HEAD_SEQ2SEQ_LM, HeadChoice::Seq2SeqLanguageModel),
        ];
        let precisions = [
            (EIDOS_PRECISION_F32, Precision::F32),
            (EIDOS_PRECISION_TF32, Precision::Tf32),
            (EIDOS_PRECISION_BF16, Precision::Bf16),
            (EIDOS_PRECISION_F16, Precision::F16),
            (EIDOS_PRECISION_INT8, Precision::Int8),
        ];
        Ok(LoadOptions {
            head: choice(self.head, "head", &heads)?,
            device: device_choice(self.device, self.device_index)?,
            hub: HubOptions {
                revision: owned(self.revision, "revision")?,
                token: owned(self.token, "token")?,
                cache_dir: owned(self.cache_folder, "cache_folder")?.map(PathBuf::from),
                endpoint: owned(self.endpoint, "endpoint")?,
                offline: offline(self.network)?,
                ..HubOptions::default()
            },
            whole: self.whole != 0,
            copy: self.copy != 0,
            precision: choice(self.precision, "precision", &precisions)?,
            use_max_seq_length: self.use_max_seq_length != 0,
            ..LoadOptions::default()
        })
    }
}

/// Fills load options with the defaults. `size` is `sizeof(eidos_load_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_load_options_init(options: Out<eidos_load_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Loads a model by the path of a folder, a repository id such as `EuroBERT/EuroBERT-210m`, or `eidos:demo` for the
/// small model inside the library. A GGUF file of llama.cpp is named by its path, or by the id of its repository and
/// its name there: `owner/name:model-Q8_0.gguf`; so is a folder that has no other weights than one such file. It is
/// split at the module paths of the checkpoint that it was converted from, and its tokenizer is a `tokenizer.json`
/// beside it, or else the file's own. A model that llama.cpp split into parts (`model-00001-of-00003.gguf` ...) is
/// named by any of them, or by their folder; the others are found by their names beside it. The first part alone lists
/// the modules.
///
/// `split_points` are module paths as the checkpoint names them (`model.layers.10.mlp`), or numbers (`10` is the
/// eleventh block). Only the weights up to the last of them are read, or all of them when the options say `whole`.
/// Without any, nothing but the tree of modules is loaded, to choose from. `options`, `control` and `err` may be NULL.
///
/// The files of weights are mapped while they are read: a program that cuts one of them meanwhile ends the process, by
/// SIGBUS where there are signals, unless the options say `copy`. They are closed when this returns, except those with a
/// table of embeddings of a mebibyte or more, which stays in its file: a call that runs the model reads the rows of its
/// tokens there, and is `EIDOS_INVALID_FILE` once somebody has written to the file. With `copy`, tables are in memory.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_load(
    id_or_path: Text,
    split_points: Array<Text>,
    split_point_count: usize,
    options: In<eidos_load_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_split_model>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let id = id_or_path.get("id_or_path")?;
        let split_points = split_points.texts(split_point_count, "split_points")?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(SplitModel::load(id, &split_points, &options, &control)?);
        Ok(())
    })
}

/// Gives the id or path that a model was loaded by. The string is borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_name(model: Ref<eidos_split_model>, len: Out<usize>) -> *const c_char {
    model.string(len, |value| Some(value.names.get_with_nul(0)))
}

/// Gives the family of a model, as `model_type` of its configuration names it (`eurobert`). The string is borrowed from
/// the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_family(model: Ref<eidos_split_model>, len: Out<usize>) -> *const c_char {
    model.string(len, |value| Some(value.names.get_with_nul(1)))
}

/// Says how a model multiplies rows with its weights, for people: `f32 (AVX-512)`, or `bf16 x 3 (AMX)`, three products of bf16
/// numbers that are exactly one in f32. Where a faster way is known, a semicolon follows, and why it is not taken:
/// `f32 (AVX-512); not bf16 x 3 (AMX): this processor has no AMX`. Empty for a model that was loaded without split points.
/// The string is borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_products(model: Ref<eidos_split_model>, len: Out<usize>) -> *const c_char {
    model.string(len, |value| Some(value.names.get_with_nul(2)))
}

/// Counts the token ids that a model knows: its vocabulary.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_vocabulary_size(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.model.vocabulary_size())
}

/// Says how many tokens of a text a model was made for, special ones included. Texts are read as far as that.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_max_positions(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.model.max_positions())
}

/// Says how many bytes of memory the weights of a model take that were loaded: those up to the last split point, or all
/// of a `whole` model, without tables of embeddings that stay in their file; 0 without split points.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_weight_bytes(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.model.weight_bytes())
}

/// Counts the modules of a model, which are in the order of PyTorch's `named_modules()`.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_count(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.paths.len())
}

/// Gives the path of a module (`model.layers.10.mlp`) by its index; the first one is empty and stands for the whole
/// model. NULL beyond the last. The string is borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_path(
    model: Ref<eidos_split_model>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    model.string(len, |value| Some(value.paths.get_with_nul(index)))
}

/// Gives the kind of a module with its sizes (`Linear(768 -> 3072)`) by its index. NULL beyond the last. The string is
/// borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_kind(
    model: Ref<eidos_split_model>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    model.string(len, |value| Some(value.kinds.get_with_nul(index)))
}

/// Says whether a module can be a split point, because it has one output row per token: 1, or else 0.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_can_split(model: Ref<eidos_split_model>, index: usize) -> i32 {
    model.read(0, |value| value.model.modules().get(index).map_or(0, |module| i32::from(module.can_split)))
}

/// Says how many columns the activations of a module have, by its index; 0 where it cannot be a split point.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_width(model: Ref<eidos_split_model>, index: usize) -> usize {
    model.read(0, |value| value.model.modules().get(index).and_then(|module| module.width).unwrap_or(0))
}

/// Says which part of a model's blocks a run up to a module takes, by its index: from 0 for what is before the blocks to
/// 1; a block counts from its beginning. 0 where the module cannot be a split point.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_cost(model: Ref<eidos_split_model>, index: usize) -> f64 {
    model.read(0.0, |value| value.model.modules().get(index).and_then(|module| module.cost).unwrap_or(0.0))
}

/// Says whether a module is a place to start, by its index: 1 for a block, which gives all that the model knows of each
/// token up to there, or else 0. Other modules give parts of it.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_module_is_recommended(model: Ref<eidos_split_model>, index: usize) -> i32 {
    model.read(0, |value| value.model.modules().get(index).map_or(0, |module| i32::from(module.is_recommended)))
}

/// Counts the split points that a model was loaded with.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_split_point_count(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.split_points.len())
}

/// Gives the module path of a split point by its index, in the order in which they were given to
/// `eidos_split_model_load`. NULL beyond the last. The string is borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_split_point(
    model: Ref<eidos_split_model>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    model.string(len, |value| Some(value.split_points.get_with_nul(index)))
}

/// Says how many columns the activations of a split point have, by its index; 0 beyond the last.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_width(model: Ref<eidos_split_model>, index: usize) -> usize {
    model.read(0, |value| value.model.split_points().get(index).map_or(0, |point| point.width))
}

/// Makes one more handle of the same model, for another owner, who frees it. What was borrowed from one is valid until
/// the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `model` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_retain(
    model: Ref<eidos_split_model>,
    out: Out<*mut eidos_split_model>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || model.share(out))
}

/// Frees a model; NULL is fine. Activations made with it live on.
///
/// # Safety
/// `model` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_free(model: Owned<eidos_split_model>) {
    model.free();
}
