//! From a name to a model: the demo model inside the library, a folder, a GGUF file, or an id on a hub.

use std::path::{Path, PathBuf};

use super::options::LoadOptions;
use super::plan::ModelPlan;
use super::split_model::SplitModel;
use super::weights::WeightSource;
use super::{demo, gguf};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{map, read_limited};
use crate::gguf::Header;
use crate::hub::{self, ModelSource};
use crate::text::Tokenizer;

/// Configurations are a few kilobytes.
const CONFIG_LIMIT: u64 = 16 << 20;
/// The largest vocabularies take some tens of megabytes.
const TOKENIZER_LIMIT: u64 = 1 << 30;

impl SplitModel {
    /// Loads a model and its tokenizer by the path of a folder or of a GGUF file, an id on a hub (`EuroBERT/EuroBERT-210m`, or
    /// `owner/name:file.gguf`), or `eidos:demo` for the small model inside the library.
    ///
    /// A GGUF file is split at the module paths of the checkpoint that it was converted from. Its tokenizer is the
    /// `tokenizer.json` beside it, or else what its metadata says.
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
            let plan = ModelPlan::new(demo.config, split_points, options)?;
            let tokenizer =
                Tokenizer::from_parts(demo.tokenizer, Some(demo.tokenizer_config), None, plan.max_tokens())?;
            return Ok(plan.load(id_or_path, &WeightSource::Bytes(demo.weights), control)?.with_tokenizer(tokenizer));
        }
        let source = hub::locate(id_or_path, &options.hub, control)?;
        if let Some(file) = source.gguf(control)? {
            return Self::load_gguf(&source, file, split_points, options, control);
        }
        let config = read_limited(&source.config(control)?, CONFIG_LIMIT)?;
        let plan = ModelPlan::new(&config, split_points, options).map_err(|error| error.within(source.name()))?;
        if !plan.wants_weights() {
            return plan.load(source.name(), &WeightSource::Files(Vec::new()), control);
        }
        let tokenizer = tokenizer(&source, plan.max_tokens(), control)?;
        let weights = source.weight_files(&|tensor| plan.wants(tensor), control)?;
        let model = plan.load(source.name(), &WeightSource::Files(weights), control)?;
        Ok(model.with_tokenizer(tokenizer))
    }

    fn load_gguf(
        source: &ModelSource,
        file: PathBuf,
        split_points: &[&str],
        options: &LoadOptions,
        control: &Control,
    ) -> Result<Self> {
        let within = |error: Error| error.within(source.name());
        let bytes = map(&file)?;
        let header = Header::read(&bytes).map_err(|what| {
            Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", file.display()))
                .hint("get the file again")
                .detail("path", file.display())
        })?;
        let config = gguf::config(&header, &bytes).map_err(within)?;
        let plan = ModelPlan::new(&config, split_points, options)
            .map_err(|error| within(error.within("its metadata as a config.json")))?;
        if !plan.wants_weights() {
            return plan.load(source.name(), &WeightSource::Files(Vec::new()), control);
        }
        let tokenizer = match source.tokenizer(control)? {
            Some(_) => tokenizer(source, plan.max_tokens(), control)?,
            None => Tokenizer::from_gguf(&header.metadata, plan.max_tokens()).map_err(within)?,
        };
        let model = plan.load(source.name(), &WeightSource::Files(vec![file]), control)?;
        Ok(model.with_tokenizer(tokenizer))
    }
}

fn tokenizer(source: &ModelSource, max_tokens: Option<usize>, control: &Control) -> Result<Tokenizer> {
    let read = |path: &Path| read_limited(path, TOKENIZER_LIMIT);
    let json = read(&source.tokenizer(control)?.ok_or_else(|| source.missing("tokenizer.json"))?)?;
    let config = source.tokenizer_config(control)?.map(|path| read(&path)).transpose()?;
    let special = source.special_tokens_map(control)?.map(|path| read(&path)).transpose()?;
    Tokenizer::from_parts(&json, config.as_deref(), special.as_deref(), max_tokens)
        .map_err(|error| error.within(source.name()))
}
