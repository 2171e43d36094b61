//! Times of Eidos on the device, for the table of the kit; the peers are in `benches/cuda`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use eidos::concepts::Explainer;
use eidos::model::Precision;
use eidos::{Activations, CollectOptions, Control, Granularity, Ica, IcaOptions, SplitModel};
use serde_json::{Value, json};

use crate::kit::Kit;

/// How many rows go to the file that is compared with the peer's, which takes as many.
const SAMPLE: usize = 512;

fn precision(kit: &Kit) -> Precision {
    match kit.word("type") {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        other => panic!("--type {other}: f32 or bf16"),
    }
}

fn load(kit: &Kit) -> SplitModel {
    let options = kit.options(precision(kit));
    SplitModel::load(kit.word("model"), &[kit.word("split")], &options, &Control::new()).unwrap()
}

fn read_texts(kit: &Kit) -> Vec<String> {
    let content = std::fs::read_to_string(kit.word("texts")).unwrap();
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    content.lines().map(text).collect()
}

fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

fn write(path: &str, rows: &Activations, step: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for row in (0..rows.row_count()).step_by(step) {
        file.write_all(bytemuck::cast_slice(rows.rows(row, 1).unwrap())).unwrap();
    }
    file.flush().unwrap();
}

/// From texts to the rows of their words on the host.
pub fn rows(kit: &Kit) {
    let (model, texts) = (load(kit), read_texts(kit));
    let control = Control::new();
    let mut best: Option<(f64, Value)> = None;
    let mut found = None;
    let budgets = kit.word("batch-tokens").split(',').map(|budget| budget.parse().unwrap());
    let default = CollectOptions::default().device_batch_tokens;
    for batch_tokens in budgets.map(|budget: usize| if budget == 0 { default } else { budget }) {
        let options =
            CollectOptions { device_batch_tokens: batch_tokens, memory_limit: 64 << 30, ..CollectOptions::default() };
        let collect = || model.activations(&texts, &options, &control).unwrap().remove(0);
        collect();
        let mut times = Vec::new();
        for _ in 0..kit.number("repeat", 5) {
            drop(found.take());
            let (rows, time) = seconds(|| {
                let rows = collect();
                // On the host, wherever a device keeps them.
                rows.rows(0, 1).unwrap();
                rows
            });
            times.push(time);
            found = Some(rows);
        }
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        if best.as_ref().is_none_or(|(least, _)| median < *least) {
            best = Some((median, json!({"seconds": times, "batch_tokens": batch_tokens})));
        }
    }
    let (rows, (_, mut best)) = (found.unwrap(), best.unwrap());
    let finite =
        (0..rows.row_count()).step_by(97).all(|row| rows.rows(row, 1).unwrap().iter().all(|value| value.is_finite()));
    let encoded = model.tokenizer().unwrap().encode_texts(&texts, Granularity::AllTokens, 0, &control).unwrap();
    let lengths: Vec<usize> = (0..texts.len()).map(|text| encoded.ids(text).len()).collect();
    best["tokens"] = json!(encoded.token_count());
    best["squared_lengths"] = json!(lengths.iter().map(|length| length * length).sum::<usize>());
    best["rows"] = json!([rows.row_count(), rows.column_count()]);
    kit.check("rows", finite && rows.row_count() > 0, format!("{} rows of {}", rows.row_count(), rows.column_count()));
    if kit.is("rows") {
        write(kit.word("rows"), &rows, (rows.row_count() / SAMPLE).max(1));
    }
    if kit.is("all-rows") {
        write(kit.word("all-rows"), &rows, 1);
    }
    kit.measured(kit.word("name"), &best);
}

/// ICA on rows of a file, which begin on the host.
pub fn ica(kit: &Kit) {
    let bytes = std::fs::read(kit.word("rows")).unwrap();
    let values =
        bytes.chunks_exact(4).map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect();
    let columns = kit.number("columns", 0);
    let rows = Activations::from_rows(values, columns, None).unwrap();
    let options = IcaOptions { device: kit.device, ..IcaOptions::new(kit.number("concepts", 50)) };
    let fit = || Explainer::fit::<Ica>(&rows, &options, &Control::new()).unwrap();
    let mut times = Vec::new();
    let mut fitted = fit();
    for _ in 0..kit.number("repeat", 3) {
        let (explainer, time) = seconds(fit);
        times.push(time);
        fitted = explainer;
    }
    kit.check(
        "fit",
        fitted.dictionary().iter().all(|value| value.is_finite()),
        format!("{} iterations", fitted.report().steps),
    );
    std::fs::write(kit.word("directions"), bytemuck::cast_slice(fitted.dictionary())).unwrap();
    kit.measured(
        "ica",
        &json!({"seconds": times, "iterations": fitted.report().steps, "rows": [rows.row_count(), columns]}),
    );
}

/// What a part took, in seconds: of the clock, and of all cores for the program and for the system.
fn spent<T>(work: impl FnOnce() -> T) -> (T, Value) {
    /// Ticks of the counters of a process in a second.
    const TICKS: f64 = 100.0;
    let counters = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in parentheses, may have spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        [11, 12].map(|field| fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default() / TICKS)
    };
    let before = counters();
    let (result, clock) = seconds(work);
    let after = counters();
    (result, json!({"seconds": clock, "program": after[0] - before[0], "system": after[1] - before[1]}))
}

/// Where the time of word activations goes: the parts alone, one after the other, beside the whole, where they overlap.
pub fn profile(kit: &Kit) {
    let (model, texts) = (load(kit), read_texts(kit));
    let control = Control::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads = vec![1, 4.min(cores), cores];
    threads.dedup();
    let tokenise = |threads: usize| spent(|| model.inputs(&texts, threads, &control).unwrap()).1;
    let tokenise: Vec<Value> = threads.iter().map(|&threads| json!([threads, tokenise(threads)])).collect();
    let inputs = model.inputs(&texts, 0, &control).unwrap();
    let (_, cut) = spent(|| model.tokenizer().unwrap().cut(&inputs, Granularity::Word, &control).unwrap());
    let budget = kit.number("batch-tokens", 8192);
    let options = CollectOptions { device_batch_tokens: budget, memory_limit: 64 << 30, ..CollectOptions::default() };
    let kept = CollectOptions { keep_on_device: true, ..options.clone() };
    model.activations(&inputs, &options, &control).unwrap();
    let (_, collect_kept) = spent(|| model.activations(&inputs, &kept, &control).unwrap());
    let (_, collect) = spent(|| model.activations(&inputs, &options, &control).unwrap());
    let (_, whole) = spent(|| model.activations(&texts, &options, &control).unwrap());
    let lengths: Vec<usize> = (0..inputs.text_count()).map(|text| inputs.token_ids(text).len()).collect();
    let batches = eidos::model::plan_batches(&lengths, budget);
    // One batch alone, between marks that a profiler knows; a value on the host says that it is done.
    let batch: Vec<&[u32]> = batches[batches.len() / 2].iter().map(|text| inputs.token_ids(*text)).collect();
    let run = |batch: &[&[u32]]| {
        let output = model.forward(batch).unwrap().remove(0);
        output.get(0).unwrap().narrow(0, 0, 1).unwrap().force_contiguous().unwrap().to_vec1::<f32>().unwrap();
    };
    run(&batch);
    marks::begin();
    let ((), one) = seconds(|| run(&batch));
    marks::end();
    let mut forward = 0.0;
    if !kit.is("one-batch") {
        let all = |batch: &Vec<usize>| batch.iter().map(|text| inputs.token_ids(*text)).collect::<Vec<_>>();
        forward = seconds(|| batches.iter().for_each(|batch| run(&all(batch)))).1;
    }
    kit.check("profile", one > 0.0, format!("{} batches of {budget} tokens", batches.len()));
    kit.measured(
        "profile",
        &json!({
            "cores": cores, "tokenise": tokenise, "cut_on_one_thread": cut, "kept_on_the_device": collect_kept,
            "collect_without_tokenising": collect, "from_texts_to_rows": whole,
            "forward_alone": forward, "one_batch": one, "batches": batches.len(),
            "tokens_of_one_batch": batch.iter().map(|ids| ids.len()).sum::<usize>(),
        }),
    );
}

/// Marks for a profiler that is told to look only between them.
#[cfg(feature = "cuda")]
#[allow(unsafe_code, reason = "calls of the driver")]
mod marks {
    use candle_core::cuda_backend::cudarc::driver::sys;

    pub fn begin() {
        // SAFETY: it takes nothing, and says no where nobody profiles.
        let _ = unsafe { sys::cuProfilerStart() };
    }

    pub fn end() {
        // SAFETY: as above.
        let _ = unsafe { sys::cuProfilerStop() };
    }
}

#[cfg(not(feature = "cuda"))]
mod marks {
    pub fn begin() {}

    pub fn end() {}
}
