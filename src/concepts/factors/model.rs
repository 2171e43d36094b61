//! The model of a factorisation: the codes of rows for a dictionary, and back.

use std::sync::Arc;

use safetensors::Dtype;

use super::lasso::{Codes as Kind, Scratch};
use crate::concepts::tensors::{NamedTensor, Tensors, invalid};
use crate::concepts::{Codes, Decoder, Encoder, SparseCodes};
use crate::error::Result;
use crate::linalg::times_transposed;
use crate::memory::Claim;

/// How many rows are encoded at a time. Their number does not change the codes.
const TILE: usize = 256;

/// A dictionary, prepared to compute codes.
#[derive(Debug, Clone)]
pub(in crate::concepts) struct Coder {
    pub(super) columns: usize,
    pub(super) kind: Kind,
    /// The atoms, (concepts, columns).
    pub(in crate::concepts) dictionary: Vec<f64>,
    /// The products of the atoms, (concepts, concepts), with the ridge on the diagonal.
    pub(super) gram: Vec<f64>,
}

impl Coder {
    /// Prepares a dictionary, (concepts, columns).
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(in crate::concepts) fn new(dictionary: Vec<f64>, columns: usize, kind: Kind) -> Result<Self> {
        let concepts = dictionary.len() / columns;
        let mut gram = vec![0.0; concepts * concepts];
        times_transposed(&mut gram, &dictionary, &dictionary, columns)?;
        gram.iter_mut().step_by(concepts + 1).for_each(|square| *square += kind.ridge);
        Ok(Self { columns, kind, dictionary, gram })
    }

    /// Another dictionary of the same kind.
    pub(super) fn with(&self, dictionary: Vec<f64>) -> Result<Self> {
        Self::new(dictionary, self.columns, self.kind)
    }

    pub(in crate::concepts) fn concept_count(&self) -> usize {
        self.dictionary.len() / self.columns
    }

    /// The codes of rows, (rows, concepts), and the products of the rows with the atoms.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn codes<'a>(&self, rows: &[f64], work: &'a mut Work) -> Result<(&'a [f64], &'a [f64])> {
        let concepts = self.concept_count();
        let length = rows.len() / self.columns * concepts;
        work.products.resize(length, 0.0);
        work.codes.resize(length, 0.0);
        let Work { products, codes, scratch } = work;
        times_transposed(products, rows, &self.dictionary, self.columns)?;
        self.kind.solve(&self.gram, products, codes, concepts, scratch);
        Ok((&work.codes, &work.products))
    }
}

/// What is computed of a tile of rows.
#[derive(Debug, Default)]
pub(super) struct Work {
    products: Vec<f64>,
    codes: Vec<f64>,
    scratch: Scratch,
}

/// What a model is made of.
#[derive(Debug)]
pub(in crate::concepts) struct Parts {
    /// The dictionary, (concepts, columns).
    pub(in crate::concepts) dictionary: Vec<f32>,
    pub(in crate::concepts) columns: usize,
    pub(in crate::concepts) kind: Kind,
    /// Whether negative values of rows count as zero.
    pub(in crate::concepts) rectified: bool,
}

/// A model whose codes are the best ones for a dictionary. Several methods give one.
#[derive(Debug)]
pub struct FactorModel {
    method: &'static str,
    dictionary: Vec<f32>,
    rectified: bool,
    coder: Coder,
    /// The penalty and the ridge, as files have them.
    weights: [f64; 2],
}

impl FactorModel {
    pub(in crate::concepts) fn new(method: &'static str, parts: Parts) -> Result<Self> {
        let Parts { dictionary, columns, kind, rectified } = parts;
        let concepts = dictionary.len() / columns;
        let bytes = concepts.saturating_mul(concepts.saturating_add(columns)).saturating_mul(size_of::<f64>());
        let _claim = Claim::of(bytes, &format!("{concepts} concepts of {columns} columns"))?;
        // Codes are those of the dictionary that is kept, in f32.
        let coder = Coder::new(dictionary.iter().copied().map(f64::from).collect(), columns, kind)?;
        Ok(Self { method, dictionary, rectified, coder, weights: [kind.penalty, kind.ridge] })
    }

    /// Reads the model from the tensors of a file.
    pub(in crate::concepts) fn read(method: &'static str, tensors: &Tensors<'_>) -> Result<Arc<dyn Encoder>> {
        let shape = tensors.matrix_shape("dictionary")?;
        let weights = tensors.f64("penalty", &[2])?;
        let (penalty, ridge) = (weights[0], weights[1]);
        if penalty < 0.0 || ridge < 0.0 {
            return Err(invalid(format!("its penalty is {penalty}, its ridge {ridge}")));
        }
        let parts = Parts {
            dictionary: tensors.f32("dictionary", &shape)?,
            columns: shape[1],
            kind: Kind { penalty, signed: tensors.has("signed"), ridge },
            rectified: tensors.has("rectified"),
        };
        Ok(Arc::new(Self::new(method, parts)?))
    }

    /// Passes the codes of each row to `each`, in order.
    fn for_each_row(&self, rows: &[f32], mut each: impl FnMut(&[f64]) -> Result<()>) -> Result<()> {
        let (mut wide, mut work) = (Vec::new(), Work::default());
        for rows in rows.chunks(TILE * self.coder.columns) {
            wide.clear();
            wide.extend(rows.iter().map(|&value| f64::from(if self.rectified && value < 0.0 { 0.0 } else { value })));
            for codes in self.coder.codes(&wide, &mut work)?.0.chunks_exact(self.concept_count()) {
                each(codes)?;
            }
        }
        Ok(())
    }
}

impl Encoder for FactorModel {
    fn method(&self) -> &str {
        self.method
    }

    fn input_width(&self) -> usize {
        self.coder.columns
    }

    fn concept_count(&self) -> usize {
        self.coder.concept_count()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let mut out = out.chunks_exact_mut(self.concept_count());
        self.for_each_row(rows, |codes| {
            out.next()
                .into_iter()
                .for_each(|out| out.iter_mut().zip(codes).for_each(|(out, &code)| *out = code as f32));
            Ok(())
        })
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        let mut sparse = SparseCodes::new(self.concept_count())?;
        self.for_each_row(rows, |codes| {
            sparse.push_row((0..).zip(codes.iter().map(|&code| code as f32)).filter(|(_, code)| *code != 0.0))
        })?;
        Ok(Codes::Sparse(sparse))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let shape = vec![self.concept_count(), self.coder.columns];
        let flag = |name| NamedTensor { name, dtype: Dtype::U8, shape: vec![1], bytes: &[1] };
        let penalty = bytemuck::cast_slice(&self.weights);
        let mut tensors = vec![
            NamedTensor { name: "dictionary", dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(&self.dictionary) },
            NamedTensor { name: "penalty", dtype: Dtype::F64, shape: vec![2], bytes: penalty },
        ];
        // The presence of these tensors is the flag; their value does not matter.
        tensors.extend(self.coder.kind.signed.then(|| flag("signed")));
        tensors.extend(self.rectified.then(|| flag("rectified")));
        tensors
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for FactorModel {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        let columns = self.coder.columns;
        let mut row = vec![0.0; columns];
        for (codes, out) in codes.chunks_exact(self.concept_count()).zip(out.chunks_exact_mut(columns)) {
            row.fill(0.0);
            for (&code, atom) in codes.iter().zip(self.coder.dictionary.chunks_exact(columns)) {
                if code != 0.0 {
                    row.iter_mut().zip(atom).for_each(|(sum, value)| *sum += f64::from(code) * value);
                }
            }
            out.iter_mut().zip(&row).for_each(|(out, &value)| *out = value as f32);
        }
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.dictionary
    }
}
