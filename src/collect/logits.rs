//! From texts to logits: a model runs to its head, from its start or from the rows of a module.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::activations::Run;
use super::options::CollectOptions;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;
use crate::rows::{About, Activations, Provenance, Rows, TILE_ROWS, Tile, for_each_tile};
use crate::text::{Aggregation, EncodedTexts, Granularity, StringTable, Tokenizer, UnitsBuilder};
use crate::threads::thread_count;

/// How logits are computed. Results do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogitsOptions {
    /// How many tokens one batch holds at most; a longer text is a batch of its own. 0 means as many as have 64 MiB of
    /// logits, and no more than 512.
    pub batch_tokens: usize,
    /// How many batches run at the same time on the CPU; 0 means one per core.
    pub threads: usize,
    /// The most bytes that the logits may take in memory: 4 for each token and each id of the vocabulary. Beyond it they
    /// go to temporary files without a name.
    pub memory_limit: u64,
}

impl Default for LogitsOptions {
    fn default() -> Self {
        Self { batch_tokens: 0, threads: 0, memory_limit: CollectOptions::default().memory_limit }
    }
}

/// How many bytes of logits a batch has, where the caller does not say how many tokens.
const BATCH_BYTES: usize = 64 << 20;

impl LogitsOptions {
    fn to_collect(&self, logits: usize) -> CollectOptions {
        let defaults = CollectOptions::default();
        let fitting = (BATCH_BYTES / size_of::<f32>() / logits.max(1)).clamp(1, defaults.batch_tokens);
        CollectOptions {
            granularity: Granularity::AllTokens,
            aggregation: Aggregation::First,
            batch_tokens: if self.batch_tokens == 0 { fitting } else { self.batch_tokens },
            threads: self.threads,
            memory_limit: self.memory_limit,
            ..defaults
        }
    }
}

/// Rows that stand for the output of a module.
struct Replaced<'a> {
    path: String,
    rows: &'a dyn Rows,
}

impl SplitModel {
    /// The logits of texts: what the head gives for each token, special ones included, or for each text where the model
    /// classifies texts ([`SplitModel::has_logits_per_text`]). Columns are named by [`SplitModel::logit_names`].
    ///
    /// The result is a matrix as activations are, one row per token or text with what it stands for; a text without
    /// tokens has no rows. Texts are tokenized and cut as for [`SplitModel::activations`]. The model must have been
    /// loaded with [`crate::LoadOptions::whole`].
    ///
    /// A text's logits are the same bits whatever the other texts are. Memory: 4 bytes for each token and column, or
    /// shards on disk beyond [`LogitsOptions::memory_limit`], and one batch per thread.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for no texts, and when the model has no head or was not loaded as a whole; else
    /// those of [`SplitModel::activations`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{Control, LoadOptions, LogitsOptions, SplitModel};
    /// let control = Control::new();
    /// let model = SplitModel::load("eidos:demo", &[], &LoadOptions { whole: true, ..LoadOptions::default() }, &control)?;
    /// let logits = model.logits_of_texts(&["a warm and funny film"], &LogitsOptions::default(), &control)?;
    /// assert_eq!(logits.column_count(), model.logit_count());
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn logits_of_texts(
        &self,
        texts: &[impl AsRef<str> + Sync],
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        self.check_head()?;
        self.run_texts(texts, None, options, control)
    }

    /// The logits of texts when the output of the module at `path` is `rows`: one row for each token of each text, special
    /// ones included, as [`SplitModel::activations`] gives them with [`Granularity::AllTokens`]. With those very rows, the
    /// logits are the same bits as without.
    ///
    /// Change the rows before, and see what the model makes of them: add a direction, or leave out a concept. The module
    /// need not be a split point, but the model must have been loaded with [`crate::LoadOptions::whole`].
    ///
    /// # Errors
    /// [`ErrorCode::UnknownModule`] with the nearest names; [`ErrorCode::InvalidArgument`] when there are more or fewer rows
    /// than tokens, or the columns are not the module's, or its output does not depend on the text;
    /// [`ErrorCode::InvalidData`] naming the first row that holds a number that is not finite; else those of
    /// [`SplitModel::logits_of_texts`].
    pub fn logits_of_texts_from(
        &self,
        path: &str,
        rows: &impl Rows,
        texts: &[impl AsRef<str> + Sync],
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        let (path, width, _) = self.replaceable(path)?;
        if rows.column_count() != width {
            let columns = rows.column_count();
            return Err(Error::argument(format!(
                "the rows have {columns} columns, but those of `{path}` have {width}"
            ))
            .hint("give rows of that module")
            .detail("columns", columns)
            .detail("width", width));
        }
        check_finite(rows, &path, control)?;
        self.run_texts(texts, Some(&Replaced { path, rows }), options, control)
    }

    /// The logits of texts when the output of the module at `path` is `activations`, as [`SplitModel::logits_of_texts_from`]
    /// gives them. Activations that know where they come from must be those of that module for these texts, one row for
    /// each token; of rows that a caller brought only the shape is known. Rows on disk are read batch by batch.
    ///
    /// To put in the rows of another module or of other texts on purpose, bring them as rows of your own.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] when the activations are of other units, of another module or of other texts; else those
    /// of [`SplitModel::logits_of_texts_from`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{CollectOptions, Control, Granularity, LoadOptions, LogitsOptions, SplitModel};
    /// let (control, texts) = (Control::new(), ["a warm and funny film"]);
    /// let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    /// let model = SplitModel::load("eidos:demo", &["1"], &whole, &control)?;
    /// let every_token = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    /// let rows = &model.activations(&texts, &every_token, &control)?[0];
    /// let options = LogitsOptions::default();
    /// let logits = model.logits_of_texts_from_activations("1", rows, &texts, &options, &control)?;
    /// assert_eq!(logits.rows(0, 1)?, model.logits_of_texts(&texts, &options, &control)?.rows(0, 1)?);
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn logits_of_texts_from_activations(
        &self,
        path: &str,
        activations: &Activations,
        texts: &[impl AsRef<str> + Sync],
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        self.check_module(path, activations)?;
        check_granularity(activations)?;
        check_texts(activations, texts)?;
        self.logits_of_texts_from(path, activations, texts, options, control)
    }

    /// Refuses activations that say that they are another module's than the one at `path`, whatever spelling either has.
    fn check_module(&self, path: &str, activations: &Activations) -> Result<()> {
        let (path, _, site) = self.replaceable(path)?;
        let Some(origin) = activations.provenance().split_point.as_deref() else { return Ok(()) };
        if self.replaceable(origin).is_ok_and(|(_, _, of_origin)| of_origin == site) {
            return Ok(());
        }
        let origin = if origin.is_empty() { "the whole model".to_owned() } else { format!("`{origin}`") };
        Err(foreign(format!("the rows for `{path}` are activations of {origin}")))
    }

    /// The logits of texts that are token ids already, as [`SplitModel::logits_of_texts`] gives them. The model reads these
    /// ids and no others: no special token is added.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] for an id that is not in the vocabulary; [`ErrorCode::InvalidArgument`] for more ids than
    /// [`SplitModel::max_positions`]; else those of [`SplitModel::logits_of_texts`].
    pub fn logits_of_token_ids(
        &self,
        sequences: &[&[u32]],
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        self.check_head()?;
        self.check_sequences(sequences)?;
        let encoded = self.tokenizer()?.encode_ids(sequences)?;
        self.run_encoded(encoded, &Arc::default(), None, options, control)
    }

    fn run_texts(
        &self,
        texts: &[impl AsRef<str> + Sync],
        replaced: Option<&Replaced<'_>>,
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        if texts.is_empty() {
            return Err(Error::argument("no texts were given").hint("give at least one text"));
        }
        let threads = thread_count(options.threads);
        let encoded = self.tokenizer()?.encode_texts(texts, Granularity::AllTokens, threads, control)?;
        if let Some(replaced) = replaced {
            check_count(replaced, &encoded)?;
        }
        let texts = Arc::new(texts.iter().map(AsRef::as_ref).collect());
        self.run_encoded(encoded, &texts, replaced, options, control)
    }

    /// `texts` are empty where there are only ids.
    fn run_encoded(
        &self,
        mut encoded: EncodedTexts,
        texts: &Arc<StringTable>,
        replaced: Option<&Replaced<'_>>,
        options: &LogitsOptions,
        control: &Control,
    ) -> Result<Activations> {
        let options = options.to_collect(self.logit_count());
        let row_per_text = self.has_logits_per_text();
        if row_per_text {
            one_unit_a_text(&mut encoded, texts, self.tokenizer()?)?;
        }
        let about = About {
            units: Some(Arc::new(std::mem::take(&mut encoded.units))),
            texts: Arc::clone(texts),
            provenance: Provenance {
                model: Some(self.name().to_owned()),
                // What the whole model gives, whose path is empty.
                split_point: Some(String::new()),
                granularity: Some(if row_per_text { Granularity::Sample } else { Granularity::AllTokens }),
                aggregation: None,
                word_rule: None,
            },
            truncated_count: encoded.truncated_count(),
            left_out_count: 0,
        };
        let forward = |batch: &[usize]| {
            let sequences: Vec<&[u32]> = batch.iter().map(|&text| encoded.ids(text)).collect();
            Ok(vec![match replaced {
                None => self.logits_together(&sequences)?,
                Some(replaced) => {
                    self.logits_together_from(&replaced.path, &replaced.of_batch(batch, &encoded)?, &sequences)?
                }
            }])
        };
        let widths = vec![self.logit_count()];
        let run = Run { model: self, encoded: &encoded, options: &options, forward: &forward, widths, row_per_text };
        let logits = run.collect(vec![about], control)?.pop();
        logits.ok_or_else(|| Error::internal("no logits were collected"))
    }
}

impl Replaced<'_> {
    /// The rows of the tokens of some texts.
    fn of_batch(&self, batch: &[usize], encoded: &EncodedTexts) -> Result<Tensor> {
        let (mut values, mut scratch) = (Vec::new(), Vec::new());
        let mut tokens = 0;
        for &text in batch {
            let count = encoded.ids(text).len();
            values.extend_from_slice(self.rows.tile(encoded.text_starts[text], count, &mut scratch)?);
            tokens += count;
        }
        Ok(Tensor::from_vec(values, (tokens, self.rows.column_count()), &Device::Cpu)?)
    }
}

fn check_granularity(activations: &Activations) -> Result<()> {
    match activations.provenance().granularity {
        None | Some(Granularity::AllTokens) => Ok(()),
        Some(granularity) => Err(Error::new(
            ErrorCode::Mismatch,
            format!(
                "the rows are of the granularity `{}`, but a model goes on from a row for each token",
                granularity.name()
            ),
        )
        .hint("collect the activations with the granularity `all_tokens`")),
    }
}

fn check_texts(activations: &Activations, texts: &[impl AsRef<str>]) -> Result<()> {
    let (known, given) = (activations.texts(), texts.len());
    if known.is_empty() {
        return Ok(());
    }
    if known.len() != given {
        let message = format!("the rows are activations of {} texts, but {given} were given", known.len());
        return Err(foreign(message).detail("texts", known.len()));
    }
    match texts.iter().zip(0..).find(|(text, index)| known.get(*index) != text.as_ref()) {
        Some((_, index)) => {
            Err(foreign(format!("the rows are activations of other texts: text {index} is another one"))
                .detail("text", index))
        }
        None => Ok(()),
    }
}

fn foreign(message: String) -> Error {
    Error::new(ErrorCode::Mismatch, message)
        .hint("give the module and the texts that they were collected from, or bring them as rows of your own")
}

fn check_count(replaced: &Replaced<'_>, encoded: &EncodedTexts) -> Result<()> {
    let (rows, tokens) = (replaced.rows.row_count(), encoded.token_count());
    if rows == tokens {
        return Ok(());
    }
    let path = &replaced.path;
    let message = format!("{rows} rows were given for `{path}`, but these texts have {tokens} tokens");
    Err(Error::argument(message)
        .hint("give one row for each token, special ones included: the granularity of all tokens")
        .detail("rows", rows)
        .detail("tokens", tokens))
}

fn check_finite(rows: &dyn Rows, path: &str, control: &Control) -> Result<()> {
    let columns = rows.column_count().max(1);
    let check = |tile: Tile<'_>, (): &mut ()| {
        let Some(place) = tile.values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let (row, column) = (tile.first + place / columns, place % columns);
        let message = format!("row {row}, column {column} of the rows for `{path}` is {}", tile.values[place]);
        Err(Error::new(ErrorCode::InvalidData, message)
            .hint("give finite numbers")
            .detail("row", row)
            .detail("column", column))
    };
    for_each_tile(rows, TILE_ROWS, 1, control, check, |_, ()| Ok(()))
}

/// Lets each text with tokens be one unit, whose row is the only one that the model gives for it. Where there are only ids,
/// its string is what they stand for.
fn one_unit_a_text(encoded: &mut EncodedTexts, texts: &StringTable, tokenizer: &Tokenizer) -> Result<()> {
    let mut units = UnitsBuilder::default();
    encoded.text_units = vec![0];
    let mut count = 0;
    for index in 0..encoded.text_count() {
        if !encoded.ids(index).is_empty() {
            let text = texts.get(index);
            let string = if texts.is_empty() {
                units.intern(&tokenizer.decode(encoded.ids(index))?)
            } else {
                units.intern(text)
            };
            units.push(index as u32, 0, text.len() as u32, string);
            count += 1;
        }
        encoded.text_units.push(count);
    }
    encoded.units = units.finish();
    encoded.positions = vec![0; count];
    encoded.unit_starts = (0..=count).collect();
    Ok(())
}
