//! Which class of transformers builds the tokenizer of a model.

use serde_json::{Map, Value};

use super::REMEDY;
use super::settings::Flags;
use crate::error::{Error, ErrorCode, Result, shown};

/// The name under which any class takes a model of SentencePiece.
pub(super) const ANY_PIECES: &str = "tokenizer.model";

/// A tokenizer class of transformers 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bert,
    MpNet,
    Gpt2,
    CodeGen,
    Roberta,
    GptNeoX,
    Qwen2,
    Cohere,
    T5,
    Albert,
    XlmRoberta,
    Camembert,
    DebertaV2,
    Llama,
    Gemma,
    /// What a model has that no class was written for.
    Backend,
}

/// What a class builds a tokenizer from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    Words,
    Bytes,
    Pieces,
}

/// The class that reads two models of SentencePiece, one of a language each.
const MARIAN: &str = "MarianTokenizer";

/// The error for a model whose pieces get their ids from a list beside two models of SentencePiece. transformers writes no
/// `tokenizer.json` of it.
fn two_models() -> Error {
    let what = format!(
        "there is no `tokenizer.json`, and a `{MARIAN}` is not built from `source.spm`, `target.spm` and `vocab.json`"
    );
    Error::new(ErrorCode::Unsupported, what)
        .hint(
            "give the model token ids in place of texts: in Python, `AutoTokenizer.from_pretrained(x)(text).input_ids` of \
             transformers makes them",
        )
        .detail("file", "tokenizer.json")
        .detail("class", MARIAN)
}

impl Class {
    /// The class by the rules of `AutoTokenizer`: the model's type has one, a file may name another.
    pub fn of(model_type: &str, tokenizer_config: &Map<String, Value>, config: &Map<String, Value>) -> Result<Self> {
        let named = [tokenizer_config, config].into_iter().find_map(|file| file.get("tokenizer_class")?.as_str());
        if named.unwrap_or(if model_type == "marian" { MARIAN } else { "" }) == MARIAN {
            return Err(two_models());
        }
        match (Self::of_type(model_type), named) {
            // Models of these types come with all sorts of tokenizers, and the class that their files name is not believed.
            (Some(Self::Backend), _) => Ok(Self::Backend),
            (Some(class), _) if model_type == "qwen2" => Ok(class),
            (_, Some(name)) => Self::of_name(name),
            (class, None) => Ok(class.unwrap_or(Self::Backend)),
        }
    }

    fn of_type(model_type: &str) -> Option<Self> {
        Some(match model_type {
            "bert" | "distilbert" | "electra" | "nomic_bert" => Self::Bert,
            "mpnet" => Self::MpNet,
            "gpt2" | "gptj" | "gpt_neo" | "phi" | "opt" | "starcoder2" => Self::Gpt2,
            "roberta" | "bart" => Self::Roberta,
            "gpt_neox" => Self::GptNeoX,
            "qwen2" | "qwen3" | "qwen2_moe" | "qwen3_moe" => Self::Qwen2,
            "cohere" | "cohere2" => Self::Cohere,
            "t5" | "mt5" => Self::T5,
            "albert" => Self::Albert,
            "xlm-roberta" | "gte" | "jina_embeddings_v3" => Self::XlmRoberta,
            "camembert" => Self::Camembert,
            "deberta-v2" => Self::DebertaV2,
            "gemma" | "gemma2" | "gemma3_text" => Self::Gemma,
            "mistral" | "mixtral" | "granite" | "stablelm" | "olmo2" | "olmo3" | "modernbert" | "phi3" => Self::Backend,
            _ => return None,
        })
    }

    fn of_name(name: &str) -> Result<Self> {
        Ok(match name.strip_suffix("Fast").unwrap_or(name) {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Self::Bert,
            "MPNetTokenizer" => Self::MpNet,
            "GPT2Tokenizer" => Self::Gpt2,
            "CodeGenTokenizer" => Self::CodeGen,
            "RobertaTokenizer" | "BartTokenizer" => Self::Roberta,
            "GPTNeoXTokenizer" => Self::GptNeoX,
            "Qwen2Tokenizer" => Self::Qwen2,
            "CohereTokenizer" => Self::Cohere,
            "T5Tokenizer" => Self::T5,
            "AlbertTokenizer" => Self::Albert,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            "CamembertTokenizer" => Self::Camembert,
            "DebertaV2Tokenizer" => Self::DebertaV2,
            "LlamaTokenizer" => Self::Llama,
            "GemmaTokenizer" => Self::Gemma,
            "PreTrainedTokenizer" | "TokenizersBackend" | "BloomTokenizer" => Self::Backend,
            _ => {
                let what = format!(
                    "there is no `tokenizer.json`, and `{}` is not a tokenizer class that is built from other files",
                    shown(name)
                );
                return Err(Error::new(ErrorCode::Unsupported, what)
                    .hint(REMEDY)
                    .detail("file", "tokenizer.json")
                    .detail("class", shown(name)));
            }
        })
    }

    /// What transformers calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "BertTokenizer",
            Self::MpNet => "MPNetTokenizer",
            Self::Gpt2 => "GPT2Tokenizer",
            Self::CodeGen => "CodeGenTokenizer",
            Self::Roberta => "RobertaTokenizer",
            Self::GptNeoX => "GPTNeoXTokenizer",
            Self::Qwen2 => "Qwen2Tokenizer",
            Self::Cohere => "CohereTokenizer",
            Self::T5 => "T5Tokenizer",
            Self::Albert => "AlbertTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Camembert => "CamembertTokenizer",
            Self::DebertaV2 => "DebertaV2Tokenizer",
            Self::Llama => "LlamaTokenizer",
            Self::Gemma => "GemmaTokenizer",
            Self::Backend => "TokenizersBackend",
        }
    }

    pub fn vocabulary(self) -> Vocabulary {
        match self {
            Self::Bert | Self::MpNet => Vocabulary::Words,
            Self::Gpt2 | Self::CodeGen | Self::Roberta | Self::GptNeoX | Self::Qwen2 | Self::Cohere => {
                Vocabulary::Bytes
            }
            Self::T5
            | Self::Albert
            | Self::XlmRoberta
            | Self::Camembert
            | Self::DebertaV2
            | Self::Llama
            | Self::Gemma
            | Self::Backend => Vocabulary::Pieces,
        }
    }

    /// How a special token is found that is declared by its text alone, where the class says it.
    pub fn flags(self, name: &str) -> Option<Flags> {
        let of_mask = Flags { lstrip: name == "mask_token", ..Flags::default() };
        match self {
            Self::MpNet => Some(of_mask),
            Self::Camembert if of_mask.lstrip => Some(Flags { special: true, ..of_mask }),
            _ => None,
        }
    }

    /// The file of its vocabulary.
    pub fn file(self) -> &'static str {
        match self.vocabulary() {
            Vocabulary::Words => "vocab.txt",
            Vocabulary::Bytes => "vocab.json",
            Vocabulary::Pieces => match self {
                Self::T5 | Self::Albert => "spiece.model",
                Self::XlmRoberta | Self::Camembert => "sentencepiece.bpe.model",
                Self::DebertaV2 => "spm.model",
                _ => ANY_PIECES,
            },
        }
    }
}
