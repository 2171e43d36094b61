//! Which tokens of a batch of texts become which rows.

use super::encoded::EncodedTexts;
use super::granularity::Aggregation;
use crate::error::{Error, Result};

/// The units of a batch of texts whose token rows lie one text after the other: for a device, which pools all units of the
/// batch at once. Numbers are of 32 bits, which no batch and no matrix on a device exceeds.
#[derive(Debug, Default)]
pub(crate) struct Pooling {
    /// The rows of the tokens of each unit, one unit after the other, each in the order of its positions.
    pub(crate) members: Vec<u32>,
    /// Where each unit begins in `members`, and the end: one more than there are units.
    pub(crate) starts: Vec<u32>,
    /// Which row each unit becomes.
    pub(crate) targets: Vec<u32>,
}

impl Pooling {
    /// The units of the texts of a batch. `given` says how many rows the model gives for a text. The units become rows
    /// one after the other, or their own rows in a matrix of all units that begins with unit `kept_from`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for more rows than 32 bits count.
    pub(crate) fn new(
        encoded: &EncodedTexts,
        batch: &[usize],
        given: impl Fn(usize) -> usize,
        kept_from: Option<usize>,
    ) -> Result<Self> {
        let mut pooling = Self { starts: vec![0], ..Self::default() };
        let mut first = 0;
        for &text in batch {
            let row = narrow(first)?;
            for unit in encoded.units_of(text) {
                pooling.members.extend(encoded.positions(unit).iter().map(|position| row + position));
                pooling.starts.push(narrow(pooling.members.len())?);
                let target = kept_from.map_or(pooling.targets.len(), |begin| unit - begin);
                pooling.targets.push(narrow(target)?);
            }
            first += given(text);
            narrow(first)?;
        }
        Ok(pooling)
    }

    /// The number of units.
    pub(crate) fn unit_count(&self) -> usize {
        self.targets.len()
    }

    /// Pools `rows` of `width` values on the host. Gives for each unit the first column whose value is not finite, or
    /// `width`.
    pub(crate) fn reduce(&self, aggregation: Aggregation, rows: &[f32], width: usize, out: &mut [f32]) -> Vec<u32> {
        let units = self.starts.windows(2).zip(&self.targets);
        let not_finite = units.map(|(place, &target)| {
            let members = &self.members[place[0] as usize..place[1] as usize];
            let row = &mut out[target as usize * width..(target as usize + 1) * width];
            aggregation.reduce(rows, members, row);
            row.iter().position(|value| !value.is_finite()).unwrap_or(width) as u32
        });
        not_finite.collect()
    }
}

fn narrow(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| {
        Error::argument(format!("{number} rows are more than a device counts")).hint("give fewer texts at a time")
    })
}
