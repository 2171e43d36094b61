//! `eidos collect`: texts become activations in a folder.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use eidos::{Activations, CollectOptions, OnLongText, SplitModel};
use serde_json::{Value, json};

use crate::arguments::{
    activations_out, choice, count, counted, flag, load_options, loading, named, path_of, placement, text, value,
};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::shown::{bytes, duration, plural, shown};
use crate::texts::{self, Texts};

/// From so many texts the number of all tokens is guessed, for the time that is left.
const SAMPLE: usize = 500;
/// Bytes in one megabyte, of shards.
const MEGABYTE: usize = 1 << 20;

pub fn command() -> Command {
    Command::new("collect")
        .about("Run a model over texts and write the activations of its modules to a folder")
        .arg(
            Arg::new("MODEL")
                .required(true)
                .help("A folder, a GGUF file, an id of the Hugging Face Hub, or eidos:demo"),
        )
        .arg(
            Arg::new("TEXTS")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Files with one text a line, or JSON lines; `-` is standard input"),
        )
        .arg(
            text(
                "split",
                "MODULE",
                "Where the model is split, as `eidos modules` lists it; may be given several times",
            )
            .short('s')
            .required(true)
            .action(ArgAction::Append),
        )
        .arg(activations_out())
        .args(texts::arguments())
        .next_help_heading("Units")
        .args([
            choice(
                "granularity",
                ["token", "word", "sentence", "sample", "all_tokens", "cls_token"],
                "What one row stands for",
            )
            .default_value("word"),
            choice(
                "aggregation",
                ["mean", "sum", "max", "min", "signed_max", "first", "last"],
                "How the tokens of a unit become one row",
            )
            .default_value("mean"),
            choice("word-rule", ["auto", "tokenizer", "unicode"], "Where a word ends").default_value("auto"),
            text("stop-unit", "TEXT", "A unit that gets no row; may be given several times").action(ArgAction::Append),
            flag("stop-punctuation", "Leave out units that are nothing but punctuation"),
            flag("stop-contractions", "Leave out the pieces of contractions, such as 's"),
            flag(
                "skip-first-position",
                "Leave out the first position of each text, which many models give a row of its own kind",
            ),
            choice("long-texts", ["truncate", "error"], "What becomes of texts that are longer than the model reads")
                .default_value("truncate"),
        ])
        .next_help_heading("Computing")
        .args(placement())
        .args(loading())
        .args([
            count("batch-tokens", "How many tokens a batch has at most on the CPU; results do not depend on it")
                .default_value("512"),
            count(
                "shard-megabytes",
                "How large a shard is at most: what an interrupted run loses, and takes in memory",
            )
            .default_value("256"),
            flag("dry-run", "Write nothing: count rows and bytes, and estimate the time from a sample"),
        ])
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let paths = || given.get_many::<PathBuf>("TEXTS").into_iter().flatten().cloned();
    let mut texts = Texts::open(paths(), given, &session.control)?;
    let options = options(given);
    let splits: Vec<&str> = given.get_many::<String>("split").into_iter().flatten().map(String::as_str).collect();
    let model = SplitModel::load(value(given, "MODEL"), &splits, &load_options(given), &session.control)?;
    if given.get_flag("dry-run") {
        return estimate(&model, texts, &options, session);
    }
    let folder = path_of(given, "out");
    session.resume_by(format!(
        "what is complete lies in `{}`: the same command with the same texts goes on from there",
        folder.display()
    ));
    // A sample of the texts is read and tokenized for the time that is left; nothing else needs it.
    if texts.position().is_some() && session.progress.is_visible() {
        let sample: Vec<String> = texts.by_ref().take(SAMPLE).collect::<eidos::Result<_>>()?;
        if let (Some((read, total)), false) = (texts.position(), sample.is_empty()) {
            let tokens = model.inputs(&sample, options.threads, &session.control)?.token_count();
            session.progress.expect_tokens((tokens as f64 * total as f64 / read.max(1) as f64) as u64);
        }
        texts = Texts::open(paths(), given, &session.control)?;
    }
    let collected = model.stream_activations(texts, &options, &session.control)?;
    session.progress.clear();
    for rows in &collected {
        told(rows, &folder_of(rows, collected.len(), folder), session)?;
    }
    Ok(())
}

fn options(given: &ArgMatches) -> CollectOptions {
    CollectOptions {
        granularity: named(given, "granularity"),
        aggregation: named(given, "aggregation"),
        word_rule: named(given, "word-rule"),
        stop_units: given.get_many::<String>("stop-unit").into_iter().flatten().cloned().collect(),
        stop_punctuation: given.get_flag("stop-punctuation"),
        stop_contractions: given.get_flag("stop-contractions"),
        skip_first_position: given.get_flag("skip-first-position"),
        on_long_text: if value(given, "long-texts") == "error" { OnLongText::Error } else { OnLongText::Truncate },
        threads: counted(given, "threads"),
        batch_tokens: counted(given, "batch-tokens"),
        shard_bytes: counted(given, "shard-megabytes").saturating_mul(MEGABYTE),
        folder: Some(path_of(given, "out").to_owned()),
        ..CollectOptions::default()
    }
}

/// Where the rows of a split point are: in the folder, or where there are several, in one inside it.
fn folder_of(rows: &Activations, count: usize, folder: &Path) -> PathBuf {
    match rows.provenance().split_point.as_deref() {
        _ if count == 1 => folder.to_owned(),
        None | Some("") => folder.join("model"),
        Some(name) => folder.join(name),
    }
}

/// Says what was collected.
fn told(rows: &Activations, folder: &Path, session: &mut Session) -> Outcome {
    let split_point = rows.provenance().split_point.as_deref().unwrap_or_default();
    let (count, columns) = (rows.row_count(), rows.column_count());
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.json(&json!({
            "format": "eidos.collected",
            "version": 1,
            "folder": folder.to_string_lossy(),
            "provenance": json_of(rows.provenance())?,
            "texts": rows.texts().len(),
            "rows": count,
            "columns": columns,
            "truncated_texts": rows.truncated_count(),
            "left_out_units": rows.left_out_count(),
        }))?);
    }
    let size = bytes((count * columns * size_of::<f32>()) as u64);
    let rows_of = unit_name(rows);
    out.line(format!(
        "{}: {} x {columns} columns ({size}) of {} in {}",
        shown(split_point),
        plural(count, rows_of),
        plural(rows.texts().len(), "text"),
        shown(&folder.to_string_lossy())
    ))?;
    Ok(())
}

/// What one row is called.
pub fn unit_name(rows: &Activations) -> &'static str {
    rows.provenance().granularity.map_or("row", |granularity| match granularity.name() {
        "sample" | "cls_token" => "text",
        "all_tokens" => "position",
        name => name,
    })
}

/// A value of the library as JSON.
pub fn json_of(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| eidos::Error::internal(format!("cannot write JSON: {error}")).into())
}

fn estimate(model: &SplitModel, texts: Texts, options: &CollectOptions, session: &mut Session) -> Outcome {
    let texts: Vec<String> = texts.collect::<eidos::Result<_>>()?;
    let estimate = model.estimate(&texts, options, &session.control)?;
    session.progress.clear();
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.json(&json!({
            "format": "eidos.estimate",
            "version": 1,
            "texts": estimate.text_count,
            "tokens": estimate.token_count,
            "rows": estimate.row_count,
            "bytes": estimate.row_bytes,
            "seconds": estimate.seconds,
        }))?);
    }
    out.line(format!(
        "{} of {} become {} a split point, {} in all, in about {}",
        plural(estimate.token_count, "token"),
        plural(estimate.text_count, "text"),
        plural(estimate.row_count, "row"),
        bytes(estimate.row_bytes),
        duration(estimate.seconds)
    ))?;
    Ok(())
}
