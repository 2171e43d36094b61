//! Reading `config.json` with errors that name the field and its value.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result};
use crate::python_json;

/// The largest size of one kind (ids, columns, positions) that is accepted. Products of two of them stay far
/// below the address space.
const LARGEST_SIZE: usize = 1 << 27;

/// The most blocks that are accepted; each one takes memory in the module tree.
const MOST_BLOCKS: usize = 4096;

/// The most experts that are accepted, of all blocks together; each one has several parameters.
const MOST_EXPERTS: usize = 1 << 16;

/// The configuration of a model, read field by field.
#[derive(Clone)]
pub(crate) struct Config {
    fields: Map<String, Value>,
}

impl Config {
    /// Reads the bytes of a `config.json`, which Python may have written.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when they are not a JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        match python_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self { fields }),
            Ok(_) => Err(invalid("config.json is not a JSON object".to_owned())),
            Err(error) => Err(invalid(format!("config.json is not JSON: {error}"))),
        }
    }

    /// An error about fields of another file than `config.json`.
    pub fn of_file(error: &Error, file: &str) -> Error {
        let rest = error.message().strip_prefix("config.json").unwrap_or(error.message());
        let renamed = Error::new(error.code(), format!("{file}{rest}")).hint(error.hint_text());
        error.details().iter().fold(renamed, |renamed, (key, value)| renamed.detail(key, value))
    }

    /// A configuration that says nothing.
    pub fn empty() -> Self {
        Self { fields: Map::new() }
    }

    /// A configuration of these fields.
    pub fn of(fields: &Map<String, Value>) -> Self {
        Self { fields: fields.clone() }
    }

    /// The same with fields that may be written under another name, `(name, field)`: what the other name says counts,
    /// as in transformers.
    pub fn with_aliases(&self, aliases: &[(&str, &str)]) -> Self {
        let mut fields = self.fields.clone();
        for (name, field) in aliases {
            if let Some(value) = fields.remove(*name).filter(|value| !value.is_null()) {
                fields.insert((*field).to_owned(), value);
            }
        }
        Self { fields }
    }

    /// The same with a field of that value, or without it.
    pub fn with(mut self, field: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.fields.insert(field.to_owned(), value),
            None => self.fields.shift_remove(field),
        };
        self
    }

    /// The same with a value for a field that is absent or null.
    pub fn or(&self, field: &str, value: Value) -> Self {
        let mut fields = self.fields.clone();
        if self.get(field).is_none() {
            fields.insert(field.to_owned(), value);
        }
        Self { fields }
    }

    /// The error that a field cannot have this value.
    pub fn wrong(field: &str, value: f64, rule: &str) -> Error {
        invalid(format!("config.json: `{field}` is {value}; {rule}")).detail("field", field).detail("value", value)
    }

    /// The error that a field is not there.
    pub fn missing(field: &str) -> Error {
        invalid(format!("config.json: `{field}` is missing")).detail("field", field)
    }

    /// A field that is there and not null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// A count of at least 1: columns, ids, positions.
    pub fn size(&self, field: &str, default: usize) -> Result<usize> {
        self.count(field, default, LARGEST_SIZE)
    }

    /// The number of blocks.
    pub fn blocks(&self, field: &str, default: usize) -> Result<usize> {
        self.count(field, default, MOST_BLOCKS)
    }

    /// The number of experts of each of so many blocks.
    pub fn experts(&self, field: &str, default: usize, blocks: usize) -> Result<usize> {
        self.count(field, default, MOST_EXPERTS / blocks.max(1))
    }

    fn count(&self, field: &str, default: usize, most: usize) -> Result<usize> {
        let Some(value) = self.get(field) else { return Ok(default) };
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        match size {
            Some(size) if (1..=most).contains(&size) => Ok(size),
            _ => Err(bad(field, value, &format!("it must be a whole number from 1 to {most}"))),
        }
    }

    /// A finite number that is at least 0.
    pub fn number(&self, field: &str, default: f64) -> Result<f64> {
        self.get(field).map_or(Ok(default), |value| non_negative(field, value))
    }

    /// A yes or no.
    pub fn flag(&self, field: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(field) else { return Ok(default) };
        value.as_bool().ok_or_else(|| bad(field, value, "it must be true or false"))
    }

    /// A string.
    pub fn text<'a>(&'a self, field: &str, default: &'a str) -> Result<&'a str> {
        let Some(value) = self.get(field) else { return Ok(default) };
        value.as_str().ok_or_else(|| bad(field, value, "it must be a string"))
    }

    /// The class that the checkpoint was saved from: the first of `architectures`.
    pub fn architecture(&self) -> Option<&str> {
        self.get("architectures")?.as_array()?.first()?.as_str()
    }

    /// How many labels a classifier has: `num_labels`, else as many as `id2label` names, 2 where both are absent. Where
    /// the two differ, the number counts, as in transformers 5.
    pub fn labels(&self) -> Result<usize> {
        self.labels_or(2)
    }

    /// The same with another number where both are absent.
    pub fn labels_or(&self, default: usize) -> Result<usize> {
        let named = match self.get("id2label") {
            None => default,
            Some(Value::Object(labels)) if !labels.is_empty() || self.get("num_labels").is_some() => labels.len(),
            Some(value) => return Err(bad("id2label", value, "it must name at least one label")),
        };
        self.size("num_labels", named)
    }

    /// What `id2label` calls the labels, as far as it numbers them from 0. The names of another number of labels than
    /// there are say nothing, as in transformers 5.
    pub fn label_names(&self) -> Vec<String> {
        let Some(Value::Object(labels)) = self.get("id2label") else { return Vec::new() };
        let name = |index: usize| labels.get(&index.to_string())?.as_str().map(str::to_owned);
        let names = (0..labels.len()).map_while(name);
        if self.labels().is_ok_and(|count| count == labels.len()) { names.collect() } else { Vec::new() }
    }

    /// The fields of both, where either is there; those of `other` count.
    pub fn overlaid(first: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(first), Some(other)) = (&first, &other) else { return first.or(other) };
        let mut fields = first.fields.clone();
        fields.extend(other.fields.clone());
        Some(Self { fields })
    }

    /// The fields by their names.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The fields as a value.
    pub fn to_value(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// The fields inside a field, where it is there, not null and not empty.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when it is not an object.
    pub fn inner(&self, field: &str) -> Result<Option<Self>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(fields)) if fields.is_empty() => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { fields: fields.clone() })),
            Some(value) => Err(bad(field, value, "it must be an object")),
        }
    }

    /// The id of a special token; `default` where the field is absent, nothing where it is null.
    pub fn token(&self, field: &str, default: Option<u32>) -> Result<Option<u32>> {
        match self.fields.get(field) {
            None => Ok(default),
            Some(Value::Null) => Ok(None),
            // -1 stands for none in older files.
            Some(value) if value.as_i64() == Some(-1) => Ok(None),
            Some(value) => {
                let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
                id.map(Some).ok_or_else(|| bad(field, value, "it must be the id of a token"))
            }
        }
    }

    /// A size that may be absent or null.
    pub fn optional_size(&self, field: &str) -> Result<Option<usize>> {
        self.get(field).map(|_| self.size(field, 1)).transpose()
    }

    /// A number above 0 that may be absent or null.
    pub fn optional_number(&self, field: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(field) else { return Ok(None) };
        match non_negative(field, value)? {
            number if number > 0.0 => Ok(Some(number)),
            _ => Err(bad(field, value, "it must be a number above 0")),
        }
    }

    /// A size: `default` where the field is absent, nothing where it is null.
    pub fn size_or(&self, field: &str, default: Option<usize>) -> Result<Option<usize>> {
        if self.fields.contains_key(field) { self.optional_size(field) } else { Ok(default) }
    }

    /// A number above 0: `default` where the field is absent, nothing where it is null.
    pub fn number_or(&self, field: &str, default: Option<f64>) -> Result<Option<f64>> {
        if self.fields.contains_key(field) { self.optional_number(field) } else { Ok(default) }
    }

    /// A number of things, which may be 0.
    pub fn count_of(&self, field: &str, default: usize) -> Result<usize> {
        let Some(value) = self.get(field) else { return Ok(default) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| bad(field, value, "it must be a whole number"))
    }

    /// A list of as many numbers as `length` says.
    pub fn numbers(&self, field: &str, length: usize) -> Result<Vec<f64>> {
        let Some(value) = self.get(field) else {
            return Err(Self::missing(field));
        };
        let list = value.as_array().filter(|list| list.len() == length);
        let list = list.ok_or_else(|| bad(field, value, &format!("it must be a list of {length} numbers")))?;
        list.iter().map(|number| non_negative(field, number)).collect()
    }

    /// A list of whole numbers; empty where the field is absent.
    pub fn indices(&self, field: &str) -> Result<Vec<usize>> {
        let Some(value) = self.get(field) else { return Ok(Vec::new()) };
        let index = |value: &Value| value.as_u64().and_then(|index| usize::try_from(index).ok());
        let indices = value.as_array().and_then(|list| list.iter().map(index).collect());
        indices.ok_or_else(|| bad(field, value, "it must be a list of whole numbers"))
    }

    /// A list of strings, one for each block.
    pub fn per_block<'a>(&'a self, field: &str, blocks: usize) -> Result<Option<Vec<&'a str>>> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let names = value.as_array().filter(|list| list.len() >= blocks);
        let names = names.and_then(|list| list.iter().take(blocks).map(Value::as_str).collect::<Option<Vec<_>>>());
        names.map(Some).ok_or_else(|| bad(field, value, &format!("it must be a list of {blocks} strings")))
    }

    /// Refuses a field whose value asks for something that is not built.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] when the field is there and is neither null nor one of `built`.
    pub fn only(&self, field: &str, built: &[Value]) -> Result<()> {
        match self.get(field) {
            Some(value) if !built.contains(value) => Err(self.not_built(field)),
            _ => Ok(()),
        }
    }

    /// The error that a field's value asks for something that is not built.
    pub fn not_built(&self, field: &str) -> Error {
        let value = self.get(field).map_or_else(String::new, shown);
        Error::new(ErrorCode::Unsupported, format!("config.json: `{field}` is {value}, which Eidos does not build"))
            .hint("use another model, or a later version of Eidos")
            .detail("field", field)
            .detail("value", value)
    }

    /// Checks that one size divides another.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming both fields and values.
    pub fn divides(divisor: (&str, usize), whole: (&str, usize)) -> Result<()> {
        if whole.1.is_multiple_of(divisor.1) {
            return Ok(());
        }
        let message = format!(
            "config.json: `{}` is {}, which is not a multiple of `{}`, {}",
            whole.0, whole.1, divisor.0, divisor.1
        );
        Err(invalid(message).detail("field", whole.0).detail("value", whole.1))
    }

    /// Checks that a head has an even number of columns, which rotary positions rotate in pairs.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the field and its value.
    pub fn even(field: &str, size: usize) -> Result<()> {
        if size.is_multiple_of(2) {
            return Ok(());
        }
        let message = format!("config.json: `{field}` is {size}, but rotary positions need an even number");
        Err(invalid(message).detail("field", field).detail("value", size))
    }
}

fn non_negative(field: &str, value: &Value) -> Result<f64> {
    match value.as_f64() {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(bad(field, value, "it must be a number of at least 0")),
    }
}

fn bad(field: &str, value: &Value, rule: &str) -> Error {
    let value = shown(value);
    invalid(format!("config.json: `{field}` is {value}; {rule}")).detail("field", field).detail("value", value)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidFile, message).hint("get the file again, or correct it")
}

/// A value as an error shows it: whole if short.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}
