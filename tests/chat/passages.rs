//! Examples are pieces of the texts as they were written.

use eidos::chat::ChatRequest;
use eidos::{
    Activations, Chat, ChatOptions, CollectOptions, Control, Explainer, Granularity, Ica, IcaOptions, LlmLabels,
    LoadOptions, SplitModel,
};

use crate::chat::common::{Own, examples};

fn model() -> SplitModel {
    SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), &Control::new()).unwrap()
}

fn texts() -> Vec<String> {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt")).unwrap();
    let mut texts: Vec<String> = file.lines().take(150).map(str::to_owned).collect();
    texts.push("Two lines:\nthe second\tline, naïvely — “quoted” .".to_owned());
    texts.push(String::new());
    let films = ["comedy", "drama", "western", "thriller", "musical"];
    texts.extend(films.iter().map(|film| format!("It is a {film}. The cast is good! Would I see this {film} again?")));
    texts
}

fn fitted(activations: &Activations) -> Explainer {
    Explainer::fit::<Ica>(activations, &IcaOptions::new(3), &Control::new()).unwrap()
}

/// The examples that a model sees of all concepts.
fn shown(activations: &Activations, wanted: &LlmLabels) -> Vec<String> {
    let own = Own::new(|_: &ChatRequest| Ok("{\"label\": \"a\"}".to_owned()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    wanted.interpret(&fitted(activations), activations, &chat, &Control::new()).unwrap();
    let questions = own.questions.lock().unwrap();
    questions.iter().flat_map(|question| examples(&question.user)).map(|(_, text)| text).collect()
}

/// An example without what else is said about it, and the part between the marks.
fn parts(example: &str) -> (String, Option<&str>) {
    let text = example.split(" | also: ").next().unwrap();
    let marked = text.split_once("<<").map(|(_, rest)| rest.split_once(">>").unwrap().0);
    (text.replacen("<<", "", 1).replacen(">>", "", 1), marked)
}

fn collect(granularity: Granularity) -> Activations {
    let options = CollectOptions { granularity, ..CollectOptions::default() };
    model().activations(&texts(), &options, &Control::new()).unwrap().remove(0)
}

#[test]
fn windows_are_cut_from_the_texts_and_mark_the_unit() {
    let one_line = |text: &String| text.replace('\n', "\\n").replace('\t', "\\t");
    let texts: Vec<String> = texts().iter().map(one_line).collect();
    for granularity in [Granularity::Token, Granularity::Word, Granularity::Sentence] {
        let activations = collect(granularity);
        for context in [0, 1, 4] {
            let wanted = LlmLabels { context, examples: 40, ..LlmLabels::default() };
            let shown = shown(&activations, &wanted);
            assert!(shown.len() > 60, "{granularity:?} {context}: {}", shown.len());
            let mut marked_some = false;
            for example in &shown {
                let (text, marked) = parts(example);
                if example == "\" \"" {
                    continue; // a unit that is a space
                }
                assert!(texts.iter().any(|whole| whole.contains(&text)), "{granularity:?} {context}: {example}");
                assert!(!text.starts_with(' ') && !text.ends_with(' '), "{example:?}");
                marked_some |= marked.is_some();
                if let Some(marked) = marked {
                    assert!(!marked.is_empty() && (marked.trim() == marked || marked == " "), "{example}");
                    assert!(context > 0);
                }
                if context == 0 && granularity == Granularity::Word {
                    assert!(!text.contains(' '), "{example}");
                }
            }
            assert_eq!(marked_some, context > 0, "{granularity:?} {context}");
        }
    }
}

#[test]
fn a_window_has_as_many_words_on_each_side_as_there_are() {
    let activations = collect(Granularity::Word);
    let own = Own::new(|_: &ChatRequest| Ok("{\"label\": \"a\"}".to_owned()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { context: 2, examples: 40, concepts: Some(vec![1]), ..LlmLabels::default() };
    let meaning = wanted.interpret(&fitted(&activations), &activations, &chat, &Control::new()).unwrap();
    let questions = own.questions.lock().unwrap();
    let shown = examples(&questions[0].user);
    let mut lines = shown.iter();
    let mut line = lines.next();
    for input in &meaning.concepts()[0].positive {
        let Some((_, example)) = line else { break };
        let (text, marked) = parts(example);
        let span = activations.unit_span(input.row).unwrap();
        let whole = activations.texts().get(span.text_index);
        let unit = whole[span.begin..span.end].trim();
        if marked.unwrap_or(&text) != unit {
            continue; // an example that looked like an earlier one
        }
        let neighbour = |offset: isize| {
            let span_of = activations.unit_span(input.row.checked_add_signed(offset)?)?;
            (span_of.text_index == span.text_index).then_some(span_of)
        };
        let begin = neighbour(-2).or_else(|| neighbour(-1)).unwrap_or(span).begin;
        let end = neighbour(2).or_else(|| neighbour(1)).unwrap_or(span).end;
        assert_eq!(text, whole[begin..end].trim());
        line = lines.next();
    }
    assert!(line.is_none(), "each line is one of the inputs, in order: {line:?}");
}

#[test]
fn what_else_excites_the_concept_in_a_window_is_listed() {
    let shown = shown(&collect(Granularity::Word), &LlmLabels { context: 10, ..LlmLabels::default() });
    let mut listed = 0;
    for example in &shown {
        let Some((text, others)) = example.split_once(" | also: ") else { continue };
        for other in others.split("), ") {
            let (unit, strength) = other.rsplit_once(" (").unwrap();
            assert!(text.contains(unit.trim_matches('"')), "{example}");
            assert!((1..=10).contains(&strength.trim_end_matches(')').parse::<u8>().unwrap()), "{example}");
            listed += 1;
        }
    }
    assert!(listed > 20, "{listed}");
}

#[test]
fn whole_texts_and_vocabularies_stand_alone() {
    let samples = shown(&collect(Granularity::Sample), &LlmLabels::default());
    assert!(samples.iter().all(|sample| parts(sample).1.is_none() && sample.len() > 10));
    let model = model();
    let inputs = model.vocabulary_inputs().unwrap();
    let mut vocabulary = model.activations(&inputs, &CollectOptions::default(), &Control::new()).unwrap();
    let entries = shown(&vocabulary.remove(0), &LlmLabels::default());
    assert!(entries.len() >= 80 && entries.iter().all(|entry| !entry.contains("<<")), "{entries:?}");
}

#[test]
fn one_long_text_cannot_fill_a_prompt() {
    let long = ["word ".repeat(4000), "other words here".to_owned(), "é".repeat(5000)];
    let options = CollectOptions { granularity: Granularity::Sample, ..CollectOptions::default() };
    let activations = model().activations(&long, &options, &Control::new()).unwrap().remove(0);
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(1), &Control::new()).unwrap();
    let own = Own::new(|_: &ChatRequest| Ok("{\"label\": \"a\"}".to_owned()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { negative_pole: true, ..LlmLabels::default() };
    wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    for question in own.questions.lock().unwrap().iter() {
        assert!(question.user.len() < 2500, "{}", question.user.len());
        assert!(!question.user.contains("word word") || question.user.contains('…'));
    }
}
