//! A tensor as a file holds it, and its values.

use std::borrow::Cow;

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::blocks::Blocks;
use crate::error::Result;

/// The type of the numbers of a tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NumberType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Double precision, which is read as single precision.
    F64,
    /// Small whole numbers in blocks, each with a scale of its own: quantised.
    Blocks(GgmlDType),
    /// One that is not read, by its name.
    Other(String),
}

impl NumberType {
    /// How many numbers are stored together, and in how many bytes; nothing where the type is not read.
    fn block(&self) -> Option<(usize, usize)> {
        Some(match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::F64 => (1, 8),
            Self::Blocks(kind) => (kind.block_size(), kind.type_size()),
            Self::Other(_) => return None,
        })
    }

    /// What the field calls it: `BF16`, `Q4K`.
    pub fn name(&self) -> String {
        match self {
            Self::F32 => "F32".to_owned(),
            Self::F16 => "F16".to_owned(),
            Self::Bf16 => "BF16".to_owned(),
            Self::F64 => "F64".to_owned(),
            Self::Blocks(kind) => format!("{kind:?}"),
            Self::Other(name) => name.clone(),
        }
    }

    /// How many bytes a tensor of that shape takes; nothing where no memory could hold it, its rows are not whole
    /// blocks, or the type is not read.
    pub fn size_of(&self, shape: &[usize]) -> Option<usize> {
        let (numbers, size) = self.block()?;
        let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side))?;
        let whole = shape.last().copied().unwrap_or(1).is_multiple_of(numbers);
        if whole { (count / numbers).checked_mul(size) } else { None }
    }

    /// Whether rows of that many numbers are whole blocks.
    pub fn divides(&self, columns: usize) -> bool {
        self.block().is_none_or(|(numbers, _)| columns.is_multiple_of(numbers))
    }
}

/// How the values of a tensor lie in its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// One after the other, the last side running fastest.
    Rows,
    /// So, with one added to each of them.
    RowsPlusOne,
    /// This far apart from one index of each side to the next, in numbers.
    Strided(Vec<usize>),
    /// Row after row, but with the rows of the two halves of each head interleaved.
    InterleavedHalves {
        /// Heads, each of the same even number of rows.
        heads: usize,
    },
}

impl Layout {
    /// Whether the bytes of the file are those of the rows.
    pub fn is_in_rows(&self) -> bool {
        matches!(self, Self::Rows | Self::RowsPlusOne)
    }

    /// What distinguishes it from another layout of the same bytes.
    pub fn numbers(&self) -> &[usize] {
        match self {
            Self::Rows => &[],
            Self::RowsPlusOne => &[1],
            Self::Strided(strides) => strides,
            Self::InterleavedHalves { heads } => std::slice::from_ref(heads),
        }
    }
}

/// Rows of a tensor that are a parameter by themselves: one of `of` equal parts, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Share {
    /// Which part.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

/// The bytes of a whole tensor in a file, with the type of their numbers, the lowest byte of each first.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'a> {
    numbers: &'a NumberType,
    bytes: Cow<'a, [u8]>,
    /// Whether the values are one less than the bytes say.
    plus_one: bool,
}

impl<'a> Stored<'a> {
    /// Says what bytes are: those of a tensor of that shape and layout. Nothing where there are not as many bytes as
    /// that takes. Double precision is narrowed to single precision, as `torch.Tensor.float` does.
    pub(super) fn new(numbers: &'a NumberType, bytes: &'a [u8], shape: &[usize], layout: &Layout) -> Option<Self> {
        let whole = numbers.size_of(shape)?;
        let bytes = match layout {
            Layout::Rows | Layout::RowsPlusOne => Cow::Borrowed(bytes),
            Layout::Strided(strides) => Cow::Owned(one_after_the_other(bytes, numbers.size_of(&[])?, shape, strides)?),
            Layout::InterleavedHalves { heads } => {
                Cow::Owned(separated_halves(bytes.get(..whole)?, *shape.first()?, *heads)?)
            }
        };
        let plus_one = *layout == Layout::RowsPlusOne;
        if bytes.len() != whole {
            return None;
        }
        Some(match numbers {
            NumberType::F64 => Self { numbers: &NumberType::F32, bytes: Cow::Owned(narrowed(&bytes)), plus_one },
            numbers => Self { numbers, bytes, plus_one },
        })
    }

    /// Bytes that are known to be whole.
    #[cfg(test)]
    pub fn of_bytes(numbers: &'a NumberType, bytes: &'a [u8]) -> Self {
        Self { numbers, bytes: Cow::Borrowed(bytes), plus_one: false }
    }

    /// Some of its rows as a tensor of their own; nothing where there is no such part.
    pub fn share(self, share: Share) -> Option<Self> {
        let size = self.bytes.len().checked_div(share.of)?;
        let part = share.index.checked_mul(size)?..share.index.checked_add(1)?.checked_mul(size)?;
        let bytes = match self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(part)?),
            Cow::Owned(mut bytes) => {
                bytes.truncate(part.end);
                bytes.drain(..part.start);
                Cow::Owned(bytes)
            }
        };
        Some(Self { bytes, ..self })
    }

    /// The type of its numbers.
    pub fn numbers(&self) -> &NumberType {
        self.numbers
    }

    /// Its bytes, as many as its type and shape take.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The values in single precision, which holds each of them exactly.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] when candle cannot read blocks that have the right size.
    pub fn widened(&self) -> Result<Vec<f32>> {
        let halves = || self.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let mut values: Vec<f32> = match self.numbers {
            NumberType::F32 => {
                let fours = self.bytes.chunks_exact(4);
                fours.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
            }
            NumberType::F16 => halves().map(|bits| f16::from_bits(bits).to_f32()).collect(),
            NumberType::Bf16 => halves().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
            NumberType::Blocks(kind) => {
                let numbers = self.bytes.len() / kind.type_size() * kind.block_size();
                let mut values = vec![0.0; numbers];
                Blocks::new(*kind, &self.bytes, 1, numbers).write(0..1, &mut values)?;
                values
            }
            // Narrowed before they come here.
            NumberType::F64 | NumberType::Other(_) => Vec::new(),
        };
        if self.plus_one {
            values.iter_mut().for_each(|value| *value -= 1.0);
        }
        Ok(values)
    }
}

/// Numbers of double precision as the nearest ones of single precision.
fn narrowed(bytes: &[u8]) -> Vec<u8> {
    let eights = bytes.chunks_exact(8).filter_map(|eight| eight.try_into().ok());
    eights.flat_map(|eight| (f64::from_le_bytes(eight) as f32).to_le_bytes()).collect()
}

/// The rows of a matrix whose heads have the rows of their halves interleaved, with the first half of each head before
/// its second.
fn separated_halves(bytes: &[u8], rows: usize, heads: usize) -> Option<Vec<u8>> {
    let head = rows.checked_div(heads).filter(|head| head * heads == rows && head.is_multiple_of(2))?;
    let size = bytes.len().checked_div(rows).filter(|size| *size > 0)?;
    let mut result = Vec::with_capacity(bytes.len());
    for head in bytes.chunks_exact(head * size) {
        for half in 0..2 {
            head.chunks_exact(size).skip(half).step_by(2).for_each(|row| result.extend_from_slice(row));
        }
    }
    Some(result)
}

/// Numbers of `size` bytes in the order of their indices, the last side running fastest.
fn one_after_the_other(bytes: &[u8], size: usize, shape: &[usize], strides: &[usize]) -> Option<Vec<u8>> {
    let (count, outer) = shape.split_last()?;
    let step = strides.last()?.checked_mul(size)?;
    let mut rows = vec![0_usize];
    for (side, stride) in outer.iter().zip(strides) {
        let step = stride.checked_mul(size)?;
        rows = rows.iter().flat_map(|start| (0..*side).map(move |index| start + index * step)).collect();
    }
    let mut result = Vec::with_capacity(rows.len() * count * size);
    for row in rows {
        for index in 0..*count {
            let start = row + index * step;
            result.extend_from_slice(bytes.get(start..start + size)?);
        }
    }
    Some(result)
}
