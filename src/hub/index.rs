//! `model.safetensors.index.json` and its like: which shard holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::id::is_plain_file_name;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::read_limited;
use crate::python_json;

/// The largest index in use has a few hundred thousand tensors and is below 30 MB.
const LARGEST_INDEX: u64 = 64 << 20;

/// Which shard holds which tensor.
#[derive(Debug)]
pub(super) struct ShardIndex {
    shard_of_tensor: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct IndexFile {
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    /// Reads an index and checks that every shard is a plain file name with that ending.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the index when it is too large, no index, empty, or names a shard that is not
    /// a file beside it.
    pub(super) fn read(path: &Path, ending: &str) -> Result<Self> {
        let bytes = read_limited(path, LARGEST_INDEX)?;
        Self::parse(&bytes, ending)
            .map_err(|error| error.within(format!("`{}`", path.display())).detail("path", path.display()))
    }

    fn parse(bytes: &[u8], ending: &str) -> Result<Self> {
        let invalid = |message: String| {
            Error::new(ErrorCode::InvalidFile, message)
                .hint("get the index again, from the place that the model came from")
        };
        let file: IndexFile =
            python_json::from_slice(bytes).map_err(|error| invalid(format!("not an index of shards: {error}")))?;
        if file.weight_map.is_empty() {
            return Err(invalid("the index of shards lists no tensors".to_owned()));
        }
        for (tensor, shard) in &file.weight_map {
            if !is_plain_file_name(shard) || !shard.ends_with(ending) {
                let (tensor, shard) = (shown(tensor), shown(shard));
                return Err(invalid(format!(
                    "tensor `{tensor}` is said to be in `{shard}`, which is not the name of a shard"
                ))
                .detail("shard", shard));
            }
        }
        Ok(Self { shard_of_tensor: file.weight_map })
    }

    /// The shards that hold at least one wanted tensor, each once, in the order of their names.
    pub(super) fn shards(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<&str> {
        let needed = self.shard_of_tensor.iter().filter(|(tensor, _)| wanted(tensor));
        needed.map(|(_, shard)| shard.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shards_with_wanted_tensors_are_named() {
        let text = br#"{"metadata": {"total_size": 3},
            "weight_map": {"a.0": "2.safetensors", "a.1": "1.safetensors", "b": "3.safetensors"}}"#;
        let index = ShardIndex::parse(text, ".safetensors").expect("a good index");
        assert_eq!(index.shards(&|_| true), ["1.safetensors", "2.safetensors", "3.safetensors"]);
        assert_eq!(index.shards(&|name| name.starts_with("a.")), ["1.safetensors", "2.safetensors"]);
        assert!(index.shards(&|_| false).is_empty());
    }

    #[test]
    fn an_index_cannot_name_a_file_elsewhere() {
        for shard in [
            "../secret.safetensors",
            "/etc/passwd",
            "a/b.safetensors",
            "",
            "x.bin",
            "a\\\\b.safetensors",
            "..",
            "a\\u0000.safetensors",
        ] {
            let text = format!(r#"{{"weight_map": {{"a": "{shard}"}}}}"#);
            let error = ShardIndex::parse(text.as_bytes(), ".safetensors").expect_err(shard);
            assert_eq!(error.code(), ErrorCode::InvalidFile, "{shard}");
        }
    }

    #[test]
    fn what_is_not_an_index_is_an_error() {
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "{}", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": 1}}"#, "{\"weight_map\"", &deep] {
            let error = ShardIndex::parse(text.as_bytes(), ".safetensors").expect_err("no index");
            assert_eq!(error.code(), ErrorCode::InvalidFile);
            assert!(!error.hint_text().is_empty());
        }
    }
}
