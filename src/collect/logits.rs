//! From texts to logits: a model runs to its head, on its own or under interventions.

use std::sync::Arc;

use super::activations::{Collection, InputSource};
use super::interventions::Interventions;
use super::options::{CollectOptions, OnLongText};
use super::run::{Once, Run};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::model::{PassOptions, SplitModel};
use crate::rows::{About, Activations, Filters, Provenance, recorded_name};
use crate::text::{Aggregation, EncodedTexts, Granularity, Inputs, LeftOut, Tokenizer, UnitsBuilder};

/// How logits are computed. Results do not depend on it, but for what becomes of long texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogitsOptions {
    /// How many tokens one batch holds at most; a longer text is a batch of its own. 0 means as many as have 64 MiB of
    /// logits, and no more than 512; on a device as many as have 512 MiB, and no more than 16384.
    pub batch_tokens: usize,
    /// How many batches run at the same time on the CPU; 0 means one per core.
    pub threads: usize,
    /// The most bytes that the logits may take in memory: 4 for each token and each id of the vocabulary. Beyond it they
    /// go to temporary files without a name.
    pub memory_limit: u64,
    /// What becomes of texts that are longer than what the model reads.
    pub on_long_text: OnLongText,
}

impl Default for LogitsOptions {
    fn default() -> Self {
        Self {
            batch_tokens: 0,
            threads: 0,
            memory_limit: CollectOptions::default().memory_limit,
            on_long_text: OnLongText::Truncate,
        }
    }
}

/// How many bytes of logits a batch has, where the caller does not say how many tokens.
const BATCH_BYTES: usize = 64 << 20;
/// The same on a device.
const DEVICE_BATCH_BYTES: usize = 512 << 20;

impl LogitsOptions {
    fn to_collect(&self, logits: usize) -> CollectOptions {
        let defaults = CollectOptions::default();
        let tokens = |bytes: usize, most: usize| match self.batch_tokens {
            0 => (bytes / size_of::<f32>() / logits.max(1)).clamp(1, most),
            tokens => tokens,
        };
        CollectOptions {
            granularity: Granularity::AllTokens,
            aggregation: Aggregation::First,
            batch_tokens: tokens(BATCH_BYTES, defaults.batch_tokens),
            device_batch_tokens: tokens(DEVICE_BATCH_BYTES, defaults.device_batch_tokens),
            threads: self.threads,
            memory_limit: self.memory_limit,
            ..defaults
        }
    }
}

impl SplitModel {
    /// The logits of inputs: what the head gives for each token, special ones included, or for each text where the model
    /// classifies texts ([`SplitModel::has_logits_per_text`]). Columns are named by [`SplitModel::logit_names`].
    ///
    /// The result is a matrix as activations are, one row per token or text with what it stands for; a text without
    /// tokens has no rows. The model must have been loaded with [`crate::LoadOptions::whole`].
    ///
    /// Under interventions the model goes on with what they make of the rows of its modules; none of them leaves the logits as
    /// they are, nor does one that replaces rows with those that the module gives. A text's logits are the same bits whatever
    /// the other texts, the batches and the number of threads are.
    ///
    /// Memory: 4 bytes for each token and column, or shards on disk beyond [`LogitsOptions::memory_limit`], and one batch per
    /// thread. Rows on disk that replace others are read batch by batch.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for no texts, when the model has no head or was not loaded as a whole; for interventions
    /// with more or fewer rows than there are tokens, rows or directions that have not the columns of the module, a concept or a
    /// token that is not there, or a module whose output does not depend on the text; [`crate::ErrorCode::UnknownModule`] with the
    /// nearest names; [`crate::ErrorCode::InvalidData`] naming the first row that holds a number that is not finite;
    /// [`crate::ErrorCode::Mismatch`] for activations of another module, of other texts or of units that are not all tokens; else those
    /// of [`SplitModel::activations`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{CollectOptions, Control, Granularity, Interventions, LoadOptions, LogitsOptions, SplitModel};
    /// let (control, options) = (Control::new(), LogitsOptions::default());
    /// let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    /// let model = SplitModel::load("eidos:demo", &["1"], &whole, &control)?;
    /// let inputs = model.inputs(&["a warm and funny film"], 0, &control)?;
    /// let logits = model.logits_of(&inputs, &Interventions::new(), &options, &control)?;
    /// assert_eq!(logits.column_count(), model.logit_count());
    ///
    /// // The rows that the module gives change nothing; a direction that is added does.
    /// let every_token = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    /// let rows = &model.activations(&inputs, &every_token, &control)?[0];
    /// let same = Interventions::new().replace("1", rows);
    /// assert_eq!(logits.rows(0, 1)?, model.logits_of(&inputs, &same, &options, &control)?.rows(0, 1)?);
    /// let steered = same.add("1", rows.rows(0, 1)?, 2.0, None)?;
    /// assert_ne!(logits.rows(0, 1)?, model.logits_of(&inputs, &steered, &options, &control)?.rows(0, 1)?);
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn logits_of(
        &self,
        inputs: &(impl InputSource + ?Sized),
        interventions: &Interventions,
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        self.check_head()?;
        let inputs = inputs.inputs(self, options.threads, control)?;
        options.on_long_text.check(inputs.truncated().first, self)?;
        let changes = interventions.resolve(self)?;
        changes.check_inputs(&inputs, control)?;
        let tokenizer = self.tokenizer_of_ids()?;
        let mut encoded = tokenizer.cut_on(&self.workers, &inputs, Granularity::AllTokens, options.threads, control)?;
        let options = options.to_collect(self.logit_count());
        let row_per_text = self.has_logits_per_text();
        if row_per_text {
            one_unit_a_text(&mut encoded, &inputs, tokenizer)?;
        }
        let about = About {
            units: Some(Arc::new(std::mem::take(&mut encoded.units))),
            texts: inputs.texts(),
            provenance: Provenance {
                model: Some(recorded_name(self.name())),
                // What the whole model gives, whose path is empty.
                split_point: Some(String::new()),
                granularity: Some(if row_per_text { Granularity::Sample } else { Granularity::AllTokens }),
                aggregation: None,
                word_rule: None,
                filters: Filters::default(),
            },
            truncated_count: encoded.truncated_count(),
            left_out: LeftOut::default(),
        };
        // A row for each token, or for each text: all that the head gives.
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            Ok(vec![self.logits_under(&sequences, pass.threads, changes.edits(encoded, batch)?)?])
        };
        let matrices = vec![(self.logit_count(), String::new())];
        let run = Run {
            row_per_text,
            once: Once { texts: interventions.is_empty(), prefixes: false },
            ..Run::new(self, &options, &forward, matrices)
        };
        let collection = Collection { run, encoded: &encoded, changes: &changes };
        let logits = collection.collect(vec![about], control)?.pop();
        logits.ok_or_else(|| Error::internal("no logits were collected"))
    }
}

/// Lets each text with tokens be one unit, whose row is the only one that the model gives for it. Where there are only ids,
/// its string is what they stand for.
fn one_unit_a_text(encoded: &mut EncodedTexts, inputs: &Inputs, tokenizer: &Tokenizer) -> Result<()> {
    let mut units = UnitsBuilder::default();
    encoded.text_units = vec![0];
    let mut count = 0;
    for index in 0..encoded.text_count() {
        if !encoded.ids(index).is_empty() {
            let text = inputs.text(index);
            let string = match text {
                Some(text) => units.intern(text),
                None => units.intern(&tokenizer.decode(encoded.ids(index))?),
            };
            let end = if inputs.has_texts() { text.map_or(0, str::len) } else { 0 };
            units.push(index as u32, 0, end as u32, string);
            count += 1;
        }
        encoded.text_units.push(count);
    }
    encoded.units = units.finish();
    encoded.positions = vec![0; count];
    encoded.unit_starts = (0..=count).collect();
    Ok(())
}
