//! Collecting on a GPU: a real one, or the emulated one of `tests/cuda/emulator`. Where there is none, each test says that it did
//! not run.

use eidos::{
    Activations, Aggregation, CollectOptions, Control, DeviceChoice, ErrorCode, Granularity, LoadOptions, Rows,
    SplitModel,
};

const SPLITS: [&str; 2] = ["0", "model.layers.1.mlp"];

fn load(device: DeviceChoice) -> eidos::Result<SplitModel> {
    SplitModel::load("eidos:demo", &SPLITS, &LoadOptions { device, ..LoadOptions::default() }, &Control::new())
}

/// The demo model on the first GPU.
fn on_device() -> Option<SplitModel> {
    match load(DeviceChoice::Cuda(0)) {
        Ok(model) => Some(model),
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::Device, "{error}");
            eprintln!("not tested on a device: {error}");
            None
        }
    }
}

fn texts() -> Vec<String> {
    let film = ["a warm and funny film", "dull", "", "the plot, which is thin, goes nowhere at all and takes its time"];
    (0..60).map(|index| film[index % film.len()].repeat(1 + index / 9)).collect()
}

fn collected(model: &SplitModel, options: &CollectOptions) -> Vec<Activations> {
    model.activations(&texts(), options, &Control::new()).unwrap()
}

fn values(matrices: &[Activations]) -> Vec<Vec<f32>> {
    let values = |rows: &Activations| {
        let mut values = vec![0.0; rows.row_count() * rows.column_count()];
        rows.copy_rows(0, &mut values).unwrap();
        values
    };
    matrices.iter().map(values).collect()
}

#[test]
fn rows_are_those_of_the_processor_and_the_same_bits_whatever_the_batch() {
    let Some(model) = on_device() else { return };
    let processor = load(DeviceChoice::Cpu).unwrap();
    let cases = [
        (Granularity::Word, Aggregation::Mean),
        (Granularity::AllTokens, Aggregation::First),
        (Granularity::Sample, Aggregation::SignedMax),
        (Granularity::Sentence, Aggregation::Last),
    ];
    for (granularity, aggregation) in cases {
        let options = CollectOptions { granularity, aggregation, ..CollectOptions::default() };
        let (ours, theirs) = (values(&collected(&model, &options)), values(&collected(&processor, &options)));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let largest = theirs.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let difference =
                ours.iter().zip(theirs).fold(0.0_f32, |most, (ours, theirs)| most.max((ours - theirs).abs()));
            assert!(difference <= 2e-5 * largest, "{granularity:?}: {difference:e} of {largest:e}");
        }
        for device_batch_tokens in [1, 50, 300] {
            let options = CollectOptions { device_batch_tokens, ..options.clone() };
            assert!(values(&collected(&model, &options)) == ours, "{granularity:?} {device_batch_tokens}");
        }
    }
}

#[test]
fn rows_that_stay_and_rows_of_a_stream_are_the_same_bits() {
    let Some(model) = on_device() else { return };
    let expected = values(&collected(&model, &CollectOptions::default()));
    let small = CollectOptions { shard_bytes: 20_000, device_batch_tokens: 100, ..CollectOptions::default() };
    for keep_on_device in [true, false] {
        let options = CollectOptions { keep_on_device, ..small.clone() };
        let at_once = collected(&model, &options);
        let streamed = model.stream_activations(texts().into_iter().map(Ok), &options, &Control::new()).unwrap();
        for rows in [&at_once, &streamed] {
            assert!(rows.iter().all(|rows| rows.is_on_device() == keep_on_device));
            assert!(values(rows) == expected);
        }
    }
    // One tile, and then all rows, of which there is one copy.
    let kept = &collected(&model, &CollectOptions { keep_on_device: true, ..small })[0];
    let width = kept.column_count();
    assert_eq!(kept.tile(5, 3, &mut Vec::new()).unwrap(), &expected[0][5 * width..8 * width]);
    assert!(std::ptr::eq(kept.rows(0, 1).unwrap(), kept.rows(0, 1).unwrap()));
}

#[test]
fn threads_share_a_model_and_models_share_a_device() {
    let Some(model) = on_device() else { return };
    let another = on_device().unwrap();
    let options = CollectOptions { device_batch_tokens: 100, ..CollectOptions::default() };
    let expected = values(&collected(&model, &options));
    let options = &options;
    std::thread::scope(|scope| {
        let start = |model| scope.spawn(move || values(&collected(model, options)));
        for thread in [&model, &model, &another].map(start) {
            assert!(thread.join().unwrap() == expected);
        }
    });
}

#[test]
fn a_cancel_in_the_middle_leaves_a_model_that_works() {
    let Some(model) = on_device() else { return };
    let options = CollectOptions { device_batch_tokens: 50, ..CollectOptions::default() };
    let expected = values(&collected(&model, &options));
    for keep_on_device in [false, true] {
        let control = Control::new();
        let watcher = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == eidos::Stage::Forward && progress.done > 200 {
                watcher.cancel();
            }
        })));
        let options = CollectOptions { keep_on_device, ..options.clone() };
        let error = model.activations(&texts(), &options, &control).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
        assert!(values(&collected(&model, &options)) == expected);
    }
}
