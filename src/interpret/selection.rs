//! What every interpretation checks before it begins.

use crate::concepts::Explainer;
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;

/// The concepts that are asked for; all when no list is given.
pub(super) fn checked_concepts(asked: Option<&[usize]>, count: usize) -> Result<Vec<usize>> {
    let Some(asked) = asked else { return Ok((0..count).collect()) };
    if let Some(concept) = asked.iter().find(|&&concept| concept >= count) {
        return Err(Error::argument(format!("there is no concept {concept}: the explainer has {count}"))
            .hint("ask for concepts below the concept count"));
    }
    if asked.is_empty() {
        return Err(
            Error::argument("an empty list of concepts was asked for").hint("leave the list out to ask for all")
        );
    }
    Ok(asked.to_vec())
}

/// Rows of another width are of another model or split point.
pub(super) fn check_width(explainer: &Explainer, found: usize) -> Result<()> {
    let wanted = explainer.input_width();
    if wanted == found {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Mismatch,
        format!("the explainer reads rows of {wanted} columns, but these have {found}"),
    )
    .hint("use activations of the model and split point that the explainer was fitted on"))
}

/// Which of the model's split points the explainer was fitted on.
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
