//! Rows are the aggregated rows of the tokens that transformers computed.

use eidos::rows::Rows;
use eidos::{Activations, Aggregation, CollectOptions, Granularity};

use crate::common::{GoldenText, collect, golden_rows, golden_texts, tiny};

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

const AGGREGATIONS: [Aggregation; 7] = [
    Aggregation::Mean,
    Aggregation::Sum,
    Aggregation::Max,
    Aggregation::Min,
    Aggregation::SignedMax,
    Aggregation::First,
    Aggregation::Last,
];

/// The modules of which every text is kept, and one of another width of which only the first text is.
const MODULES: [(&str, [&str; 3]); 2] = [
    ("eurobert", ["norm", "layers.1.mlp", "layers.0.mlp.gate_proj"]),
    ("bert", ["encoder.layer.2", "encoder.layer.1.output", "encoder.layer.0.intermediate.dense"]),
];

fn is_special(token: &str) -> bool {
    token.starts_with("<|") || ["[CLS]", "[SEP]"].contains(&token)
}

/// The positions of the units of a golden text. All of them are separated by single spaces, which makes words easy to
/// tell: one begins at a token with a space before it (EuroBERT), or that does not continue one (BERT).
fn units(family: &str, granularity: Granularity, text: &GoldenText) -> Vec<Vec<usize>> {
    let regular: Vec<usize> = (0..text.tokens.len()).filter(|&position| !is_special(&text.tokens[position])).collect();
    // A token for an unknown word is a word, but none of the tokens that count.
    let known: Vec<usize> = regular.iter().copied().filter(|&position| text.tokens[position] != "[UNK]").collect();
    let one = |positions: &[usize]| if positions.is_empty() { Vec::new() } else { vec![positions.to_vec()] };
    match granularity {
        Granularity::AllTokens => (0..text.tokens.len()).map(|position| vec![position]).collect(),
        Granularity::ClsToken => vec![vec![0]],
        Granularity::Token => known.into_iter().map(|position| vec![position]).collect(),
        // Each golden text is one sentence.
        Granularity::Sample | Granularity::Sentence => one(&known),
        _ => {
            let mut words: Vec<Vec<usize>> = Vec::new();
            for position in regular {
                let token = &text.tokens[position];
                let begins = if family == "bert" { !token.starts_with("##") } else { token.starts_with('Ġ') };
                match words.last_mut() {
                    Some(word) if !begins => word.push(position),
                    _ => words.push(vec![position]),
                }
            }
            words
        }
    }
}

/// One column of a unit, in f64.
fn aggregate(aggregation: Aggregation, values: &[f64]) -> f64 {
    let signed_max = |best: f64, next: f64| if next.abs() > best.abs() { next } else { best };
    match aggregation {
        Aggregation::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Aggregation::Sum => values.iter().sum(),
        Aggregation::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregation::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregation::SignedMax => values.iter().copied().fold(0.0, signed_max),
        Aggregation::First => values[0],
        _ => values[values.len() - 1],
    }
}

/// The largest difference over the largest value, of the rows of one text from `first` on.
fn difference(found: &Activations, first: usize, expected: &[Vec<f64>]) -> f32 {
    let mut scratch = Vec::new();
    let found = found.tile(first, expected.len(), &mut scratch).unwrap();
    let expected: Vec<f64> = expected.iter().flatten().copied().collect();
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let most = found.iter().zip(&expected).fold(0.0_f64, |most, (found, expected)| {
        assert!(found.is_finite());
        most.max((f64::from(*found) - expected).abs())
    });
    (most / largest) as f32
}

#[test]
fn rows_of_every_granularity_and_aggregation_are_those_of_transformers() {
    let granularities = [
        Granularity::Word,
        Granularity::Token,
        Granularity::Sentence,
        Granularity::Sample,
        Granularity::AllTokens,
        Granularity::ClsToken,
    ];
    for (family, modules) in MODULES {
        let model = tiny(family, "base", &modules);
        let (texts, expected) = (golden_texts(family), golden_rows(family, "base"));
        let strings: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
        let (mut compared, mut worst) = (0, 0.0_f32);
        for granularity in granularities {
            if family == "eurobert" && granularity == Granularity::ClsToken {
                continue;
            }
            for aggregation in AGGREGATIONS {
                let options = CollectOptions { granularity, aggregation, ..CollectOptions::default() };
                let results = collect(&model, &strings, &options).unwrap();
                for (result, module) in results.iter().zip(modules) {
                    assert_eq!(result.provenance().split_point.as_deref(), Some(module));
                    let mut first = 0;
                    for (index, text) in texts.iter().enumerate() {
                        let units = units(family, granularity, text);
                        let from = first;
                        first += units.len();
                        let Some(tokens) = expected.get(&format!("{index}/{module}")) else { continue };
                        let column = |unit: &[usize], column: usize| -> Vec<f64> {
                            unit.iter().map(|&position| f64::from(tokens[position][column])).collect()
                        };
                        let rows: Vec<Vec<f64>> = units
                            .iter()
                            .map(|unit| {
                                (0..tokens[0].len()).map(|c| aggregate(aggregation, &column(unit, c))).collect()
                            })
                            .collect();
                        if rows.is_empty() {
                            continue;
                        }
                        let difference = difference(result, from, &rows);
                        let place = format!("{family} {module} {granularity:?} {aggregation:?} text {index}");
                        assert!(difference <= BOUND, "{place}: {difference:e}");
                        compared += 1;
                        worst = worst.max(difference);
                    }
                    assert_eq!(result.row_count(), first, "{family} {module} {granularity:?}");
                }
            }
        }
        println!("{family}: {compared} compared, worst {worst:.1e}");
        // Six texts at two modules and one text at the third, the empty text only where special tokens count.
        let (every, some) = (13, 11);
        let full = if family == "bert" { 2 } else { 1 };
        assert_eq!(compared, AGGREGATIONS.len() * (full * every + 4 * some), "{family}");
    }
}

#[test]
fn granularities_of_one_token_do_not_depend_on_the_aggregation() {
    let model = tiny("bert", "base", &["encoder.layer.2"]);
    let text = ["a warm film ."];
    for granularity in [Granularity::Token, Granularity::AllTokens, Granularity::ClsToken] {
        let of = |aggregation| {
            let options = CollectOptions { granularity, aggregation, ..CollectOptions::default() };
            crate::common::bits(&collect(&model, &text, &options).unwrap()[0])
        };
        for aggregation in AGGREGATIONS {
            assert_eq!(of(aggregation), of(Aggregation::Mean), "{granularity:?} {aggregation:?}");
        }
    }
}

#[test]
fn a_split_point_gives_the_same_bits_alone_and_among_others() {
    let texts: Vec<String> = golden_texts("eurobert").into_iter().map(|text| text.text).collect();
    let paths = ["layers.2", "layers.0.self_attn.q_proj", "embed_tokens", "layers.2"];
    let together = collect(&tiny("eurobert", "base", &paths), &texts, &CollectOptions::default()).unwrap();
    assert_eq!(together.len(), paths.len());
    for (result, path) in together.iter().zip(paths) {
        let alone = collect(&tiny("eurobert", "base", &[path]), &texts, &CollectOptions::default()).unwrap();
        assert_eq!(crate::common::bits(result), crate::common::bits(&alone[0]), "{path}");
        assert_eq!(result.provenance().split_point.as_deref(), Some(path));
    }
}
