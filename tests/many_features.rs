//! Top inputs of many sparse features: exact, in memory that does not grow with strings x features. In a process of its own,
//! whose memory is measured.
#![allow(clippy::unwrap_used)]

use eidos::{Activations, Codes, Control, Encoder, Explainer, NamedTensor, Provenance, Result, SparseCodes, TopInputs};

const STRINGS: usize = 50_000;
const FEATURES: usize = 16_384;
/// How many features a row excites.
const ACTIVE: u32 = 48;

/// An autoencoder as one imagines it: each row excites a few features, some of them hardly ever.
#[derive(Debug)]
struct Imagined;

/// The features of a row, ascending, and how strongly it excites them. Few different strengths, so that there are ties.
fn features(row: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    let mut state = (row[0] as u32).wrapping_mul(2_654_435_761) ^ (row[1] as u32).wrapping_mul(40_503) ^ 0x9e37_79b9;
    let stride = FEATURES as u32 / ACTIVE;
    (0..ACTIVE).map(move |step| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // The square root makes low numbers rare, down to features that nothing excites.
        let place = (f64::from(state % 65_536) / 65_536.0).sqrt() * f64::from(stride);
        (step * stride + place as u32, ((state >> 16) % 500 + 1) as f32 / 100.0)
    })
}

impl Encoder for Imagined {
    fn method(&self) -> &'static str {
        "imagined"
    }

    fn input_width(&self) -> usize {
        2
    }

    fn concept_count(&self) -> usize {
        FEATURES
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        out.fill(0.0);
        for (row, out) in rows.chunks_exact(2).zip(out.chunks_exact_mut(FEATURES)) {
            features(row).for_each(|(feature, strength)| out[feature as usize] = strength);
        }
        Ok(())
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        let mut codes = SparseCodes::new(FEATURES)?;
        rows.chunks_exact(2).try_for_each(|row| codes.push_row(features(row)))?;
        Ok(Codes::Sparse(codes))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        Vec::new()
    }
}

/// The most memory that this process has had, in bytes.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? * 1024)
}

#[test]
fn fifty_thousand_strings_by_sixteen_thousand_features_are_ranked_exactly_in_little_memory() {
    // Each string occurs twice, and is stronger the one time or the other.
    let strings: Vec<String> = (0..STRINGS).map(|string| format!("string {string}")).collect();
    let name = |row: usize| (row * 7919 + row / STRINGS) % STRINGS;
    let names: Vec<&str> = (0..2 * STRINGS).map(|row| strings[name(row)].as_str()).collect();
    let rows: Vec<f32> = (0..2 * STRINGS).flat_map(|row| [name(row) as f32, row as f32]).collect();
    let activations = Activations::from_rows(rows.clone(), 2, Some(&names)).unwrap();
    let explainer = Explainer::from_model(Imagined, Provenance::default()).unwrap();
    let found =
        TopInputs { k: 10, ..TopInputs::default() }.interpret(&explainer, &activations, &Control::new()).unwrap();
    if let Some(peak) = peak() {
        assert!(peak < 500 << 20, "{} MiB", peak >> 20);
    }

    // All strengths of each feature, ranked without anything clever.
    let first_row: Vec<usize> = {
        let mut first = vec![usize::MAX; STRINGS];
        (0..2 * STRINGS).for_each(|row| first[name(row)] = first[name(row)].min(row));
        first
    };
    let mut all: Vec<Vec<(f32, usize, usize)>> = vec![Vec::new(); FEATURES];
    for (row, values) in rows.chunks_exact(2).enumerate() {
        for (feature, strength) in features(values) {
            let listed = &mut all[feature as usize];
            match listed.iter_mut().find(|(_, string, _)| *string == name(row)) {
                Some(known) if strength > known.0 => *known = (strength, known.1, row),
                Some(_) => {}
                None => listed.push((strength, name(row), row)),
            }
        }
    }
    assert!(all.iter().any(|listed| listed.len() < 10) && all.iter().any(|listed| listed.len() > 100));
    for (concept, listed) in found.concepts().iter().zip(&mut all) {
        listed.sort_by(|left, right| right.0.total_cmp(&left.0).then(first_row[left.1].cmp(&first_row[right.1])));
        let inputs = concept.positive.iter().map(|input| (input.activation, input.text.as_str(), input.row));
        let expected = listed.iter().take(10).map(|&(strength, string, row)| (strength, strings[string].as_str(), row));
        assert!(inputs.eq(expected), "feature {}", concept.concept);
    }
}
