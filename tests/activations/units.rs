//! Rows stand for the right units: the peer's, on the texts that are hard to cut.

use eidos::{CollectOptions, Granularity};
use serde_json::Value;

use crate::common::{bits, collect, golden_json, row_bits, tiny};

/// What the fixtures say of a unit: its string where they have one, its positions, its first and its last byte.
struct Unit {
    string: Option<String>,
    positions: Vec<u32>,
    span: Option<(usize, usize)>,
}

fn units(text: &Value, granularity: Granularity) -> Vec<Unit> {
    let numbers = |list: &Value| -> Vec<u32> {
        list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as u32).collect()
    };
    let alone = |position: u32| Unit {
        string: text["tokens"][position as usize].as_str().map(str::to_owned),
        positions: vec![position],
        span: None,
    };
    let listed = |unit: &Value| Unit {
        string: unit[0].as_str().map(str::to_owned),
        positions: numbers(&unit[1]),
        span: Some((unit[4].as_u64().unwrap() as usize, unit[5].as_u64().unwrap() as usize)),
    };
    match granularity {
        Granularity::AllTokens => (0..text["ids"].as_array().unwrap().len() as u32).map(alone).collect(),
        Granularity::Token => numbers(&text["token"]).into_iter().map(alone).collect(),
        Granularity::Sample => {
            let positions = numbers(&text["token"]);
            let string = text["text"].as_str().map(str::to_owned);
            let one = Unit { string, positions, span: None };
            if one.positions.is_empty() { Vec::new() } else { vec![one] }
        }
        Granularity::Sentence => text["sentence"].as_array().unwrap().iter().map(listed).collect(),
        _ => text["word"].as_array().unwrap().iter().map(listed).collect(),
    }
}

/// The peer does not see the line break inside a token such as ".\n\n"; Eidos ends the sentence there.
fn peer_is_right(text: &str, granularity: Granularity) -> bool {
    granularity != Granularity::Sentence || ![".\n", ".\r", "!\r"].iter().any(|mark| text.contains(mark))
}

/// Whether the peer's string of a unit has got all of it: decoding leaves out special and unknown tokens, and cannot show a part
/// of a character. Eidos then takes what is written in the text.
fn is_all_said(text: &Value, granularity: Granularity, unit: &Unit) -> bool {
    let token = |position: u32| text["tokens"][position as usize].as_str().unwrap();
    let is_unspoken = |token: &str| token.starts_with("<|") || ["[UNK]", "[MASK]", "[CLS]", "[SEP]"].contains(&token);
    !matches!(granularity, Granularity::Word | Granularity::Sentence)
        || (unit.positions.windows(2).all(|pair| pair[0] + 1 == pair[1])
            && !unit.positions.iter().any(|&position| is_unspoken(token(position)))
            && !unit.string.as_deref().unwrap_or_default().contains('\u{fffd}'))
}

#[test]
fn every_row_is_the_mean_of_its_units_tokens_and_carries_its_string_and_span() {
    for (family, path) in [("eurobert", "layers.1.mlp"), ("bert", "encoder.layer.1.output")] {
        let model = tiny(family, "base", &[path]);
        let fixture = golden_json(&format!("text/tiny_{family}.json"));
        for granularity in
            [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::Sample, Granularity::AllTokens]
        {
            let fixtures: Vec<&Value> = fixture["texts"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|text| peer_is_right(text["text"].as_str().unwrap(), granularity))
                .collect();
            let texts: Vec<&str> = fixtures.iter().map(|text| text["text"].as_str().unwrap()).collect();
            let options = CollectOptions { granularity, ..CollectOptions::default() };
            let found = &collect(&model, &texts, &options).unwrap()[0];
            assert_eq!(found.texts().iter().collect::<Vec<_>>(), texts);
            let truncated = fixtures.iter().filter(|text| text["truncated"].as_bool() == Some(true)).count();
            assert_eq!(found.truncated_count(), truncated);
            let mut row = 0;
            for (index, text) in fixtures.iter().enumerate() {
                let ids: Vec<u32> =
                    text["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
                let tokens = model.forward(&[&ids]).unwrap()[0].to_vec2::<f32>().unwrap();
                for unit in units(text, granularity) {
                    let place = format!("{family} {granularity:?} row {row} of {:?}", texts[index]);
                    let span = found.unit_span(row).unwrap();
                    let name = found.unit(row).unwrap();
                    if is_all_said(text, granularity, &unit) {
                        assert_eq!(Some(name), unit.string.as_deref(), "{place}");
                    } else {
                        assert_eq!(name.trim(), texts[index][span.begin..span.end].trim(), "{place}");
                    }
                    assert_eq!(span.text_index, index, "{place}");
                    assert!(texts[index].get(span.begin..span.end).is_some(), "{place}");
                    if let Some(expected) = unit.span {
                        assert_eq!((span.begin, span.end), expected, "{place}");
                    }
                    let values = found.rows(row, 1).unwrap();
                    for (column, value) in values.iter().enumerate() {
                        let of = |position: &u32| f64::from(tokens[*position as usize][column]);
                        let mean = unit.positions.iter().map(of).sum::<f64>() / unit.positions.len() as f64;
                        // Sums of at most 64 values of about 1, in f32.
                        assert!((f64::from(*value) - mean).abs() <= 4e-6, "{place}, column {column}");
                    }
                    row += 1;
                }
            }
            assert_eq!(found.row_count(), row, "{family} {granularity:?}");
            assert_eq!((found.unit(row), found.unit_span(row)), (None, None));
            assert!(row > texts.len() / 2);
        }
    }
}

#[test]
fn strings_and_spans_of_words_are_those_that_a_reader_sees() {
    let model = tiny("eurobert", "base", &["layers.1.mlp"]);
    let texts = ["a warm film .", "naïve 🎬 電影"];
    let found = &collect(&model, &texts, &CollectOptions::default()).unwrap()[0];
    let seen: Vec<(&str, usize, &str)> = (0..found.row_count())
        .map(|row| {
            let span = found.unit_span(row).unwrap();
            (found.unit(row).unwrap(), span.text_index, &texts[span.text_index][span.begin..span.end])
        })
        .collect();
    let words: Vec<&str> = seen.iter().map(|(word, ..)| *word).collect();
    assert_eq!(words, ["a", " warm", " film", " .", "naïve", " 🎬", " 電影"]);
    for (word, text, span) in seen {
        assert_eq!(word.trim(), span.trim(), "in text {text}");
    }
}

#[test]
fn texts_without_words_have_no_rows_whatever_is_around_them() {
    let model = tiny("bert", "base", &["encoder.layer.2"]);
    let alone = bits(&collect(&model, &["a film"], &CollectOptions::default()).unwrap()[0]);
    let found = collect(&model, &["", "a film", " \t\n ", ""], &CollectOptions::default()).unwrap();
    assert_eq!(bits(&found[0]), alone);
    let spans: Vec<usize> = (0..2).map(|row| found[0].unit_span(row).unwrap().text_index).collect();
    assert_eq!((spans, found[0].texts().len()), (vec![1, 1], 4));
    for granularity in [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::Sample] {
        let options = CollectOptions { granularity, ..CollectOptions::default() };
        let none = &collect(&model, &["", "  "], &options).unwrap()[0];
        assert_eq!((none.row_count(), none.column_count(), none.texts().len()), (0, 32, 2));
        assert!(none.rows(0, 0).unwrap().is_empty());
        assert!(none.rows(0, 1).is_err());
    }
}

#[test]
fn a_long_text_loses_its_end_and_is_counted() {
    let model = tiny("bert", "base", &["encoder.layer.2"]);
    // 64 positions, two of them for the special tokens.
    let (fits, long, longer) = (["film"; 62].join(" "), ["film"; 63].join(" "), vec!["film"; 5000].join(" "));
    let of = |texts: &[&str]| collect(&model, texts, &CollectOptions::default()).unwrap().remove(0);
    let whole = of(&[&fits]);
    assert_eq!((whole.row_count(), whole.truncated_count()), (62, 0));
    let all = of(&[&long, "a film", &longer]);
    assert_eq!((all.row_count(), all.truncated_count()), (62 + 2 + 62, 2));
    assert_eq!(row_bits(&all, 0, 62), bits(&whole));
    assert_eq!(row_bits(&all, 64, 62), bits(&whole));
    assert_eq!(all.unit_span(125).unwrap().end, 62 * 5 - 1);
    assert_eq!(all.texts().get(2), longer);
}
