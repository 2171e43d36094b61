//! The points of the forward pass where values exist, in the order of execution.

/// A point of the forward pass where a value exists. The order is the order of execution: an encoder ends before its
/// decoder begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Site {
    /// Before the blocks: of an encoder, where there is a decoder.
    Embedding(EmbeddingSite),
    /// In the block of that index: of an encoder, where there is a decoder.
    Block(usize, BlockSite),
    /// The norm after the last block of an encoder, which gives what the cross-attention of a decoder reads.
    EncoderNorm,
    /// Before the blocks of a decoder that reads an encoder.
    DecoderEmbedding(EmbeddingSite),
    /// In the block of a decoder with that index in the decoder.
    DecoderBlock(usize, BlockSite),
    /// The norm after the last block of all.
    FinalNorm,
    /// A projection after it, to the width of the token embedding.
    FinalProjection,
    /// After the base model.
    Head(HeadSite),
}

/// A stack of blocks with an embedding before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    /// The one that a text goes through first: all blocks, or those of an encoder.
    First,
    /// A decoder that reads an encoder.
    Decoder,
}

impl Stack {
    /// A site before its blocks.
    pub fn embedding(self, site: EmbeddingSite) -> Site {
        match self {
            Self::First => Site::Embedding(site),
            Self::Decoder => Site::DecoderEmbedding(site),
        }
    }

    /// The block of that index.
    pub fn block(self, index: usize) -> Block {
        Block { stack: self, index }
    }

    /// The index of the block after the one whose output a site is, where that is a block of this stack.
    pub fn after_output(self, site: Site) -> Option<usize> {
        match (self, site) {
            (Self::First, Site::Block(index, BlockSite::Output))
            | (Self::Decoder, Site::DecoderBlock(index, BlockSite::Output)) => Some(index + 1),
            _ => None,
        }
    }
}

/// A block of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The stack that it is in.
    pub stack: Stack,
    /// Its index there.
    pub index: usize,
}

impl Block {
    /// A site in it.
    pub fn at(self, site: BlockSite) -> Site {
        match self.stack {
            Stack::First => Site::Block(self.index, site),
            Stack::Decoder => Site::DecoderBlock(self.index, site),
        }
    }
}

/// The steps before the first block of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EmbeddingSite {
    /// The row of the token's id.
    Token,
    /// A projection of that row to the width of the model.
    TokenProjection,
    /// The row of token type 0.
    TokenType,
    /// The row of the token's position in its text.
    Position,
    /// The norm of their sum.
    Norm,
    /// What the first block reads, or the projection before it.
    Output,
    /// A projection of that to the width of the blocks.
    Projection,
    /// A second row of the token's id, with a part for each block.
    PerLayerToken,
    /// The first one projected to as many columns.
    PerLayerContext,
    /// The norm of each block's part of that.
    PerLayerContextNorm,
    /// The cosines of the rotary angles at the token's position.
    RotaryCosines,
    /// A table for the distances between tokens.
    RelativePositions,
    /// The norm of its rows.
    RelativePositionsNorm,
}

/// The steps of one block. Norms stand in three places: before a branch reads the residual stream (pre-norm), on
/// what the branch gives before it is added, and on the sum (post-norm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum BlockSite {
    /// Norm of what the attention reads.
    AttentionInputNorm,
    /// Queries, keys and values of one projection, laid out as [`FusedLayout`] says.
    QueryKeyValue,
    /// In a gated delta net, the gate of what its heads read.
    DeltaGate,
    /// How much of a difference each of its heads takes.
    DeltaRate,
    /// How much each of its heads forgets.
    DeltaDecay,
    /// Queries, all heads side by side; with a gate behind each where they are gated.
    Query,
    /// Norm of the queries: of each head, or of all of them together.
    QueryNorm,
    /// Keys, all key heads side by side.
    Key,
    /// Norm of the keys.
    KeyNorm,
    /// The table for distances, projected like keys; by the keys' own projection where a block has no other.
    PositionKey,
    /// The same, projected like queries.
    PositionQuery,
    /// Values, all key heads side by side.
    Value,
    /// Norm of the values of each head.
    ValueNorm,
    /// In a gated delta net, the short convolution of queries, keys and values.
    Convolution,
    /// The activation function's value of that.
    ConvolutionActivation,
    /// What its heads read of their states.
    DeltaRule,
    /// What a query may read in place of any key: a score for each head.
    Sinks,
    /// The weighted values of all heads, normed and gated where they are, before the output projection.
    Context,
    /// The output projection.
    AttentionProjection,
    /// Norm of the attention's output.
    AttentionOutputNorm,
    /// The attention's output plus what it read.
    AttentionResidual,
    /// Norm of that sum.
    AttentionResidualNorm,
    /// In a decoder's block, where it also reads what the encoder gave: norm of what is projected to queries.
    CrossInputNorm,
    /// Queries.
    CrossQuery,
    /// Keys, of what the encoder gave.
    CrossKey,
    /// Values, of the same.
    CrossValue,
    /// The output projection.
    CrossProjection,
    /// That plus what the norm read.
    CrossResidual,
    /// Norm of that sum.
    CrossResidualNorm,
    /// Norm of what the MLP reads.
    MlpInputNorm,
    /// Gate and factor of a gated MLP from one projection, the gate first.
    MlpGateUp,
    /// The projection that the activation function is applied to (in a gated MLP, the gate).
    MlpInner,
    /// The activation function's value.
    MlpActivation,
    /// The projection that the activation multiplies, in a gated MLP.
    MlpUp,
    /// The product of the two in a gated MLP.
    MlpProduct,
    /// The projection back to the width of the model, of an MLP that stands beside experts.
    SharedDown,
    /// Logits of the experts.
    Router,
    /// The weighted sum of the experts that each row goes through.
    Experts,
    /// The projection of a row to a number, whose sigmoid the MLP beside the experts is multiplied by.
    SharedGate,
    /// The projection back to the width of the model; the MLP's output, if it has experts.
    MlpDown,
    /// Norm of the MLP's output.
    MlpOutputNorm,
    /// Norm of the MLP's output plus what it read.
    MlpResidualNorm,
    /// Of what the MLP was added to, the gate of the block's part of the second row of a token's id.
    PerLayerGate,
    /// The activation function's value there.
    PerLayerActivation,
    /// The product of gate and part, projected to the width of the model.
    PerLayerProjection,
    /// Norm of that, before it is added.
    PerLayerNorm,
    /// All of it times a number of the block's own.
    Scalar,
    /// What the next block reads.
    Output,
}

impl BlockSite {
    /// Whether the value goes into the attention, which is the last step of a block that reads rows of other tokens.
    pub fn is_before_attention(self) -> bool {
        self <= Self::ValueNorm
    }
}

/// The steps after the base model. A head is a chain of these, with pooling before it or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HeadSite {
    /// A projection before the scores.
    Dense,
    /// Its activation function.
    Activation,
    /// Its norm.
    Norm,
    /// The scores of labels or of the vocabulary.
    Logits,
    /// What is added to them behind the last module.
    Bias,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_ordered_as_they_are_computed() {
        let [first, decoder] = [Stack::First, Stack::Decoder];
        let order = [
            first.embedding(EmbeddingSite::Token),
            first.block(0).at(BlockSite::Output),
            first.block(11).at(BlockSite::Query),
            Site::EncoderNorm,
            decoder.embedding(EmbeddingSite::Position),
            decoder.block(0).at(BlockSite::CrossKey),
            decoder.block(1).at(BlockSite::Query),
            Site::FinalNorm,
            Site::Head(HeadSite::Logits),
        ];
        assert!(order.is_sorted());
    }
}
