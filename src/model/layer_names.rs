//! Names of layers as people and other programs write them: `-1`, `layer 2`, `blocks.5.hook_resid_post`,
//! `model.layers[5].mlp.output`. Each becomes the path of a module, or the number of a block.

use super::blueprint::{BlockSite, EmbeddingSite, Gives, Site, Stack};

/// A place of the forward pass that a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// The output of a block, counted from the last one where negative.
    Block(i64),
    /// The states of transformers: 0 is what the first block reads, and the last one comes after the last norm.
    State(i64),
    /// A site in a block: the first of these that a module gives.
    InBlock(i64, &'static [BlockSite]),
    /// What the first block reads.
    Embeddings,
    /// The output of the model before its head.
    Last,
    /// The site of a module of its own.
    At(Site),
}

/// The hooks of TransformerLens within a block.
const HOOKS: [(&str, &[BlockSite]); 8] = [
    ("hook_attn_out", &[BlockSite::AttentionOutputNorm, BlockSite::AttentionProjection]),
    ("hook_resid_mid", &[BlockSite::AttentionResidualNorm, BlockSite::AttentionResidual]),
    ("hook_mlp_out", &[BlockSite::MlpOutputNorm, BlockSite::MlpDown]),
    ("attn.hook_q", &[BlockSite::Query]),
    ("attn.hook_k", &[BlockSite::Key]),
    ("attn.hook_v", &[BlockSite::Value]),
    ("mlp.hook_pre", &[BlockSite::MlpInner]),
    ("mlp.hook_post", &[BlockSite::MlpProduct, BlockSite::MlpActivation]),
];

/// What a name means that is no path of a module; `None` where it is no such name.
pub(super) fn meant(name: &str) -> Option<Meant> {
    let name = name.trim();
    match name {
        "hook_embed" => return Some(Meant::At(Site::Embedding(EmbeddingSite::Token))),
        "hook_pos_embed" => return Some(Meant::At(Site::Embedding(EmbeddingSite::Position))),
        "embeddings" | "embedding" | "embed" => return Some(Meant::Embeddings),
        "ln_final.hook_normalized" | "last_hidden_state" => return Some(Meant::Last),
        _ => {}
    }
    if let Ok(block) = name.parse::<i64>() {
        return Some(Meant::Block(block));
    }
    // `hidden_states[0]` of transformers is what the first block reads.
    if let Some(index) = indexed(name, &["hidden_states", "hidden_state"]) {
        return match index {
            0 => Some(Meant::Embeddings),
            1.. => Some(Meant::State(index)),
            -1 => Some(Meant::Last),
            _ => Some(Meant::Block(index)),
        };
    }
    if let Some(rest) = name.strip_prefix("blocks.")
        && let Some((block, hook)) = rest.split_once('.')
        && let Ok(block) = block.parse::<i64>()
    {
        return match hook {
            "hook_resid_post" => Some(Meant::Block(block)),
            "hook_resid_pre" if block == 0 => Some(Meant::Embeddings),
            "hook_resid_pre" => Some(Meant::Block(block - 1)),
            hook => HOOKS.iter().find(|(name, _)| *name == hook).map(|(_, sites)| Meant::InBlock(block, sites)),
        };
    }
    indexed(name, &["layers", "layer", "blocks", "block", "l", "h"]).map(Meant::Block)
}

/// The number behind one of these words: `layer 2`, `layers.2`, `Layer-2`, `layer[2]`.
fn indexed(name: &str, words: &[&str]) -> Option<i64> {
    let small = name.to_ascii_lowercase();
    let rest = words.iter().find_map(|word| small.strip_prefix(word))?;
    let number = match rest.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.trim(),
        // A sign stands directly before the digits where something else separates them from the word.
        None => rest.strip_prefix([' ', '.', '_', '-', '#', ':']).unwrap_or(rest).trim_start(),
    };
    number.parse().ok()
}

/// A path as PyTorch writes it, of one with indices in brackets or the output of a module: `model.layers[5].mlp.output`.
pub(super) fn plain(path: &str) -> Option<String> {
    let mut plain = path.trim().replace('[', ".").replace(']', "");
    for end in [".output.0", ".output", ".out"] {
        if let Some(module) = plain.strip_suffix(end) {
            plain.truncate(module.len());
            break;
        }
    }
    (plain != path && !plain.is_empty()).then_some(plain)
}

/// Why a hook of TransformerLens has no module; `None` for a name that is none.
pub(super) fn why_no_module(name: &str) -> Option<&'static str> {
    let (_, hook) = name.trim().strip_prefix("blocks.")?.split_once('.')?;
    Some(match hook {
        "attn.hook_z" => "it is what the output projection of the attention reads",
        "ln1.hook_normalized" | "ln2.hook_normalized" => "it is a normed row before the learned scale of the norm",
        "hook_mlp_in" | "hook_attn_in" | "hook_q_input" | "hook_k_input" | "hook_v_input" => {
            "it is what a branch reads before its norm"
        }
        "hook_resid_mid" => "it is the sum between the attention and the MLP",
        hook if hook.contains("hook_") => "transformers computes it within a module, or not at all",
        _ => return None,
    })
}

/// The module of which the input is meant (`model.layers.5.mlp.input`).
pub(super) fn read_by(path: &str) -> Option<&str> {
    path.trim().strip_suffix(".input").filter(|module| !module.is_empty())
}

/// What is the input of a module at a site which holds others: what a norm before it gives. `None` where no norm does, or that depends
/// on the model.
pub(super) fn before(site: Site, first: usize) -> Option<Meant> {
    let (block, site) = match site {
        Site::Block(block, site) => (block, site),
        Site::DecoderBlock(block, site) => (block + first, site),
        _ => return None,
    };
    let at = |sites| Meant::InBlock(block as i64, sites);
    match site {
        BlockSite::MlpDown => Some(at(&[BlockSite::MlpInputNorm])),
        BlockSite::AttentionProjection => Some(at(&[BlockSite::AttentionInputNorm])),
        BlockSite::Output if block == 0 => Some(Meant::Embeddings),
        // The first block of a decoder reads its own embedding.
        BlockSite::Output if block != first => Some(Meant::Block(block as i64 - 1)),
        _ => None,
    }
}

/// The site in a block of a model whose first stack has `first` blocks.
pub(super) fn in_block(block: usize, first: usize, site: BlockSite) -> Site {
    match block.checked_sub(first) {
        None => Stack::First.block(block).at(site),
        Some(block) => Stack::Decoder.block(block).at(site),
    }
}

/// Whether a module gives one row per token at a site.
pub(super) fn gives(gives: Gives, site: Site) -> bool {
    gives == Gives::PerToken(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_are_understood() {
        for (name, expected) in [
            ("-1", Meant::Block(-1)),
            ("5", Meant::Block(5)),
            ("layer 2", Meant::Block(2)),
            ("Layer2", Meant::Block(2)),
            ("layer_2", Meant::Block(2)),
            ("layers.2", Meant::Block(2)),
            ("layers[-2]", Meant::Block(-2)),
            ("block 0", Meant::Block(0)),
            ("h.3", Meant::Block(3)),
            ("blocks.5.hook_resid_post", Meant::Block(5)),
            ("blocks.5.hook_resid_pre", Meant::Block(4)),
            ("blocks.0.hook_resid_pre", Meant::Embeddings),
            ("hidden_states[0]", Meant::Embeddings),
            ("hidden_states[3]", Meant::State(3)),
            ("hidden_states[-1]", Meant::Last),
            ("last_hidden_state", Meant::Last),
            ("blocks.5.attn.hook_q", Meant::InBlock(5, &[BlockSite::Query])),
            ("hook_embed", Meant::At(Site::Embedding(EmbeddingSite::Token))),
        ] {
            assert_eq!(meant(name), Some(expected), "{name}");
        }
        for name in
            ["", "layer", "layers.2.mlp", "model.layers.2", "layer two", "blocks.5.hook_nothing", "hello 2", "2.5"]
        {
            assert_eq!(meant(name), None, "{name}");
        }
        assert_eq!(plain("model.layers[5].mlp.output").as_deref(), Some("model.layers.5.mlp"));
        assert_eq!(plain("transformer.h.5.output[0]").as_deref(), Some("transformer.h.5"));
        assert_eq!(plain("model.layers.5.mlp"), None);
    }

    #[test]
    fn the_input_of_a_module_is_what_a_norm_gives_or_the_block_before() {
        assert_eq!(read_by("model.layers.5.mlp.input"), Some("model.layers.5.mlp"));
        assert_eq!(read_by("model.layers.5.mlp"), None);
        let at = |site| before(Site::Block(5, site), 12);
        assert_eq!(at(BlockSite::MlpDown), Some(Meant::InBlock(5, &[BlockSite::MlpInputNorm])));
        assert_eq!(at(BlockSite::Output), Some(Meant::Block(4)));
        assert_eq!(before(Site::Block(0, BlockSite::Output), 12), Some(Meant::Embeddings));
        assert_eq!(before(Site::DecoderBlock(0, BlockSite::Output), 12), None);
        assert_eq!(at(BlockSite::Context), None);
        assert!(why_no_module("blocks.5.attn.hook_z").unwrap().contains("output projection"));
        assert_eq!(why_no_module("model.layers.5"), None);
    }
}
