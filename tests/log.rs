//! What long calls say beside their results.
#![cfg(feature = "demo-model")]
#![allow(clippy::unwrap_used, missing_docs)]

use eidos::{CollectOptions, Control, Explainer, Ica, IcaOptions, LoadOptions, LogLevel, SplitModel};

/// What a call said, from a level on.
fn said(level: LogLevel, call: impl FnOnce(&Control)) -> Vec<String> {
    let control = Control::new();
    control.keep_log(level);
    call(&control);
    (0..control.kept_message_count()).map(|index| control.kept_message(index).unwrap().text().to_owned()).collect()
}

fn demo() -> SplitModel {
    SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), &Control::new()).unwrap()
}

#[test]
fn loading_says_what_was_loaded_and_with_which_instructions() {
    let load = |control: &Control| {
        SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), control).unwrap();
    };
    let messages = said(LogLevel::Info, load);
    assert_eq!(messages.len(), 1, "{messages:?}");
    for part in ["loaded eidos:demo", "on the CPU with", "bytes of", "(safetensors)"] {
        assert!(messages[0].contains(part), "{messages:?}");
    }
    assert!(said(LogLevel::Warning, load).is_empty());
}

#[test]
fn collecting_says_which_texts_are_cut_where_rows_go_and_what_is_there_already() {
    let model = demo();
    let long = "word ".repeat(2 * model.max_positions());
    let texts = ["a short text", &long];
    let collect = |options: &CollectOptions| {
        said(LogLevel::Info, |control| drop(model.activations(&texts, options, control).unwrap()))
    };
    let plain = CollectOptions::default();
    let messages = collect(&plain);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("1 of 2 texts are longer than the "), "{messages:?}");

    let messages = collect(&CollectOptions { memory_limit: 1, ..plain.clone() });
    assert!(messages[1].contains("more than the memory limit of 1"), "{messages:?}");

    let folder = tempfile::tempdir().unwrap();
    let to_folder = CollectOptions { folder: Some(folder.path().join("rows")), ..plain };
    assert_eq!(collect(&to_folder).len(), 1);
    let messages = collect(&to_folder);
    assert!(messages[1].starts_with("resuming after "), "{messages:?}");
}

#[test]
fn a_fit_says_whether_it_converged() {
    let model = demo();
    let texts: Vec<String> = (0..40).map(|number| format!("text {number} says {} and more", number * 7 % 11)).collect();
    let rows = model.activations(&texts, &CollectOptions::default(), &Control::new()).unwrap().remove(0);
    let fit = |options: IcaOptions| {
        said(LogLevel::Warning, |control| drop(Explainer::fit::<Ica>(&rows, &options, control).unwrap()))
    };
    let messages = fit(IcaOptions { max_iterations: 1, tolerance: 1e-9, ..IcaOptions::new(3) });
    assert!(messages.len() == 1 && messages[0].starts_with("did not converge after 1 iterations"), "{messages:?}");
    assert!(fit(IcaOptions { tolerance: 1.0, ..IcaOptions::new(3) }).is_empty());
}
