//! What the sections share: the device, the command line, and the report.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

use candle_core::{DType, Tensor};
use eidos::model::Precision;
use eidos::{DeviceChoice, LoadOptions};
use serde_json::{Value, json};

/// The device, what was asked for, and what was found.
pub struct Kit {
    section: String,
    words: BTreeMap<String, String>,
    /// Where the program computes.
    pub device: DeviceChoice,
    report: Option<Mutex<File>>,
    counts: Mutex<(usize, usize)>,
}

impl Kit {
    /// Reads the words behind the section.
    pub fn new(section: &str, words: Vec<String>) -> Self {
        let mut named = BTreeMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").unwrap_or_else(|| panic!("`{word}` is no option")).to_owned();
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
            named.insert(name, value);
        }
        let device = match named.get("device").map(String::as_str) {
            Some("reference") | None => DeviceChoice::Reference,
            Some("cpu") => DeviceChoice::Cpu,
            Some(name) => {
                let index = name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
                DeviceChoice::Cuda(index.unwrap_or_else(|| panic!("`{name}` is no device: cuda:0, reference or cpu")))
            }
        };
        let append = |path: &String| Mutex::new(File::options().create(true).append(true).open(path).unwrap());
        let report = named.get("report").map(append);
        Self { section: section.to_owned(), words: named, device, report, counts: Mutex::default() }
    }

    /// Whether a GPU computes, and no stand-in.
    pub fn on_gpu(&self) -> bool {
        matches!(self.device, DeviceChoice::Cuda(_))
    }

    /// Whether sizes are those of a GPU, and not those of a stand-in.
    pub fn is_large(&self) -> bool {
        self.on_gpu() && !self.is("small")
    }

    /// Whether an option without a value was given.
    pub fn is(&self, name: &str) -> bool {
        self.words.contains_key(name)
    }

    /// The value of an option.
    pub fn word(&self, name: &str) -> &str {
        self.words.get(name).unwrap_or_else(|| panic!("--{name} is missing"))
    }

    /// The value of an option as a number.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.words
            .get(name)
            .map_or(default, |word| word.parse().unwrap_or_else(|_| panic!("--{name} {word}: no number")))
    }

    /// Whether a part of a section was asked for: all are, or the one that `--only` names.
    pub fn wants(&self, part: &str) -> bool {
        self.words.get("only").is_none_or(|only| only == part)
    }

    /// Whether this fault shall be planted, to see that it is found.
    pub fn plants(&self, fault: &str) -> bool {
        self.words.get("plant").is_some_and(|planted| planted == fault)
    }

    /// Options that load a model onto the device, to compute in a type of number.
    pub fn options(&self, precision: Precision) -> LoadOptions {
        LoadOptions { device: self.device, precision, ..LoadOptions::default() }
    }

    /// Notes whether something holds.
    pub fn check(&self, name: &str, holds: bool, said: impl Display) {
        let mut counts = self.counts.lock().unwrap();
        counts.0 += 1;
        counts.1 += usize::from(!holds);
        println!("{} {}/{name}: {said}", if holds { "ok    " } else { "FAILED" }, self.section);
        self.write(&json!({"check": format!("{}/{name}", self.section), "holds": holds, "said": said.to_string()}));
    }

    /// Notes a number that must not be beyond a bound; one that is not a number is.
    pub fn at_most(&self, name: &str, number: f64, bound: f64, of: impl Display) {
        self.check(name, number <= bound, format!("{number:.2e} of at most {bound:.0e}; {of}"));
    }

    /// Says that a check is not run, and why.
    pub fn skip(&self, name: &str, why: &str) {
        println!("       {}/{name}: not run: {why}", self.section);
    }

    /// Notes a measurement.
    pub fn measured(&self, name: &str, value: &Value) {
        println!("       {}/{name}: {value}", self.section);
        self.write(&json!({"measured": name, "value": value}));
    }

    /// Runs a part of a section; one that panics has failed, and the others go on.
    pub fn group(&self, name: &str, work: impl FnOnce()) {
        if let Err(cause) = catch_unwind(AssertUnwindSafe(work)) {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            self.check(name, false, format!("ended early: {text}"));
        }
    }

    /// What the program returns; a section that checked nothing and measured nothing has failed.
    pub fn end(&self) -> ExitCode {
        let (checks, failed) = *self.counts.lock().unwrap();
        println!("{}: {} of {checks} checks hold", self.section, checks - failed);
        ExitCode::from(u8::from(failed > 0 || checks == 0))
    }

    fn write(&self, value: &Value) {
        if let Some(file) = &self.report {
            writeln!(file.lock().unwrap(), "{value}").unwrap();
        }
    }
}

/// The values of a tensor, wherever it is.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference over the largest value; not a number where a value is not finite.
pub fn difference(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    if !ours.iter().chain(theirs).all(|value| value.is_finite()) {
        return f64::NAN;
    }
    let largest = theirs.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(f64::from(value.abs())));
    let pairs = ours.iter().zip(theirs);
    pairs.fold(0.0, |most: f64, (ours, theirs)| most.max(f64::from((ours - theirs).abs()))) / largest
}

/// The largest of some differences, and what it is of. What is not a number is the largest.
#[derive(Default)]
pub struct Worst {
    pub difference: f64,
    pub at: String,
    pub count: usize,
}

impl Worst {
    pub fn add(&mut self, difference: f64, at: impl FnOnce() -> String) {
        self.count += 1;
        if difference.is_nan() || difference > self.difference {
            (self.difference, self.at) = (difference, at());
        }
    }
}

impl Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "largest of {} at {}", self.count, self.at)
    }
}

/// Texts of many lengths with repeated words: always the same ones.
pub fn texts(count: usize) -> Vec<String> {
    let words =
        ["a", "warm", "film", "funny", "sad", "the", "naïve", "ending", "good", "minutes", "電影", "--", ".", "its"];
    let mut state = 12_345_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let text = |_| {
        let length = random(24);
        (0..length).map(|_| words[random(words.len())]).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(text).collect()
}
