//! `eidos demo`: from texts to concepts in words in one go.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use eidos::{
    Chat, ChatOptions, CollectOptions, Explainer, Ica, IcaOptions, LlmLabels, Report, ReportOptions, Scoring,
    SplitModel, TextReader, TextReaderOptions, TopInputs,
};

use crate::arguments::{count, counted, device, load_options, loading, path, path_of, placement, text, value};
use crate::failure::Outcome;
use crate::label;
use crate::report;
use crate::session::Session;
use crate::shown::{plural, shown};
use crate::texts::{self, Texts};
use crate::top;

/// 319 sentences on films.
const TEXTS: &[u8] = include_bytes!("../../assets/demo-texts.txt");

pub fn command() -> Command {
    Command::new("demo")
        .about("Show what a small model inside Eidos thinks about 319 sentences on films, offline; or a model of yours")
        .arg(
            Arg::new("MODEL")
                .default_value("eidos:demo")
                .help("A folder, a GGUF file, or an id of the Hugging Face Hub"),
        )
        .arg(text("split", "MODULE", "Where the model is split").short('s').default_value("model.layers.2.mlp"))
        .arg(
            path("texts", "FILE", "Texts, one a line or JSON lines [default: the sentences inside Eidos]")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath),
        )
        .arg(count("concepts", "How many concepts to find").short('n').default_value("20"))
        .arg(text("label", "NAME", "Let this language model name the concepts, as `eidos label` does"))
        .arg(path("cache", "FOLDER", "Where its answers are kept").default_value("labels-cache"))
        .arg(path("report", "FILE", "Where the page goes that shows all of it").default_value("eidos-demo.html"))
        .args(texts::arguments())
        .args(placement())
        .args(loading())
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let texts: Vec<String> = match given.get_one::<PathBuf>("texts") {
        Some(file) => Texts::open([file.clone()], given, &session.control)?.collect::<eidos::Result<_>>()?,
        None => {
            TextReader::of("demo-texts.txt", TEXTS, &TextReaderOptions::default())?.collect::<eidos::Result<_>>()?
        }
    };
    let (id, split, threads) = (value(given, "MODEL"), value(given, "split"), counted(given, "threads"));

    // The modules of the model, to choose a split point from: no weights are read for that.
    let tree = SplitModel::load(id, &[], &load_options(given), &session.control)?;
    if !session.output.is_json() {
        for module in tree.modules().iter().filter(|module| module.can_split) {
            session.output.line(format!("{:<40} {}", shown(&module.path), shown(&module.kind)))?;
        }
        session.output.flush()?;
    }

    let model = SplitModel::load(id, &[split], &load_options(given), &session.control)?;
    let collect = CollectOptions { threads, ..CollectOptions::default() };
    let activations = &model.activations(&texts, &collect, &session.control)?[0];
    let ica = IcaOptions { threads, device: device(given), ..IcaOptions::new(counted(given, "concepts")) };
    let explainer = Explainer::fit::<Ica>(activations, &ica, &session.control)?;
    session.progress.clear();
    if !session.output.is_json() {
        let rows = plural(activations.row_count(), "word");
        session.output.line(format!("{rows} x {} columns", activations.column_count()))?;
    }
    let meaning = if let Some(chat) = given.get_one::<String>("label") {
        let cache_folder = Some(path_of(given, "cache").to_owned());
        let chat = Chat::open(ChatOptions { model: chat.clone(), cache_folder, ..ChatOptions::default() })?;
        let labels = LlmLabels { scoring: Some(Scoring::default()), ..LlmLabels::default() };
        let meaning = labels.interpret(&explainer, activations, &chat, &session.control)?;
        label::told(&meaning, session)?;
        meaning
    } else {
        let top = TopInputs { k: 10, threads, ..TopInputs::default() };
        let meaning = top.interpret(&explainer, activations, &session.control)?;
        top::told(&meaning, session)?;
        meaning
    };
    let (interpretation, activations) = (Some(&meaning), Some(activations));
    let report = Report { interpretation, activations, ..Report::new(&explainer) };
    let page = path_of(given, "report");
    report.save_html(page, &ReportOptions { threads, ..ReportOptions::default() }, &session.control)?;
    session.progress.clear();
    // With JSON the one document is what concepts mean.
    if session.output.is_json() { Ok(()) } else { report::told(page, session) }
}
