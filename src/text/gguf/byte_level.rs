//! Byte-level BPE: Llama 3, Qwen, SmolLM, GPT-2 and most models since.
//!
//! The tokens are written in an alphabet of one letter for each byte (`Ġfilm`). How texts are cut into words before that is in
//! `tokenizer.json` and not in a file, which has a name for it instead.

use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

use super::vocabulary::{Ids, MERGES, listed_merges};
use super::{Layout, unsupported};
use crate::error::{Error, ErrorCode, Result};
use crate::gguf::{Metadata, missing};

/// The name of the way in which texts are cut into words.
const WORDS: &str = "tokenizer.ggml.pre";

/// An optional character and letters, up to three digits, marks: Llama 3, and GPT-4 before it.
pub(in crate::text) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with one digit at a time.
pub(in crate::text) const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// That of Qwen 3.5, for which marks are letters. No GGUF file of it is read.
pub(in crate::text) const QWEN3_5: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words also end before a capital letter: Mistral Nemo.
pub(in crate::text) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with English endings (`'ll`) and up to three digits.
pub(in crate::text) const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// What `tokenizer.json` has for a name.
struct Style {
    words: Words,
    /// Whether accents are put together with their letters first.
    composes: bool,
    /// Whether a word that is a token needs no merges.
    ignore_merges: bool,
    /// Whether texts begin with the token for their beginning where the file does not say.
    begins: bool,
}

enum Words {
    /// The rule of GPT-2, which the crate has; digits may be cut off one by one first.
    Gpt2 { digits: bool },
    /// The matches of an expression, and what is between them.
    Pattern(&'static str),
}

impl Style {
    fn named(name: &str) -> Option<Self> {
        let plain = |words| Self { words, composes: false, ignore_merges: false, begins: false };
        let pattern = |expression| plain(Words::Pattern(expression));
        Some(match name {
            "llama-bpe" | "llama-v3" | "llama3" => Self { ignore_merges: true, begins: true, ..pattern(LLAMA3) },
            // GPT-4's tokens, all of which their merges lead to: Phi-4, OLMo 2.
            "dbrx" => pattern(LLAMA3),
            "qwen2" | "deepseek-r1-qwen" => Self { composes: true, ..pattern(QWEN2) },
            "tekken" | "pixtral" => Self { ignore_merges: true, begins: true, ..pattern(TEKKEN) },
            "gpt-4o" => Self { ignore_merges: true, ..pattern(GPT4O) },
            "gpt-2" => plain(Words::Gpt2 { digits: false }),
            "smollm" | "starcoder" | "refact" => plain(Words::Gpt2 { digits: true }),
            _ => return None,
        })
    }
}

/// The names above, for an error.
const KNOWN: &str =
    "those of `llama-bpe`, `qwen2`, `smollm`, `gpt-2`, `tekken`, `gpt-4o`, `dbrx`, `starcoder` and `refact`";

pub(super) fn layout(metadata: &Metadata<'_>, architecture: &str, ids: &Ids<'_>) -> Result<Layout> {
    let name = metadata.text(WORDS)?.unwrap_or("default");
    let name = if name == "default" { of_architecture(architecture)? } else { name };
    let style = Style::named(name).ok_or_else(|| unsupported(WORDS, name, KNOWN))?;
    let merges = listed_merges(metadata, ids)?.ok_or_else(|| missing(MERGES))?;
    Ok(Layout {
        merges,
        normalizer: style.composes.then_some(NFC.into()),
        words: Some(words(&style.words)?),
        decoder: ByteLevel::default().into(),
        ignore_merges: style.ignore_merges,
        bytes: false,
        begins: style.begins,
    })
}

/// Files from before May 2024 have no name or `default`, whatever the model. Two architectures only ever had one tokenizer.
fn of_architecture(architecture: &str) -> Result<&'static str> {
    match architecture {
        "gpt2" => Ok("gpt-2"),
        "qwen2" => Ok("qwen2"),
        _ => Err(Error::new(
            ErrorCode::Unsupported,
            format!(
                "the metadata key `{WORDS}` is `default` or missing, which does not say how texts are cut into words: the \
                 file is older than that key"
            ),
        )
        .hint("put the model's tokenizer.json beside the file, or use a newer file of the model")
        .detail("key", WORDS)
        .detail("value", "default")),
    }
}

fn words(words: &Words) -> Result<PreTokenizerWrapper> {
    let bytes = ByteLevel::default().add_prefix_space(false);
    Ok(match words {
        Words::Gpt2 { digits: false } => bytes.into(),
        Words::Gpt2 { digits: true } => Sequence::new(vec![Digits::new(true).into(), bytes.into()]).into(),
        Words::Pattern(pattern) => {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map_err(|error| Error::internal(format!("an expression for words cannot be read: {error}")))?;
            Sequence::new(vec![split.into(), bytes.use_regex(false).into()]).into()
        }
    })
}
