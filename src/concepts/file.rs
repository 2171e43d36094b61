//! The file of an explainer: one safetensors file, whose metadata say what its tensors are.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::Encoder;
use super::registry;
use super::report::FitReport;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::rows::Provenance;
use crate::safetensors_file;

/// The entry of the metadata that describes an explainer, and tells its file from another one.
const FORMAT: &str = "eidos.explainer";
/// Version 1 had the report of ICA alone, and is read as well.
pub(super) const VERSION: u32 = 2;
/// A dictionary of a hundred thousand concepts of ten thousand columns; anything larger is not an explainer.
const FILE_LIMIT: u64 = 16 << 30;

/// What is known of an explainer beside its numbers; the JSON in the header of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) version: u32,
    pub(super) method: String,
    pub(super) options: serde_json::Value,
    pub(super) report: FitReport,
    pub(super) provenance: Provenance,
}

/// Writes an explainer to one file, whole or not at all.
pub(super) fn write(path: &Path, about: &About, tensors: &[NamedTensor<'_>]) -> Result<()> {
    let broken = |error: &dyn std::fmt::Display| Error::internal(format!("cannot describe the explainer: {error}"));
    let measures = &about.report.measures;
    let about = serde_json::to_string(about).map_err(|error| broken(&error))?;
    // One entry only: a map has no order, and the same explainer must be the same bytes.
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

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> Result<(Arc<dyn Encoder>, About)> {
    let bytes = read_limited(path, FILE_LIMIT)?;
    from_bytes(&bytes).map_err(|error| error.within(format!("`{}`", path.display())).detail("path", path.display()))
}

fn from_bytes(bytes: &[u8]) -> Result<(Arc<dyn Encoder>, About)> {
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
    let tensors = Tensors(safetensors_file::open(bytes).map_err(whole)?);
    let Some(model) = registry::read(&about.method, &tensors) else {
        let message = format!("an explainer of the method `{}`, which this Eidos does not know", about.method);
        return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
    };
    Ok((model?, about))
}

fn invalid(what: String) -> Error {
    Error::new(ErrorCode::InvalidFile, what).hint("restore the file, or fit the concepts again")
}

/// A tensor of a concept model, to be written.
#[derive(Debug)]
pub struct NamedTensor<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// The type of its values.
    pub dtype: Dtype,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its values, row-major and little-endian.
    pub bytes: &'a [u8],
}

impl NamedTensor<'_> {
    /// Whether every value is a finite number; types other than f32 and f64 are not looked at.
    fn is_finite(&self) -> bool {
        match self.dtype {
            Dtype::F32 => self.bytes.as_chunks::<4>().0.iter().all(|&bytes| f32::from_le_bytes(bytes).is_finite()),
            Dtype::F64 => self.bytes.as_chunks::<8>().0.iter().all(|&bytes| f64::from_le_bytes(bytes).is_finite()),
            _ => true,
        }
    }
}

/// The tensors of an explainer's file.
pub(super) struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
    /// Whether there is a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// The shape of a matrix.
    pub(super) fn matrix_shape(&self, name: &str) -> Result<[usize; 2]> {
        let tensor = self.0.tensor(name).map_err(|_| invalid(format!("it has no tensor `{name}`")))?;
        match *tensor.shape() {
            [rows, columns] if rows > 0 && columns > 0 => Ok([rows, columns]),
            ref shape => Err(invalid(format!("its tensor `{name}` has the shape {shape:?}"))),
        }
    }

    /// The values of a tensor of f32, which must have this shape and be finite.
    pub(super) fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = self.bytes(name, Dtype::F32, shape)?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite(name)) }
    }

    /// The values of a tensor of f64, which must have this shape and be finite.
    pub(super) fn f64(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let bytes = self.bytes(name, Dtype::F64, shape)?;
        let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite(name)) }
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8]> {
        let tensor = self.0.tensor(name).map_err(|_| invalid(format!("it has no tensor `{name}`")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (found, sizes) = (tensor.dtype(), tensor.shape());
            return Err(invalid(format!("its tensor `{name}` is {found:?} {sizes:?} instead of {dtype:?} {shape:?}")));
        }
        Ok(tensor.data())
    }
}

fn not_finite(name: &str) -> Error {
    invalid(format!("its tensor `{name}` holds values that are not finite"))
}
