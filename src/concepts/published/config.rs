//! The configuration beside the weights of a dictionary.

use std::path::Path;

use serde_json::{Map, Value};

use super::files::DictionaryFiles;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::read_limited;
use crate::python_json;

/// Configurations are short; those that list what a training run did are longer.
const LARGEST: u64 = 8 << 20;
/// The largest number that counts something in a dictionary.
const LARGEST_SIZE: f64 = 1e12;

/// A configuration file: an object of fields.
#[derive(Debug)]
pub(super) struct Config {
    name: String,
    fields: Map<String, Value>,
}

impl Config {
    /// Reads a configuration; `None` where there is no file of that name.
    pub(super) fn find(files: &dyn DictionaryFiles, name: &str) -> Result<Option<Self>> {
        let Some(path) = files.file(name)? else { return Ok(None) };
        Self::read(&path).map(Some)
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = read_limited(path, LARGEST)?;
        Self::of_bytes(name, &bytes)
    }

    /// The configuration in some bytes; `name` is that of the file they come from.
    pub(super) fn of_bytes(name: String, bytes: &[u8]) -> Result<Self> {
        let fields = python_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorCode::InvalidFile, format!("`{name}` is not the configuration of a dictionary: {error}"))
                .hint("get the file again")
                .detail("path", &name)
        })?;
        Ok(Self { name, fields })
    }

    /// The path of the file, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// The object that a field is, as a configuration of its own; empty where there is none.
    pub(super) fn inner(&self, field: &str) -> Self {
        let fields = match self.get(field) {
            Some(Value::Object(fields)) => fields.clone(),
            _ => Map::new(),
        };
        Self { name: self.name.clone(), fields }
    }

    /// A text.
    pub(super) fn text(&self, field: &str) -> Result<Option<&str>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(field, "a text")),
        }
    }

    /// A text that may be a path or name; none where it is empty.
    pub(super) fn name_of(&self, field: &str) -> Result<Option<String>> {
        Ok(self.text(field)?.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// A flag, or what it is where the file says nothing.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool> {
        match self.get(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(field, "true or false")),
        }
    }

    /// A count.
    pub(super) fn size(&self, field: &str) -> Result<Option<usize>> {
        let number = self.number(field)?.filter(|number| *number > 0.0);
        match number {
            None if self.get(field).is_some() => {
                if self.number(field)? == Some(0.0) {
                    Ok(Some(0))
                } else {
                    Err(self.wrong(field, "a count"))
                }
            }
            None => Ok(None),
            Some(number) if number.fract() == 0.0 && number < LARGEST_SIZE => Ok(Some(number as usize)),
            Some(_) => Err(self.wrong(field, "a count")),
        }
    }

    /// A count that must be there.
    pub(super) fn required_size(&self, field: &str) -> Result<usize> {
        self.size(field)?.ok_or_else(|| self.missing(field))
    }

    /// A number.
    pub(super) fn number(&self, field: &str) -> Result<Option<f64>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(field, "a number")),
        }
    }

    /// A number that must be there and above zero.
    pub(super) fn positive(&self, field: &str) -> Result<f64> {
        let number = self.number(field)?.ok_or_else(|| self.missing(field))?;
        if number > 0.0 && number.is_finite() { Ok(number) } else { Err(self.wrong(field, "a number above zero")) }
    }

    /// The error for a field that is not there.
    pub(super) fn missing(&self, field: &str) -> Error {
        Error::new(ErrorCode::InvalidFile, format!("`{}` does not say `{field}`", self.name))
            .hint("get the file that was published with the weights")
            .detail("path", &self.name)
            .detail("field", field)
    }

    /// The error for a field that is something else than it should be.
    pub(super) fn wrong(&self, field: &str, should: &str) -> Error {
        let found = shown(&self.get(field).map(Value::to_string).unwrap_or_default());
        Error::new(ErrorCode::InvalidFile, format!("`{}`: `{field}` is {found}, and should be {should}", self.name))
            .hint("get the file that was published with the weights")
            .detail("path", &self.name)
            .detail("field", field)
    }

    /// The error for a field whose value stands for something that is not read.
    pub(super) fn unsupported(&self, field: &str, remedy: &str) -> Error {
        let found = shown(&self.get(field).map(Value::to_string).unwrap_or_default());
        Error::new(ErrorCode::Unsupported, format!("`{}`: `{field}` {found} is not read", self.name))
            .hint(remedy)
            .detail("path", &self.name)
            .detail("field", field)
    }
}
