//! The codes of all rows, row by row or as columns of single concepts.

use crate::concepts::{Backend, Explainer, RowCodes, rows_at_a_time};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::rows::{Activations, DeviceTiles, Rows, Tile, for_each_tile};

/// The memory that the columns of one group of concepts may take, in bytes.
const GROUP_BYTES: usize = 1 << 30;

/// Encodes all rows on a backend, and passes each row and its codes to `absorb` on the calling thread, in order.
///
/// # Errors
/// [`ErrorCode::InvalidData`] naming the first row with a code that is not finite; [`ErrorCode::Cancelled`]; those of
/// the explainer.
pub(crate) fn for_each_code(
    explainer: &Explainer,
    rows: &dyn Rows,
    backend: &Backend,
    control: &Control,
    mut absorb: impl FnMut(usize, RowCodes<'_>),
) -> Result<()> {
    control.begin(Stage::Interpret, rows.row_count() as u64)?;
    let threads = match backend {
        Backend::Cpu { threads } => *threads,
        Backend::Device(device) => {
            let rows = DeviceTiles::new(rows, device);
            return explainer.for_each_code_on(&rows, control, |range, codes| {
                range.clone().zip(codes.rows()).for_each(|(row, codes)| absorb(row, codes));
                control.advance(range.len() as u64)
            });
        }
    };
    let height = rows_at_a_time(explainer.concept_count());
    let encode = |tile: Tile<'_>, (): &mut ()| explainer.codes_of_rows(tile.first, tile.values);
    for_each_tile(rows, height, threads, control, encode, |range, codes| {
        for (row, codes) in range.clone().zip(codes.rows()) {
            absorb(row, codes);
        }
        control.advance(range.len() as u64)
    })
}

/// The codes of a concept that are not zero.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Their rows, ascending.
    pub(super) rows: Vec<u32>,
    pub(super) codes: Vec<f32>,
}

/// What a code of a column takes.
const ENTRY_BYTES: usize = size_of::<u32>() + size_of::<f32>();

/// Cuts concepts into groups whose columns fit in memory together. Where all of them may not, the rows are encoded once to count.
///
/// # Errors
/// [`ErrorCode::Unsupported`] for more rows than can be numbered; those of [`for_each_code`].
pub(super) fn groups<'a>(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &'a [usize],
    control: &Control,
) -> Result<Vec<&'a [usize]>> {
    let rows = Rows::row_count(activations);
    if u32::try_from(rows).is_err() {
        return Err(Error::new(ErrorCode::Unsupported, format!("{rows} rows are too many to choose examples from"))
            .hint("label fewer rows"));
    }
    let most = GROUP_BYTES / ENTRY_BYTES;
    if rows.saturating_mul(concepts.len()) <= most {
        return Ok(vec![concepts]);
    }
    let mut counts = vec![0_usize; explainer.concept_count()];
    for_each_code(explainer, activations, &Backend::Cpu { threads: 0 }, control, |_, codes| match codes {
        RowCodes::Dense(codes) => {
            counts.iter_mut().zip(codes).for_each(|(count, &code)| *count += usize::from(code != 0.0));
        }
        RowCodes::Sparse(concepts, codes) => {
            concepts
                .iter()
                .zip(codes)
                .for_each(|(&concept, &code)| counts[concept as usize] += usize::from(code != 0.0));
        }
    })?;
    Ok(cut(concepts, &counts, most))
}

/// Cuts concepts into runs that have at most so many codes, or are one concept. `counts` has the codes of every concept.
fn cut<'a>(concepts: &'a [usize], counts: &[usize], most: usize) -> Vec<&'a [usize]> {
    let (mut groups, mut first, mut sum) = (Vec::new(), 0, 0_usize);
    for (place, &concept) in concepts.iter().enumerate() {
        if place > first && sum.saturating_add(counts[concept]) > most {
            groups.push(&concepts[first..place]);
            (first, sum) = (place, 0);
        }
        sum = sum.saturating_add(counts[concept]);
    }
    groups.push(&concepts[first..]);
    groups
}

/// The columns of some concepts. Memory: 8 bytes for each code that is not zero.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`], and those of [`for_each_code`].
pub(super) fn columns(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &[usize],
    control: &Control,
) -> Result<Vec<Column>> {
    let mut slots = vec![Vec::new(); explainer.concept_count()];
    concepts.iter().enumerate().for_each(|(slot, &concept)| slots[concept].push(slot));
    let mut columns: Vec<Column> = concepts.iter().map(|_| Column::default()).collect();
    let mut out_of_memory = false;
    for_each_code(explainer, activations, &Backend::Cpu { threads: 0 }, control, |row, codes| {
        let mut push = |slot: usize, code: f32| {
            let column = &mut columns[slot];
            if code == 0.0 || out_of_memory {
                return;
            }
            if column.rows.try_reserve(1).is_err() || column.codes.try_reserve(1).is_err() {
                out_of_memory = true;
                return;
            }
            column.rows.push(row as u32);
            column.codes.push(code);
        };
        match codes {
            RowCodes::Dense(codes) => {
                concepts.iter().enumerate().for_each(|(slot, &concept)| push(slot, codes[concept]));
            }
            RowCodes::Sparse(found, codes) => {
                for (&concept, &code) in found.iter().zip(codes) {
                    slots[concept as usize].iter().for_each(|&slot| push(slot, code));
                }
            }
        }
    })?;
    if out_of_memory {
        let rows = Rows::row_count(activations);
        return Err(Error::new(
            ErrorCode::OutOfMemory,
            format!("there is no memory for the activations of {} concepts in {rows} rows", concepts.len()),
        )
        .hint("label fewer rows or fewer concepts"));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_concepts_have_no_more_codes_than_fit() {
        let (counts, concepts) = ([5, 0, 9, 3, 4, 20, 1], [6, 0, 2, 3, 3, 5, 1, 4]);
        let groups = cut(&concepts, &counts, 10);
        assert_eq!(groups, [&[6, 0][..], &[2], &[3, 3], &[5], &[1, 4]]);
        assert_eq!(cut(&concepts, &counts, usize::MAX), [&concepts[..]]);
    }

    #[test]
    fn columns_are_the_codes_that_are_not_zero_of_dense_and_of_sparse_concepts() {
        let values = vec![1.0, 0.0, -2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 5.0];
        let rows = Activations::from_rows(values.clone(), 3, None).unwrap();
        let identity = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        for rectified in [false, true] {
            let dictionary = crate::concepts::Dictionary::new(identity.clone(), identity.clone(), 3);
            let explainer = crate::concepts::Dictionary { rectified, ..dictionary }.explainer().unwrap();
            let found = columns(&explainer, &rows, &[2, 1, 0, 2], &Control::new()).unwrap();
            let last = if rectified { (vec![1, 2], vec![3.0, 5.0]) } else { (vec![0, 1, 2], vec![-2.0, 3.0, 5.0]) };
            let expected = [last.clone(), (vec![], vec![]), (vec![0, 2], vec![1.0, 4.0]), last];
            for (found, expected) in found.into_iter().zip(expected) {
                assert_eq!((found.rows, found.codes), expected);
            }
        }
    }
}
