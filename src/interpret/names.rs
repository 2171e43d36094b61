//! Which rows are the same input: those of the same text, but for what the options leave out.

use std::collections::{HashMap, HashSet};

use super::top_inputs::TopInputs;
use crate::error::{Error, Result};
use crate::rows::{Activations, Rows};
use crate::text::{Units, folded, is_punctuation};

/// The different texts of the units: rows without unit texts are all different, and named by their number.
pub(super) struct Names<'a> {
    activations: &'a Activations,
    /// For each text of a unit the first one that counts as the same, if it is listed; `None` where each counts for itself.
    same: Option<Vec<Option<u32>>>,
}

impl<'a> Names<'a> {
    /// Looks at all texts once, and at the text of each row where occurrences are counted.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for a stop unit without text, and for rows without texts where the options are about them.
    pub(super) fn new(activations: &'a Activations, options: &TopInputs) -> Result<Self> {
        let TopInputs { stop_units, stop_punctuation, fold_case, least_occurrences, .. } = options;
        if stop_units.is_empty() && !stop_punctuation && !fold_case && *least_occurrences <= 1 {
            return Ok(Self { activations, same: None });
        }
        if let Some(blank) = stop_units.iter().position(|text| text.trim().is_empty()) {
            return Err(Error::argument(format!("stop unit {blank} has no text")).hint("leave it out of the list"));
        }
        let units = activations.units().ok_or_else(|| {
            Error::argument("inputs shall be left out for their texts, but the rows have none")
                .hint("give the text of each row's unit with the rows")
        })?;
        let mut same = grouped(units, stop_units, *stop_punctuation, *fold_case);
        if *least_occurrences > 1 {
            let mut counts = vec![0_usize; same.len()];
            for &text in units.string_indices() {
                if let Some(first) = same[text as usize] {
                    counts[first as usize] += 1;
                }
            }
            same.iter_mut()
                .for_each(|first| *first = first.filter(|&first| counts[first as usize] >= *least_occurrences));
        }
        Ok(Self { activations, same: Some(same) })
    }

    /// How many names there are at most.
    pub(super) fn count(&self) -> usize {
        self.activations.units().map_or(Rows::row_count(self.activations), |units| units.strings().len())
    }

    /// The name of a row; `None` where it is not listed.
    pub(super) fn index(&self, row: usize) -> Option<usize> {
        let Some(units) = self.activations.units() else { return Some(row) };
        let text = units.string_indices()[row] as usize;
        match &self.same {
            None => Some(text),
            Some(same) => same[text].map(|first| first as usize),
        }
    }

    /// The text of the unit of a row.
    pub(super) fn text(&self, row: usize) -> String {
        self.activations.units().map_or_else(|| format!("row {row}"), |units| units.string(row).to_owned())
    }
}

/// For each text the first one that counts as the same; `None` for those that are left out.
fn grouped(units: &Units, stop_units: &[String], stop_punctuation: bool, fold_case: bool) -> Vec<Option<u32>> {
    let stop: HashSet<String> = stop_units.iter().map(|text| folded(text)).collect();
    let mut first = HashMap::new();
    let strings = units.strings();
    let group = |place: usize| {
        let text = strings.get(place);
        let is_punctuation = || !text.trim().is_empty() && text.trim().chars().all(is_punctuation);
        let place = place as u32;
        if (stop_punctuation && is_punctuation()) || (!stop.is_empty() && stop.contains(&folded(text))) {
            None
        } else if fold_case {
            Some(*first.entry(folded(text)).or_insert(place))
        } else {
            Some(place)
        }
    };
    (0..strings.len()).map(group).collect()
}
