//! Codes as a table in Parquet: a line for each that is not zero, with the unit it belongs to.

use std::io::Write;
use std::path::Path;

use super::{Absorb, entries};
use crate::error::Result;
use crate::parquet_file::{Column, Kind, TableWriter, Value};
use crate::rows::Activations;

/// The columns, of which a caller's own rows have no `text`, `begin` and `end`, and perhaps no `unit`.
const COLUMNS: [Column; 7] = [
    Column { name: "row", kind: Kind::Int, optional: false },
    Column { name: "text", kind: Kind::Int, optional: true },
    Column { name: "begin", kind: Kind::Int, optional: true },
    Column { name: "end", kind: Kind::Int, optional: true },
    Column { name: "unit", kind: Kind::Text, optional: true },
    Column { name: "concept", kind: Kind::Int, optional: false },
    Column { name: "activation", kind: Kind::Float, optional: false },
];

/// Writes the table.
pub(super) fn parquet(
    out: &mut (dyn Write + Send),
    activations: &Activations,
    path: &Path,
    each: impl FnOnce(&mut Absorb<'_>) -> Result<()>,
) -> Result<()> {
    let mut table = TableWriter::new(out, "codes", &COLUMNS, path)?;
    each(&mut |row, codes| {
        let whole = |number: Option<usize>| number.map_or(Value::Null, |number| Value::Int(number as i64));
        let span = activations.unit_span(row);
        let [text, begin, end] =
            [span.map(|span| span.text_index), span.map(|span| span.begin), span.map(|span| span.end)];
        let unit = activations.unit(row).map_or(Value::Null, Value::Text);
        entries(codes).try_for_each(|(concept, activation)| {
            table.push([
                Value::Int(row as i64),
                whole(text),
                whole(begin),
                whole(end),
                unit,
                Value::Int(i64::from(concept)),
                Value::Float(activation),
            ])
        })
    })?;
    table.finish()
}
