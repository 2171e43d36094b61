//! Concepts with names, written by a language model: `labels [CHAT_MODEL [MODEL [SPLIT [TEXTS [CONCEPTS]]]]]`.
//!
//! CHAT_MODEL is a model behind an OpenAI-compatible server: `OPENAI_BASE_URL` says where (by default OpenAI itself) and
//! `OPENAI_API_KEY` who pays. Answers are kept in the folder `labels-cache`. Without CHAT_MODEL, or with `-`, nothing is
//! asked: the first prompt and an estimate of the cost are printed. TEXTS is a file with one text a line or JSON lines.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use eidos::chat::Usage;
use eidos::{
    Chat, ChatOptions, CollectOptions, Control, Explainer, Ica, IcaOptions, LlmLabels, LoadOptions, Scoring,
    SplitModel, TextReaderOptions, read_texts,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let (chat_model, id, split) = (argument(0, "-"), argument(1, "eidos:demo"), argument(2, "model.layers.2.mlp"));
    let path = argument(3, concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt"));
    let control = Control::new();
    let texts = read_texts(path, &TextReaderOptions::default(), &control)?;

    let model = SplitModel::load(&id, &[&split], &LoadOptions::default(), &control)?;
    let activations = &model.activations(&texts, &CollectOptions::default(), &control)?[0];
    let explainer = Explainer::fit::<Ica>(activations, &IcaOptions::new(argument(4, "20").parse()?), &control)?;

    let options = ChatOptions { model: chat_model, ..ChatOptions::default() };
    let labels = LlmLabels { scoring: Some(Scoring::default()), ..LlmLabels::default() };
    if options.model == "-" {
        let plan = labels.dry_run(&explainer, activations, &Chat::open(options)?, &control)?;
        let first = plan.concepts().first().and_then(|concept| concept.positive_label.as_ref());
        print!("{}", first.and_then(|label| label.prompt.as_deref()).unwrap_or_default());
        println!("About {}", cost(&plan.labelling().map_or_else(Default::default, |labelling| labelling.usage)));
        return Ok(());
    }
    let chat = Chat::open(ChatOptions { cache_folder: Some("labels-cache".into()), ..options })?;
    let meaning = labels.interpret(&explainer, activations, &chat, &control)?;
    for concept in meaning.concepts() {
        let Some(label) = &concept.positive_label else { continue };
        let score = label.score.map_or_else(String::new, |score| format!("{:.2}", score.balanced_accuracy));
        let problem = label.error.as_ref().map_or("", |error| &error.message);
        println!("{:>4} {score:>4} {} {problem}", concept.concept, label.text.as_deref().unwrap_or("-"));
    }
    println!("{}", cost(&chat.usage()));
    Ok(())
}

fn cost(usage: &Usage) -> String {
    let Usage { requests, cached, prompt_tokens, completion_tokens, .. } = usage;
    format!(
        "{requests} requests and {cached} answers from the cache: {prompt_tokens} tokens of questions, \
         {completion_tokens} of answers"
    )
}
