//! What stays the same: bits for every batch and repetition, a model after a cancel, two models, two threads.

use std::time::{Duration, Instant};

use eidos::model::Precision;
use eidos::{Activations, CollectOptions, Control, ErrorCode, SplitModel, Stage};

use crate::kit::{Kit, texts};

/// Where the demo model is split.
pub const SPLITS: [&str; 2] = ["model.layers.1.mlp", "model.layers.2"];

pub fn run(kit: &Kit) {
    let precisions = [("f32", Precision::F32), ("bf16", Precision::Bf16)];
    for (name, precision) in precisions {
        if kit.wants("bits") {
            kit.group(&format!("bits {name}"), || bits(kit, name, precision));
        }
    }
    for (name, check) in [("cancel", cancel as fn(&Kit)), ("models", models), ("threads", threads)] {
        if kit.wants(name) {
            kit.group(name, || check(kit));
        }
    }
}

/// How many texts: enough that a GPU has several batches in flight.
fn count(kit: &Kit) -> usize {
    if kit.is_large() { 2000 } else { 60 }
}

pub fn demo(kit: &Kit, precision: Precision) -> SplitModel {
    SplitModel::load("eidos:demo", &SPLITS, &kit.options(precision), &Control::new()).unwrap()
}

pub fn collect(model: &SplitModel, texts: &[String], batch_tokens: usize) -> Vec<Activations> {
    let options = CollectOptions { batch_tokens, device_batch_tokens: batch_tokens, ..CollectOptions::default() };
    model.activations(texts, &options, &Control::new()).unwrap()
}

/// The bits of the rows of all split points.
pub fn bits_of(found: &[Activations]) -> Vec<Vec<u32>> {
    let of = |rows: &Activations| {
        rows.rows(0, rows.row_count()).unwrap().iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
    };
    found.iter().map(of).collect()
}

fn bits(kit: &Kit, name: &str, precision: Precision) {
    let (model, texts) = (demo(kit, precision), texts(count(kit)));
    let first = bits_of(&collect(&model, &texts, 512));
    let rows = first[0].len();
    for (batch, repetition) in [(1, 1), (100, 1), (512, 2), (4096, 1), (1 << 20, 2)] {
        let mut same = true;
        for _ in 0..repetition {
            let mut found = bits_of(&collect(&model, &texts, batch));
            if kit.plants("bits") && batch == 100 {
                found[1][7] ^= 1;
            }
            same &= found == first;
        }
        kit.check(
            &format!("bits {name}, batches of {batch} tokens"),
            same,
            format!("{rows} values, as in batches of 512"),
        );
    }
    let mut backwards = texts.clone();
    backwards.reverse();
    let last = bits_of(&collect(&model, &backwards[backwards.len() - 1..], 512));
    let alone = first.iter().zip(&last).all(|(all, alone)| all.starts_with(alone));
    kit.check(&format!("bits {name}, a text alone"), alone && !last[0].is_empty(), "as among others");
}

fn cancel(kit: &Kit) {
    let (model, texts) = (demo(kit, Precision::F32), texts(4 * count(kit)));
    let before = bits_of(&collect(&model, &texts[..20], 512));
    let control = Control::new();
    let (clone, planted) = (control.clone(), kit.plants("cancel"));
    let (mut steps, mut at) = (0, None);
    let (sender, receiver) = std::sync::mpsc::channel();
    control.set_callback(Some(Box::new(move |progress| {
        steps += usize::from(progress.stage == Stage::Forward && progress.done > 0);
        if steps > 3 && at.is_none() && !planted {
            at = Some(Instant::now());
            sender.send(Instant::now()).unwrap();
            clone.cancel();
        }
    })));
    let options = CollectOptions { batch_tokens: 64, device_batch_tokens: 64, ..CollectOptions::default() };
    let result = model.activations(&texts, &options, &control);
    let took = receiver.try_recv().map(|at| at.elapsed()).unwrap_or_default();
    let cancelled = matches!(&result, Err(error) if error.code() == ErrorCode::Cancelled);
    kit.check("cancel", cancelled && took < Duration::from_secs(2), format!("the call returned {took:?} after it"));
    let after = bits_of(&collect(&model, &texts[..20], 512));
    kit.check("cancel, then again", before == after, "the model gives the same bits as before");
}

/// Two models at once, which take turns.
fn models(kit: &Kit) {
    let texts = texts(count(kit) / 2);
    let single = bits_of(&collect(&demo(kit, Precision::F32), &texts, 512));
    let half = bits_of(&collect(&demo(kit, Precision::Bf16), &texts, 512));
    let (one, two) = (demo(kit, Precision::F32), demo(kit, Precision::Bf16));
    let same =
        (0..3).all(|_| bits_of(&collect(&one, &texts, 512)) == single && bits_of(&collect(&two, &texts, 512)) == half);
    kit.check("two models", same, "each gives its own bits, in turns");
    kit.check("two models differ", single != half, "f32 and bf16 do not give the same");
}

/// One model by several threads, and a model for each.
fn threads(kit: &Kit) {
    let texts = texts(count(kit) / 2);
    let model = demo(kit, Precision::F32);
    let expected = bits_of(&collect(&model, &texts, 512));
    let shared = std::thread::scope(|scope| {
        let work = || (0..3).all(|_| bits_of(&collect(&model, &texts, 512)) == expected);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().all(|thread| thread.join().unwrap())
    });
    kit.check("four threads, one model", shared, "the same bits");
    let options = kit.options(Precision::F32);
    let own = std::thread::scope(|scope| {
        let work = || {
            let model = SplitModel::load("eidos:demo", &SPLITS, &options, &Control::new()).unwrap();
            bits_of(&collect(&model, &texts, 512)) == expected
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().all(|thread| thread.join().unwrap())
    });
    kit.check("two threads, a model each", own, "the same bits");
}
