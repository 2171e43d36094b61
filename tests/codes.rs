//! Codes of whole activations: in memory, and in the files that NumPy, SciPy and PyTorch read.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::io::Read;
use std::path::Path;

use crate::common::{Disk, assert_error, golden};
use eidos::{
    Activations, AutoencoderParts, CodesFormat, Control, Dictionary, Encode, ErrorCode, Explainer, SaeActivation, Stage,
};

const FORMATS: [(CodesFormat, &str); 3] =
    [(CodesFormat::Npy, "npy"), (CodesFormat::Npz, "npz"), (CodesFormat::Safetensors, "safetensors")];

/// Seven rows of four columns, of which some values are zero, and all of the third row: as `tests/golden/golden/codes.py` has them.
fn matrix() -> Vec<f32> {
    let value = |row: i32, column: i32| if row == 2 { 0.0 } else { ((row * 5 + column * 3) % 7 - 3) as f32 / 2.0 };
    (0..7).flat_map(|row| (0..4).map(move |column| value(row, column))).collect()
}

fn units(columns: usize) -> Vec<f32> {
    (0..columns * columns).map(|at| if at / columns == at % columns { 1.0 } else { 0.0 }).collect()
}

/// Each column is a concept.
fn columns(count: usize) -> Explainer {
    Dictionary::new(units(count), units(count), count).explainer().unwrap()
}

/// Each column is a concept; a row keeps its two largest codes, and the codes are sparse.
fn two_of(count: usize) -> Explainer {
    AutoencoderParts::new(units(count), units(count), count, SaeActivation::TopK { k: 2, signed: false })
        .explainer()
        .unwrap()
}

/// The rows in memory and in a folder of shards.
fn in_both_places(values: Vec<f32>, columns: usize, folder: &Path) -> [Activations; 2] {
    let rows = Activations::from_rows(values, columns, None).unwrap();
    rows.save(folder, &Control::new()).unwrap();
    [rows, Activations::open(folder).unwrap()]
}

fn saved(explainer: &Explainer, rows: &Activations, format: CodesFormat, threads: usize, path: &Path) -> Vec<u8> {
    let encode = Encode { threads, ..Encode::default() };
    encode.save(explainer, rows, path, format, &Control::new()).unwrap();
    std::fs::read(path).unwrap()
}

/// A file of an archive.
fn member(archive: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn files_are_byte_for_byte_those_of_numpy_and_scipy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codes");
    let expected = |name: &str| std::fs::read(golden("codes").join(name)).unwrap();
    let rows = Activations::from_rows(matrix(), 4, None).unwrap();
    assert_eq!(saved(&columns(4), &rows, CodesFormat::Npy, 0, &path), expected("dense.npy"));
    let archive = saved(&columns(4), &rows, CodesFormat::Npz, 0, &path);
    for name in ["indices.npy", "indptr.npy", "format.npy", "shape.npy", "data.npy"] {
        assert_eq!(member(&archive, name), expected(name), "{name}");
    }
}

#[test]
fn dense_and_sparse_say_the_same_in_memory_and_on_disk_whatever_the_threads() {
    let count = 7000;
    let values: Vec<f32> = (0..count * 6).map(|at: usize| ((at * at * 31 + at * 7) % 101) as f32 - 50.0).collect();
    let folder = tempfile::tempdir().unwrap();
    let places = in_both_places(values, 6, &folder.path().join("rows"));
    let (encode, control) = (Encode::default(), Control::new());
    for explainer in [columns(6), two_of(6)] {
        let dense = encode.dense(&explainer, &places[0], &control).unwrap();
        let sparse = encode.sparse(&explainer, &places[0], &control).unwrap();
        let mut expected = vec![0.0; count * 6];
        explainer.encode(places[1].rows(0, count).unwrap(), &mut expected).unwrap();
        assert_eq!(dense.values(), expected);
        let mut again = vec![0.0; count * 6];
        for row in 0..count {
            for at in sparse.starts()[row]..sparse.starts()[row + 1] {
                again[row * 6 + sparse.concepts()[at] as usize] = sparse.values()[at];
            }
        }
        assert_eq!(again, expected);
        assert!(sparse.values().iter().all(|value| *value != 0.0));
        for (format, name) in FORMATS {
            let files = [(0, 1), (0, 3), (1, 2)]
                .map(|(place, threads)| saved(&explainer, &places[place], format, threads, &folder.path().join(name)));
            assert!(files[0] == files[1] && files[0] == files[2], "{name}");
            let values: &[u8] = match format {
                CodesFormat::Npz => {
                    let data = member(&files[0], "data.npy");
                    assert!(data.ends_with(bytemuck::cast_slice(sparse.values())));
                    continue;
                }
                _ => bytemuck::cast_slice(&expected),
            };
            assert!(files[0].ends_with(values), "{name}");
        }
    }
    let tensors = std::fs::read(folder.path().join("safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    assert_eq!(tensors.tensor("codes").unwrap().shape(), [count, 6]);
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let rows = Activations::from_rows(vec![1.0; 9000 * 4], 4, None).unwrap();
    let explainer = columns(4);
    let save = |rows: &Activations, path: &Path, format, control: &Control| {
        Encode::default().save(&explainer, rows, path, format, control)
    };
    for (format, name) in FORMATS {
        let path = folder.path().join(name);
        std::fs::write(&path, "old").unwrap();
        let narrow = Activations::from_rows(vec![1.0; 3], 3, None).unwrap();
        assert_error(save(&narrow, &path, format, &Control::new()), ErrorCode::Mismatch, &["4 columns", "3"]);
        let mut values = vec![1.0; 9000 * 4];
        values[8000 * 4 + 3] = f32::NAN;
        let broken = Activations::from_rows(values, 4, None);
        if let Ok(broken) = broken {
            assert_error(save(&broken, &path, format, &Control::new()), ErrorCode::InvalidData, &["row 8000"]);
        }
        let control = Control::new();
        let clone = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == Stage::Interpret && progress.done > 0 {
                clone.cancel();
            }
        })));
        assert_error(save(&rows, &path, format, &control), ErrorCode::Cancelled, &["cancelled"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old", "{name}");
        let missing = folder.path().join("missing").join(name);
        assert_error(save(&rows, &missing, format, &Control::new()), ErrorCode::NotFound, &["missing"]);
        assert_error(save(&rows, folder.path(), format, &Control::new()), ErrorCode::Io, &["not a file"]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), FORMATS.len());
    let Some(disk) = Disk::new(64 << 10) else { return };
    for (format, name) in FORMATS {
        let path = disk.path().join(name);
        assert_error(save(&rows, &path, format, &Control::new()), ErrorCode::Io, &[name, "free some space"]);
    }
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
}

#[test]
fn the_name_of_a_file_says_the_format() {
    for (format, name) in FORMATS {
        assert_eq!(CodesFormat::of_path(Path::new(&format!("a.b.{}", name.to_uppercase()))).unwrap(), format);
    }
    assert_eq!(CodesFormat::of_path(Path::new("codes.parquet")).unwrap(), CodesFormat::Parquet);
    for name in ["codes", "codes.csv", ".npy"] {
        assert_error(CodesFormat::of_path(Path::new(name)), ErrorCode::InvalidArgument, &[name, ".npz"]);
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_library_without_parquet_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let rows = Activations::from_rows(matrix(), 4, None).unwrap();
    let path = folder.path().join("codes.parquet");
    let found = Encode::default().save(&columns(4), &rows, &path, CodesFormat::Parquet, &Control::new());
    assert_error(found, ErrorCode::Unsupported, &["built without Parquet", "feature `parquet`"]);
    assert!(!path.exists());
}

#[cfg(feature = "parquet")]
mod parquet {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::Field;

    use super::*;

    /// The values of each line, and how many groups of lines there are.
    fn lines(path: &Path) -> (Vec<Vec<(String, Field)>>, usize) {
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let lines = reader.get_row_iter(None).unwrap().map(|line| line.unwrap().into_columns()).collect();
        (lines, reader.metadata().num_row_groups())
    }

    #[test]
    fn a_line_for_each_code_that_is_not_zero_says_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codes.parquet");
        let names = ["a", "film", "é", "", "\"quoted\"", "電影", "a"];
        let rows = Activations::from_rows(matrix(), 4, Some(&names)).unwrap();
        saved(&columns(4), &rows, CodesFormat::Parquet, 0, &path);
        let expected: Vec<(i64, i64, f32)> =
            (0_i64..).zip(matrix()).filter(|(_, code)| *code != 0.0).map(|(at, code)| (at / 4, at % 4, code)).collect();
        let (found, groups) = lines(&path);
        assert_eq!((found.len(), groups), (expected.len(), 1));
        for (line, (row, concept, code)) in found.iter().zip(expected) {
            let names_of: Vec<&str> = line.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names_of, ["row", "text", "begin", "end", "unit", "concept", "activation"]);
            let unit = Field::Str(names[row as usize].to_owned());
            let wanted = [
                Field::Long(row),
                Field::Null,
                Field::Null,
                Field::Null,
                unit,
                Field::Long(concept),
                Field::Float(code),
            ];
            assert_eq!(line.iter().map(|(_, field)| field.clone()).collect::<Vec<_>>(), wanted);
        }
        // The same bytes for any number of threads; many rows are several groups.
        let values: Vec<f32> = (1..=140_000).map(|value| value as f32).collect();
        let many = in_both_places(values, 1, &folder.path().join("rows"));
        let one = saved(&columns(1), &many[0], CodesFormat::Parquet, 1, &path);
        assert!(one == saved(&columns(1), &many[1], CodesFormat::Parquet, 3, &path));
        let (found, groups) = lines(&path);
        assert_eq!((found.len(), groups), (140_000, 2));
        assert_eq!(found[139_999][6].1, Field::Float(140_000.0));
        let Some(disk) = Disk::new(64 << 10) else { return };
        let full = disk.path().join("codes.parquet");
        let result = Encode::default().save(&columns(1), &many[0], &full, CodesFormat::Parquet, &Control::new());
        assert_error(result, ErrorCode::Io, &["codes.parquet", "free some space"]);
        assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_interpretation_has_the_lines_of_its_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meaning.parquet");
        let json = r#"{"format":"eidos.interpretation","version":1,"concepts":[
            {"concept":3,"positive":[{"text":"film","activation":2.5,"row":7}],"negative":[{"text":"\"é\n","activation":-1.0,"row":0}],
             "positive_label":{"text":"cinema","score":{"balanced_accuracy":0.75,"exciting":1,"exciting_right":1,"quiet":2,
             "quiet_right":1,"unanswered":0}}},
            {"concept":4,"positive":[],"positive_label":{"text":"nothing"}},{"concept":5,"positive":[]}]}"#;
        let meaning = eidos::Interpretation::from_json(json.as_bytes()).unwrap();
        meaning.save_parquet(&path).unwrap();
        let (found, _) = lines(&path);
        let text = |text: &str| Field::Str(text.to_owned());
        let (null, long) = (Field::Null, Field::Long);
        let expected = [
            [
                long(3),
                text("positive"),
                text("cinema"),
                Field::Double(0.75),
                long(1),
                text("film"),
                Field::Float(2.5),
                long(7),
            ],
            [
                long(3),
                text("negative"),
                null.clone(),
                null.clone(),
                long(1),
                text("\"é\n"),
                Field::Float(-1.0),
                long(0),
            ],
            [
                long(4),
                text("positive"),
                text("nothing"),
                null.clone(),
                null.clone(),
                null.clone(),
                null.clone(),
                null.clone(),
            ],
        ];
        let values: Vec<Vec<Field>> =
            found.iter().map(|line| line.iter().map(|(_, field)| field.clone()).collect()).collect();
        assert_eq!(values, expected);
        let names: Vec<&str> = found[0].iter().map(|(name, _)| name.as_str()).collect();
        meaning.save_csv(&path).unwrap();
        let csv = std::fs::read_to_string(&path).unwrap();
        assert_eq!(csv.lines().next().unwrap(), names.join(","));
        assert_eq!(csv.matches("\r\n").count(), expected.len() + 1);
    }
}
