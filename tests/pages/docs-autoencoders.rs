// What the blocks of docs/autoencoders.md presuppose: a few rows, and few concepts, since a training has thousands of steps.
use eidos::{CollectOptions, LoadOptions, SplitModel, TextReaderOptions, read_texts};

fn main() -> eidos::Result<()> {
    let control = eidos::Control::new();
    let mut texts = read_texts("corpus.txt", &TextReaderOptions::default(), &control)?;
    texts.truncate(5);
    let splits = ["model.layers.2.post_attention_layernorm", "model.layers.2.mlp"];
    let model = SplitModel::load("eidos:demo", &splits, &LoadOptions::default(), &control)?;
    let [inputs, outputs] = model.activations(&texts, &CollectOptions::default(), &control)?.try_into().unwrap();
    let (activations, concept_count) = (outputs.clone(), 40);
    // BLOCKS
    Ok(())
}
