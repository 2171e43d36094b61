//! The parameters of layers, read from files of weights.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};
use crate::model::layers::Weight;
use crate::model::weights::Weights;

/// A parameter of a module: the names it may have in a file, the likeliest first, and its shape there.
pub(crate) struct Parameter {
    /// The first of them that a file has is the one.
    pub names: Vec<String>,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Reads parameters for a model on a device. A matrix that several layers have in common is in memory once.
pub(crate) struct Reader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    /// The matrices so far, by their name in the file and whether rows and columns are exchanged.
    matrices: HashMap<(String, bool), Arc<Weight>>,
    bytes: usize,
}

impl<'a> Reader<'a> {
    /// One that has read nothing yet.
    pub fn new(weights: &'a Weights, device: &'a Device) -> Self {
        Self { weights, device, matrices: HashMap::new(), bytes: 0 }
    }

    /// How many bytes the numbers take that were read so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A vector as f32.
    ///
    /// # Errors
    /// Those of [`Weights::load`].
    pub fn vector(&mut self, parameter: &Parameter) -> Result<Tensor> {
        let vector = self.weights.load(&parameter.names, &parameter.shape, self.device)?;
        self.bytes += vector.elem_count() * size_of::<f32>();
        Ok(vector)
    }

    /// A matrix as it is stored, or with rows and columns exchanged.
    ///
    /// # Errors
    /// Those of [`Weights::find`]; [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn matrix(&mut self, parameter: &Parameter, transposed: bool) -> Result<Arc<Weight>> {
        let &[rows, columns] = &*parameter.shape else {
            return Err(Error::internal("a matrix without two sides"));
        };
        let (name, stored) = self.weights.find(&parameter.names, &parameter.shape)?;
        let key = (name.to_owned(), transposed);
        if let Some(matrix) = self.matrices.get(&key) {
            return Ok(Arc::clone(matrix));
        }
        let matrix = Weight::new(&stored, rows, columns, self.device)?;
        let matrix = Arc::new(if transposed { matrix.transposed()? } else { matrix });
        self.bytes += matrix.bytes();
        self.matrices.insert(key, Arc::clone(&matrix));
        Ok(matrix)
    }
}
