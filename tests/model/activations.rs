//! Activations are those of transformers, at every module.

use eidos::model::{HeadChoice, LoadOptions};

use crate::golden::{self, VARIANTS, difference, values};

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

#[test]
fn every_module_of_every_variant_gives_what_transformers_gives() {
    for (family, variants) in VARIANTS {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for variant in *variants {
            let expected = golden::expected(family, variant);
            let listing = golden::listing(family, variant);
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let model =
                golden::load(family, variant, golden::weights_of(variant), &splits, &LoadOptions::default()).unwrap();
            let outputs = model.forward(&sequences).unwrap();
            let (mut compared, mut worst) = (0, 0.0_f32);
            for (path, output) in splits.iter().zip(&outputs) {
                let mut start = 0;
                for (text, ids) in texts.iter().enumerate() {
                    let ours = output.narrow(0, start, ids.len()).unwrap();
                    start += ids.len();
                    let twin = listing.iter().find(|m| m.path == *path).and_then(|m| m.same_as.as_deref());
                    let mut names = [Some(*path), twin].into_iter().flatten();
                    let Some(theirs) = names.find_map(|name| expected.get(&format!("{text}/{name}"))) else {
                        continue;
                    };
                    let difference = difference(&ours, theirs);
                    assert!(difference <= BOUND, "{family} {variant} {path} text {text}: {difference:e}");
                    compared += 1;
                    worst = worst.max(difference);
                }
            }
            println!("{family} {variant}: {compared} compared, worst {worst:.1e}");
            let rest = expected.keys().filter(|name| !name.ends_with("/logits")).count();
            assert!(compared >= rest, "{family} {variant}: {compared} of {rest} compared");
        }
    }
}

#[test]
fn logits_of_classifiers_are_those_of_transformers() {
    for (family, variant) in [
        ("eurobert", "classify_late"),
        ("eurobert", "classify_bos"),
        ("eurobert", "classify_mean"),
        ("bert", "classify"),
    ] {
        let options = LoadOptions { whole: true, ..LoadOptions::default() };
        let model = golden::load(family, variant, "weights", &[], &options).unwrap();
        let expected = golden::expected(family, variant);
        for (text, ids) in golden::texts(family).iter().enumerate() {
            let ours = model.logits(ids).unwrap().squeeze(0).unwrap();
            let difference = difference(&ours, &expected[&format!("{text}/logits")]);
            assert!(difference <= BOUND, "{family} {variant} text {text}: {difference:e}");
        }
    }
}

#[test]
fn half_precision_copies_and_older_names_give_the_same_bits() {
    let base = LoadOptions { head: HeadChoice::Base, ..LoadOptions::default() };
    for (family, copy, path) in
        [("eurobert", "weights_bf16_sharded", "layers.2"), ("bert", "weights_f16_sharded", "encoder.layer.2")]
    {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let of = |weights| {
            let model = golden::load(family, "masked_lm", weights, &[path], &base).unwrap();
            values(&model.forward(&sequences).unwrap()[0])
        };
        assert_eq!(of("weights"), of(copy), "{family}");
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
