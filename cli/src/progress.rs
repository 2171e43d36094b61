//! What stands on the terminal while a call of the library runs: its stage, how far it is, how fast, and how long it still takes;
//! and the messages of the library.
//!
//! All of it goes to standard error. The line of progress is there only where that is a terminal, and goes away at the end.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::builder::styling::{AnsiColor, Style};
use eidos::{Control, LogLevel, Progress as Point, Stage};

use crate::shown::{bytes, counted, duration, shown};

/// How often the line is drawn at most.
const INTERVAL: Duration = Duration::from_millis(100);
/// The rate is that of so many drawings: of ten seconds.
const SAMPLES: usize = 100;
/// How many characters the bar has.
const WIDTH: usize = 20;

/// The line of progress. Clones share it.
#[derive(Clone)]
pub struct Progress {
    line: Arc<Mutex<Line>>,
}

struct Line {
    /// Whether there is a terminal that shows it.
    visible: bool,
    drawn: bool,
    stage: Stage,
    /// When so much was done.
    samples: VecDeque<(Instant, u64)>,
    /// About how many tokens there are, where the library does not know yet.
    expected: u64,
}

impl Progress {
    /// Makes the line, which nobody sees where that is wanted or where there is no terminal.
    pub fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let visible = !quiet && !dumb && io::stderr().is_terminal();
        let line = Line { visible, drawn: false, stage: Stage::Idle, samples: VecDeque::new(), expected: 0 };
        Self { line: Arc::new(Mutex::new(line)) }
    }

    /// Shows how far the calls with that control are.
    pub fn watch(&self, control: &Control) {
        if self.lock().visible {
            let line = self.clone();
            control.set_callback(Some(Box::new(move |point| line.lock().draw(point, Instant::now()))));
        }
    }

    /// Shows the messages of the calls with that control.
    pub fn show_messages(&self, control: &Control, level: LogLevel) {
        let line = self.clone();
        let callback = move |message: &eidos::LogMessage| {
            let kind = if message.level() == LogLevel::Warning { "warning" } else { message.target() };
            line.say(kind, message.text());
        };
        control.set_log_callback(level, Some(Box::new(callback)));
    }

    /// Whether somebody sees it.
    pub fn is_visible(&self) -> bool {
        self.lock().visible
    }

    /// Tells about how many tokens there are, where the library does not know before it has read all texts.
    pub fn expect_tokens(&self, tokens: u64) {
        self.lock().expected = tokens;
    }

    /// Writes a message on a line of its own: `error: no such file`. Nothing is done about a standard error that is gone.
    pub fn say(&self, kind: &str, message: &str) {
        let colour = match kind {
            "error" => AnsiColor::Red.on_default().bold(),
            "warning" => AnsiColor::Yellow.on_default().bold(),
            "hint" => AnsiColor::Green.on_default().bold(),
            _ => Style::new().dimmed(),
        };
        // The text of a hint stands below that of its error.
        let gap = if kind == "hint" { "  " } else { " " };
        self.say_line(&format!("{colour}{kind}:{colour:#}{gap}{}", shown(message)));
    }

    /// Writes a line as it is.
    pub fn say_line(&self, text: &str) {
        let mut line = self.lock();
        line.erase();
        writeln!(anstream::stderr(), "{text}").ok();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.lock().erase();
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn draw(&mut self, point: Point, now: Instant) {
        let Some(text) = self.next(point, now) else { return };
        let mut stderr = io::stderr().lock();
        // A line that cannot be drawn is no reason to stop.
        write!(stderr, "\r{text}\x1b[K").and_then(|()| stderr.flush()).ok();
        self.drawn = true;
    }

    /// What to draw now; nothing shortly after the drawing before.
    fn next(&mut self, point: Point, now: Instant) -> Option<String> {
        if point.stage != self.stage || self.samples.back().is_some_and(|(_, done)| point.done < *done) {
            self.stage = point.stage;
            self.samples.clear();
        }
        let is_last = point.total > 0 && point.done >= point.total;
        let is_soon = self.samples.back().is_some_and(|(at, _)| now.duration_since(*at) < INTERVAL);
        if is_soon && !is_last {
            return None;
        }
        self.samples.push_back((now, point.done));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        let rate = match (self.samples.front(), self.samples.back()) {
            (Some((first, before)), Some((last, done))) if last > first => {
                Some((done - before) as f64 / last.duration_since(*first).as_secs_f64())
            }
            _ => None,
        };
        Some(described(point, self.expected, rate))
    }

    fn erase(&mut self) {
        if self.drawn {
            self.drawn = false;
            let mut stderr = io::stderr().lock();
            write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush()).ok();
        }
    }
}

/// `forward    [##########----------]  52 %  1,234 tokens/s, 12 s left`
fn described(point: Point, expected: u64, rate: Option<f64>) -> String {
    let Point { stage, done, total, .. } = point;
    let is_guess = total == 0 && stage == Stage::Forward && expected > 0;
    let total = if is_guess { expected.max(done) } else { total };
    let bar = if total > 0 {
        let share = (done as f64 / total as f64).min(1.0);
        let filled = "#".repeat((share * WIDTH as f64) as usize);
        format!(" [{filled:-<WIDTH$}] {:>3} %", (share * 100.0) as u64)
    } else {
        String::new()
    };
    let unit = match stage {
        Stage::Load => "tensors",
        Stage::Tokenize => "texts",
        Stage::Forward => "tokens",
        Stage::Covariance | Stage::Interpret | Stage::Filter => "rows",
        Stage::Fit => "iterations",
        Stage::Label => "concepts",
        _ => "bytes",
    };
    let rate = rate.filter(|rate| *rate > 0.0);
    let speed = match rate {
        Some(rate) if unit == "bytes" => format!("  {}/s", bytes(rate as u64)),
        Some(rate) if rate < 10.0 => format!("  {rate:.1} {unit}/s"),
        Some(rate) => format!("  {} {unit}/s", counted(rate as u64)),
        None if total == 0 && done > 0 => format!(" {} {unit}", counted(done)),
        None => String::new(),
    };
    // A fit ends when it has converged, which may be long before the most iterations.
    let left = match rate {
        Some(rate) if total > done && stage != Stage::Fit => {
            let about = if is_guess { "about " } else { "" };
            format!(", {about}{} left", duration((total - done) as f64 / rate))
        }
        _ => String::new(),
    };
    format!("{:<10}{bar}{speed}{left}", stage.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stage: Stage, done: u64, total: u64) -> Point {
        Point { stage, done, total, elapsed_seconds: 0.0 }
    }

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long_still() {
        let forward = described(at(Stage::Forward, 52_000, 100_000), 0, Some(4000.0));
        assert_eq!(forward, "forward    [##########----------]  52 %  4,000 tokens/s, 12 s left");
        let guessed = described(at(Stage::Forward, 50, 0), 100, Some(1.0));
        assert_eq!(guessed, "forward    [##########----------]  50 %  1.0 tokens/s, about 50 s left");
        assert_eq!(described(at(Stage::Forward, 50, 0), 0, None), "forward    50 tokens");
        let more = described(at(Stage::Forward, 150, 0), 100, Some(100.0));
        assert_eq!(more, "forward    [####################] 100 %  100 tokens/s");
        let download = described(at(Stage::Download, 0, 4_000_000), 9, Some(2e6));
        assert_eq!(download, "download   [--------------------]   0 %  2.00 MB/s, 2 s left");
        let fit = described(at(Stage::Fit, 20, 200), 0, Some(3.0));
        assert_eq!(fit, "fit        [##------------------]  10 %  3.0 iterations/s");
        assert!(fit.len() < 80 && forward.len() < 80);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_of_the_stage() {
        let mut line = Line { visible: true, drawn: false, stage: Stage::Idle, samples: VecDeque::new(), expected: 0 };
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        // What was there already is passed over in no time; it is forgotten after so many drawings.
        line.next(at(Stage::Forward, 0, 100_000), start);
        line.next(at(Stage::Forward, 50_000, 100_000), after(1));
        assert_eq!(line.samples.len(), 1, "drawn again within the interval");
        for step in 1..=150 {
            line.next(at(Stage::Forward, 50_000 + 10 * step, 100_000), after(100 * step));
        }
        assert_eq!(line.samples.len(), SAMPLES);
        let (first, last) = (line.samples.front().unwrap(), line.samples.back().unwrap());
        let rate = (last.1 - first.1) as f64 / last.0.duration_since(first.0).as_secs_f64();
        assert!((rate - 100.0).abs() < 1.0, "{rate}");
        line.next(at(Stage::Write, 1, 2), after(15_050));
        assert_eq!(line.samples.len(), 1);
        line.next(at(Stage::Write, 2, 2), after(15_051));
        assert_eq!(line.samples.len(), 2, "the end of a stage is drawn");
    }
}
