//! From a name to a model: the demo model inside the library, a folder, a GGUF file, or an id on a hub.

use std::path::{Path, PathBuf};

use super::adapter::{self, Adapter, AdapterConfig};
use super::config::Config;
use super::options::{HeadChoice, LoadOptions};
use super::plan::{ModelPlan, about};
use super::split_model::{Reader, SplitModel};
use super::weights::WeightSource;
use super::{demo, gguf};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::{map, read_limited};
use crate::gguf::{Part, Parts};
use crate::hub::{self, ModelSource};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::text::Tokenizer;

/// Configurations are a few kilobytes.
const CONFIG_LIMIT: u64 = 16 << 20;
/// The largest vocabularies take some tens of megabytes.
const TOKENIZER_LIMIT: u64 = 1 << 30;

/// What a model is made from.
#[derive(Debug, Clone)]
pub struct ModelParts<'a> {
    /// What it is called in messages: its id or folder.
    pub name: &'a str,
    /// The bytes of its `config.json`.
    pub config: &'a [u8],
    /// Where its weights lie.
    pub weights: WeightSource,
}

impl SplitModel {
    /// Loads a model that will be split at these modules: paths, with or without the prefix of the base model, or the
    /// number of a block (those of an encoder first, then those of its decoder). Without split points no weight is
    /// read, and the model only lists its modules.
    ///
    /// # Errors
    /// Those of [`ModelPlan::new`] and [`ModelPlan::load`].
    pub fn from_parts(
        parts: &ModelParts<'_>,
        split_points: &[&str],
        options: &LoadOptions,
        control: &Control,
    ) -> Result<Self> {
        let plan = ModelPlan::new(parts.config, split_points, options).map_err(|error| error.within(parts.name))?;
        plan.load(parts.name, &parts.weights, control)
    }

    /// Loads a model and its tokenizer by the path of a folder or of a GGUF file, an id on a hub
    /// (`EuroBERT/EuroBERT-210m`, or `owner/name:file.gguf`), or `eidos:demo` for the small model inside the library.
    ///
    /// A GGUF file is split at the module paths of the checkpoint that it was converted from. Its tokenizer is the
    /// `tokenizer.json` beside it, or else what its metadata says. A model in several parts
    /// (`model-00001-of-00003.gguf` ...) is named by any of them; the first one alone lists its modules.
    ///
    /// The folder or repository of a LoRA adapter (`adapter_config.json`) is its base model, changed by it, with the head that it was
    /// trained with.
    ///
    /// Where a folder or repository has no `tokenizer.json`, the tokenizer is built from its vocabulary
    /// ([`Tokenizer::from_vocabulary`]). A model without any that is understood reads token ids; the error for a text says why.
    ///
    /// Split points are module paths, with or without the prefix of the base model, or the number of a block. Only the
    /// weights up to the last of them are fetched and read. Without any, nothing but the tree of modules is loaded.
    ///
    /// # Errors
    /// Those of [`hub::locate`], [`ModelPlan::new`], [`ModelPlan::load`] and [`Tokenizer::from_parts`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{Control, LoadOptions, SplitModel};
    /// let model = SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), &Control::new())?;
    /// assert_eq!(model.split_points()[0].path, "model.layers.1.mlp");
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn load(id_or_path: &str, split_points: &[&str], options: &LoadOptions, control: &Control) -> Result<Self> {
        if id_or_path == demo::ID
            && let Some(demo) = demo::files()
        {
            let _claim = claim(demo.tokenizer)?;
            let plan = ModelPlan::new(demo.config, split_points, options)?;
            let config = Some(demo.tokenizer_config);
            let tokenizer = Tokenizer::of_model(plan.family(), demo.tokenizer, config, None, plan.max_tokens())?;
            return Ok(plan.load(id_or_path, &WeightSource::Bytes(demo.weights), control)?.with_tokenizer(tokenizer));
        }
        let source = hub::locate(id_or_path, &options.hub, control)?;
        if let Some(file) = source.gguf(control)? {
            return Self::load_gguf(&source, &file, split_points, options, control);
        }
        if let Some(file) = source.adapter(control)? {
            return Self::load_adapted(&source, &file, split_points, options, control);
        }
        let config = read_limited(&source.config(control)?, CONFIG_LIMIT)?;
        let plan = ModelPlan::new(&config, split_points, options).map_err(|error| error.within(source.name()))?;
        if !plan.wants_weights() {
            return plan.load(source.name(), &WeightSource::Files(Vec::new()), control);
        }
        let reader = reader(&source, &plan, control)?;
        let weights = match weights_of(&source, &plan, control) {
            // Some programs write the base model's configuration beside an adapter.
            Err(error) if error.code() == ErrorCode::NotFound => match source.file(adapter::CONFIG_FILE, control)? {
                Some(file) => return Self::load_adapted(&source, &file, split_points, options, control),
                None => return Err(error),
            },
            weights => weights?,
        };
        let model = plan.load(source.name(), &WeightSource::Files(weights), control)?;
        Ok(model.with_reader(reader))
    }

    /// Loads the base model of an adapter, changed by it.
    fn load_adapted(
        source: &ModelSource,
        file: &Path,
        split_points: &[&str],
        options: &LoadOptions,
        control: &Control,
    ) -> Result<Self> {
        let name = source.name();
        let within = |error: Error| error.within(name);
        let bytes = read_limited(file, CONFIG_LIMIT)?;
        let adapter = AdapterConfig::parse(&bytes).map_err(within)?;
        let base = source.base(&adapter.base, adapter.revision.as_deref(), &options.hub, control).map_err(within)?;
        if base.gguf(control)?.is_some() || base.adapter(control)?.is_some() {
            let what = format!("the base model `{}` is a GGUF file or an adapter itself", shown(&adapter.base));
            return Err(within(Error::new(ErrorCode::Unsupported, what).hint(
                "give the folder or id of the transformers model in `base_model_name_or_path` of adapter_config.json",
            )));
        }
        let mut options = options.clone();
        if let (HeadChoice::Auto, Some(head)) = (options.head, adapter.head) {
            options.head = head;
        }
        let of_base = |error: Error| within(error.within(base.name()));
        let config = read_limited(&base.config(control)?, CONFIG_LIMIT)?;
        let plan = ModelPlan::new(&config, split_points, &options).map_err(of_base)?;
        if !plan.wants_weights() {
            return plan.load(name, &WeightSource::Files(Vec::new()), control);
        }
        let weights = adapter_weights(source, control)?;
        let adapter = Adapter::open(name, adapter, &weights, options.access())?;
        // How many labels a classifier has was said when it was trained, and stands nowhere else.
        let mut fields = Config::parse(&config)?;
        let (plan, config) = match adapter.shape_of_whole(&plan.names_of_scores()) {
            Some(&[labels, _]) if plan.has_labels() => {
                fields = fields.with("num_labels", Some(labels.into()));
                let config = fields.to_value().to_string().into_bytes();
                (ModelPlan::new(&config, split_points, &options).map_err(of_base)?, config)
            }
            _ => (plan, config),
        };
        let plan = plan.with_adapter(adapter, &fields, &[bytes, config].concat())?;
        // An adapter is saved with the tokenizer that it was trained with.
        let has_own = source.tokenizer(control)?.is_some();
        let reader = reader(if has_own { source } else { &base }, &plan, control)?;
        let weights = weights_of(&base, &plan, control).map_err(within)?;
        Ok(plan.load(name, &WeightSource::Files(weights), control)?.with_reader(reader))
    }

    fn load_gguf(
        source: &ModelSource,
        first: &Path,
        split_points: &[&str],
        options: &LoadOptions,
        control: &Control,
    ) -> Result<Self> {
        let within = |error: Error| about(source.name(), error);
        let plan = |parts: &Parts<'_>| {
            let config = gguf::config(parts)?;
            ModelPlan::new(&config, split_points, options)
                .map(ModelPlan::with_outputs_first)
                .map_err(|error| error.within("its metadata as a config.json"))
        };
        let bytes = map(first, options.access())?;
        let parts = Parts::new(Part::read(first, &bytes)?)?;
        // The caller may have named another part.
        let described = |error: Error| match parts.count() {
            1 => within(error),
            _ => within(error.within(format!("`{}`", first.display()))),
        };
        // What can be refused is refused before the other parts are fetched.
        let known = plan(&parts).map_err(described)?;
        if !known.wants_weights() {
            return known.load(source.name(), &WeightSource::Files(Vec::new()), control);
        }
        let tokenizer = match source.tokenizer(control)? {
            Some(_) => tokenizer(source, &known, control)?,
            None => Tokenizer::from_gguf(parts.metadata(), known.max_tokens()).map_err(described)?,
        };
        let tokenizer = limited(tokenizer, source, &known, control)?;
        let files = source.gguf_parts(parts.count(), control)?;
        let others = files.get(1..).unwrap_or_default();
        let maps = others.iter().map(|path| map(path, options.access())).collect::<Result<Vec<_>>>()?;
        let others = others.iter().zip(&maps).map(|(path, bytes)| Part::read(path, bytes));
        let parts = parts.with(others.collect::<Result<_>>()?)?;
        let plan = plan(&parts).map_err(within)?;
        let files = gguf::files(&parts, &|tensor| plan.wants(tensor)).map_err(within)?;
        // They are opened once more for the weights: copies would be in memory twice.
        drop(parts);
        drop((maps, bytes));
        let model = plan.load(source.name(), &WeightSource::Files(files), control)?;
        Ok(model.with_tokenizer(tokenizer))
    }
}

/// The files of weights that a plan needs.
fn weights_of(source: &ModelSource, plan: &ModelPlan, control: &Control) -> Result<Vec<PathBuf>> {
    let weights = source.weight_files(&|tensor| plan.wants(tensor), control)?;
    // An index without a single name that is known: a training program may have changed them.
    if weights.is_empty() { source.weight_files(&|tensor| plan.may_want(tensor), control) } else { Ok(weights) }
}

/// The file with the tensors of an adapter.
fn adapter_weights(source: &ModelSource, control: &Control) -> Result<PathBuf> {
    for name in adapter::WEIGHTS {
        if let Some(file) = source.file(name, control)? {
            return Ok(file);
        }
    }
    source.required(adapter::WEIGHTS[0], control)
}

/// Claims what a tokenizer takes while it is read: every entry of its vocabulary is there several times.
fn claim(json: &[u8]) -> Result<Claim> {
    Claim::of(json.len().saturating_mul(24), "the tokenizer")
}

/// What reads texts for a model; where its files have no tokenizer that is understood, it reads token ids.
fn reader(source: &ModelSource, plan: &ModelPlan, control: &Control) -> Result<Reader> {
    match tokenizer(source, plan, control) {
        Ok(tokenizer) => Ok(Reader::Texts(limited(tokenizer, source, plan, control)?)),
        Err(reason) if matches!(reason.code(), ErrorCode::NotFound | ErrorCode::Unsupported) => {
            control.log(LogLevel::Warning, c"model", || {
                format!("no text can be read, token ids can: {}", reason.message())
            });
            Ok(Reader::Ids { ids: Tokenizer::of_ids_alone()?, reason })
        }
        Err(error) => Err(error),
    }
}

fn tokenizer(source: &ModelSource, plan: &ModelPlan, control: &Control) -> Result<Tokenizer> {
    let within = |error: Error| error.within(source.name());
    let read = |path: &Path| read_limited(path, TOKENIZER_LIMIT);
    let Some(path) = source.tokenizer(control)? else {
        return from_vocabulary(source, plan, control).map_err(within);
    };
    let json = read(&path)?;
    let _claim = claim(&json)?;
    let config = source.tokenizer_config(control)?.map(|path| read(&path)).transpose()?;
    let special = source.special_tokens_map(control)?.map(|path| read(&path)).transpose()?;
    Tokenizer::of_model(plan.family(), &json, config.as_deref(), special.as_deref(), plan.max_tokens())
        .map(|tokenizer| tokenizer.named(&path))
        .map_err(within)
}

/// What sentence-transformers calls the file with its `max_seq_length`, after the class of the model in older versions.
const SENTENCE_CONFIGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// A tokenizer that cuts texts as sentence-transformers does, where the options say so.
fn limited(tokenizer: Tokenizer, source: &ModelSource, plan: &ModelPlan, control: &Control) -> Result<Tokenizer> {
    if !plan.options().use_max_seq_length {
        return Ok(tokenizer);
    }
    let about = |error: Error| error.within(source.name());
    for name in SENTENCE_CONFIGS {
        let Some(path) = source.file(name, control)? else { continue };
        let fields = Config::parse(&read_limited(&path, CONFIG_LIMIT)?);
        let length = fields.and_then(|fields| fields.optional_size("max_seq_length"));
        let length = length.map_err(|error| about(Config::of_file(&error, name)))?;
        // It counts over the tokenizer's own limit, but no model reads beyond its positions.
        return match length {
            None => Ok(tokenizer),
            Some(length) => {
                let most = plan.max_tokens().map_or(length, |most| most.min(length));
                tokenizer.limited_to(most).map_err(about)
            }
        };
    }
    Err(source
        .missing(SENTENCE_CONFIGS[0])
        .hint("leave the option use_max_seq_length off, or give a model of sentence-transformers"))
}

/// The tokenizer of a model without a `tokenizer.json`.
fn from_vocabulary(source: &ModelSource, plan: &ModelPlan, control: &Control) -> Result<Tokenizer> {
    let mut claims = Vec::new();
    let mut read = |name: &str| {
        let Some(path) = source.file(name, control)? else { return Ok(None) };
        let bytes = read_limited(&path, TOKENIZER_LIMIT)?;
        claims.push(Claim::of(bytes.len().saturating_mul(64), "the tokenizer")?);
        Ok(Some(bytes))
    };
    let built = Tokenizer::built(plan.family(), &mut read, plan.max_tokens())?;
    control.log(LogLevel::Info, c"model", || {
        format!(
            "no tokenizer.json: the tokenizer is built from {} as transformers builds a {}",
            built.file, built.class
        )
    });
    if built.leaves_space_out {
        control.log(LogLevel::Warning, c"model", || {
            format!(
                "{} asks for a space in front of texts, which transformers 5 does not put there where it has the file without \
                 a class for it, and so neither is it here; a tokenizer.json says what is right",
                built.file
            )
        });
    }
    Ok(built.tokenizer)
}
