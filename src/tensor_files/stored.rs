//! A tensor as a file holds it, and its values.

use std::borrow::Cow;
use std::ops::Range;

use candle_core::quantized::GgmlDType;

use crate::error::{Error, ErrorCode, Result};
use crate::files::FileBytes;
use crate::kernels::{self, Format};

/// How many bytes of a mapped file are read before their pages are let go.
const RELEASED_AT_ONCE: usize = 4 << 20;

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
    /// Numbers of four bits in blocks, each with a power of two.
    Mxfp4,
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
            Self::Mxfp4 => (Format::MXFP4.numbers, Format::MXFP4.bytes),
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
            Self::Mxfp4 => "MXFP4".to_owned(),
            Self::Other(name) => name.clone(),
        }
    }

    /// How many bytes a signed whole number takes, where the type is one, by the names that PyTorch, safetensors and NumPy give it.
    pub fn whole_number_bytes(&self) -> Option<usize> {
        match self {
            Self::Other(name) => match name.as_str() {
                "`IntStorage`" | "I32" | "`<i4`" => Some(4),
                "`LongStorage`" | "I64" | "`<i8`" => Some(8),
                _ => None,
            },
            _ => None,
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

    /// Writes numbers as f32 as [`NumberType::widen`] does, those of double precision as the nearest ones.
    ///
    /// # Errors
    /// Those of [`NumberType::widen`].
    pub fn read(&self, bytes: &[u8], values: &mut [f32]) -> Result<()> {
        if *self == Self::F64 && bytes.len() == values.len().saturating_mul(8) {
            let eights = bytes.as_chunks::<8>().0.iter().map(|eight| f64::from_le_bytes(*eight));
            values.iter_mut().zip(eights).for_each(|(value, number)| *value = number as f32);
            return Ok(());
        }
        self.widen(bytes, values)
    }

    /// Writes numbers as f32, which holds each of them exactly; there must be as many of them as the bytes hold.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] for a type that is not widened, or another number of them.
    pub fn widen(&self, bytes: &[u8], values: &mut [f32]) -> Result<()> {
        if self.size_of(&[values.len()]) != Some(bytes.len()) {
            return Err(Error::internal("numbers take other bytes than those of their type"));
        }
        match self {
            Self::F32 => {
                let fours = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
                values.iter_mut().zip(fours).for_each(|(value, number)| *value = number);
            }
            Self::Bf16 => kernels::widen_bf16(bytes, values),
            other => {
                let format = other.format();
                format.ok_or_else(|| Error::internal("numbers of this type are not widened"))?.unpack(bytes, values);
            }
        }
        Ok(())
    }

    /// How numbers are unpacked that stay as they are stored where rows are multiplied with them: those for which another
    /// form would take more memory.
    pub fn format(&self) -> Option<Format> {
        match self {
            Self::F16 => Some(Format::F16),
            Self::Blocks(kind) => Format::of_blocks(*kind),
            Self::Mxfp4 => Some(Format::MXFP4),
            Self::F32 | Self::Bf16 | Self::F64 | Self::Other(_) => None,
        }
    }

    /// Whether rows of that many numbers are whole blocks.
    pub fn divides(&self, columns: usize) -> bool {
        self.block().is_none_or(|(numbers, _)| columns.is_multiple_of(numbers))
    }
}

/// How the values of a tensor lie in its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
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

/// The parameter of an expert, in a tensor that holds those of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ExpertPart {
    /// Which expert.
    pub index: usize,
    /// How many there are.
    pub of: usize,
    /// Which of an expert's parameters in that tensor.
    pub half: usize,
    /// How many of them it has: 1 or 2.
    pub halves: usize,
    /// Whether the tensor has the outputs of a matrix as columns, those of the halves in turns; else they are rows, one half
    /// after the other.
    pub by_columns: bool,
}

impl ExpertPart {
    /// The shape of the tensor, by that of the parameter.
    pub fn whole(&self, shape: &[usize]) -> Vec<usize> {
        let outputs = shape.first().map(|outputs| outputs.saturating_mul(self.halves));
        let inputs = shape.iter().skip(1).copied();
        let own: Vec<usize> = outputs.into_iter().chain(inputs).collect();
        let own: Vec<usize> = if self.by_columns { own.into_iter().rev().collect() } else { own };
        std::iter::once(self.of).chain(own).collect()
    }
}

/// The bytes of a whole tensor in a file, with the type of their numbers, the lowest byte of each first.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'a> {
    numbers: &'a NumberType,
    bytes: Cow<'a, [u8]>,
    /// Whether the values are one less than the bytes say.
    plus_one: bool,
    /// The file whose bytes they are, where it is mapped.
    file: Option<&'a FileBytes>,
}

impl<'a> Stored<'a> {
    /// Says what bytes are: those of a tensor of that shape and layout. Nothing where there are not as many bytes as
    /// that takes. Double precision is narrowed to single precision, as `torch.Tensor.float` does.
    pub(crate) fn new(numbers: &'a NumberType, bytes: &'a [u8], shape: &[usize], layout: &Layout) -> Option<Self> {
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
            NumberType::F64 => {
                Self { numbers: &NumberType::F32, bytes: Cow::Owned(narrowed(&bytes)), plus_one, file: None }
            }
            numbers => Self { numbers, bytes, plus_one, file: None },
        })
    }

    /// Rows of a matrix of so many columns in single precision.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] for rows that it does not have.
    pub fn rows(&self, rows: Range<usize>, columns: usize) -> Result<Vec<f32>> {
        let mut values = vec![0.0; rows.len() * columns];
        let bytes =
            self.numbers.size_of(&[columns]).and_then(|stride| self.bytes.get(rows.start * stride..rows.end * stride));
        self.numbers
            .widen(bytes.ok_or_else(|| Error::internal("a tensor has fewer rows than it should"))?, &mut values)?;
        if self.plus_one {
            values.iter_mut().for_each(|value| *value -= 1.0);
        }
        Ok(values)
    }

    /// Values in single precision that were computed, as their bytes.
    pub fn of_values(bytes: Vec<u8>) -> Self {
        let bytes = Cow::Owned(bytes);
        Self { numbers: &NumberType::F32, bytes, plus_one: false, file: None }
    }

    /// Blocks that were put together of several tensors.
    pub(crate) fn of_mxfp4(bytes: Vec<u8>) -> Self {
        Self { numbers: &NumberType::Mxfp4, bytes: Cow::Owned(bytes), plus_one: false, file: None }
    }

    /// Bytes that are known to be whole.
    pub fn of_bytes(numbers: &'a NumberType, bytes: &'a [u8]) -> Self {
        Self { numbers, bytes: Cow::Borrowed(bytes), plus_one: false, file: None }
    }

    /// The same with the file whose bytes they are.
    pub(crate) fn within(self, file: Option<&'a FileBytes>) -> Self {
        Self { file, ..self }
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

    /// The parameter of one expert as a tensor of its own, of that shape; nothing where it is not there.
    pub fn expert(self, part: ExpertPart, shape: &[usize]) -> Option<Self> {
        let own = self.share(Share { index: part.index, of: part.of })?;
        if !part.by_columns {
            return own.share(Share { index: part.half, of: part.halves });
        }
        let (inputs, size) = (shape.get(1).copied().unwrap_or(1), own.numbers.size_of(&[])?);
        let outputs = shape.first()?.checked_mul(part.halves)?;
        let bytes = match size {
            2 => in_rows::<2>(&own.bytes, inputs, outputs, part),
            4 => in_rows::<4>(&own.bytes, inputs, outputs, part),
            _ => None,
        };
        Some(Self { bytes: Cow::Owned(bytes?), file: None, ..own })
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
        let (numbers, size) = self.numbers.block().ok_or_else(|| Error::internal("numbers of an unknown type"))?;
        let mut values = vec![0.0; self.bytes.len() / size * numbers];
        self.numbers.widen(&self.bytes, &mut values)?;
        if self.plus_one {
            values.iter_mut().for_each(|value| *value -= 1.0);
        }
        Ok(values)
    }

    /// A copy of its bytes. It lets go of the pages of the file that were read.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn copied(&self) -> Result<Vec<u8>> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(self.bytes.len()).map_err(|_| {
            let bytes = self.bytes.len();
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for a matrix of {bytes} bytes"))
                .hint("free some memory, or choose a smaller model")
        })?;
        for part in self.bytes.chunks(RELEASED_AT_ONCE) {
            copy.extend_from_slice(part);
            self.release_part(copy.len() - part.len()..copy.len());
        }
        Ok(copy)
    }

    /// What writes rows of a matrix of so many columns as f32, to be called for them in their order. It lets go of the pages
    /// of the file that were read, so that a matrix is not in memory twice while another form of it is made.
    ///
    /// It returns [`crate::ErrorCode::Internal`] for rows that the matrix does not have.
    pub fn writer(&self, columns: usize) -> impl FnMut(Range<usize>, &mut [f32]) -> Result<()> {
        let stride = self.numbers.size_of(&[columns]);
        let mut released = 0;
        move |rows, panel| {
            let range = stride.and_then(|stride| Some(rows.start.checked_mul(stride)?..rows.end.checked_mul(stride)?));
            let range = range.ok_or_else(|| Error::internal("rows of a type without a size"))?;
            let bytes = self.bytes.get(range.clone());
            self.numbers
                .widen(bytes.ok_or_else(|| Error::internal("a tensor has fewer rows than it should"))?, panel)?;
            if self.plus_one {
                panel.iter_mut().for_each(|value| *value -= 1.0);
            }
            if range.end.saturating_sub(released) >= RELEASED_AT_ONCE {
                self.release_part(released..range.end);
                released = range.end;
            }
            Ok(())
        }
    }

    fn release_part(&self, range: Range<usize>) {
        if let (Some(file), Some(part)) = (self.file, self.bytes.get(range)) {
            // Of bytes that are a copy none are in the mapping, and nothing happens.
            file.release(part);
        }
    }
}

/// Numbers of double precision as the nearest ones of single precision.
fn narrowed(bytes: &[u8]) -> Vec<u8> {
    let eights = bytes.chunks_exact(8).filter_map(|eight| eight.try_into().ok());
    eights.flat_map(|eight| (f64::from_le_bytes(eight) as f32).to_le_bytes()).collect()
}

/// Some of the columns of a matrix `(inputs, outputs)` of numbers of so many bytes as rows: every `part.halves`th one.
fn in_rows<const BYTES: usize>(bytes: &[u8], inputs: usize, outputs: usize, part: ExpertPart) -> Option<Vec<u8>> {
    /// How many rows of the matrix are read at a time, each from its beginning to its end.
    const ROWS: usize = 32;
    let (numbers, rest) = bytes.as_chunks::<BYTES>();
    let count = outputs.checked_div(part.halves)?;
    if !rest.is_empty() || inputs.checked_mul(outputs) != Some(numbers.len()) {
        return None;
    }
    let mut result = vec![0; inputs * count * BYTES];
    let rows = result.as_chunks_mut::<BYTES>().0;
    for first in (0..inputs).step_by(ROWS) {
        let read = first..inputs.min(first + ROWS);
        for output in 0..count {
            let from = part.half + output * part.halves;
            let to = &mut rows[output * inputs..][read.clone()];
            to.iter_mut().zip(read.clone()).for_each(|(to, input)| *to = numbers[input * outputs + from]);
        }
    }
    Some(result)
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
