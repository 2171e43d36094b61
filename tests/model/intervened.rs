//! Interventions against forward hooks in transformers, which computes in double precision.

use eidos::{Control, Dictionary, Interventions, LoadOptions, LogitsOptions};
use safetensors::SafeTensors;

use crate::model::golden;

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

#[test]
fn directions_and_concepts_change_logits_as_hooks_in_transformers_do() {
    for (family, variant, first, second) in [
        ("bert", "masked_lm", "bert.encoder.layer.0.output", "bert.encoder.layer.1"),
        ("gpt2", "causal_lm", "transformer.h.0.mlp", "transformer.h.1"),
        ("llama", "causal_lm", "model.layers.0.mlp", "model.layers.1"),
        ("t5", "seq2seq_lm", "encoder.block.0", "decoder.block.1"),
    ] {
        let whole = LoadOptions { whole: true, ..LoadOptions::default() };
        let model = golden::load(family, variant, &golden::weights_of(family, variant), &[], &whole).unwrap();
        // Only ids are read, so that any tokenizer will do.
        let json = std::fs::read(golden::folder("bert").join("tokenizer/tokenizer.json")).unwrap();
        let tokenizer = eidos::text::Tokenizer::from_parts(&json, None, None, None).unwrap();
        let model = model.with_tokenizer(tokenizer);
        let ids = &golden::texts(family)[0];
        let inputs = model.inputs_from_token_ids(&[ids]).unwrap();

        let path = golden::folder(family).join(format!("../../interventions/{family}.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = |name: &str| -> Vec<f32> {
            let data = tensors.tensor(name).unwrap();
            data.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
        };
        let direction = numbers("direction");
        let explainer = Dictionary {
            bias: numbers("bias"),
            offset: numbers("offset"),
            ..Dictionary::new(numbers("dictionary"), numbers("encoder"), direction.len())
        }
        .explainer()
        .unwrap();
        let add = |list: Interventions| list.add(first, &direction, 3.0, Some(&[1, 2])).unwrap();
        let ablate = |list: Interventions| list.ablate(second, &explainer, 1, None).unwrap();
        let clamp = |list: Interventions| list.clamp(second, &explainer, 2, -2.5, None).unwrap();
        for (name, interventions) in [
            ("plain", Interventions::new()),
            ("added", add(Interventions::new())),
            ("ablated", ablate(Interventions::new())),
            ("clamped", clamp(Interventions::new())),
            ("all", clamp(ablate(add(Interventions::new())))),
        ] {
            let logits = model.logits_of(&inputs, &interventions, &LogitsOptions::default(), &Control::new()).unwrap();
            let ours = logits.rows(0, logits.row_count()).unwrap();
            let theirs = numbers(name);
            assert_eq!(ours.len(), theirs.len(), "{family} {name}");
            let largest = theirs.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let difference =
                ours.iter().zip(&theirs).fold(0.0_f32, |most, (ours, theirs)| most.max((ours - theirs).abs()));
            assert!(difference <= BOUND * largest, "{family} {name}: {difference:e} of {largest}");
        }
    }
}
