//! `eidos modules`: where a model can be split.

use clap::{Arg, ArgMatches, Command};
use eidos::SplitModel;
use serde_json::json;

use crate::arguments::{flag, load_options, loading, value};
use crate::failure::Outcome;
use crate::session::Session;
use crate::shown::shown;

pub fn command() -> Command {
    Command::new("modules")
        .about("List the modules of a model, to choose a split point from; no weights are read")
        .arg(
            Arg::new("MODEL")
                .required(true)
                .help("A folder, a GGUF file, an id of the Hugging Face Hub, or eidos:demo"),
        )
        .arg(flag("recommended", "List only the blocks, which are where to start"))
        .args(loading().into_iter().filter(|argument| argument.get_id() != "precision"))
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let model = SplitModel::load(value(given, "MODEL"), &[], &load_options(given), &session.control)?;
    session.progress.clear();
    let only = given.get_flag("recommended");
    let listed: Vec<_> = model.modules().iter().filter(|module| !only || module.is_recommended).collect();
    let out = &mut session.output;
    if out.is_json() {
        let modules = listed.iter().map(|module| {
            json!({
                "path": module.path,
                "kind": module.kind,
                "can_split": module.can_split,
                "width": module.width,
                "cost": module.cost,
                "is_recommended": module.is_recommended,
            })
        });
        let modules: Vec<_> = modules.collect();
        let (name, family) = (model.name(), model.family());
        return Ok(out.json(&json!({
            "format": "eidos.modules", "version": 1, "model": name, "family": family, "modules": modules,
        }))?);
    }
    let longest = listed.iter().map(|module| module.path.chars().count()).max().unwrap_or(0).min(60);
    for module in &listed {
        let mark = if module.can_split { "*" } else { " " };
        let cost = match (module.width, module.cost) {
            (Some(width), Some(cost)) => format!("{width:>6} columns {:>4.0} %", 100.0 * cost),
            _ => String::new(),
        };
        let (path, kind) = (shown(&module.path), shown(&module.kind));
        out.line(format!("{mark} {path:<longest$}  {kind:<30} {cost}").trim_end())?;
    }
    let split_points = listed.iter().filter(|module| module.can_split).count();
    out.line(format!(
        "{} modules, {split_points} of them (*) can be split points; in percent, what part of the blocks a run up to there takes",
        listed.len()
    ))?;
    Ok(())
}
