//! A pass over rows: their codes for a dictionary, and what the next dictionary is made of.

use super::Anew;
use super::model::{Coder, Work};
use crate::concepts::farthest::{Far, Farthest};
use crate::concepts::rows_at_a_time;
use crate::control::Control;
use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_transposed_times, check_finite};
use crate::rows::{Rows, Tile, add_across, for_each_tile};

/// Sums over the rows of all processes.
#[derive(Debug, Clone)]
pub(in crate::concepts) struct Sums {
    /// The products of codes with columns, `codes^T rows`, (concepts, columns).
    pub(in crate::concepts) with_columns: Vec<f64>,
    /// The products of codes with each other, `codes^T codes`, (concepts, concepts).
    pub(in crate::concepts) with_each_other: Vec<f64>,
    /// The sum of the magnitudes of all codes.
    magnitudes: f64,
    /// The sum of the squares of all values of the rows.
    pub(super) squares: f64,
    /// For each concept, in how many rows its code is not zero.
    pub(super) nonzero: Vec<f64>,
    pub(super) row_count: f64,
    /// The rows that their codes fit worst.
    farthest: Farthest,
}

impl Sums {
    /// Reads the rows once.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidData`] naming a value that is not finite; [`crate::ErrorCode::Cancelled`].
    pub(in crate::concepts) fn of(rows: &dyn Rows, coder: &Coder, threads: usize, control: &Control) -> Result<Self> {
        let (concepts, columns) = (coder.concept_count(), coder.columns);
        let (products, grams) = (concepts * columns, concepts * concepts);
        // All that is added across processes lies together.
        let mut all = vec![0.0; products + grams + concepts + 3];
        let map = |tile: Tile<'_>, (wide, work): &mut (Vec<f64>, Work)| -> Result<(Vec<f64>, Farthest)> {
            check_finite(tile.values, columns, tile.first)?;
            wide.clear();
            wide.extend(tile.values.iter().map(|&value| f64::from(value)));
            let (codes, along) = coder.codes(wide, work)?;
            let count = codes.len() / concepts;
            let mut part = vec![0.0; products + grams + concepts + 3];
            let (with_columns, rest) = part.split_at_mut(products);
            let (with_each_other, rest) = rest.split_at_mut(grams);
            let left = Block::whole(codes, count, concepts);
            let right = Block::whole(&wide[..], count, columns);
            block_transposed_times(BlockMut::whole(with_columns, concepts, columns), left, right)?;
            block_transposed_times(BlockMut::whole(with_each_other, concepts, concepts), left, left)?;
            let mut farthest = Vec::with_capacity(count);
            for (row, (codes, values)) in codes.chunks_exact(concepts).zip(wide.chunks_exact(columns)).enumerate() {
                for (nonzero, &code) in rest.iter_mut().zip(codes) {
                    *nonzero += f64::from(u8::from(code != 0.0));
                }
                let magnitudes: f64 = codes.iter().map(|code| code.abs()).sum();
                let square: f64 = values.iter().map(|value| value * value).sum();
                let along: f64 = codes.iter().zip(&along[row * concepts..]).map(|(code, along)| code * along).sum();
                rest[concepts] += magnitudes;
                rest[concepts + 1] += square;
                // What is left of a row, where the conditions of the minimum hold; the ridge is too small to matter. A difference below
                // rounding is none.
                let left = square - along - coder.kind.penalty * magnitudes;
                let distance = if left > 1e-12 * square { left } else { 0.0 };
                farthest.push(Far { distance, row: tile.first + row, concept: 0 });
            }
            rest[concepts + 2] = count as f64;
            let mut kept = Farthest::default();
            kept.add(farthest);
            Ok((part, kept))
        };
        let mut farthest = Farthest::default();
        for_each_tile(rows, rows_at_a_time(concepts), threads, control, map, |_, (part, far)| {
            farthest.merge(far);
            all.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            Ok(())
        })?;
        add_across(rows, &mut all)?;
        let rest = all.split_off(products + grams);
        let with_each_other = all.split_off(products);
        Ok(Self {
            with_columns: all,
            with_each_other,
            magnitudes: rest[concepts],
            squares: rest[concepts + 1],
            row_count: rest[concepts + 2],
            nonzero: rest[..concepts].to_vec(),
            farthest,
        })
    }

    /// The sum of the squared differences between the rows and what their codes decode to.
    pub(super) fn squared_error(&self, coder: &Coder) -> f64 {
        let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(left, right)| left * right).sum::<f64>();
        self.squares - 2.0 * dot(&self.with_columns, &coder.dictionary) + dot(&self.with_each_other, &coder.gram)
            - coder.kind.ridge * self.code_squares()
    }

    /// What the codes of the rows minimise, and the dictionary with them.
    pub(super) fn objective(&self, coder: &Coder) -> f64 {
        let ridge = coder.kind.ridge / 2.0 * self.code_squares();
        self.squared_error(coder) / 2.0 + coder.kind.penalty * self.magnitudes + ridge
    }

    /// The sum of the squares of all codes.
    fn code_squares(&self) -> f64 {
        self.with_each_other.iter().step_by(self.nonzero.len() + 1).sum()
    }

    /// Lets atoms that no row has begin anew, at the rows that are fitted worst or what is left of them, scaled to length 1.
    ///
    /// # Errors
    /// Those of the rows.
    pub(super) fn revive(&mut self, rows: &dyn Rows, coder: &Coder, anew: Anew, atoms: &mut [f64]) -> Result<()> {
        let (concepts, columns) = (coder.concept_count(), coder.columns);
        for concept in (0..concepts).filter(|&concept| self.nonzero[concept] == 0.0) {
            let Some(taken) = self.farthest.take(rows)? else { return Ok(()) };
            let mut left = taken.values.clone();
            if anew != Anew::Row {
                let mut work = Work::default();
                let codes = coder.codes(&taken.values, &mut work)?.0;
                for (code, atom) in codes.iter().zip(coder.dictionary.chunks_exact(columns)) {
                    left.iter_mut().zip(atom).for_each(|(left, value)| *left -= code * value);
                }
            }
            if anew == Anew::PositiveRest {
                left.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            let length = left.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                let own = &mut atoms[concept * columns..][..columns];
                own.iter_mut().zip(&left).for_each(|(own, value)| *own = value / length);
            }
        }
        Ok(())
    }
}
