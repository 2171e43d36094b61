//! Memory of the device: as the documented formula says, as much after many models as before, and enough where a batch does not
//! fit.

use eidos::model::{ModelParts, Precision, WeightSource};
use eidos::{Control, SplitModel};

use crate::heap;
use crate::kit::{Kit, texts};
use crate::meter::{Meter, least};
use crate::model::golden;
use crate::steady::{SPLITS, collect, demo};

pub fn run(kit: &Kit) {
    let meter = Meter::new(kit);
    for (name, check) in [("weights", weights as fn(&Kit, &Meter)), ("cycles", cycles)] {
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
    // The first one brings what a process has once.
    drop(bare(kit, Precision::F32));
    let before = meter.settled();
    let model = bare(kit, Precision::F32);
    let taken = meter.settled().saturating_sub(before);
    near(kit, "weights", taken, model.weight_bytes());
}

fn near(kit: &Kit, name: &str, taken: usize, formula: usize) {
    let formula = if kit.plants("formula") { formula * 5 / 4 } else { formula };
    let off = (taken as f64 / formula as f64 - 1.0).abs();
    kit.at_most(name, off, WITHIN, format!("the device has {taken} bytes in use for it, {formula} by the formula"));
}

/// Loads, uses and frees a model over and over: memory of the device and of the host is what it was after the first few.
fn cycles(kit: &Kit, meter: &Meter) {
    const SETTLED: usize = 20;
    let (count, texts) = (kit.number("cycles", if kit.on_gpu() { 500 } else { 60 }), texts(8));
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
    // What a model takes is some megabytes; the driver gives back memory in pieces of two.
    kit.at_most("growth of the device's memory", device as f64, (2 << 20) as f64, format!("bytes, {said}"));
    kit.at_most("growth of the host's memory", host as f64, (1 << 20) as f64, format!("bytes, {said}"));
}
