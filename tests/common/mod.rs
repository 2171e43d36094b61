//! What several tests need: the tiny models of `tests/golden` as folders, texts, and ways to compare.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

#[cfg(feature = "hub")]
pub mod proxy;
#[cfg(feature = "hub")]
pub mod tls;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use eidos::rows::Rows;
use eidos::{
    Activations, CollectOptions, Control, Error, ErrorCode, InputSource, LoadOptions, Progress, Result, SplitModel,
    Stage,
};
use serde_json::Value;
use tempfile::TempDir;

/// The folder of the library.
pub fn manifest_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the golden data.
pub fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(path)
}

/// A JSON file of the golden data.
pub fn golden_json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(path)).unwrap()).unwrap()
}

/// The folder of a tiny model, put together as `tests/golden/README.md` says.
pub fn model_folder(family: &str, variant: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let weights = if variant == "grouped" { "weights_grouped" } else { "weights" };
    for (part, file) in [
        (variant, "config.json"),
        (weights, "model.safetensors"),
        ("tokenizer", "tokenizer.json"),
        ("tokenizer", "tokenizer_config.json"),
    ] {
        std::fs::copy(golden(&format!("models/{family}/{part}/{file}")), folder.path().join(file)).unwrap();
    }
    folder
}

/// Writes a file anew. Some file systems flush a file to the disk when it is written over, which takes most of the
/// time of a test that does it a thousand times.
pub fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::remove_file(path).ok();
    std::fs::write(path, bytes).unwrap();
}

/// Opens the model of a folder.
pub fn load_from(folder: &Path, splits: &[&str]) -> Result<SplitModel> {
    SplitModel::load(folder.to_str().unwrap(), splits, &LoadOptions::default(), &Control::new())
}

/// A tiny model; nothing of its folder is needed once it is loaded.
pub fn tiny(family: &str, variant: &str, splits: &[&str]) -> SplitModel {
    load_from(model_folder(family, variant).path(), splits).unwrap()
}

/// The split points that most tests use: two widths, two depths.
pub const SPLITS: [&str; 2] = ["layers.1.mlp", "layers.0.mlp.act_fn"];

/// The tiny EuroBERT, split at [`SPLITS`].
pub fn eurobert() -> SplitModel {
    tiny("eurobert", "base", &SPLITS)
}

/// A text of the golden model inputs.
pub struct GoldenText {
    pub text: String,
    pub ids: Vec<u32>,
    pub tokens: Vec<String>,
}

/// The golden model inputs of a family.
pub fn golden_texts(family: &str) -> Vec<GoldenText> {
    let inputs = golden_json(&format!("models/{family}/inputs.json"));
    let strings =
        |list: &Value| list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect();
    let numbers = |list: &Value| list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let text = |input: &Value| GoldenText {
        text: input["text"].as_str().unwrap().to_owned(),
        ids: numbers(&input["ids"]),
        tokens: strings(&input["tokens"]),
    };
    inputs.as_array().unwrap().iter().map(text).collect()
}

/// What transformers computed: `<text>/<module>` to one row per token.
pub fn golden_rows(family: &str, variant: &str) -> HashMap<String, Vec<Vec<f32>>> {
    let path = golden(&format!("models/{family}/{variant}/expected.safetensors"));
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    tensors
        .into_iter()
        .filter(|(_, tensor)| tensor.rank() == 2)
        .map(|(name, tensor)| (name, rows_of(&tensor)))
        .collect()
}

/// The rows of a matrix.
pub fn rows_of(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().unwrap()
}

/// Texts of many lengths, some empty, with repeated words: always the same ones.
pub fn many_texts(count: usize) -> Vec<String> {
    let words =
        ["a", "warm", "film", "funny", "sad", "the", "naïve", "ending", "good", "minutes", "電影", "--", ".", "its"];
    let mut state = 12_345_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let text = |_| {
        let length = random(14);
        (0..length).map(|_| words[random(words.len())]).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(text).collect()
}

/// All values, row after row, as bits: equal bits are equal results.
pub fn bits(activations: &Activations) -> Vec<u32> {
    row_bits(activations, 0, activations.row_count())
}

/// The values of some rows as bits.
pub fn row_bits(activations: &Activations, first: usize, count: usize) -> Vec<u32> {
    let mut scratch = Vec::new();
    activations.tile(first, count, &mut scratch).unwrap().iter().map(|value| value.to_bits()).collect()
}

/// Everything that one matrix says: where two are equal, so are the results.
#[derive(Debug, PartialEq)]
pub struct Everything {
    bits: Vec<u32>,
    columns: usize,
    units: Option<Vec<(String, Option<eidos::text::UnitSpan>)>>,
    texts: Vec<String>,
    provenance: eidos::Provenance,
    truncated: usize,
}

/// See [`Everything`].
pub fn everything(activations: &Activations) -> Everything {
    let rows = 0..activations.row_count();
    Everything {
        bits: bits(activations),
        columns: activations.column_count(),
        units: activations.units().map(|units| {
            assert_eq!(units.len(), activations.row_count());
            rows.map(|row| (activations.unit(row).unwrap().to_owned(), activations.unit_span(row))).collect()
        }),
        texts: activations.texts().iter().map(str::to_owned).collect(),
        provenance: activations.provenance().clone(),
        truncated: activations.truncated_count(),
    }
}

/// Collects activations that nobody watches.
pub fn collect(
    model: &SplitModel,
    inputs: &(impl InputSource + ?Sized),
    options: &CollectOptions,
) -> Result<Vec<Activations>> {
    model.activations(inputs, options, &Control::new())
}

/// An error must have a code, name the thing in its message and say what to do.
#[track_caller]
pub fn assert_error<T>(result: Result<T>, code: ErrorCode, names: &[&str]) -> Error {
    let Err(error) = result else { panic!("this should have been an error that names {names:?}") };
    assert_eq!(error.code(), code, "{error}");
    for name in names {
        assert!(error.to_string().contains(name), "no `{name}` in: {error}");
    }
    assert!(!error.hint_text().is_empty(), "no hint: {error}");
    error
}

/// What a control was told, in order.
pub type Log = Arc<Mutex<Vec<Progress>>>;

/// A control that writes down what it is told, and cancels after that many steps of the forward stage.
pub fn watching(cancel_after: usize) -> (Control, Log) {
    let (control, log) = (Control::new(), Log::default());
    let (clone, seen) = (control.clone(), Arc::clone(&log));
    let mut steps = 0;
    control.set_callback(Some(Box::new(move |progress| {
        seen.lock().unwrap().push(progress);
        steps += usize::from(progress.stage == Stage::Forward);
        if steps > cancel_after {
            clone.cancel();
        }
    })));
    (control, log)
}

/// How many steps of a stage a control was told.
pub fn steps(log: &Log, stage: Stage) -> usize {
    log.lock().unwrap().iter().filter(|progress| progress.stage == stage).count()
}

/// This program again, to run one test in a process of its own, which has its own environment, limits and end.
pub fn child(test: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let listed = Command::new(&program).args(["--exact", test, "--list"]).output().unwrap();
    // A name without a test would run none, and succeed.
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&format!("{test}: test")), "there is no test {test}");
    let mut child = Command::new(program);
    child.args(["--exact", test, "--include-ignored"]);
    child
}

/// How long this process has computed, which other processes do not change; where the system does not say, the time of the clock.
pub fn cpu_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    computed().unwrap_or_else(|| start.elapsed())
}

/// The time in the process and in the system for it, which Linux counts in hundredths of a second.
fn computed() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let times: Vec<u64> = fields.split(' ').skip(11).take(2).map_while(|ticks| ticks.parse().ok()).collect();
    (times.len() == 2).then(|| Duration::from_millis(10 * (times[0] + times[1])))
}

/// Waits until something that another thread does is so. A test that waits for a time instead fails on a busy machine.
#[track_caller]
pub fn wait_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "this does not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A small disk of its own, or one that cannot be written; gone when this is dropped.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A disk of that many bytes; `None`, and a line that says so, where this process may not mount one.
    pub fn new(bytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "eidos-test"], folder.path()) {
            return Some(Self { folder });
        }
        eprintln!("skipped: a full or read-only disk is tested where this process may mount one (as root)");
        None
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Changes its options: `size=1m`, `ro`, `rw`.
    pub fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}"), "eidos-test"], self.path()), "cannot remount {options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that a failed test, which may still hold files open, leaves nothing behind either.
        Command::new("umount").arg("-l").arg(self.folder.path()).status().ok();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}
