//! The model of k-means: codes of rows from their distances to centres, and back.

use std::sync::Arc;

use faer::Mat;
use safetensors::Dtype;

use super::nearest::{Nearest, Scratch, least};
use super::{KMeans, KMeansCodes};
use crate::concepts::tensors::{NamedTensor, Tensors, invalid};
use crate::concepts::{Codes, Decoder, DenseCodes, Encoder, Method, SparseCodes};
use crate::error::Result;
use crate::linalg::{product, symmetric_eigen};
use crate::memory::Claim;

/// How many rows are encoded at a time. Their number does not change the codes.
const TILE: usize = 256;

/// A model of centres.
#[derive(Debug)]
pub struct KMeansModel {
    columns: usize,
    /// The centres, (concepts, columns): the dictionary.
    centres: Vec<f32>,
    codes: KMeansCodes,
    /// The number of `codes` in files.
    kind: u64,
    /// Of soft codes, the squared distance for which the share of a centre falls by the factor e; of proximities, the radius.
    scale: f64,
    nearest: Nearest,
    /// The matrix (columns, concepts) that finds a row from its distances to the centres, where codes are proximities.
    back: Option<Mat<f64>>,
}

const KINDS: [KMeansCodes; 3] = [KMeansCodes::OneHot, KMeansCodes::Soft, KMeansCodes::Proximity];

impl KMeansModel {
    pub(super) fn new(centres: Vec<f32>, columns: usize, codes: KMeansCodes, scale: f64) -> Result<Self> {
        let concepts = centres.len() / columns;
        // Proximities take products of the centres with each other to find the way back.
        let pairs = if codes == KMeansCodes::Proximity { concepts.saturating_mul(concepts) } else { 0 };
        let bytes = centres.len().saturating_add(pairs).saturating_mul(4 * size_of::<f64>());
        let _claim = Claim::of(bytes, &format!("{concepts} centres of {columns} columns"))?;
        let wide: Vec<f64> = centres.iter().copied().map(f64::from).collect();
        let nearest = Nearest::new(&wide, columns);
        let back = if codes == KMeansCodes::Proximity { Some(way_back(&nearest, columns)?) } else { None };
        let kind = KINDS.iter().position(|&kind| kind == codes).unwrap_or(0) as u64;
        Ok(Self { columns, centres, codes, kind, scale, nearest, back })
    }

    /// Reads the model from the tensors of a file.
    pub(in crate::concepts) fn read(_: &'static str, tensors: &Tensors<'_>) -> Result<Arc<dyn Encoder>> {
        let shape = tensors.matrix_shape("centres")?;
        let kind = tensors.u64("codes")?;
        let codes = match kind[..] {
            [kind] => KINDS.get(kind as usize).copied(),
            _ => None,
        };
        let codes = codes.ok_or_else(|| invalid(format!("its kind of codes is {kind:?}")))?;
        let scale = tensors.f64("scale", &[1])?[0];
        if scale < 0.0 {
            return Err(invalid(format!("its scale is {scale}")));
        }
        Ok(Arc::new(Self::new(tensors.f32("centres", &shape)?, shape[1], codes, scale)?))
    }

    /// Passes the place of the nearest centre of each row, and all squared distances, to `each`.
    fn for_each_row(&self, rows: &[f32], mut each: impl FnMut(usize, &[f64]) -> Result<()>) -> Result<()> {
        let mut scratch = Scratch::default();
        for rows in rows.chunks(TILE * self.columns) {
            for distances in self.nearest.distances(rows, &mut scratch)?.chunks_exact(self.nearest.count()) {
                each(least(distances).0, distances)?;
            }
        }
        Ok(())
    }
}

/// The shares of the centres: they fall exponentially with the squared distances, in units of `width`.
fn shares(distances: &[f64], nearest: usize, width: f64, out: &mut [f32]) {
    let closest = distances[nearest];
    // Where all rows are centres, only the nearest counts.
    let weight = |distance: f64| if distance > closest { (-(distance - closest) / width).exp() } else { 1.0 };
    let sum: f64 = distances.iter().map(|&distance| weight(distance)).sum();
    out.iter_mut().zip(distances).for_each(|(out, &distance)| *out = (weight(distance) / sum) as f32);
}

/// The matrix that solves `(centre - origin) . (row - origin) = known` for the row of least length: the pseudoinverse of the centres.
fn way_back(nearest: &Nearest, columns: usize) -> Result<Mat<f64>> {
    let concepts = nearest.count();
    let centres = Mat::from_fn(concepts, columns, |concept, column| nearest.centres[concept * columns + column]);
    let (squares, vectors) = symmetric_eigen(product(centres.as_ref(), centres.transpose())?.as_ref())?;
    // The centres lie in a plane of one dimension less than there are, or of even fewer.
    let bound = squares[0].max(0.0) * concepts.max(columns) as f64 * f64::EPSILON;
    let scaled = Mat::from_fn(concepts, concepts, |row, column| {
        if squares[column] > bound { vectors[(row, column)] / squares[column] } else { 0.0 }
    });
    product(centres.transpose(), product(scaled.as_ref(), vectors.transpose())?.as_ref())
}

impl Encoder for KMeansModel {
    fn method(&self) -> &str {
        KMeans::NAME
    }

    fn input_width(&self) -> usize {
        self.columns
    }

    fn concept_count(&self) -> usize {
        self.nearest.count()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let mut out = out.chunks_exact_mut(self.concept_count());
        self.for_each_row(rows, |nearest, distances| {
            let Some(out) = out.next() else { return Ok(()) };
            match self.codes {
                KMeansCodes::OneHot => {
                    out.fill(0.0);
                    out[nearest] = 1.0;
                }
                KMeansCodes::Soft => shares(distances, nearest, self.scale, out),
                KMeansCodes::Proximity => {
                    out.iter_mut()
                        .zip(distances)
                        .for_each(|(out, distance)| *out = (self.scale - distance.sqrt()) as f32);
                }
            }
            Ok(())
        })
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        if self.codes != KMeansCodes::OneHot {
            return DenseCodes::of(self, rows).map(Codes::Dense);
        }
        let mut sparse = SparseCodes::new(self.concept_count())?;
        self.for_each_row(rows, |nearest, _| sparse.push_row([(nearest as u32, 1.0)]))?;
        Ok(Codes::Sparse(sparse))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let shape = vec![self.concept_count(), self.columns];
        let one = |name, dtype, bytes| NamedTensor { name, dtype, shape: vec![1], bytes };
        vec![
            NamedTensor { name: "centres", dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(&self.centres) },
            one("codes", Dtype::U64, bytemuck::bytes_of(&self.kind)),
            one("scale", Dtype::F64, bytemuck::bytes_of(&self.scale)),
        ]
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for KMeansModel {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, concepts) = (self.columns, self.concept_count());
        let mut known = vec![0.0; concepts];
        let mut row = vec![0.0; columns];
        for (codes, out) in codes.chunks_exact(concepts).zip(out.chunks_exact_mut(columns)) {
            row.fill(0.0);
            if let Some(back) = &self.back {
                // |row - centre|^2 = |row|^2 - 2 row . centre + |centre|^2, and the means of both sides leave row . centre.
                let squares = self.nearest.squares.iter();
                let twice =
                    codes.iter().zip(squares).map(|(&code, square)| square - (self.scale - f64::from(code)).powi(2));
                known.iter_mut().zip(twice).for_each(|(known, twice)| *known = twice / 2.0);
                let mean = known.iter().sum::<f64>() / concepts as f64;
                for (concept, known) in known.iter().enumerate() {
                    let known = known - mean;
                    row.iter_mut().zip(back.col(concept).iter()).for_each(|(value, back)| *value += known * back);
                }
                row.iter_mut().zip(&self.nearest.origin).for_each(|(value, origin)| *value += origin);
            } else {
                for (&code, centre) in codes.iter().zip(self.centres.chunks_exact(columns)) {
                    if code != 0.0 {
                        let code = f64::from(code);
                        row.iter_mut().zip(centre).for_each(|(sum, &value)| *sum += code * f64::from(value));
                    }
                }
            }
            out.iter_mut().zip(&row).for_each(|(out, &value)| *out = value as f32);
        }
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.centres
    }
}
