//! `spiece.model`, `spm.model`, `sentencepiece.bpe.model`, `tokenizer.model`: models of SentencePiece.
//!
//! transformers 5 takes the pieces, the scores, the symbols and the map of characters from such a file, and what is done with texts
//! from the class. So SentencePiece's own options, a space in front or single spaces, are those of the class, whatever the file says.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::class::Class;
use super::piece_model::{Algorithm, Kind, PieceModel};
use super::settings::{Flags, Settings, Token, defaults_of};
use super::{Parts, REMEDY};
use crate::error::{Error, ErrorCode, Result};
use crate::text::vetting::invalid;

/// How SentencePiece writes a space.
const SPACE: &str = "▁";
/// No piece of a real vocabulary is nearly as long: SentencePiece's own limit is 16 characters unless it is raised.
const LONGEST_PIECE: usize = 1024;
/// The bytes that all merges may take. Gemma's take 14 million.
const MOST_MERGES: usize = 1 << 28;
/// T5 has 100 tokens for the gaps in a text.
const SENTINELS: usize = 100;
const MOST_SENTINELS: usize = 10_000;

/// Pieces and their scores, in the order of the ids.
type Scored = Vec<(String, f64)>;

pub(super) fn parts(class: Class, settings: &Settings, file: &'static str, bytes: &[u8]) -> Result<Parts> {
    if is_tiktoken(bytes) {
        let what = format!("`{file}` holds tokens of tiktoken, which are not read");
        return Err(Error::new(ErrorCode::Unsupported, what).hint(REMEDY).detail("file", file));
    }
    let model = PieceModel::read(file, bytes)?;
    let algorithm = match class {
        Class::Llama | Class::Gemma => Algorithm::Bpe,
        Class::Camembert | Class::Backend => model.algorithm,
        _ => Algorithm::Unigram,
    };
    if algorithm == Algorithm::Other || (class == Class::Camembert && algorithm == Algorithm::Bpe) {
        let what = format!("`{file}` is a model of SentencePiece that a `{}` is not built from", class.name());
        return Err(Error::new(ErrorCode::Unsupported, what).hint(REMEDY).detail("file", file));
    }
    let mut names = defaults_of(class.name());
    if class == Class::Backend {
        let symbols = [("bos_token", &model.beginning), ("eos_token", &model.end), ("unk_token", &model.unknown)];
        names.extend(symbols.into_iter().filter_map(|(name, symbol)| Some((name, Token::plain(symbol.there()?)))));
    }
    let layout = Layout::of(class, settings, &model)?;
    let model_json = if algorithm == Algorithm::Bpe {
        merging(class, settings, file, &model)?
    } else {
        unigram(class, settings, &model)?
    };
    Ok(Parts {
        file,
        normalizer: layout.normalizer,
        pre_tokenizer: layout.pre_tokenizer,
        decoder: layout.decoder,
        model: model_json,
        names,
        symbols: symbols(class, settings, &model)?,
        leaves_space_out: class == Class::Backend && model.space_in_front,
    })
}

/// Whether a file has a token in base64 and its rank in each line, as Llama 3 and Qwen 1 publish them.
fn is_tiktoken(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let parts = std::str::from_utf8(line).ok().and_then(|line| line.trim_end().split_once(' '));
    parts.is_some_and(|(token, rank)| BASE64_STANDARD.decode(token).is_ok() && rank.parse::<u32>().is_ok())
}

/// Control symbols, and what the author of a model defined; T5's tokens for gaps.
fn symbols(class: Class, settings: &Settings, model: &PieceModel) -> Result<Vec<Token>> {
    let of_model = model.pieces.iter().filter(|piece| piece.kind != Kind::Plain);
    let mut symbols: Vec<Token> = of_model
        .map(|piece| {
            let special = piece.kind == Kind::Control;
            Token::with(&*piece.text, Flags { normalized: Some(false), special, ..Flags::default() })
        })
        .collect();
    if class == Class::T5 {
        let listed = symbols.iter().filter(|token| token.text.contains("<extra_id_")).count();
        let sentinels = sentinels(settings)?;
        if listed == 0 {
            symbols.extend((0..sentinels).map(|number| Token::plain(sentinel(number))));
        }
    }
    Ok(symbols)
}

fn sentinels(settings: &Settings) -> Result<usize> {
    settings.count("extra_ids", SENTINELS, MOST_SENTINELS)
}

fn sentinel(number: usize) -> String {
    format!("<extra_id_{number}>")
}

// --- Models ---

fn unigram(class: Class, settings: &Settings, model: &PieceModel) -> Result<Value> {
    let (pieces, unknown) = scored(class, settings, model)?;
    let byte_fallback = class == Class::Backend && model.byte_fallback;
    Ok(json!({"type": "Unigram", "unk_id": unknown, "vocab": pieces, "byte_fallback": byte_fallback}))
}

/// The pieces of a Unigram model, where the ids of some families are not those of SentencePiece; and the unknown one.
fn scored(class: Class, settings: &Settings, model: &PieceModel) -> Result<(Scored, i64)> {
    let from =
        |skipped: usize| model.pieces.iter().skip(skipped).map(|piece| (piece.text.clone(), f64::from(piece.score)));
    let named = |name: &str, otherwise: &str| (settings.text(name, otherwise).to_owned(), 0.0);
    let mut pieces: Scored = Vec::with_capacity(model.pieces.len() + 8);
    let unknown = match class {
        Class::T5 => {
            pieces.extend(from(0));
            pieces.extend((0..sentinels(settings)?).rev().map(|number| (sentinel(number), 0.0)));
            2
        }
        Class::Albert => {
            pieces.extend(from(0));
            1
        }
        Class::XlmRoberta => {
            pieces.extend([
                named("bos_token", "<s>"),
                named("pad_token", "<pad>"),
                named("eos_token", "</s>"),
                named("unk_token", "<unk>"),
            ]);
            pieces.extend(from(3));
            pieces.push(named("mask_token", "<mask>"));
            3
        }
        Class::Camembert => {
            let unknown = named("unk_token", "<unk>");
            pieces.extend([
                ("<s>NOTUSED".to_owned(), 0.0),
                named("pad_token", "<pad>"),
                ("</s>NOTUSED".to_owned(), 0.0),
                unknown.clone(),
                ("<unk>NOTUSED".to_owned(), -100.0),
            ]);
            pieces.extend(from(1));
            pieces.push(named("mask_token", "<mask>"));
            pieces.iter().position(|(text, _)| *text == unknown.0).unwrap_or(0) as i64
        }
        Class::DebertaV2 => {
            pieces.extend(from(0));
            let unknown = named("unk_token", "[UNK]");
            pieces.iter().position(|piece| *piece == unknown).map_or(model.unknown.id, |id| id as i64)
        }
        _ => {
            pieces.extend(from(0));
            model.unknown.id
        }
    };
    Ok((pieces, unknown))
}

fn merging(class: Class, settings: &Settings, file: &str, model: &PieceModel) -> Result<Value> {
    // Of a piece that comes twice, the last id.
    let mut ids: HashMap<String, u32> =
        (0_u32..).zip(&model.pieces).map(|(id, piece)| (piece.text.clone(), id)).collect();
    let merges = merges(file, &ids)?;
    if class == Class::Backend {
        respell(settings, &mut ids);
    }
    let unknown = match class {
        Class::Llama => None,
        Class::Gemma => Some(settings.text("unk_token", "<unk>")),
        _ => Some(&*model.unknown.text),
    };
    let byte_fallback = class != Class::Backend || model.byte_fallback;
    let vocabulary: Map<String, Value> = ids.into_iter().map(|(piece, id)| (piece, json!(id))).collect();
    let mut json = json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unknown,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": true,
        "byte_fallback": byte_fallback,
        "ignore_merges": false,
        "merges": merges,
    });
    json["vocab"] = Value::Object(vocabulary);
    Ok(json)
}

/// Every way to put a piece together from two others: the pieces in the order of their ids, which is that of the scores, those of one
/// piece with the shorter beginning first.
fn merges(file: &str, ids: &HashMap<String, u32>) -> Result<Vec<[String; 2]>> {
    let mut merges = Vec::new();
    let mut bytes = 0_usize;
    let mut order: Vec<(u32, &str)> = ids.iter().map(|(piece, &id)| (id, &**piece)).collect();
    order.sort_unstable();
    for (id, piece) in order {
        if piece.len() > LONGEST_PIECE {
            let what = format!("has a piece of {} bytes as {id}, more than {LONGEST_PIECE}", piece.len());
            return Err(invalid(file, what));
        }
        for (cut, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(cut);
            if ids.contains_key(left) && ids.contains_key(right) {
                bytes += piece.len() + size_of::<[String; 2]>();
                merges.push([left.to_owned(), right.to_owned()]);
            }
        }
        if bytes > MOST_MERGES {
            return Err(invalid(file, format!("has pieces that can be merged in too many ways, up to {id} alone")));
        }
    }
    Ok(merges)
}

/// Gives pieces the texts that added tokens of the same ids have: an author may have renamed placeholders.
fn respell(settings: &Settings, ids: &mut HashMap<String, u32>) {
    let mut pieces: HashMap<u32, String> = ids.iter().map(|(piece, &id)| (id, piece.clone())).collect();
    for (id, token) in settings.added() {
        let Ok(id) = u32::try_from(*id) else { continue };
        let Some(piece) = pieces.get(&id).filter(|piece| **piece != token.text) else { continue };
        if !ids.contains_key(&token.text)
            && let Some(known) = ids.remove(piece)
        {
            ids.insert(token.text.clone(), known);
            pieces.insert(id, token.text.clone());
        }
    }
}

// --- What is done with texts ---

struct Layout {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
}

impl Layout {
    fn of(class: Class, settings: &Settings, model: &PieceModel) -> Result<Self> {
        let charsmap = (!model.charsmap.is_empty())
            .then(|| json!({"type": "Precompiled", "precompiled_charsmap": BASE64_STANDARD.encode(&model.charsmap)}));
        Ok(match class {
            Class::Llama => llama(settings)?,
            Class::Gemma => Self {
                normalizer: replace(" ", SPACE),
                pre_tokenizer: json!({
                    "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false,
                }),
                decoder: decoders(vec![json!({"type": "ByteFallback"}), json!({"type": "Fuse"})]),
            },
            Class::Backend => Self {
                normalizer: sequence("normalizers", charsmap.into_iter().chain([replace(" ", SPACE)]).collect()),
                pre_tokenizer: Value::Null,
                decoder: decoders(if model.byte_fallback {
                    vec![json!({"type": "ByteFallback"}), json!({"type": "Fuse"})]
                } else {
                    Vec::new()
                }),
            },
            Class::DebertaV2 => deberta_v2(settings)?,
            Class::Albert => Self {
                normalizer: albert(settings, charsmap)?,
                ..Self::words(if settings.flag("add_prefix_space", true)? { "always" } else { "never" })
            },
            Class::T5 => Self { normalizer: charsmap.unwrap_or_default(), ..Self::words("always") },
            _ => Self {
                normalizer: charsmap.unwrap_or_default(),
                ..Self::words(if settings.flag("add_prefix_space", true)? { "always" } else { "never" })
            },
        })
    }

    /// Words end at white space, and begin with `▁`.
    fn words(scheme: &str) -> Self {
        let spaces = metaspace(scheme, true);
        Self {
            normalizer: Value::Null,
            pre_tokenizer: sequence("pretokenizers", vec![json!({"type": "WhitespaceSplit"}), spaces.clone()]),
            decoder: spaces,
        }
    }
}

fn llama(settings: &Settings) -> Result<Layout> {
    let in_front = settings.flag("add_prefix_space", true)?;
    let scheme = match settings.flag("legacy", false)? {
        _ if !in_front => "never",
        true => "always",
        false => "first",
    };
    let mut last = vec![json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
    if in_front {
        last.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Ok(Layout { normalizer: Value::Null, pre_tokenizer: metaspace(scheme, false), decoder: decoders(last) })
}

fn deberta_v2(settings: &Settings) -> Result<Layout> {
    let mut normalizers = Vec::new();
    if settings.flag("do_lower_case", false)? {
        normalizers.push(json!({"type": "Lowercase"}));
    }
    normalizers.extend([
        json!({"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "}),
        json!({"type": "NFC"}),
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
    ]);
    let spaces = metaspace(if settings.flag("add_prefix_space", true)? { "always" } else { "first" }, true);
    let mut words = Vec::new();
    if settings.flag("split_by_punct", false)? {
        words.push(json!({"type": "Punctuation", "behavior": "Isolated"}));
    }
    words.push(spaces.clone());
    Ok(Layout {
        normalizer: sequence("normalizers", normalizers),
        pre_tokenizer: sequence("pretokenizers", words),
        decoder: spaces,
    })
}

fn albert(settings: &Settings, charsmap: Option<Value>) -> Result<Value> {
    let mut normalizers = vec![replace("``", "\""), replace("''", "\"")];
    if !settings.flag("keep_accents", false)? {
        normalizers.extend([json!({"type": "NFKD"}), json!({"type": "StripAccents"})]);
    }
    if settings.flag("do_lower_case", true)? {
        normalizers.push(json!({"type": "Lowercase"}));
    }
    normalizers.extend(charsmap);
    Ok(sequence("normalizers", normalizers))
}

fn metaspace(scheme: &str, split: bool) -> Value {
    json!({"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": split})
}

fn replace(from: &str, to: &str) -> Value {
    json!({"type": "Replace", "pattern": {"String": from}, "content": to})
}

fn sequence(members: &str, list: Vec<Value>) -> Value {
    let mut sequence = json!({"type": "Sequence"});
    sequence[members] = Value::Array(list);
    sequence
}

/// Decoders that begin with writing `▁` as a space.
fn decoders(others: Vec<Value>) -> Value {
    sequence("decoders", [vec![replace(SPACE, " ")], others].concat())
}
