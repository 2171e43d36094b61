//! The part of an attention score that depends on the distance between the query and the key.

use super::softmax::Scores;
use super::tile::{Panels, Rows};

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

    /// Packs the tables for a head of `columns` columns.
    pub(super) fn pack(self, head: usize, columns: usize, tables: &mut Tables<'a>) {
        let Self::Disentangled { keys, queries, rows, width } = self else { return };
        (tables.rows, tables.columns) = (rows, columns);
        for (table, packed) in [(keys, &mut tables.keys), (queries, &mut tables.queries)] {
            let Some(table) = table else { continue };
            let (count, start) = (table.len() / width, head * columns);
            let values = &table[start..(count - 1) * width + start + columns];
            packed.get_or_insert_default().pack_transposed(Rows { values, count, stride: width }, columns);
        }
    }
}

/// The tables of a head, see [`Relative::Disentangled`]; none where scores do not depend on distances in this way.
#[derive(Default)]
pub(super) struct Tables<'a> {
    /// The row of the tables for each distance.
    rows: &'a [u32],
    /// The number of columns of a head.
    columns: usize,
    /// The table that queries are multiplied with.
    keys: Option<Panels>,
    /// The table that keys are multiplied with.
    queries: Option<Panels>,
    /// The products of the keys of a text, and of some queries.
    by_key: Vec<f32>,
    by_query: Vec<f32>,
}

impl Tables<'_> {
    /// Multiplies the keys of a text with their table.
    pub(super) fn multiply_keys(&mut self, keys: Rows<'_>) {
        if let Some(table) = &self.queries {
            products(table, self.columns, keys, &mut self.by_key);
        }
    }

    /// Adds the products with the tables to the raw scores of some queries for all keys of a text, whose products were computed
    /// before. `position` gives the position of a query in its text.
    pub(super) fn add_products(
        &mut self,
        scores: &mut Scores<'_>,
        queries: Rows<'_>,
        position: impl Fn(usize) -> usize,
    ) {
        let Self { rows, columns, keys, queries: table, by_key, by_query } = self;
        let keys = keys.as_ref().map(|table| products(table, *columns, queries, by_query));
        let table = table.as_ref().map(Panels::width_of_all);
        if keys.is_none() && table.is_none() {
            return;
        }
        let longest = rows.len().div_ceil(2);
        for (query, scores) in scores.rows().enumerate() {
            let first = position(query) + longest - 1;
            for (key, score) in scores.iter_mut().enumerate() {
                let row = rows[first - key] as usize;
                if let Some(count) = keys {
                    *score += by_query[query * count + row];
                }
                if let Some(count) = table {
                    *score += by_key[key * count + row];
                }
            }
        }
    }
}

/// The products of some rows with a table. Returns how many columns they have: one for each row of the table, and more to fill
/// up registers.
fn products(table: &Panels, columns: usize, rows: Rows<'_>, products: &mut Vec<f32>) -> usize {
    let count = table.width_of_all();
    products.resize(rows.count * count, 0.0);
    table.times((0..columns, 0..count), rows, products, count);
    count
}
