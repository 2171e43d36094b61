//! Dictionaries that somebody else trained and published, in the formats of their libraries.
//!
//! ```text
//! folder, file or hub ──► DictionaryFiles ──► which format? ──► a reader ──► AutoencoderParts ──► Explainer
//! ```
//!
//! A reader knows one format: which file says what, and what its numbers mean. What a file does not say, such as the scale of the
//! rows that it is for, a caller says in [`PublishedOptions`], or it becomes a warning of the explainer's report. A split point is
//! the name that the files have for it, a hook of TransformerLens or a path; models understand both.

mod config;
mod dictionary_learning;
mod files;
mod gemma_scope;
mod llama_scope;
mod names;
mod sae_lens;
mod save;
mod sparsify;

use std::path::Path;

use serde_json::{Map, Value};

use super::report::FitReport;
use super::sae::{AutoencoderParts, SparseAutoencoder};
use super::{Dictionary, Explainer};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::rows::{Provenance, recorded_name};
use crate::tensor_files::TensorFile;
use config::Config;
pub(crate) use files::DictionaryFiles;
use files::LocalFiles;
pub use save::DictionaryFormat;

/// The names of the files that say what is in the others.
const CONFIGURATIONS: [&str; 3] = ["cfg.json", "hyperparams.json", "config.json"];

/// What a caller knows of a published dictionary and its files do not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishedOptions {
    /// The model that the dictionary is for; `None` where the files say it.
    pub model: Option<String>,
    /// The split point whose rows the dictionary reads, as a path of a module or a hook of TransformerLens; `None` where the
    /// files say it.
    pub split_point: Option<String>,
    /// The factor by which rows were multiplied in training, for dictionaries whose files say that there is one but not which
    /// (`expected_average_only_in` of SAELens). It is folded into the weights.
    pub input_factor: Option<f32>,
    /// Whether the output is rows of another split point, for formats whose files do not say it (Gemma Scope 1).
    pub transcoder: Option<bool>,
}

/// What a reader makes of the files of a dictionary.
struct Published {
    parts: AutoencoderParts,
    /// The name of the format, for [`Explainer::options`].
    format: &'static str,
    /// The split point whose rows a transcoder gives.
    output_split_point: Option<String>,
    /// What may be wrong with the codes, in sentences for people.
    warnings: Vec<String>,
    /// Whether codes are what the matrices give, of either sign, with nothing after them.
    is_linear: bool,
}

impl Published {
    fn new(format: &'static str, parts: AutoencoderParts) -> Self {
        Self { parts, format, output_split_point: None, warnings: Vec::new(), is_linear: false }
    }

    /// The same for a model and a split point that the files name.
    fn of(mut self, model: Option<String>, split_point: Option<String>) -> Self {
        self.parts.provenance = Provenance { model, split_point, ..Provenance::default() };
        self
    }

    /// Folds the factor by which rows were multiplied in training, or warns that nobody said it.
    fn with_input_factor(mut self, factor: Option<f32>) -> Result<Self> {
        match factor {
            Some(factor) => self.parts = self.parts.fold_factors(factor, factor)?,
            None => self.warnings.push(
                "the dictionary was trained on rows that were multiplied by a factor which its files do not hold \
                 (`expected_average_only_in`): its codes are those of rows of that scale; give the factor as `input_factor`"
                    .to_owned(),
            ),
        }
        Ok(self)
    }

    fn explainer(self, options: &PublishedOptions) -> Result<Explainer> {
        let Self { mut parts, format, output_split_point, warnings, is_linear } = self;
        if let Some(model) = &options.model {
            parts.provenance.model = Some(model.clone());
        }
        parts.provenance.model = parts.provenance.model.as_deref().map(recorded_name);
        if let Some(split_point) = &options.split_point {
            parts.provenance.split_point = Some(split_point.clone());
        }
        if is_linear {
            return linear(parts);
        }
        let mut about = Map::new();
        about.insert("format".to_owned(), Value::from(format));
        about.insert("activation".to_owned(), Value::from(parts.activation.name()));
        about.insert("transcoder".to_owned(), Value::from(parts.transcoder));
        if let Some(split_point) = output_split_point {
            about.insert("output_split_point".to_owned(), Value::from(split_point));
        }
        let provenance = parts.provenance.clone();
        let report = FitReport { warnings, ..FitReport::default() };
        Ok(Explainer::new(SparseAutoencoder::new(parts)?, Value::Object(about), report, provenance))
    }
}

/// A dictionary whose codes are of either sign.
fn linear(parts: AutoencoderParts) -> Result<Explainer> {
    let dictionary = Dictionary {
        bias: parts.bias,
        offset: parts.offset,
        provenance: parts.provenance,
        ..Dictionary::new(parts.dictionary, parts.encoder, parts.columns)
    };
    dictionary.explainer()
}

/// Opens the dictionary that some files are.
///
/// # Errors
/// [`ErrorCode::NotFound`] where no file of a known format is there; [`ErrorCode::InvalidFile`] naming the file and the field or
/// tensor that is not as the format has it; [`ErrorCode::Unsupported`] for a kind of dictionary that is not read;
/// [`ErrorCode::InvalidArgument`] for a factor that is none; [`ErrorCode::OutOfMemory`]; those of the files.
pub(crate) fn open(files: &dyn DictionaryFiles, options: &PublishedOptions) -> Result<Explainer> {
    let about = |error: Error| {
        let name = shown(files.name());
        if error.message().contains(&name) || error.code() == ErrorCode::Cancelled {
            error
        } else {
            error.within(format!("`{name}`"))
        }
    };
    if let Some(factor) = options.input_factor.filter(|factor| !(factor.is_finite() && *factor > 0.0)) {
        return Err(Error::argument(format!("the factor of the input is {factor}"))
            .hint("give the number above zero by which rows were multiplied in training"));
    }
    read(files, options).and_then(|published| published.explainer(options)).map_err(of_file).map_err(about)
}

/// What the parts of a dictionary are wrong with is a wrong file, not a wrong argument of the caller's.
fn of_file(error: Error) -> Error {
    if !matches!(error.code(), ErrorCode::InvalidArgument | ErrorCode::InvalidData) {
        return error;
    }
    Error::new(ErrorCode::InvalidFile, format!("the files of the dictionary do not go together: {}", error.message()))
        .hint("get the files again")
}

fn read(files: &dyn DictionaryFiles, options: &PublishedOptions) -> Result<Published> {
    // A file that says itself what it is needs nothing beside it.
    if let Some(path) = files.named().filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")) {
        let weights = TensorFile::open(path)?;
        if let Some(config) = save::config_of(&weights)? {
            return sae_lens::read_tensors(&weights, &config, options);
        }
    }
    if let Some(config) = Config::find(files, "cfg.json")? {
        return if sparsify::is_one(&config) {
            sparsify::read(files, &config)
        } else {
            sae_lens::read(files, &config, options)
        };
    }
    if let Some(config) = Config::find(files, "hyperparams.json")? {
        return llama_scope::read(files, &config);
    }
    let config = Config::find(files, "config.json")?;
    if let Some(config) = &config {
        if dictionary_learning::is_one(config) {
            return dictionary_learning::read(files, config);
        }
        if llama_scope::is_newer(config) {
            return llama_scope::read_newer(files, config, options);
        }
    }
    if let Some(weights) = files.weights(&["params.npz"])? {
        return gemma_scope::read_first(files, &TensorFile::open(&weights)?, options);
    }
    if let Some(weights) = files.weights(&["params.safetensors"])? {
        let weights = TensorFile::open(&weights)?;
        if weights.has("w_enc") {
            return gemma_scope::read_second(files, config.as_ref(), &weights);
        }
        return Err(unknown_tensors(&weights));
    }
    if let Some(weights) = files.weights(&["ae.pt"])? {
        return dictionary_learning::read_without_config(&TensorFile::open(&weights)?);
    }
    Err(nothing_there(files))
}

/// Opens a dictionary that lies on this machine: a folder, or a file with what lies beside it.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_path(path: &Path, options: &PublishedOptions) -> Result<Explainer> {
    open(&LocalFiles::new(path)?, options)
}

/// Whether a path is that of a published dictionary rather than of a file of Eidos: a folder, or a file of another kind.
pub(crate) fn is_one(path: &Path) -> bool {
    if path.is_dir() {
        return true;
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "npz" | "pt" | "pth" | "bin" => path.is_file(),
        // The configuration of a dictionary, which says where its weights are; not an interpretation of Eidos.
        "json" => {
            path.is_file() && path.file_name().is_some_and(|name| CONFIGURATIONS.iter().any(|known| name == *known))
        }
        "safetensors" => TensorFile::open(path)
            .is_ok_and(|file| !file.metadata().contains_key(super::file::FORMAT) && is_dictionary(&file)),
        _ => false,
    }
}

/// Whether a file has a tensor that a dictionary of some format has.
fn is_dictionary(file: &TensorFile) -> bool {
    file.first(&["W_dec", "w_dec", "decoder.weight"]).is_some()
}

fn unknown_tensors(file: &TensorFile) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("no configuration lies beside `{}` that says what its tensors are", file.name()),
    )
    .hint("get the `cfg.json` or `config.json` that was published with it, into the same folder")
    .detail("path", file.name())
}

fn nothing_there(files: &dyn DictionaryFiles) -> Error {
    let there = files.listed();
    let what = if there.is_empty() { String::new() } else { format!("; there are {there}") };
    Error::new(
        ErrorCode::NotFound,
        format!(
            "`{}` has none of the files of a published dictionary: `cfg.json`, `hyperparams.json`, `config.json`, `params.npz`, \
             `params.safetensors`, `ae.pt`{what}",
            shown(files.name())
        ),
    )
    .hint("give the folder of one dictionary, such as `owner/name/layer_20/width_16k/average_l0_71`")
}
