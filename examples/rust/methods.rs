//! Concepts of the same words by every method: `methods [MODEL [SPLIT [TEXTS]]]`.
//!
//! For each method: how many concepts there are, the share of the words' variance that is lost between encoding and decoding, how many
//! codes of a word are not zero, and the words that excite its first concept most.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use eidos::{
    Activations, CollectOptions, Control, ConvexNmf, ConvexNmfOptions, DictionaryLearning, DictionaryLearningOptions,
    Explainer, Ica, IcaOptions, KMeans, KMeansOptions, LoadOptions, Method, Neurons, NeuronsOptions, Nmf, NmfOptions,
    Pca, PcaOptions, RandomDirections, RandomDirectionsOptions, Result, Rows, Sae, SaeKind, SaeOptions, SemiNmf,
    SemiNmfOptions, SparsePca, SparsePcaOptions, SplitModel, Svd, SvdOptions, TextReaderOptions, TopInputs, read_texts,
};

const CONCEPTS: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let (id, split) = (argument(0, "eidos:demo"), argument(1, "model.layers.2.mlp"));
    let path = argument(2, concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo-texts.txt"));
    let control = Control::new();
    let texts = read_texts(path, &TextReaderOptions::default(), &control)?;
    let model = SplitModel::load(&id, &[&split], &LoadOptions::default(), &control)?;
    let words = &model.activations(&texts, &CollectOptions::default(), &control)?[0];

    let mut scratch = Vec::new();
    let values = words.tile(0, words.row_count(), &mut scratch)?;
    let columns = words.column_count();
    let mut means = vec![0.0; columns];
    for (index, &value) in values.iter().enumerate() {
        means[index % columns] += f64::from(value) / words.row_count() as f64;
    }
    let variance = squared(values, means.iter().copied().cycle());
    let words = Words { activations: words, values, variance };

    println!("{:<20}{:>8}{:>10}{:>8}  words of the first concept", "method", "concepts", "lost", "codes");
    words.print::<Ica>(&IcaOptions::new(CONCEPTS))?;
    words.print::<Pca>(&PcaOptions::new(CONCEPTS))?;
    words.print::<Svd>(&SvdOptions::new(CONCEPTS))?;
    // Few columns for each concept: the penalty grows with the length of a column.
    words.print::<SparsePca>(&SparsePcaOptions {
        penalty: 10.0,
        tolerance: 1e-3,
        ..SparsePcaOptions::new(CONCEPTS)
    })?;
    words.print::<KMeans>(&KMeansOptions::new(CONCEPTS))?;
    // The activations have negative values, which it takes for zero: what they say is lost.
    words.print::<Nmf>(&NmfOptions { rectify: true, ..NmfOptions::new(CONCEPTS) })?;
    words.print::<SemiNmf>(&SemiNmfOptions::new(CONCEPTS))?;
    words.print::<ConvexNmf>(&ConvexNmfOptions::new(CONCEPTS))?;
    let learning = DictionaryLearningOptions { penalty: 0.5, ..DictionaryLearningOptions::new(CONCEPTS) };
    words.print::<DictionaryLearning>(&learning)?;
    // Few steps for few words: by default it makes at least 4000.
    let training = SaeOptions { kind: SaeKind::TopK, k: 5, steps: 500, ..SaeOptions::new(CONCEPTS) };
    words.print::<Sae>(&training)?;
    words.print::<Neurons>(&NeuronsOptions::default())?;
    words.print::<RandomDirections>(&RandomDirectionsOptions::new(CONCEPTS))
}

/// The sum of the squared differences between values and others.
fn squared(values: &[f32], others: impl Iterator<Item = f64>) -> f64 {
    values.iter().zip(others).map(|(&value, other)| (f64::from(value) - other).powi(2)).sum()
}

struct Words<'a> {
    activations: &'a Activations,
    values: &'a [f32],
    variance: f64,
}

impl Words<'_> {
    /// Prints one line of the table.
    fn print<M: Method>(&self, options: &M::Options) -> Result<()> {
        let control = Control::new();
        let explainer = Explainer::fit::<M>(self.activations, options, &control)?;
        let (rows, concepts) = (self.activations.row_count(), explainer.concept_count());
        let (mut codes, mut decoded) = (vec![0.0; rows * concepts], vec![0.0; self.values.len()]);
        explainer.encode(self.values, &mut codes)?;
        explainer.decode(&codes, &mut decoded)?;
        let used = codes.iter().filter(|&&code| code != 0.0).count();
        let top = TopInputs { k: 3, concepts: Some(vec![0]), ..TopInputs::default() };
        let meaning = top.interpret(&explainer, self.activations, &control)?;
        let listed: Vec<String> =
            meaning.concepts()[0].positive.iter().map(|input| format!("'{}'", input.text)).collect();
        println!(
            "{:<20}{concepts:>8}{:>8.1} %{:>8.1}  [{}]",
            explainer.method(),
            100.0 * squared(self.values, decoded.iter().copied().map(f64::from)) / self.variance,
            used as f64 / rows as f64,
            listed.join(", ")
        );
        Ok(())
    }
}
