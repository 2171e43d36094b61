//! What each subcommand does.

use serde_json::Value;

use crate::server::{Play, Server};
use crate::{all_lines, eidos, failure, fed, finished, json, repository, stdout, texts, told};

/// A text that is not among those of the demo.
const TEXT: &str = "His jokes are tired, but her voice is wonderful.";

#[test]
fn modules_lists_where_a_model_can_be_split() {
    let folder = tempfile::tempdir().unwrap();
    let listed = stdout(folder.path(), &["modules", "eidos:demo"]);
    let line = listed.lines().find(|line| line.contains("model.layers.2.mlp ")).unwrap();
    assert!(line.starts_with("* ") && line.contains("EuroBertMLP") && line.contains("192 columns"), "{line}");
    let all = json(folder.path(), &["modules", "eidos:demo"]);
    assert_eq!((&all["format"], &all["family"]), (&"eidos.modules".into(), &"eurobert".into()));
    let modules = all["modules"].as_array().unwrap();
    assert_eq!(modules.len(), listed.lines().count() - 1);
    let mlp = modules.iter().find(|module| module["path"] == "model.layers.2.mlp").unwrap();
    assert_eq!((mlp["can_split"].as_bool(), mlp["width"].as_u64()), (Some(true), Some(192)));
    let blocks = json(folder.path(), &["modules", "eidos:demo", "--recommended"]);
    let blocks = blocks["modules"].as_array().unwrap();
    assert!(blocks.len() >= 4 && blocks.iter().all(|block| block["is_recommended"] == true), "{blocks:?}");
}

#[test]
fn collect_writes_a_folder_for_each_split_point() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts();
    let arguments = ["collect", "eidos:demo", texts.to_str().unwrap(), "--most", "9", "--out", "rows"];
    let one = json(folder.path(), &[&arguments[..], &["-s", "layers.1"]].concat());
    assert_eq!((&one["format"], &one["texts"], &one["columns"]), (&"eidos.collected".into(), &9.into(), &192.into()));
    assert_eq!(one["provenance"]["split_point"], "model.layers.1");
    assert!(folder.path().join("rows/manifest.json").is_file());

    let arguments = ["collect", "eidos:demo", texts.to_str().unwrap(), "--most", "9", "--out", "two"];
    let two = stdout(folder.path(), &[&arguments[..], &["-s", "1", "-s", "model.layers.2.mlp"]].concat());
    let two = two.replace('\\', "/");
    let lines: Vec<&str> = two.lines().collect();
    assert!(lines[0].starts_with("model.layers.1: ") && lines[0].ends_with("two/model.layers.1"), "{two}");
    assert!(lines[1].contains(" of 9 texts in two/model.layers.2.mlp") && lines.len() == 2, "{two}");
    assert!(folder.path().join("two/model.layers.2.mlp/manifest.json").is_file());
    // The next step finds what this one says.
    stdout(folder.path(), &["fit", "--activations", "two/model.layers.2.mlp", "-n", "3"]);
}

#[test]
fn collect_reads_units_formats_pipes_and_estimates() {
    let folder = tempfile::tempdir().unwrap();
    let objects = (0..5).map(|index| format!("{{\"id\": {index}, \"review\": \"A film, number {index}.\"}}"));
    let lines = all_lines(objects);
    std::fs::write(folder.path().join("texts.jsonl"), &lines).unwrap();
    let common = ["collect", "eidos:demo", "--split", "1", "--field", "review", "--granularity", "sample", "--json"];
    let of_file = json(folder.path(), &[&common[..8], &["texts.jsonl"]].concat());
    assert_eq!((&of_file["rows"], &of_file["provenance"]["granularity"]), (&5.into(), &"sample".into()));
    let piped =
        fed(folder.path(), &[&common[..], &["-", "--format", "jsonl", "-o", "piped"]].concat(), lines.as_bytes());
    assert!(piped.status.success(), "{}", told(&piped));
    let rows = |name: &str| std::fs::read(folder.path().join(name).join("rows-00000.safetensors")).unwrap();
    assert_eq!(rows("activations"), rows("piped"));
    let planned = json(folder.path(), &[&common[..8], &["texts.jsonl", "--dry-run", "-o", "none"]].concat());
    assert_eq!((&planned["rows"], &planned["bytes"]), (&5.into(), &(5 * 192 * 4).into()));
    assert!(planned["seconds"].as_f64().unwrap() > 0.0 && !folder.path().join("none").exists());
}

#[test]
fn fit_takes_each_method_with_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let rows = finished().join("activations");
    let common = ["fit", "--activations", rows.to_str().unwrap(), "--concepts", "4"];
    let ica = json(folder.path(), &[&common[..], &["-O", "contrast=cube", "-O", "max_iterations=1000"]].concat());
    assert_eq!((&ica["method"], &ica["concepts"], &ica["rows"]), (&"ica".into(), &4.into(), &4205.into()));
    assert_eq!((&ica["options"]["contrast"], &ica["report"]["converged"]), (&"cube".into(), &true.into()));
    let pca =
        json(folder.path(), &[&common[..], &["-m", "pca", "-o", "pca.safetensors", "-O", "whiten=true"]].concat());
    assert_eq!((&pca["method"], &pca["file"]), (&"pca".into(), &"pca.safetensors".into()));
    assert_eq!((&pca["options"]["whiten"], &pca["report"]["converged"]), (&true.into(), &Value::Null));
    assert!(folder.path().join("explainer.safetensors").is_file() && folder.path().join("pca.safetensors").is_file());
    let wrong = failure(folder.path(), 1, &[&common[..], &["-O", "speed=9"]].concat());
    assert!(
        wrong.starts_with("error: the method has no option `speed`\nhint:  its options are `algorithm`"),
        "{wrong}"
    );
}

#[test]
fn top_lists_the_words_that_the_examples_print() {
    let listed = stdout(finished(), &["top"]);
    assert!(listed.contains("\nConcept 4: [' jokes', ' joke', ' humour', ' laugh',"), "{listed}");
    assert_eq!(listed.lines().count(), 20);
    let meaning = json(finished(), &["top", "--concept", "4", "--concept", "0", "-k", "1", "--negative"]);
    let concepts = meaning["concepts"].as_array().unwrap();
    assert_eq!((&concepts[0]["concept"], &concepts[0]["positive"][0]["text"]), (&4.into(), &" jokes".into()));
    assert_eq!((&concepts[1]["concept"], concepts[1]["negative"].as_array().unwrap().len()), (&0.into(), 1));
    let saved: Value = serde_json::from_slice(&std::fs::read(finished().join("meaning.json")).unwrap()).unwrap();
    assert_eq!((&saved["format"], saved["concepts"].as_array().unwrap().len()), (&"eidos.interpretation".into(), 20));
    let words = json(finished(), &["top", "--vocabulary", "--concept", "4", "-k", "3"]);
    assert!(words["concepts"][0]["positive"][0]["text"].as_str().unwrap().contains("unny"), "{words}");
}

#[test]
fn concepts_and_what_they_mean_are_one_file_that_explain_and_report_read() {
    let folder = tempfile::tempdir().unwrap();
    let (explainer, rows) = (finished().join("explainer.safetensors"), finished().join("activations"));
    let rows = ["--activations", rows.to_str().unwrap()];
    let one = folder.path().join("film.safetensors");
    let save = format!("--save={}", one.display());
    let top = ["top", "--explainer", explainer.to_str().unwrap(), "-k", "2", "--concept", "4", &save];
    stdout(folder.path(), &[&top[..], &rows].concat());
    let explain = ["explain", TEXT, "--explainer", one.to_str().unwrap()];
    assert!(stdout(folder.path(), &explain).contains("concept 4 ' jokes', ' joke' (8.8"));
    // Over itself, with other words; a name that says so, and a file that says otherwise.
    let again = ["top", "--explainer", one.to_str().unwrap(), "-k", "1", "--concept", "4", &save];
    stdout(folder.path(), &[&again[..], &rows].concat());
    assert!(stdout(folder.path(), &explain).contains("concept 4 ' jokes' (8.8"));
    let meaning = finished().join("meaning.json");
    let named = [&explain[..], &["--meaning", meaning.to_str().unwrap()]].concat();
    assert!(stdout(folder.path(), &named).contains("concept 4 ' jokes', ' joke', ' humour' (8.8"));
    let table = ["report", "--explainer", one.to_str().unwrap(), "--csv", "table.csv", "--parquet", "table.parquet"];
    stdout(folder.path(), &table);
    let table = std::fs::read_to_string(folder.path().join("table.csv")).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(std::fs::read(folder.path().join("table.parquet")).unwrap().starts_with(b"PAR1"));
}

#[test]
fn encode_writes_what_the_name_of_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let (explainer, rows) = (finished().join("explainer.safetensors"), finished().join("activations"));
    let common = ["encode", "--explainer", explainer.to_str().unwrap(), "--activations", rows.to_str().unwrap()];
    let told = json(folder.path(), &[&common[..], &["--out", "codes.npy"]].concat());
    let size = std::fs::metadata(folder.path().join("codes.npy")).unwrap().len();
    assert_eq!(
        (&told["format"], &told["concepts"], &told["bytes"]),
        (&"eidos.encoded".into(), &20.into(), &size.into())
    );
    assert_eq!(size, 128 + 4 * 20 * told["rows"].as_u64().unwrap());
    for (file, begins) in [("codes.npz", "PK"), ("codes.parquet", "PAR1"), ("codes.safetensors", "")] {
        let said = stdout(folder.path(), &[&common[..], &["--out", file]].concat());
        assert!(said.contains(" words x 20 concepts, ") && said.ends_with(&format!(", in {file}\n")), "{said}");
        assert!(std::fs::read(folder.path().join(file)).unwrap().starts_with(begins.as_bytes()), "{file}");
    }
    let refused = failure(folder.path(), 1, &[&common[..], &["--out", "codes.csv"]].concat());
    assert!(refused.contains("`codes.csv`") && refused.contains(".npz"), "{refused}");
}

#[test]
fn explain_says_what_fires_on_each_unit() {
    let listed = stdout(finished(), &["explain", TEXT]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((lines[0], lines[1]), (TEXT, "  'His': nothing"));
    let jokes =
        "  ' jokes': concept 4 ' jokes', ' joke', ' humour' (8.8 standard deviations, above 99.9 % of the rows)";
    assert_eq!((lines[2], lines.len()), (jokes, 12));
    let explained = json(finished(), &["explain", TEXT]);
    let unit = &explained["units"][1];
    assert_eq!((&unit["text"], &unit["begin"], &unit["end"]), (&" jokes".into(), &3.into(), &9.into()));
    let firing = &unit["firings"][0];
    assert_eq!((&firing["concept"], &firing["pole"]), (&4.into(), &"positive".into()));
    assert_eq!(firing["name"], "' jokes', ' joke', ' humour'");
    assert!((firing["deviations"].as_f64().unwrap() - 8.8).abs() < 0.05, "{firing}");
}

#[test]
fn explain_reads_arguments_files_and_pipes_whatever_the_number_of_texts_at_a_time() {
    let many = all_lines((0..150).map(|index| format!("{TEXT} {index}")));
    let whole = fed(finished(), &["explain", "--json"], many.as_bytes());
    assert!(whole.status.success() && whole.stderr.is_empty(), "{}", told(&whole));
    let lines = String::from_utf8(whole.stdout).unwrap();
    assert_eq!(lines.lines().count(), 150);
    for (index, line) in lines.lines().enumerate() {
        let text: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&text["text_index"], &text["text"]), (&index.into(), &format!("{TEXT} {index}").into()));
    }
    let one = fed(finished(), &["explain", "--json", "--at-a-time", "1"], many.as_bytes());
    assert_eq!(String::from_utf8(one.stdout).unwrap(), lines);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts.txt");
    std::fs::write(&file, &many).unwrap();
    let of_file = stdout(finished(), &["explain", "--json", "--texts", file.to_str().unwrap()]);
    assert_eq!(of_file, lines);
    let first = stdout(finished(), &["explain", "--json", &format!("{TEXT} 0"), &format!("{TEXT} 1")]);
    assert_eq!(first, lines.lines().take(2).fold(String::new(), |all, line| all + line + "\n"));
}

#[test]
fn explain_needs_no_names_and_finds_calibration_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (explainer, rows) = (finished().join("explainer.safetensors"), finished().join("activations"));
    let explainer = ["explain", TEXT, "--explainer", explainer.to_str().unwrap()];
    let without = stdout(folder.path(), &explainer);
    assert!(without.contains("  ' jokes': concept 4 (8.8 standard deviations"), "{without}");
    let calibrated = [&explainer[..], &["--calibrate", rows.to_str().unwrap()]].concat();
    assert_eq!(stdout(folder.path(), &calibrated), without, "the same rows as those of the fit");
    let nothing = stdout(folder.path(), &[&explainer[..], &["--deviations", "100"]].concat());
    assert!(!nothing.contains("concept"), "{nothing}");
}

#[test]
fn a_model_that_was_opened_by_an_absolute_path_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let model = std::fs::canonicalize(repository().join("assets/demo-model")).unwrap();
    let (model, texts) = (model.to_str().unwrap(), texts());
    stdout(
        folder.path(),
        &["collect", model, texts.to_str().unwrap(), "--split", "model.layers.2.mlp", "--most", "20"],
    );
    stdout(folder.path(), &["fit", "--method", "pca", "--concepts", "3"]);
    for arguments in [&["explain", "a warm film"][..], &["top", "--vocabulary"]] {
        let said = failure(folder.path(), 1, arguments);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "error: the concepts are of the model `./demo-model`, and it is not in this folder");
        assert!(lines[1].starts_with("hint:  ") && lines[1].contains("`--model`"), "{said}");
        let told_where = [arguments, &["--model", model]].concat();
        assert!(!stdout(folder.path(), &told_where).is_empty(), "{told_where:?}");
    }
}

#[test]
fn label_asks_a_language_model_once_and_keeps_its_answers() {
    let server = Server::start(|_, _| Play::Say(r#"{"label": "funny\u2028things"}"#.to_owned()));
    let url = format!("{}/v1", server.address);
    let folder = tempfile::tempdir().unwrap();
    let (explainer, rows) = (finished().join("explainer.safetensors"), finished().join("activations"));
    let files = ["label", "--explainer", explainer.to_str().unwrap(), "--activations", rows.to_str().unwrap()];
    let common = [&files[..], &["--concept", "4", "--concept", "2"]].concat();
    let plan = stdout(folder.path(), &[&common[..], &["--dry-run"]].concat());
    assert!(plan.contains("jokes") && plan.lines().last().unwrap().starts_with("about 2 requests"), "{plan}");
    assert_eq!((server.count(), folder.path().join("labels-cache").exists()), (0, false));

    let asked = [&common[..], &["--chat-model", "m", "--base-url", &url]].concat();
    let labelled = stdout(folder.path(), &asked);
    let lines: Vec<&str> = labelled.lines().collect();
    assert_eq!((lines[0], lines[1]), ("    4      funny\\u{2028}things", "    2      funny\\u{2028}things"));
    assert_eq!(lines[2], "2 requests and 0 answers from the cache: 200 tokens of questions, 20 of answers");
    let again = json(folder.path(), &asked);
    assert_eq!((&again["labelling"]["usage"]["cached"], server.count()), (&2.into(), 2));
    let saved: Value = serde_json::from_slice(&std::fs::read(folder.path().join("meaning.json")).unwrap()).unwrap();
    assert_eq!(saved, again);
    // `explain` finds the names where `label` wrote them.
    let explained = stdout(folder.path(), &["explain", TEXT, "--explainer", explainer.to_str().unwrap()]);
    assert!(explained.contains("concept 4 funny\\u{2028}things (8.8"), "{explained}");

    let refused = failure(folder.path(), 2, &common);
    assert!(refused.contains("--chat-model <NAME>"), "{refused}");
}

#[test]
fn report_writes_a_page_and_tables() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let arguments = ["report", "--title", "Films & <more>", "--texts", "2", "-o", page.to_str().unwrap()];
    let told = json(finished(), &arguments);
    let html = std::fs::read_to_string(&page).unwrap();
    assert_eq!((&told["format"], &told["bytes"]), (&"eidos.reported".into(), &html.len().into()));
    assert_eq!(told["file"], page.to_str().unwrap());
    assert!(html.starts_with("<!doctype html>") && html.contains("jokes"), "{}", html.len());
    assert!(html.contains("<title>Films &") && !html.contains("<more>"), "a title is no markup");

    let explainer = finished().join("explainer.safetensors");
    let alone = ["report", "--explainer", explainer.to_str().unwrap()];
    let said = stdout(folder.path(), &alone);
    assert!(said.starts_with("the report, ") && said.trim_end().ends_with("report.html"), "{said}");
    let alone = std::fs::metadata(folder.path().join("report.html")).unwrap().len();
    assert!(alone < html.len() as u64, "without activations there are no passages: {alone} bytes");

    let rows = finished().join("activations");
    let files =
        ["--csv", "c.csv", "--codes", "d.csv", "--neuronpedia", "n.json", "--map", "m.svg", "--deviations", "5"];
    let with_rows = ["report", "--explainer", explainer.to_str().unwrap(), "--activations", rows.to_str().unwrap()];
    stdout(folder.path(), &[&with_rows[..], &files].concat());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("c.csv").starts_with("concept,pole,") && read("c.csv").contains("0,positive,"));
    assert!(read("d.csv").starts_with("row,text,") && read("d.csv").lines().count() > 50);
    assert!(serde_json::from_str::<Value>(&read("n.json")).unwrap().is_object() && read("m.svg").contains("<svg"));
}

#[test]
fn demo_prints_what_the_examples_print() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout(folder.path(), &["demo"]);
    let page = std::fs::read_to_string(repository().join("docs/examples.md")).unwrap();
    // What `concepts` prints in C, whose lists are longer than those of a session.
    let (_, page) = page.split_once("<!-- output -->").unwrap();
    let concepts: Vec<&str> = page.lines().filter(|line| line.starts_with("Concept ") && line.contains('[')).collect();
    assert_eq!(concepts.len(), 20);
    for line in concepts {
        assert!(printed.contains(line), "not printed: {line}");
    }
    assert!(printed.contains("\n4,205 words x 192 columns\n"), "{printed}");
    // It ends by saying where the page lies.
    let (_, place) = printed.lines().last().unwrap().split_once("lies in ").unwrap();
    assert!(std::fs::read_to_string(place).unwrap().starts_with("<!doctype html>"), "{place}");
    let server = Server::start(|_, _| Play::Say(r#"{"label": "named", "answers": [1]}"#.to_owned()));
    let mut named = eidos(folder.path());
    let named =
        named.args(["demo", "--label", "m", "-n", "2"]).env("OPENAI_BASE_URL", &server.address).output().unwrap();
    assert!(String::from_utf8_lossy(&named.stdout).contains(" named"), "{}", told(&named));
}

#[test]
fn doctor_tells_what_is_there_and_nothing_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("hub/models--a--b/blobs")).unwrap();
    std::fs::write(folder.path().join("hub/models--a--b/blobs/1"), vec![0; 1234]).unwrap();
    let doctor = |arguments: &[&str]| {
        let mut command = eidos(folder.path());
        command.args(arguments).env("HF_HOME", folder.path()).env("HF_TOKEN", "hf_secret");
        let output = command.env("https_proxy", "http://me:secret@proxy:1").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("secret"), "{text}");
        text
    };
    let found: Value = serde_json::from_str(&doctor(&["doctor", "--json"])).unwrap();
    assert_eq!((&found["eidos"], &found["abi"]), (&env!("CARGO_PKG_VERSION").into(), &eidos::ABI_VERSION.into()));
    assert_eq!((&found["cache"]["bytes"], &found["cache"]["models"]), (&1234.into(), &1.into()));
    assert_eq!(found["variables"]["HF_TOKEN"], "(hidden)");
    assert!(found["products"]["f32"].is_string() && found["threads"].as_u64() > Some(0), "{found}");
    assert_eq!(found["cuda"]["build"], false);
    let text = doctor(&["doctor"]);
    for part in ["\nproducts ", "1.23 kB of 1 models", "HF_TOKEN=(hidden)", "http://(hidden)@proxy:1", "open files: "] {
        assert!(
            text.contains(part) || (part == "open files: " && cfg!(not(target_os = "linux"))),
            "no {part} in {text}"
        );
    }
}

#[test]
fn completions_are_there_for_each_shell() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, start) in [("bash", "_eidos"), ("zsh", "#compdef eidos"), ("fish", "__fish_eidos")] {
        let script = stdout(folder.path(), &["completions", shell]);
        assert!(script.contains(start) && script.contains("granularity"), "{shell}");
    }
    // Bash reads it, and knows the subcommands then.
    let script = stdout(folder.path(), &["completions", "bash"]);
    let run =
        format!("{script}\nCOMP_WORDS=(eidos do) COMP_CWORD=1; _eidos eidos do eidos; echo \"${{COMPREPLY[@]}}\"");
    if let Ok(output) = std::process::Command::new("bash").args(["-c", &run]).output() {
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "doctor", "{}", told(&output));
    }
}
