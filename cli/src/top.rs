//! `eidos top`: the units that excite each concept most.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use eidos::{CollectOptions, Explainer, Interpretation, TopInputs};

use crate::arguments::{
    FIT_FIRST, MEANING, activations, before, concepts, count, counted, device, explainer, flag, loading, model_of,
    opened_activations, opened_explainer, other_model, path_of, placement, some_concepts, text,
};
use crate::failure::Outcome;
use crate::session::Session;
use crate::shown::shown;

pub fn command() -> Command {
    Command::new("top")
        .about("Say in words what concepts mean: list the units that excite each of them most")
        .args([explainer(), activations()])
        .arg(flag("vocabulary", "Rank the entries of the tokenizer's vocabulary, not the units of the activations"))
        .arg(count("words", "How many units to list for each concept").short('k').default_value("10"))
        .arg(flag("negative", "List the units with the most negative activations, too"))
        .arg(some_concepts())
        .args([
            text("stop-unit", "TEXT", "A unit that is not listed; may be given several times")
                .action(ArgAction::Append),
            flag("stop-punctuation", "Leave out units that are nothing but punctuation"),
            flag("fold-case", "Take units for the same that differ in their case, or in white space around them"),
            count("least-occurrences", "How often a unit must occur to be listed").default_value("1"),
            count("context", "How many units on each side the passage of a unit has, in the JSON").default_value("0"),
        ])
        .arg(
            Arg::new("save")
                .long("save")
                .value_name("FILE")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(MEANING)
                .value_parser(value_parser!(PathBuf))
                .help(format!(
                    "Write it to a file for `eidos explain`; without a name to {MEANING}. A name that ends in .safetensors \
                     takes the concepts as well, perhaps that of the concepts: one file"
                )),
        )
        .args(placement())
        .next_help_heading("With --vocabulary")
        .arg(other_model())
        .args(loading())
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let explainer = opened_explainer(given)?;
    let options = TopInputs {
        k: counted(given, "words"),
        concepts: concepts(given),
        negative_pole: given.get_flag("negative"),
        stop_units: given.get_many::<String>("stop-unit").into_iter().flatten().cloned().collect(),
        stop_punctuation: given.get_flag("stop-punctuation"),
        fold_case: given.get_flag("fold-case"),
        least_occurrences: counted(given, "least-occurrences"),
        context: counted(given, "context"),
        threads: counted(given, "threads"),
        device: device(given),
    };
    let meaning = if given.get_flag("vocabulary") {
        let model = model_of(given, explainer.provenance(), session)?;
        let collect = CollectOptions { threads: options.threads, ..CollectOptions::like(explainer.provenance()) };
        // An entry of a vocabulary is one token, and has no row of its own kind.
        let collect = CollectOptions { skip_first_position: false, ..collect };
        let inputs = model.vocabulary_inputs()?;
        options.interpret_inputs(&explainer, &model, &inputs, &collect, &session.control)?
    } else {
        let activations = opened_activations(given)?;
        options.interpret(&explainer, &activations, &session.control)?
    };
    if let Some(file) = given.get_one::<PathBuf>("save") {
        keep(&explainer, &meaning, file)?;
    }
    told(&meaning, session)
}

/// Writes the words of each concept.
pub fn told(meaning: &Interpretation, session: &mut Session) -> Outcome {
    session.progress.clear();
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.line(meaning.to_json()?)?);
    }
    for concept in meaning.concepts() {
        out.line(shown(&concept.to_string()))?;
    }
    Ok(())
}

/// Writes what concepts mean to a file: alone as JSON, or with the concepts in one file, which its name says.
pub fn keep(explainer: &Explainer, meaning: &Interpretation, file: &Path) -> eidos::Result<()> {
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
        return explainer.save_with(Some(meaning), file);
    }
    meaning.save(file)
}

/// The concepts, and what they are called: in the file that `--meaning` names; or else in theirs; or else in the usual one, where there
/// is one.
pub fn opened(given: &ArgMatches) -> eidos::Result<(Explainer, Option<Interpretation>)> {
    let (explainer, own) =
        Explainer::open_with(path_of(given, "explainer")).map_err(|error| before(error, FIT_FIRST))?;
    let meaning = match given.get_one::<PathBuf>("meaning") {
        Some(file) => Some(Interpretation::open(file)?),
        None if own.is_none() && Path::new(MEANING).is_file() => Some(Interpretation::open(Path::new(MEANING))?),
        None => own,
    };
    Ok((explainer, meaning))
}
