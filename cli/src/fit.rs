//! `eidos fit`: activations become concepts in a file.

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use eidos::{Activations, Error, Explainer};
use serde_json::json;

use crate::arguments::{
    activations, count, counted, device, explainer_out, opened_activations, path_of, placement, value,
};
use crate::collect::{json_of, unit_name};
use crate::failure::Outcome;
use crate::methods::{METHODS, Method, Wanted};
use crate::session::Session;
use crate::shown::{counted as with_commas, plural, shown};

pub fn command() -> Command {
    let names = METHODS.map(|method| method.name);
    let methods = METHODS.map(|method| {
        let options = method.options();
        let separator = if options.is_empty() { "" } else { "; " };
        format!("  {}: {}{separator}{options}", method.name, method.about)
    });
    Command::new("fit")
        .about("Learn the concepts that activations are made of, and write them to a file")
        .arg(activations())
        .arg(
            Arg::new("method")
                .long("method")
                .short('m')
                .value_parser(PossibleValuesParser::new(names))
                .default_value(METHODS[0].name)
                .help("How concepts are found"),
        )
        .arg(count("concepts", "How many concepts to find").short('n').default_value("20"))
        .arg(
            Arg::new("option")
                .long("option")
                .short('O')
                .value_name("NAME=VALUE")
                .value_parser(named_value)
                .action(ArgAction::Append)
                .help("An option of the method, see below; may be given several times"),
        )
        .arg(explainer_out())
        .args(placement())
        .after_help(format!("Methods, and their options with the defaults:\n{}", methods.join("\n")))
}

fn named_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has the form NAME=VALUE, such as seed=1")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let name = value(given, "method");
    let method = Method::named(name).ok_or_else(|| Error::argument(format!("there is no method `{}`", shown(name))))?;
    if !method.counts() && given.value_source("concepts") == Some(ValueSource::CommandLine) {
        return Err(Error::argument(format!("nobody chooses how many concepts `{name}` finds"))
            .hint("leave out `--concepts`")
            .into());
    }
    let activations = opened_activations(given)?;
    let options: Vec<(String, String)> =
        given.get_many::<(String, String)>("option").into_iter().flatten().cloned().collect();
    let wanted = Wanted {
        concepts: counted(given, "concepts"),
        options: &options,
        threads: counted(given, "threads"),
        device: device(given),
    };
    session.resume_by("nothing was written");
    let explainer = method.fit(&activations, &wanted, &session.control)?;
    let file = path_of(given, "out");
    explainer.save(file)?;
    session.progress.clear();
    told(&explainer, &activations, &file.to_string_lossy(), session)
}

/// Says how the fit ended.
fn told(explainer: &Explainer, activations: &Activations, file: &str, session: &mut Session) -> Outcome {
    let report = explainer.report();
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.json(&json!({
            "format": "eidos.fitted",
            "version": 1,
            "file": file,
            "method": explainer.method(),
            "concepts": explainer.concept_count(),
            "rows": activations.row_count(),
            "columns": explainer.input_width(),
            "options": explainer.options(),
            "report": json_of(report)?,
            "provenance": json_of(explainer.provenance())?,
        }))?);
    }
    let ending = match report.converged {
        Some(true) => format!(", converged after {} iterations", with_commas(report.steps as u64)),
        Some(false) => format!(", not converged after {} iterations", with_commas(report.steps as u64)),
        None => String::new(),
    };
    out.line(format!(
        "{} by {} of {} x {} columns{ending}, in {}",
        plural(explainer.concept_count(), "concept"),
        explainer.method(),
        plural(activations.row_count(), unit_name(activations)),
        explainer.input_width(),
        shown(file)
    ))?;
    Ok(())
}
