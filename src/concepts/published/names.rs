//! What the names of folders and repositories say of a dictionary, where its files say nothing.

/// The number behind the last `word` in a name that digits follow (`layer_20`).
pub(super) fn number_after(name: &str, word: &str) -> Option<usize> {
    name.rmatch_indices(word).find_map(|(place, _)| {
        let rest = &name[place + word.len()..];
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        rest[..digits].parse().ok()
    })
}

/// The name of a repository in a path: `gemma-scope-2b-pt-res` in `.../models--google--gemma-scope-2b-pt-res/snapshots/...`, by how
/// it begins.
pub(super) fn part_with<'a>(path: &'a str, beginning: &str) -> Option<&'a str> {
    let parts = path.split('/').flat_map(|part| part.split("--"));
    parts.filter(|part| part.starts_with(beginning)).last()
}

/// The name without what says where in a module it is: `model.layers.5.output` becomes `model.layers.5`. The input of a module stays
/// one, which a model understands where another module gives it.
pub(super) fn without_output(path: &str) -> &str {
    path.strip_suffix(".output").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_say_what_is_in_them() {
        assert_eq!(number_after("a/layer_20/width_16k", "layer_"), Some(20));
        assert_eq!(number_after("layer_3/of/layer_7_width/layer_x", "layer_"), Some(7));
        assert_eq!(number_after("layers", "layer_"), None);
        let cached = "/home/me/hub/models--google--gemma-scope-2b-pt-res/snapshots/0123/layer_20";
        assert_eq!(part_with(cached, "gemma-scope-"), Some("gemma-scope-2b-pt-res"));
        assert_eq!(part_with("google/gemma-scope-2-4b-it/x", "gemma-scope-"), Some("gemma-scope-2-4b-it"));
        assert_eq!(without_output("model.layers.5.output"), "model.layers.5");
        assert_eq!(without_output("model.layers.5.self_attn.o_proj.input"), "model.layers.5.self_attn.o_proj.input");
    }
}
