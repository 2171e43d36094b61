//! Weights that `torch.save` wrote: the same bits as from safetensors, nothing executed, and no file that ends the process.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use eidos::model::{LoadOptions, ModelParts, SplitModel, WeightSource};
use eidos::{Control, Error, ErrorCode};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::model::golden::{self, values};

const SPLITS: [&str; 3] = ["model.embed_tokens", "model.layers.1.mlp", "lm_head"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/torch").join(name)
}

fn load(files: Vec<PathBuf>) -> Result<SplitModel, Error> {
    let config = std::fs::read(golden::folder("llama").join("causal_lm/config.json")).unwrap();
    let parts = ModelParts { name: "llama", config: &config, weights: WeightSource::Files(files) };
    SplitModel::from_parts(&parts, &SPLITS, &LoadOptions::default(), &Control::new())
}

/// Loads bytes as the only file of weights.
fn load_bytes(bytes: &[u8]) -> Result<SplitModel, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    std::fs::write(&path, bytes).unwrap();
    load(vec![path])
}

fn outputs(model: &SplitModel) -> Vec<Vec<f32>> {
    let texts = golden::texts("llama");
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    model.forward(&texts).unwrap().iter().map(values).collect()
}

/// A checkpoint as PyTorch lays it out: entries that are not compressed, in a folder.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive_with(entries, SimpleFileOptions::default().compression_method(CompressionMethod::Stored))
}

fn archive_with(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(format!("archive/{name}"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn checkpoints_of_pytorch_give_the_bits_of_safetensors() {
    let expected = outputs(&golden::load("llama", "causal_lm", "weights", &SPLITS, &LoadOptions::default()).unwrap());
    let shards = ["shards/pytorch_model-00001-of-00002.bin", "shards/pytorch_model-00002-of-00002.bin"];
    let checkpoints = [
        &["whole/pytorch_model.bin"][..],
        &["views/pytorch_model.bin"],
        &["older/pytorch_model.bin"],
        &["older_plain/pytorch_model.bin"],
        &["older_protocol_4/pytorch_model.bin"],
        &shards,
    ];
    for files in checkpoints {
        let model = load(files.iter().map(|name| file(name)).collect()).unwrap();
        assert_eq!(outputs(&model), expected, "{files:?}");
    }
}

#[test]
fn a_pickle_cannot_call_anything() {
    for (module, name) in [("os", "system"), ("builtins", "eval"), ("posix", "system"), ("torch.hub", "load")] {
        let pickle = format!("\x02c{module}\n{name}\nX\x04\0\0\0true\u{85}R.");
        let mut bytes = vec![0x80];
        // The letters above 127 are single bytes here, not UTF-8.
        bytes.extend(pickle.chars().map(|letter| letter as u8));
        let error = load_bytes(&archive(&[("data.pkl", &bytes)])).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile);
        assert!(error.message().contains(&format!("asks to run `{module}.{name}`")), "{error}");
    }
}

#[test]
fn what_is_not_read_is_named_with_the_remedy() {
    let whole = std::fs::read(file("whole/pytorch_model.bin")).unwrap();
    let mut archive_of = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
    let mut pickle = Vec::new();
    std::io::copy(&mut archive_of.by_name("pytorch_model/data.pkl").unwrap(), &mut pickle).unwrap();
    let other_order = archive(&[("data.pkl", &pickle), ("byteorder", b"big")]);
    for (bytes, part) in [
        (older_of_another_machine(), "highest byte"),
        (std::fs::read(file("script.bin")).unwrap(), "TorchScript"),
        (other_order, "highest byte"),
    ] {
        let error = load_bytes(&bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
        assert!(error.message().contains(part) && error.message().contains("pytorch_model.bin"), "{error}");
        assert!(error.hint_text().contains("save_pretrained"), "{error}");
    }
    let without_storages = load_bytes(&archive(&[("data.pkl", &pickle), ("byteorder", b"little")])).unwrap_err();
    assert_eq!(without_storages.code(), ErrorCode::InvalidFile);
    assert!(without_storages.message().contains("storage that the file lacks"), "{without_storages}");
    let nothing = load_bytes(&archive(&[("other.pkl", &pickle)])).unwrap_err();
    assert!(nothing.message().contains("without a checkpoint"), "{nothing}");
}

/// A checkpoint in the format before PyTorch 1.6.
fn older() -> Vec<u8> {
    std::fs::read(file("older_plain/pytorch_model.bin")).unwrap()
}

/// Where some bytes are in others, the first time.
fn place(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

/// The same, from a machine whose numbers have their highest byte first.
fn older_of_another_machine() -> Vec<u8> {
    let mut bytes = older();
    let flag = place(&bytes, b"little_endian") + "little_endian".len() + 2;
    assert_eq!(bytes[flag], 0x88);
    bytes[flag] = 0x89;
    bytes
}

#[test]
fn older_checkpoints_that_are_not_whole_are_errors_that_name_the_storage() {
    let whole = older();
    load_bytes(&whole).unwrap();
    for length in (14..whole.len()).step_by(97).chain([whole.len() - 1]) {
        let error = load_bytes(&whole[..length]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{length}: {error}");
        let ends = ["ends too early", "ends inside it", "ends before it", "safetensors"];
        assert!(ends.iter().any(|end| error.message().contains(end)), "{length}: {error}");
    }
    // Another length of a storage than its tensors say, and a version that never was.
    let embedding = load_bytes(&older_storage(&whole, 1)).unwrap_err();
    assert!(embedding.message().contains("of another length than its tensors say"), "{embedding}");
    let mut other = whole.clone();
    other[18] ^= 1;
    let error = load_bytes(&other).unwrap_err();
    assert!(error.message().contains("version of its format"), "{error}");
}

/// The checkpoint with the length of its first storage increased.
fn older_storage(whole: &[u8], more: u64) -> Vec<u8> {
    // The names of the storages are a list, the last pickle; its end is the beginning of the first storage.
    let list = whole.windows(5).rposition(|window| window == b"\x80\x02]q\0").unwrap();
    let start = list + whole[list..].windows(2).position(|window| window == b"e.").unwrap() + 2;
    let length = u64::from_le_bytes(whole[start..start + 8].try_into().unwrap());
    let mut bytes = whole.to_vec();
    bytes[start..start + 8].copy_from_slice(&(length + more).to_le_bytes());
    bytes
}

#[test]
fn changed_older_checkpoints_never_panic_and_run_nothing() {
    let whole = older();
    let pickles = whole.windows(5).rposition(|window| window == b"\x80\x02]q\0").unwrap();
    let mut refusals = 0;
    for at in (0..pickles).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x15;
        match load_bytes(&changed) {
            Ok(model) => assert_eq!(outputs(&model).len(), SPLITS.len()),
            Err(error) => {
                assert!([ErrorCode::InvalidFile, ErrorCode::Unsupported].contains(&error.code()), "{at}: {error}");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 100, "{refusals}");
    let mut hostile = whole[..15].to_vec();
    hostile.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.");
    let error = load_bytes(&hostile).unwrap_err();
    assert!(error.message().contains("asks to run `posix.system`"), "{error}");
}

#[test]
fn a_checkpoint_of_python_2_is_read() {
    // Strings of bytes, and a dictionary made of a list of pairs: `OrderedDict([['model.embed_tokens.weight', tensor]])`.
    let text = |text: &str| [b"U", &[text.len() as u8][..], text.as_bytes()].concat();
    let storage = |view: &[u8]| {
        [
            b"((".to_vec(),
            text("storage"),
            b"ctorch\nFloatStorage\n".to_vec(),
            text("7"),
            text("cpu"),
            vec![b'K', 12],
            view.to_vec(),
            b"tQ".to_vec(),
        ]
        .concat()
    };
    let checkpoint = |view: &[u8], offset: u8| {
        let pickle = [
            b"\x80\x02ccollections\nOrderedDict\n]]".to_vec(),
            text("model.embed_tokens.weight"),
            b"actorch._utils\n_rebuild_tensor\n".to_vec(),
            storage(view),
            vec![b'K', offset, b'K', 2, b'K', 3, 0x86, b'K', 3, b'K', 1, 0x86, b't', b'R', b'a'],
            b"a\x85R.".to_vec(),
        ]
        .concat();
        let head = [&older()[..15], b"\x80\x02M\xe9\x03.\x80\x02}.".as_slice()].concat();
        let values: Vec<u8> = (0..12_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let names = [b"\x80\x02]".to_vec(), text("7"), b"a.".to_vec()].concat();
        load_bytes(&[head, pickle, names, 12_u64.to_le_bytes().to_vec(), values].concat()).unwrap_err()
    };
    // The tensor was found, and is not of the shape that the configuration says.
    let view = [text("v"), vec![b'K', 4, b'K', 6, 0x87]].concat();
    for (view, offset) in [(&b""[..], 0), (b"N", 6), (&view, 0)] {
        let error = checkpoint(view, offset);
        assert!(error.message().contains("has shape [2, 3], but the configuration says"), "{error}");
    }
    let error = checkpoint(&view, 1);
    assert!(error.message().contains("beyond the end of its storage"), "{error}");
    let error = checkpoint(b"N", 7);
    assert!(error.message().contains("beyond the end of its storage"), "{error}");
}

/// What `_rebuild_tensor_v2` makes a `FloatStorage` of `count` numbers into, under the name of the embedding.
fn pickled_tensor(count: u8, offset: u8, shape: [u8; 2], strides: [u8; 2]) -> Vec<u8> {
    let text = |text: &str| [b"\x8c", &[text.len() as u8][..], text.as_bytes()].concat();
    let pair = |[first, second]: [u8; 2]| vec![b'K', first, b'K', second, 0x86];
    [
        b"\x80\x02}".to_vec(),
        text("model.embed_tokens.weight"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        vec![b'K', count, b't', b'Q', b'K', offset],
        pair(shape),
        pair(strides),
        b"\x89NtRs.".to_vec(),
    ]
    .concat()
}

#[test]
fn tensors_are_found_where_training_programs_put_them() {
    let inner = pickled_tensor(12, 0, [3, 4], [4, 1]);
    for name in ["state_dict", "model_state_dict", "model", "module"] {
        let key = [b"\x8c", &[name.len() as u8][..], name.as_bytes()].concat();
        let pickle = [b"\x80\x02}", &key[..], &inner[2..inner.len() - 1], b"s."].concat();
        let error = load_bytes(&archive(&[("data.pkl", &pickle), ("data/0", &[0; 4 * 12])])).unwrap_err();
        assert!(error.message().contains("has shape [3, 4], but the configuration says"), "{name}: {error}");
    }
}

#[test]
fn a_tensor_cannot_reach_out_of_its_storage() {
    let storage = [0_u8; 4 * 12];
    let load = |pickle: &[u8]| load_bytes(&archive(&[("data.pkl", pickle), ("data/0", &storage)])).unwrap_err();
    // Whole, but not of the shape that the configuration says: the file itself is right.
    let fine = load(&pickled_tensor(12, 0, [3, 4], [4, 1]));
    assert!(fine.message().contains("has shape [3, 4], but the configuration says"), "{fine}");
    for (pickle, part) in [
        (pickled_tensor(12, 1, [3, 4], [4, 1]), "beyond the end"),
        (pickled_tensor(12, 0, [3, 4], [5, 1]), "beyond the end"),
        (pickled_tensor(12, 0, [3, 4], [255, 255]), "beyond the end"),
        (pickled_tensor(13, 0, [3, 4], [4, 1]), "another size"),
    ] {
        let error = load(&pickle);
        assert_eq!(error.code(), ErrorCode::InvalidFile);
        assert!(error.message().contains(part) && error.message().contains("model.embed_tokens.weight"), "{error}");
    }
}

#[test]
fn a_tensor_that_repeats_its_values_is_refused_where_it_is_needed() {
    let expanded = |shape| archive(&[("data.pkl", &pickled_tensor(12, 0, shape, [0, 0])), ("data/0", &[0; 4 * 12])]);
    let error = load_bytes(&expanded([64, 24])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
    assert!(error.message().contains("`FloatStorage`, expanded to more values than it holds"), "{error}");
    // Beside what is needed it does no harm, whatever size it claims.
    let folder = tempfile::tempdir().unwrap();
    let beside = folder.path().join("beside.bin");
    std::fs::write(&beside, expanded([255, 255])).unwrap();
    load(vec![file("whole/pytorch_model.bin"), beside]).unwrap();
}

/// Where the line of the directory for an entry begins.
fn line_of(bytes: &[u8], name: &str) -> usize {
    bytes.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap() - 46
}

#[test]
fn entries_of_an_archive_lie_apart_and_where_the_directory_says() {
    let pickle = pickled_tensor(12, 0, [3, 4], [4, 1]);
    let values: Vec<u8> = (0..4 * 12).collect();
    let good = archive(&[("data.pkl", &pickle), ("data/0", &values), ("data/1", &[7; 4 * 12])]);
    assert!(load_bytes(&good).unwrap_err().message().contains("has shape [3, 4], but the configuration says"));
    let place_of = |name: &str| line_of(&good, name) + 42;
    let with = |changes: &[(usize, u32)]| {
        let mut bytes = good.clone();
        for (place, value) in changes {
            bytes[*place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    };
    let start_of = |name: &str| u32::from_le_bytes(good[place_of(name)..place_of(name) + 4].try_into().unwrap());
    let (first, second) = ("archive/data/0", "archive/data/1");
    let renamed = |from: &str, to: &str, everywhere: bool| {
        let mut bytes = good.clone();
        for place in (0..bytes.len() - from.len()).filter(|place| good[*place..].starts_with(from.as_bytes())) {
            if everywhere || place > line_of(&good, from) {
                bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        bytes
    };
    // The end record has where the directory begins.
    let directory = good.len() - 6;
    for (what, bytes, part) in [
        ("two names for one place", with(&[(place_of(first), start_of(second))]), "begins where another one"),
        (
            "in each other's place",
            with(&[(place_of(first), start_of(second)), (place_of(second), start_of(first))]),
            "`archive/data/0` lies where `archive/data/1` does",
        ),
        ("in no place", with(&[(place_of(first), start_of(first) + 1)]), "does not lie in it"),
        (
            "in the directory",
            with(&[(place_of(first), u32::from_le_bytes(good[directory..directory + 4].try_into().unwrap()))]),
            "or the directory does",
        ),
        (
            "larger than it is",
            with(&[(place_of(first) - 22, 52), (place_of(first) - 18, 52)]),
            "`archive/data/0` reaches into what follows it",
        ),
        ("another name", renamed(second, first, false), "is there twice"),
        ("one name for two", renamed(second, first, true), "is there twice"),
    ] {
        let error = load_bytes(&bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{what}: {error}");
        assert!(error.message().contains(part), "{what}: {error}");
    }
    let mut two = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a/data.pkl", "b/data.pkl"] {
        two.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
        two.write_all(&pickle).unwrap();
    }
    let error = load_bytes(&two.finish().unwrap().into_inner()).unwrap_err();
    assert!(error.message().contains("several checkpoints"), "{error}");
}

#[test]
fn a_storage_is_of_one_type() {
    let mut both = pickled_tensor(12, 0, [3, 4], [4, 1]);
    // The dictionary is set twice: the second time the same storage is of half the numbers' size.
    let mut second = pickled_tensor(24, 0, [3, 4], [4, 1])[3..].to_vec();
    let class = second.windows(12).position(|window| window == b"FloatStorage").unwrap();
    second.splice(class..class + 12, *b"HalfStorage");
    let name = second.windows(5).position(|window| window == b"model").unwrap();
    second[name..name + 5].copy_from_slice(b"other");
    both.pop();
    both.extend(second);
    let error = load_bytes(&archive(&[("data.pkl", &both), ("data/0", &[0; 4 * 12])])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidFile);
    assert!(error.message().contains("`FloatStorage`") && error.message().contains("`HalfStorage`"), "{error}");
}

#[test]
fn hostile_pickles_are_errors_and_take_no_memory() {
    let deep = |opening: &[u8], count: usize| [b"\x80\x02", opening.repeat(count).as_slice(), b"."].concat();
    // Each value holds the one before twice: copies would be 2^60 of them.
    let doubled = [b"\x80\x02)", b"q\0h\0\x86".repeat(60).as_slice(), b"."].concat();
    for (what, pickle) in [
        ("lists in lists", deep(b"(", 1 << 20)),
        ("tuples in tuples", [b"\x80\x02)", b"\x85".repeat(1 << 20).as_slice(), b"."].concat()),
        ("doubled", doubled),
        ("a string of 4 GB", b"\x80\x02X\xff\xff\xff\xffa.".to_vec()),
        ("a string of 2^64 bytes", b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.".to_vec()),
        ("a long number", [b"\x80\x02\x8a\xff", [0xff; 255].as_slice(), b"."].concat()),
        ("nothing remembered", b"\x80\x02j\xff\xff\xff\xff.".to_vec()),
        ("an empty stack", b"\x80\x02R.".to_vec()),
        ("no end", b"\x80\x02}".to_vec()),
        ("itself", b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\0(h\0h\0)tR.".to_vec()),
        ("an unknown instruction", b"\x80\x02i.".to_vec()),
        ("no dictionary", b"\x80\x02K\x01.".to_vec()),
    ] {
        let error = load_bytes(&archive(&[("data.pkl", &pickle)])).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{what}: {error}");
        assert!(error.message().contains("pytorch_model.bin"), "{what}: {error}");
    }
}

#[test]
fn an_archive_takes_memory_for_the_entries_that_it_has_alone() {
    let mut bytes = std::fs::read(file("whole/pytorch_model.bin")).unwrap();
    // PyTorch writes the end for large archives; it has the number of entries 32 bytes on, twice.
    let end = bytes.windows(4).rposition(|four| four == b"PK\x06\x06").unwrap();
    for count in [1_u64 << 20, 1 << 40, u64::MAX] {
        bytes[end + 24..end + 32].copy_from_slice(&count.to_le_bytes());
        bytes[end + 32..end + 40].copy_from_slice(&count.to_le_bytes());
        let error = load_bytes(&bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains("is not a whole archive"), "{error}");
    }
    // A directory of zeros in a file that is nearly all hole.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    let mut sparse = std::fs::File::create(&path).unwrap();
    sparse.write_all(b"PK\x03\x04").unwrap();
    sparse.set_len(1 << 40).unwrap();
    let claims = [bytes[end..end + 40].to_vec(), (1_u64 << 39).to_le_bytes().to_vec(), 64_u64.to_le_bytes().to_vec()];
    let rest = [claims.concat(), b"PK\x06\x07\0\0\0\0".to_vec(), (1_u64 << 40).to_le_bytes().to_vec()].concat();
    std::io::Seek::seek(&mut sparse, std::io::SeekFrom::End(0)).unwrap();
    sparse.write_all(&[rest, vec![1, 0, 0, 0], b"PK\x05\x06".to_vec(), vec![0xff; 16], vec![0, 0]].concat()).unwrap();
    let error = load(vec![path]).unwrap_err();
    assert!(error.message().contains("is not a whole archive"), "{error}");
}

#[test]
fn damaged_archives_never_panic() {
    let bytes = std::fs::read(file("shards/pytorch_model-00002-of-00002.bin")).unwrap();
    let path = tempfile::tempdir().unwrap();
    let path = path.path().join("pytorch_model.bin");
    let refused = |bytes: &[u8]| {
        std::fs::remove_file(&path).ok();
        std::fs::write(&path, bytes).unwrap();
        // The other shard is missing, so none of these loads; what is wrong must be an error of the file.
        let error = load(vec![path.clone()]).unwrap_err();
        assert!([ErrorCode::InvalidFile, ErrorCode::Unsupported].contains(&error.code()), "{error}");
        error
    };
    for length in (0..bytes.len()).step_by(7).chain(bytes.len() - 200..bytes.len()) {
        refused(&bytes[..length]);
    }
    let mut changed_ones = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= [0x01, 0x80, 0xff][at % 3];
        // Numbers may be any; names, sizes and places may not.
        changed_ones += usize::from(!refused(&changed).message().contains("is missing"));
    }
    assert!(changed_ones > 500, "{changed_ones}");
}

#[test]
fn what_a_pickle_shares_is_not_copied_for_each_use() {
    let long = |count: usize| [b"X".as_slice(), &(count as u32).to_le_bytes(), "x".repeat(count).as_bytes()].concat();
    let tensor = |class: &[u8], shape: &[u8]| {
        let before = b"ctorch._utils\n_rebuild_tensor_v2\n((\x8c\x07storagectorch\n";
        let after = b"\n\x8c\x010\x8c\x03cpuK\x01tQK\0";
        [before.as_slice(), class, after, shape, b"\x89NtR"].concat()
    };
    let pair = b"K\x01\x85K\x01\x85";
    let shape = [b"(".as_slice(), &b"K\x01".repeat(1 << 20), b"tq\0h\0"].concat();
    let name = [b"}(".as_slice(), &long(1 << 20), b"q\x01", &tensor(b"FloatStorage", pair), b"q\x02"].concat();
    let names = [b"\x80\x02", name.as_slice(), &b"h\x01h\x02".repeat(1 << 20), b"u."].concat();
    let shapes = [b"\x80\x02}\x8c\x01a", tensor(b"FloatStorage", &shape).as_slice(), b"s."].concat();
    let load = |pickle: &[u8]| load_bytes(&archive(&[("data.pkl", pickle), ("data/0", &[0; 4])])).unwrap_err();
    // A million copies of a name of a megabyte are more than any machine has.
    assert!(load(&names).message().contains("is missing"), "{}", load(&names));
    assert!(load(&shapes).message().contains("`a` is not described as one"), "{}", load(&shapes));
    let large = [b"\x80\x02}", b"N0".repeat(9 << 20).as_slice(), b"."].concat();
    assert!(load(&large).message().contains("bytes, more than the"), "{}", load(&large));
}
