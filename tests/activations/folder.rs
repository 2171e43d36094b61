//! Collections into folders: they resume, they are refused where they do not belong, and they open as what they were.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use eidos::{
    Activations, Aggregation, CollectOptions, Control, ErrorCode, Filters, Granularity, HeadChoice, LoadOptions,
    Provenance, SplitModel, Stage, WordRule,
};

use crate::common::{
    SPLITS, assert_error, collect, eurobert, everything, load_from, many_texts, model_folder, row_bits, steps, tiny,
    watching,
};

/// Small shards and batches of one text, so that each text run is one step of progress.
fn small(folder: &Path) -> CollectOptions {
    CollectOptions {
        folder: Some(folder.to_owned()),
        shard_bytes: 3000,
        batch_tokens: 1,
        threads: 2,
        ..CollectOptions::default()
    }
}

/// The complete shards of a folder and when they were written.
fn shards(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("rows-"))
        .map(|path| (path.clone(), path.metadata().unwrap().modified().unwrap()))
        .collect();
    found.sort();
    found
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// What is in a folder that should not stay there.
fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("part")).collect()
}

#[test]
fn a_cancelled_collection_goes_on_from_its_last_complete_shard() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(120));
    let expected = everything(&collect(&model, &texts, &CollectOptions::default()).unwrap()[0]);
    let (control, log) = watching(usize::MAX);
    model.activations(&texts, &small(tempfile::tempdir().unwrap().path()), &control).unwrap();
    let all_steps = steps(&log, Stage::Forward);

    let folder = tempfile::tempdir().unwrap();
    let (control, log) = watching(all_steps / 2);
    let cancelled = model.activations(&texts, &small(folder.path()), &control);
    assert_error(cancelled, ErrorCode::Cancelled, &[]);
    // Within one batch of the cancel.
    assert_eq!(steps(&log, Stage::Forward), all_steps / 2 + 1);
    let before = shards(folder.path());
    let complete: u64 = manifest(folder.path())["shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| shard["row_count"].as_u64().unwrap())
        .sum();
    assert!(before.len() > 5 && complete > 100, "{} shards", before.len());
    assert!(leftovers(folder.path()).is_empty());
    let unfinished = Activations::open(folder.path());
    let rows = manifest(folder.path())["row_count"].as_u64().unwrap();
    assert_error(unfinished, ErrorCode::InvalidFile, &[&format!("{complete} of {rows} rows"), "same folder again"]);

    let (control, log) = watching(usize::MAX);
    let resumed = model.activations(&texts, &small(folder.path()), &control).unwrap();
    assert!(everything(&resumed[0]) == expected);
    let after = shards(folder.path());
    assert_eq!(before, after[..before.len()], "a complete shard was written again");
    // A complete shard is one step however many texts it holds: they were not run again.
    let texts_done = (0..texts.len())
        .filter(|&text| {
            let rows = (0..complete as usize).map(|row| resumed[0].unit_span(row).unwrap().text_index);
            rows.into_iter().any(|found| found == text)
        })
        .count();
    let repeated = steps(&log, Stage::Forward) - before.len();
    assert!(repeated + texts_done <= all_steps, "{repeated} steps, though {texts_done} texts were done");
    // Progress counts the tokens that were done before.
    let last = *log.lock().unwrap().last().unwrap();
    assert_eq!((last.stage, last.done), (Stage::Forward, last.total));
    assert!(everything(&Activations::open(folder.path()).unwrap()) == expected);

    let (control, log) = watching(usize::MAX);
    let again = model.activations(&texts, &small(folder.path()), &control).unwrap();
    assert!(everything(&again[0]) == expected);
    assert_eq!(steps(&log, Stage::Forward), after.len() + 1, "a complete folder was run again");
    assert_eq!(shards(folder.path()), after);
}

#[test]
fn it_can_be_cancelled_at_any_step() {
    let (model, texts) = (eurobert(), many_texts(12));
    let expected: Vec<_> =
        collect(&model, &texts, &CollectOptions::default()).unwrap().iter().map(everything).collect();
    let options = |folder: &Path| CollectOptions { shard_bytes: 2000, batch_tokens: 20, ..small(folder) };
    let folder = tempfile::tempdir().unwrap();
    // Always the same folder: each attempt comes one step further than the one before.
    let mut cancelled = 0;
    loop {
        let (control, _) = watching(cancelled);
        match model.activations(&texts, &options(folder.path()), &control) {
            Ok(results) => {
                assert!(results.iter().map(everything).collect::<Vec<_>>() == expected);
                break;
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::Cancelled),
        }
        cancelled += 1;
        assert!(cancelled < 200);
    }
    assert!(cancelled > 5, "{cancelled}");
    for path in SPLITS {
        assert!(leftovers(&folder.path().join(path)).is_empty());
    }
    let control = Control::new();
    control.cancel();
    let untouched = tempfile::tempdir().unwrap();
    assert_error(model.activations(&texts, &options(untouched.path()), &control), ErrorCode::Cancelled, &[]);
    assert_eq!(std::fs::read_dir(untouched.path()).unwrap().count(), 0);
}

#[test]
fn several_split_points_resume_though_one_of_them_is_behind() {
    let (model, texts) = (eurobert(), many_texts(60));
    let expected: Vec<_> =
        collect(&model, &texts, &CollectOptions::default()).unwrap().iter().map(everything).collect();
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let results = collect(&model, &texts, &small(folder.path())).unwrap();
        assert!(results.iter().map(everything).collect::<Vec<_>>() == expected);
    };
    run();
    for (path, expected) in SPLITS.iter().zip(&expected) {
        assert!(everything(&Activations::open(&folder.path().join(path)).unwrap()) == *expected, "{path}");
    }
    let whole = SPLITS.map(|path| shards(&folder.path().join(path)));
    let count = whole[0].len();
    assert!(count > 6 && whole[1].len() == count);
    // One split point loses its last shard, the other one the last three; one shard is cut off in the middle.
    std::fs::remove_file(&whole[0][count - 1].0).unwrap();
    (count - 3..count).for_each(|index| std::fs::remove_file(&whole[1][index].0).unwrap());
    run();
    let cut = &whole[0][2].0;
    let bytes = std::fs::read(cut).unwrap();
    std::fs::write(cut, &bytes[..bytes.len() - 1]).unwrap();
    run();
    assert_eq!(std::fs::read(cut).unwrap(), bytes);
    let after = SPLITS.map(|path| shards(&folder.path().join(path)));
    assert_eq!(after[0][..2], whole[0][..2]);
    assert_eq!(after[1][..count - 3], whole[1][..count - 3]);
    // Units that were lost are written again.
    std::fs::remove_file(folder.path().join(SPLITS[0]).join("units.safetensors")).unwrap();
    let units = folder.path().join(SPLITS[1]).join("units.safetensors");
    let mut bytes = std::fs::read(&units).unwrap();
    let last = bytes.len() - 1;
    bytes[last - 1] ^= 1;
    std::fs::write(&units, &bytes).unwrap();
    run();
    for (path, expected) in SPLITS.iter().zip(&expected) {
        assert!(everything(&Activations::open(&folder.path().join(path)).unwrap()) == *expected, "{path}");
    }
}

#[test]
fn a_manifest_that_puts_shards_elsewhere_does_not_mix_runs() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(40));
    let folder = tempfile::tempdir().unwrap();
    let expected = everything(&collect(&model, &texts, &small(folder.path())).unwrap()[0]);
    // The first shard, as if it were a smaller one: its own file says the same, but this run cuts elsewhere.
    let path = folder.path().join("rows-00000.safetensors");
    let rows = manifest(folder.path())["shards"][0]["row_count"].as_u64().unwrap() as usize - 1;
    let header = serde_json::json!({"rows": {"dtype": "F32", "shape": [rows, 32], "data_offsets": [0, rows * 128]}});
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; rows * 128]);
    std::fs::write(&path, bytes).unwrap();
    let mut edited = manifest(folder.path());
    edited["shards"][0]["row_count"] = rows.into();
    std::fs::write(folder.path().join("manifest.json"), edited.to_string()).unwrap();
    assert!(everything(&collect(&model, &texts, &small(folder.path())).unwrap()[0]) == expected);
    assert!(everything(&Activations::open(folder.path()).unwrap()) == expected);
}

#[test]
fn a_folder_of_another_run_is_refused_and_left_alone() {
    // One place for all models: under another name they would be other models for that alone.
    let place = model_folder("eurobert", "base");
    let load = |path: &str| load_from(place.path(), &[path]).unwrap();
    let (model, texts) = (load(SPLITS[0]), many_texts(30));
    let folder = tempfile::tempdir().unwrap();
    let options = small(folder.path());
    let expected = everything(&collect(&model, &texts, &options).unwrap()[0]);
    let before = shards(folder.path());
    let name = folder.path().to_str().unwrap();
    let refused = |model: &SplitModel, texts: &[String], options: &CollectOptions| {
        assert_error(
            collect(model, texts, options),
            ErrorCode::Mismatch,
            &[name, "another run", "choose another folder"],
        );
    };
    let mut other = texts.clone();
    other[29].push_str(" good");
    refused(&model, &other, &options);
    refused(&model, &texts[..29], &options);
    // The same tokens in the same order, but of other texts: an empty one has moved.
    let empty = texts.iter().position(String::is_empty).unwrap();
    let mut moved = texts.clone();
    moved.swap(empty, if texts[empty + 1].is_empty() { empty + 2 } else { empty + 1 });
    refused(&model, &moved, &options);
    refused(&model, &texts, &CollectOptions { granularity: Granularity::Token, ..options.clone() });
    refused(&model, &texts, &CollectOptions { aggregation: Aggregation::Max, ..options.clone() });
    refused(&model, &texts, &CollectOptions { shard_bytes: 6000, ..options.clone() });
    refused(&model, &texts, &CollectOptions { word_rule: WordRule::Unicode, ..options.clone() });
    refused(&model, &texts, &CollectOptions { stop_units: vec!["the".to_owned()], ..options.clone() });
    refused(&load("layers.0.mlp"), &texts, &options);
    refused(&tiny("eurobert", "base", &SPLITS[..1]), &texts, &options);
    // Other weights, and another configuration, under the same name.
    let weights = place.path().join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut changed = whole.clone();
    // One bit of the first tensor, the embedding: among the samples that tell a model from another one.
    let json: serde_json::Value = serde_json::from_slice(&whole[8..header]).unwrap();
    let begin = json["model.embed_tokens.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    changed[header + begin] ^= 1;
    std::fs::write(&weights, changed).unwrap();
    refused(&load(SPLITS[0]), &texts, &options);
    std::fs::write(&weights, whole).unwrap();
    let config = place.path().join("config.json");
    let before_config = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, before_config.replace("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e-06")).unwrap();
    refused(&load(SPLITS[0]), &texts, &options);
    std::fs::write(&config, before_config).unwrap();
    // What does not change the rows may change.
    let model = load(SPLITS[0]);
    let results =
        collect(&model, &texts, &CollectOptions { threads: 1, batch_tokens: 500, memory_limit: 1, ..options }).unwrap();
    assert!(everything(&results[0]) == expected);
    assert_eq!(shards(folder.path()), before);
}

/// A head calls the modules of the base model by longer paths.
#[test]
fn a_run_that_was_begun_under_another_heads_name_goes_on() {
    let place = model_folder("bert", "masked_lm");
    let load = |head, paths: &[&str]| {
        let options = LoadOptions { head, ..LoadOptions::default() };
        SplitModel::load(place.path().to_str().unwrap(), paths, &options, &Control::new()).unwrap()
    };
    let (base, masked) = (HeadChoice::Base, HeadChoice::MaskedLanguageModel);
    let texts = many_texts(60);
    let plain = ["encoder.layer.1.output", "encoder.layer.0.output"];
    let prefixed = plain.map(|path| format!("bert.{path}"));
    let prefixed = prefixed.each_ref().map(String::as_str);
    for count in [1, 2] {
        for (first, then) in [((base, plain), (masked, prefixed)), ((masked, prefixed), (base, plain))] {
            let folder = tempfile::tempdir().unwrap();
            let begun = load(first.0, &first.1[..count]);
            let whole = tempfile::tempdir().unwrap();
            let expected: Vec<_> =
                collect(&begun, &texts, &small(whole.path())).unwrap().iter().map(everything).collect();
            let (control, _) = watching(20);
            assert_error(begun.activations(&texts, &small(folder.path()), &control), ErrorCode::Cancelled, &[]);
            let inside = if count == 1 { folder.path().to_owned() } else { folder.path().join(first.1[0]) };
            let before = shards(&inside);
            assert!(!before.is_empty());
            let results = collect(&load(then.0, &then.1[..count]), &texts, &small(folder.path())).unwrap();
            // The rows are those of the run as it was begun, and so is the name.
            assert!(results.iter().map(everything).collect::<Vec<_>>() == expected);
            assert_eq!(results[0].provenance().split_point.as_deref(), Some(first.1[0]));
            let after = shards(&inside);
            assert!(before.iter().all(|shard| after.contains(shard)), "{before:?} {after:?}");
            // Another module is another run, and the error says which.
            let other = load(then.0, &["encoder.layer.2"]);
            if count == 1 {
                let says = [first.1[0], "another run", "encoder.layer.2"];
                assert_error(collect(&other, &texts, &small(folder.path())), ErrorCode::Mismatch, &says);
            }
        }
    }
}

#[test]
fn texts_that_give_the_same_tokens_are_still_other_texts() {
    // A tokenizer that lower-cases: the rows are the same, what they stand for is not.
    let model = tiny("bert", "base", &["encoder.layer.2"]);
    let folder = tempfile::tempdir().unwrap();
    collect(&model, &["A Warm Film"], &small(folder.path())).unwrap();
    let other = collect(&model, &["a warm film"], &small(folder.path()));
    assert_error(other, ErrorCode::Mismatch, &["another run"]);
    assert_eq!(Activations::open(folder.path()).unwrap().texts().get(0), "A Warm Film");
}

#[test]
fn split_points_that_move_the_ends_of_shards_are_another_run() {
    // Both load the same weights, but the wider partner makes shards of fewer rows.
    let place = model_folder("eurobert", "base");
    let load = |other: &str| load_from(place.path(), &["layers.1.mlp", other]).unwrap();
    let (wide, narrow) = (load("layers.0.mlp.act_fn"), load("layers.0.mlp.down_proj"));
    let (texts, folder) = (many_texts(60), tempfile::tempdir().unwrap());
    let (control, _) = watching(40);
    assert_error(wide.activations(&texts, &small(folder.path()), &control), ErrorCode::Cancelled, &[]);
    let error = assert_error(collect(&narrow, &texts, &small(folder.path())), ErrorCode::Mismatch, &["layers.1.mlp"]);
    assert!(error.details().iter().any(|(key, _)| key == "path"));
    let expected: Vec<_> = collect(&wide, &texts, &CollectOptions::default()).unwrap().iter().map(everything).collect();
    let found: Vec<_> = collect(&wide, &texts, &small(folder.path())).unwrap().iter().map(everything).collect();
    assert!(found == expected);
}

#[test]
fn the_same_split_point_twice_is_one_folder() {
    let model = tiny("eurobert", "base", &["layers.1.mlp", "layers.1.mlp"]);
    let (texts, folder) = (many_texts(20), tempfile::tempdir().unwrap());
    let results = collect(&model, &texts, &small(folder.path())).unwrap();
    assert!(everything(&results[0]) == everything(&results[1]));
    assert!(everything(&Activations::open(&folder.path().join("layers.1.mlp")).unwrap()) == everything(&results[0]));
}

#[test]
fn what_is_saved_opens_the_same() {
    let (model, texts) = (eurobert(), many_texts(40));
    let collected = |options: &CollectOptions| collect(&model, &texts, options).unwrap().remove(1);
    let long = ["film ".repeat(200), String::new()];
    let own = |units: Option<&[&str]>| Activations::from_rows(vec![1.5, f32::NAN, -0.0, 1e-42], 2, units).unwrap();
    let shards = tempfile::tempdir().unwrap();
    let cases = [
        ("words", collected(&CollectOptions::default())),
        ("sentences", collected(&CollectOptions { granularity: Granularity::Sentence, ..CollectOptions::default() })),
        ("truncated", collect(&model, &long, &CollectOptions::default()).unwrap().remove(0)),
        (
            "vocabulary",
            collect(&model, &model.vocabulary_inputs().unwrap(), &CollectOptions::default()).unwrap().remove(0),
        ),
        ("shards", collected(&small(shards.path()))),
        ("temporary", collected(&CollectOptions { memory_limit: 0, ..CollectOptions::default() })),
        ("no rows", collect(&model, &["", ""], &CollectOptions::default()).unwrap().remove(0)),
        ("own rows", own(None)),
        ("own units", own(Some(&["a\0b", "a\0b"]))),
    ];
    for (name, activations) in cases {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("deep/folder");
        let (control, log) = watching(0);
        activations.save(&place, &control).unwrap();
        let last = *log.lock().unwrap().last().unwrap();
        let bytes = (activations.row_count() * activations.column_count() * 4) as u64;
        assert_eq!((last.stage, last.done, last.total), (Stage::Write, bytes, bytes), "{name}");
        let expected = everything(&activations);
        // Nothing of what was saved is needed any more.
        drop(activations);
        let opened = Activations::open(&place).unwrap();
        assert!(everything(&opened) == expected, "{name}");
        assert!(opened.is_on_disk());
        assert!(leftovers(&place).is_empty());
        // Where it lies already there is nothing to do; somewhere else it is one more copy.
        opened.save(&place.join("../folder"), &Control::new()).unwrap();
        let copy = folder.path().join("copy");
        opened.save(&copy, &Control::new()).unwrap();
        assert!(everything(&Activations::open(&copy).unwrap()) == expected, "{name}");
        assert_error(opened.save(&copy, &Control::new()), ErrorCode::Mismatch, &["copy", "already"]);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(everything(&opened) == expected, "{name}: an open map needs its file's name");
    }
}

#[test]
fn a_folder_from_before_there_was_a_choice_of_words_is_opened_and_continued() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(30));
    let folder = tempfile::tempdir().unwrap();
    let options = small(folder.path());
    let expected = everything(&collect(&model, &texts, &options).unwrap()[0]);
    let path = folder.path().join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let fields = manifest.as_object_mut().unwrap();
    assert_eq!(fields.remove("word_rule").unwrap(), "tokenizer");
    assert_eq!(fields.remove("left_out").unwrap()["stop_units"], 0);
    fields["shards"].as_array_mut().unwrap().pop();
    std::fs::write(&path, manifest.to_string()).unwrap();
    assert_error(Activations::open(folder.path()), ErrorCode::InvalidFile, &["rows"]);
    assert!(everything(&collect(&model, &texts, &options).unwrap()[0]) == expected);

    let whole = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(whole["word_rule"], "tokenizer");
    let mut old = whole.clone();
    old.as_object_mut().unwrap().remove("word_rule");
    std::fs::write(&path, old.to_string()).unwrap();
    assert_eq!(Activations::open(folder.path()).unwrap().provenance().word_rule, None);
    let unicode = CollectOptions { word_rule: WordRule::Unicode, ..options };
    assert_error(collect(&model, &texts, &unicode), ErrorCode::Mismatch, &["another run"]);
    std::fs::write(&path, whole.to_string()).unwrap();
    assert_error(collect(&model, &texts, &unicode), ErrorCode::Mismatch, &["word rule", "`tokenizer`", "`unicode`"]);
}

#[test]
fn units_that_are_left_out_have_no_row_and_change_no_other() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), ["the film isn't the best .", "a film"]);
    let of = |options: &CollectOptions| collect(&model, &texts, options).unwrap().remove(0);
    let all = of(&CollectOptions::default());
    let options = CollectOptions {
        stop_units: vec!["The".to_owned(), ".".to_owned()],
        stop_contractions: true,
        ..CollectOptions::default()
    };
    let fewer = of(&options);
    assert_eq!((all.left_out_count(), fewer.left_out_count()), (0, 4));
    let kept: Vec<usize> =
        (0..all.row_count()).filter(|&row| !["the", " the", "'t", " ."].contains(&all.unit(row).unwrap())).collect();
    assert_eq!(fewer.row_count(), kept.len());
    for (row, &before) in kept.iter().enumerate() {
        assert_eq!(row_bits(&fewer, row, 1), row_bits(&all, before, 1));
        assert_eq!((fewer.unit(row), fewer.unit_span(row)), (all.unit(before), all.unit_span(before)));
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("saved");
    fewer.save(&place, &Control::new()).unwrap();
    assert_eq!(Activations::open(&place).unwrap().left_out_count(), 4);
    for inputs in [model.vocabulary_inputs().unwrap(), model.inputs_from_token_ids(&[&[1]]).unwrap()] {
        assert_error(collect(&model, &inputs, &options), ErrorCode::InvalidArgument, &["the token ids"]);
    }
}

#[test]
fn provenance_says_where_rows_come_from() {
    let folder = model_folder("eurobert", "masked_lm");
    // Of an absolute path, which is of this machine, the last part.
    let name = format!("./{}", folder.path().file_name().unwrap().to_str().unwrap());
    let model = load_from(folder.path(), &["layers.1.mlp"]).unwrap();
    let options = CollectOptions {
        granularity: Granularity::Sentence,
        aggregation: Aggregation::SignedMax,
        ..CollectOptions::default()
    };
    let expected = Provenance {
        model: Some(name),
        split_point: Some("model.layers.1.mlp".to_owned()),
        granularity: Some(Granularity::Sentence),
        aggregation: Some(Aggregation::SignedMax),
        word_rule: None,
        filters: Filters::default(),
    };
    assert_eq!(collect(&model, &["a film ."], &options).unwrap()[0].provenance(), &expected);
}

#[test]
fn a_cancelled_save_can_be_done_again_and_nothing_else_is_overwritten() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(30));
    let activations = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let control = Control::new();
    control.cancel();
    let nothing = folder.path().join("nothing");
    assert_error(activations.save(&nothing, &control), ErrorCode::Cancelled, &[]);
    assert!(!nothing.exists());
    // What a save leaves that ends in the middle: the manifest of all rows and fewer shards.
    let half = folder.path().join("half");
    activations.save(&half, &Control::new()).unwrap();
    let mut edited = manifest(&half);
    edited["shards"] = serde_json::json!([]);
    std::fs::write(half.join("manifest.json"), edited.to_string()).unwrap();
    assert_error(Activations::open(&half), ErrorCode::InvalidFile, &["0 of", "save into the same folder again"]);
    activations.save(&half, &Control::new()).unwrap();
    assert!(everything(&Activations::open(&half).unwrap()) == everything(&activations));
    // An interrupted collection is not a save: hours may be in it.
    let collecting = folder.path().join("collecting");
    let (control, _) = watching(20);
    assert_error(model.activations(&texts, &small(&collecting), &control), ErrorCode::Cancelled, &[]);
    assert_error(activations.save(&collecting, &Control::new()), ErrorCode::Mismatch, &["collecting", "already"]);
    // And a save is not a collection that could go on.
    assert_error(collect(&model, &texts, &small(&half)), ErrorCode::Mismatch, &["half", "another run"]);
}

#[test]
fn rows_beyond_the_limit_go_to_disk_and_stay_as_long_as_somebody_has_them() {
    let (model, texts) = (eurobert(), many_texts(40));
    let in_memory = collect(&model, &texts, &CollectOptions::default()).unwrap();
    let expected: Vec<_> = in_memory.iter().map(everything).collect();
    // The rows of both split points together decide.
    let bytes = (in_memory[0].row_count() * (32 + 40) * 4) as u64;
    let within = |memory_limit| {
        let options = CollectOptions { memory_limit, shard_bytes: 3000, ..CollectOptions::default() };
        collect(&model, &texts, &options).unwrap()
    };
    assert!(within(bytes).iter().all(|result| !result.is_on_disk()));
    let results = within(bytes - 1);
    assert!(results.iter().all(Activations::is_on_disk));
    let clones = results.clone();
    drop(results);
    assert!(clones.iter().map(everything).collect::<Vec<_>>() == expected);
}

#[test]
fn impossible_options_are_errors() {
    let (model, text) = (tiny("eurobert", "base", &SPLITS[..1]), ["a film"]);
    let none: [&str; 0] = [];
    let default = CollectOptions::default;
    assert_error(collect(&model, &none, &default()), ErrorCode::InvalidArgument, &["no texts"]);
    let batch_tokens = CollectOptions { batch_tokens: 0, ..default() };
    assert_error(collect(&model, &text, &batch_tokens), ErrorCode::InvalidArgument, &["batch of 0 tokens"]);
    let shard_bytes = CollectOptions { shard_bytes: 0, ..default() };
    assert_error(collect(&model, &text, &shard_bytes), ErrorCode::InvalidArgument, &["shards of 0 bytes"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = file.path().to_str().unwrap();
    let folder = CollectOptions { folder: Some(file.path().to_owned()), ..default() };
    assert_error(collect(&model, &text, &folder), ErrorCode::Io, &[name]);
    let below = CollectOptions { folder: Some(file.path().join("below")), ..default() };
    assert_error(collect(&model, &text, &below), ErrorCode::Io, &[name]);
    let cls = CollectOptions { granularity: Granularity::ClsToken, ..default() };
    assert_error(collect(&model, &text, &cls), ErrorCode::Unsupported, &["cls_token", "another granularity"]);
    let listing = tiny("eurobert", "base", &[]);
    assert_error(collect(&listing, &text, &default()), ErrorCode::InvalidArgument, &["without", "split point"]);
    // As many threads as anyone may write, for one batch.
    let threads = CollectOptions { threads: u32::MAX as usize, ..default() };
    assert_eq!(collect(&model, &text, &threads).unwrap()[0].row_count(), 2);
}
