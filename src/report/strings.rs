//! Strings of others on a page: made visible, and without a way to be taken for markup or script.

use std::borrow::Cow;
use std::fmt::Write;

/// A string as a page shows it. Line breaks and tabs become signs, other control characters their pictures, and characters that
/// reorder the text around them their names: what is written is what is seen, and a browser gets no character that HTML forbids.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => visible.push('↵'),
            '\t' => visible.push('⇥'),
            '\0'..='\x1f' => visible.extend(char::from_u32(0x2400 + u32::from(character))),
            '\x7f' => visible.push('␡'),
            _ if is_invisible(character) => {
                // Writing to a string does not fail.
                write!(visible, "[U+{:04X}]", u32::from(character)).ok();
            }
            _ => visible.push(character),
        }
    }
    Cow::Owned(visible)
}

/// Whether a character shows nothing itself: a control character, one that reorders text, or one that is no character.
fn is_invisible(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
        || (0xfdd0..=0xfdef).contains(&code)
        || code & 0xfffe == 0xfffe
}

/// The beginning of a string of at most so many bytes, with an ellipsis where something was cut.
pub(super) fn start_of(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(most)]))
    }
}

/// JSON that may stand inside a `script` element: nothing in it is the end of that element, an entity or a line break of
/// JavaScript's.
pub(super) fn json_in_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + json.len() / 16);
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(safe, "\\u{:04x}", u32::from(character)).ok();
            }
            _ => safe.push(character),
        }
    }
    safe
}

/// A number with so many significant digits, as short as it can be written.
pub(super) fn rounded(value: f64, digits: usize) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(0.0)
}

/// A number for people: of three or so digits.
pub(super) fn for_people(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if value == 0.0 || !value.is_finite() => "0".to_owned(),
        1000.0..1e6 => format!("{value:.0}"),
        10.0..1000.0 => format!("{value:.1}"),
        0.01..10.0 => format!("{value:.2}"),
        _ => format!("{value:.2e}"),
    };
    // A true minus sign is as wide as a plus.
    text.replace('-', "−")
}

/// A count with its thousands apart: `16,384`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(shown(" naïve 電影 'film'"), " naïve 電影 'film'");
        assert_eq!(shown("a\nb\tc\0d\x1b[31m\x7f"), "a↵b⇥c␀d␛[31m␡");
        assert_eq!(shown("\u{202e}gnp.exe\u{2066}\u{85}"), "[U+202E]gnp.exe[U+2066][U+0085]");
        assert_eq!(shown("\u{fdd0}\u{1ffff}\u{fffd}"), "[U+FDD0][U+1FFFF]\u{fffd}");
    }

    #[test]
    fn json_in_a_script_cannot_end_it() {
        let text = "</script><!--&amp;\u{2028}\u{2029}é";
        let json = serde_json::to_string(text).unwrap();
        let safe = json_in_script(&json);
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }

    #[test]
    fn numbers_are_short() {
        let short = [0.123_456, -98_765.0, f64::NAN].map(|value| rounded(value, 3).to_string());
        assert_eq!(short, ["0.123", "-98800", "0"].map(str::to_owned));
        let people = [0.0, 3.147_59, -12.345, 123.456, 4321.9, 5e-7, 2.5e9].map(for_people);
        assert_eq!(people, ["0", "3.15", "−12.3", "123.5", "4322", "5.00e−7", "2.50e9"].map(str::to_owned));
        assert_eq!([0, 999, 1000, 16_384, 1_234_567].map(count), ["0", "999", "1,000", "16,384", "1,234,567"]);
    }

    #[test]
    fn a_long_string_is_cut_between_characters() {
        assert_eq!(start_of("naïve", 5), "naïv…");
        assert_eq!(start_of("naïve", 3), "na…");
        assert_eq!(start_of("film", 4), "film");
    }
}
