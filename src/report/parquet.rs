//! What concepts mean as a table in Parquet.

use std::path::Path;

use crate::error::Result;
#[cfg(not(feature = "parquet"))]
use crate::error::{Error, ErrorCode};
use crate::interpret::Interpretation;

impl Interpretation {
    /// Writes the interpretation to a Parquet file, whole or not at all: the lines and columns of [`Interpretation::save_csv`], where
    /// `label`, `score`, `rank`, `input`, `activation` and `row` may be null. What is there is replaced.
    ///
    /// # Errors
    /// [`crate::ErrorCode::NotFound`] when there is no such folder, [`crate::ErrorCode::Io`] when the system refuses,
    /// [`crate::ErrorCode::Unsupported`] where the library was built without the feature `parquet`.
    #[cfg(feature = "parquet")]
    pub fn save_parquet(&self, path: &Path) -> Result<()> {
        table::save(self, path)
    }

    /// Writes the interpretation to a Parquet file, which takes a library with the feature `parquet`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Unsupported`].
    #[cfg(not(feature = "parquet"))]
    pub fn save_parquet(&self, _path: &Path) -> Result<()> {
        Err(Error::new(ErrorCode::Unsupported, "this library was built without Parquet")
            .hint("build it with the feature `parquet`, or write CSV"))
    }
}

#[cfg(feature = "parquet")]
mod table {
    use std::io;
    use std::path::Path;

    use crate::error::Result;
    use crate::files::write_atomically;
    use crate::interpret::{Interpretation, Pole};
    use crate::parquet_file::{Column, Kind, TableWriter, Value};

    const COLUMNS: [Column; 8] = [
        Column { name: "concept", kind: Kind::Int, optional: false },
        Column { name: "pole", kind: Kind::Text, optional: false },
        Column { name: "label", kind: Kind::Text, optional: true },
        Column { name: "score", kind: Kind::Double, optional: true },
        Column { name: "rank", kind: Kind::Int, optional: true },
        Column { name: "input", kind: Kind::Text, optional: true },
        Column { name: "activation", kind: Kind::Float, optional: true },
        Column { name: "row", kind: Kind::Int, optional: true },
    ];

    pub(super) fn save(interpretation: &Interpretation, path: &Path) -> Result<()> {
        let mut outcome = Ok(());
        let written = write_atomically(path, |file| {
            outcome = TableWriter::new(file, "interpretation", &COLUMNS, path).and_then(|mut table| {
                lines(interpretation, &mut table)?;
                table.finish()
            });
            // The file is not kept where the table is not complete.
            if outcome.is_ok() { Ok(()) } else { Err(io::Error::other("the table is not complete")) }
        });
        outcome.and(written)
    }

    fn lines(interpretation: &Interpretation, table: &mut TableWriter<'_>) -> Result<()> {
        for concept in interpretation.concepts() {
            for (pole, name) in [(Pole::Positive, "positive"), (Pole::Negative, "negative")] {
                let label = concept.label(pole);
                let text = label.and_then(|label| label.text.as_deref()).map_or(Value::Null, Value::Text);
                let score = label.and_then(|label| label.score.as_ref());
                let score = score.map_or(Value::Null, |score| Value::Double(score.balanced_accuracy));
                let begin = [Value::Int(concept.concept as i64), Value::Text(name), text, score];
                for (rank, input) in concept.pole(pole).iter().enumerate() {
                    let [concept, pole, label, score] = begin;
                    let (rank, row) = (Value::Int(rank as i64 + 1), Value::Int(input.row as i64));
                    let (input, activation) = (Value::Text(&input.text), Value::Float(input.activation));
                    table.push([concept, pole, label, score, rank, input, activation, row])?;
                }
                if concept.pole(pole).is_empty() && label.is_some() {
                    let [concept, pole, label, score] = begin;
                    table.push([concept, pole, label, score, Value::Null, Value::Null, Value::Null, Value::Null])?;
                }
            }
        }
        Ok(())
    }
}
