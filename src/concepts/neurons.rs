//! Neurons as concepts: each column of the rows is one.

use std::sync::Arc;

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::tensors::{NamedTensor, Tensors, invalid};
use super::{Decoder, Encoder, FitReport, LinearEncoder, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::filled;
use crate::rows::{Rows, TILE_ROWS, means};

/// The options of neurons as concepts.
///
/// ```
/// assert_eq!(eidos::NeuronsOptions::default().threads, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NeuronsOptions {
    /// How many threads read the rows; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

/// Takes each neuron of the module, a column of its rows, for a concept: codes are the rows themselves.
///
/// Nothing is learnt, so it is the baseline that says what a method adds to the model's own axes. The rows are read to find values that
/// are not finite, and for the distributions of the codes.
///
/// Memory: the dictionary, an identity matrix of `columns^2` values of 4 bytes.
///
/// Errors: [`ErrorCode::InvalidData`] naming the row and column of a value that is not finite; [`ErrorCode::OutOfMemory`];
/// [`ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, Neurons, NeuronsOptions};
/// let activations = Activations::from_rows(vec![1.0, 2.0, 2.0, 4.0], 2, None)?;
/// let explainer = Explainer::fit::<Neurons>(&activations, &NeuronsOptions::default(), &Control::new())?;
/// assert_eq!(explainer.dictionary(), [1.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Neurons;

impl Method for Neurons {
    const NAME: &'static str = "neurons";
    type Options = NeuronsOptions;
    type Model = NeuronsModel;

    fn placement(options: &NeuronsOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &NeuronsOptions, control: &Control) -> Result<(NeuronsModel, FitReport)> {
        control.begin(Stage::Covariance, rows.row_count() as u64)?;
        let (count, _) = means(rows, TILE_ROWS, options.threads, control)?;
        if count == 0 {
            return Err(Error::argument("there are no rows").hint("give at least one row"));
        }
        Ok((NeuronsModel::new(rows.column_count())?, FitReport::default()))
    }
}

/// The most columns of a file: their dictionary has 16 GB.
const MOST_COLUMNS: u64 = 1 << 16;

/// A model whose codes are the rows.
#[derive(Debug)]
pub struct NeuronsModel {
    /// How many columns, and so concepts, there are; as the file has it.
    columns: u64,
    identity: Vec<f32>,
    zeros: Vec<f64>,
}

impl NeuronsModel {
    fn new(columns: usize) -> Result<Self> {
        let values = columns.checked_mul(columns);
        let mut identity = values.and_then(|values| filled(0.0, values)).ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for the dictionary of {columns} neurons"))
                .hint("free some memory, or use a split point with fewer columns")
        })?;
        identity.iter_mut().step_by(columns + 1).for_each(|value| *value = 1.0);
        Ok(Self { columns: columns as u64, identity, zeros: vec![0.0; columns] })
    }

    /// Reads the model from the tensors of a file.
    pub(super) fn read(_: &'static str, tensors: &Tensors<'_>) -> Result<Arc<dyn Encoder>> {
        let columns = tensors.u64("columns")?;
        match columns[..] {
            // The dictionary of more is larger than what is plausible, and would be made of a few bytes.
            [columns @ 1..=MOST_COLUMNS] => Ok(Arc::new(Self::new(columns as usize)?)),
            _ => Err(invalid(format!("its number of columns is {columns:?}"))),
        }
    }
}

impl Encoder for NeuronsModel {
    fn method(&self) -> &str {
        Neurons::NAME
    }

    fn input_width(&self) -> usize {
        self.zeros.len()
    }

    fn concept_count(&self) -> usize {
        self.zeros.len()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(rows);
        Ok(())
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let bytes = bytemuck::bytes_of(&self.columns);
        vec![NamedTensor { name: "columns", dtype: Dtype::U64, shape: vec![1], bytes }]
    }

    fn linear(&self) -> Option<LinearEncoder<'_>> {
        Some(LinearEncoder { offset: &self.zeros, weights: &self.identity, bias: &[], rectified: false })
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for NeuronsModel {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(codes);
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.identity
    }
}
