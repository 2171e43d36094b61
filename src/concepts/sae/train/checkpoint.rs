//! The state of a training in a file, from which it goes on to the same bits.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::state::{SCALARS, State, Trained};
use super::step::Settings;
use crate::concepts::tensors::Tensors;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::safetensors_file;

/// The metadata key that holds what the training is, and by which its file is recognised.
const FORMAT: &str = "eidos.sae.training";
/// The largest file that is read.
const FILE_LIMIT: u64 = 64 << 30;

/// The parts of a state with their names and shapes.
fn trained<'a>(state: &'a State, settings: &Settings) -> [(&'static str, &'a Trained, Vec<usize>); 4] {
    let concepts = settings.concepts;
    [
        ("encoder", &state.encoder, vec![concepts, settings.columns]),
        ("dictionary", &state.dictionary, vec![concepts, settings.outputs]),
        ("scalars", &state.scalars, vec![concepts, SCALARS]),
        ("offset", &state.offset, vec![settings.outputs]),
    ]
}

/// Writes a state; `about` says what the training is.
///
/// # Errors
/// [`ErrorCode::Io`] when the system refuses.
pub(super) fn write(path: &Path, about: &str, state: &State, settings: &Settings) -> Result<()> {
    let broken = |error: &dyn std::fmt::Display| Error::internal(format!("cannot write a checkpoint: {error}"));
    let numbers = [state.penalty.to_bits(), state.lately.to_bits(), state.step as u64];
    let mut tensors: Vec<(String, Dtype, Vec<usize>, &[u8])> = Vec::new();
    for (name, part, shape) in trained(state, settings) {
        for (which, values) in [("values", &part.values), ("first", &part.first), ("second", &part.second)] {
            tensors.push((format!("{name}.{which}"), Dtype::F32, shape.clone(), bytemuck::cast_slice(values)));
        }
    }
    let input_offset = bytemuck::cast_slice(&state.input_offset);
    tensors.push(("input_offset".to_owned(), Dtype::F32, vec![state.input_offset.len()], input_offset));
    tensors.push(("factors".to_owned(), Dtype::F32, vec![2], bytemuck::cast_slice(&state.factors)));
    tensors.push(("silent".to_owned(), Dtype::U64, vec![state.silent.len()], bytemuck::cast_slice(&state.silent)));
    tensors.push(("numbers".to_owned(), Dtype::U64, vec![numbers.len()], bytemuck::cast_slice(&numbers)));
    let views = tensors
        .into_iter()
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(dtype, shape, bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| broken(&error))?;
    let metadata = HashMap::from([(FORMAT.to_owned(), about.to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(&error))?;
    write_atomically(path, |writer| writer.write_all(&bytes))
}

/// Reads what [`write`] wrote for the same training; `None` where there is no file.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] for a file that is damaged or not a checkpoint; [`ErrorCode::Mismatch`] for one of another training.
pub(super) fn read(path: &Path, about: &str, settings: &Settings) -> Result<Option<State>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_limited(path, FILE_LIMIT)?;
    let named = |error: Error| error.within(format!("`{}`", path.display())).detail("path", path.display());
    state_in(&bytes, about, settings).map(Some).map_err(named)
}

fn state_in(bytes: &[u8], about: &str, settings: &Settings) -> Result<State> {
    let invalid = |what: String| {
        Error::new(ErrorCode::InvalidFile, what).hint("remove the file to train from the start, or name another one")
    };
    let (_, header) = safetensors_file::header(bytes).map_err(|what| invalid(format!("the file {what}")))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let Some(found) = metadata.get(FORMAT) else {
        return Err(invalid("not the checkpoint of a training".to_owned()));
    };
    if found != about {
        return Err(Error::new(ErrorCode::Mismatch, "the checkpoint of a training with other options or rows")
            .hint("give the options and rows that it began with, or name another file")
            .detail("checkpoint", found)
            .detail("training", about));
    }
    let file: SafeTensors<'_> = safetensors_file::open(bytes).map_err(|what| invalid(format!("the file {what}")))?;
    let input_width = file.tensor("input_offset").ok().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0);
    let tensors = Tensors::new(file);
    let part = |name: &str, shape: &[usize]| {
        Ok::<_, Error>(Trained {
            values: tensors.f32(&format!("{name}.values"), shape)?,
            first: tensors.f32(&format!("{name}.first"), shape)?,
            second: tensors.f32(&format!("{name}.second"), shape)?,
        })
    };
    let concepts = settings.concepts;
    let numbers = tensors.u64("numbers")?;
    let silent = tensors.u64("silent")?;
    let ([penalty, lately, step], [input, output]) = (
        numbers.try_into().map_err(|_| invalid("its numbers are damaged".to_owned()))?,
        tensors.f32("factors", &[2])?.try_into().map_err(|_| invalid("its factors are damaged".to_owned()))?,
    );
    if silent.len() != concepts || (input_width != 0 && input_width != settings.columns) {
        return Err(invalid("its parts do not go together".to_owned()));
    }
    Ok(State {
        encoder: part("encoder", &[concepts, settings.columns])?,
        dictionary: part("dictionary", &[concepts, settings.outputs])?,
        scalars: part("scalars", &[concepts, SCALARS])?,
        offset: part("offset", &[settings.outputs])?,
        input_offset: if input_width == 0 { Vec::new() } else { tensors.f32("input_offset", &[input_width])? },
        factors: [input, output],
        silent,
        penalty: f64::from_bits(penalty),
        lately: f64::from_bits(lately),
        step: usize::try_from(step).map_err(|_| invalid("its step is damaged".to_owned()))?,
    })
}
