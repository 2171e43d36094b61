//! Which tokens of a tokenizer are special: what its files declare, and its class's defaults for what they do not.
//!
//! Files declare special tokens in part: `tokenizer_config.json` of bert-base-uncased has none of them. Each tokenizer class of
//! transformers fills the others with defaults of its own. A class is named by the file, or else belongs to the type of the model;
//! many newer types have none, and then only what is declared is special.

use serde_json::{Map, Value};

/// The tokens that `tokenizer_config.json` and `special_tokens_map.json` may declare by name.
pub(super) const NAMED_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// The lists of further special tokens, under the names that they have had.
const TOKEN_LISTS: [&str; 2] = ["additional_special_tokens", "extra_special_tokens"];

/// The special tokens of a tokenizer, by their texts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SpecialTokens {
    /// All of them; some may not be in the vocabulary.
    pub texts: Vec<String>,
    pub cls: Option<String>,
}

impl SpecialTokens {
    /// What `tokenizer_config.json` and `special_tokens_map.json` declare, filled with the defaults of the tokenizer's class.
    pub fn new(config: &Map<String, Value>, map: &Map<String, Value>, model_type: &str) -> Self {
        let class = config.get("tokenizer_class").and_then(Value::as_str);
        let defaults = class_of(class, model_type);
        let mut texts: Vec<String> = declared(config).chain(declared(map)).map(str::to_owned).collect();
        let is_declared = |name: &str| config.contains_key(name) || map.contains_key(name);
        for (name, text) in defaults.into_iter().flat_map(Class::named) {
            if !is_declared(name) {
                texts.push(text.to_owned());
            }
        }
        if let Some(class) = defaults.filter(|_| !TOKEN_LISTS.iter().any(|list| is_declared(list))) {
            let sentinels = config.get("extra_ids").and_then(Value::as_u64).unwrap_or(class.sentinels);
            // T5 has 100; a file that says otherwise need not be believed in full.
            texts.extend((0..sentinels.min(MOST_SENTINELS)).map(|number| format!("<extra_id_{number}>")));
            texts.extend(class.others.iter().map(|&text| text.to_owned()));
        }
        let declared = [config, map].into_iter().find_map(|file| file.get("cls_token"));
        let cls = match declared {
            Some(_) => token_text(config.get("cls_token")).or_else(|| token_text(map.get("cls_token"))),
            None => defaults.map(|class| class.cls).filter(|text| !text.is_empty()),
        };
        Self { cls: cls.map(str::to_owned), texts }
    }
}

/// No tokenizer has nearly as many tokens for the gaps in a text.
const MOST_SENTINELS: u64 = 10_000;

/// The special tokens that a tokenizer class has where nothing is declared; an empty text stands for none.
#[derive(Debug)]
struct Class {
    bos: &'static str,
    eos: &'static str,
    unk: &'static str,
    sep: &'static str,
    pad: &'static str,
    cls: &'static str,
    mask: &'static str,
    /// How many tokens for gaps there are (`<extra_id_0>`).
    sentinels: u64,
    others: &'static [&'static str],
}

impl Class {
    fn named(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let texts = [self.bos, self.eos, self.unk, self.sep, self.pad, self.cls, self.mask];
        NAMED_TOKENS.into_iter().zip(texts).filter(|(_, text)| !text.is_empty())
    }
}

const NOTHING: Class =
    Class { bos: "", eos: "", unk: "", sep: "", pad: "", cls: "", mask: "", sentinels: 0, others: &[] };
const BERT: Class = Class { unk: "[UNK]", sep: "[SEP]", pad: "[PAD]", cls: "[CLS]", mask: "[MASK]", ..NOTHING };
const DEBERTA: Class = Class { bos: "[CLS]", eos: "[SEP]", ..BERT };
const ALBERT: Class = Class { unk: "<unk>", pad: "<pad>", ..DEBERTA };
const ROBERTA: Class =
    Class { bos: "<s>", eos: "</s>", unk: "<unk>", sep: "</s>", pad: "<pad>", cls: "<s>", mask: "<mask>", ..NOTHING };
const MPNET: Class = Class { unk: "[UNK]", ..ROBERTA };
const CAMEMBERT: Class = Class { others: &["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"], ..ROBERTA };
const T5: Class = Class { eos: "</s>", unk: "<unk>", pad: "<pad>", sentinels: 100, ..NOTHING };
const MARIAN: Class = Class { eos: "</s>", unk: "<unk>", pad: "<pad>", ..NOTHING };
const LLAMA: Class = Class { bos: "<s>", eos: "</s>", unk: "<unk>", ..NOTHING };
const GEMMA: Class = Class { bos: "<bos>", eos: "<eos>", unk: "<unk>", pad: "<pad>", mask: "<mask>", ..NOTHING };
const GPT2: Class = Class { bos: "<|endoftext|>", eos: "<|endoftext|>", unk: "<|endoftext|>", ..NOTHING };
const GPT_NEOX: Class = Class { pad: "<|padding|>", ..GPT2 };
const QWEN2: Class = Class { bos: "", pad: "<|endoftext|>", ..GPT2 };
const COHERE: Class = Class {
    bos: "<BOS_TOKEN>",
    eos: "<|END_OF_TURN_TOKEN|>",
    unk: "<UNK>",
    sep: "<SEP>",
    pad: "<PAD>",
    cls: "<CLS>",
    mask: "<MASK_TOKEN>",
    ..NOTHING
};

/// The defaults of a tokenizer class that is named in a file; none for a class that is not known, or that has none.
fn class_named(name: &str) -> Option<&'static Class> {
    Some(match name.strip_suffix("Fast").unwrap_or(name) {
        "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => &BERT,
        "DebertaTokenizer" | "DebertaV2Tokenizer" => &DEBERTA,
        "AlbertTokenizer" => &ALBERT,
        "RobertaTokenizer" | "XLMRobertaTokenizer" | "BartTokenizer" => &ROBERTA,
        "MPNetTokenizer" => &MPNET,
        "CamembertTokenizer" => &CAMEMBERT,
        "T5Tokenizer" => &T5,
        "MarianTokenizer" => &MARIAN,
        "LlamaTokenizer" => &LLAMA,
        "GemmaTokenizer" => &GEMMA,
        "GPT2Tokenizer" | "CodeGenTokenizer" => &GPT2,
        "GPTNeoXTokenizer" => &GPT_NEOX,
        "Qwen2Tokenizer" | "Qwen3_5Tokenizer" => &QWEN2,
        "CohereTokenizer" => &COHERE,
        _ => return None,
    })
}

/// The special tokens that a tokenizer class has where nothing is declared, by the names that files have for them.
pub(super) fn defaults_of(class: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    class_named(class).into_iter().flat_map(Class::named)
}

/// The defaults for a model's tokenizer, by the rules of transformers' `AutoTokenizer`.
fn class_of(named: Option<&str>, model_type: &str) -> Option<&'static Class> {
    let of_type = match model_type {
        // These come with all sorts of tokenizers, and the class that their files name is not believed.
        "mistral" | "mixtral" | "granite" | "stablelm" | "olmo2" | "olmo3" | "modernbert" | "phi3" => return None,
        "qwen2" => return Some(&QWEN2),
        "bert" | "distilbert" | "electra" | "nomic_bert" => Some(&BERT),
        "deberta-v2" => Some(&DEBERTA),
        "albert" => Some(&ALBERT),
        "roberta" | "xlm-roberta" | "gte" | "jina_embeddings_v3" | "bart" => Some(&ROBERTA),
        "mpnet" => Some(&MPNET),
        "camembert" => Some(&CAMEMBERT),
        "t5" | "mt5" => Some(&T5),
        "marian" => Some(&MARIAN),
        "gemma" | "gemma2" | "gemma3_text" => Some(&GEMMA),
        "gpt2" | "gptj" | "gpt_neo" | "phi" | "opt" | "starcoder2" => Some(&GPT2),
        "gpt_neox" => Some(&GPT_NEOX),
        "qwen3" | "qwen2_moe" | "qwen3_moe" | "qwen3_5_text" => Some(&QWEN2),
        "cohere" | "cohere2" => Some(&COHERE),
        _ => None,
    };
    named.map_or(of_type, class_named)
}

/// The special tokens that a file declares.
fn declared(file: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let named = NAMED_TOKENS.iter().filter_map(|name| token_text(file.get(*name)));
    let lists = TOKEN_LISTS.iter().filter_map(|name| file.get(*name)).flat_map(|list| -> Vec<&Value> {
        match list {
            Value::Array(tokens) => tokens.iter().collect(),
            Value::Object(tokens) => tokens.values().collect(),
            _ => Vec::new(),
        }
    });
    named.chain(lists.filter_map(|token| token_text(Some(token))))
}

/// A token is written as a string or as an object with its content.
fn token_text(token: Option<&Value>) -> Option<&str> {
    match token? {
        Value::String(text) => Some(text),
        Value::Object(token) => token.get("content")?.as_str(),
        _ => None,
    }
}
