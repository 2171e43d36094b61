//! The architectures that are read: how llama.cpp calls them, and what its converter does to their tensors.

use serde_json::{Map, Value, json};

use super::Keys;
use crate::error::Result;

/// An architecture of llama.cpp whose model is built here.
#[allow(clippy::struct_excessive_bools, reason = "each is what a converter does or not, whatever the others are")]
pub(crate) struct Architecture {
    /// What `general.architecture` calls it.
    pub name: &'static str,
    /// The `model_type` of its family.
    pub model_type: &'static str,
    /// The class that the checkpoint was saved from.
    pub class: &'static str,
    /// Where the blocks are.
    blocks: &'static str,
    /// Modules outside of blocks, by their name in the file.
    outside: &'static [(&'static str, &'static str)],
    /// The modules of a block that are other ones than `usual` says, by their name in the file.
    block: &'static [(&'static str, &'static str)],
    /// The modules of a block, by their name in the file.
    usual: &'static [(&'static str, &'static str)],
    /// Whether tokens read those after them as well.
    pub reads_both_sides: bool,
    /// Whether the projections of queries and keys have the rows of the two halves of each head interleaved: llama.cpp
    /// rotates adjacent columns together, transformers columns that are half a head apart.
    pub interleaves_halves: bool,
    /// Whether its models may have experts.
    pub has_experts: bool,
    /// Whether the weights of norms have the one added that transformers adds when it uses them.
    norms_plus_one: bool,
    /// The keys of numbers that it calculates with; where another architecture's file has one of them, it is refused.
    pub numbers: &'static [&'static str],
    /// Adds the fields that only this architecture has.
    pub fields: fn(&Keys<'_>, &mut Map<String, Value>) -> Result<()>,
}

/// What the converter did to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It added one.
    PlusOne,
    /// It interleaved the rows of the two halves of each head of queries.
    QueriesInterleaved,
    /// The same for keys.
    KeysInterleaved,
}

/// Modules outside of blocks, by their name in a file.
const OUTSIDE: &[(&str, &str)] =
    &[("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

/// The modules of a block, by their name in a file.
const BLOCK: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_exps", "mlp.experts.gate_proj"),
    ("ffn_up_exps", "mlp.experts.up_proj"),
    ("ffn_down_exps", "mlp.experts.down_proj"),
    ("ffn_gate_inp_shexp", "mlp.shared_expert_gate"),
    ("ffn_gate_shexp", "mlp.shared_expert.gate_proj"),
    ("ffn_up_shexp", "mlp.shared_expert.up_proj"),
    ("ffn_down_shexp", "mlp.shared_expert.down_proj"),
];

/// Norms on what a branch gives.
const NORMS_AFTER: &[(&str, &str)] =
    &[("post_attention_norm", "post_attention_layernorm"), ("post_ffw_norm", "post_feedforward_layernorm")];

/// Norms before a branch and on what it gives.
const NORMS_BOTH: &[(&str, &str)] = &[
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

/// What BERTs have outside of blocks.
const OUTSIDE_OF_BERT: &[(&str, &str)] = &[
    ("token_embd", "embeddings.word_embeddings"),
    ("position_embd", "embeddings.position_embeddings"),
    ("token_types", "embeddings.token_type_embeddings"),
    ("token_embd_norm", "embeddings.LayerNorm"),
];

/// The modules of a block of BERT.
const BLOCK_OF_BERT: &[(&str, &str)] = &[
    ("attn_q", "attention.self.query"),
    ("attn_k", "attention.self.key"),
    ("attn_v", "attention.self.value"),
    ("attn_output", "attention.output.dense"),
    ("attn_output_norm", "attention.output.LayerNorm"),
    ("ffn_up", "intermediate.dense"),
    ("ffn_down", "output.dense"),
    ("layer_output_norm", "output.LayerNorm"),
];

/// The modules of a block of NomicBERT, as its files call them.
const BLOCK_OF_NOMIC_BERT: &[(&str, &str)] = &[
    ("attn_qkv", "attn.Wqkv"),
    ("attn_output", "attn.out_proj"),
    ("attn_output_norm", "norm1"),
    ("ffn_up", "mlp.fc11"),
    ("ffn_gate", "mlp.fc12"),
    ("ffn_down", "mlp.fc2"),
    ("layer_output_norm", "norm2"),
];

/// What GPT-2 has outside of blocks.
const OUTSIDE_OF_GPT2: &[(&str, &str)] = &[
    ("token_embd", "transformer.wte"),
    ("position_embd", "transformer.wpe"),
    ("output_norm", "transformer.ln_f"),
    ("output", "lm_head"),
];

/// The modules of a block of GPT-2.
const BLOCK_OF_GPT2: &[(&str, &str)] = &[
    ("attn_norm", "ln_1"),
    ("attn_qkv", "attn.c_attn"),
    ("attn_output", "attn.c_proj"),
    ("ffn_norm", "ln_2"),
    ("ffn_up", "mlp.c_fc"),
    ("ffn_down", "mlp.c_proj"),
];

/// An architecture that needs no word beyond its names.
const fn like_llama(name: &'static str, model_type: &'static str, class: &'static str) -> Architecture {
    Architecture {
        name,
        model_type,
        class,
        blocks: "model.layers",
        outside: OUTSIDE,
        block: &[],
        usual: BLOCK,
        reads_both_sides: false,
        interleaves_halves: false,
        has_experts: false,
        norms_plus_one: false,
        numbers: &[],
        fields: nothing,
    }
}

/// The registry: a new architecture is one more entry.
const ARCHITECTURES: &[Architecture] = &[
    // Mistral's models are of this architecture, too, and Mixtral's.
    Architecture {
        interleaves_halves: true,
        has_experts: true,
        fields: llama,
        ..like_llama("llama", "llama", "LlamaForCausalLM")
    },
    like_llama("qwen2", "qwen2", "Qwen2ForCausalLM"),
    like_llama("qwen3", "qwen3", "Qwen3ForCausalLM"),
    Architecture { has_experts: true, fields: qwen2_moe, ..like_llama("qwen2moe", "qwen2_moe", "Qwen2MoeForCausalLM") },
    Architecture { has_experts: true, fields: qwen3_moe, ..like_llama("qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM") },
    Architecture {
        block: &[
            ("post_attention_norm", "post_attention_layernorm"),
            ("attn_sinks", "self_attn.sinks"),
            ("ffn_gate_inp", "mlp.router"),
        ],
        has_experts: true,
        fields: gpt_oss,
        ..like_llama("gpt-oss", "gpt_oss", "GptOssForCausalLM")
    },
    Architecture { norms_plus_one: true, ..like_llama("gemma", "gemma", "GemmaForCausalLM") },
    Architecture {
        block: NORMS_BOTH,
        norms_plus_one: true,
        numbers: &["attn_logit_softcapping", "final_logit_softcapping"],
        fields: gemma2,
        ..like_llama("gemma2", "gemma2", "Gemma2ForCausalLM")
    },
    Architecture {
        block: NORMS_BOTH,
        norms_plus_one: true,
        numbers: &["final_logit_softcapping"],
        fields: gemma3,
        ..like_llama("gemma3", "gemma3_text", "Gemma3ForCausalLM")
    },
    Architecture {
        block: &[("ffn_up", "mlp.gate_up_proj")],
        fields: phi3,
        ..like_llama("phi3", "phi3", "Phi3ForCausalLM")
    },
    Architecture { block: NORMS_AFTER, fields: olmo2, ..like_llama("olmo2", "olmo2", "Olmo2ForCausalLM") },
    Architecture {
        interleaves_halves: true,
        numbers: &["attention.scale", "embedding_scale", "residual_scale", "logit_scale"],
        fields: granite,
        ..like_llama("granite", "granite", "GraniteForCausalLM")
    },
    Architecture { interleaves_halves: true, ..like_llama("smollm3", "smollm3", "SmolLM3ForCausalLM") },
    // RoBERTa's and XLM-RoBERTa's files are of this architecture, too, without the rows of positions that nothing reads.
    Architecture {
        blocks: "encoder.layer",
        outside: OUTSIDE_OF_BERT,
        usual: BLOCK_OF_BERT,
        reads_both_sides: true,
        fields: bert,
        ..like_llama("bert", "bert", "BertModel")
    },
    Architecture {
        blocks: "encoder.layers",
        outside: &[
            ("token_embd", "embeddings.word_embeddings"),
            ("token_types", "embeddings.token_type_embeddings"),
            ("token_embd_norm", "emb_ln"),
        ],
        usual: BLOCK_OF_NOMIC_BERT,
        reads_both_sides: true,
        fields: bert,
        ..like_llama("nomic-bert", "nomic_bert", "NomicBertModel")
    },
    Architecture {
        blocks: "transformer.h",
        outside: OUTSIDE_OF_GPT2,
        usual: BLOCK_OF_GPT2,
        fields: gpt2,
        ..like_llama("gpt2", "gpt2", "GPT2LMHeadModel")
    },
];

impl Architecture {
    /// The architecture of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ARCHITECTURES.iter().find(|architecture| architecture.name == name)
    }

    /// All names.
    pub fn names() -> String {
        ARCHITECTURES.iter().map(|architecture| architecture.name).collect::<Vec<_>>().join(", ")
    }

    /// The name that a tensor had before it was converted, and what was done to it. A tensor that no module has keeps
    /// its name.
    pub fn original(&self, tensor: &str) -> (String, Change) {
        self.module(tensor).unwrap_or_else(|| (tensor.to_owned(), Change::None))
    }

    fn module(&self, tensor: &str) -> Option<(String, Change)> {
        let (module, parameter) = tensor.rsplit_once('.')?;
        let norm = module.ends_with("norm") && self.norms_plus_one;
        let plus_one = if norm { Change::PlusOne } else { Change::None };
        let Some((index, module)) = module.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) else {
            return Some((format!("{}.{parameter}", look_up(self.outside, module)?), plus_one));
        };
        let change = match module {
            "attn_q" if self.interleaves_halves => Change::QueriesInterleaved,
            "attn_k" if self.interleaves_halves => Change::KeysInterleaved,
            _ => plus_one,
        };
        let module = look_up(self.block, module).or_else(|| look_up(self.usual, module))?;
        Some((format!("{}.{index}.{module}.{parameter}", self.blocks), change))
    }

    /// The name that a tensor has in a file, by the one that it had before; nothing where no module of a file is its.
    pub fn converted(&self, original: &str) -> Option<String> {
        let (module, parameter) = original.rsplit_once('.')?;
        let inside = module.strip_prefix(self.blocks).and_then(|rest| rest.strip_prefix('.')?.split_once('.'));
        let Some((index, module)) = inside else {
            return Some(format!("{}.{parameter}", look_back(self.outside, module)?));
        };
        let usual = || look_back(self.usual, module).filter(|name| look_up(self.block, name).is_none());
        let name = look_back(self.block, module).or_else(usual)?;
        Some(format!("blk.{index}.{name}.{parameter}"))
    }
}

fn look_up(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(key, _)| *key == name).map(|(_, module)| *module)
}

fn look_back(table: &[(&'static str, &str)], module: &str) -> Option<&'static str> {
    table.iter().find(|(_, value)| *value == module).map(|(name, _)| *name)
}

#[allow(clippy::unnecessary_wraps, reason = "it stands among functions that can fail")]
fn nothing(_: &Keys<'_>, _: &mut Map<String, Value>) -> Result<()> {
    Ok(())
}

/// How llama.cpp calls the softmax of all experts, and that of the chosen ones.
const SOFTMAX: usize = 1;
const SOFTMAX_OF_CHOSEN: usize = 3;

/// The fields of experts. Where a file says it, the function of the router's logits must be `gating`.
fn experts(keys: &Keys<'_>, gating: usize, fields: &mut Map<String, Value>) -> Result<()> {
    set(fields, "num_experts", Some(keys.required("expert_count")?));
    set(fields, "num_experts_per_tok", Some(keys.required("expert_used_count")?));
    set(fields, "moe_intermediate_size", keys.size("expert_feed_forward_length")?);
    if let Some(other) = keys.size("expert_gating_func")?.filter(|other| ![0, gating].contains(other)) {
        return Err(keys.not_built("expert_gating_func", other));
    }
    if let Some(groups) = keys.size("expert_group_count")?.filter(|groups| *groups > 1) {
        return Err(keys.not_built("expert_group_count", groups));
    }
    match keys.number("expert_weights_scale")? {
        Some(scale) if scale != 0.0 && (scale - 1.0).abs() > 1e-6 => Err(keys.not_built("expert_weights_scale", scale)),
        _ => Ok(()),
    }
}

/// A model with experts is Mixtral.
fn llama(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    if keys.size("expert_count")?.is_none_or(|experts| experts == 0) {
        return Ok(());
    }
    experts(keys, SOFTMAX, fields)?;
    set(fields, "model_type", Some("mixtral"));
    set(fields, "architectures", Some(json!(["MixtralForCausalLM"])));
    match keys.flag("expert_weights_norm")? {
        Some(false) => Err(keys.not_built("expert_weights_norm", false)),
        _ => Ok(()),
    }
}

/// In llama.cpp all blocks have experts.
fn qwen2_moe(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    experts(keys, SOFTMAX, fields)?;
    set(fields, "norm_topk_prob", keys.flag("expert_weights_norm")?);
    let bias = fields.get("attention_bias").cloned();
    set(fields, "qkv_bias", bias);
    set(fields, "shared_expert_intermediate_size", keys.size("expert_shared_feed_forward_length")?);
    Ok(())
}

fn qwen3_moe(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    experts(keys, SOFTMAX, fields)?;
    set(fields, "norm_topk_prob", Some(keys.flag("expert_weights_norm")?.unwrap_or(true)));
    Ok(())
}

fn gpt_oss(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    experts(keys, SOFTMAX_OF_CHOSEN, fields)?;
    set(fields, "intermediate_size", keys.size("expert_feed_forward_length")?);
    set(fields, "sliding_window", keys.size("attention.sliding_window")?);
    // Its ramp of frequencies is not rounded to whole columns, which no key says.
    match fields.get_mut("rope_scaling").and_then(Value::as_object_mut) {
        Some(scaling) => set(scaling, "truncate", Some(false)),
        None => set(fields, "rope_parameters", Some(json!({"rope_type": "default"}))),
    }
    Ok(())
}

/// The largest Gemma 2 and 3 divide scores by the width over the number of heads, the others by the width of a head;
/// only the number of blocks tells which is which.
fn score_scale(keys: &Keys<'_>, largest: usize, fields: &mut Map<String, Value>) -> Result<()> {
    let (heads, _) = keys.heads()?;
    let of_width = keys.required("embedding_length")?.checked_div(heads);
    let scalar = if keys.required("block_count")? == largest { of_width } else { keys.size("attention.key_length")? };
    set(fields, "query_pre_attn_scalar", scalar.or(of_width));
    Ok(())
}

fn gemma2(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    score_scale(keys, 46, fields)?;
    set(fields, "sliding_window", keys.size("attention.sliding_window")?);
    set(fields, "attn_logit_softcapping", keys.number("attn_logit_softcapping")?);
    set(fields, "final_logit_softcapping", keys.number("final_logit_softcapping")?);
    Ok(())
}

fn gemma3(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    score_scale(keys, 62, fields)?;
    set(fields, "sliding_window", keys.size("attention.sliding_window")?);
    set(fields, "sliding_window_pattern", keys.size("attention.sliding_window_pattern")?);
    set(fields, "rope_local_base_freq", keys.number("rope.freq_base_swa")?);
    set(fields, "final_logit_softcapping", keys.number("final_logit_softcapping")?);
    Ok(())
}

fn phi3(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    let first = "original_max_position_embeddings";
    set(fields, first, keys.size("rope.scaling.original_context_length")?);
    set(fields, "sliding_window", keys.size("attention.sliding_window")?.filter(|window| *window > 0));
    Ok(())
}

fn olmo2(keys: &Keys<'_>, _: &mut Map<String, Value>) -> Result<()> {
    // OLMo 3 is of this architecture, with blocks that read a window.
    match keys.size("attention.sliding_window")? {
        Some(window) if window > 0 => Err(keys.not_built("attention.sliding_window", window)),
        _ => Ok(()),
    }
}

fn granite(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    for (field, key) in [
        ("attention_multiplier", "attention.scale"),
        ("embedding_multiplier", "embedding_scale"),
        ("residual_multiplier", "residual_scale"),
        ("logits_scaling", "logit_scale"),
    ] {
        set(fields, field, keys.number(key)?);
    }
    Ok(())
}

fn bert(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    set(fields, "layer_norm_eps", Some(keys.required_number("attention.layer_norm_epsilon")?));
    set(fields, "rotary_emb_base", Some(keys.number("rope.freq_base")?.unwrap_or(10_000.0)));
    set(fields, "type_vocab_size", keys.metadata.size("tokenizer.ggml.token_type_count")?);
    Ok(())
}

fn gpt2(keys: &Keys<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    set(fields, "layer_norm_epsilon", Some(keys.required_number("attention.layer_norm_epsilon")?));
    set(fields, "n_inner", Some(keys.required("feed_forward_length")?));
    Ok(())
}

/// Sets a field that the file says something of.
pub(super) fn set(fields: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(field.to_owned(), json!(value.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_have_the_names_of_their_modules() {
        let llama = Architecture::named("llama").unwrap();
        let original = |tensor: &str| llama.original(tensor);
        assert_eq!(original("blk.3.ffn_gate.weight"), ("model.layers.3.mlp.gate_proj.weight".to_owned(), Change::None));
        assert_eq!(
            original("blk.10.attn_k.bias"),
            ("model.layers.10.self_attn.k_proj.bias".to_owned(), Change::KeysInterleaved)
        );
        assert_eq!(original("output.weight").0, "lm_head.weight");
        for strange in ["rope_freqs.weight", "blk.0", "blk.0.ssm_a", "blk..attn_x.weight", ""] {
            assert_eq!(original(strange), (strange.to_owned(), Change::None));
        }
        let gemma = Architecture::named("gemma3").unwrap();
        assert_eq!(
            gemma.original("blk.0.ffn_norm.weight"),
            ("model.layers.0.pre_feedforward_layernorm.weight".to_owned(), Change::PlusOne)
        );
        assert_eq!(gemma.original("output_norm.weight").1, Change::PlusOne);
        assert_eq!(gemma.original("blk.0.attn_q.weight").1, Change::None);
    }

    #[test]
    fn a_tensor_has_its_own_name_again() {
        for architecture in ARCHITECTURES {
            let modules = architecture.outside.iter().map(|(module, _)| (*module).to_owned());
            let own = architecture.block.iter().chain(architecture.usual.iter());
            let blocks = own.map(|(module, _)| format!("blk.7.{module}"));
            for tensor in modules.chain(blocks).map(|module| format!("{module}.weight")) {
                let (original, _) = architecture.original(&tensor);
                let again = architecture.converted(&original);
                // Two modules of a file may be one of the model; then it is the architecture's own.
                let same = again.as_ref().is_some_and(|again| architecture.original(again).0 == original);
                assert!(same, "{}: {tensor} {again:?}", architecture.name);
            }
        }
        let [llama, gemma, phi] = ["llama", "gemma2", "phi3"].map(|name| Architecture::named(name).unwrap());
        let norm = "model.layers.0.post_attention_layernorm.weight";
        assert_eq!(llama.converted(norm).unwrap(), "blk.0.ffn_norm.weight");
        assert_eq!(gemma.converted(norm).unwrap(), "blk.0.post_attention_norm.weight");
        assert_eq!(phi.converted("model.layers.3.mlp.gate_up_proj.weight").unwrap(), "blk.3.ffn_up.weight");
        assert_eq!(phi.converted("model.layers.3.mlp.up_proj.weight"), None);
        assert_eq!(llama.converted("lm_head.weight").unwrap(), "output.weight");
        for strange in ["model.layers.0", "model.layers.0.x.weight", "rope_freqs.weight", ""] {
            assert_eq!(llama.converted(strange), None, "{strange}");
        }
    }
}
