//! GGUF files that are damaged, hostile, or ask for what is not built: errors that name the thing, and never the end of the process.

use std::collections::HashMap;
use std::io::Cursor;

use candle_core::Device;
use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use eidos::{Error, ErrorCode, LoadOptions, SplitModel};

use crate::model::gguf::{Beside, family, golden_file, safetensors, texts, whole};
use crate::model::golden::difference;

const SPLITS: [&str; 2] = ["model.layers.0.mlp", "model.layers.1"];

fn load(bytes: &[u8]) -> Result<SplitModel, Error> {
    Beside::of(bytes).load(&SPLITS, &LoadOptions::default())
}

/// Loads what must be refused.
fn refusal(bytes: &[u8]) -> Error {
    let error = load(bytes).map(|_| ()).expect_err("it was read");
    assert!(!error.hint_text().is_empty(), "{error}");
    error
}

type Metadata = HashMap<String, Value>;
type Tensors = HashMap<String, QTensor>;

/// A model of the fixtures, changed and written anew by candle.
pub fn changed(name: &str, change: impl FnOnce(&mut Metadata, &mut Tensors)) -> Vec<u8> {
    let bytes = std::fs::read(golden_file(name)).unwrap();
    let mut reader = Cursor::new(&bytes);
    let content = Content::read(&mut reader).unwrap();
    let names = content.tensor_infos.keys().cloned();
    let mut tensors: Tensors =
        names.map(|name| (name.clone(), content.tensor(&mut reader, &name, &Device::Cpu).unwrap())).collect();
    let mut metadata = content.metadata;
    change(&mut metadata, &mut tensors);
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut writer = Cursor::new(Vec::new());
    gguf_file::write(&mut writer, &metadata, &tensors).unwrap();
    writer.into_inner()
}

/// The same with a key set.
fn with_key(name: &str, key: &str, value: Value) -> Vec<u8> {
    changed(name, |metadata, _| {
        metadata.insert(key.to_owned(), value);
    })
}

/// A header by hand: so many tensors and so many keys, and then these bytes.
fn header(tensors: u64, keys: u64, rest: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(keys.to_le_bytes());
    bytes.extend(rest.concat());
    bytes
}

fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

/// A key with the number of its type and its value.
fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [string(name.as_bytes()), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
}

#[test]
fn what_candle_wrote_is_read_as_what_the_package_gguf_wrote() {
    let model = Beside::of(&changed("llama", |_, _| ())).load(&[], &whole()).unwrap();
    let expected = &safetensors("llama/expected.safetensors")["2/logits"];
    assert!(difference(&model.logits(&texts()[1]).unwrap(), expected) <= 2e-5);
}

#[test]
fn a_file_that_was_cut_is_an_error_wherever_it_was_cut() {
    let whole = std::fs::read(golden_file("llama")).unwrap();
    assert!(load(&whole).is_ok());
    let start = Content::read(&mut Cursor::new(&whole)).unwrap().tensor_data_offset as usize;
    // The head lies at the end and is not read.
    let lengths = (1..start).step_by(13).chain((start..whole.len() / 2).step_by(509));
    for length in lengths {
        let error = refusal(&whole[..length]);
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{length}: {error}");
        assert!(error.message().contains("model.gguf"), "{length}: {error}");
    }
    let error = Beside::of(&[]).load(&SPLITS, &LoadOptions::default()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("empty"), "{error}");
}

#[test]
fn a_flipped_byte_of_the_header_is_an_error_or_another_model_but_never_a_crash() {
    let whole = std::fs::read(golden_file("qwen3")).unwrap();
    let start = Content::read(&mut Cursor::new(&whole)).unwrap().tensor_data_offset as usize;
    let mut refused = 0;
    for place in 0..start {
        let mut bytes = whole.clone();
        bytes[place] ^= [0xff, 1, 0x80][place % 3];
        if let Err(error) = load(&bytes) {
            refused += 1;
            let expected = [ErrorCode::InvalidFile, ErrorCode::Unsupported, ErrorCode::UnknownModule];
            assert!(expected.contains(&error.code()), "{place}: {error:?}");
        }
    }
    assert!(refused > start / 2, "{refused} of {start}");
}

#[test]
fn counts_that_no_file_could_hold_take_no_memory_and_no_time() {
    let most = u64::MAX.to_le_bytes();
    let many = (1_u64 << 60).to_le_bytes();
    let list = |kind: u32, count: &[u8]| [&kind.to_le_bytes(), count].concat();
    let nested = |depth: usize| [9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat().repeat(depth);
    for bytes in [
        header(u64::MAX, 0, &[]),
        header(0, u64::MAX, &[]),
        header(1 << 60, 1 << 60, &[]),
        header(0, 1, &[&most]),
        header(0, 1, &[&key("a", 8, &most)]),
        header(0, 1, &[&key("a", 9, &list(0, &most))]),
        header(0, 1, &[&key("a", 9, &list(10, &many))]),
        header(0, 1, &[&key("a", 9, &list(8, &most))]),
        header(0, 1, &[&key("a", 9, &list(9, &most))]),
        header(0, 1, &[&key("a", 9, &nested(100_000))]),
        header(0, 1, &[&key("a", 13, &most)]),
        header(1, 0, &[&string(b"a"), &u32::MAX.to_le_bytes()]),
        header(0, 1, &[&key("general.alignment", 4, &0_u32.to_le_bytes())]),
        header(0, 1, &[&key("general.alignment", 10, &most)]),
        header(0, 1, &[&key("general.alignment", 8, &string(b"32"))]),
        header(0, 1, &[&string(b"\xff\xfe"), &0_u32.to_le_bytes(), b"\0"]),
        header(0, 2, &[&key("a", 0, b"\0"), &key("a", 0, b"\0")]),
        header(0, 0, &[]),
    ] {
        let error = refusal(&bytes);
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
    }
}

#[test]
fn a_tensor_that_is_larger_than_memory_or_lies_nowhere_is_an_error() {
    let whole = std::fs::read(golden_file("llama")).unwrap();
    let name = b"token_embd.weight";
    let shape = whole.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4;
    let with = |place: usize, value: u64| {
        let mut bytes = whole.clone();
        bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    for (bytes, what) in [
        (with(shape, 1 << 40), "inside the tensor `token_embd.weight`"),
        (with(shape, u64::MAX), "blocks"),
        (with(shape + 8, u64::MAX - 31), "vocab_size"),
        (with(shape, 33), "blocks"),
        (with(shape + 20, u64::MAX), "token_embd.weight"),
        (with(shape + 20, (1 << 63) - 32), "ends inside"),
        (with(shape + 20, 1 << 30), "ends inside"),
    ] {
        let error = refusal(&bytes);
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains(what), "{what}: {error}");
    }
}

/// The model of the fixtures with the place of some tensors changed.
fn moved(places: &[(&str, u64)]) -> Vec<u8> {
    let mut bytes = std::fs::read(golden_file("llama")).unwrap();
    for (name, offset) in places {
        let called = string(name.as_bytes());
        let shape = bytes.windows(called.len()).position(|window| window == called).unwrap() + called.len();
        let count = u32::from_le_bytes(bytes[shape..shape + 4].try_into().unwrap()) as usize;
        // The shape is followed by the type of the values.
        let place = shape + 4 + 8 * count + 4;
        bytes[place..place + 8].copy_from_slice(&offset.to_le_bytes());
    }
    bytes
}

#[test]
fn tensors_lie_at_multiples_of_the_alignment_and_not_in_each_other() {
    let whole = std::fs::read(golden_file("llama")).unwrap();
    let places = Content::read(&mut Cursor::new(&whole)).unwrap().tensor_infos;
    let of = |name: &str| places[name].offset;
    let (embedding, query) = ("token_embd.weight", "blk.0.attn_q.weight");
    for (places, whats) in [
        (&[(embedding, 1)][..], ["`token_embd.weight` begins at byte 1", "multiple of 32"]),
        (&[(embedding, of(embedding) + 16)], ["`token_embd.weight` begins", "multiple of 32"]),
        (&[(query, of(embedding))], ["inside the tensor", "token_embd.weight"]),
        (&[(query, of(embedding) + 32)], ["`blk.0.attn_q.weight` begins", "inside the tensor `token_embd.weight`"]),
        // Also where neither of the two is read.
        (&[("output_norm.weight", of("output.weight"))], ["inside the tensor", "output"]),
    ] {
        let error = refusal(&moved(places));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{places:?}");
        assert!(whats.iter().all(|what| error.message().contains(what)), "{error}");
    }
    // A gap harms nobody: the last tensor may lie further back.
    let (last, place) = places.iter().max_by_key(|(_, tensor)| tensor.offset).unwrap();
    let mut longer = moved(&[(last, place.offset + 64)]);
    longer.extend([0; 64]);
    assert!(load(&longer).is_ok());
}

#[test]
fn an_alignment_is_a_power_of_two() {
    for alignment in [0, 3, 33, 48] {
        let error = refusal(&with_key("llama", "general.alignment", Value::U32(alignment)));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{alignment}");
        assert!(error.message().contains(&format!("`general.alignment` {alignment}")), "{error}");
    }
}

#[test]
fn a_tensor_of_an_unread_type_takes_its_bytes_too() {
    let mut bytes = std::fs::read(golden_file("llama")).unwrap();
    let places = Content::read(&mut Cursor::new(&bytes)).unwrap().tensor_infos;
    // The norm grows over what follows it when its 32-bit numbers become 64-bit ones.
    let (norm, place) = places.iter().find(|(name, _)| name.as_str() == "blk.0.attn_norm.weight").unwrap();
    let after = places.iter().filter(|(_, other)| other.offset > place.offset).min_by_key(|(_, other)| other.offset);
    let (after, _) = after.unwrap();
    let kind = bytes.windows(norm.len()).position(|window| window == norm.as_bytes()).unwrap() + norm.len() + 4 + 8;
    assert_eq!(bytes[kind..kind + 4], [0; 4]);
    bytes[kind] = 28;
    let error = refusal(&bytes);
    assert!(error.message().contains(&format!("`{after}` begins")) && error.message().contains(norm), "{error}");
}

#[test]
fn a_tensor_under_its_old_and_its_new_name_is_there_twice() {
    let bytes = changed("llama", |_, tensors| {
        let zeros = candle_core::Tensor::zeros(16, candle_core::DType::F32, &Device::Cpu).unwrap();
        let zeros = QTensor::quantize(&zeros, GgmlDType::F32).unwrap();
        tensors.insert("model.layers.0.input_layernorm.weight".to_owned(), zeros);
    });
    let error = refusal(&bytes);
    assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
    assert!(error.message().contains("is there twice (`model.layers.0.input_layernorm.weight`"), "{error}");
}

#[test]
fn other_versions_of_the_format_say_what_they_are() {
    let with = |place: usize, value: &[u8]| {
        let mut bytes = std::fs::read(golden_file("llama")).unwrap();
        bytes[place..place + value.len()].copy_from_slice(value);
        refusal(&bytes)
    };
    assert!(with(4, &[1, 0, 0, 0]).message().contains("version 1"));
    assert!(with(4, &[9, 0, 0, 0]).message().contains("version 9"));
    assert!(with(4, &[0, 0, 0, 3]).message().contains("highest byte first"));
    assert!(with(0, b"GGML").message().contains("is not a GGUF file"));
}

#[test]
fn what_is_not_built_is_named_with_the_remedy() {
    let text = |value: &str| Value::String(value.to_owned());
    for (name, key, value, remedy) in [
        ("llama", "general.architecture", text("mamba"), "llama, qwen2, qwen3"),
        ("llama", "general.type", text("adapter"), "another model"),
        ("qwen2", "qwen2.expert_count", Value::U32(8), "another model"),
        ("mixtral", "llama.expert_weights_scale", Value::F32(2.0), "another model"),
        ("mixtral", "llama.expert_weights_norm", Value::Bool(false), "another model"),
        ("qwen2moe", "qwen2moe.expert_group_count", Value::U32(4), "another model"),
        ("qwen3moe", "qwen3moe.expert_gating_func", Value::U32(2), "another model"),
        ("llama", "llama.attention.causal", Value::Bool(false), "another model"),
        ("llama", "llama.attention.value_length", Value::U32(4), "another model"),
        ("llama", "llama.rope.dimension_count", Value::U32(4), "another model"),
        ("llama", "llama.rope.scaling.type", text("strange"), "another model"),
        ("llama", "llama.rope.scaling.type", text("longrope"), "another model"),
        ("llama", "llama.rope.scaling.attn_factor", Value::F32(1.5), "another model"),
        ("qwen2", "qwen2.rope.scaling.yarn_attn_factor", Value::F32(0.5), "another model"),
        ("llama", "llama.logit_scale", Value::F32(2.0), "another model"),
        ("qwen3", "qwen3.attention.scale", Value::F32(0.1), "another model"),
        ("gemma3", "gemma3.attn_logit_softcapping", Value::F32(50.0), "another model"),
        ("olmo2", "olmo2.attention.sliding_window", Value::U32(4), "another model"),
    ] {
        let error = refusal(&with_key(name, key, value));
        assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
        assert!(error.message().contains(&format!("`{key}`")), "{error}");
        assert!(error.hint_text().contains(remedy), "{error}");
    }
    // Nothing of these asks for anything.
    for (key, value) in [
        ("split.count", Value::U16(1)),
        ("llama.expert_count", Value::U32(0)),
        ("llama.rope.scaling.type", text("none")),
        ("some.array", Value::Array(vec![Value::Array(vec![Value::U8(1)]), Value::Array(vec![Value::U8(2)])])),
    ] {
        assert!(load(&with_key("llama", key, value)).is_ok(), "{key}");
    }
}

#[test]
fn a_key_that_is_missing_or_wrong_is_named() {
    for key in [
        "general.architecture",
        "llama.block_count",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.context_length",
        "llama.attention.layer_norm_rms_epsilon",
    ] {
        let error = refusal(&changed("llama", |metadata, _| {
            metadata.remove(key).unwrap();
        }));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains(&format!("`{key}` is missing")), "{error}");
        let error = refusal(&with_key("llama", key, Value::Bool(true)));
        assert!(error.message().contains(&format!("`{key}` is not a")), "{error}");
    }
    let error = refusal(&with_key("llama", "llama.block_count", Value::I32(-1)));
    assert!(error.message().contains("`llama.block_count` is -1"), "{error}");
    for key in ["llama.block_count", "llama.rope.freq_base"] {
        let error = refusal(&with_key("llama", key, Value::F32(f32::NAN)));
        assert!(error.message().contains(&format!("`{key}` is NaN")), "{error}");
    }
    for key in ["llama.attention.head_count", "llama.attention.head_count_kv", "llama.embedding_length"] {
        let error = refusal(&with_key("llama", key, Value::U32(0)));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
    }
}

/// Programs keep such files under the hash of their bytes, and people under names in capital letters.
#[test]
fn a_file_is_known_by_its_first_bytes_whatever_it_is_called() {
    let place = tempfile::tempdir().unwrap();
    let load = |path: &std::path::Path| {
        SplitModel::load(path.to_str().unwrap(), &["0"], &LoadOptions::default(), &eidos::Control::new())
    };
    let bytes = std::fs::read(golden_file("llama")).unwrap();
    let tokenizer = crate::model::golden::folder("eurobert").join("tokenizer/tokenizer.json");
    std::fs::copy(tokenizer, place.path().join("tokenizer.json")).unwrap();
    for name in ["sha256-0123abcd", "MODEL.GGUF", "model.bin"] {
        let file = place.path().join(name);
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(load(&file).unwrap().split_points()[0].path, "model.layers.0", "{name}");
        std::fs::write(&file, b"GGU").unwrap();
        assert!(load(&file).is_err(), "{name}");
        std::fs::remove_file(&file).unwrap();
    }
    std::fs::write(place.path().join("MODEL.GGUF"), &bytes).unwrap();
    assert_eq!(load(place.path()).unwrap().split_points()[0].path, "model.layers.0");
    std::fs::write(place.path().join("text"), "a text").unwrap();
    let error = load(&place.path().join("text")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("is a file, not the folder") && error.hint_text().contains("GGUF"), "{error}");
}

#[test]
fn a_tensor_that_is_missing_is_named() {
    for (name, gone, original) in [
        ("llama", "token_embd.weight", None),
        ("llama", "blk.1.attn_k.weight", Some("model.layers.1.self_attn.k_proj.weight")),
        ("llama", "blk.0.ffn_norm.weight", Some("model.layers.0.post_attention_layernorm.weight")),
        ("gemma2", "blk.0.ffn_norm.weight", Some("model.layers.0.pre_feedforward_layernorm.weight")),
        ("phi3", "blk.1.ffn_up.weight", Some("model.layers.1.mlp.gate_up_proj.weight")),
    ] {
        let error = refusal(&changed(name, |_, tensors| {
            tensors.remove(gone).unwrap();
        }));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        // By both names, and the file once.
        for part in [Some(gone), original].into_iter().flatten() {
            assert!(error.message().contains(&format!("`{part}`")), "{error}");
        }
        assert_eq!(error.message().matches("model.gguf").count(), 1, "{error}");
    }
    let error = refusal(&changed("phi3", |_, tensors| {
        tensors.remove("rope_factors_short.weight").unwrap();
    }));
    assert!(error.message().contains("`rope_factors_short.weight` is missing"), "{error}");
}

#[test]
fn factors_of_waves_must_be_one_number_above_0_for_each() {
    for values in [&[1.0_f32; 3][..], &[1.0; 9], &[0.0; 8], &[f32::NAN; 8], &[-1.0; 8]] {
        let error = refusal(&changed("llama_scaled", |_, tensors| {
            let values = candle_core::Tensor::new(values, &Device::Cpu).unwrap();
            tensors.insert("rope_freqs.weight".to_owned(), QTensor::quantize(&values, GgmlDType::F32).unwrap());
        }));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains("`rope_freqs.weight`"), "{error}");
    }
}

#[test]
fn a_type_that_is_not_read_matters_only_where_it_is_used() {
    let mut bytes = std::fs::read(golden_file("llama")).unwrap();
    let name = b"blk.1.ffn_gate.weight";
    let kind = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    for (number, called) in [(23_u32, "IQ4_XS"), (20, "IQ4_NL"), (9, "9 of ggml"), (u32::MAX, "4294967295 of ggml")] {
        bytes[kind..kind + 4].copy_from_slice(&number.to_le_bytes());
        let error = refusal(&bytes);
        assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
        for part in ["model.layers.1.mlp.gate_proj.weight", called] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(error.hint_text().contains("Q4_K"), "{error}");
        assert!(Beside::of(&bytes).load(&["model.layers.0"], &LoadOptions::default()).is_ok());
        assert!(!Beside::of(&bytes).load(&[], &LoadOptions::default()).unwrap().modules().is_empty());
    }
}

#[test]
fn without_split_points_no_weight_is_read_and_no_tokenizer_is_needed() {
    let bytes = std::fs::read(golden_file("llama")).unwrap();
    let start = Content::read(&mut Cursor::new(&bytes)).unwrap().tensor_data_offset as usize;
    let beside = Beside::of(&bytes[..start]);
    beside.remove_tokenizer();
    let listed = beside.load(&[], &LoadOptions::default()).unwrap();
    let whole = family("llama").load(&SPLITS, &LoadOptions::default()).unwrap();
    assert_eq!(listed.modules(), whole.modules());
    assert_eq!((listed.family(), listed.weight_bytes()), ("llama", 0));
}
