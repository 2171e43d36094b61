//! Every fixture of every family on the device against the CPU: every split point, and the logits.

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Tensor};
use eidos::model::Precision;
use eidos::{LoadOptions, SplitModel};

use crate::kit::{Kit, Worst, difference, values};
use crate::model::golden;
use crate::model::halved::Halved;

/// The largest difference over the largest value: that of the project for f32, and for half precision.
const BOUND: f64 = 2e-5;
const HALF_BOUND: f64 = 2e-2;

/// Loading takes most of the time, which several threads share.
const THREADS: usize = 4;

pub fn run(kit: &Kit) {
    let families: Vec<_> = golden::variants().into_iter().filter(|(family, _)| kit.wants(family)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((family, variants)) = families.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kit.group(&format!("{family} f32"), || single(kit, family, variants));
                    kit.group(&format!("{family} bf16"), || half(kit, family));
                }
            });
        }
    });
}

fn single(kit: &Kit, family: &str, variants: &[String]) {
    let mut worst = Worst::default();
    for variant in variants {
        let listing = golden::listing(family, variant);
        let splits: Vec<&str> = listing.iter().filter(|m| m.splits).map(|m| m.path.as_str()).collect();
        let weights = golden::weights_of(family, variant);
        let [ours, cpu] = [kit.options(Precision::F32), LoadOptions::default()]
            .map(|options| golden::load(family, variant, &weights, &splits, &whole(options)).unwrap());
        compare(kit, variant, [&ours, &cpu], &golden::texts(family), &mut worst);
    }
    kit.at_most(&format!("{family} f32"), worst.difference, BOUND, worst);
}

/// The device computes in bf16, and the CPU in f32 with the same weights.
fn half(kit: &Kit, family: &str) {
    let mut worst = Worst::default();
    let model = Halved::new(family, DType::BF16);
    let splits = model.splits("bf16");
    let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
    let [ours, cpu] = [kit.options(Precision::Bf16), LoadOptions::default()]
        .map(|options| model.load(DType::BF16, &splits, &whole(options)));
    // As the values of the bound were measured: on the first text.
    compare(kit, "half", [&ours, &cpu], &golden::texts(family)[..1], &mut worst);
    kit.at_most(&format!("{family} bf16"), worst.difference, HALF_BOUND, worst);
}

fn whole(options: LoadOptions) -> LoadOptions {
    LoadOptions { whole: true, ..options }
}

/// Adds the difference at each split point, of all texts at once, and of the logits of each text.
fn compare(kit: &Kit, variant: &str, [ours, cpu]: [&SplitModel; 2], texts: &[Vec<u32>], worst: &mut Worst) {
    let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let mut add = |ours: &Tensor, cpu: &Tensor, what: &dyn Fn() -> String| {
        assert_eq!(ours.dims(), cpu.dims(), "{}", what());
        let (mut ours, cpu) = (values(ours), values(cpu));
        if kit.plants("parity") {
            ours[0] += 5e-2 * cpu.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        }
        worst.add(difference(&ours, &cpu), what);
    };
    let outputs = ours.forward(&sequences).unwrap().into_iter().zip(cpu.forward(&sequences).unwrap());
    for (point, (ours, cpu)) in cpu.split_points().iter().zip(outputs) {
        add(&ours, &cpu, &|| format!("{variant} {}", point.path));
    }
    for (text, ids) in sequences.iter().enumerate() {
        match (ours.logits(ids), cpu.logits(ids)) {
            (Ok(ours), Ok(cpu)) => add(&ours, &cpu, &|| format!("{variant} logits of text {text}")),
            (Err(ours), Err(cpu)) if ours.code() == cpu.code() => {}
            (ours, cpu) => panic!("{variant} logits: {:?} on the device, {:?} on the CPU", ours.err(), cpu.err()),
        }
    }
}
