//! Thirty thousand damaged and hostile files, always the same ones: each is read, or is an error that says what is wrong, within
//! a second.
//!
//! The cases run in processes of their own with bounded memory, so that a crash is seen and named. To look further:
//!
//! ```text
//! EIDOS_FUZZ_SEED=7 EIDOS_FUZZ_CASES=1000000 cargo test --release --test fuzz        other cases, and more of them
//! EIDOS_FUZZ_TARGET=pickle cargo test --release --test fuzz                          one parser alone
//! EIDOS_FUZZ_SEED=7 EIDOS_FUZZ_CASE=12345 cargo test --release --test fuzz           one case again, in a debugger or under strace
//! EIDOS_FUZZ_CORPUS=fuzz/corpus cargo test --release --test fuzz                     the files to begin with, for cargo-fuzz
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod json;
mod layout;
mod mutate;
mod random;
mod targets;

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use random::Random;
use serde_json::{Value, json};
use targets::{Place, Seed, Target};

/// How long a case may take.
const SLOWEST: Duration = Duration::from_secs(1);
/// After that a case is taken for one without an end.
const HANGS: Duration = Duration::from_secs(40);
/// How much a process may take, in KiB of addresses: threads and maps reserve more than they use.
const MOST_MEMORY: usize = 4 << 20;
/// The processes, each with its share of the cases.
const WORKERS: usize = 2;

fn setting(name: &str) -> Option<String> {
    std::env::var(format!("EIDOS_FUZZ_{name}")).ok()
}

fn number(name: &str, otherwise: u64) -> u64 {
    setting(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// The targets with their files, and which of them gets which case.
struct Plan {
    targets: Vec<(Target, Vec<Seed>)>,
    turns: Vec<usize>,
    seed: u64,
}

impl Plan {
    fn new() -> Self {
        let wanted = setting("TARGET");
        let mut targets = targets::all();
        targets.retain(|target| wanted.as_deref().is_none_or(|name| name == target.name));
        assert!(!targets.is_empty(), "no target of the name {wanted:?}");
        let turns = targets.iter().enumerate().flat_map(|(index, target)| vec![index; target.share]).collect();
        let targets = targets.into_iter().map(|target| {
            let seeds = (target.seeds)();
            (target, seeds)
        });
        Self { targets: targets.collect(), turns, seed: number("SEED", 1) }
    }

    /// Whose turn a case is.
    fn target(&self, case: u64) -> usize {
        self.turns[(case % self.turns.len() as u64) as usize]
    }

    /// A case by its number: the target, what is around the file, and the file.
    fn case(&self, case: u64) -> (&Target, u8, Vec<u8>) {
        let (target, seeds) = &self.targets[self.target(case)];
        let mut random = Random::new(self.seed.wrapping_mul(0x1_0000_0000_01b3) ^ case.wrapping_mul(0x9e37_79b9));
        let seed = &seeds[random.below(seeds.len())];
        (target, seed.setting, mutate::mutate(&mut random, target.format, &seed.bytes))
    }

    /// Runs a case: whether it was read, or what is wrong.
    fn run(&self, case: u64, place: &mut Place) -> Result<bool, String> {
        let (target, setting, bytes) = self.case(case);
        let mut fastest = Duration::MAX;
        // A slow one may have been waiting for others.
        for _ in 0..3 {
            let start = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| target.check(place, setting, &bytes)));
            fastest = fastest.min(start.elapsed());
            let read = result.unwrap_or_else(|panic| Err(format!("panicked: {}", words(&*panic))))?;
            if fastest <= SLOWEST {
                return Ok(read);
            }
        }
        Err(format!("took {fastest:?}"))
    }

    fn describe(&self, case: u64) -> String {
        let (target, setting, bytes) = self.case(case);
        let (name, seed) = (target.name, self.seed);
        let file = std::env::temp_dir().join(format!("eidos-fuzz-{name}-{seed}-{case}"));
        std::fs::write(&file, &bytes).ok();
        format!(
            "{name}, EIDOS_FUZZ_SEED={seed} EIDOS_FUZZ_CASE={case}, setting {setting}, {} bytes in {}",
            bytes.len(),
            file.display()
        )
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[test]
fn damaged_and_hostile_files_are_errors_within_a_second() {
    let plan = Plan::new();
    if let Some(folder) = setting("CORPUS") {
        return write_corpus(&plan, Path::new(&folder));
    }
    if let Some(case) = setting("CASE") {
        let case = case.parse().expect("the number of a case");
        let result = plan.run(case, &mut Place::new());
        return result.map_or_else(|what| panic!("{}: {what}", plan.describe(case)), drop);
    }
    if let Some(worker) = setting("WORKER") {
        return work(&plan, worker.parse().unwrap(), Path::new(&setting("STATUS").unwrap()));
    }
    let folder = tempfile::tempdir().unwrap();
    let workers: Vec<_> = (0..WORKERS).map(|worker| Worker::start(worker, folder.path())).collect();
    let results: Vec<_> = workers.into_iter().map(|worker| worker.wait(&plan)).collect();
    let failures: Vec<_> = results.iter().filter_map(|result| result.as_ref().err().map(String::as_str)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Where no file is read any more, the changes go no further than the first check.
    for (index, (target, _)) in plan.targets.iter().enumerate() {
        let read: u64 = results.iter().flatten().map(|counts| counts[index]).sum();
        eprintln!("{}: {read} changed files were read", target.name);
        assert!(read > 0, "{} reads none of the files", target.name);
    }
}

/// Runs every case of a worker, and writes down which one it is at; at the end how many files each target has read, or what
/// went wrong.
fn work(plan: &Plan, worker: usize, status: &Path) {
    let mut place = Place::new();
    let mut failures = Vec::new();
    let mut read = vec![0_u64; plan.targets.len()];
    for case in (worker as u64..number("CASES", 30_000)).step_by(WORKERS) {
        std::fs::write(status, case.to_string()).unwrap();
        match plan.run(case, &mut place) {
            Ok(was_read) => read[plan.target(case)] += u64::from(was_read),
            Err(what) => failures.push(format!("{}: {what}", plan.describe(case))),
        }
    }
    let end = if failures.is_empty() { json!({ "read": read }).to_string() } else { failures.join("\n") };
    std::fs::write(status, end).unwrap();
    // The failures are in the file.
    assert!(failures.is_empty(), "{} cases failed", failures.len());
}

struct Worker {
    process: Child,
    status: PathBuf,
    /// What it prints: panics that the library makes errors of, and the last words of a crash.
    log: PathBuf,
}

impl Worker {
    fn start(worker: usize, folder: &Path) -> Self {
        let [status, log] = ["status", "log"].map(|file| folder.join(format!("{worker}.{file}")));
        let limited = format!("ulimit -v {MOST_MEMORY}; exec \"$0\" \"$@\"");
        let process = Command::new("sh")
            .args(["-c", &limited])
            .arg(std::env::current_exe().unwrap())
            .args(["damaged_and_hostile_files_are_errors_within_a_second", "--nocapture"])
            .env("EIDOS_FUZZ_WORKER", worker.to_string())
            .env("EIDOS_FUZZ_STATUS", &status)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, status, log }
    }

    /// Waits for the end: how many files each target has read, or what went wrong.
    fn wait(mut self, plan: &Plan) -> Result<Vec<u64>, String> {
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                let at = std::fs::read_to_string(&self.status).unwrap_or_default();
                let log = std::fs::read(&self.log).unwrap_or_default();
                let last_words = String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]);
                return match (at.parse(), serde_json::from_str::<Value>(&at)) {
                    (Ok(case), _) => Err(format!("{}: {status}\n{last_words}", plan.describe(case))),
                    (_, Ok(end)) => Ok(serde_json::from_value(end["read"].clone()).unwrap()),
                    _ => Err(format!("{at}\n{status}\n{last_words}")),
                };
            }
            let last = std::fs::metadata(&self.status).and_then(|metadata| metadata.modified());
            if last.is_ok_and(|last| SystemTime::now().duration_since(last).is_ok_and(|silent| silent > HANGS)) {
                self.process.kill().ok();
                self.process.wait().ok();
                let case = std::fs::read_to_string(&self.status).unwrap_or_default().parse().unwrap_or_default();
                return Err(format!("{}: has no end", plan.describe(case)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Writes the files to begin with as cargo-fuzz has them: a folder for each target, and first in each file its setting.
fn write_corpus(plan: &Plan, folder: &Path) {
    for (target, seeds) in &plan.targets {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (index, seed) in seeds.iter().enumerate() {
            let bytes = [&[seed.setting], seed.bytes.as_slice()].concat();
            std::fs::write(folder.join(index.to_string()), bytes).unwrap();
        }
    }
}

#[test]
fn every_file_to_begin_with_is_read() {
    let mut place = Place::new();
    for (target, seeds) in Plan::new().targets {
        for seed in seeds {
            let result = (target.run)(&mut place, seed.setting, &seed.bytes);
            // Some answers of servers are refusals, and not every answer of a model is a label.
            if !["chat_server", "hub_server", "answer"].contains(&target.name) {
                result.unwrap_or_else(|error| panic!("{} {}: {error:?}", target.name, seed.setting));
            }
        }
    }
}

#[test]
fn the_cases_are_always_the_same() {
    let [first, second] = [(); 2].map(|()| Plan::new());
    for case in (0..2000).step_by(7) {
        let [first, second] = [&first, &second].map(|plan| plan.case(case));
        assert!((first.0.name, first.1, first.2) == (second.0.name, second.1, second.2), "{case}");
    }
}
