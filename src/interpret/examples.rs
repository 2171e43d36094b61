//! The examples of a concept that a language model sees, and its test passages.

use std::collections::HashSet;

use super::detection::TestPassage;
use super::interpretation::{Input, Pole};
use super::label::LabelError;
use super::options::LlmLabels;
use super::passages::Passages;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::RandomState;

/// The strength of the strongest example in a prompt.
const SCALE: f32 = 10.0;

/// How many other exciting units of a passage are listed.
const MOST_OTHERS: usize = 5;

/// The examples and test passages of one pole of a concept.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// The examples.
    pub(super) inputs: Vec<Input>,
    /// The user message of the request: the examples as the model sees them.
    pub(super) user_message: String,
    /// The passages that the label is scored on.
    pub(super) test: Test,
    /// Why no label can be requested.
    pub(super) problem: Option<LabelError>,
}

/// The passages that a label is scored on.
#[derive(Debug, Default)]
pub(super) enum Test {
    /// Labels are not scored.
    #[default]
    NotWanted,
    /// One kind of passage is missing.
    TooFew,
    /// These passages.
    Passages(Vec<TestPassage>),
}

impl Examples {
    /// Chooses the examples and test passages of one pole. `strength` is the strength of the pole in each row, and `active` are the rows where
    /// it is not zero, ascending.
    ///
    /// # Errors
    /// [`ErrorCode::Cancelled`].
    pub(super) fn choose(
        wanted: &LlmLabels,
        concept: usize,
        pole: Pole,
        strength: &[f32],
        active: &[usize],
        passages: &Passages<'_>,
        control: &Control,
    ) -> Result<Self> {
        // Each concept has a generator of its own, so that the choice does not depend on which other concepts are
        // labelled.
        let mut random = RandomState::new(wanted.seed.wrapping_add(concept as u32 * 2 + pole as u32));
        let mut excited: Vec<usize> =
            active.iter().copied().filter(|&row| strength[row] > 0.0 && strength[row].is_finite()).collect();
        excited.sort_by(|&left, &right| strength[right].total_cmp(&strength[left]));
        passages.keep_different(&mut excited);
        let Some(&strongest) = excited.first() else {
            let sign = if pole == Pole::Positive { "positive" } else { "negative" };
            let error = Error::new(ErrorCode::InvalidData, format!("concept {concept} has no {sign} activation"))
                .hint("there is nothing to label: the concept is dead on these texts");
            return Ok(Self { problem: Some((&error).into()), ..Self::default() });
        };
        let shown = wanted.sampling.choose(&excited, wanted.examples, wanted.quantiles, &mut random);
        let scale = Scale { strongest: strength[strongest] };
        let sign = if pole == Pole::Positive { 1.0 } else { -1.0 };
        let input =
            |&row: &usize| Input { text: passages.name(row), activation: sign * strength[row], row, passage: None };
        let test = match wanted.scoring {
            None => Test::NotWanted,
            Some(scoring) => scoring
                .passages(passages, (strength, active), &excited, &shown, &mut random, control)?
                .map_or(Test::TooFew, Test::Passages),
        };
        let user_message = user_message(&shown, strength, passages, scale);
        Ok(Self { inputs: shown.iter().map(input).collect(), user_message, test, problem: None })
    }
}

/// The user message: lines such as `1. (10) a <<great>> film | also: "film" (6)`. Lines with the same text are shown
/// once.
fn user_message(shown: &[usize], strength: &[f32], passages: &Passages<'_>, scale: Scale) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for &row in shown {
        let text = passages.marked(row);
        if seen.insert(text.clone()) {
            let (number, strong, others) =
                (seen.len(), scale.of(strength[row]), others(row, strength, passages, scale));
            lines.push(format!("{number}. ({strong}) {text}{others}\n"));
        }
    }
    format!("Passages:\n{}", lines.concat())
}

/// The other units of the passage that excite the concept at least half as strongly: the strongest few, in the order of
/// the text.
fn others(row: usize, strength: &[f32], passages: &Passages<'_>, scale: Scale) -> String {
    let enough = strength[row] / 2.0;
    let mut others: Vec<usize> = passages
        .window(row)
        .filter(|&other| other != row && strength[other] >= enough && scale.of(strength[other]) > 0)
        .collect();
    others.sort_by(|&left, &right| strength[right].total_cmp(&strength[left]));
    others.truncate(MOST_OTHERS);
    others.sort_unstable();
    let name = |other: usize| format!("\"{}\" ({})", passages.unit(other), scale.of(strength[other]));
    let listed: Vec<String> = others.into_iter().map(name).collect();
    if listed.is_empty() { String::new() } else { format!(" | also: {}", listed.join(", ")) }
}

/// Scales activations to the numbers 0 to 10 of a prompt.
#[derive(Clone, Copy)]
struct Scale {
    /// The activation that becomes 10, above zero.
    strongest: f32,
}

impl Scale {
    fn of(self, strength: f32) -> u8 {
        // The quotient is at most 1, so this cannot overflow; NaN becomes 0.
        (strength / self.strongest * SCALE).round().clamp(0.0, SCALE) as u8
    }
}
