//! Which rows each step of a training reads: blocks in a random order, shuffled together, and cut into batches.
//!
//! All of it follows from the seed and the number of the step, so that a training can go on where it stopped.

use std::ops::Range;

use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{RandomState, check_finite};
use crate::memory::filled;
use crate::rows::Rows;

/// How many consecutive rows are read together: neighbouring rows are alike, and go to the same side when rows are held out.
pub(super) const BLOCK: usize = 64;

/// The blocks of rows to train on and those that are held out, and how those to train on become batches.
pub(super) struct Schedule {
    row_count: usize,
    training: Vec<u32>,
    held_out: Vec<u32>,
    /// How many blocks are shuffled together.
    window: usize,
    batch_rows: usize,
    seed: u32,
}

/// A place in the order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    epoch: usize,
    window: usize,
    batch: usize,
}

impl Schedule {
    pub(super) fn new(
        row_count: usize,
        held_out: f64,
        batch_rows: usize,
        shuffled_rows: usize,
        seed: u32,
    ) -> Result<Self> {
        let blocks = u32::try_from(row_count.div_ceil(BLOCK))
            .map_err(|_| Error::argument(format!("{row_count} rows are too many")).hint("train on fewer rows"))?;
        let mut training: Vec<u32> = (0..blocks).collect();
        RandomState::new(seed).shuffle(&mut training);
        let held = ((f64::from(blocks) * held_out).ceil() as usize).min(training.len().saturating_sub(1));
        let mut held_out = training.split_off(training.len() - held);
        held_out.sort_unstable();
        training.sort_unstable();
        let window = shuffled_rows.max(batch_rows).div_ceil(BLOCK).min(training.len());
        let mut schedule = Self { row_count, training, held_out, window, batch_rows, seed };
        let smallest = schedule.rows_of(&schedule.training);
        schedule.batch_rows = batch_rows.min(smallest);
        if schedule.batch_rows == 0 {
            return Err(Error::argument("there are no rows to train on").hint("give the activations of some texts"));
        }
        Ok(schedule)
    }

    /// How many rows a batch has.
    pub(super) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// The blocks that are held out.
    pub(super) fn held_out(&self) -> &[u32] {
        &self.held_out
    }

    /// The blocks to train on.
    pub(super) fn training(&self) -> &[u32] {
        &self.training
    }

    /// How many rows some blocks have.
    pub(super) fn rows_of(&self, blocks: &[u32]) -> usize {
        blocks.iter().map(|&block| self.block_rows(block)).sum()
    }

    fn block_rows(&self, block: u32) -> usize {
        BLOCK.min(self.row_count - block as usize * BLOCK)
    }

    /// The blocks to train on, in the order of an epoch.
    fn order(&self, epoch: usize) -> Vec<u32> {
        let mut order = self.training.clone();
        RandomState::new(mixed(self.seed, epoch, 0)).shuffle(&mut order);
        order
    }

    /// The windows of an epoch: blocks that are shuffled together. The last one has what is left, too.
    fn windows<'a>(&self, order: &'a [u32]) -> Vec<&'a [u32]> {
        let count = (order.len() / self.window).max(1);
        let end = |index: usize| if index + 1 == count { order.len() } else { (index + 1) * self.window };
        (0..count).map(|index| &order[index * self.window..end(index)]).collect()
    }

    /// The batches of each window of an epoch. The last block of the rows may be short, so they depend on the epoch.
    fn batches(&self, order: &[u32]) -> Vec<usize> {
        self.windows(order).iter().map(|window| self.rows_of(window) / self.batch_rows).collect()
    }

    fn place(&self, mut step: usize) -> (Place, Vec<u32>) {
        let mut epoch = 0;
        loop {
            let order = self.order(epoch);
            for (window, batches) in self.batches(&order).into_iter().enumerate() {
                if step < batches {
                    return (Place { epoch, window, batch: step }, order);
                }
                step -= batches;
            }
            epoch += 1;
        }
    }
}

/// A seed for a part of the order: different for each epoch and window.
fn mixed(seed: u32, epoch: usize, part: usize) -> u32 {
    // The steps of SplitMix64, which spreads what differs by one over all bits.
    let mut state = u64::from(seed) ^ (epoch as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((part as u64) << 40);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)) as u32
}

/// What reads the batches one after the other.
pub(super) struct Batches<'a> {
    schedule: &'a Schedule,
    place: Place,
    order: Vec<u32>,
    /// How many batches each window of the epoch has.
    counts: Vec<usize>,
    /// The rows that are shuffled together, those of a transcoder's output that go with them, and their order.
    rows: WindowOf<'a>,
    targets: Option<WindowOf<'a>>,
    shuffled: Vec<u32>,
    /// The blocks that were read.
    loaded: Vec<u32>,
}

/// The rows of a source that are shuffled together.
struct WindowOf<'a> {
    source: &'a dyn Rows,
    values: Vec<f32>,
}

impl<'a> WindowOf<'a> {
    fn new(source: &'a dyn Rows, schedule: &Schedule) -> Result<Self> {
        let most = (2 * schedule.window).min(schedule.training.len()) * BLOCK;
        let length = most.checked_mul(source.column_count());
        let values = length.and_then(|length| filled(0.0, length)).ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory to shuffle {most} rows together"))
                .hint("shuffle fewer rows together")
        })?;
        Ok(Self { source, values })
    }

    /// Copies the rows at some places.
    fn copy(&self, places: &[u32], batch: &mut [f32]) {
        let columns = self.source.column_count();
        for (row, &place) in batch.chunks_exact_mut(columns).zip(places) {
            row.copy_from_slice(&self.values[place as usize * columns..][..columns]);
        }
    }
}

impl<'a> Batches<'a> {
    /// Begins at a step.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`] where the rows that are shuffled together do not fit.
    pub(super) fn new(
        rows: &'a dyn Rows,
        targets: Option<&'a dyn Rows>,
        schedule: &'a Schedule,
        step: usize,
    ) -> Result<Self> {
        let (place, order) = schedule.place(step);
        let counts = schedule.batches(&order);
        let targets = targets.map(|targets| WindowOf::new(targets, schedule)).transpose()?;
        let rows = WindowOf::new(rows, schedule)?;
        Ok(Self { schedule, place, order, counts, rows, targets, shuffled: Vec::new(), loaded: Vec::new() })
    }

    /// Whether the rows of the next batch were read.
    pub(super) fn is_read(&self) -> bool {
        !self.shuffled.is_empty()
    }

    /// Reads the rows of the next batches, where they were not read.
    pub(super) fn read(&mut self) -> Result<()> {
        if self.is_read() { Ok(()) } else { self.load() }
    }

    /// Reads the next batch into `batch`, and what its rows are to become into `wanted`, where that is something else.
    pub(super) fn next(&mut self, batch: &mut [f32], wanted: &mut [f32]) -> Result<()> {
        self.read()?;
        let first = self.place.batch * self.schedule.batch_rows;
        let places = &self.shuffled[first..first + self.schedule.batch_rows];
        self.rows.copy(places, batch);
        if let Some(targets) = &self.targets {
            targets.copy(places, wanted);
        }
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        self.place.batch += 1;
        while self.place.batch >= self.counts[self.place.window] {
            self.place.batch = 0;
            self.place.window += 1;
            self.shuffled.clear();
            if self.place.window == self.counts.len() {
                self.place = Place { epoch: self.place.epoch + 1, window: 0, batch: 0 };
                self.order = self.schedule.order(self.place.epoch);
                self.counts = self.schedule.batches(&self.order);
            }
        }
    }

    /// Reads and shuffles the rows of the window at the place.
    fn load(&mut self) -> Result<()> {
        let windows = self.schedule.windows(&self.order);
        let mut blocks = windows[self.place.window].to_vec();
        // In the order of the rows, as a disk likes to read them; all of them in memory need not be read again.
        blocks.sort_unstable();
        if blocks != self.loaded {
            self.loaded.clear();
            for window in std::iter::once(&mut self.rows).chain(&mut self.targets) {
                read_blocks(window.source, self.schedule, &blocks, &mut window.values)?;
            }
            self.loaded = blocks;
        }
        let count = self.schedule.rows_of(&self.loaded);
        self.shuffled.extend(0..count as u32);
        RandomState::new(mixed(self.schedule.seed, self.place.epoch, self.place.window + 1))
            .shuffle(&mut self.shuffled);
        Ok(())
    }
}

/// Reads blocks of rows, one after the other; returns how many rows they are.
///
/// # Errors
/// [`ErrorCode::InvalidData`] naming the row and the column of a value that is not finite.
pub(super) fn read_blocks(rows: &dyn Rows, schedule: &Schedule, blocks: &[u32], out: &mut [f32]) -> Result<usize> {
    let columns = rows.column_count();
    let rows_of = |&block: &u32| {
        let first = block as usize * BLOCK;
        first..first + schedule.block_rows(block)
    };
    let ranges: Vec<Range<usize>> = blocks.iter().map(rows_of).collect();
    rows.gather(&ranges, out)?;
    let mut count = 0;
    for range in ranges {
        check_finite(&out[count * columns..][..range.len() * columns], columns, range.start)?;
        count += range.len();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::RowSlice;

    #[test]
    fn an_epoch_reads_each_row_once_and_no_row_that_is_held_out() {
        // Rows that are their own numbers, with a short last block, in windows of one to all blocks.
        for (count, batch, shuffled) in [(1000, 50, 1 << 16), (1000, 50, 200), (130, 200, 64), (10, 3, 1)] {
            let values: Vec<f32> = (0..count).map(|row| row as f32).collect();
            let rows = RowSlice::new(&values, 1).unwrap();
            let schedule = Schedule::new(count, 0.2, batch, shuffled, 7).unwrap();
            let held: Vec<usize> = schedule
                .held_out()
                .iter()
                .flat_map(|&block| block as usize * BLOCK..count.min((block as usize + 1) * BLOCK))
                .collect();
            let training = schedule.rows_of(schedule.training());
            assert_eq!(training + held.len(), count);
            let mut batches = Batches::new(&rows, None, &schedule, 0).unwrap();
            let steps: usize = schedule.batches(&schedule.order(0)).iter().sum();
            let (mut seen, mut batch) = (vec![0; count], vec![0.0; schedule.batch_rows()]);
            let others: Vec<f32> = values.iter().map(|value| -value).collect();
            let others = RowSlice::new(&others, 1).unwrap();
            let mut first = Vec::new();
            for step in 0..steps {
                // A training that goes on at a step reads the same, and what goes with it.
                let (mut again, mut beside) = (vec![0.0; batch.len()], vec![0.0; batch.len()]);
                Batches::new(&rows, Some(&others), &schedule, step).unwrap().next(&mut again, &mut beside).unwrap();
                batches.next(&mut batch, &mut []).unwrap();
                assert_eq!(batch, again, "step {step}");
                beside.iter_mut().for_each(|value| *value = -*value);
                assert_eq!(batch, beside, "step {step}");
                batch.iter().for_each(|row| seen[*row as usize] += 1);
                first.extend_from_slice(&batch);
            }
            assert!(seen.iter().all(|times| *times < 2) && held.iter().all(|&row| seen[row] == 0));
            assert!(
                seen.iter().sum::<usize>() + schedule.batch_rows() * schedule.batches(&schedule.order(0)).len()
                    > training
            );
            let mut second = vec![0.0; batch.len()];
            batches.next(&mut second, &mut []).unwrap();
            assert!(second != first[..second.len()] || second.len() < 4, "the next epoch is in another order");
        }
        assert!(Schedule::new(0, 0.1, 10, 10, 0).is_err());
    }
}
