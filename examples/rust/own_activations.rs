//! Concepts of a matrix that came from elsewhere, without a model: `own_activations`.
//!
//! Three independent sources are mixed into six columns; ICA finds the sources again. The numbers are drawn with
//! integers only, so that this example prints the same in every language.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use eidos::{Activations, Control, Explainer, Ica, IcaOptions, TopInputs};

const ROWS: usize = 2000;
const COLUMNS: usize = 6;
const MIXING: [[f64; COLUMNS]; 3] =
    [[2.0, -1.0, 0.0, 1.0, 3.0, 1.0], [1.0, 1.0, -2.0, 0.0, 1.0, -3.0], [0.0, 2.0, 1.0, -1.0, 1.0, 1.0]];

/// The next draw of a linear congruential generator, between -1 and 1, to the fifth power: mostly small, rarely large.
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let u = (*state >> 40) as f64 / 8_388_608.0 - 1.0;
    u * u * u * u * u
}

fn mixed_rows() -> Vec<f32> {
    let mut state = 1;
    let row = |_| {
        let sources = [(); 3].map(|()| draw(&mut state));
        let column = move |column: usize| {
            let mixed = sources.iter().zip(&MIXING).fold(0.0, |sum, (source, weights)| sum + source * weights[column]);
            (mixed + column as f64) as f32
        };
        (0..COLUMNS).map(column)
    };
    (0..ROWS).flat_map(row).collect()
}

fn main() -> eidos::Result<()> {
    let control = Control::new();
    let rows = mixed_rows();
    let names: Vec<String> = (0..ROWS).map(|row| format!("row {row}")).collect();

    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let activations = Activations::from_rows(rows.clone(), COLUMNS, Some(&names))?;
    let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(MIXING.len()), &control)?;
    let meaning = TopInputs { k: 3, ..TopInputs::default() }.interpret(&explainer, &activations, &control)?;

    let ending = if explainer.report().converged == Some(true) { "converged" } else { "not converged" };
    println!("{} rows x {} columns, {ending}", activations.row_count(), activations.column_count());
    for entry in meaning.concepts() {
        print!("Concept {}:", entry.concept);
        entry.positive.iter().for_each(|input| print!(" '{}' {:.2}", input.text, input.activation));
        println!();
    }

    let (mut codes, mut decoded) = (vec![0.0; ROWS * MIXING.len()], vec![0.0; ROWS * COLUMNS]);
    explainer.encode(&rows, &mut codes)?;
    explainer.decode(&codes, &mut decoded)?;
    let close = rows.iter().zip(&decoded).all(|(row, decoded)| (row - decoded).abs() < 1e-4);
    println!("decoding gives the rows back: {}", if close { "yes" } else { "no" });
    Ok(())
}
