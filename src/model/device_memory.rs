//! How much memory a model takes on a device, known before it is there.

use super::blueprint::{BlockSite, Site, Stack};
use super::forward::Layers;
use super::ops::DeltaRule;
use super::split_model::SplitModel;

/// What products work in on a device.
const WORKSPACE: usize = 64 << 20;

impl SplitModel {
    /// How many bytes of a GPU's memory the model takes at most while it collects activations in batches of `batch_tokens`
    /// tokens, whose longest text has `longest`:
    ///
    /// ```text
    /// weights       weight_bytes()
    /// workspace     64 MiB for matrix products
    /// activations   forward_device_bytes(tokens of a batch)
    /// rows          4 bytes for each token and column of each split point, for a batch that is run and three on their way
    /// ```
    ///
    /// Rows that stay on the device ([`crate::CollectOptions::keep_on_device`]) come on top: 4 bytes a row and column. On the
    /// host as much page-locked memory is taken as three batches have rows.
    pub fn device_bytes(&self, batch_tokens: usize, longest: usize) -> usize {
        let tokens = batch_tokens.max(longest);
        let columns: usize = self.split_points.iter().map(|point| point.width).sum();
        let rows = tokens.saturating_mul(columns).saturating_mul(4 * size_of::<f32>());
        let workspace = self.backend.workspace_bytes().max(WORKSPACE);
        let parts = [self.weight_bytes, workspace, self.forward_device_bytes(tokens), rows];
        parts.into_iter().fold(0, usize::saturating_add)
    }

    /// How many bytes of its device's memory the model takes while nothing runs: its weights, and what products work in.
    pub fn idle_device_bytes(&self) -> usize {
        self.weight_bytes.saturating_add(self.backend.workspace_bytes())
    }

    /// How many bytes of its device's memory a batch of so many tokens takes at most while it runs to the last split point,
    /// beside those of [`SplitModel::idle_device_bytes`]: what a block holds at the same time of the stream, of its attention or
    /// its MLP, whatever is larger, in the type of number that is computed in; what split points keep; the table of
    /// rotations.
    ///
    /// For the usual block with a gated MLP and no more than one split point these are `4 width + 3 inner width` numbers a token.
    pub fn forward_device_bytes(&self, tokens: usize) -> usize {
        let blueprint = &self.blueprint;
        let (width, (inner, experts)) = (blueprint.width, self.inner_columns());
        let attention = [Stack::First, Stack::Decoder].into_iter().flat_map(|stack| blueprint.attention(stack));
        let attention = attention.map(|settings| {
            let queries = settings.heads * settings.head_width;
            let keys = settings.key_value_heads * settings.head_width;
            let fused = if settings.fused.is_some() { 2 * keys } else { 0 };
            2 * width + 2 * queries + 2 * keys + fused
        });
        let shared = blueprint.kept_key_columns();
        // What an expert reads and gives, and what stands beside it; logits, weights and their order.
        let routed = if experts > 0 { 3 * width + 4 * experts } else { 0 };
        let mlp = 4 * width + inner * inner_parts(&self.layers) + routed;
        let delta_net = if blueprint.delta_nets.is_empty() { 0 } else { 2 * width + blueprint.delta_columns() };
        let states = blueprint.delta_nets.iter().flatten().map(|heads| DeltaRule::scratch(*heads)).max().unwrap_or(0);
        let block = attention.max().unwrap_or(0).max(mlp).max(delta_net);
        let kept: usize = self.split_points.iter().rev().skip(1).map(|point| point.width).sum();
        let inputs = 3 * blueprint.per_layer_columns();
        let rotations: usize = blueprint.rotations.iter().map(|settings| settings.rotary_dim).sum();
        let logits = if self.whole { 3 * blueprint.logits } else { 0 };
        let size = self.implementation.numbers().size_in_bytes();
        let token = (block.max(width + logits) + inputs + shared + kept) * size + rotations * size_of::<f32>();
        tokens.saturating_mul(token).saturating_add(states.saturating_mul(size_of::<f32>()))
    }
}

/// How many values of the MLP's inner width are there at the same time.
fn inner_parts(layers: &Layers) -> usize {
    let has = |wanted| layers.keys().any(|site| matches!(site, Site::Block(_, part) if *part == wanted));
    match (has(BlockSite::MlpGateUp), has(BlockSite::MlpUp) || has(BlockSite::Experts)) {
        (true, _) => 4,
        (false, true) => 3,
        (false, false) => 2,
    }
}
