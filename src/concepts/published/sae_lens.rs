//! SAELens: `cfg.json` and `sae_weights.safetensors`, in the layouts of its versions 2 to 6.
//!
//! Matrices are (columns, concepts) for the encoder and (concepts, columns) for the decoder. Version 6 puts what is not a number of
//! the dictionary under `metadata`; older ones have everything at the top, with other names and other defaults.

use std::borrow::Cow;

use super::config::Config;
use super::files::DictionaryFiles;
use super::names::without_output;
use super::{Published, PublishedOptions, save};
use crate::concepts::sae::{AutoencoderParts, InputNormalisation, SaeActivation};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor_files::TensorFile;

/// The name of the format in options.
pub(super) const FORMAT: &str = "sae_lens";

/// The file of the weights.
pub(super) const WEIGHTS: &str = "sae_weights.safetensors";

/// More steps of matching pursuit than any dictionary takes for a row.
const MOST_STEPS: usize = 1 << 16;

/// Where SAELens trained on a model whose writing weights were centred, which it says in its table of releases alone: parts of the
/// names of these repositories.
const CENTRED: [&str; 3] =
    ["GPT2-Small-SAEs-Reformatted", "GPT2-Small-Feature-Splitting-Experiment-Layer-8", "gpt2-small-mlp-tm"];

/// The fields of a configuration, wherever its version has them.
struct Fields<'a> {
    top: &'a Config,
    metadata: Config,
    /// Whether the file is of a version before 6, which has other names and defaults.
    is_older: bool,
}

impl<'a> Fields<'a> {
    fn of(top: &'a Config) -> Result<Self> {
        let metadata = top.inner("metadata");
        let version = match top.text("sae_lens_version")? {
            Some(version) => Some(version),
            None => metadata.text("sae_lens_version")?,
        };
        let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        let is_older = major.is_none_or(|major| major < 6);
        Ok(Self { top, metadata, is_older })
    }

    /// A text under the first of these names, in the metadata or at the top.
    fn text(&self, names: &[&str]) -> Result<Option<String>> {
        for name in names {
            for place in [&self.metadata, self.top] {
                if let Some(text) = place.name_of(name)? {
                    return Ok(Some(text));
                }
            }
        }
        Ok(None)
    }

    /// The architecture. Older versions call one standard whose activation function is top-k.
    fn architecture(&self) -> Result<Cow<'_, str>> {
        let named = self.top.text("architecture")?;
        if !self.is_older {
            return named.map(Cow::Borrowed).ok_or_else(|| self.top.missing("architecture"));
        }
        let field = if self.top.get("activation_fn_str").is_some() { "activation_fn_str" } else { "activation_fn" };
        match self.top.text(field)?.unwrap_or("relu") {
            "topk" => Ok(Cow::Borrowed("topk")),
            "relu" => Ok(Cow::Borrowed(named.unwrap_or("standard"))),
            _ => Err(self.top.unsupported(field, "use a dictionary with the activation function relu or topk")),
        }
    }

    /// How many codes a row keeps.
    fn k(&self) -> Result<usize> {
        if let Some(k) = self.top.size("k")? {
            return Ok(k);
        }
        self.top.inner("activation_fn_kwargs").size("k")?.ok_or_else(|| self.top.missing("k"))
    }
}

/// How rows are normalised before anything else, as a file says it.
enum Normalisation {
    OfRows(InputNormalisation),
    /// By one factor for all rows, which the file does not hold.
    Factor,
}

/// Reads a dictionary.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read(files: &dyn DictionaryFiles, config: &Config, options: &PublishedOptions) -> Result<Published> {
    let path = files.required(&[WEIGHTS])?;
    let mut published = read_tensors(&TensorFile::open(&path)?, config, options)?;
    let folders = files.folders();
    if CENTRED.iter().any(|name| folders.contains(name)) {
        published.warnings.push(
            "the dictionary was trained on a model whose writing weights were centred (`center_writing_weights`): its codes are \
             those of rows whose own mean over the columns has been subtracted"
                .to_owned(),
        );
    }
    Ok(published)
}

/// Reads a dictionary whose configuration and weights are known.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read_tensors(weights: &TensorFile, config: &Config, options: &PublishedOptions) -> Result<Published> {
    let fields = Fields::of(config)?;
    let architecture = fields.architecture()?;
    let transcoder = architecture.ends_with("transcoder") || config.flag("transcoder", false)?;
    let (columns, concepts, outputs) = sides(weights, config, transcoder, &architecture)?;
    let scaled = config.flag("rescale_acts_by_decoder_norm", false)?;
    let subtracted = config.flag("apply_b_dec_to_input", true)? && !transcoder;
    let is_pursuit = architecture == "matching_pursuit";

    let mut parts = AutoencoderParts::new(
        if is_pursuit { Vec::new() } else { weights.matrix("W_enc", [columns, concepts], true)? },
        weights.matrix("W_dec", [concepts, outputs], false)?,
        columns,
        SaeActivation::Relu,
    );
    parts.output_columns = outputs;
    parts.transcoder = transcoder;
    if weights.has("W_skip") {
        parts.skip = weights.matrix("W_skip", [outputs, columns], false)?;
    }
    let bias = weights.vector("b_dec", outputs)?;
    if subtracted {
        parts.offset.clone_from(&bias);
    }
    // Whose atoms are subtracted from the row has no bias of its own.
    if subtracted || !is_pursuit {
        parts.output_offset = bias;
    }
    match &*architecture {
        "gated" => {
            parts.bias = weights.vector("b_gate", concepts)?;
            let mut magnitude_scale = weights.vector("r_mag", concepts)?;
            magnitude_scale.iter_mut().for_each(|value| *value = value.exp());
            let magnitude_bias = weights.vector("b_mag", concepts)?;
            parts.activation = SaeActivation::Gated { magnitude_scale, magnitude_bias };
        }
        "matching_pursuit" => {
            parts.activation = SaeActivation::MatchingPursuit {
                steps: steps(config, columns)?,
                least_residual: config.number("residual_threshold")?.unwrap_or(1e-2) as f32,
                stops_on_repeat: config.flag("stop_on_duplicate_support", true)?,
            };
        }
        _ => parts.bias = weights.vector("b_enc", concepts)?,
    }
    match &*architecture {
        "standard" | "transcoder" | "skip_transcoder" | "gated" | "matching_pursuit" | save::LINEAR => {}
        "topk" => parts.activation = SaeActivation::TopK { k: fields.k()?.min(concepts), signed: false },
        "abstopk" => parts.activation = SaeActivation::TopK { k: fields.k()?.min(concepts), signed: true },
        "jumprelu" | "jumprelu_transcoder" | "jumprelu_skip_transcoder" => {
            let mut thresholds = match weights.first(&["threshold", "log_threshold"]) {
                Some(name) => weights.vector(name, concepts)?,
                None => weights.vector("threshold", concepts)?,
            };
            if !weights.has("threshold") {
                thresholds.iter_mut().for_each(|value| *value = value.exp());
            }
            parts.activation = SaeActivation::JumpRelu { thresholds, strict: true };
        }
        // While they train, these keep the largest codes of a batch; afterwards what is above one threshold.
        "batchtopk" | "matryoshka_batchtopk" => {
            let threshold = weights.number("topk_threshold")? as f32;
            if scaled {
                parts = parts.fold_norms()?;
            }
            parts.activation = SaeActivation::JumpRelu { thresholds: vec![threshold; concepts], strict: true };
        }
        save::GROUPMAX => parts.activation = SaeActivation::GroupMax { groups: fields.k()? },
        _ => {
            let hint = "use a dictionary of one of standard, topk, abstopk, jumprelu, gated, batchtopk, matryoshka_batchtopk, \
                        matching_pursuit and the transcoders";
            return Err(config.unsupported("architecture", hint));
        }
    }
    if scaled && matches!(&*architecture, "topk" | "abstopk") {
        parts = parts.fold_norms()?;
    }
    scale_codes(&mut parts, weights)?;
    let model = fields.text(&["model_name"])?;
    let of_module = fields.text(&["hf_hook_name"])?.map(|path| without_output(&path).to_owned());
    let split_point = match of_module {
        Some(path) => Some(path),
        None => fields.text(&["hook_name", "hook_point"])?,
    };
    let mut published = Published::new(FORMAT, parts).of(model, split_point);
    published.is_linear = architecture == save::LINEAR;
    if transcoder {
        let of_module = fields.text(&["hf_hook_name_out"])?.map(|path| without_output(&path).to_owned());
        published.output_split_point = match of_module {
            Some(path) => Some(path),
            None => fields.text(&["hook_name_out"])?,
        };
    }
    match normalisation(config)? {
        Normalisation::OfRows(normalisation) => published.parts.normalisation = normalisation,
        Normalisation::Factor => published = published.with_input_factor(options.input_factor)?,
    }
    for field in ["hook_head_index", "hook_point_head_index"] {
        let head = [&fields.metadata, config].into_iter().find_map(|place| place.get(field)?.as_u64());
        if let Some(head) = head {
            published.warnings.push(format!(
                "the dictionary is for head {head} of its split point alone: give it rows of that head's columns"
            ));
        }
    }
    Ok(published)
}

/// How many steps of matching pursuit there are at most.
fn steps(config: &Config, columns: usize) -> Result<usize> {
    let field = "max_iterations";
    match config.size(field)? {
        None => Ok(columns),
        Some(steps) if steps <= MOST_STEPS => Ok(steps),
        Some(_) => Err(config.wrong(field, &format!("a count up to {MOST_STEPS}"))),
    }
}

/// The columns of the rows, the concepts, and the columns of the output: as the tensors have them, which must be as the file says.
fn sides(weights: &TensorFile, config: &Config, transcoder: bool, architecture: &str) -> Result<(usize, usize, usize)> {
    let [concepts, outputs] = weights.sides("W_dec")?;
    let columns = if architecture == "matching_pursuit" { outputs } else { weights.sides("W_enc")?[0] };
    let said_outputs = if transcoder { config.size("d_out")? } else { config.size("d_in")? };
    for (field, said, found) in [
        ("d_in", config.size("d_in")?, columns),
        ("d_sae", config.size("d_sae")?, concepts),
        ("d_out", said_outputs, outputs),
    ] {
        if said.is_some_and(|said| said != found) {
            let message = format!(
                "`{}` says that `{field}` is {}, but the tensors of `{}` have {found}",
                config.name(),
                said.unwrap_or(0),
                weights.name()
            );
            return Err(Error::new(ErrorCode::InvalidFile, message)
                .hint("take configuration and weights from the same dictionary")
                .detail("path", weights.name())
                .detail("field", field));
        }
    }
    Ok((columns, concepts, outputs))
}

/// Versions 3 to 5 multiplied the codes by a factor of each concept before they were decoded.
fn scale_codes(parts: &mut AutoencoderParts, weights: &TensorFile) -> Result<()> {
    let Some(name) = weights.first(&["scaling_factor", "finetuning_scaling_factor"]) else { return Ok(()) };
    let factors = weights.vector(name, parts.concept_count())?;
    if matches!(parts.activation, SaeActivation::MatchingPursuit { .. }) {
        return Ok(());
    }
    for (row, factor) in parts.dictionary.chunks_exact_mut(parts.output_columns).zip(factors) {
        row.iter_mut().for_each(|value| *value *= factor);
    }
    Ok(())
}

fn normalisation(config: &Config) -> Result<Normalisation> {
    let field = "normalize_activations";
    let of_rows = |normalisation| Ok(Normalisation::OfRows(normalisation));
    match config.get(field) {
        None => of_rows(InputNormalisation::None),
        Some(value) => match (value.as_bool(), value.as_str()) {
            (Some(false), _) | (_, Some("none")) => of_rows(InputNormalisation::None),
            (Some(true), _) | (_, Some("expected_average_only_in")) => Ok(Normalisation::Factor),
            (_, Some("constant_norm_rescale")) => of_rows(InputNormalisation::ConstantNorm),
            (_, Some("layer_norm")) => of_rows(InputNormalisation::LayerNorm),
            _ => Err(config.unsupported(field, "save the dictionary with its normalisation folded into the weights")),
        },
    }
}
