//! What a model loses through an explainer, against forward hooks in transformers, which computes in double precision.

use eidos::metrics::{ModelMetrics, ModelMetricsOptions, compare_through_model};
use eidos::{
    CollectOptions, Control, Dictionary, ErrorCode, Explainer, Granularity, LoadOptions, LogitsOptions, Neurons,
    NeuronsOptions, Pca, PcaOptions, SplitModel,
};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::model::golden;

/// The concepts of `interventions`.
fn concepts(family: &str) -> Explainer {
    let path = golden::folder(family).join(format!("../../interventions/{family}.safetensors"));
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        let data = tensors.tensor(name).unwrap();
        data.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let width = numbers("direction").len();
    let dictionary = Dictionary::new(numbers("dictionary"), numbers("encoder"), width);
    Dictionary { bias: numbers("bias"), offset: numbers("offset"), ..dictionary }.explainer().unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    // Logits are 32-bit floats, 2e-5 of the largest of them apart.
    assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{what}: {found} instead of {expected}");
}

#[test]
fn losses_and_divergences_are_those_of_hooks_in_transformers() {
    let path = golden::folder("bert").join("../../model_metrics/expected.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let (family, variant) = (text("family"), text("variant"));
        let whole = LoadOptions { whole: true, ..LoadOptions::default() };
        let weights = golden::weights_of(family, variant);
        let model = golden::load(family, variant, &weights, &[text("split_point")], &whole).unwrap();
        // Only ids are read, so that any tokenizer will do.
        let json = std::fs::read(golden::folder("bert").join("tokenizer/tokenizer.json")).unwrap();
        let model = model.with_tokenizer(eidos::text::Tokenizer::from_parts(&json, None, None, None).unwrap());
        let ids: Vec<Vec<u32>> = golden::texts(family).into_iter().filter(|ids| !ids.is_empty()).collect();
        let inputs = model.inputs_from_token_ids(&ids.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        let explainer = concepts(family);
        let mut all = Vec::new();
        for threads in [1, 3] {
            let options = ModelMetricsOptions {
                labels: serde_json::from_value(case["labels"].clone()).unwrap(),
                logits: LogitsOptions { threads, ..LogitsOptions::default() },
            };
            let control = Control::new();
            let found =
                compare_through_model(&model, &inputs, text("split_point"), &[&explainer], &options, &control).unwrap();
            let json = found.to_json().unwrap();
            all.push((found, json));
        }
        assert_eq!(all[0].1, all[1].1, "{family}: 3 threads");
        let found: &ModelMetrics = &all[0].0;
        assert_eq!(
            (found.predicted, Some(found.prediction_count as u64)),
            (text("predicted"), case["predictions"].as_u64())
        );
        let (losses, divergences, spliced) = (&case["losses"], &case["divergences"], &found.explainers[0]);
        for (value, name) in [
            (found.loss.original, "original"),
            (found.loss.mean, "mean"),
            (found.loss.zero, "zero"),
            (spliced.loss, "spliced"),
        ] {
            assert_close(value, &losses[name], &format!("{family} {variant}: loss, {name}"));
        }
        for (value, name) in
            [(found.divergence.mean, "mean"), (found.divergence.zero, "zero"), (spliced.divergence, "spliced")]
        {
            assert_close(value, &divergences[name], &format!("{family} {variant}: divergence, {name}"));
        }
        assert!(found.divergence.original.abs() < 1e-12);
        assert_close(spliced.same_prediction, &case["same"], "same");
        assert_close(spliced.logit_error, &case["logit_error"], "logit_error");
        let of = |name: &str| losses[name].as_f64().unwrap();
        let recovered = (of("zero") - of("spliced")) / (of("zero") - of("original"));
        assert!((spliced.loss_recovered - recovered).abs() < 1e-2 * recovered.abs().max(1.0), "{family}: {spliced:?}");
    }
}

#[cfg(feature = "demo-model")]
#[test]
fn rows_that_are_put_back_lose_nothing_and_fewer_components_lose_more() {
    let control = Control::new();
    let whole = LoadOptions { whole: true, ..LoadOptions::default() };
    let model = SplitModel::load("eidos:demo", &["0", "1"], &whole, &control).unwrap();
    let texts: Vec<String> =
        (0..20).map(|number| format!("film {number} was warm, funny and a little too long")).collect();
    let inputs = model.inputs(&texts, 0, &control).unwrap();
    let collect = CollectOptions { granularity: Granularity::AllTokens, ..CollectOptions::default() };
    let rows = &model.activations(&inputs, &collect, &control).unwrap()[1];
    let neurons = Explainer::fit::<Neurons>(rows, &NeuronsOptions::default(), &control).unwrap();
    let [many, few] = [40, 2].map(|count| Explainer::fit::<Pca>(rows, &PcaOptions::new(count), &control).unwrap());
    let measure = |explainers: &[&Explainer], options: &ModelMetricsOptions| {
        compare_through_model(&model, &inputs, "1", explainers, options, &control)
    };
    let found = measure(&[&neurons, &many, &few], &ModelMetricsOptions::default()).unwrap();
    let [own, many, few] = &found.explainers[..] else { panic!("{found:?}") };
    assert_eq!(
        (own.loss.to_bits(), own.divergence.to_bits()),
        (found.loss.original.to_bits(), found.divergence.original.to_bits())
    );
    assert!((own.loss_recovered - 1.0).abs() < 1e-12 && (own.same_prediction - 1.0).abs() < 1e-12, "{own:?}");
    assert!(
        many.divergence < few.divergence && many.divergence_recovered > few.divergence_recovered,
        "{many:?} {few:?}"
    );
    assert!(few.divergence < found.divergence.zero);
    // Texts in parts: a batch of one token each is the same as all at once.
    let small = ModelMetricsOptions {
        logits: LogitsOptions { batch_tokens: 1, memory_limit: 0, ..LogitsOptions::default() },
        ..ModelMetricsOptions::default()
    };
    let again = measure(&[&neurons], &small).unwrap();
    assert_eq!((again.loss, again.divergence), (found.loss, found.divergence));

    let refused = |explainers: &[&Explainer], path: &str, options: &ModelMetricsOptions| {
        let error = compare_through_model(&model, &inputs, path, explainers, options, &control).unwrap_err();
        assert!(!error.hint_text().is_empty(), "{error}");
        (error.code(), error.to_string())
    };
    let defaults = ModelMetricsOptions::default();
    assert_eq!(refused(&[], "1", &defaults).0, ErrorCode::InvalidArgument);
    assert_eq!(refused(&[&neurons], "nowhere", &defaults).0, ErrorCode::UnknownModule);
    let (code, message) = refused(&[&neurons], "model.layers.1.mlp", &defaults);
    assert!(code == ErrorCode::InvalidArgument && message.contains("no split point"), "{message}");
    let labels = ModelMetricsOptions { labels: vec![1; 20], ..defaults.clone() };
    assert!(refused(&[&neurons], "1", &labels).1.contains("does not classify texts"));
    let cancelled = Control::new();
    cancelled.cancel();
    let error = compare_through_model(&model, &inputs, "1", &[&neurons], &defaults, &cancelled).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}
