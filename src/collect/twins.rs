//! Texts that occur more than once in a window.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use super::run::{Window, WindowRows};
use crate::text::EncodedTexts;

/// The texts of a window whose rows are those of an earlier one: the same token ids, and units of the same tokens. The model
/// runs once for all of them. Takes 40 bytes a text while it is made.
pub(super) struct Twins {
    /// Each such text, with the first one that is the same.
    pairs: Vec<(usize, usize)>,
}

/// What the rows of a text depend on.
struct Key<'a> {
    encoded: &'a EncodedTexts,
    text: usize,
}

impl<'a> Key<'a> {
    fn ids(&self) -> &'a [u32] {
        self.encoded.ids(self.text)
    }

    /// The positions of the tokens of each unit.
    fn units(&self) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        let encoded = self.encoded;
        encoded.units_of(self.text).map(move |unit| encoded.positions(unit))
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ids().hash(state);
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.ids() == other.ids() && self.units().eq(other.units())
    }
}

impl Eq for Key<'_> {}

impl Twins {
    /// Takes those texts out of `texts` that are the same as one before.
    pub fn take_from(texts: &mut Vec<usize>, encoded: &EncodedTexts) -> Self {
        let mut firsts: HashMap<Key<'_>, usize> = HashMap::with_capacity(texts.len());
        let mut pairs = Vec::new();
        texts.retain(|&text| match firsts.entry(Key { encoded, text }) {
            Entry::Occupied(first) => {
                pairs.push((text, *first.get()));
                false
            }
            Entry::Vacant(place) => {
                place.insert(text);
                true
            }
        });
        Self { pairs }
    }

    /// Copies the rows of the first of the same texts of a window to the others: in `rows`, where those of the window begin at row
    /// `begin`.
    pub fn copy(&self, window: &Window<'_>, widths: impl Iterator<Item = usize>, begin: usize, rows: &mut WindowRows) {
        let (encoded, first_row) = (window.encoded, window.rows().start);
        for (values, width) in rows.iter_mut().zip(widths) {
            let row = |unit: usize| (begin + unit - first_row) * width;
            let place = |units: Range<usize>| row(units.start)..row(units.end);
            for &(text, first) in &self.pairs {
                values.copy_within(place(encoded.units_of(first)), place(encoded.units_of(text)).start);
            }
        }
    }
}

#[cfg(all(test, feature = "demo-model"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::run::{Once, Run};
    use super::super::stream::stream;
    use crate::collect::{CollectOptions, Interventions};
    use crate::control::Control;
    use crate::model::{LoadOptions, PassOptions, SplitModel};
    use crate::rows::Activations;
    use crate::text::{EncodedTexts, Granularity};

    const TEXTS: [&str; 7] = [
        "a warm and funny film",
        "dull",
        "a warm and funny film",
        "dull",
        "the plot goes nowhere",
        "a warm and funny film",
        "dull film",
    ];

    /// Collects texts, and counts those that the model ran.
    fn collected(model: &SplitModel, texts: &[&str], options: &CollectOptions, once: bool) -> (Activations, usize) {
        let count = AtomicUsize::new(0);
        let forward = |encoded: &EncodedTexts, batch: &[usize], options: PassOptions<'_>| {
            count.fetch_add(batch.len(), Ordering::Relaxed);
            let sequences = encoded.sequences(batch);
            model.forward_under(&sequences, options, Vec::new())
        };
        let run =
            Run { once: Once { texts: once, prefixes: once }, ..Run::new(model, options, &forward, model.matrices()) };
        let interventions = Interventions::new();
        let changes = interventions.resolve(model).unwrap();
        let rows = stream(&run, &changes, texts.iter().map(|text| Ok(*text)), &Control::new()).unwrap().remove(0);
        (rows, count.into_inner())
    }

    #[test]
    fn texts_that_are_the_same_run_once_and_have_the_same_rows_units_and_counts() {
        let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &Control::new()).unwrap();
        let bits = |rows: &Activations| {
            let values = rows.rows(0, rows.row_count()).unwrap();
            values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        for granularity in [Granularity::Word, Granularity::AllTokens, Granularity::Sample] {
            let options = CollectOptions { granularity, ..CollectOptions::default() };
            let (once, ran) = collected(&model, &TEXTS, &options, true);
            let (each, all) = collected(&model, &TEXTS, &options, false);
            assert_eq!((ran, all), (4, 7), "{granularity:?}");
            assert_eq!(once.row_count(), each.row_count());
            assert!(bits(&once) == bits(&each), "{granularity:?}");
            let units = |rows: &Activations| {
                let unit = |row| (rows.unit(row).unwrap().to_owned(), rows.unit_span(row).unwrap());
                (0..rows.row_count()).map(unit).collect::<Vec<_>>()
            };
            assert_eq!(units(&once), units(&each));
        }
        // Each window by itself.
        let small = CollectOptions { shard_bytes: 1, ..CollectOptions::default() };
        assert_eq!(collected(&model, &TEXTS, &small, true).1, 7);
    }
}
