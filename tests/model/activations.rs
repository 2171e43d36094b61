//! Activations are those of transformers, at every module.

use eidos::model::{HeadChoice, LoadOptions};

use crate::golden::{self, difference, values};
use crate::half;
use crate::table::{Table, kind_of_split};

/// The bound of the project: the largest difference over the largest value.
const BOUND: f32 = 2e-5;

#[test]
fn every_module_of_every_variant_gives_what_transformers_gives() {
    let mut table = Table::default();
    for (family, variants) in &golden::variants() {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for variant in variants {
            let expected = golden::expected(family, variant);
            let listing = golden::listing(family, variant);
            let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
            let weights = golden::weights_of(family, variant);
            let options = LoadOptions { whole: true, ..LoadOptions::default() };
            let model = golden::load(family, variant, &weights, &splits, &options).unwrap();
            let outputs = model.forward(&sequences).unwrap();
            let mut compared = 0;
            for (path, output) in splits.iter().zip(&outputs) {
                let module = listing.iter().find(|m| m.path == *path).unwrap();
                let mut start = 0;
                for (text, ids) in texts.iter().enumerate() {
                    let ours = output.narrow(0, start, ids.len()).unwrap();
                    start += ids.len();
                    let mut names = [Some(*path), module.same_as.as_deref()].into_iter().flatten();
                    let Some(theirs) = names.find_map(|name| expected.get(&format!("{text}/{name}"))) else {
                        continue;
                    };
                    let difference = difference(&ours, theirs);
                    assert!(difference <= BOUND, "{family} {variant} {path} text {text}: {difference:e}");
                    table.add(family, kind_of_split(module), difference);
                    compared += 1;
                }
            }
            for (text, ids) in texts.iter().enumerate() {
                let Some(theirs) = expected.get(&format!("{text}/logits")) else { continue };
                let ours = model.logits(ids).unwrap();
                let ours = if theirs.dims().len() == 1 { ours.squeeze(0).unwrap() } else { ours };
                let difference = difference(&ours, theirs);
                assert!(difference <= BOUND, "{family} {variant} logits of text {text}: {difference:e}");
                table.add(family, "logits", difference);
                compared += 1;
            }
            assert!(compared >= expected.len(), "{family} {variant}: {compared} of {} compared", expected.len());
        }
        for (kind, difference) in half::differences(family) {
            table.add(family, kind, difference);
        }
    }
    table.check();
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
