//! Texts from outside and numbers, made to be read on a terminal.

use std::borrow::Cow;

/// A text without what a terminal would obey: control characters, and those that change the direction of writing, are shown as
/// Rust writes them (`\n`, `\u{1b}`).
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_obeyed(character) { safe.extend(character.escape_debug()) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A count with a comma after each three digits: `1,234`.
pub fn counted(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number of bytes in decimal units with three digits: `31.4 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match value {
        _ if unit == "bytes" => format!("{bytes} bytes"),
        small if small < 9.995 => format!("{value:.2} {unit}"),
        medium if medium < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A time in its two largest units, rounded up: `45 s`, `3 min 20 s`, `5 h 3 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9).ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// One thing or several of them: `1 row`, `2 rows`.
pub fn plural(count: usize, one: &str) -> String {
    format!("{} {one}{}", counted(count as u64), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_a_text() {
        assert_eq!(shown(" film"), " film");
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\n\\u{202e}b");
        assert_eq!(shown("é 電 🙂"), "é 電 🙂");
    }

    #[test]
    fn numbers_are_shown_in_the_units_that_people_expect() {
        assert_eq!([0, 999, 1000, 1_234_567].map(counted), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 999, 1000, 9_994, 12_340, 99_949, 999_400, 999_600, 31_400_000, u64::MAX].map(bytes);
        let expected = [
            "0 bytes",
            "999 bytes",
            "1.00 kB",
            "9.99 kB",
            "12.3 kB",
            "99.9 kB",
            "999 kB",
            "1.00 MB",
            "31.4 MB",
            "18.4 EB",
        ];
        assert_eq!(sizes, expected);
        let times = [0.0, 0.2, 59.0, 60.0, 199.1, 18_180.0, 90_000.0, f64::INFINITY].map(duration);
        assert_eq!(times[..7], ["0 s", "1 s", "59 s", "1 min 0 s", "3 min 20 s", "5 h 3 min", "1 d 1 h"]);
        assert_eq!([plural(1, "row"), plural(4205, "word")], ["1 row", "4,205 words"]);
    }
}
