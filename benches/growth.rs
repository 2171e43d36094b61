//! How the cost of fits grows: seconds and peak memory of ICA and of top inputs for ever more rows and columns, in memory and
//! in shards on disk, with fitted exponents. Each number comes from a process of its own.
//!
//! ```text
//! cargo bench --bench growth                                      # 1k .. 1M rows, as far as 2 GB of rows
//! cargo bench --bench growth -- --rows 10000000 --columns 768 --storage disk --gigabytes 31 --folder BIG_DISK
//! cargo bench --bench growth -- --activations FOLDER --repeat 3   # fits on saved activations, stage by stage
//! ```
//!
//! `--rows` and `--columns` are lists, `--storage` is `memory`, `disk` or `memory,disk`, `--concepts` 50, `--iterations` 20 of
//! FastICA (it is not let converge), `--solver` `fastica` or `picard`, `--tolerance` 1e-4 with `--activations`, `--threads` 2.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{Arguments, megabytes, read_texts, round};
use eidos::{
    Activations, CollectOptions, Control, Explainer, Ica, IcaOptions, LoadOptions, Solver, SplitModel, Stage, TopInputs,
};
use serde_json::{Value, json};

fn main() {
    let arguments = Arguments::read();
    if arguments.has("texts") {
        save_activations(&arguments);
    } else if arguments.has("activations") {
        fit_saved(&arguments);
    } else if arguments.has("one") {
        println!("{}", one(&arguments));
    } else {
        table(&arguments);
    }
}

/// Collects the activations of texts into the folder, for `--activations`.
fn save_activations(arguments: &Arguments) {
    let control = Control::new();
    let texts = read_texts(arguments.text("texts"), arguments.number("limit", 0));
    let split = [arguments.text("split")];
    let load = LoadOptions { precision: arguments.precision(), ..LoadOptions::default() };
    let model = SplitModel::load(arguments.text("model"), &split, &load, &control).unwrap();
    let options = CollectOptions { threads: arguments.number("threads", 2), ..CollectOptions::default() };
    let activations = model.activations(&texts, &options, &control).unwrap().remove(0);
    activations.save(Path::new(arguments.text("activations")), &control).unwrap();
}

fn ica_options(arguments: &Arguments) -> IcaOptions {
    IcaOptions {
        threads: arguments.number("threads", 2),
        solver: if arguments.optional("solver").unwrap_or("fastica") == "picard" {
            Solver::PicardO
        } else {
            Solver::FastIca
        },
        ..IcaOptions::new(arguments.number("concepts", 50))
    }
}

/// Fits concepts to saved activations, and says how long each stage took.
fn fit_saved(arguments: &Arguments) {
    let activations = Activations::open_copy(Path::new(arguments.text("activations"))).unwrap();
    let (rows, columns) = (activations.row_count(), activations.column_count());
    let tolerance = arguments.optional("tolerance").unwrap_or("1e-4").parse().unwrap();
    let options = IcaOptions { tolerance, max_iterations: 2000, ..ica_options(arguments) };
    // With `--against 1`, how near the components are to those of FastICA at a tight tolerance.
    let against = arguments.has("against").then(|| {
        let options = IcaOptions { solver: Solver::FastIca, tolerance: 1e-9, ..options.clone() };
        let explainer = Explainer::fit::<Ica>(&activations, &options, &Control::new()).unwrap();
        println!("{}", json!({"against": explainer.report()}));
        explainer
    });
    for _ in 0..arguments.number("repeat", 1) {
        let control = Control::new();
        let start = Instant::now();
        let begins: Arc<Mutex<Vec<(Stage, f64)>>> = Arc::default();
        let seen = Arc::clone(&begins);
        control.set_callback(Some(Box::new(move |progress| {
            let mut begins = seen.lock().unwrap();
            let now = (progress.stage, start.elapsed().as_secs_f64());
            // When each stage began and when it was seen last.
            match begins.len() {
                count @ 2.. if begins[count - 2].0 == now.0 => begins[count - 1] = now,
                _ => begins.push(now),
            }
        })));
        let explainer = Explainer::fit::<Ica>(&activations, &options, &control).unwrap();
        let total = start.elapsed().as_secs_f64();
        let begins = begins.lock().unwrap();
        let seen = |stage| begins.iter().filter(|seen| seen.0 == stage).map(|seen| seen.1).collect::<Vec<_>>();
        let (covariance, fit) = (seen(Stage::Covariance), seen(Stage::Fit));
        let bits = explainer
            .dictionary()
            .iter()
            .fold(2_166_136_261_u32, |hash, value| (hash ^ value.to_bits()).wrapping_mul(16_777_619));
        let start = Instant::now();
        let top = TopInputs { k: 10, threads: options.threads, ..TopInputs::default() };
        top.interpret(&explainer, &activations, &Control::new()).unwrap();
        let report = explainer.report();
        let result = json!({
            "rows": [rows, columns],
            "seconds": round(total, 3),
            "covariance": round(covariance.last().unwrap() - covariance[0], 3),
            "eigenvectors_and_whitening": round(fit[0] - covariance.last().unwrap(), 3),
            "iterations": report.steps,
            "measures": report.measures,
            "least_cosine": against.as_ref().map(|against| least_cosine(&explainer, against)),
            "milliseconds_per_iteration": round(1e3 * (fit.last().unwrap() - fit[0]) / report.steps as f64, 2),
            "bits": format!("{bits:08x}"),
            "top_inputs": round(start.elapsed().as_secs_f64(), 3),
        });
        println!("{result}");
    }
}

/// The least absolute cosine between an entry of a dictionary and the nearest one of another.
fn least_cosine(found: &Explainer, expected: &Explainer) -> f64 {
    let columns = found.input_width();
    let dot = |left: &[f32], right: &[f32]| {
        left.iter().zip(right).map(|(&left, &right)| f64::from(left) * f64::from(right)).sum::<f64>()
    };
    let cosine = |left: &[f32], right: &[f32]| dot(left, right).abs() / (dot(left, left) * dot(right, right)).sqrt();
    let nearest = |row| expected.dictionary().chunks(columns).map(|other| cosine(row, other)).fold(0.0, f64::max);
    found.dictionary().chunks(columns).map(nearest).fold(1.0, f64::min)
}

/// Fits and interprets made-up rows in this process.
fn one(arguments: &Arguments) -> Value {
    let (rows, columns) = (arguments.number("rows", 1000), arguments.number("columns", 384));
    let control = Control::new();
    let activations = match arguments.text("storage") {
        "memory" => Activations::from_rows(values(rows, columns, 1), columns, None).unwrap(),
        _ => Activations::open(Path::new(arguments.text("folder"))).unwrap(),
    };
    let before = megabytes("RssAnon");
    common::forget_peak();
    let concepts = arguments.number("concepts", 50).min(columns);
    let options = IcaOptions {
        max_iterations: arguments.number("iterations", 20),
        tolerance: 1e-300,
        concept_count: concepts,
        ..ica_options(arguments)
    };
    let anonymous = watch_memory();
    let start = Instant::now();
    let explainer = Explainer::fit::<Ica>(&activations, &options, &control).unwrap();
    let fit = start.elapsed().as_secs_f64();
    let peak = anonymous();
    let start = Instant::now();
    let top = TopInputs { k: 10, threads: options.threads, ..TopInputs::default() };
    top.interpret(&explainer, &activations, &control).unwrap();
    json!({
        "seconds": fit, "top": start.elapsed().as_secs_f64(), "megabytes": (peak - before).max(0.0),
        "resident": megabytes("VmHWM"),
    })
}

/// Watches the memory that is not that of mapped files; the result stops it and returns the most.
fn watch_memory() -> impl FnOnce() -> f64 {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let watcher = std::thread::spawn(move || {
        let mut most = 0.0_f64;
        let step = std::time::Duration::from_millis(2);
        while stopped.recv_timeout(step) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            most = most.max(megabytes("RssAnon"));
        }
        most
    });
    move || {
        drop(stop);
        watcher.join().unwrap()
    }
}

/// Rows that are mixtures of a few sources with heavy tails, and noise.
fn values(rows: usize, columns: usize, seed: u64) -> Vec<f32> {
    const SOURCES: usize = 8;
    let mut state = 88_172_645_463_325_252_u64.wrapping_mul(2 * seed + 1);
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32) / 16_777_216.0 - 0.5
    };
    let mixing: Vec<f32> = (0..SOURCES * columns).map(|_| uniform()).collect();
    let mut values = vec![0.0_f32; rows * columns];
    for row in values.chunks_exact_mut(columns) {
        let place = ((uniform() + 0.5) * SOURCES as f32) as usize % SOURCES;
        let strength = 30.0 * uniform().powi(3);
        for (value, mixing) in row.iter_mut().zip(&mixing[place * columns..]) {
            *value = uniform() + strength * mixing;
        }
    }
    values
}

/// Writes a folder of shards without ever holding all rows: one shard is saved, the others are copies of it. (Where they
/// should not be read from the disk, they are links.)
fn write_shards(folder: &Path, rows: usize, columns: usize, copies: bool) {
    let in_shard = ((256 << 20) / (columns * 4)).min(rows);
    let activations = Activations::from_rows(values(in_shard, columns, 1), columns, None).unwrap();
    activations.save(folder, &Control::new()).unwrap();
    let manifest = folder.join("manifest.json");
    let mut about: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    let count = rows / in_shard;
    let shards: Vec<Value> = (0..count)
        .map(|shard| json!({"file": format!("rows-{shard:05}.safetensors"), "row_count": in_shard}))
        .collect();
    let first = folder.join("rows-00000.safetensors");
    for shard in &shards[1..] {
        let path = folder.join(shard["file"].as_str().unwrap());
        if copies { std::fs::copy(&first, path).map(drop) } else { std::fs::hard_link(&first, path) }.unwrap();
    }
    about["row_count"] = json!(count * in_shard);
    about["shards"] = json!(shards);
    std::fs::write(manifest, about.to_string()).unwrap();
}

/// One line of the table.
struct Line {
    storage: &'static str,
    rows: usize,
    columns: usize,
    fit: f64,
    top: f64,
    megabytes: f64,
}

fn table(arguments: &Arguments) {
    let list = |name: &str, default: &str| -> Vec<usize> {
        arguments.optional(name).unwrap_or(default).split(',').map(|number| number.parse().expect("a number")).collect()
    };
    let (rows, columns) = (list("rows", "1000,10000,100000,1000000"), list("columns", "384,768,2048,4096"));
    let most = arguments.number("gigabytes", 2) as f64 * 1e9;
    let place = PathBuf::from(arguments.optional("folder").unwrap_or("target/bench"));
    let mut lines = Vec::new();
    println!("| rows in | rows | columns | ICA, s | top inputs, s | memory beside the rows, MB | of it a row, bytes |");
    println!("|---|---|---|---|---|---|---|");
    for storage in ["memory", "disk"] {
        if !arguments.optional("storage").unwrap_or("memory,disk").contains(storage) {
            continue;
        }
        for &columns in &columns {
            for &rows in &rows {
                if (rows * columns * 4) as f64 > most {
                    continue;
                }
                let folder = place.join(format!("growth-{rows}x{columns}"));
                if storage == "disk" {
                    write_shards(&folder, rows, columns, arguments.has("copies"));
                }
                let line = measure(arguments, storage, rows, columns, &folder);
                let _ = std::fs::remove_dir_all(&folder);
                let bytes = 1e6 * line.megabytes / rows as f64;
                let (fit, top, megabytes) = (round(line.fit, 3), round(line.top, 3), round(line.megabytes, 1));
                println!("| {storage} | {rows} | {columns} | {fit} | {top} | {megabytes} | {} |", round(bytes, 0));
                lines.push(line);
            }
        }
    }
    exponents(&lines, "rows", |line| (line.rows, line.columns));
    exponents(&lines, "columns", |line| (line.columns, line.rows));
}

fn measure(arguments: &Arguments, storage: &'static str, rows: usize, columns: usize, folder: &Path) -> Line {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--one", "1", "--storage", storage, "--folder"]).arg(folder);
    for (name, value) in [("rows", rows), ("columns", columns)] {
        command.args([format!("--{name}"), value.to_string()]);
    }
    for name in ["concepts", "iterations", "threads", "solver"] {
        if arguments.has(name) {
            command.args([format!("--{name}"), arguments.text(name).to_owned()]);
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{rows} x {columns}: {}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| found[name].as_f64().unwrap();
    Line { storage, rows, columns, fit: number("seconds"), top: number("top"), megabytes: number("megabytes") }
}

/// The exponents of growth: the slope of the logarithms between the two largest sizes, where what is constant counts least.
fn exponents(lines: &[Line], what: &str, sizes: impl Fn(&Line) -> (usize, usize)) {
    println!(
        "\n| rows in | {} | grows with {what} as: ICA | top inputs | memory |",
        if what == "rows" { "columns" } else { "rows" }
    );
    println!("|---|---|---|---|---|");
    let mut seen = Vec::new();
    for line in lines {
        let (_, other) = sizes(line);
        let mut alike: Vec<&Line> =
            lines.iter().filter(|found| found.storage == line.storage && sizes(found).1 == other).collect();
        if alike.len() < 2 || seen.contains(&(line.storage, other)) {
            continue;
        }
        seen.push((line.storage, other));
        alike.sort_by_key(|line| sizes(line).0);
        let [.., before, last] = alike.as_slice() else { continue };
        let slope = |value: fn(&Line) -> f64| {
            let by = sizes(last).0 as f64 / sizes(before).0 as f64;
            round((value(last).max(1e-6) / value(before).max(1e-6)).ln() / by.ln(), 2)
        };
        let (fit, top, memory) = (slope(|line| line.fit), slope(|line| line.top), slope(|line| line.megabytes));
        println!("| {} | {other} | {fit} | {top} | {memory} |", line.storage);
    }
}
