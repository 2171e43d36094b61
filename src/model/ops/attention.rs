//! Scaled dot-product attention within each text of a batch (Vaswani et al. 2017).

use std::ops::Range;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{D, Tensor};
use half::bf16;

use super::backend::Backend;
use super::operation::{Operation, Values, gradients, lend, lend_optional, like, unrounded};
use super::relative::RelativeScores;
use super::selection::RowSelection;
#[cfg(feature = "cuda")]
use crate::cuda::{self, CudaRows};
use crate::error::Result;
use crate::kernels::{self, Mask, QUERY_ROWS, Queries, Relative};
use crate::model::blueprint::{Alibi, AttentionSettings, RelativePositions};

/// What attention reads beside rows: the settings, and all that follows from the positions of some texts. It is made
/// once for a pass, for all blocks with these settings.
pub(crate) struct Positions {
    settings: AttentionSettings,
    /// The rows of each text.
    texts: Arc<[Range<usize>]>,
    /// Tokens of the longest text.
    longest: usize,
    backend: Backend,
    /// What each head adds to the scores of the key at each position, `(heads, longest)`.
    key_bias: Option<Tensor>,
    relative: Option<RelativeScores>,
    /// What the reference adds to scores so that hidden keys have no weight, `(longest, longest)`; made when it is
    /// needed.
    mask: OnceLock<Tensor>,
    /// Where the reference finds the score of a distance, as [`RelativeScores::indices`] gives it; made when it is
    /// needed.
    indices: OnceLock<Tensor>,
    /// What a CUDA device computes in which part; made when it is needed.
    #[cfg(feature = "cuda")]
    work: OnceLock<cuda::WorkList>,
    /// The row of a table for each distance, on a CUDA device; made when it is needed.
    #[cfg(feature = "cuda")]
    distance_rows: OnceLock<Tensor>,
}

impl Positions {
    /// For attention with these settings in `texts`, which are ranges of rows; `table` is the stack's table of
    /// distances.
    pub fn new(
        settings: &AttentionSettings,
        texts: &Arc<[Range<usize>]>,
        table: Option<&Tensor>,
        backend: &Backend,
    ) -> Result<Self> {
        let longest = texts.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let key_bias = settings.alibi.map(|alibi| {
            let bias = alibi.of_positions(settings.heads, longest);
            Tensor::from_vec(bias, (settings.heads, longest), &backend.device)
        });
        let relative = match (&settings.relative, table) {
            (Some(RelativePositions::Slopes), _) => {
                Some(RelativeScores::of_slopes(settings.heads, longest, &backend.device)?)
            }
            (Some(relative), Some(table)) => Some(RelativeScores::new(relative, table, longest)?),
            _ => None,
        };
        Ok(Self {
            settings: settings.clone(),
            texts: Arc::clone(texts),
            longest,
            backend: backend.clone(),
            key_bias: key_bias.transpose()?,
            relative,
            mask: OnceLock::new(),
            indices: OnceLock::new(),
            #[cfg(feature = "cuda")]
            work: OnceLock::new(),
            #[cfg(feature = "cuda")]
            distance_rows: OnceLock::new(),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &AttentionSettings {
        &self.settings
    }

    /// Runs the kernel, for the queries of all rows or of some.
    fn attend(
        &self,
        (selection, threads): (Option<&RowSelection>, usize),
        [queries, keys, values]: [&[f32]; 3],
        (key_bias, sinks): (Option<&[f32]>, Option<&[f32]>),
        relative: Relative<'_>,
    ) -> Result<Vec<f32>> {
        let settings = &self.settings;
        let attention = kernels::Attention {
            heads: settings.heads,
            key_value_heads: settings.key_value_heads,
            head_width: settings.head_width,
            scale: settings.scale,
            soft_cap: settings.soft_cap,
            mask: settings.mask(),
            longest: self.longest,
            key_bias,
            sinks,
            relative,
        };
        let queries = match selection {
            None => Queries::all(queries),
            Some(selection) => Queries::some(queries, selection.positions(), selection.texts()),
        };
        kernels::attend_on(threads, &attention, &self.texts, queries, keys, values)
    }

    /// What the reference adds to scores: 0 where a query reads a key, else minus infinity.
    fn mask(&self) -> Result<Tensor> {
        once(&self.mask, || {
            let mask = self.settings.mask();
            let row = |query| (0..self.longest).map(move |key| mask.keys(query, self.longest).contains(&key));
            let values = (0..self.longest).flat_map(row).map(|read| if read { 0.0 } else { f32::NEG_INFINITY });
            Ok(Tensor::from_iter(values, &self.backend.device)?.reshape((self.longest, self.longest))?)
        })
    }

    fn indices(&self, relative: &RelativeScores) -> Result<Tensor> {
        once(&self.indices, || {
            Ok(Tensor::from_vec(relative.indices(self.longest), (self.longest, self.longest), &self.backend.device)?)
        })
    }

    /// The parts that scores are computed in: neighbouring texts of one length together, and the queries of a long text
    /// some at a time, so that the memory of scores is bounded.
    fn parts(&self) -> Vec<Part> {
        let short = |text: &Range<usize>| text.len() <= QUERY_ROWS;
        let mask = self.settings.mask();
        let mut parts = Vec::new();
        for run in self.texts.chunk_by(|one, next| one.len() == next.len() && short(one)) {
            let (first_row, texts, length) = (run[0].start, run.len(), run[0].len());
            for first in (0..length).step_by(QUERY_ROWS) {
                let queries = first..length.min(first + QUERY_ROWS);
                let keys = if short(&run[0]) { 0..length } else { mask.keys_of(&queries, length) };
                parts.push(Part { first_row, texts, length, queries, keys });
            }
        }
        parts
    }
}

/// Some queries and all keys that they read.
struct Part {
    /// Where the first of its texts begins.
    first_row: usize,
    /// How many texts of one length; one, where the queries are not all.
    texts: usize,
    /// Tokens of each text.
    length: usize,
    /// The positions of the queries.
    queries: Range<usize>,
    /// The positions of the keys.
    keys: Range<usize>,
}

impl Part {
    /// Those rows of a tensor that are at some positions.
    fn rows(&self, rows: &Tensor, positions: &Range<usize>) -> Result<Tensor> {
        Ok(rows.narrow(0, self.first_row + positions.start, self.texts * positions.len())?)
    }

    /// Those rows of queries, keys and values that it reads.
    fn inputs(&self, [queries, keys, values]: [&Tensor; 3]) -> Result<[Tensor; 3]> {
        Ok([self.rows(queries, &self.queries)?, self.rows(keys, &self.keys)?, self.rows(values, &self.keys)?])
    }
}

/// Attention of every token, or of some, to the tokens of its own text, over queries `(rows, heads * head_width)` and keys
/// and values `(rows, key_value_heads * head_width)`. The result is as wide as the queries, and has as many rows.
#[derive(Clone)]
pub(crate) struct Attention {
    positions: Arc<Positions>,
    /// Rows for distances that queries are multiplied with, `(table rows, heads * head_width)`.
    position_keys: Option<Tensor>,
    /// Rows for distances that keys are multiplied with.
    position_queries: Option<Tensor>,
    /// A score for each head that takes weight from the keys and gives no value.
    sinks: Option<Tensor>,
    /// The rows that there are queries of; `None` for all.
    selection: Option<Arc<RowSelection>>,
    /// On how many threads the kernel runs.
    threads: usize,
}

impl Attention {
    /// Attention without rows for distances.
    pub fn new(positions: &Arc<Positions>) -> Self {
        Self {
            positions: Arc::clone(positions),
            position_keys: None,
            position_queries: None,
            sinks: None,
            selection: None,
            threads: 1,
        }
    }

    /// Attention that compares queries and keys with rows for distances.
    pub fn disentangled(positions: &Arc<Positions>, keys: Option<Tensor>, queries: Option<Tensor>) -> Self {
        Self { position_keys: keys, position_queries: queries, ..Self::new(positions) }
    }

    /// The same with a score for each head, `(heads,)`, that takes weight from the keys and gives no value (Xiao et al. 2024,
    /// "attention sinks"; learned, as in gpt-oss).
    pub fn with_sinks(self, sinks: &Tensor) -> Self {
        Self { sinks: Some(sinks.clone()), ..self }
    }

    /// The same for the queries of some rows.
    pub fn of_rows(self, selection: Option<&Arc<RowSelection>>) -> Self {
        Self { selection: selection.map(Arc::clone), ..self }
    }

    /// The same on so many threads, where that pays.
    pub fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The context of a part's queries, by its rows of queries, keys and values.
    fn part(&self, part: &Part, inputs: [&Tensor; 3]) -> Result<Tensor> {
        unrounded(inputs, |inputs| self.context(part, inputs))
    }

    fn context(&self, part: &Part, [queries, keys, values]: [&Tensor; 3]) -> Result<Tensor> {
        let positions = &*self.positions;
        let settings = &positions.settings;
        let (query_count, key_count) = (part.queries.len(), part.keys.len());
        let heads = |rows: &Tensor, count: usize, heads: usize| -> Result<Tensor> {
            let shape = (part.texts, count, heads, settings.head_width);
            let (group, width) = (settings.heads / heads, settings.head_width);
            let grouped = rows.reshape(shape)?.transpose(1, 2)?.unsqueeze(2)?;
            let grouped = grouped.expand((part.texts, heads, group, count, width))?.contiguous()?;
            Ok(grouped.reshape((part.texts, settings.heads, count, width))?)
        };
        let queries = heads(queries, query_count, settings.heads)?;
        let keys = heads(keys, key_count, settings.key_value_heads)?;
        let values = heads(values, key_count, settings.key_value_heads)?;
        let mut scores = queries.matmul(&keys.transpose(2, 3)?.contiguous()?)?;
        scores = (self.with_products(part, scores, &queries, &keys)? * f64::from(settings.scale))?;
        if let Some(cap) = settings.soft_cap {
            scores = ((scores / f64::from(cap))?.tanh()? * f64::from(cap))?;
        }
        if let Some(bias) = &positions.key_bias {
            let bias = like(&bias.narrow(1, part.keys.start, key_count)?, &scores)?;
            scores = scores.broadcast_add(&bias.reshape((1, settings.heads, 1, key_count))?)?;
        }
        let square = |all: &Tensor| -> Result<Tensor> {
            Ok(all.narrow(0, part.queries.start, query_count)?.narrow(1, part.keys.start, key_count)?)
        };
        if let Some(relative @ RelativeScores::Bias(bias)) = &positions.relative {
            let indices = square(&positions.indices(relative)?)?.flatten_all()?;
            let bias = like(&bias.index_select(&indices, 1)?, &scores)?;
            scores = scores.broadcast_add(&bias.reshape((1, settings.heads, query_count, key_count))?)?;
        }
        if settings.mask().hides() {
            scores = scores.broadcast_add(&like(&square(&positions.mask()?)?, &scores)?)?;
        }
        let weights = match &self.sinks {
            None => candle_nn::ops::softmax(&scores, D::Minus1)?,
            Some(sinks) => {
                let sinks = like(sinks, &scores)?.reshape((1, settings.heads, 1, 1))?;
                let sinks = sinks.broadcast_as((part.texts, settings.heads, query_count, 1))?;
                let all = Tensor::cat(&[&scores, &sinks.contiguous()?], D::Minus1)?;
                candle_nn::ops::softmax(&all, D::Minus1)?.narrow(D::Minus1, 0, key_count)?.contiguous()?
            }
        };
        let context = weights.matmul(&values)?.transpose(1, 2)?.contiguous()?;
        Ok(context.reshape((part.texts * query_count, settings.heads * settings.head_width))?)
    }

    /// Raw scores `(texts, heads, queries, keys)` plus the products of queries and keys `(texts, heads, rows,
    /// head_width)` with the rows for their distances.
    fn with_products(&self, part: &Part, mut scores: Tensor, queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let Some(relative @ RelativeScores::Disentangled(_)) = &self.positions.relative else { return Ok(scores) };
        let indices = self.positions.indices(relative)?;
        let indices = indices.narrow(0, part.queries.start, part.queries.len())?;
        let indices = indices.narrow(1, part.keys.start, part.keys.len())?;
        let products = |rows: &Tensor, table: &Tensor, indices: &Tensor| -> Result<Tensor> {
            let (texts, heads, _, width) = rows.dims4()?;
            let (count, (height, columns)) = (table.dim(0)?, indices.dims2()?);
            let table = like(table, rows)?.reshape((count, heads, width))?.permute((1, 2, 0))?.unsqueeze(0)?;
            let table = table.broadcast_as((texts, heads, width, count))?.contiguous()?;
            let indices = indices.reshape((1, 1, height, columns))?;
            let indices = indices.broadcast_as((texts, heads, height, columns))?.contiguous()?;
            Ok(rows.matmul(&table)?.gather(&indices, D::Minus1)?)
        };
        if let Some(table) = &self.position_keys {
            scores = (scores + products(queries, table, &indices)?)?;
        }
        if let Some(table) = &self.position_queries {
            scores = (scores + products(keys, table, &indices.t()?.contiguous()?)?.transpose(2, 3)?)?;
        }
        Ok(scores)
    }
}

impl Operation<3> for Attention {
    const NAME: &'static str = "attention";

    fn kernel(&self, [queries, keys, values]: [Values<'_>; 3]) -> Result<Vec<f32>> {
        let positions = &*self.positions;
        let inputs = [queries.values, keys.values, values.values];
        let attend = |key_bias: Option<&[f32]>, relative: Relative<'_>| {
            let rows = (self.selection.as_deref(), self.threads);
            lend_optional(self.sinks.as_ref(), |sinks| positions.attend(rows, inputs, (key_bias, sinks), relative))?
        };
        lend_optional(positions.key_bias.as_ref(), |key_bias| match &positions.relative {
            None => attend(key_bias, Relative::None),
            Some(RelativeScores::Bias(bias)) => lend(bias, |bias| attend(key_bias, Relative::Bias(bias)))?,
            Some(RelativeScores::Disentangled(rows)) => lend_optional(self.position_keys.as_ref(), |keys| {
                lend_optional(self.position_queries.as_ref(), |queries| {
                    let width = positions.settings.heads * positions.settings.head_width;
                    attend(key_bias, Relative::Disentangled { keys, queries, rows, width })
                })?
            })?,
        })?
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, inputs: [CudaRows<'_>; 3]) -> Result<Option<CudaStorage>> {
        if self.selection.is_some() || self.sinks.is_some() {
            return Ok(None);
        }
        let positions = &*self.positions;
        let (settings, backend) = (&positions.settings, &positions.backend);
        let table =
            |table: &Option<Tensor>| table.as_ref().map(|table| table.to_dtype(inputs[0].numbers())).transpose();
        let tables = [table(&self.position_keys)?, table(&self.position_queries)?];
        let (mut distance_bias, mut distance_rows) = (None, None);
        match &positions.relative {
            None => {}
            Some(RelativeScores::Bias(bias)) => distance_bias = Some(bias),
            Some(RelativeScores::Disentangled(rows)) => {
                distance_rows = Some(once(&positions.distance_rows, || {
                    Ok(Tensor::from_slice(rows, rows.len(), &backend.device)?)
                })?);
            }
        }
        let tables = distance_rows.as_ref().zip(backend.products.as_deref()).map(|(distance_rows, products)| {
            cuda::Tables { of_contents: tables.each_ref().map(Option::as_ref), distance_rows, products }
        });
        let work = once(&positions.work, || cuda::WorkList::new(&positions.texts, &backend.device))?;
        let attention = cuda::AttentionWork {
            heads: settings.heads,
            key_value_heads: settings.key_value_heads,
            head_width: settings.head_width,
            scale: settings.scale,
            soft_cap: settings.soft_cap,
            mask: settings.mask(),
            longest: positions.longest,
            work: &work,
            key_bias: positions.key_bias.as_ref(),
            distance_bias,
            tables,
        };
        cuda::attend(&attention, inputs)
    }

    fn reference(&self, inputs: [&Tensor; 3]) -> Result<Tensor> {
        if let Some(selection) = &self.selection {
            let [queries, keys, values] = inputs;
            let all = self.clone().of_rows(None).reference([&selection.expand(queries)?, keys, values])?;
            return selection.select(&all);
        }
        let contexts = self.positions.parts().into_iter().map(|part| {
            let [queries, keys, values] = part.inputs(inputs)?;
            self.part(&part, [&queries, &keys, &values])
        });
        Ok(Tensor::cat(&contexts.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// Part by part, so that the scores of one part are in memory at a time.
    fn backward(&self, inputs: [&Tensor; 3], gradient: &Tensor) -> Result<[Tensor; 3]> {
        if let Some(selection) = &self.selection {
            let (all, [queries, keys, values]) = (self.clone().of_rows(None), inputs);
            let inputs = [&selection.expand(queries)?, keys, values];
            let [queries, keys, values] = all.backward(inputs, &selection.expand(gradient)?)?;
            return Ok([selection.select(&queries)?, keys, values]);
        }
        let mut of_queries = Vec::new();
        let (mut of_keys, mut of_values) = (Vec::new(), Vec::new());
        for part in self.positions.parts() {
            let [queries, keys, values] = part.inputs(inputs)?;
            let gradient = part.rows(gradient, &part.queries)?;
            let [queries, keys, values] =
                gradients(Self::NAME, [&queries, &keys, &values], &gradient, |inputs| self.part(&part, inputs))?;
            of_queries.push(queries);
            for (sums, term) in [(&mut of_keys, keys), (&mut of_values, values)] {
                // All parts of a long text add to its keys and values.
                let rest = if part.texts == 1 { part.length - part.keys.end } else { 0 };
                let term = term.pad_with_zeros(0, part.keys.start, rest)?;
                match sums.last_mut() {
                    Some(sum) if part.queries.start > 0 => *sum = (&*sum + term)?,
                    _ => sums.push(term),
                }
            }
        }
        Ok([Tensor::cat(&of_queries, 0)?, Tensor::cat(&of_keys, 0)?, Tensor::cat(&of_values, 0)?])
    }
}

/// What a cell holds, made if nobody has made it yet.
fn once<T: Clone>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(made) = cell.get() {
        return Ok(made.clone());
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made).clone())
}

impl AttentionSettings {
    /// Which keys a query reads.
    fn mask(&self) -> Mask {
        Mask { causal: self.causal, window: self.window }
    }
}

impl Alibi {
    /// What each head adds to the scores of the keys at the positions up to `length`: `(heads, length)`.
    fn of_positions(self, heads: usize, length: usize) -> Vec<f32> {
        let bias = |slope: f32, position: usize| match self {
            Self::Exact => slope * position as f32,
            Self::Rounded(scale) => {
                bf16::from_f32(bf16::from_f32(slope).to_f32() * bf16::from_f32(position as f32).to_f32()).to_f32()
                    * scale
            }
        };
        Self::slopes(heads)
            .into_iter()
            .flat_map(|slope| (0..length).map(move |position| bias(slope, position)))
            .collect()
    }

    /// The slope of each head: a geometric sequence for a power of two, and members of a finer one for the heads beyond it.
    pub(super) fn slopes(heads: usize) -> Vec<f32> {
        let power = 1_usize << heads.ilog2();
        let base = |heads: usize| (-f64::from(2_f32.powf(3.0 - (heads as f32).log2()))).exp2() as f32;
        let slopes = (1..=power).map(|index| base(power).powf(index as f32));
        let others = (0..heads - power).map(|index| base(2 * power).powf((2 * index + 1) as f32));
        slopes.chain(others).collect()
    }
}
