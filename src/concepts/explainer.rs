//! Fitted concepts: encode, decode, dictionary, save and open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::ConceptModel;
use super::ica::IcaModel;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::rows::Provenance;
use crate::safetensors_file;

/// The entry of the metadata that describes an explainer, and tells its file from another one.
const FORMAT: &str = "eidos.explainer";
const VERSION: u32 = 1;
/// A dictionary of a hundred thousand concepts of ten thousand columns; anything larger is not an explainer.
const FILE_LIMIT: u64 = 16 << 30;

/// Reads a concept model of one method from the tensors of a file.
type Reader = fn(&Tensors<'_>) -> Result<Arc<dyn ConceptModel>>;

/// The methods that an explainer can be of: a new one is one more line.
const METHODS: [(&str, Reader); 1] = [(IcaModel::METHOD, IcaModel::read)];

/// How a fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// Whether the iterations ended because nothing changed any more.
    pub converged: bool,
    /// How many iterations it took; the most that any component took where they are found one after the other.
    pub iterations: usize,
    /// The change of the last iteration, in the unit of the tolerance.
    pub last_change: f64,
}

/// What is known of an explainer beside its numbers; the JSON in the header of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    version: u32,
    method: String,
    options: serde_json::Value,
    report: FitReport,
    provenance: Provenance,
}

/// Concepts that were fitted on activations.
///
/// A clone shares the same concepts. Any number of threads may use it at the same time.
#[derive(Debug, Clone)]
pub struct Explainer {
    model: Arc<dyn ConceptModel>,
    about: Arc<About>,
}

impl Explainer {
    pub(super) fn new(
        model: Arc<dyn ConceptModel>,
        options: serde_json::Value,
        report: FitReport,
        provenance: Provenance,
    ) -> Self {
        let method = model.method().to_owned();
        Self { model, about: Arc::new(About { version: VERSION, method, options, report, provenance }) }
    }

    /// The name of the method that found the concepts (`ica`).
    pub fn method(&self) -> &str {
        self.model.method()
    }

    /// How many concepts there are.
    pub fn concept_count(&self) -> usize {
        self.model.concept_count()
    }

    /// How many columns the rows have that it encodes.
    pub fn input_width(&self) -> usize {
        self.model.input_width()
    }

    /// How the fit ended.
    pub fn report(&self) -> FitReport {
        self.about.report
    }

    /// The options of the fit, as JSON.
    pub fn options(&self) -> &serde_json::Value {
        &self.about.options
    }

    /// Which model, module and units it was fitted on.
    pub fn provenance(&self) -> &Provenance {
        &self.about.provenance
    }

    /// Encodes rows into concepts: `rows` is (n, input width), `out` becomes (n, concepts), both row-major. The codes of a
    /// row are the same bits whatever the other rows are.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the lengths do not fit.
    pub fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        check_lengths(rows.len(), self.input_width(), out.len(), self.concept_count())?;
        self.model.encode(rows, out)
    }

    /// Decodes concepts into rows: `codes` is (n, concepts), `out` becomes (n, input width), both row-major.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the lengths do not fit.
    pub fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        check_lengths(codes.len(), self.concept_count(), out.len(), self.input_width())?;
        self.model.decode(codes, out)
    }

    /// The dictionary, (concepts, input width), row-major: what one unit of each concept adds to a row.
    pub fn dictionary(&self) -> &[f32] {
        self.model.dictionary()
    }

    /// Writes the explainer to one safetensors file, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] when the system refuses.
    pub fn save(&self, path: &Path) -> Result<()> {
        let broken = |error: &dyn std::fmt::Display| Error::internal(format!("cannot describe the explainer: {error}"));
        let about = serde_json::to_string(&*self.about).map_err(|error| broken(&error))?;
        // One entry only: a map has no order, and the same explainer must be the same bytes.
        let metadata = HashMap::from([(FORMAT.to_owned(), about)]);
        let tensors = self.model.tensors();
        let views = tensors
            .iter()
            .map(|tensor| Ok((tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), tensor.bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| broken(&error))?;
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(&error))?;
        write_atomically(path, |writer| writer.write_all(&bytes))
    }

    /// Opens what [`Explainer::save`] wrote.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`]; [`ErrorCode::InvalidFile`] when the file is truncated, damaged or something else;
    /// [`ErrorCode::Unsupported`] when a newer version of Eidos wrote it.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = read_limited(path, FILE_LIMIT)?;
        Self::from_bytes(&bytes)
            .map_err(|error| error.within(format!("`{}`", path.display())).detail("path", path.display()))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let whole = |what: String| invalid(format!("the file {what}"));
        let (_, header) = safetensors_file::header(bytes).map_err(whole)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let Some(about) = metadata.get(FORMAT) else {
            return Err(invalid("a safetensors file, but not an explainer".to_owned()));
        };
        let version = serde_json::from_str::<serde_json::Value>(about).ok().and_then(|about| about["version"].as_u64());
        if version.is_some_and(|version| version > u64::from(VERSION)) {
            let message =
                format!("an explainer of version {}; this Eidos reads version {VERSION}", version.unwrap_or(0));
            return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
        }
        let about: About =
            serde_json::from_str(about).map_err(|error| invalid(format!("its description cannot be read: {error}")))?;
        let Some((_, read)) = METHODS.iter().find(|(method, _)| *method == about.method) else {
            let message = format!("an explainer of the method `{}`, which this Eidos does not know", about.method);
            return Err(Error::new(ErrorCode::Unsupported, message).hint("update Eidos"));
        };
        let tensors = Tensors(safetensors_file::open(bytes).map_err(whole)?);
        Ok(Self { model: read(&tensors)?, about: Arc::new(about) })
    }
}

fn check_lengths(from: usize, from_width: usize, to: usize, to_width: usize) -> Result<()> {
    let rows = from / from_width.max(1);
    if from == rows * from_width && rows.checked_mul(to_width) == Some(to) {
        return Ok(());
    }
    Err(Error::argument(format!(
        "{from} values in and {to} values out are not rows of {from_width} and {to_width} columns"
    ))
    .hint("pass whole rows, and an output of as many rows"))
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

/// The tensors of an explainer's file.
pub(super) struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
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
