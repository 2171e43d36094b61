//! Models with experts: where their weights lie, and where such a model can be split.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, Error, ErrorCode};

use crate::model::golden;

type Tensors = HashMap<String, Tensor>;

fn tensors(family: &str, weights: &str) -> Tensors {
    let files = golden::weight_files(family, weights);
    files.iter().flat_map(|file| candle_core::safetensors::load(file, &Device::Cpu).unwrap()).collect()
}

/// A variant from a file with these tensors.
fn load(family: &str, variant: &str, tensors: &Tensors, splits: &[&str]) -> Result<SplitModel, Error> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, &file).unwrap();
    let config = golden::config(family, variant).to_string();
    let parts = ModelParts { name: family, config: config.as_bytes(), weights: WeightSource::Files(vec![file]) };
    SplitModel::from_parts(&parts, splits, &LoadOptions::default(), &Control::new())
}

/// The same tensors with those of the experts of a block in one: gates before factors.
fn fused(single: &Tensors, list: &str, [gate, up, down]: [&str; 3]) -> Tensors {
    let is_expert = |name: &str| name.contains(&format!("{list}.")) && !name.contains("shared");
    let mut fused: Tensors = single.iter().filter(|(name, _)| !is_expert(name)).map(own).collect();
    for block in 0.. {
        let of = |index: usize, projection: &str| {
            single.get(&format!("model.layers.{block}.{list}.{index}.{projection}.weight")).cloned()
        };
        if block == 3 {
            break;
        }
        let all = |projection: &str| (0..).map_while(|index| of(index, projection)).collect::<Vec<_>>();
        let (gates, ups, downs) = (all(gate), all(up), all(down));
        if gates.is_empty() {
            continue;
        }
        let both = gates.iter().zip(&ups).map(|(gate, up)| Tensor::cat(&[gate, up], 0).unwrap());
        let both: Vec<Tensor> = both.collect();
        let name = |tensor: &str| format!("model.layers.{block}.mlp.experts.{tensor}");
        fused.insert(name("gate_up_proj"), Tensor::stack(&both, 0).unwrap());
        fused.insert(name("down_proj"), Tensor::stack(&downs, 0).unwrap());
    }
    fused
}

fn own((name, tensor): (&String, &Tensor)) -> (String, Tensor) {
    (name.clone(), tensor.clone())
}

fn rows(model: &SplitModel, family: &str) -> Vec<Vec<f32>> {
    let texts = golden::texts(family);
    let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    model.forward(&sequences).unwrap().iter().map(golden::values).collect()
}

#[test]
fn experts_in_tensors_of_their_own_give_the_bits_of_those_in_one() {
    let qwen = ("mlp.experts", ["gate_proj", "up_proj", "down_proj"]);
    for (family, (list, names)) in
        [("mixtral", ("block_sparse_moe.experts", ["w1", "w3", "w2"])), ("qwen2_moe", qwen), ("qwen3_moe", qwen)]
    {
        let single = tensors(family, "weights");
        let fused = fused(&single, list, names);
        assert!(
            fused.len() < single.len() && fused.contains_key("model.layers.1.mlp.experts.gate_up_proj"),
            "{family}"
        );
        for dtype in [DType::BF16, DType::F32, DType::F16] {
            let of = |tensors: &Tensors| {
                let tensors = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.to_dtype(dtype).unwrap()));
                let model = load(family, "base", &tensors.collect(), &["layers.1.mlp", "layers.2"]).unwrap();
                rows(&model, family)
            };
            assert!(of(&single) == of(&fused), "{family} {dtype:?}");
        }
    }
}

#[test]
fn only_experts_up_to_the_split_point_are_read() {
    let plan = |family: &str, variant: &str, split: &str| {
        let config = golden::config(family, variant).to_string();
        ModelPlan::new(config.as_bytes(), &[split], &LoadOptions::default()).unwrap()
    };
    let mixtral = plan("mixtral", "base", "layers.1.mlp");
    for (tensor, wanted) in [
        ("model.layers.1.block_sparse_moe.experts.4.w2.weight", true),
        ("model.layers.1.mlp.experts.gate_up_proj", true),
        ("layers.1.mlp.experts.down_proj", true),
        ("model.layers.1.block_sparse_moe.experts.5.w2.weight", false),
        ("model.layers.2.block_sparse_moe.experts.0.w1.weight", false),
        ("model.layers.2.mlp.experts.gate_up_proj", false),
    ] {
        assert_eq!(mixtral.wants(tensor), wanted, "{tensor}");
    }
    // At the router no expert of its block is needed.
    let router = plan("mixtral", "base", "layers.1.mlp.gate");
    assert!(router.wants("model.layers.1.block_sparse_moe.gate.weight"));
    assert!(!router.wants("model.layers.1.block_sparse_moe.experts.0.w1.weight"));
    let blocks = plan("gpt_oss", "mxfp4", "layers.0");
    assert!(blocks.wants("model.layers.0.mlp.experts.gate_up_proj_scales"));
    assert!(!blocks.wants("model.layers.1.mlp.experts.gate_up_proj_scales"));
}

#[test]
fn inside_an_expert_a_model_is_not_split_and_the_error_names_the_mlp() {
    for (family, path, mlp) in [
        ("mixtral", "model.layers.1.mlp.experts.3", "model.layers.1.mlp"),
        ("mixtral", "layers.1.block_sparse_moe.experts.0.w1", "model.layers.1.mlp"),
        ("mixtral", "model.layers.2.mlp.experts.act_fn", "model.layers.2.mlp"),
        ("qwen3_moe", "model.layers.0.mlp.experts.5.up_proj", "model.layers.0.mlp"),
        ("gpt_oss", "model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp"),
    ] {
        let error = golden::load(family, "causal_lm", "weights", &[path], &LoadOptions::default()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownModule, "{error}");
        let text = error.to_string();
        assert!(text.contains("routed to an expert") && text.contains(&format!("`{mlp}`")), "{text}");
    }
    // What transformers 4 called the router.
    let model = golden::load(
        "mixtral",
        "causal_lm",
        "weights",
        &["model.layers.1.block_sparse_moe.gate"],
        &LoadOptions::default(),
    );
    assert_eq!(model.unwrap().split_points()[0].path, "model.layers.1.mlp.gate");
}

#[test]
fn experts_that_are_not_there_or_of_another_shape_are_named() {
    let single = tensors("mixtral", "weights");
    let refused = |family: &str, variant: &str, tensors: &Tensors| {
        let error = load(family, variant, tensors, &["layers.2"]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        error.to_string()
    };
    let mut lacking = single.clone();
    lacking.remove("model.layers.1.block_sparse_moe.experts.3.w3.weight").unwrap();
    let text = refused("mixtral", "base", &lacking);
    assert!(text.contains("`layers.1.mlp.experts.gate_up_proj`") && text.contains("missing"), "{text}");

    let mut fewer = fused(&single, "block_sparse_moe.experts", ["w1", "w3", "w2"]);
    let name = "model.layers.1.mlp.experts.gate_up_proj";
    let cut = fewer[name].narrow(0, 0, 4).unwrap().contiguous().unwrap();
    fewer.insert(name.to_owned(), cut);
    let text = refused("mixtral", "base", &fewer);
    assert!(text.contains(name) && text.contains("[4, 80, 24]") && text.contains("[5, 80, 24]"), "{text}");

    let mut packed = tensors("gpt_oss", "weights_mxfp4");
    let scales = packed.remove("layers.1.mlp.experts.down_proj_scales").unwrap();
    let text = refused("gpt_oss", "mxfp4", &packed);
    assert!(text.contains("down_proj_scales") && text.contains("missing"), "{text}");
    packed.insert("layers.1.mlp.experts.down_proj_scales".to_owned(), scales.narrow(0, 0, 2).unwrap());
    let text = refused("gpt_oss", "mxfp4", &packed);
    assert!(text.contains("down_proj_scales") && text.contains("[3, 32, 1]"), "{text}");
    packed.insert("layers.1.mlp.experts.down_proj_scales".to_owned(), scales.to_dtype(DType::F32).unwrap());
    let text = refused("gpt_oss", "mxfp4", &packed);
    assert!(text.contains("down_proj_scales") && text.contains("is of type F32"), "{text}");
}

#[test]
fn numbers_of_four_bits_stay_so_in_memory() {
    let packed = golden::load("gpt_oss", "mxfp4", "weights_mxfp4", &["layers.2"], &LoadOptions::default()).unwrap();
    // Three blocks of three experts with 3 matrices of 32 by 32 numbers each.
    let experts = 3 * 3 * 3 * 32 * 32;
    let all: usize =
        tensors("gpt_oss", "weights_mxfp4").values().map(|it| it.elem_count() * it.dtype().size_in_bytes()).sum();
    let most = all + experts;
    assert!(packed.weight_bytes() < most, "{} of {most}", packed.weight_bytes());
}
