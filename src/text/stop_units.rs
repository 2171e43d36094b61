//! Units that get no row: those that the options name, and the pieces of contractions.

use std::collections::HashSet;

use super::granularity::{Granularity, UnitOptions};
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
}

impl UnitOptions {
    /// Refuses what cannot be, before texts are tokenized.
    pub(crate) fn check(&self) -> Result<()> {
        StopUnits::new(self).map(drop)
    }
}

impl StopUnits {
    pub(super) fn new(options: &UnitOptions) -> Result<Self> {
        let contractions = options.stop_contractions;
        if options.stop_units.is_empty() && !contractions {
            return Ok(Self::default());
        }
        let granularity = options.granularity;
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
        Ok(Self { texts, longest, contractions })
    }

    /// Whether the unit at these bytes of a text is left out.
    pub(super) fn contain(&self, text: &str, (begin, end): (usize, usize)) -> bool {
        let unit = text[begin..end].trim_start();
        let begin = end - unit.len();
        let unit = unit.trim_end();
        if unit.is_empty() {
            return false;
        }
        let is_named = unit.len() <= SHRINKS * self.longest && self.texts.contains(&folded(unit));
        is_named || (self.contractions && is_contraction_piece(&text[..begin], unit, &text[begin + unit.len()..]))
    }
}

/// A text as it is compared: without white space at its ends, in lower case, its apostrophes straight.
fn folded(text: &str) -> String {
    text.trim().to_lowercase().replace('\u{2019}', "'")
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
        stop.contain(&format!("{before}{unit}{after}"), (before.len(), before.len() + unit.len()))
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
    fn units_that_cannot_be_left_out_are_errors() {
        let stop_units = vec!["the".to_owned(), " \n".to_owned()];
        let options = UnitOptions { stop_units, ..UnitOptions::default() };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("stop unit 1"));
        let options = UnitOptions { stop_contractions: true, ..UnitOptions::from(Granularity::Sample) };
        assert!(StopUnits::new(&options).unwrap_err().message().contains("sample"));
    }
}
