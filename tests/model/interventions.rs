//! Interventions, against the same changes made by hand between two halves of the forward pass.

use candle_core::{Device, Tensor};
use eidos::{
    Activations, CollectOptions, Control, ErrorCode, Explainer, Granularity, Ica, IcaOptions, Inputs, Interventions,
    LoadOptions, LogitsOptions, SplitModel,
};

use crate::model::steer::bits;

const FIRST: &str = "model.layers.1";
const SECOND: &str = "model.layers.2.mlp";
const TEXTS: [&str; 4] = ["a warm and funny film", "", "what a waste of two hours", "dull"];

fn model(splits: &[&str]) -> SplitModel {
    let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    SplitModel::load("eidos:demo", splits, &whole, &Control::new()).unwrap()
}

fn inputs(model: &SplitModel) -> Inputs {
    model.inputs(&TEXTS, 0, &Control::new()).unwrap()
}

fn logits(model: &SplitModel, interventions: &Interventions) -> Activations {
    model.logits_of(&inputs(model), interventions, &LogitsOptions::default(), &Control::new()).unwrap()
}

fn all_tokens() -> CollectOptions {
    CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() }
}

fn rows_of(model: &SplitModel, at: usize) -> Activations {
    model.activations(&inputs(model), &all_tokens(), &Control::new()).unwrap().remove(at)
}

fn values(rows: &Activations) -> Vec<f32> {
    rows.rows(0, rows.row_count()).unwrap().to_vec()
}

fn direction(width: usize) -> Vec<f32> {
    (0..width).map(|column| (column as f32 * 0.7).sin()).collect()
}

fn explainer(model: &SplitModel) -> Explainer {
    let texts: Vec<String> =
        (0..60).map(|index| format!("The {index}th film was good, and {index} people cried.")).collect();
    let rows = model.activations(&texts, &CollectOptions::default(), &Control::new()).unwrap().remove(0);
    Explainer::fit::<Ica>(&rows, &IcaOptions::new(5), &Control::new()).unwrap()
}

/// The logits that follow from rows that were changed by hand.
fn from_rows(model: &SplitModel, path: &str, rows: &Activations, change: impl Fn(usize, &mut [f32])) -> Vec<u32> {
    let width = rows.column_count();
    let mut values = values(rows);
    values.chunks_exact_mut(width).enumerate().for_each(|(row, values)| change(row, values));
    let inputs = inputs(model);
    let sequences: Vec<&[u32]> = (0..inputs.text_count()).map(|text| inputs.token_ids(text)).collect();
    let rows = Tensor::from_vec(values, (rows.row_count(), width), &Device::Cpu).unwrap();
    let logits = model.logits_from(path, &rows, &sequences).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    logits.iter().map(|logit| logit.to_bits()).collect()
}

#[test]
fn a_direction_is_added_to_all_tokens_or_to_those_that_are_named() {
    let model = model(&[FIRST]);
    let rows = rows_of(&model, 0);
    let direction = direction(rows.column_count());
    for tokens in [None, Some(&[0, 3, 9, 3][..]), Some(&[][..])] {
        let interventions = Interventions::new().add(FIRST, &direction, 2.5, tokens).unwrap();
        let expected = from_rows(&model, FIRST, &rows, |row, values| {
            if tokens.is_none_or(|tokens| tokens.contains(&row)) {
                values.iter_mut().zip(&direction).for_each(|(value, step)| *value += 2.5 * step);
            }
        });
        assert!(bits(&logits(&model, &interventions)) == expected, "{tokens:?}");
    }
}

#[test]
fn a_concept_is_taken_out_of_rows_or_set() {
    let model = model(&[FIRST]);
    let (rows, explainer) = (rows_of(&model, 0), explainer(&model));
    let width = rows.column_count();
    let set = |concept: usize, wanted: f32| {
        from_rows(&model, FIRST, &rows, |_, values| {
            let mut codes = vec![0.0; explainer.concept_count()];
            explainer.encode(values, &mut codes).unwrap();
            let missing = wanted - codes[concept];
            let added = &explainer.dictionary()[concept * width..][..width];
            values.iter_mut().zip(added).for_each(|(value, added)| *value += missing * added);
        })
    };
    let ablated = Interventions::new().ablate(FIRST, &explainer, 2, None).unwrap();
    assert!(bits(&logits(&model, &ablated)) == set(2, 0.0));
    let clamped = Interventions::new().clamp(FIRST, &explainer, 4, 3.5, None).unwrap();
    assert!(bits(&logits(&model, &clamped)) == set(4, 3.5));

    // What is left has that activation, and the same others.
    let codes = |interventions: &Interventions| {
        let found = model.activations_under(&inputs(&model), interventions, &all_tokens(), &Control::new()).unwrap();
        let mut codes = vec![0.0; found[0].row_count() * explainer.concept_count()];
        explainer.encode(&values(&found[0]), &mut codes).unwrap();
        codes
    };
    let before = codes(&Interventions::new());
    for (place, (before, after)) in before.iter().zip(codes(&clamped)).enumerate() {
        let expected = if place % explainer.concept_count() == 4 { 3.5 } else { *before };
        assert!((after - expected).abs() < 1e-3, "{after} instead of {expected}");
    }
}

#[test]
fn several_follow_one_another_and_reach_the_modules_behind_them() {
    let model = model(&[FIRST, SECOND]);
    let (rows, explainer) = (rows_of(&model, 0), explainer(&model));
    let direction = direction(rows.column_count());
    let both = Interventions::new()
        .add(FIRST, &direction, -1.0, None)
        .unwrap()
        .ablate("1", &explainer, 0, Some(&[1, 2]))
        .unwrap()
        .add(SECOND, &direction, 4.0, Some(&[5]))
        .unwrap();
    // By hand: the first two at one module, then the rows of the second module under them.
    let single = SplitModel::load(
        "eidos:demo",
        &[SECOND],
        &LoadOptions { whole: true, ..LoadOptions::default() },
        &Control::new(),
    )
    .unwrap();
    let first = Interventions::new().add(FIRST, &direction, -1.0, None).unwrap();
    let first = first.ablate(FIRST, &explainer, 0, Some(&[1, 2])).unwrap();
    let under = single.activations_under(&inputs(&single), &first, &all_tokens(), &Control::new()).unwrap().remove(0);
    let mut changed = values(&under);
    let width = under.column_count();
    changed[5 * width..6 * width].iter_mut().zip(&direction).for_each(|(value, step)| *value += 4.0 * step);
    let rows = Activations::from_rows(changed, width, None).unwrap();
    let expected = bits(&logits(&model, &first.clone().replace(SECOND, &rows)));
    assert!(bits(&logits(&model, &both)) == expected);
    assert!(expected != bits(&logits(&model, &first)));
    // The same bits whatever the batches and threads, and wherever the logits go.
    for (batch_tokens, threads, memory_limit) in [(1, 2, u64::MAX), (9, 3, 0)] {
        let options = LogitsOptions { batch_tokens, threads, memory_limit, ..LogitsOptions::default() };
        let again = model.logits_of(&inputs(&model), &both, &options, &Control::new()).unwrap();
        assert!(bits(&again) == expected);
    }
    // Rows that replace others undo what comes before them at that module and in front of it.
    let plain = rows_of(&model, 0);
    let undone = Interventions::new().add("0", &direction, 9.0, None).unwrap().replace(FIRST, &plain);
    assert!(bits(&logits(&model, &undone)) == bits(&logits(&model, &Interventions::new())));
}

#[test]
fn activations_under_interventions_go_into_folders_of_their_own() {
    let model = model(&[SECOND]);
    let folder = tempfile::tempdir().unwrap();
    let options = CollectOptions { folder: Some(folder.path().to_owned()), ..CollectOptions::default() };
    let width = model.split_points()[0].width;
    let steer = |scale: f32| Interventions::new().add(FIRST, &direction(width), scale, None).unwrap();
    let collect = |interventions: &Interventions| {
        model.activations_under(&inputs(&model), interventions, &options, &Control::new()).map(|found| bits(&found[0]))
    };
    let found = collect(&steer(2.0)).unwrap();
    assert!(collect(&steer(2.0)).unwrap() == found);
    for other in [steer(3.0), Interventions::new(), steer(2.0).add("0", &direction(width), 1.0, None).unwrap()] {
        assert_eq!(collect(&other).unwrap_err().code(), ErrorCode::Mismatch);
    }
}

#[test]
fn inputs_are_those_of_the_models_tokenizer() {
    let (model, other) = (model(&[FIRST]), crate::model::steer::classifier().0);
    let error = model.activations(&inputs(&other), &CollectOptions::default(), &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Mismatch, "{error}");
    assert!(error.to_string().contains("another tokenizer"), "{error}");
    assert!(
        model.logits_of(&inputs(&other), &Interventions::new(), &LogitsOptions::default(), &Control::new()).is_err()
    );
    // Another model of the same tokenizer reads them.
    let again = SplitModel::load("eidos:demo", &[SECOND], &LoadOptions::default(), &Control::new()).unwrap();
    assert!(again.activations(&inputs(&model), &CollectOptions::default(), &Control::new()).is_ok());
}

#[test]
fn inputs_have_texts_tokens_and_nuls() {
    let model = model(&[FIRST]);
    let texts = ["a\0film", ""];
    let inputs = model.inputs(&texts, 2, &Control::new()).unwrap();
    assert_eq!((inputs.text_count(), inputs.text(0), inputs.text(2)), (2, Some("a\0film"), None));
    let ids: Vec<u32> = model.tokenizer().unwrap().tokens(texts[0]).unwrap().iter().map(|token| token.id).collect();
    assert_eq!(inputs.token_ids(0), ids);
    assert_eq!(inputs.token_count(), ids.len() + inputs.token_ids(1).len());
    assert!(inputs.token_ids(7).is_empty());
    let found = model.activations(&inputs, &all_tokens(), &Control::new()).unwrap().remove(0);
    assert_eq!((found.row_count(), found.texts().get(0)), (inputs.token_count(), "a\0film"));
}

#[test]
fn what_does_not_fit_is_refused_before_the_model_runs() {
    let model = model(&[FIRST]);
    let (rows, explainer) = (rows_of(&model, 0), explainer(&model));
    let direction = direction(rows.column_count());
    let new = Interventions::new;
    let refused = |model: &SplitModel, interventions: &Interventions, code, says: &str| {
        let error =
            model.logits_of(&inputs(model), interventions, &LogitsOptions::default(), &Control::new()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    let wrong = ErrorCode::InvalidArgument;
    let add = |path: &str, direction: &[f32]| new().add(path, direction, 1.0, None).unwrap();
    refused(&model, &add("model.layers.9", &direction), ErrorCode::UnknownModule, "model.layers.");
    refused(&model, &add(FIRST, &direction[1..]), wrong, "the direction has");
    refused(&model, &add("model.rotary_emb", &direction), wrong, "model.rotary_emb");
    refused(&model, &new().ablate("model.layers.1.mlp.up_proj", &explainer, 0, None).unwrap(), wrong, "explainer");
    let beyond = inputs(&model).token_count();
    refused(&model, &new().add(FIRST, &direction, 1.0, Some(&[2, beyond])).unwrap(), wrong, "token");
    let narrow = Activations::from_rows(vec![1.0; 6], 3, None).unwrap();
    refused(&model, &new().replace(FIRST, &narrow), wrong, "the rows have 3 columns");

    let fails = |result: eidos::Result<Interventions>, code, says: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    fails(new().add(FIRST, &[], 1.0, None), wrong, "no values");
    fails(new().add(FIRST, &[0.0, f32::NAN], 1.0, None), ErrorCode::InvalidData, "column 1");
    fails(new().add(FIRST, &[0.0, 1.0], f32::INFINITY, None), ErrorCode::InvalidData, "not finite");
    fails(new().ablate(FIRST, &explainer, 5, None), wrong, "there is no concept 5: the explainer has 5");
    fails(new().clamp(FIRST, &explainer, 0, f32::NAN, None), ErrorCode::InvalidData, "NaN");
    let split = SplitModel::load("eidos:demo", &[FIRST], &LoadOptions::default(), &Control::new()).unwrap();
    refused(&split, &add(FIRST, &direction), wrong, "only as far as its split points");
}

#[test]
fn rows_are_replaced_by_what_an_explainer_reconstructs_of_them() {
    let model = model(&[FIRST]);
    let (rows, explainer) = (rows_of(&model, 0), explainer(&model));
    let by_hand = from_rows(&model, FIRST, &rows, |_, values| {
        let mut codes = vec![0.0; explainer.concept_count()];
        explainer.encode(values, &mut codes).unwrap();
        explainer.decode(&codes, values).unwrap();
    });
    let spliced = Interventions::new().reconstruct(FIRST, &explainer, None).unwrap();
    let spliced = bits(&logits(&model, &spliced));
    assert!(spliced == by_hand && spliced != bits(&logits(&model, &Interventions::new())));
    // None of the rows, and rows of another width.
    let none = Interventions::new().reconstruct(FIRST, &explainer, Some(&[])).unwrap();
    assert!(bits(&logits(&model, &none)) == bits(&logits(&model, &Interventions::new())));
    let dictionary = vec![0.5; 10];
    let parts = eidos::AutoencoderParts {
        transcoder: true,
        ..eidos::AutoencoderParts::new(dictionary.clone(), dictionary, 5, eidos::SaeActivation::Relu)
    };
    let error = Interventions::new().reconstruct(FIRST, &parts.explainer().unwrap(), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
}
