//! Folders that several threads and processes want at the same time, and what processes leave that are killed.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eidos::{Activations, CollectOptions, Control, ErrorCode, Granularity, LoadOptions, SplitModel, Stage};

use crate::common::{
    SPLITS, assert_error, child, collect, eurobert, everything, load_from, many_texts, model_folder, tiny,
};

fn small(folder: &Path) -> CollectOptions {
    CollectOptions { folder: Some(folder.to_owned()), shard_bytes: 3000, batch_tokens: 1, ..CollectOptions::default() }
}

fn names(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn two_runs_in_one_folder_never_mix() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let run = |word: &str, folder: &Path| {
        let options = CollectOptions {
            granularity: Granularity::Sample,
            shard_bytes: 16_000,
            batch_tokens: 512,
            threads: 1,
            ..small(folder)
        };
        collect(&model, &vec![word; 4000], &options)
    };
    let whole = tempfile::tempdir().unwrap();
    let expected = ["good", "sad"].map(|word| everything(&run(word, &whole.path().join(word)).unwrap()[0]));
    let mut busy = 0;
    for round in 0..30 {
        let folder = whole.path().join(round.to_string());
        let results = std::thread::scope(|scope| {
            let folder = &folder;
            ["good", "sad"].map(|word| scope.spawn(move || run(word, folder))).map(|thread| thread.join().unwrap())
        });
        let winner = results.iter().position(Result::is_ok).unwrap();
        let loser = results.into_iter().nth(1 - winner).unwrap();
        let error = loser.expect_err("both wrote into one folder");
        assert!(matches!(error.code(), ErrorCode::Busy | ErrorCode::Mismatch), "{error}");
        busy += usize::from(error.code() == ErrorCode::Busy);
        assert!(everything(&Activations::open(&folder).unwrap()) == expected[winner]);
    }
    assert!(busy > 0, "the two runs never met");
}

#[test]
fn who_comes_second_is_told_at_once_and_may_still_read() {
    let (model, texts, place) = (eurobert(), many_texts(12), tempfile::tempdir().unwrap());
    let finished = place.path().join("finished");
    let saved = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    saved.save(&finished, &Control::new()).unwrap();
    let folder = place.path().join("run");
    let (control, tried) = (Control::new(), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&tried);
    let (other, again, here, texts_again) = (saved.clone(), eurobert(), folder.clone(), texts.clone());
    let one = tiny("eurobert", "base", &SPLITS[..1]);
    control.set_callback(Some(Box::new(move |progress| {
        if progress.stage != Stage::Forward || progress.done == 0 || *count.lock().unwrap() > 0 {
            return;
        }
        *count.lock().unwrap() += 1;
        let inside = here.join(SPLITS[0]);
        let says = ["another call of this process is writing into", "wait"];
        // The same run, a run of one of its split points, and a save: each into a folder that is written.
        assert_error(collect(&again, &texts_again, &small(&here)), ErrorCode::Busy, &says);
        assert_error(collect(&one, &texts_again, &small(&inside)), ErrorCode::Busy, &says);
        assert_error(other.save(&inside, &Control::new()), ErrorCode::Busy, &[inside.to_str().unwrap()]);
        // Nothing is in the way of reading: there is just not everything yet.
        assert_error(Activations::open(&inside), ErrorCode::InvalidFile, &["rows"]);
        assert!(everything(&Activations::open(&finished).unwrap()) == everything(&other));
        // Nor of writing elsewhere.
        collect(&again, &texts_again, &small(&here.with_file_name("elsewhere"))).unwrap();
    })));
    let results = model.activations(&texts, &small(&folder), &control).unwrap();
    assert_eq!(*tried.lock().unwrap(), 1);
    assert!(everything(&results[0]) == everything(&saved));
    // The lock went with the run, and left nothing.
    collect(&model, &texts, &small(&folder)).unwrap();
    for split in SPLITS {
        assert!(names(&folder.join(split)).iter().all(|name| !name.starts_with(".eidos")));
    }
}

const FOLDER: &str = "EIDOS_TEST_FOLDER";
const MODEL: &str = "EIDOS_TEST_MODEL";

/// Collects, and stops for ever when some shards are written. Without a folder the rows go to temporary files.
#[test]
#[ignore = "a part of the tests of this file that need another process"]
fn child_stops_in_the_middle() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut steps = 0;
    let control = Control::with_callback(move |progress| {
        steps += usize::from(progress.stage == Stage::Forward);
        if steps > 40 {
            std::fs::write(folder.with_file_name("waiting"), "").unwrap();
            loop {
                std::thread::park();
            }
        }
    });
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut options = CollectOptions { memory_limit: 0, ..small(&folder) };
    options.folder = options.folder.filter(|folder| !folder.ends_with("temporary"));
    let model = std::path::PathBuf::from(std::env::var_os(MODEL).unwrap());
    load_from(&model, &SPLITS[..1]).unwrap().activations(&many_texts(120), &options, &control).unwrap();
}

/// A process that is in the middle of its work, with its own folder for temporary files.
fn child_in_the_middle(folder: &Path, model: &Path) -> Child {
    let place = folder.parent().unwrap();
    let temporary = place.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let child = child("activations::sharing::child_stops_in_the_middle")
        .env(FOLDER, folder)
        .env(MODEL, model)
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !place.join("waiting").exists() {
        assert!(start.elapsed() < Duration::from_mins(1), "the child does not get there");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_killed_process_lets_go_of_its_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("rows");
    let its_model = model_folder("eurobert", "base");
    let mut child = child_in_the_middle(&folder, its_model.path());
    let (model, texts) = (load_from(its_model.path(), &SPLITS[..1]).unwrap(), many_texts(120));
    let process = child.id().to_string();
    let error = assert_error(
        collect(&model, &texts, &small(&folder)),
        ErrorCode::Busy,
        &[&format!("process {process}"), folder.to_str().unwrap(), "another folder"],
    );
    assert!(error.details().contains(&("process".to_owned(), process)), "{error}");
    assert!(names(&folder).iter().any(|name| name == "rows-00001.safetensors"));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it left, as if it had been killed while it wrote a shard, goes with the next run.
    std::fs::write(folder.join(".eidos-1-0.part"), "half").unwrap();
    let other = collect(&model, &texts[..100], &small(&folder));
    assert_error(other, ErrorCode::Mismatch, &["another run"]);
    let results = collect(&model, &texts, &small(&folder)).unwrap();
    assert!(everything(&results[0]) == everything(&collect(&model, &texts, &CollectOptions::default()).unwrap()[0]));
    assert!(names(&folder).iter().all(|name| !name.starts_with(".eidos")), "{:?}", names(&folder));
}

#[cfg(unix)]
#[test]
fn temporary_rows_have_no_name_that_could_be_left() {
    let place = tempfile::tempdir().unwrap();
    let temporary = place.path().join("temporary");
    let its_model = model_folder("eurobert", "base");
    let mut child = child_in_the_middle(&temporary, its_model.path());
    // Not even while it runs, with shards written.
    let left = names(&temporary);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn files_of_somebody_else_are_not_overwritten() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(20));
    let saved = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    for name in ["rows-00000.safetensors", "rows-00007.safetensors", "rows-123456.safetensors", "units.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), "mine").unwrap();
        let refused = |result: eidos::Result<()>| {
            assert_error(result, ErrorCode::Mismatch, &[name, folder.path().to_str().unwrap(), "overwritten"]);
            assert_eq!(names(folder.path()), [name]);
            assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"mine");
        };
        refused(saved.save(folder.path(), &Control::new()));
        refused(collect(&model, &texts, &small(folder.path())).map(drop));
    }
    // Other files are in nobody's way, nor are the units of a run that ended before its manifest.
    let folder = tempfile::tempdir().unwrap();
    saved.save(folder.path(), &Control::new()).unwrap();
    std::fs::remove_file(folder.path().join("rows-00000.safetensors")).unwrap();
    std::fs::remove_file(folder.path().join("manifest.json")).unwrap();
    std::fs::write(folder.path().join("rows-first.safetensors"), "mine").unwrap();
    saved.save(folder.path(), &Control::new()).unwrap();
    assert!(everything(&Activations::open(folder.path()).unwrap()) == everything(&saved));
}

#[test]
fn an_empty_path_is_not_the_working_directory() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let saved = collect(&model, &["a film"], &CollectOptions::default()).unwrap().remove(0);
    let empty = Path::new("");
    let invalid = ErrorCode::InvalidArgument;
    assert_error(collect(&model, &["a film"], &small(empty)), invalid, &["folder is empty", "`.`"]);
    assert_error(saved.save(empty, &Control::new()), invalid, &["folder is empty"]);
    assert_error(Activations::open(empty), invalid, &["folder is empty"]);
    assert_error(Activations::open_copy(empty), invalid, &["folder is empty"]);
}

#[test]
fn a_copy_outlives_what_happens_to_its_files() {
    let (model, texts, folder) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(40), tempfile::tempdir().unwrap());
    let expected = everything(&collect(&model, &texts, &small(folder.path())).unwrap()[0]);
    let copy = Activations::open_copy(folder.path()).unwrap();
    assert!(!copy.is_on_disk());
    for name in names(folder.path()) {
        std::fs::OpenOptions::new().write(true).open(folder.path().join(name)).unwrap().set_len(0).unwrap();
    }
    assert!(everything(&copy) == expected);
    // All rows are one piece, though they came from several shards.
    assert!(copy.rows(0, copy.row_count()).is_ok());
    assert_error(Activations::open_copy(folder.path()), ErrorCode::InvalidFile, &["manifest"]);
    let none = tempfile::tempdir().unwrap();
    collect(&model, &["", ""], &CollectOptions::default()).unwrap()[0].save(none.path(), &Control::new()).unwrap();
    assert_eq!(Activations::open_copy(none.path()).unwrap().row_count(), 0);
}

/// A control that cancels when the last step of a stage is done.
fn cancelled_at_the_end_of(stage: Stage) -> Control {
    let control = Control::new();
    let clone = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.stage == stage && progress.total > 0 && progress.done >= progress.total {
            clone.cancel();
        }
    })));
    control
}

#[test]
fn who_cancels_when_all_is_done_gets_what_was_done() {
    let (model, texts, place) = (eurobert(), many_texts(60), tempfile::tempdir().unwrap());
    let expected: Vec<_> =
        collect(&model, &texts, &CollectOptions::default()).unwrap().iter().map(everything).collect();
    let in_folder = small(&place.path().join("rows"));
    // In memory, in temporary files, in a folder, and once more in the folder that has all of it.
    let temporary = CollectOptions { memory_limit: 0, shard_bytes: 3000, ..CollectOptions::default() };
    for options in [&CollectOptions::default(), &temporary, &in_folder, &in_folder] {
        let control = cancelled_at_the_end_of(Stage::Forward);
        let results = model.activations(&texts, options, &control).unwrap();
        assert!(control.is_cancelled());
        assert!(results.iter().map(everything).collect::<Vec<_>>() == expected);
    }
    // What comes before is not the end.
    let early = model.activations(&texts, &CollectOptions::default(), &cancelled_at_the_end_of(Stage::Tokenize));
    assert_error(early, ErrorCode::Cancelled, &[]);
    let saved = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    let folder = place.path().join("saved");
    saved.save(&folder, &cancelled_at_the_end_of(Stage::Write)).unwrap();
    assert!(everything(&Activations::open(&folder).unwrap()) == expected[0]);
}

#[test]
fn a_model_whose_files_are_copied_is_the_same() {
    let place = model_folder("eurobert", "base");
    let load = |copy: bool, control: &Control| {
        let options = LoadOptions { copy, ..LoadOptions::default() };
        SplitModel::load(place.path().to_str().unwrap(), &SPLITS, &options, control)
    };
    let texts = many_texts(20);
    let rows = |model: &SplitModel| -> Vec<_> {
        collect(model, &texts, &CollectOptions::default()).unwrap().iter().map(everything).collect()
    };
    let expected = rows(&load(false, &Control::new()).unwrap());
    // Whoever cancels when the last tensor is read has the model.
    let control = cancelled_at_the_end_of(Stage::Load);
    assert!(rows(&load(true, &control).unwrap()) == expected);
    assert!(control.is_cancelled());
    let weights = place.path().join("model.safetensors");
    std::fs::OpenOptions::new().write(true).open(&weights).unwrap().set_len(1000).unwrap();
    assert_error(load(true, &Control::new()), ErrorCode::InvalidFile, &["model.safetensors"]);
}
