//! A tensor as a file holds it, and its values.

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

/// The bytes of a whole tensor in a file, with the type of their numbers, the lowest byte of each first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    numbers: &'a NumberType,
    bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Says what bytes are.
    pub fn new(numbers: &'a NumberType, bytes: &'a [u8]) -> Self {
        Self { numbers, bytes }
    }

    /// The type of its numbers.
    pub fn numbers(&self) -> &NumberType {
        self.numbers
    }

    /// Its bytes, as many as its type and shape take.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
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
