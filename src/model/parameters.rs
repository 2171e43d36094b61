//! The parameters of layers, read from files of weights.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use candle_core::{DType, Tensor};
use sha2::Sha256;

use crate::error::{Error, ErrorCode, Result};
use crate::kernels::product::{Bf16Matrix, F32Matrix};
use crate::memory::Claim;
use crate::model::adapter::Adapter;
use crate::model::ops::{Backend, Weight, sinusoids};
use crate::model::weights::Weights;
use crate::tensor_files::{ExpertPart, NumberType, Share, Stored};

/// Tables that take fewer bytes are read into memory. Tests leave all of them in their files.
const LEAST_IN_FILE: usize = if cfg!(test) { 1 } else { 1 << 20 };

/// A parameter of a module: where it may lie in a file, the likeliest place first, and its shape.
pub(crate) struct Parameter {
    /// The first of them that a file has is the one.
    pub places: Vec<Place>,
    /// How many of the first places are the parameter's own, and not those of another one that it may be tied to.
    pub own: usize,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether it is a matrix of as many rows as inputs, and not as outputs.
    pub transposed: bool,
}

impl Parameter {
    /// The places that are its own: under its own name, or some rows of a tensor that has several parameters.
    pub fn own_places(&self) -> impl Iterator<Item = &Place> {
        self.places
            .iter()
            .enumerate()
            .filter(|(index, place)| *index < self.own || place.share.is_some())
            .map(|(_, place)| place)
    }

    /// The shape of the tensor of which the parameter is that share.
    pub fn shape_of(&self, share: Option<Share>) -> Vec<usize> {
        let mut whole = self.shape.clone();
        if let (Some(rows), Some(share)) = (whole.first_mut(), share) {
            *rows = rows.saturating_mul(share.of);
        }
        whole
    }
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
    /// What changes some of them.
    adapter: Option<&'a Adapter>,
    /// The matrices so far, by their place in the file and whether rows and columns are exchanged.
    matrices: HashMap<(Place, bool), Arc<Weight>>,
    /// Tables of sines and cosines that no file has, by their shape.
    sinusoids: HashMap<(usize, usize), Arc<Weight>>,
    /// Those that rows are multiplied with, by the same.
    factors: HashSet<(Place, bool)>,
    number_types: BTreeSet<String>,
    bytes: usize,
}

impl<'a> Reader<'a> {
    /// One that has read nothing yet.
    pub fn new(weights: &'a Weights, backend: &'a Backend, adapter: Option<&'a Adapter>) -> Self {
        Self {
            weights,
            backend,
            adapter,
            matrices: HashMap::new(),
            sinusoids: HashMap::new(),
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
    pub fn expect_product(&mut self, parameter: &Parameter) {
        if let Some(place) = self.place(parameter) {
            self.factors.insert((place.clone(), parameter.transposed));
        }
    }

    /// Whether a file has the parameter.
    pub fn has(&self, parameter: &Parameter) -> bool {
        let is_new = self.adapter.is_some_and(|adapter| adapter.replaces(parameter));
        is_new || parameter.places.iter().any(|place| self.weights.has(&place.tensor))
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

    /// A vector of ones, which no file has.
    pub fn ones(&self, width: usize) -> Result<Tensor> {
        Ok(Tensor::ones(width, DType::F32, &self.backend.device)?)
    }

    /// The one number of a parameter.
    ///
    /// # Errors
    /// Those of [`Weights::find`].
    pub fn number(&mut self, parameter: &Parameter) -> Result<f32> {
        let (place, stored) = self.stored(parameter)?;
        self.number_types.insert(stored.numbers().name());
        let numbers = stored.widened()?;
        self.weights.release(&place.tensor);
        self.bytes += size_of::<f32>();
        numbers.first().copied().ok_or_else(|| Error::internal("a number that is not there"))
    }

    /// A matrix with a row for each output, whichever way it is stored. A large table stays in its file, unless it is a factor of
    /// products as well.
    ///
    /// # Errors
    /// Those of [`Weights::find`]; [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn matrix(&mut self, parameter: &Parameter) -> Result<Arc<Weight>> {
        let transposed = parameter.transposed;
        let &[rows, columns] = &*parameter.shape else {
            return Err(Error::internal("a matrix without two sides"));
        };
        let place = self.place(parameter).ok_or_else(|| Error::internal("a parameter without a name"))?;
        let key = (place.clone(), transposed);
        if self.adapter.is_none_or(|adapter| !adapter.changes(parameter)) {
            // Its shape is checked also where another module has the same.
            self.unchanged(parameter)?;
        }
        if let Some(matrix) = self.matrices.get(&key) {
            return Ok(Arc::clone(matrix));
        }
        let (_, stored) = self.stored(parameter)?;
        self.number_types.insert(stored.numbers().name());
        let is_factor = self.factors.contains(&key);
        let is_changed = self.adapter.is_some_and(|adapter| adapter.changes(parameter));
        let is_whole = place.share.is_none() && place.expert.is_none();
        let stays = self.backend.device.is_cpu() && !is_factor && !transposed && is_whole && !is_changed;
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

    /// The sines and cosines of positions.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub fn sinusoids(&mut self, count: usize, width: usize) -> Result<Arc<Weight>> {
        if let Some(table) = self.sinusoids.get(&(count, width)) {
            return Ok(Arc::clone(table));
        }
        let what = format!("a table of {count} positions and {width} columns");
        let size = count.saturating_mul(width).saturating_mul(size_of::<f32>());
        let _claim = Claim::of(size.saturating_mul(2), &what)?;
        let bytes =
            sinusoids(count, width).ok_or_else(|| Error::internal(format!("{what} beyond what was claimed")))?;
        let stored = Stored::of_bytes(&NumberType::F32, &bytes);
        let table = Arc::new(Weight::new(&stored, count, width, self.backend)?);
        self.bytes += table.bytes();
        self.sinusoids.insert((count, width), Arc::clone(&table));
        Ok(table)
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
            let (place, stored) = self.unchanged(&parameter).ok()?;
            seen.insert(place.clone()).then(|| stored.bytes().len())
        });
        bytes.fold(0, usize::saturating_add)
    }

    /// Checks that an adapter does not change one of two matrices that are one in the file.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Unsupported`] naming both.
    pub fn check_ties(&self, parameter: &Parameter) -> Result<()> {
        let Some(adapter) = self.adapter.filter(|adapter| !adapter.replaces(parameter)) else { return Ok(()) };
        let Some(place) = self.place(parameter).filter(|place| place.share.is_none()) else { return Ok(()) };
        let is_own = parameter.own_places().any(|own| own == place);
        if is_own || adapter.changes(parameter) == adapter.targets().any(|target| target == place.tensor) {
            return Ok(());
        }
        let own = parameter.places.first().map_or("", |place| &place.tensor);
        Err(adapter.one_of_two(own, &place.tensor))
    }

    /// Adds what tells a parameter from another one to a hash.
    pub fn hash(&self, parameter: &Parameter, hash: &mut Sha256) {
        // A tensor that holds the parameters of all experts counts once.
        if let Some(place) = self.place(parameter).filter(|place| place.expert.is_none_or(|part| part.index == 0)) {
            self.weights.hash(&place.tensor, hash);
        }
        if let Some(adapter) = self.adapter {
            adapter.hash(parameter, hash);
        }
    }

    /// The first place of a parameter that a file has; the likeliest where it has none.
    fn place<'p>(&self, parameter: &'p Parameter) -> Option<&'p Place> {
        let there = parameter.places.iter().find(|place| self.weights.has(&place.tensor));
        there.or(parameter.places.first())
    }

    /// Where a parameter lies, and what is stored there, with what an adapter makes of it.
    fn stored<'p>(&self, parameter: &'p Parameter) -> Result<(&'p Place, Stored<'a>)> {
        let Some(adapter) = self.adapter else { return self.unchanged(parameter) };
        let place = self.place(parameter).ok_or_else(|| Error::internal("a parameter without a name"))?;
        let changed = adapter.changed(parameter, || self.unchanged(parameter).map(|(_, stored)| stored))?;
        Ok((place, changed.map_or_else(|| self.unchanged(parameter).map(|(_, stored)| stored), Ok)?))
    }

    /// Where a parameter lies, and what is stored there.
    fn unchanged<'p>(&self, parameter: &'p Parameter) -> Result<(&'p Place, Stored<'a>)> {
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
        let whole = parameter.shape_of(Some(share));
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
