//! What a model loses when the rows of a module are replaced by what concepts give back of them.

use serde::Serialize;

use crate::collect::{CollectOptions, InputSource, Interventions, LogitsOptions};
use crate::concepts::Explainer;
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::model::{SplitModel, Target};
use crate::rows::{Activations, Rows, TILE_ROWS, Tile, for_each_tile};
use crate::text::{Granularity, Inputs};

const FORMAT: &str = "eidos.model_metrics";
const VERSION: u32 = 1;

/// How many bytes of logits the texts of a run have, beyond one text.
const LOGIT_BYTES: usize = 64 << 20;

/// The options of metrics through the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelMetricsOptions {
    /// The right label of each text, where the model classifies texts; empty: what the model itself says without interventions.
    pub labels: Vec<u32>,
    /// How the logits are computed.
    pub logits: LogitsOptions,
}

/// A number of the model as it is, and while the rows of a module are those of something else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ablations<T> {
    /// The rows are the model's own.
    pub original: T,
    /// Every row is the mean of all rows.
    pub mean: T,
    /// Every row is zero.
    pub zero: T,
}

/// What the model gives while the rows of a module are what an explainer reconstructs of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spliced {
    /// The method that found the concepts (`ica`).
    pub method: String,
    /// How many concepts there are.
    pub concept_count: usize,
    /// The cross-entropy of what is predicted: the mean over all predictions.
    pub loss: f64,
    /// The part of the loss that zeros cost and the reconstruction does not: `(zero - loss) / (zero - original)`. 1 is nothing lost; NaN
    /// where zeros cost nothing.
    pub loss_recovered: f64,
    /// The same against the mean row in the place of zeros.
    pub loss_recovered_from_mean: f64,
    /// The divergence of Kullback and Leibler from the model's own distribution to the one with the reconstruction: the mean over all
    /// rows of logits, in nats.
    pub divergence: f64,
    /// The part of the divergence that zeros cost and the reconstruction does not.
    pub divergence_recovered: f64,
    /// The share of the rows of logits whose largest logit is the one that it was.
    pub same_prediction: f64,
    /// The norm of what the logits differ by, divided by that of the model's own; both without the mean of each row, which changes no
    /// distribution.
    pub logit_error: f64,
}

/// What a model loses through the reconstructions of explainers at one module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelMetrics {
    format: &'static str,
    version: u32,
    /// The module whose rows are replaced.
    pub split_point: String,
    /// How many texts were run.
    pub text_count: usize,
    /// How many predictions the loss is the mean of.
    pub prediction_count: usize,
    /// What is predicted: `next_token`, `token`, `label` or `own_prediction`.
    pub predicted: &'static str,
    /// The loss without an explainer.
    pub loss: Ablations<f64>,
    /// The divergence from the model as it is.
    pub divergence: Ablations<f64>,
    /// Each explainer, in the order in which they were given.
    pub explainers: Vec<Spliced>,
}

impl ModelMetrics {
    /// All of it as JSON. A number that does not exist is null.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] only.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| Error::internal(format!("cannot write metrics: {error}")))
    }
}

/// Measures what a model loses when the rows of the module `split_point`, one of its split points, are what explainers reconstruct of them.
///
/// The model runs as it is, with the reconstruction of each explainer, with zeros, and with the mean row, on a few texts at a time. A
/// causal language model predicts the next token, any other language model the token of the row itself; a classifier predicts the labels of the
/// options or, without them, what it says as it is. All rows of the module are replaced, those of special tokens as well.
///
/// Memory: the logits of some texts, 64 MiB or those of one text, for two runs at a time, and one batch per thread.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] without explainers, for a module that is no split point of the model, or labels that do not fit;
/// [`crate::ErrorCode::Mismatch`] for explainers of rows of another width; [`crate::ErrorCode::Unsupported`] for an explainer that does not reconstruct
/// the rows that it reads; those of [`SplitModel::logits_of`].
pub fn compare_through_model(
    model: &SplitModel,
    inputs: &(impl InputSource + ?Sized),
    split_point: &str,
    explainers: &[&Explainer],
    options: &ModelMetricsOptions,
    control: &Control,
) -> Result<ModelMetrics> {
    if explainers.is_empty() {
        return Err(Error::argument("there is no explainer to measure").hint("give at least one"));
    }
    let target = model.target()?;
    let place = split_point_place(model, split_point)?;
    let path = model.split_points()[place].path.clone();
    let splices = explainers
        .iter()
        .map(|explainer| {
            explainer.check_width(model.split_points()[place].width)?;
            Interventions::new().reconstruct(&path, explainer, None)
        })
        .collect::<Result<Vec<_>>>()?;
    let inputs = inputs.inputs(model, options.logits.threads, control)?;
    options.logits.on_long_text.check(inputs.truncated().first, model)?;
    check_labels(&options.labels, model, &inputs)?;
    if inputs.token_count() == 0 {
        return Err(Error::argument("there are no tokens to measure on").hint("give texts"));
    }

    let parts = Parts::of(model, &inputs);
    let mean = mean_row(model, place, &parts, options, control)?;
    let zeros = vec![0.0; mean.len()];
    let mut baselines = vec![Interventions::new().set(&path, &mean), Interventions::new().set(&path, &zeros)];
    baselines.extend(splices);
    let mut sums = vec![Sums::default(); 1 + baselines.len()];
    for part in parts.iter() {
        let run = |interventions: &Interventions| {
            model.logits_of(&part.inputs(model)?, interventions, &options.logits, &control.within())
        };
        let own = run(&Interventions::new())?;
        let wanted = part.wanted(target, &own, &options.labels)?;
        sums[0].add(&own, &own, &wanted, options.logits.threads, control)?;
        for (sums, interventions) in sums[1..].iter_mut().zip(&baselines) {
            sums.add(&own, &run(interventions)?, &wanted, options.logits.threads, control)?;
        }
        control.advance(part.tokens as u64)?;
    }
    let loss = |sums: &Sums| sums.losses / sums.predictions;
    let divergence = |sums: &Sums| sums.divergences / sums.rows;
    let ablations =
        |of: &dyn Fn(&Sums) -> f64| Ablations { original: of(&sums[0]), mean: of(&sums[1]), zero: of(&sums[2]) };
    let (losses, divergences) = (ablations(&loss), ablations(&divergence));
    let found = explainers.iter().zip(&sums[3..]).map(|(explainer, sums)| {
        let (loss, divergence) = (loss(sums), divergence(sums));
        Spliced {
            method: explainer.method().to_owned(),
            concept_count: explainer.concept_count(),
            loss,
            loss_recovered: share(losses.zero - loss, losses.zero - losses.original),
            loss_recovered_from_mean: share(losses.mean - loss, losses.mean - losses.original),
            divergence,
            divergence_recovered: share(divergences.zero - divergence, divergences.zero),
            same_prediction: sums.same / sums.rows,
            logit_error: (sums.differences / sums.squares).sqrt(),
        }
    });
    Ok(ModelMetrics {
        format: FORMAT,
        version: VERSION,
        explainers: found.collect(),
        split_point: path,
        text_count: inputs.text_count(),
        prediction_count: sums[0].predictions as usize,
        predicted: match target {
            Target::NextToken => "next_token",
            Target::Token => "token",
            Target::Label if options.labels.is_empty() => "own_prediction",
            Target::Label => "label",
        },
        loss: losses,
        divergence: divergences,
    })
}

/// A part of a whole that is not zero.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { f64::NAN } else { part / whole }
}

/// Which of the split points of a model a path names.
fn split_point_place(model: &SplitModel, path: &str) -> Result<usize> {
    let (wanted, ..) = model.editable(path)?;
    let points = model.split_points();
    points.iter().position(|point| point.path == wanted).ok_or_else(|| {
        let known: Vec<String> = points.iter().map(|point| format!("`{}`", point.path)).collect();
        Error::argument(format!("`{wanted}` is no split point of `{}`", model.name()))
            .hint(format!("load the model with it; its split points are {}", known.join(", ")))
    })
}

fn check_labels(labels: &[u32], model: &SplitModel, inputs: &Inputs) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    if !model.has_logits_per_text() {
        return Err(Error::argument("labels were given, but the model does not classify texts")
            .hint("leave them out: a language model predicts tokens, a classifier of tokens what it says itself"));
    }
    let (count, texts) = (labels.len(), inputs.text_count());
    if count != texts {
        return Err(Error::argument(format!("{count} labels were given for {texts} texts"))
            .hint("give one label for each text"));
    }
    let known = model.logit_count();
    match labels.iter().position(|&label| label as usize >= known) {
        Some(text) => Err(Error::argument(format!("text {text} has the label {}, of {known}", labels[text]))
            .hint("give the numbers of the model's labels, from 0 on")),
        None => Ok(()),
    }
}

/// The texts in parts of so many that their logits have a bounded size.
struct Parts<'a> {
    inputs: &'a Inputs,
    /// The first text of each part, and the end of the last.
    starts: Vec<usize>,
}

/// Some texts that follow one another.
struct Part<'a> {
    first: usize,
    sequences: Vec<&'a [u32]>,
    tokens: usize,
}

impl<'a> Parts<'a> {
    fn of(model: &SplitModel, inputs: &'a Inputs) -> Self {
        let per_token = if model.has_logits_per_text() { 1 } else { model.logit_count().max(1) };
        let most = (LOGIT_BYTES / size_of::<f32>() / per_token).clamp(1, 1 << 16);
        let (mut starts, mut tokens) = (vec![0], 0);
        for text in 0..inputs.text_count() {
            let length = inputs.token_ids(text).len();
            if tokens > 0 && tokens + length > most {
                starts.push(text);
                tokens = 0;
            }
            tokens += length;
        }
        starts.push(inputs.text_count());
        Self { inputs, starts }
    }

    /// The parts that have tokens; a text without any has no rows.
    fn iter(&self) -> impl Iterator<Item = Part<'a>> + '_ {
        let part = |bounds: &[usize]| {
            let sequences: Vec<&[u32]> = (bounds[0]..bounds[1]).map(|text| self.inputs.token_ids(text)).collect();
            let tokens = sequences.iter().map(|ids| ids.len()).sum();
            Part { first: bounds[0], sequences, tokens }
        };
        self.starts.windows(2).map(part).filter(|part| part.tokens > 0)
    }
}

impl Part<'_> {
    fn inputs(&self, model: &SplitModel) -> Result<Inputs> {
        model.inputs_from_token_ids(&self.sequences)
    }

    /// For each row of logits the column that should be the largest; `None` where nothing is predicted.
    fn wanted(&self, target: Target, own: &Activations, labels: &[u32]) -> Result<Vec<Option<usize>>> {
        let token = |id: u32| usize::try_from(id).ok();
        Ok(match target {
            Target::NextToken => {
                let next = |ids: &&[u32]| {
                    let next = ids.iter().skip(1).map(|&id| token(id)).chain([None]);
                    next.take(ids.len()).collect::<Vec<_>>()
                };
                self.sequences.iter().flat_map(next).collect()
            }
            Target::Token => self.sequences.iter().copied().flatten().map(|&id| token(id)).collect(),
            Target::Label if labels.is_empty() => {
                let (mut wanted, mut scratch) = (Vec::new(), Vec::new());
                for row in 0..own.row_count() {
                    wanted.push(Some(largest(Rows::tile(own, row, 1, &mut scratch)?)));
                }
                wanted
            }
            Target::Label => {
                let of = |(place, ids): (usize, &&[u32])| (!ids.is_empty()).then(|| token(labels[self.first + place]));
                self.sequences.iter().enumerate().filter_map(of).collect()
            }
        })
    }
}

/// The mean of the rows of a split point over all tokens.
fn mean_row(
    model: &SplitModel,
    place: usize,
    parts: &Parts<'_>,
    options: &ModelMetricsOptions,
    control: &Control,
) -> Result<Vec<f32>> {
    let collect = CollectOptions {
        granularity: Granularity::AllTokens,
        threads: options.logits.threads,
        memory_limit: options.logits.memory_limit,
        ..CollectOptions::default()
    };
    control.begin(Stage::Forward, 2 * parts.inputs.token_count() as u64)?;
    let (mut sums, mut count) = (vec![0.0; model.split_points()[place].width], 0.0);
    for part in parts.iter() {
        let mut found = model.activations(&part.inputs(model)?, &collect, &control.within())?;
        let rows = found.swap_remove(place);
        let add = |tile: Tile<'_>, (): &mut ()| {
            let mut sums = vec![0.0; rows.column_count()];
            for row in tile.values.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            Ok(sums)
        };
        for_each_tile(&rows, TILE_ROWS, options.logits.threads, control, add, |range, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            count += range.len() as f64;
            Ok(())
        })?;
        control.advance(part.tokens as u64)?;
    }
    Ok(sums.iter().map(|sum| (sum / count) as f32).collect())
}

/// The column of the largest of some logits; the first of several.
fn largest(logits: &[f32]) -> usize {
    let best = (0..).zip(logits).reduce(|best, next| if *next.1 > *best.1 { next } else { best });
    best.map_or(0, |(column, _)| column)
}

/// What the logits of a run add up to.
#[derive(Debug, Clone, Default)]
struct Sums {
    losses: f64,
    predictions: f64,
    divergences: f64,
    rows: f64,
    same: f64,
    /// The squares of what centred logits differ by, and of the model's own.
    differences: f64,
    squares: f64,
}

impl Sums {
    /// Adds the rows of a run beside those of the model as it is.
    fn add(
        &mut self,
        own: &Activations,
        other: &Activations,
        wanted: &[Option<usize>],
        threads: usize,
        control: &Control,
    ) -> Result<()> {
        let columns = own.column_count();
        if other.row_count() != own.row_count() || wanted.len() != own.row_count() {
            return Err(Error::internal("two runs on the same texts have different rows of logits"));
        }
        // As many rows as a batch of an interactive run has: a row can have hundreds of thousands of columns.
        let height = ((1 << 20) / columns.max(1)).clamp(1, TILE_ROWS);
        let add = |tile: Tile<'_>, scratch: &mut Vec<f32>| {
            let mut sums = Self::default();
            let count = tile.values.len() / columns;
            let others = Rows::tile(other, tile.first, count, scratch)?;
            let rows = tile.values.chunks_exact(columns).zip(others.chunks_exact(columns));
            for (row, (own, other)) in (tile.first..).zip(rows) {
                sums.add_row(own, other, wanted[row]);
            }
            Ok(sums)
        };
        for_each_tile(own, height, threads, control, add, |_, part| {
            self.losses += part.losses;
            self.predictions += part.predictions;
            self.divergences += part.divergences;
            self.rows += part.rows;
            self.same += part.same;
            self.differences += part.differences;
            self.squares += part.squares;
            Ok(())
        })
    }

    fn add_row(&mut self, own: &[f32], other: &[f32], wanted: Option<usize>) {
        let (own_total, other_total) = (log_sum_exp(own), log_sum_exp(other));
        let mean = |row: &[f32]| row.iter().map(|&value| f64::from(value)).sum::<f64>() / row.len() as f64;
        let (own_mean, other_mean) = (mean(own), mean(other));
        self.rows += 1.0;
        for (&own, &other) in own.iter().zip(other) {
            let (own, other) = (f64::from(own), f64::from(other));
            let log = own - own_total;
            self.divergences += log.exp() * (log - (other - other_total));
            self.differences += ((own - own_mean) - (other - other_mean)).powi(2);
            self.squares += (own - own_mean).powi(2);
        }
        self.same += f64::from(u8::from(largest(own) == largest(other)));
        if let Some(&value) = wanted.and_then(|column| other.get(column)) {
            self.losses += other_total - f64::from(value);
            self.predictions += 1.0;
        }
    }
}

/// The logarithm of the sum of the exponentials of some logits.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, &value| largest.max(value));
    let largest = f64::from(largest);
    largest + logits.iter().map(|&value| (f64::from(value) - largest).exp()).sum::<f64>().ln()
}
