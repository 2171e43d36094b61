//! JSON with something in it that is not as it should be.

use serde_json::{Map, Number, Value, json};

use crate::random::Random;

/// A text that no file has, to be replaced by what no value can say.
const MARK: &str = "\u{e000}mark\u{e000}";

/// The texts that are put somewhere.
const TEXTS: [&str; 21] = [
    "",
    " ",
    "a",
    "\u{0}",
    "é",
    "a\u{301}",
    "🎬",
    "\u{feff}",
    "\u{200b}",
    "▁",
    "Ġ",
    "[",
    "(a+)+$",
    "\\",
    "../../x",
    "/dev/null",
    "NaN",
    "-1",
    "null",
    "model",
    "<s>",
];

/// The numbers that are put somewhere.
const NUMBERS: [f64; 12] = [0.0, -0.0, 0.5, -1.0, 1.0, 1e-320, 1e-45, 3.5e38, 1e30, 1e308, -1e308, 1.000_000_1];

/// Changes one thing; nothing where the bytes are no JSON.
pub fn mutate(random: &mut Random, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let other = somewhere(random, &mut value).clone();
    let place = somewhere(random, &mut value);
    let mut raw = None;
    match random.below(10) {
        0 => *place = other,
        1 => delete(random, place),
        2 => rename(random, place),
        3 => raw = twice(random, place, other),
        4 if random.one_in(4) => {
            let depth = random.pick(&[1, 10, 127, 128, 129, 1000, 100_000]);
            let (open, close) = random.pick(&[("[", "]"), ("{\"a\":", "}")]);
            let close = if random.one_in(2) { close.repeat(depth) } else { String::new() };
            raw = Some((json!(MARK).to_string(), open.repeat(depth) + "1" + &close));
            *place = json!(MARK);
        }
        5 if random.one_in(4) => {
            let odd =
                random.pick(&["NaN", "Infinity", "-", "1e999", "01", "1.", "'a'", "\"\\ud800\"", "\"\t\"", "nul", ""]);
            raw = Some((json!(MARK).to_string(), odd.to_owned()));
            *place = json!(MARK);
        }
        6 => more(random, place, other),
        _ => *place = near(random, place),
    }
    let mut text = value.to_string();
    if let Some((mark, instead)) = raw {
        text = text.replacen(&mark, &instead, 1);
    }
    Some(text.into_bytes())
}

/// A value of the document. Large lists are no likelier than small ones.
fn somewhere<'a>(random: &mut Random, value: &'a mut Value) -> &'a mut Value {
    let count = match &*value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    if count == 0 || random.one_in(6) {
        return value;
    }
    let index = random.below(count);
    let inner = match value {
        Value::Array(items) => items.get_mut(index),
        Value::Object(members) => members.values_mut().nth(index),
        _ => None,
    };
    // There are as many as were counted.
    somewhere(random, inner.unwrap())
}

/// Another value of the same type, mostly.
fn near(random: &mut Random, value: &Value) -> Value {
    if random.one_in(5) {
        return random.pick(&[
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(""),
            json!([]),
            json!({}),
            json!([null]),
            json!({"a": 1}),
            json!(u64::MAX),
            json!(i64::MIN),
            json!("a"),
        ]);
    }
    match value {
        Value::Null => json!(random.odd_integer(0)),
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => number_near(random, number),
        Value::String(text) => json!(text_near(random, text)),
        Value::Array(items) => {
            let mut items = items.clone();
            match random.below(3) {
                0 => items.reverse(),
                1 => items.truncate(items.len() / 2),
                _ => items.extend(items.clone()),
            }
            json!(items)
        }
        Value::Object(members) => {
            let count = random.below(members.len() + 1);
            json!(members.iter().take(count).map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
        }
    }
}

fn number_near(random: &mut Random, number: &Number) -> Value {
    match number.as_i64() {
        Some(whole) if !random.one_in(4) => {
            let new = random.odd_integer(whole as u64);
            if random.one_in(2) { json!(new as i64) } else { json!(new) }
        }
        _ if random.one_in(2) => json!(random.pick(&NUMBERS)),
        _ => {
            let number = number.as_f64().unwrap_or_default();
            json!(random.pick(&[-number, number * 1e6, number / 1e6, number + 0.5, number.powi(9)]))
        }
    }
}

fn text_near(random: &mut Random, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let place = random.below(characters.len() + 1);
    let (before, after): (String, String) =
        (characters[..place].iter().collect(), characters[place..].iter().collect());
    match random.below(7) {
        0 => before,
        1 => after,
        2 => format!("{before}{}{after}", random.pick(&TEXTS)),
        3 => text.repeat(random.pick(&[2, 2, 9, 300])),
        4 => random.pick(&TEXTS).repeat(random.pick(&[2, 30, 30, 1000, 20_000])),
        5 => text.to_uppercase(),
        _ => random.pick(&TEXTS).to_owned(),
    }
}

fn delete(random: &mut Random, value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() => drop(items.remove(random.below(items.len()))),
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(random.below(members.len())).cloned();
            key.and_then(|key| members.shift_remove(&key));
        }
        _ => *value = Value::Null,
    }
}

fn rename(random: &mut Random, value: &mut Value) {
    if let Value::Object(members) = value
        && !members.is_empty()
    {
        let chosen = random.below(members.len());
        let members = std::mem::take(members).into_iter().enumerate().map(|(index, (key, member))| {
            if index == chosen { (text_near(random, &key), member) } else { (key, member) }
        });
        *value = Value::Object(members.collect());
    } else {
        *value = near(random, value);
    }
}

/// Gives an object one key twice, which a value cannot hold: what is to be replaced in the text.
fn twice(random: &mut Random, value: &mut Value, other: Value) -> Option<(String, String)> {
    let Value::Object(members) = value else { return None };
    let key = members.keys().nth(random.below(members.len()))?.clone();
    members.insert(MARK.to_owned(), other);
    Some((json!(MARK).to_string(), json!(key).to_string()))
}

fn more(random: &mut Random, value: &mut Value, other: Value) {
    match value {
        Value::Array(items) => items.insert(random.below(items.len() + 1), other),
        Value::Object(members) => drop(members.insert(random.pick(&TEXTS).to_owned(), other)),
        Value::String(text) => *text = text_near(random, text),
        _ => *value = json!([value, other]),
    }
}
