//! GGUF models in parts: the bits of the whole file, and errors that say which part is wrong.

use std::collections::HashSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use eidos::{Control, Error, ErrorCode, LoadOptions, SplitModel};
use tempfile::TempDir;

use crate::model::gguf::{bits, data, families_of_candle, family, golden_file, texts, whole};
use crate::model::gguf_files::changed;

/// Modules that every family has, by names that do not depend on it.
const SPLITS: [&str; 2] = ["blocks.0.hook_mlp_out", "hook_embed"];

fn load(path: &Path, splits: &[&str], options: &LoadOptions) -> Result<SplitModel, Error> {
    SplitModel::load(path.to_str().unwrap(), splits, options, &Control::new())
}

/// What a model gives for the short text at the split points, and its logits for the long one.
fn results(model: &SplitModel) -> Vec<Vec<u32>> {
    let outputs = model.forward(&[&texts()[0]]).unwrap();
    outputs.iter().chain(&model.logits(&texts()[1])).map(bits).collect()
}

/// The tensors of a model of the fixtures, in the order of the file.
fn tensors(model: &str) -> Vec<String> {
    let content = Content::read(&mut Cursor::new(fs::read(golden_file(model)).unwrap())).unwrap();
    let mut infos: Vec<_> = content.tensor_infos.into_iter().collect();
    infos.sort_by_key(|(_, info)| info.offset);
    infos.into_iter().map(|(name, _)| name).collect()
}

/// A folder with a model of the fixtures in parts, as llama.cpp splits it, and a tokenizer whose texts nobody reads here.
struct Divided {
    folder: TempDir,
    model: String,
    parts: Vec<Vec<String>>,
}

impl Divided {
    /// Parts of so many tensors each; the last one has the rest.
    fn new(model: &str, sizes: &[usize]) -> Self {
        let mut rest = tensors(model);
        let mut parts: Vec<Vec<String>> = sizes.iter().map(|size| rest.drain(..*size).collect()).collect();
        parts.push(rest);
        Self::of(model, parts)
    }

    /// These tensors in each part.
    fn of(model: &str, parts: Vec<Vec<String>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(data().join("models/eurobert/tokenizer/tokenizer.json"), folder.path().join("tokenizer.json"))
            .unwrap();
        let divided = Self { folder, model: model.to_owned(), parts };
        (1..=divided.parts.len()).for_each(|number| divided.write(number, &[]));
        divided
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("model-{number:05}-of-{:05}.gguf", self.parts.len()))
    }

    /// Writes a part, with these values of its metadata.
    fn write(&self, number: usize, values: &[(&str, Value)]) {
        let held: HashSet<&String> = self.parts[number - 1].iter().collect();
        let bytes = changed(&self.model, |metadata, tensors| {
            if number > 1 {
                metadata.clear();
            }
            let total = Value::I32(tensors.len() as i32);
            let [index, count] = [number - 1, self.parts.len()].map(|number| Value::U16(number as u16));
            let own = [("split.no", &index), ("split.count", &count), ("split.tensors.count", &total)];
            let all = own.into_iter().chain(values.iter().map(|(key, value)| (*key, value)));
            metadata.extend(all.map(|(key, value)| (key.to_owned(), value.clone())));
            tensors.retain(|name, _| held.contains(name));
        });
        fs::write(self.path(number), bytes).unwrap();
    }

    fn load(&self) -> Result<SplitModel, Error> {
        load(&self.path(1), &SPLITS, &whole())
    }

    /// The error for a model that must be refused, which names a file.
    fn refusal(&self, file: &Path) -> Error {
        let error = self.load().map(|_| ()).expect_err("it was read");
        assert!(error.message().contains(&*file.display().to_string()), "{}: {error}", file.display());
        assert!(!error.hint_text().is_empty(), "{error}");
        error
    }
}

#[test]
fn parts_that_are_copied_give_the_bits_of_mapped_ones() {
    let divided = Divided::new("llama_scaled", &[3, 5]);
    let path = divided.folder.path();
    let of = |copy: bool| results(&load(path, &SPLITS, &LoadOptions { copy, ..whole() }).unwrap());
    assert_eq!(of(true), of(false));
}

#[test]
fn the_parts_that_the_package_gguf_wrote_give_the_bits_of_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = data().join("models/eurobert/tokenizer/tokenizer.json");
    fs::copy(tokenizer, folder.path().join("tokenizer.json")).unwrap();
    let parts = [1, 2, 3].map(|number| format!("model-0000{number}-of-00003.gguf"));
    for part in &parts {
        fs::copy(data().join("gguf/parts").join(part), folder.path().join(part)).unwrap();
    }
    let expected = family("llama_scaled").load(&SPLITS, &whole()).unwrap();
    // The model is called by its folder or by any of its parts.
    let names = parts.iter().map(|part| folder.path().join(part)).chain([folder.path().to_owned()]);
    for path in names {
        let ours = load(&path, &SPLITS, &whole()).unwrap();
        assert!(results(&ours) == results(&expected), "{}", path.display());
        assert_eq!(ours.weight_bytes(), expected.weight_bytes());
        assert_eq!(ours.name(), path.to_str().unwrap());
    }
}

#[test]
fn a_model_of_every_family_may_be_cut_anywhere() {
    for name in families_of_candle() {
        let expected = results(&family(&name).load(&SPLITS, &whole()).unwrap());
        let count = tensors(&name).len();
        for sizes in [vec![1], vec![count - 1], vec![0], vec![3, 0, 5], vec![1; count - 1]] {
            let ours = Divided::new(&name, &sizes).load().unwrap();
            assert!(results(&ours) == expected, "{name} {sizes:?}");
        }
        let backwards = tensors(&name).into_iter().rev().map(|tensor| vec![tensor]).collect();
        assert!(results(&Divided::of(&name, backwards).load().unwrap()) == expected, "{name} backwards");
    }
}

#[test]
fn the_first_part_alone_lists_the_modules() {
    for name in families_of_candle() {
        // With the table of embeddings, and with nothing but metadata.
        for sizes in [[3], [0]] {
            let divided = Divided::new(&name, &sizes);
            fs::remove_file(divided.path(2)).unwrap();
            fs::remove_file(divided.folder.path().join("tokenizer.json")).unwrap();
            let listed = load(&divided.path(1), &[], &LoadOptions::default()).unwrap();
            let expected = family(&name).load(&[], &LoadOptions::default()).unwrap();
            assert_eq!(listed.modules(), expected.modules(), "{name}");
            assert_eq!(listed.weight_bytes(), 0);
        }
    }
    // Where it says nothing of its size, the tokens of the file are counted.
    let divided = Divided::new("llama", &[0]);
    let without = |tokens: Option<u32>| {
        let bytes = changed("llama", |metadata, tensors| {
            tensors.clear();
            metadata.remove("llama.vocab_size").unwrap();
            metadata.extend([("split.no".to_owned(), Value::U16(0)), ("split.count".to_owned(), Value::U16(2))]);
            let texts = tokens.map(|tokens| (0..tokens).map(|token| Value::String(token.to_string())).collect());
            metadata.extend(texts.map(|texts| ("tokenizer.ggml.tokens".to_owned(), Value::Array(texts))));
        });
        fs::write(divided.path(1), bytes).unwrap();
        load(&divided.path(1), &[], &LoadOptions::default())
    };
    let expected = family("llama").load(&[], &LoadOptions::default()).unwrap();
    let size = expected.modules().iter().find(|module| module.path == "lm_head").unwrap().width.unwrap();
    assert_eq!(without(Some(size as u32)).unwrap().modules(), expected.modules());
    let error = without(None).map(|_| ()).unwrap_err();
    assert!(error.message().contains("tokenizer.ggml.tokens"), "{error}");
}

#[test]
fn a_part_that_is_not_there_is_named() {
    let divided = Divided::new("llama", &[3, 4]);
    fs::remove_file(divided.path(2)).unwrap();
    let error = divided.refusal(divided.folder.path());
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("`model-00002-of-00003.gguf`, one of the 3 parts"), "{error}");
    assert!(error.hint_text().contains("all parts"), "{error}");
    // Without the first part nothing is known, whether a part is given or the folder.
    fs::remove_file(divided.path(1)).unwrap();
    let error = load(&divided.path(3), &SPLITS, &whole()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("is part 3 of 3 of a model"), "{error}");
    assert!(error.hint_text().contains("`...-00001-of-00003.gguf`"), "{error}");
    let error = load(divided.folder.path(), &SPLITS, &whole()).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("but not `model-00001-of-00003.gguf`"), "{error}");
}

#[test]
fn a_part_of_another_model_or_under_another_name_is_named() {
    let number = |value: u16| Value::U16(value);
    for (part, values, what) in [
        (2, [("split.no", number(2)), ("split.count", number(3))], "is part 3 of 3 by its metadata, but part 2 of 3"),
        (3, [("split.no", number(2)), ("split.count", number(4))], "is part 3 of 4 by its metadata, but part 3 of 3"),
        (3, [("split.no", number(2)), ("split.tensors.count", Value::I32(99))], "is part of a model of 99 tensors"),
        (2, [("split.no", number(1)), ("split.count", Value::String("3".to_owned()))], "`split.count` is not a number"),
        (2, [("split.no", Value::I32(-1)), ("split.count", number(3))], "`split.no` is -1"),
        (1, [("split.no", number(1)), ("split.count", number(3))], "is part 2 of 3 of a model"),
        (1, [("split.no", Value::Bool(false)), ("split.count", number(3))], "`split.no` is not a number"),
        (
            1,
            [("split.no", number(0)), ("split.count", number(4))],
            "is the first of 4 parts of a model, but it is not called",
        ),
        (1, [("split.no", number(0)), ("split.count", number(1025))], "has 1025 parts, more than the 1024"),
    ] {
        let divided = Divided::new("llama", &[3, 4]);
        divided.write(part, &values);
        let error = divided.refusal(&divided.path(part));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains(what), "{what}: {error}");
        assert!(!error.message().contains("gguf: `"), "it is named twice: {error}");
    }
    let divided = Divided::new("llama", &[3, 4]);
    // A whole file in the place of a part.
    fs::copy(golden_file("llama"), divided.path(3)).unwrap();
    assert!(divided.refusal(&divided.path(3)).message().contains("is no part of any model by its metadata"));
    // Others of the same size: all parts have their numbers, but not their tensors.
    let other = Divided::new("llama", &[3, 5]);
    fs::copy(other.path(2), divided.path(2)).unwrap();
    divided.write(3, &[]);
    let error = divided.refusal(&divided.path(3));
    assert!(error.message().contains("which is already in") && error.message().contains("00002-of-00003"), "{error}");
    let renamed = divided.folder.path().join("model.gguf");
    fs::rename(divided.path(1), &renamed).unwrap();
    let error = load(&renamed, &SPLITS, &whole()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("it is not called `...-00001-of-00003.gguf`"), "{error}");
    assert!(error.hint_text().contains("names"), "{error}");
}

#[test]
fn what_the_first_part_says_is_said_of_it_whichever_part_was_given() {
    let divided = Divided::new("llama", &[3]);
    divided.write(1, &[("llama.logit_scale", Value::F32(2.0))]);
    for number in [1, 2] {
        // The other part is not even looked at.
        fs::write(divided.path(2), b"").unwrap();
        let error = load(&divided.path(number), &SPLITS, &whole()).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains(&format!("`{}`: the metadata key", divided.path(1).display())), "{error}");
    }
}

#[test]
fn a_tensor_stands_in_one_part() {
    let [embedding, rest] = [0..1, 1..21].map(|range| tensors("llama")[range].to_vec());
    let twice = [embedding.clone(), rest].concat();
    let divided = Divided::of("llama", vec![embedding, twice.clone()]);
    let error = divided.refusal(&divided.path(2));
    assert!(error.message().contains("has the tensor `token_embd.weight`, which is already in"), "{error}");
    let missing = Divided::of("llama", vec![twice[..5].to_vec(), twice[6..].to_vec()]);
    let error = missing.refusal(&missing.path(1));
    assert!(error.message().contains("has 21 tensors, but its parts hold 20"), "{error}");
}

#[test]
fn a_part_that_was_cut_is_named() {
    for part in [1, 2, 3] {
        let divided = Divided::new("llama_scaled", &[8, 8]);
        let bytes = fs::read(divided.path(part)).unwrap();
        let data = Content::read(&mut Cursor::new(&bytes)).unwrap().tensor_data_offset as usize;
        for length in (1..data).step_by(97).chain([data - 1, data + 1]) {
            fs::write(divided.path(part), &bytes[..length]).unwrap();
            assert_eq!(divided.refusal(&divided.path(part)).code(), ErrorCode::InvalidFile);
        }
        fs::write(divided.path(part), []).unwrap();
        assert!(divided.refusal(&divided.path(part)).message().contains("empty"));
    }
}

#[test]
fn a_flipped_byte_of_a_parts_header_is_an_error_or_another_model_but_never_a_crash() {
    for part in [1, 2] {
        let divided = Divided::new("llama", &[8]);
        let bytes = fs::read(divided.path(part)).unwrap();
        let data = Content::read(&mut Cursor::new(&bytes)).unwrap().tensor_data_offset as usize;
        let mut refused = 0;
        for place in 0..data {
            let mut bytes = bytes.clone();
            bytes[place] ^= [0xff, 1, 0x80][place % 3];
            fs::write(divided.path(part), bytes).unwrap();
            if let Err(error) = divided.load() {
                refused += 1;
                let expected = [ErrorCode::InvalidFile, ErrorCode::Unsupported, ErrorCode::UnknownModule];
                assert!(expected.contains(&error.code()), "{part} {place}: {error:?}");
            }
        }
        assert!(refused > data / 2, "{refused} of {data}");
    }
}

#[test]
fn a_part_after_the_last_split_point_may_lack_its_numbers() {
    let divided = Divided::new("llama", &[14]);
    let bytes = fs::read(divided.path(2)).unwrap();
    let data = Content::read(&mut Cursor::new(&bytes)).unwrap().tensor_data_offset as usize;
    fs::write(divided.path(2), &bytes[..data]).unwrap();
    let cut = load(&divided.path(1), &["model.embed_tokens"], &LoadOptions::default()).unwrap();
    let expected = family("llama").load(&["model.embed_tokens"], &LoadOptions::default()).unwrap();
    let rows = |model: &SplitModel| bits(&model.forward(&[&texts()[0]]).unwrap()[0]);
    assert!(rows(&cut) == rows(&expected));
}

#[test]
fn a_file_that_was_put_together_again_is_whole() {
    let merged = changed("llama", |metadata, _| {
        metadata.extend([("split.count".to_owned(), Value::U16(0)), ("split.no".to_owned(), Value::U16(0))]);
        metadata.insert("split.tensors.count".to_owned(), Value::I32(3));
    });
    // Whatever it is called.
    let divided = Divided::new("llama", &[3]);
    fs::write(divided.path(1), merged).unwrap();
    let expected = results(&family("llama").load(&SPLITS, &whole()).unwrap());
    assert!(results(&divided.load().unwrap()) == expected);
}
