//! ICA and PCA on the device against the CPU, component by component, and the codes of rows; sparse autoencoders by what they reconstruct.

use eidos::concepts::Explainer;
use eidos::linalg::RandomState;
use eidos::{Activations, Control, Ica, IcaOptions, Pca, PcaOptions, Sae, SaeKind, SaeOptions, TopInputs};

use crate::kit::{Kit, difference};

const COLUMNS: usize = 64;
const CONCEPTS: usize = 16;
/// The smallest cosine between a component of the device and that of the CPU in its place.
const COSINE: f64 = 0.9999;

pub fn run(kit: &Kit) {
    let rows = mixture(kit.number("rows", if kit.is_large() { 100_000 } else { 4_000 }));
    if kit.wants("ica") {
        kit.group("ica", || ica(kit, &rows));
    }
    if kit.wants("pca") {
        kit.group("pca", || pca(kit, &rows));
    }
    if kit.wants("sae") {
        kit.group("sae", || sae(kit, &rows));
    }
}

/// Sources with one heavy tail, which fixes their signs, and a variance of its own each, mixed.
fn mixture(count: usize) -> Activations {
    let mut random = RandomState::new(1);
    let mixing: Vec<f64> = (0..COLUMNS * COLUMNS).map(|_| random.normal()).collect();
    let mut values = Vec::with_capacity(count * COLUMNS);
    for _ in 0..count {
        let source = |column: usize| random.normal().exp() / (1.0 + column as f64 / 8.0);
        let sources: Vec<f64> = (0..COLUMNS).map(source).collect();
        values.extend(mixing.chunks_exact(COLUMNS).enumerate().map(|(column, weights)| {
            let sum: f64 = weights.iter().zip(&sources).map(|(weight, source)| weight * source).sum();
            (sum + column as f64) as f32
        }));
    }
    let units: Vec<String> = (0..count).map(|row| format!("unit {}", row % 997)).collect();
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    Activations::from_rows(values, COLUMNS, Some(&units)).unwrap()
}

fn ica(kit: &Kit, rows: &Activations) {
    let options = IcaOptions::new(CONCEPTS);
    let fit = |options: &IcaOptions| Explainer::fit::<Ica>(rows, options, &Control::new()).unwrap();
    let on_device = IcaOptions { device: kit.device, ..options.clone() };
    let (ours, cpu) = (fit(&on_device), fit(&options));
    let steps = (ours.report().steps, cpu.report().steps);
    kit.check(
        "ica iterations",
        steps.0.abs_diff(steps.1) <= 1,
        format!("{} on the device, {} on the CPU", steps.0, steps.1),
    );
    components(kit, "ica", &ours, &cpu);
    codes(kit, "ica", &ours, &cpu, rows);
    let again = fit(&on_device);
    kit.check("ica repeated", bits(&again) == bits(&ours), "a second fit gives the same bits");
}

fn pca(kit: &Kit, rows: &Activations) {
    let options = PcaOptions::new(CONCEPTS);
    let fit = |options: &PcaOptions| Explainer::fit::<Pca>(rows, options, &Control::new()).unwrap();
    let on_device = PcaOptions { device: kit.device, ..options.clone() };
    let (ours, cpu) = (fit(&on_device), fit(&options));
    components(kit, "pca", &ours, &cpu);
    codes(kit, "pca", &ours, &cpu, rows);
    let again = fit(&on_device);
    kit.check("pca repeated", bits(&again) == bits(&ours), "a second fit gives the same bits");
}

/// Trains a sparse autoencoder of each kind. Hundreds of steps make rounding large in single weights, not in what is reconstructed.
fn sae(kit: &Kit, rows: &Activations) {
    let steps = if kit.is_large() { 200 } else { 40 };
    let kinds =
        [SaeKind::TopK, SaeKind::BatchTopK, SaeKind::Vanilla, SaeKind::JumpRelu, SaeKind::Gated, SaeKind::Matryoshka];
    for kind in kinds {
        let options = SaeOptions { kind, k: 8, steps, batch_rows: 256, ..SaeOptions::new(4 * CONCEPTS) };
        let fit = |options: &SaeOptions| Explainer::fit::<Sae>(rows, options, &Control::new()).unwrap();
        let on_device = SaeOptions { device: kit.device, ..options.clone() };
        let (ours, cpu) = (fit(&on_device), fit(&options));
        let [found, wanted] = [&ours, &cpu].map(|explainer| explainer.report().measure("fvu")[0]);
        let found = if kit.plants("fit") { 1.1 * found } else { found };
        kit.check(
            &format!("sae {kind:?}"),
            (found / wanted - 1.0).abs() <= 0.03,
            format!("a fraction of variance unexplained of {found:.4} on the device, {wanted:.4} on the CPU"),
        );
        let again = fit(&on_device);
        kit.check(
            &format!("sae {kind:?} repeated"),
            bits(&again) == bits(&ours),
            "a second training gives the same bits",
        );
    }
}

fn bits(explainer: &Explainer) -> Vec<u32> {
    explainer.dictionary().iter().map(|value| value.to_bits()).collect()
}

/// Compares components in their places.
fn components(kit: &Kit, name: &str, ours: &Explainer, cpu: &Explainer) {
    let mut directions = ours.dictionary().to_vec();
    if kit.plants("fit") {
        directions[..COLUMNS].iter_mut().step_by(2).for_each(|value| *value *= 1.1);
    }
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    };
    let pairs = directions.chunks_exact(COLUMNS).zip(cpu.dictionary().chunks_exact(COLUMNS));
    let cosines = pairs.map(|(ours, cpu)| dot(ours, cpu).abs() / (dot(ours, ours) * dot(cpu, cpu)).sqrt());
    let least = cosines.fold(1.0, |least: f64, cosine| if cosine >= least { least } else { cosine });
    kit.check(
        &format!("{name} components"),
        least >= COSINE,
        format!("|cos| of at least {least:.7} for at least {COSINE}"),
    );
}

/// Compares the codes of rows, and the inputs that excite each concept most.
fn codes(kit: &Kit, name: &str, ours: &Explainer, cpu: &Explainer, rows: &Activations) {
    let control = Control::new();
    let top = |options: TopInputs| options.interpret(ours, rows, &control).unwrap();
    let (on_device, on_cpu) =
        (top(TopInputs { device: kit.device, ..TopInputs::default() }), top(TopInputs::default()));
    let best = |interpretation: &eidos::Interpretation| -> Vec<f32> {
        interpretation
            .concepts()
            .iter()
            .flat_map(|concept| concept.positive.iter().map(|input| input.activation))
            .collect()
    };
    let (ours_best, cpu_best) = (best(&on_device), best(&on_cpu));
    kit.at_most(
        &format!("{name} top inputs"),
        difference(&ours_best, &cpu_best),
        1e-4,
        format!("{} activations", cpu_best.len()),
    );
    let count = 256.min(rows.row_count());
    let mut buffers = [vec![0.0; count * CONCEPTS], vec![0.0; count * CONCEPTS]];
    for (explainer, buffer) in [ours, cpu].into_iter().zip(&mut buffers) {
        explainer.encode(rows.rows(0, count).unwrap(), buffer).unwrap();
    }
    // Signs are fixed for both, so codes agree as well as components do: a cosine of 0.9999 is an angle of 1.4e-2.
    kit.at_most(&format!("{name} codes"), difference(&buffers[0], &buffers[1]), 2e-2, format!("{count} rows"));
}
