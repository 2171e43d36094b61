//! Some rows of a batch of texts.

use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::error::Result;

/// Those rows of a batch that somebody reads, ascending and fewer than all: what the model gives for the others is not
/// computed once no text reads them any more.
#[derive(Debug, Clone)]
pub(crate) struct RowSelection {
    rows: Tensor,
    /// Where each row of the batch is among those that are selected; else their number.
    places: Tensor,
    /// The positions within their text of the rows that are selected.
    positions: Vec<u32>,
    /// Which of the selected rows are those of each text.
    texts: Vec<Range<usize>>,
}

impl RowSelection {
    /// The rows of `texts`, which are ranges of rows, with these numbers, ascending; `None` where these are all.
    pub fn new(rows: &[u32], texts: &[Range<usize>], device: &Device) -> Result<Option<Self>> {
        let count = texts.last().map_or(0, |text| text.end);
        if rows.len() == count {
            return Ok(None);
        }
        let (mut positions, mut ranges) = (Vec::with_capacity(rows.len()), Vec::with_capacity(texts.len()));
        let mut places = vec![rows.len() as u32; count];
        for text in texts {
            let first = positions.len();
            let own = rows[first..].iter().take_while(|row| (**row as usize) < text.end);
            positions.extend(own.map(|row| row - text.start as u32));
            ranges.push(first..positions.len());
        }
        for (place, row) in (0..).zip(rows) {
            places[*row as usize] = place;
        }
        let rows = Tensor::from_slice(rows, rows.len(), device)?;
        let places = Tensor::from_vec(places, count, device)?;
        Ok(Some(Self { rows, places, positions, texts: ranges }))
    }

    /// The same rows, to be selected from those with the numbers `runs`, which are ascending and have all of them.
    pub fn among(self, runs: &[u32]) -> Result<Self> {
        let places: Vec<u32> =
            self.rows.to_vec1::<u32>()?.iter().map(|row| runs.partition_point(|run| run < row) as u32).collect();
        let rows = Tensor::from_slice(&places, places.len(), self.rows.device())?;
        Ok(Self { rows, ..self })
    }

    /// How many rows are selected.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// The selected ones of all rows.
    pub fn select(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(rows.index_select(&self.rows, 0)?)
    }

    /// All rows, of which those that are not selected are 0.
    pub fn expand(&self, selected: &Tensor) -> Result<Tensor> {
        Ok(selected.pad_with_zeros(0, 0, 1)?.index_select(&self.places, 0)?)
    }

    /// The positions of the selected rows within their text.
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// Which of the selected rows are those of each text.
    pub fn texts(&self) -> &[Range<usize>] {
        &self.texts
    }
}
