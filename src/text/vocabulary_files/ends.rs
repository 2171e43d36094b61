//! What a tokenizer puts around a text.

use serde_json::{Map, Value, json};

use super::Tokens;
use super::class::Class;
use super::settings::Settings;
use crate::error::Result;
use crate::text::pipeline::CrateTokenizer;
use crate::text::vetting::invalid;

/// A token at an end of a text: as what it is written down, and its id.
type End = (String, u32);

/// What a class needs to know before tokens are added: ALBERT's ends must be in the vocabulary.
pub(super) fn before(
    class: Class,
    settings: &Settings,
    tokens: &Tokens,
    inner: &CrateTokenizer,
) -> Result<Option<[End; 2]>> {
    if class != Class::Albert || says_ends(settings) {
        return Ok(None);
    }
    let end = |name: &str, written: &str| -> Result<End> {
        let token = tokens.named(name).map_or(written, |token| token.text.as_str());
        let id = inner.token_to_id(token).ok_or_else(|| {
            invalid(class.file(), format!("has no piece `{token}`, which an `{}` puts around a text", class.name()))
        })?;
        Ok((written.to_owned(), id))
    };
    Ok(Some([end("cls_token", "[CLS]")?, end("sep_token", "[SEP]")?]))
}

/// Whether a file says which tokens are put around a text.
fn says_ends(settings: &Settings) -> bool {
    settings.has("add_bos_token") || settings.has("add_eos_token")
}

/// The post-processor of a tokenizer that has all its tokens.
pub(super) fn processor(
    class: Class,
    settings: &Settings,
    tokens: &Tokens,
    before: Option<[End; 2]>,
    inner: &CrateTokenizer,
) -> Result<Value> {
    let end = |name: &str| {
        let token = tokens.named(name).map(|token| token.text.clone());
        let known = token.and_then(|token| inner.token_to_id(&token).map(|id| (token, id)));
        known.ok_or_else(|| {
            let what = format!("says that there is no {name}, which a `{}` puts around a text", class.name());
            invalid("tokenizer_config.json", what)
        })
    };
    Ok(match class {
        Class::Bert | Class::DebertaV2 => around(&end("cls_token")?, &end("sep_token")?),
        Class::MpNet => roberta(&end("sep_token")?, &end("cls_token")?, true, false),
        Class::Roberta => {
            let (trims, in_front) = (settings.flag("trim_offsets", true)?, settings.flag("add_prefix_space", false)?);
            roberta(&end("sep_token")?, &end("cls_token")?, trims, in_front)
        }
        Class::T5 => {
            let end = ("</s>".to_owned(), end("eos_token")?.1);
            template(
                &[text("A", 0), mark(&end, 0)],
                &[text("A", 0), mark(&end, 0), text("B", 0), mark(&end, 0)],
                &[&end],
            )
        }
        Class::XlmRoberta | Class::Camembert => {
            let (begin, end) = (end("bos_token")?, end("eos_token")?);
            let pair = [mark(&begin, 0), text("A", 0), mark(&end, 0), mark(&end, 0), text("B", 0), mark(&end, 0)];
            template(&[mark(&begin, 0), text("A", 0), mark(&end, 0)], &pair, &[&begin, &end])
        }
        Class::CodeGen if !says_ends(settings) => {
            json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true})
        }
        _ => match before {
            Some([cls, sep]) => around(&cls, &sep),
            None => asked(settings, tokens, inner)?,
        },
    })
}

/// The ends that `add_bos_token` and `add_eos_token` ask for.
fn asked(settings: &Settings, tokens: &Tokens, inner: &CrateTokenizer) -> Result<Value> {
    let end = |flag: &str, name: &str| -> Result<Option<End>> {
        let token = if settings.flag(flag, false)? { tokens.named(name) } else { None };
        Ok(token.and_then(|token| Some((token.text.clone(), inner.token_to_id(&token.text)?))))
    };
    let (begin, last) = (end("add_bos_token", "bos_token")?, end("add_eos_token", "eos_token")?);
    let side = |name: &str, type_id: u32| {
        let first = begin.iter().map(|token| mark(token, type_id));
        first.chain([text(name, type_id)]).chain(last.iter().map(|token| mark(token, type_id))).collect::<Vec<_>>()
    };
    let marks: Vec<&End> = begin.iter().chain(&last).collect();
    Ok(template(&side("A", 0), &[side("A", 0), side("B", 1)].concat(), &marks))
}

fn around(cls: &End, sep: &End) -> Value {
    let single = [mark(cls, 0), text("A", 0), mark(sep, 0)];
    let pair = [mark(cls, 0), text("A", 0), mark(sep, 0), text("B", 1), mark(sep, 1)];
    template(&single, &pair, &[cls, sep])
}

fn roberta(sep: &End, cls: &End, trims: bool, in_front: bool) -> Value {
    json!({"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": trims, "add_prefix_space": in_front})
}

fn text(name: &str, type_id: u32) -> Value {
    json!({"Sequence": {"id": name, "type_id": type_id}})
}

fn mark((token, _): &End, type_id: u32) -> Value {
    json!({"SpecialToken": {"id": token, "type_id": type_id}})
}

fn template(single: &[Value], pair: &[Value], marks: &[&End]) -> Value {
    let entry = |(token, id): &&End| (token.clone(), json!({"id": token, "ids": [id], "tokens": [token]}));
    let marks: Map<String, Value> = marks.iter().map(entry).collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": marks})
}
