//! `eidos label`: a language model names the concepts.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use eidos::chat::Usage;
use eidos::{Budget, Chat, ChatOptions, ConceptInputs, Error, Interpretation, LlmLabels, Pole, Sampling, Scoring};

use crate::arguments::{
    MEANING, activations, choice, concepts, count, counted, explainer, flag, number, opened_activations,
    opened_explainer, path, path_of, some_concepts, text, value,
};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::shown::{counted as with_commas, shown};
use crate::top::keep;

pub fn command() -> Command {
    Command::new("label")
        .about("Let a language model name the concepts, and write names and examples to a file")
        .after_help(
            "The model stands behind any OpenAI-compatible server. OPENAI_API_KEY holds the key; no argument does,\n\
             since others see the arguments of a process.",
        )
        .args([explainer(), activations()])
        .arg(
            text("chat-model", "NAME", "The language model, as its server knows it, such as gpt-4.1-nano")
                .short('m')
                .required_unless_present("dry-run"),
        )
        .arg(text("base-url", "URL", "The server [default: OPENAI_BASE_URL, else https://api.openai.com/v1]"))
        .arg(some_concepts())
        .arg(flag("negative", "Name the negative end of each concept, too"))
        .arg(flag("score", "Have the model tell unseen texts apart by each label, and show how often it is right"))
        .arg(flag("dry-run", "Send nothing: show the first prompt, and estimate what all would cost"))
        .arg(
            path(
                "out",
                "FILE",
                "Where names and examples go; what is there is replaced. A name that ends in .safetensors takes the concepts as \
                 well, perhaps that of the concepts: one file",
            )
                .short('o')
                .default_value(MEANING),
        )
        .next_help_heading("What the model sees")
        .args([
            count("examples", "How many examples of each concept").default_value("30"),
            count("context", "How many units around each example").default_value("10"),
            choice("sampling", ["top", "random", "quantile"], "How examples are chosen").default_value("top"),
            count("seed", "The seed of the choice").value_parser(value_parser!(u32)).default_value("0"),
        ])
        .next_help_heading("Requests")
        .args([
            path("cache", "FOLDER", "Where answers are kept, so that none is paid for twice")
                .default_value("labels-cache"),
            flag("no-cache", "Keep no answers"),
            count("most-requests", "The most requests to send").value_parser(value_parser!(u64)),
            count("most-tokens", "The most tokens to spend, of prompts and answers").value_parser(value_parser!(u64)),
            count("answer-tokens", "The most tokens of one answer")
                .value_parser(value_parser!(u32))
                .default_value("1024"),
            count("parallel", "How many requests are sent at the same time").default_value("4"),
            count("retries", "How often a request is repeated after a failure that may pass")
                .value_parser(value_parser!(u32))
                .default_value("4"),
            number("timeout", "How many seconds a request may take").value_name("SECONDS").default_value("120"),
            Arg::new("temperature")
                .long("temperature")
                .value_name("X")
                .default_value("0")
                .allow_negative_numbers(true)
                .help("The sampling temperature; `server` leaves it to the server"),
        ])
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let explainer = opened_explainer(given)?;
    let activations = opened_activations(given)?;
    let labels = LlmLabels {
        concepts: concepts(given),
        negative_pole: given.get_flag("negative"),
        sampling: match value(given, "sampling") {
            "random" => Sampling::Random,
            "quantile" => Sampling::Quantile,
            _ => Sampling::Top,
        },
        examples: counted(given, "examples"),
        context: counted(given, "context"),
        seed: given.get_one::<u32>("seed").copied().unwrap_or_default(),
        scoring: given.get_flag("score").then(Scoring::default),
        ..LlmLabels::default()
    };
    let mut chat = chat_options(given)?;
    if given.get_flag("dry-run") {
        chat.cache_folder = chat.cache_folder.filter(|folder| folder.is_dir() && !chat.model.is_empty());
        if chat.model.is_empty() {
            "-".clone_into(&mut chat.model);
        }
        let plan = labels.dry_run(&explainer, &activations, &Chat::open(chat)?, &session.control)?;
        return planned(&plan, session);
    }
    session.resume_by("the same command goes on from the answers in its cache");
    let chat = Chat::open(chat)?;
    let meaning = labels.interpret(&explainer, &activations, &chat, &session.control)?;
    keep(&explainer, &meaning, path_of(given, "out"))?;
    told(&meaning, session)?;
    // What there was until Ctrl-C is shown and kept.
    if session.interrupts.came() { Err(Failure::Library(Error::cancelled())) } else { Ok(()) }
}

fn chat_options(given: &ArgMatches) -> Result<ChatOptions, Failure> {
    let temperature = match value(given, "temperature") {
        "server" => None,
        text => Some(text.parse().map_err(|_| {
            Error::argument(format!("the temperature `{}` is not a number", shown(text)))
                .hint("give a number such as 0 or 1, or `server`")
        })?),
    };
    let seconds = given.get_one::<f64>("timeout").copied().unwrap_or_default();
    let timeout = Duration::try_from_secs_f64(seconds).map_err(|_| {
        Error::argument(format!("a request cannot take {seconds} seconds")).hint("give a number such as 120")
    })?;
    let cache = (!given.get_flag("no-cache")).then(|| path_of(given, "cache").to_owned());
    Ok(ChatOptions {
        model: given.get_one::<String>("chat-model").cloned().unwrap_or_default(),
        base_url: given.get_one::<String>("base-url").cloned(),
        timeout,
        retries: given.get_one::<u32>("retries").copied().unwrap_or_default(),
        parallel: counted(given, "parallel"),
        max_tokens: given.get_one::<u32>("answer-tokens").copied().unwrap_or_default(),
        temperature,
        cache_folder: cache,
        budget: Budget {
            requests: given.get_one::<u64>("most-requests").copied(),
            tokens: given.get_one::<u64>("most-tokens").copied(),
        },
        ..ChatOptions::default()
    })
}

/// Shows the first prompt, and what all of them would cost.
fn planned(plan: &Interpretation, session: &mut Session) -> Outcome {
    session.progress.clear();
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.line(plan.to_json()?)?);
    }
    let prompts = plan.concepts().iter().filter_map(|concept| concept.positive_label.as_ref()?.prompt.as_deref());
    for line in prompts.take(1).flat_map(str::lines) {
        out.line(shown(line))?;
    }
    let usage = plan.labelling().map_or_else(Usage::default, |labelling| labelling.usage);
    out.line(format!("about {}", cost(&usage)))?;
    Ok(())
}

/// Shows the label of each concept, and what all of them have cost.
pub fn told(meaning: &Interpretation, session: &mut Session) -> Outcome {
    session.progress.clear();
    if session.output.is_json() {
        return Ok(session.output.line(meaning.to_json()?)?);
    }
    for concept in meaning.concepts() {
        for pole in [Pole::Positive, Pole::Negative] {
            if let Some(line) = labelled(concept, pole) {
                session.output.line(line)?;
            }
        }
    }
    if let Some(labelling) = meaning.labelling() {
        session.output.line(cost(&labelling.usage))?;
    }
    Ok(())
}

/// `   4 0.95 jokes and laughter`
fn labelled(concept: &ConceptInputs, pole: Pole) -> Option<String> {
    let label = concept.label(pole)?;
    let score = label.score.map_or_else(String::new, |score| format!("{:.2}", score.balanced_accuracy));
    let sign = if pole == Pole::Negative { "-" } else { "" };
    let text = label.text.as_deref().unwrap_or("(no label)");
    let problem = label.error.as_ref().map_or_else(String::new, |error| format!(" ({})", error.message));
    Some(shown(&format!("{:>5} {score:>4} {text}{problem}", format!("{sign}{}", concept.concept))).into_owned())
}

fn cost(usage: &Usage) -> String {
    format!(
        "{} requests and {} answers from the cache: {} tokens of questions, {} of answers",
        with_commas(usage.requests),
        with_commas(usage.cached),
        with_commas(usage.prompt_tokens),
        with_commas(usage.completion_tokens)
    )
}
