//! Which parts of a model are read.

use std::path::PathBuf;

use super::Keys;
use crate::error::Result;
use crate::gguf::{Part, Parts};

/// The first part of a model, which says what the others are, and those that hold a tensor that is wanted by its
/// original name.
///
/// # Errors
/// Those of [`Keys::new`].
pub(crate) fn files(parts: &Parts<'_>, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let architecture = Keys::new(parts.metadata())?.architecture;
    let holds =
        |part: &Part<'_>| part.header.tensors.iter().any(|tensor| wanted(&architecture.original(tensor.name).0));
    let needed = parts.iter().enumerate().filter(|(index, part)| *index == 0 || holds(part));
    Ok(needed.map(|(_, part)| part.path.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::gguf::config;

    fn golden(file: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/data/gguf")).join(file)
    }

    /// What a model says of itself, and which of its parts are read for a tensor.
    fn read(paths: &[PathBuf], wanted: &str) -> (Vec<u8>, Vec<PathBuf>) {
        let contents: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let mut read = paths.iter().zip(&contents).map(|(path, bytes)| Part::read(path, bytes).unwrap());
        let parts = Parts::new(read.next().unwrap()).unwrap();
        assert_eq!((parts.count(), parts.are_complete()), (paths.len(), paths.len() == 1));
        let parts = parts.with(read.collect()).unwrap();
        assert!(parts.are_complete());
        (config(&parts).unwrap(), files(&parts, &|tensor| tensor == wanted).unwrap())
    }

    #[test]
    fn parts_without_a_wanted_tensor_are_not_read_but_for_the_first() {
        let paths = [1, 2, 3].map(|number| golden(&format!("parts/model-0000{number}-of-00003.gguf")));
        let (whole, _) = read(&[golden("llama_scaled/model.gguf")], "");
        for (wanted, expected) in [
            ("model.layers.0.mlp.up_proj.weight", &[0][..]),
            ("model.layers.1.self_attn.q_proj.weight", &[0, 1]),
            ("model.norm.weight", &[0, 2]),
            ("nothing", &[0]),
        ] {
            let expected: Vec<_> = expected.iter().map(|index| paths[*index].clone()).collect();
            assert_eq!(read(&paths, wanted), (whole.clone(), expected), "{wanted}");
        }
    }
}
