//! How products with weights are computed on the CPU.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::kernels::instructions;
use crate::kernels::product::{
    Bf16Matrix, BlockMatrix, F32Matrix, Factor, Int8Kernel, Int8Matrix, Kernel, Scratch, SingleKernel, Terms, multiply,
    multiply_int8,
};
use crate::model::options::Precision;
use crate::parallel::at_once;
use crate::tensor_files::NumberType;

/// How the matrices of a model are kept and multiplied on the CPU.
#[derive(Debug, Clone)]
pub(crate) struct HostProducts {
    precision: Precision,
    /// Products in bf16: of weights that are bf16 numbers where a model computes in f32, of all where it computes in bf16.
    halves: Option<Arc<PackedProducts>>,
    /// Products in f32 with packed matrices.
    single: Option<Arc<PackedProducts>>,
    /// Products of 8-bit integers, of all matrices where a model computes in them.
    integers: Option<Arc<PackedProducts>>,
    /// Why there are none in bf16 or of integers, or none that are faster.
    reason: Option<String>,
}

/// How a matrix that rows are multiplied with is kept.
pub(super) enum Kept {
    /// As it is stored.
    AsStored,
    /// As bf16 numbers, which are multiplied in f32 with rows that were rounded to bf16.
    Rounded,
    /// As bf16 numbers in tiles.
    Bf16(Arc<PackedProducts>),
    /// As f32 in blocks.
    F32(Arc<PackedProducts>),
    /// As 8-bit integers with a scale for each output.
    Int8(Arc<PackedProducts>),
    /// As it is stored, to be unpacked by each product.
    Unpacked(Arc<PackedProducts>),
}

impl HostProducts {
    /// The products of a model that computes in a type of number, with the best instructions that there are.
    pub fn new(precision: Precision) -> Self {
        if precision == Precision::Int8 {
            let (kernel, reason) = Int8Kernel::find();
            return Self::of_integers(kernel, reason);
        }
        let of = |kernel, terms| Some(PackedProducts::new(How::Tiles(kernel, terms)));
        let (halves, reason) = match (precision, Kernel::amx()) {
            (Precision::Bf16, Ok(kernel)) => (of(kernel, Terms::One), None),
            (Precision::Bf16, Err(no_amx)) => match Kernel::vector() {
                Ok(kernel) => (of(kernel, Terms::One), Some(no_amx)),
                Err(no_vector) => (None, Some(format!("{no_amx}, and {no_vector}"))),
            },
            (_, Ok(kernel)) => (of(kernel, Terms::Three), None),
            (_, Err(no_amx)) => (None, Some(no_amx)),
        };
        Self { precision, halves, single: Self::in_f32(precision), integers: None, reason }
    }

    fn of_integers(kernel: Int8Kernel, reason: Option<String>) -> Self {
        let integers = Some(PackedProducts::new(How::Int8(kernel)));
        Self { precision: Precision::Int8, halves: None, single: None, integers, reason }
    }

    fn in_f32(precision: Precision) -> Option<Arc<PackedProducts>> {
        SingleKernel::find().map(|kernel| PackedProducts::new(How::F32(kernel, precision == Precision::Bf16)))
    }

    /// Products in f32, of matrices as they are stored.
    pub const fn plain() -> Self {
        Self { precision: Precision::F32, halves: None, single: None, integers: None, reason: None }
    }

    /// How a matrix is kept whose file has this type of number.
    pub(super) fn keep(&self, numbers: &NumberType) -> Kept {
        if let Some(products) = &self.integers {
            return Kept::Int8(Arc::clone(products));
        }
        let rounds = self.precision == Precision::Bf16;
        if rounds || *numbers == NumberType::Bf16 {
            return match self.halves.as_ref().or(self.single.as_ref()) {
                Some(products) => Kept::Bf16(Arc::clone(products)),
                None if rounds => Kept::Rounded,
                None => Kept::AsStored,
            };
        }
        match (&self.single, numbers) {
            (Some(products), NumberType::F32) => Kept::F32(Arc::clone(products)),
            (Some(products), _) if numbers.format().is_some() => Kept::Unpacked(Arc::clone(products)),
            _ => Kept::AsStored,
        }
    }

    /// How products of rounded factors in f32 are described.
    pub(super) fn rounded() -> String {
        format!("bf16 ({}, multiplied as f32)", instructions())
    }

    /// How products in f32 are described.
    pub(super) fn of_f32() -> String {
        format!("f32 ({})", instructions())
    }

    /// Why matrices that are multiplied as `kinds` say are not multiplied faster; nothing where they are.
    pub fn why_not_faster(&self, kinds: &str, numbers: &str) -> Option<String> {
        let goal = match self.precision {
            Precision::Int8 => "int8 (AMX)",
            Precision::Bf16 => "bf16 (AMX)",
            _ => "bf16 x 3 (AMX)",
        };
        if kinds.is_empty() || kinds == goal {
            return None;
        }
        let reason = self.reason.clone().unwrap_or_else(|| format!("not all weights are BF16, but {numbers}"));
        Some(format!("not {goal}: {reason}"))
    }
}

/// A packed matrix.
#[derive(Clone, Copy)]
pub(super) enum Packed<'a> {
    /// Of bf16 numbers.
    Bf16(&'a Bf16Matrix),
    /// Of f32.
    F32(&'a F32Matrix),
    /// Of integers with a scale for each output.
    Int8(&'a Int8Matrix),
    /// Of numbers that are unpacked first.
    Blocks(&'a BlockMatrix),
}

impl<'a> Packed<'a> {
    /// Its outputs and its inner dimension.
    fn shape(self) -> (usize, usize) {
        match self {
            Self::Bf16(matrix) => (matrix.rows, matrix.columns),
            Self::F32(matrix) => (matrix.rows, matrix.columns),
            Self::Int8(matrix) => (matrix.rows, matrix.columns),
            Self::Blocks(matrix) => (matrix.rows, matrix.columns),
        }
    }

    /// Some of its outputs for products in f32; nothing where it does not have these, or is not for such products.
    fn factor(self, outputs: Range<usize>) -> Option<Factor<'a>> {
        match self {
            Self::Bf16(matrix) => matrix.part(outputs).map(Factor::Bf16),
            Self::F32(matrix) => matrix.part(outputs).map(Factor::F32),
            Self::Int8(_) => None,
            Self::Blocks(matrix) => matrix.part(outputs).map(Factor::Blocks),
        }
    }
}

/// What is done to the values of some outputs, row after row, as soon as they are there: a value's by itself, since which outputs
/// these are depends on the number of threads.
pub(super) type Finish<'a> = &'a (dyn Fn(&mut [f32], Range<usize>) + Sync);

/// The multiplications of a product from which on threads share it: a few times what it takes to wake one.
const SHARED_PRODUCT: usize = 2 << 20;

/// The outputs that a thread has at least; their number is a multiple of it, so that blocks of outputs stay whole.
const SHARED_OUTPUTS: usize = 192;

/// What multiplies.
enum How {
    /// Instructions for bf16.
    Tiles(Kernel, Terms),
    /// Instructions for f32; rows may be rounded to bf16 before.
    F32(SingleKernel, bool),
    /// Instructions for 8-bit integers.
    Int8(Int8Kernel),
}

/// Products with packed matrices, by a kernel. Threads that multiply at the same time have memory for their rows each, a
/// megabyte or two, and for what stands between two products, which is kept for the next product.
pub(crate) struct PackedProducts {
    how: How,
    scratch: Mutex<Vec<Scratch>>,
}

impl PackedProducts {
    fn new(how: How) -> Arc<Self> {
        Arc::new(Self { how, scratch: Mutex::default() })
    }

    /// Computes `result = left matrix^T`, on up to `threads` threads of the calling thread's team, each of which has some of the
    /// outputs and `finish`es these. Their number does not change any bits.
    ///
    /// # Errors
    /// Those of [`multiply`].
    pub(super) fn times(
        &self,
        result: &mut [f32],
        left: &[f32],
        matrix: Packed<'_>,
        threads: usize,
        finish: Finish<'_>,
    ) -> Result<()> {
        let (outputs, columns) = matrix.shape();
        let is_large = left.len().saturating_mul(outputs) >= SHARED_PRODUCT;
        let parts = if is_large { threads.min(outputs / SHARED_OUTPUTS) } else { 1 };
        if parts <= 1 {
            self.times_part(result, left, matrix, 0..outputs)?;
            finish(result, 0..outputs);
            return Ok(());
        }
        let width = outputs.div_ceil(parts).next_multiple_of(SHARED_OUTPUTS);
        let rows = left.len() / columns;
        let products = at_once(outputs.div_ceil(width), parts, |index| {
            let outputs = index * width..outputs.min((index + 1) * width);
            let mut product = vec![0.0; rows * outputs.len()];
            self.times_part(&mut product, left, matrix, outputs.clone())?;
            finish(&mut product, outputs);
            Ok(product)
        })?;
        for (first, product) in (0..outputs).step_by(width).zip(products) {
            let width = width.min(outputs - first);
            let places = result.chunks_exact_mut(outputs).map(|row| &mut row[first..first + width]);
            places.zip(product.chunks_exact(width)).for_each(|(place, part)| place.copy_from_slice(part));
        }
        Ok(())
    }

    /// The product with some outputs of a matrix.
    fn times_part(&self, result: &mut [f32], left: &[f32], matrix: Packed<'_>, outputs: Range<usize>) -> Result<()> {
        let missing = || Error::internal("a product has other outputs");
        let mut scratch = self.kept().pop().unwrap_or_default();
        let done = match (&self.how, matrix) {
            (How::Tiles(kernel, terms), Packed::Bf16(matrix)) => matrix
                .part(outputs)
                .ok_or_else(missing)
                .and_then(|part| multiply(*kernel, *terms, result, left, part, &mut scratch)),
            (How::Int8(kernel), Packed::Int8(matrix)) => matrix
                .part(outputs)
                .ok_or_else(missing)
                .and_then(|part| multiply_int8(*kernel, result, left, part, &mut scratch)),
            (How::F32(kernel, rounds), matrix) => matrix
                .factor(outputs)
                .ok_or_else(missing)
                .and_then(|part| kernel.multiply(result, left, part, *rounds, &mut scratch)),
            _ => Err(Error::internal("a matrix is packed for other products")),
        };
        self.kept().push(scratch);
        done
    }

    /// Lends memory for so many values to `work`, which must not read what is in it, and keeps it for the next one.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`], or that of `work`.
    pub(super) fn lend_memory<T>(&self, count: usize, work: impl FnOnce(&mut [f32]) -> Result<T>) -> Result<T> {
        let mut scratch = self.kept().pop().unwrap_or_default();
        let done = scratch.values(count).and_then(work);
        self.kept().push(scratch);
        done
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Scratch>> {
        // A thread that panicked while it held the lock left a valid list.
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How they are described: `bf16 x 3 (AMX)`.
    pub fn description(&self) -> String {
        match &self.how {
            How::Tiles(kernel, Terms::One) => format!("bf16 ({})", kernel.name()),
            How::Tiles(kernel, Terms::Three) => format!("bf16 x 3 ({})", kernel.name()),
            How::F32(_, true) => HostProducts::rounded(),
            How::F32(_, false) => HostProducts::of_f32(),
            How::Int8(kernel) => format!("int8 ({})", kernel.name()),
        }
    }
}

impl fmt::Debug for PackedProducts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.description())
    }
}

#[cfg(test)]
impl HostProducts {
    /// The products of a processor with AMX, computed by its tiles in software.
    pub fn as_with_amx(precision: Precision) -> Self {
        if precision == Precision::Int8 {
            return Self::as_without_bf16(precision);
        }
        let terms = if precision == Precision::Bf16 { Terms::One } else { Terms::Three };
        let halves = Some(PackedProducts::new(How::Tiles(Kernel::software(), terms)));
        Self { precision, halves, single: Self::in_f32(precision), integers: None, reason: None }
    }

    /// The products of a processor without any instructions for bf16.
    pub fn as_without_bf16(precision: Precision) -> Self {
        let reason = Some("there are no such instructions".to_owned());
        if precision == Precision::Int8 {
            return Self::of_integers(Int8Kernel::portable(), reason);
        }
        Self { precision, halves: None, single: Self::in_f32(precision), integers: None, reason }
    }

    /// The products of a processor whose vectors are not known.
    pub fn as_without_vectors(precision: Precision) -> Self {
        Self { single: None, ..Self::as_without_bf16(precision) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::in_team;

    /// Numbers that are bf16 numbers, too.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + seed) % 251) as f32 - 125.0).collect()
    }

    #[test]
    fn a_product_is_the_same_bits_on_any_number_of_threads() {
        let (rows, inputs, outputs) = (13, 301, 1000);
        let (left, right) = (numbers(rows * inputs, 3), numbers(outputs * inputs, 5));
        assert!(left.len() * outputs >= SHARED_PRODUCT && outputs / SHARED_OUTPUTS >= 5);
        let write = |part: Range<usize>, panel: &mut [f32]| {
            panel.copy_from_slice(&right[part.start * inputs..part.end * inputs]);
            Ok(())
        };
        let halves = Bf16Matrix::pack(outputs, inputs, write).unwrap();
        let single = F32Matrix::pack(outputs, inputs, write).unwrap();
        let mut ways = vec![(How::Tiles(Kernel::software(), Terms::One), Packed::Bf16(&halves))];
        ways.extend(Kernel::vector().map(|kernel| (How::Tiles(kernel, Terms::One), Packed::Bf16(&halves))));
        let integers = Int8Matrix::pack(outputs, inputs, write).unwrap();
        ways.extend(Int8Kernel::all().into_iter().map(|kernel| (How::Int8(kernel), Packed::Int8(&integers))));
        for kernel in SingleKernel::all() {
            ways.push((How::F32(kernel, false), Packed::F32(&single)));
            ways.push((How::F32(kernel, true), Packed::Bf16(&halves)));
        }
        for (how, matrix) in ways {
            let products = PackedProducts::new(how);
            let on = |threads: usize| {
                let mut result = vec![f32::NAN; rows * outputs];
                // Which output a value is of decides what becomes of it.
                let finish = |values: &mut [f32], outputs: Range<usize>| {
                    for row in values.chunks_exact_mut(outputs.len()) {
                        row.iter_mut().zip(outputs.clone()).for_each(|(value, output)| *value += output as f32);
                    }
                };
                in_team(threads, || products.times(&mut result, &left, matrix, threads, &finish)).unwrap();
                result.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let alone = on(1);
            for threads in [2, 3, 9] {
                assert!(on(threads) == alone, "{} on {threads} threads", products.description());
            }
            let wrong = products.times(&mut vec![0.0; rows * outputs - 1], &left, matrix, 1, &|_, _| {});
            assert!(wrong.is_err(), "{}", products.description());
        }
    }
}
