//! The header of a GGUF file: its metadata, and the name, shape, type and place of each tensor.

use super::metadata::{Metadata, Value, ValueType};
use crate::error::shown;

/// The first bytes of every GGUF file.
const MAGIC: &[u8] = b"GGUF";
/// The versions of the format that are read. Version 1, in use for some weeks of 2023, had shorter lengths.
const VERSIONS: [u32; 2] = [2, 3];
/// The key of the alignment of tensors in bytes, and the alignment of files without that key.
const ALIGNMENT: (&str, usize) = ("general.alignment", 32);
/// The most dimensions that a tensor of ggml can have.
const MOST_DIMENSIONS: u32 = 4;
/// How deep arrays may be nested. No key in use has an array of arrays.
const DEEPEST: usize = 4;

/// Whether a file is GGUF, by its first bytes.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The part of a file before the data of its tensors.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// The settings of the model and of its tokenizer.
    pub metadata: Metadata<'a>,
    /// The tensors, in the order of the file.
    pub tensors: Vec<TensorInfo<'a>>,
    /// The offset in the file at which the data of the tensors begins.
    pub start: usize,
    /// The alignment of tensors in bytes, a power of two. Offsets of tensors are multiples of it in valid files.
    pub alignment: usize,
}

/// The name, shape, type and place of a tensor.
#[derive(Debug)]
pub(crate) struct TensorInfo<'a> {
    /// The name, such as `blk.0.ffn_gate.weight`.
    pub name: &'a str,
    /// The shape in the order of PyTorch: consecutive values differ in the last dimension. The product may exceed what
    /// memory can hold.
    pub shape: Vec<usize>,
    /// The number of the type of the values in ggml's enumeration of types.
    pub kind: u32,
    /// The offset of the data from [`Header::start`]. It may lie beyond the end of the file.
    pub offset: usize,
}

impl<'a> Header<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// A predicate about the file, such as `ends too early`: the caller puts the path in front of it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut reader = Reader { all: bytes, position: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err("is not a GGUF file".to_owned());
        }
        let version = reader.u32()?;
        if VERSIONS.contains(&version.swap_bytes()) {
            return Err("is a GGUF file whose numbers have their highest byte first, which is not read".to_owned());
        }
        if !VERSIONS.contains(&version) {
            return Err(format!("is of version {version} of GGUF, but 2 and 3 are read"));
        }
        let (tensors, entries) = (reader.length()?, reader.length()?);
        let mut metadata = Metadata::default();
        for _ in 0..entries {
            let key = reader.name("a metadata key")?;
            let kind = reader.value_type()?;
            let value = reader.value(kind)?;
            if !metadata.insert(key, value) {
                return Err(format!("has the metadata key `{}` twice", shown(key)));
            }
        }
        // The count is not trusted: no memory is reserved for it, and each tensor that is read takes bytes of the file.
        let tensors = (0..tensors).map(|_| reader.tensor()).collect::<Result<Vec<_>, _>>()?;
        let alignment = metadata.size(ALIGNMENT.0).map_err(|error| format!("is damaged: {}", error.message()))?;
        let alignment = alignment.unwrap_or(ALIGNMENT.1);
        let start = reader.position.checked_next_multiple_of(alignment).filter(|_| alignment.is_power_of_two());
        let start = start.ok_or_else(|| format!("has `{}` {alignment}, which is no power of two", ALIGNMENT.0))?;
        Ok(Self { metadata, tensors, start, alignment })
    }
}

/// Reads the bytes of a file from a position on.
struct Reader<'a> {
    all: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
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
        usize::try_from(length).map_err(|_| format!("is a damaged GGUF file: it has a length of {length}"))
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

    /// Reads an array. An array of arrays is skipped, since no key in use has one.
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
        let dimensions = self.u32()?;
        if dimensions > MOST_DIMENSIONS {
            let name = shown(name);
            return Err(format!("is a damaged GGUF file: the tensor `{name}` has {dimensions} dimensions"));
        }
        let mut shape = (0..dimensions).map(|_| self.length()).collect::<Result<Vec<_>, _>>()?;
        // In the file, the dimension in which consecutive values differ comes first.
        shape.reverse();
        Ok(TensorInfo { name, shape, kind: self.u32()?, offset: self.length()? })
    }
}
