//! Models as they are published: classes with heads that are not built, code beside the weights, names of older versions.

use std::collections::HashMap;

use candle_core::Tensor;
use eidos::model::{HeadChoice, LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, ErrorCode};
use serde_json::{Value, json};

use crate::model::golden::{self, values};

/// A model of a variant's configuration with changes, and of the family's tensors as `edit` leaves them.
fn load(
    family: &str,
    variant: &str,
    changes: &Value,
    split_points: &[&str],
    head: HeadChoice,
    edit: impl Fn(HashMap<String, Tensor>) -> HashMap<String, Tensor>,
) -> eidos::Result<SplitModel> {
    let mut config = golden::config(family, variant);
    changes.as_object().unwrap().iter().for_each(|(field, value)| config[field] = value.clone());
    let tensors = candle_core::safetensors::load(
        golden::folder(family).join("weights/model.safetensors"),
        &candle_core::Device::Cpu,
    );
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.safetensors");
    candle_core::safetensors::save(&edit(tensors.unwrap()), &file).unwrap();
    let config = config.to_string();
    let parts = ModelParts { name: family, config: config.as_bytes(), weights: WeightSource::Files(vec![file]) };
    SplitModel::from_parts(&parts, split_points, &LoadOptions { head, ..LoadOptions::default() }, &Control::new())
}

/// Tensors with other names.
fn renamed(tensors: HashMap<String, Tensor>, from: &str, to: &str) -> HashMap<String, Tensor> {
    let name = |name: String| name.strip_prefix(from).map_or(name.clone(), |rest| format!("{to}{rest}"));
    tensors.into_iter().map(|(old, tensor)| (name(old), tensor)).collect()
}

fn first_rows(model: &SplitModel, family: &str) -> Tensor {
    model.forward(&[&golden::texts(family)[0]]).unwrap().remove(0)
}

#[test]
fn a_class_whose_head_is_not_built_is_its_base_model() {
    for (family, class, path) in [
        ("bert", "BertForPreTraining", "encoder.layer.2"),
        ("bert", "BertForQuestionAnswering", "encoder.layer.2"),
        ("bert", "BertForNextSentencePrediction", "encoder.layer.2"),
        ("roberta", "RobertaForQuestionAnswering", "encoder.layer.2"),
        ("distilbert", "DistilBertForQuestionAnswering", "transformer.layer.2"),
        ("electra", "ElectraForPreTraining", "encoder.layer.2"),
        ("albert", "AlbertForPreTraining", "encoder.albert_layer_groups.0"),
        ("deberta_v2", "DebertaV2ForMultipleChoice", "encoder.layer.2"),
        ("mpnet", "MPNetForMultipleChoice", "encoder.layer.2"),
        ("modernbert", "ModernBertForQuestionAnswering", "final_norm"),
        ("gpt2", "GPT2DoubleHeadsModel", "h.2"),
        ("llama", "LlamaForQuestionAnswering", "layers.2"),
        ("mistral", "MistralForQuestionAnswering", "layers.2"),
        ("qwen2", "Qwen2ForQuestionAnswering", "layers.2"),
        ("qwen3", "Qwen3ForQuestionAnswering", "layers.2"),
        ("smollm3", "SmolLM3ForQuestionAnswering", "layers.2"),
        ("qwen3_moe", "Qwen3MoeForQuestionAnswering", "layers.2"),
        ("mixtral", "MixtralForQuestionAnswering", "layers.2"),
        ("t5", "T5ForQuestionAnswering", "decoder.block.1"),
        // A head of the model's own, which its repository has code for.
        ("llama", "LlamaForRewardModelWithGating", "layers.2"),
    ] {
        // These files keep the name that the base model had before.
        let older = ["llama", "qwen2", "qwen3", "qwen3_moe", "smollm3"].contains(&family)
            && class.ends_with("QuestionAnswering");
        let edit = |tensors| if older { renamed(tensors, "model.", "transformer.") } else { tensors };
        let changes = json!({"architectures": [class]});
        let model = load(family, "base", &changes, &[path], HeadChoice::Auto, edit).unwrap();
        let base = golden::load(family, "base", "weights", &[path], &LoadOptions::default()).unwrap();
        assert_eq!(model.modules(), base.modules(), "{class}");
        assert_eq!(values(&first_rows(&model, family)), values(&first_rows(&base, family)), "{class}");
        if older {
            let prefixed = format!("transformer.{path}");
            let model = load(family, "base", &changes, &[&prefixed], HeadChoice::Auto, edit).unwrap();
            assert_eq!(model.split_points()[0].path, path);
        }
    }
}

#[test]
fn the_file_of_a_pretraining_class_has_the_masked_lm_head() {
    let next_sentence = |mut tensors: HashMap<String, Tensor>| {
        let like = |rows: usize| Tensor::ones((rows, 32), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        tensors.insert("cls.seq_relationship.weight".to_owned(), like(2));
        tensors.insert("cls.seq_relationship.bias".to_owned(), like(1).flatten_all().unwrap().narrow(0, 0, 2).unwrap());
        tensors
    };
    let split = ["cls.predictions.decoder"];
    let pretraining = json!({"architectures": ["BertForPreTraining"]});
    let changed =
        load("bert", "masked_lm", &pretraining, &split, HeadChoice::MaskedLanguageModel, next_sentence).unwrap();
    // As bert-base-uncased: the class without the second head, and its tensors all the same.
    let published = load("bert", "masked_lm", &json!({}), &split, HeadChoice::Auto, next_sentence).unwrap();
    let expected = golden::expected("bert", "masked_lm").remove("0/cls.predictions.decoder");
    let plain = golden::load("bert", "masked_lm", "weights", &split, &LoadOptions::default()).unwrap();
    let plain = first_rows(&plain, "bert");
    if let Some(expected) = expected {
        assert!(golden::difference(&plain, &expected) < 2e-5);
    }
    assert_eq!(values(&first_rows(&changed, "bert")), values(&plain));
    assert_eq!(values(&first_rows(&published, "bert")), values(&plain));
}

#[test]
fn the_older_class_of_t5_has_its_head() {
    let older = json!({"architectures": ["T5WithLMHeadModel"]});
    let model = load("t5", "seq2seq_lm", &older, &["lm_head"], HeadChoice::Auto, |tensors| tensors).unwrap();
    let expected = &golden::expected("t5", "seq2seq_lm")["0/lm_head"];
    assert!(golden::difference(&first_rows(&model, "t5"), expected) < 2e-5);
}

/// Pythia's files and GPT-NeoX's call the scores of the vocabulary `embed_out`.
#[test]
fn the_scores_of_pythia_are_read_by_the_name_in_its_files() {
    let edit = |tensors| renamed(tensors, "lm_head.", "embed_out.");
    let expected = &golden::expected("gpt_neox", "causal_lm")["0/lm_head"];
    let load = |split: &str, changes: &Value| load("gpt_neox", "causal_lm", changes, &[split], HeadChoice::Auto, edit);
    for split in ["embed_out", "lm_head"] {
        let model = load(split, &json!({})).unwrap();
        assert_eq!(model.split_points()[0].path, "lm_head");
        assert!(golden::difference(&first_rows(&model, "gpt_neox"), expected) < 2e-5, "{split}");
    }
    // They have values of their own, and these count whatever the configuration says of the embedding.
    let tied = load("embed_out", &json!({"tie_word_embeddings": true})).unwrap();
    let untied = load("embed_out", &json!({"tie_word_embeddings": false})).unwrap();
    let embedding = load("gpt_neox.embed_in", &json!({})).unwrap();
    assert!(values(&first_rows(&tied, "gpt_neox")) == values(&first_rows(&untied, "gpt_neox")));
    assert_eq!(embedding.split_points()[0].path, "gpt_neox.embed_in");
    let error = load("embed_ou", &json!({})).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownModule);
}

/// Classifiers that were made with EuroBERT's own code say how they pool by another name.
#[test]
fn a_classifier_of_euroberts_own_code_pools_as_it_says() {
    for (pooling, variant) in [("bos", "classify_bos"), ("mean", "classify_mean"), ("late", "classify_late")] {
        let older = json!({"classifier_pooling": null, "clf_pooling": pooling});
        let options = LoadOptions { whole: true, ..LoadOptions::default() };
        let mut config = golden::config("eurobert", variant);
        older.as_object().unwrap().iter().for_each(|(field, value)| config[field] = value.clone());
        let config = config.to_string();
        let weights = WeightSource::Files(golden::weight_files("eurobert", "weights"));
        let parts = ModelParts { name: pooling, config: config.as_bytes(), weights };
        let model = SplitModel::from_parts(&parts, &[], &options, &Control::new()).unwrap();
        let logits = model.logits(&golden::texts("eurobert")[0]).unwrap().squeeze(0).unwrap();
        assert!(golden::difference(&logits, &golden::expected("eurobert", variant)["0/logits"]) < 2e-5, "{pooling}");
    }
}

fn plan(fields: &Value) -> eidos::Result<ModelPlan> {
    ModelPlan::new(fields.to_string().as_bytes(), &[], &LoadOptions::default())
}

#[test]
fn code_that_repeats_the_familys_classes_is_not_needed() {
    for (model_type, auto_map) in [
        (
            "eurobert",
            json!({"AutoConfig": "configuration_eurobert.EuroBertConfig", "AutoModel": "modeling_eurobert.EuroBertModel"}),
        ),
        ("eurobert", json!({"AutoModelForQuestionAnswering": "modeling_eurobert.EuroBertForQuestionAnswering"})),
        ("eurobert", json!({"AutoModelForPreTraining": "modeling_eurobert.EuroBertPreTrainedModel"})),
        ("phi3", json!({"AutoModelForCausalLM": "microsoft/Phi-3--modeling_phi3.Phi3ForCausalLM"})),
        ("falcon", json!({"AutoModelForQuestionAnswering": "modeling_falcon.FalconForQuestionAnswering"})),
        (
            "gemma3_text",
            json!({"AutoModel": "modeling.Gemma3TextModel", "AutoModelForCausalLM": "m.Gemma3ForCausalLM"}),
        ),
        ("llama", json!({"AutoModelForSequenceClassification": "modeling.LlamaForRewardModelWithGating"})),
        ("llama", json!({"AutoTokenizer": ["tokenization_own.OwnTokenizer", null]})),
    ] {
        plan(&json!({"model_type": model_type, "auto_map": auto_map})).unwrap();
    }
}

#[test]
fn code_of_another_architecture_is_refused_by_its_name() {
    for (model_type, auto_map, says) in [
        (
            "bert",
            json!({"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"}),
            "`auto_map.AutoModel` is `jinaai/jina-bert-implementation--modeling_bert.JinaBertModel`",
        ),
        (
            "bert",
            json!({"AutoModelForMaskedLM": "modeling_bert.JinaBertForMaskedLM"}),
            "`auto_map.AutoModelForMaskedLM`",
        ),
        ("llama", json!({"AutoModel": "modeling_llama_encoder.LlamaEncoderModel"}), "LlamaEncoderModel"),
        ("qwen2", json!({"AutoModelForCausalLM": 3}), "`auto_map.AutoModelForCausalLM`"),
    ] {
        let error = plan(&json!({"model_type": model_type, "auto_map": auto_map})).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.to_string().contains(says) && error.to_string().contains("use a model of one of"), "{error}");
    }
}
