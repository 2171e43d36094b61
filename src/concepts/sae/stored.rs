//! The tensors of a sparse autoencoder in the file of an explainer.

use safetensors::Dtype;

use super::activation::SaeActivation;
use super::normalisation::InputNormalisation;
use super::parts::AutoencoderParts;
use crate::concepts::tensors::{NamedTensor, Tensors, invalid};
use crate::error::Result;
use crate::rows::Provenance;

/// What is not a matrix: the number of the activation, two numbers of it, the number of the normalisation, and whether it is a
/// transcoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    numbers: [u64; 5],
    least_residual: [u32; 1],
}

impl Settings {
    pub(super) fn of(parts: &AutoencoderParts) -> Self {
        let mut residual = 0.0;
        let [kind, first, second] = match &parts.activation {
            SaeActivation::Relu => [0, 0, 0],
            SaeActivation::TopK { k, signed } => [1, *k as u64, u64::from(*signed)],
            SaeActivation::JumpRelu { strict, .. } => [2, 0, u64::from(*strict)],
            SaeActivation::Gated { .. } => [3, 0, 0],
            SaeActivation::GroupMax { groups } => [4, *groups as u64, 0],
            SaeActivation::MatchingPursuit { steps, least_residual, stops_on_repeat } => {
                residual = *least_residual;
                [5, *steps as u64, u64::from(*stops_on_repeat)]
            }
        };
        let normalisation = match parts.normalisation {
            InputNormalisation::None => 0,
            InputNormalisation::ConstantNorm => 1,
            InputNormalisation::LayerNorm => 2,
        };
        Self {
            numbers: [kind, first, second, normalisation, u64::from(parts.transcoder)],
            least_residual: [residual.to_bits()],
        }
    }
}

/// The tensors from which a file can restore the parts. Those that are empty are left out.
pub(super) fn tensors<'a>(parts: &'a AutoencoderParts, settings: &'a Settings) -> Vec<NamedTensor<'a>> {
    let (concepts, columns, outputs) = (parts.concept_count(), parts.columns, parts.output_columns);
    let mut values: Vec<(&str, &[f32], Vec<usize>)> = vec![
        ("encoder", &parts.encoder, vec![concepts, columns]),
        ("dictionary", &parts.dictionary, vec![concepts, outputs]),
        ("bias", &parts.bias, vec![concepts]),
        ("offset", &parts.offset, vec![columns]),
        ("output_offset", &parts.output_offset, vec![outputs]),
        ("skip", &parts.skip, vec![outputs, columns]),
    ];
    match &parts.activation {
        SaeActivation::JumpRelu { thresholds, .. } => values.push(("thresholds", thresholds, vec![concepts])),
        SaeActivation::Gated { magnitude_scale, magnitude_bias } => {
            values.push(("magnitude_scale", magnitude_scale, vec![concepts]));
            values.push(("magnitude_bias", magnitude_bias, vec![concepts]));
        }
        SaeActivation::MatchingPursuit { .. } => {
            values.push(("least_residual", bytemuck::cast_slice(&settings.least_residual), vec![1]));
        }
        _ => {}
    }
    let named = |(name, values, shape): (&'a str, &'a [f32], Vec<usize>)| NamedTensor {
        name,
        dtype: Dtype::F32,
        shape,
        bytes: bytemuck::cast_slice(values),
    };
    let mut tensors: Vec<_> = values.into_iter().filter(|(_, values, _)| !values.is_empty()).map(named).collect();
    let numbers = bytemuck::cast_slice(&settings.numbers);
    tensors.push(NamedTensor {
        name: "settings",
        dtype: Dtype::U64,
        shape: vec![settings.numbers.len()],
        bytes: numbers,
    });
    tensors
}

/// Reads what [`tensors`] gave.
pub(super) fn read(tensors: &Tensors<'_>) -> Result<AutoencoderParts> {
    let shape = tensors.matrix_shape("encoder")?;
    let output = tensors.matrix_shape("dictionary")?;
    let ([concepts, columns], outputs) = (shape, output[1]);
    let optional = |name: &str, shape: &[usize]| {
        if tensors.has(name) { tensors.f32(name, shape) } else { Ok(Vec::new()) }
    };
    let damaged = || invalid("its settings of a sparse autoencoder are damaged".to_owned());
    let [kind, first, second, normalisation, transcoder] =
        tensors.u64("settings")?.try_into().map_err(|_| damaged())?;
    let number = usize::try_from(first).map_err(|_| damaged())?;
    let flag = |number: u64| if number < 2 { Ok(number == 1) } else { Err(damaged()) };
    let activation = match kind {
        0 => SaeActivation::Relu,
        1 => SaeActivation::TopK { k: number, signed: flag(second)? },
        2 => SaeActivation::JumpRelu { thresholds: tensors.f32("thresholds", &[concepts])?, strict: flag(second)? },
        3 => SaeActivation::Gated {
            magnitude_scale: tensors.f32("magnitude_scale", &[concepts])?,
            magnitude_bias: tensors.f32("magnitude_bias", &[concepts])?,
        },
        4 => SaeActivation::GroupMax { groups: number },
        5 => SaeActivation::MatchingPursuit {
            steps: number,
            least_residual: tensors.f32("least_residual", &[1])?[0],
            stops_on_repeat: flag(second)?,
        },
        _ => return Err(damaged()),
    };
    let parts = AutoencoderParts {
        encoder: tensors.f32("encoder", &shape)?,
        bias: optional("bias", &[concepts])?,
        dictionary: tensors.f32("dictionary", &[concepts, outputs])?,
        offset: optional("offset", &[columns])?,
        output_offset: optional("output_offset", &[outputs])?,
        skip: optional("skip", &[outputs, columns])?,
        activation,
        normalisation: match normalisation {
            0 => InputNormalisation::None,
            1 => InputNormalisation::ConstantNorm,
            2 => InputNormalisation::LayerNorm,
            _ => return Err(damaged()),
        },
        transcoder: flag(transcoder)?,
        columns,
        output_columns: outputs,
        provenance: Provenance::default(),
    };
    // What a file says wrongly is a wrong file, not a wrong argument of the caller's.
    parts.check().map_err(|error| invalid(error.message().to_owned()))?;
    Ok(parts)
}
