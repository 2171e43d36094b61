//! The parameters of layers, read from files of weights.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use candle_core::Tensor;
use sha2::Sha256;

use crate::error::{Error, ErrorCode, Result};
use crate::kernels::product::{Bf16Matrix, F32Matrix};
use crate::memory::Claim;
use crate::model::ops::{Backend, Weight};
use crate::model::weights::{ExpertPart, NumberType, Share, Stored, Weights};

/// Tables that take fewer bytes are read into memory. Tests leave all of them in their files.
const LEAST_IN_FILE: usize = if cfg!(test) { 1 } else { 1 << 20 };

/// A parameter of a module: where it may lie in a file, the likeliest place first, and its shape.
pub(crate) struct Parameter {
    /// The first of them that a file has is the one.
    pub places: Vec<Place>,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Where a parameter may lie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The name of a tensor.
    pub tensor: String,
    /// Which of its rows the parameter is, where it is not all of them.
    pub share: Option<Share>,
    /// Which part of it the parameter is, where it holds those of all experts of a block.
    pub expert: Option<ExpertPart>,
    /// The tensor with the powers of two of its numbers, where it holds those of four bits.
    pub scales: Option<String>,
}

impl Place {
    /// The names of the tensors.
    pub fn tensors(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.tensor).chain(&self.scales)
    }
}

/// Reads parameters for a model on a device. A matrix that several layers have in common is in memory once.
pub(crate) struct Reader<'a> {
    weights: &'a Weights,
    backend: &'a Backend,
    /// The matrices so far, by their place in the file and whether rows and columns are exchanged.
    matrices: HashMap<(Place, bool), Arc<Weight>>,
    /// Those that rows are multiplied with, by the same.
    factors: HashSet<(Place, bool)>,
    number_types: BTreeSet<String>,
    bytes: usize,
}

impl<'a> Reader<'a> {
    /// One that has read nothing yet.
    pub fn new(weights: &'a Weights, backend: &'a Backend) -> Self {
        Self {
            weights,
            backend,
            matrices: HashMap::new(),
            factors: HashSet::new(),
            number_types: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// How many bytes the numbers take that were read so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// In which types the numbers were stored that were read so far: `BF16, F32`.
    pub fn number_types(&self) -> String {
        self.number_types.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Says of a matrix that rows will be multiplied with it, before anything is read: a table that is a factor of a product
    /// as well is kept once, as the product wants it.
    pub fn expect_product(&mut self, parameter: &Parameter, transposed: bool) {
        if let Some(place) = self.place(parameter) {
            self.factors.insert((place.clone(), transposed));
        }
    }

    /// Whether a file has the parameter.
    pub fn has(&self, parameter: &Parameter) -> bool {
        parameter.places.iter().any(|place| self.weights.has(&place.tensor))
    }

    /// A vector as f32.
    ///
    /// # Errors
    /// Those of [`Weights::find`]; [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn vector(&mut self, parameter: &Parameter) -> Result<Tensor> {
        let (place, stored) = self.stored(parameter)?;
        let _claim = self.claim(place, &stored, &parameter.shape, (false, false))?;
        self.number_types.insert(stored.numbers().name());
        let vector = Tensor::from_vec(stored.widened()?, &*parameter.shape, &self.backend.device)?;
        self.weights.release(&place.tensor);
        self.bytes += vector.elem_count() * size_of::<f32>();
        Ok(vector)
    }

    /// A matrix as it is stored, or with rows and columns exchanged. A large table stays in its file, unless it is a factor of
    /// products as well.
    ///
    /// # Errors
    /// Those of [`Weights::find`]; [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn matrix(&mut self, parameter: &Parameter, transposed: bool) -> Result<Arc<Weight>> {
        let &[rows, columns] = &*parameter.shape else {
            return Err(Error::internal("a matrix without two sides"));
        };
        let (place, stored) = self.stored(parameter)?;
        let key = (place.clone(), transposed);
        if let Some(matrix) = self.matrices.get(&key) {
            return Ok(Arc::clone(matrix));
        }
        self.number_types.insert(stored.numbers().name());
        let is_factor = self.factors.contains(&key);
        let is_whole = place.share.is_none() && place.expert.is_none();
        let stays = self.backend.device.is_cpu() && !is_factor && !transposed && is_whole;
        let table = (stays && stored.bytes().len() >= LEAST_IN_FILE)
            .then(|| self.weights.table(&place.tensor, rows, columns))
            .flatten();
        let matrix = if let Some(table) = table {
            Weight::InFile(table)
        } else {
            let _claim = self.claim(place, &stored, &parameter.shape, (is_factor, transposed))?;
            match (is_factor, transposed) {
                (true, false) => Weight::factor(&stored, rows, columns, self.backend)?,
                (false, false) => Weight::new(&stored, rows, columns, self.backend)?,
                (false, true) => Weight::new(&stored, rows, columns, self.backend)?.transposed()?,
                (true, true) => {
                    let matrix = Weight::new(&stored, rows, columns, self.backend)?.transposed()?;
                    matrix.for_products(stored.numbers(), self.backend)?
                }
            }
        };
        self.weights.release(&place.tensor);
        let matrix = Arc::new(matrix);
        self.bytes += matrix.bytes();
        self.matrices.insert(key, Arc::clone(&matrix));
        Ok(matrix)
    }

    /// How many bytes parameters take as they are stored, each of them once. What is not there does not count.
    pub fn stored_bytes(&self, parameters: impl Iterator<Item = Parameter>) -> usize {
        let mut seen = HashSet::new();
        let bytes = parameters.filter_map(|parameter| {
            let place = self.place(&parameter)?;
            if place.scales.is_some() {
                return NumberType::Mxfp4.size_of(&parameter.shape);
            }
            if place.expert.is_some() {
                return self.weights.stored_bytes(&place.tensor, &parameter.shape);
            }
            let (place, stored) = self.stored(&parameter).ok()?;
            seen.insert(place.clone()).then(|| stored.bytes().len())
        });
        bytes.fold(0, usize::saturating_add)
    }

    /// Adds what tells a parameter from another one to a hash.
    pub fn hash(&self, parameter: &Parameter, hash: &mut Sha256) {
        // A tensor that holds the parameters of all experts counts once.
        if let Some(place) = self.place(parameter).filter(|place| place.expert.is_none_or(|part| part.index == 0)) {
            self.weights.hash(&place.tensor, hash);
        }
    }

    /// The first place of a parameter that a file has; the likeliest where it has none.
    fn place<'p>(&self, parameter: &'p Parameter) -> Option<&'p Place> {
        let there = parameter.places.iter().find(|place| self.weights.has(&place.tensor));
        there.or(parameter.places.first())
    }

    /// Where a parameter lies, and what is stored there.
    fn stored<'p>(&self, parameter: &'p Parameter) -> Result<(&'p Place, Stored<'a>)> {
        let place = self.place(parameter).ok_or_else(|| Error::internal("a parameter without a name"))?;
        if let (Some(part), Some(scales), &[rows, columns]) = (place.expert, &place.scales, &*parameter.shape) {
            let copy = NumberType::Mxfp4.size_of(&parameter.shape).unwrap_or(0);
            let _claim = Claim::of(copy, &format!("an expert of the tensor `{}`", place.tensor))?;
            return Ok((place, self.weights.find_mxfp4((&place.tensor, scales), part, [rows, columns])?));
        }
        if let Some(part) = place.expert {
            // What lies in columns is copied into rows.
            let copy = if part.by_columns { self.weights.stored_bytes(&place.tensor, &parameter.shape) } else { None };
            let _claim = Claim::of(copy.unwrap_or(0), &format!("an expert of the tensor `{}`", place.tensor))?;
            let all = self.weights.find(&place.tensor, &part.whole(&parameter.shape))?;
            let kind = all.numbers().name();
            let own = all.expert(part, &parameter.shape).ok_or_else(|| {
                let message = format!("the tensor `{}` of all experts is of type {kind}", place.tensor);
                Error::new(ErrorCode::Unsupported, message)
                    .hint("use weights in F32, F16, BF16 or F64")
                    .detail("tensor", &place.tensor)
            })?;
            return Ok((place, own));
        }
        let Some(share) = place.share else {
            return Ok((place, self.weights.find(&place.tensor, &parameter.shape)?));
        };
        let mut whole = parameter.shape.clone();
        if let Some(rows) = whole.first_mut() {
            *rows = rows.saturating_mul(share.of);
        }
        let part = self.weights.find(&place.tensor, &whole)?.share(share);
        Ok((place, part.ok_or_else(|| Error::internal("a share of a tensor that is not there"))?))
    }

    /// Claims what a parameter takes in host memory while it is read: as it is stored or as f32, and again where it is put
    /// in another order; nothing for a matrix that goes to a device from where its file is.
    fn claim(
        &self,
        place: &Place,
        stored: &Stored<'_>,
        shape: &[usize],
        (is_factor, transposed): (bool, bool),
    ) -> Result<Claim> {
        let widened = shape.iter().copied().fold(size_of::<f32>(), usize::saturating_mul);
        let is_matrix = shape.len() == 2;
        if is_matrix && !self.backend.device.is_cpu() {
            return Claim::of(0, &place.tensor);
        }
        let is_narrow =
            matches!(stored.numbers(), NumberType::F16 | NumberType::Bf16 | NumberType::Blocks(_) | NumberType::Mxfp4);
        let bytes = if is_narrow && is_matrix { stored.bytes().len() } else { widened };
        // Blocks take less than the numbers of bf16 that products may make of them.
        let packed = match *shape {
            [rows, columns] if is_factor && is_narrow => Bf16Matrix::bytes_of(rows, columns),
            [rows, columns] if is_factor => F32Matrix::bytes_of(rows, columns),
            _ => 0,
        };
        let packed = packed.max(bytes);
        // A vector, and a matrix that is transposed, are there as they are stored beside what is made of them.
        let beside = if is_matrix && !transposed { 0 } else { bytes };
        Claim::of(packed.saturating_add(beside), &format!("the tensor `{}` of shape {shape:?}", place.tensor))
    }
}
