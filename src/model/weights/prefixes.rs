//! Names of tensors that a training program has changed: `module.`, `_orig_mod.`, `base_model.model.`, the attribute of a
//! class around the model.
//!
//! Only names that are not found as they are get another chance, and only where one prefix explains them: a file of two
//! models is not read by guessing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::error::{Error, ErrorCode, Result, shown};

/// What programs put into names for a module that is wrapped there.
const WRAPPERS: [&str; 4] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"];

/// The parts of tensors of LoRA that were not merged.
const ADAPTERS: [&str; 3] = [".lora_A.", ".lora_embedding_A", ".base_layer."];

/// Which parameters a prefix explains, and the names of their tensors: the one that is asked for, and the one in the file.
type Explained = (BTreeSet<usize>, Vec<(String, String)>);

/// The tensors that are found under other names: the name that is asked for, and the one in the file.
///
/// `names` are those of the file, and `wanted` the names under which each parameter may lie.
///
/// # Errors
/// [`ErrorCode::Unsupported`] for adapters that were not merged; [`ErrorCode::InvalidFile`] where several prefixes
/// explain the same parameters.
pub(super) fn aliases(names: &[&str], wanted: &[Vec<String>]) -> Result<Vec<(String, String)>> {
    if let Some(name) = names.iter().find(|name| ADAPTERS.iter().any(|part| name.contains(part))) {
        return Err(Error::new(
            ErrorCode::Unsupported,
            format!("the weights are those of a LoRA adapter that was not merged: they have `{}`", shown(name)),
        )
        .hint("merge it in Python, `model.merge_and_unload().save_pretrained(folder)`, and give the folder")
        .detail("tensor", shown(name)));
    }
    let present: HashSet<&str> = names.iter().copied().collect();
    let mut lacking: BTreeSet<usize> = BTreeSet::new();
    let mut parameters: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, places) in wanted.iter().enumerate() {
        if places.iter().any(|place| present.contains(place.as_str())) {
            continue;
        }
        lacking.insert(index);
        places.iter().for_each(|place| parameters.entry(place).or_default().push(index));
    }
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    // By prefix: which parameters it explains, and with which tensors.
    let mut found: BTreeMap<String, Explained> = BTreeMap::new();
    for name in names {
        let plain = unwrapped(name);
        let ends = std::iter::once(0).chain(plain.match_indices('.').map(|(at, _)| at + 1));
        for start in ends {
            let Some(explained) = parameters.get(&plain[start..]) else { continue };
            let (all, tensors) = found.entry(plain[..start].to_owned()).or_default();
            all.extend(explained);
            tensors.push((plain[start..].to_owned(), (*name).to_owned()));
        }
    }
    let most = found.values().map(|(explained, _)| explained.len()).max().unwrap_or(0);
    let mut best = found.into_iter().filter(|(_, (explained, _))| explained.len() == most && most > 0);
    let Some((prefix, (_, tensors))) = best.next() else { return Ok(Vec::new()) };
    // A base model's own prefix may be counted as part of this one: the tensors are the same ones.
    let of_file = |tensors: &[(String, String)]| tensors.iter().map(|(_, name)| name.clone()).collect::<BTreeSet<_>>();
    let same = of_file(&tensors);
    if let Some((other, _)) = best.find(|(_, (_, tensors))| of_file(tensors) != same) {
        let (first, other) = (shown(&prefix), shown(&other));
        return Err(Error::new(
            ErrorCode::InvalidFile,
            format!("the weights hold the model twice, under `{first}` and under `{other}`"),
        )
        .hint("write the tensors of one of them into a file of their own"));
    }
    Ok(tensors)
}

/// A name without the steps that wrappers add.
fn unwrapped(name: &str) -> String {
    if !WRAPPERS.iter().any(|wrapper| name.contains(wrapper)) {
        return name.to_owned();
    }
    let steps: Vec<&str> = name.split('.').filter(|step| !WRAPPERS.contains(step)).collect();
    steps.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Vec<Vec<String>> {
        ["layers.0.w", "layers.1.w"]
            .map(|name| vec![format!("model.{name}"), name.to_owned()])
            .into_iter()
            .chain([vec!["lm_head.weight".to_owned()]])
            .collect()
    }

    fn found(names: &[&str]) -> Result<BTreeSet<String>> {
        let found = aliases(names, &wanted())?;
        assert!(found.iter().all(|(_, name)| names.contains(&name.as_str())));
        Ok(found.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn one_prefix_is_understood() {
        let inner = ["model.layers.0.w", "model.layers.1.w", "lm_head.weight"];
        for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "base_model.model.", "policy.net."] {
            let names = inner.map(|name| format!("{prefix}{name}"));
            let found = found(&names.each_ref().map(String::as_str)).unwrap();
            assert!(found.contains("lm_head.weight") && found.len() >= 3, "{prefix}: {found:?}");
        }
        let within = ["model.layers.0._orig_mod.w", "model.layers.1._fsdp_wrapped_module.w", "lm_head.weight"];
        assert_eq!(found(&within).unwrap().len(), 3 - 1);
        assert!(found(&inner).unwrap().is_empty(), "nothing is looked for where everything is there");
        assert!(found(&["a", "b.c", "layers.2.w"]).unwrap().is_empty());
    }

    #[test]
    fn two_models_and_adapters_are_not_guessed() {
        let error = found(&["query.layers.0.w", "query.layers.1.w", "key.layers.0.w", "key.layers.1.w"]).unwrap_err();
        assert!(error.message().contains("`key.`") && error.message().contains("`query.`"), "{error}");
        // A part of another model is not the model.
        let names = ["student.layers.0.w", "student.layers.1.w", "teacher.layers.0.w"];
        assert_eq!(aliases(&names, &wanted()).unwrap().len(), 2);
        let error = found(&["layers.0.base_layer.w", "layers.0.lora_A.default.weight"]).unwrap_err();
        assert!(error.code() == ErrorCode::Unsupported && error.hint_text().contains("merge_and_unload"), "{error}");
    }
}
