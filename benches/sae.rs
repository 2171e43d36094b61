//! Trains sparse autoencoders on rows of a file and prints how good and how fast they are; `benches/sae_peers.py` calls it beside
//! SAELens and interpreto.
//!
//! ```text
//! cargo bench --bench sae -- --rows train.f32 --test test.f32 --columns 64 --options '[{"concept_count": 256, "k": 5}]'
//! ```
//!
//! Files are raw f32 values, row by row. `--dictionary NAME` writes the dictionary of each training to NAME.0, NAME.1 and so on.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod common;

use std::time::Instant;

use common::Arguments;
use eidos::{Control, Explainer, LogLevel, Provenance, RowCodes, RowSlice, Sae, SaeOptions};
use serde_json::{Value, json};

fn main() {
    let arguments = Arguments::read();
    let columns = arguments.number("columns", 0);
    let (rows, test) = (floats(arguments.text("rows")), floats(arguments.text("test")));
    let all: Value = serde_json::from_str(arguments.text("options")).unwrap();
    for (index, changes) in all.as_array().unwrap().iter().enumerate() {
        let count = usize::try_from(changes["concept_count"].as_u64().unwrap()).unwrap();
        let mut options = serde_json::to_value(SaeOptions::new(count)).unwrap();
        changes.as_object().unwrap().iter().for_each(|(name, value)| options[name] = value.clone());
        let mut options: SaeOptions = serde_json::from_value(options).unwrap();
        options.threads = arguments.number("threads", 2);
        let control = Control::new();
        if arguments.has("log") {
            let print = |message: &eidos::LogMessage| eprintln!("{}", message.text());
            control.set_log_callback(LogLevel::Info, Some(Box::new(print)));
        }
        let begin = Instant::now();
        let rows = RowSlice::new(&rows, columns).unwrap();
        let explainer = Explainer::fit_rows::<Sae>(&rows, Provenance::default(), &options, &control).unwrap();
        let seconds = begin.elapsed().as_secs_f64();
        if let Some(name) = arguments.optional("dictionary") {
            std::fs::write(format!("{name}.{index}"), bytemuck::cast_slice(explainer.dictionary())).unwrap();
        }
        let mut found = vec![0.0; test.len()];
        explainer.reconstruct(&test, &mut found).unwrap();
        let codes = explainer.codes(&test).unwrap();
        let mut fires = vec![false; count];
        let mut l0 = 0;
        for row in codes.rows() {
            if let RowCodes::Sparse(concepts, _) = row {
                l0 += concepts.len();
                concepts.iter().for_each(|&concept| fires[concept as usize] = true);
            }
        }
        let dead = fires.iter().filter(|fires| !**fires).count() as f64 / count as f64;
        let line = json!({
            "options": changes,
            "seconds": seconds,
            "fvu": unexplained(&found, &test, columns),
            "l0": l0 as f64 / codes.row_count() as f64,
            "dead": dead,
            "held_out_fvu": explainer.report().measure("fvu")[0],
        });
        println!("{line}");
    }
}

fn floats(path: &str) -> Vec<f32> {
    std::fs::read(path).unwrap().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// The fraction of the variance of rows that others leave unexplained.
fn unexplained(found: &[f32], rows: &[f32], columns: usize) -> f64 {
    let count = (rows.len() / columns) as f64;
    let mut mean = vec![0.0; columns];
    rows.chunks(columns)
        .for_each(|row| row.iter().zip(&mut mean).for_each(|(&value, mean)| *mean += f64::from(value) / count));
    let variance: f64 = rows
        .chunks(columns)
        .flat_map(|row| row.iter().zip(&mean))
        .map(|(&value, mean)| (f64::from(value) - mean).powi(2))
        .sum();
    let errors: f64 = found.iter().zip(rows).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    errors / variance
}
