//! The file of an explainer: one safetensors file whose metadata describe its tensors.
//!
//! A file may carry what rooms above this one know about the concepts, such as their interpretation, as a tensor of bytes. An explainer
//! opens whatever that is; readers from before files carried anything leave it aside.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::Encoder;
use super::distribution::Distributions;
use super::registry;
use super::report::FitReport;
use super::tensors::{NamedTensor, Tensors, invalid};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::rows::Provenance;
use crate::safetensors_file;

/// The metadata key that holds the description of the explainer, and by which its file is recognised.
pub(super) const FORMAT: &str = "eidos.explainer";
/// Version 1 has a report for ICA alone; it can still be read.
pub(super) const VERSION: u32 = 2;
/// The largest file that is read; a dictionary of a hundred thousand concepts of ten thousand columns fits.
const FILE_LIMIT: u64 = 16 << 30;

/// The description of an explainer: the JSON in the header of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) version: u32,
    pub(super) method: String,
    pub(super) options: serde_json::Value,
    pub(super) report: FitReport,
    pub(super) provenance: Provenance,
}

/// What a file carries beside the explainer: the bytes of another room, under a name of theirs.
pub(crate) type Attachment<'a> = (&'a str, &'a [u8]);

/// Writes an explainer to one file, completely or not at all, with what it carries.
pub(super) fn write(
    path: &Path,
    about: &About,
    tensors: &[NamedTensor<'_>],
    attachment: Option<Attachment<'_>>,
) -> Result<()> {
    let broken = |error: &dyn std::fmt::Display| Error::internal(format!("cannot describe the explainer: {error}"));
    let measures = &about.report.measures;
    let about = serde_json::to_string(about).map_err(|error| broken(&error))?;
    // Only one entry: a map has no order, and the same explainer must give the same bytes.
    let metadata = HashMap::from([(FORMAT.to_owned(), about)]);
    let not_finite = |what: String| {
        Err(Error::new(ErrorCode::InvalidData, format!("{what} holds values that are not finite"))
            .hint("fit the concepts again, on rows that are neither tiny nor huge"))
    };
    if let Some(tensor) = tensors.iter().find(|tensor| !tensor.is_finite()) {
        return not_finite(format!("the tensor `{}` of the explainer", tensor.name));
    }
    if let Some(measure) = measures.iter().find(|measure| !measure.values.iter().all(|value| value.is_finite())) {
        return not_finite(format!("the measure `{}` of the fit", measure.name));
    }
    let attached = attachment.map(|(name, bytes)| (name, Dtype::U8, vec![bytes.len()], bytes));
    let views = tensors
        .iter()
        .map(|tensor| (tensor.name, tensor.dtype, tensor.shape.clone(), tensor.bytes))
        .chain(attached)
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(dtype, shape, bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| broken(&error))?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(&error))?;
    write_atomically(path, |writer| writer.write_all(&bytes))
}

/// What the file of an explainer holds.
pub(super) struct Found {
    pub(super) model: Arc<dyn Encoder>,
    pub(super) about: About,
    pub(super) distributions: Option<Distributions>,
    pub(super) attached: Option<Vec<u8>>,
}

/// Reads a file that [`write`] wrote, and what it carries under the name `attached`.
pub(super) fn read(path: &Path, attached: Option<&str>) -> Result<Found> {
    let bytes = read_limited(path, FILE_LIMIT)?;
    from_bytes(&bytes, attached)
        .map_err(|error| error.within(format!("`{}`", path.display())).detail("path", path.display()))
}

/// What the file of an explainer carries under a name, without what else there is; `None` where it carries nothing.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] for a file that is not a whole one of an explainer.
pub(crate) fn attachment<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>> {
    let tensors = safetensors_file::open(bytes).map_err(|what| invalid(format!("the file {what}")))?;
    let (_, header) = safetensors_file::header(bytes).map_err(|what| invalid(format!("the file {what}")))?;
    if header.metadata().as_ref().is_none_or(|metadata| !metadata.contains_key(FORMAT)) {
        return Err(invalid("a safetensors file, but not an explainer".to_owned()));
    }
    attached_to(&tensors, name)
}

fn attached_to<'a>(tensors: &SafeTensors<'a>, name: &str) -> Result<Option<&'a [u8]>> {
    let Ok(tensor) = tensors.tensor(name) else { return Ok(None) };
    if tensor.dtype() != Dtype::U8 || tensor.shape().len() != 1 {
        let (found, shape) = (tensor.dtype(), tensor.shape());
        return Err(invalid(format!("its tensor `{name}` is {found:?} {shape:?} instead of bytes")));
    }
    Ok(Some(tensor.data()))
}

fn from_bytes(bytes: &[u8], attached: Option<&str>) -> Result<Found> {
    let whole = |what: String| invalid(format!("the file {what}"));
    let (_, header) = safetensors_file::header(bytes).map_err(whole)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let Some(about) = metadata.get(FORMAT) else {
        return Err(invalid("a safetensors file, but not an explainer".to_owned()));
    };
    let version = serde_json::from_str::<serde_json::Value>(about).ok().and_then(|about| about["version"].as_u64());
    if version.is_some_and(|version| version > u64::from(VERSION)) {
        let message = format!("an explainer of version {}; this Eidos reads version {VERSION}", version.unwrap_or(0));
        return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
    }
    let about: About =
        serde_json::from_str(about).map_err(|error| invalid(format!("its description cannot be read: {error}")))?;
    let tensors = safetensors_file::open(bytes).map_err(whole)?;
    let attached = match attached {
        Some(name) => attached_to(&tensors, name)?.map(<[u8]>::to_vec),
        None => None,
    };
    let tensors = Tensors::new(tensors);
    let Some(model) = registry::read(&about.method, &tensors) else {
        let message = format!("an explainer of the method `{}`, which this Eidos does not know", about.method);
        return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
    };
    let model = model?;
    let distributions = Distributions::read(&tensors, model.concept_count())?;
    Ok(Found { model, about, distributions, attached })
}
