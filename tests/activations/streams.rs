//! Texts that come one after the other give what the same texts at once give, while further ones are still to come.

use std::cell::Cell;
use std::path::Path;

use eidos::{
    Activations, CollectOptions, Control, Error, ErrorCode, Explainer, Granularity, Interventions, LoadOptions, Pca,
    PcaOptions, Result, SplitModel, Stage, TextReader, TextReaderOptions,
};

use crate::common::{SPLITS, assert_error, collect, eurobert, everything, many_texts, tiny, watching};

fn stream(model: &SplitModel, texts: &[String], options: &CollectOptions) -> Result<Vec<Activations>> {
    model.stream_activations(texts.iter().map(Ok), options, &Control::new())
}

fn into(folder: &Path) -> CollectOptions {
    CollectOptions { folder: Some(folder.to_owned()), shard_bytes: 3000, ..CollectOptions::default() }
}

fn shard_count(folder: &Path) -> usize {
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("rows-")).count()
}

#[test]
fn a_stream_gives_the_same_as_its_texts_at_once() {
    let model = eurobert();
    let mut texts = many_texts(700);
    texts[3].clear();
    texts[600] = "a NUL \0 inside".to_owned();
    let folders = tempfile::tempdir().unwrap();
    for granularity in [Granularity::Word, Granularity::AllTokens, Granularity::Sentence, Granularity::Sample] {
        let options = CollectOptions {
            granularity,
            stop_units: if granularity == Granularity::Word { vec!["the".to_owned()] } else { Vec::new() },
            ..CollectOptions::default()
        };
        let expected: Vec<_> = collect(&model, &texts, &options).unwrap().iter().map(everything).collect();
        let small = CollectOptions { shard_bytes: 3000, batch_tokens: 7, threads: 3, ..options.clone() };
        let folder = folders.path().join(granularity.name());
        for (options, on_disk) in [
            (options.clone(), false),
            (small.clone(), false),
            (CollectOptions { memory_limit: 0, ..small.clone() }, true),
            (CollectOptions { memory_limit: 20_000, ..small.clone() }, true),
            (CollectOptions { folder: Some(folder.clone()), ..small }, true),
        ] {
            let found = stream(&model, &texts, &options).unwrap();
            assert!(found.iter().all(|found| found.is_on_disk() == on_disk));
            let found: Vec<_> = found.iter().map(everything).collect();
            assert!(found == expected, "{granularity:?}, {options:?}");
        }
        let place = folder.join(SPLITS[1]);
        assert!(everything(&Activations::open(&place).unwrap()) == expected[1]);
    }
}

#[test]
fn once_a_stream_is_read_its_progress_has_a_total() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(40));
    let tokens = model.inputs(&texts, 0, &Control::new()).unwrap().token_count() as u64;
    for (shard_bytes, early) in [(3000, true), (1 << 20, false)] {
        let (control, log) = watching(usize::MAX);
        let options = CollectOptions { shard_bytes, batch_tokens: 16, ..CollectOptions::default() };
        model.stream_activations(texts.iter().map(Ok), &options, &control).unwrap();
        let log = log.lock().unwrap();
        let last = log.last().unwrap();
        assert_eq!((last.stage, last.done, last.total), (Stage::Forward, tokens, tokens));
        let unknown = log.iter().filter(|progress| progress.done > 0 && progress.total == 0).count();
        assert_eq!(unknown > 0, early, "shards of {shard_bytes} bytes: those before the last are run while texts come");
    }
}

fn stream_under(
    model: &SplitModel,
    texts: &[String],
    changes: &Interventions,
    options: &CollectOptions,
) -> Result<Vec<Activations>> {
    model.stream_activations_under(texts.iter().map(Ok), changes, options, &Control::new())
}

/// The rows of all tokens at the first split point.
fn token_rows(model: &SplitModel, texts: &[String]) -> Activations {
    let options = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    collect(model, texts, &options).unwrap().swap_remove(0)
}

#[test]
fn a_stream_under_interventions_gives_the_same_as_its_texts_at_once() {
    let (model, texts, control) = (eurobert(), many_texts(400), Control::new());
    let rows = token_rows(&model, &texts);
    let explainer = Explainer::fit::<Pca>(&rows, &PcaOptions::new(3), &control).unwrap();
    let direction = rows.rows(5, 1).unwrap();
    let (tokens, last) = ([0, 3, 700, rows.row_count() - 1], rows.row_count() - 1);
    let mut others = rows.rows(0, rows.row_count()).unwrap().to_vec();
    others.reverse();
    let others = Activations::from_rows(others, rows.column_count(), None).unwrap();
    let add = |tokens| Interventions::new().add(SPLITS[0], direction, 3.0, tokens).unwrap();
    for changes in [
        add(None),
        add(Some(&tokens[..])),
        add(Some(&[last]))
            .ablate(SPLITS[0], &explainer, 1, None)
            .unwrap()
            .clamp("0", &explainer, 0, 4.0, None)
            .unwrap(),
        Interventions::new().replace(SPLITS[0], &rows),
        Interventions::new().replace(SPLITS[0], &others),
    ] {
        let at_once = model.activations_under(&texts, &changes, &CollectOptions::default(), &control).unwrap();
        let expected: Vec<_> = at_once.iter().map(everything).collect();
        let small = CollectOptions { shard_bytes: 3000, batch_tokens: 7, threads: 3, ..CollectOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        let kept = CollectOptions { folder: Some(folder.path().to_owned()), ..small.clone() };
        for options in [CollectOptions::default(), small.clone(), CollectOptions { memory_limit: 0, ..small }, kept] {
            let found = stream_under(&model, &texts, &changes, &options).unwrap();
            assert!(found.iter().map(everything).collect::<Vec<_>>() == expected, "{changes:?}, {options:?}");
        }
    }
}

#[test]
fn a_folder_of_a_stream_belongs_to_its_interventions() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(300));
    let folder = tempfile::tempdir().unwrap();
    let rows = token_rows(&model, &texts);
    let steer = |scale| Interventions::new().add(SPLITS[0], rows.rows(0, 1).unwrap(), scale, None).unwrap();
    let expected = everything(&stream_under(&model, &texts, &steer(2.0), &into(folder.path())).unwrap()[0]);
    for other in [steer(3.0), Interventions::new()] {
        let refused = stream_under(&model, &texts, &other, &into(folder.path()));
        assert_error(refused, ErrorCode::Mismatch, &["another run"]);
    }
    let again = stream_under(&model, &texts, &steer(2.0), &into(folder.path())).unwrap();
    assert!(everything(&again[0]) == expected);
}

#[test]
fn interventions_that_do_not_fit_a_stream_are_errors_that_say_why() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(50));
    let (rows, options) = (token_rows(&model, &texts), CollectOptions::default());
    let replaced = Interventions::new().replace(SPLITS[0], &rows);
    let refused = |changes: &Interventions, texts: &[String], code, parts: &[&str]| {
        assert_error(stream_under(&model, texts, changes, &options), code, parts);
    };
    // Said before a text is asked for, when it comes, and when there are no more.
    let narrow = Interventions::new().add(SPLITS[0], &[1.0], 1.0, None).unwrap();
    let asked = model.stream_activations_under(
        std::iter::from_fn(|| -> Option<Result<&str>> { panic!("a text was asked for") }),
        &narrow,
        &options,
        &Control::new(),
    );
    assert_error(asked, ErrorCode::InvalidArgument, &["direction", "columns"]);
    let mut others = texts.clone();
    others[30] = "another film".to_owned();
    refused(&replaced, &others, ErrorCode::Mismatch, &["text 30"]);
    refused(&replaced, &texts[..20], ErrorCode::Mismatch, &["50 texts", "20 were given"]);
    let (values, columns) = (rows.rows(0, rows.row_count()).unwrap(), rows.column_count());
    let fewer = Activations::from_rows(values[..100 * columns].to_vec(), columns, None).unwrap();
    refused(&Interventions::new().replace(SPLITS[0], &fewer), &texts, ErrorCode::InvalidArgument, &["100 rows"]);
    let all = Activations::from_rows(values.to_vec(), columns, None).unwrap();
    refused(&Interventions::new().replace(SPLITS[0], &all), &texts[..20], ErrorCode::InvalidArgument, &["rows"]);
    let beyond = Interventions::new().add(SPLITS[0], &values[..columns], 1.0, Some(&[rows.row_count()])).unwrap();
    refused(&beyond, &texts, ErrorCode::InvalidArgument, &["was named"]);
}

#[test]
fn shards_are_there_while_the_source_still_has_texts() {
    let (model, folder) = (tiny("eurobert", "base", &SPLITS[..1]), tempfile::tempdir().unwrap());
    let mut seen = Vec::new();
    let texts = many_texts(2000);
    let source = texts.iter().map(|text| {
        seen.push(shard_count(folder.path()));
        Ok(text)
    });
    let found = model.stream_activations(source, &into(folder.path()), &Control::new()).unwrap();
    let half = seen[texts.len() / 2];
    assert!(half > 10 && half < shard_count(folder.path()), "{half} shards when half of the texts were read");
    assert_eq!(found[0].texts().len(), texts.len());
}

#[test]
fn a_stream_that_fails_or_is_cancelled_goes_on_from_its_last_complete_shard() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(1500));
    let expected = everything(&collect(&model, &texts, &CollectOptions::default()).unwrap()[0]);
    let folder = tempfile::tempdir().unwrap();
    let cut = Error::new(ErrorCode::Network, "the line is cut").hint("mend it");
    let failing = texts.iter().take(1100).map(Ok).chain([Err(cut)]);
    let failed = model.stream_activations(failing, &into(folder.path()), &Control::new());
    assert_error(failed, ErrorCode::Network, &["the line is cut"]);
    let written = shard_count(folder.path());
    assert!(written > 10, "{written} shards");
    assert_error(Activations::open(folder.path()), ErrorCode::InvalidFile, &["not read to their end", "same texts"]);

    let (control, _) = watching(200);
    let cancelled = model.stream_activations(texts.iter().map(Ok), &into(folder.path()), &control);
    assert_error(cancelled, ErrorCode::Cancelled, &[]);
    assert!(shard_count(folder.path()) >= written);

    let runs = Cell::new(0);
    let control = Control::new();
    let resumed = model.stream_activations(
        texts.iter().map(|text| {
            runs.set(runs.get() + 1);
            Ok(text)
        }),
        &into(folder.path()),
        &control,
    );
    assert!(everything(&resumed.unwrap()[0]) == expected);
    assert_eq!(runs.get(), texts.len());
    // What is complete is opened, and found again.
    assert!(everything(&Activations::open(folder.path()).unwrap()) == expected);
    assert!(everything(&stream(&model, &texts, &into(folder.path())).unwrap()[0]) == expected);
}

#[test]
fn a_folder_of_other_texts_is_refused_and_stays_as_it_is() {
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(300));
    let folder = tempfile::tempdir().unwrap();
    let expected = everything(&stream(&model, &texts, &into(folder.path())).unwrap()[0]);
    let mut others = texts.clone();
    others[200] = "another film".to_owned();
    for texts in [&others[..], &texts[..250], &texts[..100]] {
        assert_error(stream(&model, texts, &into(folder.path())), ErrorCode::Mismatch, &["another run", "texts"]);
    }
    let other_units = CollectOptions { stop_units: vec!["film".to_owned()], ..into(folder.path()) };
    assert_error(stream(&model, &texts, &other_units), ErrorCode::Mismatch, &["another run"]);
    assert_error(collect(&model, &texts, &into(folder.path())), ErrorCode::Mismatch, &["another run"]);
    assert!(everything(&Activations::open(folder.path()).unwrap()) == expected);
    let at_once = tempfile::tempdir().unwrap();
    collect(&model, &texts, &into(at_once.path())).unwrap();
    assert_error(stream(&model, &texts, &into(at_once.path())), ErrorCode::Mismatch, &["another run"]);
}

#[test]
fn a_stream_without_texts_or_of_a_file_that_is_damaged_is_an_error() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    assert_error(stream(&model, &[], &CollectOptions::default()), ErrorCode::InvalidArgument, &["no texts"]);
    let none = stream(&model, &[String::new()], &CollectOptions::default()).unwrap();
    assert_eq!((none[0].row_count(), none[0].texts().len()), (0, 1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.txt");
    std::fs::write(&path, b"a film\n\xff\n").unwrap();
    let reader = TextReader::open(&path, &TextReaderOptions::default()).unwrap();
    let found = model.stream_activations(reader, &CollectOptions::default(), &Control::new());
    assert_error(found, ErrorCode::InvalidFile, &["line 2"]);
    let lists = SplitModel::load("eidos:demo", &[], &LoadOptions::default(), &Control::new()).unwrap();
    assert_error(stream(&lists, &many_texts(1), &CollectOptions::default()), ErrorCode::InvalidArgument, &["split"]);
}
