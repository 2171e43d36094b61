//! Changes to what the modules of a model give, while it runs.

use std::sync::{Mutex, PoisonError};

use super::activations::eidos_activations;
use super::arguments::{Array, Out, Owned, Ref, RefMut, Text, call};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::handle::handle;
use super::status::eidos_status;
use super::strings::product;
use crate::collect::Interventions;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::copied;
use crate::rows::Activations;

/// Interventions change what modules of a model give while it runs: rows are replaced, a direction is added, a concept
/// is ablated or clamped. There may be any number of them, at any modules that a model can be split at; those at one
/// module follow one another in the order in which they were added. They belong to no model: a run looks first whether
/// they fit. Made by `eidos_interventions_new`, freed with `eidos_interventions_free`.
///
/// A run under interventions takes the interventions that are there when it begins. The tokens that `tokens` names,
/// where a call has it, are counted over all texts of the inputs, special ones included, as the rows of
/// `EIDOS_GRANULARITY_ALL_TOKENS` are; a `token_count` of 0 stands for all tokens.
#[allow(non_camel_case_types)]
pub struct eidos_interventions {
    _opaque: [u8; 0],
}

/// Interventions that are added one by one.
#[derive(Default)]
pub struct InterventionsValue(Mutex<Interventions>);

handle!(eidos_interventions, InterventionsValue, 11);

impl InterventionsValue {
    fn add(&self, add: impl FnOnce(Interventions) -> Result<Interventions>) -> Result<()> {
        // A list that a panic left behind is whole: it is replaced at once.
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *list = add(list.clone())?;
        Ok(())
    }

    fn list(&self) -> Interventions {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where a call changes something: the list that it adds to, the module, and its tokens.
struct Place<'a> {
    interventions: &'a InterventionsValue,
    module_path: &'a str,
    /// `None` for all of them.
    tokens: Option<&'a [usize]>,
}

impl<'a> Place<'a> {
    fn of(
        interventions: &'a RefMut<eidos_interventions>,
        module_path: &'a Text,
        tokens: &'a Array<usize>,
        token_count: usize,
    ) -> Result<Self> {
        let interventions = interventions.get()?;
        let module_path = module_path.get("module_path")?;
        let tokens = tokens.of(token_count, "tokens")?;
        Ok(Self { interventions, module_path, tokens: (!tokens.is_empty()).then_some(tokens) })
    }

    fn add(self, add: impl FnOnce(Interventions, &str, Option<&[usize]>) -> Result<Interventions>) -> Result<()> {
        self.interventions.add(|list| add(list, self.module_path, self.tokens))
    }
}

/// The interventions of a call; NULL means none.
pub(super) fn interventions_or_none(interventions: &Ref<eidos_interventions>) -> Result<Interventions> {
    Ok(interventions.optional()?.map(InterventionsValue::list).unwrap_or_default())
}

/// Makes a list of interventions, with none in it. `err` may be NULL.
///
/// # Safety
/// `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_new(
    out: Out<*mut eidos_interventions>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(InterventionsValue::default());
        Ok(())
    })
}

/// Puts rows, which are copied, in the place of what the module at `module_path` gives: one row for each token of the
/// inputs, special ones included, as `eidos_split_model_activations` gives them with `EIDOS_GRANULARITY_ALL_TOKENS`.
/// With those very rows the logits are the same bits as without. A row with a number that is not finite is an error of
/// the run. `err` may be NULL.
///
/// # Safety
/// `interventions` is a live handle; `module_path` is NUL-terminated; `rows` has `row_count * column_count` values.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_replace_rows(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    rows: Array<f32>,
    row_count: usize,
    column_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let interventions = interventions.get()?;
        let path = module_path.get("module_path")?;
        let values = rows.of(product(row_count, column_count)?, "rows")?;
        let values = copied(values).ok_or_else(|| {
            let message = format!("there is no memory for {row_count} rows of {column_count} columns");
            Error::new(ErrorCode::OutOfMemory, message)
                .hint("give them as activations, which are not copied: eidos_interventions_replace_activations")
        })?;
        let rows = Activations::from_rows(values, column_count, None)?;
        interventions.add(|list| Ok(list.replace(path, &rows)))
    })
}

/// Puts the rows of activations in the place of what the module at `module_path` gives, as
/// `eidos_interventions_replace_rows` does, without a copy. Rows on disk are read batch by batch, and no more of them
/// is in memory at a time.
///
/// Activations that know where they come from must be those of that module for these texts, with
/// `EIDOS_GRANULARITY_ALL_TOKENS`: otherwise the run is `EIDOS_MISMATCH`. Of rows that a caller brought
/// (`eidos_activations_from_rows`, `eidos_activations_from_dlpack`) only the shape is known: that is how to put in, on
/// purpose, the rows of another module or of other texts. `err` may be NULL.
///
/// # Safety
/// The handles are live; `module_path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_replace_activations(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    activations: Ref<eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let interventions = interventions.get()?;
        let path = module_path.get("module_path")?;
        let rows = &activations.get()?.activations;
        interventions.add(|list| Ok(list.replace(path, rows)))
    })
}

/// Adds `scale` times `direction`, which has `column_count` values and is copied, to the rows of the module at
/// `module_path`: to those of the `token_count` tokens that `tokens` names, or of all tokens. `err` may be NULL.
///
/// # Safety
/// `interventions` is a live handle; `module_path` is NUL-terminated; `direction` has `column_count` values and
/// `tokens` `token_count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_add_direction(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    direction: Array<f32>,
    column_count: usize,
    scale: f32,
    tokens: Array<usize>,
    token_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let place = Place::of(&interventions, &module_path, &tokens, token_count)?;
        let direction = direction.of(column_count, "direction")?;
        place.add(|list, path, tokens| list.add(path, direction, scale, tokens))
    })
}

/// Takes a concept of an explainer out of the rows of the module at `module_path`: subtracts its activation times its
/// row of the dictionary, from the rows of the `token_count` tokens that `tokens` names, or of all tokens. `err` may be
/// NULL.
///
/// # Safety
/// The handles are live; `module_path` is NUL-terminated; `tokens` has `token_count` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_ablate_concept(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    explainer: Ref<eidos_explainer>,
    concept_index: usize,
    tokens: Array<usize>,
    token_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let place = Place::of(&interventions, &module_path, &tokens, token_count)?;
        let explainer = &explainer.get()?.explainer;
        place.add(|list, path, tokens| list.ablate(path, explainer, concept_index, tokens))
    })
}

/// Lets a concept of an explainer have the activation `value` in the rows of the module at `module_path`: adds what is
/// missing of it times its row of the dictionary, to the rows of the `token_count` tokens that `tokens` names, or of
/// all tokens. `err` may be NULL.
///
/// # Safety
/// The handles are live; `module_path` is NUL-terminated; `tokens` has `token_count` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_clamp_concept(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    explainer: Ref<eidos_explainer>,
    concept_index: usize,
    value: f32,
    tokens: Array<usize>,
    token_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let place = Place::of(&interventions, &module_path, &tokens, token_count)?;
        let explainer = &explainer.get()?.explainer;
        place.add(|list, path, tokens| list.clamp(path, explainer, concept_index, value, tokens))
    })
}

/// Puts what an explainer reconstructs of the rows of the module at `module_path` in their place, for the `token_count` tokens that
/// `tokens` names, or for all tokens: how much worse the model becomes says what the concepts miss. `EIDOS_UNSUPPORTED` for an
/// explainer that cannot decode, or a transcoder. `err` may be NULL.
///
/// # Safety
/// The handles are live; `module_path` is NUL-terminated; `tokens` has `token_count` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_reconstruct(
    interventions: RefMut<eidos_interventions>,
    module_path: Text,
    explainer: Ref<eidos_explainer>,
    tokens: Array<usize>,
    token_count: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let place = Place::of(&interventions, &module_path, &tokens, token_count)?;
        let explainer = &explainer.get()?.explainer;
        place.add(|list, path, tokens| list.reconstruct(path, explainer, tokens))
    })
}

/// Counts the interventions of a list.
///
/// # Safety
/// `interventions` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_count(interventions: Ref<eidos_interventions>) -> usize {
    interventions.read(0, |value| value.list().len())
}

/// Makes one more handle of the same interventions, for another owner, who frees it. What is added to one is there in
/// all of them. `err` may be NULL.
///
/// # Safety
/// `interventions` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_retain(
    interventions: Ref<eidos_interventions>,
    out: Out<*mut eidos_interventions>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || interventions.share(out))
}

/// Frees interventions; NULL is fine. A run that uses them goes on.
///
/// # Safety
/// `interventions` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interventions_free(interventions: Owned<eidos_interventions>) {
    interventions.free();
}
