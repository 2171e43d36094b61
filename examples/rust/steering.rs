//! What a model says when a thought is put into it: `steering [TEXTS]`.
//!
//! Concepts are learned from TEXTS, one a line, at a module of the demo model. One of them is added there while the model reads a
//! sentence, and it expects other words at the masked place.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use eidos::{
    CollectOptions, Control, Explainer, Granularity, Ica, IcaOptions, Interventions, LoadOptions, LogitsOptions,
    SplitModel, TextReaderOptions, TopInputs, read_texts,
};

const SPLIT: &str = "model.layers.2.mlp";
const SENTENCE: &str = "This movie is so<|mask|>.";
/// The concept is the one that this word excites.
const WORD: &str = " funny";

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1);
    let path = path.as_deref().unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt"));
    let control = Control::new();
    let texts = read_texts(path, &TextReaderOptions::default(), &control)?;

    // 1. Concepts at a module of a model that is loaded as a whole, up to its head.
    let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    let model = SplitModel::load("eidos:demo", &[SPLIT], &whole, &control)?;
    let words = &model.activations(&texts, &CollectOptions::default(), &control)?[0];
    let explainer = Explainer::fit::<Ica>(words, &IcaOptions::new(20), &control)?;
    let meaning = TopInputs { k: 10, ..TopInputs::default() }.interpret(&explainer, words, &control)?;
    let found = meaning.concepts().iter().find(|found| found.positive.iter().any(|input| input.text == WORD));
    let found = found.ok_or_else(|| format!("no concept is about '{WORD}'"))?;
    print!("Concept {}:", found.concept);
    found.positive.iter().for_each(|input| print!(" '{}'", input.text));
    println!();

    // 2. The rows of a sentence, one for each token. As they are, the model says the same as ever.
    let every_token = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let sentence = model.inputs(&[SENTENCE], 0, &control)?;
    let rows = &model.activations(&sentence, &every_token, &control)?[0];
    let options = LogitsOptions::default();
    let before = model.logits_of(&sentence, &Interventions::new(), &options, &control)?;
    let again = model.logits_of(&sentence, &Interventions::new().replace(SPLIT, rows), &options, &control)?;
    let count = rows.row_count();
    let same = before.rows(0, count)? == again.rows(0, count)?;
    println!("{SENTENCE}\nfrom the rows as they are, the same logits: {}", if same { "yes" } else { "no" });

    // 3. A row of the dictionary is what one unit of a concept adds. Over the words that it was learned from, a concept has
    // variance 1, so that its unit is a standard deviation: add as many as the word that excites it most has.
    let (width, strength) = (explainer.input_width(), found.positive[0].activation);
    let direction = &explainer.dictionary()[found.concept * width..][..width];
    let steered = Interventions::new().add(SPLIT, direction, strength, None)?;
    let after = model.logits_of(&sentence, &steered, &options, &control)?;

    // 4. What the model expects at the masked place; Ġ is how the vocabulary writes a space.
    let place = (0..count).find(|&row| rows.unit(row) == Some("<|mask|>")).ok_or("nothing is masked")?;
    let (before, after) = (probabilities(before.rows(place, 1)?), probabilities(after.rows(place, 1)?));
    let names = model.logit_names()?;
    let show = |&token: &usize| {
        println!("  {:4.1} % -> {:4.1} %  {}", 100.0 * before[token], 100.0 * after[token], names[token]);
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| (after[b] - before[b]).total_cmp(&(after[a] - before[a])));
    println!("with {strength:.1} standard deviations of the concept in each row, more expected:");
    order.iter().take(5).for_each(show);
    println!("and less:");
    order.iter().rev().take(5).for_each(show);
    Ok(())
}

fn probabilities(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(largest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
