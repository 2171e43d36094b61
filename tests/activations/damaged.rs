//! Folders that a disk, a person or an enemy has changed: each is a clear error, and none of them a panic.

use std::path::Path;

use eidos::rows::Rows;
use eidos::{Activations, CollectOptions, Control, ErrorCode, Explainer, Ica, IcaOptions, SplitModel, TopInputs};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::common::{SPLITS, assert_error, collect, everything, many_texts, replace, tiny};

const MANIFEST: &str = "manifest.json";
const UNITS: &str = "units.safetensors";
const SHARD: &str = "rows-00001.safetensors";

fn options(folder: &Path) -> CollectOptions {
    CollectOptions { folder: Some(folder.to_owned()), shard_bytes: 3000, ..CollectOptions::default() }
}

fn model() -> SplitModel {
    tiny("eurobert", "base", &SPLITS[..1])
}

/// A whole folder of several shards.
fn whole(texts: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    collect(&model(), &many_texts(texts), &options(folder.path())).unwrap();
    assert!(Activations::open(folder.path()).is_ok());
    folder
}

/// A folder with one file changed must not open, and the error names the file and what else is given.
#[track_caller]
fn refused(folder: &Path, file: &str, bytes: &[u8], code: ErrorCode, names: &[&str]) {
    let path = folder.join(file);
    let before = std::fs::read(&path).unwrap();
    replace(&path, bytes);
    let opened = Activations::open(folder);
    replace(&path, before);
    let error = assert_error(opened, code, names);
    assert!(error.message().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn manifests_that_cannot_be_are_refused() {
    let folder = whole(40);
    let folder = folder.path();
    let text = std::fs::read(folder.join(MANIFEST)).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    for length in 0..text.len() {
        refused(folder, MANIFEST, &text[..length], ErrorCode::InvalidFile, &["is not a manifest", "collect"]);
    }
    let deep = "[".repeat(100_000);
    for garbage in ["null", "[]", "{}", "7", "\"a\"", "\0\0\0\0", "{\"format\": 1}", &deep] {
        refused(folder, MANIFEST, garbage.as_bytes(), ErrorCode::InvalidFile, &["is not a manifest"]);
    }
    refused(folder, MANIFEST, b"\xff\xfe\xff", ErrorCode::InvalidFile, &["is not a manifest"]);

    let edited = |change: &dyn Fn(&mut Value)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        manifest.to_string().into_bytes()
    };
    let set = |key: &'static str, value: Value| edited(&move |manifest: &mut Value| manifest[key] = value.clone());
    let invalid = |bytes: &[u8], names: &[&str]| refused(folder, MANIFEST, bytes, ErrorCode::InvalidFile, names);
    invalid(&set("format", json!("eidos.explainer")), &["eidos.explainer"]);
    refused(folder, MANIFEST, &set("version", json!(2)), ErrorCode::Unsupported, &["version 2", "update Eidos"]);
    refused(folder, MANIFEST, &set("dtype", json!("f16")), ErrorCode::Unsupported, &["f16"]);
    for count in [json!(-1), json!(1.5), json!("9"), json!(null), json!(1e30), json!([1])] {
        invalid(&set("row_count", count.clone()), &["is not a manifest"]);
        invalid(&set("column_count", count), &["is not a manifest"]);
    }
    for count in [u64::MAX, u64::MAX / 2, 1 << 62, 1 << 61] {
        invalid(&set("row_count", json!(count)), &[&count.to_string()]);
        invalid(&set("column_count", json!(count)), &[&count.to_string()]);
    }
    invalid(&set("column_count", json!(0)), &["0 columns"]);
    invalid(&set("row_count", json!(3)), &["more rows than it says"]);
    invalid(&set("model", json!(7)), &["is not a manifest"]);
    invalid(&set("granularity", json!("letter")), &["letter"]);
    let rows = |count: u64| edited(&move |manifest: &mut Value| manifest["shards"][1]["row_count"] = json!(count));
    invalid(&rows(u64::MAX), &["more rows than it says"]);
    invalid(&rows(1 << 60), &["more rows than it says"]);
    for name in [
        "../rows-00001.safetensors",
        "/etc/passwd",
        "rows-00001.safetensors/../../x",
        "rows-/../../../etc/passwd",
        "rows-00001.safetensors\0",
        "..\\rows-00001.safetensors",
        "rows-1.safetensors",
        "rows-00000.safetensors",
        "units.safetensors",
        "",
        ".",
        "\n\u{1b}[31m",
    ] {
        let bytes = edited(&|manifest| manifest["shards"][1]["file"] = json!(name));
        invalid(&bytes, &["names a shard", "must be `rows-00001.safetensors`"]);
    }
    // A folder without rows has nothing that would contradict its columns.
    let mut empty = manifest.clone();
    (empty["row_count"], empty["shards"], empty["column_count"]) = (json!(0), json!([]), json!(u64::MAX / 4 + 1));
    invalid(empty.to_string().as_bytes(), &["columns"]);
}

#[test]
fn what_an_unfinished_or_contradicting_manifest_says_is_told() {
    let folder = whole(40);
    let path = folder.path().join(MANIFEST);
    let manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let open = |manifest: &Value| {
        std::fs::write(&path, manifest.to_string()).unwrap();
        Activations::open(folder.path())
    };
    let mut more = manifest.clone();
    let rows = manifest["row_count"].as_u64().unwrap();
    more["row_count"] = json!(rows + 1);
    let says = format!("{rows} of {} rows", rows + 1);
    assert_error(open(&more), ErrorCode::InvalidFile, &[folder.path().to_str().unwrap(), &says]);
    let mut fewer = manifest.clone();
    fewer["shards"].as_array_mut().unwrap().pop();
    assert_error(open(&fewer), ErrorCode::InvalidFile, &["same folder again"]);
    // One row moved from one shard to the next: the files know better.
    let mut moved = manifest.clone();
    for (shard, change) in [(0, 1), (1, -1)] {
        let rows = manifest["shards"][shard]["row_count"].as_i64().unwrap();
        moved["shards"][shard]["row_count"] = json!(rows + change);
    }
    assert_error(open(&moved), ErrorCode::InvalidFile, &["rows-00000.safetensors", "manifest says"]);
    // Fewer columns are another shape, though the file is large enough.
    let mut narrow = manifest.clone();
    narrow["column_count"] = json!(16);
    assert_error(open(&narrow), ErrorCode::InvalidFile, &["rows-00000.safetensors", "32", "16"]);
    // Rows and no shards: there is nothing that a row could be read from.
    let mut none = manifest;
    none["shards"] = json!([]);
    assert_error(open(&none), ErrorCode::InvalidFile, &[&format!("0 of {rows} rows")]);
}

fn file(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn shards_that_are_not_what_the_manifest_says_are_refused() {
    let folder = whole(40);
    let folder = folder.path();
    let bytes = std::fs::read(folder.join(SHARD)).unwrap();
    let invalid = |bytes: &[u8], names: &[&str]| refused(folder, SHARD, bytes, ErrorCode::InvalidFile, names);
    invalid(&[], &["is empty"]);
    for length in [1, 7, 8, 9, 40, bytes.len() / 2, bytes.len() - 1] {
        invalid(&bytes[..length], &["is not a whole safetensors file"]);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    invalid(&longer, &["is not a whole safetensors file"]);
    let mut huge = bytes.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    invalid(&huge, &["is not a whole safetensors file"]);
    let shape = SafeTensors::deserialize(&bytes).unwrap().tensor("rows").unwrap().shape().to_vec();
    let (rows, columns) = (shape[0], shape[1]);
    let zeros = |count: usize| vec![0_u8; count];
    let says = format!("F32 [{rows}, {columns}]");
    for (shape, count) in [
        (vec![rows - 1, columns], (rows - 1) * columns),
        (vec![rows + 1, columns], (rows + 1) * columns),
        (vec![columns, rows], rows * columns),
        (vec![rows * columns], rows * columns),
        (vec![rows, columns, 1], rows * columns),
        (vec![0, columns], 0),
    ] {
        invalid(&file(&[("rows", Dtype::F32, shape, zeros(count * 4))]), &["manifest says", &says]);
    }
    invalid(&file(&[("rows", Dtype::F64, shape.clone(), zeros(rows * columns * 8))]), &["F64", &says]);
    invalid(&file(&[("rows", Dtype::I32, shape.clone(), zeros(rows * columns * 4))]), &["I32", &says]);
    invalid(&file(&[("row", Dtype::F32, shape.clone(), zeros(rows * columns * 4))]), &["no tensor `rows`"]);
    // A header whose length is not a multiple of 4 puts the values where no f32 can be read.
    let header =
        format!(r#"{{"rows":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[0,{}]}}}}"#, rows * columns * 4);
    let header = format!("{header}{}", " ".repeat((4 - header.len() % 4) + 1));
    let mut crooked = (header.len() as u64).to_le_bytes().to_vec();
    crooked.extend(header.as_bytes());
    crooked.extend(zeros(rows * columns * 4));
    invalid(&crooked, &["not aligned"]);
}

#[test]
fn files_that_are_missing_or_no_files_are_named() {
    let folder = whole(40);
    let folder = folder.path();
    for name in [SHARD, UNITS, MANIFEST] {
        let (path, aside) = (folder.join(name), folder.join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        assert_error(Activations::open(folder), ErrorCode::NotFound, &[path.to_str().unwrap()]);
        std::fs::create_dir(&path).unwrap();
        assert_error(Activations::open(folder), ErrorCode::InvalidFile, &[path.to_str().unwrap(), "is not a file"]);
        std::fs::remove_dir(&path).unwrap();
        #[cfg(unix)]
        {
            // Nobody writes into this pipe: a reader that opened it would wait for ever.
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            if made.is_ok_and(|status| status.success()) {
                assert_error(Activations::open(folder), ErrorCode::InvalidFile, &["is not a file"]);
                std::fs::remove_file(&path).unwrap();
            }
            std::os::unix::fs::symlink("nowhere", &path).unwrap();
            assert_error(Activations::open(folder), ErrorCode::NotFound, &[path.to_str().unwrap()]);
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::rename(&aside, &path).unwrap();
    }
    assert_error(Activations::open(&folder.join("none")), ErrorCode::NotFound, &["none"]);
    assert_error(Activations::open(&folder.join(MANIFEST)), ErrorCode::Io, &[MANIFEST]);
    assert_error(Activations::open(Path::new("")), ErrorCode::InvalidArgument, &["path of the folder is empty"]);
    assert!(Activations::open(folder).is_ok());
}

/// The tables of `units.safetensors`, in their order.
type Tables = Vec<(String, Dtype, Vec<u8>)>;

#[test]
fn units_that_contradict_themselves_or_the_texts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["a warm film", "naïve", ""];
    collect(&model(), &texts, &CollectOptions { folder: Some(folder.path().to_owned()), ..CollectOptions::default() })
        .unwrap();
    let folder = folder.path();
    let bytes = std::fs::read(folder.join(UNITS)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut tables: Tables =
        tensors.tensors().into_iter().map(|(name, view)| (name, view.dtype(), view.data().to_vec())).collect();
    tables.sort_by_key(|(name, ..)| name.clone());
    let write = |tables: &Tables| {
        let tensors: Vec<_> = tables
            .iter()
            .map(|(name, dtype, bytes)| (name.as_str(), *dtype, vec![bytes.len() * 8 / dtype.bitsize()], bytes.clone()))
            .collect();
        file(&tensors)
    };
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut tables = tables.clone();
        change(&mut tables.iter_mut().find(|(found, ..)| found == name).unwrap().2);
        write(&tables)
    };
    let number = |at: usize, value: u32| {
        move |bytes: &mut Vec<u8>| bytes[at * 4..at * 4 + 4].copy_from_slice(&value.to_le_bytes())
    };
    let wide = |at: usize, value: u64| {
        move |bytes: &mut Vec<u8>| bytes[at * 8..at * 8 + 8].copy_from_slice(&value.to_le_bytes())
    };
    let invalid = |bytes: &[u8], names: &[&str]| refused(folder, UNITS, bytes, ErrorCode::InvalidFile, names);
    std::fs::write(folder.join(UNITS), write(&tables)).unwrap();
    assert_eq!(Activations::open(folder).unwrap().row_count(), 4);

    for length in (0..bytes.len()).step_by(7) {
        invalid(&bytes[..length], &["is not a whole safetensors file"]);
    }
    for (name, ..) in &tables {
        let without: Tables = tables.iter().filter(|(found, ..)| found != name).cloned().collect();
        invalid(&write(&without), &[&format!("`{name}`")]);
        let mut other = tables.clone();
        other.iter_mut().filter(|(found, ..)| found == name).for_each(|(_, dtype, bytes)| {
            (*dtype, *bytes) = (Dtype::F64, vec![0; 8]);
        });
        invalid(&write(&other), &[&format!("`{name}`")]);
    }
    let outside = "point outside";
    invalid(&with("string", &number(0, 99)), &[outside]);
    invalid(&with("string", &number(3, u32::MAX)), &[outside]);
    invalid(&with("text_index", &number(0, 3)), &[outside]);
    invalid(&with("end", &number(2, 12)), &[outside]);
    invalid(&with("end", &number(2, u32::MAX)), &[outside]);
    // A unit that ends before it begins, and one that ends inside the ï.
    invalid(&with("begin", &number(1, 11)), &[outside]);
    invalid(&with("end", &number(3, 3)), &[outside]);
    invalid(&with("begin", &|bytes| bytes.truncate(4)), &["one a row"]);
    for name in ["text_index", "begin", "end", "string"] {
        invalid(&with(name, &|bytes| bytes.extend([0; 4])), &["one a row"]);
    }
    for (ends, bytes) in [("text_ends", "text_bytes"), ("string_ends", "string_bytes")] {
        let damaged = format!("damaged strings in `{bytes}`");
        invalid(&with(ends, &wide(0, u64::MAX)), &[&damaged]);
        invalid(&with(ends, &wide(0, 1 << 40)), &[&damaged]);
        invalid(&with(ends, &wide(0, 0)), &[&damaged]);
        invalid(&with(ends, &|bytes| bytes.truncate(8)), &[&damaged]);
        invalid(&with(ends, &Vec::clear), &[&damaged]);
        invalid(&with(bytes, &|bytes| bytes[0] = 0xff), &[&damaged]);
        invalid(&with(bytes, &|bytes| bytes.truncate(bytes.len() - 1)), &[&damaged]);
        invalid(&with(bytes, &|bytes| bytes.push(0)), &[&damaged]);
        invalid(&with(bytes, &Vec::clear), &[&damaged]);
    }
}

/// Reads everything that can be read of a folder.
fn use_all(folder: &Path, explainer: &Explainer) -> Result<(), eidos::Error> {
    let opened = Activations::open(folder)?;
    everything(&opened);
    let mut scratch = Vec::new();
    let one_row = |row| assert_eq!(opened.tile(row, 1, &mut scratch).unwrap().len(), opened.column_count());
    (0..opened.row_count()).for_each(one_row);
    TopInputs { threads: 1, ..TopInputs::default() }.interpret(explainer, &opened, &Control::new())?;
    Ok(())
}

#[test]
fn no_changed_byte_makes_it_panic() {
    let folder = whole(12);
    let folder = folder.path();
    let rows = Activations::open(folder).unwrap();
    let explainer = Explainer::fit::<Ica>(&rows, &IcaOptions::new(2), &Control::new()).unwrap();
    use_all(folder, &explainer).unwrap();
    let (mut refused, mut used) = (0, 0);
    for name in [MANIFEST, UNITS, "rows-00000.safetensors"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        // Of a shard the values themselves may be anything.
        let end = if name.starts_with("rows") { 200 } else { bytes.len() };
        for at in 0..end {
            for mask in [0x01, 0x80, 0x13] {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                replace(&folder.join(name), &changed);
                match use_all(folder, &explainer) {
                    Ok(()) => used += 1,
                    Err(error) => {
                        let codes = [ErrorCode::InvalidFile, ErrorCode::Unsupported, ErrorCode::InvalidData];
                        assert!(codes.contains(&error.code()), "byte {at} of {name}: {error}");
                        refused += 1;
                    }
                }
            }
        }
        replace(&folder.join(name), &bytes);
    }
    println!("{refused} refused, {used} used");
    assert!(refused > 1000);
}

#[test]
fn a_collection_does_not_go_on_from_a_damaged_manifest() {
    let folder = whole(20);
    let path = folder.path().join(MANIFEST);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let result = collect(&model(), &many_texts(20), &options(folder.path()));
    assert_error(result, ErrorCode::InvalidFile, &[path.to_str().unwrap(), "is not a manifest"]);
}
