//! Explainers: encode, decode, dictionary, save and open.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::dictionary::Dictionary;
use super::distribution::Distributions;
use super::file::{self, About, Attachment, VERSION};
use super::published::{self, PublishedOptions};
use super::report::FitReport;
use super::{Codes, Decoder, Encoder, Method, RowCodes, registry};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{check_finite, first_not_finite};
use crate::log::LogLevel;
use crate::rows::{Activations, DeviceTiles, Provenance, Rows, in_lockstep, total_row_count};

/// A fitted concept model with the report of its fit.
///
/// A clone shares the same model. Any number of threads may use it at the same time. It is in the memory of the host,
/// wherever it was fitted, and encodes and decodes rows of the host there; [`crate::TopInputs::device`] encodes activations
/// on a GPU.
#[derive(Debug, Clone)]
pub struct Explainer {
    model: Arc<dyn Encoder>,
    about: Arc<About>,
    distributions: Option<Arc<Distributions>>,
}

impl Explainer {
    /// Finds concepts in activations: `Explainer::fit::<Ica>(&activations, &IcaOptions::new(20), &control)`.
    ///
    /// # Errors
    /// Those of the method.
    pub fn fit<M: Method>(activations: &Activations, options: &M::Options, control: &Control) -> Result<Self> {
        Self::fit_rows::<M>(activations, activations.provenance().clone(), options, control)
    }

    /// Finds concepts in any rows, whose origin `provenance` states. When the rows are spread over processes
    /// ([`Rows::reduce`]), all processes end with the same concepts, or each with an error.
    ///
    /// # Errors
    /// Those of the method.
    pub fn fit_rows<M: Method>(
        rows: &dyn Rows,
        provenance: Provenance,
        options: &M::Options,
        control: &Control,
    ) -> Result<Self> {
        let stored =
            serde_json::to_value(options).map_err(|error| Error::internal(format!("cannot write options: {error}")))?;
        Self::fit_with(rows, provenance, stored, M::placement(options), control, |rows| M::fit(rows, options, control))
    }

    /// Finds concepts in rows with `fit`, whose codes over the rows are measured on the device and threads of `placement`.
    pub(super) fn fit_with<E: Encoder + 'static>(
        rows: &dyn Rows,
        provenance: Provenance,
        options: serde_json::Value,
        placement: (DeviceChoice, usize),
        control: &Control,
        fit: impl FnOnce(&dyn Rows) -> Result<(E, FitReport)>,
    ) -> Result<Self> {
        let (model, report, distributions) = in_lockstep(rows, |rows| {
            let (model, mut report) = fit(rows)?;
            let (device, threads) = placement;
            let measure = |control: &Control| {
                Distributions::of(&model, rows, &Backend::open(device, threads, rows, control)?, control)
            };
            // What was found is not lost for want of what it is compared with. Among processes, nobody may go on alone.
            let distributions = if rows.reduce().is_some() {
                Some(measure(&Control::new())?)
            } else {
                measure(control).inspect_err(|error| report.warnings.push(no_distributions(error))).ok()
            };
            let warning = few_rows(total_row_count(rows)?, model.concept_count());
            report.warnings.extend(warning.inspect(|warning| {
                control.log(LogLevel::Warning, c"fit", || warning.clone());
            }));
            Ok((model, report, distributions))
        })?;
        Ok(Self { distributions: distributions.map(Arc::new), ..Self::new(model, options, report, provenance) })
    }

    /// Itself with the distributions of its codes over activations, as a fit has those over its own rows: for a caller's model or
    /// dictionary, for a file from before Eidos kept them, or to judge new texts by others than those of the fit.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] when the activations have another width; [`ErrorCode::InvalidArgument`] when there are none;
    /// [`ErrorCode::InvalidData`] naming a row whose codes are not finite; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
    pub fn calibrate(&self, activations: &Activations, control: &Control) -> Result<Self> {
        self.check_width(Rows::column_count(activations))?;
        let distributions = in_lockstep(activations, |rows| {
            if total_row_count(rows)? == 0 {
                return Err(Error::argument("there are no rows").hint("give the activations of some texts"));
            }
            let backend = Backend::open(DeviceChoice::Cpu, 0, rows, control)?;
            Distributions::of(&*self.model, rows, &backend, control)
        })?;
        Ok(Self { distributions: Some(Arc::new(distributions)), ..self.clone() })
    }

    /// How its codes are distributed over the rows of the fit, or of [`Explainer::calibrate`]; `None` for a caller's model or
    /// dictionary, and for a file from before Eidos kept them.
    pub fn distributions(&self) -> Option<&Distributions> {
        self.distributions.as_deref()
    }

    pub(super) fn encoder(&self) -> &dyn Encoder {
        &*self.model
    }

    /// Makes an explainer from a caller's own model; `provenance` states which rows it is for. The explainer can be
    /// saved, but only methods of Eidos can be opened again. [`crate::Dictionary`] makes one that can, from a caller's
    /// own matrices.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the model has no concepts or no columns, its dictionary has another size, or
    /// its method name is one of Eidos.
    pub fn from_model(model: impl Encoder + 'static, provenance: Provenance) -> Result<Self> {
        let (concepts, columns, method) = (model.concept_count(), model.input_width(), model.method());
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        if concepts == 0 || columns == 0 {
            return wrong(
                format!("a model of {concepts} concepts of {columns} columns explains nothing"),
                "give at least one of each",
            );
        }
        if registry::knows(method) {
            return wrong(format!("`{method}` is the name of a method of Eidos"), "give the model a name of its own");
        }
        let found = model.decoder().map(|decoder| (decoder.dictionary().len(), decoder.output_width()));
        if let Some((found, outputs)) = found.filter(|&(found, outputs)| concepts.checked_mul(outputs) != Some(found)) {
            return wrong(
                format!("the dictionary has {found} values, not {concepts} concepts of {outputs} columns"),
                "give one row for each concept",
            );
        }
        Ok(Self::new(model, serde_json::Value::Null, FitReport::default(), provenance))
    }

    pub(super) fn new(
        model: impl Encoder + 'static,
        options: serde_json::Value,
        report: FitReport,
        provenance: Provenance,
    ) -> Self {
        let method = model.method().to_owned();
        Self {
            model: Arc::new(model),
            about: Arc::new(About { version: VERSION, method, options, report, provenance }),
            distributions: None,
        }
    }

    /// The name of the method that found the concepts (`ica`).
    pub fn method(&self) -> &str {
        self.model.method()
    }

    /// How many concepts there are.
    pub fn concept_count(&self) -> usize {
        self.model.concept_count()
    }

    /// How many columns the rows have that the explainer encodes.
    pub fn input_width(&self) -> usize {
        self.model.input_width()
    }

    /// How many columns the rows have that the explainer decodes into: those of its input, but for a transcoder. It is 0 when the
    /// method cannot decode concepts into rows.
    pub fn output_width(&self) -> usize {
        self.model.decoder().map_or(0, Decoder::output_width)
    }

    /// Whether it is a transcoder: it decodes into rows of another split point than it encodes.
    pub fn is_transcoder(&self) -> bool {
        self.model.decoder().is_some_and(Decoder::is_transcoder)
    }

    /// What the dictionary is multiplied by in this row.
    pub(crate) fn scale(&self, row: &[f32]) -> f32 {
        self.model.decoder().map_or(1.0, |decoder| decoder.scale(row))
    }

    /// Checks that rows have the width that it encodes: other rows are of another model or split point.
    pub(crate) fn check_width(&self, found: usize) -> Result<()> {
        let wanted = self.input_width();
        if wanted == found {
            return Ok(());
        }
        let message = format!("the explainer reads rows of {wanted} columns, but these have {found}");
        Err(Error::new(ErrorCode::Mismatch, message)
            .hint("use activations of the model and split point that the explainer was fitted on"))
    }

    /// How the fit ended.
    pub fn report(&self) -> &FitReport {
        &self.about.report
    }

    /// The options of the fit, as JSON.
    pub fn options(&self) -> &serde_json::Value {
        &self.about.options
    }

    /// The model, module and units of the rows that the explainer was fitted on.
    pub fn provenance(&self) -> &Provenance {
        &self.about.provenance
    }

    /// Encodes rows into concepts: `rows` is (n, input width), `out` becomes (n, concepts), both row-major. The codes
    /// of a row have the same bits whatever the other rows are.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the lengths do not fit; [`ErrorCode::InvalidData`] naming the row and column
    /// of a value that is not finite, or the row whose codes are outside the range of 32-bit floats.
    pub fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        check_lengths(rows.len(), self.input_width(), out.len(), self.concept_count())?;
        check_finite(rows, self.input_width(), 0)?;
        self.model.encode(rows, out)?;
        check_result(out, self.concept_count(), "concept")
    }

    /// Encodes rows into codes, sparse where the method gives sparse ones: `rows` is (n, input width), row-major.
    ///
    /// # Errors
    /// As [`Explainer::encode`], and [`ErrorCode::InvalidArgument`] when a caller's model returns another number of
    /// rows or concepts.
    pub fn codes(&self, rows: &[f32]) -> Result<Codes> {
        self.codes_of_rows(0, rows)
    }

    /// Encodes rows as [`Explainer::codes`] does. Errors count rows from `first`, the index of the first of these rows
    /// in the whole matrix.
    pub(crate) fn codes_of_rows(&self, first: usize, rows: &[f32]) -> Result<Codes> {
        let (width, concepts) = (self.input_width(), self.concept_count());
        let count = rows.len() / width;
        check_lengths(rows.len(), width, count * concepts, concepts)?;
        check_finite(rows, width, first)?;
        let codes = self.model.codes(rows)?;
        let found = (codes.row_count(), codes.concept_count());
        if found != (count, concepts) {
            let message =
                format!("the model gave codes of {found:?} rows and concepts instead of {:?}", (count, concepts));
            return Err(Error::argument(message).hint("give a code for each row and concept"));
        }
        check_codes(&codes, first)?;
        Ok(codes)
    }

    /// Encodes rows on their device, and passes the codes to `each` in tiles, in order.
    ///
    /// # Errors
    /// As [`Explainer::codes`]; [`ErrorCode::Unsupported`] for a model that is not linear; those of `each`.
    pub(crate) fn for_each_code_on(
        &self,
        rows: &DeviceTiles<'_>,
        control: &Control,
        mut each: impl FnMut(Range<usize>, Codes) -> Result<()>,
    ) -> Result<()> {
        let Some(linear) = self.model.linear() else {
            let message = format!("the method `{}` encodes on the CPU only", self.method());
            return Err(Error::new(ErrorCode::Unsupported, message).hint("choose the CPU as the device"));
        };
        linear.for_each_code(rows, control, |range, codes| {
            let codes = Codes::Dense(codes);
            if let Err(error) = check_codes(&codes, range.start) {
                // The rows are searched only now: a value that is not finite gives codes that are not.
                return Err(rows.first_not_finite()?.unwrap_or(error));
            }
            each(range, codes)
        })
    }

    /// Decodes concepts into rows: `codes` is (n, concepts), `out` becomes (n, output width), both row-major.
    ///
    /// # Errors
    /// As [`Explainer::encode`], and [`ErrorCode::Unsupported`] when the method cannot decode concepts into rows, or only with
    /// the row that they are of ([`Explainer::reconstruct`]).
    pub fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        let decoder = self.decoder()?;
        check_lengths(codes.len(), self.concept_count(), out.len(), decoder.output_width())?;
        check_finite(codes, self.concept_count(), 0)?;
        decoder.decode(codes, out)?;
        check_result(out, decoder.output_width(), "column")
    }

    /// Encodes rows and decodes their codes: `rows` is (n, input width), `out` becomes (n, output width), both row-major. The
    /// reconstruction of a row has the same bits whatever the other rows are.
    ///
    /// # Errors
    /// As [`Explainer::encode`], and [`ErrorCode::Unsupported`] when the method cannot decode concepts into rows.
    pub fn reconstruct(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let decoder = self.decoder()?;
        check_lengths(rows.len(), self.input_width(), out.len(), decoder.output_width())?;
        check_finite(rows, self.input_width(), 0)?;
        decoder.reconstruct(rows, out)?;
        check_result(out, decoder.output_width(), "column")
    }

    fn decoder(&self) -> Result<&dyn Decoder> {
        self.model.decoder().ok_or_else(|| {
            let method = self.method();
            Error::new(ErrorCode::Unsupported, format!("the method `{method}` does not decode concepts"))
                .hint("use a method that has a dictionary")
        })
    }

    /// The dictionary, (concepts, output width), row-major: what one unit of each concept adds to a row. It is empty
    /// when the method cannot decode concepts into rows.
    pub fn dictionary(&self) -> &[f32] {
        self.model.decoder().map_or(&[], |decoder| decoder.dictionary())
    }

    /// Hands out all numbers that it is made of, with their names.
    pub(crate) fn for_each_tensor(&self, each: &mut dyn FnMut(&str, &[u8])) {
        self.model.tensors().iter().for_each(|tensor| each(tensor.name, tensor.bytes));
    }

    /// Writes the explainer to one safetensors file, whole or not at all. [`Explainer::save_with`] writes what its concepts mean into
    /// the same file.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] when the system refuses; [`ErrorCode::InvalidData`] for a model with values that are not
    /// finite, as a caller's own method may give.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.save_attached(path, None)
    }

    /// Writes the explainer as [`Explainer::save`] does, with what its file is to carry.
    pub(crate) fn save_attached(&self, path: &Path, attachment: Option<Attachment<'_>>) -> Result<()> {
        let mut tensors = self.model.tensors();
        tensors.extend(self.distributions.iter().flat_map(|distributions| distributions.tensors()));
        file::write(path, &self.about, &tensors, attachment)
    }

    /// Opens a file that [`Explainer::save`] wrote, or a dictionary that somebody published: its folder, or a file of it, in any
    /// format that [`Explainer::open_published`] opens.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`]; [`ErrorCode::InvalidFile`] when the file is truncated, damaged or not an explainer;
    /// [`ErrorCode::Unsupported`] when a newer version of Eidos wrote it, and for a kind of dictionary that is not read.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::open_attached(path, None)?.0)
    }

    /// Opens what [`Explainer::open`] opens, and what the file carries under the name `attached`.
    pub(crate) fn open_attached(path: &Path, attached: Option<&str>) -> Result<(Self, Option<Vec<u8>>)> {
        if published::is_one(path) {
            return Ok((published::open_path(path, &PublishedOptions::default())?, None));
        }
        let found = file::read(path, attached).map_err(|error| match error.code() {
            ErrorCode::NotFound => error.hint("check the path; dictionaries on a hub are opened as published ones"),
            ErrorCode::InvalidFile if path.extension().is_some_and(|ending| ending == "json") => {
                error.hint("an explainer is a .safetensors file; open a file of JSON as an interpretation")
            }
            _ => error,
        })?;
        let (about, distributions) = (Arc::new(found.about), found.distributions.map(Arc::new));
        Ok((Self { model: found.model, about, distributions }, found.attached))
    }
}

impl Dictionary {
    /// Makes an explainer of these concepts.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] naming the matrix whose length does not fit; [`ErrorCode::InvalidData`] naming a
    /// value that is not finite.
    pub fn explainer(self) -> Result<Explainer> {
        let provenance = self.provenance.clone();
        let (model, options) = self.into_model()?;
        Ok(Explainer::new(model, options, FitReport::default(), provenance))
    }
}

/// The rows that each concept wants. Of 8 to 50 heavy-tailed sources that were planted in 64 and 256 columns, scikit-learn's
/// FastICA finds directions whose cosine with the truth is 0.98 on average from 20 rows a concept, 0.91 to 0.95 from 10, and 0.64
/// to 0.87 from 5; the number of columns does not matter. Activations are noisier than these.
const ROWS_PER_CONCEPT: usize = 20;

/// What to say where rows are few for so many concepts.
fn few_rows(rows: usize, concepts: usize) -> Option<String> {
    let wanted = concepts.saturating_mul(ROWS_PER_CONCEPT);
    (rows < wanted).then(|| {
        format!(
            "{rows} rows are few for {concepts} concepts, which may be others with other texts: give {wanted} rows or \
             more, or ask for fewer concepts"
        )
    })
}

/// What to say where a fit ended, and how its codes are distributed was not found out.
fn no_distributions(error: &Error) -> String {
    format!(
        "how the codes are distributed over the rows is not known ({}): calibrate the explainer before you ask which concepts fire",
        error.message()
    )
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

/// Checks that finite input did not give values that are too large for f32.
fn check_result(rows: &[f32], columns: usize, kind: &str) -> Result<()> {
    let Some(place) = first_not_finite(rows) else { return Ok(()) };
    let (row, column) = (place / columns, place % columns);
    Err(too_large(row, kind, column, rows[place]))
}

/// Checks that finite rows did not give codes that are too large for f32. Errors count rows from `first`.
fn check_codes(codes: &Codes, first: usize) -> Result<()> {
    if codes.are_finite() {
        return Ok(());
    }
    let broken =
        |(row, codes): (usize, RowCodes<'_>)| codes.first_not_finite().map(|(concept, value)| (row, concept, value));
    match (first..).zip(codes.rows()).find_map(broken) {
        Some((row, concept, value)) => Err(too_large(row, "concept", concept, value)),
        None => Ok(()),
    }
}

fn too_large(row: usize, kind: &str, column: usize, value: f32) -> Error {
    Error::new(ErrorCode::InvalidData, format!("row {row} gives {kind} {column} the value {value}"))
        .hint("look for values in that row that are too large")
        .detail("row", row)
        .detail(kind, column)
}
