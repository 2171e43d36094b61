//! Checks that every interpretation makes before it begins.

use crate::concepts::Explainer;
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;

/// The requested concepts; all of them when there is no list.
pub(super) fn checked_concepts(requested: Option<&[usize]>, count: usize) -> Result<Vec<usize>> {
    let Some(requested) = requested else { return Ok((0..count).collect()) };
    if let Some(concept) = requested.iter().find(|&&concept| concept >= count) {
        return Err(Error::argument(format!("there is no concept {concept}: the explainer has {count}"))
            .hint("give indices below the concept count"));
    }
    if requested.is_empty() {
        return Err(Error::argument("the list of concepts is empty").hint("leave the list out to select all concepts"));
    }
    Ok(requested.to_vec())
}

/// The index of the model's split point that the explainer was fitted on.
pub(super) fn split_point_of(explainer: &Explainer, model: &SplitModel) -> Result<usize> {
    let wanted = explainer.provenance().split_point.as_deref();
    let found = match wanted {
        Some(wanted) => model.split_point_at(wanted),
        None if model.split_points().len() == 1 => Some(0),
        None => None,
    };
    found.ok_or_else(|| {
        let name = wanted.map_or_else(|| "rows of no known split point".to_owned(), |wanted| format!("`{wanted}`"));
        let loaded: Vec<&str> = model.split_points().iter().map(|point| point.path.as_str()).collect();
        Error::new(
            ErrorCode::Mismatch,
            format!("the explainer was fitted on {name}, but the model is split at `{}`", loaded.join("`, `")),
        )
        .hint("load the model with that split point")
    })
}
