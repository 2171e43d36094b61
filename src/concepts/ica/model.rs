//! What ICA has found: `codes = (row - mean) components^T`, `row = codes mixing + mean`.

use std::sync::Arc;

use faer::Mat;
use safetensors::Dtype;

use super::whitening::{Whitening, centre, out_of_range};
use crate::concepts::explainer::Tensors;
use crate::concepts::{ConceptModel, NamedTensor};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{first_not_finite, product, times_transposed};
use crate::memory::filled;

/// Independent components.
#[derive(Debug)]
pub(in crate::concepts) struct IcaModel {
    /// The mean of each column; in f64, so that large means cost no digits.
    mean: Vec<f64>,
    /// (concepts, columns): a row reads one concept.
    components: Vec<f32>,
    /// (concepts, columns): a row is what one unit of a concept adds.
    mixing: Vec<f32>,
    /// The mixing once more, (columns, concepts), as the product of decoding reads it.
    mixing_transposed: Vec<f32>,
}

/// How many rows are encoded at a time.
const TILE: usize = 1024;

impl IcaModel {
    pub(in crate::concepts) const METHOD: &'static str = "ica";

    /// From white directions and the orthogonal matrix that unmixes them. Whitened rows have unit variance in every
    /// direction, and so have the sources.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] when f32 has no numbers for the components or for the mixing.
    pub(super) fn new(whitening: &Whitening, unmixing: &Mat<f64>) -> Result<Self> {
        let (columns, concepts) = (whitening.directions.nrows(), whitening.deviations.len());
        let scaled = |power: i32| {
            let scaled = Mat::from_fn(concepts, columns, |concept, column| {
                whitening.directions[(column, concept)] * whitening.deviations[concept].powi(power)
            });
            let matrix = product(unmixing.as_ref(), scaled.as_ref())?;
            let values: Vec<f32> =
                (0..concepts * columns).map(|index| matrix[(index / columns, index % columns)] as f32).collect();
            match first_not_finite(&values) {
                Some(place) => Err(out_of_range(place / columns, whitening.deviations[place / columns])),
                None => Ok(values),
            }
        };
        Ok(Self::from_parts(whitening.mean.clone(), scaled(-1)?, scaled(1)?))
    }

    fn from_parts(mean: Vec<f64>, components: Vec<f32>, mixing: Vec<f32>) -> Self {
        let columns = mean.len();
        let concepts = mixing.len() / columns;
        let transposed = (0..columns * concepts).map(|index| mixing[index % concepts * columns + index / concepts]);
        Self { mixing_transposed: transposed.collect(), mean, components, mixing }
    }

    /// Reads the model from the tensors of a file.
    pub(in crate::concepts) fn read(tensors: &Tensors<'_>) -> Result<Arc<dyn ConceptModel>> {
        let shape = tensors.matrix_shape("components")?;
        let components = tensors.f32("components", &shape)?;
        let mixing = tensors.f32("mixing", &shape)?;
        let mean = tensors.f64("mean", &shape[1..])?;
        Ok(Arc::new(Self::from_parts(mean, components, mixing)))
    }
}

impl ConceptModel for IcaModel {
    fn method(&self) -> &'static str {
        Self::METHOD
    }

    fn concept_count(&self) -> usize {
        self.components.len() / self.mean.len()
    }

    fn input_width(&self) -> usize {
        self.mean.len()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, concepts) = (self.input_width(), self.concept_count());
        let mut centred = filled(0.0, rows.len().min(TILE * columns)).ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory to encode rows of {columns} columns"))
                .hint("free some memory")
        })?;
        for (rows, out) in rows.chunks(TILE * columns).zip(out.chunks_mut(TILE * concepts)) {
            centre(rows, &self.mean, &mut centred);
            times_transposed(out, &centred, &self.components, columns)?;
        }
        Ok(())
    }

    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, concepts) = (self.input_width(), self.concept_count());
        for (codes, out) in codes.chunks(TILE * concepts).zip(out.chunks_mut(TILE * columns)) {
            times_transposed(out, codes, &self.mixing_transposed, concepts)?;
            for row in out.chunks_exact_mut(columns) {
                row.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value = (f64::from(*value) + mean) as f32);
            }
        }
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.mixing
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let shape = vec![self.concept_count(), self.input_width()];
        vec![
            NamedTensor {
                name: "components",
                dtype: Dtype::F32,
                shape: shape.clone(),
                bytes: bytemuck::cast_slice(&self.components),
            },
            NamedTensor { name: "mixing", dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(&self.mixing) },
            NamedTensor {
                name: "mean",
                dtype: Dtype::F64,
                shape: vec![self.mean.len()],
                bytes: bytemuck::cast_slice(&self.mean),
            },
        ]
    }
}
