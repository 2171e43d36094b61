//! The page: what was found, in markup.

use std::fmt::Write;

use askama::Template;
use askama::filters::{Html, escape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::facts::{ConceptFacts, Facts, LEVELS, PoleFacts, TextFacts};
use super::passages::{POLES, Piece};
use super::strings::{count, for_people, json_in_script, shown, start_of};
use super::{Report, ReportOptions, svg};
use crate::error::{Error, Result};
use crate::interpret::{Firing, Pole};

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The longest value in the table of the fit, in bytes.
const LONGEST_VALUE: usize = 2000;
/// The levels of a unit in a passage on each side of zero.
const SHADES: f64 = 9.0;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    policy: String,
    version: &'a str,
    title: String,
    style: &'a str,
    script: &'a str,
    json: String,
    about: Vec<(&'a str, String)>,
    described: bool,
    labelled: bool,
    scored: bool,
    peak_name: &'a str,
    peak_title: &'a str,
    /// When a concept fires, where that is known.
    fires_says: &'a str,
    plain_says: String,
    plain: Vec<Plain>,
    map: String,
    map_says: String,
    texts: Vec<PlainText>,
    texts_say: String,
    warnings: Vec<String>,
    fit: Vec<(String, String)>,
}

/// A concept as the page shows it without scripts.
struct Plain {
    id: usize,
    name: String,
    note: String,
    poles: Vec<PlainPole>,
    stats: Vec<(String, String)>,
    histogram: String,
    /// The nearest concepts, their cosines, and whether they are shown without scripts, too.
    near: Vec<(usize, String, bool)>,
}

struct PlainPole {
    is_negative: bool,
    label: String,
    notes: Vec<String>,
    inputs: Vec<(String, String, String)>,
    passages: Vec<PlainPassage>,
}

struct PlainPassage {
    activation: String,
    tokens: Vec<String>,
}

struct PlainText {
    tokens: Vec<String>,
    strongest: Vec<(usize, String, String)>,
}

/// Writes the page.
///
/// # Errors
/// [`crate::ErrorCode::Internal`] only.
pub(super) fn write(report: &Report<'_>, facts: &Facts, options: &ReportOptions) -> Result<String> {
    let json = serde_json::to_string(facts).map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
    let plain_count = options.concepts_without_scripts.min(facts.concepts.len());
    let known = facts.concepts.iter().any(|concept| concept.peak.is_some());
    let page = Page {
        policy: policy(),
        version: env!("CARGO_PKG_VERSION"),
        title: title(report, options),
        style: STYLE,
        script: SCRIPT,
        json: json_in_script(&json),
        about: about(report, facts),
        described: facts.described,
        labelled: facts.labelled,
        scored: facts.scored,
        peak_name: "Peak",
        peak_title: if known {
            "The strongest activation in standard deviations from the mean"
        } else {
            "The strongest activation"
        },
        fires_says: if known {
            "A concept fires on a row whose activation lies two standard deviations or more from its mean over the rows of the fit."
        } else {
            ""
        },
        plain_says: plain_says(plain_count, facts),
        plain: facts.concepts[..plain_count].iter().map(|concept| plain(concept, facts, plain_count)).collect(),
        map: svg::map(facts),
        map_says: map_says(facts),
        texts: facts.texts.iter().map(|text| plain_text(text, facts)).collect(),
        texts_say: texts_say(facts),
        warnings: report.explainer.report().warnings.iter().map(|warning| shown(warning).into_owned()).collect(),
        fit: fit(report),
    };
    page.render().map_err(|error| Error::internal(format!("cannot write the page: {error}")))
}

/// What the page may load: nothing but its own style and script, which are known by their hashes.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn title(report: &Report<'_>, options: &ReportOptions) -> String {
    let provenance = report.explainer.provenance();
    let title = match (&options.title, &provenance.model, &provenance.split_point) {
        (Some(title), ..) => title.clone(),
        (None, Some(model), Some(split)) => format!("Concepts of {model} at {split}"),
        (None, Some(model), None) => format!("Concepts of {model}"),
        _ => {
            let [concepts, columns] = [report.explainer.concept_count(), report.explainer.input_width()];
            format!("{} concepts of {} columns", count(concepts as u64), count(columns as u64))
        }
    };
    shown(&start_of(&title, 300)).into_owned()
}

fn about<'a>(report: &Report<'_>, facts: &Facts) -> Vec<(&'a str, String)> {
    let explainer = report.explainer;
    let all = explainer.concept_count();
    let listed = facts.concepts.len();
    let concepts =
        if listed == all { count(all as u64) } else { format!("{} of {}", count(listed as u64), count(all as u64)) };
    let mut about = vec![("Concepts", concepts), ("Method", shown(explainer.method()).into_owned())];
    if let Some(model) = &explainer.provenance().model {
        about.push(("Model", shown(model).into_owned()));
    }
    if let Some(split) = &explainer.provenance().split_point {
        about.push(("Module", shown(split).into_owned()));
    }
    about.push(("Columns", count(explainer.input_width() as u64)));
    if let Some(known) = explainer.distributions() {
        about.push(("Rows of the fit", count(known.row_count())));
    }
    if let Some(granularity) = explainer.provenance().granularity {
        about.push(("One row is one", granularity.name().replace('_', " ")));
    }
    if let Some(labelling) = report.interpretation.and_then(|interpretation| interpretation.labelling()) {
        about.push(("Labels by", shown(&labelling.model).into_owned()));
    }
    about
}

fn plain_says(shown: usize, facts: &Facts) -> String {
    let all = facts.concepts.len();
    let [first, by] =
        if facts.scored { ["the best labels", "with the best labels"] } else { ["the strongest", "strongest"] };
    if shown == all {
        return format!("All {} concepts, {first} first.", count(all as u64));
    }
    let left_out = count((all - shown) as u64);
    let shown = count(shown as u64);
    format!("The {shown} concepts that are {by}. {left_out} more are in this page and are listed where scripts run.")
}

fn map_says(facts: &Facts) -> String {
    let [first, second] = facts.axes.unwrap_or_default().map(|share| 100.0 * share);
    format!(
        "Each point is a concept, along the two principal axes of the directions of the dictionary, which have {first:.1} % (across) and \
         {second:.1} % (up) of their variance. Concepts that are near each other here may be far apart along other axes; their cosines \
         say how near they are. A ring marks the chosen concept, smaller ones its nearest."
    )
}

fn texts_say(facts: &Facts) -> String {
    let left_out = match facts.texts_left_out {
        0 => String::new(),
        left_out => format!(" {} more texts are not shown.", count(left_out as u64)),
    };
    format!(
        "Each unit is coloured by the concept that fires most on it: by how many standard deviations its activation lies above (blue) or \
         below (orange) the mean over the rows of the fit. It leads to that concept.{left_out}"
    )
}

fn plain(concept: &ConceptFacts, facts: &Facts, plain_count: usize) -> Plain {
    let [positive, negative] = POLES.map(|pole| concept.pole(pole).name());
    let name = match (positive.is_empty(), negative.is_empty()) {
        (true, true) if facts.described => "dead on these texts".to_owned(),
        (true, true) => String::new(),
        (false, true) => positive,
        (true, false) => format!("against {negative}"),
        (false, false) => format!("{positive} against {negative}"),
    };
    let shown: Vec<usize> = facts.concepts[..plain_count].iter().map(|concept| concept.concept).collect();
    let poles = POLES.into_iter().map(|pole| plain_pole(concept, pole, facts));
    let is_there = |pole: &PlainPole| !(pole.label.is_empty() && pole.notes.is_empty() && pole.inputs.is_empty());
    let scores: Vec<String> =
        POLES.iter().filter_map(|pole| concept.pole(*pole).score).map(|score| format!("{score:.2}")).collect();
    Plain {
        id: concept.concept,
        name,
        note: if scores.is_empty() { String::new() } else { format!("score {}", scores.join(" and ")) },
        poles: poles.filter(is_there).collect(),
        stats: stats(concept, facts),
        histogram: concept.histogram.as_ref().map(svg::histogram).unwrap_or_default(),
        near: concept
            .near
            .iter()
            .map(|(other, cosine)| (*other, format!("{cosine:.2}").replace('-', "−"), shown.contains(other)))
            .collect(),
    }
}

fn stats(concept: &ConceptFacts, facts: &Facts) -> Vec<(String, String)> {
    let mut stats = Vec::new();
    if let Some(peak) = concept.peak {
        let peaks = peak.iter().filter(|peak| **peak != 0.0).map(|peak| format!("{} SD", for_people(*peak)));
        stats.push(("Strongest activations".to_owned(), peaks.collect::<Vec<_>>().join(" and ")));
    }
    if let Some([above, below]) = concept.fires {
        stats.push(("Fires on".to_owned(), fires(above, below)));
    }
    if let Some([mean, deviation]) = concept.moments {
        stats.push(("Mean and SD".to_owned(), format!("{}, {}", for_people(mean), for_people(deviation))));
    }
    let measures = facts.measures.iter().zip(&concept.measures);
    stats.extend(measures.map(|(name, value)| (name.clone(), for_people(*value))));
    stats
}

fn fires(above: f64, below: f64) -> String {
    let negatively = if below > 0.0 { format!(", negatively on {below:.2} %") } else { String::new() };
    format!("{above:.2} % of rows{negatively}")
}

fn plain_pole(concept: &ConceptFacts, pole: Pole, facts: &Facts) -> PlainPole {
    let known: &PoleFacts = concept.pole(pole);
    let mut notes = Vec::new();
    if let (Some(score), Some([right, exciting, quiet_right, quiet])) = (known.score, known.judged) {
        notes.push(format!(
            "Score {score:.2}: {right} of {exciting} exciting and {quiet_right} of {quiet} quiet passages judged rightly."
        ));
    }
    notes.extend(known.error.clone());
    let input = |(text, activation): &(String, f64)| {
        (text.clone(), shade(*activation / concept.scale), for_people(*activation))
    };
    let passage = |(window, peak, activation, levels): &(usize, usize, f64, String)| {
        let share =
            |level: u8| LEVELS.iter().position(|known| *known == level).map_or(0.0, |at| (at as f64 - 31.0) / 31.0);
        let mut units = levels.bytes().enumerate();
        let tokens = facts.windows[*window].iter().map(|piece| {
            token(piece, || {
                let (index, level) = units.next().unwrap_or_default();
                let tag = if index == *peak { "mark" } else { "span" };
                (tag, shade(share(level)), String::new())
            })
        });
        PlainPassage { activation: for_people(*activation), tokens: tokens.collect() }
    };
    PlainPole {
        is_negative: pole == Pole::Negative,
        label: known.label.clone().unwrap_or_default(),
        notes,
        inputs: known.inputs.iter().map(input).collect(),
        passages: known.passages.iter().map(passage).collect(),
    }
}

/// A piece of a text as markup. `unit` says the element of a unit, its shade, and further attributes, which are markup already.
fn token(piece: &Piece, unit: impl FnOnce() -> (&'static str, String, String)) -> String {
    match piece {
        Piece::Space(_) => " ".to_owned(),
        Piece::Gap([text]) => escaped(text),
        Piece::Unit(text) => {
            let (tag, shade, attributes) = unit();
            if shade.is_empty() && tag == "span" {
                return escaped(text);
            }
            // The space before a word is not coloured.
            let word = if text.trim_start().is_empty() { text } else { text.trim_start() };
            let space = &text[..text.len() - word.len()];
            format!("{space}<{tag} class=\"u {shade}\"{attributes}>{}</{tag}>", escaped(word))
        }
    }
}

pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let Ok(text) = escape(text, Html);
    write!(safe, "{text}").ok();
    safe
}

/// The class of a colour for a share of the strongest one; none for what is hardly any.
pub(super) fn shade(share: f64) -> String {
    let step = (share.abs() * SHADES - 0.5).ceil().min(SHADES);
    if step >= 1.0 { format!("{}{step:.0}", if share < 0.0 { 'n' } else { 'p' }) } else { String::new() }
}

fn plain_text(text: &TextFacts, facts: &Facts) -> PlainText {
    let places = facts.places();
    let name = |firing: &Firing| {
        places.get(&firing.concept).map(|place| facts.concepts[*place].pole(firing.pole).name()).unwrap_or_default()
    };
    let deviations = |firing: &Firing| format!("{:+.1}", firing.deviations).replace('-', "−");
    let mut units = text.firings.iter();
    let mut tokens: Vec<String> = text
        .pieces
        .iter()
        .map(|piece| {
            token(piece, || {
                let Some(firing) = units.next().and_then(|firings| firings.first()) else {
                    return ("span", String::new(), String::new());
                };
                let says = format!("{} SD, concept {} {}", deviations(firing), firing.concept, name(firing));
                let shade = shade(f64::from(firing.deviations) / 10.0);
                ("a", shade, format!(" href=\"#c{}\" title=\"{}\"", firing.concept, escaped(&says)))
            })
        })
        .collect();
    if text.units_left_out > 0 {
        tokens.push(format!(" … ({} more units)", count(text.units_left_out as u64)));
    }
    let strongest = text.strongest.iter().map(|firing| (firing.concept, name(firing), deviations(firing)));
    PlainText { tokens, strongest: strongest.collect() }
}

/// The rows of the table of the fit.
fn fit(report: &Report<'_>) -> Vec<(String, String)> {
    let (explainer, fit) = (report.explainer, report.explainer.report());
    let mut rows = vec![("Method".to_owned(), explainer.method().to_owned())];
    if let Some(converged) = fit.converged {
        let steps = count(fit.steps as u64);
        let how =
            if converged { format!("yes, in {steps} steps") } else { format!("no: {steps} steps were not enough") };
        rows.push(("Converged".to_owned(), how));
    }
    for measure in &fit.measures {
        rows.push((measure.name.clone(), summary(&measure.values)));
    }
    if let Some(options) = explainer.options().as_object() {
        rows.extend(options.iter().map(plain_row));
    }
    let provenance = serde_json::to_value(explainer.provenance()).unwrap_or_default();
    rows.extend(provenance.as_object().into_iter().flatten().map(plain_row));
    let safe = |text: String| shown(&start_of(&text, LONGEST_VALUE)).into_owned();
    rows.into_iter().map(|(name, value)| (safe(name), safe(value))).collect()
}

/// A row of the table for a field of JSON; a string stands without quotes.
fn plain_row((name, value): (&String, &Value)) -> (String, String) {
    (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A number, or the least, the middle and the largest of many.
fn summary(values: &[f64]) -> String {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => String::new(),
        [value] => for_people(*value),
        [least, .., most] => {
            let middle = sorted[sorted.len() / 2];
            format!("{} to {}, median {}", for_people(*least), for_people(*most), for_people(middle))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_and_the_script_cannot_end_their_elements() {
        for text in [STYLE, SCRIPT] {
            let small = text.to_lowercase();
            assert!(!small.contains("</style") && !small.contains("</script") && !small.contains("<!--"));
            assert!(
                !small.contains("http://")
                    || small.matches("http://").count() == small.matches("http://www.w3.org/2000/svg").count()
            );
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval(") && !STYLE.contains("url("));
        assert!(SCRIPT.contains(std::str::from_utf8(LEVELS).unwrap()));
    }

    #[test]
    fn shades_have_nine_steps_on_each_side() {
        let shares = [0.0, 0.05, 0.06, 0.5, 1.0, 7.0, -0.2, -1.0];
        assert_eq!(shares.map(shade), ["", "", "p1", "p4", "p9", "p9", "n2", "n9"].map(str::to_owned));
    }

    #[test]
    fn a_unit_is_text_whatever_it_says() {
        let unit = || ("span", "p1".to_owned(), String::new());
        let hostile = Piece::Unit("</span><script>alert('x')</script>&\"".to_owned());
        let markup = token(&hostile, unit);
        assert_eq!(markup.matches('<').count(), 2, "{markup}");
        assert!(!markup.contains("\"\"") && markup.contains("&#38;"), "{markup}");
        assert_eq!(token(&Piece::Gap(["<b>".to_owned()]), unit), "&#60;b&#62;");
    }
}
