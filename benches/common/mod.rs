//! What the benches share: their command line and their texts.

#![allow(dead_code, reason = "not every bench needs all of it")]

use std::collections::BTreeMap;

use eidos::Precision;
use serde_json::Value;

/// The command line: `--name value` pairs.
pub struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub fn read() -> Self {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
        let pairs = words.chunks(2).map(|pair| (pair[0].trim_start_matches("--").to_owned(), pair[1].clone()));
        Self(pairs.collect())
    }

    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("--{name} is missing"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn precision(&self) -> Precision {
        match self.optional("precision").unwrap_or("f32") {
            "f32" => Precision::F32,
            "bf16" => Precision::Bf16,
            "int8" => Precision::Int8,
            other => panic!("--precision is f32, bf16 or int8, not {other}"),
        }
    }

    pub fn number(&self, name: &str, default: usize) -> usize {
        self.0.get(name).map_or(default, |value| value.parse().expect("a number"))
    }
}

pub fn round(value: f64, digits: i32) -> f64 {
    (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

/// The field `text` of JSON lines, or `limit` of them spread evenly over the file.
pub fn read_texts(path: &str, limit: usize) -> Vec<String> {
    let content = std::fs::read_to_string(path).expect("the texts");
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    let texts: Vec<String> = content.lines().map(text).collect();
    if limit == 0 || limit >= texts.len() {
        return texts;
    }
    let step = texts.len() / limit;
    texts.into_iter().step_by(step).take(limit).collect()
}

/// Sets the kernel's record of the peak memory back; where that is not possible the peak is that of all so far.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// A line of this process's memory in megabytes: `VmHWM` is the peak, `RssAnon` what is not of files.
pub fn megabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
}
