//! How the examples of a concept are sampled from its rows.

use crate::linalg::RandomState;

/// How examples are sampled from the rows that excite a concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Sampling {
    /// The strongest rows.
    #[default]
    Top = 1,
    /// Random rows, all equally likely.
    Random = 2,
    /// Random rows, equally many from each quantile of strength: they also show the concept at its weakest.
    Quantile = 3,
}

impl Sampling {
    /// Chooses `count` of the `rows`, which are sorted by strength, and keeps their order. Returns all of them where
    /// there are fewer.
    pub(super) fn choose(self, rows: &[usize], count: usize, quantiles: usize, random: &mut RandomState) -> Vec<usize> {
        if rows.len() <= count {
            return rows.to_vec();
        }
        let mut chosen = match self {
            Self::Top => (0..count).collect(),
            Self::Random => some_of(0..rows.len(), count, random),
            Self::Quantile => of_each_quantile(rows.len(), count, quantiles.clamp(1, count), random),
        };
        chosen.sort_unstable();
        chosen.into_iter().map(|index| rows[index]).collect()
    }
}

/// `count` distinct numbers of a range, at random.
fn some_of(range: std::ops::Range<usize>, count: usize, random: &mut RandomState) -> Vec<usize> {
    let mut all: Vec<usize> = range.collect();
    random.shuffle(&mut all);
    all.truncate(count);
    all
}

/// Cuts `0..total` into `quantiles` ranges of equal length and takes equally many from each, with the remainder from
/// the first ones. A range that is too short gives all it has, and the next one gives more.
fn of_each_quantile(total: usize, count: usize, quantiles: usize, random: &mut RandomState) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(count);
    for quantile in 0..quantiles {
        let run = total * quantile / quantiles..total * (quantile + 1) / quantiles;
        let wanted = (count * (quantile + 1)).div_ceil(quantiles) - chosen.len();
        chosen.extend(some_of(run, wanted, random));
    }
    // The last ranges were too short: fill up with the strongest of the rest.
    let mut free = vec![true; total];
    chosen.iter().for_each(|&index| free[index] = false);
    let missing = count - chosen.len();
    chosen.extend((0..total).filter(|&index| free[index]).take(missing));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the Python peer, sorted: units 1 6 3 7 5 8 excite the concept.
    const ROWS: [usize; 6] = [1, 6, 3, 7, 5, 8];

    #[test]
    fn the_strongest_come_first_and_there_are_never_more_than_there_are() {
        let mut random = RandomState::new(0);
        assert_eq!(Sampling::Top.choose(&ROWS, 4, 5, &mut random), [1, 6, 3, 7]);
        for sampling in [Sampling::Top, Sampling::Random, Sampling::Quantile] {
            assert_eq!(sampling.choose(&ROWS, 30, 5, &mut random), ROWS);
            assert_eq!(sampling.choose(&[], 30, 5, &mut random), Vec::<usize>::new());
        }
    }

    #[test]
    fn random_rows_depend_on_the_seed_only_and_all_come_up() {
        let rows: Vec<usize> = (0..100).collect();
        let choose = |seed: u32| Sampling::Random.choose(&rows, 10, 5, &mut RandomState::new(seed));
        assert_eq!(choose(3), choose(3));
        assert_ne!(choose(3), choose(4));
        let mut seen: Vec<usize> = (0..200).flat_map(choose).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, rows);
    }

    #[test]
    fn nearly_all_of_many_rows_are_chosen_at_once() {
        let rows: Vec<usize> = (0..400_000).collect();
        let start = std::time::Instant::now();
        for quantiles in [7, 399_999, usize::MAX] {
            let chosen = Sampling::Quantile.choose(&rows, rows.len() - 1, quantiles, &mut RandomState::new(1));
            assert_eq!(chosen.len(), rows.len() - 1);
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    }

    #[test]
    fn each_quantile_gives_equally_many() {
        let rows: Vec<usize> = (0..103).collect();
        for seed in 0..20 {
            let chosen = Sampling::Quantile.choose(&rows, 10, 5, &mut RandomState::new(seed));
            assert!(chosen.is_sorted() && chosen.len() == 10);
            for quantile in 0..5 {
                let run = 103 * quantile / 5..103 * (quantile + 1) / 5;
                assert_eq!(chosen.iter().filter(|&row| run.contains(row)).count(), 2, "{chosen:?}");
            }
        }
        for total in 2..30 {
            for count in 1..total {
                for quantiles in 1..9 {
                    let rows: Vec<usize> = (0..total).collect();
                    let mut chosen = Sampling::Quantile.choose(&rows, count, quantiles, &mut RandomState::new(1));
                    assert_eq!(chosen.len(), count, "{total} {count} {quantiles}");
                    chosen.dedup();
                    assert_eq!(chosen.len(), count, "no row twice");
                }
            }
        }
    }
}
