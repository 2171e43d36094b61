//! Batches without padding.

/// Puts texts into batches of at most `token_budget` tokens: sorted by length (stable, the shortest first) and
/// packed one after the other, nothing padded. A text longer than the budget is a batch of its own.
///
/// Returns the batches as lists of indices into `lengths`; every index is in exactly one batch. Which batch a text
/// is in does not change its activations, only how fast they come: texts of equal length lie side by side.
///
/// ```
/// use eidos::model::plan_batches;
/// assert_eq!(plan_batches(&[5, 2, 9, 2], 9), vec![vec![1, 3, 0], vec![2]]);
/// ```
pub fn plan_batches(lengths: &[usize], token_budget: usize) -> Vec<Vec<usize>> {
    plan_sharing(lengths, 0, token_budget)
}

/// How many budgets of tokens a batch has at most, whose texts begin with the same: each has keys and values of its own for these.
const MOST_SHARED: usize = 8;

/// The same for texts that all begin with the same `shared` tokens, which run once in each batch: the budget is for the others.
pub(crate) fn plan_sharing(lengths: &[usize], shared: usize, token_budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| lengths[index]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let (mut own, mut all) = (0_usize, 0_usize);
    for index in order {
        let length = lengths[index];
        own = own.saturating_add(length.saturating_sub(shared));
        all = all.saturating_add(length);
        match batches.last_mut() {
            Some(batch) if own <= token_budget && all <= token_budget.saturating_mul(MOST_SHARED) => batch.push(index),
            _ => {
                batches.push(vec![index]);
                (own, all) = (length.saturating_sub(shared), length);
            }
        }
    }
    batches
}
