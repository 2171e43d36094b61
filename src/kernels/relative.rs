//! What the distance between a query and a key adds to its score.

use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times_transposed};

/// Scores that depend on distances, in texts of at most `longest` tokens.
#[derive(Clone, Copy)]
pub(crate) enum Relative<'a> {
    /// Nothing.
    None,
    /// A number for each head and distance (Raffel et al. 2020, "T5"), `(heads, 2 longest - 1)`: the key's position
    /// minus the query's, from `1 - longest` on. It is added to the scaled score.
    Bias(&'a [f32]),
    /// Products with rows of a table (He et al. 2021, "DeBERTa"), added to the score before it is scaled.
    Disentangled {
        /// What queries are multiplied with, `(table rows, heads * head_width)`.
        keys: Option<&'a [f32]>,
        /// What keys are multiplied with, of the same shape.
        queries: Option<&'a [f32]>,
        /// The table's row for each distance: the query's position minus the key's, from `1 - longest` on.
        rows: &'a [u32],
        /// Columns of the table.
        width: usize,
    },
}

impl<'a> Relative<'a> {
    /// The bias of a head by distance.
    pub(super) fn bias(self, head: usize, longest: usize) -> Option<&'a [f32]> {
        match self {
            Self::Bias(numbers) => numbers.get(head * (2 * longest - 1)..(head + 1) * (2 * longest - 1)),
            _ => None,
        }
    }

    /// The products of every key of a head with the queries of the table, `(keys, table rows)`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn key_products(self, head: usize, keys: impl FnOnce() -> Block<'a>) -> Result<Option<Vec<f32>>> {
        match self {
            Self::Disentangled { queries: Some(table), width, .. } => products(table, width, head, keys()).map(Some),
            _ => Ok(None),
        }
    }

    /// Adds the products with the table to the raw scores of some queries of a head, which lie from `first` on in their
    /// text; `by_key` as [`Self::key_products`] gave it.
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

/// The products of the rows of a head with its columns of a table.
fn products(table: &[f32], width: usize, head: usize, rows: Block<'_>) -> Result<Vec<f32>> {
    let count = table.len() / width;
    let mut products = vec![0.0; rows.rows * count];
    let start = head * rows.columns;
    let end = (count - 1) * width + start + rows.columns;
    let table = Block { values: &table[start..end], rows: count, columns: rows.columns, stride: width };
    block_times_transposed(BlockMut::whole(&mut products, rows.rows, count), rows, table)?;
    Ok(products)
}
