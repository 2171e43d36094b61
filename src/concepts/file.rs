//! The file of an explainer: one safetensors file whose metadata describe its tensors.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::TensorView;
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

/// Writes an explainer to one file, completely or not at all.
pub(super) fn write(path: &Path, about: &About, tensors: &[NamedTensor<'_>]) -> Result<()> {
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
    let views = tensors
        .iter()
        .map(|tensor| Ok((tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), tensor.bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| broken(&error))?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(&error))?;
    write_atomically(path, |writer| writer.write_all(&bytes))
}

/// Reads a file that [`write`] wrote.
pub(super) fn read(path: &Path) -> Result<(Arc<dyn Encoder>, About, Option<Distributions>)> {
    let bytes = read_limited(path, FILE_LIMIT)?;
    from_bytes(&bytes).map_err(|error| error.within(format!("`{}`", path.display())).detail("path", path.display()))
}

fn from_bytes(bytes: &[u8]) -> Result<(Arc<dyn Encoder>, About, Option<Distributions>)> {
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
    let tensors = Tensors::new(safetensors_file::open(bytes).map_err(whole)?);
    let Some(model) = registry::read(&about.method, &tensors) else {
        let message = format!("an explainer of the method `{}`, which this Eidos does not know", about.method);
        return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
    };
    let model = model?;
    let distributions = Distributions::read(&tensors, model.concept_count())?;
    Ok((model, about, distributions))
}
