//! The forward pass, written once for every architecture.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};
use crate::model::blueprint::{BlockSite, Blueprint, EmbeddingSite, HeadSite, Pooling, Site};
use crate::model::layers::{Activation, Embedding, Linear, Norm, Rotary, add, attend, multiply};
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
}

/// The layers of a model by the site they compute.
pub(crate) type Layers = HashMap<Site, Layer>;

/// The tokens of some texts as rows, one text after the other, without padding.
#[derive(Debug)]
pub(crate) struct TokenRows {
    ids: Vec<u32>,
    /// The position of each row in its text.
    positions: Vec<u32>,
    /// The rows of each text.
    texts: Vec<Range<usize>>,
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
        Self { ids, positions, texts }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

/// One run of a model over some rows.
pub(crate) struct Pass<'a, 'b> {
    /// What the model is.
    pub blueprint: &'a Blueprint,
    /// Its layers, as far as they are loaded.
    pub layers: &'a Layers,
    /// Where it computes.
    pub device: &'a Device,
    /// The tokens.
    pub rows: &'a TokenRows,
    /// Who reads the values.
    pub tap: &'a mut Tap<'b>,
}

impl Pass<'_, '_> {
    /// Runs from the ids to what the head gives, or until the tap halts it. There must be at least one row.
    pub fn run(&mut self) -> Flow<Tensor> {
        let mut stream = self.embed()?;
        let rotary = self.rotary()?;
        for index in 0..self.blueprint.blocks {
            stream = self.block(index, &stream, rotary.as_ref())?;
        }
        stream = self.step(Site::FinalNorm, stream)?;
        self.head(stream)
    }

    /// Applies the layer of a site, if the model has one there, and shows its value to the tap.
    fn step(&mut self, site: Site, rows: Tensor) -> Flow<Tensor> {
        let value = match self.layers.get(&site) {
            None => return Ok(rows),
            Some(Layer::Linear(linear)) => linear.forward(&rows)?,
            Some(Layer::Norm(norm)) => norm.forward(&rows)?,
            Some(Layer::Activation(function)) => function.forward(&rows)?,
            Some(Layer::Embedding(_)) => return Err(Error::internal("an embedding cannot read rows").into()),
        };
        self.tap.at(site, value)
    }

    /// The rows of a table at a site, if the model has one there.
    fn table(&mut self, site: EmbeddingSite, numbers: &[u32]) -> Flow<Option<Tensor>> {
        let site = Site::Embedding(site);
        match self.layers.get(&site) {
            Some(Layer::Embedding(table)) => Ok(Some(self.tap.at(site, table.forward(numbers)?)?)),
            _ => Ok(None),
        }
    }

    fn embed(&mut self) -> Flow<Tensor> {
        let rows = self.rows;
        let tokens = self.table(EmbeddingSite::Token, &rows.ids)?;
        let mut sum = tokens.ok_or_else(|| Error::internal("the model has no token embedding"))?;
        // A single text is of type 0 throughout.
        if let Some(types) = self.table(EmbeddingSite::TokenType, &vec![0; rows.len()])? {
            sum = add(&sum, &types)?;
        }
        if let Some(positions) = self.table(EmbeddingSite::Position, &rows.positions)? {
            sum = add(&sum, &positions)?;
        }
        let sum = self.step(Site::Embedding(EmbeddingSite::Norm), sum)?;
        self.tap.at(Site::Embedding(EmbeddingSite::Output), sum)
    }

    fn rotary(&mut self) -> Flow<Option<Rotary>> {
        let Some(settings) = self.blueprint.attention.rotary else { return Ok(None) };
        let width = self.blueprint.attention.head_width;
        let rotary = Rotary::new(&self.rows.positions, settings.theta, width, self.device)?;
        let site = Site::Embedding(EmbeddingSite::RotaryCosines);
        if self.tap.reads(site) {
            self.tap.at(site, rotary.cosines()?)?;
        }
        Ok(Some(rotary))
    }

    fn block(&mut self, index: usize, stream: &Tensor, rotary: Option<&Rotary>) -> Flow<Tensor> {
        let at = |site| Site::Block(index, site);
        let read = self.step(at(BlockSite::AttentionInputNorm), stream.clone())?;
        let context = self.attention(index, read, rotary)?;
        let change = self.step(at(BlockSite::AttentionProjection), context)?;
        let stream = self.step(at(BlockSite::AttentionResidualNorm), add(stream, &change)?)?;

        let read = self.step(at(BlockSite::MlpInputNorm), stream.clone())?;
        let hidden = self.mlp_hidden(index, read)?;
        let change = self.step(at(BlockSite::MlpDown), hidden)?;
        let stream = self.step(at(BlockSite::MlpResidualNorm), add(&stream, &change)?)?;
        self.tap.at(at(BlockSite::Output), stream)
    }

    fn attention(&mut self, index: usize, read: Tensor, rotary: Option<&Rotary>) -> Flow<Tensor> {
        let at = |site| Site::Block(index, site);
        let mut queries = self.step(at(BlockSite::Query), read.clone())?;
        let mut keys = self.step(at(BlockSite::Key), read.clone())?;
        let values = self.step(at(BlockSite::Value), read)?;
        if let Some(rotary) = rotary {
            queries = rotary.forward(&queries)?;
            keys = rotary.forward(&keys)?;
        }
        let context = attend(&self.blueprint.attention, &self.rows.texts, &queries, &keys, &values)?;
        self.tap.at(at(BlockSite::Context), context)
    }

    /// What the MLP's projection back to the stream reads.
    fn mlp_hidden(&mut self, index: usize, read: Tensor) -> Flow<Tensor> {
        let at = |site| Site::Block(index, site);
        let inner = self.step(at(BlockSite::MlpInner), read.clone())?;
        let gated = self.layers.contains_key(&at(BlockSite::MlpUp));
        match self.layers.get(&at(BlockSite::MlpActivation)) {
            // Nobody looks between the function and the product, so they are one loop over the values.
            Some(Layer::Activation(function)) if gated && !self.tap.reads(at(BlockSite::MlpActivation)) => {
                let up = self.step(at(BlockSite::MlpUp), read)?;
                Ok(function.gate(&inner, &up)?)
            }
            _ => {
                let activated = self.step(at(BlockSite::MlpActivation), inner)?;
                if !gated {
                    return Ok(activated);
                }
                let up = self.step(at(BlockSite::MlpUp), read)?;
                Ok(multiply(&activated, &up)?)
            }
        }
    }

    fn head(&mut self, stream: Tensor) -> Flow<Tensor> {
        let mut rows = match self.blueprint.pooling {
            Pooling::PerToken | Pooling::MeanOfLogits => stream,
            Pooling::First => self.first_rows(&stream)?,
            Pooling::Mean => self.mean_rows(&stream)?,
        };
        for site in [HeadSite::Dense, HeadSite::Activation, HeadSite::Norm, HeadSite::Logits] {
            rows = self.step(Site::Head(site), rows)?;
        }
        if self.blueprint.pooling == Pooling::MeanOfLogits {
            rows = self.mean_rows(&rows)?;
        }
        Ok(rows)
    }

    fn first_rows(&self, rows: &Tensor) -> Result<Tensor> {
        let texts = self.rows.texts.iter().filter(|text| !text.is_empty());
        let first: Vec<_> = texts.map(|text| text.start as u32).collect();
        let first = Tensor::from_slice(&first, first.len(), self.device)?;
        Ok(rows.index_select(&first, 0)?)
    }

    fn mean_rows(&self, rows: &Tensor) -> Result<Tensor> {
        let texts = self.rows.texts.iter().filter(|text| !text.is_empty());
        let means = texts.map(|text| rows.narrow(0, text.start, text.len())?.mean_keepdim(0));
        let means = means.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Tensor::cat(&means, 0)?)
    }
}
