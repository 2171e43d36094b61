//! What all subcommands take, and what those take that open a model or read a file of an earlier step.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use eidos::{Activations, DeviceChoice, Error, ErrorCode, Explainer, HubOptions, LoadOptions, Precision, SplitModel};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::session::Session;
use crate::shown::shown;

/// Where `collect` writes and `fit` reads, unless somebody says otherwise.
const ACTIVATIONS: &str = "activations";
/// Where `fit` writes the concepts.
const EXPLAINER: &str = "explainer.safetensors";
/// Where `label` and `top --save` write what the concepts mean.
pub const MEANING: &str = "meaning.json";

/// The command without its subcommands.
pub fn whole() -> Command {
    let styles = Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .usage(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default());
    Command::new("eidos")
        .bin_name("eidos")
        .version(env!("CARGO_PKG_VERSION"))
        .about("What is a language model thinking about? Activations, concepts and their meaning, in words")
        .after_help(
            "From texts to concepts in words, in one folder:\n  \
             eidos collect MODEL --split MODULE reviews.txt    texts to activations/\n  \
             eidos fit --concepts 20                           activations/ to explainer.safetensors\n  \
             eidos top --save                                  the words of each concept, and meaning.json\n  \
             eidos explain \"A quiet film about war.\"           what fires on a new text\n  \
             eidos report                                      all of it on one page, report.html\n\n\
             Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted by Ctrl-C.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .max_term_width(100)
        .styles(styles)
        .args(everywhere().map(|argument| argument.global(true).help_heading("Output")))
}

/// What every subcommand takes.
fn everywhere() -> [Arg; 4] {
    [
        flag("json", "Write JSON for programs: results to standard output, an error to standard error"),
        choice("color", ["auto", "always", "never"], "When to use colours; auto follows NO_COLOR and the terminal")
            .value_name("WHEN")
            .default_value("auto"),
        flag("quiet", "Show neither progress nor warnings").short('q'),
        Arg::new("verbose")
            .short('v')
            .long("verbose")
            .action(ArgAction::Count)
            .help("Show what is done; twice: every step"),
    ]
}

/// A switch: `--json`.
pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// An option with a text.
pub fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// An option with one of some names.
pub fn choice<const N: usize>(name: &'static str, names: [&'static str; N], help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("NAME").value_parser(PossibleValuesParser::new(names)).help(help)
}

/// An option with a count.
pub fn count(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(value_parser!(usize)).help(help)
}

/// An option with a number.
pub fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("X").value_parser(value_parser!(f64)).allow_negative_numbers(true).help(help)
}

/// An option with a path.
pub fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::AnyPath)
        .help(help)
}

/// `--activations FOLDER`.
pub fn activations() -> Arg {
    path("activations", "FOLDER", "The activations, as `eidos collect` wrote them").default_value(ACTIVATIONS)
}

/// `--explainer FILE`.
pub fn explainer() -> Arg {
    path("explainer", "FILE", "The concepts, as `eidos fit` wrote them").default_value(EXPLAINER)
}

/// `--meaning FILE`.
pub fn meaning() -> Arg {
    path(
        "meaning",
        "FILE",
        "What concepts are called, as `eidos label` or `eidos top --save` wrote it [default: what the file of the concepts says, or \
         else meaning.json, if it is there]",
    )
}

/// `--out FOLDER` of `collect`.
pub fn activations_out() -> Arg {
    path("out", "FOLDER", "Where the activations go; an interrupted run goes on from there")
        .short('o')
        .default_value(ACTIVATIONS)
}

/// `--out FILE` of `fit`.
pub fn explainer_out() -> Arg {
    path("out", "FILE", "Where the concepts go; what is there is replaced").short('o').default_value(EXPLAINER)
}

/// `--threads N` and `--device DEVICE`.
pub fn placement() -> [Arg; 2] {
    [
        count("threads", "How many threads work; 0 is one per core. Results do not depend on it").default_value("0"),
        Arg::new("device")
            .long("device")
            .value_name("DEVICE")
            .value_parser(device_named)
            .default_value("cpu")
            .help("Where to compute: cpu, cuda:0, or auto for a GPU where one works"),
    ]
}

/// How a model is opened.
pub fn loading() -> [Arg; 3] {
    [
        choice("precision", ["f32", "tf32", "bf16", "f16", "int8"], "The type of number that the model computes in")
            .default_value("f32"),
        text("revision", "NAME", "A branch, tag or commit of a model on the Hub"),
        flag("offline", "Use only what the cache has of a model on the Hub"),
    ]
}

/// `--concept N`, several times.
pub fn some_concepts() -> Arg {
    count("concept", "One of the concepts, in the order wanted; may be given several times [default: all]")
        .action(ArgAction::Append)
}

/// The concepts that `--concept` names; `None` for all.
pub fn concepts(given: &ArgMatches) -> Option<Vec<usize>> {
    given.get_many::<usize>("concept").map(|concepts| concepts.copied().collect())
}

/// The value of a text that has a default or is required.
pub fn value<'a>(given: &'a ArgMatches, name: &str) -> &'a str {
    given.get_one::<String>(name).map_or("", String::as_str)
}

/// The value of a count that has a default or is required.
pub fn counted(given: &ArgMatches, name: &str) -> usize {
    given.get_one::<usize>(name).copied().unwrap_or_default()
}

/// The value of a path that has a default or is required.
pub fn path_of<'a>(given: &'a ArgMatches, name: &str) -> &'a Path {
    given.get_one::<PathBuf>(name).map_or(Path::new(""), PathBuf::as_path)
}

/// The value of an option whose names are those of the library's own files: `all_tokens`.
pub fn named<T: DeserializeOwned + Default>(given: &ArgMatches, name: &str) -> T {
    serde_json::from_value(serde_json::Value::from(value(given, name))).unwrap_or_default()
}

/// The device that `--device` names.
pub fn device(given: &ArgMatches) -> DeviceChoice {
    given.get_one::<DeviceChoice>("device").copied().unwrap_or_default()
}

fn device_named(name: &str) -> Result<DeviceChoice, String> {
    let gpu = || name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
    match name {
        "cpu" => Ok(DeviceChoice::Cpu),
        "auto" => Ok(DeviceChoice::Auto),
        "cuda" => Ok(DeviceChoice::Cuda(0)),
        _ => gpu().map(DeviceChoice::Cuda).ok_or_else(|| "it is one of cpu, auto, cuda:0, cuda:1 and so on".to_owned()),
    }
}

/// How the arguments say that a model is opened. Those that a subcommand does not take have their defaults.
pub fn load_options(given: &ArgMatches) -> LoadOptions {
    let has = |name: &str| given.try_contains_id(name).unwrap_or(false);
    let precision = if has("precision") { value(given, "precision") } else { "f32" };
    let precision = match precision {
        "tf32" => Precision::Tf32,
        "bf16" => Precision::Bf16,
        "f16" => Precision::F16,
        "int8" => Precision::Int8,
        _ => Precision::F32,
    };
    let hub = HubOptions {
        revision: given.try_get_one::<String>("revision").ok().flatten().cloned(),
        // Not asked for is not forbidden: then HF_HUB_OFFLINE decides.
        offline: (has("offline") && given.get_flag("offline")).then_some(true),
        ..HubOptions::default()
    };
    LoadOptions {
        precision,
        device: if has("device") { device(given) } else { DeviceChoice::Cpu },
        hub,
        ..LoadOptions::default()
    }
}

/// Opens the activations that `--activations` names, or those of the usual folder.
pub fn opened_activations(given: &ArgMatches) -> eidos::Result<Activations> {
    Activations::open(path_of(given, "activations"))
        .map_err(|error| before(error, "run `eidos collect` first, or name the folder with `--activations`"))
}

/// An error about something that is not there, with the step that makes it.
pub fn before(error: Error, step: &str) -> Error {
    if error.code() == ErrorCode::NotFound { error.hint(step) } else { error }
}

/// Opens the concepts that `--explainer` names, or those of the usual file.
pub fn opened_explainer(given: &ArgMatches) -> eidos::Result<Explainer> {
    Explainer::open(path_of(given, "explainer")).map_err(|error| before(error, FIT_FIRST))
}

/// What to do where there are no concepts.
pub const FIT_FIRST: &str = "run `eidos fit` first, or name the file with `--explainer`";

/// Opens the model that `--model` names, or else the one that rows or concepts were made with, at that split point.
pub fn model_of(given: &ArgMatches, provenance: &eidos::Provenance, session: &Session) -> Result<SplitModel, Failure> {
    let named = given.get_one::<String>("model").or(provenance.model.as_ref());
    let (Some(id), Some(split)) = (named, &provenance.split_point) else {
        return Err(Error::argument("the concepts are of rows that no model of Eidos made")
            .hint("collect activations with `eidos collect` and fit concepts to them")
            .into());
    };
    if given.get_one::<String>("model").is_none() && id.starts_with("./") && !Path::new(id).exists() {
        return Err(Error::new(
            ErrorCode::NotFound,
            format!("the concepts are of the model `{}`, and it is not in this folder", shown(id)),
        )
        .hint("say where it is with `--model`: of the path that a model was opened by, files keep the last part alone")
        .into());
    }
    Ok(SplitModel::load(id, &[split], &load_options(given), &session.control)?)
}

/// `--model MODEL`, for subcommands that know the model of the concepts.
pub fn other_model() -> Arg {
    text("model", "MODEL", "The model, where it is no longer where the concepts say [default: theirs]")
}

/// Whether an argument stands for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}
