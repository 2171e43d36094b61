//! How many tokens of a text sentence-transformers reads, where a caller asks for the same.

use std::path::Path;

use eidos::{Control, Error, ErrorCode, LoadOptions, SplitModel};

use crate::common::{assert_error, model_folder, replace};

const FILE: &str = "sentence_bert_config.json";

fn load(folder: &Path, use_max_seq_length: bool) -> Result<SplitModel, Error> {
    let options = LoadOptions { use_max_seq_length, ..LoadOptions::default() };
    SplitModel::load(folder.to_str().unwrap(), &["1"], &options, &Control::new())
}

fn most(folder: &Path, use_max_seq_length: bool) -> usize {
    load(folder, use_max_seq_length).unwrap().tokenizer().unwrap().max_tokens().unwrap()
}

#[test]
fn texts_are_cut_where_the_option_says_so() {
    let folder = model_folder("bert", "base");
    let usual = most(folder.path(), false);
    replace(&folder.path().join(FILE), r#"{"max_seq_length": 5, "do_lower_case": false}"#);
    assert_eq!((most(folder.path(), false), most(folder.path(), true)), (usual, 5));
    let text = "one two three four five six seven eight nine ten";
    let ids = |cut: bool| {
        let model = load(folder.path(), cut).unwrap();
        let inputs = model.inputs(&[text], 1, &Control::new()).unwrap();
        inputs.token_ids(0).to_vec()
    };
    let (whole, cut) = (ids(false), ids(true));
    // The special tokens at both ends are among the five.
    assert_eq!((cut.len(), &cut[..4], cut.last()), (5, &whole[..4], whole.last()));
    assert!(whole.len() > 5);
}

#[test]
fn the_file_may_have_older_names_and_say_little() {
    let folder = model_folder("bert", "base");
    let usual = most(folder.path(), false);
    for (name, content, expected) in [
        ("sentence_roberta_config.json", r#"{"max_seq_length": 7}"#, 7),
        (FILE, r#"{"max_seq_length": 9}"#, 9),
        (FILE, r#"{"max_seq_length": null}"#, usual),
        (FILE, "{}", usual),
        // No model reads beyond its positions.
        (FILE, r#"{"max_seq_length": 4096}"#, 64),
    ] {
        replace(&folder.path().join(name), content);
        assert_eq!(most(folder.path(), true), expected, "{content}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = model_folder("bert", "base");
    let error = assert_error(load(folder.path(), true), ErrorCode::NotFound, &[FILE]);
    assert!(error.hint_text().contains("use_max_seq_length"), "{error}");
    for (content, says) in [
        (r#"{"max_seq_length": 0}"#, "sentence_bert_config.json: `max_seq_length` is 0"),
        (r#"{"max_seq_length": "long"}"#, "`max_seq_length` is \"long\""),
        ("[]", "sentence_bert_config.json is not a JSON object"),
        (r#"{"max_seq_length": 2}"#, "no room for text"),
    ] {
        replace(&folder.path().join(FILE), content);
        assert_error(load(folder.path(), true), ErrorCode::InvalidFile, &[says]);
    }
}
