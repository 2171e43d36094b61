//! What the small files beside a vocabulary say: options, special tokens, added tokens.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use tokenizers::AddedToken;

use super::class::{Class, Vocabulary};
use crate::error::Result;
use crate::text::special_tokens::{self, NAMED_TOKENS};
use crate::text::vetting::invalid;

const CONFIG: &str = "tokenizer_config.json";
/// The list of further special tokens, and what it was called before.
const FURTHER: &str = "extra_special_tokens";
const FURTHER_ONCE: &str = "additional_special_tokens";

/// A token as a file or a class declares it: by its text alone, or with how it is found.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub text: String,
    pub flags: Option<Flags>,
}

/// How a token is found in a text.
#[allow(clippy::struct_excessive_bools, reason = "as files have them")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub single_word: bool,
    /// Whether it swallows the white space on its left, and on its right.
    pub lstrip: bool,
    pub rstrip: bool,
    /// Whether it is looked for in the normalized text; where this is not said, a special one is not.
    pub normalized: Option<bool>,
    pub special: bool,
}

impl Token {
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), flags: None }
    }

    pub fn with(text: impl Into<String>, flags: Flags) -> Self {
        Self { text: text.into(), flags: Some(flags) }
    }

    /// A token that a file writes as a string or as an object.
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::plain(text)),
            Value::Object(fields) => {
                let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
                let is = |name: &str| flag(name).unwrap_or(false);
                let flags = Flags {
                    single_word: is("single_word"),
                    lstrip: is("lstrip"),
                    rstrip: is("rstrip"),
                    normalized: flag("normalized"),
                    special: is("special"),
                };
                Some(Self::with(fields.get("content")?.as_str()?, flags))
            }
            _ => None,
        }
    }

    /// The token of the crate; one by its text alone is special.
    pub fn added(&self, is_named: bool) -> AddedToken {
        let Some(flags) = self.flags else { return AddedToken::from(self.text.as_str(), true) };
        let special = flags.special || is_named;
        AddedToken {
            content: self.text.clone(),
            single_word: flags.single_word,
            lstrip: flags.lstrip,
            rstrip: flags.rstrip,
            normalized: flags.normalized.unwrap_or(!special),
            special,
        }
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.flags.is_some() == other.flags.is_some() && self.added(false) == other.added(false)
    }
}

/// The files' fields, one over the other, as a tokenizer class of transformers is given them.
pub(super) struct Settings {
    fields: Map<String, Value>,
    /// Special tokens under names that few models have (`image_token`).
    other_names: Vec<(String, Token)>,
    /// Added tokens and their ids, in the order of the file.
    added: Vec<(u64, Token)>,
}

impl Settings {
    pub fn read(
        config: &Map<String, Value>,
        special_tokens_map: &Map<String, Value>,
        added_tokens: &Map<String, Value>,
    ) -> Result<Self> {
        let mut fields = config.clone();
        if !fields.get(FURTHER).is_some_and(is_something)
            && let Some(further) = fields.remove(FURTHER_ONCE)
        {
            fields.insert(FURTHER.to_owned(), further);
        }
        let is_other = |(name, value): &(&String, &Value)| {
            name.ends_with("_token") && !NAMED_TOKENS.contains(&name.as_str()) && value.is_string()
        };
        let mut other_names = named_tokens(fields.iter().filter(is_other));
        other_names.iter().for_each(|(name, _)| drop(fields.remove(name)));
        take_named(&mut fields, &mut other_names);
        let mut settings = Self { fields, other_names, added: Vec::new() };
        match settings.fields.get("added_tokens_decoder") {
            Some(tokens) => settings.added = by_id(tokens)?,
            None => settings.read_once_usual(special_tokens_map, added_tokens)?,
        }
        Ok(settings)
    }

    /// The files that models had before `tokenizer_config.json` held the added tokens.
    fn read_once_usual(&mut self, map: &Map<String, Value>, added_tokens: &Map<String, Value>) -> Result<()> {
        for (name, value) in map {
            let mut value = value.clone();
            if name != FURTHER
                && let Value::Object(fields) = &mut value
            {
                fields.insert("special".to_owned(), json!(true));
            }
            if name == FURTHER
                && let (Value::Array(new), Some(Value::Array(old))) = (&value, self.fields.get(name))
            {
                let mut all = old.clone();
                all.extend(new.iter().filter(|token| !old.contains(token)).cloned());
                value = Value::Array(all);
            }
            self.fields.insert(name.clone(), value);
        }
        take_named(&mut self.fields, &mut self.other_names);
        let names = NAMED_TOKENS.iter().filter_map(|name| Token::read(self.fields.get(*name)?));
        let special: Vec<String> = names.chain(self.list(FURTHER)).map(|token| token.text).collect();
        for (text, id) in added_tokens {
            let id = id
                .as_u64()
                .ok_or_else(|| invalid("added_tokens.json", format!("has `{id}` where the id of a token should be")))?;
            let special = special.contains(text);
            let flags = Flags { normalized: Some(!special), special, ..Flags::default() };
            self.added.push((id, Token::with(text, flags)));
        }
        Ok(())
    }

    /// An option; a null stands for the class's own value.
    pub fn flag(&self, name: &str, otherwise: bool) -> Result<bool> {
        Ok(self.maybe(name)?.unwrap_or(otherwise))
    }

    /// An option that may be left open.
    pub fn maybe(&self, name: &str) -> Result<Option<bool>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(value) => Err(invalid(CONFIG, format!("has `{name}` as {value}, not as true or false"))),
        }
    }

    /// A number of things, of which no model has many.
    pub fn count(&self, name: &str, otherwise: usize, most: usize) -> Result<usize> {
        let Some(value) = self.fields.get(name) else { return Ok(otherwise) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|&count| count <= most);
        count.ok_or_else(|| invalid(CONFIG, format!("has `{name}` as {value}, not as a number up to {most}")))
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The text of a special token: what the files say, or else `otherwise`.
    pub fn text<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        let text = |value: &'a Value| value.as_str().or_else(|| value.get("content")?.as_str());
        self.fields.get(name).and_then(text).unwrap_or(otherwise)
    }

    /// Added tokens with the ids that the files give them, in the order of the file.
    pub fn added(&self) -> &[(u64, Token)] {
        &self.added
    }

    /// Added tokens in the order of their ids. The tokenizer counts for itself: an id that the vocabulary has not reached is not kept.
    pub fn added_in_order(&self) -> Vec<Token> {
        let by_id: BTreeMap<u64, &Token> = self.added.iter().map(|(id, token)| (*id, token)).collect();
        by_id.into_values().cloned().collect()
    }

    /// The special tokens by their names, where neither a file nor the class says that there is none.
    pub fn names(&self, of_class: &[(&'static str, Token)]) -> Vec<(String, Option<Token>)> {
        let added: HashMap<&str, &Token> = self.added.iter().map(|(_, token)| (token.text.as_str(), token)).collect();
        let named = NAMED_TOKENS.iter().map(|name| {
            let token = match self.fields.get(*name) {
                Some(value) => {
                    Token::read(value).map(|token| added.get(token.text.as_str()).map_or(token, |&token| token.clone()))
                }
                None => of_class.iter().find(|(known, _)| known == name).map(|(_, token)| token.clone()),
            };
            ((*name).to_owned(), token)
        });
        let is_other =
            |(name, _): &(&String, &Value)| name.ends_with("_token") && !NAMED_TOKENS.contains(&name.as_str());
        let mut others = named_tokens(self.fields.iter().filter(is_other));
        for (name, token) in &self.other_names {
            match others.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(token),
                None => others.push((name.clone(), token.clone())),
            }
        }
        named.chain(others.into_iter().map(|(name, token)| (name, Some(token)))).collect()
    }

    /// The further special tokens, and which of them are special to whoever reads a text: a symbol that the author of a model
    /// defined stands for itself.
    pub fn further(&self, class: Class, symbols: &[Token]) -> (Vec<Token>, Vec<String>) {
        if self.has(FURTHER) {
            let all = self.list(FURTHER);
            let texts = all.iter().map(|token| token.text.clone()).collect();
            return (all, texts);
        }
        if class.vocabulary() == Vocabulary::Pieces {
            let special = symbols.iter().filter(|token| token.flags.is_none_or(|flags| flags.special));
            return (symbols.to_vec(), special.map(|token| token.text.clone()).collect());
        }
        let all = self.list(FURTHER_ONCE);
        let texts = all.iter().map(|token| token.text.clone()).collect();
        (all, texts)
    }

    fn list(&self, name: &str) -> Vec<Token> {
        let list = self.fields.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Token::read).collect()
    }
}

/// The special tokens that a class has where no file says it, by their names.
pub(super) fn defaults_of(class: &str) -> Vec<(&'static str, Token)> {
    special_tokens::defaults_of(class).map(|(name, text)| (name, Token::plain(text))).collect()
}

/// Whether Python takes a value for true.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn named_tokens<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Vec<(String, Token)> {
    fields.filter_map(|(name, value)| Some((name.clone(), Token::read(value)?))).collect()
}

/// Takes further special tokens that have names out of the fields.
fn take_named(fields: &mut Map<String, Value>, names: &mut Vec<(String, Token)>) {
    if let Some(Value::Object(named)) = fields.get(FURTHER) {
        names.extend(named_tokens(named.iter()));
        fields.remove(FURTHER);
    }
}

fn by_id(tokens: &Value) -> Result<Vec<(u64, Token)>> {
    let wrong = |what: String| invalid(CONFIG, format!("has `added_tokens_decoder` {what}"));
    let tokens = tokens.as_object().ok_or_else(|| wrong(format!("as {tokens}, not as tokens by their ids")))?;
    let token = |(id, token): (&String, &Value)| {
        let known = id.parse().ok().zip(Token::read(token).filter(|token| token.flags.is_some()));
        known.ok_or_else(|| wrong(format!("with {token} as token {id:?}")))
    };
    tokens.iter().map(token).collect()
}
