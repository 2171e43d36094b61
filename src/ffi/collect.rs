//! Collecting activations.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::{iter, ptr};

use super::activations::eidos_activations;
use super::arguments::{Array, ArrayMut, In, Out, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::handle::Handle;
use super::inputs::eidos_inputs;
use super::interventions::{eidos_interventions, interventions_or_none};
use super::options::options;
use super::split_model::eidos_split_model;
use super::status::{EIDOS_OK, eidos_status, error_code};
use super::strings::{choice, text, text_of_length};
use crate::collect::{CollectOptions, OnLongText};
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;
use crate::rows::Activations;
use crate::text::{Aggregation, Granularity, WordRule};

/// A row stands for a token that is not a special one.
pub const EIDOS_GRANULARITY_TOKEN: u32 = 1;
/// A row stands for a word, as the rule of `EIDOS_WORD_RULE_*` cuts texts: a piece of text without white space in it,
/// but for a space in front where tokens bring one (`" film"`). Punctuation is a word of its own where the rule says
/// so. The default.
pub const EIDOS_GRANULARITY_WORD: u32 = 2;
/// A row stands for a sentence.
pub const EIDOS_GRANULARITY_SENTENCE: u32 = 3;
/// A row stands for a text, over its tokens that are not special.
pub const EIDOS_GRANULARITY_SAMPLE: u32 = 4;
/// A row stands for a position, special tokens included.
pub const EIDOS_GRANULARITY_ALL_TOKENS: u32 = 5;
/// A row stands for the first position of a text, which must be the tokenizer's classification token.
pub const EIDOS_GRANULARITY_CLS_TOKEN: u32 = 6;

/// Words end where the tokenizer's pre-tokenizer splits them if it does (BERT: `don`, `'`, `t`; Llama 3: ` don`, `'t`;
/// T5: `don't` and `film,`), else where Unicode does (Gemma, Llama 2, Mistral, Phi-3). The default. docs/units.md has a
/// table of the families.
pub const EIDOS_WORD_RULE_AUTO: u32 = 1;
/// Words end where the tokenizer's pre-tokenizer splits them; where it splits nothing, white space alone ends a word
/// (`film,`).
pub const EIDOS_WORD_RULE_TOKENIZER: u32 = 2;
/// Words end at the word boundaries of Unicode (UAX #29): `don't`, `1,234.50`, each mark of punctuation and each
/// ideograph. A token belongs to the word in which its first byte lies that is not white space; a word in which no
/// token begins has no row.
pub const EIDOS_WORD_RULE_UNICODE: u32 = 3;

/// A row is the mean of the rows of the unit's tokens, per column. The default.
pub const EIDOS_AGGREGATION_MEAN: u32 = 1;
/// A row is the sum of the rows of the unit's tokens, per column.
pub const EIDOS_AGGREGATION_SUM: u32 = 2;
/// A row has the largest value of the unit's tokens, per column.
pub const EIDOS_AGGREGATION_MAX: u32 = 3;
/// A row has the smallest value of the unit's tokens, per column.
pub const EIDOS_AGGREGATION_MIN: u32 = 4;
/// A row has the value of largest magnitude of the unit's tokens, with its sign, per column.
pub const EIDOS_AGGREGATION_SIGNED_MAX: u32 = 5;
/// A row is that of the unit's first token.
pub const EIDOS_AGGREGATION_FIRST: u32 = 6;
/// A row is that of the unit's last token.
pub const EIDOS_AGGREGATION_LAST: u32 = 7;

/// Texts that are longer than what the model reads lose their end, which has no rows;
/// `eidos_activations_truncated_count` says how many they are, and the log does. The default.
pub const EIDOS_ON_LONG_TEXT_TRUNCATE: u32 = 1;
/// A text that is longer than what the model reads is `EIDOS_INVALID_ARGUMENT`, which names it, before the model runs.
pub const EIDOS_ON_LONG_TEXT_ERROR: u32 = 2;

const ON_LONG_TEXT: [(u32, OnLongText); 2] =
    [(EIDOS_ON_LONG_TEXT_TRUNCATE, OnLongText::Truncate), (EIDOS_ON_LONG_TEXT_ERROR, OnLongText::Error)];

/// What becomes of long texts, by its number.
pub(super) fn on_long_text(number: u32) -> Result<OnLongText> {
    choice(number, "on_long_text", &ON_LONG_TEXT)
}

const GRANULARITIES: [(u32, Granularity); 6] = [
    (EIDOS_GRANULARITY_TOKEN, Granularity::Token),
    (EIDOS_GRANULARITY_WORD, Granularity::Word),
    (EIDOS_GRANULARITY_SENTENCE, Granularity::Sentence),
    (EIDOS_GRANULARITY_SAMPLE, Granularity::Sample),
    (EIDOS_GRANULARITY_ALL_TOKENS, Granularity::AllTokens),
    (EIDOS_GRANULARITY_CLS_TOKEN, Granularity::ClsToken),
];

const WORD_RULES: [(u32, WordRule); 3] = [
    (EIDOS_WORD_RULE_AUTO, WordRule::Auto),
    (EIDOS_WORD_RULE_TOKENIZER, WordRule::Tokenizer),
    (EIDOS_WORD_RULE_UNICODE, WordRule::Unicode),
];

const AGGREGATIONS: [(u32, Aggregation); 7] = [
    (EIDOS_AGGREGATION_MEAN, Aggregation::Mean),
    (EIDOS_AGGREGATION_SUM, Aggregation::Sum),
    (EIDOS_AGGREGATION_MAX, Aggregation::Max),
    (EIDOS_AGGREGATION_MIN, Aggregation::Min),
    (EIDOS_AGGREGATION_SIGNED_MAX, Aggregation::SignedMax),
    (EIDOS_AGGREGATION_FIRST, Aggregation::First),
    (EIDOS_AGGREGATION_LAST, Aggregation::Last),
];

/// These options say how activations are collected. Fill the struct with `eidos_activations_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_activations_options {
    /// This is the size of the struct in bytes, set by `eidos_activations_options_init`.
    pub struct_size: u32,
    /// The granularity says what one row stands for: one of `EIDOS_GRANULARITY_*`. By default a word.
    pub granularity: u32,
    /// The aggregation says how the tokens of a unit become one row: one of `EIDOS_AGGREGATION_*`. By default the mean
    /// of the tokens.
    pub aggregation: u32,
    /// This many batches run at the same time on the CPU; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// One batch holds this many tokens at most on the CPU. By default 512. Results do not depend on it.
    pub batch_tokens: u64,
    /// The rows of all split points may take this many bytes in memory; beyond that they go to shards on disk, and with
    /// 0 always. By default 4 GiB.
    pub memory_limit: u64,
    /// A shard has this many bytes at most. By default 256 MiB.
    pub shard_bytes: u64,
    /// The shards go into this folder. When given, rows always go there, and an interrupted collection resumes from its
    /// last complete shard; a second call that writes into the same folder meanwhile is `EIDOS_BUSY`. The rows of the
    /// result are mapped as those of `eidos_activations_open`. NULL means memory, and beyond the memory limit files
    /// without a name in the folder for temporary files (`TMPDIR`), of which nothing is left however the process ends.
    pub folder: Text,
    /// The word rule says where a word ends: one of `EIDOS_WORD_RULE_*`. By default `EIDOS_WORD_RULE_AUTO`.
    pub word_rule: u32,
    /// 1 gives no row to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`, `re`
    /// and `ve` behind it, in one unit with it or not. For tokens, words and sentences only.
    pub stop_contractions: u32,
    /// These units get no row, such as stop words, by their text: without white space at its ends, in whatever case.
    /// For tokens, words and sentences only. `eidos_activations_left_out_count` says how many units got no row.
    pub stop_units: Array<Text>,
    /// This is the number of strings in `stop_units`.
    pub stop_unit_count: usize,
    /// One batch holds this many tokens at most on a device, which wants much larger batches than the CPU. By default
    /// 16384. A batch for which the device has no memory is run in halves, and later batches are no larger than what did
    /// fit. Results do not depend on it.
    pub device_batch_tokens: u64,
    /// 1 leaves the rows in the memory of the device where the model computes, for fits and encoding there and for
    /// `eidos_activations_to_dlpack`. Then `memory_limit` does not count, and `folder` must be NULL. Who reads such rows
    /// on the host copies them. On the CPU it changes nothing.
    pub keep_on_device: u32,
    /// 1 gives no row to units that are nothing but punctuation: characters of Unicode's categories P, and those of ASCII
    /// that are neither letters, digits nor white space, as BERT's tokenizer has it. For tokens, words and sentences only.
    pub stop_punctuation: u32,
    /// 1 leaves the first position of each text out of its unit: many models give it a row of its own kind and of a huge
    /// norm, whatever stands there (an attention sink). A unit that is nothing else gets no row, and the row of a longer
    /// one is made of its other tokens. Rows of a huge norm elsewhere: `eidos_activations_without_high_norms`.
    pub skip_first_position: u32,
    /// This says what becomes of texts that are longer than what the model reads: one of `EIDOS_ON_LONG_TEXT_*`. By
    /// default they lose their end.
    pub on_long_text: u32,
}

options!(
    eidos_activations_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        granularity: EIDOS_GRANULARITY_WORD,
        aggregation: EIDOS_AGGREGATION_MEAN,
        threads: 0,
        batch_tokens: 512,
        memory_limit: 4 << 30,
        shard_bytes: 256 << 20,
        folder: Text::NULL,
        word_rule: EIDOS_WORD_RULE_AUTO,
        stop_contractions: 0,
        stop_units: Array::NULL,
        stop_unit_count: 0,
        device_batch_tokens: 16384,
        keep_on_device: 0,
        stop_punctuation: 0,
        skip_first_position: 0,
        on_long_text: EIDOS_ON_LONG_TEXT_TRUNCATE,
    }
);

impl eidos_activations_options {
    pub(super) fn to_rust(self) -> Result<CollectOptions> {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let stop_units = self.stop_units.texts(self.stop_unit_count, "stop_units")?;
        Ok(CollectOptions {
            granularity: choice(self.granularity, "granularity", &GRANULARITIES)?,
            aggregation: choice(self.aggregation, "aggregation", &AGGREGATIONS)?,
            batch_tokens: size(self.batch_tokens),
            device_batch_tokens: size(self.device_batch_tokens),
            keep_on_device: self.keep_on_device != 0,
            threads: self.threads as usize,
            memory_limit: self.memory_limit,
            folder: self.folder.optional("folder")?.map(PathBuf::from),
            shard_bytes: size(self.shard_bytes),
            word_rule: choice(self.word_rule, "word_rule", &WORD_RULES)?,
            stop_units: stop_units.into_iter().map(str::to_owned).collect(),
            stop_contractions: self.stop_contractions != 0,
            stop_punctuation: self.stop_punctuation != 0,
            skip_first_position: self.skip_first_position != 0,
            on_long_text: on_long_text(self.on_long_text)?,
        })
    }
}

/// Fills the options of activations with the defaults. `size` is `sizeof(eidos_activations_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_options_init(
    options: Out<eidos_activations_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Collects the activations of inputs at each split point of a model: `out` receives one handle per split point, in
/// their order, and `out_count` is their number. A text without tokens gives no rows.
///
/// Under `interventions` the model goes on with what they make of the rows of its modules: see
/// `eidos_split_model_logits`. An intervention behind the last split point changes nothing. `interventions`, `options`,
/// `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written `out_count` times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_activations(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    interventions: Ref<eidos_interventions>,
    options: In<eidos_activations_options>,
    control: Ref<eidos_control>,
    mut out: ArrayMut<*mut eidos_activations>,
    out_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let model = &model.get()?.model;
        let outputs = checked_outputs(model, &mut out, out_count)?;
        let inputs = inputs.get()?;
        let interventions = interventions_or_none(&interventions)?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        write_all(outputs, model.activations_under(inputs, &interventions, &options, &control)?);
        Ok(())
    })
}

/// Gives the next text of a source: sets `*text` to its bytes, in UTF-8, and `*len` to how many they are, and returns
/// `EIDOS_OK`. The bytes are copied before the next call. Where `*len` is left as it was, the text ends at its first
/// NUL; where `*text` is left as it was, NULL, there are no more texts. Any other status ends the call that asks, with
/// that status; shards that the texts so far fill are written first, unless it is `EIDOS_CANCELLED`.
#[allow(non_camel_case_types)]
pub type eidos_text_callback =
    Option<unsafe extern "C" fn(text: *mut *const c_char, len: *mut usize, user_data: *mut c_void) -> eidos_status>;

/// Collects the activations of texts that come one after the other, at each split point of a model: the same bits as
/// those of `eidos_split_model_activations` for the same texts at once. `callback` is asked on the calling thread, with
/// `user_data`, and may take its time; it must not unwind. The rows of the first texts lie in shards on disk before the
/// last texts are asked for. `interventions`, `options`, `control` and `err` may be NULL.
///
/// Interventions count tokens over all texts. That rows which replace others are of another text, or too few, is said
/// when that text comes; that they are too many, or that a token was named that no text has, once there are no more
/// texts.
///
/// Memory is bounded by one shard of rows per split point, the tokens of its texts, and one copy of each different
/// string of a unit; beyond `memory_limit`, and with a `folder`, texts and units lie in files without a name.
///
/// With a `folder`, what is complete stays there after a failure of the callback, an error or a cancel: the same texts
/// into the same folder go on from there. They are asked for again from the first one on, and `EIDOS_MISMATCH` says
/// which shard is of other texts. A folder of a stream and one of texts at once do not continue one another.
///
/// # Safety
/// The pointers are valid or NULL as said; `callback` may be called with `user_data`, and what it gives is valid until
/// its next call or the end of this one; `out` can be written `out_count` times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_stream_activations(
    model: Ref<eidos_split_model>,
    callback: eidos_text_callback,
    user_data: *mut c_void,
    interventions: Ref<eidos_interventions>,
    options: In<eidos_activations_options>,
    control: Ref<eidos_control>,
    mut out: ArrayMut<*mut eidos_activations>,
    out_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let model = &model.get()?.model;
        let outputs = checked_outputs(model, &mut out, out_count)?;
        let callback = callback.ok_or_else(|| {
            Error::argument("`callback` is NULL").hint("pass a function that gives one text after the other")
        })?;
        let interventions = interventions_or_none(&interventions)?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        let mut given = 0_u64;
        let texts = iter::from_fn(|| {
            let text = next_text(callback, user_data, given).transpose();
            given += 1;
            text
        });
        write_all(outputs, model.stream_activations_under(texts.fuse(), &interventions, &options, &control)?);
        Ok(())
    })
}

/// The text that a callback gives, which gave `given` texts before.
fn next_text(
    callback: unsafe extern "C" fn(*mut *const c_char, *mut usize, *mut c_void) -> eidos_status,
    user_data: *mut c_void,
    given: u64,
) -> Result<Option<String>> {
    let (mut bytes, mut len) = (ptr::null(), usize::MAX);
    // SAFETY: the C caller promises that the callback may be called with its data during the call.
    let status = unsafe { callback(&raw mut bytes, &raw mut len, user_data) };
    if status != EIDOS_OK {
        let code = error_code(status).unwrap_or(ErrorCode::InvalidArgument);
        return Err(Error::new(code, format!("the source of texts failed after {given} texts: status {status}"))
            .hint("what is complete in a folder is kept: give the same texts again to go on from there")
            .detail("texts", given));
    }
    if bytes.is_null() {
        return Ok(None);
    }
    let name = format!("text {given}");
    // SAFETY: the C caller promises that what the callback gives is valid until it is called again.
    let text = unsafe { if len == usize::MAX { text(bytes, &name)? } else { text_of_length(bytes, len, &name)? } };
    Ok(Some(text.to_owned()))
}

/// The places of the results of a model, one for each split point.
fn checked_outputs<'a>(
    model: &SplitModel,
    out: &'a mut ArrayMut<*mut eidos_activations>,
    out_count: usize,
) -> Result<&'a mut [*mut eidos_activations]> {
    let wanted = model.split_points().len();
    if out_count != wanted {
        return Err(Error::argument(format!(
            "`out` has room for {out_count} results, but the model has {wanted} split points"
        ))
        .hint("pass an array with one place per split point"));
    }
    out.of(out_count, "out")
}

fn write_all(outputs: &mut [*mut eidos_activations], results: Vec<Activations>) {
    for (output, activations) in outputs.iter_mut().zip(results) {
        *output = eidos_activations::into_raw(activations.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_activations_options::DEFAULT.to_rust().unwrap(), CollectOptions::default());
    }
}
