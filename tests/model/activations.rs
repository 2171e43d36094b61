//! Activations are those of transformers, at every module.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use eidos::Control;
use eidos::model::{HeadChoice, LoadOptions, ModelParts, SplitModel, WeightSource};

use crate::model::golden::{self, difference, values};
use crate::model::half;
use crate::model::table::{Table, kind_of_split};

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

#[test]
fn every_module_of_every_variant_gives_what_transformers_gives() {
    let mut table = Table::default();
    for (family, variants) in &golden::variants() {
        for variant in variants {
            let weights = golden::weights_of(family, variant);
            let options = LoadOptions { whole: true, ..LoadOptions::default() };
            let load = |splits: &[&str]| golden::load(family, variant, &weights, splits, &options).unwrap();
            golden::compare(family, variant, load, |what, module, ours, theirs| {
                let difference = difference(ours, theirs);
                assert!(difference <= BOUND, "{what}: {difference:e}");
                table.add(family, module.map_or("logits", kind_of_split), difference);
            });
        }
        for (kind, difference) in half::differences(family) {
            table.add(family, kind, difference);
        }
    }
    table.check();
}

/// Of a model that is split at one module nothing behind it is loaded, and the pass ends there: with the bits of the whole model.
#[test]
fn a_model_that_is_loaded_up_to_a_module_alone_has_the_bits_of_the_whole_one() {
    for (family, variants) in &golden::variants() {
        let variant = variants.last().unwrap();
        let weights = golden::weights_of(family, variant);
        let load = |splits: &[&str], whole| {
            let options = LoadOptions { whole, ..LoadOptions::default() };
            golden::load(family, variant, &weights, splits, &options).unwrap()
        };
        let text = &golden::texts(family)[0];
        let listing = golden::listing(family, variant).into_iter().filter(|module| module.splits);
        let paths: Vec<String> = listing.map(|module| module.path).collect();
        let splits: Vec<&str> = paths.iter().map(String::as_str).collect();
        let bits = |tensor: &Tensor| values(tensor).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let all = load(&splits, true).forward(&[text]).unwrap();
        // Blocks are alike, but for what the first or the last has.
        for (path, expected) in splits.iter().zip(&all).filter(|(path, _)| !path.contains(".1.")) {
            let alone = load(&[path], false).forward(&[text]).unwrap();
            assert!(bits(&alone[0]) == bits(expected), "{family} {variant} {path}");
        }
    }
}

/// A base model's own checkpoint has no prefix (MiniLM's is such a one), and bert-base-uncased and others of its time call the
/// weight and the bias of a norm gamma and beta.
#[test]
fn copies_in_single_precision_in_shards_and_by_older_names_give_the_same_bits() {
    for (family, prefix, path, half) in
        [("eurobert", "model.", "layers.2", DType::BF16), ("bert", "bert.", "encoder.layer.2", DType::F16)]
    {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let config = golden::config(family, "masked_lm").to_string();
        let of = |files| {
            let parts = ModelParts { name: family, config: config.as_bytes(), weights: WeightSource::Files(files) };
            let options = LoadOptions { head: HeadChoice::Base, ..LoadOptions::default() };
            let model = SplitModel::from_parts(&parts, &[path], &options, &Control::new()).unwrap();
            (values(&model.forward(&sequences).unwrap()[0]), model.products().to_owned())
        };
        let files = golden::weight_files(family, "weights");
        let tensors = candle_core::safetensors::load(&files[0], &Device::Cpu).unwrap();
        assert!(tensors.values().all(|tensor| tensor.dtype() == half));
        let (expected, products) = of(files);
        let place = tempfile::tempdir().unwrap();
        let older = |name: &str| {
            let norms = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
            norms.strip_prefix(prefix).map(str::to_owned)
        };
        for (number, (by_older_names, kind, count)) in
            [(false, DType::F32, 1), (true, DType::F32, 2), (true, half, 3)].into_iter().enumerate()
        {
            let name = |name: &String| if by_older_names { older(name) } else { Some(name.clone()) };
            let renamed = tensors.iter().filter_map(|(old, tensor)| Some((name(old)?, tensor.to_dtype(kind).unwrap())));
            let renamed: BTreeMap<String, Tensor> = renamed.collect();
            let mut shards = vec![HashMap::new(); count];
            renamed.into_iter().enumerate().for_each(|(index, (name, tensor))| {
                shards[index % count].insert(name, tensor);
            });
            let written = shards.iter().enumerate().map(|(index, shard)| {
                let file = place.path().join(format!("{number}-{index}.safetensors"));
                candle_core::safetensors::save(shard, &file).unwrap();
                file
            });
            let (ours, kind) = of(written.collect());
            assert!(golden::agree([&kind, &products], &ours, &expected), "{family} {number}");
        }
    }
}

#[test]
fn the_head_is_the_callers_choice() {
    let of = |head| {
        let options = LoadOptions { head, ..LoadOptions::default() };
        golden::load("bert", "masked_lm", "weights", &[], &options).unwrap().modules()[0].kind.clone()
    };
    assert_eq!(of(HeadChoice::Auto), "BertForMaskedLM");
    assert_eq!(of(HeadChoice::Base), "BertModel");
    assert_eq!(of(HeadChoice::SequenceClassification), "BertForSequenceClassification");
}
