//! Memory of the device: as the documented formula says, as much after many models as before, and enough where a batch does not
//! fit.

use eidos::model::{ModelParts, Precision, WeightSource};
#[cfg(feature = "cuda")]
use eidos::{CollectOptions, LogLevel};
use eidos::{Control, SplitModel};

use crate::heap;
use crate::kit::{Kit, texts, values};
use crate::meter::{Meter, least};
use crate::model::golden;
#[cfg(feature = "cuda")]
use crate::steady::bits_of;
use crate::steady::{SPLITS, collect, demo};

pub fn run(kit: &Kit) {
    heap::count();
    let meter = Meter::new(kit);
    for (name, check) in
        [("weights", weights as fn(&Kit, &Meter)), ("batch", batch), ("full", full), ("cycles", cycles)]
    {
        if kit.wants(name) {
            kit.group(name, || check(kit, &meter));
        }
    }
}

/// How far the device may be from what the documented formula says.
const WITHIN: f64 = 0.1;

/// The demo model without its tokenizer, which lies on the host.
fn bare(kit: &Kit, precision: Precision) -> SplitModel {
    let folder =
        golden::folder("").ancestors().find(|folder| folder.join("assets").is_dir()).unwrap().join("assets/demo-model");
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let weights = WeightSource::Files(vec![folder.join("model.safetensors")]);
    let parts = ModelParts { name: "demo", config: &config, weights };
    SplitModel::from_parts(&parts, &SPLITS, &kit.options(precision), &Control::new()).unwrap()
}

/// What weights take.
fn weights(kit: &Kit, meter: &Meter) {
    // Some of what products work in comes with the first of them.
    let model = || {
        let model = bare(kit, Precision::F32);
        model.forward(&[&[2, 9, 11]]).unwrap();
        model
    };
    // While a model is there, so is what the driver and cuBLAS take for all of them.
    let _first = model();
    let before = meter.settled();
    let second = model();
    let taken = meter.settled().saturating_sub(before);
    near(kit, "weights", taken, second.idle_device_bytes());
}

/// What a batch takes while it runs. References hold more at a time than kernels do, so that only a device can tell.
fn batch(kit: &Kit, meter: &Meter) {
    if !kit.on_gpu() {
        return kit.skip("batch", "references hold more than the kernels that the formula is for");
    }
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let model = SplitModel::load("eidos:demo", &SPLITS[1..], &kit.options(precision), &Control::new()).unwrap();
        let inputs = model.inputs(&texts(if kit.is_large() { 2000 } else { 60 }), 0, &Control::new()).unwrap();
        let sequences: Vec<&[u32]> = (0..inputs.text_count()).map(|text| inputs.token_ids(text)).collect();
        // A value on the host says that the device is done.
        let run =
            || values(&model.forward(&sequences).unwrap()[0].narrow(0, 0, 1).unwrap().force_contiguous().unwrap());
        // Once before, for what stays.
        run();
        model.device().synchronize().unwrap();
        let (_, taken) = meter.peak(run);
        near(kit, &format!("batch {name}"), taken, model.forward_device_bytes(inputs.token_count()));
    }
}

/// A batch for which there is no memory is run in parts, with the same bits; a text for which there is none is an error.
#[cfg(feature = "cuda")]
fn full(kit: &Kit, meter: &Meter) {
    use eidos::ErrorCode;

    if !kit.on_gpu() {
        return kit.skip("full", "only a device has a memory of its own that can be full");
    }
    let (model, texts) = (demo(kit, Precision::F32), texts(if kit.is_large() { 2000 } else { 60 }));
    let inputs = model.inputs(&texts, 0, &Control::new()).unwrap();
    let options = CollectOptions { device_batch_tokens: 1 << 30, ..CollectOptions::default() };
    // Once before, for what stays.
    collect(&model, &texts, 1 << 30);
    let (expected, needed) = meter.peak(|| bits_of(&model.activations(&inputs, &options, &Control::new()).unwrap()));
    let mut held = meter.fill(needed / 3);
    let control = Control::new();
    control.keep_log(LogLevel::Warning);
    let found = model.activations(&inputs, &options, &control);
    let halved = (0..control.kept_message_count()).filter_map(|index| control.kept_message(index));
    let halved = halved.filter(|message| message.text().contains("no memory for batches")).count();
    let said = match &found {
        Ok(_) => format!("{needed} bytes in a third of them: batches became smaller {halved} times"),
        Err(error) => error.to_string(),
    };
    kit.check("full", found.is_ok_and(|found| bits_of(&found) == expected) && halved > 0, said);
    held.extend(meter.fill(1 << 10));
    let error = model.activations(&inputs, &options, &Control::new()).err();
    let out = error.as_ref().is_some_and(|error| error.code() == ErrorCode::OutOfMemory);
    let said = error.map_or_else(|| "there was no error".to_owned(), |error| error.to_string());
    kit.check("full, a text does not fit", out, said);
    drop(held);
    let after = bits_of(&model.activations(&inputs, &options, &Control::new()).unwrap());
    kit.check("full, then there is memory", after == expected, "the model gives the same bits as before");
}

#[cfg(not(feature = "cuda"))]
fn full(kit: &Kit, _: &Meter) {
    kit.skip("full", "only a device has a memory of its own that can be full");
}

fn near(kit: &Kit, name: &str, taken: usize, formula: usize) {
    let formula = if kit.plants("formula") { formula * 5 / 4 } else { formula };
    let off = (taken as f64 / formula as f64 - 1.0).abs();
    kit.at_most(name, off, WITHIN, format!("the device has {taken} bytes in use for it, {formula} by the formula"));
}

/// Loads, uses and frees a model over and over: memory of the device and of the host is what it was after the first few.
fn cycles(kit: &Kit, meter: &Meter) {
    const SETTLED: usize = 20;
    /// What may remain of a model on the host, in bytes.
    const LEFT: usize = 4 << 10;
    let (count, texts) = (kit.number("cycles", if kit.is_large() { 500 } else { 60 }), texts(8));
    let start = std::time::Instant::now();
    let limit = kit.number("seconds", 60) as u64;
    let (mut before, mut ran, mut kept) = ((0, 0), 0, Vec::new());
    for cycle in 0..count {
        if cycle == SETTLED {
            before = (meter.settled(), least(heap::live));
        }
        let precision = if cycle % 2 == 0 { Precision::F32 } else { Precision::Bf16 };
        let model = demo(kit, precision);
        collect(&model, &texts, 512);
        if kit.plants("leak") && cycle % 8 == 7 {
            kept.push(model);
        }
        ran += 1;
        if start.elapsed().as_secs() >= limit {
            break;
        }
    }
    let grown = |now: usize, before: usize| now.saturating_sub(before);
    let (device, host) = (grown(meter.settled(), before.0), grown(least(heap::live), before.1));
    let said = format!("{ran} models in {:.1} s", start.elapsed().as_secs_f64());
    kit.check("cycles", ran == count, format!("{said}, of {count}"));
    // A model takes some megabytes, of which the driver gives back memory in pieces of two.
    let most = if kit.on_gpu() { 2 << 20 } else { LEFT * ran };
    kit.at_most("growth of the device's memory", device as f64, most as f64, format!("bytes, {said}"));
    kit.at_most("growth of the host's memory", host as f64, (LEFT * ran) as f64, format!("bytes, {said}"));
}
