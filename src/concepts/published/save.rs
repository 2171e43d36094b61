//! Dictionaries written for other programs: as a folder of SAELens, and as one safetensors file that says itself what it is.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::Config;
use super::sae_lens::WEIGHTS;
use crate::concepts::Explainer;
use crate::concepts::sae::{AutoencoderParts, InputNormalisation, SaeActivation};
use crate::error::{Error, ErrorCode, Result};
use crate::files::write_atomically;
use crate::linalg::times_transposed;
use crate::tensor_files::TensorFile;

/// The version of SAELens whose layout is written.
const VERSION: &str = "6.0.0";
/// The key of the configuration in the metadata of a file that stands alone.
const CONFIG: &str = "cfg";
/// The architectures that SAELens does not have.
pub(super) const LINEAR: &str = "linear";
pub(super) const GROUPMAX: &str = "groupmax";
/// How many columns of a matrix are written at a time as rows.
const COLUMNS: usize = 64;

/// The formats in which a dictionary is written for other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DictionaryFormat {
    /// A folder of SAELens 6: `cfg.json` and `sae_weights.safetensors`, which `SAE.load_from_disk` opens.
    SaeLens,
    /// One safetensors file of the same tensors, with the same configuration as `cfg` in its metadata. It takes every explainer
    /// with a dictionary, also those that SAELens has no class for.
    Safetensors,
}

/// The configuration that a file holds in its metadata, where it stands alone.
pub(super) fn config_of(weights: &TensorFile) -> Result<Option<Config>> {
    let config = weights.metadata().get(CONFIG);
    config.map(|config| Config::of_bytes(weights.name().to_owned(), config.as_bytes())).transpose()
}

impl Explainer {
    /// Writes the dictionary for other programs: whole or not at all, each file. As SAELens has it, `path` is a folder, which is
    /// made if need be. What only Eidos knows, such as the report of a fit, is left out.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for a method without a dictionary, and for one that the format cannot say;
    /// [`ErrorCode::Io`] when the system refuses.
    pub fn save_as(&self, path: &Path, format: DictionaryFormat) -> Result<()> {
        let (parts, is_linear) = self.autoencoder()?;
        let file = File::of(&parts, is_linear)?;
        let config = file.config(self);
        match format {
            DictionaryFormat::Safetensors => {
                let metadata = json!({ "format": "pt", CONFIG: config.to_string() });
                write(path, &metadata, &file.tensors)
            }
            DictionaryFormat::SaeLens => {
                if let Some(what) = file.beyond {
                    return Err(Error::new(ErrorCode::Unsupported, format!("SAELens has no class for {what}"))
                        .hint("save it as one safetensors file"));
                }
                std::fs::create_dir_all(path).map_err(|error| Error::io(path, "make", &error))?;
                write(&path.join(WEIGHTS), &json!({ "format": "pt" }), &file.tensors)?;
                let text = config.to_string();
                write_atomically(&path.join("cfg.json"), |writer| writer.write_all(text.as_bytes()))
            }
        }
    }

    /// The parts of its dictionary, and whether its codes are of either sign.
    fn autoencoder(&self) -> Result<(Cow<'_, AutoencoderParts>, bool)> {
        let model = self.encoder();
        if let Some(parts) = model.autoencoder() {
            return Ok((Cow::Borrowed(parts), false));
        }
        let (Some(linear), Some(decoder)) = (model.linear(), model.decoder()) else {
            let method = self.method();
            return Err(Error::new(ErrorCode::Unsupported, format!("the method `{method}` has no dictionary to save"))
                .hint("save it with `save`, as a file of Eidos"));
        };
        let columns = self.input_width();
        let offset: Vec<f32> = linear.offset.iter().map(|&value| value as f32).collect();
        let parts = AutoencoderParts {
            bias: linear.bias.to_vec(),
            output_offset: offset.clone(),
            offset,
            provenance: self.provenance().clone(),
            ..AutoencoderParts::new(
                linear.weights.to_vec(),
                decoder.dictionary().to_vec(),
                columns,
                SaeActivation::Relu,
            )
        };
        Ok((Cow::Owned(parts), !linear.rectified))
    }
}

/// A tensor to be written.
struct Tensor<'a> {
    name: &'static str,
    shape: Vec<usize>,
    values: Cow<'a, [f32]>,
    /// Whether the values are the columns of what is written, one after the other.
    transposed: bool,
}

/// What a dictionary is in SAELens' terms.
struct File<'a> {
    parts: &'a AutoencoderParts,
    architecture: &'static str,
    /// What of it SAELens has no class for.
    beyond: Option<&'static str>,
    /// Whether the offset of the output is subtracted from the rows.
    subtracts: bool,
    tensors: Vec<Tensor<'a>>,
}

impl<'a> File<'a> {
    fn of(parts: &'a AutoencoderParts, is_linear: bool) -> Result<Self> {
        let (concepts, columns, outputs) = (parts.concept_count(), parts.columns, parts.output_columns);
        let is_pursuit = matches!(parts.activation, SaeActivation::MatchingPursuit { .. });
        let offset_is_zero = parts.offset.iter().all(|value| *value == 0.0);
        let same =
            |left: &[f32], right: &[f32]| left == right || (left.is_empty() && right.iter().all(|value| *value == 0.0));
        let subtracts = !parts.transcoder && !offset_is_zero && same(&parts.offset, &parts.output_offset);
        let ends = if is_pursuit && !subtracts {
            offset_is_zero && parts.output_offset.iter().all(|value| *value == 0.0)
        } else {
            true
        };
        if !ends || (is_pursuit && !parts.encoder.is_empty() && parts.encoder != parts.dictionary) {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "matching pursuit is saved only where its encoder is its dictionary, and it subtracts what it adds",
            )
            .hint("save it with `save`, as a file of Eidos"));
        }
        // What is subtracted and not added again goes into the biases.
        let shift = if subtracts || offset_is_zero || is_pursuit { None } else { Some(shift_of(parts)?) };
        let (architecture, beyond) = architecture(parts, is_linear);
        let plain =
            |name, shape, values: &'a [f32]| Tensor { name, shape, values: Cow::Borrowed(values), transposed: false };
        let or_zeros = |name, values: &'a [f32], length: usize| Tensor {
            name,
            shape: vec![length],
            values: if values.is_empty() { Cow::Owned(vec![0.0; length]) } else { Cow::Borrowed(values) },
            transposed: false,
        };
        let mut tensors = vec![
            plain("W_dec", vec![concepts, outputs], &parts.dictionary),
            or_zeros("b_dec", &parts.output_offset, outputs),
        ];
        if !is_pursuit {
            let values = Cow::Borrowed(parts.encoder.as_slice());
            tensors.push(Tensor { name: "W_enc", shape: vec![columns, concepts], values, transposed: true });
            let gated = matches!(parts.activation, SaeActivation::Gated { .. });
            let mut bias = or_zeros(if gated { "b_gate" } else { "b_enc" }, &parts.bias, concepts);
            subtract(&mut bias.values, shift.as_deref(), None);
            tensors.push(bias);
        }
        match &parts.activation {
            SaeActivation::JumpRelu { thresholds, strict } => {
                let mut thresholds = plain("threshold", vec![concepts], thresholds);
                if !strict {
                    // A code that equals its threshold is above the number before that.
                    thresholds.values.to_mut().iter_mut().for_each(|value| *value = value.next_down().max(f32::MIN));
                }
                tensors.push(thresholds);
            }
            SaeActivation::Gated { magnitude_scale, magnitude_bias } => {
                let mut bias = plain("b_mag", vec![concepts], magnitude_bias);
                subtract(&mut bias.values, shift.as_deref(), Some(magnitude_scale));
                let scale = magnitude_scale.iter().map(|value| value.max(f32::MIN_POSITIVE).ln()).collect();
                tensors.push(bias);
                tensors.push(Tensor {
                    name: "r_mag",
                    shape: vec![concepts],
                    values: Cow::Owned(scale),
                    transposed: false,
                });
            }
            _ => {}
        }
        if !parts.skip.is_empty() {
            tensors.push(plain("W_skip", vec![outputs, columns], &parts.skip));
        }
        Ok(Self { parts, architecture, beyond, subtracts, tensors })
    }

    /// The configuration, as SAELens writes it.
    fn config(&self, explainer: &Explainer) -> Value {
        let parts = self.parts;
        let normalisation = match parts.normalisation {
            InputNormalisation::None => "none",
            InputNormalisation::ConstantNorm => "constant_norm_rescale",
            InputNormalisation::LayerNorm => "layer_norm",
        };
        let mut config = Map::new();
        let mut set = |name: &str, value: Value| drop(config.insert(name.to_owned(), value));
        set("architecture", json!(self.architecture));
        set("d_in", json!(parts.columns));
        set("d_sae", json!(parts.concept_count()));
        set("dtype", json!("float32"));
        set("device", json!("cpu"));
        set("apply_b_dec_to_input", json!(self.subtracts));
        set("normalize_activations", json!(normalisation));
        set("reshape_activations", json!("none"));
        if parts.transcoder {
            set("d_out", json!(parts.output_columns));
            if !self.architecture.ends_with("transcoder") {
                set("transcoder", json!(true));
            }
        }
        match &parts.activation {
            SaeActivation::TopK { k, .. } => {
                set("k", json!(k));
                set("rescale_acts_by_decoder_norm", json!(false));
            }
            SaeActivation::GroupMax { groups } => set("k", json!(groups)),
            SaeActivation::MatchingPursuit { steps, least_residual, stops_on_repeat } => {
                set("max_iterations", json!(steps));
                set("residual_threshold", json!(least_residual));
                set("stop_on_duplicate_support", json!(stops_on_repeat));
            }
            SaeActivation::Relu | SaeActivation::JumpRelu { .. } | SaeActivation::Gated { .. } => {}
        }
        let mut metadata = Map::new();
        metadata.insert("sae_lens_version".to_owned(), json!(VERSION));
        metadata.insert("sae_lens_training_version".to_owned(), Value::Null);
        let provenance = explainer.provenance();
        if let Some(model) = &provenance.model {
            metadata.insert("model_name".to_owned(), json!(model));
        }
        let output = explainer.options().get("output_split_point").and_then(Value::as_str);
        let points = [
            (provenance.split_point.as_deref(), "hook_name", "hf_hook_name"),
            (output, "hook_name_out", "hf_hook_name_out"),
        ];
        for (point, hook, module) in points {
            let Some(point) = point else { continue };
            metadata.insert(hook.to_owned(), json!(point));
            if !point.contains("hook_") {
                metadata.insert(module.to_owned(), json!(point));
            }
        }
        config.insert("metadata".to_owned(), Value::Object(metadata));
        Value::Object(config)
    }
}

/// What SAELens calls a dictionary, and what of it there is no class for.
fn architecture(parts: &AutoencoderParts, is_linear: bool) -> (&'static str, Option<&'static str>) {
    if is_linear {
        return (LINEAR, Some("codes of either sign, as the method has them"));
    }
    let has_skip = !parts.skip.is_empty();
    match (&parts.activation, parts.transcoder) {
        (SaeActivation::Relu, false) => ("standard", None),
        (SaeActivation::Relu, true) => (if has_skip { "skip_transcoder" } else { "transcoder" }, None),
        (SaeActivation::JumpRelu { .. }, false) => ("jumprelu", None),
        (SaeActivation::JumpRelu { .. }, true) => {
            (if has_skip { "jumprelu_skip_transcoder" } else { "jumprelu_transcoder" }, None)
        }
        (SaeActivation::TopK { signed, .. }, transcoder) => {
            let beyond = transcoder.then_some("a transcoder with the activation top-k");
            (if *signed { "abstopk" } else { "topk" }, beyond)
        }
        (SaeActivation::Gated { .. }, transcoder) => ("gated", transcoder.then_some("a gated transcoder")),
        (SaeActivation::GroupMax { .. }, _) => (GROUPMAX, Some("the activation groupmax")),
        (SaeActivation::MatchingPursuit { .. }, _) => ("matching_pursuit", None),
    }
}

/// What the offset of the rows takes from each pre-activation.
fn shift_of(parts: &AutoencoderParts) -> Result<Vec<f32>> {
    let mut shift = vec![0.0; parts.concept_count()];
    times_transposed(&mut shift, &parts.offset, &parts.encoder, parts.columns)?;
    Ok(shift)
}

fn subtract(values: &mut Cow<'_, [f32]>, shift: Option<&[f32]>, scale: Option<&[f32]>) {
    let Some(shift) = shift else { return };
    for (index, (value, shift)) in values.to_mut().iter_mut().zip(shift).enumerate() {
        *value -= shift * scale.and_then(|scale| scale.get(index)).unwrap_or(&1.0);
    }
}

/// Writes a safetensors file tensor by tensor, so that no second copy of a matrix is in memory.
fn write(path: &Path, metadata: &Value, tensors: &[Tensor<'_>]) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), metadata.clone());
    let mut end = 0_usize;
    for tensor in tensors {
        let start = end;
        end += size_of_val(&*tensor.values);
        let entry = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end] });
        header.insert(tensor.name.to_owned(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The values begin at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    write_atomically(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        tensors.iter().try_for_each(|tensor| write_values(writer, tensor))
    })
}

fn write_values(writer: &mut dyn Write, tensor: &Tensor<'_>) -> std::io::Result<()> {
    let [rows, columns] = match *tensor.shape.as_slice() {
        [rows, columns] if tensor.transposed => [rows, columns],
        _ => return writer.write_all(bytemuck::cast_slice(&tensor.values)),
    };
    let mut some = Vec::with_capacity(COLUMNS.min(rows) * columns);
    for first in (0..rows).step_by(COLUMNS) {
        let count = COLUMNS.min(rows - first);
        some.clear();
        some.resize(count * columns, 0.0_f32);
        for (column, values) in tensor.values.chunks_exact(rows).enumerate() {
            for (row, value) in values[first..first + count].iter().enumerate() {
                some[row * columns + column] = *value;
            }
        }
        writer.write_all(bytemuck::cast_slice(&some))?;
    }
    Ok(())
}
