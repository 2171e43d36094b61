//! Detection scoring: can a reader of the label tell which unseen passages excite the concept?

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::label::DetectionScore;
use super::passages::Passages;
use super::sampling::Sampling;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::linalg::RandomState;

/// How labels are scored. The language model gets the label and passages that it has not seen, and judges which of them
/// fit. One half of the passages excites the concept, the other half leaves it quiet; the score is the balanced
/// accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// How many passages of each kind are judged, at least 1; fewer where there are fewer, so a number larger than that
    /// of the rows costs nothing more.
    pub passages: usize,
    /// How many passages one request holds, at least 1. More of them cost fewer tokens and are judged less well.
    pub per_request: usize,
    /// The part of the concept's strongest activation from which on a passage is exciting, above 0 and at most 1. A
    /// passage is quiet when nothing in it reaches half of that. Passages between the two are not judged.
    pub threshold: f32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self { passages: 20, per_request: 10, threshold: 0.5 }
    }
}

/// How many random rows are tried for each quiet passage that is wanted.
const TRIES: usize = 200;

/// How many rows are tried between two checks whether the caller cancelled.
const TRIES_AT_A_TIME: usize = 1 << 14;

/// A passage, and whether it excites the concept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TestPassage {
    pub(super) text: String,
    pub(super) exciting: bool,
}

impl Scoring {
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] naming the invalid option.
    pub(super) fn check(&self) -> Result<()> {
        if self.passages == 0 || self.per_request == 0 {
            return Err(Error::argument("the number of passages for scoring is 0").hint("set it to at least 1"));
        }
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return Err(Error::argument(format!(
                "the scoring threshold is {}; it must be above 0 and at most 1",
                self.threshold
            ))
            .hint("give a fraction of the strongest activation, such as 0.5"));
        }
        Ok(())
    }

    /// Chooses the passages to judge, in random order; `None` where one kind has no passage. `strength` is the strength
    /// of the concept in each row, `active` are the rows where it is not zero, ascending, `excited` are the rows above zero, strongest first, and `shown` are those that the
    /// labelling model has seen.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Cancelled`].
    pub(super) fn passages(
        &self,
        passages: &Passages<'_>,
        (strength, active): (&[f32], &[usize]),
        excited: &[usize],
        shown: &[usize],
        random: &mut RandomState,
        control: &Control,
    ) -> Result<Option<Vec<TestPassage>>> {
        let Some(&strongest) = excited.first() else { return Ok(None) };
        let enough = self.threshold * strength[strongest];
        let exciting = &excited[..excited.partition_point(|&row| strength[row] >= enough)];
        let wanted = self.passages.min(strength.len());
        let mut used = UsedPassages::new(passages, shown);
        // More than needed, since some will overlap or have the same text.
        let mut candidates = Sampling::Quantile.choose(exciting, wanted.saturating_mul(4), 5, random);
        random.shuffle(&mut candidates);
        let mut test: Vec<TestPassage> = Vec::new();
        let mut candidates = candidates.into_iter();
        while test.len() < wanted
            && let Some(row) = candidates.next()
        {
            test.extend(used.take(row).map(|text| TestPassage { text, exciting: true }));
        }
        let found = test.len();
        let last = u32::try_from(strength.len() - 1).unwrap_or(u32::MAX);
        let is_not_quiet = |&row: &usize| strength[row].is_nan() || strength[row] >= enough / 2.0;
        let not_quiet: Vec<usize> = active.iter().copied().filter(is_not_quiet).collect();
        let is_quiet = |rows: Range<usize>| {
            let next = not_quiet.get(not_quiet.partition_point(|&row| row < rows.start));
            next.is_none_or(|&row| row >= rows.end)
        };
        // A row that was tried once gives nothing new.
        let mut tried_rows = vec![false; strength.len()];
        for tried in 0..wanted.saturating_mul(TRIES) {
            if test.len() == found + wanted {
                break;
            }
            if tried % TRIES_AT_A_TIME == 0 {
                control.check()?;
            }
            let row = random.up_to(last) as usize;
            if !std::mem::replace(&mut tried_rows[row], true) && is_quiet(passages.window(row)) {
                test.extend(used.take(row).map(|text| TestPassage { text, exciting: false }));
            }
        }
        if found == 0 || test.len() == found {
            return Ok(None);
        }
        random.shuffle(&mut test);
        Ok(Some(test))
    }
}

/// The passages that were shown or chosen already: none is judged twice, and none that the labelling model has seen.
struct UsedPassages<'a> {
    passages: &'a Passages<'a>,
    /// The rows of these passages as ranges that do not overlap: begin and end.
    rows: BTreeMap<usize, usize>,
    texts: HashSet<String>,
}

impl<'a> UsedPassages<'a> {
    fn new(passages: &'a Passages<'a>, shown: &[usize]) -> Self {
        let texts = shown.iter().map(|&row| passages.plain(row)).collect();
        let mut used = Self { passages, rows: BTreeMap::new(), texts };
        shown.iter().for_each(|&row| used.add(passages.window(row)));
        used
    }

    fn take(&mut self, row: usize) -> Option<String> {
        let window = self.passages.window(row);
        if self.overlapping(&window).is_some() {
            return None;
        }
        let text = self.passages.plain(row);
        if text.trim().is_empty() || !self.texts.insert(text.clone()) {
            return None;
        }
        self.add(window);
        Some(text)
    }

    /// The last of the ranges that overlap this one.
    fn overlapping(&self, rows: &Range<usize>) -> Option<Range<usize>> {
        let (&start, &end) = self.rows.range(..rows.end).next_back()?;
        (rows.start < end).then_some(start..end)
    }

    fn add(&mut self, mut rows: Range<usize>) {
        while let Some(other) = self.overlapping(&rows) {
            self.rows.remove(&other.start);
            rows = rows.start.min(other.start)..rows.end.max(other.end);
        }
        self.rows.insert(rows.start, rows.end);
    }
}

/// The score of some judgements, one for each test passage; `None` for a passage without an answer. There is no score
/// unless passages of both kinds were judged.
pub(super) fn score(test: &[TestPassage], judged: &[Option<bool>]) -> Option<DetectionScore> {
    let mut score = DetectionScore::default();
    for (passage, judged) in test.iter().zip(judged) {
        let Some(judged) = *judged else {
            score.unanswered += 1;
            continue;
        };
        let right = usize::from(judged == passage.exciting);
        if passage.exciting {
            score.exciting += 1;
            score.exciting_right += right;
        } else {
            score.quiet += 1;
            score.quiet_right += right;
        }
    }
    if score.exciting == 0 || score.quiet == 0 {
        return None;
    }
    let share = |right: usize, all: usize| right as f64 / all as f64;
    score.balanced_accuracy =
        f64::midpoint(share(score.exciting_right, score.exciting), share(score.quiet_right, score.quiet));
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_balanced_between_exciting_and_quiet_passages() {
        let passage = |exciting: bool| TestPassage { text: String::new(), exciting };
        let test = [true, true, true, true, false, false].map(passage);
        let judged = |answers: [u8; 6]| answers.map(|answer| [Some(false), Some(true), None][usize::from(answer)]);
        let accuracy = |answers: [u8; 6]| score(&test, &judged(answers)).map(|score| score.balanced_accuracy);
        assert_eq!(accuracy([1, 1, 1, 1, 0, 0]), Some(1.0));
        assert_eq!(accuracy([1, 1, 1, 1, 1, 1]), Some(0.5));
        assert_eq!(accuracy([0, 0, 0, 1, 0, 1]), Some(0.375));
        assert_eq!(accuracy([1, 0, 2, 2, 0, 2]), Some(0.75));
        assert_eq!(accuracy([1, 1, 1, 1, 2, 2]), None);
        assert_eq!(score(&test, &judged([1, 0, 2, 2, 0, 2])).map(|score| score.unanswered), Some(3));
    }
}
