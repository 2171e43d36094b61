//! `eidos explain`: which concepts fire on the units of new texts.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::builder::styling::{Ansi256Color, Color, Style};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use eidos::{Activations, Explain, Explanation, Firing};
use serde_json::{Value, json};

use crate::arguments::{
    count, counted, explainer, flag, is_standard_input, loading, meaning, model_of, number, other_model, path,
    placement,
};
use crate::collect::json_of;
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::shown::shown;
use crate::texts::{self, Texts};
use crate::top::opened;

/// Colours that people with any kind of colour vision tell apart, by their numbers among 256: those of Okabe and Ito, and two
/// more. Each has its concept's number in the legend.
const COLOURS: [u8; 10] = [214, 117, 43, 227, 69, 209, 176, 250, 156, 223];
/// The text on them.
const BLACK: Color = Color::Ansi256(Ansi256Color(16));

pub fn command() -> Command {
    Command::new("explain")
        .about("Say which concepts fire on the units of new texts, coloured on a terminal")
        .arg(Arg::new("TEXT").num_args(0..).help("Texts; without any, standard input is read, a text a line"))
        .arg(
            path("texts", "FILE", "A file of texts; may be given several times")
                .value_hint(ValueHint::FilePath)
                .action(ArgAction::Append),
        )
        .arg(explainer())
        .arg(meaning())
        .args([
            count("concepts", "How many concepts to show for each unit").short('k').default_value("2"),
            number("deviations", "How many standard deviations from its mean a concept fires").default_value("2"),
            flag("negative", "Concepts also fire that far below their mean"),
            flag("units", "List each unit on its own line, as where there are no colours"),
            path("calibrate", "FOLDER", "Compare with these activations, not with those of the fit"),
        ])
        .args(texts::arguments())
        .arg(other_model())
        .args(placement())
        .args(loading())
        .arg(
            count("at-a-time", "How many texts are run together; 1 shows each of a pipe as it comes")
                .value_parser(value_parser!(u32).range(1..))
                .default_value("64"),
        )
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let (mut explainer, meaning) = opened(given)?;
    if let Some(folder) = given.get_one::<PathBuf>("calibrate") {
        explainer = explainer.calibrate(&Activations::open(folder)?, &session.control)?;
    }
    let explain = Explain {
        k: counted(given, "concepts"),
        least_deviations: given.get_one::<f64>("deviations").map_or(2.0, |deviations| *deviations as f32),
        negative_pole: given.get_flag("negative"),
        threads: counted(given, "threads"),
    };
    let words: Vec<String> = given.get_many::<String>("TEXT").into_iter().flatten().cloned().collect();
    let mut files: Vec<PathBuf> = given.get_many::<PathBuf>("texts").into_iter().flatten().cloned().collect();
    if words.is_empty() && files.is_empty() {
        files.push(PathBuf::from("-"));
    }
    let waits = files.iter().any(|file| is_standard_input(file));
    let typed = waits && std::io::stdin().is_terminal();
    // Files are looked at before a model is loaded for them.
    let files = Texts::open(files, given, &session.control)?;
    let model = model_of(given, explainer.provenance(), session)?;
    if typed {
        session.progress.clear();
        session.progress.say("hint", "type a text and press Enter; Ctrl-D ends");
    }
    let at_a_time = if typed { 1 } else { given.get_one::<u32>("at-a-time").map_or(1, |count| *count as usize) };
    let mut texts = words.into_iter().map(Ok).chain(files);
    let mut view = View { units: given.get_flag("units"), before: 0, colours: HashMap::new() };
    loop {
        let mut next = || texts.by_ref().take(at_a_time).collect::<eidos::Result<Vec<String>>>();
        let chunk = if waits { session.interrupts.while_waiting(next) } else { next() }?;
        if chunk.is_empty() {
            return Ok(());
        }
        let explanation = explain.explain_inputs(&explainer, meaning.as_ref(), &model, &chunk, &session.control)?;
        session.progress.clear();
        view.show(&explanation, session)?;
        session.output.flush()?;
    }
}

/// How explanations are shown.
struct View {
    /// A line for each unit.
    units: bool,
    /// How many texts came before.
    before: usize,
    /// The colours of the concepts that have one so far.
    colours: HashMap<usize, Style>,
}

impl View {
    /// Shows some texts.
    fn show(&mut self, explanation: &Explanation, session: &mut Session) -> Outcome {
        let mut unit = 0;
        for text in 0..explanation.texts().len() {
            let first = unit;
            let of = |unit: usize| explanation.units()[unit].span.map(|span| span.text_index);
            while unit < explanation.units().len() && of(unit) == Some(text) {
                unit += 1;
            }
            let shown = Shown { explanation, text, units: first..unit };
            if session.output.is_json() {
                let json = shown.json(self.before + text)?;
                session.output.json(&json)?;
            } else if session.output.is_coloured() && !self.units {
                shown.coloured(&mut self.colours, session)?;
            } else {
                shown.listed(session)?;
            }
        }
        self.before += explanation.texts().len();
        Ok(())
    }
}

/// One text with what fires on its units.
struct Shown<'a> {
    explanation: &'a Explanation,
    text: usize,
    units: std::ops::Range<usize>,
}

impl Shown<'_> {
    /// `{"text_index", "text", "units": [{"text", "begin", "end", "firings": [{"concept", "pole", "activation", "deviations",
    /// "percentile", "name"}]}]}`
    fn json(&self, index: usize) -> Result<Value, Failure> {
        let firing = |firing: &Firing| -> Result<Value, Failure> {
            let mut value = json_of(firing)?;
            if let Some(name) = self.explanation.name(firing.concept, firing.pole) {
                value["name"] = Value::from(name.to_string());
            }
            Ok(value)
        };
        let unit = |unit: usize| -> Result<Value, Failure> {
            let (about, firings) = (&self.explanation.units()[unit], self.explanation.firings(unit));
            let firings = firings.iter().map(firing).collect::<Result<Vec<_>, _>>()?;
            let (begin, end) = about.span.map_or((None, None), |span| (Some(span.begin), Some(span.end)));
            Ok(json!({ "text": about.text, "begin": begin, "end": end, "firings": firings }))
        };
        let units = self.units.clone().map(unit).collect::<Result<Vec<_>, _>>()?;
        let text = self.explanation.texts().get(self.text);
        Ok(json!({ "text_index": index, "text": text, "units": units }))
    }

    /// The text, and below it each unit with what fires on it.
    fn listed(&self, session: &mut Session) -> Outcome {
        let out = &mut session.output;
        out.line(shown(self.explanation.texts().get(self.text)))?;
        for unit in self.units.clone() {
            let firings = self.explanation.firings(unit).iter().map(|firing| {
                let above = above(firing.percentile);
                format!(
                    "{} ({:.1} standard deviations, above {above} of the rows)",
                    self.named(firing),
                    firing.deviations
                )
            });
            let firings: Vec<String> = firings.collect();
            let firings = if firings.is_empty() { "nothing".to_owned() } else { firings.join("; ") };
            out.line(format!("  '{}': {firings}", shown(&self.explanation.units()[unit].text)))?;
        }
        Ok(())
    }

    /// The text with each unit in the colour of its strongest concept, and below it what the colours mean.
    fn coloured(&self, colours: &mut HashMap<usize, Style>, session: &mut Session) -> Outcome {
        let text = self.explanation.texts().get(self.text);
        let (mut line, mut at) = (String::new(), 0);
        // Each concept with its strongest unit, in the order in which they come.
        let mut legend: Vec<(Firing, usize)> = Vec::new();
        for unit in self.units.clone() {
            let strongest = self.explanation.firings(unit).first();
            let (Some(firing), Some(span)) = (strongest, self.explanation.units()[unit].span) else { continue };
            match legend.iter_mut().find(|(listed, _)| (listed.concept, listed.pole) == (firing.concept, firing.pole)) {
                Some((listed, of)) if firing.deviations.abs() > listed.deviations.abs() => {
                    (*listed, *of) = (*firing, unit);
                }
                Some(_) => {}
                None => legend.push((*firing, unit)),
            }
            // Units may overlap only where a tokenizer cuts characters; then what was coloured already stays so.
            let (begin, end) = (span.begin.max(at), span.end.max(at));
            let style = colour_of(firing.concept, colours);
            line += &shown(text.get(at..begin).unwrap_or_default());
            let coloured = text.get(begin..end).unwrap_or_default();
            // The space before a word stays as it is.
            let word = coloured.trim_start();
            line += &shown(&coloured[..coloured.len() - word.len()]);
            line += &session.output.styled(style, &shown(word));
            at = end;
        }
        line += &shown(text.get(at..).unwrap_or_default());
        session.output.line(line)?;
        for (firing, unit) in legend {
            let mark = session.output.styled(colour_of(firing.concept, colours), &format!(" {} ", firing.concept));
            let name = self.explanation.name(firing.concept, firing.pole).map_or_else(String::new, ToString::to_string);
            let word = self.explanation.units()[unit].text.trim();
            let line = format!("{} {:.1} sd on '{}'", shown(&name), firing.deviations, shown(word));
            session.output.line(format!("  {mark} {}", line.trim_start()))?;
        }
        Ok(())
    }

    /// `concept 3 ' film', ' movie'`
    fn named(&self, firing: &Firing) -> String {
        let name = self.explanation.name(firing.concept, firing.pole);
        name.map_or_else(
            || format!("concept {}", firing.concept),
            |name| format!("concept {} {}", firing.concept, shown(&name.to_string())),
        )
    }
}

/// A share of rows in words: rounded down, since 100 % is all of them.
fn above(percentile: f32) -> String {
    if percentile >= 100.0 { "all".to_owned() } else { format!("{:.1} %", (percentile * 10.0).floor() / 10.0) }
}

/// The colour of a concept: the next one that is free, in the order in which concepts fire.
fn colour_of(concept: usize, colours: &mut HashMap<usize, Style>) -> Style {
    let next = COLOURS[colours.len() % COLOURS.len()];
    *colours
        .entry(concept)
        .or_insert_with(|| Style::new().fg_color(Some(BLACK)).bg_color(Some(Color::Ansi256(Ansi256Color(next)))))
}
