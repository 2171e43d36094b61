//! `eidos report`: everything that was found, as one page to look at.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use eidos::{Error, Interpretation, Report, ReportOptions, TopInputs};
use serde_json::json;

use crate::arguments::{
    activations, count, counted, explainer, meaning, number, opened_activations, path, path_of, text,
};
use crate::failure::Outcome;
use crate::session::Session;
use crate::shown::{bytes, shown};
use crate::top::opened;

/// Where the page goes, unless somebody says otherwise.
const PAGE: &str = "report.html";

pub fn command() -> Command {
    Command::new("report")
        .about("Write what was found as one HTML page that needs no network: concepts, passages, texts")
        .args([explainer(), meaning(), activations()])
        .arg(path("out", "FILE", "Where the page goes; what is there is replaced").short('o').default_value(PAGE))
        .arg(text("title", "TEXT", "The title of the page [default: the model and the module]"))
        .args(amounts())
        .args([
            path("csv", "FILE", "Also write a table of the concepts' units: concept, pole, label, unit, activation"),
            path("parquet", "FILE", "Also write the table of --csv as Parquet"),
            path("codes", "FILE", "Also write a table of the concepts that fire on each unit, with their activations"),
            path("neuronpedia", "FILE", "Also write what Neuronpedia imports"),
            path("map", "FILE", "Also write the map of the concepts as SVG"),
            number("deviations", "How many standard deviations from its mean a concept fires in the table of --codes")
                .default_value("2"),
        ])
        .arg(
            count("threads", "How many threads work; 0 is one per core. The page does not depend on it")
                .default_value("0"),
        )
        .after_help(
            "Without activations the page has neither passages nor texts. Unless they are named, they are used\n\
             where they are there, and so is what concepts are called.",
        )
}

/// How much a page says.
fn amounts() -> [clap::Arg; 5] {
    [
        count("words", "How many units are listed for each concept").short('k').default_value("6"),
        count("passages", "How many passages are shown for each concept").default_value("3"),
        count("context", "How many units a passage has on each side").default_value("6"),
        count("neighbours", "How many of the nearest concepts are listed for each concept").default_value("5"),
        count("texts", "How many texts are shown with what fires in them").default_value("20"),
    ]
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let (explainer, meaning) = opened(given)?;
    let folder = path_of(given, "activations");
    let named = given.value_source("activations") == Some(ValueSource::CommandLine);
    let activations = if named || folder.is_dir() { Some(opened_activations(given)?) } else { None };
    let options = ReportOptions {
        title: given.get_one::<String>("title").cloned(),
        inputs: counted(given, "words"),
        passages: counted(given, "passages"),
        context: counted(given, "context"),
        neighbours: counted(given, "neighbours"),
        texts: counted(given, "texts"),
        threads: counted(given, "threads"),
        ..ReportOptions::default()
    };
    let report =
        Report { interpretation: meaning.as_ref(), activations: activations.as_ref(), ..Report::new(&explainer) };
    let page = path_of(given, "out");
    report.save_html(page, &options, &session.control)?;
    let file = |name: &str| given.get_one::<PathBuf>(name);
    if let Some(file) = file("csv") {
        table(&report, &options, session)?.save_csv(file)?;
    }
    if let Some(file) = file("parquet") {
        table(&report, &options, session)?.save_parquet(file)?;
    }
    if let Some(file) = file("codes") {
        let deviations = given.get_one::<f64>("deviations").map_or(2.0, |deviations| *deviations as f32);
        report.save_codes_csv(file, deviations, &session.control)?;
    }
    if let Some(file) = file("neuronpedia") {
        report.save_neuronpedia(file, &options, &session.control)?;
    }
    if let Some(file) = file("map") {
        report.save_map_svg(file, &session.control)?;
    }
    session.progress.clear();
    told(page, session)
}

/// What concepts mean: what is known already, or else the units of the activations.
fn table(report: &Report<'_>, options: &ReportOptions, session: &Session) -> eidos::Result<Interpretation> {
    match (report.interpretation, report.activations) {
        (Some(meaning), _) => Ok(meaning.clone()),
        (None, Some(activations)) => {
            let top = TopInputs { k: options.inputs, threads: options.threads, ..TopInputs::default() };
            top.interpret(report.explainer, activations, &session.control)
        }
        (None, None) => Err(Error::argument("without activations and without meaning there is no table of units")
            .hint("name the activations with `--activations`, or the meaning with `--meaning`")),
    }
}

/// Says where the page lies.
pub fn told(page: &Path, session: &mut Session) -> Outcome {
    let place: PathBuf = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let size = std::fs::metadata(page).map_or(0, |about| about.len());
    let out = &mut session.output;
    if out.is_json() {
        let (format, file) = ("eidos.reported", place.to_string_lossy());
        return Ok(out.json(&json!({ "format": format, "version": 1, "file": file, "bytes": size }))?);
    }
    out.line(format!("the report, {}, lies in {}", bytes(size), shown(&place.to_string_lossy())))?;
    Ok(())
}
