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
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| lengths[index]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0_usize;
    for index in order {
        let with_it = tokens.saturating_add(lengths[index]);
        match batches.last_mut() {
            Some(batch) if with_it <= token_budget => {
                batch.push(index);
                tokens = with_it;
            }
            _ => {
                batches.push(vec![index]);
                tokens = lengths[index];
            }
        }
    }
    batches
}
