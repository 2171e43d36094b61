//! Units that get no row: those that the options name, the pieces of contractions, and punctuation.

use std::collections::HashSet;

use unicode_categories::UnicodeCategories;

use super::granularity::{Granularity, UnitOptions};
use super::left_out::LeftOut;
use crate::error::{Error, Result};

/// What stands behind the apostrophe of an English contraction.
const BEHIND_APOSTROPHES: [&str; 7] = ["s", "t", "d", "m", "ll", "re", "ve"];

/// Changing the case of a text makes it at most so many times shorter.
const SHRINKS: usize = 4;

/// Which units are left out.
#[derive(Debug, Default)]
pub(super) struct StopUnits {
    /// Their texts, folded.
    texts: HashSet<String>,
    /// The most bytes of them.
    longest: usize,
    contractions: bool,
    punctuation: bool,
}

impl UnitOptions {
    /// Refuses what cannot be, before texts are tokenized.
    pub(crate) fn check(&self) -> Result<()> {
        StopUnits::new(self).map(drop)
    }

    /// Whether units are left out for what they are called.
    pub(crate) fn names_stop_units(&self) -> bool {
        !self.stop_units.is_empty() || self.stop_contractions || self.stop_punctuation
    }
}

impl StopUnits {
    pub(super) fn new(options: &UnitOptions) -> Result<Self> {
        let (granularity, contractions, punctuation) =
            (options.granularity, options.stop_contractions, options.stop_punctuation);
        if options.skip_first_position && granularity == Granularity::ClsToken {
            return Err(Error::argument(
                "the first position of texts shall be in no unit, but with the granularity `cls_token` it is the unit",
            )
            .hint("use another granularity, or do not skip the first position"));
        }
        if !options.names_stop_units() {
            return Ok(Self::default());
        }
        if !matches!(granularity, Granularity::Token | Granularity::Word | Granularity::Sentence) {
            return Err(Error::argument(format!(
                "units were named that shall get no row, but with the granularity `{}` every one has a row",
                granularity.name()
            ))
            .hint("use the granularity word, token or sentence, or name no stop units"));
        }
        if let Some(blank) = options.stop_units.iter().position(|text| text.trim().is_empty()) {
            return Err(Error::argument(format!("stop unit {blank} has no text")).hint("leave it out of the list"));
        }
        let texts: HashSet<String> = options.stop_units.iter().map(|text| folded(text)).collect();
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { texts, longest, contractions, punctuation })
    }

    /// Whether the unit at these bytes of a text is left out; then it is counted in `left_out`.
    pub(super) fn leave_out(&self, text: &str, (begin, end): (usize, usize), left_out: &mut LeftOut) -> bool {
        let unit = text[begin..end].trim_start();
        let begin = end - unit.len();
        let unit = unit.trim_end();
        if unit.is_empty() {
            return false;
        }
        let after = &text[begin + unit.len()..];
        let count = if unit.len() <= SHRINKS * self.longest && self.texts.contains(&folded(unit)) {
            &mut left_out.stop_units
        } else if self.contractions && is_contraction_piece(&text[..begin], unit, after) {
            &mut left_out.stop_contractions
        } else if self.punctuation && unit.chars().all(is_punctuation) {
            &mut left_out.stop_punctuation
        } else {
            return false;
        };
        *count += 1;
        true
    }
}

/// A text as it is compared: without white space at its ends, in lower case, its apostrophes straight.
pub(crate) fn folded(text: &str) -> String {
    text.trim().to_lowercase().replace('\u{2019}', "'")
}

/// What BERT's tokenizer takes for punctuation: in ASCII, mathematical signs and the like as well.
pub(crate) fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() || character.is_punctuation()
}

fn is_apostrophe(character: char) -> bool {
    ['\'', '\u{2019}'].contains(&character)
}

/// Whether a unit is what is left of a contraction behind its first word.
fn is_contraction_piece(before: &str, unit: &str, after: &str) -> bool {
    let rest = unit.strip_prefix(is_apostrophe);
    let before = if rest.is_some() { Some(before) } else { before.strip_suffix(is_apostrophe) };
    if !before.is_some_and(|before| before.ends_with(char::is_alphabetic)) {
        return false;
    }
    match rest {
        Some("") => after.starts_with(char::is_alphabetic),
        rest => {
            let piece = rest.unwrap_or(unit);
            BEHIND_APOSTROPHES.iter().any(|known| known.eq_ignore_ascii_case(piece))
                && !after.starts_with(char::is_alphanumeric)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the part of a text between bars is left out.
    fn is_left_out(stop: &StopUnits, marked: &str) -> bool {
        let [before, unit, after] = marked.split('|').collect::<Vec<_>>().try_into().unwrap();
        let mut left_out = LeftOut::default();
        let is_left_out =
            stop.leave_out(&format!("{before}{unit}{after}"), (before.len(), before.len() + unit.len()), &mut left_out);
        assert_eq!(left_out.total(), usize::from(is_left_out));
        is_left_out
    }

    #[test]
    fn named_units_are_left_out_in_any_case_and_with_any_space_around_them() {
        let stop_units = vec![" The".to_owned(), "of".to_owned(), "o'clock".to_owned()];
        let stop = StopUnits::new(&UnitOptions { stop_units, ..UnitOptions::default() }).unwrap();
        for marked in ["|the| film", "a| THE\n|film", "|of|", "ten| o\u{2019}Clock|"] {
            assert!(is_left_out(&stop, marked), "{marked}");
        }
        for marked in ["|then|", "|the film|", "a| |film", "||", "don|'|t"] {
            assert!(!is_left_out(&stop, marked), "{marked}");
        }
    }

    #[test]
    fn pieces_of_contractions_are_told_from_letters_and_quotes() {
        let stop = StopUnits::new(&UnitOptions { stop_contractions: true, ..UnitOptions::default() }).unwrap();
        for marked in ["don|'|t", "don'|t|", "don|'t|", "it|\u{2019}s |good", "we'|LL| see", "l|'|homme"] {
            assert!(is_left_out(&stop, marked), "{marked}");
        }
        for marked in ["vitamin |s|", "|'|good' film", "'good|'| film", "|don't|", "a 'n|'| roll", "o'|t|ool", "'|t|"] {
            assert!(!is_left_out(&stop, marked), "{marked}");
        }
    }

    #[test]
    fn punctuation_is_told_from_letters_digits_and_symbols_of_their_own() {
        let stop = StopUnits::new(&UnitOptions { stop_punctuation: true, ..UnitOptions::default() }).unwrap();
        for marked in ["a film|.|", "good| ...| film", "|\u{3002}|", "\u{2014}|\u{201c}|", "1 |+|= 2", "|'|t", "|$|5"] {
            assert!(is_left_out(&stop, marked), "{marked}");
        }
        for marked in ["|a.|", "|5|.", "|\u{1f600}|", "|\u{6620}|", "|\u{20ac}|", "a| |b", "|don't|"] {
            assert!(!is_left_out(&stop, marked), "{marked}");
        }
    }

    #[test]
    fn units_that_cannot_be_left_out_are_errors() {
        let stop_units = vec!["the".to_owned(), " \n".to_owned()];
        let options = UnitOptions { stop_units, ..UnitOptions::default() };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("stop unit 1"));
        let options = UnitOptions { stop_contractions: true, ..UnitOptions::from(Granularity::Sample) };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("sample"));
        let options = UnitOptions { stop_punctuation: true, ..UnitOptions::from(Granularity::AllTokens) };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("all_tokens"));
        let options = UnitOptions { skip_first_position: true, ..UnitOptions::from(Granularity::ClsToken) };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("cls_token"));
    }
}
