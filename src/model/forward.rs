//! The forward pass, written once for every architecture.

use std::collections::HashMap;
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::kernels::DeltaHeads;
use crate::model::blueprint::{
    Activation, AttentionSettings, Block, BlockSite, Blueprint, Decoder, EmbeddingSite, HeadSite, Pooling,
    RelativePositions, Residual, Site, Stack,
};
use crate::model::ops::{
    Add, AddShared, Attention, Backend, DeltaRule, Embedding, Experts, Gate, GatherColumns, Implementation, Linear,
    Mlp, Multiply, Norm, NormOfSum, Operation, Positions, Rotary, RowSelection, Scale, Shift, ShortConvolution,
    SoftCap,
};
use crate::model::same_prefix::SamePrefix;
use crate::model::tap::{Flow, Tap};

/// What computes the value at a site.
#[derive(Debug)]
pub(crate) enum Layer {
    /// A projection.
    Linear(Linear),
    /// A norm.
    Norm(Norm),
    /// A table of rows.
    Embedding(Embedding),
    /// An element-wise function.
    Activation(Activation),
    /// A number that values are multiplied by.
    Scale(Scale),
    /// A short convolution of each column, by its weight `(taps, columns)`.
    Convolution(Tensor),
    /// The gated delta rule: of each head what a logarithm of a decay is multiplied by, and what is added before that.
    DeltaRule {
        /// `(heads,)`.
        decay: Tensor,
        /// `(heads,)`.
        bias: Tensor,
    },
    /// A row that is added to every row.
    Shift(Shift),
    /// Several MLPs.
    Experts(Experts),
    /// A score for each head of an attention that takes weight from the keys.
    Sinks(Tensor),
}

impl Layer {
    /// Its projections.
    pub fn linears(&self) -> Vec<&Linear> {
        match self {
            Self::Linear(linear) => vec![linear],
            Self::Experts(experts) => experts.linears().collect(),
            _ => Vec::new(),
        }
    }
}

/// The layers of a model by the site they compute.
pub(crate) type Layers = HashMap<Site, Layer>;

/// The tokens of some texts as rows, one text after the other, without padding.
#[derive(Debug)]
pub(crate) struct TokenRows {
    ids: Vec<u32>,
    /// The position of each row in its text.
    positions: Vec<u32>,
    /// The rows of each text, where none is shared.
    texts: Arc<[Range<usize>]>,
    /// Which rows there are, where texts share some.
    shared: Option<SharedRows>,
}

/// The rows that several texts share are there once: for the first of these texts.
#[derive(Debug)]
struct SharedRows {
    /// Those that there are, of the rows of all texts.
    runs: Arc<RowSelection>,
    /// For each row of all texts, which one has its values.
    sources: Tensor,
}

impl TokenRows {
    /// Puts texts one after the other.
    pub fn new(sequences: &[&[u32]]) -> Self {
        let ids = sequences.concat();
        let positions = sequences.iter().flat_map(|ids| (0..).take(ids.len())).collect();
        let mut end = 0;
        let texts = sequences.iter().map(|ids| {
            end += ids.len();
            end - ids.len()..end
        });
        let texts = texts.collect();
        Self { ids, positions, texts, shared: None }
    }

    /// The same, where texts that begin with the same tokens share the rows of these.
    pub fn sharing(sequences: &[&[u32]], same: &SamePrefix) -> Result<Self> {
        let all = Self::new(sequences);
        let of_runs = |values: &[u32]| same.runs.iter().map(|row| values[*row as usize]).collect();
        let (ids, positions) = (of_runs(&all.ids), of_runs(&all.positions));
        let runs = RowSelection::new(&same.runs, &all.texts, &Device::Cpu)?.map(Arc::new);
        let sources = Tensor::from_slice(&same.sources, same.sources.len(), &Device::Cpu)?;
        let shared = runs.map(|runs| SharedRows { runs, sources });
        Ok(Self { ids, positions, shared, ..all })
    }

    /// The rows of each text.
    pub fn texts(&self) -> &Arc<[Range<usize>]> {
        &self.texts
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids one row later, each text with the id `start` in its first row and without its last one.
    fn shifted(&self, start: u32) -> Vec<u32> {
        let before = |(row, position): (usize, &u32)| if *position == 0 { start } else { self.ids[row - 1] };
        self.positions.iter().enumerate().map(before).collect()
    }
}

/// What the blocks of a stack know besides the stream.
struct Context {
    rotations: Vec<Rotary>,
    /// The table for distances.
    distances: Option<Tensor>,
    /// In a decoder: what the encoder gave, and what the attention to it knows of positions.
    encoded: Option<(Tensor, Arc<Positions>)>,
    /// What blocks read of a second row of each token's id, the parts of all blocks side by side.
    per_layer_inputs: Option<Tensor>,
    /// The keys and values of blocks, by their index, that later blocks read as well.
    kept: HashMap<usize, (Tensor, Tensor)>,
}

/// One run of a model over some rows.
pub(crate) struct Pass<'a, 'b> {
    /// What the model is.
    pub blueprint: &'a Blueprint,
    /// Its layers, as far as they are loaded.
    pub layers: &'a Layers,
    /// Where it computes.
    pub backend: &'a Backend,
    /// The tokens.
    pub rows: &'a TokenRows,
    /// Which implementation of its operations it runs.
    pub implementation: Implementation,
    /// On how many threads a long text is computed.
    pub threads: usize,
    /// Who reads the values.
    pub tap: &'a mut Tap<'b>,
}

impl<'a> Pass<'a, '_> {
    /// The same on so many threads, where texts are long.
    pub fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Runs from the ids to what the head gives, or until the tap halts it. There must be at least one row.
    pub fn run(&mut self) -> Flow<Tensor> {
        let mut stream = self.stack(Stack::First, &self.rows.ids, None)?;
        if let Some(decoder) = &self.blueprint.decoder {
            stream = self.decoder(decoder, stream)?;
        }
        stream = self.step(Site::FinalNorm, stream)?;
        stream = self.step(Site::FinalProjection, stream)?;
        self.head(&stream)
    }

    /// The decoder reads the text shifted by one token, and all that the encoder gave for it.
    fn decoder(&mut self, decoder: &Decoder, encoded: Tensor) -> Flow<Tensor> {
        let encoded = self.step(Site::EncoderNorm, encoded)?;
        let cross = Positions::new(&decoder.cross_attention, &self.rows.texts, None, self.backend)?;
        let ids = self.rows.shifted(decoder.start_token);
        self.stack(Stack::Decoder, &ids, Some((encoded, Arc::new(cross))))
    }

    /// Runs a stack on the ids that it reads; `encoded` is what an encoder gave, and what the attention to it knows of
    /// positions.
    fn stack(&mut self, stack: Stack, ids: &[u32], encoded: Option<(Tensor, Arc<Positions>)>) -> Flow<Tensor> {
        let replaced = self.tap.replaced_block(stack, self.blueprint)?;
        let (mut per_layer_inputs, mut embedded) = (None, None);
        if replaced.is_none() || self.blueprint.per_layer_inputs.is_some() {
            let rows = self.embed(stack, ids)?;
            per_layer_inputs = self.per_layer_inputs(stack, ids, &rows)?;
            embedded = Some((0, rows));
        }
        let start = replaced.or(embedded).ok_or_else(|| Error::internal("a stack begins with nothing"))?;
        let (first, mut stream) = start;
        let distances = self.distances(stack)?;
        let attention = self.attention_positions(stack, distances.as_ref())?;
        let rotations = self.rotations(stack)?;
        let mut context = Context { rotations, distances, encoded, per_layer_inputs, kept: HashMap::new() };
        let selection = self.tap.rows().map(Arc::clone);
        // A number in every case: what a compiler compares before it knows whether there is one is an error to valgrind.
        let of_all_rows = self.tap.blocks_of_all_rows(stack, self.blueprint).unwrap_or(usize::MAX);
        if let (0, Some(rows)) = (of_all_rows, &selection) {
            stream = rows.select(&stream)?;
        }
        for (index, positions) in attention.iter().enumerate().skip(first) {
            let rows = selection.as_ref().filter(|_| of_all_rows == index + 1);
            stream = self.block(stack.block(index), &stream, (positions, rows), &mut context)?;
        }
        Ok(stream)
    }

    /// What the attention of each block of a stack knows of positions, `table` being the stack's table for distances.
    pub fn attention_positions(&self, stack: Stack, table: Option<&Tensor>) -> Result<Vec<Arc<Positions>>> {
        let blocks = self.blueprint.attention(stack);
        let mut all: Vec<Arc<Positions>> = Vec::with_capacity(blocks.len());
        for settings in blocks {
            let known = all.iter().find(|known| known.settings() == settings).map(Arc::clone);
            let known =
                known.map_or_else(|| Positions::new(settings, &self.rows.texts, table, self.backend).map(Arc::new), Ok);
            all.push(known?);
        }
        Ok(all)
    }

    /// Applies an operation to one tensor.
    fn unary<O: Operation<1> + Clone + 'static>(&self, operation: &O, rows: &Tensor) -> Result<Tensor> {
        self.implementation.unary_on(self.threads, operation, rows)
    }

    /// `left + right`.
    fn add(&self, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        self.implementation.binary_on(self.threads, &Add, left, right)
    }

    /// Rows times a factor, which is 1 in most models.
    fn scaled(&self, rows: Tensor, factor: f32) -> Result<Tensor> {
        Scale::apply(factor, rows, self.implementation)
    }

    /// What computes the value at a site.
    fn layer(&self, site: Site) -> Option<&'a Layer> {
        self.layers.get(&self.blueprint.layer_site(site))
    }

    /// Applies the layer of a site, if the model has one there, and shows its value to the tap.
    fn step(&mut self, site: Site, rows: Tensor) -> Flow<Tensor> {
        let value = match self.layer(site) {
            None => return Ok(rows),
            Some(Layer::Linear(linear)) => {
                #[cfg(test)]
                self.tap.projected.push((site, rows.dim(0)?));
                self.unary(linear, &rows)?
            }
            Some(Layer::Norm(norm)) => self.unary(norm, &rows)?,
            Some(Layer::Activation(function)) => self.unary(function, &rows)?,
            Some(Layer::Scale(scale)) => self.scaled(rows, scale.0)?,
            Some(Layer::Convolution(weight)) => self.unary(&ShortConvolution::new(weight, &self.rows.texts), &rows)?,
            Some(Layer::Shift(shift)) => self.unary(shift, &rows)?,
            Some(Layer::Embedding(_) | Layer::Experts(_) | Layer::Sinks(_) | Layer::DeltaRule { .. }) => {
                return Err(Error::internal("a layer reads something else than rows").into());
            }
        };
        self.tap.at(site, value)
    }

    /// The rows of a table at a site, if the model has one there.
    fn table(&mut self, site: Site, numbers: &[u32]) -> Flow<Option<Tensor>> {
        match self.layer(site) {
            Some(Layer::Embedding(table)) => {
                let rows = self.implementation.begin(table.forward(numbers)?)?;
                Ok(Some(self.tap.at(site, rows)?))
            }
            _ => Ok(None),
        }
    }

    fn embed(&mut self, stack: Stack, ids: &[u32]) -> Flow<Tensor> {
        let at = |site| stack.embedding(site);
        let tokens = self.table(at(EmbeddingSite::Token), ids)?;
        let tokens = tokens.ok_or_else(|| Error::internal("the model has no token embedding"))?;
        let tokens = self.scaled(tokens, self.blueprint.scales.tokens)?;
        let mut sum = self.step(at(EmbeddingSite::TokenProjection), tokens)?;
        // A single text is of type 0 throughout.
        if let Some(types) = self.table(at(EmbeddingSite::TokenType), &vec![0; ids.len()])? {
            sum = self.add(&sum, &types)?;
        }
        let positions = self.positions(ids);
        if let Some(positions) = self.table(at(EmbeddingSite::Position), &positions)? {
            sum = self.add(&sum, &positions)?;
        }
        let sum = self.step(at(EmbeddingSite::Norm), sum)?;
        let sum = self.scaled(sum, self.blueprint.scales.embedding)?;
        let output = self.tap.at(at(EmbeddingSite::Output), sum)?;
        self.step(at(EmbeddingSite::Projection), output)
    }

    /// What blocks read of a second row of each token's id, and of what its first row is projected to; nothing where the
    /// model has no such rows.
    fn per_layer_inputs(&mut self, stack: Stack, ids: &[u32], embedded: &Tensor) -> Flow<Option<Tensor>> {
        let at = |site| stack.embedding(site);
        let Some(settings) = self.blueprint.per_layer_inputs else { return Ok(None) };
        let Some(rows) = self.table(at(EmbeddingSite::PerLayerToken), ids)? else { return Ok(None) };
        let context = self.step(at(EmbeddingSite::PerLayerContext), embedded.clone())?;
        let context = self.scaled(context, settings.context)?;
        let context = self.step(at(EmbeddingSite::PerLayerContextNorm), context)?;
        let sum = self.add(&context, &rows)?;
        Ok(Some(self.scaled(sum, settings.sum)?))
    }

    /// The number of each row in the table of positions.
    fn positions(&self, ids: &[u32]) -> Vec<u32> {
        let first = self.blueprint.first_position as u32;
        let Some(padding) = self.blueprint.padding_idx else {
            return self.rows.positions.iter().map(|position| position + first).collect();
        };
        let mut positions = Vec::with_capacity(ids.len());
        for text in &*self.rows.texts {
            let mut next = first;
            positions.extend(ids[text.clone()].iter().map(|id| {
                let counts = u32::from(*id != padding);
                next += counts;
                if counts == 1 { next - 1 } else { first.saturating_sub(1) }
            }));
        }
        positions
    }

    fn rotations(&mut self, stack: Stack) -> Flow<Vec<Rotary>> {
        let rotations = self.blueprint.rotations.iter();
        let rotations = rotations.map(|settings| {
            let rotary = Rotary::new(&self.rows.texts, settings, &self.backend.device)?;
            self.rows.shared.as_ref().map_or(Ok(rotary.clone()), |shared| rotary.select(&shared.runs))
        });
        let rotations = rotations.collect::<Result<Vec<_>>>()?;
        let site = stack.embedding(EmbeddingSite::RotaryCosines);
        if let (true, Some(rotary)) = (self.tap.touches(site), rotations.first()) {
            self.tap.at(site, rotary.cosines()?)?;
        }
        Ok(rotations)
    }

    /// The table of a stack for distances, if it has one: normed, but not yet projected.
    fn distances(&self, stack: Stack) -> Result<Option<Tensor>> {
        let at = |site| self.layer(stack.embedding(site));
        let Some(Layer::Embedding(table)) = at(EmbeddingSite::RelativePositions) else { return Ok(None) };
        let rows = self.implementation.begin(table.rows()?)?;
        Ok(Some(match at(EmbeddingSite::RelativePositionsNorm) {
            Some(Layer::Norm(norm)) => self.unary(norm, &rows)?,
            _ => rows,
        }))
    }

    /// The attention of a block: with its projections of the table for distances, where contents are compared with
    /// these.
    fn attention_of(&self, block: Block, positions: &Arc<Positions>, context: &Context) -> Result<Attention> {
        let (Some(RelativePositions::Disentangled(settings)), Some(table)) =
            (&positions.settings().relative, &context.distances)
        else {
            return Ok(match self.layer(block.at(BlockSite::Sinks)) {
                Some(Layer::Sinks(sinks)) => Attention::new(positions).with_sinks(sinks),
                _ => Attention::new(positions),
            });
        };
        let project = |wanted: bool, own, other| {
            let at = |site| self.layer(block.at(site));
            match at(own).or_else(|| at(other)) {
                Some(Layer::Linear(linear)) if wanted => self.unary(linear, table).map(Some),
                _ => Ok(None),
            }
        };
        let keys = project(settings.content_to_position, BlockSite::PositionKey, BlockSite::Key)?;
        let queries = project(settings.position_to_content, BlockSite::PositionQuery, BlockSite::Query)?;
        Ok(Attention::disentangled(positions, keys, queries))
    }

    /// Runs a block. Where some rows alone are given, what follows its attention is computed for these.
    fn block(
        &mut self,
        block: Block,
        stream: &Tensor,
        (positions, rows): (&Arc<Positions>, Option<&Arc<RowSelection>>),
        context: &mut Context,
    ) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let residual = self.blueprint.scales.residual;
        let read = self.step(at(BlockSite::AttentionInputNorm), stream.clone())?;
        let heads = match self.blueprint.delta_net(block) {
            Some(heads) => self.delta_net(block, heads, &read, rows)?,
            None => self.attention(block, &read, (positions, rows), context)?,
        };
        let stream = &selected(rows, stream)?;
        let change = self.step(at(BlockSite::AttentionProjection), heads)?;
        let change = self.step(at(BlockSite::AttentionOutputNorm), change)?;
        let change = self.scaled(change, residual)?;

        let stream = match self.blueprint.residual {
            Residual::Sequential => {
                let mut stream = if self.tap.touches(at(BlockSite::AttentionResidual)) {
                    let sum = self.add(stream, &change)?;
                    let sum = self.tap.at(at(BlockSite::AttentionResidual), sum)?;
                    self.step(at(BlockSite::AttentionResidualNorm), sum)?
                } else {
                    self.norm_of_sum(at(BlockSite::AttentionResidualNorm), stream, &change)?
                };
                if let Some((encoded, positions)) = &context.encoded {
                    stream = self.cross_attention(block, &stream, encoded, (positions, rows))?;
                }
                let change = self.mlp(block, stream.clone())?;
                let change = self.scaled(change, residual)?;
                self.norm_of_sum(at(BlockSite::MlpResidualNorm), &stream, &change)?
            }
            Residual::Parallel => {
                let own_norm = self.layer(at(BlockSite::MlpInputNorm)).is_some();
                let read = if own_norm { stream.clone() } else { selected(rows, &read)? };
                let other = self.mlp(block, read)?;
                let other = self.scaled(other, residual)?;
                self.norm_of_sum(at(BlockSite::MlpResidualNorm), &self.add(&other, &change)?, stream)?
            }
        };
        let stream = match &context.per_layer_inputs {
            Some(inputs) => self.per_layer_input(block, &stream, &selected(rows, inputs)?)?,
            None => stream,
        };
        let stream = self.step(at(BlockSite::Scalar), stream)?;
        self.tap.at(at(BlockSite::Output), stream)
    }

    /// The sum of two tensors, which nobody looks at, and its norm at a site, if the model has one there.
    fn norm_of_sum(&mut self, site: Site, left: &Tensor, right: &Tensor) -> Flow<Tensor> {
        match self.layer(site) {
            Some(Layer::Norm(norm)) if self.fuses(&[left, right]) => {
                let norm = NormOfSum(norm.clone());
                let value = self.implementation.binary_on(self.threads, &norm, left, right)?;
                self.tap.at(site, value)
            }
            _ => {
                let sum = self.add(left, right)?;
                self.step(site, sum)
            }
        }
    }

    /// Whether steps between which nobody looks run as one, which is for kernels on the CPU, where no gradient is wanted.
    fn fuses(&self, inputs: &[&Tensor]) -> bool {
        let is_here = |input: &&Tensor| input.device().is_cpu() && !input.track_op();
        matches!(self.implementation, Implementation::Kernels(_)) && inputs.iter().all(is_here)
    }

    /// The stream with what a block makes of its part of the second rows of ids.
    fn per_layer_input(&mut self, block: Block, stream: &Tensor, inputs: &Tensor) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let width = self.blueprint.per_layer_inputs.map_or(0, |settings| settings.width);
        let part = block.index * width..(block.index + 1) * width;
        let part = self.unary(&GatherColumns(iter::once(part).collect()), inputs)?;
        let gate = self.step(at(BlockSite::PerLayerGate), stream.clone())?;
        let gate = self.step(at(BlockSite::PerLayerActivation), gate)?;
        let product = self.implementation.binary_on(self.threads, &Multiply, &gate, &part)?;
        let change = self.step(at(BlockSite::PerLayerProjection), product)?;
        let change = self.step(at(BlockSite::PerLayerNorm), change)?;
        Ok(self.add(stream, &change)?)
    }

    fn attention(
        &mut self,
        block: Block,
        read: &Tensor,
        (positions, rows): (&Arc<Positions>, Option<&Arc<RowSelection>>),
        context: &mut Context,
    ) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let settings: &AttentionSettings = positions.settings();
        let [queries, keys, values] = match settings.fused {
            Some(layout) => {
                let all = self.step(at(BlockSite::QueryKeyValue), read.clone())?;
                let [queries, keys, values] = settings.columns(layout).map(GatherColumns);
                [self.unary(&queries, &selected(rows, &all)?)?, self.unary(&keys, &all)?, self.unary(&values, &all)?]
            }
            None => [selected(rows, read)?, read.clone(), read.clone()],
        };
        let queries = self.step(at(BlockSite::Query), queries)?;
        let (queries, gate) = if settings.gated {
            let [queries_of, gates_of] = settings.columns_of_gated().map(GatherColumns);
            (self.unary(&queries_of, &queries)?, Some(self.unary(&gates_of, &queries)?))
        } else {
            (queries, None)
        };
        let mut queries = self.step(at(BlockSite::QueryNorm), queries)?;
        let rotary = settings.rotary.and_then(|rotary| context.rotations.get(rotary)).cloned();
        let from = self.blueprint.keys_from(block);
        let (keys, values) = match from {
            Some(source) => {
                let kept = context.kept.get(&source).cloned();
                kept.ok_or_else(|| Error::internal("a block reads the keys of one that did not run"))?
            }
            None => self.keys_and_values(block, settings, [keys, values], rotary.as_ref())?,
        };
        if self.blueprint.keys_from.contains(&Some(block.index)) {
            context.kept.insert(block.index, (keys.clone(), values.clone()));
        }
        if let Some(rotary) = rotary {
            let rotary = rows.map(|rows| rotary.select(rows)).transpose()?.unwrap_or(rotary);
            queries = self.unary(&rotary.heads(settings.head_width), &queries)?;
        }
        let queries_of = rows.or(self.rows.shared.as_ref().map(|shared| &shared.runs));
        let attention = self.attention_of(block, positions, context)?.of_rows(queries_of).on_threads(self.threads);
        let mut heads = self.implementation.ternary(&attention, [&queries, &keys, &values])?;
        if let Some(gate) = gate {
            heads = self.implementation.binary_on(self.threads, &Gate(Activation::Logistic), &gate, &heads)?;
        }
        self.tap.at(at(BlockSite::Context), heads)
    }

    /// What the heads of a gated delta net read, normed and gated: for all rows, or for those that are given. The rows before
    /// them count in any case.
    fn delta_net(
        &mut self,
        block: Block,
        heads: DeltaHeads,
        read: &Tensor,
        rows: Option<&Arc<RowSelection>>,
    ) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let mixed = self.step(at(BlockSite::QueryKeyValue), read.clone())?;
        let gate = self.step(at(BlockSite::DeltaGate), selected(rows, read)?)?;
        let rates = self.step(at(BlockSite::DeltaRate), read.clone())?;
        let decays = self.step(at(BlockSite::DeltaDecay), read.clone())?;
        let mixed = self.step(at(BlockSite::Convolution), mixed)?;
        let mixed = self.step(at(BlockSite::ConvolutionActivation), mixed)?;
        let Some(Layer::DeltaRule { decay, bias }) = self.layer(at(BlockSite::DeltaRule)) else {
            return Err(Error::internal("a gated delta net without its decays").into());
        };
        let rule = DeltaRule::new(heads, [decay, bias], &self.rows.texts).on_threads(self.threads);
        let values = self.implementation.ternary(&rule, [&mixed, &rates, &decays])?;
        let mut values = selected(rows, &values)?;
        if let Some(Layer::Norm(norm)) = self.layer(at(BlockSite::Context)) {
            values = self.unary(norm, &values)?;
        }
        let gated = self.implementation.binary_on(self.threads, &Gate(Activation::Silu), &gate, &values)?;
        self.tap.at(at(BlockSite::Context), gated)
    }

    /// The keys and values of a block, from what is projected to them.
    fn keys_and_values(
        &mut self,
        block: Block,
        settings: &AttentionSettings,
        [keys, values]: [Tensor; 2],
        rotary: Option<&Rotary>,
    ) -> Flow<(Tensor, Tensor)> {
        let at = |site| block.at(site);
        let keys = self.step(at(BlockSite::Key), keys)?;
        let values = if settings.values_are_keys { keys.clone() } else { values };
        let mut keys = self.step(at(BlockSite::KeyNorm), keys)?;
        let values = self.step(at(BlockSite::Value), values)?;
        let values = self.step(at(BlockSite::ValueNorm), values)?;
        if let Some(rotary) = rotary {
            keys = self.unary(&rotary.heads(settings.head_width), &keys)?;
        }
        Ok(match &self.rows.shared {
            // Each text reads a row of its own of what it shares.
            Some(shared) => (keys.index_select(&shared.sources, 0)?, values.index_select(&shared.sources, 0)?),
            None => (keys, values),
        })
    }

    /// Each token of the decoder reads all tokens of its text as the encoder gave them.
    fn cross_attention(
        &mut self,
        block: Block,
        stream: &Tensor,
        encoded: &Tensor,
        (positions, rows): (&Arc<Positions>, Option<&Arc<RowSelection>>),
    ) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let read = self.step(at(BlockSite::CrossInputNorm), stream.clone())?;
        let queries = self.step(at(BlockSite::CrossQuery), read)?;
        let keys = self.step(at(BlockSite::CrossKey), encoded.clone())?;
        let values = self.step(at(BlockSite::CrossValue), encoded.clone())?;
        let attention = Attention::new(positions).of_rows(rows).on_threads(self.threads);
        let heads = self.implementation.ternary(&attention, [&queries, &keys, &values])?;
        let change = self.step(at(BlockSite::CrossProjection), heads)?;
        let sum = self.add(stream, &change)?;
        let sum = self.tap.at(at(BlockSite::CrossResidual), sum)?;
        self.step(at(BlockSite::CrossResidualNorm), sum)
    }

    fn mlp(&mut self, block: Block, read: Tensor) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let read = self.step(at(BlockSite::MlpInputNorm), read)?;
        // Of the last block only what is at or before the split point is loaded: the MLP beside the experts comes first.
        let of_experts = [BlockSite::SharedDown, BlockSite::Router, BlockSite::Experts];
        let change = if of_experts.into_iter().any(|site| self.layer(at(site)).is_some()) {
            self.experts(block, read)?
        } else if let Some(mlp) = self.fused_mlp(block, &read) {
            let change = self.unary(&mlp, &read)?;
            self.tap.at(at(BlockSite::MlpDown), change)?
        } else {
            let hidden = self.mlp_hidden(block, read)?;
            self.step(at(BlockSite::MlpDown), hidden)?
        };
        self.step(at(BlockSite::MlpOutputNorm), change)
    }

    /// The MLP of a block as one step, where nobody looks at its inner values and it is faster so.
    fn fused_mlp(&mut self, block: Block, read: &Tensor) -> Option<Mlp> {
        let at = |site| block.at(site);
        let inner = [BlockSite::MlpInner, BlockSite::MlpActivation, BlockSite::MlpUp, BlockSite::MlpProduct];
        if !self.fuses(&[read]) || inner.into_iter().any(|site| self.tap.touches(at(site))) {
            return None;
        }
        let linear = |site| match self.layer(at(site)) {
            Some(Layer::Linear(linear)) => Some(linear),
            _ => None,
        };
        let Some(Layer::Activation(function)) = self.layer(at(BlockSite::MlpActivation)) else { return None };
        let up = linear(BlockSite::MlpUp);
        let mlp = Mlp::new(linear(BlockSite::MlpInner)?, *function, up, linear(BlockSite::MlpDown)?)?;
        #[cfg(test)]
        for site in [BlockSite::MlpInner, BlockSite::MlpUp, BlockSite::MlpDown] {
            if self.layer(at(site)).is_some() {
                self.tap.projected.push((at(site), read.dims()[0]));
            }
        }
        Some(mlp)
    }

    /// An MLP of several experts, and perhaps one beside them that all rows go through.
    fn experts(&mut self, block: Block, read: Tensor) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let shared = match self.layer(at(BlockSite::SharedDown)) {
            Some(_) => {
                let hidden = self.mlp_hidden(block, read.clone())?;
                Some(self.step(at(BlockSite::SharedDown), hidden)?)
            }
            None => None,
        };
        let scores = self.step(at(BlockSite::Router), read.clone())?;
        let Some(Layer::Experts(experts)) = self.layer(at(BlockSite::Experts)) else {
            return Err(Error::internal("a router without experts").into());
        };
        #[cfg(test)]
        self.tap.projected.push((at(BlockSite::Experts), read.dim(0)?));
        let sum = self.implementation.binary_on(self.threads, experts, &read, &scores)?;
        let mut sum = self.tap.at(at(BlockSite::Experts), sum)?;
        if let Some(shared) = shared {
            let gate = self.step(at(BlockSite::SharedGate), read)?;
            sum = self.implementation.ternary(&AddShared, [&sum, &gate, &shared])?;
        }
        self.tap.at(at(BlockSite::MlpDown), sum)
    }

    /// What the MLP's projection back to the stream reads.
    fn mlp_hidden(&mut self, block: Block, read: Tensor) -> Flow<Tensor> {
        let at = |site| block.at(site);
        let (gate, up) = if self.layer(at(BlockSite::MlpGateUp)).is_some() {
            let both = self.step(at(BlockSite::MlpGateUp), read)?;
            let half = self.blueprint.inner_width;
            let part = |columns| self.unary(&GatherColumns(iter::once(columns).collect()), &both);
            (part(0..half)?, Some(part(half..2 * half)?))
        } else {
            let gated = self.layer(at(BlockSite::MlpUp)).is_some();
            (self.step(at(BlockSite::MlpInner), read.clone())?, gated.then_some(read))
        };
        let Some(up) = up else { return self.step(at(BlockSite::MlpActivation), gate) };
        match self.layer(at(BlockSite::MlpActivation)) {
            // Nobody looks between the function and the product, so they are one loop over the values.
            Some(Layer::Activation(function)) if !self.tap.touches(at(BlockSite::MlpActivation)) => {
                let up = self.step(at(BlockSite::MlpUp), up)?;
                let product = self.implementation.binary_on(self.threads, &Gate(*function), &gate, &up)?;
                self.tap.at(at(BlockSite::MlpProduct), product)
            }
            _ => {
                let activated = self.step(at(BlockSite::MlpActivation), gate)?;
                let up = self.step(at(BlockSite::MlpUp), up)?;
                let product = self.implementation.binary_on(self.threads, &Multiply, &activated, &up)?;
                self.tap.at(at(BlockSite::MlpProduct), product)
            }
        }
    }

    fn head(&mut self, stream: &Tensor) -> Flow<Tensor> {
        let stream = self.scaled(stream.clone(), self.blueprint.scales.head)?;
        let mut rows = match self.blueprint.pooling {
            Pooling::PerToken | Pooling::MeanOfLogits | Pooling::LastOfLogits(_) => stream,
            Pooling::First | Pooling::LastOfToken(_) => self.pooled(stream)?,
            Pooling::Mean => self.mean_rows(&stream)?,
        };
        for site in [HeadSite::Dense, HeadSite::Activation, HeadSite::Norm, HeadSite::Logits, HeadSite::Bias] {
            rows = self.step(Site::Head(site), rows)?;
        }
        let rows = match self.blueprint.pooling {
            Pooling::MeanOfLogits => self.mean_rows(&rows)?,
            Pooling::LastOfLogits(_) => self.pooled(rows)?,
            _ => rows,
        };
        let rows = self.scaled(rows, self.blueprint.scales.logits)?;
        Ok(match self.blueprint.scales.logits_cap {
            Some(cap) => self.unary(&SoftCap(cap), &rows)?,
            None => rows,
        })
    }

    /// The number of the one row of each text that has any, which goes into the head or comes out of it; `None` where all do.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for a text without the token that the head reads.
    pub fn pooled_rows(&self) -> Result<Option<Vec<u32>>> {
        let texts = self.rows.texts.iter().filter(|text| !text.is_empty());
        let numbers = texts.map(|text| {
            let position = pooled_position(self.blueprint.pooling, &self.rows.ids[text.clone()])?;
            Ok(position.map(|position| (text.start + position) as u32))
        });
        numbers.collect()
    }

    /// The row of each text that [`Pass::pooled_rows`] names, where all rows are given.
    fn pooled(&self, rows: Tensor) -> Result<Tensor> {
        let is_pooled = rows.dim(0)? != self.rows.len();
        match self.pooled_rows()? {
            Some(numbers) if !is_pooled => {
                let numbers = Tensor::from_slice(&numbers, numbers.len(), &self.backend.device)?;
                Ok(rows.index_select(&numbers, 0)?)
            }
            _ => Ok(rows),
        }
    }

    fn mean_rows(&self, rows: &Tensor) -> Result<Tensor> {
        let texts = self.rows.texts.iter().filter(|text| !text.is_empty());
        // A sum of many numbers of a half type would lose the small ones.
        let single = match rows.dtype() {
            DType::F16 | DType::BF16 => rows.to_dtype(DType::F32)?,
            _ => rows.clone(),
        };
        let means = texts.map(|text| single.narrow(0, text.start, text.len())?.mean_keepdim(0));
        let means = means.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Tensor::cat(&means, 0)?.to_dtype(rows.dtype())?)
    }
}

/// Some rows of a tensor, or all of them.
fn selected(rows: Option<&Arc<RowSelection>>, all: &Tensor) -> Result<Tensor> {
    rows.map_or_else(|| Ok(all.clone()), |rows| rows.select(all))
}

/// The position of the one token of a text whose row goes into the head or comes out of it; `None` where all do.
fn pooled_position(pooling: Pooling, ids: &[u32]) -> Result<Option<usize>> {
    Ok(Some(match pooling {
        Pooling::PerToken | Pooling::Mean | Pooling::MeanOfLogits => return Ok(None),
        Pooling::First => 0,
        Pooling::LastOfToken(token) => ids.iter().rposition(|id| *id == token).ok_or_else(|| {
            Error::argument(format!("a text has no token of id {token}, where this classifier reads it"))
                .hint("end every text with the end-of-text token, as the model's tokenizer does")
                .detail("id", token)
        })?,
        // The first one where all are padding.
        Pooling::LastOfLogits(padding) => ids.iter().rposition(|id| Some(*id) != padding).unwrap_or(0),
    }))
}
