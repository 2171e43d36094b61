//! Reports: what is on the page is what was found, whatever it is called, in a bounded number of bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use eidos::{
    Activations, CollectOptions, Control, Dictionary, ErrorCode, Explain, Explainer, Ica, IcaOptions, Interpretation,
    Report, ReportOptions, SplitModel, TopInputs,
};
use serde_json::{Value, json};

use crate::common::{SPLITS, assert_error, collect, eurobert, many_texts, tiny};

struct Fitted {
    model: SplitModel,
    activations: Activations,
    explainer: Explainer,
    interpretation: Interpretation,
}

fn fitted() -> Fitted {
    let model = eurobert();
    let activations = collect(&model, &many_texts(150), &CollectOptions::default()).unwrap().remove(1);
    let control = Control::new();
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(6), &control).unwrap();
    let top = TopInputs { negative_pole: true, ..TopInputs::default() };
    let interpretation = top.interpret(&explainer, &activations, &control).unwrap();
    Fitted { model, activations, explainer, interpretation }
}

impl Fitted {
    fn report(&self) -> Report<'_> {
        Report {
            interpretation: Some(&self.interpretation),
            activations: Some(&self.activations),
            ..Report::new(&self.explainer)
        }
    }
}

fn page(report: &Report<'_>, options: &ReportOptions) -> String {
    report.html(options, &Control::new()).unwrap()
}

/// The JSON inside a page.
fn data(page: &str) -> Value {
    let begin = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
    let json = &page[begin..];
    serde_json::from_str(&json[..json.find("</script>").unwrap()]).unwrap()
}

/// An interpretation whose concepts have these labels at both poles.
fn labelled(interpretation: &Interpretation, labels: &[&str]) -> Interpretation {
    let mut written: Value = serde_json::from_str(&interpretation.to_json().unwrap()).unwrap();
    for (index, concept) in written["concepts"].as_array_mut().unwrap().iter_mut().enumerate() {
        let label = labels[index % labels.len()];
        let score = json!({"balanced_accuracy": 0.5 + index as f64 / 20.0, "exciting": 10, "exciting_right": 9, "quiet": 8,
                           "quiet_right": 7, "unanswered": 0});
        concept["positive_label"] = json!({"text": label, "score": score});
        concept["negative_label"] = json!({"text": label, "error": {"code": "invalid_data", "message": label}});
    }
    Interpretation::from_json(written.to_string().as_bytes()).unwrap()
}

#[test]
fn the_data_of_a_page_is_what_was_found() {
    let fitted = fitted();
    let options = ReportOptions { context: 3, passages: 4, ..ReportOptions::default() };
    let found = data(&page(&fitted.report(), &options));
    let concepts = found["concepts"].as_array().unwrap();
    assert_eq!(concepts.len(), 6);
    let count = fitted.explainer.concept_count();
    let rows = fitted.activations.row_count();
    let mut codes = vec![0.0; rows * count];
    fitted.explainer.encode(fitted.activations.rows(0, rows).unwrap(), &mut codes).unwrap();
    let code = |row: usize, concept: usize| codes[row * count + concept];
    let distributions = fitted.explainer.distributions().unwrap();
    let levels = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    let near = |written: &Value, exact: f64| {
        let written = written.as_f64().unwrap();
        assert!((written - exact).abs() <= 2e-3 * exact.abs().max(1.0), "{written} instead of {exact}");
    };
    let mut last = f64::INFINITY;
    for written in concepts {
        let concept = written["concept"].as_u64().unwrap() as usize;
        let listed = &fitted.interpretation.concepts()[concept];
        for (pole, inputs, sign) in [("positive", &listed.positive, 1.0), ("negative", &listed.negative, -1.0_f32)] {
            let written_inputs = written[pole]["inputs"].as_array().unwrap();
            assert_eq!(written_inputs.len(), inputs.len());
            for (written, input) in written_inputs.iter().zip(inputs) {
                assert_eq!(written[0], input.text);
                near(&written[1], f64::from(input.activation));
            }
            // The passages are those of the texts with the strongest codes.
            let mut best: Vec<(usize, f32)> = Vec::new();
            for row in 0..rows {
                let (text, strength) =
                    (fitted.activations.unit_span(row).unwrap().text_index, sign * code(row, concept));
                match best.iter_mut().find(|(known, _)| *known == text) {
                    Some((_, most)) => *most = most.max(strength),
                    None => best.push((text, strength)),
                }
            }
            best.sort_by(|a, b| b.1.total_cmp(&a.1));
            let passages = written[pole]["passages"].as_array().unwrap();
            assert_eq!(passages.len(), 4);
            near(&passages[0][2], f64::from(sign * best[0].1));
            for passage in passages {
                let pieces = found["windows"][passage[0].as_u64().unwrap() as usize].as_array().unwrap();
                let units: Vec<&str> = pieces.iter().filter_map(Value::as_str).collect();
                let peak = passage[1].as_u64().unwrap() as usize;
                let text: String = pieces
                    .iter()
                    .map(|piece| piece.as_str().or(piece[0].as_str()).unwrap_or(" ").trim_matches('…'))
                    .collect();
                assert!(fitted.activations.texts().iter().any(|known| known.contains(text.trim())), "{text}");
                // Some row of that unit has these codes, and those around it.
                let shown = passage[3].as_str().unwrap();
                assert_eq!(shown.chars().count(), units.len());
                let scale = written["scale"].as_f64().unwrap();
                let fits = (0..=rows - units.len()).any(|first| {
                    units.iter().zip(shown.chars()).enumerate().all(|(at, (unit, level))| {
                        let level = (levels.find(level).unwrap() as f64 - 31.0) / 31.0;
                        fitted.activations.unit(first + at) == Some(unit)
                            && (level * scale - f64::from(code(first + at, concept))).abs() <= scale / 60.0
                    })
                });
                assert!(fits, "{units:?} {shown}");
                near(&passage[2], f64::from(sign) * passage[2].as_f64().unwrap().abs());
                assert!(peak < units.len());
            }
        }
        near(&written["moments"][1], distributions.deviation(concept));
        near(&written["peak"][0], f64::from(distributions.standard_score(concept, listed.positive[0].activation)));
        let beyond = |sign: f64| {
            let of = |row: usize| {
                (f64::from(code(row, concept)) - distributions.mean(concept)) / distributions.deviation(concept)
            };
            100.0 * (0..rows).filter(|row| sign * of(*row) >= 2.0).count() as f64 / rows as f64
        };
        assert!((written["fires"][0].as_f64().unwrap() - beyond(1.0)).abs() < 1.0);
        assert!((written["fires"][1].as_f64().unwrap() - beyond(-1.0)).abs() < 1.0);
        let bars: u64 =
            written["histogram"]["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
        assert!(bars.abs_diff(rows as u64) < 40, "{bars} instead of {rows}");
        assert_eq!(written["near"].as_array().unwrap().len(), 5);
        let strength =
            written["peak"].as_array().unwrap().iter().map(|peak| peak.as_f64().unwrap().abs()).fold(0.0, f64::max);
        assert!(strength <= last);
        last = strength;
    }
}

#[test]
fn a_page_has_the_same_bytes_whatever_the_threads_and_the_storage() {
    let fitted = fitted();
    let folder = tempfile::tempdir().unwrap();
    let shards =
        CollectOptions { folder: Some(folder.path().join("rows")), shard_bytes: 1 << 12, ..CollectOptions::default() };
    let shards = collect(&fitted.model, &many_texts(150), &shards).unwrap().remove(1);
    let expected = page(&fitted.report(), &ReportOptions { threads: 1, ..ReportOptions::default() });
    for threads in [0, 3] {
        let report = Report { activations: Some(&shards), ..fitted.report() };
        assert!(page(&report, &ReportOptions { threads, ..ReportOptions::default() }) == expected, "{threads} threads");
    }
    let path = folder.path().join("report.html");
    fitted.report().save_html(&path, &ReportOptions::default(), &Control::new()).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap() == expected);
    let nowhere = folder.path().join("none/report.html");
    let refused = fitted.report().save_html(&nowhere, &ReportOptions::default(), &Control::new());
    assert_error(refused, ErrorCode::NotFound, &["none"]);
}

#[test]
fn parts_that_are_not_there_are_left_out() {
    let fitted = fitted();
    let all = page(&fitted.report(), &ReportOptions::default());
    for part in ["id=\"map\"", "id=\"texts\"", "class=\"passages\"", "class=\"hist\""] {
        assert!(all.contains(part), "{part}");
    }
    assert!(all.contains("130 more texts are not shown") && all.contains("<title>Concepts of "));
    assert!(all.contains("A concept fires on a row") && all.contains("Fires most: <a"));
    let alone = page(
        &Report::new(&fitted.explainer),
        &ReportOptions { title: Some("Mine".to_owned()), ..ReportOptions::default() },
    );
    assert!(alone.contains("<h1 dir=\"auto\">Mine</h1>") && alone.contains("class=\"hist\""));
    assert!(
        !alone.contains(">dead on these texts")
            && !alone.contains("id=\"texts\"")
            && !alone.contains("class=\"passages\"")
    );
    assert_eq!(data(&alone)["concepts"].as_array().unwrap().len(), 6);
    // Without an interpretation the inputs are found among the activations.
    let own = Report { interpretation: None, ..fitted.report() };
    let options = ReportOptions { inputs: 5, ..ReportOptions::default() };
    assert_eq!(data(&page(&own, &options))["concepts"], data(&page(&fitted.report(), &options))["concepts"]);
    // A dictionary of somebody else's, rows without texts.
    let width = fitted.explainer.input_width();
    let one: Vec<f32> = (0..2 * width).map(|at| f32::from(u8::from(at % (width + 1) == 0))).collect();
    let dictionary = Dictionary::new(one.clone(), one, width).explainer().unwrap();
    let plain = Activations::from_rows((0..3 * width).map(|at| at as f32).collect(), width, None).unwrap();
    let bare = page(&Report { activations: Some(&plain), ..Report::new(&dictionary) }, &ReportOptions::default());
    assert!(!bare.contains("A concept fires"), "nobody knows how its activations lie");
    assert!(bare.contains("row 2") && !bare.contains("class=\"hist\"") && !bare.contains("id=\"map\""));
    // Texts that somebody else explained.
    let explained = Explain::default()
        .explain_inputs(&fitted.explainer, None, &fitted.model, &["a sad film", "the naïve ending"], &Control::new())
        .unwrap();
    let others = page(&Report { explanation: Some(&explained), ..fitted.report() }, &ReportOptions::default());
    assert_eq!(others.matches("<article class=\"text\"").count(), 2);
    let nothing = ReportOptions {
        inputs: 0,
        passages: 0,
        neighbours: 0,
        texts: 0,
        concepts_without_scripts: 0,
        ..ReportOptions::default()
    };
    let nothing = page(&fitted.report(), &nothing);
    assert!(
        !nothing.contains("class=\"passages\"") && !nothing.contains("<details") && !nothing.contains("id=\"texts\"")
    );
}

#[test]
fn what_is_hostile_is_text() {
    let hostile = [
        "</script><script>window.owned = 1</script>",
        "<img src=x onerror=\"window.owned = 2\">",
        "\"' onmouseover='window.owned = 3' x=\"",
        "<!--<script>",
        "\u{202e}gnp.exe \u{2028}\u{2029}\0\u{1b}[31m",
        "</style><style>*{display:none}</style>&lt;&#60;",
    ];
    let control = Control::new();
    let mut random = 1_u32;
    let values: Vec<f32> = (0..60 * 4)
        .map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as f32 / 8e6 - 1.0
        })
        .collect();
    let units: Vec<&str> = (0..60).map(|row| hostile[row % hostile.len()]).collect();
    let activations = Activations::from_rows(values, 4, Some(&units)).unwrap();
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(3), &control).unwrap();
    let top = TopInputs { negative_pole: true, ..TopInputs::default() };
    let meaning = labelled(&top.interpret(&explainer, &activations, &control).unwrap(), &hostile);
    let report = Report { interpretation: Some(&meaning), activations: Some(&activations), ..Report::new(&explainer) };
    let page = page(&report, &ReportOptions { title: Some(hostile.join(" ")), ..ReportOptions::default() });
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!((page.matches("</script>").count(), page.matches("<style").count()), (2, 1));
    assert!(
        !page.contains("<img") && !page.contains("<!--") && !page.contains(['\0', '\u{202e}', '\u{2028}', '\u{1b}'])
    );
    // In the JSON, which no browser reads as markup, an apostrophe is an apostrophe.
    let (markup, json) = page.split_once("id=\"data\">").unwrap();
    let markup = format!("{markup}{}", json.split_once("</script>").unwrap().1);
    for attribute in ["onerror=\"", "onmouseover='"] {
        assert!(!markup.contains(attribute), "{attribute}");
    }
    // Nothing is lost of it.
    let inputs = data(&page)["concepts"][0]["positive"]["inputs"].to_string();
    assert!(inputs.contains("</script><script>window.owned = 1</script>") || inputs.contains("onerror"), "{inputs}");
}

#[test]
fn a_thousand_concepts_take_less_than_two_megabytes() {
    let fitted = fitted();
    let width = fitted.explainer.input_width();
    let mut random = eidos::linalg::RandomState::new(4);
    let dictionary: Vec<f32> = (0..1000 * width).map(|_| random.normal() as f32).collect();
    let control = Control::new();
    let explainer = Dictionary::new(dictionary.clone(), dictionary, width).explainer().unwrap();
    let texts: Vec<String> = (0..800).map(|text| many_texts(text + 6)[text..].join(" ")).collect();
    let activations = collect(&fitted.model, &texts, &CollectOptions::default()).unwrap().remove(1);
    let explainer = explainer.calibrate(&activations, &control).unwrap();
    let top = TopInputs { k: 10, negative_pole: true, ..TopInputs::default() };
    let meaning = top.interpret(&explainer, &activations, &control).unwrap();
    let meaning = labelled(&meaning, &["adverbs that weaken what a reviewer says about the plot, as in ‘rather slow’"]);
    let report = Report { interpretation: Some(&meaning), activations: Some(&activations), ..Report::new(&explainer) };
    let page = page(&report, &ReportOptions::default());
    let found = data(&page);
    let passages = |pole: &str| found["concepts"][500][pole]["passages"].as_array().unwrap().len();
    assert_eq!((found["concepts"].as_array().unwrap().len(), passages("positive"), passages("negative")), (1000, 3, 3));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("980 more are in this page"));
}

#[test]
fn parts_that_do_not_go_together_are_errors() {
    let fitted = fitted();
    let control = Control::new();
    let html = |report: Report<'_>| report.html(&ReportOptions::default(), &control);
    let other = tiny("eurobert", "base", &SPLITS[..1]);
    let elsewhere = collect(&other, &many_texts(60), &CollectOptions::default()).unwrap().remove(0);
    let refused = html(Report { activations: Some(&elsewhere), ..fitted.report() });
    assert_error(refused, ErrorCode::Mismatch, &["columns"]);
    let more = Explainer::fit::<Ica>(&fitted.activations, &IcaOptions::new(8), &control).unwrap();
    let of_more = TopInputs::default().interpret(&more, &fitted.activations, &control).unwrap();
    let refused = html(Report { interpretation: Some(&of_more), ..fitted.report() });
    assert_error(refused, ErrorCode::Mismatch, &["concept 6"]);
    let cancelled = Control::new();
    cancelled.cancel();
    assert_error(fitted.report().html(&ReportOptions::default(), &cancelled), ErrorCode::Cancelled, &[]);
}

/// A CSV file as records, read as RFC 4180 says.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut field)),
            '\r' if !is_quoted => {
                assert_eq!(characters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(character),
        }
    }
    assert!(record.is_empty() && field.is_empty() && !is_quoted);
    records
}

#[test]
fn tables_have_all_that_was_found() {
    let fitted = fitted();
    let control = Control::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let read = || records(&std::fs::read_to_string(&path).unwrap());
    let label = "a \"label\",\r\nwith lines";
    let meaning = labelled(&fitted.interpretation, &[label]);
    meaning.save_csv(&path).unwrap();
    let found = read();
    assert_eq!(found[0], ["concept", "pole", "label", "score", "rank", "input", "activation", "row"]);
    let mut next = 1;
    for concept in meaning.concepts() {
        for (name, inputs) in [("positive", &concept.positive), ("negative", &concept.negative)] {
            for (rank, input) in inputs.iter().enumerate() {
                let record = &found[next];
                next += 1;
                assert_eq!(record[..3], [concept.concept.to_string(), name.to_owned(), label.to_owned()]);
                assert_eq!(record[4..6], [(rank + 1).to_string(), input.text.clone()]);
                assert_eq!((record[6].parse(), record[7].parse()), (Ok(input.activation), Ok(input.row)));
            }
        }
    }
    assert_eq!(next, found.len());

    for (least, explainer) in [(0.0, &fitted.explainer), (2.0, &fitted.explainer)] {
        let report = Report { activations: Some(&fitted.activations), ..Report::new(explainer) };
        report.save_codes_csv(&path, least, &control).unwrap();
        let found = read();
        let mut expected = 1;
        let known = explainer.distributions().unwrap();
        for row in 0..fitted.activations.row_count() {
            let mut codes = vec![0.0; 6];
            explainer.encode(fitted.activations.rows(row, 1).unwrap(), &mut codes).unwrap();
            let span = fitted.activations.unit_span(row).unwrap();
            for (concept, code) in codes.into_iter().enumerate() {
                let deviations = known.standard_score(concept, code);
                if deviations.abs() < least {
                    continue;
                }
                let record = &found[expected];
                expected += 1;
                let numbers = [row, span.text_index, span.begin, span.end].map(|number| number.to_string());
                assert_eq!(record[..4], numbers);
                assert_eq!(
                    (record[4].as_str(), record[5].parse()),
                    (fitted.activations.unit(row).unwrap(), Ok(concept))
                );
                assert_eq!((record[6].parse(), record[7].parse()), (Ok(code), Ok(deviations)));
            }
        }
        assert_eq!(expected, found.len());
    }
    let report = fitted.report();
    for wrong in [f32::NAN, -1.0] {
        assert_error(report.save_codes_csv(&path, wrong, &control), ErrorCode::InvalidArgument, &["deviations"]);
    }
    let before = std::fs::read(&path).unwrap();
    let cancelled = Control::new();
    cancelled.cancel();
    assert_error(report.save_codes_csv(&path, 0.0, &cancelled), ErrorCode::Cancelled, &[]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let alone = Report::new(&fitted.explainer).save_codes_csv(&path, 0.0, &control);
    assert_error(alone, ErrorCode::InvalidArgument, &["activations"]);
}

#[test]
fn neuronpedia_gets_a_batch_of_features() {
    let fitted = fitted();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("batch-0.json");
    let options = ReportOptions { passages: 2, ..ReportOptions::default() };
    fitted.report().save_neuronpedia(&path, &options, &Control::new()).unwrap();
    let found: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&found["layer"], &found["sae_set"]), (&json!(0), &json!(SPLITS[1])));
    let features = found["features"].as_array().unwrap();
    assert_eq!(features.len(), 6);
    for (index, feature) in features.iter().enumerate() {
        assert_eq!(feature["feature_index"], index);
        assert_eq!(feature["n_prompts_total"], 150);
        assert!((feature["frac_nonzero"].as_f64().unwrap() - 1.0).abs() < 0.01);
        let bars = feature["freq_hist_data_bar_heights"].as_array().unwrap();
        assert_eq!(bars.len(), feature["freq_hist_data_bar_values"].as_array().unwrap().len());
        assert_eq!(bars.iter().map(|bar| bar.as_u64().unwrap()).sum::<u64>(), fitted.activations.row_count() as u64);
        let sequences = feature["activations"].as_array().unwrap();
        assert_eq!(sequences.len(), 2);
        for sequence in sequences {
            let tokens = sequence["tokens"].as_array().unwrap();
            let values: Vec<f64> =
                sequence["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            assert_eq!(tokens.len(), values.len());
            let most = values.iter().copied().fold(f64::MIN, f64::max);
            assert_eq!(sequence["bin_max"].as_f64().map(f64::to_bits), Some(most.to_bits()));
            let text: String = tokens.iter().map(|token| token.as_str().unwrap()).collect();
            assert!(fitted.activations.texts().iter().any(|known| known.contains(text.trim_matches('…').trim())));
        }
        let strongest = fitted.interpretation.concepts()[index].positive[0].activation;
        assert_eq!((sequences[0]["bin_max"].as_f64().unwrap() as f32).to_bits(), strongest.to_bits());
    }
}

#[test]
fn figures_apart_show_what_the_codes_say() {
    let fitted = fitted();
    let control = Control::new();
    let report = fitted.report();
    let map = report.map_svg(&control).unwrap();
    assert_eq!((map.matches("<circle").count(), map.matches("</title>").count()), (6, 7));
    let text = (0..150).find(|text| fitted.activations.texts().get(*text).split(' ').count() > 8).unwrap();
    let heat = report.heat_map_svg(text, 4, &control).unwrap();
    let rows: Vec<usize> = (0..fitted.activations.row_count())
        .filter(|row| fitted.activations.unit_span(*row).unwrap().text_index == text)
        .collect();
    assert_eq!(heat.matches("<rect class=").count(), 1 + 4 * rows.len());
    let known = fitted.explainer.distributions().unwrap();
    let mut scores: Vec<(usize, f32)> = (0..6).map(|concept| (concept, 0.0)).collect();
    let mut classes = Vec::new();
    for &row in &rows {
        let mut codes = vec![0.0; 6];
        fitted.explainer.encode(fitted.activations.rows(row, 1).unwrap(), &mut codes).unwrap();
        let deviations: Vec<f32> = (0..6).map(|concept| known.standard_score(concept, codes[concept])).collect();
        for (score, deviations) in scores.iter_mut().zip(&deviations) {
            score.1 = score.1.max(deviations.abs());
        }
        classes.push(deviations);
    }
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    let lines: Vec<&str> = heat.split("<text text-anchor=\"end\"").skip(1).collect();
    for (line, (concept, _)) in lines.iter().zip(&scores) {
        assert!(line.contains(&format!(">{concept} ")), "{line}");
        for (cell, deviations) in line.split("<rect class=\"").skip(1).zip(classes.iter().map(|row| row[*concept])) {
            let step = (deviations.abs() * 0.9 - 0.5).ceil().clamp(0.0, 9.0);
            let sign = if deviations < 0.0 { 'n' } else { 'p' };
            let class = if step >= 1.0 { format!("{sign}{step}\"") } else { "none\"".to_owned() };
            assert!(cell.starts_with(&class), "{deviations}: {cell}");
        }
    }
    assert_error(report.heat_map_svg(150, 4, &control), ErrorCode::InvalidArgument, &["text 150"]);
    assert_error(report.heat_map_svg(text, 0, &control), ErrorCode::InvalidArgument, &["no concepts"]);
    let empty = (0..150).find(|text| fitted.activations.texts().get(*text).is_empty()).unwrap();
    assert_error(report.heat_map_svg(empty, 4, &control), ErrorCode::InvalidArgument, &["no units"]);
    let width = fitted.explainer.input_width();
    let two = Dictionary::new(vec![1.0; 2 * width], vec![1.0; 2 * width], width).explainer().unwrap();
    assert_error(Report::new(&two).map_svg(&control), ErrorCode::InvalidArgument, &["two axes"]);
    // Without distributions colours are parts of the strongest activation.
    let plain = Dictionary::new(fitted.explainer.dictionary().to_vec(), fitted.explainer.dictionary().to_vec(), width);
    let plain = plain.explainer().unwrap();
    let heat = Report { explainer: &plain, ..report }.heat_map_svg(text, 4, &control).unwrap();
    assert!(heat.contains("class=\"p9\"") || heat.contains("class=\"n9\""));
}
