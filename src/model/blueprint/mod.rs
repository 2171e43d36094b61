//! What a transformer is made of, as data.
//!
//! The forward pass is one fixed sequence of [`Site`]s: points at which a value exists. A family says which
//! modules its checkpoint has, in PyTorch's order, and at which site each one's output lies. A module with weights
//! computes the value of its site; a container or a dropout is one more name of a site that another module computes.
//! So one list gives the module tree, the names of the weights, the split points and the steps of the forward
//! pass: where a family has no module at a site (no norm before the attention, no second projection in the MLP),
//! the pass has no such step.

mod activation;
mod attention;
mod experts;
mod part;
mod rotary;
mod site;

use crate::kernels::DeltaHeads;

pub(crate) use activation::Activation;
pub(crate) use attention::{Alibi, AttentionSettings, DistanceTable, FusedLayout, RelativePositions};
pub(crate) use experts::{ExpertGate, ExpertNames, ExpertSettings, FusedExperts, Routing};
pub(crate) use part::{Elsewhere, Gives, Part, Work};
pub(crate) use rotary::{RotaryScaling, RotarySettings};
pub(crate) use site::{Block, BlockSite, EmbeddingSite, HeadSite, Site, Stack};

/// How the rows of a text become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// They do not: the head works token by token.
    PerToken,
    /// The first row goes into the head.
    First,
    /// The mean of the rows goes into the head.
    Mean,
    /// The row of the last token of this id goes into the head.
    LastOfToken(u32),
    /// The head works token by token, and the result is the mean of its logits.
    MeanOfLogits,
    /// The head works token by token, and the result is that of the last token that is not the padding token, of
    /// this id if the model has one.
    LastOfLogits(Option<u32>),
}

/// How the branches of a block are added to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Residual {
    /// The MLP reads the stream that the attention was added to.
    Sequential,
    /// Both read the stream as the block found it: the MLP through a norm of its own, or else the attention's.
    Parallel,
}

/// Numbers that values are multiplied by outside of modules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scales {
    /// The rows of the tokens, before anything is added to them.
    pub tokens: f32,
    /// The whole embedding, before the first block.
    pub embedding: f32,
    /// What a branch adds to the residual stream.
    pub residual: f32,
    /// What the head reads.
    pub head: f32,
    /// The logits.
    pub logits: f32,
    /// After that, logits `l` become `cap tanh(l / cap)`.
    pub logits_cap: Option<f32>,
}

impl Default for Scales {
    fn default() -> Self {
        Self { tokens: 1.0, embedding: 1.0, residual: 1.0, head: 1.0, logits: 1.0, logits_cap: None }
    }
}

/// A second row of each token's id, of which each block reads a part ("per-layer embeddings" of Gemma 3n and 4).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PerLayerInputs {
    /// Columns of a block's part.
    pub width: usize,
    /// What the first row's projection is multiplied by.
    pub context: f32,
    /// What the sum of both is multiplied by.
    pub sum: f32,
}

/// A decoder that reads the text once more, shifted by one token, and what the encoder gave for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoder {
    /// The id that it reads before those of the text, the last of which it does not read.
    pub start_token: u32,
    /// The attention of each of its blocks to the tokens of the decoder.
    pub attention: Vec<AttentionSettings>,
    /// The attention of its blocks to what the encoder gave.
    pub cross_attention: AttentionSettings,
    /// The path of the list of its blocks, relative to the base model.
    pub block_list: &'static str,
    /// The field that gives it a vocabulary of its own, where the ids of a text are not its ids.
    pub own_vocabulary: Option<&'static str>,
}

/// A transformer: its sizes, the choices that are not modules, and its modules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blueprint {
    /// The `model_type` of the configuration.
    pub family: &'static str,
    /// How many ids the token embedding has.
    pub vocabulary: usize,
    /// Columns of the residual stream.
    pub width: usize,
    /// Columns between the MLP's projections.
    pub inner_width: usize,
    /// Columns of the logits; 0 without a head.
    pub logits: usize,
    /// How many blocks the first stack has.
    pub blocks: usize,
    /// The decoder that reads the first stack, which then is an encoder.
    pub decoder: Option<Decoder>,
    /// How many tokens of a text the model was made for.
    pub max_positions: usize,
    /// What the number of the first position is in the table of positions.
    pub first_position: usize,
    /// The id of the padding token where positions skip it: it has the one before the first.
    pub padding_idx: Option<u32>,
    /// Functions that PyTorch calls without a module, by the site of their value.
    pub functions: Vec<(Site, Activation)>,
    /// For each block the last one that has the same modules; empty where every block has modules of its own.
    pub shared_blocks: Vec<usize>,
    /// The attention of each block of the first stack.
    pub attention: Vec<AttentionSettings>,
    /// For each block the heads of the gated delta net that it has in the place of attention, if it has one; empty where all
    /// have attention.
    pub delta_nets: Vec<Option<DeltaHeads>>,
    /// For each block the earlier one whose keys and values it reads, if it has none of its own; empty where all have.
    pub keys_from: Vec<Option<usize>>,
    /// What each block reads of a second row of the token's id, if there is one.
    pub per_layer_inputs: Option<PerLayerInputs>,
    /// The rotations that blocks choose from.
    pub rotations: Vec<RotarySettings>,
    /// How the branches of a block are added.
    pub residual: Residual,
    /// Numbers that values are multiplied by outside of modules.
    pub scales: Scales,
    /// How the head treats the rows of a text.
    pub pooling: Pooling,
    /// The tensor that is added to the logits behind the last module of the head, where files have one.
    pub logits_bias: Option<&'static str>,
    /// What head classes call the base model (`bert`): the prefix that checkpoints have or lack.
    pub base_prefix: &'static str,
    /// Other prefixes that mean the same, of classes around the head classes.
    pub other_prefixes: Vec<String>,
    /// The path of the list of blocks, relative to the base model; of the encoder's, where there is a decoder.
    pub block_list: &'static str,
    /// The model itself: the module whose path is empty.
    pub root: Part,
}

impl Blueprint {
    /// A stack of blocks with these modules and nothing unusual: positions from 0, branches one after the other, a head
    /// that works token by token. Names and sizes are still to be filled in.
    pub fn plain(root: Part) -> Self {
        Self {
            family: "",
            vocabulary: 0,
            width: 0,
            inner_width: 0,
            logits: 0,
            blocks: 0,
            decoder: None,
            max_positions: 0,
            first_position: 0,
            padding_idx: None,
            functions: Vec::new(),
            shared_blocks: Vec::new(),
            attention: Vec::new(),
            delta_nets: Vec::new(),
            keys_from: Vec::new(),
            per_layer_inputs: None,
            rotations: Vec::new(),
            residual: Residual::Sequential,
            scales: Scales::default(),
            pooling: Pooling::PerToken,
            logits_bias: None,
            base_prefix: "",
            other_prefixes: Vec::new(),
            block_list: "",
            root,
        }
    }

    /// The attention of each block of a stack; none where the model has no such stack.
    pub fn attention(&self, stack: Stack) -> &[AttentionSettings] {
        match stack {
            Stack::First => &self.attention,
            Stack::Decoder => self.decoder.as_ref().map_or(&[], |decoder| &decoder.attention),
        }
    }

    /// The heads of the gated delta net that a block has in the place of attention.
    pub fn delta_net(&self, block: Block) -> Option<DeltaHeads> {
        if block.stack == Stack::First { self.delta_nets.get(block.index).copied().flatten() } else { None }
    }

    /// Columns of what a gated delta net holds at the same time.
    pub fn delta_columns(&self) -> usize {
        let of = |heads: &DeltaHeads| {
            let shared = 2 * heads.value_heads * heads.key_width;
            3 * heads.columns() + 4 * heads.values() + shared
        };
        self.delta_nets.iter().flatten().map(of).max().unwrap_or(0)
    }

    /// The earlier block of the first stack whose keys and values a block reads, if it has none of its own.
    pub fn keys_from(&self, block: Block) -> Option<usize> {
        if block.stack == Stack::First { self.keys_from.get(block.index).copied().flatten() } else { None }
    }

    /// Columns of what blocks read of second rows of ids, all of them together.
    pub fn per_layer_columns(&self) -> usize {
        self.per_layer_inputs.map_or(0, |inputs| inputs.width.saturating_mul(self.blocks))
    }

    /// Columns of the keys and values that stay in memory because later blocks read them as well.
    pub fn kept_key_columns(&self) -> usize {
        let read = |block: &usize| self.keys_from.contains(&Some(*block));
        let kept = (0..self.blocks).filter(read).filter_map(|block| self.attention.get(block));
        kept.map(|of| 2 * of.key_value_heads * of.head_width).fold(0, usize::saturating_add)
    }

    /// Whether the blocks of a stack from this one on need nothing of those before it but their output.
    pub fn begins_anew(&self, stack: Stack, block: usize) -> bool {
        let later = self.keys_from.iter().skip(block).flatten();
        stack != Stack::First || later.min().is_none_or(|source| *source >= block)
    }

    /// Where the layer lies that computes a site: blocks that share their modules have them at the last of these
    /// blocks.
    pub fn layer_site(&self, site: Site) -> Site {
        match site {
            Site::Block(block, site) => Site::Block(self.shared_blocks.get(block).copied().unwrap_or(block), site),
            other => other,
        }
    }

    /// The first site that the layer at `site` computes.
    pub fn first_use(&self, site: Site) -> Site {
        match site {
            Site::Block(block, site) => {
                let first = self.shared_blocks.iter().position(|shared| *shared == block);
                Site::Block(first.unwrap_or(block), site)
            }
            other => other,
        }
    }
}
