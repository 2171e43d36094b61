//! A text in pieces has the tokens of the whole text, with the tokenizers of all families.

use std::path::{Path, PathBuf};

use super::Sizes;
use crate::control::Control;
use crate::error::ErrorCode;
use crate::gguf::Header;
use crate::text::Tokenizer;
use crate::text::tokenize::Tokens;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)
}

/// A tokenizer of each kind that there is, by its name; cut to a limit, from the right or the left.
fn tokenizers(limit: Option<usize>, side: &str) -> Vec<(String, Tokenizer)> {
    let config = format!(r#"{{"truncation_side": "{side}"}}"#);
    let folders = std::fs::read_dir(golden("tokenizers")).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.chain(["models/bert/tokenizer", "models/eurobert/tokenizer"].map(golden));
    let mut tokenizers: Vec<(String, Tokenizer)> = folders
        .filter(|folder| folder.is_dir())
        .map(|folder| {
            let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
            let tokenizer = Tokenizer::from_parts(&json, Some(config.as_bytes()), None, limit);
            (folder.display().to_string(), tokenizer.unwrap())
        })
        .collect();
    if side == "right" {
        let files = std::fs::read_dir(golden("gguf_tokenizers")).unwrap().map(|entry| entry.unwrap().path());
        for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "gguf")) {
            let bytes = std::fs::read(&path).unwrap();
            let tokenizer = Tokenizer::from_gguf(&Header::read(&bytes).unwrap().metadata, limit).unwrap();
            tokenizers.push((path.display().to_string(), tokenizer));
        }
    }
    tokenizers
}

/// A text of random parts: words and what stands between them, marks, other scripts, literals of special tokens.
fn text(seed: u64, parts: usize) -> String {
    const PARTS: [&str; 44] = [
        "the",
        "film",
        "is",
        "Warm",
        "GOOD",
        "a",
        "I",
        "don't",
        "they'll",
        "été",
        "İstanbul",
        "x",
        "naïve",
        "12345",
        "7",
        "best.",
        "(what?)",
        "``quoted''",
        "...",
        "-",
        "e\u{301}",
        "good\u{301}",
        "日本語",
        "テスト",
        "が",
        "か\u{3099}",
        "中文。",
        "한국어",
        "ﷺ",
        "½",
        "🎬🎬",
        "<s>",
        "</s>",
        "[MASK]",
        "<mask>",
        "<|endoftext|>",
        "<extra_id_0>",
        "[CLS]",
        "\u{200b}",
        "▁",
        "Ġ",
        "\u{1}",
        "aaaa",
        "'s",
    ];
    const BETWEEN: [&str; 12] = [" ", " ", " ", " ", " ", "\n", "\n\n", "  ", "\t", "\r\n", "", " \n "];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    (0..parts).flat_map(|_| [PARTS[random(PARTS.len())], BETWEEN[random(BETWEEN.len())]]).collect()
}

/// With words that count from the first one: where a text is cut from the left, the crate does not say how many came before.
fn numbered(mut tokens: Tokens) -> Tokens {
    let first = tokens.words.iter().flatten().next().copied().unwrap_or(0);
    tokens.words.iter_mut().flatten().for_each(|word| *word -= first);
    tokens
}

#[test]
fn pieces_have_the_tokens_of_the_whole_text_in_all_families() {
    let whole = Sizes { piece: usize::MAX, most: usize::MAX };
    let control = Control::new();
    let mut without_cuts = Vec::new();
    for (limit, side) in [(None, "right"), (Some(48), "right"), (Some(48), "left")] {
        for (name, tokenizer) in tokenizers(limit, side) {
            if tokenizer.cuts().is_none() {
                without_cuts.push(name);
                continue;
            }
            let mut cut = 0;
            for seed in 0..30 {
                let text = text(seed, 20 + 8 * seed as usize);
                let expected = numbered(tokenizer.tokenize_one(&text, whole, &control).unwrap());
                for piece in [40, 97, 400] {
                    let sizes = Sizes { piece, most: 3000 };
                    match tokenizer.tokenize_one(&text, sizes, &control) {
                        Ok(found) => assert_eq!(numbered(found), expected, "{name}, pieces of {piece}, {text:?}"),
                        Err(error) => panic!("{name}: {error}"),
                    }
                    cut += usize::from(text.len() > piece);
                }
            }
            assert!(cut > 50, "{name}");
        }
    }
    // The vocabularies of some are trained on texts that are not split into words, as no model's is.
    without_cuts.retain(|name| !name.contains("gguf_tokenizers"));
    assert!(without_cuts.is_empty(), "{without_cuts:?}");
}

#[test]
fn a_text_without_a_place_to_cut_is_refused_with_the_limit() {
    for (name, tokenizer) in tokenizers(Some(16), "right") {
        let sizes = Sizes::default();
        let text = "\n".repeat(sizes.most + 1);
        let error = tokenizer.tokenize_one(&text, sizes, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name}: {error}");
        assert!(error.message().contains("1048577 bytes `\\n") && error.message().contains("1048576"), "{error}");
        assert!(error.hint_text().contains("shorter") || error.hint_text().contains("at most 1048576"), "{error}");
    }
}

#[test]
fn what_the_model_does_not_read_is_not_tokenized() {
    let control = Control::new();
    for (name, tokenizer) in tokenizers(Some(16), "right") {
        if tokenizer.cuts().is_none() {
            continue;
        }
        let text = format!("{}{}", "a warm film ".repeat(10_000), "\n".repeat(20 << 20));
        let found = tokenizer.tokenize_one(&text, Sizes::default(), &control).unwrap();
        let begin = tokenizer.tokenize_one(&text[..120], Sizes::default(), &control).unwrap();
        assert_eq!(found, begin, "{name}");
    }
}

#[test]
fn a_cancel_is_seen_within_a_text() {
    let control = Control::new();
    control.cancel();
    let (_, tokenizer) = tokenizers(None, "right").remove(0);
    let error = tokenizer.tokenize_one(&"a warm film ".repeat(10_000), Sizes::default(), &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}
