//! The header of a file: its metadata, and which tensor lies where.

use super::metadata::{Metadata, Value, ValueType};
use crate::error::shown;

/// What a file begins with.
const MAGIC: &[u8] = b"GGUF";
/// Version 1 was in use for some weeks of 2023, and had shorter lengths.
const VERSIONS: [u32; 2] = [2, 3];
/// The key of the number that every tensor begins at a multiple of, and what it is where there is no such key.
const ALIGNMENT: (&str, usize) = ("general.alignment", 32);
/// As many sides as a tensor of ggml can have.
const MOST_SIDES: u32 = 4;
/// How deep arrays may lie in arrays. No key in use has one in another.
const DEEPEST: usize = 4;

/// Whether a file is GGUF, by its first bytes.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What a file says before its numbers begin.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// The settings of the model and of its tokenizer.
    pub metadata: Metadata<'a>,
    /// The tensors, in the order of the file.
    pub tensors: Vec<TensorInfo<'a>>,
    /// Where the numbers begin, counted from the beginning of the file.
    pub start: usize,
    /// The number that each tensor begins at a multiple of, counted from there: a power of two.
    pub alignment: usize,
}

/// What a file says of a tensor.
#[derive(Debug)]
pub(crate) struct TensorInfo<'a> {
    /// Its name, such as `blk.0.ffn_gate.weight`.
    pub name: &'a str,
    /// Its sides, as PyTorch counts them: the last one runs fastest. Their product may be more than memory can hold.
    pub shape: Vec<usize>,
    /// The number that ggml has for the type of its numbers.
    pub kind: u32,
    /// Where it begins, counted from [`Header::start`]. It may lie beyond the end of the file.
    pub offset: usize,
}

impl<'a> Header<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// What is wrong with the file, as the end of a sentence that begins with its name.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut rest = Rest { all: bytes, position: 0 };
        if rest.take(MAGIC.len())? != MAGIC {
            return Err("is not a GGUF file".to_owned());
        }
        let version = rest.u32()?;
        if VERSIONS.contains(&version.swap_bytes()) {
            return Err("is a GGUF file whose numbers have their highest byte first, which is not read".to_owned());
        }
        if !VERSIONS.contains(&version) {
            return Err(format!("is of version {version} of GGUF, but 2 and 3 are read"));
        }
        let (tensors, entries) = (rest.length()?, rest.length()?);
        let mut metadata = Metadata::default();
        for _ in 0..entries {
            let key = rest.name("a metadata key")?;
            let kind = rest.value_type()?;
            let value = rest.value(kind)?;
            if !metadata.insert(key, value) {
                return Err(format!("has the metadata key `{}` twice", shown(key)));
            }
        }
        // Not reserved: the number is the file's word, and each tensor that is there has taken bytes.
        let tensors = (0..tensors).map(|_| rest.tensor()).collect::<Result<Vec<_>, _>>()?;
        let alignment = metadata.size(ALIGNMENT.0).map_err(|error| format!("is damaged: {}", error.message()))?;
        let alignment = alignment.unwrap_or(ALIGNMENT.1);
        let start = rest.position.checked_next_multiple_of(alignment).filter(|_| alignment.is_power_of_two());
        let start = start.ok_or_else(|| format!("has `{}` {alignment}, which is no power of two", ALIGNMENT.0))?;
        Ok(Self { metadata, tensors, start, alignment })
    }
}

/// A file from some position on.
struct Rest<'a> {
    all: &'a [u8],
    position: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.position.checked_add(length);
        let taken = end.and_then(|end| self.all.get(self.position..end)).ok_or("is a GGUF file that ends too early")?;
        self.position += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| "is a GGUF file that ends too early".to_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<usize, String> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| format!("is a damaged GGUF file: it counts {length} things"))
    }

    fn string(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    fn name(&mut self, what: &str) -> Result<&'a str, String> {
        std::str::from_utf8(self.string()?).map_err(|_| format!("is a damaged GGUF file: {what} is not UTF-8"))
    }

    fn value_type(&mut self) -> Result<ValueType, String> {
        let number = self.u32()?;
        ValueType::from_number(number).ok_or_else(|| format!("is a damaged GGUF file: no metadata is of type {number}"))
    }

    fn value(&mut self, kind: ValueType) -> Result<Value<'a>, String> {
        Ok(match kind {
            ValueType::Text => Value::Text(self.string()?),
            ValueType::Array => self.list()?,
            ValueType::Number(number) => Value::Numbers { kind: number, bytes: self.take(number.size())?, list: false },
        })
    }

    /// An array. Those of arrays are passed over, because no key in use has one.
    fn list(&mut self) -> Result<Value<'a>, String> {
        let (kind, count) = (self.value_type()?, self.length()?);
        match kind {
            ValueType::Number(number) => {
                let size = count.checked_mul(number.size()).ok_or("is a GGUF file that ends too early")?;
                Ok(Value::Numbers { kind: number, bytes: self.take(size)?, list: true })
            }
            ValueType::Text => Ok(Value::Texts((0..count).map(|_| self.string()).collect::<Result<_, _>>()?)),
            ValueType::Array => {
                self.skip(count, DEEPEST)?;
                Ok(Value::Nested)
            }
        }
    }

    fn skip(&mut self, arrays: usize, deeper: usize) -> Result<(), String> {
        let Some(deeper) = deeper.checked_sub(1) else {
            return Err("is a damaged GGUF file: its metadata has arrays in arrays without end".to_owned());
        };
        for _ in 0..arrays {
            let start = self.position;
            if let ValueType::Array = self.value_type()? {
                let count = self.length()?;
                self.skip(count, deeper)?;
            } else {
                self.position = start;
                self.list()?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self) -> Result<TensorInfo<'a>, String> {
        let name = self.name("the name of a tensor")?;
        let sides = self.u32()?;
        if sides > MOST_SIDES {
            let name = shown(name);
            return Err(format!("is a damaged GGUF file: the tensor `{name}` has {sides} sides"));
        }
        let mut shape = (0..sides).map(|_| self.length()).collect::<Result<Vec<_>, _>>()?;
        // The side that runs fastest comes first in the file.
        shape.reverse();
        Ok(TensorInfo { name, shape, kind: self.u32()?, offset: self.length()? })
    }
}
