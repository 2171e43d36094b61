//! A tensor as a file holds it, and its values.

use std::borrow::Cow;

use half::{bf16, f16};

/// The type of the numbers of a tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NumberType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// One that is not read, by its name.
    Other(String),
}

impl NumberType {
    /// How many bytes a tensor of that shape takes; nothing where no memory could hold it, or the type is not read.
    pub fn size_of(&self, shape: &[usize]) -> Option<usize> {
        let size = match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Other(_) => return None,
        };
        shape.iter().try_fold(size, |size: usize, side| size.checked_mul(*side))
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
}

impl<'a> Stored<'a> {
    /// Says what bytes are: those of a tensor of that shape, whose numbers lie `strides` apart from one index of each side to
    /// the next, or else one after the other. Nothing where there are not as many bytes as that takes.
    pub fn new(numbers: &'a NumberType, bytes: &'a [u8], shape: &[usize], strides: Option<&[usize]>) -> Option<Self> {
        let whole = numbers.size_of(shape)?;
        let bytes = match strides {
            None => Cow::Borrowed(bytes),
            Some(strides) => Cow::Owned(one_after_the_other(bytes, numbers.size_of(&[])?, shape, strides)?),
        };
        (bytes.len() == whole).then_some(Self { numbers, bytes })
    }

    /// Some of its rows as a tensor of their own; nothing where there is no such part.
    pub fn share(self, share: Share) -> Option<Self> {
        let size = self.bytes.len().checked_div(share.of)?;
        let part = share.index.checked_mul(size)?..share.index.checked_add(1)?.checked_mul(size)?;
        let bytes = match self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(part)?),
            Cow::Owned(bytes) => Cow::Owned(bytes.get(part)?.to_vec()),
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
    pub fn widened(&self) -> Vec<f32> {
        let halves = || self.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        match self.numbers {
            NumberType::F32 => {
                let fours = self.bytes.chunks_exact(4);
                fours.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
            }
            NumberType::F16 => halves().map(|bits| f16::from_bits(bits).to_f32()).collect(),
            NumberType::Bf16 => halves().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
            NumberType::Other(_) => Vec::new(),
        }
    }
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
