//! The metadata of a GGUF file: the settings of the model and of its tokenizer, by key.

use std::collections::HashMap;

use crate::error::{Error, ErrorCode, Result, shown};

/// The metadata of a file, by key. A value is checked when it is read, and an error names its key.
#[derive(Debug, Default)]
pub(crate) struct Metadata<'a> {
    values: HashMap<&'a str, Value<'a>>,
}

/// A value of the metadata, as bytes of the file.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A string, which may not be valid UTF-8.
    Text(&'a [u8]),
    /// An array of strings.
    Texts(Vec<&'a [u8]>),
    /// A number or an array of numbers (`list`), in little-endian order.
    Numbers { kind: NumberKind, bytes: &'a [u8], list: bool },
    /// An array of arrays, whose content is not read.
    Nested,
}

/// The type of a value of the metadata.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueType {
    Number(NumberKind),
    Text,
    Array,
}

/// The type of a number or boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Flag,
    U64,
    I64,
    F64,
}

impl ValueType {
    /// The type with that number in the GGUF format.
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Number(NumberKind::U8),
            1 => Self::Number(NumberKind::I8),
            2 => Self::Number(NumberKind::U16),
            3 => Self::Number(NumberKind::I16),
            4 => Self::Number(NumberKind::U32),
            5 => Self::Number(NumberKind::I32),
            6 => Self::Number(NumberKind::F32),
            7 => Self::Number(NumberKind::Flag),
            8 => Self::Text,
            9 => Self::Array,
            10 => Self::Number(NumberKind::U64),
            11 => Self::Number(NumberKind::I64),
            12 => Self::Number(NumberKind::F64),
            _ => return None,
        })
    }
}

impl NumberKind {
    /// The size of a value in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Flag => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Converts the bytes of a value to a number. Integers beyond 2^53 are rounded: no setting of a model is as large.
    fn read(self, bytes: &[u8]) -> f64 {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(all);
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 | Self::Flag => unsigned as f64,
            Self::I8 => f64::from(unsigned as u8 as i8),
            Self::I16 => f64::from(unsigned as u16 as i16),
            Self::I32 => f64::from(unsigned as u32 as i32),
            Self::I64 => unsigned as i64 as f64,
            Self::F32 => f64::from(f32::from_bits(unsigned as u32)),
            Self::F64 => f64::from_bits(unsigned),
        }
    }
}

impl<'a> Metadata<'a> {
    /// Adds a value; false if the key was there already.
    pub(super) fn insert(&mut self, key: &'a str, value: Value<'a>) -> bool {
        self.values.insert(key, value).is_none()
    }

    /// The string of a key; `None` where the key is missing.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the key when its value is something else, or is not UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Text(bytes)) => utf8(key, bytes).map(Some),
            Some(_) => Err(wrong(key, "is not a text")),
        }
    }

    /// The strings of a key whose value is an array; `None` where the key is missing.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Texts(texts)) => texts.iter().map(|bytes| utf8(key, bytes)).collect::<Result<_>>().map(Some),
            // An array without elements may be of any type.
            Some(Value::Numbers { bytes: [], list: true, .. }) => Ok(Some(Vec::new())),
            Some(_) => Err(wrong(key, "is not a list of texts")),
        }
    }

    /// The finite number of a key; `None` where the key is missing. Numbers of single precision and integers up to 2^53 are
    /// exact.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the key when its value is something else.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Numbers { kind, bytes, list: false }) if *kind != NumberKind::Flag => {
                let number = kind.read(bytes);
                if number.is_finite() { Ok(Some(number)) } else { Err(wrong(key, &format!("is {number}"))) }
            }
            Some(_) => Err(wrong(key, "is not a number")),
        }
    }

    /// The numbers of a key whose value is an array; `None` where the key is missing. They need not be finite.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the key when its value is something else.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Numbers { kind, bytes, list: true }) => {
                Ok(Some(bytes.chunks_exact(kind.size()).map(|bytes| kind.read(bytes)).collect()))
            }
            Some(Value::Texts(texts)) if texts.is_empty() => Ok(Some(Vec::new())),
            Some(_) => Err(wrong(key, "is not a list of numbers")),
        }
    }

    /// The integer of a key, which is at least 0; `None` where the key is missing.
    ///
    /// # Errors
    /// As [`Self::number`], and when the number is negative or no integer.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        let Some(number) = self.number(key)? else { return Ok(None) };
        whole(number).map(Some).ok_or_else(|| wrong(key, &format!("is {number}, not a whole number of at least 0")))
    }

    /// The integers of a key whose value is an array, each at least 0; `None` where the key is missing.
    ///
    /// # Errors
    /// As [`Self::size`].
    pub fn sizes(&self, key: &str) -> Result<Option<Vec<usize>>> {
        let Some(numbers) = self.numbers(key)? else { return Ok(None) };
        let sizes = numbers.into_iter().map(|number| {
            whole(number).ok_or_else(|| wrong(key, &format!("holds {number}, not a whole number of at least 0")))
        });
        sizes.collect::<Result<_>>().map(Some)
    }

    /// The boolean of a key; `None` where the key is missing.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the key when its value is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Numbers { kind: NumberKind::Flag, bytes: [value @ (0 | 1)], list: false }) => {
                Ok(Some(*value == 1))
            }
            Some(_) => Err(wrong(key, "is not true or false")),
        }
    }
}

/// The error for a required key that is missing.
pub(crate) fn missing(key: &str) -> Error {
    wrong(key, "is missing")
}

fn whole(number: f64) -> Option<usize> {
    // Integers above 2^53 may have been rounded.
    let fits = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    fits.then_some(number as usize)
}

fn utf8<'a>(key: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| wrong(key, "has a text that is not UTF-8"))
}

fn wrong(key: &str, what: &str) -> Error {
    let key = shown(key);
    Error::new(ErrorCode::InvalidFile, format!("the metadata key `{key}` {what}"))
        .hint("get the file again, or convert the model anew with llama.cpp")
        .detail("key", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: u32, bytes: &[u8], list: bool) -> Metadata<'_> {
        let Some(ValueType::Number(kind)) = ValueType::from_number(kind) else { panic!("{kind} is no number") };
        let mut metadata = Metadata::default();
        assert!(metadata.insert("a", Value::Numbers { kind, bytes, list }));
        metadata
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        for (kind, bytes, number) in [
            (0, &[200][..], 200.0),
            (1, &[0xff], -1.0),
            (2, &[0, 0x80], 32_768.0),
            (3, &[0, 0x80], -32_768.0),
            (4, &[0xff; 4], 4_294_967_295.0),
            (5, &[0xfe, 0xff, 0xff, 0xff], -2.0),
            (6, &1e-5_f32.to_le_bytes(), f64::from(1e-5_f32)),
            (10, &[0, 0, 0, 0, 0, 0, 0, 0x80], 9_223_372_036_854_775_808.0),
            (11, &[0xff; 8], -1.0),
            (12, &0.1_f64.to_le_bytes(), 0.1),
        ] {
            assert_eq!(of(kind, bytes, false).number("a").unwrap(), Some(number), "{kind}");
            assert_eq!(of(kind, &bytes.repeat(3), true).numbers("a").unwrap(), Some(vec![number; 3]), "{kind}");
            assert_eq!(of(kind, bytes, false).number("b").unwrap(), None);
        }
        assert_eq!(of(7, &[1], false).flag("a").unwrap(), Some(true));
    }

    #[test]
    fn a_value_of_another_type_is_not_guessed() {
        let one = of(4, &[1, 0, 0, 0], false);
        assert_eq!((one.size("a").unwrap(), one.number("a").unwrap()), (Some(1), Some(1.0)));
        for error in [
            one.text("a").unwrap_err(),
            one.texts("a").unwrap_err(),
            one.numbers("a").unwrap_err(),
            one.flag("a").unwrap_err(),
            of(7, &[2], false).flag("a").unwrap_err(),
            of(7, &[1], false).number("a").unwrap_err(),
            of(4, &[1, 0, 0, 0], true).number("a").unwrap_err(),
            of(6, &1.5_f32.to_le_bytes(), false).size("a").unwrap_err(),
            of(6, &f32::INFINITY.to_le_bytes(), false).size("a").unwrap_err(),
            of(12, &f64::NAN.to_le_bytes(), false).number("a").unwrap_err(),
            of(11, &[0xff; 8], true).sizes("a").unwrap_err(),
            of(10, &[0xff; 8], false).size("a").unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::InvalidFile);
            assert!(error.message().contains("`a`"), "{error}");
        }
    }
}
