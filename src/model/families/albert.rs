//! ALBERT (Lan et al. 2019): one block (or a few groups of them) applied again and again, over embeddings of a width of
//! their own.

use super::bert_parts::{Classes, Fields, Sizes, classes};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, EmbeddingSite, HeadSite, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "albert",
    classes: &[
        ("AlbertModel", Head::Base),
        ("AlbertForMaskedLM", Head::MaskedLanguageModel),
        ("AlbertForSequenceClassification", Head::SequenceClassification),
        ("AlbertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = Classes { encoder: "AlbertTransformer", ..classes!("Albert") };

/// Which blocks share their modules.
struct Sharing {
    /// Modules of blocks in a group.
    inner: usize,
    /// The first block of each application of a group, by group.
    applications: Vec<Vec<usize>>,
}

impl Sharing {
    fn read(config: &Config) -> Result<Self> {
        let times = config.blocks("num_hidden_layers", 12)?;
        let groups = config.blocks("num_hidden_groups", 1)?;
        let inner = config.blocks("inner_group_num", 1)?;
        if groups > times {
            let rule = "there are no more groups than `num_hidden_layers`";
            return Err(Config::wrong("num_hidden_groups", groups as f64, rule));
        }
        let mut applications = vec![Vec::new(); groups];
        for time in 0..times {
            // As PyTorch computes it, in floating point.
            let group = (time as f64 / (times as f64 / groups as f64)) as usize;
            if let Some(group) = applications.get_mut(group) {
                group.push(time * inner);
            }
        }
        Ok(Self { inner, applications })
    }

    fn blocks(&self) -> usize {
        self.applications.iter().map(Vec::len).sum::<usize>() * self.inner
    }

    /// The last block that the modules `inner` of a group compute: a hook in PyTorch is left with its values.
    fn last(&self, group: usize, inner: usize) -> usize {
        self.applications[group].last().map_or(0, |first| first + inner)
    }

    /// For each block the last one with the same modules.
    fn of_blocks(&self) -> Vec<usize> {
        let group = |block: usize| {
            let first = block - block % self.inner;
            self.applications.iter().position(|group| group.contains(&first)).unwrap_or(0)
        };
        (0..self.blocks()).map(|block| self.last(group(block), block % self.inner)).collect()
    }
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("position_embedding_type", &["absolute".into()])?;
    let sharing = Sharing::read(config)?;
    let fields = Fields {
        vocabulary: 30_000,
        width: ("hidden_size", 4096),
        heads: ("num_attention_heads", 64),
        inner: ("intermediate_size", 16_384),
        dropout: ("hidden_dropout_prob", 0.0),
        attention_dropout: ("attention_probs_dropout_prob", 0.0),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &CLASSES, &fields)?.with_token_types(config)?;
    sizes.embedding_width = config.size("embedding_size", 128)?;
    sizes.blocks = sharing.blocks();
    sizes.activation = Activation::named(config, "hidden_act", "gelu_new")?;
    sizes.classifier_dropout = config.number("classifier_dropout_prob", 0.1)?;
    let mut blueprint = sizes.blueprint(FAMILY.model_type, "albert", head, root(config, head, &sizes, &sharing)?);
    blueprint.block_list = "encoder.albert_layer_groups";
    blueprint.shared_blocks = sharing.of_blocks();
    Ok(blueprint)
}

fn root(config: &Config, head: Head, sizes: &Sizes, sharing: &Sharing) -> Result<Part> {
    let &Sizes { width, embedding_width, logits, .. } = sizes;
    let order = ["word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm", "dropout"];
    let mut parts = vec![sizes.embeddings(&order), encoder(sizes, sharing)];
    let at = Site::Head;
    if matches!(head, Head::Base | Head::SequenceClassification) {
        parts.push(Part::linear("pooler", width, width, true).gives_per_text(at(HeadSite::Dense)));
        let function = Part::activation("pooler_activation", "Tanh", Activation::Tanh);
        parts.push(function.gives_per_text(at(HeadSite::Activation)));
    }
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let (function, class) = sizes.activation;
            // The bias is the head's own parameter, shared with the decoder; checkpoints hold either or both.
            let mut decoder = Part::linear("decoder", embedding_width, logits, true)
                .gives(at(HeadSite::Logits))
                .or_from("bias", "predictions.bias");
            if config.flag("tie_word_embeddings", true)? {
                decoder = decoder.or_from("weight", "albert.embeddings.word_embeddings.weight");
            }
            let children = vec![
                Part::layer_norm("LayerNorm", embedding_width, sizes.epsilon).gives(at(HeadSite::Norm)),
                Part::linear("dense", width, embedding_width, true).gives(at(HeadSite::Dense)),
                decoder,
                Part::activation("activation", class, function).gives(at(HeadSite::Activation)),
            ];
            let predictions = Part::container("predictions", "AlbertMLMHead", children).gives(at(HeadSite::Logits));
            Part::container("", "AlbertForMaskedLM", vec![base("albert"), predictions])
        }
        Head::SequenceClassification => {
            let children = vec![
                base("albert"),
                Part::dropout("dropout", sizes.classifier_dropout).gives_per_text(at(HeadSite::Activation)),
                Part::linear("classifier", width, logits, true).gives_per_text(at(HeadSite::Logits)),
            ];
            Part::container("", "AlbertForSequenceClassification", children)
        }
        Head::TokenClassification => sizes.token_classifier("AlbertForTokenClassification", base("albert")),
        _ => base(""),
    })
}

fn encoder(sizes: &Sizes, sharing: &Sharing) -> Part {
    let group = |group: usize| {
        let layer = |inner: usize| block(sizes, inner, sharing.last(group, inner));
        let layers = Part::list("albert_layers", (0..sharing.inner).map(layer).collect());
        let output = Site::Block(sharing.last(group, sharing.inner - 1), BlockSite::Output);
        Part::container(group.to_string(), "AlbertLayerGroup", vec![layers]).gives(output)
    };
    let groups = Part::list("albert_layer_groups", (0..sharing.applications.len()).map(group).collect());
    let mapping = Part::linear("embedding_hidden_mapping_in", sizes.embedding_width, sizes.width, true)
        .gives(Site::Embedding(EmbeddingSite::Projection));
    Part::container("encoder", CLASSES.encoder, vec![mapping, groups]).gives(sizes.last())
}

/// The modules `inner` of a group, whose values are those of block `index` in the end.
fn block(sizes: &Sizes, inner: usize, index: usize) -> Part {
    use BlockSite::{
        AttentionProjection, AttentionResidualNorm, Key, MlpActivation, MlpDown, MlpInner, MlpResidualNorm, Output,
        Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let width = sizes.width;
    let (function, class) = sizes.activation;
    let project = |name, site| Part::linear(name, width, width, true).gives(at(site));
    let attention = vec![
        // PyTorch applies this one as a function: the module is never called.
        Part::dropout("attention_dropout", sizes.attention_dropout),
        Part::dropout("output_dropout", sizes.dropout).gives(at(AttentionProjection)),
        project("query", Query),
        project("key", Key),
        project("value", Value),
        project("dense", AttentionProjection),
        Part::layer_norm("LayerNorm", width, sizes.epsilon).gives(at(AttentionResidualNorm)),
    ];
    let children = vec![
        Part::layer_norm("full_layer_layer_norm", width, sizes.epsilon).gives(at(MlpResidualNorm)),
        Part::container("attention", CLASSES.attention, attention).gives(at(AttentionResidualNorm)),
        Part::linear("ffn", width, sizes.inner, true).gives(at(MlpInner)),
        Part::linear("ffn_output", sizes.inner, width, true).gives(at(MlpDown)),
        Part::activation("activation", class, function).gives(at(MlpActivation)),
        // Never called.
        Part::dropout("dropout", sizes.dropout),
    ];
    Part::container(inner.to_string(), CLASSES.layer, children).gives(at(Output))
}
