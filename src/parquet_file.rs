//! Tables in Parquet, written line by line.
//!
//! Lines are collected to a group, which is written when it is full: memory does not grow with the length of the table. Texts that come
//! again and again are in a dictionary of their group, and nothing is compressed, so that no reader needs a codec.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::error::{Error, Result};

/// How many lines a group has at most.
const MOST_LINES: usize = 1 << 17;
/// How many bytes the texts of a group take at most, about.
const MOST_TEXT: usize = 16 << 20;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number of 64 bits.
    Int,
    /// A real number of 32 bits.
    Float,
    /// A real number of 64 bits.
    Double,
    /// A text in UTF-8.
    Text,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether lines may have nothing there.
    pub(crate) optional: bool,
}

/// What stands in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Float(f32),
    Double(f64),
    Text(&'a str),
}

/// The values of a column in the group that is collected; those that are there, and which lines have one.
enum Values {
    Int(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// A column in the group that is collected.
struct Collected {
    values: Values,
    /// 1 for a line with a value, 0 for one without, where there may be some; empty otherwise.
    levels: Vec<i16>,
    optional: bool,
}

/// A table that is being written.
pub(crate) struct TableWriter<'a> {
    writer: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    columns: Vec<Collected>,
    lines: usize,
    text: usize,
    path: PathBuf,
}

impl<'a> TableWriter<'a> {
    /// Begins a table in the file of a path, to which `out` writes.
    pub(crate) fn new(out: &'a mut (dyn Write + Send), name: &str, columns: &[Column], path: &Path) -> Result<Self> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>();
        let schema = fields.and_then(|fields| Type::group_type_builder(name).with_fields(fields).build());
        let properties =
            WriterProperties::builder().set_created_by(concat!("eidos ", env!("CARGO_PKG_VERSION")).to_owned());
        let writer = schema
            .and_then(|schema| SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build())))
            .map_err(|error| failed(path, error))?;
        let columns = columns.iter().map(Collected::of).collect();
        Ok(Self { writer, columns, lines: 0, text: 0, path: path.to_owned() })
    }

    /// Writes a line: a value for each column, of its kind.
    pub(crate) fn push<const N: usize>(&mut self, line: [Value<'_>; N]) -> Result<()> {
        if N != self.columns.len() {
            return Err(Error::internal(format!("a line of {N} values for {} columns", self.columns.len())));
        }
        for (column, value) in self.columns.iter_mut().zip(line) {
            if let Value::Text(text) = value {
                self.text += text.len();
            }
            column.push(value)?;
        }
        self.lines += 1;
        if self.lines >= MOST_LINES || self.text >= MOST_TEXT { self.flush() } else { Ok(()) }
    }

    /// Writes what is left, and the end of the file.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.lines > 0 {
            self.flush()?;
        }
        let Self { writer, path, .. } = self;
        writer.close().map(drop).map_err(|error| failed(&path, error))
    }

    fn flush(&mut self) -> Result<()> {
        let Self { writer, columns, path, .. } = self;
        let written = writer.next_row_group().and_then(|mut group| {
            columns.iter_mut().try_for_each(|column| column.write(&mut group))?;
            group.close().map(drop)
        });
        (self.lines, self.text) = (0, 0);
        written.map_err(|error| failed(path, error))
    }
}

impl Collected {
    fn of(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Int => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Double => Values::Double(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
        };
        Self { values, levels: Vec::new(), optional: column.optional }
    }

    fn push(&mut self, value: Value<'_>) -> Result<()> {
        match (&mut self.values, value) {
            (_, Value::Null) if self.optional => {}
            (Values::Int(values), Value::Int(value)) => values.push(value),
            (Values::Float(values), Value::Float(value)) => values.push(value),
            (Values::Double(values), Value::Double(value)) => values.push(value),
            (Values::Text(values), Value::Text(value)) => values.push(ByteArray::from(value)),
            _ => return Err(Error::internal(format!("{value:?} in a column of another kind"))),
        }
        if self.optional {
            self.levels.push(i16::from(!matches!(value, Value::Null)));
        }
        Ok(())
    }

    /// Writes the values as the next column of a group, and forgets them.
    fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ParquetError> {
        let levels = std::mem::take(&mut self.levels);
        let levels = self.optional.then_some(levels.as_slice());
        match &mut self.values {
            Values::Int(values) => column::<Int64Type, W>(group, values, levels),
            Values::Float(values) => column::<FloatType, W>(group, values, levels),
            Values::Double(values) => column::<DoubleType, W>(group, values, levels),
            Values::Text(values) => column::<ByteArrayType, W>(group, values, levels),
        }
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<T::T>,
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("a group has too few columns".to_owned()));
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    values.clear();
    column.close()
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Int => (Physical::INT64, None),
        Kind::Float => (Physical::FLOAT, None),
        Kind::Double => (Physical::DOUBLE, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let repetition = if column.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(column.name, physical).with_repetition(repetition);
    field.with_logical_type(logical).build().map(Arc::new)
}

/// What the crate says, where it is not the system that refuses.
fn failed(path: &Path, error: ParquetError) -> Error {
    let text = error.to_string();
    let refused = match error {
        ParquetError::External(source) => source.downcast::<io::Error>().ok(),
        _ => None,
    };
    refused.map_or_else(
        || Error::internal(format!("cannot write the table `{}`: {text}", path.display())),
        |refused| Error::io(path, "write", &refused),
    )
}
