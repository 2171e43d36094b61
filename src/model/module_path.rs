//! Names of modules, exactly those of the checkpoint, and what is behind each.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::iter;

use super::layer_names::{self, Meant};
use crate::error::{Error, ErrorCode, Result};
use crate::kernels::DeltaHeads;
use crate::model::blueprint::{
    AttentionSettings, BlockSite, Blueprint, Elsewhere, EmbeddingSite, Gives, HeadSite, Part, RotarySettings, Site,
    Stack, Work,
};

/// How many near names an error offers.
const SUGGESTIONS: usize = 3;

/// Why a model is not split inside of an expert.
const ROUTED: &str = "has rows of those tokens alone that are routed to an expert";

/// A module of a model, as a listing shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Where it is: what PyTorch's `named_modules()` prints; empty for the model itself.
    pub path: String,
    /// What it is: its class, with its sizes where it has any (`Linear(768 -> 3072)`).
    pub kind: String,
    /// Whether it gives one row per token, so that the model can be split there.
    pub can_split: bool,
    /// The columns of what it gives, if the model can be split there.
    pub width: Option<usize>,
    /// The part of the model's blocks that a run up to it takes, from 0 for what is before them to 1; a block counts from its
    /// beginning. `None` where the model cannot be split there.
    pub cost: Option<f64>,
    /// Whether it is a place to start: a block, which gives all that the model knows of each token up to there. Other modules give
    /// parts of it.
    pub is_recommended: bool,
}

/// A module with what the forward pass needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its path.
    pub path: String,
    /// Its class in PyTorch.
    pub class: &'static str,
    /// What it does.
    pub work: Work,
    /// What comes out of it.
    pub gives: Gives,
    /// What it computes with parameters of its own where it holds other modules, and at which site.
    pub own: Option<(Work, Site)>,
    /// Where its parameters may lie besides.
    pub elsewhere: Vec<Elsewhere>,
}

impl Node {
    /// The site whose value the module computes with parameters of its own: for a container with sinks of the attention, theirs.
    pub fn computes(&self) -> Option<Site> {
        let site = self.gives.site()?;
        match (&self.work, site) {
            (Work::Attention { .. }, Site::Block(index, _)) => Some(Site::Block(index, BlockSite::Sinks)),
            (Work::Container | Work::List(_) | Work::Dropout(_) | Work::Attention { .. }, _) => None,
            _ => Some(site),
        }
    }
}

/// All modules of a model, in PyTorch's order.
#[derive(Debug)]
pub(crate) struct ModuleTree {
    nodes: Vec<Node>,
    modules: Vec<Module>,
    index: HashMap<String, usize>,
    /// `bert.`: what checkpoints put before the base model's paths, or leave out; the longest first.
    prefixes: Vec<String>,
    /// The lists of blocks and how many there are in each: the encoder's before the decoder's.
    block_lists: Vec<(String, usize)>,
}

impl ModuleTree {
    /// Names the modules of a blueprint.
    pub fn new(blueprint: &Blueprint) -> Self {
        let mut nodes = Vec::new();
        collect(&blueprint.root, String::new(), &mut nodes);
        let widths = nodes.iter().filter_map(|node| Some((node.gives.site()?, node.work.columns()?))).collect();
        let modules: Vec<_> = nodes.iter().map(|node| describe(node, blueprint, &widths)).collect();
        let index = nodes.iter().enumerate().map(|(index, node)| (node.path.clone(), index)).collect();
        // No module: it comes after them in the list of what computes something, and is in no other.
        nodes.extend(blueprint.logits_bias.map(|tensor| Node {
            path: tensor.to_owned(),
            class: "",
            work: Work::Shift { width: blueprint.logits },
            gives: Gives::PerToken(Site::Head(HeadSite::Bias)),
            own: None,
            elsewhere: Vec::new(),
        }));
        let prefixes = iter::once(blueprint.base_prefix).chain(blueprint.other_prefixes.iter().map(String::as_str));
        let mut prefixes: Vec<String> = prefixes.map(|prefix| format!("{prefix}.")).collect();
        prefixes.sort_by_key(|prefix| Reverse(prefix.len()));
        let mut tree = Self { nodes, modules, index, prefixes, block_lists: Vec::new() };
        let first = (blueprint.block_list, blueprint.blocks);
        let second = blueprint.decoder.as_ref().map(|decoder| (decoder.block_list, decoder.attention.len()));
        let lists = iter::once(first).chain(second).map(|(list, count)| {
            let path = tree.spellings(list).into_iter().find(|path| tree.index.contains_key(path));
            (path.unwrap_or_default(), count)
        });
        tree.block_lists = lists.collect();
        let total = tree.block_count(blueprint);
        for (module, node) in tree.modules.iter_mut().zip(&tree.nodes) {
            let Gives::PerToken(site) = node.gives else { continue };
            module.cost = Some(blocks_up_to(site, first.1, total) as f64 / total.max(1) as f64);
            module.is_recommended = tree.block_lists.iter().any(|(list, _)| is_block_of(&module.path, list));
        }
        tree
    }

    /// The modules as a listing shows them.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The modules as the forward pass knows them, and behind them what it adds that is no module.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A path as it may be written: as it is, and with the base model's prefix added or taken away.
    pub fn spellings(&self, path: &str) -> Vec<String> {
        let bare = self.prefixes.iter().find_map(|prefix| path.strip_prefix(prefix.as_str())).unwrap_or(path);
        let prefixes = iter::once("").chain(self.prefixes.iter().map(String::as_str));
        let others = prefixes.map(|prefix| format!("{prefix}{bare}")).filter(|other| other != path);
        iter::once(path.to_owned()).chain(others).collect()
    }

    /// Finds the module that a split point names: a path in either spelling, the number of a block, from the last one
    /// where negative, or a name that [other programs](super::layer_names) give it. Modules that several blocks share
    /// (ALBERT) give what they gave last, and `path@n` is what they gave in block `n`.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownModule`] with the nearest names, or saying why the model cannot be split there.
    pub fn split_point(&self, blueprint: &Blueprint, path: &str) -> Result<(String, &Module, Site)> {
        match self.translated(blueprint, path)? {
            Some(own) => self.split_at(blueprint, &own),
            None => self.split_at(blueprint, path),
        }
    }

    /// The path or number that a name of another program stands for; `None` for a name that is one itself, or none at
    /// all.
    fn translated(&self, blueprint: &Blueprint, path: &str) -> Result<Option<String>> {
        let is_own = |path: &str| self.spellings(path).iter().any(|spelling| self.index.contains_key(spelling));
        if is_own(path) || path.parse::<usize>().is_ok() {
            return Ok(None);
        }
        let plain = layer_names::plain(path);
        if let Some(plain) = plain.clone().filter(|plain| is_own(plain)) {
            return Ok(Some(plain));
        }
        let first = self.block_lists.first().map_or(0, |(_, count)| *count);
        let meant = layer_names::meant(path).or_else(|| layer_names::meant(plain.as_deref()?));
        let Some(meant) = meant.or_else(|| self.read_by(path, first)) else {
            return Ok(None);
        };
        let number = |block: i64| {
            let count = self.block_count(blueprint);
            let from_start = if block < 0 { block.saturating_add_unsigned(count as u64) } else { block };
            let found = usize::try_from(from_start).ok().filter(|block| *block < count);
            found.ok_or_else(|| self.no_block(blueprint, block, path))
        };
        let module = |site: Site| {
            self.nodes.iter().find(|node| layer_names::gives(node.gives, site)).map(|node| node.path.clone())
        };
        // The base model gives what its last module gives; that one says it by its name.
        let last = || {
            let gives = |site: Site| {
                let inmost = self.nodes.iter().rev().find(|node| layer_names::gives(node.gives, site));
                inmost.map(|node| node.path.clone())
            };
            let block = || self.block_count(blueprint).checked_sub(1).map(|last| last.to_string());
            gives(Site::FinalProjection).or_else(|| gives(Site::FinalNorm)).or_else(block)
        };
        Ok(match meant {
            Meant::Block(block) => Some(number(block)?.to_string()),
            Meant::State(index) if index == self.block_count(blueprint) as i64 => last(),
            Meant::State(index) => Some(number(index - 1)?.to_string()),
            Meant::InBlock(block, sites) => {
                let block = number(block)?;
                let shared = blueprint.shared_blocks.get(block).copied();
                let at = |site: &BlockSite| module(layer_names::in_block(shared.unwrap_or(block), first, *site));
                let found = sites.iter().find_map(at);
                found.map(|path| if shared.is_some() { format!("{path}@{block}") } else { path })
            }
            Meant::Embeddings => module(Site::Embedding(EmbeddingSite::Projection))
                .or_else(|| module(Site::Embedding(EmbeddingSite::Output)))
                .or_else(|| module(Site::Embedding(EmbeddingSite::Norm)))
                // Where something is added to the rows of the tokens, no module gives the sum.
                .or_else(|| {
                    let added = module(Site::Embedding(EmbeddingSite::Position));
                    if added.is_some() { None } else { module(Site::Embedding(EmbeddingSite::Token)) }
                }),
            Meant::Last => last(),
            Meant::At(site) => module(site),
        })
    }

    /// What gives the input of a module that holds others (`model.layers.5.mlp.input`); `first` is how many blocks the first stack has.
    fn read_by(&self, path: &str, first: usize) -> Option<Meant> {
        let module = layer_names::read_by(path)?;
        let index = self.spellings(module).iter().find_map(|spelling| self.index.get(spelling).copied())?;
        let node =
            self.nodes.get(index).filter(|node| matches!(node.work, Work::Container | Work::Attention { .. }))?;
        let is_block = self.block_lists.iter().any(|(list, _)| is_block_of(&node.path, list));
        // What gives the rows of a block need not be the block.
        layer_names::before(node.gives.site()?, first).filter(|meant| is_block || matches!(meant, Meant::InBlock(..)))
    }

    /// How many blocks the model has, those of an encoder and of its decoder together.
    fn block_count(&self, blueprint: &Blueprint) -> usize {
        match blueprint.shared_blocks.len() {
            0 => self.block_lists.iter().map(|(_, count)| count).sum(),
            shared => shared,
        }
    }

    fn split_at(&self, blueprint: &Blueprint, path: &str) -> Result<(String, &Module, Site)> {
        if !blueprint.shared_blocks.is_empty()
            && let Some((module, block)) = self.shared(blueprint, path)?
        {
            let (path, _, site) = self.split_at(blueprint, &module)?;
            let index = self.find(blueprint, &path)?;
            return match site {
                Site::Block(last, site) if blueprint.shared_blocks.get(block) == Some(&last) => {
                    Ok((format!("{path}@{block}"), &self.modules[index], Site::Block(block, site)))
                }
                _ => Err(self.cannot_split(index, &format!("is no part of block {block}"))),
            };
        }
        let index = self.find(blueprint, path)?;
        let (module, node) = (&self.modules[index], &self.nodes[index]);
        match node.gives {
            Gives::PerToken(site) => Ok((module.path.clone(), module, site)),
            Gives::Aside(_) => Err(self.cannot_split(index, "gives no row per token")),
            Gives::Several => Err(self.cannot_split(index, "is called several times, for another value each time")),
            Gives::Routed => Err(self.cannot_split(index, ROUTED)),
            Gives::PerText(_) => Err(self.cannot_split(index, "gives one row per text, not one per token")),
            Gives::Nothing if matches!(node.work, Work::List(_)) => {
                Err(self.cannot_split(index, "is a list that is never called itself"))
            }
            Gives::Nothing if path.is_empty() => Err(self.cannot_split(index, "is the whole model")),
            Gives::Nothing | Gives::Unseen(_) => Err(self.cannot_split(index, "is never called, so it gives nothing")),
        }
    }

    /// Where blocks share their modules: the module and the block that `path@n` or the number of a block names.
    fn shared(&self, blueprint: &Blueprint, path: &str) -> Result<Option<(String, usize)>> {
        let (module, number) = path.rsplit_once('@').unwrap_or(("", path));
        let Ok(block) = number.parse::<usize>() else { return Ok(None) };
        let Some(last) = blueprint.shared_blocks.get(block) else {
            return Err(self.no_block(blueprint, block as i64, path));
        };
        if !module.is_empty() {
            return Ok(Some((module.to_owned(), block)));
        }
        let output = Gives::PerToken(Site::Block(*last, BlockSite::Output));
        let inmost = self.nodes.iter().rev().find(|node| node.gives == output);
        Ok(inmost.map(|node| (node.path.clone(), block)))
    }

    fn no_block(&self, blueprint: &Blueprint, block: i64, path: &str) -> Error {
        let count = self.block_count(blueprint);
        let last = count.saturating_sub(1);
        let from_the_end = if block < 0 { format!(", or -{count} to -1 from the last one") } else { String::new() };
        let what =
            if path.parse::<i64>().is_ok() { String::new() } else { format!("the model has no module `{path}`: ") };
        Error::new(ErrorCode::UnknownModule, format!("{what}there is no block {block}"))
            .hint(format!("the model's blocks are 0 to {last}{from_the_end}"))
            .detail("path", path)
    }

    /// The block beyond the last one that a path names, as `model.layers.40.mlp` does of 32: the list, its count, and the
    /// number.
    fn beyond(&self, path: &str) -> Option<(&str, usize, usize)> {
        let spellings = self.spellings(path);
        self.block_lists.iter().find_map(|(list, count)| {
            let number = spellings.iter().find_map(|path| {
                let rest = path.strip_prefix(list.as_str())?.strip_prefix('.')?;
                rest.split('.').next()?.parse::<usize>().ok()
            })?;
            (number >= *count).then_some((list.as_str(), *count, number))
        })
    }

    fn find(&self, blueprint: &Blueprint, path: &str) -> Result<usize> {
        if let Ok(block) = path.parse::<usize>() {
            let mut within = block;
            for (list, count) in &self.block_lists {
                if within < *count {
                    let found = self.index.get(&format!("{list}.{within}")).copied();
                    return found.ok_or_else(|| self.no_block(blueprint, block as i64, path));
                }
                within -= count;
            }
            return Err(self.no_block(blueprint, block as i64, path));
        }
        let found = self.spellings(path).iter().find_map(|spelling| self.index.get(spelling).copied());
        found.or_else(|| self.older_name(path)).ok_or_else(|| {
            if let Some((list, count, number)) = self.beyond(path) {
                let last = count.saturating_sub(1);
                let message = format!("the model has no module `{path}`: there is no block {number} in `{list}`");
                return Error::new(ErrorCode::UnknownModule, message)
                    .hint(format!("its blocks are 0 to {last}"))
                    .detail("path", path);
            }
            if let Some(mlp) = self.mlp_of_experts(path) {
                return Error::new(
                    ErrorCode::UnknownModule,
                    format!("the model cannot be split at `{path}`: it {ROUTED}"),
                )
                .hint(format!("choose a module that gives one row per token: `{mlp}`, the MLP of these experts"))
                .detail("path", path);
            }
            if let Some(reason) = layer_names::why_no_module(path) {
                return Error::new(ErrorCode::UnknownModule, format!("no module of the model gives `{path}`: {reason}"))
                    .hint("choose the output of a module, such as `hook_resid_post`, `hook_mlp_out` or `hook_attn_out` of a block")
                    .detail("path", path);
            }
            let nearest = self.nearest(path);
            let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
            let hint = match names.split_last() {
                None => "ask for the list of modules, which loading without a split point gives (`eidos modules`)".to_owned(),
                Some((only, [])) => format!("did you mean {only}?"),
                Some((last, others)) => format!("did you mean {} or {last}?", others.join(", ")),
            };
            let text_alone = if blueprint.other_prefixes.is_empty() { "" } else { "; its text part alone is read" };
            let message = format!("the model has no module `{path}`{text_alone}");
            let error = Error::new(ErrorCode::UnknownModule, message);
            nearest.iter().fold(error.hint(hint).detail("path", path), |error, name| error.detail("nearest", name))
        })
    }

    /// The MLP whose experts a path lies in.
    fn mlp_of_experts(&self, path: &str) -> Option<&str> {
        // transformers 4 called Mixtral's MLP otherwise.
        let path = path.replace(".block_sparse_moe.", ".mlp.");
        let spellings = self.spellings(&path);
        let mut experts = self.nodes.iter().filter(|node| matches!(node.work, Work::Experts(_)));
        let is_inside = |node: &&Node| {
            spellings.iter().any(|path| path.strip_prefix(&node.path).is_some_and(|rest| rest.starts_with('.')))
        };
        experts.find(is_inside).and_then(|node| node.path.rsplit_once('.')).map(|(mlp, _)| mlp)
    }

    /// The module whose weight published files keep under this path, where no module has it (`embed_out` for
    /// `lm_head`).
    fn older_name(&self, path: &str) -> Option<usize> {
        let weight = format!("{path}.weight");
        self.nodes.iter().position(|node| node.elsewhere.iter().any(|other| other.tensor == weight))
    }

    /// The modules to split at whose names are nearest, the nearest first.
    fn nearest(&self, path: &str) -> Vec<&str> {
        // A path that was mistyped beyond this is no longer the same path.
        let most = path.len() / 2 + 1;
        // What the base class calls `x` may have been written `bert.x`: the shorter distance counts.
        let spellings = self.spellings(path);
        let distance = |name: &str| spellings.iter().map(|spelling| edit_distance(spelling, name)).min();
        let mut found: Vec<_> = self
            .modules
            .iter()
            .filter(|module| module.can_split)
            .filter_map(|module| distance(&module.path).map(|distance| (distance, module)))
            .filter(|(distance, _)| *distance <= most)
            .map(|(distance, module)| (distance, module.path.len().abs_diff(path.len()), module.path.as_str()))
            .collect();
        found.sort_by_key(|(distance, length, _)| (*distance, *length));
        found.truncate(SUGGESTIONS);
        if !found.is_empty() {
            return found.into_iter().map(|(_, _, path)| path).collect();
        }
        // The last part of a path alone (`mlp`): of which blocks there are some in the middle is a place to start.
        let ending = format!(".{path}");
        let ends = self.modules.iter().filter(|module| module.can_split && module.path.ends_with(&ending));
        let ends: Vec<&str> = ends.map(|module| module.path.as_str()).collect();
        let middle = (ends.len() / 2).saturating_sub(SUGGESTIONS / 2);
        ends.into_iter().skip(middle).take(SUGGESTIONS).collect()
    }

    fn cannot_split(&self, index: usize, why: &str) -> Error {
        let path = &self.modules[index].path;
        let within = if path.is_empty() { String::new() } else { format!("{path}.") };
        let splits = || self.modules.iter().filter(|module| module.can_split);
        // The MLP of an expert; else one inside it if there is, else any block.
        let mlp = self.mlp_of_experts(path).filter(|_| self.nodes[index].gives == Gives::Routed);
        let mlp = mlp.and_then(|mlp| splits().find(|module| module.path == mlp));
        let other = mlp.or_else(|| splits().find(|module| module.path.starts_with(&within)));
        let other = other.or_else(|| {
            splits().find(|module| {
                let first = self.block_lists.first().map_or("", |(list, _)| list);
                module.path.starts_with(first)
            })
        });
        let hint = other.map_or_else(
            || "choose a module that gives one row per token".to_owned(),
            |module| format!("choose a module that gives one row per token, such as `{}`", module.path),
        );
        Error::new(ErrorCode::UnknownModule, format!("the model cannot be split at `{path}`: it {why}"))
            .hint(hint)
            .detail("path", path)
    }
}

fn collect(part: &Part, path: String, nodes: &mut Vec<Node>) {
    let children = part.children.iter().map(|child| {
        let inner = if path.is_empty() { child.name.clone() } else { format!("{path}.{}", child.name) };
        (child, inner)
    });
    let children: Vec<_> = children.collect();
    // The model itself has the output of its last part, but an empty path is a slip, not a choice.
    let gives = if path.is_empty() { Gives::Nothing } else { part.gives };
    nodes.push(Node {
        path,
        class: part.class,
        work: part.work.clone(),
        gives,
        own: part.own.clone(),
        elsewhere: part.elsewhere.clone(),
    });
    for (child, path) in children {
        collect(child, path, nodes);
    }
}

/// How many blocks a run up to a site takes, of a model that has so many in its first stack and in all.
fn blocks_up_to(site: Site, first: usize, total: usize) -> usize {
    match site {
        Site::Embedding(_) => 0,
        Site::Block(block, _) => block + 1,
        Site::EncoderNorm | Site::DecoderEmbedding(_) => first,
        Site::DecoderBlock(block, _) => first + block + 1,
        Site::FinalNorm | Site::FinalProjection | Site::Head(_) => total,
    }
}

/// Whether a path is that of a block of a list.
fn is_block_of(path: &str, list: &str) -> bool {
    let number = path.strip_prefix(list).and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn describe(node: &Node, blueprint: &Blueprint, widths: &HashMap<Site, usize>) -> Module {
    let class = node.class;
    let kind = match &node.work {
        Work::Linear { inputs, outputs, .. } => format!("{class}({inputs} -> {outputs})"),
        Work::Embedding { count, width, .. } | Work::Sinusoids { count, width } => {
            format!("{class}({count} x {width})")
        }
        Work::RmsNorm { width, .. } | Work::LayerNorm { width, .. } | Work::Shift { width } => {
            format!("{class}({width})")
        }
        Work::List(count) => format!("{class}({count})"),
        Work::Container
        | Work::Attention { .. }
        | Work::Experts(_)
        | Work::PlainRmsNorm { .. }
        | Work::ShortConvolution { .. }
        | Work::DeltaRule(_)
        | Work::Scalar(_)
        | Work::Activation(_)
        | Work::Dropout(_) => class.to_owned(),
    };
    let site = match node.gives {
        Gives::PerToken(site) => Some(site),
        Gives::Nothing | Gives::Several | Gives::Routed | Gives::Aside(_) | Gives::Unseen(_) | Gives::PerText(_) => {
            None
        }
    };
    Module {
        path: node.path.clone(),
        kind,
        can_split: site.is_some(),
        width: site.map(|site| {
            let widths = [Some(site), read_by(site)].into_iter().flatten().find_map(|site| widths.get(&site).copied());
            widths.unwrap_or_else(|| width_at(site, blueprint))
        }),
        cost: None,
        is_recommended: false,
    }
}

/// The projection or table whose columns the value at a site has, where these may differ from the model's.
fn read_by(site: Site) -> Option<Site> {
    match site {
        // Whatever comes after it, a position is as wide as what it is added to.
        Site::Embedding(EmbeddingSite::Norm | EmbeddingSite::Output) => Some(Site::Embedding(EmbeddingSite::Position)),
        Site::DecoderEmbedding(EmbeddingSite::Norm | EmbeddingSite::Output) => {
            Some(Site::DecoderEmbedding(EmbeddingSite::Position))
        }
        Site::Embedding(EmbeddingSite::PerLayerContextNorm) => Some(Site::Embedding(EmbeddingSite::PerLayerContext)),
        // An MLP beside experts has a width of its own.
        Site::Block(block, BlockSite::MlpActivation | BlockSite::MlpProduct) => {
            Some(Site::Block(block, BlockSite::MlpInner))
        }
        // An encoder and its decoder may have MLPs of different widths.
        Site::DecoderBlock(block, BlockSite::MlpActivation | BlockSite::MlpProduct) => {
            Some(Site::DecoderBlock(block, BlockSite::MlpInner))
        }
        Site::Block(block, BlockSite::PerLayerActivation) => Some(Site::Block(block, BlockSite::PerLayerGate)),
        Site::Head(HeadSite::Activation | HeadSite::Norm) => Some(Site::Head(HeadSite::Dense)),
        _ => None,
    }
}

/// The columns of the value at a site that is not a projection's or a table's.
fn width_at(site: Site, blueprint: &Blueprint) -> usize {
    let heads = |attention: Option<&AttentionSettings>, count: fn(&AttentionSettings) -> usize| {
        attention.map_or(0, |attention| count(attention).saturating_mul(attention.head_width))
    };
    let in_block = |stack: Stack, index: usize, site| match site {
        BlockSite::Context if blueprint.delta_net(stack.block(index)).is_some() => {
            blueprint.delta_net(stack.block(index)).map_or(0, DeltaHeads::values)
        }
        BlockSite::QueryNorm | BlockSite::Context => heads(blueprint.attention(stack).get(index), |of| of.heads),
        BlockSite::KeyNorm | BlockSite::ValueNorm => {
            heads(blueprint.attention(stack).get(index), |of| of.key_value_heads)
        }
        BlockSite::MlpActivation | BlockSite::MlpProduct => blueprint.inner_width,
        _ => blueprint.width,
    };
    match site {
        Site::Embedding(EmbeddingSite::RotaryCosines) => {
            let columns = |rotary: &RotarySettings| rotary.rotary_dim / (1 + usize::from(rotary.by_pair));
            blueprint.rotations.first().map_or(0, columns)
        }
        Site::Block(index, site) => in_block(Stack::First, index, site),
        Site::DecoderBlock(index, site) => in_block(Stack::Decoder, index, site),
        Site::Head(HeadSite::Logits | HeadSite::Bias) => blueprint.logits,
        _ => blueprint.width,
    }
}

/// How many letters must be inserted, removed or replaced to turn one name into another (Levenshtein 1966).
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (before, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = before + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
