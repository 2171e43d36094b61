//! The part of an attention score that depends on the distance between the query and the key.

use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times_transposed};

/// The part of the scores that depends on distances, for texts of at most `longest` tokens.
#[derive(Clone, Copy)]
pub(crate) enum Relative<'a> {
    /// Scores do not depend on distances.
    None,
    /// A bias for each head and distance (Raffel et al. 2020, "T5"), `(heads, 2 longest - 1)`, which is added to the scaled
    /// score. The distance is the position of the key minus that of the query, from `1 - longest` on.
    Bias(&'a [f32]),
    /// Products with the embeddings of distances (He et al. 2021, "DeBERTa"), which are added to the score before it is
    /// scaled. A table has one embedding in each row.
    Disentangled {
        /// The table that queries are multiplied with, `(table rows, heads * head_width)`.
        keys: Option<&'a [f32]>,
        /// The table that keys are multiplied with, of the same shape.
        queries: Option<&'a [f32]>,
        /// The row of the tables for each distance, which is the position of the query minus that of the key, from
        /// `1 - longest` on.
        rows: &'a [u32],
        /// The number of columns of a table.
        width: usize,
    },
}

impl<'a> Relative<'a> {
    /// The biases of a head, one for each distance.
    pub(super) fn bias(self, head: usize, longest: usize) -> Option<&'a [f32]> {
        match self {
            Self::Bias(numbers) => numbers.get(head * (2 * longest - 1)..(head + 1) * (2 * longest - 1)),
            _ => None,
        }
    }

    /// The products of each key of a head with the table for keys, `(keys, table rows)`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn key_products(self, head: usize, keys: impl FnOnce() -> Block<'a>) -> Result<Option<Vec<f32>>> {
        match self {
            Self::Disentangled { queries: Some(table), width, .. } => products(table, width, head, keys()).map(Some),
            _ => Ok(None),
        }
    }

    /// Adds the products with the tables to the raw scores of some queries of a head. `first` is the position of the first
    /// query in its text, and `by_key` what [`Self::key_products`] returned.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn add_products(
        self,
        scores: &mut [f32],
        head: usize,
        queries: Block<'_>,
        first: usize,
        by_key: Option<&[f32]>,
    ) -> Result<()> {
        let Self::Disentangled { keys, rows, width, .. } = self else { return Ok(()) };
        let length = scores.len() / queries.rows.max(1);
        let by_query = keys.map(|table| products(table, width, head, queries)).transpose()?;
        let table_rows = match keys {
            Some(table) => table.len() / width,
            None => by_key.map_or(0, |by_key| by_key.len() / length),
        };
        let longest = rows.len().div_ceil(2);
        for (query, scores) in scores.chunks_exact_mut(length).enumerate() {
            for (key, score) in scores.iter_mut().enumerate() {
                let row = rows[first + query + longest - 1 - key] as usize;
                if let Some(by_query) = &by_query {
                    *score += by_query[query * table_rows + row];
                }
                if let Some(by_key) = by_key {
                    *score += by_key[key * table_rows + row];
                }
            }
        }
        Ok(())
    }
}

/// The products of rows of a head with the columns of that head in each row of a table.
fn products(table: &[f32], width: usize, head: usize, rows: Block<'_>) -> Result<Vec<f32>> {
    let count = table.len() / width;
    let mut products = vec![0.0; rows.rows * count];
    let start = head * rows.columns;
    let end = (count - 1) * width + start + rows.columns;
    let table = Block { values: &table[start..end], rows: count, columns: rows.columns, stride: width };
    block_times_transposed(BlockMut::whole(&mut products, rows.rows, count), rows, table)?;
    Ok(products)
}
